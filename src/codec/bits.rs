//! Sets of users in one chunk: roaring's three containers in the portable layout, and plain bits.

/// One chunk as bits: word `w`, bit `b` is the user `w * 64 + b` of the chunk. 8 KiB: it fits in L1.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) [u64; 1_024]);

/// How a container is laid out. Codes are those of the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ContainerKind {
    /// Sorted `u16`, little-endian, at most 4,096 of them.
    Array = 0,
    /// 1,024 words of 64 bits, little-endian.
    Bitmap = 1,
    /// `u16` count of runs, then (start, length - 1) pairs of `u16`.
    Runs = 2,
}

/// A container's bytes, checked to be of their kind and count, read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'a> {
    kind: ContainerKind,
    cardinality: u32,
    bytes: &'a [u8],
}

impl Bits {
    pub(crate) const EMPTY: Bits = Bits([0; 1_024]);
    pub(crate) fn insert(&mut self, low: u16) {
        self.0[usize::from(low >> 6)] |= 1 << (low & 63);
    }
    pub(crate) fn contains(&self, low: u16) -> bool {
        self.0[usize::from(low >> 6)] >> (low & 63) & 1 == 1
    }
    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|w| w.count_ones()).sum()
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().zip(0u16..).flat_map(|(&word, w)| {
            std::iter::successors((word != 0).then_some(word), |x| {
                Some(x & (x - 1)).filter(|x| *x != 0)
            })
            .map(move |x| (w << 6) | x.trailing_zeros() as u16)
        })
    }
}

impl<'a> Container<'a> {
    /// Appends the smallest container that holds these sorted, distinct values; answers its kind.
    pub(crate) fn encode(_sorted: &[u16], _out: &mut Vec<u8>) -> ContainerKind {
        todo!()
    }
    /// Checks kind, length against cardinality, order of values or runs, so that later reads cannot fail.
    /// (A bitmap's own count of bits is compared with the cardinality.)
    pub(crate) fn parse(
        _kind: u8,
        _cardinality: u32,
        _bytes: &'a [u8],
    ) -> Result<Container<'a>, String> {
        todo!()
    }
    pub(crate) fn kind(&self) -> ContainerKind {
        self.kind
    }
    pub(crate) fn cardinality(&self) -> u32 {
        self.cardinality
    }
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
    /// ORs the container into `bits`.
    pub(crate) fn or_into(&self, _bits: &mut Bits) {
        todo!()
    }
    pub(crate) fn for_each(&self, _visit: impl FnMut(u16)) {
        todo!()
    }
}

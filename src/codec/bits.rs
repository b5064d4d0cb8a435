//! Sets of users in one chunk: roaring's three containers in the portable layout, and plain bits.

use super::level::vectorized;

/// One chunk as bits: word `w`, bit `b` is the user `w * 64 + b` of the chunk. 8 KiB: it fits in
/// L1, and vectors of words do not cross its lines.
#[derive(Clone, PartialEq, Eq)]
#[repr(align(64))]
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

/// Values of the largest array; beyond it a bitmap is smaller.
pub(crate) const ARRAY_MAX: usize = 4_096;
/// Bytes of a bitmap.
pub(crate) const BITMAP_BYTES: usize = 8_192;

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
    pub(crate) fn remove(&mut self, low: u16) {
        self.0[usize::from(low >> 6)] &= !(1 << (low & 63));
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

    /// Inserts `first..=last`.
    pub(crate) fn insert_range(&mut self, first: u16, last: u16) {
        let (from, to) = (usize::from(first >> 6), usize::from(last >> 6));
        if first > last {
            return;
        }
        let (head, tail) = (u64::MAX << (first & 63), u64::MAX >> (63 - (last & 63)));
        if from == to {
            self.0[from] |= head & tail;
            return;
        }
        self.0[from] |= head;
        self.0[from + 1..to].fill(u64::MAX);
        self.0[to] |= tail;
    }
}

impl TryFrom<u8> for ContainerKind {
    type Error = String;

    fn try_from(code: u8) -> Result<ContainerKind, String> {
        match code {
            0 => Ok(ContainerKind::Array),
            1 => Ok(ContainerKind::Bitmap),
            2 => Ok(ContainerKind::Runs),
            _ => Err(format!("unknown container kind {code}")),
        }
    }
}

/// The kind for so many values in so many runs. Runs are slower to scan than bits, so they must
/// save more than half of the bytes.
fn best_kind(cardinality: usize, runs: usize) -> ContainerKind {
    let plain = (2 * cardinality).min(BITMAP_BYTES);
    match () {
        () if 2 * (2 + 4 * runs) < plain => ContainerKind::Runs,
        () if cardinality <= ARRAY_MAX => ContainerKind::Array,
        () => ContainerKind::Bitmap,
    }
}

/// Appends (start, length - 1) pairs of the runs among sorted values, after their count.
fn encode_runs(sorted: impl Iterator<Item = u16>, out: &mut Vec<u8>) {
    let count_at = out.len();
    out.extend([0; 2]);
    let mut run: Option<(u16, u16)> = None;
    let mut count = 0u16;
    let mut close = |run: Option<(u16, u16)>, out: &mut Vec<u8>| {
        if let Some((first, last)) = run {
            out.extend(first.to_le_bytes());
            out.extend((last - first).to_le_bytes());
            count += 1;
        }
    };
    for value in sorted {
        run = match run {
            Some((first, last)) if last.checked_add(1) == Some(value) => Some((first, value)),
            ended => {
                close(ended, out);
                Some((value, value))
            }
        };
    }
    close(run, out);
    out[count_at..count_at + 2].copy_from_slice(&count.to_le_bytes());
}

fn extend_words(words: &[u64], out: &mut Vec<u8>) {
    out.reserve(8 * words.len());
    for word in words {
        out.extend(word.to_le_bytes());
    }
}

/// A container's values: sorted, as words of bits, or as first values and lengths less one.
pub(super) enum Shape<'a, R> {
    Array(&'a [[u8; 2]]),
    Bitmap(&'a [[u8; 8]]),
    Runs(R),
}

impl<'a> Container<'a> {
    /// Appends the smallest container that holds these sorted, distinct values; answers its kind.
    /// Runs are taken only where they save more than half, since scans are faster without.
    pub(crate) fn encode(sorted: &[u16], out: &mut Vec<u8>) -> ContainerKind {
        let breaks = sorted.windows(2).filter(|pair| pair[0].checked_add(1) != Some(pair[1]));
        let kind = best_kind(sorted.len(), breaks.count() + usize::from(!sorted.is_empty()));
        match kind {
            ContainerKind::Runs => encode_runs(sorted.iter().copied(), out),
            ContainerKind::Array => out.extend(sorted.iter().flat_map(|low| low.to_le_bytes())),
            ContainerKind::Bitmap => {
                let mut bits = Bits::EMPTY;
                sorted.iter().for_each(|&low| bits.insert(low));
                extend_words(&bits.0, out);
            }
        }
        kind
    }

    /// Checks kind, length against cardinality, order of values or runs, so that later reads cannot
    /// fail. (A bitmap's own count of bits is compared with the cardinality.)
    pub(crate) fn parse(
        kind: u8,
        cardinality: u32,
        bytes: &'a [u8],
    ) -> Result<Container<'a>, String> {
        let container = Container::shaped(kind, cardinality, bytes)?;
        match container.kind {
            ContainerKind::Array => container.check_array()?,
            ContainerKind::Bitmap => container.check_bitmap()?,
            ContainerKind::Runs => container.check_runs()?,
        }
        Ok(container)
    }

    /// Checks kind and length only: for bytes that `parse` has accepted before. Reads of others
    /// stay within bounds too, but their values may repeat or be out of order.
    pub(crate) fn shaped(
        kind: u8,
        cardinality: u32,
        bytes: &'a [u8],
    ) -> Result<Container<'a>, String> {
        let kind = ContainerKind::try_from(kind)?;
        let count = cardinality as usize;
        if count == 0 || count > 1 << 16 {
            return Err(format!("a container of {count} values"));
        }
        let length = match kind {
            ContainerKind::Array if count > ARRAY_MAX => {
                return Err(format!("an array of {count} values"));
            }
            ContainerKind::Array => 2 * count,
            ContainerKind::Bitmap => BITMAP_BYTES,
            ContainerKind::Runs => 2 + 4 * usize::from(run_count(bytes)),
        };
        if bytes.len() != length {
            return Err(format!("{kind:?} of {count} values in {} bytes", bytes.len()));
        }
        Ok(Container { kind, cardinality, bytes })
    }

    fn check_array(&self) -> Result<(), String> {
        let values = self.values();
        let sorted = values.windows(2).all(|p| u16::from_le_bytes(p[0]) < u16::from_le_bytes(p[1]));
        if sorted { Ok(()) } else { Err("an array out of order".to_string()) }
    }

    fn check_bitmap(&self) -> Result<(), String> {
        let count: u32 = self.words().iter().map(|w| u64::from_le_bytes(*w).count_ones()).sum();
        if count == self.cardinality {
            return Ok(());
        }
        Err(format!("a bitmap of {count} values where {} are told", self.cardinality))
    }

    fn check_runs(&self) -> Result<(), String> {
        let (mut next, mut count) = (0u32, 0);
        for (first, more) in self.runs() {
            let (first, more) = (u32::from(first), u32::from(more));
            if first < next || first + more > 0xffff {
                return Err("runs out of order".to_string());
            }
            next = first + more + 2; // neighbours would be one run
            count += more + 1;
        }
        if count == self.cardinality {
            return Ok(());
        }
        Err(format!("runs of {count} values where {} are told", self.cardinality))
    }

    /// The values of an array.
    fn values(&self) -> &'a [[u8; 2]] {
        self.bytes.as_chunks().0
    }

    /// The words of a bitmap.
    fn words(&self) -> &'a [[u8; 8]] {
        self.bytes.as_chunks().0
    }

    /// First value and count of further values of each run.
    fn runs(&self) -> impl Iterator<Item = (u16, u16)> + 'a {
        let pairs: &'a [[u8; 4]] = self.bytes.get(2..).unwrap_or_default().as_chunks().0;
        pairs.iter().map(|p| (u16::from_le_bytes([p[0], p[1]]), u16::from_le_bytes([p[2], p[3]])))
    }

    /// What is in it.
    pub(super) fn shape(&self) -> Shape<'a, impl Iterator<Item = (u16, u16)> + 'a> {
        match self.kind {
            ContainerKind::Array => Shape::Array(self.values()),
            ContainerKind::Bitmap => Shape::Bitmap(self.words()),
            ContainerKind::Runs => Shape::Runs(self.runs()),
        }
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> ContainerKind {
        self.kind
    }

    pub(crate) fn cardinality(&self) -> u32 {
        self.cardinality
    }

    /// ORs the container into `bits`.
    pub(crate) fn or_into(&self, bits: &mut Bits) {
        match self.kind {
            ContainerKind::Array => vectorized!(insert_all(self.values(), bits)),
            ContainerKind::Bitmap => vectorized!({
                for (to, from) in bits.0.iter_mut().zip(self.words()) {
                    *to |= u64::from_le_bytes(*from);
                }
            }),
            ContainerKind::Runs => {
                for (first, more) in self.runs() {
                    bits.insert_range(first, first.saturating_add(more));
                }
            }
        }
    }

    /// Makes `bits` hold these values only.
    pub(crate) fn copy_into(&self, bits: &mut Bits) {
        if self.kind == ContainerKind::Bitmap {
            for (to, from) in bits.0.iter_mut().zip(self.words()) {
                *to = u64::from_le_bytes(*from);
            }
            return;
        }
        *bits = Bits::EMPTY;
        self.or_into(bits);
    }

    /// Calls `visit` with each value, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self.kind {
            ContainerKind::Array => {
                self.values().iter().for_each(|value| visit(u16::from_le_bytes(*value)));
            }
            ContainerKind::Bitmap => {
                for (word, w) in self.words().iter().zip(0u16..) {
                    let mut word = u64::from_le_bytes(*word);
                    while word != 0 {
                        visit(w << 6 | word.trailing_zeros() as u16);
                        word &= word - 1;
                    }
                }
            }
            ContainerKind::Runs => {
                for (first, more) in self.runs() {
                    (first..=first.saturating_add(more)).for_each(&mut visit);
                }
            }
        }
    }

    /// All values, ascending.
    pub(crate) fn lows(&self) -> Vec<u16> {
        if self.kind == ContainerKind::Array {
            return self.values().iter().map(|value| u16::from_le_bytes(*value)).collect();
        }
        let mut lows = vec![0; self.cardinality() as usize];
        if self.kind == ContainerKind::Runs {
            lows.clear();
            self.for_each(|low| lows.push(low));
            return lows;
        }
        let mut rest = lows.as_mut_slice();
        vectorized!({
            for (word, w) in self.words().iter().zip(0u16..) {
                let mut word = u64::from_le_bytes(*word);
                let Some((of_word, after)) = rest.split_at_mut_checked(word.count_ones() as usize)
                else {
                    break; // a container was parsed before: it holds as many as it tells
                };
                for low in of_word {
                    *low = w << 6 | word.trailing_zeros() as u16;
                    word &= word - 1;
                }
                rest = after;
            }
        });
        lows
    }

    /// Is the value in the container?
    #[cfg(test)]
    pub(crate) fn contains(&self, low: u16) -> bool {
        match self.kind {
            ContainerKind::Array => {
                self.values().binary_search_by_key(&low, |v| u16::from_le_bytes(*v)).is_ok()
            }
            ContainerKind::Bitmap => {
                let word = self.words().get(usize::from(low >> 6));
                word.is_some_and(|word| u64::from_le_bytes(*word) >> (low & 63) & 1 == 1)
            }
            ContainerKind::Runs => self
                .runs()
                .take_while(|(first, _)| *first <= low)
                .any(|(first, more)| low - first <= more),
        }
    }
}

/// Sets the bits of sorted values. Neighbours mostly share a word, which has to be written before it
/// can be changed again: so stretches of the values take turns.
#[inline(always)]
fn insert_all(values: &[[u8; 2]], bits: &mut Bits) {
    const STRETCHES: usize = 8;
    let length = values.len() / STRETCHES;
    let (most, rest) = values.split_at(STRETCHES * length);
    let stretches: [_; STRETCHES] =
        std::array::from_fn(|stretch| &most[stretch * length..(stretch + 1) * length]);
    for at in 0..length {
        for stretch in stretches {
            bits.insert(u16::from_le_bytes(stretch[at]));
        }
    }
    rest.iter().for_each(|value| bits.insert(u16::from_le_bytes(*value)));
}

fn run_count(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::codec::level::on_each_level;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Sorted values of one of three shapes: sparse, dense, in runs.
    fn value_sets() -> impl Strategy<Value = Vec<u16>> {
        let sparse = prop::collection::btree_set(any::<u16>(), 1..300);
        let dense = (any::<u16>(), 4_000u32..9_000, 2u16..7).prop_map(|(start, count, step)| {
            (0..count).map(|i| start.wrapping_add((i as u16).wrapping_mul(step))).collect()
        });
        let runs = prop::collection::vec((any::<u16>(), 1u16..5_000), 1..20).prop_map(|runs| {
            let values = runs.into_iter().flat_map(|(start, n)| start..=start.saturating_add(n));
            values.collect::<BTreeSet<u16>>()
        });
        prop_oneof![sparse, dense, runs].prop_map(|set| set.into_iter().collect())
    }

    fn encoded(values: &[u16]) -> (ContainerKind, Vec<u8>) {
        let mut bytes = Vec::new();
        let kind = Container::encode(values, &mut bytes);
        (kind, bytes)
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(
            values in value_sets(),
            probes in prop::array::uniform8(any::<u16>()),
        ) {
            let (kind, bytes) = encoded(&values);
            let container = Container::parse(kind as u8, values.len() as u32, &bytes).unwrap();
            let mut back = Vec::new();
            container.for_each(|low| back.push(low));
            prop_assert_eq!(&back, &values);
            prop_assert_eq!(&container.lows(), &values);
            on_each_level(|| {
                let mut bits = Bits::EMPTY;
                container.or_into(&mut bits);
                assert_eq!(bits.iter().collect::<Vec<_>>(), values);
                bits.0.fill(u64::MAX);
                container.copy_into(&mut bits);
                assert_eq!(bits.iter().collect::<Vec<_>>(), values);
            });
            for low in probes.into_iter().chain(values.iter().copied().take(50)) {
                prop_assert_eq!(container.contains(low), values.binary_search(&low).is_ok());
            }
        }

        #[test]
        fn roaring_reads_our_containers(values in value_sets()) {
            let (kind, bytes) = encoded(&values);
            // The portable file around one container of chunk 0.
            let mut file = Vec::new();
            if kind == ContainerKind::Runs {
                file.extend(12_347u32.to_le_bytes()); // cookie with run flags; one container
                file.push(1);
            } else {
                file.extend(12_346u32.to_le_bytes());
                file.extend(1u32.to_le_bytes());
            }
            file.extend(0u16.to_le_bytes());
            file.extend(((values.len() - 1) as u16).to_le_bytes());
            if kind != ContainerKind::Runs {
                file.extend(16u32.to_le_bytes()); // where the container begins
            }
            file.extend(&bytes);
            let set = roaring::RoaringBitmap::deserialize_from(file.as_slice()).unwrap();
            let back: Vec<u16> = set.iter().map(|v| v as u16).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn any_bytes_are_refused_or_read(
            kind in 0u8..4,
            count in 0u32..70_000,
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let exact = (bytes.len() / 2) as u32;
            for count in [count, exact] {
                if let Ok(container) = Container::shaped(kind, count, &bytes) {
                    container.or_into(&mut Bits::EMPTY.clone());
                    container.for_each(|_| ());
                }
                if let Ok(container) = Container::parse(kind, count, &bytes) {
                    let mut bits = Bits::EMPTY;
                    container.or_into(&mut bits);
                    prop_assert_eq!(bits.count(), count);
                }
            }
        }
    }

    #[test]
    fn kinds_follow_size() {
        let every = |n: u32, step: u32| (0..n).map(|i| (i * step) as u16).collect::<Vec<_>>();
        assert_eq!(encoded(&every(4_096, 2)).0, ContainerKind::Array);
        assert_eq!(encoded(&every(4_097, 2)).0, ContainerKind::Bitmap);
        assert_eq!(encoded(&every(65_536, 1)), (ContainerKind::Runs, vec![1, 0, 0, 0, 255, 255]));
        // Three neighbours: six bytes each way, so an array; seven: six of runs, fourteen of array.
        assert_eq!(encoded(&every(3, 1)).0, ContainerKind::Array);
        assert_eq!(encoded(&every(6, 1)).0, ContainerKind::Array);
        assert_eq!(encoded(&every(7, 1)).0, ContainerKind::Runs);
    }

    #[test]
    fn ranges_cross_words() {
        for (first, last) in [(0, 65_535), (63, 64), (64, 127), (5, 5), (70, 300), (9, 3)] {
            let mut bits = Bits::EMPTY;
            bits.insert_range(first, last);
            assert_eq!(bits.iter().collect::<Vec<_>>(), (first..=last).collect::<Vec<_>>());
        }
    }

    #[test]
    fn wrong_containers_are_refused() {
        let refused = |kind: u8, count, bytes: &[u8]| {
            Container::parse(kind, count, bytes).map(|c| c.kind()).unwrap_err()
        };
        assert!(refused(3, 1, &[0, 0]).contains("unknown"));
        assert!(refused(0, 0, &[]).contains("0 values"));
        assert!(refused(0, 65_537, &[]).contains("65537"));
        assert!(refused(0, 4_097, &[0; 8_194]).contains("array of 4097"));
        assert!(refused(0, 2, &[1, 0, 1, 0]).contains("order"));
        assert!(refused(0, 2, &[1, 0]).contains("2 bytes"));
        assert!(refused(1, 1, &[0; 8_192]).contains("0 values"));
        assert!(refused(1, 1, &[0; 8_191]).contains("8191"));
        assert!(refused(2, 1, &[]).contains("0 bytes"));
        assert!(refused(2, 2, &[1, 0, 0, 0, 0, 0]).contains("1 values"));
        assert!(refused(2, 3, &[1, 0, 254, 255, 2, 0]).contains("order"));
        assert!(refused(2, 2, &[2, 0, 0, 0, 0, 0, 1, 0, 0, 0]).contains("order"));
    }
}

//! Frames of integers that are mostly small: a bit for each value says whether it is one of the few
//! wide ones, so that these do not make all others take as many bits as they need.
//!
//! Times since the first event of a visit are of this kind: most lie within minutes, some after
//! hours.

use super::cursor::{put_signed_varint, signed_varint, take, u8};
use super::ints::{FRAME_VALUES, bits_at, pack, packed_bytes, unpack, width_of};

/// Frames whose values take fewer bits are not split: it would save little, and take time.
const SPLIT_FROM_BITS: u32 = 12;
/// Words of the flags of a full frame.
const WORDS: usize = FRAME_VALUES / 64;

/// How values are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    /// Of most values.
    narrow: u32,
    /// Of the others.
    wide: u32,
    /// How many those are.
    wides: usize,
}

impl Widths {
    /// The split of values that saves most, if that is a sixteenth at least. `width`: bits of the
    /// largest difference to the `least` value.
    pub(super) fn of(values: &[i64], least: i64, width: u32) -> Option<Widths> {
        if width < SPLIT_FROM_BITS {
            return None;
        }
        let mut of_width = [0usize; 65];
        for value in values {
            of_width[width_of(value.wrapping_sub(least) as u64) as usize] += 1;
        }
        let mut wides = values.len();
        let mut best: Option<(usize, Widths)> = None;
        for (narrow, count) in (0u32..).zip(of_width).take(width as usize) {
            wides -= count;
            let widths = Widths { narrow, wide: width, wides };
            let bytes = widths.bytes(values.len());
            if narrow > 0 && best.is_none_or(|(least, _)| bytes < least) {
                best = Some((bytes, widths));
            }
        }
        let plain = packed_bytes(values.len(), width);
        best.filter(|(bytes, _)| 16 * bytes < 15 * plain).map(|(_, widths)| widths)
    }

    /// Bits of most values.
    pub(super) fn narrow(&self) -> u32 {
        self.narrow
    }

    /// Bytes of so many values, without the frame's head.
    pub(super) fn bytes(&self, values: usize) -> usize {
        packed_bytes(values, 1)
            + packed_bytes(values - self.wides, self.narrow)
            + packed_bytes(self.wides, self.wide)
    }

    /// Appends the base, the wide width, flags, narrow values and wide ones; the head tells the
    /// narrow width.
    pub(super) fn encode(&self, values: &[i64], least: i64, out: &mut Vec<u8>) {
        put_signed_varint(least, out);
        out.push(self.wide as u8); // at most 64
        // Each value goes to both; only one of them moves on.
        let (mut narrow, mut wide) = ([0u64; FRAME_VALUES], [0u64; FRAME_VALUES]);
        let mut wides = 0;
        let mut flags = [0u64; WORDS];
        for (at, value) in values.iter().enumerate().take(FRAME_VALUES) {
            let bits = value.wrapping_sub(least) as u64;
            let is_wide = width_of(bits) > self.narrow;
            narrow[at - wides] = bits;
            wide[wides] = bits;
            wides += usize::from(is_wide);
            flags[at / 64] |= u64::from(is_wide) << (at % 64);
        }
        let flags = flags.iter().flat_map(|flags| flags.to_le_bytes());
        out.extend(flags.take(packed_bytes(values.len(), 1)));
        let narrows = narrow[..values.len().saturating_sub(wides)].iter();
        pack(narrows.copied(), self.narrow, out);
        pack(wide[..wides].iter().copied(), self.wide, out);
    }
}

/// A split frame where it lies.
#[derive(Debug, Clone)]
pub(super) struct Split<'a> {
    base: i64,
    narrow: u32,
    wide: u32,
    /// A bit for each value: it is a wide one.
    flags: [u64; WORDS],
    /// Wide values before each word.
    before: [u16; WORDS],
    narrows: &'a [u8],
    wides: &'a [u8],
}

impl<'a> Split<'a> {
    /// Reads a frame of so many values, at most `FRAME_VALUES`, after its head.
    pub(super) fn read(
        input: &mut &'a [u8],
        narrow: u32,
        count: usize,
    ) -> Result<Split<'a>, String> {
        let base = signed_varint(input)?;
        let wide = u32::from(u8(input)?);
        if !(narrow + 1..=64).contains(&wide) {
            return Err(format!("packed numbers of {wide} bits beside those of {narrow}"));
        }
        let bytes = take(input, packed_bytes(count, 1))?;
        let (mut flags, mut before, mut wides) = ([0; WORDS], [0; WORDS], 0u16);
        for (at, (flags, before)) in flags.iter_mut().zip(&mut before).enumerate() {
            let told = count.saturating_sub(at * 64).min(64) as u32;
            let mask = u64::MAX.checked_shr(64 - told).unwrap_or(0);
            *flags = bits_at(bytes, at * 64, 64) & mask;
            *before = wides;
            wides += flags.count_ones() as u16; // 1,024 at most
        }
        let wides = usize::from(wides);
        let Some(narrows) = count.checked_sub(wides) else {
            return Err(format!("{wides} of {count} packed numbers are wide"));
        };
        let narrows = take(input, packed_bytes(narrows, narrow))?;
        let wides = take(input, packed_bytes(wides, wide))?;
        Ok(Split { base, narrow, wide, flags, before, narrows, wides })
    }

    /// Fills `values`, as many as the frame was read for.
    pub(super) fn unpack_into(&self, values: &mut [i64]) {
        let wides: usize = self.flags.iter().map(|flags| flags.count_ones() as usize).sum();
        let (mut narrow, mut wide) = ([0; FRAME_VALUES], [0; FRAME_VALUES]);
        let narrows = values.len().saturating_sub(wides);
        unpack(self.narrows, self.narrow, narrow.get_mut(..narrows).unwrap_or_default());
        unpack(self.wides, self.wide, wide.get_mut(..wides).unwrap_or_default());
        let mut passed = 0;
        for (at, value) in values.iter_mut().enumerate() {
            let is_wide = self.flags[at / 64 % WORDS] >> (at % 64) & 1;
            let of_wide = wide[passed % FRAME_VALUES];
            let of_narrow = narrow[(at - passed) % FRAME_VALUES];
            *value = self.base.wrapping_add(if is_wide == 1 { of_wide } else { of_narrow });
            passed += is_wide as usize;
        }
    }

    /// A value of the frame; beyond its end it is of no meaning.
    #[inline]
    pub(super) fn get(&self, at: usize) -> i64 {
        let (word, bit) = (at / 64 % WORDS, at % 64);
        let flags = self.flags[word];
        let below = flags & ((1 << bit) - 1);
        let wides = usize::from(self.before[word]) + below.count_ones() as usize;
        let value = if flags >> bit & 1 == 1 {
            bits_at(self.wides, wides * self.wide as usize, self.wide)
        } else {
            bits_at(self.narrows, (at - wides) * self.narrow as usize, self.narrow)
        };
        self.base.wrapping_add(value as i64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_split_comes_back(
            base in any::<i64>(),
            narrow in 1u32..63,
            values in prop::collection::vec((any::<u64>(), 0..8u8), 1..=FRAME_VALUES),
        ) {
            let cut = |(bits, kind): (u64, u8)| if kind == 0 { bits } else { bits >> (64 - narrow) };
            let values: Vec<i64> =
                values.into_iter().map(|v| base.wrapping_add(cut(v) as i64)).collect();
            let bits = |value: &i64| width_of(value.wrapping_sub(base) as u64);
            let wides = values.iter().filter(|value| bits(value) > narrow).count();
            let widths = Widths { narrow, wide: 64, wides };
            let mut bytes = Vec::new();
            widths.encode(&values, base, &mut bytes);
            bytes.push(7);
            let mut input = bytes.as_slice();
            let split = Split::read(&mut input, narrow, values.len()).unwrap();
            prop_assert_eq!(input, &[7]);
            let mut back = vec![0; values.len()];
            split.unpack_into(&mut back);
            prop_assert_eq!(&back, &values);
            prop_assert!((0..values.len()).all(|at| split.get(at) == values[at]));
        }

        #[test]
        fn any_bytes_are_refused_or_read(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            narrow in 1u32..64,
            count in 0..=FRAME_VALUES,
        ) {
            if let Ok(split) = Split::read(&mut bytes.as_slice(), narrow, count) {
                let mut values = vec![0; count];
                split.unpack_into(&mut values);
                prop_assert!((0..count).all(|at| split.get(at) == values[at]));
            }
        }
    }

    #[test]
    fn a_split_is_taken_where_it_saves() {
        let few_wide: Vec<i64> =
            (0..1_000).map(|i| if i % 100 == 0 { 1 << 23 } else { i }).collect();
        let expected = Widths { narrow: 10, wide: 24, wides: 10 };
        assert_eq!(Widths::of(&few_wide, 0, 24), Some(expected));
        assert_eq!(expected.bytes(1_000), 125 + 1_238 + 30);
        let even: Vec<i64> = (0..1_000).map(|i| i << 14).collect();
        assert_eq!(Widths::of(&even, 0, 24), None);
        let small: Vec<i64> = (0..1_000).map(|i| if i == 7 { 2_000 } else { 1 }).collect();
        assert_eq!(Widths::of(&small, 0, 11), None);
    }
}

//! Packed columns of integers: frames of up to 1,024 values, each a base and a bit width, as
//! difference from the frame's least value or from the value before, whichever is smaller.
//!
//! A frame is one byte (bit width 0 to 64; bit 7: differences from the value before), the base (a
//! signed varint: the least value, or the first), for differences their least one (a signed
//! varint), and the packed bits, least significant first, filled up to a whole byte. A byte from 65
//! to 127 begins a frame in which most values are small: see `split`.

use super::cursor::{put_signed_varint, signed_varint, take, u8};
use super::level::vectorized;
use super::split::{Split, Widths};
use std::ops::Range;

/// Values of a full frame.
pub(crate) const FRAME_VALUES: usize = 1_024;
/// Set in a frame's first byte where its bits are differences from the value before.
pub(crate) const DELTA_FLAG: u8 = 0x80;

/// Added to the narrow width in the first byte of a split frame.
pub(crate) const SPLIT_BASE: u8 = 64;

/// Appends the packed values. The count is not stored: the reader knows it.
pub(crate) fn encode(values: &[i64], out: &mut Vec<u8>) {
    for frame in values.chunks(FRAME_VALUES) {
        encode_frame(frame, out);
    }
}

/// Bytes that `encode` takes for the values, but for some of each frame's first ones.
pub(crate) fn about_bytes(values: &[i64]) -> usize {
    let bytes = |frame: &[i64]| {
        let spread = Spread::of(frame);
        let stepped = packed_bytes(frame.len(), spread.step_width);
        let split = Widths::of(frame, spread.least, spread.width);
        let plain = split.map(|widths| widths.bytes(frame.len()));
        plain.unwrap_or_else(|| packed_bytes(frame.len(), spread.width)).min(stepped)
    };
    values.chunks(FRAME_VALUES).map(bytes).sum()
}

/// Reads `count` values from the front of `input` and moves it on; allocates for `count` only after
/// the bytes prove that they hold that many frames.
pub(crate) fn decode(input: &mut &[u8], count: usize) -> Result<Vec<i64>, String> {
    decode_range(input, count, 0..count)
}

/// Like `decode`, but answers only the values at `range` of the `count` (frames before and after
/// it are skipped by their headers).
pub(crate) fn decode_range(
    input: &mut &[u8],
    count: usize,
    range: Range<usize>,
) -> Result<Vec<i64>, String> {
    check_frames(input, count, &range)?;
    let mut values = Vec::with_capacity(range.len());
    decode_frames(input, count, range, |frame| values.extend_from_slice(frame))?;
    Ok(values)
}

/// Like `decode_range`, but shows the values frame by frame, from the nearest cache.
pub(crate) fn decode_frames(
    input: &mut &[u8],
    count: usize,
    range: Range<usize>,
    mut visit: impl FnMut(&[i64]),
) -> Result<(), String> {
    check_frames(input, count, &range)?;
    let mut values = [0; FRAME_VALUES];
    for start in (0..count).step_by(FRAME_VALUES) {
        let length = (count - start).min(FRAME_VALUES);
        let frame = Frame::read(input, length)?;
        let from = range.start.clamp(start, start + length) - start;
        let to = range.end.clamp(start, start + length) - start;
        if from < to {
            frame.unpack_into(&mut values[..length]);
            visit(&values[from..to]);
        }
    }
    Ok(())
}

/// Reads `count` values from the front of `input` and moves it on; `None` where one is not from 0 to
/// 255.
pub(crate) fn decode_bytes(input: &mut &[u8], count: usize) -> Result<Option<Vec<u8>>, String> {
    check_frames(input, count, &(0..count))?;
    let (mut bytes, mut fit) = (vec![0; count], true);
    let mut values = [0; FRAME_VALUES];
    for to in bytes.chunks_mut(FRAME_VALUES) {
        let frame = Frame::read(input, to.len())?;
        if let Frame::Plain { base: 0, width, packed } = frame
            && width <= u8::BITS
        {
            unpack_bytes(packed, width, to);
            continue;
        }
        let values = values.get_mut(..to.len()).unwrap_or_default();
        frame.unpack_into(values);
        for (to, value) in to.iter_mut().zip(values) {
            fit &= (0..256).contains(value);
            *to = *value as u8;
        }
    }
    Ok(fit.then_some(bytes))
}

/// Packed values of which some are looked at.
#[derive(Debug)]
pub(crate) struct Packed<'a> {
    frames: Vec<PackedFrame<'a>>,
}

#[derive(Debug)]
enum PackedFrame<'a> {
    Plain {
        base: i64,
        width: u32,
        packed: &'a [u8],
    },
    Split(Box<Split<'a>>),
    /// Each value needs the one before.
    Unpacked(Vec<i64>),
}

impl<'a> Packed<'a> {
    /// Reads the heads of `count` values from the front of `input` and moves it on.
    pub(crate) fn read(input: &mut &'a [u8], count: usize) -> Result<Packed<'a>, String> {
        check_frames(input, count, &(0..count))?;
        let mut frames = Vec::with_capacity(count.div_ceil(FRAME_VALUES));
        for start in (0..count).step_by(FRAME_VALUES) {
            let length = (count - start).min(FRAME_VALUES);
            let frame = Frame::read(input, length)?;
            frames.push(match frame {
                Frame::Plain { base, width, packed } => PackedFrame::Plain { base, width, packed },
                Frame::Split(split) => PackedFrame::Split(Box::new(split)),
                Frame::Steps { .. } => {
                    let mut values = vec![0; length];
                    frame.unpack_into(&mut values);
                    PackedFrame::Unpacked(values)
                }
            });
        }
        Ok(Packed { frames })
    }

    /// A value; beyond the end it is of no meaning.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> i64 {
        let within = at % FRAME_VALUES;
        match self.frames.get(at / FRAME_VALUES) {
            Some(PackedFrame::Plain { base, width, packed }) => {
                let bit = within * *width as usize;
                let value = match packed.get(bit / 8..).and_then(|rest| rest.first_chunk()) {
                    Some(word) if *width <= 56 => {
                        let mask = (1 << *width) - 1;
                        u64::from_le_bytes(*word) >> (bit % 8) & mask
                    }
                    _ if *width == 0 => 0,
                    _ => bits_at(packed, bit, *width),
                };
                base.wrapping_add(value as i64)
            }
            Some(PackedFrame::Split(split)) => split.get(within),
            Some(PackedFrame::Unpacked(values)) => values.get(within).copied().unwrap_or_default(),
            None => 0,
        }
    }
}

/// Every frame takes two bytes at least.
fn check_frames(input: &[u8], count: usize, range: &Range<usize>) -> Result<(), String> {
    let frames = count.div_ceil(FRAME_VALUES);
    if input.len() / 2 < frames || range.end > count || range.start > range.end {
        return Err(format!("{count} packed numbers in {} bytes", input.len()));
    }
    Ok(())
}

/// Bits that a value needs.
pub(crate) fn width_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends values of `width` bits, least significant first.
pub(crate) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut word, mut used) = (0u64, 0);
    for value in values {
        word |= value.checked_shl(used).unwrap_or(0);
        used += width;
        if used >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            used -= 64;
            // What the full word had no room for; nothing where the value ended with it.
            word = value.checked_shr(width - used).unwrap_or(0);
        }
    }
    let bytes = word.to_le_bytes();
    out.extend_from_slice(&bytes[..used.div_ceil(8) as usize]);
}

/// Bytes that `pack` makes of so many values.
pub(crate) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Fills `values` with numbers of `width` bits. Bits beyond the end of `bytes` read as zeros.
pub(crate) fn unpack(bytes: &[u8], width: u32, values: &mut [i64]) {
    // Eight numbers take as many bytes as one has bits. With the width known when this is compiled,
    // nothing is left to decide at each of them.
    macro_rules! groups {
        ($($width:literal)*) => {
            match width {
                0 => {
                    values.fill(0);
                    values.len()
                }
                $($width => unpack_groups::<$width>(bytes, values),)*
                _ => 0,
            }
        };
    }
    let done = vectorized!(groups!(
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56
    ));
    for (at, value) in values.iter_mut().enumerate().skip(done) {
        *value = bits_at(bytes, at * width as usize, width) as i64;
    }
}

/// Fills `values` with numbers of `width` bits, eight at most.
fn unpack_bytes(bytes: &[u8], width: u32, values: &mut [u8]) {
    macro_rules! groups {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_byte_groups::<$width>(bytes, values),)*
                _ => 0,
            }
        };
    }
    let done = vectorized!(groups!(1 2 3 4 5 6 7 8));
    for (at, value) in values.iter_mut().enumerate().skip(done) {
        *value = if width == 0 { 0 } else { bits_at(bytes, at * width as usize, width) as u8 };
    }
}

/// As `unpack_groups`, but for the last ones, after which there are no eight bytes to read.
#[inline(always)]
fn unpack_byte_groups<const WIDTH: usize>(bytes: &[u8], values: &mut [u8]) -> usize {
    let mask = u64::MAX >> (64 - WIDTH);
    let (mut done, mut rest) = (0, bytes);
    for group in values.as_chunks_mut::<8>().0 {
        let Some(packed) = rest.first_chunk() else { break };
        let word = u64::from_le_bytes(*packed);
        for (at, value) in group.iter_mut().enumerate() {
            *value = (word >> (at * WIDTH) & mask) as u8;
        }
        rest = rest.get(WIDTH..).unwrap_or_default();
        done += group.len();
    }
    done
}

/// Unpacks all whole groups of eight numbers; answers how many numbers that were.
#[inline(always)]
fn unpack_groups<const WIDTH: usize>(bytes: &[u8], values: &mut [i64]) -> usize {
    let mask = u64::MAX >> (64 - WIDTH);
    let groups = bytes.as_chunks::<WIDTH>().0.iter().zip(values.as_chunks_mut::<8>().0);
    let mut done = 0;
    for (packed, group) in groups {
        for (at, value) in group.iter_mut().enumerate() {
            // The last numbers are read from the group's last eight bytes.
            let from = (at * WIDTH / 8).min(WIDTH.saturating_sub(8));
            *value = (word_at(packed, from) >> (at * WIDTH - 8 * from) & mask) as i64;
        }
        done += group.len();
    }
    done
}

/// Eight bytes, or fewer with zeros behind them.
#[inline(always)]
fn word_at(bytes: &[u8], from: usize) -> u64 {
    let mut word = [0; 8];
    let rest = bytes.get(from..).unwrap_or_default();
    let length = rest.len().min(8);
    word[..length].copy_from_slice(&rest[..length]);
    u64::from_le_bytes(word)
}

/// `width` bits from bit `at` on. Bits beyond the end of `bytes` read as zeros.
pub(crate) fn bits_at(bytes: &[u8], at: usize, width: u32) -> u64 {
    let (low, high) = (word_at(bytes, at / 8), word_at(bytes, at / 8 + 8));
    let window = u128::from(high) << 64 | u128::from(low);
    (window >> (at % 8)) as u64 & u64::MAX.checked_shr(64 - width).unwrap_or(0)
}

/// What decides how a frame is packed.
struct Spread {
    least: i64,
    width: u32,
    least_step: i64,
    step_width: u32,
}

impl Spread {
    fn of(values: &[i64]) -> Spread {
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for &value in values {
            least = least.min(value);
            most = most.max(value);
        }
        let (mut least_step, mut most_step) = (i64::MAX, i64::MIN);
        for pair in values.windows(2) {
            let step = pair[1].wrapping_sub(pair[0]);
            least_step = least_step.min(step);
            most_step = most_step.max(step);
        }
        let distance = |from: i64, to: i64| width_of(to.wrapping_sub(from) as u64);
        let step_width = if values.len() < 2 { 64 } else { distance(least_step, most_step) };
        Spread { least, width: distance(least, most), least_step, step_width }
    }
}

fn encode_frame(values: &[i64], out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    let spread = Spread::of(values);
    let split = Widths::of(values, spread.least, spread.width);
    let plain_bytes = match &split {
        Some(widths) => widths.bytes(values.len()),
        None => packed_bytes(values.len(), spread.width),
    };
    // The least step itself takes up to ten bytes; two are typical, and a tie reads faster plain.
    if packed_bytes(values.len() - 1, spread.step_width) + 2 < plain_bytes {
        out.push(spread.step_width as u8 | DELTA_FLAG);
        put_signed_varint(first, out);
        put_signed_varint(spread.least_step, out);
        let steps = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
        let bits = steps.map(|step| step.wrapping_sub(spread.least_step) as u64);
        pack(bits, spread.step_width, out);
    } else if let Some(widths) = split {
        out.push(SPLIT_BASE + widths.narrow() as u8);
        widths.encode(values, spread.least, out);
    } else {
        out.push(spread.width as u8);
        put_signed_varint(spread.least, out);
        pack(values.iter().map(|v| v.wrapping_sub(spread.least) as u64), spread.width, out);
    }
}

/// A frame's header and bits.
enum Frame<'a> {
    Plain {
        base: i64,
        width: u32,
        packed: &'a [u8],
    },
    /// Bits are differences from the value before, less the least of them.
    Steps {
        first: i64,
        least: i64,
        width: u32,
        packed: &'a [u8],
    },
    Split(Split<'a>),
}

impl<'a> Frame<'a> {
    fn read(input: &mut &'a [u8], count: usize) -> Result<Frame<'a>, String> {
        let head = u8(input)?;
        let width = u32::from(head & !DELTA_FLAG);
        if head & DELTA_FLAG != 0 {
            if width > 64 {
                return Err(format!("packed steps of {width} bits"));
            }
            let (first, least) = (signed_varint(input)?, signed_varint(input)?);
            let packed = take(input, packed_bytes(count.saturating_sub(1), width))?;
            return Ok(Frame::Steps { first, least, width, packed });
        }
        if head > SPLIT_BASE {
            return Ok(Frame::Split(Split::read(input, width - u32::from(SPLIT_BASE), count)?));
        }
        let base = signed_varint(input)?;
        let packed = take(input, packed_bytes(count, width))?;
        Ok(Frame::Plain { base, width, packed })
    }

    /// Fills `values`, as many as the frame was read for.
    fn unpack_into(&self, values: &mut [i64]) {
        match self {
            Frame::Plain { base, width, packed } => {
                unpack(packed, *width, values);
                values.iter_mut().for_each(|value| *value = base.wrapping_add(*value));
            }
            Frame::Steps { first, least, width, packed } => {
                let Some((to, rest)) = values.split_first_mut() else { return };
                *to = *first;
                unpack(packed, *width, rest);
                let mut sum = *first;
                for value in rest {
                    sum = sum.wrapping_add(*least).wrapping_add(*value);
                    *value = sum;
                }
            }
            Frame::Split(split) => split.unpack_into(values),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(values, &mut bytes);
        bytes
    }

    /// Values of any width, around any base, rising or not, some of them wider than the others.
    fn columns() -> impl Strategy<Value = Vec<i64>> {
        let column = |rising: bool| {
            let values = prop::collection::vec(any::<u64>(), 0..2_100);
            (any::<i64>(), 0u32..64, 0u32..64, values).prop_map(move |(base, shift, few, bits)| {
                let mut sum = base;
                let shift = |b: u64| if b.is_multiple_of(16) { shift.min(few) } else { shift };
                let small = bits.into_iter().map(|b| (b >> shift(b)) as i64);
                small
                    .map(|b| {
                        if rising {
                            sum = sum.wrapping_add(b);
                            sum
                        } else {
                            base.wrapping_add(b)
                        }
                    })
                    .collect()
            })
        };
        prop_oneof![column(false), column(true)]
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            values in columns(),
            from in 0usize..2_200,
            to in 0usize..2_200,
        ) {
            let mut bytes = encoded(&values);
            bytes.push(7);
            let mut input = bytes.as_slice();
            prop_assert_eq!(decode(&mut input, values.len()).unwrap(), values.clone());
            prop_assert_eq!(input, &[7]);
            let from = from.min(values.len());
            let range = from..to.clamp(from, values.len());
            let mut input = bytes.as_slice();
            let part = decode_range(&mut input, values.len(), range.clone()).unwrap();
            prop_assert_eq!(part.as_slice(), &values[range]);
            prop_assert_eq!(input, &[7]);
            let mut input = bytes.as_slice();
            let packed = Packed::read(&mut input, values.len()).unwrap();
            prop_assert_eq!(input, &[7]);
            prop_assert!((0..values.len()).all(|at| packed.get(at) == values[at]));
        }

        #[test]
        fn bytes_are_unpacked_as_numbers_are(
            values in prop::collection::vec(any::<u8>(), 0..2_100),
            shift in 0u32..8,
            far in any::<bool>(),
        ) {
            let far = i64::from(far) * 100;
            let values: Vec<i64> = values.iter().map(|v| i64::from(v >> shift) + far).collect();
            let mut bytes = encoded(&values);
            bytes.push(7);
            crate::codec::level::on_each_level(|| {
                let mut input = bytes.as_slice();
                let told = decode_bytes(&mut input, values.len()).unwrap();
                assert_eq!(input, &[7]);
                let fit = values.iter().all(|value| *value < 256);
                let same = |told: Vec<u8>| told.into_iter().map(i64::from).eq(values.clone());
                assert!(told.map_or(!fit, same));
            });
        }

        #[test]
        fn bits_come_back(
            width in 0u32..=64,
            values in prop::collection::vec(any::<u64>(), 0..200),
        ) {
            let cut = |v: u64| if width == 64 { v } else { v & ((1 << width) - 1) };
            let values: Vec<u64> = values.into_iter().map(cut).collect();
            let mut bytes = Vec::new();
            pack(values.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_bytes(values.len(), width));
            let mut back = vec![0; values.len()];
            unpack(&bytes, width, &mut back);
            let back: Vec<u64> = back.into_iter().map(|value| value as u64).collect();
            prop_assert_eq!(back, values);
        }

        #[test]
        fn any_bytes_are_refused_or_read(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            count in 0usize..70_000,
        ) {
            if let Ok(values) = decode(&mut bytes.as_slice(), count) {
                prop_assert_eq!(values.len(), count);
            }
        }

        #[test]
        fn a_cut_column_is_refused(values in columns(), cut in 1usize..50) {
            let bytes = encoded(&values);
            prop_assume!(cut <= bytes.len());
            prop_assert!(decode(&mut &bytes[..bytes.len() - cut], values.len()).is_err());
        }
    }

    #[test]
    fn equal_and_rising_values_take_a_few_bytes() {
        assert_eq!(encoded(&[5; 1_024]), [0, 10]);
        assert_eq!(
            encoded(&(0..1_024).map(|i| 100 + 3 * i).collect::<Vec<_>>()),
            [0x80, 200, 1, 6]
        );
        assert!(encoded(&[]).is_empty());
    }

    #[test]
    fn no_memory_without_bytes() {
        let error = decode(&mut [0, 0].as_slice(), usize::MAX).unwrap_err();
        assert!(error.contains("in 2 bytes"), "{error}");
        assert!(decode(&mut [193, 0].as_slice(), 1).unwrap_err().contains("65 bits"));
        assert!(decode(&mut [65, 0, 1].as_slice(), 1).unwrap_err().contains("1 bits beside"));
    }
}

//! How many rows each user has: mostly one.
//!
//! Either packed numbers, or a bit for each user who has more than one and packed numbers for
//! those, whichever is shorter.

use super::{cursor, ints};

/// The first byte: packed numbers follow, one for each user.
pub(crate) const COUNTS_PACKED: u8 = 0;
/// The first byte: a bit for each user follows, and packed numbers for those whose bit is set.
pub(crate) const COUNTS_FLAGGED: u8 = 1;

/// Appends counts of one at least; nothing for nobody.
pub(crate) fn encode(counts: &[i64], out: &mut Vec<u8>) {
    if counts.is_empty() {
        return;
    }
    let from = out.len();
    out.push(COUNTS_PACKED);
    ints::encode(counts, out);
    let mut flagged = vec![COUNTS_FLAGGED];
    ints::pack(counts.iter().map(|count| u64::from(*count > 1)), 1, &mut flagged);
    let several: Vec<i64> = counts.iter().copied().filter(|count| *count > 1).collect();
    ints::encode(&several, &mut flagged);
    if flagged.len() < out.len() - from {
        out.truncate(from);
        out.extend(flagged);
    }
}

/// Reads the rows of so many users; they must be `rows` in all.
pub(crate) fn decode(bytes: &[u8], users: usize, rows: u32) -> Result<Vec<u32>, String> {
    let mut input = bytes;
    let counts = match cursor::u8(&mut input)? {
        COUNTS_PACKED => packed(&mut input, users)?,
        COUNTS_FLAGGED => flagged(&mut input, users)?,
        kind => return Err(format!("unknown kind of counts {kind}")),
    };
    let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    if sum == u64::from(rows) && input.is_empty() && !counts.contains(&0) {
        return Ok(counts);
    }
    Err(format!("not the counts of {rows} rows"))
}

fn packed(input: &mut &[u8], count: usize) -> Result<Vec<u32>, String> {
    let mut counts = Vec::new();
    let mut fit = true;
    ints::decode_frames(input, count, 0..count, |frame| {
        fit &= frame.iter().all(|count| u32::try_from(*count).is_ok());
        counts.extend(frame.iter().map(|count| *count as u32));
    })?;
    if fit { Ok(counts) } else { Err("a count that nobody has".to_string()) }
}

fn flagged(input: &mut &[u8], users: usize) -> Result<Vec<u32>, String> {
    let bits = cursor::take(input, ints::packed_bytes(users, 1))?;
    let of_byte = |at: usize, byte: &u8| match users - 8 * at {
        whole @ 0..8 => byte & !(u8::MAX << whole),
        _ => *byte,
    };
    let flags = || bits.iter().enumerate().map(|(at, byte)| of_byte(at, byte));
    let several = packed(input, flags().map(|byte| byte.count_ones() as usize).sum())?;
    let mut counts = vec![1; users];
    let mut next = several.into_iter();
    for (of_byte, mut flags) in counts.chunks_mut(8).zip(flags()) {
        while flags != 0 {
            let place = of_byte.get_mut(flags.trailing_zeros() as usize);
            if let (Some(place), Some(count)) = (place, next.next()) {
                *place = count;
            }
            flags &= flags - 1;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_come_back(
            counts in prop_oneof![
                prop::collection::vec(prop_oneof![9 => Just(1i64), 1 => 2i64..9], 1..3_000),
                prop::collection::vec(1i64..70_000, 1..100),
            ],
        ) {
            let mut bytes = Vec::new();
            encode(&counts, &mut bytes);
            let rows: i64 = counts.iter().sum();
            let back = decode(&bytes, counts.len(), rows as u32).unwrap();
            prop_assert!(back.iter().copied().map(i64::from).eq(counts.iter().copied()));
            prop_assert!(decode(&bytes, counts.len(), rows as u32 + 1).is_err());
            prop_assert!(decode(&bytes[..bytes.len() - 1], counts.len(), rows as u32).is_err());
        }

        #[test]
        fn any_bytes_are_refused_or_read(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            kind in 0u8..3,
            users in 0usize..200,
            rows in 0u32..400,
        ) {
            let bytes: Vec<u8> = [kind].into_iter().chain(bytes).collect();
            if let Ok(counts) = decode(&bytes, users, rows) {
                prop_assert_eq!(counts.len(), users);
                prop_assert_eq!(counts.iter().sum::<u32>(), rows);
            }
        }
    }

    #[test]
    fn mostly_one_takes_a_bit_each() {
        let mut counts = vec![1; 800];
        counts[7] = 5;
        let mut bytes = Vec::new();
        encode(&counts, &mut bytes);
        assert_eq!((bytes[0], bytes.len()), (COUNTS_FLAGGED, 1 + 100 + 2));
    }
}

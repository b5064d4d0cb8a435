//! Reading small fields from the front of untrusted bytes, and writing them.

/// Moves `input` on by `count` bytes and answers them.
pub(crate) fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (front, rest) = input
        .split_at_checked(count)
        .ok_or_else(|| format!("{count} bytes wanted, {} left", input.len()))?;
    *input = rest;
    Ok(front)
}

/// The next N bytes.
pub(crate) fn array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], String> {
    let (front, rest) = input
        .split_first_chunk()
        .ok_or_else(|| format!("{N} bytes wanted, {} left", input.len()))?;
    *input = rest;
    Ok(*front)
}

/// A little-endian `u32`.
pub(crate) fn u32(input: &mut &[u8]) -> Result<u32, String> {
    array(input).map(u32::from_le_bytes)
}

/// One byte.
pub(crate) fn u8(input: &mut &[u8]) -> Result<u8, String> {
    array(input).map(|[byte]| byte)
}

/// Seven bits a byte, least significant first; the high bit says that more follow.
pub(crate) fn varint(input: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = u8(input)?;
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number of more than 64 bits".to_string())
}

/// A varint that counts something in memory.
pub(crate) fn varint_usize(input: &mut &[u8]) -> Result<usize, String> {
    let value = varint(input)?;
    usize::try_from(value).map_err(|_| format!("{value} is beyond this machine"))
}

/// Appends what `varint` reads.
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A varint of a signed number: small ones of either sign are short.
pub(crate) fn signed_varint(input: &mut &[u8]) -> Result<i64, String> {
    let value = varint(input)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Appends what `signed_varint` reads.
pub(crate) fn put_signed_varint(value: i64, out: &mut Vec<u8>) {
    put_varint((value << 1 ^ value >> 63) as u64, out);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: i64, shift in 0u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put_signed_varint(value, &mut bytes);
            put_varint(value as u64, &mut bytes);
            let mut input = bytes.as_slice();
            prop_assert_eq!(signed_varint(&mut input), Ok(value));
            prop_assert_eq!(varint(&mut input), Ok(value as u64));
            prop_assert!(input.is_empty());
        }
    }

    #[test]
    fn short_and_long_numbers_are_refused() {
        assert!(varint(&mut [0x80].as_slice()).unwrap_err().contains("1 bytes wanted"));
        assert!(varint(&mut [0xff; 10].as_slice()).unwrap_err().contains("64 bits"));
        assert_eq!(
            varint(&mut [255, 255, 255, 255, 255, 255, 255, 255, 255, 1].as_slice()),
            Ok(u64::MAX)
        );
        assert!(take(&mut [0].as_slice(), 2).unwrap_err().contains("1 left"));
        assert!(u32(&mut [0; 3].as_slice()).is_err());
    }
}

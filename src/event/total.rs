//! A number so wide that every sum of decimals and floats is exact in it.

use super::decimal::power;
use crate::limits::DECIMAL_SCALE_MAX;

/// A whole number of units of `2^-1074 x 10^-38`: every float and every decimal is a whole number
/// of them, and there is room for more of the largest than can ever be added. Two's complement, the
/// lowest word first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Total([u64; WORDS]);

/// The largest float takes 2,225 bits; the rest is room for 2^78 of it, and the sign.
const WORDS: usize = 36;
/// A float of exponent 1 or 0 counts these bits after its point.
const FRACTION_BITS: u32 = 1_074;
/// 10^19, the largest power of ten in a word; twice is all digits after the point.
const HALF_SCALE: u64 = 10u64.pow(DECIMAL_SCALE_MAX as u32 / 2);

impl Total {
    pub(super) const ZERO: Total = Total([0; WORDS]);

    /// Adds `unscaled / 10^scale`.
    pub(super) fn add_exact(&mut self, unscaled: i128, scale: u8) {
        let units = power(DECIMAL_SCALE_MAX.saturating_sub(scale)).unsigned_abs();
        self.add_product(unscaled.unsigned_abs(), units, FRACTION_BITS, unscaled < 0);
    }

    /// Adds `value / 2^bits`.
    pub(super) fn add_binary(&mut self, value: i128, bits: u32) {
        let units = power(DECIMAL_SCALE_MAX).unsigned_abs();
        self.add_product(value.unsigned_abs(), units, FRACTION_BITS - bits, value < 0);
    }

    /// Adds a finite float.
    pub(super) fn add_float(&mut self, value: f64) {
        let (mantissa, shift) = parts_of(value);
        let units = power(DECIMAL_SCALE_MAX).unsigned_abs();
        self.add_product(u128::from(mantissa), units, shift, value < 0.0);
    }

    /// Adds `a x b x 2^shift`, or subtracts it.
    fn add_product(&mut self, a: u128, b: u128, shift: u32, subtract: bool) {
        let (low, high) = a.carrying_mul(b, 0);
        let (bits, mut before) = (shift % 64, 0);
        let words = [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64, 0];
        let words = words.map(|word| {
            let pair = u128::from(word) << 64 | u128::from(before);
            before = word;
            (pair >> (64 - bits)) as u64
        });
        let (mut carry, mut words) = (false, words.into_iter());
        for to in self.0.iter_mut().skip((shift / 64) as usize) {
            let word = match words.next() {
                None if !carry => break,
                word => word.unwrap_or(0),
            };
            (*to, carry) =
                if subtract { to.borrowing_sub(word, carry) } else { to.carrying_add(word, carry) };
        }
    }

    pub(super) fn add(&mut self, other: &Total) {
        let mut carry = false;
        for (to, word) in self.0.iter_mut().zip(other.0) {
            (*to, carry) = to.carrying_add(word, carry);
        }
    }

    pub(super) fn negate(&mut self) {
        let mut carry = true;
        for word in &mut self.0 {
            (*word, carry) = (!*word).carrying_add(0, carry);
        }
    }

    pub(super) fn is_negative(&self) -> bool {
        self.0.last().is_some_and(|word| word >> 63 == 1)
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0 == [0; WORDS]
    }

    fn magnitude(&self) -> Total {
        let mut magnitude = self.clone();
        if self.is_negative() {
            magnitude.negate();
        }
        magnitude
    }

    /// In units of `10^-scale`, if 128 bits hold that; no part has a finer digit.
    pub(super) fn to_exact(&self, scale: u8) -> Option<i128> {
        let mut digits = self.magnitude().0;
        for _ in scale..DECIMAL_SCALE_MAX {
            divide(&mut digits, 10);
        }
        let (words, bits) = ((FRACTION_BITS / 64) as usize, FRACTION_BITS % 64);
        let [a, b, c, rest @ ..] = digits.get(words..)? else { return None };
        if rest.iter().any(|word| *word != 0) || c >> bits != 0 {
            return None;
        }
        let pair = |low: u64, high: u64| (u128::from(high) << 64 | u128::from(low)) >> bits;
        let value = u128::from(pair(*a, *b) as u64) | u128::from(pair(*b, *c) as u64) << 64;
        let value = i128::try_from(value).ok()?;
        Some(if self.is_negative() { -value } else { value })
    }

    /// The float nearest to this divided by `divisor`, which is not zero; infinite where it is
    /// beyond all floats.
    pub(super) fn quotient(&self, divisor: u64) -> f64 {
        // A word more of fraction, so that rounding sees what lies below the last bit.
        let mut words = [0; WORDS + 1];
        words[1..].copy_from_slice(&self.magnitude().0);
        let mut exact = true;
        for divisor in [HALF_SCALE, HALF_SCALE, divisor.max(1)] {
            exact &= divide(&mut words, divisor) == 0;
        }
        let size = nearest(&words, exact);
        if self.is_negative() { -size } else { size }
    }
}

/// Divides, the highest word last; answers the remainder.
fn divide(words: &mut [u64], divisor: u64) -> u64 {
    words.iter_mut().rev().fold(0, |remainder, word| {
        let (value, divisor) =
            (u128::from(remainder) << 64 | u128::from(*word), u128::from(divisor));
        *word = (value / divisor) as u64;
        (value % divisor) as u64
    })
}

/// The float nearest to `words x 2^-1138`, ties to even; with `exact` false to a little more.
fn nearest(words: &[u64], exact: bool) -> f64 {
    const LOWEST: usize = 64; // what lies below is finer than any float
    let Some(top) = words.iter().rposition(|word| *word != 0) else { return 0.0 };
    let top_bit = 64 * top + 63 - words[top].leading_zeros() as usize;
    let last = top_bit.saturating_sub(52).max(LOWEST);
    let bit = |at: usize| words.get(at / 64).map_or(0, |word| word >> (at % 64) & 1);
    let mantissa = (last..=top_bit.max(last)).rev().fold(0, |bits, at| bits << 1 | bit(at));
    let below = !exact || (0..last - 1).any(|at| bit(at) == 1);
    let up = bit(last - 1) == 1 && (below || mantissa & 1 == 1);
    // Floats are ordered like their bits: a carry out of the mantissa raises the exponent.
    let exponent = (last - LOWEST) as u64;
    let bits = match mantissa >> 52 {
        0 => mantissa,
        _ => (exponent << 52) + mantissa,
    } + u64::from(up);
    f64::from_bits(bits.min(f64::INFINITY.to_bits()))
}

/// A float as `mantissa x 2^(shift - 1074)`, without its sign.
pub(super) fn parts_of(value: f64) -> (u64, u32) {
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52 & 0x7ff) as u32, bits & ((1 << 52) - 1));
    match exponent {
        0 => (fraction, 0),
        exponent => (fraction | 1 << 52, exponent - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn float(bits: u64) -> Option<f64> {
        Some(f64::from_bits(bits)).filter(|value| value.is_finite())
    }

    #[test]
    fn rounding_is_to_the_nearest_and_ties_to_even() {
        let sum = |parts: &[f64]| {
            let mut total = Total::ZERO;
            parts.iter().for_each(|part| total.add_float(*part));
            total.quotient(1)
        };
        let (one, half_bit) = (1.0, 2f64.powi(-53));
        assert_eq!(sum(&[one, half_bit]), 1.0);
        assert_eq!(sum(&[one, half_bit, 5e-324]), 1.0 + 2.0 * half_bit);
        assert_eq!(sum(&[one, 3.0 * half_bit]), 1.0 + 4.0 * half_bit);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX, 5e-324, -f64::MAX]), 5e-324);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[-f64::MAX, -2f64.powi(970)]), f64::NEG_INFINITY);
        assert_eq!(sum(&[-f64::MAX, -2f64.powi(969)]), -f64::MAX);
        // Half of the least float is a tie, and zero is even; of three times it, too.
        let mut total = Total::ZERO;
        total.add_float(5e-324);
        assert_eq!((total.quotient(2), total.quotient(1)), (0.0, 5e-324));
        total.add_float(1e-323);
        assert_eq!((total.quotient(2), total.quotient(4)), (1e-323, 5e-324));
    }

    proptest! {
        #[test]
        fn a_float_comes_back(bits in any::<u64>(), divisor in 1u64..) {
            let Some(value) = float(bits) else { return Ok(()) };
            let mut total = Total::ZERO;
            total.add_float(value);
            prop_assert_eq!(total.quotient(1), value);
            // One division of floats rounds once, if the divisor is a float.
            let divisor = divisor & 0x1f_ffff_ffff_ffff | 1;
            prop_assert_eq!(total.quotient(divisor), value / divisor as f64);
            total.negate();
            total.add_float(value);
            prop_assert!(total.is_zero());
        }

        #[test]
        fn whole_numbers_come_back(value in any::<i128>(), scale in 0..=38u8, more in 0..=38u8) {
            let mut total = Total::ZERO;
            total.add_exact(value, scale);
            prop_assert_eq!(total.is_negative(), value < 0);
            let finer = scale.saturating_add(more).min(38);
            let expected = value.checked_mul(power(finer - scale));
            prop_assume!(value != i128::MIN && expected != Some(i128::MIN));
            prop_assert_eq!(total.to_exact(finer), expected);
        }

        #[test]
        fn binary_fractions_are_floats(value in any::<i64>(), bits in 0u32..1_000) {
            let mut total = Total::ZERO;
            total.add_binary(i128::from(value), bits);
            let mut same = Total::ZERO;
            same.add_float((value >> 20) as f64 * 2f64.powi(20 - bits as i32));
            same.add_float((value & 0xf_ffff) as f64 * 2f64.powi(-(bits as i32)));
            prop_assert_eq!(total, same);
        }
    }
}

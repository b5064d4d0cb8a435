//! Decimal numbers, exact to the last digit.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{DECIMAL_DIGITS_MAX, DECIMAL_SCALE_MAX};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// An exact decimal number: `unscaled / 10^scale`. `12.50` keeps both of its digits.
///
/// Two decimals are equal (`==`) when they are written the same; [`compare`](Decimal::compare)
/// goes by value.
///
/// ```
/// use daybit::Decimal;
/// use std::cmp::Ordering;
/// let price: Decimal = "12.50".parse()?;
/// assert_eq!((price.unscaled(), price.scale()), (1250, 2));
/// assert_eq!(price.to_string(), "12.50");
/// assert_eq!(price.compare(&Decimal::new(125, 1)?), Ordering::Equal);
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    unscaled: i128,
    scale: u8,
}

impl Decimal {
    /// `unscaled / 10^scale`. Both are bounded, by
    /// [`DECIMAL_DIGITS_MAX`](crate::limits::DECIMAL_DIGITS_MAX) digits and
    /// [`DECIMAL_SCALE_MAX`](crate::limits::DECIMAL_SCALE_MAX).
    ///
    /// # Errors
    /// [`Limit`](crate::ErrorKind::Limit) when a bound is passed.
    pub fn new(unscaled: i128, scale: u8) -> Result<Decimal> {
        let digits = unscaled.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
        if digits > DECIMAL_DIGITS_MAX || scale > DECIMAL_SCALE_MAX {
            let message = format!(
                "decimal of {digits} digits, {scale} of them after the point: at most \
                 {DECIMAL_DIGITS_MAX} digits are kept, and as many after the point"
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        Ok(Decimal { unscaled, scale })
    }

    /// A decimal of parts that are known to be within bounds.
    pub(crate) const fn checked(unscaled: i128, scale: u8) -> Decimal {
        Decimal { unscaled, scale }
    }

    /// All digits, without the point.
    #[must_use]
    pub const fn unscaled(&self) -> i128 {
        self.unscaled
    }

    /// Digits after the point.
    #[must_use]
    pub const fn scale(&self) -> u8 {
        self.scale
    }

    /// Compares by value: `12.5` and `12.50` are equal.
    #[must_use]
    pub fn compare(&self, other: &Decimal) -> Ordering {
        if self.scale == other.scale {
            return self.unscaled.cmp(&other.unscaled);
        }
        let scale = self.scale.max(other.scale);
        let (whole, part) = self.parts(scale);
        (whole, part).cmp(&other.parts(scale))
    }

    /// Compares by value with a binary number, exactly; `None` for NaN.
    pub(super) fn compare_float(&self, float: f64) -> Option<Ordering> {
        const BEYOND: f64 = 1e39; // more than any decimal
        if float.is_nan() {
            return None;
        }
        // Within i128, and exact: what is cut off is the fraction.
        let float_whole = float.clamp(-BEYOND, BEYOND).trunc();
        if float_whole.abs() == BEYOND {
            return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
        }
        let (whole, part) = self.parts(self.scale);
        let wholes = whole.cmp(&(float_whole as i128));
        Some(wholes.then_with(|| compare_fractions(part, self.scale, float - float_whole)))
    }

    /// The whole part, and the rest in units of `10^-scale`; both carry the sign. `scale` is at
    /// least the decimal's own and at most the largest, so that nothing overflows.
    fn parts(&self, scale: u8) -> (i128, i128) {
        let one = power(self.scale);
        (self.unscaled / one, self.unscaled % one * power(scale - self.scale))
    }
}

/// `10^scale`; scales are at most 38, which 128 bits hold.
pub(super) fn power(scale: u8) -> i128 {
    10i128.saturating_pow(u32::from(scale))
}

/// Compares `part / 10^scale` with a float, both between -1 and 1.
fn compare_fractions(part: i128, scale: u8, float: f64) -> Ordering {
    let float_sign = float.partial_cmp(&0.0).map_or(0, |ordering| ordering as i128);
    let signs = part.signum().cmp(&float_sign);
    if signs != Ordering::Equal || float_sign == 0 {
        return signs;
    }
    let sizes = compare_sizes(part.unsigned_abs(), scale, float.abs());
    if float_sign < 0 { sizes.reverse() } else { sizes }
}

/// Compares two fractions above zero, digit by digit of the float's exact decimal form.
fn compare_sizes(part: u128, scale: u8, float: f64) -> Ordering {
    // As a fixed point number of 192 bits after the point. A float whose last bit lies deeper is
    // smaller than 2^-139, and so than every decimal fraction that is not zero.
    if float < 2f64.powi(-139) {
        return Ordering::Greater;
    }
    let mut bits = fixed_point(float);
    for place in (0..scale).rev() {
        let digit = part / power(place).unsigned_abs() % 10;
        let ordering = digit.cmp(&u128::from(next_digit(&mut bits)));
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    if bits == [0; 3] { Ordering::Equal } else { Ordering::Less }
}

/// A float between 2^-139 and 1 as 192 bits after the point, the highest word first.
fn fixed_point(float: f64) -> [u64; 3] {
    let mut rest = float;
    [(); 3].map(|()| {
        // Powers of two move the point only; taking the whole part off is exact as well.
        let scaled = rest * 2f64.powi(64);
        rest = scaled.fract();
        scaled.trunc() as u64
    })
}

/// Multiplies the fraction by ten and takes off the digit before the point.
fn next_digit(bits: &mut [u64; 3]) -> u64 {
    bits.iter_mut().rev().fold(0, |carry, word| {
        let product = u128::from(*word) * 10 + u128::from(carry);
        *word = product as u64; // the low half; the high half is carried on
        (product >> 64) as u64
    })
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Decimal {
        Decimal { unscaled: i128::from(number), scale: 0 }
    }
}

impl fmt::Display for Decimal {
    /// Exactly `scale` digits after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = usize::from(self.scale) + 1;
        let mut digits = format!("{:0width$}", self.unscaled.unsigned_abs());
        if self.scale > 0 {
            digits.insert(digits.len() - usize::from(self.scale), '.');
        }
        f.pad_integral(self.unscaled >= 0, "", &digits)
    }
}

impl FromStr for Decimal {
    type Err = Error;

    /// Reads digits, at most one point between them, and a minus before a number below zero: only
    /// what is written back with the same bytes. `+3`, `007`, `.5`, `12.`, `-0` and `1e5` are
    /// refused.
    fn from_str(text: &str) -> Result<Decimal> {
        parse(text.as_bytes()).ok_or_else(|| {
            let text: String = text.chars().take(60).collect();
            let form = "digits with one point between them, without leading zeros";
            Error::input(format!(
                "{text:?} is not a decimal number of at most {DECIMAL_DIGITS_MAX} digits: {form}"
            ))
        })
    }
}

/// Reads the canonical form; `None` for anything else and what is too long.
pub(super) fn parse(text: &[u8]) -> Option<Decimal> {
    let (negative, number) = match text {
        [b'-', number @ ..] => (true, number),
        number => (false, number),
    };
    let whole_length = number.iter().position(|&byte| byte == b'.').unwrap_or(number.len());
    let (whole, rest) = number.split_at_checked(whole_length)?;
    let fraction = match rest {
        [] => rest,
        [_, fraction @ ..] if !fraction.is_empty() => fraction,
        _ => return None,
    };
    let canonical = matches!(whole, [b'0'] | [b'1'..=b'9', ..]);
    if !canonical || number.len() > 2 * DECIMAL_DIGITS_MAX {
        return None;
    }
    let mut unscaled = 0i128;
    for byte in whole.iter().chain(fraction) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        unscaled = unscaled.checked_mul(10)?.checked_add(digit)?;
    }
    if negative && unscaled == 0 {
        return None; // there is no negative zero to write back
    }
    let scale = u8::try_from(fraction.len()).ok()?;
    Decimal::new(if negative { -unscaled } else { unscaled }, scale).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_is_written_back_the_same_is_read() {
        let most = "9".repeat(38);
        let least = format!("-0.{}1", "0".repeat(37));
        for text in ["0", "7", "-7", "0.0", "0.00", "12.50", "-0.5", "1000", &most, &least] {
            assert_eq!(decimal(text).to_string(), *text);
        }
        let too_long = format!("1{}", "0".repeat(38));
        let too_deep = format!("0.{}", "0".repeat(39));
        let refused = [
            "", "-", ".", "-.", "12.", ".5", "007", "007.5", "00", "+3", "-0", "-0.00", "1e5",
            " 1", "1 ", "1.2.3", "--1", "1,5", "\u{661}", "0x1", &too_long, &too_deep,
        ];
        for text in refused {
            let error = text.parse::<Decimal>().unwrap_err();
            assert!(error.to_string().contains("is not a decimal number"), "{text}");
        }
    }

    #[test]
    fn the_bounds_hold_on_both_sides() {
        let most = 10i128.pow(38) - 1;
        assert!(Decimal::new(most, 38).is_ok());
        assert!(Decimal::new(-most, 0).is_ok());
        assert_eq!(Decimal::new(most + 1, 0).unwrap_err().kind(), crate::ErrorKind::Limit);
        assert!(Decimal::new(-most - 1, 0).is_err());
        assert!(Decimal::new(i128::MIN, 0).is_err());
        assert!(Decimal::new(0, 39).is_err());
    }

    #[test]
    fn values_compare_across_scales() {
        let most = decimal(&"9".repeat(38));
        let least = decimal(&format!("0.{}1", "0".repeat(37)));
        assert_eq!(decimal("12.5").compare(&decimal("12.50")), Ordering::Equal);
        assert_ne!(decimal("12.5"), decimal("12.50"));
        assert_eq!(most.compare(&least), Ordering::Greater);
        assert_eq!(least.compare(&decimal("0")), Ordering::Greater);
        assert_eq!(decimal("-0.5").compare(&decimal("0.25")), Ordering::Less);
        assert_eq!(decimal("-1.5").compare(&decimal("-1.25")), Ordering::Less);
    }

    #[test]
    fn floats_compare_to_the_last_bit() {
        let against = |text, float| decimal(text).compare_float(float);
        // The nearest float to 0.1 lies a little above it, the nearest to 0.3 a little below.
        assert_eq!(against("0.1", 0.1), Some(Ordering::Less));
        assert_eq!(against("0.3", 0.3), Some(Ordering::Greater));
        assert_eq!(against("-0.1", -0.1), Some(Ordering::Greater));
        assert_eq!(against("0.500", 0.5), Some(Ordering::Equal));
        assert_eq!(against("-12.5", -12.5), Some(Ordering::Equal));
        assert_eq!(against("0", -0.0), Some(Ordering::Equal));
        assert_eq!(against("0", 5e-324), Some(Ordering::Less));
        assert_eq!(against("0", -5e-324), Some(Ordering::Greater));
        let least = "0.00000000000000000000000000000000000001";
        assert_eq!(against(least, 5e-324), Some(Ordering::Greater));
        assert_eq!(against("9007199254740993", 9_007_199_254_740_992.0), Some(Ordering::Greater));
        // The float nearest to 10^38 lies below it, 2^127 above.
        let most = "99999999999999999999999999999999999999";
        assert_eq!(against(most, 1e38), Some(Ordering::Greater));
        assert_eq!(against(most, 2f64.powi(127)), Some(Ordering::Less));
        assert_eq!(against(most, f64::MAX), Some(Ordering::Less));
        assert_eq!(against("1", f64::INFINITY), Some(Ordering::Less));
        assert_eq!(against("1", f64::NEG_INFINITY), Some(Ordering::Greater));
        assert_eq!(against("1", f64::NAN), None);
    }

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        let bound = 10i128.pow(38);
        let unscaled = prop_oneof![-bound + 1..bound, -1_000i128..1_000];
        (unscaled, 0..=38u8).prop_map(|(unscaled, scale)| Decimal::new(unscaled, scale).unwrap())
    }

    proptest! {
        #[test]
        fn decimals_round_trip(decimal in any_decimal()) {
            prop_assert_eq!(decimal.to_string().parse::<Decimal>().unwrap(), decimal);
        }

        #[test]
        fn what_is_read_is_written_back(text in "-?[0-9]{0,3}\\.?[0-9]{0,3}") {
            if let Ok(decimal) = text.parse::<Decimal>() {
                prop_assert_eq!(decimal.to_string(), text);
            }
        }

        #[test]
        fn comparing_agrees_with_the_common_scale(
            a in -10_000i128..10_000,
            b in -10_000i128..10_000,
                                                  s in 0..6u8, t in 0..6u8) {
            let expected = (a * power(6 - s)).cmp(&(b * power(6 - t)));
            let (a, b) = (Decimal::new(a, s).unwrap(), Decimal::new(b, t).unwrap());
            prop_assert_eq!(a.compare(&b), expected);
            prop_assert_eq!(b.compare(&a), expected.reverse());
        }

        #[test]
        fn floats_compare_as_their_exact_digits(
            decimal in any_decimal(),
            bits in any::<u64>(),
            near in any::<bool>(),
        ) {
            // Either any float at all, or the one nearest to the decimal.
            let nearest = || decimal.to_string().parse().unwrap();
            let float = if near { nearest() } else { f64::from_bits(bits) };
            prop_assume!(f64::abs(float) < 1e38);
            // At 1,074 digits after the point every float is written exactly.
            let exact = format!("{float:.1074}");
            prop_assert_eq!(exact.parse::<f64>().unwrap(), float);
            let expected = by_digits(&decimal.to_string(), &exact);
            prop_assert_eq!(decimal.compare_float(float), Some(expected));
        }
    }

    /// Compares two written numbers as text, padded to one length.
    fn by_digits(a: &str, b: &str) -> Ordering {
        let padded = |text: &str| {
            let size = text.trim_start_matches('-');
            let (whole, part) = size.split_once('.').unwrap_or((size, ""));
            let digits = format!("{whole:0>40}{part:0<1074}");
            let zero = digits.bytes().all(|digit| digit == b'0');
            (text.starts_with('-') && !zero, digits)
        };
        match (padded(a), padded(b)) {
            ((true, a), (true, b)) => b.cmp(&a),
            ((false, a), (false, b)) => a.cmp(&b),
            ((negative, _), _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

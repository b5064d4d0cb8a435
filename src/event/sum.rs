//! Sums that do not depend on the order of their parts.

use super::decimal::power;
use super::total::{Total, parts_of};
use super::{Decimal, Number};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::DECIMAL_DIGITS_MAX;
use std::cmp::Ordering;

/// An exact sum of numbers, floats too: it is the same whatever the order of its parts, and rounded
/// once when it is read. Its scale is the greatest of its parts: 12.50 and 3 are 15.50.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum {
    /// Most sums, whole: in units of `10^-scale`, or with a float among the parts, of `2^-64`.
    near: i128,
    /// What does not go into `near`.
    far: Option<Box<Total>>,
    /// The greatest among the parts.
    scale: u8,
    /// Is a float among the parts?
    floats: bool,
}

/// A sum that 128 bits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlainSum {
    /// In units of `10^-scale`, or with a float among the parts, of `2^-64`.
    pub(crate) units: i128,
    /// The greatest among the parts, at most `DECIMAL_SCALE_MAX`.
    pub(crate) scale: u8,
    pub(crate) floats: bool,
}

impl From<PlainSum> for Sum {
    fn from(plain: PlainSum) -> Sum {
        let PlainSum { units, scale, floats } = plain;
        Sum { near: units, far: None, scale, floats }
    }
}

/// Bits after the point of a near sum with floats.
const NEAR_BITS: u32 = 64;

impl Sum {
    /// `None` where 128 bits do not hold it.
    pub(crate) fn plain(&self) -> Option<PlainSum> {
        let Sum { near, far, scale, floats } = self;
        far.is_none().then_some(PlainSum { units: *near, scale: *scale, floats: *floats })
    }

    #[inline]
    pub(crate) fn add(&mut self, number: Number) {
        match number {
            Number::Exact(value) => self.add_exact(value.unscaled(), value.scale()),
            Number::Float(value) => self.add_float(value),
        }
    }

    fn add_exact(&mut self, unscaled: i128, scale: u8) {
        if scale > self.scale {
            self.raise_scale(scale);
        }
        let units = match (self.floats, self.scale - scale) {
            (false, 0) => Some(unscaled),
            (false, more) => unscaled.checked_mul(power(more)),
            (true, _) if scale == 0 => unscaled.checked_mul(1 << NEAR_BITS),
            (true, _) => None,
        };
        match units.and_then(|units| self.near.checked_add(units)) {
            Some(near) => self.near = near,
            None => self.far().add_exact(unscaled, scale),
        }
    }

    fn add_float(&mut self, value: f64) {
        self.take_floats();
        match near_units(value).and_then(|units| self.near.checked_add(units)) {
            Some(near) => self.near = near,
            None => self.far().add_float(value),
        }
    }

    fn raise_scale(&mut self, scale: u8) {
        if !self.floats {
            let raised = self.near.checked_mul(power(scale - self.scale));
            if raised.is_none() {
                let (near, scale) = (self.near, self.scale);
                self.far().add_exact(near, scale);
            }
            self.near = raised.unwrap_or(0);
        }
        self.scale = scale;
    }

    /// From now on `near` is in units of floats.
    fn take_floats(&mut self) {
        if !self.floats {
            self.floats = true;
            let near = std::mem::take(&mut self.near);
            self.add_exact(near, self.scale);
        }
    }

    fn far(&mut self) -> &mut Total {
        self.far.get_or_insert_with(|| Box::new(Total::ZERO))
    }

    /// Adds all parts of the other sum.
    pub(crate) fn add_sum(&mut self, other: &Sum) {
        if other.floats {
            self.take_floats();
            self.scale = self.scale.max(other.scale);
            match self.near.checked_add(other.near) {
                Some(near) => self.near = near,
                None => self.far().add_binary(other.near, NEAR_BITS),
            }
        } else {
            self.add_exact(other.near, other.scale);
        }
        if let Some(far) = &other.far {
            self.far().add(far);
        }
    }

    pub(crate) fn subtract_sum(&mut self, other: &Sum) {
        self.add_sum(&other.negated());
    }

    pub(crate) fn negated(&self) -> Sum {
        let mut negated = self.clone();
        match self.near.checked_neg() {
            Some(near) => negated.near = near,
            None => {
                *negated.far() = self.total();
                negated.near = 0;
            }
        }
        negated.far.iter_mut().for_each(|far| far.negate());
        negated
    }

    fn total(&self) -> Total {
        let mut total = self.far.as_deref().cloned().unwrap_or(Total::ZERO);
        match self.floats {
            true => total.add_binary(self.near, NEAR_BITS),
            false => total.add_exact(self.near, self.scale),
        }
        total
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.sign() == Ordering::Equal
    }

    /// How it compares with zero.
    fn sign(&self) -> Ordering {
        if self.far.is_none() {
            return self.near.cmp(&0);
        }
        match self.total() {
            total if total.is_negative() => Ordering::Less,
            total if total.is_zero() => Ordering::Equal,
            _ => Ordering::Greater,
        }
    }

    /// Compares by value, exactly.
    pub(crate) fn compare(&self, other: &Sum) -> Ordering {
        let same_units = self.floats == other.floats && (self.floats || self.scale == other.scale);
        if same_units && self.far.is_none() && other.far.is_none() {
            return self.near.cmp(&other.near);
        }
        let mut difference = self.clone();
        difference.subtract_sum(other);
        difference.sign()
    }

    /// The lesser of two sums.
    pub(crate) fn min<'a>(&'a self, other: &'a Sum) -> &'a Sum {
        if self.compare(other) == Ordering::Greater { other } else { self }
    }

    /// The sum as a number: exact, or the nearest float where a part is one. The sum of nothing
    /// is 0.
    ///
    /// # Errors
    /// `Limit` where it has more digits than a decimal, or is beyond all floats.
    pub(crate) fn value(&self) -> Result<Number> {
        let number = if self.floats {
            Some(self.to_f64()).filter(|value| value.is_finite()).map(Number::Float)
        } else {
            let unscaled = match self.far {
                None => Some(self.near),
                Some(_) => self.total().to_exact(self.scale),
            };
            let value = unscaled.and_then(|unscaled| Decimal::new(unscaled, self.scale).ok());
            value.map(Number::Exact)
        };
        number.ok_or_else(|| {
            let value = self.to_f64();
            let message = format!(
                "a sum of about {value:e} with {} digits after the point: at most \
                 {DECIMAL_DIGITS_MAX} digits are kept, and floats end at 1.8e308: narrow its \
                 events with a condition, or by users or range",
                self.scale
            );
            Error::new(ErrorKind::Limit, message)
        })
    }

    /// The nearest float; infinite where it is beyond all floats.
    pub(crate) fn to_f64(&self) -> f64 {
        self.quotient(1)
    }

    /// The nearest float to the sum divided by `count`; `None` over nothing.
    pub(crate) fn mean(&self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.quotient(count))
    }

    fn quotient(&self, divisor: u64) -> f64 {
        const WHOLE_MAX: u64 = 1 << 53; // up to here floats hold every whole number
        let units = 10u64.checked_pow(u32::from(self.scale));
        let divided = units.and_then(|units| units.checked_mul(divisor));
        let divided = divided.filter(|divided| *divided <= WHOLE_MAX);
        let near = u64::try_from(self.near.unsigned_abs()).is_ok_and(|near| near <= WHOLE_MAX);
        match divided {
            // Both are exact, so that the division rounds once.
            Some(divided) if near && !self.floats && self.far.is_none() => {
                self.near as f64 / divided as f64
            }
            _ if self.floats && divisor == 1 && self.far.is_none() => {
                self.near as f64 / 2f64.powi(NEAR_BITS as i32)
            }
            _ => self.total().quotient(divisor),
        }
    }
}

/// A float in units of `2^-64`, if it is a whole number of them and far from the end of 128 bits.
fn near_units(value: f64) -> Option<i128> {
    const WHOLE_SHIFT: u32 = 1_074 - NEAR_BITS;
    const LEFT_MAX: u32 = 70;
    let (mantissa, shift) = parts_of(value);
    let size = match shift.checked_sub(WHOLE_SHIFT) {
        Some(left) => (left <= LEFT_MAX).then(|| i128::from(mantissa) << left)?,
        None => {
            let right = WHOLE_SHIFT - shift;
            let exact = mantissa == 0 || mantissa.trailing_zeros() >= right;
            exact.then(|| i128::from(mantissa).checked_shr(right).unwrap_or(0))?
        }
    };
    Some(if value < 0.0 { -size } else { size })
}

impl From<Number> for Sum {
    fn from(number: Number) -> Sum {
        let mut sum = Sum::default();
        sum.add(number);
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Value;
    use proptest::prelude::*;

    fn exact(text: &str) -> Number {
        Number::Exact(text.parse().unwrap())
    }

    fn sum(parts: &[Number]) -> Sum {
        let mut sum = Sum::default();
        parts.iter().for_each(|part| sum.add(*part));
        sum
    }

    fn shown(sum: &Sum) -> String {
        sum.value().map_or_else(|e| e.to_string(), |number| format!("{number:?}"))
    }

    #[test]
    fn money_keeps_its_scale() {
        assert_eq!(Value::from(Sum::default().value().unwrap()), Value::Integer(0));
        assert_eq!(sum(&[exact("12.50"), Number::from(3)]).value().unwrap(), exact("15.50"));
        assert_eq!(sum(&[Number::from(3), exact("12.50")]).value().unwrap(), exact("15.50"));
        assert_eq!(sum(&[exact("0.5"), exact("-0.50")]).value().unwrap(), exact("0.00"));
        let mut change = sum(&[exact("9.99")]);
        change.subtract_sum(&Sum::from(exact("10")));
        assert_eq!(change.value().unwrap(), exact("-0.01"));
        assert!(!change.is_zero());
        change.subtract_sum(&change.clone());
        assert!(change.is_zero());
    }

    #[test]
    fn floats_are_rounded_once() {
        let tenth = Number::Float(0.1);
        assert_eq!(sum(&[tenth; 10]).value().unwrap(), Number::Float(1.0));
        assert_eq!(sum(&[tenth, Number::Float(-0.1)]).value().unwrap(), Number::Float(0.0));
        let mixed = sum(&[exact("0.1"), Number::Float(-0.1)]);
        assert_eq!(mixed.value().unwrap(), Number::Float(-5.551_115_123_125_783e-18));
        assert!(!mixed.is_zero());
        let large = [1e308, 1e308, -1e308, 5e-324].map(Number::Float);
        assert_eq!(sum(&large).value().unwrap(), Number::Float(1e308));
        assert_eq!(sum(&large[..2]).value().unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(sum(&large[..2]).mean(2), Some(1e308));
    }

    #[test]
    fn what_passes_128_bits_comes_back() {
        let most = exact(&"9".repeat(38));
        let least = exact(&format!("0.{}1", "0".repeat(37)));
        let mut large = sum(&[most; 9]);
        assert_eq!(large.value().unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(large.to_f64(), 9e38);
        large.subtract_sum(&sum(&[most; 8]));
        assert_eq!(large.value().unwrap(), most);
        // The whole part and the digits after the point do not fit together; either alone does.
        large.add(least);
        let error = large.value().unwrap_err().to_string();
        assert!(error.contains("about 1e38") && error.contains("38 digits after"), "{error}");
        assert!(error.contains("narrow its events"), "{error}");
        large.subtract_sum(&Sum::from(most));
        assert_eq!(large.value().unwrap(), least);
        let far = Sum { near: i128::MIN, ..Sum::default() };
        assert_eq!(far.negated().to_f64(), 2f64.powi(127));
        assert_eq!(far.negated().negated().compare(&far), Ordering::Equal);
    }

    #[test]
    fn means_are_rounded_once() {
        assert_eq!(Sum::default().mean(0), None);
        assert_eq!(sum(&[Number::from(1)]).mean(3), Some(1.0 / 3.0));
        assert_eq!(sum(&[exact("0.10"), exact("0.20")]).mean(2), Some(0.15));
        assert_eq!(sum(&[exact("99999999999999999999.99")]).mean(7), Some(1e20 / 7.0));
        assert_eq!(
            sum(&[Number::Float(0.1), Number::Float(0.7)]).mean(2),
            Some(0.399_999_999_999_999_97)
        );
    }

    fn numbers() -> impl Strategy<Value = Number> {
        let bound = 10i128.pow(38);
        let decimal = |unscaled, scale| Number::Exact(Decimal::new(unscaled, scale).unwrap());
        prop_oneof![
            any::<i64>().prop_map(Number::from),
            (-10_000i128..10_000, 0..4u8).prop_map(move |(u, s)| decimal(u, s)),
            (-bound + 1..bound, 0..=38u8).prop_map(move |(u, s)| decimal(u, s)),
            (-1e9..1e9).prop_map(Number::Float),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Number::Float),
        ]
    }

    proptest! {
        #[test]
        fn no_order_and_no_grouping_matters(
            parts in prop::collection::vec(numbers(), 0..30),
            keep_floats in any::<bool>(),
            order in any::<prop::sample::Index>(),
        ) {
            let mut parts = parts;
            parts.retain(|part| keep_floats || matches!(part, Number::Exact(_)));
            let straight = sum(&parts);
            let mut other = parts.clone();
            other.reverse();
            let cut = order.index(parts.len() + 1);
            let mut grouped = sum(&other[..cut]);
            grouped.add_sum(&sum(&other[cut..]));
            prop_assert_eq!(shown(&straight), shown(&grouped));
            prop_assert_eq!(straight.to_f64().to_bits(), grouped.to_f64().to_bits());
            prop_assert_eq!(straight.mean(7), grouped.mean(7));
            prop_assert_eq!(straight.compare(&grouped), Ordering::Equal);
            // What is added and taken away again leaves nothing but its scale.
            let mut nothing = straight.negated();
            nothing.add_sum(&grouped);
            prop_assert!(nothing.is_zero());
            prop_assert_eq!(nothing.to_f64(), 0.0);
        }

        #[test]
        fn sums_compare_like_numbers(a in numbers(), b in numbers()) {
            let (x, y) = (Sum::from(a), Sum::from(b));
            prop_assert_eq!(x.compare(&y), a.compare(&b));
            prop_assert_eq!(x.min(&y).compare(&x), b.compare(&a).min(Ordering::Equal));
            // The law of growth: last + max(0, this - last) = this + max(0, last - this).
            let gain = |from: &Sum, to: &Sum| {
                let mut gain = to.clone();
                gain.subtract_sum(from);
                if gain.sign() == Ordering::Less { Sum::default() } else { gain }
            };
            let (mut left, mut right) = (x.clone(), y.clone());
            left.add_sum(&gain(&x, &y));
            right.add_sum(&gain(&y, &x));
            prop_assert_eq!(left.compare(&right), Ordering::Equal);
            let mut kept = x.min(&y).clone();
            kept.add_sum(&gain(&x, &y));
            prop_assert_eq!(kept.compare(&y), Ordering::Equal);
        }

        #[test]
        fn small_sums_are_those_of_128_bits(
            parts in prop::collection::vec((-1_000_000i64..1_000_000, 0..6u8), 0..50),
        ) {
            let numbers: Vec<Number> = parts
                .iter()
                .map(|(unscaled, scale)| Decimal::new(i128::from(*unscaled), *scale).unwrap().into())
                .collect();
            let scale = parts.iter().map(|(_, scale)| *scale).max().unwrap_or(0);
            let units = parts.iter().map(|(u, s)| i128::from(*u) * power(scale - s)).sum();
            let expected = Number::Exact(Decimal::new(units, scale).unwrap());
            prop_assert_eq!(sum(&numbers).value().unwrap(), expected);
        }

        #[test]
        fn binary_sums_are_those_of_128_bits(
            parts in prop::collection::vec((any::<i32>(), -40i32..40), 0..50),
        ) {
            let numbers: Vec<Number> =
                parts.iter().map(|(m, e)| Number::Float(f64::from(*m) * 2f64.powi(*e))).collect();
            let units: i128 = parts.iter().map(|(m, e)| i128::from(*m) << (e + 40)).sum();
            prop_assume!(!parts.is_empty());
            let expected = Number::Float(units as f64 * 2f64.powi(-40));
            prop_assert_eq!(sum(&numbers).value().unwrap(), expected);
        }
    }
}

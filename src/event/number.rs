//! Numbers read from properties, whatever they were stored as.

use super::sum::Sum;
use super::{Decimal, Value};
use std::cmp::Ordering;

/// A number read from a property. Exact unless it was stored as a binary float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Exact(Decimal),
    /// Finite.
    Float(f64),
}

impl Number {
    /// Compares by value, exactly, whatever the kinds: 2 and 2.0 are equal.
    pub(crate) fn compare(&self, other: &Number) -> Ordering {
        let ordering = match (self, other) {
            (Number::Exact(a), Number::Exact(b)) => Some(a.compare(b)),
            (Number::Exact(a), Number::Float(b)) => a.compare_float(*b),
            (Number::Float(a), Number::Exact(b)) => b.compare_float(*a).map(Ordering::reverse),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(b),
        };
        ordering.unwrap_or(Ordering::Equal) // none is NaN
    }

    /// The lesser of two. Of equal ones that are written differently the one with the most digits,
    /// whichever comes first.
    pub(crate) fn lesser(self, other: Number) -> Number {
        let ordering = other.compare(&self).then_with(|| self.written().cmp(&other.written()));
        if ordering.is_lt() { other } else { self }
    }

    /// The greater of two; of equal ones as above.
    pub(crate) fn greater(self, other: Number) -> Number {
        let ordering = self.compare(&other).then_with(|| self.written().cmp(&other.written()));
        if ordering.is_lt() { other } else { self }
    }

    /// Orders equal numbers: a negative zero, a float, then a decimal by its digits.
    fn written(self) -> (bool, Option<u8>) {
        match self {
            Number::Exact(number) => (true, Some(number.scale())),
            Number::Float(value) => (value.is_sign_positive(), None),
        }
    }

    /// The nearest float.
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Number::Exact(_) => Sum::from(self).to_f64(),
            Number::Float(value) => value,
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number::Exact(Decimal::from(value))
    }
}

impl From<Decimal> for Number {
    fn from(value: Decimal) -> Number {
        Number::Exact(value)
    }
}

impl From<Number> for Value {
    /// A number without digits after the point is an integer, if 64 bits hold it.
    fn from(number: Number) -> Value {
        match number {
            Number::Float(value) => Value::Float(value),
            Number::Exact(value) => match i64::try_from(value.unscaled()) {
                Ok(whole) if value.scale() == 0 => Value::Integer(whole),
                _ => Value::Decimal(value),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Number {
        Number::Exact(text.parse().unwrap())
    }

    #[test]
    fn numbers_become_values_of_their_kind() {
        let value = |number: Number| Value::from(number);
        assert_eq!(value(Number::from(-3)), Value::Integer(-3));
        assert_eq!(value(exact("3.0")), Value::Decimal("3.0".parse().unwrap()));
        let beyond = "9223372036854775808";
        assert_eq!(value(exact(beyond)), Value::Decimal(beyond.parse().unwrap()));
        assert_eq!(value(Number::Float(0.5)), Value::Float(0.5));
    }

    #[test]
    fn numbers_compare_by_value() {
        let order = [
            Number::Float(-1e300),
            exact("-2.5"),
            Number::from(-2),
            Number::Float(-1e-300),
            exact("0.1"),
            Number::Float(0.1),
            exact("99999999999999999999999999999999999999"),
            Number::Float(1e39),
        ];
        for (i, a) in order.iter().enumerate() {
            for (j, b) in order.iter().enumerate() {
                assert_eq!(a.compare(b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert_eq!(exact("2.00").compare(&Number::Float(2.0)), Ordering::Equal);
        assert_eq!(Number::Float(0.0).compare(&Number::Float(-0.0)), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn floats_are_the_nearest(unscaled in any::<i128>(), digits in 0u32..38, scale in 0..=38u8) {
            let unscaled = unscaled % 10i128.pow(digits + 1);
            let number = Decimal::new(unscaled, scale).unwrap();
            let expected: f64 = number.to_string().parse().unwrap();
            prop_assert_eq!(Number::Exact(number).to_f64(), expected);
            prop_assert_eq!(Sum::from(Number::Exact(number)).negated().to_f64(), -expected);
        }
    }
}

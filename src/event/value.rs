//! Values of properties.

use super::Decimal;
use super::Number;
use super::decimal;
use std::cmp::Ordering;
use std::fmt;

/// One property's value. Every value has its own type; a property may mix them.
///
/// ```
/// use daybit::Value;
/// assert_eq!(Value::from(3), Value::Integer(3));
/// assert_eq!(Value::from("DE"), Value::Text("DE".into()));
/// assert_eq!(Value::from(2.5).to_string(), "2.5");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A decimal number, kept to the last digit.
    Decimal(Decimal),
    /// A binary floating point number; never infinite, never NaN.
    Float(f64),
    /// Text in UTF-8.
    Text(String),
}

impl Value {
    /// The value of a cell of a text file: a boolean (`true`, `false`), a whole number or a
    /// decimal if writing it back gives the same bytes, otherwise text. So `007`, `+3` and `1e5`
    /// stay text. Whole numbers of more than 64 bits are decimals, up to 38 digits.
    ///
    /// ```
    /// use daybit::{Decimal, Value};
    /// assert_eq!(Value::from_cell("42"), Value::Integer(42));
    /// assert_eq!(Value::from_cell("9.90"), Value::Decimal(Decimal::new(990, 2)?));
    /// assert_eq!(Value::from_cell("true"), Value::Bool(true));
    /// assert_eq!(Value::from_cell("007"), Value::Text("007".into()));
    /// # Ok::<(), daybit::Error>(())
    /// ```
    #[must_use]
    pub fn from_cell(text: &str) -> Value {
        match text {
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            _ => {}
        }
        match decimal::parse(text.as_bytes()) {
            None => Value::Text(text.to_owned()),
            Some(number) => match i64::try_from(number.unscaled()) {
                Ok(whole) if number.scale() == 0 => Value::Integer(whole),
                _ => Value::Decimal(number),
            },
        }
    }

    /// Compares two numbers by value, exactly, whatever their types; `None` if one of them is no
    /// number.
    ///
    /// ```
    /// use daybit::Value;
    /// use std::cmp::Ordering;
    /// let (three, more) = (Value::from(3), Value::from(3.000001));
    /// assert_eq!(three.compare_numbers(&more), Some(Ordering::Less));
    /// assert_eq!(three.compare_numbers(&Value::from("3")), None);
    /// ```
    #[must_use]
    pub fn compare_numbers(&self, other: &Value) -> Option<Ordering> {
        use Value::{Float, Integer};
        match (self, other) {
            (Integer(a), Integer(b)) => Some(a.cmp(b)),
            (Float(a), Float(b)) => a.partial_cmp(b),
            (Float(a), b) => Some(b.exact()?.compare_float(*a)?.reverse()),
            (a, Float(b)) => a.exact()?.compare_float(*b),
            (a, b) => Some(a.exact()?.compare(&b.exact()?)),
        }
    }

    /// The number; `None` for a boolean or a text.
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Value::Float(number) => Some(Number::Float(*number)),
            number => number.exact().map(Number::Exact),
        }
    }

    /// The number, unless it is a float.
    fn exact(&self) -> Option<Decimal> {
        match self {
            Value::Integer(number) => Some(Decimal::from(*number)),
            Value::Decimal(number) => Some(*number),
            Value::Bool(_) | Value::Float(_) | Value::Text(_) => None,
        }
    }
}

impl fmt::Display for Value {
    /// The text of the value, as an export writes it: `true`, `42`, `9.90`, `0.1`, `DE`. A float
    /// has the fewest digits that read back the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::Decimal(value) => value.fmt(f),
            Value::Float(value) => value.fmt(f),
            Value::Text(value) => f.pad(value),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Integer(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Integer(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Integer(value.into())
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Value {
        Value::Decimal(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_become_what_they_are_written_as() {
        let big = "9223372036854775808";
        assert_eq!(Value::from_cell("-9223372036854775808"), Value::Integer(i64::MIN));
        assert_eq!(Value::from_cell(big), Value::Decimal(big.parse().unwrap()));
        assert_eq!(Value::from_cell("12.50"), Value::Decimal(Decimal::new(1_250, 2).unwrap()));
        assert_eq!(Value::from_cell("1.0"), Value::Decimal(Decimal::new(10, 1).unwrap()));
        assert_eq!(Value::from_cell("false"), Value::Bool(false));
        let digits = "1".repeat(39);
        for text in ["", "007", "+3", "1e5", "-0", "True", "NaN", "inf", " 1", ".5", "5.", &digits]
        {
            assert_eq!(Value::from_cell(text), Value::Text(text.to_owned()));
        }
    }

    #[test]
    fn numbers_compare_by_value_across_types() {
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        let compare = |a: Value, b: Value| {
            assert_eq!(a.compare_numbers(&b), b.compare_numbers(&a).map(Ordering::reverse));
            a.compare_numbers(&b)
        };
        assert_eq!(compare(Value::from(3), decimal("3.00")), Some(Ordering::Equal));
        assert_eq!(compare(Value::from(3), Value::from(3.0)), Some(Ordering::Equal));
        assert_eq!(compare(decimal("0.1"), Value::from(0.1)), Some(Ordering::Less));
        assert_eq!(
            compare(Value::from(i64::MAX), Value::from(2f64.powi(63))),
            Some(Ordering::Less)
        );
        assert_eq!(compare(Value::from(1), Value::from(2)), Some(Ordering::Less));
        assert_eq!(compare(Value::from(1.5), Value::from(-2.5)), Some(Ordering::Greater));
        for other in [Value::from("3"), Value::from(true), Value::from(f64::NAN)] {
            assert_eq!(compare(Value::from(3), other.clone()), None);
            assert_eq!(compare(Value::from(3.0), other.clone()), None);
            assert_eq!(compare(decimal("3"), other), None);
        }
    }

    proptest! {
        #[test]
        fn cells_are_written_back_to_the_byte(text in "[-+]?[0-9]{0,20}\\.?[0-9]{0,25}|true|false|\\PC{0,8}") {
            prop_assert_eq!(Value::from_cell(&text).to_string(), text);
        }

        #[test]
        fn whole_numbers_of_64_bits_are_integers(number in any::<i64>()) {
            prop_assert_eq!(Value::from_cell(&number.to_string()), Value::Integer(number));
        }
    }
}

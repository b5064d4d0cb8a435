//! A value where it lies, and the kinds that values are of.

use crate::event::{Decimal, Number};

/// One value in place: what a cell or an index container stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Datum<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Scale and unscaled value.
    Decimal(u8, i64),
    /// Scale and unscaled value, of more than 64 bits.
    Wide(u8, i128),
    Float(f64),
    Text(&'a str),
}

impl Datum<'_> {
    /// The number, if it is one.
    #[inline]
    pub(crate) fn number(self) -> Option<Number> {
        match self {
            Datum::Integer(value) => Some(Number::from(value)),
            // Scales and digits are checked where cells are read.
            Datum::Decimal(scale, value) => {
                Some(Number::Exact(Decimal::checked(i128::from(value), scale)))
            }
            Datum::Wide(scale, value) => Some(Number::Exact(Decimal::checked(value, scale))),
            Datum::Float(value) => Some(Number::Float(value)),
            Datum::Null | Datum::Bool(_) | Datum::Text(_) => None,
        }
    }
}

/// Kinds of value, as far as they can be compared: all numbers are one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindSet(u8);

impl KindSet {
    pub(crate) const NONE: KindSet = KindSet(0);
    pub(crate) const BOOL: KindSet = KindSet(1);
    pub(crate) const NUMBER: KindSet = KindSet(2);
    pub(crate) const TEXT: KindSet = KindSet(4);

    pub(crate) const fn or(self, other: KindSet) -> KindSet {
        KindSet(self.0 | other.0)
    }

    pub(crate) const fn and(self, other: KindSet) -> KindSet {
        KindSet(self.0 & other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_of_all_kinds_are_numbers() {
        let exact = |text: &str| Some(Number::Exact(text.parse().unwrap()));
        assert_eq!(Datum::Integer(-7).number(), exact("-7"));
        assert_eq!(Datum::Decimal(2, 1_250).number(), exact("12.50"));
        assert_eq!(
            Datum::Wide(1, 10i128.pow(30)).number(),
            exact(&format!("1{}.0", "0".repeat(29)))
        );
        assert_eq!(Datum::Float(0.5).number(), Some(Number::Float(0.5)));
        for other in [Datum::Null, Datum::Bool(true), Datum::Text("7")] {
            assert_eq!(other.number(), None);
        }
    }
}

//! Tests of one value, made ready.

use crate::day::datum::Datum;
use crate::event::{Number, Value};
use crate::scan::condition::Test;
use crate::scan::groups::KeyPart;
use std::cmp::Ordering;
use std::collections::HashSet;

/// A test that is asked of many values.
#[derive(Debug)]
pub(super) enum Check {
    /// One of these values, or none of them.
    OneOf {
        values: Literals,
        holds: bool,
    },
    /// A number or text on this side of a literal.
    Compare {
        literal: Literal,
        holds: fn(Ordering) -> bool,
    },
    Exists(bool),
    Contains(String),
    StartsWith(String),
}

/// Values of a list, by kind.
#[derive(Debug, Default)]
pub(super) struct Literals {
    bools: Vec<bool>,
    numbers: HashSet<KeyPart>,
    /// The same numbers as binary ones, by their bits.
    floats: HashSet<u64>,
    /// Texts meet texts, and numbers that are written like that.
    texts: HashSet<String>,
}

/// What a value is compared with.
#[derive(Debug)]
pub(super) enum Literal {
    /// A number, and the binary number next to it.
    Number(Number, f64),
    Text(String),
    /// Neither: nothing is above or below it.
    Unordered,
}

impl Check {
    pub(super) fn new(test: &Test) -> Check {
        let one_of =
            |values: &[Value], holds| Check::OneOf { values: Literals::new(values), holds };
        let compare = |value: &Value, holds| Check::Compare { literal: Literal::new(value), holds };
        match test {
            Test::Is(value) => one_of(std::slice::from_ref(value), true),
            Test::IsNot(value) => one_of(std::slice::from_ref(value), false),
            Test::In(values) => one_of(values, true),
            Test::NotIn(values) => one_of(values, false),
            Test::Greater(value) => compare(value, Ordering::is_gt),
            Test::GreaterOrEqual(value) => compare(value, Ordering::is_ge),
            Test::Less(value) => compare(value, Ordering::is_lt),
            Test::LessOrEqual(value) => compare(value, Ordering::is_le),
            Test::Exists(exists) => Check::Exists(*exists),
            Test::Contains(text) => Check::Contains(text.clone()),
            Test::StartsWith(text) => Check::StartsWith(text.clone()),
        }
    }

    /// Whether a value passes; `Datum::Null` is a missing one.
    pub(super) fn holds(&self, value: Datum<'_>) -> bool {
        match (self, value) {
            (Check::Exists(exists), value) => *exists != matches!(value, Datum::Null),
            (Check::OneOf { values, holds }, value) => values.contain(value) == *holds,
            (Check::Compare { literal, holds }, value) => literal.order(value).is_some_and(holds),
            (Check::Contains(part), Datum::Text(text)) => text.contains(part.as_str()),
            (Check::StartsWith(part), Datum::Text(text)) => text.starts_with(part.as_str()),
            (Check::Contains(_) | Check::StartsWith(_), _) => false,
        }
    }
}

impl Literals {
    fn new(values: &[Value]) -> Literals {
        let mut literals = Literals::default();
        for value in values {
            match value {
                Value::Bool(value) => literals.bools.push(*value),
                Value::Text(text) => drop(literals.texts.insert(text.clone())),
                number => literals.add(number.number()),
            }
        }
        literals
    }

    fn add(&mut self, number: Option<Number>) {
        let Some(number) = number else { return };
        self.floats.insert(bits_of(number.to_f64()));
        self.numbers.insert(KeyPart::number(number));
    }

    fn contain(&self, value: Datum<'_>) -> bool {
        match value {
            Datum::Null => false,
            Datum::Bool(value) => self.bools.contains(&value),
            Datum::Text(text) => self.texts.contains(text),
            number => number.number().is_some_and(|number| {
                (!self.numbers.is_empty() && self.contain_number(number))
                    || (!self.texts.is_empty()
                        && self.texts.contains(&Value::from(number).to_string()))
            }),
        }
    }

    fn contain_number(&self, number: Number) -> bool {
        match number {
            Number::Float(float) => self.floats.contains(&bits_of(float)),
            Number::Exact(_) => self.numbers.contains(&KeyPart::number(number)),
        }
    }
}

/// Both zeros have the same bits.
fn bits_of(float: f64) -> u64 {
    (float + 0.0).to_bits()
}

impl Literal {
    fn new(value: &Value) -> Literal {
        match value {
            Value::Text(text) => Literal::Text(text.clone()),
            value => value
                .number()
                .map_or(Literal::Unordered, |number| Literal::Number(number, number.to_f64())),
        }
    }

    /// How a value lies to the literal; `None` where they cannot be compared. A binary number lies
    /// to the binary number next to the literal, as it does when it is asked for by `is`: 0.1 is
    /// 0.1.
    fn order(&self, value: Datum<'_>) -> Option<Ordering> {
        match (self, value) {
            (Literal::Text(literal), Datum::Text(text)) => Some(text.cmp(literal.as_str())),
            (Literal::Number(_, literal), Datum::Float(float)) => float.partial_cmp(literal),
            (Literal::Number(literal, _), value) => Some(value.number()?.compare(literal)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::event::Decimal;

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse::<Decimal>().unwrap())
    }

    fn holds(test: &Test, value: Datum<'_>) -> bool {
        Check::new(test).holds(value)
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for literal in [Value::from(2), decimal("2.0"), Value::from(2.0)] {
            let is = Test::Is(literal.clone());
            for two in [Datum::Integer(2), Datum::Decimal(2, 200), Datum::Float(2.0)] {
                assert!(holds(&is, two), "{two:?}");
                assert!(!holds(&Test::Greater(literal.clone()), two));
                assert!(holds(&Test::GreaterOrEqual(literal.clone()), two));
            }
            assert!(!holds(&is, Datum::Text("2")));
            assert!(holds(&Test::Less(literal), Datum::Decimal(1, 19)));
        }
        assert!(holds(&Test::Greater(Value::from(9)), Datum::Integer(10)));
        assert!(holds(&Test::Is(decimal("0.1")), Datum::Float(0.1)));
        assert!(!holds(&Test::Greater(decimal("0.1")), Datum::Float(0.1)));
    }

    #[test]
    fn a_text_meets_texts_and_numbers_that_are_written_like_it() {
        let is = Test::Is("85048".into());
        assert!(holds(&is, Datum::Integer(85_048)) && holds(&is, Datum::Text("85048")));
        assert!(!holds(&is, Datum::Decimal(1, 850_480)) && !holds(&is, Datum::Null));
        assert!(!holds(&Test::Greater("a".into()), Datum::Integer(5)));
        assert!(holds(&Test::Greater("a".into()), Datum::Text("b")));
        assert!(!holds(&Test::Is("true".into()), Datum::Bool(true)));
    }

    #[test]
    fn the_negative_tests_are_complements() {
        let values = [
            Datum::Null,
            Datum::Bool(true),
            Datum::Integer(1),
            Datum::Float(0.5),
            Datum::Text("1"),
            Datum::Text("x"),
        ];
        let literals = [Value::from(1), Value::from(true), Value::from("1"), decimal("0.50")];
        for value in values {
            for literal in &literals {
                let (is, not) = (Test::Is(literal.clone()), Test::IsNot(literal.clone()));
                assert_ne!(holds(&is, value), holds(&not, value));
            }
            let (within, without) = (Test::In(literals.to_vec()), Test::NotIn(literals.to_vec()));
            assert_ne!(holds(&within, value), holds(&without, value));
            assert_ne!(holds(&Test::Exists(true), value), holds(&Test::Exists(false), value));
        }
    }
}

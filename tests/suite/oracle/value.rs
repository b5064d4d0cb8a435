//! Values of properties, compared by what they mean, and amounts that lose no digit.
//!
//! Every number is a count of 10^-12 in 128 bits. Binary floats must be such that this holds them
//! exactly too; the random data has only such ones, so sums of them are exact as well.

use serde_json::{Value as Json, json};
use std::fmt;

const PLACES: usize = 12;
const ONE: i128 = 1_000_000_000_000;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    /// The number, and the text that it is stored with.
    Number(Amount, String),
    Text(String),
}

/// What equal values have in common: 2 and 2.0 are one. The order is that of groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    Bool(bool),
    Number(i128),
    Text(String),
}

impl Scalar {
    pub fn json(&self) -> Json {
        match self {
            Scalar::Bool(value) => json!(value),
            Scalar::Number(units) => Amount { units: *units, float: false }.json(),
            Scalar::Text(text) => json!(text),
        }
    }
}

impl Value {
    pub fn integer(number: i64) -> Value {
        Value::decimal(&number.to_string())
    }

    pub fn decimal(text: &str) -> Value {
        Value::Number(Amount::parse(text).unwrap(), text.to_string())
    }

    pub fn float(number: f64) -> Value {
        let text = number.to_string();
        assert_eq!((number * 4096.0).fract(), 0.0, "{text} is no small multiple of 2^-12");
        Value::Number(Amount { float: true, ..Amount::parse(&text).unwrap() }, text)
    }

    pub fn text(text: &str) -> Value {
        Value::Text(text.to_string())
    }

    pub fn amount(&self) -> Option<Amount> {
        match self {
            Value::Number(amount, _) => Some(*amount),
            _ => None,
        }
    }

    pub fn scalar(&self) -> Scalar {
        match self {
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(amount, _) => Scalar::Number(amount.units),
            Value::Text(text) => Scalar::Text(text.clone()),
        }
    }

    /// Whether a literal of a query means this value.
    fn is(&self, literal: &Json) -> bool {
        match (self, literal) {
            (Value::Bool(value), Json::Bool(wanted)) => value == wanted,
            (Value::Number(_, text), Json::String(wanted)) => text == wanted,
            (Value::Text(text), Json::String(wanted)) => text == wanted,
            (Value::Number(amount, _), _) => {
                number(literal).is_some_and(|wanted| wanted.units == amount.units)
            }
            _ => false,
        }
    }

    /// How the value lies to a literal: numbers to numbers, texts to texts.
    fn compare(&self, literal: &Json) -> Option<std::cmp::Ordering> {
        match (self, literal) {
            (Value::Text(text), Json::String(other)) => Some(text.as_bytes().cmp(other.as_bytes())),
            (Value::Number(amount, _), _) => Some(amount.units.cmp(&number(literal)?.units)),
            _ => None,
        }
    }
}

/// The number of a literal: `2`, `2.0`, or `{"decimal": "2.00"}`.
fn number(literal: &Json) -> Option<Amount> {
    match literal {
        Json::Number(number) => Amount::parse(&number.to_string()),
        Json::Object(_) => Amount::parse(literal["decimal"].as_str()?),
        _ => None,
    }
}

/// Whether a value, or its absence, satisfies one operator.
pub fn satisfies(value: Option<&Value>, operator: &str, literal: &Json) -> bool {
    let is = |literal: &Json| value.is_some_and(|v| v.is(literal));
    let one_of = |literals: &Json| literals.as_array().unwrap().iter().any(is);
    let order = || value.and_then(|v| v.compare(literal));
    let text = match value {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    match operator {
        "is" => is(literal),
        "is_not" => !is(literal),
        "in" => one_of(literal),
        "not_in" => !one_of(literal),
        "exists" => json!(value.is_some()) == *literal,
        "gt" => order().is_some_and(|o| o.is_gt()),
        "gte" => order().is_some_and(|o| o.is_ge()),
        "lt" => order().is_some_and(|o| o.is_lt()),
        "lte" => order().is_some_and(|o| o.is_le()),
        "contains" => text.is_some_and(|t| t.contains(literal.as_str().unwrap())),
        "starts_with" => text.is_some_and(|t| t.starts_with(literal.as_str().unwrap())),
        other => panic!("the oracle knows no operator {other}"),
    }
}

/// A number that keeps its last digit; `float` where a binary float went into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    units: i128,
    float: bool,
}

impl Amount {
    /// Reads `-12.50`; None for what is written otherwise or has more than twelve places.
    pub fn parse(text: &str) -> Option<Amount> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let all = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !all(whole) || !all(part) || part.trim_end_matches('0').len() > PLACES {
            return None;
        }
        let part = format!("{part:0<PLACES$}");
        let units = whole.parse::<i128>().ok()? * ONE + part[..PLACES].parse::<i128>().ok()?;
        Some(Amount { units: sign * units, float: false })
    }

    pub fn units(&self) -> &i128 {
        &self.units
    }

    pub fn is_zero(&self) -> bool {
        self.units == 0
    }

    pub fn as_f64(&self) -> f64 {
        self.units as f64 / ONE as f64
    }

    pub fn plus(self, other: Amount) -> Amount {
        Amount { units: self.units + other.units, float: self.float || other.float }
    }

    pub fn minus(self, other: Amount) -> Amount {
        self.plus(Amount { units: -other.units, ..other })
    }

    pub fn half(self) -> Amount {
        assert_eq!(self.units % 2, 0);
        Amount { units: self.units / 2, ..self }
    }

    pub fn at_least_zero(self) -> Amount {
        Amount { units: self.units.max(0), ..self }
    }

    pub fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
        amounts.into_iter().fold(Amount::default(), Amount::plus)
    }

    /// `"=12.5"` says: exactly 12.5, however it is written. With floats, a plain number.
    pub fn json(&self) -> Json {
        if self.float { json!(self.as_f64()) } else { json!(format!("={self}")) }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.units.abs();
        let text = format!("{}.{:0PLACES$}", size / ONE, size % ONE);
        let sign = if self.units < 0 { "-" } else { "" };
        write!(f, "{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// `top / bottom`, null over nothing.
pub fn ratio(top: f64, bottom: f64) -> Json {
    if bottom == 0.0 { Json::Null } else { json!(top / bottom) }
}

/// The nearest rank: the ceil(percent x n / 100)-th smallest.
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (percent * sorted.len()).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// The middle one, or the two in the middle.
pub fn middle<T: Copy>(sorted: &[T]) -> Option<(T, T)> {
    let n = sorted.len();
    (n > 0).then(|| (sorted[(n - 1) / 2], sorted[n / 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, written) in
            [("12.50", "12.5"), ("-0.05", "-0.05"), ("0", "0"), ("-0.00", "0"), ("7", "7")]
        {
            assert_eq!(Amount::parse(text).unwrap().to_string(), written);
        }
        for text in ["", "1e5", "-", "1.", ".5", "0.0000000000001", "x"] {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
        let three = Value::float(2.5).amount().unwrap().plus(Amount::parse("0.5").unwrap());
        assert_eq!(three.json(), json!(3.0));
        assert_eq!(Amount::parse("3.00").unwrap().json(), json!("=3"));
    }

    #[test]
    fn ranks_are_the_nearest() {
        let ten: Vec<u32> = (1..=10).collect();
        let of = |percent| percentile(&ten, percent);
        assert_eq!((of(50), of(90), of(95), of(99)), (Some(5), Some(9), Some(10), Some(10)));
        assert_eq!(percentile::<u32>(&[], 50), None);
        assert_eq!((middle(&ten), middle(&ten[..3])), (Some((5, 6)), Some((2, 2))));
    }

    /// Which of a missing value and these satisfy an operator.
    fn pick(operator: &str, literal: Json) -> Vec<&'static str> {
        let values = [
            ("2", Some(Value::integer(2))),
            ("2.0", Some(Value::decimal("2.0"))),
            ("2f", Some(Value::float(2.0))),
            ("10", Some(Value::integer(10))),
            ("'2'", Some(Value::text("2"))),
            ("'10a'", Some(Value::text("10a"))),
            ("true", Some(Value::Bool(true))),
            ("none", None),
        ];
        let met = values.iter().filter(|(_, v)| satisfies(v.as_ref(), operator, &literal));
        met.map(|(name, _)| *name).collect()
    }

    #[test]
    fn literals_meet_values_of_their_kind() {
        assert_eq!(pick("is", json!(2)), ["2", "2.0", "2f"]);
        assert_eq!(pick("gt", json!({"decimal": "2.000"})), ["10"]);
        assert_eq!(pick("is", json!({"decimal": "2.000"})), ["2", "2.0", "2f"]);
        assert_eq!(pick("is", json!("2")), ["2", "2f", "'2'"]);
        assert_eq!(pick("is", json!("2.0")), ["2.0"]);
        assert_eq!(pick("is", json!(true)), ["true"]);
        assert_eq!(pick("is_not", json!(2)), ["10", "'2'", "'10a'", "true", "none"]);
        assert_eq!(pick("in", json!(["10a", 10])), ["10", "'10a'"]);
        let rest = ["2", "2.0", "2f", "'2'", "true", "none"];
        assert_eq!(pick("not_in", json!(["10a", 10])), rest);
        assert_eq!(pick("gt", json!(2)), ["10"]);
        assert_eq!(pick("gte", json!(2.0)), ["2", "2.0", "2f", "10"]);
        assert_eq!(pick("lt", json!("2")), ["'10a'"]);
        assert_eq!(pick("lte", json!("2")), ["'2'", "'10a'"]);
        assert_eq!(pick("exists", json!(false)), ["none"]);
        assert_eq!(pick("contains", json!("0")), ["'10a'"]);
        assert_eq!(pick("starts_with", json!("2")), ["'2'"]);
    }
}

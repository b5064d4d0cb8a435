//! JSON text to values, refusing what `serde_json` lets pass: a field given twice.

use crate::error;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// A JSON value and the first field in it that was given twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Strict {
    pub(super) value: Value,
    pub(super) twice: Option<String>,
}

impl Strict {
    fn plain(value: impl Into<Value>) -> Strict {
        Strict { value: value.into(), twice: None }
    }

    /// The value, in which each field is given once.
    pub(super) fn once(self) -> error::Result<Value> {
        match self.twice {
            Some(field) => Err(error::Error::input(format!("`{field}` is given twice"))),
            None => Ok(self.value),
        }
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Strict, E> {
        Ok(Strict::default())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict::plain(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict::plain(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict::plain(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict::plain(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict::plain(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut values = Vec::new();
        let mut twice = None;
        while let Some(item) = items.next_element::<Strict>()? {
            twice = twice.or(item.twice);
            values.push(item.value);
        }
        Ok(Strict { value: Value::Array(values), twice })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Strict, A::Error> {
        let mut object = Map::new();
        let mut twice = None;
        while let Some((key, item)) = fields.next_entry::<String, Strict>()? {
            twice = twice.or(item.twice);
            if object.contains_key(&key) {
                twice = twice.or(Some(key.clone()));
            }
            object.insert(key, item.value);
        }
        Ok(Strict { value: Value::Object(object), twice })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_come_through_whole() {
        let text = r#"{"a": [1, -2, 3.5, true, null, "x"], "b": {"c": {}}}"#;
        let strict: Strict = serde_json::from_str(text).unwrap();
        assert_eq!(strict.value, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(strict.twice, None);
    }

    #[test]
    fn a_field_given_twice_is_found_at_any_depth() {
        for text in [r#"{"b": 1, "b": 1}"#, r#"{"a": [{"b": 1, "b": 2}]}"#] {
            let strict: Strict = serde_json::from_str(text).unwrap();
            assert_eq!(strict.twice.as_deref(), Some("b"));
        }
    }
}

//! The fields of an event that is a JSON object, read as they are written: numbers stay exact.

use super::{Decimal, Value};
use crate::limits::{DECIMAL_DIGITS_MAX, JSON_DEPTH_MAX};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The fields of an object, as they are written. Those that are no properties are taken out one by
/// one.
#[derive(Debug)]
pub(crate) struct JsonFields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A field's value, as JSON writes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsonValue<'a> {
    /// `null`: the event lacks the property.
    Missing,
    /// A string, or an object or a list, which stays what it is: text.
    Text(Cow<'a, str>),
    /// A boolean or a number.
    Value(Value),
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for JsonFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonFields<'de>, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = JsonFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonFields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Borrowed(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(JsonFields(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl<'a> JsonFields<'a> {
    pub(crate) fn read(text: &'a str) -> Result<JsonFields<'a>, String> {
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
    }

    /// Takes a field that is an id or a name: text, or a whole number as it is written. That of
    /// `null` is empty.
    pub(crate) fn id(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, String> {
        let is_text = |raw: &RawValue| raw.get().starts_with('"');
        let was_text = self.0.iter().any(|(field, raw)| field == name && is_text(raw));
        match self.take(name)? {
            Some(number) if !was_text && number.contains(['.', 'e', 'E']) => {
                Err(format!("field {name:?} is the number {number}, which is not whole"))
            }
            field => Ok(field),
        }
    }

    /// Takes a field that is text, or a number as it is written. That of `null` is empty.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, String> {
        let Some(index) = self.0.iter().position(|(field, _)| field == name) else {
            return Ok(None);
        };
        let raw = self.0.remove(index).1.get();
        if self.0.iter().any(|(field, _)| field == name) {
            return Err(format!("field {name:?} is given twice"));
        }
        match raw.as_bytes().first() {
            Some(b'"') => string(raw).map(Some),
            Some(b'n') => Ok(Some(Cow::Borrowed(""))),
            Some(b'-' | b'0'..=b'9') => Ok(Some(Cow::Borrowed(raw))),
            _ => Err(format!("field {name:?} is neither text nor a number")),
        }
    }

    /// Takes a field that is the event's time; none where it is not there or `null`.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, String> {
        let is_null =
            |(field, raw): &(Cow<'_, str>, &RawValue)| field == name && raw.get() == "null";
        let was_null = self.0.iter().any(is_null);
        Ok(self.take(name)?.filter(|_| !was_null))
    }

    /// What is left: names, each once, and values as they are written.
    pub(crate) fn rest(&self) -> Result<impl Iterator<Item = (&str, &'a str)>, String> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => Err(format!("field {:?} is given twice", pair.first().unwrap_or(&""))),
            None => Ok(self.0.iter().map(|(name, raw)| (name.as_ref(), raw.get()))),
        }
    }
}

/// The name of an activity, or whatever else has to be there.
pub(crate) fn needed<'a>(field: Option<Cow<'a, str>>, name: &str) -> Result<Cow<'a, str>, String> {
    field.ok_or_else(|| format!("there is no field {name:?}"))
}

/// A property's value.
pub(crate) fn value(raw: &str) -> Result<JsonValue<'_>, String> {
    Ok(match raw.as_bytes().first() {
        Some(b't') => JsonValue::Value(Value::Bool(true)),
        Some(b'f') => JsonValue::Value(Value::Bool(false)),
        Some(b'-' | b'0'..=b'9') => JsonValue::Value(number(raw)?),
        _ => text(raw)?.map_or(JsonValue::Missing, JsonValue::Text),
    })
}

/// The value as text, whatever it is: a string's own, else as it is written. None of `null`.
pub(crate) fn text(raw: &str) -> Result<Option<Cow<'_, str>>, String> {
    match raw.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => string(raw).map(Some),
        Some(b'{' | b'[') => {
            check_depth(raw)?;
            Ok(Some(Cow::Borrowed(raw)))
        }
        _ => Ok(Some(Cow::Borrowed(raw))),
    }
}

fn string(raw: &str) -> Result<Cow<'_, str>, String> {
    let text = serde_json::from_str::<Borrowed<'_>>(raw);
    text.map(|Borrowed(text)| text).map_err(|error| format!("not a JSON string: {error}"))
}

/// Nothing here reads what is nested; whoever reads it back as JSON may well do so with a stack.
fn check_depth(raw: &str) -> Result<(), String> {
    // The event itself is the first level.
    let (mut depth, mut in_string, mut escaped) = (1usize, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return Err(format!("it is nested deeper than {JSON_DEPTH_MAX} levels"));
        }
    }
    Ok(())
}

/// A number of JSON: exact unless it is written with an exponent.
fn number(raw: &str) -> Result<Value, String> {
    if let Ok(whole) = raw.parse() {
        return Ok(Value::Integer(whole));
    }
    if raw.bytes().filter(u8::is_ascii_digit).count() > DECIMAL_DIGITS_MAX
        && !raw.contains(['e', 'E'])
    {
        let shown = shown(raw);
        return Err(format!(
            "the number {shown} has more than {DECIMAL_DIGITS_MAX} digits: write it as text, or in \
             an import force its type to float or text"
        ));
    }
    match raw.parse::<Decimal>() {
        Ok(decimal) => Ok(Value::Decimal(decimal)),
        Err(_) => match raw.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => Err(format!("the number {} is beyond all that can be kept", shown(raw))),
        },
    }
}

/// A number for a message: it may be long.
fn shown(number: &str) -> String {
    match number.get(..60) {
        Some(begin) if number.len() > 60 => format!("{begin}..."),
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_exact_unless_they_have_an_exponent() {
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        assert_eq!(number("42").unwrap(), Value::Integer(42));
        assert_eq!(number("-0").unwrap(), Value::Integer(0));
        assert_eq!(number("0.10").unwrap(), decimal("0.10"));
        assert_eq!(number("12345678901234567890").unwrap(), decimal("12345678901234567890"));
        assert_eq!(number("1e2").unwrap(), Value::Float(100.0));
        assert_eq!(number("-0.0").unwrap(), Value::Float(-0.0));
        assert!(number("1e999").unwrap_err().contains("beyond"));
        assert!(number(&"9".repeat(39)).unwrap_err().contains("more than 38 digits"));
        assert_eq!(number(&"9".repeat(38)).unwrap(), decimal(&"9".repeat(38)));
    }

    #[test]
    fn nested_values_are_text_down_to_a_depth() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let most = nested(JSON_DEPTH_MAX - 1);
        assert_eq!(value(&most), Ok(JsonValue::Text(Cow::Borrowed(&most))));
        assert!(value(&nested(JSON_DEPTH_MAX)).unwrap_err().contains("deeper than 128"));
        let brackets = format!("[\"\\\"{}\"]", "[".repeat(JSON_DEPTH_MAX));
        assert!(value(&brackets).is_ok());
        let beside = format!("[{}1]", "[],".repeat(JSON_DEPTH_MAX));
        assert!(value(&beside).is_ok());
    }

    #[test]
    fn fields_are_taken_once() {
        let mut fields = JsonFields::read(r#"{"a": "x", "b": 7, "c": 1.5, "d": null}"#).unwrap();
        assert_eq!(fields.id("a").unwrap().as_deref(), Some("x"));
        assert_eq!(fields.id("a"), Ok(None));
        assert_eq!(fields.id("b").unwrap().as_deref(), Some("7"));
        assert!(fields.id("c").unwrap_err().contains("not whole"));
        assert_eq!(fields.time("d"), Ok(None));
        assert_eq!(fields.rest().unwrap().count(), 0);
        let mut doubled = JsonFields::read(r#"{"a": 1, "a": 2}"#).unwrap();
        assert!(doubled.rest().is_err());
        assert!(doubled.take("a").is_err());
    }
}

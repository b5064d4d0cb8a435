//! Rows of NDJSON: an object a line, its numbers kept exact.

use super::blocks::TextBlock;
use super::maker::{Maker, RowFields, forced, shown};
use super::options::ImportOptions;
use super::rejects::Refused;
use crate::event::{Decimal, Value};
use crate::limits::DECIMAL_DIGITS_MAX;
use memchr::memchr_iter;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The fields of an object, as they are written.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'de>, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Borrowed(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// Parses a block of lines. True where a row has the user's field: one without it has no user, and
/// a whole import without it has the wrong name for it.
pub(super) fn parse(maker: &mut Maker<'_>, options: &ImportOptions, block: &TextBlock) -> bool {
    let mut has_user = false;
    let mut start = 0;
    for (line, end) in (block.first_line..).zip(memchr_iter(b'\n', &block.bytes)) {
        let raw = block.bytes.get(start..end).unwrap_or_default().trim_ascii();
        start = end + 1;
        if !raw.is_empty()
            && let Err(reason) = add(maker, options, raw, &mut has_user)
        {
            maker.reject(line, reason, raw);
        }
    }
    has_user
}

fn add(
    maker: &mut Maker<'_>,
    options: &ImportOptions,
    raw: &[u8],
    has_user: &mut bool,
) -> Refused<()> {
    let text = std::str::from_utf8(raw).map_err(|_| "the line is not UTF-8".to_string())?;
    let Object(mut fields) =
        serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))?;
    let user = id(&mut fields, &options.user)?;
    *has_user |= user.is_some();
    let activity = match &options.activity_name {
        Some(name) => Cow::Borrowed(name.as_str()),
        None => needed(id(&mut fields, &options.activity)?, &options.activity)?,
    };
    let time = needed(field(&mut fields, &options.time)?, &options.time)?;
    let insert_id = options.insert_id.as_deref().map(|name| id(&mut fields, name)).transpose()?;
    let fixed = RowFields {
        user: &user.unwrap_or_default(),
        activity: maker.activity(&activity)?,
        time: maker.settings.times.read(time.as_bytes())?,
        insert_id: &insert_id.flatten().unwrap_or_default(),
    };
    maker.start(fixed)?;
    refuse_doubled(&fields)?;
    for (name, value) in &fields {
        if !options.skip.contains(name.as_ref()) {
            let property = maker.property(name)?;
            add_value(maker, options, property, name, value.get())
                .map_err(|reason| format!("field {name:?}: {reason}"))?;
        }
    }
    maker.end()
}

/// Takes a field that is an id or a name: text, or a whole number as it is written.
fn id<'a>(
    fields: &mut Vec<(Cow<'a, str>, &'a RawValue)>,
    name: &str,
) -> Refused<Option<Cow<'a, str>>> {
    let was_text = fields.iter().any(|(field, raw)| field == name && raw.get().starts_with('"'));
    match field(fields, name)? {
        Some(number) if !was_text && number.contains(['.', 'e', 'E']) => {
            Err(format!("field {name:?} is the number {number}, which is not whole"))
        }
        field => Ok(field),
    }
}

/// Takes a field that is text, or a number as it is written.
fn field<'a>(
    fields: &mut Vec<(Cow<'a, str>, &'a RawValue)>,
    name: &str,
) -> Refused<Option<Cow<'a, str>>> {
    let Some(index) = fields.iter().position(|(field, _)| field == name) else { return Ok(None) };
    let raw = fields.remove(index).1.get();
    if fields.iter().any(|(field, _)| field == name) {
        return Err(format!("field {name:?} is given twice"));
    }
    match raw.as_bytes().first() {
        Some(b'"') => string(raw).map(Some),
        Some(b'n') => Ok(Some(Cow::Borrowed(""))),
        Some(b'-' | b'0'..=b'9') => Ok(Some(Cow::Borrowed(raw))),
        _ => Err(format!("field {name:?} is neither text nor a number")),
    }
}

fn needed<'a>(field: Option<Cow<'a, str>>, name: &str) -> Refused<Cow<'a, str>> {
    field.ok_or_else(|| format!("there is no field {name:?}"))
}

fn string(raw: &str) -> Refused<Cow<'_, str>> {
    let text = serde_json::from_str::<Borrowed<'_>>(raw);
    text.map(|Borrowed(text)| text).map_err(|error| format!("not a JSON string: {error}"))
}

fn refuse_doubled(fields: &[(Cow<'_, str>, &RawValue)]) -> Refused<()> {
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(format!("field {:?} is given twice", pair.first().unwrap_or(&""))),
        None => Ok(()),
    }
}

fn add_value(
    maker: &mut Maker<'_>,
    options: &ImportOptions,
    property: u32,
    name: &str,
    raw: &str,
) -> Refused<()> {
    let first = raw.as_bytes().first();
    let text = match first {
        Some(b'n') => return Ok(()),
        Some(b'"') => string(raw)?,
        _ => Cow::Borrowed(raw),
    };
    if let Some(of) = options.types.get(name) {
        return maker.value(property, &forced(*of, &text)?);
    }
    match first {
        Some(b't') => maker.value(property, &Value::Bool(true)),
        Some(b'f') => maker.value(property, &Value::Bool(false)),
        Some(b'-' | b'0'..=b'9') => maker.value(property, &number(raw)?),
        // An object or a list stays what it is: text.
        _ => maker.text(property, &text),
    }
}

/// A number of JSON: exact unless it is written with an exponent.
fn number(raw: &str) -> Refused<Value> {
    if let Ok(whole) = raw.parse() {
        return Ok(Value::Integer(whole));
    }
    if raw.bytes().filter(u8::is_ascii_digit).count() > DECIMAL_DIGITS_MAX
        && !raw.contains(['e', 'E'])
    {
        return Err(format!(
            "the number {} has more than {DECIMAL_DIGITS_MAX} digits: force its type to float or text",
            shown(raw.as_bytes())
        ));
    }
    match raw.parse::<Decimal>() {
        Ok(decimal) => Ok(Value::Decimal(decimal)),
        Err(_) => match raw.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => {
                Err(format!("the number {} is beyond all that can be kept", shown(raw.as_bytes())))
            }
        },
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
}

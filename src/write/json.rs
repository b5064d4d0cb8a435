//! Events that come as JSON.

use super::Writer;
use crate::error::{Error, Result};
use crate::event::json::{self, JsonFields, JsonValue, needed};
use crate::event::{Event, Value};
use crate::time::{TimeFormat, instant_of};

impl Writer {
    /// Reads an event that is a JSON object, by the rules of an NDJSON import. The fields `user`,
    /// `activity`, `time` and `insert_id` are the event's own, all others its properties. Numbers
    /// stay exact unless they are written with an exponent, `null` is a property that the event
    /// lacks, and an object or a list is kept as its text.
    ///
    /// An event without `time` gets that of the moment when it is written; a time without an offset
    /// is in the database's zone; one without `user` (or with an empty one) counts for nobody. The
    /// event is checked when it is written, like any other.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("db");
    /// use daybit::{Db, Event, Options};
    /// let db = Db::create(&path, Options::new().time_zone("Europe/Berlin"))?;
    /// let event = db.writer()?.event_from_json(
    ///     r#"{"user": "anna", "activity": "buy", "time": "2024-03-01 09:30", "price": 12.50}"#,
    /// )?;
    /// let same = Event::new("anna", "buy")
    ///     .at("2024-03-01T08:30:00Z".parse().unwrap())
    ///     .with("price", "12.50".parse::<daybit::Decimal>()?);
    /// assert_eq!(event, same);
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Input` for what is no object, lacks `activity`, has a field twice, a time that is none, a
    /// number beyond what is kept, or values nested deeper than
    /// [`JSON_DEPTH_MAX`](crate::limits::JSON_DEPTH_MAX).
    pub fn event_from_json(&self, text: &str) -> Result<Event> {
        let zone = self.core.view.get().published.calendar.zone().clone();
        event(text, &TimeFormat::Any(zone)).map_err(Error::input)
    }
}

fn event(text: &str, times: &TimeFormat) -> Result<Event, String> {
    let mut fields = JsonFields::read(text)?;
    let user = fields.id("user")?.filter(|id| !id.is_empty());
    let activity = needed(fields.id("activity")?, "activity")?;
    let time = fields.time("time")?;
    let time = time.map(|time| times.parse(time.as_bytes())).transpose()?;
    let insert_id = fields.id("insert_id")?.filter(|id| !id.is_empty());
    let mut properties = Vec::new();
    for (name, raw) in fields.rest()? {
        let value = json::value(raw).map_err(|reason| format!("field {name:?}: {reason}"))?;
        let value = match value {
            JsonValue::Missing => continue,
            JsonValue::Text(text) => Value::Text(text.into_owned()),
            JsonValue::Value(value) => value,
        };
        properties.push((name.to_owned(), value));
    }
    Ok(Event {
        user: user.map(String::from),
        activity: activity.into_owned(),
        time: time.map(instant_of),
        insert_id: insert_id.map(String::from),
        properties,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::limits::JSON_DEPTH_MAX;
    use crate::time::Zone;

    fn read(text: &str) -> Result<Event, String> {
        event(text, &TimeFormat::Any(Zone::named("Asia/Tokyo").unwrap()))
    }

    #[test]
    fn fields_have_the_import_s_meaning() {
        let text = r#"{"user": 42, "activity": "v", "insert_id": "i", "time": 1709283000,
            "a": 1, "b": 1.50, "c": 1e2, "d": true, "e": null, "f": {"x": [1]}, "g": "é\n"}"#;
        let event = read(text).unwrap();
        assert_eq!((event.user.as_deref(), event.activity.as_str()), (Some("42"), "v"));
        assert_eq!(event.insert_id.as_deref(), Some("i"));
        assert_eq!(event.time.unwrap().to_rfc3339(), "2024-03-01T08:50:00+00:00");
        let values: Vec<String> =
            event.properties.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        assert_eq!(
            values.join(" "),
            format!(
                "a=Integer(1) b={:?} c=Float(100.0) d=Bool(true) f=Text(\"{{\\\"x\\\": [1]}}\") g=Text(\"é\\n\")",
                Value::Decimal("1.50".parse().unwrap())
            )
        );
    }

    #[test]
    fn what_is_missing_is_nobody_and_now() {
        for text in [
            r#"{"activity": "v"}"#,
            r#"{"activity": "v", "user": null, "time": null, "insert_id": null}"#,
            r#"{"activity": "v", "user": "", "insert_id": ""}"#,
        ] {
            assert_eq!(read(text), Ok(Event::without_user("v")), "{text}");
        }
    }

    #[test]
    fn times_without_an_offset_are_in_the_zone() {
        let at = |time: &str| {
            let text = format!(r#"{{"activity": "v", "time": {time}}}"#);
            read(&text).map(|event| event.time.unwrap().to_rfc3339())
        };
        assert_eq!(at("\"2024-03-01 09:00\"").unwrap(), "2024-03-01T00:00:00+00:00");
        assert_eq!(at("\"2024-03-01T09:00:00Z\"").unwrap(), "2024-03-01T09:00:00+00:00");
        assert_eq!(at("\"1709283000123\"").unwrap(), "2024-03-01T08:50:00.123+00:00");
        assert_eq!(at("\"\"").unwrap_err(), "there is no time");
        assert!(at("20240301").unwrap_err().contains("is a bare number"));
        assert!(at("true").unwrap_err().contains("neither text nor a number"));
    }

    #[test]
    fn what_is_no_event_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{\"activity\": \"v\"} x", "not a JSON object"),
            ("{\"activity\": \"v\", \"p\": 01}", "not a JSON object"),
            ("{\"user\": \"u\"}", "there is no field \"activity\""),
            ("{\"activity\": \"v\", \"user\": 1.5}", "not whole"),
            ("{\"activity\": \"v\", \"user\": {}}", "neither text nor a number"),
            ("{\"activity\": \"v\", \"user\": \"a\", \"user\": \"b\"}", "\"user\" is given twice"),
            ("{\"activity\": \"v\", \"p\": 1, \"p\": 1}", "\"p\" is given twice"),
            ("{\"activity\": \"v\", \"p\": 1e999}", "field \"p\": the number"),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn nesting_is_bounded_without_a_stack() {
        let nested = |levels: usize| {
            read(&format!(
                r#"{{"activity": "v", "p": {}{}}}"#,
                "[".repeat(levels),
                "]".repeat(levels)
            ))
        };
        assert!(nested(JSON_DEPTH_MAX - 1).is_ok());
        assert!(nested(JSON_DEPTH_MAX).unwrap_err().contains("deeper than 128 levels"));
        assert!(nested(1_000_000).is_err());
    }
}

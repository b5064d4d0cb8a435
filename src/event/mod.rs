//! What happened: an event, its values, and the receipt for a batch of them.

mod amounts;
mod decimal;
pub(crate) mod json;
mod number;
mod sum;
mod total;
mod value;
mod values;

pub(crate) use amounts::Amounts;
pub use decimal::Decimal;
pub(crate) use number::Number;
pub(crate) use sum::{PlainSum, Sum};
pub use value::Value;
pub(crate) use values::Values;

use crate::limits::{
    ACTIVITY_BYTES_MAX, INSERT_ID_BYTES_MAX, PROPERTIES_PER_EVENT_MAX, PROPERTY_BYTES_MAX,
    TEXT_BYTES_MAX, USER_ID_BYTES_MAX, YEAR_MAX, YEAR_MIN,
};
use chrono::{DateTime, Datelike, Utc};

/// Who did what, when, with which properties.
///
/// ```
/// use daybit::Event;
/// let event = Event::new("anna", "purchase")
///     .at("2024-03-01T09:30:00Z".parse().unwrap())
///     .with("price", "12.50".parse::<daybit::Decimal>()?)
///     .with("country", "DE");
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The person's id; `None` or empty for an event that nobody is known to have done.
    pub user: Option<String>,
    /// What was done.
    pub activity: String,
    /// When; `None` means now, set by the writer when it takes the event.
    pub time: Option<DateTime<Utc>>,
    /// An id that makes a repeat of this very event harmless.
    pub insert_id: Option<String>,
    /// Names and values, each name at most once.
    pub properties: Vec<(String, Value)>,
}

impl Event {
    /// What a user did, at the time when the writer takes it.
    #[must_use]
    pub fn new(user: impl Into<String>, activity: impl Into<String>) -> Event {
        Event { user: Some(user.into()), ..Event::without_user(activity) }
    }

    /// What happened without anybody known to have done it. It counts in events and sums, never
    /// as a person.
    #[must_use]
    pub fn without_user(activity: impl Into<String>) -> Event {
        Event {
            user: None,
            activity: activity.into(),
            time: None,
            insert_id: None,
            properties: Vec::new(),
        }
    }

    /// Sets the time. Digits finer than microseconds are cut when the event is written.
    #[must_use]
    pub fn at(mut self, time: DateTime<Utc>) -> Event {
        self.time = Some(time);
        self
    }

    /// Sets a property, in place of an earlier one of that name.
    ///
    /// ```
    /// use daybit::{Event, Value};
    /// let event = Event::new("anna", "login").with("tries", 1).with("tries", 2);
    /// assert_eq!(event.properties, [("tries".to_string(), Value::Integer(2))]);
    /// ```
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Event {
        let (name, value) = (name.into(), value.into());
        match self.properties.iter_mut().find(|(known, _)| *known == name) {
            Some(property) => property.1 = value,
            None => self.properties.push((name, value)),
        }
        self
    }

    /// Sets the id that makes a repeat harmless: of two events with the same one on the same day,
    /// the second is not stored.
    #[must_use]
    pub fn insert_id(mut self, id: impl Into<String>) -> Event {
        self.insert_id = Some(id.into());
        self
    }

    /// The door: the reason why this event cannot be stored, if there is one.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(user) = &self.user {
            check_id("user id", user, USER_ID_BYTES_MAX)?;
        }
        check_activity(&self.activity)?;
        if let Some(time) = self.time
            && !(YEAR_MIN..=YEAR_MAX).contains(&time.year())
        {
            return Err(format!("time {time} is not in the years {YEAR_MIN} to {YEAR_MAX}"));
        }
        if let Some(id) = &self.insert_id {
            check_name("insert id", id, INSERT_ID_BYTES_MAX)?;
        }
        self.check_properties()
    }

    fn check_properties(&self) -> Result<(), String> {
        let count = self.properties.len();
        if count > PROPERTIES_PER_EVENT_MAX {
            return Err(format!("{count} properties; at most {PROPERTIES_PER_EVENT_MAX} are kept"));
        }
        for (index, (name, value)) in self.properties.iter().enumerate() {
            check_name("property name", name, PROPERTY_BYTES_MAX)?;
            check_value(name, value)?;
            if self.properties.iter().take(index).any(|(earlier, _)| earlier == name) {
                return Err(format!("property {name:?} is given twice"));
            }
        }
        Ok(())
    }
}

/// An activity's name: none that could not be asked for.
pub(crate) fn check_activity(name: &str) -> Result<(), String> {
    check_name("activity", name, ACTIVITY_BYTES_MAX)?;
    if name == "*" {
        return Err("activity \"*\" means any activity in a query: use another name".to_string());
    }
    Ok(())
}

/// A name or an id that has to be there: not empty, within its limit, without NUL.
pub(crate) fn check_name(what: &str, text: &str, bytes_max: usize) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    check_id(what, text, bytes_max)
}

/// A name or an id that may be empty.
pub(crate) fn check_id(what: &str, text: &str, bytes_max: usize) -> Result<(), String> {
    if text.len() > bytes_max {
        return Err(format!("{what} of {} bytes; at most {bytes_max} are kept", text.len()));
    }
    if text.as_bytes().contains(&0) {
        return Err(format!("{what} {text:?} contains a NUL character"));
    }
    Ok(())
}

/// A value within its limits; `name` is its property's, for the reason.
pub(crate) fn check_value(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Text(text) if text.len() > TEXT_BYTES_MAX => {
            let length = text.len();
            Err(format!("property {name:?} of {length} bytes; at most {TEXT_BYTES_MAX} are kept"))
        }
        Value::Float(number) if !number.is_finite() => {
            Err(format!("property {name:?} is {number}, which is not a number to count with"))
        }
        _ => Ok(()),
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Events stored by this batch.
    pub accepted: u64,
    /// Of the accepted, those without a user: kept for sums and counts, never counted as people.
    pub without_user: u64,
    /// Events not stored because an equal insert id was there already.
    pub duplicates: u64,
    /// Events refused: index in the batch and the reason.
    pub rejected: Vec<(u64, String)>,
    /// The batch id was applied before: nothing was stored now, and the counts are the first
    /// receipt's.
    pub repeated: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn refused(event: &Event) -> String {
        event.check().unwrap_err()
    }

    #[test]
    fn an_event_reads_like_a_sentence() {
        let event = Event::new("anna", "purchase")
            .at(time("2024-03-01T09:30:00Z"))
            .with("price", 2.5)
            .with("country", "DE")
            .with("price", 3)
            .insert_id("i-1");
        assert_eq!(event.check(), Ok(()));
        let names: Vec<_> = event.properties.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["price", "country"]);
        assert_eq!(event.properties[0].1, Value::Integer(3));
        assert_eq!(Event::without_user("visit").user, None);
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let text = |bytes| "x".repeat(bytes);
        assert_eq!(Event::new(text(1_024), text(256)).insert_id(text(256)).check(), Ok(()));
        let at_most = |bytes, most| format!("of {bytes} bytes; at most {most} are kept");
        let user = Event::new(text(1_025), "a");
        assert_eq!(refused(&user), format!("user id {}", at_most(1_025, 1_024)));
        let activity = Event::new("u", text(257));
        assert_eq!(refused(&activity), format!("activity {}", at_most(257, 256)));
        let insert_id = Event::new("u", "a").insert_id(text(257));
        assert_eq!(refused(&insert_id), format!("insert id {}", at_most(257, 256)));
        assert_eq!(Event::new("u", "a").with(text(256), text(65_535)).check(), Ok(()));
        let name = Event::new("u", "a").with(text(257), 1);
        assert_eq!(refused(&name), format!("property name {}", at_most(257, 256)));
        let value = Event::new("u", "a").with("p", text(65_536));
        assert_eq!(refused(&value), format!("property \"p\" {}", at_most(65_536, 65_535)));
        let many = |count| (0..count).fold(Event::new("u", "a"), |e, i| e.with(i.to_string(), 1));
        assert_eq!(many(256).check(), Ok(()));
        assert_eq!(refused(&many(257)), "257 properties; at most 256 are kept");
    }

    #[test]
    fn empty_names_and_nul_are_refused() {
        assert_eq!(Event::new("", "a").check(), Ok(()));
        assert_eq!(refused(&Event::new("u", "")), "activity is empty");
        assert!(refused(&Event::new("u", "*")).contains("any activity"));
        assert_eq!(Event::new("u", "**").check(), Ok(()));
        assert_eq!(refused(&Event::new("u", "a").insert_id("")), "insert id is empty");
        assert_eq!(refused(&Event::new("u", "a").with("", 1)), "property name is empty");
        assert_eq!(refused(&Event::new("u\0", "a")), "user id \"u\\0\" contains a NUL character");
        assert!(refused(&Event::new("u", "\0")).starts_with("activity"));
        assert!(refused(&Event::new("u", "a").insert_id("\0")).starts_with("insert id"));
        assert!(refused(&Event::new("u", "a").with("\0", 1)).starts_with("property name"));
        assert_eq!(Event::new("u", "a").with("p", "\0").check(), Ok(()));
    }

    #[test]
    fn floats_that_are_no_numbers_and_doubled_names_are_refused() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let event = Event::new("u", "a").with("p", number);
            assert!(refused(&event).starts_with("property \"p\" is "));
        }
        let mut event = Event::new("u", "a").with("p", f64::MAX);
        assert_eq!(event.check(), Ok(()));
        event.properties.push(("p".into(), Value::Bool(true)));
        assert_eq!(refused(&event), "property \"p\" is given twice");
    }

    #[test]
    fn years_are_1_to_9999() {
        let at = |text| Event::new("u", "a").at(time(text)).check();
        assert_eq!(at("0001-01-01T00:00:00Z"), Ok(()));
        assert_eq!(at("9999-12-31T23:59:59.999999999Z"), Ok(()));
        let reason = "time 0000-12-31 23:59:59 UTC is not in the years 1 to 9999";
        assert_eq!(at("0000-12-31T23:59:59Z"), Err(reason.into()));
        assert!(at("+10000-01-01T00:00:00Z").is_err());
    }
}

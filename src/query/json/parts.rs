//! The parts that fields are made of: texts, numbers, words, lists, selectors.

use crate::error::{Error, ErrorKind, Result};
use crate::event::Value;
use crate::limits::{
    FEATURES_MAX, FUNNEL_STEPS_MAX, PATHS_DEPTH_MAX, RETENTION_COLUMNS_MAX, TOP_MAX,
    TRAILING_DAYS_MAX, USERS_PAGE_MAX,
};
use crate::query::condition;
use crate::query::duration::DURATION_FORM;
use crate::query::fields::list;
use crate::scan::Selector;
use crate::time;
use serde_json::{Map, Value as Json};

/// The error for a value that is not what its field takes.
pub(in crate::query) fn expected(field: &str, value: &Json, what: &str) -> Error {
    let mut shown = value.to_string();
    if let Some((cut, _)) = shown.char_indices().nth(60) {
        shown.truncate(cut);
        shown.push_str("...");
    }
    Error::input(format!("`{field}` is {shown}: expected {what}"))
}

pub(in crate::query) fn text<'a>(field: &str, value: &'a Json) -> Result<&'a str> {
    value.as_str().ok_or_else(|| expected(field, value, "text"))
}

pub(in crate::query) fn items<'a>(
    field: &str,
    value: &'a Json,
) -> Result<std::slice::Iter<'a, Json>> {
    value.as_array().map(|list| list.iter()).ok_or_else(|| expected(field, value, "a list"))
}

pub(super) fn texts<'a>(field: &str, value: &'a Json) -> Result<Vec<&'a str>> {
    items(field, value)?.map(|value| text(field, value)).collect()
}

pub(super) fn instant(field: &str, value: &Json) -> Result<time::Micros> {
    let what = "an instant like 2024-06-01T00:00:00Z";
    let text = value.as_str().ok_or_else(|| expected(field, value, what))?;
    time::parse_instant(text).map_err(|_| expected(field, value, what))
}

/// The text of a duration, which whoever gets it reads.
pub(super) fn duration<'a>(field: &str, value: &'a Json) -> Result<&'a str> {
    value.as_str().ok_or_else(|| expected(field, value, DURATION_FORM))
}

pub(super) fn whole<T: TryFrom<u64>>(field: &str, value: &Json) -> Result<T> {
    let whole = value.as_u64().and_then(|n| T::try_from(n).ok());
    let large = |n: f64| n > f64::from(u32::MAX) && n.fract() == 0.0;
    match whole {
        Some(whole) => Ok(whole),
        None if value.as_f64().is_some_and(large) => Err(Error::new(
            ErrorKind::Limit,
            format!("`{field}` is {value}, which is too large: it is {} at most", most::<T>(field)),
        )),
        None => Err(expected(field, value, "a whole number that is not negative")),
    }
}

/// The most that a field takes: its bound, or else what its type holds.
fn most<T: TryFrom<u64>>(field: &str) -> u64 {
    match field {
        "top" => u64::from(TOP_MAX),
        "limit" => u64::from(USERS_PAGE_MAX),
        "depth" => u64::from(PATHS_DEPTH_MAX),
        "columns" | "brackets" => u64::from(RETENTION_COLUMNS_MAX),
        "trailing" | "gap" | "week" | "month" => u64::from(TRAILING_DAYS_MAX),
        "after" | "before" | "reached" => FUNNEL_STEPS_MAX as u64,
        "k" => FEATURES_MAX as u64,
        _ if T::try_from(u64::MAX).is_ok() => u64::MAX,
        _ => u64::from(u32::MAX),
    }
}

pub(super) fn number(field: &str, value: &Json) -> Result<Value> {
    match value {
        Json::Number(_) | Json::Object(_) => condition::read_literal(field, value),
        _ => Err(expected(field, value, "a number")),
    }
}

pub(super) fn yes_or_no(field: &str, value: &Json) -> Result<bool> {
    value.as_bool().ok_or_else(|| expected(field, value, "true or false"))
}

/// One of the values that have a name.
pub(super) fn word<T: Copy>(
    field: &str,
    value: &Json,
    every: &[T],
    name: fn(T) -> &'static str,
) -> Result<T> {
    let given = value.as_str();
    every.iter().copied().find(|&one| Some(name(one)) == given).ok_or_else(|| {
        let names = list(every.iter().copied().map(name));
        expected(field, value, &format!("one of {names}"))
    })
}

/// Whether the word is the second of two.
pub(super) fn second(field: &str, value: &Json, words: [&'static str; 2]) -> Result<bool> {
    Ok(word(field, value, &words, |word| word)? == words[1])
}

/// A user's id: text, or an integer, which is its decimal text.
pub(super) fn id(field: &str, value: &Json) -> Result<String> {
    match value {
        Json::String(id) => Ok(id.clone()),
        Json::Number(n) if n.is_i64() || n.is_u64() => Ok(n.to_string()),
        _ => Err(expected(field, value, "an id: text or an integer")),
    }
}

/// A field that must be there.
pub(super) fn required<'a>(
    object: &'a Map<String, Json>,
    of: &str,
    field: &str,
    what: &str,
) -> Result<&'a Json> {
    object.get(field).ok_or_else(|| Error::input(format!("{of} needs `{field}`, {what}")))
}

pub(super) fn selectors(field: &str, value: &Json) -> Result<Vec<Selector>> {
    items(field, value)?.map(|value| selector(field, value)).collect()
}

/// A name, several, and the conditions on them.
pub(super) fn selector(field: &str, value: &Json) -> Result<Selector> {
    let Json::Object(object) = value else { return names(field, value) };
    let known = ["any", "event", "where"];
    if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(Error::input(format!("`{unknown}` is no field of `{field}`: expected {FORM}")));
    }
    let event = match (object.get("any"), object.get("event")) {
        (Some(any), None) => any_of(any)?,
        (None, Some(event)) => names(field, event)?,
        _ => return Err(expected(field, value, FORM)),
    };
    match object.get("where") {
        Some(conditions) => Ok(event.matching(condition::read_all("where", conditions, 0)?)),
        None => Ok(event),
    }
}

/// What a selector looks like.
const FORM: &str = "an event name, \"*\", {\"any\": [names]} or \
                    {\"event\": name, \"where\": [conditions]}";

/// A selector without conditions.
fn names(field: &str, value: &Json) -> Result<Selector> {
    match value {
        Json::String(name) => Ok(Selector::name(name)),
        Json::Object(object) if object.len() == 1 => {
            any_of(object.get("any").ok_or_else(|| expected(field, value, FORM))?)
        }
        _ => Err(expected(field, value, FORM)),
    }
}

fn any_of(names: &Json) -> Result<Selector> {
    Ok(Selector::any_of(texts("any", names)?))
}

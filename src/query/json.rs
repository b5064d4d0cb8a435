//! Reading the JSON form of a query.

mod digits;
mod own;
pub(super) mod parts;
mod set;

use super::Query;
use super::fields::{self, NULLABLE};
use super::set::Set;
use super::strict::Strict;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{QUERIES_MAX, QUERY_BYTES_MAX};
use crate::time::{Bucket, WeekStart};
use parts::{instant, text, texts, whole, word, yes_or_no};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What one JSON text asked: a query, or several at once.
#[derive(Debug)]
pub enum Queries {
    /// An object.
    One(Box<Query>),
    /// An array, in its order; a bad query leaves its error in its place.
    Many(Vec<Result<Query>>),
}

impl Query {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// Unknown fields, unknown names and impossible combinations; the message names the field and
    /// what is allowed. See [`check`](Query::check) for the kinds.
    ///
    /// ```
    /// use daybit::Query;
    /// let error = Query::from_json(r#"{"report": "active", "evnt": "purchase"}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("`evnt` is no field; those of `active` are"));
    /// ```
    pub fn from_json(text: &str) -> Result<Query> {
        Query::from_value(&exact("the query", text)?)
    }

    /// Reads the JSON form from a value; fails as [`from_json`](Query::from_json) does. A value
    /// holds other numbers than small integers as binary ones, so that a condition with a whole
    /// one of 2^53 or more is refused, which may have been another number in its text; text that
    /// comes from outside is best read by [`exact_json`].
    ///
    /// # Errors
    /// As `from_json`.
    pub fn from_value(value: &Value) -> Result<Query> {
        let Value::Object(object) = value else {
            return Err(Error::input("a query is an object like {\"report\": \"active\"}"));
        };
        let query = Query::read(object, 1)?;
        query.check()?;
        Ok(query)
    }

    /// Reads the fields; `depth` is that of the query's set of users within other sets.
    fn read(object: &Map<String, Value>, depth: usize) -> Result<Query> {
        let mut query = own::report(object)?;
        let name = query.report.name();
        for (field, value) in object {
            fields::belongs(name, field).map_err(Error::input)?;
            if value.is_null() && NULLABLE.contains(&field.as_str()) && !means_null(name, field) {
                continue;
            }
            query = set_field(query, field, value, depth)?;
        }
        if object.contains_key("columns") && object.contains_key("brackets") {
            return Err(Error::input(
                "`columns` and `brackets` do not go together: a column is a bracket",
            ));
        }
        Ok(query)
    }
}

impl<'de> serde::Deserialize<'de> for Query {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Query, D::Error> {
        let value = Strict::deserialize(deserializer)?.once();
        value.and_then(|value| Query::from_value(&value)).map_err(serde::de::Error::custom)
    }
}

/// Reads a query, or an array of queries in which each bad one gives its own error in its place.
///
/// # Errors
/// The text is not JSON, is too long, holds too many queries, or is one query and that is bad.
///
/// ```
/// use daybit::{Queries, queries_from_json};
/// let text = r#"[{"report": "active"}, {"report": "actives"}]"#;
/// let Queries::Many(queries) = queries_from_json(text)? else { panic!("an array") };
/// assert!(queries[0].is_ok() && queries[1].is_err());
/// # Ok::<(), daybit::Error>(())
/// ```
pub fn queries_from_json(text: &str) -> Result<Queries> {
    check_bytes(text)?;
    if !text.trim_start().starts_with('[') {
        return Ok(Queries::One(Box::new(Query::from_json(text)?)));
    }
    let queries: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|cause| not_json("the query", &cause))?;
    if queries.len() > QUERIES_MAX {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("{} queries at once: at most {QUERIES_MAX} are taken", queries.len()),
        ));
    }
    Ok(Queries::Many(queries.iter().map(|query| Query::from_json(query.get())).collect()))
}

/// Reads JSON as [`Query::from_json`] does: refuses a field that is given twice, and a number of
/// more digits than a value carries.
///
/// # Errors
/// `Input`, with the field or the number and how to write it; `Limit` for a text that is too long.
///
/// ```
/// assert!(daybit::exact_json("[1, 2.50]").is_ok());
/// let error = daybit::exact_json("9007199254740993.0").unwrap_err().to_string();
/// assert!(error.ends_with(r#"write {"decimal": "9007199254740993.0"}"#));
/// ```
pub fn exact_json(text: &str) -> Result<Value> {
    exact("the text", text)
}

fn exact(what: &str, text: &str) -> Result<Value> {
    check_bytes(text)?;
    let strict: Strict = serde_json::from_str(text).map_err(|cause| not_json(what, &cause))?;
    digits::check(text)?;
    strict.once()
}

fn check_bytes(text: &str) -> Result<()> {
    if text.len() <= QUERY_BYTES_MAX {
        return Ok(());
    }
    let message = format!("{} bytes of JSON: at most {QUERY_BYTES_MAX} are read", text.len());
    Err(Error::new(ErrorKind::Limit, message))
}

fn not_json(what: &str, cause: &serde_json::Error) -> Error {
    Error::input(format!("{what} is not JSON: {cause}"))
}

/// Whether `null` is a value of its own, unlike the field's absence.
fn means_null(report: &str, field: &str) -> bool {
    (report, field) == ("stickiness", "trailing")
}

fn set_field(query: Query, field: &str, value: &Value, depth: usize) -> Result<Query> {
    Ok(match field {
        "from" => query.from(text(field, value)?),
        "to" => query.to(text(field, value)?),
        "by" => query.by(word(field, value, &Bucket::EVERY, Bucket::as_str)?),
        "time_zone" => query.time_zone(text(field, value)?),
        "week_start" => query.week_start(word(field, value, &WeekStart::EVERY, WeekStart::as_str)?),
        "as_of" => Query { as_of: Some(instant(field, value)?), ..query },
        "users" => query.only(set::set(value, depth)?),
        "breakdown" => query.breakdown(texts(field, value)?),
        "top" => query.top(whole(field, value)?),
        "allow_partial" => Query { allow_partial: yes_or_no(field, value)?, ..query },
        _ => own::set_field(query, field, value)?,
    })
}

/// A set on its own, as a saved cohort is kept.
pub(super) fn set_from_json(text: &str) -> Result<Set> {
    let set = set::set(&exact("the set", text)?, 1)?;
    Query::count(set.clone()).check()?;
    Ok(set)
}

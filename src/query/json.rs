//! Reading the JSON form of a query.

mod own;
pub(super) mod parts;
mod set;

use super::Query;
use super::fields::{self, NULLABLE};
use super::set::Set;
use super::strict::{Document, Strict};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{QUERIES_MAX, QUERY_BYTES_MAX};
use crate::time::{Bucket, WeekStart};
use parts::{instant, text, texts, whole, word};
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
        check_bytes(text)?;
        read(serde_json::from_str(text).map_err(not_json)?)
    }

    /// Reads the JSON form from a value; fails as [`from_json`](Query::from_json) does.
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
        read(Strict::deserialize(deserializer)?).map_err(serde::de::Error::custom)
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
    match serde_json::from_str(text).map_err(not_json)? {
        Document::One(query) => Ok(Queries::One(Box::new(read(query)?))),
        Document::Many(queries) if queries.len() > QUERIES_MAX => Err(Error::new(
            ErrorKind::Limit,
            format!("{} queries at once: at most {QUERIES_MAX} are taken", queries.len()),
        )),
        Document::Many(queries) => Ok(Queries::Many(queries.into_iter().map(read).collect())),
    }
}

fn check_bytes(text: &str) -> Result<()> {
    if text.len() <= QUERY_BYTES_MAX {
        return Ok(());
    }
    let message = format!("{} bytes of JSON: at most {QUERY_BYTES_MAX} are read", text.len());
    Err(Error::new(ErrorKind::Limit, message))
}

fn not_json(cause: serde_json::Error) -> Error {
    Error::input(format!("the query is not JSON: {cause}"))
}

fn read(strict: Strict) -> Result<Query> {
    match strict.twice {
        Some(field) => Err(Error::input(format!("`{field}` is given twice"))),
        None => Query::from_value(&strict.value),
    }
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
        _ => own::set_field(query, field, value)?,
    })
}

/// A set on its own, as a saved cohort is kept.
pub(super) fn set_from_json(text: &str) -> Result<Set> {
    check_bytes(text)?;
    let strict: Strict = serde_json::from_str(text)
        .map_err(|cause| Error::input(format!("the set is not JSON: {cause}")))?;
    let set = match strict.twice {
        Some(field) => return Err(Error::input(format!("`{field}` is given twice"))),
        None => set::set(&strict.value, 1)?,
    };
    Query::count(set.clone()).check()?;
    Ok(set)
}

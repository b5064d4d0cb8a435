//! Reading the JSON form of a query.

use super::check::{later, set_too_deep};
use super::date::DateArg;
use super::fields::{self, INTERVALS, LATER, NULLABLE, REPORTS, REPORTS_LATER, list};
use super::set::Set;
use super::strict::{Document, Strict};
use super::{CohortKind, CountKind, Query, Report};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{QUERIES_MAX, QUERY_BYTES_MAX, SET_DEPTH_MAX};
use crate::scan::Selector;
use crate::time::{self, Bucket, WeekStart};
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
        let mut query = Query::new(report(object)?);
        let name = query.report.name();
        for (field, value) in object {
            fields::belongs(name, field).map_err(Error::input)?;
            if value.is_null() && NULLABLE.contains(&field.as_str()) && !means_null(name, field) {
                continue;
            }
            if LATER.contains(&field.as_str()) {
                return Err(later(&format!("`{field}`")));
            }
            query = set_field(query, field, value)?;
        }
        if object.contains_key("columns") && object.contains_key("brackets") {
            return Err(Error::input(
                "`columns` and `brackets` do not go together: a column is a bracket",
            ));
        }
        query.check()?;
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

/// The report with its defaults.
fn report(object: &Map<String, Value>) -> Result<Report> {
    let names = || list(REPORTS.iter().copied());
    let Some(value) = object.get("report") else {
        return Err(Error::input(format!("`report` is missing; it is one of {}", names())));
    };
    let nobody = || Set::ids::<String>([]);
    Ok(match text("report", value)? {
        "active" => Query::active("*").report,
        "frequency" => Query::frequency("*").report,
        "stickiness" => Query::stickiness("*").report,
        "growth" => Query::growth("*").report,
        "states" => Query::states("*").report,
        "retention" => match object.get("start") {
            Some(start) => Query::retention(selector("start", start)?).report,
            None => Query::retention("*").report,
        },
        "count" => Query::count(nobody()).report,
        "users" => Query::users(nobody()).report,
        name if REPORTS_LATER.contains(&name) => {
            return Err(later(&format!("report `{name}`")));
        }
        name => {
            return Err(Error::input(format!("`report` is {name:?}; it is one of {}", names())));
        }
    })
}

/// Whether `null` is a value of its own, unlike the field's absence.
fn means_null(report: &str, field: &str) -> bool {
    (report, field) == ("stickiness", "trailing")
}

fn set_field(query: Query, field: &str, value: &Value) -> Result<Query> {
    Ok(match field {
        // The report was made from these.
        "report" | "start" => query,
        "from" => query.from(text(field, value)?),
        "to" => query.to(text(field, value)?),
        "by" => query.by(word(field, value, &Bucket::EVERY, Bucket::as_str)?),
        "time_zone" => query.time_zone(text(field, value)?),
        "week_start" => query.week_start(word(field, value, &WeekStart::EVERY, WeekStart::as_str)?),
        "as_of" => Query { as_of: Some(instant(field, value)?), ..query },
        "users" => query.only(set(value, 1)?),
        "event" => query.event(selector(field, value)?),
        "trailing" if value.is_null() => query.trailing(None),
        "trailing" => query.trailing(whole::<u32>(field, value)?),
        "interval" => query.interval(word(field, value, INTERVALS, Bucket::as_str)?),
        "at_least" => query.at_least(whole(field, value)?),
        "at_most" => query.at_most(whole(field, value)?),
        "gap" => query.gap(whole(field, value)?),
        "new_means" => match word(field, value, &["event", "any"], |name| name)? {
            "any" => query.new_means_any(),
            _ => query,
        },
        "week" => query.week(whole(field, value)?),
        "month" => query.month(whole(field, value)?),
        "return" => query.returning(selector(field, value)?),
        "columns" => query.columns(whole(field, value)?),
        "cohort" => query.cohort(word(field, value, &CohortKind::EVERY, CohortKind::as_str)?),
        "count" => query.counting(word(field, value, &CountKind::EVERY, CountKind::as_str)?),
        "brackets" => {
            let widths = items(field, value)?.map(|v| whole(field, v));
            let widths = widths.collect::<Result<Vec<u32>>>()?;
            if widths.is_empty() {
                return Err(Error::input(
                    "`brackets` is empty: give widths like [1, 6, 23], or leave it out",
                ));
            }
            query.brackets(widths)
        }
        "window" => match word(field, value, &["calendar", "elapsed"], |name| name)? {
            "elapsed" => return Err(later("`window: elapsed`")),
            _ => query,
        },
        "limit" => query.limit(whole(field, value)?),
        "after" => query.after(id(field, value)?),
        _ => return Err(later(&format!("`{field}`"))),
    })
}

fn expected(field: &str, value: &Value, what: &str) -> Error {
    let mut shown = value.to_string();
    if let Some((cut, _)) = shown.char_indices().nth(60) {
        shown.truncate(cut);
        shown.push_str("...");
    }
    Error::input(format!("`{field}` is {shown}: expected {what}"))
}

fn text<'a>(field: &str, value: &'a Value) -> Result<&'a str> {
    value.as_str().ok_or_else(|| expected(field, value, "text"))
}

fn instant(field: &str, value: &Value) -> Result<time::Micros> {
    let what = "an instant like 2024-06-01T00:00:00Z";
    let text = value.as_str().ok_or_else(|| expected(field, value, what))?;
    time::parse_instant(text).map_err(|_| expected(field, value, what))
}

fn whole<T: TryFrom<u64>>(field: &str, value: &Value) -> Result<T> {
    let whole = value.as_u64().and_then(|n| T::try_from(n).ok());
    whole.ok_or_else(|| expected(field, value, "a whole number that is not negative"))
}

/// One of the values that have a name.
fn word<T: Copy>(
    field: &str,
    value: &Value,
    every: &[T],
    name: fn(T) -> &'static str,
) -> Result<T> {
    let given = value.as_str();
    every.iter().copied().find(|&one| Some(name(one)) == given).ok_or_else(|| {
        let names = list(every.iter().copied().map(name));
        expected(field, value, &format!("one of {names}"))
    })
}

fn items<'a>(field: &str, value: &'a Value) -> Result<std::slice::Iter<'a, Value>> {
    value.as_array().map(|list| list.iter()).ok_or_else(|| expected(field, value, "a list"))
}

/// A user's id: text, or an integer, which is its decimal text.
fn id(field: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(id) => Ok(id.clone()),
        Value::Number(n) if n.is_i64() || n.is_u64() => Ok(n.to_string()),
        _ => Err(expected(field, value, "an id: text or an integer")),
    }
}

fn selector(field: &str, value: &Value) -> Result<Selector> {
    let what = "an event name, \"*\", {\"any\": [names]} or {\"event\": name}";
    let wrong = || expected(field, value, what);
    let object = match value {
        Value::String(name) => return Ok(Selector::name(name)),
        Value::Object(object) => object,
        _ => return Err(wrong()),
    };
    if let Some(unknown) = object.keys().find(|k| !["any", "event", "where"].contains(&k.as_str()))
    {
        return Err(Error::input(format!("`{unknown}` is no field of `{field}`: expected {what}")));
    }
    match object.get("where") {
        Some(Value::Array(conditions)) if conditions.is_empty() => {}
        Some(_) => return Err(later("`where`")),
        None => {}
    }
    match (object.get("any"), object.get("event")) {
        (None, Some(name)) => Ok(Selector::name(text("event", name)?)),
        (Some(names), None) if !object.contains_key("where") => {
            let names: Result<Vec<&str>> = items("any", names)?.map(|v| text("any", v)).collect();
            Ok(Selector::any_of(names?))
        }
        _ => Err(wrong()),
    }
}

/// Kinds of sets, by the field that tells them, and the fields that may stand beside it.
const SETS: &[(&str, &[&str])] = &[
    ("did", &["from", "to", "at_least", "at_most"]),
    ("first_did", &["from", "to"]),
    ("ids", &[]),
    ("cohort", &[]),
    ("funnel", &["reached", "exactly"]),
    ("and", &[]),
    ("or", &[]),
    ("not", &[]),
];

/// A set on its own, as a saved cohort is kept.
pub(super) fn set_from_json(text: &str) -> Result<Set> {
    check_bytes(text)?;
    let strict: Strict = serde_json::from_str(text)
        .map_err(|cause| Error::input(format!("the set is not JSON: {cause}")))?;
    let set = match strict.twice {
        Some(field) => return Err(Error::input(format!("`{field}` is given twice"))),
        None => set(&strict.value, 1)?,
    };
    Query::count(set.clone()).check()?;
    Ok(set)
}

fn set(value: &Value, depth: usize) -> Result<Set> {
    if depth > SET_DEPTH_MAX {
        return Err(set_too_deep());
    }
    let kinds = || list(SETS.iter().map(|(kind, _)| *kind));
    let Value::Object(object) = value else {
        return Err(expected("users", value, &format!("a set: an object with one of {}", kinds())));
    };
    let mut told = SETS.iter().filter(|(kind, _)| object.contains_key(*kind));
    let (Some((kind, beside)), None) = (told.next(), told.next()) else {
        return Err(expected("users", value, &format!("a set with exactly one of {}", kinds())));
    };
    if let Some(unknown) = object.keys().find(|k| k != kind && !beside.contains(&k.as_str())) {
        let known = list(beside.iter().copied());
        let known = if known.is_empty() { "nothing".to_owned() } else { known };
        return Err(Error::input(format!(
            "`{unknown}` is no field of a `{kind}` set; beside `{kind}` it takes {known}"
        )));
    }
    match (*kind, object.get(*kind).unwrap_or(&Value::Null)) {
        ("did", event) => did(object, event),
        ("first_did", event) => {
            let event = selector("first_did", event)?;
            Ok(Set::first_did(event, edge(object, "from")?, edge(object, "to")?))
        }
        ("ids", ids) => {
            let ids: Result<Vec<String>> = items("ids", ids)?.map(|v| id("ids", v)).collect();
            Ok(Set::ids(ids?))
        }
        ("and", sets) => Ok(Set::all_of(members("and", sets, depth)?)),
        ("or", sets) => Ok(Set::one_of(members("or", sets, depth)?)),
        ("not", inner) => Ok(!set(inner, depth + 1)?),
        ("cohort", name) => Ok(Set::cohort(text("cohort", name)?)),
        (kind, _) => Err(later(&format!("a `{kind}` set"))),
    }
}

fn did(object: &Map<String, Value>, event: &Value) -> Result<Set> {
    let mut set = Set::did(selector("did", event)?);
    for (field, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        set = match field.as_str() {
            "from" => set.from(text(field, value)?),
            "to" => set.to(text(field, value)?),
            "at_least" => set.at_least(whole(field, value)?),
            "at_most" => set.at_most(whole(field, value)?),
            _ => set,
        };
    }
    Ok(set)
}

fn edge(object: &Map<String, Value>, field: &str) -> Result<DateArg> {
    match object.get(field) {
        Some(value) => Ok(DateArg::from(text(field, value)?)),
        None => Err(Error::input(format!("`first_did` needs `{field}`, a date like 2024-01-31"))),
    }
}

fn members(field: &str, value: &Value, depth: usize) -> Result<Vec<Set>> {
    items(field, value)?.map(|member| set(member, depth + 1)).collect()
}

//! Sets of users.

use super::parts::{expected, id, items, required, selector, text, whole, yes_or_no};
use crate::error::{Error, Result};
use crate::limits::SET_DEPTH_MAX;
use crate::query::Query;
use crate::query::check::set_too_deep;
use crate::query::date::DateArg;
use crate::query::fields::list;
use crate::query::set::Set;
use serde_json::{Map, Value};

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

pub(super) fn set(value: &Value, depth: usize) -> Result<Set> {
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
        ("cohort", name) => Ok(Set::cohort(text("cohort", name)?)),
        ("funnel", query) => funnel(object, query, depth),
        ("and", sets) => Ok(Set::all_of(members("and", sets, depth)?)),
        ("or", sets) => Ok(Set::one_of(members("or", sets, depth)?)),
        (_, inner) => Ok(!set(inner, depth + 1)?),
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
    let date = required(object, "`first_did`", field, "a date like 2024-01-31")?;
    Ok(DateArg::from(text(field, date)?))
}

/// The report of the query may be left out: it can only be a funnel.
fn funnel(object: &Map<String, Value>, query: &Value, depth: usize) -> Result<Set> {
    let Value::Object(fields) = query else {
        return Err(expected("funnel", query, "a query with `steps`"));
    };
    let mut fields = fields.clone();
    fields.entry("report").or_insert_with(|| "funnel".into());
    let query = Query::read(&fields, depth + 1)?;
    let reached = required(object, "`funnel`", "reached", "the number of a step")?;
    let reached = whole("reached", reached)?;
    let exactly = object.get("exactly").map(|value| yes_or_no("exactly", value)).transpose()?;
    match exactly {
        Some(true) => Ok(Set::funnel_exactly(query, reached)),
        _ => Ok(Set::funnel(query, reached)),
    }
}

fn members(field: &str, value: &Value, depth: usize) -> Result<Vec<Set>> {
    items(field, value)?.map(|member| set(member, depth + 1)).collect()
}

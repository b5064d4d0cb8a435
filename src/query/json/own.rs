//! The reports, and their own fields.

use super::parts::{
    duration, expected, id, items, number, second, selector, selectors, text, whole, word,
    yes_or_no,
};
use crate::error::{Error, Result};
use crate::query::fields::{INTERVALS, REPORTS, list};
use crate::query::set::Set;
use crate::query::{
    Anchor, CohortKind, CountKind, Measure, PersonColumn, Query, Report, SurveyKind,
};
use crate::scan::{FunnelOrder, Selector};
use crate::time::Bucket;
use serde_json::{Map, Value};

/// Fields that [`report`] has read.
const READ: [&str; 8] =
    ["report", "start", "end", "steps", "measure", "kind", "features", "property"];

/// The report with its defaults, and what it cannot be without.
pub(super) fn report(object: &Map<String, Value>) -> Result<Query> {
    let names = || list(REPORTS.iter().copied());
    let Some(value) = object.get("report") else {
        return Err(Error::input(format!("`report` is missing; it is one of {}", names())));
    };
    let nobody = || Set::ids::<String>([]);
    let query = match text("report", value)? {
        "active" => Query::active("*"),
        "frequency" => Query::frequency("*"),
        "stickiness" => Query::stickiness("*"),
        "growth" => Query::growth("*"),
        "states" => Query::states("*"),
        "retention" => Query::retention(event(object, "start")?.unwrap_or_default()),
        "funnel" => Query::funnel(events(object, "steps")?),
        "paths" => Query::paths(anchor(object)?),
        "sessions" => Query::sessions("*"),
        "value" => Query::value("*", measure(object)?),
        "balance" => Query::balance("*", ""),
        "survey" => Query::survey("*", "", kind(object)?),
        "adoption" => Query::adoption(events(object, "features")?),
        "count" => Query { users: None, ..Query::count(nobody()) },
        "users" => Query { users: None, ..Query::users(nobody()) },
        name => {
            return Err(Error::input(format!("`report` is {name:?}; it is one of {}", names())));
        }
    };
    match object.get("property").filter(|property| !property.is_null()) {
        Some(property) => Ok(query.property(text("property", property)?)),
        None => Ok(query),
    }
}

fn event(object: &Map<String, Value>, field: &str) -> Result<Option<Selector>> {
    object.get(field).map(|event| selector(field, event)).transpose()
}

fn events(object: &Map<String, Value>, field: &str) -> Result<Vec<Selector>> {
    object.get(field).map_or_else(|| Ok(Vec::new()), |events| selectors(field, events))
}

fn anchor(object: &Map<String, Value>) -> Result<Anchor> {
    match (event(object, "start")?, event(object, "end")?) {
        (Some(start), None) => Ok(Anchor::Start(start)),
        (None, Some(end)) => Ok(Anchor::End(end)),
        (Some(_), Some(_)) => {
            Err(Error::input("`start` and `end` do not go together: paths hang on one event"))
        }
        (None, None) => Err(Error::input("`paths` needs `start` or `end`, an event")),
    }
}

fn measure(object: &Map<String, Value>) -> Result<Measure> {
    let read = |value| word("measure", value, &Measure::EVERY, Measure::as_str);
    object.get("measure").map_or_else(|| Ok(Measure::default()), read)
}

fn kind(object: &Map<String, Value>) -> Result<SurveyKind> {
    let read = |value| word("kind", value, &SurveyKind::EVERY, SurveyKind::as_str);
    object.get("kind").map_or_else(|| Ok(SurveyKind::default()), read)
}

/// Sets a field that the report has.
pub(super) fn set_field(query: Query, field: &str, value: &Value) -> Result<Query> {
    Ok(match field {
        field if READ.contains(&field) => query,
        "event" => query.event(selector(field, value)?),
        "trailing" if value.is_null() => query.trailing(None),
        "trailing" => query.trailing(whole::<u32>(field, value)?),
        "interval" => query.interval(word(field, value, INTERVALS, Bucket::as_str)?),
        "at_least" => query.at_least(whole(field, value)?),
        "at_most" => query.at_most(whole(field, value)?),
        "gap" if matches!(query.report, Report::Sessions { .. }) => {
            query.session_gap(duration(field, value)?)
        }
        "gap" => query.gap(whole(field, value)?),
        "new_means" if second(field, value, ["event", "any"])? => query.new_means_any(),
        "week" => query.week(whole(field, value)?),
        "month" => query.month(whole(field, value)?),
        "return" => query.returning(selector(field, value)?),
        "columns" => query.columns(whole(field, value)?),
        "cohort" => query.cohort(word(field, value, &CohortKind::EVERY, CohortKind::as_str)?),
        "count" => query.counting(word(field, value, &CountKind::EVERY, CountKind::as_str)?),
        "brackets" => query.brackets(brackets(field, value)?),
        "window" if second(field, value, ["calendar", "elapsed"])? => query.elapsed(),
        "new_means" | "window" => query,
        "limit" => query.limit(whole(field, value)?),
        "after" => query.after(id(field, value)?),
        "with" => query.with(columns(field, value)?),
        "order_by" => {
            query.order_by(word(field, value, &PersonColumn::EVERY, PersonColumn::as_str)?)
        }
        "descending" if yes_or_no(field, value)? => query.descending(),
        "descending" => query,
        _ => set_later_field(query, field, value)?,
    })
}

/// The fields of funnels, paths, sessions, values, surveys and adoption.
fn set_later_field(query: Query, field: &str, value: &Value) -> Result<Query> {
    Ok(match field {
        "within" if value.is_null() && matches!(query.report, Report::Funnel(_)) => {
            query.without_limit()
        }
        "within" => query.within(duration(field, value)?),
        "order" => query.order(word(field, value, &FunnelOrder::EVERY, FunnelOrder::as_str)?),
        "ties" if second(field, value, ["in_order", "forbid"])? => query.forbid_ties(),
        "exclude" => items(field, value)?.try_fold(query, exclude)?,
        "depth" => query.depth(whole(field, value)?),
        "duration_edges" => query.duration_edges(durations(field, value)?),
        "of" => query.of(selector(field, value)?),
        "scale" => match items(field, value)?.as_slice() {
            [lowest, highest] => query.scale(number(field, lowest)?, number(field, highest)?),
            _ => return Err(expected(field, value, "two numbers, like [0, 10]")),
        },
        "promoter_min" => query.promoter_min(number(field, value)?),
        "detractor_max" => query.detractor_max(number(field, value)?),
        "responses" if second(field, value, ["all", "last"])? => query.last_responses(),
        "k" => query.at_least_features(whole(field, value)?),
        "among" => query.among(selector(field, value)?),
        // `ties: in_order` and `responses: all`.
        _ => query,
    })
}

fn exclude(query: Query, value: &Value) -> Result<Query> {
    let form = "{\"event\": name, \"after\": step, \"before\": step}";
    let Value::Object(object) = value else { return Err(expected("exclude", value, form)) };
    let (Some(event), Some(after), Some(before), 3) =
        (object.get("event"), object.get("after"), object.get("before"), object.len())
    else {
        return Err(expected("exclude", value, form));
    };
    Ok(query.exclude(selector("event", event)?, whole("after", after)?, whole("before", before)?))
}

fn durations<'a>(field: &str, value: &'a Value) -> Result<Vec<&'a str>> {
    items(field, value)?.map(|value| duration(field, value)).collect()
}

fn brackets(field: &str, value: &Value) -> Result<Vec<u32>> {
    let widths = items(field, value)?.map(|width| whole(field, width));
    let widths = widths.collect::<Result<Vec<u32>>>()?;
    match widths.is_empty() {
        true => {
            Err(Error::input("`brackets` is empty: give widths like [1, 6, 23], or leave it out"))
        }
        false => Ok(widths),
    }
}

fn columns(field: &str, value: &Value) -> Result<Vec<PersonColumn>> {
    let every = &PersonColumn::EVERY;
    items(field, value)?.map(|name| word(field, name, every, PersonColumn::as_str)).collect()
}

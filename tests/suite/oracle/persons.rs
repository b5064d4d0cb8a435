//! How many people are in a set, and a line for each.

use super::calendar::Calendar;
use super::{Asked, Event, within};
use serde_json::{Value as Json, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The people asked for; where the query has a range, those with an event in it.
fn people(asked: &Asked) -> Vec<String> {
    let mut people = asked.among.clone().unwrap_or_else(|| asked.oracle.everyone());
    if asked.text("from").is_some() || asked.text("to").is_some() {
        let there = within(&asked.events(&json!("*")), asked.from, asked.to);
        people.retain(|user| there.contains(user.as_str()));
    }
    people.into_iter().collect()
}

pub fn count(asked: &Asked) -> Json {
    json!([{"key": {}, "count": people(asked).len()}])
}

pub fn users(asked: &Asked) -> Json {
    let mut ids = people(asked);
    let events = asked.events(&asked.query["event"]);
    let own = |id: &str| -> Vec<&Event> {
        let own = events.iter().filter(|e| e.who() == id);
        own.filter(|e| (asked.from..asked.to).contains(&e.at)).copied().collect()
    };
    if let Some(name) = asked.text("order_by") {
        let descending = asked.query["descending"] == json!(true);
        let key = |id: &String| cell(asked, name, &own(id));
        ids.sort_by(|a, b| order(&key(a), &key(b), descending).then_with(|| a.cmp(b)));
    }
    if let Some(after) = asked.text("after") {
        let at = ids.iter().position(|id| id == after);
        match at {
            Some(at) => drop(ids.drain(..=at)),
            None => ids.retain(|id| id.as_str() > after),
        }
    }
    let limit = asked.number("limit").unwrap_or(1000);
    let next = (ids.len() > limit).then(|| ids[limit - 1].clone());
    ids.truncate(limit);
    let mut series = json!({"key": {}, "ids": ids, "next": next});
    for name in asked.query["with"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        series[name] = ids.iter().map(|id| cell(asked, name, &own(id))).collect();
    }
    json!([series])
}

fn cell(asked: &Asked, name: &str, events: &[&Event]) -> Json {
    let property = || asked.text("property").unwrap();
    let instant = |e: Option<&&Event>| e.map(|e| asked.calendar.instant(e.at));
    match name {
        "first" => json!(instant(events.first())),
        "last" => json!(instant(events.last())),
        "days" | "weeks" | "months" => json!(buckets(&asked.calendar, name, events)),
        "events" => json!(events.len()),
        "sum" => super::Amount::sum(events.iter().filter_map(|e| e.amount(property()))).json(),
        "last_value" => {
            let last = events.iter().rev().find_map(|e| e.amount(property()));
            last.map_or(Json::Null, |amount| amount.json())
        }
        other => panic!("the oracle knows no column {other}"),
    }
}

fn buckets(calendar: &Calendar, name: &str, events: &[&Event]) -> usize {
    let by = name.trim_end_matches('s');
    let start = |e: &&Event| calendar.bucket(calendar.day_of(e.at), by).day;
    events.iter().map(start).collect::<BTreeSet<_>>().len()
}

/// What is missing comes last either way.
fn order(a: &Json, b: &Json, descending: bool) -> Ordering {
    let number = |v: &Json| match v {
        Json::String(text) => text.trim_start_matches('=').parse::<f64>().ok(),
        other => other.as_f64(),
    };
    let ordering = match (a.is_null(), b.is_null()) {
        (false, false) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => instant(a).cmp(&instant(b)),
        },
        (missing, other) => return missing.cmp(&other),
    };
    if descending { ordering.reverse() } else { ordering }
}

fn instant(text: &Json) -> jiff::Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

//! The oracle against answers worked out by hand from the definitions, on tables of a few events.

#![cfg(test)]

mod money;
mod order;
mod people;
mod retention;
mod scores;

use super::{Event, Oracle, Value};
use serde_json::{Value as Json, json};

/// Events, one a line: `user activity time name=value...`; `-` is nobody, `0.5f` a float.
fn table(zone: &str, text: &str) -> Oracle {
    let mut oracle = Oracle::new(zone);
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let properties = words[3..].iter().map(|w| w.split_once('=').unwrap());
        oracle.events.push(Event {
            user: (words[0] != "-").then(|| words[0].to_string()),
            activity: words[1].to_string(),
            at: instant(words[2]),
            properties: properties.map(|(name, v)| (name.to_string(), value(v))).collect(),
        });
    }
    oracle
}

/// `2024-01-31`, or with a time of day in UTC.
fn instant(text: &str) -> i64 {
    let time = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        _ => format!("{text}Z"),
    };
    time.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

fn value(text: &str) -> Value {
    let float = text.strip_suffix('f').and_then(|t| t.parse().ok());
    match (text, float) {
        ("true" | "false", _) => Value::Bool(text == "true"),
        (_, Some(number)) => Value::float(number),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            let number = super::Amount::parse(text);
            number.map_or_else(|| Value::text(text), |_| Value::decimal(text))
        }
        _ => Value::text(text),
    }
}

fn series(oracle: &Oracle, query: &Json) -> Json {
    oracle.answer(query).1
}

fn buckets(oracle: &Oracle, query: &Json) -> Json {
    oracle.answer(query).0
}

/// A query with more fields.
fn with(query: &Json, more: Json) -> Json {
    let mut query = query.clone();
    for (name, value) in more.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

/// The first series' column.
fn column(oracle: &Oracle, query: &Json, name: &str) -> Json {
    series(oracle, query)[0][name].clone()
}

/// Keys and a column of every series.
fn groups(oracle: &Oracle, query: &Json, name: &str) -> Json {
    let series = series(oracle, query);
    let pairs = series.as_array().unwrap().iter().map(|s| json!([s["key"], s[name]]));
    pairs.collect()
}

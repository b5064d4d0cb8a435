//! A second daybit, as slow and plain as can be: a list of events, no bitmaps, no index, written
//! from the definitions alone. It reads the JSON of a query and answers `buckets` and `series` as
//! JSON, in which amounts that must be equal to the last digit are texts like `"=12.5"`.

mod adoption;
mod amounts;
mod calendar;
mod funnel;
mod groups;
mod hand;
mod paths;
mod people;
mod persons;
mod retention;
mod sessions;
mod sets;
mod survey;
mod value;

pub use calendar::{Day, date};
pub use value::{Amount, Value};

use calendar::{Calendar, Span, day_or_back};
use groups::{Class, Group, Groups};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

pub type People = BTreeSet<String>;

#[derive(Debug, Clone)]
pub struct Event {
    pub user: Option<String>,
    pub activity: String,
    /// Microseconds since 1970.
    pub at: i64,
    pub properties: Vec<(String, Value)>,
}

impl Event {
    pub fn value(&self, property: &str) -> Option<&Value> {
        self.properties.iter().find(|(name, _)| name == property).map(|(_, value)| value)
    }

    fn amount(&self, property: &str) -> Option<Amount> {
        self.value(property).and_then(Value::amount)
    }

    /// The person; only asked of events that have one.
    fn who(&self) -> &str {
        self.user.as_deref().unwrap()
    }
}

/// The properties of an event of daybit.
pub fn values(event: &daybit::Event) -> Vec<(String, Value)> {
    let value = |value: &daybit::Value| match value {
        daybit::Value::Bool(value) => Value::Bool(*value),
        daybit::Value::Integer(number) => Value::integer(*number),
        daybit::Value::Decimal(number) => Value::decimal(&number.to_string()),
        daybit::Value::Float(number) => Value::float(*number),
        other => Value::text(&other.to_string()),
    };
    event.properties.iter().map(|(name, v)| (name.clone(), value(v))).collect()
}

pub struct Oracle {
    zone: String,
    /// In the order of their arrival.
    pub events: Vec<Event>,
    /// Saved sets, by name.
    pub cohorts: BTreeMap<String, Json>,
}

/// A query with its range worked out.
pub struct Asked<'a> {
    oracle: &'a Oracle,
    query: &'a Json,
    calendar: Calendar,
    by: String,
    spans: Vec<Span>,
    from: i64,
    to: i64,
    as_of: i64,
    /// Whom the query restricts to.
    among: Option<People>,
}

impl Oracle {
    pub fn new(zone: &str) -> Oracle {
        Oracle { zone: zone.to_string(), events: Vec::new(), cohorts: BTreeMap::new() }
    }

    pub fn day_of(&self, at: i64) -> Day {
        Calendar::new(&self.zone, "monday").day_of(at)
    }

    pub fn everyone(&self) -> People {
        self.events.iter().filter_map(|e| e.user.clone()).collect()
    }

    /// Events by time; at equal times by activity, then by arrival.
    fn ordered(&self) -> Vec<&Event> {
        let mut events: Vec<&Event> = self.events.iter().collect();
        events.sort_by_key(|e| (e.at, e.activity.as_bytes()));
        events
    }

    fn first_at(&self) -> i64 {
        self.events.iter().map(|e| e.at).min().unwrap()
    }

    fn last_at(&self) -> i64 {
        self.events.iter().map(|e| e.at).max().unwrap()
    }

    fn asked<'a>(&'a self, query: &'a Json) -> Asked<'a> {
        let zone = query["time_zone"].as_str().unwrap_or(&self.zone);
        let calendar = Calendar::new(zone, query["week_start"].as_str().unwrap_or("monday"));
        let as_of = match query["as_of"].as_str() {
            Some(text) => text.parse::<Timestamp>().unwrap().as_microsecond(),
            None => calendar.day_start(calendar.day_of(self.last_at()) + 1),
        };
        let today = calendar.day_of(as_of - 1);
        let to = match query["to"].as_str() {
            None | Some("today") => today + 1,
            Some(text) => day_or_back(text, today + 1),
        };
        let from = match query["from"].as_str() {
            Some(text) => day_or_back(text, to),
            None => calendar.day_of(self.first_at()),
        };
        let by = by(query);
        let spans = calendar.buckets(from, to, by);
        let edges = (calendar.day_start(from), calendar.day_start(to));
        let from = spans.first().map_or(edges.0, |s| s.start);
        let to = spans.last().map_or(edges.1, |s| s.end);
        let among = query.get("users").map(|set| self.set(set, &calendar));
        Asked { oracle: self, query, calendar, by: by.to_string(), spans, from, to, as_of, among }
    }

    /// `buckets` and `series` of the answer; no buckets where the answer has none of its own.
    pub fn answer(&self, query: &Json) -> (Json, Json) {
        let asked = self.asked(query);
        let series = match query["report"].as_str().unwrap() {
            "active" => people::active(&asked),
            "frequency" => return (json!([]), people::frequency(&asked)),
            "stickiness" => people::stickiness(&asked),
            "growth" if !query["property"].is_null() => amounts::growth(&asked),
            "growth" => people::growth(&asked),
            "states" => people::states(&asked),
            "retention" => return (json!(null), retention::retention(&asked)),
            "value" => amounts::value(&asked),
            "balance" => amounts::balance(&asked),
            "survey" => survey::survey(&asked),
            "adoption" => adoption::adoption(&asked),
            "sessions" => sessions::sessions(&asked),
            "funnel" => return (asked.buckets(&funnel::complete(&asked)), funnel::funnel(&asked)),
            "paths" => return (json!([]), paths::paths(&asked)),
            "count" => return (json!([]), persons::count(&asked)),
            "users" => return (json!([]), persons::users(&asked)),
            other => panic!("the oracle knows no report {other}"),
        };
        (asked.buckets(&|span| asked.complete(span)), series)
    }
}

/// The width of a query's buckets.
fn by(query: &Json) -> &str {
    match query["report"].as_str().unwrap() {
        "frequency" => query["interval"].as_str().unwrap_or("day"),
        "funnel" => query["by"].as_str().unwrap_or("all"),
        "paths" | "count" | "users" => "all",
        _ => query["by"].as_str().unwrap_or("day"),
    }
}

impl<'a> Asked<'a> {
    fn begun(&self, span: &Span) -> bool {
        span.start < self.as_of
    }

    fn complete(&self, span: &Span) -> bool {
        span.end <= self.as_of
    }

    fn buckets(&self, complete: &dyn Fn(&Span) -> bool) -> Json {
        let bucket =
            |s| json!({"start": self.calendar.written(s, &self.by), "complete": complete(s)});
        self.spans.iter().map(bucket).collect()
    }

    /// A value for a bucket that has begun, null for one that has not.
    fn each(&self, value: impl Fn(&Span) -> Json) -> Json {
        self.spans.iter().map(|s| if self.begun(s) { value(s) } else { Json::Null }).collect()
    }

    fn text(&self, field: &str) -> Option<&'a str> {
        self.query[field].as_str()
    }

    fn number(&self, field: &str) -> Option<usize> {
        self.query[field].as_u64().map(|n| n as usize)
    }

    /// Events that match, in order, of people among those asked for; events without a user too
    /// where nothing restricts the people.
    fn events_of_anyone(&self, selector: &Json) -> Vec<&'a Event> {
        let mut events = self.oracle.ordered();
        events.retain(|e| matches(selector, e));
        events.retain(|e| match (&self.among, &e.user) {
            (Some(people), Some(user)) => people.contains(user),
            (Some(_), None) => false,
            (None, _) => true,
        });
        events
    }

    /// Events that match, in order, of people.
    fn events(&self, selector: &Json) -> Vec<&'a Event> {
        let mut events = self.events_of_anyone(selector);
        events.retain(|e| e.user.is_some());
        events
    }

    /// The same of a class of a breakdown.
    fn events_in(&self, selector: &Json, class: &Class) -> Vec<&'a Event> {
        let mut events = self.events(selector);
        events.retain(|e| class.holds(&self.group(e)));
        events
    }

    fn breakdown(&self) -> Vec<&'a str> {
        let names = self.query["breakdown"].as_array();
        names.into_iter().flatten().map(|n| n.as_str().unwrap()).collect()
    }

    /// The event's values of the breakdown's properties.
    fn group(&self, event: &Event) -> Group {
        let scalar = |name: &&str| event.value(name).map(Value::scalar);
        self.breakdown().iter().map(scalar).collect()
    }

    /// The groups kept of pairs of group and person, by distinct people.
    fn groups(&self, seen: impl IntoIterator<Item = (Group, String)>) -> Groups {
        self.groups_with(seen.into_iter().map(|(group, user)| (group, Some(user))))
    }

    /// The same where some are of nobody, who is not counted.
    fn groups_with(&self, seen: impl Iterator<Item = (Group, Option<String>)>) -> Groups {
        let mut people: BTreeMap<Group, People> = BTreeMap::new();
        for (group, user) in seen {
            people.entry(group).or_default().extend(user);
        }
        let sizes = people.into_iter().map(|(group, people)| (group, people.len() as f64));
        self.ranked(sizes.collect())
    }

    /// The groups kept of sizes, the largest first.
    fn ranked(&self, sizes: Vec<(Group, f64)>) -> Groups {
        // Of paths, `top` is about links.
        let top = self.number("top").filter(|_| self.query["report"] != "paths");
        Groups::new(self.breakdown(), sizes, top.unwrap_or(25))
    }

    /// The groups of events of a selector in the range.
    fn groups_of(&self, selector: &Json) -> Groups {
        let events = self.events(selector).into_iter();
        let inside = events.filter(|e| (self.from..self.to).contains(&e.at));
        self.groups(inside.map(|e| (self.group(e), e.who().to_string())))
    }

    /// The same with the groups that only nobody's events have.
    fn groups_of_anyone(&self, selector: &Json) -> Groups {
        let events = self.events_of_anyone(selector).into_iter();
        let inside = events.filter(|e| (self.from..self.to).contains(&e.at));
        self.groups_with(inside.map(|e| (self.group(e), e.user.clone())))
    }

    /// A series for each group of a selector's events.
    fn series(&self, selector: &Json, series: impl Fn(&Class) -> Json) -> Json {
        self.groups_of(selector).series(series)
    }
}

/// A selector's event names, and its conditions on one event.
pub fn matches(selector: &Json, event: &Event) -> bool {
    named(selector, event) && conditions(&selector["where"], event)
}

/// The names alone.
fn named(selector: &Json, event: &Event) -> bool {
    match selector {
        Json::Null => true,
        Json::String(name) => name == "*" || *name == event.activity,
        other if other["any"].is_array() => {
            other["any"].as_array().unwrap().contains(&json!(event.activity))
        }
        other => named(&other["event"], event),
    }
}

fn conditions(conditions: &Json, event: &Event) -> bool {
    conditions.as_array().into_iter().flatten().all(|c| condition(c, event))
}

fn condition(condition: &Json, event: &Event) -> bool {
    if let Some(any) = condition["any_of"].as_array() {
        return any.iter().any(|c| self::condition(c, event));
    }
    let value = event.value(condition["property"].as_str().unwrap());
    let operators = condition.as_object().unwrap().iter().filter(|(name, _)| *name != "property");
    operators.into_iter().all(|(name, literal)| value::satisfies(value, name, literal))
}

/// The first of each person's events; the events are in order.
fn first_of<'a>(events: &[&'a Event]) -> BTreeMap<&'a str, &'a Event> {
    let mut first = BTreeMap::new();
    for event in events {
        first.entry(event.who()).or_insert(*event);
    }
    first
}

/// People with an event in `[from, to)`.
fn within<'a>(events: &[&'a Event], from: i64, to: i64) -> BTreeSet<&'a str> {
    events.iter().filter(|e| (from..to).contains(&e.at)).map(|e| e.who()).collect()
}

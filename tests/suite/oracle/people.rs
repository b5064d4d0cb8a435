//! Active people, frequency, stickiness, growth, states: from the definitions, set by set.

use super::calendar::Span;
use super::value::ratio;
use super::{Asked, Event, first_of, within};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// The instants that a bucket's figure looks at: the bucket, or the trailing days that end with
/// it; by hour so many times 24 hours.
pub fn window(asked: &Asked, span: &Span, trailing: Option<usize>) -> (i64, i64) {
    let Some(days) = trailing else { return (span.start, span.end) };
    if asked.by == "hour" {
        let back = asked.calendar.hours_back(span, days * 24 - 1);
        return (back.last().unwrap().start, span.end);
    }
    (asked.calendar.day_start(span.end_day - days as i32), span.end)
}

pub fn active(asked: &Asked) -> Json {
    let selector = &asked.query["event"];
    let trailing = asked.number("trailing");
    asked.series(selector, |class| {
        let events = asked.events_in(selector, class);
        json!({"users": asked.each(|s| {
            let (from, to) = window(asked, s, trailing);
            json!(within(&events, from, to).len())
        })})
    })
}

pub fn frequency(asked: &Asked) -> Json {
    let selector = &asked.query["event"];
    let least = asked.number("at_least").unwrap_or(1);
    let most = asked.number("at_most").unwrap_or(usize::MAX);
    asked.series(selector, |class| {
        let events = asked.events_in(selector, class);
        let mut intervals: BTreeMap<&str, usize> = BTreeMap::new();
        for span in &asked.spans {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for event in events.iter().filter(|e| span.holds(e.at)) {
                *counts.entry(event.who()).or_default() += 1;
            }
            for (user, _) in counts.into_iter().filter(|(_, n)| (least..=most).contains(n)) {
                *intervals.entry(user).or_default() += 1;
            }
        }
        let mut users = vec![0; asked.spans.len()];
        for k in intervals.into_values() {
            users[k - 1] += 1;
        }
        json!({"users": users})
    })
}

/// The days of a window since the first event ever, or by hour its stretches of 24 hours.
fn days(asked: &Asked, span: &Span, trailing: Option<usize>) -> Vec<(i64, i64)> {
    let first = asked.oracle.first_at();
    if let (Some(n), "hour") = (trailing, asked.by.as_str()) {
        let mut hours = asked.calendar.hours_back(span, n * 24 - 1);
        hours.insert(0, *span);
        let mut days: Vec<_> = hours.chunks(24).map(|d| (d[23].start, d[0].end)).collect();
        days.retain(|(_, end)| *end > first);
        return days;
    }
    let from = trailing.map_or(span.day, |n| span.end_day - n as i32);
    let from = from.max(asked.calendar.day_of(first));
    let day = |d| (asked.calendar.day_start(d), asked.calendar.day_start(d + 1));
    (from..span.end_day).map(day).collect()
}

/// The mean of the daily actives over the days of the window that have ended.
fn mean_daily(asked: &Asked, events: &[&Event], s: &Span, trailing: Option<usize>) -> Option<f64> {
    let mut days = days(asked, s, trailing);
    days.retain(|(_, end)| *end <= asked.as_of);
    let total: usize = days.iter().map(|(start, end)| within(events, *start, *end).len()).sum();
    (!days.is_empty()).then(|| total as f64 / days.len() as f64)
}

pub fn stickiness(asked: &Asked) -> Json {
    let selector = &asked.query["event"];
    let trailing = match asked.query.get("trailing") {
        None => Some(28),
        Some(days) => days.as_u64().map(|n| n as usize),
    };
    asked.series(selector, |class| {
        let events = asked.events_in(selector, class);
        let mean = |s: &Span| mean_daily(asked, &events, s, trailing);
        let people = |s: &Span| {
            let (from, to) = window(asked, s, trailing);
            within(&events, from, to).len()
        };
        json!({
            "ratio": asked.each(|s| mean(s).map_or(Json::Null, |m| ratio(m, people(s) as f64))),
            "mean_daily": asked.each(|s| json!(mean(s))),
            "trailing_users": asked.each(|s| json!(people(s))),
        })
    })
}

/// A bucket's window, and the windows before it, nearest first.
pub fn flows_of(asked: &Asked, span: &Span) -> ((i64, i64), Vec<(i64, i64)>) {
    if let Some(n) = asked.number("trailing") {
        let now = window(asked, span, Some(n));
        let twice = window(asked, span, Some(2 * n));
        return (now, vec![(twice.0, now.0)]);
    }
    let mut before = Vec::new();
    let mut last = *span;
    for _ in 0..asked.number("gap").unwrap_or(1) {
        last = asked.calendar.previous(&last, &asked.by);
        before.push((last.start, last.end));
    }
    ((span.start, span.end), before)
}

pub fn growth(asked: &Asked) -> Json {
    let selector = &asked.query["event"];
    asked.series(selector, |class| {
        let events = asked.events_in(selector, class);
        let known = match asked.text("new_means") {
            Some("any") => asked.events(&json!("*")),
            _ => events.clone(),
        };
        let first = first_of(&known);
        let all: Vec<Option<Flows>> = (asked.spans.iter())
            .map(|s| asked.begun(s).then(|| flows(asked, &events, &first, s)))
            .collect();
        let column = |pick: fn(&Flows) -> Json| -> Json {
            all.iter().map(|f| f.as_ref().map_or(Json::Null, pick)).collect()
        };
        json!({
            "active": column(|f| json!(f.active)),
            "new": column(|f| json!(f.new)),
            "retained": column(|f| json!(f.retained)),
            "resurrected": column(|f| json!(f.active - f.new - f.retained)),
            "churned": column(|f| json!(f.churned)),
            "quick_ratio": column(|f| ratio((f.active - f.retained) as f64, f.churned as f64)),
            "retention_rate": column(|f| ratio(f.retained as f64, f.before as f64)),
        })
    })
}

/// The flows of one bucket.
struct Flows {
    active: usize,
    new: usize,
    retained: usize,
    churned: usize,
    before: usize,
}

fn flows(asked: &Asked, events: &[&Event], first: &BTreeMap<&str, &Event>, s: &Span) -> Flows {
    let (now, before) = flows_of(asked, s);
    let people = within(events, now.0, now.1);
    let mut recent = BTreeSet::new();
    before.iter().for_each(|b| recent.extend(within(events, b.0, b.1)));
    let (farthest, nearer) = before.split_last().unwrap();
    let mut silent = within(events, farthest.0, farthest.1);
    silent.retain(|u| !people.contains(u));
    for b in nearer {
        let active = within(events, b.0, b.1);
        silent.retain(|u| !active.contains(u));
    }
    Flows {
        active: people.len(),
        new: people.iter().filter(|u| first[**u].at >= now.0).count(),
        retained: people.intersection(&recent).count(),
        churned: silent.len(),
        before: recent.len(),
    }
}

const STATES: [&str; 7] =
    ["new", "current", "reactivated", "resurrected", "at_risk_week", "at_risk_month", "dormant"];

pub fn states(asked: &Asked) -> Json {
    let selector = &asked.query["event"];
    asked.series(selector, |class| states_in(asked, &asked.events_in(selector, class)))
}

fn states_in(asked: &Asked, events: &[&Event]) -> Json {
    let on: Vec<Vec<BTreeSet<&str>>> =
        asked.spans.iter().map(|s| states_on(asked, events, s)).collect();
    let column = |value: &dyn Fn(&Span, &[BTreeSet<&str>]) -> Json| -> Json {
        let each = asked.spans.iter().zip(&on);
        each.map(|(s, on)| if asked.begun(s) { value(s, on) } else { Json::Null }).collect()
    };
    let mut series = json!({});
    for (i, name) in STATES.iter().enumerate() {
        series[name] = column(&|_, on| json!(on[i].len()));
    }
    for (i, name) in [(1, "curr"), (0, "nurr"), (2, "rurr"), (3, "surr")] {
        series[name] = column(&|s, on| {
            let next = asked.calendar.next(s, "day");
            // The bucket of today says nothing of tomorrow, so a tomorrow in progress is not known.
            if !asked.complete(&next) {
                return Json::Null;
            }
            let tomorrow = within(events, next.start, next.end);
            ratio(on[i].intersection(&tomorrow).count() as f64, on[i].len() as f64)
        });
    }
    series
}

/// The people of each state on a day.
fn states_on<'a>(asked: &Asked, events: &[&'a Event], day: &Span) -> Vec<BTreeSet<&'a str>> {
    let week = asked.number("week").unwrap_or(7) as i32;
    let month = asked.number("month").unwrap_or(30) as i32;
    let begins = |back: i32| asked.calendar.day_start(day.day + 1 - back);
    let today = within(events, day.start, day.end);
    let recent = within(events, begins(week), day.start);
    let earlier = within(events, begins(month), begins(week));
    let mut states = vec![BTreeSet::new(); 7];
    for (user, first) in first_of(events).into_iter().filter(|(_, first)| first.at < day.end) {
        let state = match (today.contains(user), recent.contains(user), earlier.contains(user)) {
            (true, _, _) if first.at >= day.start => 0,
            (true, true, _) => 1,
            (true, false, true) => 2,
            (true, false, false) => 3,
            (false, true, _) => 4,
            (false, false, true) => 5,
            (false, false, false) => 6,
        };
        states[state].insert(user);
    }
    states
}

//! Active people, frequency, stickiness, growth, states: from the definitions, set by set.

use super::{Asked, Day, Oracle, People, Span, first_days, within};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A value for a bucket that has begun, null for one that has not.
fn each(asked: &Asked, value: impl Fn(&Span) -> Json) -> Json {
    asked.spans.iter().map(|s| if s.begun { value(s) } else { Json::Null }).collect()
}

fn ratio(top: f64, bottom: usize) -> Json {
    if bottom == 0 { Json::Null } else { json!(top / bottom as f64) }
}

/// The days a bucket's figure looks at: the bucket, or the trailing days that end with it.
fn window(span: &Span, trailing: Option<u64>) -> (Day, Day) {
    match trailing {
        Some(days) => (span.end - i32::try_from(days).unwrap(), span.end),
        None => (span.start, span.end),
    }
}

pub fn active(oracle: &Oracle, asked: &Asked) -> Json {
    let active = oracle.active(&asked.query["event"], asked.among.as_ref());
    let trailing = asked.query["trailing"].as_u64();
    json!({"users": each(asked, |s| {
        let (from, to) = window(s, trailing);
        json!(within(&active, from, to).len())
    })})
}

pub fn users(oracle: &Oracle, asked: &Asked) -> Json {
    let mut ids: Vec<String> =
        asked.among.clone().unwrap_or_else(|| oracle.everyone()).into_iter().collect();
    if let Some(after) = asked.query["after"].as_str() {
        ids.retain(|id| id.as_str() > after);
    }
    let limit = asked.query["limit"].as_u64().unwrap_or(1000) as usize;
    let next = (ids.len() > limit).then(|| ids[limit - 1].clone());
    ids.truncate(limit);
    json!({"ids": ids, "next": next})
}

pub fn frequency(oracle: &Oracle, asked: &Asked) -> Json {
    let least = asked.query["at_least"].as_u64().unwrap_or(1);
    let most = asked.query["at_most"].as_u64().unwrap_or(u64::MAX);
    let days = oracle.days(&asked.query["event"], asked.among.as_ref());
    let mut intervals: BTreeMap<String, usize> = BTreeMap::new();
    for span in &asked.spans {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for event in days.range(span.start..span.end).flat_map(|(_, events)| events) {
            *counts.entry(event.user.as_deref().unwrap()).or_default() += 1;
        }
        for (user, _) in counts.into_iter().filter(|(_, n)| (least..=most).contains(n)) {
            *intervals.entry(user.to_string()).or_default() += 1;
        }
    }
    let mut users = vec![0; asked.spans.len()];
    for k in intervals.into_values() {
        users[k - 1] += 1;
    }
    json!({"users": users})
}

pub fn stickiness(oracle: &Oracle, asked: &Asked) -> Json {
    let active = oracle.active(&asked.query["event"], asked.among.as_ref());
    let trailing = match asked.query.get("trailing") {
        None => Some(28),
        Some(days) => days.as_u64(),
    };
    let parts = |s: &Span| {
        let (from, to) = window(s, trailing);
        let first = oracle.first_day();
        let days: Vec<Day> = (from.max(first)..to)
            .filter(|d| oracle.span(*d, d + 1, asked.as_of).complete)
            .collect();
        let total: usize = days.iter().map(|d| active.get(d).map_or(0, People::len)).sum();
        let mean = (!days.is_empty()).then(|| total as f64 / days.len() as f64);
        (mean, within(&active, from, to).len())
    };
    json!({
        "ratio": each(asked, |s| match parts(s) {
            (Some(mean), people) => ratio(mean, people),
            _ => Json::Null,
        }),
        "mean_daily": each(asked, |s| json!(parts(s).0)),
        "trailing_users": each(asked, |s| json!(parts(s).1)),
    })
}

/// The flows of one bucket.
struct Flows {
    active: usize,
    new: usize,
    retained: usize,
    resurrected: usize,
    churned: usize,
    before: usize,
}

pub fn growth(oracle: &Oracle, asked: &Asked) -> Json {
    let active = oracle.active(&asked.query["event"], asked.among.as_ref());
    let known = match asked.query["new_means"].as_str() {
        Some("any") => oracle.active(&json!("*"), asked.among.as_ref()),
        _ => active.clone(),
    };
    let first = first_days(&known);
    let gap = asked.query["gap"].as_u64().unwrap_or(1) as usize;
    let flows = |s: &Span| match asked.query["trailing"].as_u64() {
        Some(n) => {
            let n = i32::try_from(n).unwrap();
            let now = (s.end - n, s.end);
            flows(&active, &first, now, &[(s.end - 2 * n, s.end - n)])
        }
        None => flows(&active, &first, (s.start, s.end), &before(asked, s, gap)),
    };
    let column = |pick: fn(&Flows) -> Json| each(asked, |s| pick(&flows(s)));
    json!({
        "active": column(|f| json!(f.active)),
        "new": column(|f| json!(f.new)),
        "retained": column(|f| json!(f.retained)),
        "resurrected": column(|f| json!(f.resurrected)),
        "churned": column(|f| json!(f.churned)),
        "quick_ratio": column(|f| ratio((f.new + f.resurrected) as f64, f.churned)),
        "retention_rate": column(|f| ratio(f.retained as f64, f.before)),
    })
}

/// The `gap` buckets before one, nearest first.
fn before(asked: &Asked, span: &Span, gap: usize) -> Vec<(Day, Day)> {
    let week = asked.query["week_start"].as_str().unwrap_or("monday");
    let mut buckets = Vec::new();
    let mut end = span.start;
    for _ in 0..gap {
        let start = match asked.by.as_str() {
            "all" => end - (span.end - span.start),
            by => super::bucket_start(end - 1, by, week),
        };
        buckets.push((start, end));
        end = start;
    }
    buckets
}

fn flows(
    active: &BTreeMap<Day, People>,
    first: &BTreeMap<String, Day>,
    now: (Day, Day),
    before: &[(Day, Day)],
) -> Flows {
    let people = within(active, now.0, now.1);
    let recent = within(active, before.last().unwrap().0, now.0);
    let farthest = within(active, before.last().unwrap().0, before.last().unwrap().1);
    let nearer = within(active, before.last().unwrap().1, now.0);
    let new = people.iter().filter(|u| first[*u] >= now.0).count();
    let retained = people.iter().filter(|u| recent.contains(*u)).count();
    let churned = farthest.iter().filter(|u| !nearer.contains(*u) && !people.contains(*u)).count();
    let resurrected = people.len() - new - retained;
    Flows { active: people.len(), new, retained, resurrected, churned, before: recent.len() }
}

const STATES: [&str; 7] =
    ["new", "current", "reactivated", "resurrected", "at_risk_week", "at_risk_month", "dormant"];

pub fn states(oracle: &Oracle, asked: &Asked) -> Json {
    let active = oracle.active(&asked.query["event"], asked.among.as_ref());
    let first = first_days(&active);
    let week = i32::try_from(asked.query["week"].as_u64().unwrap_or(7)).unwrap();
    let month = i32::try_from(asked.query["month"].as_u64().unwrap_or(30)).unwrap();
    let on = |d: Day| -> Vec<People> {
        let today = within(&active, d, d + 1);
        let recent = within(&active, d - week + 1, d);
        let earlier = within(&active, d - month + 1, d - week + 1);
        let mut states = vec![People::new(); 7];
        for (user, begun) in first.iter().filter(|(_, begun)| **begun <= d) {
            let state = match (today.contains(user), recent.contains(user), earlier.contains(user))
            {
                (true, _, _) if *begun == d => 0,
                (true, true, _) => 1,
                (true, false, true) => 2,
                (true, false, false) => 3,
                (false, true, _) => 4,
                (false, false, true) => 5,
                (false, false, false) => 6,
            };
            states[state].insert(user.clone());
        }
        states
    };
    let mut series = json!({});
    for (i, name) in STATES.iter().enumerate() {
        series[name] = each(asked, |s| json!(on(s.start)[i].len()));
    }
    for (i, name) in [(1, "curr"), (0, "nurr"), (2, "rurr"), (3, "surr")] {
        series[name] = each(asked, |s| {
            let next = oracle.span(s.start + 1, s.start + 2, asked.as_of);
            // The bucket of today says nothing of tomorrow, so a tomorrow in progress is not known.
            if !next.complete {
                return Json::Null;
            }
            let state = &on(s.start)[i];
            let tomorrow = within(&active, s.start + 1, s.start + 2);
            ratio(state.intersection(&tomorrow).count() as f64, state.len())
        });
    }
    series
}

//! Sessions: runs of one person's events without a long gap.

use super::calendar::{Span, duration_us};
use super::groups::Class;
use super::value::{middle, ratio};
use super::{Asked, Event};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

struct Session<'a> {
    first: &'a Event,
    last: i64,
    events: usize,
}

impl Session<'_> {
    fn seconds(&self) -> f64 {
        (self.last - self.first.at) as f64 / 1e6
    }
}

fn all<'a>(asked: &Asked<'a>) -> Vec<Session<'a>> {
    let gap = duration_us(asked.text("gap").unwrap_or("30m"));
    let mut done = Vec::new();
    let mut open: BTreeMap<&str, Session> = BTreeMap::new();
    for event in asked.events(&asked.query["event"]) {
        match open.get_mut(event.who()) {
            Some(session) if event.at - session.last <= gap => {
                session.last = event.at;
                session.events += 1;
            }
            _ => {
                let session = Session { first: event, last: event.at, events: 1 };
                done.extend(open.insert(event.who(), session));
            }
        }
    }
    done.extend(open.into_values());
    done
}

pub fn sessions(asked: &Asked) -> Json {
    let sessions = all(asked);
    let inside = sessions.iter().filter(|s| (asked.from..asked.to).contains(&s.first.at));
    let groups = asked.groups(inside.map(|s| (asked.group(s.first), s.first.who().to_string())));
    groups.series(|class| series(asked, &sessions, class))
}

fn series(asked: &Asked, sessions: &[Session], class: &Class) -> Json {
    let of = |span: &Span| -> Vec<&Session> {
        let own = sessions.iter().filter(|s| class.holds(&asked.group(s.first)));
        own.filter(|s| span.holds(s.first.at)).collect()
    };
    let each = |value: &dyn Fn(&[&Session]) -> Json| asked.each(|span| value(&of(span)));
    let share = |top: f64, s: &[&Session]| ratio(top, s.len() as f64);
    let people = |s: &[&Session]| s.iter().map(|s| s.first.who()).collect::<BTreeSet<_>>().len();
    let mut series = json!({
        "sessions": each(&|s| json!(s.len())),
        "users": each(&|s| json!(people(s))),
        "per_user": each(&|s| ratio(s.len() as f64, people(s) as f64)),
        "mean_s": each(&|s| share(s.iter().map(|s| s.seconds()).sum(), s)),
        "median_s": each(&|s| median(s.iter().map(|s| s.seconds()).collect())),
        "bounce_rate": each(&|s| share(s.iter().filter(|s| s.events == 1).count() as f64, s)),
        "events_per_session": each(&|s| share(s.iter().map(|s| s.events as f64).sum(), s)),
    });
    if let Some(edges) = asked.query["duration_edges"].as_array() {
        let edges: Vec<f64> =
            edges.iter().map(|e| duration_us(e.as_str().unwrap()) as f64 / 1e6).collect();
        let class_of = |s: &Session| edges.iter().filter(|e| **e <= s.seconds()).count();
        let count = |i, s: &[&Session]| s.iter().filter(|s| class_of(s) == i).count();
        series["histogram"] = (0..=edges.len()).map(|i| each(&|s| json!(count(i, s)))).collect();
    }
    series
}

/// The middle one, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Json {
    values.sort_by(f64::total_cmp);
    middle(&values).map_or(Json::Null, |(a, b)| json!((a + b) / 2.0))
}

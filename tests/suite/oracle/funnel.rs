//! Funnels: every chain of a person's events is tried.

use super::calendar::{Span, duration_us};
use super::sessions::median;
use super::value::{percentile, ratio};
use super::{Asked, Event, matches};
use serde_json::{Value as Json, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a funnel asks.
struct Rules<'a> {
    steps: &'a [Json],
    within_us: Option<i64>,
    order: &'a str,
    forbid_ties: bool,
    /// An event that must not come after one step and before another; steps count from 1.
    exclude: Vec<(&'a Json, usize, usize)>,
}

impl<'a> Rules<'a> {
    fn of(query: &'a Json) -> Rules<'a> {
        let within = match query.get("within") {
            None => Some("14d"),
            Some(text) => text.as_str(),
        };
        let step = |e: &Json, name: &str| e[name].as_u64().unwrap() as usize;
        let exclude = query["exclude"].as_array().into_iter().flatten();
        Rules {
            steps: query["steps"].as_array().unwrap(),
            within_us: within.map(duration_us),
            order: query["order"].as_str().unwrap_or("ordered"),
            forbid_ties: query["ties"] == json!("forbid"),
            exclude: exclude.map(|e| (&e["event"], step(e, "after"), step(e, "before"))).collect(),
        }
    }

    fn in_window(&self, entry: &Event, event: &Event) -> bool {
        self.within_us.is_none_or(|us| event.at - entry.at <= us)
    }
}

/// The events that filled steps, in the order of their filling, as places in a person's events.
type Chain = Vec<usize>;

/// One person's events, in order, and what is asked of them.
struct Search<'a, 'q> {
    rules: &'a Rules<'q>,
    events: &'a [&'a Event],
}

impl Search<'_, '_> {
    /// The best run of those that a span's events open.
    fn best(&self, from: i64, to: i64) -> Option<Chain> {
        let inside = |i: &usize| (from..to).contains(&self.events[*i].at);
        let entries = (0..self.events.len()).filter(inside);
        let runs = entries.flat_map(|entry| match self.rules.order {
            "unordered" => self.unordered(entry).into_iter().collect(),
            _ => self.ordered(entry),
        });
        // The order of the events counts only for entries that lead to the very same times.
        runs.min_by_key(|run| {
            let times = self.times(run);
            let ends = (*times.last().unwrap(), Reverse(times[0]));
            (Reverse(run.len()), ends, times, Reverse(run[0]))
        })
    }

    /// The longest chains from one entry.
    fn ordered(&self, entry: usize) -> Vec<Chain> {
        if !matches(&self.rules.steps[0], self.events[entry]) {
            return Vec::new();
        }
        let mut longest = vec![vec![entry]];
        for step in &self.rules.steps[1..] {
            let places = 0..self.events.len();
            let next: Vec<usize> = places.filter(|i| matches(step, self.events[*i])).collect();
            let mut longer: BTreeMap<Vec<i64>, Chain> = BTreeMap::new();
            for chain in &longest {
                for &i in next.iter().filter(|i| self.may_follow(chain, **i)) {
                    let mut chain = chain.clone();
                    chain.push(i);
                    let earlier = |a: &Chain| self.times(a) <= self.times(&chain);
                    let key = self.memory(&chain);
                    if !longer.get(&key).is_some_and(earlier) {
                        longer.insert(key, chain);
                    }
                }
            }
            if longer.is_empty() {
                break;
            }
            longest = longer.into_values().collect();
        }
        longest
    }

    fn times(&self, chain: &Chain) -> Vec<i64> {
        chain.iter().map(|i| self.events[*i].at).collect()
    }

    /// What of a chain bears on how it can go on: its last event, those used at the same time, and
    /// when the steps were taken that exclusions count from.
    fn memory(&self, chain: &Chain) -> Vec<i64> {
        let last = *chain.last().unwrap();
        let now = chain.iter().filter(|i| self.events[**i].at == self.events[last].at);
        let mut used: Vec<i64> = now.map(|i| *i as i64).collect();
        used.sort_unstable();
        let after = self.rules.exclude.iter().filter_map(|(_, i, _)| chain.get(i - 1));
        let mut memory: Vec<i64> = after.map(|i| self.events[*i].at).collect();
        memory.push(last as i64);
        memory.extend(used);
        memory
    }

    fn may_follow(&self, chain: &Chain, i: usize) -> bool {
        let (entry, last) = (self.events[chain[0]], self.events[*chain.last().unwrap()]);
        let event = self.events[i];
        let later = if self.rules.forbid_ties { event.at > last.at } else { event.at >= last.at };
        later
            && !chain.contains(&i)
            && self.rules.in_window(entry, event)
            && (self.rules.order != "strict" || self.adjacent(chain, i))
            && !self.rules.exclude.iter().any(|e| self.excluded(chain, event, e))
    }

    /// Whether no other event lies between. At equal times the funnel's order rules: others of the
    /// first moment may come before it, others of the last one after it.
    fn adjacent(&self, chain: &Chain, i: usize) -> bool {
        let last = *chain.last().unwrap();
        if self.rules.forbid_ties {
            return i == last + 1;
        }
        let (first, last, now) =
            (self.events[chain[0]].at, self.events[last].at, self.events[i].at);
        let between = |place: usize| {
            let at = self.events[place].at;
            (last < at && at < now) || (first < at && at == last && last < now)
        };
        (0..self.events.len()).all(|place| !between(place) || chain.contains(&place))
    }

    fn excluded(&self, chain: &Chain, event: &Event, rule: &(&Json, usize, usize)) -> bool {
        let (selector, after, before) = rule;
        if chain.len() < *after || chain.len() + 1 > *before {
            return false;
        }
        let from = self.events[chain[after - 1]].at;
        let mut between = self.events.iter().filter(|x| from < x.at && x.at < event.at);
        between.any(|x| matches(selector, x))
    }

    /// Each event from the entry on fills the first step that is left.
    fn unordered(&self, entry: usize) -> Option<Chain> {
        let mut left: Vec<&Json> = self.rules.steps.iter().collect();
        let mut chain = Chain::new();
        for (i, event) in self.events.iter().enumerate().skip(entry) {
            let fits = left.iter().position(|step| matches(step, event));
            let tie = || chain.last().is_some_and(|l: &usize| self.events[*l].at == event.at);
            match fits {
                None if chain.is_empty() => return None,
                Some(step)
                    if self.rules.in_window(self.events[entry], event)
                        && !(self.rules.forbid_ties && tie()) =>
                {
                    left.remove(step);
                    chain.push(i);
                }
                _ => {}
            }
        }
        Some(chain)
    }
}

/// A run as it counts: its first event, and when each step was reached.
struct Run<'a> {
    entry: &'a Event,
    times: Vec<i64>,
}

/// The best run of each person, for entries in a span.
fn runs<'a>(asked: &Asked<'a>, from: i64, to: i64) -> Vec<Run<'a>> {
    let rules = Rules::of(asked.query);
    let mut people: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in asked.events(&json!("*")) {
        people.entry(event.who()).or_default().push(event);
    }
    let best = |events: &Vec<&'a Event>| {
        let search = Search { rules: &rules, events };
        let chain = search.best(from, to)?;
        Some(Run { entry: events[chain[0]], times: search.times(&chain) })
    };
    people.values().filter_map(best).collect()
}

/// How far each person came.
pub fn steps_of_people(asked: &Asked) -> Vec<(String, usize)> {
    let runs = runs(asked, asked.from, asked.to);
    runs.into_iter().map(|run| (run.entry.who().to_string(), run.times.len())).collect()
}

/// A bucket is complete when even its last entry has had the whole window.
pub fn complete(asked: &Asked) -> impl Fn(&Span) -> bool {
    let within = Rules::of(asked.query).within_us;
    move |span| within.is_some_and(|us| span.end + us <= asked.as_of)
}

pub fn funnel(asked: &Asked) -> Json {
    let by_span: Vec<Vec<Run>> = asked.spans.iter().map(|s| runs(asked, s.start, s.end)).collect();
    let all = by_span.iter().flatten();
    let groups = asked.groups(all.map(|r| (asked.group(r.entry), r.entry.who().to_string())));
    let steps = asked.query["steps"].as_array().unwrap().len();
    groups.series(|class| {
        let own = |run: &&Run| class.holds(&asked.group(run.entry));
        let step = |k| {
            let each = asked.spans.iter().zip(&by_span).map(|(span, runs)| {
                let runs: Vec<&Run> = runs.iter().filter(own).collect();
                if asked.begun(span) { figures(&runs, k) } else { Json::Null }
            });
            turned(k, each.collect(), asked.by == "all")
        };
        json!({"steps": (1..=steps).map(step).collect::<Vec<_>>()})
    })
}

const FIGURES: [&str; 9] = [
    "users",
    "rate_from_first",
    "rate_from_previous",
    "median_s",
    "mean_s",
    "p90_s",
    "total_median_s",
    "total_mean_s",
    "total_p90_s",
];

/// A step's figures of all buckets: an array for each name, or its one value.
fn turned(k: usize, buckets: Vec<Json>, one: bool) -> Json {
    let mut step = json!({"step": k});
    for name in FIGURES {
        let values: Vec<Json> = buckets.iter().map(|b| b[name].clone()).collect();
        step[name] = if one { values[0].clone() } else { json!(values) };
    }
    step
}

fn figures(runs: &[&Run], k: usize) -> Json {
    let users = |k: usize| runs.iter().filter(|r| r.times.len() >= k).count();
    let reached = || runs.iter().filter(|r| r.times.len() >= k);
    let seconds = |from: usize| -> Vec<f64> {
        reached().map(|r| (r.times[k - 1] - r.times[from]) as f64 / 1e6).collect()
    };
    let step = if k == 1 { Vec::new() } else { seconds(k - 2) };
    let total = seconds(0);
    json!({
        "users": users(k),
        "rate_from_first": ratio(users(k) as f64, users(1) as f64),
        "rate_from_previous": ratio(users(k) as f64, users(k.max(2) - 1) as f64),
        "median_s": median(step.clone()),
        "mean_s": mean(&step),
        "p90_s": p90(step),
        "total_median_s": median(total.clone()),
        "total_mean_s": mean(&total),
        "total_p90_s": p90(total),
    })
}

fn mean(values: &[f64]) -> Json {
    ratio(values.iter().sum(), values.len() as f64)
}

fn p90(mut values: Vec<f64>) -> Json {
    values.sort_by(f64::total_cmp);
    json!(percentile(&values, 90))
}

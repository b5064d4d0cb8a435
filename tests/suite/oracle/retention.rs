//! Retention, cohort by cohort and cell by cell.

use super::{Asked, Day, Event, Oracle, People, Span, bucket_next, bucket_start, date, first_days};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

struct Table<'a> {
    oracle: &'a Oracle,
    asked: &'a Asked<'a>,
    returns: BTreeMap<Day, Vec<&'a Event>>,
    at_least: u64,
    count: String,
}

/// One column: buckets `from..=to` after the cohort's own.
#[derive(Clone, Copy)]
struct Reach {
    from: usize,
    to: usize,
}

pub fn retention(oracle: &Oracle, asked: &Asked) -> Json {
    let query = asked.query;
    let returning = query.get("return").unwrap_or(&query["start"]);
    let table = Table {
        oracle,
        asked,
        returns: oracle.days(returning, asked.among.as_ref()),
        at_least: query["at_least"].as_u64().unwrap_or(1),
        count: query["count"].as_str().unwrap_or("on").to_string(),
    };
    let reaches = reaches(query, &table.count);
    let members = members(oracle, asked);
    let cohorts: Vec<Json> =
        asked.spans.iter().map(|span| table.cohort(span, &members(span), &reaches)).collect();
    let average: Vec<Json> = (0..reaches.len()).map(|k| average(&cohorts, k)).collect();
    json!({"cohorts": cohorts, "average": average})
}

fn reaches(query: &Json, count: &str) -> Vec<Reach> {
    let mut reaches = vec![Reach { from: 0, to: 0 }];
    if let Some(widths) = query["brackets"].as_array() {
        let mut next = 1;
        for width in widths {
            let width = usize::try_from(width.as_u64().unwrap()).unwrap();
            reaches.push(Reach { from: next, to: next + width - 1 });
            next += width;
        }
        return reaches;
    }
    let columns = usize::try_from(query["columns"].as_u64().unwrap_or(12)).unwrap();
    let reach = |k| match count {
        "on" => Reach { from: k, to: k },
        "on_or_after" => Reach { from: k, to: columns },
        _ => Reach { from: 0, to: k },
    };
    (0..=columns).map(reach).collect()
}

/// Who is in the cohort of a bucket.
fn members<'a>(oracle: &'a Oracle, asked: &'a Asked) -> impl Fn(&Span) -> People + 'a {
    let active = oracle.active(&asked.query["start"], asked.among.as_ref());
    let kind = asked.query["cohort"].as_str().unwrap_or("first").to_string();
    let (from, to) = (asked.from, asked.to);
    let considered: BTreeMap<Day, People> = active
        .into_iter()
        .filter(|(d, _)| kind != "first_in_range" || (from..to).contains(d))
        .collect();
    let first = first_days(&considered);
    move |span: &Span| match kind.as_str() {
        "recurring" => super::within(&considered, span.start, span.end),
        _ => first
            .iter()
            .filter(|(_, d)| (span.start..span.end).contains(*d))
            .map(|(u, _)| u.clone())
            .collect(),
    }
}

impl Table<'_> {
    fn cohort(&self, span: &Span, people: &People, reaches: &[Reach]) -> Json {
        let cells: Vec<(Option<usize>, bool)> =
            reaches.iter().enumerate().map(|(k, r)| self.cell(span, people, k, *r)).collect();
        json!({
            "start": date(span.start).to_string(),
            "size": if span.begun { json!(people.len()) } else { Json::Null },
            "returned": cells.iter().map(|c| c.0).collect::<Vec<_>>(),
            "complete": cells.iter().map(|c| c.1).collect::<Vec<_>>(),
        })
    }

    fn cell(
        &self,
        cohort: &Span,
        people: &People,
        k: usize,
        reach: Reach,
    ) -> (Option<usize>, bool) {
        let buckets = self.buckets_after(cohort, reach.to);
        // The bucket that the column is named after decides; a bracket's first makes it known, its
        // last final.
        let brackets = self.asked.query["brackets"].is_array();
        let (known, last) = if brackets { (reach.from, reach.to) } else { (k, k) };
        if !buckets[known].begun {
            return (None, false);
        }
        let returned = people.iter().filter(|user| {
            buckets[reach.from..=reach.to].iter().any(|b| self.events(user, b) >= self.at_least)
        });
        (Some(returned.count()), buckets[last].complete)
    }

    fn events(&self, user: &str, bucket: &Span) -> u64 {
        let events = self.returns.range(bucket.start..bucket.end).flat_map(|(_, events)| events);
        events.filter(|e| e.user.as_deref() == Some(user)).count() as u64
    }

    /// The cohort's bucket and so many after it.
    fn buckets_after(&self, cohort: &Span, count: usize) -> Vec<Span> {
        let by = self.asked.by.as_str();
        let mut spans = vec![*cohort];
        let mut start = cohort.end;
        let week = self.asked.query["week_start"].as_str().unwrap_or("monday");
        assert_eq!(bucket_start(start, by, week), start);
        for _ in 0..count {
            let end = bucket_next(start, by);
            spans.push(self.oracle.span(start, end, self.asked.as_of));
            start = end;
        }
        spans
    }
}

/// Sums over the cohorts whose cell is complete.
fn average(cohorts: &[Json], k: usize) -> Json {
    let complete = || cohorts.iter().filter(|c| c["complete"][k] == json!(true));
    let returned: u64 = complete().map(|c| c["returned"][k].as_u64().unwrap()).sum();
    let size: u64 = complete().map(|c| c["size"].as_u64().unwrap()).sum();
    let rate = (size > 0).then(|| returned as f64 / size as f64);
    json!({"returned": returned, "size": size, "rate": rate})
}

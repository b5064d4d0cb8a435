//! Retention, cohort by cohort and cell by cell.

use super::calendar::{HOUR_US, Span};
use super::groups::Class;
use super::value::{Amount, ratio};
use super::{Asked, Event, first_of, matches, named};
use serde_json::{Value as Json, json};

struct Table<'a> {
    asked: &'a Asked<'a>,
    returns: Vec<&'a Event>,
    at_least: usize,
    property: Option<&'a str>,
    /// Length of a column counted from each person's own start.
    elapsed_us: Option<i64>,
    reaches: Vec<Reach>,
}

/// One column: buckets `from..=to` after the cohort's own; it is known once bucket `known` has
/// begun, and final once bucket `last` has ended.
#[derive(Clone, Copy)]
struct Reach {
    from: usize,
    to: usize,
    known: usize,
    last: usize,
}

pub fn retention(asked: &Asked) -> Json {
    let query = asked.query;
    let returning = query.get("return").unwrap_or(&query["start"]);
    let days = |n: i64| n * 24 * HOUR_US;
    let column = match asked.by.as_str() {
        "hour" => HOUR_US,
        "day" => days(1),
        "week" => days(7),
        _ => days(30),
    };
    let table = Table {
        asked,
        returns: asked.events(returning),
        at_least: asked.number("at_least").unwrap_or(1),
        property: asked.text("property"),
        elapsed_us: (asked.text("window") == Some("elapsed")).then_some(column),
        reaches: reaches(query),
    };
    let cohorts: Vec<(Span, Vec<&Event>)> =
        asked.spans.iter().map(|s| (*s, members(asked, s))).collect();
    let started = cohorts.iter().flat_map(|(_, people)| people);
    let groups = asked.groups(started.map(|e| (asked.group(e), e.who().to_string())));
    groups.series(|class| table.series(&cohorts, class))
}

fn reaches(query: &Json) -> Vec<Reach> {
    let whole = |n: &Json| n.as_u64().unwrap() as usize;
    if let Some(widths) = query["brackets"].as_array() {
        let mut reaches = vec![Reach { from: 0, to: 0, known: 0, last: 0 }];
        for width in widths.iter().map(whole) {
            let from = reaches.last().unwrap().to + 1;
            let to = from + width - 1;
            reaches.push(Reach { from, to, known: from, last: to });
        }
        return reaches;
    }
    let columns = query.get("columns").map_or(12, whole);
    let reach = |k| {
        let (from, to) = match query["count"].as_str() {
            Some("on_or_after") => (k, columns),
            Some("on_or_before") => (0, k),
            _ => (k, k),
        };
        Reach { from, to, known: k, last: k }
    };
    (0..=columns).map(reach).collect()
}

/// The start events that put people into the cohort of a bucket, one for each.
fn members<'a>(asked: &Asked<'a>, span: &Span) -> Vec<&'a Event> {
    let start = &asked.query["start"];
    let kind = asked.text("cohort").unwrap_or("first");
    // Of `first_ever`, conditions are asked of the very first event only.
    let name_only = kind == "first_ever";
    let mut events = asked.events(&json!("*"));
    events.retain(|e| if name_only { named(start, e) } else { matches(start, e) });
    match kind {
        "first_in_range" => events.retain(|e| (asked.from..asked.to).contains(&e.at)),
        "recurring" => events.retain(|e| span.holds(e.at)),
        _ => {}
    }
    let first = first_of(&events).into_values();
    first.filter(|e| span.holds(e.at) && matches(start, e)).collect()
}

impl Table<'_> {
    fn series(&self, cohorts: &[(Span, Vec<&Event>)], class: &Class) -> Json {
        let rows = cohorts.iter().map(|(span, people)| {
            let own = |e: &&&Event| class.holds(&self.asked.group(e));
            self.cohort(span, &people.iter().filter(own).copied().collect::<Vec<_>>())
        });
        let rows: Vec<Cohort> = rows.collect();
        let average = (0..self.reaches.len()).map(|k| self.average(&rows, k));
        let written = rows.iter().map(|row| {
            json!({
                "start": row.start,
                "size": row.size,
                "returned": row.cells.iter().map(|c| self.written(c.returned)).collect::<Json>(),
                "complete": row.cells.iter().map(|c| c.complete).collect::<Vec<_>>(),
            })
        });
        json!({"cohorts": written.collect::<Json>(), "average": average.collect::<Json>()})
    }

    fn cohort(&self, span: &Span, people: &[&Event]) -> Cohort {
        let cell = |reach: &Reach| {
            let (known, complete) = self.known(span, reach);
            let sum = || Amount::sum(people.iter().map(|start| self.of(span, start, reach)));
            Cell { returned: known.then(sum), complete: complete && known }
        };
        Cohort {
            start: self.asked.calendar.written(span, &self.asked.by),
            size: self.asked.begun(span).then_some(people.len()),
            cells: self.reaches.iter().map(cell).collect(),
        }
    }

    /// Whether a cell can be known, and whether it is final.
    fn known(&self, cohort: &Span, reach: &Reach) -> (bool, bool) {
        let as_of = self.asked.as_of;
        match self.elapsed_us {
            Some(us) => {
                let (known, last) = (reach.known as i64, reach.last as i64);
                (cohort.start + known * us < as_of, cohort.end + (last + 1) * us <= as_of)
            }
            None => {
                let buckets = self.buckets(cohort, reach.last);
                let asked = self.asked;
                (asked.begun(&buckets[reach.known]), asked.complete(&buckets[reach.last]))
            }
        }
    }

    /// The cohort's bucket and so many after it.
    fn buckets(&self, cohort: &Span, count: usize) -> Vec<Span> {
        let mut spans = vec![*cohort];
        for _ in 0..count {
            spans.push(self.asked.calendar.next(spans.last().unwrap(), &self.asked.by));
        }
        spans
    }

    /// What one person adds to a cell: 1 for a return, or the sum over the returns.
    fn of(&self, cohort: &Span, start: &Event, reach: &Reach) -> Amount {
        let windows: Vec<(i64, i64)> = match self.elapsed_us {
            Some(us) => {
                let window = |k| (start.at + k * us, start.at + (k + 1) * us);
                (reach.from as i64..=reach.to as i64).map(window).collect()
            }
            None => {
                let buckets = self.buckets(cohort, reach.to);
                buckets[reach.from..].iter().map(|b| (b.start, b.end)).collect()
            }
        };
        let returns = |&(from, to): &(i64, i64)| -> Vec<&Event> {
            let own = self.returns.iter().filter(|e| e.user == start.user);
            let inside = own.filter(|e| (from..to).contains(&e.at));
            inside.filter(|e| self.elapsed_us.is_none() || e.at > start.at).copied().collect()
        };
        let mut returned = windows.iter().map(returns).filter(|e| e.len() >= self.at_least);
        match self.property {
            Some(p) => Amount::sum(returned.flatten().filter_map(|e| e.amount(p))),
            None if returned.next().is_some() => Amount::parse("1").unwrap(),
            None => Amount::default(),
        }
    }

    /// Sums over the cohorts whose cell is complete.
    fn average(&self, rows: &[Cohort], k: usize) -> Json {
        let complete = || rows.iter().filter(|row| row.cells[k].complete);
        let returned = Amount::sum(complete().map(|row| row.cells[k].returned.unwrap()));
        let size: usize = complete().map(|row| row.size.unwrap()).sum();
        let rate = ratio(returned.as_f64(), size as f64);
        json!({"returned": self.written(Some(returned)), "size": size, "rate": rate})
    }

    fn written(&self, cell: Option<Amount>) -> Json {
        match (cell, self.property) {
            (None, _) => Json::Null,
            (Some(sum), Some(_)) => sum.json(),
            (Some(people), None) => json!(people.as_f64() as u64),
        }
    }
}

struct Cohort {
    start: String,
    size: Option<usize>,
    cells: Vec<Cell>,
}

struct Cell {
    returned: Option<Amount>,
    complete: bool,
}

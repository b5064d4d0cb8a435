//! `retention`: of the people of each cohort, who comes back how much later.

mod by_first;
mod operator;
mod rows;
mod scattered;

pub(super) use rows::ranking;

use super::Question;
use super::prepared::{Instants, Prepared};
use crate::error::Result;
use crate::query::answer::{Average, BucketStart, Cohort, Figures};
use crate::query::plan::Span;
use crate::query::{CohortKind, CountKind, Retention};
use crate::scan::{ByBucket, Edges, Input, Operator, Recipe, Tally, Threshold};
use crate::time::{Micros, Tick};
use by_first::ByFirst;
use operator::{Pairs, Starts};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Up to so many cohorts or columns every pair of bitmaps is met.
const PAIRS_MAX: usize = 32;

/// The table: cohorts down, cells across, and the buckets after the cohort's that a cell is about.
#[derive(Debug)]
struct Shape {
    cohorts: usize,
    /// Bucket offsets of each cell; consecutive, from 0.
    cells: Vec<RangeInclusive<usize>>,
    count: CountKind,
}

impl Shape {
    fn new(cohorts: usize, retention: &Retention) -> Shape {
        let cells = if retention.brackets.is_empty() {
            (0..=retention.columns as usize).map(|k| k..=k).collect()
        } else {
            bracket_cells(&retention.brackets)
        };
        Shape { cohorts, cells, count: retention.count }
    }

    /// Buckets after the cohort's own that some cell reads.
    fn columns(&self) -> usize {
        self.cells.last().map_or(0, |cell| *cell.end())
    }

    /// The sum of a cell; the sums before are the cohorts' sizes.
    fn sum(&self, cohort: usize, cell: usize) -> usize {
        self.cohorts + cohort * self.cells.len() + cell
    }

    fn sums(&self) -> usize {
        self.cohorts * (1 + self.cells.len())
    }
}

/// Bucket 0, then a cell per bracket.
fn bracket_cells(brackets: &[u32]) -> Vec<RangeInclusive<usize>> {
    let ends = brackets.iter().scan(0, |last, width| {
        let first = *last + 1;
        *last += *width as usize;
        Some(first..=*last)
    });
    std::iter::once(0..=0).chain(ends).collect()
}

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    retention: &'a Retention,
) -> Result<Prepared<'a>> {
    match rows::needed(question, retention) {
        true => rows::prepare(question, retention),
        false => Ok(of_presence(question, retention)),
    }
}

/// From bitmaps: who was there.
fn of_presence<'a>(question: &Question<'a>, retention: &'a Retention) -> Prepared<'a> {
    let shape = Arc::new(Shape::new(question.plan.buckets.len(), retention));
    let known = Known::new(question, retention, None);
    let first = known.spans.first().map(|span| span.start).into_iter();
    let edges: Edges = first.chain(known.spans.iter().map(|span| span.end)).collect();
    let returns_to = edges.last().copied().unwrap_or(question.plan.to_tick);
    let recurring = retention.cohort == CohortKind::Recurring;
    let returns = Threshold { at_least: retention.at_least.into(), at_most: None };
    let pairs = recurring || shape.columns().min(shape.cohorts) <= PAIRS_MAX;
    let same = retention.start == *retention.returning() && returns.is_presence();
    let inputs = inputs(question, retention, same, returns_to);
    let table = Arc::clone(&shape);
    let recipe = recipe(retention, &shape, recurring, same, &edges);
    let job = question.job(inputs, shape.sums(), move |_| -> Box<dyn Operator> {
        let starts = Starts::new(recurring, same, table.cohorts);
        let shape = Arc::clone(&table);
        if pairs {
            let operator = Pairs::new(shape, starts, returns);
            Box::new(ByBucket::new(edges.clone(), operator))
        } else {
            let operator = ByFirst::new(shape, starts, returns);
            Box::new(ByBucket::new(edges.clone(), operator))
        }
    });
    let figures = move |_: &Question<'_>, tally: Tally| Ok(figures(&shape, &known, tally));
    Prepared::new(if pairs { job.of_recipe(recipe) } else { job }, figures)
}

/// What tables of pairs have in common.
fn recipe(
    retention: &Retention,
    shape: &Shape,
    recurring: bool,
    same: bool,
    edges: &Edges,
) -> Recipe {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut numbers = vec![number(shape.cohorts), recurring.into(), same.into()];
    numbers.push(match retention.count {
        CountKind::On => 0,
        CountKind::OnOrAfter => 1,
        CountKind::OnOrBefore => 2,
    });
    numbers.push(retention.at_least.into());
    numbers.extend(shape.cells.iter().map(|cell| number(*cell.end())));
    Recipe { report: "retention", numbers, edges: edges.clone() }
}

/// Start events, then return events, which count after the range as well. `same`: in the range,
/// return events tell who starts.
fn inputs(
    question: &Question<'_>,
    retention: &Retention,
    same: bool,
    returns_to: Tick,
) -> Vec<Input> {
    let plan = &question.plan;
    let to = if same { plan.from_tick } else { plan.to_tick };
    let starts = question.input(&retention.start, plan.from_tick, to);
    let starts = match retention.cohort {
        // Without conditions the first event of the name always matches.
        CohortKind::First | CohortKind::FirstEver => starts.with_seen(),
        CohortKind::Recurring | CohortKind::FirstInRange => starts,
    };
    vec![starts, question.input(retention.returning(), plan.from_tick, returns_to)]
}

/// The cohorts' buckets and those after them that columns reach. Buckets that neither have begun
/// nor hold an event are left out: nothing is known there.
fn spans(question: &Question<'_>, columns: usize) -> Vec<Span> {
    let plan = &question.plan;
    let mut spans = plan.buckets.clone();
    let newest = plan.last_tick.unwrap_or(plan.to_tick);
    for _ in 0..columns {
        let Some(last) = spans.last() else { break };
        let start = last.end;
        let span = plan.span(start, plan.next(start));
        if !span.begun && start > newest {
            break;
        }
        spans.push(span);
    }
    spans
}

/// What is known by `as_of` of the cohorts and their cells.
struct Known {
    /// How the answer names the cohorts.
    starts: Vec<BucketStart>,
    /// The cohorts' buckets, and those after them that columns reach.
    spans: Vec<Span>,
    /// Where columns are elapsed time.
    elapsed: Option<Elapsed>,
}

/// Column k of a person reaches from k to k + 1 widths after their start.
struct Elapsed {
    cohorts: Instants,
    width_us: i64,
    as_of: Micros,
}

impl Known {
    /// `width_us`: of columns of elapsed time.
    fn new(question: &Question<'_>, retention: &Retention, width_us: Option<i64>) -> Known {
        let (cohorts, as_of) = (question.instants(), question.plan.as_of);
        let columns = match width_us {
            Some(_) => 0,
            None => Shape::new(cohorts.len(), retention).columns(),
        };
        let elapsed = width_us.map(|width_us| Elapsed { cohorts, width_us, as_of });
        let starts = question.plan.buckets.iter();
        let starts = starts.map(|span| question.plan.bucket_start(span.start)).collect();
        Known { starts, spans: spans(question, columns), elapsed }
    }

    fn begun_cohort(&self, cohort: usize) -> bool {
        self.spans.get(cohort).is_some_and(|span| span.begun)
    }

    /// Whether anybody of the cohort can have come back in the bucket or window.
    fn begun(&self, cohort: usize, offset: usize) -> bool {
        match &self.elapsed {
            None => self.begun_cohort(cohort + offset),
            Some(elapsed) => elapsed.after(elapsed.cohorts.start(cohort), offset) < elapsed.as_of,
        }
    }

    /// Whether everybody's time to come back in it is over.
    fn complete(&self, cohort: usize, offset: usize) -> bool {
        match &self.elapsed {
            None => self.spans.get(cohort + offset).is_some_and(|span| span.complete),
            Some(elapsed) => {
                elapsed.after(elapsed.cohorts.end(cohort), offset + 1) <= elapsed.as_of
            }
        }
    }
}

impl Elapsed {
    fn after(&self, at: Micros, widths: usize) -> Micros {
        let widths = i64::try_from(widths).unwrap_or(i64::MAX);
        at.saturating_add(self.width_us.saturating_mul(widths))
    }
}

fn figures(shape: &Shape, known: &Known, tally: Tally) -> Figures {
    let (sizes, cells) = tally.sums.split_at(shape.cohorts);
    let rows = cells.chunks(shape.cells.len()).map(<[u64]>::to_vec);
    cohorts(shape, known, sizes.iter().copied().zip(rows))
}

/// The table of people, from each cohort's size and what was counted in its cells.
fn cohorts(shape: &Shape, known: &Known, rows: impl Iterator<Item = (u64, Vec<u64>)>) -> Figures {
    let starts = known.starts.iter().copied().enumerate();
    let cohort = |(start, (size, mut row)): ((usize, BucketStart), (u64, Vec<u64>))| {
        accumulate(&mut row, shape.count, |cell, more| *cell += more);
        row_of(shape, known, start, size, &row)
    };
    let cohorts: Vec<Cohort> = starts.zip(rows).map(cohort).collect();
    let average = (0..shape.cells.len()).map(|cell| average(&cohorts, cell)).collect();
    Figures::Retention { cohorts, average }
}

/// The operators count each person once a row; "or after" and "or before" add up from there.
fn accumulate<T>(row: &mut [T], count: CountKind, add: impl Fn(&mut T, &T)) {
    let last = row.len().saturating_sub(1);
    let mut add_from = |from: usize, to: usize| {
        if let Ok([from, to]) = row.get_disjoint_mut([from, to]) {
            add(to, from);
        }
    };
    match count {
        CountKind::On => {}
        CountKind::OnOrBefore => (0..last).for_each(|cell| add_from(cell, cell + 1)),
        CountKind::OnOrAfter => (0..last).rev().for_each(|cell| add_from(cell + 1, cell)),
    }
}

fn row_of(
    shape: &Shape,
    known: &Known,
    (cohort, start): (usize, BucketStart),
    size: u64,
    row: &[u64],
) -> Cohort {
    let returned = shape.cells.iter().zip(row);
    let returned =
        returned.map(|(cell, count)| known.begun(cohort, *cell.start()).then_some(*count));
    Cohort {
        start,
        size: known.begun_cohort(cohort).then_some(size),
        returned: returned.collect(),
        complete: shape.cells.iter().map(|cell| known.complete(cohort, *cell.end())).collect(),
    }
}

/// Where adjacent spans lie in time.
fn bucket_spans(question: &Question<'_>, spans: &[Span]) -> Instants {
    let first = spans.first().map(|span| span.start).into_iter();
    let edges = first.chain(spans.iter().map(|span| span.end));
    Instants::new(edges.map(|day| question.start_of(day)).collect())
}

/// Over the cohorts whose cell is complete.
fn average(cohorts: &[Cohort], cell: usize) -> Average {
    let complete = cohorts.iter().filter(|cohort| cohort.complete.get(cell) == Some(&true));
    let (mut returned, mut size) = (0, 0);
    for cohort in complete {
        returned += cohort.returned.get(cell).copied().flatten().unwrap_or_default();
        size += cohort.size.unwrap_or_default();
    }
    Average::new(returned, size)
}

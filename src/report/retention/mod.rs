//! `retention`: of the people of each cohort, who comes back how much later.

mod operator;

use super::{Prepared, Question};
use crate::query::answer::{Average, BucketStart, Cohort, Figures};
use crate::query::plan::Span;
use crate::query::{CohortKind, CountKind, Retention};
use crate::scan::{ByBucket, Edges, Input, Operator, Tally, Threshold};
use crate::time::Tick;
use operator::{ByFirst, Pairs, Starts};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Up to so many cohorts or columns every pair of bitmaps is met; above, users are looked up one by
/// one.
const PAIRS_MAX: usize = 32;

/// The table: cohorts down, cells across, and the buckets after the cohort's that a cell is about.
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

pub(super) fn prepare<'a>(question: &Question<'a>, retention: &'a Retention) -> Prepared<'a> {
    let shape = Arc::new(Shape::new(question.plan.buckets.len(), retention));
    let spans = spans(question, shape.columns());
    let first = spans.first().map(|span| span.start).into_iter();
    let edges: Edges = first.chain(spans.iter().map(|span| span.end)).collect();
    let inputs =
        inputs(question, retention, edges.last().copied().unwrap_or(question.plan.to_tick));
    let recurring = retention.cohort == CohortKind::Recurring;
    let returns = Threshold { at_least: retention.at_least.into(), at_most: None };
    let pairs = recurring || shape.columns().min(shape.cohorts) <= PAIRS_MAX;
    let table = Arc::clone(&shape);
    let job = question.job(inputs, shape.sums(), move |_| -> Box<dyn Operator> {
        let starts = Starts::new(recurring, table.cohorts);
        let shape = Arc::clone(&table);
        if pairs {
            let operator = Pairs::new(shape, starts, returns);
            Box::new(ByBucket::new(edges.clone(), operator))
        } else {
            let operator = ByFirst::new(shape, starts, returns);
            Box::new(ByBucket::new(edges.clone(), operator))
        }
    });
    let figures =
        move |question: &Question<'_>, tally: Tally| Ok(figures(question, &shape, &spans, tally));
    Prepared::new(job, figures)
}

/// Start events, then return events, which count after the range as well.
fn inputs(question: &Question<'_>, retention: &Retention, returns_to: Tick) -> Vec<Input> {
    let plan = &question.plan;
    let from = match retention.cohort {
        // Selectors have no conditions yet: the first event of the name always matches.
        CohortKind::First | CohortKind::FirstEver => Tick::MIN,
        CohortKind::Recurring | CohortKind::FirstInRange => plan.from_tick,
    };
    vec![
        question.input(&retention.start, from, plan.to_tick),
        question.input(retention.returning(), plan.from_tick, returns_to),
    ]
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

fn figures(question: &Question<'_>, shape: &Shape, spans: &[Span], mut tally: Tally) -> Figures {
    let (sizes, cells) = tally.sums.split_at_mut(shape.cohorts);
    let rows = cells.chunks_mut(shape.cells.len()).zip(sizes.iter()).enumerate();
    let cohorts: Vec<Cohort> = rows
        .map(|(cohort, (row, size))| {
            accumulate(row, shape.count);
            let start = question.plan.bucket_start(spans.get(cohort).map_or(0, |span| span.start));
            row_of(shape, spans, (cohort, start), *size, row)
        })
        .collect();
    let average = (0..shape.cells.len()).map(|cell| average(&cohorts, cell)).collect();
    Figures::Retention { cohorts, average }
}

/// The operators count each person once a row; "or after" and "or before" add up from there.
fn accumulate(row: &mut [u64], count: CountKind) {
    let mut total = 0;
    let add = |cell: &mut u64| {
        total += *cell;
        *cell = total;
    };
    match count {
        CountKind::On => {}
        CountKind::OnOrBefore => row.iter_mut().for_each(add),
        CountKind::OnOrAfter => row.iter_mut().rev().for_each(add),
    }
}

fn row_of(
    shape: &Shape,
    spans: &[Span],
    (cohort, start): (usize, BucketStart),
    size: u64,
    row: &[u64],
) -> Cohort {
    let span = |offset: usize| spans.get(cohort + offset);
    let begun = |offset| span(offset).is_some_and(|span| span.begun);
    let complete = |offset| span(offset).is_some_and(|span| span.complete);
    let cells = shape.cells.iter().zip(row);
    Cohort {
        start,
        size: begun(0).then_some(size),
        returned: cells.map(|(cell, count)| begun(*cell.start()).then_some(*count)).collect(),
        complete: shape.cells.iter().map(|cell| complete(*cell.end())).collect(),
    }
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

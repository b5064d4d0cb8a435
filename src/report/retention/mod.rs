//! `retention`: of the people of each cohort, who comes back how much later.

mod operator;

use super::{Prepared, Question, share};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{RETENTION_CELLS_MAX, RETENTION_COLUMNS_MAX};
use crate::query::answer::{Average, Cohort, Figures};
use crate::query::plan::Span;
use crate::query::{CohortKind, CountKind, Retention};
use crate::scan::{ByBucket, Edges, Input, Operator, Tally, Threshold};
use crate::time::{Bucket, Day, bucket_next, date_of};
use operator::{ByFirst, Pairs, Starts};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Up to so many cohorts or columns every pair of bitmaps is met; above, users are looked up one by one.
const PAIRS_MAX: usize = 32;

/// The table: cohorts down, cells across, and the buckets after the cohort's that a cell is about.
struct Shape {
    cohorts: usize,
    /// Bucket offsets of each cell; consecutive, from 0.
    cells: Vec<RangeInclusive<usize>>,
    count: CountKind,
}

impl Shape {
    fn new(cohorts: usize, retention: &Retention) -> Result<Shape> {
        if !retention.brackets.is_empty() && retention.count != CountKind::On {
            return Err(Error::input("brackets go with count \"on\" only"));
        }
        let cells = if retention.brackets.is_empty() {
            (0..=retention.columns as usize).map(|k| k..=k).collect()
        } else {
            bracket_cells(&retention.brackets)?
        };
        let shape = Shape { cohorts, cells, count: retention.count };
        if shape.columns() > RETENTION_COLUMNS_MAX as usize {
            let message = format!("retention has at most {RETENTION_COLUMNS_MAX} columns");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        if shape.cohorts.saturating_mul(shape.cells.len()) > RETENTION_CELLS_MAX {
            let message = format!(
                "{cohorts} cohorts of {} cells pass the limit of {RETENTION_CELLS_MAX} cells: \
                 ask for fewer columns, a shorter range or wider buckets",
                shape.cells.len()
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        Ok(shape)
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
fn bracket_cells(brackets: &[u32]) -> Result<Vec<RangeInclusive<usize>>> {
    let mut cells = vec![0..=0];
    let mut last = 0_usize;
    for width in brackets {
        if *width == 0 {
            return Err(Error::input("brackets are widths in buckets: 0 is none"));
        }
        let end = last.saturating_add(*width as usize);
        cells.push(last + 1..=end);
        last = end;
    }
    Ok(cells)
}

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    retention: &'a Retention,
) -> Result<Prepared<'a>> {
    if question.plan.by == Bucket::All {
        return Err(Error::input(
            "retention needs cohorts: by day, week, month, quarter or year, not all",
        ));
    }
    let shape = Arc::new(Shape::new(question.plan.buckets.len(), retention)?);
    let spans = spans(question, shape.columns());
    let first = spans.first().map(|span| span.start).into_iter();
    let edges: Edges = first.chain(spans.iter().map(|span| span.end)).collect();
    let inputs = inputs(question, retention, edges.last().copied().unwrap_or(question.plan.to));
    let recurring = retention.cohort == CohortKind::Recurring;
    let returns = Threshold { at_least: retention.at_least.into(), at_most: None };
    // Start and return events are one input when they are the same.
    let returning = inputs.len() - 1;
    let pairs = recurring || shape.columns().min(shape.cohorts) <= PAIRS_MAX;
    let table = Arc::clone(&shape);
    let job = question.job(inputs, shape.sums(), move |_| -> Box<dyn Operator> {
        let starts = Starts::new(recurring, table.cohorts);
        let shape = Arc::clone(&table);
        if pairs {
            let operator = Pairs::new(shape, starts, returning, returns);
            Box::new(ByBucket::new(edges.clone(), operator))
        } else {
            let operator = ByFirst::new(shape, starts, returning, returns);
            Box::new(ByBucket::new(edges.clone(), operator))
        }
    });
    let figures = move |_: &Question<'_>, tally: Tally| Ok(figures(&shape, &spans, tally));
    Ok(Prepared { job: Some(job), figures: Box::new(figures) })
}

/// Start events first; then return events, which count after the range as well. One input does for
/// both where all of it is wanted.
fn inputs(question: &Question<'_>, retention: &Retention, returns_to: Day) -> Vec<Input> {
    let plan = &question.plan;
    let from = match retention.cohort {
        // Selectors have no conditions yet: the first event of the name always matches.
        CohortKind::First | CohortKind::FirstEver => Day::MIN,
        CohortKind::Recurring | CohortKind::FirstInRange => plan.from,
    };
    let returning = retention.returning.as_ref().unwrap_or(&retention.start);
    vec![
        question.input(&retention.start, from, plan.to),
        question.input(returning, plan.from, returns_to),
    ]
}

/// The cohorts' buckets and those after them that columns reach. Buckets that neither have begun
/// nor hold an event are left out: nothing is known there.
fn spans(question: &Question<'_>, columns: usize) -> Vec<Span> {
    let plan = &question.plan;
    let mut spans = plan.buckets.clone();
    let last_day = question.snapshot.days.last().map_or(plan.to, |day| day.span.day);
    for _ in 0..columns {
        let Some(last) = spans.last() else { break };
        let start = last.end;
        let span = plan.span(question.snapshot, start, bucket_next(start, plan.by));
        if !span.begun && start > last_day {
            break;
        }
        spans.push(span);
    }
    spans
}

fn figures(shape: &Shape, spans: &[Span], mut tally: Tally) -> Figures {
    let (sizes, cells) = tally.sums.split_at_mut(shape.cohorts);
    let rows = cells.chunks_mut(shape.cells.len()).zip(sizes.iter()).enumerate();
    let cohorts: Vec<Cohort> = rows
        .map(|(cohort, (row, size))| {
            accumulate(row, shape.count);
            row_of(shape, spans, cohort, *size, row)
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

fn row_of(shape: &Shape, spans: &[Span], cohort: usize, size: u64, row: &[u64]) -> Cohort {
    let span = |offset: usize| spans.get(cohort + offset);
    let begun = |offset| span(offset).is_some_and(|span| span.begun);
    let complete = |offset| span(offset).is_some_and(|span| span.complete);
    let cells = shape.cells.iter().zip(row);
    Cohort {
        start: date_of(span(0).map_or(0, |span| span.start)),
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
    Average { returned, size, rate: share(returned, size) }
}

//! Retention from single events: elapsed windows, sums of a property, breakdowns, and first events
//! that conditions are asked of. Counts what the bitmaps count wherever both can answer.

use super::{Known, Shape, bucket_spans, cohorts};
use crate::error::Result;
use crate::event::{Number, Sum, Value};
use crate::query::answer::{AmountAverage, AmountCohort, BucketStart, Figures};
use crate::query::{CohortKind, CountKind, Retention};
use crate::report::Question;
use crate::report::cells::{Cells, Slots};
use crate::report::prepared::{Instants, Prepared};
use crate::report::rank::Ranking;
use crate::scan::{RowEvent, RowInput, RowJob, RowOperator, Selector, SetKind};
use crate::time::{Bucket, HOUR_US, Micros};
use std::sync::Arc;

/// Places among the selectors.
const START: usize = 0;
const RETURN: usize = 1;
/// The start event, conditions or not.
const NAME: usize = 2;

/// Whether bitmaps cannot tell: they know days and people, not times and amounts.
pub(super) fn needed(question: &Question<'_>, retention: &Retention) -> bool {
    let first_ever = retention.cohort == CohortKind::FirstEver;
    retention.reads_events()
        || question.groups.is_some()
        || first_ever && !retention.start.conditions().is_empty()
}

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    retention: &'a Retention,
) -> Result<Prepared<'a>> {
    question.check_cells(retention.cells())?;
    let known = Known::new(question, retention, width(question, retention));
    let table = Arc::new(Table::new(question, retention, &known));
    let (input, users) = input(question, retention, table.windows.end(&table));
    let slots = Slots::of(question);
    let shape = Arc::clone(&table);
    let job = RowJob::new(input, users, move || Rows::new(Arc::clone(&table), slots.clone()));
    Ok(Prepared::of_rows(job, move |question, counted| {
        let mut rows = counted.take::<Rows>()?.rows;
        let slots = 0..question.slots();
        slots.map(|slot| figures(&shape, &known, &mut rows, slot)).collect()
    }))
}

/// Groups by the value on the start event that put a user into a cohort.
pub(in crate::report) fn ranking<'a>(
    question: &Question<'a>,
    retention: &Retention,
) -> Ranking<'a> {
    let starts = Starts { cohort: retention.cohort, cohorts: question.instants() };
    let (input, users) = input(question, retention, question.instants().range().1);
    Ranking::by_users(input, users, move |events: &[RowEvent], visit: &mut dyn FnMut(u32)| {
        starts.each(events, &mut |_, start| visit(start.group));
    })
}

/// The elapsed time of a column; `None` where columns are buckets.
fn width(question: &Question<'_>, retention: &Retention) -> Option<i64> {
    let hours = match question.plan.by {
        Bucket::Hour => 1,
        Bucket::Day => 24,
        Bucket::Week => 7 * 24,
        _ => 30 * 24, // months; queries for others are refused
    };
    retention.elapsed.then_some(hours * HOUR_US)
}

/// The events that are read, and whose. What is first is first in all history: where conditions do
/// not matter to that, it is enough to leave out who did the event before the range.
fn input(
    question: &Question<'_>,
    retention: &Retention,
    to: Micros,
) -> (RowInput, Option<Arc<SetKind>>) {
    let (start, _) = question.instants().range();
    let mut users = question.plan.users.clone();
    let name = (retention.cohort == CohortKind::FirstEver).then(|| retention.start.event());
    let first = name.unwrap_or(&retention.start);
    let from = match retention.cohort {
        _ if to == start => start,
        CohortKind::Recurring | CohortKind::FirstInRange => start,
        CohortKind::First | CohortKind::FirstEver if first.conditions().is_empty() => {
            users = Some(Arc::new(without_earlier(first, start, users)));
            start
        }
        CohortKind::First | CohortKind::FirstEver => Micros::MIN,
    };
    let selectors = [&retention.start, retention.returning()].into_iter().chain(name);
    let input = RowInput {
        selectors: selectors.cloned().collect(),
        from,
        to,
        number: retention.property.clone(),
        numbering: question.numbering(),
        ..RowInput::default()
    };
    (input, users)
}

/// Those of the users who did not do the event before an instant.
fn without_earlier(event: &Selector, to: Micros, users: Option<Arc<SetKind>>) -> SetKind {
    let from = Micros::MIN;
    let did = SetKind::Did { event: event.clone(), from, to, at_least: 1, at_most: None };
    let others = SetKind::Not(Box::new(did));
    SetKind::And(users.map(|users| (*users).clone()).into_iter().chain([others]).collect())
}

/// Finds the events that put a user into cohorts.
#[derive(Debug, Clone)]
struct Starts {
    cohort: CohortKind,
    cohorts: Instants,
}

impl Starts {
    /// Calls back with each cohort of the user and the start event.
    fn each(&self, events: &[RowEvent], visit: &mut dyn FnMut(usize, &RowEvent)) {
        let starts = |event: &&RowEvent| event.matches(START);
        let first = match self.cohort {
            CohortKind::First | CohortKind::FirstInRange => events.iter().find(starts),
            CohortKind::FirstEver => events.iter().find(|event| event.matches(NAME)).filter(starts),
            CohortKind::Recurring => return self.recurring(events, visit),
        };
        let cohort = first.and_then(|first| self.cohorts.bucket_of(first.at).zip(Some(first)));
        if let Some((cohort, first)) = cohort {
            visit(cohort, first);
        }
    }

    /// The first start event of each bucket.
    fn recurring(&self, events: &[RowEvent], visit: &mut dyn FnMut(usize, &RowEvent)) {
        let mut end = Micros::MIN;
        for event in events.iter().filter(|event| event.matches(START)) {
            if event.at < end {
                continue;
            }
            let Some(cohort) = self.cohorts.bucket_of(event.at) else { continue };
            end = self.cohorts.end(cohort);
            visit(cohort, event);
        }
    }
}

/// Where return events fall.
#[derive(Debug)]
enum Windows {
    /// Into the cohorts' buckets and those after them.
    Buckets(Instants),
    /// So long after the start event.
    Elapsed(i64),
}

impl Windows {
    /// Where the last window of the last cohort ends.
    fn end(&self, table: &Table) -> Micros {
        let (from, to) = table.starts.cohorts.range();
        match self {
            _ if from == to => to,
            Windows::Buckets(instants) => instants.range().1,
            Windows::Elapsed(width) => {
                let windows = i64::try_from(table.shape.columns() + 1).unwrap_or(i64::MAX);
                to.saturating_add(width.saturating_mul(windows))
            }
        }
    }
}

/// What is counted, of whom.
#[derive(Debug)]
struct Table {
    shape: Shape,
    /// Bucket or window after the cohort's to cell.
    cell_of: Vec<usize>,
    starts: Starts,
    windows: Windows,
    at_least: u64,
    amounts: bool,
}

impl Table {
    fn new(question: &Question<'_>, retention: &Retention, known: &Known) -> Table {
        let cohorts = question.instants();
        let shape = Shape::new(cohorts.len(), retention);
        let starts = Starts { cohort: retention.cohort, cohorts };
        let windows = match &known.elapsed {
            Some(elapsed) => Windows::Elapsed(elapsed.width_us),
            None => Windows::Buckets(bucket_spans(question, &known.spans)),
        };
        let at_least = retention.at_least.into();
        Table::of(shape, starts, windows, at_least, retention.property.is_some())
    }

    fn of(shape: Shape, starts: Starts, windows: Windows, at_least: u64, amounts: bool) -> Table {
        let cells = shape.cells.iter().enumerate();
        let cell_of = cells.flat_map(|(cell, offsets)| offsets.clone().map(move |_| cell));
        Table { cell_of: cell_of.collect(), shape, starts, windows, at_least, amounts }
    }
}

/// One cohort of one group, cell by cell: people who returned, or what they returned with. Each
/// person is in one cell only, the first ("or before") or the last ("or after"), or in each.
#[derive(Debug, Default)]
struct Row {
    size: u64,
    people: Vec<u64>,
    amounts: Vec<Sum>,
}

/// The return events of a user in one bucket or window.
#[derive(Debug)]
struct Came {
    window: usize,
    events: u64,
    amount: Sum,
}

/// Fills the table.
struct Rows {
    table: Arc<Table>,
    slots: Slots,
    rows: Cells<Row>,
    /// Of the user at hand.
    came: Vec<Came>,
}

impl Rows {
    fn new(table: Arc<Table>, slots: Slots) -> Rows {
        Rows { rows: Cells::new(table.shape.cohorts), table, slots, came: Vec::new() }
    }
}

impl RowOperator for Rows {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        let Rows { table, slots, rows, came } = self;
        let mut gathered = false;
        table.starts.each(events, &mut |cohort, start| {
            let Some(slot) = slots.slot(start.group) else { return };
            match &table.windows {
                Windows::Buckets(buckets) => {
                    if !std::mem::replace(&mut gathered, true) {
                        gather(came, events, |at| buckets.bucket_of(at));
                    }
                    rows.at(slot, cohort).add(table, came, cohort);
                }
                Windows::Elapsed(width) => {
                    let after = events.partition_point(|event| event.at <= start.at);
                    gather(came, &events[after..], |at| {
                        usize::try_from((at - start.at) / width).ok()
                    });
                    rows.at(slot, cohort).add(table, came, 0);
                }
            }
        });
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.rows.merge(other.rows, |row, other| {
            row.merge(other);
            Ok(())
        })
    }
}

/// Adds the return events up, window by window; windows ascend with time.
fn gather(came: &mut Vec<Came>, events: &[RowEvent], window_of: impl Fn(Micros) -> Option<usize>) {
    came.clear();
    for event in events.iter().filter(|event| event.matches(RETURN)) {
        let Some(window) = window_of(event.at) else { continue };
        if came.last().is_none_or(|last| last.window != window) {
            came.push(Came { window, events: 0, amount: Sum::default() });
        }
        if let Some(last) = came.last_mut() {
            last.events += 1;
            event.number.into_iter().for_each(|number| last.amount.add(number));
        }
    }
}

impl Row {
    /// Takes a person, whose cohort is that of window `first`.
    fn add(&mut self, table: &Table, came: &[Came], first: usize) {
        self.size += 1;
        let cell = |came: &Came| table.cell_of.get(came.window.checked_sub(first)?).copied();
        let enough = came.iter().filter(|came| came.events >= table.at_least);
        let mut cells = enough.filter_map(|came| cell(came).zip(Some(came)));
        if table.amounts {
            self.amounts.resize_with(table.shape.cells.len(), Sum::default);
            cells.for_each(|(cell, came)| self.amounts[cell].add_sum(&came.amount));
            return;
        }
        self.people.resize(table.shape.cells.len(), 0);
        let mut count = |(cell, _): (usize, &Came)| self.people[cell] += 1;
        match table.shape.count {
            CountKind::OnOrBefore => cells.next().into_iter().for_each(count),
            CountKind::OnOrAfter => cells.next_back().into_iter().for_each(count),
            CountKind::On => {
                let mut before = None;
                cells.filter(|(cell, _)| before.replace(*cell) != Some(*cell)).for_each(&mut count);
            }
        }
    }

    fn merge(&mut self, other: Row) {
        self.size += other.size;
        self.people.iter_mut().zip(other.people).for_each(|(cell, other)| *cell += other);
        self.amounts.iter_mut().zip(other.amounts).for_each(|(cell, other)| cell.add_sum(&other));
    }
}

fn figures(table: &Table, known: &Known, rows: &mut Cells<Row>, slot: usize) -> Result<Figures> {
    let (shape, cells) = (&table.shape, table.shape.cells.len());
    let mut row = |cohort| {
        let mut row = rows.take(slot, cohort);
        row.people.resize(cells, 0);
        row.amounts.resize_with(cells, Sum::default);
        row
    };
    if !table.amounts {
        let rows = (0..shape.cohorts).map(row).map(|row| (row.size, row.people));
        return Ok(cohorts(shape, known, rows));
    }
    let rows: Vec<Row> =
        (0..shape.cohorts).map(&mut row).map(|row| row.accumulated(shape)).collect();
    let starts = known.starts.iter().copied().enumerate();
    let cohorts = starts.zip(&rows).map(|(start, row)| amounts_of(shape, known, start, row));
    let cohorts = cohorts.collect::<Result<Vec<_>>>()?;
    let average = (0..cells).map(|cell| average(&cohorts, &rows, cell)).collect::<Result<_>>()?;
    Ok(Figures::AmountRetention { cohorts, average })
}

impl Row {
    fn accumulated(mut self, shape: &Shape) -> Row {
        super::accumulate(&mut self.amounts, shape.count, |cell, more| cell.add_sum(more));
        self
    }
}

fn amounts_of(
    shape: &Shape,
    known: &Known,
    (cohort, start): (usize, BucketStart),
    row: &Row,
) -> Result<AmountCohort> {
    let cells = shape.cells.iter().zip(&row.amounts);
    let returned = cells.map(|(cell, amount)| {
        let begun = known.begun(cohort, *cell.start());
        begun.then(|| amount.value().map(Value::from)).transpose()
    });
    Ok(AmountCohort {
        start,
        size: known.begun_cohort(cohort).then_some(row.size),
        returned: returned.collect::<Result<_>>()?,
        complete: shape.cells.iter().map(|cell| known.complete(cohort, *cell.end())).collect(),
    })
}

/// Over the cohorts whose cell is complete.
fn average(cohorts: &[AmountCohort], rows: &[Row], cell: usize) -> Result<AmountAverage> {
    let (mut returned, mut size) = (Sum::default(), 0);
    for (cohort, row) in cohorts.iter().zip(rows) {
        if cohort.complete.get(cell) == Some(&true) {
            row.amounts.get(cell).into_iter().for_each(|amount| returned.add_sum(amount));
            size += row.size;
        }
    }
    let returned: Number = returned.value()?;
    Ok(AmountAverage::new(Value::from(returned), size))
}

#[cfg(test)]
mod tests;

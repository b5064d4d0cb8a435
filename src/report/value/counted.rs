//! `value` of plain events: how many there are, and what their numbers come to, is known without
//! reading one.

use super::measures::{Cell, column};
use crate::error::Result;
use crate::event::Amounts;
use crate::query::answer::{Column, Figures, share};
use crate::query::{Measure, ValueReport};
use crate::report::prepared::{Answered, Outcome};
use crate::report::{Prepared, Question, active};
use crate::scan::{BucketOperator, ByBucket, Gather, Selector, Step, Tally, kernels};

/// Events, or events per user, where totals and who was there tell. `None` where rows have to be
/// read.
pub(super) fn prepare<'a>(question: &Question<'a>, value: &ValueReport) -> Option<Prepared<'a>> {
    let ValueReport { event, measure, .. } = value;
    let measure = *measure;
    if question.groups.is_some() || !question.plan.native || !event.conditions().is_empty() {
        return None;
    }
    match measure {
        Measure::Events if question.plan.users.is_none() => {
            let events: Vec<u64> = totals(question, event).map(|(events, _)| events).collect();
            Some(Prepared::new(None, move |question, _| Ok(columns(question.counts(&events)))))
        }
        Measure::EventsPerUser if question.plan.users.is_none() => {
            Some(per_active_user(question, event))
        }
        Measure::Events | Measure::EventsPerUser => Some(of_a_set(question, event, measure)),
        Measure::Sum | Measure::Mean | Measure::Min | Measure::Max => of_amounts(question, value),
        _ => None,
    }
}

/// From the totals of sections. What is damaged there is met again by who reads the rows.
fn of_amounts<'a>(question: &Question<'a>, value: &ValueReport) -> Option<Prepared<'a>> {
    let ValueReport { event, measure, property, .. } = value;
    let (measure, property) = (*measure, property.as_deref()?);
    if question.plan.users.is_some() {
        return None;
    }
    let mut cells = Vec::with_capacity(question.plan.buckets.len());
    for bucket in &question.plan.buckets {
        let mut amounts = Amounts::default();
        for day in question.snapshot.days_in(bucket.start, bucket.end) {
            amounts.merge(&day.amounts(event.names(), property).ok()??);
        }
        cells.push(Cell::of(measure, amounts));
    }
    Some(Prepared::new(None, move |question, _| {
        let figures = cells.into_iter().map(|mut cell| cell.figure(measure));
        let figures: Vec<_> = figures.collect::<Result<_>>()?;
        let begun = question.begun(|bucket| figures.get(bucket).copied().flatten());
        Ok(columns(column(measure, begun)))
    }))
}

fn columns(value: Column) -> Figures {
    Figures::Columns(vec![("value", value)])
}

fn per_user(question: &Question<'_>, events: &[u64], users: &[u64]) -> Column {
    Column::Ratios(question.begun(|bucket| share(*events.get(bucket)?, *users.get(bucket)?)))
}

/// The events of each bucket, and those of nobody among them, from totals alone.
fn totals(question: &Question<'_>, event: &Selector) -> impl Iterator<Item = (u64, u64)> {
    question.plan.buckets.iter().map(|bucket| {
        let days = question.snapshot.days_in(bucket.start, bucket.end).iter();
        let rows = days.map(|day| day.rows(event.names()));
        rows.fold((0, 0), |(all, nobody), (rows, without)| (all + rows, nobody + without))
    })
}

fn per_active_user<'a>(question: &Question<'a>, event: &Selector) -> Prepared<'a> {
    let events: Vec<u64> = totals(question, event).map(|(all, nobody)| all - nobody).collect();
    let Prepared { bits, rows, figures } = active::prepare(question, event, None);
    let figures = move |question: &Question<'a>, outcome: Outcome| -> Result<Vec<Answered>> {
        let mut answered = figures(question, outcome)?;
        for one in &mut answered {
            if let Figures::Columns(active) = &one.figures
                && let Some((_, Column::Counts(users))) = active.first()
            {
                let users: Vec<u64> = users.iter().map(|users| users.unwrap_or(0)).collect();
                one.figures = columns(per_user(question, &events, &users));
            }
        }
        Ok(answered)
    };
    Prepared { bits, rows, figures: Box::new(figures) }
}

/// Sums: the events of each bucket, then the users of each.
fn of_a_set<'a>(question: &Question<'a>, event: &Selector, measure: Measure) -> Prepared<'a> {
    let (edges, buckets) = (question.edges(), question.plan.buckets.len());
    let input = question.input(event, question.plan.from_tick, question.plan.to_tick);
    let job = question.job(vec![input], 2 * buckets, move |_| {
        let operator = Rows { users: Gather::presence(0), events: 0, offset: buckets };
        Box::new(ByBucket::new(edges.clone(), operator))
    });
    Prepared::new(job, move |question, tally| {
        let (events, users) = tally.sums.split_at(buckets.min(tally.sums.len()));
        Ok(columns(match measure {
            Measure::Events => question.counts(events),
            _ => per_user(question, events, users),
        }))
    })
}

/// Counts rows and users bucket by bucket.
struct Rows {
    users: Gather,
    events: u64,
    /// Where the users' sums begin.
    offset: usize,
}

impl BucketOperator for Rows {
    fn collect(&mut self, step: &Step<'_>, _: Option<usize>, _: &mut Tally) -> Result<()> {
        step.counts(0, &mut |_, rows| self.events += u64::from(rows))?;
        self.users.day(step)
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        tally.add(bucket, std::mem::take(&mut self.events));
        let users = self.users.take().map_or(0, |users| kernels::count(users));
        tally.add(self.offset + bucket, users);
        Ok(())
    }
}

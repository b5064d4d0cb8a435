//! `stickiness`: the mean of the daily actives over a window, by the actives of the window.
//!
//! By hour, the days of a window are the stretches of 24 hours counted back from the hour's end.

use super::active::{Calendar, Trailing, window_edges};
use super::{Prepared, Question, share};
use crate::error::Result;
use crate::query::answer::{Column, Figures};
use crate::query::plan::Span;
use crate::scan::{BucketOperator, ByBucket, Cut, Edges, Operator, Selector, Step, Tally};
use crate::time::Tick;
use std::ops::Range;

/// Ticks of one stretch, of a window by the hour.
const STRETCH: Tick = 24;

/// Sums: the window's users per bucket, then those of each day, or stretch, from the first on.
pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    trailing: Option<u32>,
) -> Prepared<'a> {
    let by_hour = question.plan.axis.is_hours();
    let trailing = trailing.map(|days| question.plan.ticks(days));
    let (edges, first) = window_edges(question, trailing);
    let (buckets, to) = (question.plan.buckets.len(), question.plan.to_tick);
    let daily = usize::try_from(to.saturating_sub(first)).unwrap_or(0);
    let input = question.input(event, first, to);
    let cut = Cut { edges: edges.clone(), reach: trailing.unwrap_or(0) };
    let operator = move |share: Range<usize>| -> Box<dyn Operator> {
        let edges = edges.clone();
        // The days before the first bucket count, those before another share count there.
        let daily = (buckets, first, share.start == 0);
        match trailing {
            None => Box::new(ByBucket::some(edges, share, Daily::new(daily, Calendar::new()))),
            Some(ticks) if by_hour => Box::new(Hourly::new(edges, ticks, (first, to))),
            Some(ticks) => {
                let window = Trailing::new(edges.clone(), ticks);
                Box::new(ByBucket::some(edges, share, Daily::new(daily, window)))
            }
        }
    };
    let job = question.job_by_bucket(vec![input], buckets + daily, cut, operator);
    let figures = move |question: &Question<'_>, tally: Tally| {
        let (users, daily) = tally.sums.split_at(buckets);
        let mean = |bucket: &Span| match by_hour {
            true => mean_of_stretches(question, bucket, trailing, first, daily),
            false => mean_of_days(question, bucket, trailing, first, daily),
        };
        Ok(Figures::Columns(columns(question, users, mean)))
    };
    Prepared::new(job, figures)
}

fn columns(
    question: &Question<'_>,
    users: &[u64],
    mean: impl Fn(&Span) -> Option<f64>,
) -> Vec<(&'static str, Column)> {
    let mean = |place: usize| mean(question.plan.buckets.get(place)?);
    let ratio = |place: usize| {
        let users = users.get(place).copied().filter(|users| *users > 0)?;
        Some(mean(place)? / users as f64)
    };
    vec![
        ("ratio", Column::Ratios(question.begun(ratio))),
        ("mean_daily", Column::Ratios(question.begun(mean))),
        ("trailing_users", question.counts(users)),
    ]
}

/// Ticks that count: from the first event ever to the last one that has ended by `as_of`; a day in
/// progress would pull the mean down, so it is left out, as from every average.
fn known_ticks(question: &Question<'_>) -> (Tick, Tick) {
    let plan = &question.plan;
    (plan.first_tick.unwrap_or(plan.open_tick), plan.open_tick)
}

fn mean_of_days(
    question: &Question<'_>,
    bucket: &Span,
    trailing: Option<Tick>,
    first: Tick,
    daily: &[u64],
) -> Option<f64> {
    let known = known_ticks(question);
    let start = trailing.map_or(bucket.start, |days| bucket.end - days).max(known.0);
    let end = bucket.end.min(known.1);
    let place = |day: Tick| usize::try_from(day.checked_sub(first)?).ok();
    let window = daily.get(place(start)?..place(end)?)?;
    share(window.iter().sum(), window.len() as u64)
}

/// `daily`: users of the stretches that end a tick after `first` and later.
fn mean_of_stretches(
    question: &Question<'_>,
    bucket: &Span,
    trailing: Option<Tick>,
    first: Tick,
    daily: &[u64],
) -> Option<f64> {
    let known = known_ticks(question);
    let stretches = trailing.unwrap_or(STRETCH) / STRETCH;
    let ends = (0..stretches).map(|stretch| bucket.end - stretch * STRETCH);
    let known = ends.filter(|end| known.0 < *end && *end <= known.1);
    let (mut users, mut count) = (0, 0);
    for end in known {
        let place = usize::try_from(end.checked_sub(first)?.checked_sub(1)?).ok()?;
        users += daily.get(place)?;
        count += 1;
    }
    share(users, count)
}

/// Counts the windows of the buckets, and the stretch that ends with each tick.
struct Hourly {
    windows: ByBucket<Trailing>,
    stretches: ByBucket<Trailing>,
}

impl Hourly {
    fn new(edges: Edges, ticks: Tick, (first, to): (Tick, Tick)) -> Hourly {
        let buckets = edges.len().saturating_sub(1);
        let every: Edges = (first..=to).collect();
        let stretches = Trailing::new(every.clone(), STRETCH).into_sums(buckets);
        Hourly {
            windows: ByBucket::new(edges.clone(), Trailing::new(edges, ticks)),
            stretches: ByBucket::new(every, stretches),
        }
    }
}

impl Operator for Hourly {
    fn day(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<()> {
        self.windows.day(step, tally)?;
        self.stretches.day(step, tally)
    }

    fn finish(&mut self, tally: &mut Tally) -> Result<()> {
        self.windows.finish(tally)?;
        self.stretches.finish(tally)
    }
}

/// Counts each day on its own beside what another operator counts.
struct Daily<T> {
    /// Place of the first day's sum.
    offset: usize,
    first: Tick,
    /// Days before its buckets count too.
    early: bool,
    window: T,
}

impl<T> Daily<T> {
    fn new((offset, first, early): (usize, Tick, bool), window: T) -> Daily<T> {
        Daily { offset, first, early, window }
    }
}

impl<T: BucketOperator> BucketOperator for Daily<T> {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, tally: &mut Tally) -> Result<()> {
        let users = step.users(0).filter(|_| bucket.is_some() || self.early);
        if let (Some(users), Ok(day)) = (users, usize::try_from(step.day - self.first)) {
            tally.add(self.offset + day, users.count());
        }
        self.window.collect(step, bucket, tally)
    }

    fn close(&mut self, bucket: usize, next: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        self.window.close(bucket, next, tally)
    }
}

//! `stickiness`: the mean of the daily actives over a window, by the actives of the window.

use super::active::{Calendar, Trailing, window_edges};
use super::{Prepared, Question, days, share};
use crate::error::Result;
use crate::query::answer::{Column, Figures};
use crate::query::plan::Span;
use crate::scan::{BucketOperator, ByBucket, Operator, Selector, Step, Tally, kernels};
use crate::time::Day;

/// Sums: the window's users per bucket, then the daily actives from `first` on.
pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    trailing: Option<u32>,
) -> Prepared<'a> {
    let (edges, first) = window_edges(question, trailing);
    let buckets = question.plan.buckets.len();
    let daily = usize::try_from(question.plan.to.saturating_sub(first)).unwrap_or(0);
    let input = question.input(event, first, question.plan.to);
    let job = question.job(vec![input], buckets + daily, move |_| -> Box<dyn Operator> {
        let edges = edges.clone();
        match trailing.map(days) {
            None => Box::new(ByBucket::new(edges, Daily::new(buckets, first, Calendar::new()))),
            Some(days) => {
                let window = Trailing::new(edges.clone(), days);
                Box::new(ByBucket::new(edges, Daily::new(buckets, first, window)))
            }
        }
    });
    let figures = move |question: &Question<'_>, tally: Tally| {
        let (users, daily) = tally.sums.split_at(buckets);
        Ok(Figures::Columns(columns(question, trailing.map(days), users, (first, daily))))
    };
    Prepared::new(job, figures)
}

fn columns(
    question: &Question<'_>,
    trailing: Option<Day>,
    users: &[u64],
    (first, daily): (Day, &[u64]),
) -> Vec<(&'static str, Column)> {
    let known = known_days(question);
    let mean = |place: usize| mean(&question.plan.buckets[place], trailing, known, first, daily);
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

/// Days that count: from the first event ever to the last day that has ended by `as_of`; a day in
/// progress would pull the mean down, so it is left out, as from every average.
fn known_days(question: &Question<'_>) -> (Day, Day) {
    let plan = &question.plan;
    (plan.first_day.unwrap_or(plan.reach.complete), plan.reach.complete)
}

fn mean(
    bucket: &Span,
    trailing: Option<Day>,
    known: (Day, Day),
    first: Day,
    daily: &[u64],
) -> Option<f64> {
    let start = trailing.map_or(bucket.start, |days| bucket.end - days).max(known.0);
    let end = bucket.end.min(known.1);
    let place = |day: Day| usize::try_from(day.checked_sub(first)?).ok();
    let window = daily.get(place(start)?..place(end)?)?;
    share(window.iter().sum(), window.len() as u64)
}

/// Counts each day on its own beside what another operator counts.
struct Daily<T> {
    /// Place of the first day's sum.
    offset: usize,
    first: Day,
    window: T,
}

impl<T> Daily<T> {
    fn new(offset: usize, first: Day, window: T) -> Daily<T> {
        Daily { offset, first, window }
    }
}

impl<T: BucketOperator> BucketOperator for Daily<T> {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, tally: &mut Tally) -> Result<()> {
        if let (Some(bits), Ok(day)) = (step.users(0), usize::try_from(step.day - self.first)) {
            tally.add(self.offset + day, kernels::count(bits));
        }
        self.window.collect(step, bucket, tally)
    }

    fn close(&mut self, bucket: usize, next: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        self.window.close(bucket, next, tally)
    }
}

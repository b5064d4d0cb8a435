//! Reports: one file each, with its operator and its answer.
//!
//! A report prepares a job for the scan and a way to turn what was counted into figures; all
//! queries of a call share one scan.

mod active;
mod count;
mod frequency;
mod growth;
mod retention;
mod states;
mod stickiness;
#[cfg(test)]
mod tests;
mod users;

use crate::error::Result;
use crate::query::answer::{Answer, BucketInfo, Column, Figures, Series, share};
use crate::query::plan::Plan;
use crate::query::{Query, Report};
use crate::scan::{Edges, Input, Job, Selector, Tally, scan};
use crate::snapshot::{Snapshot, SnapshotInner};
use crate::time::{self, Day};
use std::collections::BTreeMap;
use std::time::Instant;

/// A query, its plan, and what it is asked of.
struct Question<'a> {
    query: &'a Query,
    plan: Plan,
    snapshot: &'a SnapshotInner,
}

/// A report made ready: what to scan, and how to read what was counted.
struct Prepared<'a> {
    /// `None`: totals alone answer it.
    job: Option<Job<'a>>,
    figures: Box<ToFigures<'a>>,
}

/// Turns what was counted into figures.
type ToFigures<'a> = dyn FnOnce(&Question<'a>, Tally) -> Result<Figures> + 'a;

impl<'a> Prepared<'a> {
    fn new(
        job: impl Into<Option<Job<'a>>>,
        figures: impl FnOnce(&Question<'a>, Tally) -> Result<Figures> + 'a,
    ) -> Prepared<'a> {
        Prepared { job: job.into(), figures: Box::new(figures) }
    }
}

impl Snapshot {
    /// Answers one query.
    ///
    /// # Errors
    /// `Input` and `Unsupported` for a query that makes no sense or no answer yet, `Limit` for one
    /// that is too large, `Corruption` and `Io` where the files fail; never a wrong figure.
    pub fn query(&self, query: &Query) -> Result<Answer> {
        let started = Instant::now();
        let (question, prepared) = self.prepare(query)?;
        let Prepared { job, figures } = prepared;
        let tally = scan(&self.inner, job.as_slice())?.pop().unwrap_or_default();
        let figures = figures(&question, tally)?;
        Ok(question.answer(figures, started))
    }

    /// Answers several queries with one scan. Each answer equals what it would be alone, and a
    /// query that fails has its error in its place.
    pub fn query_many(&self, queries: &[Query]) -> Vec<Result<Answer>> {
        let started = Instant::now();
        let prepared: Vec<_> = queries.iter().map(|query| self.prepare(query)).collect();
        let (mut jobs, mut rest) = (Vec::new(), Vec::new());
        for prepared in prepared {
            rest.push(prepared.map(|(question, Prepared { job, figures })| {
                let scanned = job.is_some();
                jobs.extend(job);
                (question, scanned, figures)
            }));
        }
        // Damage in what one query reads must not fail the others: then each goes alone.
        let Ok(tallies) = scan(&self.inner, &jobs) else {
            return queries.iter().map(|query| self.query(query)).collect();
        };
        let mut tallies = tallies.into_iter();
        let answers = rest.into_iter().map(|prepared| {
            let (question, scanned, figures) = prepared?;
            let tally = if scanned { tallies.next() } else { None };
            let figures = figures(&question, tally.unwrap_or_default())?;
            Ok(question.answer(figures, started))
        });
        answers.collect()
    }

    fn prepare<'a>(&'a self, query: &'a Query) -> Result<(Question<'a>, Prepared<'a>)> {
        let snapshot = &*self.inner;
        let plan = Plan::new(query, snapshot, time::now())?;
        let question = Question { query, plan, snapshot };
        let prepared = question.prepare();
        Ok((question, prepared))
    }
}

impl<'a> Question<'a> {
    fn prepare(&self) -> Prepared<'a> {
        match &self.query.report {
            Report::Active { event, trailing } => active::prepare(self, event, *trailing),
            Report::Frequency { event, at_least, at_most, .. } => {
                frequency::prepare(self, event, *at_least, *at_most)
            }
            Report::Stickiness { event, trailing } => stickiness::prepare(self, event, *trailing),
            Report::Growth { event, gap, trailing, new_means_any } => {
                growth::prepare(self, event, *gap, *trailing, *new_means_any)
            }
            Report::States { event, week, month } => states::prepare(self, event, *week, *month),
            Report::Retention(retention) => retention::prepare(self, retention),
            Report::Count => count::prepare(self),
            Report::Users { limit, after } => users::prepare(self, *limit, after.as_deref()),
        }
    }

    /// A job of this query over the selector's days of `[from, to)`.
    fn job(
        &self,
        inputs: Vec<Input>,
        sums: usize,
        operator: impl Fn(u32) -> Box<dyn crate::scan::Operator> + Send + Sync + 'a,
    ) -> Job<'a> {
        Job { inputs, users: self.query.users.as_ref(), sums, operator: Box::new(operator) }
    }

    fn input(&self, selector: &Selector, from: Day, to: Day) -> Input {
        Input { selector: selector.clone(), from, to }
    }

    /// Where the range's buckets lie.
    fn edges(&self) -> Edges {
        let buckets = &self.plan.buckets;
        let ends = buckets.iter().map(|bucket| bucket.end);
        buckets.first().map(|bucket| bucket.start).into_iter().chain(ends).collect()
    }

    /// A value per bucket, null where the bucket has not begun.
    fn begun<T>(&self, value: impl Fn(usize) -> Option<T>) -> Vec<Option<T>> {
        let buckets = self.plan.buckets.iter().enumerate();
        buckets.map(|(place, bucket)| if bucket.begun { value(place) } else { None }).collect()
    }

    /// A column of counts, null where the bucket has not begun.
    fn counts(&self, sums: &[u64]) -> Column {
        Column::Counts(self.begun(|bucket| sums.get(bucket).copied()))
    }

    fn answer(self, figures: Figures, started: Instant) -> Answer {
        let by_bucket = matches!(figures, Figures::Columns(_));
        let spans = if by_bucket { self.plan.buckets } else { Vec::new() };
        let bucket = |span: &crate::query::plan::Span| BucketInfo {
            start: time::date_of(span.start),
            complete: span.complete,
        };
        let buckets = spans.iter().map(bucket).collect();
        let mut info = self.plan.info;
        info.elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        let series = vec![Series { key: BTreeMap::new(), figures }];
        Answer { report: self.query.report.name(), info, buckets, series }
    }
}

/// Days as a calendar offset; `limits` keeps windows far below the bounds of a day number.
fn days(count: u32) -> Day {
    Day::try_from(count).unwrap_or(Day::MAX / 4)
}

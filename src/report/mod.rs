//! Reports: one file each, with its operator and its answer.
//!
//! A report prepares a job for the scan and a way to turn what was counted into figures; all
//! queries of a call share one scan.

mod active;
mod count;
mod frequency;
mod growth;
mod prepared;
mod rank;
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
use crate::scan::{Edges, Groups, Input, Job, Selector, Tally, scan};
use crate::snapshot::{Snapshot, SnapshotInner};
use crate::time::{self, Day};
use prepared::{Answered, Instants, Outcome, Prepared};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A query, its plan, and what it is asked of.
struct Question<'a> {
    query: &'a Query,
    plan: Plan,
    snapshot: &'a SnapshotInner,
    /// The groups of the breakdown, ranked once the reports are made ready.
    groups: Option<Arc<Groups>>,
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
        let Prepared { bits, rows, figures } = prepared;
        let tallies = scan(&self.inner, &bits)?;
        let _ = rows;
        let answered = figures(&question, Outcome { tallies, rows: Vec::new() })?;
        Ok(question.answer(answered, started))
    }

    /// Answers several queries with one scan. Each answer equals what it would be alone, and a
    /// query that fails has its error in its place.
    pub fn query_many(&self, queries: &[Query]) -> Vec<Result<Answer>> {
        let started = Instant::now();
        let prepared: Vec<_> = queries.iter().map(|query| self.prepare(query)).collect();
        let (mut jobs, mut rest) = (Vec::new(), Vec::new());
        for prepared in prepared {
            rest.push(prepared.map(|(question, Prepared { bits, figures, .. })| {
                let scanned = bits.len();
                jobs.extend(bits);
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
            let tallies = tallies.by_ref().take(scanned).collect();
            let answered = figures(&question, Outcome { tallies, rows: Vec::new() })?;
            Ok(question.answer(answered, started))
        });
        answers.collect()
    }

    fn prepare<'a>(&'a self, query: &'a Query) -> Result<(Question<'a>, Prepared<'a>)> {
        let snapshot = &*self.inner;
        let plan = Plan::new(query, snapshot, time::now())?;
        let question = Question { query, plan, snapshot, groups: None };
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

    /// Groups of the answer; 1 without a breakdown.
    fn slots(&self) -> usize {
        self.groups.as_ref().map_or(1, |groups| groups.slots())
    }

    /// Where the range's buckets lie in time.
    fn instants(&self) -> Instants {
        let start = |day| self.snapshot.calendar.span(day).start;
        Instants::new(self.edges().iter().map(|&day| start(day)).collect())
    }

    fn answer(self, answered: Vec<Answered>, started: Instant) -> Answer {
        let by_bucket = answered.iter().any(|one| matches!(one.figures, Figures::Columns(_)));
        let spans = if by_bucket { self.plan.buckets } else { Vec::new() };
        let bucket = |span: &crate::query::plan::Span| BucketInfo {
            start: time::date_of(span.start),
            complete: span.complete,
        };
        let buckets = spans.iter().map(bucket).collect();
        let mut info = self.plan.info;
        info.elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        let series = answered.into_iter();
        let series =
            series.map(|one| Series { key: BTreeMap::new(), figures: one.figures }).collect();
        Answer { report: self.query.report.name(), info, buckets, series }
    }
}

/// Days as a calendar offset; `limits` keeps windows far below the bounds of a day number.
fn days(count: u32) -> Day {
    Day::try_from(count).unwrap_or(Day::MAX / 4)
}

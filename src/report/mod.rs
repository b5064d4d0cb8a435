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

use crate::error::{Error, Result};
use crate::event::Value;
use crate::query::answer::{Answer, BucketInfo, Column, Figures, Series, share};
use crate::query::plan::Plan;
use crate::query::{Person, Query, Report, Retention};
use crate::scan::{Edges, Groups, Input, Job, Selector, scan};
use crate::snapshot::{Snapshot, SnapshotInner};
use crate::time::{self, Day};
use prepared::{Answered, Instants, Outcome, Prepared};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The name of a feature in the key of `adoption`.
const FEATURE: &str = "feature";
/// The key of the group of all that a breakdown does not keep.
const OTHER: &str = "other";

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
        let question = self.question(query)?;
        let Prepared { bits, rows, figures } = question.prepare()?;
        let tallies = scan(&self.inner, &bits)?;
        let _ = rows;
        let answered = figures(&question, Outcome { tallies, rows: Vec::new() })?;
        Ok(question.answer(answered, started))
    }

    /// Answers several queries with one scan. Each answer equals what it would be alone, and a
    /// query that fails has its error in its place.
    pub fn query_many(&self, queries: &[Query]) -> Vec<Result<Answer>> {
        let started = Instant::now();
        let questions: Vec<_> = queries.iter().map(|query| self.question(query)).collect();
        let (mut jobs, mut rest) = (Vec::new(), Vec::new());
        for question in questions.iter().flatten() {
            let prepared = question.prepare().map(|Prepared { bits, figures, .. }| {
                let scanned = bits.len();
                jobs.extend(bits);
                (scanned, figures)
            });
            rest.push((question, prepared));
        }
        // Damage in what one query reads must not fail the others: then each goes alone.
        let Ok(tallies) = scan(&self.inner, &jobs) else {
            return queries.iter().map(|query| self.query(query)).collect();
        };
        let mut tallies = tallies.into_iter();
        let answers = rest.into_iter().map(|(question, prepared)| {
            let (scanned, figures) = prepared?;
            let tallies = tallies.by_ref().take(scanned).collect();
            let answered = figures(question, Outcome { tallies, rows: Vec::new() })?;
            Ok(question.answer(answered, started))
        });
        let answers: Vec<Result<Answer>> = answers.collect();
        drop(jobs);
        in_place(questions, answers)
    }

    fn question<'a>(&'a self, query: &'a Query) -> Result<Question<'a>> {
        let snapshot = &*self.inner;
        let plan = Plan::new(query, snapshot, time::now())?;
        Ok(Question { query, plan, snapshot, groups: None })
    }
}

/// The answers to the questions that could be asked, and the errors of the others between them.
fn in_place(
    questions: Vec<Result<Question<'_>>>,
    answers: Vec<Result<Answer>>,
) -> Vec<Result<Answer>> {
    let mut answers = answers.into_iter();
    let answer = |question: Result<Question<'_>>| match question {
        Ok(_) => answers.next(),
        Err(error) => Some(Err(error)),
    };
    questions.into_iter().filter_map(answer).collect()
}

impl<'a> Question<'a> {
    fn prepare(&'a self) -> Result<Prepared<'a>> {
        let report = &self.query.report;
        if !self.query.breakdown.is_empty() {
            return Err(later(report, "`breakdown`"));
        }
        Ok(match report {
            Report::Active { event, trailing } => active::prepare(self, event, *trailing),
            Report::Frequency { event, at_least, at_most, .. } => {
                frequency::prepare(self, event, *at_least, *at_most)
            }
            Report::Stickiness { event, trailing } => stickiness::prepare(self, event, *trailing),
            Report::Growth { property: Some(_), .. } => return Err(later(report, "`property`")),
            Report::Growth { event, gap, trailing, new_means_any, .. } => {
                growth::prepare(self, event, *gap, *trailing, *new_means_any)
            }
            Report::States { event, week, month } => states::prepare(self, event, *week, *month),
            Report::Retention(Retention { elapsed: true, .. }) => {
                return Err(later(report, "`window: elapsed`"));
            }
            Report::Retention(Retention { property: Some(_), .. }) => {
                return Err(later(report, "`property`"));
            }
            Report::Retention(retention) => retention::prepare(self, retention),
            Report::Funnel(_)
            | Report::Paths(_)
            | Report::Sessions { .. }
            | Report::Value(_)
            | Report::Balance { .. }
            | Report::Survey(_)
            | Report::Adoption { .. } => return Err(later(report, "this report")),
            Report::Count => count::prepare(self),
            Report::Users { person, .. } if *person != Person::default() => {
                return Err(later(report, "a column of `with`"));
            }
            Report::Users { limit, after, .. } => users::prepare(self, *limit, after.as_deref()),
        })
    }

    /// A job of this query over the selector's days of `[from, to)`.
    fn job(
        &'a self,
        inputs: Vec<Input>,
        sums: usize,
        operator: impl Fn(u32) -> Box<dyn crate::scan::Operator> + Send + Sync + 'a,
    ) -> Job<'a> {
        Job { inputs, users: self.plan.users.as_deref(), sums, operator: Box::new(operator) }
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

    fn answer(&self, answered: Vec<Answered>, started: Instant) -> Answer {
        let by_bucket =
            |one: &Answered| matches!(one.figures, Figures::Columns(_) | Figures::Funnel { .. });
        let by_bucket = answered.iter().any(by_bucket);
        let spans = if by_bucket { self.plan.buckets.as_slice() } else { &[] };
        let bucket = |span: &crate::query::plan::Span| BucketInfo {
            start: time::date_of(span.start).into(),
            complete: span.complete,
        };
        let buckets = spans.iter().map(bucket).collect();
        let mut info = self.plan.info.clone();
        info.elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        let feature = answered.iter().any(|one| one.feature.is_some()).then(|| FEATURE.to_owned());
        let keys = feature.into_iter().chain(self.query.breakdown.iter().cloned()).collect();
        let series = answered.into_iter().map(|one| self.series(one)).collect();
        Answer { report: self.query.report.name(), info, buckets, keys, series }
    }

    fn series(&self, one: Answered) -> Series {
        let text = |feature: String| (FEATURE.to_owned(), Some(Value::Text(feature)));
        let mut key: BTreeMap<String, Option<Value>> = one.feature.map(text).into_iter().collect();
        if let Some(groups) = &self.groups {
            match groups.key(one.slot) {
                Some(values) => key.extend(groups.properties.iter().cloned().zip(values)),
                None => key.extend([(OTHER.to_owned(), Some(Value::Bool(true)))]),
            }
        }
        Series { key, figures: one.figures }
    }
}

/// The error for what no report answers yet.
fn later(report: &Report, what: &str) -> Error {
    Error::unsupported(format!("`{}`: {what} is not supported yet", report.name()))
}

/// Days as a calendar offset; `limits` keeps windows far below the bounds of a day number.
fn days(count: u32) -> Day {
    Day::try_from(count).unwrap_or(Day::MAX / 4)
}

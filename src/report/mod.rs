//! Reports: one file each, with its operator and its answer.
//!
//! A report prepares jobs for the scan and a way to turn what was counted into figures; all queries
//! of a call share one scan. A breakdown takes a scan before it, which ranks its groups.

mod active;
mod adoption;
mod balance;
mod cells;
mod columns;
mod count;
mod durations;
mod frequency;
mod funnel;
mod growth;
mod many;
mod movements;
mod partial;
mod paths;
mod prepared;
mod rank;
mod retention;
mod room;
mod sessions;
mod states;
mod stickiness;
mod survey;
#[cfg(test)]
mod tests;
mod users;
mod value;

use crate::error::{Error, ErrorKind, Result};
use crate::event::Value;
use crate::limits::{ANSWER_CELLS_MAX, TOP_DEFAULT};
use crate::query::answer::{Answer, BucketInfo, Column, FEATURE, Series, share};
use crate::query::plan::Plan;
use crate::query::table::OTHER;
use crate::query::{Measure, Query, Report};
use crate::scan::{
    Counted, Cut, Edges, Groups, Input, Job, MakeOperator, Numbering, Operator, RowJob, Selector,
    Share, Tell, scan, scan_telling,
};
use crate::snapshot::{Snapshot, SnapshotInner};
use crate::time::{self, Micros, Tick};
use prepared::{Answered, Instants, Outcome, Prepared};
use rank::Ranking;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// A query, its plan, and what it is asked of.
#[derive(Clone)]
struct Question<'a> {
    query: &'a Query,
    plan: Plan,
    snapshot: &'a SnapshotInner,
    /// The groups of the breakdown, ranked before the report is made ready.
    groups: Option<Arc<Groups>>,
    /// The group that a report on presence is made ready for, one after the other.
    slot: usize,
}

impl Snapshot {
    /// Answers one query.
    ///
    /// # Errors
    /// `Input` and `Unsupported` for a query that makes no sense or no answer yet, `Limit` for one
    /// that is too large, `Corruption` and `Io` where the files fail; never a wrong figure.
    pub fn query(&self, query: &Query) -> Result<Answer> {
        let now = time::now();
        let answer = self.alone(query, now);
        answer.or_else(|error| self.rescue(query, now, error))
    }

    fn alone(&self, query: &Query, now: Micros) -> Result<Answer> {
        let started = Instant::now();
        let question = self.question(query, now, &mut Vec::new())?;
        self.rank(std::slice::from_ref(&question), &|_, _| Ok(()))?;
        let Prepared { bits, rows, figures } = question.prepare_all()?;
        let scanned = scan(&self.inner, &bits, &rows, &[])?;
        let outcome = Outcome { tallies: scanned.tallies, rows: scanned.rows };
        let answered = figures(&question, outcome)?;
        question.answer(answered, started)
    }

    /// `numberings`: of the breakdowns of the call so far.
    fn question<'a>(
        &'a self,
        query: &'a Query,
        now: Micros,
        numberings: &mut Vec<Arc<Numbering>>,
    ) -> Result<Question<'a>> {
        let snapshot = &*self.inner;
        let plan = Plan::new(query, snapshot.whole(), now)?;
        let mut groups = None;
        if !query.breakdown.is_empty() {
            let known = numberings.iter().find(|known| known.properties == query.breakdown);
            let numbering = known.cloned().unwrap_or_else(|| {
                numberings.push(Numbering::new(query.breakdown.clone()));
                numberings[numberings.len() - 1].clone()
            });
            groups = Some(Arc::new(Groups::new(numbering)));
        }
        Ok(Question { query, plan, snapshot, groups, slot: 0 })
    }

    /// Ranks the groups of every breakdown, all in one scan.
    fn rank(&self, questions: &[Question<'_>], tell: &Tell<'_>) -> Result<()> {
        let (mut sizes, mut rows, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        for question in questions {
            let Some(groups) = &question.groups else { continue };
            let top = question.query.top.unwrap_or(TOP_DEFAULT) as usize;
            ranks.push((
                groups,
                top,
                match question.ranking()? {
                    Ranking::Sizes(job) => {
                        sizes.push(job);
                        None
                    }
                    Ranking::Rows(job, rank) => {
                        rows.push(job);
                        Some(rank)
                    }
                },
            ));
        }
        if ranks.is_empty() {
            return Ok(());
        }
        let scanned = scan_telling(&self.inner, (&[], &rows, &sizes), tell)?;
        let (mut sizes, mut rows) = (scanned.sizes.into_iter(), scanned.rows.into_iter());
        for (groups, top, rank) in ranks {
            match rank {
                None => rank::rank_by_users(groups, top, sizes.next().unwrap_or_default()),
                Some(rank) => rows.next().map_or(Ok(()), |counted| rank(groups, top, counted))?,
            }
        }
        Ok(())
    }
}

impl<'a> Question<'a> {
    /// The report made ready for all groups of its breakdown.
    fn prepare_all(&self) -> Result<Prepared<'a>> {
        self.check_cells(1)?;
        if self.groups.is_none() || self.reads_rows() {
            return self.prepare();
        }
        let slots = (0..self.slots()).map(|slot| Question { slot, ..self.clone() }.prepare());
        Ok(Prepared::joined(slots.collect::<Result<_>>()?))
    }

    /// Whether the report is made ready once for all groups, as those on rows are, not for each.
    fn reads_rows(&self) -> bool {
        match &self.query.report {
            Report::Active { .. }
            | Report::Frequency { .. }
            | Report::Stickiness { .. }
            | Report::States { .. }
            | Report::Adoption { .. }
            | Report::Growth { property: None, .. } => false,
            Report::Value(value) => value.measure != Measure::Users,
            _ => true,
        }
    }

    fn prepare(&self) -> Result<Prepared<'a>> {
        let report = &self.query.report;
        Ok(match report {
            Report::Active { event, trailing } => active::prepare(self, event, *trailing),
            Report::Frequency { event, at_least, at_most, .. } => {
                frequency::prepare(self, event, *at_least, *at_most)
            }
            Report::Stickiness { event, trailing } => stickiness::prepare(self, event, *trailing),
            Report::Growth { event, property: Some(property), trailing, new_means_any, .. } => {
                growth::amounts::prepare(self, event, property, *trailing, *new_means_any)
            }
            Report::Growth { event, gap, trailing, new_means_any, .. } => {
                growth::prepare(self, event, *gap, *trailing, *new_means_any)
            }
            Report::States { event, week, month } => states::prepare(self, event, *week, *month),
            Report::Retention(retention) => retention::prepare(self, retention)?,
            Report::Funnel(spec) => funnel::prepare(self, spec)?,
            Report::Paths(paths) => paths::prepare(self, paths),
            Report::Sessions { event, gap_us, duration_edges_us } => {
                sessions::prepare(self, event, *gap_us, duration_edges_us)?
            }
            Report::Value(value) => value::prepare(self, value),
            Report::Balance { event, property } => balance::prepare(self, event, property),
            Report::Survey(survey) => survey::prepare(self, survey),
            Report::Adoption { features, k, among } => adoption::prepare(self, features, *k, among),
            Report::Count => count::prepare(self),
            Report::Users { limit, after, person } => {
                users::prepare(self, *limit, after.as_deref(), person)
            }
        })
    }

    /// How the groups of the breakdown are ranked: by the users of the report's event.
    fn ranking(&self) -> Result<Ranking<'a>> {
        let report = &self.query.report;
        Ok(match report {
            Report::Active { event, trailing } => active::ranking(self, event, *trailing),
            Report::Frequency { event, .. }
            | Report::Stickiness { event, .. }
            | Report::Growth { event, .. }
            | Report::States { event, .. } => Ranking::by_presence(self, event),
            Report::Adoption { among, .. } => Ranking::by_presence(self, among),
            Report::Value(value) => value::ranking(self, value),
            Report::Balance { event, property } => balance::ranking(self, event, property),
            Report::Survey(survey) => survey::ranking(self, survey),
            Report::Retention(retention) => retention::ranking(self, retention),
            Report::Funnel(spec) => funnel::ranking(self, spec),
            Report::Paths(paths) => paths::ranking(self, paths),
            Report::Sessions { event, gap_us, .. } => sessions::ranking(self, event, *gap_us),
            Report::Count | Report::Users { .. } => {
                let name = report.name();
                return Err(Error::input(format!(
                    "`{name}` takes no `breakdown`: it has no event"
                )));
            }
        })
    }

    /// A job of this query.
    fn job(
        &self,
        inputs: Vec<Input>,
        sums: usize,
        operator: impl Fn(u32) -> Box<dyn Operator> + Send + Sync + 'a,
    ) -> Job<'a> {
        self.job_of(inputs, sums, None, Box::new(move |share| operator(share.chunk)))
    }

    /// A job of this query that can be shared out by its buckets; its operator is for some of them.
    fn job_by_bucket(
        &self,
        inputs: Vec<Input>,
        sums: usize,
        cut: Cut,
        operator: impl Fn(Range<usize>) -> Box<dyn Operator> + Send + Sync + 'a,
    ) -> Job<'a> {
        let operator = Box::new(move |share: &Share| operator(share.buckets.clone()));
        self.job_of(inputs, sums, Some(cut), operator)
    }

    fn job_of(
        &self,
        inputs: Vec<Input>,
        sums: usize,
        cut: Option<Cut>,
        operator: MakeOperator<'a>,
    ) -> Job<'a> {
        Job {
            inputs,
            axis: (!self.plan.native).then(|| self.plan.axis.clone()),
            users: self.plan.users.clone(),
            counted: self.query.report.counts_events(),
            sums,
            cut,
            recipe: None,
            operator,
        }
    }

    /// The events of a selector in some ticks, those of the group at hand.
    fn input(&self, selector: &Selector, from: Tick, to: Tick) -> Input {
        let slot = self.groups.clone().map(|groups| (groups, self.slot));
        Input { selector: selector.clone(), from, to, seen_before: false, slot }
    }

    /// The events of a selector in some ticks, whatever their group.
    fn input_of_all(&self, selector: &Selector, from: Tick, to: Tick) -> Input {
        Input { selector: selector.clone(), from, to, seen_before: false, slot: None }
    }

    /// The first tick that a report needs by itself, beside who was seen before it: its first bucket
    /// starts there, or what the bucket looks back on, so many ticks before its end.
    fn looks_back(&self, ticks: Tick) -> Tick {
        let Some(first) = self.plan.buckets.first() else { return self.plan.from_tick };
        first.start.min(first.end.saturating_sub(ticks))
    }

    /// The numbers of the breakdown's groups.
    fn numbering(&self) -> Option<Arc<Numbering>> {
        self.groups.as_ref().map(|groups| Arc::clone(groups.numbering()))
    }

    /// Groups of the answer; 1 without a breakdown.
    fn slots(&self) -> usize {
        self.groups.as_ref().map_or(1, |groups| groups.slots())
    }

    /// Where the range's buckets lie, in ticks.
    fn edges(&self) -> Edges {
        let buckets = &self.plan.buckets;
        let ends = buckets.iter().map(|bucket| bucket.end);
        buckets.first().map(|bucket| bucket.start).into_iter().chain(ends).collect()
    }

    /// Where the range's buckets lie in time.
    fn instants(&self) -> Instants {
        Instants::new(self.edges().iter().map(|&tick| self.start_of(tick)).collect())
    }

    /// The first instant of a tick.
    fn start_of(&self, tick: Tick) -> Micros {
        self.plan.instant(tick)
    }

    /// Scans for one more job, where it turns out that a report needs it.
    fn scan_again(&self, job: RowJob<'a>) -> Result<Counted> {
        let mut rows = scan(self.snapshot, &[], &[job], &[])?.rows;
        rows.pop().ok_or_else(|| Error::input("a job was scanned without an answer"))
    }

    /// Refuses answers of too many figures. `of_each`: figures of one kind for each group and
    /// bucket.
    fn check_cells(&self, of_each: usize) -> Result<()> {
        let series = self.slots().saturating_mul(self.plan.buckets.len());
        let cells = series.saturating_mul(of_each);
        if cells <= ANSWER_CELLS_MAX {
            return Ok(());
        }
        let message = format!(
            "the answer has {cells} figures of a kind, at most {ANSWER_CELLS_MAX} are given: keep \
             fewer groups with `top`, take wider buckets with `by`, or a shorter range"
        );
        Err(Error::new(ErrorKind::Limit, message))
    }

    /// A value per bucket, null where the bucket has not begun.
    fn begun<T>(&self, mut value: impl FnMut(usize) -> Option<T>) -> Vec<Option<T>> {
        let buckets = self.plan.buckets.iter().enumerate();
        buckets.map(|(place, bucket)| if bucket.begun { value(place) } else { None }).collect()
    }

    /// A column of counts, null where the bucket has not begun.
    fn counts(&self, sums: &[u64]) -> Column {
        Column::Counts(self.begun(|bucket| sums.get(bucket).copied()))
    }

    fn answer(&self, answered: Vec<Answered>, started: Instant) -> Result<Answer> {
        let by_bucket = self.query.report.answers_by_bucket();
        let spans = if by_bucket { self.plan.buckets.as_slice() } else { &[] };
        let bucket = |span: &crate::query::plan::Span| BucketInfo {
            start: self.plan.bucket_start(span.start),
            complete: span.complete,
        };
        let buckets = spans.iter().map(bucket).collect();
        let mut info = self.plan.info.clone();
        info.warnings.extend(answered.iter().flat_map(|one| one.warnings.iter().cloned()));
        info.elapsed_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let report = &self.query.report;
        let feature = matches!(report, Report::Adoption { k: None, .. }).then_some(FEATURE);
        let properties = self.query.breakdown.iter().cloned();
        let keys = feature.map(str::to_owned).into_iter().chain(properties).collect();
        let grouped = self.groups.is_some();
        let columns = self.columns(&answered)?;
        let series = answered.into_iter().map(|one| self.series(one)).collect();
        Ok(Answer { report: report.name(), info, buckets, keys, grouped, columns, series })
    }

    fn series(&self, one: Answered) -> Series {
        let text = |feature: String| (FEATURE.to_owned(), Some(Value::Text(feature)));
        let mut key: BTreeMap<String, Option<Value>> = one.feature.map(text).into_iter().collect();
        let mut other = false;
        if let Some(groups) = &self.groups {
            match groups.key(one.slot) {
                Some(values) => key.extend(groups.properties().iter().cloned().zip(values)),
                None => other = true,
            }
        }
        if other {
            key.insert(OTHER.to_owned(), Some(Value::Bool(true)));
        }
        Series { key, other, figures: one.figures.plain() }
    }
}

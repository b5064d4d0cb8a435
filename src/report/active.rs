//! `active`: distinct users of a bucket, or of the days that end with it.

use super::rank::Ranking;
use super::{Prepared, Question};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::answer::Figures;
use crate::query::plan::Plan;
use crate::scan::{
    BucketOperator, ByBucket, Cut, Edges, Gather, Operator, Recipe, Selector, Step, Tally, Window,
};
use crate::time::{Bucket, Tick};
use std::ops::Range;

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    trailing: Option<u32>,
) -> Prepared<'a> {
    let totals = if trailing.is_none() { totals(question, event) } else { None };
    let job = totals.is_none().then(|| {
        let trailing = trailing.map(|days| question.plan.ticks(days));
        let (edges, from) = window_edges(question, trailing);
        let input = question.input(event, from, question.plan.to_tick);
        let cut = Cut { edges: edges.clone(), reach: trailing.unwrap_or(0) };
        let numbers = trailing.map(i64::from).into_iter().collect();
        let recipe = Recipe { report: "active", numbers, edges: edges.clone() };
        let buckets = question.plan.buckets.len();
        let job = question.job_by_bucket(vec![input], buckets, cut, move |buckets| {
            operator(&edges, buckets, trailing)
        });
        job.of_recipe(recipe)
    });
    let figures = move |question: &Question<'_>, tally: Tally| {
        let users = question.counts(totals.as_deref().unwrap_or(&tally.sums));
        Ok(Figures::Columns(vec![("users", users)]))
    };
    Prepared::new(job, figures)
}

/// The buckets, and the first tick that they or their trailing windows reach.
pub(super) fn window_edges(question: &Question<'_>, trailing: Option<Tick>) -> (Edges, Tick) {
    let edges = question.edges();
    let first = question.plan.from_tick;
    let reach = |ticks: Tick| edges.get(1).map_or(first, |end| end.saturating_sub(ticks));
    let from = trailing.map_or(first, reach).min(first);
    (edges, from)
}

fn operator(edges: &Edges, buckets: Range<usize>, trailing: Option<Tick>) -> Box<dyn Operator> {
    match trailing {
        None => Box::new(ByBucket::some(edges.clone(), buckets, Calendar::new())),
        Some(ticks) => {
            let trailing = Trailing::new(edges.clone(), ticks);
            Box::new(ByBucket::some(edges.clone(), buckets, trailing))
        }
    }
}

/// Groups are ranked by their users; who walks all days for that can count them day by day.
pub(super) fn ranking<'a>(
    question: &Question<'a>,
    event: &Selector,
    trailing: Option<u32>,
) -> Ranking<'a> {
    let ranking = Ranking::by_presence(question, event);
    let Plan { by, native, from, to, .. } = question.plan;
    if by != Bucket::Day || !native || trailing.is_some() {
        return ranking;
    }
    ranking.with_days(from..to)
}

/// Daily actives that need no walk: directories alone tell them, where nothing else touches the
/// days, or they were counted with the groups.
fn totals(question: &Question<'_>, event: &Selector) -> Option<Vec<u64>> {
    if let Some(groups) = &question.groups {
        let daily = groups.daily(question.slot)?;
        return (daily.len() == question.plan.buckets.len()).then_some(daily);
    }
    let name = match event {
        Selector::Any => None,
        Selector::Where { .. } => return None,
        Selector::Names(names) => match names.as_slice() {
            [name] => Some(name.as_str()),
            _ => return None,
        },
    };
    let plan = &question.plan;
    if plan.by != Bucket::Day || !plan.native || plan.users.is_some() {
        return None;
    }
    let mut totals = vec![0; plan.buckets.len()];
    for day in question.snapshot.days_in(plan.from, plan.to) {
        let bucket = usize::try_from(day.span.day.checked_sub(plan.from)?).ok()?;
        *totals.get_mut(bucket)? = question.snapshot.day_total(day, name)?;
    }
    Some(totals)
}

/// Distinct users of each bucket; adds to sums 0, 1, ... in the order of the buckets.
pub(super) struct Calendar {
    users: Gather,
}

impl Calendar {
    pub(super) fn new() -> Calendar {
        Calendar { users: Gather::presence(0) }
    }
}

impl BucketOperator for Calendar {
    fn collect(&mut self, step: &Step<'_>, _: Option<usize>, _: &mut Tally) -> Result<()> {
        self.users.day(step)
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        if let Some(users) = self.users.take() {
            tally.count(bucket, &*users);
        }
        Ok(())
    }
}

/// Distinct users of the ticks that end with each bucket; sums as in `Calendar`.
pub(super) struct Trailing {
    /// The sum of the first bucket.
    offset: usize,
    edges: Edges,
    ticks: Tick,
    window: Window,
}

impl Trailing {
    pub(super) fn new(edges: Edges, ticks: Tick) -> Trailing {
        Trailing { offset: 0, edges, ticks, window: Window::new() }
    }

    /// Counts into the sums from `offset` on.
    pub(super) fn into_sums(self, offset: usize) -> Trailing {
        Trailing { offset, ..self }
    }
}

impl BucketOperator for Trailing {
    fn collect(&mut self, step: &Step<'_>, _: Option<usize>, _: &mut Tally) -> Result<()> {
        if let Some(users) = step.users(0) {
            self.window.evict_before(step.day - self.ticks + 1);
            self.window.push(step.day, users);
        }
        Ok(())
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        self.window.evict_before(self.edges[bucket + 1] - self.ticks);
        if tally.is_shared() {
            let mut users = Bits::EMPTY;
            self.window.union_into(&mut users);
            tally.count(self.offset + bucket, &users);
        } else {
            tally.add(self.offset + bucket, self.window.count());
        }
        Ok(())
    }
}

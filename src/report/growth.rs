//! `growth`: who is new, retained, resurrected and churned from one period to the next.

pub(super) mod amounts;

use super::{Prepared, Question, share};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::answer::{Column, Figures};
use crate::scan::{
    BucketOperator, ByBucket, Edges, Gather, Input, Operator, Recipe, Selector, Step, Tally, Users,
    Window, kernels,
};
use crate::time::Tick;
use std::collections::VecDeque;

const EVENT: usize = 0;
const ANY: usize = 1;
/// Sums per bucket: active, new, retained, churned, active before.
const SUMS: usize = 5;

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    gap: u32,
    trailing: Option<u32>,
    new_means_any: bool,
) -> Prepared<'a> {
    // Without a breakdown any event is the same events: no second input then.
    let any = new_means_any && (*event != Selector::Any || question.groups.is_some());
    let sums = question.plan.buckets.len() * SUMS;
    let job = match trailing.map(|days| question.plan.ticks(days)) {
        Some(ticks) => {
            let edges = question.edges();
            let from = question.looks_back(ticks.saturating_mul(2));
            let inputs = inputs(question, event, any, from);
            let recipe = recipe("growth of days", &[ticks.into(), any.into()], &edges);
            let job = question.job(inputs, sums, move |_| -> Box<dyn Operator> {
                Box::new(ByBucket::new(edges.clone(), Sliding::new(edges.clone(), ticks, any)))
            });
            job.of_recipe(recipe)
        }
        None => {
            let (edges, lead) = with_lead(question, gap);
            let from = edges.first().copied().unwrap_or(question.plan.from_tick);
            let inputs = inputs(question, event, any, from);
            let gap = Tick::try_from(gap).unwrap_or(Tick::MAX);
            let before = i64::try_from(lead).unwrap_or(i64::MAX);
            let recipe = recipe("growth", &[before, gap.into(), any.into()], &edges);
            let job = question.job(inputs, sums, move |_| -> Box<dyn Operator> {
                Box::new(ByBucket::new(edges.clone(), Calendar::new(lead, gap, any)))
            });
            job.of_recipe(recipe)
        }
    };
    Prepared::new(job, |question, tally| Ok(figures(question, &tally)))
}

fn recipe(report: &'static str, numbers: &[i64], edges: &Edges) -> Recipe {
    Recipe { report, numbers: numbers.to_vec(), edges: edges.clone() }
}

/// Up to the end of the range, with everybody seen before: "first" means first ever.
fn inputs(question: &Question<'_>, event: &Selector, any: bool, from: Tick) -> Vec<Input> {
    let to = question.plan.to_tick;
    let mut inputs = vec![question.input(event, from, to).with_seen()];
    inputs.extend(any.then(|| question.input_of_all(&Selector::Any, from, to).with_seen()));
    inputs
}

/// The buckets with up to `gap` earlier ones before them, and how many those are. None are needed
/// before the first event. The bucket before the whole range is a span of the same length.
fn with_lead(question: &Question<'_>, gap: u32) -> (Edges, usize) {
    let plan = &question.plan;
    let first = plan.first_tick.unwrap_or(plan.from_tick);
    let mut lead = vec![];
    let mut start = plan.from_tick;
    while start > first && gap as usize > lead.len() {
        start = plan.previous(start);
        lead.push(start);
    }
    let edges = lead.iter().rev().chain(question.edges().iter()).copied().collect();
    (edges, lead.len())
}

fn figures(question: &Question<'_>, tally: &Tally) -> Figures {
    let row = |bucket: usize| {
        let mut sums = [0; SUMS];
        let counted = tally.sums.iter().skip(bucket * SUMS);
        sums.iter_mut().zip(counted).for_each(|(sum, counted)| *sum = *counted);
        sums
    };
    let count =
        |of: fn([u64; SUMS]) -> u64| Column::Counts(question.begun(|bucket| Some(of(row(bucket)))));
    let ratio = |of: fn([u64; SUMS]) -> Option<f64>| {
        Column::Ratios(question.begun(|bucket| of(row(bucket))))
    };
    Figures::Columns(vec![
        ("active", count(|[active, ..]| active)),
        ("new", count(|[_, new, ..]| new)),
        ("retained", count(|[_, _, retained, ..]| retained)),
        ("resurrected", count(|[active, new, retained, ..]| active - new - retained)),
        ("churned", count(|[_, _, _, churned, _]| churned)),
        (
            "quick_ratio",
            ratio(|[active, _, retained, churned, _]| share(active - retained, churned)),
        ),
        ("retention_rate", ratio(|[_, _, retained, _, before]| share(retained, before))),
    ])
}

/// Who flows from one period to the next.
struct Flowing<'f> {
    now: &'f Bits,
    seen: &'f Bits,
    before: &'f Bits,
    /// Whoever of those before is not in it has churned.
    after: &'f Bits,
}

impl Flowing<'_> {
    /// Adds one bucket's flows. New and retained are apart: whoever was active before has been seen.
    fn tally(&self, tally: &mut Tally, bucket: usize) {
        let Flowing { now, seen, before, after } = *self;
        if tally.is_shared() {
            return self.tally_users(tally, bucket * SUMS);
        }
        let flows = kernels::flows(now, seen, before);
        let churned = kernels::count_and_not(before, after);
        let sums = [flows.active, flows.new, flows.retained, churned, flows.before];
        for (place, sum) in sums.into_iter().enumerate() {
            tally.add(bucket * SUMS + place, sum);
        }
    }

    /// The same, telling who they are.
    fn tally_users(&self, tally: &mut Tally, first: usize) {
        let Flowing { now, seen, before, after } = *self;
        let mut some = now.clone();
        tally.count(first, &some);
        kernels::and_not(&mut some, seen);
        tally.count(first + 1, &some);
        some.0 = now.0;
        kernels::and(&mut some, before);
        tally.count(first + 2, &some);
        some.0 = before.0;
        kernels::and_not(&mut some, after);
        tally.count(first + 3, &some);
        tally.count(first + 4, before);
    }
}

/// Flows between calendar buckets.
struct Calendar {
    /// Buckets before the range.
    lead: usize,
    gap: Tick,
    now: Gather,
    /// Users of the event in earlier buckets.
    seen: Box<Bits>,
    /// The same of any event, where that decides who is new.
    any: Option<(Gather, Box<Bits>)>,
    /// Active in any of the last `gap` buckets.
    before: Box<Bits>,
    /// The same, one bucket later.
    after: Box<Bits>,
    /// The last buckets, for a gap above 1.
    recent: Window,
}

impl Calendar {
    fn new(lead: usize, gap: Tick, any: bool) -> Calendar {
        let empty = || Box::new(Bits::EMPTY);
        Calendar {
            lead,
            gap,
            now: Gather::presence(EVENT),
            seen: empty(),
            any: any.then(|| (Gather::presence(ANY), empty())),
            before: empty(),
            after: empty(),
            recent: Window::new(),
        }
    }
}

impl BucketOperator for Calendar {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, _: &mut Tally) -> Result<()> {
        if bucket.is_some() {
            if let Some((now, _)) = &mut self.any {
                now.day(step)?;
            }
            return self.now.day(step);
        }
        if let Some(users) = step.users(EVENT) {
            users.or_into(&mut self.seen);
        }
        if let (Some((_, seen)), Some(users)) = (&mut self.any, step.users(ANY)) {
            users.or_into(seen);
        }
        Ok(())
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        let now = self.now.take().map_or(&Bits::EMPTY, |bits| bits);
        let earlier = self.any.as_ref().map_or(&self.seen, |(_, seen)| seen);
        if self.gap == 1 {
            self.after.0 = now.0;
        } else {
            let place = Tick::try_from(bucket).unwrap_or(Tick::MAX);
            self.recent.push(place, now);
            self.recent.evict_before(place - self.gap + 1);
            self.recent.union_into(&mut self.after);
        }
        // In t-g..t-1 but not in t-g+1..t: last active in t-g.
        if let Some(row) = bucket.checked_sub(self.lead) {
            let (before, after) = (&self.before, &self.after);
            Flowing { now, seen: earlier, before, after }.tally(tally, row);
        }
        kernels::or(&mut self.seen, now);
        std::mem::swap(&mut self.before, &mut self.after);
        if let Some((now, seen)) = &mut self.any
            && let Some(now) = now.take()
        {
            kernels::or(seen, now);
        }
        Ok(())
    }
}

/// Flows between the n days that end with a bucket and the n days before those.
struct Sliding {
    edges: Edges,
    ticks: Tick,
    later: Window,
    earlier: Window,
    /// Ticks of the later window, to move into the earlier one.
    pending: VecDeque<(Tick, Bits)>,
    /// Users of the event on the days before the later window.
    seen: Box<Bits>,
    any: Option<DelayedUnion>,
}

/// The union of all days before a moving one.
struct DelayedUnion {
    pending: VecDeque<(Tick, Bits)>,
    union: Box<Bits>,
}

impl DelayedUnion {
    fn push(&mut self, day: Tick, bits: &Bits, before: Tick) {
        self.advance(before);
        if day < before {
            kernels::or(&mut self.union, bits);
        } else {
            self.pending.push_back((day, bits.clone()));
        }
    }

    fn advance(&mut self, before: Tick) {
        while let Some((_, bits)) = self.pending.pop_front_if(|(day, _)| *day < before) {
            kernels::or(&mut self.union, &bits);
        }
    }
}

impl Sliding {
    fn new(edges: Edges, ticks: Tick, any: bool) -> Sliding {
        let empty = || Box::new(Bits::EMPTY);
        let any = any.then(|| DelayedUnion { pending: VecDeque::new(), union: empty() });
        let (later, earlier, pending) = (Window::new(), Window::new(), VecDeque::new());
        Sliding { edges, ticks, later, earlier, pending, seen: empty(), any }
    }

    /// First day of the later window of a bucket.
    fn start(&self, bucket: usize) -> Tick {
        self.edges[bucket + 1] - self.ticks
    }

    fn advance(&mut self, start: Tick) {
        self.later.evict_before(start);
        while let Some((day, bits)) = self.pending.pop_front_if(|(day, _)| *day < start) {
            self.pass(day, &bits, start);
        }
        self.earlier.evict_before(start - self.ticks);
    }

    /// A day leaves the later window, or never was in it.
    fn pass(&mut self, day: Tick, bits: &Bits, start: Tick) {
        kernels::or(&mut self.seen, bits);
        if day >= start - self.ticks {
            self.earlier.push(day, bits);
        }
    }
}

impl BucketOperator for Sliding {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, _: &mut Tally) -> Result<()> {
        let start = self.start(bucket.unwrap_or(0));
        if let (Some(any), Some(users)) = (&mut self.any, step.users(ANY)) {
            any.push(step.day, users.bits(), start);
        }
        let Some(bits) = step.users(EVENT).map(Users::bits) else { return Ok(()) };
        self.advance(start);
        if step.day < start {
            self.pass(step.day, bits, start);
        } else {
            self.later.push(step.day, bits);
            self.pending.push_back((step.day, bits.clone()));
        }
        Ok(())
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        let start = self.start(bucket);
        self.advance(start);
        if let Some(any) = &mut self.any {
            any.advance(start);
        }
        let (mut now, mut before) = (Box::new(Bits::EMPTY), Box::new(Bits::EMPTY));
        self.later.union_into(&mut now);
        self.earlier.union_into(&mut before);
        let seen = self.any.as_ref().map_or(&self.seen, |any| &any.union);
        let (now, before) = (&*now, &*before);
        Flowing { now, seen, before, after: now }.tally(tally, bucket);
        Ok(())
    }
}

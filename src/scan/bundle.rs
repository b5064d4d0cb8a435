//! Jobs that do the same for several segments: one operator works for all of them.
//!
//! A segment is a set of users, or what events must satisfy. What reports on presence find out of
//! a user does not depend on other users. So one operator that sees everybody can count those of
//! each set apart. And users in segments by their events are taken as a person for each segment
//! that they are in: one operator sees a crowd of these, and they are counted by segment again.

use super::buckets::Edges;
use super::layout::{BoundInput, FindUser, Layout, Origin};
use super::{Input, Job};
use crate::error::Result;
use std::ops::Range;

/// Fewer segments by events than this are less work one by one.
const CONDITIONS_MIN: usize = if cfg!(test) { 2 } else { 16 };

/// What an operator does with the users of its inputs. Two jobs with equal recipes do the same, and
/// each of their sums is a number of users that `Tally::count` is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recipe {
    pub(crate) report: &'static str,
    pub(crate) numbers: Vec<i64>,
    pub(crate) edges: Edges,
}

/// Jobs of one recipe.
#[derive(Debug)]
pub(super) struct BoundBundle {
    /// Their places; the first one's operator works for all.
    pub(super) jobs: Vec<usize>,
    pub(super) inputs: Vec<BoundInput>,
    pub(super) by: By,
    pub(super) places: Range<usize>,
}

/// What tells the segments apart.
#[derive(Debug)]
pub(super) enum By {
    /// The set of each; `None`: everybody.
    Sets(Vec<Option<usize>>),
    /// For each input the derived one of each segment; all of them of one set of users.
    Conditions { set: Option<usize>, derived: Vec<Vec<usize>> },
}

/// Jobs that can be answered together.
pub(super) struct Bundle {
    jobs: Vec<usize>,
    by_sets: bool,
}

/// Finds the jobs that can be answered together; each is in one bundle at most.
pub(super) fn bundles(jobs: &[Job<'_>]) -> Vec<Bundle> {
    let by_events = |place: &usize| has_conditions(&jobs[*place]);
    let fit = (0..jobs.len()).filter(|place| is_plain(&jobs[*place]));
    let (by_events, mut rest): (Vec<usize>, Vec<usize>) = fit.partition(by_events);
    let mut found = Vec::new();
    for jobs in grouped(jobs, by_events, differ_in_events) {
        match jobs.len() < CONDITIONS_MIN {
            true => rest.extend(jobs),
            false => found.push(Bundle { jobs, by_sets: false }),
        }
    }
    let by_sets = grouped(jobs, rest, differ_in_sets).into_iter();
    let by_sets = by_sets.filter(|jobs| jobs.len() > 1);
    found.extend(by_sets.map(|jobs| Bundle { jobs, by_sets: true }));
    found
}

/// Days are the database's, and it matters who was there only.
fn is_plain(job: &Job<'_>) -> bool {
    let plain = |input: &Input| input.slot.is_none();
    job.recipe.is_some() && job.axis.is_none() && !job.counted && job.inputs.iter().all(plain)
}

fn has_conditions(job: &Job<'_>) -> bool {
    job.inputs.iter().all(|input| !input.selector.conditions().is_empty())
}

fn grouped(
    jobs: &[Job<'_>],
    places: Vec<usize>,
    same: fn(&Job<'_>, &Job<'_>) -> bool,
) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for place in places {
        let known = |group: &&mut Vec<usize>| same(&jobs[group[0]], &jobs[place]);
        match groups.iter_mut().find(known) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

fn same_work(a: &Job<'_>, b: &Job<'_>) -> bool {
    let span = |input: &Input| (input.from, input.to, input.seen_before);
    let spans = a.inputs.iter().map(span).eq(b.inputs.iter().map(span));
    a.sums == b.sums && spans && a.recipe == b.recipe
}

fn differ_in_events(a: &Job<'_>, b: &Job<'_>) -> bool {
    a.users == b.users && same_work(a, b)
}

fn differ_in_sets(a: &Job<'_>, b: &Job<'_>) -> bool {
    let selectors = a.inputs.iter().map(|input| &input.selector);
    selectors.eq(b.inputs.iter().map(|input| &input.selector)) && same_work(a, b)
}

impl Bundle {
    pub(super) fn jobs(&self) -> &[usize] {
        &self.jobs
    }

    pub(super) fn bind(
        self,
        jobs: &[Job<'_>],
        layout: &mut Layout,
        find: &FindUser<'_>,
    ) -> Result<BoundBundle> {
        let first = &jobs[self.jobs[0]];
        let mut set =
            |job: &Job<'_>| job.users.as_ref().map(|set| layout.set(set, find)).transpose();
        let by = match self.by_sets {
            true => {
                let sets = self.jobs.iter().map(|place| set(&jobs[*place]));
                By::Sets(sets.collect::<Result<_>>()?)
            }
            false => {
                let set = set(first)?;
                let derived = (0..first.inputs.len()).map(|input| {
                    let of = |place: &usize| derived_of(&jobs[*place], input, layout);
                    self.jobs.iter().map(of).collect()
                });
                By::Conditions { set, derived: derived.collect() }
            }
        };
        let inputs: Vec<BoundInput> =
            first.inputs.iter().map(|input| layout.input(first, input, None)).collect();
        let places = layout.places_of(first, &inputs);
        Ok(BoundBundle { jobs: self.jobs, inputs, by, places })
    }
}

/// Events with conditions are looked for on rows.
fn derived_of(job: &Job<'_>, input: usize, layout: &mut Layout) -> usize {
    match layout.input(job, &job.inputs[input], None).origin {
        Origin::Derived(derived, _) => derived,
        Origin::Stream(stream) => stream,
    }
}

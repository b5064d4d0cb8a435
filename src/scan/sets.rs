//! Sets of users, evaluated chunk by chunk into a mask.

use super::gather::{Threshold, add_rows, counters};
use super::grid::Grid;
use super::kernels;
use super::layout::{FindUser, Layout};
use super::selector::Selector;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Day;

/// What a set is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SetKind {
    /// Did the event in `[from, to)` (an open end without) so many times.
    Did { event: Selector, from: Option<Day>, to: Option<Day>, at_least: u64, at_most: Option<u64> },
    /// Did the event for the first time ever in `[from, to)`.
    FirstDid { event: Selector, from: Day, to: Day },
    /// These ids, sorted and distinct.
    Ids(Vec<String>),
    /// In all of them.
    And(Vec<SetKind>),
    /// In one of them at least.
    Or(Vec<SetKind>),
    /// With a stored event, and not in it.
    Not(Box<SetKind>),
}

impl SetKind {
    /// Calls `visit` with every selector in the set.
    pub(crate) fn selectors<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector)) {
        match self {
            SetKind::Did { event, .. } | SetKind::FirstDid { event, .. } => visit(event),
            SetKind::Ids(_) => {}
            SetKind::And(sets) | SetKind::Or(sets) => {
                sets.iter().for_each(|set| set.selectors(visit));
            }
            SetKind::Not(set) => set.selectors(visit),
        }
    }
}

/// A set of users with its selectors and ids resolved.
///
/// A mask may hold users without a stored event (`not` just turns bits over): every operator meets
/// it with people who have one.
#[derive(Debug)]
pub(super) enum Members {
    Did {
        selector: usize,
        from: Day,
        to: Day,
        times: Threshold,
    },
    FirstDid {
        selector: usize,
        from: Day,
        to: Day,
    },
    /// Ordinals, ascending.
    Ids(Vec<u32>),
    And(Vec<Members>),
    Or(Vec<Members>),
    Not(Box<Members>),
}

impl Members {
    pub(super) fn bind(
        set: &SetKind,
        layout: &mut Layout<'_>,
        find: &FindUser<'_>,
    ) -> Result<Members> {
        let mut all = |sets: &[SetKind]| -> Result<Vec<Members>> {
            sets.iter().map(|set| Members::bind(set, layout, find)).collect()
        };
        Ok(match set {
            SetKind::And(sets) => Members::And(all(sets)?),
            SetKind::Or(sets) => Members::Or(all(sets)?),
            SetKind::Not(set) => Members::Not(Box::new(Members::bind(set, layout, find)?)),
            SetKind::Ids(ids) => Members::Ids(ordinals(ids, find)?),
            SetKind::Did { event, from, to, at_least, at_most } => {
                let (from, to) = (from.unwrap_or(Day::MIN), to.unwrap_or(Day::MAX));
                let selector = layout.selector(event, from, to);
                let times = Threshold { at_least: *at_least, at_most: *at_most };
                Members::Did { selector, from, to, times }
            }
            SetKind::FirstDid { event, from, to } => {
                let selector = layout.selector(event, Day::MIN, *to);
                Members::FirstDid { selector, from: *from, to: *to }
            }
        })
    }

    /// Puts the set's users of the chunk into `mask`.
    pub(super) fn evaluate(&self, grid: &dyn Grid, chunk: u32, mask: &mut Bits) -> Result<()> {
        *mask = Bits::EMPTY;
        match self {
            Members::Did { selector, from, to, times } => {
                did(grid, (*selector, chunk), (*from, *to), times, mask)
            }
            Members::FirstDid { selector, from, to } => {
                first_did(grid, (*selector, chunk), (*from, *to), mask)
            }
            Members::Ids(ordinals) => {
                ids(ordinals, chunk, mask);
                Ok(())
            }
            Members::And(sets) => {
                kernels::not(mask);
                combine(sets, grid, chunk, mask, kernels::and)
            }
            Members::Or(sets) => combine(sets, grid, chunk, mask, kernels::or),
            Members::Not(set) => {
                set.evaluate(grid, chunk, mask)?;
                kernels::not(mask);
                Ok(())
            }
        }
    }
}

/// Ids that the snapshot does not know are nobody.
fn ordinals(ids: &[String], find: &FindUser<'_>) -> Result<Vec<u32>> {
    let mut ordinals: Vec<u32> =
        ids.iter().filter_map(|id| find(id).transpose()).collect::<Result<_>>()?;
    ordinals.sort_unstable();
    ordinals.dedup();
    Ok(ordinals)
}

fn ids(ordinals: &[u32], chunk: u32, mask: &mut Bits) {
    let start = ordinals.partition_point(|ordinal| ordinal >> 16 < chunk);
    let in_chunk = ordinals.iter().skip(start).take_while(|&ordinal| ordinal >> 16 == chunk);
    in_chunk.for_each(|ordinal| mask.insert((ordinal & 0xffff) as u16));
}

fn combine(
    sets: &[Members],
    grid: &dyn Grid,
    chunk: u32,
    mask: &mut Bits,
    merge: fn(&mut Bits, &Bits),
) -> Result<()> {
    let mut part = Box::new(Bits::EMPTY);
    for set in sets {
        set.evaluate(grid, chunk, &mut part)?;
        merge(mask, &part);
    }
    Ok(())
}

fn did(
    grid: &dyn Grid,
    (selector, chunk): (usize, u32),
    (from, to): (Day, Day),
    times: &Threshold,
    mask: &mut Bits,
) -> Result<()> {
    let days = grid.days_between(from, to);
    if times.is_presence() {
        for day in days {
            grid.presence_into(day, selector, chunk, mask)?;
        }
        return Ok(());
    }
    let mut rows = counters();
    for day in days {
        grid.counts(day, selector, chunk, &mut |low, count| add_rows(&mut rows, low, count))?;
    }
    times.select_into(&rows, mask);
    Ok(())
}

fn first_did(
    grid: &dyn Grid,
    (selector, chunk): (usize, u32),
    (from, to): (Day, Day),
    mask: &mut Bits,
) -> Result<()> {
    for day in grid.days_between(from, to) {
        grid.presence_into(day, selector, chunk, mask)?;
    }
    let mut earlier = Box::new(Bits::EMPTY);
    for day in grid.days_between(Day::MIN, from) {
        grid.presence_into(day, selector, chunk, &mut earlier)?;
    }
    kernels::and_not(mask, &earlier);
    Ok(())
}

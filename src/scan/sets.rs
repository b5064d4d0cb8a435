//! Sets of users, evaluated chunk by chunk into a mask.

use super::funnel::{FunnelSpec, Matcher};
use super::gather::{Threshold, add_rows, counters};
use super::kernels;
use super::layout::{FindUser, Layout};
use super::leaves::Leaf;
use super::rows::{BoundRows, Found, Gathered, RowInput, Sought};
use super::selector::Selector;
use super::walk::InChunk;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Micros;
use std::ops::Range;

/// What a set is made of; its times are instants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SetKind {
    /// Did the event in `[from, to)` so many times.
    Did { event: Selector, from: Micros, to: Micros, at_least: u64, at_most: Option<u64> },
    /// Did the event for the first time ever in `[from, to)`.
    FirstDid { event: Selector, from: Micros, to: Micros },
    /// These ids, sorted and distinct.
    Ids(Vec<String>),
    /// In all of them.
    And(Vec<SetKind>),
    /// In one of them at least.
    Or(Vec<SetKind>),
    /// With a stored event, and not in it.
    Not(Box<SetKind>),
    /// Got so far in a funnel.
    Funnel(Box<FunnelSet>),
}

/// Users who got so far in a funnel that was entered in `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunnelSet {
    pub(crate) funnel: FunnelSpec,
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    /// Only these users are looked at.
    pub(crate) users: Option<SetKind>,
    /// Steps of the user's run, counted from 1: so many, or more unless `exactly`.
    pub(crate) reached: usize,
    pub(crate) exactly: bool,
}

/// A set of users with its selectors and ids resolved.
///
/// A mask may hold users without a stored event (`not` just turns bits over): every operator meets
/// it with people who have one.
#[derive(Debug)]
pub(super) enum Members {
    Did {
        event: Occurrences,
        times: Threshold,
    },
    FirstDid {
        event: Occurrences,
        before: Occurrences,
    },
    /// Ordinals, ascending.
    Ids(Vec<u32>),
    And(Vec<Members>),
    Or(Vec<Members>),
    Not(Box<Members>),
    Funnel(Box<FunnelMembers>),
}

/// A chunk, and the users of each leaf there.
type At<'e, 'w, 's> = (&'e InChunk<'w, 's>, &'e [Box<Bits>]);

/// An event in a stretch of time.
#[derive(Debug)]
pub(super) struct Occurrences {
    /// The first-seen index tells of the days from the first one on, without conditions.
    seen: Option<usize>,
    /// Presence tells where there are no conditions.
    selector: Option<usize>,
    /// Rows tell, for conditions and for days that lie in the stretch in part.
    filter: Option<usize>,
    /// Rows tell all there is to know, together with those of other sets.
    leaf: Option<usize>,
    from: Micros,
    to: Micros,
    /// Days of which the index does not tell.
    places: Range<usize>,
    /// Of the places, the days that lie in the stretch wholly.
    whole: Range<usize>,
}

impl Members {
    pub(super) fn bind(set: &SetKind, layout: &mut Layout, find: &FindUser<'_>) -> Result<Members> {
        let mut all = |sets: &[SetKind]| -> Result<Vec<Members>> {
            sets.iter().map(|set| Members::bind(set, layout, find)).collect()
        };
        Ok(match set {
            SetKind::And(sets) => Members::And(all(sets)?),
            SetKind::Or(sets) => Members::Or(all(sets)?),
            SetKind::Not(set) => Members::Not(Box::new(Members::bind(set, layout, find)?)),
            SetKind::Ids(ids) => Members::Ids(ordinals(ids, find)?),
            SetKind::Did { event, from, to, at_least, at_most } => {
                let times = Threshold { at_least: *at_least, at_most: *at_most };
                let counted = !times.is_presence();
                Members::Did {
                    event: Occurrences::bind(event, (*from, *to), counted, layout),
                    times,
                }
            }
            SetKind::FirstDid { event, from, to } => Members::FirstDid {
                event: Occurrences::bind(event, (*from, *to), false, layout),
                before: Occurrences::bind(event, (Micros::MIN, *from), false, layout),
            },
            SetKind::Funnel(set) => {
                Members::Funnel(Box::new(FunnelMembers::bind(set, layout, find)?))
            }
        })
    }

    /// Puts the set's users of the chunk into `mask`.
    pub(super) fn evaluate(&self, at: At<'_, '_, '_>, mask: &mut Bits) -> Result<()> {
        *mask = Bits::EMPTY;
        match self {
            Members::Did { event, times } => did(event, at, times, mask),
            Members::FirstDid { event, before } => first_did(event, before, at, mask),
            Members::Ids(ordinals) => {
                ids(ordinals, at.0.chunk, mask);
                Ok(())
            }
            Members::And(sets) => {
                kernels::not(mask);
                combine(sets, at, mask, kernels::and)
            }
            Members::Or(sets) => combine(sets, at, mask, kernels::or),
            Members::Funnel(funnel) => funnel.evaluate(at, mask),
            Members::Not(set) => {
                set.evaluate(at, mask)?;
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
    at: At<'_, '_, '_>,
    mask: &mut Bits,
    merge: fn(&mut Bits, &Bits),
) -> Result<()> {
    let mut part = Box::new(Bits::EMPTY);
    for set in sets {
        set.evaluate(at, &mut part)?;
        merge(mask, &part);
    }
    Ok(())
}

fn did(event: &Occurrences, at: At<'_, '_, '_>, times: &Threshold, mask: &mut Bits) -> Result<()> {
    if times.is_presence() {
        return event.presence_into(at, mask);
    }
    let mut rows = counters();
    event.counts(at.0, &mut |low, count| add_rows(&mut rows, low, count))?;
    times.select_into(&rows, mask);
    Ok(())
}

fn first_did(
    event: &Occurrences,
    before: &Occurrences,
    at: At<'_, '_, '_>,
    mask: &mut Bits,
) -> Result<()> {
    event.presence_into(at, mask)?;
    let mut earlier = Box::new(Bits::EMPTY);
    before.presence_into(at, &mut earlier)?;
    kernels::and_not(mask, &earlier);
    Ok(())
}

impl Occurrences {
    /// `counted`: it matters how often.
    fn bind(
        event: &Selector,
        (from, to): (Micros, Micros),
        counted: bool,
        layout: &mut Layout,
    ) -> Occurrences {
        let mut places = layout.places(from, to);
        let mut whole = layout.whole(&places, from, to);
        let (first, end) = layout.days(&whole);
        let from_the_first_day = !whole.is_empty() && whole.start == 0;
        let seen = (from_the_first_day && !counted).then(|| layout.seen_before(event, end));
        let seen = seen.flatten();
        if seen.is_some() {
            (places, whole) = (whole.end..places.end, whole.end..whole.end);
        }
        let plain = event.conditions().is_empty();
        let by_day = plain && seen.is_none();
        let selector = by_day.then(|| layout.selector(event, first, end));
        let filter = (!plain || whole != places).then(|| layout.needs.filter(event));
        layout.asked_by_set(&places);
        let leaf = filter.filter(|_| !plain && !counted).map(|filter| {
            let (places, whole) = (places.clone(), whole.clone());
            layout.leaves.add(Leaf { filter, from, to, places, whole })
        });
        Occurrences { seen, selector, filter, leaf, from, to, places, whole }
    }

    fn presence_into(&self, (chunk, leaves): At<'_, '_, '_>, mask: &mut Bits) -> Result<()> {
        if let Some(users) = self.leaf.and_then(|leaf| leaves.get(leaf)) {
            kernels::or(mask, users);
            return Ok(());
        }
        if let Some(seen) = self.seen {
            chunk.grid.seen_into(seen, chunk.chunk, mask)?;
        }
        for place in self.places.clone() {
            match self.selector.filter(|_| self.whole.contains(&place)) {
                Some(selector) => {
                    chunk.grid.presence_into(place, selector, chunk.chunk, mask)?;
                }
                None => self.rows(chunk, place, false, &mut |low, _| mask.insert(low))?,
            }
        }
        Ok(())
    }

    fn counts(&self, chunk: &InChunk<'_, '_>, visit: &mut dyn FnMut(u16, u32)) -> Result<()> {
        for place in self.places.clone() {
            match self.selector.filter(|_| self.whole.contains(&place)) {
                Some(selector) => chunk.grid.counts(place, selector, chunk.chunk, visit)?,
                None => self.rows(chunk, place, true, visit)?,
            }
        }
        Ok(())
    }

    fn rows(
        &self,
        chunk: &InChunk<'_, '_>,
        place: usize,
        counted: bool,
        visit: &mut dyn FnMut(u16, u32),
    ) -> Result<()> {
        let Some(filter) = self.filter else { return Ok(()) };
        let within = (!self.whole.contains(&place)).then_some((self.from, self.to));
        let sought = Sought { filter, groups: None, ranked: true, axis: None, within, counted };
        let day = chunk.day(place)?;
        day.matched(&sought, 0, &mut |found| match found {
            Found::Hit(_, hit) => visit(hit.low, hit.rows),
            Found::Users { lows, .. } => lows.iter().for_each(|low| visit(*low, 1)),
        })
    }
}

#[derive(Debug)]
pub(super) struct FunnelMembers {
    set: FunnelSet,
    rows: BoundRows,
    places: Range<usize>,
    users: Option<Members>,
}

impl FunnelMembers {
    fn bind(set: &FunnelSet, layout: &mut Layout, find: &FindUser<'_>) -> Result<FunnelMembers> {
        let users = set.users.as_ref().map(|set| Members::bind(set, layout, find)).transpose()?;
        let window_us = set.funnel.within_us.map_or(Micros::MAX, |us| us.saturating_add(1));
        let rows = layout.needs.rows(&RowInput {
            selectors: set.funnel.selectors(),
            from: set.from,
            to: set.to.saturating_add(window_us),
            ..RowInput::default()
        })?;
        let places = layout.places(rows.from, rows.to);
        layout.asked_by_set(&places);
        Ok(FunnelMembers { set: set.clone(), rows, places, users })
    }

    fn evaluate(&self, at: At<'_, '_, '_>, mask: &mut Bits) -> Result<()> {
        let chunk = at.0;
        let users = self.users.as_ref().map(|set| {
            let mut users = Box::new(Bits::EMPTY);
            set.evaluate(at, &mut users)?;
            Ok(users)
        });
        let users = users.transpose()?;
        let mut events = Gathered::default();
        for place in self.places.clone() {
            events.day(&self.rows, &chunk.day(place)?, users.as_deref())?;
        }
        let mut matcher = Matcher::new(&self.set.funnel);
        let FunnelSet { from, to, reached, exactly, .. } = self.set;
        events.each_user(&mut |low, events| {
            let steps = matcher.run(events, (from, to)).map_or(0, |run| run.times.len());
            if steps == reached || (steps > reached && !exactly) {
                mask.insert(low);
            }
            Ok(())
        })
    }
}

//! A job at work in one chunk: its inputs' bits, tick by tick, for its operator.

use super::frame::Frame;
use super::layout::{BoundInput, BoundJob, Layout, Origin};
use super::rows::{DayBlocks, Hit};
use super::walk::{InChunk, opened};
use super::{Job, Operator, Share, Step, Tally, Users, kernels};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::{DaySpan, Tick};
use std::cell::OnceCell;
use std::ops::Range;

/// A job in one chunk.
pub(super) struct ActiveJob<'w, 'a> {
    place: usize,
    job: &'w Job<'a>,
    pub(super) bound: &'w BoundJob,
    share: Share,
    /// The days of the share.
    places: Range<usize>,
    /// Made at the first tick with a user.
    operator: Option<Box<dyn Operator>>,
    /// Per input: what belongs to ticks that are not over yet, or are handed out now.
    pending: Vec<Vec<Hit>>,
    /// Per input: the bits of the tick that is handed out.
    bits: Vec<Box<Bits>>,
}

impl<'w, 'a> ActiveJob<'w, 'a> {
    /// `share`: of `shares` in a chunk.
    pub(super) fn new(
        (place, job): (usize, &'w Job<'a>),
        layout: &'w Layout,
        chunk: u32,
        share: (usize, usize),
    ) -> ActiveJob<'w, 'a> {
        let bound = &layout.jobs[place];
        let (buckets, places) = bound.share(job.cut.as_ref(), share, layout);
        let share = Share { chunk, buckets };
        let pending = bound.inputs.iter().map(|_| Vec::new()).collect();
        let rows = |input: &BoundInput| matches!(input.origin, Origin::Derived(..));
        let derived = bound.inputs.iter().filter(|input| rows(input)).count();
        let inputs = if derived > 0 { bound.inputs.len() } else { 0 };
        let bits = (0..inputs).map(|_| Box::new(Bits::EMPTY)).collect();
        ActiveJob { place, job, bound, share, places, operator: None, pending, bits }
    }

    /// Hands out everybody seen before the inputs' days, as one day before them.
    pub(super) fn seen_before(
        &mut self,
        frame: &mut Frame<'_, '_>,
        tallies: &mut [Tally],
    ) -> Result<()> {
        let inputs = self.bound.inputs.iter();
        let from = inputs.filter(|input| input.seen.is_some()).map(|input| input.from).min();
        let Some(from) = from else { return Ok(()) };
        let seen = self.bound.inputs.iter().map(|input| match input.seen {
            None => Ok(None),
            Some(seen) => {
                let users = frame.seen(seen, self.bound.set)?;
                Ok(Some(users).filter(|users| !kernels::is_empty(users)))
            }
        });
        let seen: Vec<Option<Box<Bits>>> = seen.collect::<Result<_>>()?;
        if seen.iter().all(Option::is_none) {
            return Ok(());
        }
        let users: Vec<Option<Users<'_>>> =
            seen.iter().map(|users| users.as_deref().map(Users::Bits)).collect();
        // Who was seen is all that is known of those days.
        let counts = |_: usize, _: &mut dyn FnMut(u16, u32)| Ok(());
        let step = Step { day: from.saturating_sub(1), users: &users, counts: &counts };
        let operator = self.operator.get_or_insert_with(|| (self.job.operator)(&self.share));
        operator.day(&step, &mut tallies[self.place])
    }

    /// Takes in a day of the database.
    pub(super) fn load<'d, 's>(
        &mut self,
        at: &InChunk<'d, 's>,
        place: usize,
        blocks: &OnceCell<DayBlocks<'d, 's>>,
        frame: &mut Frame<'_, '_>,
        layout: &Layout,
    ) -> Result<()> {
        let Some(span) = self.span(place, layout) else { return Ok(()) };
        for (at_input, input) in self.bound.inputs.iter().enumerate() {
            let by_day = self.bound.axis.is_none();
            if by_day && !(input.from <= span.day && span.day < input.to) {
                continue;
            }
            match input.origin {
                Origin::Stream(stream) => frame.load(place, stream)?,
                Origin::Derived(derived, slot) => {
                    frame.derive(opened(at, place, blocks)?, span.day, derived)?;
                    if !layout.derived[derived].of_users() {
                        self.take(at_input, input, frame.hits(derived, slot), frame);
                    }
                }
            }
        }
        Ok(())
    }

    /// The day's span, if the job wants it.
    fn span(&self, place: usize, layout: &Layout) -> Option<DaySpan> {
        layout.span(place).filter(|_| self.places.contains(&place))
    }

    /// Hands out what is over with a day that was taken in.
    pub(super) fn day(
        &mut self,
        at: &InChunk<'_, '_>,
        place: usize,
        frame: &Frame<'_, '_>,
        layout: &Layout,
        tallies: &mut [Tally],
    ) -> Result<()> {
        let Some(span) = self.span(place, layout) else { return Ok(()) };
        match &self.bound.axis {
            None => self.step(at, place, span.day, frame, layout, tallies),
            Some(axis) => {
                let over =
                    layout.span(place + 1).map_or(Tick::MAX, |next| axis.tick_of(next.start));
                self.ticks_until(over, tallies)
            }
        }
    }

    /// Takes in rows of one input.
    fn take(&mut self, input: usize, bound: &BoundInput, hits: &[Hit], frame: &Frame<'_, '_>) {
        let set = self.bound.set.map(|set| &frame.masks[set]);
        let within = |hit: &&Hit| {
            let inside = bound.from <= hit.tick && hit.tick < bound.to;
            inside && set.is_none_or(|set| set.contains(hit.low))
        };
        self.pending[input].extend(hits.iter().filter(within));
    }

    /// Hands out a day of the database.
    fn step(
        &mut self,
        at: &InChunk<'_, '_>,
        place: usize,
        day: Tick,
        frame: &Frame<'_, '_>,
        layout: &Layout,
        tallies: &mut [Tally],
    ) -> Result<()> {
        let active = |input: &BoundInput| input.from <= day && day < input.to;
        let present: Vec<bool> = (0..self.bound.inputs.len())
            .map(|place| active(&self.bound.inputs[place]) && self.fill(place, frame, layout))
            .collect();
        let inputs = self.bound.inputs.iter().enumerate();
        let users: Vec<Option<Users<'_>>> = inputs
            .map(|(place, input)| match input.origin {
                _ if !present[place] => None,
                Origin::Stream(stream) => frame.users(stream),
                Origin::Derived(derived, slot) => {
                    let listed = frame.listed(derived, slot).filter(|_| self.bound.set.is_none());
                    Some(listed.map_or(Users::Bits(&self.bits[place]), Users::Listed))
                }
            })
            .collect();
        if users.iter().all(Option::is_none) {
            return Ok(());
        }
        let counts = |input: usize, visit: &mut dyn FnMut(u16, u32)| {
            match self.bound.inputs[input].origin {
                Origin::Stream(stream) => {
                    let selector = layout.streams[stream].selector;
                    return at.grid.counts(place, selector, at.chunk, visit);
                }
                Origin::Derived(..) => {
                    self.pending[input].iter().for_each(|hit| visit(hit.low, hit.rows));
                }
            }
            Ok(())
        };
        let operator = self.operator.get_or_insert_with(|| (self.job.operator)(&self.share));
        operator.day(&Step { day, users: &users, counts: &counts }, &mut tallies[self.place])?;
        self.pending.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// Makes the bits of an input's day; false where there is nobody.
    fn fill(&mut self, input: usize, frame: &Frame<'_, '_>, layout: &Layout) -> bool {
        let (derived, slot) = match self.bound.inputs[input].origin {
            Origin::Stream(_) => return true,
            Origin::Derived(derived, slot) => (derived, slot),
        };
        if !layout.derived[derived].of_users() {
            fill(&mut self.bits[input], &self.pending[input]);
            return !self.pending[input].is_empty();
        }
        let Some(listed) = frame.listed(derived, slot) else { return false };
        let Some(set) = self.bound.set else { return true };
        let bits = &mut self.bits[input];
        Users::Listed(listed).copy_into(bits);
        kernels::and(bits, &frame.masks[set]);
        !kernels::is_empty(bits)
    }

    /// Hands out the ticks before one, which no later day of the database touches.
    fn ticks_until(&mut self, over: Tick, tallies: &mut [Tally]) -> Result<()> {
        for pending in &mut self.pending {
            // Times of one activity ascend, those of several lie between each other.
            if !pending.is_sorted_by_key(|hit| hit.tick) {
                pending.sort_by_key(|hit| hit.tick);
            }
        }
        let mut from = vec![0; self.pending.len()];
        loop {
            let heads = self.pending.iter().zip(&from);
            let tick = heads.filter_map(|(hits, from)| hits.get(*from)).map(|hit| hit.tick).min();
            let Some(tick) = tick.filter(|tick| *tick < over) else { break };
            let ends: Vec<usize> = (self.pending.iter().zip(&from))
                .map(|(hits, from)| {
                    let rest = hits.get(*from..).unwrap_or_default();
                    from + rest.partition_point(|hit| hit.tick <= tick)
                })
                .collect();
            self.tick(tick, (&from, &ends), tallies)?;
            from = ends;
        }
        for (pending, from) in self.pending.iter_mut().zip(from) {
            pending.drain(..from);
        }
        Ok(())
    }

    fn tick(
        &mut self,
        tick: Tick,
        (from, ends): (&[usize], &[usize]),
        tallies: &mut [Tally],
    ) -> Result<()> {
        let hits: Vec<&[Hit]> = (self.pending.iter().zip(from.iter().zip(ends)))
            .map(|(hits, (from, end))| hits.get(*from..*end).unwrap_or_default())
            .collect();
        self.bits.iter_mut().zip(&hits).for_each(|(bits, hits)| fill(bits, hits));
        let users = self.bits.iter().zip(&hits);
        let users: Vec<Option<Users<'_>>> =
            users.map(|(bits, hits)| (!hits.is_empty()).then_some(Users::Bits(bits))).collect();
        let counts = |input: usize, visit: &mut dyn FnMut(u16, u32)| {
            hits[input].iter().for_each(|hit| visit(hit.low, hit.rows));
            Ok(())
        };
        let operator = self.operator.get_or_insert_with(|| (self.job.operator)(&self.share));
        operator.day(&Step { day: tick, users: &users, counts: &counts }, &mut tallies[self.place])
    }

    /// After the last day.
    pub(super) fn finish(mut self, tallies: &mut [Tally]) -> Result<()> {
        self.ticks_until(Tick::MAX, tallies)?;
        match self.operator {
            Some(mut operator) => operator.finish(&mut tallies[self.place]),
            None => Ok(()),
        }
    }
}

fn fill(bits: &mut Bits, hits: &[Hit]) {
    if hits.is_empty() {
        return;
    }
    *bits = Bits::EMPTY;
    hits.iter().for_each(|hit| bits.insert(hit.low));
}

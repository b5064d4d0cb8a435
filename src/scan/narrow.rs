//! Which rows a funnel needs, found out from who did what on which day.
//!
//! A step done within the window of an entry is done within so many days of it: a day's rows are
//! read only of users who may have done the steps before within those days, and may do the next
//! ones. And whoever did all steps on days that follow each other closely enough has a run that is
//! over: what they did later cannot finish earlier. Most rows fall away, before any is read.

mod step;

use super::kernels;
use super::rows::{Gathered, RowEvent};
use super::walk::InChunk;
use super::window::Window;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::{DaySpan, Micros};
use std::collections::VecDeque;
use std::ops::Range;
use step::{Day, Known};

pub(super) use step::Wanted;

/// What a job asks of its first selectors: to be done in order, within a time of the first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Narrow {
    pub(crate) steps: usize,
    pub(crate) within_us: i64,
    /// Instants `[from, to)` at which the first step counts.
    pub(crate) entries: (Micros, Micros),
    /// Of users who get no further than the first step, the day's rows on which they do it first
    /// are read; otherwise it is only told that they do it.
    pub(crate) first_rows: bool,
}

/// Windows of more days look back over all days, and do not look ahead.
const WINDOW_DAYS_MAX: usize = 40;

/// A narrowing with its things found in the layout.
#[derive(Debug)]
pub(super) struct BoundNarrow {
    pub(super) narrow: Narrow,
    /// Of each step.
    pub(super) selectors: Vec<usize>,
    pub(super) places: Range<usize>,
    /// Of the places, those on which the first step counts.
    pub(super) entries: Range<usize>,
    pub(super) spans: Vec<DaySpan>,
}

/// Who did each step on a day.
type Did = Vec<Option<Box<Bits>>>;

/// The narrowing of one chunk, day by day.
pub(super) struct Narrowing<'w> {
    bound: &'w BoundNarrow,
    set: Option<Box<Bits>>,
    /// Days that were read, from the current one on.
    read: VecDeque<Did>,
    next: usize,
    /// By step but the last, who did it on the days before, and today.
    back: Vec<Reach>,
    /// By step, who does it from today on as far as a window reaches; nothing where it is too far.
    ahead: Option<Vec<Window>>,
    known: Known,
    wanted: Vec<Wanted>,
    /// Bits of days that are over, with rubbish in them.
    spare: Vec<Box<Bits>>,
}

/// Days that a window reaches back to.
enum Reach {
    All(Box<Bits>),
    Near(Window),
}

impl Reach {
    /// Who is in it: in either of the two.
    fn parts(&self) -> [&Bits; 2] {
        match self {
            Reach::All(all) => [all, &Bits::EMPTY],
            Reach::Near(window) => window.parts(),
        }
    }
}

impl BoundNarrow {
    fn span(&self, place: usize) -> DaySpan {
        self.spans.get(place).copied().unwrap_or(DaySpan { day: 0, start: 0, end: 0 })
    }

    /// Whether an event of the one day may be within the window of one of an earlier day.
    fn reaches(&self, earlier: usize, later: usize) -> bool {
        let least = self.span(later).start.saturating_sub(self.span(earlier).end);
        least < self.narrow.within_us
    }

    fn looks_ahead(&self) -> bool {
        let far = |place: &usize| self.reaches(*place, place + WINDOW_DAYS_MAX);
        let last = self.places.end.saturating_sub(WINDOW_DAYS_MAX);
        !(self.places.start..last).any(|place| far(&place))
    }
}

impl<'w> Narrowing<'w> {
    pub(super) fn new(bound: &'w BoundNarrow, set: Option<&Bits>) -> Narrowing<'w> {
        let (steps, near) = (bound.narrow.steps, bound.looks_ahead());
        let reach = || match near {
            true => Reach::Near(Window::new()),
            false => Reach::All(Box::new(Bits::EMPTY)),
        };
        Narrowing {
            bound,
            set: set.map(|set| Box::new(set.clone())),
            read: VecDeque::new(),
            next: bound.places.start,
            back: (1..steps).map(|_| reach()).collect(),
            ahead: near.then(|| (1..steps).map(|_| Window::new()).collect()),
            known: Known::new(steps),
            wanted: (0..steps).map(|_| Wanted::nobody()).collect(),
            spare: Vec::new(),
        }
    }

    /// Whose rows of each step are needed on the day; days come in order.
    pub(super) fn day(&mut self, at: &InChunk<'_, '_>, place: usize) -> Result<&[Wanted]> {
        self.read_until(at, place)?;
        let Some(today) = self.read.pop_front() else { return Ok(&[]) };
        self.look_around(place, &today);
        self.step(place, &today);
        self.spare.extend(today.into_iter().flatten());
        Ok(&self.wanted)
    }

    /// Hands out what was gathered, and an event for each user of whom nothing but that they did
    /// the first step needs to be known.
    pub(super) fn each_user(
        mut self,
        events: Gathered,
        visit: &mut dyn FnMut(u16, &[RowEvent]) -> Result<()>,
    ) -> Result<()> {
        if self.bound.narrow.first_rows {
            return events.each_user(visit);
        }
        let entries_end = self.bound.narrow.entries.1;
        let mut told = Box::new(Bits::EMPTY);
        events.each_user(&mut |low, events| {
            // After the range an event of the first step may have been read as one of a later step.
            let enters = |event: &RowEvent| event.matches(0) && event.at < entries_end;
            if !events.iter().any(enters) {
                return Ok(());
            }
            told.insert(low);
            visit(low, events)
        })?;
        let entered = &mut self.known.entered;
        kernels::and_not(entered, &told);
        let at = self.bound.narrow.entries.0;
        let entry = [RowEvent { at, mask: 1, activity: 0, group: 0, number: None }];
        let mut visited = Ok(());
        kernels::for_each(entered, |low| {
            if visited.is_ok() {
                visited = visit(low, &entry);
            }
        });
        visited
    }

    fn read_until(&mut self, at: &InChunk<'_, '_>, place: usize) -> Result<()> {
        let wanted = |next| {
            let ahead = self.ahead.is_some() && self.bound.reaches(place, next);
            next < self.bound.places.end && (next <= place || ahead)
        };
        let mut next = self.next;
        while wanted(next) {
            let did = self.bound.selectors.iter().enumerate().map(|(step, selector)| {
                if step == 0 && !self.bound.entries.contains(&next) {
                    return Ok(None);
                }
                let unread = at.grid.find(next, *selector, at.chunk)?;
                if unread.is_empty() {
                    return Ok(None);
                }
                let mut bits = self.spare.pop().unwrap_or_else(|| Box::new(Bits::EMPTY));
                unread.copy_into(&mut bits);
                let Some(set) = &self.set else { return Ok(Some(bits)) };
                kernels::and(&mut bits, set);
                Ok((!kernels::is_empty(&bits)).then_some(bits))
            });
            self.read.push_back(did.collect::<Result<_>>()?);
            next += 1;
        }
        for (place, did) in
            (self.next..next).zip(self.read.iter().skip(self.read.len() - (next - self.next)))
        {
            for (window, bits) in self.ahead.iter_mut().flatten().zip(&did[1..]) {
                bits.iter().for_each(|bits| window.push(key(place), &**bits));
            }
        }
        self.next = next;
        Ok(())
    }

    /// Moves the windows on.
    fn look_around(&mut self, place: usize, today: &Did) {
        let first = if self.ahead.is_some() {
            let earlier = (self.bound.places.start..place).rev();
            let reached = earlier.take_while(|earlier| self.bound.reaches(*earlier, place));
            place - reached.count()
        } else {
            0
        };
        for (reach, bits) in self.back.iter_mut().zip(today) {
            match reach {
                Reach::All(all) => bits.iter().for_each(|bits| kernels::or(all, bits)),
                Reach::Near(window) => {
                    bits.iter().for_each(|bits| window.push(key(place), &**bits));
                    window.evict_before(key(first));
                }
            }
        }
        for window in self.ahead.iter_mut().flatten() {
            window.evict_before(key(place));
        }
    }

    /// Finds whose rows matter today, and takes in what is certain after it.
    fn step(&mut self, place: usize, today: &Did) {
        let (span, within_us) = (self.bound.span(place), self.bound.narrow.within_us);
        let did: Vec<&Bits> =
            today.iter().map(|did| did.as_deref().unwrap_or(&Bits::EMPTY)).collect();
        let back: Vec<[&Bits; 2]> = self.back.iter().map(Reach::parts).collect();
        let ahead = self.ahead.as_ref();
        let ahead = ahead.map(|ahead| ahead.iter().map(Window::parts).collect());
        let day =
            Day { did, back, ahead, span, within_us, first_rows: self.bound.narrow.first_rows };
        self.known.step(&day, &mut self.wanted);
    }
}

/// A place as a window takes it.
fn key(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

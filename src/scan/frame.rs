//! The bits of one chunk: masks for all of its days, streams and derived users for one day.

use super::grid::Unread;
use super::kernels;
use super::layout::{Layout, Stream};
use super::rows::{DayBlocks, Found, Hit, Known, Sought};
use super::users::{Listed, Users};
use super::walk::InChunk;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Tick;
use std::cell::{Cell, OnceCell};

/// What was read of the day that the walk is at.
pub(super) struct Frame<'w, 's> {
    chunk: &'w InChunk<'w, 's>,
    layout: &'w Layout,
    pub(super) masks: Vec<Box<Bits>>,
    /// By selector.
    raw: Vec<Loaded<'w>>,
    /// By stream; unused for those without a set.
    masked: Vec<Masked>,
    /// By derived one.
    derived: Vec<DerivedDay>,
    /// By family: what was found out of values.
    known: Vec<Known>,
    /// By seen one; those of the days before the walk.
    seen: Vec<Option<Box<Bits>>>,
}

/// A selector's users on the day at hand: found, and read when somebody asks for their bits.
pub(crate) struct Loaded<'w> {
    /// `None`: not looked for yet on this day.
    unread: Option<Unread<'w>>,
    /// Inputs that are about to ask.
    readers: u32,
    bits: OnceCell<Box<Bits>>,
    /// Room for them, with rubbish in it.
    spare: Cell<Option<Box<Bits>>>,
}

/// A stream's users on the day at hand, those of its set only.
struct Masked {
    bits: Box<Bits>,
    /// `None`: not read yet on this day.
    present: Option<bool>,
}

/// Users by slot, in no order.
#[derive(Default)]
struct DerivedDay {
    read: bool,
    by_slot: Vec<Vec<Hit>>,
    /// Where a day is one tick and numbers of rows do not matter, only who it is.
    users: Vec<Listed>,
}

impl<'w> Loaded<'w> {
    fn new() -> Loaded<'w> {
        Loaded { unread: None, readers: 0, bits: OnceCell::new(), spare: Cell::new(None) }
    }

    fn clear(&mut self) {
        (self.unread, self.readers) = (None, 0);
        if let Some(bits) = self.bits.take() {
            self.spare.set(Some(bits));
        }
    }

    fn unread(&self) -> Option<&Unread<'w>> {
        self.unread.as_ref().filter(|unread| !unread.is_empty())
    }

    /// Nobody has asked for the bits or is going to after the one at hand.
    fn is_alone(&self) -> bool {
        self.readers <= 1 && self.bits.get().is_none()
    }

    pub(super) fn bits(&self) -> &Bits {
        self.bits.get_or_init(|| {
            let mut bits = self.spare.take().unwrap_or_else(|| Box::new(Bits::EMPTY));
            match self.unread() {
                Some(unread) => unread.copy_into(&mut bits),
                None => *bits = Bits::EMPTY,
            }
            bits
        })
    }

    /// ORs the users into `into`: from where they lie if that is less work.
    pub(super) fn or_into(&self, into: &mut Bits) {
        let Some(unread) = self.unread() else { return };
        if unread.are_few() || self.is_alone() {
            unread.or_into(into);
        } else {
            kernels::or(into, self.bits());
        }
    }

    pub(super) fn copy_into(&self, into: &mut Bits) {
        match self.unread() {
            Some(unread) if self.is_alone() => unread.copy_into(into),
            _ => into.0 = self.bits().0,
        }
    }

    pub(super) fn count(&self) -> u64 {
        let known = self.unread().and_then(Unread::count);
        known.map_or_else(|| kernels::count(self.bits()), |users| users as u64)
    }
}

impl<'w, 's> Frame<'w, 's> {
    pub(super) fn new(chunk: &'w InChunk<'w, 's>, layout: &'w Layout) -> Result<Frame<'w, 's>> {
        let leaves = layout.leaves.users(chunk)?;
        let mask = |set: &super::sets::Members| {
            let mut mask = Box::new(Bits::EMPTY);
            set.evaluate((chunk, &leaves), &mut mask)?;
            Ok(mask)
        };
        let masked = |_| Masked { bits: Box::new(Bits::EMPTY), present: None };
        Ok(Frame {
            chunk,
            layout,
            masks: layout.sets.iter().map(mask).collect::<Result<_>>()?,
            raw: layout.selectors().iter().map(|_| Loaded::new()).collect(),
            masked: layout.streams.iter().map(masked).collect(),
            derived: layout.derived.iter().map(|_| DerivedDay::default()).collect(),
            known: layout.families.iter().map(|_| Known::default()).collect(),
            seen: layout.seen().iter().map(|_| None).collect(),
        })
    }

    /// Everybody of a set who was seen before the days of the walk.
    pub(super) fn seen(&mut self, seen: usize, set: Option<usize>) -> Result<Box<Bits>> {
        let all = match self.seen[seen].take() {
            Some(all) => all,
            None => {
                let mut all = Box::new(Bits::EMPTY);
                self.chunk.grid.seen_into(seen, self.chunk.chunk, &mut all)?;
                all
            }
        };
        let mut within = all.clone();
        self.seen[seen] = Some(all);
        if let Some(set) = set {
            kernels::and(&mut within, &self.masks[set]);
        }
        Ok(within)
    }

    pub(super) fn next_day(&mut self) {
        self.raw.iter_mut().for_each(Loaded::clear);
        self.masked.iter_mut().for_each(|masked| masked.present = None);
        for derived in &mut self.derived {
            if std::mem::take(&mut derived.read) {
                derived.by_slot.iter_mut().for_each(Vec::clear);
                derived.users.iter_mut().for_each(Listed::clear);
            }
        }
    }

    /// Looks for the users of a stream at a day; an input is about to ask for them.
    pub(super) fn load(&mut self, place: usize, stream: usize) -> Result<()> {
        let Stream { selector, set } = self.layout.streams[stream];
        let raw = &mut self.raw[selector];
        if raw.unread.is_none() {
            raw.unread = Some(self.chunk.grid.find(place, selector, self.chunk.chunk)?);
        }
        let Some(set) = set else {
            raw.readers += 1;
            return Ok(());
        };
        let masked = &mut self.masked[stream];
        if masked.present.is_none() {
            raw.readers += 1;
            let some = raw.unread().is_some() && {
                raw.copy_into(&mut masked.bits);
                kernels::and(&mut masked.bits, &self.masks[set]);
                !kernels::is_empty(&masked.bits)
            };
            masked.present = Some(some);
        }
        Ok(())
    }

    /// The stream's users on the loaded day, `None` where there is nobody.
    pub(super) fn users(&self, stream: usize) -> Option<Users<'_>> {
        let Stream { selector, set } = self.layout.streams[stream];
        if set.is_none() {
            let raw = &self.raw[selector];
            return raw.unread().map(|_| Users::Loaded(raw));
        }
        let masked = &self.masked[stream];
        (masked.present == Some(true)).then_some(Users::Bits(&masked.bits))
    }

    /// Reads a derived one at a day.
    pub(super) fn derive(
        &mut self,
        day: &DayBlocks<'_, '_>,
        tick: Tick,
        derived: usize,
    ) -> Result<()> {
        let wanted = &self.layout.derived[derived];
        if self.derived[derived].read {
            return Ok(());
        }
        if let Some(family) = self.layout.family_of[derived] {
            return self.derive_all(day, family);
        }
        let read = &mut self.derived[derived];
        read.read = true;
        let sought = Sought {
            filter: wanted.filter,
            groups: wanted.groups,
            ranked: true,
            axis: wanted.axis.as_deref(),
            within: None,
            counted: wanted.counted,
        };
        day.matched(&sought, tick, &mut |found| match found {
            Found::Hit(slot, hit) if !wanted.of_users() => {
                of_slot(&mut read.by_slot, slot).push(hit);
            }
            Found::Users { lows, slots: [] } => of_slot(&mut read.users, 0).extend(lows),
            found => found.each_user(|slot, low| of_slot(&mut read.users, slot).push(low)),
        })?;
        read.users.iter_mut().for_each(Listed::tidy);
        Ok(())
    }

    /// Reads all of a family at a day.
    fn derive_all(&mut self, day: &DayBlocks<'_, '_>, family: usize) -> Result<()> {
        let wanted = &self.layout.families[family];
        let (all, known) = (&mut self.derived, &mut self.known[family]);
        for derived in &wanted.derived {
            all[*derived].read = true;
            of_slot(&mut all[*derived].users, 0);
        }
        day.dispatched(&wanted.family, known, &mut |passing, low| {
            for filter in passing {
                all[wanted.derived[*filter as usize]].users[0].push(low);
            }
        })?;
        wanted.derived.iter().for_each(|derived| all[*derived].users[0].tidy());
        Ok(())
    }

    /// The users of a slot on the derived day, where that is all there is to know.
    pub(super) fn listed(&self, derived: usize, slot: usize) -> Option<&Listed> {
        self.derived[derived].users.get(slot).filter(|listed| !listed.is_empty())
    }

    /// The rows of a slot on the derived day; a user may come several times.
    pub(super) fn hits(&self, derived: usize, slot: usize) -> &[Hit] {
        self.derived[derived].by_slot.get(slot).map_or(&[], Vec::as_slice)
    }
}

#[inline]
fn of_slot<T: Default>(by_slot: &mut Vec<T>, slot: usize) -> &mut T {
    if by_slot.len() <= slot {
        by_slot.resize_with(slot + 1, T::default);
    }
    &mut by_slot[slot]
}

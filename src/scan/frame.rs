//! The bits of one chunk: masks for all of its days, streams and derived users for one day.

use super::kernels;
use super::layout::{Layout, Stream};
use super::rows::{DayBlocks, Hit, Sought};
use super::walk::InChunk;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Tick;

/// What was read of the day that the walk is at.
pub(super) struct Frame<'w, 's> {
    chunk: &'w InChunk<'w, 's>,
    layout: &'w Layout,
    pub(super) masks: Vec<Box<Bits>>,
    /// By selector.
    raw: Vec<Loaded>,
    /// By stream; unused for those without a set.
    masked: Vec<Loaded>,
    /// By derived one.
    derived: Vec<DerivedDay>,
}

/// Bits that are read when first asked for.
struct Loaded {
    bits: Box<Bits>,
    /// The bits hold something from an earlier day.
    dirty: bool,
    /// `None`: not read yet on this day.
    present: Option<bool>,
}

/// Users by slot, in no order.
#[derive(Default)]
struct DerivedDay {
    read: bool,
    by_slot: Vec<Vec<Hit>>,
}

impl Loaded {
    fn new() -> Loaded {
        Loaded { bits: Box::new(Bits::EMPTY), dirty: false, present: None }
    }

    fn present(&self) -> bool {
        self.present == Some(true)
    }
}

impl<'w, 's> Frame<'w, 's> {
    pub(super) fn new(chunk: &'w InChunk<'w, 's>, layout: &'w Layout) -> Result<Frame<'w, 's>> {
        let mask = |set: &super::sets::Members| {
            let mut mask = Box::new(Bits::EMPTY);
            set.evaluate(chunk, &mut mask)?;
            Ok(mask)
        };
        Ok(Frame {
            chunk,
            layout,
            masks: layout.sets.iter().map(mask).collect::<Result<_>>()?,
            raw: layout.selectors().iter().map(|_| Loaded::new()).collect(),
            masked: layout.streams.iter().map(|_| Loaded::new()).collect(),
            derived: layout.derived.iter().map(|_| DerivedDay::default()).collect(),
        })
    }

    pub(super) fn next_day(&mut self) {
        self.raw.iter_mut().chain(&mut self.masked).for_each(|loaded| loaded.present = None);
        for derived in &mut self.derived {
            if std::mem::take(&mut derived.read) {
                derived.by_slot.iter_mut().for_each(Vec::clear);
            }
        }
    }

    /// Reads a stream at a day.
    pub(super) fn load(&mut self, place: usize, stream: usize) -> Result<()> {
        let Stream { selector, set } = self.layout.streams[stream];
        let raw = &mut self.raw[selector];
        if raw.present.is_none() {
            if std::mem::take(&mut raw.dirty) {
                *raw.bits = Bits::EMPTY;
            }
            let chunk = self.chunk;
            let present = chunk.grid.presence_into(place, selector, chunk.chunk, &mut raw.bits)?;
            (raw.present, raw.dirty) = (Some(present), present);
        }
        let Some(set) = set else { return Ok(()) };
        let masked = &mut self.masked[stream];
        if masked.present.is_none() {
            masked.present = Some(
                raw.present() && {
                    masked.bits.0 = raw.bits.0;
                    kernels::and(&mut masked.bits, &self.masks[set]);
                    !kernels::is_empty(&masked.bits)
                },
            );
        }
        Ok(())
    }

    /// The stream's users on the loaded day, `None` where there is nobody.
    pub(super) fn bits(&self, stream: usize) -> Option<&Bits> {
        let Stream { selector, set } = self.layout.streams[stream];
        let loaded = if set.is_some() { &self.masked[stream] } else { &self.raw[selector] };
        loaded.present().then_some(&*loaded.bits)
    }

    /// Reads a derived one at a day.
    pub(super) fn derive(
        &mut self,
        day: &DayBlocks<'_, '_>,
        tick: Tick,
        derived: usize,
    ) -> Result<()> {
        let wanted = &self.layout.derived[derived];
        let read = &mut self.derived[derived];
        if std::mem::replace(&mut read.read, true) {
            return Ok(());
        }
        let sought = Sought {
            filter: wanted.filter,
            groups: wanted.groups,
            ranked: true,
            axis: wanted.axis.as_deref(),
            within: None,
            counted: wanted.counted,
        };
        let by_slot = &mut read.by_slot;
        day.matched(&sought, tick, &mut |slot, hit| {
            if by_slot.len() <= slot {
                by_slot.resize_with(slot + 1, Vec::new);
            }
            by_slot[slot].push(hit);
        })
    }

    /// The rows of a slot on the derived day; a user may come several times.
    pub(super) fn hits(&self, derived: usize, slot: usize) -> &[Hit] {
        self.derived[derived].by_slot.get(slot).map_or(&[], Vec::as_slice)
    }
}

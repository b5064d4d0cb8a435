//! How many users each group of a breakdown has.

use super::groups::Groups;
use super::kernels;
use super::rows::{DayBlocks, Sought};
use super::selector::Selector;
use super::sets::SetKind;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Micros;
use std::ops::Range;
use std::sync::Arc;

/// Groups below this number have bits of their own in a chunk; of the others there may be millions.
const BITS_GROUPS_MAX: usize = 512;
/// Pairs of group and user kept before those that occur twice are thrown out.
const PAIRS_MIN: usize = 1 << 20;

/// Counts the distinct users of each group.
pub(crate) struct SizeJob {
    pub(crate) selector: Selector,
    /// Instants `[from, to)`.
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    pub(crate) users: Option<Arc<SetKind>>,
    pub(crate) groups: Arc<Groups>,
}

/// A size job's share of the layout.
#[derive(Debug)]
pub(super) struct BoundSizes {
    pub(super) filter: usize,
    pub(super) groups: usize,
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) places: Range<usize>,
    /// Of the places, the days that lie in the stretch wholly.
    pub(super) whole: Range<usize>,
    pub(super) set: Option<usize>,
}

/// The users of each group in one chunk.
#[derive(Default)]
pub(super) struct Sizing {
    bits: Vec<Option<Box<Bits>>>,
    pairs: Vec<(u32, u16)>,
    /// Pairs left when they were sorted last.
    distinct: usize,
}

impl Sizing {
    pub(super) fn day(
        &mut self,
        job: &BoundSizes,
        place: usize,
        day: &DayBlocks<'_, '_>,
        set: Option<&Bits>,
    ) -> Result<()> {
        let sought = Sought {
            filter: job.filter,
            groups: Some(job.groups),
            ranked: false,
            axis: None,
            within: (!job.whole.contains(&place)).then_some((job.from, job.to)),
            counted: false,
        };
        day.matched(&sought, 0, &mut |found| {
            found.each_user(|group, low| {
                if set.is_none_or(|set| set.contains(low)) {
                    self.insert(group, low);
                }
            });
        })?;
        if self.pairs.len() > PAIRS_MIN.max(2 * self.distinct) {
            self.tidy();
        }
        Ok(())
    }

    fn insert(&mut self, group: usize, low: u16) {
        if group >= BITS_GROUPS_MAX {
            self.pairs.push((group as u32, low)); // groups have numbers of 32 bits
            return;
        }
        if self.bits.len() <= group {
            self.bits.resize_with(group + 1, || None);
        }
        self.bits[group].get_or_insert_with(|| Box::new(Bits::EMPTY)).insert(low);
    }

    fn tidy(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.distinct = self.pairs.len();
    }

    /// Adds the chunk's users to the sizes.
    pub(super) fn finish(mut self, sizes: &mut Vec<u64>) {
        self.tidy();
        for (group, bits) in self.bits.iter().enumerate() {
            bits.iter().for_each(|bits| add(sizes, group, kernels::count(bits)));
        }
        for of_group in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            add(sizes, of_group[0].0 as usize, of_group.len() as u64);
        }
    }
}

fn add(sizes: &mut Vec<u64>, group: usize, users: u64) {
    if sizes.len() <= group {
        sizes.resize(group + 1, 0);
    }
    sizes[group] += users;
}

/// Adds one worker's sizes to another's.
pub(super) fn merge(mut sizes: Vec<u64>, other: Vec<u64>) -> Vec<u64> {
    other.into_iter().enumerate().for_each(|(group, users)| add(&mut sizes, group, users));
    sizes
}

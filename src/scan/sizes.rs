//! How many users each group of a breakdown has.

use super::groups::Groups;
use super::kernels;
use super::rows::{DayBlocks, Found, Sought};
use super::selector::Selector;
use super::sets::SetKind;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::{Day, Micros};
use std::ops::Range;
use std::sync::Arc;

/// Groups below this number have bits of their own in a chunk; of the others there may be millions.
const BITS_GROUPS_MAX: usize = 512;
/// Pairs of group and user kept before those that occur twice are thrown out.
const PAIRS_MIN: usize = 1 << 20;

/// Days of which users are counted one by one, at most: more take a walk of their own.
const DAILY_DAYS_MAX: usize = 4_096;

/// Counts the distinct users of each group.
pub(crate) struct SizeJob {
    pub(crate) selector: Selector,
    /// Instants `[from, to)`.
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    pub(crate) users: Option<Arc<SetKind>>,
    pub(crate) groups: Arc<Groups>,
    /// Users of each group on each of these days are asked for as well.
    pub(crate) daily: Option<Range<Day>>,
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
    pub(super) daily: Option<Range<Day>>,
}

/// The users of each group in one chunk.
#[derive(Default)]
pub(super) struct Sizing {
    bits: Vec<Option<Box<Bits>>>,
    pairs: Vec<(u32, u16)>,
    /// Pairs left when they were sorted last.
    distinct: usize,
    met: Met,
}

/// Users who were found on the day at hand, and the group of each.
#[derive(Default)]
struct Met {
    lows: Vec<u16>,
    groups: Vec<u32>,
    /// Nobody was found twice.
    once: bool,
}

impl Sizing {
    pub(super) fn day(
        &mut self,
        job: &BoundSizes,
        (place, on): (usize, Option<Day>),
        day: &DayBlocks<'_, '_>,
        set: Option<&Bits>,
        sizes: &mut Sizes,
    ) -> Result<()> {
        let whole = job.whole.contains(&place);
        let sought = Sought {
            filter: job.filter,
            groups: Some(job.groups),
            ranked: false,
            axis: None,
            within: (!whole).then_some((job.from, job.to)),
            counted: false,
        };
        self.met.clear();
        day.matched(&sought, 0, &mut |found| self.met.take(&found, set))?;
        if let Some(daily) = &mut sizes.daily {
            daily.count(&mut self.met, on.filter(|_| whole));
        }
        self.insert_met();
        if self.pairs.len() > PAIRS_MIN.max(2 * self.distinct) {
            self.tidy();
        }
        Ok(())
    }

    fn insert_met(&mut self) {
        let most = self.met.groups.iter().fold(0, |most: u32, group| most.max(*group)) as usize;
        let few = (most + 1).min(BITS_GROUPS_MAX);
        if self.bits.len() < few && !self.met.groups.is_empty() {
            self.bits.resize_with(few, || None);
        }
        for (low, group) in self.met.lows.iter().zip(&self.met.groups) {
            match self.bits.get_mut(*group as usize) {
                Some(Some(bits)) => bits.insert(*low),
                Some(none) => none.insert(Box::new(Bits::EMPTY)).insert(*low),
                None => self.pairs.push((*group, *low)),
            }
        }
    }

    fn tidy(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.distinct = self.pairs.len();
    }

    /// Adds the chunk's users to the sizes.
    pub(super) fn finish(mut self, sizes: &mut Sizes) {
        self.tidy();
        for (group, bits) in self.bits.iter().enumerate() {
            bits.iter().for_each(|bits| add(&mut sizes.users, group, kernels::count(bits)));
        }
        for of_group in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            add(&mut sizes.users, of_group[0].0 as usize, of_group.len() as u64);
        }
    }
}

impl Met {
    fn clear(&mut self) {
        self.lows.clear();
        self.groups.clear();
        self.once = true;
    }

    fn take(&mut self, found: &Found<'_>, set: Option<&Bits>) {
        // What everyone shares is told at once and of each user once.
        let listed = matches!(found, Found::Users { slots, .. } if !slots.is_empty());
        self.once &= listed && self.lows.is_empty();
        if let (Found::Users { lows, slots }, true, None) = (found, listed, set) {
            self.lows.extend_from_slice(lows);
            return self.groups.extend_from_slice(slots);
        }
        found.each_user(|group, low| {
            if set.is_none_or(|set| set.contains(low)) {
                self.lows.push(low);
                self.groups.push(group as u32); // groups have numbers of 32 bits
            }
        });
    }

    /// Throws out what was found twice; answers whether nobody is in several groups.
    fn tidy(&mut self) -> bool {
        if self.once {
            return true;
        }
        let mut pairs: Vec<(u16, u32)> =
            self.lows.iter().copied().zip(self.groups.iter().copied()).collect();
        pairs.sort_unstable();
        pairs.dedup();
        (self.lows, self.groups) = pairs.iter().copied().unzip();
        pairs.is_sorted_by(|a, b| a.0 < b.0)
    }
}

/// What a size job has counted.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    /// Distinct users of each group, by its number.
    pub(crate) users: Vec<u64>,
    /// Day by day, where the job asked for it and there are not too many groups.
    pub(crate) daily: Option<Daily>,
}

/// Distinct users of each group on each day.
#[derive(Debug, Clone)]
pub(crate) struct Daily {
    days: Range<Day>,
    /// By the group's number: a count for each day; none for a group that was not met.
    counts: Vec<Vec<u64>>,
    /// On no day is anybody in several groups.
    apart: bool,
    /// There are too many groups.
    lost: bool,
}

impl Daily {
    /// `None`: too many days.
    fn new(days: Range<Day>) -> Option<Daily> {
        let few = days.len() <= DAILY_DAYS_MAX;
        few.then_some(Daily { days, counts: Vec::new(), apart: true, lost: false })
    }

    /// `day`: none where it is not counted wholly.
    fn count(&mut self, met: &mut Met, day: Option<Day>) {
        self.apart &= met.tidy();
        let most = met.groups.iter().max().map_or(0, |group| *group as usize + 1);
        let day = day.filter(|day| self.days.contains(day));
        let at = day.and_then(|day| usize::try_from(day - self.days.start).ok());
        let Some(at) = at.filter(|_| most <= BITS_GROUPS_MAX && !self.lost) else {
            self.lost |= most > 0;
            return;
        };
        // Neighbours are often of one group: a count of their own for every other one.
        let mut now = [[0u32; BITS_GROUPS_MAX]; 2];
        for (at, group) in met.groups.iter().enumerate() {
            now[at % 2][*group as usize % BITS_GROUPS_MAX] += 1;
        }
        let now = now[0].iter().zip(&now[1]).map(|(one, two)| u64::from(one + two)).take(most);
        if self.counts.len() < most {
            self.counts.resize(most, Vec::new());
        }
        for (counts, now) in self.counts.iter_mut().zip(now).filter(|(_, now)| *now > 0) {
            counts.resize(self.days.len(), 0);
            counts[at] += now;
        }
    }

    fn merge(mut self, other: Daily) -> Daily {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), Vec::new());
        }
        for (counts, other) in self.counts.iter_mut().zip(other.counts) {
            if counts.is_empty() {
                *counts = other;
            } else {
                counts.iter_mut().zip(other).for_each(|(count, other)| *count += other);
            }
        }
        Daily { apart: self.apart && other.apart, lost: self.lost || other.lost, ..self }
    }

    /// The users of some groups together, day by day; `None` where that is not known.
    pub(crate) fn of_groups(&self, groups: &[u32]) -> Option<Vec<u64>> {
        if self.lost || !(self.apart || groups.len() < 2) {
            return None;
        }
        let mut sum = vec![0; self.days.len()];
        for group in groups {
            let counts = self.counts.get(*group as usize);
            let counts = counts.map_or(&[][..], Vec::as_slice);
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        Some(sum)
    }
}

impl Sizes {
    pub(super) fn new(job: &BoundSizes) -> Sizes {
        Sizes { users: Vec::new(), daily: job.daily.clone().and_then(Daily::new) }
    }

    /// Adds another worker's.
    pub(super) fn merge(mut self, other: Sizes) -> Sizes {
        let users = other.users.into_iter().enumerate();
        users.for_each(|(group, users)| add(&mut self.users, group, users));
        let daily = self.daily.zip(other.daily).map(|(one, other)| one.merge(other));
        Sizes { users: self.users, daily }
    }
}

fn add(sizes: &mut Vec<u64>, group: usize, users: u64) {
    if sizes.len() <= group {
        sizes.resize(group + 1, 0);
    }
    sizes[group] += users;
}

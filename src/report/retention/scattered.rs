//! Cohorts of a retention table whose users lie far apart.

use super::by_first::Cells;
use crate::codec::bits::Bits;
use crate::limits::CHUNK_USERS;
use crate::query::CountKind;
use crate::scan::{Slice, Tally, kernels};
use std::collections::VecDeque;

/// Words that are met in the time in which one user is looked for among those who came back.
const WORDS_PER_USER: usize = 8;
/// Words that are met in the time in which one user who came back looks up their cohort.
const WORDS_PER_LOOKUP: usize = 24;

/// Nobody's cohort: beyond all.
const NONE: u32 = u32::MAX;

/// Cohorts whose users lie far apart.
pub(super) struct Scattered {
    /// Those with a cell to come, oldest first.
    cohorts: VecDeque<Far>,
    /// Words' worth of work to go through all of them.
    pub(super) work: usize,
    /// Who is in one of them, and in which.
    pub(super) assigned: Bits,
    first: Box<[u32]>,
    /// The cell after the one where each user was counted last, or will be; 0 before that.
    mark: Box<[u32]>,
    /// How many of each cohort came back, from the oldest one on.
    counts: Vec<u64>,
}

/// A cohort whose users lie far apart.
struct Far {
    cohort: usize,
    lows: Vec<u16>,
    /// `None`: there are so few of them that one by one is less work.
    slice: Option<Slice>,
}

impl Far {
    fn new(cohort: usize, users: &Bits) -> Far {
        let mut lows = Vec::new();
        kernels::for_each(users, |low| lows.push(low));
        let slice = Slice::of(users);
        let worth = slice.words() < WORDS_PER_USER * lows.len();
        Far { cohort, lows, slice: worth.then_some(slice) }
    }

    fn work(&self) -> usize {
        self.slice.as_ref().map_or(WORDS_PER_USER * self.lows.len(), Slice::words)
    }

    fn count(&self, returned: &Bits) -> u64 {
        match &self.slice {
            Some(slice) => slice.count_and(returned),
            None => self.lows.iter().map(|low| u64::from(returned.contains(*low))).sum(),
        }
    }
}

impl Scattered {
    pub(super) fn new() -> Box<Scattered> {
        Box::new(Scattered {
            cohorts: VecDeque::new(),
            work: 0,
            assigned: Bits::EMPTY,
            first: vec![NONE; CHUNK_USERS].into_boxed_slice(),
            mark: vec![0; CHUNK_USERS].into_boxed_slice(),
            counts: Vec::new(),
        })
    }

    pub(super) fn assign(&mut self, cohort: usize, users: &Bits) {
        kernels::or(&mut self.assigned, users);
        let far = Far::new(cohort, users);
        let first = u32::try_from(cohort).unwrap_or(NONE);
        far.lows.iter().for_each(|low| self.first[usize::from(*low)] = first);
        self.work += far.work();
        self.cohorts.push_back(far);
    }

    /// Counts those of a return bucket: all cohorts meet it, or each user looks up their cohort,
    /// whichever is less work.
    pub(super) fn returned(
        &mut self,
        bucket: usize,
        returned: &mut Bits,
        cells: &Cells,
        tally: &mut Tally,
    ) {
        kernels::and(returned, &self.assigned);
        let lookups = usize::try_from(kernels::count(returned)).unwrap_or(usize::MAX);
        if cells.once || lookups.saturating_mul(WORDS_PER_LOOKUP) < self.work {
            self.look_up(bucket, returned, cells, tally);
            return;
        }
        for far in &self.cohorts {
            cells.add(far.cohort, cells.of[bucket - far.cohort], far.count(returned), tally);
        }
    }

    pub(super) fn look_up(
        &mut self,
        bucket: usize,
        returned: &Bits,
        cells: &Cells,
        tally: &mut Tally,
    ) {
        let Some(oldest) = self.cohorts.front().map(|far| far.cohort) else { return };
        self.counts.clear();
        self.counts.resize(bucket + 1 - oldest, 0);
        if !cells.once {
            let counts = self.counts.as_mut_slice();
            kernels::for_each(returned, |low| {
                counts[self.first[usize::from(low)] as usize - oldest] += 1;
            });
            return self.add_counts((oldest, bucket), cells, tally);
        }
        kernels::for_each(returned, |low| {
            let first = self.first[usize::from(low)] as usize;
            let counted = {
                let next = u32::try_from(cells.of[bucket - first] + 1).unwrap_or(NONE);
                let mark = std::mem::replace(&mut self.mark[usize::from(low)], next);
                match cells.shape.count {
                    CountKind::On => mark == next,
                    CountKind::OnOrBefore => mark != 0,
                    CountKind::OnOrAfter => true,
                }
            };
            self.counts[first - oldest] += u64::from(!counted);
        });
        self.add_counts((oldest, bucket), cells, tally);
    }

    fn add_counts(&self, (oldest, bucket): (usize, usize), cells: &Cells, tally: &mut Tally) {
        for (cohort, count) in (oldest..).zip(&self.counts).filter(|(_, count)| **count > 0) {
            cells.add(cohort, cells.of[bucket - cohort], *count, tally);
        }
    }

    /// The cohorts before one have no cell to come.
    pub(super) fn settle_before(&mut self, cohort: usize, cells: &Cells, tally: &mut Tally) {
        while let Some(over) = self.cohorts.pop_front_if(|far| far.cohort < cohort) {
            self.work -= over.work();
            for low in over.lows {
                self.assigned.remove(low);
                let counted = self.mark[usize::from(low)].checked_sub(1);
                if let (CountKind::OnOrAfter, Some(cell)) = (cells.shape.count, counted) {
                    cells.add(over.cohort, cell as usize, 1, tally);
                }
            }
        }
    }
}

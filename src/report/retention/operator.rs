//! The two ways to fill a retention table.
//!
//! Few cohorts or columns: every cohort's bits meet every return bucket's bits. Many: an array
//! holds each user's cohort, and every user of a return bucket looks up their cell. Both add a
//! person to one cell a row only, the first ("or before") or the last ("or after") or the bracket.

use super::Shape;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::limits::CHUNK_USERS;
use crate::query::CountKind;
use crate::scan::{BucketOperator, Gather, Step, Tally, Threshold, kernels};
use std::collections::VecDeque;
use std::sync::Arc;

const START: usize = 0;
const RETURN: usize = 1;

/// Makes the cohorts, bucket by bucket.
pub(super) struct Starts {
    cohorts: usize,
    now: Gather,
    /// Users of earlier cohorts or buckets, who do not start again; `None` when they do.
    seen: Option<Box<Bits>>,
    new: Box<Bits>,
}

impl Starts {
    pub(super) fn new(recurring: bool, cohorts: usize) -> Starts {
        let empty = || Box::new(Bits::EMPTY);
        Starts {
            cohorts,
            now: Gather::presence(START),
            seen: (!recurring).then(empty),
            new: empty(),
        }
    }

    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>) -> Result<()> {
        if bucket.is_some() {
            return self.now.day(step);
        }
        if let (Some(seen), Some(bits)) = (&mut self.seen, step.users(START)) {
            kernels::or(seen, bits);
        }
        Ok(())
    }

    /// The cohort of the bucket that is over; its size goes into its sum.
    fn close(&mut self, bucket: usize, tally: &mut Tally) -> Option<&Bits> {
        let now = self.now.take()?;
        let cohort = match &mut self.seen {
            Some(seen) => {
                kernels::first_seen(seen, now, &mut self.new);
                &*self.new
            }
            None => now,
        };
        let size = kernels::count(cohort);
        if size == 0 || bucket >= self.cohorts {
            return None;
        }
        tally.add(bucket, size);
        Some(cohort)
    }
}

/// Every cohort meets every return bucket, as bits.
pub(super) struct Pairs {
    shape: Arc<Shape>,
    starts: Starts,
    now: Gather,
    /// The cohorts whose last column is still to come, oldest first; `None`: nobody.
    cohorts: VecDeque<Option<Box<Bits>>>,
    /// The return buckets from the oldest of these cohorts on.
    returns: VecDeque<Option<Box<Bits>>>,
    /// The cohort at the front.
    first: usize,
}

impl Pairs {
    pub(super) fn new(shape: Arc<Shape>, starts: Starts, returns: Threshold) -> Pairs {
        Pairs {
            shape,
            starts,
            now: Gather::new(RETURN, returns),
            cohorts: VecDeque::new(),
            returns: VecDeque::new(),
            first: 0,
        }
    }

    /// Fills the row of the oldest cohort and drops it with its bucket.
    fn settle(&mut self, tally: &mut Tally) {
        let Some(cohort) = self.cohorts.pop_front() else { return };
        if let Some(cohort) = cohort {
            self.fill(&cohort, tally);
        }
        self.first += 1;
        self.returns.pop_front();
    }

    fn fill(&self, cohort: &Bits, tally: &mut Tally) {
        let mut row = Row { cohort, union: None, before: 0 };
        let cells = self.shape.cells.iter().enumerate();
        let mut add = |cell: usize, count| tally.add(self.shape.sum(self.first, cell), count);
        match self.shape.count {
            CountKind::On => cells.for_each(|(cell, offsets)| {
                row.clear();
                offsets.clone().for_each(|offset| row.or(self.returned(offset)));
                add(cell, row.added());
            }),
            CountKind::OnOrBefore => cells.for_each(|(cell, offsets)| {
                row.or(self.returned(*offsets.start()));
                add(cell, row.added());
            }),
            CountKind::OnOrAfter => cells.rev().for_each(|(cell, offsets)| {
                row.or(self.returned(*offsets.start()));
                add(cell, row.added());
            }),
        }
    }

    fn returned(&self, offset: usize) -> Option<&Bits> {
        self.returns.get(offset)?.as_deref()
    }
}

/// A cohort and the union of the return buckets that its cell is about.
struct Row<'a> {
    cohort: &'a Bits,
    union: Option<Union<'a>>,
    /// What was counted before.
    before: u64,
}

/// One bucket needs no copy.
enum Union<'a> {
    One(&'a Bits),
    Several(Box<Bits>),
}

impl<'a> Row<'a> {
    fn clear(&mut self) {
        (self.union, self.before) = (None, 0);
    }

    fn or(&mut self, bits: Option<&'a Bits>) {
        let Some(bits) = bits else { return };
        self.union = Some(match self.union.take() {
            None => Union::One(bits),
            Some(Union::One(one)) => {
                let mut both = Box::new(Bits::EMPTY);
                kernels::union(&mut both, one, bits);
                Union::Several(both)
            }
            Some(Union::Several(mut all)) => {
                kernels::or(&mut all, bits);
                Union::Several(all)
            }
        });
    }

    /// Users of the cohort in the union that were not counted before.
    fn added(&mut self) -> u64 {
        let count = match &self.union {
            None => 0,
            Some(Union::One(bits)) => kernels::count_and(self.cohort, bits),
            Some(Union::Several(bits)) => kernels::count_and(self.cohort, bits),
        };
        count - std::mem::replace(&mut self.before, count)
    }
}

impl BucketOperator for Pairs {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, _: &mut Tally) -> Result<()> {
        self.starts.collect(step, bucket)?;
        if bucket.is_some() { self.now.day(step) } else { Ok(()) }
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        let copy = |bits: &Bits| Box::new(bits.clone());
        let cohort = self.starts.close(bucket, tally).map(copy);
        if bucket < self.shape.cohorts {
            self.cohorts.push_back(cohort);
        }
        self.returns.push_back(self.now.take().map(|bits| copy(bits)));
        if self.returns.len() > self.shape.columns() {
            self.settle(tally);
        }
        Ok(())
    }

    fn finish(&mut self, tally: &mut Tally) {
        while !self.cohorts.is_empty() {
            self.settle(tally);
        }
    }
}

/// Nobody's cohort.
const NONE: u32 = u32::MAX;

/// Every user of a return bucket looks up their one cohort.
pub(super) struct ByFirst {
    shape: Arc<Shape>,
    starts: Starts,
    now: Gather,
    /// Who has a cohort, and which.
    assigned: Box<Bits>,
    first: Box<[u32]>,
    /// The cell after the one where each user was counted last, or will be; 0 before that.
    mark: Box<[u32]>,
    /// Offset to cell.
    cell_of: Vec<u32>,
    /// A user may come back several times for what is counted once. False where every cell is
    /// about one bucket of its own: then nothing needs to be marked.
    once: bool,
}

impl ByFirst {
    pub(super) fn new(shape: Arc<Shape>, starts: Starts, returns: Threshold) -> ByFirst {
        let cells = shape.cells.iter().zip(0_u32..);
        let cell_of =
            cells.flat_map(|(offsets, cell)| offsets.clone().map(move |_| cell)).collect();
        let once = shape.count != CountKind::On || shape.columns() >= shape.cells.len();
        ByFirst {
            once,
            starts,
            now: Gather::new(RETURN, returns),
            assigned: Box::new(Bits::EMPTY),
            first: vec![NONE; CHUNK_USERS].into_boxed_slice(),
            mark: vec![0; CHUNK_USERS].into_boxed_slice(),
            cell_of,
            shape,
        }
    }

    fn assign(&mut self, bucket: usize, tally: &mut Tally) {
        let Some(cohort) = self.starts.close(bucket, tally) else { return };
        kernels::or(&mut self.assigned, cohort);
        let bucket = u32::try_from(bucket).unwrap_or(NONE);
        kernels::for_each(cohort, |low| self.first[usize::from(low)] = bucket);
    }
}

impl BucketOperator for ByFirst {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, _: &mut Tally) -> Result<()> {
        self.starts.collect(step, bucket)?;
        if bucket.is_some() { self.now.day(step) } else { Ok(()) }
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        self.assign(bucket, tally);
        let Some(returned) = self.now.take() else { return Ok(()) };
        kernels::and(returned, &self.assigned);
        let (count, once) = (self.shape.count, self.once);
        kernels::for_each(returned, |low| {
            let first = self.first[usize::from(low)] as usize;
            let Some(cell) = self.cell_of.get(bucket - first).copied() else { return };
            let counted = once && {
                let mark = std::mem::replace(&mut self.mark[usize::from(low)], cell + 1);
                match count {
                    CountKind::On => mark == cell + 1,
                    CountKind::OnOrBefore => mark != 0,
                    CountKind::OnOrAfter => true,
                }
            };
            if !counted {
                tally.add(self.shape.sum(first, cell as usize), 1);
            }
        });
        Ok(())
    }

    fn finish(&mut self, tally: &mut Tally) {
        if self.shape.count != CountKind::OnOrAfter {
            return;
        }
        kernels::for_each(&self.assigned, |low| {
            let place = usize::from(low);
            if let Some(cell) = self.mark[place].checked_sub(1) {
                tally.add(self.shape.sum(self.first[place] as usize, cell as usize), 1);
            }
        });
    }
}

//! Who starts when; and a retention table of few cohorts or columns, in which a user may start
//! several times: every cohort's bits meet every return bucket's bits. A person is added to one cell
//! a row only, the first ("or before") or the last ("or after") or the bracket.

use super::Shape;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::CountKind;
use crate::scan::{BucketOperator, Gather, Step, Tally, Threshold, kernels};
use std::collections::VecDeque;
use std::sync::Arc;

const START: usize = 0;
const RETURN: usize = 1;

/// Makes the cohorts, bucket by bucket.
pub(super) struct Starts {
    cohorts: usize,
    /// `None`: whoever returns in a bucket starts in it as well.
    now: Option<Gather>,
    /// Users of earlier cohorts or buckets, who do not start again; `None` when they do.
    seen: Option<Box<Bits>>,
    new: Box<Bits>,
}

impl Starts {
    /// `same`: to start and to return are the same.
    pub(super) fn new(recurring: bool, same: bool, cohorts: usize) -> Starts {
        let empty = || Box::new(Bits::EMPTY);
        Starts {
            cohorts,
            now: (!same).then(|| Gather::presence(START)),
            seen: (!recurring).then(empty),
            new: empty(),
        }
    }

    pub(super) fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>) -> Result<()> {
        match (bucket, &mut self.now) {
            (Some(_), Some(now)) => return now.day(step),
            (Some(_), None) => return Ok(()),
            (None, _) => {}
        }
        if let (Some(seen), Some(users)) = (&mut self.seen, step.users(START)) {
            users.or_into(seen);
        }
        Ok(())
    }

    /// The cohort of the bucket that is over, and its size, which goes into its sum. `returned`: the
    /// bucket's users of the return event.
    pub(super) fn close<'a>(
        &'a mut self,
        bucket: usize,
        returned: Option<&'a Bits>,
        tally: &mut Tally,
    ) -> Option<(&'a Bits, u64)> {
        let now = match &mut self.now {
            Some(now) => now.take().map(|bits| &*bits),
            None => returned,
        }?;
        let (cohort, size) = match &mut self.seen {
            // Most buckets bring few users to a chunk, or none.
            Some(seen) => match kernels::count_and_not(now, seen) {
                0 => return None,
                new => {
                    kernels::first_seen(seen, now, &mut self.new);
                    (&*self.new, new)
                }
            },
            None => (now, kernels::count(now)),
        };
        if size == 0 || bucket >= self.cohorts {
            return None;
        }
        match tally.is_shared() {
            true => tally.count(bucket, cohort),
            false => tally.add(bucket, size),
        }
        Some((cohort, size))
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
        let mut row = Row { cohort, union: None, before: 0, counted: None };
        let cells = self.shape.cells.iter().enumerate();
        let mut add = |cell: usize, row: &mut Row<'_>| {
            row.add_to(self.shape.sum(self.first, cell), tally);
        };
        match self.shape.count {
            CountKind::On => cells.for_each(|(cell, offsets)| {
                row.clear();
                offsets.clone().for_each(|offset| row.or(self.returned(offset)));
                add(cell, &mut row);
            }),
            CountKind::OnOrBefore => cells.for_each(|(cell, offsets)| {
                row.or(self.returned(*offsets.start()));
                add(cell, &mut row);
            }),
            CountKind::OnOrAfter => cells.rev().for_each(|(cell, offsets)| {
                row.or(self.returned(*offsets.start()));
                add(cell, &mut row);
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
    /// Who that was, where it matters.
    counted: Option<Box<Bits>>,
}

/// One bucket needs no copy.
enum Union<'a> {
    One(&'a Bits),
    Several(Box<Bits>),
}

impl<'a> Row<'a> {
    fn clear(&mut self) {
        (self.union, self.before, self.counted) = (None, 0, None);
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

    /// Adds the users of the cohort in the union that were not counted before.
    fn add_to(&mut self, sum: usize, tally: &mut Tally) {
        let union = match &self.union {
            None => return,
            Some(Union::One(bits)) => *bits,
            Some(Union::Several(bits)) => bits,
        };
        if tally.is_shared() {
            let mut users = Box::new(self.cohort.clone());
            kernels::and(&mut users, union);
            let all = users.clone();
            self.counted.iter().for_each(|counted| kernels::and_not(&mut users, counted));
            tally.count(sum, &*users);
            self.counted = Some(all);
            return;
        }
        let count = kernels::count_and(self.cohort, union);
        tally.add(sum, count - std::mem::replace(&mut self.before, count));
    }
}

impl BucketOperator for Pairs {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, _: &mut Tally) -> Result<()> {
        self.starts.collect(step, bucket)?;
        if bucket.is_some() { self.now.day(step) } else { Ok(()) }
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        let copy = |bits: &Bits| Box::new(bits.clone());
        let returned = self.now.take().map(|bits| copy(bits));
        let cohort = self.starts.close(bucket, returned.as_deref(), tally);
        if bucket < self.shape.cohorts {
            self.cohorts.push_back(cohort.map(|(users, _)| copy(users)));
        }
        self.returns.push_back(returned);
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

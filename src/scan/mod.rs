//! One walk over the grid for all the queries of a call.
//!
//! The scan takes chunks in parallel. In a chunk it evaluates the sets of users first, then goes
//! through the days in order, turns each wanted (day, selector) into bits once, and hands them to
//! the operators of every query. An operator is a small state machine for one chunk; what it counts
//! goes into its worker's tally, and the tallies are added up at the end. Sums do not care for
//! order, so the answer does not depend on the number of threads.

mod buckets;
mod condition;
mod funnel;
mod gather;
mod grid;
mod groups;
pub(crate) mod kernels;
mod layout;
mod rows;
mod selector;
mod sets;
mod walk;
mod window;

pub(crate) use buckets::{BucketOperator, ByBucket, Edges};
pub use condition::Condition;
pub(crate) use condition::{ConditionKind, Test};
pub use funnel::FunnelOrder;
pub(crate) use funnel::{Exclude, FunnelSpec, Matcher, Run};
pub(crate) use gather::{Gather, Threshold};
pub(crate) use groups::{GroupKey, Groups, KeyPart};
pub(crate) use rows::{Counted, RowEvent, RowInput, RowJob, RowOperator, SELECTORS_MAX};
pub use selector::Selector;
pub(crate) use sets::SetKind;
pub(crate) use window::Window;

use crate::codec::bits::Bits;
use crate::error::Result;
use crate::snapshot::SnapshotInner;
use crate::time::Day;

/// Inputs of one operator at most: retention's start and return events, growth's event and any.
pub(crate) const INPUTS_MAX: usize = 2;

/// Users of one selector, day by day, on the stored days of `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    pub(crate) selector: Selector,
    pub(crate) from: Day,
    pub(crate) to: Day,
}

/// What one query needs of a scan.
pub(crate) struct Job<'a> {
    /// At most `INPUTS_MAX`.
    pub(crate) inputs: Vec<Input>,
    /// Only these users count.
    pub(crate) users: Option<&'a SetKind>,
    /// How many sums the operator adds to.
    pub(crate) sums: usize,
    /// Makes the operator of one chunk.
    pub(crate) operator: Box<dyn Fn(u32) -> Box<dyn Operator> + Send + Sync + 'a>,
}

/// One day in one chunk, as an operator sees it.
pub(crate) struct Step<'a> {
    pub(crate) day: Day,
    /// Per input of the job; `None` where nobody was active.
    pub(crate) bits: [Option<&'a Bits>; INPUTS_MAX],
    counts: &'a Counts<'a>,
}

/// Calls back with (user's low 16 bits, rows) for an input.
type Counts<'a> = dyn Fn(usize, &mut dyn FnMut(u16, u32)) -> Result<()> + 'a;

impl Step<'_> {
    /// Rows of the input on this day for each user in its bits; a user may come several times.
    pub(crate) fn counts(&self, input: usize, visit: &mut dyn FnMut(u16, u32)) -> Result<()> {
        let Some(bits) = self.bits.get(input).copied().flatten() else { return Ok(()) };
        (self.counts)(input, &mut |low, rows| {
            if bits.contains(low) {
                visit(low, rows);
            }
        })
    }
}

/// A state machine for one chunk. It is made at the first day on which one of its inputs has a
/// user there; a chunk without such a day adds nothing.
pub(crate) trait Operator {
    /// A day on which an input has a user; days come in ascending order, idle ones do not come.
    fn day(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<()>;
    /// After the last day.
    fn finish(&mut self, tally: &mut Tally) -> Result<()>;
}

/// What a job's operators have counted.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) sums: Vec<u64>,
    /// Chunks and their users, for the reports that list people; in no order.
    pub(crate) members: Vec<(u32, Box<Bits>)>,
}

impl Tally {
    /// Adds to one sum.
    pub(crate) fn add(&mut self, sum: usize, count: u64) {
        self.sums[sum] += count;
    }

    fn merge(mut self, other: Tally) -> Tally {
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
        self.members.extend(other.members);
        self
    }
}

/// Walks the snapshot once for all jobs and answers a tally for each, in order.
pub(crate) fn scan(snapshot: &SnapshotInner, jobs: &[Job<'_>]) -> Result<Vec<Tally>> {
    let layout = layout::Layout::new(jobs, &|id| snapshot.users.find(id.as_bytes()))?;
    let grid = grid::SnapshotGrid::new(snapshot, layout.selectors())?;
    walk::walk(&grid, &layout, jobs)
}

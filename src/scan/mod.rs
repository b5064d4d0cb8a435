//! One walk over the grid for all the queries of a call.
//!
//! The scan takes chunks in parallel. In a chunk it evaluates the sets of users first, then goes
//! through the days in order, turns each wanted (day, selector) into bits once, and hands them to
//! the operators of every query. An operator is a small state machine for one chunk; what it counts
//! goes into its worker's tally, and the tallies are added up at the end. Sums do not care for
//! order, so the answer does not depend on the number of threads.

mod active;
mod buckets;
mod bundle;
mod bundling;
mod condition;
mod frame;
mod funnel;
mod gather;
mod grid;
mod groups;
pub(crate) mod kernels;
mod layout;
mod leaves;
mod narrow;
mod rows;
mod selector;
mod sets;
mod sizes;
mod slice;
mod tally;
mod users;
mod walk;
mod window;

pub(crate) use buckets::{BucketOperator, ByBucket, Edges};
pub(crate) use bundle::Recipe;
pub use condition::Condition;
pub(crate) use condition::{ConditionKind, Test};
pub use funnel::FunnelOrder;
pub(crate) use funnel::{Exclude, FunnelSpec, Matcher, Run};
pub(crate) use gather::{Gather, Threshold};
pub(crate) use groups::{GroupKey, Groups, KeyPart, Numbering};
pub(crate) use narrow::Narrow;
pub(crate) use rows::{Alike, Counted, RowEvent, RowInput, RowJob, RowOperator};
pub use selector::Selector;
pub(crate) use sets::{FunnelSet, SetKind};
pub(crate) use sizes::{SizeJob, Sizes};
pub(crate) use slice::Slice;
pub(crate) use tally::Tally;
pub(crate) use users::Users;
pub(crate) use window::Window;

use crate::error::Result;
use crate::first::FirstIndex;
use crate::snapshot::SnapshotInner;
use crate::time::{Axis, Day, Tick};
use std::ops::Range;
use std::sync::Arc;

/// Users of one selector, tick by tick, on the stored ticks of `[from, to)`.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) selector: Selector,
    pub(crate) from: Tick,
    pub(crate) to: Tick,
    /// Everybody seen before `from` comes too: at once, on the day before it, or, where only events
    /// tell, day by day.
    pub(crate) seen_before: bool,
    /// Only events of this slot of the groups of a breakdown.
    pub(crate) slot: Option<(Arc<Groups>, usize)>,
}

impl Input {
    /// The same, with everybody seen before.
    pub(crate) fn with_seen(self) -> Input {
        Input { seen_before: true, ..self }
    }
}

/// What one query needs of a scan.
pub(crate) struct Job<'a> {
    pub(crate) inputs: Vec<Input>,
    /// What times become; `None`: the database's days.
    pub(crate) axis: Option<Arc<Axis>>,
    /// Only these users count.
    pub(crate) users: Option<Arc<SetKind>>,
    /// The operator asks for rows per user.
    pub(crate) counted: bool,
    /// How many sums the operator adds to.
    pub(crate) sums: usize,
    /// The job may be shared out by its buckets.
    pub(crate) cut: Option<Cut>,
    /// What tells that other jobs do the same with their inputs; `None`: no other does.
    pub(crate) recipe: Option<Recipe>,
    /// Makes the operator of one share of one chunk.
    pub(crate) operator: MakeOperator<'a>,
}

impl Job<'_> {
    /// The same, which does what every job of the recipe does.
    pub(crate) fn of_recipe(self, recipe: Recipe) -> Self {
        Job { recipe: Some(recipe), ..self }
    }
}

pub(crate) type MakeOperator<'a> = Box<dyn Fn(&Share) -> Box<dyn Operator> + Send + Sync + 'a>;

/// Buckets that are counted each by itself, from its own days and some before.
pub(crate) struct Cut {
    pub(crate) edges: Edges,
    /// Ticks up to a bucket's end that tell all of it, if it is shorter than that.
    pub(crate) reach: Tick,
}

/// What one operator works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) chunk: u32,
    /// Of a job that can be shared out.
    pub(crate) buckets: Range<usize>,
}

/// One tick in one chunk, as an operator sees it.
pub(crate) struct Step<'a> {
    pub(crate) day: Tick,
    /// Per input of the job; `None` where nobody was active.
    users: &'a [Option<Users<'a>>],
    counts: &'a Counts<'a>,
}

/// Calls back with (user's low 16 bits, rows) for an input.
type Counts<'a> = dyn Fn(usize, &mut dyn FnMut(u16, u32)) -> Result<()> + 'a;

impl Step<'_> {
    /// The users of an input; `None` where nobody was active, or the job has no such input.
    pub(crate) fn users(&self, input: usize) -> Option<Users<'_>> {
        self.users.get(input).copied().flatten()
    }

    /// Rows of the input on this day for each user in its bits; a user may come several times.
    pub(crate) fn counts(&self, input: usize, visit: &mut dyn FnMut(u16, u32)) -> Result<()> {
        let Some(bits) = self.users(input).map(Users::bits) else { return Ok(()) };
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

/// What the jobs of a scan have counted, each in the order of its kind.
pub(crate) struct Scanned {
    pub(crate) tallies: Vec<Tally>,
    pub(crate) rows: Vec<Counted>,
    pub(crate) sizes: Vec<Sizes>,
    /// Parts of blocks of rows that were decoded.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test holds that queries share them"))]
    pub(crate) reads: u64,
}

/// Is told how much of a scan is done, and how much there is. An error stops the scan.
pub(crate) type Tell<'t> = dyn Fn(u64, u64) -> Result<()> + Sync + 't;

/// The jobs of a scan, by kind.
type Jobs<'j, 'a> = (&'j [Job<'a>], &'j [RowJob<'a>], &'j [SizeJob]);

/// Walks the snapshot once for all jobs.
pub(crate) fn scan(
    snapshot: &SnapshotInner,
    jobs: &[Job<'_>],
    row_jobs: &[RowJob<'_>],
    size_jobs: &[SizeJob],
) -> Result<Scanned> {
    scan_telling(snapshot, (jobs, row_jobs, size_jobs), &|_, _| Ok(()))
}

/// The same, which tells how far it is.
pub(crate) fn scan_telling(
    snapshot: &SnapshotInner,
    jobs: Jobs<'_, '_>,
    tell: &Tell<'_>,
) -> Result<Scanned> {
    let first = snapshot.first();
    match scan_with(snapshot, first, jobs, tell) {
        // The days tell all that the index does.
        Err(_) if first.is_some_and(|first| first.broken().is_some()) => {
            scan_with(snapshot, None, jobs, tell)
        }
        scanned => scanned,
    }
}

fn scan_with(
    snapshot: &SnapshotInner,
    first: Option<&FirstIndex>,
    (jobs, row_jobs, size_jobs): Jobs<'_, '_>,
    tell: &Tell<'_>,
) -> Result<Scanned> {
    let spans = snapshot.days.iter().map(|day| day.span).collect();
    let find = |id: &str| snapshot.users.find(id.as_bytes());
    let days_from = snapshot.manifest.days_from.unwrap_or(Day::MIN);
    let told = (spans, first.is_some(), days_from);
    let mut layout = layout::Layout::new(jobs, row_jobs, size_jobs, told, &find)?;
    snapshot.note_asked(&layout.asked_places());
    let needs = std::mem::take(&mut layout.needs);
    let names = if needs.is_empty() { Vec::new() } else { snapshot.activity_names() };
    let rows = rows::RowGrid::new(&snapshot.days, &names, needs)?;
    let grid = grid::SnapshotGrid::new(snapshot, layout.selectors(), (layout.seen(), first))?;
    walk::walk(&grid, &rows, &layout, (jobs, row_jobs), tell)
}

//! Events of users, in order, for reports that look at more than who was there.
//!
//! A row job names the events that it reads and what it wants to know of each. The scan gathers
//! them chunk by chunk, sorts them by user, time, activity and arrival, and hands every user's
//! events to the job's operator at once. Each worker has an operator of its own, which keeps what
//! it counted; at the end they are merged into one. Users come in no order, so merging must not
//! care for it.

mod alike;
mod block;
mod check;
mod codes;
mod dispatch;
mod gather;
mod grid;
mod mask;
mod matched;
mod needs;
mod segments;

pub(crate) use alike::Alike;
pub(super) use dispatch::{Family, Known, hash};
pub(super) use gather::{BoundRows, Gathered};
pub(super) use grid::{DayBlocks, RowGrid};
pub(super) use matched::{Found, Hit, Sought};
pub(super) use needs::Needs;
pub(super) use segments::{Got, RowSegments, row_segments};

use super::groups::Numbering;
use super::narrow::Narrow;
use super::selector::Selector;
use super::sets::SetKind;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Number;
use crate::time::Micros;
use std::any::Any;
use std::sync::Arc;

/// Selectors of one row job at most: one bit each in an event's mask.
pub(crate) const SELECTORS_MAX: usize = 64;

/// What a row job reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowInput {
    /// Events that match at least one of these are read; the event's mask says which.
    pub(crate) selectors: Vec<Selector>,
    /// Instants `[from, to)`.
    pub(crate) from: Micros,
    pub(crate) to: Micros,
    /// A property whose numbers are read.
    pub(crate) number: Option<String>,
    /// Every event gets the number of its group.
    pub(crate) numbering: Option<Arc<Numbering>>,
    /// Whether events get their activity, a place in `SnapshotInner::activity_names`.
    pub(crate) activities: bool,
    /// Events without a user are read as well.
    pub(crate) nobody: bool,
    /// The order of events does not matter, nor whose they are.
    pub(crate) unordered: bool,
    /// Times matter only so far as they lie between two of these; none: every time matters.
    pub(crate) edges: Arc<[Micros]>,
    /// The selectors are steps: rows that cannot matter are left out.
    pub(crate) narrow: Option<Narrow>,
}

/// One event as a row job sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowEvent {
    pub(crate) at: Micros,
    /// Bit i: it matches selector i.
    pub(crate) mask: u64,
    /// Rank of its name among all names by bytes; 0 where it was not asked for.
    pub(crate) activity: u32,
    /// Its group in `RowInput::numbering`; 0 without.
    pub(crate) group: u32,
    /// The number of the property; `None` where it has none, or was not asked for.
    pub(crate) number: Option<Number>,
}

impl RowEvent {
    /// Whether the event matches the selector of that place.
    pub(crate) fn matches(&self, selector: usize) -> bool {
        self.mask >> selector & 1 == 1
    }
}

/// What a row report does with a user's events, and what it has counted so far.
pub(crate) trait RowOperator: Send + Sized + 'static {
    /// All events of one user that the job reads, in order: by time, then by the activity's name,
    /// then by arrival. At least one; every user comes once.
    fn user(&mut self, user: u32, events: &[RowEvent]) -> Result<()>;

    /// Some events in no order: those without a user, only where the job asks for them; where it
    /// asks for no order, those of users as well.
    fn unordered(&mut self, _events: &[RowEvent]) -> Result<()> {
        Ok(())
    }

    /// Some events in no order that differ in nothing but their numbers.
    fn alike(&mut self, alike: &Alike<'_>) -> Result<()> {
        self.unordered(&alike.events())
    }

    /// Takes in what another worker has counted.
    fn merge(&mut self, other: Self) -> Result<()>;
}

/// What one report needs of the rows.
pub(crate) struct RowJob<'a> {
    pub(crate) input: RowInput,
    /// Only these users count; events without a user do not, then.
    pub(crate) users: Option<Arc<SetKind>>,
    pub(super) make: Box<dyn Fn() -> Box<dyn Erased> + Send + Sync + 'a>,
}

impl<'a> RowJob<'a> {
    /// `make`: the operator of one worker.
    pub(crate) fn new<T: RowOperator>(
        input: RowInput,
        users: Option<Arc<SetKind>>,
        make: impl Fn() -> T + Send + Sync + 'a,
    ) -> RowJob<'a> {
        RowJob { input, users, make: Box::new(move || Box::new(make())) }
    }
}

/// What the operator of a row job has counted.
pub(crate) struct Counted(pub(super) Box<dyn Any>);

impl Counted {
    /// The merged operator, of the type that the job was made with.
    pub(crate) fn take<T: RowOperator>(self) -> Result<T> {
        let counted = self.0.downcast::<T>();
        counted.map(|counted| *counted).map_err(|_| {
            Error::new(ErrorKind::Input, "a report took another report's rows".to_string())
        })
    }
}

/// A row operator of any type.
pub(super) trait Erased: Send {
    fn user(&mut self, user: u32, events: &[RowEvent]) -> Result<()>;
    fn unordered(&mut self, events: &[RowEvent]) -> Result<()>;
    fn alike(&mut self, alike: &Alike<'_>) -> Result<()>;
    fn merge(&mut self, other: Box<dyn Erased>) -> Result<()>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: RowOperator> Erased for T {
    fn user(&mut self, user: u32, events: &[RowEvent]) -> Result<()> {
        RowOperator::user(self, user, events)
    }

    fn unordered(&mut self, events: &[RowEvent]) -> Result<()> {
        RowOperator::unordered(self, events)
    }

    fn alike(&mut self, alike: &Alike<'_>) -> Result<()> {
        RowOperator::alike(self, alike)
    }

    fn merge(&mut self, other: Box<dyn Erased>) -> Result<()> {
        RowOperator::merge(self, Counted(other.into_any()).take()?)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

//! A query against a snapshot: its range, its buckets, what is complete.

use super::Query;
use super::answer::Info;
use crate::snapshot::SnapshotInner;
use crate::time::{Bucket, Day, Micros, WeekStart};

/// One bucket: civil days `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Day,
    pub(crate) end: Day,
    /// Its first instant is before `as_of`; otherwise its value is null.
    pub(crate) begun: bool,
    /// Its last instant is not after `as_of`.
    pub(crate) complete: bool,
}

/// Everything of a query that does not depend on its report.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Widened to whole buckets; `from <= to`.
    pub(crate) from: Day,
    pub(crate) to: Day,
    pub(crate) by: Bucket,
    pub(crate) week_start: WeekStart,
    pub(crate) as_of: Micros,
    /// Buckets of the range in order; at least one unless the range is empty.
    pub(crate) buckets: Vec<Span>,
    /// First day with a stored event; `None` in an empty database.
    pub(crate) first_day: Option<Day>,
    pub(crate) info: Info,
}

impl Plan {
    /// Checks names against the snapshot (a never-seen one is a warning in `info`), resolves relative
    /// dates, widens the range, cuts it into buckets. `now` decides `as_of` where the query names none.
    pub(crate) fn new(
        _query: &Query,
        _snapshot: &SnapshotInner,
        _now: Micros,
    ) -> crate::Result<Plan> {
        todo!()
    }
    /// The span of days `[start, end)` as a bucket of this plan: begun, complete by `as_of`.
    pub(crate) fn span(&self, _snapshot: &SnapshotInner, _start: Day, _end: Day) -> Span {
        todo!()
    }
}

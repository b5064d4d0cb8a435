//! The query: one plain value, behind three doors (builder, JSON, flags).
//!
//! `builder` makes it, `json` reads it and `normal` writes it back; `check` decides what may stand
//! together; `plan` turns it into days and buckets of one snapshot; `answer` is what comes out.

pub(crate) mod answer;
mod builder;
mod check;
mod date;
mod fields;
mod json;
mod normal;
pub(crate) mod plan;
mod render;
mod set;
mod strict;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Average, BucketInfo, Cohort, Column, Figures, Info, Series};
pub use date::DateArg;
pub use json::{Queries, queries_from_json};
pub use render::Table;
pub use set::Set;

use crate::scan::{Selector, SetKind};
use crate::time::{Bucket, Day, Micros, WeekStart};

/// A question: a report, the range it looks at, and whom it counts.
///
/// There is one constructor per report, and one method per field. What cannot be (a date that is
/// not one, a field that the report does not have, `from` after `to`) is remembered and comes back
/// as one error from [`check`](Query::check), and from running the query.
///
/// ```
/// use daybit::{Bucket, Query, Set};
/// let buyers = Query::active("purchase").by(Bucket::Month).from("2024-01-01").to("2025-01-01");
/// buyers.check()?;
/// let weekly = Query::retention("signup").returning("purchase").by(Bucket::Week).columns(8);
/// weekly.only(Set::did("visit").at_least(3)).check()?;
/// assert!(Query::active("*").from("next week").check().is_err());
/// # Ok::<(), daybit::Error>(())
/// ```
///
/// The same value as JSON:
///
/// ```
/// # use daybit::{Bucket, Query};
/// let query = Query::from_json(r#"{"report": "active", "event": "purchase", "by": "month"}"#)?;
/// assert_eq!(query, Query::active("purchase").by(Bucket::Month));
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(crate) report: Report,
    pub(crate) from: Option<FromDate>,
    pub(crate) to: Option<ToDate>,
    pub(crate) by: Option<Bucket>,
    pub(crate) time_zone: Option<String>,
    pub(crate) week_start: WeekStart,
    pub(crate) as_of: Option<Micros>,
    pub(crate) users: Option<SetKind>,
    /// The first thing that was wrong while the query was built.
    pub(crate) fault: Option<String>,
}

/// Where a range starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FromDate {
    Date(Day),
    /// So many of a unit before `to`: `-28d`, `-12w`, `-6m`, `-1y`.
    Back(u32, Bucket),
}

/// Where a range ends (that day not included).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ToDate {
    Date(Day),
    /// The day of `as_of`, that day included.
    Today,
}

/// A report with its own fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    Active {
        event: Selector,
        trailing: Option<u32>,
    },
    Frequency {
        event: Selector,
        interval: Bucket,
        at_least: u32,
        at_most: Option<u32>,
    },
    /// `trailing: None` is the calendar bucket.
    Stickiness {
        event: Selector,
        trailing: Option<u32>,
    },
    Growth {
        event: Selector,
        gap: u32,
        trailing: Option<u32>,
        new_means_any: bool,
    },
    States {
        event: Selector,
        week: u32,
        month: u32,
    },
    Retention(Retention),
    /// People of `Query::users` (everyone without) with an event in the range, where there is one.
    Count,
    /// Ids of the people that `Count` counts.
    Users {
        limit: u32,
        after: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retention {
    pub(crate) start: Selector,
    /// `None`: the start event.
    pub(crate) returning: Option<Selector>,
    /// The last column. With `brackets` the cells are bucket 0 and one per bracket instead.
    pub(crate) columns: u32,
    pub(crate) cohort: CohortKind,
    pub(crate) count: CountKind,
    /// Consecutive widths after bucket 0, in buckets; empty: a cell per column.
    pub(crate) brackets: Vec<u32>,
    pub(crate) at_least: u32,
}

impl Retention {
    /// The event that counts as a return.
    pub(crate) fn returning(&self) -> &Selector {
        self.returning.as_ref().unwrap_or(&self.start)
    }

    /// Cells of one cohort, bucket 0 included.
    pub(crate) fn cells(&self) -> usize {
        let after = match self.brackets.len() {
            0 => usize::try_from(self.columns).unwrap_or(usize::MAX),
            brackets => brackets,
        };
        after.saturating_add(1)
    }
}

/// What puts a user into a cohort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CohortKind {
    /// The first event ever that matches.
    #[default]
    First,
    /// Every bucket with a matching event.
    Recurring,
    /// The first event of that name, filters or not; it must itself match.
    FirstEver,
    /// The first matching event inside the range.
    FirstInRange,
}

/// Which returns a retention column counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CountKind {
    /// In exactly that bucket.
    #[default]
    On,
    /// In that bucket or a later one, up to the last column.
    OnOrAfter,
    /// In any bucket up to that one.
    OnOrBefore,
}

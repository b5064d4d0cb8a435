//! The query: one plain value, behind three doors (builder, JSON, flags).
//!
//! `builder` makes it, `json` reads it and `normal` writes it back; `check` decides what may stand
//! together; `plan` turns it into days and buckets of one snapshot; `answer` is what comes out.

pub(crate) mod answer;
mod builder;
mod check;
pub(crate) mod cohorts;
mod condition;
mod date;
mod duration;
mod fields;
mod history;
mod json;
mod known;
mod normal;
pub(crate) mod plan;
mod render;
pub(crate) mod report;
mod resolve;
mod set;
mod strict;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub use answer::{
    AmountAverage, AmountCohort, Answer, Average, BucketInfo, BucketStart, Cohort, Column,
    DurationBin, Figures, FunnelStep, Info, Link, Partial, Series,
};
pub use date::DateArg;
pub use duration::DurationArg;
pub use json::{Queries, exact_json, queries_from_json};
pub(crate) use normal::selector_name;
pub(crate) use report::{Anchor, Paths, Person, Report, Retention, Survey, ValueReport};
pub use report::{CohortKind, CountKind, Measure, PersonColumn, SurveyKind};
pub use set::Set;
pub(crate) use set::SetTree;
pub use table::Table;

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
    pub(crate) users: Option<SetTree>,
    /// A group per combination of values of these properties.
    pub(crate) breakdown: Vec<String>,
    /// Groups kept; `None`: 25.
    pub(crate) top: Option<u32>,
    /// Days that are damaged are left out, and the answer says so.
    pub(crate) allow_partial: bool,
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

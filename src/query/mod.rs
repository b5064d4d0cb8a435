//! The query: one plain value, behind three doors (builder, JSON, flags).

pub(crate) mod answer;
pub(crate) mod json;
pub(crate) mod plan;
pub(crate) mod selector;

pub use answer::{Answer, BucketInfo, Cohort, Info, Series, Table};
pub use selector::{Selector, Set};

use crate::time::{Bucket, Day, Micros, WeekStart};

/// A question. See the builder's methods; the JSON form is read by `Query::from_json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(crate) report: Report,
    pub(crate) from: Option<FromDate>,
    pub(crate) to: Option<ToDate>,
    pub(crate) by: Option<Bucket>,
    pub(crate) time_zone: Option<String>,
    pub(crate) week_start: WeekStart,
    pub(crate) as_of: Option<Micros>,
    pub(crate) users: Option<Set>,
    pub(crate) breakdown: Vec<String>,
    pub(crate) top: Option<u32>,
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
    Count,
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
    pub(crate) columns: u32,
    pub(crate) cohort: CohortKind,
    pub(crate) count: CountKind,
    pub(crate) brackets: Vec<u32>,
    pub(crate) at_least: u32,
}

/// What puts a user into a cohort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountKind {
    /// In exactly that bucket.
    #[default]
    On,
    /// In that bucket or a later one, up to the last column.
    OnOrAfter,
    /// In any bucket up to that one.
    OnOrBefore,
}

//! The answer: typed columns, and the ways to reach them.

use chrono::NaiveDate;
use std::collections::BTreeMap;

/// The answer to one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The report's name.
    pub report: &'static str,
    /// What the figures rest on.
    pub info: Info,
    /// One per bucket of the range; empty for reports without buckets.
    pub buckets: Vec<BucketInfo>,
    /// One per breakdown group; one with an empty key without a breakdown.
    pub series: Vec<Series>,
}

/// What an answer's figures rest on.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// IANA name.
    pub time_zone: String,
    /// First day of the week, like `monday`.
    pub week_start: &'static str,
    /// First day of the range, widened to whole buckets.
    pub from: NaiveDate,
    /// The day after the last one.
    pub to: NaiveDate,
    /// RFC 3339 in UTC: what lies after it is not complete.
    pub as_of: String,
    /// RFC 3339 in UTC: time of the newest event seen; `None` in an empty database.
    pub watermark: Option<String>,
    /// Hash of the normalised query, range and `as_of` left out, 8 hex digits: two figures are
    /// comparable when it is equal.
    pub definition: String,
    /// Time taken, in milliseconds.
    pub elapsed_ms: f64,
    /// What the asker should know: names never seen, events after `as_of`.
    pub warnings: Vec<String>,
}

/// One bucket of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its first day.
    pub start: NaiveDate,
    /// It has ended at `as_of`.
    pub complete: bool,
}

/// The figures of one breakdown group.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Property to value; empty without a breakdown.
    pub key: BTreeMap<String, serde_json::Value>,
    /// The figures.
    pub figures: Figures,
}

/// The figures, by the shape of the report.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Figures {
    /// Named columns, each as long as `buckets`.
    Columns(Vec<(&'static str, Column)>),
    /// `frequency`: users active in exactly k intervals, k from 1.
    Frequency(Vec<u64>),
    /// `retention`.
    Retention {
        /// One per bucket of the range.
        cohorts: Vec<Cohort>,
        /// One per column.
        average: Vec<Average>,
    },
    /// `count`.
    Count(u64),
    /// `users`: a page of ids in byte order.
    Users {
        /// The page.
        ids: Vec<String>,
        /// The id to go on after; `None` on the last page.
        next: Option<String>,
    },
}

/// One column of figures; `None` is null: over nobody, or not begun.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Column {
    /// People or events.
    Counts(Vec<Option<u64>>),
    /// Rates and ratios.
    Ratios(Vec<Option<f64>>),
}

/// One cohort of a retention table.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// First day of its bucket.
    pub start: NaiveDate,
    /// People; `None` for a bucket not begun.
    pub size: Option<u64>,
    /// Column 0, 1, ...; `None` where it cannot be known yet.
    pub returned: Vec<Option<u64>>,
    /// Whether each cell is final.
    pub complete: Vec<bool>,
}

/// One column of the average row: cohorts whose cell is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Average {
    /// Sum of returned.
    pub returned: u64,
    /// Sum of sizes.
    pub size: u64,
    /// `returned / size`; `None` over nobody.
    pub rate: Option<f64>,
}

impl Cohort {
    /// Share of the cohort in a column, 0..1; `None` over nobody and where it cannot be known yet.
    #[must_use]
    pub fn rate(&self, column: usize) -> Option<f64> {
        let returned = self.returned.get(column).copied().flatten()?;
        share(returned, self.size?)
    }
}

impl Average {
    /// The average of a column from its sums.
    #[must_use]
    pub fn new(returned: u64, size: u64) -> Average {
        Average { returned, size, rate: share(returned, size) }
    }
}

/// `part / whole`; `None` over nothing.
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The figures of the first series: all there is without a breakdown.
impl Answer {
    /// A column of people or events, as long as [`buckets`](Answer::buckets): `users` of `active`,
    /// `new` of `growth`. `None` where the report has no such column.
    #[must_use]
    pub fn counts(&self, name: &str) -> Option<&[Option<u64>]> {
        match self.column(name)? {
            Column::Counts(values) => Some(values),
            Column::Ratios(_) => None,
        }
    }

    /// A column of rates, as long as [`buckets`](Answer::buckets): `ratio` of `stickiness`,
    /// `quick_ratio` of `growth`. `None` where the report has no such column.
    #[must_use]
    pub fn ratios(&self, name: &str) -> Option<&[Option<f64>]> {
        match self.column(name)? {
            Column::Ratios(values) => Some(values),
            Column::Counts(_) => None,
        }
    }

    /// A column of either kind.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        let Some(Figures::Columns(columns)) = self.figures() else { return None };
        columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    /// The cohorts of a `retention` report; empty for the others.
    #[must_use]
    pub fn cohorts(&self) -> &[Cohort] {
        match self.figures() {
            Some(Figures::Retention { cohorts, .. }) => cohorts,
            _ => &[],
        }
    }

    /// The average row of a `retention` report; empty for the others.
    #[must_use]
    pub fn average(&self) -> &[Average] {
        match self.figures() {
            Some(Figures::Retention { average, .. }) => average,
            _ => &[],
        }
    }

    /// The figure of a `count` report.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self.figures() {
            Some(Figures::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// Of a `frequency` report, the users active in exactly 1, 2, ... intervals; empty for others.
    #[must_use]
    pub fn histogram(&self) -> &[u64] {
        match self.figures() {
            Some(Figures::Frequency(users)) => users,
            _ => &[],
        }
    }

    /// The page of a `users` report; empty for the others.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        match self.figures() {
            Some(Figures::Users { ids, .. }) => ids,
            _ => &[],
        }
    }

    /// Of a `users` report, the id that the next page starts after; `None` on the last page.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        match self.figures() {
            Some(Figures::Users { next, .. }) => next.as_deref(),
            _ => None,
        }
    }

    fn figures(&self) -> Option<&Figures> {
        self.series.first().map(|series| &series.figures)
    }
}

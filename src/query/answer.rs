//! The answer: typed columns, its JSON form, and its rows.

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
    /// Hash of the normalised query, 8 hex digits.
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
    Retention { cohorts: Vec<Cohort>, average: Vec<Average> },
    /// `count`.
    Count(u64),
    /// `users`: a page of ids in byte order, and the id to go on after.
    Users { ids: Vec<String>, next: Option<String> },
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

/// An answer as records: a row per bucket, cohort cell or user, key columns first.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<serde_json::Value>>,
}

impl Answer {
    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        todo!()
    }
    /// The answer as records.
    #[must_use]
    pub fn to_table(&self) -> Table {
        todo!()
    }
}

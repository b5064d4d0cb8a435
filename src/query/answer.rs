//! The answer: typed columns, and the ways to reach them.

use crate::event::Value;
use chrono::{DateTime, FixedOffset, NaiveDate};
use std::collections::BTreeMap;
use std::fmt;

/// The name of a feature in the key of `adoption`.
pub(crate) const FEATURE: &str = "feature";

/// The answer to one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The report's name.
    pub report: &'static str,
    /// What the figures rest on.
    pub info: Info,
    /// One per bucket of the range; empty for reports without buckets.
    pub buckets: Vec<BucketInfo>,
    /// The names in the keys of the series, in the order asked for: `feature` of `adoption`, and the
    /// properties of the breakdown.
    pub keys: Vec<String>,
    /// There is a breakdown: each series is a group of it.
    pub grouped: bool,
    /// The names of the report's own columns in [`to_table`](Answer::to_table), which it has even
    /// where no group was found.
    pub columns: Vec<String>,
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
    /// First day of the range, widened to whole buckets; `None` where nothing in the answer is
    /// bounded by one: `count` and `users` without `from` and `to` are about everyone ever.
    pub from: Option<NaiveDate>,
    /// The day after the last one; `None` with `from`.
    pub to: Option<NaiveDate>,
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
    /// Days that are left out, since they are damaged and the query allows it; `None` where the
    /// answer is whole.
    pub partial: Option<Partial>,
}

/// What an answer leaves out: the figures are those of a database that never had these days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partial {
    /// The days, in the database's time zone, ascending; also days before the range, where figures
    /// depend on them.
    pub days: Vec<NaiveDate>,
    /// Names, within the database's folder, of the files in which they are damaged.
    pub files: Vec<String>,
}

/// One bucket of the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its first day, or the hour.
    pub start: BucketStart,
    /// It has ended at `as_of`.
    pub complete: bool,
}

/// Where a bucket starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketStart {
    /// At the first instant of this date, in the query's zone.
    Date(NaiveDate),
    /// With this hour of local time.
    Hour(DateTime<FixedOffset>),
}

impl fmt::Display for BucketStart {
    /// `2024-11-03`, or `2024-11-03T01:00-07:00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BucketStart::Date(date) => date.format("%Y-%m-%d").fmt(f),
            BucketStart::Hour(hour) => hour.format("%Y-%m-%dT%H:%M%:z").fmt(f),
        }
    }
}

impl From<NaiveDate> for BucketStart {
    fn from(date: NaiveDate) -> BucketStart {
        BucketStart::Date(date)
    }
}

/// The figures of one breakdown group.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Property to value, `None` where the event has none. Empty without a breakdown; the group of
    /// all that is not kept has the one entry `other`, true, in the place of its values.
    pub key: BTreeMap<String, Option<Value>>,
    /// The group of all that is not kept, which a property called `other` could be taken for.
    pub other: bool,
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
    /// `retention` with a property: sums of its value.
    AmountRetention {
        /// One per bucket of the range.
        cohorts: Vec<AmountCohort>,
        /// One per column.
        average: Vec<AmountAverage>,
    },
    /// `funnel`.
    Funnel {
        /// Columns are as long as `buckets`; otherwise they hold one figure, of the whole range.
        by_bucket: bool,
        /// Step 1 first.
        steps: Vec<FunnelStep>,
        /// Users by the time from entry to the last step.
        histogram: Vec<DurationBin>,
    },
    /// `paths`, by step.
    Paths(Vec<Link>),
    /// `count`.
    Count(u64),
    /// `users`: a page of ids.
    Users {
        /// The page.
        ids: Vec<String>,
        /// What was asked for of each, as long as `ids`.
        columns: Vec<(&'static str, Column)>,
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
    /// Values of a property, added up or picked: integers, decimals or floats, never other values.
    Amounts(Vec<Option<Value>>),
    /// Times: RFC 3339 in the query's zone.
    Instants(Vec<Option<String>>),
    /// A list per class of durations.
    Classes(Vec<Vec<Option<u64>>>),
}

/// One cohort of a retention table.
#[derive(Debug, Clone, PartialEq)]
pub struct Cohort {
    /// Its bucket.
    pub start: BucketStart,
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

/// One cohort of a retention table of amounts.
#[derive(Debug, Clone, PartialEq)]
pub struct AmountCohort {
    /// Its bucket.
    pub start: BucketStart,
    /// People; `None` for a bucket not begun.
    pub size: Option<u64>,
    /// Column 0, 1, ...: the property's value added up; `None` where it cannot be known yet.
    pub returned: Vec<Option<Value>>,
    /// Whether each cell is final.
    pub complete: Vec<bool>,
}

/// One column of the average row of amounts: cohorts whose cell is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct AmountAverage {
    /// Sum of returned.
    pub returned: Value,
    /// Sum of sizes.
    pub size: u64,
    /// `returned / size`, the amount per person; `None` over nobody.
    pub rate: Option<f64>,
}

/// One step of a funnel.
#[derive(Debug, Clone, PartialEq)]
pub struct FunnelStep {
    /// From 1.
    pub step: u32,
    /// Its event, as a person would say it.
    pub event: String,
    /// `users`, `rate_from_first`, `rate_from_previous`, `median_s`, `mean_s`, `p90_s` from the
    /// previous step, `total_median_s`, `total_mean_s`, `total_p90_s` from entry.
    pub columns: Vec<(&'static str, Column)>,
}

/// Users by how long something took.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationBin {
    /// Seconds, included.
    pub from_s: f64,
    /// Seconds, not included; `None` in the last bin, which has no end.
    pub to_s: Option<f64>,
    /// How many.
    pub users: Column,
}

/// Users who went from one event to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Counted from the anchor.
    pub step: u32,
    /// `None`: the path begins here.
    pub from: Option<String>,
    /// `None`: the path ends here.
    pub to: Option<String>,
    /// Stands for all the links of the step that are not named.
    pub other: bool,
    /// How many.
    pub users: u64,
}

impl Figures {
    /// The figures as they are answered: a zero below zero, which only a binary number can be, is a
    /// zero.
    pub(crate) fn plain(mut self) -> Figures {
        let columns = match &mut self {
            Figures::Columns(columns) | Figures::Users { columns, .. } => columns.as_mut_slice(),
            _ => &mut [],
        };
        for (_, column) in columns {
            let Column::Amounts(values) = column else { continue };
            for value in values.iter_mut().flatten() {
                match value {
                    Value::Float(number) if *number == 0.0 => *number = 0.0,
                    _ => {}
                }
            }
        }
        self
    }
}

impl AmountCohort {
    /// The amount per person of the cohort in a column; `None` over nobody and where it cannot be
    /// known yet.
    #[must_use]
    pub fn rate(&self, column: usize) -> Option<f64> {
        per_person(self.returned.get(column)?.as_ref()?, self.size?)
    }
}

impl AmountAverage {
    /// The average of a column from its sums.
    #[must_use]
    pub fn new(returned: Value, size: u64) -> AmountAverage {
        let rate = per_person(&returned, size);
        AmountAverage { returned, size, rate }
    }
}

fn per_person(amount: &Value, people: u64) -> Option<f64> {
    (people > 0).then(|| Some(as_float(amount)? / people as f64))?
}

/// The nearest binary number; `None` for what is no number.
pub(crate) fn as_float(number: &Value) -> Option<f64> {
    match number {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Decimal(number) => number.to_string().parse().ok(),
        Value::Bool(_) | Value::Text(_) => None,
    }
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
            _ => None,
        }
    }

    /// A column of rates, as long as [`buckets`](Answer::buckets): `ratio` of `stickiness`,
    /// `quick_ratio` of `growth`. `None` where the report has no such column.
    #[must_use]
    pub fn ratios(&self, name: &str) -> Option<&[Option<f64>]> {
        match self.column(name)? {
            Column::Ratios(values) => Some(values),
            _ => None,
        }
    }

    /// A column of amounts, as long as [`buckets`](Answer::buckets): `value` of `value`, `total` of
    /// `growth` with a property. `None` where the report has no such column.
    #[must_use]
    pub fn amounts(&self, name: &str) -> Option<&[Option<Value>]> {
        match self.column(name)? {
            Column::Amounts(values) => Some(values),
            _ => None,
        }
    }

    /// A column of any kind: as long as [`buckets`](Answer::buckets), or, of a `users` report, as
    /// [`ids`](Answer::ids).
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        let (Figures::Columns(columns) | Figures::Users { columns, .. }) = self.figures()? else {
            return None;
        };
        columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    /// The steps of a `funnel` report; empty for the others.
    #[must_use]
    pub fn steps(&self) -> &[FunnelStep] {
        match self.figures() {
            Some(Figures::Funnel { steps, .. }) => steps,
            _ => &[],
        }
    }

    /// The links of a `paths` report; empty for the others.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        match self.figures() {
            Some(Figures::Paths(links)) => links,
            _ => &[],
        }
    }

    /// The cohorts of a `retention` report with a property; empty for the others.
    #[must_use]
    pub fn amount_cohorts(&self) -> &[AmountCohort] {
        match self.figures() {
            Some(Figures::AmountRetention { cohorts, .. }) => cohorts,
            _ => &[],
        }
    }

    /// The average row of a `retention` report with a property; empty for the others.
    #[must_use]
    pub fn amount_average(&self) -> &[AmountAverage] {
        match self.figures() {
            Some(Figures::AmountRetention { average, .. }) => average,
            _ => &[],
        }
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

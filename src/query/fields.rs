//! Names of the contract: reports, their fields, and the words that fields take.

use super::{CohortKind, CountKind, Measure, PersonColumn, Query, Survey, SurveyKind};
use crate::event::{Decimal, Value};
use crate::scan::FunnelOrder;
use crate::time::Bucket;

/// Every report.
pub(super) const REPORTS: &[&str] = &[
    "active",
    "frequency",
    "stickiness",
    "growth",
    "states",
    "retention",
    "funnel",
    "paths",
    "sessions",
    "value",
    "balance",
    "survey",
    "adoption",
    "count",
    "users",
];

/// Fields that every report knows.
const COMMON: &[&str] = &[
    "report",
    "from",
    "to",
    "by",
    "time_zone",
    "week_start",
    "as_of",
    "users",
    "breakdown",
    "top",
    "allow_partial",
];

/// Fields of some reports, and which.
const OWN: &[(&str, &[&str])] = &[
    (
        "event",
        &[
            "active",
            "frequency",
            "stickiness",
            "growth",
            "states",
            "sessions",
            "value",
            "balance",
            "survey",
            "users",
        ],
    ),
    ("trailing", &["active", "stickiness", "growth"]),
    ("interval", &["frequency"]),
    ("at_least", &["frequency", "retention"]),
    ("at_most", &["frequency"]),
    ("gap", &["growth", "sessions"]),
    ("new_means", &["growth"]),
    ("property", &["growth", "retention", "value", "balance", "survey", "users"]),
    ("week", &["states"]),
    ("month", &["states"]),
    ("start", &["retention", "paths"]),
    ("return", &["retention"]),
    ("columns", &["retention"]),
    ("cohort", &["retention"]),
    ("count", &["retention"]),
    ("brackets", &["retention"]),
    ("window", &["retention"]),
    ("steps", &["funnel"]),
    ("within", &["funnel", "paths"]),
    ("order", &["funnel"]),
    ("ties", &["funnel"]),
    ("exclude", &["funnel"]),
    ("end", &["paths"]),
    ("depth", &["paths"]),
    ("duration_edges", &["sessions"]),
    ("measure", &["value"]),
    ("of", &["value"]),
    ("kind", &["survey"]),
    ("scale", &["survey"]),
    ("promoter_min", &["survey"]),
    ("detractor_max", &["survey"]),
    ("responses", &["survey"]),
    ("features", &["adoption"]),
    ("k", &["adoption"]),
    ("among", &["adoption"]),
    ("limit", &["users"]),
    ("after", &["users"]),
    ("with", &["users"]),
    ("order_by", &["users"]),
    ("descending", &["users"]),
];

/// Fields for which `null` says what leaving them out says.
pub(super) const NULLABLE: &[&str] = &[
    "from",
    "to",
    "by",
    "time_zone",
    "as_of",
    "users",
    "breakdown",
    "trailing",
    "at_most",
    "return",
    "property",
    "after",
    "with",
    "order_by",
    "duration_edges",
    "exclude",
    "of",
    "k",
];

/// Widths that `interval` takes.
pub(super) const INTERVALS: &[Bucket] = &[Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month];

impl Query {
    /// The name of every report.
    pub const REPORTS: &[&str] = REPORTS;

    /// The fields that a report may be given, those that every report takes first; the latter only,
    /// for a name that is none of [`REPORTS`](Query::REPORTS).
    ///
    /// ```
    /// use daybit::Query;
    /// let fields: Vec<&str> = Query::fields("states").collect();
    /// assert!(fields.starts_with(&["report", "from", "to"]));
    /// assert!(fields.ends_with(&["event", "week", "month"]));
    /// ```
    pub fn fields(report: &str) -> impl Iterator<Item = &'static str> {
        fields_of(report)
    }
}

impl CohortKind {
    /// Every kind, the default first.
    pub const EVERY: [CohortKind; 4] =
        [CohortKind::First, CohortKind::Recurring, CohortKind::FirstEver, CohortKind::FirstInRange];

    /// The name in a query, like `first_ever`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CohortKind::First => "first",
            CohortKind::Recurring => "recurring",
            CohortKind::FirstEver => "first_ever",
            CohortKind::FirstInRange => "first_in_range",
        }
    }
}

impl CountKind {
    /// Every kind, the default first.
    pub const EVERY: [CountKind; 3] = [CountKind::On, CountKind::OnOrAfter, CountKind::OnOrBefore];

    /// The name in a query, like `on_or_after`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CountKind::On => "on",
            CountKind::OnOrAfter => "on_or_after",
            CountKind::OnOrBefore => "on_or_before",
        }
    }
}

impl FunnelOrder {
    /// Every order, the default first.
    pub const EVERY: [FunnelOrder; 3] =
        [FunnelOrder::Ordered, FunnelOrder::Strict, FunnelOrder::Unordered];

    /// The name in a query, like `ordered`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            FunnelOrder::Ordered => "ordered",
            FunnelOrder::Strict => "strict",
            FunnelOrder::Unordered => "unordered",
        }
    }
}

impl Measure {
    /// Every measure.
    pub const EVERY: [Measure; 15] = [
        Measure::Events,
        Measure::Users,
        Measure::EventsPerUser,
        Measure::Sum,
        Measure::Mean,
        Measure::Min,
        Measure::Max,
        Measure::Median,
        Measure::P50,
        Measure::P90,
        Measure::P95,
        Measure::P99,
        Measure::SumPerUser,
        Measure::Distinct,
        Measure::Share,
    ];

    /// The name in a query, like `sum_per_user`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::Events => "events",
            Measure::Users => "users",
            Measure::EventsPerUser => "events_per_user",
            Measure::Sum => "sum",
            Measure::Mean => "mean",
            Measure::Min => "min",
            Measure::Max => "max",
            Measure::Median => "median",
            Measure::P50 => "p50",
            Measure::P90 => "p90",
            Measure::P95 => "p95",
            Measure::P99 => "p99",
            Measure::SumPerUser => "sum_per_user",
            Measure::Distinct => "distinct",
            Measure::Share => "share",
        }
    }
}

impl SurveyKind {
    /// Every kind, the default first.
    pub const EVERY: [SurveyKind; 3] = [SurveyKind::Nps, SurveyKind::Csat, SurveyKind::Ces];

    /// The name in a query, like `nps`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SurveyKind::Nps => "nps",
            SurveyKind::Csat => "csat",
            SurveyKind::Ces => "ces",
        }
    }
}

impl Survey {
    /// The scale of a survey that names none.
    pub(super) fn scale_of(kind: SurveyKind) -> (Decimal, Decimal) {
        let (lowest, highest) = if kind == SurveyKind::Nps { (0, 10) } else { (1, 5) };
        (Decimal::from(lowest), Decimal::from(highest))
    }
}

impl PersonColumn {
    /// Every column.
    pub const EVERY: [PersonColumn; 8] = [
        PersonColumn::First,
        PersonColumn::Last,
        PersonColumn::Days,
        PersonColumn::Weeks,
        PersonColumn::Months,
        PersonColumn::Events,
        PersonColumn::Sum,
        PersonColumn::LastValue,
    ];

    /// The name in a query and in the answer, like `last_value`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PersonColumn::First => "first",
            PersonColumn::Last => "last",
            PersonColumn::Days => "days",
            PersonColumn::Weeks => "weeks",
            PersonColumn::Months => "months",
            PersonColumn::Events => "events",
            PersonColumn::Sum => "sum",
            PersonColumn::LastValue => "last_value",
        }
    }
}

/// Names as a person lists them.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Fields that a report knows, the common ones first.
fn fields_of(report: &str) -> impl Iterator<Item = &'static str> {
    let own = OWN.iter().filter(move |(_, reports)| reports.contains(&report));
    COMMON.iter().copied().chain(own.map(|(field, _)| *field))
}

/// Whether the report has the field; the fault says which ones it has, or which report has it.
pub(super) fn belongs(report: &str, field: &str) -> Result<(), String> {
    if fields_of(report).any(|known| known == field) {
        return Ok(());
    }
    match OWN.iter().find(|(known, _)| *known == field) {
        Some((_, reports)) => Err(format!(
            "`{field}` is a field of {}, not of `{report}`",
            list(reports.iter().copied())
        )),
        None => Err(format!(
            "`{field}` is no field; those of `{report}` are {}",
            list(fields_of(report))
        )),
    }
}

/// A number as a decimal without zeros at its end; a binary one has the fewest digits that read
/// back the same.
pub(super) fn decimal(field: &str, number: &Value) -> Result<Decimal, String> {
    let decimal = match number {
        Value::Integer(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        // A zero below zero is a zero.
        Value::Float(number) => (number + 0.0).to_string().parse().ok(),
        Value::Bool(_) | Value::Text(_) => None,
    };
    let fault = || format!("`{field}` is {number}: expected a number of at most 38 digits");
    decimal.map(shortest).ok_or_else(fault)
}

/// Without zeros at its end.
fn shortest(number: Decimal) -> Decimal {
    let (mut unscaled, mut scale) = (number.unscaled(), number.scale());
    while scale > 0 && unscaled % 10 == 0 {
        (unscaled, scale) = (unscaled / 10, scale - 1);
    }
    Decimal::new(unscaled, scale).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_name_in_the_tables_is_known_elsewhere_too() {
        for (field, of) in OWN {
            assert!(of.iter().all(|report| REPORTS.contains(report)), "{field}");
            assert!(!COMMON.contains(field), "{field}");
        }
        for field in NULLABLE {
            assert!(COMMON.contains(field) || OWN.iter().any(|(own, _)| own == field), "{field}");
        }
    }

    /// `docs/query.md` has a row for every report and every field.
    #[test]
    fn the_document_has_every_report_and_field() {
        let page = include_str!("../../docs/query.md");
        let (common, own) = page.split_once("## Reports").unwrap();
        fn row<'a>(part: &'a str, start: &str) -> Option<&'a str> {
            part.lines().find(|line| line.starts_with(start))
        }
        for report in REPORTS {
            let own = row(own, &format!("| `{report}` |")).unwrap_or_default();
            for (field, _) in OWN.iter().filter(|(_, reports)| reports.contains(report)) {
                assert!(own.contains(&format!("`{field}`")), "`{field}` of `{report}`");
            }
        }
        for field in COMMON.iter().filter(|field| !["from", "to"].contains(*field)) {
            assert!(row(common, &format!("| `{field}` |")).is_some(), "{field}");
        }
        assert!(row(common, "| `from`, `to` |").is_some());
    }

    #[test]
    fn a_misplaced_field_names_its_reports_and_an_unknown_one_the_choice() {
        assert_eq!(belongs("active", "trailing"), Ok(()));
        let fault = belongs("active", "steps").unwrap_err();
        assert_eq!(fault, "`steps` is a field of `funnel`, not of `active`");
        let fault = belongs("count", "colour").unwrap_err();
        assert!(fault.starts_with("`colour` is no field; those of `count` are `report`, `from`"));
    }
}

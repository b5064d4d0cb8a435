//! Names of the contract: reports, their fields, and the words that fields take.

use super::{CohortKind, CountKind, Report};
use crate::time::Bucket;

/// Reports that are answered.
pub(super) const REPORTS: &[&str] =
    &["active", "frequency", "stickiness", "growth", "states", "retention", "count", "users"];

/// Reports of the contract that are not answered yet.
pub(super) const REPORTS_LATER: &[&str] =
    &["funnel", "paths", "sessions", "value", "balance", "survey", "adoption"];

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

/// Fields that no report answers yet.
pub(super) const LATER: &[&str] =
    &["breakdown", "top", "property", "with", "order_by", "descending"];

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
];

/// Widths that `interval` takes.
pub(super) const INTERVALS: &[Bucket] = &[Bucket::Hour, Bucket::Day, Bucket::Week, Bucket::Month];

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

impl Report {
    /// The report's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Report::Active { .. } => "active",
            Report::Frequency { .. } => "frequency",
            Report::Stickiness { .. } => "stickiness",
            Report::Growth { .. } => "growth",
            Report::States { .. } => "states",
            Report::Retention(_) => "retention",
            Report::Count => "count",
            Report::Users { .. } => "users",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_name_in_the_tables_is_known_elsewhere_too() {
        let reports: Vec<&str> = REPORTS.iter().chain(REPORTS_LATER).copied().collect();
        for (field, of) in OWN {
            assert!(of.iter().all(|report| reports.contains(report)), "{field}");
            assert!(!COMMON.contains(field), "{field}");
        }
        for field in LATER.iter().chain(NULLABLE) {
            assert!(COMMON.contains(field) || OWN.iter().any(|(own, _)| own == field), "{field}");
        }
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

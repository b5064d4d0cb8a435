//! The query: a schema for each report, made of the fields that the library says it has.

use super::{list, named, or_null, whole, words};
use daybit::limits::{
    BREAKDOWN_PROPERTIES_MAX, CONDITION_VALUES_MAX, CONDITIONS_MAX, DURATION_EDGES_MAX,
    FEATURES_MAX, FUNNEL_STEPS_MAX, PATHS_DEPTH_MAX, RETENTION_COLUMNS_MAX, SET_IDS_MAX,
    SET_PARTS_MAX, TOP_MAX, TRAILING_DAYS_MAX, USERS_PAGE_MAX,
};
use daybit::{
    Bucket, CohortKind, CountKind, FunnelOrder, Measure, PersonColumn, Query, SurveyKind, WeekStart,
};
use serde_json::{Map, Value, json};

/// Reports whose answers have no buckets.
const WITHOUT_BUCKETS: [&str; 4] = ["frequency", "paths", "count", "users"];
/// Reports whose answers have no groups.
const WITHOUT_GROUPS: [&str; 2] = ["count", "users"];

/// The query's schemas by their names.
pub fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    let reports: Vec<Value> = Query::REPORTS.iter().map(|report| named(&title(report))).collect();
    let mapping: Map<String, Value> =
        Query::REPORTS.iter().map(|name| ((*name).into(), target(name))).collect();
    all.insert(
        "Query".into(),
        json!({"oneOf": reports, "discriminator": {"propertyName": "report", "mapping": mapping}}),
    );
    for report in Query::REPORTS {
        all.insert(title(report), of(report));
    }
    for (name, schema) in [
        ("Selector", selector()),
        ("Condition", condition()),
        ("Set", set()),
        ("From", from()),
        ("To", to()),
        ("Duration", duration()),
        ("Scalar", scalar()),
    ] {
        all.insert(name.into(), schema);
    }
    all
}

/// The name of a report's schema.
fn title(report: &str) -> String {
    let mut letters = report.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain("Query".chars()).collect()
}

fn target(report: &str) -> Value {
    format!("#/components/schemas/{}", title(report)).into()
}

/// The schema of one report.
fn of(report: &str) -> Value {
    let mut fields = Map::new();
    for field in Query::fields(report).filter(|field| takes(report, field)) {
        fields.insert(field.into(), schema(report, field));
    }
    json!({
        "type": "object",
        "properties": fields,
        "required": required(report),
        "additionalProperties": false,
    })
}

/// Common fields that some reports are refused with.
fn takes(report: &str, field: &str) -> bool {
    match field {
        "by" => !WITHOUT_BUCKETS.contains(&report),
        "breakdown" => !WITHOUT_GROUPS.contains(&report),
        "top" => !WITHOUT_GROUPS.contains(&report),
        _ => true,
    }
}

fn required(report: &str) -> Vec<&'static str> {
    let own: &[&str] = match report {
        "funnel" => &["steps"],
        "adoption" => &["features"],
        "balance" | "survey" => &["property"],
        "value" => &["measure"],
        "count" => &["users"],
        _ => &[],
    };
    std::iter::once("report").chain(own.iter().copied()).collect()
}

/// The schema of a field; of what is missing here nothing is said.
fn schema(report: &str, field: &str) -> Value {
    match field {
        "report" => json!({"const": report}),
        "from" => named("From"),
        "to" => named("To"),
        "by" => words(Bucket::EVERY.map(Bucket::as_str)),
        "week_start" => words(WeekStart::EVERY.map(WeekStart::as_str)),
        "time_zone" => json!({"type": "string", "examples": ["UTC", "Europe/Berlin"]}),
        "as_of" => json!({"type": "string", "format": "date-time"}),
        "users" => named("Set"),
        "breakdown" => list(name(), 1, BREAKDOWN_PROPERTIES_MAX),
        "top" => whole(1, TOP_MAX.into()),
        "allow_partial" | "descending" => json!({"type": "boolean"}),
        "event" | "start" | "return" | "end" | "of" | "among" => named("Selector"),
        "steps" => list(named("Selector"), 1, FUNNEL_STEPS_MAX),
        "features" => list(named("Selector"), 1, FEATURES_MAX),
        "property" => name(),
        _ => number(report, field).unwrap_or_else(|| word(report, field)),
    }
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 256})
}

/// Fields that are numbers.
fn number(report: &str, field: &str) -> Option<Value> {
    let days = whole(1, TRAILING_DAYS_MAX.into());
    Some(match (report, field) {
        ("sessions", "gap") => named("Duration"),
        (_, "trailing") => or_null(days),
        (_, "gap" | "week" | "month") => days,
        (_, "at_least" | "at_most") => whole(1, u32::MAX.into()),
        (_, "columns") => whole(0, RETENTION_COLUMNS_MAX.into()),
        (_, "brackets") => {
            list(whole(1, RETENTION_COLUMNS_MAX.into()), 1, RETENTION_COLUMNS_MAX as usize)
        }
        (_, "depth") => whole(1, PATHS_DEPTH_MAX.into()),
        (_, "k") => whole(1, FEATURES_MAX as u64),
        (_, "limit") => whole(1, USERS_PAGE_MAX.into()),
        (_, "promoter_min" | "detractor_max") => json!({"type": "number"}),
        (_, "scale") => list(json!({"type": "number"}), 2, 2),
        _ => return None,
    })
}

/// Fields that are words, durations, texts or lists of them.
fn word(report: &str, field: &str) -> Value {
    match (report, field) {
        (_, "interval") => words(["hour", "day", "week", "month"]),
        (_, "new_means") => words(["event", "any"]),
        (_, "cohort") => words(CohortKind::EVERY.map(CohortKind::as_str)),
        (_, "count") => words(CountKind::EVERY.map(CountKind::as_str)),
        (_, "window") => words(["calendar", "elapsed"]),
        ("funnel", "within") => or_null(named("Duration")),
        (_, "within") => named("Duration"),
        (_, "order") => words(FunnelOrder::EVERY.map(FunnelOrder::as_str)),
        (_, "ties") => words(["in_order", "forbid"]),
        (_, "exclude") => list(exclusion(), 0, FUNNEL_STEPS_MAX),
        (_, "duration_edges") => list(named("Duration"), 1, DURATION_EDGES_MAX),
        (_, "measure") => words(Measure::EVERY.map(Measure::as_str)),
        (_, "kind") => words(SurveyKind::EVERY.map(SurveyKind::as_str)),
        (_, "responses") => words(["all", "last"]),
        (_, "with") => list(words(PersonColumn::EVERY.map(PersonColumn::as_str)), 1, 8),
        (_, "order_by") => words(PersonColumn::EVERY.map(PersonColumn::as_str)),
        (_, "after") => json!({"type": "string"}),
        _ => json!({}),
    }
}

fn exclusion() -> Value {
    let step = whole(1, FUNNEL_STEPS_MAX as u64);
    json!({
        "type": "object",
        "properties": {"event": named("Selector"), "after": step, "before": step},
        "required": ["event", "after", "before"],
        "additionalProperties": false,
    })
}

fn from() -> Value {
    json!({
        "type": "string",
        "description": "The first day: a date, or -28d, -12w, -6m, -1y before `to`.",
        "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2}|-[0-9]{1,4}[dwmy])$",
        "examples": ["2024-01-01", "-28d"],
    })
}

fn to() -> Value {
    json!({
        "type": "string",
        "description": "The day after the last one: a date, or `today` for all of the day of `as_of`.",
        "pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2}|today)$",
        "examples": ["today", "2025-01-01"],
    })
}

fn duration() -> Value {
    json!({
        "type": "string",
        "description": "A whole number of seconds, minutes, hours, days or weeks.",
        "pattern": "^[0-9]+[smhdw]$",
        "examples": ["30m", "14d"],
    })
}

fn scalar() -> Value {
    let decimal = json!({
        "type": "object",
        "properties": {"decimal": {"type": "string"}},
        "required": ["decimal"],
        "additionalProperties": false,
    });
    json!({"anyOf": [{"type": ["string", "number", "boolean"]}, decimal]})
}

fn selector() -> Value {
    let names =
        json!({"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1});
    let narrowed = json!({
        "type": "object",
        "properties": {
            "event": named("Selector"),
            "where": list(named("Condition"), 0, CONDITIONS_MAX),
        },
        "required": ["event"],
        "additionalProperties": false,
    });
    json!({
        "description": "A name, `*` for any event, any of several, or one narrowed by conditions.",
        "oneOf": [
            {"type": "string", "minLength": 1, "maxLength": 256, "examples": ["purchase", "*"]},
            one_field("any", names),
            narrowed,
        ],
    })
}

fn one_field(field: &str, schema: Value) -> Value {
    json!({
        "type": "object",
        "properties": {field: schema},
        "required": [field],
        "additionalProperties": false,
    })
}

fn condition() -> Value {
    let values = list(named("Scalar"), 1, CONDITION_VALUES_MAX);
    let text = json!({"type": "string"});
    let mut kinds = vec![one_field("any_of", list(named("Condition"), 1, CONDITIONS_MAX))];
    for (fields, schema) in [
        (&["is", "is_not", "gt", "gte", "lt", "lte"][..], named("Scalar")),
        (&["in", "not_in"][..], values),
        (&["exists"][..], json!({"type": "boolean"})),
        (&["contains", "starts_with"][..], text),
    ] {
        kinds.extend(fields.iter().map(|field| comparison(field, &schema)));
    }
    json!({"oneOf": kinds})
}

fn comparison(field: &str, schema: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {"property": name(), field: schema},
        "required": ["property", field],
        "additionalProperties": false,
    })
}

fn set() -> Value {
    let sets = list(named("Set"), 1, SET_PARTS_MAX);
    let times = whole(0, u32::MAX.into());
    let did = json!({
        "type": "object",
        "properties": {
            "did": named("Selector"),
            "from": named("From"),
            "to": named("To"),
            "at_least": times,
            "at_most": times,
        },
        "required": ["did"],
        "additionalProperties": false,
    });
    let first_did = json!({
        "type": "object",
        "properties": {"first_did": named("Selector"), "from": named("From"), "to": named("To")},
        "required": ["first_did", "from", "to"],
        "additionalProperties": false,
    });
    let funnel = json!({
        "type": "object",
        "properties": {
            "funnel": named(&title("funnel")),
            "reached": whole(1, FUNNEL_STEPS_MAX as u64),
            "exactly": {"type": "boolean"},
        },
        "required": ["funnel", "reached"],
        "additionalProperties": false,
    });
    let ids = list(json!({"type": ["string", "integer"]}), 0, SET_IDS_MAX);
    json!({"oneOf": [
        did,
        first_did,
        funnel,
        one_field("ids", ids),
        one_field("cohort", json!({"type": "string", "minLength": 1})),
        one_field("and", sets.clone()),
        one_field("or", sets),
        one_field("not", named("Set")),
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_said_of_every_field() {
        for report in Query::REPORTS {
            for field in Query::fields(report) {
                let said = schema(report, field);
                assert!(said.as_object().is_some_and(|said| !said.is_empty()), "{report} {field}");
            }
        }
    }

    /// The least of each report, as its schema has it, is a query.
    #[test]
    fn what_is_required_is_enough() {
        for report in Query::REPORTS {
            let mut query = Map::new();
            for field in required(report) {
                let value = match field {
                    "report" => json!(report),
                    "steps" | "features" => json!(["a"]),
                    "measure" => json!("events"),
                    "users" => json!({"did": "a"}),
                    _ => json!("price"),
                };
                query.insert(field.to_string(), value);
            }
            if *report == "paths" {
                query.insert("start".to_string(), json!("a"));
            }
            let read = Query::from_value(&Value::Object(query));
            assert!(read.is_ok(), "{report}: {read:?}");
        }
    }
}

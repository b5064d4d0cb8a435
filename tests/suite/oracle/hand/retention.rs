//! Retention in all its forms.

use super::*;

fn table_of_days() -> Oracle {
    table(
        "UTC",
        "anna a 2024-01-01T23:00 v=2.5 c=DE
         anna b 2024-01-01T23:00 v=1
         anna b 2024-01-02T01:00 v=1.25
         anna b 2024-01-03T22:00 v=4
         anna b 2024-01-03T23:00 v=8
         ben  b 2024-01-01T05:00
         ben  a 2024-01-01T06:00 v=1    c=FR
         ben  a 2024-01-02T06:00 v=9    c=DE
         ben  b 2024-01-04T05:00 v=3",
    )
}

fn cells(oracle: &Oracle, query: &Json) -> Json {
    let series = series(oracle, query);
    let cohorts = series[0]["cohorts"].as_array().unwrap();
    cohorts.iter().map(|c| json!([c["size"], c["returned"]])).collect()
}

fn query() -> Json {
    json!({
        "report": "retention", "start": "a", "return": "b", "columns": 3,
        "from": "2024-01-01", "to": "2024-01-03"
    })
}

#[test]
fn calendar_and_elapsed_columns() {
    // The first day: anna returns in columns 0, 1, 2; ben in 0 (before his start) and 3.
    let wanted = json!([[2, [2, 1, 1, 1]], [0, [0, 0, 0, null]]]);
    assert_eq!(cells(&table_of_days(), &query()), wanted);
    // Elapsed: anna 2 hours, 47 hours, 48 hours; the one at the same time does not come after.
    // ben: 71 hours.
    let elapsed = with(&query(), json!({"window": "elapsed"}));
    let wanted = json!([[2, [1, 1, 2, 0]], [0, [0, 0, 0, null]]]);
    assert_eq!(cells(&table_of_days(), &elapsed), wanted);
    // A column is complete when even the day's last start has had it: as_of is the 5th.
    let complete = &series(&table_of_days(), &elapsed)[0]["cohorts"][0]["complete"];
    assert_eq!(*complete, json!([true, true, true, false]));
}

#[test]
fn counts_up_to_and_in_brackets() {
    let up_to = with(&query(), json!({"count": "on_or_before"}));
    assert_eq!(cells(&table_of_days(), &up_to)[0], json!([2, [2, 2, 2, 2]]));
    let mut brackets = with(&query(), json!({"brackets": [1, 2]}));
    brackets.as_object_mut().unwrap().remove("columns");
    assert_eq!(cells(&table_of_days(), &brackets)[0], json!([2, [2, 1, 2]]));
    // Two returns within one bucket, not within the bracket.
    let twice = with(&brackets, json!({"at_least": 2}));
    assert_eq!(cells(&table_of_days(), &twice)[0], json!([2, [0, 0, 1]]));
    let later = with(&query(), json!({"count": "on_or_after"}));
    assert_eq!(cells(&table_of_days(), &later)[0], json!([2, [2, 2, 2, 1]]));
}

#[test]
fn sums_of_returns() {
    let money = with(&query(), json!({"property": "v"}));
    let wanted = json!([2, ["=1", "=1.25", "=12", "=3"]]);
    assert_eq!(cells(&table_of_days(), &money)[0], wanted);
    let series = series(&table_of_days(), &money);
    let first = json!({"returned": "=12", "size": 2, "rate": 6.0});
    assert_eq!(series[0]["average"][2], first);
}

#[test]
fn the_cohort_of_a_filtered_event() {
    let nine = json!({"event": "a", "where": [{"property": "v", "gte": 2}]});
    let query = with(&query(), json!({"start": nine}));
    let sizes = |kind: &str| {
        let cells = cells(&table_of_days(), &with(&query, json!({"cohort": kind})));
        json!([cells[0][0], cells[1][0]])
    };
    // ben's first a has 1: he begins on the second day, or never.
    assert_eq!(sizes("first"), json!([1, 1]));
    assert_eq!(sizes("first_ever"), json!([1, 0]));
    assert_eq!(sizes("recurring"), json!([1, 1]));
}

#[test]
fn a_group_is_the_value_on_the_event_that_set_the_cohort() {
    let query = with(&query(), json!({"breakdown": ["c"]}));
    let series = series(&table_of_days(), &query);
    assert_eq!(series[0]["key"], json!({"c": "DE"}));
    let row = |i: usize| series[i]["cohorts"][0].clone();
    assert_eq!((&row(0)["size"], &row(0)["returned"][2]), (&json!(1), &json!(1)));
    assert_eq!((&row(1)["size"], &row(1)["returned"][3]), (&json!(1), &json!(1)));
    // Each day anew: ben is of FR on the first day and of DE on the second.
    let again = super::series(&table_of_days(), &with(&query, json!({"cohort": "recurring"})));
    assert_eq!(again[0]["cohorts"][1]["size"], 1);
    assert_eq!(again[1]["cohorts"][1]["size"], 0);
}

#[test]
fn cohorts_by_hour() {
    let hours = with(&query(), json!({"by": "hour", "columns": 2, "to": "2024-01-02"}));
    let cells = cells(&table_of_days(), &hours);
    assert_eq!(cells[6], json!([1, [0, 0, 0]]));
    assert_eq!(cells[23], json!([1, [1, 0, 1]]));
}

//! What answers say on the command line, to people and to machines.

use super::{Place, shop};
use serde_json::json;

/// A folder with `db`, made of these lines of NDJSON.
fn place_of(events: &[&str]) -> Place {
    let place = Place::new();
    place.file("events.ndjson", events.join("\n"));
    place.good(&["import", "db", "events.ndjson"]);
    place
}

#[test]
fn one_of_something_is_said_as_one() {
    let place = shop();
    let one = r#"{"ids": ["anna"]}"#;
    assert_eq!(place.good(&["count", "shop", "--users", one]), "1 user\n");
    place.file("bad.csv", "user,activity,time\nanna,visit,2024-03-11T08:00:00Z\nben,visit,soon\n");
    let receipt = place.good(&["import", "shop", "bad.csv"]);
    assert!(receipt.contains("1 event on 1 day, 0 new users"), "{receipt}");
    assert!(receipt.contains("1 row rejected"), "{receipt}");
}

#[test]
fn figures_are_as_plain_as_they_can_be() {
    let place = place_of(&[
        r#"{"user": "a", "activity": "x", "time": "2024-03-01T08:00:00Z", "v": -0.0}"#,
        r#"{"user": "b", "activity": "x", "time": "2024-03-02T08:00:00Z", "v": 12.25}"#,
        r#"{"user": "b", "activity": "x", "time": "2024-03-03T08:00:00Z", "v": 3}"#,
    ]);
    let of = |measure| ["value", "db", "--measure", measure, "--property", "v", "--by", "all"];
    let minimum = place.good(&[&of("min")[..], &["--format", "json"]].concat());
    assert!(minimum.contains(r#""value":[0.0]"#), "{minimum}");
    assert!(!place.good(&of("min")).contains(" -0"));
    // Time is told in whole microseconds.
    let answer = place.json(&[&of("min")[..], &["--format", "json"]].concat());
    let elapsed = answer["info"]["elapsed_ms"].to_string();
    let digits = elapsed.split_once('.').map_or(0, |(_, digits)| digits.len());
    assert!((1..=3).contains(&digits), "{elapsed}");
    // A star stands at its number.
    let retention = ["retention", "db", "--property", "v", "--by", "day", "--columns", "1"];
    let table = place.good(&[&retention[..], &["--as-of", "2024-03-03T12:00:00Z"]].concat());
    assert!(table.contains('*') && !table.contains(" *"), "{table}");
}

#[test]
fn names_that_fill_a_line_are_cut_in_tables_only() {
    let long = "x".repeat(2_000);
    let event = format!(
        r#"{{"user": "a", "activity": "x", "time": "2024-03-01T08:00:00Z", "v": "{long}"}}"#
    );
    let place = place_of(&[&event]);
    let flags = ["active", "db", "--by", "all", "--breakdown", "v"];
    let table = place.good(&flags);
    assert!(table.contains("xxx…") && table.lines().all(|line| line.len() < 120), "{table}");
    let answer = place.json(&[&flags[..], &["--format", "json"]].concat());
    assert_eq!(answer["series"][0]["key"], json!({"v": long}));
}

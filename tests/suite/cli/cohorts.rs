//! Saved cohorts on the command line.

use super::{Place, shop};
use serde_json::json;

fn count(place: &Place, users: &str) -> serde_json::Value {
    place.json(&["count", "shop", "--users", users, "--format", "json"])["series"][0]["count"]
        .clone()
}

#[test]
fn a_cohort_is_saved_asked_listed_and_dropped() {
    let place = shop();
    let buyers = r#"{"did": "purchase", "at_least": 1}"#;
    assert_eq!(place.good(&["cohort", "list", "shop"]), "");
    place.good(&["cohort", "save", "shop", "buyers", buyers]);
    place.good(&["cohort", "save", "shop", "never bought", r#"{"not": {"cohort": "buyers"}}"#]);
    assert_eq!(count(&place, "@buyers"), 2);
    assert_eq!(count(&place, "@never bought"), 1);
    assert_eq!(count(&place, r#"{"and": [{"cohort": "buyers"}, {"did": "signup"}]}"#), 1);
    // What is saved is the question, not the people.
    place.file("more.csv", "user,activity,time\nben,purchase,2024-03-11T08:00:00Z\n");
    place.good(&["import", "shop", "more.csv"]);
    assert_eq!(count(&place, "@buyers"), 3);
    let list = place.good(&["cohort", "list", "shop"]);
    let expected =
        "buyers        {\"did\":\"purchase\"}\nnever bought  {\"not\":{\"cohort\":\"buyers\"}}\n";
    assert_eq!(list, expected);
    let list = place.json(&["cohort", "list", "shop", "--json"]);
    assert_eq!(list[0], json!({"name": "buyers", "users": {"did": "purchase"}}));
    assert!(place.good(&["info", "shop"]).contains("2: buyers, never bought"));
    assert_eq!(
        place.json(&["info", "shop", "--json"])["cohorts"],
        json!(["buyers", "never bought"])
    );
    place.bad(2, &["cohort", "drop", "shop", "buyers"], &["by \"never bought\": drop", "first"]);
    place.good(&["cohort", "drop", "shop", "never bought"]);
    place.good(&["cohort", "drop", "shop", "buyers"]);
    assert_eq!(place.good(&["cohort", "list", "shop"]), "");
    place.bad(2, &["count", "shop", "--users", "@buyers"], &["buyers"]);
}

#[test]
fn a_cohort_can_come_from_standard_input() {
    let place = shop();
    let save = ["cohort", "save", "shop", "two", "-"];
    let output = place.run_with(&save, r#"{"ids": ["anna", "ben"]}"#);
    assert!(output.status.success());
    assert_eq!(count(&place, "@two"), 2);
}

#[test]
fn wrong_cohorts_name_what_is_wrong() {
    let place = shop();
    place.good(&["cohort", "save", "shop", "a", r#"{"did": "purchase"}"#]);
    place.good(&["cohort", "save", "shop", "b", r#"{"cohort": "a"}"#]);
    for (name, set, words) in [
        ("a", r#"{"cohort": "b"}"#, ["\"a\" names \"b\"", "circle"]),
        ("c", r#"{"cohort": "d"}"#, ["\"d\"", "\"a\", \"b\""]),
        ("c", "purchase", ["not JSON", "did"]),
        ("c", r#"{"did": "x", "colour": 1}"#, ["colour", "at_least"]),
        ("", r#"{"did": "x"}"#, ["empty", "name"]),
        ("line\nbreak", r#"{"did": "x"}"#, ["\\n", "plain"]),
    ] {
        place.bad(2, &["cohort", "save", "shop", name, set], &words);
    }
    place.bad(2, &["cohort", "drop", "shop", "z"], &["\"z\""]);
    place.bad(3, &["cohort", "save", "nowhere", "a", r#"{"did": "x"}"#], &["nowhere"]);
    place.bad(2, &["count", "shop", "--where", "plan=pro"], &["--users"]);
}

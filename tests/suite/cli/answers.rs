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

/// Three people, of whom one has a text `other`, one an empty text and one nothing.
fn sources() -> Place {
    let event = |user: &str, more: &str| {
        format!(r#"{{"user": "{user}", "activity": "x", "time": "2024-03-01T08:00:00Z"{more}}}"#)
    };
    place_of(&[
        &event("a", r#", "src": "other", "other": true"#),
        &event("b", r#", "src": "", "other": false, "users": 7"#),
        &event("c", ""),
    ])
}

#[test]
fn the_rest_of_a_breakdown_is_told_from_values() {
    let place = sources();
    let by = |property, top, format| {
        let flags = ["active", "db", "--by", "all", "--breakdown", property, "--top", top];
        place.good(&[&flags[..], &["--format", format]].concat())
    };
    let head = "src,other,start,complete,users\n";
    let all =
        ",false,2024-03-01,true,1\n\"\",false,2024-03-01,true,1\nother,false,2024-03-01,true,1\n";
    assert_eq!(by("src", "9", "csv"), format!("{head}{all}"));
    let rest = ",true,2024-03-01,true,2\n";
    assert_eq!(by("src", "1", "csv"), format!("{head},false,2024-03-01,true,1\n{rest}"));
    let row =
        r#"{"property:users":7,"other":false,"start":"2024-03-01","complete":true,"users":1}"#;
    assert!(by("users", "9", "rows").contains(row), "{}", by("users", "9", "rows"));
    let answer: serde_json::Value = serde_json::from_str(&by("other", "2", "json")).unwrap();
    let told = answer["series"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|one| json!([one["key"]["other"], one["other"]])).collect();
    assert_eq!(json!(told), json!([[null, null], [false, null], [true, true]]));
    let features = ["adoption", "db", "--feature", "x", "--breakdown"];
    place.bad(2, &[&features[..], &["feature"]].concat(), &["\"feature\"", "k"]);
}

#[test]
fn no_groups_have_all_columns() {
    let place = sources();
    let none = |report: &[&str], format| {
        let flags = ["--breakdown", "src", "--where", "src=nowhere", "--format", format];
        place.good(&[report, &flags[..]].concat())
    };
    for report in [
        &["active", "db"][..],
        &["frequency", "db"],
        &["stickiness", "db"],
        &["growth", "db", "--by", "week"],
        &["growth", "db", "--property", "users"],
        &["states", "db"],
        &["retention", "db", "--start", "x"],
        &["retention", "db", "--start", "x", "--property", "users"],
        &["funnel", "db", "--step", "x", "--step", "x"],
        &["funnel", "db", "--step", "x", "--by", "day"],
        &["paths", "db", "--start", "x"],
        &["sessions", "db", "--duration-edges", "1m,5m"],
        &["value", "db", "--by", "hour"],
        &["balance", "db", "--property", "users"],
        &["survey", "db", "--property", "users"],
        &["adoption", "db", "--feature", "x"],
        &["adoption", "db", "--feature", "x", "--k", "1"],
    ] {
        let some = place.good(&[report, &["--breakdown", "src", "--format", "csv"]].concat());
        let head = some.lines().next().unwrap();
        assert_eq!(none(report, "csv"), format!("{head}\n"), "{report:?}");
        let table = none(report, "table");
        assert!(table.contains("nothing was found\nfrom 2024-0"), "{table}");
    }
}

#[test]
fn help_offers_what_is_taken() {
    let place = Place::new();
    let help = |report| place.good(&[report, "--help"]);
    for (report, flags) in [
        ("count", &["--breakdown", "--top", "--where", "--event"][..]),
        ("users", &["--breakdown", "--top"]),
    ] {
        let text = help(report);
        for flag in flags {
            assert!(!text.contains(flag), "{report} offers {flag}");
        }
    }
    assert!(help("users").contains("--where"));
    assert!(help("active").contains("--top <N>") && help("active").contains("Groups kept"));
    assert!(help("paths").contains("Links named at each step"));
    assert!(!help("paths").contains("Groups kept") && help("paths").contains("--breakdown"));
}

#[test]
fn a_range_makes_another_question_of_a_count() {
    let place = shop();
    let info = |more: &[&str]| {
        let answer = place.json(&[&["count", "shop", "--format", "json"], more].concat());
        (answer["series"][0]["count"].clone(), answer["info"].clone())
    };
    let (ever, of_ever) = info(&[]);
    let (early, of_early) = info(&["--to", "2024-03-03"]);
    assert_eq!([ever, early], [3, 2]);
    assert_ne!(of_ever["definition"], of_early["definition"]);
    assert_eq!([&of_ever["from"], &of_early["from"]], [&json!(null), &json!("2024-03-01")]);
    let table = place.good(&["count", "shop", "--to", "2024-03-03"]);
    assert!(table.starts_with("2 users\nfrom 2024-03-01 to 2024-03-03"), "{table}");
}

#[test]
fn a_cohort_of_the_last_days_can_be_saved() {
    let place = shop();
    let recent = r#"{"did": "*", "from": "-2d", "to": "today"}"#;
    place.good(&["cohort", "save", "shop", "recent", recent]);
    let list = place.good(&["cohort", "list", "shop"]);
    assert!(list.contains(r#""from":"-2d","to":"today""#), "{list}");
    let count = |as_of| {
        let flags = ["count", "shop", "--users", "@recent", "--as-of", as_of, "--format", "json"];
        place.json(&flags)["series"][0]["count"].clone()
    };
    assert_eq!(count("2024-03-11T00:00:00Z"), 2);
    assert_eq!(count("2024-03-02T12:00:00Z"), 2);
    assert_eq!(count("2024-03-03T12:00:00Z"), 1);
    assert_eq!(count("2024-03-05T12:00:00Z"), 0);
}

#[test]
fn a_number_is_compared_to_its_last_digit() {
    let event = |user: &str, v: &str| {
        format!(
            r#"{{"user": "{user}", "activity": "x", "time": "2024-03-01T08:00:00Z", "v": {v}}}"#
        )
    };
    let place = place_of(&[
        &event("j", "9007199254740993"),
        &event("k", "9007199254740992.0"),
        &event("l", "99999999999999999999999999999999999999"),
    ]);
    let who = |value: &str| {
        let flags = ["users", "db", "--with", "days", "--where", value, "--users"];
        let set = r#"{"did": "x"}"#;
        place.json(&[&flags[..], &[set, "--format", "json"]].concat())["series"][0].clone()
    };
    assert_eq!(who("v=9007199254740993.0")["days"], json!([1, 0, 0]));
    assert_eq!(who("v=9007199254740992.0")["days"], json!([0, 1, 0]));
    let long = "99999999999999999999999999999999999999";
    assert_eq!(who(&format!("v={long}"))["days"], json!([0, 0, 1]));
    let query = |value: &str| {
        json!({"report": "active", "by": "all", "event": {"event": "x", "where": ["CONDITION"]}})
            .to_string()
            .replace("\"CONDITION\"", &format!(r#"{{"property": "v", "is": {value}}}"#))
    };
    let exact = format!(r#"{{"decimal": "{long}"}}"#);
    assert_eq!(place.json(&["query", "db", &query(&exact)])["series"][0]["users"], json!([1]));
    place.bad(2, &["query", "db", &query(long)], &[&exact]);
    let several = place.run(&["query", "db", &format!("[{}, {}]", query("1"), query(long))]);
    let several = String::from_utf8(several.stdout).unwrap();
    assert!(several.contains("\"users\":[0]") && several.contains("\"error\""), "{several}");
}

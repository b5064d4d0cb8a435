//! Real event files, and answers that other software worked out over them.
//!
//! The project ships one of the files. Where the whole collection lies beside the checkout (or
//! where `DAYBIT_DATA` points), all eight are compared; elsewhere the test says that it ran on one
//! alone.

mod money;
mod order;

use crate::support::{ask_json, create, folder, import};
use daybit::Db;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

const FILES: [&str; 8] = [
    "online_retail",
    "cdnow",
    "mathoverflow",
    "simple_shop",
    "traffic_fines",
    "anonreviews",
    "apache_logs",
    "bitcoin_otc",
];

/// The folder with all files, if it is there.
fn collection() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = std::env::var_os("DAYBIT_DATA").map_or(beside, PathBuf::from);
    folder.join("expected").is_dir().then_some(folder)
}

fn shipped() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    (
        root.join("examples/data/online-retail.csv.gz"),
        root.join("tests/expected/online_retail.json"),
    )
}

fn read(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_shipped_file_answers_as_worked_out_elsewhere() {
    let (data, answers) = shipped();
    compare_file("online_retail", &data, &read(&answers));
}

#[test]
fn all_files_answer_as_worked_out_elsewhere() {
    let Some(folder) = collection() else {
        eprintln!("only the shipped file was compared: the collection of event files is not here");
        return;
    };
    for name in FILES {
        let data = folder.join(format!("{name}.csv.gz"));
        compare_file(name, &data, &read(&folder.join(format!("expected/{name}.json"))));
    }
}

fn compare_file(name: &str, data: &Path, expected: &Json) {
    let place = folder();
    let db = create(&place.path().join("db"), "UTC");
    let receipt = import(&db, data);
    let meta = &expected["meta"];
    assert_eq!(json!(receipt.accepted), meta["rows"], "{name}: rows");
    assert_eq!(json!(receipt.without_user), meta["rows_no_user"], "{name}: rows without user");
    assert_eq!(receipt.rejected, 0, "{name}: rejected");
    let people = ask_json(&db, json!({"report": "count"}));
    assert_eq!(people["series"][0]["count"], meta["users"], "{name}: users");
    compare_activities(name, &db, expected);
    compare_actives(name, &db, expected, &json!("*"), None);
    compare_stickiness(name, &db, expected);
    compare_growth(name, &db, expected);
    compare_cohorts(name, &db, expected);
    compare_days_retained(name, &db, expected);
    compare_l28(name, &db, expected);
    money::compare_money(name, &db, &expected["money"]);
    money::compare_values(name, &db, &expected["values"]);
    money::compare_histogram(name, &db, &expected["value_hist"]);
    money::compare_scores(name, &db, &expected["score_monthly"]);
    money::compare_segments(name, &db, expected);
    money::compare_errors(name, &db, &expected["errors"]);
    order::compare_sessions(name, &db, &expected["sessions"]);
    order::compare_funnels(name, &db, &expected["funnels"]);
    for zone in expected["tz"].as_array().into_iter().flatten() {
        compare_zone(name, data, &db, zone);
    }
}

/// A zone's days: of a database in that zone, and of one in UTC that is asked for them.
fn compare_zone(name: &str, data: &Path, utc: &Db, expected: &Json) {
    let zone = expected["zone"].as_str().unwrap();
    let event = match &expected["activities"] {
        Json::Null => json!("*"),
        names => json!({"any": names}),
    };
    let place = folder();
    let db = create(&place.path().join("db"), zone);
    import(&db, data);
    compare_actives(name, &db, expected, &event, None);
    compare_actives(name, utc, expected, &event, Some(zone));
}

fn compare_activities(name: &str, db: &Db, expected: &Json) {
    for row in expected["activities"].as_array().unwrap() {
        let activity = row["activity"].as_str().unwrap();
        let answer = ask_json(db, json!({"report": "active", "by": "all", "event": activity}));
        assert_eq!(
            answer["series"][0]["users"],
            json!([row["users"]]),
            "{name}: users of {activity}"
        );
    }
}

/// The series' first bucket and values must be equal; `start` may be a month.
fn compare_series(what: &str, answer: &Json, column: &str, expected: &Json) {
    let start = answer["buckets"][0]["start"].as_str().unwrap();
    assert!(start.starts_with(expected["start"].as_str().unwrap()), "{what} starts {start}");
    let got = &answer["series"][0][column];
    let wanted = &expected["values"];
    let lengths = (got.as_array().unwrap().len(), wanted.as_array().unwrap().len());
    assert_eq!(lengths.0, lengths.1, "{what}: length");
    for (i, (g, w)) in got.as_array().unwrap().iter().zip(wanted.as_array().unwrap()).enumerate() {
        assert!(close(g, w), "{what}: bucket {i} is {g}, worked out elsewhere {w}");
    }
}

/// Integers are equal; fractions agree to the six places that the files keep.
fn close(got: &Json, wanted: &Json) -> bool {
    match (got.as_f64(), wanted.as_f64()) {
        (Some(g), Some(w)) if got.is_f64() || wanted.is_f64() => {
            (g - w).abs() <= 1e-6 * w.abs().max(1.0)
        }
        _ => got == wanted,
    }
}

/// Daily, weekly, monthly and trailing actives; with a zone, in the zone that the query names.
fn compare_actives(name: &str, db: &Db, expected: &Json, event: &Json, zone: Option<&str>) {
    let ask = |mut query: Json| {
        query["event"] = event.clone();
        if let Some(zone) = zone {
            query["time_zone"] = json!(zone);
        }
        ask_json(db, query)
    };
    for (key, by) in [("dau", "day"), ("wau", "week"), ("mau", "month")] {
        let answer = ask(json!({"report": "active", "by": by}));
        compare_series(&format!("{name}: {key}"), &answer, "users", &expected[key]);
    }
    for days in [7, 28, 30] {
        let key = format!("rolling{days}");
        if !expected[&key].is_null() {
            let answer = ask(json!({"report": "active", "trailing": days}));
            compare_series(&format!("{name}: {key}"), &answer, "users", &expected[key]);
        }
    }
}

fn compare_stickiness(name: &str, db: &Db, expected: &Json) {
    let monthly = ask_json(db, json!({"report": "stickiness", "by": "month", "trailing": null}));
    compare_series(
        &format!("{name}: stickiness"),
        &monthly,
        "ratio",
        &expected["stickiness_monthly"],
    );
    let series = |query| ask_json(db, query)["series"][0]["users"].as_array().unwrap().clone();
    let daily = series(json!({"report": "active"}));
    let trailing = series(json!({"report": "active", "trailing": 28}));
    let ratios: Vec<f64> = daily
        .iter()
        .zip(&trailing)
        .filter(|(_, t)| t.as_u64() != Some(0))
        .map(|(d, t)| d.as_f64().unwrap() / t.as_f64().unwrap())
        .collect();
    let last = daily.last().unwrap().as_f64().unwrap() / trailing.last().unwrap().as_f64().unwrap();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!(close(&json!(last), &expected["stickiness_28"]["last_day"]), "{name}: {last}");
    assert!(close(&json!(mean), &expected["stickiness_28"]["mean"]), "{name}: {mean}");
}

fn compare_growth(name: &str, db: &Db, expected: &Json) {
    for (key, by) in [("growth_weekly", "week"), ("growth_monthly", "month")] {
        let answer = ask_json(db, json!({"report": "growth", "by": by}));
        for column in ["active", "new", "retained", "resurrected", "churned"] {
            let wanted = json!({"start": expected[key]["start"], "values": expected[key][column]});
            compare_series(&format!("{name}: {key} {column}"), &answer, column, &wanted);
        }
    }
}

fn compare_cohorts(name: &str, db: &Db, expected: &Json) {
    for (key, by) in [("cohorts_monthly", "month"), ("cohorts_weekly", "week")] {
        let Some(wanted) = expected[key]["cohorts"].as_object() else { continue };
        let columns = wanted.values().map(|row| row.as_array().unwrap().len() - 1).max().unwrap();
        let columns = columns.max(1);
        let answer = ask_json(db, json!({"report": "retention", "by": by, "columns": columns}));
        let cohorts = answer["series"][0]["cohorts"].as_array().unwrap();
        let mut found = 0;
        for cohort in cohorts {
            let start = cohort["start"].as_str().unwrap();
            let Some(row) = wanted.iter().find(|(k, _)| start.starts_with(k.as_str())) else {
                assert_eq!(cohort["size"], 0, "{name}: {key} {start} should be empty");
                continue;
            };
            found += 1;
            assert_eq!(cohort["size"], row.1[0], "{name}: {key} {start} size");
            for (k, cell) in row.1.as_array().unwrap().iter().enumerate() {
                assert_eq!(&cohort["returned"][k], cell, "{name}: {key} {start} column {k}");
            }
        }
        assert_eq!(found, wanted.len(), "{name}: {key}: every cohort is there");
    }
}

fn compare_days_retained(name: &str, db: &Db, expected: &Json) {
    let on = ask_json(db, json!({"report": "retention", "by": "day", "columns": 90}));
    let span = expected["meta"]["days_span"].as_u64().unwrap();
    let after = ask_json(
        db,
        json!({"report": "retention", "by": "day", "columns": span.max(90), "count": "on_or_after"}),
    );
    for (days, wanted) in expected["nday_retention"].as_object().unwrap() {
        let days: usize = days.parse().unwrap();
        let average = &on["series"][0]["average"][days];
        assert_eq!(average["size"], wanted["eligible"], "{name}: day {days} eligible");
        assert_eq!(average["returned"], wanted["retained"], "{name}: day {days} retained");
        let average = &after["series"][0]["average"][days];
        assert_eq!(average["size"], wanted["eligible"], "{name}: day {days} on or after, eligible");
        let wanted = &wanted["retained_on_or_after"];
        assert_eq!(&average["returned"], wanted, "{name}: day {days} retained on or after");
    }
}

fn compare_l28(name: &str, db: &Db, expected: &Json) {
    let answer = ask_json(db, json!({"report": "frequency", "from": "-28d"}));
    assert_eq!(answer["series"][0]["users"], expected["l28"], "{name}: l28");
}

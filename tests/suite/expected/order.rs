//! Sessions and funnels, as worked out elsewhere.

use super::{close, compare_series};
use crate::support::ask_json;
use daybit::Db;
use serde_json::{Value as Json, json};

pub fn compare_sessions(name: &str, db: &Db, wanted: &Json) {
    if wanted.is_null() {
        return;
    }
    let longest = wanted["max_duration_s"].as_f64().unwrap() as u64;
    let query = |by: &str| {
        let edges = json!(["1s", format!("{longest}s"), format!("{}s", longest + 1)]);
        let gap = format!("{}s", wanted["gap_s"]);
        json!({"report": "sessions", "gap": gap, "by": by, "duration_edges": edges})
    };
    let daily = ask_json(db, query("day"));
    compare_series(&format!("{name}: sessions"), &daily, "sessions", &wanted["per_day"]);
    let all = ask_json(db, query("all"))["series"][0].clone();
    let of = |column: &str| all[column][0].clone();
    for (column, key) in [
        ("sessions", "sessions"),
        ("mean_s", "mean_duration_s"),
        ("events_per_session", "mean_events"),
    ] {
        assert!(close(&of(column), &wanted[key]), "{name}: {column} {}", of(column));
    }
    let sessions = wanted["sessions"].as_f64().unwrap();
    let (bounces, total) =
        (of("bounce_rate").as_f64().unwrap() * sessions, of("mean_s").as_f64().unwrap() * sessions);
    let single = &wanted["single_event_sessions"];
    assert!(close(&json!(bounces), single), "{name}: bounces {bounces}");
    assert!(close(&json!(total), &wanted["total_duration_s"]), "{name}: seconds {total}");
    // One session at least is as long as the longest, and none is longer.
    let class = |i: usize| all["histogram"][i][0].as_u64().unwrap();
    assert!(class(2) > 0 && class(3) == 0, "{name}: {}", all["histogram"]);
    assert_eq!((0..4).map(class).sum::<u64>() as f64, sessions, "{name}: all durations");
}

pub fn compare_funnels(name: &str, db: &Db, funnels: &Json) {
    for funnel in funnels.as_array().into_iter().flatten() {
        let steps: Json = funnel["steps"].as_array().unwrap().iter().map(step).collect();
        for (width, window) in funnel["windows"].as_object().unwrap() {
            let within = window["seconds"].as_u64().map(|seconds| format!("{seconds}s"));
            for (key, ties) in [("strict", "forbid"), ("loose", "in_order")] {
                let query = json!({
                    "report": "funnel", "steps": steps, "within": within, "ties": ties
                });
                let answer = ask_json(db, query);
                let steps = answer["series"][0]["steps"].as_array().unwrap();
                let users: Json = steps.iter().map(|s| s["users"].clone()).collect();
                let what = format!("{name}: {} within {width}, ties {ties}", funnel["name"]);
                assert_eq!(users, window[key], "{what}");
            }
        }
    }
}

/// `activity=purchase`, or a condition on a property of any event.
fn step(text: &Json) -> Json {
    match text.as_str().unwrap().split_once('=').unwrap() {
        ("activity", name) => json!(name),
        (property, value) => {
            json!({"event": "*", "where": [{"property": property, "is": value}]})
        }
    }
}

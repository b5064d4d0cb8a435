//! The scan and every report, over half a year of a small shop, each compared with the run before:
//!
//!     cargo bench --bench report [-- NAME]
//!
//! The database is made in a temporary folder, once for all that are asked for. Names begin with
//! `scan/` or with the report's: `cargo bench --bench report -- funnel`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod support;

use criterion::Criterion;
use daybit::{Batch, Db, Options, Query};
use serde_json::{Value as Json, json};
use std::time::Duration;
use support::questions::{questions, row_questions};
use support::shop::{LAST_DAY, Row, fill};

const USERS: u64 = 10_000;
const DAYS: i64 = 214;
/// Events that no flush has put into files.
const UNFLUSHED: u64 = 20_000;

/// What one way of reading costs: nothing is worked out of it but daily users.
fn scans() -> Vec<(&'static str, Json)> {
    let active = |event: Json| json!({"report": "active", "event": event, "by": "week"});
    let with = |condition: Json| active(json!({"event": "*", "where": [condition]}));
    let users = |set: Json| json!({"report": "active", "by": "week", "users": set});
    vec![
        ("totals", json!({"report": "active"})),
        ("any", active(json!("*"))),
        ("one_activity", active(json!("search"))),
        ("two_activities", active(json!({"any": ["search", "purchase"]}))),
        ("indexed_condition", with(json!({"property": "country", "is": "DE"}))),
        ("condition_on_rows", with(json!({"property": "value", "gt": 100}))),
        ("set", users(json!({"did": "purchase", "at_least": 2}))),
        ("all_times", json!({"report": "active", "by": "hour", "from": "-28d"})),
    ]
}

/// Reports that the standard questions leave out.
fn further_reports() -> Vec<(&'static str, Json)> {
    let features = json!(["search", "share", "report"]);
    vec![
        ("paths", json!({"report": "paths", "start": "app_open", "from": "-28d"})),
        ("balance", json!({"report": "balance", "event": "purchase", "property": "value"})),
        (
            "survey",
            json!({"report": "survey", "event": "purchase", "property": "value",
                          "kind": "nps", "scale": [0, 200], "promoter_min": 150,
                          "detractor_max": 50, "by": "month"}),
        ),
        ("adoption", json!({"report": "adoption", "features": features, "by": "month"})),
        ("count", json!({"report": "count", "users": {"did": "purchase", "at_least": 3}})),
        (
            "users",
            json!({"report": "users", "users": {"did": "purchase"}, "limit": 100,
                         "with": ["first", "days"], "order_by": "days"}),
        ),
    ]
}

/// A name, with its report before it where it does not begin with that.
fn named(name: &str, query: &Json) -> String {
    let report = query["report"].as_str().unwrap();
    if name.starts_with(report) { name.to_owned() } else { format!("{report}/{name}") }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    fill(&path, USERS, LAST_DAY - DAYS..LAST_DAY);
    let db = Db::open(&path, Options::new().background(false)).unwrap();
    let mut ask = |name: String, query: &Json| {
        let query = Query::from_value(query).unwrap();
        criterion.bench_function(&name, |bencher| bencher.iter(|| db.query(&query).unwrap()));
    };
    scans().iter().for_each(|(name, query)| ask(format!("scan/{name}"), query));
    for (name, query) in questions().into_iter().chain(row_questions()).chain(further_reports()) {
        ask(named(name, &query), &query);
    }
    let batch = Batch::new().events((0..UNFLUSHED).map(|n| Row::live(n, USERS).event()));
    db.writer().unwrap().write_batch(batch).unwrap();
    let any = json!({"report": "active", "by": "week", "from": "-1w"});
    ask("scan/unflushed".to_owned(), &any);
    criterion.final_summary();
}

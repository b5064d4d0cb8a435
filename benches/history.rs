//! Whether history weighs: the last 90 days of a database of ten years against those of one year,
//! with as many users and events a day.
//!
//!     cargo bench --bench history [-- USERS]
//!
//! Makes both databases in a temporary folder, asks each question in turn of both and of the ten
//! years without the first-seen index, and prints the best of several as a JSON line.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use daybit::{Batch, Db, Durability, Event, Options, Query};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::Instant;

const REPEATS: usize = 31;
const DAY_SECONDS: i64 = 86_400;
/// 2024-12-31, the last day.
const LAST_DAY: i64 = 20_088;
const ACTIVITIES: [&str; 4] = ["app_open", "view", "search", "purchase"];

fn questions() -> Vec<(&'static str, Json)> {
    let asked = |mut query: Json| {
        query["from"] = json!("-90d");
        query
    };
    let growth = |more: Json| {
        let mut query = asked(json!({"report": "growth", "by": "day"}));
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    let retention = |by: &str, columns: u32| {
        asked(json!({"report": "retention", "by": by, "columns": columns}))
    };
    vec![
        ("growth_day", growth(json!({}))),
        ("growth_week", growth(json!({"by": "week"}))),
        ("growth_purchase", growth(json!({"event": "purchase"}))),
        ("growth_trailing28", growth(json!({"trailing": 28}))),
        ("retention_day", retention("day", 90)),
        ("retention_week", retention("week", 12)),
        ("retention_elapsed", {
            let mut query = retention("day", 30);
            query["start"] = json!("purchase");
            query["window"] = json!("elapsed");
            query
        }),
        ("states", asked(json!({"report": "states"}))),
        ("first_did", {
            let set = json!({"first_did": "purchase", "from": "2024-10-03", "to": "2025-01-01"});
            json!({"report": "count", "users": set})
        }),
    ]
}

/// A number that looks random, below a bound.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Every user comes at some day; of those who came, a twentieth of all are active each day.
fn fill(path: &Path, users: u64, days: i64) {
    let options = Options::new().durability(Durability::Os).background(false);
    let db = Db::create(path, options).unwrap();
    let writer = db.writer().unwrap();
    let mut state = 7;
    for day in 0..days {
        let known = (users * (day as u64 + 1) / days as u64).max(1);
        let events = (0..users / 20).map(|event| {
            let activity = ACTIVITIES[draw(&mut state, 4) as usize];
            // A day's newest users are among its active ones.
            let user = match event {
                0..8 => known.saturating_sub(event + 1),
                _ => draw(&mut state, known),
            };
            let second = (LAST_DAY - days + 1 + day) * DAY_SECONDS + event as i64;
            let time = chrono::DateTime::from_timestamp(second, 0).unwrap();
            Event::new(format!("user-{user}"), activity).at(time)
        });
        writer.write_batch(Batch::new().events(events.collect::<Vec<_>>())).unwrap();
        if day % 200 == 199 {
            db.flush().unwrap();
        }
    }
    db.compact().unwrap();
    db.close().unwrap();
}

fn milliseconds(db: &Db, query: &Query) -> f64 {
    let started = Instant::now();
    drop(db.query(query).unwrap());
    started.elapsed().as_secs_f64() * 1e3
}

fn main() {
    let arguments = std::env::args().skip(1).find(|argument| argument != "--bench");
    let users = arguments.map_or(20_000, |users| users.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let paths = ["one", "ten", "scanned"].map(|name| folder.path().join(name));
    for (path, years) in paths.iter().zip([1, 10, 10]) {
        fill(path, users, 365 * years);
    }
    for file in std::fs::read_dir(paths[2].join("first")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let databases = paths.map(|path| Db::open_read_only(path).unwrap());
    for (name, query) in questions() {
        let query = Query::from_value(&query).unwrap();
        let mut best = [f64::INFINITY; 3];
        for _ in 0..REPEATS {
            for (best, db) in best.iter_mut().zip(&databases) {
                *best = best.min(milliseconds(db, &query));
            }
        }
        let [one, ten, scanned] = best;
        println!(
            "{}",
            json!({"question": name, "one_year_ms": one, "ten_years_ms": ten,
                   "ratio": ten / one, "without_index_ms": scanned})
        );
    }
}

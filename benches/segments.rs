//! Figures of many segments in one call, against the same one by one: actives, growth, retention
//! and revenue over ten years.
//!
//!     cargo bench --bench segments [-- USERS] [--segments N]
//!         [--only conditions|sets|overlaps] [--report active|growth|retention|value]
//!         [--threads N] [--together] [--keep FOLDER]
//!
//! Makes the database in a temporary folder, or in the one named. A segment is a condition on
//! events (a country, or a country on a platform) or a set of users (who did something in a
//! country, whose first day lies in a month, ids, and sets of sets). `overlaps` are sets that have
//! many users each. Checks that the answers are equal, unless only those of one call are wanted
//! (`--together`), and prints a JSON line for each kind, with the most memory that either way took
//! beyond what was there before.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::{Answer, Db, ImportOptions, Options, Query, Source};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::time::Instant;
use support::feed::Feed;

const DAYS: u64 = 3_652;
const DAY_S: i64 = 86_400;
const FIRST_DAY_S: i64 = 1_420_070_400; // 2015-01-01
/// Of those who have begun, how many per mille are active on a day.
const ACTIVE: u64 = 60;
const COUNTRIES: u64 = 100;
const PLATFORMS: [&str; 4] = ["android", "ios", "web", "tv"];

/// A good mix of the bits of two numbers.
fn mixed(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x632b_e59b_d9b4_e019);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Some countries have many users, most have few.
fn country(user: u64) -> u64 {
    let draw = mixed(user, 1) % 10_000;
    draw * draw % 100_000_000 * COUNTRIES / 100_000_000
}

/// Mostly the user's own one.
fn platform(user: u64, event: u64) -> &'static str {
    let own = mixed(user, 2);
    let draw = if event.is_multiple_of(10) { event } else { own };
    PLATFORMS[(draw % 4) as usize]
}

/// The events as CSV.
struct Events {
    users: u64,
    day: u64,
    user: u64,
}

impl Events {
    /// What the next user does on the day at hand; `false` where there is none.
    fn next(&mut self, text: &mut Vec<u8>) -> bool {
        if self.day == DAYS {
            return false;
        }
        self.of_a_day(text);
        self.user += 1;
        if self.user == self.users {
            (self.user, self.day) = (0, self.day + 1);
        }
        true
    }

    fn of_a_day(&self, text: &mut Vec<u8>) {
        let (user, day) = (self.user, self.day);
        let begins = user * DAYS / self.users;
        if day < begins || (day > begins && mixed(user, day + 5) % 1_000 >= ACTIVE) {
            return;
        }
        let draw = mixed(user, !day);
        let at = FIRST_DAY_S + DAY_S * day as i64 + (draw % 80_000) as i64;
        let at = chrono::DateTime::from_timestamp(at, 0).unwrap().format("%FT%TZ");
        let (country, own) = (country(user), platform(user, draw));
        let mut event = |name: &str, price: &str| {
            writeln!(text, "{user},{name},{at},c{country},{own},{price}").unwrap();
        };
        event("open", "");
        if draw.is_multiple_of(3) {
            event("view", "");
        }
        if draw.is_multiple_of(5) {
            event("purchase", &format!("{}.{:02}", 1 + draw % 90, draw % 100));
        }
    }
}

fn events(users: u64) -> impl std::io::Read + Send {
    let mut events = Events { users, day: 0, user: 0 };
    let head = "user,activity,time,country,platform,price\n";
    Feed::new(head, move |text| events.next(text))
}

/// Two thirds are countries, the others a country on a platform.
fn conditions(segment: usize) -> Vec<Json> {
    let country = |n: usize| json!({"property": "country", "is": format!("c{}", n % 100)});
    if segment % 3 < 2 {
        return vec![country(segment)];
    }
    let platform = PLATFORMS[segment / 3 % 4];
    vec![country(segment / 12), json!({"property": "platform", "is": platform})]
}

fn month(n: usize) -> String {
    format!("{}-{:02}-01", 2015 + n / 12 % 10, n % 12 + 1)
}

fn set(segment: usize) -> Json {
    let of_kind = segment / 4 % 100;
    match segment % 4 {
        0 => json!({"did": {"event": "*", "where": conditions(of_kind * 3)}}),
        1 => json!({"first_did": "*", "from": month(of_kind), "to": month(of_kind + 1)}),
        2 => {
            let ids = (0..200).map(|n| (of_kind * 7 + n * 11).to_string());
            json!({"ids": ids.collect::<Vec<_>>()})
        }
        _ => json!({"and": [
            {"did": "purchase", "from": month(of_kind), "to": month(of_kind + 6)},
            {"not": {"did": "view", "from": month(of_kind), "to": month(of_kind + 1)}},
        ]}),
    }
}

/// Sets that hold most users: those who did not do something in some months.
fn wide_set(segment: usize) -> Json {
    let (from, more) = (segment % 100, 1 + segment / 100 % 10);
    json!({"not": {"did": "purchase", "from": month(from), "to": month(from + more)}})
}

fn queries(kind: &str, segments: usize, only: Option<&str>) -> Vec<Query> {
    let reports = [
        ("active", json!({"report": "active", "event": "*", "by": "day"})),
        ("growth", json!({"report": "growth", "event": "open", "by": "week"})),
        (
            "retention",
            json!({"report": "retention", "start": "open", "by": "month", "columns": 12}),
        ),
        (
            "value",
            json!({"report": "value", "event": "purchase", "by": "month", "measure": "sum",
                   "property": "price"}),
        ),
    ];
    let wanted = |report: &&(&str, Json)| only.is_none_or(|only| only == report.0);
    let mut queries = Vec::new();
    for segment in 0..segments {
        for (report, query) in reports.iter().filter(wanted) {
            let mut query = query.clone();
            query["from"] = json!("2015-01-01");
            query["to"] = json!("2025-01-01");
            let event = if *report == "retention" { "start" } else { "event" };
            match kind {
                "sets" => query["users"] = set(segment),
                "overlaps" => query["users"] = wide_set(segment),
                _ => {
                    let name = query[event].clone();
                    query[event] = json!({"event": name, "where": conditions(segment)});
                }
            }
            queries.push(Query::from_value(&query).unwrap());
        }
    }
    queries
}

/// What running something took.
struct Cost {
    seconds: f64,
    /// Of all threads; the system counts hundredths.
    cpu_s: f64,
    /// The most memory beyond that before it.
    peak_kib: u64,
}

/// Seconds that the process has worked.
fn worked_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = after.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// Runs something; answers what it made and what that took.
fn measured<T>(run: impl FnOnce() -> T) -> (T, Cost) {
    let kib = |name: &str| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0)
    };
    // Lets the peak begin anew, where the system has that.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = kib("RssAnon");
    let (started, worked) = (Instant::now(), worked_s());
    let made = run();
    let (seconds, cpu_s) = (started.elapsed().as_secs_f64(), worked_s() - worked);
    let peak_kib = kib("VmHWM").saturating_sub(before + kib("RssFile"));
    (made, Cost { seconds, cpu_s, peak_kib })
}

/// Without how long it took.
fn plain(answer: &daybit::Result<Answer>) -> Json {
    let text = answer.as_ref().unwrap().to_json_string();
    let mut answer: Json = serde_json::from_str(&text).unwrap();
    answer["info"]["elapsed_ms"] = json!(null);
    answer
}

fn compare(db: &Db, kind: &str, options: &Asked) {
    let queries = queries(kind, options.segments, options.report.as_deref());
    let snapshot = db.snapshot().unwrap();
    let (together, one_call) = measured(|| snapshot.query_many(&queries));
    let told = |cost: &Cost| {
        let peak_mib = cost.peak_kib / 1_024;
        json!({"seconds": cost.seconds, "cpu_s": cost.cpu_s, "peak_mib": peak_mib})
    };
    let mut line = json!({
        "segments": kind, "queries": queries.len(), "threads": rayon::current_num_threads(),
        "one_call": told(&one_call),
    });
    if !options.together {
        let single = |query: &Query| snapshot.query(query);
        let (alone, one_by_one) = measured(|| queries.iter().map(single).collect::<Vec<_>>());
        for (place, (one, other)) in alone.iter().zip(&together).enumerate() {
            assert_eq!(plain(one), plain(other), "query {place}");
        }
        line["one_by_one"] = told(&one_by_one);
        line["ratio"] = json!(one_by_one.seconds / one_call.seconds);
        line["cpu_ratio"] = json!(one_by_one.cpu_s / one_call.cpu_s);
    }
    println!("{line}");
}

struct Asked {
    segments: usize,
    report: Option<String>,
    together: bool,
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut option = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.remove(at);
        Some(arguments.remove(at))
    };
    let only = option("--only");
    let segments = option("--segments").map_or(100, |segments| segments.parse().unwrap());
    let report = option("--report");
    let threads = option("--threads").map_or(1, |threads| threads.parse().unwrap());
    let kept = option("--keep");
    let together = arguments.iter().any(|argument| argument == "--together");
    let users = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(20_000);
    let folder = tempfile::tempdir().unwrap();
    let path = kept.map_or_else(|| folder.path().join("segments.db"), Into::into);
    if !path.exists() {
        let db = Db::create(&path, Options::new()).unwrap();
        let started = Instant::now();
        let source = Source::reader("events.csv", Box::new(events(users)));
        let receipt = db.import(&ImportOptions::new(), vec![source], &|_| {}).unwrap();
        eprintln!("{} events in {:.1} s", receipt.accepted, started.elapsed().as_secs_f64());
        db.close().unwrap();
    }
    let db = Db::open_read_only(&path).unwrap();
    let asked = Asked { segments, report, together };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for kind in ["conditions", "sets", "overlaps"] {
        if only.as_ref().is_none_or(|only| only == kind) {
            threads.install(|| compare(&db, kind, &asked));
        }
    }
}

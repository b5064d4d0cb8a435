//! The standard questions over a database that is already there, each first after opening and then
//! the best of several:
//!
//!     cargo bench --bench questions -- PATH-OF-A-DATABASE [--rows] [--answers FILE]
//!         [--only NAME] [--repeats N]
//!
//! `--rows` asks those that read rows: conditions, breakdowns, money, funnels, sessions. `--only`
//! asks one of them, and many `--repeats` of it are something for a profiler to look at.
//! Prints a JSON line per question; `--answers` writes all answers, for comparison with others'.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::{Db, Query};
use serde_json::{Value as Json, json};
use support::milliseconds;
use support::questions::{questions, row_questions};

const REPEATS: u32 = 7;

/// One question: opening, the first answer after it, the best of several; and the answer.
fn ask(path: &str, name: &str, query: &Query, repeats: u32) -> Json {
    let (mut opened, mut answer) = (None, None);
    let open_ms = milliseconds(|| opened = Some(Db::open_read_only(path).unwrap()));
    let db = opened.unwrap();
    let first_ms = milliseconds(|| answer = Some(db.query(query).unwrap()));
    let repeats = (0..repeats).map(|_| milliseconds(|| drop(db.query(query).unwrap())));
    let best_ms = repeats.fold(f64::INFINITY, f64::min);
    let line =
        json!({"question": name, "open_ms": open_ms, "first_ms": first_ms, "best_ms": best_ms});
    println!("{line}");
    answer.unwrap().to_json()
}

/// What follows a flag, taken out of the arguments.
fn option(arguments: &mut Vec<String>, flag: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == flag)?;
    arguments.remove(at);
    Some(arguments.remove(at))
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let rows = arguments.iter().position(|a| a == "--rows").map(|at| arguments.remove(at));
    let file = option(&mut arguments, "--answers");
    let only = option(&mut arguments, "--only");
    let repeats = option(&mut arguments, "--repeats").map_or(REPEATS, |n| n.parse().unwrap());
    let Some(path) = arguments.first() else {
        eprintln!("name a database: cargo bench --bench questions -- shop.db [--rows]");
        return;
    };
    let mut asked = if rows.is_some() { row_questions() } else { questions() };
    asked.retain(|(name, _)| only.as_ref().is_none_or(|only| only == name));
    let parsed: Vec<(&str, Query)> =
        asked.iter().map(|(name, q)| (*name, Query::from_value(q).unwrap())).collect();
    let answer =
        |(name, query): &(&str, Query)| (name.to_string(), ask(path, name, query, repeats));
    let answers: serde_json::Map<String, Json> = parsed.iter().map(answer).collect();
    let db = Db::open_read_only(path).unwrap();
    let all: Vec<Query> = parsed.into_iter().map(|(_, query)| query).collect();
    if all.len() > 1 {
        let together_ms = (0..repeats)
            .map(|_| milliseconds(|| drop(db.query_many(&all).unwrap())))
            .fold(f64::INFINITY, f64::min);
        println!("{}", json!({"question": "all in one call", "best_ms": together_ms}));
    }
    if let Some(file) = file {
        std::fs::write(file, Json::Object(answers).to_string()).unwrap();
    }
}

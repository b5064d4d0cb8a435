//! The plain questions at other densities than the usual: few active users among many, few users
//! over ten years, one activity of thousands, cohorts that lie scattered over the numbers of users.
//!
//!     cargo bench --bench densities -- small|full [--only SET] [--threads N]
//!
//! `small` builds in seconds, `full` has 20 M users in the sparse set. The databases are made in a
//! temporary folder and go when all is asked. Prints a JSON line per set and question: the best of
//! several, and what that is for each user of each day. One thread asks unless told otherwise: what
//! a user of a day costs should not depend on how many chunks there are to share.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::{Db, ImportOptions, Options, Query, Source};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::time::Instant;
use support::feed::Feed;

const REPEATS: u32 = 7;
const DAY_S: i64 = 86_400;
const FIRST_DAY_S: i64 = 1_609_459_200; // 2021-01-01

/// What events a set has. Everybody signs up on the day before the first, in the order of numbers.
#[derive(Clone, Copy)]
struct Density {
    name: &'static str,
    users: u64,
    days: u64,
    /// Of those who have begun, how many per mille open the app on a day.
    active: u64,
    /// Names of what they do when they have opened it; one each day.
    activities: u64,
    /// On which days users begin.
    begins: Begins,
}

#[derive(Clone, Copy)]
enum Begins {
    AtOnce,
    /// Along the days, in the order of their numbers.
    InOrder,
    /// Along the days, in no order.
    AtRandom,
}

fn densities(full: bool) -> Vec<Density> {
    let dense = Density {
        name: "dense",
        users: if full { 1_048_576 } else { 262_144 },
        days: 120,
        active: 100,
        activities: 1,
        begins: Begins::InOrder,
    };
    let users = if full { 20_000_000 } else { 1_000_000 };
    vec![
        dense,
        Density { name: "random order", begins: Begins::AtRandom, ..dense },
        Density { name: "sparse", users, days: 60, active: 5, begins: Begins::AtOnce, ..dense },
        Density { name: "one chunk", users: 50_000, days: 365, active: 150, ..dense },
        Density { name: "tiny", users: 2_000, days: 3_650, active: 200, ..dense },
        Density {
            name: "many activities",
            users: if full { 400_000 } else { 100_000 },
            days: 60,
            active: 200,
            activities: if full { 5_000 } else { 1_000 },
            ..dense
        },
    ]
}

/// A good mix of the bits of two numbers.
fn mixed(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x632b_e59b_d9b4_e019);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

impl Density {
    fn begins(&self, user: u64) -> u64 {
        match self.begins {
            Begins::AtOnce => 0,
            Begins::InOrder => user * self.days / self.users,
            Begins::AtRandom => mixed(user, 1) % self.days,
        }
    }

    fn opens(&self, user: u64, day: u64) -> bool {
        let begins = self.begins(user);
        day == begins || day > begins && mixed(user, day + 2) % 1_000 < self.active
    }

    /// What the user does when the app is open.
    fn activity(&self, user: u64, day: u64) -> u64 {
        mixed(user, !day) % self.activities
    }
}

/// The events as CSV.
struct Events {
    density: Density,
    /// 0: everybody signs up.
    day: u64,
    user: u64,
}

impl Events {
    /// What the next user does on the day at hand; `false` where there is none.
    fn next(&mut self, text: &mut Vec<u8>) -> bool {
        let (user, day) = (self.user, self.day);
        if day > self.density.days {
            return false;
        }
        let at_s = FIRST_DAY_S + DAY_S * (day as i64 - 1) + (user % 80_000) as i64;
        let at = chrono::DateTime::from_timestamp(at_s, 0).unwrap().format("%FT%TZ");
        match day.checked_sub(1) {
            None => writeln!(text, "{user},signup,{at}").unwrap(),
            Some(day) if self.density.opens(user, day) => {
                writeln!(text, "{user},open,{at}").unwrap();
                let activity = self.density.activity(user, day);
                writeln!(text, "{user},a{activity},{at}").unwrap();
            }
            Some(_) => {}
        }
        self.user += 1;
        if self.user == self.density.users {
            (self.user, self.day) = (0, self.day + 1);
        }
        true
    }
}

fn events(density: Density) -> impl std::io::Read + Send {
    let mut events = Events { density, day: 0, user: 0 };
    Feed::new("user,activity,time\n", move |text| events.next(text))
}

fn questions(event: &str) -> Vec<(&'static str, Json)> {
    let active = |by: &str| json!({"report": "active", "event": event, "by": by});
    let retention = |by: &str, columns: u32| json!({"report": "retention", "start": event, "by": by, "columns": columns});
    let mut trailing = active("day");
    trailing["trailing"] = json!(28);
    vec![
        ("wau", active("week")),
        ("mau", active("month")),
        ("trailing28", trailing),
        ("retention_month", retention("month", 12)),
        ("retention_day90", retention("day", 90)),
        ("growth_week", json!({"report": "growth", "event": event, "by": "week"})),
        ("histogram", json!({"report": "frequency", "event": event})),
        ("states", json!({"report": "states", "event": event})),
        (
            "stickiness_month",
            json!({"report": "stickiness", "event": event, "by": "month", "trailing": null}),
        ),
    ]
}

fn seconds(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64()
}

fn ask(db: &Db, density: &Density, event: &str) {
    let opens = |day| (0..density.users).filter(move |user| density.opens(*user, day));
    let asked: u64 = (0..density.days)
        .map(|day| match event {
            "a0" => opens(day).filter(|user| density.activity(*user, day) == 0).count() as u64,
            _ => opens(day).count() as u64,
        })
        .sum();
    for (name, mut query) in questions(event) {
        query["from"] = json!("2021-01-01");
        let query = Query::from_value(&query).unwrap();
        let times = (0..=REPEATS).map(|_| seconds(|| drop(db.query(&query).unwrap())));
        let best = times.fold(f64::INFINITY, f64::min);
        println!(
            "{}",
            json!({
                "set": density.name, "event": event, "user_days": asked, "question": name,
                "threads": rayon::current_num_threads(), "best_ms": best * 1e3, "ns_per_user_day": best * 1e9 / asked as f64,
            })
        );
    }
}

fn run(density: &Density) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.db");
    let db = Db::create(&path, Options::new()).unwrap();
    let source = Source::reader("events.csv", Box::new(events(*density)));
    let built_s =
        seconds(|| drop(db.import(&ImportOptions::new(), vec![source], &|_| {}).unwrap()));
    eprintln!("{}: built in {built_s:.1} s", density.name);
    ask(&db, density, "open");
    if density.activities > 1 {
        ask(&db, density, "a0");
    }
    db.close().unwrap();
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut option = |flag: &str| {
        let at = arguments.iter().position(|argument| argument == flag)?;
        arguments.remove(at);
        Some(arguments.remove(at))
    };
    let only = option("--only");
    let threads = option("--threads").map_or(1, |threads| threads.parse().unwrap());
    let full = match arguments.first().map(String::as_str) {
        Some("small") => false,
        Some("full") => true,
        _ => {
            eprintln!("say how large: cargo bench --bench densities -- small|full [--only SET]");
            return;
        }
    };
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let wanted = |density: &Density| only.as_ref().is_none_or(|only| only == density.name);
    threads.install(|| densities(full).iter().filter(|density| wanted(density)).for_each(run));
}

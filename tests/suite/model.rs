//! daybit against the oracle: random events, late arrival, batch splits, flushes, compactions and
//! reopenings in random places, and random questions whose whole answers must be equal.
//!
//! `SEED=n` replays one round; `MODEL_ROUNDS=n` runs more of them.

use crate::oracle::{self, Oracle};
use crate::same::assert_same;
use crate::support::{Random, create, folder, setting};
use chrono::DateTime;
use daybit::{Batch, Db, Event, Options, Query};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

const ACTIVITIES: [&str; 4] = ["open", "view", "purchase", "naïve \"quote\", and comma"];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"];
const DAY_US: i64 = 86_400_000_000;

#[test]
fn random_lives_of_a_database_answer_like_the_oracle() {
    if let Ok(seed) = std::env::var("SEED") {
        return Life::new(seed.parse().unwrap()).live();
    }
    for round in 0..setting("MODEL_ROUNDS", 24) {
        Life::new(round).live();
    }
}

/// One database's life beside its oracle.
struct Life {
    seed: u64,
    random: Random,
    place: tempfile::TempDir,
    db: Option<Db>,
    oracle: Oracle,
    /// Insert ids stored so far, with their day.
    taken: BTreeSet<(oracle::Day, String)>,
    first_day: i64,
    days: u64,
    people: u64,
}

impl Life {
    fn new(seed: u64) -> Life {
        let mut random = Random(seed.wrapping_mul(0x5851_F42D_4C95_7F2D) + 1);
        let zone = *random.pick(&ZONES);
        let place = folder();
        let db = create(&place.path().join("db"), zone);
        // Some lives lie before 1970, some across changes of the clock.
        let first_day = *random.pick(&[-400, 17_440, 19_700]);
        let (days, people) = (10 + random.below(90), 3 + random.below(40));
        let taken = BTreeSet::new();
        Life {
            seed,
            random,
            place,
            db: Some(db),
            oracle: Oracle::new(zone),
            taken,
            first_day,
            days,
            people,
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.place.path().join("db")
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn live(mut self) {
        self.batch();
        for _ in 0..14 {
            match self.random.below(8) {
                0 => self.db().flush().unwrap(),
                1 => self.db().compact().unwrap(),
                2 => self.reopen(),
                _ => self.batch(),
            }
            self.compare(3);
        }
        self.reopen();
        self.compare(10);
        self.compare_read_only();
    }

    fn reopen(&mut self) {
        let db = self.db.take().unwrap();
        if self.random.chance(2) {
            db.close().unwrap();
        } else {
            drop(db);
        }
        self.db = Some(Db::open(self.path(), Options::new()).unwrap());
    }

    fn batch(&mut self) {
        let mut batch = Batch::new();
        let (mut accepted, mut duplicates, mut without_user) = (0, 0, 0);
        for _ in 0..1 + self.random.below(60) {
            let (event, id) = self.event();
            let stored = oracle::Event {
                user: event.user.clone().filter(|u| !u.is_empty()),
                activity: event.activity.clone(),
                at: event.time.unwrap().timestamp_micros(),
                properties: oracle::values(&event),
            };
            let day = self.oracle.day_of(stored.at);
            if id.is_some_and(|id| !self.taken.insert((day, id))) {
                duplicates += 1;
            } else {
                accepted += 1;
                without_user += u64::from(stored.user.is_none());
                self.oracle.events.push(stored);
            }
            batch = batch.event(event);
        }
        let receipt = self.db().writer().unwrap().write_batch(batch).unwrap();
        let got =
            (receipt.accepted, receipt.duplicates, receipt.without_user, receipt.rejected.len());
        assert_eq!(got, (accepted, duplicates, without_user, 0), "seed {}", self.seed);
    }

    fn event(&mut self) -> (Event, Option<String>) {
        let random = &mut self.random;
        let activity = *random.pick(&ACTIVITIES);
        let mut event = match random.below(12) {
            0 => Event::without_user(activity),
            1 => Event::new("", activity),
            _ => Event::new(format!("user {}", random.below(self.people)), activity),
        };
        let span_us = DAY_US * i64::try_from(self.days).unwrap();
        let at = self.first_day * DAY_US + i64::try_from(random.below(span_us as u64)).unwrap();
        event = event.at(DateTime::from_timestamp_micros(at).unwrap());
        if random.chance(3) {
            event = event.with("price", *random.pick(&[1_i64, 2, -3])).with("country", "DE");
        }
        let id = random.chance(4).then(|| format!("id {}", random.below(40)));
        if let Some(id) = &id {
            event = event.insert_id(id.clone());
        }
        (event, id)
    }

    fn compare(&mut self, questions: u64) {
        for _ in 0..questions {
            let query = self.question();
            compare(self.db(), &self.oracle, &query, self.seed);
        }
        self.compare_together();
    }

    /// Several at once are answered as each alone.
    fn compare_together(&mut self) {
        let asked: Vec<Json> = (0..3).map(|_| self.question()).collect();
        let queries: Vec<Query> =
            asked.iter().map(|q| Query::from_json(&q.to_string()).unwrap()).collect();
        for (query, answer) in asked.iter().zip(self.db().query_many(&queries).unwrap()) {
            assert_same(&self.oracle, query, &answer.unwrap(), &format!("seed {}", self.seed));
        }
    }

    fn compare_read_only(&mut self) {
        self.db().flush().unwrap();
        let reader = Db::open_read_only(self.path()).unwrap();
        for _ in 0..5 {
            let query = self.question();
            compare(&reader, &self.oracle, &query, self.seed);
        }
    }

    fn question(&mut self) -> Json {
        let report = *self.random.pick(&[
            "active",
            "active",
            "frequency",
            "stickiness",
            "growth",
            "growth",
            "states",
            "retention",
            "retention",
            "retention",
            "count",
            "users",
        ]);
        let mut query = json!({"report": report});
        self.own_fields(report, &mut query);
        self.common_fields(report, &mut query);
        query
    }

    fn own_fields(&mut self, report: &str, query: &mut Json) {
        if ["active", "frequency", "stickiness", "growth", "states"].contains(&report) {
            query["event"] = self.selector();
        }
        let random = &mut self.random;
        let trailing = *random.pick(&[1, 2, 7, 28, 30]);
        match report {
            "active" if random.chance(2) => query["trailing"] = json!(trailing),
            "frequency" => {
                query["interval"] = json!(random.pick(&["day", "week", "month"]));
                query["at_least"] = json!(1 + random.below(2));
            }
            "stickiness" if random.chance(2) => query["trailing"] = json!(trailing),
            "stickiness" => query["trailing"] = json!(null),
            "growth" => match random.below(4) {
                0 => query["gap"] = json!(1 + random.below(4)),
                1 => query["trailing"] = json!(trailing),
                2 => query["new_means"] = json!("any"),
                _ => {}
            },
            "states" if random.chance(2) => {
                query["week"] = json!(2 + random.below(6));
                query["month"] = json!(9 + random.below(30));
            }
            "retention" => self.retention_fields(query),
            "users" => query["limit"] = json!(1 + random.below(20)),
            _ => {}
        }
    }

    fn retention_fields(&mut self, query: &mut Json) {
        query["start"] = self.selector();
        if self.random.chance(2) {
            query["return"] = self.selector();
        }
        let random = &mut self.random;
        query["cohort"] =
            json!(random.pick(&["first", "recurring", "first_ever", "first_in_range"]));
        query["at_least"] = json!(1 + random.below(2));
        if random.chance(3) {
            query["brackets"] = json!([1 + random.below(3), 1 + random.below(5), 2]);
        } else {
            query["columns"] = json!(1 + random.below(20));
            query["count"] = json!(random.pick(&["on", "on_or_after", "on_or_before"]));
        }
    }

    fn common_fields(&mut self, report: &str, query: &mut Json) {
        let bucketed = ["active", "stickiness", "growth", "retention"].contains(&report);
        if bucketed {
            query["by"] = json!(self.random.pick(&["day", "week", "month", "quarter", "year"]));
        }
        if self.random.chance(3) {
            let names = ["monday", "wednesday", "sunday"];
            query["week_start"] = json!(self.random.pick(&names));
        }
        if !["count", "users"].contains(&report) && self.random.chance(2) {
            let (from, to) = self.range();
            query["from"] = json!(from);
            query["to"] = json!(to);
        }
        if self.random.chance(4) {
            let at = (self.first_day + self.random.below(self.days) as i64) * DAY_US + DAY_US / 3;
            let at = jiff::Timestamp::from_microsecond(at).unwrap();
            query["as_of"] = json!(at.to_string());
            // A default range would end before its start when nothing lies before as_of.
            let (from, to) = self.range();
            if !["count", "users"].contains(&report) {
                query["from"] = json!(from);
                query["to"] = json!(to);
            }
        }
        if self.random.chance(3) || ["count", "users"].contains(&report) {
            query["users"] = self.set(2);
        }
    }

    fn range(&mut self) -> (String, String) {
        let from = self.first_day as i32 - 5 + self.random.below(self.days) as i32;
        let to = from + 1 + self.random.below(self.days) as i32;
        (oracle::date(from).to_string(), oracle::date(to).to_string())
    }

    fn selector(&mut self) -> Json {
        match self.random.below(4) {
            0 => json!("*"),
            1 => json!({"any": [self.random.pick(&ACTIVITIES), self.random.pick(&ACTIVITIES)]}),
            2 => json!(self.random.pick(&ACTIVITIES)),
            _ => json!("open"),
        }
    }

    fn set(&mut self, depth: u64) -> Json {
        match self.random.below(if depth == 0 { 3 } else { 6 }) {
            0 => {
                let mut set = json!({"did": self.selector()});
                if self.random.chance(2) {
                    let (from, to) = self.range();
                    set["from"] = json!(from);
                    set["to"] = json!(to);
                }
                match self.random.below(3) {
                    0 => set["at_least"] = json!(1 + self.random.below(4)),
                    1 => set["at_most"] = json!(1 + self.random.below(4)),
                    _ => {}
                }
                set
            }
            1 => {
                let (from, to) = self.range();
                json!({"first_did": self.selector(), "from": from, "to": to})
            }
            2 => {
                let mut ids = vec!["nobody".to_string()];
                ids.extend((0..self.random.below(9)).map(|i| format!("user {i}")));
                json!({"ids": ids})
            }
            3 => json!({"and": [self.set(depth - 1), self.set(depth - 1)]}),
            4 => json!({"or": [self.set(depth - 1), self.set(depth - 1)]}),
            _ => json!({"not": self.set(depth - 1)}),
        }
    }
}

fn compare(db: &Db, oracle: &Oracle, query: &Json, seed: u64) {
    let parsed = Query::from_json(&query.to_string())
        .unwrap_or_else(|e| panic!("seed {seed}: {query}: {e}"));
    let answer = db.query(&parsed).unwrap_or_else(|e| panic!("seed {seed}: {query}: {e}"));
    assert_same(oracle, query, &answer, &format!("seed {seed}"));
}

//! daybit against the oracle: random events, late arrival, batch splits, flushes, compactions and
//! reopenings in random places, and random questions whose whole answers must be equal.
//!
//! `SEED=n` replays one round; `MODEL_ROUNDS=n` runs more of them; `MODEL_REPORT=name` asks one
//! report only.

use crate::events;
use crate::oracle::{self, Oracle};
use crate::questions::{Questions, ZONES};
use crate::same::assert_same;
use crate::support::{Random, folder, save, setting};
use daybit::{Answer, Batch, Db, Durability, Event, Options, Query};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Comparisons that a run of the default length makes at least.
const COMPARISONS_MIN: usize = 5_000;

const ROUNDS: u64 = 36;

#[test]
fn random_lives_of_a_database_answer_like_the_oracle() {
    if let Ok(seed) = std::env::var("SEED") {
        Life::new(seed.parse().unwrap()).live();
        return;
    }
    let rounds = setting("MODEL_ROUNDS", ROUNDS);
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..rounds {
        for (report, times) in Life::new(round).live() {
            *compared.entry(report).or_default() += times;
        }
    }
    let total: usize = compared.values().sum();
    println!("{total} answers compared: {compared:?}");
    let asked_all = std::env::var("MODEL_REPORT").is_err() && rounds >= ROUNDS;
    assert!(!asked_all || total >= COMPARISONS_MIN, "{total} answers compared");
}

/// What all events of a person agree on is stored apart from what they do not.
#[test]
fn properties_of_a_crowd_answer_like_the_oracle() {
    let conditions = |property: &str| {
        let value = json!({"country": "DE", "price": "free", "flag": true});
        let value = &value[property];
        let test = |test: &str| json!([{"property": property, test: value}]);
        [test("is"), test("is_not"), json!([{"property": property, "exists": true}])]
    };
    for seed in 0..8 {
        let mut life = Life::new(seed);
        life.write(events::every_kind_of_value(0).into_iter().map(|e| (e, None)).collect());
        (0..2).for_each(|_| life.crowd());
        life.db().flush().unwrap();
        for property in ["country", "price", "flag"] {
            for (condition, event) in
                conditions(property).iter().flat_map(|c| [(c, "*"), (c, "view")])
            {
                let event = json!({"event": event, "where": condition});
                let query = json!({"report": "active", "event": event, "from": "-30d"});
                let mut grouped = query.clone();
                grouped["breakdown"] = json!(["price", "country"]);
                for query in [query, grouped] {
                    let answer = life.asked(&query, life.db().query(&parse(&query)));
                    life.equal(&query, &answer);
                }
            }
        }
    }
}

/// One database's life beside its oracle.
pub struct Life {
    seed: u64,
    pub questions: Questions,
    place: tempfile::TempDir,
    db: Option<Db>,
    pub oracle: Oracle,
    /// Insert ids stored so far, with their day.
    taken: BTreeSet<(oracle::Day, String)>,
    people: u64,
    /// Comparisons made, by report.
    compared: BTreeMap<String, usize>,
}

impl Life {
    pub fn new(seed: u64) -> Life {
        let mut random = Random(seed.wrapping_mul(0x5851_F42D_4C95_7F2D) + 1);
        let zone = *random.pick(&ZONES);
        let place = folder();
        // What a disk has to be waited for is held elsewhere.
        let options = Options::new().time_zone(zone).durability(Durability::Os);
        let db = Db::create(place.path().join("db"), options).unwrap();
        // Some lives lie before 1970, the others across changes of the clock: one of them skips a
        // date in Apia.
        let first_day = *random.pick(&[-400, 15_330, 17_440, 19_700]);
        let (days, people) = (10 + random.below(90), 3 + random.below(40));
        Life {
            seed,
            questions: Questions { random, first_day, days },
            place,
            db: Some(db),
            oracle: Oracle::new(zone),
            taken: BTreeSet::new(),
            people,
            compared: BTreeMap::new(),
        }
    }

    fn random(&mut self) -> &mut Random {
        &mut self.questions.random
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.place.path().join("db")
    }

    pub fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    /// Its first events, and the cohorts that its questions name.
    pub fn begin(&mut self) {
        let seen = events::every_kind_of_value(self.questions.first_day);
        self.write(seen.into_iter().map(|event| (event, None)).collect());
        for (name, set) in self.questions.cohorts() {
            save(self.db(), name, &set);
            self.oracle.cohorts.insert(name.to_string(), set);
        }
    }

    fn live(mut self) -> BTreeMap<String, usize> {
        self.begin();
        self.batch();
        if self.random().chance(3) {
            self.crowd();
        }
        for _ in 0..14 {
            match self.random().below(8) {
                0 => self.db().flush().unwrap(),
                1 => self.db().compact().unwrap(),
                2 => self.reopen(),
                _ => self.batch(),
            }
            self.compare(6);
        }
        self.reopen();
        self.compare(10);
        self.compare_read_only();
        self.compared
    }

    fn reopen(&mut self) {
        let db = self.db.take().unwrap();
        if self.random().chance(2) {
            db.close().unwrap();
        } else {
            drop(db);
        }
        self.db = Some(Db::open(self.path(), Options::new().durability(Durability::Os)).unwrap());
    }

    pub fn batch(&mut self) {
        let events = 1 + self.random().below(60);
        let events = (0..events).map(|_| self.event()).collect();
        self.write(events);
    }

    pub fn crowd(&mut self) {
        let (first_day, days) = (self.questions.first_day, self.questions.days);
        let events = events::crowd(self.random(), first_day, days);
        self.write(events.into_iter().map(|event| (event, None)).collect());
    }

    pub fn write(&mut self, events: Vec<(Event, Option<String>)>) {
        let mut batch = Batch::new();
        let (mut accepted, mut duplicates, mut without_user) = (0, 0, 0);
        for (event, id) in events {
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
        let (first_day, days) = (self.questions.first_day, self.questions.days);
        let people = self.people;
        let random = self.random();
        let event = events::event(random, first_day, days, people);
        match random.chance(4).then(|| format!("id {}", random.below(40))) {
            Some(id) => (event.insert_id(id.clone()), Some(id)),
            None => (event, None),
        }
    }

    fn compare(&mut self, questions: u64) {
        for _ in 0..questions {
            let query = self.question();
            let answer = self.asked(&query, self.db().query(&parse(&query)));
            self.equal(&query, &answer);
        }
        self.compare_together();
    }

    pub fn question(&mut self) -> Json {
        let report = std::env::var("MODEL_REPORT").ok();
        loop {
            let query = self.questions.next();
            if report.as_deref().is_none_or(|r| query["report"] == r) {
                return query;
            }
        }
    }

    fn asked(&self, query: &Json, answer: daybit::Result<Answer>) -> Answer {
        answer.unwrap_or_else(|e| panic!("seed {}: {query}: {e}", self.seed))
    }

    pub fn equal(&mut self, query: &Json, answer: &Answer) {
        assert_same(&self.oracle, query, answer, &format!("seed {}", self.seed));
        let report = query["report"].as_str().unwrap().to_string();
        *self.compared.entry(report).or_default() += 1;
    }

    /// Several at once are answered as each alone.
    fn compare_together(&mut self) {
        let queries: Vec<Json> = (0..3).map(|_| self.question()).collect();
        let parsed: Vec<Query> = queries.iter().map(parse).collect();
        let answers = self.db().query_many(&parsed).unwrap();
        for (query, answer) in queries.iter().zip(answers) {
            let answer = self.asked(query, answer);
            self.equal(query, &answer);
        }
    }

    fn compare_read_only(&mut self) {
        self.db().flush().unwrap();
        let reader = Db::open_read_only(self.path()).unwrap();
        for _ in 0..5 {
            let query = self.question();
            let answer = self.asked(&query, reader.query(&parse(&query)));
            self.equal(&query, &answer);
        }
    }
}

fn parse(query: &Json) -> Query {
    Query::from_json(&query.to_string()).unwrap_or_else(|e| panic!("{query}: {e}"))
}

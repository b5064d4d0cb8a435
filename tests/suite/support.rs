//! Small helpers of the tests: databases in temporary folders, queries as JSON, a seeded generator.

use daybit::{Answer, Db, ImportOptions, ImportReceipt, Options, Query, Set, Source};
use serde_json::Value as Json;
use std::path::Path;

/// A folder for a database, removed when dropped.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("daybit-test").tempdir().unwrap()
}

pub fn create(path: &Path, zone: &str) -> Db {
    Db::create(path, Options::new().time_zone(zone)).unwrap()
}

pub fn import(db: &Db, file: &Path) -> ImportReceipt {
    db.import(&ImportOptions::new(), vec![Source::file(file)], &|_| {}).unwrap()
}

/// Saves a set given as JSON.
pub fn save(db: &Db, name: &str, set: &Json) {
    db.save_cohort(name, &Set::from_json(&set.to_string()).unwrap()).unwrap();
}

/// Asks a query given as JSON.
pub fn ask(db: &Db, query: Json) -> Answer {
    let parsed = Query::from_json(&query.to_string()).unwrap_or_else(|e| panic!("{query}: {e}"));
    db.query(&parsed).unwrap_or_else(|e| panic!("{query}: {e}"))
}

/// The JSON form of an answer.
pub fn ask_json(db: &Db, query: Json) -> Json {
    ask(db, query).to_json()
}

/// SplitMix64: small, seeded, the same on every machine.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
    pub fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// A number from the environment, for longer runs: `NAME=n cargo test`.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

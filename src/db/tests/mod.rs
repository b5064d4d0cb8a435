//! The store as a whole: what was written is there, whatever happened in between.
#![allow(clippy::unwrap_used)]

mod backup;
mod bulk;
mod cohorts;
mod compaction;
mod crash;
mod damage;
mod drop;
mod erase;
mod first;
mod format;
mod once;
mod partial;
mod repair;
mod store;
mod version;

use super::*;
use crate::catalog::random::Random;
use crate::fs::SharedFs;
use crate::fs::simulated::SimulatedFs;
use crate::{Batch, Event};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const ROOT: &str = "db";
const DAY_US: i64 = 86_400_000_000;

/// A disk and a clock that stands still unless told.
#[derive(Clone)]
struct World {
    disk: SimulatedFs,
    clock: Arc<AtomicI64>,
}

impl World {
    fn new() -> World {
        World::on(SimulatedFs::new())
    }

    fn on(disk: SimulatedFs) -> World {
        World { disk, clock: Arc::new(AtomicI64::new(20_000 * DAY_US)) }
    }

    fn env(&self) -> Environment {
        let clock = self.clock.clone();
        Environment {
            fs: Arc::new(self.disk.clone()) as SharedFs,
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            random: Random::Seeded(7),
            on_machine: false,
        }
    }

    fn pass(&self, time_us: i64) {
        self.clock.fetch_add(time_us, Ordering::Relaxed);
    }

    fn create(&self) -> Db {
        self.create_with(options())
    }

    fn create_with(&self, options: Options) -> Db {
        Db::create_in(&self.env(), Path::new(ROOT), options).unwrap()
    }

    fn open(&self) -> Db {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Db> {
        Db::open_in(&self.env(), Path::new(ROOT), options())
    }

    fn read(&self) -> Db {
        Db::read_only_in(&self.env(), Path::new(ROOT)).unwrap()
    }
}

fn options() -> Options {
    Options::new().background(false)
}

/// An event on a day since 1970, so many seconds into it.
fn event(user: &str, activity: &str, day: i64, second: i64) -> Event {
    Event::new(user, activity).at(crate::time::instant_of(day * DAY_US + second * 1_000_000))
}

/// Everything that a snapshot holds: (day, activity, user, time in the day) and how often.
type Rows = BTreeMap<(i32, String, Option<String>, i64), u64>;

fn rows(snapshot: &Snapshot) -> Rows {
    try_rows(snapshot).unwrap()
}

fn try_rows(snapshot: &Snapshot) -> Result<Rows> {
    let mut all = Rows::new();
    let inner = &snapshot.inner;
    for day in &inner.days {
        let sections = day.sections.iter().map(|s| s.section.rows());
        for rows in sections.chain(day.run_days().map(|run| Ok(run.rows.clone()))) {
            let rows = rows?;
            for row in 0..rows.len() {
                let activity = rows.strings.get(rows.activities[row]).to_vec();
                let user = inner.users.id(rows.users[row])?;
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                let key = (day.span.day, text(activity), user.map(text), rows.times[row]);
                *all.entry(key).or_default() += 1;
            }
        }
    }
    Ok(all)
}

/// What `rows` says of these events, in UTC.
fn expected<'e>(events: impl IntoIterator<Item = &'e Event>) -> Rows {
    let mut all = Rows::new();
    for event in events {
        let time = crate::time::micros_from(event.time.unwrap());
        let day = time.div_euclid(DAY_US) as i32;
        let user = event.user.clone().filter(|user| !user.is_empty());
        let key = (day, event.activity.clone(), user, time.rem_euclid(DAY_US));
        *all.entry(key).or_default() += 1;
    }
    all
}

fn write(db: &Db, events: &[Event]) -> crate::Receipt {
    db.writer().unwrap().write_batch(Batch::new().events(events.to_vec())).unwrap()
}

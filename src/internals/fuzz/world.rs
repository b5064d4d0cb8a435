//! Small databases on disks in memory.

use super::input::Input;
use crate::catalog::random::Random;
use crate::day::build::build_section;
use crate::day::rows::{DayRows, NO_USER};
use crate::db::Db;
use crate::error::Result;
use crate::event::Event;
use crate::fs::SharedFs;
use crate::fs::simulated::SimulatedFs;
use crate::query::Query;
use crate::time::{Day, Micros, instant_of, micros_from};
use crate::users::DistinctIds;
use crate::write::bulk::{Bulk, BulkCounts, Replace};
use crate::write::{Batch, Environment, Options};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(super) const ROOT: &str = "db";
pub(super) const DAY_US: i64 = 86_400_000_000;
const NOW: Micros = 20_000 * DAY_US;

/// Everything runs on the thread that calls, where the checksums may be left out.
pub(super) fn on_this_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread_local! {
        static POOL: Option<&'static rayon::ThreadPool> = {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
            pool.build().ok().map(|pool| &*Box::leak(Box::new(pool)))
        };
    }
    match POOL.with(|pool| *pool) {
        Some(pool) => pool.install(run),
        None => run(),
    }
}

pub(super) fn environment(disk: &SimulatedFs) -> Environment {
    Environment {
        fs: Arc::new(disk.clone()) as SharedFs,
        clock: Arc::new(|| NOW),
        random: Random::Seeded(7),
        on_machine: false,
    }
}

/// What a target stands on has to work, or there is nothing to find.
#[track_caller]
pub(super) fn whole<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|e| panic!("{e}"))
}

pub(super) fn create(disk: &SimulatedFs) -> Db {
    let options = Options::new().background(false);
    whole(Db::create_in(&environment(disk), Path::new(ROOT), options))
}

pub(super) fn open(disk: &SimulatedFs) -> Result<Db> {
    Db::open_in(&environment(disk), Path::new(ROOT), Options::new().background(false))
}

pub(super) fn event(user: &str, activity: &str, day: i64, second: i64) -> Event {
    Event::new(user, activity).at(instant_of(day * DAY_US + second * 1_000_000))
}

pub(super) fn day_of(event: &Event) -> Day {
    let time = event.time.map_or(NOW, micros_from);
    time.div_euclid(DAY_US) as Day
}

/// Events of all kinds of values, of some users on some days.
pub(super) fn some_events(n: i64) -> Vec<Event> {
    let of = |user: i64, activity: &str| {
        event(&format!("user {user}"), activity, (user + n) % 5, 60 * n + user)
            .insert_id(format!("{n} {user} {activity}"))
            .with("plan", format!("p{}", user % 3))
            .with("page", format!("/{}/{}", user * n, "long".repeat((user % 4) as usize)))
            .with("price", user * n)
            .with("rate", 0.25 * user as f64)
            .with("new", user % 2 == 0)
    };
    (0..12).flat_map(|user| [of(user, "a"), of(user + n, "b"), event("", "c", n % 5, n)]).collect()
}

pub(super) fn write(db: &Db, batch: Batch) -> crate::Receipt {
    whole(db.writer().and_then(|writer| writer.write_batch(batch)))
}

/// Writes the events of each day to a file, as an import does; whether the import was known.
pub(super) fn import(db: &Db, id: &str, events: &[Event], replace: Replace) -> Result<bool> {
    let writer = db.writer()?;
    let mut bulk = writer.bulk()?;
    if bulk.name(id)?.is_some() {
        return Ok(true);
    }
    let mut days: BTreeMap<Day, DayRows> = BTreeMap::new();
    for event in events {
        add(&mut bulk, days.entry(day_of(event)).or_default(), event)?;
    }
    let sequence = bulk.sequence();
    for (day, rows) in &days {
        let built = build_section(bulk.calendar().span(*day), rows)?;
        let (mut file, generation) = bulk.day_file()?;
        file.add(&built, sequence, sequence)?;
        bulk.add_file(file, generation)?;
    }
    let counts = BulkCounts { accepted: events.len() as u64, ..BulkCounts::default() };
    bulk.commit(counts, replace).map(|_| false)
}

fn add(bulk: &mut Bulk<'_>, rows: &mut DayRows, event: &Event) -> Result<()> {
    let mut user = NO_USER;
    if let Some(id) = event.user.as_deref().filter(|id| !id.is_empty()) {
        let mut ids = DistinctIds::new(bulk.numbers().seed());
        ids.add(id.as_bytes());
        user = bulk.number(&ids)?.first().copied().unwrap_or(NO_USER);
    }
    let time = event.time.map_or(NOW, micros_from);
    rows.push(user, event.activity.as_bytes(), time.rem_euclid(DAY_US));
    Ok(())
}

/// The figures of an answer: how long it took differs.
pub(super) fn figures(db: &Db, query: &Query) -> Result<Json> {
    let mut answer = db.query(query)?.to_json();
    answer.as_object_mut().and_then(|fields| fields.remove("info"));
    Ok(answer)
}

/// A name that an input chooses.
pub(super) fn chosen<'n>(input: &mut Input<'_>, names: &[&'n str]) -> &'n str {
    names.get(usize::from(input.u8()) % names.len()).copied().unwrap_or_default()
}

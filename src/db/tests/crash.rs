//! Power cuts at every operation: what has a receipt survives, whole batches only, in order.

use super::*;

/// Batches of a workload: the rows that each adds.
fn batch(n: usize) -> Vec<Event> {
    let n = n as i64;
    let new = event(&format!("user {n}"), "a", n % 4, n).insert_id(format!("i{n}"));
    vec![new, event("everybody", ["a", "b"][n as usize % 2], n % 3, n), event("", "c", 1, n)]
}

fn id(n: usize) -> String {
    format!("batch {n}")
}

/// Writes batches `from..to`, each acknowledged in the trace.
fn write_all(world: &World, db: &Db, from: usize, to: usize) {
    for n in from..to {
        let batch = Batch::new().id(id(n)).events(batch(n));
        assert_eq!(db.writer().unwrap().write_batch(batch).unwrap().accepted, 3);
        world.disk.note("ack");
    }
}

/// After the crash: a whole number of batches in order, at least those acknowledged; the database
/// goes on, and the batches that the caller sends again are applied once.
fn check(disk: SimulatedFs, acknowledged: usize, last: usize, what: &str) {
    let world = World::on(disk);
    let db = world.try_open().unwrap_or_else(|e| panic!("{what}: {e}"));
    let found = rows(&db.snapshot().unwrap());
    let survived = (0..=last)
        .find(|n| found == expected((0..*n).flat_map(batch).collect::<Vec<_>>().iter()))
        .unwrap_or_else(|| panic!("{what}: not a prefix of the batches: {found:?}"));
    assert!(survived >= acknowledged, "{what}: {survived} of {acknowledged} survived");
    assert!(db.verify().unwrap().damages.is_empty(), "{what}");
    let all: Vec<Event> = (0..last + 1).flat_map(batch).collect();
    for n in 0..last + 1 {
        let again = Batch::new().id(id(n)).events(batch(n));
        let receipt = db.writer().unwrap().write_batch(again).unwrap();
        assert_eq!(receipt.repeated, n < survived, "{what}: batch {n} of {survived}");
    }
    db.compact().unwrap();
    db.close().unwrap();
    let db = world.open();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&all), "{what}");
}

/// Tries power cuts before every operation since `remember`.
fn crash_everywhere(world: &World, last: usize, seeds: u64) -> usize {
    let mut states = 0;
    for operation in 0..=world.disk.operations() {
        let disk = world.disk.at(operation);
        let acknowledged = disk.notes().iter().filter(|note| *note == "ack").count();
        for seed in 0..seeds {
            let what = format!("operation {operation}, seed {seed}");
            check(disk.crash(seed), acknowledged, last, &what);
            states += 1;
        }
    }
    states
}

#[test]
fn a_power_cut_anywhere_in_ingest_flush_and_compaction_loses_nothing_acknowledged() {
    let world = World::new();
    let db = world.create();
    world.disk.remember();
    write_all(&world, &db, 0, 3);
    db.flush().unwrap();
    write_all(&world, &db, 3, 5);
    db.flush().unwrap();
    write_all(&world, &db, 5, 6);
    db.compact().unwrap();
    write_all(&world, &db, 6, 8);
    drop(db);
    let db = world.open();
    write_all(&world, &db, 8, 9);
    db.close().unwrap();
    let db = world.open();
    write_all(&world, &db, 9, 10);
    drop(db);
    assert!(world.disk.violations().is_empty(), "{:?}", world.disk.violations());
    let states = crash_everywhere(&world, 10, setting("CRASH_SEEDS", 20));
    assert!(states > 2_000, "{states} states");
}

#[test]
fn a_power_cut_while_recovering_from_one_loses_nothing_either() {
    let world = World::new();
    let db = world.create();
    write_all(&world, &db, 0, 2);
    db.flush().unwrap();
    write_all(&world, &db, 2, 4);
    let torn = World::on(world.disk.crash(0));
    torn.disk.remember();
    let db = torn.open();
    db.flush().unwrap();
    drop(db);
    for operation in 0..=torn.disk.operations() {
        for seed in 0..8 {
            let what = format!("operation {operation}, seed {seed}");
            check(torn.disk.at(operation).crash(seed), 4, 5, &what);
        }
    }
}

#[test]
fn a_creation_that_is_cut_off_leaves_nothing_or_a_database() {
    let world = World::new();
    world.disk.remember();
    drop(world.create());
    let made = world.disk.operations();
    for operation in 0..=made {
        for seed in 0..6 {
            let crashed = World::on(world.disk.at(operation).crash(seed));
            match crashed.try_open() {
                Ok(db) => assert_eq!(write(&db, &batch(1)).accepted, 3),
                Err(e) => {
                    assert_eq!(e.kind(), crate::ErrorKind::NotFound, "{operation}, {seed}: {e}");
                    assert_eq!(write(&crashed.create(), &batch(1)).accepted, 3);
                }
            }
        }
    }
}

/// A number from the environment, for longer runs: `CRASH_SEEDS=500 cargo test power_cut`.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

//! Backups: whole, of a database that is written to, and nothing else left of those that fail.

use super::bulk::import;
use super::*;
use crate::ErrorKind;
use crate::fs::Fs;
use crate::fs::simulated::{Failure, Lasting};
use crate::write::bulk::Replace;
use std::thread::scope;

const COPY: &str = "copy";

fn open_copy(world: &World, disk: SimulatedFs) -> Result<Db> {
    let world = World { disk, clock: world.clock.clone() };
    Db::open_in(&world.env(), Path::new(COPY), options())
}

fn batch(n: i64) -> Vec<Event> {
    (0..3).map(|user| event(&format!("user {}", n % 50 + user), "a", n % 5, n)).collect()
}

/// A database with one batch in files.
fn flushed() -> (World, Db) {
    let world = World::new();
    let db = world.create();
    write(&db, &batch(1));
    db.flush().unwrap();
    (world, db)
}

#[test]
fn a_backup_holds_everything_committed_and_goes_on_by_itself() {
    let world = World::new();
    let db = world.create();
    let mut all = batch(1);
    write(&db, &all);
    db.flush().unwrap();
    let imported = batch(2);
    import(&db, Some("file"), &imported, Replace::Nothing);
    write(&db, &batch(3));
    all.extend(imported.into_iter().chain(batch(3)));
    for by in [&db, &world.read()] {
        let report = by.backup(COPY).unwrap();
        assert_eq!(report.damages, []);
        assert!(report.files > 8 && report.bytes > 1_000, "{report:?}");
        // Its bytes are durable.
        let copy = open_copy(&world, world.disk.crash(0)).unwrap();
        assert_eq!(rows(&copy.snapshot().unwrap()), expected(&all));
        assert_eq!(import(&copy, Some("file"), &[], Replace::Nothing), None, "it was imported");
        write(&copy, &batch(4));
        copy.compact().unwrap();
        copy.close().unwrap();
        assert_eq!(rows(&db.snapshot().unwrap()), expected(&all), "the original is as it was");
        let names: Vec<String> = ["", "wal", "days", "first", "users", "ledger", "readers"]
            .iter()
            .flat_map(|dir| {
                let dir = Path::new(COPY).join(dir);
                let names = world.disk.list(&dir).unwrap_or_default();
                names.into_iter().map(move |name| dir.join(name).display().to_string())
            })
            .collect();
        for name in names.iter().filter(|name| world.disk.list(Path::new(name)).is_err()) {
            world.disk.remove(Path::new(name)).unwrap();
        }
    }
}

/// Backups one after the other while a thread writes, flushes, imports and compacts.
#[test]
fn a_backup_of_a_busy_database_is_a_whole_number_of_batches() {
    let world = World::new();
    let db = world.create();
    let (mut before, rounds) = (0, 12);
    scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..240 {
                if n % 40 == 7 {
                    import(&db, Some(&format!("{n}")), &batch(n), Replace::Nothing);
                } else {
                    write(&db, &batch(n));
                }
                match n % 20 {
                    3 | 12 => db.flush().unwrap(),
                    17 => db.compact().unwrap(),
                    _ => {}
                }
            }
        });
        for round in 0..rounds {
            let to = format!("copy {round}");
            let report = db.backup(&to).unwrap();
            assert_eq!(report.damages, []);
            let copy = Db::open_in(&world.env(), Path::new(&to), options()).unwrap();
            let found = rows(&copy.snapshot().unwrap());
            let batches = (before..=240).find(|n| {
                found == expected((0..*n).flat_map(batch).collect::<Vec<Event>>().iter())
            });
            before = batches.unwrap_or_else(|| panic!("round {round}: not so many whole batches"));
        }
        writer.join().unwrap();
    });
    db.backup("last").unwrap();
    let last = Db::open_in(&world.env(), Path::new("last"), options()).unwrap();
    assert_eq!(rows(&last.snapshot().unwrap()), rows(&db.snapshot().unwrap()));
}

/// Also where an import is in the log, but in no manifest yet.
#[test]
fn a_backup_of_what_a_killed_writer_left_opens_as_that_does() {
    let world = World::new();
    let db = world.create();
    world.disk.remember();
    write(&db, &batch(1));
    db.flush().unwrap();
    write(&db, &batch(2));
    import(&db, Some("file"), &batch(3), Replace::Nothing);
    write(&db, &batch(4));
    drop(db);
    for operation in 0..=world.disk.operations() {
        let left = World::on(world.disk.at(operation).kill());
        assert_eq!(left.read().backup(COPY).unwrap().damages, []);
        let copy = open_copy(&left, left.disk.clone()).unwrap();
        let found = rows(&copy.snapshot().unwrap());
        assert_eq!(found, rows(&left.open().snapshot().unwrap()), "operation {operation}");
    }
}

#[test]
fn a_backup_that_is_cut_off_is_no_database_or_a_whole_one() {
    let (world, db) = flushed();
    write(&db, &batch(2));
    let all: Vec<Event> = [batch(1), batch(2)].concat();
    world.disk.remember();
    db.backup(COPY).unwrap();
    for operation in 0..=world.disk.operations() {
        for seed in 0..4 {
            match open_copy(&world, world.disk.at(operation).crash(seed)) {
                Ok(copy) => assert_eq!(rows(&copy.snapshot().unwrap()), expected(&all)),
                Err(e) => assert_eq!(e.kind(), ErrorKind::NotFound, "{operation}, {seed}: {e}"),
            }
        }
    }
}

#[test]
fn a_backup_that_fails_leaves_no_file_and_can_be_made_again() {
    let (world, db) = flushed();
    let from = world.disk.operations();
    db.backup("first").unwrap();
    let taken = world.disk.operations() - from;
    let mut failed = 0;
    for operation in 0..taken {
        let world = World::on(world.disk.kill());
        let db = world.open();
        let at = world.disk.operations() + operation;
        world.disk.fail_at(at, Failure::NoSpace, Lasting::Once);
        if let Err(e) = db.backup(COPY) {
            assert_eq!(e.kind(), ErrorKind::DiskFull, "{operation}: {e}");
            failed += 1;
            db.backup(COPY).unwrap_or_else(|e| panic!("{operation}: {e}"));
        }
        write(&db, &batch(2));
    }
    assert!(failed > 10, "{failed} of {taken}");
}

#[test]
fn a_backup_goes_to_a_folder_of_its_own() {
    let world = World::new();
    let db = world.create();
    write(&db, &batch(1));
    let kind = |to: &str| db.backup(to).unwrap_err().kind();
    assert_eq!(kind(ROOT), ErrorKind::AlreadyExists);
    world.disk.create_dir_all(Path::new("mine")).unwrap();
    world.disk.create(Path::new("mine/letter.txt")).unwrap();
    assert_eq!(kind("mine"), ErrorKind::AlreadyExists);
    assert_eq!(kind("mine/letter.txt"), ErrorKind::AlreadyExists);
    db.backup(COPY).unwrap();
    assert_eq!(kind(COPY), ErrorKind::AlreadyExists);
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&batch(1)));
}

#[test]
fn a_missing_file_is_told_as_such() {
    for (dir, suffix) in [("days", ".day"), ("wal", ".wal"), ("users", ".users")] {
        let (world, db) = flushed();
        write(&db, &batch(2));
        let dir = Path::new(ROOT).join(dir);
        let names = world.disk.list(&dir).unwrap();
        let name = names.iter().rfind(|name| name.ends_with(suffix)).unwrap();
        world.disk.remove(&dir.join(name)).unwrap();
        let error = db.backup(COPY).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption, "{name}: {error}");
    }
}

#[test]
fn damage_is_copied_and_told() {
    let world = World::new();
    let db = world.create();
    write(&db, &batch(1));
    db.close().unwrap();
    let days = Path::new(ROOT).join("days");
    let names = world.disk.list(&days).unwrap();
    let day = names.iter().find(|name| name.ends_with(".day")).unwrap();
    world.disk.edit(&days.join(day), |bytes| bytes[400] ^= 1);
    let report = world.open().backup(COPY).unwrap();
    assert_eq!(report.damages.len(), 1, "{report:?}");
}

//! Saved cohorts: there or not, whatever happened in between.

use super::*;
use crate::fs::simulated::{Failure, Lasting};
use crate::limits::{COHORT_NAME_BYTES_MAX, COHORTS_MAX, RECORD_BYTES_MAX};
use crate::{ErrorKind, Set};

fn buyers() -> Set {
    Set::did("purchase").at_least(2)
}

fn names(db: &Db) -> Vec<String> {
    db.cohorts().unwrap().into_iter().map(|(name, _)| name).collect()
}

/// The kind and words of a refusal.
fn refused<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_cohort_is_there_at_once_after_a_crash_and_for_readers_once_flushed() {
    let world = World::new();
    let db = world.create();
    let before = db.snapshot().unwrap();
    db.save_cohort("buyers", &buyers()).unwrap();
    write(&db, &[event("anna", "purchase", 1, 0), event("anna", "purchase", 2, 0)]);
    assert_eq!(db.cohorts().unwrap(), [("buyers".to_string(), buyers())]);
    assert_eq!(db.info().unwrap().snapshot.cohorts, ["buyers"]);
    assert!(before.info().unwrap().cohorts.is_empty(), "a snapshot that is held never changes");
    let reader = world.read();
    assert!(names(&reader).is_empty(), "nothing was published yet");
    db.flush().unwrap();
    assert!(reader.refresh().unwrap());
    assert_eq!(names(&reader), ["buyers"]);
    db.save_cohort("all", &Set::did("*")).unwrap();
    db.save_cohort("buyers", &Set::did("purchase")).unwrap();
    // Only in the log: the next open replays it.
    drop(db);
    let db = World::on(world.disk.crash(0)).open();
    let expected = [("all", Set::did("*")), ("buyers", Set::did("purchase"))];
    assert_eq!(db.cohorts().unwrap(), expected.map(|(name, set)| (name.to_string(), set)));
    db.drop_cohort("all").unwrap();
    db.compact().unwrap();
    assert_eq!(names(&db), ["buyers"]);
    assert!(db.verify().unwrap().damages.is_empty());
}

#[test]
fn a_power_cut_leaves_each_definition_whole_or_not_at_all() {
    let world = World::new();
    let db = world.create();
    world.disk.remember();
    let act = |n: usize| match n {
        3 => db.flush().unwrap(),
        5 => db.drop_cohort("cohort 1").unwrap(),
        6 => db.save_cohort("cohort 2", &buyers()).unwrap(),
        7 => db.compact().unwrap(),
        n => db.save_cohort(&format!("cohort {n}"), &Set::did("a")).unwrap(),
    };
    let mut states = vec![Vec::new()];
    for n in 0..9 {
        write(&db, &[event("anna", "a", 1, n)]);
        act(n as usize);
        states.push(db.cohorts().unwrap());
        world.disk.note("ack");
    }
    drop(db);
    assert!(world.disk.violations().is_empty());
    for operation in 0..=world.disk.operations() {
        let disk = world.disk.at(operation);
        let acknowledged = disk.notes().iter().filter(|note| *note == "ack").count();
        for seed in 0..8 {
            let what = format!("operation {operation}, seed {seed}");
            let db = World::on(disk.crash(seed)).open();
            let found = db.cohorts().unwrap();
            let known = states.iter().skip(acknowledged).take(2).any(|state| *state == found);
            assert!(known, "{what}: {found:?} after {acknowledged}");
            db.save_cohort("again", &buyers()).unwrap();
            db.close().unwrap();
        }
    }
}

#[test]
fn a_failed_write_is_not_shown_and_stops_the_writer() {
    let world = World::new();
    let db = world.create();
    db.save_cohort("buyers", &buyers()).unwrap();
    world.disk.fail_at(world.disk.operations(), Failure::Io, Lasting::Once);
    assert!(db.save_cohort("others", &buyers()).is_err());
    assert_eq!(names(&db), ["buyers"]);
    assert_eq!(refused(db.drop_cohort("buyers")).0, ErrorKind::Poisoned);
}

#[test]
fn a_database_opened_for_reading_refuses() {
    let world = World::new();
    drop(world.create());
    let reader = world.read();
    assert_eq!(refused(reader.save_cohort("buyers", &buyers())).0, ErrorKind::ReadOnly);
    assert_eq!(refused(reader.drop_cohort("buyers")).0, ErrorKind::ReadOnly);
}

#[test]
fn what_changes_nothing_is_not_written() {
    let world = World::new();
    let db = world.create();
    db.save_cohort("buyers", &buyers()).unwrap();
    let operations = world.disk.operations();
    db.save_cohort("buyers", &buyers()).unwrap();
    assert!(db.save_cohort("lost", &Set::cohort("nobody")).is_err());
    assert_eq!(world.disk.operations(), operations);
}

#[test]
fn names_are_plain_and_short() {
    let db = World::new().create();
    let longest = "é".repeat(COHORT_NAME_BYTES_MAX / 2);
    for good in ["a", " ", "Käufer, \"groß\"", &longest] {
        db.save_cohort(good, &buyers()).unwrap();
    }
    let (kind, words) = refused(db.save_cohort(&format!("{longest}x"), &buyers()));
    assert_eq!(kind, ErrorKind::Limit);
    assert!(words.contains("201 bytes"), "{words}");
    for bad in ["", "a\nb", "\u{1b}[31m", "\u{85}"] {
        assert_eq!(refused(db.save_cohort(bad, &buyers())).0, ErrorKind::Input, "{bad:?}");
    }
    let (_, words) = refused(db.save_cohort("x", &Set::did("a").from("soon")));
    assert!(words.contains("soon"), "{words}");
}

#[test]
fn cohorts_have_a_bound_in_number_and_in_bytes() {
    let db = World::new().create();
    let text = buyers().to_json().to_string();
    let core = db.core().unwrap();
    let many = (1..COHORTS_MAX).map(|n| (format!("{n:05}"), text.clone())).collect();
    core.define(|catalog| {
        catalog.cohorts = many;
        Ok(())
    })
    .unwrap();
    db.save_cohort("last", &buyers()).unwrap();
    assert_eq!(refused(db.save_cohort("one more", &buyers())).0, ErrorKind::Limit);
    db.save_cohort("last", &Set::did("a")).unwrap();
    let huge = core.define(|catalog| {
        catalog.cohorts.insert("huge".into(), " ".repeat(RECORD_BYTES_MAX));
        Ok(())
    });
    assert_eq!(refused(huge).0, ErrorKind::Limit);
    assert_eq!(db.cohorts().unwrap().len(), COHORTS_MAX);
}

#[test]
fn cohorts_may_name_others_that_are_there_but_never_in_a_circle() {
    let db = World::new().create();
    let (kind, words) = refused(db.save_cohort("b", &Set::cohort("a")));
    assert_eq!(
        (kind, words.as_str()),
        (ErrorKind::Input, "there is no cohort \"a\": none is saved")
    );
    let (_, words) = refused(db.save_cohort("a", &Set::cohort("a")));
    assert!(words.ends_with("in a circle: \"a\" names \"a\""), "{words}");
    db.save_cohort("a", &buyers()).unwrap();
    db.save_cohort("b", &Set::did("x").and(!Set::cohort("a"))).unwrap();
    db.save_cohort("c", &Set::cohort("b").or(Set::ids(["anna"]))).unwrap();
    let (_, words) = refused(db.save_cohort("a", &Set::cohort("c")));
    assert!(words.ends_with("\"a\" names \"c\" names \"b\" names \"a\""), "{words}");
    assert_eq!(db.cohorts().unwrap()[0].1, buyers());
    let (kind, words) = refused(db.drop_cohort("a"));
    assert_eq!(kind, ErrorKind::Input);
    assert!(words.contains("named by \"b\": drop"), "{words}");
    for name in ["c", "b", "a"] {
        db.drop_cohort(name).unwrap();
    }
    assert_eq!(refused(db.drop_cohort("a")).0, ErrorKind::Input);
}

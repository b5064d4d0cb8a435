//! A snapshot's version: the same while nothing changed, another after whatever may change an
//! answer.

use super::*;
use crate::Set;

#[test]
fn versions_grow_with_all_that_changes_an_answer() {
    let world = World::new();
    let db = world.create();
    let mut last = db.snapshot().unwrap().version();
    let mut grown = |what: &str| {
        let now = db.snapshot().unwrap().version();
        assert!(now > last, "{what}");
        assert_eq!(db.snapshot().unwrap().version(), now, "{what}");
        last = now;
    };
    write(&db, &[event("anna", "visit", 1, 0)]);
    grown("a batch");
    db.save_cohort("visitors", &Set::did("visit")).unwrap();
    grown("a cohort");
    db.drop_cohort("visitors").unwrap();
    grown("a dropped cohort");
    db.erase(["anna"]).unwrap();
    grown("an erasure");
}

#[test]
fn versions_stay_where_nothing_changes() {
    let world = World::new();
    let db = world.create();
    write(&db, &[event("anna", "visit", 1, 0)]);
    db.flush().unwrap();
    let held = db.snapshot().unwrap();
    db.flush().unwrap();
    db.info().unwrap();
    db.drop_cohort("nobody").unwrap_err();
    assert_eq!(db.snapshot().unwrap().version(), held.version());
    write(&db, &[event("anna", "visit", 2, 0)]);
    assert!(db.snapshot().unwrap().version() > held.version());
}

#[test]
fn a_reader_s_version_grows_when_it_moves_on() {
    let world = World::new();
    let db = world.create();
    let reader = world.read();
    let version = reader.snapshot().unwrap().version();
    write(&db, &[event("anna", "visit", 1, 0)]);
    assert!(!reader.refresh().unwrap());
    assert_eq!(reader.snapshot().unwrap().version(), version);
    db.flush().unwrap();
    assert!(reader.refresh().unwrap());
    assert!(reader.snapshot().unwrap().version() > version);
}

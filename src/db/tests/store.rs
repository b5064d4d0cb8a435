//! Batches, duplicates, flush, reopening, readers, the lock.

use super::*;
use crate::{Durability, ErrorKind};

#[test]
fn what_is_written_is_there_before_and_after_flush_and_reopening() {
    let world = World::new();
    let db = world.create();
    let events: Vec<Event> = (0..50)
        .map(|i| event(&format!("u{}", i % 7), ["a", "b"][i % 2], i as i64 % 5 - 2, i as i64))
        .chain([Event { user: None, ..event("", "a", 1, 3) }, event("", "a", 1, 3)])
        .collect();
    let receipt = write(&db, &events);
    assert_eq!((receipt.accepted, receipt.without_user), (52, 2));
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&events));
    let held = db.snapshot().unwrap();
    db.flush().unwrap();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&events));
    let late = [event("u1", "c", -40_000, 0), event("new", "a", 1, 1)];
    write(&db, &late);
    let all: Vec<Event> = events.iter().chain(&late).cloned().collect();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&all));
    db.close().unwrap();
    assert_eq!(rows(&held), expected(&events), "a held snapshot never changes");
    let db = world.open();
    assert_eq!(db.open_report(), &OpenReport::default());
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&all));
    assert_eq!(db.snapshot().unwrap().users_count(), 8);
}

//! Bulk imports: all or nothing, replacing or adding, in the order of commits.

use super::*;
use crate::day::rows::DayRows;
use crate::time::Day;
use crate::users::DistinctIds;
use crate::write::bulk::{Bulk, BulkCounts, Replace};
use std::collections::BTreeSet;

/// Writes the events of each day to a file of its own, as an import does.
pub(super) fn import(db: &Db, id: Option<&str>, events: &[Event], replace: Replace) -> Option<u64> {
    try_import(db, id, events, replace).unwrap()
}

/// How many rows were replaced; `None` where the import was known.
pub(super) fn try_import(
    db: &Db,
    id: Option<&str>,
    events: &[Event],
    replace: Replace,
) -> Result<Option<u64>> {
    let writer = db.writer()?;
    let mut bulk = writer.bulk()?;
    if let Some(id) = id
        && bulk.name(id)?.is_some()
    {
        return Ok(None);
    }
    let mut days: BTreeMap<Day, DayRows> = BTreeMap::new();
    for event in events {
        add(&mut bulk, &mut days, event);
    }
    let sequence = bulk.sequence();
    for (day, rows) in &days {
        let built = crate::day::build::build_section(bulk.calendar().span(*day), rows)?;
        let (mut file, generation) = bulk.day_file()?;
        file.add(&built, sequence, sequence)?;
        bulk.add_file(file, generation)?;
    }
    let counts = BulkCounts { accepted: events.len() as u64, ..Default::default() };
    let removed = bulk.commit(counts, replace)?;
    Ok(Some(removed.values().flat_map(|day| day.values()).sum()))
}

fn add(bulk: &mut Bulk<'_>, days: &mut BTreeMap<Day, DayRows>, event: &Event) {
    let time = crate::time::micros_from(event.time.unwrap());
    let span = bulk.calendar().span_of(time);
    let user = event.user.as_deref().filter(|id| !id.is_empty());
    let user = user.map(|id| {
        let mut ids = DistinctIds::new(bulk.numbers().seed());
        ids.add(id.as_bytes());
        bulk.number(&ids).unwrap()[0]
    });
    let rows = days.entry(span.day).or_default();
    let user = user.unwrap_or(crate::day::rows::NO_USER);
    rows.push(user, event.activity.as_bytes(), time - span.start);
}

fn some_events(from: i64, to: i64) -> Vec<Event> {
    (from..to)
        .map(|i| event(&format!("u{}", i % 7), ["a", "b"][i as usize % 2], i % 3, i))
        .collect()
}

#[test]
fn an_import_adds_to_what_is_there_once() {
    let world = World::new();
    let db = world.create();
    let before = some_events(0, 20);
    write(&db, &before);
    let imported = some_events(15, 40);
    assert_eq!(import(&db, Some("file"), &imported, Replace::Nothing), Some(0));
    assert_eq!(import(&db, Some("file"), &imported, Replace::Nothing), None);
    let after = some_events(40, 50);
    write(&db, &after);
    let all: Vec<Event> = [before, imported, after].concat();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&all));
    assert_eq!(db.snapshot().unwrap().users_count(), 7);
    assert_eq!(rows(&world.read().snapshot().unwrap()), rows_before_memtable(&db));
    db.compact().unwrap();
    drop(db);
    let db = world.open();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&all));
    assert_eq!(import(&db, Some("file"), &[], Replace::Nothing), None);
}

fn rows_before_memtable(db: &Db) -> Rows {
    let mut inner = db.snapshot().unwrap().inner;
    let days = Arc::get_mut(&mut inner).map(|inner| &mut inner.days);
    assert!(days.is_none(), "the snapshot is shared");
    let mut all = Rows::new();
    for day in &inner.days {
        for section in day.sections.iter() {
            let rows = section.section.rows().unwrap();
            for row in 0..rows.len() {
                let name = rows.strings.get(rows.activities[row]).to_vec();
                let user = inner.users.id(rows.users[row]).unwrap();
                let user = user.map(|id| String::from_utf8(id).unwrap());
                let name = String::from_utf8(name).unwrap();
                *all.entry((day.span.day, name, user, rows.times[row])).or_default() += 1;
            }
        }
    }
    all
}

#[test]
fn an_import_replaces_activities_or_whole_days() {
    let world = World::new();
    let db = world.create();
    let before = some_events(0, 30);
    write(&db, &before);
    db.flush().unwrap();
    let more = [event("w", "b", 0, 7), event("w", "c", 0, 8), event("w", "c", 1, 9)];
    write(&db, &more);
    let stored: Vec<Event> = before.iter().chain(&more).cloned().collect();
    let on = |event: &Event, day: i64| {
        crate::time::micros_from(event.time.unwrap()).div_euclid(DAY_US) == day
    };

    let new = [event("x", "b", 0, 99)];
    let days = BTreeMap::from([(0, BTreeSet::from(["b".to_string()]))]);
    let removed = import(&db, None, &new, Replace::Activities(days)).unwrap();
    let goes = |event: &&Event| on(event, 0) && event.activity == "b";
    assert_eq!(removed, stored.iter().filter(goes).count() as u64);
    let stored: Vec<Event> =
        stored.iter().filter(|event| !goes(event)).chain(&new).cloned().collect();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&stored));

    let removed = import(&db, None, &new, Replace::WholeDays(BTreeSet::from([0, 1, 77]))).unwrap();
    let goes = |event: &&Event| on(event, 0) || on(event, 1);
    assert_eq!(removed, stored.iter().filter(goes).count() as u64);
    let stored: Vec<Event> =
        stored.iter().filter(|event| !goes(event)).chain(&new).cloned().collect();
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&stored));
    drop(db);
    assert_eq!(rows(&world.open().snapshot().unwrap()), expected(&stored));
}

#[test]
fn an_import_that_is_given_up_leaves_nothing() {
    let world = World::new();
    let db = world.create();
    write(&db, &some_events(0, 5));
    db.flush().unwrap();
    let list = || crate::fs::Fs::list(&world.disk, Path::new("db/days")).unwrap();
    let before = list();
    let writer = db.writer().unwrap();
    let mut bulk = writer.bulk().unwrap();
    assert!(bulk.name("x").unwrap().is_none());
    let mut days = BTreeMap::new();
    add(&mut bulk, &mut days, &event("new", "a", 1, 1));
    let built = crate::day::build::build_section(bulk.calendar().span(1), &days[&1]).unwrap();
    for finish in [true, false] {
        let (mut file, generation) = bulk.day_file().unwrap();
        file.add(&built, 1, 1).unwrap();
        if finish {
            bulk.add_file(file, generation).unwrap();
        }
    }
    let spill = bulk.temp_dir().unwrap().join("part");
    crate::fs::Fs::create(&world.disk, &spill).unwrap();
    drop(bulk);
    assert_eq!(list(), before);
    assert_eq!(crate::fs::Fs::len(&world.disk, &spill).unwrap(), None);
    assert_eq!(db.snapshot().unwrap().users_count(), 5);
    assert_eq!(write(&db, &[event("new", "a", 1, 1)]).accepted, 1);
    assert_eq!(db.snapshot().unwrap().users_count(), 6);
}

#[test]
fn a_power_cut_in_an_import_leaves_all_of_it_or_none() {
    let world = World::new();
    let db = world.create();
    let before = some_events(0, 10);
    write(&db, &before);
    world.disk.remember();
    let imported = [event("new", "b", 1, 50), event("u1", "b", 2, 51)];
    let days = BTreeMap::from([(1, BTreeSet::from(["b".to_string()]))]);
    import(&db, Some("file"), &imported, Replace::Activities(days)).unwrap();
    world.disk.note("ack");
    let all = rows(&db.snapshot().unwrap());
    write(&db, &[event("newer", "a", 1, 1)]);
    drop(db);
    for operation in 0..=world.disk.operations() {
        let disk = world.disk.at(operation);
        let acknowledged = !disk.notes().is_empty();
        for seed in 0..6 {
            let crashed = World::on(disk.crash(seed));
            let db = crashed.open();
            let mut found = rows(&db.snapshot().unwrap());
            found.remove(&(1, "a".into(), Some("newer".into()), 1_000_000));
            let none = found == expected(&before) && !acknowledged;
            assert!(none || found == all, "operation {operation}, seed {seed}: {found:?}");
            let repeated = import(&db, Some("file"), &imported, Replace::Nothing).is_none();
            assert_eq!(repeated, !none, "operation {operation}, seed {seed}");
            assert_eq!(write(&db, &[event("last", "a", 1, 1)]).accepted, 1);
            db.compact().unwrap();
            assert!(db.verify().unwrap().damages.is_empty());
        }
    }
}

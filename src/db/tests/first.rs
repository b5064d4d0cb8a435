//! The first-seen index: what it tells is what the days tell, whatever happens to it and to them.

use super::bulk::import;
use super::*;
use crate::catalog::manifest::{MAGIC, Manifest, manifest_path};
use crate::codec::record;
use crate::first::FirstIndex;
use crate::fs::Fs;
use crate::query::CohortKind;
use crate::snapshot::Snapshot;
use crate::snapshot::files::{day_name, first_name};
use crate::time::Day;
use crate::write::bulk::Replace;
use crate::write::check_first;
use crate::write::compact::Extent;
use crate::{Query, Set};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ops::Not;
use std::path::PathBuf;

/// Day 0 of these tests.
const FIRST: Day = 19_000;

fn date(day: Day) -> String {
    crate::time::format_day(FIRST + day)
}

/// An event on a day of these tests.
fn did(user: u32, activity: &str, day: Day) -> Event {
    event(&format!("u{user}"), activity, i64::from(FIRST + day), i64::from(user))
}

/// Questions about who was first seen when, from a day on.
fn questions(from: Day) -> Vec<Query> {
    let early = Set::first_did("a", date(from), date(60));
    let as_of = crate::time::instant_of(i64::from(FIRST + 70) * DAY_US);
    let ranged = |query: Query| query.from(date(from)).to(date(55)).as_of(as_of);
    vec![
        ranged(Query::growth("*")),
        ranged(Query::growth("a").only(early.clone())),
        ranged(Query::growth(["a", "c"]).new_means_any()),
        ranged(Query::growth("b").trailing(3).new_means_any()),
        ranged(Query::states("*")),
        ranged(Query::retention("a").columns(3).returning("*")),
        ranged(Query::retention("c").columns(3).cohort(CohortKind::FirstEver).elapsed()),
        Query::count(early),
        Query::count(Set::did("b").not()),
    ]
}

fn figures(db: &Snapshot, query: &Query) -> Result<String> {
    Ok(db.query(query)?.to_json()["series"].to_string())
}

fn answers(snapshot: &Snapshot, from: Day) -> Vec<String> {
    questions(from).iter().map(|query| figures(snapshot, query).unwrap()).collect()
}

fn index(snapshot: &Snapshot) -> Arc<FirstIndex> {
    snapshot.inner.first.clone().unwrap()
}

/// The index is that of the published days, and answers are those without it.
fn check(db: &Db, from: Day) {
    let snapshot = db.snapshot().unwrap();
    let index = index(&snapshot);
    assert_eq!(check_first(&snapshot.inner, &index).unwrap(), None);
    let told = answers(&snapshot, from);
    assert!(index.broken().is_none());
    index.distrust("test", "the days are to tell".to_string());
    for (query, (told, found)) in told.iter().zip(answers(&snapshot, from)).enumerate() {
        assert_eq!(*told, found, "query {query}");
    }
}

#[derive(Debug, Clone)]
enum Act {
    Write(Vec<(u32, u8, Day)>),
    Flush,
    Import(Vec<(u32, u8, Day)>, u8),
    Compact,
    Reopen,
}

fn any_act() -> impl Strategy<Value = Act> {
    let users = prop_oneof![0u32..9, 0u32..300];
    let rows = || proptest::collection::vec((users.clone(), 0u8..3, 0i32..50), 1..25);
    prop_oneof![
        4 => rows().prop_map(Act::Write),
        3 => Just(Act::Flush),
        2 => (rows(), 0u8..3).prop_map(|(rows, replace)| Act::Import(rows, replace)),
        1 => Just(Act::Compact),
        1 => Just(Act::Reopen),
    ]
}

fn events(rows: &[(u32, u8, Day)]) -> Vec<Event> {
    let name = |activity: u8| ["a", "b", "c"][usize::from(activity)];
    rows.iter().map(|(user, activity, day)| did(*user, name(*activity), *day)).collect()
}

/// Nothing, the activities of each day, or whole days.
fn replaced(rows: &[(u32, u8, Day)], how: u8) -> Replace {
    let days = rows.iter().map(|(.., day)| FIRST + day);
    match how {
        0 => Replace::Nothing,
        1 => Replace::WholeDays(days.collect()),
        _ => {
            let mut activities: BTreeMap<Day, BTreeSet<String>> = BTreeMap::new();
            for (day, event) in days.zip(events(rows)) {
                activities.entry(day).or_default().insert(event.activity);
            }
            Replace::Activities(activities)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_index_follows_whatever_is_done(
        acts in proptest::collection::vec(any_act(), 1..14),
        from in 0i32..45,
    ) {
        let world = World::new();
        let mut db = world.create();
        for act in &acts {
            match act {
                Act::Write(rows) => drop(write(&db, &events(rows))),
                Act::Flush => db.flush().unwrap(),
                Act::Import(rows, how) => {
                    import(&db, None, &events(rows), replaced(rows, *how)).unwrap();
                }
                Act::Compact => db.compact().unwrap(),
                Act::Reopen => {
                    db.close().unwrap();
                    db = world.open();
                }
            }
            let snapshot = db.snapshot().unwrap();
            prop_assert_eq!(check_first(&snapshot.inner, &index(&snapshot)).unwrap(), None);
        }
        check(&db, from);
        db.close().unwrap();
        check(&world.read(), from);
    }
}

/// A database of ten days with one more event in memory: the first day has most of the users, so
/// that the index has several generations.
fn ten_days(world: &World) -> Db {
    let db = world.create();
    let many: Vec<Event> =
        (100..9_000).step_by(3).map(|user| did(user, "a", user as Day * 7 % 5)).collect();
    write(&db, &many);
    for day in 0..10 {
        let name = |user: u32| ["a", "b", "c"][user as usize % 3];
        let rows: Vec<Event> =
            (0..40).flat_map(|user| [did(user % (5 + 4 * day as u32), name(user), day)]).collect();
        write(&db, &rows);
        db.flush().unwrap();
    }
    write(&db, &[did(77, "a", 4)]);
    db
}

fn first_files(db: &Db) -> Vec<PathBuf> {
    let manifest = db.snapshot().unwrap().inner.manifest.clone();
    let names = manifest.first.iter().flatten().map(|entry| first_name(entry.generation));
    names.map(|name| Path::new(ROOT).join(name)).collect()
}

#[test]
fn a_bounded_question_reads_no_day_before_its_range() {
    let world = World::new();
    let db = ten_days(&world);
    db.flush().unwrap();
    let whole = answers(&db.snapshot().unwrap(), 8);
    let snapshot = db.snapshot().unwrap();
    let days = |from: Day, to: Day| snapshot.inner.days_in(FIRST + from, FIRST + to);
    let places: Vec<_> = days(0, 5).iter().flat_map(|day| &*day.sections).collect();
    for place in places.iter().map(|section| &section.place) {
        let range = place.offset as usize..(place.offset + place.length) as usize;
        let path = Path::new(ROOT).join(day_name(place.file));
        world.disk.edit(&path, |bytes| bytes[range].iter_mut().for_each(|byte| *byte = !*byte));
    }
    let reader = world.read();
    for (place, (query, whole)) in questions(8).iter().zip(&whole).enumerate() {
        match figures(&reader.snapshot().unwrap(), query) {
            Ok(found) => assert_eq!(found, *whole, "query {place}"),
            // States look back on 30 days, and the trailing windows on 6.
            Err(e) => assert!([3, 4].contains(&place), "query {place}: {e}"),
        }
    }
    assert!(reader.query(&Query::growth("*")).is_err(), "the days are damaged");
}

#[test]
fn a_damaged_index_is_left_unused_named_and_made_anew() {
    let world = World::new();
    let db = ten_days(&world);
    db.close().unwrap();
    let whole = answers(&world.read().snapshot().unwrap(), 3);
    let files = first_files(&world.read());
    assert!(files.len() > 1, "generations of several flushes");
    for path in &files {
        let bytes = world.disk.read(path, 1 << 20).unwrap();
        let damages = (0..bytes.len()).step_by(7).map(Some).chain([None]);
        for at in damages {
            world.disk.edit(path, |bytes| match at {
                Some(at) => bytes[at] ^= 0x10,
                None => bytes.truncate(9),
            });
            let reader = world.read();
            assert_eq!(answers(&reader.snapshot().unwrap(), 3), whole, "{path:?} {at:?}");
            let report = reader.verify().unwrap();
            assert_eq!(report.damages.len(), 1, "{at:?}: {report:?}");
            assert_eq!(Path::new(ROOT).join(&report.damages[0].file), *path);
            assert!(report.damages[0].message.contains("makes the index anew"));
            world.disk.edit(path, |content| *content = bytes.clone());
        }
    }
    world.disk.edit(&files[0], |bytes| bytes[0] ^= 1);
    mended(&world, &whole);
}

/// A writer that meets a broken index makes it anew.
fn mended(world: &World, whole: &[String]) {
    let db = world.open();
    assert_eq!(db.verify().unwrap().damages.len(), 1);
    assert_eq!(answers(&db.snapshot().unwrap(), 3), whole);
    db.flush().unwrap();
    assert!(db.verify().unwrap().damages.is_empty());
    check(&db, 3);
    db.close().unwrap();
    assert_eq!(answers(&world.read().snapshot().unwrap(), 3), whole);
}

#[test]
fn an_index_that_is_missing_or_anothers_is_made_anew() {
    for foreign in [false, true] {
        let world = World::new();
        ten_days(&world).close().unwrap();
        let whole = answers(&world.read().snapshot().unwrap(), 3);
        let files = first_files(&world.read());
        let other = world.disk.read(&files[1], 1 << 20).unwrap();
        match foreign {
            false => world.disk.remove(&files[0]).unwrap(),
            true => world.disk.edit(&files[0], |bytes| *bytes = other),
        }
        assert_eq!(answers(&world.read().snapshot().unwrap(), 3), whole);
        mended(&world, &whole);
    }
}

#[test]
fn an_index_that_tells_wrong_is_found_by_verification() {
    let world = World::new();
    ten_days(&world).close().unwrap();
    let mut manifest = newest(&world);
    // Whole files, and yet not all of them.
    manifest.first.as_mut().unwrap().remove(0);
    manifest.number += 1;
    manifest.publish(&world.disk, Path::new(ROOT), &[]).unwrap();
    let damages = world.read().verify().unwrap().damages;
    assert_eq!(damages.len(), 1);
    assert!(damages[0].message.contains("user 0 did anything first on"), "{damages:?}");
    assert!(damages[0].message.contains("the index says never"), "{damages:?}");
    world.open().verify().unwrap();
}

/// An import whose frame is all that a power cut left is indexed when it is published, by a flush
/// or by a compaction that moves its rows first.
#[test]
fn an_import_that_was_not_published_is_indexed_later() {
    let world = World::new();
    let db = world.create();
    let rows = |day: Day| (0..30).map(|user| did(user + day as u32, "a", day)).collect::<Vec<_>>();
    import(&db, None, &rows(5), Replace::Nothing).unwrap();
    world.disk.remember();
    import(&db, None, &rows(3), Replace::Nothing).unwrap();
    import(&db, None, &rows(5), replaced(&[(0, 0, 5)], 1)).unwrap();
    drop(db);
    let mut unpublished = 0;
    for operation in 0..=world.disk.operations() {
        for compact in [false, true] {
            let world = World::on(world.disk.at(operation).crash(0));
            let db = world.open();
            unpublished += u32::from(db.snapshot().unwrap().inner.first.is_none());
            match compact {
                true => _ = db.core().unwrap().compact(Extent::All).unwrap(),
                false => db.flush().unwrap(),
            }
            db.flush().unwrap();
            check(&db, 4);
        }
    }
    assert!(unpublished > 2, "{unpublished} opened between frame and publication");
}

fn newest(world: &World) -> Manifest {
    Manifest::newest(&world.disk, Path::new(ROOT)).unwrap()
}

/// Takes the index out of the newest manifest, as if it came from before there was one.
fn forget_index(world: &World) {
    let m = Manifest { first: None, ..newest(world) };
    let without = record::seal(&MAGIC, &m);
    world.disk.edit(&manifest_path(Path::new(ROOT), m.number), |bytes| *bytes = without);
    for name in world.disk.list(&Path::new(ROOT).join("first")).unwrap() {
        world.disk.remove(&Path::new(ROOT).join("first").join(name)).unwrap();
    }
}

#[test]
fn a_database_without_an_index_answers_and_gets_one() {
    let world = World::new();
    ten_days(&world).close().unwrap();
    let whole = answers(&world.read().snapshot().unwrap(), 3);
    forget_index(&world);
    let reader = world.read();
    assert!(reader.snapshot().unwrap().inner.first.is_none());
    assert_eq!(answers(&reader.snapshot().unwrap(), 3), whole);
    assert!(reader.verify().unwrap().damages.is_empty());
    let db = world.open();
    db.flush().unwrap();
    check(&db, 3);
}

#[test]
fn a_damaged_day_keeps_nobody_from_writing() {
    let world = World::new();
    ten_days(&world).close().unwrap();
    forget_index(&world);
    let name = day_name(newest(&world).days[0].generation);
    world.disk.edit(&Path::new(ROOT).join(name), |bytes| bytes[70] ^= 1);
    let db = world.open();
    for day in 11..14 {
        write(&db, &[did(1, "a", day)]);
        db.flush().unwrap();
        assert!(db.snapshot().unwrap().inner.first.is_none());
    }
    assert!(db.query(&Query::growth("*").from(date(11))).is_err(), "a damaged day is read");
}

#[test]
fn a_flush_of_few_rows_adds_few_bytes() {
    let world = World::new();
    let db = world.create();
    let many: Vec<Event> = (0..20_000).map(|user| did(user, "a", (user % 40) as Day)).collect();
    write(&db, &many);
    db.flush().unwrap();
    let lengths = |db: &Db| -> Vec<u64> {
        let manifest = db.snapshot().unwrap().inner.manifest.clone();
        manifest.first.iter().flatten().map(|entry| entry.length).collect()
    };
    let whole = lengths(&db);
    assert!(whole[..] > [10_000][..] && whole.len() == 1, "{whole:?}");
    // Later events of known users move no first day.
    write(&db, &many[..100]);
    write(&db, &[did(7, "a", 45)]);
    db.flush().unwrap();
    assert_eq!(lengths(&db), whole);
    for late in 0..20 {
        write(&db, &[did(39 + 40 * late, "a", 3)]);
        db.flush().unwrap();
        let lengths = lengths(&db);
        assert_eq!(lengths[0], whole[0]);
        assert!(lengths.len() <= 9 && lengths[1..].iter().sum::<u64>() < 4_500, "{lengths:?}");
    }
    check(&db, 2);
}

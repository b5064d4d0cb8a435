//! How many files there are after years of small days, late events and merges.

use super::*;
use crate::fs::Fs;

fn day_files(db: &Db) -> usize {
    db.snapshot().unwrap().inner.manifest.days.len()
}

/// Files of all kinds that are really on disk.
fn files_on_disk(world: &World) -> usize {
    let count = |dir: &str| world.disk.list(&Path::new(ROOT).join(dir)).unwrap().len();
    ["days", "users", "ledger", "wal", "spill", "readers"].into_iter().map(count).sum()
}

#[test]
fn ten_years_of_small_days_are_few_files_however_they_came() {
    let world = World::new();
    let db = world.create();
    let mut most = 0;
    for day in 0..3_650 {
        let user = |i: i64| format!("u{}", (day * 7 + i * 13) % 500);
        let events: Vec<Event> =
            (0..20).map(|i| event(&user(i), ["a", "b", "c"][i as usize % 3], day, i)).collect();
        write(&db, &events);
        db.flush().unwrap();
        most = most.max(day_files(&db));
    }
    assert!(most <= 150, "{most} day files at once");
    assert!(files_on_disk(&world) <= 200, "{} files", files_on_disk(&world));
    db.compact().unwrap();
    assert!(day_files(&db) <= 10, "{} day files in the tidy state", day_files(&db));
    let info = db.snapshot().unwrap().info().unwrap();
    assert_eq!((info.days, info.events, info.users), (3_650, 73_000, 500));
    let before = db.snapshot().unwrap().inner.manifest.number;
    db.compact().unwrap();
    assert_eq!(db.snapshot().unwrap().inner.manifest.number, before, "tidy is tidy");
}

#[test]
fn late_events_over_three_thousand_days_are_one_file() {
    let world = World::new();
    let db = world.create();
    let events: Vec<Event> =
        (0..100_000).map(|i| event(&format!("u{}", i % 999), "a", i % 3_000, i / 3_000)).collect();
    write(&db, &events);
    db.flush().unwrap();
    assert_eq!(day_files(&db), 1);
    let late: Vec<Event> = (0..3_000).map(|i| event("late", "b", i, 80_000)).collect();
    write(&db, &late);
    db.flush().unwrap();
    assert!(day_files(&db) <= 2);
    db.compact().unwrap();
    let snapshot = db.snapshot().unwrap();
    assert!(snapshot.inner.days.iter().all(|day| day.sections.len() == 1));
    assert!(day_files(&db) <= 9, "one a year");
    assert_eq!(snapshot.info().unwrap().events, 103_000);
}

#[test]
fn merged_sections_keep_every_row_value_and_insert_id() {
    let world = World::new();
    let db = world.create();
    let mut all = Vec::new();
    for round in 0..12 {
        let events: Vec<Event> = (0..9)
            .map(|i| {
                let event = event(&format!("u{}", i * round), "a", i % 3, i + round);
                event.with("n", round).insert_id(format!("{round}/{i}"))
            })
            .collect();
        write(&db, &events);
        db.flush().unwrap();
        all.extend(events);
        assert_eq!(rows(&db.snapshot().unwrap()), expected(&all), "round {round}");
    }
    let sections = |db: &Db| -> Vec<usize> {
        db.snapshot().unwrap().inner.days.iter().map(|day| day.sections.len()).collect()
    };
    assert!(sections(&db).iter().all(|n| *n < 6), "{:?}", sections(&db));
    db.compact().unwrap();
    assert_eq!(sections(&db), [1, 1, 1]);
    assert_eq!(rows(&db.snapshot().unwrap()), expected(&all));
    assert_eq!(write(&db, &all).duplicates, 108);
    let snapshot = db.snapshot().unwrap();
    let rows = snapshot.inner.days[0].sections[0].section.rows().unwrap();
    let sum: i64 = rows.columns[0]
        .cells
        .iter()
        .map(|cell| match cell {
            crate::day::rows::Cell::Integer(n) => *n,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(sum, (0..12).sum::<i64>() * 3);
}

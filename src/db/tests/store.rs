//! Batches, duplicates, flush, reopening, readers, the lock.

use super::*;
use crate::day::datum::KindSet;
use crate::fs::simulated::{Failure, Lasting};
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

#[test]
fn an_insert_id_counts_once_a_day_for_ever() {
    let world = World::new();
    let db = world.create();
    let one = |day, id: &str| event("u", "a", day, 5).insert_id(id);
    let receipt = write(&db, &[one(1, "x"), one(1, "x"), one(2, "x"), one(1, "y")]);
    assert_eq!((receipt.accepted, receipt.duplicates), (3, 1));
    assert_eq!(write(&db, &[one(1, "x"), one(1, "z")]).duplicates, 1);
    db.flush().unwrap();
    assert_eq!(write(&db, &[one(1, "x"), one(2, "x"), one(3, "x")]).duplicates, 2);
    db.compact().unwrap();
    drop(db);
    let db = world.open();
    let receipt = write(&db, &[one(1, "z"), one(3, "x"), one(2, "y"), event("u", "a", 1, 5)]);
    assert_eq!((receipt.accepted, receipt.duplicates), (2, 2));
    // The log alone, not yet flushed, keeps them too.
    db.close().unwrap();
    let db = world.open();
    assert_eq!(write(&db, &[one(2, "y")]).duplicates, 1);
}

#[test]
fn an_event_timed_here_is_looked_for_seven_days_back() {
    let world = World::new();
    let db = world.create();
    let now = |id: &str| Event::new("u", "a").insert_id(id);
    assert_eq!(write(&db, &[now("x")]).accepted, 1);
    db.flush().unwrap();
    world.pass(DAY_US * 7);
    assert_eq!(write(&db, &[now("x")]).duplicates, 1);
    let today = event("u", "a", 20_007, 0);
    assert_eq!(write(&db, &[today.insert_id("x")]).accepted, 1, "its day is known");
    assert_eq!(write(&db, &[now("y")]).accepted, 1);
    world.pass(DAY_US);
    assert_eq!(write(&db, &[now("x"), now("y")]).duplicates, 2);
    world.pass(DAY_US * 7);
    assert_eq!(write(&db, &[now("x"), now("y")]).accepted, 2);
}

#[test]
fn a_batch_is_applied_once_whatever_comes_between() {
    let world = World::new();
    let mut db = Some(world.create());
    let batch = |id: &str| {
        let bad = Event::new("u", "");
        Batch::new().id(id).events([event("u", "a", 1, 1), event("", "a", 1, 2), bad])
    };
    let send = |db: &Option<Db>, id: &str| {
        db.as_ref().unwrap().writer().unwrap().write_batch(batch(id)).unwrap()
    };
    let first = send(&db, "b");
    assert_eq!((first.accepted, first.without_user, first.rejected.len()), (2, 1, 1));
    assert_eq!(first.rejected[0].0, 2);
    let repeated = crate::Receipt { repeated: true, ..first };
    for step in 0..7 {
        assert_eq!(send(&db, "b"), repeated, "step {step}");
        match step {
            0 | 3 => db.as_ref().unwrap().flush().unwrap(),
            1 | 4 => {
                drop(db.take());
                db = Some(world.open());
            }
            2 => assert!(!send(&db, "c").repeated),
            _ => db.as_ref().unwrap().compact().unwrap(),
        }
    }
    assert_eq!(db.unwrap().snapshot().unwrap().info().unwrap().events, 4);
}

#[test]
fn eight_threads_share_the_log() {
    let world = World::new();
    let db = world.create();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let writer = db.writer().unwrap();
            scope.spawn(move || {
                for i in 0..40 {
                    let user = format!("t{thread}u{}", i % 5);
                    let batch = Batch::new().id(format!("{thread}/{}", i / 2));
                    let batch =
                        batch.events([event(&user, "a", i % 3, i), event("all", "b", 0, i)]);
                    let receipt = writer.write_batch(batch).unwrap();
                    assert_eq!(receipt.repeated, i % 2 == 1);
                }
            });
        }
    });
    let written = db.snapshot().unwrap();
    assert_eq!((written.users_count(), written.info().unwrap().events), (41, 8 * 20 * 2));
    let lost = World::on(world.disk.crash(0));
    assert_eq!(rows(&lost.open().snapshot().unwrap()), rows(&written));
}

#[test]
fn a_failed_write_stops_the_writer_and_not_the_readers() {
    for failure in [Failure::Io, Failure::NoSpace, Failure::LostSync] {
        let world = World::new();
        let db = world.create();
        write(&db, &[event("u", "a", 1, 1)]);
        let before = rows(&db.snapshot().unwrap());
        // The first operation of the next write appends, the second syncs.
        let at = world.disk.operations() + u64::from(failure == Failure::LostSync);
        world.disk.fail_at(at, failure, Lasting::Once);
        let writer = db.writer().unwrap();
        let error = writer.write(event("v", "a", 1, 2)).unwrap_err();
        let kind = if failure == Failure::NoSpace { ErrorKind::DiskFull } else { ErrorKind::Io };
        assert_eq!(error.kind(), kind);
        assert_eq!(writer.write(event("v", "a", 1, 2)).unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(db.compact().unwrap_err().kind(), ErrorKind::Poisoned);
        assert_eq!(rows(&db.snapshot().unwrap()), before);
        drop(db);
        let db = world.open();
        assert!(rows(&db.snapshot().unwrap()).len() <= 2);
        assert_eq!(write(&db, &[event("w", "a", 1, 3)]).accepted, 1);
        let after = rows(&db.snapshot().unwrap());
        drop(db);
        assert_eq!(rows(&World::on(world.disk.crash(0)).open().snapshot().unwrap()), after);
    }
}

#[test]
fn one_writes_and_who_comes_second_is_told() {
    let world = World::new();
    let missing = world.try_open().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let db = world.create();
    let error = world.try_open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("open it read-only"), "{error}");
    let again = Db::create_in(&world.env(), Path::new(ROOT), options()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let writer = db.writer().unwrap();
    db.close().unwrap();
    assert_eq!(writer.write(Event::new("u", "a")).unwrap_err().kind(), ErrorKind::Poisoned);
    drop(world.open());
    let berlin = options().time_zone("Europe/Berlin");
    let error = Db::open_in(&world.env(), Path::new(ROOT), berlin).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let utc = options().time_zone("utc");
    drop(Db::open_in(&world.env(), Path::new(ROOT), utc).unwrap());
    assert_eq!(world.read().writer().unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(world.read().flush().unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn a_reader_sees_what_was_flushed_and_keeps_what_it_holds() {
    let world = World::new();
    let db = world.create();
    let reader = world.read();
    write(&db, &[event("u", "a", 1, 1)]);
    assert!(!reader.refresh().unwrap());
    db.flush().unwrap();
    assert!(reader.refresh().unwrap());
    let held = reader.snapshot().unwrap();
    let one = rows(&held);
    assert_eq!(one, expected(&[event("u", "a", 1, 1)]));
    let manifest = held.inner.manifest.clone();
    let name = crate::snapshot::files::day_name(manifest.days[0].generation);
    let there = |world: &World| {
        crate::fs::Fs::len(&world.disk, &Path::new(ROOT).join(&name)).unwrap().is_some()
    };
    for i in 0..5 {
        write(&db, &[event("u", "a", 1, 10 + i)]);
        db.compact().unwrap();
    }
    assert!(there(&world), "the lease keeps the file");
    assert_eq!(rows(&held), one);
    assert!(reader.refresh().unwrap());
    write(&db, &[event("u", "a", 1, 20)]);
    db.compact().unwrap();
    assert!(!there(&world), "nobody holds it any more");
    assert_eq!(rows(&held), one, "what is open stays readable");
    // A reader that holds on for too long keeps nothing.
    let generation = reader.snapshot().unwrap().inner.manifest.days[0].generation;
    let name = crate::snapshot::files::day_name(generation);
    world.pass(2 * 3_600_000_000);
    for i in 0..3 {
        write(&db, &[event("u", "a", 1, 30 + i)]);
        db.compact().unwrap();
    }
    assert!(crate::fs::Fs::len(&world.disk, &Path::new(ROOT).join(&name)).unwrap().is_none());
}

#[test]
fn a_full_memtable_is_flushed_within_the_write() {
    let world = World::new();
    let db = world.create_with(options().memtable_bytes(10_000));
    for i in 0..100 {
        let events: Vec<Event> = (0..20).map(|u| event(&format!("{u}"), "a", i % 4, i)).collect();
        write(&db, &events);
    }
    let snapshot = db.snapshot().unwrap();
    assert!(snapshot.inner.manifest.number > 3);
    assert!(snapshot.inner.memtable.bytes() < 10_000);
    assert_eq!(snapshot.info().unwrap().events, 2_000);
    assert!(db.verify().unwrap().damages.is_empty());
}

#[test]
fn batches_beyond_the_limits_are_refused_whole() {
    let world = World::new();
    let db = world.create();
    let writer = db.writer().unwrap();
    let kind = |batch: Batch| writer.write_batch(batch).unwrap_err().kind();
    assert_eq!(kind(Batch::new().id("")), ErrorKind::Input);
    assert_eq!(kind(Batch::new().id("x".repeat(257))), ErrorKind::Limit);
    let many = vec![event("u", "a", 1, 1); crate::limits::BATCH_EVENTS_MAX + 1];
    assert_eq!(kind(Batch::new().events(many)), ErrorKind::Limit);
    let names = (0..3_000).map(|i| event("u", "a", 1, 1).with(format!("p{i}"), i));
    assert!(writer.write_batch(Batch::new().events(names)).is_ok());
    let names = (0..5_000).map(|i| event("u", "a", 1, 1).with(format!("p{i}"), i));
    assert_eq!(kind(Batch::new().events(names)), ErrorKind::Limit);
    assert_eq!(writer.write_batch(Batch::new().id("x".repeat(256))).unwrap().accepted, 0);
    assert!(writer.write_batch(Batch::new().id("x".repeat(256))).unwrap().repeated);
}

#[test]
fn weaker_durability_loses_a_tail_and_nothing_else() {
    for durability in [Durability::Os, Durability::Interval(1_000)] {
        let world = World::new();
        let db = world.create_with(options().durability(durability));
        let events: Vec<Event> = (0..30).map(|i| event(&format!("u{i}"), "a", 1, i)).collect();
        for event in &events {
            write(&db, std::slice::from_ref(event));
            world.pass(100_000);
        }
        let kept = |disk| rows(&World::on(disk).open().snapshot().unwrap());
        assert_eq!(kept(world.disk.kill()), expected(&events), "a killed process loses nothing");
        let lost = kept(world.disk.crash(0));
        assert_eq!(lost, expected(&events[..lost.len()]));
        let least = if durability == Durability::Os { 0 } else { 20 };
        assert!((least..30).contains(&lost.len()), "{durability}: {}", lost.len());
        db.close().unwrap();
        assert_eq!(kept(world.disk.crash(0)), expected(&events));
    }
}

#[test]
fn what_is_known_of_a_database_can_be_asked() {
    let world = World::new();
    let db = world.create_with(options().time_zone("asia/tokyo"));
    let info = db.info().unwrap();
    assert_eq!((info.snapshot.days, info.snapshot.watermark), (0, None));
    write(&db, &[event("u,\"1\"", "a", 1, 1), event("v", "a", 1, 2), event("v", "b", 3, 1)]);
    db.flush().unwrap();
    write(&db, &[event("v", "a", 1, 3), event("", "a", 3, 1)]);
    let info = db.info().unwrap();
    assert_eq!(info.snapshot.time_zone, "Asia/Tokyo");
    assert_eq!((info.snapshot.days, info.snapshot.users, info.snapshot.events), (2, 2, 5));
    let activities: Vec<_> = info.snapshot.activities.iter().collect();
    assert_eq!(activities[0].name, "a");
    assert_eq!((activities[0].events, activities[0].user_days), (4, 2));
    assert_eq!((activities[0].events_without_user, activities[1].user_days), (1, 1));
    assert!(info.file_bytes > 0 && info.day_files == 1 && info.written_by.starts_with("daybit "));
    let snapshot = db.snapshot().unwrap();
    let day = snapshot.days()[0];
    let set = |activity| {
        let bytes = snapshot.export_presence(day, activity).unwrap();
        let users = roaring::RoaringBitmap::deserialize_from(&bytes[..]).unwrap();
        users.iter().collect::<Vec<u32>>()
    };
    assert_eq!((set(Some("a")), set(Some("b")), set(None)), (vec![0, 1], vec![], vec![0, 1]));
    let mut csv = Vec::new();
    snapshot.export_users(&mut csv).unwrap();
    assert_eq!(csv, b"ordinal,id\r\n0,\"u,\"\"1\"\"\"\r\n1,v\r\n");
    assert!(snapshot.inner.knows_activity("b") && !snapshot.inner.knows_activity("c"));
}

#[test]
fn verification_names_the_damaged_file() {
    let world = World::new();
    let db = world.create();
    write(&db, &[event("u", "a", 1, 1)]);
    db.flush().unwrap();
    write(&db, &[event("u", "a", 1, 2)]);
    let report = db.verify().unwrap();
    assert_eq!((report.sections, report.damages.len()), (1, 0));
    let manifest = db.snapshot().unwrap().inner.manifest.clone();
    drop(db);
    let name = crate::snapshot::files::day_name(manifest.days[0].generation);
    let at = db_section_middle(&world, &name);
    world.disk.edit(&Path::new(ROOT).join(&name), |bytes| bytes[at] ^= 1);
    let db = world.open();
    let report = db.verify().unwrap();
    assert_eq!(report.damages.len(), 1, "{report:?}");
    assert_eq!(report.damages[0].file, name);
    assert_eq!(db.compact().unwrap_err().kind(), ErrorKind::Corruption);
    assert_eq!(write(&db, &[event("u", "a", 2, 1)]).accepted, 1, "other days go on");
}

/// A byte of the first section of a day file.
fn db_section_middle(world: &World, name: &str) -> usize {
    let reader = world.read();
    let snapshot = reader.snapshot().unwrap();
    let sections = snapshot.inner.days.iter().flat_map(|day| day.sections.to_vec());
    let named = |file| crate::snapshot::files::day_name(file) == name;
    let place = sections.map(|s| s.place.clone()).find(|place| named(place.file)).unwrap();
    usize::try_from(place.offset + place.length / 2).unwrap()
}

#[test]
fn a_log_that_the_manifest_names_must_be_there() {
    let world = World::new();
    let db = world.create();
    write(&db, &[event("u", "a", 1, 1)]);
    drop(db);
    crate::fs::Fs::remove(&world.disk, Path::new("db/wal/0000000001.wal")).unwrap();
    assert_eq!(world.try_open().unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn on_the_real_disk_a_thread_publishes_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/db");
    let often = std::time::Duration::from_millis(20);
    let options = Options::new().flush_every(Some(often)).durability(Durability::Interval(10));
    let db = Db::create(&path, options.clone()).unwrap();
    assert_eq!(Db::open(&path, Options::new()).unwrap_err().kind(), ErrorKind::Locked);
    let reader = Db::open_read_only(&path).unwrap();
    let batch = || Batch::new().id("b").events([event("u", "a", 1, 1), event("v", "a", 2, 1)]);
    db.writer().unwrap().write_batch(batch()).unwrap();
    let seen = (0..500).any(|_| {
        std::thread::sleep(often);
        reader.refresh().unwrap();
        reader.snapshot().unwrap().users_count() == 2
    });
    assert!(seen, "published within 10 seconds");
    let all = rows(&db.snapshot().unwrap());
    assert_eq!(rows(&reader.snapshot().unwrap()), all);
    drop(db);
    let db = Db::open(&path, options).unwrap();
    assert!(db.writer().unwrap().write_batch(batch()).unwrap().repeated);
    assert!(db.verify().unwrap().damages.is_empty());
    assert_eq!(rows(&db.snapshot().unwrap()), all);
    db.close().unwrap();
    assert_eq!(rows(&Db::open_read_only(&path).unwrap().snapshot().unwrap()), all);
}

#[test]
fn a_snapshot_knows_properties_and_their_kinds() {
    let db = World::new().create();
    let with = |day, value: crate::Value| event("u", "buy", day, 0).with("price", value);
    write(&db, &[with(1, "free".into()), with(1, true.into()), with(2, 5.into())]);
    let check = || {
        let snapshot = db.snapshot().unwrap();
        let kinds = |property, wanted| snapshot.inner.property_kinds(property, wanted).unwrap();
        // The search goes from the newest day back, and no further than it has to.
        assert_eq!(kinds("price", KindSet::NUMBER), KindSet::NUMBER);
        let two = KindSet::BOOL.or(KindSet::TEXT);
        assert_eq!(kinds("price", KindSet::TEXT), two.or(KindSet::NUMBER));
        assert_eq!(kinds("plan", two), KindSet::NONE);
        assert!(snapshot.inner.knows_property("price").unwrap());
        assert!(!snapshot.inner.knows_property("plan").unwrap());
    };
    check();
    db.flush().unwrap();
    check();
    write(&db, &[event("u", "buy", 2, 1).with("price", 3.5)]);
    check();
    write(&db, &[event("u", "buy", 0, 1).with("plan", "pro")]);
    let snapshot = db.snapshot().unwrap();
    assert!(snapshot.inner.knows_property("plan").unwrap());
    assert_eq!(snapshot.inner.property_kinds("plan", KindSet::TEXT).unwrap(), KindSet::TEXT);
}

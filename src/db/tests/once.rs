//! Exactly once: what is sent again is known, whatever became of it meanwhile.

use super::*;
use crate::Receipt;
use chrono::NaiveDate;

/// The day on which a world begins: 2024-10-04.
const TODAY: i64 = 20_000;

/// What may come between a batch and its repeat.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    Flush,
    Compact,
    /// Flushes of other events of the same day, which are merged.
    Merges,
    /// The process is killed: what it wrote lies in the log alone.
    Kill,
    Close,
    DropRows,
}

const ALL: [Between; 7] = [
    Between::Nothing,
    Between::Flush,
    Between::Compact,
    Between::Merges,
    Between::Kill,
    Between::Close,
    Between::DropRows,
];

impl Between {
    fn happen(self, world: &mut World, db: Db) -> Db {
        match self {
            Between::Nothing => {}
            Between::Flush => db.flush().unwrap(),
            Between::Compact => db.compact().unwrap(),
            Between::Merges => {
                for second in 0..8 {
                    write(&db, &[event("somebody", "else", TODAY, second)]);
                    db.flush().unwrap();
                }
            }
            Between::Kill => {
                let killed = world.disk.kill();
                drop(db);
                world.disk = killed;
                return world.open();
            }
            Between::Close => {
                db.close().unwrap();
                return world.open();
            }
            Between::DropRows => {
                let edge = NaiveDate::from_ymd_opt(2100, 1, 1).unwrap();
                db.drop_rows_before(edge).unwrap();
            }
        }
        db
    }
}

fn named(id: &str) -> Batch {
    Batch::new().id(id).event(event("u", "a", TODAY, 1)).event(Event::new("u", ""))
}

fn send(db: &Db, batch: Batch) -> Receipt {
    db.writer().unwrap().write_batch(batch).unwrap()
}

#[test]
fn a_live_batch_is_known_after_years_where_few_came_since() {
    let mut world = World::new();
    let mut db = world.create();
    let first = send(&db, named("b"));
    let again = Receipt { repeated: true, ..first };
    for between in ALL {
        db = between.happen(&mut world, db);
        world.pass(400 * DAY_US);
        assert_eq!(send(&db, named("b")), again, "{between:?}");
        // Ledgers are merged, and what may be forgotten is.
        for round in 0..4 {
            assert!(!send(&db, named(&format!("{between:?} {round}"))).repeated);
            db.flush().unwrap();
        }
        assert_eq!(send(&db, named("b")), again, "{between:?}");
    }
}

#[test]
fn the_receipt_of_a_repeat_counts_as_the_first_did() {
    let world = World::new();
    let db = world.create();
    let known = event("known", "a", TODAY, 1).insert_id("x");
    write(&db, std::slice::from_ref(&known));
    db.erase(["gone"]).unwrap();
    let batch = Batch::new().id("b").events([
        event("gone", "a", TODAY, 1),
        known,
        Event::new("u", ""),
        event("", "a", TODAY, 1),
        event("later", "a", TODAY, 1),
    ]);
    let first = send(&db, batch.clone());
    assert_eq!((first.accepted, first.without_user, first.duplicates), (2, 1, 1));
    assert_eq!(first.rejected.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 2]);
    let again = Receipt { repeated: true, ..first };
    assert_eq!(send(&db, batch.clone()), again);
    db.flush().unwrap();
    assert_eq!(send(&db, batch.clone()), again);
    // Of who was erased since, an event was stored at the time.
    let other = Batch::new().id("c").event(event("later", "a", TODAY, 2));
    let first = send(&db, other.clone());
    db.erase(["later"]).unwrap();
    assert_eq!(send(&db, other), Receipt { repeated: true, ..first });
}

#[test]
fn an_insert_id_is_known_on_its_day_whatever_became_of_it() {
    let one = |second| event("u", "a", TODAY, second).insert_id("x");
    for between in ALL {
        let mut world = World::new();
        let db = world.create();
        assert_eq!(write(&db, &[one(1)]).accepted, 1);
        let mut db = between.happen(&mut world, db);
        for after in ALL {
            assert_eq!(write(&db, &[one(2)]).duplicates, 1, "{between:?}");
            world.pass(2_000 * DAY_US);
            db = after.happen(&mut world, db);
            assert_eq!(write(&db, &[one(3)]).duplicates, 1, "{between:?}, {after:?}");
        }
        assert_eq!(write(&db, &[event("u", "a", TODAY + 1, 1).insert_id("x")]).accepted, 1);
    }
}

#[test]
fn an_event_timed_here_is_known_for_seven_days_whatever_became_of_it() {
    let now = || [Event::new("u", "a").insert_id("x")];
    for between in ALL {
        let mut world = World::new();
        let db = world.create();
        assert_eq!(write(&db, &now()).accepted, 1);
        let db = between.happen(&mut world, db);
        // The last moment of the seventh day, and the first after it.
        world.pass(8 * DAY_US - 1);
        assert_eq!(write(&db, &now()).duplicates, 1, "{between:?}");
        let db = between.happen(&mut world, db);
        world.pass(1);
        assert_eq!(write(&db, &now()).accepted, 1, "{between:?}");
        assert_eq!(write(&db, &now()).duplicates, 1, "{between:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_across_midnight_doubles_nothing() {
    let world = World::new();
    let db = world.create();
    let now = |id: &str| Event::new("u", "a").insert_id(id);
    assert_eq!(write(&db, &[now("x")]).accepted, 1);
    world.pass(-1);
    assert_eq!(write(&db, &[now("x"), now("y")]).duplicates, 1);
    db.flush().unwrap();
    assert_eq!(write(&db, &[now("x"), now("y")]).duplicates, 2);
    world.pass(-DAY_US);
    assert_eq!(write(&db, &[now("x")]).accepted, 1);
}

#[cfg(feature = "import")]
mod imported {
    use super::*;
    use crate::{ImportOptions, ImportReceipt, Source};
    use std::io::{Cursor, Write};

    /// Of today and of tomorrow.
    const TEXT: &str =
        "user,activity,time,id\nu,a,2024-10-04,x\n,a,2024-10-04,y\nv,a,2024-10-05,z\nv,a,never,z\n";

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    fn import(db: &Db, options: &ImportOptions, name: &str, bytes: Vec<u8>) -> ImportReceipt {
        let source = Source::reader(name, Box::new(Cursor::new(bytes)));
        db.import(options, vec![source], &|_| {}).unwrap()
    }

    #[test]
    fn the_same_data_are_known_for_ever_under_any_name_and_compression() {
        let forms = || {
            [
                ("events.csv", TEXT.as_bytes().to_vec()),
                ("other name.csv", TEXT.as_bytes().to_vec()),
                ("events.csv.gz", gzip(TEXT)),
                ("stdin", gzip(TEXT)),
                ("events.csv.zst", zstd::encode_all(TEXT.as_bytes(), 3).unwrap()),
                ("stdin", zstd::encode_all(TEXT.as_bytes(), 19).unwrap()),
            ]
        };
        let options = ImportOptions::new();
        for first in [0, 2, 4] {
            let mut world = World::new();
            let mut db = world.create();
            let (name, bytes) = forms()[first].clone();
            let receipt = import(&db, &options, name, bytes);
            assert!(!receipt.repeated && receipt.new_users == 2);
            let events = db.info().unwrap().snapshot.events;
            for between in ALL {
                db = between.happen(&mut world, db);
                world.pass(400 * DAY_US);
                let before = db.info().unwrap().snapshot.events;
                for (name, bytes) in forms() {
                    let again = import(&db, &options, name, bytes);
                    assert!(again.repeated, "{name} after {between:?}");
                    let counts = (again.accepted, again.without_user, again.rejected);
                    assert_eq!(counts, (3, 1, 1), "{name} after {between:?}");
                }
                assert_eq!(db.info().unwrap().snapshot.events, before);
            }
            assert_eq!(events, 3);
        }
    }

    #[test]
    fn other_data_or_another_mapping_are_another_import() {
        let db = World::new().create();
        let options = ImportOptions::new();
        assert!(!import(&db, &options, "a.csv", TEXT.into()).repeated);
        let longer = format!("{TEXT}w,a,2024-10-04,w\n");
        assert!(!import(&db, &options, "a.csv", longer.into()).repeated);
        assert!(!import(&db, &options.clone().skip("id"), "a.csv", TEXT.into()).repeated);
        let tabs = TEXT.replace(',', "\t");
        assert!(!import(&db, &options, "a.tsv", tabs.into()).repeated);
    }

    #[test]
    fn live_writes_and_imports_know_each_others_insert_ids() {
        let options = ImportOptions::new().insert_id("id");
        for between in ALL {
            let mut world = World::new();
            let db = world.create();
            assert_eq!(write(&db, &[event("u", "a", TODAY, 5).insert_id("x")]).accepted, 1);
            let db = between.happen(&mut world, db);
            let receipt = import(&db, &options, "a.csv", TEXT.into());
            let counts = (receipt.accepted, receipt.duplicates, receipt.rejected);
            assert_eq!(counts, (2, 1, 1), "{between:?}");
            let db = between.happen(&mut world, db);
            let again = [("y", TODAY), ("z", TODAY + 1), ("z", TODAY), ("y", TODAY + 1)]
                .map(|(id, day)| event("w", "a", day, 9).insert_id(id));
            let receipt = write(&db, &again);
            assert_eq!((receipt.accepted, receipt.duplicates), (2, 2), "{between:?}");
            let other = options.clone().batch_id("again");
            let receipt = import(&db, &other, "a.csv", TEXT.into());
            assert_eq!((receipt.accepted, receipt.duplicates), (0, 3), "{between:?}");
        }
    }
}

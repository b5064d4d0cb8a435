//! Erasing people: no figure, no byte and no way in is left of them, whatever happens meanwhile.

use super::bulk::try_import;
use super::*;
use crate::catalog::HashDomain;
use crate::day::section::ActivityCode;
use crate::fs::Fs;
use crate::fs::simulated::SimulatedFs;
use crate::fs::simulated::{Failure, Lasting};
use crate::query::Measure;
use crate::snapshot::files::wal_dir;
use crate::write::bulk::Replace;
use crate::write::names_of;
use crate::{Bucket, PersonColumn, Query, Set};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Questions whose answers name people, count them, or tell of what they did.
fn questions() -> Vec<Query> {
    let as_of = crate::time::instant_of(50 * DAY_US);
    let ranged = |query: Query| query.from("1970-01-01").to("1970-02-10").as_of(as_of);
    let money = || Query::value("a", Measure::Sum).property("price");
    vec![
        ranged(Query::active("*")),
        ranged(Query::active(["a", "b"]).by(Bucket::Week).trailing(7)),
        ranged(Query::active("a").breakdown(["page"])),
        ranged(Query::frequency("*")),
        ranged(Query::growth("a").by(Bucket::Week)),
        ranged(Query::states("*")),
        ranged(Query::retention("a").columns(5)),
        ranged(Query::funnel(["a", "b"]).within("5d")),
        ranged(Query::paths_from("a")),
        ranged(Query::sessions("*")),
        ranged(money()),
        ranged(money().breakdown(["page"])),
        ranged(Query::count(Set::did("a").at_least(2).and(!Set::did("b")))),
        ranged(Query::users(Set::did("*")).with([PersonColumn::Events, PersonColumn::Days])),
    ]
}

fn answers(db: &Db) -> Vec<String> {
    answers_of(db, &questions())
}

pub(super) fn answers_of(db: &Db, questions: &[Query]) -> Vec<String> {
    let told = |query: &Query| {
        let mut answer = db.query(query).unwrap().to_json();
        // What was scanned, and how.
        answer.as_object_mut().unwrap().remove("info");
        answer.to_string()
    };
    questions.iter().map(told).collect()
}

pub(super) fn detailed(user: u8, activity: u8, day: u8, second: i64) -> Event {
    let name = format!("u{user}");
    event(&name, ["a", "b", "c"][activity as usize % 3], i64::from(day), second)
        .with("price", i64::from(activity) + i64::from(user))
        .with("page", format!("/{}", (user + activity) % 4))
        .with("own", format!("only of u{user}."))
        .insert_id(format!("i-{user}-{activity}-{day}-{second}"))
}

#[derive(Debug, Clone)]
enum Act {
    Write(Vec<Event>),
    Import(Vec<Event>),
    Flush,
    Compact,
    Reopen,
    Erase(BTreeSet<u8>),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let event = (0u8..9, 0u8..6, 0u8..40, 0..86_400i64);
    let event =
        event.prop_map(|(user, activity, day, second)| detailed(user, activity, day, second));
    let events = || prop::collection::vec(event.clone(), 1..25);
    let act = prop_oneof![
        4 => events().prop_map(Act::Write),
        2 => events().prop_map(Act::Import),
        1 => Just(Act::Flush),
        1 => Just(Act::Compact),
        1 => Just(Act::Reopen),
        2 => prop::collection::btree_set(0u8..9, 1..3).prop_map(Act::Erase),
    ];
    prop::collection::vec(act, 1..12)
}

/// Does what is to be done; the events that are left of it.
fn done(world: &World, acts: &[Act]) -> (Db, Vec<Event>) {
    let mut db = world.create();
    let (mut stored, mut erased): (Vec<Event>, BTreeSet<String>) = Default::default();
    for act in acts {
        match act {
            Act::Write(events) | Act::Import(events) => {
                let is_new = |event: &&Event| {
                    let known = stored.iter().any(|other| other.insert_id == event.insert_id);
                    !known && !erased.contains(event.user.as_ref().unwrap())
                };
                let mut fresh: Vec<Event> = events.iter().filter(is_new).cloned().collect();
                fresh.sort_by(|a, b| a.insert_id.cmp(&b.insert_id));
                fresh.dedup_by(|a, b| a.insert_id == b.insert_id);
                if matches!(act, Act::Write(_)) {
                    assert_eq!(write(&db, events).accepted, fresh.len() as u64);
                } else {
                    let fresh: Vec<Event> = fresh.iter().map(plain).collect();
                    try_import(&db, None, &fresh, Replace::Nothing).unwrap();
                }
                let is_written = matches!(act, Act::Write(_));
                stored.extend(fresh.iter().map(|e| if is_written { e.clone() } else { plain(e) }));
            }
            Act::Flush => db.flush().unwrap(),
            Act::Compact => db.compact().unwrap(),
            Act::Reopen => {
                drop(db);
                db = world.open();
            }
            Act::Erase(users) => {
                let ids: Vec<String> = users.iter().map(|user| format!("u{user}")).collect();
                let receipt = db.erase(&ids).unwrap();
                let before = stored.len();
                stored.retain(|event| !ids.contains(event.user.as_ref().unwrap()));
                assert_eq!(receipt.events, (before - stored.len()) as u64);
                assert_eq!(receipt.waiting, [""; 0]);
                erased.extend(ids);
            }
        }
    }
    (db, stored)
}

/// The event as the test's own import stores it.
fn plain(event: &Event) -> Event {
    let mut plain = Event::new(event.user.clone().unwrap(), event.activity.clone());
    plain.time = event.time;
    plain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn figures_are_those_of_who_never_saw_them(acts in acts()) {
        let world = World::new();
        let (db, stored) = done(&world, &acts);
        let never = World::new().create();
        write(&never, &stored);
        prop_assert_eq!(rows(&db.snapshot().unwrap()), expected(&stored));
        for (found, wanted) in answers(&db).iter().zip(answers(&never)) {
            prop_assert_eq!(found, &wanted);
        }
        let damages = db.verify().unwrap().damages;
        prop_assert!(damages.is_empty(), "{:?}", damages);
        drop(db);
        let db = world.open();
        prop_assert_eq!(answers(&db), answers(&never));
        db.flush().unwrap();
        prop_assert_eq!(answers(&world.read()), answers(&never));
    }
}

/// Whatever lies in a database's folder, by path.
fn bytes_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(bytes_of(&path)),
            false => all.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
    all
}

/// Files in which one of these texts stands.
fn found(folder: &Path, texts: &[Vec<u8>]) -> BTreeSet<String> {
    let holds = |bytes: &[u8]| {
        texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == &text[..]))
    };
    bytes_of(folder).into_iter().filter(|(_, bytes)| holds(bytes)).map(|(name, _)| name).collect()
}

/// Ids as people have them; packed, they stand in no file as they are.
const IDS: [&str; 6] = [
    "anna@example.org",
    "7",
    "1000003",
    "0123456789abcdef0123456789abcdef",
    "01HF3Z9QKJ8X4W2V6T5S7R9P1N",
    "zweiundvierzig-é",
];

/// A database on a real disk, its log and the writer's index among it: memtable, flushed files,
/// imports, replaced and compacted ones.
fn layout(folder: &Path, kind: usize) -> Db {
    let db = Db::create(folder, options()).unwrap();
    let all = |round: i64| -> Vec<Event> {
        let each = IDS.iter().enumerate().map(|(at, id)| {
            event(id, "a", 10 + round, at as i64)
                .with("secret", format!("word of {id}"))
                .with("plan", "free")
                .insert_id(format!("insert {id} {round}"))
        });
        let others = (0..100).map(|n| event(&format!("user {n}"), "b", 10 + round, n));
        each.chain(others).collect()
    };
    for round in 0..4 {
        write(&db, &all(round));
        match kind {
            0 => {}
            1 => db.flush().unwrap(),
            2 if round == 2 => db.compact().unwrap(),
            2 => db.flush().unwrap(),
            _ => {
                let id = format!("import {round}");
                let days = BTreeSet::from([10 + round as i32 - 1]);
                let replaced = if kind == 3 { Replace::Nothing } else { Replace::WholeDays(days) };
                try_import(&db, Some(&id), &all(round + 8), replaced).unwrap();
            }
        }
    }
    db.save_cohort("friends", &Set::ids(["anna@example.org", "user 7"])).unwrap();
    db
}

#[test]
fn no_byte_of_them_is_left() {
    for kind in 0..5 {
        for id in IDS {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("db");
            let db = layout(&root, kind);
            let ordinal = db.snapshot().unwrap().inner.users.find(id.as_bytes()).unwrap().unwrap();
            let hash = |n| {
                let text = format!("insert {id} {n}");
                let catalog = &db.snapshot().unwrap().inner.catalog.clone();
                catalog.hash(HashDomain::InsertId, text.as_bytes()).to_le_bytes().to_vec()
            };
            let mut traces: Vec<Vec<u8>> = (0..12).map(hash).collect();
            traces.push(format!("word of {id}").into_bytes());
            if id.len() > 7 {
                traces.push(id.as_bytes().to_vec());
            }
            assert!(!found(&root, &traces).is_empty(), "the search finds what is there");
            let receipt = db.erase([id]).unwrap();
            assert_eq!((receipt.erased, receipt.unknown.len()), (1, 0));
            assert!(receipt.events > 0 && !receipt.replaced.is_empty(), "{receipt:?}");
            assert_eq!(found(&root, &traces), BTreeSet::new(), "layout {kind}, {id}");
            no_entry_is_left(&db, &root, id, ordinal);
            drop(db);
            let db = Db::open(&root, options()).unwrap();
            assert_eq!(found(&root, &traces), BTreeSet::new(), "layout {kind}, {id}, reopened");
            no_entry_is_left(&db, &root, id, ordinal);
        }
    }
}

/// A section that an import replaced lies in its file until that is written anew.
#[test]
fn what_was_replaced_before_is_no_hiding_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("db");
    let db = Db::create(&root, options()).unwrap();
    let mut all: Vec<Event> = (0..500).map(|n| event(&format!("user {n}"), "b", 11, n)).collect();
    all.push(event("anna", "a", 10, 1).with("secret", "a word of anna"));
    write(&db, &all);
    db.flush().unwrap();
    let replaced = Replace::WholeDays(BTreeSet::from([10]));
    try_import(&db, None, &[event("ben", "a", 10, 1)], replaced).unwrap();
    let traces = [b"a word of anna".to_vec()];
    assert!(!found(&root, &traces).is_empty());
    let receipt = db.erase(["anna"]).unwrap();
    assert_eq!((receipt.erased, receipt.events), (1, 0));
    assert_eq!(found(&root, &traces), BTreeSet::new());
}

/// Neither does any file know the ordinal, and every file is one that was looked at.
fn no_entry_is_left(db: &Db, root: &Path, id: &str, ordinal: u32) {
    let inner = db.snapshot().unwrap().inner;
    let users = &inner.users;
    assert_eq!((users.find(id.as_bytes()).unwrap(), users.id(ordinal).unwrap()), (None, None));
    assert!(!users.sealed.is_empty());
    for section in inner.days.iter().flat_map(|day| &*day.sections) {
        for place in section.file.places() {
            let section = section.file.section(place).unwrap();
            let mut bits = crate::codec::bits::Bits::EMPTY;
            section.presence_into(ActivityCode::Any, ordinal >> 16, &mut bits).unwrap();
            assert!(!bits.contains(ordinal as u16));
            let ids = section.insert_id_users().unwrap();
            assert!(ids.iter().all(|user| user.get() != ordinal));
        }
    }
    for file in inner.first.iter().flat_map(|first| first.files()) {
        for activity in [None, Some("a"), Some("b")] {
            let visit = &mut |low, _| assert_ne!(u32::from(low), ordinal);
            file.each(activity, ordinal >> 16, visit).unwrap();
        }
    }
    let known: BTreeSet<String> = names_of(&inner.manifest).collect();
    for dir in ["days", "users", "first", "ledger"] {
        for name in std::fs::read_dir(root.join(dir)).unwrap() {
            let name = format!("{dir}/{}", name.unwrap().file_name().display());
            assert!(known.contains(&name), "{name}");
        }
    }
    assert!(std::fs::read_dir(wal_dir(root)).unwrap().count() <= 1);
}

#[test]
fn whoever_was_erased_comes_in_by_no_way_until_readmitted() {
    let world = World::new();
    let db = world.create();
    write(&db, &[event("anna", "a", 1, 1), event("ben", "a", 1, 1)]);
    db.erase(["anna", "carla"]).unwrap();
    let sent = [event("anna", "a", 2, 1), event("carla", "a", 2, 1), event("ben", "a", 2, 1)];
    for round in 0..2 {
        let receipt = write(&db, &sent);
        assert_eq!((receipt.accepted, receipt.duplicates), (1, 0));
        let reasons: Vec<(u64, &str)> =
            receipt.rejected.iter().map(|(row, reason)| (*row, &**reason)).collect();
        assert_eq!(reasons, [(0, "erased"), (1, "erased")], "round {round}");
    }
    assert_eq!(db.snapshot().unwrap().users_count(), 1);
    drop(db);
    let db = world.open();
    assert_eq!(write(&db, &sent).rejected.len(), 2);
    assert_eq!(db.readmit(["anna", "ben"]).unwrap(), 1);
    assert_eq!(db.readmit(["anna"]).unwrap(), 0);
    assert_eq!(write(&db, &sent).rejected.len(), 1);
    // Another person, as far as the database knows.
    assert_eq!(db.snapshot().unwrap().users_count(), 2);
    drop(db);
    let found = rows(&world.open().snapshot().unwrap());
    let users: BTreeSet<_> = found.keys().filter_map(|(_, _, user, _)| user.clone()).collect();
    assert_eq!(users, BTreeSet::from(["anna".to_string(), "ben".to_string()]));
    assert!(found.keys().all(|(day, _, user, _)| user.as_deref() != Some("anna") || *day == 2));
}

#[test]
fn a_saved_cohort_names_them_no_more() {
    let db = World::new().create();
    write(&db, &[event("anna", "a", 1, 1), event("ben", "a", 1, 1)]);
    let set = Set::did("a").and(!Set::ids(["anna", "ben"]));
    db.save_cohort("others", &set).unwrap();
    db.save_cohort("all", &Set::did("a")).unwrap();
    let receipt = db.erase(["anna"]).unwrap();
    assert_eq!(receipt.cohorts, ["others"]);
    let left = Set::did("a").and(!Set::ids(["ben"]));
    let saved = db.cohorts().unwrap();
    assert_eq!(saved, [("all".to_string(), Set::did("a")), ("others".to_string(), left)]);
}

#[test]
fn nobody_is_erased_by_nothing_or_by_a_reader() {
    let world = World::new();
    let db = world.create();
    let kind = |result: Result<EraseReceipt>| result.unwrap_err().kind();
    assert_eq!(kind(db.erase([""; 0])), ErrorKind::Input);
    assert_eq!(kind(db.erase(["anna", ""])), ErrorKind::Input);
    let many = (0..=crate::limits::ERASE_IDS_MAX).map(|n| n.to_string());
    assert_eq!(kind(db.erase(many)), ErrorKind::Limit);
    db.flush().unwrap();
    assert_eq!(kind(world.read().erase(["anna"])), ErrorKind::ReadOnly);
    let receipt = db.erase(["nobody"]).unwrap();
    assert_eq!((receipt.erased, receipt.events), (0, 0));
    assert_eq!(receipt.unknown, ["nobody"]);
}

#[test]
fn no_new_cohort_names_them() {
    let db = World::new().create();
    write(&db, &[event("anna", "a", 3, 1), event("ben", "a", 3, 1)]);
    db.erase(["anna", "carol"]).unwrap();
    for name in ["anna", "carol"] {
        let set = Set::did("a").or(!Set::ids(["ben", name]));
        let refused = db.save_cohort("some", &set).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Input, "{refused}");
        assert!(!refused.to_string().contains(name));
    }
    db.save_cohort("some", &Set::ids(["ben"])).unwrap();
    db.readmit(["anna"]).unwrap();
    db.save_cohort("some", &Set::ids(["anna"])).unwrap();
}

#[test]
fn what_others_hold_waits_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("db");
    let db = layout(&root, 1);
    let reader = Db::open_read_only(&root).unwrap();
    let before = rows(&reader.snapshot().unwrap());
    let receipt = db.erase([IDS[0]]).unwrap();
    assert!(!receipt.waiting.is_empty());
    for name in &receipt.waiting {
        assert!(receipt.replaced.contains(name) && root.join(name).exists(), "{name}");
    }
    assert_eq!(rows(&reader.snapshot().unwrap()), before);
    assert!(reader.refresh().unwrap());
    assert_eq!(rows(&reader.snapshot().unwrap()), rows(&db.snapshot().unwrap()));
    write(&db, &[event("user 1", "a", 30, 1)]);
    db.flush().unwrap();
    let left: Vec<_> = receipt.waiting.iter().filter(|name| root.join(name).exists()).collect();
    assert_eq!(left, [&""; 0]);
}

/// Nobody has to write for it.
#[test]
fn what_waits_goes_when_the_reader_does() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("db");
    layout(&root, 1).close().unwrap();
    let db = Db::open(&root, Options::new()).unwrap();
    let reader = Db::open_read_only(&root).unwrap();
    let receipt = db.erase([IDS[0]]).unwrap();
    let left = || receipt.waiting.iter().filter(|name| root.join(name).exists()).count();
    assert!(left() > 0);
    drop(reader);
    for _ in 0..200 {
        if left() == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{} of {:?} are left", left(), receipt.waiting);
}

/// Wherever a power cut comes: once a writer has opened the database again, whoever is gone from
/// the figures is in no file.
#[test]
fn a_crash_leaves_no_file_of_who_is_gone() {
    let world = World::new();
    let db = world.create();
    write(&db, &(0..6).map(|n| detailed(n, 0, n, 5)).collect::<Vec<_>>());
    db.save_cohort("friends", &Set::ids(["u3", "u4"])).unwrap();
    db.flush().unwrap();
    world.disk.remember();
    let from = world.disk.operations();
    db.erase(["u3"]).unwrap();
    let to = world.disk.operations();
    let traces = [&b"only of u3."[..], b"\"u3\""];
    let holders = |disk: &SimulatedFs| -> Vec<PathBuf> {
        let files = disk.files(Path::new(ROOT)).into_iter();
        let holds = |path: &PathBuf| {
            let bytes = disk.read(path, u64::MAX).unwrap();
            traces.iter().any(|text| bytes.windows(text.len()).any(|window| window == *text))
        };
        files.filter(holds).collect()
    };
    assert!(holders(&world.disk.at(from).kill()).len() >= 2, "the search finds what is there");
    let mut gone = 0;
    for operation in from..=to {
        for seed in 0..4 {
            let world = World::on(world.disk.at(operation).crash(seed));
            let db = world.open();
            if db.snapshot().unwrap().inner.catalog.is_erased(b"u3") {
                gone += 1;
                assert_eq!(holders(&world.disk), [""; 0].map(PathBuf::from), "{operation}, {seed}");
            }
        }
    }
    assert!(gone > 20, "{gone}");
}

/// A full disk, an error, a sync that fails, at every operation: the person is there as before, or
/// gone from everything; who opens anew has one of the two.
#[test]
fn an_erasure_that_fails_anywhere_is_whole_or_did_not_happen() {
    let prepared = || {
        let world = World::new();
        let db = world.create();
        write(&db, &(0..6).map(|n| detailed(n, 0, n, 5)).collect::<Vec<_>>());
        db.flush().unwrap();
        write(&db, &(0..6).map(|n| detailed(n, 1, n, 6)).collect::<Vec<_>>());
        (world, db)
    };
    let (world, db) = prepared();
    let (from, before) = (world.disk.operations(), rows(&db.snapshot().unwrap()));
    db.erase(["u3"]).unwrap();
    let (to, after) = (world.disk.operations(), rows(&db.snapshot().unwrap()));
    assert!(to - from > 30, "{}", to - from);
    for failure in [Failure::NoSpace, Failure::Io, Failure::LostSync] {
        for operation in from..to {
            let (world, db) = prepared();
            world.disk.fail_at(operation, failure, Lasting::FromThenOn);
            let erased = db.erase(["u3"]);
            let shown = rows(&db.snapshot().unwrap());
            assert_eq!(shown, if erased.is_ok() { &after } else { &shown }.clone());
            assert!(shown == before || shown == after, "{operation}");
            drop(db);
            let db = World::on(world.disk.kill()).open();
            let found = rows(&db.snapshot().unwrap());
            assert!(found == before && erased.is_err() || found == after, "{operation}");
            let catalog = db.snapshot().unwrap().inner.catalog.clone();
            assert!(catalog.erasing.is_empty(), "{operation}");
            assert_eq!(catalog.is_erased(b"u3"), found == after, "{operation}");
            assert!(db.verify().unwrap().damages.is_empty(), "{operation}");
            db.erase(["u3"]).unwrap();
            assert_eq!(rows(&db.snapshot().unwrap()), after, "{operation}");
        }
    }
}

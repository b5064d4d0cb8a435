//! Damage of any file is found before it becomes a wrong figure.
//!
//! A small database with a file of each kind; one bit of one file is turned over, or the file is
//! cut, swapped, emptied, taken away or replaced by another database's. `DAMAGE=all` turns every
//! bit over.

use super::bulk::import;
use super::*;
use crate::catalog::manifest::Manifest;
use crate::fs::Fs;
use crate::fs::simulated::Random;
use crate::write::bulk::Replace;
use crate::{Bucket, ErrorKind, Measure, Query, Set};
use rayon::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Bits that are turned over unless all of them are, in each of two databases.
const FLIPS: usize = 20_000;
/// Bytes before the first frame of a log.
const LOG_HEADER_BYTES: usize = 48;

/// A database, what it answers, and what it answered before its last batch.
pub(super) struct Whole {
    pub(super) disk: SimulatedFs,
    /// The files that it consists of, with their bytes.
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    pub(super) log: PathBuf,
    questions: Vec<Query>,
    answers: Vec<Json>,
    before: Vec<Json>,
}

fn questions() -> Vec<Query> {
    let asked = [
        json!({"report": "active", "by": "day"}),
        json!({"report": "active", "event": "a", "by": "week"}),
        json!({"report": "growth", "by": "day"}),
        json!({"report": "retention", "by": "day", "columns": 4}),
        json!({"report": "value", "event": "a", "property": "price", "measure": "sum", "by": "day"}),
        json!({"report": "active", "event": {"event": "a", "where": [{"property": "plan", "is": "p1"}]}}),
        json!({"report": "funnel", "steps": ["a", "b"], "within": "2d"}),
        json!({"report": "users", "users": {"did": "b"}}),
    ];
    asked.iter().map(|query| Query::from_value(query).unwrap()).collect()
}

fn batch(n: i64) -> Vec<Event> {
    let of = |user: i64, activity: &str| {
        event(&format!("user {user}"), activity, (user + n) % 5, 60 * n + user)
            .insert_id(format!("{n} {user} {activity}"))
            .with("plan", format!("p{}", user % 3))
            .with("price", user * n)
    };
    (0..12).flat_map(|user| [of(user, "a"), of(user + n, "b")]).collect()
}

pub(super) fn day_of(event: &Event) -> i32 {
    let time = crate::time::micros_from(event.time.unwrap());
    time.div_euclid(DAY_US) as i32
}

/// The answers, or why there is none.
fn answers(db: &Db, questions: &[Query]) -> Vec<Result<Json>> {
    let answer = |query: &Query| {
        let mut answer = db.query(query)?.to_json();
        // Only the figures: how long it took differs.
        answer.as_object_mut().unwrap().remove("info");
        Ok(answer)
    };
    questions.iter().map(answer).collect()
}

fn whole_answers(db: &Db) -> Vec<Json> {
    answers(db, &questions()).into_iter().map(Result::unwrap).collect()
}

impl Whole {
    pub(super) fn new() -> Whole {
        let world = World::new();
        let mut before = Vec::new();
        let db = Whole::tell(&world, &BTreeSet::new(), |db| before = whole_answers(db));
        let answers = whole_answers(&db);
        drop(db);
        Whole::of(&world.disk, answers, before)
    }

    /// The same after somebody was erased and a day dropped: first days that no other file tells,
    /// and rows that went.
    fn lessened() -> Whole {
        let world = World::new();
        let (mut questions, mut before) = (questions(), Vec::new());
        let date = |day| crate::time::date_of(day);
        let db = Whole::tell(&world, &BTreeSet::new(), |db| {
            assert_eq!(db.erase(["file 4"]).unwrap().events, 1);
            db.drop_days_before(date(1)).unwrap();
            db.drop_rows_before(date(2)).unwrap();
            db.flush().unwrap();
            // Some need what was dropped.
            let is_answered = |query: &Query| db.query(query).is_ok();
            questions.retain(is_answered);
            before = answers(db, &questions).into_iter().map(Result::unwrap).collect();
        });
        assert!(questions.len() > 4, "{questions:?}");
        let answers = answers(&db, &questions).into_iter().map(Result::unwrap).collect();
        drop(db);
        Whole { questions, ..Whole::of(&world.disk, answers, before) }
    }

    /// Makes the database, without the events of some days; `before` is called before its last
    /// batch.
    pub(super) fn tell(world: &World, without: &BTreeSet<i32>, before: impl FnOnce(&Db)) -> Db {
        let db = world.create();
        let kept = |mut events: Vec<Event>| {
            events.retain(|event| !without.contains(&day_of(event)));
            events
        };
        let write = |n| {
            let batch = Batch::new().id(format!("batch {n}")).events(kept(batch(n)));
            let sent = batch.len() as u64;
            assert_eq!(db.writer().unwrap().write_batch(batch).unwrap().accepted, sent);
        };
        (0..2).for_each(write);
        db.flush().unwrap();
        write(2);
        db.save_cohort("buyers", &Set::did("a")).unwrap();
        db.flush().unwrap();
        let more = (0..5).map(|n| event(&format!("file {n}"), "b", n, 7)).collect();
        import(&db, Some("file"), &kept(more), Replace::Nothing);
        write(3);
        before(&db);
        write(4);
        db
    }

    fn of(disk: &SimulatedFs, answers: Vec<Json>, before: Vec<Json>) -> Whole {
        let disk = disk.kill();
        let newest = Manifest::newest(&disk, Path::new(ROOT)).unwrap();
        let own: Vec<String> = crate::write::names_of(&newest).collect();
        let is_own = |path: &Path| {
            let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap();
            let always = name.starts_with("MANIFEST.") || name.starts_with("wal/");
            always || own.iter().any(|own| own == name)
        };
        let files = disk.files(Path::new(ROOT)).into_iter().filter(|path| is_own(path));
        let files = files.map(|path| (path.clone(), disk.read(&path, u64::MAX).unwrap()));
        let files: Vec<(PathBuf, Vec<u8>)> = files.collect();
        let is_log = |(path, _): &&(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "wal");
        let log = files.iter().rfind(is_log).unwrap().0.clone();
        Whole { disk, files, log, questions: questions(), answers, before }
    }

    /// The disk with other bytes in a file.
    pub(super) fn with(&self, path: &Path, bytes: &[u8]) -> SimulatedFs {
        let disk = self.disk.kill();
        disk.edit(path, |content| *content = bytes.to_vec());
        disk
    }

    /// The damage of a file is found: by who opens, asks or verifies; and no figure is wrong.
    fn judge(&self, disk: SimulatedFs, path: &Path) -> Result<(), String> {
        // A writer that publishes as it opens makes some files anew: who reads before it is told.
        let before = World::on(disk.kill());
        let world = World::on(disk);
        let db = match world.try_open() {
            Ok(db) => db,
            Err(e) if e.kind() == ErrorKind::Corruption => return Ok(()),
            Err(e) => return Err(format!("opening: {:?}: {e}", e.kind())),
        };
        let answered = answers(&db, &self.questions);
        let refused = answered.iter().filter_map(|answer| answer.as_ref().err());
        // Where totals are damaged the rows would tell, and those may have been dropped.
        let expected = [ErrorKind::Corruption, ErrorKind::Dropped];
        if let Some(e) = refused.clone().find(|e| !expected.contains(&e.kind())) {
            return Err(format!("asking: {:?}: {e}", e.kind()));
        }
        let are = |whole: &[Json]| {
            let same = |(answer, whole): (&Result<Json>, &Json)| {
                answer.as_ref().map_or(true, |answer| answer == whole)
            };
            answered.iter().zip(whole).all(same)
        };
        // The one exception: a damaged last frame looks like one that was never finished.
        if path == self.log && db.open_report().dropped_bytes > 0 {
            return if are(&self.before) { Ok(()) } else { Err("not as before the frame".into()) };
        }
        if !are(&self.answers) {
            return Err("a wrong figure".to_string());
        }
        let damages = db.verify().map_err(|e| e.to_string())?.damages;
        let told = || before.read().verify().is_ok_and(|read| !read.damages.is_empty());
        match !damages.is_empty() || told() {
            true => Ok(()),
            false => Err("nothing is found".to_string()),
        }
    }

    /// Judges many damages at once; how many there were.
    fn judge_all(&self, damages: Vec<(String, &Path, Vec<u8>)>) -> usize {
        let failed = damages.par_iter().find_map_any(|(what, path, bytes)| {
            let judged = self.judge(self.with(path, bytes), path);
            judged.err().map(|e| format!("{}, {what}: {e}", path.display()))
        });
        assert_eq!(failed, None);
        damages.len()
    }
}

#[test]
fn a_bit_turned_over_is_found() {
    turn_bits_over(&Whole::new());
    turn_bits_over(&Whole::lessened());
}

fn turn_bits_over(whole: &Whole) {
    let bits: usize = whole.files.iter().map(|(_, bytes)| bytes.len() * 8).sum();
    let all = std::env::var("DAMAGE").is_ok_and(|value| value == "all");
    let mut random = Random(5);
    let flips: Vec<usize> = match all {
        true => (0..bits).collect(),
        false => (0..FLIPS.min(bits)).map(|_| random.below(bits)).collect(),
    };
    let failed = flips.par_iter().find_map_any(|flip| {
        let mut bit = *flip;
        let (path, bytes) = whole.files.iter().find(|(_, bytes)| {
            let here = bit < bytes.len() * 8;
            bit -= if here { 0 } else { bytes.len() * 8 };
            here
        })?;
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let judged = whole.judge(whole.with(path, &bytes), path);
        judged.err().map(|e| format!("{}, bit {bit} of byte {}: {e}", path.display(), bit / 8))
    });
    assert_eq!(failed, None, "one of {} of {bits} bits", flips.len());
}

#[test]
fn a_file_that_was_cut_or_has_grown_is_found() {
    cut_and_grow(&Whole::new());
    cut_and_grow(&Whole::lessened());
}

fn cut_and_grow(whole: &Whole) {
    let step = if std::env::var_os("DAMAGE").is_some() { 1 } else { 17 };
    let mut damages = Vec::new();
    for (path, bytes) in &whole.files {
        // A log that ends after its header is one whose next frame was not written yet.
        let is_log = *path == whole.log;
        let lengths = if is_log { 0..LOG_HEADER_BYTES } else { 0..bytes.len() };
        for length in lengths.step_by(step) {
            damages.push((format!("cut to {length}"), &**path, bytes[..length].to_vec()));
        }
        if !is_log {
            let zeros = [bytes.as_slice(), &[0; 100]].concat();
            damages.push(("grown".to_string(), path, zeros));
        }
    }
    let judged = whole.judge_all(damages);
    assert!(judged > 300, "{judged}");
}

/// What a file is: each manifest has a number where others have their kind.
fn kind(path: &Path) -> &str {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name.starts_with("MANIFEST.") { "manifest" } else { name.rsplit('.').next().unwrap() }
}

#[test]
fn files_that_are_emptied_swapped_stale_or_foreign_are_found() {
    let (whole, other) = (Whole::new(), {
        let world = World::on(SimulatedFs::new());
        let mut env = world.env();
        env.random = crate::catalog::random::Random::Seeded(8);
        let db = Db::create_in(&env, Path::new(ROOT), options()).unwrap();
        write(&db, &batch(1));
        db.flush().unwrap();
        write(&db, &batch(2));
        drop(db);
        Whole::of(&world.disk, Vec::new(), Vec::new())
    });
    let mut damages = Vec::new();
    for (path, bytes) in &whole.files {
        for (another, content) in whole.files.iter().chain(&other.files) {
            if kind(another) == kind(path) && content != bytes {
                let what = format!("with the bytes of {}", another.display());
                damages.push((what, &**path, content.clone()));
            }
        }
        if *path == whole.log {
            continue;
        }
        damages.push(("zeroed".to_string(), &**path, vec![0; bytes.len()]));
        for sector in 0..bytes.len() / 512 {
            let mut torn = bytes.clone();
            torn[sector * 512..][..512].fill(0);
            if torn != *bytes {
                damages.push((format!("sector {sector} zeroed"), path, torn));
            }
        }
    }
    let manifests = damages
        .iter()
        .filter(|(what, path, _)| kind(path) == "manifest" && what.contains("MANIFEST"));
    assert!(manifests.count() >= 4, "two manifests, each with the bytes of others");
    assert!(whole.judge_all(damages) > 100);
}

/// Without its newest manifest a database is the one that was published before it: after an import
/// the same. Where it is not, the log begins too late for it.
#[test]
fn a_file_that_is_not_there_is_found() {
    let whole = Whole::new();
    for (path, _) in &whole.files {
        let disk = whole.disk.kill();
        disk.remove(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".wal") {
            let damages = World::on(disk.kill()).read().verify().unwrap().damages;
            assert!(damages.iter().any(|one| one.message.contains(name)), "{name}: {damages:?}");
        }
        match World::on(disk).try_open() {
            Err(e) => {
                assert!(e.to_string().contains(name), "{name}: {e}");
                assert_eq!(e.kind(), ErrorKind::Corruption, "{name}");
            }
            Ok(db) if name.starts_with("MANIFEST") => assert_eq!(whole_answers(&db), whole.answers),
            // What the index tells is in the days as well.
            Ok(db) if name.ends_with(".first") => {
                assert_eq!(whole_answers(&db), whole.answers);
                assert!(db.verify().unwrap().damages.iter().any(|one| one.file.contains(name)));
            }
            // Whole days answer without it.
            Ok(db) if name.ends_with(".day") => {
                let error = db.query(&Query::value("a", Measure::Events)).map(|_| ());
                assert!(error.is_ok(), "totals do not need it");
                let error = db.query(&Query::active("a").by(Bucket::All)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corruption);
                assert!(error.to_string().contains(name), "{error}");
            }
            Ok(db) => panic!("{name}: {:?}", db.verify()),
        }
    }
    let world = World::new();
    let db = world.create();
    for n in 0..2 {
        write(&db, &batch(n));
        db.flush().unwrap();
    }
    drop(db);
    let newest = Manifest::newest(&world.disk, Path::new(ROOT)).unwrap().number;
    world.disk.remove(&Path::new(ROOT).join(format!("MANIFEST.{newest}"))).unwrap();
    let error = World::on(world.disk.kill()).try_open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
}

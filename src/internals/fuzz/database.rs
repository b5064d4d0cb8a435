//! A whole database whose files are damaged: no figure is wrong without a word, and nothing panics.

use super::input::Input;
use super::world::{
    ROOT, create, figures, import, on_this_thread, open, some_events, whole, write,
};
use crate::catalog::manifest::Manifest;
use crate::db::Db;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::Fs;
use crate::fs::checksum::without_checksums;
use crate::fs::simulated::SimulatedFs;
use crate::query::{Query, Set};
use crate::snapshot::files as names;
use crate::write::Batch;
use crate::write::bulk::Replace;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

/// A database, its files, and what it answers.
struct Whole {
    disk: SimulatedFs,
    files: Vec<(PathBuf, Vec<u8>)>,
    log: PathBuf,
    questions: Vec<Query>,
    answers: Vec<Json>,
    /// Before the last batch, which a damaged end of the log takes with it.
    before: Vec<Json>,
}

fn questions() -> Vec<Query> {
    let priced = json!({"event": "a", "where": [{"property": "plan", "is": "p1"}]});
    let asked = [
        json!({"report": "active", "by": "day"}),
        json!({"report": "active", "event": priced, "by": "week"}),
        json!({"report": "growth", "by": "day"}),
        json!({"report": "retention", "by": "day", "columns": 4}),
        json!({"report": "value", "event": "a", "property": "price", "measure": "sum", "by": "day"}),
        json!({"report": "value", "event": "b", "property": "rate", "measure": "median",
            "breakdown": ["plan"]}),
        json!({"report": "funnel", "steps": ["a", "b"], "within": "2d"}),
        json!({"report": "sessions", "gap": "30m"}),
        json!({"report": "count", "users": {"cohort": "buyers"}}),
        json!({"report": "users", "users": {"did": "b"}}),
    ];
    asked.iter().map(|query| whole(Query::from_value(query))).collect()
}

fn answers(db: &Db, questions: &[Query]) -> Vec<Result<Json>> {
    questions.iter().map(|query| figures(db, query)).collect()
}

impl Whole {
    fn new() -> Whole {
        let disk = SimulatedFs::new();
        let db = create(&disk);
        let named = |n| {
            let batch = Batch::new().id(format!("batch {n}")).events(some_events(n));
            assert!(write(&db, batch).accepted > 0);
        };
        (0..2).for_each(named);
        whole(db.flush());
        named(2);
        whole(db.save_cohort("buyers", &Set::did("a")));
        whole(db.flush());
        whole(import(&db, "file", &some_events(5), Replace::Nothing));
        named(3);
        let questions = questions();
        let told = || answers(&db, &questions).into_iter().map(whole).collect();
        let before = told();
        named(4);
        let answers = told();
        drop(db);
        let disk = disk.kill();
        let files = own_files(&disk);
        let logs = files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "wal"));
        let log = logs.map(|(path, _)| path.clone()).next_back().unwrap_or_default();
        Whole { disk, files, log, questions, answers, before }
    }

    /// What damage may do: be found by who opens, asks or verifies. No figure is wrong.
    fn judge(&self, disk: SimulatedFs, is_log_hit: bool) {
        let db = match open(&disk) {
            Ok(db) => db,
            Err(e) => return assert_eq!(e.kind(), ErrorKind::Corruption, "opening: {e}"),
        };
        let answered = answers(&db, &self.questions);
        for e in answered.iter().filter_map(|answer| answer.as_ref().err()) {
            assert_eq!(e.kind(), ErrorKind::Corruption, "asking: {e}");
        }
        let are = |whole: &[Json]| {
            let same = |(answer, whole): (&Result<Json>, &Json)| {
                answer.as_ref().map_or(true, |answer| answer == whole)
            };
            answered.iter().zip(whole).all(same)
        };
        // The one exception: a damaged last frame looks like one that was never finished.
        if is_log_hit && db.open_report().dropped_bytes > 0 {
            return assert!(are(&self.before), "not as before the frame");
        }
        assert!(are(&self.answers), "a wrong figure");
        assert!(!whole(db.verify()).damages.is_empty(), "nothing is found");
    }
}

/// The files that the newest manifest names, the manifests and the logs, with their bytes.
fn own_files(disk: &SimulatedFs) -> Vec<(PathBuf, Vec<u8>)> {
    let newest = whole(Manifest::newest(disk, Path::new(ROOT)));
    let names =
        [names::catalog_name(newest.catalog.number), names::summary_name(newest.summary.number)]
            .into_iter()
            .chain(newest.days.iter().map(|file| names::day_name(file.generation)))
            .chain(newest.users.iter().map(|file| names::users_name(file.generation)))
            .chain(newest.ledgers.iter().map(|file| names::ledger_name(file.number)))
            .chain(newest.first.iter().flatten().map(|file| names::first_name(file.generation)));
    let own: Vec<PathBuf> = names.map(|name| Path::new(ROOT).join(name)).collect();
    let is_own = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        own.contains(path) || name.starts_with("MANIFEST.") || name.ends_with(".wal")
    };
    let files = disk.files(Path::new(ROOT)).into_iter().filter(is_own);
    files.filter_map(|path| Some((path.clone(), disk.read(&path, u64::MAX).ok()?))).collect()
}

/// One damage a file, each of a kind that a checksum always finds: a few bits within 32, a part of
/// zeros, a cut. Of the log only bits: that it ends between frames nobody can tell.
pub(super) fn damaged(data: &[u8]) -> bool {
    thread_local! {
        static WHOLE: Whole = on_this_thread(Whole::new);
    }
    WHOLE.with(|whole| {
        let (mut input, disk) = (Input(data), whole.disk.kill());
        let (mut hit, mut is_log_hit): (Vec<usize>, bool) = (Vec::new(), false);
        for _ in 0..4 {
            let (kind, at) = (input.u8(), usize::from(input.u8()) % whole.files.len());
            let (path, bytes) = &whole.files[at];
            let (place, bits) = (input.up_to(bytes.len()), input.u32());
            let is_log = *path == whole.log;
            let changed = match kind % 4 {
                1 if !is_log => bytes[..place].to_vec(),
                2 if !is_log => zeroed(bytes, place, bits as usize % 600),
                _ => flipped(bytes, place, bits),
            };
            if changed != *bytes && !hit.contains(&at) {
                disk.edit(path, |content| *content = changed);
                hit.push(at);
                is_log_hit |= is_log;
            }
            if input.is_empty() {
                break;
            }
        }
        if !hit.is_empty() {
            on_this_thread(|| whole.judge(disk, is_log_hit));
        }
        !hit.is_empty()
    })
}

fn zeroed(bytes: &[u8], from: usize, count: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.iter_mut().skip(from).take(count).for_each(|byte| *byte = 0);
    bytes
}

fn flipped(bytes: &[u8], from: usize, bits: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let flips = bits.to_le_bytes();
    bytes.iter_mut().skip(from).zip(flips).for_each(|(byte, flip)| *byte ^= flip);
    bytes
}

/// Any change of any file, with no checksum to find it: whatever is answered then, nothing panics,
/// and a database that opens can be asked, verified, written to and tidied.
pub(super) fn changed(data: &[u8]) -> bool {
    thread_local! {
        static WHOLE: Whole = without_checksums(|| on_this_thread(Whole::new));
    }
    WHOLE.with(|whole| {
        let (mut input, disk) = (Input(data), whole.disk.kill());
        while !input.is_empty() {
            change(whole, &disk, &mut input);
        }
        without_checksums(|| on_this_thread(|| used(whole, &disk)).is_ok())
    })
}

fn change(whole: &Whole, disk: &SimulatedFs, input: &mut Input<'_>) {
    let (kind, at) = (input.u8(), usize::from(input.u8()) % whole.files.len());
    let (path, bytes) = &whole.files[at];
    let place = input.up_to(bytes.len());
    let (_, other) = &whole.files[usize::from(input.u8()) % whole.files.len()];
    let piece = match kind % 8 {
        0..4 => input.u8().to_le_bytes().to_vec(),
        4 => input.u32().to_le_bytes().to_vec(),
        5 => other.get(place..).unwrap_or_default().to_vec(),
        6 => vec![0; usize::from(input.u8())],
        _ => return disk.edit(path, |content| content.truncate(place)),
    };
    disk.edit(path, |content| {
        let room = content.get_mut(place..).unwrap_or_default();
        room.iter_mut().zip(piece).for_each(|(byte, new)| *byte = new);
    });
}

/// Everything that a database is used for.
fn used(whole: &Whole, disk: &SimulatedFs) -> Result<(), Error> {
    let db = open(disk)?;
    let _ = db.verify()?;
    let (_, _) = (answers(&db, &whole.questions), db.cohorts());
    let _ = db.snapshot()?.info();
    let batch = Batch::new().id("batch 4").events(some_events(6));
    let _ = db.writer().and_then(|writer| writer.write_batch(batch));
    db.flush()?;
    db.compact()?;
    let _ = answers(&db, &whole.questions);
    db.close()?;
    open(disk).map(drop)
}

//! The files of a database, each read as if their checksums fitted.

use super::input::Input;
use super::walk::walk;
use crate::catalog::Catalog;
use crate::catalog::lease;
use crate::catalog::ledger::LedgerFile;
use crate::catalog::manifest::{FirstFileEntry, Manifest, NumberedFile, UsersFileEntry};
use crate::codec::bits::Bits;
use crate::codec::record;
use crate::day::file::DayFile;
use crate::day::section::Section;
use crate::day::summary::Summary;
use crate::error::Result;
use crate::first::file::FirstFile;
use crate::fs::checksum::without_checksums;
use crate::fs::simulated::SimulatedFs;
use crate::fs::{Bytes, Fs};
use crate::time::DaySpan;
use crate::users::UsersFile;
use crate::wal::{self, FrameBody, WalWriter};
use crate::write::Body;
use std::path::Path;

pub(super) const DATABASE: u128 = 9;
pub(super) const SPAN: DaySpan = DaySpan { day: 3, start: 3 * DAY_US, end: 4 * DAY_US };
const DAY_US: i64 = 86_400_000_000;
const ROOT: &str = "db";

/// A disk with these files in a folder.
pub(super) fn disk_with(dir: &str, files: &[(String, &[u8])]) -> SimulatedFs {
    let disk = SimulatedFs::new();
    let made = disk.create_dir_all(Path::new(dir)).and_then(|()| {
        files
            .iter()
            .try_for_each(|(name, bytes)| disk.create(&Path::new(dir).join(name))?.append(bytes))
    });
    assert!(made.is_ok(), "{made:?}");
    disk
}

fn bytes_of(data: &[u8]) -> Bytes {
    Bytes::from_vec(data.to_vec())
}

pub(super) fn section(data: &[u8]) -> bool {
    without_checksums(|| {
        walk(&Section::new("days/1.day".into(), bytes_of(data), 0..data.len(), SPAN))
    })
}

pub(super) fn day_file(data: &[u8]) -> bool {
    without_checksums(|| {
        let Ok(file) = DayFile::open("days/1.day", bytes_of(data), DATABASE, 1, 0) else {
            return false;
        };
        let walked = file.places().iter().take(8).map(|place| {
            let _ = file.section_bytes(place);
            file.section(place).is_ok_and(|section| walk(&section))
        });
        walked.fold(true, |all, one| all & one)
    })
}

pub(super) fn summary(data: &[u8]) -> bool {
    without_checksums(|| {
        let Ok(summary) = Summary::decode("days/1.summary", data) else { return false };
        let again = Summary::decode("days/1.summary", &summary.encode());
        assert_eq!(again.ok(), Some(summary), "written anew");
        true
    })
}

/// What is written of a record that was read is read the same.
fn record_comes_back<T: serde::Serialize + serde::de::DeserializeOwned>(record: &T) {
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    record::encode_onto(record, &mut bytes);
    match record::decode::<T>(&bytes) {
        Ok(record) => record::encode_onto(&record, &mut again),
        Err(e) => panic!("what was written is not read: {e}"),
    }
    assert!(again == bytes, "written anew");
}

pub(super) fn wal_body(data: &[u8]) -> bool {
    let Ok(body) = record::decode::<Body>(data) else { return false };
    let checked = body.check();
    record_comes_back(&body);
    if let Body::Batches(batches) = &body
        && checked.is_ok()
    {
        // What is replayed goes into the memtable.
        let days = batches.iter().flat_map(|batch| &batch.days);
        days.for_each(|(.., rows)| drop(rows.permuted(&rows.section_order())));
    }
    checked.is_ok()
}

/// The bytes of a log before its first frame.
pub(super) fn log_header(number: u64) -> Vec<u8> {
    let disk = disk_with("wal", &[]);
    let created = WalWriter::create(&disk, Path::new("wal"), DATABASE, number, 1);
    assert!(created.is_ok(), "{created:?}");
    disk.read(&Path::new("wal").join(wal::name(number)), u64::MAX).unwrap_or_default()
}

pub(super) fn wal_frame(data: &[u8]) -> bool {
    without_checksums(|| {
        let log = [&log_header(1)[..], data].concat();
        replayed(&[(wal::name(1), &log)], 0)
    })
}

/// Up to three logs: how long each is comes before it.
pub(super) fn wal_file(data: &[u8]) -> bool {
    let mut input = Input(data);
    let after = input.u8().into();
    let mut logs = Vec::new();
    for number in 1..=3 {
        let length = input.u16().into();
        logs.push((wal::name(number), input.bytes(length)));
        if input.is_empty() {
            break;
        }
    }
    without_checksums(|| replayed(&logs, after))
}

/// Replays logs, and once more after they were settled: the same frames without a gap.
fn replayed(logs: &[(String, &[u8])], after: u64) -> bool {
    let (disk, dir) = (disk_with("wal", logs), Path::new("wal"));
    let replay = || wal::replay::<Body>(&disk, dir, DATABASE, after);
    let Ok(first) = replay() else { return false };
    let sequences = |replay: &wal::Replay<Body>| -> Vec<u64> {
        replay.frames.iter().map(|frame| frame.sequence).collect()
    };
    let told = sequences(&first);
    assert!(told.iter().all(|sequence| *sequence > after), "none that was known");
    assert!(told.windows(2).all(|pair| pair[0] + 1 == pair[1]), "frames without a gap: {told:?}");
    assert!(first.last >= after.max(told.last().copied().unwrap_or(0)), "the last frame");
    let settled = wal::settle(&disk, dir, &first);
    assert!(settled.is_ok(), "{settled:?}");
    let second = replay().map(|second| (sequences(&second), second.last, second.dropped_bytes));
    assert_eq!(second.ok(), Some((told, first.last, first.dropped_bytes)), "settled");
    first.dropped_bytes == 0 && !first.frames.is_empty()
}

pub(super) fn manifest(data: &[u8]) -> bool {
    without_checksums(|| {
        let disk = disk_with(ROOT, &[("MANIFEST.1".to_string(), data)]);
        let Ok(manifest) = Manifest::newest(&disk, Path::new(ROOT)) else { return false };
        let _ = manifest.users_count();
        record_comes_back(&manifest);
        true
    })
}

pub(super) fn catalog(data: &[u8]) -> bool {
    without_checksums(|| {
        let Ok(catalog) = Catalog::decode("catalog.1", data) else { return false };
        let again = Catalog::decode("catalog.1", &catalog.encode());
        assert_eq!(again.ok(), Some(catalog), "written anew");
        true
    })
}

/// How many ids MANIFEST counts comes before the file.
pub(super) fn users_file(data: &[u8]) -> bool {
    let mut input = Input(data);
    let count = u32::from(input.u16());
    let data = input.rest();
    let length = data.len() as u64;
    let entry = UsersFileEntry { generation: 1, first_ordinal: 0, count, length, checksum: 0 };
    without_checksums(|| {
        let opened = UsersFile::open("users/1.users", bytes_of(data), DATABASE, &entry);
        let Ok(file) = opened else { return false };
        let found = file.find(b"user 1");
        assert!(found.is_err() || found.is_ok_and(|found| found.is_none_or(|at| at < count)));
        for ordinal in (0..count.min(200)).chain([count]) {
            let _ = file.id(ordinal);
        }
        file.verify().is_ok()
    })
}

pub(super) fn ledger(data: &[u8]) -> bool {
    let file = NumberedFile { number: 1, length: data.len() as u64, checksum: 0 };
    without_checksums(|| {
        let opened = LedgerFile::open("ledger/1.ledger", bytes_of(data), DATABASE, file);
        let Ok(opened) = opened else { return false };
        let all = opened.iter().all(|entry| opened.find(entry.id) == Some(entry));
        assert!(all, "each entry is found");
        true
    })
}

/// Where MANIFEST says that the directory begins comes before the file.
pub(super) fn first_seen(data: &[u8]) -> bool {
    let mut input = Input(data);
    let directory = u64::from(input.u16());
    let data = input.rest();
    let length = data.len() as u64;
    let entry = FirstFileEntry { generation: 1, length, directory, checksum: 0 };
    without_checksums(|| {
        let opened = FirstFile::open("first/1.first", bytes_of(data), DATABASE, &entry);
        opened.is_ok_and(|file| first_days(&file).is_ok())
    })
}

/// Who came before a day is told the same by both ways.
fn first_days(file: &FirstFile) -> Result<()> {
    let names: Vec<Option<&str>> = file.activities().take(6).collect();
    for name in names {
        for chunk in 0..3 {
            let (mut told, mut bits) = (Bits::EMPTY, Bits::EMPTY);
            let before = |low, day| {
                if day < SPAN.day {
                    told.insert(low)
                }
            };
            let mut before = before;
            let each = file.each(name, chunk, &mut before);
            let into = file.before_into(name, chunk, SPAN.day, &mut bits);
            each?;
            into?;
            assert!(told.0 == bits.0, "who came before");
        }
    }
    Ok(())
}

/// The name of a reader's file is all that it has.
pub(super) fn lease(data: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(data) else { return false };
    let is_name = !name.is_empty() && name.len() < 256 && !name.contains(['/', '\0']);
    if !is_name || name == "." || name == ".." {
        return false;
    }
    let root = Path::new(ROOT);
    let dir = format!("{ROOT}/{}", lease::READERS_DIR);
    let disk = disk_with(&dir, &[(name.to_string(), &[])]);
    let held = disk.try_lock(&root.join(lease::READERS_DIR).join(name));
    let Ok(pinned) = lease::pinned(&disk, root, 1_000, 500) else { return false };
    assert!(pinned.len() <= 1);
    drop(held);
    assert_eq!(lease::pinned(&disk, root, 1_000, 500).ok(), Some(Vec::new()), "nobody holds it");
    pinned.len() == 1
}

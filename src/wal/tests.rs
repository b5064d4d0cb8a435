//! The log as a whole: what was written is read, what a crash tore is dropped, damage is refused.
#![allow(clippy::unwrap_used)]

use super::layout::{FRAME_HEAD_BYTES, HEADER_BYTES};
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::simulated::{Failure, Lasting, Random, SimulatedFs};
use crate::fs::{Fs, RealFs};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::Path;

const DATABASE: u128 = 77;
const DIR: &str = "wal";
const LOG: &str = "wal/0000000001.wal";

/// What these logs carry.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Body {
    /// A number, and texts of any length.
    Texts(u64, Vec<Vec<u8>>),
    /// Decodes, but does not pass its check.
    Impossible,
    Seal,
}

impl FrameBody for Body {
    fn is_seal(&self) -> bool {
        *self == Body::Seal
    }

    fn check(&self) -> Result<(), String> {
        if *self == Body::Impossible { Err("it cannot be".into()) } else { Ok(()) }
    }
}

/// A body that tells its number and whose length varies with it.
fn body(n: u64) -> Body {
    Body::Texts(n, (0..n % 4).map(|text| vec![n as u8; (text * 7 % 23) as usize]).collect())
}

fn disk() -> SimulatedFs {
    let disk = SimulatedFs::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    disk
}

fn create(fs: &dyn Fs, number: u64, first: u64) -> WalWriter {
    WalWriter::create(fs, Path::new(DIR), DATABASE, number, first).unwrap()
}

fn append(writer: &mut WalWriter, sequences: impl IntoIterator<Item = u64>) {
    for sequence in sequences {
        writer.append(sequence, &body(sequence)).unwrap();
    }
}

fn read(fs: &dyn Fs, after: u64) -> Result<Replay<Body>> {
    replay(fs, Path::new(DIR), DATABASE, after)
}

fn assert_corruption(fs: &dyn Fs, after: u64, says: &str) {
    let error = read(fs, after).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
    assert!(error.to_string().contains(says), "{error}");
}

/// The frames are `sequences` with the bodies that `append` gave them; seals are passed over.
fn assert_frames(replay: &Replay<Body>, sequences: impl IntoIterator<Item = u64>) {
    let found: Vec<u64> = replay.frames.iter().map(|f| f.sequence).collect();
    assert_eq!(found, sequences.into_iter().collect::<Vec<_>>());
    for frame in replay.frames.iter().filter(|f| !f.body.is_seal()) {
        assert_eq!(frame.body, body(frame.sequence));
    }
}

/// A log with the frames 1 to 5, and where each of them starts, then the end.
fn five_frames(sync_each: bool) -> (SimulatedFs, Vec<usize>) {
    let disk = disk();
    let mut writer = create(&disk, 1, 1);
    let mut starts = vec![writer.bytes() as usize];
    for sequence in 1..=5 {
        append(&mut writer, [sequence]);
        if sync_each {
            writer.sync().unwrap();
        }
        starts.push(writer.bytes() as usize);
    }
    writer.sync().unwrap();
    (disk, starts)
}

fn flipped(disk: &SimulatedFs, bit: usize) -> SimulatedFs {
    let disk = disk.kill();
    disk.edit(Path::new(LOG), |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
    disk
}

fn bits(starts: &[usize], frame: usize) -> std::ops::Range<usize> {
    starts[frame - 1] * 8..starts[frame] * 8
}

#[test]
fn what_was_appended_is_replayed_over_several_logs() {
    let replay = replay::<Body>;
    let dir = tempfile::tempdir().unwrap();
    let (fs, dir) = (RealFs::default(), dir.path());
    assert_eq!(replay(&fs, dir, DATABASE, 9).unwrap().last, 9);
    let mut writer = WalWriter::create(&fs, dir, DATABASE, 1, 10).unwrap();
    append(&mut writer, 10..13);
    assert_eq!(writer.durable(), 9);
    writer.sync().unwrap();
    assert_eq!(writer.durable(), 12);
    append(&mut writer, 13..15);
    let mut writer = WalWriter::create(&fs, dir, DATABASE, 4, 15).unwrap();
    assert_eq!((writer.number(), writer.durable()), (4, 14));
    append(&mut writer, 15..17);
    writer.append(17, &Body::Seal).unwrap();
    assert_eq!(writer.durable(), 16);
    writer.sync().unwrap();
    assert_eq!(writer.append(18, &body(18)).unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(Some(writer.bytes()), fs.len(&dir.join("0000000004.wal")).unwrap());

    let found = replay(&fs, dir, DATABASE, 9).unwrap();
    assert_frames(&found, 10..18);
    assert_eq!((found.last, found.dropped_bytes, found.sealed), (17, 0, true));
    assert_eq!(found.logs, [1, 4]);
    assert_frames(&replay(&fs, dir, DATABASE, 15).unwrap(), 16..18);
    assert_eq!(replay(&fs, dir, DATABASE, 30).unwrap().last, 30);
    settle(&fs, dir, &Replay { sealed: false, ..found }).unwrap();
    assert_frames(&replay(&fs, dir, DATABASE, 9).unwrap(), 10..18);

    cut(&fs, dir, 4).unwrap();
    assert_eq!(fs.list(dir).unwrap(), ["0000000004.wal"]);
    assert_frames(&replay(&fs, dir, DATABASE, 14).unwrap(), 15..18);
}

#[test]
fn every_truncation_drops_the_torn_frame_and_no_other() {
    let (disk, starts) = five_frames(true);
    for length in 0..=starts[5] {
        let disk = disk.kill();
        disk.truncate(Path::new(LOG), length as u64).unwrap();
        let found = read(&disk, 0).unwrap();
        let whole = starts.iter().filter(|start| **start <= length).count();
        assert_frames(&found, 1..whole as u64);
        let end = whole.checked_sub(1).map_or(length, |frame| starts[frame]);
        assert_eq!(
            (found.dropped_bytes, found.last),
            ((length - end) as u64, found.frames.len() as u64)
        );
    }
}

#[test]
fn every_flipped_bit_before_a_later_sync_is_refused() {
    let (disk, starts) = five_frames(true);
    for frame in 1..=4 {
        let place = format!("wal/0000000001.wal is damaged at byte {} (frame)", starts[frame - 1]);
        for bit in bits(&starts, frame) {
            assert_corruption(&flipped(&disk, bit), 0, &place);
        }
    }
    for bit in 0..HEADER_BYTES * 8 {
        assert_corruption(&flipped(&disk, bit), 0, "(header)");
    }
}

#[test]
fn a_flipped_bit_that_no_later_frame_vouches_for_ends_the_log() {
    let (disk, starts) = five_frames(true);
    for bit in bits(&starts, 5) {
        let found = read(&flipped(&disk, bit), 0).unwrap();
        assert_frames(&found, 1..5);
        assert_eq!(found.dropped_bytes, (starts[5] - starts[4]) as u64);
    }
    let (disk, starts) = five_frames(false);
    for bit in bits(&starts, 3) {
        let found = read(&flipped(&disk, bit), 0).unwrap();
        assert_frames(&found, 1..3);
        assert_eq!(found.dropped_bytes, (starts[5] - starts[2]) as u64);
    }
}

#[test]
fn a_seal_vouches_for_the_last_frame_and_nothing_follows_it() {
    let disk = disk();
    let mut writer = create(&disk, 1, 1);
    append(&mut writer, 1..3);
    let end = writer.bytes() as usize;
    writer.append(3, &Body::Seal).unwrap();
    writer.sync().unwrap();
    assert!(read(&disk, 0).unwrap().sealed);
    for bit in HEADER_BYTES * 8..end * 8 {
        assert_corruption(&flipped(&disk, bit), 0, "(frame)");
    }
    let found = read(&flipped(&disk, end * 8 + 70), 0).unwrap();
    assert_frames(&found, 1..3);
    assert!(!found.sealed);
    disk.edit(Path::new(LOG), |bytes| bytes.push(0));
    assert_corruption(&disk, 0, "bytes follow the seal");
}

#[test]
fn a_body_that_cannot_be_is_refused() {
    let disk = disk();
    let mut writer = create(&disk, 1, 1);
    append(&mut writer, [1]);
    let end = writer.bytes();
    writer.append(2, &Body::Impossible).unwrap();
    assert_corruption(&disk, 0, &format!("damaged at byte {end} (frame): it cannot be"));
}

#[test]
fn a_log_that_is_missing_foreign_or_swapped_is_refused_unless_it_is_not_needed() {
    let disk = disk();
    for (number, first) in [(1, 1), (2, 4), (3, 7)] {
        append(&mut create(&disk, number, first), first..first + 3);
    }
    let without = |number: &str| {
        let disk = disk.kill();
        disk.remove(&Path::new(DIR).join(number)).unwrap();
        disk
    };
    assert_corruption(&without("0000000002.wal"), 0, "frames 4 to 6 are missing");
    assert_corruption(&without("0000000002.wal"), 5, "frames 6 to 6 are missing");
    assert_frames(&read(&without("0000000002.wal"), 6).unwrap(), 7..10);
    assert_corruption(&without("0000000001.wal"), 2, "frames 3 to 3 are missing");
    assert_frames(&read(&without("0000000001.wal"), 3).unwrap(), 4..10);
    let other = replay::<Body>(&disk, Path::new(DIR), DATABASE + 1, 0).unwrap_err();
    assert!(other.to_string().contains("another database"), "{other}");
    disk.rename(Path::new("wal/0000000003.wal"), Path::new("wal/0000000004.wal")).unwrap();
    assert_corruption(&disk, 0, "it says that it is log 3");
}

#[test]
fn the_last_frame_of_a_log_is_vouched_for_by_the_next_log() {
    let (disk, starts) = five_frames(false);
    create(&disk, 2, 6);
    for bit in bits(&starts, 5) {
        let place = format!("0000000001.wal is damaged at byte {}", starts[4]);
        assert_corruption(&flipped(&disk, bit), 0, &place);
    }
    // Unless its frames are known to be elsewhere.
    assert_eq!(read(&flipped(&disk, starts[4] * 8), 5).unwrap().last, 5);
}

#[test]
fn a_log_goes_on_after_a_torn_end_and_reports_it_once() {
    let (disk, starts) = five_frames(false);
    disk.edit(Path::new(LOG), |bytes| bytes[starts[3] + 9] ^= 1);
    let found = read(&disk, 0).unwrap();
    assert_eq!((found.last, found.dropped_bytes), (3, (starts[5] - starts[3]) as u64));
    let mut writer = create(&disk, 2, found.last + 1);
    append(&mut writer, 4..7);
    let found = read(&disk, 0).unwrap();
    assert_frames(&found, 1..7);
    assert_eq!(found.dropped_bytes, 0);
    // A log that a crash left without a whole header is passed over, once it is the last and later.
    disk.create(Path::new("wal/0000000003.wal")).unwrap().append(b"daybitW").unwrap();
    assert_frames(&read(&disk, 0).unwrap(), 1..7);
    append(&mut create(&disk, 4, 7), 7..9);
    assert_frames(&read(&disk, 0).unwrap(), 1..9);
}

#[test]
fn numbers_and_sequences_only_go_up() {
    let disk = disk();
    let mut writer = create(&disk, 2, 5);
    let kind = |result: Result<()>| result.map_err(|e| e.kind());
    assert_eq!(kind(writer.append(4, &body(4))), Err(ErrorKind::Input));
    assert_eq!(kind(writer.append(6, &body(6))), Err(ErrorKind::Input));
    assert_eq!(kind(writer.append(5, &body(5))), Ok(()));
    for number in [1, 2] {
        let again = WalWriter::create(&disk, Path::new(DIR), DATABASE, number, 6).map(drop);
        assert_eq!(kind(again), Err(ErrorKind::AlreadyExists));
    }
    assert!(WalWriter::create(&disk, Path::new(DIR), DATABASE, 3, 0).is_err());
}

#[test]
fn a_failed_write_or_sync_poisons_the_writer() {
    for (failure, kind) in [(Failure::NoSpace, ErrorKind::DiskFull), (Failure::Io, ErrorKind::Io)] {
        let disk = disk();
        let mut writer = create(&disk, 1, 1);
        disk.fail_at(disk.operations(), failure, Lasting::Once);
        assert_eq!(writer.append(1, &body(1)).unwrap_err().kind(), kind);
        let error = writer.append(1, &body(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert!(error.to_string().contains("cannot append to"), "{error}");
        assert_eq!(writer.sync().unwrap_err().kind(), ErrorKind::Poisoned);
        assert_frames(&read(&disk, 0).unwrap(), []);
    }
}

/// Sync fails and drops its bytes, the process goes on with what it reads back, the power goes.
#[test]
fn settled_frames_survive_what_a_failed_sync_dropped() {
    let disk = disk();
    let mut writer = create(&disk, 1, 1);
    append(&mut writer, 1..3);
    disk.fail_at(disk.operations(), Failure::LostSync, Lasting::Once);
    assert_eq!(writer.sync().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(writer.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    let reopened = |settled: bool| {
        let disk = disk.kill();
        let found = read(&disk, 0).unwrap();
        assert_eq!(found.last, 2);
        if settled {
            settle(&disk, Path::new(DIR), &found).unwrap();
        }
        append(&mut create(&disk, 2, 3), 3..5);
        read(&disk.crash(1), 0)
    };
    assert_frames(&reopened(true).unwrap(), 1..5);
    assert_eq!(reopened(false).unwrap_err().kind(), ErrorKind::Corruption);
}

/// Appends, syncs and rotates, noting what is durable, until the disk fails or all is done.
fn workload(disk: &SimulatedFs, number: u64, first: u64, seed: u64) -> Result<()> {
    let mut random = Random(seed);
    let new = |number, first| WalWriter::create(disk, Path::new(DIR), DATABASE, number, first);
    let mut writer = new(number, first)?;
    for sequence in first..first + 14 {
        writer.append(sequence, &body(sequence))?;
        if random.below(3) == 0 {
            writer.sync()?;
        }
        if random.below(5) == 0 {
            writer = new(writer.number() + 1, sequence + 1)?;
        }
        disk.note(writer.durable().to_string());
    }
    writer.append(first + 14, &Body::Seal)?;
    writer.sync()?;
    disk.note(writer.durable().to_string());
    Ok(())
}

fn noted(disk: &SimulatedFs) -> u64 {
    disk.notes().last().map_or(0, |text| text.parse().unwrap())
}

/// Every frame known to be durable is there, and the frames are a prefix of what was appended.
fn recovered(disk: &SimulatedFs, durable: u64) -> Replay<Body> {
    let found = read(disk, 0).unwrap();
    assert!(found.last >= durable, "{} of {durable}", found.last);
    assert_frames(&found, 1..=found.last);
    found
}

#[test]
fn a_crash_at_any_operation_keeps_a_prefix_with_all_that_was_synced() {
    let mut states = 0;
    for seed in 1..4 {
        let disk = disk();
        disk.remember();
        workload(&disk, 1, 1, seed).unwrap();
        for operation in 0..=disk.operations() {
            let before = disk.at(operation);
            for crashed in before.crashes() {
                recovered(&crashed, noted(&before));
                states += 1;
            }
        }
        let found = recovered(&disk, 15);
        assert!(found.sealed && found.logs.len() > 1);
    }
    assert!(states > 1_000, "{states}");
}

#[test]
fn a_crash_in_or_after_the_recovery_from_a_crash_keeps_it_too() {
    for seed in 0..40 {
        let first = disk();
        first.remember();
        workload(&first, 1, 1, seed).unwrap();
        let before = first.at(Random(seed).below(first.operations() as usize) as u64);
        let crashed = before.crash(seed);
        let found = recovered(&crashed, noted(&before));
        crashed.remember();
        settle(&crashed, Path::new(DIR), &found).unwrap();
        let (number, next) = (found.logs.last().unwrap_or(&0) + 1, found.last + 1);
        workload(&crashed, number, next, seed + 1).unwrap();
        for operation in 0..=crashed.operations() {
            let before = crashed.at(operation);
            for crashed in [before.crash(0), before.crash(1), before.crash(seed + operation)] {
                recovered(&crashed, found.last.max(noted(&before)));
            }
        }
    }
}

#[test]
fn a_fault_at_any_operation_loses_nothing_that_was_synced() {
    let whole = disk();
    workload(&whole, 1, 1, 2).unwrap();
    for failure in [Failure::Io, Failure::NoSpace, Failure::LostSync] {
        for lasting in [Lasting::Once, Lasting::FromThenOn] {
            for at in 2..whole.operations() {
                let disk = disk();
                disk.fail_at(at, failure, lasting);
                assert!(workload(&disk, 1, 1, 2).is_err());
                let durable = noted(&disk);
                recovered(&disk.kill(), durable);
                for seed in 0..4 {
                    recovered(&disk.crash(seed), durable);
                }
            }
        }
    }
}

/// Texts that look like frames which vouch for the torn one are not believed, nor take for ever.
#[test]
fn lookalikes_in_a_torn_body_are_not_believed_and_cost_little() {
    let lookalike = |length: u32, n: u64| {
        let fields = [length.to_le_bytes(), [7; 4]].concat();
        [&fields[..], &(n + 1).to_le_bytes(), &n.to_le_bytes()].concat()
    };
    let torn = |texts: Vec<Vec<u8>>| {
        let disk = disk();
        let mut writer = create(&disk, 1, 1);
        writer.append(1, &Body::Texts(1, texts)).unwrap();
        disk.edit(Path::new(LOG), |bytes| bytes[HEADER_BYTES + FRAME_HEAD_BYTES] ^= 1);
        read(&disk, 0).map(|found| found.frames.len())
    };
    assert_eq!(torn(vec![lookalike(0, 1), lookalike(9, 2)]).unwrap(), 0);
    let many: Vec<Vec<u8>> = (0..40_000).map(|_| lookalike(600_000, 1)).collect();
    let error: Error = torn(many).unwrap_err();
    assert!(error.to_string().contains("too often to tell"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_replay_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300), keep in 0usize..400, at in 0usize..400,
    ) {
        let (disk, _) = five_frames(false);
        disk.edit(Path::new(LOG), |log| {
            log.truncate(keep);
            let at = at.min(log.len());
            log.splice(at..at, bytes);
        });
        if let Ok(found) = read(&disk, 0) {
            assert_frames(&found, 1..=found.last);
        }
    }
}

//! The log as a whole: what was written is read, what a crash tore is dropped, damage is refused.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::ErrorKind;
use crate::codec::record;
use crate::fs::{Fs, RealFs};
use std::path::Path;

const DATABASE: u128 = 77;

/// A body that tells its number and whose length varies with it.
fn body(n: u64) -> Body {
    let new_ids = (0..n % 4).map(|id| vec![n as u8; (id * 7 % 23) as usize]).collect();
    Body::Batches(vec![BatchRecord {
        batch_id: Some(u128::from(n) << 70),
        time: n as i64,
        accepted: n,
        without_user: 0,
        duplicates: 0,
        rejected: 0,
        first_ordinal: 0,
        new_ids,
        days: Vec::new(),
    }])
}

fn append(writer: &mut WalWriter, sequences: impl IntoIterator<Item = u64>) {
    for sequence in sequences {
        writer.append(sequence, &body(sequence)).unwrap();
    }
}

/// The frames are `sequences` with the bodies that `append` gave them; a last seal is allowed.
fn assert_frames(replay: &Replay, sequences: impl IntoIterator<Item = u64>) {
    let found: Vec<u64> = replay.frames.iter().map(|f| f.sequence).collect();
    assert_eq!(found, sequences.into_iter().collect::<Vec<_>>());
    for frame in replay.frames.iter().filter(|f| !matches!(f.body, Body::Seal)) {
        assert_eq!(record::encode(&frame.body), record::encode(&body(frame.sequence)));
    }
}

#[test]
fn what_was_appended_is_replayed_over_several_logs() {
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
}

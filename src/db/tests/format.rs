//! Databases of other formats are refused by that name and stay as they are.

use super::*;
use crate::ErrorKind;
use crate::catalog::manifest::{MAGIC, Manifest, manifest_path};
use crate::codec::checksum::crc;
use crate::codec::record;
use crate::fs::{Fs, NewFile};
use std::path::PathBuf;

/// A database with a published day and one in the log.
fn made() -> World {
    let world = World::new();
    let db = world.create();
    write(&db, &[event("anna", "a", 3, 1)]);
    db.flush().unwrap();
    write(&db, &[event("ben", "a", 4, 1)]);
    drop(db);
    World::on(world.disk.kill())
}

fn put(disk: &SimulatedFs, path: &Path, bytes: &[u8]) {
    NewFile::write(disk, path, |file| file.append(bytes)).unwrap();
}

/// The newest MANIFEST as a writer of another version would leave it.
fn manifest_of(version: u32, world: &World) {
    let newest = Manifest::newest(&world.disk, Path::new(ROOT)).unwrap();
    let bytes = record::seal_as(version, &MAGIC, &newest);
    put(&world.disk, &manifest_path(Path::new(ROOT), newest.number), &bytes);
}

/// The newest log likewise.
fn log_of(version: u32, world: &World) {
    let files = world.disk.files(&Path::new(ROOT).join("wal"));
    let log = files.iter().max().unwrap();
    let mut bytes = world.disk.read(log, u64::MAX).unwrap();
    bytes[8..12].copy_from_slice(&version.to_le_bytes());
    let checksum = crc(&bytes[..44]);
    bytes[44..48].copy_from_slice(&checksum.to_le_bytes());
    put(&world.disk, log, &bytes);
}

fn content(disk: &SimulatedFs) -> Vec<(PathBuf, Vec<u8>)> {
    let files = disk.files(Path::new(ROOT)).into_iter();
    files.map(|path| (path.clone(), disk.read(&path, u64::MAX).unwrap())).collect()
}

/// Opening for writing and repairing fail with this kind, and no byte changes.
fn refuses(world: &World, kind: ErrorKind, what: &str) {
    let before = content(&world.disk);
    let root = Path::new(ROOT);
    assert_eq!(world.try_open().map(drop).unwrap_err().kind(), kind, "{what}: open");
    let repaired = Db::repair_in(&world.env(), root).map(drop).unwrap_err();
    assert_eq!(repaired.kind(), kind, "{what}: repair: {repaired}");
    let examined = Db::examine_in(&world.env(), root).map(drop).unwrap_err();
    assert_eq!(examined.kind(), kind, "{what}: examine: {examined}");
    assert!(content(&world.disk) == before, "{what}: files changed");
}

#[test]
fn other_formats_are_refused_and_untouched() {
    for (version, kind) in [(0, ErrorKind::OlderFormat), (2, ErrorKind::NewerFormat)] {
        let world = made();
        manifest_of(version, &world);
        refuses(&world, kind, "MANIFEST");
        let read = Db::read_only_in(&world.env(), Path::new(ROOT)).map(drop).unwrap_err();
        assert_eq!(read.kind(), kind);
        let world = made();
        log_of(version, &world);
        refuses(&world, kind, "log");
    }
}

//! A real disk of 16 MiB, filled and freed: reads go on while it is full, what fails fails cleanly,
//! and nothing acknowledged is lost.
//!
//! `SMALL_DISK=n` sets how often. To mount a disk takes rights; without them the test says that it
//! was skipped.

use crate::support::{Random, folder, setting};
use daybit::{Batch, Db, ErrorKind, Event, ImportOptions, Options, Query, Set, Source};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

const DISK_BYTES: usize = 16 << 20;
const EVENTS_PER_BATCH: u64 = 50;
/// Much of it is taken by something else, which is removed when the disk is full.
const BALLAST_BYTES: usize = 12 << 20;

/// A small disk in a folder, unmounted when dropped.
pub struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Why there is none.
    pub fn mount() -> Result<SmallDisk, String> {
        let folder = folder();
        let size = format!("size={DISK_BYTES}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output()
            .map_err(|e| e.to_string())?;
        match mount.status.success() {
            true => Ok(SmallDisk { folder }),
            false => Err(String::from_utf8_lossy(&mount.stderr).trim().to_string()),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "unmounted");
    }
}

/// Every user of a batch is its own, so that a lost or doubled batch shows in the counts.
fn events(number: u64, random: &mut Random) -> Vec<(String, String, String)> {
    let of = |i| {
        let text: String = (0..40).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        let time = format!("2024-01-{:02}T00:00:{i:02}Z", 1 + number % 28);
        (format!("user {number}-{i}"), time, text)
    };
    (0..EVENTS_PER_BATCH).map(of).collect()
}

/// A database on a disk, and the batches that were acknowledged.
struct Filling {
    path: PathBuf,
    acknowledged: u64,
}

impl Filling {
    /// Writes, imports, flushes and tidies until something fails for want of room.
    fn fill(&mut self, db: &Db, random: &mut Random) -> ErrorKind {
        loop {
            let done = match random.below(40) {
                0 => db.flush(),
                1 => db.compact(),
                2..8 => self.import(db, random),
                _ => self.write(db, random),
            };
            self.look(db);
            if let Err(error) = done {
                return error.kind();
            }
        }
    }

    fn write(&mut self, db: &Db, random: &mut Random) -> daybit::Result<()> {
        let number = self.acknowledged + 1;
        let event = |(user, time, text): (String, String, String)| {
            Event::new(user, "write").at(time.parse().unwrap()).with("text", text)
        };
        let events = events(number, random).into_iter().map(event);
        let batch = Batch::new().id(format!("batch {number}")).events(events);
        db.writer()?.write_batch(batch)?;
        self.acknowledged = number;
        Ok(())
    }

    fn import(&mut self, db: &Db, random: &mut Random) -> daybit::Result<()> {
        let number = self.acknowledged + 1;
        let rows = events(number, random);
        let rows = rows.iter().map(|(user, time, text)| format!("{user},write,{time},{text}\n"));
        let csv: String =
            std::iter::once("user,activity,time,text\n".to_string()).chain(rows).collect();
        let source = Source::reader("rows.csv", Box::new(Cursor::new(csv)));
        let options = ImportOptions::new().batch_id(format!("batch {number}"));
        db.import(&options, vec![source], &|_| {})?;
        self.acknowledged = number;
        Ok(())
    }

    /// Reads go on, full or not.
    fn look(&self, db: &Db) {
        let users = db.query(&Query::count(Set::did("write"))).unwrap().count().unwrap();
        assert_eq!(users, self.acknowledged * EVENTS_PER_BATCH, "while the disk fills");
    }

    /// After there is room again: what was acknowledged is there, once; at most the batch that
    /// failed is there too, whole.
    fn reopen(&mut self, random: &mut Random) {
        let db = Db::open(&self.path, options()).unwrap();
        assert_eq!(db.verify().unwrap().damages, []);
        let users = db.query(&Query::count(Set::did("write"))).unwrap().count().unwrap();
        assert_eq!(users, db.snapshot().unwrap().info().unwrap().events, "nothing twice");
        assert_eq!(users % EVENTS_PER_BATCH, 0, "batches are whole");
        let batches = users / EVENTS_PER_BATCH;
        let may_be = self.acknowledged..=self.acknowledged + 1;
        assert!(may_be.contains(&batches), "{batches} batches, {} acknowledged", self.acknowledged);
        self.acknowledged = batches;
        self.write(&db, random).unwrap();
        db.compact().unwrap();
        self.look(&db);
        db.close().unwrap();
    }
}

/// The memory is small, so that files are written often.
fn options() -> Options {
    Options::new().background(false).memtable_bytes(256 << 10)
}

#[test]
fn a_full_disk_loses_nothing_and_works_again_when_freed() {
    let disk = match SmallDisk::mount() {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: no disk may be mounted here: {why}"),
    };
    let (mut random, mut batches) = (Random(setting("SEED", 5)), 0);
    let cycles = setting("SMALL_DISK", 3);
    for cycle in 0..cycles {
        let path = disk.path().join("db");
        let ballast = disk.path().join("ballast");
        std::fs::write(&ballast, vec![1; BALLAST_BYTES + random.below(3 << 20) as usize]).unwrap();
        let db = Db::create(&path, options()).unwrap();
        let mut filling = Filling { path: path.clone(), acknowledged: 0 };
        let failed = filling.fill(&db, &mut random);
        // A flush may be what fails: its batch has its receipt, and the next call is told.
        let told = matches!(failed, ErrorKind::DiskFull | ErrorKind::Poisoned);
        assert!(told, "cycle {cycle}: {failed:?}");
        filling.look(&db);
        // A batch that goes in after all is acknowledged like any other.
        let _ = filling.write(&db, &mut random);
        filling.look(&db);
        drop(db);
        std::fs::remove_file(&ballast).unwrap();
        filling.reopen(&mut random);
        batches += filling.acknowledged;
        std::fs::remove_dir_all(&path).unwrap();
    }
    println!("{cycles} times full and freed, {batches} batches");
}

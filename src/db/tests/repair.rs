//! Repairs: what is whole stays as it is, what is lost is named, nothing is thrown away.
//!
//! `DAMAGE=all` turns over every bit of every file.

use super::damage::Whole;
use super::*;
use crate::ErrorKind;
use crate::RepairReport;
use crate::catalog::manifest::Manifest;
use crate::fs::Fs;
use crate::fs::simulated::Random;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Bits that are turned over unless all of them are.
const FLIPS: usize = 1_000;

fn repair(disk: &SimulatedFs) -> Result<RepairReport> {
    Db::repair_in(&World::on(disk.clone()).env(), Path::new(ROOT))
}

fn examine(disk: &SimulatedFs) -> RepairReport {
    Db::examine_in(&World::on(disk.clone()).env(), Path::new(ROOT)).unwrap()
}

fn content(disk: &SimulatedFs) -> Vec<(PathBuf, Vec<u8>)> {
    let files = disk.files(Path::new(ROOT)).into_iter();
    let files = files.filter(|path| !path.ends_with("LOCK") && !path.ends_with("spill"));
    files.map(|path| (path.clone(), disk.read(&path, u64::MAX).unwrap())).collect()
}

/// The database as it was, and as it was after each of its last batches.
struct Before {
    whole: Whole,
    /// Rows after all but the last two batches, all but the last one, and all.
    rows: Vec<Rows>,
}

impl Before {
    fn new() -> Before {
        let world = World::new();
        let mut rows = Vec::new();
        let db = Whole::tell(&world, &BTreeSet::new(), |db| {
            rows.push(super::rows(&db.snapshot().unwrap()));
        });
        rows.push(super::rows(&db.snapshot().unwrap()));
        drop(db);
        // Without what is in the log only.
        let published = World::on(world.disk.kill()).read();
        rows.insert(0, super::rows(&published.snapshot().unwrap()));
        Before { whole: Whole::new(), rows }
    }

    /// Repairs a database with this file damaged; whether that was possible.
    fn judge(&self, disk: &SimulatedFs, path: &Path) -> Result<bool, String> {
        let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
        let told = |e: crate::Error| format!("{:?}: {e}", e.kind());
        let (before, examined) = (content(disk), examine(disk));
        if content(disk) != before {
            return Err("examining has changed something".to_string());
        }
        if examined.damages.is_empty() {
            // A damaged last frame looks like one that was never finished.
            return if path == self.whole.log { Ok(true) } else { Err("nothing is found".into()) };
        }
        let report = match repair(disk) {
            Err(e) if e.kind() == ErrorKind::Corruption && examined.refusal.is_some() => {
                let untouched = content(disk) == before;
                return if name.contains(".users") && untouched { Ok(false) } else { Err(told(e)) };
            }
            repaired => repaired.map_err(told)?,
        };
        if (&report.damages, &report.days) != (&examined.damages, &examined.days) {
            return Err("not what was announced".to_string());
        }
        self.judge_rows(disk, path, &report)?;
        let aside = report.folder.map(|folder| Path::new(ROOT).join(folder).join(&name));
        let damaged = before.iter().find(|(known, _)| known == path).map(|(_, bytes)| bytes);
        let kept = aside.and_then(|aside| disk.read(&aside, u64::MAX).ok());
        if kept.as_ref() != damaged {
            return Err("what was damaged is not set aside as it was".to_string());
        }
        if damaged.is_some() && disk.read(path, u64::MAX).ok().as_ref() == damaged {
            return Err("what was damaged is still in its old place".to_string());
        }
        Ok(true)
    }

    fn judge_rows(
        &self,
        disk: &SimulatedFs,
        path: &Path,
        report: &RepairReport,
    ) -> Result<(), String> {
        let again = examine(disk).damages;
        if !again.is_empty() {
            return Err(format!("damaged after the repair: {again:?}"));
        }
        let db = World::on(disk.clone()).try_open().map_err(|e| e.to_string())?;
        let damages = db.verify().map_err(|e| e.to_string())?.damages;
        if !damages.is_empty() {
            return Err(format!("damaged after the repair: {damages:?}"));
        }
        let found = super::rows(&db.snapshot().map_err(|e| e.to_string())?);
        let lost: BTreeSet<i32> = report.days.iter().map(|d| crate::time::day_from(*d)).collect();
        if path == self.whole.log {
            return if self.rows.contains(&found) { Ok(()) } else { Err("no prefix".into()) };
        }
        let all = self.rows.last().unwrap();
        for (key, count) in all {
            let kept = found.get(key).copied().unwrap_or(0);
            if kept != *count && !(lost.contains(&key.0) && kept < *count) {
                return Err(format!("{kept} of {count} rows of {key:?}, lost days {lost:?}"));
            }
        }
        if found.keys().any(|key| !all.contains_key(key)) {
            return Err("rows that never were".to_string());
        }
        Ok(())
    }
}

#[test]
fn a_repair_keeps_what_is_whole_and_names_what_is_lost() {
    let before = Before::new();
    let files = &before.whole.files;
    let bits: usize = files.iter().map(|(_, bytes)| bytes.len() * 8).sum();
    let all = std::env::var("DAMAGE").is_ok_and(|value| value == "all");
    let mut random = Random(7);
    // Of each file the same number, however small it is.
    let flips: Vec<(usize, usize)> = match all {
        true => (0..files.len())
            .flat_map(|file| (0..files[file].1.len() * 8).map(move |bit| (file, bit)))
            .collect(),
        false => (0..FLIPS)
            .map(|n| (n % files.len(), random.below(files[n % files.len()].1.len() * 8)))
            .collect(),
    };
    let repaired = flips.par_iter().map(|(file, bit)| {
        let (path, bytes) = &files[*file];
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let judged = before.judge(&before.whole.with(path, &bytes), path);
        judged.map_err(|e| format!("{}, bit {} of byte {}: {e}", path.display(), bit % 8, bit / 8))
    });
    let repaired: Result<Vec<bool>, String> = repaired.collect();
    let repaired = repaired.unwrap().into_iter().filter(|repaired| *repaired).count();
    assert!(repaired > flips.len() / 2, "{repaired} of {} flips of {bits} bits", flips.len());
}

#[test]
fn a_file_that_is_cut_empty_or_gone_is_repaired_or_refused() {
    let before = Before::new();
    for (path, bytes) in &before.whole.files {
        let half = bytes[..bytes.len() / 2].to_vec();
        for damaged in [half, vec![0; bytes.len()], vec![7; bytes.len() + 9]] {
            let judged = before.judge(&before.whole.with(path, &damaged), path);
            judged.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        let disk = before.whole.disk.kill();
        disk.remove(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.starts_with("MANIFEST") {
            before.judge(&disk, path).unwrap_or_else(|e| panic!("{name} is gone: {e}"));
        }
    }
}

#[test]
fn a_whole_database_is_left_alone() {
    let whole = Whole::new();
    let before = content(&whole.disk);
    assert_eq!(repair(&whole.disk.kill()).unwrap(), RepairReport::default());
    assert_eq!(content(&whole.disk), before);
    let empty = World::on(SimulatedFs::new());
    let nothing = Db::repair_in(&empty.env(), Path::new(ROOT)).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
    let world = World::new();
    let _db = world.create();
    assert_eq!(repair(&world.disk).unwrap_err().kind(), ErrorKind::Locked);
}

/// Each repair has a folder of its own, and a day that was lost can be repaired no second time.
#[test]
fn nothing_that_was_set_aside_is_written_over() {
    let whole = Whole::new();
    let disk = whole.disk.kill();
    let days = |disk: &SimulatedFs| -> Vec<PathBuf> {
        let mut files = disk.files(&Path::new(ROOT).join("days"));
        files.retain(|path| path.extension().is_some_and(|end| end == "day"));
        files
    };
    for n in 1..4 {
        let path = days(&disk)[0].clone();
        disk.edit(&path, |bytes| bytes[100] ^= 1);
        let damaged = disk.read(&path, u64::MAX).unwrap();
        let report = repair(&disk).unwrap();
        assert_eq!(report.folder, Some(format!("damaged/{n}")));
        let name = path.strip_prefix(ROOT).unwrap();
        let aside = Path::new(ROOT).join(format!("damaged/{n}")).join(name);
        assert_eq!(disk.read(&aside, u64::MAX).unwrap(), damaged);
        let db = World::on(disk.kill()).open();
        db.compact().unwrap();
        drop(db);
        assert_eq!(disk.read(&aside, u64::MAX).unwrap(), damaged);
    }
}

/// The newest manifest is damaged, after each kind of publication.
#[test]
fn a_lost_manifest_is_made_anew_and_loses_nothing() {
    for publications in 1..6 {
        let world = World::new();
        let db = world.create();
        for n in 0..publications {
            write(&db, &[event("anna", "a", n, 1), event(&format!("user {n}"), "b", n, 2)]);
            match n {
                2 => {
                    let events = [event("file", "b", 1, 3)];
                    let days = BTreeSet::from([1]);
                    let replace = crate::write::bulk::Replace::WholeDays(days);
                    super::bulk::import(&db, Some("file"), &events, replace);
                }
                3 => db.compact().unwrap(),
                4 => {
                    // The last commit before a publication may hold no rows.
                    db.save_cohort("all", &crate::Set::did("*")).unwrap();
                    db.flush().unwrap();
                }
                _ => db.flush().unwrap(),
            }
        }
        write(&db, &[event("last", "a", 9, 1)]);
        let expected = rows(&db.snapshot().unwrap());
        let users = db.snapshot().unwrap().users_count();
        drop(db);
        let newest = Manifest::newest(&world.disk, Path::new(ROOT)).unwrap().number;
        let damage = |disk: &SimulatedFs, number: u64| {
            let path = Path::new(ROOT).join(format!("MANIFEST.{number}"));
            disk.edit(&path, |bytes| bytes[40] ^= 1);
        };
        let disk = world.disk.kill();
        damage(&disk, newest);
        let report = repair(&disk).unwrap();
        assert_eq!((report.damages.len(), report.days.len()), (1, 0));
        assert_eq!(examine(&disk), RepairReport::default());
        let db = World::on(disk.kill()).open();
        assert_eq!(db.verify().unwrap().damages, []);
        assert_eq!(rows(&db.snapshot().unwrap()), expected, "{publications}");
        // What was imported is known, and new users are numbered after all others.
        write(&db, &[event("new", "a", 3, 1)]);
        assert_eq!(db.snapshot().unwrap().users_count(), users + 1);
        // Without any that is whole nothing says what was dropped.
        let disk = world.disk.kill();
        damage(&disk, newest);
        damage(&disk, newest - 1);
        let before = content(&disk);
        assert_eq!(repair(&disk).unwrap_err().kind(), ErrorKind::Corruption);
        assert_eq!(content(&disk), before);
    }
}

/// Rows that an import replaced do not come back with a summary that is made anew.
#[test]
fn a_lost_summary_is_made_anew_of_what_is_live() {
    let world = World::new();
    let db = world.create();
    for n in 0..3 {
        write(&db, &[event("anna", "a", n, 1), event("bert", "a", n + 1, 2)]);
        db.flush().unwrap();
    }
    let replace = crate::write::bulk::Replace::WholeDays(BTreeSet::from([1]));
    super::bulk::import(&db, Some("file"), &[event("file", "b", 1, 3)], replace);
    let expected = rows(&db.snapshot().unwrap());
    drop(db);
    let summary = Manifest::newest(&world.disk, Path::new(ROOT)).unwrap().summary.number;
    let path = Path::new(ROOT).join(crate::snapshot::files::summary_name(summary));
    world.disk.edit(&path, |bytes| bytes[40] ^= 1);
    assert_eq!(repair(&world.disk.kill()).unwrap().days, []);
    let disk = world.disk.kill();
    repair(&disk).unwrap();
    let db = World::on(disk).open();
    assert_eq!(rows(&db.snapshot().unwrap()), expected);
}

/// A crash at any moment of a repair leaves a database that can be repaired, and that loses no more.
#[test]
fn a_crash_within_a_repair_leaves_what_can_be_repaired() {
    let before = Before::new();
    let mut states = 0;
    for (path, bytes) in &before.whole.files {
        let mut damaged = bytes.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        let start = before.whole.with(path, &damaged);
        if examine(&start).refusal.is_some() {
            continue;
        }
        let plain = start.kill();
        repair(&plain).unwrap();
        let expected = rows(&World::on(plain).open().snapshot().unwrap());
        start.remember();
        repair(&start).unwrap();
        let operations: Vec<u64> = (0..start.operations() + 1).collect();
        operations.par_iter().for_each(|operation| {
            for seed in 0..4 {
                let disk = start.at(*operation).crash(seed);
                let place = format!("{}, {operation}, {seed}", path.display());
                repair(&disk).unwrap_or_else(|e| panic!("{place}: {e}"));
                let db = World::on(disk.kill()).try_open();
                let db = db.unwrap_or_else(|e| panic!("{place}: {e}"));
                assert_eq!(db.verify().unwrap().damages, [], "{place}");
                assert_eq!(rows(&db.snapshot().unwrap()), expected, "{place}");
                let aside = disk.files(&Path::new(ROOT).join("damaged"));
                let is_kept = |path: &PathBuf| disk.read(path, u64::MAX).unwrap() == damaged;
                assert!(aside.iter().any(is_kept), "{place}: {aside:?}");
            }
        });
        states += operations.len() * 4;
    }
    assert!(states > 500, "{states}");
}

/// Whatever is published at the moment: with its manifest lost the database is the same, or it says
/// that it cannot be repaired.
#[test]
fn a_lost_manifest_is_made_anew_or_refused_at_any_moment() {
    let world = World::new();
    let db = world.create();
    for n in 0..4 {
        write(&db, &[event("anna", "a", n, 1), event(&format!("user {n}"), "b", n, 2)]);
        db.flush().unwrap();
    }
    world.disk.remember();
    write(&db, &[event("user 0", "b", 5, 1)]);
    db.compact().unwrap();
    let replace = crate::write::bulk::Replace::WholeDays(BTreeSet::from([3]));
    super::bulk::import(&db, Some("file"), &[event("file", "b", 3, 3)], replace);
    db.drop_days_before(crate::time::date_of(2)).unwrap();
    write(&db, &[event("user 1", "b", 5, 2)]);
    db.erase(["user 2"]).unwrap();
    drop(db);
    let operations: Vec<u64> = (0..world.disk.operations() + 1).collect();
    let growth = crate::Query::growth("b").from("1970-01-04").to("1970-01-07");
    let told = |disk: SimulatedFs| {
        let db = World::on(disk).open();
        let growth = db.query(&growth).unwrap().series;
        (rows(&db.snapshot().unwrap()), growth)
    };
    let refused = operations.par_iter().filter(|operation| {
        let disk = world.disk.at(**operation).crash(1);
        let newest = Manifest::newest(&disk, Path::new(ROOT)).unwrap().number;
        let expected = told(disk.kill());
        let path = Path::new(ROOT).join(format!("MANIFEST.{newest}"));
        disk.edit(&path, |bytes| bytes[40] ^= 1);
        match repair(&disk) {
            Err(e) => assert_eq!(e.kind(), ErrorKind::Corruption, "{operation}: {e}"),
            Ok(_) => {
                assert_eq!(told(disk.kill()), expected, "{operation}");
                return false;
            }
        }
        true
    });
    let refused = refused.count();
    assert!((1..operations.len() / 4).contains(&refused), "{refused} of {}", operations.len());
}

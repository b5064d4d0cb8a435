//! Verification: every byte of a database, read and compared with its checksums.

use super::{Db, Role};
use crate::catalog::manifest::Manifest;
use crate::error::{Error, Result};
use crate::first::Broken;
use crate::fs::Fs;
use crate::snapshot::Snapshot;
use crate::snapshot::files::{day_name, read_catalog, read_summary, users_name, wal_dir};
use crate::time::date_of;
use crate::wal;
use crate::write::{Body, Environment, check_first, check_logs, open_ledger};
use chrono::NaiveDate;
use std::collections::BTreeSet;
use std::path::Path;

/// What a verification read, and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Files read.
    pub files: u64,
    /// Their bytes; the log's are not counted.
    pub bytes: u64,
    /// Sections of days read.
    pub sections: u64,
    /// What is damaged; empty for a whole database.
    pub damages: Vec<Damage>,
    /// Days of which something cannot be read, ascending.
    pub damaged_days: Vec<NaiveDate>,
}

/// A damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Its name within the database's folder.
    pub file: String,
    /// Where and what, in one sentence.
    pub message: String,
}

impl VerifyReport {
    fn check(&mut self, file: &str, result: Result<()>) {
        if let Err(e) = result {
            let damage = Damage { file: file.to_string(), message: e.to_string() };
            // All sections of a file that cannot be opened say the same.
            if !self.damages.contains(&damage) {
                self.damages.push(damage);
            }
        }
    }

    fn count(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

impl Db {
    /// Reads every byte of what was published, and of the log, and compares it with its checksums.
    /// Damage is reported, not an error. [`Db::examine`] does so where a database does not open.
    ///
    /// # Errors
    /// None beside those of [`snapshot`](Db::snapshot).
    pub fn verify(&self) -> Result<VerifyReport> {
        let snapshot = self.snapshot()?;
        let mut report = VerifyReport::default();
        verify_days(&snapshot, &mut report);
        verify_first(&snapshot, &mut report);
        for file in snapshot.inner.users.sealed.iter() {
            report.count(file.entry().length);
            report.check(&users_name(file.entry().generation), file.verify());
        }
        match &self.role {
            Role::Writer { core, .. } => {
                verify_records(&core.env, &core.root, &snapshot, &mut report);
                report.check("wal", verify_log(&*core.env.fs, &core.root));
            }
            Role::Reader(reader) => {
                verify_records(&reader.env, &reader.root, &snapshot, &mut report);
                report.check("wal", verify_log(&*reader.env.fs, &reader.root));
            }
        }
        Ok(report)
    }
}

fn verify_days(snapshot: &Snapshot, report: &mut VerifyReport) {
    let mut files = BTreeSet::new();
    for section in snapshot.inner.days.iter().flat_map(|day| &*day.sections) {
        report.sections += 1;
        files.insert(section.place.file);
        let verified = section.section.verify();
        let day = date_of(section.place.totals.day);
        if verified.is_err() && report.damaged_days.last() != Some(&day) {
            report.damaged_days.push(day);
        }
        report.check(&day_name(section.place.file), verified);
    }
    let manifest = &snapshot.inner.manifest;
    for entry in manifest.days.iter().filter(|entry| files.contains(&entry.generation)) {
        report.count(entry.length);
    }
}

/// The first-seen index must say what the days say. First days of days that were dropped are told
/// by nothing else.
fn verify_first(snapshot: &Snapshot, report: &mut VerifyReport) {
    let inner = &*snapshot.inner;
    for file in &*inner.history {
        report.count(file.entry().length);
        report.check(file.name(), file.verify());
    }
    let Some(index) = &inner.first else { return };
    index.files().iter().for_each(|file| report.count(file.entry().length));
    // Where a day cannot be read nothing can be compared; it has its own line.
    if let Ok(Some(what)) = check_first(inner, index) {
        index.distrust("first", what);
    }
    if let Some(Broken { file, message }) = index.broken() {
        let message = format!(
            "{message}; answers are found in the days meanwhile, and a writer's next flush makes \
             the index anew"
        );
        report.damages.push(Damage { file: file.clone(), message });
    }
}

fn verify_records(env: &Environment, root: &Path, snapshot: &Snapshot, report: &mut VerifyReport) {
    let (fs, manifest) = (&*env.fs, &snapshot.inner.manifest);
    report.check("MANIFEST", verify_manifests(fs, root, manifest));
    report.count(manifest.catalog.length);
    report.check("catalog", read_catalog(fs, root, manifest.catalog).map(|_| ()));
    report.count(manifest.summary.length);
    report.check("days", read_summary(fs, root, manifest.summary).map(|_| ()));
    for file in &manifest.ledgers {
        report.count(file.length);
        let opened = open_ledger(fs, root, manifest.database, *file);
        report.check("ledger", opened.map(|_| ()));
    }
}

/// Older ones too: what is kept for readers that hold them must name its files, and a repair may
/// need the one before. That there is none is no damage: a backup has only one.
fn verify_manifests(fs: &dyn Fs, root: &Path, newest: &Manifest) -> Result<()> {
    let all = Manifest::all(fs, root)?;
    match all.iter().find(|manifest| manifest.database != newest.database) {
        None => Ok(()),
        Some(foreign) => {
            let name = format!("MANIFEST.{}", foreign.number);
            Err(Error::corruption(&name, 0, "manifest", "it is another database's"))
        }
    }
}

/// The log, which is cut whenever something is published: what is found is true if nothing was
/// meanwhile. What is appended meanwhile may look like a torn end, which is no damage.
fn verify_log(fs: &dyn Fs, root: &Path) -> Result<()> {
    let before = Manifest::newest(fs, root)?;
    let replay = wal::replay::<Body>(fs, &wal_dir(root), before.database, before.applied);
    let verified = replay.and_then(|replay| check_logs(&before, &replay));
    match Manifest::newest(fs, root)?.number == before.number {
        true => verified,
        false => Ok(()),
    }
}

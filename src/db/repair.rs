//! Repairing a database: what is damaged is set aside, what is whole goes on.

use super::Db;
use crate::error::Result;
use crate::time::{Day, date_of};
use crate::write::repair::{self, Finding};
use crate::write::{Environment, Options};
use chrono::NaiveDate;
use std::collections::BTreeSet;
use std::path::Path;

/// What a repair found and did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// What is damaged; empty for a whole database, of which nothing is changed.
    pub damages: Vec<RepairDamage>,
    /// Days that lost events, ascending: import them again in their place, if you have them.
    pub days: Vec<NaiveDate>,
    /// The folder, within the database's, into which damaged files were copied before they went.
    pub folder: Option<String>,
    /// Their names.
    pub set_aside: Vec<String>,
    /// Why the database cannot be repaired; only [`Db::examine`] tells it so.
    pub refusal: Option<String>,
}

/// A damaged file, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairDamage {
    /// Its name within the database's folder.
    pub file: String,
    /// Where and what, in one sentence.
    pub message: String,
    /// What the repair makes of it, and what is lost.
    pub remedy: String,
    /// Days that lose events, ascending.
    pub days: Vec<NaiveDate>,
}

impl Db {
    /// Repairs a database that nobody has open for writing: copies damaged files into a folder
    /// `damaged/N` of the database, keeps what is whole, and says what is lost. Of a whole database
    /// nothing is changed. All of it is published at once: after a crash the database is as it was,
    /// or repaired, or can be repaired again.
    ///
    /// Erasing people does not reach into `damaged/`: remove the folder when it is of no more use.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("db");
    /// use daybit::{Db, Event, Options};
    /// let db = Db::create(&path, Options::new())?;
    /// db.writer()?.write(Event::new("anna", "visit"))?;
    /// db.close()?;
    /// let day = std::fs::read_dir(path.join("days")).unwrap().map(|file| file.unwrap().path());
    /// # let mut day = day;
    /// let day = day.find(|file| file.extension().is_some_and(|end| end == "day")).unwrap();
    /// std::fs::remove_file(day).unwrap();
    /// let report = Db::repair(&path)?;
    /// assert_eq!((report.damages.len(), report.days.len()), (1, 1));
    /// assert!(Db::examine(&path)?.damages.is_empty());
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Locked` while a process writes to it, `Corruption` with the reason where it cannot be
    /// repaired: then nothing was changed; `NotFound`, `NewerFormat` and the disk's errors.
    pub fn repair(path: impl AsRef<Path>) -> Result<RepairReport> {
        Db::repair_in(&Environment::machine(Options::new().map_files), path.as_ref())
    }

    /// Reads everything, also where the database does not open, and tells what a repair would do.
    /// Changes nothing. While another process writes, use [`verify`](Db::verify).
    ///
    /// # Errors
    /// `NotFound`, `NewerFormat` and the disk's errors.
    pub fn examine(path: impl AsRef<Path>) -> Result<RepairReport> {
        Db::examine_in(&Environment::machine(Options::new().map_files), path.as_ref())
    }

    pub(crate) fn repair_in(env: &Environment, path: &Path) -> Result<RepairReport> {
        let repaired = repair::repair(env, path)?;
        let report = RepairReport::of(repaired.findings);
        Ok(RepairReport { folder: repaired.folder, set_aside: repaired.aside, ..report })
    }

    pub(crate) fn examine_in(env: &Environment, path: &Path) -> Result<RepairReport> {
        let examined = repair::look(env, path)?;
        Ok(RepairReport { refusal: examined.refusal, ..RepairReport::of(examined.findings) })
    }
}

impl RepairReport {
    fn of(findings: Vec<Finding>) -> RepairReport {
        let days: BTreeSet<Day> =
            findings.iter().flat_map(|found| found.days.iter().copied()).collect();
        let damage = |found: Finding| RepairDamage {
            file: found.file,
            message: found.message,
            remedy: found.remedy,
            days: dates(&found.days),
        };
        let damages = findings.into_iter().map(damage).collect();
        RepairReport { damages, days: dates(&days), ..RepairReport::default() }
    }
}

fn dates(days: &BTreeSet<Day>) -> Vec<NaiveDate> {
    days.iter().map(|day| date_of(*day)).collect()
}

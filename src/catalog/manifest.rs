//! MANIFEST.N: the published snapshot.

use crate::codec::record;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Fs, NewFile};
use crate::limits::{RECORD_BYTES_MAX, USERS_MAX};
use crate::users::UsersFileEntry;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The format of this version. Format 0 may still change, and says so when opened.
pub(crate) const FORMAT_VERSION: u32 = 0;
/// The first bytes of a MANIFEST.
pub(crate) const MAGIC: [u8; 8] = *b"DAYBITM\0";
/// How often a reader looks again when a writer's publishing takes a MANIFEST from under it.
const LOOKS: usize = 10;

/// A day file of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayFileEntry {
    pub(crate) generation: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u32,
}

/// A file named by its number: `catalog.N`, `days/N.summary`, `ledger/N.ledger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberedFile {
    pub(crate) number: u64,
    pub(crate) length: u64,
    /// CRC32C of the whole file.
    pub(crate) checksum: u32,
}

/// Everything a reader needs to open the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) database: u128,
    /// N of MANIFEST.N.
    pub(crate) number: u64,
    /// Every frame up to this sequence is in the files.
    pub(crate) applied: u64,
    /// When it was published, UTC microseconds.
    pub(crate) published: i64,
    /// The next generation or number to give to any file.
    pub(crate) next_generation: u64,
    /// Logs from this number on may hold frames after `applied`.
    pub(crate) wal_from: u64,
    pub(crate) catalog: NumberedFile,
    pub(crate) summary: NumberedFile,
    pub(crate) days: Vec<DayFileEntry>,
    /// Ascending by first ordinal, without gaps.
    pub(crate) users: Vec<UsersFileEntry>,
    pub(crate) ledgers: Vec<NumberedFile>,
}

impl Manifest {
    /// Writes `MANIFEST.N.tmp`, syncs, renames, syncs the folder; then removes all but the two newest
    /// (and those that `pinned` names). What cannot be removed stays: it harms nobody.
    pub(crate) fn publish(&self, fs: &dyn Fs, root: &Path, pinned: &[u64]) -> Result<()> {
        let bytes = record::seal(&MAGIC, FORMAT_VERSION, self);
        NewFile::write(fs, &manifest_path(root, self.number), |file| file.append(&bytes))?;
        let older = numbers(fs, root)?;
        let keep_from = older.len().saturating_sub(2);
        for number in older.into_iter().take(keep_from).filter(|n| !pinned.contains(n)) {
            let _ = fs.remove(&manifest_path(root, number));
        }
        Ok(())
    }

    /// The newest whole manifest. `NotFound` where there is none: "not a daybit database"; `NewerFormat`
    /// where any was written by a newer version. A damaged newest one is `Corruption`, never passed
    /// over silently: what was published after the one before it would be lost without a word.
    pub(crate) fn newest(fs: &dyn Fs, root: &Path) -> Result<Manifest> {
        for _ in 0..LOOKS {
            if let Some(manifest) = look(fs, root)? {
                return Ok(manifest);
            }
        }
        let message = format!(
            "{} is published faster than it can be read; try again in a moment",
            root.display()
        );
        Err(Error::new(ErrorKind::Io, message))
    }

    /// How many users the snapshot knows.
    pub(crate) fn users_count(&self) -> u32 {
        self.users.last().map_or(0, |f| f.first_ordinal.saturating_add(f.count))
    }

    /// What the rest of the code takes for granted.
    fn check(&self, number: u64) -> Result<(), String> {
        if self.number != number {
            return Err(format!("it says that it is MANIFEST.{}", self.number));
        }
        let mut next = 0u32;
        for file in &self.users {
            let end = file.first_ordinal.checked_add(file.count).filter(|end| *end <= USERS_MAX);
            next = end.filter(|_| file.first_ordinal == next).ok_or_else(|| {
                format!("users file {} does not start at ordinal {next}", file.generation)
            })?;
        }
        let given = (self.users.iter().map(|f| f.generation))
            .chain(self.days.iter().map(|f| f.generation))
            .chain(self.ledgers.iter().map(|f| f.number))
            .chain([self.catalog.number, self.summary.number]);
        match given.max().filter(|given| *given >= self.next_generation) {
            Some(given) => Err(format!("file number {given} is not below the next one to give")),
            None => Ok(()),
        }
    }
}

/// `MANIFEST.12` in the database's folder.
pub(crate) fn manifest_path(root: &Path, number: u64) -> PathBuf {
    root.join(format!("MANIFEST.{number}"))
}

/// Numbers of the manifests in the folder, ascending; `.tmp` leftovers are not among them.
fn numbers(fs: &dyn Fs, root: &Path) -> Result<Vec<u64>> {
    let names = fs.list(root).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => not_a_database(root, "there is no such folder"),
        io::ErrorKind::NotADirectory => not_a_database(root, "it is a file, not a folder"),
        _ => Error::io("cannot list", root, e),
    })?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| parse_name(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Only names that this version would write: no sign, no leading zero.
fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("MANIFEST.")?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

fn not_a_database(root: &Path, why: &str) -> Error {
    let message = format!(
        "{} is not a daybit database: {why}; make one with `daybit create`",
        root.display()
    );
    Error::new(ErrorKind::NotFound, message)
}

/// One look at the folder; `None` where the newest manifest went away in between.
fn look(fs: &dyn Fs, root: &Path) -> Result<Option<Manifest>> {
    let numbers = numbers(fs, root)?;
    let Some((&newest, older)) = numbers.split_last() else {
        return Err(not_a_database(root, "it has no MANIFEST"));
    };
    let mut whole_before = None;
    for &number in older {
        match read(fs, root, number) {
            Ok(Some(_)) => whole_before = Some(number),
            Err(e) if e.kind() == ErrorKind::NewerFormat => return Err(e),
            // Only the newest one counts; an older one is looked at for its version.
            Ok(None) | Err(_) => {}
        }
    }
    read(fs, root, newest).map_err(|e| match (e.kind(), whole_before) {
        (ErrorKind::Corruption, Some(before)) => Error::new(
            ErrorKind::Corruption,
            format!(
                "{e}. MANIFEST.{before} before it is whole, but knows nothing of what was \
                 published after it, so it is not used unasked"
            ),
        ),
        _ => e,
    })
}

fn read(fs: &dyn Fs, root: &Path, number: u64) -> Result<Option<Manifest>> {
    let path = manifest_path(root, number);
    let bytes = match fs.read(&path, RECORD_BYTES_MAX as u64) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("cannot read", &path, e)),
    };
    let name = path.display().to_string();
    let manifest: Manifest = record::unseal(&name, &MAGIC, FORMAT_VERSION, &bytes)?;
    manifest.check(number).map_err(|what| Error::corruption(&name, 0, "manifest", what))?;
    Ok(Some(manifest))
}

//! Where the files of a database lie, and the table of those that this process has open.

use super::{SnapshotSection, StoredDay};
use crate::catalog::Catalog;
use crate::catalog::manifest::{DayFileEntry, FirstFileEntry, Manifest, NumberedFile};
use crate::codec::checksum::crc;
use crate::day::file::DayFile;
use crate::day::summary::{SectionPlace, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::first::FirstIndex;
use crate::first::file::FirstFile;
use crate::fs::{Bytes, Fs, NewFile};
use crate::limits::{RECORD_BYTES_MAX, SUMMARY_BYTES_MAX};
use crate::users::UsersFile;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names of the folders of a database.
pub(crate) const FOLDERS: [&str; 7] =
    ["wal", "days", "first", "users", "ledger", "readers", "catalog"];

/// `days/0000000012.day`.
pub(crate) fn day_name(generation: u64) -> String {
    format!("days/{generation:010}.day")
}

/// `days/0000000012.summary`.
pub(crate) fn summary_name(number: u64) -> String {
    format!("days/{number:010}.summary")
}

/// `first/0000000012.first`.
pub(crate) fn first_name(generation: u64) -> String {
    format!("first/{generation:010}.first")
}

/// `users/0000000012.users`.
pub(crate) fn users_name(generation: u64) -> String {
    format!("users/{generation:010}.users")
}

/// `ledger/0000000012.ledger`.
pub(crate) fn ledger_name(number: u64) -> String {
    format!("ledger/{number:010}.ledger")
}

/// `catalog.12`.
pub(crate) fn catalog_name(number: u64) -> String {
    format!("catalog.{number}")
}

/// The folder of the write-ahead log.
pub(crate) fn wal_dir(root: &Path) -> PathBuf {
    root.join("wal")
}

/// Open files by generation. Snapshots share them, so that each byte is checked once; and as a map
/// outlives its file's name, a snapshot of this process reads on after a file was replaced.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    days: HashMap<u64, Arc<DayFile>>,
    sections: HashMap<(u64, u64), Arc<SnapshotSection>>,
    users: HashMap<u64, Arc<UsersFile>>,
    first: HashMap<u64, Arc<FirstFile>>,
    history: HashMap<u64, Arc<FirstFile>>,
    /// A day file was looked for and not there.
    missing: bool,
}

impl OpenFiles {
    /// Opens the day files that the manifest names and groups the live sections by day, in commit
    /// order. Files that it no longer names leave the table. A file that is missing or damaged keeps
    /// nobody out: its sections stand there, and whoever reads them is told.
    pub(crate) fn days(
        &mut self,
        fs: &dyn Fs,
        root: &Path,
        manifest: &Manifest,
        summary: &Summary,
    ) -> Result<Vec<StoredDay>> {
        self.days = self.day_files(fs, root, manifest)?;
        let mut sections = HashMap::with_capacity(summary.sections.len());
        for place in &summary.sections {
            let key = (place.file, place.offset);
            let open = self.sections.remove(&key).filter(|open| !open.file.is_damaged());
            let section = match open {
                Some(section) => section,
                None => Arc::new(self.section(place)?),
            };
            sections.insert(key, section);
        }
        self.sections = sections;
        Ok(group_by_day(self.sections.values()))
    }

    /// Was a day file missing when days were opened last? It may only have been replaced meanwhile.
    pub(crate) fn misses_a_day(&self) -> bool {
        self.missing
    }

    /// The day files that the manifest names: those that are open, and the others opened. All of
    /// these are mapped first, so that a cold disk reads what opening needs of them at once.
    fn day_files(
        &mut self,
        fs: &dyn Fs,
        root: &Path,
        manifest: &Manifest,
    ) -> Result<HashMap<u64, Arc<DayFile>>> {
        let mut days = HashMap::with_capacity(manifest.days.len());
        let mut mapped = Vec::new();
        for entry in &manifest.days {
            match self.days.remove(&entry.generation).filter(|file| !file.is_damaged()) {
                Some(file) => drop(days.insert(entry.generation, file)),
                None => mapped.push((entry, map_day(fs, root, entry))),
            }
        }
        let gone = |bytes: &Result<Bytes>| bytes.as_ref().is_err_and(is_not_there);
        self.missing = mapped.iter().any(|(_, bytes)| gone(bytes));
        for (entry, bytes) in mapped {
            let file = open_day(bytes, manifest.database, entry)?;
            days.insert(entry.generation, Arc::new(file));
        }
        Ok(days)
    }

    /// Opens some sections of the day files that the manifest names.
    pub(crate) fn some_sections<'p>(
        &mut self,
        fs: &dyn Fs,
        root: &Path,
        manifest: &Manifest,
        places: impl Iterator<Item = &'p SectionPlace>,
    ) -> Result<Vec<Arc<SnapshotSection>>> {
        let mut opened = Vec::new();
        for place in places {
            let named = |entry: &&DayFileEntry| entry.generation == place.file;
            let missing = !self.days.contains_key(&place.file);
            if let Some(entry) = missing.then(|| manifest.days.iter().find(named)).flatten() {
                let file = open_day(map_day(fs, root, entry), manifest.database, entry)?;
                self.days.insert(place.file, Arc::new(file));
            }
            let key = (place.file, place.offset);
            let section = match self.sections.get(&key) {
                Some(section) => section.clone(),
                None => Arc::new(self.section(place)?),
            };
            self.sections.insert(key, section.clone());
            opened.push(section);
        }
        Ok(opened)
    }

    fn section(&self, place: &SectionPlace) -> Result<SnapshotSection> {
        let Some(file) = self.days.get(&place.file) else {
            let name = day_name(place.file);
            let what = format!("a live section lies in {name}, which the manifest does not name");
            return Err(Error::corruption("the summary", 0, "sections", what));
        };
        Ok(SnapshotSection {
            place: place.clone(),
            section: file.section(place)?,
            file: file.clone(),
        })
    }

    /// Opens the users files that the manifest names, ascending by first ordinal.
    pub(crate) fn users(
        &mut self,
        fs: &dyn Fs,
        root: &Path,
        manifest: &Manifest,
    ) -> Result<Arc<Vec<Arc<UsersFile>>>> {
        let mut users = HashMap::with_capacity(manifest.users.len());
        let mut sealed = Vec::with_capacity(manifest.users.len());
        for entry in &manifest.users {
            let file = match self.users.remove(&entry.generation) {
                Some(file) => file,
                None => {
                    let name = users_name(entry.generation);
                    let bytes = map(fs, root, &name, Some(entry.length))?;
                    Arc::new(UsersFile::open(&name, bytes, manifest.database, entry)?)
                }
            };
            sealed.push(file.clone());
            users.insert(entry.generation, file);
        }
        self.users = users;
        Ok(Arc::new(sealed))
    }

    /// Opens the first-seen index that the manifest names; `None` where it names none. What the
    /// index tells is in the days as well: one that cannot be opened keeps nobody out.
    pub(crate) fn first(
        &mut self,
        fs: &dyn Fs,
        root: &Path,
        manifest: &Manifest,
    ) -> Option<Arc<FirstIndex>> {
        let mut files = HashMap::new();
        for entry in manifest.first.as_ref()? {
            let file = match self.first.remove(&entry.generation) {
                Some(file) => file,
                None => match open_first(fs, root, manifest.database, entry) {
                    Ok(file) => Arc::new(file),
                    Err(e) => {
                        let name = first_name(entry.generation);
                        return Some(Arc::new(FirstIndex::broken_at(name, e.to_string())));
                    }
                },
            };
            files.insert(entry.generation, file);
        }
        self.first = files;
        let generations = manifest.first.iter().flatten().map(|entry| entry.generation);
        let files = generations.filter_map(|number| self.first.get(&number).cloned()).collect();
        Some(Arc::new(FirstIndex::new(files)))
    }

    /// Opens the first days of who was seen on days that were dropped: no day tells them.
    pub(crate) fn history(
        &mut self,
        fs: &dyn Fs,
        root: &Path,
        manifest: &Manifest,
    ) -> Result<Arc<[Arc<FirstFile>]>> {
        let mut files = HashMap::new();
        let mut all = Vec::new();
        for entry in &manifest.history {
            let file = match self.history.remove(&entry.generation) {
                Some(file) => file,
                None => Arc::new(open_first(fs, root, manifest.database, entry)?),
            };
            all.push(file.clone());
            files.insert(entry.generation, file);
        }
        self.history = files;
        Ok(all.into())
    }
}

/// Opens a generation of the first-seen index.
pub(crate) fn open_first(
    fs: &dyn Fs,
    root: &Path,
    database: u128,
    entry: &FirstFileEntry,
) -> Result<FirstFile> {
    let name = first_name(entry.generation);
    let bytes = map(fs, root, &name, Some(entry.length))?;
    FirstFile::open(&name, bytes, database, entry)
}

/// Live sections by day, each day's in commit order.
fn group_by_day<'a>(sections: impl Iterator<Item = &'a Arc<SnapshotSection>>) -> Vec<StoredDay> {
    let mut sections: Vec<_> = sections.cloned().collect();
    sections.sort_by_key(|s| commit_order(&s.place));
    let days = sections.chunk_by(|a, b| a.place.totals.day == b.place.totals.day);
    days.filter_map(|same| {
        let span = same.first()?.section.span();
        Some(StoredDay { span, sections: same.into() })
    })
    .collect()
}

/// Sections of a day merge in the order of their last commits; those of one commit, in the order
/// in which they were written.
pub(crate) fn commit_order(place: &SectionPlace) -> (i32, u64, u64, u64) {
    (place.totals.day, place.sequence_last, place.file, place.offset)
}

fn map_day(fs: &dyn Fs, root: &Path, entry: &DayFileEntry) -> Result<Bytes> {
    map(fs, root, &day_name(entry.generation), Some(entry.length))
}

fn open_day(bytes: Result<Bytes>, database: u128, entry: &DayFileEntry) -> Result<DayFile> {
    let (name, generation) = (day_name(entry.generation), entry.generation);
    let open = |bytes| DayFile::open(&name, bytes, database, generation, entry.checksum);
    match bytes.and_then(open) {
        Err(e) if is_not_there(&e) => {
            let why = Error::corruption(&name, 0, "whole file", "it is not there");
            Ok(DayFile::damaged(&name, database, generation, why))
        }
        Err(e) if e.kind() == ErrorKind::Corruption => {
            Ok(DayFile::damaged(&name, database, generation, e))
        }
        opened => opened,
    }
}

fn is_not_there(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

/// The bytes of a finished file, of the length that the manifest tells.
pub(crate) fn map(fs: &dyn Fs, root: &Path, name: &str, length: Option<u64>) -> Result<Bytes> {
    let path = root.join(name);
    let bytes = fs.map(&path).map_err(|e| Error::io("cannot read", &path, e))?;
    match length {
        Some(length) if length != bytes.len() as u64 => {
            let what = format!("it has {} bytes, the manifest says {length}", bytes.len());
            Err(Error::corruption(name, bytes.len() as u64, "length", what))
        }
        _ => Ok(bytes),
    }
}

/// Reads a small file whole and compares it with what the manifest says of it.
fn read_checked(
    fs: &dyn Fs,
    root: &Path,
    name: &str,
    file: NumberedFile,
    limit: usize,
) -> Result<Vec<u8>> {
    let path = root.join(name);
    let bytes = fs.read(&path, limit as u64).map_err(|e| Error::io("cannot read", &path, e))?;
    if bytes.len() as u64 != file.length || crc(&bytes) != file.checksum {
        let what = "its length and checksum are not those that the manifest tells";
        return Err(Error::corruption(name, 0, "whole file", what));
    }
    Ok(bytes)
}

/// The summary that a manifest names.
pub(crate) fn read_summary(fs: &dyn Fs, root: &Path, file: NumberedFile) -> Result<Summary> {
    let name = summary_name(file.number);
    Summary::decode(&name, &read_checked(fs, root, &name, file, SUMMARY_BYTES_MAX)?)
}

/// The catalog that a manifest names.
pub(crate) fn read_catalog(fs: &dyn Fs, root: &Path, file: NumberedFile) -> Result<Catalog> {
    let name = catalog_name(file.number);
    Catalog::decode(&name, &read_checked(fs, root, &name, file, RECORD_BYTES_MAX)?)
}

/// Writes a summary, durable with its name.
pub(crate) fn write_summary(
    fs: &dyn Fs,
    root: &Path,
    number: u64,
    summary: &Summary,
) -> Result<NumberedFile> {
    write_whole(fs, root, &summary_name(number), number, &summary.encode())
}

/// Writes a catalog, durable with its name.
pub(crate) fn write_catalog(
    fs: &dyn Fs,
    root: &Path,
    number: u64,
    catalog: &Catalog,
) -> Result<NumberedFile> {
    write_whole(fs, root, &catalog_name(number), number, &catalog.encode())
}

fn write_whole(
    fs: &dyn Fs,
    root: &Path,
    name: &str,
    number: u64,
    bytes: &[u8],
) -> Result<NumberedFile> {
    let written = NewFile::write(fs, &root.join(name), |file| file.append(bytes))?;
    Ok(NumberedFile { number, length: written.length, checksum: written.checksum })
}

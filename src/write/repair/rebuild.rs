//! A MANIFEST made anew, where the newest one is damaged.
//!
//! The one before it will do where the log still has everything since. Where that was cut, what the
//! damaged one named is found again: the newest summary says which sections are live, every file
//! says in its header what it is, and the log begins after what was applied.

use crate::catalog::Catalog;
use crate::catalog::ledger::LedgerFile;
use crate::catalog::manifest::{DayFileEntry, Manifest, NumberedFile, UsersFileEntry, WRITER};
use crate::codec::checksum::crc;
use crate::day::file::DayFile;
use crate::day::summary::{SectionPlace, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Bytes, Fs};
use crate::snapshot::files::{
    catalog_name, day_name, ledger_name, map, read_summary, summary_name, users_name, wal_dir,
};
use crate::time::Day;
use crate::users::UsersFile;
use crate::wal;
use crate::write::frame::Body;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// A manifest to go on from, and how it was come by.
pub(super) struct Base {
    pub(super) manifest: Manifest,
    pub(super) how: String,
}

/// `before`: the newest whole manifest, if there is one. `Corruption` says why there is no way.
pub(super) fn base(
    fs: &dyn Fs,
    root: &Path,
    newest: u64,
    before: Option<Manifest>,
    now: i64,
) -> Result<Base> {
    let Some(before) = before else {
        return Err(lost("no other is whole, which would say what was dropped"));
    };
    let files = Files::list(fs, root)?;
    if let Ok((_, summary)) = files.summary() {
        files.check_dropped(&before, &summary)?;
    }
    if reaches_the_log(fs, root, &before) {
        let how = format!(
            "the log holds everything since MANIFEST.{}, which takes its place: nothing is lost, and \
             rows that were dropped since are back",
            before.number
        );
        return Ok(Base { manifest: before, how });
    }
    let manifest = files.manifest(before, newest, now)?;
    let how = "it is made anew from the newest summary and the headers of all files: nothing that \
               it named is lost";
    Ok(Base { manifest, how: how.to_string() })
}

/// Whether the log has all frames since the manifest, and they fit to it: what an import replaced
/// may have been moved, and its files merged, by what only the damaged manifest knew of.
fn reaches_the_log(fs: &dyn Fs, root: &Path, manifest: &Manifest) -> bool {
    let (database, applied) = (manifest.database, manifest.applied);
    let Ok(replay) = wal::replay::<Body>(fs, &wal_dir(root), database, applied) else {
        return false;
    };
    let Ok(summary) = read_summary(fs, root, manifest.summary) else { return false };
    let key = |place: &SectionPlace| (place.file, place.offset);
    let mut known: BTreeSet<(u64, u64)> = summary.sections.iter().map(key).collect();
    let fits = replay.frames.iter().all(|frame| match &frame.body {
        Body::Install(record) => {
            let fits = record.removed.iter().all(|gone| known.contains(gone));
            known.extend(record.sections.iter().map(key));
            let days = record.files.iter().map(|file| day_name(file.generation));
            let users = record.users.iter().map(|file| users_name(file.generation));
            fits && days.chain(users).all(|name| matches!(fs.len(&root.join(name)), Ok(Some(_))))
        }
        _ => true,
    });
    let has_log = replay.logs.contains(&manifest.wal_from);
    fits && has_log && replay.headless != Some(manifest.wal_from)
}

/// The files of a database's folder that can be read, by kind and number.
struct Files<'f> {
    fs: &'f dyn Fs,
    root: &'f Path,
    /// Of each log its number, its database and its first frame.
    logs: Vec<(u64, u128, u64)>,
    /// The highest number that any file has.
    highest: u64,
    numbers: BTreeMap<&'static str, BTreeSet<u64>>,
}

/// Folders and endings of numbered files; the catalog's begin with its name.
const KINDS: [(&str, &str); 5] = [
    ("days", ".day"),
    ("days", ".summary"),
    ("users", ".users"),
    ("ledger", ".ledger"),
    ("first", ".first"),
];

impl<'f> Files<'f> {
    fn list(fs: &'f dyn Fs, root: &'f Path) -> Result<Files<'f>> {
        let mut numbers: BTreeMap<&'static str, BTreeSet<u64>> = BTreeMap::new();
        for (dir, ending) in KINDS {
            let names = list(fs, &root.join(dir))?;
            let found = names.iter().filter_map(|name| name.strip_suffix(ending)?.parse().ok());
            numbers.insert(ending, found.collect());
        }
        let names = list(fs, root)?;
        let found = names.iter().filter_map(|name| name.strip_prefix("catalog.")?.parse().ok());
        numbers.insert("catalog", found.collect());
        let highest = numbers.values().flatten().max().copied().unwrap_or(0);
        let mut logs = wal::firsts(fs, &wal_dir(root))?;
        // Where the first log cannot be read, nothing says where it begins.
        let first = wal::numbers(fs, &wal_dir(root))?.first().copied();
        if logs.first().map(|(number, ..)| *number) != first {
            logs.clear();
        }
        Ok(Files { fs, root, logs, highest, numbers })
    }

    /// `before`: the whole manifest before it, for what never changes and what was dropped.
    fn manifest(&self, before: Manifest, newest: u64, now: i64) -> Result<Manifest> {
        let Some(&(wal_from, _, first)) = self.logs.first() else {
            return Err(lost("the first log is too, so that nothing says what was applied"));
        };
        let database = before.database;
        let (number, summary) = self.summary()?;
        let last = summary.sections.iter().map(|place| place.sequence_last).max().unwrap_or(0);
        let applied = last.max(first.saturating_sub(1));
        let days = self.days(database, &summary, applied)?;
        let dead = self.dead(database, &days, &summary);
        Ok(Manifest {
            number: newest,
            applied,
            published: now,
            next_generation: self.highest.saturating_add(1),
            wal_from,
            catalog: self.catalog()?,
            summary: self.numbered(&summary_name(number), number)?,
            days,
            users: self.users(),
            ledgers: self.ledgers(database),
            first: None,
            dead,
            written_by: WRITER.to_string(),
            ..before
        })
    }

    /// The first days of whoever was seen on days that were dropped are told by the manifest only.
    fn check_dropped(&self, before: &Manifest, summary: &Summary) -> Result<()> {
        let days = |summary: &Summary| -> BTreeSet<Day> {
            summary.sections.iter().map(|place| place.totals.day).collect()
        };
        let read = read_summary(self.fs, self.root, before.summary);
        let older = read.map_err(|e| lost(&format!("so is the summary before it ({e})")))?;
        match days(&older).is_subset(&days(summary)) {
            true => Ok(()),
            false => Err(lost("days were taken out with it, of which nothing else tells")),
        }
    }

    /// Sections of the files that are not live.
    fn dead(&self, database: u128, days: &[DayFileEntry], summary: &Summary) -> Vec<(u64, u64)> {
        let key = |place: &SectionPlace| (place.file, place.offset);
        let live: BTreeSet<(u64, u64)> = summary.sections.iter().map(key).collect();
        let places = days.iter().filter_map(|entry| {
            let name = day_name(entry.generation);
            let bytes = self.bytes(&name).ok()?;
            let file =
                DayFile::open(&name, bytes, database, entry.generation, entry.checksum).ok()?;
            Some(file.places().iter().map(key).collect::<Vec<_>>())
        });
        places.flatten().filter(|place| !live.contains(place)).collect()
    }

    fn of(&self, kind: &str) -> impl DoubleEndedIterator<Item = u64> {
        self.numbers.get(kind).into_iter().flatten().copied()
    }

    fn bytes(&self, name: &str) -> Result<Bytes> {
        map(self.fs, self.root, name, None)
    }

    fn numbered(&self, name: &str, number: u64) -> Result<NumberedFile> {
        let bytes = self.bytes(name)?;
        Ok(NumberedFile { number, length: bytes.len() as u64, checksum: crc(&bytes) })
    }

    /// Only the newest one says what is live.
    fn summary(&self) -> Result<(u64, Summary)> {
        let Some(number) = self.of(".summary").next_back() else {
            return Err(lost("there is no summary, which says what is live"));
        };
        let name = summary_name(number);
        let read = self.bytes(&name).and_then(|bytes| Summary::decode(&name, &bytes));
        let read = read.map_err(|e| lost(&format!("the newest summary is damaged as well ({e})")));
        Ok((number, read?))
    }

    fn catalog(&self) -> Result<NumberedFile> {
        let Some(number) = self.of("catalog").next_back() else {
            return Err(lost("there is no catalog"));
        };
        let name = catalog_name(number);
        let read = self.bytes(&name).and_then(|bytes| Catalog::decode(&name, &bytes));
        read.map_err(|e| lost(&format!("the newest catalog is damaged as well ({e})")))?;
        self.numbered(&name, number)
    }

    /// The files with live sections. One with later commits than those that are known to be applied
    /// would be lost with a summary that is not there any more.
    fn days(&self, database: u128, summary: &Summary, applied: u64) -> Result<Vec<DayFileEntry>> {
        let live: BTreeSet<u64> = summary.sections.iter().map(|place| place.file).collect();
        let mut days = Vec::new();
        for generation in live.iter().copied().chain(self.of(".day").filter(|n| !live.contains(n)))
        {
            let name = day_name(generation);
            let entry = self.bytes(&name).and_then(|bytes| {
                let (entry, last) = DayFile::entry_of(&name, &bytes)?;
                DayFile::open(&name, bytes, database, entry.generation, entry.checksum)?;
                Ok((entry, last))
            });
            match (entry, live.contains(&generation)) {
                (Ok((entry, _)), true) => days.push(entry),
                (Ok((_, last)), false) if last > applied => {
                    return Err(lost(&format!("no summary says what of {name} is live")));
                }
                // Its sections are told as damaged.
                (Err(_), true) => {
                    let length = self.bytes(&name).map_or(0, |bytes| bytes.len() as u64);
                    days.push(DayFileEntry { generation, length, checksum: 0 });
                }
                (_, false) => {}
            }
        }
        days.sort_by_key(|entry| entry.generation);
        Ok(days)
    }

    /// From the first ordinal on, of each the newest file.
    fn users(&self) -> Vec<UsersFileEntry> {
        let whole = |number| {
            let name = users_name(number);
            let entry = UsersFile::entry_of(&name, &self.bytes(&name).ok()?).ok()?;
            (entry.generation == number).then_some(entry)
        };
        let found: Vec<UsersFileEntry> = self.of(".users").rev().filter_map(whole).collect();
        let mut users: Vec<UsersFileEntry> = Vec::new();
        loop {
            let next = users.last().map_or(0, |last| last.first_ordinal.saturating_add(last.count));
            let follows = |entry: &&UsersFileEntry| entry.first_ordinal == next && entry.count > 0;
            match found.iter().find(follows) {
                Some(entry) => users.push(entry.clone()),
                None => return users,
            }
        }
    }

    fn ledgers(&self, database: u128) -> Vec<NumberedFile> {
        let whole = |number| {
            let name = ledger_name(number);
            let file = self.numbered(&name, number).ok()?;
            LedgerFile::open(&name, self.bytes(&name).ok()?, database, file).ok()?;
            Some(file)
        };
        self.of(".ledger").filter_map(whole).collect()
    }
}

fn lost(why: &str) -> Error {
    Error::new(ErrorKind::Corruption, format!("the newest MANIFEST is damaged, and {why}"))
}

fn list(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>> {
    match fs.list(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|e| Error::io("cannot list", dir, e)),
    }
}

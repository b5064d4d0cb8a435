//! Making a database, and opening one: the newest manifest, then the frames after it.

use super::commit::by_day;
use super::duplicates::{BatchIds, InsertIds, batch_entry};
use super::flush::open_ledger;
use super::frame::{BatchRecord, Body, EraseRecord, InstallRecord};
use super::publish::{sweep, sweep_unfinished};
use super::settings::{Environment, Options};
use super::state::{Draft, State};
use super::view::{CurrentView, View};
use super::{LOCK_FILE, SPILL_DIR};
use crate::catalog::Catalog;
use crate::catalog::manifest::{Manifest, WRITER};
use crate::day::rows::NO_USER;
use crate::day::summary::Summary;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{FileLock, Fs};
use crate::memtable::{Memtable, Run};
use crate::snapshot::Published;
use crate::snapshot::files::{
    FOLDERS, OpenFiles, read_catalog, read_summary, wal_dir, write_catalog, write_summary,
};
use crate::time::Zone;
use crate::users::LiveUsers;
use crate::wal::{self, Frame, Replay, WalWriter};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A log's header is shorter than this, and a log with a frame longer.
const EMPTY_LOG_BYTES_MAX: u64 = 64;

/// What opening found beside the database itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenReport {
    /// Commits that were in the log but not yet in files.
    pub replayed_frames: u64,
    /// Bytes of an unfinished write at the log's end, which were dropped: no receipt was given for
    /// them under `Durability::Sync`.
    pub dropped_bytes: u64,
}

/// Makes a new database in the folder.
pub(crate) fn create(env: &Environment, root: &Path, options: &Options) -> Result<()> {
    let zone = Zone::named(options.time_zone.as_deref().unwrap_or("UTC"))?;
    let fs = &*env.fs;
    let _lock = new_place(fs, root)?;
    let mut random = env.random.clone();
    let (database, key, now) = (random.draw(), random.draw(), env.now());
    let catalog = Catalog::new(zone.name(), Zone::rules_version(), key, now);
    let catalog = write_catalog(fs, root, 1, &catalog)?;
    let summary = write_summary(fs, root, 2, &Summary::default())?;
    WalWriter::create(fs, &wal_dir(root), database, 1, 1)?;
    let manifest = Manifest {
        database,
        number: 1,
        applied: 0,
        published: now,
        next_generation: 3,
        wal_from: 1,
        catalog,
        summary,
        days: Vec::new(),
        users: Vec::new(),
        ledgers: Vec::new(),
        first: Some(Vec::new()),
        history: Vec::new(),
        days_from: None,
        rows_from: None,
        dead: Vec::new(),
        time_zone: zone.name().to_string(),
        hash_key: key.to_le_bytes(),
        written_by: WRITER.to_string(),
    };
    manifest.publish(fs, root, &[])
}

/// Makes the folders of a new database, and locks them. A folder that holds anything else is left
/// alone.
pub(crate) fn new_place(fs: &dyn Fs, root: &Path) -> Result<Box<dyn FileLock>> {
    refuse_existing(fs, root)?;
    refuse_foreign(fs, root)?;
    make_folders(fs, root)?;
    let lock = lock(fs, root)?;
    refuse_existing(fs, root)?;
    clear_unfinished(fs, root)?;
    Ok(lock)
}

/// Makes the folders, and their names durable: those of the database in its own, its own in the
/// one above, and those above that were not there.
fn make_folders(fs: &dyn Fs, root: &Path) -> Result<()> {
    let named = |dir: &Path| match dir.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => dir.to_path_buf(),
    };
    let is_missing =
        |dir: &Path| fs.list(&named(dir)).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    let missing = root.ancestors().take_while(|dir| is_missing(dir)).count();
    for dir in FOLDERS.iter().chain(&[SPILL_DIR]).map(|dir| root.join(dir)) {
        fs.create_dir_all(&dir).map_err(|e| Error::io("cannot create", &dir, e))?;
    }
    for dir in root.ancestors().take(missing.max(1) + 1).map(named) {
        match fs.sync_dir(&dir) {
            // A folder that may be passed but not read holds the database's name well enough.
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied && dir != root => {}
            synced => synced.map_err(|e| Error::io("cannot sync", &dir, e))?,
        }
    }
    Ok(())
}

/// Makes the folders that a copy without its empty folders has lost.
fn mend_folders(fs: &dyn Fs, root: &Path) -> Result<()> {
    let is_missing = |dir: &&str| {
        let listed = fs.list(&root.join(dir));
        listed.is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    };
    match FOLDERS.iter().chain(&[SPILL_DIR]).any(is_missing) {
        true => make_folders(fs, root),
        false => Ok(()),
    }
}

fn refuse_existing(fs: &dyn Fs, root: &Path) -> Result<()> {
    match Manifest::newest(fs, root) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
        Ok(_) => {
            let message = format!("{} is a daybit database already: open it", root.display());
            Err(Error::new(ErrorKind::AlreadyExists, message))
        }
    }
}

/// A folder that holds anything but what a creation that was cut off leaves is somebody else's:
/// opening a database clears names that look like its own, so it must not begin there.
fn refuse_foreign(fs: &dyn Fs, root: &Path) -> Result<()> {
    let refuse = |what: String| {
        let message = format!("{} {what}: name a new folder", root.display());
        Err(Error::new(ErrorKind::AlreadyExists, message))
    };
    let names = match fs.list(root) {
        Ok(names) => names,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => {
            return refuse("is a file".to_string());
        }
        Err(e) => return Err(Error::io("cannot list", root, e)),
    };
    let own = |name: &str| {
        let begun =
            ["catalog.1", "MANIFEST.1"].map(|file| [file.to_string(), format!("{file}.tmp")]);
        FOLDERS.contains(&name)
            || [SPILL_DIR, LOCK_FILE].contains(&name)
            || begun.as_flattened().iter().any(|file| file == name)
    };
    match names.iter().find(|name| !own(name)) {
        Some(name) => refuse(format!("is no daybit database and not empty (it holds {name})")),
        None => Ok(()),
    }
}

/// Removes the empty log of a creation that was cut off. A folder with more than that has lost its
/// manifest, and is not written over.
fn clear_unfinished(fs: &dyn Fs, root: &Path) -> Result<()> {
    let list = |dir: &Path| fs.list(dir).map_err(|e| Error::io("cannot list", dir, e));
    let mut holds = list(&root.join("days"))?.iter().any(|name| name.ends_with(".day"));
    holds |= !list(&root.join("users"))?.is_empty();
    let wal = wal_dir(root);
    for name in list(&wal)? {
        let path = wal.join(name);
        let bytes = fs.len(&path).map_err(|e| Error::io("cannot look at", &path, e))?;
        holds |= bytes.is_some_and(|bytes| bytes > EMPTY_LOG_BYTES_MAX);
    }
    if holds {
        let message = format!(
            "{} has files of a database but no MANIFEST: nothing was changed; set the folder aside \
             and make the database elsewhere",
            root.display()
        );
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    wal::cut(fs, &wal, u64::MAX)
}

pub(super) fn lock(fs: &dyn Fs, root: &Path) -> Result<Box<dyn FileLock>> {
    let path = root.join(LOCK_FILE);
    let lock = fs.try_lock(&path).map_err(|e| Error::io("cannot lock", &path, e))?;
    lock.ok_or_else(|| {
        let message = format!(
            "{} is being written by another process; open it read-only, or stop the other one",
            root.display()
        );
        Error::new(ErrorKind::Locked, message)
    })
}

/// Opens a database for writing.
pub(crate) fn open(
    env: &Environment,
    root: &Path,
    options: &Options,
) -> Result<(State, OpenReport)> {
    let fs = &*env.fs;
    Manifest::newest(fs, root)?; // before the lock: no file is made in a folder of somebody else's
    let lock = lock(fs, root)?;
    let manifest = Manifest::newest(fs, root)?;
    let number = manifest.number;
    let opened = open_newest(env, root, options, manifest);
    let (mut state, report) = opened.map_err(|e| missing(e, number))?;
    mend_folders(fs, root)?;
    state.lock = Some(lock);
    Ok((state, report))
}

/// Whoever holds the lock is the only one to remove what a manifest names.
pub(super) fn missing(error: Error, manifest: u64) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let what = format!("MANIFEST.{manifest} names a file that is not there: {error}");
    Error::new(ErrorKind::Corruption, what)
}

fn open_newest(
    env: &Environment,
    root: &Path,
    options: &Options,
    manifest: Manifest,
) -> Result<(State, OpenReport)> {
    let fs = &*env.fs;
    let catalog = read_catalog(fs, root, manifest.catalog)?;
    check_zone(&catalog, root, options)?;
    let summary = read_summary(fs, root, manifest.summary)?;
    sweep_unfinished(fs, root)?;
    let mut replay = wal::replay(fs, &wal_dir(root), manifest.database, manifest.applied)?;
    check_logs(&manifest, &replay)?;
    wal::settle(fs, &wal_dir(root), &replay)?;
    let frames = std::mem::take(&mut replay.frames);
    let mut state = published_state(env, root, options, (manifest, summary, catalog), &replay)?;
    let replayed = frames.iter().filter(|frame| !matches!(frame.body, Body::Seal)).count();
    for frame in frames {
        state.replay(frame)?;
    }
    state.sequence = replay.last;
    let spans = state.fresh_spans();
    state.open_draft(&spans)?;
    state.show();
    // Where an older manifest is damaged, nothing is removed that it might name.
    let _ = sweep(fs, root, &state.draft.manifest, &|_| false);
    let report =
        OpenReport { replayed_frames: replayed as u64, dropped_bytes: replay.dropped_bytes };
    Ok((state, report))
}

fn check_zone(catalog: &Catalog, root: &Path, options: &Options) -> Result<()> {
    let Some(asked) = &options.time_zone else { return Ok(()) };
    let zone = Zone::named(asked)?;
    if zone.name() == catalog.time_zone {
        return Ok(());
    }
    Err(Error::input(format!(
        "{} keeps its days in the time zone {}, not {}: a database's zone is fixed when it is made; \
         leave the option out, or make another database",
        root.display(),
        catalog.time_zone,
        zone.name()
    )))
}

/// The log that the manifest names was made durable before the manifest was.
pub(crate) fn check_logs(manifest: &Manifest, replay: &Replay<Body>) -> Result<()> {
    let what = if !replay.logs.contains(&manifest.wal_from) {
        "it is not there"
    } else if replay.headless == Some(manifest.wal_from) {
        "it is cut short"
    } else {
        return Ok(());
    };
    let name = format!("wal/{:010}.wal", manifest.wal_from);
    let what = format!("MANIFEST.{} names it, but {what}", manifest.number);
    Err(Error::corruption(&name, 0, "whole file", what))
}

/// The state of the manifest alone.
pub(super) fn published_state(
    env: &Environment,
    root: &Path,
    options: &Options,
    (manifest, summary, catalog): (Manifest, Summary, Catalog),
    replay: &Replay<Body>,
) -> Result<State> {
    let (fs, catalog) = (&*env.fs, Arc::new(catalog));
    let mut open = OpenFiles::default();
    let shared = Arc::new(manifest.clone());
    let published = Published::open(fs, root, &mut open, shared, catalog.clone(), &summary, &[])?;
    let published = Arc::new(published);
    let ledgers = manifest.ledgers.iter();
    let ledgers = ledgers.map(|file| open_ledger(fs, root, manifest.database, *file).map(Arc::new));
    let ledgers = ledgers.collect::<Result<_>>()?;
    let index_dir = env.on_machine.then(|| root.join("catalog"));
    let newest_log = replay.logs.last().copied().unwrap_or(0).max(manifest.wal_from);
    let now = env.now();
    Ok(State {
        env: env.clone(),
        root: root.to_path_buf(),
        options: options.clone(),
        view: Arc::new(CurrentView::new(View::of(published.clone()))),
        lock: None,
        catalog,
        catalog_changed: false,
        users: published.users(),
        published,
        open,
        log: None,
        next_log: newest_log + 1,
        sequence: manifest.applied,
        unapplied: false,
        memtable: Memtable::default(),
        insert_ids: InsertIds::default(),
        batches: BatchIds::new(ledgers, manifest.applied, index_dir, manifest.database),
        next_number: manifest.next_generation,
        reserved: BTreeSet::new(),
        pinned: Vec::new(),
        flushed: now,
        synced: now,
        first_given_up: false,
        broken: None,
        draft: Draft::of(manifest, summary),
    })
}

impl State {
    /// Applies a frame that was committed before the open.
    pub(super) fn replay(&mut self, frame: Frame<Body>) -> Result<()> {
        let Frame { sequence, body } = frame;
        match body {
            Body::Batches(records) => self.replay_batches(sequence, records)?,
            Body::Install(record) => self.replay_install(sequence, record)?,
            Body::Catalog(record) => self.replay_catalog(sequence, record.catalog)?,
            Body::Erase(record) => self.replay_erase(sequence, &record)?,
            Body::Merge { .. } => {
                let what = format!("frame {sequence} merges users");
                let message = format!("{what}: open the database with a newer version of daybit");
                return Err(Error::new(ErrorKind::NewerFormat, message));
            }
            Body::Seal => {}
        }
        self.sequence = sequence;
        Ok(())
    }

    /// All rows before it are in files: an erasure begins with a flush.
    fn replay_erase(&mut self, sequence: u64, record: &EraseRecord) -> Result<()> {
        let count = self.users.count;
        if let Some(beyond) = record.ordinals.iter().find(|ordinal| **ordinal >= count) {
            let what = format!("it erases ordinal {beyond} of {count}");
            return Err(Error::corruption("wal", 0, &format!("frame {sequence}"), what));
        }
        self.apply_erase(record);
        Ok(())
    }

    /// Definitions change; what was fixed when the database was made does not.
    fn replay_catalog(&mut self, sequence: u64, catalog: Catalog) -> Result<()> {
        let fixed = |catalog: &Catalog| (catalog.time_zone.clone(), catalog.hash_key);
        if fixed(&catalog) != fixed(&self.catalog) {
            let what = "it is the catalog of another database";
            return Err(Error::corruption("wal", 0, &format!("frame {sequence}"), what));
        }
        self.catalog = Arc::new(catalog);
        (self.catalog_changed, self.unapplied) = (true, true);
        Ok(())
    }

    fn replay_batches(&mut self, sequence: u64, records: Vec<BatchRecord>) -> Result<()> {
        let damaged =
            |what: String| Error::corruption("wal", 0, &format!("frame {sequence}"), what);
        let mut live = self.users.live.write().unwrap_or_else(PoisonError::into_inner);
        for record in &records {
            if record.first_ordinal != live.first() + live.len() {
                let due = live.first() + live.len();
                return Err(damaged(format!(
                    "it numbers from {}, not {due}",
                    record.first_ordinal
                )));
            }
            for (ordinal, id) in (record.first_ordinal..).zip(&record.new_ids) {
                if live.number(id) != Some(ordinal) {
                    return Err(damaged(format!("the id of ordinal {ordinal} is not new")));
                }
            }
        }
        let count = live.first() + live.len();
        drop(live);
        let entries = records.iter().filter_map(|record| batch_entry(record, sequence));
        entries.for_each(|entry| self.batches.add(entry));
        let days = by_day(records);
        for (span, rows) in &days {
            if rows.users.iter().any(|user| *user >= count && *user != NO_USER) {
                return Err(damaged(format!("a row has a user beyond ordinal {count}")));
            }
            #[cfg(test)]
            if self.env.fs.planted() == Some(crate::fs::simulated::Bug::InsertIdsForgotten) {
                continue;
            }
            self.insert_ids.extend(span.day, rows.insert_ids.hashes());
        }
        self.users.count = count;
        self.unapplied = true;
        if !days.is_empty() {
            self.memtable.push(Run::new(sequence, days));
        }
        Ok(())
    }

    /// An import numbers its users after all others: it flushes before it begins.
    fn replay_install(&mut self, sequence: u64, record: InstallRecord) -> Result<()> {
        let users = record.users.clone();
        self.install(sequence, record);
        let Some(users) = users else { return Ok(()) };
        let first = self.users.live.read().unwrap_or_else(PoisonError::into_inner).first();
        if users.first_ordinal != self.users.count || first != self.users.count {
            let what = format!("it numbers from {}, not {}", users.first_ordinal, self.users.count);
            return Err(Error::corruption("wal", 0, &format!("frame {sequence}"), what));
        }
        let count = self.draft.manifest.users_count();
        self.users.live = Arc::new(RwLock::new(LiveUsers::new(count)));
        self.users.count = count;
        Ok(())
    }
}

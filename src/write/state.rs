//! What the one writer keeps: the log, the memtable, and what the next manifest will say.

use super::duplicates::{BatchIds, InsertIds};
use super::first::Unindexed;
use super::frame::{Body, InstallRecord};
use super::settings::{Environment, Options};
use super::view::{CurrentView, View};
use crate::catalog::Catalog;
use crate::catalog::ledger::LedgerEntry;
use crate::catalog::manifest::{DayFileEntry, Manifest};
use crate::day::file::FinishedDayFile;
use crate::day::summary::{SectionPlace, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::FileLock;
use crate::memtable::Memtable;
use crate::snapshot::Published;
use crate::snapshot::files::{OpenFiles, commit_order, wal_dir};
use crate::time::Micros;
use crate::users::UsersView;
use crate::wal::WalWriter;
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Everything behind the writer's lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) env: Environment,
    pub(crate) root: PathBuf,
    pub(crate) options: Options,
    pub(crate) view: Arc<CurrentView>,
    /// Held until the database is closed.
    pub(crate) lock: Option<Box<dyn FileLock>>,
    /// What the files hold, those included that frames after the manifest installed.
    pub(crate) draft: Draft,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) catalog_changed: bool,
    pub(crate) published: Arc<Published>,
    pub(crate) open: OpenFiles,
    pub(crate) log: Option<WalWriter>,
    pub(crate) next_log: u64,
    /// Of the last frame.
    pub(crate) sequence: u64,
    /// A frame after `applied` holds something.
    pub(crate) unapplied: bool,
    pub(crate) memtable: Memtable,
    pub(crate) users: UsersView,
    pub(crate) insert_ids: InsertIds,
    pub(crate) batches: BatchIds,
    /// The next generation or number to give to a file.
    pub(crate) next_number: u64,
    /// Numbers of files in the making, which no manifest names yet.
    pub(crate) reserved: BTreeSet<u64>,
    /// Manifests that readers held at the last look.
    pub(crate) pinned: Vec<u64>,
    /// Time of the last flush, and of the last sync of the log.
    pub(crate) flushed: Micros,
    pub(crate) synced: Micros,
    /// The first-seen index could not be made from the days: this process does not try again.
    pub(crate) first_given_up: bool,
    /// The failure after which nothing is written any more.
    pub(crate) broken: Option<String>,
}

/// What the next manifest will say of files and sections. A failure on the way to it stops the
/// writer, so that a half-made one is never published.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) manifest: Manifest,
    pub(crate) summary: Summary,
    /// The summary is not the one that the manifest names.
    pub(crate) summary_changed: bool,
    /// What the first-seen index does not know yet.
    pub(crate) unindexed: Unindexed,
}

impl Draft {
    /// The state that a manifest tells.
    pub(crate) fn of(manifest: Manifest, summary: Summary) -> Draft {
        Draft { manifest, summary, summary_changed: false, unindexed: Unindexed::default() }
    }

    /// Adds a file of rows that are new.
    pub(crate) fn add_rows(&mut self, generation: u64, file: FinishedDayFile) {
        self.unindexed.add(&file.places);
        self.add_file(generation, file);
    }

    /// Adds a file of rows that were there before.
    pub(crate) fn add_file(&mut self, generation: u64, file: FinishedDayFile) {
        let FinishedDayFile { places, length, checksum } = file;
        self.manifest.days.push(DayFileEntry { generation, length, checksum });
        self.add_sections(places);
    }

    pub(crate) fn add_sections(&mut self, places: Vec<SectionPlace>) {
        self.summary_changed |= !places.is_empty();
        self.summary.sections.extend(places);
    }

    /// Takes sections out, by file and offset.
    pub(crate) fn remove(&mut self, gone: &HashSet<(u64, u64)>) {
        self.summary_changed |= !gone.is_empty();
        self.manifest.dead.extend(gone);
        self.summary.sections.retain(|place| !gone.contains(&(place.file, place.offset)));
    }

    /// Sections in their order, and only files that a section lies in.
    pub(crate) fn tidy(&mut self) {
        self.summary.sections.sort_by_key(commit_order);
        let live: HashSet<u64> = self.summary.sections.iter().map(|place| place.file).collect();
        self.manifest.days.retain(|entry| live.contains(&entry.generation));
        self.manifest.days.sort_by_key(|entry| entry.generation);
        self.manifest.dead.retain(|(file, _)| live.contains(file));
        self.manifest.dead.sort_unstable();
    }
}

impl State {
    /// Writes are refused after a failure, and after the close.
    pub(crate) fn alive(&self) -> Result<()> {
        let message = match &self.broken {
            Some(why) => format!(
                "an earlier write failed ({why}): reads go on, but to write again, open {} anew",
                self.root.display()
            ),
            None if self.lock.is_none() => format!("{} was closed", self.root.display()),
            None => return Ok(()),
        };
        Err(Error::new(ErrorKind::Poisoned, message))
    }

    /// Does something whose failure leaves the disk in doubt: after it nothing more is written. A
    /// failed sync is never tried again, as the system may have dropped what it could not write.
    pub(crate) fn writing<T>(&mut self, act: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        self.alive()?;
        let done = act(self);
        #[cfg(test)]
        if self.env.fs.planted() == Some(crate::fs::simulated::Bug::FailedSyncForgotten) {
            self.log.iter_mut().for_each(WalWriter::forget_failure);
            return done;
        }
        done.inspect_err(|e| self.broken = Some(e.to_string()))
    }

    pub(crate) fn database(&self) -> u128 {
        self.draft.manifest.database
    }

    /// A number for a new file.
    pub(crate) fn take_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Appends one frame; it is not durable before a sync. The sequence is its.
    pub(crate) fn append(&mut self, body: &Body) -> Result<u64> {
        let sequence = self.sequence + 1;
        self.log()?.append(sequence, body)?;
        self.sequence = sequence;
        Ok(sequence)
    }

    /// Makes all frames durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if let Some(log) = &mut self.log {
            log.sync()?;
        }
        self.synced = self.env.now();
        Ok(())
    }

    /// The log to append to, started with the first frame after the open.
    fn log(&mut self) -> Result<&mut WalWriter> {
        let log = match self.log.take() {
            Some(log) => log,
            None => self.new_log()?,
        };
        Ok(self.log.insert(log))
    }

    /// A fresh log for the frames after the last one; the older ones must be durable.
    pub(crate) fn new_log(&mut self) -> Result<WalWriter> {
        let number = self.next_log;
        self.next_log += 1;
        let dir = wal_dir(&self.root);
        WalWriter::create(&*self.env.fs, &dir, self.database(), number, self.sequence + 1)
    }

    /// Takes the files of a committed import into the draft.
    pub(crate) fn install(&mut self, sequence: u64, record: InstallRecord) {
        let draft = &mut self.draft;
        draft.unindexed.install(&record, &draft.summary);
        draft.remove(&record.removed.iter().copied().collect());
        draft.manifest.days.extend(record.files);
        draft.add_sections(record.sections);
        draft.manifest.users.extend(record.users);
        draft.tidy();
        let given = draft.manifest.days.iter().map(|entry| entry.generation);
        let given = given.chain(draft.manifest.users.iter().map(|entry| entry.generation));
        self.next_number = self.next_number.max(given.max().map_or(0, |number| number + 1));
        self.unapplied = true;
        if let Some(id) = record.batch_id {
            self.batches.add(LedgerEntry {
                id,
                sequence,
                time: record.time,
                bulk: true,
                accepted: record.accepted,
                without_user: record.without_user,
                duplicates: record.duplicates,
                rejected: record.rejected,
            });
        }
    }

    /// Lets readers of this process see the present state.
    pub(crate) fn show(&self) {
        let (published, memtable) = (self.published.clone(), self.memtable.clone());
        self.view.show(View::new(published, memtable, self.users.clone()));
    }
}

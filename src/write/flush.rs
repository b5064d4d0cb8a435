//! Flush: the whole memtable becomes one day file, and the log starts anew.

use super::sections;
use super::state::State;
use crate::catalog::ledger::{self, LedgerFile};
use crate::catalog::manifest::{NumberedFile, UsersFileEntry};
use crate::day::build::BuiltSection;
use crate::day::file::{DayFileWriter, FileIdentity, FinishedDayFile};
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::memtable::{Run, RunDay};
use crate::snapshot::files::{day_name, ledger_name, map, users_name, wal_dir, write_catalog};
use crate::users::{self, UsersFile};
use crate::wal;
use rayon::prelude::*;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Days whose sections are built, on all cores, before they are written.
const DAYS_AT_ONCE: usize = 256;

impl State {
    /// Writes everything since the last flush to files, publishes them, and cuts the log. Nothing
    /// happens where there is nothing.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.flushed = self.env.now();
        if !self.unapplied && !self.first_is_due() {
            return self.alive();
        }
        self.writing(|state| {
            let ledgers = state.write_files()?;
            // Nothing is appended to the old log any more: it must be durable before the new one.
            state.sync()?;
            let log = state.new_log()?;
            state.draft.manifest.applied = state.sequence;
            state.draft.manifest.wal_from = log.number();
            #[cfg(test)]
            state.make_mistakes(&log);
            state.publish(&[])?;
            state.start_anew(log, ledgers);
            Ok(())
        })
    }

    /// Publishes the same once more: then both manifests that are kept name the same files, and
    /// those that were replaced can go. An import replaces large ones.
    pub(crate) fn publish_again(&mut self) -> Result<()> {
        self.writing(|state| state.publish(&[]))
    }

    #[cfg(test)]
    fn make_mistakes(&mut self, log: &wal::WalWriter) {
        use crate::fs::simulated::Bug;
        match self.env.fs.planted() {
            Some(Bug::LogCutEarly) => {
                wal::cut(&*self.env.fs, &wal_dir(&self.root), log.number()).unwrap_or_default();
            }
            Some(Bug::OneFrameTooMany) => self.draft.manifest.applied += 1,
            _ => {}
        }
    }

    /// All files of the flush, each durable with its name.
    fn write_files(&mut self) -> Result<Vec<Arc<LedgerFile>>> {
        if !self.memtable.is_empty() {
            let run = Run::merge(&self.memtable.runs);
            let (generation, file) = self.write_day_file(&run)?;
            self.draft.add_rows(generation, file);
        }
        let live = self.users.live.clone();
        let live = live.read().unwrap_or_else(PoisonError::into_inner);
        if live.len() > 0 {
            let entry = self.write_users_file(live.first(), live.iter())?;
            self.draft.manifest.users.push(entry);
        }
        drop(live);
        self.merge_users()?;
        if self.catalog_changed {
            let number = self.take_number();
            self.draft.manifest.catalog =
                write_catalog(&*self.env.fs, &self.root, number, &self.catalog)?;
        }
        self.write_ledger()
    }

    fn write_day_file(&mut self, run: &Run) -> Result<(u64, FinishedDayFile)> {
        let (first, last) = (run.sequence_first, run.sequence_last);
        let (mut writer, generation) = self.day_file(first, last, Vec::new())?;
        let days: Vec<&RunDay> = run.days.values().collect();
        for part in days.chunks(DAYS_AT_ONCE) {
            let built = part.par_iter().map(|day| sections::build(day.span, &day.rows));
            let built: Vec<Vec<BuiltSection>> = built.collect::<Result<_>>()?;
            for section in built.iter().flatten() {
                writer.add(section, first, last)?;
            }
        }
        Ok((generation, finish(&*self.env.fs, &self.root, writer)?))
    }

    /// A new day file and its generation.
    pub(crate) fn day_file(
        &mut self,
        sequence_first: u64,
        sequence_last: u64,
        replaces: Vec<u64>,
    ) -> Result<(DayFileWriter, u64)> {
        let generation = self.take_number();
        let database = self.database();
        let identity =
            FileIdentity { database, generation, sequence_first, sequence_last, replaces };
        let path = self.root.join(day_name(generation));
        Ok((DayFileWriter::create(&*self.env.fs, &path, identity)?, generation))
    }

    /// Newest users files, those of imports too, become one while that keeps their number small.
    fn merge_users(&mut self) -> Result<()> {
        let Some(from) = users::merge_from(&self.draft.manifest.users) else { return Ok(()) };
        let merging = self.draft.manifest.users.split_off(from);
        let open = |entry| self.open_users(entry).map(Arc::new);
        let merging: Vec<Arc<UsersFile>> = merging.iter().map(open).collect::<Result<_>>()?;
        let generation = self.take_number();
        let path = self.root.join(users_name(generation));
        let (fs, database) = (&*self.env.fs, self.database());
        let merged = UsersFile::merge(fs, &path, database, generation, &merging)?;
        self.draft.manifest.users.push(merged);
        Ok(())
    }

    /// Writes a users file of the ids from an ordinal on.
    pub(crate) fn write_users_file<'i>(
        &mut self,
        first: u32,
        ids: impl ExactSizeIterator<Item = &'i [u8]> + Clone,
    ) -> Result<UsersFileEntry> {
        let generation = self.take_number();
        let path = self.root.join(users_name(generation));
        let (fs, database) = (&*self.env.fs, self.database());
        UsersFile::write(fs, &path, database, generation, first, ids)
    }

    pub(super) fn open_users(&self, entry: &UsersFileEntry) -> Result<UsersFile> {
        let name = users_name(entry.generation);
        let bytes = map(&*self.env.fs, &self.root, &name, Some(entry.length))?;
        UsersFile::open(&name, bytes, self.database(), entry)
    }

    /// The batch ids since the last flush become a ledger, merged like the users.
    fn write_ledger(&mut self) -> Result<Vec<Arc<LedgerFile>>> {
        let mut ledgers = self.batches.ledgers().to_vec();
        let entries = self.batches.unflushed();
        #[cfg(test)]
        let entries = match self.env.fs.planted() {
            Some(crate::fs::simulated::Bug::BatchesForgotten) => Vec::new(),
            _ => entries,
        };
        if entries.is_empty() {
            return Ok(ledgers);
        }
        let (number, database) = (self.take_number(), self.database());
        let path = self.root.join(ledger_name(number));
        let file = LedgerFile::write(&*self.env.fs, &path, database, number, entries)?;
        ledgers.push(Arc::new(open_ledger(&*self.env.fs, &self.root, database, file)?));
        let files: Vec<NumberedFile> = ledgers.iter().map(|ledger| ledger.file()).collect();
        if let Some(from) = ledger::merge_from(&files) {
            let merging = ledgers.split_off(from);
            let number = self.take_number();
            let path = self.root.join(ledger_name(number));
            let (fs, now) = (&*self.env.fs, self.env.now());
            let merging = merging.iter().map(|ledger| &**ledger);
            let file = LedgerFile::merge(fs, &path, database, number, merging, now)?;
            ledgers.push(Arc::new(open_ledger(fs, &self.root, database, file)?));
        }
        self.draft.manifest.ledgers = ledgers.iter().map(|ledger| ledger.file()).collect();
        Ok(ledgers)
    }

    /// What was in memory is in files now.
    fn start_anew(&mut self, log: wal::WalWriter, ledgers: Vec<Arc<LedgerFile>>) {
        // A log that cannot be removed holds only frames that are known to be applied.
        let _ = wal::cut(&*self.env.fs, &wal_dir(&self.root), log.number());
        self.log = Some(log);
        self.memtable = Default::default();
        self.users = self.published.users();
        self.insert_ids.clear();
        self.batches.flushed(ledgers, self.sequence);
        (self.unapplied, self.catalog_changed) = (false, false);
        self.show();
    }
}

/// Finishes a day file and makes its name durable.
pub(crate) fn finish(fs: &dyn Fs, root: &Path, writer: DayFileWriter) -> Result<FinishedDayFile> {
    let finished = writer.finish(fs)?;
    let dir = root.join("days");
    fs.sync_dir(&dir).map_err(|e| Error::io("cannot sync", &dir, e))?;
    Ok(finished)
}

/// Opens a ledger that a manifest names.
pub(crate) fn open_ledger(
    fs: &dyn Fs,
    root: &Path,
    database: u128,
    file: NumberedFile,
) -> Result<LedgerFile> {
    let name = ledger_name(file.number);
    let bytes = map(fs, root, &name, Some(file.length))?;
    LedgerFile::open(&name, bytes, database, file)
}

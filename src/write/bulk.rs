//! A bulk import in the making: finished files first, then one frame that installs them.

use super::door::batch_id;
use super::erase::ERASED;
use super::flush::finish;
use super::frame::{Body, InstallRecord};
use super::publish::sweep_spill;
use super::replace::Replacement;
use super::state::State;
use super::{Core, SPILL_DIR, Writer};
use crate::catalog::Catalog;
use crate::catalog::ledger::LedgerEntry;
use crate::catalog::manifest::{DayFileEntry, UsersFileEntry};
use crate::day::file::{DayFileWriter, FinishedDayFile};
use crate::day::rows::NO_USER;
use crate::day::summary::SectionPlace;
use crate::error::{Error, Result};
use crate::fs::tmp_path;
use crate::snapshot::SnapshotInner;
use crate::snapshot::files::day_name;
use crate::time::{Calendar, Day};
use crate::users::{DistinctIds, NO_ORDINAL, Numbers};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};

/// A bulk import in the making: holds the writer for its duration. Dropped without `commit`,
/// nothing happened, and its files are removed.
pub(crate) struct Bulk<'a> {
    core: &'a Core,
    state: MutexGuard<'a, State>,
    snapshot: Arc<SnapshotInner>,
    numbers: Numbers,
    batch_id: Option<u128>,
    /// Files handed out.
    generations: Vec<u64>,
    files: Vec<DayFileEntry>,
    sections: Vec<SectionPlace>,
    /// Or perhaps committed: its files stay.
    committed: bool,
}

/// What an import replaces, on each day.
pub(crate) enum Replace {
    Nothing,
    /// Rows of these activities go, others of the day stay.
    Activities(BTreeMap<Day, BTreeSet<String>>),
    WholeDays(BTreeSet<Day>),
}

/// What the receipt of an import says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BulkCounts {
    pub(crate) accepted: u64,
    pub(crate) without_user: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

/// What a commit removed: rows by day and activity.
pub(crate) type Removed = BTreeMap<Day, BTreeMap<String, u64>>;

/// What an import's numbering answers where ordinals have run out is no user.
const _: () = assert!(NO_ORDINAL == NO_USER);

impl Writer {
    /// Takes the writer for a bulk import; waits for a commit or flush in progress. Its batch id is
    /// told with [`Bulk::name`], once it is known.
    pub(crate) fn bulk(&self) -> Result<Bulk<'_>> {
        let core = &*self.core;
        let mut state = core.state()?;
        // Everything that the import may meet or replace, and all users before its own, is in
        // files.
        state.flush()?;
        let snapshot = core.view.snapshot().inner;
        let (sealed, database) = (state.users.sealed.clone(), state.database());
        let numbers = Numbers::new(sealed, snapshot.users.count, database);
        Ok(Bulk {
            core,
            state,
            snapshot,
            numbers,
            batch_id: None,
            generations: Vec::new(),
            files: Vec::new(),
            sections: Vec::new(),
            committed: false,
        })
    }
}

impl Bulk<'_> {
    /// Sets the batch id; the first receipt's entry where it was applied before (drop the bulk
    /// then).
    pub(crate) fn name(&mut self, id: &str) -> Result<Option<LedgerEntry>> {
        let id = batch_id(&self.snapshot.catalog, id)?;
        self.batch_id = Some(id);
        Ok(self.state.batches.find(id))
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.snapshot.calendar
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.snapshot.catalog
    }

    /// What is stored before this import; everything of it is on disk.
    pub(crate) fn snapshot(&self) -> &SnapshotInner {
        &self.snapshot
    }

    /// The import's numbering.
    pub(crate) fn numbers(&mut self) -> &mut Numbers {
        &mut self.numbers
    }

    /// The ordinals of ids, new at first sight; `NO_USER` where they have run out, and for erased
    /// people. Ids must not be empty.
    pub(crate) fn number(&mut self, ids: &DistinctIds) -> Result<Vec<u32>> {
        let mut ordinals = Vec::with_capacity(ids.len());
        let catalog = &self.snapshot.catalog;
        let is_erased = |at: &usize| catalog.is_erased(ids.at(*at));
        if catalog.erased.is_empty() || !(0..ids.len()).any(|at| is_erased(&at)) {
            self.numbers.number(ids, &mut ordinals)?;
            return Ok(ordinals);
        }
        let kept: Vec<usize> = (0..ids.len()).filter(|at| !is_erased(at)).collect();
        let mut some = DistinctIds::new(self.numbers.seed());
        for at in &kept {
            some.add(ids.at(*at));
        }
        self.numbers.number(&some, &mut ordinals)?;
        let mut all = vec![NO_USER; ids.len()];
        kept.iter().zip(ordinals).for_each(|(at, ordinal)| all[*at] = ordinal);
        Ok(all)
    }

    /// Why an id has no ordinal.
    pub(crate) fn unnumbered(&self, id: &[u8]) -> &'static str {
        match self.snapshot.catalog.is_erased(id) {
            true => ERASED,
            false => "no more users can be numbered",
        }
    }

    /// A new day file; its generation is the second value. The sections' sequences are
    /// `sequence()`.
    pub(crate) fn day_file(&mut self) -> Result<(DayFileWriter, u64)> {
        let sequence = self.sequence();
        let (writer, generation) =
            self.state.writing(|state| state.day_file(sequence, sequence, Vec::new()))?;
        self.generations.push(generation);
        Ok((writer, generation))
    }

    /// The sequence number of the frame that will install the files: both sequences of each
    /// section.
    pub(crate) fn sequence(&self) -> u64 {
        self.state.sequence + 1
    }

    /// Finishes a file of `day_file` and makes it part of the import.
    pub(crate) fn add_file(&mut self, file: DayFileWriter, generation: u64) -> Result<()> {
        let (fs, root) = (&*self.core.env.fs, &self.core.root);
        let finished = self.state.writing(|_| finish(fs, root, file))?;
        let FinishedDayFile { places, length, checksum } = finished;
        self.files.push(DayFileEntry { generation, length, checksum });
        self.sections.extend(places);
        Ok(())
    }

    /// An empty folder for spill files: removed at the end, and when a crash leaves some behind, by
    /// the next open. Write it through `fs()`, or by `std::fs`.
    pub(crate) fn temp_dir(&mut self) -> Result<PathBuf> {
        let dir = self.core.root.join(SPILL_DIR);
        let fs = &*self.core.env.fs;
        fs.create_dir_all(&dir).map_err(|e| Error::io("cannot create", &dir, e))?;
        sweep_spill(fs, &self.core.root)?;
        Ok(dir)
    }

    /// Commits: users file, syncs, one frame, a new manifest. Answers what was replaced.
    pub(crate) fn commit(mut self, counts: BulkCounts, replace: Replace) -> Result<Removed> {
        let Replacement { gone, kept, removed } =
            Replacement::of(&self.state.published.days, &replace)?;
        if kept.iter().any(|kept| !kept.built.is_empty()) {
            let (mut file, generation) = self.day_file()?;
            for kept in &kept {
                for section in &kept.built {
                    file.add(section, kept.sequence_first, kept.sequence_last)?;
                }
            }
            self.add_file(file, generation)?;
        }
        let record = InstallRecord {
            batch_id: self.batch_id,
            time: self.core.env.now(),
            accepted: counts.accepted,
            without_user: counts.without_user,
            duplicates: counts.duplicates,
            rejected: counts.rejected,
            users: self.write_users()?,
            files: std::mem::take(&mut self.files),
            sections: std::mem::take(&mut self.sections),
            removed: gone,
        };
        self.install(record)?;
        Ok(removed)
    }

    fn write_users(&mut self) -> Result<Option<UsersFileEntry>> {
        let numbers = &self.numbers;
        if numbers.new_ids().len() == 0 {
            return Ok(None);
        }
        let write = |state: &mut State| state.write_users_file(numbers.first(), numbers.new_ids());
        self.state.writing(write).map(Some)
    }

    /// The commit point is the frame: whatever the durability, it is synced.
    fn install(&mut self, record: InstallRecord) -> Result<()> {
        let body = Body::Install(record);
        // A frame whose writing fails may be in the log all the same, and names the files: those
        // that it does not make live are removed by the next open.
        self.committed = true;
        let sequence = self.state.writing(|state| {
            let sequence = state.append(&body)?;
            state.sync()?;
            Ok(sequence)
        })?;
        if let Body::Install(record) = body {
            self.state.install(sequence, record);
        }
        self.state.flush()?;
        self.state.publish_again()
    }
}

impl Drop for Bulk<'_> {
    fn drop(&mut self) {
        let (fs, root) = (&*self.core.env.fs, &self.core.root);
        // What cannot be removed now is removed by the next open.
        let _ = sweep_spill(fs, root);
        if self.committed {
            return;
        }
        for generation in &self.generations {
            let path = root.join(day_name(*generation));
            let _ = fs.remove(&path);
            let _ = fs.remove(&tmp_path(&path));
        }
    }
}

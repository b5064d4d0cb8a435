//! Erasing people.
//!
//! One frame is the commit: it holds keyed hashes of the ids, and ordinals, never an id. From then
//! on no way in takes an event of theirs, and the catalog says which ordinals are still to be taken
//! out. Then every file that holds a trace of them is written anew without it (`rewrite`), while
//! other writes go on, and one manifest publishes all of that at once: figures change at one
//! moment. A crash in between leaves the catalog saying what is left to do, and the next open does
//! it before it hands out a snapshot.

use super::Core;
use super::frame::{Body, EraseRecord};
use super::hidden::Hidden;
use super::publish::names_of;
use super::rewrite::{Change, Plan};
use super::state::State;
use crate::catalog::manifest::UsersFileEntry;
use crate::catalog::{Catalog, HashDomain};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{ERASED_MAX, RECORD_BYTES_MAX};
use crate::snapshot::files::{users_name, wal_dir};
use crate::users::UsersFile;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Why an event of an erased person is not taken.
pub(crate) const ERASED: &str = "erased";
/// Saved cohorts, name to JSON.
pub(crate) type Cohorts = BTreeMap<String, String>;

/// What an erasure did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Erasure {
    /// How many ids the database knew, and which it did not know.
    pub(crate) found: u64,
    pub(crate) unknown: Vec<String>,
    pub(crate) rows: u64,
    pub(crate) cohorts: Vec<String>,
    /// Files that held something of them, or that tell of those that did.
    pub(crate) replaced: Vec<String>,
    pub(crate) written: Vec<String>,
    /// Replaced files that readers of other processes still hold.
    pub(crate) waiting: Vec<String>,
}

impl Core {
    /// Erases people. `pruned` answers which of the saved cohorts name one of them, and what is left
    /// of those.
    pub(crate) fn erase(
        &self,
        ids: &BTreeSet<&str>,
        pruned: impl FnOnce(&Cohorts) -> Result<Cohorts>,
    ) -> Result<Erasure> {
        let _alone = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state()?;
        // What is in memory and in the log comes into files, which can be written anew.
        state.flush()?;
        let before = state.names();
        let (record, unknown) = state.erase_record(ids, pruned(&state.catalog.cohorts)?)?;
        let mut erasure = Erasure {
            found: record.ordinals.len() as u64,
            unknown,
            cohorts: record.cohorts.iter().map(|(name, _)| name.clone()).collect(),
            ..Erasure::default()
        };
        if state.changes(&record) {
            state.commit_erase(record)?;
        }
        drop(state);
        erasure.rows = self.finish_erasing()?;
        let after = self.state()?.names();
        let root = &self.root;
        erasure.replaced = before.difference(&after).cloned().collect();
        erasure.written = after.difference(&before).cloned().collect();
        let left = |name: &&String| !matches!(self.env.fs.len(&root.join(name)), Ok(None));
        erasure.waiting = erasure.replaced.iter().filter(left).cloned().collect();
        Ok(erasure)
    }

    /// Takes out everybody who was erased and still lies in files; how many rows they had. The
    /// caller compacts nothing meanwhile.
    fn finish_erasing(&self) -> Result<u64> {
        let change = |state: &State| {
            let erasing = &state.catalog.erasing;
            (!erasing.is_empty()).then(|| Change::Without(Hidden::new(erasing)))
        };
        let rewritten = self.rewrite(change, |state, plan| state.forget(plan))?;
        // An unknown person leaves a hash, and perhaps a cohort that named them.
        let mut state = self.state()?;
        if state.unapplied {
            state.flush()?;
            state.publish_again()?;
        }
        Ok(rewritten.rows)
    }

    /// What a crash left of an erasure is done now. A damaged day that stands in the way keeps the
    /// database from nothing else; the next erasure, or the next open, tries again.
    pub(super) fn resume_erasing(&self) -> Result<()> {
        let pending = {
            let state = self.state()?;
            !state.catalog.erasing.is_empty()
        };
        if !pending {
            return Ok(());
        }
        self.state()?.flush()?;
        match self.finish_erasing() {
            Err(e) if e.kind() != ErrorKind::Corruption => Err(e),
            _ => Ok(()),
        }
    }

    /// Lets people in again; how many of them had been erased.
    pub(crate) fn readmit(&self, ids: &BTreeSet<&str>) -> Result<u64> {
        let mut admitted = 0;
        self.define(|catalog| {
            if !catalog.erasing.is_empty() {
                return Err(Error::input(
                    "an erasure is not finished: a damaged day stands in its way; repair the \
                     database and open it anew before anybody is admitted again",
                ));
            }
            let hashes: BTreeSet<u128> =
                ids.iter().map(|id| catalog.hash(HashDomain::User, id.as_bytes())).collect();
            let before = catalog.erased.len();
            catalog.erased.retain(|hash| !hashes.contains(hash));
            admitted = (before - catalog.erased.len()) as u64;
            Ok(())
        })?;
        Ok(admitted)
    }
}

impl State {
    /// Files that the present manifest needs, and logs that are there.
    fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = names_of(&self.published.manifest).collect();
        let logs = self.env.fs.list(&wal_dir(&self.root)).unwrap_or_default();
        names.extend(logs.into_iter().map(|log| Path::new("wal").join(log).display().to_string()));
        names
    }

    /// The record, and the ids that nobody has.
    fn erase_record(
        &self,
        ids: &BTreeSet<&str>,
        cohorts: Cohorts,
    ) -> Result<(EraseRecord, Vec<String>)> {
        let hash = |id: &&str| self.catalog.hash(HashDomain::User, id.as_bytes());
        let mut record = EraseRecord {
            hashes: ids.iter().map(hash).collect(),
            ordinals: Vec::new(),
            cohorts: cohorts.into_iter().collect(),
        };
        let mut unknown = Vec::new();
        for id in ids {
            match self.users.find(id.as_bytes())? {
                Some(ordinal) => record.ordinals.push(ordinal),
                None => unknown.push((*id).to_owned()),
            }
        }
        let many = self.catalog.erased.len() + record.hashes.len();
        if many > ERASED_MAX {
            let message = format!(
                "{many} erased people would be remembered: at most {ERASED_MAX} are; admit some \
                 again whose events no longer come"
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        Ok((record, unknown))
    }

    /// Whoever is erased already, and in no file any more, is not erased once more.
    fn changes(&self, record: &EraseRecord) -> bool {
        let news = record.hashes.iter().any(|hash| !self.catalog.has_erased(*hash));
        news || !record.ordinals.is_empty() || !record.cohorts.is_empty()
    }

    fn commit_erase(&mut self, record: EraseRecord) -> Result<()> {
        let bytes = self.erased_catalog(&record).encode().len();
        if bytes > RECORD_BYTES_MAX {
            let message = format!("the catalog would take {bytes} bytes: {RECORD_BYTES_MAX} fit");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let body = Body::Erase(record);
        // Whatever the durability: what was erased does not come back.
        self.writing(|state| {
            state.append(&body)?;
            state.sync()
        })?;
        if let Body::Erase(record) = &body {
            self.apply_erase(record);
        }
        Ok(())
    }

    /// What the frame of an erasure says, at its commit and when it is replayed.
    pub(super) fn apply_erase(&mut self, record: &EraseRecord) {
        self.catalog = Arc::new(self.erased_catalog(record));
        (self.catalog_changed, self.unapplied) = (true, true);
    }

    fn erased_catalog(&self, record: &EraseRecord) -> Catalog {
        let mut catalog = (*self.catalog).clone();
        catalog.erased.extend(&record.hashes);
        catalog.erased.sort_unstable();
        catalog.erased.dedup();
        catalog.erasing.extend(&record.ordinals);
        catalog.erasing.sort_unstable();
        catalog.erasing.dedup();
        catalog.cohorts.extend(record.cohorts.iter().cloned());
        catalog
    }

    /// What goes with people, beside their rows: first days, ids, and that they are waited for.
    fn forget(&mut self, plan: &Plan) -> Result<()> {
        let Change::Without(hidden) = &plan.change else { return Ok(()) };
        self.forget_firsts(hidden)?;
        self.forget_ids(hidden)
    }

    /// New users files, in which nobody is named who is to go, and a catalog that waits for nobody.
    fn forget_ids(&mut self, hidden: &Hidden) -> Result<()> {
        let mut catalog = (*self.catalog).clone();
        for at in 0..self.draft.manifest.users.len() {
            let Some(entry) = self.draft.manifest.users.get(at).cloned() else { continue };
            if !hidden.any_of(entry.first_ordinal, entry.count) {
                continue;
            }
            let (written, forgotten) = self.users_file_without(&entry, hidden)?;
            catalog.forgotten = catalog.forgotten.saturating_add(forgotten);
            if let Some(entry) = self.draft.manifest.users.get_mut(at) {
                *entry = written;
            }
        }
        catalog.erasing.retain(|ordinal| !hidden.contains(*ordinal));
        self.catalog = Arc::new(catalog);
        self.catalog_changed = true;
        Ok(())
    }

    fn users_file_without(
        &mut self,
        entry: &UsersFileEntry,
        hidden: &Hidden,
    ) -> Result<(UsersFileEntry, u32)> {
        let file = self.open_users(entry)?;
        let generation = self.take_number();
        let path = self.root.join(users_name(generation));
        let (fs, database) = (&*self.env.fs, self.database());
        let is_hidden = |ordinal| hidden.contains(ordinal);
        UsersFile::write_without(fs, &path, database, generation, &file, &is_hidden)
    }
}

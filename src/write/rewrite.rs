//! Files written anew without some people: whole day files, so that nothing of an old one is left,
//! and users files in which an ordinal keeps its place and loses its id.

use super::compact::{Job, Shared, key, write_file};
use super::hidden::Hidden;
use super::state::State;
use crate::catalog::manifest::UsersFileEntry;
use crate::day::file::{DayFile, FileIdentity, FinishedDayFile};
use crate::error::Result;
use crate::fs::Fs;
use crate::snapshot::files::{day_name, users_name};
use crate::users::UsersFile;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// What is to be written anew.
pub(super) struct Plan {
    hidden: Hidden,
    jobs: Vec<(Job, FileIdentity)>,
    /// Sections that were looked at, by file and offset.
    seen: HashSet<(u64, u64)>,
}

/// What was written anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) rows: u64,
}

/// Day files, by generation.
type Built = Vec<(u64, FinishedDayFile)>;

impl Plan {
    pub(super) fn build(&self, fs: &dyn Fs, root: &Path) -> Result<Built> {
        let jobs = self.jobs.iter();
        jobs.map(|(job, identity)| {
            let file = write_file(fs, root, job, identity.clone(), Some(&self.hidden))?;
            Ok((identity.generation, file))
        })
        .collect()
    }

    fn inputs(&self) -> impl Iterator<Item = &Shared> {
        self.jobs.iter().flat_map(|(job, _)| job.inputs())
    }
}

impl State {
    /// Finds the files that hold something of people; what is in memory was flushed.
    pub(super) fn plan_rewrite(&mut self, hidden: Hidden) -> Result<Plan> {
        let sections: Vec<Shared> =
            self.published.days.iter().flat_map(|day| day.sections.iter().cloned()).collect();
        let seen = sections.iter().map(|section| key(section)).collect();
        let mut files: BTreeMap<u64, Vec<Shared>> = BTreeMap::new();
        for section in sections {
            files.entry(section.place.file).or_default().push(section);
        }
        let mut jobs = Vec::new();
        for mut live in files.into_values() {
            live.sort_by_key(|section| section.place.offset);
            if holds(&hidden, &live)? {
                let job = Job { merges: live.into_iter().map(|section| vec![section]).collect() };
                let identity = self.reserve(&job);
                jobs.push((job, identity));
            }
        }
        Ok(Plan { hidden, jobs, seen })
    }

    /// Publishes what was built, if it is all that is to be: `None` where others changed the files
    /// meanwhile.
    pub(super) fn take_rewritten(
        &mut self,
        plan: &Plan,
        built: Result<Built>,
    ) -> Result<Option<Rewritten>> {
        let built = self.take_built(built)?;
        let sections = self.published.days.iter().flat_map(|day| day.sections.iter());
        let mut is_all = true;
        for section in sections.filter(|section| !plan.seen.contains(&key(section))) {
            is_all &= !plan.hidden.is_in(&section.section)?;
        }
        let gone: HashSet<(u64, u64)> = plan.inputs().map(|section| key(section)).collect();
        if !is_all || !self.has_all(&gone) {
            self.discard(&built);
            return Ok(None);
        }
        let rows_before: u64 = plan.inputs().map(|section| section.place.totals.rows).sum();
        let rows_after: u64 =
            built.iter().flat_map(|(_, file)| &file.places).map(|place| place.totals.rows).sum();
        self.writing(|state| {
            for section in plan.inputs() {
                state.draft.unindexed.remove(section.place.totals.day);
            }
            state.draft.unindexed.moved(&gone);
            state.draft.remove(&gone);
            for (generation, file) in built {
                state.draft.add_file(generation, file);
            }
            state.forget_ids(&plan.hidden)
        })?;
        self.flush()?;
        // Once more, so that no manifest names the old files.
        self.publish_again()?;
        Ok(Some(Rewritten { rows: rows_before - rows_after }))
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
        (self.catalog_changed, self.unapplied) = (true, true);
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

    /// Are all of these sections still part of the database?
    pub(super) fn has_all(&self, sections: &HashSet<(u64, u64)>) -> bool {
        let places = self.draft.summary.sections.iter().map(|place| (place.file, place.offset));
        places.filter(|place| sections.contains(place)).count() == sections.len()
    }

    /// Removes files that were made for nothing.
    pub(super) fn discard(&self, built: &[(u64, FinishedDayFile)]) {
        for (generation, _) in built {
            // What cannot be removed now is removed by the next publication.
            let _ = self.env.fs.remove(&self.root.join(day_name(*generation)));
        }
    }
}

/// Does a file hold something of these people, in its sections that are live or in those that were
/// replaced? One of those that cannot be read may.
fn holds(hidden: &Hidden, live: &[Shared]) -> Result<bool> {
    for section in live {
        if hidden.is_in(&section.section)? {
            return Ok(true);
        }
    }
    let Some(file) = live.first().map(|section| &section.file) else { return Ok(false) };
    let alive: HashSet<u64> = live.iter().map(|section| section.place.offset).collect();
    let dead = file.places().iter().filter(|place| !alive.contains(&place.offset));
    let is_in = |file: &DayFile, place| hidden.is_in(&file.section(place)?);
    Ok(dead.into_iter().any(|place| is_in(file, place).unwrap_or(true)))
}

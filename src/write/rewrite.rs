//! Files written anew without something: whole day files, so that nothing of an old one is left.

use super::Core;
use super::compact::{Job, Shared, key, write_file};
use super::hidden::Hidden;
use super::sections;
use super::state::State;
use crate::day::build::BuiltSection;
use crate::day::file::{FileIdentity, FinishedDayFile};
use crate::day::section::Section;
use crate::day::thin::{Stays, thin};
use crate::error::Result;
use crate::fs::Fs;
use crate::snapshot::files::day_name;
use crate::time::Day;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Rounds that are made while others write; a further one holds them up.
const ROUNDS_BESIDE_WRITERS: usize = 3;

/// What becomes of sections.
#[derive(Debug)]
pub(super) enum Change {
    None,
    /// Some people go.
    Without(Hidden),
    /// Of the days before this one the rows go.
    Thin(Day),
    /// The days before this one go.
    From(Day),
}

impl Change {
    /// Is there something to do about a section?
    fn concerns(&self, section: &Section) -> Result<bool> {
        match self {
            Change::None => Ok(false),
            Change::Without(hidden) => hidden.is_in(section),
            Change::Thin(day) => Ok(section.span().day < *day && !section.is_thin()?),
            Change::From(day) => Ok(section.span().day < *day),
        }
    }

    /// What a section becomes; `None`: it stays as it is.
    pub(super) fn of(&self, section: &Shared) -> Result<Option<Vec<BuiltSection>>> {
        if !self.concerns(&section.section)? {
            return Ok(None);
        }
        let thinned = |built: Option<BuiltSection>| Ok(Some(Vec::from_iter(built)));
        match self {
            Change::None | Change::From(_) => Ok(Some(Vec::new())),
            Change::Thin(_) => thinned(thin(&section.section, &section.place.totals, Stays::ALL)?),
            Change::Without(hidden) if section.section.is_thin()? => {
                thinned(hidden.thinned(section)?)
            }
            Change::Without(hidden) => {
                let rows = hidden.without(&section.section.rows()?);
                sections::build(section.section.span(), &rows).map(Some)
            }
        }
    }
}

/// What is to be written anew.
pub(super) struct Plan {
    pub(super) change: Change,
    jobs: Vec<(Job, FileIdentity)>,
    /// Sections that were looked at, by file and offset.
    seen: HashSet<(u64, u64)>,
}

/// What was written anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// Rows that are gone.
    pub(super) rows: u64,
}

/// Day files, by generation.
pub(super) type Built = Vec<(u64, FinishedDayFile)>;

impl Plan {
    fn build(&self, fs: &dyn Fs, root: &Path) -> Result<Built> {
        let jobs = self.jobs.iter();
        jobs.map(|(job, identity)| {
            let file = write_file(fs, root, job, identity.clone(), &self.change)?;
            Ok((identity.generation, file))
        })
        .collect()
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &Shared> {
        self.jobs.iter().flat_map(|(job, _)| job.inputs())
    }
}

impl Core {
    /// Writes anew what a change concerns and publishes all of it at once; most of it beside other
    /// writers. `change` answers `None` where nothing is left to do, `taken` does what goes with it
    /// before it is published. The caller compacts nothing meanwhile.
    pub(super) fn rewrite(
        &self,
        change: impl Fn(&State) -> Option<Change>,
        taken: impl Fn(&mut State, &Plan) -> Result<()>,
    ) -> Result<Rewritten> {
        for round in 0.. {
            let mut state = self.state()?;
            state.alive()?;
            let Some(change) = change(&state) else { break };
            let plan = state.plan_rewrite(change)?;
            let built = if round < ROUNDS_BESIDE_WRITERS {
                drop(state);
                let built = plan.build(&*self.env.fs, &self.root);
                state = self.state()?;
                built
            } else {
                plan.build(&*self.env.fs, &self.root)
            };
            if let Some(rewritten) = state.take_rewritten(&plan, built, &taken)? {
                return Ok(rewritten);
            }
        }
        Ok(Rewritten::default())
    }
}

impl State {
    /// Finds the files that a change concerns; what is in memory was flushed.
    fn plan_rewrite(&mut self, change: Change) -> Result<Plan> {
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
            if concerns(&change, &live)? {
                let job = Job { merges: live.into_iter().map(|section| vec![section]).collect() };
                let identity = self.reserve(&job);
                jobs.push((job, identity));
            }
        }
        Ok(Plan { change, jobs, seen })
    }

    /// Publishes what was built, if it is all that is to be: `None` where others changed the files
    /// meanwhile.
    fn take_rewritten(
        &mut self,
        plan: &Plan,
        built: Result<Built>,
        taken: impl Fn(&mut State, &Plan) -> Result<()>,
    ) -> Result<Option<Rewritten>> {
        let built = self.take_built(built)?;
        let sections = self.published.days.iter().flat_map(|day| day.sections.iter());
        let mut is_all = true;
        for section in sections.filter(|section| !plan.seen.contains(&key(section))) {
            is_all &= !plan.change.concerns(&section.section)?;
        }
        let gone: HashSet<(u64, u64)> = plan.inputs().map(|section| key(section)).collect();
        if !is_all || !self.has_all(&gone) {
            self.discard(&built);
            return Ok(None);
        }
        let before: u64 = plan.inputs().map(|section| section.place.totals.rows).sum();
        let after = built.iter().flat_map(|(_, file)| &file.places);
        let rows = before - after.map(|place| place.totals.rows).sum::<u64>();
        self.writing(|state| {
            state.draft.unindexed.moved(&gone);
            taken(state, plan)?;
            state.draft.remove(&gone);
            for (generation, file) in built {
                state.draft.add_file(generation, file);
            }
            state.unapplied = true;
            Ok(())
        })?;
        self.flush()?;
        // Once more, so that no manifest names the old files.
        self.publish_again()?;
        Ok(Some(Rewritten { rows }))
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

/// Does a change concern a file: its sections that are live, or those that were replaced? One of
/// those that cannot be read may be.
fn concerns(change: &Change, live: &[Shared]) -> Result<bool> {
    for section in live {
        if change.concerns(&section.section)? {
            return Ok(true);
        }
    }
    let Some(file) = live.first().map(|section| &section.file) else { return Ok(false) };
    let alive: HashSet<u64> = live.iter().map(|section| section.place.offset).collect();
    let dead = file.places().iter().filter(|place| !alive.contains(&place.offset));
    let mut concerned = dead.map(|place| change.concerns(&file.section(place)?));
    Ok(concerned.any(|concerned| concerned.unwrap_or(true)))
}

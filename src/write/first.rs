//! Keeping up the first-seen index: each publication brings it to the sections that it publishes.
//!
//! New rows, late ones too, can only move a first day to an earlier one: a new generation holds the
//! users whom they moved. Where rows were removed, all firsts from the earliest such day on are in
//! doubt: one generation takes the place of all, with the firsts before that day taken over and the
//! rest found in the days. Compaction changes no row, so nothing follows from it. Days that are
//! dropped leave their firsts in files of the same kind, the *history*, which no day tells any more:
//! whatever is made anew takes all of it over.

use super::frame::InstallRecord;
use super::hidden::{Hidden, NOBODY};
use super::state::{Draft, State};
use crate::catalog::ledger::tail_to_merge;
use crate::catalog::manifest::{FirstFileEntry, Manifest};
use crate::codec::bits::Bits;
use crate::day::section::{ActivityCode, Presence, Section};
use crate::day::summary::{SectionPlace, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::first::FirstIndex;
use crate::first::block::{BuiltBlock, Firsts, NEVER};
use crate::first::file::{FirstFile, Part};
use crate::snapshot::files::{first_name, open_first};
use crate::snapshot::{SnapshotInner, SnapshotSection};
use crate::time::{Day, format_day};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Chunks of an activity that are worked out, on all cores, before they are written.
const CHUNKS_AT_ONCE: u32 = 64;

/// Generations that are not worth a merge: each is a look at a directory to a question.
const GENERATIONS_MAX: usize = 8;

/// What the index does not know yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unindexed {
    /// Sections of new rows, by file and offset.
    added: HashSet<(u64, u64)>,
    /// The earliest day that lost rows.
    removed_from: Option<Day>,
}

impl Unindexed {
    pub(crate) fn add<'a>(&mut self, places: impl IntoIterator<Item = &'a SectionPlace>) {
        self.added.extend(places.into_iter().map(|place| (place.file, place.offset)));
    }

    /// Rows of a day go.
    pub(crate) fn remove(&mut self, day: Day) {
        self.removed_from = Some(self.removed_from.map_or(day, |from| from.min(day)));
    }

    /// An import adds sections and removes some of those so far.
    pub(crate) fn install(&mut self, record: &InstallRecord, before: &Summary) {
        let gone: HashSet<(u64, u64)> = record.removed.iter().copied().collect();
        for place in &before.sections {
            let key = (place.file, place.offset);
            if gone.contains(&key) {
                self.added.remove(&key);
                self.remove(place.totals.day);
            }
        }
        self.add(&record.sections);
    }

    /// Compaction moves rows to other sections: of those that are not indexed yet it is not known
    /// any more which they are.
    pub(crate) fn moved(&mut self, gone: &HashSet<(u64, u64)>) {
        if !self.added.is_disjoint(gone) {
            self.remove(Day::MIN);
        }
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed_from.is_none()
    }
}

impl State {
    /// Is the index to be made anew?
    pub(crate) fn first_is_due(&self) -> bool {
        let broken = self.published.first.as_ref().is_some_and(|first| first.broken().is_some());
        !self.first_given_up && (self.draft.manifest.first.is_none() || broken)
    }

    /// The draft's manifest, with an index only where that covers the draft's sections.
    pub(crate) fn covered_manifest(&self) -> Manifest {
        let mut manifest = self.draft.manifest.clone();
        manifest.first = manifest.first.filter(|_| self.draft.unindexed.is_empty());
        manifest
    }

    /// Brings the index to the draft's sections. A damaged index is made anew. Where a damaged day
    /// stands in the way there is none, and answers are found in the days.
    pub(crate) fn keep_up_first(&mut self) -> Result<()> {
        let rebuild = self.first_is_due();
        if !rebuild && (self.draft.unindexed.is_empty() || self.draft.manifest.first.is_none()) {
            return Ok(());
        }
        let unindexed = std::mem::take(&mut self.draft.unindexed);
        let damaged =
            |kept: &Result<()>| kept.as_ref().is_err_and(|e| e.kind() == ErrorKind::Corruption);
        let mut kept = if rebuild { self.rebuild_first() } else { self.add_first(&unindexed) };
        if !rebuild && damaged(&kept) {
            kept = self.rebuild_first();
        }
        if damaged(&kept) {
            (self.draft.manifest.first, self.first_given_up) = (None, true);
            return Ok(());
        }
        kept
    }

    fn rebuild_first(&mut self) -> Result<()> {
        let sections = self.open_sections(|_| true)?;
        let history = self.open_history()?;
        let sources = Sources { history: &history, ..Sources::new(&sections, &[], &[], Day::MIN) };
        let entry = self.write_first(&sources)?;
        self.draft.manifest.first = Some(entry.into_iter().collect());
        Ok(())
    }

    fn add_first(&mut self, unindexed: &Unindexed) -> Result<()> {
        let index = self.open_first()?;
        let from = unindexed.removed_from;
        let sections = self.open_sections(|place| {
            let doubtful = from.is_some_and(|from| place.totals.day >= from);
            doubtful || unindexed.added.contains(&(place.file, place.offset))
        })?;
        if let Some(from) = from {
            let history = self.open_history()?;
            let sources = Sources::new(&sections, &[], index.files(), from);
            let entry = self.write_first(&Sources { history: &history, ..sources })?;
            self.draft.manifest.first = Some(entry.into_iter().collect());
            return Ok(());
        }
        let sources = Sources::new(&sections, index.files(), &[], Day::MIN);
        let Some(entry) = self.write_first(&sources)? else { return Ok(()) };
        self.draft.manifest.first.get_or_insert_default().push(entry);
        self.merge_first()
    }

    /// Who was first seen on days that go joins who was on those that went before.
    pub(super) fn keep_firsts(&mut self, gone: &[Arc<SnapshotSection>]) -> Result<()> {
        let history = self.open_history()?;
        let sources = Sources { history: &history, ..Sources::new(gone, &[], &[], Day::MIN) };
        let entry = self.write_first(&sources)?;
        self.draft.manifest.history = entry.into_iter().collect();
        Ok(())
    }

    /// Takes people out of the first days of days that went; the index is made anew.
    pub(super) fn forget_firsts(&mut self, hidden: &Hidden) -> Result<()> {
        let history = self.open_history()?;
        let sources = Sources::new(&[], &[], &[], Day::MIN);
        let entry = self.write_first(&Sources { history: &history, hidden, ..sources })?;
        self.draft.manifest.history = entry.into_iter().collect();
        self.draft.manifest.first = None;
        self.draft.unindexed = Unindexed::default();
        Ok(())
    }

    fn open_history(&self) -> Result<Vec<Arc<FirstFile>>> {
        let Manifest { history, database, .. } = &self.draft.manifest;
        let open = |entry| open_first(&*self.env.fs, &self.root, *database, entry).map(Arc::new);
        history.iter().map(open).collect()
    }

    fn open_sections(
        &mut self,
        wanted: impl Fn(&SectionPlace) -> bool,
    ) -> Result<Vec<Arc<SnapshotSection>>> {
        let Draft { manifest, summary, .. } = &self.draft;
        let places = summary.sections.iter().filter(|place| wanted(place));
        let sections = self.open.some_sections(&*self.env.fs, &self.root, manifest, places);
        let mut sections = sections?;
        sections.sort_by_key(|section| section.place.totals.day);
        Ok(sections)
    }

    /// Merges the newest generations into one where they have become many.
    fn merge_first(&mut self) -> Result<()> {
        let entries = self.draft.manifest.first.iter().flatten();
        let lengths: Vec<u64> = entries.map(|entry| entry.length).collect();
        let many = lengths.len() > GENERATIONS_MAX;
        let from = many.then(|| tail_to_merge(lengths.into_iter())).flatten();
        let Some(from) = from else { return Ok(()) };
        let index = self.open_first()?;
        let tail = index.files().get(from..).unwrap_or_default();
        let merged = self.write_first(&Sources::new(&[], &[], tail, Day::MAX))?;
        let entries = self.draft.manifest.first.get_or_insert_default();
        entries.truncate(from);
        entries.extend(merged);
        Ok(())
    }

    fn open_first(&mut self) -> Result<Arc<FirstIndex>> {
        let index = self.open.first(&*self.env.fs, &self.root, &self.draft.manifest);
        let index = index.unwrap_or_else(|| Arc::new(FirstIndex::new(Vec::new())));
        match index.broken() {
            Some(broken) => Err(Error::new(ErrorKind::Corruption, broken.message.clone())),
            None => Ok(index),
        }
    }

    /// Writes a generation; `None` where it would hold nobody.
    fn write_first(&mut self, sources: &Sources<'_>) -> Result<Option<FirstFileEntry>> {
        let chunks = self.draft.manifest.users_count().div_ceil(65_536);
        let activities = sources.activities()?;
        let tasks = activities.iter().flat_map(|activity| {
            let starts = (0..chunks).step_by(CHUNKS_AT_ONCE as usize);
            starts.map(move |from| (activity, from, chunks.min(from + CHUNKS_AT_ONCE)))
        });
        let parts = tasks.map(|(activity, from, to)| sources.part(activity, from, to));
        let mut parts =
            parts.filter(|part| !part.as_ref().is_ok_and(|part| part.blocks.is_empty())).peekable();
        if parts.peek().is_none() {
            return Ok(None);
        }
        self.make_first_dir()?;
        let generation = self.take_number();
        let path = self.root.join(first_name(generation));
        let (fs, database) = (&*self.env.fs, self.database());
        FirstFile::write(fs, &path, database, generation, parts).map(Some)
    }

    /// Databases from before the index lack its folder.
    fn make_first_dir(&self) -> Result<()> {
        let (fs, dir) = (&*self.env.fs, self.root.join("first"));
        if fs.list(&dir).is_ok() {
            return Ok(());
        }
        fs.create_dir_all(&dir).map_err(|e| Error::io("cannot create", &dir, e))?;
        fs.sync_dir(&self.root).map_err(|e| Error::io("cannot sync", &self.root, e))
    }
}

/// What a generation is made from.
struct Sources<'a> {
    /// Ascending by day.
    sections: &'a [Arc<SnapshotSection>],
    /// Only who is earlier than these say is written.
    known: &'a [Arc<FirstFile>],
    /// Their firsts are written too, those before a day.
    taken: &'a [Arc<FirstFile>],
    before: Day,
    /// All of theirs are written too.
    history: &'a [Arc<FirstFile>],
    /// But nothing of these.
    hidden: &'a Hidden,
}

/// An activity, and where it is found.
struct Activity<'a> {
    /// `None`: any.
    name: Option<String>,
    sections: Vec<(&'a Section, ActivityCode)>,
}

impl<'a> Sources<'a> {
    fn new(
        sections: &'a [Arc<SnapshotSection>],
        known: &'a [Arc<FirstFile>],
        taken: &'a [Arc<FirstFile>],
        before: Day,
    ) -> Sources<'a> {
        Sources { sections, known, taken, before, history: &[], hidden: &NOBODY }
    }

    /// Any activity first, the others by their names' bytes.
    fn activities(&self) -> Result<Vec<Activity<'a>>> {
        let totals = self.sections.iter().flat_map(|section| &section.place.totals.activities);
        let mut names: BTreeSet<Option<&str>> =
            totals.map(|activity| Some(activity.name.as_str())).collect();
        names.extend(self.taken.iter().chain(self.history).flat_map(|file| file.activities()));
        names.insert(None);
        names.into_iter().map(|name| self.activity(name)).collect()
    }

    fn activity(&self, name: Option<&str>) -> Result<Activity<'a>> {
        let mut sections = Vec::new();
        for section in self.sections.iter().map(|section| &section.section) {
            let code = match name {
                None => Some(ActivityCode::Any),
                Some(name) => section.activity(name.as_bytes())?,
            };
            sections.extend(code.map(|code| (section, code)));
        }
        Ok(Activity { name: name.map(str::to_owned), sections })
    }

    /// The blocks of some chunks.
    fn part(&self, activity: &Activity<'_>, from: u32, to: u32) -> Result<Part> {
        let blocks = (from..to).into_par_iter().map_init(Firsts::new, |firsts, chunk| {
            let block = self.block(activity, chunk, firsts)?;
            Ok(block.map(|block| (chunk, block)))
        });
        let blocks: Vec<Option<(u32, BuiltBlock)>> = blocks.collect::<Result<_>>()?;
        let activity = activity.name.clone();
        Ok(Part { activity, blocks: blocks.into_iter().flatten().collect() })
    }

    fn block(
        &self,
        activity: &Activity<'_>,
        chunk: u32,
        firsts: &mut Firsts,
    ) -> Result<Option<BuiltBlock>> {
        let found = activity.found(chunk)?;
        if found.is_empty() && self.taken.is_empty() && self.history.is_empty() {
            return Ok(None);
        }
        firsts.clear();
        let name = activity.name.as_deref();
        for file in self.known {
            file.each(name, chunk, &mut |low, day| _ = firsts.meet(low, day))?;
        }
        let mut earlier = Box::new(Bits::EMPTY);
        let taken = self.taken.iter().map(|file| (file, self.before));
        let history = self.history.iter().map(|file| (file, Day::MAX));
        for (file, before) in taken.chain(history) {
            file.each(name, chunk, &mut |low, day| {
                let hidden = self.hidden.contains(chunk << 16 | u32::from(low));
                if day < before && !hidden && firsts.meet(low, day) {
                    earlier.insert(low);
                }
            })?;
        }
        each_first(&found, |low, day| {
            if firsts.meet(low, day) {
                earlier.insert(low);
            }
        });
        Ok(firsts.block(&earlier))
    }
}

impl Activity<'_> {
    /// The users of a chunk, by section, ascending by day.
    fn found(&self, chunk: u32) -> Result<Vec<(Day, Presence<'_>)>> {
        let mut found = Vec::new();
        for (section, code) in &self.sections {
            match section.presence(*code, chunk)? {
                Presence::None => {}
                users => found.push((section.span().day, users)),
            }
        }
        Ok(found)
    }
}

/// Calls `visit` with each user and the first of the days that have them; days ascend. Looks at
/// whole words, since most users of a day were there before.
fn each_first(found: &[(Day, Presence<'_>)], mut visit: impl FnMut(u16, Day)) {
    let (mut seen, mut users) = (Box::new(Bits::EMPTY), Box::new(Bits::EMPTY));
    for (day, presence) in found {
        *users = Bits::EMPTY;
        presence.or_into(&mut users);
        let words = seen.0.iter_mut().zip(&users.0).zip((0u16..).step_by(64));
        for ((seen, users), base) in words {
            let mut new = users & !*seen;
            *seen |= users;
            while new != 0 {
                visit(base | new.trailing_zeros() as u16, *day);
                new &= new - 1;
            }
        }
    }
}

/// Compares an index with the published days of its snapshot: what is wrong, if anything is.
pub(crate) fn check_first(snapshot: &SnapshotInner, index: &FirstIndex) -> Result<Option<String>> {
    let sections = snapshot.days.iter().flat_map(|day| &*day.sections).cloned();
    let sections: Vec<_> = sections.collect();
    let history = &snapshot.history[..];
    let sources = Sources { history, ..Sources::new(&sections, &[], index.files(), Day::MIN) };
    let activities = sources.activities()?;
    let (mut told, mut found) = (Firsts::new(), Firsts::new());
    for activity in &activities {
        for chunk in 0..snapshot.chunks() {
            index.firsts(activity.name.as_deref(), chunk, &mut told)?;
            found.clear();
            for file in history {
                let name = activity.name.as_deref();
                file.each(name, chunk, &mut |low, day| _ = found.meet(low, day))?;
            }
            each_first(&activity.found(chunk)?, |low, day| _ = found.meet(low, day));
            if let Some(low) = told.differs(&found) {
                let user = chunk << 16 | u32::from(low);
                let [told, found] = [&told, &found].map(|firsts| match firsts.get(low) {
                    NEVER => "never".to_string(),
                    day => format!("on {}", format_day(day)),
                });
                let activity = activity.name.as_deref().unwrap_or("anything");
                let what = format!("user {user} did {activity} first {found}");
                return Ok(Some(format!("{what}, and the index says {told}")));
            }
        }
    }
    Ok(None)
}

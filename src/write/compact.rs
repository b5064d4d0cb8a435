//! Compaction: few files, and few sections a day, for a logarithm of rewriting.
//!
//! Sections belong to a *period*: a day of at least 4 MiB is one by itself; small days belong to
//! their month where its small days come to 4 MiB together, else to their year. A period's *parts*
//! are what each file holds of it. The newest parts are merged into one new file while the next
//! older one has at most twice their bytes, so that however small the flushes are, a period keeps a
//! logarithm of parts, and a row is rewritten a logarithm of times. Where several sections of a day
//! meet, they become one; a section alone is copied as it is.

use super::Core;
use super::flush::finish;
use super::rewrite::Change;
use super::sections;
use super::state::State;
use crate::day::build::BuiltSection;
use crate::day::file::{DayFileWriter, FileIdentity, FinishedDayFile};
use crate::day::rows::DayRows;
use crate::error::{ErrorKind, Result};
use crate::fs::Fs;
use crate::limits::SECTION_ROWS_MAX;
use crate::snapshot::files::day_name;
use crate::snapshot::{SnapshotSection, StoredDay};
use crate::time::{Bucket, Day, WeekStart, bucket_start};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Days, and all small days of a month, of at least this size have files of their own.
const SMALL_BYTES: u64 = 4 << 20;
/// How much larger than the newer parts together an older one may be to be merged with them.
const RATIO: u64 = 2;
/// Parts are merged when at least so many go into one, unless all is to be tidied.
const PARTS_MIN: usize = 3;
/// Bytes of sections that one round reads, beyond its first job.
const ROUND_BYTES: u64 = 256 << 20;
/// Bytes of sections that are merged at the same time.
const MERGE_BYTES: u64 = 32 << 20;

/// How much is compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is due, a bounded part at a time.
    Due,
    /// Everything, into the tidy state.
    All,
}

pub(super) type Shared = Arc<SnapshotSection>;
/// Sections of one day that become one.
type Merge = Vec<Shared>;

/// One new file: by day, what is merged or copied into it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) merges: Vec<Merge>,
}

impl Job {
    pub(super) fn inputs(&self) -> impl Iterator<Item = &Shared> {
        self.merges.iter().flatten()
    }

    fn bytes(&self) -> u64 {
        self.inputs().map(|section| section.place.length).sum()
    }
}

/// What one file holds of a period.
#[derive(Debug, Default)]
struct Part {
    bytes: u64,
    sequence_last: u64,
    file: u64,
    sections: Vec<Shared>,
    /// Most of its file is dead: what lives is to be moved.
    wasted: bool,
}

impl Core {
    /// Compacts, without holding up writers but for the publication. Answers whether there was
    /// anything to do. Two compactions at once make no sense: of what is due, the second does
    /// nothing.
    pub(crate) fn compact(&self, extent: Extent) -> Result<bool> {
        let _alone = match extent {
            Extent::All => self.compacting.lock().unwrap_or_else(PoisonError::into_inner),
            Extent::Due => match self.compacting.try_lock() {
                Ok(alone) => alone,
                Err(_) => return Ok(false),
            },
        };
        let mut state = self.state()?;
        state.alive()?;
        let jobs = plan(&state.published.days, extent);
        if jobs.is_empty() {
            return Ok(false);
        }
        let files: Vec<FileIdentity> = jobs.iter().map(|job| state.reserve(job)).collect();
        drop(state);
        let (mut done, mut built, mut damage) = (Vec::new(), Vec::new(), None);
        for (job, identity) in jobs.into_iter().zip(files) {
            let generation = identity.generation;
            match write_file(&*self.env.fs, &self.root, &job, identity, &Change::None) {
                // The damaged day stays as it is, and keeps no other from being tidied.
                Err(e) if e.kind() == ErrorKind::Corruption => damage = Some(e),
                Err(e) => return self.state()?.replace(&[], Err(e)).map(|()| true),
                Ok(file) => {
                    built.push((generation, file));
                    done.push(job);
                }
            }
        }
        let mut state = self.state()?;
        if !done.is_empty() {
            state.replace(&done, Ok(built))?;
        }
        state.reserved.clear();
        match damage {
            Some(e) if extent == Extent::All || done.is_empty() => Err(e),
            _ => Ok(true),
        }
    }
}

impl State {
    /// What a job's file will be. Until it is published, its number is reserved.
    pub(super) fn reserve(&mut self, job: &Job) -> FileIdentity {
        let generation = self.take_number();
        self.reserved.insert(generation);
        let mut left: HashMap<u64, u64> = HashMap::new();
        for place in &self.draft.summary.sections {
            *left.entry(place.file).or_default() += 1;
        }
        let mut replaces = Vec::new();
        for section in job.inputs() {
            let left = left.entry(section.place.file).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                replaces.push(section.place.file);
            }
        }
        replaces.sort_unstable();
        FileIdentity {
            database: self.database(),
            generation,
            sequence_first: job.inputs().map(|s| s.place.sequence_first).min().unwrap_or(0),
            sequence_last: job.inputs().map(|s| s.place.sequence_last).max().unwrap_or(0),
            replaces,
        }
    }

    /// Puts the new files in place of what went into them, unless an import took that meanwhile.
    fn replace(&mut self, jobs: &[Job], built: Result<Vec<(u64, FinishedDayFile)>>) -> Result<()> {
        let built = self.take_built(built)?;
        let gone: HashSet<(u64, u64)> =
            jobs.iter().flat_map(Job::inputs).map(|section| key(section)).collect();
        if !self.has_all(&gone) {
            self.discard(&built);
            return Ok(());
        }
        self.writing(|state| {
            state.draft.unindexed.moved(&gone);
            state.draft.remove(&gone);
            for (generation, file) in built {
                state.draft.add_file(generation, file);
            }
            let spans = state.fresh_spans();
            state.publish(&spans)
        })?;
        self.show();
        Ok(())
    }
}

impl State {
    /// Files that were built beside the writer, whose numbers are free from now on.
    pub(super) fn take_built<B>(&mut self, built: Result<B>) -> Result<B> {
        self.reserved.clear();
        match built {
            // Nothing was written over it: the damaged day stays as it is, the writer goes on.
            Err(e) if e.kind() == ErrorKind::Corruption => Err(e),
            built => self.writing(|_| built),
        }
    }
}

/// A section is known by its file and its offset there.
pub(super) fn key(section: &SnapshotSection) -> (u64, u64) {
    (section.place.file, section.place.offset)
}

/// Writes a job's file: copies what stands alone and does not change, merges the rest, small days on
/// all cores.
pub(super) fn write_file(
    fs: &dyn Fs,
    root: &Path,
    job: &Job,
    identity: FileIdentity,
    change: &Change,
) -> Result<FinishedDayFile> {
    let path = root.join(day_name(identity.generation));
    let mut writer = DayFileWriter::create(fs, &path, identity)?;
    let mut rest = &job.merges[..];
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |merge: &&Merge| {
            bytes += merge.iter().map(|section| section.place.length).sum::<u64>();
            bytes <= MERGE_BYTES
        };
        let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        let built: Vec<Vec<BuiltSection>> =
            now.par_iter().map(|merge| merged(merge, change)).collect::<Result<_>>()?;
        for (merge, built) in now.iter().zip(&built) {
            let first = merge.iter().map(|s| s.place.sequence_first).min().unwrap_or(0);
            let last = merge.iter().map(|s| s.place.sequence_last).max().unwrap_or(0);
            for section in built {
                writer.add(section, first, last)?;
            }
        }
        rest = later;
    }
    finish(fs, root, writer)
}

fn merged(merge: &Merge, change: &Change) -> Result<Vec<BuiltSection>> {
    if let [alone] = &merge[..] {
        if let Some(changed) = change.of(alone)? {
            return Ok(changed);
        }
        let bytes = alone.file.section_bytes(&alone.place)?.to_vec();
        return Ok(vec![BuiltSection { bytes, totals: alone.place.totals.clone() }]);
    }
    let mut rows = DayRows::default();
    for section in merge {
        rows.append(&section.section.rows()?);
    }
    merge.first().map_or(Ok(Vec::new()), |first| sections::build(first.section.span(), &rows))
}

/// What is to be compacted.
fn plan(days: &[StoredDay], extent: Extent) -> Vec<Job> {
    let mut jobs: Vec<Job> =
        parts(days).into_values().filter_map(|parts| job_of(days, parts, extent)).collect();
    if extent == Extent::Due {
        jobs.sort_by_key(Job::bytes);
        let mut bytes = 0;
        let mut within = |job: &Job| {
            bytes += job.bytes();
            bytes <= ROUND_BYTES
        };
        let round = jobs.iter().take_while(|job| within(job)).count();
        jobs.truncate(round.max(1));
    }
    jobs
}

/// The parts of every period, by the period's kind and first day; each oldest first.
fn parts(days: &[StoredDay]) -> BTreeMap<(u8, Day), Vec<Part>> {
    let start = |day, bucket| bucket_start(day, bucket, WeekStart::Monday);
    let size = |day: &StoredDay| day.sections.iter().map(|s| s.place.length).sum::<u64>();
    let mut months: HashMap<Day, u64> = HashMap::new();
    for day in days.iter().filter(|day| size(day) < SMALL_BYTES) {
        *months.entry(start(day.span.day, Bucket::Month)).or_default() += size(day);
    }
    let mut parts: BTreeMap<(u8, Day), HashMap<u64, Part>> = BTreeMap::new();
    let wasted = wasted(days);
    for day in days {
        let month = start(day.span.day, Bucket::Month);
        let period = if size(day) >= SMALL_BYTES {
            (0, day.span.day)
        } else if months.get(&month).is_some_and(|bytes| *bytes >= SMALL_BYTES) {
            (1, month)
        } else {
            (2, start(day.span.day, Bucket::Year))
        };
        // What cannot be read stays as it is.
        for section in day.sections.iter().filter(|section| !section.file.is_damaged()) {
            let file = section.place.file;
            let part = parts.entry(period).or_default().entry(file).or_default();
            part.file = file;
            part.bytes += section.place.length;
            part.sequence_last = part.sequence_last.max(section.place.sequence_last);
            part.wasted = wasted.contains(&file);
            part.sections.push(section.clone());
        }
    }
    let sorted = |parts: HashMap<u64, Part>| {
        let mut parts: Vec<Part> = parts.into_values().collect();
        parts.sort_by_key(|part| (part.sequence_last, part.file));
        parts
    };
    parts.into_iter().map(|(period, parts)| (period, sorted(parts))).collect()
}

/// Files of whose sections less than half is alive, by bytes.
fn wasted(days: &[StoredDay]) -> HashSet<u64> {
    let mut files: HashMap<u64, (u64, u64)> = HashMap::new();
    for section in days.iter().flat_map(|day| &*day.sections) {
        let all = || section.file.places().iter().map(|place| place.length).sum();
        let (_, live) = files.entry(section.place.file).or_insert_with(|| (all(), 0));
        *live += section.place.length;
    }
    let wasted = files.into_iter().filter(|(_, (all, live))| live.saturating_mul(2) < *all);
    wasted.map(|(file, _)| file).collect()
}

fn job_of(days: &[StoredDay], mut parts: Vec<Part>, extent: Extent) -> Option<Job> {
    let (from, files_min) = match extent {
        Extent::All => (0, 2),
        Extent::Due => (gathered(&parts), PARTS_MIN),
    };
    let gathered = parts.split_off(from);
    let wasted = gathered.iter().any(|part| part.wasted);
    let job = Job { merges: merges(days, gathered.into_iter().flat_map(|part| part.sections)) };
    let files: HashSet<u64> = job.inputs().map(|section| section.place.file).collect();
    let joins = extent == Extent::All && job.merges.iter().any(|merge| merge.len() > 1);
    (files.len() >= files_min || joins || wasted && !files.is_empty()).then_some(job)
}

/// From which part on they are merged: the newest ones, while the next older is small enough.
fn gathered(parts: &[Part]) -> usize {
    let mut from = parts.len();
    let mut bytes = 0u64;
    for (at, part) in parts.iter().enumerate().rev() {
        if from < parts.len() && part.bytes > bytes.saturating_mul(RATIO) {
            break;
        }
        bytes += part.bytes;
        from = at;
    }
    from
}

/// Which of the sections are merged: those of one day that follow each other in commit order, as
/// long as one section holds their rows. A section stays out if others of its commit and day do:
/// their order among each other is that of their files.
fn merges(days: &[StoredDay], sections: impl Iterator<Item = Shared>) -> Vec<Merge> {
    let chosen: Vec<Shared> = sections.collect();
    let keys: HashSet<(u64, u64)> = chosen.iter().map(|section| key(section)).collect();
    let mut dates: Vec<Day> = chosen.iter().map(|s| s.place.totals.day).collect();
    dates.sort_unstable();
    dates.dedup();
    let mut merges = Vec::with_capacity(dates.len());
    for date in dates {
        let Ok(at) = days.binary_search_by_key(&date, |day| day.span.day) else { continue };
        let all = days.get(at).map_or(&[][..], |day| &day.sections);
        let is_in = |s: &Shared| keys.contains(&key(s));
        let whole = |s: &Shared| {
            let same = |other: &&Shared| other.place.sequence_last == s.place.sequence_last;
            all.iter().filter(same).all(is_in)
        };
        // Rows that were dropped cannot be put among others.
        let joins = |s: &Shared| is_in(s) && whole(s) && !s.section.is_thin().unwrap_or(false);
        for run in all.chunk_by(|a, b| joins(a) && joins(b)) {
            if run.iter().all(|s| is_in(s) && whole(s)) {
                merges.extend(within_rows(run));
            }
        }
    }
    merges
}

/// Cuts a run of sections so that no merge has more rows than a section may, newest gathered first.
fn within_rows(run: &[Shared]) -> Vec<Merge> {
    let mut merges: Vec<Merge> = Vec::new();
    let mut rows = 0u64;
    for section in run.iter().rev() {
        rows += section.place.totals.rows;
        match merges.last_mut().filter(|_| rows <= SECTION_ROWS_MAX as u64) {
            Some(merge) => merge.insert(0, section.clone()),
            None => {
                rows = section.place.totals.rows;
                merges.push(vec![section.clone()]);
            }
        }
    }
    merges.reverse();
    merges
}

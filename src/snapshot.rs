//! What a reader holds: one unchanging view of the database.

pub(crate) mod files;
mod info;
pub(crate) mod partial;

use crate::catalog::Catalog;
use crate::catalog::manifest::Manifest;
use crate::codec::bits::Bits;
use crate::day::datum::KindSet;
use crate::day::file::DayFile;
use crate::day::section::{ActivityCode, Section};
use crate::day::summary::{ActivityTotals, SectionPlace, SectionTotals, Summary};
use crate::error::{ErrorKind, Result};
use crate::event::Amounts;
use crate::first::FirstIndex;
use crate::first::file::FirstFile;
use crate::fs::Fs;
use crate::memtable::{Memtable, Run, RunDay};
use crate::time::{Calendar, Day, DaySpan, Micros, Zone};
use crate::users::{LiveUsers, UsersView};
use chrono::{DateTime, NaiveDate, Utc};
use files::OpenFiles;
use partial::PartialView;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, RwLock};

pub use info::{ActivityInfo, SnapshotInfo};

/// One unchanging view of the database. Cheap to clone; it never changes while it is held, whatever
/// is written, flushed or compacted meanwhile.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) inner: Arc<SnapshotInner>,
}

#[derive(Debug)]
pub(crate) struct SnapshotInner {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) calendar: Calendar,
    /// Days with a stored event, ascending.
    pub(crate) days: Vec<SnapshotDay>,
    #[cfg(test)]
    pub(crate) memtable: Memtable,
    pub(crate) users: UsersView,
    /// The first-seen index of the published days.
    pub(crate) first: Option<Arc<FirstIndex>>,
    /// First days of who was seen on days that were dropped.
    pub(crate) history: Arc<[Arc<FirstFile>]>,
    watermark: Option<Micros>,
    pub(crate) version: u64,
    /// Days are left out.
    partial: Option<PartialView>,
}

/// All sources of one day, in commit order: sections, then runs.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotDay {
    pub(crate) span: DaySpan,
    pub(crate) sections: Arc<[Arc<SnapshotSection>]>,
    /// Runs of the memtable that hold this day.
    pub(crate) runs: Vec<Arc<Run>>,
}

#[derive(Debug)]
pub(crate) struct SnapshotSection {
    pub(crate) place: SectionPlace,
    pub(crate) section: Section,
    /// The file that it lies in, for compaction's copies.
    pub(crate) file: Arc<DayFile>,
}

/// The sections of a day on disk, in commit order.
#[derive(Debug, Clone)]
pub(crate) struct StoredDay {
    pub(crate) span: DaySpan,
    pub(crate) sections: Arc<[Arc<SnapshotSection>]>,
}

/// What was published: the part of a view that changes with a new manifest, or a new catalog.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) calendar: Calendar,
    pub(crate) days: Vec<StoredDay>,
    pub(crate) sealed: Arc<Vec<Arc<crate::users::UsersFile>>>,
    pub(crate) first: Option<Arc<FirstIndex>>,
    pub(crate) history: Arc<[Arc<FirstFile>]>,
}

/// One place that holds rows of a day.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Section(&'a Section),
    Run(&'a RunDay),
}

impl SnapshotDay {
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.sections
            .iter()
            .map(|s| Source::Section(&s.section))
            .chain(self.run_days().map(Source::Run))
    }

    /// Stored rows of these activities (none: of any), and of those the ones without a user.
    pub(crate) fn rows(&self, activities: &[String]) -> (u64, u64) {
        let stored = self.sections.iter().map(|section| rows_of(&section.place.totals, activities));
        let fresh = self.run_days().map(|run| match activities {
            [] => add(run.activities().into_iter().map(|name| run.activity_rows(name))),
            names => add(names.iter().map(|name| run.activity_rows(name.as_bytes()))),
        });
        add(stored.chain(fresh))
    }

    /// What the numbers of a property come to, on events of these activities (none: of any);
    /// `None`: rows must tell.
    pub(crate) fn amounts(&self, activities: &[String], property: &str) -> Result<Option<Amounts>> {
        let names: Vec<Option<&str>> = match activities {
            [] => vec![None],
            names => names.iter().map(|name| Some(name.as_str())).collect(),
        };
        let mut all = Amounts::default();
        for (source, name) in self.sources().flat_map(|s| names.iter().map(move |n| (s, *n))) {
            match source.amounts(name, property)? {
                Some(amounts) => all.merge(&amounts),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// This day in each of its runs.
    pub(crate) fn run_days(&self) -> impl Iterator<Item = &RunDay> {
        self.runs.iter().filter_map(|run| run.days.get(&self.span.day))
    }
}

impl Source<'_> {
    /// ORs the users of an activity (`None`: of any) in the chunk into `bits`; false where there
    /// are none.
    pub(crate) fn presence_into(
        &self,
        activity: Option<&str>,
        chunk: u32,
        bits: &mut Bits,
    ) -> Result<bool> {
        match self {
            Source::Run(run) => Ok(run.presence_into(activity.map(str::as_bytes), chunk, bits)),
            Source::Section(section) => {
                let code = match activity {
                    None => Some(ActivityCode::Any),
                    Some(name) => section.activity(name.as_bytes())?,
                };
                code.map_or(Ok(false), |code| section.presence_into(code, chunk, bits))
            }
        }
    }
}

impl Source<'_> {
    /// What the numbers of a property on an activity (`None`: on any) come to; `None`: rows must
    /// tell.
    fn amounts(&self, activity: Option<&str>, property: &str) -> Result<Option<Amounts>> {
        match self {
            Source::Run(run) => Ok(Some(run.amounts(activity.map(str::as_bytes), property))),
            Source::Section(section) => {
                let code = match activity {
                    None => Some(ActivityCode::Any),
                    Some(name) => section.activity(name.as_bytes())?,
                };
                let none = Ok(Some(Amounts::default()));
                code.map_or(none, |code| section.amounts_of(code, property))
            }
        }
    }
}

impl Published {
    /// Opens what a manifest names. `spans`: of days in the memtable, which rule like stored ones.
    pub(crate) fn open(
        fs: &dyn Fs,
        root: &Path,
        open: &mut OpenFiles,
        manifest: Arc<Manifest>,
        catalog: Arc<Catalog>,
        summary: &Summary,
        spans: &[DaySpan],
    ) -> Result<Published> {
        let days = open.days(fs, root, &manifest, summary)?;
        let sealed = open.users(fs, root, &manifest)?;
        let first = open.first(fs, root, &manifest);
        let history = open.history(fs, root, &manifest)?;
        let zone = Zone::named(&catalog.time_zone)?;
        let stored = days.iter().map(|day| day.span).chain(spans.iter().copied());
        let calendar = Calendar::new(zone, stored);
        Ok(Published { manifest, catalog, calendar, days, sealed, first, history })
    }

    /// The users of the files, and none besides.
    pub(crate) fn users(&self) -> UsersView {
        let count = self.manifest.users_count();
        let live = Arc::new(RwLock::new(LiveUsers::new(count)));
        UsersView { sealed: self.sealed.clone(), live, count }
    }
}

impl SnapshotInner {
    /// A view of what was published, the memtable on top of it, and the users of both.
    pub(crate) fn new(
        published: &Published,
        memtable: Memtable,
        users: UsersView,
    ) -> SnapshotInner {
        let days = days_of(&published.days, &memtable);
        let stored = days.iter().flat_map(|d| &*d.sections).map(|s| s.place.totals.last);
        let fresh = days.iter().flat_map(SnapshotDay::run_days);
        let fresh = fresh.filter_map(|d| Some(d.span.start + d.times()?.1));
        let watermark = stored.chain(fresh).max();
        SnapshotInner {
            manifest: published.manifest.clone(),
            catalog: published.catalog.clone(),
            calendar: published.calendar.clone(),
            days,
            #[cfg(test)]
            memtable,
            users,
            first: published.first.clone(),
            history: published.history.clone(),
            watermark,
            version: 0,
            partial: None,
        }
    }

    /// Days with a stored event within `[from, to)`, ascending.
    pub(crate) fn days_in(&self, from: Day, to: Day) -> &[SnapshotDay] {
        let a = self.days.partition_point(|d| d.span.day < from);
        let b = self.days.partition_point(|d| d.span.day < to);
        self.days.get(a..b.max(a)).unwrap_or_default()
    }

    /// The stored day of that date.
    pub(crate) fn day(&self, day: Day) -> Option<&SnapshotDay> {
        let at = self.days.binary_search_by_key(&day, |d| d.span.day).ok()?;
        self.days.get(at)
    }

    /// Chunks that hold a user.
    pub(crate) fn chunks(&self) -> u32 {
        self.users.count.div_ceil(65_536)
    }

    /// The first-seen index, where there is one and nothing was found wrong with it.
    pub(crate) fn first(&self) -> Option<&FirstIndex> {
        self.first.as_deref().filter(|first| first.broken().is_none())
    }

    /// Time of the newest event; `None` in an empty database.
    pub(crate) fn watermark(&self) -> Option<Micros> {
        self.watermark
    }

    /// Is any event of this activity name stored? (for the "never seen" warning)
    pub(crate) fn knows_activity(&self, name: &str) -> bool {
        self.days.iter().any(|day| {
            day.sections.iter().any(|s| users_of(&s.place.totals, name).is_some())
                || day.run_days().any(|run| run.activity_rows(name.as_bytes()).0 > 0)
        })
    }

    /// Was any event with this property ever stored? (for the "never seen" warning) A damaged
    /// section may hold one.
    pub(crate) fn knows_property(&self, property: &str) -> Result<bool> {
        let sections = self.days.iter().rev().flat_map(|day| &*day.sections);
        let runs = self.days.iter().rev().flat_map(SnapshotDay::run_days);
        let has = |section: &Arc<SnapshotSection>| {
            unless_damaged(section.section.has_property(property), true)
        };
        Ok(runs.into_iter().any(|run| !run.rows.kinds(property).is_empty())
            || any(sections.map(has))?)
    }

    /// Kinds that the property was found to hold, from the newest day back; the search ends once
    /// a wanted one is found. A damaged section may hold it.
    pub(crate) fn property_kinds(&self, property: &str, wanted: KindSet) -> Result<KindSet> {
        let mut kinds = KindSet::NONE;
        for source in self.days.iter().rev().flat_map(SnapshotDay::sources) {
            kinds = kinds.or(match source {
                Source::Section(section) => {
                    unless_damaged(section.kinds(property, wanted), wanted)?
                }
                Source::Run(run) => run.rows.kinds(property),
            });
            if !kinds.and(wanted).is_empty() {
                break;
            }
        }
        Ok(kinds)
    }

    /// Names of all activities with a stored event, sorted by bytes.
    pub(crate) fn activity_names(&self) -> Vec<String> {
        let sections = self.days.iter().flat_map(|day| &*day.sections);
        let stored = sections.flat_map(|s| &s.place.totals.activities).map(|a| a.name.as_str());
        let fresh = self.days.iter().flat_map(SnapshotDay::run_days).flat_map(RunDay::activities);
        let fresh = fresh.filter_map(|name| std::str::from_utf8(name).ok());
        let names: BTreeSet<&str> = stored.chain(fresh).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Distinct users of the activity (`None`: any) on the day, where totals alone tell: one
    /// section and no run.
    pub(crate) fn day_total(&self, day: &SnapshotDay, activity: Option<&str>) -> Option<u64> {
        match (&*day.sections, &*day.runs) {
            ([only], []) => match activity {
                None => Some(only.place.totals.users),
                Some(name) => Some(users_of(&only.place.totals, name).unwrap_or(0)),
            },
            _ => None,
        }
    }

    /// Calls `visit(chunk, bits)` for each chunk with a user of the activity (`None`: any) on the
    /// day.
    pub(crate) fn each_chunk(
        &self,
        day: &SnapshotDay,
        activity: Option<&str>,
        mut visit: impl FnMut(u32, &Bits),
    ) -> Result<()> {
        for chunk in 0..self.chunks() {
            let mut bits = Bits::EMPTY;
            let mut found = false;
            for source in day.sources() {
                found |= source.presence_into(activity, chunk, &mut bits)?;
            }
            if found {
                visit(chunk, &bits);
            }
        }
        Ok(())
    }
}

/// What was read, or something else where damage was found.
fn unless_damaged<T>(read: Result<T>, damaged: T) -> Result<T> {
    match read {
        Err(e) if e.kind() == ErrorKind::Corruption => Ok(damaged),
        read => read,
    }
}

/// Is one of them true? Those after it are not looked at.
fn any(mut tests: impl Iterator<Item = Result<bool>>) -> Result<bool> {
    tests.find(|test| !matches!(test, Ok(false))).unwrap_or(Ok(false))
}

fn users_of(totals: &SectionTotals, activity: &str) -> Option<u64> {
    totals_of(totals, activity).map(|activity| activity.users)
}

/// Rows of these activities (none: of any), and of those the ones without a user.
fn rows_of(totals: &SectionTotals, activities: &[String]) -> (u64, u64) {
    let named = activities.iter().filter_map(|name| totals_of(totals, name));
    match activities {
        [] => (totals.rows, totals.rows_without_user),
        _ => add(named.map(|activity| (activity.rows, activity.rows_without_user))),
    }
}

fn add(pairs: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    pairs.fold((0, 0), |(a, b), (more_a, more_b)| (a + more_a, b + more_b))
}

fn totals_of<'a>(totals: &'a SectionTotals, activity: &str) -> Option<&'a ActivityTotals> {
    let at = totals.activities.binary_search_by(|a| a.name.as_str().cmp(activity)).ok()?;
    totals.activities.get(at)
}

/// Stored days and the memtable's, ascending, each with all of its sources.
fn days_of(stored: &[StoredDay], memtable: &Memtable) -> Vec<SnapshotDay> {
    let mut fresh: BTreeMap<Day, (DaySpan, Vec<Arc<Run>>)> = BTreeMap::new();
    for run in &memtable.runs {
        for (day, part) in &run.days {
            fresh.entry(*day).or_insert((part.span, Vec::new())).1.push(run.clone());
        }
    }
    let mut days: Vec<SnapshotDay> = stored
        .iter()
        .map(|day| {
            let runs = fresh.remove(&day.span.day).map(|(_, runs)| runs).unwrap_or_default();
            SnapshotDay { span: day.span, sections: day.sections.clone(), runs }
        })
        .collect();
    if !fresh.is_empty() {
        let none: Arc<[Arc<SnapshotSection>]> = Arc::new([]);
        days.extend(fresh.into_values().map(|(span, runs)| SnapshotDay {
            span,
            sections: none.clone(),
            runs,
        }));
        days.sort_by_key(|day| day.span.day);
    }
    days
}

impl Snapshot {
    /// Dates with a stored event, ascending, in the database's time zone.
    #[must_use]
    pub fn days(&self) -> Vec<NaiveDate> {
        self.inner.days.iter().map(|day| crate::time::date_of(day.span.day)).collect()
    }

    /// Users that were ever seen, without those erased.
    #[must_use]
    pub fn users_count(&self) -> u32 {
        self.inner.users.count.saturating_sub(self.inner.catalog.forgotten)
    }

    /// A number that grows whenever something is committed or published: an event, a saved cohort,
    /// an erasure, a flush. Two snapshots of one open [`Db`](crate::Db) with the same version
    /// answer every query alike; numbers of different handles have nothing to do with each other.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("db");
    /// use daybit::{Db, Event, Options};
    /// let db = Db::create(&path, Options::new())?;
    /// let version = db.snapshot()?.version();
    /// assert_eq!(db.snapshot()?.version(), version);
    /// db.writer()?.write(Event::new("anna", "visit"))?;
    /// assert!(db.snapshot()?.version() > version);
    /// # Ok::<(), daybit::Error>(())
    /// ```
    #[must_use]
    pub fn version(&self) -> u64 {
        self.inner.version
    }

    /// Time of the newest event; `None` in an empty database.
    #[must_use]
    pub fn watermark(&self) -> Option<DateTime<Utc>> {
        self.inner.watermark.map(crate::time::instant_of)
    }
}

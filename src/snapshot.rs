//! What a reader holds: one unchanging view of the database.

use crate::catalog::Catalog;
use crate::catalog::manifest::Manifest;
use crate::codec::bits::Bits;
use crate::day::section::{ActivityCode, Section};
use crate::day::summary::SectionPlace;
use crate::memtable::{Memtable, RunDay};
use crate::time::{Calendar, Day, DaySpan, Micros};
use crate::users::UsersView;
use std::sync::Arc;

/// One unchanging view of the database. Cheap to clone; it never changes while it is held.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) inner: Arc<SnapshotInner>,
}

#[derive(Debug)]
pub(crate) struct SnapshotInner {
    pub(crate) manifest: Manifest,
    pub(crate) catalog: Catalog,
    pub(crate) calendar: Calendar,
    /// Days with a stored event, ascending.
    pub(crate) days: Vec<SnapshotDay>,
    pub(crate) memtable: Memtable,
    pub(crate) users: UsersView,
    /// Last sequence in this view.
    pub(crate) sequence: u64,
}

/// All sources of one day, in commit order: sections, then runs.
#[derive(Debug)]
pub(crate) struct SnapshotDay {
    pub(crate) span: DaySpan,
    pub(crate) sections: Vec<SnapshotSection>,
    /// Runs of the memtable that hold this day.
    pub(crate) runs: Vec<Arc<crate::memtable::Run>>,
}

#[derive(Debug)]
pub(crate) struct SnapshotSection {
    pub(crate) place: SectionPlace,
    pub(crate) section: Section,
}

/// One place that holds rows of a day.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'a> {
    Section(&'a Section),
    Run(&'a RunDay),
}

impl SnapshotDay {
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        let runs = self.runs.iter().filter_map(|run| run.days.get(&self.span.day));
        self.sections.iter().map(|s| Source::Section(&s.section)).chain(runs.map(Source::Run))
    }
}

impl SnapshotInner {
    /// Days with a stored event within `[from, to)`, ascending.
    pub(crate) fn days_in(&self, from: Day, to: Day) -> &[SnapshotDay] {
        let a = self.days.partition_point(|d| d.span.day < from);
        let b = self.days.partition_point(|d| d.span.day < to);
        self.days.get(a..b.max(a)).unwrap_or_default()
    }
    /// Chunks that hold a user.
    pub(crate) fn chunks(&self) -> u32 {
        self.users.count.div_ceil(65_536)
    }
    /// Time of the newest event; `None` in an empty database.
    pub(crate) fn watermark(&self) -> Option<Micros> {
        todo!()
    }
    /// Is any event of this activity name stored? (for the "never seen" warning)
    pub(crate) fn knows_activity(&self, _name: &str) -> bool {
        todo!()
    }
    /// Distinct users of the activity (`None`: any) on the day, where totals alone tell: one section and no run.
    pub(crate) fn day_total(&self, _day: &SnapshotDay, _activity: Option<&str>) -> Option<u64> {
        todo!()
    }
}

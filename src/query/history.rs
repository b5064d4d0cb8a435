//! What a plan asks of stored history.

use crate::day::datum::KindSet;
use crate::error::Result;
use crate::snapshot::{SnapshotDay, SnapshotInner};
use crate::time::{Calendar, Day, Micros};
use std::collections::BTreeMap;

/// The part of a snapshot that a plan looks at.
pub(super) trait History {
    /// The database's days.
    fn calendar(&self) -> &Calendar;
    /// Time of the first event.
    fn first_at(&self) -> Option<Micros>;
    /// Time of the newest event not after `now`; `now` itself where it lies between two events of
    /// one section of one day.
    fn newest_at(&self, now: Micros) -> Option<Micros>;
    /// Stored events at `at` and later.
    fn events_from(&self, at: Micros) -> Later;
    /// Time of the newest event.
    fn watermark(&self) -> Option<Micros>;
    /// Is any event of this name stored?
    fn knows_activity(&self, name: &str) -> bool;
    /// Was any event with this property ever stored?
    fn knows_property(&self, property: &str) -> Result<bool>;
    /// Did the property ever hold a value of one of these kinds?
    fn holds(&self, property: &str, kinds: KindSet) -> Result<bool>;
    /// The days before this one were dropped.
    fn days_from(&self) -> Option<Day>;
    /// Saved cohorts: name to the JSON of a set.
    fn cohorts(&self) -> &BTreeMap<String, String>;
}

/// Events from an instant on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Later {
    /// Those of the days that are known to be later as a whole.
    pub(super) events: u64,
    /// There are more than those.
    pub(super) more: bool,
}

impl History for SnapshotInner {
    fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    fn days_from(&self) -> Option<Day> {
        self.manifest.days_from
    }

    fn first_at(&self) -> Option<Micros> {
        // Days tile the line: the first day's first event is the first of all.
        self.days.first().and_then(|day| parts(day).map(|part| part.first).min())
    }

    fn newest_at(&self, now: Micros) -> Option<Micros> {
        let begun = self.days.partition_point(|day| day.span.start <= now);
        let begun = self.days.get(..begun).unwrap_or_default();
        begun.iter().rev().find_map(|day| {
            parts(day).filter(|part| part.first <= now).map(|part| part.last.min(now)).max()
        })
    }

    fn events_from(&self, at: Micros) -> Later {
        let day = self.calendar.span_of(at).day;
        let mut later = Later::default();
        for part in self.days_in(day, Day::MAX).iter().flat_map(parts) {
            match part.first >= at {
                true => later.events += part.events,
                false => later.more |= part.last >= at,
            }
        }
        later
    }

    fn watermark(&self) -> Option<Micros> {
        SnapshotInner::watermark(self)
    }

    fn knows_activity(&self, name: &str) -> bool {
        SnapshotInner::knows_activity(self, name)
    }

    fn knows_property(&self, property: &str) -> Result<bool> {
        SnapshotInner::knows_property(self, property)
    }

    fn holds(&self, property: &str, kinds: KindSet) -> Result<bool> {
        Ok(!self.property_kinds(property, kinds)?.and(kinds).is_empty())
    }

    fn cohorts(&self) -> &BTreeMap<String, String> {
        &self.catalog.cohorts
    }
}

/// One section or run of a day.
struct Part {
    first: Micros,
    last: Micros,
    events: u64,
}

fn parts(day: &SnapshotDay) -> impl Iterator<Item = Part> {
    let sections = day.sections.iter().map(|section| {
        let totals = &section.place.totals;
        Part { first: totals.first, last: totals.last, events: totals.rows }
    });
    let start = day.span.start;
    let runs = day.run_days().filter_map(move |run| {
        let (first, last) = run.times()?;
        Some(Part { first: start + first, last: start + last, events: run.rows.len() as u64 })
    });
    sections.chain(runs)
}

//! A view in which some days are not: for answers that leave out what is damaged.
//!
//! Everything that says which days there are, and when, is told by the whole view, so that a query
//! has the same range, buckets and end of what is known with a day or without it.

use super::files::day_name;
use super::{Snapshot, SnapshotDay, SnapshotInner, SnapshotSection};
use crate::error::{ErrorKind, Result};
use crate::time::Day;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// What a view without some days remembers.
#[derive(Debug)]
pub(crate) struct PartialView {
    whole: Arc<SnapshotInner>,
    /// The days that somebody asked for.
    asked: Mutex<BTreeSet<Day>>,
}

/// Damaged days, and the names of the files in which damage was found.
pub(crate) type DamagedDays = BTreeMap<Day, BTreeSet<String>>;

impl Snapshot {
    /// The same without some days. The first-seen index tells of all days: without some of them it
    /// is not asked.
    pub(crate) fn without(&self, days: &DamagedDays) -> Snapshot {
        let whole = &self.inner;
        let kept = whole.days.iter().filter(|day| !days.contains_key(&day.span.day));
        let inner = SnapshotInner {
            manifest: whole.manifest.clone(),
            catalog: whole.catalog.clone(),
            calendar: whole.calendar.clone(),
            days: kept.cloned().collect(),
            #[cfg(test)]
            memtable: whole.memtable.clone(),
            users: whole.users.clone(),
            first: whole.first.clone().filter(|_| days.is_empty()),
            history: whole.history.clone(),
            watermark: whole.watermark,
            version: whole.version,
            partial: Some(PartialView { whole: whole.clone(), asked: Mutex::default() }),
        };
        Snapshot { inner: Arc::new(inner) }
    }
}

impl SnapshotInner {
    /// The view with all days.
    pub(crate) fn whole(&self) -> &SnapshotInner {
        self.partial.as_ref().map_or(self, |partial| &partial.whole)
    }

    /// Days at these places are about to be read.
    pub(crate) fn note_asked(&self, places: &[Range<usize>]) {
        let Some(partial) = &self.partial else { return };
        let days = places.iter().filter_map(|places| self.days.get(places.clone())).flatten();
        let mut asked = partial.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.extend(days.map(|day| day.span.day));
    }

    /// Reads all of the days that were asked for: those that are damaged.
    pub(crate) fn damaged_of_asked(&self) -> Result<DamagedDays> {
        let mut damaged = DamagedDays::new();
        let Some(partial) = &self.partial else { return Ok(damaged) };
        let asked = partial.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for day in self.days.iter().filter(|day| asked.contains(&day.span.day)) {
            let files = damaged_files(day)?;
            if !files.is_empty() {
                damaged.insert(day.span.day, files);
            }
        }
        Ok(damaged)
    }
}

fn damaged_files(day: &SnapshotDay) -> Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for section in &*day.sections {
        if section.is_damaged()? {
            files.insert(day_name(section.place.file));
        }
    }
    Ok(files)
}

impl SnapshotSection {
    /// Reads all of it.
    fn is_damaged(&self) -> Result<bool> {
        match self.section.verify() {
            Err(e) if e.kind() == ErrorKind::Corruption => Ok(true),
            verified => verified.map(|()| false),
        }
    }
}

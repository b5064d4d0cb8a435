//! What an import replaces: sections that go, and the rows of other activities that stay.

use super::bulk::{Removed, Replace};
use super::sections::{self, select};
use crate::day::build::BuiltSection;
use crate::day::rows::DayRows;
use crate::day::thin::{Stays, thin};
use crate::error::Result;
use crate::snapshot::{SnapshotSection, StoredDay};
use crate::time::Day;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sections to take out, and those to put in their place.
#[derive(Default)]
pub(crate) struct Replacement {
    /// By file and offset.
    pub(crate) gone: Vec<(u64, u64)>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) removed: Removed,
}

/// The rows of a section that stay; its commits are the old section's.
pub(crate) struct Kept {
    pub(crate) built: Vec<BuiltSection>,
    pub(crate) sequence_first: u64,
    pub(crate) sequence_last: u64,
}

impl Replacement {
    pub(crate) fn of(days: &[StoredDay], replace: &Replace) -> Result<Replacement> {
        let mut replacement = Replacement::default();
        match replace {
            Replace::Nothing => {}
            Replace::WholeDays(dates) => {
                for day in dates.iter().filter_map(|date| stored(days, *date)) {
                    day.sections.iter().for_each(|section| replacement.take(section, None));
                }
            }
            Replace::Activities(dates) => {
                for (date, activities) in dates {
                    if let Some(day) = stored(days, *date) {
                        replacement.filter(day, activities)?;
                    }
                }
            }
        }
        Ok(replacement)
    }

    /// Takes a section out and counts its rows of these activities (`None`: of all).
    fn take(&mut self, section: &SnapshotSection, activities: Option<&BTreeSet<String>>) {
        let place = &section.place;
        self.gone.push((place.file, place.offset));
        for activity in &place.totals.activities {
            if activities.is_none_or(|wanted| wanted.contains(&activity.name)) {
                let day = self.removed.entry(place.totals.day).or_default();
                *day.entry(activity.name.clone()).or_default() += activity.rows;
            }
        }
    }

    /// Rebuilds the sections of a day that hold one of the activities, and those of the same
    /// commits, so that the order among them stays.
    fn filter(&mut self, day: &StoredDay, activities: &BTreeSet<String>) -> Result<()> {
        let holds = |section: &&Arc<SnapshotSection>| {
            section.place.totals.activities.iter().any(|a| activities.contains(&a.name))
        };
        let commits: BTreeSet<u64> =
            day.sections.iter().filter(holds).map(|s| s.place.sequence_last).collect();
        for section in day.sections.iter() {
            if !commits.contains(&section.place.sequence_last) {
                continue;
            }
            self.take(section, Some(activities));
            self.kept.push(Kept {
                built: kept(section, activities)?,
                sequence_first: section.place.sequence_first,
                sequence_last: section.place.sequence_last,
            });
        }
        Ok(())
    }
}

/// What stays of a section where activities go.
fn kept(section: &SnapshotSection, gone: &BTreeSet<String>) -> Result<Vec<BuiltSection>> {
    if !section.section.is_thin()? {
        return sections::build(section.section.span(), &without(&section.section.rows()?, gone));
    }
    let goes = |activity: &[u8]| gone.iter().any(|name| name.as_bytes() == activity);
    let stays = Stays { rows: &|_, activity| !goes(activity), ..Stays::ALL };
    let built = thin(&section.section, &section.place.totals, stays)?;
    Ok(built.into_iter().collect())
}

fn stored(days: &[StoredDay], date: Day) -> Option<&StoredDay> {
    days.get(days.binary_search_by_key(&date, |day| day.span.day).ok()?)
}

/// The rows of all other activities. Insert ids are not told apart by row: all of them stay.
fn without(rows: &DayRows, activities: &BTreeSet<String>) -> DayRows {
    let goes = |code: u32| activities.iter().any(|a| a.as_bytes() == rows.strings.get(code));
    let kept = rows.activities.iter().zip(0u32..).filter(|(code, _)| !goes(**code));
    let kept: Vec<u32> = kept.map(|(_, row)| row).collect();
    select(rows, &kept)
}

//! Sections without their rows: who did what, how often, and what numbers came to is kept.
//!
//! A thin section has the blocks of a whole one with presence and counts, and no pages, no index
//! containers and no texts. Whoever asks it for rows is told that they were dropped.

use super::amounts;
use super::build::{BuiltSection, Thin, build_thin};
use super::format::{ANY, CHUNK_NONE};
use super::rows::{DayRows, NO_USER};
use super::section::Section;
use super::summary::SectionTotals;
use crate::error::{Error, ErrorKind, Result};
use crate::time::format_day;
use std::collections::BTreeMap;

impl Section {
    /// Were the rows dropped?
    pub(crate) fn is_thin(&self) -> Result<bool> {
        Ok(self.opened()?.thin)
    }

    /// For whoever asks for rows that were dropped.
    pub(super) fn dropped(&self) -> Error {
        let day = format_day(self.span().day);
        let message = format!(
            "the events of {day} were dropped; who was active, how often, and what numbers came to \
             is kept, and this question needs more: ask for later days"
        );
        Error::new(ErrorKind::Dropped, message)
    }

    /// A row for each that there was, of which user and activity are known.
    pub(super) fn presence_rows(&self) -> Result<DayRows> {
        let opened = self.opened()?;
        let mut rows = DayRows::default();
        for name in &opened.properties {
            let name = rows.strings.code(name.as_bytes());
            rows.column(name);
        }
        for (at, record) in self.blocks()?.iter().enumerate() {
            let Some(activity) = usize::from(record.activity.get()).checked_sub(1) else {
                continue;
            };
            let name = opened.activities.get(activity).map_or("", |name| name);
            let activity = rows.strings.code(name.as_bytes());
            if record.chunk.get() == CHUNK_NONE {
                let all = rows.users.len() + record.rows.get() as usize;
                rows.users.resize(all, NO_USER);
            } else {
                let users = self.block_users(at, record)?;
                let counts = self.counts_of(at, record, 0..users.len())?;
                let each = users.iter().zip(counts);
                rows.users.extend(
                    each.flat_map(|(user, count)| std::iter::repeat_n(*user, count as usize)),
                );
            }
            rows.activities.resize(rows.users.len(), activity);
        }
        rows.times.resize(rows.users.len(), 0);
        let (ids, users) = self.insert_ids()?;
        let ids = ids.iter().map(|id| id.get()).zip(users.iter().map(|user| user.get()));
        rows.insert_ids = ids.collect();
        Ok(rows)
    }
}

/// What stays of a section.
#[derive(Clone, Copy)]
pub(crate) struct Stays<'a> {
    /// Rows, by user and activity.
    pub(crate) rows: &'a dyn Fn(u32, &[u8]) -> bool,
    /// Insert ids, by user.
    pub(crate) ids: &'a dyn Fn(u32) -> bool,
}

impl Stays<'_> {
    pub(crate) const ALL: Stays<'static> = Stays { rows: &|_, _| true, ids: &|_| true };
}

/// The section without its rows; of those that do not stay nothing at all is left. `None` where
/// nothing stays. What numbers came to is kept where all rows of an activity stay; elsewhere it is
/// not known any more.
pub(crate) fn thin(
    section: &Section,
    totals: &SectionTotals,
    stays: Stays<'_>,
) -> Result<Option<BuiltSection>> {
    let all = section.presence_rows()?;
    let is_kept = |row: &u32| {
        let row = *row as usize;
        (stays.rows)(all.users[row], all.strings.get(all.activities[row]))
    };
    let kept: Vec<u32> = (0..all.len() as u32).filter(is_kept).collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let mut rows = all.permuted(&kept);
    rows.insert_ids = all.insert_ids.iter().filter(|(_, user)| (stays.ids)(*user)).collect();
    let (before, after) = (rows_by_activity(&all), rows_by_activity(&rows));
    let is_whole =
        |activity: &str| before.get(activity.as_bytes()) == after.get(activity.as_bytes());
    let names: Vec<&[u8]> = after.keys().copied().collect();
    let code = |activity: &str| names.binary_search(&activity.as_bytes()).ok();
    let amounts = amounts::carried(section, &is_whole, &code)?;
    let (first, last) = (totals.first, totals.last);
    build_thin(section.span(), &rows, Thin { amounts, first, last }).map(Some)
}

fn rows_by_activity(rows: &DayRows) -> BTreeMap<&[u8], usize> {
    let mut count = BTreeMap::new();
    for code in &rows.activities {
        *count.entry(rows.strings.get(*code)).or_default() += 1;
    }
    count
}

/// Is a block one whose rows were dropped, or whose rows are there? `None`: it has none.
pub(super) fn block_is_thin(record: &super::format::BlockRecord) -> Option<bool> {
    (record.activity.get() != ANY).then_some(record.head.length.get() == 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::codec::bits::Bits;
    use crate::day::section::ActivityCode;
    use crate::day::tests::{built, section_of, varied_rows};

    fn counts(section: &Section, activity: &str) -> Vec<(u32, u16, u32)> {
        let Some(code) = section.activity(activity.as_bytes()).unwrap() else { return Vec::new() };
        let mut all = Vec::new();
        for chunk in 0..3 {
            let visit = &mut |low, count| all.push((chunk, low, count));
            section.counts(code, chunk, visit).unwrap();
        }
        all
    }

    #[test]
    fn people_counts_amounts_and_insert_ids_stay_and_rows_are_refused() {
        let (whole, section) = built(&varied_rows());
        let built = thin(&section, &whole.totals, Stays::ALL).unwrap().unwrap();
        assert_eq!(built.totals, whole.totals);
        assert!(built.bytes.len() < whole.bytes.len());
        let small = section_of(&built);
        assert!(small.is_thin().unwrap() && !section.is_thin().unwrap());
        for name in &whole.totals.activities {
            assert_eq!(counts(&small, &name.name), counts(&section, &name.name));
        }
        for chunk in 0..3 {
            let [mut a, mut b] = [Bits::EMPTY; 2];
            section.presence_into(ActivityCode::Any, chunk, &mut a).unwrap();
            small.presence_into(ActivityCode::Any, chunk, &mut b).unwrap();
            assert!(a.0 == b.0);
        }
        for name in section.property_names().unwrap() {
            let of = |section: &Section| section.amounts_of(ActivityCode::Any, name).unwrap();
            assert_eq!(format!("{:?}", of(&small)), format!("{:?}", of(&section)));
        }
        assert_eq!(small.rows().unwrap_err().kind(), ErrorKind::Dropped);
        assert!(small.has_insert_id(7).unwrap());
        small.verify().unwrap();
        let again = thin(&small, &built.totals, Stays::ALL).unwrap().unwrap();
        assert_eq!(again.bytes, built.bytes);
        let nothing = Stays { rows: &|_, _| false, ..Stays::ALL };
        assert!(thin(&small, &built.totals, nothing).unwrap().is_none());
    }

    #[test]
    fn of_who_goes_nothing_stays_and_sums_without_them_are_unknown() {
        let mut rows = DayRows::default();
        for user in 0..3 {
            rows.push(user, b"buy", 0);
            rows.set(b"price", &crate::Value::Integer(5));
            rows.push(user + 1, b"tip", 0);
            rows.set(b"price", &crate::Value::Integer(1));
        }
        rows.insert_ids = [(1, 0), (2, 1), (3, NO_USER)].into_iter().collect();
        let (whole, section) = built(&rows);
        let stays = Stays { rows: &|user, _| user != 0, ids: &|user| user != 0 };
        let built = thin(&section, &whole.totals, stays).unwrap().unwrap();
        let small = section_of(&built);
        assert_eq!(counts(&small, "buy"), [(0, 1, 1), (0, 2, 1)]);
        let sum = |activity: &[u8]| {
            let code = small.activity(activity).unwrap().unwrap();
            small.amounts_of(code, "price").unwrap().map(|amounts| amounts.count)
        };
        assert_eq!((sum(b"buy"), sum(b"tip")), (None, Some(3)));
        assert!(!small.has_insert_id(1).unwrap() && small.has_insert_id(2).unwrap());
        assert!(small.has_insert_id(3).unwrap());
        small.verify().unwrap();
    }
}

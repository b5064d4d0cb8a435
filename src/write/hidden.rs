//! People who are to go, and what their going leaves of rows.

use super::sections::select;
use crate::codec::bits::Bits;
use crate::day::build::BuiltSection;
use crate::day::rows::{DayRows, NO_USER};
use crate::day::section::{ActivityCode, Section};
use crate::day::thin::{Stays, thin};
use crate::error::Result;
use crate::snapshot::SnapshotSection;
use roaring::RoaringBitmap;
use std::sync::LazyLock;

/// Nobody goes.
pub(crate) static NOBODY: LazyLock<Hidden> = LazyLock::new(|| Hidden::new(&[]));

/// Ordinals of people who are to go.
#[derive(Debug, Clone)]
pub(crate) struct Hidden(RoaringBitmap);

impl Hidden {
    pub(crate) fn new(ordinals: &[u32]) -> Hidden {
        Hidden(ordinals.iter().copied().filter(|ordinal| *ordinal != NO_USER).collect())
    }

    pub(crate) fn contains(&self, ordinal: u32) -> bool {
        self.0.contains(ordinal)
    }

    /// Is one of them within `[first, first + count)`?
    pub(crate) fn any_of(&self, first: u32, count: u32) -> bool {
        self.0.range_cardinality(first..first.saturating_add(count)) > 0
    }

    /// Does a section hold a row of theirs, or an insert id?
    pub(crate) fn is_in(&self, section: &Section) -> Result<bool> {
        let mut chunks: Vec<u32> = self.0.iter().map(|ordinal| ordinal >> 16).collect();
        chunks.dedup();
        for chunk in chunks {
            let mut bits = Bits::EMPTY;
            section.presence_into(ActivityCode::Any, chunk, &mut bits)?;
            let first = chunk << 16;
            let mut theirs = self.0.range(first..=first | 0xffff);
            if theirs.any(|ordinal| bits.contains((ordinal & 0xffff) as u16)) {
                return Ok(true);
            }
        }
        Ok(section.insert_id_users()?.iter().any(|user| self.contains(user.get())))
    }

    /// The section without its rows and without them, where the rows are dropped already.
    pub(crate) fn thinned(&self, section: &SnapshotSection) -> Result<Option<BuiltSection>> {
        let stays =
            Stays { rows: &|user, _| !self.contains(user), ids: &|user| !self.contains(user) };
        thin(&section.section, &section.place.totals, stays)
    }

    /// The rows of all others, with no text that only theirs had.
    pub(crate) fn without(&self, rows: &DayRows) -> DayRows {
        let kept = rows.users.iter().zip(0u32..).filter(|(user, _)| !self.contains(**user));
        let kept: Vec<u32> = kept.map(|(_, row)| row).collect();
        let ids = rows.insert_ids.iter().filter(|(_, user)| !self.contains(*user)).collect();
        DayRows { insert_ids: ids, ..select(rows, &kept) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_insert_ids_of_the_hidden_go() {
        let mut rows = DayRows::default();
        for user in [7, NO_USER, 70_000, 7, 8] {
            rows.push(user, b"visit", 0);
            rows.insert_ids.push(u128::from(user), user);
        }
        let hidden = Hidden::new(&[7, 70_000, NO_USER]);
        let left = hidden.without(&rows);
        assert_eq!(left.users, [NO_USER, 8]);
        let users: Vec<u32> = left.insert_ids.iter().map(|(_, user)| user).collect();
        assert_eq!(users, [NO_USER, 8]);
        assert!(hidden.any_of(70_000, 1) && hidden.any_of(0, 8) && !hidden.any_of(0, 7));
        assert!(!hidden.any_of(u32::MAX - 1, 5));
    }
}

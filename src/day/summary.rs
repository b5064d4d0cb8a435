//! What opening needs to know of every section without reading it: kept in one file for all day files.

use serde::{Deserialize, Serialize};

/// Counts of one activity in one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivityTotals {
    /// Name bytes (valid UTF-8).
    pub(crate) name: String,
    /// Distinct users.
    pub(crate) users: u64,
    /// Rows, those without a user included.
    pub(crate) rows: u64,
    /// Rows without a user.
    pub(crate) rows_without_user: u64,
}

/// The outer totals of one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SectionTotals {
    pub(crate) day: i32,
    /// The day's span in UTC microseconds: it rules for this day for ever.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Distinct users of any activity.
    pub(crate) users: u64,
    pub(crate) rows: u64,
    pub(crate) rows_without_user: u64,
    /// Instants of the earliest and latest row, UTC microseconds.
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Sorted by name.
    pub(crate) activities: Vec<ActivityTotals>,
}

/// Where a live section lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SectionPlace {
    /// The day file's generation.
    pub(crate) file: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// Sequence numbers of the first and last commit in it: sections of a day merge in this order.
    pub(crate) sequence_first: u64,
    pub(crate) sequence_last: u64,
    pub(crate) totals: SectionTotals,
}

/// All live sections, ordered by (day, sequence_last).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) sections: Vec<SectionPlace>,
}

impl Summary {
    /// Activity names are interned in the bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        todo!()
    }
    pub(crate) fn decode(_file: &str, _bytes: &[u8]) -> crate::Result<Summary> {
        todo!()
    }
}

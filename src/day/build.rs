//! Rows of a day to the bytes of a section.

use super::rows::DayRows;
use super::summary::SectionTotals;
use crate::time::DaySpan;

/// A built section: its bytes and what the summary says of it.
pub(crate) struct BuiltSection {
    pub(crate) bytes: Vec<u8>,
    pub(crate) totals: SectionTotals,
}

/// Builds a section of rows in any order. Pure; runs on any thread.
pub(crate) fn build_section(_span: DaySpan, _rows: &DayRows) -> crate::Result<BuiltSection> {
    todo!()
}

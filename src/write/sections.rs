//! Rows of a day to sections, however many rows and names they have.

use crate::day::build::{BuiltSection, build_section};
use crate::day::rows::{Cell, DayRows, RowIds};
use crate::error::Result;
use crate::limits::{SECTION_NAMES_MAX, SECTION_ROWS_MAX};
use crate::time::DaySpan;
use std::collections::HashSet;

/// Builds the sections of a day: one, unless rows or names pass what a section holds. The pieces
/// are cut in section order, so that equal events keep their order.
pub(crate) fn build(span: DaySpan, rows: &DayRows) -> Result<Vec<BuiltSection>> {
    build_within(span, rows, SECTION_ROWS_MAX, SECTION_NAMES_MAX)
}

fn build_within(
    span: DaySpan,
    rows: &DayRows,
    rows_max: usize,
    names_max: usize,
) -> Result<Vec<BuiltSection>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // A single row has one activity and few properties: halving ends.
    if rows.len() == 1 || (rows.len() <= rows_max && names(rows) <= names_max) {
        return Ok(vec![build_section(span, rows)?]);
    }
    let order = rows.section_order();
    let (first, second) = order.split_at(order.len() / 2);
    let mut sections = build_within(span, &select(rows, first), rows_max, names_max)?;
    let second = DayRows { insert_ids: RowIds::default(), ..select(rows, second) };
    sections.extend(build_within(span, &second, rows_max, names_max)?);
    Ok(sections)
}

/// Some of the rows, in this order, without columns that are null in all of them.
pub(crate) fn select(rows: &DayRows, order: &[u32]) -> DayRows {
    let mut selected = rows.permuted(order);
    selected.columns.retain(|column| column.cells.iter().any(|cell| *cell != Cell::Null));
    selected
}

/// Distinct activities or properties, whichever are more.
fn names(rows: &DayRows) -> usize {
    // There are never more of them than strings, which are counted already.
    if rows.strings.len() <= SECTION_NAMES_MAX {
        return rows.columns.len();
    }
    let activities: HashSet<u32> = rows.activities.iter().copied().collect();
    activities.len().max(rows.columns.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_day_beyond_the_limits_becomes_several_sections() {
        let span = DaySpan { day: 0, start: 0, end: 86_400_000_000 };
        let mut rows = DayRows::default();
        for i in 0..10 {
            rows.push(i, format!("activity {i}").as_bytes(), i64::from(i));
            rows.set(format!("property {i}").as_bytes(), &crate::Value::Integer(1));
        }
        rows.insert_ids = [(5, 0), (6, 1)].into_iter().collect();
        assert_eq!(build_within(span, &rows, 10, 10).unwrap().len(), 1);
        for (rows_max, names_max) in [(5, 10), (10, 9)] {
            let sections = build_within(span, &rows, rows_max, names_max).unwrap();
            assert_eq!(sections.iter().map(|s| s.totals.rows).sum::<u64>(), 10);
            assert_eq!(sections.len(), 2);
        }
        assert!(build_within(span, &DayRows::default(), 1, 1).unwrap().is_empty());
    }
}

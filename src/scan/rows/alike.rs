//! Events that a job cannot tell apart but by their numbers: all those of one activity on a day that
//! lies within one bucket, where nobody asks whose they are. Their times need not be read, nor the
//! events be put together one by one.

use super::RowEvent;
use super::gather::BoundRows;
use super::grid::DayBlocks;
use crate::day::block::BlockColumn;
use crate::error::Result;
use crate::event::Number;
use crate::time::{DaySpan, Micros};

/// Events at one time, as far as it matters, that match the job's one selector.
pub(crate) struct Alike<'b> {
    pub(crate) at: Micros,
    /// How many events there are.
    pub(crate) count: usize,
    column: Option<&'b BlockColumn<'b>>,
    /// Rows of each user, where the column has a value for each user; empty: one each.
    counts: &'b [u32],
    /// The numbers of the events, where these are only some of the block's.
    some: Option<&'b [Number]>,
}

impl<'b> Alike<'b> {
    /// So many events of a block, with the numbers of those that have one.
    pub(super) fn some(at: Micros, count: usize, numbers: &'b [Number]) -> Alike<'b> {
        Alike { at, count, column: None, counts: &[], some: Some(numbers) }
    }

    /// Calls `visit` with the number of each event that has one.
    #[inline]
    pub(crate) fn numbers(&self, mut visit: impl FnMut(Number) -> Result<()>) -> Result<()> {
        let places = match (self.some, self.column) {
            (Some(some), _) => some.len(),
            (None, column) => column.map_or(0, |column| column.cells.len()),
        };
        for place in 0..places {
            let Some(number) = self.number(place) else { continue };
            let rows = if self.counts.is_empty() { 1 } else { self.rows(place) };
            (0..rows).try_for_each(|_| visit(number))?;
        }
        Ok(())
    }

    #[inline]
    fn number(&self, place: usize) -> Option<Number> {
        match (self.some, self.column) {
            (Some(some), _) => some.get(place).copied(),
            (None, column) => column.and_then(|column| column.number(column.cells.get(place))),
        }
    }

    fn rows(&self, place: usize) -> u32 {
        let per_user = self.column.is_some_and(|column| column.per_user);
        if per_user { self.counts.get(place).copied().unwrap_or(0) } else { 1 }
    }

    /// One by one.
    pub(super) fn events(&self) -> Vec<RowEvent> {
        let event = RowEvent { at: self.at, mask: 1, activity: 0, group: 0, number: None };
        let mut events = Vec::with_capacity(self.count);
        let numbered = self.numbers(|number| {
            events.push(RowEvent { number: Some(number), ..event });
            Ok(())
        });
        debug_assert!(numbered.is_ok());
        events.resize(self.count, event);
        events
    }
}

/// The time that stands for all of a day; `None` where it is not within two neighbouring edges.
pub(super) fn alike_on(edges: &[Micros], day: DaySpan) -> Option<Micros> {
    let after = edges.partition_point(|edge| *edge <= day.start);
    let ends = edges.get(after).filter(|_| after > 0)?;
    (day.end <= *ends).then_some(day.start)
}

impl BoundRows {
    /// The time that stands for all of the day; `None` where the job tells its events apart.
    pub(in crate::scan) fn alike_on(&self, day: DaySpan) -> Option<Micros> {
        alike_on(&self.edges, day)
    }

    /// Hands out a day whose events are alike, block by block.
    pub(in crate::scan) fn alike(
        &self,
        at: Micros,
        day: &DayBlocks<'_, '_>,
        visit: &mut dyn FnMut(&Alike<'_>) -> Result<()>,
    ) -> Result<()> {
        day.each(&self.filters, &[], &mut |block| {
            let column = match self.property {
                Some(property) => block.column(property, &day.grid.needs, day.reads)?,
                None => None,
            };
            let (count, counts) = (block.block.rows(), block.block.counts());
            visit(&Alike { at, count, column, counts, some: None })
        })
    }
}

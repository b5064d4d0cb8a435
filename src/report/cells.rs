//! Figures for each group of a breakdown and each bucket.

use super::Question;
use crate::error::Result;
use crate::scan::Groups;
use std::sync::Arc;

/// A cell for each slot and bucket, made when something first falls into it.
#[derive(Debug)]
pub(super) struct Cells<T> {
    buckets: usize,
    cells: Vec<Option<Box<T>>>,
}

impl<T: Default> Cells<T> {
    pub(super) fn new(buckets: usize) -> Cells<T> {
        Cells { buckets, cells: Vec::new() }
    }

    pub(super) fn at(&mut self, slot: usize, bucket: usize) -> &mut T {
        let place = slot * self.buckets + bucket;
        if self.cells.len() <= place {
            self.cells.resize_with((slot + 1) * self.buckets, || None);
        }
        self.cells[place].get_or_insert_default()
    }

    /// Takes a cell out; what nothing fell into is empty.
    pub(super) fn take(&mut self, slot: usize, bucket: usize) -> T {
        self.take_met(slot, bucket).unwrap_or_default()
    }

    /// The same, or `None` where nothing fell into the cell.
    pub(super) fn take_met(&mut self, slot: usize, bucket: usize) -> Option<T> {
        let place = slot * self.buckets + bucket;
        self.cells.get_mut(place)?.take().map(|cell| *cell)
    }

    /// Adds another worker's cells to these.
    pub(super) fn merge(
        &mut self,
        other: Cells<T>,
        merge: impl Fn(&mut T, T) -> Result<()>,
    ) -> Result<()> {
        if self.cells.len() < other.cells.len() {
            self.cells.resize_with(other.cells.len(), || None);
        }
        for (cell, other) in self.cells.iter_mut().zip(other.cells) {
            match (cell, other) {
                (Some(cell), Some(other)) => merge(cell, *other)?,
                (empty, other @ Some(_)) => *empty = other,
                (_, None) => {}
            }
        }
        Ok(())
    }
}

/// Which slot of the answer an event's group belongs to.
#[derive(Debug, Clone)]
pub(super) enum Slots {
    /// There is no breakdown.
    One,
    /// The groups that are kept, then all others.
    Ranked(Arc<Groups>),
    /// Every group on its own, by its number: the groups are yet to be ranked.
    Numbered,
}

impl Slots {
    /// The slots of the question's answer.
    pub(super) fn of(question: &Question<'_>) -> Slots {
        question.groups.clone().map_or(Slots::One, Slots::Ranked)
    }

    /// `None` for a group that the answer leaves out.
    pub(super) fn slot(&self, group: u32) -> Option<usize> {
        match self {
            Slots::One => Some(0),
            Slots::Ranked(groups) => Some(groups.slot(group)).filter(|slot| *slot < groups.slots()),
            Slots::Numbered => usize::try_from(group).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::event::Decimal;
    use crate::scan::{KeyPart, Numbering};

    #[test]
    fn cells_are_made_when_first_met_and_add_up() {
        let (mut one, mut other) = (Cells::<u32>::new(3), Cells::<u32>::new(3));
        *one.at(0, 2) += 5;
        *other.at(0, 2) += 7;
        *other.at(2, 0) += 1;
        let merged = one.merge(other, |sum, more| {
            *sum += more;
            Ok(())
        });
        merged.unwrap();
        assert_eq!((one.take(0, 2), one.take(2, 0)), (12, 1));
        assert_eq!((one.take(0, 2), one.take(1, 1), one.take(9, 0)), (0, 0, 0));
    }

    #[test]
    fn a_group_that_the_answer_leaves_out_has_no_slot() {
        let groups = Groups::new(Numbering::new(vec!["p".into()]));
        for number in 0..4 {
            groups.numbering().number(&[KeyPart::exact(Decimal::from(number))]).unwrap();
        }
        let groups = Arc::new(groups);
        groups.rank(&[Some(1), Some(3), None], 5);
        let slots = Slots::Ranked(groups);
        let slot = |group| slots.slot(group);
        assert_eq!((slot(0), slot(1), slot(2), slot(3)), (Some(1), Some(0), None, None));
        assert_eq!((Slots::One.slot(3), Slots::Numbered.slot(3)), (Some(0), Some(3)));
    }
}

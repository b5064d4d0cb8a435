//! Who did what, of events with conditions: the parts of all sets of users that rows tell, found in
//! one walk over the days of a chunk.

use super::rows::{DayBlocks, Family, Known, Needs, Sought};
use super::walk::{InChunk, opened};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Micros;
use std::cell::OnceCell;
use std::ops::Range;

/// Users with an event that passes a filter in a stretch of time.
#[derive(Debug, PartialEq)]
pub(super) struct Leaf {
    pub(super) filter: usize,
    pub(super) from: Micros,
    pub(super) to: Micros,
    pub(super) places: Range<usize>,
    /// Of the places, the days that lie in the stretch wholly.
    pub(super) whole: Range<usize>,
}

/// The leaves of all sets.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    all: Vec<Leaf>,
    /// Each with the leaves of each of its filters.
    families: Vec<(Family, Vec<Vec<usize>>)>,
    /// Whether a family finds the leaf on whole days.
    found: Vec<bool>,
}

impl Leaves {
    /// The leaf's place; the same is found once.
    pub(super) fn add(&mut self, leaf: Leaf) -> usize {
        self.all.iter().position(|known| *known == leaf).unwrap_or_else(|| {
            self.all.push(leaf);
            self.all.len() - 1
        })
    }

    /// Finds out which of them go together.
    pub(super) fn find_families(&mut self, needs: &Needs) -> Result<()> {
        let mut filters: Vec<usize> = self.all.iter().map(|leaf| leaf.filter).collect();
        filters.sort_unstable();
        filters.dedup();
        self.found = vec![false; self.all.len()];
        for family in Family::of(&filters, needs)? {
            let of = |filter: &usize| {
                let leaves = self.all.iter().enumerate();
                let leaves = leaves.filter(|(_, leaf)| leaf.filter == *filter);
                leaves.map(|(place, _)| place).collect::<Vec<_>>()
            };
            let leaves: Vec<Vec<usize>> = family.filters.iter().map(of).collect();
            leaves.iter().flatten().for_each(|leaf| self.found[*leaf] = true);
            self.families.push((family, leaves));
        }
        Ok(())
    }

    /// The users of each leaf in a chunk.
    pub(super) fn users(&self, chunk: &InChunk<'_, '_>) -> Result<Vec<Box<Bits>>> {
        let mut users: Vec<Box<Bits>> = self.all.iter().map(|_| Box::new(Bits::EMPTY)).collect();
        let mut known: Vec<Known> = self.families.iter().map(|_| Known::default()).collect();
        let from = self.all.iter().map(|leaf| leaf.places.start).min().unwrap_or(0);
        let to = self.all.iter().map(|leaf| leaf.places.end).max().unwrap_or(from);
        for place in from..to {
            let day = OnceCell::new();
            for ((family, leaves), known) in self.families.iter().zip(&mut known) {
                let wanted = |leaf: &usize| self.all[*leaf].whole.contains(&place);
                if !leaves.iter().flatten().any(wanted) {
                    continue;
                }
                opened(chunk, place, &day)?.dispatched(family, known, &mut |passing, low| {
                    let leaves = passing.iter().flat_map(|filter| &leaves[*filter as usize]);
                    leaves.filter(|leaf| wanted(leaf)).for_each(|leaf| users[*leaf].insert(low));
                })?;
            }
            let alone = self.all.iter().zip(&self.found).zip(&mut users);
            for ((leaf, found), users) in alone {
                let whole = leaf.whole.contains(&place);
                if leaf.places.contains(&place) && !(whole && *found) {
                    leaf.day(opened(chunk, place, &day)?, whole, users)?;
                }
            }
        }
        Ok(users)
    }
}

impl Leaf {
    fn day(&self, day: &DayBlocks<'_, '_>, whole: bool, users: &mut Bits) -> Result<()> {
        let sought = Sought {
            filter: self.filter,
            groups: None,
            ranked: true,
            axis: None,
            within: (!whole).then_some((self.from, self.to)),
            counted: false,
        };
        day.matched(&sought, 0, &mut |found| found.each_user(|_, low| users.insert(low)))
    }
}

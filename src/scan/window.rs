//! The union of the last days, moved on day by day.

use super::kernels;
use crate::codec::bits::Bits;
use crate::time::Day;

/// A queue of days that always knows the union of its days.
///
/// Two stacks: days come in on the back, which keeps one running union; when the front is used up
/// the back is turned over into it, each day holding the union of itself and all that came later.
/// So a day costs about three ORs, however long the window is.
#[derive(Default)]
pub(crate) struct Window {
    /// Oldest last; each with the union of the days from it to the front's newest.
    front: Vec<(Day, Bits)>,
    /// Newest last; each with its own bits.
    back: Vec<(Day, Bits)>,
    back_union: Option<Box<Bits>>,
}

impl Window {
    pub(crate) fn new() -> Window {
        Window::default()
    }

    /// Takes in a day later than all in the queue.
    pub(crate) fn push(&mut self, day: Day, bits: &Bits) {
        self.back.push((day, bits.clone()));
        match &mut self.back_union {
            Some(union) => kernels::or(union, bits),
            None => self.back_union = Some(Box::new(bits.clone())),
        }
    }

    /// Drops the days before `day`.
    pub(crate) fn evict_before(&mut self, day: Day) {
        while self.front.last().is_some_and(|(oldest, _)| *oldest < day) {
            self.front.pop();
        }
        if self.front.is_empty() && self.back.first().is_some_and(|(oldest, _)| *oldest < day) {
            self.turn_over(day);
        }
    }

    fn turn_over(&mut self, day: Day) {
        for (pushed, bits) in self.back.drain(..).rev().take_while(|(pushed, _)| *pushed >= day) {
            let later = self.front.len().checked_sub(1);
            self.front.push((pushed, bits));
            if let Some(later) = later {
                let (done, added) = self.front.split_at_mut(later + 1);
                kernels::or(&mut added[0].1, &done[later].1);
            }
        }
        self.back_union = None;
    }

    /// Users of any day in the queue.
    pub(crate) fn count(&self) -> u64 {
        match (self.front.last(), &self.back_union) {
            (None, None) => 0,
            (Some((_, bits)), None) => kernels::count(bits),
            (None, Some(bits)) => kernels::count(bits),
            (Some((_, front)), Some(back)) => kernels::count_or(front, back),
        }
    }

    /// Puts the users of any day in the queue into `bits`.
    pub(crate) fn union_into(&self, bits: &mut Bits) {
        match (self.front.last(), &self.back_union) {
            (None, None) => *bits = Bits::EMPTY,
            (Some((_, front)), None) => bits.0 = front.0,
            (None, Some(back)) => bits.0 = back.0,
            (Some((_, front)), Some(back)) => kernels::union(bits, front, back),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn the_union_is_that_of_the_last_days(
            days in proptest::collection::btree_map(
                -20i32..60,
                proptest::collection::btree_set(any::<u16>(), 0..8),
                0..50,
            ),
            width in 1i32..40,
        ) {
            let mut window = Window::new();
            let mut held: BTreeMap<Day, BTreeSet<u16>> = BTreeMap::new();
            for day in -25..110 {
                if let Some(users) = days.get(&day) {
                    let mut bits = Bits::EMPTY;
                    users.iter().for_each(|&user| bits.insert(user));
                    window.push(day, &bits);
                    held.insert(day, users.clone());
                }
                window.evict_before(day - width + 1);
                held.retain(|held, _| *held > day - width);
                let model: BTreeSet<u16> = held.values().flatten().copied().collect();
                let mut union = Bits::EMPTY;
                union.insert(7);
                window.union_into(&mut union);
                prop_assert_eq!(union.iter().collect::<BTreeSet<u16>>(), model.clone());
                prop_assert_eq!(window.count(), model.len() as u64);
            }
        }
    }
}

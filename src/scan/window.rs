//! The union of the last days, moved on day by day.

use super::{Users, kernels};
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
    front: Vec<(Day, Box<Bits>)>,
    /// Newest last; each with its own bits.
    back: Vec<(Day, Box<Bits>)>,
    back_union: Option<Box<Bits>>,
    /// Bits of days that have left.
    spare: Vec<Box<Bits>>,
}

impl Window {
    pub(crate) fn new() -> Window {
        Window::default()
    }

    /// Takes in a day later than all in the queue.
    pub(crate) fn push<'u>(&mut self, day: Day, users: impl Into<Users<'u>>) {
        let mut bits = self.spare();
        users.into().copy_into(&mut bits);
        match &mut self.back_union {
            Some(union) => kernels::or(union, &bits),
            None => {
                let mut union = self.spare();
                union.0 = bits.0;
                self.back_union = Some(union);
            }
        }
        self.back.push((day, bits));
    }

    fn spare(&mut self) -> Box<Bits> {
        self.spare.pop().unwrap_or_else(|| Box::new(Bits::EMPTY))
    }

    /// Drops the days before `day`.
    pub(crate) fn evict_before(&mut self, day: Day) {
        while let Some((_, bits)) = self.front.pop_if(|(oldest, _)| *oldest < day) {
            self.spare.push(bits);
        }
        if self.front.is_empty() && self.back.first().is_some_and(|(oldest, _)| *oldest < day) {
            self.turn_over(day);
        }
    }

    fn turn_over(&mut self, day: Day) {
        for (pushed, mut bits) in self.back.drain(..).rev() {
            if pushed < day {
                self.spare.push(bits);
                continue;
            }
            if let Some((_, later)) = self.front.last() {
                kernels::or(&mut bits, later);
            }
            self.front.push((pushed, bits));
        }
        self.spare.extend(self.back_union.take());
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

    /// The users of any day in the queue are in either of these.
    pub(crate) fn parts(&self) -> [&Bits; 2] {
        let front = self.front.last().map(|(_, bits)| &**bits);
        [front, self.back_union.as_deref()].map(|part| part.unwrap_or(&Bits::EMPTY))
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

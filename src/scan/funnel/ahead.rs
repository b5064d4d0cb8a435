//! Which events lie ahead, so that those which nothing waits for are passed over.
//!
//! Once the range of entries is over, only the runs under way count. Where the window is long and
//! the buckets are short, each bucket would else look at most events of the user.

use super::FunnelOrder;
use super::matcher::Matcher;
use crate::scan::RowEvent;
use crate::time::Micros;

/// What the events of one user match, so many taken together.
#[derive(Default, Clone)]
pub(super) struct Ahead {
    masks: Vec<u64>,
}

const TOGETHER: usize = 64;

impl Ahead {
    pub(super) fn fill(&mut self, events: &[RowEvent]) {
        self.masks.clear();
        let together = events.chunks(TOGETHER);
        self.masks.extend(together.map(|some| some.iter().fold(0, |mask, one| mask | one.mask)));
    }

    /// The next event, from a place on, that matches any of these.
    fn next(&self, events: &[RowEvent], place: usize, wanted: u64) -> Option<usize> {
        let find = |from: usize, to: usize| {
            let found = events[from..to].iter().position(|event| event.mask & wanted != 0);
            found.map(|more| from + more)
        };
        let end = (place + 1).next_multiple_of(TOGETHER).min(events.len());
        find(place, end).or_else(|| {
            let rest = self.masks.get(end.div_ceil(TOGETHER)..)?;
            let more = rest.iter().position(|mask| mask & wanted != 0)?;
            find((end.div_ceil(TOGETHER) + more) * TOGETHER, events.len())
        })
    }
}

impl Matcher {
    /// The next event to look at, if runs may be entered before `to`: with it all others of its
    /// time, unless each is taken by itself. `None`: nothing that follows makes any difference.
    pub(super) fn awaited(&self, events: &[RowEvent], place: usize, to: Micros) -> Option<usize> {
        let at = events.get(place)?.at;
        if at < to {
            return Some(place);
        }
        let next = self.ahead.next(events, place, self.wanted(at))?;
        if self.order == FunnelOrder::Unordered {
            return Some(next);
        }
        let at = events[next].at;
        Some(place + events[place..next].partition_point(|event| event.at < at))
    }

    /// What an event must match for a run under way to go on or end.
    fn wanted(&self, at: Micros) -> u64 {
        let alive = |done: &usize| self.runs.alive(*done, at, self.within_us).is_some();
        let mut alive = (1..self.steps).filter(alive);
        match self.order {
            FunnelOrder::Unordered => self.open.left() & self.step_bits,
            FunnelOrder::Strict => alive.next().map_or(0, |_| u64::MAX),
            FunnelOrder::Ordered => alive.fold(0, |wanted, done| wanted | self.wants(done, at)),
        }
    }

    /// Another run may have come so far already that going on makes no difference.
    fn wants(&self, done: usize, at: Micros) -> u64 {
        let further = self.best.steps() <= done || self.runs.advances(done, done + 1, at);
        let ends = self.excludes.iter().filter(|exclude| exclude.ends(done, done));
        ends.fold(u64::from(further) << done, |wanted, exclude| wanted | exclude.bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Events that match one of many selectors or none, so that most are passed over.
    fn any_events() -> impl Strategy<Value = Vec<RowEvent>> {
        let event = |bit: u32| {
            let mask = 1u64.checked_shl(bit).unwrap_or(0);
            RowEvent { at: 0, mask, activity: 0, group: 0, number: None }
        };
        proptest::collection::vec((0u32..200).prop_map(event), 0..400)
    }

    proptest! {
        #[test]
        fn the_next_event_is_the_first_that_matches(
            events in any_events(),
            place in 0usize..400,
            wanted in 0usize..5,
        ) {
            let place = place.min(events.len());
            let mut ahead = Ahead::default();
            ahead.fill(&events);
            let expected = (place..events.len()).find(|place| events[*place].matches(wanted));
            prop_assert_eq!(ahead.next(&events, place, 1 << wanted), expected);
        }
    }
}

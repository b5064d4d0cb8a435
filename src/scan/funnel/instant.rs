//! Several events at one time: which steps can be done with them, one event a step, in any order.

use crate::limits::FUNNEL_STEPS_MAX;

/// Events at one time that could serve a step, those alike taken together.
///
/// There may be many, no two of them alike. But a step that as many events serve as there are steps
/// can always be done, whatever the others take; so no step needs more, and the rest are left out.
#[derive(Default, Clone)]
pub(super) struct Instant {
    kinds: Vec<Kind>,
    /// How many of the events taken serve each step.
    serving: [usize; FUNNEL_STEPS_MAX],
    /// Place of the last event that can open a run and was left out.
    spare: Option<usize>,
}

/// Events that match the same steps.
#[derive(Clone)]
struct Kind {
    /// Bit i: they match step i.
    steps: u64,
    events: u32,
    /// Place of the last one.
    last: usize,
    /// The steps that some of them do.
    doing: u64,
    /// Looked at already, in the search for one step.
    seen: bool,
    /// Each of them does a step, so that an entry taken from them may leave one undone.
    busy: bool,
}

impl Instant {
    /// Takes the events with their places; those that match no step are left out.
    pub(super) fn fill(&mut self, events: impl Iterator<Item = (usize, u64)>, steps: usize) {
        self.kinds.clear();
        self.spare = None;
        self.serving.fill(0);
        let mut short = (1 << steps) - 1;
        for (place, mask) in events.filter(|(_, mask)| *mask != 0) {
            if mask & short != 0 {
                short &= !self.serve_more(mask & short, steps);
                self.take(place, mask);
            } else if mask & 1 == 1 {
                self.spare = Some(place);
            }
        }
    }

    /// Counts one more event for these steps; which of them now have enough.
    fn serve_more(&mut self, mut which: u64, steps: usize) -> u64 {
        let mut enough = 0;
        while which != 0 {
            let step = which.trailing_zeros() as usize;
            which &= which - 1;
            self.serving[step] += 1;
            enough |= u64::from(self.serving[step] == steps) << step;
        }
        enough
    }

    fn take(&mut self, place: usize, steps: u64) {
        match self.kinds.iter_mut().find(|kind| kind.steps == steps) {
            Some(kind) => (kind.events, kind.last) = (kind.events + 1, place),
            None => {
                let (doing, seen, busy) = (0, false, false);
                self.kinds.push(Kind { steps, events: 1, last: place, doing, seen, busy });
            }
        }
    }

    /// Calls back with events that can open a run, and the first step that then cannot be done: for
    /// each step the last event that gets there is among them.
    pub(super) fn entries(&mut self, steps: usize, enter: &mut dyn FnMut(usize, usize)) {
        let reach = self.reach(1, None, steps);
        let opens = |kind: &&mut Kind| kind.steps & 1 == 1;
        let mut idle = self.spare;
        for kind in self.kinds.iter_mut().filter(opens) {
            kind.busy = kind.doing.count_ones() == kind.events;
            idle = if kind.busy { idle } else { idle.max(Some(kind.last)) };
        }
        if let Some(entry) = idle {
            enter(entry, reach);
        }
        for kind in 0..self.kinds.len() {
            if self.kinds[kind].busy {
                let reach = self.reach(1, Some(kind), steps);
                enter(self.kinds[kind].last, reach);
            }
        }
    }

    /// The first step from `done` on that cannot be done with these events. `entry`: the kind of
    /// one event that is taken already.
    pub(super) fn reach(&mut self, done: usize, entry: Option<usize>, steps: usize) -> usize {
        self.kinds.iter_mut().for_each(|kind| kind.doing = 0);
        if let Some(kind) = entry {
            self.kinds[kind].doing = 1;
        }
        (done..steps).find(|step| !self.serve(*step)).unwrap_or(steps)
    }

    fn serve(&mut self, step: usize) -> bool {
        self.kinds.iter_mut().for_each(|kind| kind.seen = false);
        self.place(step)
    }

    /// Finds an event for a step; the steps that the others do may change hands for it.
    fn place(&mut self, step: usize) -> bool {
        for kind in 0..self.kinds.len() {
            let Kind { steps, events, doing, seen, .. } = self.kinds[kind];
            if seen || steps >> step & 1 == 0 {
                continue;
            }
            self.kinds[kind].seen = true;
            if doing.count_ones() < events {
                self.kinds[kind].doing |= 1 << step;
                return true;
            }
            // The entry, step 0, stays where it is.
            let mut others = doing & !1;
            while others != 0 {
                let other = others.trailing_zeros() as usize;
                others &= others - 1;
                if self.place(other) {
                    self.kinds[kind].doing ^= 1 << other | 1 << step;
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_keeps_more_events_than_there_are_steps() {
        let mut instant = Instant::default();
        // No two alike: all that serve any of 13 steps.
        instant.fill((1..1 << 13).map(|mask| (mask as usize, mask)), 13);
        assert!(instant.kinds.len() <= 13 * 13, "{} kinds", instant.kinds.len());
        assert_eq!(instant.reach(0, None, 13), 13);
        let mut found = Vec::new();
        instant.entries(13, &mut |place, reach| found.push((place, reach)));
        assert!(found.contains(&((1 << 13) - 1, 13)), "the last of all: {found:?}");
        assert!(found.len() <= 13, "one entry, and those of events that are needed: {found:?}");
    }
}

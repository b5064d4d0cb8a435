//! Several events at one time: which steps can be done with them, one event a step, in any order.

/// Events at one time that could serve a step, those alike taken together.
#[derive(Default, Clone)]
pub(super) struct Instant {
    kinds: Vec<Kind>,
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
}

impl Instant {
    /// Takes the events with their places; those that match no step are left out.
    pub(super) fn fill(&mut self, events: impl Iterator<Item = (usize, u64)>) {
        self.kinds.clear();
        for (place, steps) in events.filter(|(_, steps)| *steps != 0) {
            match self.kinds.iter_mut().find(|kind| kind.steps == steps) {
                Some(kind) => (kind.events, kind.last) = (kind.events + 1, place),
                None => {
                    self.kinds.push(Kind { steps, events: 1, last: place, doing: 0, seen: false });
                }
            }
        }
    }

    /// The next kind, from `kind` on, whose events can open a run, and the place of the last of
    /// them.
    pub(super) fn entry(&self, kind: usize) -> Option<(usize, usize)> {
        let opens = |(_, kind): &(usize, &Kind)| kind.steps & 1 == 1;
        let kinds = self.kinds.iter().enumerate().skip(kind);
        kinds.into_iter().find(opens).map(|(place, kind)| (place, kind.last))
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

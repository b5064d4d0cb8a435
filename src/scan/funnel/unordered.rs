//! Steps in any order: each event fills the first step that it matches and that is left.
//!
//! Of the runs that have filled the same steps only the best is kept: it can still do whatever the
//! others can, and for as long. That leaves few. Where ties are allowed, a run has filled whatever
//! a later one has, so that there are no more runs than steps. Where they are forbidden, a later
//! one may be ahead by one step, and there are at most as many as the square of the steps.

use super::matcher::Matcher;
use super::runs::{Offer, Run};
use crate::limits::FUNNEL_STEPS_MAX;
use crate::scan::RowEvent;
use crate::time::Micros;

/// The runs under way.
#[derive(Default, Clone)]
pub(super) struct Unordered {
    pub(super) runs: Vec<Filling>,
    /// With more runs, those alike are dropped: twice as many as there were then, so that the
    /// search costs no more than the runs entered since.
    crowd: usize,
}

#[derive(Clone)]
pub(super) struct Filling {
    entry: usize,
    /// Bit i: step i is filled.
    filled: u64,
    /// When each step was filled, in that order.
    times: [Micros; FUNNEL_STEPS_MAX],
}

impl Filling {
    fn new(entry: usize) -> Filling {
        Filling { entry, filled: 0, times: [0; FUNNEL_STEPS_MAX] }
    }

    fn times(&self) -> &[Micros] {
        &self.times[..self.filled.count_ones() as usize]
    }

    /// Fills the first step that is left of those that an event matches.
    fn fill(&mut self, steps: u64, at: Micros) -> bool {
        let left = steps & !self.filled;
        if left != 0 {
            self.times[self.times().len()] = at;
            self.filled |= left & left.wrapping_neg();
        }
        left != 0
    }

    /// It filled a step at this time.
    fn is_tied(&self, at: Micros) -> bool {
        self.times().last() == Some(&at)
    }

    fn beats(&self, other: &Filling) -> bool {
        let done = self.times();
        let all = Offer { entry: self.entry, done, count: done.len(), at: 0 };
        all.beats(&Run { entry: other.entry, times: other.times() })
    }
}

impl Unordered {
    fn clear(&mut self) {
        self.runs.clear();
        self.crowd = 0;
    }

    /// The steps that any run has not filled.
    pub(super) fn left(&self) -> u64 {
        self.runs.iter().fold(0, |left, run| left | !run.filled)
    }

    /// `tied`: as below.
    fn enter(&mut self, run: Filling, tied: Option<Micros>) {
        self.runs.push(run);
        if self.runs.len() > self.crowd {
            self.drop_those_alike(tied);
            self.crowd = 2 * self.runs.len();
        }
    }

    /// Keeps the best of those that have filled the same steps. `tied`: a run that filled one at
    /// this time takes nothing more of it, where another may.
    fn drop_those_alike(&mut self, tied: Option<Micros>) {
        let state = |run: &Filling| (run.filled, tied.is_some_and(|at| run.is_tied(at)));
        self.runs.sort_unstable_by_key(state);
        self.runs.dedup_by(|run, kept| {
            let alike = state(run) == state(kept);
            if alike && run.beats(kept) {
                std::mem::swap(run, kept);
            }
            alike
        });
    }
}

impl Matcher {
    pub(super) fn unordered(
        &mut self,
        mut place: usize,
        events: &[RowEvent],
        (from, to): (Micros, Micros),
    ) {
        self.open.clear();
        while let Some(next) = self.awaited(events, place, to) {
            let (at, steps) = (events[next].at, events[next].mask & self.step_bits);
            if self.best.settled(self.steps, at) {
                return;
            }
            place = next + 1;
            if steps == 0 {
                continue;
            }
            self.fill(steps, at);
            if from <= at && at < to {
                let mut run = Filling::new(next);
                run.fill(steps, at);
                self.best.offer(&Offer { entry: next, done: &[], count: 1, at });
                self.open.enter(run, self.ties_forbidden.then_some(at));
            }
        }
    }

    /// Every run under way takes the event.
    fn fill(&mut self, steps: u64, at: Micros) {
        let Matcher { open, best, within_us, ties_forbidden, .. } = self;
        open.runs.retain(|run| at.saturating_sub(run.times[0]) <= *within_us);
        for run in &mut open.runs {
            let tied = *ties_forbidden && run.is_tied(at);
            if !tied && run.fill(steps, at) {
                let times = run.times();
                let done = &times[..times.len() - 1];
                best.offer(&Offer { entry: run.entry, done, count: times.len(), at });
            }
        }
    }
}

//! Steps in any order: each event fills the first step that it matches and that is left.

use super::matcher::Matcher;
use crate::limits::FUNNEL_STEPS_MAX;
use crate::scan::RowEvent;
use crate::time::Micros;

/// The runs under way, the earliest entry first. Of those that have filled the same steps only the
/// last is kept: it can still do whatever the others can, and for longer.
#[derive(Default, Clone)]
pub(super) struct Unordered {
    runs: Vec<Filling>,
}

#[derive(Clone)]
struct Filling {
    entry: usize,
    /// Bit i: step i is filled.
    filled: u64,
    /// When each step was filled, in that order.
    times: [Micros; FUNNEL_STEPS_MAX],
}

impl Filling {
    fn count(&self) -> usize {
        self.filled.count_ones() as usize
    }

    /// Fills the first step that is left of those that an event matches.
    fn fill(&mut self, steps: u64, at: Micros) -> bool {
        let left = steps & !self.filled;
        if left != 0 {
            self.times[self.count()] = at;
            self.filled |= left & left.wrapping_neg();
        }
        left != 0
    }
}

impl Matcher {
    pub(super) fn unordered(
        &mut self,
        place: usize,
        events: &[RowEvent],
        (from, to): (Micros, Micros),
    ) {
        self.open.runs.clear();
        for (place, event) in events.iter().enumerate().skip(place) {
            let (at, steps) = (event.at, event.mask & self.step_bits);
            let over = at >= to && self.open.runs.is_empty();
            if over || self.best.settled(self.steps, at) {
                return;
            }
            if steps == 0 {
                continue;
            }
            self.fill(steps, at);
            if from <= at && at < to {
                let mut run = Filling { entry: place, filled: 0, times: [0; FUNNEL_STEPS_MAX] };
                run.fill(steps, at);
                self.best.offer(place, &[], 1, at);
                self.open.runs.push(run);
            }
            if events.get(place + 1).is_none_or(|next| next.at != at) {
                self.drop_those_alike();
            }
        }
    }

    /// Every run under way takes the event.
    fn fill(&mut self, steps: u64, at: Micros) {
        let Matcher { open, best, within_us, ties_forbidden, .. } = self;
        open.runs.retain(|run| at.saturating_sub(run.times[0]) <= *within_us);
        for run in &mut open.runs {
            let done = run.count();
            let tied = *ties_forbidden && run.times[done - 1] == at;
            if !tied && run.fill(steps, at) {
                best.offer(run.entry, &run.times[..done], done + 1, at);
            }
        }
    }

    /// Only once a time is over: until then the one may be tied where the other is not.
    fn drop_those_alike(&mut self) {
        let runs = &mut self.open.runs;
        let mut place = runs.len();
        while place > 0 {
            place -= 1;
            let filled = runs[place].filled;
            if runs[place + 1..].iter().any(|later| later.filled == filled) {
                runs.remove(place);
            }
        }
    }
}

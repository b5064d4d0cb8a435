//! Runs under way, and the best of those that were.

use crate::time::Micros;
use std::cmp::Ordering;

/// What a user has done of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    /// Place of the event that opened it.
    pub(crate) entry: usize,
    /// When each step was done that was done: at least the first.
    pub(crate) times: &'a [Micros],
}

/// A run that does all steps beyond those done at one time.
#[derive(Clone, Copy)]
pub(super) struct Offer<'a> {
    pub(super) entry: usize,
    /// When the steps before were done.
    pub(super) done: &'a [Micros],
    /// So many steps in all.
    pub(super) count: usize,
    pub(super) at: Micros,
}

impl Offer<'_> {
    fn times(&self) -> impl Iterator<Item = Micros> + '_ {
        let now = std::iter::repeat_n(self.at, self.count - self.done.len());
        self.done.iter().copied().chain(now)
    }

    /// Whether it is better than a run of as many steps, where both finish at one time or can go on
    /// alike: it was entered later, or its steps come earlier. Names have no say in that. Only of
    /// runs that are the same in all times the one is kept whose entry is the later event.
    pub(super) fn beats(&self, other: &Run<'_>) -> bool {
        let entered = self.done.first().or((self.count > 0).then_some(&self.at));
        let order = other.times.first().cmp(&entered);
        let order = order.then_with(|| self.times().cmp(other.times.iter().copied()));
        order.then(other.entry.cmp(&self.entry)) == Ordering::Less
    }
}

/// Runs under way, one at most for each number of steps done: the best of them, since it can still
/// do whatever another can, and for as long. Of 0 steps: the entry that is looked at.
#[derive(Clone)]
pub(super) struct Runs {
    steps: usize,
    /// Place of the entry by steps done; `None`: no run.
    entries: Vec<Option<usize>>,
    /// `steps` times each, of which those of the steps done count.
    times: Vec<Micros>,
}

impl Runs {
    pub(super) fn new(steps: usize) -> Runs {
        Runs { steps, entries: vec![None; steps], times: vec![0; steps * steps] }
    }

    pub(super) fn clear(&mut self) {
        self.entries.fill(None);
    }

    /// The run with so many steps done, unless it has none or its window is over.
    pub(super) fn alive(&self, done: usize, at: Micros, within_us: i64) -> Option<usize> {
        self.entries[done].filter(|_| at.saturating_sub(self.times[done * self.steps]) <= within_us)
    }

    pub(super) fn times(&self, done: usize) -> &[Micros] {
        &self.times[done * self.steps..][..done]
    }

    /// Looks at an entry, from which runs are copied as from one with 0 steps done.
    pub(super) fn enter(&mut self, entry: usize) {
        self.entries[0] = Some(entry);
    }

    pub(super) fn end(&mut self, done: usize) {
        self.entries[done] = None;
    }

    /// Whether the run would be the best that has done `count` steps, all further ones now.
    pub(super) fn advances(&self, done: usize, count: usize, at: Micros) -> bool {
        let (true, Some(entry)) = (count < self.steps, self.entries[done]) else { return false };
        self.entries[count].is_none_or(|other| {
            let other = Run { entry: other, times: self.times(count) };
            Offer { entry, done: self.times(done), count, at }.beats(&other)
        })
    }

    /// The run goes on to `count` steps, all further ones done now, unless a better one has come
    /// there.
    pub(super) fn copy(&mut self, done: usize, count: usize, at: Micros) {
        if !self.advances(done, count, at) {
            return;
        }
        self.entries[count] = self.entries[done];
        let (from, to) = (done * self.steps, count * self.steps);
        self.times.copy_within(from..from + done, to);
        self.times[to + done..to + count].fill(at);
    }
}

/// The best run so far.
#[derive(Default, Clone)]
pub(super) struct Best {
    entry: usize,
    times: Vec<Micros>,
}

impl Best {
    pub(super) fn clear(&mut self) {
        self.times.clear();
    }

    pub(super) fn steps(&self) -> usize {
        self.times.len()
    }

    /// It has all steps, and what comes at this time cannot make it better.
    pub(super) fn settled(&self, steps: usize, at: Micros) -> bool {
        self.times.len() == steps && self.times.last().is_some_and(|finish| *finish < at)
    }

    /// Takes a run if it is better. Runs are offered in the order of their last step, so that the
    /// first to get so far is one of the earliest.
    pub(super) fn offer(&mut self, offer: &Offer<'_>) {
        let better = match offer.count.cmp(&self.times.len()) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => {
                let best = Run { entry: self.entry, times: &self.times };
                self.times.last() == Some(&offer.at) && offer.beats(&best)
            }
        };
        if better {
            self.entry = offer.entry;
            self.times.clear();
            self.times.extend_from_slice(offer.done);
            self.times.resize(offer.count, offer.at);
        }
    }

    pub(super) fn run(&self) -> Option<Run<'_>> {
        (!self.times.is_empty()).then_some(Run { entry: self.entry, times: &self.times })
    }
}

//! Runs under way, and the best of those that were.

use crate::time::Micros;

/// What a user has done of a funnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    /// Place of the event that opened it.
    pub(crate) entry: usize,
    /// When each step was done that was done: at least the first.
    pub(crate) times: &'a [Micros],
}

/// Runs under way, one at most for each number of steps done: the one that was entered last, since
/// it can still do whatever another can, and for longer. Of 0 steps: the entry that is looked at.
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

    /// The run goes on to `count` steps, all further ones done now. A run that was entered at the
    /// same event came there earlier and stays.
    pub(super) fn copy(&mut self, done: usize, count: usize, at: Micros) {
        if count >= self.steps || self.entries[count] >= self.entries[done] {
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

    /// It has all steps, and what comes at this time cannot make it better.
    pub(super) fn settled(&self, steps: usize, at: Micros) -> bool {
        self.times.len() == steps && self.times.last().is_some_and(|finish| *finish < at)
    }

    /// Takes the run that did `done` steps and all further ones up to `count` now, if it is better.
    /// Runs are offered in the order of their last step, so that the first to get so far is one of
    /// the earliest.
    pub(super) fn offer(&mut self, entry: usize, done: &[Micros], count: usize, at: Micros) {
        let better = match count.cmp(&self.times.len()) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self.times.last() == Some(&at) && self.entry < entry,
        };
        if better {
            self.entry = entry;
            self.times.clear();
            self.times.extend_from_slice(done);
            self.times.resize(count, at);
        }
    }

    pub(super) fn run(&self) -> Option<Run<'_>> {
        (!self.times.is_empty()).then_some(Run { entry: self.entry, times: &self.times })
    }
}

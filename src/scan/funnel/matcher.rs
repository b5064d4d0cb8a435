//! Matches one user's events with a funnel.
//!
//! One pass over the events. Of all runs that have done so many steps, only the best needs to be
//! kept, the one that was entered last, because what can follow does not depend on anything else.
//! So an event costs a look at the steps that it matches.

use super::ahead::Ahead;
use super::instant::Instant;
use super::runs::{Best, Offer, Run, Runs};
use super::unordered::Unordered;
use super::{FunnelOrder, FunnelSpec};
use crate::scan::RowEvent;
use crate::time::Micros;

/// A funnel made ready for many users.
#[derive(Clone)]
pub(crate) struct Matcher {
    pub(super) steps: usize,
    /// Bits of the steps in an event's mask.
    pub(super) step_bits: u64,
    pub(super) within_us: i64,
    pub(super) ties_forbidden: bool,
    pub(super) best: Best,
    pub(super) open: Unordered,
    pub(super) ahead: Ahead,
    pub(super) runs: Runs,
    pub(super) order: FunnelOrder,
    pub(super) excludes: Vec<Excluded>,
    exclude_bits: u64,
    instant: Instant,
}

/// An event of this bit ends runs that have done at least `after` and fewer than `before` steps.
#[derive(Clone)]
pub(super) struct Excluded {
    pub(super) bit: u64,
    after: usize,
    before: usize,
}

impl Excluded {
    /// Whether it ends a run that had `before` steps done and has `now`.
    pub(super) fn ends(&self, before: usize, now: usize) -> bool {
        self.after <= before && now < self.before
    }
}

/// The events of one time, or one event where their order counts.
struct Moment<'a> {
    events: &'a [RowEvent],
    /// Place of the first one.
    place: usize,
    at: Micros,
    /// What any of them matches.
    mask: u64,
    /// Runs may be entered.
    opens: bool,
}

impl Matcher {
    /// Expects in the masks of events what `FunnelSpec::selectors` lists.
    pub(crate) fn new(spec: &FunnelSpec) -> Matcher {
        let steps = spec.steps.len();
        let exclude = |(place, exclude): (usize, &super::Exclude)| Excluded {
            bit: 1 << (steps + place),
            after: exclude.after as usize,
            before: exclude.before as usize,
        };
        let excludes: Vec<Excluded> = spec.exclude.iter().enumerate().map(exclude).collect();
        Matcher {
            steps,
            step_bits: (1 << steps) - 1,
            within_us: spec.within_us.unwrap_or(i64::MAX),
            ties_forbidden: spec.ties_forbidden,
            best: Best::default(),
            open: Unordered::default(),
            ahead: Ahead::default(),
            order: spec.order,
            exclude_bits: excludes.iter().fold(0, |bits, exclude| bits | exclude.bit),
            excludes,
            runs: Runs::new(steps),
            instant: Instant::default(),
        }
    }

    /// The user's run among those entered in `[from, to)`. `events`: all that the user has from
    /// `from` on, as far as a window reaches.
    pub(crate) fn run(
        &mut self,
        events: &[RowEvent],
        entries: (Micros, Micros),
    ) -> Option<Run<'_>> {
        self.ahead.fill(events);
        self.run_from(0, events, entries)
    }

    /// The user's run of each bucket of entry, where there is one: bucket i is
    /// `[edges[i], edges[i + 1])`.
    pub(crate) fn run_by_bucket(
        &mut self,
        events: &[RowEvent],
        edges: &[Micros],
        visit: &mut dyn FnMut(usize, Run<'_>),
    ) {
        self.ahead.fill(events);
        let mut bucket = 0;
        while let Some(&[from, to]) = edges.get(bucket..bucket + 2) {
            let place = events.partition_point(|event| event.at < from);
            if let Some(run) = self.run_from(place, events, (from, to)) {
                visit(bucket, run);
            }
            let rest = &events[events.partition_point(|event| event.at < to)..];
            let Some(next) = rest.iter().find(|event| self.opens(event)) else { return };
            bucket = edges.partition_point(|edge| *edge <= next.at).saturating_sub(1);
        }
    }

    fn opens(&self, event: &RowEvent) -> bool {
        let any = self.order == FunnelOrder::Unordered;
        event.mask & if any { self.step_bits } else { 1 } != 0
    }

    fn run_from(
        &mut self,
        place: usize,
        events: &[RowEvent],
        entries: (Micros, Micros),
    ) -> Option<Run<'_>> {
        self.best.clear();
        if self.order == FunnelOrder::Unordered {
            self.unordered(place, events, entries);
        } else {
            self.in_order(place, events, entries);
        }
        self.best.run()
    }

    fn in_order(&mut self, mut place: usize, events: &[RowEvent], (from, to): (Micros, Micros)) {
        self.runs.clear();
        let strict = self.order == FunnelOrder::Strict;
        let relevant = if strict { u64::MAX } else { self.step_bits | self.exclude_bits };
        // When the last run under way is over.
        let mut over = to;
        while let Some(next) = self.awaited(events, place, to) {
            let at = events[next].at;
            if (at >= to && at > over) || self.best.settled(self.steps, at) {
                return;
            }
            let end = self.moment_end(events, next, strict);
            let now = &events[next..end];
            let mask = now.iter().fold(0, |mask, event| mask | event.mask);
            if mask & relevant != 0 {
                let opens = mask & 1 != 0 && from <= at && at < to;
                if opens {
                    over = at.saturating_add(self.within_us);
                }
                self.moment(&Moment { events: now, place: next, at, mask, opens }, strict);
            }
            place = end;
        }
    }

    /// Where the events end that are looked at together.
    fn moment_end(&self, events: &[RowEvent], place: usize, strict: bool) -> usize {
        if strict && self.ties_forbidden {
            return place + 1; // their order counts
        }
        let at = events[place].at;
        let more = events[place + 1..].iter().take_while(|event| event.at == at);
        place + 1 + more.count()
    }

    fn moment(&mut self, now: &Moment<'_>, strict: bool) {
        let serving = |event: &&RowEvent| event.mask & self.step_bits != 0;
        let several = now.events.len() > 1
            && !self.ties_forbidden
            && now.events.iter().filter(serving).nth(1).is_some();
        if several {
            let events = (now.place..).zip(now.events);
            let events = events.map(|(place, event)| (place, event.mask & self.step_bits));
            self.instant.fill(events, self.steps);
        }
        let plain = !strict && now.mask & self.exclude_bits == 0;
        // Downwards: a run that goes on now must not go on again from there.
        for done in (1..self.steps).rev() {
            let serves = now.mask >> done & 1 == 1;
            if serves || !plain {
                self.go_on(now, done, serves, several, strict);
            }
        }
        if now.opens && several {
            self.enter_several(now);
        } else if now.opens {
            let last = now.events.iter().rposition(|event| event.mask & 1 == 1).unwrap_or(0);
            enter(&mut self.runs, &mut self.best, now.place + last, 1, now.at);
        }
    }

    /// The run with so many steps done does whatever it can now.
    fn go_on(&mut self, now: &Moment<'_>, done: usize, serves: bool, several: bool, strict: bool) {
        let Some(entry) = self.runs.alive(done, now.at, self.within_us) else { return };
        let tied = self.ties_forbidden && self.runs.times(done).last() == Some(&now.at);
        let reach = match (serves && !tied, several) {
            (false, _) => done,
            (true, false) => done + 1,
            (true, true) => self.instant.reach(done, None, self.steps),
        };
        for count in done + 1..=reach {
            self.best.offer(&Offer { entry, done: self.runs.times(done), count, at: now.at });
            // In the way of the next step are all events of this time that did not serve.
            let clear = !strict || count == done + now.events.len();
            if clear && !self.excluded(now.mask, done, count) {
                self.runs.copy(done, count, now.at);
            }
        }
        if strict || self.excluded(now.mask, done, done) {
            self.runs.end(done);
        }
    }

    /// Whether an event of these bits ends a run that had `before` steps done and has `now`.
    fn excluded(&self, mask: u64, before: usize, now: usize) -> bool {
        mask & self.exclude_bits != 0
            && self.excludes.iter().any(|one| mask & one.bit != 0 && one.ends(before, now))
    }

    /// Every event of this time that can open a run; of those alike the last.
    fn enter_several(&mut self, now: &Moment<'_>) {
        let Matcher { instant, runs, best, steps, .. } = self;
        instant.entries(*steps, &mut |entry, reach| enter(runs, best, entry, reach, now.at));
    }
}

fn enter(runs: &mut Runs, best: &mut Best, entry: usize, reach: usize, at: Micros) {
    runs.enter(entry);
    for count in 1..=reach {
        best.offer(&Offer { entry, done: &[], count, at });
        runs.copy(0, count, at);
    }
}

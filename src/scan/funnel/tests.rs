//! Funnels by hand, and against all choices of events tried one by one.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::scan::RowEvent;
use crate::time::Micros;
use proptest::prelude::*;
use std::cmp::Reverse;

const SECOND_US: Micros = 1_000_000;

fn event(at: Micros, mask: u64) -> RowEvent {
    RowEvent { at, mask, activity: 0, group: 0, number: None }
}

fn spec(steps: usize) -> FunnelSpec {
    FunnelSpec {
        steps: vec![Selector::Any; steps],
        within_us: None,
        order: FunnelOrder::Ordered,
        ties_forbidden: false,
        exclude: Vec::new(),
    }
}

/// Entry and times of the best run.
type Found = Option<(usize, Vec<Micros>)>;

fn run(spec: &FunnelSpec, events: &[RowEvent], entries: (Micros, Micros)) -> Found {
    let mut matcher = Matcher::new(spec);
    matcher.run(events, entries).map(|run| (run.entry, run.times.to_vec()))
}

/// Events at these times that match these bits, entered whenever.
fn all(spec: &FunnelSpec, events: &[(Micros, u64)]) -> Found {
    let events: Vec<RowEvent> = events.iter().map(|(at, mask)| event(*at, *mask)).collect();
    run(spec, &events, (Micros::MIN, Micros::MAX))
}

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 4;
/// The first exclusion of a funnel of three steps.
const X: u64 = 8;

#[test]
fn most_steps_then_the_earliest_finish_then_the_latest_entry() {
    let three = spec(3);
    assert_eq!(all(&three, &[]), None);
    assert_eq!(all(&three, &[(1, B), (2, C)]), None);
    assert_eq!(all(&three, &[(1, A), (2, C), (3, A)]), Some((0, vec![1])));
    let events = [(1, A), (2, B), (3, A), (4, B), (5, C), (6, A), (7, B), (8, C)];
    assert_eq!(all(&three, &events), Some((2, vec![3, 4, 5])));
    let early = [(1, A), (2, B), (3, A), (4, C), (5, B), (6, C)];
    assert_eq!(all(&three, &early), Some((0, vec![1, 2, 4])));
}

#[test]
fn the_window_holds_its_last_moment() {
    let within = |within_us| FunnelSpec { within_us: Some(within_us), ..spec(2) };
    let events = [(0, A), (SECOND_US, B)];
    assert_eq!(all(&within(SECOND_US), &events), Some((0, vec![0, SECOND_US])));
    assert_eq!(all(&within(SECOND_US - 1), &events), Some((0, vec![0])));
    let ages = 1_000_000_000_000 * SECOND_US;
    let ends = [(crate::time::INSTANT_MIN, A), (crate::time::INSTANT_MAX, B)];
    assert_eq!(all(&within(ages), &ends).unwrap().1.len(), 2);
}

#[test]
fn any_entry_may_open_within_the_range() {
    let events: Vec<RowEvent> =
        [(1, A), (5, A), (6, B), (9, A)].iter().map(|(at, mask)| event(*at, *mask)).collect();
    let two = FunnelSpec { within_us: Some(3), ..spec(2) };
    assert_eq!(run(&two, &events, (0, 10)), Some((1, vec![5, 6])));
    assert_eq!(run(&two, &events, (6, 10)), Some((3, vec![9])));
    assert_eq!(run(&two, &events, (5, 6)), Some((1, vec![5, 6])));
    assert_eq!(run(&two, &events, (2, 5)), None);
    // After the range, the run entered last takes the place of one that is as far.
    let overtaking: Vec<RowEvent> = [(1, A), (2, B), (3, A), (6, B), (7, C)]
        .iter()
        .map(|(at, mask)| event(*at, *mask))
        .collect();
    assert_eq!(run(&spec(3), &overtaking, (0, 4)), Some((2, vec![3, 6, 7])));
}

#[test]
fn one_event_serves_one_step() {
    let twice = spec(2);
    assert_eq!(all(&twice, &[(1, A | B)]), Some((0, vec![1])));
    assert_eq!(all(&twice, &[(1, A | B), (2, A | B)]), Some((0, vec![1, 2])));
    assert_eq!(all(&twice, &[(1, A | B), (1, A | B)]), Some((1, vec![1, 1])));
    // One of them must do step 2, the only step that the other cannot.
    assert_eq!(all(&twice, &[(1, A), (1, A | B)]), Some((0, vec![1, 1])));
}

#[test]
fn at_equal_times_the_funnel_s_order_counts_unless_ties_are_forbidden() {
    let forbid = |steps| FunnelSpec { ties_forbidden: true, ..spec(steps) };
    let events = [(1, C), (1, B), (1, A)];
    assert_eq!(all(&spec(3), &events), Some((2, vec![1, 1, 1])));
    assert_eq!(all(&forbid(3), &events), Some((2, vec![1])));
    let spread = [(1, A), (2, A | B), (2, B), (3, C)];
    assert_eq!(all(&forbid(3), &spread), Some((0, vec![1, 2, 3])));
}

#[test]
fn an_excluded_event_ends_the_run_and_the_steps_before_it_count() {
    let exclude = |after, before| {
        let exclude = vec![Exclude { event: Selector::Any, after, before }];
        FunnelSpec { exclude, ..spec(3) }
    };
    let events = [(1, A), (2, B), (3, X), (4, C)];
    assert_eq!(all(&exclude(2, 3), &events), Some((0, vec![1, 2])));
    assert_eq!(all(&exclude(1, 3), &events), Some((0, vec![1, 2])));
    assert_eq!(all(&exclude(1, 2), &events), Some((0, vec![1, 2, 4])));
    // Another step 2 is another run.
    let again = [(1, A), (2, B), (3, X), (4, B), (5, C)];
    assert_eq!(all(&exclude(2, 3), &again), Some((0, vec![1, 4, 5])));
    // At the time of a step it is not between.
    let ties = [(1, A), (2, B), (2, X), (3, X), (3, C)];
    assert_eq!(all(&exclude(2, 3), &ties), Some((0, vec![1, 2, 3])));
    assert_eq!(all(&exclude(1, 3), &ties), Some((0, vec![1, 2])));
}

#[test]
fn strict_lets_no_event_between() {
    const ANY: u64 = X;
    let strict = FunnelSpec { order: FunnelOrder::Strict, ..spec(3) };
    let forbid = FunnelSpec { ties_forbidden: true, ..strict.clone() };
    let of = |spec: &FunnelSpec, events: &[(Micros, u64)]| {
        let events: Vec<_> = events.iter().map(|(at, mask)| (*at, mask | ANY)).collect();
        all(spec, &events).unwrap().1.len()
    };
    assert_eq!(of(&strict, &[(1, A), (2, B), (3, C)]), 3);
    assert_eq!(of(&strict, &[(1, A), (2, B), (3, 0), (4, C)]), 2);
    assert_eq!(of(&strict, &[(1, A), (2, A), (3, B)]), 2);
    // Another event at the time of the first may come before it, at that of the last after it.
    let ends = [(1, A), (1, 0), (2, B), (3, 0), (3, C)];
    assert_eq!(of(&strict, &ends), 3);
    assert_eq!(of(&strict, &[(1, A), (2, B), (2, 0), (3, C)]), 2);
    assert_eq!(of(&strict, &[(1, A), (2, B), (2, C)]), 3);
    // The order of events counts where ties are forbidden.
    assert_eq!(of(&forbid, &[(1, 0), (1, A), (2, B), (3, C)]), 3);
    assert_eq!(of(&forbid, &ends), 1);
    assert_eq!(of(&forbid, &[(1, A), (2, B), (2, C)]), 2);
}

#[test]
fn unordered_fills_the_first_step_that_is_left() {
    let unordered = FunnelSpec { order: FunnelOrder::Unordered, ..spec(3) };
    assert_eq!(all(&unordered, &[(1, C), (2, A), (3, B)]), Some((0, vec![1, 2, 3])));
    assert_eq!(all(&unordered, &[(1, A | B), (2, A | B)]), Some((0, vec![1, 2])));
    assert_eq!(all(&unordered, &[(1, A | B), (2, A)]), Some((0, vec![1])));
    let window = FunnelSpec { within_us: Some(2), ..unordered.clone() };
    assert_eq!(all(&window, &[(1, A), (2, B), (4, C)]), Some((0, vec![1, 2])));
    assert_eq!(all(&window, &[(1, A), (2, B), (4, C), (4, A)]), Some((1, vec![2, 4, 4])));
}

#[test]
fn of_entries_at_one_time_the_one_whose_steps_come_earliest_is_taken() {
    // The first step is any event, so that the other can be done at once or later.
    let any = A;
    let both = [(0, any), (0, any | B)];
    for entries in [both, [both[1], both[0]]] {
        let later = [(100, any | B), (200, any | C)];
        let events = [entries, later].concat();
        assert_eq!(all(&spec(3), &events).unwrap().1, [0, 0, 200]);
        let strict = FunnelSpec { order: FunnelOrder::Strict, ..spec(3) };
        let at_once = [&entries[..], &later[1..]].concat();
        assert_eq!(all(&strict, &at_once).unwrap().1, [0, 0, 200]);
        let forbid = FunnelSpec { ties_forbidden: true, ..spec(3) };
        assert_eq!(all(&forbid, &events).unwrap().1, [0, 100, 200]);
    }
    // What leads to the very same times: the later event.
    assert_eq!(all(&spec(2), &[(0, A), (0, A | X), (1, B)]), Some((1, vec![0, 1])));
    let unordered = FunnelSpec { order: FunnelOrder::Unordered, ..spec(3) };
    assert_eq!(all(&unordered, &[(0, A), (0, A), (1, B)]), Some((1, vec![0, 1])));
    assert_eq!(all(&unordered, &[(0, A | B), (0, A), (1, B)]), Some((1, vec![0, 1])));
}

#[test]
fn few_runs_are_under_way_whatever_a_user_does() {
    let most = crate::limits::FUNNEL_STEPS_MAX;
    let many = 3_000;
    let peak = |spec: &FunnelSpec, event: &dyn Fn(i64) -> (Micros, u64)| {
        let events: Vec<RowEvent> =
            (0..many).map(event).map(|(at, mask)| self::event(at, mask)).collect();
        let mut matcher = Matcher::new(spec);
        matcher.run(&events, (Micros::MIN, Micros::MAX)).unwrap();
        matcher.open.runs.capacity() // It never shrinks.
    };
    for ties_forbidden in [false, true] {
        let order = FunnelOrder::Unordered;
        let unordered = |steps| FunnelSpec { order, ties_forbidden, ..spec(steps) };
        assert!(peak(&unordered(3), &|_| (0, A)) <= 8);
        assert!(peak(&unordered(3), &|at| (at, A)) <= 8);
        assert!(peak(&unordered(3), &|n| (0, 1 << (n % 2))) <= 16);
        assert!(peak(&unordered(3), &|n| (n, 1 << (n % 2))) <= 16);
        // All steps but the last, in an order that looks like none.
        let step = |n: i64| 1 << (n * n % 31 % (most as i64 - 1));
        let bound = if ties_forbidden { 2 * most * most } else { 4 * most };
        for alike in [1, 2, 30, many] {
            assert!(peak(&unordered(most), &|n| (n / alike, step(n))) <= bound);
            let two = |n| (n / alike, step(n) | step(n + 7));
            assert!(peak(&unordered(most), &two) <= bound);
        }
    }
}

#[test]
fn what_nothing_waits_for_is_passed_over() {
    let many = 1_000;
    let start = [(0, A), (1, B)];
    let between = (2..many).map(|at| (at, A | B | X << 1));
    let rest = [(many, X), (many, C), (many + 1, B)];
    let events: Vec<_> = start.into_iter().chain(between).chain(rest).collect();
    let events: Vec<RowEvent> = events.iter().map(|(at, mask)| event(*at, *mask)).collect();
    let next = |spec: &FunnelSpec, events: &[RowEvent]| {
        let mut matcher = Matcher::new(spec);
        matcher.run(&events[..2], (0, 1)).unwrap();
        matcher.ahead.fill(events);
        matcher.awaited(events, 2, 1)
    };
    let c = many as usize + 1;
    // All events of a time are looked at together, since each may serve, unless their order counts.
    assert_eq!(next(&spec(3), &events), Some(c - 1));
    let unordered = FunnelSpec { order: FunnelOrder::Unordered, ..spec(3) };
    assert_eq!(next(&unordered, &events), Some(c));
    for spec in [&spec(3), &unordered] {
        assert_eq!(next(spec, &events[..c - 1]), None);
        assert_eq!(next(spec, &[&events[..c - 1], &events[c + 1..]].concat()), None);
    }
    // An excluded event ends a run, whichever of those that are in question it is.
    let exclude = vec![Exclude { event: Selector::Any, after: 2, before: 3 }];
    assert_eq!(next(&FunnelSpec { exclude, ..spec(3) }, &events[..c]), Some(c - 1));
    let strict = FunnelSpec { order: FunnelOrder::Strict, ..spec(3) };
    assert_eq!(next(&strict, &events), Some(2));
    let broken = [&[events[0], event(1, C)], &events[2..]].concat();
    assert_eq!(next(&strict, &broken), None);
}

#[test]
fn a_mask_holds_the_longest_funnel() {
    let most = crate::limits::FUNNEL_STEPS_MAX;
    let exclude = Exclude { event: "x".into(), after: 1, before: 2 };
    let strict =
        FunnelSpec { order: FunnelOrder::Strict, exclude: vec![exclude; most], ..spec(most) };
    assert!(strict.selectors().len() <= crate::scan::rows::SELECTORS_MAX);
    let events: Vec<(Micros, u64)> = (0..most).map(|step| (step as Micros, 1 << step)).collect();
    assert_eq!(all(&spec(most), &events).unwrap().1.len(), most);
    let at_once: Vec<(Micros, u64)> = events.iter().map(|(_, mask)| (7, mask | A)).collect();
    assert_eq!(all(&spec(most), &at_once).unwrap().1.len(), most);
}

/// Every run from one entry, step by step, as far as it goes.
struct Naive<'a> {
    spec: &'a FunnelSpec,
    events: &'a [RowEvent],
    found: Vec<Vec<usize>>,
}

impl Naive<'_> {
    fn best(mut self, entries: (Micros, Micros)) -> Found {
        for entry in 0..self.events.len() {
            if !(entries.0..entries.1).contains(&self.events[entry].at) {
                continue;
            }
            if self.spec.order == FunnelOrder::Unordered {
                self.fill(entry);
            } else if self.events[entry].matches(0) {
                self.go_on(&mut vec![entry]);
            }
        }
        let times = |run: &Vec<usize>| run.iter().map(|at| self.events[*at].at).collect::<Vec<_>>();
        let key = |run: &Vec<usize>| {
            let times = times(run);
            let ends = (*times.last().unwrap(), Reverse(times[0]));
            (Reverse(times.len()), ends, times, Reverse(run[0]))
        };
        self.found.iter().map(key).min().map(|(_, _, times, entry)| (entry.0, times))
    }

    fn go_on(&mut self, run: &mut Vec<usize>) {
        self.found.push(run.clone());
        for next in 0..self.events.len() {
            if run.len() < self.spec.steps.len() && self.follows(run, next) {
                run.push(next);
                self.go_on(run);
                run.pop();
            }
        }
    }

    fn follows(&self, run: &[usize], next: usize) -> bool {
        let (first, last) = (self.events[run[0]].at, self.events[run[run.len() - 1]].at);
        let at = self.events[next].at;
        self.events[next].matches(run.len())
            && !run.contains(&next)
            && at >= last
            && !(self.spec.ties_forbidden && at == last)
            && self.spec.within_us.is_none_or(|within| at - first <= within)
            && !self.is_excluded(run, at)
            && (self.spec.order != FunnelOrder::Strict || self.is_adjacent(run, next))
    }

    fn is_excluded(&self, run: &[usize], at: Micros) -> bool {
        let bits = self.spec.steps.len()..;
        self.spec.exclude.iter().zip(bits).any(|(exclude, bit)| {
            let Some(after) = run.get(exclude.after as usize - 1) else { return false };
            let after = self.events[*after].at;
            run.len() < exclude.before as usize
                && self.events.iter().any(|x| x.matches(bit) && after < x.at && x.at < at)
        })
    }

    /// Some order of the events at equal times has no other between the two.
    fn is_adjacent(&self, run: &[usize], next: usize) -> bool {
        let last = run[run.len() - 1];
        if self.spec.ties_forbidden {
            return next == last + 1;
        }
        let at = |place: usize| self.events[place].at;
        let others = (0..self.events.len()).filter(|other| !run.contains(other) && *other != next);
        others.into_iter().all(|other| {
            let passed = at(other) == at(last) && at(run[0]) < at(last) && at(last) < at(next);
            let between = at(last) < at(other) && at(other) < at(next);
            !passed && !between
        })
    }

    fn fill(&mut self, entry: usize) {
        let mut left: Vec<usize> = (0..self.spec.steps.len()).collect();
        let mut run: Vec<usize> = Vec::new();
        for next in entry..self.events.len() {
            let at = self.events[next].at;
            let in_window = |us| at - self.events[entry].at <= us;
            let tied = run.last().is_some_and(|last| self.events[*last].at == at);
            let step = left.iter().position(|step| self.events[next].matches(*step));
            match step {
                None if run.is_empty() => return,
                Some(step)
                    if self.spec.within_us.is_none_or(in_window)
                        && !(self.spec.ties_forbidden && tied) =>
                {
                    left.remove(step);
                    run.push(next);
                    self.found.push(run.clone());
                }
                _ => {}
            }
        }
    }
}

fn any_spec() -> impl Strategy<Value = FunnelSpec> {
    use FunnelOrder::{Ordered, Strict, Unordered};
    let order = proptest::sample::select(vec![Ordered, Ordered, Strict, Unordered]);
    let exclude = (1u32..4, 1u32..3).prop_map(|(after, more)| (after, after + more));
    let exclude = proptest::collection::vec(exclude, 0..3);
    let within = proptest::option::of(0i64..12);
    (1usize..5, order, any::<bool>(), exclude, within).prop_map(
        |(steps, order, ties_forbidden, exclude, within_us)| {
            let ordered = order != Unordered;
            let fits = |(_, before): &(u32, u32)| ordered && *before as usize <= steps;
            let exclude = exclude.into_iter().filter(fits);
            let exclude = exclude
                .map(|(after, before)| Exclude { event: Selector::Any, after, before })
                .collect();
            FunnelSpec { within_us, order, ties_forbidden, exclude, ..spec(steps) }
        },
    )
}

/// Up to nine events, many of them at one time, that match a step or two each.
fn any_events() -> impl Strategy<Value = Vec<RowEvent>> {
    let mask = prop_oneof![
        6 => (0u32..7).prop_map(|bit| 1 << bit),
        2 => 0u64..128,
        1 => Just(0),
    ];
    let gap = prop_oneof![3 => Just(0i64), 4 => 1i64..4];
    proptest::collection::vec((gap, mask), 0..10).prop_map(|events| {
        let mut at = 0;
        let mut later = |gap| {
            at += gap;
            at
        };
        let any = 1 << 63; // every event is read by a strict funnel
        events.into_iter().map(|(gap, mask)| event(later(gap), mask | any)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_best_run_is_the_best_of_all(
        spec in any_spec(),
        events in any_events(),
        from in -1i64..12,
        width in 1i64..20,
    ) {
        let entries = (from, from + width);
        let naive = Naive { spec: &spec, events: &events, found: Vec::new() };
        prop_assert_eq!(run(&spec, &events, entries), naive.best(entries));
    }

    /// At equal times events are sorted by name. Where the funnel looks at that order, an event
    /// that fits one step at most leaves nothing to choose.
    #[test]
    fn names_have_no_say(
        spec in any_spec(),
        mut events in any_events(),
        names in proptest::collection::vec(any::<u8>(), 10),
    ) {
        let by_name = spec.order != FunnelOrder::Ordered && spec.ties_forbidden;
        if spec.order == FunnelOrder::Unordered {
            events.iter_mut().for_each(|event| event.mask &= event.mask.wrapping_neg());
        }
        let spec = FunnelSpec { ties_forbidden: spec.ties_forbidden && !by_name, ..spec };
        let mut renamed: Vec<(RowEvent, u8)> = events.iter().copied().zip(names).collect();
        renamed.sort_by_key(|(event, name)| (event.at, *name));
        let renamed: Vec<RowEvent> = renamed.into_iter().map(|(event, _)| event).collect();
        let times = |events| run(&spec, events, (0, 9)).map(|(_, times)| times);
        prop_assert_eq!(times(&events), times(&renamed));
    }

    #[test]
    fn the_run_of_a_bucket_is_the_best_of_its_entries(
        spec in any_spec(),
        events in any_events(),
        edges in proptest::collection::btree_set(-1i64..25, 2..6),
    ) {
        let edges: Vec<Micros> = edges.into_iter().collect();
        let expected = edges.windows(2).map(|span| run(&spec, &events, (span[0], span[1])));
        let expected = expected.enumerate().filter_map(|(bucket, run)| Some((bucket, run?)));
        let mut found = Vec::new();
        let mut matcher = Matcher::new(&spec);
        matcher.run_by_bucket(&events, &edges, &mut |bucket, run| {
            found.push((bucket, (run.entry, run.times.to_vec())));
        });
        prop_assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn step_1_is_whoever_did_it_in_the_range(
        spec in any_spec(),
        events in any_events(),
        to in 1i64..20,
    ) {
        let any = spec.order == FunnelOrder::Unordered;
        let spec = FunnelSpec { order: if any { FunnelOrder::Ordered } else { spec.order }, ..spec };
        let did = events.iter().any(|event| event.matches(0) && event.at < to);
        prop_assert_eq!(run(&spec, &events, (0, to)).is_some(), did);
    }
}

//! `paths`: which event follows which, step by step from an event on, or back from it.

use super::Question;
use super::cells::Slots;
use super::prepared::Prepared;
use super::rank::Ranking;
use crate::error::Result;
use crate::query::answer::{Figures, Link};
use crate::query::{Anchor, Paths};
use crate::scan::{RowEvent, RowInput, RowJob, RowOperator, Selector};
use crate::time::Micros;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The place of the anchor among the selectors; the other is any event.
const ANCHOR: usize = 0;

pub(super) fn prepare<'a>(question: &Question<'a>, paths: &'a Paths) -> Prepared<'a> {
    let (walk, slots) = (Walk::new(question, paths), Slots::of(question));
    let job = RowJob::new(input(question, paths), question.plan.users.clone(), move || Links {
        walk: walk.clone(),
        slots: slots.clone(),
        links: HashMap::new(),
    });
    Prepared::of_rows(job, move |question, counted| {
        let names = question.snapshot.activity_names();
        let links = counted.take::<Links>()?.links;
        Ok(figures(links, question.slots(), paths.top as usize, &names))
    })
}

/// Groups by the value on the event that each path hangs on.
pub(super) fn ranking<'a>(question: &Question<'a>, paths: &Paths) -> Ranking<'a> {
    let walk = Walk::new(question, paths);
    let users = question.plan.users.clone();
    Ranking::by_users(
        input(question, paths),
        users,
        move |events: &[RowEvent], visit: &mut dyn FnMut(u32)| {
            walk.anchor(events).into_iter().for_each(|anchor| visit(events[anchor].group));
        },
    )
}

/// Paths reach out of the range, as far as their steps can.
fn input(question: &Question<'_>, paths: &Paths) -> RowInput {
    let (mut from, mut to) = question.plan.instants();
    let reach = paths.within_us.saturating_mul(i64::from(paths.depth));
    match paths.anchor {
        _ if from == to => {}
        Anchor::Start(_) => to = to.saturating_add(reach),
        Anchor::End(_) => from = from.saturating_sub(reach),
    }
    let selectors = vec![paths.anchor.event().clone(), Selector::Any];
    let numbering = question.numbering();
    RowInput { selectors, from, to, numbering, activities: true, ..RowInput::default() }
}

/// How a user's path is found.
#[derive(Debug, Clone)]
struct Walk {
    range: (Micros, Micros),
    backward: bool,
    within_us: i64,
    depth: usize,
}

impl Walk {
    fn new(question: &Question<'_>, paths: &Paths) -> Walk {
        Walk {
            range: question.plan.instants(),
            backward: matches!(paths.anchor, Anchor::End(_)),
            within_us: paths.within_us,
            depth: paths.depth as usize,
        }
    }

    /// The first event in the range that the path can hang on; backward the last.
    fn anchor(&self, events: &[RowEvent]) -> Option<usize> {
        let (from, to) = self.range;
        let opens = |event: &RowEvent| event.matches(ANCHOR) && from <= event.at && event.at < to;
        match self.backward {
            false => events.iter().position(opens),
            true => events.iter().rposition(opens),
        }
    }

    /// Calls back with the activity of each step and the next one, `None` where the path ends
    /// before its depth.
    fn steps(&self, events: &[RowEvent], anchor: usize, mut visit: impl FnMut(u32, Option<u32>)) {
        let mut place = anchor;
        for _ in 0..self.depth {
            let next = match self.backward {
                false => place.checked_add(1),
                true => place.checked_sub(1),
            };
            let next = next.filter(|next| {
                let near = |event: &RowEvent| {
                    event.at.abs_diff(events[place].at) <= self.within_us.unsigned_abs()
                };
                events.get(*next).is_some_and(near)
            });
            visit(events[place].activity, next.map(|next| events[next].activity));
            let Some(next) = next else { return };
            place = next;
        }
    }
}

/// Counts the users of each link.
struct Links {
    walk: Walk,
    slots: Slots,
    links: HashMap<Key, u64>,
}

/// A link of a group, its activities by their ranks among all names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    slot: u32,
    step: u32,
    from: Option<u32>,
    to: Option<u32>,
}

impl RowOperator for Links {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        let Some(anchor) = self.walk.anchor(events) else { return Ok(()) };
        let Some(slot) = self.slots.slot(events[anchor].group) else { return Ok(()) };
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        let Links { walk, links, .. } = self;
        let mut step = 0;
        walk.steps(events, anchor, |here, next| {
            step += 1;
            let (from, to) = if walk.backward { (next, Some(here)) } else { (Some(here), next) };
            *links.entry(Key { slot, step, from, to }).or_default() += 1;
        });
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        for (key, users) in other.links {
            *self.links.entry(key).or_default() += users;
        }
        Ok(())
    }
}

/// The links of each slot, step by step, the largest first.
fn figures(links: HashMap<Key, u64>, slots: usize, top: usize, names: &[String]) -> Vec<Figures> {
    let mut links: Vec<(Key, u64)> = links.into_iter().collect();
    // Ranks are the order of names; nothing comes before all of them.
    links.sort_unstable_by_key(|(key, users)| {
        (key.slot, key.step, Reverse(*users), key.from, key.to)
    });
    let mut slots = vec![Vec::new(); slots];
    for step in links.chunk_by(|(a, _), (b, _)| (a.slot, a.step) == (b.slot, b.step)) {
        if let Some(kept) = step.first().and_then(|(key, _)| slots.get_mut(key.slot as usize)) {
            kept.extend(of_step(step, top, names));
        }
    }
    slots.into_iter().map(Figures::Paths).collect()
}

fn of_step(links: &[(Key, u64)], top: usize, names: &[String]) -> impl Iterator<Item = Link> {
    let (kept, rest) = links.split_at(top.min(links.len()));
    let named = |rank: Option<u32>| Some(names.get(rank? as usize).cloned().unwrap_or_default());
    let kept = kept.iter().map(move |(Key { step, from, to, .. }, users)| Link {
        step: *step,
        from: named(*from),
        to: named(*to),
        other: false,
        users: *users,
    });
    let other = rest.first().map(|(Key { step, .. }, _)| Link {
        step: *step,
        from: None,
        to: None,
        other: true,
        users: rest.iter().map(|(_, users)| users).sum(),
    });
    kept.chain(other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const A: u32 = 0;
    const B: u32 = 1;
    const C: u32 = 2;

    /// An activity at a time; A is the anchor.
    fn events(events: &[(Micros, u32)]) -> Vec<RowEvent> {
        let event = |(at, activity): &(Micros, u32)| {
            let mask = 2 | u64::from(*activity == A);
            RowEvent { at: *at, mask, activity: *activity, group: *activity, number: None }
        };
        events.iter().map(event).collect()
    }

    fn operator(range: (Micros, Micros), backward: bool, depth: usize) -> Links {
        let walk = Walk { range, backward, within_us: 10, depth };
        Links { walk, slots: Slots::One, links: HashMap::new() }
    }

    fn links(operator: Links, top: usize) -> Vec<(u32, Option<String>, Option<String>, u64)> {
        let names = ["a", "b", "c"].map(str::to_owned);
        let figures = figures(operator.links, 1, top, &names);
        let [Figures::Paths(links)] = figures.as_slice() else { return Vec::new() };
        let link = |link: &Link| (link.step, link.from.clone(), link.to.clone(), link.users);
        links.iter().map(link).collect()
    }

    fn of(
        user: &[(Micros, u32)],
        operator: Links,
    ) -> Vec<(u32, Option<String>, Option<String>, u64)> {
        let mut operator = operator;
        operator.user(0, &events(user)).unwrap();
        links(operator, 25)
    }

    fn named(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn a_path_goes_on_while_events_are_near_and_may_leave_the_range() {
        let user = [(0, B), (5, A), (9, C), (19, A), (29, B), (40, C)];
        let links = of(&user, operator((0, 10), false, 5));
        let expected = [
            (1, named("a"), named("c"), 1),
            (2, named("c"), named("a"), 1),
            (3, named("a"), named("b"), 1),
            (4, named("b"), None, 1),
        ];
        assert_eq!(links, expected);
        assert_eq!(of(&user, operator((0, 10), false, 3)), expected[..3]);
        assert_eq!(of(&user, operator((30, 50), false, 3)), []);
        assert_eq!(of(&user, operator((19, 20), false, 1))[0].2, named("b"));
    }

    #[test]
    fn backward_the_last_anchor_counts_and_links_arrive() {
        let user = [(0, B), (12, B), (15, A), (19, C), (19, A), (90, B)];
        let links = of(&user, operator((0, 50), true, 4));
        let expected = [
            (1, named("c"), named("a"), 1),
            (2, named("a"), named("c"), 1),
            (3, named("b"), named("a"), 1),
            (4, None, named("b"), 1),
        ];
        assert_eq!(links, expected);
    }

    #[test]
    fn an_anchor_alone_is_a_path_that_ends() {
        assert_eq!(of(&[(3, A)], operator((0, 9), false, 2)), [(1, named("a"), None, 1)]);
        assert_eq!(of(&[(3, A)], operator((0, 9), true, 2)), [(1, None, named("a"), 1)]);
    }

    #[test]
    fn the_largest_links_of_a_step_are_named_and_the_others_are_one() {
        let mut all = operator((0, 100), false, 1);
        let mut some = operator((0, 100), false, 1);
        for (user, next) in [(0, C), (1, C), (2, B), (3, A)] {
            let operator = if user % 2 == 0 { &mut all } else { &mut some };
            operator.user(user, &events(&[(1, A), (2, next)])).unwrap();
        }
        some.user(9, &events(&[(1, A)])).unwrap();
        all.merge(some).unwrap();
        let kept = [(1, named("a"), named("c"), 2), (1, named("a"), None, 1)];
        assert_eq!(links(all, 2), [&kept[..], &[(1, None, None, 2)]].concat());
    }

    #[test]
    fn a_breakdown_goes_by_the_anchor() {
        let mut operator = Links { slots: Slots::Numbered, ..operator((0, 100), false, 1) };
        let user = [(1, A), (2, B)].map(|(at, activity)| {
            let mask = 2 | u64::from(activity == A);
            RowEvent { at, mask, activity, group: 3 + activity, number: None }
        });
        operator.user(0, &user).unwrap();
        let slots: Vec<u32> = operator.links.keys().map(|key| key.slot).collect();
        assert_eq!(slots, [3]);
    }
}

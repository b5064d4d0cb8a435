//! Random events as a row report sees them, and amounts as plain whole numbers.

use crate::event::{Decimal, Number};
use crate::report::cells::Slots;
use crate::scan::{Groups, KeyPart, Numbering, RowEvent, RowOperator};
use crate::time::Micros;
use proptest::prelude::*;
use std::sync::Arc;

/// Times lie in `0..TIMES`.
pub(in crate::report) const TIMES: Micros = 120;
/// Groups of the events; the last one is met only before the range.
pub(in crate::report) const GROUPS: u32 = 5;

/// An event of selector 0 without a group.
pub(in crate::report) fn paid(at: Micros, amount: &str) -> RowEvent {
    let number = amount.parse::<Decimal>().ok().map(Number::from);
    RowEvent { at, mask: 1, activity: 0, group: 0, number }
}

/// Hands out the users' events to several operators, and merges them.
pub(in crate::report) fn counted<T: RowOperator>(
    make: impl Fn() -> T,
    users: &[Vec<RowEvent>],
    nobody: &[RowEvent],
) -> T {
    let mut operators = [make(), make(), make()];
    for (user, events) in (0..).zip(users).filter(|(_, events)| !events.is_empty()) {
        operators[user as usize * 7 % 3].user(user, events).unwrap();
    }
    for (place, events) in nobody.chunks(2).enumerate() {
        operators[place % 3].unordered(events).unwrap();
    }
    let [mut one, two, mut three] = operators;
    three.merge(two).unwrap();
    one.merge(three).unwrap();
    one
}

/// The first so many groups are kept; the next ones are the others. The last group is no group of
/// the range, so that it belongs to the others where there are any.
pub(in crate::report) fn ranked(top: usize) -> Slots {
    let groups = Groups::new(Numbering::new(vec!["p".into()]));
    let sizes: Vec<Option<u32>> = (0..GROUPS)
        .map(|number| {
            assert_eq!(groups.numbering().number(&[part(number)]).unwrap(), number);
            (number + 1 < GROUPS).then_some(GROUPS - number)
        })
        .collect();
    groups.rank(&sizes, top);
    Slots::Ranked(Arc::new(groups))
}

pub(in crate::report) fn part(number: u32) -> KeyPart {
    KeyPart::exact(Decimal::from(i64::from(number)))
}

/// The slot of a group where so many are kept.
pub(in crate::report) fn slot_of(top: usize, group: u32) -> Option<usize> {
    let group = group as usize;
    let known = GROUPS as usize - 1;
    if group < top.min(known) { Some(group) } else { (top < known).then_some(top) }
}

/// A number in millionths; all the random ones are whole.
pub(in crate::report) fn units(number: Number) -> i128 {
    match number {
        Number::Exact(number) => number.unscaled() * 10_i128.pow(6 - u32::from(number.scale())),
        Number::Float(number) => (number * 1e6).round() as i128,
    }
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-5i64..6).prop_map(Number::from),
        (-9_999i128..10_000, 0u8..=4)
            .prop_map(|(unscaled, scale)| Number::Exact(Decimal::new(unscaled, scale).unwrap())),
        (-80i32..80).prop_map(|eighths| Number::Float(f64::from(eighths) / 8.0)),
    ]
}

pub(in crate::report) fn any_events(most: usize) -> impl Strategy<Value = Vec<RowEvent>> {
    let number = proptest::option::weighted(0.85, any_number());
    let event = (0..TIMES, 1u64..4, 0..GROUPS, number);
    let event = event.prop_map(|(at, mask, group, number)| RowEvent {
        at,
        mask,
        activity: 0,
        group,
        number,
    });
    proptest::collection::vec(event, 0..most).prop_map(|mut events| {
        events.sort_by_key(|event| event.at);
        events
    })
}

/// The events of several users.
pub(in crate::report) fn any_users() -> impl Strategy<Value = Vec<Vec<RowEvent>>> {
    proptest::collection::vec(any_events(14), 0..7)
}

/// Edges of adjacent buckets.
pub(in crate::report) fn any_edges() -> impl Strategy<Value = Vec<Micros>> {
    proptest::collection::btree_set(0..TIMES, 2..8).prop_map(|edges| edges.into_iter().collect())
}

//! `growth` with a property: whose amounts are new, kept, grown, shrunk and lost from one period to
//! the next.

use super::{ANY, EVENT, with_lead};
use crate::error::Result;
use crate::event::Sum;
use crate::query::answer::Figures;
use crate::report::cells::{Cells, Slots};
use crate::report::movements::{self, Movements, columns};
use crate::report::{Prepared, Question};
use crate::scan::{RowEvent, RowJob, RowOperator, Selector};
use crate::time::Micros;
use std::sync::Arc;

pub(in crate::report) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    property: &str,
    trailing: Option<u32>,
    new_means_any: bool,
) -> Prepared<'a> {
    let rules = Arc::new(Rules {
        periods: periods(question, trailing),
        any: new_means_any,
        slots: Slots::of(question),
    });
    let mut input = movements::input(question, event, property);
    input.selectors.extend(new_means_any.then_some(Selector::Any));
    let make = move || Amounts::new(Arc::clone(&rules));
    let job = RowJob::new(input, question.plan.users.clone(), make);
    Prepared::of_rows(job, |question, counted| {
        let mut cells = counted.take::<Amounts>()?.cells;
        let slots = (0..question.slots()).map(|slot| {
            let rows = question.begun(|bucket| Some(cells.take(slot, bucket)));
            Ok(Figures::Columns(columns(&rows)?))
        });
        slots.collect()
    })
}

/// A bucket and the one before it, or the days that end with it and the days before those.
fn periods(question: &Question<'_>, trailing: Option<u32>) -> Vec<Periods> {
    let (edges, lead) = with_lead(question, 1);
    (lead..edges.len().saturating_sub(1))
        .map(|bucket| {
            let (start, end) = (edges[bucket], edges[bucket + 1]);
            let periods = match trailing.map(|days| question.plan.ticks(days)) {
                None => [edges[bucket.saturating_sub(1)], start, end],
                Some(ticks) => [end.saturating_sub(2 * ticks), end.saturating_sub(ticks), end],
            };
            let [before, start, end] = periods.map(|tick| question.start_of(tick));
            Periods { before, start, end }
        })
        .collect()
}

/// The two periods that a bucket compares: `[before, start)` and `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Periods {
    pub(super) before: Micros,
    pub(super) start: Micros,
    pub(super) end: Micros,
}

/// The periods of every bucket, in order; and whether any event at all ends being new.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) periods: Vec<Periods>,
    pub(super) any: bool,
    pub(super) slots: Slots,
}

/// Adds up each user's amounts per period.
pub(super) struct Amounts {
    rules: Arc<Rules>,
    pub(super) cells: Cells<Movements>,
    /// Of the user at hand: the slot, the time and the sum of all amounts in the slot so far, this
    /// one included.
    amounts: Vec<(usize, Micros, Sum)>,
}

impl Amounts {
    pub(super) fn new(rules: Arc<Rules>) -> Amounts {
        let cells = Cells::new(rules.periods.len());
        Amounts { rules, cells, amounts: Vec::new() }
    }

    /// One user's amounts in one slot, added up from the first one on.
    fn slot(&mut self, from: usize, to: usize, known_from: Option<Micros>) {
        let amounts = &self.amounts[from..to];
        let (slot, first, _) = amounts[0];
        let known_from = known_from.unwrap_or(first);
        let before = |at: Micros| amounts.partition_point(|(_, time, _)| *time < at);
        let periods = &self.rules.periods;
        let mut bucket = 0;
        while let Some(period) = periods.get(bucket) {
            let places = [period.before, period.start, period.end].map(before);
            if places[0] < places[2] {
                let cell = self.cells.at(slot, bucket);
                count(cell, amounts, places, known_from < period.start);
                bucket += 1;
            } else {
                // Idle: on to the bucket whose period the next amount falls into.
                let Some((_, next, _)) = amounts.get(places[2]) else { return };
                bucket += periods[bucket..].partition_point(|period| period.end <= *next);
            }
        }
    }
}

/// Amounts `[places[0], places[1])` are in the earlier period, the others up to `places[2]` in the
/// later one.
fn count(cell: &mut Movements, amounts: &[(usize, Micros, Sum)], places: [usize; 3], known: bool) {
    let sum = |from: usize, to: usize| {
        let mut sum = amounts[to - 1].2.clone();
        if let Some(earlier) = from.checked_sub(1) {
            sum.subtract_sum(&amounts[earlier].2);
        }
        sum
    };
    let [before, start, end] = places;
    let last = (before < start).then(|| sum(before, start));
    let this = (start < end).then(|| sum(start, end));
    if let Some(this) = &this {
        cell.total.add_sum(this);
    }
    match (last, this) {
        (Some(last), Some(this)) => {
            cell.retained.add_sum(last.min(&this));
            cell.change(&last, &this);
        }
        (None, Some(this)) => cell.join(&this, !known),
        (Some(last), None) => cell.leave(&last),
        (None, None) => {}
    }
}

impl RowOperator for Amounts {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        self.amounts.clear();
        let numbers = events.iter().filter(|event| event.matches(EVENT));
        for event in numbers {
            if let (Some(number), Some(slot)) = (event.number, self.rules.slots.slot(event.group)) {
                self.amounts.push((slot, event.at, Sum::from(number)));
            }
        }
        self.amounts.sort_by_key(|(slot, ..)| *slot);
        let any = events.iter().find(|event| event.matches(ANY));
        let known_from = any.filter(|_| self.rules.any).map(|event| event.at);
        let mut from = 0;
        while from < self.amounts.len() {
            let same = self.amounts[from..].iter();
            let to = from + same.take_while(|(slot, ..)| *slot == self.amounts[from].0).count();
            for place in from + 1..to {
                let (earlier, rest) = self.amounts.split_at_mut(place);
                rest[0].2.add_sum(&earlier[place - 1].2);
            }
            self.slot(from, to, known_from);
            from = to;
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.cells.merge(other.cells, |cell, other| {
            cell.add(&other);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::movements::tests::{Model, model_of};
    use crate::report::tests::events::*;
    use proptest::prelude::*;

    fn calendar(edges: &[Micros]) -> Vec<Periods> {
        let period = |edge: &[Micros]| Periods { before: edge[0], start: edge[1], end: edge[2] };
        edges.windows(3).map(period).collect()
    }

    fn trailing(edges: &[Micros], days: Micros) -> Vec<Periods> {
        let ends = edges.iter().map(|&end| (end, end - days, end - 2 * days));
        ends.map(|(end, start, before)| Periods { before, start, end }).collect()
    }

    fn rules(periods: Vec<Periods>, any: bool, slots: Slots) -> Arc<Rules> {
        Arc::new(Rules { periods, any, slots })
    }

    #[test]
    fn money_moves_from_month_to_month() {
        let anna = vec![paid(5, "10.50"), paid(20, "4.25"), paid(101, "9.75")];
        let ben = vec![paid(20, "20"), paid(102, "-2"), paid(209, "5")];
        let cara = vec![paid(103, "free"), paid(201, "7.1")];
        let rules = rules(calendar(&[-100, 0, 100, 200, 300, 400]), false, Slots::One);
        let users = [anna, ben, cara];
        let mut cells = counted(|| Amounts::new(Arc::clone(&rules)), &users, &[]).cells;
        let month = |total, new, retained, expansion, contraction, resurrected, churned| Model {
            total,
            new,
            retained,
            expansion,
            contraction,
            resurrected,
            churned,
        };
        let months: Vec<Model> = (0..4).map(|bucket| model_of(&cells.take(0, bucket))).collect();
        assert_eq!(months[0], month(34_750_000, 34_750_000, 0, 0, 0, 0, 0));
        assert_eq!(months[1], month(7_750_000, 0, 7_750_000, 0, 27_000_000, 0, 0));
        assert_eq!(months[2], month(12_100_000, 7_100_000, -2_000_000, 7_000_000, 0, 0, 9_750_000));
        assert_eq!(months[3], month(0, 0, 0, 0, 0, 0, 12_100_000));
    }

    /// One user and slot at a time, straight from the definition.
    fn expected(
        users: &[Vec<RowEvent>],
        period: &Periods,
        any: bool,
        holds: impl Fn(&RowEvent) -> bool,
    ) -> Model {
        let mut model = Model::default();
        for events in users {
            let amounts = || events.iter().filter(|e| e.matches(EVENT) && holds(e));
            let sum = |from: Micros, to: Micros| {
                let inside = amounts().filter(|e| (from..to).contains(&e.at));
                let numbers: Vec<i128> = inside.filter_map(|e| e.number).map(units).collect();
                (!numbers.is_empty()).then(|| numbers.into_iter().sum::<i128>())
            };
            let mut counting = amounts().filter(|e| e.number.is_some());
            let known = match any {
                true => events.iter().any(|e| e.at < period.start),
                false => counting.any(|e| e.at < period.start),
            };
            let (last, this) = (sum(period.before, period.start), sum(period.start, period.end));
            model.moved(last, this, !known);
        }
        model
    }

    proptest! {
        #[test]
        fn amounts_move_as_defined(
            mut users in any_users(),
            edges in any_edges(),
            days in proptest::option::of(1..60i64),
            any in proptest::bool::ANY,
            top in proptest::option::of(1usize..6),
        ) {
            let periods = match days {
                Some(days) => trailing(&edges, days),
                None => calendar(&edges),
            };
            if any {
                users.iter_mut().flatten().for_each(|event| event.mask |= 1 << ANY);
            }
            let slots = top.map_or(Slots::One, ranked);
            let rules = rules(periods.clone(), any, slots);
            let mut cells = counted(|| Amounts::new(Arc::clone(&rules)), &users, &[]).cells;
            for slot in 0..=top.unwrap_or(0) {
                let holds = |e: &RowEvent| top.is_none_or(|top| slot_of(top, e.group) == Some(slot));
                let mut before = None;
                for (bucket, period) in periods.iter().enumerate() {
                    let got = model_of(&cells.take(slot, bucket));
                    prop_assert_eq!(&got, &expected(&users, period, any, holds));
                    got.check_identities(before.filter(|_| days.is_none()))?;
                    before = Some(got.total);
                }
            }
        }
    }
}

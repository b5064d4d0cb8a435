//! `balance`: the last amount of every user, carried forward to the end of each bucket, and how
//! these amounts move from one bucket's end to the next.

use super::cells::{Cells, Slots};
use super::movements::{self, Movements};
use super::rank::Ranking;
use super::{Instants, Prepared, Question};
use crate::error::Result;
use crate::event::{Number, Sum};
use crate::query::answer::Figures;
use crate::scan::{RowEvent, RowJob, RowOperator, Selector};
use crate::time::Micros;
use std::collections::HashMap;

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    property: &str,
) -> Prepared<'a> {
    let (instants, slots) = (question.instants(), Slots::of(question));
    let make = move || Balances::new(instants.clone(), slots.clone());
    let job =
        RowJob::new(movements::input(question, event, property), question.plan.users.clone(), make);
    Prepared::of_rows(job, |question, counted| {
        let mut counted = counted.take::<Balances>()?;
        (0..question.slots()).map(|slot| figures(question, &mut counted, slot)).collect()
    })
}

/// By the users whose amount a group holds at some time in the range.
pub(super) fn ranking<'a>(
    question: &Question<'a>,
    event: &Selector,
    property: &str,
) -> Ranking<'a> {
    let (from, _) = question.instants().range();
    let holders = move |events: &[RowEvent], visit: &mut dyn FnMut(u32)| {
        let (earlier, inside) = events.split_at(events.partition_point(|event| event.at < from));
        let carried = earlier.iter().rev().find_map(|event| Some((event.group, event.number?)));
        let carried = carried.filter(|(_, number)| !is_zero(*number)).map(|(group, _)| group);
        let inside = inside.iter().filter(|event| event.number.is_some());
        carried.into_iter().chain(inside.map(|event| event.group)).for_each(visit);
    };
    let users = question.plan.users.clone();
    Ranking::by_users(movements::input(question, event, property), users, holders)
}

fn figures(question: &Question<'_>, counted: &mut Balances, slot: usize) -> Result<Figures> {
    let (rows, users) = counted.carried(slot);
    let rows = question.begun(|bucket| rows.get(bucket).cloned());
    let mut columns = movements::columns(&rows)?;
    columns.insert(1, ("users", question.counts(&users)));
    Ok(Figures::Columns(columns))
}

/// What changes at the end of a bucket.
#[derive(Debug, Default)]
struct Change {
    /// `total` is what the total rises by; `retained` is worked out at the end.
    movements: Movements,
    users: i64,
}

/// A user's amount, in a slot of the answer.
type Held = Option<(usize, Number)>;

/// Finds out what each user's amount does at the ends of the buckets.
struct Balances {
    instants: Instants,
    slots: Slots,
    /// Place 0 is what there is before the range, then a place per bucket.
    changes: Cells<Change>,
    /// Slots that the user at hand has had an amount in, and the place of the first.
    known: HashMap<usize, usize>,
}

impl Balances {
    fn new(instants: Instants, slots: Slots) -> Balances {
        let changes = Cells::new(instants.len() + 1);
        Balances { instants, slots, changes, known: HashMap::new() }
    }

    /// The place that an instant falls into, and where it ends.
    fn place(&self, at: Micros) -> (usize, Micros) {
        match self.instants.bucket_of(at) {
            Some(bucket) => (bucket + 1, self.instants.end(bucket)),
            None if at < self.instants.range().0 => (0, self.instants.range().0),
            // After the range nothing is read.
            None => (0, Micros::MAX),
        }
    }

    /// What there is at the end of each bucket of a slot, and whose it is.
    fn carried(&mut self, slot: usize) -> (Vec<Movements>, Vec<u64>) {
        let (mut total, mut users) = (Sum::default(), 0_u64);
        let places = (0..=self.instants.len()).map(|place| {
            let Change { mut movements, users: more } = self.changes.take(slot, place);
            // What was there before, less what was lost of it.
            movements.retained = total.clone();
            movements.retained.subtract_sum(&movements.contraction);
            movements.retained.subtract_sum(&movements.churned);
            total.add_sum(&movements.total);
            movements.total = total.clone();
            users = users.saturating_add_signed(more);
            (movements, users)
        });
        places.skip(1).unzip()
    }

    /// The user held `before` at the end of the last place, and holds `after` at the end of this
    /// one.
    fn change(&mut self, place: usize, before: Held, after: Held) {
        if let (Some((slot, last)), Some((same, this))) = (before, after)
            && slot == same
        {
            let movements = &mut self.changes.at(slot, place).movements;
            let (last, this) = (Sum::from(last), Sum::from(this));
            movements.change(&last, &this);
            movements.total.add_sum(&this);
            movements.total.subtract_sum(&last);
            return;
        }
        if let Some((slot, last)) = before {
            let (change, last) = (self.changes.at(slot, place), Sum::from(last));
            change.movements.leave(&last);
            change.movements.total.subtract_sum(&last);
            change.users -= 1;
        }
        if let Some((slot, this)) = after {
            let new = self.known.get(&slot) == Some(&place);
            let (change, this) = (self.changes.at(slot, place), Sum::from(this));
            change.movements.join(&this, new);
            change.movements.total.add_sum(&this);
            change.users += 1;
        }
    }
}

fn is_zero(number: Number) -> bool {
    match number {
        Number::Exact(number) => number.unscaled() == 0,
        Number::Float(number) => number == 0.0,
    }
}

impl RowOperator for Balances {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        self.known.clear();
        let mut held: Held = None;
        let mut left = events;
        while let Some(first) = left.first() {
            let (place, end) = self.place(first.at);
            let (now, later) = left.split_at(left.partition_point(|event| event.at < end));
            let before = held;
            for event in now {
                let Some(number) = event.number else { continue };
                held = self.slots.slot(event.group).map(|slot| (slot, number));
                held = held.filter(|(_, number)| !is_zero(*number));
                if let Some((slot, _)) = held {
                    self.known.entry(slot).or_insert(place);
                }
            }
            self.change(place, before, held);
            left = later;
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.changes.merge(other.changes, |change, other| {
            change.movements.add(&other.movements);
            change.users += other.users;
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

    fn balances(edges: &[Micros], slots: &Slots, users: &[Vec<RowEvent>]) -> Balances {
        let instants = Instants::new(edges.into());
        counted(|| Balances::new(instants.clone(), slots.clone()), users, &[])
    }

    #[test]
    fn an_amount_is_carried_forward_until_it_changes() {
        let anna = vec![paid(110, "10"), paid(210, "0"), paid(320, "8")];
        let ben = vec![paid(110, "20"), paid(115, "30"), paid(301, "12.5")];
        let cara = vec![paid(210, "5"), paid(211, "0"), paid(402, "5")];
        let users = [anna, ben, cara];
        let mut all = balances(&[200, 300, 400, 500], &Slots::One, &users);
        let (rows, people) = all.carried(0);
        let rows: Vec<Model> = rows.iter().map(model_of).collect();
        assert_eq!(people, [1, 2, 3]);
        let of = |f: fn(&Model) -> i128| rows.iter().map(|row| f(row) / 1_000).collect::<Vec<_>>();
        assert_eq!(of(|row| row.total), [30_000, 20_500, 25_500]);
        assert_eq!(of(|row| row.churned), [10_000, 0, 0]);
        assert_eq!(of(|row| row.contraction), [0, 17_500, 0]);
        // Anna comes back, and so does Cara, who was in between the ends of two buckets.
        assert_eq!(of(|row| row.resurrected), [0, 8_000, 5_000]);
        assert_eq!(of(|row| row.new), [0, 0, 0]);
    }

    #[test]
    fn a_user_who_changes_a_thousand_times_a_day_counts_once() {
        let changes = (0..100_000).map(|at| paid(at, if at % 2 == 0 { "0" } else { "3.5" }));
        let users = [changes.collect::<Vec<_>>()];
        let mut all = balances(&[0, 1_000, 2_001, 100_000], &Slots::One, &users);
        let (rows, people) = all.carried(0);
        let totals: Vec<i128> = rows.iter().map(|row| model_of(row).total).collect();
        assert_eq!((people, totals), (vec![1, 0, 1], vec![3_500_000, 0, 3_500_000]));
    }

    #[test]
    fn whoever_goes_to_another_group_leaves_the_first() {
        let at = |at, group, amount: &str| RowEvent { group, ..paid(at, amount) };
        let users = [vec![at(1, 0, "5"), at(12, 1, "7"), at(22, 0, "7")]];
        let mut all = balances(&[0, 10, 20, 30], &ranked(2), &users);
        let (one, two) = (all.carried(0), all.carried(1));
        assert_eq!((one.1, two.1), (vec![1, 0, 1], vec![0, 1, 0]));
        let rows = |rows: Vec<Movements>| rows.iter().map(model_of).collect::<Vec<_>>();
        let (one, two) = (rows(one.0), rows(two.0));
        assert_eq!((one[1].churned, two[1].new), (5_000_000, 7_000_000));
        assert_eq!((two[2].churned, one[2].resurrected), (7_000_000, 7_000_000));
    }

    /// What a user holds in a slot right before an instant.
    fn held(events: &[RowEvent], before: Micros, slot: impl Fn(u32) -> bool) -> Option<i128> {
        let mut numbers = events.iter().filter(|e| e.at < before && e.number.is_some());
        let last = numbers.next_back()?;
        let units = units(last.number?);
        (units != 0 && slot(last.group)).then_some(units)
    }

    proptest! {
        #[test]
        fn balances_move_as_defined(
            users in any_users(),
            edges in any_edges(),
            top in proptest::option::of(1usize..6),
        ) {
            let slots = top.map_or(Slots::One, ranked);
            // Nothing is read after the range.
            let end = *edges.last().unwrap();
            let read: Vec<Vec<RowEvent>> = users
                .iter()
                .map(|events| events.iter().filter(|e| e.at < end).copied().collect())
                .collect();
            let mut all = balances(&edges, &slots, &read);
            for slot in 0..=top.unwrap_or(0) {
                let inside = |group| top.is_none_or(|top| slot_of(top, group) == Some(slot));
                let (rows, people) = all.carried(slot);
                let mut before = None;
                for (bucket, edge) in edges.windows(2).enumerate() {
                    let (mut model, mut count) = (Model::default(), 0);
                    for events in &users {
                        let this = held(events, edge[1], inside);
                        let ever = |e: &RowEvent| {
                            let amount = e.number.is_some_and(|number| units(number) != 0);
                            e.at < edge[0] && amount && inside(e.group)
                        };
                        let known = events.iter().any(ever);
                        model.moved(held(events, edge[0], inside), this, !known);
                        count += u64::from(this.is_some());
                    }
                    let got = model_of(&rows[bucket]);
                    prop_assert_eq!((&got, people[bucket]), (&model, count));
                    got.check_identities(before)?;
                    before = Some(got.total);
                }
            }
        }
    }
}

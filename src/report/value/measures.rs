//! What a `value` report counts, adds up or sorts, event by event.

use crate::error::Result;
use crate::event::{Amounts, Decimal, Number, Sum, Value, Values};
use crate::query::Measure;
use crate::query::answer::{Column, share};
use crate::report::cells::{Cells, Slots};
use crate::report::prepared::Instants;
use crate::scan::{Alike, RowEvent, RowOperator};
use std::cmp::Ordering;
use std::sync::Arc;

/// The place of the selector whose events are counted; for a share they are the whole ...
pub(super) const EVENT: usize = 0;
/// ... and these are the part.
pub(super) const PART: usize = 1;

/// What is measured, and where it goes.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) measure: Measure,
    pub(super) instants: Instants,
    pub(super) slots: Slots,
}

/// What one bucket of a slot holds; a measure fills only what it needs.
#[derive(Debug, Default)]
pub(super) struct Cell {
    /// Those with a number, where the measure is of numbers.
    pub(super) events: u64,
    /// Distinct users of those events.
    pub(super) users: u64,
    part: u64,
    sum: Sum,
    extreme: Option<Number>,
    values: Values,
}

/// A figure of any kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure {
    Count(u64),
    Ratio(f64),
    Amount(Number),
}

/// Fills the cells.
pub(super) struct Measures {
    rules: Arc<Rules>,
    pub(super) cells: Cells<Cell>,
    /// The slots and buckets that the user at hand is in.
    met: Vec<(usize, usize)>,
    /// The bucket of the event before.
    last: usize,
}

impl Measures {
    pub(super) fn new(rules: Arc<Rules>) -> Measures {
        let cells = Cells::new(rules.instants.len());
        Measures { rules, cells, met: Vec::new(), last: 0 }
    }

    /// Adds an event to its cell; answers which, where the event counts. Means per user are of
    /// what users did: nobody's events are none of them.
    fn add(&mut self, event: &RowEvent, of_a_user: bool) -> Result<Option<(usize, usize)>> {
        let Rules { measure, instants, slots } = &*self.rules;
        let slot = slots.slot(event.group).filter(|_| event.matches(EVENT));
        let bucket = instants.bucket_near(event.at, &mut self.last);
        let Some((slot, bucket)) = slot.zip(bucket) else { return Ok(None) };
        // A group exists even if none of its events has a number.
        let cell = self.cells.at(slot, bucket);
        if measure.is_per_user() && !of_a_user {
            return Ok(None);
        }
        if measure.reads_property() {
            let Some(number) = event.number else { return Ok(None) };
            cell.add(*measure, number)?;
        }
        cell.events += 1;
        cell.part += u64::from(event.matches(PART));
        Ok(Some((slot, bucket)))
    }
}

impl RowOperator for Measures {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        self.met.clear();
        for event in events {
            if let Some(place) = self.add(event, true)?
                && self.met.last() != Some(&place)
            {
                self.met.push(place);
            }
        }
        self.met.sort_unstable();
        self.met.dedup();
        for (slot, bucket) in &self.met {
            self.cells.at(*slot, *bucket).users += 1;
        }
        Ok(())
    }

    fn unordered(&mut self, events: &[RowEvent]) -> Result<()> {
        events.iter().try_for_each(|event| self.add(event, false).map(|_| ()))
    }

    fn alike(&mut self, alike: &Alike<'_>) -> Result<()> {
        let Rules { measure, instants, slots } = &*self.rules;
        let bucket = instants.bucket_near(alike.at, &mut self.last);
        let Some((slot, bucket)) = slots.slot(0).zip(bucket) else { return Ok(()) };
        let cell = self.cells.at(slot, bucket);
        if !measure.reads_property() {
            cell.events += alike.count as u64;
            return Ok(());
        }
        alike.numbers(|number| {
            cell.events += 1;
            cell.add(*measure, number)
        })
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        let measure = self.rules.measure;
        self.cells.merge(other.cells, |cell, other| cell.merge(measure, &other))
    }
}

impl Cell {
    /// The cell of a measure that totals tell.
    pub(super) fn of(measure: Measure, amounts: Amounts) -> Cell {
        let Amounts { count, sum, least, greatest } = amounts;
        let extreme = if measure == Measure::Min { least } else { greatest };
        Cell { events: count, sum, extreme, ..Cell::default() }
    }

    fn add(&mut self, measure: Measure, number: Number) -> Result<()> {
        use Measure::{Max, Mean, Min, Sum, SumPerUser};
        match measure {
            Sum | Mean | SumPerUser => self.sum.add(number),
            Min | Max => self.reach(measure, number),
            _ => self.values.add(number)?,
        }
        Ok(())
    }

    fn reach(&mut self, measure: Measure, number: Number) {
        self.extreme = Some(match (measure, self.extreme) {
            (_, None) => number,
            (Measure::Min, Some(known)) => known.lesser(number),
            (_, Some(known)) => known.greater(number),
        });
    }

    fn merge(&mut self, measure: Measure, other: &Cell) -> Result<()> {
        self.events += other.events;
        self.users += other.users;
        self.part += other.part;
        self.sum.add_sum(&other.sum);
        if let Some(number) = other.extreme {
            self.reach(measure, number);
        }
        self.values.merge(&other.values)
    }

    /// `None` over nothing.
    pub(super) fn figure(&mut self, measure: Measure) -> Result<Option<Figure>> {
        let by = |sum: Option<f64>| sum.map(Figure::Ratio);
        let rank =
            |values: &mut Values, permille: u32| values.nearest_rank(permille).map(Figure::Amount);
        Ok(match measure {
            Measure::Events => Some(Figure::Count(self.events)),
            Measure::Users => Some(Figure::Count(self.users)),
            Measure::EventsPerUser => by(share(self.events, self.users)),
            Measure::Share => by(share(self.part, self.events)),
            Measure::Sum => Some(Figure::Amount(self.sum.value()?)),
            Measure::Mean => by(self.sum.mean(self.events)),
            Measure::SumPerUser => by(self.sum.mean(self.users)),
            Measure::Min | Measure::Max => self.extreme.map(Figure::Amount),
            Measure::Median => self.values.median().map(Figure::Amount),
            Measure::P50 => rank(&mut self.values, 500),
            Measure::P90 => rank(&mut self.values, 900),
            Measure::P95 => rank(&mut self.values, 950),
            Measure::P99 => rank(&mut self.values, 990),
            Measure::Distinct => None,
        })
    }
}

/// How large a group is, where groups are ranked by the measure: one without a figure is the
/// smallest. Sums compare as they are, not as they are rounded.
#[derive(Debug)]
pub(super) enum Size {
    None,
    Figure(Figure),
    Sum(Sum),
}

impl Cell {
    /// How large the group is that has only this cell.
    pub(super) fn size(mut self, measure: Measure) -> Result<Size> {
        Ok(match measure {
            Measure::Sum => Size::Sum(self.sum),
            _ => self.figure(measure)?.map_or(Size::None, Size::Figure),
        })
    }
}

impl PartialEq for Size {
    fn eq(&self, other: &Size) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Size {
    fn partial_cmp(&self, other: &Size) -> Option<Ordering> {
        let there = |size: &Size| !matches!(size, Size::None);
        Some(match (self, other) {
            (Size::Figure(one), Size::Figure(two)) => one.number().compare(&two.number()),
            (Size::Sum(one), Size::Sum(two)) => one.compare(two),
            (one, two) => there(one).cmp(&there(two)),
        })
    }
}

impl Figure {
    fn number(self) -> Number {
        match self {
            Figure::Count(count) => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                Number::Exact(Decimal::from(count))
            }
            Figure::Ratio(ratio) => Number::Float(ratio),
            Figure::Amount(number) => number,
        }
    }
}

/// The column of a measure, a figure per bucket.
pub(super) fn column(measure: Measure, figures: Vec<Option<Figure>>) -> Column {
    use Measure::{Distinct, Events, EventsPerUser, Mean, Share, SumPerUser, Users};
    let figures = figures.into_iter();
    match measure {
        Events | Users | Distinct => Column::Counts(
            figures
                .map(|figure| match figure? {
                    Figure::Count(count) => Some(count),
                    Figure::Ratio(_) | Figure::Amount(_) => None,
                })
                .collect(),
        ),
        EventsPerUser | Mean | Share | SumPerUser => {
            Column::Ratios(figures.map(|figure| Some(figure?.number().to_f64())).collect())
        }
        _ => Column::Amounts(figures.map(|figure| Some(Value::from(figure?.number()))).collect()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::tests::events::*;
    use crate::time::Micros;
    use proptest::prelude::*;

    fn measured(
        measure: Measure,
        edges: &[Micros],
        slots: Slots,
        users: &[Vec<RowEvent>],
        nobody: &[RowEvent],
    ) -> Cells<Cell> {
        let instants = Instants::new(edges.into());
        let rules = Arc::new(Rules { measure, instants, slots });
        counted(|| Measures::new(Arc::clone(&rules)), users, nobody).cells
    }

    fn of(measure: Measure, users: &[Vec<RowEvent>], nobody: &[RowEvent]) -> Option<Figure> {
        measured(measure, &[0, 100], Slots::One, users, nobody).take(0, 0).figure(measure).unwrap()
    }

    fn amount(text: &str) -> Option<Figure> {
        Some(Figure::Amount(Number::Exact(text.parse().unwrap())))
    }

    #[test]
    fn events_without_a_user_count_but_are_nobody() {
        let users = [vec![paid(1, "10.50"), paid(3, "4.25")], vec![paid(2, "20"), paid(4, "free")]];
        let nobody = [paid(5, "0.05")];
        let of = |measure| of(measure, &users, &nobody);
        assert_eq!(of(Measure::Events), Some(Figure::Count(5)));
        assert_eq!(of(Measure::EventsPerUser), Some(Figure::Ratio(2.0)));
        assert_eq!(of(Measure::Sum), amount("34.80"));
        assert_eq!(of(Measure::Mean), Some(Figure::Ratio(8.7)));
        assert_eq!(of(Measure::SumPerUser), Some(Figure::Ratio(17.375)));
        assert_eq!((of(Measure::Min), of(Measure::Max)), (amount("0.05"), amount("20")));
        assert_eq!((of(Measure::Median), of(Measure::P50)), (amount("7.375"), amount("4.25")));
        assert_eq!((of(Measure::P90), of(Measure::P99)), (amount("20"), amount("20")));
    }

    #[test]
    fn over_nothing_there_is_a_sum_and_no_mean() {
        let texts = [vec![paid(1, "free")]];
        assert_eq!(of(Measure::Sum, &texts, &[]), amount("0"));
        for measure in Measure::EVERY.into_iter().filter(|m| m.reads_property()) {
            let over_texts = of(measure, &texts, &[]);
            assert!(measure == Measure::Sum || over_texts.is_none(), "{measure:?}");
        }
        assert_eq!(of(Measure::Events, &[], &[]), Some(Figure::Count(0)));
        assert_eq!(of(Measure::Share, &[], &[]), None);
    }

    #[test]
    fn of_equal_numbers_the_one_with_most_digits_is_shown() {
        for texts in [["2", "2.00", "2.0"], ["2.00", "2.0", "2"]] {
            let users = texts.map(|text| vec![paid(1, text)]);
            assert_eq!((of(Measure::Min, &users, &[]), of(Measure::Max, &users, &[])), {
                (amount("2.00"), amount("2.00"))
            });
        }
    }

    #[test]
    fn groups_without_a_figure_are_the_smallest() {
        let size = |figure: Option<Figure>| figure.map_or(Size::None, Size::Figure);
        let ratio = |ratio| size(Some(Figure::Ratio(ratio)));
        assert!(size(None) < ratio(-1e300));
        let sums = ["1.55", "2.05"].map(|text| Sum::from(paid(0, text).number.unwrap()));
        let [mut mixed, exact] = sums;
        mixed.add(Number::Float(0.5));
        assert!(Size::Sum(mixed) == Size::Sum(exact.clone()) && size(None) < Size::Sum(exact));
        assert!(
            ratio(0.5) < size(amount("0.51")) && size(amount("2")) < size(Some(Figure::Count(3)))
        );
        assert!(size(None) >= size(None) && size(amount("2.0")) >= size(amount("2")));
    }

    /// The same from a plain list of numbers in millionths, and of who has them.
    fn expected(measure: Measure, events: &[(Option<usize>, &RowEvent)]) -> Option<Figure> {
        let per_user = matches!(measure, Measure::EventsPerUser | Measure::SumPerUser);
        let counts = |(user, event): &&(Option<usize>, &RowEvent)| {
            let numbered = !measure.reads_property() || event.number.is_some();
            numbered && (user.is_some() || !per_user)
        };
        let events: Vec<_> = events.iter().filter(counts).collect();
        let users: std::collections::BTreeSet<usize> =
            events.iter().filter_map(|(user, _)| *user).collect();
        let mut numbers: Vec<i128> =
            events.iter().filter_map(|(_, event)| event.number).map(units).collect();
        numbers.sort_unstable();
        let sum: i128 = numbers.iter().sum();
        let exact = |units: i128| Figure::Amount(Number::Exact(Decimal::new(units, 6).unwrap()));
        let by = |part: f64, whole: usize| (whole > 0).then(|| Figure::Ratio(part / whole as f64));
        let rank = |percent: usize| {
            let rank = (numbers.len() * percent).div_ceil(100);
            numbers.get(rank.checked_sub(1)?).copied().map(exact)
        };
        let last = numbers.len().checked_sub(1);
        match measure {
            Measure::Events => Some(Figure::Count(events.len() as u64)),
            Measure::Users => Some(Figure::Count(users.len() as u64)),
            Measure::EventsPerUser => by(events.len() as f64, users.len()),
            Measure::Share => {
                let part = events.iter().filter(|(_, event)| event.matches(PART)).count();
                by(part as f64, events.len())
            }
            Measure::Sum => Some(exact(sum)),
            Measure::Mean => by(sum as f64 / 1e6, numbers.len()),
            Measure::SumPerUser => by(sum as f64 / 1e6, users.len()),
            Measure::Min => numbers.first().copied().map(exact),
            Measure::Max => numbers.last().copied().map(exact),
            Measure::Median => last.map(|last| {
                let middle = numbers[last / 2] + numbers[last.div_ceil(2)];
                Figure::Amount(Number::Exact(Decimal::new(middle * 5, 7).unwrap()))
            }),
            Measure::P50 => rank(50),
            Measure::P90 => rank(90),
            Measure::P95 => rank(95),
            Measure::P99 => rank(99),
            Measure::Distinct => None,
        }
    }

    /// Amounts by value, to the last digit where they are exact; ratios nearly.
    fn same(got: Option<Figure>, wanted: Option<Figure>) -> bool {
        match (got, wanted) {
            (Some(Figure::Amount(got)), Some(Figure::Amount(wanted))) => match got {
                Number::Exact(_) => got.compare(&wanted).is_eq(),
                Number::Float(got) => (got - wanted.to_f64()).abs() < 1e-9,
            },
            (Some(Figure::Ratio(got)), Some(Figure::Ratio(wanted))) => {
                (got - wanted).abs() <= 1e-12 * wanted.abs().max(1.0)
            }
            _ => got == wanted,
        }
    }

    proptest! {
        #[test]
        fn every_measure_is_that_of_the_plain_list(
            users in any_users(),
            nobody in any_events(10),
            edges in any_edges(),
            measure in proptest::sample::select(&Measure::EVERY[..]),
            top in proptest::option::of(1usize..6),
        ) {
            let slots = top.map_or(Slots::One, ranked);
            let mut cells = measured(measure, &edges, slots, &users, &nobody);
            let all: Vec<(Option<usize>, &RowEvent)> = users
                .iter()
                .enumerate()
                .flat_map(|(user, events)| events.iter().map(move |event| (Some(user), event)))
                .chain(nobody.iter().map(|event| (None, event)))
                .collect();
            for slot in 0..=top.unwrap_or(0) {
                for (bucket, edge) in edges.windows(2).enumerate() {
                    let inside = |(_, e): &&(_, &RowEvent)| {
                        let in_slot = top.is_none_or(|top| slot_of(top, e.group) == Some(slot));
                        in_slot && e.matches(EVENT) && (edge[0]..edge[1]).contains(&e.at)
                    };
                    let inside: Vec<_> = all.iter().filter(inside).copied().collect();
                    let wanted = expected(measure, &inside);
                    let got = cells.take(slot, bucket).figure(measure).unwrap();
                    prop_assert!(same(got, wanted), "{:?}: {:?} {:?}", measure, got, wanted);
                }
            }
        }
    }
}

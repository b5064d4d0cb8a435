//! Tables from single events against every cell counted by its definition.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::Decimal;
use proptest::prelude::*;
use std::ops::RangeInclusive;

/// Buckets of ten, three of cohorts and more after them.
const BUCKET_US: Micros = 10;
const COHORTS: usize = 3;

#[derive(Debug, Clone)]
struct Asked {
    cohort: CohortKind,
    count: CountKind,
    cells: Vec<RangeInclusive<usize>>,
    elapsed: Option<i64>,
    at_least: u64,
    amounts: bool,
}

fn edges(buckets: usize) -> Instants {
    Instants::new((0..=buckets as i64).map(|edge| edge * BUCKET_US).collect())
}

impl Asked {
    fn operator(&self) -> Rows {
        let shape = Shape { cohorts: COHORTS, cells: self.cells.clone(), count: self.count };
        let windows = match self.elapsed {
            Some(width) => Windows::Elapsed(width),
            None => Windows::Buckets(edges(COHORTS + shape.columns())),
        };
        let starts = Starts { cohort: self.cohort, cohorts: edges(COHORTS) };
        let table = Table::of(shape, starts, windows, self.at_least, self.amounts);
        Rows::new(Arc::new(table), Slots::Numbered)
    }

    /// The start events of a user, each in its cohort.
    fn starts<'e>(&self, events: &'e [RowEvent]) -> Vec<(usize, &'e RowEvent)> {
        let cohort_of = |event: &RowEvent| {
            (0..COHORTS).find(|cohort| event.at.div_euclid(BUCKET_US) == *cohort as i64)
        };
        let within = |event: &&RowEvent| match self.cohort {
            CohortKind::FirstInRange | CohortKind::Recurring => cohort_of(event).is_some(),
            CohortKind::First | CohortKind::FirstEver => true,
        };
        let place = if self.cohort == CohortKind::FirstEver { NAME } else { START };
        let matching = events.iter().filter(within).filter(|event| event.matches(place));
        let mut starts: Vec<(usize, &RowEvent)> = Vec::new();
        for (number, event) in matching.enumerate() {
            let Some(cohort) = cohort_of(event) else { continue };
            let seen = starts.iter().any(|(known, _)| *known == cohort);
            let fits = match self.cohort {
                CohortKind::Recurring => !seen,
                _ => number == 0,
            };
            if fits && event.matches(START) {
                starts.push((cohort, event));
            }
        }
        starts
    }

    /// What a user adds to a cell.
    fn of(&self, events: &[RowEvent], start: (usize, &RowEvent), cell: usize) -> (u64, Decimal) {
        let last = *self.cells.last().unwrap().end();
        let windows = match self.count {
            CountKind::On => self.cells[cell].clone(),
            CountKind::OnOrAfter => *self.cells[cell].start()..=last,
            CountKind::OnOrBefore => 0..=*self.cells[cell].end(),
        };
        let (mut came, mut sum) = (0, 0);
        for window in windows {
            let window = window as i64;
            let inside = |event: &&RowEvent| match self.elapsed {
                Some(width) => {
                    let from = start.1.at + window * width;
                    event.at > start.1.at && (from..from + width).contains(&event.at)
                }
                None => event.at.div_euclid(BUCKET_US) == start.0 as i64 + window,
            };
            let returns = events.iter().filter(|event| event.matches(RETURN)).filter(inside);
            if returns.clone().count() as u64 >= self.at_least {
                came = 1;
                let amounts = returns.filter_map(|event| event.number);
                sum += amounts
                    .map(|number| match number {
                        Number::Exact(number) => number.unscaled(),
                        Number::Float(_) => 0,
                    })
                    .sum::<i128>();
            }
        }
        (came, Decimal::new(sum, 0).unwrap())
    }
}

fn any_asked() -> impl Strategy<Value = Asked> {
    use CohortKind::{First, FirstEver, FirstInRange, Recurring};
    use CountKind::{On, OnOrAfter, OnOrBefore};
    let cohort = proptest::sample::select(vec![First, FirstEver, FirstInRange, Recurring]);
    let count = proptest::sample::select(vec![On, OnOrAfter, OnOrBefore]);
    let brackets = vec![0..=0, 1..=2, 3..=3];
    let cells = prop_oneof![
        3 => (0usize..5).prop_map(|columns| (0..=columns).map(|k| k..=k).collect()),
        1 => Just(brackets),
    ];
    let elapsed = proptest::option::of(3i64..12);
    (cohort, count, cells, elapsed, 1u64..3, any::<bool>()).prop_map(
        |(cohort, count, cells, elapsed, at_least, amounts): (_, _, Vec<_>, _, _, _)| {
            let brackets = cells.iter().any(|cell| cell.start() != cell.end());
            let count = if brackets { On } else { count };
            Asked { cohort, count, cells, elapsed, at_least, amounts }
        },
    )
}

/// A few people's events, some before the range and some after it.
fn any_users() -> impl Strategy<Value = Vec<Vec<RowEvent>>> {
    let number = proptest::option::of(-5i64..20);
    let event = (-15i64..90, 0u64..8, 0u32..2, number).prop_map(|(at, mask, group, number)| {
        // What matches the start event has its name.
        let mask = if mask & 1 == 1 { mask | 1 << NAME } else { mask };
        RowEvent { at, mask, activity: 0, group, number: number.map(Number::from) }
    });
    let user = proptest::collection::vec(event, 1..14).prop_map(|mut events| {
        events.sort_by_key(|event| event.at);
        events
    });
    proptest::collection::vec(user, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_cell_is_that_of_its_definition(
        asked in any_asked(),
        users in any_users(),
        first_worker in 0usize..4,
    ) {
        let (mut one, mut other) = (asked.operator(), asked.operator());
        // What a job would not read is not handed over.
        let read = |event: &&RowEvent| match asked.cohort {
            CohortKind::First | CohortKind::FirstEver => true,
            _ => event.at >= 0,
        };
        for (user, events) in (0..).zip(&users) {
            let worker = if (user as usize) < first_worker { &mut one } else { &mut other };
            let events: Vec<RowEvent> = events.iter().filter(read).copied().collect();
            if !events.is_empty() {
                worker.user(user, &events).unwrap();
            }
        }
        one.merge(other).unwrap();
        let table = Arc::clone(&one.table);
        for (group, cohort) in (0..2u32).flat_map(|group| (0..COHORTS).map(move |c| (group, c))) {
            let people: Vec<_> = users
                .iter()
                .flat_map(|events| asked.starts(events).into_iter().map(move |s| (events, s)))
                .filter(|(_, (own, start))| *own == cohort && start.group == group)
                .collect();
            let mut row = one.rows.take(group as usize, cohort);
            prop_assert_eq!(row.size, people.len() as u64);
            row.people.resize(asked.cells.len(), 0);
            row.amounts.resize_with(asked.cells.len(), Sum::default);
            crate::report::retention::accumulate(&mut row.people, asked.count, |a, b| *a += b);
            let row = row.accumulated(&table.shape);
            for cell in 0..asked.cells.len() {
                let each = people.iter().map(|(events, start)| asked.of(events, *start, cell));
                let (came, amounts): (Vec<u64>, Vec<Decimal>) = each.unzip();
                if asked.amounts {
                    let sum = amounts.iter().map(Decimal::unscaled).sum::<i128>();
                    let expected = Number::Exact(Decimal::new(sum, 0).unwrap());
                    prop_assert_eq!(row.amounts[cell].value().unwrap(), expected);
                } else {
                    prop_assert_eq!(row.people[cell], came.iter().sum::<u64>());
                }
            }
        }
    }
}

#[test]
fn cells_of_elapsed_time_are_known_by_the_cohort_s_ends() {
    let elapsed = super::super::Elapsed { cohorts: edges(2), width_us: 4, as_of: 22 };
    let known = Known { starts: Vec::new(), spans: Vec::new(), elapsed: Some(elapsed) };
    // The first person of cohort 1 starts at 10, the last one before 20.
    let begun: Vec<bool> = (0..4).map(|window| known.begun(1, window)).collect();
    assert_eq!(begun, [true, true, true, false]);
    let complete: Vec<bool> = (0..4).map(|window| known.complete(0, window)).collect();
    assert_eq!(complete, [true, true, true, false]);
    assert!(!known.complete(1, 0));
}

//! Retention, cell by cell.

use super::*;
use crate::query::answer::{Average, Cohort};
use crate::query::{CohortKind, CountKind};
use crate::time::{bucket_next, date_of};

#[derive(Debug, Clone)]
struct Table {
    asked: Asked,
    returning: Option<Selector>,
    columns: u32,
    cohort: CohortKind,
    count: CountKind,
    brackets: Vec<u32>,
    at_least: u32,
}

fn any_table() -> impl Strategy<Value = Table> {
    use CohortKind::{First, FirstEver, FirstInRange, Recurring};
    use CountKind::{On, OnOrAfter, OnOrBefore};
    let asked = any_asked().prop_map(|mut asked| {
        // A hundred columns of days meet the other way to fill the table.
        asked.by = if asked.by == Bucket::All { Bucket::Day } else { asked.by };
        asked
    });
    let columns = prop_oneof![0u32..8, Just(40)];
    let cohort = proptest::sample::select(vec![First, FirstEver, FirstInRange, Recurring]);
    let count = proptest::sample::select(vec![On, OnOrAfter, OnOrBefore]);
    let brackets = prop_oneof![2 => Just(vec![]), 1 => proptest::collection::vec(1u32..20, 1..4)];
    let returning = proptest::option::of(any_event());
    (asked, returning, columns, cohort, count, brackets, 1u32..3).prop_map(
        |(asked, returning, columns, cohort, count, brackets, at_least)| {
            let count = if brackets.is_empty() { count } else { On };
            Table { asked, returning, columns, cohort, count, brackets, at_least }
        },
    )
}

impl Table {
    fn query(&self) -> Query {
        let query = Query::retention(self.asked.event.clone())
            .by(self.asked.by)
            .cohort(self.cohort)
            .counting(self.count)
            .at_least(self.at_least);
        let query = if self.brackets.is_empty() {
            query.columns(self.columns)
        } else {
            query.brackets(self.brackets.clone())
        };
        match &self.returning {
            Some(returning) => query.returning(returning.clone()),
            None => query,
        }
    }

    /// Did the user start in the bucket?
    fn starts(&self, user: u32, cut: &Cut, range: Day) -> bool {
        let asked = &self.asked;
        let earlier = match self.cohort {
            CohortKind::First | CohortKind::FirstEver => asked.ever_before(user, cut.start),
            CohortKind::FirstInRange => asked.active(user, range, cut.start),
            CohortKind::Recurring => false,
        };
        asked.active(user, cut.start, cut.end) && !earlier
    }

    /// The buckets after a cohort's that each cell is about.
    fn cells(&self) -> Vec<Vec<usize>> {
        if !self.brackets.is_empty() {
            let mut next = 1;
            let mut cells = vec![vec![0]];
            for width in &self.brackets {
                let end = next + *width as usize;
                cells.push((next..end).collect());
                next = end;
            }
            return cells;
        }
        let columns = self.columns as usize;
        let cell = |k: usize| match self.count {
            CountKind::On => vec![k],
            CountKind::OnOrAfter => (k..=columns).collect(),
            CountKind::OnOrBefore => (0..=k).collect(),
        };
        (0..=columns).map(cell).collect()
    }

    fn model(&self, cuts: &[Cut]) -> Vec<Cohort> {
        let asked = &self.asked;
        let range = cuts.first().map_or(0, |cut| cut.start);
        cuts.iter().map(|cohort| self.model_cohort(cohort, range, &asked.people())).collect()
    }

    fn model_cohort(&self, cohort: &Cut, range: Day, people: &[u32]) -> Cohort {
        let asked = &self.asked;
        let members: Vec<u32> =
            people.iter().copied().filter(|user| self.starts(*user, cohort, range)).collect();
        let cells = self.cells();
        let mut buckets = vec![*cohort];
        for _ in 0..*cells.iter().flatten().max().unwrap() {
            let start = buckets.last().unwrap().end;
            buckets.push(cut(start, bucket_next(start, asked.by), asked.as_of));
        }
        let returning = self.returning.as_ref().unwrap_or(&asked.event);
        let came = |user: u32, bucket: &Cut| {
            asked.world.times(returning, user, bucket.start, bucket.end) >= self.at_least.into()
        };
        let own = |k: usize| if self.brackets.is_empty() { (k, k) } else { ends(&cells[k]) };
        let returned = cells.iter().enumerate().map(|(k, cell)| {
            let back = |user: &&u32| cell.iter().any(|bucket| came(**user, &buckets[*bucket]));
            buckets[own(k).0].begun.then(|| members.iter().filter(back).count() as u64)
        });
        Cohort {
            start: date_of(cohort.start).into(),
            size: cohort.begun.then_some(members.len() as u64),
            returned: returned.collect(),
            complete: (0..cells.len()).map(|k| buckets[own(k).1].complete).collect(),
        }
    }
}

fn ends(cell: &[usize]) -> (usize, usize) {
    (cell[0], *cell.last().unwrap())
}

fn average(cohorts: &[Cohort], cell: usize) -> Average {
    let known = cohorts.iter().filter(|cohort| cohort.complete[cell]);
    let returned = known.clone().map(|cohort| cohort.returned[cell].unwrap()).sum();
    let size = known.map(|cohort| cohort.size.unwrap()).sum();
    let rate = (size > 0).then(|| returned as f64 / size as f64);
    Average { returned, size, rate }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_cell_is_that_of_the_model(table in any_table()) {
        let asked = &table.asked;
        let answer = asked.world.ask(&asked.framed(table.query()));
        let Figures::Retention { cohorts, average: averages } = &answer.series[0].figures else {
            panic!("no table");
        };
        let frame = asked.ask(Query::active("*").by(asked.by)).1;
        prop_assert_eq!(cohorts, &table.model(&frame));
        for (cell, found) in averages.iter().enumerate() {
            prop_assert_eq!(found, &average(cohorts, cell));
        }
        prop_assert_eq!(averages.len(), table.cells().len());
    }
}

//! What is known of each person: one value per column and person, in columns, so that millions of
//! people fit.

use crate::error::Result;
use crate::event::{Number, Sum};
use crate::query::PersonColumn;
use crate::report::prepared::Instants;
use crate::scan::{RowEvent, RowOperator};
use crate::time::{self, Bucket, Day, Micros, WeekStart};
use std::cmp::Ordering;
use std::sync::Arc;

/// What is asked of each person.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) columns: Vec<PersonColumn>,
    pub(super) days: Days,
}

/// The days of the range, and the weeks and months that they belong to.
#[derive(Debug)]
pub(super) struct Days {
    instants: Instants,
    /// By day: its week and its month, each by its first day.
    units: Vec<[Day; 2]>,
}

impl Days {
    /// `starts`: the days, and the one after the last, with the first instant of each.
    pub(super) fn new(starts: &[(Day, Micros)], week_start: WeekStart) -> Days {
        let units = [Bucket::Week, Bucket::Month];
        let units_of =
            |(day, _): &(Day, Micros)| units.map(|unit| time::bucket_start(*day, unit, week_start));
        Days {
            instants: Instants::new(starts.iter().map(|(_, start)| *start).collect()),
            units: starts.iter().map(units_of).collect(),
        }
    }

    /// Distinct days, weeks and months of a user's events.
    fn active(&self, events: &[RowEvent]) -> [u64; 3] {
        let mut last: Option<usize> = None;
        let mut counts = [0; 3];
        for event in events {
            if last.is_some_and(|last| event.at < self.instants.end(last)) {
                continue;
            }
            let Some(day) = self.instants.bucket_of(event.at) else { continue };
            counts[0] += 1;
            for (unit, count) in counts[1..].iter_mut().enumerate() {
                let start = |day: usize| self.units.get(day).map(|units| units[unit]);
                *count += u64::from(last.is_none_or(|last| start(last) != start(day)));
            }
            last = Some(day);
        }
        counts
    }
}

/// People with an event, in no order, and what is known of them.
#[derive(Debug)]
pub(super) struct Persons {
    asked: Arc<Asked>,
    users: Vec<u32>,
    /// Each as long as `users`.
    columns: Vec<Known>,
    /// The sum of nothing.
    zero: Sum,
}

/// The values of one column.
#[derive(Debug)]
enum Known {
    Counts(Vec<u64>),
    Instants(Vec<Micros>),
    Sums(Vec<Sum>),
    Numbers(Vec<Option<Number>>),
}

/// What a column says of one person.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Count(u64),
    Instant(Micros),
    Sum(&'a Sum),
    Number(Number),
    /// Nothing to say: the person has no such event.
    Missing,
}

impl Cell<'_> {
    pub(super) fn count(self) -> Option<u64> {
        match self {
            Cell::Count(count) => Some(count),
            _ => None,
        }
    }

    pub(super) fn instant(self) -> Option<Micros> {
        match self {
            Cell::Instant(at) => Some(at),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Result<Option<Number>> {
        match self {
            Cell::Sum(sum) => sum.value().map(Some),
            Cell::Number(number) => Ok(Some(number)),
            _ => Ok(None),
        }
    }

    /// The order of a list by this column; what is missing comes last either way. Sums compare as
    /// they are, not as they are rounded.
    pub(super) fn compare(&self, other: &Cell<'_>, descending: bool) -> Ordering {
        let ordering = match (self, other) {
            (Cell::Count(a), Cell::Count(b)) => a.cmp(b),
            (Cell::Instant(a), Cell::Instant(b)) => a.cmp(b),
            (Cell::Sum(a), Cell::Sum(b)) => a.compare(b),
            (Cell::Number(a), Cell::Number(b)) => a.compare(b),
            (Cell::Missing, Cell::Missing) => Ordering::Equal,
            (Cell::Missing, _) => return Ordering::Greater,
            _ => return Ordering::Less,
        };
        if descending { ordering.reverse() } else { ordering }
    }
}

impl Persons {
    pub(super) fn new(asked: Arc<Asked>) -> Persons {
        let known = |column: &PersonColumn| match column {
            PersonColumn::First | PersonColumn::Last => Known::Instants(Vec::new()),
            PersonColumn::Sum => Known::Sums(Vec::new()),
            PersonColumn::LastValue => Known::Numbers(Vec::new()),
            _ => Known::Counts(Vec::new()),
        };
        let columns = asked.columns.iter().map(known).collect();
        Persons { asked, users: Vec::new(), columns, zero: Sum::default() }
    }

    /// The column's place among those asked for.
    pub(super) fn place_of(&self, column: PersonColumn) -> Option<usize> {
        self.asked.columns.iter().position(|known| *known == column)
    }

    /// What the column says of the person in that row.
    pub(super) fn cell(&self, column: usize, row: usize) -> Cell<'_> {
        let cell = match self.columns.get(column) {
            Some(Known::Counts(counts)) => counts.get(row).map(|count| Cell::Count(*count)),
            Some(Known::Instants(times)) => times.get(row).map(|at| Cell::Instant(*at)),
            Some(Known::Sums(sums)) => sums.get(row).map(Cell::Sum),
            Some(Known::Numbers(numbers)) => numbers.get(row).copied().flatten().map(Cell::Number),
            None => None,
        };
        cell.unwrap_or(Cell::Missing)
    }

    /// What the column says of somebody without an event.
    pub(super) fn of_nobody(&self, column: usize) -> Cell<'_> {
        match self.columns.get(column) {
            Some(Known::Counts(_)) => Cell::Count(0),
            Some(Known::Sums(_)) => Cell::Sum(&self.zero),
            Some(Known::Instants(_) | Known::Numbers(_)) | None => Cell::Missing,
        }
    }

    /// The row of each of these users, who are in ascending order.
    pub(super) fn rows_of(&self, users: &[u32]) -> Vec<Option<u32>> {
        let mut known: Vec<(u32, u32)> = self.users.iter().copied().zip(0..).collect();
        known.sort_unstable();
        let mut known = known.into_iter().peekable();
        let row = |user: &u32| {
            while known.next_if(|(known, _)| known < user).is_some() {}
            known.next_if(|(known, _)| known == user).map(|(_, row)| row)
        };
        users.iter().map(row).collect()
    }
}

fn sum(events: &[RowEvent]) -> Sum {
    let mut sum = Sum::default();
    events.iter().filter_map(|event| event.number).for_each(|number| sum.add(number));
    sum
}

impl RowOperator for Persons {
    fn user(&mut self, user: u32, events: &[RowEvent]) -> Result<()> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let active = self.asked.days.active(events);
        for (column, known) in self.asked.columns.iter().zip(&mut self.columns) {
            match known {
                Known::Counts(counts) => counts.push(match column {
                    PersonColumn::Days => active[0],
                    PersonColumn::Weeks => active[1],
                    PersonColumn::Months => active[2],
                    _ => events.len() as u64,
                }),
                Known::Instants(times) => times.push(match column {
                    PersonColumn::First => first.at,
                    _ => last.at,
                }),
                Known::Sums(sums) => sums.push(sum(events)),
                Known::Numbers(numbers) => {
                    numbers.push(events.iter().rev().find_map(|event| event.number));
                }
            }
        }
        self.users.push(user);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.users.extend(other.users);
        for (known, other) in self.columns.iter_mut().zip(other.columns) {
            match (known, other) {
                (Known::Counts(known), Known::Counts(other)) => known.extend(other),
                (Known::Instants(known), Known::Instants(other)) => known.extend(other),
                (Known::Sums(known), Known::Sums(other)) => known.extend(other),
                (Known::Numbers(known), Known::Numbers(other)) => known.extend(other),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::tests::events::*;
    use crate::time::{Calendar, Zone};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const DAY_US: Micros = 86_400_000_000;

    /// The days around 1970 in a zone; weeks begin on Sundays.
    fn days(zone: &str) -> Days {
        let calendar = Calendar::new(Zone::named(zone).unwrap(), []);
        let starts: Vec<_> = (-200..200).map(|day| (day, calendar.span(day).start)).collect();
        Days::new(&starts, WeekStart::Sunday)
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let active = |zone: &str, hours: &[i64]| {
            let events = hours.iter().map(|hour| paid(hour * 3_600_000_000, "1"));
            days(zone).active(&events.collect::<Vec<_>>())
        };
        // 1970-01-01 was a Thursday; in Kathmandu the day begins at 18:30 of the day before.
        assert_eq!(active("UTC", &[17, 19, 20]), [1, 1, 1]);
        assert_eq!(active("Asia/Kathmandu", &[17, 19, 20]), [2, 1, 1]);
        assert_eq!(active("UTC", &[-1, 0, 1, 23, 71, 72, 240, 744]), [6, 4, 3]);
        assert_eq!(active("UTC", &[]), [0, 0, 0]);
    }

    proptest! {
        #[test]
        fn every_column_is_that_of_the_plain_list(users in any_users(), width in 1i64..40) {
            let columns = PersonColumn::EVERY.to_vec();
            let asked = Arc::new(Asked { columns, days: days("UTC") });
            let mut users = users;
            // Spread over days, weeks and months.
            users.iter_mut().flatten().for_each(|e| e.at = (e.at - 30) * DAY_US * width / 40);
            let persons = counted(|| Persons::new(Arc::clone(&asked)), &users, &[]);
            let all: Vec<u32> = (0..users.len() as u32).collect();
            for ((row, events), user) in persons.rows_of(&all).into_iter().zip(&users).zip(0..) {
                prop_assert_eq!(row.is_some(), !events.is_empty());
                let Some(row) = row else { continue };
                prop_assert_eq!(persons.users[row as usize], user);
                let cell = |column| {
                    persons.cell(persons.place_of(column).unwrap(), row as usize)
                };
                let starts = |unit: Bucket| {
                    let day = |e: &RowEvent| time::Day::try_from(e.at.div_euclid(DAY_US)).unwrap();
                    let start = |e| time::bucket_start(day(e), unit, WeekStart::Sunday);
                    Some(events.iter().map(start).collect::<BTreeSet<_>>().len() as u64)
                };
                let at = |column| cell(column).instant();
                prop_assert_eq!(at(PersonColumn::First), Some(events[0].at));
                prop_assert_eq!(at(PersonColumn::Last), Some(events[events.len() - 1].at));
                let count = |column| cell(column).count();
                prop_assert_eq!(count(PersonColumn::Days), starts(Bucket::Day));
                prop_assert_eq!(count(PersonColumn::Weeks), starts(Bucket::Week));
                prop_assert_eq!(count(PersonColumn::Months), starts(Bucket::Month));
                prop_assert_eq!(count(PersonColumn::Events), Some(events.len() as u64));
                let numbers: Vec<Number> = events.iter().filter_map(|e| e.number).collect();
                let number = |column| cell(column).number().unwrap().map(units);
                let sum: i128 = numbers.iter().copied().map(units).sum();
                prop_assert_eq!(number(PersonColumn::Sum), Some(sum));
                let last = numbers.last().copied().map(units);
                prop_assert_eq!(number(PersonColumn::LastValue), last);
            }
        }
    }
}

//! A page of the people of a set, in the order asked for.

use super::persons::{Cell, Persons};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Person, PersonColumn};
use crate::users::UsersView;
use rayon::prelude::*;
use std::cmp::Ordering;

/// People whose ids one thread reads at a time.
const PART: usize = 16_384;

/// Whom a page is cut from, and how.
pub(super) struct Listing<'a> {
    users: &'a UsersView,
    /// Everybody of the set, ascending.
    ordinals: Vec<u32>,
    /// Where each of them stands in `persons`.
    rows: Vec<Option<u32>>,
    persons: Option<Persons>,
    /// A column's place among those that are known; `None`: the bytes of the id.
    order_by: Option<usize>,
    descending: bool,
}

/// A person of the page: the id, and the place among the ordinals.
pub(super) type Entry = (Vec<u8>, u32);

impl<'a> Listing<'a> {
    pub(super) fn new(
        users: &'a UsersView,
        ordinals: Vec<u32>,
        persons: Option<Persons>,
        person: &Person,
    ) -> Listing<'a> {
        let rows = persons.as_ref().map_or_else(Vec::new, |persons| persons.rows_of(&ordinals));
        let place_of = |column| persons.as_ref().and_then(|persons| persons.place_of(column));
        let order_by = person.order_by.and_then(place_of);
        Listing { users, ordinals, rows, persons, order_by, descending: person.descending }
    }

    /// What a column says of a person.
    pub(super) fn cell(&self, column: PersonColumn, place: u32) -> Cell<'_> {
        let known = self.persons.as_ref().and_then(|persons| persons.place_of(column));
        known.map_or(Cell::Missing, |known| self.cell_at(known, place))
    }

    fn cell_at(&self, column: usize, place: u32) -> Cell<'_> {
        let Some(persons) = &self.persons else { return Cell::Missing };
        match self.rows.get(place as usize).copied().flatten() {
            Some(row) => persons.cell(column, row as usize),
            None => persons.of_nobody(column),
        }
    }

    /// Up to so many entries after an id, in order, and whether there are more.
    pub(super) fn page(&self, limit: usize, after: Option<&str>) -> Result<(Vec<Entry>, bool)> {
        // One more than asked for tells whether there is a next page.
        let wanted = limit.saturating_add(1);
        let after = after.map(|after| self.entry_of(after)).transpose()?;
        let places = self.candidates(wanted, after.as_ref())?;
        let parts = places.par_chunks(PART).map(|part| {
            let entries = part.iter().map(|&place| Ok((self.id(place)?, place)));
            let mut entries = entries.collect::<Result<Vec<Entry>>>()?;
            if let (None, Some(after)) = (self.order_by, &after) {
                entries.retain(|entry| self.compare(entry, after).is_gt());
            }
            self.keep(&mut entries, wanted);
            Ok(entries)
        });
        let merged = parts.try_reduce(Vec::new, |mut left: Vec<Entry>, right| {
            left.extend(right);
            self.keep(&mut left, wanted);
            Ok(left)
        });
        let mut entries = merged?;
        entries.sort_unstable_by(|a, b| self.compare(a, b));
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok((entries, more))
    }

    /// Whoever can be on the page. Ids are the slow part: they are read only of people who stand
    /// where the page before ended, or where this one ends.
    fn candidates(&self, wanted: usize, after: Option<&Entry>) -> Result<Vec<u32>> {
        let everybody = 0..self.ordinals.len() as u32; // ordinals have 32 bits
        let Some(column) = self.order_by else { return Ok(everybody.collect()) };
        let order = |a: u32, b: u32| self.order(column, a, b);
        let mut places: Vec<u32> = match after {
            None => everybody.collect(),
            Some((id, last)) => {
                let follows = |place: u32| match order(place, *last) {
                    Ordering::Equal => Ok((self.id(place)? > *id).then_some(place)),
                    ordering => Ok(ordering.is_gt().then_some(place)),
                };
                let places = everybody.into_par_iter().map(follows);
                places.filter_map(Result::transpose).collect::<Result<_>>()?
            }
        };
        if places.len() > wanted {
            let (_, end, _) = places.select_nth_unstable_by(wanted - 1, |a, b| order(*a, *b));
            let end = *end;
            places.retain(|place| order(*place, end).is_le());
        }
        Ok(places)
    }

    /// The entry of the id that a page starts after. In the order of ids it may be anybody's.
    fn entry_of(&self, after: &str) -> Result<Entry> {
        let ordinal = self.users.find(after.as_bytes())?;
        let place = ordinal.and_then(|ordinal| self.ordinals.binary_search(&ordinal).ok());
        match (place, self.order_by) {
            (Some(place), _) => Ok((after.into(), place as u32)),
            (None, None) => Ok((after.into(), 0)),
            (None, Some(_)) => Err(Error::input(format!(
                "`after` is {after:?}, who is not one of the people asked for: in an ordered list \
                 it is `next` of the page before"
            ))),
        }
    }

    fn order(&self, column: usize, a: u32, b: u32) -> Ordering {
        let cell = |place| self.cell_at(column, place);
        cell(a).compare(&cell(b), self.descending)
    }

    fn compare(&self, a: &Entry, b: &Entry) -> Ordering {
        match self.order_by {
            Some(column) => self.order(column, a.1, b.1).then_with(|| a.0.cmp(&b.0)),
            None if self.descending => b.0.cmp(&a.0),
            None => a.0.cmp(&b.0),
        }
    }

    fn keep(&self, entries: &mut Vec<Entry>, wanted: usize) {
        if entries.len() > wanted {
            entries.select_nth_unstable_by(wanted, |a, b| self.compare(a, b));
            entries.truncate(wanted);
        }
    }

    fn id(&self, place: u32) -> Result<Vec<u8>> {
        let ordinal = self.ordinals[place as usize];
        self.users.id(ordinal)?.ok_or_else(|| {
            let message =
                format!("the user dictionary has no id for user {ordinal}, who has events");
            Error::new(ErrorKind::Corruption, message)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::tests::events::*;
    use crate::report::users::persons::{Asked, Days};
    use crate::time::WeekStart;
    use crate::users::LiveUsers;
    use proptest::prelude::*;
    use std::sync::{Arc, RwLock};

    /// Ids whose order is not that of their ordinals.
    fn id(ordinal: u32) -> String {
        format!("u{}", (ordinal * 37) % 101)
    }

    fn view(count: u32) -> UsersView {
        let mut live = LiveUsers::new(0);
        (0..count)
            .for_each(|ordinal| assert_eq!(live.number(id(ordinal).as_bytes()), Some(ordinal)));
        UsersView { sealed: Arc::default(), live: Arc::new(RwLock::new(live)), count }
    }

    fn persons(users: &[Vec<crate::scan::RowEvent>]) -> Persons {
        let asked = Arc::new(Asked {
            columns: PersonColumn::EVERY.to_vec(),
            days: Days::new(&[(0, 0), (1, TIMES / 2), (2, TIMES)], WeekStart::Monday),
        });
        counted(|| Persons::new(Arc::clone(&asked)), users, &[])
    }

    #[test]
    fn an_ordered_page_starts_after_somebody_of_the_list() {
        let users = view(3);
        let listing = |order_by| {
            let person = Person { order_by, ..Person::default() };
            Listing::new(&users, vec![0, 2], Some(persons(&[])), &person)
        };
        let ordered = listing(Some(PersonColumn::Events));
        for after in ["stranger", "u37"] {
            let error = ordered.page(5, Some(after)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.to_string().contains(after), "{error}");
        }
        assert_eq!(ordered.page(5, Some("u0")).unwrap().0, [(b"u74".to_vec(), 1)]);
        assert_eq!(listing(None).page(5, Some("u37")).unwrap().0, [(b"u74".to_vec(), 1)]);
    }

    proptest! {
        #[test]
        fn pages_follow_one_another_in_the_order_asked_for(
            users in proptest::collection::vec(any_events(4), 1..40),
            set in proptest::collection::btree_set(0u32..40, 0..40),
            order_by in proptest::option::of(proptest::sample::select(&PersonColumn::EVERY[..])),
            descending in proptest::bool::ANY,
            limit in 1usize..12,
        ) {
            let people: Vec<u32> = set.into_iter().collect();
            let view = view(40);
            let person = Person { order_by, descending, ..Person::default() };
            let listing = Listing::new(&view, people.clone(), Some(persons(&users)), &person);
            let ids = people.iter().map(|user| id(*user));
            let mut model: Vec<(u32, String)> = (0..).zip(ids).collect();
            model.sort_by(|(a, one), (b, two)| match order_by {
                None if descending => two.cmp(one),
                None => one.cmp(two),
                Some(column) => {
                    let cells = (listing.cell(column, *a), listing.cell(column, *b));
                    cells.0.compare(&cells.1, descending).then_with(|| one.cmp(two))
                }
            });
            let (mut listed, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
            loop {
                let (page, more) = listing.page(limit, after.as_deref()).unwrap();
                prop_assert!(page.len() <= limit && (page.len() == limit || !more));
                listed.extend(page.into_iter().map(|(id, _)| String::from_utf8(id).unwrap()));
                if !more {
                    break;
                }
                after = listed.last().cloned();
            }
            prop_assert_eq!(listed, model.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
        }
    }
}

//! A bundle of jobs at work in one chunk.

use super::bundle::{BoundBundle, By};
use super::frame::Frame;
use super::layout::{BoundInput, Layout, Origin};
use super::rows::{DayBlocks, hash};
use super::tally::{PAGE_USERS, Shares};
use super::walk::{InChunk, opened};
use super::{Job, Operator, Share, Step, Tally, Users, kernels};
use crate::codec::bits::Bits;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::CHUNK_USERS;
use crate::time::Tick;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::cell::OnceCell;

/// Bytes that the crowds of one bundle may take: more of them are answered apart.
const CROWDS_BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };
/// What a person of a crowd takes in the table of all.
const PERSON_BYTES: usize = 2 * size_of::<Person>();
/// Bits that the operator of a crowd keeps, more or less.
const CROWD_BYTES: usize = 32 * size_of::<Bits>();

/// A bundle in one chunk.
pub(super) struct Bundling<'w, 'a> {
    pub(super) place: usize,
    bound: &'w BoundBundle,
    job: &'w Job<'a>,
    share: Share,
    crowds: Crowds,
}

enum Crowds {
    /// Everybody of the chunk.
    One(Box<Crowd>),
    /// Persons, each a user in one segment, numbered as they are met.
    Many(Box<Persons>),
}

/// Users whom one operator sees.
struct Crowd {
    /// Made at the first day with a user.
    operator: Option<Box<dyn Operator>>,
    shares: Option<Shares>,
    /// By input: who is there on the day at hand.
    bits: Vec<Box<Bits>>,
    present: Vec<bool>,
}

struct Persons {
    known: HashTable<Person>,
    /// Of each segment, the next number in its last page; at a multiple of a page it is full.
    next: Vec<u32>,
    pages: u32,
    crowds: Vec<Crowd>,
}

/// Segment and user, and the person's number.
#[derive(Clone, Copy)]
struct Person {
    key: u32,
    number: u32,
}

impl Crowd {
    fn new(shares: Shares, inputs: usize) -> Crowd {
        let bits = (0..inputs).map(|_| Box::new(Bits::EMPTY)).collect();
        Crowd { operator: None, shares: Some(shares), bits, present: vec![false; inputs] }
    }

    /// Hands out a day to the operator.
    fn step(
        &mut self,
        (job, share): (&Job<'_>, &Share),
        (day, users): (Tick, &[Option<Users<'_>>]),
        tally: &mut Tally,
    ) -> Result<()> {
        if users.iter().all(Option::is_none) {
            return Ok(());
        }
        // No recipe asks for rows.
        let counts = |_: usize, _: &mut dyn FnMut(u16, u32)| Ok(());
        let operator = self.operator.get_or_insert_with(|| (job.operator)(share));
        let step = Step { day, users, counts: &counts };
        tally.shared(&mut self.shares, |tally| operator.day(&step, tally))
    }

    /// Hands out the persons that were put into it.
    fn day(&mut self, work: (&Job<'_>, &Share), day: Tick, tally: &mut Tally) -> Result<()> {
        let bits = std::mem::take(&mut self.bits);
        let users = bits.iter().zip(&self.present);
        let users: Vec<Option<Users<'_>>> =
            users.map(|(bits, present)| present.then_some(Users::Bits(bits))).collect();
        let done = self.step(work, (day, &users), tally);
        self.bits = bits;
        for (bits, present) in self.bits.iter_mut().zip(&mut self.present) {
            if std::mem::take(present) {
                **bits = Bits::EMPTY;
            }
        }
        done
    }

    fn finish(&mut self, tally: &mut Tally) -> Result<()> {
        let Some(operator) = &mut self.operator else { return Ok(()) };
        tally.shared(&mut self.shares, |tally| operator.finish(tally))
    }
}

impl Persons {
    fn new(segments: usize) -> Persons {
        let next = vec![0; segments];
        Persons { known: HashTable::new(), next, pages: 0, crowds: Vec::new() }
    }

    /// The number of a user in a segment.
    fn number(&mut self, segment: usize, low: u16) -> u32 {
        let key = (segment as u32) << 16 | u32::from(low); // queries are fewer than 65,536
        let Persons { known, next, pages, .. } = self;
        let hash = |key| hash([key, 0]);
        let entry = known.entry(hash(key), |person| person.key == key, |person| hash(person.key));
        match entry {
            Entry::Occupied(person) => person.get().number,
            Entry::Vacant(place) => {
                let next = &mut next[segment];
                if next.is_multiple_of(PAGE_USERS as u32) {
                    *next = *pages * PAGE_USERS as u32;
                    *pages += 1;
                }
                let number = *next;
                // The last one of a page is followed by the first of another, which is a multiple.
                *next += 1;
                place.insert(Person { key, number });
                number
            }
        }
    }

    /// Somebody is there on the day at hand.
    fn insert(&mut self, (segment, segments): (usize, usize), low: u16, input: (usize, usize)) {
        let number = self.number(segment, low);
        let crowd = (number >> 16) as usize;
        while self.crowds.len() <= crowd {
            let owners = vec![0; CHUNK_USERS / PAGE_USERS];
            self.crowds.push(Crowd::new(Shares::Pages { owners, segments }, input.1));
        }
        let crowd = &mut self.crowds[crowd];
        let low = (number & 0xffff) as u16;
        if let Some(Shares::Pages { owners, .. }) = &mut crowd.shares {
            owners[usize::from(low) / PAGE_USERS] = segment as u32; // as above
        }
        crowd.bits[input.0].insert(low);
        crowd.present[input.0] = true;
    }

    fn bytes(&self) -> usize {
        self.known.len() * PERSON_BYTES + self.crowds.len() * CROWD_BYTES
    }
}

impl<'w, 'a> Bundling<'w, 'a> {
    /// `None`: nobody of the chunk is in a segment.
    pub(super) fn new(
        (place, bound): (usize, &'w BoundBundle),
        jobs: &'w [Job<'a>],
        chunk: u32,
        masks: &[Box<Bits>],
    ) -> Option<Bundling<'w, 'a>> {
        let job = jobs.get(*bound.jobs.first()?)?;
        let empty = |set: &Option<usize>| set.is_some_and(|set| kernels::is_empty(&masks[set]));
        let crowds = match &bound.by {
            By::Sets(sets) if sets.iter().all(empty) => return None,
            By::Sets(sets) => {
                let of = sets.iter().map(|set| set.map(|set| &*masks[set]));
                Crowds::One(Box::new(Crowd::new(Shares::of_sets(of), 0)))
            }
            By::Conditions { set, .. } if empty(set) => return None,
            By::Conditions { .. } => Crowds::Many(Box::new(Persons::new(bound.jobs.len()))),
        };
        let buckets = job.cut.as_ref().map_or(0, |cut| cut.edges.len().saturating_sub(1));
        Some(Bundling { place, bound, job, share: Share { chunk, buckets: 0..buckets }, crowds })
    }

    /// Hands out everybody seen before the inputs' days, as one day before them.
    pub(super) fn seen_before(
        &mut self,
        frame: &mut Frame<'_, '_>,
        tally: &mut Tally,
    ) -> Result<()> {
        let Crowds::One(crowd) = &mut self.crowds else { return Ok(()) };
        let inputs = self.bound.inputs.iter();
        let from = inputs.filter(|input| input.seen.is_some()).map(|input| input.from).min();
        let Some(from) = from else { return Ok(()) };
        let seen = self.bound.inputs.iter().map(|input| match input.seen {
            None => Ok(None),
            Some(seen) => frame.seen(seen, None).map(Some),
        });
        let seen: Vec<Option<Box<Bits>>> = seen.collect::<Result<_>>()?;
        let users = seen.iter().map(|users| users.as_deref().filter(|u| !kernels::is_empty(u)));
        let users: Vec<Option<Users<'_>>> = users.map(|users| users.map(Users::Bits)).collect();
        crowd.step((self.job, &self.share), (from.saturating_sub(1), &users), tally)
    }

    /// The inputs that want a day.
    fn inputs(&self, day: Tick) -> impl Iterator<Item = (usize, &'w BoundInput)> + use<'w> {
        let all = self.bound.inputs.iter().enumerate();
        all.filter(move |(_, input)| input.from <= day && day < input.to)
    }

    /// Takes in a day of the database.
    pub(super) fn load<'d, 's>(
        &mut self,
        at: &InChunk<'d, 's>,
        place: usize,
        blocks: &OnceCell<DayBlocks<'d, 's>>,
        frame: &mut Frame<'_, '_>,
        layout: &Layout,
    ) -> Result<()> {
        let Some(day) = self.day_at(place, layout) else { return Ok(()) };
        for (at_input, input) in self.inputs(day) {
            match (&self.bound.by, input.origin) {
                (By::Conditions { derived, .. }, _) => {
                    let derived = derived.get(at_input).into_iter().flatten();
                    for derived in derived {
                        frame.derive(opened(at, place, blocks)?, day, *derived)?;
                    }
                }
                (_, Origin::Stream(stream)) => frame.load(place, stream)?,
                (_, Origin::Derived(derived, _)) => {
                    frame.derive(opened(at, place, blocks)?, day, derived)?;
                }
            }
        }
        Ok(())
    }

    fn day_at(&self, place: usize, layout: &Layout) -> Option<Tick> {
        let span = layout.span(place).filter(|_| self.bound.places.contains(&place));
        span.map(|span| span.day)
    }

    /// Hands out a day that was taken in.
    pub(super) fn day(
        &mut self,
        place: usize,
        frame: &Frame<'_, '_>,
        layout: &Layout,
        tally: &mut Tally,
    ) -> Result<()> {
        let Some(day) = self.day_at(place, layout) else { return Ok(()) };
        let inputs = self.inputs(day);
        let work = (self.job, &self.share);
        match (&mut self.crowds, &self.bound.by) {
            (Crowds::Many(persons), By::Conditions { set, derived }) => {
                let mask = set.map(|set| &*frame.masks[set]);
                let all = self.bound.inputs.len();
                for (input, _) in inputs {
                    let derived = derived.get(input).into_iter().flatten();
                    for (segment, derived) in derived.enumerate() {
                        let Some(listed) = frame.listed(*derived, 0) else { continue };
                        for low in listed.lows() {
                            if mask.is_none_or(|mask| mask.contains(*low)) {
                                let segment = (segment, self.bound.jobs.len());
                                persons.insert(segment, *low, (input, all));
                            }
                        }
                    }
                }
                if persons.bytes() > CROWDS_BYTES_MAX {
                    return Err(too_many());
                }
                persons.crowds.iter_mut().try_for_each(|crowd| crowd.day(work, day, tally))
            }
            (Crowds::One(crowd), _) => {
                let mut users = vec![None; self.bound.inputs.len()];
                for (place, input) in inputs {
                    users[place] = match input.origin {
                        Origin::Stream(stream) => frame.users(stream),
                        Origin::Derived(derived, _) => frame.listed(derived, 0).map(Users::Listed),
                    };
                }
                crowd.step(work, (day, &users), tally)
            }
            (Crowds::Many(_), By::Sets(_)) => Ok(()),
        }
    }

    /// After the last day.
    pub(super) fn finish(self, tally: &mut Tally) -> Result<()> {
        match self.crowds {
            Crowds::One(mut crowd) => crowd.finish(tally),
            Crowds::Many(persons) => {
                let mut crowds = persons.crowds;
                crowds.iter_mut().try_for_each(|crowd| crowd.finish(tally))
            }
        }
    }
}

/// Fewer queries at once take less; none of them alone comes here.
fn too_many() -> Error {
    let message = format!(
        "the segments of the queries hold too many users together: more than {CROWDS_BYTES_MAX} \
         bytes; ask for fewer at once"
    );
    Error::new(ErrorKind::Limit, message)
}

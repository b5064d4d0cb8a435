//! What the scan walks over: days with events, chunks of users, and who did what there.

use super::layout::{SeenUse, SelectorUse};
use super::selector::Selector;
use crate::codec::bits::Bits;
use crate::day::section::{ActivityCode, Presence, Section};
use crate::error::Result;
use crate::first::FirstIndex;
use crate::first::file::FirstFile;
use crate::memtable::RunDay;
use crate::snapshot::{SnapshotDay, SnapshotInner, Source};
use crate::time::Day;
use rayon::prelude::*;
use std::sync::Arc;

const FEW_USERS: usize = 200;

/// Days, chunks and selectors; days and selectors are named by their place in the lists.
pub(super) trait Grid: Sync {
    fn chunks(&self) -> u32;
    /// The selector's users, which are not read yet.
    fn find(&self, day: usize, selector: usize, chunk: u32) -> Result<Unread<'_>>;
    /// ORs the selector's users into `bits`.
    fn presence_into(
        &self,
        day: usize,
        selector: usize,
        chunk: u32,
        bits: &mut Bits,
    ) -> Result<()> {
        self.find(day, selector, chunk)?.or_into(bits);
        Ok(())
    }
    /// ORs the users of the seen ones at a place of their list into `bits`; false where there are
    /// none.
    fn seen_into(&self, seen: usize, chunk: u32, bits: &mut Bits) -> Result<bool>;
    /// Rows of the selector per user; a user may come several times.
    fn counts(
        &self,
        day: usize,
        selector: usize,
        chunk: u32,
        visit: &mut dyn FnMut(u16, u32),
    ) -> Result<()>;
}

/// Users of a selector on a day in a chunk, where they lie.
#[derive(Debug, Default)]
pub(super) struct Unread<'a> {
    first: Option<Part<'a>>,
    /// Of other activities, sections or runs.
    more: Vec<Part<'a>>,
}

#[derive(Debug)]
pub(super) enum Part<'a> {
    Stored(Presence<'a>),
    /// Users of a run's rows, ascending; one may come several times.
    Fresh(&'a [u32]),
}

impl Part<'_> {
    fn or_into(&self, bits: &mut Bits) {
        match self {
            Part::Stored(presence) => _ = presence.or_into(bits),
            Part::Fresh(users) => {
                users.iter().for_each(|user| bits.insert((user & 0xffff) as u16));
            }
        }
    }
}

impl<'a> Unread<'a> {
    pub(super) fn add(&mut self, part: Part<'a>) {
        match (part, &self.first) {
            (Part::Stored(Presence::None), _) => {}
            (first, None) => self.first = Some(first),
            (more, _) => self.more.push(more),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// How many users there are, where that is known without reading them.
    pub(super) fn count(&self) -> Option<usize> {
        match (&self.first, &self.more[..]) {
            (None, _) => Some(0),
            (Some(Part::Stored(only)), []) => Some(only.cardinality()),
            _ => None,
        }
    }

    /// Whether they are set one by one in less time than 1,024 words are gone through.
    pub(super) fn are_few(&self) -> bool {
        match (&self.first, &self.more[..]) {
            // Those are found among all of the day.
            (Some(Part::Stored(Presence::Ranks(_))), _) => false,
            _ => self.count().is_some_and(|users| users < FEW_USERS),
        }
    }

    /// ORs the users into `bits`.
    pub(super) fn or_into(&self, bits: &mut Bits) {
        self.first.iter().chain(&self.more).for_each(|part| part.or_into(bits));
    }

    /// Makes `bits` hold these users only.
    pub(super) fn copy_into(&self, bits: &mut Bits) {
        match (&self.first, &self.more[..]) {
            (Some(Part::Stored(Presence::Container(only))), []) => only.copy_into(bits),
            _ => {
                *bits = Bits::EMPTY;
                self.or_into(bits);
            }
        }
    }
}

/// A snapshot's days, with the names of the selectors looked up in each section once.
pub(super) struct SnapshotGrid<'a> {
    chunks: u32,
    /// Per selector, from its first wanted day on: the places that may hold its rows.
    selectors: Vec<ResolvedSelector<'a>>,
    seen: &'a [SeenUse],
    first: Option<&'a FirstIndex>,
    /// Asked where there is no index.
    history: &'a [Arc<FirstFile>],
    /// Of the memtable: the index does not know them yet.
    runs: Vec<(Day, &'a RunDay)>,
}

struct ResolvedSelector<'a> {
    first_day: usize,
    days: Vec<Vec<Place<'a>>>,
}

/// One source of a day, with what a selector reads there.
enum Place<'a> {
    Section { section: &'a Section, codes: Vec<ActivityCode> },
    Run { run: &'a RunDay, names: Names<'a> },
}

/// The activities of a selector in a run.
enum Names<'a> {
    Any,
    These(&'a [String]),
}

impl Names<'_> {
    fn each(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let (any, names): (_, &[String]) = match self {
            Names::Any => (Some(None), &[]),
            Names::These(names) => (None, names),
        };
        any.into_iter().chain(names.iter().map(|name| Some(name.as_bytes())))
    }
}

impl<'a> SnapshotGrid<'a> {
    pub(super) fn new(
        snapshot: &'a SnapshotInner,
        selectors: &'a [SelectorUse],
        (seen, first): (&'a [SeenUse], Option<&'a FirstIndex>),
    ) -> Result<SnapshotGrid<'a>> {
        let resolve = |wanted: &'a SelectorUse| {
            let first_day = snapshot.days.partition_point(|day| day.span.day < wanted.from);
            let days = snapshot.days_in(wanted.from, wanted.to).par_iter();
            let days = days.map(|day| places(day, &wanted.selector)).collect::<Result<_>>()?;
            Ok(ResolvedSelector { first_day, days })
        };
        let fresh = |day: &'a SnapshotDay| day.run_days().map(|run| (day.span.day, run));
        let runs = if seen.is_empty() { &[] } else { &snapshot.days[..] };
        Ok(SnapshotGrid {
            chunks: snapshot.chunks(),
            selectors: selectors.iter().map(resolve).collect::<Result<_>>()?,
            seen,
            first,
            history: &snapshot.history,
            runs: runs.iter().flat_map(fresh).collect(),
        })
    }

    fn places(&self, day: usize, selector: usize) -> &[Place<'a>] {
        let selector = &self.selectors[selector];
        day.checked_sub(selector.first_day)
            .and_then(|place| selector.days.get(place))
            .map_or(&[], Vec::as_slice)
    }
}

/// The activities of a selector without conditions: their names, or any.
fn names(selector: &Selector) -> impl Iterator<Item = Option<&str>> {
    let any = selector.names().is_empty().then_some(None);
    any.into_iter().chain(selector.names().iter().map(|name| Some(name.as_str())))
}

fn places<'a>(day: &'a SnapshotDay, selector: &'a Selector) -> Result<Vec<Place<'a>>> {
    day.sources().filter_map(|source| place(source, selector).transpose()).collect()
}

/// `None` where the source has no row of the selector.
fn place<'a>(source: Source<'a>, selector: &'a Selector) -> Result<Option<Place<'a>>> {
    let section = match (source, selector) {
        (Source::Section(section), _) => section,
        (Source::Run(run), Selector::Names(names)) => {
            return Ok(Some(Place::Run { run, names: Names::These(names) }));
        }
        (Source::Run(run), _) => return Ok(Some(Place::Run { run, names: Names::Any })),
    };
    let codes: Vec<_> = match selector {
        Selector::Names(names) => {
            let codes = names.iter().map(|name| section.activity(name.as_bytes()));
            codes.filter_map(Result::transpose).collect::<Result<_>>()?
        }
        _ => vec![ActivityCode::Any],
    };
    Ok((!codes.is_empty()).then_some(Place::Section { section, codes }))
}

impl Grid for SnapshotGrid<'_> {
    fn chunks(&self) -> u32 {
        self.chunks
    }

    fn find(&self, day: usize, selector: usize, chunk: u32) -> Result<Unread<'_>> {
        let mut found = Unread::default();
        for place in self.places(day, selector) {
            match place {
                Place::Section { section, codes } => {
                    for code in codes {
                        found.add(Part::Stored(section.presence(*code, chunk)?));
                    }
                }
                Place::Run { run, names } => {
                    let mut add = |users| found.add(Part::Fresh(users));
                    names.each().for_each(|name| run.each_block(name, chunk, &mut add));
                }
            }
        }
        Ok(found)
    }

    fn seen_into(&self, seen: usize, chunk: u32, bits: &mut Bits) -> Result<bool> {
        let SeenUse { selector, before } = &self.seen[seen];
        let mut any = false;
        for name in names(selector) {
            match self.first {
                Some(first) => any |= first.before_into(name, chunk, *before, bits)?,
                None => {
                    for file in self.history {
                        any |= file.before_into(name, chunk, Day::MAX, bits)?;
                    }
                }
            }
            for (_, run) in self.runs.iter().take_while(|(day, _)| day < before) {
                any |= run.presence_into(name.map(str::as_bytes), chunk, bits);
            }
        }
        Ok(any)
    }

    fn counts(
        &self,
        day: usize,
        selector: usize,
        chunk: u32,
        visit: &mut dyn FnMut(u16, u32),
    ) -> Result<()> {
        for place in self.places(day, selector) {
            match place {
                Place::Section { section, codes } => {
                    for code in codes {
                        section.counts(*code, chunk, visit)?;
                    }
                }
                Place::Run { run, names } => {
                    names.each().for_each(|name| run.counts(name, chunk, visit));
                }
            }
        }
        Ok(())
    }
}

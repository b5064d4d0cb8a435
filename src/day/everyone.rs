//! Everyone of a chunk on a day, whatever they did, with the properties that all rows of each user
//! agree on.

use super::block::{Block, BlockColumn};
use super::format::{BlockRecord, CHUNKS_MAX};
use super::lazy::once;
use super::pages::PackedTimes;
use super::section::{ActivityCode, Presence, Section};
use super::slices::Pages;
use crate::error::Result;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// All users of a chunk in one section.
#[derive(Debug)]
pub(crate) struct Everyone<'a> {
    section: &'a Section,
    /// Of the block of any activity, and its place in the directory.
    record: &'a BlockRecord,
    at: usize,
    users: OnceCell<Vec<u16>>,
    pages: OnceCell<Pages<'a>>,
    /// When each user did something first, in microseconds since the day's start.
    firsts: OnceCell<Option<Vec<i64>>>,
    packed_firsts: OnceCell<Option<PackedTimes<'a>>>,
    /// What was read already, by property.
    columns: RefCell<Vec<(String, Option<Rc<BlockColumn<'a>>>)>>,
    codes: RefCell<Vec<(String, Option<ByteCodes>)>>,
}

/// The code of a text for each user.
type ByteCodes = Rc<Vec<u8>>;

/// Texts of a property that codes of one byte can tell apart.
const BYTE_TEXTS_MAX: usize = 256;

impl Section {
    /// Everyone of the chunk, of whom nothing is read yet; `None` where the chunk has few users or
    /// there is nothing to tell once of each.
    pub(crate) fn everyone(&self, chunk: u32) -> Result<Option<Rc<Everyone<'_>>>> {
        if chunk >= CHUNKS_MAX {
            return Ok(None);
        }
        let Some((at, record)) = self.find(ActivityCode::Any, chunk)? else { return Ok(None) };
        if record.head.length.get() == 0 {
            return Ok(None);
        }
        Ok(Some(Rc::new(Everyone {
            section: self,
            record,
            at,
            users: OnceCell::new(),
            pages: OnceCell::new(),
            firsts: OnceCell::new(),
            packed_firsts: OnceCell::new(),
            columns: RefCell::default(),
            codes: RefCell::default(),
        })))
    }
}

impl Section {
    /// The texts of a property by their codes, where there are at most 256 of them, and one at
    /// least.
    pub(crate) fn few_texts(&self, property: &str) -> Result<Option<Vec<&str>>> {
        let Some(property) = self.property(property)? else { return Ok(None) };
        let list = self.texts()?;
        let codes = 0..list.codes(property).len() as u32;
        if codes.is_empty() || codes.len() > BYTE_TEXTS_MAX {
            return Ok(None);
        }
        let texts = codes.map(|code| list.get(property, code).map_err(|e| self.texts_damage(e)));
        texts.collect::<Result<_>>().map(Some)
    }
}

impl<'a> Everyone<'a> {
    /// As a block in which each user has one row, which tells what all of theirs share; it has no
    /// times.
    pub(crate) fn block(self: &Rc<Everyone<'a>>) -> Result<Block<'a>> {
        Ok(Block::of_everyone(self.users()?.to_vec(), self.clone()))
    }

    /// Low 16 bits, ascending.
    pub(crate) fn users(&self) -> Result<&[u16]> {
        Ok(once(&self.users, || Ok(self.section.container(self.at, self.record)?.lows()))?)
    }

    fn pages(&self) -> Result<&Pages<'a>> {
        once(&self.pages, || {
            let all = 0..self.record.cardinality.get() as usize;
            Pages::new(self.section, self.record, &[], (&all, &all))
        })
    }

    /// Whether all there is to know of the property is told here.
    pub(crate) fn tells(&self, property: &str) -> Result<bool> {
        let Some(code) = self.section.property(property)? else { return Ok(true) };
        Ok(self.pages()?.has(code))
    }

    /// A cell for each user; `None` where rows of one user may differ.
    pub(super) fn column(&self, property: &str) -> Result<Option<Rc<BlockColumn<'a>>>> {
        let known = |columns: &[(String, Option<Rc<_>>)]| {
            let found = columns.iter().find(|(known, _)| known == property);
            found.map(|(_, column)| column.clone())
        };
        if let Some(column) = known(&self.columns.borrow()) {
            return Ok(column);
        }
        let column = self.pages()?.column(property, &[])?;
        let column = column.map(|column| Rc::new(BlockColumn { per_user: true, ..column }));
        self.columns.borrow_mut().push((property.to_owned(), column.clone()));
        Ok(column)
    }

    /// For each user the code of a text among the section's few of the property; `None` where some
    /// have another value, or rows of one user may differ.
    pub(crate) fn codes(&self, property: &str) -> Result<Option<ByteCodes>> {
        let known = |(known, codes): &(String, Option<ByteCodes>)| {
            (known == property).then(|| codes.clone())
        };
        if let Some(codes) = self.codes.borrow().iter().find_map(known) {
            return Ok(codes);
        }
        let codes = match self.section.property(property)? {
            None => None,
            Some(code) => {
                let dictionary = self.section.texts()?.codes(code).len() as u32;
                self.pages()?.byte_codes(code, dictionary)?.map(Rc::new)
            }
        };
        self.codes.borrow_mut().push((property.to_owned(), codes.clone()));
        Ok(codes)
    }

    /// When each user did something first, in microseconds since the day's start; `None` where the
    /// times of the chunk's rows are not told from there.
    pub(super) fn firsts(&self) -> Result<Option<&[i64]>> {
        let firsts = once(&self.firsts, || {
            let pages = self.pages()?;
            let users = self.record.cardinality.get() as usize;
            pages.timed().then(|| pages.times(users, 0)).transpose()
        });
        Ok(firsts?.as_deref())
    }

    /// The same, to look at some.
    pub(super) fn packed_firsts(&self) -> Result<Option<&PackedTimes<'a>>> {
        Ok(once(&self.packed_firsts, || self.pages()?.packed_times())?.as_ref())
    }

    /// The column for the users at these places, or for all.
    pub(super) fn column_of(
        &self,
        property: &str,
        places: Option<&[u16]>,
    ) -> Result<Option<Rc<BlockColumn<'a>>>> {
        let Some(column) = self.column(property)? else { return Ok(None) };
        match places {
            None => Ok(Some(column)),
            Some(places) => Ok(Some(Rc::new(column.at(places)))),
        }
    }

    /// Where some of the users are, ascending; `None`: they are all.
    pub(super) fn places(&self, some: &Presence<'_>) -> Result<Option<Vec<u16>>> {
        let all = self.users()?;
        if some.cardinality() == all.len() {
            return Ok(None);
        }
        if let Presence::Ranks(ranks) = some {
            return Ok(Some(ranks.places()));
        }
        let mut places = Vec::with_capacity(some.cardinality());
        let mut all = (0u16..=u16::MAX).zip(all);
        some.for_each(|low| {
            let place = all.find(|(_, known)| **known == low);
            places.extend(place.map(|(place, _)| place));
        });
        if places.len() == some.cardinality() {
            return Ok(Some(places));
        }
        let offset = self.record.presence.offset.get();
        Err(self.section.damage(offset, "presence", "any activity lacks a user"))
    }
}

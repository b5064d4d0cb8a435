//! Everyone of a chunk on a day, whatever they did, with the properties that all rows of each user
//! agree on.

use super::block::{Block, BlockColumn};
use super::format::{BlockRecord, CHUNKS_MAX};
use super::lazy::once;
use super::section::{ActivityCode, Section};
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
    /// What was read already, by property.
    columns: RefCell<Vec<(String, Option<Rc<BlockColumn<'a>>>)>>,
}

impl Section {
    /// Everyone of the chunk, of whom nothing is read yet; `None` where the chunk has few users or
    /// their rows agree on nothing.
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
            columns: RefCell::default(),
        })))
    }
}

impl<'a> Everyone<'a> {
    /// As a block in which each user has one row, which tells what all of theirs share; it has no
    /// times.
    pub(crate) fn block(self: &Rc<Everyone<'a>>) -> Result<Block<'a>> {
        Ok(Block::of_everyone(self.users()?.to_vec(), self.clone()))
    }

    /// Low 16 bits, ascending.
    fn users(&self) -> Result<&[u16]> {
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

    /// The column for some of the users, ascending.
    pub(super) fn column_of(
        &self,
        property: &str,
        users: &[u16],
    ) -> Result<Option<Rc<BlockColumn<'a>>>> {
        let Some(column) = self.column(property)? else { return Ok(None) };
        if users.len() == self.users()?.len() {
            return Ok(Some(column));
        }
        match self.places(users)? {
            Some(places) => Ok(Some(Rc::new(column.at(&places)))),
            None => Err(self.section.damage(
                self.record.presence.offset.get(),
                "presence",
                "any activity lacks a user",
            )),
        }
    }

    /// Where some users are, ascending; `None` where one is not.
    fn places(&self, users: &[u16]) -> Result<Option<Vec<usize>>> {
        let mut all = self.users()?.iter().enumerate();
        let place = |user: &u16| all.find(|(_, known)| *known == user).map(|(place, _)| place);
        Ok(users.iter().map(place).collect())
    }
}

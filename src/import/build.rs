//! The rows of a day, or of a part of it, to a section.

use super::partition::{Part, Piece, Spill};
use super::rows::{RowCell, RowReader, Shared, Text};
use crate::day::build::{BuiltSection, build_coded};
use crate::day::coded::SectionRows;
use crate::day::rows::{Cell, DayRows};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Decimal;
use crate::snapshot::SnapshotSection;
use crate::time::DaySpan;
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A section for a file.
pub(super) struct DaySection {
    pub(super) built: BuiltSection,
    /// Its day has several.
    pub(super) is_cut: bool,
}

/// Sections whose rows are there already.
pub(super) type StoredSections = Arc<[Arc<SnapshotSection>]>;

/// A part on its way through a builder.
pub(super) struct PartJob {
    pub(super) span: DaySpan,
    pub(super) part: Part,
    pub(super) spill: Option<Arc<Spill>>,
    pub(super) is_cut: bool,
    pub(super) turn: Turn,
    /// Rows whose insert ids are stored there are duplicates.
    pub(super) stored: Option<StoredSections>,
}

pub(super) struct Built {
    /// `None` where all rows were duplicates.
    pub(super) section: Option<DaySection>,
    pub(super) rows: u64,
    pub(super) duplicates: u64,
}

/// Builds the section of a part.
pub(super) fn build_part(job: PartJob, shared: &Shared) -> Result<Built> {
    let PartJob { span, part, spill, is_cut, turn, stored } = job;
    let (count, mut duplicates) = (part.rows, 0);
    let rows = {
        let mut seen = turn.wait();
        let mut decoder = Decoder::new(shared, count);
        let mut is_new = |id| {
            let is_new = !is_stored(stored.as_ref(), id)? && seen.ids.insert(id);
            duplicates += u64::from(!is_new);
            Ok(is_new)
        };
        for piece in part.pieces {
            match piece {
                Piece::Table(rows) => rows.add_to(&mut decoder.section, &mut is_new)?,
                Piece::Encoded(bytes) => decoder.decode(&bytes, &mut is_new)?,
                Piece::Spilled(start, length) => {
                    let spill = spill.as_ref().ok_or_else(damaged)?;
                    decoder.decode(&spill.read(start, length)?, &mut is_new)?;
                }
            }
        }
        decoder.section
    };
    drop(turn);
    let SectionRows { rows, coded } = rows;
    let built = if rows.is_empty() { None } else { Some(build_coded(span, &rows, &coded)?) };
    let section = built.map(|built| DaySection { built, is_cut });
    Ok(Built { section, rows: count, duplicates })
}

fn is_stored(stored: Option<&StoredSections>, id: u128) -> Result<bool> {
    for section in stored.into_iter().flat_map(|stored| stored.iter()) {
        if section.section.has_insert_id(id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Encoded rows back to the columns of a day.
struct Decoder<'a> {
    shared: &'a Shared,
    section: SectionRows,
    /// By shared code: the day's code.
    texts: Vec<Option<u32>>,
    /// By shared code: the day's column.
    columns: Vec<Option<usize>>,
}

impl<'a> Decoder<'a> {
    fn new(shared: &'a Shared, rows: u64) -> Decoder<'a> {
        let count = usize::try_from(rows).unwrap_or(0);
        let rows = DayRows {
            users: Vec::with_capacity(count),
            activities: Vec::with_capacity(count),
            times: Vec::with_capacity(count),
            ..DayRows::default()
        };
        let section = SectionRows { rows, ..SectionRows::default() };
        Decoder { shared, section, texts: Vec::new(), columns: Vec::new() }
    }

    /// Decodes all rows, but for those whose insert id `is_new` refuses.
    fn decode(&mut self, bytes: &[u8], is_new: &mut dyn FnMut(u128) -> Result<bool>) -> Result<()> {
        let mut reader = RowReader::new(bytes);
        while let Some((user, head)) = reader.row() {
            if let Some(id) = head.insert_id {
                if !is_new(id)? {
                    while reader.cell().ok_or_else(damaged)?.is_some() {}
                    continue;
                }
                self.section.rows.insert_ids.push(id, user);
            }
            let activity = self.text(head.activity);
            self.section.rows.users.push(user);
            self.section.rows.activities.push(activity);
            self.section.rows.times.push(head.time);
            while let Some((property, cell)) = reader.cell().ok_or_else(damaged)? {
                self.cell(property, cell)?;
            }
        }
        if reader.is_done() { Ok(()) } else { Err(damaged()) }
    }

    fn cell(&mut self, property: u32, cell: RowCell<'_>) -> Result<()> {
        let cell = match cell {
            RowCell::Bool(value) => Cell::Bool(value),
            RowCell::Integer(value) => Cell::Integer(value),
            RowCell::Decimal(scale, unscaled) => match i64::try_from(unscaled) {
                Ok(unscaled) => Cell::Decimal(scale, unscaled),
                Err(_) => self.section.rows.decimal_cell(Decimal::new(unscaled, scale)?),
            },
            RowCell::Float(value) => Cell::Float(value),
            RowCell::Text(text) => Cell::Text(self.text(text)),
        };
        let column = self.column(property);
        let before = self.section.rows.len() - 1;
        if let Some(column) = self.section.rows.columns.get_mut(column) {
            column.cells.resize(before, Cell::Null);
            column.cells.push(cell);
        }
        Ok(())
    }

    fn text(&mut self, text: Text<'_>) -> u32 {
        match text {
            Text::Bytes(bytes) => self.section.rows.strings.code(bytes),
            Text::Code(code) => {
                let (shared, strings) = (self.shared, &mut self.section.rows.strings);
                let code_of = || shared.with_text(code, |text| strings.code(text));
                *known(&mut self.texts, code).get_or_insert_with(code_of)
            }
        }
    }

    fn column(&mut self, property: u32) -> usize {
        let (shared, section) = (self.shared, &mut self.section);
        *known(&mut self.columns, property).get_or_insert_with(|| {
            let strings = &mut section.rows.strings;
            let name = shared.with_property(property, |name| strings.code(name));
            section.make_plain(name)
        })
    }
}

/// The place of a shared code in a table that grows as codes are met.
fn known<T: Copy>(table: &mut Vec<Option<T>>, code: u32) -> &mut Option<T> {
    let index = code as usize;
    if index >= table.len() {
        table.resize(index + 1, None);
    }
    &mut table[index]
}

fn damaged() -> Error {
    let message = "the import's temporary rows are not what was written; nothing was imported";
    Error::new(ErrorKind::Corruption, message)
}

/// Insert ids of one day's parts so far. Parts are built at once, but look for duplicates in turn.
#[derive(Debug, Default)]
pub(super) struct Seen {
    state: Mutex<SeenState>,
    next: Condvar,
}

#[derive(Debug, Default)]
struct SeenState {
    ids: HashSet<u128>,
    /// Parts that are through.
    done: usize,
}

/// A part's place among those of its day; dropping it lets the next one look.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) seen: Arc<Seen>,
    pub(super) index: usize,
}

impl Turn {
    /// Waits for the parts before. They were taken up earlier, so that they are never behind.
    fn wait(&self) -> MutexGuard<'_, SeenState> {
        let state = self.seen.state.lock().unwrap_or_else(PoisonError::into_inner);
        let not_yet = |state: &mut SeenState| state.done < self.index;
        self.seen.next.wait_while(state, not_yet).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.seen.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done = state.done.max(self.index + 1);
        self.seen.next.notify_all();
    }
}

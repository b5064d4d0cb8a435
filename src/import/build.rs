//! Rows by day to sections and files, days in parallel, in order, within bounded memory.

use super::partition::{Part, Spill};
use super::pipeline::in_order;
use super::rows::{RowCell, RowReader, Tables, Text};
use crate::day::build::{BuiltSection, build_section};
use crate::day::rows::{Cell, DayRows};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Decimal;
use crate::time::{Calendar, Day, DaySpan};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Is this insert id stored on the day?
pub(super) type StoredIds<'a> = dyn Fn(Day, u128) -> Result<bool> + Sync + 'a;

/// A section for a file.
pub(super) struct DaySection {
    pub(super) built: BuiltSection,
    /// Its day has several.
    pub(super) is_cut: bool,
}

/// What the builders are given.
pub(super) struct BuildInput<'a> {
    pub(super) parts: BTreeMap<Day, Vec<Part>>,
    pub(super) spill: Option<Spill>,
    pub(super) tables: &'a Tables,
    /// Distinct properties that rows may have.
    pub(super) properties: usize,
    pub(super) calendar: &'a Calendar,
    /// Ids that are stored: rows with them are duplicates. `None`: there are none to look for.
    pub(super) stored: Option<&'a StoredIds<'a>>,
    pub(super) threads: usize,
    /// For all parts under way.
    pub(super) memory: usize,
}

/// What a build made.
#[derive(Debug, Default)]
pub(super) struct BuildCounts {
    pub(super) accepted: u64,
    pub(super) without_user: u64,
    pub(super) duplicates: u64,
    /// Activities that each day has rows of.
    pub(super) activities: BTreeMap<Day, BTreeSet<String>>,
}

/// A part on its way through a builder.
struct Job<'a> {
    span: DaySpan,
    bytes: Vec<u8>,
    rows: u64,
    is_cut: bool,
    turn: Turn,
    permit: Permit<'a>,
}

struct Built<'a> {
    /// `None` where all rows were duplicates.
    section: Option<DaySection>,
    rows: u64,
    duplicates: u64,
    permit: Permit<'a>,
}

/// Builds all parts and hands each section to `take`, by day and part; `tell` hears of rows done.
pub(super) fn build(
    input: BuildInput<'_>,
    mut take: impl FnMut(DaySection) -> Result<()>,
    tell: &dyn Fn(u64),
) -> Result<BuildCounts> {
    let BuildInput { parts, spill, tables, properties, calendar, stored, threads, memory } = input;
    let gate = Gate { free: Mutex::new(memory), total: memory, freed: Condvar::new() };
    let mut counts = BuildCounts::default();
    in_order(
        threads,
        |emit| {
            for (day, parts) in parts {
                let seen = Arc::new(Seen::default());
                let is_cut = parts.len() > 1;
                for (index, part) in parts.into_iter().enumerate() {
                    let permit = gate.acquire(part.memory(properties));
                    let turn = Turn { seen: Arc::clone(&seen), index };
                    let (span, rows) = (calendar.span(day), part.rows);
                    let bytes = part.read(spill.as_ref())?;
                    if !emit(Job { span, bytes, rows, is_cut, turn, permit }) {
                        return Ok(());
                    }
                }
            }
            Ok(())
        },
        || |job: Job<'_>| build_part(job, tables, stored),
        |built: Built<'_>| {
            counts.duplicates += built.duplicates;
            if let Some(section) = built.section {
                let totals = &section.built.totals;
                counts.accepted += totals.rows;
                counts.without_user += totals.rows_without_user;
                let names = totals.activities.iter().map(|a| a.name.clone());
                counts.activities.entry(totals.day).or_default().extend(names);
                take(section)?;
            }
            drop(built.permit);
            tell(built.rows);
            Ok(())
        },
    )?;
    Ok(counts)
}

fn build_part<'a>(
    job: Job<'a>,
    tables: &Tables,
    stored: Option<&StoredIds<'_>>,
) -> Result<Built<'a>> {
    let Job { span, bytes, rows: count, is_cut, turn, permit } = job;
    let mut duplicates = 0;
    let rows = {
        let mut seen = turn.wait();
        let mut decoder = Decoder::new(tables, &bytes, count);
        decoder.decode(&mut |id| {
            let is_stored = || stored.map_or(Ok(false), |stored| stored(span.day, id));
            let is_new = !is_stored()? && seen.ids.insert(id);
            duplicates += u64::from(!is_new);
            Ok(is_new)
        })?;
        decoder.rows
    };
    drop((bytes, turn));
    let built = if rows.is_empty() { None } else { Some(build_section(span, &rows)?) };
    let section = built.map(|built| DaySection { built, is_cut });
    Ok(Built { section, rows: count, duplicates, permit })
}

/// Encoded rows back to the columns of a day.
struct Decoder<'a> {
    tables: &'a Tables,
    reader: RowReader<'a>,
    rows: DayRows,
    /// By shared code: the day's code.
    texts: Vec<Option<u32>>,
    /// By shared code: the day's column.
    columns: Vec<Option<usize>>,
}

impl<'a> Decoder<'a> {
    fn new(tables: &'a Tables, bytes: &'a [u8], rows: u64) -> Decoder<'a> {
        let count = usize::try_from(rows).unwrap_or(0).min(bytes.len());
        let rows = DayRows {
            users: Vec::with_capacity(count),
            activities: Vec::with_capacity(count),
            times: Vec::with_capacity(count),
            ..DayRows::default()
        };
        Decoder {
            tables,
            reader: RowReader::new(bytes),
            rows,
            texts: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// Decodes all rows, but for those whose insert id `is_new` refuses.
    fn decode(&mut self, is_new: &mut dyn FnMut(u128) -> Result<bool>) -> Result<()> {
        while let Some((user, head)) = self.reader.row() {
            if let Some(id) = head.insert_id {
                if !is_new(id)? {
                    self.pass_over()?;
                    continue;
                }
                self.rows.insert_ids.push(id);
            }
            let activity = self.text(head.activity);
            self.rows.users.push(user);
            self.rows.activities.push(activity);
            self.rows.times.push(head.time);
            while let Some((property, cell)) = self.reader.cell().ok_or_else(damaged)? {
                self.cell(property, cell)?;
            }
        }
        if self.reader.is_done() { Ok(()) } else { Err(damaged()) }
    }

    fn pass_over(&mut self) -> Result<()> {
        while self.reader.cell().ok_or_else(damaged)?.is_some() {}
        Ok(())
    }

    fn cell(&mut self, property: u32, cell: RowCell<'_>) -> Result<()> {
        let cell = match cell {
            RowCell::Bool(value) => Cell::Bool(value),
            RowCell::Integer(value) => Cell::Integer(value),
            RowCell::Decimal(scale, unscaled) => match i64::try_from(unscaled) {
                Ok(unscaled) => Cell::Decimal(scale, unscaled),
                Err(_) => self.rows.decimal_cell(Decimal::new(unscaled, scale)?),
            },
            RowCell::Float(value) => Cell::Float(value),
            RowCell::Text(text) => Cell::Text(self.text(text)),
        };
        let column = self.column(property);
        let before = self.rows.len() - 1;
        if let Some(column) = self.rows.columns.get_mut(column) {
            column.cells.resize(before, Cell::Null);
            column.cells.push(cell);
        }
        Ok(())
    }

    fn text(&mut self, text: Text<'_>) -> u32 {
        match text {
            Text::Bytes(bytes) => self.rows.strings.code(bytes),
            Text::Code(code) => {
                let (tables, strings) = (self.tables, &mut self.rows.strings);
                let code_of = || strings.code(tables.texts.get(code));
                *known(&mut self.texts, code).get_or_insert_with(code_of)
            }
        }
    }

    fn column(&mut self, property: u32) -> usize {
        let (tables, rows) = (self.tables, &mut self.rows);
        *known(&mut self.columns, property).get_or_insert_with(|| {
            let name = rows.strings.code(tables.properties.get(property));
            rows.column(name)
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
struct Seen {
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
struct Turn {
    seen: Arc<Seen>,
    index: usize,
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

/// Bytes that parts under way may take together.
#[derive(Debug)]
struct Gate {
    free: Mutex<usize>,
    total: usize,
    freed: Condvar,
}

/// Gives its bytes back when it goes.
#[derive(Debug)]
struct Permit<'a> {
    gate: &'a Gate,
    bytes: usize,
}

impl Gate {
    /// Waits until that much is free; more than all there is counts as all.
    fn acquire(&self, bytes: usize) -> Permit<'_> {
        let bytes = bytes.min(self.total);
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let too_few = |free: &mut usize| *free < bytes;
        let mut free = self.freed.wait_while(free, too_few).unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Permit { gate: self, bytes }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        *self.gate.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.gate.freed.notify_all();
    }
}

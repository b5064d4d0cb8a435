//! All rows of a section back, and the check of its every byte.

use super::column::{ColumnPage, Decoded};
use super::format::{
    ANY, BlockRecord, CHUNK_NONE, CHUNK_PACKED, CHUNKS_MAX, PartRecord, SectionFooter,
};
use super::pages::{PagePlace, PartPlace, UserRuns, decode_head, decode_times};
use super::rows::{Cell, DayRows, NO_USER};
use super::section::Section;
use crate::codec::checksum::crc;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Rows being read back: the section's codes as codes of the rows' strings.
struct Reading {
    rows: DayRows,
    activities: Vec<u32>,
    properties: Vec<u32>,
    /// Of each property, its dictionary's texts.
    texts: Vec<Vec<u32>>,
    /// What rows in a chunk share.
    everyone: BTreeMap<u32, Shared>,
}

/// Properties on which all rows of each user of a chunk agree.
#[derive(Default)]
struct Shared {
    users: Vec<u32>,
    /// The first time of each, from which the times of their rows are counted, if they are.
    firsts: Option<Vec<i64>>,
    /// Property and a cell for each of the users.
    columns: Vec<(u16, Vec<Cell>)>,
}

impl Section {
    /// All rows back, in section order, for compaction and replaced days.
    pub(crate) fn rows(&self) -> Result<DayRows> {
        let mut reading = self.reading()?;
        let (mut chunks_of, mut mixed) = (ANY, false);
        for (at, record) in self.blocks()?.iter().enumerate() {
            let (activity, chunk) = (record.activity.get(), record.chunk.get());
            if activity == ANY {
                self.read_everyone(at, record, &mut reading)?;
                continue;
            }
            // Small chunks lie behind the large ones of their activity, not between them.
            mixed |= chunk == CHUNK_PACKED && chunks_of == activity;
            if chunk < CHUNKS_MAX {
                chunks_of = activity;
            }
            self.read_block(at, record, &mut reading)?;
        }
        let (ids, users) = self.insert_ids()?;
        let ids = ids.iter().map(|id| id.get()).zip(users.iter().map(|user| user.get()));
        reading.rows.insert_ids = ids.collect();
        if mixed {
            let order = reading.rows.section_order();
            return Ok(reading.rows.permuted(&order));
        }
        Ok(reading.rows)
    }

    fn reading(&self) -> Result<Reading> {
        let opened = self.opened()?;
        let mut rows = DayRows::default();
        let mut codes = |names: &[Box<str>]| -> Vec<u32> {
            names.iter().map(|name| rows.strings.code(name.as_bytes())).collect()
        };
        let (activities, properties) = (codes(&opened.activities), codes(&opened.properties));
        let texts = self.texts()?;
        let mut coded = Vec::new();
        for property in (0u16..).take(properties.len()) {
            let codes = 0..texts.codes(property).len() as u32;
            let code = |code| texts.get(property, code).map(|t| rows.strings.code(t.as_bytes()));
            let codes: Result<Vec<u32>, String> = codes.map(code).collect();
            coded.push(codes.map_err(|e| self.texts_damage(e))?);
        }
        Ok(Reading { rows, activities, properties, texts: coded, everyone: BTreeMap::new() })
    }

    fn read_everyone(&self, at: usize, record: &BlockRecord, reading: &mut Reading) -> Result<()> {
        let (pages, bytes) = self.pages(record)?;
        let [page] = pages.as_slice() else { return Ok(()) };
        let mut shared = Shared { users: self.block_users(at, record)?, ..Shared::default() };
        for (property, part) in &page.columns {
            let cells = part_bytes(bytes, part)
                .and_then(|bytes| reading.cells(*property, bytes, (page.rows, page.rows)))
                .map_err(|e| self.page_damage(record, part, e))?;
            shared.columns.push((*property, cells.1));
        }
        if page.times.length > 0 {
            let mut firsts = Vec::new();
            self.read_times(record, page, bytes, &mut firsts)?;
            shared.firsts = Some(firsts);
        }
        reading.everyone.insert(record.chunk.get(), shared);
        Ok(())
    }

    fn read_block(&self, at: usize, record: &BlockRecord, reading: &mut Reading) -> Result<()> {
        let users = self.block_users(at, record)?;
        let counts = match record.chunk.get() {
            CHUNK_NONE => Vec::new(),
            _ => self.counts_of(at, record, 0..users.len())?,
        };
        let (pages, bytes) = self.pages(record)?;
        let mut runs = UserRuns::new(counts.iter().map(|count| *count as usize));
        let first_row = reading.rows.times.len();
        for page in &pages {
            let users = runs.next_page(page.rows);
            self.read_page(record, page, bytes, &users, reading)?;
        }
        let told_twice = |shared: &Shared| {
            let twice =
                |(property, _): &(u16, _)| pages.iter().any(|p| p.column(*property).is_some());
            shared.columns.iter().any(twice)
        };
        if reading.everyone.get(&record.chunk.get()).is_some_and(told_twice) {
            let what = "a property of everyone and of an activity";
            return Err(self.damage(record.head.offset.get(), "head", what));
        }
        if !reading.add_shared(record.chunk.get(), (&users, &counts), first_row) {
            let what = "any activity lacks a user";
            return Err(self.damage(record.presence.offset.get(), "presence", what));
        }
        let (span, times) = (self.span(), &reading.rows.times[first_row..]);
        if times.iter().any(|time| *time >= span.end - span.start) {
            let what = "a time after the day, counted from the user's first";
            return Err(self.damage(record.head.offset.get(), "page", what));
        }
        let rows = &mut reading.rows;
        match record.chunk.get() {
            CHUNK_NONE => rows.users.resize(rows.times.len(), NO_USER),
            _ => {
                let of_user = |(&user, &count)| std::iter::repeat_n(user, count as usize);
                rows.users.extend(users.iter().zip(&counts).flat_map(of_user));
            }
        }
        let activity = usize::from(record.activity.get()).saturating_sub(1);
        let activity = reading.activities.get(activity).copied().unwrap_or_default();
        rows.activities.resize(rows.times.len(), activity);
        Ok(())
    }

    /// The ordinals of a block, ascending.
    pub(super) fn block_users(&self, at: usize, record: &BlockRecord) -> Result<Vec<u32>> {
        match record.chunk.get() {
            CHUNK_NONE => Ok(Vec::new()),
            CHUNK_PACKED => {
                Ok(self.packed_users(at, record)?.iter().map(|user| user.get()).collect())
            }
            chunk => {
                let presence = self.users(at, record)?;
                let mut users = Vec::with_capacity(presence.cardinality());
                presence.for_each(|low| users.push(chunk << 16 | u32::from(low)));
                Ok(users)
            }
        }
    }

    /// The pages of a block as its head tells them, and the bytes of all of them.
    pub(super) fn pages(&self, record: &BlockRecord) -> Result<(Vec<PagePlace>, &[u8])> {
        if self.opened()?.thin && record.activity.get() != ANY {
            return Err(self.dropped());
        }
        let head = self.checked(&record.head, "head")?;
        let data = self.data();
        let place = PartRecord {
            offset: record.head.offset.get().saturating_add(record.head.length.get()).into(),
            length: record.pages_length,
            crc: 0.into(),
        };
        let bytes = place.range(data.len()).and_then(|range| data.get(range)).unwrap_or_default();
        let properties = self.opened()?.properties.len();
        let rows = match record.activity.get() {
            ANY if head.is_empty() => 0,
            ANY => record.cardinality.get(),
            _ => record.rows.get(),
        };
        let pages = decode_head(head, rows as usize, bytes.len(), properties)
            .map_err(|e| self.damage(record.head.offset.get(), "head", e))?;
        Ok((pages, bytes))
    }

    /// Damage in a part of a page of the block.
    pub(super) fn page_damage(
        &self,
        record: &BlockRecord,
        part: &PartPlace,
        what: String,
    ) -> Error {
        let pages_at = record.head.offset.get().saturating_add(record.head.length.get());
        self.damage(pages_at.saturating_add(part.offset as u64), "page", what)
    }

    fn read_times(
        &self,
        record: &BlockRecord,
        page: &PagePlace,
        bytes: &[u8],
        times: &mut Vec<i64>,
    ) -> Result<()> {
        let span = self.span();
        part_bytes(bytes, &page.times)
            .and_then(|bytes| {
                let span = (0, span.end - span.start);
                decode_times(bytes, page.rows, 0..page.rows, span, times)
            })
            .map_err(|e| self.page_damage(record, &page.times, e))
    }

    fn read_page(
        &self,
        record: &BlockRecord,
        page: &PagePlace,
        bytes: &[u8],
        users: &[usize],
        reading: &mut Reading,
    ) -> Result<()> {
        let first_row = reading.rows.times.len();
        self.read_times(record, page, bytes, &mut reading.rows.times)?;
        for (property, part) in &page.columns {
            part_bytes(bytes, part)
                .and_then(|bytes| reading.add_column(*property, bytes, page.rows, users, first_row))
                .map_err(|e| self.page_damage(record, part, e))?;
        }
        Ok(())
    }

    /// Reads and checks every byte; the error names the first damage.
    pub(crate) fn verify(&self) -> Result<()> {
        let fresh = self.reopened();
        if fresh.is_thin()? {
            // It has no texts; that is told too.
            fresh.checked(&fresh.opened()?.footer.texts, "texts")?;
            fresh.verify_any(&fresh.presence_rows()?)?;
            return fresh.verify_tiles();
        }
        let rows = fresh.rows()?;
        fresh.texts()?.check().map_err(|e| fresh.texts_damage(e))?;
        for (at, record) in fresh.index()?.iter().enumerate() {
            fresh.index_container(at, record)?;
        }
        fresh.verify_any(&rows)?;
        fresh.verify_tiles()
    }

    /// The users of any activity are those of all activities.
    fn verify_any(&self, rows: &DayRows) -> Result<()> {
        let mut any = Vec::new();
        for (at, record) in self.blocks()?.iter().enumerate() {
            if record.activity.get() == ANY {
                let users = self.block_users(at, record)?;
                // A section without its rows has nothing else that reads how often they came.
                self.counts_of(at, record, 0..users.len())?;
                any.extend(users);
            }
        }
        any.sort_unstable();
        let mut users: Vec<u32> = rows.users.iter().copied().filter(|u| *u != NO_USER).collect();
        users.sort_unstable();
        users.dedup();
        if any == users {
            return Ok(());
        }
        let offset = self.opened()?.footer.blocks.offset.get();
        Err(self.damage(offset, "directory", "the users of any activity are not those of all"))
    }

    /// Every byte belongs to exactly one part.
    fn verify_tiles(&self) -> Result<()> {
        let footer = &self.opened()?.footer;
        let PartList(mut parts) = [footer.names, footer.texts, footer.insert_ids].into();
        parts.extend(PartList::from([footer.blocks, footer.index, footer.amounts]).0);
        for record in self.blocks()? {
            let pages = record.head.length.get().saturating_add(record.pages_length.get());
            parts.extend(PartList::from([record.presence, record.counts]).0);
            parts.push((record.head.offset.get(), pages));
        }
        parts.extend(self.index()?.iter().flat_map(|r| PartList::from([r.presence]).0));
        parts.retain(|(_, length)| *length > 0);
        parts.sort_unstable();
        let mut end = 0;
        for (offset, length) in parts {
            if offset != end {
                return Err(self.damage(
                    offset.min(end),
                    "directory",
                    "parts overlap or leave gaps",
                ));
            }
            end = offset + length;
        }
        if end + size_of::<SectionFooter>() as u64 == self.data().len() as u64 {
            return Ok(());
        }
        Err(self.damage(end, "directory", "bytes that belong to no part"))
    }
}

/// Offsets and lengths.
struct PartList(Vec<(u64, u64)>);

impl<const N: usize> From<[PartRecord; N]> for PartList {
    fn from(parts: [PartRecord; N]) -> PartList {
        PartList(parts.iter().map(|part| (part.offset.get(), part.length.get())).collect())
    }
}

/// A part of a page, after its checksum.
pub(super) fn part_bytes<'a>(pages: &'a [u8], part: &PartPlace) -> Result<&'a [u8], String> {
    let bytes = pages
        .get(part.offset..part.offset.saturating_add(part.length))
        .ok_or_else(|| "beyond the pages".to_string())?;
    if crc(bytes) == part.crc { Ok(bytes) } else { Err("wrong checksum".to_string()) }
}

impl Reading {
    fn add_column(
        &mut self,
        property: u16,
        bytes: &[u8],
        rows: usize,
        users: &[usize],
        first_row: usize,
    ) -> Result<(), String> {
        let (per_user, cells) = self.cells(property, bytes, (rows, users.len()))?;
        self.append(property, first_row, |to| {
            if per_user {
                let of_user = |(cell, &rows)| std::iter::repeat_n(cell, rows);
                to.extend(cells.into_iter().zip(users).flat_map(of_user));
            } else {
                to.extend(cells);
            }
        });
        Ok(())
    }

    /// The cells of a page of so many rows and users, and whether there is one for each user.
    fn cells(
        &mut self,
        property: u16,
        bytes: &[u8],
        (rows, users): (usize, usize),
    ) -> Result<(bool, Vec<Cell>), String> {
        let texts = self.texts.get(usize::from(property)).map_or(0, |texts| texts.len() as u32);
        let page = ColumnPage::read(bytes)?;
        let count = if page.per_user { users } else { rows };
        let mut values = Decoded::default();
        page.decode(count, 0..count, texts, &mut values)?;
        let cells = values.cells.iter().map(|&cell| self.cell(property, cell, &values)).collect();
        Ok((page.per_user, cells))
    }

    /// Appends to a property's cells from a row on.
    fn append(&mut self, property: u16, first_row: usize, append: impl FnOnce(&mut Vec<Cell>)) {
        let name = self.properties.get(usize::from(property)).copied().unwrap_or_default();
        let column = self.rows.column(name);
        if let Some(column) = self.rows.columns.get_mut(column) {
            column.cells.resize(first_row, Cell::Null);
            append(&mut column.cells);
        }
    }

    /// Gives the rows of a block what their users share; false where a user is not known there.
    fn add_shared(
        &mut self,
        chunk: u32,
        (users, counts): (&[u32], &[u32]),
        first_row: usize,
    ) -> bool {
        let Some(shared) = self.everyone.remove(&chunk) else { return true };
        let places = users.iter().map(|user| shared.users.binary_search(user).ok());
        let Some(places) = places.collect::<Option<Vec<usize>>>() else { return false };
        for (property, cells) in &shared.columns {
            self.append(*property, first_row, |to| {
                for (&place, &rows) in places.iter().zip(counts) {
                    to.extend(std::iter::repeat_n(cells[place], rows as usize));
                }
            });
        }
        if let Some(firsts) = &shared.firsts {
            let firsts = places.iter().filter_map(|place| firsts.get(*place));
            super::firsts::add(firsts, counts, &mut self.rows.times[first_row..]);
        }
        self.everyone.insert(chunk, shared);
        true
    }

    /// A cell whose text and wide value are in the rows.
    fn cell(&mut self, property: u16, cell: Cell, values: &Decoded) -> Cell {
        match cell {
            Cell::WideDecimal(scale, at) => {
                let value = values.wide.get(at as usize).copied().unwrap_or_default();
                self.rows.wide.push(value);
                Cell::WideDecimal(scale, (self.rows.wide.len() - 1) as u32)
            }
            Cell::Text(code) => {
                let texts = self.texts.get(usize::from(property)).map_or(&[][..], |texts| texts);
                let plain = |at: usize| values.plain.get(at).copied().unwrap_or_default();
                Cell::Text(match texts.get(code as usize) {
                    Some(code) => *code,
                    None => self.rows.strings.code(plain(code as usize - texts.len()).as_bytes()),
                })
            }
            cell => cell,
        }
    }
}

//! Rows of one activity by the users of one chunk, column by column, each read when asked for.

use super::column::{ColumnPage, Decoded};
use super::datum::Datum;
use super::format::{BlockRecord, CHUNK_NONE, CHUNK_PACKED, CHUNKS_MAX};
use super::names::TextList;
use super::pages::{PagePlace, PartPlace, decode_times};
use super::rows::{Cell, DayRows, NO_USER};
use super::section::{ActivityCode, Section};
use super::section_rows::part_bytes;
use super::strings::Strings;
use crate::error::Result;
use crate::limits::PAGE_ROWS_MAX;
use std::borrow::Cow;
use std::ops::Range;

/// Rows of one activity in one chunk (or of nobody) in one source of a day.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Low 16 bits, ascending.
    users: Vec<u16>,
    /// Rows of each of `users`; empty: one each, or there are no users.
    counts: Vec<u32>,
    rows: usize,
    /// Of the day.
    start: i64,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Pages(Pages<'a>),
    Rows(&'a DayRows, Range<usize>),
}

/// The pages of a section's block that hold wanted rows.
#[derive(Debug)]
struct Pages<'a> {
    section: &'a Section,
    record: &'a BlockRecord,
    bytes: &'a [u8],
    slices: Vec<Slice>,
}

/// What is wanted of one page.
#[derive(Debug)]
struct Slice {
    page: PagePlace,
    /// Wanted rows within the page.
    rows: Range<usize>,
    /// Users of the page; one with rows on two pages is a user of both.
    users: usize,
    /// Wanted users within the page.
    wanted: Range<usize>,
    /// Where the first wanted user is among the block's.
    first_user: usize,
    /// Rows of that user on this page.
    first_rows: usize,
}

/// One property on the rows of a block.
#[derive(Debug)]
pub(crate) struct BlockColumn<'a> {
    /// A cell per user of the block (all rows of each user agree) instead of one per row.
    pub(crate) per_user: bool,
    /// Codes of texts and indexes of wide decimals are this column's own.
    pub(crate) cells: Cow<'a, [Cell]>,
    texts: Texts<'a>,
    wide: Cow<'a, [i128]>,
}

/// Where the texts of a column are.
#[derive(Debug)]
enum Texts<'a> {
    /// Of a run: its strings.
    Strings(&'a Strings),
    /// Of a section: the codes of its dictionary, then the plain ones.
    Stored { section: &'a Section, list: TextList<'a>, property: u16, plain: Vec<&'a str> },
}

impl Section {
    /// Names of the activities, sorted by bytes; position = code.
    pub(crate) fn activity_names(&self) -> Result<&[Box<str>]> {
        Ok(&self.opened()?.activities)
    }

    /// The rows of an activity (a code) by users of the chunk, or without a user; `None`: there
    /// are no such rows.
    pub(crate) fn block(&self, activity: u16, chunk: Option<u32>) -> Result<Option<Block<'_>>> {
        let activity = ActivityCode::Named(activity);
        let chunk = match chunk {
            None => CHUNK_NONE,
            Some(chunk) if chunk < CHUNKS_MAX => chunk,
            Some(_) => return Ok(None),
        };
        if let Some((at, record)) = self.find(activity, chunk)? {
            let mut users = Vec::with_capacity(record.cardinality.get() as usize);
            if chunk != CHUNK_NONE {
                self.container(at, record)?.for_each(|low| users.push(low));
            }
            let all = 0..users.len();
            return Ok(Some(self.block_of(at, record, users, all)?));
        }
        let Some((at, users, of_chunk)) = self.packed(activity, chunk)? else { return Ok(None) };
        let Some((_, record)) = self.find(activity, CHUNK_PACKED)? else { return Ok(None) };
        let wanted = users.get(of_chunk.clone()).unwrap_or_default();
        let lows = wanted.iter().map(|user| user.get() as u16).collect();
        Ok(Some(self.block_of(at, record, lows, of_chunk)?))
    }

    /// The rows of `users`, which are those at `wanted` of the record's.
    fn block_of<'a>(
        &'a self,
        at: usize,
        record: &'a BlockRecord,
        users: Vec<u16>,
        wanted: Range<usize>,
    ) -> Result<Block<'a>> {
        let all_rows = record.rows.get() as usize;
        let mut counts = match record.counts.length.get() {
            0 => Vec::new(),
            _ => self.counts_of(at, record, 0..record.cardinality.get() as usize)?,
        };
        let rows_of = |users: &[u32]| users.iter().map(|count| *count as usize).sum::<usize>();
        let rows = match (record.chunk.get(), counts.get(..wanted.start)) {
            (CHUNK_PACKED, Some(before)) if !counts.is_empty() => {
                let start = rows_of(before);
                start..start + rows_of(counts.get(wanted.clone()).unwrap_or_default())
            }
            (CHUNK_PACKED, _) => wanted.clone(),
            _ => 0..all_rows,
        };
        let (pages, bytes) = self.pages(record)?;
        let slices = slices_of(pages, &counts, &wanted, &rows);
        if rows.len() == users.len() {
            counts.clear();
        } else if users.len() < counts.len() {
            counts = counts.get(wanted).unwrap_or_default().to_vec();
        }
        let source = Source::Pages(Pages { section: self, record, bytes, slices });
        Ok(Block { users, counts, rows: rows.len(), start: self.span().start, source })
    }
}

/// Cuts the wanted users and rows of a block at its pages. `counts`: rows of all of its users,
/// empty where each has one or there are none.
fn slices_of(
    pages: Vec<PagePlace>,
    counts: &[u32],
    users: &Range<usize>,
    rows: &Range<usize>,
) -> Vec<Slice> {
    let mut slices = Vec::with_capacity(pages.len());
    let mut cursor = UserCursor { counts, user: 0, used: 0 };
    for (page, start) in pages.into_iter().zip((0..).step_by(PAGE_ROWS_MAX)) {
        let (first, used) = (cursor.user, cursor.used);
        let on_page = first..cursor.skip(page.rows);
        let wanted_rows = within(rows, &(start..start + page.rows));
        if wanted_rows.is_empty() {
            continue;
        }
        let wanted = if users.is_empty() { 0..0 } else { within(users, &on_page) };
        let first_user = wanted.start + first;
        let count = counts.get(first_user).map_or(1, |count| *count as usize);
        slices.push(Slice {
            page,
            rows: wanted_rows,
            users: if users.is_empty() { 0 } else { on_page.len() },
            first_user: first_user.saturating_sub(users.start),
            first_rows: if wanted.start == 0 { count - used } else { count },
            wanted,
        });
    }
    slices
}

/// The part of `range` within `frame`, counted from the frame's start.
fn within(range: &Range<usize>, frame: &Range<usize>) -> Range<usize> {
    let start = range.start.clamp(frame.start, frame.end) - frame.start;
    start..(range.end.clamp(frame.start, frame.end) - frame.start).max(start)
}

/// A place among the rows of a block's users.
struct UserCursor<'a> {
    /// Empty: one row each.
    counts: &'a [u32],
    user: usize,
    /// Rows of that user that lie before this place.
    used: usize,
}

impl UserCursor<'_> {
    /// Moves on by so many rows; answers the end of the users who have them.
    fn skip(&mut self, rows: usize) -> usize {
        if self.counts.is_empty() {
            self.user += rows;
            return self.user;
        }
        let mut left = rows;
        while let Some(&count) = self.counts.get(self.user) {
            let rest = count as usize - self.used;
            if rest > left {
                self.used += left;
                break;
            }
            left -= rest;
            (self.user, self.used) = (self.user + 1, 0);
        }
        self.user + usize::from(self.used > 0)
    }
}

impl<'a> Block<'a> {
    /// Rows of a memtable run that are of one activity and one chunk, at `range` of its sorted
    /// rows.
    pub(crate) fn of_rows(rows: &'a DayRows, start: i64, range: Range<usize>) -> Block<'a> {
        let (mut users, mut counts) = (Vec::new(), Vec::new());
        let ordinals = rows.users.get(range.clone()).unwrap_or_default();
        for same in ordinals.chunk_by(|a, b| a == b) {
            if let Some(&user) = same.first().filter(|user| **user != NO_USER) {
                users.push((user & 0xffff) as u16);
                counts.push(u32::try_from(same.len()).unwrap_or(u32::MAX));
            }
        }
        if counts.len() == ordinals.len() {
            counts.clear();
        }
        Block { users, counts, rows: ordinals.len(), start, source: Source::Rows(rows, range) }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Low 16 bits of each user, ascending; empty for rows of nobody.
    pub(crate) fn users(&self) -> &[u16] {
        &self.users
    }

    /// Rows of each of `users`, in order; empty: one each.
    pub(crate) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// When the rows happened, in microseconds since 1970, in row order: user, time, arrival.
    pub(crate) fn times(&self) -> Result<Vec<i64>> {
        match &self.source {
            Source::Pages(pages) => pages.times(self.rows),
            Source::Rows(rows, range) => {
                let times = rows.times.get(range.clone()).unwrap_or_default();
                Ok(times.iter().map(|time| self.start + time).collect())
            }
        }
    }

    /// A property on these rows; `None` where no row has it.
    pub(crate) fn column(&self, property: &str) -> Result<Option<BlockColumn<'a>>> {
        let column = match &self.source {
            Source::Pages(pages) => pages.column(property, self)?,
            Source::Rows(rows, range) => column_of(rows, property, range),
        };
        Ok(column.filter(|column| column.cells.iter().any(|cell| *cell != Cell::Null)))
    }
}

/// A property on some rows of a run.
fn column_of<'a>(
    rows: &'a DayRows,
    property: &str,
    range: &Range<usize>,
) -> Option<BlockColumn<'a>> {
    let name = rows.strings.find(property.as_bytes())?;
    let column = rows.columns.iter().find(|column| column.name == name)?;
    let cells = match column.cells.get(range.clone()) {
        Some(cells) => Cow::Borrowed(cells),
        None => range.clone().map(|row| column.cell(row)).collect(),
    };
    let (texts, wide) = (Texts::Strings(&rows.strings), Cow::Borrowed(rows.wide.as_slice()));
    Some(BlockColumn { per_user: false, cells, texts, wide })
}

impl<'a> Pages<'a> {
    fn times(&self, rows: usize) -> Result<Vec<i64>> {
        let span = self.section.span();
        let mut times = Vec::with_capacity(rows);
        for slice in &self.slices {
            let part = &slice.page.times;
            let wanted = slice.rows.clone();
            let span = (span.start, span.end - span.start);
            part_bytes(self.bytes, part)
                .and_then(|bytes| decode_times(bytes, slice.page.rows, wanted, span, &mut times))
                .map_err(|e| self.damage(part, e))?;
        }
        Ok(times)
    }

    fn damage(&self, part: &PartPlace, what: String) -> crate::error::Error {
        self.section.page_damage(self.record, part, what)
    }

    fn column(&self, property: &str, block: &Block) -> Result<Option<BlockColumn<'a>>> {
        let Some(property) = self.section.property(property)? else { return Ok(None) };
        let pages = self.slices.iter().map(|slice| self.column_page(slice, property));
        let pages: Vec<ColumnSlice> = pages.collect::<Result<_>>()?;
        if pages.iter().all(|page| page.column.is_none()) {
            return Ok(None);
        }
        let list = self.section.texts()?;
        let dictionary = list.codes(property).len() as u32;
        let one_per_user =
            !block.counts.is_empty() && pages.iter().all(ColumnSlice::can_be_per_user);
        let per_user = if one_per_user { self.values_per_user(&pages, dictionary)? } else { None };
        let (per_user, values) = match per_user {
            Some(values) => (true, values),
            None => (false, self.values_per_row(&pages, dictionary, block)?),
        };
        let texts = Texts::Stored { section: self.section, list, property, plain: values.plain };
        let (cells, wide) = (Cow::Owned(values.cells), Cow::Owned(values.wide));
        Ok(Some(BlockColumn { per_user, cells, texts, wide }))
    }

    fn column_page<'s>(&self, slice: &'s Slice, property: u16) -> Result<ColumnSlice<'a, 's>> {
        let columns = &slice.page.columns;
        let found = columns.binary_search_by_key(&property, |(property, _)| *property).ok();
        let Some((_, part)) = found.and_then(|at| columns.get(at)) else {
            return Ok(ColumnSlice { slice, column: None });
        };
        let page = part_bytes(self.bytes, part).and_then(ColumnPage::read);
        let page = page.map_err(|e| self.damage(part, e))?;
        Ok(ColumnSlice { slice, column: Some((page, part)) })
    }

    /// A value per user; `None` where the rows of a user on two pages do not agree.
    fn values_per_user(
        &self,
        pages: &[ColumnSlice<'a, '_>],
        dictionary: u32,
    ) -> Result<Option<Decoded<'a>>> {
        let mut values = Decoded::default();
        for page in pages {
            let slice = page.slice;
            let at = values.cells.len();
            self.append(page, slice.users, &slice.wanted, dictionary, &mut values)?;
            if slice.first_user < at {
                // The last user of the page before goes on here.
                if values.cells.get(at) != values.cells.get(at - 1) {
                    return Ok(None);
                }
                values.cells.remove(at);
            }
        }
        Ok(Some(values))
    }

    fn values_per_row(
        &self,
        pages: &[ColumnSlice<'a, '_>],
        dictionary: u32,
        block: &Block,
    ) -> Result<Decoded<'a>> {
        let mut values = Decoded::default();
        for page in pages {
            let slice = page.slice;
            if page.column.is_none_or(|(column, _)| !column.per_user) {
                self.append(page, slice.page.rows, &slice.rows, dictionary, &mut values)?;
                continue;
            }
            let at = values.cells.len();
            self.append(page, slice.users, &slice.wanted, dictionary, &mut values)?;
            let of_users = values.cells.split_off(at);
            let counts = block.counts.iter().skip(slice.first_user + 1).map(|n| *n as usize);
            let counts = std::iter::once(slice.first_rows).chain(counts);
            let cells = of_users.into_iter().zip(counts.chain(std::iter::repeat(1)));
            let cells = cells.flat_map(|(cell, rows)| std::iter::repeat_n(cell, rows));
            values.cells.extend(cells.take(slice.rows.len()));
        }
        Ok(values)
    }

    /// Appends the values at `wanted` of the page's `count`; nulls where it has no column.
    fn append(
        &self,
        page: &ColumnSlice<'a, '_>,
        count: usize,
        wanted: &Range<usize>,
        dictionary: u32,
        to: &mut Decoded<'a>,
    ) -> Result<()> {
        let Some((column, part)) = page.column else {
            to.cells.extend(wanted.clone().map(|_| Cell::Null));
            return Ok(());
        };
        let decoded = column.decode(count, wanted.clone(), dictionary, to);
        decoded.map_err(|e| self.damage(part, e))
    }
}

/// The wanted part of one page of one property.
struct ColumnSlice<'a, 's> {
    slice: &'s Slice,
    /// `None`: all of the page is null.
    column: Option<(ColumnPage<'a>, &'s PartPlace)>,
}

impl ColumnSlice<'_, '_> {
    /// Does the page hold a value per user, or users with one row each?
    fn can_be_per_user(&self) -> bool {
        let one_each = self.slice.users == self.slice.page.rows;
        self.column.is_none_or(|(column, _)| column.per_user || one_each)
    }
}

impl BlockColumn<'_> {
    /// What a cell of this column stands for.
    #[inline]
    pub(crate) fn datum(&self, cell: Cell) -> Result<Datum<'_>> {
        Ok(match cell {
            Cell::Null => Datum::Null,
            Cell::Bool(value) => Datum::Bool(value),
            Cell::Integer(value) => Datum::Integer(value),
            Cell::Decimal(scale, value) => Datum::Decimal(scale, value),
            Cell::WideDecimal(scale, index) => Datum::Wide(scale, self.wide(index)),
            Cell::Float(value) => Datum::Float(value),
            Cell::Text(code) => Datum::Text(self.text(code)?),
        })
    }

    /// The text of a code.
    pub(crate) fn text(&self, code: u32) -> Result<&str> {
        match &self.texts {
            // Events carry UTF-8 only.
            Texts::Strings(strings) => {
                Ok(std::str::from_utf8(strings.get(code)).unwrap_or_default())
            }
            Texts::Stored { section, list, property, plain } => {
                let coded = list.codes(*property).len();
                match (code as usize).checked_sub(coded) {
                    None => list.get(*property, code).map_err(|e| section.texts_damage(e)),
                    Some(at) => Ok(plain.get(at).copied().unwrap_or_default()),
                }
            }
        }
    }

    /// One more than the greatest code of a text: where it is small, what is worked out for a code
    /// is worth keeping.
    pub(crate) fn texts(&self) -> usize {
        match &self.texts {
            Texts::Strings(strings) => strings.len(),
            Texts::Stored { list, property, plain, .. } => {
                list.codes(*property).len() + plain.len()
            }
        }
    }

    /// The unscaled value of a wide decimal.
    pub(crate) fn wide(&self, index: u32) -> i128 {
        self.wide.get(index as usize).copied().unwrap_or_default()
    }
}

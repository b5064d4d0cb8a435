//! The pages of a section's block, and the wanted parts of them.

use super::block::{BlockColumn, Cells, Texts};
use super::column::{ColumnPage, Decoded};
use super::format::BlockRecord;
use super::pages::{PackedTimes, PagePlace, PartPlace, decode_times};
use super::rows::Cell;
use super::section::Section;
use super::section_rows::part_bytes;
use crate::error::Result;
use crate::limits::PAGE_ROWS_MAX;
use std::borrow::Cow;
use std::ops::Range;

/// The pages of a section's block that hold wanted rows.
#[derive(Debug)]
pub(super) struct Pages<'a> {
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

impl<'a> Pages<'a> {
    /// The pages that hold some of a block's users and rows. `counts`: rows of all of its users,
    /// empty where each has one or there are none.
    pub(super) fn new(
        section: &'a Section,
        record: &'a BlockRecord,
        counts: &[u32],
        (users, rows): (&Range<usize>, &Range<usize>),
    ) -> Result<Pages<'a>> {
        let (pages, bytes) = section.pages(record)?;
        Ok(Pages { section, record, bytes, slices: slices_of(pages, counts, users, rows) })
    }

    /// Whether a page has a column of the property.
    pub(super) fn has(&self, property: u16) -> bool {
        let has = |slice: &Slice| slice.page.column(property).is_some();
        self.slices.iter().any(has)
    }

    /// Whether the pages have times: those of everyone may have none.
    pub(super) fn timed(&self) -> bool {
        self.slices.iter().all(|slice| slice.page.times.length > 0)
    }

    /// The times of so many wanted rows, counted from `start`.
    pub(super) fn times(&self, rows: usize, start: i64) -> Result<Vec<i64>> {
        let span = self.section.span();
        let mut times = Vec::with_capacity(rows);
        for slice in &self.slices {
            let part = &slice.page.times;
            let wanted = slice.rows.clone();
            let span = (start, span.end - span.start);
            part_bytes(self.bytes, part)
                .and_then(|bytes| decode_times(bytes, slice.page.rows, wanted, span, &mut times))
                .map_err(|e| self.damage(part, e))?;
        }
        Ok(times)
    }

    /// The times of all rows, to look at some; `None` where there are several pages, or part of one.
    pub(super) fn packed_times(&self) -> Result<Option<PackedTimes<'a>>> {
        let [Slice { page, rows, .. }] = self.slices.as_slice() else { return Ok(None) };
        if rows.len() != page.rows || page.times.length == 0 {
            return Ok(None);
        }
        let times = part_bytes(self.bytes, &page.times)
            .and_then(|bytes| PackedTimes::read(bytes, page.rows));
        times.map(Some).map_err(|e| self.damage(&page.times, e))
    }

    pub(super) fn in_day(&self, times: &[i64]) -> bool {
        let end = self.section.span().end;
        times.iter().all(|time| *time < end)
    }

    /// Damage where a time, counted from its user's first, is not within the day.
    pub(super) fn late(&self) -> crate::error::Error {
        let pages_at = self.record.head.offset.get();
        self.section.damage(pages_at, "page", "a time after the day, counted from the user's first")
    }

    fn damage(&self, part: &PartPlace, what: String) -> crate::error::Error {
        self.section.page_damage(self.record, part, what)
    }

    /// A property on the rows; `None` where no page has it. `counts`: rows of each user.
    pub(super) fn column(&self, property: &str, counts: &[u32]) -> Result<Option<BlockColumn<'a>>> {
        let Some(property) = self.section.property(property)? else { return Ok(None) };
        let pages = self.slices.iter().map(|slice| self.column_page(slice, property));
        let pages: Vec<ColumnSlice> = pages.collect::<Result<_>>()?;
        if pages.iter().all(|page| page.column.is_none()) {
            return Ok(None);
        }
        let list = self.section.texts()?;
        let dictionary = list.codes(property).len() as u32;
        let values = match pages.as_slice() {
            [page] => self.one_page_of_texts(page, dictionary)?,
            _ => None,
        };
        let (per_user, cells, plain, wide) = match values {
            Some((per_user, codes)) => (per_user, Cells::Texts(codes), Vec::new(), Vec::new()),
            None => {
                let (per_user, values) = self.values(&pages, dictionary, counts)?;
                (per_user, Cells::Any(Cow::Owned(values.cells)), values.plain, values.wide)
            }
        };
        let texts = Texts::Stored { section: self.section, list, property, plain };
        Ok(Some(BlockColumn { per_user, cells, texts, wide: Cow::Owned(wide) }))
    }

    /// A code for each user or row, where there is nothing but coded texts: the common case.
    fn one_page_of_texts(
        &self,
        page: &ColumnSlice<'a, '_>,
        dictionary: u32,
    ) -> Result<Option<(bool, Vec<u32>)>> {
        let (slice, Some((column, part))) = (page.slice, page.column) else { return Ok(None) };
        let (count, wanted) = if column.per_user {
            (slice.users, &slice.wanted)
        } else {
            (slice.page.rows, &slice.rows)
        };
        let codes = column.decode_codes(count, wanted.clone(), dictionary);
        let codes = codes.map_err(|e| self.damage(part, e))?;
        Ok(codes.map(|codes| (column.per_user, codes)))
    }

    /// A code for each row, where there is one page of nothing but texts of a small dictionary.
    pub(super) fn byte_codes(&self, property: u16, dictionary: u32) -> Result<Option<Vec<u8>>> {
        let [slice] = self.slices.as_slice() else { return Ok(None) };
        let Some((column, part)) = self.column_page(slice, property)?.column else {
            return Ok(None);
        };
        let codes = column.byte_codes(slice.page.rows, dictionary);
        codes.map_err(|e| self.damage(part, e))
    }

    /// Cells, and whether there is one for each user.
    fn values(
        &self,
        pages: &[ColumnSlice<'a, '_>],
        dictionary: u32,
        counts: &[u32],
    ) -> Result<(bool, Decoded<'a>)> {
        if !counts.is_empty()
            && pages.iter().all(ColumnSlice::can_be_per_user)
            && let Some(values) = self.values_per_user(pages, dictionary)?
        {
            return Ok((true, values));
        }
        Ok((false, self.values_per_row(pages, dictionary, counts)?))
    }

    fn column_page<'s>(&self, slice: &'s Slice, property: u16) -> Result<ColumnSlice<'a, 's>> {
        let Some(part) = slice.page.column(property) else {
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
        counts: &[u32],
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
            let counts = counts.iter().skip(slice.first_user + 1).map(|n| *n as usize);
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

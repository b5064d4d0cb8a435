//! Rows of one activity by the users of one chunk, column by column, each read when asked for.

use super::datum::Datum;
use super::everyone::Everyone;
use super::firsts;
use super::format::{BlockRecord, CHUNK_NONE, CHUNK_PACKED, CHUNKS_MAX, PACKED_BELOW};
use super::lazy::once;
use super::names::TextList;
use super::rows::{Cell, DayRows, NO_USER};
use super::section::{ActivityCode, Presence, Section};
use super::slices::Pages;
use super::strings::Strings;
use crate::error::Result;
use crate::event::Number;
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;
use std::rc::Rc;

/// Rows of one activity in one chunk (or of nobody) in one source of a day.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Low 16 bits, ascending; unpacked at first use.
    users: OnceCell<Vec<u16>>,
    /// Rows of each of `users`; empty: one each, or there are no users.
    counts: Vec<u32>,
    rows: usize,
    /// Of the day.
    start: i64,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    Stored(Stored<'a>),
    Rows(&'a DayRows, Range<usize>),
    Everyone(Rc<Everyone<'a>>),
}

/// Rows on a section's pages.
#[derive(Debug)]
struct Stored<'a> {
    pages: Pages<'a>,
    /// Who the users are, and what is told of everyone instead of on the pages, if anything is;
    /// `None` for blocks of several chunks, and of nobody.
    everyone: Option<(Presence<'a>, Option<Rc<Everyone<'a>>>)>,
    /// Where the users are among everyone; `None`: they are all.
    places: OnceCell<Option<Vec<u16>>>,
}

/// One property on the rows of a block.
#[derive(Debug)]
pub(crate) struct BlockColumn<'a> {
    /// A cell per user of the block (all rows of each user agree) instead of one per row.
    pub(crate) per_user: bool,
    pub(crate) cells: Cells<'a>,
    pub(super) texts: Texts<'a>,
    pub(super) wide: Cow<'a, [i128]>,
}

/// What pages and directories are read with, one by one, for the fuzzing.
#[cfg(any(test, feature = "internals"))]
pub(crate) mod parts {
    pub(crate) use crate::day::column::{
        ColumnPage, Context, Decoded, Texts, encode as encode_column,
    };
    pub(crate) use crate::day::names::{StringList, TextList, encode as encode_list};
    pub(crate) use crate::day::pages::{PackedTimes, decode_times, encode_times};
}

/// The cells of a column; codes of texts and indexes of wide decimals are the column's own.
#[derive(Debug, PartialEq)]
pub(crate) enum Cells<'a> {
    Any(Cow<'a, [Cell]>),
    /// The code of a text in each.
    Texts(Vec<u32>),
}

/// Where the texts of a column are.
#[derive(Debug, Clone)]
pub(super) enum Texts<'a> {
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
    /// are no such rows. `everyone`: of the same chunk.
    pub(crate) fn block<'a>(
        &'a self,
        activity: u16,
        chunk: Option<u32>,
        everyone: Option<&Rc<Everyone<'a>>>,
    ) -> Result<Option<Block<'a>>> {
        let activity = ActivityCode::Named(activity);
        let chunk = match chunk {
            None => CHUNK_NONE,
            Some(chunk) if chunk < CHUNKS_MAX => chunk,
            Some(_) => return Ok(None),
        };
        if let Some((at, record)) = self.find(activity, chunk)? {
            if chunk == CHUNK_NONE {
                let nobody = OnceCell::from(Vec::new());
                return Ok(Some(self.block_of(at, record, (nobody, 0..0), None)?));
            }
            let presence = self.users(at, record)?;
            let (users, all) = (OnceCell::new(), 0..presence.cardinality());
            let everyone = match everyone {
                Some(everyone) => Some(everyone.clone()),
                None => self.everyone(chunk)?,
            };
            return Ok(Some(self.block_of(
                at,
                record,
                (users, all),
                Some((presence, everyone)),
            )?));
        }
        let Some((at, users, of_chunk)) = self.packed(activity, chunk)? else { return Ok(None) };
        let Some((_, record)) = self.find(activity, CHUNK_PACKED)? else { return Ok(None) };
        let wanted = users.get(of_chunk.clone()).unwrap_or_default();
        let lows: Vec<u16> = wanted.iter().map(|user| user.get() as u16).collect();
        Ok(Some(self.block_of(at, record, (lows.into(), of_chunk), None)?))
    }

    /// Rows of an activity (a code) in the chunk, without reading them; of a small block, whose rows
    /// lie with those of other chunks, at least one for each user that it may have.
    pub(crate) fn rows_about(&self, activity: u16, chunk: u32) -> Result<usize> {
        let found = self.find(ActivityCode::Named(activity), chunk)?;
        Ok(found.map_or(PACKED_BELOW, |(_, record)| record.rows.get() as usize))
    }

    /// The rows of `users`, which are those at `wanted` of the record's.
    fn block_of<'a>(
        &'a self,
        at: usize,
        record: &'a BlockRecord,
        (users, wanted): (OnceCell<Vec<u16>>, Range<usize>),
        everyone: Option<(Presence<'a>, Option<Rc<Everyone<'a>>>)>,
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
        let pages = Pages::new(self, record, &counts, (&wanted, &rows))?;
        if rows.len() == wanted.len() {
            counts.clear();
        } else if wanted.len() < counts.len() {
            counts = counts.get(wanted).unwrap_or_default().to_vec();
        }
        let source = Source::Stored(Stored { pages, everyone, places: OnceCell::new() });
        Ok(Block { users, counts, rows: rows.len(), start: self.span().start, source })
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
        let source = Source::Rows(rows, range);
        Block { users: users.into(), counts, rows: ordinals.len(), start, source }
    }

    /// Users with one row each, without times.
    pub(super) fn of_everyone(users: Vec<u16>, everyone: Rc<Everyone<'a>>) -> Block<'a> {
        let (rows, source) = (users.len(), Source::Everyone(everyone));
        Block { users: users.into(), counts: Vec::new(), rows, start: 0, source }
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Low 16 bits of each user, ascending; empty for rows of nobody.
    pub(crate) fn users(&self) -> &[u16] {
        self.users.get_or_init(|| match &self.source {
            Source::Stored(stored) => stored.users(),
            _ => Vec::new(),
        })
    }

    /// Rows of each of `users`, in order; empty: one each.
    pub(crate) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// When the rows happened, in microseconds since 1970, in row order: user, time, arrival.
    pub(crate) fn times(&self) -> Result<Vec<i64>> {
        match &self.source {
            Source::Stored(stored) => stored.times(self),
            Source::Everyone(_) => Ok(Vec::new()),
            Source::Rows(rows, range) => {
                let times = rows.times.get(range.clone()).unwrap_or_default();
                Ok(times.iter().map(|time| self.start + time).collect())
            }
        }
    }

    /// The times of some rows, each told with the place of its user among the block's.
    pub(crate) fn times_at(&self, rows: &[(u32, u32)]) -> Result<Vec<i64>> {
        if let Source::Stored(stored) = &self.source
            && let Some(times) = stored.times_at(self.start, rows)?
        {
            return Ok(times);
        }
        let times = self.times()?;
        let time = |(_, row): &(u32, u32)| times.get(*row as usize).copied();
        Ok(rows.iter().filter_map(time).collect())
    }

    /// A property on these rows; `None` where no row has it.
    pub(crate) fn column(&self, property: &str) -> Result<Option<Rc<BlockColumn<'a>>>> {
        let column = match &self.source {
            Source::Stored(stored) => stored.column(property, &self.counts)?,
            Source::Rows(rows, range) => column_of(rows, property, range).map(Rc::new),
            Source::Everyone(everyone) => everyone.column(property)?,
        };
        Ok(column.filter(|column| !column.cells.all_null()))
    }
}

impl<'a> Stored<'a> {
    fn users(&self) -> Vec<u16> {
        // Where others of the chunk have unpacked everyone, only places are left to be found.
        if let Some((Presence::Ranks(_), Some(everyone))) = &self.everyone
            && let (Ok(all), Ok(Some(places))) = (everyone.users(), self.places())
        {
            let user = |place: &u16| all.get(usize::from(*place)).copied().unwrap_or_default();
            return places.iter().map(user).collect();
        }
        self.everyone.as_ref().map_or_else(Vec::new, |(users, _)| users.lows())
    }

    fn places(&self) -> Result<Option<&[u16]>> {
        let Some((users, Some(everyone))) = &self.everyone else { return Ok(None) };
        Ok(once(&self.places, || everyone.places(users))?.as_deref())
    }

    fn times(&self, block: &Block<'_>) -> Result<Vec<i64>> {
        let firsts = match &self.everyone {
            Some((_, Some(everyone))) => everyone.firsts()?,
            _ => None,
        };
        let mut times = self.pages.times(block.rows, block.start)?;
        let Some(firsts) = firsts else { return Ok(times) };
        match self.places()? {
            None => firsts::add(firsts.iter(), &block.counts, &mut times),
            Some(places) => {
                let first = |place: &u16| firsts.get(usize::from(*place));
                firsts::add(places.iter().filter_map(first), &block.counts, &mut times);
            }
        }
        if self.pages.in_day(&times) { Ok(times) } else { Err(self.pages.late()) }
    }

    /// `None` where all times must be read to know some.
    fn times_at(&self, start: i64, rows: &[(u32, u32)]) -> Result<Option<Vec<i64>>> {
        let Some(times) = self.pages.packed_times()? else { return Ok(None) };
        let since = |row: u32| start.wrapping_add(times.get(row as usize));
        let firsts = match &self.everyone {
            Some((_, Some(everyone))) => everyone.packed_firsts()?,
            _ => None,
        };
        let at: Vec<i64> = match (firsts, self.places()?) {
            (None, _) => rows.iter().map(|(_, row)| since(*row)).collect(),
            (Some(firsts), None) => {
                let at =
                    |(user, row): &(u32, u32)| since(*row).wrapping_add(firsts.get(*user as usize));
                rows.iter().map(at).collect()
            }
            (Some(firsts), Some(places)) => {
                let place = |user: u32| places.get(user as usize).map_or(0, |at| usize::from(*at));
                let at =
                    |(user, row): &(u32, u32)| since(*row).wrapping_add(firsts.get(place(*user)));
                rows.iter().map(at).collect()
            }
        };
        let from_start = at.iter().all(|at| *at >= start);
        if from_start && self.pages.in_day(&at) { Ok(Some(at)) } else { Err(self.pages.late()) }
    }

    fn column(&self, property: &str, counts: &[u32]) -> Result<Option<Rc<BlockColumn<'a>>>> {
        match (self.pages.column(property, counts)?, &self.everyone) {
            (None, Some((_, Some(everyone)))) => everyone.column_of(property, self.places()?),
            (own, _) => Ok(own.map(Rc::new)),
        }
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
    Some(BlockColumn { per_user: false, cells: Cells::Any(cells), texts, wide })
}

impl Cells<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Cells::Any(cells) => cells.len(),
            Cells::Texts(codes) => codes.len(),
        }
    }

    /// The cell at a place; null beyond the end.
    pub(crate) fn get(&self, place: usize) -> Cell {
        match self {
            Cells::Any(cells) => cells.get(place).copied().unwrap_or_default(),
            Cells::Texts(codes) => codes.get(place).map_or(Cell::Null, |code| Cell::Text(*code)),
        }
    }

    fn all_null(&self) -> bool {
        match self {
            Cells::Any(cells) => cells.iter().all(|cell| *cell == Cell::Null),
            Cells::Texts(codes) => codes.is_empty(),
        }
    }

    fn at<'c>(&self, places: &[u16]) -> Cells<'c> {
        match self {
            Cells::Any(_) => {
                Cells::Any(places.iter().map(|place| self.get(usize::from(*place))).collect())
            }
            Cells::Texts(codes) => {
                let code = |place: &u16| codes.get(usize::from(*place)).copied();
                Cells::Texts(places.iter().filter_map(code).collect())
            }
        }
    }
}

impl<'a> BlockColumn<'a> {
    /// The cells at some places, in the same column.
    pub(super) fn at(&self, places: &[u16]) -> BlockColumn<'a> {
        let (texts, wide) = (self.texts.clone(), self.wide.clone());
        BlockColumn { per_user: self.per_user, cells: self.cells.at(places), texts, wide }
    }

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

    /// The number in a cell of this column; `None` where it holds none.
    #[inline]
    pub(crate) fn number(&self, cell: Cell) -> Option<Number> {
        cell.number(&self.wide)
    }

    /// The unscaled value of a wide decimal.
    pub(crate) fn wide(&self, index: u32) -> i128 {
        self.wide.get(index as usize).copied().unwrap_or_default()
    }
}

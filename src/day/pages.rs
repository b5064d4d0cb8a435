//! The pages of a block: at most 65,536 rows each, times first, then a part per property.
//!
//! A head in front of them tells the length and checksum of every part, so that a question reads
//! only the parts that it needs.

use super::layout::{Block, Layout};
use super::unit::{TIME_UNITS_US, counted};
use crate::codec::checksum::crc;
use crate::codec::cursor;
use crate::codec::ints::{self, FRAME_VALUES};
use crate::limits::PAGE_ROWS_MAX;
use std::ops::Range;

/// The rows of one page before any byte is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PagePlan {
    /// Of the laid out rows.
    pub(crate) rows: Range<usize>,
    /// Rows of each user within the page; empty without users.
    pub(crate) users: Vec<u32>,
}

/// The written parts of one page: ranges of an arena.
#[derive(Debug, Default)]
pub(crate) struct PageParts {
    pub(crate) times: Range<usize>,
    /// Property and bytes, ascending by property.
    pub(crate) columns: Vec<(u16, Range<usize>)>,
}

/// A part of a page as the head tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartPlace {
    /// Counted from the first page.
    pub(crate) offset: usize,
    pub(crate) length: usize,
    pub(crate) crc: u32,
}

/// A page as the head tells it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PagePlace {
    pub(crate) rows: usize,
    pub(crate) times: PartPlace,
    /// Ascending by property.
    pub(crate) columns: Vec<(u16, PartPlace)>,
}

impl PagePlace {
    /// The part of a property.
    pub(crate) fn column(&self, property: u16) -> Option<&PartPlace> {
        let found = self.columns.binary_search_by_key(&property, |(property, _)| *property).ok()?;
        self.columns.get(found).map(|(_, part)| part)
    }
}

/// Cuts a block into pages.
pub(crate) fn plan(layout: &Layout, block: &Block) -> Vec<PagePlan> {
    let starts = block.rows.clone().step_by(PAGE_ROWS_MAX);
    let mut users = UserRuns::new(layout.counts[block.users.clone()].iter().map(|n| *n as usize));
    let page = |start: usize| {
        let rows = start..block.rows.end.min(start + PAGE_ROWS_MAX);
        let users = users.next_page(rows.len());
        PagePlan { rows, users: users.into_iter().map(|n| n as u32).collect() }
    };
    starts.map(page).collect()
}

/// Cuts rows per user at the ends of pages.
pub(crate) struct UserRuns<I> {
    counts: I,
    /// Rows of the last user that the page before could not hold.
    left: usize,
}

impl<I: Iterator<Item = usize>> UserRuns<I> {
    pub(crate) fn new(counts: I) -> UserRuns<I> {
        UserRuns { counts, left: 0 }
    }

    /// Rows of each user in the next page of so many rows.
    pub(crate) fn next_page(&mut self, rows: usize) -> Vec<usize> {
        let (mut runs, mut room) = (Vec::new(), rows);
        while room > 0 {
            let Some(count) = Some(self.left).filter(|n| *n > 0).or_else(|| self.counts.next())
            else {
                break;
            };
            let taken = count.min(room);
            runs.push(taken);
            room -= taken;
            self.left = count - taken;
        }
        runs
    }
}

/// Appends times in the coarsest unit that is exact: the unit's code, then packed numbers.
pub(crate) fn encode_times(times: &[i64], out: &mut Vec<u8>) {
    let (code, times) = counted(times);
    out.push(code);
    ints::encode(&times, out);
}

/// Frames of times of which one in `SAMPLE_STEP` stands for all.
const SAMPLE_FROM_FRAMES: usize = 8;
const SAMPLE_STEP: usize = 3;

/// About how many bytes these times take.
pub(crate) fn times_about(times: &[i64]) -> usize {
    let step = if times.len() > SAMPLE_FROM_FRAMES * FRAME_VALUES { SAMPLE_STEP } else { 1 };
    let sample = || times.chunks(FRAME_VALUES).step_by(step);
    let looked_at: usize = sample().map(<[i64]>::len).sum();
    let bytes: usize = sample().map(|times| ints::about_bytes(&counted(times).1)).sum();
    bytes * times.len() / looked_at.max(1)
}

/// Appends the times at `wanted` of the page's `rows`, in microseconds since the span's start plus
/// `base`; `end` is the length of the span.
pub(crate) fn decode_times(
    bytes: &[u8],
    rows: usize,
    wanted: Range<usize>,
    (base, end): (i64, i64),
    to: &mut Vec<i64>,
) -> Result<(), String> {
    let mut input = bytes;
    let unit_us = unit_of(&mut input)?;
    let within = 0..=(end - 1) / unit_us;
    let mut wrong = None;
    to.reserve(wanted.len());
    ints::decode_frames(&mut input, rows, wanted, |times| {
        wrong = wrong.or_else(|| times.iter().find(|time| !within.contains(time)).copied());
        to.extend(times.iter().map(|time| base.wrapping_add(time.wrapping_mul(unit_us))));
    })?;
    if let Some(time) = wrong {
        return Err(format!("a time of {time} x {unit_us} us in a day of {end} us"));
    }
    if !input.is_empty() {
        return Err(format!("{} bytes follow the times", input.len()));
    }
    Ok(())
}

/// Times of a page of which some are looked at.
#[derive(Debug)]
pub(crate) struct PackedTimes<'a> {
    unit_us: i64,
    packed: ints::Packed<'a>,
}

impl<'a> PackedTimes<'a> {
    /// The times of a page of so many rows.
    pub(crate) fn read(bytes: &'a [u8], rows: usize) -> Result<PackedTimes<'a>, String> {
        let mut input = bytes;
        let unit_us = unit_of(&mut input)?;
        let packed = ints::Packed::read(&mut input, rows)?;
        match input.len() {
            0 => Ok(PackedTimes { unit_us, packed }),
            more => Err(format!("{more} bytes follow the times")),
        }
    }

    /// In microseconds, as it was stored: nobody has checked that it lies within the day.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> i64 {
        self.packed.get(row).wrapping_mul(self.unit_us)
    }
}

fn unit_of(input: &mut &[u8]) -> Result<i64, String> {
    let code = cursor::u8(input)?;
    let unit_us = TIME_UNITS_US.get(usize::from(code)).copied();
    unit_us.ok_or_else(|| format!("unknown unit of time {code}"))
}

/// Appends the head of these pages.
pub(crate) fn encode_head(pages: &[PageParts], arena: &[u8], out: &mut Vec<u8>) {
    let part = |range: &Range<usize>, out: &mut Vec<u8>| {
        cursor::put_varint(range.len() as u64, out);
        out.extend(crc(&arena[range.clone()]).to_le_bytes());
    };
    for page in pages {
        part(&page.times, out);
        cursor::put_varint(page.columns.len() as u64, out);
        for (property, range) in &page.columns {
            cursor::put_varint(u64::from(*property), out);
            part(range, out);
        }
    }
}

/// Reads the head of a block of so many rows whose pages take `length` bytes.
pub(crate) fn decode_head(
    bytes: &[u8],
    rows: usize,
    length: usize,
    properties: usize,
) -> Result<Vec<PagePlace>, String> {
    let (mut input, mut offset) = (bytes, 0);
    let mut pages = Vec::new();
    for start in (0..rows).step_by(PAGE_ROWS_MAX) {
        let times = decode_part(&mut input, &mut offset, length)?;
        let mut columns: Vec<(u16, PartPlace)> = Vec::new();
        for _ in 0..cursor::varint(&mut input)? {
            let property = u16::try_from(cursor::varint(&mut input)?).ok();
            let after = columns.last().map(|(before, _)| *before);
            let known = property.filter(|p| usize::from(*p) < properties && Some(*p) > after);
            let property = known.ok_or_else(|| format!("column {property:?} after {after:?}"))?;
            columns.push((property, decode_part(&mut input, &mut offset, length)?));
        }
        pages.push(PagePlace { rows: (rows - start).min(PAGE_ROWS_MAX), times, columns });
    }
    if !input.is_empty() || offset != length {
        return Err(format!("a head of {} bytes for {offset} of {length}", bytes.len()));
    }
    Ok(pages)
}

fn decode_part(
    input: &mut &[u8],
    offset: &mut usize,
    pages_length: usize,
) -> Result<PartPlace, String> {
    let length = cursor::varint_usize(input)?;
    let crc = cursor::u32(input)?;
    let place = PartPlace { offset: *offset, length, crc };
    let end = offset.checked_add(length).filter(|end| *end <= pages_length);
    *offset = end.ok_or_else(|| format!("a part of {length} bytes ends after its pages"))?;
    Ok(place)
}

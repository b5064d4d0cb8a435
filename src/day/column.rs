//! One page of one property: which kinds of value occur, which row has which, and the values kind
//! by kind, packed. Encoder and decoder.

use super::datum::KindSet;
use super::floats;
use super::format::{COLUMN_PER_USER, FLOAT_SCALE_MAX, value_kind};
use super::rows::{Cell, Strings};
use crate::codec::{cursor, ints};
use crate::event::Decimal;
use crate::limits::{DECIMAL_SCALE_MAX, TEXT_BYTES_MAX};
use std::ops::Range;

/// How the texts of one property are stored in a section.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Texts<'a> {
    /// By the string's code: its code in the section's dictionary of this property.
    Coded(&'a [u32]),
    /// As they are.
    Plain(&'a Strings),
}

/// What a cell of the input needs beside itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) texts: Texts<'a>,
    pub(crate) wide: &'a [i128],
}

/// Values of a column as they are read, page after page.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decoded<'a> {
    /// A text is a code of the section's dictionary of the property, or `dictionary + i` for the
    /// plain text `i`. A wide decimal is an index into `wide`.
    pub(crate) cells: Vec<Cell>,
    pub(crate) plain: Vec<&'a str>,
    pub(crate) wide: Vec<i128>,
}

/// One page of one property, in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ColumnPage<'a> {
    /// A value per user of the page instead of per row.
    pub(crate) per_user: bool,
    values: &'a [u8],
}

/// Kind and scale of a value.
type Kind = (u8, u8);

/// Kinds that a page can hold: tags and their list stay within a byte.
const KINDS_MAX: usize = 128;

/// Appends a page of cells; false and no bytes where all are null. `users`: rows of each user in
/// the page, in order; empty without users.
pub(crate) fn encode(cells: &[Cell], users: &[u32], context: Context, out: &mut Vec<u8>) -> bool {
    if cells.iter().all(|cell| *cell == Cell::Null) {
        return false;
    }
    let firsts = one_per_user(cells, users);
    out.push(if firsts.is_some() { COLUMN_PER_USER } else { 0 });
    encode_values(firsts.as_deref().unwrap_or(cells), context, out);
    true
}

/// The value of each user, where all rows of each user agree and that saves something.
fn one_per_user(cells: &[Cell], users: &[u32]) -> Option<Vec<Cell>> {
    if users.is_empty() || users.len() == cells.len() {
        return None;
    }
    let mut firsts = Vec::with_capacity(users.len());
    let mut rest = cells;
    for &rows in users {
        let (of_user, after) = rest.split_at_checked(rows as usize)?;
        let (&first, more) = of_user.split_first()?;
        if more.iter().any(|&cell| !same(cell, first)) {
            return None;
        }
        firsts.push(first);
        rest = after;
    }
    Some(firsts)
}

/// Equal to the bit.
pub(crate) fn same(a: Cell, b: Cell) -> bool {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

/// `floats`: the scale with which all floats of the page are exact.
fn kind_of(cell: Cell, texts: Texts, floats: Option<u8>) -> Kind {
    match (cell, texts) {
        (Cell::Null, _) => (value_kind::NULL, 0),
        (Cell::Bool(_), _) => (value_kind::BOOL, 0),
        (Cell::Integer(_), _) => (value_kind::INTEGER, 0),
        (Cell::Decimal(scale, _), _) => (value_kind::DECIMAL, scale),
        (Cell::WideDecimal(scale, _), _) => (value_kind::WIDE_DECIMAL, scale),
        (Cell::Float(_), _) => match floats {
            Some(scale) => (value_kind::SCALED_FLOAT, scale),
            None => (value_kind::FLOAT, 0),
        },
        (Cell::Text(_), Texts::Coded(_)) => (value_kind::TEXT_CODE, 0),
        (Cell::Text(_), Texts::Plain(_)) => (value_kind::TEXT_PLAIN, 0),
    }
}

/// The kinds that occur, sorted.
fn kinds_of(cells: &[Cell], kind_of: impl Fn(Cell) -> Kind) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut last = None;
    for &cell in cells {
        let kind = kind_of(cell);
        if last != Some(kind) && !kinds.contains(&kind) {
            kinds.push(kind);
        }
        last = Some(kind);
    }
    kinds.sort_unstable();
    kinds
}

fn encode_values(cells: &[Cell], context: Context, out: &mut Vec<u8>) {
    let floats = floats::scale_of(cells);
    let kind_of = |cell: Cell| kind_of(cell, context.texts, floats);
    let kinds = kinds_of(cells, kind_of);
    out.push(kinds.len() as u8);
    out.extend(kinds.iter().flat_map(|&(kind, scale)| [kind, scale]));
    if let [kind] = kinds.as_slice() {
        return encode_kind(*kind, cells.iter().copied(), context, out);
    }
    let tag = |cell: &Cell| kinds.binary_search(&kind_of(*cell)).unwrap_or(0) as u64;
    ints::pack(cells.iter().map(tag), tag_width(kinds.len()), out);
    for &kind in &kinds {
        let of_kind = cells.iter().copied().filter(|&cell| kind_of(cell) == kind);
        encode_kind(kind, of_kind, context, out);
    }
}

fn tag_width(kinds: usize) -> u32 {
    ints::width_of(kinds.saturating_sub(1) as u64)
}

fn encode_kind(
    (kind, scale): Kind,
    cells: impl Iterator<Item = Cell> + Clone,
    context: Context,
    out: &mut Vec<u8>,
) {
    match kind {
        value_kind::BOOL => {
            ints::pack(cells.map(|cell| u64::from(cell == Cell::Bool(true))), 1, out);
        }
        value_kind::INTEGER | value_kind::DECIMAL | value_kind::TEXT_CODE => {
            let numbers: Vec<i64> = cells.map(|cell| number_of(cell, context.texts)).collect();
            ints::encode(&numbers, out);
        }
        value_kind::WIDE_DECIMAL => out.extend(cells.flat_map(|cell| match cell {
            Cell::WideDecimal(_, at) => {
                context.wide.get(at as usize).copied().unwrap_or_default().to_le_bytes()
            }
            _ => [0; 16],
        })),
        value_kind::FLOAT => out.extend(cells.flat_map(|cell| match cell {
            Cell::Float(value) => value.to_le_bytes(),
            _ => [0; 8],
        })),
        value_kind::SCALED_FLOAT => {
            let numbers: Vec<i64> = cells.map(|cell| floats::unscaled(cell, scale)).collect();
            ints::encode(&numbers, out);
        }
        value_kind::TEXT_PLAIN => encode_plain(cells, context.texts, out),
        _ => {}
    }
}

fn number_of(cell: Cell, texts: Texts) -> i64 {
    match (cell, texts) {
        (Cell::Integer(value) | Cell::Decimal(_, value), _) => value,
        (Cell::Text(code), Texts::Coded(codes)) => {
            codes.get(code as usize).copied().unwrap_or_default().into()
        }
        _ => 0,
    }
}

fn encode_plain(cells: impl Iterator<Item = Cell> + Clone, texts: Texts, out: &mut Vec<u8>) {
    let Texts::Plain(strings) = texts else { return };
    let texts = cells.map(|cell| match cell {
        Cell::Text(code) => strings.get(code),
        _ => &[],
    });
    let lengths: Vec<i64> = texts.clone().map(|text| text.len() as i64).collect();
    ints::encode(&lengths, out);
    texts.for_each(|text| out.extend_from_slice(text));
}

impl<'a> ColumnPage<'a> {
    /// The page in these bytes; its values are looked at when they are decoded.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<ColumnPage<'a>, String> {
        let mut values = bytes;
        match cursor::u8(&mut values)? {
            0 => Ok(ColumnPage { per_user: false, values }),
            COLUMN_PER_USER => Ok(ColumnPage { per_user: true, values }),
            flags => Err(format!("unknown column flags {flags}")),
        }
    }

    /// Kinds of the values that occur.
    pub(crate) fn kinds(&self) -> Result<KindSet, String> {
        let kinds = decode_kinds(&mut &*self.values)?;
        let kind = |&(kind, _): &Kind| match kind {
            value_kind::NULL => KindSet::NONE,
            value_kind::BOOL => KindSet::BOOL,
            value_kind::TEXT_CODE | value_kind::TEXT_PLAIN => KindSet::TEXT,
            _ => KindSet::NUMBER,
        };
        Ok(kinds.iter().map(kind).fold(KindSet::NONE, KindSet::or))
    }

    /// Whether some row has no value.
    pub(crate) fn misses_some(&self) -> Result<bool, String> {
        let kinds = decode_kinds(&mut &*self.values)?;
        Ok(kinds.iter().any(|(kind, _)| *kind == value_kind::NULL))
    }

    /// Appends the values at `wanted` of the page's `count`, which is its rows or its users.
    /// `dictionary`: texts of the property in the section's dictionary.
    pub(crate) fn decode(
        &self,
        count: usize,
        wanted: Range<usize>,
        dictionary: u32,
        to: &mut Decoded<'a>,
    ) -> Result<(), String> {
        to.cells.reserve(wanted.len());
        let mut decoder = Decoder { input: self.values, dictionary, to };
        decoder.values(count, wanted)?;
        match decoder.input.len() {
            0 => Ok(()),
            more => Err(format!("{more} bytes follow the column")),
        }
    }
}

impl ColumnPage<'_> {
    /// The codes at `wanted`, as `decode` does; `None` where there are other values than texts of
    /// the dictionary.
    pub(crate) fn decode_codes(
        &self,
        count: usize,
        wanted: Range<usize>,
        dictionary: u32,
    ) -> Result<Option<Vec<u32>>, String> {
        let mut input = self.values;
        if decode_kinds(&mut input)? != [(value_kind::TEXT_CODE, 0)] {
            return Ok(None);
        }
        let mut codes = Vec::with_capacity(wanted.len());
        let push = |frame: &[i64]| codes.extend(frame.iter().map(|code| *code as u32));
        codes_of(&mut input, (count, wanted), dictionary, push)?;
        match input.len() {
            0 => Ok(Some(codes)),
            more => Err(format!("{more} bytes follow the column")),
        }
    }
}

impl ColumnPage<'_> {
    /// The codes of all `count` values, where they are texts of a `dictionary` of 256 at most.
    pub(crate) fn byte_codes(
        &self,
        count: usize,
        dictionary: u32,
    ) -> Result<Option<Vec<u8>>, String> {
        let mut input = self.values;
        if decode_kinds(&mut input)? != [(value_kind::TEXT_CODE, 0)] {
            return Ok(None);
        }
        let codes = ints::decode_bytes(&mut input, count)?;
        let codes = codes.filter(|codes| {
            let most = codes.iter().fold(0, |most: u8, code| most.max(*code));
            count == 0 || u32::from(most) < dictionary
        });
        match input.len() {
            0 => Ok(codes),
            more => Err(format!("{more} bytes follow the column")),
        }
    }
}

/// Hands out codes frame by frame; an error where some are not of the dictionary.
fn codes_of(
    input: &mut &[u8],
    (count, wanted): (usize, Range<usize>),
    dictionary: u32,
    mut push: impl FnMut(&[i64]),
) -> Result<(), String> {
    let (mut known, codes) = (true, 0..i64::from(dictionary));
    ints::decode_frames(input, count, wanted, |frame| {
        known &= frame.iter().all(|code| codes.contains(code));
        push(frame);
    })?;
    if known { Ok(()) } else { Err(format!("a text code beyond the {dictionary} of its property")) }
}

fn decode_kinds(input: &mut &[u8]) -> Result<Vec<Kind>, String> {
    let count = usize::from(cursor::u8(input)?);
    let bytes = cursor::take(input, 2 * count)?;
    let kinds: Vec<Kind> = bytes.as_chunks().0.iter().map(|&[kind, scale]| (kind, scale)).collect();
    if !(1..=KINDS_MAX).contains(&count) || !kinds.is_sorted_by(|a, b| a < b) {
        return Err(format!("{count} kinds of value, or out of order"));
    }
    for &(kind, scale) in &kinds {
        let scale_max = match kind {
            value_kind::DECIMAL | value_kind::WIDE_DECIMAL => DECIMAL_SCALE_MAX,
            value_kind::SCALED_FLOAT => FLOAT_SCALE_MAX,
            _ => 0,
        };
        if kind > value_kind::SCALED_FLOAT || scale > scale_max {
            return Err(format!("unknown kind of value {kind} with scale {scale}"));
        }
    }
    Ok(kinds)
}

/// Of each row, which of the page's kinds its value is of.
fn tags_of(packed: &[u8], width: u32, count: usize) -> Vec<u8> {
    let (mut tags, mut frame) = (Vec::with_capacity(count), [0; ints::FRAME_VALUES]);
    while tags.len() < count {
        // A whole frame ends with a whole byte.
        let from = ints::packed_bytes(tags.len(), width);
        let frame = &mut frame[..(count - tags.len()).min(ints::FRAME_VALUES)];
        ints::unpack(packed.get(from..).unwrap_or_default(), width, frame);
        tags.extend(frame.iter().map(|tag| *tag as u8)); // of seven bits at most
    }
    tags
}

struct Decoder<'a, 'v> {
    input: &'a [u8],
    dictionary: u32,
    to: &'v mut Decoded<'a>,
}

impl Decoder<'_, '_> {
    fn values(&mut self, count: usize, wanted: Range<usize>) -> Result<(), String> {
        let kinds = decode_kinds(&mut self.input)?;
        match kinds.as_slice() {
            [kind] => self.values_of(*kind, count, wanted),
            kinds => self.mixed(kinds, count, wanted),
        }
    }

    /// Decoded kind by kind, then in the order of their tags.
    fn mixed(&mut self, kinds: &[Kind], count: usize, wanted: Range<usize>) -> Result<(), String> {
        let width = tag_width(kinds.len());
        let packed = cursor::take(&mut self.input, ints::packed_bytes(count, width))?;
        let tags = tags_of(packed, width, count);
        let wanted_tags = tags.get(wanted.clone()).ok_or("rows beyond the page")?;
        let (before, after) = (&tags[..wanted.start], &tags[wanted.end..]);
        let mut cells = std::mem::take(&mut self.to.cells);
        let (mut next, mut known) = ([0; KINDS_MAX], 0);
        for ((&kind, tag), next) in kinds.iter().zip(0u8..).zip(&mut next) {
            let of_kind = |tags: &[u8]| tags.iter().filter(|of| **of == tag).count();
            let (before, within) = (of_kind(before), of_kind(wanted_tags));
            let all = before + within + of_kind(after);
            (*next, known) = (self.to.cells.len(), known + all);
            self.values_of(kind, all, before..before + within)?;
        }
        if known != count {
            return Err("a value of no kind".to_string());
        }
        let by_kind = std::mem::take(&mut self.to.cells);
        // Every tag is of a kind, and each kind has as many values as there are tags of it.
        cells.extend(wanted_tags.iter().map(|tag| {
            let next = &mut next[usize::from(*tag)];
            *next += 1;
            by_kind[*next - 1]
        }));
        self.to.cells = cells;
        Ok(())
    }

    fn values_of(
        &mut self,
        (kind, scale): Kind,
        count: usize,
        wanted: Range<usize>,
    ) -> Result<(), String> {
        match kind {
            value_kind::BOOL => self.bools(count, wanted),
            value_kind::INTEGER => self.numbers(count, wanted, Cell::Integer),
            value_kind::DECIMAL => self.numbers(count, wanted, |value| Cell::Decimal(scale, value)),
            value_kind::TEXT_CODE => self.codes(count, wanted),
            value_kind::WIDE_DECIMAL => self.wide(scale, count, wanted),
            value_kind::FLOAT => self.floats(count, wanted),
            value_kind::SCALED_FLOAT => {
                self.numbers(count, wanted, |number| Cell::Float(floats::scaled(number, scale)))
            }
            value_kind::TEXT_PLAIN => self.plain(count, wanted),
            _ => {
                self.to.cells.extend(wanted.map(|_| Cell::Null));
                Ok(())
            }
        }
    }

    fn bools(&mut self, count: usize, wanted: Range<usize>) -> Result<(), String> {
        let packed = cursor::take(&mut self.input, ints::packed_bytes(count, 1))?;
        let bit = |at: usize| packed.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
        self.to.cells.extend(wanted.map(|at| Cell::Bool(bit(at))));
        Ok(())
    }

    fn numbers(
        &mut self,
        count: usize,
        wanted: Range<usize>,
        cell: impl Fn(i64) -> Cell,
    ) -> Result<(), String> {
        let cells = &mut self.to.cells;
        ints::decode_frames(&mut self.input, count, wanted, |frame| {
            cells.extend(frame.iter().map(|&number| cell(number)));
        })
    }

    fn codes(&mut self, count: usize, wanted: Range<usize>) -> Result<(), String> {
        let cells = &mut self.to.cells;
        let cell = |code: &i64| Cell::Text(*code as u32);
        let push = |frame: &[i64]| cells.extend(frame.iter().map(cell));
        codes_of(&mut self.input, (count, wanted), self.dictionary, push)
    }

    fn wide(&mut self, scale: u8, count: usize, wanted: Range<usize>) -> Result<(), String> {
        let bytes: &[[u8; 16]] = cursor::take(&mut self.input, 16 * count)?.as_chunks().0;
        for bytes in bytes.get(wanted).unwrap_or_default() {
            let value = i128::from_le_bytes(*bytes);
            Decimal::new(value, scale).map_err(|e| e.to_string())?;
            self.to.cells.push(Cell::WideDecimal(scale, self.to.wide.len() as u32));
            self.to.wide.push(value);
        }
        Ok(())
    }

    fn floats(&mut self, count: usize, wanted: Range<usize>) -> Result<(), String> {
        let bytes: &[[u8; 8]] = cursor::take(&mut self.input, 8 * count)?.as_chunks().0;
        let values = bytes.get(wanted).unwrap_or_default().iter().map(|b| f64::from_le_bytes(*b));
        if values.clone().any(|value| !value.is_finite()) {
            return Err("a number that is not finite".to_string());
        }
        self.to.cells.extend(values.map(Cell::Float));
        Ok(())
    }

    fn plain(&mut self, count: usize, wanted: Range<usize>) -> Result<(), String> {
        let lengths = ints::decode(&mut self.input, count)?;
        for (at, length) in lengths.into_iter().enumerate() {
            let length = usize::try_from(length).ok().filter(|length| *length <= TEXT_BYTES_MAX);
            let text = cursor::take(&mut self.input, length.ok_or("a text that is too long")?)?;
            if wanted.contains(&at) {
                let text = std::str::from_utf8(text)
                    .map_err(|e| format!("a text that is not UTF-8: {e}"))?;
                let code = u32::try_from(self.dictionary as usize + self.to.plain.len());
                self.to.cells.push(Cell::Text(code.map_err(|_| "too many texts")?));
                self.to.plain.push(text);
            }
        }
        Ok(())
    }
}

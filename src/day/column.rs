//! One page of one property: which kinds of value occur, which row has which, and the values kind
//! by kind, packed. Encoder and decoder.

use super::format::{COLUMN_PER_USER, value_kind};
use super::rows::{Cell, Strings};
use crate::codec::{cursor, ints};
use crate::limits::{DECIMAL_SCALE_MAX, TEXT_BYTES_MAX};

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

/// A value as it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stored<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Scale and unscaled value.
    Decimal(u8, i64),
    WideDecimal(u8, i128),
    Float(f64),
    /// A code in the section's dictionary of the property.
    TextCode(u32),
    TextPlain(&'a [u8]),
}

/// The values of a page, per row or per user of the page.
#[derive(Debug, PartialEq)]
pub(crate) struct Page<'a> {
    pub(crate) per_user: bool,
    pub(crate) values: Vec<Stored<'a>>,
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
fn same(a: Cell, b: Cell) -> bool {
    match (a, b) {
        (Cell::Float(a), Cell::Float(b)) => a.to_bits() == b.to_bits(),
        _ => a == b,
    }
}

fn kind_of(cell: Cell, texts: Texts) -> Kind {
    match (cell, texts) {
        (Cell::Null, _) => (value_kind::NULL, 0),
        (Cell::Bool(_), _) => (value_kind::BOOL, 0),
        (Cell::Integer(_), _) => (value_kind::INTEGER, 0),
        (Cell::Decimal(scale, _), _) => (value_kind::DECIMAL, scale),
        (Cell::WideDecimal(scale, _), _) => (value_kind::WIDE_DECIMAL, scale),
        (Cell::Float(_), _) => (value_kind::FLOAT, 0),
        (Cell::Text(_), Texts::Coded(_)) => (value_kind::TEXT_CODE, 0),
        (Cell::Text(_), Texts::Plain(_)) => (value_kind::TEXT_PLAIN, 0),
    }
}

/// The kinds that occur, sorted.
fn kinds_of(cells: &[Cell], texts: Texts) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut last = None;
    for &cell in cells {
        let kind = kind_of(cell, texts);
        if last != Some(kind) && !kinds.contains(&kind) {
            kinds.push(kind);
        }
        last = Some(kind);
    }
    kinds.sort_unstable();
    kinds
}

fn encode_values(cells: &[Cell], context: Context, out: &mut Vec<u8>) {
    let kinds = kinds_of(cells, context.texts);
    out.push(kinds.len() as u8);
    out.extend(kinds.iter().flat_map(|&(kind, scale)| [kind, scale]));
    if let [kind] = kinds.as_slice() {
        return encode_kind(*kind, cells.iter().copied(), context, out);
    }
    let tag = |cell: &Cell| kinds.binary_search(&kind_of(*cell, context.texts)).unwrap_or(0) as u64;
    ints::pack(cells.iter().map(tag), tag_width(kinds.len()), out);
    for &kind in &kinds {
        let of_kind = cells.iter().copied().filter(|&cell| kind_of(cell, context.texts) == kind);
        encode_kind(kind, of_kind, context, out);
    }
}

fn tag_width(kinds: usize) -> u32 {
    ints::width_of(kinds.saturating_sub(1) as u64)
}

fn encode_kind(
    (kind, _): Kind,
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

/// Reads a page of so many rows by so many users. `texts`: entries of the property's dictionary.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    rows: usize,
    users: usize,
    texts: u32,
) -> Result<Page<'a>, String> {
    let mut input = bytes;
    let flags = cursor::u8(&mut input)?;
    if flags & !COLUMN_PER_USER != 0 {
        return Err(format!("unknown column flags {flags}"));
    }
    let per_user = flags & COLUMN_PER_USER != 0;
    let count = if per_user { users } else { rows };
    let values = decode_values(&mut input, count, texts)?;
    if !input.is_empty() {
        return Err(format!("{} bytes follow the column", input.len()));
    }
    Ok(Page { per_user, values })
}

fn decode_kinds(input: &mut &[u8]) -> Result<Vec<Kind>, String> {
    let count = usize::from(cursor::u8(input)?);
    let bytes = cursor::take(input, 2 * count)?;
    let kinds: Vec<Kind> = bytes.as_chunks().0.iter().map(|&[kind, scale]| (kind, scale)).collect();
    if !(1..=KINDS_MAX).contains(&count) || !kinds.is_sorted_by(|a, b| a < b) {
        return Err(format!("{count} kinds of value, or out of order"));
    }
    for &(kind, scale) in &kinds {
        let scaled = matches!(kind, value_kind::DECIMAL | value_kind::WIDE_DECIMAL);
        let scale_max = if scaled { DECIMAL_SCALE_MAX } else { 0 };
        if kind > value_kind::TEXT_PLAIN || scale > scale_max {
            return Err(format!("unknown kind of value {kind} with scale {scale}"));
        }
    }
    Ok(kinds)
}

fn decode_values<'a>(
    input: &mut &'a [u8],
    count: usize,
    texts: u32,
) -> Result<Vec<Stored<'a>>, String> {
    let kinds = decode_kinds(input)?;
    if let [kind] = kinds.as_slice() {
        return decode_kind(*kind, input, count, texts);
    }
    let width = tag_width(kinds.len());
    let packed = cursor::take(input, ints::packed_bytes(count, width))?;
    let mut tags = Vec::with_capacity(count);
    ints::unpack(packed, width, count, |tag| tags.push(tag as u8));
    let mut of_kind = Vec::with_capacity(kinds.len());
    for (tag, &kind) in kinds.iter().enumerate() {
        let rows = tags.iter().filter(|t| usize::from(**t) == tag).count();
        of_kind.push(decode_kind(kind, input, rows, texts)?.into_iter());
    }
    let value = |tag: &u8| of_kind.get_mut(usize::from(*tag)).and_then(Iterator::next);
    let values: Option<Vec<Stored>> = tags.iter().map(value).collect();
    values.ok_or_else(|| "a value of no kind".to_string())
}

fn decode_kind<'a>(
    (kind, scale): Kind,
    input: &mut &'a [u8],
    count: usize,
    texts: u32,
) -> Result<Vec<Stored<'a>>, String> {
    match kind {
        value_kind::BOOL => {
            let packed = cursor::take(input, ints::packed_bytes(count, 1))?;
            let mut values = Vec::with_capacity(count);
            ints::unpack(packed, 1, count, |bit| values.push(Stored::Bool(bit == 1)));
            Ok(values)
        }
        value_kind::INTEGER => numbers(input, count, Stored::Integer),
        value_kind::DECIMAL => numbers(input, count, |value| Stored::Decimal(scale, value)),
        value_kind::TEXT_CODE => decode_codes(input, count, texts),
        value_kind::WIDE_DECIMAL => {
            let bytes = cursor::take(input, 16 * count)?.as_chunks().0;
            let value = |b: &[u8; 16]| Stored::WideDecimal(scale, i128::from_le_bytes(*b));
            Ok(bytes.iter().map(value).collect())
        }
        value_kind::FLOAT => decode_floats(input, count),
        value_kind::TEXT_PLAIN => decode_plain(input, count),
        _ => Ok(vec![Stored::Null; count]),
    }
}

fn numbers<'a>(
    input: &mut &[u8],
    count: usize,
    value: impl Fn(i64) -> Stored<'a>,
) -> Result<Vec<Stored<'a>>, String> {
    Ok(ints::decode(input, count)?.into_iter().map(value).collect())
}

fn decode_codes<'a>(
    input: &mut &[u8],
    count: usize,
    texts: u32,
) -> Result<Vec<Stored<'a>>, String> {
    let code = |code: i64| u32::try_from(code).ok().filter(|code| *code < texts);
    let codes = ints::decode(input, count)?;
    let codes: Option<_> = codes.iter().map(|&c| code(c).map(Stored::TextCode)).collect();
    codes.ok_or_else(|| format!("a text code beyond the {texts} of its property"))
}

fn decode_floats<'a>(input: &mut &[u8], count: usize) -> Result<Vec<Stored<'a>>, String> {
    let bytes = cursor::take(input, 8 * count)?.as_chunks().0;
    let values: Vec<f64> = bytes.iter().map(|b| f64::from_le_bytes(*b)).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err("a number that is not finite".to_string());
    }
    Ok(values.into_iter().map(Stored::Float).collect())
}

fn decode_plain<'a>(input: &mut &'a [u8], count: usize) -> Result<Vec<Stored<'a>>, String> {
    let lengths = ints::decode(input, count)?;
    let text = |length: i64| {
        let length = usize::try_from(length).ok().filter(|length| *length <= TEXT_BYTES_MAX);
        let length = length.ok_or_else(|| "a text that is too long".to_string())?;
        let text = cursor::take(input, length)?;
        std::str::from_utf8(text).map_err(|e| format!("a text that is not UTF-8: {e}"))?;
        Ok(Stored::TextPlain(text))
    };
    lengths.into_iter().map(text).collect()
}

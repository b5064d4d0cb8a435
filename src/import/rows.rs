//! Rows on their way from a parser to a day: one compact run of bytes each.
//!
//! A row is: user ordinal (4 bytes, set by the partition), time within the day, activity, insert
//! id where the import has them, then its cells, each as property and type in one number, ended by
//! a zero. Strings that recur are codes of a table that the whole import shares; once that is
//! full, and for long ones, the bytes stand in the row. Codes differ from run to run with the
//! threads' timing; nothing that is stored depends on them.

use crate::day::rows::{NO_USER, Strings};
use crate::limits::SECTION_NAMES_MAX;
use crate::time::{Day, Micros};
use crate::users::DistinctIds;
use std::sync::{PoisonError, RwLock};

/// Longer strings are never shared.
const SHARED_BYTES_MAX: usize = 64;
/// Strings in the shared table.
const SHARED_MAX: usize = 65_536;

/// The strings of one import: property names, and texts that recur.
#[derive(Debug, Default)]
pub(super) struct Shared {
    texts: RwLock<Strings>,
    properties: RwLock<Strings>,
}

impl Shared {
    /// The code of a property name; `None` when there are too many of them.
    pub(super) fn property(&self, name: &[u8]) -> Option<u32> {
        shared_code(&self.properties, name, SECTION_NAMES_MAX)
    }

    /// The code of a text, unless it is long or the table is full.
    pub(super) fn text(&self, text: &[u8]) -> Option<u32> {
        let is_short = text.len() <= SHARED_BYTES_MAX;
        if is_short { shared_code(&self.texts, text, SHARED_MAX) } else { None }
    }

    /// Shows the text of a code.
    pub(super) fn with_text<T>(&self, code: u32, show: impl FnOnce(&[u8]) -> T) -> T {
        show(self.texts.read().unwrap_or_else(PoisonError::into_inner).get(code))
    }

    /// Shows the property name of a code.
    pub(super) fn with_property<T>(&self, code: u32, show: impl FnOnce(&[u8]) -> T) -> T {
        show(self.properties.read().unwrap_or_else(PoisonError::into_inner).get(code))
    }
}

fn shared_code(table: &RwLock<Strings>, text: &[u8], max: usize) -> Option<u32> {
    if let Some(code) = table.read().unwrap_or_else(PoisonError::into_inner).find(text) {
        return Some(code);
    }
    let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
    let code = table.find(text);
    if code.is_none() && table.len() >= max { None } else { Some(table.code(text)) }
}

/// One thread's way to the shared codes: what it has met before needs no lock.
#[derive(Debug)]
pub(super) struct Coder<'a> {
    shared: &'a Shared,
    texts: Known,
    properties: Known,
}

#[derive(Debug, Default)]
struct Known {
    strings: Strings,
    codes: Vec<u32>,
}

impl Known {
    fn code(&mut self, text: &[u8], ask: impl FnOnce() -> Option<u32>) -> Option<u32> {
        if let Some(local) = self.strings.find(text) {
            return self.codes.get(local as usize).copied();
        }
        let code = ask()?;
        self.strings.code(text);
        self.codes.push(code);
        Some(code)
    }
}

impl<'a> Coder<'a> {
    pub(super) fn new(shared: &'a Shared) -> Coder<'a> {
        Coder { shared, texts: Known::default(), properties: Known::default() }
    }

    /// The code of a text, unless it is long or the table is full.
    pub(super) fn text(&mut self, text: &[u8]) -> Option<u32> {
        if text.len() > SHARED_BYTES_MAX {
            return None;
        }
        self.texts.code(text, || self.shared.text(text))
    }

    /// The code of a property name; `None` when there are too many of them.
    pub(super) fn property(&mut self, name: &[u8]) -> Option<u32> {
        self.properties.code(name, || self.shared.property(name))
    }
}

/// A text of a row: a shared code, or its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text<'a> {
    Code(u32),
    Bytes(&'a [u8]),
}

/// One property's value in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RowCell<'a> {
    Bool(bool),
    Integer(i64),
    /// Scale and unscaled value.
    Decimal(u8, i128),
    Float(f64),
    Text(Text<'a>),
}

/// A row but for its user and cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RowHead<'a> {
    /// Microseconds since the day's start instant.
    pub(super) time: i64,
    pub(super) activity: Text<'a>,
    /// Keyed hash.
    pub(super) insert_id: Option<u128>,
}

/// Rows that a parser made of one block, in order.
#[derive(Debug)]
pub(super) struct EncodedRows {
    /// The users' ids, in the order in which the rows meet them.
    pub(super) ids: DistinctIds,
    /// Of each row, which of the ids; `NO_USER`: none.
    users: Vec<u32>,
    /// The id of the row begun.
    user: Vec<u8>,
    days: Vec<Day>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Distinct properties of these rows, in no order.
    pub(super) properties: Vec<u32>,
}

const TAG_BITS: u32 = 3;
const TAG_FALSE: u64 = 0;
const TAG_TRUE: u64 = 1;
const TAG_INTEGER: u64 = 2;
const TAG_DECIMAL: u64 = 3;
const TAG_WIDE_DECIMAL: u64 = 4;
const TAG_FLOAT: u64 = 5;
const TAG_BYTES: u64 = 6;
const TAG_CODE: u64 = 7;

impl EncodedRows {
    /// `seed`: what the ids hash with.
    pub(super) fn new(seed: u64) -> EncodedRows {
        EncodedRows {
            ids: DistinctIds::new(seed),
            users: Vec::new(),
            user: Vec::new(),
            days: Vec::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
            properties: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Day, user (the place of the id, or `NO_USER`) and bytes of a row.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Day, u32, &[u8])> {
        let mut start = 0;
        self.days.iter().zip(&self.users).zip(&self.ends).map(move |((&day, &user), &end)| {
            let bytes = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            (day, user, bytes)
        })
    }

    /// Begins a row; its cells follow, then `finish` or `abandon`.
    pub(super) fn start(&mut self, day: Day, user: &[u8], head: &RowHead<'_>) {
        self.days.push(day);
        self.user.clear();
        self.user.extend_from_slice(user);
        put_head(&mut self.bytes, head);
    }

    /// A property of the row begun.
    pub(super) fn cell(&mut self, property: u32, cell: RowCell<'_>) {
        put_cell(&mut self.bytes, property, cell);
    }

    /// Ends the row begun: only now its user is known to be one.
    pub(super) fn finish(&mut self) {
        end_row(&mut self.bytes);
        self.ends.push(self.bytes.len());
        self.users.push(if self.user.is_empty() { NO_USER } else { self.ids.add(&self.user) });
    }

    /// Takes back the row begun, if there is one.
    pub(super) fn abandon(&mut self) {
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        self.days.truncate(self.ends.len());
    }
}

/// Begins a row, behind its user: cells follow, then `end_row`.
pub(super) fn put_head(bytes: &mut Vec<u8>, head: &RowHead<'_>) {
    put_varint(bytes, packed_time(head.time));
    match head.activity {
        Text::Code(code) => put_varint(bytes, u64::from(code) + 1),
        Text::Bytes(text) => {
            bytes.push(0);
            put_text(bytes, text);
        }
    }
    bytes.push(u8::from(head.insert_id.is_some()));
    if let Some(id) = head.insert_id {
        bytes.extend_from_slice(&id.to_le_bytes());
    }
}

/// A property of the row begun.
pub(super) fn put_cell(bytes: &mut Vec<u8>, property: u32, cell: RowCell<'_>) {
    let key = |tag: u64| (u64::from(property) + 1) << TAG_BITS | tag;
    match cell {
        RowCell::Bool(value) => put_varint(bytes, key(if value { TAG_TRUE } else { TAG_FALSE })),
        RowCell::Integer(value) => {
            put_varint(bytes, key(TAG_INTEGER));
            put_varint(bytes, zigzag(value));
        }
        RowCell::Decimal(scale, unscaled) => match i64::try_from(unscaled) {
            Ok(unscaled) => {
                put_varint(bytes, key(TAG_DECIMAL));
                bytes.push(scale);
                put_varint(bytes, zigzag(unscaled));
            }
            Err(_) => {
                put_varint(bytes, key(TAG_WIDE_DECIMAL));
                bytes.push(scale);
                bytes.extend_from_slice(&unscaled.to_le_bytes());
            }
        },
        RowCell::Float(value) => {
            put_varint(bytes, key(TAG_FLOAT));
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        RowCell::Text(Text::Code(code)) => {
            put_varint(bytes, key(TAG_CODE));
            put_varint(bytes, u64::from(code));
        }
        RowCell::Text(Text::Bytes(text)) => {
            put_varint(bytes, key(TAG_BYTES));
            put_text(bytes, text);
        }
    }
}

/// Ends the row begun.
pub(super) fn end_row(bytes: &mut Vec<u8>) {
    bytes.push(0);
}

/// The rows of a day or a part of one, read back in order.
#[derive(Debug)]
pub(super) struct RowReader<'a> {
    rest: &'a [u8],
}

impl<'a> RowReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> RowReader<'a> {
        RowReader { rest: bytes }
    }

    /// User and head of the next row; its cells follow. `None` at the end, and where the bytes
    /// are not rows: then `is_done` is false.
    pub(super) fn row(&mut self) -> Option<(u32, RowHead<'a>)> {
        let user = u32::from_le_bytes(self.array()?);
        let time = unpacked_time(self.varint()?)?;
        let activity = match self.varint()? {
            0 => Text::Bytes(self.text()?),
            code => Text::Code(u32::try_from(code - 1).ok()?),
        };
        let insert_id = match self.byte()? {
            0 => None,
            _ => Some(u128::from_le_bytes(self.array()?)),
        };
        Some((user, RowHead { time, activity, insert_id }))
    }

    /// The next cell of the row: `Some(None)` behind the last.
    #[expect(clippy::option_option, reason = "damage, end and cell are three answers")]
    pub(super) fn cell(&mut self) -> Option<Option<(u32, RowCell<'a>)>> {
        let key = self.varint()?;
        if key == 0 {
            return Some(None);
        }
        let property = u32::try_from((key >> TAG_BITS).checked_sub(1)?).ok()?;
        let cell = match key & ((1 << TAG_BITS) - 1) {
            TAG_FALSE => RowCell::Bool(false),
            TAG_TRUE => RowCell::Bool(true),
            TAG_INTEGER => RowCell::Integer(unzigzag(self.varint()?)),
            TAG_DECIMAL => RowCell::Decimal(self.byte()?, unzigzag(self.varint()?).into()),
            TAG_WIDE_DECIMAL => RowCell::Decimal(self.byte()?, i128::from_le_bytes(self.array()?)),
            TAG_FLOAT => RowCell::Float(f64::from_le_bytes(self.array()?)),
            TAG_BYTES => RowCell::Text(Text::Bytes(self.text()?)),
            _ => RowCell::Text(Text::Code(u32::try_from(self.varint()?).ok()?)),
        };
        Some(Some((property, cell)))
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..)?;
                return Some(value);
            }
        }
        None
    }
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn put_text(to: &mut Vec<u8>, text: &[u8]) {
    put_varint(to, text.len() as u64);
    to.extend_from_slice(text);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// A time as a count of the coarsest unit that holds it: most are whole seconds or milliseconds.
fn packed_time(time: Micros) -> u64 {
    let time = time.unsigned_abs();
    match time {
        _ if time.is_multiple_of(1_000_000) => time / 1_000_000 * 3,
        _ if time.is_multiple_of(1_000) => time / 1_000 * 3 + 1,
        _ => time * 3 + 2,
    }
}

fn unpacked_time(packed: u64) -> Option<Micros> {
    let unit = match packed % 3 {
        0 => 1_000_000,
        1 => 1_000,
        _ => 1,
    };
    i64::try_from(packed / 3).ok()?.checked_mul(unit)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn cells() -> impl Strategy<Value = Vec<(u32, OwnedCell)>> {
        let cell = prop_oneof![
            any::<bool>().prop_map(OwnedCell::Bool),
            any::<i64>().prop_map(OwnedCell::Integer),
            (0..=38u8, any::<i128>()).prop_map(|(s, u)| OwnedCell::Decimal(s, u)),
            (0..=38u8, any::<i64>()).prop_map(|(s, u)| OwnedCell::Decimal(s, u.into())),
            (-1e300..1e300f64).prop_map(OwnedCell::Float),
            any::<u32>().prop_map(OwnedCell::Code),
            any::<Vec<u8>>().prop_map(OwnedCell::Bytes),
        ];
        prop::collection::vec((0..70_000u32, cell), 0..5)
    }

    #[derive(Debug, Clone)]
    enum OwnedCell {
        Bool(bool),
        Integer(i64),
        Decimal(u8, i128),
        Float(f64),
        Code(u32),
        Bytes(Vec<u8>),
    }

    impl OwnedCell {
        fn borrowed(&self) -> RowCell<'_> {
            match self {
                OwnedCell::Bool(value) => RowCell::Bool(*value),
                OwnedCell::Integer(value) => RowCell::Integer(*value),
                OwnedCell::Decimal(scale, unscaled) => RowCell::Decimal(*scale, *unscaled),
                OwnedCell::Float(value) => RowCell::Float(*value),
                OwnedCell::Code(code) => RowCell::Text(Text::Code(*code)),
                OwnedCell::Bytes(bytes) => RowCell::Text(Text::Bytes(bytes)),
            }
        }
    }

    proptest! {
        #[test]
        fn rows_come_back(
            rows in prop::collection::vec(
                (
                    any::<i32>(),
                    any::<Vec<u8>>(),
                    0..90_000_000_000i64,
                    any::<Option<u128>>(),
                    cells(),
                ),
                0..20,
            ),
            abandoned in any::<u8>(),
        ) {
            let mut encoded = EncodedRows::new(3);
            for (index, (day, user, time, insert_id, cells)) in rows.iter().enumerate() {
                let head = RowHead { time: *time, activity: Text::Bytes(b"act"), insert_id: *insert_id };
                if index % 8 == abandoned as usize % 8 {
                    encoded.start(7, b"gone", &head);
                    encoded.cell(1, RowCell::Bool(true));
                    encoded.abandon();
                }
                encoded.start(*day, user, &head);
                cells.iter().for_each(|(property, cell)| encoded.cell(*property, cell.borrowed()));
                encoded.finish();
            }
            prop_assert_eq!(encoded.len(), rows.len());
            let mut bytes = Vec::new();
            for ((day, user, row), expected) in encoded.iter().zip(&rows) {
                let user = if user == NO_USER { &[] } else { encoded.ids.at(user as usize) };
                prop_assert_eq!((day, user), (expected.0, &expected.1[..]));
                bytes.extend_from_slice(&7u32.to_le_bytes());
                bytes.extend_from_slice(row);
            }
            let mut reader = RowReader::new(&bytes);
            for (_, _, time, insert_id, cells) in &rows {
                let (user, head) = reader.row().unwrap();
                prop_assert_eq!((user, head.time, head.insert_id), (7, *time, *insert_id));
                for (property, cell) in cells {
                    prop_assert_eq!(reader.cell().unwrap(), Some((*property, cell.borrowed())));
                }
                prop_assert_eq!(reader.cell().unwrap(), None);
            }
            prop_assert!(reader.is_done());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let mut reader = RowReader::new(&bytes);
            while reader.row().is_some() {
                while let Some(Some(_)) = reader.cell() {}
            }
        }
    }

    #[test]
    fn codes_are_shared_until_the_table_is_full() {
        let shared = Shared::default();
        let (mut one, mut two) = (Coder::new(&shared), Coder::new(&shared));
        assert_eq!((one.text(b"a"), two.text(b"b"), two.text(b"a")), (Some(0), Some(1), Some(0)));
        assert_eq!(one.text(&[b'x'; SHARED_BYTES_MAX + 1]), None);
        for i in 2..SHARED_MAX {
            one.text(i.to_string().as_bytes()).unwrap();
        }
        assert_eq!((two.text(b"one more"), two.text(b"a")), (None, Some(0)));
        let last = (SHARED_MAX - 1).to_string();
        assert_eq!(two.text(last.as_bytes()), Some(SHARED_MAX as u32 - 1));
    }
}

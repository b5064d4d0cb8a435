//! The rows of one day in memory: what a WAL frame carries, a memtable run holds and a section is built from.

use serde::{Deserialize, Serialize};

/// The ordinal of rows without a user.
pub(crate) const NO_USER: u32 = u32::MAX;

/// Distinct strings (activity names, property names, text values) with dense codes from 0.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    #[serde(skip)]
    index: std::collections::HashMap<Vec<u8>, u32>, // the day room chooses a better one
}

impl Strings {
    /// The string's code, giving it one at first sight.
    pub(crate) fn code(&mut self, _text: &[u8]) -> u32 {
        todo!()
    }
    /// The code of a string that is there.
    pub(crate) fn find(&self, _text: &[u8]) -> Option<u32> {
        todo!()
    }
    /// Empty for a code that was never given.
    pub(crate) fn get(&self, _code: u32) -> &[u8] {
        todo!()
    }
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// One property's value in one row; 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Cell {
    #[default]
    Null,
    Bool(bool),
    Integer(i64),
    /// Scale and unscaled value.
    Decimal(u8, i64),
    /// Scale and an index into `DayRows::wide`, for unscaled values beyond 64 bits.
    WideDecimal(u8, u32),
    Float(f64),
    /// A code of `DayRows::strings`.
    Text(u32),
}

/// One property over all rows; `cells` may be shorter than the rows, the missing tail is null.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Column {
    /// The property's name, a code of `DayRows::strings`.
    pub(crate) name: u32,
    pub(crate) cells: Vec<Cell>,
}

/// Rows of one day, as columns, in arrival order until sorted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct DayRows {
    pub(crate) strings: Strings,
    /// Ordinals; `NO_USER` for a row without one.
    pub(crate) users: Vec<u32>,
    /// Codes of `strings`.
    pub(crate) activities: Vec<u32>,
    /// Microseconds since the day's start instant; never negative, below 2^38.
    pub(crate) times: Vec<i64>,
    pub(crate) columns: Vec<Column>,
    /// Unscaled values beyond 64 bits.
    pub(crate) wide: Vec<i128>,
    /// Keyed hashes of the insert ids of these rows, any order.
    pub(crate) insert_ids: Vec<u128>,
}

impl DayRows {
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
    /// Adds a row's fixed fields; its cells follow with `set`.
    pub(crate) fn push(&mut self, _user: u32, _activity: &[u8], _time: i64) {
        todo!()
    }
    /// Sets a property of the last row.
    pub(crate) fn set(&mut self, _property: &[u8], _value: &crate::Value) {
        todo!()
    }
    /// Appends the other's rows after these, re-coding strings.
    pub(crate) fn append(&mut self, _other: &DayRows) {
        todo!()
    }
    /// The order of a section: (activity name bytes, chunk, user, time, arrival); rows without a
    /// user come last in their activity, by (time, arrival).
    pub(crate) fn section_order(&self) -> Vec<u32> {
        todo!()
    }
    /// These rows permuted: row i of the result is row `order[i]`.
    pub(crate) fn permuted(&self, _order: &[u32]) -> DayRows {
        todo!()
    }
    /// Checks what decoding cannot: lengths agree, codes exist, times in range.
    pub(crate) fn check(&self) -> Result<(), String> {
        todo!()
    }
    /// Rough size in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        todo!()
    }
}

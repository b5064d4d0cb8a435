//! The rows of one day in memory: what a WAL frame carries, a memtable run holds and a section is
//! built from.

use super::datum::KindSet;
pub(crate) use super::row_ids::RowIds;
pub(crate) use super::strings::Strings;
use crate::event::{Decimal, Number, Value};
use crate::limits::{DECIMAL_SCALE_MAX, TEXT_BYTES_MAX};
use serde::{Deserialize, Serialize};

/// The ordinal of rows without a user.
pub(crate) const NO_USER: u32 = u32::MAX;
/// Bits of a time within a day: 2^38 microseconds are three days, longer than any civil date.
pub(crate) const TIME_BITS: u32 = 38;

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

impl Cell {
    /// What kind of value it is; none for null.
    pub(crate) fn kind(self) -> KindSet {
        match self {
            Cell::Null => KindSet::NONE,
            Cell::Bool(_) => KindSet::BOOL,
            Cell::Text(_) => KindSet::TEXT,
            Cell::Integer(_) | Cell::Decimal(..) | Cell::WideDecimal(..) | Cell::Float(_) => {
                KindSet::NUMBER
            }
        }
    }
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
    /// Of these rows, in any order.
    pub(crate) insert_ids: RowIds,
}

impl Cell {
    /// The cell among other rows: texts have other codes there, and wide values follow `wide` more.
    pub(super) fn moved(self, recode: impl Fn(u32) -> u32, wide: u32) -> Cell {
        match self {
            Cell::Text(code) => Cell::Text(recode(code)),
            Cell::WideDecimal(scale, index) => Cell::WideDecimal(scale, index + wide),
            other => other,
        }
    }

    /// The number, if it is one; `wide`: where unscaled values beyond 64 bits are.
    #[inline]
    pub(crate) fn number(self, wide: &[i128]) -> Option<Number> {
        match self {
            Cell::Integer(value) => Some(Number::from(value)),
            Cell::Decimal(scale, value) => {
                Decimal::new(value.into(), scale).ok().map(Number::Exact)
            }
            Cell::WideDecimal(scale, at) => {
                Decimal::new(*wide.get(at as usize)?, scale).ok().map(Number::Exact)
            }
            Cell::Float(value) => Some(Number::Float(value)),
            Cell::Null | Cell::Bool(_) | Cell::Text(_) => None,
        }
    }
}

impl Column {
    /// The value in a row; null beyond the end.
    pub(crate) fn cell(&self, row: usize) -> Cell {
        self.cells.get(row).copied().unwrap_or_default()
    }
}

impl DayRows {
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Adds a row's fixed fields; its cells follow with `set`.
    pub(crate) fn push(&mut self, user: u32, activity: &[u8], time: i64) {
        let activity = self.strings.code(activity);
        self.users.push(user);
        self.activities.push(activity);
        self.times.push(time);
    }

    /// Sets a property of the last row.
    pub(crate) fn set(&mut self, property: &[u8], value: &Value) {
        let cell = match value {
            Value::Bool(value) => Cell::Bool(*value),
            Value::Integer(value) => Cell::Integer(*value),
            Value::Decimal(value) => self.decimal_cell(*value),
            Value::Float(value) => Cell::Float(*value),
            Value::Text(value) => Cell::Text(self.strings.code(value.as_bytes())),
        };
        self.set_cell(property, cell);
    }

    /// Sets a property of the last row to a cell whose text and wide value are in these rows.
    pub(crate) fn set_cell(&mut self, property: &[u8], cell: Cell) {
        let name = self.strings.code(property);
        let column = self.column(name);
        let before = self.len().saturating_sub(1);
        let cells = &mut self.columns[column].cells;
        cells.resize(before, Cell::Null);
        cells.push(cell);
    }

    /// The cell of a decimal; one beyond 64 bits joins `wide`.
    pub(crate) fn decimal_cell(&mut self, value: Decimal) -> Cell {
        match i64::try_from(value.unscaled()) {
            Ok(unscaled) => Cell::Decimal(value.scale(), unscaled),
            Err(_) => {
                self.wide.push(value.unscaled());
                Cell::WideDecimal(value.scale(), (self.wide.len() - 1) as u32)
            }
        }
    }

    /// Position of the column of that name (a code of `strings`), made at first use.
    pub(crate) fn column(&mut self, name: u32) -> usize {
        let found = self.columns.iter().position(|column| column.name == name);
        found.unwrap_or_else(|| {
            self.columns.push(Column { name, cells: Vec::new() });
            self.columns.len() - 1
        })
    }

    /// Appends the other's rows after these, re-coding strings.
    pub(crate) fn append(&mut self, other: &DayRows) {
        let codes = self.recoded(other);
        self.append_recoded(other, &codes);
    }

    /// By code of the other's strings: the code of the same string here, new at first sight.
    pub(super) fn recoded(&mut self, other: &DayRows) -> Vec<u32> {
        let strings = &mut self.strings;
        (0..other.strings.len() as u32).map(|c| strings.code(other.strings.get(c))).collect()
    }

    /// Appends the other's rows after these. `codes`: of `recoded`.
    pub(super) fn append_recoded(&mut self, other: &DayRows, codes: &[u32]) {
        let recode = |code: u32| codes.get(code as usize).copied().unwrap_or(u32::MAX);
        let (rows, wide) = (self.len(), self.wide.len() as u32);
        for from in &other.columns {
            let column = self.column(recode(from.name));
            let cells = &mut self.columns[column].cells;
            cells.resize(rows, Cell::Null);
            cells.extend(from.cells.iter().map(|&cell| cell.moved(recode, wide)));
        }
        self.users.extend_from_slice(&other.users);
        self.activities.extend(other.activities.iter().map(|&code| recode(code)));
        self.times.extend_from_slice(&other.times);
        self.wide.extend_from_slice(&other.wide);
        self.insert_ids.append(&other.insert_ids);
    }

    /// The order of a section: (activity name bytes, chunk, user, time, arrival); rows without a
    /// user come last in their activity, by (time, arrival).
    pub(crate) fn section_order(&self) -> Vec<u32> {
        super::order::sort(self, &self.activity_ranks().0).order
    }

    /// The rank of every string among the activity names of these rows, by bytes (`u32::MAX` for
    /// strings that are no activity's name), and the codes of those names in that order.
    pub(crate) fn activity_ranks(&self) -> (Vec<u32>, Vec<u32>) {
        let mut ranks = vec![u32::MAX; self.strings.len()];
        for &code in &self.activities {
            if let Some(rank) = ranks.get_mut(code as usize) {
                *rank = 0;
            }
        }
        let used = |&code: &u32| ranks.get(code as usize) == Some(&0);
        let mut names: Vec<u32> = (0..self.strings.len() as u32).filter(used).collect();
        names.sort_unstable_by_key(|&code| self.strings.get(code));
        for (rank, &code) in names.iter().enumerate() {
            ranks[code as usize] = rank as u32;
        }
        (ranks, names)
    }

    /// These rows permuted: row i of the result is row `order[i]`.
    pub(crate) fn permuted(&self, order: &[u32]) -> DayRows {
        let columns = self.columns.iter().map(|column| Column {
            name: column.name,
            cells: order.iter().map(|&row| column.cell(row as usize)).collect(),
        });
        DayRows {
            strings: self.strings.clone(),
            users: gathered(&self.users, order),
            activities: gathered(&self.activities, order),
            times: gathered(&self.times, order),
            columns: columns.collect(),
            wide: self.wide.clone(),
            insert_ids: self.insert_ids.clone(),
        }
    }

    /// Checks what decoding cannot: lengths agree, codes exist, times in range.
    pub(crate) fn check(&self) -> Result<(), String> {
        let rows = self.len();
        if self.activities.len() != rows || self.times.len() != rows {
            let (activities, times) = (self.activities.len(), self.times.len());
            return Err(format!("{rows} users, {activities} activities and {times} times"));
        }
        let strings = self.strings.len();
        if let Some(code) = self.activities.iter().find(|&&code| code as usize >= strings) {
            return Err(format!("an activity has the unknown string {code}"));
        }
        if let Some(time) = self.times.iter().find(|&&time| time < 0 || time >> TIME_BITS != 0) {
            return Err(format!("the time {time} us is not within a day"));
        }
        let mut named = vec![false; strings];
        for column in &self.columns {
            match named.get_mut(column.name as usize) {
                None => return Err(format!("a column has the unknown name {}", column.name)),
                Some(true) => return Err(format!("the column {} occurs twice", column.name)),
                Some(seen) => *seen = true,
            }
            if column.cells.len() > rows {
                return Err(format!("{} cells in {rows} rows", column.cells.len()));
            }
            self.check_cells(&column.cells)?;
        }
        self.insert_ids.check()?;
        self.check_texts()
    }

    pub(super) fn check_cells(&self, cells: &[Cell]) -> Result<(), String> {
        let wrong = cells.iter().find(|&&cell| match cell {
            Cell::Null | Cell::Bool(_) | Cell::Integer(_) => false,
            Cell::Decimal(scale, _) => scale > DECIMAL_SCALE_MAX,
            Cell::WideDecimal(scale, index) => {
                let value = self.wide.get(index as usize);
                value.is_none_or(|value| Decimal::new(*value, scale).is_err())
            }
            Cell::Float(value) => !value.is_finite(),
            // Their lengths are looked at once for all cells.
            Cell::Text(code) => code as usize >= self.strings.len(),
        });
        wrong.map_or(Ok(()), |cell| Err(format!("a cell cannot be: {cell:?}")))
    }

    /// Names are shorter than texts may be, so that every string has to be short enough.
    fn check_texts(&self) -> Result<(), String> {
        let lengths = (0..self.strings.len() as u32).map(|code| self.strings.get(code).len());
        match lengths.max() {
            Some(longest) if longest > TEXT_BYTES_MAX => {
                Err(format!("a text of {longest} bytes; {TEXT_BYTES_MAX} at most"))
            }
            _ => Ok(()),
        }
    }

    /// Rough size in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let cells: usize = self.columns.iter().map(|c| c.cells.capacity() * 16 + 32).sum();
        let fixed = self.users.capacity() * 4
            + self.activities.capacity() * 4
            + self.times.capacity() * 8
            + self.wide.capacity() * 16
            + self.insert_ids.memory();
        self.strings.memory() + fixed + cells + size_of::<DayRows>()
    }
}

/// `values[order[i]]` for each i.
fn gathered<T: Copy>(values: &[T], order: &[u32]) -> Vec<T> {
    order.iter().map(|&row| values[row as usize]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The most that 38 digits hold.
    const DECIMAL_MAX: i128 = 10i128.pow(38) - 1;

    /// Rows of (user, activity, time).
    fn rows_of(rows: &[(u32, &str, i64)]) -> DayRows {
        let mut day = DayRows::default();
        for (user, activity, time) in rows {
            day.push(*user, activity.as_bytes(), *time);
        }
        day
    }

    fn text(rows: &DayRows, column: usize, row: usize) -> &[u8] {
        match rows.columns[column].cell(row) {
            Cell::Text(code) => rows.strings.get(code),
            _ => b"",
        }
    }

    #[test]
    fn cells_belong_to_their_row() {
        let mut day = rows_of(&[(1, "a", 0), (2, "a", 0)]);
        day.set(b"x", &Value::Integer(7));
        day.set(b"x", &Value::Bool(true));
        day.push(3, b"b", 5);
        day.set(b"y", &Value::Text("t".into()));
        assert_eq!(day.columns[0].cells, [Cell::Null, Cell::Bool(true)]);
        assert_eq!((day.columns[0].cell(2), text(&day, 1, 2)), (Cell::Null, &b"t"[..]));
        day.check().unwrap();
    }

    #[test]
    fn append_keeps_order_and_recodes() {
        let mut day = rows_of(&[(1, "a", 9)]);
        day.set(b"x", &Value::Text("b".into()));
        day.wide.push(-DECIMAL_MAX);
        let mut other = rows_of(&[(2, "b", 3), (NO_USER, "a", 4)]);
        other.wide.push(DECIMAL_MAX);
        other.set_cell(b"z", Cell::WideDecimal(2, 0));
        other.set(b"x", &Value::Text("a".into()));
        other.insert_ids.push(77, 3);
        day.append(&other);
        day.check().unwrap();
        assert_eq!(day.users, [1, 2, NO_USER]);
        let names: Vec<_> = day.activities.iter().map(|&c| day.strings.get(c)).collect();
        assert_eq!(names, [b"a", b"b", b"a"]);
        assert_eq!((text(&day, 0, 0), day.columns[0].cell(1)), (&b"b"[..], Cell::Null));
        assert_eq!(
            (text(&day, 0, 2), day.columns[1].cell(2)),
            (&b"a"[..], Cell::WideDecimal(2, 1))
        );
        assert_eq!((day.wide.len(), day.insert_ids.hashes()), (2, &[77][..]));
    }

    #[test]
    fn the_section_order_ends_with_arrival() {
        let day = rows_of(&[
            (NO_USER, "a", 0),
            (7, "b", 1),
            (70_000, "a", 5),
            (7, "a", 5),
            (7, "a", 5),
            (7, "a", (1 << 38) - 1),
            (7, "a", 0),
            (NO_USER, "a", 0),
        ]);
        assert_eq!(day.section_order(), [6, 3, 4, 5, 2, 0, 7, 1]);
        let sorted = day.permuted(&day.section_order());
        assert_eq!(sorted.users, [7, 7, 7, 7, 70_000, NO_USER, NO_USER, 7]);
        assert_eq!(sorted.section_order(), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn wrong_rows_are_refused() {
        let wrong = |change: &dyn Fn(&mut DayRows)| {
            let mut day = rows_of(&[(1, "a", 0)]);
            day.set(b"x", &Value::Integer(1));
            day.check().unwrap();
            change(&mut day);
            day.check().unwrap_err()
        };
        assert!(wrong(&|d| d.times.push(1)).contains("2 times"));
        assert!(wrong(&|d| d.times[0] = -1).contains("-1 us"));
        assert!(wrong(&|d| d.times[0] = 1 << TIME_BITS).contains("not within a day"));
        assert!(wrong(&|d| d.activities[0] = 2).contains("unknown string"));
        assert!(wrong(&|d| d.columns[0].name = 2).contains("unknown name"));
        assert!(wrong(&|d| d.columns.push(Column { name: 1, cells: vec![] })).contains("twice"));
        assert!(wrong(&|d| d.columns[0].cells.push(Cell::Null)).contains("2 cells"));
        let long = vec![b'a'; TEXT_BYTES_MAX + 1];
        assert!(wrong(&|d| d.activities[0] = d.strings.code(&long)).contains("65536 bytes"));
        let wide = |value| {
            wrong(&|d| {
                d.wide = vec![value];
                d.columns[0].cells[0] = Cell::WideDecimal(0, 0);
            })
        };
        assert!(wide(DECIMAL_MAX + 1).contains("cannot be") && wide(i128::MIN).contains("cannot"));
        for cell in [
            Cell::Text(2),
            Cell::WideDecimal(0, 0),
            Cell::Decimal(39, 1),
            Cell::Float(f64::NAN),
            Cell::Float(f64::INFINITY),
        ] {
            assert!(wrong(&|d| d.columns[0].cells[0] = cell).contains("cannot be"));
        }
    }
}

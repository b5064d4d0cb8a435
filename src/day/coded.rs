//! Columns of few distinct values as codes, on their way to a section: two bytes a row instead of
//! the sixteen of a cell, and what is asked of a value is asked once.

use super::rows::{Cell, Column, DayRows};

/// One property over all rows: of each a code, and what the codes stand for.
#[derive(Debug, Clone)]
pub(crate) struct CodedColumn {
    /// The property's name, a code of the rows' strings.
    pub(crate) name: u32,
    /// Of each row; the missing tail is null.
    pub(crate) codes: Vec<u16>,
    /// By code: null first. A text has one code only, other values may have several.
    values: Vec<Cell>,
    /// By code of a text: its code here; 0 for those not met.
    texts: Vec<u16>,
}

/// Rows that a section is built from. A property is in one of the two kinds of column only.
#[derive(Debug, Default)]
pub(crate) struct SectionRows {
    pub(crate) rows: DayRows,
    pub(crate) coded: Vec<CodedColumn>,
}

impl CodedColumn {
    pub(crate) fn new(name: u32) -> CodedColumn {
        CodedColumn { name, codes: Vec::new(), values: vec![Cell::Null], texts: Vec::new() }
    }

    /// The code of a value; `None` where there are too many.
    pub(crate) fn code(&mut self, cell: Cell) -> Option<u16> {
        let known = match cell {
            Cell::Null => return Some(0),
            Cell::Text(text) => {
                let text = text as usize;
                if text >= self.texts.len() {
                    self.texts.resize(text + 1, 0);
                }
                self.texts.get_mut(text)
            }
            _ => None,
        };
        if let Some(known) = known.as_deref().filter(|code| **code > 0) {
            return Some(*known);
        }
        let code = u16::try_from(self.values.len()).ok()?;
        self.values.push(cell);
        if let Some(known) = known {
            *known = code;
        }
        Some(code)
    }

    /// By code: null first.
    pub(crate) fn values(&self) -> &[Cell] {
        &self.values
    }

    /// The value in a row; null beyond the end.
    pub(crate) fn cell(&self, row: usize) -> Cell {
        let code = self.codes.get(row).copied().unwrap_or_default();
        self.values.get(usize::from(code)).copied().unwrap_or_default()
    }

    pub(crate) fn has_some(&self) -> bool {
        self.codes.iter().any(|code| *code > 0)
    }

    /// How many rows have each of the values that rows have.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Cell, u32)> {
        let mut counts = vec![0u32; self.values.len()];
        for &code in &self.codes {
            if let Some(count) = counts.get_mut(usize::from(code)) {
                *count += 1; // rows of a section are fewer than 2^32
            }
        }
        self.values.iter().copied().zip(counts).filter(|(_, count)| *count > 0)
    }

    /// Checks what decoding cannot, as `DayRows::check` does.
    pub(super) fn check(&self, rows: &DayRows) -> Result<(), String> {
        let most = self.codes.iter().fold(0, |most: u16, code| most.max(*code));
        if self.codes.len() > rows.len() || usize::from(most) >= self.values.len() {
            let (codes, values, rows) = (self.codes.len(), self.values.len(), rows.len());
            return Err(format!("{codes} codes of {values} values in {rows} rows"));
        }
        let is_plain = rows.columns.iter().any(|column| column.name == self.name);
        if is_plain || self.name as usize >= rows.strings.len() {
            return Err(format!("a column has the name {}", self.name));
        }
        rows.check_cells(&self.values)
    }

    /// A cell for each row.
    pub(crate) fn plain(&self) -> Column {
        let cells = (0..self.codes.len()).map(|row| self.cell(row)).collect();
        Column { name: self.name, cells }
    }

    /// Rough size in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        (self.codes.capacity() + self.texts.capacity()) * size_of::<u16>()
            + self.values.capacity() * size_of::<Cell>()
            + size_of::<CodedColumn>()
    }

    /// Appends the values of other rows after `rows` of these; `moved`: by the other's code. False,
    /// and nothing is appended, where there are too many values.
    fn append(&mut self, rows: usize, codes: &[u16], moved: &[Cell]) -> bool {
        let own: Option<Vec<u16>> = moved.iter().map(|cell| self.code(*cell)).collect();
        let Some(own) = own else { return false };
        self.codes.resize(rows, 0);
        let own = |code: &u16| own.get(usize::from(*code)).copied().unwrap_or_default();
        self.codes.extend(codes.iter().map(own));
        true
    }
}

impl SectionRows {
    /// Appends rows after these, re-coding strings.
    pub(crate) fn append(&mut self, rows: &DayRows, coded: &[CodedColumn]) {
        let codes = self.rows.recoded(rows);
        let recode = |code: u32| codes.get(code as usize).copied().unwrap_or(u32::MAX);
        let wide = self.rows.wide.len() as u32;
        for from in coded {
            let moved = from.values.iter().map(|&cell| cell.moved(recode, wide)).collect();
            self.append_coded(recode(from.name), &from.codes, moved);
        }
        for column in &rows.columns {
            self.make_plain(recode(column.name));
        }
        self.rows.append_recoded(rows, &codes);
    }

    fn append_coded(&mut self, name: u32, codes: &[u16], moved: Vec<Cell>) {
        let rows = self.rows.len();
        let is_plain = self.rows.columns.iter().any(|column| column.name == name);
        if !is_plain {
            let found = self.coded.iter().position(|column| column.name == name);
            let at = found.unwrap_or_else(|| {
                let mut column = CodedColumn::new(name);
                column.codes.reserve(self.rows.users.capacity());
                self.coded.push(column);
                self.coded.len() - 1
            });
            if self.coded[at].append(rows, codes, &moved) {
                return;
            }
        }
        let column = self.make_plain(name);
        let cells = &mut self.rows.columns[column].cells;
        cells.resize(rows, Cell::Null);
        let cell = |code: &u16| moved.get(usize::from(*code)).copied().unwrap_or_default();
        cells.extend(codes.iter().map(cell));
    }

    /// The place of the property's column among those with a cell for each row; made, or made of
    /// the one with codes, where there is none.
    pub(crate) fn make_plain(&mut self, name: u32) -> usize {
        if let Some(at) = self.coded.iter().position(|column| column.name == name) {
            let plain = self.coded.remove(at).plain();
            self.rows.columns.push(plain);
        }
        self.rows.column(name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Some rows of one batch, and whether their property comes as codes.
    type Batch = (Vec<(u8, u16)>, bool);

    fn batch(values: &[(u8, u16)], is_coded: bool) -> (DayRows, Vec<CodedColumn>) {
        let mut rows = DayRows::default();
        let mut coded = CodedColumn::new(rows.strings.code(b"p"));
        for (kind, value) in values {
            rows.push(u32::from(*value), b"a", 0);
            let cell = match kind {
                0 => Cell::Null,
                1 => Cell::Text(rows.strings.code(format!("text {value}").as_bytes())),
                2 => {
                    rows.wide.push(i128::from(*value) << 70);
                    Cell::WideDecimal(0, rows.wide.len() as u32 - 1)
                }
                _ => Cell::Integer(i64::from(*value)),
            };
            let code = coded.code(cell).unwrap();
            coded.codes.push(code);
            if !is_coded {
                rows.set_cell(b"p", cell);
            }
        }
        (rows, if is_coded { vec![coded] } else { Vec::new() })
    }

    /// What the property's cells stand for, row by row.
    fn shown(section: &SectionRows) -> Vec<String> {
        let SectionRows { rows, coded } = section;
        assert!(rows.columns.len() + coded.len() <= 1, "the property is in one column");
        let cell = |row| match (rows.columns.first(), coded.first()) {
            (Some(column), _) => column.cell(row),
            (_, Some(column)) => column.cell(row),
            _ => Cell::Null,
        };
        let shown = |row| match cell(row) {
            Cell::Text(code) => String::from_utf8_lossy(rows.strings.get(code)).into_owned(),
            Cell::WideDecimal(_, at) => format!("wide {}", rows.wide[at as usize] >> 70),
            cell => format!("{cell:?}"),
        };
        (0..rows.len()).map(shown).collect()
    }

    proptest! {
        #[test]
        fn codes_and_cells_hold_the_same_values(
            batches in prop::collection::vec(
                (prop::collection::vec((0..4u8, 0..9u16), 0..20), any::<bool>()),
                0..5,
            ),
        ) {
            let joined = |as_is: bool| {
                let mut section = SectionRows::default();
                for (values, is_coded) in &batches as &Vec<Batch> {
                    let (rows, coded) = batch(values, as_is && *is_coded);
                    section.append(&rows, &coded);
                }
                section
            };
            prop_assert_eq!(shown(&joined(true)), shown(&joined(false)));
        }
    }

    #[test]
    fn too_many_values_become_cells() {
        let values: Vec<(u8, u16)> = (0..40_000).map(|value| (3, value)).collect();
        let (rows, coded) = batch(&values, true);
        let mut section = SectionRows::default();
        section.append(&rows, &coded);
        assert_eq!((section.coded.len(), section.rows.columns.len()), (1, 0));
        section.append(&rows, &coded);
        assert_eq!((section.coded.len(), section.rows.columns.len()), (0, 1));
        assert_eq!(
            shown(&section),
            [&values[..], &values]
                .concat()
                .iter()
                .map(|(_, value)| { format!("Integer({value})") })
                .collect::<Vec<_>>()
        );
    }
}

//! The cells of a property in the order of a section.
//!
//! Most properties have few values in a day. Codes of two bytes for them stay in the near caches,
//! where cells of sixteen do not, when they are fetched in an order that jumps all over the rows;
//! and they are quick to compare.

use super::coded::CodedColumn;
use super::column::same;
use super::datum::KindSet;
use super::rows::{Cell, Column, Strings};
use super::texts::{self, TextPlan};
use std::borrow::Cow;
use std::ops::Range;

/// A property's cells, laid out.
pub(crate) struct Laid {
    /// Of each row, which of the cells it has, the first of which is null; `None`: each row has its
    /// own.
    codes: Option<Vec<u16>>,
    cells: Vec<Cell>,
}

/// Stands for no key.
pub(crate) const NO_KEY: u32 = u32::MAX;

/// A property's cells in the order of the input.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unlaid<'a> {
    Plain(&'a Column),
    Coded(&'a CodedColumn),
}

impl Unlaid<'_> {
    /// The property's name.
    pub(crate) fn name(&self) -> u32 {
        match self {
            Unlaid::Plain(column) => column.name,
            Unlaid::Coded(column) => column.name,
        }
    }

    /// How the property's texts are to be stored.
    pub(crate) fn texts(&self, strings: &Strings, codes: &mut [u32]) -> TextPlan {
        match self {
            Unlaid::Plain(column) => {
                texts::plan(column.cells.iter().map(|cell| (*cell, 1)), strings, codes)
            }
            Unlaid::Coded(column) => texts::plan(column.counts(), strings, codes),
        }
    }

    /// Row `i` is row `order[i]` of the column. `strings`: how many codes texts can have.
    pub(crate) fn laid(&self, order: &[u32], strings: usize) -> Laid {
        match self {
            Unlaid::Plain(column) => Laid::of(column, order, strings),
            Unlaid::Coded(column) => {
                let code = |row: &u32| column.codes.get(*row as usize).copied().unwrap_or_default();
                let codes = order.iter().map(code).collect();
                Laid { codes: Some(codes), cells: column.values().to_vec() }
            }
        }
    }
}

impl Laid {
    /// Row `i` is row `order[i]` of the column. `strings`: how many codes texts can have.
    pub(crate) fn of(column: &Column, order: &[u32], strings: usize) -> Laid {
        if let Some((codes, cells)) = coded(column, order.len(), strings) {
            let codes = order.iter().map(|&row| codes[row as usize]).collect();
            return Laid { codes: Some(codes), cells };
        }
        let cells = order.iter().map(|&row| column.cell(row as usize)).collect();
        Laid { codes: None, cells }
    }

    /// What stands for the cell of a row: equal keys are equal cells, but not the other way round.
    pub(crate) fn key(&self, row: usize) -> u32 {
        // Rows of a section are fewer than 2^32.
        self.codes.as_ref().map_or(row as u32, |codes| codes[row].into())
    }

    /// Of each row, the key, where neighbours and equal texts share theirs.
    pub(crate) fn codes(&self) -> Option<&[u16]> {
        self.codes.as_deref()
    }

    /// Has none of the rows a value, as far as is seen at once?
    pub(crate) fn all_null(&self, rows: Range<usize>) -> bool {
        self.codes.as_ref().is_some_and(|codes| codes[rows].iter().all(|code| *code == 0))
    }

    /// The cell of a key; null for none.
    pub(crate) fn cell(&self, key: u32) -> Cell {
        self.cells.get(key as usize).copied().unwrap_or_default()
    }

    /// Whether any cell is a number.
    pub(crate) fn has_numbers(&self) -> bool {
        self.cells.iter().any(|cell| cell.kind() == KindSet::NUMBER)
    }

    /// Equal to the bit.
    pub(crate) fn same(&self, one: u32, two: u32) -> bool {
        one == two || same(self.cell(one), self.cell(two))
    }

    /// The cells of some rows.
    pub(crate) fn cells(&self, rows: Range<usize>) -> Cow<'_, [Cell]> {
        match &self.codes {
            None => Cow::Borrowed(&self.cells[rows]),
            Some(codes) => codes[rows].iter().map(|code| self.cells[usize::from(*code)]).collect(),
        }
    }
}

/// Codes of the rows, and the cells that they stand for: null first. `None` where there are too
/// many. Texts have one code each; of other cells only neighbours share theirs.
fn coded(column: &Column, rows: usize, strings: usize) -> Option<(Vec<u16>, Vec<Cell>)> {
    let mut codes = Vec::with_capacity(rows);
    let (mut cells, mut last) = (vec![Cell::Null], 0u16);
    // By the text's code; 0: not met.
    let mut texts = vec![0u16; strings];
    for &cell in &column.cells {
        let known = match cell {
            Cell::Null => Some(0),
            Cell::Text(text) => Some(texts[text as usize]).filter(|code| *code > 0),
            cell => Some(last).filter(|last| same(cells[usize::from(*last)], cell)),
        };
        last = match known {
            Some(code) => code,
            None => {
                let code = u16::try_from(cells.len()).ok()?;
                cells.push(cell);
                if let Cell::Text(text) = cell {
                    texts[text as usize] = code;
                }
                code
            }
        };
        codes.push(last);
    }
    codes.resize(rows, 0);
    Some((codes, cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn laid_cells_are_those_of_the_rows(
            kinds in prop::collection::vec((0..5u8, 0..9u32), 0..300),
            distinct in any::<bool>(),
            missing in 0..4usize,
        ) {
            let cell = |(at, (kind, value)): (usize, (u8, u32))| match kind {
                0 => Cell::Null,
                1 => Cell::Text(value),
                2 => Cell::Float(if value == 0 { -0.0 } else { 0.0 }),
                _ if distinct => Cell::Integer(at as i64),
                _ => Cell::Integer(i64::from(value)),
            };
            let repeat = if distinct { 300 } else { 1 };
            let kinds = kinds.repeat(repeat);
            let cells: Vec<Cell> = kinds.into_iter().enumerate().map(cell).collect();
            let rows = cells.len() + missing;
            let column = Column { name: 0, cells };
            let order: Vec<u32> = (0..rows as u32).rev().collect();
            let laid = Laid::of(&column, &order, 9);
            let all = laid.cells(0..rows);
            for (at, &row) in order.iter().enumerate() {
                let cell = column.cell(row as usize);
                prop_assert!(same(laid.cell(laid.key(at)), cell) && same(all[at], cell));
                let first = column.cell(order[0] as usize);
                prop_assert_eq!(laid.same(laid.key(0), laid.key(at)), same(first, cell));
            }
            prop_assert_eq!(laid.cell(NO_KEY), Cell::Null);
        }
    }
}

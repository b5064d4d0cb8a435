//! Rows of a table as columns, from a batch of one to a day's section.

use super::rows::{RowCell, RowHead, Shared, Text, end_row, put_cell, put_head};
use crate::day::coded::{CodedColumn, SectionRows};
use crate::day::rows::{Cell, Column, DayRows};
use crate::error::Result;
use crate::time::Day;
use crate::users::DistinctIds;

/// The rows that were made of a batch.
#[derive(Debug)]
pub(super) struct ParsedTable {
    /// The users' ids, in the order in which the rows meet them.
    pub(super) ids: DistinctIds,
    /// In the order in which the days are met. Users are places among the ids.
    pub(super) days: Vec<(Day, TableRows)>,
    /// Distinct properties of these rows, in no order.
    pub(super) properties: Vec<u32>,
}

/// Rows of one day.
#[derive(Debug, Default)]
pub(super) struct TableRows {
    /// Without insert ids: `insert_ids` has them by row.
    pub(super) rows: DayRows,
    /// Properties of few distinct values.
    pub(super) coded: Vec<CodedColumn>,
    /// Of each row; empty where the import has none.
    pub(super) insert_ids: Vec<Option<u128>>,
}

impl TableRows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rough size in memory, in bytes.
    pub(super) fn memory(&self) -> usize {
        let coded: usize = self.coded.iter().map(CodedColumn::memory).sum();
        self.rows.memory() + coded + self.insert_ids.capacity() * size_of::<Option<u128>>()
    }

    /// Some of the rows, in this order, with the texts that they have.
    pub(super) fn picked(&self, order: &[u32], codes: &mut Recoded) -> TableRows {
        let rows = &self.rows;
        let mut to = DayRows {
            users: order.iter().map(|&row| rows.users[row as usize]).collect(),
            times: order.iter().map(|&row| rows.times[row as usize]).collect(),
            ..DayRows::default()
        };
        let activities = order.iter().map(|&row| rows.activities[row as usize]);
        to.activities = activities.map(|code| codes.code(code, rows, &mut to)).collect();
        for column in &rows.columns {
            let cells =
                order.iter().map(|&row| codes.cell(column.cell(row as usize), rows, &mut to));
            let cells: Vec<Cell> = cells.collect();
            if cells.iter().any(|cell| *cell != Cell::Null) {
                let name = codes.code(column.name, rows, &mut to);
                to.columns.push(Column { name, cells });
            }
        }
        let mut coded = Vec::new();
        for column in &self.coded {
            let mut picked = CodedColumn::new(codes.code(column.name, rows, &mut to));
            // By code: the code in the rows picked.
            let mut known = vec![None; column.values().len()];
            let code = |&row: &u32| {
                let code = column.codes.get(row as usize).copied().unwrap_or_default();
                *known[usize::from(code)].get_or_insert_with(|| {
                    let cell = codes.cell(column.cell(row as usize), rows, &mut to);
                    // There are no more of them than before.
                    picked.code(cell).unwrap_or_default()
                })
            };
            picked.codes = order.iter().map(code).collect();
            if picked.has_some() {
                coded.push(picked);
            }
        }
        codes.forget();
        let ids = order.iter().filter_map(|&row| self.insert_ids.get(row as usize).copied());
        TableRows { rows: to, coded, insert_ids: ids.collect() }
    }

    /// Cuts the rows from `at` on off.
    pub(super) fn split_off(&mut self, at: usize) -> TableRows {
        let order: Vec<u32> = (0..self.len() as u32).collect();
        let (first, second) = order.split_at(at);
        let mut codes = Recoded::default();
        let rest = self.picked(second, &mut codes);
        *self = self.picked(first, &mut codes);
        rest
    }

    /// Takes out the rows of some users; answers these users.
    pub(super) fn take_out(&mut self, is_out: impl Fn(&u32) -> bool) -> Vec<u32> {
        let users = &self.rows.users;
        let out: Vec<u32> = users.iter().copied().filter(&is_out).collect();
        if !out.is_empty() {
            let kept = users.iter().zip(0u32..).filter(|(user, _)| !is_out(user));
            let kept: Vec<u32> = kept.map(|(_, row)| row).collect();
            *self = self.picked(&kept, &mut Recoded::default());
        }
        out
    }

    /// Appends the rows to those of a day, but for those whose insert id `is_new` refuses.
    pub(super) fn add_to(
        mut self,
        section: &mut SectionRows,
        is_new: &mut dyn FnMut(u128) -> Result<bool>,
    ) -> Result<()> {
        if !self.insert_ids.is_empty() {
            let mut kept = Vec::with_capacity(self.len());
            for (id, row) in self.insert_ids.iter().zip(0u32..) {
                if id.map_or(Ok(true), &mut *is_new)? {
                    kept.push(row);
                }
            }
            if kept.len() < self.len() {
                self = self.picked(&kept, &mut Recoded::default());
            }
        }
        let ids = self.insert_ids.iter().zip(&self.rows.users);
        self.rows.insert_ids = ids.filter_map(|(id, user)| id.map(|id| (id, *user))).collect();
        let is_first = section.rows.is_empty();
        section.append(&self.rows, &self.coded);
        let rows = &mut section.rows;
        if is_first {
            // Room for the day's other rows, as far as their number was known.
            for column in &mut rows.columns {
                column.cells.reserve(rows.users.capacity().saturating_sub(column.cells.len()));
            }
        }
        Ok(())
    }

    /// The rows one by one, each behind its user.
    pub(super) fn encoded(&self, shared: &Shared) -> Vec<u8> {
        let rows = &self.rows;
        let text = |code| {
            let text = rows.strings.get(code);
            shared.text(text).map_or(Text::Bytes(text), Text::Code)
        };
        let texts: Vec<Text<'_>> = (0..rows.strings.len() as u32).map(text).collect();
        let text = |code: u32| texts.get(code as usize).copied().unwrap_or(Text::Bytes(&[]));
        // A property that is in rows has its code already.
        let property = |name: u32| shared.property(rows.strings.get(name)).unwrap_or_default();
        let columns: Vec<(u32, &Column)> =
            rows.columns.iter().map(|column| (property(column.name), column)).collect();
        let coded: Vec<(u32, &CodedColumn)> =
            self.coded.iter().map(|column| (property(column.name), column)).collect();
        let mut bytes = Vec::new();
        for row in 0..rows.len() {
            bytes.extend_from_slice(&rows.users[row].to_le_bytes());
            let insert_id = self.insert_ids.get(row).copied().flatten();
            let head =
                RowHead { time: rows.times[row], activity: text(rows.activities[row]), insert_id };
            put_head(&mut bytes, &head);
            let plain = columns.iter().map(|(property, column)| (property, column.cell(row)));
            let coded = coded.iter().map(|(property, column)| (property, column.cell(row)));
            for (&property, cell) in plain.chain(coded) {
                let cell = match cell {
                    Cell::Null => continue,
                    Cell::Bool(value) => RowCell::Bool(value),
                    Cell::Integer(value) => RowCell::Integer(value),
                    Cell::Decimal(scale, value) => RowCell::Decimal(scale, value.into()),
                    Cell::WideDecimal(scale, at) => RowCell::Decimal(scale, rows.wide[at as usize]),
                    Cell::Float(value) => RowCell::Float(value),
                    Cell::Text(code) => RowCell::Text(text(code)),
                };
                put_cell(&mut bytes, property, cell);
            }
            end_row(&mut bytes);
        }
        bytes
    }
}

/// By code of some rows' strings: the code in rows picked from them.
#[derive(Debug, Default)]
pub(super) struct Recoded {
    codes: Vec<Option<u32>>,
    used: Vec<u32>,
}

impl Recoded {
    fn code(&mut self, code: u32, from: &DayRows, to: &mut DayRows) -> u32 {
        let at = code as usize;
        if at >= self.codes.len() {
            self.codes.resize(from.strings.len().max(at + 1), None);
        }
        *self.codes[at].get_or_insert_with(|| {
            self.used.push(code);
            to.strings.code(from.strings.get(code))
        })
    }

    /// The cell in the rows picked.
    fn cell(&mut self, cell: Cell, from: &DayRows, to: &mut DayRows) -> Cell {
        match cell {
            Cell::Text(code) => Cell::Text(self.code(code, from, to)),
            Cell::WideDecimal(scale, at) => {
                to.wide.push(from.wide[at as usize]);
                Cell::WideDecimal(scale, to.wide.len() as u32 - 1)
            }
            cell => cell,
        }
    }

    fn forget(&mut self) {
        for code in self.used.drain(..) {
            self.codes[code as usize] = None;
        }
    }
}

//! Batches of a table to rows by day, column by column.

use super::columns::{Columns, PropertyColumn};
use super::maker::{Maker, forced};
use super::options::ValueType;
use super::parquet::{Cells, Column, TableBlock, decimal};
use super::rejects::Refused;
use super::table::{ParsedTable, Recoded, TableRows};
use crate::day::coded::CodedColumn;
use crate::day::rows::{self, Cell, DayRows, NO_USER};
use crate::error::{Error, Result};
use crate::event::{Value, check_activity, check_id};
use crate::limits::{PROPERTIES_PER_EVENT_MAX, TEXT_BYTES_MAX, USER_ID_BYTES_MAX};
use crate::time::{Day, Micros};
use crate::users::DistinctIds;
use std::collections::BTreeMap;
use std::ops::Range;

/// Numbers that no more than one in so many rows has come as codes.
const RARE_ROWS: usize = 4;

/// Why rows of a batch were refused: the first reason of each.
struct Refusals {
    reasons: BTreeMap<usize, String>,
    is_refused: Vec<bool>,
}

impl Refusals {
    fn refuse(&mut self, row: usize, reason: String) {
        self.is_refused[row] = true;
        self.reasons.entry(row).or_insert(reason);
    }

    /// What `of` answers for each row, or the default where it refuses the row or that was done
    /// before.
    fn each<T: Clone + Default>(&mut self, mut of: impl FnMut(usize) -> Refused<T>) -> Vec<T> {
        let mut values = Vec::with_capacity(self.is_refused.len());
        values.extend((0..self.is_refused.len()).map(|row| {
            if self.is_refused[row] {
                return T::default();
            }
            of(row).unwrap_or_else(|reason| {
                self.refuse(row, reason);
                T::default()
            })
        }));
        values
    }

    /// Like `each`, for what is equal in all rows of one code: it is asked for once.
    fn each_code<T: Copy + Default>(
        &mut self,
        column: &Column<'_>,
        mut of: impl FnMut(usize) -> Refused<T>,
    ) -> Vec<T> {
        if let Some(codes) = column.all_codes().filter(|_| self.reasons.is_empty()) {
            let (mut known, mut is_known) =
                (vec![T::default(); column.codes()], vec![false; column.codes()]);
            for (row, &code) in codes.iter().enumerate() {
                let code = code as usize;
                if is_known.get(code) == Some(&true) {
                    continue;
                }
                match of(row) {
                    Err(reason) => self.refuse(row, reason),
                    Ok(value) if code < known.len() => {
                        (known[code], is_known[code]) = (value, true);
                    }
                    Ok(_) => {}
                }
            }
            let value = |code: &i32| known.get(*code as usize).copied().unwrap_or_default();
            return codes.iter().map(value).collect();
        }
        let mut known = vec![None; column.codes()];
        self.each(|row| {
            let code = column.code(row);
            if let Some(known) = code.and_then(|code| known[code]) {
                return Ok(known);
            }
            let value = of(row)?;
            if let Some(code) = code {
                known[code] = Some(value);
            }
            Ok(value)
        })
    }
}

/// Parses a batch.
pub(super) fn parse(
    maker: &mut Maker<'_>,
    columns: &Columns,
    constant: &str,
    block: &TableBlock,
) -> Result<ParsedTable> {
    let of = |index: usize| {
        let place = block.places.get(index).copied().flatten();
        place
            .and_then(|place| block.batch.columns().get(place))
            .and_then(|array| Column::new(array.as_ref()))
            .ok_or_else(|| Error::input(format!("column {} cannot be read", columns.quoted(index))))
    };
    let rows = block.batch.num_rows();
    let mut refusals = Refusals { reasons: BTreeMap::new(), is_refused: vec![false; rows] };
    let mut whole = TableRows::default();
    let (times, days) = times(&of(columns.time)?, maker, &mut refusals);
    whole.rows.times = times;
    let activity = columns.activity.map(of).transpose()?;
    whole.rows.activities = match &activity {
        Some(column) => activities(column, &mut whole.rows.strings, &mut refusals),
        None => {
            let name = check_activity(constant);
            let code = whole.rows.strings.code(constant.as_bytes());
            refusals.each(|_| name.clone().map(|()| code))
        }
    };
    if let Some(index) = columns.insert_id {
        let (column, mut scratch) = (of(index)?, String::new());
        whole.insert_ids = refusals.each(|row| {
            maker.settings.insert_id(column.text(row, &mut scratch)?.unwrap_or_default())
        });
    }
    let mut properties = Vec::new();
    for property in &columns.properties {
        let column = of(property.index)?;
        if add_property(&column, (columns, property), &mut whole, &mut refusals) {
            properties.push(property.code);
        }
    }
    refuse_crowded(&whole, &mut refusals);
    // Last, so that only rows that are kept make users.
    let mut ids = DistinctIds::new(maker.settings.id_seed);
    whole.rows.users = users(&of(columns.user)?, &mut ids, &mut refusals);
    for (row, reason) in std::mem::take(&mut refusals.reasons) {
        maker.reject(block.first_row + row as u64, reason, b"");
    }
    Ok(ParsedTable { ids, days: by_day(whole, &days, &refusals), properties })
}

/// Times within their days, and the days of neighbouring rows.
fn times(
    column: &Column<'_>,
    maker: &mut Maker<'_>,
    refusals: &mut Refusals,
) -> (Vec<Micros>, Vec<(Day, Range<usize>)>) {
    if let Some((day, times)) = times_of_one_day(column, maker) {
        let rows = 0..times.len();
        return (times, vec![(day, rows)]);
    }
    let mut scratch = String::new();
    let mut days: Vec<(Day, Range<usize>)> = Vec::new();
    let times = refusals.each(|row| {
        let at = column.time(row, &maker.settings.times, &mut scratch)?;
        let span = maker.span(at)?;
        match days.last_mut() {
            Some((day, rows)) if *day == span.day => rows.end = row + 1,
            _ => days.push((span.day, row..row + 1)),
        }
        Ok(at - span.start)
    });
    (times, days)
}

/// Times that are all good and of one day, as neighbouring ones mostly are: the first and the last
/// tell for those between.
fn times_of_one_day(column: &Column<'_>, maker: &mut Maker<'_>) -> Option<(Day, Vec<Micros>)> {
    let instants = column.all_instants()?;
    let first = maker.span(*instants.iter().min()?).ok()?;
    let last = maker.span(*instants.iter().max()?).ok()?;
    let times = || instants.iter().map(|at| at - first.start).collect();
    (first == last).then(|| (first.day, times()))
}

fn activities(
    column: &Column<'_>,
    strings: &mut rows::Strings,
    refusals: &mut Refusals,
) -> Vec<u32> {
    let mut scratch = String::new();
    refusals.each_code(column, |row| {
        let name = column.text(row, &mut scratch)?.unwrap_or_default();
        check_activity(name)?;
        Ok(strings.code(name.as_bytes()))
    })
}

/// Adds a column for a property; false where no row has it.
fn add_property(
    column: &Column<'_>,
    (columns, property): (&Columns, &PropertyColumn),
    whole: &mut TableRows,
    refusals: &mut Refusals,
) -> bool {
    let name = columns.names.get(property.index).map_or("", String::as_str);
    let rows = &mut whole.rows;
    let mut scratch = String::new();
    let mut cell = |row: usize, rows: &mut DayRows| {
        cell(column, property.of, row, rows, &mut scratch)
            .map_err(|e| format!("column {}: {e}", columns.quoted(property.index)))
    };
    let numbers = if property.of.is_none() { numbers(column) } else { None };
    let codes = match numbers {
        Some(Numbers::Plain(cells)) => return add_cells(cells, name, rows),
        None if column.codes() == 0 => {
            return add_cells(refusals.each(|row| cell(row, rows)), name, rows);
        }
        Some(Numbers::Rare(values)) => Some(values),
        None => None,
    };
    let mut coded = CodedColumn::new(rows.strings.code(name.as_bytes()));
    // A batch has fewer rows than there are codes.
    coded.codes = match codes {
        Some(values) => {
            let mut codes = vec![0; refusals.is_refused.len()];
            for (row, value) in values {
                codes[row] = coded.code(value).unwrap_or_default();
            }
            codes
        }
        None => refusals.each_code(column, |row| {
            cell(row, rows).map(|cell| coded.code(cell).unwrap_or_default())
        }),
    };
    let has_some = coded.has_some();
    whole.coded.extend(has_some.then_some(coded));
    has_some
}

fn add_cells(cells: Vec<Cell>, name: &str, rows: &mut DayRows) -> bool {
    let has_some = cells.iter().any(|cell| *cell != Cell::Null);
    if has_some {
        let name = rows.strings.code(name.as_bytes());
        rows.columns.push(rows::Column { name, cells });
    }
    has_some
}

/// A column of numbers that can all be kept.
enum Numbers {
    Plain(Vec<Cell>),
    /// Of the few rows that have one.
    Rare(Vec<(usize, Cell)>),
}

fn numbers(column: &Column<'_>) -> Option<Numbers> {
    match &column.cells {
        Cells::Float(values) => {
            let is_kept = |(row, value): (usize, &f64)| value.is_finite() || column.is_null(row);
            let all_kept = values.iter().enumerate().all(is_kept);
            all_kept.then(|| unless_null(column, values, Cell::Float))
        }
        Cells::Whole(values) => Some(unless_null(column, values, Cell::Integer)),
        _ => None,
    }
}

fn unless_null<T: Copy>(column: &Column<'_>, values: &[T], of: impl Fn(T) -> Cell) -> Numbers {
    let Some(valid) = column.valid() else {
        return Numbers::Plain(values.iter().map(|value| of(*value)).collect());
    };
    let cells = values.iter().zip(valid);
    let some = valid.iter().filter(|valid| **valid).count();
    if RARE_ROWS * some > values.len() {
        let cell = |(value, valid): (&T, &bool)| if *valid { of(*value) } else { Cell::Null };
        return Numbers::Plain(cells.map(cell).collect());
    }
    let some = cells.enumerate().filter(|(_, (_, valid))| **valid);
    Numbers::Rare(some.map(|(row, (value, _))| (row, of(*value))).collect())
}

/// The cell of a row: null where it has no value.
fn cell(
    column: &Column<'_>,
    of: Option<ValueType>,
    row: usize,
    rows: &mut DayRows,
    scratch: &mut String,
) -> Refused<Cell> {
    if column.is_null(row) {
        return Ok(Cell::Null);
    }
    if let Some(of) = of {
        return match column.text(row, scratch)? {
            Some(text) => cell_of(&forced(of, text)?, rows),
            None => Ok(Cell::Null),
        };
    }
    match &column.cells {
        Cells::Boolean(array) => Ok(Cell::Bool(array.value(row))),
        Cells::Whole(values) => Ok(Cell::Integer(values[row])),
        Cells::Float(values) => float(values[row]),
        Cells::Decimal(values, 0) if i64::try_from(values[row]).is_ok() => {
            Ok(Cell::Integer(values[row] as i64))
        }
        Cells::Decimal(values, scale) => Ok(rows.decimal_cell(decimal(values[row], *scale)?)),
        _ => match column.text(row, scratch)? {
            Some(text) => text_cell(text, rows),
            None => Ok(Cell::Null),
        },
    }
}

fn cell_of(value: &Value, rows: &mut DayRows) -> Refused<Cell> {
    Ok(match value {
        Value::Bool(value) => Cell::Bool(*value),
        Value::Integer(value) => Cell::Integer(*value),
        Value::Decimal(value) => rows.decimal_cell(*value),
        Value::Float(value) => float(*value)?,
        Value::Text(text) => text_cell(text, rows)?,
    })
}

fn float(value: f64) -> Refused<Cell> {
    if !value.is_finite() {
        return Err(format!("the value {value} is no number that can be kept"));
    }
    Ok(Cell::Float(value))
}

fn text_cell(text: &str, rows: &mut DayRows) -> Refused<Cell> {
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        return Err(format!("text of {length} bytes; at most {TEXT_BYTES_MAX} are kept"));
    }
    Ok(Cell::Text(rows.strings.code(text.as_bytes())))
}

/// Refuses rows with too many properties.
fn refuse_crowded(whole: &TableRows, refusals: &mut Refusals) {
    let TableRows { rows: DayRows { columns, .. }, coded, .. } = whole;
    if columns.len() + coded.len() <= PROPERTIES_PER_EVENT_MAX {
        return;
    }
    refusals.each(|row| {
        let plain = columns.iter().filter(|column| column.cell(row) != Cell::Null).count();
        let cells = plain + coded.iter().filter(|column| column.cell(row) != Cell::Null).count();
        match cells {
            0..=PROPERTIES_PER_EVENT_MAX => Ok(()),
            _ => Err(format!("{cells} properties; at most {PROPERTIES_PER_EVENT_MAX} are kept")),
        }
    });
}

/// The place of each row's user among the ids, or `NO_USER`.
fn users(column: &Column<'_>, ids: &mut DistinctIds, refusals: &mut Refusals) -> Vec<u32> {
    let mut scratch = String::new();
    let is_checked = column.are_ids(USER_ID_BYTES_MAX);
    if is_checked
        && refusals.reasons.is_empty()
        && let Some(texts) = column.all_texts()
    {
        return ids.add_all(texts);
    }
    refusals.each(|row| {
        let id = column.text(row, &mut scratch)?.unwrap_or_default();
        if !is_checked {
            check_id("user id", id, USER_ID_BYTES_MAX)?;
        }
        Ok(if id.is_empty() { NO_USER } else { ids.add(id.as_bytes()) })
    })
}

/// The rows that were not refused, by day.
fn by_day(
    whole: TableRows,
    days: &[(Day, Range<usize>)],
    refusals: &Refusals,
) -> Vec<(Day, TableRows)> {
    match days {
        [(day, rows)] if rows.len() == whole.len() && !refusals.is_refused.contains(&true) => {
            return vec![(*day, whole)];
        }
        _ => {}
    }
    let mut of_days: BTreeMap<Day, Vec<u32>> = BTreeMap::new();
    for (day, rows) in days {
        let rows = rows.clone().filter(|row| !refusals.is_refused[*row]);
        of_days.entry(*day).or_default().extend(rows.map(|row| row as u32));
    }
    let mut codes = Recoded::default();
    let of_days = of_days.into_iter().filter(|(_, rows)| !rows.is_empty());
    of_days.map(|(day, rows)| (day, whole.picked(&rows, &mut codes))).collect()
}

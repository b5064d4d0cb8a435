//! One block's rows, read part by part, each at most once for all jobs.

use super::mask::{Mask, spread};
use super::needs::{Needs, unknown};
use crate::day::block::{Block, BlockColumn, Cells};
use crate::day::datum::Datum;
use crate::day::lazy::once;
use crate::day::rows::Cell;
use crate::day::section::Section;
use crate::error::Result;
use crate::scan::groups::{KeyPart, Numbering};
use std::cell::{Cell as Counter, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Texts of a column up to which what is worked out for one is kept, beside the column's length.
const TEXTS_KEPT_MIN: usize = 1_024;

/// Rows of one activity and chunk in one source of a day.
pub(super) struct BlockRows<'a> {
    /// The rank of its name.
    pub(super) activity: usize,
    pub(super) block: Block<'a>,
    /// The section that it lies in and the activity's code there; `None` for a memtable's run.
    section: Option<(&'a Section, u16)>,
    times: OnceCell<Vec<i64>>,
    columns: Vec<OnceCell<Option<Rc<BlockColumn<'a>>>>>,
    checks: Vec<OnceCell<Mask>>,
    groups: Vec<OnceCell<Spread<u32>>>,
}

/// A value per user, or per row.
#[derive(Debug, Clone)]
pub(super) struct Spread<T> {
    pub(super) per_user: bool,
    pub(super) values: Vec<T>,
}

impl<T: Copy + Default> Spread<T> {
    pub(super) fn get(&self, user: usize, row: usize) -> T {
        let place = if self.per_user { user } else { row };
        self.values.get(place).copied().unwrap_or_default()
    }
}

impl<'a> BlockRows<'a> {
    pub(super) fn new(
        activity: usize,
        block: Block<'a>,
        section: Option<(&'a Section, u16)>,
        needs: &Needs,
    ) -> BlockRows<'a> {
        let (columns, checks, groups) = needs.counts();
        BlockRows {
            activity,
            block,
            section,
            times: OnceCell::new(),
            columns: (0..columns).map(|_| OnceCell::new()).collect(),
            checks: (0..checks).map(|_| OnceCell::new()).collect(),
            groups: (0..groups).map(|_| OnceCell::new()).collect(),
        }
    }

    pub(super) fn section(&self) -> Option<(&'a Section, u16)> {
        self.section
    }

    /// `reads` counts the parts that are decoded.
    pub(super) fn times(&self, reads: &Counter<u64>) -> Result<&[i64]> {
        let read = || {
            reads.set(reads.get() + 1);
            self.block.times()
        };
        Ok(once(&self.times, read)?)
    }

    /// The times of some rows, each told with the place of its user.
    pub(super) fn times_at(&self, rows: &[(u32, u32)], reads: &Counter<u64>) -> Result<Vec<i64>> {
        reads.set(reads.get() + 1);
        self.block.times_at(rows)
    }

    /// A property on these rows; `None` where no row has it.
    pub(super) fn column(
        &self,
        property: usize,
        needs: &Needs,
        reads: &Counter<u64>,
    ) -> Result<Option<&BlockColumn<'a>>> {
        let cell = self.columns.get(property).ok_or_else(unknown)?;
        let read = || {
            reads.set(reads.get() + 1);
            self.block.column(needs.property_name(property)?)
        };
        Ok(once(cell, read)?.as_deref())
    }

    /// The rows that a filter lets pass; its activity is not looked at.
    pub(super) fn mask(&self, filter: usize, needs: &Needs, reads: &Counter<u64>) -> Result<Mask> {
        let mut mask = Mask::All;
        for clause in &needs.filter_of(filter)?.clauses {
            let mut either = Mask::None;
            for &check in clause {
                either = either.or(self.check(check, needs, reads)?, self.block.counts());
            }
            mask = mask.and(&either, self.block.counts());
            if mask == Mask::None {
                break;
            }
        }
        Ok(mask)
    }

    fn check(&self, check: usize, needs: &Needs, reads: &Counter<u64>) -> Result<&Mask> {
        let cell = self.checks.get(check).ok_or_else(unknown)?;
        once(cell, || {
            let (property, check) = needs.check_of(check)?;
            let Some(column) = self.column(property, needs, reads)? else {
                return Ok(if check.holds(Datum::Null) { Mask::All } else { Mask::None });
            };
            let flags = each(column, |value| Ok(check.holds(value)))?;
            Ok(Mask::of(flags, column.per_user))
        })
    }

    /// The number of each row's group.
    pub(super) fn groups(
        &self,
        numbering: usize,
        needs: &Needs,
        reads: &Counter<u64>,
    ) -> Result<&Spread<u32>> {
        let cell = self.groups.get(numbering).ok_or_else(unknown)?;
        once(cell, || {
            let (groups, properties) = needs.numbering_of(numbering)?;
            let columns: Vec<_> = properties
                .iter()
                .map(|property| self.column(*property, needs, reads))
                .collect::<Result<_>>()?;
            match columns.as_slice() {
                [column] => self.groups_of_one(groups, *column),
                columns => self.groups_of_several(groups, columns),
            }
        })
    }

    fn groups_of_one(
        &self,
        groups: &Numbering,
        column: Option<&BlockColumn<'a>>,
    ) -> Result<Spread<u32>> {
        let number = |value: Datum<'_>| groups.number(&[KeyPart::of(value)]);
        let Some(column) = column else {
            return Ok(self.everywhere(number(Datum::Null)?));
        };
        Ok(Spread { per_user: column.per_user, values: each(column, number)? })
    }

    /// Every distinct value of a property gets a number within the block first, so that a
    /// combination is looked up by small numbers.
    fn groups_of_several(
        &self,
        groups: &Numbering,
        columns: &[Option<&BlockColumn<'a>>],
    ) -> Result<Spread<u32>> {
        let users = self.block.users();
        let per_user = !users.is_empty() && columns.iter().flatten().all(|c| c.per_user);
        let mut parts: Vec<Vec<KeyPart>> = Vec::with_capacity(columns.len());
        let mut local: Vec<Vec<u32>> = Vec::with_capacity(columns.len());
        for column in columns {
            let (part, numbers) = self.numbered(*column, per_user)?;
            parts.push(part);
            local.push(numbers);
        }
        let count = if per_user { users.len() } else { self.block.rows() };
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        let values = (0..count).map(|row| {
            let numbers = local.iter().map(|n| n.get(row).copied().unwrap_or(0));
            let numbers: Vec<u32> = numbers.collect();
            if let Some(&group) = known.get(&numbers) {
                return Ok(group);
            }
            let part =
                |(parts, number): (&Vec<KeyPart>, &u32)| parts.get(*number as usize).cloned();
            let key: Vec<KeyPart> =
                parts.iter().zip(&numbers).map(|p| part(p).unwrap_or(KeyPart::Null)).collect();
            let group = groups.number(&key)?;
            known.insert(numbers, group);
            Ok(group)
        });
        Ok(Spread { per_user, values: values.collect::<Result<_>>()? })
    }

    /// The distinct values of a column, and which of them each row (or user) has.
    fn numbered(
        &self,
        column: Option<&BlockColumn<'a>>,
        per_user: bool,
    ) -> Result<(Vec<KeyPart>, Vec<u32>)> {
        let Some(column) = column else { return Ok((vec![KeyPart::Null], Vec::new())) };
        let mut numbers: HashMap<KeyPart, u32> = HashMap::new();
        let values = each(column, |value| {
            let next = numbers.len() as u32;
            Ok(*numbers.entry(KeyPart::of(value)).or_insert(next))
        })?;
        let mut parts = vec![KeyPart::Null; numbers.len()];
        for (part, number) in numbers {
            if let Some(place) = parts.get_mut(number as usize) {
                *place = part;
            }
        }
        let values = if column.per_user && !per_user {
            spread(&values, self.block.counts())
        } else {
            values
        };
        Ok((parts, values))
    }

    pub(super) fn everywhere(&self, group: u32) -> Spread<u32> {
        match self.block.users().len() {
            0 => Spread { per_user: false, values: vec![group; self.block.rows()] },
            users => Spread { per_user: true, values: vec![group; users] },
        }
    }
}

/// What `of` says of each cell of a column. Texts that occur often are asked once.
pub(super) fn each<T: Copy + Default>(
    column: &BlockColumn<'_>,
    mut of: impl FnMut(Datum<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut texts = OfTexts::new(column);
    let cells = match &column.cells {
        Cells::Texts(codes) => {
            if texts.0.is_empty() {
                return codes.iter().map(|code| texts.get(column, *code, &mut of)).collect();
            }
            let mut met = vec![false; texts.0.len()];
            for &code in codes {
                if let Some(met) = met.get_mut(code as usize) {
                    *met = true;
                }
            }
            for (code, _) in (0u32..).zip(&met).filter(|(_, met)| **met) {
                texts.get(column, code, &mut of)?;
            }
            return Ok(texts.all_of(codes));
        }
        Cells::Any(cells) => cells,
    };
    let mut last: Option<(Cell, T)> = None;
    let mut all = Vec::with_capacity(cells.len());
    for &cell in &**cells {
        let answer = match (last, cell) {
            (Some((known, answer)), _) if known == cell => answer,
            (_, Cell::Text(code)) => texts.get(column, code, &mut of)?,
            _ => of(column.datum(cell)?)?,
        };
        last = Some((cell, answer));
        all.push(answer);
    }
    Ok(all)
}

/// What was said of a column's texts, by their codes.
struct OfTexts<T>(Vec<Option<T>>);

impl<T: Copy + Default> OfTexts<T> {
    fn new(column: &BlockColumn<'_>) -> OfTexts<T> {
        let keep = column.texts() <= column.cells.len().max(TEXTS_KEPT_MIN);
        OfTexts(vec![None; if keep { column.texts() } else { 0 }])
    }

    /// The answers to these codes, all of which were asked for before: the short loop of most
    /// columns.
    fn all_of(&self, codes: &[u32]) -> Vec<T> {
        let answers: Vec<T> = self.0.iter().map(|answer| answer.unwrap_or_default()).collect();
        let answer = |code: &u32| answers.get(*code as usize).copied();
        codes.iter().map(|code| answer(code).unwrap_or_default()).collect()
    }

    #[inline]
    fn get(
        &mut self,
        column: &BlockColumn<'_>,
        code: u32,
        of: &mut impl FnMut(Datum<'_>) -> Result<T>,
    ) -> Result<T> {
        match self.0.get_mut(code as usize) {
            Some(Some(answer)) => Ok(*answer),
            Some(place) => Ok(*place.insert(of(column.datum(Cell::Text(code))?)?)),
            None => of(column.datum(Cell::Text(code))?),
        }
    }
}

impl KeyPart {
    pub(super) fn of(value: Datum<'_>) -> KeyPart {
        match value {
            Datum::Null => KeyPart::Null,
            Datum::Bool(value) => KeyPart::Bool(value),
            Datum::Text(text) => KeyPart::Text(text.into()),
            number => number.number().map_or(KeyPart::Null, KeyPart::number),
        }
    }
}

//! Gathering a row job's events of one chunk, and handing them out user by user.

use super::RowEvent;
use super::block::BlockRows;
use super::grid::DayBlocks;
use super::mask::Mask;
use crate::codec::bits::Bits;
use crate::day::rows::Cell;
use crate::error::Result;
use crate::event::{Decimal, Number};
use crate::limits::CHUNK_USERS;
use crate::scan::kernels;
use crate::scan::narrow::{Narrow, Wanted};
use crate::time::Micros;
use std::borrow::Cow;
use std::sync::Arc;

/// A row job with its things found in the needs of the scan.
#[derive(Debug, PartialEq)]
pub(in crate::scan) struct BoundRows {
    pub(in crate::scan) filters: Vec<usize>,
    pub(in crate::scan) from: Micros,
    pub(in crate::scan) to: Micros,
    pub(in crate::scan) property: Option<usize>,
    pub(in crate::scan) numbering: Option<usize>,
    pub(in crate::scan) activities: bool,
    pub(in crate::scan) nobody: bool,
    pub(in crate::scan) unordered: bool,
    /// Not empty only where events may be alike.
    pub(in crate::scan) edges: Arc<[Micros]>,
    pub(in crate::scan) narrow: Option<Narrow>,
    pub(in crate::scan) set: Option<usize>,
}

impl BoundRows {
    /// What an event takes while the rest of its chunk is gathered and sorted.
    pub(in crate::scan) fn row_bytes(&self) -> usize {
        if self.unordered {
            return 0; // it is handed out with its day
        }
        let mask = if self.filters.len() > 1 { size_of::<u64>() } else { 0 };
        let number = if self.property.is_some() { size_of::<Cell>() } else { 0 };
        let codes = usize::from(self.activities) + usize::from(self.numbering.is_some()) + 1;
        size_of::<u16>() + size_of::<Micros>() + mask + number + codes * size_of::<u32>()
    }
}

/// Events of one chunk, as columns, in the order of days.
#[derive(Default)]
pub(in crate::scan) struct Gathered {
    lows: Vec<u16>,
    at: Vec<Micros>,
    /// Empty where there is one selector: then every event matches it.
    masks: Vec<u64>,
    activities: Vec<u32>,
    groups: Vec<u32>,
    numbers: Vec<Cell>,
    wide: Vec<Decimal>,
}

/// What is known of a block before its rows are looked at.
struct Reading<'b> {
    masks: Vec<(u64, Mask)>,
    times: &'b [Micros],
    /// The number of each row (or user).
    numbers: Option<Numbers>,
    groups: Option<&'b super::block::Spread<u32>>,
    /// The block may hold events outside of the job's time.
    timed: bool,
}

/// Rows of some users: each with the place of its user, and the user.
struct Picked {
    rows: Vec<(u32, u32)>,
    lows: Vec<u16>,
}

/// The rows of the wanted ones among these users, who have `counts` rows each, or one.
///
/// Whether somebody is wanted is as good as random: to write everybody down and count on only for
/// those who are costs less than to ask.
fn picked(users: &[u16], counts: &[u32], wanted: &Bits) -> Picked {
    let all = counts.iter().fold(users.len(), |all, count| all + *count as usize);
    let mut picked = Picked { rows: vec![(0, 0); all], lows: vec![0; all] };
    let (mut next, mut row) = (0, 0u32);
    let mut counts = counts.iter();
    for (user, &low) in (0u32..).zip(users) {
        let count = counts.next().map_or(1, |count| *count);
        let is_wanted = wanted.contains(low);
        (picked.rows[next], picked.lows[next]) = ((user, row), low);
        next += usize::from(is_wanted);
        if is_wanted && count > 1 {
            for more in row + 1..row + count {
                (picked.rows[next], picked.lows[next]) = ((user, more), low);
                next += 1;
            }
        }
        row += count;
    }
    picked.rows.truncate(next);
    picked.lows.truncate(next);
    picked
}

struct Numbers {
    per_user: bool,
    cells: Vec<Cell>,
}

impl Gathered {
    /// Takes in a day. `set`: only these users.
    pub(in crate::scan) fn day(
        &mut self,
        job: &BoundRows,
        day: &DayBlocks<'_, '_>,
        set: Option<&Bits>,
    ) -> Result<()> {
        day.each(&job.filters, &[], &mut |block| {
            let Some(reading) = self.reading(job, day, block)? else { return Ok(()) };
            self.take(job, block, &reading, set);
            Ok(())
        })
    }

    /// Takes in a day of a job whose selectors are steps without conditions. `wanted`: by step,
    /// whose rows matter.
    pub(in crate::scan) fn narrowed_day(
        &mut self,
        job: &BoundRows,
        day: &DayBlocks<'_, '_>,
        wanted: &[Wanted],
    ) -> Result<()> {
        let wanted = || job.filters.iter().zip(wanted.iter().map(Wanted::users));
        let some = wanted().filter(|(_, users)| users.is_some());
        let filters: Vec<usize> = some.map(|(filter, _)| *filter).collect();
        day.each(&filters, &[], &mut |block| {
            let (mut mask, mut users): (u64, Option<Cow<'_, Bits>>) = (0, None);
            for (bit, (filter, wanted)) in wanted().enumerate() {
                if !day.grid.wants(*filter, block.activity) {
                    continue;
                }
                mask |= 1 << bit;
                match (&mut users, wanted) {
                    (Some(users), Some(wanted)) => kernels::or(users.to_mut(), wanted),
                    (users, wanted) => *users = users.take().or(wanted.map(Cow::Borrowed)),
                }
            }
            users.map_or(Ok(()), |users| self.pick(job, day, block, (mask, &users)))
        })
    }

    /// Takes in the rows of some users of a block.
    fn pick(
        &mut self,
        job: &BoundRows,
        day: &DayBlocks<'_, '_>,
        block: &BlockRows<'_>,
        (mask, wanted): (u64, &Bits),
    ) -> Result<()> {
        let Picked { rows, lows } = picked(block.block.users(), block.block.counts(), wanted);
        if rows.is_empty() {
            return Ok(());
        }
        let groups = job.numbering.map(|of| block.groups(of, &day.grid.needs, day.reads));
        let groups = groups.transpose()?;
        let times = block.times_at(&rows, day.reads)?;
        for ((&(user, row), low), at) in rows.iter().zip(lows).zip(times) {
            if !(job.from..job.to).contains(&at) {
                continue;
            }
            self.lows.push(low);
            self.at.push(at);
            self.masks.push(mask);
            if let Some(groups) = groups {
                self.groups.push(groups.get(user as usize, row as usize));
            }
        }
        Ok(())
    }

    /// `None`: no row passes.
    fn reading<'b>(
        &mut self,
        job: &BoundRows,
        day: &DayBlocks<'b, '_>,
        block: &'b BlockRows<'_>,
    ) -> Result<Option<Reading<'b>>> {
        let (grid, reads) = (day.grid, day.reads);
        let mut masks = Vec::with_capacity(job.filters.len());
        for (bit, &filter) in job.filters.iter().enumerate() {
            if !grid.wants(filter, block.activity) {
                continue;
            }
            let mask = block.mask(filter, &grid.needs, reads)?;
            if mask != Mask::None {
                masks.push((1u64 << bit, mask));
            }
        }
        if masks.is_empty() {
            return Ok(None);
        }
        let times = block.times(reads)?;
        let numbers = match job.property {
            None => None,
            Some(property) => {
                let column = block.column(property, &grid.needs, reads)?;
                column.map(|column| {
                    let cells = (0..column.cells.len()).map(|at| column.cells.get(at));
                    let cells = cells.map(|cell| self.keep(column, cell)).collect();
                    Numbers { per_user: column.per_user, cells }
                })
            }
        };
        let groups = job.numbering.map(|numbers| block.groups(numbers, &grid.needs, reads));
        let timed = times.iter().any(|at| *at < job.from || *at >= job.to);
        Ok(Some(Reading { masks, times, numbers, groups: groups.transpose()?, timed }))
    }

    /// A number that does not need its column any more.
    fn keep(&mut self, column: &crate::day::block::BlockColumn<'_>, cell: Cell) -> Cell {
        match cell {
            Cell::Integer(_) | Cell::Decimal(..) | Cell::Float(_) => cell,
            Cell::WideDecimal(scale, _) => match column.number(cell) {
                Some(Number::Exact(number)) => {
                    self.wide.push(number);
                    Cell::WideDecimal(scale, (self.wide.len() - 1) as u32)
                }
                _ => Cell::Null,
            },
            Cell::Null | Cell::Bool(_) | Cell::Text(_) => Cell::Null,
        }
    }

    fn take(
        &mut self,
        job: &BoundRows,
        block: &BlockRows<'_>,
        reading: &Reading<'_>,
        set: Option<&Bits>,
    ) {
        let (users, counts) = (block.block.users(), block.block.counts());
        if users.is_empty() {
            (0..reading.times.len()).for_each(|row| self.push(job, block, reading, (0, 0, row)));
            return;
        }
        let mut row = 0;
        for (user, &low) in users.iter().enumerate() {
            let rows = counts.get(user).map_or(1, |count| *count as usize);
            if set.is_none_or(|set| set.contains(low)) {
                (row..row + rows).for_each(|row| self.push(job, block, reading, (user, low, row)));
            }
            row += rows;
        }
    }

    fn push(
        &mut self,
        job: &BoundRows,
        block: &BlockRows<'_>,
        reading: &Reading<'_>,
        (user, low, row): (usize, u16, usize),
    ) {
        let Some(&at) = reading.times.get(row) else { return };
        if reading.timed && (at < job.from || at >= job.to) {
            return;
        }
        let passed = reading.masks.iter().filter(|(_, mask)| mask.passes(user, row));
        let mask = passed.fold(0, |all, (bit, _)| all | bit);
        if mask == 0 {
            return;
        }
        self.lows.push(low);
        self.at.push(at);
        if job.filters.len() > 1 {
            self.masks.push(mask);
        }
        if job.activities {
            self.activities.push(block.activity as u32);
        }
        if job.numbering.is_some() {
            self.groups.push(reading.groups.map_or(0, |groups| groups.get(user, row)));
        }
        if job.property.is_some() {
            let cell = reading.numbers.as_ref().and_then(|numbers| {
                numbers.cells.get(if numbers.per_user { user } else { row }).copied()
            });
            self.numbers.push(cell.unwrap_or_default());
        }
    }

    fn event(&self, row: usize) -> RowEvent {
        let number = match self.numbers.get(row) {
            Some(Cell::Integer(value)) => Some(Number::Exact(Decimal::from(*value))),
            Some(Cell::Decimal(scale, value)) => {
                Decimal::new((*value).into(), *scale).ok().map(Number::Exact)
            }
            Some(Cell::WideDecimal(_, at)) => {
                self.wide.get(*at as usize).copied().map(Number::Exact)
            }
            Some(Cell::Float(value)) => Some(Number::Float(*value)),
            _ => None,
        };
        RowEvent {
            at: self.at.get(row).copied().unwrap_or_default(),
            mask: self.masks.get(row).copied().unwrap_or(1),
            activity: self.activities.get(row).copied().unwrap_or_default(),
            group: self.groups.get(row).copied().unwrap_or_default(),
            number,
        }
    }

    /// Takes all events out, in no order.
    pub(in crate::scan) fn drain(&mut self) -> Vec<RowEvent> {
        let events = (0..self.at.len()).map(|row| self.event(row)).collect();
        self.lows.clear();
        self.at.clear();
        self.masks.clear();
        self.activities.clear();
        self.groups.clear();
        self.numbers.clear();
        self.wide.clear();
        events
    }

    /// Calls `visit` with every user's events, in order.
    pub(in crate::scan) fn each_user(
        self,
        visit: &mut dyn FnMut(u16, &[RowEvent]) -> Result<()>,
    ) -> Result<()> {
        let mut events = Vec::new();
        let (order, ends) = self.order();
        let mut from = 0;
        for (low, end) in (0..=u16::MAX).zip(ends) {
            let rows = order.get(from..end as usize).unwrap_or_default();
            from = end as usize;
            if rows.is_empty() {
                continue;
            }
            events.clear();
            events.extend(rows.iter().map(|row| self.event(*row as usize)));
            // Rows come day by day and activity by activity: stable, so that at one instant the
            // order by name and arrival stays.
            if !events.is_sorted_by_key(|event| event.at) {
                events.sort_by_key(|event| event.at);
            }
            visit(low, &events)?;
        }
        Ok(())
    }

    /// Rows by user, and where each user's end.
    fn order(&self) -> (Vec<u32>, Vec<u32>) {
        let mut ends = vec![0u32; CHUNK_USERS];
        self.lows.iter().for_each(|&low| ends[usize::from(low)] += 1);
        let mut next = 0;
        for end in &mut ends {
            (*end, next) = (next, next + *end);
        }
        let mut order = vec![0u32; self.lows.len()];
        for (row, &low) in (0u32..).zip(&self.lows) {
            let end = &mut ends[usize::from(low)];
            order[*end as usize] = row;
            *end += 1;
        }
        (order, ends)
    }
}

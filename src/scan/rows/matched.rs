//! Who has rows that pass a filter, on one day in one chunk.

use super::block::{BlockRows, Spread};
use super::grid::DayBlocks;
use super::mask::Mask;
use super::needs::unknown;
use crate::codec::bits::Bits;
use crate::day::datum::Datum;
use crate::error::Result;
use crate::scan::groups::{Groups, KeyPart};
use crate::scan::kernels;
use crate::time::{Axis, Micros, Tick};
use std::borrow::Cow;

/// Rows of one user in one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) struct Hit {
    pub(in crate::scan) tick: Tick,
    pub(in crate::scan) rows: u32,
    pub(in crate::scan) low: u16,
}

/// Rows that were found.
#[derive(Debug)]
pub(in crate::scan) enum Found<'f> {
    /// Rows of one user in a slot.
    Hit(usize, Hit),
    /// Users who have such rows on the day, each once; their slots, or none where there is one slot.
    Users { lows: &'f [u16], slots: &'f [u32] },
}

impl Found<'_> {
    /// Calls `visit` with the slot (0 without groups) and the user of each.
    #[inline]
    pub(in crate::scan) fn each_user(&self, mut visit: impl FnMut(usize, u16)) {
        match self {
            Found::Hit(slot, hit) => visit(*slot, hit.low),
            Found::Users { lows, slots: [] } => lows.iter().for_each(|low| visit(0, *low)),
            Found::Users { lows, slots } => {
                lows.iter().zip(*slots).for_each(|(low, slot)| visit(*slot as usize, *low));
            }
        }
    }
}

/// Which rows are looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::scan) struct Sought<'s> {
    pub(in crate::scan) filter: usize,
    /// A breakdown; every row falls into the slot of its group.
    pub(in crate::scan) groups: Option<usize>,
    /// Rows fall into the slot of their group; before the groups are ranked, into its number.
    pub(in crate::scan) ranked: bool,
    /// How times become ticks; `None`: the day is one tick.
    pub(in crate::scan) axis: Option<&'s Axis>,
    /// Instants `[from, to)`; `None`: all of the day.
    pub(in crate::scan) within: Option<(Micros, Micros)>,
    /// Whether the numbers of rows matter: containers do not tell them.
    pub(in crate::scan) counted: bool,
}

impl Sought<'_> {
    /// Times do not matter: the day is one tick, and all of it counts.
    fn whole(&self) -> bool {
        self.axis.is_none() && self.within.is_none()
    }

    pub(super) fn slot(&self, groups: &Groups, group: u32) -> usize {
        if self.ranked { groups.slot(group) } else { group as usize }
    }

    fn slots<'g>(&self, groups: &Groups, numbers: &'g [u32]) -> Cow<'g, [u32]> {
        if self.ranked { groups.slots_of(numbers).into() } else { numbers.into() }
    }
}

impl DayBlocks<'_, '_> {
    /// Calls `visit` with what is found; a user may come several times, and only where numbers of
    /// rows matter are they told. `tick`: of the day, where it is one.
    pub(in crate::scan) fn matched(
        &self,
        sought: &Sought<'_>,
        tick: Tick,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<()> {
        let answered = self.by_everyone(sought, tick, visit)?;
        self.each(&[sought.filter], &answered, &mut |block| {
            if self.by_containers(block, sought, visit)?
                || self.groups_by_containers(block, sought, tick, visit)?
            {
                return Ok(());
            }
            let mask = block.mask(sought.filter, &self.grid.needs, self.reads)?;
            if mask == Mask::None {
                return Ok(());
            }
            if sought.whole() {
                return self.by_user(block, &mask, sought, tick, visit);
            }
            self.by_row(block, &mask, sought, tick, visit)
        })
    }

    /// For each section, whether what all rows of each user share told all there is to know: it
    /// takes a question about any activity, and properties that rows do not differ in.
    fn by_everyone(
        &self,
        sought: &Sought<'_>,
        tick: Tick,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<Vec<bool>> {
        let needs = &self.grid.needs;
        if !needs.filter_of(sought.filter)?.of_any() || !sought.whole() || sought.counted {
            return Ok(Vec::new());
        }
        let properties = needs.properties_of(sought.filter, sought.groups)?;
        let mut answered = vec![false; self.sections()];
        for (place, answered) in answered.iter_mut().enumerate() {
            let Some(shared) = self.shared(place)? else { continue };
            *answered = shared.tells(&properties, needs)?;
            if !*answered || self.by_codes(place, shared, sought, visit)? {
                continue;
            }
            let rows = shared.rows(needs)?;
            let mask = rows.mask(sought.filter, needs, self.reads)?;
            if mask != Mask::None {
                self.by_user(rows, &mask, sought, tick, visit)?;
            }
        }
        Ok(answered)
    }

    /// True where index containers told all there is to know of the block.
    fn by_containers(
        &self,
        block: &BlockRows<'_>,
        sought: &Sought<'_>,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<bool> {
        let clauses = &self.grid.needs.filter_of(sought.filter)?.clauses;
        let mut left: Option<Box<Bits>> = None;
        let mut indexed = 0;
        for clause in clauses {
            let Some(users) = self.indexed(block, clause)? else { continue };
            indexed += 1;
            match &mut left {
                None => left = Some(users),
                Some(left) => kernels::and(left, &users),
            }
        }
        let Some(left) = left else { return Ok(false) };
        if kernels::is_empty(&left) {
            return Ok(true);
        }
        let whole = sought.whole() && sought.groups.is_none();
        // Two conditions may hold on two rows: then rows must tell.
        if !whole || sought.counted || indexed != clauses.len() || indexed > 1 {
            return Ok(false);
        }
        let mut lows = Vec::new();
        kernels::for_each(&left, |low| lows.push(low));
        visit(Found::Users { lows: &lows, slots: &[] });
        Ok(true)
    }

    /// True where index containers told the groups of all rows of the block: one property, which no
    /// row misses, and no conditions.
    fn groups_by_containers(
        &self,
        block: &BlockRows<'_>,
        sought: &Sought<'_>,
        tick: Tick,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<bool> {
        let whole = sought.whole() && !sought.counted;
        let free = self.grid.needs.filter_of(sought.filter)?.clauses.is_empty();
        let (Some(groups), Some((section, code)), Some(chunk)) =
            (sought.groups.filter(|_| whole && free), block.section(), self.chunk())
        else {
            return Ok(false);
        };
        let (groups, numbering) = self.grid.needs.groups_of(groups)?;
        let (numbering, &[property]) = self.grid.needs.numbering_of(numbering)? else {
            return Ok(false);
        };
        let name = self.grid.needs.property_name(property)?;
        let Some(values) = section.indexed(code, name, chunk)? else { return Ok(false) };
        if !section.always_has(code, name, chunk)? {
            return Ok(false);
        }
        for indexed in values {
            let slot = sought.slot(groups, numbering.number(&[KeyPart::of(indexed.value)])?);
            indexed.users.for_each(|low| visit(Found::Hit(slot, Hit { tick, rows: 1, low })));
        }
        Ok(true)
    }

    /// The users with a row on which one of the checks holds; `None` where containers do not tell.
    fn indexed(&self, block: &BlockRows<'_>, clause: &[usize]) -> Result<Option<Box<Bits>>> {
        let (Some((section, code)), Some(chunk)) = (block.section(), self.chunk()) else {
            return Ok(None);
        };
        let mut users = Box::new(Bits::EMPTY);
        for &check in clause {
            let (property, check) = self.grid.needs.check_of(check)?;
            if check.holds(Datum::Null) {
                return Ok(None);
            }
            let name = self.grid.needs.property_name(property)?;
            let Some(values) = section.indexed(code, name, chunk)? else { return Ok(None) };
            let passing = values.iter().filter(|indexed| check.holds(indexed.value));
            passing.for_each(|indexed| indexed.users.or_into(&mut users));
        }
        Ok(Some(users))
    }

    /// The day is one tick: times are not read, and where values are the same for all rows of a
    /// user, neither are rows.
    fn by_user(
        &self,
        block: &BlockRows<'_>,
        mask: &Mask,
        sought: &Sought<'_>,
        tick: Tick,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<()> {
        let groups = self.groups(block, sought)?;
        let (users, counts) = (block.block.users(), block.block.counts());
        let whole = !matches!(mask, Mask::Rows(_)) && groups.is_none_or(|(_, of)| of.per_user);
        if whole && !sought.counted {
            let of_users = groups.map(|(groups, of)| sought.slots(groups, &of.values));
            let (lows, slots) = mask.passing(users, of_users.as_deref());
            visit(Found::Users { lows: &lows, slots: &slots });
            return Ok(());
        }
        let slot =
            |user, row| groups.map_or(0, |(groups, of)| sought.slot(groups, of.get(user, row)));
        let rows_of = |user: usize| counts.get(user).copied().unwrap_or(1);
        let mut row = 0;
        for (user, &low) in users.iter().enumerate() {
            let end = row + rows_of(user) as usize;
            if whole && mask.passes(user, row) {
                visit(Found::Hit(slot(user, 0), Hit { tick, rows: rows_of(user), low }));
            } else if !whole {
                let passing = (row..end).filter(|row| mask.passes(user, *row));
                let hit = Hit { tick, rows: 1, low };
                passing.for_each(|row| visit(Found::Hit(slot(user, row), hit)));
            }
            row = end;
        }
        Ok(())
    }

    fn by_row(
        &self,
        block: &BlockRows<'_>,
        mask: &Mask,
        sought: &Sought<'_>,
        day: Tick,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<()> {
        let groups = self.groups(block, sought)?;
        let times = block.times(self.reads)?;
        let (users, counts) = (block.block.users(), block.block.counts());
        let within = sought.within.unwrap_or((Micros::MIN, Micros::MAX));
        let mut ticks = Ticks { axis: sought.axis, day, met: Vec::new(), last: 0 };
        let mut row = 0;
        for (user, &low) in users.iter().enumerate() {
            let end = row + counts.get(user).map_or(1, |count| *count as usize);
            for row in row..end {
                let Some(&at) = times.get(row) else { return Err(unknown()) };
                if !mask.passes(user, row) || at < within.0 || at >= within.1 {
                    continue;
                }
                let group = groups.map(|(groups, of)| (groups, of.get(user, row)));
                let slot = group.map_or(0, |(groups, group)| sought.slot(groups, group));
                visit(Found::Hit(slot, Hit { tick: ticks.of(at), rows: 1, low }));
            }
            row = end;
        }
        Ok(())
    }

    fn groups<'b>(
        &'b self,
        block: &'b BlockRows<'_>,
        sought: &Sought<'_>,
    ) -> Result<Option<(&'b Groups, &'b Spread<u32>)>> {
        let Some(groups) = sought.groups else { return Ok(None) };
        let (groups, numbering) = self.grid.needs.groups_of(groups)?;
        Ok(Some((groups, block.groups(numbering, &self.grid.needs, self.reads)?)))
    }
}

/// Ticks of instants. A day of the database lies in a few; neighbours mostly share one.
struct Ticks<'s> {
    axis: Option<&'s Axis>,
    day: Tick,
    /// Those met so far, with their starts and ends; the last one asked for is `last`.
    met: Vec<(Micros, Micros, Tick)>,
    last: usize,
}

impl Ticks<'_> {
    fn of(&mut self, at: Micros) -> Tick {
        let Some(axis) = self.axis else { return self.day };
        let holds = |(from, to, _): &(Micros, Micros, Tick)| *from <= at && at < *to;
        if !self.met.get(self.last).is_some_and(holds) {
            self.last = self.met.iter().position(holds).unwrap_or_else(|| {
                let tick = axis.tick_of(at);
                self.met.push((axis.start(tick), axis.start(tick.saturating_add(1)), tick));
                self.met.len() - 1
            });
        }
        self.met.get(self.last).map_or(self.day, |(.., tick)| *tick)
    }
}

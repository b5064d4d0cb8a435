//! Many conditions on the same properties, looked up at once: every value is told apart by the
//! checks that hold for it, every row by its values, and each kind of row has a list of filters.

use super::block::{BlockRows, Spread, each};
use super::grid::DayBlocks;
use super::mask::spread;
use super::needs::{Needs, unknown};
use crate::day::datum::Datum;
use crate::error::Result;
use hashbrown::HashTable;
use std::cell::Cell;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// What is remembered of values and rows is thrown away when it has grown to so many.
const KNOWN_MAX: usize = 1 << 16;

/// Filters of the same activities and properties.
#[derive(Debug)]
pub(in crate::scan) struct Family {
    pub(in crate::scan) filters: Vec<usize>,
    /// Each with the checks that some of the filters ask of it.
    properties: Vec<(usize, Vec<usize>)>,
}

/// A row of a block, and the place of its user there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) user: usize,
    pub(super) low: u16,
    pub(super) row: usize,
}

/// What was found out of values so far. Rows are of one kind if the same checks hold for them.
#[derive(Debug, Default)]
pub(in crate::scan) struct Known {
    /// By property.
    values: Vec<Values>,
    /// Of a row's kinds by its first properties and its kind by the next one.
    pairs: Vec<HashTable<Pair>>,
    /// By kind: that by each property.
    parts: Vec<Vec<u32>>,
    /// By kind: the places of the filters that let it pass.
    passing: Vec<Option<Box<[u32]>>>,
    /// By a value's kind, that of rows of which nothing else is known.
    alone: Vec<Option<u32>>,
}

/// The kind of rows of one kind by their first properties and of another by the next one.
#[derive(Debug, Clone, Copy)]
struct Pair {
    parts: [u32; 2],
    kind: u32,
}

/// Values of one property.
#[derive(Debug, Default)]
struct Values {
    texts: HashTable<(Box<str>, u32)>,
    kinds: HashMap<Box<[u64]>, u32>,
    /// By kind: a bit for each check that holds.
    holding: Vec<Box<[u64]>>,
}

impl Family {
    /// Filters with conditions, by what they look at; those that are alone are left out.
    pub(in crate::scan) fn of(filters: &[usize], needs: &Needs) -> Result<Vec<Family>> {
        let mut families: Vec<(Option<&[String]>, Family)> = Vec::new();
        for &filter in filters {
            let (names, asked) = (needs.filter_of(filter)?.names(), needs.asked_of(filter)?);
            if asked.is_empty() {
                continue;
            }
            let same = |(known, family): &&mut (Option<&[String]>, Family)| {
                let properties = family.properties.iter().map(|(property, _)| property);
                *known == names && properties.eq(asked.keys())
            };
            match families.iter_mut().find(same) {
                Some((_, family)) => family.add(filter, asked.into_values()),
                None => {
                    let properties = asked.into_iter().collect();
                    families.push((names, Family { filters: vec![filter], properties }));
                }
            }
        }
        let families = families.into_iter().map(|(_, family)| family);
        Ok(families.filter(|family| family.filters.len() > 1).collect())
    }

    fn add(&mut self, filter: usize, asked: impl Iterator<Item = Vec<usize>>) {
        if self.filters.contains(&filter) {
            return;
        }
        self.filters.push(filter);
        for ((_, known), checks) in self.properties.iter_mut().zip(asked) {
            known.extend(checks);
            known.sort_unstable();
            known.dedup();
        }
    }
}

impl Values {
    /// The kind of a value. What is known of texts is looked up.
    fn kind(&mut self, value: Datum<'_>, checks: &[usize], needs: &Needs) -> Result<u32> {
        let Datum::Text(text) = value else { return self.find(value, checks, needs) };
        let hash = |text: &str| xxh3_64(text.as_bytes());
        let hashed = hash(text);
        if let Some((_, kind)) = self.texts.find(hashed, |(known, _)| **known == *text) {
            return Ok(*kind);
        }
        let kind = self.find(value, checks, needs)?;
        if self.texts.len() < KNOWN_MAX {
            self.texts.insert_unique(hashed, (text.into(), kind), |(known, _)| hash(known));
        }
        Ok(kind)
    }

    fn find(&mut self, value: Datum<'_>, checks: &[usize], needs: &Needs) -> Result<u32> {
        let mut holding = vec![0u64; checks.len().div_ceil(64)];
        for (bit, check) in checks.iter().enumerate() {
            if needs.check_of(*check)?.1.holds(value) {
                holding[bit / 64] |= 1 << (bit % 64);
            }
        }
        if let Some(kind) = self.kinds.get(holding.as_slice()) {
            return Ok(*kind);
        }
        let kind = self.holding.len() as u32; // thrown away far below the bound of 32 bits
        self.kinds.insert(holding.as_slice().into(), kind);
        self.holding.push(holding.into());
        Ok(kind)
    }

    fn holds(&self, kind: u32, check: usize) -> bool {
        let word = self.holding.get(kind as usize).and_then(|bits| bits.get(check / 64));
        word.is_some_and(|word| word >> (check % 64) & 1 == 1)
    }
}

impl Known {
    /// The kind of each row (or user) of a block.
    fn kinds(
        &mut self,
        family: &Family,
        block: &BlockRows<'_>,
        needs: &Needs,
        reads: &Cell<u64>,
    ) -> Result<Spread<u32>> {
        self.make_room(family);
        let mut kinds: Option<Spread<u32>> = None;
        for (place, (property, checks)) in family.properties.iter().enumerate() {
            let column = block.column(*property, needs, reads)?;
            let values = &mut self.values[place];
            let next = match column {
                Some(column) => {
                    let kind = |value: Datum<'_>| values.kind(value, checks, needs);
                    Spread { per_user: column.per_user, values: each(column, kind)? }
                }
                None => block.everywhere(values.kind(Datum::Null, checks, needs)?),
            };
            kinds = Some(match kinds {
                None => self.first(next),
                Some(kinds) => self.paired(place - 1, kinds, next, block.block.counts()),
            });
        }
        kinds.ok_or_else(unknown)
    }

    /// The kind of a row of which one property is known: that of a family of one.
    fn kind(&mut self, family: &Family, value: Datum<'_>, needs: &Needs) -> Result<u32> {
        self.make_room(family);
        let Some((_, checks)) = family.properties.first() else { return Err(unknown()) };
        let kind = self.values[0].kind(value, checks, needs)?;
        Ok(self.first_kind(kind))
    }

    fn make_room(&mut self, family: &Family) {
        let kinds = self.values.iter().map(|values| values.holding.len()).max().unwrap_or(0);
        if self.values.is_empty() || kinds.max(self.parts.len()) > KNOWN_MAX {
            *self = Known::default();
            self.values.resize_with(family.properties.len(), Values::default);
            self.pairs.resize_with(family.properties.len().saturating_sub(1), HashTable::new);
        }
    }

    fn first(&mut self, mut kinds: Spread<u32>) -> Spread<u32> {
        kinds.values.iter_mut().for_each(|value| *value = self.first_kind(*value));
        kinds
    }

    fn first_kind(&mut self, value: u32) -> u32 {
        let place = value as usize;
        if self.alone.len() <= place {
            self.alone.resize(place + 1, None);
        }
        if let Some(kind) = self.alone[place] {
            return kind;
        }
        let kind = self.parts.len() as u32; // as above
        self.parts.push(vec![value]);
        self.passing.push(None);
        self.alone[place] = Some(kind);
        kind
    }

    /// Kinds by one more property.
    fn paired(
        &mut self,
        pair: usize,
        kinds: Spread<u32>,
        next: Spread<u32>,
        counts: &[u32],
    ) -> Spread<u32> {
        let per_user = kinds.per_user && next.per_user;
        let by_row = |of: Spread<u32>| match of.per_user && !per_user {
            true => spread(&of.values, counts),
            false => of.values,
        };
        let (mut kinds, next) = (by_row(kinds), by_row(next));
        for (kind, value) in kinds.iter_mut().zip(next) {
            let parts = [*kind, value];
            let known = self.pairs[pair].find(hash(parts), |known| known.parts == parts);
            *kind = match known {
                Some(known) => known.kind,
                None => {
                    let both = self.parts.len() as u32; // as above
                    let mut all = self.parts[*kind as usize].clone();
                    all.push(value);
                    self.parts.push(all);
                    self.passing.push(None);
                    let known = Pair { parts, kind: both };
                    self.pairs[pair].insert_unique(hash(parts), known, |known| hash(known.parts));
                    both
                }
            };
        }
        Spread { per_user, values: kinds }
    }

    /// The places of the filters that let rows of a kind pass.
    fn passing(&mut self, kind: u32, family: &Family, needs: &Needs) -> Result<&[u32]> {
        let place = kind as usize;
        if self.passing.get(place).ok_or_else(unknown)?.is_none() {
            let mut passing = Vec::new();
            for (at, filter) in (0u32..).zip(&family.filters) {
                if self.passes(place, *filter, family, needs)? {
                    passing.push(at);
                }
            }
            self.passing[place] = Some(passing.into());
        }
        Ok(self.passing[place].as_deref().unwrap_or_default())
    }

    fn passes(&self, kind: usize, filter: usize, family: &Family, needs: &Needs) -> Result<bool> {
        let parts = &self.parts[kind];
        let holds = |check: usize| -> Result<bool> {
            let property = needs.check_of(check)?.0;
            let mut all = family.properties.iter().enumerate();
            let found = all.find(|(_, (known, _))| *known == property).ok_or_else(unknown)?;
            let (place, (_, checks)) = found;
            let bit = checks.binary_search(&check).map_err(|_| unknown())?;
            Ok(parts.get(place).is_some_and(|part| self.values[place].holds(*part, bit)))
        };
        for clause in &needs.filter_of(filter)?.clauses {
            let mut any = false;
            for check in clause {
                any |= holds(*check)?;
            }
            if !any {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Of each row (or user) of a block, the places of the filters that let it pass.
    pub(super) fn each_row(
        &mut self,
        family: &Family,
        block: &BlockRows<'_>,
        day: &DayBlocks<'_, '_>,
        visit: &mut dyn FnMut(&[u32], Row) -> Result<()>,
    ) -> Result<()> {
        let needs = &day.grid.needs;
        let kinds = self.kinds(family, block, needs, day.reads)?;
        let (users, counts) = (block.block.users(), block.block.counts());
        if users.is_empty() {
            for (row, kind) in kinds.values.iter().enumerate() {
                visit(self.passing(*kind, family, needs)?, Row { user: 0, low: 0, row })?;
            }
            return Ok(());
        }
        let mut row = 0;
        for (user, &low) in users.iter().enumerate() {
            let end = row + counts.get(user).map_or(1, |count| *count as usize);
            for row in row..end {
                let passing = self.passing(kinds.get(user, row), family, needs)?;
                if !passing.is_empty() {
                    visit(passing, Row { user, low, row })?;
                }
            }
            row = end;
        }
        Ok(())
    }
}

/// Both halves of a product that mixes all bits.
#[inline]
pub(in crate::scan) fn hash([a, b]: [u32; 2]) -> u64 {
    let key = u64::from(a) << 32 | u64::from(b);
    let wide = u128::from(key) * 0x9e37_79b9_7f4a_7c15_u128;
    (wide ^ wide >> 64) as u64
}

impl DayBlocks<'_, '_> {
    /// Calls `visit` with the users who have a row on the day that some of the family's filters let
    /// pass, and the places of these; a user may come several times.
    pub(in crate::scan) fn dispatched(
        &self,
        family: &Family,
        known: &mut Known,
        visit: &mut dyn FnMut(&[u32], u16),
    ) -> Result<()> {
        let Some(&filter) = family.filters.first() else { return Ok(()) };
        let answered = self.dispatched_by_everyone(family, known, visit)?;
        self.each(&[filter], &answered, &mut |block| {
            if self.dispatched_by_containers(block, family, known, visit)? {
                return Ok(());
            }
            self.dispatched_by_user(block, family, known, visit)
        })
    }

    /// Those of a block, each once for each kind of their rows that follow each other.
    fn dispatched_by_user(
        &self,
        block: &BlockRows<'_>,
        family: &Family,
        known: &mut Known,
        visit: &mut dyn FnMut(&[u32], u16),
    ) -> Result<()> {
        let needs = &self.grid.needs;
        let kinds = known.kinds(family, block, needs, self.reads)?;
        let (users, counts) = (block.block.users(), block.block.counts());
        let mut row = 0;
        for (user, &low) in users.iter().enumerate() {
            let rows = counts.get(user).map_or(1, |count| *count as usize);
            let of_user = if kinds.per_user { user..user + 1 } else { row..row + rows };
            row += rows;
            for same in kinds.values.get(of_user).unwrap_or_default().chunk_by(|a, b| a == b) {
                let Some(kind) = same.first() else { continue };
                let passing = known.passing(*kind, family, needs)?;
                if !passing.is_empty() {
                    visit(passing, low);
                }
            }
        }
        Ok(())
    }

    /// For each section, whether what all rows of each user share told all there is to know.
    fn dispatched_by_everyone(
        &self,
        family: &Family,
        known: &mut Known,
        visit: &mut dyn FnMut(&[u32], u16),
    ) -> Result<Vec<bool>> {
        let needs = &self.grid.needs;
        let of_any = family.filters.first().map(|filter| needs.filter_of(*filter)).transpose()?;
        if !of_any.is_some_and(|filter| filter.of_any()) {
            return Ok(Vec::new());
        }
        let properties: Vec<usize> =
            family.properties.iter().map(|(property, _)| *property).collect();
        let mut answered = vec![false; self.sections()];
        for (place, answered) in answered.iter_mut().enumerate() {
            let Some(shared) = self.shared(place)? else { continue };
            *answered = shared.tells(&properties, needs)?;
            if *answered {
                self.dispatched_by_user(shared.rows(needs)?, family, known, visit)?;
            }
        }
        Ok(answered)
    }

    /// True where index containers told all there is to know of the block: one property, and no
    /// filter lets those pass who do not have it.
    fn dispatched_by_containers(
        &self,
        block: &BlockRows<'_>,
        family: &Family,
        known: &mut Known,
        visit: &mut dyn FnMut(&[u32], u16),
    ) -> Result<bool> {
        let ([(property, _)], Some((section, code)), Some(chunk)) =
            (&family.properties[..], block.section(), self.chunk())
        else {
            return Ok(false);
        };
        let needs = &self.grid.needs;
        let name = needs.property_name(*property)?;
        let Some(values) = section.indexed(code, name, chunk)? else { return Ok(false) };
        let missing = known.kind(family, Datum::Null, needs)?;
        if !known.passing(missing, family, needs)?.is_empty() {
            return Ok(false);
        }
        for indexed in values {
            let kind = known.kind(family, indexed.value, needs)?;
            let passing = known.passing(kind, family, needs)?;
            if !passing.is_empty() {
                indexed.users.for_each(|low| visit(passing, low));
            }
        }
        Ok(true)
    }
}

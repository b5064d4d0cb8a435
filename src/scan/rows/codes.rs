//! Conditions and groups of everyone in a chunk by codes. Where all that is asked of a section are
//! properties of few texts, each text is looked at once for the section, and each user by tables.

use super::check::Check;
use super::grid::{DayBlocks, Shared};
use super::mask::Mask;
use super::matched::{Found, Sought};
use super::needs::Needs;
use crate::day::datum::Datum;
use crate::day::section::Section;
use crate::error::Result;
use crate::scan::groups::KeyPart;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is sought of a section: the filter, the groups, and whether these are ranked.
type Key = (usize, Option<usize>, bool);

/// A table for each thing that was sought of a section; `None` where codes do not tell.
#[derive(Default)]
pub(super) struct TablesOf(Mutex<HashMap<Key, Option<Arc<Tables>>>>);

/// What becomes of each text, by its code.
#[derive(Debug)]
pub(super) struct Tables {
    /// Properties, and which of their texts pass.
    passes: Vec<(usize, [bool; 256])>,
    /// A property, and the slot of each of its texts.
    slots: Option<(usize, Box<[u32; 256]>)>,
}

impl TablesOf {
    fn get(
        &self,
        section: &Section,
        sought: &Sought<'_>,
        needs: &Needs,
    ) -> Result<Option<Arc<Tables>>> {
        let key = (sought.filter, sought.groups, sought.ranked);
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tables.get(&key) {
            return Ok(known.clone());
        }
        let made = Tables::new(section, sought, needs)?.map(Arc::new);
        tables.insert(key, made.clone());
        Ok(made)
    }
}

impl Tables {
    fn new(section: &Section, sought: &Sought<'_>, needs: &Needs) -> Result<Option<Tables>> {
        let mut passes: Vec<(usize, [bool; 256])> = Vec::new();
        for clause in &needs.filter_of(sought.filter)?.clauses {
            let checks = clause.iter().map(|check| needs.check_of(*check));
            let checks: Vec<(usize, &Check)> = checks.collect::<Result<_>>()?;
            let Some((property, _)) = checks.first() else { return Ok(None) };
            let Some(texts) = section.few_texts(needs.property_name(*property)?)? else {
                return Ok(None);
            };
            if checks.iter().any(|(other, _)| other != property) {
                return Ok(None);
            }
            let mut table = [false; 256];
            for (passes, text) in table.iter_mut().zip(texts) {
                *passes = checks.iter().any(|(_, check)| check.holds(Datum::Text(text)));
            }
            passes.push((*property, table));
        }
        let Some(groups) = sought.groups else { return Ok(Some(Tables { passes, slots: None })) };
        let (groups, numbering) = needs.groups_of(groups)?;
        let (numbering, &[property]) = needs.numbering_of(numbering)? else { return Ok(None) };
        let Some(texts) = section.few_texts(needs.property_name(property)?)? else {
            return Ok(None);
        };
        let mut slots = Box::new([0; 256]);
        for (slot, text) in slots.iter_mut().zip(texts) {
            let group = numbering.number(&[KeyPart::of(Datum::Text(text))])?;
            *slot = sought.slot(groups, group) as u32; // of groups, whose numbers have 32 bits
        }
        Ok(Some(Tables { passes, slots: Some((property, slots)) }))
    }
}

impl DayBlocks<'_, '_> {
    fn tables(&self, place: usize, sought: &Sought<'_>) -> Result<Option<Arc<Tables>>> {
        let (section, tables) = self.section(place)?;
        tables.get(section, sought, &self.grid.needs)
    }

    /// True where codes told all that is sought of everyone in a section.
    pub(super) fn by_codes(
        &self,
        place: usize,
        shared: &Shared<'_>,
        sought: &Sought<'_>,
        visit: &mut dyn FnMut(Found<'_>),
    ) -> Result<bool> {
        let needs = &self.grid.needs;
        let Some(tables) = self.tables(place, sought)? else { return Ok(false) };
        let codes = |property: usize| shared.codes(needs.property_name(property)?);
        let mut flags: Vec<bool> = Vec::new();
        for (property, table) in &tables.passes {
            let Some(codes) = codes(*property)? else { return Ok(false) };
            let passes = codes.iter().map(|code| table[usize::from(*code)]);
            if flags.is_empty() {
                flags.extend(passes);
            } else {
                flags.iter_mut().zip(passes).for_each(|(flag, passes)| *flag &= passes);
            }
        }
        let slots = match &tables.slots {
            None => Vec::new(),
            Some((property, table)) => match codes(*property)? {
                None => return Ok(false),
                Some(codes) => codes.iter().map(|code| table[usize::from(*code)]).collect(),
            },
        };
        self.reads.set(self.reads.get() + 1);
        let users = shared.users()?;
        if tables.passes.is_empty() {
            visit(Found::Users { lows: users, slots: &slots });
            return Ok(true);
        }
        let mask = Mask::of(flags, true);
        let (lows, slots) = mask.passing(users, Some(&slots));
        if !lows.is_empty() {
            visit(Found::Users { lows: &lows, slots: &slots });
        }
        Ok(true)
    }
}

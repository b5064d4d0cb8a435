//! Everything that the jobs of one scan want to know of rows, each thing once.

use super::check::Check;
use super::{BoundRows, RowInput, SELECTORS_MAX};
use crate::error::{Error, ErrorKind, Result};
use crate::scan::condition::{Condition, ConditionKind, Test};
use crate::scan::groups::{Groups, Numbering};
use crate::scan::selector::Selector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is read of rows and asked of them; things are named by their place in the lists.
#[derive(Debug, Default)]
pub(in crate::scan) struct Needs {
    properties: Vec<String>,
    asked: Vec<(usize, Test)>,
    checks: Vec<Check>,
    selectors: Vec<Selector>,
    filters: Vec<Filter>,
    /// Each with the places of its properties.
    numberings: Vec<(Arc<Numbering>, Vec<usize>)>,
    /// Each with the place of its numbering.
    groups: Vec<(Arc<Groups>, usize)>,
}

/// A selector made ready.
#[derive(Debug)]
pub(super) struct Filter {
    /// Sorted; `None`: of any name.
    names: Option<Vec<String>>,
    /// All must hold; each holds where one of its checks does.
    pub(super) clauses: Vec<Vec<usize>>,
}

impl Filter {
    /// Is every activity wanted?
    pub(super) fn of_any(&self) -> bool {
        self.names.is_none()
    }

    /// Sorted; `None`: of any name.
    pub(super) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    pub(super) fn wants(&self, activity: &str) -> bool {
        let names = self.names.as_deref();
        names.is_none_or(|names| names.binary_search_by(|name| name.as_str().cmp(activity)).is_ok())
    }
}

/// The place of a thing in a list, where it is put at first sight.
fn place<T: PartialEq>(list: &mut Vec<T>, thing: T) -> usize {
    list.iter().position(|known| *known == thing).unwrap_or_else(|| {
        list.push(thing);
        list.len() - 1
    })
}

impl Needs {
    /// The filter of a selector.
    pub(in crate::scan) fn filter(&mut self, selector: &Selector) -> usize {
        if let Some(known) = self.selectors.iter().position(|known| known == selector) {
            return known;
        }
        let clauses = selector.conditions().iter().map(|condition| self.clause(condition));
        let clauses = clauses.collect();
        let names = match selector.event() {
            Selector::Names(names) => Some(names.clone()),
            _ => None,
        };
        self.selectors.push(selector.clone());
        self.filters.push(Filter { names, clauses });
        self.filters.len() - 1
    }

    fn clause(&mut self, condition: &Condition) -> Vec<usize> {
        match &condition.kind {
            ConditionKind::Property { property, test } => vec![self.check(property, test)],
            ConditionKind::AnyOf(conditions) => {
                conditions.iter().flat_map(|condition| self.clause(condition)).collect()
            }
        }
    }

    fn check(&mut self, property: &str, test: &Test) -> usize {
        let property = self.property(property);
        let check = place(&mut self.asked, (property, test.clone()));
        if check == self.checks.len() {
            self.checks.push(Check::new(test));
        }
        check
    }

    pub(in crate::scan) fn property(&mut self, name: &str) -> usize {
        place(&mut self.properties, name.to_owned())
    }

    pub(in crate::scan) fn groups(&mut self, groups: &Arc<Groups>) -> usize {
        let known = self.groups.iter().position(|(known, _)| Arc::ptr_eq(known, groups));
        known.unwrap_or_else(|| {
            let numbering = self.numbering(groups.numbering());
            self.groups.push((groups.clone(), numbering));
            self.groups.len() - 1
        })
    }

    fn numbering(&mut self, numbering: &Arc<Numbering>) -> usize {
        let known = self.numberings.iter().position(|(known, _)| Arc::ptr_eq(known, numbering));
        known.unwrap_or_else(|| {
            let properties = numbering.properties.iter().map(|name| self.property(name)).collect();
            self.numberings.push((numbering.clone(), properties));
            self.numberings.len() - 1
        })
    }

    /// What a row job reads.
    pub(in crate::scan) fn rows(&mut self, input: &RowInput) -> Result<BoundRows> {
        if input.selectors.len() > SELECTORS_MAX {
            return Err(Error::new(
                ErrorKind::Limit,
                format!("a report of {} events: at most {SELECTORS_MAX}", input.selectors.len()),
            ));
        }
        let plain = |selector: &Selector| selector.conditions().is_empty();
        let one_of_a_kind = matches!(&input.selectors[..], [selector] if plain(selector));
        let told_apart = input.numbering.is_some() || input.activities || !input.unordered;
        let alike = one_of_a_kind && !told_apart;
        Ok(BoundRows {
            filters: input.selectors.iter().map(|selector| self.filter(selector)).collect(),
            narrow: input.narrow.clone().filter(|narrow| {
                let steps = input.selectors.len() == narrow.steps && narrow.steps > 1;
                let only_times = input.number.is_none() && !input.activities && !input.unordered;
                steps && only_times && input.selectors.iter().all(plain)
            }),
            edges: if alike { input.edges.clone() } else { Arc::default() },
            from: input.from,
            to: input.to,
            property: input.number.as_deref().map(|name| self.property(name)),
            numbering: input.numbering.as_ref().map(|numbering| self.numbering(numbering)),
            activities: input.activities,
            nobody: input.nobody,
            unordered: input.unordered,
            set: None,
        })
    }

    pub(in crate::scan) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    pub(super) fn filters(&self) -> usize {
        self.filters.len()
    }

    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.properties.len(), self.checks.len(), self.numberings.len())
    }

    pub(super) fn property_name(&self, property: usize) -> Result<&str> {
        self.properties.get(property).map(String::as_str).ok_or_else(unknown)
    }

    /// The check of that place, and its property.
    pub(super) fn check_of(&self, check: usize) -> Result<(usize, &Check)> {
        let asked = self.asked.get(check).zip(self.checks.get(check));
        asked.map(|((property, _), check)| (*property, check)).ok_or_else(unknown)
    }

    pub(super) fn filter_of(&self, filter: usize) -> Result<&Filter> {
        self.filters.get(filter).ok_or_else(unknown)
    }

    /// The properties that a filter looks at, each with what it asks of them.
    pub(super) fn asked_of(&self, filter: usize) -> Result<BTreeMap<usize, Vec<usize>>> {
        let mut asked: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for check in self.filter_of(filter)?.clauses.iter().flatten() {
            asked.entry(self.check_of(*check)?.0).or_default().push(*check);
        }
        asked.values_mut().for_each(|checks| {
            checks.sort_unstable();
            checks.dedup();
        });
        Ok(asked)
    }

    /// The properties that a filter and a breakdown look at.
    pub(super) fn properties_of(&self, filter: usize, groups: Option<usize>) -> Result<Vec<usize>> {
        let checks = self.filter_of(filter)?.clauses.iter().flatten();
        let mut properties =
            checks.map(|check| Ok(self.check_of(*check)?.0)).collect::<Result<Vec<_>>>()?;
        if let Some(groups) = groups {
            properties.extend_from_slice(self.numbering_of(self.groups_of(groups)?.1)?.1);
        }
        Ok(properties)
    }

    /// The groups of that place, and the place of their numbering.
    pub(super) fn groups_of(&self, groups: usize) -> Result<(&Groups, usize)> {
        let found = self.groups.get(groups);
        found.map(|(groups, numbering)| (&**groups, *numbering)).ok_or_else(unknown)
    }

    /// The numbering of that place, and its properties.
    pub(super) fn numbering_of(&self, numbering: usize) -> Result<(&Numbering, &[usize])> {
        let found = self.numberings.get(numbering);
        found.map(|(numbering, properties)| (&**numbering, &**properties)).ok_or_else(unknown)
    }
}

/// A place that nobody gave out.
pub(super) fn unknown() -> Error {
    Error::input("the scan was asked for rows that no job named")
}

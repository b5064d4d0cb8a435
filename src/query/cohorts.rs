//! Saved cohorts among each other: which names which.

pub(crate) use super::resolve::unknown;
use super::resolve::{Cohorts, expand};
use super::{Set, SetTree};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Whether the set may be saved under the name: the cohorts that it names are there, and none of
/// them leads back to it.
pub(crate) fn check_saved(name: &str, set: &Set, saved: &Cohorts) -> Result<()> {
    let absent = named(set).into_iter().find(|other| *other != name && !saved.contains_key(*other));
    if let Some(other) = absent {
        return Err(unknown(other, saved));
    }
    let mut cohorts = saved.clone();
    cohorts.insert(name.to_owned(), set.to_json().to_string());
    expand(&SetTree::Cohort(name.to_owned()), &cohorts).map(|_| ())
}

/// The cohorts that name this one, others than itself.
pub(crate) fn naming<'a>(name: &str, saved: &'a Cohorts) -> Result<Vec<&'a str>> {
    let mut found = Vec::new();
    for (other, text) in saved.iter().filter(|(other, _)| *other != name) {
        // Most cohorts name none, and a set of many ids takes a while to read.
        if text.contains("\"cohort\"") && named(&read(other, text)?).contains(name) {
            found.push(other.as_str());
        }
    }
    Ok(found)
}

/// The JSON of a saved set without these ids, where it names one of them.
pub(crate) fn without(name: &str, text: &str, ids: &BTreeSet<&str>) -> Result<Option<String>> {
    // Most cohorts name nobody, and a set of many ids takes a while to read.
    if !text.contains("\"ids\"") {
        return Ok(None);
    }
    let mut set = read(name, text)?;
    let named = remove_ids(&mut set.kind, &|id| ids.contains(id));
    Ok(named.then(|| set.to_json().to_string()))
}

/// Whether a set, or one in it, names somebody of these.
pub(crate) fn names_any(set: &Set, of: &dyn Fn(&str) -> bool) -> bool {
    remove_ids(&mut set.clone().kind, of)
}

/// Takes ids out of a set and those in it; was there one?
fn remove_ids(tree: &mut SetTree, gone: &dyn Fn(&str) -> bool) -> bool {
    match tree {
        SetTree::Ids(ids) => {
            let before = ids.len();
            ids.retain(|id| !gone(id));
            ids.len() < before
        }
        SetTree::And(sets) | SetTree::Or(sets) => {
            sets.iter_mut().fold(false, |any, set| remove_ids(set, gone) | any)
        }
        SetTree::Not(set) => remove_ids(set, gone),
        SetTree::Funnel { query, .. } => {
            query.users.as_mut().is_some_and(|users| remove_ids(users, gone))
        }
        SetTree::Did { .. } | SetTree::FirstDid { .. } | SetTree::Cohort(_) => false,
    }
}

/// The set that was saved under a name.
pub(crate) fn read(name: &str, text: &str) -> Result<Set> {
    Set::from_json(text)
        .map_err(|error| Error::new(error.kind(), format!("the cohort {name:?}: {error}")))
}

/// The cohorts that a set names itself.
fn named(set: &Set) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut open = vec![&set.kind];
    while let Some(tree) = open.pop() {
        match tree {
            SetTree::Cohort(name) => drop(names.insert(name.as_str())),
            SetTree::And(sets) | SetTree::Or(sets) => open.extend(sets),
            SetTree::Not(set) => open.push(set),
            SetTree::Funnel { query, .. } => open.extend(&query.users),
            SetTree::Did { .. } | SetTree::FirstDid { .. } | SetTree::Ids(_) => {}
        }
    }
    names
}

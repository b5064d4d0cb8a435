//! Sets as asked turned into sets of a snapshot: cohorts into what they stand for, dates into
//! instants.

use super::cohorts::read;
use super::plan::Asked;
use super::{Query, Report, SetTree};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{SET_DEPTH_MAX, SET_PARTS_MAX};
use crate::scan::{FunnelSet, SetKind};
use std::collections::BTreeMap;

/// Saved cohorts: name to the JSON of a set.
pub(super) type Cohorts = BTreeMap<String, String>;

/// Puts in the place of each cohort the set that it stands for.
pub(super) fn expand(tree: &SetTree, cohorts: &Cohorts) -> Result<SetTree> {
    Expansion { cohorts, path: Vec::new(), parts: 0 }.tree(tree, 1)
}

struct Expansion<'a> {
    cohorts: &'a Cohorts,
    /// The cohorts that are being looked into, the outermost first.
    path: Vec<String>,
    parts: usize,
}

impl Expansion<'_> {
    fn tree(&mut self, tree: &SetTree, depth: usize) -> Result<SetTree> {
        self.parts += 1;
        if self.parts > SET_PARTS_MAX {
            return Err(limit(format!(
                "a set has more than {SET_PARTS_MAX} parts, those of its cohorts included"
            )));
        }
        if depth > SET_DEPTH_MAX {
            return Err(limit(format!(
                "sets are nested more than {SET_DEPTH_MAX} deep, those of their cohorts included"
            )));
        }
        Ok(match tree {
            SetTree::Cohort(name) => self.cohort(name, depth)?,
            SetTree::And(sets) => SetTree::And(self.members(sets, depth)?),
            SetTree::Or(sets) => SetTree::Or(self.members(sets, depth)?),
            SetTree::Not(set) => SetTree::Not(Box::new(self.tree(set, depth + 1)?)),
            SetTree::Funnel { query, reached, exactly } => {
                let users =
                    query.users.as_ref().map(|set| self.tree(set, depth + 1)).transpose()?;
                let query = Box::new(Query { users, ..(**query).clone() });
                SetTree::Funnel { query, reached: *reached, exactly: *exactly }
            }
            SetTree::Did { .. } | SetTree::FirstDid { .. } | SetTree::Ids(_) => tree.clone(),
        })
    }

    fn members(&mut self, sets: &[SetTree], depth: usize) -> Result<Vec<SetTree>> {
        sets.iter().map(|set| self.tree(set, depth + 1)).collect()
    }

    fn cohort(&mut self, name: &str, depth: usize) -> Result<SetTree> {
        let Some(text) = self.cohorts.get(name) else { return Err(unknown(name, self.cohorts)) };
        if let Some(start) = self.path.iter().position(|open| open == name) {
            let circle = self.path.iter().skip(start).map(String::as_str).chain([name]);
            let circle: Vec<String> = circle.map(|name| format!("{name:?}")).collect();
            return Err(Error::input(format!(
                "cohorts name each other in a circle: {}",
                circle.join(" names ")
            )));
        }
        if self.path.len() == SET_DEPTH_MAX {
            return Err(limit(format!("more than {SET_DEPTH_MAX} cohorts name one the next")));
        }
        let set = read(name, text)?;
        self.path.push(name.to_owned());
        // The set takes the place of its name, and lies no deeper.
        let tree = self.tree(&set.kind, depth);
        self.path.pop();
        tree
    }
}

fn limit(message: String) -> Error {
    Error::new(ErrorKind::Limit, message)
}

pub(crate) fn unknown(name: &str, cohorts: &Cohorts) -> Error {
    const LISTED_MAX: usize = 20;
    let known: Vec<String> =
        cohorts.keys().take(LISTED_MAX).map(|name| format!("{name:?}")).collect();
    let more = if cohorts.len() > LISTED_MAX { ", ..." } else { "" };
    Error::input(match known.len() {
        0 => format!("there is no cohort {name:?}: none is saved"),
        _ => format!("there is no cohort {name:?}; saved are {}{more}", known.join(", ")),
    })
}

/// The set for the scan; its cohorts are expanded already.
pub(super) fn bind(tree: &SetTree, asked: &Asked) -> Result<SetKind> {
    let all = |sets: &[SetTree]| -> Result<Vec<SetKind>> {
        sets.iter().map(|set| bind(set, asked)).collect()
    };
    Ok(match tree {
        SetTree::Did { event, from, to, at_least, at_most } => {
            let (from, to) = asked.open_range(*from, *to);
            let (at_least, at_most) = (*at_least, *at_most);
            SetKind::Did { event: event.clone(), from, to, at_least, at_most }
        }
        SetTree::FirstDid { event, from, to } => {
            let (from, to) = asked.open_range(Some(*from), Some(*to));
            SetKind::FirstDid { event: event.clone(), from, to }
        }
        SetTree::Ids(ids) => SetKind::Ids(ids.clone()),
        SetTree::And(sets) => SetKind::And(all(sets)?),
        SetTree::Or(sets) => SetKind::Or(all(sets)?),
        SetTree::Not(set) => SetKind::Not(Box::new(bind(set, asked)?)),
        SetTree::Funnel { query, reached, exactly } => {
            SetKind::Funnel(Box::new(funnel(query, *reached, *exactly, asked)?))
        }
        SetTree::Cohort(name) => {
            return Err(Error::input(format!("the cohort {name:?} stands for nothing")));
        }
    })
}

/// Without a range of its own, a funnel looks at all history.
fn funnel(query: &Query, reached: u32, exactly: bool, asked: &Asked) -> Result<FunnelSet> {
    let Report::Funnel(funnel) = &query.report else {
        let name = query.report.name();
        return Err(Error::input(format!("a `funnel` set takes a funnel, not `{name}`")));
    };
    let (from, to) = asked.open_range(query.from, query.to);
    let users = query.users.as_ref().map(|set| bind(set, asked)).transpose()?;
    let reached = usize::try_from(reached).unwrap_or(usize::MAX);
    Ok(FunnelSet { funnel: funnel.clone(), from, to, users, reached, exactly })
}

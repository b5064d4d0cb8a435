//! Sets of users.

use super::{check_id, check_selector, check_times, ordered, within};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{SET_DEPTH_MAX, SET_IDS_MAX};
use crate::query::{Query, Report, SetTree};
use crate::time::WeekStart;

pub(super) fn check_set(set: &SetTree, depth: usize) -> Result<()> {
    if depth > SET_DEPTH_MAX {
        return Err(set_too_deep());
    }
    match set {
        SetTree::Did { event, from, to, at_least, at_most } => {
            check_selector(event)?;
            check_times(*at_least, *at_most)?;
            ordered(*from, *to)
        }
        SetTree::FirstDid { event, from, to } => {
            check_selector(event)?;
            ordered(Some(*from), Some(*to))
        }
        SetTree::Ids(ids) if ids.len() > SET_IDS_MAX => Err(Error::new(
            ErrorKind::Limit,
            format!("`ids` has {} ids: at most {SET_IDS_MAX} are taken", ids.len()),
        )),
        SetTree::Ids(ids) => ids.iter().try_for_each(|id| check_id("ids", id)),
        SetTree::And(sets) | SetTree::Or(sets) if sets.is_empty() => {
            Err(Error::input("`and` and `or` need at least one set"))
        }
        SetTree::And(sets) | SetTree::Or(sets) => {
            sets.iter().try_for_each(|set| check_set(set, depth + 1))
        }
        SetTree::Not(set) => check_set(set, depth + 1),
        SetTree::Cohort(name) if name.is_empty() => {
            Err(Error::input("`cohort` is empty: it is the name of a saved cohort"))
        }
        SetTree::Cohort(_) => Ok(()),
        SetTree::Funnel { query, reached, .. } => check_funnel_set(query, *reached, depth),
    }
}

/// The error for sets within sets within sets.
pub(in crate::query) fn set_too_deep() -> Error {
    Error::new(ErrorKind::Limit, format!("sets are nested more than {SET_DEPTH_MAX} deep"))
}

/// Of the query of a set its steps count, its range and its users.
fn check_funnel_set(query: &Query, reached: u32, depth: usize) -> Result<()> {
    let Report::Funnel(funnel) = &query.report else {
        let name = query.report.name();
        return Err(Error::input(format!("a `funnel` set takes a funnel, not `{name}`")));
    };
    let given = [
        ("by", query.by.is_some()),
        ("breakdown", !query.breakdown.is_empty()),
        ("top", query.top.is_some()),
        ("time_zone", query.time_zone.is_some()),
        ("week_start", query.week_start != WeekStart::Monday),
        ("as_of", query.as_of.is_some()),
        ("allow_partial", query.allow_partial),
    ];
    if let Some((field, _)) = given.iter().find(|(_, given)| *given) {
        return Err(Error::input(format!(
            "the query of a `funnel` set takes no `{field}`: it answers who, in the zone and as of \
             the time of the query around it"
        )));
    }
    let alone = Query { users: None, ..query.clone() };
    alone.check()?;
    within("reached", u64::from(reached), 1, funnel.steps.len() as u64)?;
    query.users.as_ref().map_or(Ok(()), |users| check_set(users, depth + 1))
}

//! What may stand together in a query, whichever door it came through.

use super::{CountKind, FromDate, Query, Report, Retention, SetTree, ToDate};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{
    ACTIVITY_BYTES_MAX, RETENTION_COLUMNS_MAX, SET_DEPTH_MAX, SET_IDS_MAX, TRAILING_DAYS_MAX,
    USER_ID_BYTES_MAX, USERS_PAGE_MAX,
};
use crate::scan::Selector;
use crate::time::{self, Bucket, Day, INSTANT_MAX, INSTANT_MIN};

/// The last column of a retention table that names none.
pub(super) const COLUMNS_DEFAULT: u32 = 12;
/// Groups of a breakdown that are kept where the query does not say how many.
pub(super) const TOP_DEFAULT: u32 = 25;

impl Query {
    /// Whether the query can be asked at all, of any database.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] names the field that is wrong and what is allowed,
    /// [`ErrorKind::Unsupported`] what this version does not answer yet,
    /// [`ErrorKind::Limit`] the bound that was passed.
    pub fn check(&self) -> Result<()> {
        if let Some(fault) = &self.fault {
            return Err(Error::input(fault.clone()));
        }
        self.check_range()?;
        self.check_by()?;
        if let Some(users) = &self.users {
            check_set(users, 1)?;
        }
        let mut result = Ok(());
        self.report.selectors(&mut |selector| {
            if result.is_ok() {
                result = check_selector(selector);
            }
        });
        result?;
        self.report.check()
    }

    fn check_range(&self) -> Result<()> {
        if self.as_of.is_some_and(|at| !(INSTANT_MIN..=INSTANT_MAX).contains(&at)) {
            return Err(Error::input("`as_of` lies outside the years 1 to 9999"));
        }
        if let (Some(FromDate::Date(from)), Some(ToDate::Date(to))) = (self.from, self.to) {
            ordered(from, to)?;
        }
        Ok(())
    }

    fn check_by(&self) -> Result<()> {
        let Some(by) = self.by else { return Ok(()) };
        let name = self.report.name();
        let fault = match (&self.report, by) {
            (Report::Frequency { .. }, _) => {
                "`frequency` takes no `by`; the width that it counts in is `interval`".to_owned()
            }
            (Report::Count | Report::Users { .. }, _) => {
                format!("`{name}` takes no `by`: it has no buckets")
            }
            (_, Bucket::Hour) => return Err(later("`by: hour`")),
            (Report::States { .. }, by) if by != Bucket::Day => {
                "`by` of `states` is `day`: a state is that of a day".to_owned()
            }
            (Report::Retention(_), Bucket::All) => {
                "`retention` takes no `by: all`: a return needs a later bucket".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Error::input(fault))
    }
}

impl Report {
    fn check(&self) -> Result<()> {
        match self {
            Report::Active { trailing, .. } | Report::Stickiness { trailing, .. } => {
                check_days("trailing", *trailing)
            }
            Report::Frequency { interval, at_least, at_most, .. } => {
                check_interval(*interval)?;
                check_times(u64::from(*at_least), at_most.map(u64::from))
            }
            Report::Growth { gap, trailing, .. } => {
                check_days("trailing", *trailing)?;
                within("gap", u64::from(*gap), 1, u64::from(TRAILING_DAYS_MAX))?;
                if *gap > 1 && trailing.is_some() {
                    return Err(Error::input(
                        "`gap` and `trailing` do not go together: `trailing` compares two windows",
                    ));
                }
                Ok(())
            }
            Report::States { week, month, .. } => {
                check_days("week", Some(*week))?;
                check_days("month", Some(*month))?;
                if week >= month {
                    return Err(Error::input(format!(
                        "`week` is {week} and `month` {month}: `week` must be the shorter window"
                    )));
                }
                Ok(())
            }
            Report::Retention(retention) => retention.check(),
            Report::Users { limit, after, .. } => {
                within("limit", u64::from(*limit), 1, u64::from(USERS_PAGE_MAX))?;
                after.as_deref().map_or(Ok(()), |id| check_id("after", id))
            }
            _ => Ok(()),
        }
    }
}

impl Retention {
    fn check(&self) -> Result<()> {
        within("columns", u64::from(self.columns), 0, u64::from(RETENTION_COLUMNS_MAX))?;
        check_times(u64::from(self.at_least), None)?;
        if self.brackets.is_empty() {
            return Ok(());
        }
        if self.columns != COLUMNS_DEFAULT {
            return Err(Error::input(
                "`columns` and `brackets` do not go together: a column is a bracket",
            ));
        }
        if self.count != CountKind::On {
            return Err(Error::input("`brackets` goes with `count: on` only"));
        }
        if let Some(at) = self.brackets.iter().position(|width| *width == 0) {
            return Err(Error::input(format!(
                "`brackets` has a width of 0 at position {}: each is at least 1",
                at + 1
            )));
        }
        let total: u64 = self.brackets.iter().map(|width| u64::from(*width)).sum();
        within("brackets (all widths together)", total, 1, u64::from(RETENTION_COLUMNS_MAX))
    }
}

/// The error for what a later version will answer.
pub(super) fn later(what: &str) -> Error {
    Error::unsupported(format!("{what} is not supported yet"))
}

fn check_interval(interval: Bucket) -> Result<()> {
    match interval {
        Bucket::Day | Bucket::Week | Bucket::Month => Ok(()),
        Bucket::Hour => Err(later("`interval: hour`")),
        Bucket::Quarter | Bucket::Year | Bucket::All => {
            Err(Error::input("`interval` is one of `hour`, `day`, `week`, `month`"))
        }
    }
}

fn check_days(field: &str, days: Option<u32>) -> Result<()> {
    days.map_or(Ok(()), |n| within(field, u64::from(n), 1, u64::from(TRAILING_DAYS_MAX)))
}

fn check_times(at_least: u64, at_most: Option<u64>) -> Result<()> {
    if at_least == 0 {
        return Err(Error::input(
            "`at_least` is 0: it starts at 1; for those who never did it, take `not` of the set",
        ));
    }
    match at_most {
        Some(most) if most < at_least => {
            Err(Error::input(format!("`at_most` is {most}, below `at_least`, which is {at_least}")))
        }
        _ => Ok(()),
    }
}

fn within(field: &str, value: u64, min: u64, max: u64) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    let kind = if value > max { ErrorKind::Limit } else { ErrorKind::Input };
    Err(Error::new(kind, format!("`{field}` is {value}: it goes from {min} to {max}")))
}

fn ordered(from: Day, to: Day) -> Result<()> {
    if from <= to {
        return Ok(());
    }
    let (from, to) = (time::format_day(from), time::format_day(to));
    Err(Error::input(format!("`from` is {from}, after `to`, which is {to}")))
}

fn check_selector(selector: &Selector) -> Result<()> {
    let Selector::Names(names) = selector.event() else { return Ok(()) };
    if names.is_empty() {
        return Err(Error::input("an event selector names no event: `\"*\"` is any event"));
    }
    for name in names {
        if name.is_empty() {
            return Err(Error::input("an event selector holds an empty name"));
        }
        if name.len() > ACTIVITY_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::Limit,
                format!(
                    "an event name of {} bytes: at most {ACTIVITY_BYTES_MAX} are stored",
                    name.len()
                ),
            ));
        }
    }
    Ok(())
}

fn check_id(field: &str, id: &str) -> Result<()> {
    if id.len() <= USER_ID_BYTES_MAX {
        return Ok(());
    }
    let length = id.len();
    let message =
        format!("`{field}`: an id of {length} bytes: at most {USER_ID_BYTES_MAX} are stored");
    Err(Error::new(ErrorKind::Limit, message))
}

fn check_set(set: &SetTree, depth: usize) -> Result<()> {
    if depth > SET_DEPTH_MAX {
        return Err(set_too_deep());
    }
    match set {
        SetTree::Did { event, from, to, at_least, at_most } => {
            check_selector(event)?;
            check_times(*at_least, *at_most)?;
            from.zip(*to).map_or(Ok(()), |(from, to)| ordered(from, to))
        }
        SetTree::FirstDid { event, from, to } => {
            check_selector(event)?;
            ordered(*from, *to)
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
        SetTree::Cohort(_) => Ok(()),
        SetTree::Funnel { query, .. } => query.check(),
    }
}

/// The error for sets within sets within sets.
pub(super) fn set_too_deep() -> Error {
    Error::new(ErrorKind::Limit, format!("sets are nested more than {SET_DEPTH_MAX} deep"))
}

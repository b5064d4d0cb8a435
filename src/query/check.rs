//! What may stand together in a query, whichever door it came through.

mod own;
mod set;

use super::answer::FEATURE;
use super::condition::{self, check_property};
use super::{FromDate, Query, Report, Retention, ToDate};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{
    ACTIVITY_BYTES_MAX, BREAKDOWN_PROPERTIES_MAX, PATHS_DEPTH_MAX, TOP_DEFAULT, TOP_MAX,
    TRAILING_DAYS_MAX, USER_ID_BYTES_MAX, USERS_PAGE_MAX,
};
use crate::scan::Selector;
use crate::time::{self, Bucket, INSTANT_MAX, INSTANT_MIN};
use own::{check_adoption, check_duration, check_edges, check_funnel, check_growth, check_states};
use set::check_set;
pub(super) use set::set_too_deep;

/// The last column of a retention table that names none.
pub(super) const COLUMNS_DEFAULT: u32 = 12;

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
        self.check_breakdown()?;
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
        ordered(self.from, self.to)
    }

    fn check_by(&self) -> Result<()> {
        let Some(by) = self.by else { return Ok(()) };
        let name = self.report.name();
        let fault = match (&self.report, by) {
            (Report::Frequency { .. }, _) => {
                "`frequency` takes no `by`; the width that it counts in is `interval`".to_owned()
            }
            (Report::Paths(_) | Report::Count | Report::Users { .. }, _) => {
                format!("`{name}` takes no `by`: it has no buckets")
            }
            (Report::Stickiness { trailing: None, .. }, Bucket::Hour) => {
                "`stickiness` takes no `trailing: null` with `by: hour`: an hour has no days"
                    .to_owned()
            }
            (Report::States { .. }, by) if by != Bucket::Day => {
                "`by` of `states` is `day`: a state is that of a day".to_owned()
            }
            (Report::Retention(_), Bucket::All) => {
                "`retention` takes no `by: all`: a return needs a later bucket".to_owned()
            }
            (
                Report::Retention(Retention { elapsed: true, .. }),
                Bucket::Quarter | Bucket::Year,
            ) => {
                format!("`window: elapsed` goes by hour, day, week or month, not by {by}")
            }
            _ => return Ok(()),
        };
        Err(Error::input(fault))
    }

    fn check_breakdown(&self) -> Result<()> {
        let name = self.report.name();
        if matches!(self.report, Report::Count | Report::Users { .. })
            && (self.top.is_some() || !self.breakdown.is_empty())
        {
            return Err(Error::input(format!("`{name}` takes no `breakdown` and no `top`")));
        }
        let Some(top) = self.top.or((!self.breakdown.is_empty()).then_some(TOP_DEFAULT)) else {
            return Ok(());
        };
        if self.breakdown.is_empty() {
            return Err(Error::input(
                "`top` says how many groups of a `breakdown` are kept: there is none",
            ));
        }
        within("top", u64::from(top), 1, u64::from(TOP_MAX))?;
        at_most("breakdown", self.breakdown.len(), BREAKDOWN_PROPERTIES_MAX, "properties")?;
        self.breakdown.iter().try_for_each(|property| check_property("breakdown", property))?;
        let per_feature = matches!(self.report, Report::Adoption { k: None, .. });
        if per_feature && self.breakdown.iter().any(|property| property == FEATURE) {
            return Err(Error::input(
                "`breakdown` of `adoption` takes no property called \"feature\", which is the key of \
                 its features: ask with `k: 1`, a feature at a time",
            ));
        }
        once("breakdown", self.breakdown.iter().map(String::as_str))
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
            Report::Growth { gap, trailing, property, .. } => {
                check_growth(*gap, *trailing, property.as_deref())
            }
            Report::States { week, month, .. } => check_states(*week, *month),
            Report::Retention(retention) => retention.check(),
            Report::Funnel(funnel) => check_funnel(funnel),
            Report::Paths(paths) => {
                within("depth", u64::from(paths.depth), 1, u64::from(PATHS_DEPTH_MAX))?;
                within("top", u64::from(paths.top), 1, u64::from(TOP_MAX))?;
                check_duration("within", paths.within_us)
            }
            Report::Sessions { gap_us, duration_edges_us, .. } => {
                check_duration("gap", *gap_us)?;
                check_edges(duration_edges_us)
            }
            Report::Value(value) => value.check(),
            Report::Balance { property, .. } => check_property("property", property),
            Report::Survey(survey) => survey.check(),
            Report::Adoption { features, k, .. } => check_adoption(features.len(), *k),
            Report::Count => Ok(()),
            Report::Users { limit, after, person } => {
                within("limit", u64::from(*limit), 1, u64::from(USERS_PAGE_MAX))?;
                after.as_deref().map_or(Ok(()), |id| check_id("after", id))?;
                person.check()
            }
        }
    }
}

fn check_interval(interval: Bucket) -> Result<()> {
    match interval {
        Bucket::Hour | Bucket::Day | Bucket::Week | Bucket::Month => Ok(()),
        Bucket::Quarter | Bucket::Year | Bucket::All => {
            Err(Error::input("`interval` is one of `hour`, `day`, `week`, `month`"))
        }
    }
}

pub(super) fn check_days(field: &str, days: Option<u32>) -> Result<()> {
    days.map_or(Ok(()), |n| within(field, u64::from(n), 1, u64::from(TRAILING_DAYS_MAX)))
}

pub(super) fn check_times(at_least: u64, at_most: Option<u64>) -> Result<()> {
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

pub(super) fn within(field: &str, value: u64, min: u64, max: u64) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    let kind = if value > max { ErrorKind::Limit } else { ErrorKind::Input };
    Err(Error::new(kind, format!("`{field}` is {value}: it goes from {min} to {max}")))
}

/// Refuses a range that ends before it starts, where both are dates.
pub(super) fn ordered(from: Option<FromDate>, to: Option<ToDate>) -> Result<()> {
    let (Some(FromDate::Date(from)), Some(ToDate::Date(to))) = (from, to) else { return Ok(()) };
    if from <= to {
        return Ok(());
    }
    let (from, to) = (time::format_day(from), time::format_day(to));
    Err(Error::input(format!("`from` is {from}, after `to`, which is {to}")))
}

pub(super) fn check_selector(selector: &Selector) -> Result<()> {
    condition::check(selector.conditions())?;
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

pub(super) fn check_id(field: &str, id: &str) -> Result<()> {
    if id.len() <= USER_ID_BYTES_MAX {
        return Ok(());
    }
    let length = id.len();
    let message =
        format!("`{field}`: an id of {length} bytes: at most {USER_ID_BYTES_MAX} are stored");
    Err(Error::new(ErrorKind::Limit, message))
}

/// Refuses more than so many of something.
pub(super) fn at_most(field: &str, count: usize, max: usize, of: &str) -> Result<()> {
    if count <= max {
        return Ok(());
    }
    let message = format!("`{field}` has {count} {of}: at most {max} are taken");
    Err(Error::new(ErrorKind::Limit, message))
}

/// Refuses none, and more than so many of something.
pub(super) fn some_of(field: &str, count: usize, max: usize, of: &str) -> Result<()> {
    match count {
        0 => Err(Error::input(format!("`{field}` is empty: it takes 1 to {max} {of}"))),
        count => at_most(field, count, max, of),
    }
}

/// Refuses a name that comes twice.
pub(super) fn once<'a>(field: &str, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(Error::input(format!("`{field}` names {name:?} twice")));
        }
        seen.push(name);
    }
    Ok(())
}

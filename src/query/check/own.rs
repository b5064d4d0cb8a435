//! The own fields of reports.

use super::{COLUMNS_DEFAULT, at_most, check_days, check_times, once, some_of, within};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Decimal;
use crate::limits::{
    DURATION_EDGES_MAX, DURATION_SECONDS_MAX, FEATURES_MAX, FUNNEL_STEPS_MAX,
    RETENTION_COLUMNS_MAX, TRAILING_DAYS_MAX,
};
use crate::query::builder::{DETRACTOR_MAX, PROMOTER_MIN};
use crate::query::condition::check_property;
use crate::query::{CountKind, Measure, Person, Retention, Survey, SurveyKind, ValueReport};
use crate::scan::{FunnelOrder, FunnelSpec, Selector};
use std::cmp::Ordering;

pub(super) fn check_growth(gap: u32, trailing: Option<u32>, property: Option<&str>) -> Result<()> {
    check_days("trailing", trailing)?;
    within("gap", u64::from(gap), 1, u64::from(TRAILING_DAYS_MAX))?;
    check_optional("property", property)?;
    if gap > 1 && trailing.is_some() {
        return Err(Error::input(
            "`gap` and `trailing` do not go together: `trailing` compares two windows",
        ));
    }
    if gap > 1 && property.is_some() {
        return Err(Error::input(
            "`gap` and `property` do not go together: values are compared with the bucket before",
        ));
    }
    Ok(())
}

pub(super) fn check_states(week: u32, month: u32) -> Result<()> {
    check_days("week", Some(week))?;
    check_days("month", Some(month))?;
    if week < month {
        return Ok(());
    }
    Err(Error::input(format!(
        "`week` is {week} and `month` {month}: `week` must be the shorter window"
    )))
}

impl Retention {
    pub(super) fn check(&self) -> Result<()> {
        within("columns", u64::from(self.columns), 0, u64::from(RETENTION_COLUMNS_MAX))?;
        check_times(u64::from(self.at_least), None)?;
        check_optional("property", self.property.as_deref())?;
        if self.property.is_some() && self.at_least > 1 {
            return Err(Error::input(
                "`at_least` and `property` do not go together: one counts events, the other adds \
                 up values",
            ));
        }
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
        if total <= u64::from(RETENTION_COLUMNS_MAX) {
            return Ok(());
        }
        let message =
            format!("`brackets` add up to {total}: at most {RETENTION_COLUMNS_MAX} are counted");
        Err(Error::new(ErrorKind::Limit, message))
    }
}

pub(super) fn check_funnel(funnel: &FunnelSpec) -> Result<()> {
    let steps = funnel.steps.len();
    some_of("steps", steps, FUNNEL_STEPS_MAX, "events")?;
    funnel.within_us.map_or(Ok(()), |micros| check_duration("within", micros))?;
    at_most("exclude", funnel.exclude.len(), FUNNEL_STEPS_MAX, "events")?;
    if funnel.order == FunnelOrder::Unordered && !funnel.exclude.is_empty() {
        return Err(Error::input(
            "`exclude` and `order: unordered` do not go together: no step is before another",
        ));
    }
    let apart = |after: u32, before: u32| 1 <= after && after < before && before as usize <= steps;
    match funnel.exclude.iter().find(|exclude| !apart(exclude.after, exclude.before)) {
        None => Ok(()),
        Some(exclude) => Err(Error::input(format!(
            "`exclude` lies after step {} and before step {}: `after` is at least 1, `before` is \
             larger than it, and there are {steps} steps",
            exclude.after, exclude.before
        ))),
    }
}

pub(super) fn check_duration(field: &str, micros: i64) -> Result<()> {
    if micros < 1_000_000 {
        return Err(Error::input(format!("`{field}` is 0: it is at least 1s")));
    }
    if micros / 1_000_000 <= DURATION_SECONDS_MAX {
        return Ok(());
    }
    let message = format!("`{field}` is longer than {DURATION_SECONDS_MAX} seconds");
    Err(Error::new(ErrorKind::Limit, message))
}

pub(super) fn check_edges(edges: &[i64]) -> Result<()> {
    at_most("duration_edges", edges.len(), DURATION_EDGES_MAX, "edges")?;
    edges.iter().try_for_each(|edge| check_duration("duration_edges", *edge))?;
    match edges.is_sorted_by(|one, next| one < next) {
        true => Ok(()),
        false => Err(Error::input("`duration_edges` does not ascend: give the shortest first")),
    }
}

impl ValueReport {
    pub(super) fn check(&self) -> Result<()> {
        let measure = self.measure.as_str();
        check_optional("property", self.property.as_deref())?;
        let fault = match (self.measure.reads_property(), &self.property, self.measure, &self.of) {
            (true, None, ..) => {
                format!("`measure: {measure}` needs `property`, the values of which")
            }
            (false, Some(_), ..) => {
                format!("`measure: {measure}` takes no `property`: it counts events or users")
            }
            (_, _, Measure::Share, None) => {
                "`measure: share` needs `of`, the events that are the whole".to_owned()
            }
            (_, _, measure, Some(_)) if measure != Measure::Share => {
                format!("`of` belongs to `measure: share`, not to `{}`", measure.as_str())
            }
            _ => return Ok(()),
        };
        Err(Error::input(fault))
    }
}

impl Survey {
    pub(super) fn check(&self) -> Result<()> {
        check_property("property", &self.property)?;
        let Survey { scale: (lowest, highest), promoter_min, detractor_max, .. } = self;
        let above = |more: &Decimal, less: &Decimal| more.compare(less) == Ordering::Greater;
        if !above(highest, lowest) {
            return Err(Error::input(format!(
                "`scale` goes from {lowest} to {highest}: the lowest answer first, then the highest"
            )));
        }
        if self.kind != SurveyKind::Nps {
            let defaults = [Decimal::from(PROMOTER_MIN), Decimal::from(DETRACTOR_MAX)];
            return match [*promoter_min, *detractor_max] == defaults {
                true => Ok(()),
                false => Err(Error::input(format!(
                    "`promoter_min` and `detractor_max` belong to `kind: nps`, not to `{}`",
                    self.kind.as_str()
                ))),
            };
        }
        let inside = !above(lowest, detractor_max) && !above(promoter_min, highest);
        if inside && above(promoter_min, detractor_max) {
            return Ok(());
        }
        Err(Error::input(format!(
            "`detractor_max` is {detractor_max} and `promoter_min` {promoter_min}: on a scale from \
             {lowest} to {highest} they lie on it, and `detractor_max` is the smaller one"
        )))
    }
}

pub(super) fn check_adoption(features: usize, k: Option<u32>) -> Result<()> {
    some_of("features", features, FEATURES_MAX, "events")?;
    match k {
        Some(k) if !(1..=features).contains(&(k as usize)) => Err(Error::input(format!(
            "`k` is {k}: it goes from 1 to the number of features, {features}"
        ))),
        _ => Ok(()),
    }
}

impl Person {
    pub(super) fn check(&self) -> Result<()> {
        check_optional("property", self.property.as_deref())?;
        once("with", self.with.iter().map(|column| column.as_str()))?;
        let columns = || self.with.iter().chain(&self.order_by);
        let reading = columns().find(|column| column.reads_property());
        match (reading, &self.property) {
            (Some(column), None) => Err(Error::input(format!(
                "`{}` of `users` needs `property`, the values of which",
                column.as_str()
            ))),
            (None, Some(_)) => Err(Error::input(
                "`property` of `users` is what `sum` and `last_value` read: name one of them in \
                 `with`, or leave it out",
            )),
            _ if self.event != Selector::Any && columns().next().is_none() => Err(Error::input(
                "`event` of `users` is what the columns of `with` read: name one, or say with \
                 `users` whom you mean",
            )),
            _ => Ok(()),
        }
    }
}

fn check_optional(field: &str, property: Option<&str>) -> Result<()> {
    property.map_or(Ok(()), |property| check_property(field, property))
}

//! Sets of users, as they are asked for.

use super::condition::tidy;
use super::date::DateArg;
use super::{FromDate, Query, Report, ToDate};
use crate::error::Result;
use crate::scan::Selector;

/// What a set is made of, as asked: dates are civil dates of the query's zone or count back from
/// its `as_of`, cohorts are names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SetTree {
    /// Did the event in `[from, to)` (an open end without) so many times.
    Did {
        event: Selector,
        from: Option<FromDate>,
        to: Option<ToDate>,
        at_least: u64,
        at_most: Option<u64>,
    },
    /// Did the event for the first time ever in `[from, to)`.
    FirstDid { event: Selector, from: FromDate, to: ToDate },
    /// These ids, sorted and distinct.
    Ids(Vec<String>),
    /// A saved set, by its name.
    Cohort(String),
    /// Filled so many steps of a funnel at least, or exactly.
    Funnel { query: Box<Query>, reached: u32, exactly: bool },
    /// In all of them.
    And(Vec<SetTree>),
    /// In one of them at least.
    Or(Vec<SetTree>),
    /// With a stored event, and not in it.
    Not(Box<SetTree>),
}

impl SetTree {
    /// Calls `visit` with every selector in the set; saved sets keep theirs.
    pub(crate) fn selectors<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector)) {
        match self {
            SetTree::Did { event, .. } | SetTree::FirstDid { event, .. } => visit(event),
            SetTree::Ids(_) | SetTree::Cohort(_) => {}
            SetTree::Funnel { query, .. } => {
                query.report.selectors(visit);
                query.users.iter().for_each(|set| set.selectors(visit));
            }
            SetTree::And(sets) | SetTree::Or(sets) => {
                sets.iter().for_each(|set| set.selectors(visit));
            }
            SetTree::Not(set) => set.selectors(visit),
        }
    }
}

/// A set of users, evaluated when asked.
///
/// A date that is not one, and a bound on a set that has none, are remembered and reported when
/// the query is checked or run.
///
/// ```
/// use daybit::{Query, Set};
/// let buyers = Set::did("purchase").from("2024-01-01").to("2024-07-01").at_least(2);
/// let new = Set::first_did("signup", "2024-01-01", "2024-02-01");
/// Query::count(buyers.and(!new)).check()?;
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    pub(crate) kind: SetTree,
    pub(crate) fault: Option<String>,
}

impl Set {
    /// Users who did the event at least once; [`from`](Set::from), [`to`](Set::to),
    /// [`at_least`](Set::at_least) and [`at_most`](Set::at_most) narrow it.
    pub fn did(event: impl Into<Selector>) -> Set {
        let event = tidy(event);
        Set::of(SetTree::Did { event, from: None, to: None, at_least: 1, at_most: None })
    }

    /// Users whose first such event ever lies in `[from, to)`, of which each is a date as those of
    /// a query are: `-28d` counts back from `to`, `today` is the day of the query's `as_of`.
    pub fn first_did(
        event: impl Into<Selector>,
        from: impl Into<DateArg>,
        to: impl Into<DateArg>,
    ) -> Set {
        let mut set = Set::of(SetTree::Ids(Vec::new()));
        let (from, to) = (from.into().start(), to.into().end());
        if let (Some(from), Some(to)) = (set.or_fault(from), set.or_fault(to)) {
            set.kind = SetTree::FirstDid { event: tidy(event), from, to };
        }
        set
    }

    /// Users of these ids; an id that the database does not know is nobody.
    pub fn ids<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Set {
        let mut ids: Vec<String> = ids.into_iter().map(Into::into).collect();
        ids.sort_unstable();
        ids.dedup();
        Set::of(SetTree::Ids(ids))
    }

    /// Users of a saved cohort, as it is when the query is asked.
    pub fn cohort(name: impl Into<String>) -> Set {
        Set::of(SetTree::Cohort(name.into()))
    }

    /// Users who filled that many steps of the funnel, or more. The query's own range, zone aside,
    /// and set of users hold; it takes no breakdown.
    ///
    /// ```
    /// use daybit::{Query, Set};
    /// let checkout = Query::funnel(["visit", "cart", "purchase"]).within("7d").from("-28d");
    /// let stuck = Set::funnel_exactly(checkout, 2);
    /// Query::count(stuck).check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    pub fn funnel(query: Query, reached: u32) -> Set {
        Set::of_funnel(query, reached, false)
    }

    /// Users who filled that many steps of the funnel, and not the next one.
    pub fn funnel_exactly(query: Query, reached: u32) -> Set {
        Set::of_funnel(query, reached, true)
    }

    fn of_funnel(mut query: Query, reached: u32, exactly: bool) -> Set {
        let fault = query.fault.take().or_else(|| match query.report {
            Report::Funnel(_) => None,
            _ => Some(format!("a `funnel` set takes a funnel, not `{}`", query.report.name())),
        });
        Set { kind: SetTree::Funnel { query: Box::new(query), reached, exactly }, fault }
    }

    /// The first day that counts, of a `did` set: a date, or `-28d` and its like before
    /// [`to`](Set::to), or before the end of today without one.
    #[must_use]
    pub fn from(mut self, date: impl Into<DateArg>) -> Set {
        let from = self.or_fault(date.into().start());
        self.bound("from", from, |kind| match kind {
            SetTree::Did { from, .. } => Some(from),
            _ => None,
        })
    }

    /// The day after the last one that counts, of a `did` set: a date, or `today` (that of the
    /// query's `as_of`, included).
    #[must_use]
    pub fn to(mut self, date: impl Into<DateArg>) -> Set {
        let to = self.or_fault(date.into().end());
        self.bound("to", to, |kind| match kind {
            SetTree::Did { to, .. } => Some(to),
            _ => None,
        })
    }

    /// Fewest events, of a `did` set (1 without).
    #[must_use]
    pub fn at_least(self, times: u64) -> Set {
        self.bound("at_least", times, |kind| match kind {
            SetTree::Did { at_least, .. } => Some(at_least),
            _ => None,
        })
    }

    /// Most events, of a `did` set (no bound without).
    #[must_use]
    pub fn at_most(self, times: u64) -> Set {
        self.bound("at_most", Some(times), |kind| match kind {
            SetTree::Did { at_most, .. } => Some(at_most),
            _ => None,
        })
    }

    /// Users of both sets.
    #[must_use]
    pub fn and(self, other: Set) -> Set {
        Set::all_of([self, other])
    }

    /// Users of either set.
    #[must_use]
    pub fn or(self, other: Set) -> Set {
        Set::one_of([self, other])
    }

    /// Users who are in every one of the sets.
    pub fn all_of(sets: impl IntoIterator<Item = Set>) -> Set {
        let (kinds, fault) = Set::split(sets, |kind| match kind {
            SetTree::And(inner) => Ok(inner),
            other => Err(other),
        });
        Set { kind: SetTree::And(kinds), fault }
    }

    /// Users who are in at least one of the sets.
    pub fn one_of(sets: impl IntoIterator<Item = Set>) -> Set {
        let (kinds, fault) = Set::split(sets, |kind| match kind {
            SetTree::Or(inner) => Ok(inner),
            other => Err(other),
        });
        Set { kind: SetTree::Or(kinds), fault }
    }

    /// Reads the JSON form, like `{"did": "purchase", "at_least": 2}`: what a saved cohort is.
    ///
    /// # Errors
    /// Unknown fields and impossible bounds; the message names the field and what is allowed.
    pub fn from_json(text: &str) -> Result<Set> {
        super::json::set_from_json(text)
    }

    /// The normalised JSON form; [`from_json`](Set::from_json) reads it back.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        super::normal::set(&self.kind)
    }

    fn of(kind: SetTree) -> Set {
        Set { kind, fault: None }
    }

    /// The sets' kinds and the first fault; what `open` takes apart is spliced in, so that a long
    /// chain of `and` stays flat.
    fn split(
        sets: impl IntoIterator<Item = Set>,
        open: impl Fn(SetTree) -> Result<Vec<SetTree>, SetTree>,
    ) -> (Vec<SetTree>, Option<String>) {
        let mut kinds = Vec::new();
        let mut fault = None;
        for set in sets {
            fault = fault.or(set.fault);
            match open(set.kind) {
                Ok(inner) => kinds.extend(inner),
                Err(kind) => kinds.push(kind),
            }
        }
        (kinds, fault)
    }

    /// The date; what is wrong with one that is none is remembered.
    fn or_fault<T>(&mut self, date: Result<T, String>) -> Option<T> {
        match date {
            Ok(date) => Some(date),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                None
            }
        }
    }

    fn bound<T>(
        mut self,
        field: &str,
        value: T,
        place: impl FnOnce(&mut SetTree) -> Option<&mut T>,
    ) -> Set {
        match place(&mut self.kind) {
            Some(place) => *place = value,
            None => {
                let fault =
                    format!("`{field}` belongs to a `did` set; narrow each `did` on its own");
                self.fault.get_or_insert(fault);
            }
        }
        self
    }
}

impl std::ops::Not for Set {
    type Output = Set;

    /// Users with a stored event who are not in the set.
    fn not(self) -> Set {
        Set { kind: SetTree::Not(Box::new(self.kind)), fault: self.fault }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn chains_stay_flat_and_faults_travel_up() {
        let set = Set::did("a").and(Set::did("b")).and(!Set::did("c").from("soon"));
        assert!(matches!(&set.kind, SetTree::And(sets) if sets.len() == 3));
        assert!(set.fault.is_some_and(|fault| fault.contains("\"soon\"")));
    }

    #[test]
    fn bounds_on_a_set_without_them_are_faults() {
        for set in [
            Set::ids(["a"]).from("2024-01-01"),
            Set::ids(["a"]).to("2024-01-01"),
            Set::did("a").or(Set::did("b")).at_least(2),
            Set::first_did("a", "2024-01-01", "2024-02-01").at_most(2),
        ] {
            assert!(set.fault.is_some_and(|fault| fault.contains("belongs to a `did` set")));
        }
    }
}

//! Sets of users, as they are asked for.

use super::date::DateArg;
use crate::scan::{Selector, SetKind};
use crate::time::Day;

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
    pub(crate) kind: SetKind,
    pub(crate) fault: Option<String>,
}

impl Set {
    /// Users who did the event at least once; [`from`](Set::from), [`to`](Set::to),
    /// [`at_least`](Set::at_least) and [`at_most`](Set::at_most) narrow it.
    pub fn did(event: impl Into<Selector>) -> Set {
        let event = event.into().tidy();
        Set::of(SetKind::Did { event, from: None, to: None, at_least: 1, at_most: None })
    }

    /// Users whose first such event ever lies in `[from, to)`.
    pub fn first_did(
        event: impl Into<Selector>,
        from: impl Into<DateArg>,
        to: impl Into<DateArg>,
    ) -> Set {
        let mut set = Set::of(SetKind::Ids(Vec::new()));
        let from = set.day("from", from.into());
        let to = set.day("to", to.into());
        set.kind = SetKind::FirstDid { event: event.into().tidy(), from, to };
        set
    }

    /// Users of these ids; an id that the database does not know is nobody.
    pub fn ids<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Set {
        let mut ids: Vec<String> = ids.into_iter().map(Into::into).collect();
        ids.sort_unstable();
        ids.dedup();
        Set::of(SetKind::Ids(ids))
    }

    /// The first day that counts, of a `did` set.
    #[must_use]
    pub fn from(mut self, date: impl Into<DateArg>) -> Set {
        let day = self.day("from", date.into());
        self.bound("from", Some(day), |kind| match kind {
            SetKind::Did { from, .. } => Some(from),
            _ => None,
        })
    }

    /// The day after the last one that counts, of a `did` set.
    #[must_use]
    pub fn to(mut self, date: impl Into<DateArg>) -> Set {
        let day = self.day("to", date.into());
        self.bound("to", Some(day), |kind| match kind {
            SetKind::Did { to, .. } => Some(to),
            _ => None,
        })
    }

    /// Fewest events, of a `did` set (1 without).
    #[must_use]
    pub fn at_least(self, times: u64) -> Set {
        self.bound("at_least", times, |kind| match kind {
            SetKind::Did { at_least, .. } => Some(at_least),
            _ => None,
        })
    }

    /// Most events, of a `did` set (no bound without).
    #[must_use]
    pub fn at_most(self, times: u64) -> Set {
        self.bound("at_most", Some(times), |kind| match kind {
            SetKind::Did { at_most, .. } => Some(at_most),
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
            SetKind::And(inner) => Ok(inner),
            other => Err(other),
        });
        Set { kind: SetKind::And(kinds), fault }
    }

    /// Users who are in at least one of the sets.
    pub fn one_of(sets: impl IntoIterator<Item = Set>) -> Set {
        let (kinds, fault) = Set::split(sets, |kind| match kind {
            SetKind::Or(inner) => Ok(inner),
            other => Err(other),
        });
        Set { kind: SetKind::Or(kinds), fault }
    }

    fn of(kind: SetKind) -> Set {
        Set { kind, fault: None }
    }

    /// The sets' kinds and the first fault; what `open` takes apart is spliced in, so that a long
    /// chain of `and` stays flat.
    fn split(
        sets: impl IntoIterator<Item = Set>,
        open: impl Fn(SetKind) -> Result<Vec<SetKind>, SetKind>,
    ) -> (Vec<SetKind>, Option<String>) {
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

    fn day(&mut self, field: &str, date: DateArg) -> Day {
        date.civil(field).unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            0
        })
    }

    fn bound<T>(
        mut self,
        field: &str,
        value: T,
        place: impl FnOnce(&mut SetKind) -> Option<&mut T>,
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
        Set { kind: SetKind::Not(Box::new(self.kind)), fault: self.fault }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn chains_stay_flat_and_faults_travel_up() {
        let set = Set::did("a").and(Set::did("b")).and(!Set::did("c").from("soon"));
        assert!(matches!(&set.kind, SetKind::And(sets) if sets.len() == 3));
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

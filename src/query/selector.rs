//! Which events, and which users.

use super::date::DateArg;
use crate::time::Day;

/// Which events count: any, or those of some names.
///
/// Builder methods take whatever turns into a selector: a name, `"*"` for any event, a list of names.
///
/// ```
/// use daybit::Selector;
/// assert_eq!(Selector::from("*"), Selector::Any);
/// assert_eq!(Selector::from(["b", "a", "b"]), Selector::any_of(["a", "b"]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Selector {
    /// `"*"`: every event.
    #[default]
    Any,
    /// Events of these names, sorted and distinct; one name or `{"any": [...]}`.
    Names(Vec<String>),
}

impl Selector {
    /// Events of one name; `"*"` means any event.
    pub fn name(name: impl Into<String>) -> Selector {
        Selector::any_of([name])
    }

    /// Events of any of these names.
    pub fn any_of<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Selector {
        Selector::Names(names.into_iter().map(Into::into).collect()).tidy()
    }

    /// The names; empty for any event.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Selector::Any => &[],
            Selector::Names(names) => names,
        }
    }

    /// Names sorted and distinct, however the value was made.
    pub(crate) fn tidy(self) -> Selector {
        let Selector::Names(mut names) = self else { return self };
        if names.iter().any(|name| name == "*") {
            return Selector::Any;
        }
        names.sort_unstable();
        names.dedup();
        Selector::Names(names)
    }
}

impl From<&str> for Selector {
    fn from(name: &str) -> Selector {
        Selector::name(name)
    }
}

impl From<String> for Selector {
    fn from(name: String) -> Selector {
        Selector::name(name)
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Selector {
    fn from(names: [S; N]) -> Selector {
        Selector::any_of(names)
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    pub(crate) kind: SetKind,
    pub(crate) fault: Option<String>,
}

/// What a set is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SetKind {
    /// Did the event in `[from, to)` (an open end without) so many times.
    Did { event: Selector, from: Option<Day>, to: Option<Day>, at_least: u64, at_most: Option<u64> },
    /// Did the event for the first time ever in `[from, to)`.
    FirstDid { event: Selector, from: Day, to: Day },
    /// These ids, sorted and distinct.
    Ids(Vec<String>),
    /// In all of them.
    And(Vec<SetKind>),
    /// In one of them at least.
    Or(Vec<SetKind>),
    /// With a stored event, and not in it.
    Not(Box<SetKind>),
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

impl SetKind {
    /// Calls `visit` with every selector in the set.
    pub(crate) fn selectors<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector)) {
        match self {
            SetKind::Did { event, .. } | SetKind::FirstDid { event, .. } => visit(event),
            SetKind::Ids(_) => {}
            SetKind::And(sets) | SetKind::Or(sets) => {
                sets.iter().for_each(|set| set.selectors(visit));
            }
            SetKind::Not(set) => set.selectors(visit),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_selector_is_sorted_and_distinct_however_it_is_made() {
        assert_eq!(Selector::any_of(["b", "a", "b"]).names(), ["a", "b"]);
        assert_eq!(Selector::any_of(["a", "*"]), Selector::Any);
        let by_hand = Selector::Names(vec!["z".into(), "a".into()]);
        assert_eq!(by_hand.tidy().names(), ["a", "z"]);
    }

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

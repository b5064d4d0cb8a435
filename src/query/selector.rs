//! Which events, and which users.

use crate::time::Day;

/// Which events count: any, or those of some names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Selector {
    /// `"*"`: every event.
    #[default]
    Any,
    /// Events of these names, sorted and distinct; one name or `{"any": [...]}`.
    Names(Vec<String>),
}

/// A set of users, evaluated when asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Set {
    /// Did the event in `[from, to)` (all history without) so many times.
    Did { event: Selector, from: Option<Day>, to: Option<Day>, at_least: u64, at_most: Option<u64> },
    /// Did the event for the first time ever in `[from, to)`.
    FirstDid { event: Selector, from: Day, to: Day },
    /// These ids.
    Ids(Vec<String>),
    /// In all of them.
    And(Vec<Set>),
    /// In one of them at least.
    Or(Vec<Set>),
    /// In the database, not in it.
    Not(Box<Set>),
}

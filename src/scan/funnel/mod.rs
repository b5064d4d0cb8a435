//! What a funnel asks for, and how one user's events are matched with it.
//!
//! A run is a choice of events, one for each step that it takes: in order, the last within the
//! window of the first. A user's run is the one with most steps, then the one that finishes
//! earliest, then the one that was entered latest, and of those the one whose steps come earliest.
//! That is a matter of times: where several entries at one time lead to the very same times, the
//! one that is the last event by ground rule 12 stands for them.
//!
//! At equal times any order of the events that serves the run is allowed, unless ties are
//! forbidden: then times strictly increase, and ground rule 12 says what lies between two events.
//! For exclusions what lies between is strictly later than the one step and strictly earlier than
//! the other, always.

mod ahead;
mod instant;
mod matcher;
mod runs;
#[cfg(test)]
mod tests;
mod unordered;

pub(crate) use matcher::Matcher;
pub(crate) use runs::Run;

use super::selector::Selector;

/// Steps to be done in order within a time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunnelSpec {
    pub(crate) steps: Vec<Selector>,
    /// From step 1, inclusive; `None`: no limit.
    pub(crate) within_us: Option<i64>,
    pub(crate) order: FunnelOrder,
    /// Times must strictly increase.
    pub(crate) ties_forbidden: bool,
    pub(crate) exclude: Vec<Exclude>,
}

/// How strictly steps follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FunnelOrder {
    /// Other events may lie between.
    #[default]
    Ordered,
    /// No other stored event of the user between steps.
    Strict,
    /// Any order.
    Unordered,
}

/// An event that ends a run between two steps, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exclude {
    pub(crate) event: Selector,
    pub(crate) after: u32,
    pub(crate) before: u32,
}

impl FunnelSpec {
    /// What a row job must read, in the order that a `Matcher` expects in an event's mask: the
    /// steps, the excluded events, and any event where nothing may lie between.
    pub(crate) fn selectors(&self) -> Vec<Selector> {
        let excluded = self.exclude.iter().map(|exclude| &exclude.event);
        let any = (self.order == FunnelOrder::Strict).then_some(&Selector::Any);
        self.steps.iter().chain(excluded).chain(any).cloned().collect()
    }
}

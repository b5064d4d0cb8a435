//! What a funnel asks for.

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

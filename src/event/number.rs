//! Numbers read from properties.

use super::Decimal;

/// A number read from a property: exact unless it was stored as a binary one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Exact(Decimal),
    Float(f64),
}

//! A value where it lies, and the kinds that values are of.

/// One value in place: what a cell or an index container stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Datum<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    /// Scale and unscaled value.
    Decimal(u8, i64),
    /// Scale and unscaled value, of more than 64 bits.
    Wide(u8, i128),
    Float(f64),
    Text(&'a str),
}

//! Bytes to values and back: user sets and packed columns. Pure, bounded, no files.

pub(crate) mod bits;
pub(crate) mod counts;
pub(crate) mod cursor;
pub(crate) mod hashes;
pub(crate) mod ints;
pub(crate) mod level;
pub(crate) mod ranks;
pub(crate) mod record;
mod split;

pub(crate) use crate::fs::checksum;

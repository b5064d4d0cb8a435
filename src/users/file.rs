//! Sealed users files.

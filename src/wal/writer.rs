//! Appending.

//! The table of ids seen since the last flush.

//! An event's way in: door, duplicates, commit, flush, compact.

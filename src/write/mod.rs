//! An event's way in: batches are checked at the door, numbered, logged, kept in the memtable,
//! flushed to day files and compacted.

pub(crate) mod bulk;

/// Writes events into a database. Cheap to clone; all calls take `&self`, and calls from several
/// threads share one sync.
#[derive(Debug, Clone)]
pub struct Writer {}

//! How much one caller may ask of the server.

use std::time::Duration;

/// Bytes of a request's head, its first line and headers together.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// Headers of a request.
pub const HEADERS_MAX: usize = 64;
/// Time that a request's head may take to come, and an idle connection is kept.
pub const HEAD_TIME: Duration = Duration::from_secs(15);
/// Time that a caller may take to read a part of its answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);
/// Queries that wait for their turn; more are sent away.
pub const WAITING_MAX: usize = 512;
/// Bytes of all bodies held at once.
pub const ROOM_BYTES: usize = 256 << 20;
/// Bytes that a body is decompressed by at a time.
pub const EXPAND_BYTES: usize = 256 << 10;
/// Two to this many bytes are held at most to decompress a body of zstd: what RFC 9659 lets a
/// sender use.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// How many times the time without a byte all of a body may take, imports left out.
pub const BODY_TIMES: u32 = 4;
/// Events of one request.
pub const EVENTS_MAX: usize = 100_000;
/// Batches that stand in the database's line at once: a group of them shares one sync.
pub const WRITES_AT_ONCE: usize = 64;
/// Batches that wait for a place in it; more are sent away.
pub const WRITES_WAITING_MAX: usize = 256;
/// Time that a batch waits for its place.
pub const WRITE_WAIT: Duration = Duration::from_secs(30);
/// Characters of a reason why a row was not taken.
pub const REASON_CHARS_MAX: usize = 400;
/// Bytes of an import that must come in the time that may pass without one, after the time that any
/// body has.
pub const IMPORT_PACE: u64 = 64 << 10;
/// Bytes of an import once it is decompressed, for each byte that may be sent.
pub const IMPORT_EXPANDS: u64 = 64;
/// Users of one page of a streamed list.
pub const STREAM_PAGE: u32 = 10_000;
/// Time that requests at work are given when the server stops.
pub const FAREWELL_TIME: Duration = Duration::from_secs(10);

/// What whoever starts the server may change.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Bytes of a body as it is sent, imports left out.
    pub body_bytes: usize,
    /// Bytes of a body once it is decompressed, imports left out.
    pub expanded_bytes: usize,
    /// Bytes of an import as it is sent.
    pub import_bytes: u64,
    /// Time that may pass without a byte of a body.
    pub body_time: Duration,
    /// Time of one request's queries, the wait for their turn included.
    pub query_time: Duration,
    /// Bytes that the process may grow by while queries are answered.
    pub query_bytes: usize,
    /// Requests whose queries are answered at once.
    pub queries_at_once: usize,
    /// How far an event that is sent may be ahead of this machine's clock: a phone whose clock is
    /// wrong would move the newest event, and with it what every default range and `as_of` mean.
    pub ahead_hours: u32,
    /// How far behind it; any time where this is none.
    pub behind_days: Option<u32>,
}

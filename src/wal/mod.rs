//! The write-ahead log: the only commit point.
//!
//! `wal/0000000001.wal`: a header, then frames `[length u32, crc32c u32, sequence u64, durable u64, body]`.
//! `durable` is the last sequence known to be synced when the frame was written: where a bad frame is
//! followed by a good one, it tells a write that a crash lost (dropped, reported) from damage (refused).

pub(crate) mod frame;
pub(crate) mod reader;
pub(crate) mod writer;

use crate::fs::Fs;
use std::path::Path;

pub(crate) use frame::{BatchRecord, Body, CatalogRecord, Frame, InstallRecord};

/// The log being appended to.
#[derive(Debug)]
pub(crate) struct WalWriter {}

impl WalWriter {
    /// Starts log number `number`, whose first frame will be `first`; its header is synced and its
    /// name durable before this returns. Older logs are synced before: nothing may be appended to
    /// them any more, and `durable` starts at `first - 1`.
    pub(crate) fn create(
        _fs: &dyn Fs,
        _dir: &Path,
        _database: u128,
        _number: u64,
        _first: u64,
    ) -> crate::Result<WalWriter> {
        todo!()
    }
    pub(crate) fn number(&self) -> u64 {
        todo!()
    }
    /// Appends one frame; `sequence` must be the last one's plus 1. Not durable before `sync`.
    /// After an error the writer refuses everything: `Poisoned`.
    pub(crate) fn append(&mut self, _sequence: u64, _body: &Body) -> crate::Result<()> {
        todo!()
    }
    /// Makes all appended frames durable. After an error the writer refuses everything.
    pub(crate) fn sync(&mut self) -> crate::Result<()> {
        todo!()
    }
    /// Last sequence known to be durable.
    pub(crate) fn durable(&self) -> u64 {
        todo!()
    }
    pub(crate) fn bytes(&self) -> u64 {
        todo!()
    }
}

/// What replay found.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    /// Frames with a sequence above `after`, in order, across all logs; seals too.
    pub(crate) frames: Vec<Frame>,
    /// The last sequence found, `after` where that is higher: the next frame is this plus 1.
    pub(crate) last: u64,
    /// Bytes of torn frames at the end that were dropped (and not cut from the file: a new log is started).
    pub(crate) dropped_bytes: u64,
    /// The last log ended with a seal: a clean close.
    pub(crate) sealed: bool,
    /// Numbers of the logs found, ascending.
    pub(crate) logs: Vec<u64>,
}

/// Reads all logs in `dir`; damage that is not a torn end is `Corruption`.
pub(crate) fn replay(
    _fs: &dyn Fs,
    _dir: &Path,
    _database: u128,
    _after: u64,
) -> crate::Result<Replay> {
    todo!()
}
/// Removes the logs with numbers below `keep_from`.
pub(crate) fn cut(_fs: &dyn Fs, _dir: &Path, _keep_from: u64) -> crate::Result<()> {
    todo!()
}

//! The write-ahead log: the only commit point.
//!
//! `wal/0000000001.wal`: a header `[magic 8, version u32, database u128, number u64, first u64,
//! crc32c u32]`, then frames `[length u32, crc32c u32, sequence u64, durable u64, body]`, numbers
//! little-endian. `first` is the sequence of the log's first frame. A frame's checksum goes on from
//! the header's, over all its other fields. `durable` is the last sequence known to be synced when
//! the frame was written: where a bad frame is followed by a good one, it tells a write that a
//! crash lost (dropped, reported) from damage (refused).
//!
//! What a body says is the business of those who write it: to the log it is a `FrameBody`.
//!
//! Recovery: `replay`, `settle`, `WalWriter::create` with the next number and `Replay::last + 1`.

mod frame;
mod layout;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use frame::{Frame, FrameBody};
pub(crate) use layout::name;
pub(crate) use reader::{Replay, Salvaged, firsts, numbers, replay, salvage};
pub(crate) use writer::{WalWriter, cut, settle};

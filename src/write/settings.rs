//! How a database is opened, and the world that it runs in.

use crate::catalog::random::Random;
use crate::fs::{RealFs, SharedFs};
use crate::time::Micros;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A log that grew beyond this is cut by a flush, however little of it the memtable holds.
pub(crate) const WAL_BYTES_MAX: u64 = 256 << 20;

/// When a receipt is given, and so what a crash can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// After the events are on the disk: nothing that has a receipt is ever lost. Callers on
    /// several threads share a sync.
    Sync,
    /// After the events are with the operating system, which is told to write them to the disk
    /// every so many milliseconds: a crash of the process loses nothing, a power cut at most the
    /// events of that time.
    Interval(u64),
    /// After the events are with the operating system, which writes them when it likes: a crash of
    /// the process loses nothing.
    Os,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Durability::Sync => f.write_str("sync"),
            Durability::Interval(ms) => write!(f, "interval ({ms} ms)"),
            Durability::Os => f.write_str("os"),
        }
    }
}

/// How a database is made or opened.
///
/// ```
/// use daybit::{Durability, Options};
/// use std::time::Duration;
/// let options = Options::new()
///     .time_zone("Europe/Berlin")
///     .durability(Durability::Interval(200))
///     .memtable_bytes(16 << 20)
///     .flush_every(Some(Duration::from_secs(1)));
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) time_zone: Option<String>,
    pub(crate) durability: Durability,
    pub(crate) memtable_bytes: usize,
    pub(crate) flush_every: Option<Duration>,
    pub(crate) reader_max_age: Duration,
    pub(crate) background: bool,
    pub(crate) map_files: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            time_zone: None,
            durability: Durability::Sync,
            memtable_bytes: 64 << 20,
            flush_every: Some(Duration::from_secs(5)),
            reader_max_age: Duration::from_secs(3_600),
            background: true,
            map_files: true,
        }
    }
}

impl Options {
    /// The defaults: UTC, `Sync`, 64 MiB of memtable, a flush every 5 seconds, readers for 1 hour.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// The reporting time zone, an IANA name like `Europe/Berlin`: it decides which day an event
    /// falls on, and is fixed when the database is made. A database of another zone is not opened.
    #[must_use]
    pub fn time_zone(mut self, name: impl Into<String>) -> Options {
        self.time_zone = Some(name.into());
        self
    }

    /// When receipts are given.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Options {
        self.durability = durability;
        self
    }

    /// Bytes of events that are kept in memory before they are written to a day file.
    #[must_use]
    pub fn memtable_bytes(mut self, bytes: usize) -> Options {
        self.memtable_bytes = bytes;
        self
    }

    /// How long events stay in memory only, beside the log, before they are written to a day file
    /// that readers of other processes see; `None`: until the memory is full or a flush is asked
    /// for.
    #[must_use]
    pub fn flush_every(mut self, interval: Option<Duration>) -> Options {
        self.flush_every = interval;
        self
    }

    /// How long files that a reader of another process still holds are kept for it.
    #[must_use]
    pub fn reader_max_age(mut self, age: Duration) -> Options {
        self.reader_max_age = age;
        self
    }

    /// Whether finished files are mapped into memory (the default) or read into it: on a network
    /// disk a map may fail at any access, so there they should be read.
    #[must_use]
    pub fn map_files(mut self, on: bool) -> Options {
        self.map_files = on;
        self
    }

    /// Whether a thread of the database's own flushes, syncs and compacts. Without it flushes and
    /// compaction happen within the calls that write, `flush_every` is not heeded, and
    /// `Interval` syncs with the first write after the interval.
    #[must_use]
    pub fn background(mut self, on: bool) -> Options {
        self.background = on;
        self
    }
}

/// The disk, the clock and the chance that a database runs on: the machine's, or a test's.
#[derive(Clone)]
pub(crate) struct Environment {
    pub(crate) fs: SharedFs,
    pub(crate) clock: Arc<dyn Fn() -> Micros + Send + Sync>,
    pub(crate) random: Random,
    /// The paths are those of the machine, so that packages with their own files may be used.
    pub(crate) on_machine: bool,
}

impl Environment {
    pub(crate) fn machine(map_files: bool) -> Environment {
        Environment {
            fs: Arc::new(if map_files { RealFs::default() } else { RealFs::unmapped() }),
            clock: Arc::new(crate::time::now),
            random: Random::System,
            on_machine: true,
        }
    }

    pub(crate) fn now(&self) -> Micros {
        (self.clock)()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("fs", &self.fs).finish_non_exhaustive()
    }
}

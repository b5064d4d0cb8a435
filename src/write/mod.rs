//! An event's way in.
//!
//! A batch is checked at the door (`door`) and stands in line (`line`); its duplicates are found
//! (`duplicates`), its users are numbered and it is logged with those that wait beside it
//! (`commit`). It stays in the memtable until a flush writes it to a day file (`flush`), which a
//! manifest publishes (`publish`) and compaction tidies (`compact`). A bulk import writes its files
//! itself (`bulk`); definitions, such as saved cohorts, take a frame of their own (`define`). What a
//! crash leaves, the next open puts together (`recover`).

pub(crate) mod background;
pub(crate) mod backup;
pub(crate) mod bulk;
mod commit;
pub(crate) mod compact;
mod define;
mod door;
pub(crate) mod drop;
mod duplicates;
pub(crate) mod erase;
mod first;
mod flush;
mod frame;
mod hidden;
mod json;
mod line;
mod publish;
pub(crate) mod reader;
pub(crate) mod recover;
pub(crate) mod repair;
mod replace;
mod rewrite;
mod sections;
mod settings;
mod state;
mod view;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::{Event, Receipt};
use compact::Extent;
use line::Line;
use settings::WAL_BYTES_MAX;
use state::State;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

pub use door::Batch;
pub(crate) use first::check_first;
pub(crate) use flush::open_ledger;
pub(crate) use frame::Body;
#[cfg(test)]
pub(crate) use publish::names_of;
pub use recover::OpenReport;
pub(crate) use recover::check_logs;
pub(crate) use settings::Environment;
pub use settings::{Durability, Options};
pub(crate) use view::CurrentView;

/// The file that the one writer locks.
pub(crate) const LOCK_FILE: &str = "LOCK";
/// The folder of an import's working files; empty at all other times.
/// Rounds of compaction that closing waits for.
const CLOSING_ROUNDS_MAX: usize = 16;
pub(crate) const SPILL_DIR: &str = "spill";

/// The one writer of a database: what its handles share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) env: Environment,
    pub(crate) root: PathBuf,
    pub(crate) options: Options,
    /// For the hashes of ids, whose key never changes.
    catalog: Arc<Catalog>,
    line: Line,
    state: Mutex<State>,
    compacting: Mutex<()>,
    pub(crate) view: Arc<CurrentView>,
}

impl Core {
    /// Opens a database for writing.
    pub(crate) fn open(
        env: &Environment,
        root: &Path,
        options: &Options,
    ) -> Result<(Core, OpenReport)> {
        let (state, report) = recover::open(env, root, options)?;
        let core = Core {
            env: env.clone(),
            root: root.to_path_buf(),
            options: options.clone(),
            catalog: state.catalog.clone(),
            line: Line::default(),
            view: state.view.clone(),
            state: Mutex::new(state),
            compacting: Mutex::default(),
        };
        core.resume_erasing()?;
        core.state()?.remove_replaced()?;
        Ok((core, report))
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| line::panicked())
    }

    /// Flushes; without a thread of its own also compacts what is due.
    pub(crate) fn flush(&self) -> Result<()> {
        self.state()?.flush()?;
        self.compact_inline();
        Ok(())
    }

    /// Flushes if the memtable has waited for its time.
    pub(crate) fn flush_if_due(&self) -> Result<()> {
        let Some(every) = self.options.flush_every else { return Ok(()) };
        let mut state = self.state()?;
        let waited = state.env.now().saturating_sub(state.flushed);
        if u128::try_from(waited).is_ok_and(|waited| waited < every.as_micros()) {
            return Ok(());
        }
        state.flush()
    }

    /// Removes files that readers have let go of.
    pub(crate) fn sweep_after_readers(&self) -> Result<()> {
        self.state()?.sweep_after_readers()
    }

    /// Makes all receipts durable.
    pub(crate) fn sync(&self) -> Result<()> {
        self.state()?.writing(State::sync)
    }

    /// Flushes and puts everything into the tidy state.
    pub(crate) fn compact_all(&self) -> Result<()> {
        self.state()?.flush()?;
        self.compact(Extent::All).map(|_| ())
    }

    /// Flushes, seals the log and lets go of the lock.
    pub(crate) fn close(&self) -> Result<()> {
        let mut state = self.state()?;
        if state.lock.is_none() {
            return Ok(());
        }
        if state.flush().is_ok() {
            drop(state);
            self.tidy_before_closing();
            state = self.state()?;
        }
        let flushed = state.flush().and_then(|()| {
            state.writing(|state| match state.log {
                Some(_) => state.append(&Body::Seal).and_then(|_| state.sync()),
                None => Ok(()),
            })
        });
        state.lock = None;
        flushed
    }

    /// Files stay few also where processes live shorter than the thread's rounds. A day that cannot
    /// be read stays as it is: it does not keep the database from closing.
    fn tidy_before_closing(&self) {
        for _ in 0..CLOSING_ROUNDS_MAX {
            if !matches!(self.compact(Extent::Due), Ok(true)) {
                return;
            }
        }
    }

    /// What a drop does: syncs if that is possible, and lets go of the lock.
    pub(crate) fn abandon(&self) {
        if let Ok(mut state) = self.state() {
            if state.lock.is_some() && state.broken.is_none() {
                // Nobody is there to be told. What was not synced had no promise of it.
                let _ = state.writing(State::sync);
            }
            state.lock = None;
        }
    }

    /// Flushes a full memtable or an overlong log. A failure does not touch the receipts already
    /// earned; it stops the writer, as the next write is told.
    fn flush_if_full(&self, state: &mut State) -> bool {
        let log_bytes = state.log.as_ref().map_or(0, |log| log.bytes());
        let full = state.memtable.bytes() >= self.options.memtable_bytes;
        let due = full || log_bytes >= WAL_BYTES_MAX;
        if due {
            let _ = state.flush();
        }
        due
    }

    /// Compacts what is due where no thread does. What fails stops the writer, as the next write
    /// is told, or concerns a damaged day, which is left as it is.
    fn compact_inline(&self) {
        if !self.options.background {
            let _ = self.compact(Extent::Due);
        }
    }
}

/// Writes events into a database. Cheap to clone; all calls take `&self`, and calls from several
/// threads share one sync.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("db");
/// use daybit::{Batch, Db, Event, Options};
/// let db = Db::create(&path, Options::new())?;
/// let writer = db.writer()?;
/// let receipt = writer.write(Event::new("anna", "visit"))?;
/// assert_eq!(receipt.accepted, 1);
/// let batch = Batch::new().id("b-17").event(Event::new("ben", "visit"));
/// assert_eq!(writer.write_batch(batch.clone())?.accepted, 1);
/// assert!(writer.write_batch(batch)?.repeated);
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Writer {
    core: Arc<Core>,
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>) -> Writer {
        Writer { core }
    }

    /// Writes one event. For many, a batch is faster.
    ///
    /// # Errors
    /// As [`write_batch`](Writer::write_batch). An event that cannot be stored is no error: the
    /// receipt counts it as rejected.
    pub fn write(&self, event: Event) -> Result<Receipt> {
        self.write_batch(Batch::new().event(event))
    }

    /// Writes a batch: after a crash all of its events are there, or none. With the receipt they
    /// are as durable as [`Durability`] says, and every snapshot taken afterwards has them.
    ///
    /// # Errors
    /// `Limit` for a batch that is too large, `Input` for an empty batch id, and the disk's errors;
    /// after one of those `Poisoned`, until the database is opened anew.
    pub fn write_batch(&self, batch: Batch) -> Result<Receipt> {
        self.core.write(batch)
    }
}

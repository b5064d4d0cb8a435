//! A database: opened, asked, closed. Wiring only.

mod backup;
mod cohorts;
mod drop;
mod erase;
mod info;
mod repair;
mod verify;

use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "import")]
use crate::import::{ImportOptions, ImportReceipt, Progress, Source};
use crate::query::{Answer, Query};
use crate::snapshot::Snapshot;
use crate::write::background::Background;
use crate::write::reader::Reader;
use crate::write::{Core, Environment, OpenReport, Options, Writer, recover};
use std::path::Path;
use std::sync::Arc;

pub use backup::BackupReport;
pub use drop::DropReceipt;
pub use erase::EraseReceipt;
pub use info::DbInfo;
pub use repair::{RepairDamage, RepairReport};
pub use verify::{Damage, VerifyReport};

/// A database: a folder of events by day, written by one process and read by any number of them.
///
/// `Db` is `Send + Sync`; share it behind an `Arc`. A handle that is dropped syncs what it can and
/// lets go of the folder; [`close`](Db::close) does so with an answer.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("db");
/// use daybit::{Db, ErrorKind, Event, Options};
/// let db = Db::create(&path, Options::new().time_zone("Europe/Berlin"))?;
/// db.writer()?.write(Event::new("anna", "visit"))?;
/// assert_eq!(db.snapshot()?.users_count(), 1);
/// // One process writes; others read what has been flushed.
/// assert_eq!(Db::open(&path, Options::new()).unwrap_err().kind(), ErrorKind::Locked);
/// db.flush()?;
/// assert_eq!(Db::open_read_only(&path)?.snapshot()?.users_count(), 1);
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug)]
pub struct Db {
    role: Role,
    report: OpenReport,
}

#[derive(Debug)]
enum Role {
    // The thread goes first: it must not flush into a folder that was let go of.
    Writer { background: Option<Background>, core: Arc<Core> },
    Reader(Box<Reader>),
}

impl Db {
    /// Makes a new database in a folder, which is made where it is not there, and opens it.
    ///
    /// # Errors
    /// `AlreadyExists` where the folder is a database, `Input` for an unknown time zone, and the
    /// disk's errors.
    pub fn create(path: impl AsRef<Path>, options: Options) -> Result<Db> {
        Db::create_in(&Environment::machine(options.map_files), path.as_ref(), options)
    }

    /// Opens a database for writing and reading.
    ///
    /// # Errors
    /// `NotFound` where the folder is no database, `Locked` while another process writes to it,
    /// `NewerFormat` where a newer version wrote it, `OlderFormat` where it was written before the
    /// format was settled, `Input` for another time zone than its own,
    /// `Corruption` where bytes are not what was written, and the disk's errors.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Db> {
        Db::open_in(&Environment::machine(options.map_files), path.as_ref(), options)
    }

    /// Opens a database for reading, also while another process writes to it: it sees what that
    /// one has flushed, and moves on with [`refresh`](Db::refresh).
    ///
    /// # Errors
    /// As [`open`](Db::open), `Locked` left out.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Db> {
        Db::read_only_in(&Environment::machine(true), path.as_ref())
    }

    pub(crate) fn create_in(env: &Environment, path: &Path, options: Options) -> Result<Db> {
        recover::create(env, path, &options)?;
        Db::open_in(env, path, options)
    }

    pub(crate) fn open_in(env: &Environment, path: &Path, options: Options) -> Result<Db> {
        let background = options.background;
        let (core, report) = Core::open(env, path, &options).map_err(with_the_way_out)?;
        let core = Arc::new(core);
        let background = background.then(|| Background::start(core.clone())).flatten();
        Ok(Db { role: Role::Writer { background, core }, report })
    }

    pub(crate) fn read_only_in(env: &Environment, path: &Path) -> Result<Db> {
        let reader = Reader::open(env, path).map_err(with_the_way_out)?;
        Ok(Db { role: Role::Reader(Box::new(reader)), report: OpenReport::default() })
    }

    /// What opening found: commits replayed from the log, and bytes of unfinished writes dropped.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.report
    }

    /// A handle that writes.
    ///
    /// # Errors
    /// `ReadOnly` on a database that was opened for reading.
    pub fn writer(&self) -> Result<Writer> {
        Ok(Writer::new(self.core()?.clone()))
    }

    /// An unchanging view of everything committed so far; of everything published so far, on a
    /// database that was opened for reading.
    ///
    /// # Errors
    /// None at present.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(match &self.role {
            Role::Writer { core, .. } => core.view.snapshot(),
            Role::Reader(reader) => reader.view.snapshot(),
        })
    }

    /// Answers a query from a snapshot of now.
    ///
    /// # Errors
    /// `Input` for a query that contradicts itself, `Unsupported` for one that this version does
    /// not answer, `Corruption` where a day that it needs is damaged.
    pub fn query(&self, query: &Query) -> Result<Answer> {
        self.snapshot()?.query(query)
    }

    /// Answers several queries from one snapshot with one scan, each as it would be alone.
    ///
    /// # Errors
    /// As [`query`](Db::query), each in the place of its answer.
    pub fn query_many(&self, queries: &[Query]) -> Result<Vec<Result<Answer>>> {
        Ok(self.snapshot()?.query_many(queries))
    }

    /// The same, which tells how far it is and can be stopped: see
    /// [`Snapshot::query_many_watched`].
    ///
    /// # Errors
    /// As [`query`](Db::query), each in the place of its answer.
    pub fn query_many_watched(
        &self,
        queries: &[Query],
        watch: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Result<Vec<Result<Answer>>> {
        Ok(self.snapshot()?.query_many_watched(queries, watch))
    }

    /// Imports files of events, in the order given, as one commit: all of it is there afterwards,
    /// or, after an error, nothing. Other writes wait for it; readers see what was there before.
    /// `progress` is called from this thread, about once a megabyte.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("orders.csv");
    /// # std::fs::write(&file, "user,activity,time,price\nanna,purchase,2024-03-01,12.50\n").unwrap();
    /// use daybit::{Db, ImportOptions, Options, Source};
    /// let db = Db::create(folder.path().join("db"), Options::new())?;
    /// let options = ImportOptions::new();
    /// let receipt = db.import(&options, vec![Source::file(&file)], &|_| {})?;
    /// assert_eq!((receipt.accepted, receipt.rejected), (1, 0));
    /// // The same again changes nothing.
    /// assert!(db.import(&options, vec![Source::file(&file)], &|_| {})?.repeated);
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `ReadOnly` on a database that was opened for reading, `Input` for options that contradict
    /// themselves, a source that is damaged, empty or lacks a column, and under
    /// [`strict`](ImportOptions::strict) for the first bad row; the disk's errors.
    #[cfg(feature = "import")]
    pub fn import(
        &self,
        options: &ImportOptions,
        sources: Vec<Source>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<ImportReceipt> {
        crate::import::import(&self.writer()?, options, sources, progress)
    }

    /// Writes what is in memory to files, where readers of other processes see it.
    ///
    /// # Errors
    /// `ReadOnly`, `Poisoned` after an earlier failure, and the disk's errors.
    pub fn flush(&self) -> Result<()> {
        self.core()?.flush()
    }

    /// Flushes, then merges the sections of every day into one, and small days into few files.
    /// Compaction also runs by itself, a little at a time.
    ///
    /// # Errors
    /// As [`flush`](Db::flush), and `Corruption` where a day is damaged.
    pub fn compact(&self) -> Result<()> {
        self.core()?.compact_all()
    }

    /// Moves a database that was opened for reading on to what was published last; true if there
    /// was something new. Snapshots that are held stay as they are. A writer is always up to date.
    ///
    /// # Errors
    /// As [`open_read_only`](Db::open_read_only).
    pub fn refresh(&self) -> Result<bool> {
        match &self.role {
            Role::Writer { .. } => Ok(false),
            Role::Reader(reader) => reader.refresh(),
        }
    }

    /// Flushes, syncs and lets go of the folder. Writers of this database write no more; snapshots
    /// stay readable.
    ///
    /// # Errors
    /// As [`flush`](Db::flush). The folder is let go of all the same.
    pub fn close(mut self) -> Result<()> {
        match &mut self.role {
            Role::Writer { background, core } => {
                drop(background.take());
                core.close()
            }
            Role::Reader(_) => Ok(()),
        }
    }

    fn core(&self) -> Result<&Arc<Core>> {
        match &self.role {
            Role::Writer { core, .. } => Ok(core),
            Role::Reader(_) => {
                let message =
                    "the database was opened for reading; open it with `Db::open` to write";
                Err(Error::new(ErrorKind::ReadOnly, message))
            }
        }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Role::Writer { background, core } = &mut self.role {
            drop(background.take());
            core.abandon();
        }
    }
}

/// Says what helps where damage keeps a database from being opened.
fn with_the_way_out(error: Error) -> Error {
    if error.kind() != ErrorKind::Corruption {
        return error;
    }
    let way = "`daybit repair` with `--dry-run` says what can be done";
    Error::new(ErrorKind::Corruption, format!("{error}; {way}"))
}

#[cfg(test)]
mod tests;

//! A disk in memory that forgets what was not synced. Deterministic: a crash is a choice made from
//! a seed.
//!
//! A file has durable bytes and unsynced changes; a folder has durable names and unsynced ones, new
//! folders among them, until `sync_dir`. Each change may survive a crash or not, alone or cut, in
//! any order: harsher than any one file system. A crash gives a new disk; the old one, with its
//! handles and locks, goes on by itself and harms nobody.
#![allow(clippy::unwrap_used)]

mod crash;
mod planted;
mod state;
#[cfg(test)]
mod tests;

use super::{Bytes, FileLock, Fs, WriteFile};
use state::State;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub(crate) use crash::Random;
pub(crate) use planted::Bug;

/// The simulated disk; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimulatedFs {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// Operations so far that may change something, failed ones too.
    operations: u64,
    /// Operations so far that only read.
    reads: u64,
    faults: Vec<Fault>,
    trace: Vec<Event>,
    /// The state before each operation, with the trace's length, once `remember` was called.
    history: Option<Vec<(State, usize)>>,
    violations: Vec<String>,
    planted: Option<Bug>,
}

/// What happened, in order; failed operations are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    CreateDir(PathBuf),
    Create(PathBuf),
    /// The name that the file was created under, and bytes.
    Append(PathBuf, usize),
    Sync(PathBuf),
    Truncate(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// What the workload said, such as that it gave a receipt.
    Note(String),
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// EIO, nothing done. What a failed sync had to write may still survive.
    Io,
    /// ENOSPC; an append has written half.
    NoSpace,
    /// EIO; a sync drops what it had to write: it is still read back, the next sync says all is
    /// well, and a crash loses it.
    LostSync,
}

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    Once,
    FromThenOn,
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    at: u64,
    failure: Failure,
    lasting: Lasting,
    on_reads: bool,
}

impl SimulatedFs {
    pub(crate) fn new() -> SimulatedFs {
        SimulatedFs::default()
    }

    /// All files within a folder and the folders in it.
    pub(crate) fn files(&self, dir: &Path) -> Vec<PathBuf> {
        let names = self.list(dir).unwrap_or_default();
        let paths =
            names.iter().map(|name| dir.join(name)).flat_map(|path| match self.list(&path) {
                Ok(_) => self.files(&path),
                Err(_) => vec![path],
            });
        paths.collect()
    }

    /// Operations so far that may change something; the next one has this number.
    pub(crate) fn operations(&self) -> u64 {
        self.inner.lock().unwrap().operations
    }

    /// Reads so far (`list`, `len`, `read`, `map`); the next one has this number.
    pub(crate) fn reads(&self) -> u64 {
        self.inner.lock().unwrap().reads
    }

    /// Operation number `at`, counted like `operations`, fails.
    pub(crate) fn fail_at(&self, at: u64, failure: Failure, lasting: Lasting) {
        let fault = Fault { at, failure, lasting, on_reads: false };
        self.inner.lock().unwrap().faults.push(fault);
    }

    /// Read number `at`, counted like `reads`, fails.
    pub(crate) fn fail_read_at(&self, at: u64, lasting: Lasting) {
        let fault = Fault { at, failure: Failure::Io, lasting, on_reads: true };
        self.inner.lock().unwrap().faults.push(fault);
    }

    /// Puts a mark into the trace.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.inner.lock().unwrap().trace.push(Event::Note(text.into()));
    }

    pub(crate) fn trace(&self) -> Vec<Event> {
        self.inner.lock().unwrap().trace.clone()
    }

    /// What was noted, in order.
    pub(crate) fn notes(&self) -> Vec<String> {
        let noted = self.trace().into_iter().filter_map(|event| match event {
            Event::Note(text) => Some(text),
            _ => None,
        });
        noted.collect()
    }

    /// Files that were renamed before their bytes were durable: after a crash their final name
    /// could have a torn file.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.inner.lock().unwrap().violations.clone()
    }

    /// From now on keeps the state before each operation, for `at`.
    pub(crate) fn remember(&self) {
        let mut inner = self.inner.lock().unwrap();
        inner.history = Some(Vec::new());
        inner.operations = 0;
    }

    /// The disk as it was before operation `operation`, with the trace up to there; since
    /// `remember` operations count from 0. The number after the last one gives the disk of now.
    pub(crate) fn at(&self, operation: u64) -> SimulatedFs {
        let inner = self.inner.lock().unwrap();
        let history = inner.history.as_ref().unwrap();
        let at = history.get(usize::try_from(operation).unwrap());
        let now = (inner.state.clone(), inner.trace.len());
        let (state, events) = at.cloned().unwrap_or(now);
        let trace = inner.trace[..events].to_vec();
        let planted = inner.planted;
        SimulatedFs::with(Inner { state, trace, planted, ..Inner::default() })
    }

    /// Another process's view after this one was killed: nothing is lost, locks are free.
    pub(crate) fn kill(&self) -> SimulatedFs {
        let inner = self.inner.lock().unwrap();
        let (mut state, planted) = (inner.state.clone(), inner.planted);
        state.locks.clear();
        SimulatedFs::with(Inner { state, planted, ..Inner::default() })
    }

    /// Changes a file's bytes behind everyone's back, durably: bit rot.
    pub(crate) fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.inner.lock().unwrap();
        let node = inner.state.find(path).unwrap();
        let file = inner.state.file(node).unwrap();
        change(Arc::make_mut(&mut file.live));
        file.durable = file.live.clone();
        file.pending.clear();
    }

    fn with(inner: Inner) -> SimulatedFs {
        SimulatedFs { inner: Arc::new(Mutex::new(inner)) }
    }

    fn reading<T>(&self, read: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let inner = &mut *self.inner.lock().unwrap();
        inner.reads += 1;
        match inner.fault(inner.reads - 1, true) {
            Some(failure) => Err(failure.error()),
            None => read(&mut inner.state),
        }
    }

    /// Runs one counted operation; the change learns of its fault, and answers what to trace.
    fn changing<T>(
        &self,
        change: impl FnOnce(&mut State, Option<Failure>) -> io::Result<(T, Option<Event>)>,
    ) -> io::Result<T> {
        let inner = &mut *self.inner.lock().unwrap();
        if let Some(history) = &mut inner.history {
            history.push((inner.state.clone(), inner.trace.len()));
        }
        inner.operations += 1;
        let fault = inner.fault(inner.operations - 1, false);
        let (value, event) = change(&mut inner.state, fault)?;
        inner.trace.extend(event);
        Ok(value)
    }

    /// As `changing`, for an operation that a fault leaves undone.
    fn whole<T>(
        &self,
        event: Event,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.changing(|state, fault| match fault {
            Some(failure) => Err(failure.error()),
            None => Ok((change(state)?, Some(event))),
        })
    }
}

impl Inner {
    fn fault(&self, at: u64, on_reads: bool) -> Option<Failure> {
        let due = |fault: &&Fault| {
            let now = match fault.lasting {
                Lasting::Once => fault.at == at,
                Lasting::FromThenOn => fault.at <= at,
            };
            now && fault.on_reads == on_reads
        };
        self.faults.iter().find(due).map(|fault| fault.failure)
    }
}

impl Failure {
    fn error(self) -> io::Error {
        match self {
            Failure::Io | Failure::LostSync => io::Error::other("simulated I/O error"),
            Failure::NoSpace => io::Error::from(io::ErrorKind::StorageFull),
        }
    }
}

impl Fs for SimulatedFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.whole(Event::CreateDir(dir.into()), |state| state.create_dir_all(dir))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.reading(|state| {
            let node = state.find(dir)?;
            Ok(state.dir(node)?.live.keys().cloned().collect())
        })
    }

    fn len(&self, path: &Path) -> io::Result<Option<u64>> {
        self.reading(|state| match state.find(path) {
            Ok(node) => Ok(Some(state.file(node).map_or(0, |file| file.live.len() as u64))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.reading(|state| {
            let node = state.find(path)?;
            let bytes = &state.file(node)?.live;
            if bytes.len() as u64 > limit {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            Ok(bytes.to_vec())
        })
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.read(path, u64::MAX).map(Bytes::from_vec)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let node = self.whole(Event::Create(path.into()), |state| state.create(path))?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), path: path.into(), node }))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        self.whole(Event::Truncate(path.into(), len), |state| state.truncate(path, len))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let torn = self.whole(Event::Rename(from.into(), to.into()), |state| {
            let node = state.find(from)?;
            let torn = state.file(node).is_ok_and(|file| file.live != file.durable);
            state.rename(from, to).map(|()| torn)
        })?;
        if torn {
            let what = format!("{} became {} unsynced", from.display(), to.display());
            self.inner.lock().unwrap().violations.push(what);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole(Event::Remove(path.into()), |state| state.remove(path))
    }

    fn planted(&self) -> Option<Bug> {
        self.inner.lock().unwrap().planted
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.planted().is_some_and(|bug| bug.skips_sync_dir(dir)) {
            return Ok(());
        }
        self.changing(|state, fault| {
            let node = state.find(dir)?;
            let folder = state.dir(node)?;
            match fault {
                Some(Failure::LostSync) => folder.pending.clear(),
                Some(_) => {}
                None => folder.sync(),
            }
            match fault {
                Some(failure) => Err(failure.error()),
                None => Ok(((), Some(Event::SyncDir(dir.into())))),
            }
        })
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn FileLock>>> {
        let node = self.changing(|state, fault| {
            if let Some(failure) = fault {
                return Err(failure.error());
            }
            let (node, event) = match state.find(path) {
                Ok(node) => (node, None),
                Err(_) => (state.create(path)?, Some(Event::Create(path.into()))),
            };
            let taken = state.locks.insert(node);
            Ok((taken.then_some(node), event))
        })?;
        Ok(node.map(|node| {
            let lock: Box<dyn FileLock> = Box::new(SimulatedLock { disk: self.clone(), node });
            lock
        }))
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedFs,
    path: PathBuf,
    node: u64,
}

impl WriteFile for SimulatedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.changing(|state, fault| match fault {
            Some(Failure::NoSpace) => {
                state.append(self.node, &bytes[..bytes.len() / 2])?;
                Err(Failure::NoSpace.error())
            }
            Some(failure) => Err(failure.error()),
            None => {
                state.append(self.node, bytes)?;
                Ok(((), Some(Event::Append(self.path.clone(), bytes.len()))))
            }
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.disk.planted().is_some_and(|bug| bug.skips_sync(&self.path)) {
            return Ok(());
        }
        self.disk.changing(|state, fault| {
            let file = state.file(self.node)?;
            match fault {
                Some(Failure::LostSync) => file.pending.clear(),
                Some(_) => {}
                None => file.sync(),
            }
            match fault {
                Some(failure) => Err(failure.error()),
                None => Ok(((), Some(Event::Sync(self.path.clone())))),
            }
        })
    }
}

#[derive(Debug)]
struct SimulatedLock {
    disk: SimulatedFs,
    node: u64,
}

impl FileLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.inner.lock().unwrap().state.locks.remove(&self.node);
    }
}

//! Appending.

use super::layout::{self, Header};
use super::{FrameBody, Replay, reader};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Fs, NewFile, WriteFile};
use std::io;
use std::path::{Path, PathBuf};

/// The log being appended to.
#[derive(Debug)]
pub(crate) struct WalWriter {
    file: Box<dyn WriteFile>,
    path: PathBuf,
    number: u64,
    seed: u32,
    /// Last sequence appended.
    last: u64,
    /// Last sequence known to be durable.
    durable: u64,
    bytes: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Sealed,
    /// What failed first.
    Failed(String),
}

impl WalWriter {
    /// Starts log number `number`, whose first frame will be `first`; its header is synced and its
    /// name durable before this returns. Older logs are synced before: nothing may be appended to
    /// them any more, and `durable` starts at `first - 1`.
    pub(crate) fn create(
        fs: &dyn Fs,
        dir: &Path,
        database: u128,
        number: u64,
        first: u64,
    ) -> Result<WalWriter> {
        let path = dir.join(layout::name(number));
        let Some(last) = first.checked_sub(1) else {
            return Err(Error::input("the first frame of a log is 1 or above"));
        };
        for older in reader::numbers(fs, dir)? {
            if older >= number {
                let what = format!("cannot start {}: there is a log {older}", path.display());
                return Err(Error::new(ErrorKind::AlreadyExists, what));
            }
            sync_log(fs, &dir.join(layout::name(older)))?;
        }
        let header = Header { database, number, first };
        let bytes = header.encode();
        let file =
            start(fs, dir, &path, &bytes).map_err(|e| Error::io("cannot start", &path, e))?;
        let bytes = bytes.len() as u64;
        let seed = header.seed();
        Ok(WalWriter { file, path, number, seed, last, durable: last, bytes, state: State::Open })
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Appends one frame; `sequence` must be the last one's plus 1. Not durable before `sync`. A
    /// seal syncs what precedes it, so that it vouches for all of it, and ends the log.
    /// After a failed write the writer refuses everything: `Poisoned`. A frame over the limit or
    /// out of order is refused without harm.
    pub(crate) fn append(&mut self, sequence: u64, body: &impl FrameBody) -> Result<()> {
        self.check_open()?;
        if sequence.checked_sub(1) != Some(self.last) {
            let what = format!("frame {sequence} cannot follow frame {} in the log", self.last);
            return Err(Error::input(what));
        }
        let seals = body.is_seal();
        if seals {
            self.sync()?;
        }
        let bytes = layout::encode_frame(self.seed, sequence, self.durable, body)?;
        let appended = self.file.append(&bytes);
        self.or_fail("cannot append to", appended)?;
        self.last = sequence;
        self.bytes += bytes.len() as u64;
        if seals {
            self.state = State::Sealed;
        }
        Ok(())
    }

    /// Makes all appended frames durable. After an error the writer refuses everything.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if let State::Failed(why) = &self.state {
            return Err(poisoned(why));
        }
        if self.durable < self.last {
            let synced = self.file.sync();
            self.or_fail("cannot sync", synced)?;
            self.durable = self.last;
        }
        Ok(())
    }

    /// Goes on as if nothing had failed.
    #[cfg(test)]
    pub(crate) fn forget_failure(&mut self) {
        self.state = State::Open;
    }

    /// Last sequence known to be durable.
    #[cfg(test)]
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes of the file so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn check_open(&self) -> Result<()> {
        match &self.state {
            State::Open => Ok(()),
            State::Sealed => Err(poisoned("it was sealed")),
            State::Failed(why) => Err(poisoned(why)),
        }
    }

    fn or_fail(&mut self, doing: &str, result: io::Result<()>) -> Result<()> {
        result.map_err(|error| {
            let error = Error::io(doing, &self.path, error);
            self.state = State::Failed(error.to_string());
            error
        })
    }
}

fn poisoned(why: &str) -> Error {
    let what = format!("the log takes nothing more ({why}): reopen the database to write");
    Error::new(ErrorKind::Poisoned, what)
}

/// Writes a log that is a header, durably.
fn start(fs: &dyn Fs, dir: &Path, path: &Path, header: &[u8]) -> io::Result<Box<dyn WriteFile>> {
    let mut file = fs.create(path)?;
    file.append(header)?;
    file.sync()?;
    fs.sync_dir(dir)?;
    Ok(file)
}

/// Syncs a log, its length unchanged.
fn sync_log(fs: &dyn Fs, path: &Path) -> Result<()> {
    let synced = fs.len(path).and_then(|length| match length {
        Some(length) => fs.truncate(path, length),
        None => Ok(()),
    });
    synced.map_err(|e| Error::io("cannot sync", path, e))
}

/// Writes the logs that `replay` read once more, durably, unless they ended with a seal. What a
/// failed sync left is read back as if it were on disk, and no later sync writes it: only a copy
/// is safe to build on. Call it between `replay` and `WalWriter::create`.
pub(crate) fn settle<B>(fs: &dyn Fs, dir: &Path, replay: &Replay<B>) -> Result<()> {
    if replay.sealed {
        return Ok(());
    }
    #[cfg(test)]
    if fs.planted() == Some(crate::fs::simulated::Bug::TornLogTrusted) {
        return Ok(());
    }
    for number in &replay.logs {
        let path = dir.join(layout::name(*number));
        let bytes = fs.map(&path).map_err(|e| Error::io("cannot read", &path, e))?;
        NewFile::write(fs, &path, |copy| copy.append(&bytes))?;
    }
    Ok(())
}

/// Removes the logs with numbers below `keep_from`.
pub(crate) fn cut(fs: &dyn Fs, dir: &Path, keep_from: u64) -> Result<()> {
    for number in reader::numbers(fs, dir)?.into_iter().take_while(|n| *n < keep_from) {
        let path = dir.join(layout::name(number));
        fs.remove(&path).map_err(|e| Error::io("cannot remove", &path, e))?;
    }
    fs.sync_dir(dir).map_err(|e| Error::io("cannot sync", dir, e))
}

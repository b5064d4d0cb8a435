//! Replay.

use super::layout::{self, Candidate, FRAME_HEAD_BYTES, HEADER_BYTES, Header, RawFrame};
use super::{Frame, FrameBody};
use crate::codec::record;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::Fs;
use std::path::Path;

/// What replay found.
#[derive(Debug)]
pub(crate) struct Replay<B> {
    /// Frames with a sequence above `after`, in order, across all logs; seals too.
    pub(crate) frames: Vec<Frame<B>>,
    /// The last sequence found, `after` where that is higher: the next frame is this plus 1.
    pub(crate) last: u64,
    /// Bytes of torn frames at the end that were dropped (and not cut from the file: a new log is
    /// started). What an earlier recovery dropped is not counted again.
    pub(crate) dropped_bytes: u64,
    /// The last log ended with a seal: a clean close.
    pub(crate) sealed: bool,
    /// Numbers of the logs found, ascending.
    pub(crate) logs: Vec<u64>,
    /// The last log whose header is cut short: nothing was written to it yet, unless a manifest
    /// names it.
    pub(crate) headless: Option<u64>,
}

/// Numbers of the logs in `dir`, ascending.
pub(crate) fn numbers(fs: &dyn Fs, dir: &Path) -> Result<Vec<u64>> {
    let names = fs.list(dir).map_err(|e| Error::io("cannot list", dir, e))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| layout::number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads all logs in `dir`; damage that is not a torn end is `Corruption`. Frames up to `after` are
/// known to be elsewhere, so that logs which hold only those may be missing.
///
/// What was read may not be durable yet: call `settle`, or have it in other durable files, before
/// anything is built on it.
pub(crate) fn replay<B: FrameBody>(
    fs: &dyn Fs,
    dir: &Path,
    database: u128,
    after: u64,
) -> Result<Replay<B>> {
    let logs = numbers(fs, dir)?;
    let mut replayer = Replayer::new(database, after, logs.clone());
    for number in logs {
        let path = dir.join(layout::name(number));
        let bytes = fs.map(&path).map_err(|e| Error::io("cannot read", &path, e))?;
        replayer.log(number, &bytes)?;
    }
    Ok(replayer.finish())
}

/// What is left of damaged logs.
pub(crate) struct Salvaged<B> {
    /// The frames up to the damage; the numbers are those of all logs.
    pub(crate) replay: Replay<B>,
    pub(crate) damage: Option<LogDamage>,
}

/// Where logs cannot be read on.
pub(crate) struct LogDamage {
    pub(crate) error: Error,
    /// Numbers of the logs that are not read to their end, ascending.
    pub(crate) logs: Vec<u64>,
    /// Their bytes from the damage on.
    pub(crate) bytes: u64,
}

/// Reads the logs as `replay` does, up to the first damage.
pub(crate) fn salvage<B: FrameBody>(
    fs: &dyn Fs,
    dir: &Path,
    database: u128,
    after: u64,
) -> Result<Salvaged<B>> {
    let logs = numbers(fs, dir)?;
    let mut replayer = Replayer::new(database, after, logs.clone());
    let mut damage: Option<LogDamage> = None;
    for number in logs {
        let path = dir.join(layout::name(number));
        let bytes = fs.map(&path).map_err(|e| Error::io("cannot read", &path, e))?;
        if let Some(damage) = &mut damage {
            damage.logs.push(number);
            damage.bytes += bytes.len() as u64;
            continue;
        }
        match replayer.log(number, &bytes) {
            Err(error) if error.kind() == ErrorKind::Corruption => {
                let bytes = bytes.len().saturating_sub(replayer.whole) as u64;
                damage = Some(LogDamage { error, logs: vec![number], bytes });
            }
            read => read?,
        }
    }
    Ok(Salvaged { replay: replayer.finish(), damage })
}

/// Of each log whose header is whole, ascending: its number, its database and the sequence of its
/// first frame.
pub(crate) fn firsts(fs: &dyn Fs, dir: &Path) -> Result<Vec<(u64, u128, u64)>> {
    let mut firsts = Vec::new();
    for number in numbers(fs, dir)? {
        let path = dir.join(layout::name(number));
        let bytes = fs.map(&path).map_err(|e| Error::io("cannot read", &path, e))?;
        if let Ok(Some(header)) = Header::parse(&layout::name(number), &bytes)
            && header.number == number
        {
            firsts.push((number, header.database, header.first));
        }
    }
    Ok(firsts)
}

struct Replayer<B> {
    /// Bytes of the log at hand that are whole.
    whole: usize,
    database: u128,
    after: u64,
    /// Sequence of the next frame, once a log was seen.
    expected: Option<u64>,
    /// File and offset of the torn end that was dropped last.
    torn: Option<(String, u64)>,
    out: Replay<B>,
}

impl<B: FrameBody> Replayer<B> {
    fn new(database: u128, after: u64, logs: Vec<u64>) -> Replayer<B> {
        let frames = Vec::new();
        let out =
            Replay { frames, last: after, dropped_bytes: 0, sealed: false, logs, headless: None };
        Replayer { whole: 0, database, after, expected: None, torn: None, out }
    }

    fn finish(self) -> Replay<B> {
        let Replayer { expected, after, mut out, .. } = self;
        out.last = expected.map_or(after, |next| next.saturating_sub(1).max(after));
        out
    }

    fn log(&mut self, number: u64, bytes: &[u8]) -> Result<()> {
        let file = format!("wal/{}", layout::name(number));
        self.whole = 0;
        self.out.sealed = false;
        let Some(header) = Header::parse(&file, bytes)? else {
            self.out.headless = Some(number);
            return Ok(());
        };
        self.check_header(&file, number, &header)?;
        self.out.dropped_bytes = 0;
        self.torn = None;
        let mut expected = header.first;
        let mut offset = HEADER_BYTES;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let damaged = |what| Error::corruption(&file, offset as u64, "frame", what);
            let Some(raw) = RawFrame::parse(header.seed(), rest) else {
                refuse_vouched(header.seed(), rest, expected).map_err(damaged)?;
                self.out.dropped_bytes = rest.len() as u64;
                self.torn = Some((file.clone(), offset as u64));
                break;
            };
            self.frame(&raw, expected, rest.len()).map_err(damaged)?;
            expected = raw.sequence.saturating_add(1);
            offset += raw.bytes();
            (self.expected, self.whole) = (Some(expected), offset);
        }
        self.expected = Some(expected);
        Ok(())
    }

    /// The log is of this database, and goes on where the one before ended. It may leave out
    /// frames up to `after` only.
    fn check_header(&self, file: &str, number: u64, header: &Header) -> Result<()> {
        let damaged = |what: String| Err(Error::corruption(file, 0, "header", what));
        if header.database != self.database {
            return damaged("it belongs to another database".into());
        }
        if header.number != number {
            return damaged(format!("it says that it is log {}", header.number));
        }
        let first = header.first;
        if let Some(expected) = self.expected.filter(|expected| first < *expected) {
            return damaged(format!("it starts at frame {first}, where {expected} is due"));
        }
        let due = self.after.saturating_add(1).max(self.expected.unwrap_or(0));
        if first <= due {
            return Ok(());
        }
        let what = format!("frames {due} to {} are missing before {file}", first - 1);
        match &self.torn {
            Some((torn, offset)) => Err(Error::corruption(torn, *offset, "frame", what)),
            None => damaged(what),
        }
    }

    fn frame(&mut self, raw: &RawFrame<'_>, expected: u64, rest: usize) -> Result<(), String> {
        if raw.sequence != expected {
            return Err(format!("it is frame {}, not {expected}", raw.sequence));
        }
        let body: B = record::decode(raw.body)?;
        body.check()?;
        if body.is_seal() {
            if rest > raw.bytes() {
                return Err("bytes follow the seal of a clean close".into());
            }
            self.out.sealed = true;
        }
        if raw.sequence > self.after {
            self.out.frames.push(Frame { sequence: raw.sequence, body });
        }
        Ok(())
    }
}

/// Tells damage from a torn end: `rest` starts with a bad frame where `lost` is due. If a whole
/// frame that follows knew `lost` to be durable, no crash has taken it.
fn refuse_vouched(seed: u32, rest: &[u8], lost: u64) -> Result<(), String> {
    // No more frames than this can follow; it keeps chance and malice from looking like a frame.
    let sequence_max = lost.saturating_add((rest.len() / FRAME_HEAD_BYTES) as u64);
    // Bodies hold bytes of the caller's choice: many lookalikes must not make this endless.
    let mut budget = rest.len().saturating_mul(64);
    for start in 1..rest.len() {
        let Some(candidate) = rest.get(start..).and_then(Candidate::parse) else {
            continue;
        };
        let frame = &candidate.frame;
        if frame.durable < lost || frame.sequence > sequence_max {
            continue;
        }
        let Some(left) = budget.checked_sub(frame.bytes()) else {
            return Err("what follows it looks like frames, too often to tell".into());
        };
        budget = left;
        if candidate.fits(seed) {
            return Err(format!("frame {lost} is bad, and frame {} follows it", frame.sequence));
        }
    }
    Ok(())
}

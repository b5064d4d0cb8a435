//! A text source cut into blocks of whole rows, so that blocks can be parsed on any thread.

use super::maker::Reject;
use crate::error::Result;
use crate::limits::IMPORT_LINE_BYTES_MAX;
use memchr::{memchr, memchr_iter, memchr3, memrchr};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes of an overlong row that go to the rejects file.
const OVERLONG_BYTES_SHOWN: usize = 1_024;
/// How often a source is read on behind a quote that is never closed. Each time may take a look at
/// as many bytes as a row may have.
const RESCUES_MAX: u32 = 100;

/// How rows end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// At each line's end.
    Lines,
    /// At a line's end outside of quotes; fields have this separator.
    Quoted(u8),
}

/// Whole rows, each with its line end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TextBlock {
    pub(super) bytes: Vec<u8>,
    pub(super) first_line: u64,
    /// Rows before these that could not be cut out.
    pub(super) rejects: Vec<Reject>,
}

/// Cuts what `fill` delivers.
pub(super) struct Cutter<F> {
    /// Appends more bytes to the buffer; false at the end of the source.
    fill: F,
    rows: Rows,
    block_bytes: usize,
    row_bytes_max: usize,
    buffer: Vec<u8>,
    /// Line of the buffer's first byte.
    line: u64,
    ended: bool,
    started: bool,
    rescues: u32,
}

/// What stands at the start of the buffer when no row ends in it.
enum Uncut {
    /// More bytes are needed to tell.
    Short,
    /// The source ends without a line end.
    LastRow,
    /// A row longer than rows may be.
    Overlong,
    /// A quote, at this position, that is not closed.
    Unclosed(usize),
}

impl<F: FnMut(&mut Vec<u8>, usize) -> Result<bool>> Cutter<F> {
    pub(super) fn new(rows: Rows, block_bytes: usize, fill: F) -> Cutter<F> {
        Cutter {
            fill,
            rows,
            block_bytes,
            row_bytes_max: IMPORT_LINE_BYTES_MAX,
            buffer: Vec::new(),
            line: 1,
            ended: false,
            started: false,
            rescues: 0,
        }
    }

    /// The first row with anything in it, for the header; blank lines before it are passed over.
    pub(super) fn first_row(&mut self) -> Result<Option<TextBlock>> {
        while let Some(mut block) = self.next()? {
            let mut start = 0;
            while let Some(end) = row_end(self.rows, &block.bytes, start).ok() {
                let row = block.bytes.get(start..end).unwrap_or_default();
                if !row.trim_ascii().is_empty() {
                    // The rest goes back: it is the first block of rows.
                    let rest = block.bytes.split_off(end);
                    let first_line =
                        block.first_line + lines(block.bytes.get(..start).unwrap_or_default());
                    self.line = block.first_line + lines(&block.bytes);
                    self.buffer.splice(..0, rest);
                    block.bytes.drain(..start);
                    return Ok(Some(TextBlock { first_line, ..block }));
                }
                start = end;
            }
            if !block.rejects.is_empty() {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// The next block; `None` behind the last row.
    pub(super) fn next(&mut self) -> Result<Option<TextBlock>> {
        let mut rejects = Vec::new();
        let mut wanted = self.block_bytes;
        loop {
            self.fill_to(wanted)?;
            if self.buffer.is_empty() && rejects.is_empty() {
                return Ok(None);
            }
            let (cut, open) = last_row_end(self.rows, &self.buffer);
            if cut > 0 || self.buffer.is_empty() {
                return Ok(Some(self.take(cut, rejects)));
            }
            match self.uncut(open) {
                Uncut::Short => wanted = wanted.saturating_mul(2).min(self.row_bytes_max + 1),
                Uncut::LastRow => {
                    self.buffer.push(b'\n');
                    return Ok(Some(self.take(self.buffer.len(), rejects)));
                }
                Uncut::Overlong => rejects.push(self.drop_overlong()?),
                Uncut::Unclosed(quote) => rejects.push(self.drop_unclosed(quote)),
            }
        }
    }

    fn uncut(&self, open: Option<usize>) -> Uncut {
        let overlong = self.buffer.len() > self.row_bytes_max;
        match open {
            Some(quote) if self.ended || overlong => Uncut::Unclosed(quote),
            None if overlong => Uncut::Overlong,
            None if self.ended => Uncut::LastRow,
            _ => Uncut::Short,
        }
    }

    fn fill_to(&mut self, wanted: usize) -> Result<()> {
        while !self.ended && self.buffer.len() < wanted {
            self.ended = !(self.fill)(&mut self.buffer, wanted)?;
            if !self.started && (self.buffer.len() >= BOM.len() || self.ended) {
                self.started = true;
                if self.buffer.starts_with(BOM) {
                    self.buffer.drain(..BOM.len());
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, cut: usize, rejects: Vec<Reject>) -> TextBlock {
        let rest = self.buffer.split_off(cut);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let first_line = self.line;
        self.line += lines(&bytes);
        TextBlock { bytes, first_line, rejects }
    }

    /// Drops a row that is too long, up to its line end.
    fn drop_overlong(&mut self) -> Result<Reject> {
        let line = self.line;
        let raw = self.buffer.get(..OVERLONG_BYTES_SHOWN).unwrap_or_default().to_vec();
        loop {
            match memchr(b'\n', &self.buffer) {
                Some(end) => {
                    self.forget(end + 1);
                    break;
                }
                None => {
                    self.buffer.clear();
                    self.fill_to(self.block_bytes)?;
                    if self.buffer.is_empty() {
                        break;
                    }
                }
            }
        }
        let max = self.row_bytes_max;
        Ok(Reject { line, reason: format!("a row of more than {max} bytes"), raw })
    }

    /// Drops the row up to the end of the line whose quote is never closed, to read on behind it;
    /// after too many of them, all that the quote took in.
    fn drop_unclosed(&mut self, quote: usize) -> Reject {
        self.rescues += 1;
        let behind = self.buffer.get(quote..).unwrap_or_default();
        let end = match self.rescues > RESCUES_MAX {
            true => memrchr(b'\n', behind),
            false => memchr(b'\n', behind),
        };
        let end = end.map_or(self.buffer.len(), |end| quote + end + 1);
        let line = self.line + lines(self.buffer.get(..quote).unwrap_or_default());
        let raw = self.buffer.get(..end).unwrap_or_default().trim_ascii_end().to_vec();
        let mut reason = format!("the quote that opens on line {line} is never closed");
        let taken = lines(raw.get(quote..).unwrap_or_default());
        if taken > 0 {
            reason.push_str(&format!("; the {taken} lines after it are left out with it"));
        }
        self.forget(end);
        Reject { line, reason, raw }
    }

    fn forget(&mut self, count: usize) {
        self.line += lines(self.buffer.get(..count).unwrap_or_default());
        self.buffer.drain(..count.min(self.buffer.len()));
    }
}

/// Line ends in the bytes.
pub(super) fn lines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// Where the last whole row ends (0: nowhere), and behind it the position of an open quote.
fn last_row_end(rows: Rows, bytes: &[u8]) -> (usize, Option<usize>) {
    let mut cut = 0;
    loop {
        let rest = bytes.get(cut..).unwrap_or_default();
        let quote = match rows {
            Rows::Lines => None,
            Rows::Quoted(_) => memchr(b'"', rest),
        };
        let plain = rest.get(..quote.unwrap_or(rest.len())).unwrap_or_default();
        cut += memrchr(b'\n', plain).map_or(0, |end| end + 1);
        if quote.is_none() {
            return (cut, None);
        }
        match row_end(rows, bytes, cut) {
            Ok(end) => cut = end,
            Err(open) => return (cut, open),
        }
    }
}

/// Where the row that starts at `start` ends, its line end included; else the position of a quote
/// that is open at the end of the bytes. Quotes count at a field's start only.
pub(super) fn row_end(rows: Rows, bytes: &[u8], start: usize) -> Result<usize, Option<usize>> {
    let find = |needle: u8, from: usize| {
        memchr(needle, bytes.get(from..).unwrap_or_default()).map(|at| from + at)
    };
    let Rows::Quoted(separator) = rows else {
        return find(b'\n', start).map(|end| end + 1).ok_or(None);
    };
    let mut at = start;
    loop {
        // At a field's start.
        if bytes.get(at) == Some(&b'"') {
            let open = at;
            at = loop {
                let close = find(b'"', at + 1).ok_or(Some(open))?;
                match bytes.get(close + 1) {
                    Some(b'"') => at = close + 1,
                    _ => break close + 1,
                }
            };
        }
        let rest = bytes.get(at..).unwrap_or_default();
        at += memchr3(separator, b'\n', b'\r', rest).ok_or(None)? + 1;
        if bytes.get(at - 1) == Some(&b'\n') {
            return Ok(at);
        }
    }
}

//! A text source cut into blocks of whole rows, so that blocks can be parsed on any thread.

use super::maker::Reject;
use crate::error::Result;
use crate::limits::IMPORT_LINE_BYTES_MAX;
use memchr::{memchr, memchr_iter, memchr3, memrchr};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes of an overlong row that go to the rejects file.
const OVERLONG_BYTES_SHOWN: usize = 1_024;

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
        }
    }

    /// The first row with anything in it, for the header; blank lines before it are passed over.
    pub(super) fn first_row(&mut self) -> Result<Option<TextBlock>> {
        while let Some(mut block) = self.next()? {
            let mut start = 0;
            while let Ok(end) = row_end(self.rows, &block.bytes, start) {
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
                Uncut::Unclosed(quote) => rejects.push(self.drop_unclosed(quote)?),
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

    /// Drops a row that is too long: all of what was looked at, and the line that it ends in.
    fn drop_overlong(&mut self) -> Result<Reject> {
        let line = self.line;
        let raw = self.buffer.get(..OVERLONG_BYTES_SHOWN).unwrap_or_default().to_vec();
        self.drop_line(self.buffer.len())?;
        let max = self.row_bytes_max;
        Ok(Reject { line, reason: format!("a row of more than {max} bytes"), raw })
    }

    /// Drops the row up to the end of the line whose quote is never closed, to read on behind it.
    /// What was looked at there has quotes in pairs only, which leave none open: so however many
    /// quotes are open, no byte is looked at more than a few times.
    fn drop_unclosed(&mut self, quote: usize) -> Result<Reject> {
        let behind = self.buffer.get(quote..).unwrap_or_default();
        let end = memchr(b'\n', behind).map_or(self.buffer.len(), |end| quote + end);
        let (before, raw) = (self.buffer.get(..quote), self.buffer.get(..end));
        let line = self.line + lines(before.unwrap_or_default());
        let raw = raw.unwrap_or_default().trim_ascii_end().to_vec();
        let mut reason = format!("the quote that opens on line {line} is never closed");
        if line > self.line {
            reason.push_str(&format!("; its row begins on line {}", self.line));
        }
        self.drop_line(quote)?;
        Ok(Reject { line, reason, raw })
    }

    /// Drops all up to the first line end at or behind a position, however far away that is.
    fn drop_line(&mut self, mut from: usize) -> Result<()> {
        loop {
            let rest = self.buffer.get(from..).unwrap_or_default();
            if let Some(end) = memchr(b'\n', rest) {
                self.forget(from + end + 1);
                return Ok(());
            }
            self.forget(self.buffer.len());
            from = 0;
            self.fill_to(self.block_bytes)?;
            if self.buffer.is_empty() {
                return Ok(());
            }
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Blocks of a text that arrives in small pieces.
    fn cut(rows: Rows, text: &[u8], block_bytes: usize, row_bytes_max: usize) -> Vec<TextBlock> {
        let mut rest = text;
        let fill = |buffer: &mut Vec<u8>, _: usize| {
            let (piece, behind) = rest.split_at(rest.len().min(7));
            buffer.extend_from_slice(piece);
            rest = behind;
            Ok(!piece.is_empty())
        };
        let mut cutter = Cutter::new(rows, block_bytes, fill);
        cutter.row_bytes_max = row_bytes_max;
        std::iter::from_fn(|| cutter.next().unwrap()).collect()
    }

    fn rejected(blocks: &[TextBlock]) -> Vec<(u64, String)> {
        let rejects = blocks.iter().flat_map(|block| &block.rejects);
        rejects.map(|reject| (reject.line, reject.reason.clone())).collect()
    }

    fn joined(blocks: &[TextBlock]) -> String {
        let bytes: Vec<u8> = blocks.iter().flat_map(|block| block.bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn blocks_are_whole_rows_with_their_lines(
            rows in prop::collection::vec("([a-c]{0,4}|\"[a\n,]{0,6}(\"\")?\"),[a-z]{0,5}(\r)?\n", 1..30),
            block_bytes in 1..60usize,
        ) {
            let text = rows.concat();
            let blocks = cut(Rows::Quoted(b','), text.as_bytes(), block_bytes, 1_000);
            prop_assert_eq!(joined(&blocks), text);
            prop_assert_eq!(rejected(&blocks), vec![]);
            let (mut line, mut ends) = (1, Vec::new());
            for block in &blocks {
                prop_assert_eq!(block.first_line, line);
                line += lines(&block.bytes);
                ends.push(block.bytes.len());
            }
            // Every block ends where a row ends.
            let mut row_ends = std::collections::BTreeSet::new();
            rows.iter().fold(0, |at, row| { row_ends.insert(at + row.len()); at + row.len() });
            ends.iter().fold(0, |at, length| {
                assert!(row_ends.contains(&(at + length)));
                at + length
            });
        }
    }

    #[test]
    fn an_open_quote_costs_its_own_line() {
        let text = b"a,b\n1,\"x\ny\n2,z\n3,\"w\"\n";
        for block_bytes in [1, 10, 1_000] {
            let blocks = cut(Rows::Quoted(b','), text, block_bytes, 1_000);
            // The quote of line 2 closes on line 5, so that line 5's own is the open one.
            assert_eq!(rejected(&blocks).len(), 0);
            assert_eq!(joined(&blocks).as_bytes(), text);
        }
        let text = b"a,b\n1,\"x\n2,z\n3,w\n";
        for block_bytes in [1, 10, 1_000] {
            let blocks = cut(Rows::Quoted(b','), text, block_bytes, 1_000);
            let reason = "the quote that opens on line 2 is never closed".to_string();
            assert_eq!(rejected(&blocks), [(2, reason)]);
            assert_eq!(joined(&blocks), "a,b\n2,z\n3,w\n");
            assert_eq!(blocks.last().unwrap().first_line + lines(&blocks.last().unwrap().bytes), 5);
        }
    }

    #[test]
    fn a_quote_that_closes_too_late_is_given_up_within_a_rows_bytes() {
        let text = format!("1,\"x\n{}4,\"y\"\n", "2,z\n".repeat(100));
        let blocks = cut(Rows::Quoted(b','), text.as_bytes(), 16, 64);
        assert_eq!(rejected(&blocks).len(), 1);
        assert_eq!(joined(&blocks), text[5..]);
    }

    #[test]
    fn a_row_whose_last_quote_is_open_goes_with_it() {
        // From outside as from inside, each line closes one quote and leaves another open.
        let text = format!("{}2,z\n", "x\",\"\"\",y\n".repeat(50));
        let blocks = cut(Rows::Quoted(b','), text.as_bytes(), 100, 2_000);
        let reason = "the quote that opens on line 50 is never closed; its row begins on line 1";
        assert_eq!(rejected(&blocks), [(50, reason.to_string())]);
        assert_eq!(joined(&blocks), "2,z\n");
        let blocks = cut(Rows::Quoted(b','), text.as_bytes(), 100, 200);
        assert_eq!((rejected(&blocks).len(), joined(&blocks).as_str()), (3, "2,z\n"));
    }

    #[test]
    fn overlong_rows_are_dropped_to_their_end() {
        let long = "x".repeat(200);
        for rows in [Rows::Lines, Rows::Quoted(b',')] {
            let text = format!("a\n{long}\nb\n{long}");
            let blocks = cut(rows, text.as_bytes(), 16, 100);
            assert_eq!(joined(&blocks), "a\nb\n");
            let reason = "a row of more than 100 bytes".to_string();
            assert_eq!(rejected(&blocks), [(2, reason.clone()), (4, reason)]);
            let text = format!("{}\n", "x".repeat(99));
            assert_eq!(rejected(&cut(rows, text.as_bytes(), 16, 100)), []);
        }
    }

    #[test]
    fn an_overlong_row_of_many_lines_goes_as_one() {
        let text = format!("a,b\n{}\nc,d\n", "\"x\n\",".repeat(100));
        let blocks = cut(Rows::Quoted(b','), text.as_bytes(), 16, 300);
        assert!((1..=3).contains(&rejected(&blocks).len()), "{:?}", rejected(&blocks));
        assert!(joined(&blocks).starts_with("a,b\n") && joined(&blocks).ends_with("c,d\n"));
    }

    #[test]
    fn a_last_row_needs_no_line_end_and_a_mark_no_header() {
        let blocks = cut(Rows::Quoted(b','), b"\xef\xbb\xbfa,b\n1,\"2\"", 3, 100);
        assert_eq!(joined(&blocks), "a,b\n1,\"2\"\n");
        assert!(cut(Rows::Lines, b"", 3, 100).is_empty());
        assert!(joined(&cut(Rows::Lines, b"\xef\xbb\xbf", 3, 100)).is_empty());
    }
}

//! Rows of CSV and TSV: fields after RFC 4180, quotes as the `csv` crate understands them.

use super::blocks::{Rows, TextBlock, lines, row_end};
use super::columns::Columns;
use super::maker::{Maker, RowFields};
use super::rejects::Refused;
use crate::error::{Error, Result};
use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter, memchr2};
use std::ops::Range;

/// The fields of one row after another, in buffers that are used again.
pub(super) struct Fields {
    separator: u8,
    core: csv_core::Reader,
    /// Fields that quotes were taken off.
    unquoted: Vec<u8>,
    ends: Vec<usize>,
    ranges: Vec<Range<usize>>,
    is_unquoted: bool,
}

impl Fields {
    pub(super) fn new(separator: u8) -> Fields {
        let mut core = csv_core::ReaderBuilder::new().delimiter(separator).build();
        // The first call of a reader would take a byte order mark for none of the field's.
        let _ = core.read_record(b"x\n", &mut [0; 8], &mut [0; 8]);
        Fields {
            separator,
            core,
            unquoted: Vec::new(),
            ends: Vec::new(),
            ranges: Vec::new(),
            is_unquoted: false,
        }
    }

    /// Splits the first row of `row`, which ends with a line end; answers its bytes. A carriage
    /// return alone ends a row, too. `self.count()` is 0 for a blank line.
    pub(super) fn split(&mut self, row: &[u8]) -> usize {
        self.ranges.clear();
        let line = row.strip_suffix(b"\n").unwrap_or(row);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.is_unquoted = memchr2(b'"', b'\r', line).is_some();
        if self.is_unquoted {
            return self.split_quoted(row);
        }
        if !line.is_empty() {
            let mut start = 0;
            for end in memchr_iter(self.separator, line) {
                self.ranges.push(start..end);
                start = end + 1;
            }
            self.ranges.push(start..line.len());
        }
        row.len()
    }

    fn split_quoted(&mut self, row: &[u8]) -> usize {
        // A row has fewer fields than bytes, and unquoting makes nothing longer.
        self.unquoted.resize(row.len(), 0);
        self.ends.resize(row.len() + 1, 0);
        let (result, read, _, count) =
            self.core.read_record(row, &mut self.unquoted, &mut self.ends);
        debug_assert!(result == ReadRecordResult::Record || count == 0);
        let mut start = 0;
        for &end in self.ends.iter().take(count) {
            self.ranges.push(start..end);
            start = end;
        }
        read.max(1)
    }

    pub(super) fn count(&self) -> usize {
        self.ranges.len()
    }

    /// A field of the row last split.
    pub(super) fn get<'a>(&'a self, row: &'a [u8], index: usize) -> &'a [u8] {
        let bytes = if self.is_unquoted { &self.unquoted } else { row };
        self.ranges.get(index).and_then(|range| bytes.get(range.clone())).unwrap_or_default()
    }
}

/// The names in a header.
pub(super) fn header(source: &str, separator: u8, row: &[u8]) -> Result<Vec<String>> {
    let mut fields = Fields::new(separator);
    fields.split(row);
    (0..fields.count())
        .map(|index| {
            let name = std::str::from_utf8(fields.get(row, index));
            name.map(str::to_string).map_err(|_| {
                let column = index + 1;
                Error::input(format!("{source}: the name of column {column} is not UTF-8"))
            })
        })
        .collect()
}

/// Parses a block of rows.
pub(super) fn parse(
    maker: &mut Maker<'_>,
    columns: &Columns,
    constant: &str,
    fields: &mut Fields,
    block: &TextBlock,
) {
    let rows = Rows::Quoted(fields.separator);
    let has_nul = memchr(0, &block.bytes).is_some();
    let (mut start, mut line) = (0, block.first_line);
    while let Ok(end) = row_end(rows, &block.bytes, start) {
        let mut rest = block.bytes.get(start..end).unwrap_or_default();
        while !rest.is_empty() {
            let read = fields.split(rest);
            let (row, behind) = rest.split_at_checked(read).unwrap_or((rest, &[]));
            if fields.count() > 0 {
                let made = match has_nul && memchr(0, row).is_some() {
                    true => Err("the row has a NUL character".to_string()),
                    false => add(maker, columns, constant, fields, row),
                };
                if let Err(reason) = made {
                    maker.reject(line, reason, row.trim_ascii_end());
                }
            }
            rest = behind;
        }
        line += lines(block.bytes.get(start..end).unwrap_or_default());
        start = end;
    }
}

fn add(
    maker: &mut Maker<'_>,
    columns: &Columns,
    constant: &str,
    fields: &Fields,
    row: &[u8],
) -> Refused<()> {
    if fields.count() != columns.names.len() {
        return Err(ragged(columns.names.len(), fields.count(), row));
    }
    let text = |index: usize| {
        std::str::from_utf8(fields.get(row, index))
            .map_err(|_| format!("column {} is not UTF-8", columns.quoted(index)))
    };
    let fixed = RowFields {
        user: text(columns.user)?,
        activity: maker.activity(columns.activity.map_or(Ok(constant), text)?)?,
        time: maker.settings.times.read(fields.get(row, columns.time))?,
        insert_id: columns.insert_id.map_or(Ok(""), text)?,
    };
    maker.start(fixed)?;
    for property in &columns.properties {
        let cell = text(property.index)?;
        if !cell.is_empty() {
            maker
                .written(property.code, property.of, cell)
                .map_err(|reason| format!("column {}: {reason}", columns.quoted(property.index)))?;
        }
    }
    maker.end()
}

fn ragged(expected: usize, count: usize, row: &[u8]) -> String {
    let mut reason = format!("{count} fields where the header has {expected}");
    let more = lines(row.trim_ascii_end());
    if more > 0 {
        reason.push_str(&format!("; the row runs over {} lines: is a quote not closed?", more + 1));
    }
    reason
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn split_all(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut fields = Fields::new(b',');
        let mut rows = Vec::new();
        let mut start = 0;
        while let Ok(end) = row_end(Rows::Quoted(b','), text, start) {
            let mut rest = &text[start..end];
            while !rest.is_empty() {
                let read = fields.split(rest);
                let (row, behind) = rest.split_at(read);
                if fields.count() > 0 {
                    rows.push((0..fields.count()).map(|i| fields.get(row, i).to_vec()).collect());
                }
                rest = behind;
            }
            start = end;
        }
        rows
    }

    proptest! {
        #[test]
        fn rows_are_those_of_the_csv_crate(text in "[ab,\"\r\n]{0,60}") {
            let text = format!("{text}\"\n\"\n,\n");
            // Of an open quote at the end the csv crate makes a row; here it is refused elsewhere.
            let mut whole = 0;
            while let Ok(end) = row_end(Rows::Quoted(b','), text.as_bytes(), whole) {
                whole = end;
            }
            let text = &text.as_bytes()[..whole];
            let mut reader = csv::ReaderBuilder::new();
            let rows: Vec<Vec<Vec<u8>>> = reader
                .has_headers(false)
                .flexible(true)
                .from_reader(text)
                .into_byte_records()
                .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
                .collect();
            prop_assert_eq!(split_all(text), rows);
        }
    }
}

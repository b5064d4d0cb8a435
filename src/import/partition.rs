//! Rows by day, in bounded memory: days that the input has left behind are handed on to be built,
//! and what then does not fit goes to one temporary file.
//!
//! A day's rows keep the order they came in. A day too large for one section is cut into parts as
//! it grows, each a section of its own later.

use super::rows::Shared;
use super::table::TableRows;
use crate::error::{Error, Result};
use crate::limits::SECTION_ROWS_MAX;
use crate::time::Day;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a cell, and of a row's fixed fields, in the rows that a section is built from.
const CELL_BYTES: usize = 16;
const ROW_BYTES: usize = 32;

/// How much of what a part may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartLimits {
    pub(super) rows: u64,
    /// Encoded.
    pub(super) bytes: u64,
}

impl PartLimits {
    /// Limits that keep a part, decoded with so many properties, within `memory` bytes or so.
    pub(super) fn within(memory: usize, properties: usize) -> PartLimits {
        let row = ROW_BYTES + CELL_BYTES * properties;
        let rows = (memory / row).clamp(1, SECTION_ROWS_MAX);
        PartLimits { rows: rows as u64, bytes: (memory / 2).max(1) as u64 }
    }
}

/// Some rows of a part.
#[derive(Debug)]
pub(super) enum Piece {
    /// Encoded, each behind its user.
    Encoded(Vec<u8>),
    Table(Box<TableRows>),
    /// Encoded in the temporary file: start and length.
    Spilled(u64, u64),
}

/// Rows of a day, or of a part of it that makes one section.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) rows: u64,
    /// In order.
    pub(super) pieces: Vec<Piece>,
    /// Bytes in memory, and in the file.
    held: usize,
    spilled: u64,
}

/// All rows of an import by day.
pub(super) struct Partition {
    memory: usize,
    /// Bytes of all pieces in memory.
    held: usize,
    /// Bytes of all rows that ever came.
    passed: u64,
    places: HashMap<Day, usize>,
    days: Vec<DayParts>,
    last: Option<(Day, usize)>,
    properties: HashSet<u32>,
    limits: PartLimits,
    spill: Option<Arc<Spill>>,
    spill_bytes: u64,
    dir: PathBuf,
}

/// The parts of a day; only the last one grows.
#[derive(Debug)]
struct DayParts {
    day: Day,
    parts: Vec<Part>,
    /// Bytes that had passed when the last row came.
    touched: u64,
}

impl Partition {
    /// Holds about `memory` bytes of rows; more goes to a file in `dir`.
    pub(super) fn new(memory: usize, dir: PathBuf) -> Partition {
        Partition {
            memory,
            held: 0,
            passed: 0,
            places: HashMap::new(),
            days: Vec::new(),
            last: None,
            properties: HashSet::new(),
            limits: PartLimits::within(memory, 0),
            spill: None,
            spill_bytes: 0,
            dir,
        }
    }

    /// Says which properties the rows that follow may have: parts are then small enough for them.
    pub(super) fn expect_properties(&mut self, properties: &[u32]) {
        self.properties.extend(properties);
        self.limits = PartLimits::within(self.memory, self.properties.len());
    }

    /// Adds a row to its day.
    pub(super) fn add(&mut self, day: Day, user: u32, row: &[u8]) {
        let length = size_of::<u32>() + row.len();
        let part = self.growing(day, length);
        part.rows += 1;
        part.held += length;
        let bytes = match part.pieces.last_mut() {
            Some(Piece::Encoded(bytes)) => bytes,
            _ => match part.pieces.push_mut(Piece::Encoded(Vec::new())) {
                Piece::Encoded(bytes) => bytes,
                _ => return,
            },
        };
        bytes.extend_from_slice(&user.to_le_bytes());
        bytes.extend_from_slice(row);
    }

    /// Adds rows of one day.
    pub(super) fn add_table(&mut self, day: Day, mut rows: TableRows) {
        while rows.len() > 0 {
            let limit = self.limits.rows;
            let part = self.growing(day, 0);
            let room = usize::try_from(limit - part.rows).unwrap_or(usize::MAX);
            let rest = if rows.len() > room { rows.split_off(room) } else { TableRows::default() };
            let length = rows.memory();
            part.rows += rows.len() as u64;
            part.held += length;
            part.pieces.push(Piece::Table(Box::new(rows)));
            self.held += length;
            self.passed += length as u64;
            rows = rest;
        }
    }

    /// The part of the day that grows, by so many bytes.
    fn growing(&mut self, day: Day, length: usize) -> &mut Part {
        let place = match self.last {
            Some((last, place)) if last == day => place,
            _ => self.place(day),
        };
        self.held += length;
        self.passed += length as u64;
        let limits = self.limits;
        let of_day = &mut self.days[place];
        of_day.touched = self.passed;
        let is_full = |part: &Part| part.rows >= limits.rows || part.bytes() >= limits.bytes;
        if of_day.parts.last().is_none_or(is_full) {
            of_day.parts.push(Part::default());
        }
        let last = of_day.parts.len() - 1;
        &mut of_day.parts[last]
    }

    fn place(&mut self, day: Day) -> usize {
        let days = &mut self.days;
        let place = *self.places.entry(day).or_insert_with(|| {
            days.push(DayParts { day, parts: Vec::new(), touched: 0 });
            days.len() - 1
        });
        self.last = Some((day, place));
        place
    }

    /// Makes room where memory is short. If `may_close`, days that got no row for long are taken
    /// out, and answered in the order in which the input left them; rows that still come make
    /// parts of their own. If that does not suffice, the longest parts go to the file.
    pub(super) fn relieve(&mut self, may_close: bool, shared: &Shared) -> Result<Vec<(Day, Part)>> {
        let mut closed = Vec::new();
        if may_close && self.held > self.memory / 2 {
            let idle = self.passed.saturating_sub(self.memory as u64 / 8);
            let is_idle =
                |of_day: &&mut DayParts| !of_day.parts.is_empty() && of_day.touched < idle;
            let mut idle: Vec<&mut DayParts> = self.days.iter_mut().filter(is_idle).collect();
            idle.sort_unstable_by_key(|of_day| of_day.touched);
            for of_day in idle {
                if self.held <= self.memory / 2 {
                    break;
                }
                for part in std::mem::take(&mut of_day.parts) {
                    self.held -= part.held;
                    closed.push((of_day.day, part));
                }
            }
        }
        if self.held > self.memory {
            self.spill(shared)?;
        }
        Ok(closed)
    }

    /// Writes the longest parts to the file until half of the memory is free.
    fn spill(&mut self, shared: &Shared) -> Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Arc::new(Spill::create(&self.dir)?)),
        };
        let parts = self.days.iter_mut().flat_map(|of_day| &mut of_day.parts);
        let mut parts: Vec<&mut Part> = parts.filter(|part| part.held > 0).collect();
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.held));
        for part in parts {
            if self.held <= self.memory / 2 {
                break;
            }
            self.held -= part.held;
            part.spill(spill, &mut self.spill_bytes, shared)?;
        }
        Ok(())
    }

    /// Distinct properties that rows may have.
    pub(super) fn properties(&self) -> usize {
        self.properties.len()
    }

    /// The file that holds what went out of memory.
    pub(super) fn spilled(&self) -> Option<Arc<Spill>> {
        self.spill.clone()
    }

    /// The parts that are left, by day and in order.
    pub(super) fn take_parts(&mut self) -> BTreeMap<Day, Vec<Part>> {
        self.held = 0;
        let taken =
            self.days.iter_mut().map(|of_day| (of_day.day, std::mem::take(&mut of_day.parts)));
        taken.filter(|(_, parts)| !parts.is_empty()).collect()
    }
}

impl Part {
    /// Length of its rows.
    pub(super) fn bytes(&self) -> u64 {
        self.spilled + self.held as u64
    }

    /// About what it takes to decode it and build a section of it.
    pub(super) fn memory(&self, properties: usize) -> usize {
        let decoded = (ROW_BYTES + CELL_BYTES * properties) as u64 * self.rows;
        usize::try_from(2 * decoded + 2 * self.bytes()).unwrap_or(usize::MAX)
    }

    fn spill(&mut self, spill: &Spill, spill_bytes: &mut u64, shared: &Shared) -> Result<()> {
        for piece in &mut self.pieces {
            let bytes = match piece {
                Piece::Spilled(..) => continue,
                Piece::Encoded(bytes) => std::mem::take(bytes),
                Piece::Table(rows) => std::mem::take(rows).encoded(shared),
            };
            let (start, length) = (*spill_bytes, bytes.len() as u64);
            spill.write(start, &bytes)?;
            *piece = Piece::Spilled(start, length);
            *spill_bytes += length;
            self.spilled += length;
        }
        self.held = 0;
        Ok(())
    }
}

/// A temporary file that only this process sees: it has lost its name as soon as it is open, so
/// that nothing is left of it whatever happens.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    path: PathBuf,
}

impl Spill {
    fn create(dir: &Path) -> Result<Spill> {
        let path = dir.join("rows.tmp");
        let failed = |error| Error::io("cannot make the import's temporary file", &path, error);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(failed)?;
        std::fs::remove_file(&path).map_err(failed)?;
        Ok(Spill { file, path })
    }

    fn write(&self, start: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, start)
            .map_err(|e| Error::io("cannot write the import's temporary file", &self.path, e))
    }

    /// The bytes of a spilled piece.
    pub(super) fn read(&self, start: u64, length: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file
            .read_exact_at(&mut bytes, start)
            .map_err(|e| Error::io("cannot read the import's temporary file", &self.path, e))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bytes_of(part: Part, spill: Option<&Spill>) -> Vec<u8> {
        let bytes = |piece| match piece {
            Piece::Encoded(bytes) => bytes,
            Piece::Table(rows) => rows.encoded(&Shared::default()),
            Piece::Spilled(start, length) => spill.unwrap().read(start, length).unwrap(),
        };
        part.pieces.into_iter().flat_map(bytes).collect()
    }

    /// The rows of each day, part by part.
    fn contents(memory: usize, limits: Option<PartLimits>) -> BTreeMap<Day, Vec<Vec<u8>>> {
        let dir = tempfile::tempdir().unwrap();
        let (shared, path) = (Shared::default(), dir.path().to_path_buf());
        let mut partition = Partition::new(memory, path);
        if let Some(limits) = limits {
            partition.limits = limits;
        }
        for i in 0..5_000u32 {
            let day = (i * 7_919 % 23) as Day - 11;
            partition.add(day, i, &vec![i as u8; i as usize % 40]);
            assert!(partition.relieve(false, &shared).unwrap().is_empty());
            assert!(partition.held <= memory);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(partition.spill.is_some(), memory < 100_000);
        let (parts, spill) = (partition.take_parts(), partition.spilled());
        let read = |part: Part| bytes_of(part, spill.as_deref());
        parts.into_iter().map(|(day, parts)| (day, parts.into_iter().map(read).collect())).collect()
    }

    #[test]
    fn spilled_rows_are_those_held() {
        let held = contents(1 << 30, None);
        assert_eq!(held.len(), 23);
        let joined = |all: &BTreeMap<Day, Vec<Vec<u8>>>| -> BTreeMap<Day, Vec<u8>> {
            all.iter().map(|(day, parts)| (*day, parts.concat())).collect()
        };
        for memory in [100, 5_000, 60_000] {
            assert_eq!(joined(&contents(memory, None)), joined(&held));
        }
    }

    #[test]
    fn large_days_are_cut_by_rows_and_by_bytes() {
        let by_rows = PartLimits { rows: 10, bytes: u64::MAX };
        let day = &contents(1_000, Some(by_rows))[&0];
        assert_eq!(day.len(), 22);
        let by_bytes = PartLimits { rows: u64::MAX, bytes: 100 };
        assert!(contents(1_000, Some(by_bytes))[&0].iter().all(|part| part.len() < 100 + 44));
        assert_eq!(PartLimits::within(512 << 20, 0).rows, SECTION_ROWS_MAX as u64);
        assert_eq!(PartLimits::within(512 << 20, 62).rows, 524_288);
        assert_eq!(PartLimits::within(1, 65_535).rows, 1);
    }

    #[test]
    fn days_left_behind_are_closed_in_their_order_and_nothing_is_spilled() {
        let dir = tempfile::tempdir().unwrap();
        let (shared, memory) = (Shared::default(), 1_000_000);
        let mut partition = Partition::new(memory, dir.path().to_path_buf());
        let (mut closed, mut late) = (Vec::new(), 0);
        for i in 0..200_000u32 {
            // Every now and then a row of the first day, until that one is closed.
            let day = if i % 1_000 == 999 && late < 3 { 0 } else { i as Day / 5_000 };
            partition.add(day, i, &[7; 16]);
            let of_row = partition.relieve(true, &shared).unwrap();
            late += of_row.iter().filter(|(day, _)| *day == 0).count();
            closed.extend(of_row.into_iter().map(|(day, part)| (day, part.rows)));
            assert!(partition.held <= memory / 2 + 20);
        }
        assert!(partition.spill.is_none());
        assert!(closed.len() > 30 && closed.is_sorted_by_key(|(day, _)| (*day == 0, *day)));
        let left = partition.take_parts();
        let left = left.values().flatten().map(|part| part.rows).sum::<u64>();
        assert_eq!(closed.iter().map(|(_, rows)| rows).sum::<u64>() + left, 200_000);
    }
}

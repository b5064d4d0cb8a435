//! Rows by day, in bounded memory: what does not fit goes to one temporary file.
//!
//! A day's rows keep the order they came in. A day too large for one section is cut into parts as
//! it grows, each a section of its own later.

use crate::error::{Error, Result};
use crate::limits::SECTION_ROWS_MAX;
use crate::time::Day;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

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

/// Rows of a day, or of a part of it that makes one section.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) rows: u64,
    /// Where its first bytes lie in the temporary file: start and length, in order.
    spilled: Vec<(u64, u64)>,
    spilled_bytes: u64,
    /// Its last bytes.
    tail: Vec<u8>,
}

/// All rows of an import by day.
pub(super) struct Partition {
    memory: usize,
    /// Bytes of all tails.
    held: usize,
    places: HashMap<Day, usize>,
    /// Day and parts; only the last part grows.
    days: Vec<(Day, Vec<Part>)>,
    last: Option<(Day, usize)>,
    properties: HashSet<u32>,
    limits: PartLimits,
    spill: Option<Spill>,
    dir: PathBuf,
}

impl Partition {
    /// Holds up to `memory` bytes of rows; more goes to a file in `dir`.
    pub(super) fn new(memory: usize, dir: PathBuf) -> Partition {
        Partition {
            memory,
            held: 0,
            places: HashMap::new(),
            days: Vec::new(),
            last: None,
            properties: HashSet::new(),
            limits: PartLimits::within(memory, 0),
            spill: None,
            dir,
        }
    }

    /// Says which properties the rows that follow may have: parts are then small enough for them.
    pub(super) fn expect_properties(&mut self, properties: &[u32]) {
        self.properties.extend(properties);
        self.limits = PartLimits::within(self.memory, self.properties.len());
    }

    /// Adds a row to its day.
    pub(super) fn add(&mut self, day: Day, user: u32, row: &[u8]) -> Result<()> {
        let place = match self.last {
            Some((last, place)) if last == day => place,
            _ => self.place(day),
        };
        let Some((_, parts)) = self.days.get_mut(place) else { return Ok(()) };
        let limits = self.limits;
        let part = match parts.last_mut() {
            Some(part) if part.rows < limits.rows && part.bytes() < limits.bytes => part,
            _ => parts.push_mut(Part::default()),
        };
        part.rows += 1;
        part.tail.extend_from_slice(&user.to_le_bytes());
        part.tail.extend_from_slice(row);
        self.held += size_of::<u32>() + row.len();
        if self.held > self.memory {
            self.spill()?;
        }
        Ok(())
    }

    fn place(&mut self, day: Day) -> usize {
        let days = &mut self.days;
        let place = *self.places.entry(day).or_insert_with(|| {
            days.push((day, Vec::new()));
            days.len() - 1
        });
        self.last = Some((day, place));
        place
    }

    /// Writes the longest tails to the file until half of the memory is free.
    fn spill(&mut self) -> Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill::create(&self.dir)?),
        };
        let mut parts: Vec<&mut Part> = self
            .days
            .iter_mut()
            .flat_map(|(_, parts)| parts)
            .filter(|p| !p.tail.is_empty())
            .collect();
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.tail.len()));
        for part in parts {
            if self.held <= self.memory / 2 {
                break;
            }
            let tail = std::mem::take(&mut part.tail);
            self.held -= tail.len();
            let start = spill.append(&tail)?;
            part.spilled.push((start, tail.len() as u64));
            part.spilled_bytes += tail.len() as u64;
        }
        Ok(())
    }

    /// Distinct properties that rows may have.
    pub(super) fn properties(&self) -> usize {
        self.properties.len()
    }

    /// The parts, by day and in order, and the file that holds their first bytes.
    pub(super) fn into_parts(self) -> (BTreeMap<Day, Vec<Part>>, Option<Spill>) {
        (self.days.into_iter().collect(), self.spill)
    }
}

impl Part {
    /// Length of its rows.
    pub(super) fn bytes(&self) -> u64 {
        self.spilled_bytes + self.tail.len() as u64
    }

    /// About what it takes to decode it and build a section of it.
    pub(super) fn memory(&self, properties: usize) -> usize {
        let decoded = (ROW_BYTES + CELL_BYTES * properties) as u64 * self.rows;
        usize::try_from(2 * decoded + 2 * self.bytes()).unwrap_or(usize::MAX)
    }

    /// All of its rows.
    pub(super) fn read(self, spill: Option<&Spill>) -> Result<Vec<u8>> {
        let Some(spill) = spill.filter(|_| self.spilled_bytes > 0) else { return Ok(self.tail) };
        let length = usize::try_from(self.bytes()).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(length);
        for (start, length) in self.spilled {
            spill.read(start, length, &mut bytes)?;
        }
        bytes.extend_from_slice(&self.tail);
        Ok(bytes)
    }
}

/// A temporary file that only this process sees: it has lost its name as soon as it is open, so
/// that nothing is left of it whatever happens.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Spill {
    fn create(dir: &Path) -> Result<Spill> {
        let path = dir.join("rows.tmp");
        let failed = |error| Error::io("cannot make the import's temporary file", &path, error);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(failed)?;
        std::fs::remove_file(&path).map_err(failed)?;
        Ok(Spill { file, path, length: 0 })
    }

    /// Answers where the bytes start.
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let start = self.length;
        self.file
            .write_all(bytes)
            .map_err(|e| Error::io("cannot write the import's temporary file", &self.path, e))?;
        self.length += bytes.len() as u64;
        Ok(start)
    }

    fn read(&self, start: u64, length: u64, to: &mut Vec<u8>) -> Result<()> {
        let before = to.len();
        to.resize(before + usize::try_from(length).unwrap_or(usize::MAX), 0);
        let target = to.get_mut(before..).unwrap_or_default();
        self.file
            .read_exact_at(target, start)
            .map_err(|e| Error::io("cannot read the import's temporary file", &self.path, e))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The rows of each day, part by part.
    fn contents(memory: usize, limits: Option<PartLimits>) -> BTreeMap<Day, Vec<Vec<u8>>> {
        let dir = tempfile::tempdir().unwrap();
        let mut partition = Partition::new(memory, dir.path().to_path_buf());
        if let Some(limits) = limits {
            partition.limits = limits;
        }
        for i in 0..5_000u32 {
            let day = (i * 7_919 % 23) as Day - 11;
            partition.add(day, i, &vec![i as u8; i as usize % 40]).unwrap();
            assert!(partition.held <= memory);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(partition.spill.is_some(), memory < 100_000);
        let (parts, spill) = partition.into_parts();
        let read = |part: Part| part.read(spill.as_ref()).unwrap();
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
}

//! Day files: whole sections under an outer directory.

use super::build::BuiltSection;
use super::section::Section;
use super::summary::SectionPlace;
use crate::fs::{Bytes, Fs};
use std::path::Path;

/// What the header of every data file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    pub(crate) database: u128,
    /// Unique in the database, also part of the name: `days/0000000012.day`.
    pub(crate) generation: u64,
    pub(crate) sequence_first: u64,
    pub(crate) sequence_last: u64,
    /// Generations of the day files that this one replaces, for `repair`.
    pub(crate) replaces: Vec<u64>,
}

/// Writes a day file section by section under a `.tmp` name; `finish` seals it.
pub(crate) struct DayFileWriter {}

impl DayFileWriter {
    /// `path` is the final name; the bytes go to `path` + `.tmp` until `finish`.
    pub(crate) fn create(
        _fs: &dyn Fs,
        _path: &Path,
        _identity: FileIdentity,
    ) -> crate::Result<DayFileWriter> {
        todo!()
    }
    /// Appends a section; sections may come in any order of days. The sequences are those of its rows.
    pub(crate) fn add(
        &mut self,
        _section: &BuiltSection,
        _sequence_first: u64,
        _sequence_last: u64,
    ) -> crate::Result<()> {
        todo!()
    }
    pub(crate) fn bytes_written(&self) -> u64 {
        todo!()
    }
    /// Writes the outer directory, syncs, gives the file its name (the folder's sync is the caller's),
    /// and answers the places for the summary and the whole file's length and the checksum that MANIFEST keeps.
    pub(crate) fn finish(self, _fs: &dyn Fs) -> crate::Result<FinishedDayFile> {
        todo!()
    }
}

pub(crate) struct FinishedDayFile {
    pub(crate) places: Vec<SectionPlace>,
    pub(crate) length: u64,
    /// CRC32C of header and outer directory: identifies the file without reading all of it.
    pub(crate) checksum: u32,
}

/// An open, finished day file.
#[derive(Debug)]
pub(crate) struct DayFile {}

impl DayFile {
    /// Checks header and outer directory, identity and `checksum`; not the sections.
    pub(crate) fn open(
        _name: &str,
        _bytes: Bytes,
        _database: u128,
        _generation: u64,
        _checksum: u32,
    ) -> crate::Result<DayFile> {
        todo!()
    }
    pub(crate) fn identity(&self) -> &FileIdentity {
        todo!()
    }
    /// The outer directory's places, for `repair` and `verify`.
    pub(crate) fn places(&self) -> &[SectionPlace] {
        todo!()
    }
    /// A section's reader; its directory is checked and parsed at first use.
    pub(crate) fn section(&self, _place: &SectionPlace) -> crate::Result<Section> {
        todo!()
    }
}

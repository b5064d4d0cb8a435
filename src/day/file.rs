//! Day files: whole sections under an outer directory.

use super::build::BuiltSection;
use super::format::{DAY_MAGIC, FileFooter, FileHeader, KIND_DAY};
use super::section::Section;
use super::summary::{SectionPlace, Summary};
use crate::catalog::manifest::DayFileEntry;
use crate::codec::checksum::{crc, crc_append};
use crate::codec::record::{FORMAT_VERSION, LEAST_READER, check_version};
use crate::error::{Error, Result};
use crate::fs::{BufferedFile, Bytes, Fs, WriteFile, tmp_path};
use crate::time::DaySpan;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, IntoBytes};

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
#[derive(Debug)]
pub(crate) struct DayFileWriter {
    path: PathBuf,
    tmp: PathBuf,
    file: BufferedFile,
    identity: FileIdentity,
    header: FileHeader,
    places: Vec<SectionPlace>,
}

impl DayFileWriter {
    /// `path` is the final name; the bytes go to `path` + `.tmp` until `finish`.
    pub(crate) fn create(
        fs: &dyn Fs,
        path: &Path,
        identity: FileIdentity,
    ) -> Result<DayFileWriter> {
        let header = header_of(&identity)?;
        let tmp = tmp_path(path);
        let file = fs.create(&tmp).map_err(|e| Error::io("cannot create", &tmp, e))?;
        let (path, file) = (path.to_path_buf(), BufferedFile::new(file));
        let mut writer = DayFileWriter { path, tmp, file, identity, header, places: Vec::new() };
        writer.append(header.as_bytes())?;
        Ok(writer)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.append(bytes).map_err(|e| Error::io("cannot write", &self.tmp, e))
    }

    /// Appends a section; sections may come in any order of days. The sequences are those of its
    /// rows.
    pub(crate) fn add(
        &mut self,
        section: &BuiltSection,
        sequence_first: u64,
        sequence_last: u64,
    ) -> Result<()> {
        let offset = self.file.bytes();
        self.append(&section.bytes)?;
        self.places.push(SectionPlace {
            file: self.identity.generation,
            offset,
            length: section.bytes.len() as u64,
            sequence_first,
            sequence_last,
            totals: section.totals.clone(),
        });
        Ok(())
    }

    /// Writes the outer directory, syncs, gives the file its name (the folder's sync is the
    /// caller's), and answers the places for the summary and the whole file's length and the
    /// checksum that MANIFEST keeps.
    pub(crate) fn finish(mut self, fs: &dyn Fs) -> Result<FinishedDayFile> {
        let replaces = self.identity.replaces.iter().flat_map(|g| g.to_le_bytes());
        let mut outer: Vec<u8> = replaces.collect();
        let summary = Summary { sections: std::mem::take(&mut self.places) };
        outer.extend(summary.encode());
        let footer = FileFooter {
            offset: self.file.bytes().into(),
            length: (outer.len() as u64).into(),
            crc: crc(&outer).into(),
            magic: DAY_MAGIC,
        };
        self.append(&outer)?;
        self.append(footer.as_bytes())?;
        self.file.sync().map_err(|e| Error::io("cannot write", &self.tmp, e))?;
        let named = fs.rename(&self.tmp, &self.path);
        named.map_err(|e| Error::io("cannot rename to", &self.path, e))?;
        Ok(FinishedDayFile {
            places: summary.sections,
            length: self.file.bytes(),
            checksum: file_checksum(&self.header, &outer, footer.as_bytes()),
        })
    }
}

/// What became of a written day file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FinishedDayFile {
    pub(crate) places: Vec<SectionPlace>,
    pub(crate) length: u64,
    /// CRC32C of header, outer directory and footer: identifies the file without reading all of it.
    pub(crate) checksum: u32,
}

fn header_of(identity: &FileIdentity) -> Result<FileHeader> {
    let replaces = u32::try_from(identity.replaces.len())
        .map_err(|_| Error::input("a day file replaces too many others"))?;
    let mut header = FileHeader {
        magic: DAY_MAGIC,
        version: FORMAT_VERSION.into(),
        least_reader: LEAST_READER.into(),
        database: identity.database.into(),
        kind: KIND_DAY.into(),
        generation: identity.generation.into(),
        sequence_first: identity.sequence_first.into(),
        sequence_last: identity.sequence_last.into(),
        replaces: replaces.into(),
        crc: 0.into(),
    };
    header.crc = header_crc(&header).into();
    Ok(header)
}

/// Of all but the checksum itself.
fn header_crc(header: &FileHeader) -> u32 {
    let bytes = header.as_bytes();
    crc(bytes.get(..bytes.len() - 4).unwrap_or_default())
}

/// The header goes in without its own checksum: with it, every header would come to the same.
fn file_checksum(header: &FileHeader, outer: &[u8], footer: &[u8]) -> u32 {
    crc_append(crc_append(header_crc(header), outer), footer)
}

/// An open, finished day file.
pub(crate) struct DayFile {
    name: Arc<str>,
    bytes: Bytes,
    identity: FileIdentity,
    places: Vec<SectionPlace>,
    /// Why nothing of it can be read.
    damaged: Option<Arc<Error>>,
}

impl fmt::Debug for DayFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DayFile {} of {} sections", self.name, self.places.len())
    }
}

impl DayFile {
    /// Checks header and outer directory, identity and `checksum`; not the sections.
    pub(crate) fn open(
        name: &str,
        bytes: Bytes,
        database: u128,
        generation: u64,
        checksum: u32,
    ) -> Result<DayFile> {
        let damage = |(at, part, what): Damage| Error::corruption(name, at, part, what);
        let header = read_header(name, &bytes)?;
        let told = (header.database.get(), header.generation.get(), header.kind.get());
        if told != (database, generation, KIND_DAY) {
            let what = format!("is file {} of database {:032x}", told.1, told.0);
            return Err(damage((8, "header", what)));
        }
        let (outer, found) = read_footer(&bytes, &header).map_err(damage)?;
        if found != checksum {
            let what = format!("checksum {found:08x} instead of {checksum:08x}");
            return Err(damage((0, "header and directory", what)));
        }
        let outer_bytes = bytes.get(outer.clone()).unwrap_or_default();
        let (replaces, places) = read_outer(name, outer_bytes, &header)?;
        check_places(&places, generation, outer.start as u64)
            .map_err(|what| damage((outer.start as u64, "outer directory", what)))?;
        let identity = FileIdentity {
            database,
            generation,
            sequence_first: header.sequence_first.get(),
            sequence_last: header.sequence_last.get(),
            replaces,
        };
        Ok(DayFile { name: name.into(), bytes, identity, places, damaged: None })
    }

    /// A file that is missing or cannot be opened. It stands where it should be, and whoever reads
    /// its sections is told why they cannot be read.
    pub(crate) fn damaged(name: &str, database: u128, generation: u64, why: Error) -> DayFile {
        let identity = FileIdentity {
            database,
            generation,
            sequence_first: 0,
            sequence_last: 0,
            replaces: Vec::new(),
        };
        let (bytes, damaged) = (Bytes::from_vec(Vec::new()), Some(Arc::new(why)));
        DayFile { name: name.into(), bytes, identity, places: Vec::new(), damaged }
    }

    /// What a MANIFEST would keep of a file, and its last commit, told by the file.
    pub(crate) fn entry_of(name: &str, bytes: &[u8]) -> Result<(DayFileEntry, u64)> {
        let header = read_header(name, bytes)?;
        let (_, checksum) = read_footer(bytes, &header)
            .map_err(|(at, part, what)| Error::corruption(name, at, part, what))?;
        let (generation, length) = (header.generation.get(), bytes.len() as u64);
        Ok((DayFileEntry { generation, length, checksum }, header.sequence_last.get()))
    }

    /// Its header is whole, and says that it is another file.
    pub(crate) fn is_another(bytes: &[u8], database: u128, generation: u64) -> bool {
        let identity = |header: FileHeader| (header.database.get(), header.generation.get());
        read_header("", bytes).is_ok_and(|header| identity(header) != (database, generation))
    }

    /// Nothing of it can be read.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.is_some()
    }

    #[cfg(test)]
    pub(crate) fn identity(&self) -> &FileIdentity {
        &self.identity
    }

    /// The outer directory's places, for `repair` and `verify`.
    pub(crate) fn places(&self) -> &[SectionPlace] {
        &self.places
    }

    /// A section's reader; its directory is checked and parsed at first use.
    pub(crate) fn section(&self, place: &SectionPlace) -> Result<Section> {
        let totals = &place.totals;
        let span = DaySpan { day: totals.day, start: totals.start, end: totals.end };
        if let Some(why) = &self.damaged {
            return Ok(Section::damaged(self.name.clone(), span, why.clone()));
        }
        let range = self.range(place)?;
        Ok(Section::new(self.name.clone(), self.bytes.clone(), range, span))
    }

    /// A section's bytes as they are, to be copied into another file.
    pub(crate) fn section_bytes(&self, place: &SectionPlace) -> Result<&[u8]> {
        let range = self.range(place)?;
        Ok(self.bytes.get(range).unwrap_or_default())
    }

    fn range(&self, place: &SectionPlace) -> Result<Range<usize>> {
        if let Some(why) = &self.damaged {
            return Err(why.again());
        }
        let range = usize::try_from(place.offset).ok().and_then(|start| {
            let end = start.checked_add(usize::try_from(place.length).ok()?)?;
            (end <= self.bytes.len() && place.file == self.identity.generation)
                .then_some(start..end)
        });
        range.ok_or_else(|| {
            let what = format!("no section of {} bytes of file {}", place.length, place.file);
            let section = format!("day {}", place.totals.day);
            Error::corruption(&self.name, place.offset, &section, what)
        })
    }
}

/// Offset, part, and what is wrong.
type Damage = (u64, &'static str, String);

fn read_header(name: &str, bytes: &[u8]) -> Result<FileHeader> {
    let damage = |what: String| Error::corruption(name, 0, "header", what);
    let (header, _) = FileHeader::read_from_prefix(bytes)
        .map_err(|_| damage(format!("only {} bytes", bytes.len())))?;
    if header.magic != DAY_MAGIC {
        return Err(damage("not a day file".to_string()));
    }
    if header_crc(&header) != header.crc.get() {
        return Err(damage("wrong checksum".to_string()));
    }
    check_version(name, header.version.get(), header.least_reader.get())?;
    Ok(header)
}

/// Where the outer directory lies, and the file's checksum.
fn read_footer(bytes: &[u8], header: &FileHeader) -> Result<(Range<usize>, u32), Damage> {
    let damage = |what: &str| (bytes.len() as u64, "footer", what.to_string());
    let (_, footer) = FileFooter::read_from_suffix(bytes).map_err(|_| damage("the file is cut"))?;
    let end = bytes.len() - size_of::<FileFooter>();
    let start = usize::try_from(footer.offset.get()).ok().filter(|start| {
        (size_of::<FileHeader>()..=end).contains(start)
            && footer.length.get() == (end - start) as u64
            && footer.magic == DAY_MAGIC
    });
    let start = start.ok_or_else(|| damage("not the end of a day file"))?;
    let outer = bytes.get(start..end).unwrap_or_default();
    if crc(outer) != footer.crc.get() {
        return Err((start as u64, "outer directory", "wrong checksum".to_string()));
    }
    Ok((start..end, file_checksum(header, outer, footer.as_bytes())))
}

fn read_outer(
    name: &str,
    bytes: &[u8],
    header: &FileHeader,
) -> Result<(Vec<u64>, Vec<SectionPlace>)> {
    let length = (header.replaces.get() as usize).saturating_mul(size_of::<u64>());
    let Some((replaces, summary)) = bytes.split_at_checked(length) else {
        let what = format!("no room for {} replaced files", header.replaces.get());
        return Err(Error::corruption(name, 0, "outer directory", what));
    };
    let replaces = <[U64]>::ref_from_bytes(replaces).unwrap_or_default();
    let summary = Summary::decode(name, summary)?;
    Ok((replaces.iter().map(|g| g.get()).collect(), summary.sections))
}

/// Sections fill the file from header to outer directory.
fn check_places(places: &[SectionPlace], generation: u64, end: u64) -> Result<(), String> {
    let mut at = size_of::<FileHeader>() as u64;
    for place in places {
        if place.offset != at || place.file != generation {
            return Err(format!("a section of file {} at {}, not {at}", place.file, place.offset));
        }
        at = at.checked_add(place.length).ok_or("a section beyond the file")?;
    }
    if at == end { Ok(()) } else { Err(format!("sections end at {at}, not {end}")) }
}

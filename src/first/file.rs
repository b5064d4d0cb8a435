//! A generation of the index: blocks, then a directory of them.

use super::block::{Block, BuiltBlock};
use crate::catalog::manifest::FirstFileEntry;
use crate::codec::bits::{Bits, Container};
use crate::codec::checksum::crc;
use crate::codec::record;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Bytes, Fs, NewFile};
use crate::limits::FILE_BYTES_MAX;
use crate::time::Day;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first bytes of the directory.
pub(crate) const MAGIC: [u8; 8] = *b"DAYBITF\0";

/// The directory, a sealed record at the end of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Directory {
    database: u128,
    generation: u64,
    /// Any activity first, the others by their names' bytes.
    activities: Vec<ActivityRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ActivityRecord {
    /// `None`: any activity.
    name: Option<String>,
    /// Ascending by chunk. The blocks of the file follow each other in the order of the directory.
    blocks: Vec<BlockRecord>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct BlockRecord {
    chunk: u32,
    /// Of the container.
    kind: u8,
    users: u32,
    /// Bytes of the container.
    presence: u32,
    /// Bytes of the block.
    length: u32,
    /// CRC32C of the block.
    checksum: u32,
}

/// Blocks of one activity to be written, ascending by chunk. An activity may come in several
/// parts, one after the other.
#[derive(Debug)]
pub(crate) struct Part {
    /// `None`: any activity.
    pub(crate) activity: Option<String>,
    pub(crate) blocks: Vec<(u32, BuiltBlock)>,
}

/// A generation, read in place. Checksums are checked once per open and block, before decoding.
#[derive(Debug)]
pub(crate) struct FirstFile {
    name: String,
    entry: FirstFileEntry,
    bytes: Bytes,
    activities: Vec<Activity>,
}

#[derive(Debug)]
struct Activity {
    name: Option<String>,
    blocks: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    record: BlockRecord,
    range: Range<usize>,
    checked: AtomicBool,
}

impl FirstFile {
    /// Writes a generation: under `.tmp`, synced, renamed to `path`, its name durable.
    pub(crate) fn write(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        generation: u64,
        parts: impl Iterator<Item = Result<Part>>,
    ) -> Result<FirstFileEntry> {
        let mut all = Directory { database, generation, activities: Vec::new() };
        let mut entry = FirstFileEntry { generation, length: 0, directory: 0, checksum: 0 };
        let written = NewFile::write(fs, path, |file| {
            for part in parts {
                let Part { activity, blocks } = part?;
                let blocks = blocks.into_iter().map(|(chunk, block)| {
                    file.append(&block.bytes)?;
                    let length = u32::try_from(block.bytes.len()).unwrap_or(u32::MAX);
                    entry.directory += u64::from(length);
                    let BuiltBlock { kind, users, presence, bytes } = block;
                    let checksum = crc(&bytes);
                    Ok(BlockRecord { chunk, kind, users, presence, length, checksum })
                });
                let blocks = blocks.collect::<Result<Vec<_>>>()?;
                match all.activities.last_mut().filter(|last| last.name == activity) {
                    Some(last) => last.blocks.extend(blocks),
                    None => all.activities.push(ActivityRecord { name: activity, blocks }),
                }
            }
            let directory = record::seal(&MAGIC, &all);
            entry.checksum = crc(&directory);
            file.append(&directory)
        })?;
        entry.length = written.length;
        if entry.length > FILE_BYTES_MAX {
            let message = format!("{} has {} bytes: too many", path.display(), entry.length);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        Ok(entry)
    }

    /// Opens a generation of this database that the manifest names.
    pub(crate) fn open(
        name: &str,
        bytes: Bytes,
        database: u128,
        entry: &FirstFileEntry,
    ) -> Result<FirstFile> {
        let damaged = |what: String| Error::corruption(name, entry.directory, "directory", what);
        let at = usize::try_from(entry.directory).unwrap_or(usize::MAX);
        let directory = bytes.get(at..).unwrap_or_default();
        if crc(directory) != entry.checksum {
            return Err(damaged("its checksum is not the one that MANIFEST tells".to_string()));
        }
        let directory: Directory = record::unseal(name, &MAGIC, directory)?;
        if (directory.database, directory.generation) != (database, entry.generation) {
            return Err(damaged("it is another file than the one that MANIFEST names".to_string()));
        }
        let activities = placed(directory.activities, at).map_err(damaged)?;
        Ok(FirstFile { name: name.to_string(), entry: *entry, bytes, activities })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn entry(&self) -> &FirstFileEntry {
        &self.entry
    }

    /// The activities that it knows; `None` is any.
    pub(crate) fn activities(&self) -> impl Iterator<Item = Option<&str>> {
        self.activities.iter().map(|activity| activity.name.as_deref())
    }

    /// Calls `visit` with each user of an activity (`None`: any) in a chunk, and their first day.
    pub(crate) fn each(
        &self,
        activity: Option<&str>,
        chunk: u32,
        visit: &mut dyn FnMut(u16, Day),
    ) -> Result<()> {
        let Some(placed) = self.find(activity, chunk) else { return Ok(()) };
        self.block(placed)?.each(visit).map_err(|what| self.damaged(placed, what))
    }

    /// ORs the users of an activity (`None`: any) in a chunk with a first day before this one into
    /// `bits`; false where there are none.
    pub(crate) fn before_into(
        &self,
        activity: Option<&str>,
        chunk: u32,
        day: Day,
        bits: &mut Bits,
    ) -> Result<bool> {
        let Some(placed) = self.find(activity, chunk) else { return Ok(false) };
        let found = self.block(placed)?.before_into(day, bits);
        found.map_err(|what| self.damaged(placed, what))
    }

    /// Reads every block.
    pub(crate) fn verify(&self) -> Result<()> {
        self.activities.iter().flat_map(|activity| &activity.blocks).try_for_each(|placed| {
            let read = self.block(placed)?.each(&mut |_, _| {});
            read.map_err(|what| self.damaged(placed, what))
        })
    }

    fn find(&self, activity: Option<&str>, chunk: u32) -> Option<&Placed> {
        let activities = &self.activities;
        let at = activities.binary_search_by(|known| known.name.as_deref().cmp(&activity)).ok()?;
        let blocks = &activities.get(at)?.blocks;
        let at = blocks.binary_search_by_key(&chunk, |placed| placed.record.chunk).ok()?;
        blocks.get(at)
    }

    fn block(&self, placed: &Placed) -> Result<Block<'_>> {
        let bytes = self.bytes.get(placed.range.clone()).unwrap_or_default();
        let BlockRecord { kind, users, presence, checksum, .. } = placed.record;
        let damaged = |what: String| self.damaged(placed, what);
        let Some((container, frames)) = bytes.split_at_checked(presence as usize) else {
            return Err(damaged(format!("users of {presence} bytes")));
        };
        // A check seen late is only made twice.
        if placed.checked.load(Ordering::Relaxed) {
            let container = Container::shaped(kind, users, container).map_err(damaged)?;
            return Ok(Block { container, frames });
        }
        if crc(bytes) != checksum {
            return Err(damaged("wrong checksum".to_string()));
        }
        let container = Container::parse(kind, users, container).map_err(damaged)?;
        placed.checked.store(true, Ordering::Relaxed);
        Ok(Block { container, frames })
    }

    fn damaged(&self, placed: &Placed, what: String) -> Error {
        Error::corruption(&self.name, placed.range.start as u64, "block", what)
    }
}

/// Where the blocks lie: one after the other, from the file's start to the directory.
fn placed(records: Vec<ActivityRecord>, end: usize) -> Result<Vec<Activity>, String> {
    if !records.is_sorted_by(|a, b| a.name < b.name) {
        return Err("activities out of order".to_string());
    }
    let mut start = 0usize;
    let activities = records.into_iter().map(|ActivityRecord { name, blocks }| {
        if !blocks.is_sorted_by(|a, b| a.chunk < b.chunk) {
            return Err("blocks out of order".to_string());
        }
        let place = |record: BlockRecord| {
            let from = start;
            start = start.saturating_add(record.length as usize);
            Placed { record, range: from..start, checked: AtomicBool::new(false) }
        };
        Ok(Activity { name, blocks: blocks.into_iter().map(place).collect() })
    });
    let activities = activities.collect::<Result<Vec<_>, String>>()?;
    if start != end {
        return Err(format!("blocks end at {start}, not at {end}"));
    }
    Ok(activities)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::first::block::{FRAME_USERS, Firsts};
    use crate::fs::RealFs;
    use std::collections::BTreeMap;

    const DATABASE: u128 = 0xdb;

    fn part(activity: Option<&str>, users: &[(u32, Day)]) -> Part {
        let mut chunks: BTreeMap<u32, (Firsts, Bits)> = BTreeMap::new();
        for (user, day) in users {
            let (firsts, bits) =
                chunks.entry(user >> 16).or_insert_with(|| (Firsts::new(), Bits::EMPTY));
            firsts.meet(*user as u16, *day);
            bits.insert(*user as u16);
        }
        let blocks = chunks.into_iter();
        let blocks =
            blocks.filter_map(|(chunk, (firsts, bits))| Some((chunk, firsts.block(&bits)?)));
        Part { activity: activity.map(str::to_owned), blocks: blocks.collect() }
    }

    fn written(parts: Vec<Part>) -> (FirstFileEntry, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let parts = parts.into_iter().map(Ok);
        let entry = FirstFile::write(&RealFs::default(), &path, DATABASE, 9, parts).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(entry.length, bytes.len() as u64);
        (entry, bytes)
    }

    fn some() -> (FirstFileEntry, Vec<u8>) {
        let any = [(1, 3), (2, -4), (65_536, 9), (200_000, 3)];
        let late = [(200_001, 7)];
        written(vec![part(None, &any), part(None, &[(300_000, 1)]), part(Some("a"), &late)])
    }

    fn open(entry: &FirstFileEntry, bytes: Vec<u8>) -> Result<FirstFile> {
        FirstFile::open("first/9.first", Bytes::from_vec(bytes), DATABASE, entry)
    }

    /// Users of the first five chunks, with their days.
    fn firsts(file: &FirstFile, activity: Option<&str>) -> Result<Vec<(u32, Day)>> {
        let mut users = Vec::new();
        for chunk in 0..5 {
            file.each(activity, chunk, &mut |low, day| {
                users.push((chunk << 16 | u32::from(low), day));
            })?;
        }
        Ok(users)
    }

    #[test]
    fn a_generation_tells_what_was_written() {
        let (entry, bytes) = some();
        let file = open(&entry, bytes).unwrap();
        assert_eq!(file.activities().collect::<Vec<_>>(), [None, Some("a")]);
        let any = [(1, 3), (2, -4), (65_536, 9), (200_000, 3), (300_000, 1)];
        assert_eq!(firsts(&file, None).unwrap(), any);
        assert_eq!(firsts(&file, Some("a")).unwrap(), [(200_001, 7)]);
        assert_eq!(firsts(&file, Some("b")).unwrap(), []);
        let mut bits = Bits::EMPTY;
        assert!(file.before_into(None, 0, 3, &mut bits).unwrap());
        assert!(!file.before_into(None, 2, 3, &mut bits).unwrap());
        assert!(!file.before_into(Some("b"), 0, 3, &mut bits).unwrap());
        assert_eq!(bits.iter().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let (entry, whole) = some();
        let read = |bytes: Vec<u8>| {
            let file = open(&entry, bytes)?;
            Ok::<_, Error>([firsts(&file, None)?, firsts(&file, Some("a"))?])
        };
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = read(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}");
            assert!(error.to_string().contains("first/9.first"), "{error}");
        }
        for length in 0..whole.len() {
            assert!(read(whole[..length].to_vec()).is_err(), "{length} bytes");
        }
        let foreign = FirstFileEntry { generation: 8, ..entry };
        assert!(open(&foreign, whole.clone()).is_err());
        assert!(FirstFile::open("f", Bytes::from_vec(whole), 1, &entry).is_err());
    }

    #[test]
    fn contradictions_are_refused_though_the_checksum_is_right() {
        let record =
            BlockRecord { chunk: 1, kind: 0, users: 1, presence: 2, length: 4, checksum: 0 };
        let earlier = BlockRecord { chunk: 0, ..record };
        let named = |name: Option<&str>, blocks: &[BlockRecord]| ActivityRecord {
            name: name.map(str::to_owned),
            blocks: blocks.to_vec(),
        };
        assert!(placed(vec![named(None, &[earlier, record])], 8).is_ok());
        for (activities, end) in [
            (vec![named(None, &[record, earlier])], 8),
            (vec![named(None, &[record, record])], 8),
            (vec![named(Some("a"), &[earlier]), named(None, &[record])], 8),
            (vec![named(None, &[earlier, record])], 9),
            (vec![named(None, &[BlockRecord { length: u32::MAX, ..record }; 1])], 8),
        ] {
            assert!(placed(activities, end).is_err());
        }
    }

    /// What `docs/file-format.md` says.
    #[test]
    fn the_document_has_the_index_as_it_is() {
        let page = include_str!("../../docs/file-format.md");
        let (_, section) = page.split_once("## first/").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let magic = MAGIC.map(|byte| format!("{byte:02X}")).join(" ");
        for row in
            [format!("| `FIRST_MAGIC` | `{magic}` "), format!("| `FRAME_USERS` | {FRAME_USERS} |")]
        {
            assert!(section.contains(&row), "{row}");
        }
        let record =
            BlockRecord { chunk: 1, kind: 2, users: 3, presence: 4, length: 5, checksum: 6 };
        let rows = section.lines().filter(|line| line.starts_with("| u"));
        let rows: Vec<&str> = rows.map(|line| line.split('|').nth(2).unwrap().trim()).collect();
        let shown = format!("{record:?}");
        let named = |name: &&str| shown.find(&format!("{}:", name.trim_matches('`')));
        let places: Vec<usize> = rows.iter().map(|name| named(name).unwrap()).collect();
        assert!(places.is_sorted() && places.len() == 6, "{rows:?}");
        assert_eq!(record::encode(&record).len(), 4 + 1 + 4 * 4);
    }
}

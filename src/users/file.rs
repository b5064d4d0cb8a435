//! Sealed users files: read in place, never changed.
//!
//! `[header][table][directory][ids]`. The ids lie in blocks of 64, packed; the directory tells
//! where each block begins. The table has an entry for each id, in buckets by the first bits of its
//! hash: the id's index, and as many other bits of the hash as there is room for, so that an id
//! that is not there is mostly refused without a look at any id. Each part is checked against its
//! CRC32C when it is first used.

use super::block::{self, BLOCK_IDS};
use super::shape::TableShape;
use crate::catalog::manifest::UsersFileEntry;
use crate::codec::checksum::crc;
use crate::codec::record::check_version;
use crate::error::{Error, Result};
use crate::fs::Bytes;
use crate::limits::USER_ID_BYTES_MAX;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zerocopy::byteorder::little_endian::{U32, U64, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first bytes of a users file.
pub(crate) const MAGIC: [u8; 8] = *b"DAYBITU\0";
/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = size_of::<Header>();

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) magic: [u8; 8],
    pub(super) version: U32,
    pub(super) least_reader: U32,
    pub(super) database: U128,
    pub(super) generation: U64,
    pub(super) first_ordinal: U32,
    pub(super) count: U32,
    pub(super) table: Part,
    pub(super) directory: Part,
    pub(super) ids: Part,
    /// CRC32C of all header bytes before it.
    pub(super) checksum: U32,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Part {
    pub(super) offset: U64,
    pub(super) length: U64,
    pub(super) checksum: U32,
}

/// A sealed users file, mapped.
pub(crate) struct UsersFile {
    pub(super) name: String,
    bytes: Bytes,
    entry: UsersFileEntry,
    seed: u64,
    shape: TableShape,
    table: Slice,
    directory: Slice,
    ids: Slice,
    /// Places in the ids are 8 bytes wide where they pass 4 GiB.
    wide: bool,
    table_checked: OnceLock<()>,
    ids_checked: OnceLock<()>,
}

/// Where a part lies, within the file's length.
#[derive(Debug, Clone)]
struct Slice {
    range: Range<usize>,
    checksum: u32,
}

impl UsersFile {
    /// Checks the header; the parts are checked at first use.
    pub(crate) fn open(
        name: &str,
        bytes: Bytes,
        database: u128,
        entry: &UsersFileEntry,
    ) -> Result<UsersFile> {
        let header = read_header(name, &bytes, entry)?;
        let damaged = |what: &str| Error::corruption(name, 0, "header", what);
        if header.database.get() != database {
            return Err(damaged("it belongs to another database"));
        }
        let [table, directory, ids] = places(&header, bytes.len()).map_err(damaged)?;
        let wide = place_bytes(header.ids.length.get()) == 8;
        Ok(UsersFile {
            name: name.to_owned(),
            bytes,
            entry: entry.clone(),
            seed: hash_seed(database),
            shape: TableShape::of(entry.count),
            table,
            directory,
            ids,
            wide,
            table_checked: OnceLock::new(),
            ids_checked: OnceLock::new(),
        })
    }

    /// What a MANIFEST would keep of a file, told by its header.
    pub(crate) fn entry_of(name: &str, bytes: &[u8]) -> Result<UsersFileEntry> {
        let short = |_| Error::corruption(name, 0, "header", "it is cut short");
        let (header, _) = Header::read_from_prefix(bytes).map_err(short)?;
        let entry = UsersFileEntry {
            generation: header.generation.get(),
            first_ordinal: header.first_ordinal.get(),
            count: header.count.get(),
            length: bytes.len() as u64,
            checksum: header.checksum.get(),
        };
        read_header(name, bytes, &entry).map(|_| entry)
    }

    /// What MANIFEST keeps of it.
    pub(crate) fn entry(&self) -> &UsersFileEntry {
        &self.entry
    }

    /// The ordinal of an id.
    pub(crate) fn find(&self, id: &[u8]) -> Result<Option<u32>> {
        self.find_hashed(xxh3_64_with_seed(id, self.seed), id)
    }

    /// The ordinal of an id with this hash, by `hash_seed`.
    pub(super) fn find_hashed(&self, hash: u64, id: &[u8]) -> Result<Option<u32>> {
        self.check_table()?;
        self.check_ids()?;
        let entries = self
            .bucket(hash)
            .ok_or_else(|| self.damaged(&self.table, "table", "a bucket ends before it begins"))?;
        let index_mask = u64::MAX.checked_shr(64 - self.shape.index_bits).unwrap_or(0);
        let wanted = self.shape.entry(hash, 0);
        for entry in entries.chunks_exact(self.shape.entry_bytes) {
            // Four bytes, and a fifth in the largest of tables.
            let Some((&low, rest)) = entry.split_first_chunk() else { continue };
            let high = rest.first().copied().unwrap_or_default();
            let entry = u64::from(high) << 32 | u64::from(u32::from_le_bytes(low));
            let index = (entry & index_mask) as u32;
            if entry & !index_mask == wanted && self.is(index, id)? {
                return Ok(Some(self.entry.first_ordinal + index));
            }
        }
        Ok(None)
    }

    /// The entries of the hash's bucket.
    fn bucket(&self, hash: u64) -> Option<&[u8]> {
        let (starts, entries) =
            self.part(&self.table).split_at_checked(4 * (self.shape.buckets() + 1))?;
        let starts = <[U32]>::ref_from_bytes(starts).ok()?;
        let bucket = self.shape.bucket(hash);
        let start = |bucket: usize| Some(starts.get(bucket)?.get() as usize);
        let width = self.shape.entry_bytes;
        entries.get(start(bucket)? * width..start(bucket + 1)? * width)
    }

    /// The id of an ordinal of this file; empty where it was forgotten.
    pub(crate) fn id(&self, ordinal: u32) -> Result<Option<Vec<u8>>> {
        let index = ordinal.checked_sub(self.entry.first_ordinal);
        let Some(index) = index.filter(|index| *index < self.entry.count) else { return Ok(None) };
        self.check_ids()?;
        let mut id = Vec::new();
        self.read(index, |piece| id.extend_from_slice(piece))?;
        Ok(Some(id))
    }

    /// Reads every byte: checksums, and that every id finds its own ordinal.
    pub(crate) fn verify(&self) -> Result<()> {
        self.check_table()?;
        let mut ordinal = self.entry.first_ordinal;
        self.each(&mut |id| {
            let is_found = || Ok::<bool, Error>(self.find(id)? == Some(ordinal));
            if id.len() > USER_ID_BYTES_MAX || !(id.is_empty() || is_found()?) {
                let what = format!("the id of ordinal {ordinal} does not lead back to it");
                return Err(self.damaged(&self.ids, "ids", what));
            }
            ordinal += 1;
            Ok(())
        })
    }

    /// Shows the ids in order of their ordinals.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.check_ids()?;
        let mut id = Vec::new();
        for index in 0..self.entry.count {
            id.clear();
            self.read(index, |piece| id.extend_from_slice(piece))?;
            visit(&id)?;
        }
        Ok(())
    }

    /// Is this the id at an index?
    fn is(&self, index: u32, id: &[u8]) -> Result<bool> {
        if index >= self.entry.count {
            return Ok(false);
        }
        let (mut rest, mut equal) = (id, true);
        self.read(index, |piece| match rest.strip_prefix(piece) {
            Some(after) => rest = after,
            None => equal = false,
        })?;
        Ok(equal && rest.is_empty())
    }

    fn read(&self, index: u32, piece: impl FnMut(&[u8])) -> Result<()> {
        let (block, at) = (index as usize / BLOCK_IDS, index as usize % BLOCK_IDS);
        let ids = (self.entry.count as usize - block * BLOCK_IDS).min(BLOCK_IDS);
        let place = self.place(block).zip(self.place(block + 1));
        let bytes = place.and_then(|(start, end)| self.part(&self.ids).get(start..end));
        let read = match bytes {
            Some(bytes) => block::read(bytes, ids, at, piece),
            None => Err("its place is beyond the ids".to_string()),
        };
        read.map_err(|what| self.damaged(&self.ids, "ids", format!("block {block}: {what}")))
    }

    /// Where a block begins; the one after the last where that one ends.
    fn place(&self, block: usize) -> Option<usize> {
        let part = self.part(&self.directory);
        if self.wide {
            let place = <[U64]>::ref_from_bytes(part).ok()?.get(block)?.get();
            usize::try_from(place).ok()
        } else {
            Some(<[U32]>::ref_from_bytes(part).ok()?.get(block)?.get() as usize)
        }
    }

    fn part(&self, slice: &Slice) -> &[u8] {
        self.bytes.get(slice.range.clone()).unwrap_or_default()
    }

    fn check_table(&self) -> Result<()> {
        if self.table_checked.get().is_none() {
            self.check_sum(&self.table, "table")?;
            let _ = self.table_checked.set(());
        }
        Ok(())
    }

    fn check_ids(&self) -> Result<()> {
        if self.ids_checked.get().is_none() {
            self.check_sum(&self.directory, "directory")?;
            self.check_sum(&self.ids, "ids")?;
            let _ = self.ids_checked.set(());
        }
        Ok(())
    }

    fn check_sum(&self, slice: &Slice, section: &str) -> Result<()> {
        if crc(self.part(slice)) != slice.checksum {
            return Err(self.damaged(slice, section, "its checksum does not match"));
        }
        Ok(())
    }

    fn damaged(&self, slice: &Slice, section: &str, what: impl fmt::Display) -> Error {
        Error::corruption(&self.name, slice.range.start as u64, section, what)
    }
}

impl fmt::Debug for UsersFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsersFile").field("name", &self.name).field("entry", &self.entry).finish()
    }
}

/// The header, whole and as MANIFEST names it.
fn read_header(name: &str, bytes: &[u8], entry: &UsersFileEntry) -> Result<Header> {
    let damaged = |what: String| Error::corruption(name, 0, "header", what);
    let length = bytes.len() as u64;
    if length != entry.length {
        let what = format!("it has {length} bytes, and MANIFEST says {}", entry.length);
        return Err(damaged(what));
    }
    let (header, _) =
        Header::read_from_prefix(bytes).map_err(|_| damaged("it is cut short".into()))?;
    let checksum = header_checksum(&header);
    if checksum != header.checksum.get() || checksum != entry.checksum || header.magic != MAGIC {
        return Err(damaged("its checksum does not match".into()));
    }
    check_version(name, header.version.get(), header.least_reader.get())?;
    let named = (entry.generation, entry.first_ordinal, entry.count);
    if (header.generation.get(), header.first_ordinal.get(), header.count.get()) != named {
        return Err(damaged("it is another file than the one that MANIFEST names".into()));
    }
    Ok(header)
}

pub(super) fn header_checksum(header: &Header) -> u32 {
    let bytes = header.as_bytes();
    crc(bytes.get(..bytes.len() - size_of::<U32>()).unwrap_or_default())
}

/// The three parts: one after the other, and to the end of the file.
fn places(header: &Header, length: usize) -> Result<[Slice; 3], &'static str> {
    let count = header.count.get();
    if header.table.length.get() != TableShape::of(count).bytes(count) {
        return Err("the table has an impossible size");
    }
    let blocks = u64::from(count).div_ceil(BLOCK_IDS as u64);
    if header.directory.length.get() != (blocks + 1) * place_bytes(header.ids.length.get()) {
        return Err("the directory has an impossible size");
    }
    let mut at = HEADER_BYTES;
    let mut slices = Vec::with_capacity(3);
    for part in [&header.table, &header.directory, &header.ids] {
        let end = usize::try_from(part.length.get()).ok().and_then(|bytes| at.checked_add(bytes));
        let end = end.filter(|end| *end <= length && part.offset.get() == at as u64);
        let end = end.ok_or("a part lies outside of the file")?;
        slices.push(Slice { range: at..end, checksum: part.checksum.get() });
        at = end;
    }
    if at != length {
        return Err("bytes follow the last part");
    }
    slices.try_into().map_err(|_| "it has not three parts")
}

/// Bytes of a place in ids of so many bytes.
pub(super) fn place_bytes(ids_length: u64) -> u64 {
    if ids_length <= u64::from(u32::MAX) { 4 } else { 8 }
}

/// Ids hash with the database's own random id, so that nobody can prepare ids that collide.
pub(super) fn hash_seed(database: u128) -> u64 {
    (database & u128::from(u64::MAX)) as u64
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;
    use crate::fs::RealFs;
    use proptest::prelude::*;

    pub(in crate::users) const DATABASE: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

    pub(in crate::users) fn written(
        first: u32,
        ids: &[impl AsRef<[u8]>],
    ) -> (Vec<u8>, UsersFileEntry) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7.users");
        let ids = ids.iter().map(|id| id.as_ref());
        let entry = UsersFile::write(&RealFs::default(), &path, DATABASE, 7, first, ids).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the .tmp file is gone");
        (bytes, entry)
    }

    pub(in crate::users) fn opened(bytes: &[u8], entry: &UsersFileEntry) -> Result<UsersFile> {
        UsersFile::open("users/7.users", Bytes::from_vec(bytes.to_vec()), DATABASE, entry)
    }

    pub(in crate::users) fn open(first: u32, ids: &[impl AsRef<[u8]>]) -> UsersFile {
        let (bytes, entry) = written(first, ids);
        opened(&bytes, &entry).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn ids_lead_to_ordinals_and_back(
            ids in prop::collection::btree_set(
                prop_oneof![
                    "[a-z]{0,4}|[a-z0-9]{300}|[0-9]{1,9}".prop_map(String::into_bytes),
                    prop::collection::vec(any::<u8>(), 0..20),
                ],
                0..300,
            ),
            first in 0u32..1_000,
        ) {
            let ids: Vec<Vec<u8>> = ids.into_iter().collect();
            let file = open(first, &ids);
            for (ordinal, id) in (first..).zip(&ids) {
                // An empty id is of somebody who was forgotten.
                prop_assert_eq!(file.find(id).unwrap(), Some(ordinal).filter(|_| !id.is_empty()));
                prop_assert_eq!(&file.id(ordinal).unwrap(), &Some(id.clone()));
            }
            prop_assert_eq!(file.find(&[b'Y'; 21]).unwrap(), None);
            prop_assert_eq!(file.id(first + ids.len() as u32).unwrap(), None);
            prop_assert_eq!(first.checked_sub(1).and_then(|o| file.id(o).unwrap()), None);
            file.verify().unwrap();
        }

        #[test]
        fn who_is_forgotten_is_not_found_and_all_others_are(
            ids in prop::collection::btree_set("[a-z0-9]{1,6}|[0-9]{1,9}", 1..200),
            gone in prop::collection::vec(any::<bool>(), 200),
        ) {
            let ids: Vec<String> = ids.into_iter().collect();
            let whole = open(5, &ids);
            let dir = tempfile::tempdir().unwrap();
            let is_gone = |ordinal: u32| gone[ordinal as usize - 5];
            let path = dir.path().join("f");
            let fs = RealFs::default();
            let written = UsersFile::write_without(&fs, &path, DATABASE, 8, &whole, &is_gone);
            let (entry, forgotten) = written.unwrap();
            prop_assert_eq!(forgotten as usize, gone[..ids.len()].iter().filter(|g| **g).count());
            let file = opened(&std::fs::read(&path).unwrap(), &entry).unwrap();
            file.verify().unwrap();
            for (ordinal, id) in (5..).zip(&ids) {
                let told = (file.find(id.as_bytes()).unwrap(), file.id(ordinal).unwrap().unwrap());
                let wanted = match is_gone(ordinal) {
                    true => (None, Vec::new()),
                    false => (Some(ordinal), id.clone().into_bytes()),
                };
                prop_assert_eq!(told, wanted);
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (bytes, entry) = written(3, &["anna", "bob", "", "carol"]);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = opened(&bytes, &entry).and_then(|file| file.verify()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}: {error}");
            assert!(error.to_string().starts_with("users/7.users is damaged at byte "));
        }
    }

    #[test]
    fn damage_in_one_part_is_found_by_the_first_call_that_reads_it() {
        let (bytes, entry) = written(0, &["anna", "bob"]);
        let flipped = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            opened(&bytes, &entry).unwrap()
        };
        let (table, ids) = (flipped(HEADER_BYTES), flipped(bytes.len() - 1));
        assert!(table.find(b"anna").is_err() && table.find(b"anna").is_err());
        assert_eq!(table.id(0).unwrap(), Some(b"anna".to_vec()));
        assert!(ids.find(b"anna").is_err() && ids.id(0).is_err() && ids.id(0).is_err());
    }

    #[test]
    fn every_truncation_and_every_longer_file_is_refused() {
        let (mut bytes, entry) = written(3, &["anna", "bob"]);
        for length in 0..bytes.len() {
            // Even if MANIFEST named the shorter length.
            let named = UsersFileEntry { length: length as u64, ..entry.clone() };
            assert!(opened(&bytes[..length], &entry).is_err());
            assert!(opened(&bytes[..length], &named).is_err());
        }
        bytes.push(0);
        let named = UsersFileEntry { length: bytes.len() as u64, ..entry };
        assert!(opened(&bytes, &named).is_err());
    }

    #[test]
    fn another_file_in_its_place_is_refused() {
        let (bytes, entry) = written(3, &["anna", "bob"]);
        let (other, other_entry) = written(3, &["anna", "rob"]);
        assert!(opened(&other, &entry).is_err());
        assert!(opened(&other, &other_entry).is_ok());
        let content = Bytes::from_vec(bytes.clone());
        let error = UsersFile::open("f", content, DATABASE + 1, &entry).unwrap_err();
        assert!(error.to_string().contains("another database"), "{error}");
        for wrong in [
            UsersFileEntry { generation: 8, ..entry.clone() },
            UsersFileEntry { first_ordinal: 4, ..entry.clone() },
            UsersFileEntry { count: 1, ..entry.clone() },
            UsersFileEntry { checksum: !entry.checksum, ..entry.clone() },
        ] {
            assert!(opened(&bytes, &wrong).is_err(), "{wrong:?}");
        }
    }

    /// A header with one field changed and its checksum put right: only a newer or a hostile
    /// writer makes these.
    fn forged(change: impl Fn(&mut Header)) -> Error {
        let (mut bytes, mut entry) = written(3, &["anna", "bob"]);
        let mut header = Header::read_from_prefix(&bytes).unwrap().0;
        change(&mut header);
        header.checksum = header_checksum(&header).into();
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        entry.checksum = header.checksum.get();
        entry.count = header.count.get();
        opened(&bytes, &entry).and_then(|file| file.verify()).unwrap_err()
    }

    #[test]
    fn forged_headers_are_refused() {
        let error = forged(|h| h.least_reader = (crate::codec::record::FORMAT_VERSION + 1).into());
        assert_eq!(error.kind(), ErrorKind::NewerFormat);
        let forgeries: [fn(&mut Header); 10] = [
            |h| h.magic[0] = b'd',
            |h| h.count = 3.into(),
            |h| h.count = 1.into(),
            |h| h.count = u32::MAX.into(),
            |h| h.table.length = 0.into(),
            |h| h.table.length = (h.table.length.get() * 2).into(),
            |h| h.directory.offset = (h.directory.offset.get() + 1).into(),
            |h| h.directory.length = u64::MAX.into(),
            |h| h.ids.length = u64::MAX.into(),
            |h| h.ids.checksum = 0.into(),
        ];
        for (i, forgery) in forgeries.into_iter().enumerate() {
            let error = forged(forgery);
            assert_eq!(error.kind(), ErrorKind::Corruption, "{i}: {error}");
        }
    }

    /// The file of some ids with a part's bytes changed and all checksums put right.
    fn with_part(
        ids: &[&str],
        part: fn(&mut Header) -> &mut Part,
        change: impl FnOnce(&mut [u8]),
    ) -> UsersFile {
        let (mut bytes, mut entry) = written(0, ids);
        let mut header = Header::read_from_prefix(&bytes).unwrap().0;
        let changed = part(&mut header);
        let start = changed.offset.get() as usize;
        let range = start..start + changed.length.get() as usize;
        change(&mut bytes[range.clone()]);
        changed.checksum = crc(&bytes[range]).into();
        header.checksum = header_checksum(&header).into();
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        entry.checksum = header.checksum.get();
        opened(&bytes, &entry).unwrap()
    }

    #[test]
    fn wrong_places_are_refused_though_their_checksums_are_right() {
        let ids = ["anna", "bob", "carol"];
        let places = |at: usize, to: u32| {
            let change = |part: &mut [u8]| part[at..at + 4].copy_from_slice(&to.to_le_bytes());
            with_part(&ids, |header| &mut header.directory, change)
        };
        for file in [places(0, u32::MAX), places(4, u32::MAX), places(0, 30)] {
            let error = file.find(b"bob").unwrap_err();
            assert!(error.to_string().contains("block 0"), "{error}");
            assert!(file.id(1).is_err() && file.verify().is_err());
        }
        let buckets = |start: u32| {
            let change = |part: &mut [u8]| part[..4].copy_from_slice(&start.to_le_bytes());
            with_part(&ids, |header| &mut header.table, change)
        };
        for file in [buckets(4), buckets(u32::MAX)] {
            let error = file.find(b"bob").unwrap_err();
            assert!(error.to_string().contains("a bucket ends"), "{error}");
        }
        assert!(buckets(1).verify().is_err(), "an id is not in its bucket");
    }

    #[test]
    fn an_id_with_the_hash_of_another_is_still_unknown() {
        let hash = xxh3_64_with_seed(b"bob", hash_seed(DATABASE));
        let entry = TableShape::of(1).entry(hash, 0).to_le_bytes();
        let change = |part: &mut [u8]| part[8..12].copy_from_slice(&entry[..4]);
        let file = with_part(&["anna"], |header| &mut header.table, change);
        assert_eq!(file.find(b"bob").unwrap(), None);
        assert_eq!(file.verify().unwrap_err().kind(), ErrorKind::Corruption);
        // An index beyond the ids is nobody's.
        let change = |part: &mut [u8]| part[12..].fill(u8::MAX);
        let file = with_part(&["anna", "bob", "carol"], |header| &mut header.table, change);
        assert!(file.find(b"anna").unwrap().is_none_or(|ordinal| ordinal == 0));
    }

    /// What `docs/file-format.md` says.
    #[test]
    fn bytes_lie_where_the_format_says() {
        let (bytes, entry) = written(3, &["anna", "bert"]);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((HEADER_BYTES, &bytes[..8]), (112, b"DAYBITU\0".as_slice()));
        assert_eq!((u32_at(8), u32_at(12)), (1, 1));
        assert_eq!(bytes[16..32], DATABASE.to_le_bytes());
        assert_eq!((u64_at(32), u32_at(40), u32_at(44)), (7, 3, 2));
        assert_eq!([u64_at(48), u64_at(56)], [112, 16], "one bucket, two entries");
        assert_eq!([u64_at(68), u64_at(76)], [128, 8], "two places of four bytes");
        assert_eq!([u64_at(88), u64_at(96)], [136, 12], "the block");
        assert_eq!([u32_at(64), u32_at(84)], [crc(&bytes[112..128]), crc(&bytes[128..136])]);
        assert_eq!(u32_at(104), crc(&bytes[136..]));
        assert_eq!((u32_at(108), entry.checksum), (crc(&bytes[..108]), crc(&bytes[..108])));
        assert_eq!([u32_at(112), u32_at(116)], [0, 2], "where the bucket begins and ends");
        let entry = |id: &[u8], index: u32| {
            (xxh3_64_with_seed(id, 0x0011_2233_4455_6677) as u32) << 1 | index
        };
        assert_eq!([u32_at(120), u32_at(124)], [entry(b"anna", 0), entry(b"bert", 1)]);
        assert_eq!([u32_at(128), u32_at(132)], [0, 12]);
        assert_eq!(&bytes[136..], b"\0\0\x04\0annabert".as_slice());
    }
}

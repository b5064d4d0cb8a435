//! Sealed users files: read in place, never changed.
//!
//! `[header][probe table][offsets][ids]`. The table has a power of two slots of 8 bytes: the low
//! half is the id's index + 1 (0: empty), the high half the high half of its hash, so that an id
//! that is not there is mostly refused without a look at any id. Linear probing, at most 3/4 full.
//! Each part is checked against its CRC32C when it is first used.

use crate::catalog::manifest::{FORMAT_VERSION, UsersFileEntry};
use crate::codec::checksum::crc;
use crate::codec::record::newer_format;
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
    pub(super) offsets: Part,
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

/// A sealed users file, mapped: a probe table, the ids, and their offsets.
pub(crate) struct UsersFile {
    pub(super) name: String,
    bytes: Bytes,
    entry: UsersFileEntry,
    seed: u64,
    table: Slice,
    offsets: Slice,
    ids: Slice,
    /// Offsets are 8 bytes wide where the ids pass 4 GiB.
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
        let [table, offsets, ids] = places(&header, bytes.len()).map_err(damaged)?;
        let wide = offset_width(header.ids.length.get()) == 8;
        Ok(UsersFile {
            name: name.to_owned(),
            bytes,
            entry: entry.clone(),
            seed: hash_seed(database),
            table,
            offsets,
            ids,
            wide,
            table_checked: OnceLock::new(),
            ids_checked: OnceLock::new(),
        })
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
        let tag = hash >> 32;
        let slots = self.slots();
        let mask = slots.len().wrapping_sub(1);
        let start = slot_start(hash, mask);
        for i in 0..slots.len() {
            let slot = slots.get(start.wrapping_add(i) & mask).map_or(0, |slot| slot.get());
            let Some(index) = ((slot & u64::from(u32::MAX)) as u32).checked_sub(1) else {
                return Ok(None);
            };
            if slot >> 32 == tag && self.at(index) == Some(id) {
                return Ok(Some(self.entry.first_ordinal + index));
            }
        }
        Ok(None)
    }

    /// The id of an ordinal of this file.
    pub(crate) fn id(&self, ordinal: u32) -> Result<Option<&[u8]>> {
        self.check_ids()?;
        Ok(ordinal.checked_sub(self.entry.first_ordinal).and_then(|index| self.at(index)))
    }

    /// Reads every byte: checksums, order of offsets, and that every id finds its own ordinal.
    pub(crate) fn verify(&self) -> Result<()> {
        self.check_table()?;
        self.check_ids()?;
        let used = self.slots().iter().filter(|slot| slot.get() & u64::from(u32::MAX) != 0).count();
        if used != self.entry.count as usize {
            let what = format!("{used} slots are taken by {} ids", self.entry.count);
            return Err(self.damaged(&self.table, "probe table", what));
        }
        for (ordinal, id) in (self.entry.first_ordinal..).zip(self.ids()) {
            if id.len() > USER_ID_BYTES_MAX || self.find(id)? != Some(ordinal) {
                let what = format!("the id of ordinal {ordinal} does not lead back to it");
                return Err(self.damaged(&self.ids, "ids", what));
            }
        }
        Ok(())
    }

    /// Ids in order of their ordinals; after `check_ids`.
    pub(super) fn ids(&self) -> impl Iterator<Item = &[u8]> + Clone {
        (0..self.entry.count).map(|index| self.at(index).unwrap_or_default())
    }

    fn slots(&self) -> &[U64] {
        <[U64]>::ref_from_bytes(self.part(&self.table)).unwrap_or_default()
    }

    fn at(&self, index: u32) -> Option<&[u8]> {
        if index >= self.entry.count {
            return None;
        }
        let index = index as usize;
        self.part(&self.ids).get(self.offset(index)?..self.offset(index + 1)?)
    }

    fn offset(&self, index: usize) -> Option<usize> {
        let part = self.part(&self.offsets);
        if self.wide {
            let offset = <[U64]>::ref_from_bytes(part).ok()?.get(index)?.get();
            usize::try_from(offset).ok()
        } else {
            Some(<[U32]>::ref_from_bytes(part).ok()?.get(index)?.get() as usize)
        }
    }

    fn part(&self, slice: &Slice) -> &[u8] {
        self.bytes.get(slice.range.clone()).unwrap_or_default()
    }

    fn check_table(&self) -> Result<()> {
        if self.table_checked.get().is_none() {
            self.check_sum(&self.table, "probe table")?;
            let _ = self.table_checked.set(());
        }
        Ok(())
    }

    /// Checksums of offsets and ids, and that each offset is at or above the one before and the
    /// last is the end: after this every index below `count` has its id.
    pub(super) fn check_ids(&self) -> Result<()> {
        if self.ids_checked.get().is_some() {
            return Ok(());
        }
        self.check_sum(&self.offsets, "offsets")?;
        self.check_sum(&self.ids, "ids")?;
        let mut last = 0;
        for index in 0..=self.entry.count as usize {
            let offset =
                self.offset(index).filter(|offset| *offset >= last && (index > 0 || *offset == 0));
            last = offset.ok_or_else(|| {
                self.damaged(&self.offsets, "offsets", format!("offset {index} is out of order"))
            })?;
        }
        if last != self.ids.range.len() {
            return Err(self.damaged(&self.offsets, "offsets", "the last is not the ids' end"));
        }
        let _ = self.ids_checked.set(());
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
    if header.least_reader.get() > FORMAT_VERSION {
        return Err(newer_format(name, header.version.get(), FORMAT_VERSION));
    }
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
    let count = u64::from(header.count.get());
    let slots = header.table.length.get() / 8;
    if !header.table.length.get().is_multiple_of(8) || !slots.is_power_of_two() || slots <= count {
        return Err("the probe table has an impossible size");
    }
    let offsets_length = (count + 1) * offset_width(header.ids.length.get());
    if header.offsets.length.get() != offsets_length {
        return Err("the offsets have an impossible size");
    }
    let mut at = HEADER_BYTES;
    let mut slices = Vec::with_capacity(3);
    for part in [&header.table, &header.offsets, &header.ids] {
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

/// Bytes of one offset where the ids have so many bytes.
pub(super) fn offset_width(ids_length: u64) -> u64 {
    if ids_length <= u64::from(u32::MAX) { 4 } else { 8 }
}

/// Ids hash with the database's own random id, so that nobody can prepare ids that collide.
pub(super) fn hash_seed(database: u128) -> u64 {
    (database & u128::from(u64::MAX)) as u64
}

pub(super) fn slot_start(hash: u64, mask: usize) -> usize {
    // Only the bits under the mask count.
    hash as usize & mask
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;
    use crate::fs::RealFs;
    use proptest::prelude::*;

    pub(in crate::users) const DATABASE: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

    pub(in crate::users) fn written(first: u32, ids: &[&str]) -> (Vec<u8>, UsersFileEntry) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7.users");
        let ids = ids.iter().map(|id| id.as_bytes());
        let entry = UsersFile::write(&RealFs::default(), &path, DATABASE, 7, first, ids).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "the .tmp file is gone");
        (bytes, entry)
    }

    pub(in crate::users) fn opened(bytes: &[u8], entry: &UsersFileEntry) -> Result<UsersFile> {
        UsersFile::open("users/7.users", Bytes::from_vec(bytes.to_vec()), DATABASE, entry)
    }

    pub(in crate::users) fn open(first: u32, ids: &[&str]) -> UsersFile {
        let (bytes, entry) = written(first, ids);
        opened(&bytes, &entry).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn ids_lead_to_ordinals_and_back(
            ids in prop::collection::btree_set("[a-z]{0,4}|[a-z0-9]{300}", 0..120),
            first in 0u32..1_000,
        ) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let file = open(first, &ids);
            for (ordinal, id) in (first..).zip(&ids) {
                prop_assert_eq!(file.find(id.as_bytes()).unwrap(), Some(ordinal));
                prop_assert_eq!(file.id(ordinal).unwrap(), Some(id.as_bytes()));
            }
            prop_assert_eq!(file.find(b"ABSENT").unwrap(), None);
            prop_assert_eq!(file.id(first + ids.len() as u32).unwrap(), None);
            prop_assert_eq!(first.checked_sub(1).and_then(|o| file.id(o).unwrap()), None);
            file.verify().unwrap();
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
        assert_eq!(table.id(0).unwrap(), Some(&b"anna"[..]));
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
        let error = forged(|h| h.least_reader = (FORMAT_VERSION + 1).into());
        assert_eq!(error.kind(), ErrorKind::NewerFormat);
        let forgeries: [fn(&mut Header); 10] = [
            |h| h.magic[0] = b'd',
            |h| h.count = 3.into(),
            |h| h.count = 1.into(),
            |h| h.count = u32::MAX.into(),
            |h| h.table.length = 0.into(),
            |h| h.table.length = (h.table.length.get() * 2).into(),
            |h| h.offsets.offset = (h.offsets.offset.get() + 1).into(),
            |h| h.offsets.length = u64::MAX.into(),
            |h| h.ids.length = u64::MAX.into(),
            |h| h.ids.checksum = 0.into(),
        ];
        for (i, forgery) in forgeries.into_iter().enumerate() {
            let error = forged(forgery);
            assert_eq!(error.kind(), ErrorKind::Corruption, "{i}: {error}");
        }
    }

    #[test]
    fn offsets_out_of_order_are_refused_though_their_checksum_is_right() {
        let (mut bytes, mut entry) = written(0, &["anna", "bob", "carol"]);
        let mut header = Header::read_from_prefix(&bytes).unwrap().0;
        let at = header.offsets.offset.get() as usize;
        let end = header.ids.offset.get() as usize;
        bytes[at + 4..at + 8].copy_from_slice(&9u32.to_le_bytes());
        header.offsets.checksum = crc(&bytes[at..end]).into();
        header.checksum = header_checksum(&header).into();
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        entry.checksum = header.checksum.get();
        let error = opened(&bytes, &entry).unwrap().find(b"bob").unwrap_err();
        assert!(error.to_string().contains("offset 2 is out of order"), "{error}");
    }

    #[test]
    fn an_id_with_the_hash_of_another_is_still_unknown() {
        let (mut bytes, mut entry) = written(0, &["anna"]);
        let mut header = Header::read_from_prefix(&bytes).unwrap().0;
        let hash = xxh3_64_with_seed(b"bob", hash_seed(DATABASE));
        // Both slots lead from bob's hash to anna.
        let slot = U64::new(hash >> 32 << 32 | 1);
        bytes[HEADER_BYTES..HEADER_BYTES + 16].copy_from_slice([slot, slot].as_bytes());
        header.table.checksum = crc(&bytes[HEADER_BYTES..HEADER_BYTES + 16]).into();
        header.checksum = header_checksum(&header).into();
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        entry.checksum = header.checksum.get();
        let file = opened(&bytes, &entry).unwrap();
        assert_eq!(file.find(b"bob").unwrap(), None);
        assert_eq!(file.verify().unwrap_err().kind(), ErrorKind::Corruption);
    }

    /// What `docs/file-format.md` says.
    #[test]
    fn bytes_lie_where_the_format_says() {
        let (bytes, entry) = written(3, &["anna"]);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((HEADER_BYTES, &bytes[..8]), (112, b"DAYBITU\0".as_slice()));
        assert_eq!((u32_at(8), u32_at(12)), (0, 0));
        assert_eq!(bytes[16..32], DATABASE.to_le_bytes());
        assert_eq!((u64_at(32), u32_at(40), u32_at(44)), (7, 3, 1));
        assert_eq!([u64_at(48), u64_at(56)], [112, 16], "two slots");
        assert_eq!([u64_at(68), u64_at(76)], [128, 8], "two offsets of four bytes");
        assert_eq!([u64_at(88), u64_at(96)], [136, 4], "the id");
        assert_eq!([u32_at(64), u32_at(84)], [crc(&bytes[112..128]), crc(&bytes[128..136])]);
        assert_eq!(u32_at(104), crc(b"anna"));
        assert_eq!((u32_at(108), entry.checksum), (crc(&bytes[..108]), crc(&bytes[..108])));
        let hash = xxh3_64_with_seed(b"anna", 0x0011_2233_4455_6677);
        let slot = 112 + 8 * (hash as usize % 2);
        assert_eq!(u64_at(slot), hash >> 32 << 32 | 1);
        assert_eq!((u32_at(128), u32_at(132), &bytes[136..]), (0, 4, b"anna".as_slice()));
    }
}

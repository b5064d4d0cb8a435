//! Writing sealed users files, and when they are merged.

use super::block::{self, BLOCK_IDS};
use super::file::{
    HEADER_BYTES, Header, MAGIC, Part, UsersFile, hash_seed, header_checksum, place_bytes,
};
use super::shape::TableShape;
use crate::catalog::ledger::tail_to_merge;
use crate::catalog::manifest::UsersFileEntry;
use crate::codec::checksum::crc;
use crate::codec::record::{FORMAT_VERSION, LEAST_READER};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Fs, NewFile};
use crate::limits::{FILE_BYTES_MAX, USERS_MAX};
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::U32;

impl UsersFile {
    /// Writes ids for the ordinals `first_ordinal..`: under `.tmp`, synced, renamed to `path`, its
    /// name durable. All of it is in memory before: about 13 bytes an id, beside the ids' own bits.
    pub(crate) fn write<'a>(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        generation: u64,
        first_ordinal: u32,
        ids: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<UsersFileEntry> {
        let count = u32::try_from(ids.len())
            .ok()
            .filter(|count| first_ordinal.checked_add(*count).is_some_and(|end| end <= USERS_MAX))
            .ok_or_else(|| Error::new(ErrorKind::Limit, "user ordinals have run out"))?;
        let entry = UsersFileEntry { generation, first_ordinal, count, length: 0, checksum: 0 };
        let mut parts = Parts::new(database);
        ids.for_each(|id| parts.add(id));
        parts.write(fs, path, database, entry)
    }

    /// Writes a file anew, its generation aside, without the ids of some ordinals: those stand as
    /// empty ones. How many were not empty before.
    pub(crate) fn write_without(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        generation: u64,
        file: &UsersFile,
        is_gone: &dyn Fn(u32) -> bool,
    ) -> Result<(UsersFileEntry, u32)> {
        let mut parts = Parts::new(database);
        let (mut ordinal, mut gone) = (file.entry().first_ordinal, 0);
        file.each(&mut |id| {
            let goes = is_gone(ordinal);
            gone += u32::from(goes && !id.is_empty());
            parts.add(if goes { b"" } else { id });
            ordinal += 1;
            Ok(())
        })?;
        let entry = UsersFileEntry { generation, length: 0, checksum: 0, ..file.entry().clone() };
        Ok((parts.write(fs, path, database, entry)?, gone))
    }

    /// Rewrites adjacent files, oldest first, into one.
    pub(crate) fn merge(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        generation: u64,
        files: &[Arc<UsersFile>],
    ) -> Result<UsersFileEntry> {
        let first_ordinal = files.first().map_or(0, |file| file.entry().first_ordinal);
        let mut next = first_ordinal;
        let mut parts = Parts::new(database);
        for file in files {
            if file.entry().first_ordinal != next {
                let what = format!("ordinals go on at {next}, not {}", file.entry().first_ordinal);
                return Err(Error::corruption(&file.name, 40, "header", what));
            }
            next += file.entry().count;
            file.each(&mut |id| {
                parts.add(id);
                Ok(())
            })?;
        }
        let count = next - first_ordinal;
        let entry = UsersFileEntry { generation, first_ordinal, count, length: 0, checksum: 0 };
        parts.write(fs, path, database, entry)
    }
}

/// The parts of a file in the making.
struct Parts {
    seed: u64,
    hashes: Vec<u64>,
    /// Where each block begins.
    places: Vec<u64>,
    ids: Vec<u8>,
    /// The block begun.
    pending: Vec<u8>,
    ends: Vec<usize>,
}

impl Parts {
    fn new(database: u128) -> Parts {
        let (hashes, places, ids) = (Vec::new(), Vec::new(), Vec::new());
        let (pending, ends) = (Vec::new(), Vec::new());
        Parts { seed: hash_seed(database), hashes, places, ids, pending, ends }
    }

    fn add(&mut self, id: &[u8]) {
        self.hashes.push(match id {
            // Of nobody: spread over the table, where nobody finds them.
            [] => xxh3_64_with_seed(&self.hashes.len().to_le_bytes(), self.seed),
            id => xxh3_64_with_seed(id, self.seed),
        });
        self.pending.extend_from_slice(id);
        self.ends.push(self.pending.len());
        if self.ends.len() == BLOCK_IDS {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if self.ends.is_empty() {
            return;
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ids: Vec<&[u8]> =
            starts.zip(&self.ends).map(|(start, &end)| &self.pending[start..end]).collect();
        self.places.push(self.ids.len() as u64);
        block::encode(&ids, &mut self.ids);
        self.pending.clear();
        self.ends.clear();
    }

    /// Where each bucket begins, then the entries bucket by bucket, in order of their indexes.
    fn table(&self) -> Vec<u8> {
        let shape = TableShape::of(self.hashes.len() as u32);
        let mut next = vec![0u32; shape.buckets() + 1];
        for &hash in &self.hashes {
            next[shape.bucket(hash) + 1] += 1;
        }
        let mut table = Vec::with_capacity(shape.bytes(self.hashes.len() as u32) as usize);
        let mut sum = 0;
        for start in &mut next {
            sum += *start;
            *start = sum;
            table.extend(sum.to_le_bytes());
        }
        let (width, from) = (shape.entry_bytes, table.len());
        table.resize(from + width * self.hashes.len(), 0);
        for (&hash, index) in self.hashes.iter().zip(0u32..) {
            let at = &mut next[shape.bucket(hash)];
            let entry = from + width * *at as usize;
            *at += 1;
            table[entry..entry + width]
                .copy_from_slice(&shape.entry(hash, index).to_le_bytes()[..width]);
        }
        table
    }

    fn directory(&self) -> Vec<u8> {
        let width = place_bytes(self.ids.len() as u64) as usize;
        let end = self.ids.len() as u64;
        // Little-endian: the first 4 bytes are the narrow place.
        let places = self.places.iter().chain(std::iter::once(&end));
        places.flat_map(|place| place.to_le_bytes().into_iter().take(width)).collect()
    }

    fn write(
        mut self,
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        mut entry: UsersFileEntry,
    ) -> Result<UsersFileEntry> {
        self.close_block();
        let (table, directory) = (self.table(), self.directory());
        let header = header(database, &entry, [&table, &directory, &self.ids]);
        let length = header.ids.offset.get().saturating_add(header.ids.length.get());
        if length > FILE_BYTES_MAX {
            let message = format!("{} would have {length} bytes: too many", path.display());
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let written = NewFile::write(fs, path, |file| {
            let parts = [header.as_bytes(), &table, &directory, &self.ids];
            parts.into_iter().try_for_each(|part| file.append(part))
        })?;
        entry.length = written.length;
        entry.checksum = header.checksum.get();
        Ok(entry)
    }
}

fn header(database: u128, entry: &UsersFileEntry, parts: [&[u8]; 3]) -> Header {
    let mut at = HEADER_BYTES as u64;
    let [table, directory, ids] = parts.map(|bytes| {
        let (offset, length) = (at, bytes.len() as u64);
        at += length;
        Part { offset: offset.into(), length: length.into(), checksum: crc(bytes).into() }
    });
    let mut header = Header {
        magic: MAGIC,
        version: FORMAT_VERSION.into(),
        least_reader: LEAST_READER.into(),
        database: database.into(),
        generation: entry.generation.into(),
        first_ordinal: entry.first_ordinal.into(),
        count: entry.count.into(),
        table,
        directory,
        ids,
        checksum: U32::ZERO,
    };
    header.checksum = header_checksum(&header).into();
    header
}

/// Which users files a flush merges: those from the answered index to the newest. Keeps each file
/// at least four times as large as all newer ones together, so that 100 million users lie in at
/// most a dozen files and an id is rewritten a few times only.
pub(crate) fn merge_from(entries: &[UsersFileEntry]) -> Option<usize> {
    tail_to_merge(entries.iter().map(|entry| u64::from(entry.count)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::file::tests::{DATABASE, open};
    use super::*;
    use crate::fs::{Bytes, RealFs};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn merged_files_know_what_the_parts_knew(cuts in prop::collection::vec(0usize..20, 1..5)) {
            let dir = tempfile::tempdir().unwrap();
            let (mut files, mut next) = (Vec::new(), 5u32);
            for count in &cuts {
                let ids = (0..*count).map(|i| format!("u{}", next as usize + i));
                let ids: Vec<String> = ids.collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                files.push(Arc::new(open(next, &ids)));
                next += *count as u32;
            }
            let path = dir.path().join("8.users");
            let entry = UsersFile::merge(&RealFs::default(), &path, DATABASE, 8, &files).unwrap();
            prop_assert_eq!((entry.first_ordinal, entry.count), (5, next - 5));
            let bytes = Bytes::from_vec(std::fs::read(&path).unwrap());
            let file = UsersFile::open("users/8.users", bytes, DATABASE, &entry).unwrap();
            file.verify().unwrap();
            for ordinal in 5..next {
                let id = format!("u{ordinal}");
                prop_assert_eq!(file.find(id.as_bytes()).unwrap(), Some(ordinal));
            }
        }
    }

    #[test]
    fn a_gap_between_merged_files_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let files = [Arc::new(open(0, &["anna"])), Arc::new(open(2, &["bob"]))];
        let path = dir.path().join("8.users");
        assert!(UsersFile::merge(&RealFs::default(), &path, DATABASE, 8, &files).is_err());
        assert!(!path.exists());
    }

    #[test]
    fn ordinals_past_the_limit_are_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let write = |first| {
            let ids = [&b"last"[..]].into_iter();
            UsersFile::write(&RealFs::default(), &path, DATABASE, 1, first, ids)
        };
        assert_eq!(write(USERS_MAX).unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(write(u32::MAX).unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(write(USERS_MAX - 1).unwrap().first_ordinal, USERS_MAX - 1);
    }

    #[test]
    fn ids_of_hexadecimal_digits_take_little_more_than_their_bits() {
        let ids: Vec<String> = (0..20_000u64)
            .map(|i| format!("u{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        let file = open(0, &ids);
        file.verify().unwrap();
        let each = file.entry().length as f64 / 20_000.0;
        assert!((12.0..13.0).contains(&each), "{each} bytes an id");
    }

    #[test]
    fn many_flushes_leave_few_files() {
        let mut sizes: Vec<u32> = Vec::new();
        let (mut rewritten, mut most) = (0u64, 0);
        for _ in 0..10_000 {
            sizes.push(100);
            let entries: Vec<UsersFileEntry> = sizes
                .iter()
                .map(|count| UsersFileEntry {
                    generation: 0,
                    first_ordinal: 0,
                    count: *count,
                    length: 0,
                    checksum: 0,
                })
                .collect();
            if let Some(from) = merge_from(&entries) {
                let merged = sizes.drain(from..).sum();
                rewritten += u64::from(merged);
                sizes.push(merged);
            }
            most = most.max(sizes.len());
        }
        assert!(most <= 8, "{most} files");
        assert!(rewritten < 10_000 * 100 * 20, "{rewritten} ids rewritten");
        let distinct: BTreeSet<_> = sizes.iter().collect();
        assert_eq!(distinct.len(), sizes.len());
    }
}

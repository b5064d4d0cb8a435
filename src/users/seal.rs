//! Writing sealed users files, and when they are merged.

use super::file::{
    HEADER_BYTES, Header, MAGIC, Part, UsersFile, hash_seed, header_checksum, offset_width,
    slot_start,
};
use crate::catalog::ledger::tail_to_merge;
use crate::catalog::manifest::{FORMAT_VERSION, UsersFileEntry};
use crate::codec::checksum::{crc, crc_append};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Fs, NewFile};
use crate::limits::{FILE_BYTES_MAX, USERS_MAX};
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;
use zerocopy::IntoBytes;
use zerocopy::byteorder::little_endian::{U32, U64};

impl UsersFile {
    /// Writes ids for the ordinals `first_ordinal..`: under `.tmp`, synced, renamed to `path`, its
    /// name durable. The ids are walked four times and never held; the probe table is in memory.
    pub(crate) fn write<'a>(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        generation: u64,
        first_ordinal: u32,
        ids: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) -> Result<UsersFileEntry> {
        let count = u32::try_from(ids.len())
            .ok()
            .filter(|count| first_ordinal.checked_add(*count).is_some_and(|end| end <= USERS_MAX))
            .ok_or_else(|| Error::new(ErrorKind::Limit, "user ordinals have run out"))?;
        let entry = UsersFileEntry { generation, first_ordinal, count, length: 0, checksum: 0 };
        write_file(fs, path, database, entry, ids)
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
        for file in files {
            if file.entry().first_ordinal != next {
                let what = format!("ordinals go on at {next}, not {}", file.entry().first_ordinal);
                return Err(Error::corruption(&file.name, 40, "header", what));
            }
            file.check_ids()?;
            next += file.entry().count;
        }
        let count = next - first_ordinal;
        let entry = UsersFileEntry { generation, first_ordinal, count, length: 0, checksum: 0 };
        write_file(fs, path, database, entry, files.iter().flat_map(|file| file.ids()))
    }
}

/// A power of two that `count` ids fill to at most 3/4.
fn slot_count(count: u32) -> u64 {
    (u64::from(count) * 4 / 3 + 1).next_power_of_two()
}

fn build_table<'a>(count: u32, seed: u64, ids: impl Iterator<Item = &'a [u8]>) -> Vec<U64> {
    let slots = slot_count(count) as usize;
    let mask = slots - 1;
    let mut table = vec![U64::ZERO; slots];
    for (id, index) in ids.zip(1u64..) {
        let hash = xxh3_64_with_seed(id, seed);
        let mut at = slot_start(hash, mask);
        while table[at] != U64::ZERO {
            at = (at + 1) & mask;
        }
        table[at] = U64::new(hash >> 32 << 32 | index);
    }
    table
}

/// The ends of the ids, from 0 on, as bytes of the file.
fn offsets<'a>(
    width: u64,
    ids: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = ([u8; 8], usize)> {
    let ends = ids.scan(0u64, |end, id| {
        *end += id.len() as u64;
        Some(*end)
    });
    // Little-endian: the first 4 bytes are the narrow offset.
    std::iter::once(0).chain(ends).map(move |end| (end.to_le_bytes(), width as usize))
}

fn write_file<'a>(
    fs: &dyn Fs,
    path: &Path,
    database: u128,
    mut entry: UsersFileEntry,
    ids: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<UsersFileEntry> {
    let table = build_table(entry.count, hash_seed(database), ids.clone());
    let header = header(database, &entry, &table, ids.clone());
    let width = offset_width(header.ids.length.get());
    let length = header.ids.offset.get().saturating_add(header.ids.length.get());
    if length > FILE_BYTES_MAX {
        let message = format!("{} would have {length} bytes: too many", path.display());
        return Err(Error::new(ErrorKind::Limit, message));
    }
    let written = NewFile::write(fs, path, |file| {
        file.append(header.as_bytes())?;
        file.append(table.as_bytes())?;
        for (bytes, width) in offsets(width, ids.clone()) {
            file.append(&bytes[..width])?;
        }
        ids.clone().try_for_each(|id| file.append(id))
    })?;
    entry.length = written.length;
    entry.checksum = header.checksum.get();
    Ok(entry)
}

fn header<'a>(
    database: u128,
    entry: &UsersFileEntry,
    table: &[U64],
    ids: impl Iterator<Item = &'a [u8]> + Clone,
) -> Header {
    let (mut ids_length, mut ids_checksum) = (0, 0);
    for id in ids.clone() {
        ids_length += id.len() as u64;
        ids_checksum = crc_append(ids_checksum, id);
    }
    let width = offset_width(ids_length);
    let offsets_checksum =
        offsets(width, ids).fold(0, |sum, (bytes, width)| crc_append(sum, &bytes[..width]));
    let table_at = HEADER_BYTES as u64;
    let table_bytes = table.as_bytes();
    let offsets_at = table_at + table_bytes.len() as u64;
    let offsets_length = (u64::from(entry.count) + 1) * width;
    let mut header = Header {
        magic: MAGIC,
        version: FORMAT_VERSION.into(),
        least_reader: 0.into(),
        database: database.into(),
        generation: entry.generation.into(),
        first_ordinal: entry.first_ordinal.into(),
        count: entry.count.into(),
        table: part(table_at, table_bytes.len() as u64, crc(table_bytes)),
        offsets: part(offsets_at, offsets_length, offsets_checksum),
        ids: part(offsets_at + offsets_length, ids_length, ids_checksum),
        checksum: U32::ZERO,
    };
    header.checksum = header_checksum(&header).into();
    header
}

fn part(offset: u64, length: u64, checksum: u32) -> Part {
    Part { offset: offset.into(), length: length.into(), checksum: checksum.into() }
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
    fn tables_are_at_most_three_quarters_full() {
        for count in (0..5_000).chain([2_000_000, 100_000_000, USERS_MAX]) {
            let slots = slot_count(count);
            assert!(slots.is_power_of_two() && slots > u64::from(count));
            assert!(u64::from(count) * 4 <= slots * 3, "{count} in {slots}");
        }
        assert_eq!([offset_width(u64::from(u32::MAX)), offset_width(1 << 32)], [4, 8]);
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

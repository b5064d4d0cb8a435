//! Applied batch ids: immutable sorted files, and what each batch's receipt said.
//!
//! `[header][entries]`, entries of one width, ascending by id. The whole file is checked when it
//! is opened.

use super::manifest::NumberedFile;
use crate::codec::checksum::{crc, crc_append};
use crate::codec::hashes;
use crate::codec::record::{FORMAT_VERSION, LEAST_READER, check_version};
use crate::error::{Error, Result};
use crate::fs::{Bytes, Fs, NewFile};
use crate::limits::{LEDGER_LIVE_AGE_US, LEDGER_LIVE_MAX};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use zerocopy::byteorder::little_endian::{I64, U32, U64, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first bytes of a ledger file.
pub(crate) const MAGIC: [u8; 8] = *b"DAYBITL\0";
/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = size_of::<Header>();
/// Bytes of an entry.
pub(crate) const ENTRY_BYTES: usize = size_of::<PackedEntry>();
/// A file is merged with the newer ones unless it is this many times as large as all of them.
const TIER_RATIO: u64 = 4;
const FLAG_BULK: u64 = 1;

/// One applied batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LedgerEntry {
    /// Keyed hash of the batch id.
    pub(crate) id: u128,
    pub(crate) sequence: u64,
    /// UTC microseconds.
    pub(crate) time: i64,
    /// A bulk import's: kept for ever. Live ones at least 30 days and the newest 10 million.
    pub(crate) bulk: bool,
    pub(crate) accepted: u64,
    pub(crate) without_user: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: U32,
    least_reader: U32,
    database: U128,
    number: U64,
    count: U64,
    /// CRC32C of the entries.
    entries: U32,
    /// CRC32C of all header bytes before it.
    checksum: U32,
}

/// An entry as it lies in a ledger file, and in the writer's index.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct PackedEntry {
    id: U128,
    sequence: U64,
    time: I64,
    flags: U64,
    accepted: U64,
    without_user: U64,
    duplicates: U64,
    rejected: U64,
}

impl PackedEntry {
    fn is_bulk(&self) -> bool {
        self.flags.get() & FLAG_BULK != 0
    }
}

impl From<&LedgerEntry> for PackedEntry {
    fn from(entry: &LedgerEntry) -> PackedEntry {
        PackedEntry {
            id: entry.id.into(),
            sequence: entry.sequence.into(),
            time: entry.time.into(),
            flags: if entry.bulk { FLAG_BULK } else { 0 }.into(),
            accepted: entry.accepted.into(),
            without_user: entry.without_user.into(),
            duplicates: entry.duplicates.into(),
            rejected: entry.rejected.into(),
        }
    }
}

impl From<&PackedEntry> for LedgerEntry {
    fn from(packed: &PackedEntry) -> LedgerEntry {
        LedgerEntry {
            id: packed.id.get(),
            sequence: packed.sequence.get(),
            time: packed.time.get(),
            bulk: packed.is_bulk(),
            accepted: packed.accepted.get(),
            without_user: packed.without_user.get(),
            duplicates: packed.duplicates.get(),
            rejected: packed.rejected.get(),
        }
    }
}

/// A mapped ledger file, sorted by id, fixed-width entries.
pub(crate) struct LedgerFile {
    name: String,
    bytes: Bytes,
    file: NumberedFile,
}

impl LedgerFile {
    /// Writes `ledger/N.ledger` (under `.tmp`, synced, renamed, its name durable); entries in any
    /// order. Of two entries with one id the earlier batch's stays.
    pub(crate) fn write(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        number: u64,
        mut entries: Vec<LedgerEntry>,
    ) -> Result<NumberedFile> {
        entries.sort_unstable_by_key(|entry| (entry.id, entry.sequence));
        entries.dedup_by_key(|entry| entry.id);
        write_sorted(fs, path, database, number, || entries.iter().map(PackedEntry::from))
    }

    /// Rewrites files into one, without the live entries that are both older than 30 days at `now`
    /// (UTC microseconds) and beyond the newest 10 million.
    pub(crate) fn merge<'a>(
        fs: &dyn Fs,
        path: &Path,
        database: u128,
        number: u64,
        files: impl IntoIterator<Item = &'a LedgerFile>,
        now: i64,
    ) -> Result<NumberedFile> {
        let files: Vec<&[PackedEntry]> = files.into_iter().map(LedgerFile::packed).collect();
        let horizon = Horizon::of(&files, now, LEDGER_LIVE_MAX);
        let kept = || Merged { rest: files.clone() }.filter(|entry| horizon.keeps(entry)).copied();
        write_sorted(fs, path, database, number, kept)
    }

    /// Checks the whole file's checksum.
    pub(crate) fn open(
        name: &str,
        bytes: Bytes,
        database: u128,
        file: NumberedFile,
    ) -> Result<LedgerFile> {
        let damaged = |what: &str| Error::corruption(name, 0, "ledger", what);
        if bytes.len() as u64 != file.length || crc(&bytes) != file.checksum {
            return Err(damaged("its length or checksum is not the one that MANIFEST names"));
        }
        let (header, entries) =
            Header::read_from_prefix(&bytes).map_err(|_| damaged("it is cut short"))?;
        if header.magic != MAGIC || header_checksum(&header) != header.checksum.get() {
            return Err(damaged("it is not a ledger file"));
        }
        check_version(name, header.version.get(), header.least_reader.get())?;
        if (header.database.get(), header.number.get()) != (database, file.number) {
            return Err(damaged("it is another file than the one that MANIFEST names"));
        }
        let expected = header.count.get().checked_mul(ENTRY_BYTES as u64);
        if expected != Some(entries.len() as u64) || crc(entries) != header.entries.get() {
            return Err(damaged("its entries are not those that its header counts"));
        }
        let packed = packed(entries);
        if !packed.iter().zip(packed.iter().skip(1)).all(|(a, b)| a.id.get() < b.id.get()) {
            return Err(damaged("its entries are out of order"));
        }
        Ok(LedgerFile { name: name.to_owned(), bytes, file })
    }

    /// What MANIFEST keeps of it.
    pub(crate) fn file(&self) -> NumberedFile {
        self.file
    }

    /// The batch of this id.
    pub(crate) fn find(&self, id: u128) -> Option<LedgerEntry> {
        hashes::find(self.packed(), id, |entry| entry.id.get()).map(LedgerEntry::from)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.packed().len()
    }

    /// All entries, ascending by id.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> Vec<LedgerEntry> {
        self.iter().collect()
    }

    /// All entries, ascending by id, read in place.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = LedgerEntry> {
        self.packed().iter().map(LedgerEntry::from)
    }

    fn packed(&self) -> &[PackedEntry] {
        packed(self.bytes.get(HEADER_BYTES..).unwrap_or_default())
    }
}

impl fmt::Debug for LedgerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerFile").field("name", &self.name).field("file", &self.file).finish()
    }
}

/// Which ledgers (ascending by age, newest last) a flush merges: those from the answered index on.
pub(crate) fn merge_from(files: &[NumberedFile]) -> Option<usize> {
    tail_to_merge(files.iter().map(|file| file.length))
}

/// The tiers of users and ledger files: from which file on (newest last) all are to become one, so
/// that afterwards every file is at least four times as large as all newer ones together. The
/// number of files stays logarithmic, and a byte is rewritten a few times per fourfold growth.
pub(crate) fn tail_to_merge(
    sizes: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator,
) -> Option<usize> {
    let last = sizes.len().checked_sub(1)?;
    let (mut total, mut from, mut at) = (0u64, last, last);
    for size in sizes.rev() {
        // Looks at all files: a large one in between does not hide two small ones before it.
        if at < last && size < total.saturating_mul(TIER_RATIO) {
            from = at;
        }
        total = total.saturating_add(size);
        at = at.saturating_sub(1);
    }
    (from < last).then_some(from)
}

fn packed(entries: &[u8]) -> &[PackedEntry] {
    <[PackedEntry]>::ref_from_bytes(entries).unwrap_or_default()
}

/// The entries of several files, ascending by id, each id once: the earliest batch's.
struct Merged<'a> {
    rest: Vec<&'a [PackedEntry]>,
}

impl<'a> Iterator for Merged<'a> {
    type Item = &'a PackedEntry;

    fn next(&mut self) -> Option<&'a PackedEntry> {
        let firsts = self.rest.iter().filter_map(|entries| entries.first());
        let next = firsts.min_by_key(|entry| (entry.id.get(), entry.sequence.get()))?;
        for entries in &mut self.rest {
            match entries.split_first() {
                Some((first, rest)) if first.id == next.id => *entries = rest,
                _ => {}
            }
        }
        Some(next)
    }
}

/// Writes entries, ascending by id, which are told twice: the header counts them.
fn write_sorted<I: Iterator<Item = PackedEntry>>(
    fs: &dyn Fs,
    path: &Path,
    database: u128,
    number: u64,
    entries: impl Fn() -> I,
) -> Result<NumberedFile> {
    let header = header(database, number, entries());
    let written = NewFile::write(fs, path, |file| {
        file.append(header.as_bytes())?;
        entries().try_for_each(|entry| file.append(entry.as_bytes()))
    })?;
    Ok(NumberedFile { number, length: written.length, checksum: written.checksum })
}

fn header(database: u128, number: u64, entries: impl Iterator<Item = PackedEntry>) -> Header {
    let (count, checksum) = entries
        .fold((0u64, 0), |(count, sum), entry| (count + 1, crc_append(sum, entry.as_bytes())));
    let mut header = Header {
        magic: MAGIC,
        version: FORMAT_VERSION.into(),
        least_reader: LEAST_READER.into(),
        database: database.into(),
        number: number.into(),
        count: count.into(),
        entries: checksum.into(),
        checksum: U32::ZERO,
    };
    header.checksum = header_checksum(&header).into();
    header
}

fn header_checksum(header: &Header) -> u32 {
    let bytes = header.as_bytes();
    crc(bytes.get(..bytes.len() - size_of::<U32>()).unwrap_or_default())
}

/// Which live batches are remembered: those of 30 days, and the newest, whichever are more.
struct Horizon {
    /// Sequence of the oldest of the newest.
    sequence: u64,
    /// UTC microseconds.
    time: i64,
}

impl Horizon {
    fn of(files: &[&[PackedEntry]], now: i64, newest: usize) -> Horizon {
        let live = files.iter().copied().flatten().filter(|entry| !entry.is_bulk());
        let time = now.saturating_sub(LEDGER_LIVE_AGE_US);
        let Some(beyond) = live.clone().count().checked_sub(newest) else {
            return Horizon { sequence: 0, time };
        };
        let mut sequences: Vec<u64> = live.map(|entry| entry.sequence.get()).collect();
        let sequence = match beyond < sequences.len() {
            true => *sequences.select_nth_unstable(beyond).1,
            false => u64::MAX,
        };
        Horizon { sequence, time }
    }

    fn keeps(&self, entry: &PackedEntry) -> bool {
        entry.is_bulk() || entry.sequence.get() >= self.sequence || entry.time.get() >= self.time
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ErrorKind;
    use crate::fs::RealFs;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const DATABASE: u128 = 77;

    fn entry() -> impl Strategy<Value = LedgerEntry> {
        // Ids lie evenly, but are found also where they do not.
        let id = prop_oneof![
            any::<u128>(),
            any::<u8>().prop_map(u128::from),
            any::<u8>().prop_map(|below| u128::MAX - u128::from(below)),
        ];
        (id, any::<[u64; 5]>(), any::<i64>(), any::<bool>()).prop_map(
            |(id, [sequence, accepted, without_user, duplicates, rejected], time, bulk)| {
                let counts = (accepted, without_user, duplicates, rejected);
                let (accepted, without_user, duplicates, rejected) = counts;
                LedgerEntry {
                    id,
                    sequence,
                    time,
                    bulk,
                    accepted,
                    without_user,
                    duplicates,
                    rejected,
                }
            },
        )
    }

    /// Each id once: the earliest batch's.
    fn earliest(entries: &[LedgerEntry]) -> BTreeMap<u128, LedgerEntry> {
        let mut sorted = entries.to_vec();
        sorted.sort_by_key(|entry| std::cmp::Reverse(entry.sequence));
        sorted.into_iter().map(|entry| (entry.id, entry)).collect()
    }

    fn simple(id: u128, sequence: u64) -> LedgerEntry {
        LedgerEntry {
            id,
            sequence,
            time: 0,
            bulk: false,
            accepted: id as u64,
            without_user: 0,
            duplicates: 0,
            rejected: 0,
        }
    }

    fn written(entries: Vec<LedgerEntry>) -> (Vec<u8>, NumberedFile) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("4.ledger");
        let file = LedgerFile::write(&RealFs::default(), &path, DATABASE, 4, entries).unwrap();
        (std::fs::read(&path).unwrap(), file)
    }

    fn opened(bytes: &[u8], file: NumberedFile) -> Result<LedgerFile> {
        LedgerFile::open("ledger/4.ledger", Bytes::from_vec(bytes.to_vec()), DATABASE, file)
    }

    fn open(entries: Vec<LedgerEntry>) -> LedgerFile {
        let (bytes, file) = written(entries);
        opened(&bytes, file).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn entries_are_found_by_id(entries in prop::collection::vec(entry(), 0..60)) {
            let ledger = open(entries.clone());
            let model = earliest(&entries);
            prop_assert_eq!(ledger.entries(), model.values().copied().collect::<Vec<_>>());
            for entry in &entries {
                for id in [entry.id, entry.id ^ 1] {
                    prop_assert_eq!(ledger.find(id), model.get(&id).copied());
                }
            }
        }

        #[test]
        fn files_merged_hold_what_one_of_all_entries_would(
            files in prop::collection::vec(prop::collection::vec(entry(), 0..20), 0..5),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("9.ledger");
            let all = files.concat();
            let files: Vec<LedgerFile> = files.into_iter().map(open).collect();
            let fs = RealFs::default();
            let file = LedgerFile::merge(&fs, &path, DATABASE, 9, &files, 0).unwrap();
            let bytes = Bytes::from_vec(std::fs::read(&path).unwrap());
            let merged = LedgerFile::open("f", bytes, DATABASE, file).unwrap();
            prop_assert_eq!(merged.file(), file);
            let model = earliest(&all);
            prop_assert_eq!(merged.entries(), model.into_values().collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_is_found() {
        let (bytes, file) = written(vec![simple(9, 1), simple(3, 2)]);
        assert_eq!(bytes.len(), HEADER_BYTES + 2 * ENTRY_BYTES);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = opened(&bytes, file).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(opened(&bytes[..length], file).is_err());
            let named = named(&bytes[..length]);
            assert!(opened(&bytes[..length], named).is_err(), "{length}");
        }
    }

    /// What MANIFEST would say of these bytes.
    fn named(bytes: &[u8]) -> NumberedFile {
        NumberedFile { number: 4, length: bytes.len() as u64, checksum: crc(bytes) }
    }

    #[test]
    fn another_file_in_its_place_is_refused() {
        let (bytes, file) = written(vec![simple(9, 1)]);
        assert!(opened(&bytes, NumberedFile { number: 5, ..file }).is_err());
        let content = Bytes::from_vec(bytes.clone());
        assert!(LedgerFile::open("f", content, DATABASE + 1, file).is_err());
        let mut swapped = written(vec![simple(1, 1), simple(2, 2)]).0;
        swapped[HEADER_BYTES..].rotate_left(ENTRY_BYTES);
        let checksum = crc(&swapped[HEADER_BYTES..]);
        let error = opened(&forged(swapped, |h| h.entries = checksum.into()), file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption);
    }

    fn forged(mut bytes: Vec<u8>, change: impl Fn(&mut Header)) -> Vec<u8> {
        let mut header = Header::read_from_prefix(&bytes).unwrap().0;
        change(&mut header);
        header.checksum = header_checksum(&header).into();
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        bytes
    }

    #[test]
    fn forged_headers_are_refused() {
        let bytes = written(vec![simple(1, 1), simple(2, 2)]).0;
        let error = |bytes: Vec<u8>| opened(&bytes, named(&bytes)).unwrap_err();
        let newer = forged(bytes.clone(), |h| h.least_reader = (FORMAT_VERSION + 1).into());
        assert_eq!(error(newer).kind(), ErrorKind::NewerFormat);
        let forgeries: [fn(&mut Header); 4] = [
            |h| h.magic[7] = 1,
            |h| h.count = 1.into(),
            |h| h.count = u64::MAX.into(),
            |h| h.entries = 0.into(),
        ];
        for forgery in forgeries {
            let error = error(forged(bytes.clone(), forgery));
            assert_eq!(error.kind(), ErrorKind::Corruption);
        }
        let mut swapped = bytes.clone();
        swapped[HEADER_BYTES..].rotate_left(ENTRY_BYTES);
        let checksum = crc(&swapped[HEADER_BYTES..]);
        let swapped = forged(swapped, |h| h.entries = checksum.into());
        assert!(error(swapped).to_string().contains("out of order"));
    }

    #[test]
    fn of_two_entries_with_one_id_the_earlier_stays() {
        let ledger = open(vec![simple(7, 20), simple(7, 10), simple(7, 30)]);
        assert_eq!(ledger.entries(), [simple(7, 10)]);
    }

    #[test]
    fn only_live_entries_both_old_and_beyond_the_newest_are_forgotten() {
        let now = LEDGER_LIVE_AGE_US + 1_000;
        let old = |sequence: u64| LedgerEntry { time: 999, ..simple(sequence.into(), sequence) };
        let young =
            |sequence: u64| LedgerEntry { time: 1_000, ..simple(sequence.into(), sequence) };
        let bulk = |sequence: u64| LedgerEntry { bulk: true, ..old(sequence) };
        let kept = |keep, entries: &[LedgerEntry]| {
            let packed: Vec<_> = entries.iter().map(PackedEntry::from).collect();
            let horizon = Horizon::of(&[&packed], now, keep);
            let kept = packed.iter().filter(|entry| horizon.keeps(entry));
            kept.map(|entry| entry.sequence.get()).collect::<Vec<_>>()
        };
        assert_eq!(kept(2, &[old(1), old(2), old(3)]), [2, 3]);
        assert_eq!(kept(3, &[old(1), old(2), old(3)]), [1, 2, 3]);
        assert_eq!(kept(2, &[young(1), old(2), old(3), old(4)]), [1, 3, 4]);
        assert_eq!(kept(2, &[bulk(1), old(2), old(3), bulk(4), old(5)]), [1, 3, 4, 5]);
        assert_eq!(kept(2, &[]), [0; 0]);
    }

    /// What README and `docs/operations.md` promise.
    #[test]
    fn live_entries_are_kept_for_thirty_days_and_ten_million() {
        assert_eq!((LEDGER_LIVE_AGE_US, LEDGER_LIVE_MAX), (2_592_000_000_000, 10_000_000));
    }

    #[test]
    fn tails_are_merged_until_each_file_outweighs_the_newer_ones_four_times() {
        let cases: [(&[u64], Option<usize>); 8] = [
            (&[], None),
            (&[1], None),
            (&[1, 1], Some(0)),
            (&[4, 1], None),
            (&[3, 1], Some(0)),
            (&[400, 4, 1], None),
            (&[400, 3, 1], Some(1)),
            (&[1, 100, 1], Some(0)),
        ];
        for (sizes, from) in cases {
            assert_eq!(tail_to_merge(sizes.iter().copied()), from, "{sizes:?}");
        }
    }

    /// What `docs/file-format.md` says.
    #[test]
    fn bytes_lie_where_the_format_says() {
        let entry = LedgerEntry {
            id: 0x11,
            sequence: 0x22,
            time: -2,
            bulk: true,
            accepted: 0x33,
            without_user: 0x44,
            duplicates: 0x55,
            rejected: 0x66,
        };
        let (bytes, file) = written(vec![entry]);
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((HEADER_BYTES, ENTRY_BYTES, bytes.len()), (56, 72, 128));
        assert_eq!((&bytes[..8], u64_at(8)), (b"DAYBITL\0".as_slice(), 1 << 32 | 1));
        assert_eq!((bytes[16..32].to_vec(), u64_at(32)), (DATABASE.to_le_bytes().to_vec(), 4));
        assert_eq!(u64_at(40), 1);
        assert_eq!(u64_at(48) as u32, crc(&bytes[56..]));
        assert_eq!((u64_at(48) >> 32) as u32, crc(&bytes[..52]));
        let words: Vec<u64> = (56..128).step_by(8).map(u64_at).collect();
        assert_eq!(words, [0x11, 0, 0x22, -2i64 as u64, 1, 0x33, 0x44, 0x55, 0x66]);
        assert_eq!((file.length, file.checksum), (128, crc(&bytes)));
    }
}

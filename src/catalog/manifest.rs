//! MANIFEST.N: the published snapshot.

use crate::codec::record;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Fs, NewFile};
use crate::limits::{RECORD_BYTES_MAX, USERS_MAX};
use crate::time::Day;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The first bytes of a MANIFEST.
pub(crate) const MAGIC: [u8; 8] = *b"DAYBITM\0";
/// How often a reader looks again when a writer's publishing takes a MANIFEST from under it.
const LOOKS: usize = 10;

/// A day file of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DayFileEntry {
    pub(crate) generation: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u32,
}

/// A users file of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsersFileEntry {
    /// Also the name: `users/0000000012.users`.
    pub(crate) generation: u64,
    pub(crate) first_ordinal: u32,
    pub(crate) count: u32,
    pub(crate) length: u64,
    /// CRC32C of the header (which holds the checksums of the parts).
    pub(crate) checksum: u32,
}

/// A file named by its number: `catalog.N`, `days/N.summary`, `ledger/N.ledger`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberedFile {
    pub(crate) number: u64,
    pub(crate) length: u64,
    /// CRC32C of the whole file.
    pub(crate) checksum: u32,
}

/// A generation of the first-seen index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FirstFileEntry {
    /// Also the name: `first/0000000012.first`.
    pub(crate) generation: u64,
    pub(crate) length: u64,
    /// Where the directory begins.
    pub(crate) directory: u64,
    /// CRC32C of the directory (which holds the checksums of the blocks).
    pub(crate) checksum: u32,
}

/// Everything a reader needs to open the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) database: u128,
    /// N of MANIFEST.N.
    pub(crate) number: u64,
    /// Every frame up to this sequence is in the files.
    pub(crate) applied: u64,
    /// When it was published, UTC microseconds.
    pub(crate) published: i64,
    /// The next generation or number to give to any file.
    pub(crate) next_generation: u64,
    /// Logs from this number on may hold frames after `applied`.
    pub(crate) wal_from: u64,
    pub(crate) catalog: NumberedFile,
    pub(crate) summary: NumberedFile,
    pub(crate) days: Vec<DayFileEntry>,
    /// Ascending by first ordinal, without gaps.
    pub(crate) users: Vec<UsersFileEntry>,
    pub(crate) ledgers: Vec<NumberedFile>,
    /// The first-seen index of exactly these days, oldest generation first. `None`: there is none.
    pub(crate) first: Option<Vec<FirstFileEntry>>,
    /// First days of who was seen on days that were dropped: no day tells them any more.
    pub(crate) history: Vec<FirstFileEntry>,
    /// Days before this one were dropped.
    pub(crate) days_from: Option<Day>,
    /// Rows of days before this one were dropped.
    pub(crate) rows_from: Option<Day>,
    /// Sections of the day files named here that are no part of the database any more: generation
    /// and offset, ascending.
    pub(crate) dead: Vec<(u64, u64)>,
    /// What the catalog says too, and what nothing can be read without.
    pub(crate) time_zone: String,
    pub(crate) hash_key: [u8; 16],
    /// The daybit that published it: for people who look for the cause of damage.
    pub(crate) written_by: String,
}

/// What goes into `Manifest::written_by`.
pub(crate) const WRITER: &str = concat!("daybit ", env!("CARGO_PKG_VERSION"));

impl Manifest {
    /// Writes `MANIFEST.N.tmp`, syncs, renames, syncs the folder; then removes all but the two
    /// newest (and those that `pinned` names). What cannot be removed stays: it harms nobody.
    pub(crate) fn publish(&self, fs: &dyn Fs, root: &Path, pinned: &[u64]) -> Result<()> {
        let bytes = record::seal(&MAGIC, self);
        #[cfg(test)]
        if fs.planted() == Some(crate::fs::simulated::Bug::OldManifestFirst) {
            for number in numbers(fs, root)? {
                let _ = fs.remove(&manifest_path(root, number));
            }
        }
        NewFile::write(fs, &manifest_path(root, self.number), |file| file.append(&bytes))?;
        retire(fs, root, pinned)
    }

    /// The newest whole manifest. `NotFound` where there is none: "not a daybit database";
    /// `NewerFormat` where any was written by a newer version. A damaged newest one is
    /// `Corruption`, never passed over silently: what was published after the one before it would
    /// be lost without a word.
    pub(crate) fn newest(fs: &dyn Fs, root: &Path) -> Result<Manifest> {
        for _ in 0..LOOKS {
            if let Some(manifest) = look(fs, root)? {
                return Ok(manifest);
            }
        }
        let message = format!(
            "{} is published faster than it can be read; try again in a moment",
            root.display()
        );
        Err(Error::new(ErrorKind::Io, message))
    }

    /// All manifests on disk, oldest first: what is kept for readers that hold an older one.
    pub(crate) fn all(fs: &dyn Fs, root: &Path) -> Result<Vec<Manifest>> {
        let found = numbers(fs, root)?.into_iter().map(|number| read(fs, root, number));
        found.filter_map(Result::transpose).collect()
    }

    /// All manifests on disk by number, oldest first, damaged ones too. `NotFound` where there is
    /// none, `NewerFormat` where any was written by a newer version.
    pub(crate) fn each(fs: &dyn Fs, root: &Path) -> Result<Vec<(u64, Result<Manifest>)>> {
        let mut all = Vec::new();
        for number in numbers(fs, root)? {
            match read(fs, root, number) {
                Ok(found) => all.extend(found.map(|manifest| (number, Ok(manifest)))),
                Err(e) if e.kind() == ErrorKind::Corruption => all.push((number, Err(e))),
                Err(e) => return Err(e),
            }
        }
        match all.is_empty() {
            true => Err(not_a_database(root, "it has no MANIFEST")),
            false => Ok(all),
        }
    }

    /// How many users the snapshot knows.
    pub(crate) fn users_count(&self) -> u32 {
        self.users.last().map_or(0, |f| f.first_ordinal.saturating_add(f.count))
    }

    /// What the rest of the code takes for granted.
    fn check(&self, number: u64) -> Result<(), String> {
        if self.number != number {
            return Err(format!("it says that it is MANIFEST.{}", self.number));
        }
        let mut next = 0u32;
        for file in &self.users {
            let end = file.first_ordinal.checked_add(file.count).filter(|end| *end <= USERS_MAX);
            next = end.filter(|_| file.first_ordinal == next).ok_or_else(|| {
                format!("users file {} does not start at ordinal {next}", file.generation)
            })?;
        }
        let given = (self.users.iter().map(|f| f.generation))
            .chain(self.days.iter().map(|f| f.generation))
            .chain(self.ledgers.iter().map(|f| f.number))
            .chain(self.first.iter().flatten().chain(&self.history).map(|f| f.generation))
            .chain([self.catalog.number, self.summary.number]);
        match given.max().filter(|given| *given >= self.next_generation) {
            Some(given) => Err(format!("file number {given} is not below the next one to give")),
            None => Ok(()),
        }
    }
}

/// Removes all manifests but the two newest and those that `pinned` names.
pub(crate) fn retire(fs: &dyn Fs, root: &Path, pinned: &[u64]) -> Result<()> {
    let older = numbers(fs, root)?;
    let keep_from = older.len().saturating_sub(2);
    for number in older.into_iter().take(keep_from).filter(|n| !pinned.contains(n)) {
        let _ = fs.remove(&manifest_path(root, number));
    }
    Ok(())
}

/// `MANIFEST.12` in the database's folder.
pub(crate) fn manifest_path(root: &Path, number: u64) -> PathBuf {
    root.join(format!("MANIFEST.{number}"))
}

/// Numbers of the manifests in the folder, ascending; `.tmp` leftovers are not among them.
fn numbers(fs: &dyn Fs, root: &Path) -> Result<Vec<u64>> {
    let names = fs.list(root).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => not_a_database(root, "there is no such folder"),
        io::ErrorKind::NotADirectory => not_a_database(root, "it is a file, not a folder"),
        _ => Error::io("cannot list", root, e),
    })?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| parse_name(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Only names that this version would write: no sign, no leading zero.
fn parse_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("MANIFEST.")?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

fn not_a_database(root: &Path, why: &str) -> Error {
    let message = format!(
        "{} is not a daybit database: {why}; make one with `daybit create`",
        root.display()
    );
    Error::new(ErrorKind::NotFound, message)
}

/// One look at the folder; `None` where the newest manifest went away in between.
fn look(fs: &dyn Fs, root: &Path) -> Result<Option<Manifest>> {
    let numbers = numbers(fs, root)?;
    let Some((&newest, older)) = numbers.split_last() else {
        return Err(not_a_database(root, "it has no MANIFEST"));
    };
    let mut whole_before = None;
    for &number in older {
        match read(fs, root, number) {
            Ok(Some(_)) => whole_before = Some(number),
            Err(e) if e.kind() == ErrorKind::NewerFormat => return Err(e),
            // Only the newest one counts; an older one is looked at for its version.
            Ok(None) | Err(_) => {}
        }
    }
    read(fs, root, newest).map_err(|e| match (e.kind(), whole_before) {
        (ErrorKind::Corruption, Some(before)) => Error::new(
            ErrorKind::Corruption,
            format!(
                "{e}. MANIFEST.{before} before it is whole, but knows nothing of what was \
                 published after it, so it is not used unasked"
            ),
        ),
        _ => e,
    })
}

fn read(fs: &dyn Fs, root: &Path, number: u64) -> Result<Option<Manifest>> {
    let path = manifest_path(root, number);
    let bytes = match fs.read(&path, RECORD_BYTES_MAX as u64) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("cannot read", &path, e)),
    };
    let name = path.display().to_string();
    let manifest: Manifest = record::unseal(&name, &MAGIC, &bytes)?;
    manifest.check(number).map_err(|what| Error::corruption(&name, 0, "manifest", what))?;
    Ok(Some(manifest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fs::RealFs;
    use crate::fs::simulated::{Failure, Lasting, SimulatedFs};
    use proptest::prelude::*;
    use std::fs;

    const FS: fn() -> RealFs = RealFs::default;

    fn numbered(number: u64) -> NumberedFile {
        NumberedFile { number, length: 100 + number, checksum: 7 }
    }

    fn manifest(number: u64) -> Manifest {
        let users = |generation, first_ordinal, count| UsersFileEntry {
            generation,
            first_ordinal,
            count,
            length: 1_000,
            checksum: 9,
        };
        Manifest {
            database: 0xdb,
            number,
            applied: 17,
            published: -5,
            next_generation: 40,
            wal_from: 3,
            catalog: numbered(1),
            summary: numbered(39),
            days: vec![DayFileEntry { generation: 12, length: 5_000, checksum: 1 }],
            users: vec![users(4, 0, 70_000), users(9, 70_000, 3)],
            ledgers: vec![numbered(10), numbered(11)],
            first: Some(vec![FirstFileEntry {
                generation: 13,
                length: 70,
                directory: 20,
                checksum: 5,
            }]),
            history: Vec::new(),
            days_from: Some(7),
            rows_from: None,
            dead: vec![(12, 68)],
            time_zone: "UTC".to_string(),
            hash_key: [4; 16],
            written_by: WRITER.to_string(),
        }
    }

    fn published(numbers: impl IntoIterator<Item = u64>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for number in numbers {
            manifest(number).publish(&FS(), dir.path(), &[]).unwrap();
        }
        dir
    }

    fn newest_error(dir: &Path) -> Error {
        Manifest::newest(&FS(), dir).unwrap_err()
    }

    /// `docs/file-format.md` says what the code does.
    #[test]
    fn the_document_names_the_magic_and_version_of_each_record() {
        let page = include_str!("../../docs/file-format.md");
        let ledger = crate::catalog::ledger::MAGIC;
        for (title, magic) in [
            ("## MANIFEST.N", MAGIC),
            ("## catalog.N", crate::catalog::MAGIC),
            ("## ledger/", ledger),
        ] {
            let (_, section) = page.split_once(title).unwrap();
            let section = section.split("\n## ").next().unwrap();
            let letters = String::from_utf8_lossy(&magic[..7]);
            assert!(section.contains(&format!("`{letters}\\0`")), "{title} without {letters}");
        }
    }

    #[test]
    fn the_newest_is_read_and_two_are_kept() {
        let dir = published(9..=11);
        assert_eq!(Manifest::newest(&FS(), dir.path()).unwrap(), manifest(11));
        assert_eq!(FS().list(dir.path()).unwrap(), ["MANIFEST.10", "MANIFEST.11"]);
        assert_eq!(manifest(1).users_count(), 70_003);
    }

    #[test]
    fn pinned_ones_stay_until_they_are_let_go() {
        let dir = published([1, 2]);
        manifest(3).publish(&FS(), dir.path(), &[1]).unwrap();
        manifest(4).publish(&FS(), dir.path(), &[1, 99]).unwrap();
        assert_eq!(FS().list(dir.path()).unwrap(), ["MANIFEST.1", "MANIFEST.3", "MANIFEST.4"]);
        manifest(5).publish(&FS(), dir.path(), &[]).unwrap();
        assert_eq!(FS().list(dir.path()).unwrap(), ["MANIFEST.4", "MANIFEST.5"]);
    }

    #[test]
    fn leftovers_and_strange_names_are_ignored() {
        let dir = published([7]);
        let names =
            ["MANIFEST.8.tmp", "MANIFEST.", "MANIFEST.x", "MANIFEST.09", "MANIFEST.+9", "LOCK"];
        for name in names {
            fs::write(dir.path().join(name), b"not a manifest").unwrap();
        }
        assert_eq!(Manifest::newest(&FS(), dir.path()).unwrap(), manifest(7));
    }

    #[test]
    fn what_is_not_a_database_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        for (path, why) in [
            (dir.path().to_path_buf(), "it has no MANIFEST"),
            (dir.path().join("none"), "there is no such folder"),
            (file, "it is a file, not a folder"),
        ] {
            let error = newest_error(&path);
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let shown = path.display();
            let expected =
                format!("{shown} is not a daybit database: {why}; make one with `daybit create`");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_newer_format_is_named_wherever_it_is_found_and_nothing_is_written() {
        for number in [4, 6] {
            let dir = published([5]);
            let bytes =
                record::seal_as(record::FORMAT_VERSION + 1, &MAGIC, &"fields of the future");
            fs::write(manifest_path(dir.path(), number), &bytes).unwrap();
            let before = FS().list(dir.path()).unwrap();
            let error = newest_error(dir.path());
            assert_eq!(error.kind(), ErrorKind::NewerFormat);
            assert!(error.to_string().contains("has format 2"), "{error}");
            assert!(error.to_string().contains("reads up to 1"), "{error}");
            assert_eq!(FS().list(dir.path()).unwrap(), before);
        }
    }

    #[test]
    fn a_damaged_newest_one_is_never_passed_over() {
        let fs = simulated();
        let root = Path::new("db");
        let path = manifest_path(root, 5);
        let whole = fs.read(&path, 1 << 20).unwrap();
        let error = |bytes: &[u8]| {
            fs.edit(&path, |content| *content = bytes.to_vec());
            Manifest::newest(&fs, root).unwrap_err()
        };
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let error = error(&bytes);
            assert_eq!(error.kind(), ErrorKind::Corruption, "bit {bit}");
            assert!(error.to_string().contains("MANIFEST.4 before it is whole"), "{error}");
        }
        for length in 0..whole.len() {
            assert_eq!(error(&whole[..length]).kind(), ErrorKind::Corruption);
        }
        fs.remove(&manifest_path(root, 4)).unwrap();
        assert!(!error(b"").to_string().contains("before it is whole"));
    }

    #[test]
    fn a_damaged_older_one_is_no_matter() {
        let dir = published([5, 6]);
        fs::write(manifest_path(dir.path(), 5), b"damaged").unwrap();
        assert_eq!(Manifest::newest(&FS(), dir.path()).unwrap(), manifest(6));
    }

    #[test]
    fn a_copy_under_another_number_is_refused() {
        let dir = published([5]);
        fs::copy(manifest_path(dir.path(), 5), manifest_path(dir.path(), 6)).unwrap();
        assert!(newest_error(dir.path()).to_string().contains("it says that it is MANIFEST.5"));
    }

    #[test]
    fn contradictions_are_refused_though_the_checksum_is_right() {
        let wrong: [fn(&mut Manifest); 7] = [
            |m| m.users[1].first_ordinal = 70_001,
            |m| m.users[0].first_ordinal = 1,
            |m| m.users[1].count = u32::MAX,
            |m| m.next_generation = 39,
            |m| m.days[0].generation = 40,
            |m| m.ledgers[1].number = u64::MAX,
            |m| m.first.as_mut().unwrap()[0].generation = 40,
        ];
        for (i, wrong) in wrong.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            let mut manifest = manifest(5);
            wrong(&mut manifest);
            manifest.publish(&FS(), dir.path(), &[]).unwrap();
            assert_eq!(newest_error(dir.path()).kind(), ErrorKind::Corruption, "{i}");
        }
    }

    fn simulated() -> SimulatedFs {
        let fs = SimulatedFs::new();
        fs.create_dir_all(Path::new("db")).unwrap();
        fs.sync_dir(Path::new("")).unwrap();
        for number in [4, 5] {
            manifest(number).publish(&fs, Path::new("db"), &[]).unwrap();
        }
        fs.remember();
        fs
    }

    fn newest_number(fs: &SimulatedFs) -> u64 {
        Manifest::newest(fs, Path::new("db")).unwrap().number
    }

    #[test]
    fn a_crash_leaves_the_old_or_the_new_one() {
        let fs = simulated();
        manifest(6).publish(&fs, Path::new("db"), &[]).unwrap();
        let mut seen = [0; 2];
        for operation in 0..=fs.operations() {
            for crashed in fs.at(operation).crashes() {
                let number = newest_number(&crashed);
                seen[usize::from(number == 6)] += 1;
                assert!(number == 5 || number == 6);
                assert!(number == 6 || operation < fs.operations(), "published, then lost");
                manifest(number + 1).publish(&crashed, Path::new("db"), &[]).unwrap();
                assert_eq!(newest_number(&crashed), number + 1);
            }
        }
        assert!(fs.violations().is_empty() && seen.iter().all(|n| *n > 0), "{seen:?}");
    }

    #[test]
    fn a_failure_leaves_the_old_one_and_no_half_file() {
        for (at, failure) in (0..4).flat_map(|at| [(at, Failure::Io), (at, Failure::NoSpace)]) {
            let fs = simulated();
            fs.fail_at(at, failure, Lasting::Once);
            assert!(manifest(6).publish(&fs, Path::new("db"), &[]).is_err(), "{at}");
            assert_eq!(newest_number(&fs), 5);
            assert_eq!(fs.list(Path::new("db")).unwrap(), ["MANIFEST.4", "MANIFEST.5"]);
        }
    }

    #[test]
    fn an_old_one_that_cannot_be_removed_is_no_failure() {
        let fs = simulated();
        fs.fail_at(5, Failure::Io, Lasting::Once);
        manifest(6).publish(&fs, Path::new("db"), &[]).unwrap();
        assert_eq!(fs.list(Path::new("db")).unwrap().len(), 3);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let sealed = record::seal(&MAGIC, &bytes);
            prop_assert!(record::unseal::<Manifest>("f", &MAGIC, &bytes).is_err());
            let _ = record::unseal::<Manifest>("f", &MAGIC, &sealed);
        }
    }
}

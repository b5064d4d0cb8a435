//! Each behaviour of the simulated disk.

use super::*;
use std::collections::BTreeSet;

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// A disk with the durable, empty file `/db/f`.
fn disk() -> (SimulatedFs, Box<dyn WriteFile>) {
    let disk = SimulatedFs::new();
    disk.create_dir_all(Path::new("/db")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let file = disk.create(Path::new("/db/f")).unwrap();
    disk.sync_dir(Path::new("/db")).unwrap();
    (disk, file)
}

fn content(disk: &SimulatedFs, name: &str) -> Option<Vec<u8>> {
    disk.read(Path::new(name), u64::MAX).ok()
}

/// What the file can be after a crash, over many seeds.
fn outcomes(disk: &SimulatedFs, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..500).map(|seed| content(&disk.crash(seed), name)).collect()
}

#[test]
fn synced_bytes_survive_every_crash_and_unsynced_ones_only_some() {
    let (disk, mut file) = disk();
    file.append(b"ab").unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, "/db/f"), BTreeSet::from([Some(b"ab".to_vec())]));
    file.append(b"cd").unwrap();
    assert_eq!(content(&disk, "/db/f").unwrap(), b"abcd");
    assert_eq!(content(&disk.crash(0), "/db/f").unwrap(), b"ab");
    assert_eq!(content(&disk.crash(1), "/db/f").unwrap(), b"abcd");
    let outcomes = outcomes(&disk, "/db/f");
    for expected in [&b"ab"[..], b"abc", b"abcd", b"ab\0\0"] {
        assert!(outcomes.contains(&Some(expected.to_vec())), "{expected:?}");
    }
    assert!(outcomes.iter().flatten().all(|bytes| bytes.starts_with(b"ab") && bytes.len() <= 4));
}

#[test]
fn a_lost_append_before_a_kept_one_leaves_zeros() {
    let (disk, mut file) = disk();
    file.append(b"ab").unwrap();
    file.append(b"cd").unwrap();
    let all: Vec<_> = disk.crashes().iter().map(|d| content(d, "/db/f").unwrap()).collect();
    assert_eq!(all[..4], [&b""[..], b"ab", b"\0\0cd", b"abcd"]);
}

#[test]
fn torn_appends_end_at_sectors_too() {
    let (disk, mut file) = disk();
    file.append(&[7; 100]).unwrap();
    file.sync().unwrap();
    file.append(&[8; 2_000]).unwrap();
    let lengths: BTreeSet<usize> =
        outcomes(&disk, "/db/f").iter().flatten().map(Vec::len).collect();
    assert!(lengths.is_superset(&BTreeSet::from([100, 512, 1_024, 2_048, 2_100])));
    let holed = outcomes(&disk, "/db/f").into_iter().flatten();
    let mut holed = holed.filter(|b| b.len() == 2_100 && b.contains(&8) && b.contains(&0));
    assert!(holed.any(|bytes| bytes[512..1_024].iter().all(|b| *b == bytes[512])));
}

#[test]
fn names_are_lost_without_a_sync_of_their_folder() {
    let (disk, mut file) = disk();
    file.append(b"old").unwrap();
    file.sync().unwrap();
    let mut new = disk.create(Path::new("/db/g.tmp")).unwrap();
    new.append(b"new").unwrap();
    new.sync().unwrap();
    assert_eq!(content(&disk.crash(0), "/db/g.tmp"), None);
    disk.rename(&path("/db/g.tmp"), &path("/db/f")).unwrap();
    assert_eq!(content(&disk, "/db/f").unwrap(), b"new");
    let either = BTreeSet::from([Some(b"old".to_vec()), Some(b"new".to_vec())]);
    assert_eq!(outcomes(&disk, "/db/f"), either);
    disk.sync_dir(Path::new("/db")).unwrap();
    disk.remove(&path("/db/f")).unwrap();
    assert_eq!(content(&disk, "/db/f"), None);
    assert_eq!(outcomes(&disk, "/db/f"), BTreeSet::from([None, Some(b"new".to_vec())]));
    disk.sync_dir(Path::new("/db")).unwrap();
    assert_eq!(disk.pending(), 0);
    assert!(disk.crash(7).list(Path::new("/db")).unwrap().is_empty());
}

#[test]
fn a_folder_is_a_name_of_the_folder_above() {
    let disk = SimulatedFs::new();
    disk.create_dir_all(Path::new("a/b")).unwrap();
    disk.create_dir_all(Path::new("a/b")).unwrap();
    disk.create(Path::new("a/b/f")).unwrap();
    disk.sync_dir(Path::new("a/b")).unwrap();
    disk.sync_dir(Path::new("a")).unwrap();
    assert_eq!(disk.len(Path::new("a/b")).unwrap(), Some(0));
    assert_eq!(disk.crash(0).len(Path::new("a")).unwrap(), None);
    disk.sync_dir(Path::new("")).unwrap();
    assert_eq!(disk.crash(0).list(Path::new("a/b")).unwrap(), ["f"]);
}

#[test]
fn an_overwritten_file_may_keep_what_it_had() {
    let (disk, mut file) = disk();
    file.append(b"old").unwrap();
    file.sync().unwrap();
    let mut file = disk.create(Path::new("/db/f")).unwrap();
    assert_eq!(content(&disk, "/db/f").unwrap(), b"");
    file.append(b"n").unwrap();
    let outcomes = outcomes(&disk, "/db/f");
    for expected in [&b"old"[..], b"", b"n", b"nld"] {
        assert!(outcomes.contains(&Some(expected.to_vec())), "{expected:?}");
    }
}

#[test]
fn a_cut_is_durable_at_once_and_never_lengthens() {
    let (disk, mut file) = disk();
    file.append(b"abc").unwrap();
    disk.truncate(&path("/db/f"), 2).unwrap();
    assert_eq!(content(&disk.crash(0), "/db/f").unwrap(), b"ab");
    let error = disk.truncate(&path("/db/f"), 3).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn faults_come_when_told_once_or_from_then_on() {
    let (disk, mut file) = disk();
    disk.fail_at(disk.operations() + 1, Failure::Io, Lasting::Once);
    file.append(b"a").unwrap();
    file.append(b"b").unwrap_err();
    file.append(b"c").unwrap();
    assert_eq!(content(&disk, "/db/f").unwrap(), b"ac");
    disk.fail_at(disk.operations(), Failure::NoSpace, Lasting::FromThenOn);
    assert_eq!(file.append(b"defg").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(content(&disk, "/db/f").unwrap(), b"acde");
    disk.create(Path::new("/db/g")).unwrap_err();
    disk.sync_dir(Path::new("/db")).unwrap_err();
    disk.fail_read_at(disk.reads(), Lasting::Once);
    disk.list(Path::new("/db")).unwrap_err();
    assert_eq!(disk.list(Path::new("/db")).unwrap(), ["f"]);
}

#[test]
fn what_a_failed_sync_dropped_is_read_but_never_written() {
    let (disk, mut file) = disk();
    file.append(b"ab").unwrap();
    disk.fail_at(disk.operations(), Failure::LostSync, Lasting::Once);
    file.sync().unwrap_err();
    file.append(b"cd").unwrap();
    file.sync().unwrap();
    disk.truncate(&path("/db/f"), 4).unwrap();
    assert_eq!(content(&disk, "/db/f").unwrap(), b"abcd");
    assert_eq!(content(&disk.kill(), "/db/f").unwrap(), b"abcd");
    assert_eq!(outcomes(&disk, "/db/f"), BTreeSet::from([Some(b"\0\0cd".to_vec())]));
}

#[test]
fn locks_exclude_and_are_released_by_drop_kill_and_crash() {
    let (disk, _file) = disk();
    let lock = disk.try_lock(Path::new("/db/LOCK")).unwrap();
    assert!(lock.is_some());
    assert!(disk.try_lock(Path::new("/db/LOCK")).unwrap().is_none());
    assert!(disk.crash(1).try_lock(Path::new("/db/LOCK")).unwrap().is_some());
    assert!(disk.kill().try_lock(Path::new("/db/LOCK")).unwrap().is_some());
    drop(lock);
    assert!(disk.try_lock(Path::new("/db/LOCK")).unwrap().is_some());
}

#[test]
fn the_past_can_be_visited_with_its_notes() {
    let (disk, mut file) = disk();
    disk.remember();
    for text in ["a", "b"] {
        file.append(text.as_bytes()).unwrap();
        file.sync().unwrap();
        disk.note(text);
    }
    assert_eq!(disk.operations(), 4);
    let seen = |operation| {
        let disk = disk.at(operation);
        (content(&disk, "/db/f").unwrap(), content(&disk.crash(0), "/db/f").unwrap(), disk.notes())
    };
    assert_eq!(seen(0), (vec![], vec![], vec![]));
    assert_eq!(seen(1), (b"a".to_vec(), vec![], vec![]));
    assert_eq!(seen(3), (b"ab".to_vec(), b"a".to_vec(), vec!["a".to_string()]));
    assert_eq!(seen(4).2, ["a", "b"]);
}

#[test]
fn the_trace_tells_what_was_done() {
    let disk = SimulatedFs::new();
    disk.create_dir_all(Path::new("d")).unwrap();
    let mut file = disk.create(Path::new("d/f.tmp")).unwrap();
    file.append(b"abc").unwrap();
    disk.rename(&path("d/f.tmp"), &path("d/g")).unwrap();
    file.sync().unwrap();
    disk.rename(&path("d/g"), &path("d/f")).unwrap();
    disk.sync_dir(Path::new("d")).unwrap();
    disk.note("done");
    let expected = [
        Event::CreateDir(path("d")),
        Event::Create(path("d/f.tmp")),
        Event::Append(path("d/f.tmp"), 3),
        Event::Rename(path("d/f.tmp"), path("d/g")),
        Event::Sync(path("d/f.tmp")),
        Event::Rename(path("d/g"), path("d/f")),
        Event::SyncDir(path("d")),
        Event::Note("done".into()),
    ];
    assert_eq!(disk.trace(), expected);
    assert_eq!(disk.violations(), ["d/f.tmp became d/g unsynced"]);
}

#[test]
fn what_is_not_there_is_not_found() {
    let (disk, _file) = disk();
    let kind = |result: io::Result<()>| result.unwrap_err().kind();
    let (f, none) = (Path::new("/db/f"), Path::new("/none/f"));
    assert_eq!(kind(disk.create(none).map(drop)), io::ErrorKind::NotFound);
    assert_eq!(kind(disk.read(none, 9).map(drop)), io::ErrorKind::NotFound);
    assert_eq!(kind(disk.rename(&path("/db/g"), f)), io::ErrorKind::NotFound);
    assert_eq!(kind(disk.create_dir_all(f)), io::ErrorKind::NotADirectory);
    assert_eq!(kind(disk.rename(f, Path::new("/f"))), io::ErrorKind::CrossesDevices);
    disk.remove(&path("/db/g")).unwrap();
    disk.edit(f, |bytes| bytes.push(7));
    assert_eq!(disk.read(f, 0).unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(&*disk.crash(0).map(f).unwrap(), [7]);
}

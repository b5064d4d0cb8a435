//! What may be done to the disk in which order, read off the trace of a workload.

use crate::fs::simulated::Event;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What was done to a file so far.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// Bytes were appended after the last sync.
    unsynced: bool,
    /// Its folder was synced since it has its name.
    named: bool,
    /// It got its final name: its bytes never change again.
    sealed: bool,
    length: u64,
    /// Bytes that it had when a receipt last went out.
    acknowledged: u64,
}

/// Follows a trace and keeps what it breaks.
#[derive(Debug, Default)]
struct Protocol {
    files: HashMap<PathBuf, Seen>,
    /// Logs that hold something which no manifest tells.
    untold: Vec<PathBuf>,
    /// Those of them that a manifest tells which is not durable yet.
    telling: Vec<PathBuf>,
    broken: Vec<String>,
}

/// What breaks the order in which things must reach the disk: no receipt before its log is
/// durable, no manifest before the files, no log cut and no file removed before the manifest that
/// makes them needless, no change of a finished file.
pub(super) fn broken(trace: &[Event]) -> Vec<String> {
    let mut protocol = Protocol::default();
    trace.iter().for_each(|event| protocol.see(event));
    protocol.broken
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wal")
}

fn is_manifest(path: &Path) -> bool {
    name(path).strip_prefix("MANIFEST.").is_some_and(|number| number.parse::<u64>().is_ok())
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tmp")
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

impl Protocol {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Create(path) => drop(self.files.insert(path.clone(), Seen::default())),
            Event::Append(path, bytes) => self.append(path, *bytes as u64),
            Event::Sync(path) => self.file(path).unsynced = false,
            Event::Truncate(path, length) => self.truncate(path, *length),
            Event::Rename(from, to) => self.rename(from, to),
            Event::Remove(path) => self.remove(path),
            Event::SyncDir(dir) => {
                let here = |path: &Path| path.parent() == Some(dir);
                let files = self.files.iter_mut().filter(|(path, _)| here(path));
                if files.fold(false, |told, (path, seen)| {
                    told | (!std::mem::replace(&mut seen.named, true) && is_manifest(path))
                }) {
                    self.untold.retain(|log| !self.telling.contains(log));
                }
            }
            Event::Note(note) if note == "ack" => self.acknowledge(),
            Event::Note(_) | Event::CreateDir(_) => {}
        }
    }

    fn file(&mut self, path: &Path) -> &mut Seen {
        self.files.entry(path.to_path_buf()).or_default()
    }

    /// Only an end that nobody has a receipt for may be cut off.
    fn truncate(&mut self, path: &Path, length: u64) {
        let seen = self.file(path);
        (seen.unsynced, seen.length) = (false, length);
        if length < seen.acknowledged {
            self.broken.push(format!("{} is cut where it was acknowledged", path.display()));
        }
    }

    fn append(&mut self, path: &Path, bytes: u64) {
        if is_log(path) && !self.untold.iter().any(|log| log == path) {
            self.untold.push(path.to_path_buf());
        }
        let seen = self.file(path);
        seen.unsynced = true;
        seen.length += bytes;
        if seen.sealed {
            self.broken.push(format!("{} was finished and is written to", path.display()));
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let seen = self.files.remove(from).unwrap_or_default();
        if seen.unsynced {
            self.broken.push(format!("{} gets its name unsynced", to.display()));
        }
        if is_manifest(to) {
            self.publish(to);
        }
        let sealed = !is_log(to);
        self.files.insert(to.to_path_buf(), Seen { named: false, sealed, ..seen });
    }

    /// Whatever has its final name when a manifest gets its own may be told by that.
    fn publish(&mut self, manifest: &Path) {
        let is_data = |path: &Path| {
            let is_spilled = path.parent().is_some_and(|dir| name(dir) == "spill");
            !is_unfinished(path) && !is_manifest(path) && !is_spilled && name(path) != "LOCK"
        };
        let loose =
            |(path, seen): &(&PathBuf, &Seen)| is_data(path) && (seen.unsynced || !seen.named);
        self.telling = self.untold.clone();
        let loose = self.files.iter().filter(loose);
        let told = |(path, _): (&PathBuf, _)| {
            format!("{} may tell {}, which is not durable", manifest.display(), path.display())
        };
        self.broken.extend(loose.map(told));
    }

    fn remove(&mut self, path: &Path) {
        let is_folders = path.parent().is_some_and(|dir| dir.parent().is_some_and(is_not_empty));
        let told = self.files.iter().filter(|(path, _)| is_manifest(path));
        let durable = told.clone().all(|(_, seen)| seen.named);
        if is_folders && !is_unfinished(path) && !durable {
            let what = "is removed before the manifest is durable";
            self.broken.push(format!("{} {what}", path.display()));
        }
        if self.untold.iter().any(|log| log == path) {
            self.broken
                .push(format!("{} is cut with frames that no manifest tells", path.display()));
        }
        self.files.remove(path);
    }

    fn acknowledge(&mut self) {
        let loose =
            |(path, seen): &(&PathBuf, &Seen)| is_log(path) && (seen.unsynced || !seen.named);
        let loose = self.files.iter().filter(loose);
        let told = |(path, _): (&PathBuf, _)| {
            format!("a receipt goes out before {} is durable", path.display())
        };
        self.broken.extend(loose.map(told));
        self.files.values_mut().for_each(|seen| seen.acknowledged = seen.length);
    }
}

#[test]
fn a_log_may_lose_only_what_nobody_has_a_receipt_for() {
    let path = PathBuf::from("db/wal/0000000001.wal");
    let written = |bytes| [Event::Append(path.clone(), bytes), Event::Sync(path.clone())];
    let mut trace = vec![Event::Create(path.clone())];
    trace.extend(written(100));
    trace.extend([Event::SyncDir("db/wal".into()), Event::Note("ack".into())]);
    trace.extend(written(50));
    trace.push(Event::Truncate(path.clone(), 100));
    assert!(broken(&trace).is_empty(), "{:?}", broken(&trace));
    trace.push(Event::Truncate(path.clone(), 99));
    assert_eq!(broken(&trace).len(), 1, "{:?}", broken(&trace));
}

fn is_not_empty(dir: &Path) -> bool {
    !dir.as_os_str().is_empty()
}

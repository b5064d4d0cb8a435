//! A copy of a database, made while others write to it.
//!
//! A file that a manifest names never changes, and a lease keeps it where it is. So the files of
//! the newest manifest are copied, then the log after it. Where the writer has published
//! meanwhile, and the log is gone, only what is new is copied, and the log is tried again. The
//! copy's manifest comes last: without it there is no database.

use super::frame::Body;
use super::publish::names_of;
use super::recover::new_place;
use super::settings::Environment;
use crate::catalog::lease::Lease;
use crate::catalog::manifest::Manifest;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::NewFile;
use crate::limits::FILE_BYTES_MAX;
use crate::snapshot::files::{day_name, users_name, wal_dir};
use crate::wal;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// How often it is tried again where the writer publishes faster than a log is copied.
const TRIES: usize = 100;

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Copies everything committed so far into a new folder, where it is a database of its own.
pub(crate) fn backup(env: &Environment, root: &Path, to: &Path) -> Result<Copied> {
    let fs = &*env.fs;
    Manifest::newest(fs, root)?;
    let _lock = new_place(fs, to)?;
    let mut copy = Copy { env, root, to, copied: BTreeMap::new() };
    let made = copy.make();
    if made.is_err() {
        // The manifest goes first, being first by name: what cannot be removed is no database.
        copy.copied.keys().for_each(|name| drop(fs.remove(&to.join(name))));
    }
    made?;
    Ok(Copied { files: copy.copied.len() as u64, bytes: copy.copied.values().sum() })
}

/// A copy in the making.
struct Copy<'a> {
    env: &'a Environment,
    root: &'a Path,
    to: &'a Path,
    /// By name within the folder, bytes; 0 for the manifest.
    copied: BTreeMap<String, u64>,
}

impl Copy<'_> {
    fn make(&mut self) -> Result<()> {
        let fs = &*self.env.fs;
        let mut tried = None;
        for _ in 0..TRIES {
            let manifest = Manifest::newest(fs, self.root)?;
            // Nobody has published, so nobody has removed what it names.
            if tried.replace(manifest.number) == Some(manifest.number) {
                let message = format!(
                    "MANIFEST.{} names a file that is not there: open {} to be told which",
                    manifest.number,
                    self.root.display()
                );
                return Err(Error::new(ErrorKind::Corruption, message));
            }
            let _lease = Lease::take(&self.env.fs, self.root, manifest.number, self.env.now())?;
            let Some(names) = self.all(&manifest)? else { continue };
            self.keep(&names);
            self.copied.insert(format!("MANIFEST.{}", manifest.number), 0);
            return manifest.publish(fs, self.to, &[]);
        }
        let message = format!(
            "{} is published faster than it can be copied: try again when less is written",
            self.root.display()
        );
        Err(Error::new(ErrorKind::Io, message))
    }

    /// Copies what the manifest names and the log after it; `None` where some of it has gone, since
    /// the writer has published. The names of all of it.
    fn all(&mut self, manifest: &Manifest) -> Result<Option<Vec<String>>> {
        let mut names: Vec<String> = names_of(manifest).collect();
        if !self.files(&names)? {
            return Ok(None);
        }
        let Some(logs) = self.logs(manifest)? else { return Ok(None) };
        let installed = self.installed(manifest)?;
        if !self.files(&installed)? {
            return Ok(None);
        }
        names.extend(logs.into_iter().chain(installed));
        Ok(Some(names))
    }

    /// Copies finished files, each once; false where one is gone.
    fn files(&mut self, names: &[String]) -> Result<bool> {
        let fs = &*self.env.fs;
        for name in names {
            if self.copied.contains_key(name) {
                continue;
            }
            let path = self.root.join(name);
            match fs.map(&path) {
                Ok(bytes) => self.write(name, &bytes)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(e) => return Err(Error::io("cannot read", &path, e)),
            }
        }
        Ok(true)
    }

    /// Copies the logs from the manifest's on, as far as they are written. A frame that is just
    /// being written is cut off by the open, like one that a crash cut off.
    fn logs(&mut self, manifest: &Manifest) -> Result<Option<Vec<String>>> {
        let (fs, dir) = (&*self.env.fs, wal_dir(self.root));
        wal::cut(fs, &wal_dir(self.to), u64::MAX)?;
        self.copied.retain(|name, _| !name.starts_with("wal/"));
        let numbers = wal::numbers(fs, &dir)?;
        let mut names = Vec::new();
        for number in numbers.into_iter().filter(|number| *number >= manifest.wal_from) {
            let path = dir.join(wal::name(number));
            let bytes = match fs.read(&path, FILE_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(Error::io("cannot read", &path, e)),
            };
            let name = format!("wal/{}", wal::name(number));
            self.write(&name, &bytes)?;
            names.push(name);
        }
        let first = format!("wal/{}", wal::name(manifest.wal_from));
        Ok((names.first() == Some(&first)).then_some(names))
    }

    /// Files that the copied log makes live: of an import whose manifest is not out yet.
    fn installed(&self, manifest: &Manifest) -> Result<Vec<String>> {
        let fs = &*self.env.fs;
        let (database, after) = (manifest.database, manifest.applied);
        let replay = wal::replay::<Body>(fs, &wal_dir(self.to), database, after)?;
        let mut names = Vec::new();
        for frame in replay.frames {
            if let Body::Install(record) = frame.body {
                names.extend(record.files.iter().map(|file| day_name(file.generation)));
                names.extend(record.users.iter().map(|file| users_name(file.generation)));
            }
        }
        Ok(names)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.to.join(name);
        // Before it is written: after a failure it may have its name all the same.
        self.copied.insert(name.to_string(), bytes.len() as u64);
        NewFile::write(&*self.env.fs, &path, |file| file.append(bytes))?;
        Ok(())
    }

    /// Removes what only an earlier manifest named.
    fn keep(&mut self, names: &[String]) {
        let fs = &*self.env.fs;
        self.copied.retain(|name, _| {
            let kept = names.contains(name);
            if !kept {
                // What cannot be removed now is removed by the copy's first writer.
                let _ = fs.remove(&self.to.join(name));
            }
            kept
        });
    }
}

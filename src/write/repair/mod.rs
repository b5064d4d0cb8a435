//! Repair: what is damaged is set aside, what is whole goes on.
//!
//! A repair examines the database (`examine`), copies every damaged file into a folder of its own
//! within `damaged/`, brings what is left of them into new files (`days`), and publishes all of it
//! as a flush does, with one manifest. Before that manifest the database is as it was, after it it
//! is repaired; what a crash leaves can be repaired again. Nothing is ever taken out of `damaged/`,
//! and nothing there is written over.

mod days;
mod examine;
mod rebuild;

use super::recover::lock;
use super::settings::Environment;
use super::state::State;
use crate::catalog::manifest::{Manifest, manifest_path};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::{Fs, NewFile};
use crate::limits::FILE_BYTES_MAX;
use crate::time::Day;
use days::DamagedFile;
use examine::examine;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The folder of what repairs set aside.
pub(crate) const DAMAGED_DIR: &str = "damaged";

/// Something that is damaged, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its name within the database's folder.
    pub(crate) file: String,
    pub(crate) message: String,
    pub(crate) remedy: String,
    /// Days that lose events.
    pub(crate) days: BTreeSet<Day>,
}

/// What was examined, and what of it a repair needs.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) findings: Vec<Finding>,
    /// Why it cannot be repaired.
    pub(crate) refusal: Option<String>,
    /// Names of files that are to be set aside.
    aside: BTreeSet<String>,
    ready: Option<Ready>,
}

/// A database as far as it is whole, not written yet.
#[derive(Debug)]
struct Ready {
    state: State,
    /// The newest MANIFEST on disk, damaged or not.
    newest: u64,
    damaged_manifests: Vec<u64>,
    days: Vec<DamagedFile>,
}

/// What a repair did.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    pub(crate) findings: Vec<Finding>,
    /// The folder, within the database's, with what was set aside.
    pub(crate) folder: Option<String>,
    pub(crate) aside: Vec<String>,
}

/// Looks at everything and changes nothing.
pub(crate) fn look(env: &Environment, root: &Path) -> Result<Examined> {
    examine(env, root)
}

/// Repairs a database that nobody writes to.
pub(crate) fn repair(env: &Environment, root: &Path) -> Result<Repaired> {
    let fs = &*env.fs;
    Manifest::each(fs, root)?; // before the lock: no file is made in a folder of somebody else's
    let lock = lock(fs, root)?;
    let Examined { findings, refusal, aside, ready } = examine(env, root)?;
    if findings.is_empty() {
        return Ok(Repaired::default());
    }
    let Some(ready) = ready else {
        let why = refusal.unwrap_or_default();
        let message = format!(
            "{} cannot be repaired: {why}. Nothing was changed; restore a backup",
            root.display()
        );
        return Err(Error::new(ErrorKind::Corruption, message));
    };
    let (folder, aside) = set_aside(fs, root, &aside)?;
    let Ready { mut state, newest, damaged_manifests, days } = ready;
    state.lock = Some(lock);
    for file in &days {
        state.replace_damaged(file)?;
    }
    state.draft.manifest.number = newest;
    state.unapplied = true;
    state.flush()?;
    for number in damaged_manifests {
        let path = manifest_path(root, number);
        fs.remove(&path).map_err(|e| Error::io("cannot remove", &path, e))?;
    }
    // Once more, so that no manifest names what was set aside, which then goes from its old place.
    state.publish_again()?;
    Ok(Repaired { findings, folder, aside })
}

/// Copies files into a new folder of `damaged/`, durably. Those that are not there are left out.
fn set_aside(
    fs: &dyn Fs,
    root: &Path,
    names: &BTreeSet<String>,
) -> Result<(Option<String>, Vec<String>)> {
    let mut present = Vec::new();
    for name in names {
        let path = root.join(name);
        if fs.len(&path).map_err(|e| Error::io("cannot look at", &path, e))?.is_some() {
            present.push(name.clone());
        }
    }
    if present.is_empty() {
        return Ok((None, present));
    }
    let folder = format!("{DAMAGED_DIR}/{}", next_number(fs, root)?);
    let dirs: BTreeSet<&Path> =
        present.iter().filter_map(|name| Path::new(name).parent()).collect();
    for dir in dirs {
        let dir = root.join(&folder).join(dir);
        fs.create_dir_all(&dir).map_err(|e| Error::io("cannot create", &dir, e))?;
        let above = dir.ancestors().take_while(|above| *above != root).chain([root]);
        for dir in above {
            fs.sync_dir(dir).map_err(|e| Error::io("cannot sync", dir, e))?;
        }
    }
    for name in &present {
        let path = root.join(name);
        let bytes =
            fs.read(&path, FILE_BYTES_MAX).map_err(|e| Error::io("cannot read", &path, e))?;
        NewFile::write(fs, &root.join(&folder).join(name), |file| file.append(&bytes))?;
    }
    Ok((Some(folder), present))
}

/// One more than the number of any folder that is there.
fn next_number(fs: &dyn Fs, root: &Path) -> Result<u64> {
    let dir = root.join(DAMAGED_DIR);
    let names = match fs.list(&dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(|e| Error::io("cannot list", &dir, e))?,
    };
    Ok(names.iter().filter_map(|name| name.parse().ok()).max().map_or(1, |last: u64| last + 1))
}

//! Publishing: a new manifest makes finished files the database, and frees those that it replaces.

use super::state::State;
use crate::catalog::lease;
use crate::catalog::manifest::{Manifest, WRITER, retire};
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::snapshot::Published;
use crate::snapshot::files::{
    catalog_name, day_name, first_name, ledger_name, summary_name, users_name, write_summary,
};
use crate::time::DaySpan;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

impl State {
    /// Publishes the draft, whose files are durable, and opens it. `spans`: of days in the memtable
    /// that stays. Readers of this process see it after `show`.
    pub(crate) fn publish(&mut self, spans: &[DaySpan]) -> Result<()> {
        let (fs, root) = (self.env.fs.clone(), self.root.clone());
        self.draft.tidy();
        if std::mem::take(&mut self.draft.summary_changed) {
            let number = self.take_number();
            let summary = write_summary(&*fs, &root, number, &self.draft.summary)?;
            self.draft.manifest.summary = summary;
        }
        self.keep_up_first()?;
        let now = self.env.now();
        let pinned = self.pinned()?;
        let manifest = &mut self.draft.manifest;
        manifest.number += 1;
        manifest.published = now;
        WRITER.clone_into(&mut manifest.written_by);
        manifest.next_generation = self.next_number;
        manifest.publish(&*fs, &root, &pinned)?;
        self.open_draft(spans)?;
        // Files that could not be removed are tried again at the next publication.
        let _ = sweep(&*fs, &root, &self.draft.manifest, &|number| self.reserved.contains(&number));
        self.pinned = pinned;
        Ok(())
    }

    /// Where people were erased or something was dropped, what a crash kept from being removed
    /// goes: of rows, ids and definitions that were replaced no file stays because the manifest
    /// before names it.
    pub(crate) fn remove_replaced(&mut self) -> Result<()> {
        let Manifest { days_from, rows_from, .. } = &self.draft.manifest;
        if self.catalog.erased.is_empty() && days_from.is_none() && rows_from.is_none() {
            return Ok(());
        }
        let fs = self.env.fs.clone();
        // Where an older manifest is damaged, nothing is removed that it might name.
        let Ok(older) = Manifest::all(&*fs, &self.root) else { return Ok(()) };
        let newest: HashSet<String> = names_of(&self.published.manifest).collect();
        let pinned = self.pinned()?;
        let is_replaced = |name: String| {
            let lasting = [".day", ".users"].iter().any(|suffix| name.ends_with(suffix));
            (lasting || name.starts_with("catalog.")) && !newest.contains(&name)
        };
        let free = older.iter().filter(|manifest| !pinned.contains(&manifest.number));
        if !free.flat_map(names_of).any(is_replaced) {
            return Ok(());
        }
        self.flush()?;
        self.publish_again()
    }

    /// Manifests that readers hold.
    fn pinned(&self) -> Result<Vec<u64>> {
        let max_age = i64::try_from(self.options.reader_max_age.as_micros()).unwrap_or(i64::MAX);
        lease::pinned(&*self.env.fs, &self.root, self.env.now(), max_age)
    }

    /// Removes what was kept for readers that have let go since, or held on for too long.
    pub(crate) fn sweep_after_readers(&mut self) -> Result<()> {
        if self.pinned.is_empty() || self.alive().is_err() {
            return Ok(());
        }
        let pinned = self.pinned()?;
        if pinned != self.pinned {
            let (fs, root) = (&*self.env.fs, &self.root);
            retire(fs, root, &pinned)?;
            sweep(fs, root, &self.published.manifest, &|number| self.reserved.contains(&number))?;
            self.pinned = pinned;
        }
        Ok(())
    }

    /// Opens what the draft names.
    pub(crate) fn open_draft(&mut self, spans: &[DaySpan]) -> Result<()> {
        let manifest = Arc::new(self.covered_manifest());
        self.published = Arc::new(Published::open(
            &*self.env.fs,
            &self.root,
            &mut self.open,
            manifest,
            self.catalog.clone(),
            &self.draft.summary,
            spans,
        )?);
        self.users.sealed = self.published.sealed.clone();
        Ok(())
    }

    /// Spans of the days in the memtable.
    pub(crate) fn fresh_spans(&self) -> Vec<DaySpan> {
        let days = self.memtable.runs.iter().flat_map(|run| run.days.values());
        days.map(|day| day.span).collect()
    }
}

/// Removes the files of the database's folders that neither this manifest nor another one on disk
/// names. Files that are not daybit's are left alone.
pub(crate) fn sweep(
    fs: &dyn Fs,
    root: &Path,
    manifest: &Manifest,
    reserved: &dyn Fn(u64) -> bool,
) -> Result<()> {
    let mut keep: HashSet<String> = names_of(manifest).collect();
    for kept in Manifest::all(fs, root)? {
        keep.extend(names_of(&kept));
    }
    for (dir, suffixes) in [
        ("days", &[".day", ".summary"][..]),
        ("first", &[".first"]),
        ("users", &[".users"]),
        ("ledger", &[".ledger"]),
    ] {
        for name in list(fs, &root.join(dir))? {
            let number = suffixes.iter().find_map(|s| name.strip_suffix(s)?.parse().ok());
            let path = format!("{dir}/{name}");
            if number.is_some_and(|number| !reserved(number)) && !keep.contains(&path) {
                remove(fs, &root.join(path))?;
            }
        }
    }
    for name in list(fs, root)? {
        let number = name.strip_prefix("catalog.").and_then(|n| n.parse::<u64>().ok());
        if number.is_some() && !keep.contains(&name) {
            remove(fs, &root.join(name))?;
        }
    }
    Ok(())
}

/// Removes what a crash left half-written: only for who holds the lock, before anything is written.
pub(crate) fn sweep_unfinished(fs: &dyn Fs, root: &Path) -> Result<()> {
    for dir in ["", "days", "first", "users", "ledger", "wal"].map(|dir| root.join(dir)) {
        for name in list(fs, &dir)?.into_iter().filter(|name| name.ends_with(".tmp")) {
            remove(fs, &dir.join(name))?;
        }
    }
    sweep_spill(fs, root)
}

/// Removes the working files of an import.
pub(crate) fn sweep_spill(fs: &dyn Fs, root: &Path) -> Result<()> {
    let dir = root.join(super::SPILL_DIR);
    for name in list(fs, &dir)? {
        remove(fs, &dir.join(name))?;
    }
    Ok(())
}

pub(crate) fn names_of(manifest: &Manifest) -> impl Iterator<Item = String> + '_ {
    let days = manifest.days.iter().map(|entry| day_name(entry.generation));
    let users = manifest.users.iter().map(|entry| users_name(entry.generation));
    let ledgers = manifest.ledgers.iter().map(|file| ledger_name(file.number));
    let first = manifest.first.iter().flatten().chain(&manifest.history);
    let first = first.map(|entry| first_name(entry.generation));
    let own = [summary_name(manifest.summary.number), catalog_name(manifest.catalog.number)];
    days.chain(users).chain(ledgers).chain(first).chain(own)
}

fn list(fs: &dyn Fs, dir: &Path) -> Result<Vec<String>> {
    match fs.list(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|e| Error::io("cannot list", dir, e)),
    }
}

fn remove(fs: &dyn Fs, path: &Path) -> Result<()> {
    fs.remove(path).map_err(|e| Error::io("cannot remove", path, e))
}

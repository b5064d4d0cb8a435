//! Reads everything, also where a database does not open: what is damaged, and what is whole.

use super::days::damaged_files;
use super::rebuild::base;
use super::{Examined, Finding, Ready};
use crate::catalog::Catalog;
use crate::catalog::manifest::{FirstFileEntry, Manifest, NumberedFile};
use crate::day::file::DayFile;
use crate::day::summary::Summary;
use crate::error::{Error, ErrorKind, Result};
use crate::first::FirstIndex;
use crate::fs::Fs;
use crate::snapshot::files::{
    catalog_name, commit_order, day_name, first_name, ledger_name, map, open_first, read_catalog,
    read_summary, summary_name, users_name, wal_dir,
};
use crate::time::{Day, Zone, date_of, instant_of};
use crate::users::UsersFile;
use crate::wal::{self, Replay, Salvaged};
use crate::write::first::check_first;
use crate::write::flush::open_ledger;
use crate::write::frame::Body;
use crate::write::recover::published_state;
use crate::write::settings::{Environment, Options};
use crate::write::state::State;
use std::collections::BTreeSet;
use std::path::Path;

/// Examines a database. `NotFound` where there is none, `NewerFormat` for one of a newer version.
pub(super) fn examine(env: &Environment, root: &Path) -> Result<Examined> {
    // Examining writes nothing: the writer's index on the machine is left alone.
    let env = Environment { on_machine: false, ..env.clone() };
    let all = Manifest::each(&*env.fs, root)?;
    let mut examiner = Examiner { env: &env, root, found: Examined::new() };
    examiner.examine(all)?;
    Ok(examiner.found)
}

struct Examiner<'e> {
    env: &'e Environment,
    root: &'e Path,
    found: Examined,
}

impl Examined {
    fn new() -> Examined {
        Examined { findings: Vec::new(), refusal: None, aside: BTreeSet::new(), ready: None }
    }

    fn find(&mut self, file: &str, message: &str, remedy: impl Into<String>) {
        self.aside.insert(file.to_owned());
        self.tell(file, message, remedy, BTreeSet::new());
    }

    fn tell(&mut self, file: &str, message: &str, remedy: impl Into<String>, days: BTreeSet<Day>) {
        let (file, message, remedy) = (file.to_owned(), message.to_owned(), remedy.into());
        self.findings.push(Finding { file, message, remedy, days });
    }

    /// Damage that stands in the way of a repair.
    fn refuse(&mut self, file: &str, message: &str, why: &str) {
        self.tell(file, message, format!("no repair: {why}"), BTreeSet::new());
        self.refusal.get_or_insert_with(|| format!("{message}; {why}"));
    }
}

impl Examiner<'_> {
    fn fs(&self) -> &dyn Fs {
        &*self.env.fs
    }

    fn examine(&mut self, all: Vec<(u64, Result<Manifest>)>) -> Result<()> {
        let newest = all.last().map_or(0, |(number, _)| *number);
        let damaged: Vec<u64> =
            all.iter().filter(|(_, read)| read.is_err()).map(|(number, _)| *number).collect();
        let Some(mut manifest) = self.manifest(newest, all)? else { return Ok(()) };
        let replay = self.log(&manifest)?;
        let catalog = self.catalog(&manifest, &replay)?;
        let users = self.users(&manifest)?;
        let summary = self.summary(&manifest)?;
        self.ledgers(&mut manifest)?;
        self.index(&mut manifest)?;
        let history = self.history(&manifest)?;
        let (true, true, Some(summary)) = (users, history, summary) else { return Ok(()) };
        let (catalog, changed) = catalog;
        let anew = self.found.aside.contains(&summary_name(manifest.summary.number));
        let state = self.state((manifest, summary, catalog), replay)?;
        let Some(mut state) = state else { return Ok(()) };
        state.catalog_changed |= changed;
        state.draft.summary_changed |= anew;
        let days = self.days(&mut state)?;
        let ready = Ready { state, newest, damaged_manifests: damaged, days };
        self.found.ready = Some(ready).filter(|_| self.found.refusal.is_none());
        Ok(())
    }

    fn manifest(
        &mut self,
        newest: u64,
        all: Vec<(u64, Result<Manifest>)>,
    ) -> Result<Option<Manifest>> {
        let (mut whole, mut broken) = (None, None);
        for (number, read) in all {
            let name = format!("MANIFEST.{number}");
            match read {
                Ok(manifest) => whole = Some(manifest),
                Err(e) if number == newest => broken = Some((name, e)),
                Err(e) => self.found.find(&name, &e.to_string(), "nothing is lost with it"),
            }
        }
        let Some((name, error)) = broken else { return Ok(whole) };
        let error = error.to_string();
        match base(self.fs(), self.root, newest, whole, self.env.now()) {
            Ok(base) => {
                self.found.find(&name, &error, base.how);
                Ok(Some(base.manifest))
            }
            Err(e) if e.kind() == ErrorKind::Corruption => {
                self.found.refuse(&name, &error, &e.to_string());
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn log(&mut self, manifest: &Manifest) -> Result<Replay<Body>> {
        let dir = wal_dir(self.root);
        let Salvaged { replay, damage } =
            wal::salvage::<Body>(self.fs(), &dir, manifest.database, manifest.applied)?;
        if let Some(damage) = damage {
            let remedy = format!(
                "commits up to number {} are kept; {} bytes after it are set aside, with every \
                 commit in them",
                replay.last, damage.bytes
            );
            let names = damage.logs.iter().map(|number| format!("wal/{}", wal::name(*number)));
            let names: Vec<String> = names.collect();
            let first = names.first().cloned().unwrap_or_default();
            self.found.tell(&first, &damage.error.to_string(), remedy, BTreeSet::new());
            self.found.aside.extend(names);
        } else if !replay.logs.contains(&manifest.wal_from) {
            let name = format!("wal/{}", wal::name(manifest.wal_from));
            let message = format!("{name} is damaged at byte 0 (whole file): it is not there");
            let remedy = format!("commits after number {} that were in it are lost", replay.last);
            self.found.tell(&name, &message, remedy, BTreeSet::new());
        } else if replay.headless == Some(manifest.wal_from) {
            let name = format!("wal/{}", wal::name(manifest.wal_from));
            let message = format!("{name} is damaged at byte 0 (header): it is cut short");
            let remedy = format!("commits after number {} that were in it are lost", replay.last);
            self.found.tell(&name, &message, remedy, BTreeSet::new());
            self.found.aside.insert(name);
        }
        Ok(replay)
    }

    /// The catalog, and whether it is another than the one that the manifest names.
    fn catalog(&mut self, manifest: &Manifest, replay: &Replay<Body>) -> Result<(Catalog, bool)> {
        let name = catalog_name(manifest.catalog.number);
        let Some(error) = self.damage(read_catalog(self.fs(), self.root, manifest.catalog))? else {
            let catalog = read_catalog(self.fs(), self.root, manifest.catalog)?;
            return Ok((catalog, false));
        };
        let logged = replay.frames.iter().find_map(|frame| match &frame.body {
            Body::Catalog(record) => Some(record.catalog.clone()),
            _ => None,
        });
        if let Some(catalog) = logged {
            self.found.find(&name, &error, "the log holds a later one: nothing is lost");
            return Ok((catalog, true));
        }
        let older = Manifest::all(self.fs(), self.root).unwrap_or_default();
        let older = older.iter().rev().filter(|older| older.catalog != manifest.catalog);
        for other in older {
            if let Ok(catalog) = read_catalog(self.fs(), self.root, other.catalog) {
                let remedy = format!(
                    "{} takes its place: cohorts saved or dropped, and people erased, after {} are \
                     not known any more; save and erase them again",
                    catalog_name(other.catalog.number),
                    instant_of(other.published).to_rfc3339()
                );
                self.found.find(&name, &error, remedy);
                return Ok((catalog, true));
            }
        }
        let key = u128::from_le_bytes(manifest.hash_key);
        let rules = Zone::rules_version();
        let made = Catalog::new(&manifest.time_zone, rules, key, manifest.published);
        let remedy = "one without saved cohorts takes its place, which does not know who was erased: \
                      save cohorts again, and erase those people again before anything of theirs \
                      is sent";
        self.found.find(&name, &error, remedy);
        Ok((made, true))
    }

    fn users(&mut self, manifest: &Manifest) -> Result<bool> {
        let mut whole = true;
        for entry in &manifest.users {
            let name = users_name(entry.generation);
            let verified = map(self.fs(), self.root, &name, Some(entry.length))
                .and_then(|bytes| UsersFile::open(&name, bytes, manifest.database, entry))
                .and_then(|file| file.verify());
            if let Some(error) = self.damage(verified)? {
                let why = format!(
                    "the ids of users {} to {} are nowhere else",
                    entry.first_ordinal,
                    entry.first_ordinal.saturating_add(entry.count.saturating_sub(1))
                );
                self.found.refuse(&name, &error, &why);
                whole = false;
            }
        }
        Ok(whole)
    }

    fn summary(&mut self, manifest: &Manifest) -> Result<Option<Summary>> {
        let read = read_summary(self.fs(), self.root, manifest.summary);
        match read {
            Ok(summary) => Ok(Some(summary)),
            Err(e) => {
                let Some(error) = self.damage::<()>(Err(e))? else { return Ok(None) };
                let name = summary_name(manifest.summary.number);
                match self.summary_of_files(manifest) {
                    Ok(summary) => {
                        let remedy = "it is made anew from the day files: nothing is lost";
                        self.found.find(&name, &error, remedy);
                        Ok(Some(summary))
                    }
                    Err(e) => {
                        let why =
                            format!("a day file is damaged as well ({e}); days were not read");
                        self.found.refuse(&name, &error, &why);
                        Ok(None)
                    }
                }
            }
        }
    }

    /// The sections of all day files but those that the manifest says are dead.
    fn summary_of_files(&self, manifest: &Manifest) -> Result<Summary> {
        let dead: BTreeSet<(u64, u64)> = manifest.dead.iter().copied().collect();
        let mut sections = Vec::new();
        for entry in &manifest.days {
            let name = day_name(entry.generation);
            let bytes = map(self.fs(), self.root, &name, Some(entry.length))?;
            let file =
                DayFile::open(&name, bytes, manifest.database, entry.generation, entry.checksum)?;
            let places = file.places().iter();
            let live = places.filter(|place| !dead.contains(&(place.file, place.offset)));
            sections.extend(live.cloned());
        }
        sections.sort_by_key(commit_order);
        Ok(Summary { sections })
    }

    /// First days of days that were dropped: nothing else tells them.
    fn history(&mut self, manifest: &Manifest) -> Result<bool> {
        let mut whole = true;
        for entry in &manifest.history {
            let read = self.read_first(manifest, entry);
            if let Some(error) = self.damage(read)? {
                let why = "who was first seen on days that were dropped is said nowhere else";
                self.found.refuse(&first_name(entry.generation), &error, why);
                whole = false;
            }
        }
        Ok(whole)
    }

    fn read_first(&self, manifest: &Manifest, entry: &FirstFileEntry) -> Result<()> {
        let file = open_first(self.fs(), self.root, manifest.database, entry)?;
        let chunks = manifest.users_count().div_ceil(65_536);
        FirstIndex::new(vec![file.into()]).read_all(chunks)
    }

    fn ledgers(&mut self, manifest: &mut Manifest) -> Result<()> {
        let mut kept: Vec<NumberedFile> = Vec::new();
        for file in std::mem::take(&mut manifest.ledgers) {
            let opened = open_ledger(self.fs(), self.root, manifest.database, file);
            match self.damage(opened)? {
                None => kept.push(file),
                Some(error) => {
                    let remedy = "batches and imports whose ids were in it are not known any more: \
                                  sent again, they would be applied again";
                    self.found.find(&ledger_name(file.number), &error, remedy);
                }
            }
        }
        manifest.ledgers = kept;
        Ok(())
    }

    /// A damaged index is dropped; publishing makes it anew.
    fn index(&mut self, manifest: &mut Manifest) -> Result<()> {
        let mut damaged = false;
        for entry in manifest.first.iter().flatten() {
            let read = self.read_first(manifest, entry);
            if let Some(error) = self.damage(read)? {
                let remedy = "it is made anew from the days: nothing is lost";
                self.found.find(&first_name(entry.generation), &error, remedy);
                damaged = true;
            }
        }
        if damaged {
            manifest.first = None;
        }
        Ok(())
    }

    /// The state as an open would have it; `None` where the log does not fit to it.
    fn state(
        &mut self,
        published: (Manifest, Summary, Catalog),
        mut replay: Replay<Body>,
    ) -> Result<Option<State>> {
        let frames = std::mem::take(&mut replay.frames);
        let mut state = published_state(self.env, self.root, &Options::new(), published, &replay)?;
        for frame in frames {
            let replayed = state.replay(frame);
            if let Some(error) = self.damage(replayed)? {
                self.found.refuse("wal", &error, "the log does not fit to the files");
                return Ok(None);
            }
        }
        state.sequence = replay.last;
        let spans = state.fresh_spans();
        let opened = state.open_draft(&spans);
        if let Some(error) = self.damage(opened)? {
            self.found.refuse("wal", &error, "a file that the log names is not whole");
            return Ok(None);
        }
        Ok(Some(state))
    }

    fn days(&mut self, state: &mut State) -> Result<Vec<super::DamagedFile>> {
        let published = state.published.clone();
        let files = damaged_files(self.fs(), self.root, state.database(), &published.days)?;
        for file in &files {
            let named: Vec<String> =
                file.days().iter().map(|day| date_of(*day).to_string()).collect();
            let remedy = match (named.is_empty(), file.kept()) {
                (true, _) => {
                    "its sections are whole and move to a new file: nothing is lost".into()
                }
                (false, 0) => format!("its events of {} are lost", named.join(", ")),
                (false, kept) => format!(
                    "its events of {} are lost; {kept} sections are whole and move to a new file",
                    named.join(", ")
                ),
            };
            self.found.aside.insert(file.name());
            self.found.tell(&file.name(), &file.message, remedy, file.days());
        }
        if files.is_empty() && self.found.findings.is_empty() {
            self.compare_index(state)?;
        }
        Ok(files)
    }

    /// An index whose files are whole may still say something else than the days.
    fn compare_index(&mut self, state: &mut State) -> Result<()> {
        let Some(index) = state.published.first.clone() else { return Ok(()) };
        let view = crate::write::view::View::of(state.published.clone());
        if let Some(what) = check_first(&view.snapshot().inner, &index)? {
            let remedy = "it is made anew from the days: nothing is lost";
            self.found.tell("first", &what, remedy, BTreeSet::new());
            state.draft.manifest.first = None;
        }
        Ok(())
    }

    /// What is damaged, or missing; other failures go on.
    fn damage<T>(&self, read: Result<T>) -> Result<Option<String>> {
        match read {
            Ok(_) => Ok(None),
            Err(e) if is_damage(&e) => Ok(Some(e.to_string())),
            Err(e) => Err(e),
        }
    }
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corruption | ErrorKind::NotFound)
}

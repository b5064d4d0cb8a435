//! What is left of damaged day files: their whole sections.

use crate::day::build::BuiltSection;
use crate::day::file::DayFile;
use crate::day::section::Section;
use crate::day::summary::SectionPlace;
use crate::error::{ErrorKind, Result};
use crate::fs::{Bytes, Fs};
use crate::snapshot::files::{day_name, map};
use crate::snapshot::{SnapshotSection, StoredDay};
use crate::time::{Day, DaySpan};
use crate::write::flush::finish;
use crate::write::sections;
use crate::write::state::State;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;

/// A day file of which something cannot be read.
#[derive(Debug)]
pub(super) struct DamagedFile {
    pub(super) generation: u64,
    /// The first thing that is wrong with it.
    pub(super) message: String,
    /// Live sections that cannot be read.
    pub(super) lost: Vec<SectionPlace>,
    /// Live sections that can, with their bytes.
    kept: Vec<(SectionPlace, Vec<u8>)>,
}

impl DamagedFile {
    pub(super) fn name(&self) -> String {
        day_name(self.generation)
    }

    pub(super) fn days(&self) -> BTreeSet<Day> {
        self.lost.iter().map(|place| place.totals.day).collect()
    }

    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }
}

/// Reads all live sections: the files of those that are damaged, and how many sections and files
/// there are.
pub(super) fn damaged_files(
    fs: &dyn Fs,
    root: &Path,
    database: u128,
    days: &[StoredDay],
) -> Result<Vec<DamagedFile>> {
    let mut files: BTreeMap<u64, Vec<&Arc<SnapshotSection>>> = BTreeMap::new();
    for section in days.iter().flat_map(|day| &*day.sections) {
        files.entry(section.place.file).or_default().push(section);
    }
    let mut damaged = Vec::new();
    for (generation, mut sections) in files {
        sections.sort_by_key(|section| section.place.offset);
        let mut file =
            DamagedFile { generation, message: String::new(), lost: Vec::new(), kept: Vec::new() };
        let mut whole = Vec::new();
        for section in sections {
            match section.section.verify() {
                Ok(()) => whole.push(section),
                Err(e) if e.kind() == ErrorKind::Corruption => {
                    if file.lost.is_empty() {
                        file.message = e.to_string();
                    }
                    file.lost.push(section.place.clone());
                }
                Err(e) => return Err(e),
            }
        }
        if file.lost.is_empty() {
            continue;
        }
        for section in whole {
            let bytes = section.file.section_bytes(&section.place)?.to_vec();
            file.kept.push((section.place.clone(), bytes));
        }
        salvage(fs, root, database, &mut file);
        damaged.push(file);
    }
    Ok(damaged)
}

/// Where only what is around the sections is damaged, they are found by what the summary says of
/// them, if they are what it says.
fn salvage(fs: &dyn Fs, root: &Path, database: u128, file: &mut DamagedFile) {
    let Ok(bytes) = map(fs, root, &file.name(), None) else { return };
    if DayFile::is_another(&bytes, database, file.generation) {
        return;
    }
    let lost = std::mem::take(&mut file.lost);
    for place in lost {
        match section_at(&bytes, &place) {
            Some(section) => file.kept.push((place, section)),
            None => file.lost.push(place),
        }
    }
    file.kept.sort_by_key(|(place, _)| place.offset);
}

fn section_at(bytes: &Bytes, place: &SectionPlace) -> Option<Vec<u8>> {
    let totals = &place.totals;
    let start = usize::try_from(place.offset).ok()?;
    let range = start..start.checked_add(usize::try_from(place.length).ok()?)?;
    let content = bytes.get(range.clone())?.to_vec();
    let span = DaySpan { day: totals.day, start: totals.start, end: totals.end };
    let section = Section::new("".into(), bytes.clone(), range, span);
    section.verify().ok()?;
    if section.is_thin().ok()? {
        return Some(content);
    }
    let built = sections::build(span, &section.rows().ok()?).ok()?;
    matches!(&built[..], [one] if one.totals == *totals).then_some(content)
}

impl State {
    /// Puts what is left of a damaged file in its place.
    pub(super) fn replace_damaged(&mut self, file: &DamagedFile) -> Result<()> {
        let kept = file.kept.iter().map(|(place, _)| place);
        let key = |place: &SectionPlace| (place.file, place.offset);
        let gone: HashSet<(u64, u64)> = kept.clone().chain(&file.lost).map(key).collect();
        for place in &file.lost {
            self.draft.unindexed.remove(place.totals.day);
        }
        self.draft.unindexed.moved(&gone);
        self.draft.remove(&gone);
        if file.kept.is_empty() {
            return Ok(());
        }
        let first = kept.clone().map(|place| place.sequence_first).min().unwrap_or(0);
        let last = kept.map(|place| place.sequence_last).max().unwrap_or(0);
        let (mut writer, generation) = self.day_file(first, last, vec![file.generation])?;
        for (place, bytes) in &file.kept {
            let section = BuiltSection { bytes: bytes.clone(), totals: place.totals.clone() };
            writer.add(&section, place.sequence_first, place.sequence_last)?;
        }
        let finished = finish(&*self.env.fs, &self.root, writer)?;
        self.draft.add_file(generation, finished);
        Ok(())
    }
}

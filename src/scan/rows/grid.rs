//! The blocks of rows of each day: which activities lie in which source, in the order of events.

use super::block::BlockRows;
use super::codes::TablesOf;
use super::needs::{Needs, unknown};
use crate::day::everyone::Everyone;
use crate::day::lazy::once;
use crate::day::section::Section;
use crate::error::Result;
use crate::memtable::RunDay;
use crate::snapshot::{SnapshotDay, Source};
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::OnceLock;

/// A snapshot's rows, and what the jobs of a scan want to know of them.
pub(in crate::scan) struct RowGrid<'a> {
    days: &'a [SnapshotDay],
    pub(in crate::scan) needs: Needs,
    ranks: HashMap<&'a str, usize>,
    /// Per filter: by the activity's rank, whether its name is wanted.
    wanted: Vec<Vec<bool>>,
    /// The blocks of each day, looked up at first use.
    entries: Vec<OnceLock<Entries<'a>>>,
}

/// What a day is made of.
#[derive(Default)]
struct Entries<'a> {
    activities: Vec<Entry<'a>>,
    sections: Vec<&'a Section>,
    /// By the section's place.
    tables: Vec<TablesOf>,
}

/// One activity in one source of a day.
struct Entry<'a> {
    activity: usize,
    source: EntrySource<'a>,
}

enum EntrySource<'a> {
    /// The section's place among those of the day, and the activity's code there.
    Section(usize, u16),
    Run(&'a RunDay, &'a [u8]),
}

/// Everyone of a chunk in one section, and as a block.
pub(super) struct Shared<'a> {
    everyone: Rc<Everyone<'a>>,
    rows: OnceCell<BlockRows<'a>>,
}

impl<'a> Shared<'a> {
    /// Whether all there is to know of the properties is told of everyone.
    pub(super) fn tells(&self, properties: &[usize], needs: &Needs) -> Result<bool> {
        for property in properties {
            if !self.everyone.tells(needs.property_name(*property)?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Low 16 bits, ascending.
    pub(super) fn users(&self) -> Result<&[u16]> {
        self.everyone.users()
    }

    /// For each of the users the code of a text; `None` where codes do not tell.
    pub(super) fn codes(&self, property: &str) -> Result<Option<Rc<Vec<u8>>>> {
        self.everyone.codes(property)
    }

    /// A row for each user.
    pub(super) fn rows(&self, needs: &Needs) -> Result<&BlockRows<'a>> {
        once(&self.rows, || Ok(BlockRows::new(usize::MAX, self.everyone.block()?, None, needs)))
    }
}

impl<'a> RowGrid<'a> {
    /// `names`: of all activities, sorted by bytes.
    pub(in crate::scan) fn new(
        days: &'a [SnapshotDay],
        names: &'a [String],
        needs: Needs,
    ) -> Result<RowGrid<'a>> {
        let ranks = names.iter().enumerate().map(|(rank, name)| (name.as_str(), rank)).collect();
        let wanted = (0..needs.filters()).map(|filter| {
            let filter = needs.filter_of(filter)?;
            Ok(names.iter().map(|name| filter.wants(name)).collect())
        });
        Ok(RowGrid {
            days,
            ranks,
            wanted: wanted.collect::<Result<_>>()?,
            entries: days.iter().map(|_| OnceLock::new()).collect(),
            needs,
        })
    }

    pub(super) fn wants(&self, filter: usize, activity: usize) -> bool {
        self.wanted.get(filter).and_then(|wanted| wanted.get(activity)).copied().unwrap_or(false)
    }

    /// The day's rows in the chunk (`None`: without a user); nothing is read yet.
    pub(in crate::scan) fn day<'g>(
        &'g self,
        place: usize,
        chunk: Option<u32>,
        reads: &'g Cell<u64>,
    ) -> Result<DayBlocks<'g, 'a>> {
        let entries = self.entries.get(place).ok_or_else(unknown)?;
        let entries = match entries.get() {
            Some(entries) => entries,
            None => {
                let found = self.look_up(self.days.get(place).ok_or_else(unknown)?)?;
                entries.get_or_init(|| found)
            }
        };
        let blocks = entries.activities.iter().map(|_| OnceCell::new()).collect();
        let shared = entries.sections.iter().map(|_| OnceCell::new()).collect();
        Ok(DayBlocks { grid: self, entries, blocks, shared, chunk, reads })
    }

    /// By the activity's name, then in commit order: the order of events at one instant.
    fn look_up(&self, day: &'a SnapshotDay) -> Result<Entries<'a>> {
        let (mut activities, mut sections) = (Vec::new(), Vec::new());
        for source in day.sources() {
            match source {
                Source::Section(section) => {
                    for (name, code) in section.activity_names()?.iter().zip(0u16..) {
                        let source = EntrySource::Section(sections.len(), code);
                        activities.extend(self.entry(name, source));
                    }
                    sections.push(section);
                }
                Source::Run(run) => {
                    for name in run.activities() {
                        let text = std::str::from_utf8(name).unwrap_or_default();
                        activities.extend(self.entry(text, EntrySource::Run(run, name)));
                    }
                }
            }
        }
        activities.sort_by_key(|entry| entry.activity);
        let tables = sections.iter().map(|_| TablesOf::default()).collect();
        Ok(Entries { activities, sections, tables })
    }

    fn entry(&self, name: &str, source: EntrySource<'a>) -> Option<Entry<'a>> {
        self.ranks.get(name).map(|&activity| Entry { activity, source })
    }
}

/// The rows of one day in one chunk.
pub(in crate::scan) struct DayBlocks<'g, 'a> {
    pub(super) grid: &'g RowGrid<'a>,
    entries: &'g Entries<'a>,
    blocks: Vec<OnceCell<Option<BlockRows<'a>>>>,
    /// By the section's place.
    shared: Vec<OnceCell<Option<Shared<'a>>>>,
    chunk: Option<u32>,
    pub(super) reads: &'g Cell<u64>,
}

impl<'a> DayBlocks<'_, 'a> {
    /// Calls `visit` with every block whose activity one of the filters wants, in order, but those
    /// of the sections that are answered.
    pub(super) fn each(
        &self,
        filters: &[usize],
        answered: &[bool],
        visit: &mut dyn FnMut(&BlockRows<'a>) -> Result<()>,
    ) -> Result<()> {
        for (at, entry) in self.entries.activities.iter().enumerate() {
            let answered = match entry.source {
                EntrySource::Section(place, _) => answered.get(place).copied().unwrap_or(false),
                EntrySource::Run(..) => false,
            };
            let wanted = || filters.iter().any(|&filter| self.grid.wants(filter, entry.activity));
            if let Some(block) = if !answered && wanted() { self.block(at, entry)? } else { None } {
                visit(block)?;
            }
        }
        Ok(())
    }

    /// Rows of the activities that one of the filters wants: what a gathering may come to.
    pub(in crate::scan) fn rows(&self, filters: &[usize]) -> Result<usize> {
        let mut rows = 0;
        for entry in &self.entries.activities {
            if filters.iter().any(|&filter| self.grid.wants(filter, entry.activity)) {
                rows += match entry.source {
                    EntrySource::Section(place, code) => {
                        let section = self.entries.sections.get(place).ok_or_else(unknown)?;
                        self.chunk.map_or(Ok(0), |chunk| section.rows_about(code, chunk))?
                    }
                    EntrySource::Run(run, name) => run.rows_in(name, self.chunk),
                };
            }
        }
        Ok(rows)
    }

    fn block(&self, at: usize, entry: &Entry<'a>) -> Result<Option<&BlockRows<'a>>> {
        let cell = self.blocks.get(at).ok_or_else(unknown)?;
        let block = once(cell, || {
            let (block, section) = match entry.source {
                EntrySource::Section(place, code) => {
                    let section = *self.entries.sections.get(place).ok_or_else(unknown)?;
                    let everyone = self.shared(place)?.map(|shared| &shared.everyone);
                    (section.block(code, self.chunk, everyone)?, Some((section, code)))
                }
                EntrySource::Run(run, name) => (run.block(name, self.chunk), None),
            };
            let rows = |block| BlockRows::new(entry.activity, block, section, &self.grid.needs);
            Ok(block.map(rows))
        });
        Ok(block?.as_ref())
    }

    /// A section of the day, and what was worked out of its texts.
    pub(super) fn section(&self, place: usize) -> Result<(&Section, &TablesOf)> {
        let section = self.entries.sections.get(place).copied();
        section.zip(self.entries.tables.get(place)).ok_or_else(unknown)
    }

    /// Sections of the day.
    pub(super) fn sections(&self) -> usize {
        self.entries.sections.len()
    }

    /// What all rows of each user agree on in a section.
    pub(super) fn shared(&self, place: usize) -> Result<Option<&Shared<'a>>> {
        let cell = self.shared.get(place).ok_or_else(unknown)?;
        let shared = once(cell, || {
            let section = self.entries.sections.get(place).ok_or_else(unknown)?;
            let everyone = self.chunk.map_or(Ok(None), |chunk| section.everyone(chunk))?;
            Ok(everyone.map(|everyone| Shared { everyone, rows: OnceCell::new() }))
        });
        Ok(shared?.as_ref())
    }

    pub(super) fn chunk(&self) -> Option<u32> {
        self.chunk
    }
}

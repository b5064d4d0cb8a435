//! The blocks of rows of each day: which activities lie in which source, in the order of events.

use super::block::BlockRows;
use super::needs::{Needs, unknown};
use crate::day::section::Section;
use crate::error::Result;
use crate::memtable::RunDay;
use crate::snapshot::{SnapshotDay, Source};
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A snapshot's rows, and what the jobs of a scan want to know of them.
pub(in crate::scan) struct RowGrid<'a> {
    days: &'a [SnapshotDay],
    pub(in crate::scan) needs: Needs,
    ranks: HashMap<&'a str, usize>,
    /// Per filter: by the activity's rank, whether its name is wanted.
    wanted: Vec<Vec<bool>>,
    /// The blocks of each day, looked up at first use.
    entries: Vec<OnceLock<Vec<Entry<'a>>>>,
}

/// One activity in one source of a day.
struct Entry<'a> {
    activity: usize,
    source: EntrySource<'a>,
}

enum EntrySource<'a> {
    Section(&'a Section, u16),
    Run(&'a RunDay, &'a [u8]),
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
        let blocks = entries.iter().map(|_| OnceCell::new()).collect();
        Ok(DayBlocks { grid: self, entries, blocks, chunk, reads })
    }

    /// By the activity's name, then in commit order: the order of events at one instant.
    fn look_up(&self, day: &'a SnapshotDay) -> Result<Vec<Entry<'a>>> {
        let mut entries = Vec::new();
        for source in day.sources() {
            match source {
                Source::Section(section) => {
                    for (name, code) in section.activity_names()?.iter().zip(0u16..) {
                        let source = EntrySource::Section(section, code);
                        entries.extend(self.entry(name, source));
                    }
                }
                Source::Run(run) => {
                    for name in run.activities() {
                        let text = std::str::from_utf8(name).unwrap_or_default();
                        entries.extend(self.entry(text, EntrySource::Run(run, name)));
                    }
                }
            }
        }
        entries.sort_by_key(|entry| entry.activity);
        Ok(entries)
    }

    fn entry(&self, name: &str, source: EntrySource<'a>) -> Option<Entry<'a>> {
        self.ranks.get(name).map(|&activity| Entry { activity, source })
    }
}

/// The rows of one day in one chunk.
pub(in crate::scan) struct DayBlocks<'g, 'a> {
    pub(super) grid: &'g RowGrid<'a>,
    entries: &'g [Entry<'a>],
    blocks: Vec<OnceCell<Option<BlockRows<'a>>>>,
    chunk: Option<u32>,
    pub(super) reads: &'g Cell<u64>,
}

impl<'a> DayBlocks<'_, 'a> {
    /// Calls `visit` with every block whose activity one of the filters wants, in order.
    pub(super) fn each(
        &self,
        filters: &[usize],
        visit: &mut dyn FnMut(&BlockRows<'a>) -> Result<()>,
    ) -> Result<()> {
        for (at, entry) in self.entries.iter().enumerate() {
            let wanted = filters.iter().any(|&filter| self.grid.wants(filter, entry.activity));
            if let Some(block) = if wanted { self.block(at, entry)? } else { None } {
                visit(block)?;
            }
        }
        Ok(())
    }

    fn block(&self, at: usize, entry: &Entry<'a>) -> Result<Option<&BlockRows<'a>>> {
        let cell = self.blocks.get(at).ok_or_else(unknown)?;
        if let Some(block) = cell.get() {
            return Ok(block.as_ref());
        }
        let (block, section) = match entry.source {
            EntrySource::Section(section, code) => {
                (section.block(code, self.chunk)?, Some((section, code)))
            }
            EntrySource::Run(run, name) => (run.block(name, self.chunk), None),
        };
        let rows = |block| BlockRows::new(entry.activity, block, section, &self.grid.needs);
        Ok(cell.get_or_init(|| block.map(rows)).as_ref())
    }

    pub(super) fn chunk(&self) -> Option<u32> {
        self.chunk
    }
}

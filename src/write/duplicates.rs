//! What was stored before: events by their insert ids, batches by theirs.

use super::door::Taken;
use super::frame::BatchRecord;
use crate::catalog::index::{self, BatchIndex};
use crate::catalog::ledger::{LedgerEntry, LedgerFile};
use crate::error::Result;
use crate::snapshot::StoredDay;
use crate::time::Day;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// For an event whose time the writer set, the days before its own on which its insert id is
/// looked for: a repeat after midnight has another time, and so may have another day.
const TIMED_HERE_DAYS: Day = 7;
/// Entries handed to the index at once.
const INDEX_ENTRIES: usize = 100_000;

/// Insert ids of the rows in the memtable, by day.
#[derive(Debug, Default)]
pub(crate) struct InsertIds {
    days: HashMap<Day, HashSet<u128>>,
}

impl InsertIds {
    pub(crate) fn extend(&mut self, day: Day, ids: &[u128]) {
        if !ids.is_empty() {
            self.days.entry(day).or_default().extend(ids);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.days.clear();
    }

    /// Was the event stored before: in the memtable, on disk, or earlier in its own batch, which
    /// adds to `own`?
    pub(crate) fn is_duplicate(
        &self,
        event: &Taken,
        day: Day,
        stored: &[StoredDay],
        own: &mut HashSet<(Day, u128)>,
    ) -> Result<bool> {
        let Some(id) = event.insert_id else { return Ok(false) };
        let from = if event.timed_here { day - TIMED_HERE_DAYS } else { day };
        for day in from..=day {
            let fresh = self.days.get(&day).is_some_and(|ids| ids.contains(&id));
            if fresh || own.contains(&(day, id)) || is_stored(stored, day, id)? {
                return Ok(true);
            }
        }
        own.insert((day, id));
        Ok(false)
    }
}

/// Is an event of this insert id in a section of the day?
pub(crate) fn is_stored(stored: &[StoredDay], day: Day, id: u128) -> Result<bool> {
    let Ok(at) = stored.binary_search_by_key(&day, |d| d.span.day) else { return Ok(false) };
    for section in stored.get(at).into_iter().flat_map(|day| &*day.sections) {
        if section.section.has_insert_id(id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the ledger keeps of a batch, if it has an id.
pub(crate) fn batch_entry(record: &BatchRecord, sequence: u64) -> Option<LedgerEntry> {
    Some(LedgerEntry {
        id: record.batch_id?,
        sequence,
        time: record.time,
        bulk: false,
        accepted: record.accepted,
        without_user: record.without_user,
        duplicates: record.duplicates,
        rejected: record.rejected,
    })
}

/// Batches that were applied: those since the last flush, and the ledgers' behind an index.
#[derive(Debug)]
pub(crate) struct BatchIds {
    unflushed: HashMap<u128, LedgerEntry>,
    ledgers: Vec<Arc<LedgerFile>>,
    /// The sequence up to which the ledgers tell.
    applied: u64,
    /// The index's folder; `None` keeps it in memory.
    dir: Option<PathBuf>,
    database: u128,
    /// Opened for the first batch that has an id.
    index: Option<Box<dyn BatchIndex>>,
}

impl BatchIds {
    /// `dir`: the index's folder; `None` keeps it in memory.
    pub(crate) fn new(
        ledgers: Vec<Arc<LedgerFile>>,
        applied: u64,
        dir: Option<PathBuf>,
        database: u128,
    ) -> BatchIds {
        let unflushed = HashMap::new();
        BatchIds { unflushed, ledgers, applied, dir, database, index: None }
    }

    pub(crate) fn add(&mut self, entry: LedgerEntry) {
        self.unflushed.insert(entry.id, entry);
    }

    /// Entries that no ledger has yet.
    pub(crate) fn unflushed(&self) -> Vec<LedgerEntry> {
        self.unflushed.values().copied().collect()
    }

    pub(crate) fn ledgers(&self) -> &[Arc<LedgerFile>] {
        &self.ledgers
    }

    /// The entry of a batch that was applied before. The index is an aid: where it fails, the
    /// ledgers themselves are asked.
    pub(crate) fn find(&mut self, id: u128) -> Option<LedgerEntry> {
        if let Some(entry) = self.unflushed.get(&id) {
            return Some(*entry);
        }
        if self.ledgers.is_empty() {
            return None;
        }
        match self.index().and_then(|index| index.find(id)) {
            Ok(found) => found,
            Err(_) => self.ledgers.iter().rev().find_map(|ledger| ledger.find(id)),
        }
    }

    /// What was unflushed is in these ledgers now.
    pub(crate) fn flushed(&mut self, ledgers: Vec<Arc<LedgerFile>>, applied: u64) {
        let entries = self.unflushed();
        self.unflushed.clear();
        self.ledgers = ledgers;
        let before = std::mem::replace(&mut self.applied, applied);
        if let Some(index) = &mut self.index
            && index.applied() == before
        {
            // Left behind by a failure, it is filled anew when it is next asked.
            let _ = add_all(&mut **index, entries.into_iter(), applied);
        }
    }

    /// The index, opened and brought up to date.
    fn index(&mut self) -> Result<&dyn BatchIndex> {
        let index = self.index.get_or_insert_with(|| match &self.dir {
            Some(dir) => index::open(dir, self.database),
            None => index::in_memory(),
        });
        if index.applied() != self.applied {
            index.clear()?;
            let entries = self.ledgers.iter().flat_map(|ledger| ledger.iter());
            add_all(&mut **index, entries, self.applied)?;
        }
        Ok(&**index)
    }
}

/// `applied` moves on only with the last of the entries, so that half of them are never taken for
/// all.
fn add_all(
    index: &mut dyn BatchIndex,
    entries: impl Iterator<Item = LedgerEntry>,
    applied: u64,
) -> Result<()> {
    let mut part = Vec::with_capacity(INDEX_ENTRIES);
    let before = index.applied();
    for entry in entries {
        part.push(entry);
        if part.len() == INDEX_ENTRIES {
            index.add(&part, before)?;
            part.clear();
        }
    }
    index.add(&part, applied)
}

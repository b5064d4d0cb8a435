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
/// And after it: a clock that is set back across midnight makes the repeat the earlier one.
const SET_BACK_DAYS: Day = 1;
/// Batches of a ledger that the index holds. Longer ledgers are asked themselves: what the index
/// costs, and takes to be made anew, does not grow with the ids.
const INDEXED_MAX: usize = 10_000;

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
        let days = match event.timed_here {
            true => day - TIMED_HERE_DAYS..=day + SET_BACK_DAYS,
            false => day..=day,
        };
        for day in days {
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
        let indexed = self.index().and_then(|index| index.find(id));
        let is_asked = |ledger: &&Arc<LedgerFile>| indexed.is_err() || !is_indexed(ledger);
        let mut asked = self.ledgers.iter().rev().filter(is_asked);
        let found = asked.find_map(|ledger| ledger.find(id));
        found.or(indexed.ok().flatten())
    }

    /// What was unflushed is in these ledgers now.
    pub(crate) fn flushed(&mut self, ledgers: Vec<Arc<LedgerFile>>, applied: u64) {
        let entries = self.unflushed();
        self.unflushed.clear();
        self.ledgers = ledgers;
        let before = std::mem::replace(&mut self.applied, applied);
        // What was indexed may have gone into a long ledger.
        let is_short = self.ledgers.last().is_none_or(|newest| is_indexed(newest));
        if let Some(index) = &mut self.index
            && index.applied() == before
        {
            // Left behind by a failure, it is filled anew when it is next asked.
            let _ = match is_short {
                true => index.add(&entries, applied),
                false => index.clear().and_then(|()| index.add(&[], applied)),
            };
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
            let short = self.ledgers.iter().filter(|ledger| is_indexed(ledger));
            let entries: Vec<LedgerEntry> = short.flat_map(|ledger| ledger.iter()).collect();
            index.add(&entries, self.applied)?;
        }
        Ok(&**index)
    }
}

fn is_indexed(ledger: &LedgerFile) -> bool {
    ledger.len() <= INDEXED_MAX
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::ledger::merge_from;
    use crate::catalog::manifest::NumberedFile;
    use crate::fs::{Bytes, RealFs};
    use std::path::Path;
    use std::sync::Mutex;

    /// An index that tells how many batches it holds.
    #[derive(Debug)]
    struct Counted {
        index: Box<dyn BatchIndex>,
        count: Arc<Mutex<usize>>,
    }

    impl BatchIndex for Counted {
        fn applied(&self) -> u64 {
            self.index.applied()
        }

        fn find(&self, id: u128) -> Result<Option<LedgerEntry>> {
            self.index.find(id)
        }

        fn add(&mut self, entries: &[LedgerEntry], applied: u64) -> Result<()> {
            *self.count.lock().unwrap() += entries.len();
            self.index.add(entries, applied)
        }

        fn clear(&mut self) -> Result<()> {
            *self.count.lock().unwrap() = 0;
            self.index.clear()
        }
    }

    fn entry(number: u64) -> LedgerEntry {
        LedgerEntry {
            id: u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | 1,
            sequence: number,
            time: 0,
            bulk: false,
            accepted: number,
            without_user: 0,
            duplicates: 0,
            rejected: 0,
        }
    }

    fn ledger(dir: &Path, number: u64, write: impl Fn(&Path) -> Result<NumberedFile>) -> Ledger {
        let path = dir.join(number.to_string());
        let file = write(&path).unwrap();
        let bytes = Bytes::from_vec(std::fs::read(&path).unwrap());
        Arc::new(LedgerFile::open("ledger", bytes, 7, file).unwrap())
    }

    type Ledger = Arc<LedgerFile>;

    /// The ledgers with one more, merged as a flush does.
    fn grown(dir: &Path, mut ledgers: Vec<Ledger>, from: u64, to: u64) -> Vec<Ledger> {
        let fs = RealFs::default();
        ledgers.push(ledger(dir, 2 * to, |path| {
            LedgerFile::write(&fs, path, 7, 2 * to, (from..to).map(entry).collect())
        }));
        let files: Vec<NumberedFile> = ledgers.iter().map(|ledger| ledger.file()).collect();
        if let Some(from) = merge_from(&files) {
            let merging = ledgers.split_off(from);
            ledgers.push(ledger(dir, 2 * to + 1, |path| {
                let merging = merging.iter().map(|ledger| &**ledger);
                LedgerFile::merge(&fs, path, 7, 2 * to + 1, merging, 0)
            }));
        }
        ledgers
    }

    #[test]
    fn the_index_holds_some_thousands_and_all_ids_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let count = Arc::new(Mutex::new(0));
        let index = || Box::new(Counted { index: index::in_memory(), count: count.clone() });
        let mut batches = BatchIds::new(Vec::new(), 0, None, 7);
        batches.index = Some(index());
        let (mut done, mut most) = (0, 0);
        for step in 0..60 {
            let to = done + [1_500, 10, INDEXED_MAX as u64 + 1][step % 3] / (1 + step as u64 % 7);
            (done..to).for_each(|number| batches.add(entry(number)));
            let ledgers = grown(folder.path(), batches.ledgers().to_vec(), done, to);
            batches.flushed(ledgers, to);
            done = to;
            if step == 40 {
                // Opened anew.
                batches = BatchIds::new(batches.ledgers().to_vec(), done, None, 7);
                batches.index = Some(index());
            }
            for number in (0..done).step_by(61).chain([done - 1]) {
                assert_eq!(batches.find(entry(number).id), Some(entry(number)), "step {step}");
                assert_eq!(batches.find(entry(number).id + 1), None);
            }
            assert_eq!(batches.find(entry(done).id), None);
            most = most.max(*count.lock().unwrap());
        }
        assert!(batches.ledgers().iter().any(|ledger| ledger.len() > 5 * INDEXED_MAX));
        assert!((INDEXED_MAX / 2..2 * INDEXED_MAX).contains(&most), "{most} indexed");
    }
}

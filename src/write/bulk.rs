//! A bulk import in the making: finished files first, then one frame that installs them.

use super::Writer;
use crate::catalog::Catalog;
use crate::catalog::ledger::LedgerEntry;
use crate::day::file::{DayFileWriter, FinishedDayFile};
use crate::error::Result;
use crate::snapshot::SnapshotInner;
use crate::time::{Calendar, Day};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// How a bulk import begins.
pub(crate) enum BulkStart<'a> {
    /// The batch id was applied before; the entry has the first receipt's counts.
    Repeated(LedgerEntry),
    Ready(Bulk<'a>),
}

/// A bulk import in the making: holds the writer for its duration. Dropped without `commit`,
/// nothing happened, and its files are removed.
pub(crate) struct Bulk<'a> {
    writer: PhantomData<&'a Writer>,
}

/// What an import replaces, on each day.
pub(crate) enum Replace {
    Nothing,
    /// Rows of these activities go, others of the day stay.
    Activities(BTreeMap<Day, BTreeSet<String>>),
    WholeDays(BTreeSet<Day>),
}

/// What the receipt of an import says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BulkCounts {
    pub(crate) accepted: u64,
    pub(crate) without_user: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
}

/// What a commit removed: rows by day and activity.
pub(crate) type Removed = BTreeMap<Day, BTreeMap<String, u64>>;

/// Numbers user ids for an import; clones share the numbering, for use on several threads.
#[derive(Clone)]
pub(crate) struct BulkNumbers {}

impl BulkNumbers {
    /// The id's ordinal, new at first sight; `None` when ordinals have run out. Ids must not be empty.
    pub(crate) fn number(&self, _id: &[u8]) -> Result<Option<u32>> {
        todo!()
    }
    /// Appends the ordinal of each id, in order, under one lock; `NO_USER` where they have run out.
    pub(crate) fn number_many(&self, _ids: &[&[u8]], _ordinals: &mut Vec<u32>) -> Result<()> {
        todo!()
    }
}

impl Writer {
    /// Takes the writer for a bulk import; waits for a commit or flush in progress. `batch_id` may
    /// also be told later, with [`Bulk::name`], where it is known only at the end of the input.
    pub(crate) fn bulk(&self, _batch_id: Option<&str>) -> Result<BulkStart<'_>> {
        todo!()
    }
}

impl Bulk<'_> {
    /// Sets the batch id; the first receipt's entry where it was applied before (drop the bulk then).
    pub(crate) fn name(&mut self, _batch_id: &str) -> Result<Option<LedgerEntry>> {
        todo!()
    }
    pub(crate) fn calendar(&self) -> &Calendar {
        todo!()
    }
    pub(crate) fn catalog(&self) -> &Catalog {
        todo!()
    }
    /// What is stored before this import; everything of it is on disk.
    pub(crate) fn snapshot(&self) -> &SnapshotInner {
        todo!()
    }
    /// The import's numbering, to share among threads.
    pub(crate) fn numbers(&self) -> BulkNumbers {
        todo!()
    }
    /// The id's ordinal, new at first sight; `None` when ordinals have run out. Ids must not be empty.
    pub(crate) fn number(&mut self, _id: &[u8]) -> Result<Option<u32>> {
        todo!()
    }
    /// Is an event of this insert id stored on the day? On days whose rows this import replaces, do
    /// not ask: what goes away makes no duplicates.
    pub(crate) fn has_insert_id(&self, _day: Day, _id: u128) -> Result<bool> {
        todo!()
    }
    /// A new day file; its generation is the second value. The sections' sequences are `sequence()`.
    pub(crate) fn day_file(&mut self) -> Result<(DayFileWriter, u64)> {
        todo!()
    }
    /// The sequence number of the frame that will install the files: both sequences of each section.
    pub(crate) fn sequence(&self) -> u64 {
        todo!()
    }
    /// Finishes a file of `day_file` and makes it part of the import.
    pub(crate) fn add_file(&mut self, _file: DayFileWriter, _generation: u64) -> Result<()> {
        todo!()
    }
    /// An empty folder for spill files, made at the first call: removed at the end, and when a
    /// crash leaves it behind, by the next open. Write it through `fs()`, or by `std::fs`.
    pub(crate) fn temp_dir(&mut self) -> Result<PathBuf> {
        todo!()
    }
    /// Commits: users file, syncs, one frame, a new manifest. Answers what was replaced.
    pub(crate) fn commit(self, _counts: BulkCounts, _replace: Replace) -> Result<Removed> {
        todo!()
    }
}

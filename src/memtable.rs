//! Rows not yet on disk: immutable sorted runs, one a commit group, merged in tiers.

use crate::codec::bits::Bits;
use crate::day::rows::DayRows;
use crate::time::{Day, DaySpan};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One sorted run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) sequence_first: u64,
    pub(crate) sequence_last: u64,
    pub(crate) days: BTreeMap<Day, RunDay>,
    /// Rough size in memory.
    pub(crate) bytes: usize,
}

/// One day of a run: rows in section order and where each block of them lies.
#[derive(Debug)]
pub(crate) struct RunDay {
    pub(crate) span: DaySpan,
    pub(crate) rows: DayRows,
    blocks: Vec<RunBlock>,
}

#[derive(Debug, Clone, Copy)]
struct RunBlock {
    activity: u32,
    /// `None`: rows without a user.
    chunk: Option<u16>,
    from: u32,
    to: u32,
}

impl Run {
    /// Sorts the rows of each day.
    pub(crate) fn new(_sequence: u64, _days: Vec<(DaySpan, DayRows)>) -> Run {
        todo!()
    }
    /// Merges runs in commit order.
    pub(crate) fn merge(_runs: &[Arc<Run>]) -> Run {
        todo!()
    }
}

impl RunDay {
    /// ORs the users of an activity (`None`: of any) in the chunk into `bits`; false where there are none.
    pub(crate) fn presence_into(
        &self,
        _activity: Option<&[u8]>,
        _chunk: u32,
        _bits: &mut Bits,
    ) -> bool {
        todo!()
    }
    /// Rows per user of a named activity (`None`: of any) in the chunk, in no order; a user may come twice.
    pub(crate) fn counts(
        &self,
        _activity: Option<&[u8]>,
        _chunk: u32,
        _visit: &mut dyn FnMut(u16, u32),
    ) {
        todo!()
    }
    pub(crate) fn activities(&self) -> Vec<&[u8]> {
        todo!()
    }
    /// Earliest and latest time in the day, microseconds since its start.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        todo!()
    }
}

/// The list of runs; pushing keeps it short by merging runs of like size.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memtable {
    pub(crate) runs: Vec<Arc<Run>>,
}

impl Memtable {
    pub(crate) fn push(&mut self, _run: Run) {
        todo!()
    }
    pub(crate) fn bytes(&self) -> usize {
        todo!()
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

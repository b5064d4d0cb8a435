//! Rows not yet on disk: immutable sorted runs, one a commit group, merged in tiers.

use crate::codec::bits::Bits;
use crate::day::block::Block;
use crate::day::rows::{DayRows, NO_USER};
use crate::event::Amounts;
use crate::time::{Day, DaySpan};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a day of a run costs beside its rows.
const DAY_OVERHEAD_BYTES: usize = 256;

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
    /// Sorted by name.
    activities: Vec<RunActivity>,
    times: Option<(i64, i64)>,
}

/// The rows of one activity, cut by chunk.
#[derive(Debug)]
struct RunActivity {
    /// Its code in the rows' strings.
    code: u32,
    /// Ascending by chunk, rows without a user last.
    blocks: Vec<RunBlock>,
}

#[derive(Debug, Clone, Copy)]
struct RunBlock {
    /// `None`: rows without a user.
    chunk: Option<u16>,
    from: usize,
    to: usize,
}

impl Run {
    /// Sorts the rows of each day.
    pub(crate) fn new(sequence: u64, days: Vec<(DaySpan, DayRows)>) -> Run {
        Run::sorted(sequence, sequence, days)
    }

    /// Merges runs in commit order.
    pub(crate) fn merge(runs: &[Arc<Run>]) -> Run {
        let mut days: BTreeMap<Day, (DaySpan, DayRows)> = BTreeMap::new();
        for (day, part) in runs.iter().flat_map(|run| &run.days) {
            let (_, rows) = days.entry(*day).or_insert_with(|| (part.span, DayRows::default()));
            rows.append(&part.rows);
        }
        let first = runs.iter().map(|r| r.sequence_first).min().unwrap_or(0);
        let last = runs.iter().map(|r| r.sequence_last).max().unwrap_or(0);
        Run::sorted(first, last, days.into_values().collect())
    }

    fn sorted(sequence_first: u64, sequence_last: u64, days: Vec<(DaySpan, DayRows)>) -> Run {
        let days: BTreeMap<_, _> =
            days.into_iter().map(|(span, rows)| (span.day, RunDay::new(span, rows))).collect();
        let bytes = days.values().map(|d| d.rows.memory() + DAY_OVERHEAD_BYTES).sum();
        Run { sequence_first, sequence_last, days, bytes }
    }
}

impl RunDay {
    fn new(span: DaySpan, rows: DayRows) -> RunDay {
        let rows = rows.permuted(&rows.section_order());
        let times = rows.times.iter().fold(None, |range, &time| {
            let (first, last) = range.unwrap_or((time, time));
            Some((time.min(first), time.max(last)))
        });
        RunDay { span, activities: activities_of(&rows), rows, times }
    }

    /// ORs the users of an activity (`None`: of any) in the chunk into `bits`; false where there
    /// are none.
    pub(crate) fn presence_into(
        &self,
        activity: Option<&[u8]>,
        chunk: u32,
        bits: &mut Bits,
    ) -> bool {
        let mut found = false;
        self.each_block(activity, chunk, &mut |users| {
            users.iter().for_each(|user| bits.insert(low(*user)));
            found = true;
        });
        found
    }

    /// Rows per user of a named activity (`None`: of any) in the chunk, in no order; a user may
    /// come twice.
    pub(crate) fn counts(
        &self,
        activity: Option<&[u8]>,
        chunk: u32,
        visit: &mut dyn FnMut(u16, u32),
    ) {
        self.each_block(activity, chunk, &mut |users| {
            for same in users.chunk_by(|a, b| a == b) {
                let rows = u32::try_from(same.len()).unwrap_or(u32::MAX);
                same.first().into_iter().for_each(|user| visit(low(*user), rows));
            }
        });
    }

    /// Names, sorted by bytes.
    pub(crate) fn activities(&self) -> Vec<&[u8]> {
        self.activities.iter().map(|a| self.rows.strings.get(a.code)).collect()
    }

    /// Rows of an activity, and of those the ones without a user.
    pub(crate) fn activity_rows(&self, activity: &[u8]) -> (u64, u64) {
        let blocks = self.activity(activity).map_or(&[][..], |a| &a.blocks);
        blocks.iter().fold((0, 0), |(rows, without), block| {
            let n = (block.to - block.from) as u64;
            (rows + n, without + if block.chunk.is_none() { n } else { 0 })
        })
    }

    /// What the numbers of a property on rows of an activity (`None`: of any) come to.
    pub(crate) fn amounts(&self, activity: Option<&[u8]>, property: &str) -> Amounts {
        let mut amounts = Amounts::default();
        let name = self.rows.strings.find(property.as_bytes());
        let column = self.rows.columns.iter().find(|column| Some(column.name) == name);
        let Some(column) = column else { return amounts };
        let activities = match activity.map(|name| self.activity(name)) {
            None => &self.activities[..],
            Some(one) => one.map_or(&[][..], std::slice::from_ref),
        };
        for block in activities.iter().flat_map(|activity| &activity.blocks) {
            let cells = column.cells.get(block.from..block.to.min(column.cells.len()));
            let numbers = cells.unwrap_or_default().iter();
            numbers
                .filter_map(|cell| cell.number(&self.rows.wide))
                .for_each(|number| amounts.add(number));
        }
        amounts
    }

    /// The rows of an activity by users of the chunk, or without a user; `None`: there are none.
    pub(crate) fn block(&self, activity: &[u8], chunk: Option<u32>) -> Option<Block<'_>> {
        let chunk = chunk.map(u16::try_from).transpose().ok()?;
        let found = self.activity(activity)?.block(chunk)?;
        Some(Block::of_rows(&self.rows, self.span.start, found.from..found.to))
    }

    /// How many rows that block has.
    pub(crate) fn rows_in(&self, activity: &[u8], chunk: Option<u32>) -> usize {
        let Ok(chunk) = chunk.map(u16::try_from).transpose() else { return 0 };
        let block = self.activity(activity).and_then(|activity| activity.block(chunk));
        block.map_or(0, |block| block.to - block.from)
    }

    /// Earliest and latest time in the day, microseconds since its start.
    pub(crate) fn times(&self) -> Option<(i64, i64)> {
        self.times
    }

    fn activity(&self, name: &[u8]) -> Option<&RunActivity> {
        let found =
            self.activities.binary_search_by(|a| self.rows.strings.get(a.code).cmp(name)).ok()?;
        self.activities.get(found)
    }

    /// Calls `visit` with the sorted users of each block of the chunk.
    pub(crate) fn each_block<'r>(
        &'r self,
        activity: Option<&[u8]>,
        chunk: u32,
        visit: &mut dyn FnMut(&'r [u32]),
    ) {
        let Ok(chunk) = u16::try_from(chunk) else { return };
        let one = activity.map(|name| self.activity(name));
        let wanted = match &one {
            Some(found) => found.map_or(&[][..], std::slice::from_ref),
            None => &self.activities[..],
        };
        for activity in wanted {
            let users = activity.block(Some(chunk));
            let users = users.and_then(|block| self.rows.users.get(block.from..block.to));
            users.into_iter().for_each(&mut *visit);
        }
    }
}

impl RunActivity {
    fn block(&self, chunk: Option<u16>) -> Option<&RunBlock> {
        let before = |block: &RunBlock| block.chunk.is_some_and(|c| chunk.is_none_or(|w| c < w));
        let at = self.blocks.partition_point(before);
        self.blocks.get(at).filter(|block| block.chunk == chunk)
    }
}

fn low(user: u32) -> u16 {
    (user & 0xFFFF) as u16
}

fn chunk_of(user: u32) -> Option<u16> {
    (user != NO_USER).then_some((user >> 16) as u16)
}

/// Where the blocks of sorted rows begin and end.
fn activities_of(rows: &DayRows) -> Vec<RunActivity> {
    let mut activities: Vec<RunActivity> = Vec::new();
    for (row, (&code, &user)) in rows.activities.iter().zip(&rows.users).enumerate() {
        if activities.last().is_none_or(|a| a.code != code) {
            activities.push(RunActivity { code, blocks: Vec::new() });
        }
        let Some(RunActivity { blocks, .. }) = activities.last_mut() else { continue };
        let chunk = chunk_of(user);
        match blocks.last_mut().filter(|b| b.chunk == chunk) {
            Some(block) => block.to = row + 1,
            None => blocks.push(RunBlock { chunk, from: row, to: row + 1 }),
        }
    }
    activities
}

/// The list of runs; pushing keeps it short by merging runs of like size.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memtable {
    pub(crate) runs: Vec<Arc<Run>>,
}

impl Memtable {
    /// Adds the newest run. The newest runs are merged into one while the next older one is at most
    /// twice their size, so that there are few runs and a row is merged a logarithm of times.
    pub(crate) fn push(&mut self, run: Run) {
        let mut gathered = run.bytes;
        let mut from = self.runs.len();
        self.runs.push(Arc::new(run));
        while let Some(older) = from.checked_sub(1).and_then(|i| self.runs.get(i)) {
            if older.bytes > gathered.saturating_mul(2) {
                break;
            }
            gathered += older.bytes;
            from -= 1;
        }
        if self.runs.len() - from > 1 {
            let merged = Run::merge(&self.runs.split_off(from));
            self.runs.push(Arc::new(merged));
        }
    }

    /// Rough size in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const SPAN: DaySpan = DaySpan { day: 3, start: 3 * 86_400_000_000, end: 4 * 86_400_000_000 };

    fn rows(events: &[(u32, u8, i64)]) -> DayRows {
        let mut rows = DayRows::default();
        for (user, activity, time) in events {
            rows.push(*user, &[b'a' + activity], *time);
        }
        rows
    }

    fn users(day: &RunDay, activity: Option<&[u8]>, chunk: u32) -> BTreeSet<u32> {
        let mut bits = Bits::EMPTY;
        let found = day.presence_into(activity, chunk, &mut bits);
        let set: BTreeSet<u32> = bits.iter().map(|l| chunk << 16 | u32::from(l)).collect();
        assert_eq!(found, !set.is_empty());
        set
    }

    proptest! {
        #[test]
        fn a_merged_memtable_answers_like_a_set(
            events in prop::collection::vec(
                (prop_oneof![0u32..5, 65_535u32..65_540, Just(NO_USER)], 0u8..3, 0i64..50),
                0..80,
            ),
            cut in 1usize..9,
        ) {
            let mut memtable = Memtable::default();
            for (sequence, part) in (1..).zip(events.chunks(cut)) {
                memtable.push(Run::new(sequence, vec![(SPAN, rows(part))]));
            }
            for activity in [None, Some(b"a"), Some(b"b"), Some(b"zz".first_chunk().unwrap())] {
                for chunk in 0..3 {
                    let wanted: BTreeSet<u32> = events
                        .iter()
                        .filter(|e| e.0 != NO_USER && e.0 >> 16 == chunk)
                        .filter(|e| activity.is_none_or(|a: &[u8; 1]| a[0] == b'a' + e.1))
                        .map(|e| e.0)
                        .collect();
                    let days = memtable.runs.iter().map(|r| &r.days[&3]);
                    let got: BTreeSet<u32> =
                        days.flat_map(|d| users(d, activity.map(|a| &a[..]), chunk)).collect();
                    prop_assert_eq!(got, wanted);
                }
            }
            let total: usize = memtable.runs.iter().map(|r| r.days[&3].rows.len()).sum();
            prop_assert_eq!(total, events.len());
            prop_assert!(memtable.runs.len() <= 8);
        }
    }

    #[test]
    fn counts_tell_rows_per_user_and_leave_out_rows_without_one() {
        let events = [(7, 0, 5), (7, 0, 1), (7, 1, 2), (9, 0, 3), (NO_USER, 0, 9)];
        let run = Run::new(1, vec![(SPAN, rows(&events))]);
        let mut counts = BTreeMap::new();
        run.days[&3].counts(Some(b"a"), 0, &mut |user, n| *counts.entry(user).or_insert(0) += n);
        assert_eq!(counts, BTreeMap::from([(7, 2), (9, 1)]));
        counts.clear();
        run.days[&3].counts(None, 0, &mut |user, n| *counts.entry(user).or_insert(0) += n);
        assert_eq!(counts, BTreeMap::from([(7, 3), (9, 1)]));
        assert_eq!(run.days[&3].activity_rows(b"a"), (4, 1));
        assert_eq!(run.days[&3].activity_rows(b"c"), (0, 0));
        assert_eq!(run.days[&3].activities(), [b"a", b"b"]);
        assert_eq!(run.days[&3].times(), Some((1, 9)));
    }

    #[test]
    fn many_small_pushes_leave_few_runs_in_commit_order() {
        let mut memtable = Memtable::default();
        for sequence in 1..=500 {
            memtable.push(Run::new(sequence, vec![(SPAN, rows(&[(1, 0, 1)]))]));
        }
        assert!(memtable.runs.len() < 12, "{}", memtable.runs.len());
        let mut next = 1;
        for run in &memtable.runs {
            assert_eq!(run.sequence_first, next);
            next = run.sequence_last + 1;
        }
        assert_eq!(next, 501);
    }
}

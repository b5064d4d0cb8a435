//! A report made ready: what to scan, and how to read what was counted.

use super::Question;
use crate::error::Result;
use crate::query::answer::{Answer, Figures};
use crate::scan::{Counted, Job, RowJob, Tally, Tell, scan_telling};
use crate::snapshot::SnapshotInner;
use crate::time::Micros;
use std::sync::Arc;
use std::time::Instant;

/// Bytes that the reports of one scan may keep together; a call that asks for more is answered by
/// several scans.
const SCAN_BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 256 << 20 };

/// What a report scans, and what it makes of it.
pub(super) struct Prepared<'a> {
    pub(super) bits: Vec<Job<'a>>,
    pub(super) rows: Vec<RowJob<'a>>,
    pub(super) figures: Box<ToFigures<'a>>,
}

/// What was counted for the jobs of one report, each in the order of its kind.
pub(super) struct Outcome {
    pub(super) tallies: Vec<Tally>,
    pub(super) rows: Vec<Counted>,
}

/// The figures of one series.
pub(super) struct Answered {
    /// The group of the breakdown; 0 without.
    pub(super) slot: usize,
    /// The feature of `adoption` that the figures are about.
    pub(super) feature: Option<String>,
    pub(super) figures: Figures,
    /// What the asker should know beside the figures.
    pub(super) warnings: Vec<String>,
}

impl Answered {
    /// The figures of a slot, and nothing else.
    pub(super) fn of(slot: usize, figures: Figures) -> Answered {
        Answered { slot, feature: None, figures, warnings: Vec::new() }
    }
}

/// Turns what was counted into figures, a series each.
type ToFigures<'a> = dyn FnOnce(&Question<'a>, Outcome) -> Result<Vec<Answered>> + 'a;

impl<'a> Prepared<'a> {
    /// Bytes of sums that the workers of a scan keep.
    fn sums_bytes(&self) -> usize {
        let sums = self.bits.iter().map(|job| job.sums).sum::<usize>();
        sums.saturating_mul(size_of::<u64>()).saturating_mul(rayon::current_num_threads() + 1)
    }

    /// A report on who was there. `None`: totals alone answer it.
    pub(super) fn new(
        job: impl Into<Option<Job<'a>>>,
        figures: impl FnOnce(&Question<'a>, Tally) -> Result<Figures> + 'a,
    ) -> Prepared<'a> {
        let bits = Vec::from_iter(job.into());
        let figures = move |question: &Question<'a>, mut outcome: Outcome| {
            let figures = figures(question, outcome.tallies.pop().unwrap_or_default())?;
            Ok(vec![Answered::of(0, figures)])
        };
        Prepared { bits, rows: Vec::new(), figures: Box::new(figures) }
    }

    /// The same report for one group after the other.
    pub(super) fn joined(slots: Vec<Prepared<'a>>) -> Prepared<'a> {
        let (mut bits, mut rows, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for slot in slots {
            shares.push((slot.bits.len(), slot.rows.len(), slot.figures));
            bits.extend(slot.bits);
            rows.extend(slot.rows);
        }
        let figures = move |question: &Question<'a>, outcome: Outcome| {
            let mut tallies = outcome.tallies.into_iter();
            let mut rows = outcome.rows.into_iter();
            let mut all = Vec::new();
            for (slot, (bits, of_rows, figures)) in shares.into_iter().enumerate() {
                let tallies = tallies.by_ref().take(bits).collect();
                let rows = rows.by_ref().take(of_rows).collect();
                let answered = figures(question, Outcome { tallies, rows })?;
                all.extend(answered.into_iter().map(|one| Answered { slot, ..one }));
            }
            Ok(all)
        };
        Prepared { bits, rows, figures: Box::new(figures) }
    }

    /// A report on rows; `figures` answers one for each slot of the breakdown, in order.
    pub(super) fn of_rows(
        job: RowJob<'a>,
        figures: impl FnOnce(&Question<'a>, Counted) -> Result<Vec<Figures>> + 'a,
    ) -> Prepared<'a> {
        let figures = move |question: &Question<'a>, mut outcome: Outcome| {
            let Some(counted) = outcome.rows.pop() else { return Ok(Vec::new()) };
            let figures = figures(question, counted)?.into_iter().enumerate();
            Ok(figures.map(|(slot, figures)| Answered::of(slot, figures)).collect())
        };
        Prepared { bits: Vec::new(), rows: vec![job], figures: Box::new(figures) }
    }
}

/// Reports that one scan answers.
#[derive(Default)]
pub(super) struct Batch<'q, 'a> {
    bits: Vec<Job<'a>>,
    rows: Vec<RowJob<'a>>,
    bytes: usize,
    /// Each with its share of the jobs.
    reports: Vec<(&'q Question<'a>, Result<Share<'a>>)>,
}

/// The jobs of one report within a batch.
struct Share<'a> {
    bits: usize,
    rows: usize,
    figures: Box<ToFigures<'a>>,
}

impl<'q, 'a> Batch<'q, 'a> {
    /// Whether what the report keeps fits beside that of the others; alone, any does.
    pub(super) fn has_room(&self, question: &Question<'a>, report: &Result<Prepared<'a>>) -> bool {
        let bytes = Self::bytes(question, report);
        self.reports.is_empty() || self.bytes.saturating_add(bytes) <= SCAN_BYTES_MAX
    }

    fn bytes(question: &Question<'a>, report: &Result<Prepared<'a>>) -> usize {
        let Ok(report) = report else { return 0 };
        question.operator_bytes().saturating_add(report.sums_bytes())
    }

    pub(super) fn add(&mut self, question: &'q Question<'a>, report: Result<Prepared<'a>>) {
        self.bytes = self.bytes.saturating_add(Self::bytes(question, &report));
        let share = report.map(|report| {
            let Prepared { bits, rows, figures } = report;
            let share = Share { bits: bits.len(), rows: rows.len(), figures };
            self.bits.extend(bits);
            self.rows.extend(rows);
            share
        });
        self.reports.push((question, share));
    }

    /// Scans, and answers the reports in their order.
    pub(super) fn answers(
        self,
        snapshot: &SnapshotInner,
        started: Instant,
        tell: &Tell<'_>,
    ) -> Result<Vec<Result<Answer>>> {
        let scanned = scan_telling(snapshot, (&self.bits, &self.rows, &[]), tell)?;
        let (mut tallies, mut counted) = (scanned.tallies.into_iter(), scanned.rows.into_iter());
        let answer = |(question, share): (&'q Question<'a>, Result<Share<'a>>)| {
            let Share { bits, rows, figures } = share?;
            // What was counted becomes figures, which takes its time where there are many.
            tell(1, 1)?;
            let tallies = tallies.by_ref().take(bits).collect();
            let rows = counted.by_ref().take(rows).collect();
            question.answer(figures(question, Outcome { tallies, rows })?, started)
        };
        Ok(self.reports.into_iter().map(answer).collect())
    }
}

/// Where the buckets of a range lie in time: bucket i is `[edges[i], edges[i + 1])`.
#[derive(Debug, Clone)]
pub(super) struct Instants {
    edges: Arc<[Micros]>,
}

impl Instants {
    pub(super) fn new(edges: Arc<[Micros]>) -> Instants {
        Instants { edges }
    }

    /// The bucket that holds an instant; `None` outside of all.
    pub(super) fn bucket_of(&self, at: Micros) -> Option<usize> {
        let after = self.edges.partition_point(|edge| *edge <= at);
        (after > 0 && after < self.edges.len()).then(|| after - 1)
    }

    /// The same, looked for first where the last instant was: neighbours mostly share a bucket.
    #[inline]
    pub(super) fn bucket_near(&self, at: Micros, last: &mut usize) -> Option<usize> {
        if let (Some(from), Some(to)) = (self.edges.get(*last), self.edges.get(*last + 1))
            && (*from..*to).contains(&at)
        {
            return Some(*last);
        }
        let bucket = self.bucket_of(at)?;
        *last = bucket;
        Some(bucket)
    }

    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// The edges of the buckets, from the first start to the last end.
    pub(super) fn edges(&self) -> &[Micros] {
        &self.edges
    }

    /// The start of a bucket.
    pub(super) fn start(&self, bucket: usize) -> Micros {
        self.edges.get(bucket).copied().unwrap_or(Micros::MAX)
    }

    /// The end of a bucket.
    pub(super) fn end(&self, bucket: usize) -> Micros {
        self.edges.get(bucket + 1).copied().unwrap_or(Micros::MAX)
    }

    /// The range as a whole; empty without buckets.
    pub(super) fn range(&self) -> (Micros, Micros) {
        self.edges.first().zip(self.edges.last()).map_or((0, 0), |(from, to)| (*from, *to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_of_an_instant_does_not_depend_on_the_one_before() {
        let instants = Instants::new([0, 10, 20, 25].into());
        for (last, at) in (0..4).flat_map(|last| (-2..28).map(move |at| (last, at))) {
            assert_eq!(instants.bucket_near(at, &mut { last }), instants.bucket_of(at), "{at}");
        }
        assert_eq!(Instants::new([].into()).bucket_near(3, &mut 0), None);
    }
}

//! Operators that work bucket by bucket.

use super::{Operator, Step, Tally};
use crate::error::Result;
use crate::time::Day;
use std::ops::Range;
use std::sync::Arc;

/// A state machine over adjacent buckets of days.
pub(crate) trait BucketOperator {
    /// A day before the last bucket's end, given first to last. `bucket` is `None` before the
    /// first.
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, tally: &mut Tally) -> Result<()>;
    /// A bucket is over: every bucket, in order, idle ones too. `next` is the first day after it
    /// with an event, if there is one.
    fn close(&mut self, bucket: usize, next: Option<&Step<'_>>, tally: &mut Tally) -> Result<()>;
    /// After the last bucket.
    fn finish(&mut self, _tally: &mut Tally) {}
}

/// Where adjacent buckets lie: bucket i is `[edges[i], edges[i + 1])`.
pub(crate) type Edges = Arc<[Day]>;

/// Cuts the days into buckets for a `BucketOperator`.
pub(crate) struct ByBucket<T> {
    edges: Edges,
    bucket: usize,
    /// The buckets that are wanted.
    buckets: Range<usize>,
    operator: T,
}

impl<T: BucketOperator> ByBucket<T> {
    pub(crate) fn new(edges: Edges, operator: T) -> ByBucket<T> {
        let buckets = 0..edges.len().saturating_sub(1);
        ByBucket::some(edges, buckets, operator)
    }

    /// For some of the buckets, which keep their numbers.
    pub(crate) fn some(edges: Edges, buckets: Range<usize>, operator: T) -> ByBucket<T> {
        ByBucket { edges, bucket: buckets.start, buckets, operator }
    }

    fn end(&self) -> Option<Day> {
        let end = self.edges.get(self.bucket + 1).copied();
        end.filter(|_| self.bucket < self.buckets.end)
    }

    fn close(&mut self, next: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        self.operator.close(self.bucket, next, tally)?;
        self.bucket += 1;
        Ok(())
    }
}

impl<T: BucketOperator> Operator for ByBucket<T> {
    fn day(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<()> {
        while self.end().is_some_and(|end| end <= step.day) {
            self.close(Some(step), tally)?;
        }
        if self.end().is_none() {
            return Ok(());
        }
        let begun = self.edges.get(self.buckets.start).is_some_and(|first| *first <= step.day);
        self.operator.collect(step, begun.then_some(self.bucket), tally)
    }

    fn finish(&mut self, tally: &mut Tally) -> Result<()> {
        while self.end().is_some() {
            self.close(None, tally)?;
        }
        self.operator.finish(tally);
        Ok(())
    }
}

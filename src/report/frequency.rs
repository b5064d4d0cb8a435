//! `frequency`: how many users were active in exactly k intervals of the range.

use super::{Prepared, Question};
use crate::error::Result;
use crate::query::answer::Figures;
use crate::scan::kernels::SlicedCounters;
use crate::scan::{BucketOperator, ByBucket, Gather, Selector, Step, Tally, Threshold};

/// The plan's buckets are the intervals. Sums: users of exactly 1, 2, ... intervals.
pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    at_least: u32,
    at_most: Option<u32>,
) -> Prepared<'a> {
    let edges = question.edges();
    let events = Threshold { at_least: at_least.into(), at_most: at_most.map(u64::from) };
    let input = question.input(event, question.plan.from_tick, question.plan.to_tick);
    let job = question.job(vec![input], question.plan.buckets.len(), move |_| {
        let users = Gather::new(0, events);
        let operator = Intervals { users, counters: SlicedCounters::new() };
        Box::new(ByBucket::new(edges.clone(), operator))
    });
    let figures = |_: &Question<'_>, tally: Tally| Ok(Figures::Frequency(tally.sums));
    Prepared::new(job, figures)
}

struct Intervals {
    users: Gather,
    counters: SlicedCounters,
}

impl BucketOperator for Intervals {
    fn collect(&mut self, step: &Step<'_>, _: Option<usize>, _: &mut Tally) -> Result<()> {
        self.users.day(step)
    }

    fn close(&mut self, _: usize, _: Option<&Step<'_>>, _: &mut Tally) -> Result<()> {
        if let Some(users) = self.users.take() {
            self.counters.increment(users);
        }
        Ok(())
    }

    fn finish(&mut self, tally: &mut Tally) {
        self.counters.each_number(|intervals, users| {
            if let Some(sum) = usize::try_from(intervals).ok().and_then(|k| k.checked_sub(1)) {
                tally.add(sum, users);
            }
        });
    }
}

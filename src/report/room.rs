//! How much memory a report takes while a scan is at work for it.

use super::Question;
use crate::codec::bits::Bits;
use crate::query::Report;

/// The bits of every operator, and of the set of users that it is for.
const BITS: usize = 8;
/// What a bucket of a report on rows takes, more or less; a day of a balance, too.
const CELL_BYTES: usize = 256;

impl Question<'_> {
    /// About what the operators of all threads keep, their sums apart.
    pub(super) fn operator_bytes(&self) -> usize {
        let buckets = self.plan.buckets.len();
        let days = usize::try_from(self.plan.to_tick.saturating_sub(self.plan.from_tick));
        let days = days.unwrap_or(0).max(1);
        // A window holds no more days than there are, and a union for each.
        let window = |wanted: u32| 2 * usize::try_from(wanted).unwrap_or(days).min(2 * days);
        let bits = match &self.query.report {
            Report::Active { trailing, .. } | Report::Stickiness { trailing, .. } => {
                window(trailing.unwrap_or(0))
            }
            Report::Growth { gap, trailing, .. } => {
                3 * window(trailing.unwrap_or(0)) + window(*gap)
            }
            Report::States { week, month, .. } => window(*week) + window(*month),
            Report::Retention(retention) => 2 * retention.cells().min(buckets + 1),
            _ => 0,
        };
        let slots = self.slots().max(1);
        let of_bits = (BITS + bits).saturating_mul(slots).saturating_mul(size_of::<Bits>());
        let of_cells = match self.reads_rows() {
            true => buckets.saturating_mul(slots).saturating_mul(CELL_BYTES),
            false => 0,
        };
        of_bits.saturating_add(of_cells).saturating_mul(rayon::current_num_threads())
    }
}

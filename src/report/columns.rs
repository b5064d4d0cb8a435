//! What the columns of an answer are called.

use super::Question;
use super::prepared::{Answered, Outcome, Prepared};
use crate::error::Result;
use crate::query::Query;
use crate::scan::scan;

impl Question<'_> {
    /// The names of the figures' columns in a row. Where a breakdown met no group, they are those of
    /// the same question without one, asked of no day.
    pub(super) fn columns(&self, answered: &[Answered]) -> Result<Vec<String>> {
        if let Some(one) = answered.first() {
            return Ok(one.figures.columns());
        }
        let plan = self.plan.of_no_day();
        let query = Query { breakdown: Vec::new(), top: None, ..self.query.clone() };
        let (snapshot, groups, slot) = (self.snapshot, None, 0);
        let alone = Question { query: &query, plan, snapshot, groups, slot };
        let Prepared { bits, rows, figures } = alone.prepare()?;
        let scanned = scan(snapshot, &bits, &rows, &[])?;
        let outcome = Outcome { tallies: scanned.tallies, rows: scanned.rows };
        let answered = figures(&alone, outcome)?;
        Ok(answered.first().map(|one| one.figures.columns()).unwrap_or_default())
    }
}

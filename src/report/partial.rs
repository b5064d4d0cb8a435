//! Answers where days are damaged: refused, or without those days and marked.

use crate::error::{Error, ErrorKind, Result};
use crate::query::Query;
use crate::query::answer::{Answer, Partial};
use crate::snapshot::Snapshot;
use crate::snapshot::partial::DamagedDays;
use crate::time::{Micros, date_of};
use std::collections::BTreeSet;

impl Snapshot {
    /// What becomes of a query that failed. Where it met damage and allows a partial answer, all
    /// that is damaged in the days that it reads is left out, and it is asked again; without those
    /// days it may read others, so that this is done until nothing damaged is met. Each time
    /// leaves out a day at least.
    pub(super) fn rescue(&self, query: &Query, now: Micros, error: Error) -> Result<Answer> {
        if error.kind() != ErrorKind::Corruption {
            return Err(error);
        }
        if !query.allow_partial {
            return Err(with_the_way_out(&error));
        }
        let mut left_out = DamagedDays::new();
        loop {
            let view = self.without(&left_out);
            match view.alone(query, now) {
                Ok(mut answer) => {
                    answer.info.partial = mark(left_out);
                    return Ok(answer);
                }
                Err(e) if e.kind() == ErrorKind::Corruption => {
                    let damaged = view.inner.damaged_of_asked()?;
                    if damaged.is_empty() {
                        return Err(e);
                    }
                    left_out.extend(damaged);
                }
                Err(e) => return Err(e),
            }
        }
    }
}

/// `None` where nothing is left out.
fn mark(left_out: DamagedDays) -> Option<Partial> {
    if left_out.is_empty() {
        return None;
    }
    let days = left_out.keys().map(|day| date_of(*day)).collect();
    let files: BTreeSet<String> = left_out.into_values().flatten().collect();
    Some(Partial { days, files: files.into_iter().collect() })
}

fn with_the_way_out(error: &Error) -> Error {
    let message = format!(
        "{error}; `allow_partial` answers without the days that are damaged, and `daybit repair` \
         sets what is damaged aside"
    );
    Error::new(ErrorKind::Corruption, message)
}

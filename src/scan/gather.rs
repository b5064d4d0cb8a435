//! Who was active in an interval: by presence, or by a number of events.

use super::Step;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::limits::CHUNK_USERS;

/// How many events make a user count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Threshold {
    pub(crate) at_least: u64,
    pub(crate) at_most: Option<u64>,
}

impl Threshold {
    /// Once or more: bitmaps alone tell.
    pub(crate) fn is_presence(&self) -> bool {
        self.at_least == 1 && self.at_most.is_none()
    }

    fn holds(&self, rows: u32) -> bool {
        let rows = u64::from(rows);
        rows >= self.at_least && self.at_most.is_none_or(|most| rows <= most)
    }

    /// Puts the users whose rows are within the bounds into `bits`.
    pub(super) fn select_into(&self, rows: &[u32], bits: &mut Bits) {
        for (word, rows) in bits.0.iter_mut().zip(rows.chunks(64)) {
            let held = rows.iter().rev().map(|&rows| u64::from(self.holds(rows)));
            *word = held.fold(0, |word, held| word << 1 | held);
        }
    }
}

/// A counter for each user of a chunk.
pub(super) fn counters() -> Box<[u32]> {
    vec![0; CHUNK_USERS].into_boxed_slice()
}

pub(super) fn add_rows(counters: &mut [u32], low: u16, rows: u32) {
    let counter = &mut counters[usize::from(low)];
    *counter = counter.saturating_add(rows);
}

/// Collects the days of an interval and answers its users.
pub(crate) struct Gather {
    input: usize,
    bits: Box<Bits>,
    empty: bool,
    /// Rows of each user so far, where presence is not enough.
    counted: Option<(Threshold, Box<[u32]>)>,
}

impl Gather {
    /// Collects one input of the job.
    pub(crate) fn new(input: usize, threshold: Threshold) -> Gather {
        let counted = (!threshold.is_presence()).then(|| (threshold, counters()));
        Gather { input, bits: Box::new(Bits::EMPTY), empty: true, counted }
    }

    /// Collects one input, however many events a user has.
    pub(crate) fn presence(input: usize) -> Gather {
        Gather::new(input, Threshold { at_least: 1, at_most: None })
    }

    /// Takes in one day.
    pub(crate) fn day(&mut self, step: &Step<'_>) -> Result<()> {
        let Some(users) = step.users(self.input) else { return Ok(()) };
        match &mut self.counted {
            Some((_, rows)) => {
                step.counts(self.input, &mut |low, count| add_rows(rows, low, count))?;
            }
            None if self.empty => users.copy_into(&mut self.bits),
            None => users.or_into(&mut self.bits),
        }
        self.empty = false;
        Ok(())
    }

    /// The users of the days so far, `None` when there is nobody; the next interval begins.
    pub(crate) fn take(&mut self) -> Option<&mut Bits> {
        if std::mem::replace(&mut self.empty, true) {
            return None;
        }
        if let Some((threshold, rows)) = &mut self.counted {
            threshold.select_into(rows, &mut self.bits);
            rows.fill(0);
        }
        Some(&mut self.bits)
    }
}

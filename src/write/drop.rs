//! Retention by age: old rows go, or old days.

use super::Core;
use super::rewrite::{Change, Plan};
use super::state::State;
use crate::error::Result;
use crate::time::Day;
use std::sync::PoisonError;

/// What goes of old days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// What events were, beside who did what how often.
    Rows,
    /// Everything but who was first seen when.
    Days,
}

/// What a drop did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DropOutcome {
    pub(crate) days: u64,
    pub(crate) events: u64,
}

impl Core {
    /// Drops what is older than a day, and publishes it.
    pub(crate) fn drop_before(&self, before: Day, what: Dropped) -> Result<DropOutcome> {
        let _alone = self.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state()?;
        state.flush()?;
        let outcome = state.droppable(before, what)?;
        // Of days to come nothing goes.
        let newest = state.published.days.iter().rfind(|day| day.span.day < before);
        let before = newest.map_or(before, |day| before.min(day.span.day.saturating_add(1)));
        drop(state);
        if outcome == DropOutcome::default() {
            return Ok(outcome);
        }
        let change = |_: &State| {
            Some(match what {
                Dropped::Rows => Change::Thin(before),
                Dropped::Days => Change::From(before),
            })
        };
        self.rewrite(change, |state, plan| match what {
            Dropped::Rows => {
                let rows_from = &mut state.draft.manifest.rows_from;
                *rows_from = (*rows_from).max(Some(before));
                Ok(())
            }
            Dropped::Days => state.forget_days(plan, before),
        })?;
        Ok(outcome)
    }
}

impl State {
    fn droppable(&self, before: Day, what: Dropped) -> Result<DropOutcome> {
        let mut outcome = DropOutcome::default();
        for day in self.published.days.iter().filter(|day| day.span.day < before) {
            let mut events = 0;
            for section in &*day.sections {
                let goes = what == Dropped::Days || !section.section.is_thin()?;
                events += if goes { section.place.totals.rows } else { 0 };
            }
            outcome.days += u64::from(events > 0);
            outcome.events += events;
        }
        Ok(outcome)
    }

    /// Who was first seen on days that go is kept: no day tells it any more.
    fn forget_days(&mut self, plan: &Plan, before: Day) -> Result<()> {
        let gone = plan.inputs().filter(|section| section.place.totals.day < before);
        let mut gone: Vec<_> = gone.cloned().collect();
        gone.sort_by_key(|section| section.place.totals.day);
        self.keep_firsts(&gone)?;
        let days_from = &mut self.draft.manifest.days_from;
        *days_from = (*days_from).max(Some(before));
        Ok(())
    }
}

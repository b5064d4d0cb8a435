//! Group commit: who is first in line commits for all that wait, with one frame and one sync.

use super::Core;
use super::door::{Batch, Checked, Taken, check};
use super::duplicates::batch_entry;
use super::erase::ERASED;
use super::frame::{BatchRecord, Body};
use super::line::{Leader, Pending};
use super::settings::Durability;
use super::state::State;
use crate::catalog::ledger::LedgerEntry;
use crate::day::rows::{DayRows, NO_USER};
use crate::error::{Error, Result};
use crate::event::Receipt;
use crate::memtable::Run;
use crate::time::{Day, DaySpan};
use crate::users::{LiveUsers, UsersView};
use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::sync::{Arc, PoisonError};

impl Core {
    /// Commits a batch: the receipt comes when it is as durable as the options say.
    pub(crate) fn write(&self, batch: Batch) -> Result<Receipt> {
        let batch = check(batch, &self.catalog, self.env.now())?;
        let (outcome, flushed) = self.line.pass(batch, |leader| self.commit_group(leader));
        if flushed == Some(true) {
            self.compact_inline();
        }
        outcome
    }

    /// Commits the oldest batches that wait; true where the memtable was flushed after it.
    fn commit_group(&self, leader: &Leader<'_>) -> bool {
        let state = self.state();
        // Those that came while this one waited for the lock go with it.
        let group = leader.take_group();
        // What was written half stops the writer: the group is told so when it is dropped.
        let Ok(mut state) = state else { return false };
        state.commit(&group);
        self.flush_if_full(&mut state)
    }
}

/// What came of a batch, before the frame is written.
struct Staged {
    receipt: Receipt,
    record: Option<BatchRecord>,
}

/// An event that is not a duplicate, with what is known of its user.
struct Fresh<'b> {
    event: &'b Taken,
    span: DaySpan,
    user: Known<'b>,
}

enum Known<'b> {
    Nobody,
    /// Has its ordinal from a sealed file.
    Sealed(u32),
    /// Has its ordinal since the last flush, or gets it now.
    Live(&'b [u8]),
}

impl State {
    /// Commits a group of batches with one frame and tells each its outcome. A batch at fault
    /// affects only itself; a failed write all of them.
    fn commit(&mut self, group: &[Arc<Pending>]) {
        let mut receipts = Vec::with_capacity(group.len());
        let mut records = Vec::new();
        for pending in group {
            match self.alive().and_then(|()| self.stage(&pending.batch)) {
                Ok(Staged { receipt, record }) => {
                    records.extend(record);
                    receipts.push((pending, receipt));
                }
                Err(e) => pending.settle(Err(e)),
            }
        }
        let written = self.write_records(records);
        for (pending, receipt) in receipts {
            pending.settle(match &written {
                Ok(()) => Ok(receipt),
                Err(e) => Err(Error::new(e.kind(), e.to_string())),
            });
        }
    }

    /// Finds what of the batch is new, numbers its users, and makes its record. What can fail comes
    /// before what leaves a trace.
    fn stage(&mut self, batch: &Checked) -> Result<Staged> {
        let repeated = batch.id.and_then(|id| self.batches.find(id));
        if let Some(entry) = repeated {
            let receipt = self.repeated_receipt(&entry, batch);
            #[cfg(test)]
            if self.env.fs.planted() == Some(crate::fs::simulated::Bug::KnownAfterAppend) {
                return self.stage_new(batch).map(|staged| Staged { receipt, ..staged });
            }
            return Ok(Staged { receipt, record: None });
        }
        self.stage_new(batch)
    }

    fn stage_new(&mut self, batch: &Checked) -> Result<Staged> {
        let mut rejected = batch.rejected.clone();
        let fresh = self.fresh(batch, &mut rejected)?;
        let erased = rejected.len() - batch.rejected.len();
        let duplicates = (batch.events.len() - fresh.len() - erased) as u64;
        let mut record = number(&fresh, &self.users, batch, &mut rejected);
        record.duplicates = duplicates;
        rejected.sort_by_key(|(row, _)| *row);
        record.rejected = rejected.len() as u64;
        for (day, _, _, rows) in &record.days {
            self.insert_ids.extend(*day, rows.insert_ids.hashes());
        }
        let entry = batch_entry(&record, self.sequence + 1);
        entry.into_iter().for_each(|entry| self.batches.add(entry));
        let (accepted, without_user) = (record.accepted, record.without_user);
        let receipt = Receipt { accepted, without_user, duplicates, rejected, repeated: false };
        let record = (accepted > 0 || batch.id.is_some()).then_some(record);
        Ok(Staged { receipt, record })
    }

    /// A repeat stores nothing: the counts are the first receipt's. Its reasons are not kept, but
    /// what the door refused then it has refused again; the others were of erased people.
    fn repeated_receipt(&self, entry: &LedgerEntry, batch: &Checked) -> Receipt {
        let mut rejected = batch.rejected.clone();
        if (rejected.len() as u64) < entry.rejected {
            let is_erased =
                |event: &&Taken| event.user().is_some_and(|id| self.catalog.is_erased(id));
            let erased = batch.events.iter().filter(is_erased);
            rejected.extend(erased.map(|event| (event.row, ERASED.to_string())));
            rejected.sort_by_key(|(row, _)| *row);
        }
        Receipt {
            accepted: entry.accepted,
            without_user: entry.without_user,
            duplicates: entry.duplicates,
            rejected,
            repeated: true,
        }
    }

    /// The events that are not stored yet; those of erased people are refused.
    fn fresh<'b>(
        &self,
        batch: &'b Checked,
        rejected: &mut Vec<(u64, String)>,
    ) -> Result<Vec<Fresh<'b>>> {
        let mut own = HashSet::new();
        let mut fresh = Vec::with_capacity(batch.events.len());
        let calendar = &self.published.calendar;
        let mut last: Option<DaySpan> = None;
        for event in &batch.events {
            if event.user().is_some_and(|id| self.catalog.is_erased(id)) {
                rejected.push((event.row, ERASED.to_string()));
                continue;
            }
            let span = last
                .filter(|span| span.contains(event.time))
                .unwrap_or_else(|| calendar.span_of(event.time));
            last = Some(span);
            let stored = &self.published.days;
            if !self.insert_ids.is_duplicate(event, span.day, stored, &mut own)? {
                let user = event.user().map_or(Ok(Known::Nobody), |id| self.known(id))?;
                fresh.push(Fresh { event, span, user });
            }
        }
        Ok(fresh)
    }

    fn known<'b>(&self, id: &'b [u8]) -> Result<Known<'b>> {
        let live = self.users.live.read().unwrap_or_else(PoisonError::into_inner).find(id);
        if live.is_some() {
            return Ok(Known::Live(id));
        }
        for file in self.users.sealed.iter().rev() {
            if let Some(ordinal) = file.find(id)? {
                return Ok(Known::Sealed(ordinal));
            }
        }
        Ok(Known::Live(id))
    }

    /// One frame, synced as the options say; then the memtable and the view.
    fn write_records(&mut self, records: Vec<BatchRecord>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let body = Body::Batches(records);
        let sequence = self.commit_frame(&body)?;
        if let Body::Batches(records) = body {
            self.unapplied = true;
            let days = by_day(records);
            if !days.is_empty() {
                self.memtable.push(Run::new(sequence, days));
            }
            let live = self.users.live.read().unwrap_or_else(PoisonError::into_inner);
            self.users.count = live.first() + live.len();
            drop(live);
            self.show();
        }
        Ok(())
    }

    /// Appends a frame and makes it as durable as the options say.
    pub(super) fn commit_frame(&mut self, body: &Body) -> Result<u64> {
        self.writing(|state| {
            let sequence = state.append(body)?;
            if state.sync_is_due() {
                state.sync()?;
            }
            Ok(sequence)
        })
    }

    /// Without a thread that syncs in time, the first write after the interval does.
    fn sync_is_due(&self) -> bool {
        match self.options.durability {
            Durability::Sync => true,
            Durability::Interval(ms) => {
                let interval_us = i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
                !self.options.background
                    && self.env.now().saturating_sub(self.synced) >= interval_us
            }
            Durability::Os => false,
        }
    }
}

/// Gives every user an ordinal and puts the rows into their days. Cannot fail; where ordinals have
/// run out, the event is rejected.
fn number(
    fresh: &[Fresh<'_>],
    users: &UsersView,
    batch: &Checked,
    rejected: &mut Vec<(u64, String)>,
) -> BatchRecord {
    let mut live = users.live.write().unwrap_or_else(PoisonError::into_inner);
    let first_ordinal = live.first() + live.len();
    let mut days: BTreeMap<Day, (DaySpan, DayRows)> = BTreeMap::new();
    let (mut accepted, mut without_user) = (0, 0);
    for Fresh { event, span, user } in fresh {
        let ordinal = match user {
            Known::Nobody => Some(NO_USER),
            Known::Sealed(ordinal) => Some(*ordinal),
            Known::Live(id) => live.number(id),
        };
        let Some(ordinal) = ordinal else {
            rejected.push((event.row, "the database has no ordinal left for a new user".into()));
            continue;
        };
        accepted += 1;
        without_user += u64::from(ordinal == NO_USER);
        let (_, rows) = days.entry(span.day).or_insert_with(|| (*span, DayRows::default()));
        push_row(rows, ordinal, event, *span);
    }
    BatchRecord {
        batch_id: batch.id,
        time: batch.time,
        accepted,
        without_user,
        duplicates: 0,
        rejected: 0,
        first_ordinal,
        new_ids: new_ids(&live, first_ordinal),
        days: days.into_values().map(|(s, rows)| (s.day, s.start, s.end, rows)).collect(),
    }
}

fn push_row(rows: &mut DayRows, ordinal: u32, event: &Taken, span: DaySpan) {
    rows.push(ordinal, event.event.activity.as_bytes(), event.time - span.start);
    for (name, value) in &event.event.properties {
        rows.set(name.as_bytes(), value);
    }
    event.insert_id.into_iter().for_each(|id| rows.insert_ids.push(id, ordinal));
}

fn new_ids(live: &LiveUsers, first_ordinal: u32) -> Vec<Vec<u8>> {
    let new = first_ordinal..live.first() + live.len();
    new.filter_map(|ordinal| live.id(ordinal)).map(<[u8]>::to_vec).collect()
}

/// The rows of all batches of a frame by day, in the order in which they were taken.
pub(crate) fn by_day(records: Vec<BatchRecord>) -> Vec<(DaySpan, DayRows)> {
    let mut days: BTreeMap<Day, (DaySpan, DayRows)> = BTreeMap::new();
    for (day, start, end, rows) in records.into_iter().flat_map(|record| record.days) {
        match days.get_mut(&day) {
            Some((_, earlier)) => earlier.append(&rows),
            None => mem::drop(days.insert(day, (DaySpan { day, start, end }, rows))),
        }
    }
    days.into_values().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::Catalog;
    use crate::time::{Calendar, Zone, instant_of};
    use crate::{Event, Value};
    use proptest::prelude::*;
    use std::sync::RwLock;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            "[1-9][0-9]{0,37}".prop_map(|digits| Value::Decimal(digits.parse().unwrap())),
            "[1-9][0-9]{0,8}\\.[0-9]{2}".prop_map(|text| Value::Decimal(text.parse().unwrap())),
            (-1e9..1e9).prop_map(Value::Float),
            ".{0,40}".prop_map(|text| Value::Text(text.replace('\0', ""))),
        ]
    }

    fn event() -> impl Strategy<Value = Event> {
        let user = prop::option::of("[a-z]{0,30}");
        let properties = prop::collection::btree_map("[a-z]{1,4}", value(), 0..6);
        let insert_id = prop::option::of("[a-z]{1,9}");
        (user, "[a-c]", -3i64..3, 0..86_400i64, properties, insert_id).prop_map(
            |(user, activity, day, second, properties, insert_id)| Event {
                user,
                activity,
                time: Some(instant_of((day * 86_400 + second) * 1_000_000)),
                insert_id,
                properties: properties.into_iter().collect(),
            },
        )
    }

    proptest! {
        /// The door bounds what a batch takes in a frame, so that no batch is refused after it.
        #[test]
        fn a_frame_is_never_longer_than_the_door_said(
            events in prop::collection::vec(event(), 0..40),
        ) {
            let catalog = Catalog::new("Asia/Tokyo", "", 1, 0);
            let calendar = Calendar::new(Zone::named("Asia/Tokyo").unwrap(), []);
            let batch = check(Batch::new().id("b").events(events), &catalog, 0).unwrap();
            prop_assert!(batch.rejected.is_empty());
            let live = Arc::new(RwLock::new(LiveUsers::new(0)));
            let users = UsersView { sealed: Arc::default(), live, count: 0 };
            let fresh: Vec<Fresh<'_>> = batch
                .events
                .iter()
                .map(|event| Fresh {
                    event,
                    span: calendar.span_of(event.time),
                    user: event.user().map_or(Known::Nobody, Known::Live),
                })
                .collect();
            let record = number(&fresh, &users, &batch, &mut Vec::new());
            prop_assert_eq!(record.accepted, batch.events.len() as u64);
            let bytes = crate::codec::record::encode(&Body::Batches(vec![record])).len();
            prop_assert!(bytes <= batch.frame_bytes, "{bytes} > {}", batch.frame_bytes);
        }
    }
}

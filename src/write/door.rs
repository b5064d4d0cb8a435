//! The door: what is wrong with a batch is found here, before anything of it is kept.

use crate::catalog::{Catalog, HashDomain};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Value};
use crate::limits::{BATCH_EVENTS_MAX, BATCH_ID_BYTES_MAX, FRAME_BYTES_MAX};
use crate::time::{Micros, micros_from};
use std::collections::HashSet;

/// Most bytes that a cell takes in a frame, its text and the wide part of a decimal left out.
const CELL_BYTES: usize = 16;
/// Most bytes that the fixed fields of a row take in a frame: user, activity, time, insert id, and
/// the lengths of its texts.
const ROW_BYTES: usize = 96;
/// Most bytes that a batch takes in a frame beside its days.
const BATCH_BYTES: usize = 256;
/// Most bytes that a day takes in a frame beside its rows, and that a column does beside its cells.
const DAY_BYTES: usize = 256;
const COLUMN_BYTES: usize = 32;

/// Events that are committed together: after a crash all of them are there, or none.
///
/// With an [id](Batch::id) a batch is applied at most once, so that a caller who lost the receipt
/// sends it again without harm.
///
/// ```
/// use daybit::{Batch, Event};
/// let batch = Batch::new()
///     .id("shop-2024-03-01-0017")
///     .event(Event::new("anna", "purchase").with("price", 12))
///     .events(["ben", "cleo"].map(|user| Event::new(user, "visit")));
/// assert_eq!(batch.len(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    id: Option<String>,
    events: Vec<Event>,
}

impl Batch {
    /// An empty batch without an id.
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Names the batch: a second one of this name is not applied.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Batch {
        self.id = Some(id.into());
        self
    }

    /// Adds an event.
    #[must_use]
    pub fn event(mut self, event: Event) -> Batch {
        self.events.push(event);
        self
    }

    /// Adds events, in order.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = Event>) -> Batch {
        self.events.extend(events);
        self
    }

    /// Events in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Has the batch no events?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// A batch that passed the door.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) id: Option<u128>,
    /// When it was taken.
    pub(crate) time: Micros,
    pub(crate) events: Vec<Taken>,
    /// Index in the batch and the reason.
    pub(crate) rejected: Vec<(u64, String)>,
    /// No frame of it is longer.
    pub(crate) frame_bytes: usize,
}

/// An event that passed the door.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Index in the batch.
    pub(crate) row: u64,
    pub(crate) event: Event,
    pub(crate) time: Micros,
    /// The event had no time: the writer set it.
    pub(crate) timed_here: bool,
    pub(crate) insert_id: Option<u128>,
}

impl Taken {
    /// The user's id; an empty one is none.
    pub(crate) fn user(&self) -> Option<&[u8]> {
        self.event.user.as_deref().filter(|id| !id.is_empty()).map(str::as_bytes)
    }
}

/// Checks a batch whole. Events that cannot be stored are put aside with the reason; a batch that
/// is itself at fault is an error.
pub(crate) fn check(batch: Batch, catalog: &Catalog, now: Micros) -> Result<Checked> {
    if batch.events.len() > BATCH_EVENTS_MAX {
        let n = batch.events.len();
        return Err(too_large(&format!("it has {n} events, more than {BATCH_EVENTS_MAX}")));
    }
    let id = batch.id.as_deref().map(|id| batch_id(catalog, id)).transpose()?;
    let frame_bytes = frame_bytes(&batch.events, now);
    if frame_bytes > FRAME_BYTES_MAX {
        let n = batch.events.len();
        let what =
            format!("its {n} events may take {frame_bytes} bytes, more than {FRAME_BYTES_MAX}");
        return Err(too_large(&what));
    }
    let mut checked =
        Checked { id, time: now, events: Vec::new(), rejected: Vec::new(), frame_bytes };
    for (row, event) in (0..).zip(batch.events) {
        match event.check() {
            Ok(()) => checked.events.push(take(row, event, catalog, now)),
            Err(reason) => checked.rejected.push((row, reason)),
        }
    }
    Ok(checked)
}

/// The keyed hash of a batch id.
pub(crate) fn batch_id(catalog: &Catalog, id: &str) -> Result<u128> {
    match id.len() {
        0 => Err(Error::input("a batch id must not be empty: leave it out, or name the batch")),
        1..=BATCH_ID_BYTES_MAX => Ok(catalog.hash(HashDomain::BatchId, id.as_bytes())),
        n => {
            let message = format!("a batch id of {n} bytes is longer than {BATCH_ID_BYTES_MAX}");
            Err(Error::new(ErrorKind::Limit, message))
        }
    }
}

fn take(row: u64, event: Event, catalog: &Catalog, now: Micros) -> Taken {
    let insert_id = event.insert_id.as_deref();
    let insert_id = insert_id.map(|id| catalog.hash(HashDomain::InsertId, id.as_bytes()));
    let time = event.time.map_or(now, micros_from);
    Taken { row, time, timed_here: event.time.is_none(), insert_id, event }
}

fn too_large(what: &str) -> Error {
    Error::new(ErrorKind::Limit, format!("the batch is too large: {what}; split it"))
}

/// A bound on what the events take in a frame: a column each day for every property, with a cell
/// in every row.
fn frame_bytes(events: &[Event], now: Micros) -> usize {
    let mut names: HashSet<&str> = HashSet::new();
    let mut dates: HashSet<i64> = HashSet::new();
    let mut texts = 0usize;
    for event in events {
        dates.insert(event.time.map_or(now, micros_from).div_euclid(86_400_000_000));
        texts += event.user.as_ref().map_or(0, String::len) + event.activity.len();
        for (name, value) in &event.properties {
            names.insert(name);
            texts += match value {
                Value::Text(text) => text.len() + 8,
                Value::Decimal(_) => 16,
                _ => 0,
            };
        }
    }
    let columns: usize = names.iter().map(|name| name.len() + COLUMN_BYTES).sum();
    // A UTC date falls on at most two of the zone's.
    let days = (2 * dates.len()).saturating_mul(columns + DAY_BYTES);
    let cells = events.len().saturating_mul(names.len()).saturating_mul(CELL_BYTES);
    let rows = events.len() * ROW_BYTES + BATCH_BYTES;
    days.saturating_add(texts).saturating_add(cells).saturating_add(rows)
}

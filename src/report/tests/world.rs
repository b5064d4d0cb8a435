//! A small database in memory, and the same events as plain sets.

use crate::catalog::Catalog;
use crate::catalog::manifest::{Manifest, NumberedFile};
use crate::day::rows::{DayRows, NO_USER};
use crate::memtable::{Memtable, Run};
use crate::query::answer::Answer;
use crate::scan::SetKind;
use crate::snapshot::{Published, Snapshot, SnapshotInner};
use crate::time::{Calendar, Day, DaySpan, Zone};
use crate::users::{LiveUsers, UsersView};
use crate::{Query, Selector, Set};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, RwLock};

pub(super) const DAY_US: i64 = 86_400_000_000;
/// Ordinals of the people: at the edges of words and chunks, and over four chunks.
pub(super) const PEOPLE: [u32; 14] =
    [0, 1, 2, 3, 63, 64, 100, 4_000, 65_535, 65_536, 65_537, 131_071, 131_072, 200_000];
/// Days lie in `-DAYS..DAYS` around 1970-01-01.
pub(super) const DAYS: Day = 60;

/// An event: day, user (`NO_USER`: nobody), activity.
pub(super) type Did = (Day, u32, &'static str);

pub(super) struct World {
    pub(super) events: Vec<Did>,
    pub(super) snapshot: Snapshot,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.events.fmt(f)
    }
}

/// Users numbered so that the highest of `PEOPLE` exists; made once.
fn users() -> UsersView {
    static LIVE: OnceLock<Arc<RwLock<LiveUsers>>> = OnceLock::new();
    let live = LIVE.get_or_init(|| {
        let mut live = LiveUsers::new(0);
        (0..=200_000)
            .for_each(|ordinal| assert_eq!(live.number(id(ordinal).as_bytes()), Some(ordinal)));
        Arc::new(RwLock::new(live))
    });
    UsersView { sealed: Arc::new(Vec::new()), live: live.clone(), count: 200_001 }
}

pub(super) fn id(ordinal: u32) -> String {
    format!("u{ordinal}")
}

fn run(sequence: u64, events: &[Did]) -> Run {
    let mut days: BTreeMap<Day, DayRows> = BTreeMap::new();
    for (time, (day, user, activity)) in (0..).zip(events) {
        days.entry(*day).or_default().push(*user, activity.as_bytes(), time);
    }
    let span = |day: Day| DaySpan {
        day,
        start: i64::from(day) * DAY_US,
        end: i64::from(day + 1) * DAY_US,
    };
    Run::new(sequence, days.into_iter().map(|(day, rows)| (span(day), rows)).collect())
}

impl World {
    /// The events in several runs, as if committed in batches.
    pub(super) fn new(events: Vec<Did>) -> World {
        let file = || NumberedFile { number: 0, length: 0, checksum: 0 };
        let manifest = Manifest {
            database: 0,
            number: 0,
            applied: 0,
            published: 0,
            next_generation: 0,
            wal_from: 0,
            catalog: file(),
            summary: file(),
            days: Vec::new(),
            users: Vec::new(),
            ledgers: Vec::new(),
        };
        let published = Published {
            manifest: Arc::new(manifest),
            catalog: Arc::new(Catalog::new("UTC", "", 0, 0)),
            calendar: Calendar::new(Zone::utc(), []),
            days: Vec::new(),
            sealed: Arc::new(Vec::new()),
        };
        let mut memtable = Memtable::default();
        for (sequence, batch) in (1..).zip(events.chunks(7)) {
            memtable.push(run(sequence, batch));
        }
        let inner = SnapshotInner::new(&published, memtable, users(), 0);
        World { events, snapshot: Snapshot { inner: Arc::new(inner) } }
    }

    pub(super) fn ask(&self, query: &Query) -> Answer {
        self.snapshot.query(query).unwrap()
    }

    /// Events of the user in `[from, to)`.
    pub(super) fn times(&self, event: &Selector, user: u32, from: Day, to: Day) -> u64 {
        let names = event.names();
        let matches = |&&(day, who, name): &&Did| {
            who == user
                && (from..to).contains(&day)
                && (*event == Selector::Any || names.iter().any(|known| known == name))
        };
        self.events.iter().filter(matches).count() as u64
    }

    pub(super) fn active(&self, event: &Selector, user: u32, from: Day, to: Day) -> bool {
        self.times(event, user, from, to) > 0
    }

    pub(super) fn ever_before(&self, event: &Selector, user: u32, day: Day) -> bool {
        self.active(event, user, Day::MIN, day)
    }

    pub(super) fn first_day(&self) -> Option<Day> {
        self.events.iter().map(|(day, ..)| *day).min()
    }

    /// People with a stored event who are in the set.
    pub(super) fn people(&self, set: Option<&SetKind>) -> BTreeSet<u32> {
        let known = self.events.iter().map(|(_, user, _)| *user).filter(|user| *user != NO_USER);
        known.filter(|user| set.is_none_or(|set| self.in_set(set, *user))).collect()
    }

    fn in_set(&self, set: &SetKind, user: u32) -> bool {
        match set {
            SetKind::Did { event, from, to, at_least, at_most } => {
                let (from, to) = (from.unwrap_or(Day::MIN), to.unwrap_or(Day::MAX));
                let times = self.times(event, user, from, to);
                times >= *at_least && at_most.is_none_or(|most| times <= most)
            }
            SetKind::FirstDid { event, from, to } => {
                self.active(event, user, *from, *to) && !self.ever_before(event, user, *from)
            }
            SetKind::Ids(ids) => ids.contains(&id(user)),
            SetKind::And(sets) => sets.iter().all(|set| self.in_set(set, user)),
            SetKind::Or(sets) => sets.iter().any(|set| self.in_set(set, user)),
            SetKind::Not(set) => !self.in_set(set, user),
        }
    }
}

/// A bucket as the answer cut it, and what `as_of` says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) start: Day,
    pub(super) end: Day,
    pub(super) begun: bool,
    pub(super) complete: bool,
}

/// `[start, end)` seen from `as_of`, in microseconds.
pub(super) fn cut(start: Day, end: Day, as_of: i64) -> Cut {
    let at = |day: Day| i64::from(day) * DAY_US;
    Cut { start, end, begun: at(start) < as_of, complete: at(end) <= as_of }
}

/// The answer's buckets.
pub(super) fn cuts(answer: &Answer, as_of: i64) -> Vec<Cut> {
    let starts = answer.buckets.iter().map(|bucket| crate::time::day_from(bucket.start));
    let edges: Vec<Day> = starts.chain([crate::time::day_from(answer.info.to)]).collect();
    let cuts: Vec<Cut> = edges.windows(2).map(|edge| cut(edge[0], edge[1], as_of)).collect();
    for (cut, bucket) in cuts.iter().zip(&answer.buckets) {
        assert_eq!(cut.complete, bucket.complete);
    }
    cuts
}

pub(super) fn day_text(day: Day) -> String {
    crate::time::format_day(day)
}

pub(super) fn instant(at: i64) -> DateTime<Utc> {
    crate::time::instant_of(at)
}

pub(super) fn any_world() -> impl Strategy<Value = Arc<World>> {
    let person = prop_oneof![9 => proptest::sample::select(&PEOPLE[..]), 1 => Just(NO_USER)];
    let event = (-DAYS..DAYS, person, proptest::sample::select(&["a", "b", "c"][..]));
    proptest::collection::vec(event, 0..150).prop_map(|events| Arc::new(World::new(events)))
}

pub(super) fn any_event() -> impl Strategy<Value = Selector> {
    let some: [Selector; 5] =
        [Selector::Any, "a".into(), "b".into(), ["a", "c"].into(), "never".into()];
    proptest::sample::select(some.to_vec())
}

pub(super) fn any_set() -> impl Strategy<Value = Set> {
    let day = || -DAYS - 5..DAYS + 5;
    let did =
        (any_event(), proptest::option::of(day()), 0..40, 1u64..4, proptest::option::of(0u64..3));
    let did = did.prop_map(|(event, from, width, at_least, more)| {
        let set = Set::did(event).at_least(at_least);
        let set = more.map_or(set.clone(), |more| set.at_most(at_least + more));
        match from {
            Some(from) => set.from(day_text(from)).to(day_text(from + width)),
            None => set,
        }
    });
    let first = (any_event(), day(), 0..40).prop_map(|(event, from, width)| {
        Set::first_did(event, day_text(from), day_text(from + width))
    });
    let ids = proptest::sample::subsequence(PEOPLE.to_vec(), 0..8)
        .prop_map(|users| Set::ids(users.into_iter().map(id).chain(["stranger".to_owned()])));
    let leaf = prop_oneof![3 => did, 1 => first, 1 => ids];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let several = proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            several.clone().prop_map(Set::all_of),
            several.prop_map(Set::one_of),
            inner.prop_map(|set| !set),
        ]
    })
}

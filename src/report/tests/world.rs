//! A small database in memory, and the same events as plain sets.

use crate::catalog::Catalog;
use crate::catalog::manifest::{DayFileEntry, FirstFileEntry, Manifest, NumberedFile};
use crate::codec::bits::Bits;
use crate::day::build::build_section;
use crate::day::file::{DayFileWriter, FileIdentity};
use crate::day::rows::{DayRows, NO_USER};
use crate::day::summary::Summary;
use crate::first::block::Firsts;
use crate::first::file::{FirstFile, Part};
use crate::fs::Fs;
use crate::fs::simulated::SimulatedFs;
use crate::memtable::{Memtable, Run};
use crate::query::answer::{Answer, BucketStart};
use crate::query::{FromDate, SetTree, ToDate};
use crate::snapshot::files::{OpenFiles, day_name, first_name};
use crate::snapshot::{Published, Snapshot, SnapshotInner};
use crate::time::{Day, DaySpan};
use crate::users::{LiveUsers, UsersView};
use crate::{Query, Selector, Set};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
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

fn manifest(days: Vec<DayFileEntry>, first: Option<Vec<FirstFileEntry>>) -> Manifest {
    let file = NumberedFile { number: 0, length: 0, checksum: 0 };
    Manifest {
        database: 0,
        number: 0,
        applied: 2,
        published: 0,
        next_generation: 5,
        wal_from: 0,
        catalog: file,
        summary: file,
        days,
        users: Vec::new(),
        ledgers: Vec::new(),
        first,
        history: Vec::new(),
        days_from: None,
        rows_from: None,
        dead: Vec::new(),
        time_zone: "UTC".to_string(),
        hash_key: [0; 16],
        written_by: String::new(),
    }
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

fn by_day(events: &[Did]) -> Vec<(DaySpan, DayRows)> {
    let mut days: BTreeMap<Day, DayRows> = BTreeMap::new();
    for (time, (day, user, activity)) in (0..).zip(events) {
        days.entry(*day).or_default().push(*user, activity.as_bytes(), time);
    }
    let span = |day: Day| {
        let start = i64::from(day) * DAY_US;
        DaySpan { day, start, end: start + DAY_US }
    };
    days.into_iter().map(|(day, rows)| (span(day), rows)).collect()
}

/// Writes a day file of these events and answers its entry, with its sections in the summary.
fn day_file(fs: &SimulatedFs, generation: u64, events: &[Did], all: &mut Summary) -> DayFileEntry {
    let identity = FileIdentity {
        database: 0,
        generation,
        sequence_first: generation,
        sequence_last: generation,
        replaces: Vec::new(),
    };
    let path = Path::new(ROOT).join(day_name(generation));
    let mut file = DayFileWriter::create(fs, &path, identity).unwrap();
    for (span, rows) in by_day(events) {
        file.add(&build_section(span, &rows).unwrap(), generation, generation).unwrap();
    }
    let done = file.finish(fs).unwrap();
    all.sections.extend(done.places);
    DayFileEntry { generation, length: done.length, checksum: done.checksum }
}

/// Writes a generation of the first-seen index of these events; nobody knows of others.
fn first_file(fs: &SimulatedFs, generation: u64, events: &[Did]) -> FirstFileEntry {
    let names = events.iter().map(|(_, _, name)| Some(*name)).chain([None]);
    let names: BTreeSet<Option<&str>> = names.collect();
    let part = |name: Option<&str>| {
        let block = |chunk: u32| {
            let (mut firsts, mut users) = (Firsts::new(), Bits::EMPTY);
            for (day, user, _) in events.iter().filter(|did| name.is_none_or(|n| n == did.2)) {
                if *user != NO_USER && user >> 16 == chunk {
                    firsts.meet(*user as u16, *day);
                    users.insert(*user as u16);
                }
            }
            Some((chunk, firsts.block(&users)?))
        };
        let blocks = (0..4).filter_map(block).collect();
        Ok(Part { activity: name.map(str::to_owned), blocks })
    };
    let path = Path::new(ROOT).join(first_name(generation));
    FirstFile::write(fs, &path, 0, generation, names.into_iter().map(part)).unwrap()
}

const ROOT: &str = "db";

impl World {
    /// The events in two day files up to these places, the rest in several runs. Every other world
    /// has a first-seen index of the files.
    pub(super) fn new(events: Vec<Did>, filed: (usize, usize)) -> World {
        World::damaged(events, filed, |_| {})
    }

    /// The same, after something has happened to the second day file.
    pub(super) fn damaged(
        events: Vec<Did>,
        filed: (usize, usize),
        damage: impl FnOnce(&mut Vec<u8>),
    ) -> World {
        let fs = SimulatedFs::new();
        fs.create_dir_all(&Path::new(ROOT).join("days")).unwrap();
        let mut summary = Summary::default();
        let parts = [(1, &events[..filed.0]), (2, &events[filed.0..filed.1])];
        let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
        fs.create_dir_all(&Path::new(ROOT).join("first")).unwrap();
        let first = parts.clone().map(|(generation, part)| first_file(&fs, generation + 2, part));
        let first = events.len().is_multiple_of(2).then(|| first.collect());
        let days = parts.map(|(generation, part)| day_file(&fs, generation, part, &mut summary));
        let manifest = Arc::new(manifest(days.collect(), first));
        if filed.1 > filed.0 {
            fs.edit(&Path::new(ROOT).join(day_name(2)), damage);
        }
        let catalog = Arc::new(Catalog::new("UTC", "", 0, 0));
        let mut open = OpenFiles::default();
        let root = Path::new(ROOT);
        let published =
            Published::open(&fs, root, &mut open, manifest, catalog, &summary, &[]).unwrap();
        let mut memtable = Memtable::default();
        for (sequence, batch) in (3..).zip(events[filed.1..].chunks(7)) {
            memtable.push(Run::new(sequence, by_day(batch)));
        }
        let inner = SnapshotInner::new(&published, memtable, users());
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
    pub(super) fn people(&self, set: Option<&SetTree>) -> BTreeSet<u32> {
        let known = self.events.iter().map(|(_, user, _)| *user).filter(|user| *user != NO_USER);
        known.filter(|user| set.is_none_or(|set| self.in_set(set, *user))).collect()
    }

    fn in_set(&self, set: &SetTree, user: u32) -> bool {
        match set {
            SetTree::Did { event, from, to, at_least, at_most } => {
                let from = from.map_or(Day::MIN, first_date);
                let to = to.map_or(Day::MAX, end_date);
                let times = self.times(event, user, from, to);
                times >= *at_least && at_most.is_none_or(|most| times <= most)
            }
            SetTree::FirstDid { event, from, to } => {
                let (from, to) = (first_date(*from), end_date(*to));
                self.active(event, user, from, to) && !self.ever_before(event, user, from)
            }
            SetTree::Ids(ids) => ids.contains(&id(user)),
            SetTree::And(sets) => sets.iter().all(|set| self.in_set(set, user)),
            SetTree::Or(sets) => sets.iter().any(|set| self.in_set(set, user)),
            SetTree::Not(set) => !self.in_set(set, user),
            SetTree::Cohort(_) | SetTree::Funnel { .. } => panic!("not in this model"),
        }
    }
}

/// The sets of this model name dates.
fn first_date(from: FromDate) -> Day {
    match from {
        FromDate::Date(day) => day,
        FromDate::Back(..) => panic!("not in this model"),
    }
}

fn end_date(to: ToDate) -> Day {
    match to {
        ToDate::Date(day) => day,
        ToDate::Today => panic!("not in this model"),
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
    let starts = answer.buckets.iter().map(|bucket| start_day(bucket.start));
    let edges: Vec<Day> = starts.chain([crate::time::day_from(answer.info.to.unwrap())]).collect();
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
    let events = proptest::collection::vec(event, 0..150);
    (events, 0.0..1.0, 0.0..1.2).prop_map(|(events, first, both): (Vec<Did>, f64, f64)| {
        let place = |share: f64| ((events.len() as f64 * share) as usize).min(events.len());
        let filed = (place(first.min(both)), place(both));
        Arc::new(World::new(events, filed))
    })
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

/// The day that a bucket starts on.
pub(super) fn start_day(start: BucketStart) -> Day {
    match start {
        BucketStart::Date(date) => crate::time::day_from(date),
        BucketStart::Hour(hour) => panic!("not a day: {hour}"),
    }
}

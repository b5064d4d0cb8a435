//! Random operations against a naive model: batches, imports, erasures, flushes, power cuts.

use super::input::Input;
use super::world::{DAY_US, create, day_of, event, import, on_this_thread, open, whole, write};
use crate::db::Db;
use crate::event::Event;
use crate::fs::simulated::SimulatedFs;
use crate::query::Query;
use crate::snapshot::Snapshot;
use crate::time::{Day, micros_from};
use crate::write::Batch;
use crate::write::bulk::Replace;
use std::collections::{BTreeMap, BTreeSet};

const OPERATIONS_MAX: usize = 60;
const EVENTS_MAX: usize = 6;

/// Day, activity, user and time in the day, and how often.
type Rows = BTreeMap<(Day, String, Option<String>, i64), u64>;

/// A database and what it must hold.
struct Story {
    disk: SimulatedFs,
    db: Option<Db>,
    stored: Vec<Event>,
    /// What was sent under each id.
    sent: Vec<(String, Vec<Event>, bool)>,
    /// Who was erased: nobody sends anything of theirs again.
    erased: BTreeSet<String>,
}

pub(super) fn operations(data: &[u8]) -> bool {
    on_this_thread(|| {
        let disk = SimulatedFs::new();
        let db = Some(create(&disk));
        let mut story =
            Story { disk, db, stored: Vec::new(), sent: Vec::new(), erased: BTreeSet::new() };
        let mut input = Input(data);
        for _ in 0..OPERATIONS_MAX {
            if input.is_empty() {
                break;
            }
            story.go_on(&mut input);
            story.compare();
        }
        !story.stored.is_empty()
    })
}

/// Events that an input chooses; `with_id`: each with an insert id of its own contents.
fn events(input: &mut Input<'_>, with_id: bool, erased: &BTreeSet<String>) -> Vec<Event> {
    let count = 1 + usize::from(input.u8()) % EVENTS_MAX;
    let one = |_| {
        let (who, what) = (input.u8() % 24, input.u8());
        let user = Some(format!("user {who}")).filter(|user| who > 0 && !erased.contains(user));
        let user = user.unwrap_or_default();
        let activity = ["a", "b", "c"][usize::from(what) % 3];
        let (day, second) = (i64::from(what / 3 % 6), i64::from(input.u8()));
        let event = event(&user, activity, day, second).with("plan", i64::from(who % 3));
        match with_id {
            true => event.insert_id(format!("{user} {activity} {day} {second}")),
            false => event,
        }
    };
    (0..count).map(one).collect()
}

impl Story {
    fn db(&self) -> &Db {
        match &self.db {
            Some(db) => db,
            None => panic!("the database is open between operations"),
        }
    }

    fn go_on(&mut self, input: &mut Input<'_>) {
        match input.u8() % 13 {
            0..3 => self.write_named(input),
            3..5 => self.write_inserted(input),
            5 => self.send_again(input),
            6 => self.import(input),
            7 => self.replace(input),
            8 => whole(self.db().flush()),
            9 => whole(self.db().compact()),
            10 => self.reopen(input),
            11 => self.erase(input),
            _ => self.verify(),
        }
    }

    fn write_named(&mut self, input: &mut Input<'_>) {
        let (id, events) =
            (format!("batch {}", self.sent.len()), events(input, false, &self.erased));
        let receipt = write(self.db(), Batch::new().id(id.clone()).events(events.clone()));
        assert_eq!((receipt.accepted, receipt.repeated), (events.len() as u64, false));
        self.stored.extend(events.iter().cloned());
        self.sent.push((id, events, false));
    }

    /// Those that are stored on their day, or come twice in the batch, are duplicates.
    fn write_inserted(&mut self, input: &mut Input<'_>) {
        let events = events(input, true, &self.erased);
        let receipt = write(self.db(), Batch::new().events(events.clone()));
        let before = self.stored.len();
        for event in &events {
            let is_stored = |stored: &Event| stored.insert_id == event.insert_id;
            if !self.stored.iter().any(is_stored) {
                self.stored.push(event.clone());
            }
        }
        let accepted = (self.stored.len() - before) as u64;
        let duplicates = events.len() as u64 - accepted;
        assert_eq!((receipt.accepted, receipt.duplicates), (accepted, duplicates));
    }

    fn send_again(&mut self, input: &mut Input<'_>) {
        let at = usize::from(input.u8()) % self.sent.len().max(1);
        let Some((id, events, is_import)) = self.sent.get(at).cloned() else { return };
        let repeated = match is_import {
            true => whole(import(self.db(), &id, &events, Replace::Nothing)),
            false => write(self.db(), Batch::new().id(id).events(events)).repeated,
        };
        assert!(repeated, "sent before");
    }

    fn import(&mut self, input: &mut Input<'_>) {
        let (id, events) =
            (format!("import {}", self.sent.len()), events(input, false, &self.erased));
        assert!(!whole(import(self.db(), &id, &events, Replace::Nothing)));
        self.stored.extend(events.iter().cloned());
        self.sent.push((id, events, true));
    }

    fn replace(&mut self, input: &mut Input<'_>) {
        let (id, events) =
            (format!("import {}", self.sent.len()), events(input, false, &self.erased));
        let days: BTreeSet<Day> = events.iter().map(day_of).collect();
        assert!(!whole(import(self.db(), &id, &events, Replace::WholeDays(days.clone()))));
        self.stored.retain(|event| !days.contains(&day_of(event)));
        self.stored.extend(events.iter().cloned());
        self.sent.push((id, events, true));
    }

    fn erase(&mut self, input: &mut Input<'_>) {
        let user = format!("user {}", 1 + input.u8() % 23);
        let is_theirs = |event: &Event| event.user.as_deref() == Some(&user);
        let events = self.stored.iter().filter(|event| is_theirs(event)).count() as u64;
        let receipt = whole(self.db().erase([&user]));
        assert_eq!(receipt.events, events, "events of {user}");
        self.stored.retain(|event| !is_theirs(event));
        self.erased.insert(user);
    }

    /// After a clean close, an end without one, or a power cut.
    fn reopen(&mut self, input: &mut Input<'_>) {
        let (way, seed) = (input.u8() % 4, u64::from(input.u8()));
        let db = self.db.take();
        match (way, db) {
            (0, Some(db)) => whole(db.close()),
            (1, db) => drop(db),
            (2, db) => {
                self.disk = self.disk.kill();
                drop(db);
            }
            (_, db) => {
                self.disk = self.disk.crash(seed);
                drop(db);
            }
        }
        self.db = Some(whole(open(&self.disk)));
    }

    fn verify(&self) {
        let damages = whole(self.db().verify()).damages;
        assert!(damages.is_empty(), "{damages:?}");
    }

    /// The rows are those of the model, and so are the daily actives.
    fn compare(&self) {
        let mut expected = Rows::new();
        for event in &self.stored {
            let time = event.time.map_or(0, micros_from).rem_euclid(DAY_US);
            let user = event.user.clone().filter(|user| !user.is_empty());
            *expected.entry((day_of(event), event.activity.clone(), user, time)).or_default() += 1;
        }
        let snapshot = whole(self.db().snapshot());
        assert_eq!(rows(&snapshot), expected, "what is stored");
        let people = expected.keys().filter_map(|(day, _, user, _)| Some((*day, user.clone()?)));
        let people = people.collect::<BTreeSet<_>>().len() as u64;
        let answer = whole(snapshot.query(&Query::active("*")));
        let counted = answer.counts("users").unwrap_or_default();
        assert_eq!(counted.iter().flatten().sum::<u64>(), people, "daily actives");
    }
}

fn rows(snapshot: &Snapshot) -> Rows {
    let mut all = Rows::new();
    let inner = &snapshot.inner;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    for day in &inner.days {
        let sections = day.sections.iter().map(|section| whole(section.section.rows()));
        for rows in sections.chain(day.run_days().map(|run| run.rows.clone())) {
            for row in 0..rows.len() {
                let activity = text(rows.strings.get(rows.activities[row]).to_vec());
                let user = whole(inner.users.id(rows.users[row])).map(text);
                let key = (day.span.day, activity, user, rows.times[row]);
                *all.entry(key).or_default() += 1;
            }
        }
    }
    all
}

//! Workloads that follow from a seed, and what the database holds after each of their steps.

use super::super::bulk::try_import;
use super::*;
use crate::fs::simulated::Random;
use crate::write::bulk::Replace;
use crate::{Query, Value};
use std::collections::BTreeSet;

/// Acts of a story.
const ACTS: usize = 14;
/// Insert ids are looked for on an event's own day: those of a replaced day go with it, so that
/// batches known by them keep to days that nobody replaces.
const NEVER_REPLACED_FROM: i64 = 10;

/// What is done to a database, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Write(Data),
    Flush,
    Compact,
    /// Open anew, after a clean close or without one.
    Reopen(bool),
}

/// What changes rows. Each can be sent again, and is then applied no second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    /// A batch with an id.
    Named,
    /// A batch without one, each event with an insert id.
    Inserted,
    Imported,
    /// An import that replaces whole days.
    Replaced,
    /// The own user of an earlier change, told by its number, is erased.
    Erased(usize),
}

/// A workload.
#[derive(Debug)]
pub(super) struct Story {
    acts: Vec<Act>,
    data: Vec<Data>,
    /// Rows after so many changes.
    states: Vec<Rows>,
}

impl Story {
    pub(super) fn of(seed: u64) -> Story {
        let mut random = Random(seed);
        let act = |_| match random.below(100) {
            0..38 => Act::Write(Data::Named),
            38..55 => Act::Write(Data::Inserted),
            55..64 => Act::Write(Data::Imported),
            64..70 => Act::Write(Data::Replaced),
            70..75 => Act::Write(Data::Erased(0)),
            75..82 => Act::Flush,
            82..89 => Act::Compact,
            under => Act::Reopen(under < 94),
        };
        Story::new((0..ACTS).map(act).collect())
    }

    /// Short, with everything that a story can have.
    pub(super) fn of_everything() -> Story {
        let writes = [Data::Named, Data::Inserted].map(Act::Write);
        let imports = [Data::Imported, Data::Replaced].map(Act::Write);
        let mut acts = Vec::new();
        for act in [Act::Flush, Act::Reopen(false), Act::Compact, Act::Reopen(true)] {
            acts.extend(writes);
            acts.push(act);
        }
        acts.extend(imports);
        acts.extend([Act::Reopen(false), writes[0], writes[1], Act::Flush, Act::Reopen(false)]);
        acts.extend(writes);
        acts.extend([Act::Write(Data::Erased(0)), writes[1], Act::Reopen(false), writes[0]]);
        acts.extend([Data::Erased(0), Data::Erased(0)].map(Act::Write));
        Story::new(acts)
    }

    fn new(acts: Vec<Act>) -> Story {
        let data = acts.iter().filter_map(|act| match act {
            Act::Write(data) => Some(*data),
            _ => None,
        });
        let data = with_persons(data.collect());
        let mut stored: Vec<Event> = Vec::new();
        let mut states = vec![Rows::new()];
        for (n, data) in data.iter().enumerate() {
            if *data == Data::Replaced {
                stored.retain(|event| !replaced_days(n).contains(&day_of(event)));
            }
            stored.extend(events(n, *data));
            if let Data::Erased(change) = data {
                stored.retain(|event| event.user != Some(own_user(*change)));
            }
            states.push(expected(&stored));
        }
        Story { acts, data, states }
    }

    /// Does all acts; each change that was acknowledged is noted on the disk. Ends at the first
    /// failure.
    pub(super) fn tell(&self, world: &World) -> Result<()> {
        let mut db = world.try_open()?;
        let mut done = 0;
        for act in &self.acts {
            match act {
                Act::Write(_) => {
                    self.send(&db, done)?;
                    world.disk.note("ack");
                    done += 1;
                }
                Act::Flush => db.flush()?,
                Act::Compact => drop(db.compact()?),
                Act::Reopen(closed) => {
                    if *closed {
                        db.close()?;
                    } else {
                        drop(db);
                    }
                    db = world.try_open()?;
                }
            }
        }
        Ok(())
    }

    /// Sends a change; whether it was known.
    fn send(&self, db: &Db, n: usize) -> Result<bool> {
        let (data, id) = (self.data[n], format!("change {n}"));
        let events = events(n, data);
        Ok(match data {
            Data::Named => db.writer()?.write_batch(Batch::new().id(id).events(events))?.repeated,
            Data::Inserted => {
                let sent = events.len() as u64;
                let receipt = db.writer()?.write_batch(Batch::new().events(events))?;
                // Who was erased since is no duplicate any more, and not taken either.
                match receipt.duplicates + receipt.rejected.len() as u64 {
                    0 => false,
                    known if known == sent => true,
                    some => panic!("{some} of {sent} events of change {n} were known"),
                }
            }
            Data::Imported => try_import(db, Some(&id), &events, Replace::Nothing)?.is_none(),
            Data::Erased(change) => db.erase([own_user(change)])?.erased == 0,
            Data::Replaced => {
                let days = replaced_days(n).iter().map(|day| *day as i32).collect();
                try_import(db, Some(&id), &events, Replace::WholeDays(days))?.is_none()
            }
        })
    }

    /// After a crash: a whole number of changes in order, at least those acknowledged, and all
    /// bytes as they were written. How many changes there are.
    pub(super) fn check(&self, disk: SimulatedFs, acknowledged: usize) -> Result<usize, String> {
        let world = World::on(disk);
        let db = world.try_open().map_err(|e| format!("does not open: {e}"))?;
        let found = read(&db)?;
        // The latest of those alike: a replacement by the same leaves no trace.
        let survived = self.states.iter().rposition(|state| *state == found);
        let survived =
            survived.ok_or_else(|| format!("not what was written up to any change: {found:?}"))?;
        if survived < acknowledged {
            return Err(format!("{survived} of {acknowledged} acknowledged changes survived"));
        }
        let snapshot = db.snapshot().map_err(|e| e.to_string())?;
        if !snapshot.inner.catalog.erasing.is_empty() {
            return Err("an erasure is not finished".to_string());
        }
        let damages = db.verify().map_err(|e| e.to_string())?.damages;
        if !damages.is_empty() {
            return Err(format!("damaged: {damages:?}"));
        }
        Ok(survived)
    }

    /// As `check`; then the database goes on: who sends everything again has everything, once.
    pub(super) fn check_on(&self, disk: SimulatedFs, acknowledged: usize) -> Result<(), String> {
        let survived = self.check(disk.clone(), acknowledged)?;
        let world = World::on(disk.kill());
        self.send_again(&world, survived)?;
        let db = world.try_open().map_err(|e| format!("does not open again: {e}"))?;
        let last = self.states.last().cloned().unwrap_or_default();
        let found = read(&db)?;
        if found != last {
            return Err(format!("sent again, it holds {found:?} and not {last:?}"));
        }
        check_answer(&db, &last)
    }

    /// The next change goes first: it stands on nothing but what was recovered, and must outlive
    /// another crash.
    fn send_again(&self, world: &World, survived: usize) -> Result<(), String> {
        let told = |e: crate::Error| format!("does not go on: {e}");
        let db = world.try_open().map_err(told)?;
        let next = survived..self.data.len().min(survived + 1);
        let (before, after) = (0..survived, next.end..self.data.len());
        for n in next.chain(before).chain(after) {
            let known = self.send(&db, n).map_err(told)?;
            if known != (n < survived) {
                return Err(format!("change {n} of {survived} that survived: known {known}"));
            }
            if n == survived {
                let again = self.check(world.disk.crash(0), survived + 1);
                again.map_err(|e| format!("after change {n} and another crash: {e}"))?;
            }
        }
        db.compact().map_err(told)?;
        db.close().map_err(told)
    }
}

fn read(db: &Db) -> Result<Rows, String> {
    db.snapshot()
        .and_then(|snapshot| try_rows(&snapshot))
        .map_err(|e| format!("cannot be read: {e}"))
}

/// The daily actives are those of the rows.
fn check_answer(db: &Db, rows: &Rows) -> Result<(), String> {
    let answer = db.query(&Query::active("*")).map_err(|e| e.to_string())?;
    let users = rows.keys().filter_map(|(day, _, user, _)| Some((*day, user.clone()?)));
    let users: BTreeSet<(i32, String)> = users.collect();
    let table = answer.to_table();
    let users_at = table.columns.iter().position(|column| column == "users");
    let cells = table.rows.iter().filter_map(|row| row.get(users_at?)?.as_ref());
    let counted: i64 = cells.map(|cell| if let Value::Integer(n) = cell { *n } else { 0 }).sum();
    match counted == users.len() as i64 {
        true => Ok(()),
        false => Err(format!("{counted} daily actives, where the rows have {}", users.len())),
    }
}

fn day_of(event: &Event) -> i64 {
    crate::time::micros_from(event.time.unwrap()).div_euclid(DAY_US)
}

/// Says of each erasure whom it is of: the own user of the latest change that has one left. Where
/// there is none, it is a batch instead.
fn with_persons(mut data: Vec<Data>) -> Vec<Data> {
    let mut left = Vec::new();
    for (n, data) in data.iter_mut().enumerate() {
        match data {
            Data::Erased(_) => *data = left.pop().map_or(Data::Named, Data::Erased),
            _ => left.push(n),
        }
    }
    data
}

/// The user whom a change has for itself.
fn own_user(n: usize) -> String {
    format!("user {n}")
}

fn replaced_days(n: usize) -> [i64; 2] {
    [n as i64 % 4, (n as i64 + 1) % 4]
}

/// The events of a change: a user of its own, one of all, and nobody.
fn events(n: usize, data: Data) -> Vec<Event> {
    let (second, common) = (n as i64, ["a", "b"][n % 2]);
    let day = second % 4;
    match data {
        Data::Named | Data::Imported => vec![
            event(&own_user(n), "a", day, second),
            event("everybody", common, second % 3, second),
            event("", "c", 1, second),
        ],
        Data::Inserted => {
            let day = NEVER_REPLACED_FROM + day;
            let own = event(&own_user(n), "a", day, second).insert_id(format!("own {n}"));
            let of_all = event("everybody", common, day, second).insert_id(format!("all {n}"));
            vec![own, of_all]
        }
        Data::Erased(_) => Vec::new(),
        Data::Replaced => {
            let own = event(&own_user(n), "a", replaced_days(n)[0], second);
            vec![own, event("everybody", common, replaced_days(n)[1], second)]
        }
    }
}

//! A database with damaged days: what needs them is refused, what does not answers as always, and
//! who allows it gets an answer without them that says so.
//!
//! `DAMAGE=all` turns over every bit of every file.

use super::bulk::import;
use super::damage::{Whole, day_of};
use super::*;
use crate::fs::Fs;
use crate::fs::simulated::Random;
use crate::write::bulk::Replace;
use crate::{ErrorKind, Query, Value};
use rayon::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;

/// Bits that are turned over unless all of them are.
const FLIPS: usize = 1_500;

/// Of each report one, over a range that does not hang on what is stored.
fn questions() -> Vec<Query> {
    let of = |range: [&str; 2], mut query: Json| {
        let fields = query.as_object_mut().unwrap();
        fields.insert("from".to_owned(), json!(range[0]));
        fields.insert("to".to_owned(), json!(range[1]));
        fields.insert("as_of".to_owned(), json!("1970-01-06T00:00:00Z"));
        fields.insert("allow_partial".to_owned(), json!(true));
        Query::from_value(&query).unwrap()
    };
    let (all, late) = (["1970-01-01", "1970-01-06"], ["1970-01-04", "1970-01-06"]);
    let where_ = json!([{"property": "plan", "is": "p1"}]);
    let amount = json!({"report": "value", "event": "a", "property": "price", "measure": "sum"});
    vec![
        of(all, json!({"report": "active"})),
        of(all, json!({"report": "active", "event": "a", "by": "week"})),
        of(late, json!({"report": "active", "trailing": 2})),
        of(late, json!({"report": "growth"})),
        of(late, json!({"report": "growth", "event": {"event": "a", "where": where_}})),
        of(all, json!({"report": "retention", "columns": 3})),
        of(late, json!({"report": "states"})),
        of(all, amount),
        of(all, json!({"report": "funnel", "steps": ["a", "b"], "within": "2d"})),
        of(late, json!({"report": "active", "breakdown": ["plan"]})),
        of(
            late,
            json!({"report": "active", "users": {"first_did": "b", "from": "1970-01-02",
                        "to": "1970-01-04"}}),
        ),
        of(
            all,
            json!({"report": "users", "users": {"did": "b", "at_least": 2}, "with": ["sum"],
                       "property": "price"}),
        ),
        of(all, json!({"report": "count", "users": {"not": {"did": "a"}}})),
    ]
}

/// The figures, and the days that are left out.
fn asked(db: &Db, query: &Query) -> Result<(Json, BTreeSet<i32>)> {
    let answer = db.query(query)?;
    let partial = answer.info.partial.clone().unwrap_or_default();
    assert_eq!(partial.days.is_empty(), partial.files.is_empty());
    let days = partial.days.iter().map(|date| crate::time::day_from(*date)).collect();
    let mut answer = answer.to_json();
    answer.as_object_mut().unwrap().remove("info");
    Ok((answer, days))
}

/// What the questions answer where some days never were.
#[derive(Default)]
struct Models(Mutex<BTreeMap<BTreeSet<i32>, Vec<Json>>>);

impl Models {
    fn of(&self, without: &BTreeSet<i32>) -> Vec<Json> {
        if let Some(known) = self.0.lock().unwrap().get(without) {
            return known.clone();
        }
        let db = Whole::tell(&World::new(), without, |_| ());
        let answers: Vec<Json> =
            questions().iter().map(|query| asked(&db, query).unwrap().0).collect();
        self.0.lock().unwrap().insert(without.clone(), answers.clone());
        answers
    }

    /// Each answer is that of a database without the days that it names; or refused, where what is
    /// damaged is no day.
    fn judge(&self, disk: SimulatedFs, path: &Path, log: &Path) -> Result<usize, String> {
        let of_days = path.extension().is_some_and(|end| end == "day");
        let db = match World::on(disk).try_open() {
            Err(e) if e.kind() == ErrorKind::Corruption && !of_days => return Ok(0),
            opened => opened.map_err(|e| format!("does not open: {e}"))?,
        };
        if path == log && db.open_report().dropped_bytes > 0 {
            return Ok(0);
        }
        let mut marked = 0;
        for (place, query) in questions().iter().enumerate() {
            let (answer, days) = match asked(&db, query) {
                Err(e) if e.kind() == ErrorKind::Corruption && !of_days => continue,
                answered => answered.map_err(|e| format!("question {place}: {e}"))?,
            };
            marked += usize::from(!days.is_empty());
            let model = self.of(&days);
            if answer != model[place] {
                return Err(format!(
                    "question {place} without {days:?}: {answer}, and not {}",
                    model[place]
                ));
            }
        }
        Ok(marked)
    }
}

#[test]
fn a_partial_answer_is_that_of_a_database_without_the_days_it_names() {
    let (whole, models) = (Whole::new(), Models::default());
    let bits: usize = whole.files.iter().map(|(_, bytes)| bytes.len() * 8).sum();
    let all = std::env::var("DAMAGE").is_ok_and(|value| value == "all");
    let mut random = Random(6);
    let flips: Vec<usize> = match all {
        true => (0..bits).collect(),
        false => (0..FLIPS).map(|_| random.below(bits)).collect(),
    };
    let marked = flips.par_iter().map(|flip| {
        let mut bit = *flip;
        let (path, bytes) = whole
            .files
            .iter()
            .find(|(_, bytes)| {
                let here = bit < bytes.len() * 8;
                bit -= if here { 0 } else { bytes.len() * 8 };
                here
            })
            .unwrap();
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let judged = models.judge(whole.with(path, &bytes), path, &whole.log);
        judged.map_err(|e| format!("{}, bit {bit} of byte {}: {e}", path.display(), bit / 8))
    });
    let marked: Result<Vec<usize>, String> = marked.collect();
    let marked: usize = marked.unwrap().into_iter().sum();
    assert!(marked > flips.len() / 2, "{marked} marked answers of {} flips", flips.len());
}

#[test]
fn a_day_file_that_is_cut_foreign_or_gone_leaves_its_days_out() {
    let (whole, models) = (Whole::new(), Models::default());
    let days = |(path, _): &&(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "day");
    let files: Vec<&(PathBuf, Vec<u8>)> = whole.files.iter().filter(days).collect();
    assert!(files.len() > 1);
    for (place, (path, bytes)) in files.iter().enumerate() {
        let other = &files[(place + 1) % files.len()].1;
        let cut = (0..bytes.len()).step_by(bytes.len() / 7).map(|length| bytes[..length].to_vec());
        for damaged in cut.chain([other.clone(), vec![0; bytes.len()]]) {
            let marked = models.judge(whole.with(path, &damaged), path, &whole.log).unwrap();
            assert!(marked > 0, "{}", path.display());
        }
        let disk = whole.disk.kill();
        disk.remove(path).unwrap();
        assert!(models.judge(disk, path, &whole.log).unwrap() > 0);
    }
}

/// Two files with three days each; the first one's is the damaged one.
fn two_files() -> (World, PathBuf) {
    let world = World::new();
    let db = world.create();
    write(&db, &days(0..3));
    db.flush().unwrap();
    let first = day_files(&world.disk);
    write(&db, &days(3..6));
    db.close().unwrap();
    (world, first[0].clone())
}

fn days(days: std::ops::Range<i64>) -> Vec<Event> {
    let of = |day: i64, user: i64| {
        let activity = ["a", "b"][(day + user) as usize % 2];
        event(&format!("user {user}"), activity, day, 60 * user).with("plan", user % 3)
    };
    let guest = |day: &i64| [1, 5].contains(day).then(|| event("guest", "a", *day, 7));
    let guests: Vec<Event> = days.clone().filter_map(|day| guest(&day)).collect();
    days.flat_map(|day| (0..day + 3).map(move |user| of(day, user))).chain(guests).collect()
}

fn day_files(disk: &SimulatedFs) -> Vec<PathBuf> {
    let mut files = disk.files(&Path::new(ROOT).join("days"));
    files.retain(|path| path.extension().is_some_and(|end| end == "day"));
    files
}

fn query(query: Json) -> Query {
    Query::from_value(&query).unwrap()
}

fn over(from: &str, mut fields: Json) -> Query {
    fields.as_object_mut().unwrap().insert("from".to_owned(), json!(from));
    fields.as_object_mut().unwrap().insert("to".to_owned(), json!("1970-01-07"));
    query(fields)
}

fn figures(db: &Db, query: &Query) -> Json {
    asked(db, query).unwrap().0
}

#[test]
fn other_days_answer_as_always() {
    let (world, first) = two_files();
    let condition = json!({"event": "a", "where": [{"property": "plan", "is": 1}]});
    let asked = [
        over("1970-01-04", json!({"report": "active", "by": "all"})),
        over("1970-01-04", json!({"report": "active", "event": condition, "by": "all"})),
        over("1970-01-04", json!({"report": "funnel", "steps": ["a", "b"]})),
        // A name that is looked for in all days.
        over("1970-01-04", json!({"report": "active", "breakdown": ["unknown"]})),
        // Who was seen before is told by the first-seen index.
        over("1970-01-05", json!({"report": "growth", "by": "day"})),
        over("1970-01-04", json!({"report": "value", "measure": "sum", "property": "plan"})),
    ];
    let whole: Vec<Json> = asked.iter().map(|query| figures(&world.open(), query)).collect();
    world.disk.remove(&first).unwrap();
    for db in [world.open(), world.read()] {
        for (query, whole) in asked.iter().zip(&whole) {
            assert_eq!(figures(&db, query), *whole, "{query:?}");
        }
        let refused = db.query(&over("1970-01-03", json!({"report": "active", "by": "all"})));
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corruption);
        let name = first.file_name().unwrap().to_str().unwrap();
        for told in [name, "whole file", "is not there", "`allow_partial`", "`daybit repair`"] {
            assert!(refused.to_string().contains(told), "{refused}");
        }
    }
}

/// Figures that depend on days before the range name them.
#[test]
fn days_before_the_range_are_named_where_figures_depend_on_them() {
    let (world, first) = two_files();
    let growth = json!({"report": "growth", "by": "day", "allow_partial": true});
    let growth = over("1970-01-04", growth);
    let whole = figures(&world.open(), &growth);
    world.disk.remove(&first).unwrap();
    for index in world.disk.files(&Path::new(ROOT).join("first")) {
        world.disk.remove(&index).unwrap();
    }
    let (answer, left_out) = asked(&world.open(), &growth).unwrap();
    assert_eq!(left_out, (0..3).collect());
    assert_ne!(answer, whole);
    let model = World::new();
    let db = model.create();
    write(&db, &days(3..6));
    assert_eq!(answer, figures(&db, &growth));
}

/// Once a day is left out, the first-seen index, which knows who came on it, is not asked.
#[test]
fn who_came_first_on_a_day_that_is_left_out_comes_first_later() {
    let (world, first) = two_files();
    let at = world.open().snapshot().unwrap().inner.days[1].sections[0].place.offset as usize;
    world.disk.edit(&first, |bytes| bytes[at..at + 40].fill(0));
    // The set reads all days; growth alone would ask the index for those before its range.
    let priced = json!({"event": "a", "where": [{"property": "plan", "exists": true}]});
    let users = json!({"or": [{"did": "a"}, {"did": priced}]});
    let growth = json!({"report": "growth", "by": "day", "users": users, "allow_partial": true});
    let growth = over("1970-01-05", growth);
    let (answer, left_out) = asked(&world.open(), &growth).unwrap();
    assert_eq!(left_out, BTreeSet::from([1]));
    let model = World::new();
    let db = model.create();
    write(&db, &[days(0..1), days(2..6)].concat());
    assert_eq!(answer, figures(&db, &growth));
}

#[test]
fn several_queries_are_each_answered_as_alone() {
    let (world, first) = two_files();
    world.disk.remove(&first).unwrap();
    let (db, allow) = (world.open(), json!({"report": "active", "by": "all"}));
    let mut partial = allow.clone();
    partial["allow_partial"] = json!(true);
    let queries =
        [over("1970-01-01", partial), over("1970-01-01", allow.clone()), over("1970-01-04", allow)];
    let answers = db.query_many(&queries).unwrap();
    for (query, answer) in queries.iter().zip(answers) {
        match (db.query(query), answer) {
            (Ok(alone), Ok(answer)) => {
                assert_eq!(
                    (alone.series, alone.info.partial),
                    (answer.series, answer.info.partial)
                );
            }
            (Err(alone), Err(answer)) => assert_eq!(alone.to_string(), answer.to_string()),
            (alone, answer) => panic!("{alone:?}, {answer:?}"),
        }
    }
}

/// A writer goes on beside a damaged day: what it writes is there, and nothing takes the day for
/// an empty one.
#[test]
fn a_writer_leaves_a_damaged_day_as_it_is() {
    let (world, first) = two_files();
    let at = world.open().snapshot().unwrap().inner.days[1].sections[0].place.offset as usize;
    // Behind the users of any activity, which a merge would make anew from those of all.
    world.disk.edit(&first, |bytes| bytes[at + 20] ^= 1);
    let any = json!({"any": ["a", "b"]});
    let by_all = || over("1970-01-01", json!({"report": "active", "event": any, "by": "all"}));
    for missing in [false, true] {
        if missing {
            world.disk.remove(&first).unwrap();
        }
        let db = world.open();
        for day in 1..5 {
            write(&db, &[event("new", "a", day, 1)]);
            db.flush().unwrap();
        }
        // A file that cannot be opened is passed over; other damage is met when it is read.
        assert_eq!(db.compact().is_err(), !missing);
        let rows = rows_of_day(&db, 3);
        assert_eq!(rows, days(3..4).len() as u64 + if missing { 2 } else { 1 });
        let damages = db.verify().unwrap().damages;
        let name = first.file_name().unwrap().to_str().unwrap();
        assert!(damages.iter().any(|damage| damage.file.contains(name)), "{damages:?}");
        assert_eq!(db.query(&by_all()).unwrap_err().kind(), ErrorKind::Corruption);
        let info = db.snapshot().unwrap().info().unwrap();
        assert!(info.damaged_days.contains(&crate::time::date_of(1)));
        assert!(db.snapshot().unwrap().days().len() == 6);
        db.close().unwrap();
    }
    let db = world.open();
    // What the damaged days held can be imported again, in their place.
    let again: Vec<Event> = days(0..3);
    let dates = again.iter().map(day_of).collect();
    import(&db, Some("again"), &again, Replace::WholeDays(dates));
    assert_eq!(db.verify().unwrap().damages, []);
    assert!(db.query(&by_all()).is_ok());
}

fn rows_of_day(db: &Db, day: i64) -> u64 {
    let date = |day: i64| crate::time::date_of(day as i32).to_string();
    let fields = json!({"report": "value", "measure": "events", "by": "all",
                        "from": date(day), "to": date(day + 1)});
    let table = db.query(&query(fields)).unwrap().to_table();
    match table.rows[0].last() {
        Some(Some(Value::Integer(rows))) => *rows as u64,
        other => panic!("{other:?}"),
    }
}

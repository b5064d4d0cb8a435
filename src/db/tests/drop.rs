//! Retention by age: what is kept is exact, what is gone is said.

use super::bulk::try_import;
use super::erase::{answers_of, detailed};
use super::*;
use crate::query::Measure;
use crate::write::bulk::Replace;
use crate::{Bucket, Condition, Query, Selector, Set};
use chrono::NaiveDate;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn date(day: i32) -> NaiveDate {
    crate::time::date_of(day)
}

fn ranged(query: Query, from: i32) -> Query {
    let as_of = crate::time::instant_of(50 * DAY_US);
    query.from(date(from).to_string()).to("1970-02-10").as_of(as_of)
}

fn on(event: &str, condition: Condition) -> Selector {
    Selector::from(event).matching([condition])
}

/// Questions that dropped rows leave answered.
fn about_people(from: i32) -> Vec<Query> {
    let ranged = |query| ranged(query, from);
    vec![
        ranged(Query::active("*")),
        ranged(Query::active(["a", "b"]).by(Bucket::Week).trailing(7)),
        ranged(Query::frequency("*")),
        ranged(Query::growth("a").by(Bucket::Week)),
        ranged(Query::states("*")),
        ranged(Query::retention("a").columns(5)),
        ranged(Query::value("*", Measure::Events)),
        ranged(Query::value("a", Measure::Sum).property("price")),
        ranged(Query::value("*", Measure::Max).property("price").by(Bucket::Month)),
        Query::count(Set::did("a").at_least(2).and(!Set::did("b"))),
    ]
}

/// Questions that need rows of every day in their range.
fn about_rows(from: i32) -> Vec<Query> {
    let ranged = |query| ranged(query, from);
    let free = Set::did("*").and(!Set::did(on("a", Condition::is("page", "/1"))));
    vec![
        ranged(Query::active("a").breakdown(["page"])),
        ranged(Query::active(on("a", Condition::is("page", "/1")))),
        ranged(Query::active(on("a", Condition::is("page", "nowhere")))),
        ranged(Query::active(on("*", Condition::is_not("page", "/1")))),
        ranged(Query::active(on("a", Condition::gt("price", 3)))),
        ranged(Query::active("a").time_zone("Asia/Tokyo")),
        ranged(Query::funnel(["a", "b"]).within("5d")),
        ranged(Query::paths_from("a")),
        ranged(Query::sessions("*")),
        ranged(Query::value("a", Measure::Median).property("price")),
        ranged(Query::value("a", Measure::Sum).property("price").breakdown(["page"])),
        ranged(Query::count(free)),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0u8..9, 0u8..6, 0u8..40, 0..86_400i64);
    let event =
        event.prop_map(|(user, activity, day, second)| detailed(user, activity, day, second));
    prop::collection::vec(event, 1..60)
}

fn time_of(event: &Event) -> i64 {
    crate::time::micros_from(event.time.unwrap())
}

/// Where a question is answered, it is answered as before; it is refused for want of rows alone.
fn as_before_or_refused(db: &Db, whole: &Db, questions: &[Query]) {
    for query in questions {
        match db.query(query) {
            Ok(answer) => {
                let (mut told, mut wanted) =
                    (answer.to_json(), whole.query(query).unwrap().to_json());
                for answer in [&mut told, &mut wanted] {
                    answer.as_object_mut().unwrap().remove("info");
                }
                assert_eq!(told, wanted);
            }
            Err(e) => assert_eq!(e.kind(), ErrorKind::Dropped, "{e}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn without_rows_people_are_told_as_before(
        (early, late, edge) in (events(), events(), 0i32..40),
        erased in prop::collection::btree_set(0u8..9, 0..3),
    ) {
        let world = World::new();
        let (db, whole) = (world.create(), World::new().create());
        for (at, events) in [&early[..], &late[..]].into_iter().enumerate() {
            write(&db, events);
            write(&whole, events);
            if at == 0 {
                db.drop_rows_before(date(edge)).unwrap();
            }
            db.flush().unwrap();
        }
        prop_assert_eq!(answers_of(&db, &about_people(0)), answers_of(&whole, &about_people(0)));
        as_before_or_refused(&db, &whole, &about_rows(0));
        db.compact().unwrap();
        prop_assert_eq!(answers_of(&db, &about_people(0)), answers_of(&whole, &about_people(0)));
        prop_assert_eq!(&db.verify().unwrap().damages, &[]);
        if !erased.is_empty() {
            let ids: Vec<String> = erased.iter().map(|user| format!("u{user}")).collect();
            db.erase(&ids).unwrap();
            whole.erase(&ids).unwrap();
            // What the numbers came to is not known any more.
            let counted: Vec<usize> = vec![0, 1, 2, 3, 4, 5, 6, 9];
            let (told, all) = (about_people(0), about_people(0));
            let some = |queries: &[Query]| -> Vec<Query> {
                counted.iter().map(|at| queries[*at].clone()).collect()
            };
            prop_assert_eq!(answers_of(&db, &some(&told)), answers_of(&whole, &some(&all)));
            as_before_or_refused(&db, &whole, &about_people(0));
            prop_assert_eq!(&db.verify().unwrap().damages, &[]);
        }
        drop(db);
        let db = world.open();
        as_before_or_refused(&db, &whole, &about_rows(0));
        db.drop_rows_before(date(60)).unwrap();
        if erased.is_empty() {
            let people = about_people(0);
            prop_assert_eq!(answers_of(&db, &people), answers_of(&whole, &people));
        }
    }

    #[test]
    fn without_days_first_ever_is_told_as_before(
        (early, late, edge) in (events(), events(), 0i32..40),
        erased in prop::collection::btree_set(0u8..9, 0..3),
    ) {
        let world = World::new();
        let (db, whole) = (world.create(), World::new().create());
        let late: Vec<Event> =
            late.into_iter().filter(|event| time_of(event) >= i64::from(edge) * DAY_US).collect();
        // A week that the edge cuts has days that are gone.
        let week = if (edge - 4) % 7 == 0 { Bucket::Week } else { Bucket::Day };
        let ever = || vec![
            ranged(Query::growth("a").by(week), edge),
            ranged(Query::growth(["a", "b"]).new_means_any(), edge),
            ranged(Query::states("*"), edge),
            ranged(Query::retention("a").by(week).columns(5), edge),
            ranged(Query::retention("b").cohort(crate::CohortKind::FirstEver).columns(5), edge),
            ranged(Query::active("*").trailing(1), edge),
        ];
        write(&db, &early);
        write(&whole, &early);
        let receipt = db.drop_days_before(date(edge)).unwrap();
        let before = |event: &&Event| time_of(event) < i64::from(edge) * DAY_US;
        let distinct = |events: &[Event]| {
            events.iter().filter(before).map(|e| e.insert_id.clone()).collect::<BTreeSet<_>>().len()
        };
        prop_assert_eq!(receipt.events, distinct(&early) as u64);
        let held = rows(&db.snapshot().unwrap());
        prop_assert!(held.keys().all(|(day, ..)| *day >= edge));
        let same = |db: &Db, whole: &Db| {
            for query in ever() {
                let (told, wanted) = (db.query(&query).unwrap(), whole.query(&query).unwrap());
                assert_eq!(new_of(&told.to_json()), new_of(&wanted.to_json()));
            }
        };
        same(&db, &whole);
        write(&db, &late);
        write(&whole, &late);
        same(&db, &whole);
        let replaced = Replace::WholeDays(BTreeSet::from([edge + 1]));
        try_import(&db, None, &[event("u3", "a", i64::from(edge) + 1, 5)], replaced).unwrap();
        let replaced = Replace::WholeDays(BTreeSet::from([edge + 1]));
        try_import(&whole, None, &[event("u3", "a", i64::from(edge) + 1, 5)], replaced).unwrap();
        same(&db, &whole);
        prop_assert_eq!(&db.verify().unwrap().damages, &[]);
        let snapshot = db.snapshot().unwrap();
        if let Some(first) = &snapshot.inner.first {
            first.distrust("test", "the days and the history are to tell".to_string());
        }
        same(&db, &whole);
        if !erased.is_empty() {
            let ids: Vec<String> = erased.iter().map(|user| format!("u{user}")).collect();
            db.erase(&ids).unwrap();
            whole.erase(&ids).unwrap();
            same(&db, &whole);
        }
        drop(snapshot);
        drop(db);
        same(&world.open(), &whole);
    }
}

/// Questions of which each is one kind that looks back over the start of its range.
fn looking_back(from: i32) -> Vec<Query> {
    let ranged = |query| ranged(query, from);
    let whole = |query: Query| query.by(Bucket::All);
    let often = Set::did("*").at_least(2);
    vec![
        ranged(Query::active("*")),
        ranged(Query::active("a").trailing(3)),
        ranged(Query::active("*").only(often.clone())),
        ranged(Query::stickiness("a").trailing(None)),
        ranged(Query::growth("a").only(often.clone())),
        ranged(Query::growth("a").breakdown(["page"])),
        ranged(Query::growth("a").property("price")),
        ranged(whole(Query::growth("a"))),
        ranged(whole(Query::growth("a").gap(2))),
        ranged(Query::states("*").only(often)),
        ranged(Query::states("*").breakdown(["page"])),
        ranged(Query::retention("a").columns(3).breakdown(["page"])),
        ranged(Query::retention("a").columns(3).property("price")),
        ranged(Query::retention("a").columns(3).elapsed()),
        ranged(Query::retention("a").cohort(crate::CohortKind::Recurring).columns(3).elapsed()),
        ranged(Query::sessions("*").session_gap("12h")),
        ranged(whole(Query::value("*", Measure::Events)).time_zone("Asia/Tokyo")),
        ranged(whole(Query::value("*", Measure::Events)).time_zone("America/New_York")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_is_not_warned_of_is_as_before(
        (events, edge, after) in (events(), 1i32..39, 0i32..5),
    ) {
        let (db, whole) = (World::new().create(), World::new().create());
        write(&db, &events);
        write(&whole, &events);
        db.drop_days_before(date(edge)).unwrap();
        for query in looking_back(edge + after) {
            // A range may begin after the last event.
            let Ok(told) = db.query(&query) else {
                prop_assert!(whole.query(&query).is_err());
                continue;
            };
            if told.info.warnings.iter().all(|warning| !warning.contains("were dropped")) {
                let queries = [query];
                prop_assert_eq!(answers_of(&db, &queries), answers_of(&whole, &queries));
            }
        }
    }
}

/// Of growth, states and retention what follows from first days.
fn new_of(answer: &serde_json::Value) -> Vec<serde_json::Value> {
    let series = answer["series"].as_array().unwrap();
    let cohort = |cohort: &serde_json::Value| cohort["size"].clone();
    series
        .iter()
        .flat_map(|one| match one["cohorts"].as_array() {
            Some(cohorts) => cohorts.iter().map(cohort).collect(),
            None => vec![one["new"].clone(), one["users"].clone()],
        })
        .collect()
}

#[test]
fn what_was_dropped_is_warned_of() {
    let db = World::new().create();
    write(&db, &(0..20).map(|n| detailed(n % 5, n, n, 1)).collect::<Vec<_>>());
    let warned = |query: Query| db.query(&query).unwrap().info.warnings;
    assert_eq!(warned(ranged(Query::active("a"), 0)), [""; 0]);
    db.drop_days_before(date(10)).unwrap();
    assert!(warned(ranged(Query::active("a"), 0))[0].contains("1970-01-11"));
    assert_eq!(warned(ranged(Query::active("a"), 10)), [""; 0]);
    assert_eq!(warned(ranged(Query::growth("a"), 10)).len(), 1, "who was there the day before?");
    assert_eq!(warned(ranged(Query::growth("a"), 11)), [""; 0]);
    assert_eq!(warned(ranged(Query::growth("a").time_zone("Asia/Tokyo"), 11)).len(), 1);
    assert_eq!(warned(Query::count(Set::did("a"))).len(), 1);
    let nothing = db.drop_days_before(date(10)).unwrap();
    assert_eq!((nothing.days, nothing.events), (0, 0));
}

#[test]
fn who_comes_after_an_edge_in_the_future_is_new() {
    let db = World::new().create();
    write(&db, &[event("anna", "a", 3, 1)]);
    db.drop_days_before(date(5_000)).unwrap();
    write(&db, &[event("anna", "a", 12, 1), event("ben", "a", 12, 1)]);
    db.flush().unwrap();
    let answer = db.query(&ranged(Query::growth("a"), 11)).unwrap();
    assert_eq!(answer.to_json()["series"][0]["new"][1], 1);
    assert_eq!(answer.info.warnings, [""; 0]);
}

/// A power cut or a failure at any operation: all of it went, or nothing.
#[test]
fn a_drop_that_fails_anywhere_is_whole_or_did_not_happen() {
    use crate::fs::simulated::{Failure, Lasting};
    let prepared = || {
        let world = World::new();
        let db = world.create();
        write(&db, &(0..9).map(|n| detailed(n % 4, n, n, 5)).collect::<Vec<_>>());
        db.flush().unwrap();
        (world, db)
    };
    let act = |db: &Db| db.drop_rows_before(date(4)).and_then(|_| db.drop_days_before(date(2)));
    let told = |db: &Db| answers_of(db, &about_people(2));
    let (world, db) = prepared();
    world.disk.remember();
    let (from, before) = (world.disk.operations(), told(&db));
    act(&db).unwrap();
    let (to, after) = (world.disk.operations(), told(&db));
    for operation in from..=to {
        for seed in 0..4 {
            let db = World::on(world.disk.at(operation).crash(seed)).open();
            let found = told(&db);
            assert!(found == before || found == after, "{operation}, {seed}");
            assert_eq!(db.verify().unwrap().damages, []);
        }
        let (world, db) = prepared();
        world.disk.fail_at(operation, Failure::NoSpace, Lasting::FromThenOn);
        assert!(act(&db).is_err() || operation == to);
        drop(db);
        let db = World::on(world.disk.kill()).open();
        act(&db).unwrap();
        assert_eq!(told(&db), after);
        assert_eq!(db.verify().unwrap().damages, []);
    }
}

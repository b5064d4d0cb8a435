//! Conditions and breakdowns of the reports on presence, through a whole database.

use crate::scan::{Condition, Scanned, scan};
use crate::{Batch, Bucket, Db, Event, Measure, Options, Query, Selector};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

/// A database of (user, activity, hour since 2024-01-01, country, price).
fn database(flushed: usize) -> (tempfile::TempDir, Db) {
    let place = tempfile::tempdir().unwrap();
    let db = Db::create(place.path().join("db"), Options::new().time_zone("UTC")).unwrap();
    let events = [
        ("ann", "view", 1, "DE", 1),
        ("ann", "view", 2, "FR", 9),
        ("bob", "view", 3, "DE", 10),
        ("bob", "buy", 30, "DE", 2),
        ("cid", "view", 31, "", 5),
        ("ann", "buy", 50, "FR", 20),
        ("dan", "view", 51, "IT", 10),
    ];
    for (place, (user, activity, hour, country, price)) in events.into_iter().enumerate() {
        let at = DateTime::<Utc>::from_timestamp(1_704_067_200 + hour * 3_600, 0).unwrap();
        let mut event = Event::new(user, activity).at(at).with("price", price);
        if !country.is_empty() {
            event = event.with("country", country);
        }
        db.writer().unwrap().write_batch(Batch::new().event(event)).unwrap();
        if place + 1 == flushed {
            db.flush().unwrap();
        }
    }
    (place, db)
}

fn series(query: &Query) -> Json {
    let mut answers = Vec::new();
    for flushed in [0, 2, 5, 7] {
        let (_place, db) = database(flushed);
        answers.push(db.query(query).unwrap().to_json()["series"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    answers.swap_remove(0)
}

#[test]
fn conditions_hold_on_one_event() {
    let event = Selector::name("view").matching([Condition::is("country", "DE")]);
    let one = Query::active(event.clone());
    assert_eq!(series(&one), json!([{"key": {}, "users": [2, 0, 0]}]));
    // Ann had DE, and a price above 5, but not on one event.
    let two = Query::active(event.matching([Condition::gt("price", 5)]));
    assert_eq!(series(&two), json!([{"key": {}, "users": [1, 0, 0]}]));
    let missing = Selector::Any.matching([Condition::is_not("country", "DE")]);
    assert_eq!(series(&Query::active(missing)), json!([{"key": {}, "users": [1, 1, 2]}]));
    let either = Condition::any_of([Condition::is("country", "IT"), Condition::lt("price", 2)]);
    let either = Selector::Any.matching([either]);
    assert_eq!(series(&Query::active(either)), json!([{"key": {}, "users": [1, 0, 1]}]));
}

#[test]
fn a_breakdown_answers_once_per_value() {
    let by_country = Query::active("*").breakdown(["country"]);
    assert_eq!(
        series(&by_country),
        json!([
            {"key": {"country": "DE"}, "users": [2, 1, 0]},
            {"key": {"country": null}, "users": [0, 1, 0]},
            {"key": {"country": "FR"}, "users": [1, 0, 1]},
            {"key": {"country": "IT"}, "users": [0, 0, 1]},
        ])
    );
    let top = Query::active("*").breakdown(["country"]).top(1);
    assert_eq!(
        series(&top),
        json!([
            {"key": {"country": "DE"}, "users": [2, 1, 0]},
            {"key": {"other": true}, "other": true, "users": [1, 1, 2]},
        ])
    );
    let two = Query::active("view").breakdown(["country", "price"]).top(2);
    assert_eq!(
        series(&two),
        json!([
            {"key": {"country": null, "price": 5}, "users": [0, 1, 0]},
            {"key": {"country": "DE", "price": 1}, "users": [1, 0, 0]},
            {"key": {"other": true}, "other": true, "users": [2, 0, 1]},
        ])
    );
}

#[test]
fn growth_within_a_group_knows_its_history() {
    let growth = Query::growth("*").breakdown(["country"]).from("2024-01-02");
    let answer = series(&growth);
    let french = answer.as_array().unwrap().iter().find(|one| one["key"]["country"] == "FR");
    assert_eq!(french.unwrap()["resurrected"], json!([0, 1]));
    // Ann was there before she paid 20.
    let any = Query::growth("*").breakdown(["price"]).new_means_any();
    let answer = series(&any);
    let twenty = answer.as_array().unwrap().iter().find(|one| one["key"]["price"] == 20);
    assert_eq!(twenty.unwrap()["new"], json!([0, 0, 0]));
}

#[test]
fn events_of_nobody_without_any_property_are_a_group() {
    let (_place, db) = database(0);
    let at = DateTime::<Utc>::from_timestamp(1_704_067_200, 0).unwrap();
    db.writer().unwrap().write(Event::without_user("ping").at(at)).unwrap();
    let value = Query::value("ping", crate::Measure::Events).by(Bucket::All);
    for properties in [vec!["country"], vec!["country", "price"]] {
        let answer = db.query(&value.clone().breakdown(properties)).unwrap().to_json();
        assert_eq!(answer["series"][0]["key"]["country"], Json::Null);
        assert_eq!(answer["series"][0]["value"].to_string(), "[1]");
    }
}

/// Parts of blocks of rows that the scan of these queries decodes.
fn reads(db: &Db, queries: &[Query]) -> u64 {
    scanned(db, queries).unwrap().reads
}

/// All of the queries in one scan, however much that keeps.
fn scanned(db: &Db, queries: &[Query]) -> crate::Result<Scanned> {
    let snapshot = db.snapshot().unwrap();
    let questions: Vec<_> = queries
        .iter()
        .map(|query| snapshot.question(query, crate::time::now(), &mut Vec::new()).unwrap())
        .collect();
    let (mut bits, mut rows) = (Vec::new(), Vec::new());
    for question in &questions {
        let prepared = question.prepare_all().unwrap();
        bits.extend(prepared.bits);
        rows.extend(prepared.rows);
    }
    scan(&snapshot.inner, &bits, &rows, &[])
}

#[test]
fn segments_that_hold_too_many_users_together_are_refused_and_answered_apart() {
    let (_place, db) = crowd(true, true);
    let all_but = |n: usize| Condition::is_not("country", format!("country {n}"));
    let query = |n| Query::growth(Selector::name("view").matching([all_but(n)]));
    let queries: Vec<Query> = (0..600).map(query).collect();
    assert!(scanned(&db, &queries[..100]).is_ok());
    let refused = scanned(&db, &queries).err().unwrap();
    assert_eq!(refused.kind(), crate::ErrorKind::Limit);
    let wanted = db.query(&queries[0]).unwrap().series;
    let answers = db.query_many(&queries).unwrap();
    assert!(answers.into_iter().all(|answer| answer.unwrap().series == wanted));
}

#[test]
fn several_queries_share_the_blocks_that_they_read() {
    let (_place, db) = database(5);
    let dear = Selector::name("view").matching([Condition::gt("price", 5)]);
    let german = Selector::Any.matching([Condition::is("country", "DE")]);
    let queries = [
        Query::active(dear.clone()),
        Query::growth(dear.clone()).by(Bucket::Week),
        Query::active(german),
        Query::frequency(dear),
    ];
    let alone: Vec<u64> = queries.iter().map(|q| reads(&db, std::slice::from_ref(q))).collect();
    assert!(alone.iter().all(|reads| *reads > 0), "{alone:?}");
    assert_eq!(reads(&db, &queries), alone[0] + alone[2]);
    let answers = db.query_many(&queries).unwrap();
    for (query, answer) in queries.iter().zip(answers) {
        assert_eq!(answer.unwrap().series, db.query(query).unwrap().series);
    }
}

#[test]
fn row_reports_that_do_not_fit_into_memory_together_take_turns() {
    let sum = || Query::value("view", Measure::Sum).property("plan");
    let queries = [
        sum().by(Bucket::Hour),
        Query::funnel(["view", "view"]),
        sum().by(Bucket::Hour).breakdown(["country"]).top(1),
        sum().breakdown(["country"]).by(Bucket::Hour),
        Query::sessions("view"),
        sum().by(Bucket::Hour),
    ];
    for flushed in [false, true] {
        let (_place, db) = crowd(flushed, true);
        let together = db.query_many(&queries).unwrap();
        for (query, answer) in queries.iter().zip(together) {
            assert_eq!(answer.unwrap().series, db.query(query).unwrap().series, "{query:?}");
        }
    }
    // Alike ones are gathered once, so that they fit together: no block is read again.
    let (_place, db) = crowd(true, true);
    let alike = [queries[0].clone(), queries[5].clone()];
    assert_eq!(reads(&db, &alike), reads(&db, &alike[..1]));
    assert!(reads(&db, &queries[..2]) > reads(&db, &queries[..1]));
}

/// Many users whose rows differ, so that a flushed day has index containers.
fn crowd(flushed: bool, missing: bool) -> (tempfile::TempDir, Db) {
    let place = tempfile::tempdir().unwrap();
    let db = Db::create(place.path().join("db"), Options::new().time_zone("UTC")).unwrap();
    let mut batch = Batch::new();
    for event in 0..600_u32 {
        let at = DateTime::<Utc>::from_timestamp(1_704_067_200 + i64::from(event), 0).unwrap();
        let mut one = Event::new(format!("user {}", event % 200), "view").at(at);
        if !(missing && event % 7 == 0) {
            one = one.with("country", ["DE", "FR", "IT"][(event / 50 % 3) as usize]);
        }
        batch = batch.event(one.with("plan", event / 100 % 2));
    }
    db.writer().unwrap().write_batch(batch).unwrap();
    if flushed {
        db.flush().unwrap();
    }
    (place, db)
}

#[test]
fn containers_and_rows_agree() {
    let german = || Selector::Any.matching([Condition::is("country", "DE")]);
    let both = german().matching([Condition::is("plan", 1)]);
    let queries = [
        Query::active(german()),
        Query::active(both),
        Query::active("view").breakdown(["country"]),
        Query::active("*").breakdown(["country"]).top(1),
        Query::active("*").breakdown(["country", "plan"]),
        Query::frequency(german()).at_least(2),
        Query::count(crate::Set::did(german()).at_least(2)),
    ];
    for missing in [false, true] {
        let ((_one, fresh), (_two, stored)) = (crowd(false, missing), crowd(true, missing));
        for query in &queries {
            let (fresh, stored) = (fresh.query(query).unwrap(), stored.query(query).unwrap());
            assert_eq!(fresh.series, stored.series, "{missing} {query:?}");
        }
    }
    // One condition, or one property to group by: no row is read, and none again of groups that
    // were counted when they were ranked. For two conditions, and for numbers of events, rows tell.
    let (_place, db) = crowd(true, false);
    let read = |query: &Query| {
        let snapshot = db.snapshot().unwrap();
        let question = snapshot.question(query, crate::time::now(), &mut Vec::new()).unwrap();
        snapshot.rank(std::slice::from_ref(&question), &|_, _| Ok(())).unwrap();
        let prepared = question.prepare_all().unwrap();
        scan(&snapshot.inner, &prepared.bits, &prepared.rows, &[]).unwrap().reads
    };
    let reads: Vec<u64> = queries.iter().map(read).collect();
    assert_eq!(reads, [0, 2, 0, 0, 0, 1, 1]);
}

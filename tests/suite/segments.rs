//! Figures of many segments in one call are those of each alone, whatever tells the segments apart.

use crate::laws::on_random_data;
use crate::questions::Questions;
use daybit::{Answer, ErrorKind, Query, Snapshot};
use serde_json::{Value as Json, json};

/// So many segments by events that they are answered together.
const SEGMENTS: usize = 20;

/// A random question that many segments have in common.
fn common(questions: &mut Questions) -> Json {
    let reports = ["active", "growth", "retention", "value", "stickiness"];
    loop {
        let query = questions.next();
        if reports.iter().any(|report| query["report"] == *report) {
            return query;
        }
    }
}

/// The query about events that satisfy conditions.
fn of_events(query: &Json, conditions: &Json) -> Json {
    let mut query = query.clone();
    let default = if query["report"] == "retention" { "start" } else { "event" };
    for field in [default, "return", "of"] {
        let event = match (&query[field], field == default) {
            (Json::Null, false) => continue,
            (Json::Null, true) => json!("*"),
            (event, _) => event.get("where").map_or(event.clone(), |_| event["event"].clone()),
        };
        query[field] = json!({"event": event, "where": conditions});
    }
    query
}

fn of_users(query: &Json, users: Json) -> Json {
    let mut query = query.clone();
    query["users"] = users;
    query
}

/// Segments that overlap, that are the same, that hold everybody and nobody.
fn segments(query: &Json, questions: &mut Questions) -> Vec<Json> {
    let country = |name: &str| json!([{"property": "country", "is": name}]);
    let mut all: Vec<Json> = Vec::new();
    for segment in 0..SEGMENTS {
        let conditions = match segment {
            0 => country("DE"),
            1 => country("of nobody"),
            2 => json!([{"property": "country", "exists": false}]),
            3 => json!([{"property": "country", "is": "FR"}, {"property": "country", "is": "DE"}]),
            4..8 => json!([questions.condition(1), questions.condition(1)]),
            _ => json!([questions.condition(1)]),
        };
        all.push(of_events(query, &conditions));
        all.push(of_users(query, questions.set(2)));
    }
    let users = questions.set(1);
    let some = all.iter().step_by(2).map(|one| of_users(one, users.clone()));
    all.extend(some.collect::<Vec<_>>());
    all.push(of_users(query, json!({"ids": ["nobody"]})));
    all.push(of_users(query, json!({"not": {"ids": ["nobody"]}})));
    all.push(query.clone());
    all.extend(std::iter::repeat_n(all[0].clone(), 5));
    all
}

fn parsed(query: &Json) -> Query {
    Query::from_json(&query.to_string()).unwrap()
}

/// Without how long it took.
fn plain(answer: daybit::Result<Answer>) -> Result<String, (ErrorKind, String)> {
    let mut answer = answer.map_err(|error| (error.kind(), error.to_string()))?;
    answer.info.elapsed_ms = 0.0;
    Ok(answer.to_json_string())
}

fn assert_as_each_alone(snapshot: &Snapshot, queries: &[Query]) {
    let together = snapshot.query_many(queries);
    assert_eq!(together.len(), queries.len());
    for (query, answer) in queries.iter().zip(together) {
        assert_eq!(plain(answer), plain(snapshot.query(query)), "{query:?}");
    }
}

#[test]
fn many_segments_at_once_are_answered_as_each_alone() {
    on_random_data(|db, questions| {
        if !questions.random.chance(3) {
            return;
        }
        let query = common(questions);
        let queries: Vec<Query> = segments(&query, questions).iter().map(parsed).collect();
        assert_as_each_alone(&db.snapshot().unwrap(), &queries);
    });
}

#[test]
fn one_bad_query_leaves_the_others_alone() {
    let place = crate::support::folder();
    let db = crate::support::create(&place.path().join("db"), "UTC");
    let random = crate::support::Random(5);
    let mut questions = Questions { random, first_day: 19_780, days: 30 };
    let writer = db.writer().unwrap();
    for event in crate::events::every_kind_of_value(19_780) {
        writer.write(event).unwrap();
    }
    questions.cohorts().iter().for_each(|(name, set)| crate::support::save(&db, name, set));
    let growth = json!({"report": "growth", "event": "*"});
    let mut queries: Vec<Query> = segments(&growth, &mut questions).iter().map(parsed).collect();
    queries.insert(17, Query::active("a").from("2024-02-30"));
    queries.insert(30, parsed(&of_users(&growth, json!({"cohort": "unsaved"}))));
    let same = vec![queries[3].clone(); 400];
    queries.extend(same);
    assert_as_each_alone(&db.snapshot().unwrap(), &queries);
}

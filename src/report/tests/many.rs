//! Several queries in one call: how far it is, how it stops, and what equal ones cost.

use super::*;
use crate::ErrorKind;
use std::sync::Mutex;

/// People in two chunks who do things on many days, in files and in memory.
fn world() -> World {
    let day = |n: usize| i32::try_from(n % 50).unwrap() - 25;
    let did = |n: usize| (day(n), PEOPLE[n * 7 % PEOPLE.len()], ["a", "b", "c"][n % 3]);
    World::new((0..400).map(did).collect(), (150, 300))
}

/// More than one scan takes in a test.
fn queries() -> Vec<Query> {
    let reports = |n: u32| {
        [
            Query::growth("a").by(Bucket::Week).gap(1 + n % 4),
            Query::active("*").trailing(n + 1),
            Query::retention("b").by(Bucket::Week).columns(n),
            Query::active("*").only(Set::did(["a", "b", "c"][n as usize % 3]).at_least(2)),
        ]
    };
    (1..8).flat_map(reports).collect()
}

/// Asks, and answers what was told on the way; `stop` is when to go on no more.
fn watched(
    world: &World,
    queries: &[Query],
    stop: impl Fn(u64, u64) -> bool + Sync,
) -> (Vec<crate::Result<Answer>>, Vec<(u64, u64)>) {
    let told = Mutex::new(Vec::new());
    let answers = world.snapshot.query_many_watched(queries, &|done, all| {
        told.lock().unwrap().push((done, all));
        !stop(done, all)
    });
    (answers, told.into_inner().unwrap())
}

#[test]
fn watching_tells_all_of_the_work_and_changes_no_answer() {
    let (world, mut queries) = (world(), queries());
    queries.insert(3, Query::active("a").from("2024-02-30"));
    queries.push(Query::active("*").breakdown(["country"]));
    let (answers, told) = watched(&world, &queries, |_, _| false);
    let all = told[0].1;
    assert_eq!((told[0].0, told[told.len() - 1].0), (0, all));
    assert!(told.iter().all(|(_, of)| *of == all) && told.is_sorted_by(|a, b| a.0 <= b.0));
    assert!(told.len() > 20, "{told:?}");
    for (query, answer) in queries.iter().zip(answers) {
        match (answer, world.snapshot.query(query)) {
            (Ok(one), Ok(other)) => assert_eq!(one.series, other.series, "{query:?}"),
            (one, other) => assert_eq!(one.unwrap_err().kind(), other.unwrap_err().kind()),
        }
    }
}

#[test]
fn a_watcher_stops_the_call() {
    let (world, queries) = (world(), queries());
    for part in [0, 40, 90] {
        let late = |done, all| 100 * done >= part * all;
        let (answers, told) = watched(&world, &queries, late);
        let cancelled = |answer: &crate::Result<Answer>| {
            answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Cancelled)
        };
        assert!(answers.len() == queries.len() && answers.iter().all(cancelled), "{part}");
        // Nothing is told after the end.
        let (last, before) = told.split_last().unwrap();
        assert!(late(last.0, last.1) && !before.iter().any(|(done, all)| late(*done, *all)));
        assert!(last.0 < last.1);
    }
    // It is too late to stop what is done.
    let (answers, _) = watched(&world, &queries, |done, all| done == all);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), queries.len());
}

#[test]
fn equal_queries_are_asked_once() {
    let (world, one) = (world(), Query::growth("a").only(Set::did("b")));
    let bad = Query::active("a").from("2024-02-30");
    let alone = watched(&world, &[one.clone(), bad.clone()], |_, _| false).1;
    let mut same = vec![one.clone(); 400];
    same.insert(200, bad);
    let (answers, told) = watched(&world, &same, |_, _| false);
    assert_eq!(told[0].1, alone[0].1);
    let wanted = world.ask(&one).series;
    for (place, answer) in answers.iter().enumerate() {
        match answer {
            Ok(answer) => assert_eq!(answer.series, wanted),
            Err(error) => assert_eq!((place, error.kind()), (200, ErrorKind::Input)),
        }
    }
}

#[test]
fn too_many_queries_are_refused() {
    let answers = world().snapshot.query_many(&vec![Query::active("*"); 10_001]);
    assert_eq!(answers.len(), 10_001);
    let error = answers.into_iter().next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(error.to_string(), "10001 queries at once: at most 10000 are taken");
}

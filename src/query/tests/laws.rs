//! Random queries of every report: what is written reads back the same.

use crate::event::{Decimal, Value};
use crate::query::{
    CohortKind, CountKind, Measure, PersonColumn, Query, Set, SurveyKind, queries_from_json,
};
use crate::scan::{Condition, FunnelOrder, Selector};
use crate::time::{Bucket, WeekStart};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-9_999..9_999i128, 0..4u8).prop_map(|(n, scale)| Decimal::new(n, scale).unwrap().into()),
        any::<i128>().prop_map(|n| Decimal::new(n % 10i128.pow(38), 20).unwrap().into()),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    let ordered = values().prop_filter("no order", |value| !matches!(value, Value::Bool(_)));
    let list = || prop::collection::vec(values(), 1..4);
    let leaf = prop_oneof![
        values().prop_map(|value| Condition::is("p", value)),
        values().prop_map(|value| Condition::is_not("p", value)),
        list().prop_map(|values| Condition::one_of("q", values)),
        list().prop_map(|values| Condition::none_of("q", values)),
        (ordered, 0..4u8).prop_map(|(value, which)| match which {
            0 => Condition::gt("p", value),
            1 => Condition::gte("p", value),
            2 => Condition::lt("p", value),
            _ => Condition::lte("p", value),
        }),
        any::<bool>().prop_map(|is| if is {
            Condition::exists("p")
        } else {
            Condition::missing("p")
        }),
        "\\PC{0,6}".prop_map(|text| Condition::contains("p", text)),
        "\\PC{0,6}".prop_map(|text| Condition::starts_with("p", text)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop::collection::vec(inner, 1..4).prop_map(Condition::any_of)
    })
}

fn selectors() -> impl Strategy<Value = Selector> {
    let plain = prop_oneof![
        Just(Selector::Any),
        "[a-c]{1,2}".prop_map(Selector::name),
        prop::collection::vec("[a-c]{1,2}", 1..4).prop_map(Selector::any_of),
    ];
    (plain, prop::collection::vec(conditions(), 0..3))
        .prop_map(|(event, conditions)| event.matching(conditions))
}

fn durations() -> impl Strategy<Value = String> {
    (1..100_000u32, select(vec!["s", "m", "h", "d", "w"]))
        .prop_map(|(n, unit)| format!("{n}{unit}"))
}

fn funnels() -> impl Strategy<Value = Query> {
    let steps = prop::collection::vec(selectors(), 2..5);
    let within = prop::option::of(durations());
    let excluded = prop::collection::vec((selectors(), 1..2u32), 0..3);
    (steps, within, 0..3usize, any::<bool>(), excluded).prop_map(
        |(steps, within, order, ties, excluded)| {
            let order = FunnelOrder::EVERY[order];
            let query = Query::funnel(steps).order(order);
            let query = if ties { query.forbid_ties() } else { query };
            let query = match within {
                Some(time) => query.within(time),
                None => query.without_limit(),
            };
            let excluded = excluded.into_iter().filter(|_| order != FunnelOrder::Unordered);
            excluded.fold(query, |query, (event, after)| query.exclude(event, after, after + 1))
        },
    )
}

fn sets() -> impl Strategy<Value = Set> {
    let leaf = prop_oneof![
        (selectors(), 1..4u64, prop::option::of(4..9u64)).prop_map(|(event, least, most)| {
            let set = Set::did(event).from("2024-01-01").at_least(least);
            most.map_or(set.clone(), |most| set.at_most(most))
        }),
        selectors().prop_map(|event| Set::first_did(event, "2024-01-01", "2024-02-01")),
        prop::collection::vec("[0-9a-z]{0,3}", 0..4).prop_map(Set::ids),
        "\\PC{1,4}".prop_map(Set::cohort),
        (funnels(), 1..3u32, any::<bool>()).prop_map(|(query, reached, exactly)| match exactly {
            true => Set::funnel_exactly(query.to("2024-03-01"), reached),
            false => Set::funnel(query.only(Set::did("a")), reached),
        }),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|set| !set),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Set::all_of),
            prop::collection::vec(inner, 1..4).prop_map(Set::one_of),
        ]
    })
}

/// Reports on people.
fn people() -> impl Strategy<Value = Query> {
    let n = || 1..40u32;
    let maybe = || prop::option::of(1..40u32);
    let tables = (selectors(), prop::option::of(selectors()), 0..4usize, 0..3usize);
    prop_oneof![
        (selectors(), maybe()).prop_map(|(event, n)| Query::active(event).trailing(n)),
        (selectors(), n(), maybe()).prop_map(|(event, least, more)| {
            let query = Query::frequency(event).interval(Bucket::Week).at_least(least);
            more.map_or(query.clone(), |more| query.at_most(least + more))
        }),
        (selectors(), maybe()).prop_map(|(event, n)| Query::stickiness(event).trailing(n)),
        (selectors(), n()).prop_map(|(event, n)| Query::growth(event).gap(n).new_means_any()),
        (selectors(), maybe()).prop_map(|(e, n)| Query::growth(e).trailing(n).property("p")),
        (selectors(), 1..7u32).prop_map(|(event, n)| Query::states(event).week(n).month(n * 3)),
        (tables, maybe(), n(), any::<bool>()).prop_map(
            |((start, back, cohort, count), width, n, elapsed)| {
                let query = Query::retention(start).cohort(CohortKind::EVERY[cohort]).at_least(n);
                let query = back.map_or(query.clone(), |back| query.returning(back));
                let query = if elapsed { query.elapsed() } else { query };
                match width {
                    Some(width) => query.brackets([width, n]),
                    None => query.columns(n).counting(CountKind::EVERY[count]),
                }
            }
        ),
        sets().prop_map(Query::count),
        (sets(), selectors(), subsequence(PersonColumn::EVERY.to_vec(), 0..8), any::<bool>())
            .prop_map(|(set, event, columns, descending)| {
                let query = Query::users(set).after("7");
                let query = match columns.iter().any(|column| column.reads_property()) {
                    true => query.property("p"),
                    false => query,
                };
                let query = match columns.last().copied() {
                    Some(order) => query.event(event).with(columns).order_by(order),
                    None => query,
                };
                if descending { query.descending().limit(7) } else { query }
            }),
    ]
}

/// Reports on order, values and scores.
fn others() -> impl Strategy<Value = Query> {
    prop_oneof![
        funnels(),
        (selectors(), any::<bool>(), 1..9u32, durations()).prop_map(|(event, end, n, within)| {
            let query = if end { Query::paths_to(event) } else { Query::paths_from(event) };
            query.depth(n).top(n * 4).within(within)
        }),
        (selectors(), durations(), any::<bool>()).prop_map(|(event, gap, edges)| {
            let query = Query::sessions(event).session_gap(gap);
            if edges { query.duration_edges(["10s", "1m", "2h"]) } else { query }
        }),
        (selectors(), selectors(), select(Measure::EVERY.to_vec())).prop_map(
            |(event, of, measure)| {
                let query = Query::value(event, measure);
                let query = if measure.reads_property() { query.property("p") } else { query };
                if measure == Measure::Share { query.of(of) } else { query }
            }
        ),
        selectors().prop_map(|event| Query::balance(event, "p")),
        (selectors(), 0..3usize, -9_999..9_999i64, any::<bool>()).prop_map(
            |(event, kind, n, last)| {
                let kind = SurveyKind::EVERY[kind];
                let tenths = |n: i64| Decimal::new(i128::from(n), 1).unwrap();
                let query = Query::survey(event, "p", kind).scale(tenths(n), tenths(n + 50));
                let query = if last { query.last_responses() } else { query };
                match kind {
                    SurveyKind::Nps => {
                        query.detractor_max(tenths(n + 7)).promoter_min(tenths(n + 20))
                    }
                    _ => query,
                }
            }
        ),
        (prop::collection::vec(selectors(), 1..4), selectors(), any::<bool>()).prop_map(
            |(features, among, k)| {
                let count = features.len() as u32;
                let query = Query::adoption(features).among(among);
                if k { query.at_least_features(count) } else { query }
            }
        ),
    ]
}

fn ranged(query: Query, range: u8, by: Bucket) -> Query {
    let query = match range {
        0 => query,
        1 => query.from("-6m").to("today"),
        2 => query.from("2024-01-01").to("2024-02-01"),
        _ => query.as_of("2024-06-01T00:00:00.25Z".parse().unwrap()).time_zone("Asia/Kathmandu"),
    };
    let timed = query.clone().by(by);
    if timed.check().is_ok() { timed } else { query }
}

fn queries() -> impl Strategy<Value = Query> {
    let report = prop_oneof![people(), others()];
    let days = select(WeekStart::EVERY.to_vec());
    let groups = prop::option::of(1..40u32);
    (report, 0..4u8, select(Bucket::EVERY.to_vec()), days, prop::option::of(sets()), groups)
        .prop_map(|(query, range, by, day, users, groups)| {
            let query = ranged(query, range, by).week_start(day);
            let query = users.map_or(query.clone(), |users| query.only(users));
            let grouped = groups.map(|top| query.clone().breakdown(["p", "q"]).top(top));
            grouped.filter(|query| query.check().is_ok()).unwrap_or(query)
        })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(query in queries()) {
        prop_assert!(query.check().is_ok(), "{:?}", query.check());
        let normal = query.to_json();
        prop_assert_eq!(&Query::from_value(&normal).unwrap(), &query);
        let again = Query::from_json(&normal.to_string()).unwrap();
        prop_assert_eq!(again.to_json(), normal);
        prop_assert_eq!(again, query);
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\":,a-z0-9 -]{0,80}") {
        let _ = queries_from_json(&text);
    }
}

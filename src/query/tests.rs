//! Good and bad queries through both doors, and the way back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{CohortKind, CountKind, Queries, Query, Set, queries_from_json};
use crate::ErrorKind::{self, Input, Limit, Unsupported};
use crate::time::{Bucket, WeekStart};
use proptest::prelude::*;
use serde_json::{Value, json};

#[track_caller]
fn assert_reads(text: &str, built: Query) {
    let query = Query::from_json(text).unwrap();
    assert_eq!(query, built, "{text}");
    assert_eq!(Query::from_value(&query.to_json()).unwrap().to_json(), query.to_json());
}

#[test]
fn json_reads_what_the_builder_makes() {
    assert_reads(r#"{"report": "active"}"#, Query::active("*"));
    assert_reads(
        r#"{"report": "active", "event": {"any": ["b", "a", "b"]}, "by": "quarter",
            "from": "2024-01-01", "to": "today", "week_start": "sunday", "trailing": 28,
            "time_zone": "Europe/Berlin", "as_of": "2024-06-01T02:00:00+02:00"}"#,
        Query::active(["a", "b"])
            .by(Bucket::Quarter)
            .from("2024-01-01")
            .to("today")
            .week_start(WeekStart::Sunday)
            .trailing(28)
            .time_zone("Europe/Berlin")
            .as_of("2024-06-01T00:00:00Z".parse().unwrap()),
    );
    assert_reads(
        r#"{"report": "frequency", "event": {"event": "visit", "where": []}, "interval": "week",
            "at_least": 2, "at_most": 5, "from": "-6m"}"#,
        Query::frequency("visit").interval(Bucket::Week).at_least(2).at_most(5).from("-6m"),
    );
    assert_reads(r#"{"report": "stickiness"}"#, Query::stickiness("*").trailing(28));
    assert_reads(
        r#"{"report": "stickiness", "trailing": null, "by": "month"}"#,
        Query::stickiness("*").trailing(None).by(Bucket::Month),
    );
    assert_reads(
        r#"{"report": "growth", "event": "buy", "gap": 3, "new_means": "any", "by": "week"}"#,
        Query::growth("buy").gap(3).new_means_any().by(Bucket::Week),
    );
    assert_reads(
        r#"{"report": "growth", "trailing": 7, "new_means": "event", "by": "all"}"#,
        Query::growth("*").trailing(7).by(Bucket::All),
    );
    assert_reads(
        r#"{"report": "states", "week": 3, "month": 10}"#,
        Query::states("*").week(3).month(10),
    );
}

#[test]
fn json_reads_retention_and_sets() {
    assert_reads(
        r#"{"report": "retention", "start": "signup", "return": "*", "by": "week", "columns": 8,
            "cohort": "recurring", "count": "on_or_before", "at_least": 2, "window": "calendar"}"#,
        Query::retention("signup")
            .returning("*")
            .by(Bucket::Week)
            .columns(8)
            .cohort(CohortKind::Recurring)
            .counting(CountKind::OnOrBefore)
            .at_least(2),
    );
    assert_reads(
        r#"{"report": "retention", "brackets": [1, 6, 7], "cohort": "first_in_range"}"#,
        Query::retention("*").brackets([1, 6, 7]).cohort(CohortKind::FirstInRange),
    );
    assert_reads(
        r#"{"report": "count", "users": {"and": [
            {"did": "buy", "from": "2024-01-01", "at_least": 2, "at_most": 9},
            {"or": [{"first_did": "*", "from": "2024-01-01", "to": "2024-02-01"},
                    {"not": {"ids": ["b", 42, "042"]}}]}]}}"#,
        Query::count(Set::did("buy").from("2024-01-01").at_least(2).at_most(9).and(
            Set::first_did("*", "2024-01-01", "2024-02-01").or(!Set::ids(["b", "42", "042"])),
        )),
    );
    assert_reads(
        r#"{"report": "users", "users": {"did": "*"}, "limit": 10, "after": 42}"#,
        Query::users(Set::did("*")).limit(10).after("42"),
    );
    let everyone = Query::from_json(r#"{"report": "count", "users": null}"#).unwrap();
    assert_eq!(everyone.to_json(), json!({"report": "count"}));
}

/// JSON, the kind of its error, and a part of the message.
const BAD: &[(&str, ErrorKind, &str)] = &[
    // The text and the report.
    ("", Input, "not JSON"),
    ("[]", Input, "object"),
    ("7", Input, "object"),
    (r#"{"report": "active""#, Input, "not JSON"),
    (r#"{"report": "active", "report": "growth"}"#, Input, "`report` is given twice"),
    (r#"{"report": "count", "users": {"did": "a", "did": "b"}}"#, Input, "`did` is given twice"),
    (r#"{"by": "day"}"#, Input, "`report` is missing; it is one of `active`"),
    (r#"{"report": null}"#, Input, "`report` is null"),
    (r#"{"report": "actives"}"#, Input, "`report` is \"actives\"; it is one of `active`"),
    (r#"{"report": "funnel", "steps": []}"#, Unsupported, "report `funnel` is not supported yet"),
    // Names of fields.
    (r#"{"report": "active", "evnt": "a"}"#, Input, "`evnt` is no field; those of `active`"),
    (r#"{"report": "active", "gap": 2}"#, Input, "`gap` is a field of `growth`, `sessions`, not"),
    (r#"{"report": "retention", "event": "a"}"#, Input, "not of `retention`"),
    (r#"{"report": "active", "property": "price"}"#, Input, "not of `active`"),
    (r#"{"report": "active", "breakdown": ["c"]}"#, Unsupported, "`breakdown` is not supported"),
    (r#"{"report": "active", "top": 5}"#, Unsupported, "`top`"),
    (r#"{"report": "growth", "property": "price"}"#, Unsupported, "`property`"),
    (r#"{"report": "retention", "window": "elapsed"}"#, Unsupported, "`window: elapsed`"),
    (r#"{"report": "users", "with": ["first"]}"#, Unsupported, "`with`"),
    (r#"{"report": "users", "order_by": "first"}"#, Unsupported, "`order_by`"),
    (r#"{"report": "users", "descending": true}"#, Unsupported, "`descending`"),
    // Range and buckets.
    (r#"{"report": "active", "from": 7}"#, Input, "`from` is 7: expected text"),
    (r#"{"report": "active", "from": "-28"}"#, Input, "-28d, -12w, -6m, -1y"),
    (r#"{"report": "active", "to": "-28d"}"#, Input, "or today"),
    (
        r#"{"report": "active", "from": "2024-02-02", "to": "2024-02-01"}"#,
        Input,
        "`from` is 2024-02-02, after `to`, which is 2024-02-01",
    ),
    (r#"{"report": "active", "by": "hour"}"#, Unsupported, "`by: hour`"),
    (r#"{"report": "active", "by": "days"}"#, Input, "one of `hour`, `day`, `week`, `month`"),
    (r#"{"report": "active", "week_start": "Monday"}"#, Input, "one of `monday`"),
    (r#"{"report": "active", "week_start": null}"#, Input, "`week_start` is null"),
    (r#"{"report": "active", "as_of": "2024-06-01"}"#, Input, "2024-06-01T00:00:00Z"),
    (r#"{"report": "frequency", "by": "day"}"#, Input, "takes no `by`"),
    (r#"{"report": "count", "by": "all"}"#, Input, "takes no `by`"),
    (r#"{"report": "users", "by": "day"}"#, Input, "takes no `by`"),
    (r#"{"report": "states", "by": "week"}"#, Input, "`by` of `states` is `day`"),
    (r#"{"report": "retention", "by": "all"}"#, Input, "`by: all`"),
    // Figures of reports.
    (r#"{"report": "active", "trailing": 0}"#, Input, "from 1 to 3660"),
    (r#"{"report": "active", "trailing": 3661}"#, Limit, "from 1 to 3660"),
    (r#"{"report": "active", "trailing": -1}"#, Input, "whole number"),
    (r#"{"report": "active", "trailing": 7.5}"#, Input, "whole number"),
    (r#"{"report": "active", "trailing": 4294967296}"#, Input, "whole number"),
    (r#"{"report": "growth", "gap": 0}"#, Input, "`gap` is 0"),
    (r#"{"report": "growth", "gap": 2, "trailing": 7}"#, Input, "do not go together"),
    (r#"{"report": "growth", "new_means": "user"}"#, Input, "one of `event`, `any`"),
    (r#"{"report": "frequency", "at_least": 0}"#, Input, "`at_least` is 0"),
    (r#"{"report": "frequency", "at_least": 3, "at_most": 2}"#, Input, "below `at_least`"),
    (r#"{"report": "frequency", "interval": "hour"}"#, Unsupported, "`interval: hour`"),
    (r#"{"report": "frequency", "interval": "year"}"#, Input, "one of `hour`, `day`, `week`"),
    (r#"{"report": "states", "week": 30}"#, Input, "shorter window"),
    (r#"{"report": "states", "week": 0}"#, Input, "`week` is 0"),
    (r#"{"report": "retention", "columns": 3661}"#, Limit, "`columns`"),
    (r#"{"report": "retention", "columns": 12, "brackets": [1]}"#, Input, "do not go together"),
    (r#"{"report": "retention", "brackets": []}"#, Input, "`brackets` is empty"),
    (r#"{"report": "retention", "brackets": [1, 0]}"#, Input, "position 2"),
    (r#"{"report": "retention", "brackets": [3000, 661]}"#, Limit, "brackets"),
    (r#"{"report": "retention", "brackets": 3}"#, Input, "expected a list"),
    (r#"{"report": "retention", "brackets": [1], "count": "on_or_after"}"#, Input, "`count: on`"),
    (r#"{"report": "retention", "cohort": "first_time"}"#, Input, "`first_in_range`"),
    (r#"{"report": "retention", "at_least": 0}"#, Input, "`at_least` is 0"),
    (r#"{"report": "users", "limit": 0}"#, Input, "`limit` is 0"),
    (r#"{"report": "users", "limit": 1000001}"#, Limit, "`limit`"),
    (r#"{"report": "users", "after": 1.5}"#, Input, "text or an integer"),
    // Selectors.
    (r#"{"report": "active", "event": 7}"#, Input, "an event name"),
    (r#"{"report": "active", "event": ""}"#, Input, "empty name"),
    (r#"{"report": "active", "event": {"any": []}}"#, Input, "names no event"),
    (r#"{"report": "active", "event": {}}"#, Input, "an event name"),
    (r#"{"report": "active", "event": {"any": ["a"], "event": "b"}}"#, Input, "an event name"),
    (r#"{"report": "active", "event": {"name": "b"}}"#, Input, "`name` is no field of `event`"),
    (
        r#"{"report": "active", "event": {"event": "b", "where": [{"property": "c", "is": 1}]}}"#,
        Unsupported,
        "`where`",
    ),
    // Sets.
    (r#"{"report": "count", "users": "anna"}"#, Input, "a set"),
    (r#"{"report": "count", "users": {}}"#, Input, "exactly one of `did`"),
    (r#"{"report": "count", "users": {"did": "a", "ids": []}}"#, Input, "exactly one of"),
    (r#"{"report": "count", "users": {"did": "a", "times": 2}}"#, Input, "`times` is no field"),
    (r#"{"report": "count", "users": {"ids": [], "from": "2024-01-01"}}"#, Input, "takes nothing"),
    (r#"{"report": "count", "users": {"did": "a", "from": "-7d"}}"#, Input, "a date like"),
    (r#"{"report": "count", "users": {"did": "a", "at_least": 0}}"#, Input, "`not` of the set"),
    (
        r#"{"report": "count", "users": {"did": "a", "from": "2024-01-02", "to": "2024-01-01"}}"#,
        Input,
        "after `to`",
    ),
    (r#"{"report": "count", "users": {"first_did": "a"}}"#, Input, "needs `from`"),
    (r#"{"report": "count", "users": {"and": []}}"#, Input, "at least one set"),
    (r#"{"report": "count", "users": {"ids": [true]}}"#, Input, "text or an integer"),
    (r#"{"report": "count", "users": {"cohort": "a"}}"#, Unsupported, "a `cohort` set"),
    (r#"{"report": "count", "users": {"funnel": {}, "reached": 2}}"#, Unsupported, "`funnel` set"),
];

#[test]
fn bad_queries_say_what_is_wrong_and_what_is_allowed() {
    for (text, kind, part) in BAD {
        let error = Query::from_json(text).expect_err(text);
        assert_eq!(error.kind(), *kind, "{text}: {error}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn the_builder_reports_what_json_reports() {
    let bad = [
        (Query::active("*").from("next week"), "`from` is \"next week\""),
        (Query::active("*").gap(2), "`gap` is a field of `growth`"),
        (Query::growth("*").returning("a"), "`return` is a field of `retention`"),
        (Query::retention("*").columns(5).brackets([1]), "do not go together"),
        (Query::active(""), "empty name"),
        (Query::active([] as [&str; 0]), "names no event"),
        (Query::count(Set::did("a").to("soon")), "`to` is \"soon\""),
        (Query::frequency("*").by(Bucket::Day), "takes no `by`"),
        (Query::active("*").from("2024-13-01").gap(2), "2024-13-01"),
    ];
    for (query, part) in bad {
        let error = query.check().unwrap_err();
        assert_eq!(error.kind(), Input);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn sets_nest_so_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let mut set = json!({"did": "a"});
        for _ in 1..depth {
            set = Value::Object([("not".to_owned(), set)].into_iter().collect());
        }
        Query::from_value(&json!({"report": "count", "users": set}))
    };
    assert!(nested(crate::limits::SET_DEPTH_MAX).is_ok());
    assert_eq!(nested(crate::limits::SET_DEPTH_MAX + 1).unwrap_err().kind(), Limit);
    assert_eq!(nested(5_000).unwrap_err().kind(), Limit);
    let built = (0..crate::limits::SET_DEPTH_MAX).fold(Set::did("a"), |set, _| !set);
    assert_eq!(Query::count(built).check().unwrap_err().kind(), Limit);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(Query::from_json(&deep).unwrap_err().kind(), Input);
}

#[test]
fn lengths_are_limited() {
    let long = "x".repeat(crate::limits::ACTIVITY_BYTES_MAX + 1);
    assert_eq!(Query::active(long.as_str()).check().unwrap_err().kind(), Limit);
    assert!(Query::active(&long[1..]).check().is_ok());
    let long = "x".repeat(crate::limits::USER_ID_BYTES_MAX + 1);
    assert_eq!(Query::count(Set::ids([&long])).check().unwrap_err().kind(), Limit);
    let text = " ".repeat(crate::limits::QUERY_BYTES_MAX + 1);
    assert_eq!(Query::from_json(&text).unwrap_err().kind(), Limit);
    let many = format!("[{}0]", "0,".repeat(crate::limits::QUERIES_MAX));
    assert_eq!(queries_from_json(&many).unwrap_err().kind(), Limit);
}

#[test]
fn an_array_keeps_each_error_in_its_place() {
    let text = r#"[{"report": "active"}, {"report": "growth", "by": "day", "by": "week"}, 7]"#;
    let Queries::Many(queries) = queries_from_json(text).unwrap() else { panic!("an array") };
    assert_eq!(queries[0].as_ref().unwrap(), &Query::active("*"));
    assert!(queries[1].as_ref().unwrap_err().to_string().contains("`by` is given twice"));
    assert!(queries[2].is_err());
    let one = queries_from_json(r#"{"report": "active"}"#).unwrap();
    assert!(matches!(one, Queries::One(query) if *query == Query::active("*")));
    assert!(queries_from_json(r#"{"report": "active", "by": 1}"#).is_err());
    assert!(queries_from_json("7").unwrap_err().to_string().contains("array"));
}

#[test]
fn the_normal_form_leaves_defaults_out_and_sorts_names_and_fields() {
    let text = r#"{"report": "retention", "start": {"any": ["b", "a"]}, "columns": 12,
        "return": {"any": ["a", "b"]}, "by": "day", "week_start": "monday", "at_least": 1,
        "cohort": "first", "count": "on", "users": {"to": "2024-02-01", "did": "*", "at_least": 1}}"#;
    assert_eq!(
        Query::from_json(text).unwrap().to_json().to_string(),
        concat!(
            r#"{"report":"retention","start":{"any":["a","b"]},"#,
            r#""users":{"did":"*","to":"2024-02-01"}}"#
        )
    );
}

#[test]
fn serde_is_the_json_form() {
    let query: Query = serde_json::from_value(json!({"report": "states", "week": 3})).unwrap();
    assert_eq!(query, Query::states("*").week(3));
    assert_eq!(serde_json::to_value(&query).unwrap(), json!({"report": "states", "week": 3}));
    assert!(serde_json::from_value::<Query>(json!({"report": "states", "week": 31})).is_err());
}

fn selectors() -> impl Strategy<Value = Value> {
    let name = "[a-c]{1,2}";
    prop_oneof![
        Just(json!("*")),
        name.prop_map(|name| json!(name)),
        prop::collection::vec(name, 1..4).prop_map(|names| json!({ "any": names })),
    ]
}

fn sets() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (selectors(), 1..4_u64).prop_map(|(event, n)| json!({"did": event, "at_least": n})),
        selectors().prop_map(|e| json!({"first_did": e, "from": "2024-01-01", "to": "2024-02-01"})),
        prop::collection::vec("[0-9a-z]{0,3}", 0..4).prop_map(|ids| json!({ "ids": ids })),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|set| json!({ "not": set })),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|sets| json!({ "and": sets })),
            prop::collection::vec(inner, 1..4).prop_map(|sets| json!({ "or": sets })),
        ]
    })
}

fn ranged() -> impl Strategy<Value = Value> {
    let from = prop_oneof![Just(json!(null)), Just(json!("-6m")), Just(json!("2024-01-01"))];
    let to = prop_oneof![Just(json!(null)), Just(json!("today")), Just(json!("2024-02-01"))];
    let by = prop::sample::select(vec!["day", "week", "month", "quarter", "year"]);
    let as_of = prop_oneof![Just(json!(null)), Just(json!("2024-06-01T00:00:00.25Z"))];
    (from, to, by, as_of, prop::option::of(sets())).prop_map(|(from, to, by, as_of, users)| {
        json!({"from": from, "to": to, "by": by, "as_of": as_of, "users": users})
    })
}

fn reports() -> impl Strategy<Value = Value> {
    let (event, n) = (selectors, 1..40_u32);
    prop_oneof![
        (event(), n.clone())
            .prop_map(|(e, n)| json!({"report": "active", "event": e, "trailing": n})),
        (event(), n.clone()).prop_map(|(e, n)| json!({"report": "growth", "event": e, "gap": n})),
        (event(), event(), n.clone(), prop::sample::select(CohortKind::EVERY.to_vec()))
            .prop_map(|(start, back, n, kind)| json!({"report": "retention", "start": start,
                "return": back, "columns": n, "cohort": kind.as_str()})),
        (event(), prop::collection::vec(n, 1..4)).prop_map(
            |(start, widths)| json!({"report": "retention", "start": start, "brackets": widths})
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(mut query in reports(), rest in ranged()) {
        query.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let query = Query::from_value(&query).unwrap();
        let normal = query.to_json();
        let again = Query::from_json(&normal.to_string()).unwrap();
        prop_assert_eq!(again.to_json(), normal);
        // Only what is the default in other words may differ.
        let by = query.by.filter(|by| *by != Bucket::Day);
        prop_assert_eq!(&again.report.name(), &query.report.name());
        prop_assert_eq!(
            (again.from, again.to, again.by, again.as_of, again.users),
            (query.from, query.to, by, query.as_of, query.users)
        );
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\":,a-z0-9 -]{0,80}") {
        let _ = queries_from_json(&text);
    }
}

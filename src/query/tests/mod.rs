//! Good and bad queries through both doors, and the way back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad;
mod laws;

use super::{
    CohortKind, CountKind, Measure, PersonColumn, Queries, Query, Set, SurveyKind,
    queries_from_json,
};
use crate::ErrorKind::{Input, Limit};
use crate::scan::{Condition, FunnelOrder, Selector};
use crate::time::{Bucket, WeekStart};
use serde_json::{Value, json};

#[track_caller]
fn assert_reads(text: &str, built: Query) {
    let query = Query::from_json(text).unwrap();
    assert_eq!(query, built, "{text}");
    assert_eq!(Query::from_value(&query.to_json()).unwrap(), query);
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
        r#"{"report": "count", "users": {"or": [{"did": "buy", "from": "-28d", "to": "today"},
            {"first_did": "*", "from": "-6m", "to": "2024-02-01"}]}}"#,
        Query::count(Set::did("buy").from("-28d").to("today").or(Set::first_did(
            "*",
            "-6m",
            "2024-02-01",
        ))),
    );
    assert_reads(
        r#"{"report": "users", "users": {"did": "*"}, "limit": 10, "after": 42}"#,
        Query::users(Set::did("*")).limit(10).after("42"),
    );
    let everyone = Query::from_json(r#"{"report": "count", "users": null}"#).unwrap();
    assert_eq!(everyone.to_json(), json!({"report": "count"}));
}

#[test]
fn json_reads_conditions_and_breakdowns() {
    let paid = Selector::name("buy").matching([Condition::gte("price", 9.5)]);
    assert_reads(
        r#"{"report": "active", "event": {"event": "buy", "where": [{"property": "price",
            "gte": 9.50}]}, "breakdown": ["country", "plan"], "top": 3}"#,
        Query::active(paid.clone()).breakdown(["country", "plan"]).top(3),
    );
    assert_reads(
        r#"{"report": "active", "event": {"event": "buy", "where": []}, "breakdown": null}"#,
        Query::active("buy"),
    );
    let either = Selector::any_of(["a", "b"]).matching([Condition::exists("plan")]);
    for event in
        [r#"{"event": {"any": ["b", "a"]}, "where": W}"#, r#"{"any": ["a", "b"], "where": W}"#]
    {
        let event = event.replace('W', r#"[{"property": "plan", "exists": true}]"#);
        let text = format!(r#"{{"report": "growth", "event": {event}, "property": "price"}}"#);
        assert_reads(&text, Query::growth(either.clone()).property("price"));
    }
    assert_reads(
        r#"{"report": "retention", "start": {"event": "*", "where": [{"property": "price",
            "gte": 9.5}]}, "window": "elapsed", "property": "price", "by": "hour"}"#,
        Query::retention(Selector::Any.matching([Condition::gte("price", 9.5)]))
            .elapsed()
            .property("price")
            .by(Bucket::Hour),
    );
}

#[test]
fn json_reads_funnels_paths_and_sessions() {
    assert_reads(
        r#"{"report": "funnel", "steps": ["visit", {"any": ["cart", "wish"]}, "buy"],
            "within": "90m", "order": "strict", "ties": "forbid", "by": "week",
            "exclude": [{"event": "help", "after": 1, "before": 3}]}"#,
        Query::funnel([Selector::name("visit"), Selector::any_of(["cart", "wish"]), "buy".into()])
            .within("90m")
            .order(FunnelOrder::Strict)
            .forbid_ties()
            .by(Bucket::Week)
            .exclude("help", 1, 3),
    );
    assert_reads(
        r#"{"report": "funnel", "steps": ["a"], "within": "14d", "by": "all", "exclude": []}"#,
        Query::funnel(["a"]),
    );
    assert_reads(
        r#"{"report": "funnel", "steps": ["a"], "within": null, "order": "ordered"}"#,
        Query::funnel(["a"]).without_limit(),
    );
    assert_reads(r#"{"report": "paths", "start": "visit"}"#, Query::paths_from("visit"));
    assert_reads(
        r#"{"report": "paths", "end": "buy", "depth": 3, "top": 7, "within": "1d"}"#,
        Query::paths_to("buy").depth(3).top(7).within("24h"),
    );
    assert_reads(
        r#"{"report": "sessions", "gap": "1h", "duration_edges": ["10s", "1m"], "by": "day"}"#,
        Query::sessions("*").session_gap("1h").duration_edges(["10s", "60s"]),
    );
}

#[test]
fn json_reads_values_and_scores() {
    for measure in Measure::EVERY {
        let mut query = Query::value("buy", measure);
        let mut text =
            format!(r#"{{"report": "value", "measure": "{}", "event": "buy""#, measure.as_str());
        if measure.reads_property() {
            query = query.property("price");
            text.push_str(r#", "property": "price""#);
        }
        if measure == Measure::Share {
            query = query.of("*");
            text.push_str(r#", "of": "*""#);
        }
        assert_reads(&(text + "}"), query);
    }
    assert_reads(
        r#"{"report": "balance", "event": "plan", "property": "mrr", "by": "month"}"#,
        Query::balance("plan", "mrr").by(Bucket::Month),
    );
    assert_reads(
        r#"{"report": "survey", "event": "answer", "property": "score", "kind": "nps",
            "scale": [0, 10], "responses": "last"}"#,
        Query::survey("answer", "score", SurveyKind::Nps).last_responses(),
    );
    assert_reads(
        r#"{"report": "survey", "scale": [-2.50, 2], "kind": "csat", "property": "score"}"#,
        Query::survey("*", "score", SurveyKind::Csat).scale(-2.5, 2),
    );
    assert_reads(
        r#"{"report": "survey", "property": "score", "scale": [1, 5], "promoter_min": 5,
            "detractor_max": 3}"#,
        Query::survey("*", "score", SurveyKind::Nps).scale(1, 5).promoter_min(5).detractor_max(3),
    );
    assert_reads(
        r#"{"report": "adoption", "features": ["share", "invite"], "k": 2, "among": "open"}"#,
        Query::adoption(["share", "invite"]).at_least_features(2).among("open"),
    );
    assert_reads(
        r#"{"report": "users", "event": "buy", "property": "price", "with": ["sum", "first"],
            "order_by": "last_value", "descending": true}"#,
        Query::from_json(r#"{"report": "users"}"#)
            .unwrap()
            .event("buy")
            .property("price")
            .with([PersonColumn::Sum, PersonColumn::First])
            .order_by(PersonColumn::LastValue)
            .descending(),
    );
}

#[test]
fn json_reads_cohorts_and_sets_of_funnels() {
    let funnel = Query::funnel(["a", "b"]).from("-28d").only(Set::cohort("early"));
    assert_reads(
        r#"{"report": "count", "users": {"or": [{"cohort": "buyers"},
            {"funnel": {"report": "funnel", "steps": ["a", "b"], "from": "-28d",
                        "users": {"cohort": "early"}}, "reached": 2, "exactly": false}]}}"#,
        Query::count(Set::cohort("buyers").or(Set::funnel(funnel.clone(), 2))),
    );
    assert_reads(
        r#"{"report": "active", "users": {"exactly": true, "reached": 1, "funnel":
            {"steps": ["a", "b"], "from": "-28d", "users": {"cohort": "early"}}}}"#,
        Query::active("*").only(Set::funnel_exactly(funnel.clone(), 1)),
    );
    let set = Set::funnel(funnel, 1).and(!Set::ids(["x"]));
    assert_eq!(Set::from_json(&set.to_json().to_string()).unwrap(), set);
    assert!(Set::from_json("{").unwrap_err().to_string().contains("the set is not JSON"));
    assert!(Set::from_json(r#"{"ids": [], "ids": []}"#).is_err());
    assert!(Set::from_json(r#"{"did": ""}"#).is_err());
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
        (Query::active("*").within("1d"), "`within` is a field of `funnel`, `paths`, not"),
        (Query::funnel(["a"]).within("soon"), "`within` is \"soon\": expected a duration"),
        (Query::active("*").exclude("a", 1, 2), "`exclude` is a field of `funnel`, not"),
        (Query::growth("*").session_gap("1m"), "`gap` of `growth` takes another kind of value"),
        (Query::sessions("*").gap(2), "`gap` of `sessions` takes another kind of value"),
        (Query::sessions("*").duration_edges(["soon"]), "`duration_edges` is \"soon\""),
        (Query::active("*").duration_edges(["1m"]), "`duration_edges` is a field of `sessions`"),
        (Query::active("*").property("p"), "`property` is a field of `growth`"),
        (Query::survey("*", "p", SurveyKind::Nps).scale("low", 5), "expected a number"),
        (Query::count(Set::funnel(Query::active("*"), 1)), "takes a funnel, not `active`"),
        (Query::count(Set::funnel(Query::funnel(["a"]).from("x"), 1)), "`from` is \"x\""),
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
    assert_eq!(nested(1_000).unwrap_err().kind(), Limit);
    let built = (0..crate::limits::SET_DEPTH_MAX).fold(Set::did("a"), |set, _| !set);
    assert_eq!(Query::count(built).check().unwrap_err().kind(), Limit);
    let funnels = |depth: usize| {
        let around = |set| Set::funnel(Query::funnel(["a"]).only(set), 1);
        Query::count((1..depth).fold(Set::did("a"), |set, _| around(set)))
    };
    assert!(funnels(crate::limits::SET_DEPTH_MAX).check().is_ok());
    let deep = funnels(crate::limits::SET_DEPTH_MAX + 1);
    assert_eq!(deep.check().unwrap_err().kind(), Limit);
    assert_eq!(Query::from_value(&deep.to_json()).unwrap_err().kind(), Limit);
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
    let steps = |count: usize| Query::funnel(vec!["a"; count]).check().map_err(|e| e.kind());
    assert_eq!(
        (steps(0), steps(1), steps(30), steps(31)),
        (Err(Input), Ok(()), Ok(()), Err(Limit))
    );
    let features = |count: usize| Query::adoption(vec!["a"; count]).check().map_err(|e| e.kind());
    assert_eq!((features(0), features(50), features(51)), (Err(Input), Ok(()), Err(Limit)));
    let within = |time: &str| Query::funnel(["a"]).within(time).check().map_err(|e| e.kind());
    let most = "1000000000000s";
    assert_eq!((within("0s"), within("1s"), within(most)), (Err(Input), Ok(()), Ok(())));
    assert_eq!(within("1000000000001s"), Err(Limit));
    let edges = |count: usize| {
        let edges = (1..=count).map(|edge| format!("{edge}s"));
        Query::sessions("*").duration_edges(edges).check().map_err(|e| e.kind())
    };
    assert_eq!((edges(1_000), edges(1_001)), (Ok(()), Err(Limit)));
    let text = " ".repeat(crate::limits::QUERY_BYTES_MAX + 1);
    assert_eq!(Query::from_json(&text).unwrap_err().kind(), Limit);
    let many = format!("[{}0]", "0,".repeat(crate::limits::QUERIES_MAX));
    assert_eq!(queries_from_json(&many).unwrap_err().kind(), Limit);
}

#[test]
fn an_array_keeps_each_error_in_its_place() {
    let text = r#"[{"report": "active"}, {"report": "growth", "by": "day", "by": "week"}, 7, 9e999,
        0.30000000000000000001]"#;
    let Queries::Many(queries) = queries_from_json(text).unwrap() else { panic!("an array") };
    assert_eq!(queries[0].as_ref().unwrap(), &Query::active("*"));
    assert!(queries[1].as_ref().unwrap_err().to_string().contains("`by` is given twice"));
    assert!(queries[2].is_err() && queries[3].is_err());
    assert!(queries[4].as_ref().unwrap_err().to_string().contains("0.30000000000000000001"));
    let one = queries_from_json(r#"{"report": "active"}"#).unwrap();
    assert!(matches!(one, Queries::One(query) if *query == Query::active("*")));
    assert!(queries_from_json(r#"{"report": "active", "by": 1}"#).is_err());
    assert!(queries_from_json("7").unwrap_err().to_string().contains("an object"));
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

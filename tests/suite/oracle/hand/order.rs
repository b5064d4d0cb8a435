//! Funnels, sessions, paths.

use super::*;

fn steps(oracle: &Oracle, query: &Json, name: &str) -> Json {
    let series = series(oracle, query);
    series[0]["steps"].as_array().unwrap().iter().map(|s| s[name].clone()).collect()
}

fn funnel(names: &[&str]) -> Json {
    json!({"report": "funnel", "steps": names, "within": "1h"})
}

#[test]
fn the_best_entry_counts() {
    let oracle = table(
        "UTC",
        "anna a 2024-01-01T10:00
         anna a 2024-01-01T10:50
         anna b 2024-01-01T11:10
         anna c 2024-01-01T11:40
         ben  a 2024-01-01T10:00
         ben  b 2024-01-01T11:00
         ben  c 2024-01-01T11:00:01
         cara b 2024-01-01T10:00
         cara a 2024-01-01T11:00",
    );
    let query = funnel(&["a", "b", "c"]);
    // anna's second entry goes all the way; ben's c comes a second after the hour.
    assert_eq!(steps(&oracle, &query, "users"), json!([3, 2, 1]));
    assert_eq!(steps(&oracle, &query, "rate_from_first"), json!([1.0, 2.0 / 3.0, 1.0 / 3.0]));
    assert_eq!(steps(&oracle, &query, "rate_from_previous"), json!([1.0, 2.0 / 3.0, 0.5]));
    // From a to b: anna 20 minutes, ben 60. The ninth tenth of two is the larger.
    assert_eq!(steps(&oracle, &query, "median_s"), json!([null, 2400.0, 1800.0]));
    assert_eq!(steps(&oracle, &query, "p90_s"), json!([null, 3600.0, 1800.0]));
    assert_eq!(steps(&oracle, &query, "total_mean_s"), json!([0.0, 2400.0, 3000.0]));
}

#[test]
fn the_entry_lies_in_the_range_and_the_rest_may_pass_it() {
    let oracle = table("UTC", "anna a 2024-01-01T23:50\n anna b 2024-01-02T00:10");
    let query = funnel(&["a", "b"]);
    let first = with(&query, json!({"to": "2024-01-02"}));
    assert_eq!(steps(&oracle, &first, "users"), json!([1, 1]));
    // At the end of the day the window of the last entries was still open.
    let early = with(&first, json!({"as_of": "2024-01-02T00:00:00Z"}));
    assert_eq!(buckets(&oracle, &early), json!([{"start": "2024-01-01", "complete": false}]));
    let second = with(&query, json!({"from": "2024-01-02", "to": "2024-01-03"}));
    assert_eq!(steps(&oracle, &second, "users"), json!([0, 0]));
    assert_eq!(steps(&oracle, &second, "rate_from_first"), json!([null, null]));
}

#[test]
fn one_event_serves_one_step_and_ties_count_in_funnel_order() {
    let twice = table("UTC", "anna a 2024-01-01T10:00\n ben a 2024-01-01\n ben a 2024-01-01");
    assert_eq!(steps(&twice, &funnel(&["a", "a"]), "users"), json!([2, 1]));
    let forbid = with(&funnel(&["a", "a"]), json!({"ties": "forbid"}));
    assert_eq!(steps(&twice, &forbid, "users"), json!([2, 0]));
    // b is stored before z, yet z is the first step.
    let tie = table("UTC", "anna b 2024-01-01\n anna z 2024-01-01");
    assert_eq!(steps(&tie, &funnel(&["z", "b"]), "users"), json!([1, 1]));
    let strict = with(&funnel(&["z", "b"]), json!({"order": "strict"}));
    assert_eq!(steps(&tie, &strict, "users"), json!([1, 1]));
}

#[test]
fn nothing_lies_between_strict_steps() {
    let oracle = table(
        "UTC",
        "anna a 2024-01-01T10:00
         anna x 2024-01-01T10:01
         anna b 2024-01-01T10:02
         ben  a 2024-01-01T10:00
         ben  b 2024-01-01T10:02
         ben  x 2024-01-01T10:03",
    );
    let query = with(&funnel(&["a", "b"]), json!({"order": "strict"}));
    assert_eq!(steps(&oracle, &query, "users"), json!([2, 1]));
    assert_eq!(steps(&oracle, &funnel(&["a", "b"]), "users"), json!([2, 2]));
}

#[test]
fn unordered_steps_fill_in_the_order_of_time() {
    let oracle = table(
        "UTC",
        "anna c 2024-01-01T10:00
         anna a 2024-01-01T10:10
         anna b 2024-01-01T10:40
         ben  b 2024-01-01T10:00
         ben  b 2024-01-01T10:30
         ben  c 2024-01-01T11:20",
    );
    let query = with(&funnel(&["a", "b", "c"]), json!({"order": "unordered"}));
    // ben's second b opens a run in whose hour c still lies.
    assert_eq!(steps(&oracle, &query, "users"), json!([2, 2, 1]));
    assert_eq!(steps(&oracle, &query, "median_s"), json!([null, 1800.0, 1800.0]));
    assert_eq!(steps(&oracle, &query, "total_median_s"), json!([0.0, 1800.0, 2400.0]));
}

#[test]
fn an_exclusion_ends_the_run_and_keeps_what_came_before() {
    let oracle = table(
        "UTC",
        "anna a 2024-01-01T10:00
         anna b 2024-01-01T10:10
         anna x 2024-01-01T10:20
         anna c 2024-01-01T10:30
         ben  a 2024-01-01T10:00
         ben  x 2024-01-01T10:10
         ben  b 2024-01-01T10:20
         ben  c 2024-01-01T10:30",
    );
    let exclude = |i, j| json!({"exclude": [{"event": "x", "after": i, "before": j}]});
    let query = |i, j| with(&funnel(&["a", "b", "c"]), exclude(i, j));
    assert_eq!(steps(&oracle, &query(2, 3), "users"), json!([2, 2, 1]));
    assert_eq!(steps(&oracle, &query(1, 2), "users"), json!([2, 1, 1]));
    assert_eq!(steps(&oracle, &query(1, 3), "users"), json!([2, 1, 0]));
}

#[test]
fn a_trend_takes_the_best_run_of_each_bucket() {
    let oracle = table(
        "UTC",
        "anna a 2024-01-01T10:00 c=DE
         anna a 2024-01-02T10:00 c=DE
         anna a 2024-01-02T10:30 c=FR
         anna b 2024-01-02T10:40
         ben  a 2024-01-02T10:00 c=DE",
    );
    let query = with(&funnel(&["a", "b"]), json!({"by": "day"}));
    assert_eq!(steps(&oracle, &query, "users"), json!([[1, 2], [0, 1]]));
    assert_eq!(steps(&oracle, &query, "rate_from_first")[1], json!([0.0, 0.5]));
    // The latest entry of those that finish together is the run, and its country the group.
    let groups = with(&funnel(&["a", "b"]), json!({"breakdown": ["c"]}));
    let series = series(&oracle, &groups);
    assert_eq!(series[0]["key"], json!({"c": "DE"}));
    assert_eq!(series[0]["steps"][1]["users"], 0);
    assert_eq!(
        (&series[1]["steps"][0]["users"], &series[1]["steps"][1]["users"]),
        (&json!(1), &json!(1))
    );
}

#[test]
fn sessions_end_after_a_gap() {
    let oracle = table(
        "UTC",
        "anna a 2024-01-01T23:00 c=DE
         anna b 2024-01-01T23:30 c=FR
         anna a 2024-01-02T00:00 c=FR
         anna a 2024-01-02T00:30:01 c=FR
         ben  a 2024-01-01T10:00 c=FR",
    );
    let query = json!({"report": "sessions"});
    let of = |name| column(&oracle, &query, name);
    // anna's first session passes midnight; half an hour exactly does not end it.
    assert_eq!(of("sessions"), json!([2, 1]));
    assert_eq!(of("users"), json!([2, 1]));
    assert_eq!(of("mean_s"), json!([1800.0, 0.0]));
    assert_eq!(of("median_s"), json!([1800.0, 0.0]));
    assert_eq!(of("bounce_rate"), json!([0.5, 1.0]));
    assert_eq!(of("events_per_session"), json!([2.0, 1.0]));
    let edges = with(&query, json!({"duration_edges": ["1s", "1h"]}));
    assert_eq!(column(&oracle, &edges, "histogram"), json!([[1, 1], [0, 0], [1, 0]]));
    // A range that begins within a session does not begin one.
    let later = with(&query, json!({"from": "2024-01-02", "gap": "31m"}));
    assert_eq!(column(&oracle, &later, "sessions"), json!([0]));
    assert_eq!(column(&oracle, &later, "per_user"), json!([null]));
    let groups = super::groups(&oracle, &with(&query, json!({"breakdown": ["c"]})), "sessions");
    assert_eq!(groups, json!([[{"c": "FR"}, [1, 1]], [{"c": "DE"}, [1, 0]]]));
}

#[test]
fn paths_follow_the_next_event() {
    let oracle = table(
        "UTC",
        "anna a 2024-01-01T10:00
         anna b 2024-01-01T10:10
         anna c 2024-01-01T10:20
         ben  a 2024-01-01T10:00
         ben  b 2024-01-01T10:31
         cara x 2024-01-01T09:50
         cara a 2024-01-01T10:00
         cara b 2024-01-01T10:01",
    );
    let link = |step, from: Json, to: Json, users| json!({"step": step, "from": from, "to": to, "users": users});
    let (a, b, c) = (json!("a"), json!("b"), json!("c"));
    let query = json!({"report": "paths", "start": "a", "depth": 2});
    let wanted = json!([
        link(1, a.clone(), b.clone(), 2),
        link(1, a.clone(), json!(null), 1),
        link(2, b.clone(), json!(null), 1),
        link(2, b.clone(), c.clone(), 1),
    ]);
    assert_eq!(column(&oracle, &query, "links"), wanted);
    let one = column(&oracle, &with(&query, json!({"top": 1})), "links");
    let rest = json!({"step": 1, "from": null, "to": null, "other": true, "users": 1});
    assert_eq!((one.as_array().unwrap().len(), &one[1]), (4, &rest));
    let back = json!({"report": "paths", "end": "b", "depth": 2});
    let wanted = json!([
        link(1, a.clone(), b.clone(), 2),
        link(1, json!(null), b, 1),
        link(2, json!(null), a.clone(), 1),
        link(2, json!("x"), a, 1),
    ]);
    assert_eq!(column(&oracle, &back, "links"), wanted);
}

//! Active, frequency, stickiness, growth, states; conditions, zones, hours, groups.

use super::*;

/// Berlin's clock goes forward at 01:00Z on the 31st of March.
fn spring() -> Oracle {
    table(
        "Europe/Berlin",
        "anna  open  2024-03-30T22:30  n=1  c=DE
         anna  buy   2024-03-30T23:30  n=2  c=DE
         ben   open  2024-03-31T00:30  n=3  c=FR
         ben   open  2024-03-31T01:30  n=10 c=FR
         -     open  2024-03-31T01:40  n=10
         cara  open  2024-03-31T21:59       c=DE
         anna  open  2024-03-31T22:00       c=FR",
    )
}

#[test]
fn days_are_those_of_the_zone_asked_for() {
    let query = json!({"report": "active"});
    // Berlin: the 30th anna; the 31st anna, ben, cara; the 1st of April anna.
    assert_eq!(column(&spring(), &query, "users"), json!([1, 3, 1]));
    let start = |b: &Json| b[0]["start"].clone();
    assert_eq!(start(&buckets(&spring(), &query)), json!("2024-03-30"));
    // UTC: the 30th anna; the 31st ben, cara, anna.
    let utc = with(&query, json!({"time_zone": "UTC"}));
    assert_eq!(column(&spring(), &utc, "users"), json!([1, 3]));
    // Kathmandu is 5:45 ahead: 22:30Z and all later ones but the last two fall on the 31st.
    let nepal = with(&query, json!({"time_zone": "Asia/Kathmandu"}));
    assert_eq!(column(&spring(), &nepal, "users"), json!([2, 2]));
    assert_eq!(start(&buckets(&spring(), &nepal)), json!("2024-03-31"));
}

#[test]
fn hours_of_a_short_day() {
    let query = json!({"report": "active", "by": "hour", "from": "2024-03-31", "to": "2024-04-01"});
    let users = column(&spring(), &query, "users");
    assert_eq!(users.as_array().unwrap().len(), 23);
    // 00:00 anna, 01:00 ben, 03:00 ben, and cara in the last hour.
    assert_eq!(users.as_array().unwrap()[..4], [json!(1), json!(1), json!(1), json!(0)]);
    assert_eq!(users[22], 1);
    let buckets = buckets(&spring(), &query);
    assert_eq!(buckets[1], json!({"start": "2024-03-31T01:00+01:00", "complete": true}));
    assert_eq!(buckets[2]["start"], "2024-03-31T03:00+02:00");
    // The 24 hours that end with 00:00 to 01:00 begin at 01:00 the day before.
    let trailing = with(&query, json!({"trailing": 1}));
    let users = column(&spring(), &trailing, "users");
    assert_eq!(users.as_array().unwrap()[..3], [json!(1), json!(2), json!(2)]);
    assert_eq!(users[22], 3);
}

#[test]
fn a_bucket_that_has_not_ended_is_not_complete_and_one_not_begun_is_null() {
    let query = json!({
        "report": "active", "by": "hour", "time_zone": "UTC", "as_of": "2024-03-31T01:30:00Z",
        "from": "2024-03-31", "to": "2024-04-01"
    });
    let users = column(&spring(), &query, "users");
    assert_eq!(users.as_array().unwrap()[..3], [json!(1), json!(1), json!(null)]);
    let buckets = buckets(&spring(), &query);
    assert_eq!((&buckets[0]["complete"], &buckets[1]["complete"]), (&json!(true), &json!(false)));
}

#[test]
fn conditions_hold_on_one_event() {
    let of = |conditions: Json| {
        let event = json!({"event": "open", "where": conditions});
        column(&spring(), &json!({"report": "active", "by": "all", "event": event}), "users")
    };
    assert_eq!(of(json!([{"property": "n", "gt": 2}])), json!([1]));
    // anna has 1 on one event and FR on another.
    assert_eq!(
        of(json!([{"property": "n", "is": 1.0}, {"property": "c", "is": "FR"}])),
        json!([0])
    );
    assert_eq!(of(json!([{"property": "n", "exists": false}])), json!([2]));
    assert_eq!(of(json!([{"property": "n", "is_not": 3}])), json!([3]));
    assert_eq!(of(json!([{"property": "n", "not_in": [1, 3, 10]}])), json!([2]));
    let either = json!([{"any_of": [{"property": "n", "is": 1}, {"property": "n", "is": 3}]}]);
    assert_eq!(of(either), json!([2]));
    assert_eq!(of(json!([{"property": "c", "starts_with": "D"}])), json!([2]));
    assert_eq!(of(json!([{"property": "never", "is": 1}])), json!([0]));
}

#[test]
fn groups_are_ranked_by_people_and_the_rest_is_a_set() {
    let query = json!({"report": "active", "by": "all", "breakdown": ["c"], "event": "open"});
    // Two people each: DE comes before FR.
    let both = json!([[{"c": "DE"}, [2]], [{"c": "FR"}, [2]]]);
    assert_eq!(groups(&spring(), &query, "users"), both);
    let numbers = with(&query, json!({"breakdown": ["n"], "top": 2}));
    // Nothing: cara, anna. 1: anna, 3: ben, 10: ben. Those with 3 and with 10 are one person.
    let some = json!([[{"n": null}, [2]], [{"n": "=1"}, [1]], [{"other": true}, [1]]]);
    assert_eq!(groups(&spring(), &numbers, "users"), some);
    let two = with(&query, json!({"breakdown": ["c", "n"], "top": 1, "to": "2024-03-31"}));
    assert_eq!(groups(&spring(), &two, "users"), json!([[{"c": "DE", "n": "=1"}, [1]]]));
    let nothing = with(&query, json!({"event": "nothing"}));
    assert_eq!(series(&spring(), &nothing), json!([]));
}

#[test]
fn values_are_ordered_null_false_true_numbers_texts() {
    let oracle = table(
        "UTC",
        "a x 2024-01-01 v=b
         a x 2024-01-01 v=10
         a x 2024-01-01 v=9.5
         a x 2024-01-01 v=9.50
         a x 2024-01-01 v=true
         a x 2024-01-01 v=false
         a x 2024-01-01 v=B
         a x 2024-01-01",
    );
    let query = json!({"report": "active", "breakdown": ["v"]});
    let series = series(&oracle, &query);
    let keys: Json = series.as_array().unwrap().iter().map(|s| s["key"]["v"].clone()).collect();
    assert_eq!(keys, json!([null, false, true, "=9.5", "=10", "B", "b"]));
}

#[test]
fn frequency_counts_intervals() {
    // Berlin: anna is active on three days, ben on one (twice), cara on one.
    let query = json!({"report": "frequency"});
    assert_eq!(column(&spring(), &query, "users"), json!([2, 0, 1]));
    let twice = with(&query, json!({"at_least": 2}));
    assert_eq!(column(&spring(), &twice, "users"), json!([1, 0, 0]));
    let hours = with(
        &query,
        json!({"interval": "hour", "from": "2024-03-31", "to": "2024-04-01", "event": "open"}),
    );
    let users = column(&spring(), &hours, "users");
    assert_eq!(users.as_array().unwrap()[..3], [json!(1), json!(1), json!(0)]);
    assert_eq!(users.as_array().unwrap().len(), 23);
}

#[test]
fn stickiness_is_the_mean_day_over_the_window() {
    let query = json!({"report": "stickiness", "trailing": 2});
    // The first day has nothing before it: 1 of 1. Then (1 + 3) / 2 of 3, then (3 + 1) / 2 of 3.
    assert_eq!(column(&spring(), &query, "mean_daily"), json!([1.0, 2.0, 2.0]));
    assert_eq!(column(&spring(), &query, "trailing_users"), json!([1, 3, 3]));
    // By hour: 24 hours that end with the hour, counted from the first event's on.
    let hours = with(&query, json!({"by": "hour", "trailing": 1, "to": "2024-03-31"}));
    let mean = column(&spring(), &hours, "mean_daily");
    // The first event is at 23:30 in Berlin.
    assert_eq!((&mean[22], &mean[23]), (&json!(null), &json!(1.0)));
}

#[test]
fn growth_within_a_value_has_its_own_history() {
    let query = json!({"report": "growth", "event": "open", "breakdown": ["c"]});
    let new = groups(&spring(), &query, "new");
    // anna is new to FR on the 1st of April though she came before; cara is new to DE.
    assert_eq!(new, json!([[{"c": "DE"}, [1, 1, 0]], [{"c": "FR"}, [0, 1, 1]]]));
    let churned = groups(&spring(), &query, "churned");
    assert_eq!(churned, json!([[{"c": "DE"}, [0, 1, 1]], [{"c": "FR"}, [0, 0, 1]]]));
    let any = with(&query, json!({"new_means": "any"}));
    assert_eq!(groups(&spring(), &any, "new")[1], json!([{"c": "FR"}, [0, 1, 0]]));
    assert_eq!(groups(&spring(), &any, "resurrected")[1], json!([{"c": "FR"}, [0, 0, 1]]));
}

#[test]
fn growth_with_gap_and_trailing() {
    let oracle = table(
        "UTC",
        "a x 2024-01-01
         b x 2024-01-01
         b x 2024-01-02
         a x 2024-01-03
         b x 2024-01-05",
    );
    let query = json!({"report": "growth", "gap": 2});
    // On the 3rd a was active two days before; b, last active on the 2nd, is gone on the 4th.
    assert_eq!(column(&oracle, &query, "retained"), json!([0, 1, 1, 0, 0]));
    assert_eq!(column(&oracle, &query, "churned"), json!([0, 0, 0, 1, 1]));
    assert_eq!(column(&oracle, &query, "resurrected"), json!([0, 0, 0, 0, 1]));
    let rate = json!([null, 0.5, 0.5, 0.0, 0.0]);
    assert_eq!(column(&oracle, &query, "retention_rate"), rate);
    let trailing = json!({"report": "growth", "trailing": 2});
    assert_eq!(column(&oracle, &trailing, "active"), json!([2, 2, 2, 1, 1]));
    assert_eq!(column(&oracle, &trailing, "retained"), json!([0, 0, 2, 1, 1]));
    assert_eq!(column(&oracle, &trailing, "new"), json!([2, 2, 0, 0, 0]));
}

#[test]
fn states_of_two_people() {
    let oracle = table("UTC", "a x 2024-01-01\n b x 2024-01-01\n a x 2024-01-02\n a x 2024-01-05");
    let query = json!({"report": "states", "week": 2, "month": 4});
    assert_eq!(column(&oracle, &query, "new"), json!([2, 0, 0, 0, 0]));
    assert_eq!(column(&oracle, &query, "current"), json!([0, 1, 0, 0, 0]));
    assert_eq!(column(&oracle, &query, "reactivated"), json!([0, 0, 0, 0, 1]));
    assert_eq!(column(&oracle, &query, "at_risk_week"), json!([0, 1, 1, 0, 0]));
    assert_eq!(column(&oracle, &query, "at_risk_month"), json!([0, 0, 1, 2, 0]));
    assert_eq!(column(&oracle, &query, "dormant"), json!([0, 0, 0, 0, 1]));
    assert_eq!(column(&oracle, &query, "nurr")[0], 0.5);
}

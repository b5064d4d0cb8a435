//! Surveys, adoption, sets, and a line per person.

use super::*;

fn answers() -> Oracle {
    table(
        "UTC",
        "anna vote 2024-01-01T10:00 s=10
         anna vote 2024-01-02T10:00 s=3
         ben  vote 2024-01-01T10:00 s=9
         cara vote 2024-01-01T10:00 s=7
         dora vote 2024-01-01T10:00 s=6
         emil vote 2024-01-01T10:00 s=11
         finn vote 2024-01-01T10:00 s=none
         -    vote 2024-01-01T10:00 s=8",
    )
}

fn survey(kind: &str) -> Json {
    json!({"report": "survey", "event": "vote", "property": "s", "kind": kind, "by": "month"})
}

#[test]
fn promoters_less_detractors() {
    let of = |name| column(&answers(), &survey("nps"), name);
    // 10 and 9 against 6 and 3, of 10, 3, 9, 7, 6, 8: 11 is off the scale.
    assert_eq!(of("responses"), json!([6]));
    assert_eq!(json!([of("promoters"), of("passives"), of("detractors")]), json!([[2], [2], [2]]));
    assert_eq!(of("score"), json!([0.0]));
    let low = with(&survey("nps"), json!({"promoter_min": 7, "detractor_max": 3}));
    assert_eq!(column(&answers(), &low, "score"), json!([50.0]));
    // Of each person the last: anna's is 3. Nobody's answer is one of its own.
    let last = with(&survey("nps"), json!({"responses": "last"}));
    assert_eq!(column(&answers(), &last, "responses"), json!([5]));
    assert_eq!(column(&answers(), &last, "score"), json!([-20.0]));
}

#[test]
fn satisfaction_is_a_mean_and_the_top_two() {
    let query = with(&survey("csat"), json!({"scale": [1, 10]}));
    assert_eq!(column(&answers(), &query, "score"), json!([43.0 / 6.0]));
    assert_eq!(column(&answers(), &query, "top_two"), json!([2.0 / 6.0]));
    // On 1 to 5 only one answer counts.
    assert_eq!(column(&answers(), &survey("ces"), "score"), json!([3.0]));
    let before = with(&survey("ces"), json!({"to": "2024-01-01", "from": "2023-12-01"}));
    assert_eq!(column(&answers(), &before, "score"), json!([null]));
}

fn features() -> Oracle {
    table(
        "UTC",
        "anna share  2024-01-01 c=DE
         anna invite 2024-01-01 c=DE
         ben  share  2024-01-01 c=FR
         cara open   2024-01-01 c=FR
         anna invite 2024-01-02 c=FR
         dora open   2024-01-02 c=FR",
    )
}

#[test]
fn adoption_is_of_the_active() {
    let query = json!({"report": "adoption", "features": ["share", "invite"]});
    let rates = groups(&features(), &query, "rate");
    let wanted = json!([
        [{"feature": "share"}, [2.0 / 3.0, 0.0]],
        [{"feature": "invite"}, [1.0 / 3.0, 0.5]]
    ]);
    assert_eq!(rates, wanted);
    let both = with(&query, json!({"k": 2}));
    assert_eq!(groups(&features(), &both, "users"), json!([[{}, [1, 0]]]));
    assert_eq!(column(&features(), &both, "active"), json!([3, 2]));
    let one = with(&query, json!({"k": 1}));
    assert_eq!(column(&features(), &one, "users"), json!([2, 1]));
}

fn members(oracle: &Oracle, set: Json) -> Json {
    column(oracle, &json!({"report": "users", "users": set}), "ids")
}

#[test]
fn sets_of_people() {
    let mut oracle = features();
    let french = |event: &str| json!({"event": event, "where": [{"property": "c", "is": "FR"}]});
    assert_eq!(members(&oracle, json!({"did": french("invite")})), json!(["anna"]));
    assert_eq!(members(&oracle, json!({"did": french("*"), "at_most": 0})), json!([]));
    let first = json!({"first_did": french("*"), "from": "2024-01-02", "to": "2024-01-03"});
    assert_eq!(members(&oracle, first), json!(["anna", "dora"]));
    let through =
        json!({"funnel": {"report": "funnel", "steps": ["share", "invite"]}, "reached": 1});
    assert_eq!(members(&oracle, through.clone()), json!(["anna", "ben"]));
    let only = with(&through, json!({"exactly": true}));
    assert_eq!(members(&oracle, only), json!(["ben"]));
    oracle.cohorts.insert("sharers".into(), json!({"did": "share"}));
    assert_eq!(members(&oracle, json!({"not": {"cohort": "sharers"}})), json!(["cara", "dora"]));
}

#[test]
fn a_line_for_each_person() {
    let oracle = table(
        "Asia/Kathmandu",
        "anna buy  2024-01-01T20:00 v=2.5
         anna buy  2024-01-02T20:00 v=4
         anna open 2024-01-09T20:00
         ben  buy  2024-01-01T08:00 v=1
         cara open 2024-01-01T08:00",
    );
    let query = json!({
        "report": "users", "users": {"did": "*"}, "event": "buy", "property": "v",
        "with": ["first", "days", "weeks", "events", "sum", "last_value"], "order_by": "sum"
    });
    let of = |name| column(&oracle, &query, name);
    // Nothing sums up to 0, so that cara has a sum and comes first.
    assert_eq!(of("ids"), json!(["cara", "ben", "anna"]));
    let first =
        json!([null, "2024-01-01T13:45:00.000000+05:45", "2024-01-02T01:45:00.000000+05:45"]);
    assert_eq!(of("first"), first);
    assert_eq!((of("days"), of("weeks")), (json!([0, 1, 2]), json!([0, 1, 1])));
    assert_eq!(
        (of("sum"), of("last_value")),
        (json!(["=0", "=1", "=6.5"]), json!([null, "=1", "=4"]))
    );
    let last = with(&query, json!({"order_by": "last_value", "descending": true, "limit": 2}));
    assert_eq!(column(&oracle, &last, "ids"), json!(["anna", "ben"]));
    assert_eq!(column(&oracle, &last, "next"), "ben");
    let rest = with(&last, json!({"after": "ben"}));
    assert_eq!(column(&oracle, &rest, "ids"), json!(["cara"]));
}

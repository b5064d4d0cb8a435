//! Values, growth of money, balances.

use super::*;

fn shop() -> Oracle {
    table(
        "UTC",
        "anna buy  2024-01-05 value=10.50 c=DE
         anna buy  2024-01-20 value=4.25  c=DE
         ben  buy  2024-01-20 value=20    c=FR
         -    buy  2024-01-31 value=0.05
         anna buy  2024-02-01 value=9.75  c=DE
         ben  buy  2024-02-02 value=-2    c=FR
         cara buy  2024-02-03 value=free  c=FR
         cara buy  2024-03-01 value=7.1   c=DE
         anna open 2024-03-01 value=1000  c=DE
         ben  buy  2024-03-09 value=5     c=DE",
    )
}

fn by_month(measure: &str) -> Json {
    let measure = measure.to_string();
    let mut query = json!({"report": "value", "event": "buy", "by": "month", "measure": measure});
    if !["events", "users", "events_per_user", "share"].contains(&measure.as_str()) {
        query["property"] = json!("value");
    }
    query
}

#[test]
fn sums_and_ranks_keep_every_digit() {
    let of = |measure| column(&shop(), &by_month(measure), "value");
    assert_eq!(of("sum"), json!(["=34.8", "=7.75", "=12.1"]));
    assert_eq!(of("events"), json!([4, 3, 2]));
    assert_eq!(of("users"), json!([2, 3, 2]));
    assert_eq!(of("events_per_user"), json!([1.5, 1.0, 1.0]));
    assert_eq!(of("mean"), json!([8.7, 3.875, 6.05]));
    assert_eq!(of("min"), json!(["=0.05", "=-2", "=5"]));
    assert_eq!(of("max"), json!(["=20", "=9.75", "=7.1"]));
    // 0.05, 4.25, 10.50, 20: the two in the middle; the second of four, and the last.
    assert_eq!(of("median"), json!(["=7.375", "=3.875", "=6.05"]));
    assert_eq!(of("p50"), json!(["=4.25", "=-2", "=5"]));
    assert_eq!(of("p90"), json!(["=20", "=9.75", "=7.1"]));
    // Of the people with an amount: cara's in February is a text, and nobody's 0.05 is no one's.
    assert_eq!(of("sum_per_user"), json!([17.375, 3.875, 6.05]));
    assert_eq!(of("distinct"), json!([4, 3, 2]));
}

#[test]
fn nothing_has_a_sum_but_no_mean() {
    let of = |measure| {
        let query = with(&by_month(measure), json!({"event": "open", "to": "2024-02-01"}));
        column(&shop(), &query, "value")
    };
    assert_eq!((of("sum"), of("events")), (json!(["=0"]), json!([0])));
    for measure in ["mean", "min", "max", "median", "p90", "sum_per_user", "events_per_user"] {
        assert_eq!(of(measure), json!([null]), "{measure}");
    }
}

#[test]
fn a_set_of_users_leaves_nobodys_events_out() {
    let query = with(&by_month("sum"), json!({"users": {"did": "buy"}}));
    assert_eq!(column(&shop(), &query, "value"), json!(["=34.75", "=7.75", "=12.1"]));
}

#[test]
fn groups_of_a_value_are_ranked_by_the_measure() {
    let query = with(&by_month("sum"), json!({"breakdown": ["c"], "top": 2}));
    let wanted = json!([
        [{"c": "DE"}, ["=14.75", "=9.75", "=12.1"]],
        [{"c": "FR"}, ["=20", "=-2", "=0"]],
        [{"other": true}, ["=0.05", "=0", "=0"]]
    ]);
    assert_eq!(groups(&shop(), &query, "value"), wanted);
}

#[test]
fn a_share_is_of_events_among_events() {
    let query = json!({
        "report": "value", "measure": "share", "by": "month", "of": "*",
        "event": {"event": "*", "where": [{"property": "value", "gte": 10}]}
    });
    assert_eq!(column(&shop(), &query, "value"), json!([0.5, 0.0, 1.0 / 3.0]));
}

#[test]
fn growth_of_money_accounts_for_every_digit() {
    let query = json!({"report": "growth", "event": "buy", "by": "month", "property": "value"});
    let of = |name| column(&shop(), &query, name);
    // January: anna 14.75, ben 20. February: anna 9.75, ben -2. March: cara 7.1, ben 5.
    assert_eq!(of("total"), json!(["=34.75", "=7.75", "=12.1"]));
    assert_eq!(of("new"), json!(["=34.75", "=0", "=7.1"]));
    assert_eq!(of("retained"), json!(["=0", "=7.75", "=-2"]));
    assert_eq!(of("expansion"), json!(["=0", "=0", "=7"]));
    assert_eq!(of("contraction"), json!(["=0", "=27", "=0"]));
    assert_eq!(of("churned"), json!(["=0", "=0", "=9.75"]));
    assert_eq!(of("resurrected"), json!(["=0", "=0", "=0"]));
    assert_eq!(of("quick_ratio"), json!([null, 0.0, 14.1 / 9.75]));
    assert_eq!(of("net_retention"), json!([null, 7.75 / 34.75, 5.0 / 7.75]));
    assert_eq!(of("gross_retention"), json!([null, 7.75 / 34.75, -2.0 / 7.75]));
}

fn subscriptions() -> Oracle {
    table(
        "UTC",
        "anna plan 2024-01-10 mrr=10  c=DE
         ben  plan 2024-01-10 mrr=20  c=DE
         ben  plan 2024-01-15 mrr=30  c=DE
         anna plan 2024-02-10 mrr=0   c=DE
         cara plan 2024-02-10 mrr=5   c=FR
         cara plan 2024-02-11 mrr=0   c=FR
         ben  plan 2024-03-01 mrr=12.5 c=FR
         anna plan 2024-03-20 mrr=8   c=DE
         cara plan 2024-04-02 mrr=5   c=FR",
    )
}

#[test]
fn a_balance_is_carried_forward() {
    let query = json!({"report": "balance", "event": "plan", "property": "mrr", "by": "month"});
    let of = |name| column(&subscriptions(), &query, name);
    assert_eq!(of("total"), json!(["=40", "=30", "=20.5", "=25.5"]));
    assert_eq!(of("users"), json!([2, 1, 2, 3]));
    // cara was in for a day of February, so that April brings her back.
    assert_eq!(of("new"), json!(["=40", "=0", "=0", "=0"]));
    assert_eq!(of("resurrected"), json!(["=0", "=0", "=8", "=5"]));
    assert_eq!(of("churned"), json!(["=0", "=10", "=0", "=0"]));
    assert_eq!(of("retained"), json!(["=0", "=30", "=12.5", "=20.5"]));
    assert_eq!(of("contraction"), json!(["=0", "=0", "=17.5", "=0"]));
    assert_eq!(of("expansion"), json!(["=0", "=0", "=0", "=0"]));
    assert_eq!(of("net_retention"), json!([null, 0.75, 12.5 / 30.0, 1.0]));
}

#[test]
fn a_balance_belongs_to_the_event_that_holds_it() {
    let query = json!({
        "report": "balance", "event": "plan", "property": "mrr", "by": "month", "breakdown": ["c"]
    });
    let totals = groups(&subscriptions(), &query, "total");
    let wanted = json!([
        [{"c": "DE"}, ["=40", "=30", "=8", "=8"]],
        [{"c": "FR"}, ["=0", "=0", "=12.5", "=17.5"]]
    ]);
    assert_eq!(totals, wanted);
    // ben goes from one to the other: he leaves there and is new here.
    let churned = groups(&subscriptions(), &query, "churned");
    assert_eq!(churned[0][1], json!(["=0", "=10", "=30", "=0"]));
    assert_eq!(groups(&subscriptions(), &query, "new")[1][1], json!(["=0", "=0", "=12.5", "=0"]));
}

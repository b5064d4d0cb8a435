//! Money, values, scores and shares, as worked out elsewhere.

use super::{close, compare_series};
use crate::support::ask_json;
use daybit::Db;
use serde_json::{Value as Json, json};

/// Events with a known user, as the answers elsewhere count them.
fn of_people(mut query: Json) -> Json {
    query["users"] = json!({"did": "*"});
    query
}

fn value(db: &Db, event: &Json, measure: &str, by: &str) -> Json {
    let mut query = json!({"report": "value", "event": event, "measure": measure, "by": by});
    if !["events", "users"].contains(&measure) {
        query["property"] = json!("value");
    }
    ask_json(db, of_people(query))
}

fn one(answer: &Json) -> Json {
    assert_eq!(answer["series"][0]["value"].as_array().unwrap().len(), 1, "{answer}");
    answer["series"][0]["value"][0].clone()
}

fn assert_close(what: &str, got: &Json, wanted: &Json) {
    assert!(close(got, wanted), "{what} is {got}, worked out elsewhere {wanted}");
}

fn where_value(event: &Json, condition: &str, literal: Json) -> Json {
    let mut test = json!({"property": "value"});
    test[condition] = literal;
    // A selector of several names takes no conditions: each name's events are added up.
    json!({"event": event, "where": [test]})
}

fn count(db: &Db, names: &[Json], condition: &str, literal: Json) -> u64 {
    let of = |name| where_value(name, condition, literal.clone());
    let each = names.iter().map(|name| one(&value(db, &of(name), "events", "all")));
    each.map(|n| n.as_u64().unwrap()).sum()
}

pub fn compare_money(name: &str, db: &Db, money: &Json) {
    if money.is_null() {
        return;
    }
    let paid = json!({"any": money["activities"]});
    let series = |measure, by| value(db, &paid, measure, by);
    let compare = |key: &str, answer: &Json| {
        compare_series(&format!("{name}: {key}"), answer, "value", &money[key]);
    };
    compare("revenue_monthly", &series("sum", "month"));
    compare("revenue_daily", &series("sum", "day"));
    compare("payers_monthly", &series("users", "month"));
    compare("arppu_monthly", &series("sum_per_user", "month"));
    let all = json!({
        "report": "value", "event": paid, "measure": "sum", "property": "value", "by": "month"
    });
    compare("revenue_all_rows", &ask_json(db, all));
    assert_close(&format!("{name}: total"), &one(&series("sum", "all")), &money["total"]);
    compare_per_active(name, db, &series("sum", "month"), &money["arpu_monthly"]);
    let names = money["activities"].as_array().unwrap();
    assert_eq!(json!(count(db, names, "lt", json!(0))), money["negative_rows"], "{name}: below 0");
    assert_eq!(json!(count(db, names, "is", json!(0))), money["zero_rows"], "{name}: 0");
    compare_cohort_revenue(name, db, &paid, &money["cohort_revenue"]["cohorts"]);
    compare_days_with_orders(name, db, &paid, &money["orders_users_by_days"]);
    compare_top_users(name, db, &paid, &money["top_users"]);
}

/// Revenue per active person, active by whatever event.
fn compare_per_active(name: &str, db: &Db, revenue: &Json, wanted: &Json) {
    let active = ask_json(db, json!({"report": "active", "by": "month"}));
    let active = active["series"][0]["users"].as_array().unwrap();
    let revenue = revenue["series"][0]["value"].as_array().unwrap();
    let wanted = wanted["values"].as_array().unwrap();
    assert_eq!((active.len(), revenue.len()), (wanted.len(), wanted.len()), "{name}: months");
    for ((active, revenue), wanted) in active.iter().zip(revenue).zip(wanted) {
        let (people, sum) = (active.as_f64().unwrap(), revenue.as_f64().unwrap());
        let mean = if people == 0.0 { Json::Null } else { json!(sum / people) };
        assert_close(&format!("{name}: revenue per active"), &mean, wanted);
    }
}

fn compare_cohort_revenue(name: &str, db: &Db, paid: &Json, wanted: &Json) {
    let wanted = wanted.as_object().unwrap();
    let columns = wanted.values().map(|row| row.as_array().unwrap().len()).max().unwrap() - 1;
    let query = json!({
        "report": "retention", "start": "*", "return": paid, "property": "value",
        "by": "month", "columns": columns
    });
    let answer = ask_json(db, query);
    let mut cells = 0;
    for cohort in answer["series"][0]["cohorts"].as_array().unwrap() {
        let month = &cohort["start"].as_str().unwrap()[..7];
        let Some(row) = wanted.get(month) else {
            assert_eq!(cohort["size"], 0, "{name}: {month} should have nobody");
            continue;
        };
        for (k, cell) in row.as_array().unwrap().iter().enumerate() {
            let what = format!("{name}: revenue of {month} in column {k}");
            assert_close(&what, &cohort["returned"][k], cell);
            cells += 1;
        }
    }
    let all: usize = wanted.values().map(|row| row.as_array().unwrap().len()).sum();
    assert_eq!(cells, all, "{name}: every cell of revenue cohorts");
}

/// People by the number of days with an order; the last class is open.
fn compare_days_with_orders(name: &str, db: &Db, paid: &Json, wanted: &Json) {
    let answer = ask_json(db, json!({"report": "frequency", "event": paid}));
    let users = answer["series"][0]["users"].as_array().unwrap();
    let users: Vec<u64> = users.iter().map(|n| n.as_u64().unwrap()).collect();
    let classes = wanted.as_array().unwrap().len();
    let mut got = users[..classes - 1].to_vec();
    got.push(users[classes - 1..].iter().sum());
    assert_eq!(json!(got), *wanted, "{name}: people by days with orders");
}

fn compare_top_users(name: &str, db: &Db, paid: &Json, wanted: &Json) {
    let wanted = wanted.as_array().unwrap();
    let query = json!({
        "report": "users", "users": {"did": paid}, "event": paid, "property": "value",
        "with": ["sum"], "order_by": "sum", "descending": true, "limit": wanted.len()
    });
    let answer = ask_json(db, query);
    for (i, row) in wanted.iter().enumerate() {
        assert_eq!(answer["series"][0]["ids"][i], row[0], "{name}: best customer {i}");
        assert_close(&format!("{name}: customer {i}"), &answer["series"][0]["sum"][i], &row[1]);
    }
}

pub fn compare_values(name: &str, db: &Db, values: &Json) {
    for (activity, wanted) in values.as_object().into_iter().flatten() {
        let event = json!(activity);
        let events = count(db, std::slice::from_ref(&event), "exists", json!(true));
        assert_eq!(json!(events), wanted["n"], "{name}: {activity} values");
        let measures = ["sum", "mean", "min", "max", "p50", "p90", "p95", "p99"];
        for measure in measures {
            let key = wanted.get(measure).map_or(format!("{measure}_nr"), |_| measure.to_string());
            let got = one(&value(db, &event, measure, "all"));
            assert_close(&format!("{name}: {activity} {measure}"), &got, &wanted[&key]);
        }
    }
}

pub fn compare_histogram(name: &str, db: &Db, wanted: &Json) {
    let Some(wanted) = wanted.as_array() else { return };
    let events = where_value(&json!("*"), "exists", json!(true));
    let query = json!({
        "report": "value", "event": events, "measure": "events", "by": "all",
        "breakdown": ["value"], "top": 100
    });
    let answer = ask_json(db, of_people(query));
    let series = answer["series"].as_array().unwrap();
    assert_eq!(series.len(), wanted.len(), "{name}: values");
    for row in wanted {
        let same = |s: &&Json| s["key"]["value"].as_f64() == row[0].as_f64();
        let found = series.iter().find(same).unwrap();
        assert_eq!(found["value"][0], row[1], "{name}: events with {}", row[0]);
    }
}

/// Scores by month: the ends of the scale are what the data has.
pub fn compare_scores(name: &str, db: &Db, wanted: &Json) {
    if wanted.is_null() {
        return;
    }
    let query = json!({
        "report": "survey", "event": "*", "property": "value", "kind": "nps", "by": "month",
        "scale": [-10, 10], "promoter_min": wanted["promoter_min"],
        "detractor_max": wanted["detractor_max"]
    });
    let answer = ask_json(db, of_people(query));
    let columns = [
        ("n", "responses"),
        ("promoters", "promoters"),
        ("detractors", "detractors"),
        ("nps", "score"),
    ];
    let series = |key: &str| json!({"start": wanted["start"], "values": wanted[key]});
    for (key, column) in columns {
        compare_series(&format!("{name}: scores, {key}"), &answer, column, &series(key));
    }
    let means = value(db, &json!("*"), "mean", "month");
    compare_series(&format!("{name}: mean score"), &means, "value", &series("mean"));
}

/// Events, people and revenue by one property: value, events, users, revenue.
pub fn compare_segments(name: &str, db: &Db, expected: &Json) {
    let wanted = &expected["segments"];
    if wanted.is_null() {
        return;
    }
    let ask = |event: &Json, measure: &str| {
        let mut query = json!({
            "report": "value", "event": event, "measure": measure, "by": "all",
            "breakdown": [wanted["property"]], "top": 1000
        });
        if measure == "sum" {
            query["property"] = json!("value");
        }
        ask_json(db, of_people(query))["series"].as_array().unwrap().clone()
    };
    let mut measures = vec![ask(&json!("*"), "events"), ask(&json!("*"), "users")];
    if !expected["money"].is_null() {
        measures.push(ask(&json!({"any": expected["money"]["activities"]}), "sum"));
    }
    let property = wanted["property"].as_str().unwrap();
    for row in wanted["rows"].as_array().unwrap() {
        let text = |key: &Json| key.as_str().map_or(key.to_string(), str::to_string);
        for (series, cell) in measures.iter().zip(&row.as_array().unwrap()[1..]) {
            let found = series.iter().find(|s| text(&s["key"][property]) == text(&row[0]));
            // A group without an event of the selector is not there.
            let got = found.map_or(json!(0), |s| s["value"][0].clone());
            assert_close(&format!("{name}: {property} {}", row[0]), &got, cell);
        }
    }
}

/// The share of requests that failed.
pub fn compare_errors(name: &str, db: &Db, wanted: &Json) {
    if wanted.is_null() {
        return;
    }
    assert_eq!(wanted["is_error"], "status::int >= 400");
    let failed = json!({"event": "*", "where": [{"property": "status", "gte": 400}]});
    let series = |key: &str| json!({"start": wanted["start"], "values": wanted[key]});
    for (key, event) in [("events", &json!("*")), ("errors", &failed)] {
        let answer = value(db, event, "events", "day");
        compare_series(&format!("{name}: {key} by day"), &answer, "value", &series(key));
    }
    let share =
        json!({"report": "value", "event": failed, "of": "*", "measure": "share", "by": "all"});
    let got = one(&ask_json(db, of_people(share)));
    assert_close(&format!("{name}: share of errors"), &got, &wanted["rate_total"]);
}

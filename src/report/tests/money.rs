//! Amounts, balances, answers and lists of people, through a whole database.

use crate::{
    Batch, Db, Decimal, Event, Measure, Options, PersonColumn, Query, Set, SurveyKind, Value,
};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

/// A database of (user, day of January 2024, country, amount); nobody and nowhere are "".
fn database(flushed: usize) -> (tempfile::TempDir, Db) {
    let place = tempfile::tempdir().unwrap();
    let db = Db::create(place.path().join("db"), Options::new().time_zone("UTC")).unwrap();
    let events = [
        ("anna", 1, "DE", "10"),
        ("ben", 1, "DE", "20"),
        ("ben", 2, "FR", "12.50"),
        ("", 2, "IT", "0.05"),
        ("anna", 3, "DE", "0"),
        ("cara", 3, "", "free"),
    ];
    for (place, (user, day, country, amount)) in events.into_iter().enumerate() {
        let at = DateTime::<Utc>::from_timestamp(1_704_067_200 + (day - 1) * 86_400, 0).unwrap();
        let value = amount.parse::<Decimal>().map_or_else(|_| Value::from(amount), Value::from);
        let event =
            if user.is_empty() { Event::without_user("plan") } else { Event::new(user, "plan") };
        let mut event = event.at(at).with("amount", value);
        if !country.is_empty() {
            event = event.with("country", country);
        }
        db.writer().unwrap().write_batch(Batch::new().event(event)).unwrap();
        if place + 1 == flushed {
            db.flush().unwrap();
        }
    }
    (place, db)
}

/// The answer, wherever the events lie.
fn ask(query: &Query) -> Json {
    let mut answers = [0, 3, 6].map(|flushed| {
        let (_place, db) = database(flushed);
        let mut answer = db.query(query).unwrap().to_json();
        answer["info"]["elapsed_ms"] = Json::Null;
        answer
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    answers[0].take()
}

/// A column of every series, with its key.
fn column(query: &Query, name: &str) -> Json {
    let answer = ask(query);
    let series = answer["series"].as_array().unwrap();
    series.iter().map(|one| json!([one["key"], one[name]])).collect()
}

fn amount(measure: Measure) -> Query {
    Query::value("plan", measure).property("amount")
}

#[test]
fn a_value_s_groups_are_ranked_by_the_measure() {
    let sums = amount(Measure::Sum).breakdown(["country"]);
    let wanted = json!([
        [{"country": "DE"}, [30, 0, 0]],
        [{"country": "FR"}, [0, 12.5, 0]],
        [{"country": "IT"}, [0, 0.05, 0]],
        [{"country": null}, [0, 0, 0]],
    ]);
    assert_eq!(column(&sums, "value"), wanted);
    let top = json!([[{"country": "DE"}, [30, 0, 0]], [{"other": true}, [0, 12.55, 0]]]);
    assert_eq!(column(&sums.top(1), "value"), top);
    // The group without a number comes last.
    let least = column(&amount(Measure::Min).breakdown(["country"]), "value");
    assert_eq!(least[0], json!([{"country": "FR"}, [null, 12.5, null]]));
    assert_eq!(least[3], json!([{"country": null}, [null, null, null]]));
}

#[test]
fn distinct_values_may_be_of_any_kind() {
    assert_eq!(column(&amount(Measure::Distinct), "value"), json!([[{}, [2, 2, 2]]]));
    let by_country = amount(Measure::Distinct).breakdown(["country"]);
    let wanted = json!([
        [{"country": "DE"}, [2, 0, 1]],
        [{"country": null}, [0, 0, 1]],
        [{"country": "FR"}, [0, 1, 0]],
        [{"country": "IT"}, [0, 1, 0]],
    ]);
    assert_eq!(column(&by_country, "value"), wanted);
    let other = column(&by_country.top(1), "value");
    assert_eq!(other[1], json!([{"other": true}, [0, 2, 1]]));
}

#[test]
fn users_by_group_are_those_of_a_row_each() {
    let users = Query::value("plan", Measure::Users).breakdown(["country"]);
    let wanted = json!([
        [{"country": "DE"}, [2, 0, 1]],
        [{"country": null}, [0, 0, 1]],
        [{"country": "FR"}, [0, 1, 0]],
        [{"country": "IT"}, [0, 0, 0]],
    ]);
    assert_eq!(column(&users, "value"), wanted);
}

#[test]
fn a_balance_is_in_the_group_that_holds_it_even_without_an_event_in_the_range() {
    let balance = Query::balance("plan", "amount").breakdown(["country"]);
    let totals = column(&balance.clone().from("2024-01-02").to("2024-01-04"), "total");
    let wanted = json!([[{"country": "DE"}, [10, 0]], [{"country": "FR"}, [12.5, 12.5]]]);
    assert_eq!(totals, wanted);
    let last = balance.from("2024-01-03").to("2024-01-04");
    assert_eq!(
        column(&last, "churned"),
        json!([[{"country": "DE"}, [10]], [{"country": "FR"}, [0]]])
    );
    assert_eq!(column(&last, "retained")[1], json!([{"country": "FR"}, [12.5]]));
}

#[test]
fn growth_of_amounts_knows_its_history() {
    let growth = Query::growth("plan").property("amount").from("2024-01-02").to("2024-01-04");
    let of = |name| column(&growth, name)[0][1].clone();
    assert_eq!((of("total"), of("retained")), (json!([12.5, 0]), json!([12.5, 0])));
    assert_eq!((of("churned"), of("contraction")), (json!([10, 12.5]), json!([7.5, 0])));
    // Anna had an amount before; cara never had one.
    assert_eq!((of("new"), of("resurrected")), (json!([0, 0]), json!([0, 0])));
    let trailing = growth.trailing(2);
    assert_eq!(column(&trailing, "total")[0][1], json!([42.5, 12.5]));
    assert_eq!(column(&trailing, "churned")[0][1], json!([0, 0]));
}

#[test]
fn a_survey_counts_whoever_answers_and_warns_of_what_it_leaves_out() {
    let survey = Query::survey("plan", "amount", SurveyKind::Nps).breakdown(["country"]);
    let wanted = json!([
        [{"country": "DE"}, [1, 0, 1]],
        [{"country": null}, [0, 0, 0]],
        [{"country": "FR"}, [0, 0, 0]],
        [{"country": "IT"}, [0, 1, 0]],
    ]);
    assert_eq!(column(&survey, "responses"), wanted);
    let warning = "2 responses outside the scale 0..10 were left out";
    assert_eq!(ask(&survey)["info"]["warnings"], json!([warning]));
}

#[test]
fn people_are_listed_with_what_is_known_of_them() {
    use PersonColumn::{Days, Events, First, Last, LastValue, Sum};
    let people =
        Query::users(Set::ids(["anna", "ben", "cara", "dora"])).event("plan").property("amount");
    let listed = people.clone().with([First, Last, Days, Events, Sum, LastValue]);
    let wanted = json!([{
        "key": {},
        "ids": ["anna", "ben", "cara"],
        "first": ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z"],
        "last": ["2024-01-03T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z"],
        "days": [2, 2, 1],
        "events": [2, 2, 1],
        "sum": [10, 32.5, 0],
        "last_value": [0, 12.5, null],
        "next": null
    }]);
    assert_eq!(ask(&listed)["series"], wanted);
    let best = people.order_by(Sum).descending().limit(1);
    let page = |query: &Query| {
        let series = ask(query)["series"][0].take();
        (series["ids"].clone(), series["next"].clone())
    };
    assert_eq!(page(&best), (json!(["ben"]), json!("ben")));
    assert_eq!(page(&best.clone().after("ben")), (json!(["anna"]), json!("anna")));
    assert_eq!(page(&best.after("anna")), (json!(["cara"]), Json::Null));
}

#[test]
fn nobody_s_events_without_the_properties_are_in_the_group_of_missing_values() {
    let place = tempfile::tempdir().unwrap();
    let db = Db::create(place.path().join("db"), Options::new().time_zone("UTC")).unwrap();
    let at = DateTime::<Utc>::from_timestamp(1_704_067_200, 0).unwrap();
    let known = Event::new("anna", "open").at(at).with("country", "DE").with("shop", 1);
    let unknown = Event::without_user("plan").at(at);
    for event in [known, unknown] {
        db.writer().unwrap().write_batch(Batch::new().event(event)).unwrap();
    }
    let events = Query::value("*", Measure::Events).breakdown(["country", "shop"]);
    let series = db.query(&events).unwrap().to_json()["series"].take();
    let wanted = json!([
        {"key": {"country": null, "shop": null}, "value": [1]},
        {"key": {"country": "DE", "shop": 1}, "value": [1]},
    ]);
    assert_eq!(series, wanted);
}

//! What must hold between answers, whatever the events are.

use crate::events;
use crate::oracle::Amount;
use crate::questions::{DAY_US, Questions, ZONES};
use crate::same::parsed;
use crate::support::{Random, ask, ask_json, create, folder, save};
use chrono::DateTime;
use daybit::{Batch, Db, Decimal, Durability, Event, Options, Query, Value};
use serde_json::{Value as Json, json};

const DATABASES: u64 = 4;
const ROUNDS: u64 = 20;

/// Calls a law with random databases and questions' parts.
pub fn on_random_data(law: impl Fn(&Db, &mut Questions)) {
    for seed in 0..DATABASES {
        let mut random = Random(seed + 77);
        let place = folder();
        let zone = *random.pick(&ZONES);
        let options = Options::new().time_zone(zone).durability(Durability::Os);
        let db = Db::create(place.path().join("db"), options).unwrap();
        let (first_day, days) = (19_780, 20 + random.below(40));
        let mut events = events::every_kind_of_value(first_day);
        events.extend((0..500).map(|_| {
            let event = events::event(&mut random, first_day, days, 30);
            if random.chance(3) { with_amount(event, &mut random) } else { event }
        }));
        let (early, late) = events.split_at(300);
        let writer = db.writer().unwrap();
        writer.write_batch(Batch::new().events(early.to_vec())).unwrap();
        db.flush().unwrap();
        writer.write_batch(Batch::new().events(late.to_vec())).unwrap();
        let mut questions = Questions { random, first_day, days };
        questions.cohorts().iter().for_each(|(name, set)| save(&db, name, set));
        (0..ROUNDS).for_each(|_| law(&db, &mut questions));
    }
}

/// An amount of many digits, so that nothing but exact sums can be right.
fn with_amount(event: Event, random: &mut Random) -> Event {
    let unscaled = i128::from(random.next() >> 8) - (1 << 54);
    let scale = random.below(13) as u8;
    event.with("amount", Value::Decimal(Decimal::new(unscaled, scale).unwrap()))
}

/// The common fields of a question, with a width that all reports take.
fn question(questions: &mut Questions, report: &str) -> Json {
    let mut query = json!({"report": report, "event": questions.selector()});
    query["by"] = json!(questions.random.pick(&["day", "week", "month"]));
    query["time_zone"] = json!(questions.random.pick(&ZONES));
    if questions.random.chance(2) {
        query["users"] = questions.set(1);
    }
    query
}

fn with(query: &Json, more: Json) -> Json {
    let mut query = query.clone();
    for (name, value) in more.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

/// A column of whole numbers.
fn counts(db: &Db, query: &Json, name: &str) -> Vec<u64> {
    let answer = ask_json(db, query.clone());
    let Some(series) = answer["series"].get(0) else { return Vec::new() };
    series[name].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

/// A column of amounts, to the last digit.
fn amounts(series: &Json, name: &str) -> Vec<Amount> {
    let values = series[name].as_array().unwrap().iter();
    values.map(|v| Amount::parse(v.as_str().unwrap().trim_start_matches('#')).unwrap()).collect()
}

#[test]
fn the_first_step_of_a_funnel_is_everybody_with_the_event() {
    on_random_data(|db, questions| {
        let mut query = question(questions, "funnel");
        query["by"] = json!("all");
        let event = query.as_object_mut().unwrap().remove("event").unwrap();
        query["steps"] = json!([event, questions.selector()]);
        query["order"] = json!(questions.random.pick(&["ordered", "strict"]));
        let answer = ask_json(db, query.clone());
        let mut active = with(&query, json!({"report": "active", "event": event}));
        for field in ["steps", "order"] {
            active.as_object_mut().unwrap().remove(field);
        }
        let users = &answer["series"][0]["steps"][0]["users"];
        assert_eq!(*users, counts(db, &active, "users")[0], "{query}");
    });
}

/// Few events, each of which may be several steps, and ranges that end before the events do: what is
/// left out of the rows must change nothing.
#[test]
fn repeated_steps_lose_nobody() {
    let place = folder();
    let db = create(&place.path().join("db"), "UTC");
    let mut random = Random(31);
    let events = (0..700).map(|_| {
        let user = format!("user {}", random.below(150));
        let day = chrono::Days::new(random.below(40));
        let at = DateTime::from_timestamp(1_704_067_200, 0).unwrap() + day;
        Event::new(user, *random.pick(&["a", "b", "c"])).at(at)
    });
    let events: Vec<Event> = events.collect();
    db.writer().unwrap().write_batch(Batch::new().events(events)).unwrap();
    for _ in 0..400 {
        let steps: Vec<&str> =
            (0..2 + random.below(4)).map(|_| *random.pick(&["a", "b", "c"])).collect();
        let from = 1 + random.below(15);
        let (from, to) = (from, from + 1 + random.below(15));
        let range = json!({"from": format!("2024-01-{from:02}"), "to": format!("2024-01-{to:02}")});
        let within = random.pick(&[json!("2d"), json!("14d"), json!(null)]).clone();
        let funnel = json!({"report": "funnel", "steps": steps, "within": within});
        let answer = ask_json(&db, with(&funnel, range.clone()));
        let users = &answer["series"][0]["steps"][0]["users"];
        let active = json!({"report": "active", "event": steps[0], "by": "all"});
        assert_eq!(*users, counts(&db, &with(&active, range), "users")[0], "{funnel}");
    }
}

/// Names of the same four events, in other orders.
const NAMES: [[&str; 4]; 3] = [["a", "b", "c", "d"], ["D", "c", "B", "a"], ["b", "d", "a", "c"]];

/// Events with a date and no time: many are at one time, where they are sorted by name.
fn dated(db: &Db, names: &[&str; 4], mut random: Random) {
    let events = (0..400).map(|_| {
        let event = Event::new(format!("user {}", random.below(25)), *random.pick(names));
        let at = (19_780 + random.below(15) as i64) * DAY_US;
        event.at(DateTime::from_timestamp_micros(at).unwrap())
    });
    db.writer().unwrap().write_batch(Batch::new().events(events.collect::<Vec<_>>())).unwrap();
}

#[test]
fn renaming_events_changes_no_funnel() {
    for seed in 0..DATABASES {
        let (place, mut random) = (folder(), Random(seed + 77));
        let dbs = NAMES.map(|names| {
            let db = create(&place.path().join(names.concat()), "UTC");
            dated(&db, &names, Random(seed));
            db
        });
        for _ in 0..ROUNDS {
            let steps: Vec<u64> = (0..2 + random.below(3)).map(|_| 1 + random.below(15)).collect();
            let rules = [("ordered", "in_order"), ("ordered", "forbid"), ("strict", "in_order")];
            let (order, ties) = *random.pick(&rules);
            let within = random.pick(&[Json::Null, json!("1d"), json!("4d")]).clone();
            let figures = |db: &Db, names: &[&str; 4]| {
                let which = |step: &u64| -> Json {
                    let of_step = (0..4).filter(|i| step >> i & 1 == 1);
                    json!({"any": of_step.map(|i| names[i]).collect::<Vec<_>>()})
                };
                let asked: Vec<Json> = steps.iter().map(which).collect();
                let mut answer = ask_json(
                    db,
                    json!({
                        "report": "funnel", "steps": asked, "order": order,
                        "ties": ties, "within": within
                    }),
                );
                let steps = answer["series"][0]["steps"].as_array_mut().unwrap();
                steps.iter_mut().for_each(|step| step["event"] = Json::Null);
                answer["series"].clone()
            };
            let [first, others @ ..] = &dbs;
            let expected = figures(first, &NAMES[0]);
            for (db, names) in others.iter().zip(&NAMES[1..]) {
                assert_eq!(expected, figures(db, names), "{steps:?} {order} {ties} {within}");
            }
        }
    }
}

#[test]
fn the_active_are_new_retained_or_resurrected() {
    on_random_data(|db, questions| {
        let mut query = question(questions, "growth");
        let gap = questions.random.chance(2);
        match questions.random.below(3) {
            0 if gap => query["gap"] = json!(3),
            1 => query["trailing"] = json!(5),
            _ => {}
        }
        let of = |name| counts(db, &query, name);
        let (active, retained, churned) = (of("active"), of("retained"), of("churned"));
        let flows = of("new").into_iter().zip(&retained).zip(of("resurrected"));
        let sums: Vec<u64> = flows.map(|((n, r), back)| n + r + back).collect();
        assert_eq!(active, sums, "{query}");
        if query.get("gap").is_none() && query.get("trailing").is_none() {
            for t in 1..active.len() {
                assert_eq!(active[t - 1], retained[t] + churned[t], "{query}: bucket {t}");
            }
        }
    });
}

#[test]
fn the_histogram_of_active_days_holds_everybody_once() {
    on_random_data(|db, questions| {
        let mut query = question(questions, "frequency");
        query.as_object_mut().unwrap().remove("by");
        query["interval"] = json!(questions.random.pick(&["hour", "day", "week", "month"]));
        let active = json!({
            "report": "active", "event": query["event"], "time_zone": query["time_zone"],
            "by": "all"
        });
        let mut active = active;
        if let Some(users) = query.get("users") {
            active["users"] = users.clone();
        }
        let total: u64 = counts(db, &query, "users").iter().sum();
        assert_eq!(total, counts(db, &active, "users")[0], "{query}");
    });
}

#[test]
fn money_is_accounted_for_to_the_last_digit() {
    on_random_data(|db, questions| {
        let report = *questions.random.pick(&["growth", "balance"]);
        let query = with(&question(questions, report), json!({"property": "amount"}));
        let answer = parsed(&ask(db, query.clone()).to_json_string());
        let series = &answer["series"][0];
        let of = |name| amounts(series, name);
        let (total, retained) = (of("total"), of("retained"));
        let (new, resurrected, expansion) = (of("new"), of("resurrected"), of("expansion"));
        let (contraction, churned) = (of("contraction"), of("churned"));
        for t in 0..total.len() {
            let gained = Amount::sum([retained[t], new[t], resurrected[t], expansion[t]]);
            assert_eq!(total[t], gained, "{query}: bucket {t}");
            if t > 0 {
                let before = Amount::sum([retained[t], contraction[t], churned[t]]);
                assert_eq!(total[t - 1], before, "{query}: bucket {t}");
            }
        }
    });
}

#[test]
fn a_condition_and_its_negation_share_out_all_events() {
    on_random_data(|db, questions| {
        let name = questions.random.pick(&["open", "view", "purchase"]).to_string();
        let conditions = [
            ("price", json!(2)),
            ("price", json!("9.90")),
            ("country", json!("DE")),
            ("flag", json!(true)),
            ("code", json!("7")),
        ];
        let (property, literal) = questions.random.pick(&conditions);
        let events = |event: Json| {
            let query = json!({
                "report": "value", "measure": "events", "event": event, "by": "week"
            });
            counts(db, &query, "value")
        };
        let with_condition = |operator: &str, literal: Json| {
            let mut condition = json!({"property": property});
            condition[operator] = literal;
            events(json!({"event": name, "where": [condition]}))
        };
        let add = |a: Vec<u64>, b: Vec<u64>| -> Vec<u64> {
            a.into_iter().zip(b).map(|(a, b)| a + b).collect()
        };
        let all = events(json!(name));
        let one = |operator| with_condition(operator, literal.clone());
        assert_eq!(all, add(one("is"), one("is_not")), "{property} is {literal}");
        let some = |operator| with_condition(operator, json!([literal]));
        assert_eq!(all, add(some("in"), some("not_in")), "{property} in {literal}");
        let there = |is| with_condition("exists", json!(is));
        assert_eq!(all, add(there(true), there(false)), "{property} exists");
    });
}

#[test]
fn totals_are_what_the_rows_come_to() {
    on_random_data(|db, questions| {
        let mut query = question(questions, "value");
        query["event"] =
            questions.random.pick(&[json!("*"), json!("open"), json!("purchase")]).clone();
        query["measure"] = json!(questions.random.pick(&["sum", "mean", "min", "max"]));
        query["property"] = json!(questions.random.pick(&["price", "score", "amount", "country"]));
        query.as_object_mut().unwrap().remove("users");
        query.as_object_mut().unwrap().remove("time_zone");
        // It holds for every event, which only its rows tell.
        let there = |is| json!({"property": "price", "exists": is});
        let always = json!({"any_of": [there(true), there(false)]});
        let read = with(&query, json!({"event": {"event": query["event"], "where": [always]}}));
        let (totals, rows) = (ask_json(db, query.clone()), ask_json(db, read));
        assert_eq!(totals["series"], rows["series"], "{query}");
    });
}

#[test]
fn groups_and_the_rest_are_all_events() {
    on_random_data(|db, questions| {
        let names = ["price", "country", "flag", "code", "score", "amount"];
        let mut query = question(questions, "value");
        query["measure"] = json!("events");
        query.as_object_mut().unwrap().remove("time_zone");
        let whole = counts(db, &query, "value");
        query["breakdown"] = json!([questions.random.pick(&names), questions.random.pick(&names)]);
        if query["breakdown"][0] == query["breakdown"][1] {
            query["breakdown"] = json!([query["breakdown"][0]]);
        }
        query["top"] = json!(1 + questions.random.below(4));
        let answer = ask_json(db, query.clone());
        let mut sums = vec![0; whole.len()];
        for series in answer["series"].as_array().unwrap() {
            for (sum, value) in sums.iter_mut().zip(series["value"].as_array().unwrap()) {
                *sum += value.as_u64().unwrap();
            }
        }
        assert_eq!(whole, sums, "{query}");
    });
}

#[test]
fn the_other_groups_of_a_day_are_counted_as_a_set() {
    on_random_data(|db, questions| {
        let top = questions.random.below(3);
        let property = questions.random.pick(&["country", "flag", "score"]).to_string();
        let query = json!({
            "report": "active", "event": "*", "breakdown": [property], "top": 1 + top,
        });
        let answer = ask_json(db, query.clone());
        let series = answer["series"].as_array().unwrap();
        let (other, kept): (Vec<_>, Vec<_>) = series.iter().partition(|s| s["other"] == true);
        let Some(other) = other.first() else { return };
        let values: Vec<&Json> = kept.iter().map(|s| &s["key"][&property]).collect();
        let (missing, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|v| v.is_null());
        let mut conditions = Vec::new();
        if !values.is_empty() {
            conditions.push(json!({"property": property, "not_in": values}));
        }
        if !missing.is_empty() {
            conditions.push(json!({"property": property, "exists": true}));
        }
        let rest = json!({
            "report": "active", "event": {"event": "*", "where": conditions},
            "from": answer["info"]["from"], "to": answer["info"]["to"],
        });
        assert_eq!(other["users"], ask_json(db, rest)["series"][0]["users"], "{query}");
    });
}

#[test]
fn several_at_once_are_answered_as_each_alone() {
    on_random_data(|db, questions| {
        let queries: Vec<Query> =
            (0..6).map(|_| Query::from_json(&questions.next().to_string()).unwrap()).collect();
        let together = db.query_many(&queries).unwrap();
        for (query, answer) in queries.iter().zip(together) {
            let (mut one, mut other) = (answer.unwrap(), db.query(query).unwrap());
            (one.info.elapsed_ms, other.info.elapsed_ms) = (0.0, 0.0);
            assert_eq!(one.to_json_string(), other.to_json_string(), "{query:?}");
        }
    });
}

/// Events of few people at any time of many days, whose steps follow each other now and then.
fn timed(db: &Db, names: &[&str; 4], random: &mut Random, (days, people): (u64, u64)) {
    let events = (0..900).map(|_| {
        let event = Event::new(format!("user {}", random.below(people)), *random.pick(names));
        let time = random.below(days * 24) as i64 * (DAY_US / 24);
        let place = ["here", "there"][random.below(2) as usize];
        event
            .at(DateTime::from_timestamp_micros(19_780 * DAY_US + time).unwrap())
            .with("place", Value::Text(place.to_string()))
    });
    db.writer().unwrap().write_batch(Batch::new().events(events.collect::<Vec<_>>())).unwrap();
}

#[test]
fn an_exclusion_that_never_happens_changes_no_funnel() {
    for seed in 0..12 {
        let mut random = Random(seed + 5);
        let place = folder();
        let zone = *random.pick(&ZONES);
        let options = Options::new().time_zone(zone).durability(Durability::Os);
        let db = Db::create(place.path().join("db"), options).unwrap();
        // Few people meet often, many seldom: then most users of a day are packed in a chunk.
        let shape = *random.pick(&[(40, 20), (12, 150), (90, 30), (3, 100)]);
        timed(&db, &NAMES[0], &mut random, shape);
        db.flush().unwrap();
        for _ in 0..15 {
            let steps: Vec<&str> =
                (0..2 + random.below(3)).map(|_| *random.pick(&NAMES[0])).collect();
            let within = *random.pick(&["3h", "1d", "2d", "5d", "7d", "30d", "60d"]);
            let mut query = json!({"report": "funnel", "steps": steps, "within": within,
                                   "ties": random.pick(&["in_order", "forbid"])});
            if random.chance(4) {
                query["within"] = Json::Null;
            }
            if random.chance(3) {
                query["breakdown"] = json!(["place"]);
            }
            if random.chance(3) {
                query["users"] = json!({"did": random.pick(&NAMES[0])});
            }
            if random.chance(3) {
                query["from"] = json!("2024-03-05");
                query["to"] = json!("2024-03-20");
            }
            let excluded = json!({"exclude": [{"event": "never", "after": 1, "before": 2}]});
            let all_rows = ask_json(&db, with(&query, excluded));
            assert_eq!(ask_json(&db, query.clone())["series"], all_rows["series"], "{query}");
        }
    }
}

//! Survey scores.

use super::calendar::Span;
use super::value::{Amount, ratio};
use super::{Asked, Event};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The answers of a bucket, as numbers.
fn answers(asked: &Asked, events: &[&Event], span: &Span) -> Vec<f64> {
    let property = asked.text("property").unwrap();
    let inside = events.iter().filter(|e| span.holds(e.at));
    let scores = |e: &&Event| e.amount(property).unwrap().as_f64();
    if asked.text("responses") != Some("last") {
        return inside.map(scores).collect();
    }
    // Whose answer nobody knows is an answer of its own.
    let (people, nobody): (Vec<&Event>, Vec<&Event>) = inside.partition(|e| e.user.is_some());
    let last: BTreeMap<&str, &Event> = people.into_iter().map(|e| (e.who(), e)).collect();
    last.into_values().chain(nobody).map(|e| scores(&e)).collect()
}

fn scale(asked: &Asked) -> (f64, f64) {
    let given = &asked.query["scale"];
    match asked.text("kind") {
        _ if given.is_array() => (given[0].as_f64().unwrap(), given[1].as_f64().unwrap()),
        Some("nps") => (0.0, 10.0),
        _ => (1.0, 5.0),
    }
}

pub fn survey(asked: &Asked) -> Json {
    let property = asked.text("property").unwrap();
    let (low, high) = scale(asked);
    let mut events = asked.events_of_anyone(&asked.query["event"]);
    let score = |e: &Event| e.amount(property).as_ref().map(Amount::as_f64);
    events.retain(|e| score(e).is_some_and(|s| (low..=high).contains(&s)));
    asked.groups_of_anyone(&asked.query["event"]).series(|class| {
        let own = events.iter().filter(|e| class.holds(&asked.group(e)));
        scores(asked, &own.copied().collect::<Vec<_>>(), high)
    })
}

fn scores(asked: &Asked, events: &[&Event], high: f64) -> Json {
    let promoter_min = asked.query["promoter_min"].as_f64().unwrap_or(9.0);
    let detractor_max = asked.query["detractor_max"].as_f64().unwrap_or(6.0);
    let each = |value: &dyn Fn(&[f64]) -> Json| asked.each(|s| value(&answers(asked, events, s)));
    let promoters = |a: &[f64]| a.iter().filter(|s| **s >= promoter_min).count();
    let detractors = |a: &[f64]| a.iter().filter(|s| **s <= detractor_max).count();
    let mut series = json!({"responses": each(&|a| json!(a.len()))});
    let mean = each(&|a| ratio(a.iter().sum(), a.len() as f64));
    match asked.text("kind").unwrap() {
        "nps" => {
            series["score"] = each(&|a| {
                let more = promoters(a) as f64 - detractors(a) as f64;
                ratio(100.0 * more, a.len() as f64)
            });
            series["promoters"] = each(&|a| json!(promoters(a)));
            series["detractors"] = each(&|a| json!(detractors(a)));
            series["passives"] = each(&|a| json!(a.len() - promoters(a) - detractors(a)));
        }
        "csat" => {
            let top = |a: &[f64]| a.iter().filter(|s| **s >= high - 1.0).count();
            series["score"] = mean;
            series["top_two"] = each(&|a| ratio(top(a) as f64, a.len() as f64));
        }
        _ => series["score"] = mean,
    }
    series
}

//! Adoption of features.

use super::calendar::Span;
use super::groups::{Class, Groups};
use super::value::ratio;
use super::{Asked, within};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

pub fn adoption(asked: &Asked) -> Json {
    let features = asked.query["features"].as_array().unwrap();
    let groups = asked.groups_of(&asked.query["among"]);
    if let Some(least) = asked.number("k") {
        return groups.series(|class| rates(asked, features, least, class));
    }
    let mut series = Vec::new();
    for class in groups.classes() {
        for feature in features {
            let mut one = rates(asked, std::slice::from_ref(feature), 1, &class);
            one["key"] = groups.key(&class);
            one["key"]["feature"] = json!(name(feature));
            Groups::mark(&class, &mut one);
            series.push(one);
        }
    }
    json!(series)
}

/// What a feature is called in a key.
fn name(feature: &Json) -> String {
    match feature {
        Json::String(name) => name.clone(),
        other => other.to_string(),
    }
}

/// People of at least so many of the features, among the active ones.
fn rates(asked: &Asked, features: &[Json], least: usize, class: &Class) -> Json {
    let among = asked.events_in(&asked.query["among"], class);
    let used: Vec<_> = features.iter().map(|f| asked.events_in(f, class)).collect();
    let active = |s: &Span| within(&among, s.start, s.end);
    let users = |s: &Span| {
        let each: Vec<BTreeSet<&str>> = used.iter().map(|e| within(e, s.start, s.end)).collect();
        let mut people = active(s);
        people.retain(|user| each.iter().filter(|used| used.contains(user)).count() >= least);
        people.len()
    };
    json!({
        "users": asked.each(|s| json!(users(s))),
        "active": asked.each(|s| json!(active(s).len())),
        "rate": asked.each(|s| ratio(users(s) as f64, active(s).len() as f64)),
    })
}

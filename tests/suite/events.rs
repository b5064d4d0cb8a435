//! Random events: late, at equal times, with values of every type and many that are missing.

use crate::questions::{ACTIVITIES, DAY_US};
use crate::support::Random;
use chrono::DateTime;
use daybit::{Decimal, Event, Value};

fn at(event: Event, micros: i64) -> Event {
    event.at(DateTime::from_timestamp_micros(micros).unwrap())
}

/// One event of somebody, or of nobody, on one of some days.
pub fn event(random: &mut Random, first_day: i64, days: u64, people: u64) -> Event {
    let activity = *random.pick(&ACTIVITIES);
    let event = match random.below(12) {
        0 => Event::without_user(activity),
        1 => Event::new("", activity),
        _ => Event::new(format!("user {}", random.below(people)), activity),
    };
    let mut time = first_day * DAY_US + random.below(days * DAY_US as u64) as i64;
    // Many events are close to others, and some of one time.
    match random.below(4) {
        0 => time -= time.rem_euclid(DAY_US / 8),
        1 => time -= time.rem_euclid(DAY_US / 2) - time.rem_euclid(100_000_000),
        _ => {}
    }
    let event = at(event, time);
    properties(random).into_iter().fold(event, |event, (name, value)| event.with(name, value))
}

/// Two events after which every property has held what it may be compared with: a condition is an
/// error where it never did.
pub fn every_kind_of_value(day: i64) -> Vec<Event> {
    let one = Event::new("user 0", "open").with("price", 1).with("country", "DE");
    let one = one.with("flag", true).with("code", 7).with("score", 5);
    let two = Event::new("user 1", "view").with("price", "free").with("code", "85123A");
    vec![at(one, day * DAY_US), at(two, day * DAY_US)]
}

/// A day on which many people do several things, so that what all events of a person agree on is
/// stored once: mostly the country, sometimes more, sometimes with one who differs.
pub fn crowd(random: &mut Random, first_day: i64, days: u64) -> Vec<Event> {
    let start = (first_day + random.below(days) as i64) * DAY_US;
    let (countries, prices) = (["DE", "FR", "US"], ["free", "pro"]);
    let (prices_agree, differing) = (random.chance(2), random.below(140));
    let mut events = Vec::new();
    for person in 0..66 + random.below(20) {
        for activity in ACTIVITIES.iter().take(2 + random.below(2) as usize) {
            let time = start + random.below(DAY_US as u64) as i64;
            let mut event = at(Event::new(format!("user {person}"), *activity), time);
            if person != differing || random.chance(2) {
                event = event.with("country", countries[person as usize % 3]);
            }
            let price = if prices_agree { person % 2 } else { random.below(2) };
            event = event.with("price", prices[price as usize]);
            events.push(if person % 5 == 0 { event.with("flag", true) } else { event });
        }
    }
    events
}

/// What an event says beside its name: numbers of every type, some of them equal, columns that
/// mix, and much that is missing.
fn properties(random: &mut Random) -> Vec<(&'static str, Value)> {
    let decimal = |text: &str| Value::Decimal(text.parse::<Decimal>().unwrap());
    let prices = [
        Value::from(1),
        Value::from(2),
        Value::from(-3),
        Value::from(0),
        decimal("2.0"),
        decimal("9.90"),
        decimal("0.05"),
        decimal("-1.125"),
        Value::from(0.5),
        Value::from(2.0),
        Value::from("free"),
    ];
    let countries = ["DE", "FR", "US", "Réunion", "D"].map(Value::from);
    let codes = [Value::from(85_048), Value::from("85123A"), Value::from(7), Value::from("7")];
    let scores = [0, 1, 2, 4, 5, 6, 7, 9, 10, 11].map(Value::from);
    let mut found = Vec::new();
    for (name, values, one_in) in [
        ("price", &prices[..], 2),
        ("country", &countries[..], 2),
        ("flag", &[Value::from(true), Value::from(false)][..], 4),
        ("code", &codes[..], 3),
        ("score", &scores[..], 3),
    ] {
        if random.chance(one_in) {
            found.push((name, random.pick(values).clone()));
        }
    }
    found
}

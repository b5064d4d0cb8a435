//! Amounts: measures of a property, growth of money, balances.

use super::calendar::Span;
use super::groups::{Class, Group};
use super::people::flows_of;
use super::value::{Amount, Scalar, middle, percentile, ratio};
use super::{Asked, Event, Value, first_of, matches};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

type Sums<'a> = BTreeMap<&'a str, Amount>;

pub fn value(asked: &Asked) -> Json {
    let measure = asked.text("measure").unwrap();
    // A share looks at the events that it is a share of, everything else at its own.
    let base = if measure == "share" { &asked.query["of"] } else { &asked.query["event"] };
    let events = asked.events_of_anyone(base);
    let whole: Vec<&Event> =
        events.iter().filter(|e| (asked.from..asked.to).contains(&e.at)).copied().collect();
    let present: BTreeSet<Group> = whole.iter().map(|e| asked.group(e)).collect();
    let size = |group: Group| {
        let own: Vec<&Event> = whole.iter().filter(|e| asked.group(e) == group).copied().collect();
        let size = as_size(&measured(asked, measure, &own));
        (group, size)
    };
    let groups = asked.ranked(present.into_iter().map(size).collect());
    groups.series(|class| {
        json!({"value": asked.each(|s| {
            let own = events.iter().filter(|e| s.holds(e.at) && class.holds(&asked.group(e)));
            measured(asked, measure, &own.copied().collect::<Vec<_>>())
        })})
    })
}

/// A measure as what groups are ranked by; one without a value comes last.
fn as_size(measured: &Json) -> f64 {
    match measured {
        Json::String(exact) => exact.trim_start_matches('=').parse().unwrap(),
        other => other.as_f64().unwrap_or(f64::NEG_INFINITY),
    }
}

fn measured(asked: &Asked, measure: &str, events: &[&Event]) -> Json {
    let people: BTreeSet<&str> = events.iter().filter_map(|e| e.user.as_deref()).collect();
    // What nobody did is no person's, and so in no mean per person.
    let theirs = events.iter().filter(|e| e.user.is_some()).count();
    match measure {
        "events" => json!(events.len()),
        "users" => json!(people.len()),
        "events_per_user" => ratio(theirs as f64, people.len() as f64),
        "share" => {
            let both = events.iter().filter(|e| matches(&asked.query["event"], e)).count();
            ratio(both as f64, events.len() as f64)
        }
        "distinct" => {
            let property = asked.text("property").unwrap();
            let values = events.iter().filter_map(|e| e.value(property).map(Value::scalar));
            json!(values.collect::<BTreeSet<Scalar>>().len())
        }
        _ => of_amounts(asked.text("property").unwrap(), measure, events),
    }
}

fn of_amounts(property: &str, measure: &str, events: &[&Event]) -> Json {
    let paid: Vec<(&Event, Amount)> =
        events.iter().filter_map(|e| Some((*e, e.amount(property)?))).collect();
    let mut amounts: Vec<Amount> = paid.iter().map(|(_, amount)| *amount).collect();
    amounts.sort_by_key(|a| *a.units());
    let sum = Amount::sum(amounts.iter().copied());
    let rank = |percent| percentile(&amounts, percent).map_or(Json::Null, |a| a.json());
    match measure {
        "sum" => sum.json(),
        "mean" => ratio(sum.as_f64(), amounts.len() as f64),
        "min" => amounts.first().map_or(Json::Null, Amount::json),
        "max" => amounts.last().map_or(Json::Null, Amount::json),
        "median" => middle(&amounts).map_or(Json::Null, |(a, b)| a.plus(b).half().json()),
        "p50" => rank(50),
        "p90" => rank(90),
        "p95" => rank(95),
        "p99" => rank(99),
        "sum_per_user" => {
            let theirs = paid.iter().filter(|(e, _)| e.user.is_some());
            let people: BTreeSet<&str> = theirs.clone().map(|(e, _)| e.who()).collect();
            let sum = Amount::sum(theirs.map(|(_, amount)| *amount));
            ratio(sum.as_f64(), people.len() as f64)
        }
        other => panic!("the oracle knows no measure {other}"),
    }
}

/// What moved between two times, amount by amount.
#[derive(Default)]
struct Movement {
    total: Amount,
    before: Amount,
    new: Amount,
    retained: Amount,
    expansion: Amount,
    contraction: Amount,
    resurrected: Amount,
    churned: Amount,
}

impl Movement {
    fn between(last: &Sums, this: &Sums, is_new: impl Fn(&str) -> bool) -> Movement {
        let mut moved = Movement {
            total: Amount::sum(this.values().copied()),
            before: Amount::sum(last.values().copied()),
            ..Movement::default()
        };
        for (user, now) in this {
            match last.get(user) {
                Some(then) => moved.stayed(*then, *now),
                None if is_new(user) => moved.new = moved.new.plus(*now),
                None => moved.resurrected = moved.resurrected.plus(*now),
            }
        }
        for (_, then) in last.iter().filter(|(user, _)| !this.contains_key(*user)) {
            moved.churned = moved.churned.plus(*then);
        }
        moved
    }

    fn stayed(&mut self, then: Amount, now: Amount) {
        let rise = now.minus(then).at_least_zero();
        self.expansion = self.expansion.plus(rise);
        self.contraction = self.contraction.plus(then.minus(now).at_least_zero());
        self.retained = self.retained.plus(now.minus(rise));
    }

    fn quick_ratio(&self) -> Json {
        let gained = self.new.plus(self.resurrected).plus(self.expansion);
        ratio(gained.as_f64(), self.churned.plus(self.contraction).as_f64())
    }

    fn net_retention(&self) -> Json {
        ratio(self.retained.plus(self.expansion).as_f64(), self.before.as_f64())
    }
}

/// The columns of movements; null where a bucket has not begun.
fn columns(movements: &[Option<Movement>]) -> Json {
    let column = |pick: fn(&Movement) -> Json| -> Json {
        movements.iter().map(|m| m.as_ref().map_or(Json::Null, pick)).collect()
    };
    json!({
        "total": column(|m| m.total.json()),
        "new": column(|m| m.new.json()),
        "retained": column(|m| m.retained.json()),
        "expansion": column(|m| m.expansion.json()),
        "contraction": column(|m| m.contraction.json()),
        "resurrected": column(|m| m.resurrected.json()),
        "churned": column(|m| m.churned.json()),
        "quick_ratio": column(Movement::quick_ratio),
        "net_retention": column(Movement::net_retention),
        "gross_retention": column(|m| ratio(m.retained.as_f64(), m.before.as_f64())),
    })
}

fn moved(asked: &Asked, movement: impl Fn(&Span) -> Movement) -> Vec<Option<Movement>> {
    asked.spans.iter().map(|s| asked.begun(s).then(|| movement(s))).collect()
}

/// Each person's sum in `[from, to)`; whoever has no amount there is not in it.
fn sums<'a>(events: &[&'a Event], property: &str, (from, to): (i64, i64)) -> Sums<'a> {
    let mut sums = Sums::new();
    for event in events.iter().filter(|e| (from..to).contains(&e.at)) {
        if let Some(amount) = event.amount(property) {
            let sum = sums.entry(event.who()).or_default();
            *sum = sum.plus(amount);
        }
    }
    sums
}

pub fn growth(asked: &Asked) -> Json {
    let selector = &asked.query["event"];
    let property = asked.text("property").unwrap();
    asked.series(selector, |class| {
        let mut events = asked.events_in(selector, class);
        events.retain(|e| e.amount(property).is_some());
        let known = match asked.text("new_means") {
            Some("any") => asked.events(&json!("*")),
            _ => events.clone(),
        };
        let first = first_of(&known);
        columns(&moved(asked, |s| {
            let (now, before) = flows_of(asked, s);
            let (this, last) = (sums(&events, property, now), sums(&events, property, before[0]));
            Movement::between(&last, &this, |user| first[user].at >= now.0)
        }))
    })
}

/// The last of each person's events before an instant.
fn last_of<'a>(events: &[&'a Event], before: i64) -> BTreeMap<&'a str, &'a Event> {
    events.iter().filter(|e| e.at < before).map(|e| (e.who(), *e)).collect()
}

/// Each person's balance before an instant: the last amount, where it is not nothing and its
/// event is of the class.
fn balances<'a>(asked: &Asked, events: &[&'a Event], class: &Class, before: i64) -> Sums<'a> {
    let property = asked.text("property").unwrap();
    let mut last = last_of(events, before);
    last.retain(|_, e| class.holds(&asked.group(e)) && !e.amount(property).unwrap().is_zero());
    last.into_iter().map(|(user, e)| (user, e.amount(property).unwrap())).collect()
}

pub fn balance(asked: &Asked) -> Json {
    let property = asked.text("property").unwrap();
    let mut events = asked.events(&asked.query["event"]);
    events.retain(|e| e.amount(property).is_some());
    let inside = events.iter().filter(|e| (asked.from..asked.to).contains(&e.at)).copied();
    // What was carried into the range counts in it as well.
    let carried = last_of(&events, asked.from).into_values();
    let carried = carried.filter(|e| !e.amount(property).unwrap().is_zero());
    let there = inside.chain(carried).map(|e| (asked.group(e), e.who().to_string()));
    asked.groups(there).series(|class| {
        let held =
            |e: &&&Event| class.holds(&asked.group(e)) && !e.amount(property).unwrap().is_zero();
        let ever: Vec<&Event> = events.iter().filter(held).copied().collect();
        let first = first_of(&ever);
        let at = |instant| balances(asked, &events, class, instant);
        let movements = moved(asked, |s| {
            let (this, last) = (at(s.end), at(s.start));
            Movement::between(&last, &this, |user| first[user].at >= s.start)
        });
        let mut series = columns(&movements);
        series["users"] = asked.each(|s| json!(at(s.end).len()));
        series
    })
}

//! Sets of users.

use super::calendar::{Calendar, day_or_back};
use super::{Event, Oracle, People, funnel, matches};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const KINDS: [&str; 8] = ["did", "first_did", "ids", "cohort", "funnel", "and", "or", "not"];

impl Oracle {
    /// The members of a set of users.
    pub fn set(&self, set: &Json, calendar: &Calendar) -> People {
        let mut kinds = KINDS.iter().filter(|k| !set[**k].is_null());
        let kind = *kinds.next().unwrap();
        let inner = &set[kind];
        let everyone = self.everyone();
        let each = || inner.as_array().unwrap().iter().map(|s| self.set(s, calendar));
        match kind {
            "did" => self.did(set, calendar),
            "first_did" => self.first_did(set, calendar),
            "ids" => {
                let ids = inner.as_array().unwrap();
                everyone.into_iter().filter(|u| ids.contains(&json!(u))).collect()
            }
            "cohort" => self.set(&self.cohorts[inner.as_str().unwrap()], calendar),
            "funnel" => self.went_through(set, calendar),
            "and" => each().fold(everyone, |a, b| a.intersection(&b).cloned().collect()),
            "or" => each().flatten().collect(),
            _ => everyone.difference(&self.set(inner, calendar)).cloned().collect(),
        }
    }

    /// People's events of a selector within the set's dates.
    fn in_dates(&self, set: &Json, selector: &Json, calendar: &Calendar) -> Vec<&Event> {
        let edge = |name| set[name].as_str().map(|t| calendar.day_start(day_or_back(t, 0)));
        let (from, to) = (edge("from").unwrap_or(i64::MIN), edge("to").unwrap_or(i64::MAX));
        let mut events = self.ordered();
        events.retain(|e| e.user.is_some() && matches(selector, e) && (from..to).contains(&e.at));
        events
    }

    fn did(&self, set: &Json, calendar: &Calendar) -> People {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for event in self.in_dates(set, &set["did"], calendar) {
            *counts.entry(event.who()).or_default() += 1;
        }
        let least = set["at_least"].as_u64().unwrap_or(1);
        let most = set["at_most"].as_u64().unwrap_or(u64::MAX);
        let times = |user: &str| counts.get(user).copied().unwrap_or(0);
        self.everyone().into_iter().filter(|u| (least..=most).contains(&times(u))).collect()
    }

    fn first_did(&self, set: &Json, calendar: &Calendar) -> People {
        let ever = self.in_dates(&json!({}), &set["first_did"], calendar);
        let inside = self.in_dates(set, &set["first_did"], calendar);
        let first = super::first_of(&ever);
        let begun = super::first_of(&inside).into_iter();
        begun.filter(|(u, e)| std::ptr::eq(*e, first[u])).map(|(u, _)| u.to_string()).collect()
    }

    fn went_through(&self, set: &Json, calendar: &Calendar) -> People {
        let reached = set["reached"].as_u64().unwrap() as usize;
        let exactly = set["exactly"].as_bool().unwrap_or(false);
        let mut query = set["funnel"].clone();
        if query["time_zone"].is_null() {
            query["time_zone"] = json!(calendar.name);
        }
        let steps = funnel::steps_of_people(&self.asked(&query)).into_iter();
        let enough = |n: usize| if exactly { n == reached } else { n >= reached };
        steps.filter(|(_, n)| enough(*n)).map(|(user, _)| user).collect()
    }
}

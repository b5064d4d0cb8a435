#![allow(clippy::unwrap_used)]

use super::*;
use crate::day::datum::KindSet;
use crate::event::Value;
use crate::query::{Measure, PersonColumn, Set, SurveyKind};
use crate::scan::{Condition, Selector};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// Events by time, and how many each stands for; a zone; cohorts.
struct Fake {
    calendar: Calendar,
    events: Vec<(Micros, u64)>,
    cohorts: BTreeMap<String, String>,
}

impl Fake {
    fn new(zone: &str, events: Vec<(Micros, u64)>) -> Fake {
        let calendar = Calendar::new(Zone::named(zone).unwrap(), []);
        Fake { calendar, events, cohorts: BTreeMap::new() }
    }
}

impl History for Fake {
    fn calendar(&self) -> &Calendar {
        &self.calendar
    }
    fn days_from(&self) -> Option<Day> {
        None
    }
    fn first_at(&self) -> Option<Micros> {
        self.events.first().map(|(at, _)| *at)
    }
    fn newest_at(&self, now: Micros) -> Option<Micros> {
        self.events.iter().rev().map(|(at, _)| *at).find(|at| *at <= now)
    }
    fn events_from(&self, from: Micros) -> Later {
        let events = self.events.iter().filter(|(at, _)| *at >= from).map(|(_, n)| n).sum();
        Later { events, more: false }
    }
    fn watermark(&self) -> Option<Micros> {
        self.events.last().map(|(at, _)| *at)
    }
    fn knows_activity(&self, name: &str) -> bool {
        name == "purchase"
    }
    fn knows_property(&self, property: &str) -> Result<bool> {
        Ok(["price", "country", "mixed"].contains(&property))
    }
    fn holds(&self, property: &str, kinds: KindSet) -> Result<bool> {
        let held = match property {
            "price" => KindSet::NUMBER,
            "country" => KindSet::TEXT,
            "mixed" => KindSet::TEXT.or(KindSet::NUMBER),
            _ => KindSet::NONE,
        };
        Ok(!held.and(kinds).is_empty())
    }
    fn cohorts(&self) -> &BTreeMap<String, String> {
        &self.cohorts
    }
}

fn at(text: &str) -> Micros {
    time::micros_from(text.parse::<DateTime<Utc>>().unwrap())
}

fn days(text: &str) -> Day {
    time::parse_day(text).unwrap()
}

/// Events on 2024-01-10 and 2024-03-05, and two dated wrongly, in 2030.
fn history() -> Fake {
    let events = [("2024-01-10T12:00:00Z", 5), ("2024-03-05T12:00:00Z", 7)];
    let wrong = [("2030-01-01T00:00:00Z", 2)];
    let events = events.into_iter().chain(wrong).map(|(text, n)| (at(text), n));
    Fake::new("UTC", events.collect())
}

const NOW: &str = "2024-06-01T08:00:00Z";

fn plan(query: &Query) -> Plan {
    Plan::over(query, &history(), at(NOW)).unwrap()
}

fn range_of(plan: &Plan) -> (String, String) {
    (plan.info.from.unwrap().to_string(), plan.info.to.unwrap().to_string())
}

#[track_caller]
fn assert_range(query: Query, from: &str, to: &str) {
    assert_eq!(range_of(&plan(&query)), (from.to_owned(), to.to_owned()));
}

#[test]
fn the_range_is_all_history_up_to_as_of_and_later_events_are_counted() {
    let plan = plan(&Query::active("purchase"));
    assert_eq!(range_of(&plan), ("2024-01-10".into(), "2024-03-06".into()));
    assert_eq!(plan.info.as_of, "2024-03-06T00:00:00Z");
    assert_eq!(plan.info.watermark.as_deref(), Some("2030-01-01T00:00:00Z"));
    assert_eq!(plan.buckets.len(), 56);
    assert!(plan.buckets.iter().all(|bucket| bucket.complete));
    let warning = "2 events after as_of, on 2024-03-06 or later, are not in the range";
    assert_eq!(plan.info.warnings, [warning]);
}

#[test]
fn as_of_is_now_while_the_newest_day_is_not_over() {
    let now = at("2024-03-05T18:00:00Z");
    let plan = Plan::over(&Query::active("*"), &history(), now).unwrap();
    assert_eq!(plan.as_of, now);
    let last = plan.buckets.last().unwrap();
    assert_eq!((last.start, last.begun, last.complete), (days("2024-03-05"), true, false));
}

#[test]
fn relative_ends_count_back_from_today_which_as_of_decides() {
    let query = || Query::active("*").to("today");
    assert_range(query().from("-28d"), "2024-02-07", "2024-03-06");
    assert_range(query().from("-2w"), "2024-02-21", "2024-03-06");
    assert_range(query().from("-1m"), "2024-02-06", "2024-03-06");
    assert_range(query().from("-1y"), "2023-03-06", "2024-03-06");
    assert_range(Query::active("*").from("-1d").to("2024-02-01"), "2024-01-31", "2024-02-01");
    let midday = "2024-02-10T12:00:00Z".parse().unwrap();
    assert_range(query().from("-1d").as_of(midday), "2024-02-10", "2024-02-11");
}

#[test]
fn ranges_widen_outward_to_whole_buckets() {
    let query = || Query::active("*").from("2024-02-14").to("2024-03-06");
    assert_range(query().by(Bucket::Week), "2024-02-12", "2024-03-11");
    let sunday = query().by(Bucket::Week).week_start(WeekStart::Sunday);
    assert_range(sunday, "2024-02-11", "2024-03-10");
    assert_range(query().by(Bucket::Month), "2024-02-01", "2024-04-01");
    assert_range(query().by(Bucket::Quarter), "2024-01-01", "2024-04-01");
    assert_range(query().by(Bucket::Year), "2024-01-01", "2025-01-01");
    assert_range(query().by(Bucket::All), "2024-02-14", "2024-03-06");
    let frequency = Query::frequency("*").interval(Bucket::Month);
    assert_range(frequency.from("2024-02-14").to("2024-03-01"), "2024-02-01", "2024-03-01");
}

#[test]
fn an_empty_range_stays_empty() {
    let empty = |query: Query| {
        let plan = plan(&query);
        assert!(plan.buckets.is_empty(), "{plan:?}");
        assert_eq!(plan.from, plan.to);
    };
    empty(Query::active("*").from("2024-02-14").to("2024-02-14").by(Bucket::Month));
    empty(Query::active("*").from("2024-05-01"));
    empty(Query::active("*").to("2023-05-01"));
    empty(Query::active("*").from("2024-05-01").to("2024-05-01").by(Bucket::Hour));
    assert_range(Query::active("*").to("2023-05-01"), "2023-05-01", "2023-05-01");
    let nothing = Fake::new("UTC", Vec::new());
    let plan = Plan::over(&Query::active("*"), &nothing, at(NOW)).unwrap();
    assert_eq!(range_of(&plan), ("2024-06-01".into(), "2024-06-01".into()));
    assert_eq!((plan.buckets.len(), plan.info.watermark), (0, None));
    let asked = Query::active("*").from("2024-05-30");
    assert_eq!(Plan::over(&asked, &nothing, at(NOW)).unwrap().buckets.len(), 3);
}

#[test]
fn completeness_follows_as_of() {
    let query = Query::active("*").from("2024-02-01").to("2024-05-01").by(Bucket::Month);
    let seen = |as_of: &str| {
        let plan = plan(&query.clone().as_of(as_of.parse().unwrap()));
        plan.buckets.iter().map(|b| (b.begun, b.complete)).collect::<Vec<_>>()
    };
    let (ended, open, ahead) = ((true, true), (true, false), (false, false));
    assert_eq!(seen("2024-03-10T00:00:00Z"), [ended, open, ahead]);
    assert_eq!(seen("2024-04-01T00:00:00Z"), [ended, ended, ahead]);
    assert_eq!(seen("2024-04-01T00:00:00.000001Z"), [ended, ended, open]);
    assert_eq!(seen("2024-03-31T23:59:59.999999Z"), [ended, open, ahead]);
}

#[test]
fn sets_look_at_all_history_unless_a_range_is_named() {
    let plan_all = plan(&Query::count(Set::did("purchase")));
    assert_eq!((plan_all.buckets.len(), plan_all.info.warnings.len()), (0, 0));
    let since = plan(&Query::count(Set::did("purchase")).from("2024-02-01"));
    assert_eq!(since.info.warnings.len(), 1);
    // Everyone ever, and those with an event in a range, are two figures.
    assert_eq!((plan_all.info.from, plan_all.info.to), (None, None));
    assert_eq!(range_of(&since), ("2024-02-01".into(), "2024-03-06".into()));
    let until = plan(&Query::count(Set::did("purchase")).to("2024-02-01"));
    assert_ne!(plan_all.info.definition, since.info.definition);
    assert_eq!(until.info.definition, since.info.definition);
    // Of everyone ever, columns are about the range, and leave out what is after it.
    let listed = plan(&Query::users(Set::did("purchase")).with([PersonColumn::Days]));
    assert_eq!(range_of(&listed), ("2024-01-10".into(), "2024-03-06".into()));
    assert_eq!(listed.info.warnings.len(), 1);
    assert_eq!(plan(&Query::users(Set::did("purchase"))).info.from, None);
}

#[test]
fn names_never_seen_are_warnings() {
    let set = Set::did("visit").and(!Set::first_did("purchase", "2024-01-01", "2024-02-01"));
    let query = Query::retention("signup").returning("purchase").only(set);
    let warnings = plan(&query.to("2024-03-06")).info.warnings;
    assert_eq!(warnings, [r#"event "signup" was never seen"#, r#"event "visit" was never seen"#]);
}

/// Where each bucket starts.
fn starts(plan: &Plan) -> Vec<String> {
    plan.buckets.iter().map(|bucket| plan.bucket_start(bucket.start).to_string()).collect()
}

#[test]
fn days_are_those_of_the_zone_that_the_query_names() {
    let own = plan(&Query::active("*").time_zone("utc"));
    assert!(own.native);
    assert_eq!((own.info.time_zone.as_str(), own.buckets.len()), ("UTC", 56));
    // The events of 12:00 UTC; the two of 2030 lie in 2029, in New York.
    let far = plan(&Query::active("*").time_zone("Pacific/Auckland"));
    assert!(!far.native);
    assert_eq!(range_of(&far), ("2024-01-11".into(), "2024-03-07".into()));
    assert_eq!(far.info.as_of, "2024-03-06T11:00:00Z");
    assert_eq!(far.instants(), (at("2024-01-10T11:00:00Z"), at("2024-03-06T11:00:00Z")));
    assert!(far.buckets.iter().all(|bucket| bucket.begun && bucket.complete));
    let query = Query::active("*").time_zone("America/New_York").to("today");
    let now = at("2030-01-01T02:00:00Z");
    let late = Plan::over(&query, &history(), now).unwrap();
    assert_eq!((late.as_of, late.info.to.unwrap().to_string().as_str()), (now, "2030-01-01"));
    assert!(!late.buckets.last().unwrap().complete);
    let unknown = Query::active("*").time_zone("Mars/Olympus");
    assert_eq!(Plan::over(&unknown, &history(), at(NOW)).unwrap_err().kind(), ErrorKind::Input);
}

#[test]
fn hours_are_elapsed_hours_of_the_zone() {
    let query = Query::active("*").by(Bucket::Hour).time_zone("America/Los_Angeles");
    let change = plan(&query.clone().from("2024-11-03").to("2024-11-04"));
    let starts = starts(&change);
    assert_eq!(starts.len(), 25);
    assert_eq!(starts[0], "2024-11-03T00:00-07:00");
    assert_eq!(starts[1..3], ["2024-11-03T01:00-07:00", "2024-11-03T01:00-08:00"]);
    assert_eq!(starts[24], "2024-11-03T23:00-08:00");
    assert_eq!(change.instant(change.buckets[24].end), at("2024-11-04T08:00:00Z"));
    let open = plan(
        &query.from("2024-03-05").to("2024-03-06").as_of("2024-03-05T12:30:00Z".parse().unwrap()),
    );
    let known: Vec<_> = open.buckets.iter().map(|b| (b.begun, b.complete)).take(6).collect();
    assert_eq!(known[3..], [(true, true), (true, false), (false, false)]);
    assert_eq!(open.ticks(7), 168);
    assert_eq!((open.next(5), open.previous(5)), (6, 4));
    let interval = Query::frequency("*").interval(Bucket::Hour);
    assert_eq!(plan(&interval.from("2024-03-01").to("2024-03-03")).buckets.len(), 48);
}

#[test]
fn hours_reach_as_far_around_the_range_as_the_report_reads() {
    let query = || Query::growth("*").by(Bucket::Hour).from("2024-03-01").to("2024-03-02");
    let reaches = |query: Query, days: u32| {
        let plan = plan(&query);
        let from = plan.from_tick - plan.ticks(days);
        assert!(
            plan.instant(from)
                <= plan.instant(plan.from_tick) - i64::from(days) * 24 * time::HOUR_US
        );
        assert!(plan.instant(from) > Micros::MIN, "{days}");
    };
    reaches(query().trailing(3_660), 7_320);
    reaches(query().gap(3_000), 125);
    reaches(Query::stickiness("*").by(Bucket::Hour).from("2024-03-01").trailing(90), 90);
    let retention = Query::retention("*").by(Bucket::Hour).from("2024-03-01").to("2024-03-02");
    let plan = plan(&retention.columns(3_660));
    assert!(plan.instant(plan.to_tick + 3_660) < Micros::MAX);
}

#[test]
fn a_bucket_of_a_funnel_is_complete_when_its_last_window_is_over() {
    let funnel = |query: Query| {
        let as_of = "2024-03-03T00:00:00Z".parse().unwrap();
        let query = query.by(Bucket::Day).from("2024-03-01").to("2024-03-03").as_of(as_of);
        let complete: Vec<bool> = plan(&query).buckets.iter().map(|b| b.complete).collect();
        complete
    };
    let steps = || Query::funnel(["a", "b"]);
    assert_eq!(funnel(steps().within("1d")), [true, false]);
    assert_eq!(funnel(steps().within("86401s")), [false, false]);
    assert_eq!(funnel(steps().without_limit()), [false, false]);
    assert_eq!(plan(&steps()).buckets.len(), 1);
}

#[test]
fn properties_never_seen_are_warnings_and_kinds_never_held_are_errors() {
    let over = |condition: Condition| {
        let query = Query::active(Selector::name("purchase").matching([condition]));
        Plan::over(&query.to("2024-03-06"), &history(), at(NOW)).map(|plan| plan.info.warnings)
    };
    assert_eq!(over(Condition::gt("prize", 3)).unwrap(), ["property \"prize\" was never seen"]);
    for fine in [
        Condition::gt("price", 3),
        Condition::is("price", "3"),
        Condition::one_of("mixed", [Value::from(85_048), Value::from("85123A")]),
        Condition::one_of("country", [Value::from(85_048), Value::from("85048")]),
        Condition::one_of("price", [Value::from(1), Value::from(true)]),
        Condition::contains("country", "D"),
        Condition::missing("price"),
        Condition::is("prize", true),
    ] {
        assert!(over(fine.clone()).is_ok(), "{fine:?}");
    }
    for (never, part) in [
        (Condition::lt("country", 3), "\"country\" with 3, but the property never held a number"),
        (Condition::is_not("country", true), "with true"),
        (Condition::gt("price", "a"), "\"price\" with \"a\", but the property never held a text"),
        (Condition::starts_with("price", "a"), "never held a text"),
        (Condition::any_of([Condition::none_of("country", [1, 2])]), "with 1"),
    ] {
        let error = over(never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(part), "{error}");
    }
    let breakdown = Query::value("purchase", Measure::Sum).property("prize").breakdown(["colour"]);
    let warnings = plan(&breakdown.to("2024-03-06")).info.warnings;
    assert_eq!(
        warnings,
        ["property \"colour\" was never seen", "property \"prize\" was never seen"]
    );
}

#[test]
fn a_property_that_never_held_a_number_is_a_warning_where_numbers_are_read() {
    let warnings = |query: Query| plan(&query.to("2024-03-06")).info.warnings;
    let text = ["property \"country\" never held a number"];
    assert_eq!(warnings(Query::survey("*", "country", SurveyKind::Nps)), text);
    assert_eq!(warnings(Query::value("*", Measure::Mean).property("country")), text);
    assert!(warnings(Query::value("*", Measure::Distinct).property("country")).is_empty());
    assert!(warnings(Query::balance("*", "price")).is_empty());
}

/// The range of the funnel that a set is made of.
fn funnel_range(query: Query) -> (Micros, Micros) {
    let asked = Query::count(Set::funnel(query, 1)).time_zone("Pacific/Auckland");
    match plan(&asked).users.as_deref() {
        Some(SetKind::Funnel(set)) => (set.from, set.to),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_funnel_in_a_set_has_its_own_range_in_the_query_s_zone() {
    let funnel = || Query::funnel(["a"]);
    assert_eq!(funnel_range(funnel()), (Micros::MIN, Micros::MAX));
    let dated = funnel().from("2024-01-01").to("2024-02-01");
    assert_eq!(funnel_range(dated), (at("2023-12-31T11:00:00Z"), at("2024-01-31T11:00:00Z")));
    // The query around it ends with 2024-03-06 in Auckland.
    let last = (at("2024-03-04T11:00:00Z"), at("2024-03-06T11:00:00Z"));
    assert_eq!(funnel_range(funnel().from("-2d").to("today")), last);
    assert_eq!(funnel_range(funnel().from("-2d")), (last.0, Micros::MAX));
    let before = funnel_range(funnel().from("-1m").to("2024-02-29"));
    assert_eq!(before, (at("2024-01-28T11:00:00Z"), at("2024-02-28T11:00:00Z")));
}

#[test]
fn the_dates_of_a_set_are_those_of_the_query_s_zone() {
    let set =
        Set::did("a").from("2024-01-01").and(!Set::first_did("b", "2024-01-01", "2024-02-01"));
    let plan = plan(&Query::count(set).time_zone("Asia/Kathmandu"));
    let (from, to) = (at("2023-12-31T18:15:00Z"), at("2024-01-31T18:15:00Z"));
    let did = SetKind::Did { event: "a".into(), from, to: Micros::MAX, at_least: 1, at_most: None };
    let first = SetKind::FirstDid { event: "b".into(), from, to };
    let expected = SetKind::And(vec![did, SetKind::Not(Box::new(first))]);
    assert_eq!(plan.users.as_deref(), Some(&expected));
}

#[test]
fn the_dates_of_a_set_count_back_from_the_as_of_of_the_query() {
    let bounds = |set: Set| {
        let query = Query::count(set).time_zone("Asia/Kathmandu");
        match plan(&query.as_of("2024-02-10T12:00:00Z".parse().unwrap())).users.as_deref() {
            Some(SetKind::Did { from, to, .. } | SetKind::FirstDid { from, to, .. }) => {
                (*from, *to)
            }
            other => panic!("{other:?}"),
        }
    };
    let days = |from: &str, to: &str| {
        let start = |day: &str| at(&format!("{day}T00:00:00+05:45"));
        (start(from), start(to))
    };
    let did = || Set::did("a");
    assert_eq!(bounds(did().from("-28d").to("today")), days("2024-01-14", "2024-02-11"));
    assert_eq!(bounds(did().from("-2d")), (days("2024-02-09", "2024-02-09").0, Micros::MAX));
    assert_eq!(bounds(did().from("-1m").to("2024-01-01")), days("2023-12-01", "2024-01-01"));
    assert_eq!(bounds(Set::first_did("a", "-1w", "today")), days("2024-02-04", "2024-02-11"));
    // The date lies after today: an empty range, not one that runs backwards.
    assert_eq!(bounds(did().from("2024-05-01").to("today")), days("2024-05-01", "2024-05-01"));
}

/// A history with these cohorts.
fn saved(cohorts: &[(&str, &str)]) -> Fake {
    let entry = |(name, set): &(&str, &str)| ((*name).to_owned(), (*set).to_owned());
    Fake { cohorts: cohorts.iter().map(entry).collect(), ..history() }
}

#[test]
fn cohorts_stand_for_what_is_saved() {
    let query = Query::active("*").only(!Set::cohort("buyers"));
    let over = |cohorts: &[(&str, &str)]| Plan::over(&query, &saved(cohorts), at(NOW));
    let one = over(&[("buyers", r#"{"did": "purchase"}"#)]).unwrap();
    let same = plan(&Query::active("*").only(!Set::did("purchase")));
    assert_eq!((&one.users, &one.info.definition), (&same.users, &same.info.definition));
    let two = over(&[
        ("all", r#"{"did": "purchase"}"#),
        ("buyers", r#"{"and": [{"cohort": "all"}, {"cohort": "all"}]}"#),
    ]);
    assert_ne!(two.unwrap().info.definition, one.info.definition);
}

#[test]
fn cohorts_that_are_not_there_or_name_each_other_are_errors() {
    let query = Query::active("*").only(Set::cohort("a"));
    let fails = |cohorts: &[(&str, &str)], part: &str| {
        let error = Plan::over(&query, &saved(cohorts), at(NOW)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        error.kind()
    };
    assert_eq!(fails(&[], "no cohort \"a\": none is saved"), ErrorKind::Input);
    let saved = ("b", r#"{"did": "x"}"#);
    assert_eq!(fails(&[saved, ("c", "")], "saved are \"b\", \"c\""), ErrorKind::Input);
    let circle = [
        ("a", r#"{"not": {"cohort": "b"}}"#),
        ("b", r#"{"and": [{"ids": []}, {"cohort": "c"}]}"#),
        ("c", r#"{"cohort": "b"}"#),
    ];
    let part = "in a circle: \"b\" names \"c\" names \"b\"";
    assert_eq!(fails(&circle, part), ErrorKind::Input);
    assert_eq!(fails(&[("a", r#"{"cohort": "a"}"#)], "\"a\" names \"a\""), ErrorKind::Input);
    assert_eq!(fails(&[("a", "{}")], "the cohort \"a\": `users` is {}"), ErrorKind::Input);
    // A chain of as many as sets may lie within each other, and of one more.
    let chain = |inner: fn(usize) -> String, count: usize| -> Vec<(String, String)> {
        let name = |n: usize| if n == 0 { "a".to_owned() } else { format!("c{n}") };
        let links = (0..count).map(|n| (name(n), inner(n + 1)));
        links.chain([(name(count), r#"{"did": "x"}"#.to_owned())]).collect()
    };
    let asked = |cohorts: &[(String, String)]| {
        let cohorts: Vec<_> = cohorts.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        Plan::over(&query, &self::saved(&cohorts), at(NOW)).map_err(|error| error.to_string())
    };
    let not = |n| format!(r#"{{"not": {{"cohort": "c{n}"}}}}"#);
    assert!(asked(&chain(not, 15)).is_ok());
    let part = "more than 16 cohorts name one the next";
    assert_eq!(asked(&chain(|n| format!(r#"{{"cohort": "c{n}"}}"#), 16)).unwrap_err(), part);
    let twice = |n| format!(r#"{{"not": {{"not": {{"cohort": "c{n}"}}}}}}"#);
    assert!(asked(&chain(twice, 7)).is_ok());
    let part = "sets are nested more than 16 deep, those of their cohorts included";
    assert_eq!(asked(&chain(twice, 8)).unwrap_err(), part);
    // Twice as many parts with each name.
    let names: Vec<String> = "abcdefghijklmno".chars().map(String::from).collect();
    let double =
        |name: &String| format!(r#"{{"or": [{{"cohort": "{name}"}}, {{"cohort": "{name}"}}]}}"#);
    let sets: Vec<String> = names[1..].iter().map(double).collect();
    let mut many: Vec<(&str, &str)> =
        names.iter().zip(&sets).map(|(name, set)| (name.as_str(), set.as_str())).collect();
    many.push(("o", r#"{"did": "x"}"#));
    assert_eq!(fails(&many, "more than 10000 parts"), ErrorKind::Limit);
}

#[test]
fn limits_are_named() {
    let years = Query::active("*").from("1800-01-01").to("2024-01-01");
    assert_eq!(plan(&years).buckets.len(), 81_814);
    let ages = Query::active("*").from("1400-01-01").to("2024-01-01");
    let error = Plan::over(&ages, &history(), at(NOW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("200000 buckets"), "{error}");
    for (from, by) in [("1824-01-01", "200 years"), ("0001-01-01", "all years")] {
        let hours = Query::active("*").by(Bucket::Hour).from(from).to("2024-01-01");
        let error = Plan::over(&hours, &history(), at(NOW)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{by}");
        assert!(error.to_string().contains("200000 buckets"), "{error}");
    }
    let twenty = Query::active("*").by(Bucket::Hour).from("2004-01-01").to("2024-01-01");
    assert_eq!(plan(&twenty).buckets.len(), 175_320);
    let wide = Query::retention("*").from("1990-01-01").to("2024-01-01").columns(3_660);
    let error = Plan::over(&wide, &history(), at(NOW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn the_ends_of_the_supported_years_do_not_overflow() {
    for by in Bucket::EVERY {
        for (from, to) in [("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")] {
            let sunday = Query::active("*").by(by).week_start(WeekStart::Sunday);
            let buckets = if by == Bucket::Hour { 24 } else { 1 };
            assert_eq!(plan(&sunday.from(from).to(to)).buckets.len(), buckets);
        }
    }
    let far = plan(&Query::active("*").from("-3650000d").to("0001-01-02").by(Bucket::All));
    assert!(far.from < far.to);
}

#[test]
fn the_definition_ignores_the_range_and_nothing_else() {
    let query = || Query::active("purchase").by(Bucket::Week);
    let definition = |query: Query| plan(&query).info.definition;
    let base = definition(query());
    assert_eq!(base.len(), 8);
    assert!(base.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(definition(query().from("2024-01-01").to("today")), base);
    assert_eq!(definition(query().as_of(NOW.parse().unwrap())), base);
    assert_eq!(definition(query().time_zone("utc")), base);
    assert_ne!(definition(query().time_zone("Europe/Berlin")), base);
    assert_eq!(
        definition(query().time_zone("europe/berlin")),
        definition(query().time_zone("Europe/Berlin"))
    );
    assert_ne!(definition(query().trailing(7)), base);
    assert_ne!(definition(query().week_start(WeekStart::Sunday)), base);
    assert_ne!(definition(Query::active("visit").by(Bucket::Week)), base);
}

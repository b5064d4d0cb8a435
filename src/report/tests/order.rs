//! Reports on single events, through a whole database, against the reports on presence and against
//! a walk over each person's days.

use super::*;
use crate::query::{CohortKind, CountKind};

fn series(answer: &Answer) -> Option<&Figures> {
    answer.series.first().map(|series| &series.figures)
}

fn any_kind() -> impl Strategy<Value = (CohortKind, CountKind)> {
    use CohortKind::{First, FirstEver, FirstInRange, Recurring};
    use CountKind::{On, OnOrAfter, OnOrBefore};
    let cohort = proptest::sample::select(vec![First, FirstEver, FirstInRange, Recurring]);
    (cohort, proptest::sample::select(vec![On, OnOrAfter, OnOrBefore]))
}

/// Days between a user's events that are one session at most.
const GAP_DAYS: Day = 2;

/// First day, user and events of every session of the event.
fn sessions(asked: &Asked) -> Vec<(Day, u32, u64)> {
    let mut sessions: Vec<(Day, u32, u64)> = Vec::new();
    for user in asked.people() {
        let mut last = None;
        for day in -DAYS..DAYS {
            let times = asked.world.times(&asked.event, user, day, day + 1);
            if times == 0 {
                continue;
            }
            match sessions.last_mut() {
                Some(session) if last.is_some_and(|last| day - last <= GAP_DAYS) => {
                    session.2 += times;
                }
                _ => sessions.push((day, user, times)),
            }
            last = Some(day);
        }
    }
    sessions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn single_events_and_presence_make_one_retention_table(
        mut asked in any_asked(),
        returning in proptest::option::of(any_event()),
        (cohort, count) in any_kind(),
        columns in prop_oneof![0u32..6, Just(40)],
        brackets in proptest::option::of(proptest::collection::vec(1u32..9, 1..4)),
        at_least in 1u32..3,
    ) {
        asked.by = if asked.by == Bucket::All { Bucket::Day } else { asked.by };
        let query = Query::retention(asked.event.clone()).by(asked.by).cohort(cohort);
        let query = match brackets {
            Some(brackets) => query.brackets(brackets),
            None => query.columns(columns).counting(count),
        };
        let query = returning.iter().fold(query, |query, event| query.returning(event.clone()));
        let query = asked.framed(query.at_least(at_least));
        // A property that no event has: one group, and it is everybody.
        let whole = asked.world.ask(&query.clone().breakdown(["nothing"]));
        let plain = asked.world.ask(&query);
        match series(&whole) {
            Some(figures) => prop_assert_eq!(Some(figures), series(&plain)),
            None => {
                prop_assert!(plain.cohorts().iter().all(|one| one.size.unwrap_or(0) == 0));
            }
        }
    }

    #[test]
    fn step_1_of_a_funnel_is_whoever_was_active(asked in any_asked(), strict in any::<bool>()) {
        let steps = [asked.event.clone(), "b".into()];
        let query = Query::funnel(steps).by(asked.by).within("40d");
        let query = if strict { query.order(crate::FunnelOrder::Strict) } else { query };
        let answer = asked.world.ask(&asked.framed(query));
        let cuts = asked.ask(Query::active("*").by(asked.by)).1;
        let columns = &answer.steps()[0].columns;
        let Some((_, Column::Counts(users))) = columns.first() else { panic!("no users") };
        let active = |cut: &Cut| asked.count(cut, |user| asked.active(user, cut.start, cut.end));
        let model: Vec<_> = cuts.iter().map(active).collect();
        prop_assert!(*users == model || (cuts.is_empty() && *users == [Some(0)]));
        for (cut, bucket) in cuts.iter().zip(&answer.buckets) {
            prop_assert_eq!(bucket.complete, i64::from(cut.end + 40) * DAY_US <= asked.as_of);
        }
    }

    #[test]
    fn sessions_are_cut_and_dated_as_each_person_lived(asked in any_asked()) {
        let gap = std::time::Duration::from_secs(u64::try_from(GAP_DAYS).unwrap() * 86_400 + 60);
        let query = Query::sessions(asked.event.clone()).by(asked.by).session_gap(gap);
        let (answer, cuts) = asked.ask(query);
        let all = sessions(&asked);
        for (place, cut) in cuts.iter().enumerate() {
            let own = || all.iter().filter(|(day, ..)| (cut.start..cut.end).contains(day));
            let some = |count: u64| cut.begun.then_some(count);
            let sum = own().count() as u64;
            prop_assert_eq!(counts(&answer, "sessions")[place], some(sum));
            let mut people: Vec<u32> = own().map(|(_, user, _)| *user).collect();
            people.dedup();
            prop_assert_eq!(counts(&answer, "users")[place], some(people.len() as u64));
            let events: u64 = own().map(|(.., events)| events).sum();
            let mean = share(some(events), some(sum));
            prop_assert_eq!(ratios(&answer, "events_per_session")[place], mean);
            let bounces = own().filter(|(.., events)| *events == 1).count() as u64;
            let bounced = share(some(bounces), some(sum));
            prop_assert_eq!(ratios(&answer, "bounce_rate")[place], bounced);
        }
    }

    #[test]
    fn every_path_has_one_first_link(
        asked in any_asked(),
        backward in any::<bool>(),
        top in 1u32..4,
    ) {
        let event = asked.event.clone();
        let query = if backward { Query::paths_to(event) } else { Query::paths_from(event) };
        let answer = asked.world.ask(&asked.framed(query.top(top).depth(3).within("9d")));
        let links = answer.links();
        let of = |step: u32| links.iter().filter(move |link| link.step == step);
        let first: u64 = of(1).map(|link| link.users).sum();
        let anchored = |user: &u32| asked.active(*user, asked.from, asked.to);
        let people = asked.people().into_iter().filter(anchored).count();
        prop_assert_eq!(first, people as u64);
        for step in 1..=3u32 {
            prop_assert!(of(step).filter(|link| !link.other).count() <= top as usize);
            prop_assert!(of(step).map(|link| link.users).sum::<u64>() <= first);
        }
    }
}

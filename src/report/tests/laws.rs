//! What must hold between reports, and of the calls themselves.

use super::*;
use crate::ErrorKind;

fn sum(parts: &[&[Option<u64>]], place: usize) -> Option<u64> {
    parts.iter().map(|part| part[place]).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn growth_reconciles_with_active(asked in any_asked()) {
        let event = asked.event.clone();
        let (growth, cuts) = asked.ask(Query::growth(event.clone()).by(asked.by));
        let active = counts(&asked.ask(Query::active(event).by(asked.by)).0, "users");
        let [new, retained, back, churned] =
            ["new", "retained", "resurrected", "churned"].map(|name| counts(&growth, name));
        for place in 0..cuts.len() {
            prop_assert_eq!(active[place], sum(&[&new, &retained, &back], place));
            if place > 0 && cuts[place].begun {
                prop_assert_eq!(active[place - 1], sum(&[&retained, &churned], place));
            }
        }
    }

    #[test]
    fn states_reconcile_with_trailing_actives(mut asked in any_asked()) {
        asked.by = Bucket::Day;
        let event = asked.event.clone();
        let states = asked.ask(Query::states(event.clone())).0;
        let trailing = |n| counts(&asked.ask(Query::active(event.clone()).trailing(n)).0, "users");
        let [new, current, reactivated, resurrected, week, month] =
            ["new", "current", "reactivated", "resurrected", "at_risk_week", "at_risk_month"]
                .map(|name| counts(&states, name));
        for place in 0..new.len() {
            let today: [&[_]; 4] = [&new, &current, &reactivated, &resurrected];
            let daily = sum(&today, place);
            prop_assert_eq!(daily, trailing(1)[place]);
            let weekly = daily.zip(week[place]).map(|(a, b)| a + b);
            prop_assert_eq!(weekly, trailing(7)[place]);
            let monthly = weekly.zip(month[place]).map(|(a, b)| a + b);
            prop_assert_eq!(monthly, trailing(30)[place]);
        }
    }

    #[test]
    fn the_histogram_adds_up_to_the_distinct_users(asked in any_asked()) {
        let answer = asked.world.ask(&asked.framed(Query::frequency(asked.event.clone())));
        let Figures::Frequency(users) = &answer.series[0].figures else { panic!("no histogram") };
        let active = |user: &u32| asked.active(*user, asked.from, asked.to);
        let all = asked.people().into_iter().filter(active);
        prop_assert_eq!(users.iter().sum::<u64>(), all.count() as u64);
    }

    #[test]
    fn a_wider_window_holds_no_fewer_users(asked in any_asked(), n in 1u32..40, more in 0u32..20) {
        let ask = |n| asked.ask(Query::active(asked.event.clone()).by(asked.by).trailing(n)).0;
        let (narrow, wide) = (counts(&ask(n), "users"), counts(&ask(n + more), "users"));
        prop_assert!(narrow.iter().zip(&wide).all(|(narrow, wide)| narrow <= wide));
    }

    #[test]
    fn everybody_comes_back_in_their_first_bucket(mut asked in any_asked()) {
        asked.by = if asked.by == Bucket::All { Bucket::Month } else { asked.by };
        let query = Query::retention(asked.event.clone()).by(asked.by).columns(2);
        let answer = asked.world.ask(&asked.framed(query));
        let Figures::Retention { cohorts, .. } = &answer.series[0].figures else { panic!("no table") };
        prop_assert!(cohorts.iter().all(|cohort| cohort.returned[0] == cohort.size));
    }

    #[test]
    fn count_and_users_are_the_set(world in any_world(), set in any_set(), limit in 1u32..6) {
        let mut model: Vec<String> = world.people(Some(&set.kind)).into_iter().map(id).collect();
        model.sort();
        let answer = world.ask(&Query::count(set.clone()));
        prop_assert_eq!(&answer.series[0].figures, &Figures::Count(model.len() as u64));
        let mut listed: Vec<String> = Vec::new();
        loop {
            let query = Query::users(set.clone()).limit(limit);
            let query = match listed.last() {
                Some(last) => query.after(last.clone()),
                None => query,
            };
            let answer = world.ask(&query);
            let Figures::Users { ids, next, .. } = &answer.series[0].figures else { panic!("no ids") };
            prop_assert!(ids.len() <= limit as usize);
            listed.extend(ids.iter().cloned());
            let Some(next) = next else { break };
            prop_assert_eq!(listed.last(), Some(next));
        }
        prop_assert_eq!(listed, model);
    }

    #[test]
    fn a_range_counts_the_people_with_an_event_in_it(
        world in any_world(),
        set in any_set(),
        from in 0..DAYS,
        length in 1..DAYS,
    ) {
        let (start, end) = (day_text(from), day_text(from + length));
        let later = instant(i64::from(3 * DAYS) * DAY_US);
        let ranged = |query: Query| query.from(start.clone()).to(end.clone()).as_of(later);
        let count = world.ask(&ranged(Query::count(set.clone())));
        let users = world.ask(&ranged(Query::users(set.clone())));
        let active = world.ask(&ranged(Query::active("*").by(Bucket::All).only(set)));
        let active = counts(&active, "users")[0];
        prop_assert_eq!(count.count(), active);
        prop_assert_eq!(Some(users.ids().len() as u64), active);
    }

    #[test]
    fn many_at_once_answer_as_each_alone(
        asked in any_asked(),
        other in any_asked(),
        n in 1u32..30,
    ) {
        let bad = Query::active("a").from("2024-02-30");
        let queries = [
            asked.framed(Query::active(asked.event.clone()).by(asked.by)),
            asked.framed(Query::growth(asked.event.clone()).by(asked.by).new_means_any()),
            bad,
            other.framed(Query::active(other.event.clone()).trailing(n)),
            other.framed(Query::retention(asked.event.clone()).by(Bucket::Week).returning("b")),
            asked.framed(Query::states(asked.event.clone())),
            Query::count(Set::did(asked.event.clone())),
        ];
        let many = asked.world.snapshot.query_many(&queries);
        prop_assert_eq!(many.len(), queries.len());
        for (query, answer) in queries.iter().zip(many) {
            match (asked.world.snapshot.query(query), answer) {
                (Ok(alone), Ok(together)) => {
                    prop_assert_eq!(alone.series, together.series);
                    prop_assert_eq!(alone.buckets, together.buckets);
                }
                (Err(alone), Err(together)) => {
                    prop_assert_eq!(alone.to_string(), together.to_string());
                    prop_assert_eq!(together.kind(), ErrorKind::Input);
                }
                (alone, together) => prop_assert!(false, "{alone:?} but {together:?}"),
            }
        }
    }

    #[test]
    fn threads_change_nothing(asked in any_asked()) {
        let query = asked.framed(Query::growth(asked.event.clone()).by(asked.by));
        let ask = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| asked.world.ask(&query).series)
        };
        prop_assert_eq!(ask(1), ask(3));
    }
}

#[test]
fn an_empty_database_answers_every_report() {
    let world = World::new(Vec::new(), (0, 0));
    for query in [
        Query::active("*"),
        Query::stickiness("a"),
        Query::growth("*"),
        Query::states("*"),
        Query::retention("a"),
        Query::frequency("a"),
        Query::count(!Set::did("a")),
        Query::users(!Set::did("a")),
    ] {
        world.ask(&query);
        world.ask(&query.clone().only(Set::did("a")));
    }
    let answer =
        world.ask(&Query::active("*").from("1970-01-01").to("1970-01-03").as_of(instant(DAY_US)));
    assert_eq!(counts(&answer, "users"), [Some(0), None]);
}

#[test]
fn damage_fails_the_queries_that_read_it_and_no_others() {
    let events: Vec<Did> = (0..2).flat_map(|day| PEOPLE.map(|user| (day, user, "a"))).collect();
    let half = events.len() / 2;
    let world = World::damaged(events, (half, half * 2), |file| {
        // Sections lie between the header and the outer directory.
        let (from, to) = (file.len() / 8, file.len() / 2);
        file[from..to].iter_mut().for_each(|byte| *byte = !*byte);
    });
    let day =
        |from, to| Query::active("a").trailing(1).from(from).to(to).as_of(instant(3 * DAY_US));
    let (whole, hurt) = (day("1970-01-01", "1970-01-02"), day("1970-01-02", "1970-01-03"));
    let error = world.snapshot.query(&hurt).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
    let queries = [&whole, &hurt, &whole, &whole, &hurt].map(Clone::clone);
    let answers = world.snapshot.query_many(&queries);
    for (query, answer) in queries.iter().zip(answers) {
        match answer {
            Ok(answer) => assert_eq!(answer.series, world.ask(&whole).series),
            Err(error) => assert_eq!((query, error.kind()), (&hurt, ErrorKind::Corruption)),
        }
    }
}

//! Counts of events and of the users of features, which need no rows.

use super::*;
use crate::Measure;
use crate::day::rows::NO_USER;

impl Asked {
    /// Events of users in the range, and of nobody: these count where nothing restricts the users.
    fn events(&self, from: Day, to: Day) -> (u64, u64) {
        let times = |user: u32| self.world.times(&self.event, user, from, to);
        let nobody = if self.set.is_none() { times(NO_USER) } else { 0 };
        (self.people().into_iter().map(times).sum::<u64>(), nobody)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn events_and_users_are_counted(asked in any_asked()) {
        let ask = |measure| asked.ask(Query::value(asked.event.clone(), measure).by(asked.by));
        let (events, cuts) = ask(Measure::Events);
        let per_user = ratios(&ask(Measure::EventsPerUser).0, "value");
        let users = counts(&ask(Measure::Users).0, "value");
        for (place, cut) in cuts.iter().enumerate() {
            let all = cut.begun.then(|| asked.events(cut.start, cut.end));
            let of_users = all.map(|(of_users, _)| of_users);
            let people = asked.count(cut, |user| asked.active(user, cut.start, cut.end));
            prop_assert_eq!(counts(&events, "value")[place], all.map(|(a, b)| a + b));
            prop_assert_eq!(users[place], people);
            prop_assert_eq!(per_user[place], share(of_users, people));
        }
    }

    #[test]
    fn adoption_is_of_the_active(
        asked in any_asked(),
        features in proptest::collection::vec(any_event(), 1..5),
        k in proptest::option::of(1usize..6),
    ) {
        let query = Query::adoption(features.clone()).among(asked.event.clone()).by(asked.by);
        let (least, query) = match k.map(|k| k.min(features.len())) {
            Some(k) => (k, query.at_least_features(u32::try_from(k).unwrap())),
            None => (1, query),
        };
        let (answer, cuts) = asked.ask(query);
        let each: Vec<&[Selector]> = match k {
            Some(_) => vec![&features],
            None => features.iter().map(std::slice::from_ref).collect(),
        };
        prop_assert_eq!(answer.series.len(), each.len());
        for (series, features) in answer.series.iter().zip(each) {
            let one = Answer { series: vec![series.clone()], ..answer.clone() };
            for (place, cut) in cuts.iter().enumerate() {
                let uses = |user, feature| asked.world.active(feature, user, cut.start, cut.end);
                let active = |user| asked.active(user, cut.start, cut.end);
                let users = asked.count(cut, |user| {
                    let used = features.iter().filter(|feature| uses(user, feature)).count();
                    active(user) && used >= least
                });
                let active = asked.count(cut, active);
                prop_assert_eq!(counts(&one, "users")[place], users);
                prop_assert_eq!(counts(&one, "active")[place], active);
                prop_assert_eq!(ratios(&one, "rate")[place], share(users, active));
            }
        }
    }
}

#[test]
fn a_feature_is_named_in_its_key() {
    let world = World::new(vec![(0, 1, "a"), (0, 2, "b"), (0, 2, "c")], (0, 2));
    let answer = world.ask(&Query::adoption([Selector::from("a"), ["b", "c"].into()]));
    let names = answer.series.iter().map(|series| series.key["feature"].clone());
    let text = |name: &str| Some(crate::Value::from(name));
    assert_eq!(names.collect::<Vec<_>>(), [text("a"), text(r#"{"any":["b","c"]}"#)]);
}

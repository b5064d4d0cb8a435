//! Every report against a naive model: one user at a time, no bitmaps; and the laws among them.
#![allow(clippy::unwrap_used, clippy::panic)]

pub(super) mod events;
mod laws;
mod many;
mod money;
mod order;
mod retention;
mod rows;
mod value;
mod world;

use crate::query::answer::{Answer, Column, Figures};
use crate::time::{Bucket, Day, WeekStart};
use crate::{Query, Selector, Set};
use proptest::prelude::*;
use std::sync::Arc;
use world::*;

/// What any query with buckets may say, and the world that it is asked of.
#[derive(Debug, Clone)]
struct Asked {
    world: Arc<World>,
    event: Selector,
    from: Day,
    to: Day,
    by: Bucket,
    week_start: WeekStart,
    as_of: i64,
    set: Option<Set>,
}

fn any_asked() -> impl Strategy<Value = Asked> {
    use Bucket::{All, Day as D, Month, Quarter, Week};
    let by = proptest::sample::select(vec![D, D, Week, Month, Quarter, All]);
    let week = proptest::sample::select(vec![WeekStart::Monday, WeekStart::Saturday]);
    let range = (-DAYS - 10..DAYS + 5, 0..60);
    let as_of = -DAYS..DAYS + 10;
    let half = proptest::bool::ANY;
    let set = proptest::option::of(any_set());
    (any_world(), any_event(), range, by, week, as_of, half, set).prop_map(
        |(world, event, (from, width), by, week_start, as_of, half, set)| {
            let as_of = i64::from(as_of) * DAY_US + if half { DAY_US / 2 } else { 0 };
            Asked { world, event, from, to: from + width, by, week_start, as_of, set }
        },
    )
}

impl Asked {
    fn framed(&self, query: Query) -> Query {
        let query = query
            .from(day_text(self.from))
            .to(day_text(self.to))
            .week_start(self.week_start)
            .as_of(instant(self.as_of));
        match &self.set {
            Some(set) => query.only(set.clone()),
            None => query,
        }
    }

    fn ask(&self, query: Query) -> (Answer, Vec<Cut>) {
        let answer = self.world.ask(&self.framed(query));
        let cuts = cuts(&answer, self.as_of);
        (answer, cuts)
    }

    fn people(&self) -> Vec<u32> {
        let set = self.set.as_ref().map(|set| &set.kind);
        self.world.people(set).into_iter().collect()
    }

    /// People for whom it holds, `None` before the bucket begins.
    fn count(&self, cut: &Cut, holds: impl Fn(u32) -> bool) -> Option<u64> {
        let count = self.people().into_iter().filter(|user| holds(*user)).count();
        cut.begun.then_some(count as u64)
    }

    fn active(&self, user: u32, from: Day, to: Day) -> bool {
        self.world.active(&self.event, user, from, to)
    }

    fn ever_before(&self, user: u32, day: Day) -> bool {
        self.world.ever_before(&self.event, user, day)
    }
}

fn column<'a>(answer: &'a Answer, name: &str) -> &'a Column {
    let Figures::Columns(columns) = &answer.series[0].figures else { panic!("no columns") };
    &columns.iter().find(|(column, _)| *column == name).unwrap().1
}

fn counts(answer: &Answer, name: &str) -> Vec<Option<u64>> {
    let Column::Counts(counts) = column(answer, name) else { panic!("{name} has no counts") };
    counts.clone()
}

fn ratios(answer: &Answer, name: &str) -> Vec<Option<f64>> {
    let Column::Ratios(ratios) = column(answer, name) else { panic!("{name} has no ratios") };
    ratios.clone()
}

fn share(part: Option<u64>, whole: Option<u64>) -> Option<f64> {
    let (part, whole) = (part?, whole?);
    (whole > 0).then(|| part as f64 / whole as f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn active_counts_the_users_of_each_bucket(asked in any_asked()) {
        let (answer, cuts) = asked.ask(Query::active(asked.event.clone()).by(asked.by));
        let model: Vec<_> = cuts
            .iter()
            .map(|cut| asked.count(cut, |user| asked.active(user, cut.start, cut.end)))
            .collect();
        prop_assert_eq!(counts(&answer, "users"), model);
    }

    #[test]
    fn trailing_counts_the_users_of_the_days_before_each_end(asked in any_asked(), n in 1u32..45) {
        let query = Query::active(asked.event.clone()).by(asked.by).trailing(n);
        let (answer, cuts) = asked.ask(query);
        let start = |cut: &Cut| cut.end - Day::try_from(n).unwrap();
        let model: Vec<_> = cuts
            .iter()
            .map(|cut| asked.count(cut, |user| asked.active(user, start(cut), cut.end)))
            .collect();
        prop_assert_eq!(counts(&answer, "users"), model);
    }

    #[test]
    fn stickiness_is_the_mean_of_days_by_the_window(
        asked in any_asked(),
        n in proptest::option::of(1u32..40),
    ) {
        let query = Query::stickiness(asked.event.clone()).by(asked.by).trailing(n);
        let (answer, cuts) = asked.ask(query);
        let (means, users) = (ratios(&answer, "mean_daily"), counts(&answer, "trailing_users"));
        for (place, cut) in cuts.iter().enumerate() {
            let start = n.map_or(cut.start, |n| cut.end - Day::try_from(n).unwrap());
            let window = asked.count(cut, |user| asked.active(user, start, cut.end));
            prop_assert_eq!(users[place], window);
            let known = asked.world.first_day().unwrap_or(Day::MAX);
            let over = |day: &Day| i64::from(*day + 1) * DAY_US <= asked.as_of;
            let days = (start..cut.end).filter(|day| *day >= known && over(day));
            let daily = days.map(|day| asked.count(cut, |user| asked.active(user, day, day + 1)));
            let daily: Vec<u64> = daily.flatten().collect();
            let mean = (!daily.is_empty() && cut.begun)
                .then(|| daily.iter().sum::<u64>() as f64 / daily.len() as f64);
            prop_assert_eq!(means[place], mean);
            let ratio = mean.zip(window).filter(|(_, users)| *users > 0);
            let ratio = ratio.map(|(mean, users)| mean / users as f64);
            prop_assert_eq!(ratios(&answer, "ratio")[place], ratio);
        }
    }

    #[test]
    fn frequency_counts_intervals(
        asked in any_asked(),
        at_least in 1u32..3,
        more in proptest::option::of(0u32..2),
        interval in proptest::sample::select(vec![Bucket::Day, Bucket::Week, Bucket::Month]),
    ) {
        let query = Query::frequency(asked.event.clone()).interval(interval).at_least(at_least);
        let query = more.map_or(query.clone(), |more| query.at_most(at_least + more));
        let answer = asked.world.ask(&asked.framed(query));
        let Figures::Frequency(users) = &answer.series[0].figures else { panic!("no histogram") };
        let spans = cuts(&asked.ask(Query::active("*").by(interval)).0, asked.as_of);
        let mut model = vec![0; spans.len()];
        for user in asked.people() {
            let holds = |span: &&Cut| {
                let times = asked.world.times(&asked.event, user, span.start, span.end);
                times >= at_least.into()
                    && more.is_none_or(|more| times <= (at_least + more).into())
            };
            if let Some(k) = spans.iter().filter(holds).count().checked_sub(1) {
                model[k] += 1;
            }
        }
        prop_assert_eq!(users, &model);
    }

    #[test]
    fn growth_sorts_users_by_their_past(
        asked in any_asked(),
        gap in 1u32..4,
        any in proptest::bool::ANY,
    ) {
        let gap = if asked.by == Bucket::All { 1 } else { gap };
        let query = Query::growth(asked.event.clone()).by(asked.by).gap(gap);
        let (answer, cuts) = asked.ask(if any { query.new_means_any() } else { query });
        let width = asked.to - asked.from;
        for (place, cut) in cuts.iter().enumerate() {
            let mut edges = vec![cut.start];
            for _ in 0..gap {
                let end = *edges.last().unwrap();
                edges.push(match asked.by {
                    Bucket::All => end - width,
                    by => crate::time::bucket_start(end - 1, by, asked.week_start),
                });
            }
            let (before, oldest) = (edges[gap as usize], edges[gap as usize - 1]);
            let now = |user| asked.active(user, cut.start, cut.end);
            let retained = |user| now(user) && asked.active(user, before, cut.start);
            let lost = |user| {
                asked.active(user, before, oldest) && !asked.active(user, oldest, cut.end)
            };
            let was = |user| asked.active(user, before, cut.start);
            let place = (place, cut, cut.start);
            check_growth(&asked, &answer, place, any, (&now, &retained, &lost, &was))?;
        }
    }

    #[test]
    fn trailing_growth_compares_two_windows(
        asked in any_asked(),
        n in 1u32..40,
        any in proptest::bool::ANY,
    ) {
        let query = Query::growth(asked.event.clone()).by(asked.by).trailing(n);
        let (answer, cuts) = asked.ask(if any { query.new_means_any() } else { query });
        let n = Day::try_from(n).unwrap();
        for (place, cut) in cuts.iter().enumerate() {
            let start = cut.end - n;
            let now = |user| asked.active(user, start, cut.end);
            let was = |user| asked.active(user, start - n, start);
            let retained = |user| now(user) && was(user);
            let lost = |user| was(user) && !now(user);
            let place = (place, cut, start);
            check_growth(&asked, &answer, place, any, (&now, &retained, &lost, &was))?;
        }
    }

    #[test]
    fn states_sort_everybody_ever_seen(asked in any_asked(), week in 1u32..9, more in 1u32..30) {
        let query = Query::states(asked.event.clone()).week(week).month(week + more);
        let (answer, cuts) = asked.ask(query);
        let (week, month) = (Day::try_from(week).unwrap(), Day::try_from(week + more).unwrap());
        let state = |user: u32, day: Day| {
            let today = asked.active(user, day, day + 1);
            let lately = asked.active(user, day - week + 1, day);
            let month = asked.active(user, day - month + 1, day);
            match (asked.ever_before(user, day), today) {
                (false, true) => "new",
                (false, false) => "unknown",
                (true, true) if lately => "current",
                (true, true) if month => "reactivated",
                (true, true) => "resurrected",
                (true, false) if lately => "at_risk_week",
                (true, false) if month => "at_risk_month",
                (true, false) => "dormant",
            }
        };
        for (place, cut) in cuts.iter().enumerate() {
            let day = cut.start;
            for name in ["new", "current", "reactivated", "resurrected", "at_risk_week", "at_risk_month", "dormant"] {
                let model = asked.count(cut, |user| state(user, day) == name);
                prop_assert_eq!(counts(&answer, name)[place], model, "{} on {}", name, day);
            }
            for (rate, name) in [("nurr", "new"), ("curr", "current"), ("rurr", "reactivated"), ("surr", "resurrected")] {
                let of = asked.count(cut, |user| state(user, day) == name);
                let back = asked.count(cut, |user| {
                    state(user, day) == name && asked.active(user, day + 1, day + 2)
                });
                let known = i64::from(day + 2) * DAY_US <= asked.as_of;
                let model = if known { share(back, of) } else { None };
                prop_assert_eq!(ratios(&answer, rate)[place], model, "{} on {}", rate, day);
            }
        }
    }
}

type Holds<'a> = &'a dyn Fn(u32) -> bool;

/// `start`: where the period begins that new users are new in.
fn check_growth(
    asked: &Asked,
    answer: &Answer,
    (place, cut, start): (usize, &Cut, Day),
    any: bool,
    (now, retained, lost, was): (Holds<'_>, Holds<'_>, Holds<'_>, Holds<'_>),
) -> Result<(), TestCaseError> {
    let history = if any { &Selector::Any } else { &asked.event };
    let new = |user| now(user) && !asked.world.ever_before(history, user, start);
    let back = |user| now(user) && !new(user) && !retained(user);
    let figure = |name: &str| counts(answer, name)[place];
    prop_assert_eq!(figure("active"), asked.count(cut, now));
    prop_assert_eq!(figure("new"), asked.count(cut, new));
    prop_assert_eq!(figure("retained"), asked.count(cut, retained));
    prop_assert_eq!(figure("resurrected"), asked.count(cut, back));
    prop_assert_eq!(figure("churned"), asked.count(cut, lost));
    let gained = asked.count(cut, |user| new(user) || back(user));
    prop_assert_eq!(ratios(answer, "quick_ratio")[place], share(gained, asked.count(cut, lost)));
    let kept = share(asked.count(cut, retained), asked.count(cut, was));
    prop_assert_eq!(ratios(answer, "retention_rate")[place], kept);
    Ok(())
}

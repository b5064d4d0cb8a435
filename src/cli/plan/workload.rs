//! What the user expects to have, checked, and the drivers of cost at any size of the like.

use super::numbers::{short, whole, within};
use super::people::{Containers, Crowd, People};
use super::shape::Shape;
use crate::args::PlanArgs;
use crate::failure::Failure;
use daybit::limits::{CHUNK_USERS, SECTION_NAMES_MAX, USERS_MAX};

const DAYS_PER_YEAR: f64 = 365.0;
const YEARS_MAX: f64 = 200.0;
const EVENTS_PER_ACTIVE_DAY_MAX: f64 = 10_000.0;

/// Days that reports about recent days look at.
pub const RECENT_DAYS: u32 = 28;

/// A workload: how much, and of what shape.
#[derive(Debug, Clone)]
pub struct Workload {
    pub users: u64,
    /// Of the users, those who are active on a mean day.
    pub daily_active: f64,
    pub events_per_active_day: f64,
    pub days: u32,
    pub shape: Shape,
    pub crowd: Crowd,
}

/// What costs are counted by, at one size of a workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    pub users: f64,
    pub days: f64,
    pub user_days: f64,
    pub events: f64,
    /// Groups of 65,536 users.
    pub chunks: f64,
    pub containers: Containers,
    /// Those of the last [`RECENT_DAYS`].
    pub recent_containers: Containers,
    /// Of all events, those of the last [`RECENT_DAYS`].
    pub recent_share: f64,
}

impl Size {
    /// Parts that a report's work is shared out in: chunks, or stretches of days of each.
    pub fn shares(&self) -> f64 {
        const DAYS_MIN: f64 = 64.0;
        self.chunks.max((self.containers.count / DAYS_MIN).floor())
    }
}

/// What a sample database says where a flag says nothing.
#[derive(Debug, Clone)]
pub struct Known {
    pub users: u64,
    pub daily_active: f64,
    pub events_per_active_day: f64,
    pub days: u32,
    pub shape: Shape,
}

impl Workload {
    /// The workload of the flags, over what a sample says, over the defaults.
    pub fn of(args: &PlanArgs, known: Option<Known>) -> Result<Workload, Failure> {
        let users = match (&args.users, &known) {
            (Some(text), _) => whole("--users", text, (1.0, f64::from(USERS_MAX)))?,
            (None, Some(known)) => known.users,
            (None, None) => {
                return Err(Failure::input(
                    "--users is missing: say how many users there will be, like --users 2e6, or \
                     name a database of yours with --from-sample",
                ));
            }
        };
        let daily_active = match (&args.daily_active, &known) {
            (Some(text), _) => share(text)?,
            (None, known) => known.as_ref().map_or(0.2, |known| known.daily_active),
        };
        let events_per_active_day = match (&args.events_per_active_day, &known) {
            (Some(text), _) => events(text)?,
            (None, known) => known.as_ref().map_or(4.0, |known| known.events_per_active_day),
        };
        let days = days(args.years.as_deref(), known.as_ref())?;
        let shape = shape(args.activities.as_deref(), known, events_per_active_day)?;
        let crowd = Crowd::Whole;
        let workload = Workload { users, daily_active, events_per_active_day, days, shape, crowd };
        workload.check()?;
        Ok(workload)
    }

    /// Each user who was ever seen was active at least once.
    fn check(&self) -> Result<(), Failure> {
        let days_each = self.daily_active * f64::from(self.days);
        if days_each >= 1.0 {
            return Ok(());
        }
        let (share, days) = (short(self.daily_active), self.days);
        Err(Failure::input(format!(
            "--daily-active {share} over {days} days is {} active days a user, but each user who was \
             ever seen has at least 1: lower --users to those who come, or raise --daily-active to \
             {} or --years",
            short(days_each),
            short(1.0 / f64::from(days)),
        )))
    }

    /// The drivers at so many users and days of this shape.
    pub fn size(&self, users: u64, days: u32) -> Size {
        let user_days = users as f64 * f64::from(days) * self.daily_active;
        let people = People::new(self, users, days);
        Size {
            users: users as f64,
            days: f64::from(days),
            user_days,
            events: user_days * self.events_per_active_day,
            chunks: users.div_ceil(CHUNK_USERS as u64) as f64,
            containers: people.containers(days),
            recent_containers: people.containers(RECENT_DAYS),
            recent_share: people.share(RECENT_DAYS),
        }
    }

    /// The drivers of the whole.
    pub fn whole(&self) -> Size {
        self.size(self.users, self.days)
    }

    /// The same users on the same days, of whom little more is told than that they were there: what
    /// reports about users read of each day, for a fraction of its events. Samples of it are chunks
    /// of the workload's.
    pub fn thinned(&self) -> Workload {
        let shape = self.shape.thinned(self.events_per_active_day);
        let events_per_active_day = 1.0 + shape.payments;
        Workload { events_per_active_day, shape: shape.shape, crowd: Crowd::Chunks, ..self.clone() }
    }

    /// Fewer active days a user than this, and nearly all of them are first days.
    pub fn days_min(&self, active_days: f64) -> u32 {
        let days = (active_days / self.daily_active).ceil();
        (days.min(f64::from(self.days)) as u32).max(1)
    }
}

fn share(text: &str) -> Result<f64, Failure> {
    let flag = "--daily-active";
    let share = within(flag, text, (0.0, 1.0)).map_err(|error| {
        let more =
            "it is the share of users who are active on a mean day; write 20 of 100 as 0.2 or 20%";
        Failure::input(format!("{error}: {more}"))
    })?;
    if share == 0.0 {
        return Err(Failure::input(format!(
            "{flag} {text}: without active users there is no event"
        )));
    }
    Ok(share)
}

fn events(text: &str) -> Result<f64, Failure> {
    let bounds = (1.0, EVENTS_PER_ACTIVE_DAY_MAX);
    within("--events-per-active-day", text, bounds)
        .map_err(|error| Failure::input(format!("{error}: a day is active by an event at least")))
}

fn days(years: Option<&str>, known: Option<&Known>) -> Result<u32, Failure> {
    let Some(text) = years else { return Ok(known.map_or(365, |known| known.days)) };
    let years = within("--years", text, (1.0 / DAYS_PER_YEAR, YEARS_MAX))
        .map_err(|error| Failure::input(format!("{error}: one day of history is the least")))?;
    Ok((years * DAYS_PER_YEAR).round() as u32)
}

/// So many activities: the default ones, or those of the sample, rare ones left out or added.
fn shape(count: Option<&str>, known: Option<Known>, events: f64) -> Result<Shape, Failure> {
    let count = match count {
        Some(text) => Some(whole("--activities", text, (1.0, SECTION_NAMES_MAX as f64))? as usize),
        None => None,
    };
    Ok(match known {
        Some(known) => known.shape.with_activities(count),
        None => Shape::typical(count.unwrap_or(20), events),
    })
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A workload of the typical shape.
    pub fn workload(users: u64, daily_active: f64, events: f64, days: u32) -> Workload {
        let shape = Shape::typical(12, events);
        let crowd = Crowd::Whole;
        Workload { users, daily_active, events_per_active_day: events, days, shape, crowd }
    }

    fn asked(pairs: &[(&str, &str)]) -> Result<Workload, Failure> {
        let mut args = PlanArgs::default();
        for (flag, text) in pairs {
            let place = match *flag {
                "users" => &mut args.users,
                "active" => &mut args.daily_active,
                "events" => &mut args.events_per_active_day,
                "activities" => &mut args.activities,
                _ => &mut args.years,
            };
            *place = Some(text.to_string());
        }
        Workload::of(&args, None)
    }

    #[test]
    fn flags_make_a_workload() {
        let all = [("users", "5e6"), ("active", "20%"), ("events", "4"), ("years", "3")];
        let workload = asked(&all).unwrap();
        let size = workload.whole();
        assert_eq!((size.users, size.days, size.chunks), (5e6, 1_095.0, 77.0));
        assert_eq!(size.user_days, 5e6 * 1_095.0 * 0.2);
        assert_eq!(size.events, size.user_days * 4.0);
        let whole = 77.0 * 1_095.0;
        assert!(size.containers.count > 0.4 * whole && size.containers.count < whole);
        assert_eq!(asked(&all[..1]).unwrap().shape.activities.len(), 20);
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_way_out() {
        let users = ("users", "1000");
        for (pairs, words) in [
            (vec![], "--from-sample"),
            (vec![("users", "0")], "between 1 and 4.29 G"),
            (vec![("users", "4294967295")], "--users"),
            (vec![("users", "1.5")], "whole"),
            (vec![("users", "NaN")], "5e6"),
            (vec![users, ("active", "1.01")], "20%"),
            (vec![users, ("active", "0")], "no event"),
            (vec![users, ("active", "-0.1")], "between 0 and 1:"),
            (vec![users, ("active", "0.001")], "at least 1"),
            (vec![users, ("events", "0.5")], "between 1 and"),
            (vec![users, ("events", "1e5")], "10,000"),
            (vec![users, ("activities", "0")], "--activities"),
            (vec![users, ("activities", "65536")], "--activities"),
            (vec![users, ("years", "0")], "one day"),
            (vec![users, ("years", "201")], "and 200"),
            (vec![users, ("years", "inf")], "--years"),
        ] {
            let said = asked(&pairs).unwrap_err().to_string();
            assert!(said.contains(words), "{pairs:?}: {said}");
        }
    }

    #[test]
    fn a_thinned_workload_keeps_days_and_payments() {
        let whole = workload(500_000, 0.2, 4.0, 1_000);
        let thin = whole.thinned();
        assert_eq!(thin.whole().user_days, whole.whole().user_days);
        let shares: Vec<(String, f64)> = whole.shape.activities.weighted().collect();
        let paying = shares.iter().find(|(name, _)| *name == whole.shape.paying).unwrap().1;
        assert!((thin.events_per_active_day - 1.0 - 4.0 * paying).abs() < 1e-9);
        let names: Vec<String> = thin.shape.activities.weighted().map(|(name, _)| name).collect();
        assert_eq!(names, ["app_open", "purchase"]);
        assert_eq!((thin.shape.money(), thin.shape.breakdown()), (Some("value"), None));
        // Where nobody pays, or all do, an event a day tells it.
        for count in [1, 2] {
            let few = Workload { shape: Shape::typical(count, 4.0), ..whole.clone() };
            let names = few.thinned().shape.activities.len();
            assert_eq!(names, count, "{count}");
        }
    }

    #[test]
    fn bounds_are_allowed() {
        for pairs in [
            vec![("users", "1"), ("active", "1"), ("years", "0.0028"), ("activities", "1")],
            vec![("users", "4294967294"), ("years", "200"), ("activities", "65535")],
            vec![("users", "1000"), ("active", "0.01"), ("years", "1"), ("events", "1")],
        ] {
            assert!(asked(&pairs).is_ok(), "{pairs:?}");
        }
    }
}

//! People who join, stay for a while and leave: when each of a workload's users can be active, and
//! how often.
//!
//! A fifth is there on the first day, and the others join over time, more and more of them. Most
//! leave soon, some stay for good. Times are shares of the whole history: a sample of fewer days has
//! the same crowd on its last day as the workload has on its own, so that days are as full.

use super::random::Random;
use super::workload::Workload;
use daybit::limits::CHUNK_USERS;

/// Of the users, those who are there on the first day.
const THERE: f64 = 0.2;
/// Kinds of people: how many of them, and how long they stay in the mean.
const KINDS: [(f64, f64); 3] = [(0.45, 0.01), (0.30, 0.1), (0.25, 2.0)];
/// People from whom a workload's mean is taken.
const CENSUS: u64 = 4_096;

/// The users of a workload at some size, in the order in which they join.
#[derive(Debug, Clone)]
pub struct People {
    users: u64,
    days: u32,
    /// 0 where people come and go as above, 1 where all are there from the first day to the last.
    settled: f64,
    daily_active: f64,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Person {
    /// The first active day.
    pub joined: u32,
    /// The last day that can be active.
    pub last: u32,
    /// The chance of each day between them.
    pub rate: f32,
}

impl People {
    pub fn new(workload: &Workload, users: u64, days: u32) -> People {
        let daily_active = workload.daily_active;
        People { users, days, settled: settled(daily_active), daily_active }
    }

    /// Each user's days: as many active ones in all as the workload has.
    pub fn all(&self) -> Vec<Person> {
        let mut people: Vec<Person> = (0..self.users).map(|user| self.person(user)).collect();
        let later: f64 = people.iter().map(|p| f64::from(p.last - p.joined)).sum();
        let wanted = self.daily_active * self.users as f64 * f64::from(self.days);
        let rate = ((wanted - self.users as f64) / later.max(1.0)).clamp(0.0, 1.0);
        for (user, person) in people.iter_mut().enumerate() {
            let spread = (1.0 - rate).min(0.6 * rate);
            let of_user = Random::of(&[1, user as u64]).unit() * 2.0 - 1.0;
            person.rate = (rate + spread * of_user) as f32;
        }
        people
    }

    /// When a user comes and goes.
    fn person(&self, user: u64) -> Person {
        let days = f64::from(self.days);
        let from = join(user, self.users, self.settled);
        let to = from + stay(user, self.settled);
        let last_day = self.days.saturating_sub(1);
        let joined = ((from * days) as u32).min(last_day);
        Person { joined, last: ((to * days).min(days) as u32).clamp(joined, last_day), rate: 0.0 }
    }

    /// Of the last days, those of each chunk since its first user came, over all chunks.
    pub fn chunk_days(&self, last: u32) -> u64 {
        let firsts = (0..self.users).step_by(CHUNK_USERS).map(|user| self.person(user).joined);
        firsts.map(|first| u64::from((self.days - first).min(last))).sum()
    }

    /// The share of all active days that is expected in the last days.
    pub fn share(&self, last: u32) -> f64 {
        let few = People { users: self.users.min(CENSUS), ..self.clone() }.all();
        let active = |from: u32| -> f64 { few.iter().map(|person| person.active_from(from)).sum() };
        active(self.days.saturating_sub(last)) / active(0)
    }
}

impl Person {
    /// Active days that are expected from a day on.
    fn active_from(&self, from: u32) -> f64 {
        let later = (self.last + 1).saturating_sub(from.max(self.joined + 1));
        f64::from(u32::from(self.joined >= from)) + f64::from(later) * f64::from(self.rate)
    }
}

/// When a user joins, as a share of the history: users join in order.
fn join(user: u64, users: u64, settled: f64) -> f64 {
    // Twice as many join at the end as at the start.
    const GROWTH: f64 = 0.6;
    let place = (user as f64 + 0.5) / users as f64;
    let later = ((place - THERE) / (1.0 - THERE)).max(0.0);
    let when = ((1.0 + 4.0 * GROWTH * (1.0 + GROWTH) * later).sqrt() - 1.0) / (2.0 * GROWTH);
    when * (1.0 - settled.powi(3))
}

/// How long a user stays, as a share of the history.
fn stay(user: u64, settled: f64) -> f64 {
    let mut random = Random::of(&[2, user]);
    let mut kind = random.unit();
    let found = KINDS.into_iter().find(|(share, _)| {
        kind -= share;
        kind < 0.0
    });
    let (_, mean) = found.unwrap_or(KINDS[0]);
    random.exponential(mean) / (1.0 - settled).powi(4)
}

/// How settled people are where this share of them is active on a mean day: the fewer of those who
/// stayed are active, the fewer have stayed.
fn settled(daily_active: f64) -> f64 {
    let staying = |settled: f64| {
        let of = |user| {
            let joined = join(user, CENSUS, settled);
            (joined + stay(user, settled)).min(1.0) - joined
        };
        (0..CENSUS).map(of).sum::<f64>() / CENSUS as f64
    };
    let wanted = daily_active.sqrt();
    let (mut low, mut high) = (0.0, 1.0);
    if staying(low) >= wanted {
        return low;
    }
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        if staying(middle) < wanted { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::super::workload::tests::workload;
    use super::*;

    fn active_days(people: &[Person]) -> f64 {
        people.iter().map(|person| person.active_from(0)).sum()
    }

    #[test]
    fn as_many_are_active_as_the_workload_says() {
        for (share, days) in [(0.2, 60), (0.0486, 250), (0.005, 1_000), (0.9, 30), (1.0, 10)] {
            let people = People::new(&workload(20_000, share, 3.0, days), 20_000, days).all();
            let mean = active_days(&people) / 20_000.0 / f64::from(days);
            assert!((mean / share - 1.0).abs() < 0.03, "{share} over {days} days: {mean}");
            assert!(people.iter().all(|p| p.last < days && (0.0..=1.0).contains(&p.rate)));
            assert!(people.is_sorted_by_key(|p| p.joined), "users join in order");
        }
    }

    #[test]
    fn a_shorter_history_is_as_full_on_its_last_day() {
        let crowd = |days: u32| {
            let people = People::new(&workload(50_000, 0.05, 3.0, days), 50_000, days).all();
            let last = people.iter().filter(|p| p.joined < days - 1 && p.last == days - 1);
            last.map(|p| f64::from(p.rate)).sum::<f64>()
        };
        let ratio = crowd(200) / crowd(1_000);
        assert!((0.8..1.25).contains(&ratio), "{ratio}");
    }

    #[test]
    fn chunks_begin_as_their_users_join() {
        let few = workload(65_536, 0.2, 3.0, 100);
        assert_eq!(People::new(&few, 65_536, 100).chunk_days(365), 100);
        let many = People::new(&few, 65_536 * 10, 100).chunk_days(100);
        assert!((400..900).contains(&many), "{many}");
        // Where everybody is there every day, every chunk is.
        let all = workload(65_537, 1.0, 3.0, 100);
        assert_eq!(People::new(&all, 65_537, 100).chunk_days(100), 200);
        assert_eq!(People::new(&all, 65_537, 100).chunk_days(28), 56);
    }

    #[test]
    fn the_last_days_have_their_share() {
        let all = People::new(&workload(100_000, 1.0, 3.0, 100), 100_000, 100);
        assert!((all.share(28) - 0.28).abs() < 1e-6);
        assert!((all.share(100) - 1.0).abs() < 1e-9 && (all.share(365) - 1.0).abs() < 1e-9);
        // Where people join over time, later days are fuller.
        let growing = People::new(&workload(100_000, 0.05, 3.0, 400), 100_000, 400).share(40);
        assert!((0.11..0.2).contains(&growing), "{growing}");
    }

    #[test]
    fn one_user_on_one_day_is_a_workload() {
        let people = People::new(&workload(1, 1.0, 1.0, 1), 1, 1).all();
        assert_eq!((people.len(), people[0].joined, people[0].last), (1, 0, 0));
    }
}

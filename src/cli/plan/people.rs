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
const CHUNK: u64 = CHUNK_USERS as u64;
/// A container of more than half as many users is a bitmap of all of its chunk.
const BITMAP_BYTES: f64 = CHUNK as f64 / 8.0;

/// For whom a sample of fewer users stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowd {
    /// Every sample is a whole crowd of its own: some were there at first, some join at last.
    Whole,
    /// A sample is some of the workload's own chunks of users, far apart, who joined when they did.
    Chunks,
}

/// The users of a workload at some size, in the order in which they join.
#[derive(Debug, Clone)]
pub struct People {
    users: u64,
    days: u32,
    /// Users of the workload that this is a sample of.
    of: u64,
    crowd: Crowd,
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

/// Sets of a chunk's active users of a day, as they are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Containers {
    pub count: f64,
    pub bytes: f64,
}

impl People {
    pub fn new(workload: &Workload, users: u64, days: u32) -> People {
        let Workload { users: of, crowd, daily_active, .. } = *workload;
        // All chunks are the whole crowd.
        let crowd = if users < of { crowd } else { Crowd::Whole };
        People { users, days, of, crowd, settled: settled(daily_active), daily_active }
    }

    /// Each user's days: as many active ones in all as the workload has.
    pub fn all(&self) -> Vec<Person> {
        let mut people: Vec<Person> = (0..self.users).map(|user| self.person(user)).collect();
        let rate = match self.crowd {
            Crowd::Whole => self.rate(&people),
            Crowd::Chunks => self.chance(),
        };
        for (user, person) in people.iter_mut().enumerate() {
            let spread = (1.0 - rate).min(0.6 * rate);
            let of_user = Random::of(&[1, user as u64]).unit() * 2.0 - 1.0;
            person.rate = (rate + spread * of_user) as f32;
        }
        people
    }

    /// The chance of a day that makes a whole crowd as active as it should be.
    fn rate(&self, people: &[Person]) -> f64 {
        let later: f64 = people.iter().map(|p| f64::from(p.last - p.joined)).sum();
        let users = people.len() as f64;
        let wanted = self.daily_active * users * f64::from(self.days);
        ((wanted - users) / later.max(1.0)).clamp(0.0, 1.0)
    }

    /// The same without a look at everybody.
    fn chance(&self) -> f64 {
        let all = if self.crowd == Crowd::Chunks { self.of } else { self.users };
        let few = People { users: all.min(CHUNK), crowd: Crowd::Whole, ..self.clone() };
        self.rate(&(0..few.users).map(|user| few.person(user)).collect::<Vec<_>>())
    }

    /// When a user comes and goes.
    fn person(&self, user: u64) -> Person {
        let days = f64::from(self.days);
        let from = join(self.place(user), self.settled);
        let to = from + stay(user, self.settled);
        let last_day = self.days.saturating_sub(1);
        let joined = ((from * days) as u32).min(last_day);
        Person { joined, last: ((to * days).min(days) as u32).clamp(joined, last_day), rate: 0.0 }
    }

    /// How many of the crowd joined before a user, as a share of it.
    fn place(&self, user: u64) -> f64 {
        if self.crowd == Crowd::Whole {
            return (user as f64 + 0.5) / self.users as f64;
        }
        let there = self.of as f64 / CHUNK as f64;
        let here = self.users.div_ceil(CHUNK) as f64;
        let chunk =
            (((user / CHUNK) as f64 + 0.5) * there / here).min(there - 1.0).max(0.0).floor();
        // Fewer than a chunk stand for a chunk.
        let apart = self.of.min(CHUNK) as f64 / self.users.min(CHUNK) as f64;
        let within = (user % CHUNK) as f64 * apart;
        ((chunk * CHUNK as f64 + within + 0.5) / self.of as f64).min(1.0)
    }

    /// The containers of the last days, as they are to be expected.
    pub fn containers(&self, last: u32) -> Containers {
        const LOOKED_AT: u64 = 64;
        let chunks = self.users.div_ceil(CHUNK);
        let (looked_at, chance) = (chunks.min(LOOKED_AT), self.chance());
        let mut found = Containers::default();
        for place in 0..looked_at {
            let chunk = (place * 2 + 1) * chunks / (looked_at * 2);
            for active in self.active(chunk, chance).iter().rev().take(last as usize) {
                // A day without users has no container.
                found.count += 1.0 - (-active).exp();
                found.bytes += (2.0 * active).min(BITMAP_BYTES);
            }
        }
        let share = chunks as f64 / looked_at.max(1) as f64;
        Containers { count: found.count * share, bytes: found.bytes * share }
    }

    /// How many of a chunk are active on each day.
    fn active(&self, chunk: u64, chance: f64) -> Vec<f64> {
        const LOOKED_AT: u64 = 1_024;
        let users = (self.users - chunk * CHUNK).min(CHUNK);
        let looked_at = users.min(LOOKED_AT);
        let each = users as f64 / looked_at as f64;
        let mut news = vec![0.0; self.days as usize];
        let mut changes = vec![0.0; self.days as usize + 1];
        for place in 0..looked_at {
            let person = self.person(chunk * CHUNK + place * users / looked_at);
            news[person.joined as usize] += each;
            changes[person.joined as usize + 1] += each;
            changes[person.last as usize + 1] -= each;
        }
        let mut staying = 0.0;
        let on = |(new, change): (f64, f64)| {
            staying += change;
            new + chance * staying
        };
        news.into_iter().zip(changes).map(on).collect()
    }

    /// The share of all active days that is expected in the last days.
    pub fn share(&self, last: u32) -> f64 {
        let users = self.users.min(CENSUS);
        let few = People { users, crowd: Crowd::Whole, ..self.clone() }.all();
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

/// When a user joins, as a share of the history, by the share of those who joined before.
fn join(place: f64, settled: f64) -> f64 {
    // Twice as many join at the end as at the start.
    const GROWTH: f64 = 0.6;
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
            let joined = join((user as f64 + 0.5) / CENSUS as f64, settled);
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
    fn containers_are_counted_as_they_fill() {
        // Everybody is there every day: 100 days of two chunks, full ones and one of a user.
        let all = People::new(&workload(65_537, 1.0, 3.0, 100), 65_537, 100);
        let Containers { count, bytes } = all.containers(365);
        assert!((199.0 - 100.0 * (-1.0_f64).exp()..=200.0).contains(&count), "{count}");
        assert!((bytes / (100.0 * 8_194.0) - 1.0).abs() < 1e-9, "{bytes}");
        assert!((all.containers(28).bytes / (28.0 * 8_194.0) - 1.0).abs() < 1e-9);
        // Chunks begin as their users join.
        let few = workload(65_536 * 10, 0.2, 3.0, 100);
        let many = People::new(&few, few.users, 100).containers(100).count;
        assert!((400.0..950.0).contains(&many), "{many}");
    }

    #[test]
    fn few_users_of_a_day_take_two_bytes_each() {
        let people = People::new(&workload(20_000, 0.1, 3.0, 200), 20_000, 200);
        let Containers { count, bytes } = people.containers(200);
        assert!((count - 200.0).abs() < 1e-3, "{count}");
        assert!((bytes / (2.0 * 20_000.0 * 0.1 * 200.0) - 1.0).abs() < 0.1, "{bytes}");
    }

    #[test]
    fn chunks_of_a_crowd_stand_for_it() {
        let workload = workload(5_000_000, 0.05, 3.0, 300).thinned();
        let of = |users| People::new(&workload, users, 300).containers(300);
        let (whole, some) = (of(5_000_000), of(8 * CHUNK));
        let chunks = 5e6 / (8 * CHUNK) as f64;
        for (whole, some) in [(whole.count, some.count), (whole.bytes, some.bytes)] {
            assert!((some * chunks / whole - 1.0).abs() < 0.1, "{some} of {whole}");
        }
        // Those of a chunk join soon after each other, and are as active as the crowd's.
        let people = People::new(&workload, 2 * CHUNK, 300).all();
        assert!(people.is_sorted_by_key(|p| p.joined), "users join in order");
        let (first, last) = (people[0].joined, people[CHUNK as usize - 1].joined);
        assert!(first > 10 && last - first < 10, "{first} to {last}");
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

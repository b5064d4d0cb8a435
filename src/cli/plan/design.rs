//! Which samples to make: sizes that live where the whole lives, within a budget.
//!
//! Costs hang on how full a chunk of 65,536 users is on a day, so samples have fewer users but the
//! same share of them active, in whole chunks where the budget allows. What is told of events is
//! sampled over some weeks. What is told of who was there grows with the history in ways of its own
//! (a cohort comes back for as long as there are days), so those samples are as long as the workload
//! if the budget allows, and have fewer users instead.
//!
//! Samples are a ladder: each is larger than the one before, users and days vary apart from each
//! other, and the last one is forecast from the others before it is measured.

use super::people::Crowd;
use super::workload::Workload;
use daybit::limits::CHUNK_USERS;

/// The largest sample, however large the budget.
const EVENTS_MAX: f64 = 32e6;
/// Active days of a user without which nearly all days would be first days.
const ACTIVE_DAYS: f64 = 6.0;
/// The same of the smaller samples.
const ACTIVE_DAYS_MIN: f64 = 3.0;
/// Days whose half fills the window of reports about recent days.
const DAYS_WANTED: u32 = 56;
/// Chunks of the largest sample: one for each core of a usual machine.
const CHUNKS_MAX: u64 = 16;
const CHUNK: u64 = CHUNK_USERS as u64;

/// A part of a workload: so many of its users over so many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub users: u64,
    pub days: u32,
}

/// Samples, smallest first, that have about so many events together.
pub fn ladder(workload: &Workload, events: f64) -> Vec<Sample> {
    // The others have about as many as the largest.
    let top = largest(workload, (events / 2.0).min(EVENTS_MAX));
    let least = workload.days_min(ACTIVE_DAYS_MIN);
    let mut ladder: Vec<Sample> = below(workload, top)
        .into_iter()
        .map(|(users, days)| Sample { users: whole_chunks(users), days: days.max(least) })
        .filter(|sample| sample.users > 0 && sample.size() < top.size())
        .chain([top])
        .collect();
    ladder.sort_by_key(|sample| (sample.size(), sample.days));
    ladder.dedup();
    ladder
}

/// Users and days of the samples below the largest: an eighth to a half of it.
fn below(workload: &Workload, top: Sample) -> Vec<(u64, u32)> {
    let Sample { users, days } = top;
    if users < 8 {
        return vec![(users, days / 4), (users, days / 2)];
    }
    let few = CHUNK..4 * CHUNK;
    if workload.crowd == Crowd::Chunks
        && users < workload.users
        && few.contains(&users)
        && days >= 2 * DAYS_WANTED
    {
        return few_chunks(workload, top);
    }
    match days == workload.days {
        // Nothing is extrapolated by days.
        true if users >= 4 * CHUNK => vec![(users / 4, days), (users / 2, days)],
        true if users > CHUNK => vec![(CHUNK, days / 2), (2 * CHUNK, days / 2), (2 * CHUNK, days)],
        true => vec![(users / 8, days), (users / 4, days), (users / 2, days)],
        false => vec![(users / 4, days), (users / 2, days / 2), (users / 2, days)],
    }
}

/// Where few chunks are all that can be made for the whole history, more chunks for less of it tell
/// what hangs on chunks.
fn few_chunks(workload: &Workload, top: Sample) -> Vec<(u64, u32)> {
    let quarter = (top.size() / 4 / u128::from(CHUNK)) as u32;
    let days = |days: u32| days.max(DAYS_WANTED).min(workload.days);
    let most = (workload.users / CHUNK).clamp(1, 4);
    let (wide, two) = (most * CHUNK, most.min(2) * CHUNK);
    vec![(wide, days(quarter / 4)), (CHUNK, days(quarter)), (two, days(quarter))]
}

impl Sample {
    /// Days of users.
    pub fn size(&self) -> u128 {
        u128::from(self.users) * u128::from(self.days)
    }
}

/// The most users, in whole chunks if possible, for whom the events last for enough days.
pub fn largest(workload: &Workload, events: f64) -> Sample {
    let user_days = events / workload.daily_active / workload.events_per_active_day;
    let enough = workload.days_min(ACTIVE_DAYS).max(DAYS_WANTED.min(workload.days));
    let wanted = if workload.crowd == Crowd::Chunks { workload.days } else { enough };
    let cap = workload.users.min(CHUNKS_MAX * CHUNK);
    let over = |days: u32| match (user_days / f64::from(days)) as u64 {
        users if users >= cap => cap,
        users => whole_chunks(users.max(1)),
    };
    let days = |users: u64| user_days / users as f64;
    let mut users = over(wanted);
    // A chunk over fewer days rather than a part of one.
    if users < CHUNK.min(workload.users) {
        users = users.max(over(enough).min(CHUNK));
    }
    // Somebody on the days that it takes for them to come, however small the budget.
    let least = f64::from(workload.days_min(ACTIVE_DAYS_MIN).max(2).min(workload.days));
    Sample { users, days: days(users).min(f64::from(workload.days)).max(least) as u32 }
}

/// Whole chunks of users, where there are some.
fn whole_chunks(users: u64) -> u64 {
    if users > CHUNK { users / CHUNK * CHUNK } else { users }
}

#[cfg(test)]
mod tests {
    use super::super::workload::tests::workload;
    use super::*;

    fn pairs(ladder: &[Sample]) -> Vec<(u64, u32)> {
        ladder.iter().map(|sample| (sample.users, sample.days)).collect()
    }

    #[test]
    fn a_large_workload_is_sampled_in_whole_chunks_over_weeks() {
        let found = pairs(&ladder(&workload(5_000_000, 0.2, 4.0, 1_095), 24e6));
        let (one, two, four) = (CHUNK, 2 * CHUNK, 4 * CHUNK);
        assert_eq!(found, [(two, 28), (one, 57), (two, 57), (four, 57)]);
    }

    #[test]
    fn who_was_there_is_sampled_over_the_whole_history() {
        let thin = workload(5_000_000, 0.02, 4.0, 1_095).thinned();
        let all = ladder(&thin, 30e6);
        assert!(all.iter().all(|sample| sample.days == 1_095), "{all:?}");
        assert_eq!(all.last().map(|top| top.users / CHUNK), Some(8));
        // Where a chunk is too much for that, it is still a whole one.
        let all = pairs(&ladder(&workload(5_000_000, 0.2, 4.0, 1_095).thinned(), 8e6));
        assert_eq!(all, [(CHUNK, 63), (2 * CHUNK, 63), (4 * CHUNK, 56), (CHUNK, 254)]);
        let all = pairs(&ladder(&workload(5_000_000, 0.2, 4.0, 1_095).thinned(), 50e6));
        assert_eq!(all, [(4 * CHUNK, 68), (CHUNK, 273), (2 * CHUNK, 273), (CHUNK, 1_095)]);
    }

    #[test]
    fn a_workload_that_the_budget_holds_is_the_last_sample() {
        let found = pairs(&ladder(&workload(2_000, 0.2, 4.0, 100), 20e6));
        assert_eq!(found, [(250, 100), (500, 100), (1_000, 100), (2_000, 100)]);
        let found = pairs(&ladder(&workload(200_000, 0.2, 4.0, 365).thinned(), 50e6));
        let (one, two) = (CHUNK, 2 * CHUNK);
        assert_eq!(found, [(one, 182), (two, 182), (two, 365), (200_000, 365)]);
        let found = pairs(&ladder(&workload(2, 0.5, 4.0, 400), 20e6));
        assert_eq!(found, [(2, 100), (2, 200), (2, 400)]);
    }

    #[test]
    fn no_budget_is_too_small_and_no_workload_too_odd() {
        for (users, share, events, days) in [
            (1, 1.0, 1.0, 1),
            (2, 1.0, 1.0, 2),
            (4_294_967_294, 1.0, 10_000.0, 73_000),
            (20_000_000, 0.005, 2.0, 365),
            (1_000, 0.01, 1.0, 100),
            (100_000, 0.5, 3.0, 1),
        ] {
            let workload = workload(users, share, events, days);
            for (budget, workload) in [1.0, 1e3, 1e6, 1e9]
                .into_iter()
                .flat_map(|budget| [(budget, workload.clone()), (budget, workload.thinned())])
            {
                let all = ladder(&workload, budget);
                assert!(all.is_sorted_by_key(Sample::size), "{all:?}");
                for sample in &all {
                    assert!(sample.users >= 1 && sample.users <= users, "{sample:?}");
                    assert!(sample.days >= 1 && sample.days <= days, "{sample:?}");
                }
            }
        }
    }

    #[test]
    fn users_come_more_than_once_even_in_the_smallest_sample() {
        let rare = workload(20_000_000, 0.005, 2.0, 3_650);
        for sample in ladder(&rare, 4e6) {
            assert!(f64::from(sample.days) * rare.daily_active >= 2.9, "{sample:?}");
        }
    }
}

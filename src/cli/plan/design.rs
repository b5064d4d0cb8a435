//! Which samples to make: sizes that live where the whole lives, within a budget.
//!
//! Costs hang on how full a chunk of 65,536 users is on a day, so samples have fewer users and fewer
//! days but the same share of users active, in whole chunks where the budget allows. Users and days
//! vary apart from each other, so that the fit can tell what hangs on which. The last sample is the
//! largest: it is forecast from the others before it is measured.

use super::workload::Workload;
use daybit::limits::CHUNK_USERS;

/// The largest sample, however large the budget.
const EVENTS_MAX: f64 = 24e6;
/// Active days of a user without which nearly all days would be first days.
const ACTIVE_DAYS: f64 = 6.0;
/// The same of the smaller samples.
const ACTIVE_DAYS_MIN: f64 = 3.0;
/// Days that fill the window of reports about recent days, and weeks and months.
const DAYS_WANTED: u32 = 36;
/// Chunks of the largest sample: one for each core of a usual machine.
const CHUNKS_MAX: u64 = 16;

/// A part of a workload: so many of its users over so many days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub users: u64,
    pub days: u32,
}

/// Samples to fit, smallest first, and the one held out, which is larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    pub fits: Vec<Sample>,
    pub held_out: Sample,
}

impl Design {
    /// The samples whose largest has about so many events.
    pub fn of(workload: &Workload, events: f64) -> Design {
        let events = events.min(EVENTS_MAX);
        let held_out = largest(workload, events);
        let Sample { users, days } = held_out;
        let fewer_days = |by: u32| (days / by).max(workload.days_min(ACTIVE_DAYS_MIN)).min(days);
        let mut fits = if users > CHUNK_USERS as u64 {
            let (quarter, half) = (whole_chunks(users / 4), whole_chunks(users / 2));
            vec![(quarter, fewer_days(4)), (quarter, days), (half, fewer_days(2))]
        } else if fewer_days(2) < days {
            // A chunk is as dear to look at with half of its users.
            vec![(users, fewer_days(8)), (users, fewer_days(4)), (users, fewer_days(2))]
        } else {
            vec![(users / 4, days), (users / 2, days)]
        };
        fits.retain(|&(of, over)| of > 0 && u128::from(of) * u128::from(over) < held_out.size());
        fits.sort_by_key(|(users, days)| users * u64::from(*days));
        fits.dedup();
        let fits = fits.into_iter().map(|(users, days)| Sample { users, days }).collect();
        Design { fits, held_out }
    }

    /// How much all samples hold together, as a multiple of the largest.
    pub fn together(&self) -> f64 {
        let later: u128 = self.fits.iter().map(Sample::size).sum();
        1.0 + later as f64 / self.held_out.size() as f64
    }
}

impl Sample {
    /// More days of users.
    pub fn is_more_than(&self, other: &Sample) -> bool {
        self.size() > other.size()
    }

    fn size(&self) -> u128 {
        u128::from(self.users) * u128::from(self.days)
    }
}

/// The most users, in whole chunks if possible, for whom the events last for enough days.
fn largest(workload: &Workload, events: f64) -> Sample {
    let per_user_day = workload.daily_active * workload.events_per_active_day;
    let wanted = workload.days_min(ACTIVE_DAYS).max(DAYS_WANTED.min(workload.days));
    let days = |users: u64| events / per_user_day / users as f64;
    let mut users = workload.users.min(CHUNKS_MAX * CHUNK_USERS as u64);
    while users > 1 && days(users) < f64::from(wanted) {
        users = (users / 2).max(1);
        if users > CHUNK_USERS as u64 {
            users = whole_chunks(users);
        }
    }
    // Somebody on the days that it takes for them to come, however small the budget.
    let least = f64::from(workload.days_min(ACTIVE_DAYS_MIN).max(2).min(workload.days));
    Sample { users, days: days(users).min(f64::from(workload.days)).max(least) as u32 }
}

fn whole_chunks(users: u64) -> u64 {
    let chunk = CHUNK_USERS as u64;
    (users / chunk).max(1) * chunk
}

#[cfg(test)]
mod tests {
    use super::super::workload::tests::workload;
    use super::*;

    const CHUNK: u64 = CHUNK_USERS as u64;

    #[test]
    fn a_large_workload_is_sampled_in_whole_chunks() {
        let design = Design::of(&workload(5_000_000, 0.2, 4.0, 1_095), 20e6);
        assert_eq!(design.held_out, Sample { users: 8 * CHUNK, days: 47 });
        let mut users: Vec<u64> = design.fits.iter().map(|fit| fit.users).collect();
        users.sort_unstable();
        assert_eq!(users, [2 * CHUNK, 2 * CHUNK, 4 * CHUNK]);
        assert!(design.fits.iter().all(|fit| fit.size() < design.held_out.size()));
        assert!(design.together() < 2.0);
    }

    #[test]
    fn a_small_one_is_sampled_by_days() {
        let design = Design::of(&workload(2_000, 0.2, 4.0, 3_650), 1e6);
        assert!(design.fits.iter().all(|fit| fit.users == 2_000));
        assert_eq!(design.held_out.users, 2_000);
        assert_eq!(design.fits.len(), 3);
    }

    #[test]
    fn what_fits_the_budget_is_measured_whole() {
        let design = Design::of(&workload(2_000, 0.2, 4.0, 100), 20e6);
        assert_eq!(design.held_out, Sample { users: 2_000, days: 100 });
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
            for budget in [1.0, 1e3, 1e6, 1e9] {
                let design = Design::of(&workload(users, share, events, days), budget);
                let held_out = design.held_out;
                assert!(held_out.users >= 1 && held_out.users <= users, "{held_out:?}");
                assert!(held_out.days >= 1 && held_out.days <= days, "{held_out:?}");
                for fit in &design.fits {
                    assert!(fit.users >= 1 && fit.days >= 1 && fit.size() < held_out.size());
                }
            }
        }
    }

    #[test]
    fn users_come_more_than_once_even_in_the_smallest_sample() {
        let rare = workload(20_000_000, 0.005, 2.0, 3_650);
        for fit in Design::of(&rare, 4e6).fits {
            assert!(f64::from(fit.days) * rare.daily_active >= 2.9, "{fit:?}");
        }
    }
}

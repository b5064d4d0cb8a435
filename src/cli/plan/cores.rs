//! How many cores pay: what all threads gained over one, and where more would gain too little.

use super::measure::{Gains, Measured};
use super::step::Asked;
use super::workload::Size;

/// A doubling of cores that gains less than this does not pay.
const GAIN_MIN: f64 = 1.25;
/// So many times the threads of this machine, and nothing is said of more.
pub const BEYOND: u32 = 4;

/// What threads gain on one kind of work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    pub threads: usize,
    /// So much faster than one thread.
    pub faster: f64,
    /// Cores that pay: the fewest and the most that the measurement allows.
    pub pay: (u32, u32),
}

/// Gains of imports and of reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cores {
    pub import: Gain,
    pub reports: Gain,
    /// More threads than parts have nothing to do in a report.
    pub shares: f64,
}

impl Cores {
    /// From samples measured on one thread and on all, the first of them with all events; `None`
    /// where that was not done.
    pub fn of(samples: &[&Measured], threads: usize, target: &Size) -> Option<Cores> {
        let gains: Vec<&Gains> = samples.iter().filter_map(|m| m.gains.as_ref()).collect();
        let import = gains.first()?.import.seconds / samples.first()?.import.seconds;
        let warm = |asked: &[Asked]| asked.iter().map(|asked| asked.warm.wall).sum::<f64>();
        let alone: f64 = samples.iter().map(|sample| warm(&sample.asked)).sum();
        let reports = alone / gains.iter().map(|gains| warm(&gains.asked)).sum::<f64>();
        let limit = (target.shares() as u32).max(1);
        Some(Cores {
            import: Gain::of(threads, import, u32::MAX),
            reports: Gain::of(threads, reports, limit),
            shares: target.shares(),
        })
    }
}

impl Gain {
    fn of(threads: usize, faster: f64, limit: u32) -> Gain {
        let faster = faster.clamp(1.0, threads as f64);
        let limit = limit.min(u32::try_from(threads).unwrap_or(u32::MAX).saturating_mul(BEYOND));
        // Times on a busy machine are not better known than this.
        let pay = |times: f64| pays(serial(threads, (faster * times).min(threads as f64)), limit);
        Gain { threads, faster, pay: (pay(0.95), pay(1.05)) }
    }
}

/// The share of the work that threads do not divide, by Amdahl's law.
fn serial(threads: usize, faster: f64) -> f64 {
    let threads = threads as f64;
    ((threads / faster.max(1.0) - 1.0) / (threads - 1.0)).clamp(0.0, 1.0)
}

/// Doubles cores for as long as that gains enough.
fn pays(serial: f64, limit: u32) -> u32 {
    let faster = |cores: u32| 1.0 / (serial + (1.0 - serial) / f64::from(cores));
    let mut cores = 1;
    while cores * 2 <= limit && faster(cores * 2) / faster(cores) >= GAIN_MIN {
        cores *= 2;
    }
    cores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_divides_pays_up_to_its_limit() {
        assert_eq!(Gain::of(2, 2.0, 77).pay, (8, 8));
        assert_eq!(Gain::of(16, 16.0, 77).pay, (64, 64));
        assert_eq!(Gain::of(16, 16.0, 1).pay, (1, 1));
        assert_eq!(pays(0.0, 77), 64);
        assert_eq!(pays(0.1, 77), 16);
    }

    #[test]
    fn work_that_does_not_divide_pays_one_core() {
        assert_eq!(Gain::of(2, 1.0, 77).pay, (1, 1));
        assert_eq!(Gain::of(8, 0.5, 77).pay, (1, 1));
        assert_eq!(pays(1.0, 64), 1);
    }

    #[test]
    fn amdahl_s_law_is_turned_around() {
        for share in [0.0, 0.05, 0.5, 1.0] {
            for threads in [2_usize, 16] {
                let faster = 1.0 / (share + (1.0 - share) / threads as f64);
                assert!((serial(threads, faster) - share).abs() < 1e-9);
            }
        }
    }
}

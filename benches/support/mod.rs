//! What several benches share: a shop's events, the standard questions, and small helpers.
//!
//! Each bench is a crate of its own and uses some of it.

#![allow(dead_code)]

pub mod feed;
#[cfg(feature = "parquet")]
pub mod files;
pub mod page;
pub mod picture;
pub mod questions;
pub mod shop;

use std::path::Path;
use std::time::{Duration, Instant};

/// What follows a flag on the command line.
pub fn argument(flag: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != flag).nth(1)
}

/// The number that follows a flag, or another one.
pub fn number(flag: &str, or: u64) -> u64 {
    argument(flag).map_or(or, |text| text.parse().unwrap())
}

/// How long it took.
pub fn timed(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

pub fn milliseconds(run: impl FnOnce()) -> f64 {
    timed(run).as_secs_f64() * 1e3
}

/// The time that so many of a hundred are not above.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * percent).div_ceil(100).saturating_sub(1)]
}

/// Bytes of all files in a folder.
pub fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        data if data.is_dir() => bytes_in(&entry.path()),
        data => data.len(),
    };
    entries.map(bytes).sum()
}

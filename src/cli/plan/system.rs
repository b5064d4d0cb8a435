//! What the operating system says of this process. Linux tells; elsewhere the figures are missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Seconds of processor time so far, of all threads.
pub fn cpu_seconds() -> Option<f64> {
    // Linux counts in hundredths for all programs, whatever the kernel's own clock.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Seconds of processor time so far of the threads that run now, to the nanosecond for those that
/// rest.
pub fn threads_seconds() -> Option<f64> {
    let mut nanoseconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        // A thread may end between the listing and the reading.
        let Ok(told) = std::fs::read_to_string(task.ok()?.path().join("schedstat")) else {
            continue;
        };
        nanoseconds +=
            told.split_whitespace().next().map_or(Some(0.0), |time| time.parse().ok())?;
    }
    Some(nanoseconds / 1e9)
}

/// The most memory that was ever resident, mapped files included.
pub fn peak_bytes() -> Option<f64> {
    status("VmHWM:")
}

/// The memory of this process's own that is resident: what no file gives back.
pub fn own_bytes() -> Option<f64> {
    status("RssAnon:")
}

/// How many programs wanted a processor in the last minute, in the mean.
pub fn load() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/loadavg").ok()?;
    told.split_whitespace().next()?.parse().ok()
}

fn status(name: &str) -> Option<f64> {
    kibibytes(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

fn kibibytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let number: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1_024.0)
}

/// Looks at the process's own memory again and again.
pub struct PeakWatch {
    peak: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl PeakWatch {
    pub fn start() -> PeakWatch {
        let (peak, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (highest, stop) = (peak.clone(), ended.clone());
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                highest.fetch_max(own_bytes().unwrap_or(0.0) as u64, Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        PeakWatch { peak, ended, thread }
    }

    /// The most that was seen.
    pub fn peak(self) -> Option<f64> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().ok()?;
        let peak = self.peak.load(Ordering::Relaxed) as f64;
        own_bytes().map(|now| now.max(peak))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn memory_is_read_from_the_status() {
        let status = "Name:\tdaybit\nVmHWM:\t  1000 kB\nRssAnon:\t 10 kB\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(1_024_000.0));
        assert_eq!(kibibytes(status, "RssFile:"), None);
        assert_eq!(kibibytes("VmHWM:\tmuch\n", "VmHWM:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_watch_sees_what_is_gone_when_it_ends() {
        let watch = PeakWatch::start();
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        std::thread::sleep(Duration::from_millis(50));
        drop(held);
        assert!(watch.peak().unwrap() > f64::from(64 << 20));
        assert!(cpu_seconds().is_some() && threads_seconds().unwrap() > 0.0);
        assert!(peak_bytes().unwrap() > f64::from(64 << 20));
    }
}

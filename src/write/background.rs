//! The thread that flushes, syncs and compacts in time.

use super::Core;
use super::compact::Extent;
use super::settings::Durability;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// The longest sleep: so soon is a change of plans noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);
const SLEEP_MIN: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    bell: Condvar,
}

/// The thread; dropping it stops it and waits for its end.
#[derive(Debug)]
pub(crate) struct Background {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the thread; `None` where the system has none to give: then writes flush when the
    /// memtable is full.
    pub(crate) fn start(core: Arc<Core>) -> Option<Background> {
        let stop = Arc::new(Stop::default());
        let asked = stop.clone();
        let thread = Builder::new().name("daybit".into()).spawn(move || run(&core, &asked)).ok()?;
        Some(Background { stop, thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        *self.stop.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.bell.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has stopped the writer; the next write is told.
            let _ = thread.join();
        }
    }
}

fn run(core: &Core, stop: &Stop) {
    let interval = match core.options.durability {
        Durability::Interval(ms) => Some(Duration::from_millis(ms)),
        Durability::Sync | Durability::Os => None,
    };
    let sleep = interval.into_iter().chain(core.options.flush_every).fold(SLEEP_MAX, Duration::min);
    let mut synced = Instant::now();
    // The publication in which nothing was left to compact.
    let mut tidied = None;
    while !asked_within(stop, sleep.max(SLEEP_MIN)) {
        if interval.is_some_and(|interval| synced.elapsed() >= interval) {
            synced = Instant::now();
            // What fails here stops the writer, as the next write is told.
            let _ = core.sync();
        }
        // What stays is tried again.
        let _ = core.sweep_after_readers();
        let flushed = core.flush_if_due();
        let published = core.view.get().published.manifest.number;
        if flushed.is_ok() && tidied != Some(published) {
            let compacted = core.compact(Extent::Due);
            tidied = (!matches!(compacted, Ok(true))).then_some(published);
        }
    }
}

/// Waits; true once the thread is asked to stop.
fn asked_within(stop: &Stop, wait: Duration) -> bool {
    let asked = stop.asked.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = stop.bell.wait_timeout_while(asked, wait, |asked| !*asked);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

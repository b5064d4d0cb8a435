//! The desk where queries are answered: so many at once, each within its time and memory, and none
//! for a caller who has gone.

use super::limits::{Limits, WAITING_MAX};
use super::problem::Problem;
use axum::http::StatusCode;
use cap::Cap;
use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

/// Counts what the process holds.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

const GOES_ON: u8 = 0;
const GONE: u8 = 1;
const TOO_LONG: u8 = 2;
const TOO_MUCH: u8 = 3;

/// Bytes that the process holds.
pub fn memory_bytes() -> usize {
    MEMORY.allocated()
}

/// Where queries wait for their turn and are answered.
#[derive(Debug)]
pub struct Desk {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    query_time: Duration,
    query_bytes: usize,
}

/// Stops the work on a query that nobody waits for, or that takes too much.
#[derive(Debug)]
pub struct Watch {
    gone: Arc<AtomicBool>,
    until: Instant,
    bytes_max: usize,
    stopped: AtomicU8,
}

/// Tells the work that its caller has gone, when the request is dropped.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    /// May the work go on?
    pub fn goes_on(&self) -> bool {
        let why = if self.gone.load(Ordering::Relaxed) {
            GONE
        } else if Instant::now() > self.until {
            TOO_LONG
        } else if memory_bytes() > self.bytes_max {
            TOO_MUCH
        } else {
            return true;
        };
        self.stopped.store(why, Ordering::Relaxed);
        false
    }

    /// The same, for work that ends with a problem anyway; the desk says which.
    pub fn check(&self) -> Result<(), Problem> {
        let stopped =
            || Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "cancelled", "the work was stopped");
        if self.goes_on() { Ok(()) } else { Err(stopped()) }
    }
}

impl Desk {
    /// A desk within these limits.
    pub fn new(limits: &Limits) -> Desk {
        Desk {
            turns: Arc::new(Semaphore::new(limits.queries_at_once)),
            places: Arc::new(Semaphore::new(WAITING_MAX + limits.queries_at_once)),
            query_time: limits.query_time,
            query_bytes: limits.query_bytes,
        }
    }

    /// Does some work on a thread of its own when its turn comes. Where the watch stopped it, the
    /// problem says why, whatever the work made of that.
    pub async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Watch) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return Err(Problem::busy(format!(
                "{WAITING_MAX} requests wait for an answer already"
            )));
        };
        let until = Instant::now() + self.query_time;
        let turn = timeout_at(until.into(), self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Problem::busy("other queries took all the time"))?;
        let caller = Caller(Arc::new(AtomicBool::new(false)));
        let watch = Watch {
            gone: caller.0.clone(),
            until,
            bytes_max: memory_bytes().saturating_add(self.query_bytes),
            stopped: AtomicU8::new(GOES_ON),
        };
        let done = tokio::task::spawn_blocking(move || {
            // The turn is over when the work is, also where nobody waits for it any more.
            let _held = (turn, place);
            let done = work(&watch);
            (done, watch.stopped.into_inner())
        });
        let done = done.await;
        let (done, stopped) =
            done.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()));
        drop(caller);
        match stopped {
            GOES_ON => Ok(done),
            why => Err(self.stopped(why)),
        }
    }

    fn stopped(&self, why: u8) -> Problem {
        let message = match why {
            TOO_LONG => format!(
                "the time of {} seconds was over: ask for a shorter range, or start the server with \
                 a larger --query-seconds",
                self.query_time.as_secs()
            ),
            TOO_MUCH => format!(
                "the queries took more than {} MiB of memory: ask for less at once, or start the \
                 server with a larger --query-memory",
                self.query_bytes >> 20
            ),
            _ => "nobody waited for the answer".to_string(),
        };
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "cancelled", message)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn desk(query_time: Duration, query_bytes: usize) -> Desk {
        let one = || Arc::new(Semaphore::new(1));
        Desk { turns: one(), places: one(), query_time, query_bytes }
    }

    fn wait_until_stopped(watch: &Watch) {
        while watch.goes_on() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn work_that_takes_too_long_is_stopped() {
        let desk = desk(Duration::from_millis(20), usize::MAX);
        let problem = run(desk.take(wait_until_stopped)).unwrap_err();
        assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }

    #[test]
    fn work_that_takes_too_much_memory_is_stopped() {
        let desk = desk(Duration::from_secs(60), 64 << 20);
        let stopped = run(desk.take(|watch| {
            assert!(watch.goes_on());
            let held = vec![1_u8; 128 << 20];
            wait_until_stopped(watch);
            held.len()
        }));
        assert!(format!("{stopped:?}").contains("more than 64 MiB"), "{stopped:?}");
    }

    #[test]
    fn work_whose_caller_has_gone_is_stopped_and_gives_its_turn_back() {
        let desk = desk(Duration::from_secs(60), usize::MAX);
        run(async {
            let asked = desk.take(wait_until_stopped);
            let given_up = tokio::time::timeout(Duration::from_millis(20), asked).await;
            assert!(given_up.is_err());
            while desk.places.available_permits() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(desk.take(|_| 7).await.unwrap(), 7);
        });
    }

    #[test]
    fn who_finds_every_place_taken_is_sent_away() {
        let desk = desk(Duration::from_secs(60), usize::MAX);
        let _place = desk.places.clone().try_acquire_owned().unwrap();
        let problem = run(desk.take(|_| ())).unwrap_err();
        assert_eq!(problem.status(), StatusCode::TOO_MANY_REQUESTS);
    }
}

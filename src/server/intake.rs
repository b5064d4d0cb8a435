//! Where batches wait for a place in the database's line, and imports for their turn. Whoever finds
//! every place taken is sent away at once, to come again.

use super::limits::{WRITE_WAIT, WRITES_AT_ONCE, WRITES_WAITING_MAX};
use super::problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The way in, for as many as the database takes at once.
#[derive(Debug)]
pub struct Intake {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    wait: Duration,
    imports: Arc<Semaphore>,
}

/// The turn of the one import that is at work.
#[derive(Debug)]
pub struct ImportTurn {
    _held: OwnedSemaphorePermit,
}

impl Intake {
    /// Nobody waits.
    pub fn new() -> Intake {
        let turns = |number| Arc::new(Semaphore::new(number));
        Intake {
            turns: turns(WRITES_AT_ONCE),
            places: turns(WRITES_AT_ONCE + WRITES_WAITING_MAX),
            wait: WRITE_WAIT,
            imports: turns(1),
        }
    }

    /// Writes on a thread of its own when its turn comes. It is done also where the caller has gone
    /// meanwhile: what was begun is whole.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            let message = format!("{WRITES_WAITING_MAX} batches wait to be written already");
            return Err(Problem::busy(message));
        };
        let turn = tokio::time::timeout(self.wait, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Problem::busy("other writes took all the time"))?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (turn, place);
            work()
        });
        done.await.map_err(|cause| std::panic::resume_unwind(cause.into_panic()))
    }

    /// The turn of an import, if no other is at work.
    pub fn import(&self) -> Result<ImportTurn, Problem> {
        match self.imports.clone().try_acquire_owned() {
            Ok(held) => Ok(ImportTurn { _held: held }),
            Err(_) => Err(Problem::busy("another import is at work: they come one by one")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::StatusCode;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn who_finds_every_place_taken_is_sent_away() {
        let intake = Intake::new();
        let all = u32::try_from(WRITES_AT_ONCE + WRITES_WAITING_MAX).unwrap();
        let taken = intake.places.clone().try_acquire_many_owned(all - 1).unwrap();
        assert_eq!(run(intake.write(|| 7)).unwrap(), 7);
        let last = intake.places.clone().try_acquire_owned().unwrap();
        let busy = run(intake.write(|| 7)).unwrap_err();
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        drop((taken, last));
        assert_eq!(run(intake.write(|| 7)).unwrap(), 7);
    }

    #[test]
    fn who_waits_too_long_is_sent_away() {
        let intake = Intake { wait: Duration::from_millis(10), ..Intake::new() };
        let all = u32::try_from(WRITES_AT_ONCE).unwrap();
        let _taken = intake.turns.clone().try_acquire_many_owned(all).unwrap();
        let busy = run(intake.write(|| 7)).unwrap_err();
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(intake.places.available_permits(), WRITES_AT_ONCE + WRITES_WAITING_MAX);
    }

    #[test]
    fn what_was_begun_is_done_without_its_caller() {
        let intake = Intake::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        run(async {
            let write = intake.write(move || {
                std::thread::sleep(Duration::from_millis(50));
                sender.send(7).unwrap();
            });
            assert!(tokio::time::timeout(Duration::from_millis(10), write).await.is_err());
        });
        assert_eq!(receiver.recv(), Ok(7));
    }

    #[test]
    fn imports_come_one_by_one() {
        let intake = Intake::new();
        let first = intake.import().unwrap();
        assert_eq!(intake.import().unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        drop(first);
        assert!(intake.import().is_ok());
    }
}

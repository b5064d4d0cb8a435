//! Jobs over threads, results in the order of the jobs.

use crate::error::{Error, ErrorKind, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Takes the next job; false when nobody wants more.
pub(super) type Emit<'a, J> = dyn FnMut(J) -> bool + 'a;

type Task<J, R> = (J, SyncSender<Result<R>>);

/// Runs `produce` on one thread, a `worker()` on each of `threads` more, and `consume` here, on the
/// results in the order in which `produce` emitted their jobs. At most a few jobs a thread are
/// under way. The first error in that order is the answer; the rest is then dropped.
pub(super) fn in_order<J: Send, R: Send, W: FnMut(J) -> Result<R>>(
    threads: usize,
    produce: impl FnOnce(&mut Emit<'_, J>) -> Result<()> + Send,
    worker: impl Fn() -> W + Sync,
    mut consume: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let depth = threads + 2;
    let (task_sender, task_receiver) = sync_channel::<Task<J, R>>(depth);
    let (result_sender, result_receiver) = sync_channel::<Receiver<Result<R>>>(depth);
    let tasks = Mutex::new(task_receiver);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&tasks, worker()));
        }
        let producer = scope.spawn(move || {
            produce(&mut |job| {
                let (sender, receiver) = sync_channel(1);
                result_sender.send(receiver).is_ok() && task_sender.send((job, sender)).is_ok()
            })
        });
        let consumed = result_receiver
            .iter()
            .try_for_each(|result| consume(result.recv().map_err(|_| died())??));
        drop(result_receiver);
        let produced = producer.join().map_err(|_| died());
        consumed.and_then(|()| produced?)
    })
}

fn work<J, R>(tasks: &Mutex<Receiver<Task<J, R>>>, mut work: impl FnMut(J) -> Result<R>) {
    loop {
        // Held while waiting: the others wait for the lock instead, which is the same to them.
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, sender)) = task else { return };
        // A failed send means that the consumer has stopped listening.
        let _ = sender.send(work(job));
    }
}

fn died() -> Error {
    Error::new(ErrorKind::Io, "a thread of the import died; nothing was imported")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn run(threads: usize, fail: impl Fn(u64) -> bool + Sync) -> (Vec<u64>, Result<()>) {
        let mut seen = Vec::new();
        let result = in_order(
            threads,
            |emit| {
                let _ = (0..200).all(&mut *emit);
                Err(Error::input("the source ends here"))
            },
            || {
                |job: u64| {
                    thread::sleep(Duration::from_micros(200 * (job % 3)));
                    if fail(job) { Err(Error::input(format!("job {job}"))) } else { Ok(job) }
                }
            },
            |job| {
                seen.push(job);
                Ok(())
            },
        );
        (seen, result)
    }

    #[test]
    fn results_come_in_the_order_of_jobs_and_the_first_error_stops() {
        for threads in [1, 2, 5] {
            let (seen, result) = run(threads, |_| false);
            assert_eq!(seen, (0..200).collect::<Vec<_>>());
            assert_eq!(result.unwrap_err().to_string(), "the source ends here");
            let (seen, result) = run(threads, |job| job == 50 || job == 49);
            assert_eq!(seen, (0..49).collect::<Vec<_>>());
            assert_eq!(result.unwrap_err().to_string(), "job 49");
        }
    }
}

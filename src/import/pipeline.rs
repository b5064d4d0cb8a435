//! Jobs over threads, results in the order of the jobs.

use crate::error::{Error, ErrorKind, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Takes the next job; false when nobody wants more.
pub(super) type Emit<'a, J> = dyn FnMut(J) -> bool + 'a;

type Task<J, R> = (J, SyncSender<Result<R>>);

/// What comes from the producer, in order.
enum Next<R, P> {
    Result(Pending<R>),
    End(Result<P>),
}

/// The result of a job, when it is done.
#[derive(Debug)]
pub(super) struct Pending<R>(Receiver<Result<R>>);

impl<R> Pending<R> {
    pub(super) fn wait(self) -> Result<R> {
        self.0.recv().map_err(|_| died())?
    }
}

/// The threads that do the jobs.
#[derive(Debug)]
pub(super) struct Workers<J, R>(SyncSender<Task<J, R>>);

impl<J, R> Workers<J, R> {
    /// Hands out one more job, behind those that wait already.
    pub(super) fn ask(&self, job: J) -> Result<Pending<R>> {
        let (sender, receiver) = sync_channel(1);
        self.0.send((job, sender)).map_err(|_| died())?;
        Ok(Pending(receiver))
    }
}

/// Results of the producer's jobs in their order, up to the first error.
pub(super) struct Results<R, P> {
    next: Receiver<Next<R, P>>,
    end: Option<Result<P>>,
}

impl<R, P> Results<R, P> {
    /// What the producer answered, once there are no more results.
    pub(super) fn end(self) -> Result<P> {
        self.end.unwrap_or_else(|| Err(died()))
    }
}

impl<R, P> Iterator for Results<R, P> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        match self.next.recv().ok()? {
            Next::Result(result) => Some(result.wait()),
            Next::End(end) => {
                self.end = Some(end);
                None
            }
        }
    }
}

/// Runs `produce` on one thread, a `worker()` on each of `threads` more, and `consume` here, with
/// the results in the order in which `produce` emitted their jobs. At most a few jobs a thread are
/// under way. What `consume` asks of the workers beside that must not wait for the results.
pub(super) fn in_order<J: Send, R: Send, P: Send, T, W: FnMut(J) -> Result<R>>(
    threads: usize,
    produce: impl FnOnce(&mut Emit<'_, J>) -> Result<P> + Send,
    worker: impl Fn() -> W + Sync,
    consume: impl FnOnce(Results<R, P>, &Workers<J, R>) -> Result<T>,
) -> Result<T> {
    let depth = threads + 2;
    let (task_sender, task_receiver) = sync_channel::<Task<J, R>>(depth);
    let (result_sender, next) = sync_channel::<Next<R, P>>(depth);
    let tasks = Mutex::new(task_receiver);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&tasks, worker()));
        }
        let workers = Workers(task_sender.clone());
        let producer = scope.spawn(move || {
            let end = produce(&mut |job| {
                let (sender, receiver) = sync_channel(1);
                let result = Next::Result(Pending(receiver));
                result_sender.send(result).is_ok() && task_sender.send((job, sender)).is_ok()
            });
            // A failed send means that the consumer has stopped listening.
            let _ = result_sender.send(Next::End(end));
        });
        let consumed = consume(Results { next, end: None }, &workers);
        drop(workers);
        producer.join().map_err(|_| died()).and(consumed)
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
                Err::<(), _>(Error::input("the source ends here"))
            },
            || {
                |job: u64| {
                    thread::sleep(Duration::from_micros(200 * (job % 3)));
                    if fail(job) { Err(Error::input(format!("job {job}"))) } else { Ok(job) }
                }
            },
            |mut results, _| {
                for result in results.by_ref() {
                    seen.push(result?);
                }
                results.end()
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

    #[test]
    fn the_consumer_has_jobs_of_its_own() {
        for threads in [1, 3] {
            let sum = in_order(
                threads,
                |emit| Ok((0..100u64).filter(|job| emit(*job)).count()),
                || |job| Ok(job + 1),
                |mut results, workers| {
                    let mut asked = Vec::new();
                    for result in results.by_ref() {
                        asked.push(workers.ask(1_000 * result?)?);
                    }
                    assert_eq!(results.end()?, 100);
                    asked.into_iter().map(Pending::wait).sum::<Result<u64>>()
                },
            );
            assert_eq!(sum.unwrap(), (1..=100).map(|job| 1_000 * job + 1).sum::<u64>());
        }
    }
}

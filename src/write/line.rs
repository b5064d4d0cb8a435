//! The line before the log: the first in line commits for all that stand in it.
//!
//! Whose batch was committed by another leaves at once, without a look at the writer's lock: who
//! has just had that lock mostly gets it again, and the others would wait long after their commit.

use super::door::Checked;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Receipt;
use crate::limits::FRAME_BYTES_MAX;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A batch whose caller waits.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(super) batch: Checked,
    turn: Mutex<Turn>,
    bell: Condvar,
}

#[derive(Debug)]
enum Turn {
    Waits,
    /// First in line, and nobody commits.
    Leads,
    Settled(Result<Receipt>),
    /// Its caller was told.
    Gone,
}

impl Pending {
    pub(super) fn settle(&self, outcome: Result<Receipt>) {
        *self.turn() = Turn::Settled(outcome);
        self.bell.notify_one();
    }

    fn lead(&self) {
        *self.turn() = Turn::Leads;
        self.bell.notify_one();
    }

    /// Waits; `None` once its caller is to commit.
    fn wait(&self) -> Option<Result<Receipt>> {
        let waits = |turn: &mut Turn| matches!(turn, Turn::Waits);
        let turn = self.bell.wait_while(self.turn(), waits);
        let mut turn = turn.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *turn, Turn::Gone) {
            Turn::Settled(outcome) => Some(outcome),
            Turn::Waits | Turn::Leads | Turn::Gone => {
                *turn = Turn::Waits;
                None
            }
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Batches in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Arc<Pending>>,
    /// Somebody commits, or was told to.
    led: bool,
}

impl Line {
    /// Puts a batch at the end of the line and waits. Who comes to its front commits a group with
    /// `commit`; what came of the batch, and what `commit` said to those that did.
    pub(super) fn pass<T>(
        &self,
        batch: Checked,
        commit: impl FnOnce(&Leader<'_>) -> T,
    ) -> (Result<Receipt>, Option<T>) {
        let (turn, bell) = (Mutex::new(Turn::Waits), Condvar::new());
        let pending = Arc::new(Pending { batch, turn, bell });
        self.join(&pending);
        if let Some(outcome) = pending.wait() {
            return (outcome, None);
        }
        let said = commit(&Leader(self));
        // Its own batch was the first of the group.
        (pending.wait().unwrap_or_else(|| Err(panicked())), Some(said))
    }

    fn join(&self, pending: &Arc<Pending>) {
        let mut waiting = self.waiting();
        waiting.batches.push_back(pending.clone());
        if !std::mem::replace(&mut waiting.led, true) {
            pending.lead();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to commit; dropped, it goes to the first in line.
#[derive(Debug)]
pub(super) struct Leader<'l>(&'l Line);

impl Leader<'_> {
    /// The oldest batches that fit into one frame, at least one.
    pub(super) fn take_group(&self) -> Group {
        let mut waiting = self.0.waiting();
        let mut bytes = 0;
        let fits = |pending: &&Arc<Pending>| {
            bytes += pending.batch.frame_bytes;
            bytes <= FRAME_BYTES_MAX
        };
        let group = waiting.batches.iter().take_while(fits).count();
        Group(waiting.batches.drain(..group).collect())
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        match waiting.batches.front() {
            Some(next) => next.lead(),
            None => waiting.led = false,
        }
    }
}

/// Batches that are committed together. Those that are not told what came of them by the end, since
/// the commit panicked, are told that.
#[derive(Debug)]
pub(super) struct Group(Vec<Arc<Pending>>);

impl Deref for Group {
    type Target = [Arc<Pending>];

    fn deref(&self) -> &[Arc<Pending>] {
        &self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for pending in &self.0 {
            if matches!(*pending.turn(), Turn::Waits) {
                pending.settle(Err(panicked()));
            }
        }
    }
}

/// What every write is told after one that panicked.
pub(super) fn panicked() -> Error {
    let message = "an earlier write panicked: reads go on, but to write again, open the database \
                   anew";
    Error::new(ErrorKind::Poisoned, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::Catalog;
    use crate::write::door::{Batch, check};
    use std::sync::mpsc::channel;
    use std::thread::{Scope, ScopedJoinHandle, scope};

    fn batch() -> Checked {
        check(Batch::new(), &Catalog::new("UTC", "", 1, 0), 0).unwrap()
    }

    fn receipt(accepted: u64) -> Result<Receipt> {
        let rejected = Vec::new();
        Ok(Receipt { accepted, without_user: 0, duplicates: 0, rejected, repeated: false })
    }

    fn settle_all(group: &Group) -> usize {
        group.iter().for_each(|pending| pending.settle(receipt(group.len() as u64)));
        group.len()
    }

    type Passed = (Result<Receipt>, Option<usize>);

    /// Threads that stand in the line, and commit where it is their turn.
    fn join<'s>(
        scope: &'s Scope<'s, '_>,
        line: &'s Line,
        threads: usize,
    ) -> Vec<ScopedJoinHandle<'s, Passed>> {
        let pass = || line.pass(batch(), |leader| settle_all(&leader.take_group()));
        let before = line.waiting().batches.len();
        let joined = (0..threads).map(|_| scope.spawn(pass)).collect();
        while line.waiting().batches.len() < before + threads {
            std::thread::yield_now();
        }
        joined
    }

    #[test]
    fn the_first_commits_for_all_and_the_others_leave_without_a_turn() {
        let line = Line::default();
        let (outcome, said) = scope(|scope| {
            line.pass(batch(), |leader| {
                let others = join(scope, &line, 3);
                let committed = settle_all(&leader.take_group());
                // Still led: they leave all the same.
                let passed = others.into_iter().map(|other| other.join().unwrap());
                passed.for_each(|(outcome, said)| {
                    assert_eq!((outcome.unwrap().accepted, said), (4, None));
                });
                committed
            })
        });
        assert_eq!((outcome.unwrap().accepted, said), (4, Some(4)));
        assert!(!line.waiting().led);
        let (outcome, said) = line.pass(batch(), |leader| settle_all(&leader.take_group()));
        assert_eq!((outcome.unwrap().accepted, said), (1, Some(1)));
    }

    #[test]
    fn who_comes_after_the_group_was_taken_goes_with_the_next_one() {
        let line = Line::default();
        scope(|scope| {
            let (outcome, led) = line.pass(batch(), |leader| {
                let group = leader.take_group();
                let late = join(scope, &line, 3);
                (settle_all(&group), late)
            });
            let (said, late) = led.unwrap();
            assert_eq!((outcome.unwrap().accepted, said), (1, 1));
            let passed: Vec<Passed> = late.into_iter().map(|late| late.join().unwrap()).collect();
            let led = passed.iter().filter_map(|(_, said)| *said);
            assert_eq!(led.collect::<Vec<_>>(), [3]);
            assert!(passed.iter().all(|(outcome, _)| outcome.as_ref().unwrap().accepted == 3));
        });
    }

    #[test]
    fn a_commit_that_panics_leaves_nobody_waiting() {
        let line = &Line::default();
        scope(|scope| {
            let (sent, joined) = channel();
            let leader = scope.spawn(move || {
                line.pass(batch(), |leader| {
                    let others = join(scope, line, 2);
                    let _group = leader.take_group();
                    sent.send((others, join(scope, line, 1))).unwrap();
                    panic!("as a defect would");
                })
                .0
            });
            let (others, late) = joined.recv().unwrap();
            assert!(leader.join().is_err());
            for other in others {
                let error = other.join().unwrap().0.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Poisoned);
            }
            for late in late {
                assert_eq!(late.join().unwrap().1, Some(1), "it leads");
            }
        });
    }
}

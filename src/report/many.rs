//! Several queries in one call: equal ones are asked once, all share their scans, and whoever
//! asked can watch how far the call is.

use super::prepared::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::QUERIES_MAX;
use crate::query::Query;
use crate::query::answer::Answer;
use crate::snapshot::Snapshot;
use crate::time::{self, Micros};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Units of work that a query is.
const QUERY_UNITS: u64 = 1_000;

/// Is told how much is done and how much there is; false stops the call.
type Watch<'w> = dyn Fn(u64, u64) -> bool + Sync + 'w;

impl Snapshot {
    /// Answers several queries with one scan, or with a few where one would take too much memory.
    /// Each answer equals what it would be alone, and a query that fails has its error in its
    /// place.
    pub fn query_many(&self, queries: &[Query]) -> Vec<Result<Answer>> {
        self.query_many_watched(queries, &|_, _| true)
    }

    /// The same, for calls that take a while: `watch` is told how many units of work are done and
    /// how many there are, from 0 to all of them and never less than before, by one thread after
    /// the other. Where it answers `false`, the call stops, and every query fails with
    /// [`Cancelled`](ErrorKind::Cancelled).
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let db = daybit::Db::create(folder.path().join("db"), daybit::Options::new())?;
    /// use daybit::Query;
    /// let queries = [Query::active("*"), Query::growth("purchase")];
    /// let answers = db.snapshot()?.query_many_watched(&queries, &|done, all| {
    ///     eprint!("\r{} %", 100 * done / all);
    ///     true
    /// });
    /// assert!(answers.iter().all(Result::is_ok));
    /// # Ok::<(), daybit::Error>(())
    /// ```
    pub fn query_many_watched(
        &self,
        queries: &[Query],
        watch: &(dyn Fn(u64, u64) -> bool + Sync),
    ) -> Vec<Result<Answer>> {
        if queries.len() > QUERIES_MAX {
            let count = queries.len();
            let message = format!("{count} queries at once: at most {QUERIES_MAX} are taken");
            let refused = || Err(Error::new(ErrorKind::Limit, message.clone()));
            return queries.iter().map(|_| refused()).collect();
        }
        let (distinct, places) = distinct(queries);
        let meter = Meter::new(watch, distinct.len() as u64 * QUERY_UNITS);
        let now = time::now();
        let answers = match meter.tell(0) {
            Ok(()) => self.halves(&distinct, now, &meter, meter.all),
            Err(_) => distinct.iter().map(|_| Err(cancelled())).collect(),
        };
        let rescued = answers.into_iter().zip(&distinct);
        let rescued = rescued
            .map(|(answer, query)| answer.or_else(|error| self.rescue(query, now, error)))
            .collect();
        // All is done: it is too late to stop.
        let _ = meter.tell(meter.all);
        in_their_places(rescued, &places)
    }

    /// Answers queries, and tells the work up to `to`.
    fn halves(
        &self,
        queries: &[&Query],
        now: Micros,
        meter: &Meter<'_>,
        to: u64,
    ) -> Vec<Result<Answer>> {
        match (self.together(queries, now, (meter, to)), queries) {
            (Ok(answers), _) => answers,
            (Err(error), _) if error.kind() == ErrorKind::Cancelled => {
                queries.iter().map(|_| Err(cancelled())).collect()
            }
            (Err(error), [_]) => vec![Err(error)],
            (Err(_), []) => Vec::new(),
            // Damage in what one query reads, or too many values of its breakdown, must not fail
            // the others: halves find it, and the rest stay together.
            (Err(_), queries) => {
                let (left, right) = queries.split_at(queries.len() / 2);
                let middle = meter.done().midpoint(to);
                let mut answers = self.halves(left, now, meter, middle);
                answers.extend(self.halves(right, now, meter, to));
                answers
            }
        }
    }

    fn together(
        &self,
        queries: &[&Query],
        now: Micros,
        (meter, to): (&Meter<'_>, u64),
    ) -> Result<Vec<Result<Answer>>> {
        let started = Instant::now();
        let mut numberings = Vec::new();
        let (mut asked, mut places) = (Vec::new(), Vec::new());
        for query in queries {
            places.push(self.question(query, now, &mut numberings).map(|question| {
                asked.push(question);
                asked.len() - 1
            }));
        }
        let work = meter.done()..to;
        let ranked = work.start + (work.end - work.start) / 4;
        let ranks = asked.iter().any(|question| question.groups.is_some());
        let from = if ranks { ranked } else { work.start };
        self.rank(&asked, &|done, all| meter.tell_part(&(work.start..from), done, all))?;
        let mut answers: Vec<Option<Result<Answer>>> = Vec::with_capacity(asked.len());
        // Each scan does the work of its queries.
        let share = |questions: usize| {
            from + (work.end - from) * questions as u64 / (asked.len() as u64).max(1)
        };
        let mut answer = |batch: Batch<'_, '_>, until: usize| -> Result<()> {
            let part = share(answers.len())..share(until);
            let tell = |done, all| meter.tell_part(&part, done, all);
            answers.extend(batch.answers(&self.inner, started, &tell)?.into_iter().map(Some));
            Ok(())
        };
        let mut batch = Batch::default();
        for (place, question) in asked.iter().enumerate() {
            let prepared = question.prepare_all();
            if !batch.has_room(question, &prepared) {
                answer(std::mem::take(&mut batch), place)?;
            }
            batch.add(question, prepared);
        }
        answer(batch, asked.len())?;
        let answer = |place: Result<usize>| {
            let answer = answers.get_mut(place?).and_then(Option::take);
            answer.unwrap_or_else(|| Err(Error::input("a query was answered twice")))
        };
        Ok(places.into_iter().map(answer).collect())
    }
}

/// Queries that differ, and of each query which of them it is.
fn distinct(queries: &[Query]) -> (Vec<&Query>, Vec<usize>) {
    let (mut distinct, mut known): (Vec<&Query>, HashMap<String, usize>) = Default::default();
    let place = |query| {
        let next = distinct.len();
        let place = *known.entry(Query::to_json(query).to_string()).or_insert(next);
        // What is written alike may still differ in what is not written.
        if distinct.get(place).is_some_and(|known| *known == query) {
            return place;
        }
        distinct.push(query);
        next
    };
    let places = queries.iter().map(place).collect();
    (distinct, places)
}

/// The last query of several equal ones takes the answer, the others have copies.
fn in_their_places(answers: Vec<Result<Answer>>, places: &[usize]) -> Vec<Result<Answer>> {
    let mut left = vec![0usize; answers.len()];
    places.iter().for_each(|place| left[*place] += 1);
    let mut answers: Vec<Option<Result<Answer>>> = answers.into_iter().map(Some).collect();
    let answer = |place: &usize| {
        left[*place] -= 1;
        let answer = match (&answers[*place], left[*place]) {
            (_, 0) => answers[*place].take(),
            (Some(Ok(answer)), _) => Some(Ok(answer.clone())),
            (Some(Err(error)), _) => Some(Err(error.again())),
            (None, _) => None,
        };
        answer.unwrap_or_else(|| Err(Error::input("a query was answered twice")))
    };
    places.iter().map(answer).collect()
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the call was stopped by whoever watched it")
}

/// How far a call is.
struct Meter<'w> {
    watch: &'w Watch<'w>,
    all: u64,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    done: u64,
    stopped: bool,
}

impl<'w> Meter<'w> {
    fn new(watch: &'w Watch<'w>, all: u64) -> Meter<'w> {
        Meter { watch, all, told: Mutex::default() }
    }

    fn done(&self) -> u64 {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).done
    }

    /// So much is done, or as much as before: the watcher may want to stop all the same.
    fn tell(&self, done: u64) -> Result<()> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.stopped {
            told.done = told.done.max(done);
            told.stopped = !(self.watch)(told.done, self.all);
        }
        if told.stopped { Err(cancelled()) } else { Ok(()) }
    }

    /// Of a part of the work so much is done. That all of it is done is told at the end only, when
    /// nothing can stop it any more.
    fn tell_part(&self, part: &Range<u64>, done: u64, all: u64) -> Result<()> {
        let share = u128::from(part.end - part.start) * u128::from(done) / u128::from(all.max(1));
        let done = part.start + u64::try_from(share).unwrap_or(u64::MAX);
        self.tell(done.min(self.all.saturating_sub(1)))
    }
}

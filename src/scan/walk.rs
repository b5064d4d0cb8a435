//! Chunks in parallel, days in order.

use super::active::ActiveJob;
use super::frame::Frame;
use super::grid::Grid;
use super::layout::{BoundJob, BoundRowJobs, Layout};
use super::narrow::Narrowing;
use super::rows::{Counted, DayBlocks, Erased, Gathered, RowEvent, RowGrid, RowJob};
use super::sizes::{Sizes, Sizing};
use super::{Job, Scanned, Tally, kernels};
use crate::day::lazy::once;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::cell::{Cell, OnceCell};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Bytes of rows that a worker gathers at once for several row jobs: more of them take turns. Tests
/// of single parts see small chunks only.
const PASS_BYTES_MAX: usize = if cfg!(test) { 1 << 12 } else { 64 << 20 };

/// A share of fewer days is not worth another thread.
const SHARE_DAYS_MIN: usize = if cfg!(test) { 1 } else { 64 };

/// Runs all jobs over the grid.
pub(super) fn walk(
    grid: &dyn Grid,
    rows: &RowGrid<'_>,
    layout: &Layout,
    jobs: (&[Job<'_>], &[RowJob<'_>]),
) -> Result<Scanned> {
    let walk = Walk { grid, rows, layout, jobs: jobs.0, row_jobs: jobs.1 };
    let (next, stop, reads) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU64::new(0));
    // The last piece of work: the rows without a user.
    let nobody = u32::from(layout.row_jobs.iter().any(|job| job.rows.nobody));
    let shares = walk.shares();
    let pieces = grid.chunks() * shares + nobody;
    let workers = rayon::current_num_threads().min(usize::try_from(pieces).unwrap_or(1));
    // One tally per worker, not per chunk: a retention table can be large.
    let work = |_| {
        let mut tallies = walk.tallies();
        let read = Cell::new(0);
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces || stop.load(Ordering::Relaxed) {
                reads.fetch_add(read.get(), Ordering::Relaxed);
                return Ok(tallies);
            }
            let done = if piece == grid.chunks() * shares {
                walk.nobody(&read, &mut tallies)
            } else {
                walk.chunk(piece / shares, (piece % shares, shares), &read, &mut tallies)
            };
            if let Err(error) = done {
                stop.store(true, Ordering::Relaxed);
                return Err((piece, error));
            }
        }
    };
    let merged = (0..workers.max(1)).into_par_iter().map(work).reduce_with(merge);
    let Tallies { bits, rows, sizes } =
        merged.unwrap_or_else(|| Ok(walk.tallies())).map_err(|(_, error)| error)?;
    let rows = rows.into_iter().map(|operator| Counted(operator.into_any())).collect();
    Ok(Scanned { tallies: bits, rows, sizes, reads: reads.into_inner() })
}

/// What one worker has counted.
struct Tallies {
    bits: Vec<Tally>,
    rows: Vec<Box<dyn Erased>>,
    sizes: Vec<Sizes>,
}

type Worked = Result<Tallies, (u32, Error)>;

fn merge(left: Worked, right: Worked) -> Worked {
    match (left, right) {
        (Ok(left), Ok(right)) => {
            let bits = left.bits.into_iter().zip(right.bits).map(|(a, b)| a.merge(b)).collect();
            let rows = left.rows.into_iter().zip(right.rows).map(|(mut a, b)| {
                a.merge(b)?;
                Ok(a)
            });
            let rows: Result<_> = rows.collect();
            let sizes = left.sizes.into_iter().zip(right.sizes);
            let sizes = sizes.map(|(a, b)| a.merge(b)).collect();
            Ok(Tallies { bits, rows: rows.map_err(|error| (u32::MAX, error))?, sizes })
        }
        (Err(left), Err(right)) => Err(if left.0 <= right.0 { left } else { right }),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

struct Walk<'w, 's, 'a> {
    grid: &'w dyn Grid,
    rows: &'w RowGrid<'s>,
    layout: &'w Layout,
    jobs: &'w [Job<'a>],
    row_jobs: &'w [RowJob<'a>],
}

/// The grid, at one chunk.
pub(super) struct InChunk<'w, 's> {
    pub(super) grid: &'w dyn Grid,
    pub(super) rows: &'w RowGrid<'s>,
    pub(super) chunk: u32,
    reads: &'w Cell<u64>,
}

impl<'w, 's> InChunk<'w, 's> {
    /// The day's rows; nothing is read yet.
    pub(super) fn day(&self, place: usize) -> Result<DayBlocks<'w, 's>> {
        self.rows.day(place, Some(self.chunk), self.reads)
    }
}

impl Walk<'_, '_, '_> {
    fn tallies(&self) -> Tallies {
        let tally = |job: &Job<'_>| Tally { sums: vec![0; job.sums], members: Vec::new() };
        let rows = self.row_jobs.iter().map(|job| (job.make)());
        let sizes = self.layout.size_jobs.iter().map(Sizes::new).collect();
        Tallies { bits: self.jobs.iter().map(tally).collect(), rows: rows.collect(), sizes }
    }

    /// Into how many shares each chunk is cut, so that all threads have something to do.
    fn shares(&self) -> u32 {
        let cuttable = |(job, bound): (&Job<'_>, &BoundJob)| {
            let days = if bound.is_cut(job.cut.as_ref()) { bound.places.len() } else { 0 };
            u32::try_from(days / SHARE_DAYS_MIN).unwrap_or(u32::MAX)
        };
        let shares = self.jobs.iter().zip(&self.layout.jobs).map(cuttable).max().unwrap_or(0);
        let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(u32::MAX);
        let wanted = match self.grid.chunks() {
            _ if cfg!(test) => 3,
            // A share would find out anew who is in a set.
            _ if !self.layout.sets.is_empty() => 1,
            chunks => threads.div_ceil(chunks.max(1)),
        };
        wanted.min(shares).max(1)
    }

    fn chunk(
        &self,
        chunk: u32,
        share: (u32, u32),
        reads: &Cell<u64>,
        tallies: &mut Tallies,
    ) -> Result<()> {
        let Walk { grid, rows, layout, .. } = *self;
        let at = InChunk { grid, rows, chunk, reads };
        let mut frame = Frame::new(&at, layout)?;
        let empty: Vec<bool> = frame.masks.iter().map(|mask| kernels::is_empty(mask)).collect();
        let somebody = |set: Option<usize>| set.is_none_or(|set| !empty[set]);
        // Only some jobs on presence are shared out.
        let first = share.0 == 0;
        let jobs = 0..if first { layout.row_jobs.len() } else { 0 };
        let row_jobs = jobs.filter(|job| somebody(layout.row_jobs[*job].rows.set)).collect();
        let mut passes = self.passes(&at, row_jobs)?.into_iter();
        let jobs = 0..if first { layout.size_jobs.len() } else { 0 };
        let size_jobs = jobs.filter(|job| somebody(layout.size_jobs[*job].set));
        let taken = |(place, job): &(usize, &Job<'_>)| {
            let bound = &layout.jobs[*place];
            (first || bound.is_cut(job.cut.as_ref())) && somebody(bound.set)
        };
        let share = (share.0 as usize, share.1 as usize);
        let first = Pass {
            active: (self.jobs.iter().enumerate().filter(taken))
                .map(|job| ActiveJob::new(job, layout, chunk, share))
                .collect(),
            sizing: size_jobs.map(|job| (job, Sizing::default())).collect(),
            gathered: self.gathering(passes.next().unwrap_or_default(), &frame),
        };
        self.pass(first, &at, &mut frame, tallies)?;
        passes.try_for_each(|jobs| {
            let gathered = self.gathering(jobs, &frame);
            self.pass(Pass { gathered, ..Pass::default() }, &at, &mut frame, tallies)
        })
    }

    fn gathering(&self, jobs: Vec<usize>, frame: &Frame<'_, '_>) -> Vec<Gathering<'_>> {
        let gathering = |job: usize| {
            let bound = &self.layout.row_jobs[job];
            let set = bound.rows.set.map(|set| &*frame.masks[set]);
            let narrowing = bound.narrow.as_ref().map(|narrow| Narrowing::new(narrow, set));
            Gathering { job, events: Gathered::default(), narrowing }
        };
        jobs.into_iter().map(gathering).collect()
    }

    /// Row jobs in groups that fit into memory together; one alone may be larger.
    fn passes(&self, at: &InChunk<'_, '_>, jobs: Vec<usize>) -> Result<Vec<Vec<usize>>> {
        if jobs.len() < 2 {
            return Ok(vec![jobs]);
        }
        let mut bytes: Vec<usize> = vec![0; self.layout.row_jobs.len()];
        for place in self.layout.all_places() {
            let day = at.day(place)?;
            for &job in &jobs {
                let BoundRowJobs { rows, places, .. } = &self.layout.row_jobs[job];
                if places.contains(&place) {
                    bytes[job] += day.rows(&rows.filters)?.saturating_mul(rows.row_bytes());
                }
            }
        }
        let mut passes: Vec<Vec<usize>> = vec![Vec::new()];
        let mut used = 0usize;
        for job in jobs {
            used = used.saturating_add(bytes[job]);
            match passes.last_mut() {
                Some(pass) if used <= PASS_BYTES_MAX || pass.is_empty() => pass.push(job),
                _ => {
                    used = bytes[job];
                    passes.push(vec![job]);
                }
            }
        }
        Ok(passes)
    }

    /// All days of a chunk.
    fn pass(
        &self,
        mut pass: Pass<'_, '_>,
        at: &InChunk<'_, '_>,
        frame: &mut Frame<'_, '_>,
        tallies: &mut Tallies,
    ) -> Result<()> {
        let layout = self.layout;
        for active in &mut pass.active {
            active.seen_before(frame, &mut tallies.bits)?;
        }
        for place in layout.all_places() {
            frame.next_day();
            let day = OnceCell::new();
            for active in &mut pass.active {
                active.load(at, place, &day, frame, layout)?;
            }
            for active in &mut pass.active {
                active.day(at, place, frame, layout, &mut tallies.bits)?;
            }
            for Gathering { job, events, narrowing } in &mut pass.gathered {
                let bound = &layout.row_jobs[*job];
                if bound.places.contains(&place) {
                    let set = bound.rows.set.map(|set| &*frame.masks[set]);
                    let day = opened(at, place, &day)?;
                    if let Some(narrowing) = narrowing {
                        events.narrowed_day(&bound.rows, day, narrowing.day(at, place)?)?;
                        continue;
                    }
                    let alike = layout.span(place).and_then(|span| bound.rows.alike_on(span));
                    if let (Some(time), None) = (alike, set) {
                        bound.rows.alike(time, day, &mut |alike| {
                            bound.jobs.iter().try_for_each(|job| tallies.rows[*job].alike(alike))
                        })?;
                        continue;
                    }
                    events.day(&bound.rows, day, set)?;
                    if bound.rows.unordered {
                        hand_out(events, bound, tallies)?;
                    }
                }
            }
            for (job, sizes) in &mut pass.sizing {
                let bound = &layout.size_jobs[*job];
                if bound.places.contains(&place) {
                    let set = bound.set.map(|set| &*frame.masks[set]);
                    let place = (place, layout.span(place).map(|span| span.day));
                    let day = opened(at, place.0, &day)?;
                    sizes.day(bound, place, day, set, &mut tallies.sizes[*job])?;
                }
            }
        }
        self.finish(pass, at.chunk, tallies)
    }

    fn finish(&self, pass: Pass<'_, '_>, chunk: u32, tallies: &mut Tallies) -> Result<()> {
        for active in pass.active {
            active.finish(&mut tallies.bits)?;
        }
        for Gathering { job, events, narrowing } in pass.gathered {
            let jobs = &self.layout.row_jobs[job].jobs;
            let mut user = |low: u16, events: &[RowEvent]| {
                let user = chunk << 16 | u32::from(low);
                jobs.iter().try_for_each(|job| tallies.rows[*job].user(user, events))
            };
            match narrowing {
                None => events.each_user(&mut user)?,
                Some(narrowing) => narrowing.each_user(events, &mut user)?,
            }
        }
        for (job, sizes) in pass.sizing {
            sizes.finish(&mut tallies.sizes[job]);
        }
        Ok(())
    }

    /// Rows without a user, for the jobs that want them and have no set of users.
    fn nobody(&self, reads: &Cell<u64>, tallies: &mut Tallies) -> Result<()> {
        for place in self.layout.all_places() {
            let day = self.rows.day(place, None, reads)?;
            for bound in &self.layout.row_jobs {
                let wanted = bound.rows.nobody && bound.rows.set.is_none();
                if !wanted || !bound.places.contains(&place) {
                    continue;
                }
                let mut events = Gathered::default();
                events.day(&bound.rows, &day, None)?;
                hand_out(&mut events, bound, tallies)?;
            }
        }
        Ok(())
    }
}

/// Hands out events in no order.
fn hand_out(events: &mut Gathered, bound: &BoundRowJobs, tallies: &mut Tallies) -> Result<()> {
    let events = events.drain();
    let mut jobs = bound.jobs.iter().filter(|_| !events.is_empty());
    jobs.try_for_each(|job| tallies.rows[*job].unordered(&events))
}

/// Jobs that go through the days of a chunk together.
#[derive(Default)]
struct Pass<'w, 'a> {
    active: Vec<ActiveJob<'w, 'a>>,
    gathered: Vec<Gathering<'w>>,
    sizing: Vec<(usize, Sizing)>,
}

/// A row job at work in one chunk.
struct Gathering<'w> {
    job: usize,
    events: Gathered,
    narrowing: Option<Narrowing<'w>>,
}

/// The day's rows, made at first use.
pub(super) fn opened<'d, 'w, 's>(
    at: &InChunk<'w, 's>,
    place: usize,
    day: &'d OnceCell<DayBlocks<'w, 's>>,
) -> Result<&'d DayBlocks<'w, 's>> {
    once(day, || at.day(place))
}

#[cfg(test)]
mod tests;

//! Chunks in parallel, days in order.

use super::active::ActiveJob;
use super::bundle::BoundBundle;
use super::bundling::Bundling;
use super::frame::Frame;
use super::grid::Grid;
use super::layout::{BoundJob, BoundRowJobs, Layout};
use super::narrow::Narrowing;
use super::rows::{Counted, DayBlocks, Erased, Gathered, Got, Known, RowEvent, RowGrid, RowJob};
use super::sizes::{Sizes, Sizing};
use super::{Job, Scanned, Tally, Tell, kernels};
use crate::codec::bits::Bits;
use crate::day::lazy::once;
use crate::error::{Error, Result};
use crate::time::Tick;
use rayon::prelude::*;
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of rows that a worker gathers at once for several row jobs: more of them take turns. Tests
/// of single parts see small chunks only.
const PASS_BYTES_MAX: usize = if cfg!(test) { 1 << 12 } else { 64 << 20 };

/// How often it is told how far the walk is.
const TOLD_TIMES: u64 = 1_000;

/// How often a worker asks at most whether the scan is still wanted, beside what it tells.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// Jobs of a day between two looks at the clock for that.
const ASKED_JOBS: u32 = 64;
/// After more ticks without events a job closes so many buckets at once that each job is asked for.
const ASKED_TICKS: i64 = 64;

/// A share of fewer days is not worth another thread.
const SHARE_DAYS_MIN: usize = if cfg!(test) { 1 } else { 64 };

/// Runs all jobs over the grid.
pub(super) fn walk(
    grid: &dyn Grid,
    rows: &RowGrid<'_>,
    layout: &Layout,
    jobs: (&[Job<'_>], &[RowJob<'_>]),
    tell: &Tell<'_>,
) -> Result<Scanned> {
    let (places, done) = (layout.all_places(), AtomicU64::new(0));
    let (jobs, row_jobs) = jobs;
    let mut walk = Walk { grid, rows, layout, jobs, row_jobs, places, tell, done, all: 1 };
    let (next, stop, reads) = (AtomicU32::new(0), AtomicBool::new(false), AtomicU64::new(0));
    // The last piece of work: the rows without a user.
    let nobody = layout.row_jobs.iter().any(|job| job.rows.nobody)
        || layout.row_segments.iter().any(|segments| segments.nobody);
    let nobody = u32::from(nobody);
    let shares = walk.shares();
    let pieces = grid.chunks() * shares + nobody;
    walk.all = (u64::from(grid.chunks() * shares) * walk.places.len() as u64).max(1);
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
    let Tallies { mut bits, bundles, rows, sizes } =
        merged.unwrap_or_else(|| Ok(walk.tallies())).map_err(|(_, error)| error)?;
    for (bound, tally) in layout.bundles.iter().zip(bundles) {
        for (segment, job) in bound.jobs.iter().enumerate() {
            bits[*job] = tally.of_segment(segment, bound.jobs.len());
        }
    }
    let rows = rows.into_iter().map(|operator| Counted(operator.into_any())).collect();
    Ok(Scanned { tallies: bits, rows, sizes, reads: reads.into_inner() })
}

/// What one worker has counted.
struct Tallies {
    bits: Vec<Tally>,
    /// Each with a sum for every job and sum of the bundle.
    bundles: Vec<Tally>,
    rows: Vec<Box<dyn Erased>>,
    sizes: Vec<Sizes>,
}

impl Tallies {
    /// Hands a segment's events to a job.
    fn give(&mut self, job: usize, got: Got<'_>) -> Result<()> {
        match got {
            Got::Event(event) => self.rows[job].unordered(std::slice::from_ref(event)),
            Got::Alike(alike) => self.rows[job].alike(alike),
        }
    }
}

type Worked = Result<Tallies, (u32, Error)>;

fn merge(left: Worked, right: Worked) -> Worked {
    match (left, right) {
        (Ok(left), Ok(right)) => {
            let tallies = |left: Vec<Tally>, right: Vec<Tally>| {
                left.into_iter().zip(right).map(|(a, b)| a.merge(b)).collect()
            };
            let bits = tallies(left.bits, right.bits);
            let bundles = tallies(left.bundles, right.bundles);
            let rows = left.rows.into_iter().zip(right.rows).map(|(mut a, b)| {
                a.merge(b)?;
                Ok(a)
            });
            let rows: Result<_> = rows.collect();
            let sizes = left.sizes.into_iter().zip(right.sizes);
            let sizes = sizes.map(|(a, b)| a.merge(b)).collect();
            let rows = rows.map_err(|error| (u32::MAX, error))?;
            Ok(Tallies { bits, bundles, rows, sizes })
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
    /// Days that some job reads.
    places: Range<usize>,
    tell: &'w Tell<'w>,
    /// Days done so far, those of each chunk for itself.
    done: AtomicU64,
    all: u64,
}

/// Asks whether the scan is still wanted where one day takes long: many groups, each with many
/// buckets that end before it.
struct Asking<'w> {
    tell: &'w dyn Fn() -> Result<()>,
    asked: Instant,
    jobs: u32,
    every: u32,
    last: Option<Tick>,
}

impl<'w> Asking<'w> {
    fn new(tell: &'w dyn Fn() -> Result<()>) -> Asking<'w> {
        Asking { tell, asked: Instant::now(), jobs: 0, every: 1, last: None }
    }

    /// The day that the jobs come to next; none: their end.
    fn day(&mut self, day: Option<Tick>) {
        let near = |(last, day): (Tick, Tick)| i64::from(day) - i64::from(last) <= ASKED_TICKS;
        self.every = if self.last.zip(day).is_some_and(near) { ASKED_JOBS } else { 1 };
        self.last = day;
    }

    /// A job has done the day.
    fn job(&mut self) -> Result<()> {
        self.jobs = self.jobs.wrapping_add(1);
        if !self.jobs.is_multiple_of(self.every) || self.asked.elapsed() < ASKED_EVERY {
            return Ok(());
        }
        self.asked = Instant::now();
        (self.tell)()
    }
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
        let tally = |(job, bound): (&Job<'_>, &BoundJob)| {
            Tally::of(if bound.bundled { 0 } else { job.sums })
        };
        let bundle = |bound: &BoundBundle| {
            let sums = bound.jobs.first().map_or(0, |job| self.jobs[*job].sums);
            Tally::of(sums * bound.jobs.len())
        };
        let rows = self.row_jobs.iter().map(|job| (job.make)());
        let sizes = self.layout.size_jobs.iter().map(Sizes::new).collect();
        Tallies {
            bits: self.jobs.iter().zip(&self.layout.jobs).map(tally).collect(),
            bundles: self.layout.bundles.iter().map(bundle).collect(),
            rows: rows.collect(),
            sizes,
        }
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
        let passes = self.passes(&at, row_jobs)?;
        let (turns, mut passes) = (passes.len().max(1), passes.into_iter());
        let jobs = 0..if first { layout.size_jobs.len() } else { 0 };
        let size_jobs = jobs.filter(|job| somebody(layout.size_jobs[*job].set));
        let taken = |(place, job): &(usize, &Job<'_>)| {
            let bound = &layout.jobs[*place];
            let mine = first || bound.is_cut(job.cut.as_ref());
            mine && !bound.bundled && somebody(bound.set)
        };
        let bundles = layout.bundles.iter().enumerate().filter(|_| first);
        let bundles =
            bundles.filter_map(|bundle| Bundling::new(bundle, self.jobs, chunk, &frame.masks));
        let segments = 0..if first { layout.row_segments.len() } else { 0 };
        let known = |place: usize| (place, layout.row_segments[place].known());
        let share = (share.0 as usize, share.1 as usize);
        let first = Pass {
            active: (self.jobs.iter().enumerate().filter(taken))
                .map(|job| ActiveJob::new(job, layout, chunk, share))
                .collect(),
            bundles: bundles.collect(),
            segments: segments.map(known).collect(),
            sizing: size_jobs.map(|job| (job, Sizing::default())).collect(),
            gathered: self.gathering(passes.next().unwrap_or_default(), &frame),
        };
        self.pass(first, (0, turns), &at, &mut frame, tallies)?;
        passes.zip(1..).try_for_each(|(jobs, turn)| {
            let pass = Pass { gathered: self.gathering(jobs, &frame), ..Pass::default() };
            self.pass(pass, (turn, turns), &at, &mut frame, tallies)
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
        for place in self.places.clone() {
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

    /// A day of a chunk is done in one of several turns.
    fn went_on(&self, place: usize, (turn, turns): (usize, usize)) -> Result<()> {
        let day = turn * self.places.len() + place - self.places.start;
        let more = ((day + 1) / turns - day / turns) as u64;
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        let told = |done: u64| done.saturating_mul(TOLD_TIMES) / self.all;
        match told(done) > told(done - more) {
            true => (self.tell)(done, self.all),
            false => Ok(()),
        }
    }

    /// All days of a chunk.
    fn pass(
        &self,
        mut pass: Pass<'_, '_>,
        turn: (usize, usize),
        at: &InChunk<'_, '_>,
        frame: &mut Frame<'_, '_>,
        tallies: &mut Tallies,
    ) -> Result<()> {
        let layout = self.layout;
        for active in &mut pass.active {
            active.seen_before(frame, &mut tallies.bits)?;
        }
        for bundle in &mut pass.bundles {
            bundle.seen_before(frame, &mut tallies.bundles[bundle.place])?;
        }
        let tell = || (self.tell)(self.done.load(Ordering::Relaxed), self.all);
        let mut asking = Asking::new(&tell);
        for place in self.places.clone() {
            frame.next_day();
            asking.day(layout.span(place).map(|span| span.day));
            let day = OnceCell::new();
            for active in &mut pass.active {
                active.load(at, place, &day, frame, layout)?;
            }
            for bundle in &mut pass.bundles {
                bundle.load(at, place, &day, frame, layout)?;
            }
            for active in &mut pass.active {
                active.day(at, place, frame, layout, &mut tallies.bits)?;
                asking.job()?;
            }
            for bundle in &mut pass.bundles {
                bundle.day(place, frame, layout, &mut tallies.bundles[bundle.place])?;
                asking.job()?;
            }
            for (segments, known) in &mut pass.segments {
                let bound = &layout.row_segments[*segments];
                if bound.places.contains(&place) {
                    let day = opened(at, place, &day)?;
                    let day = (layout.span(place), day);
                    bound.day(known, day, &frame.masks, &mut |job, got| tallies.give(job, got))?;
                }
            }
            for gathering in &mut pass.gathered {
                if layout.row_jobs[gathering.job].places.contains(&place) {
                    let day = opened(at, place, &day)?;
                    self.gather(gathering, (place, day), at, &frame.masks, tallies)?;
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
            self.went_on(place, turn)?;
        }
        self.finish(pass, at.chunk, tallies, asking)
    }

    /// Takes in a day of a row job.
    fn gather(
        &self,
        gathering: &mut Gathering<'_>,
        (place, day): (usize, &DayBlocks<'_, '_>),
        at: &InChunk<'_, '_>,
        masks: &[Box<Bits>],
        tallies: &mut Tallies,
    ) -> Result<()> {
        let Gathering { job, events, narrowing } = gathering;
        let bound = &self.layout.row_jobs[*job];
        let set = bound.rows.set.map(|set| &*masks[set]);
        if let Some(narrowing) = narrowing {
            return events.narrowed_day(&bound.rows, day, narrowing.day(at, place)?);
        }
        let alike = self.layout.span(place).and_then(|span| bound.rows.alike_on(span));
        if let (Some(time), None) = (alike, set) {
            return bound.rows.alike(time, day, &mut |alike| {
                bound.jobs.iter().try_for_each(|job| tallies.rows[*job].alike(alike))
            });
        }
        events.day(&bound.rows, day, set)?;
        if bound.rows.unordered {
            hand_out(events, bound, tallies)?;
        }
        Ok(())
    }

    fn finish(
        &self,
        pass: Pass<'_, '_>,
        chunk: u32,
        tallies: &mut Tallies,
        mut asking: Asking<'_>,
    ) -> Result<()> {
        asking.day(None);
        for active in pass.active {
            active.finish(&mut tallies.bits)?;
            asking.job()?;
        }
        for bundle in pass.bundles {
            let place = bundle.place;
            bundle.finish(&mut tallies.bundles[place])?;
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
            for bound in &self.layout.row_segments {
                if bound.nobody && bound.places.contains(&place) {
                    let (known, day) = (&mut bound.known(), (None, &day));
                    bound.day(known, day, &[], &mut |job, got| tallies.give(job, got))?;
                }
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
    bundles: Vec<Bundling<'w, 'a>>,
    /// Places of row segments, each with what was found out of values.
    segments: Vec<(usize, Vec<Known>)>,
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

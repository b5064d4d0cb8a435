//! Chunks in parallel, days in order.

use super::grid::Grid;
use super::layout::{BoundJob, Layout, Stream};
use super::{INPUTS_MAX, Job, Operator, Step, Tally, kernels};
use crate::codec::bits::Bits;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Runs all jobs over the grid; answers a tally for each.
pub(super) fn walk(grid: &dyn Grid, layout: &Layout<'_>, jobs: &[Job<'_>]) -> Result<Vec<Tally>> {
    let walk = Walk { grid, layout, jobs };
    let (next, stop) = (AtomicU32::new(0), AtomicBool::new(false));
    let workers = rayon::current_num_threads().min(usize::try_from(grid.chunks()).unwrap_or(1));
    // One tally per worker, not per chunk: a retention table can be large.
    let work = |_| {
        let mut tallies = walk.tallies();
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            if chunk >= grid.chunks() || stop.load(Ordering::Relaxed) {
                return Ok(tallies);
            }
            if let Err(error) = walk.chunk(chunk, &mut tallies) {
                stop.store(true, Ordering::Relaxed);
                return Err((chunk, error));
            }
        }
    };
    let merged = (0..workers.max(1)).into_par_iter().map(work).reduce_with(merge);
    merged.unwrap_or_else(|| Ok(walk.tallies())).map_err(|(_, error)| error)
}

type Worked = Result<Vec<Tally>, (u32, Error)>;

fn merge(left: Worked, right: Worked) -> Worked {
    match (left, right) {
        (Ok(left), Ok(right)) => Ok(left.into_iter().zip(right).map(|(a, b)| a.merge(b)).collect()),
        (Err(left), Err(right)) => Err(if left.0 <= right.0 { left } else { right }),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

struct Walk<'w, 'a> {
    grid: &'w dyn Grid,
    layout: &'w Layout<'a>,
    jobs: &'w [Job<'a>],
}

/// A job at work in one chunk.
struct Active<'w> {
    job: usize,
    bound: &'w BoundJob,
    /// Made at the first day with a user.
    operator: Option<Box<dyn Operator>>,
}

impl<'w> Walk<'w, '_> {
    fn tallies(&self) -> Vec<Tally> {
        let tally = |job: &Job<'_>| Tally { sums: vec![0; job.sums], members: Vec::new() };
        self.jobs.iter().map(tally).collect()
    }

    fn chunk(&self, chunk: u32, tallies: &mut [Tally]) -> Result<()> {
        let mut frame = Frame::new(self.grid, self.layout, chunk)?;
        let bound = self.layout.jobs.iter().enumerate();
        let mut active: Vec<Active<'w>> = bound
            .filter(|(_, bound)| bound.set.is_none_or(|set| !kernels::is_empty(&frame.masks[set])))
            .map(|(job, bound)| Active { job, bound, operator: None })
            .collect();
        let (from, to) = self.layout.days();
        for day in self.grid.days_between(from, to) {
            frame.next_day();
            for active in &mut active {
                self.step(chunk, day, active, &mut frame, tallies)?;
            }
        }
        for active in active {
            if let Some(mut operator) = active.operator {
                operator.finish(&mut tallies[active.job])?;
            }
        }
        Ok(())
    }

    fn step(
        &self,
        chunk: u32,
        place: usize,
        active: &mut Active<'_>,
        frame: &mut Frame<'_>,
        tallies: &mut [Tally],
    ) -> Result<()> {
        let day = self.grid.days()[place];
        let inputs = &active.bound.inputs;
        let wanted = |input: usize| inputs[input].from <= day && day < inputs[input].to;
        for input in (0..inputs.len()).filter(|input| wanted(*input)) {
            frame.load(place, inputs[input].stream)?;
        }
        let mut bits = [None; INPUTS_MAX];
        for (input, bits) in bits.iter_mut().enumerate().take(inputs.len()) {
            *bits = if wanted(input) { frame.bits(inputs[input].stream) } else { None };
        }
        if bits.iter().all(Option::is_none) {
            return Ok(());
        }
        let counts = |input: usize, visit: &mut dyn FnMut(u16, u32)| {
            let selector = self.layout.streams[inputs[input].stream].selector;
            self.grid.counts(place, selector, chunk, visit)
        };
        let operator =
            active.operator.get_or_insert_with(|| (self.jobs[active.job].operator)(chunk));
        operator.day(&Step { day, bits, counts: &counts }, &mut tallies[active.job])
    }
}

/// The bits of one chunk: masks for all of its days, streams for one day.
struct Frame<'w> {
    grid: &'w dyn Grid,
    chunk: u32,
    streams: &'w [Stream],
    masks: Vec<Box<Bits>>,
    /// By selector.
    raw: Vec<Loaded>,
    /// By stream; unused for those without a set.
    masked: Vec<Loaded>,
}

/// Bits that are read when first asked for.
struct Loaded {
    bits: Box<Bits>,
    /// The bits hold something from an earlier day.
    dirty: bool,
    /// `None`: not read yet on this day.
    present: Option<bool>,
}

impl Loaded {
    fn new() -> Loaded {
        Loaded { bits: Box::new(Bits::EMPTY), dirty: false, present: None }
    }

    fn present(&self) -> bool {
        self.present == Some(true)
    }
}

impl<'w> Frame<'w> {
    fn new(grid: &'w dyn Grid, layout: &'w Layout<'_>, chunk: u32) -> Result<Frame<'w>> {
        let mask = |set: &super::sets::Members| {
            let mut mask = Box::new(Bits::EMPTY);
            set.evaluate(grid, chunk, &mut mask)?;
            Ok(mask)
        };
        Ok(Frame {
            grid,
            chunk,
            streams: &layout.streams,
            masks: layout.sets.iter().map(mask).collect::<Result<_>>()?,
            raw: layout.selectors().iter().map(|_| Loaded::new()).collect(),
            masked: layout.streams.iter().map(|_| Loaded::new()).collect(),
        })
    }

    fn next_day(&mut self) {
        self.raw.iter_mut().chain(&mut self.masked).for_each(|loaded| loaded.present = None);
    }

    fn load(&mut self, day: usize, stream: usize) -> Result<()> {
        let Stream { selector, set } = self.streams[stream];
        let raw = &mut self.raw[selector];
        if raw.present.is_none() {
            if std::mem::take(&mut raw.dirty) {
                *raw.bits = Bits::EMPTY;
            }
            let present = self.grid.presence_into(day, selector, self.chunk, &mut raw.bits)?;
            (raw.present, raw.dirty) = (Some(present), present);
        }
        let Some(set) = set else { return Ok(()) };
        let masked = &mut self.masked[stream];
        if masked.present.is_none() {
            masked.present = Some(
                raw.present() && {
                    masked.bits.0 = raw.bits.0;
                    kernels::and(&mut masked.bits, &self.masks[set]);
                    !kernels::is_empty(&masked.bits)
                },
            );
        }
        Ok(())
    }

    /// The stream's users on the loaded day, `None` where there is nobody.
    fn bits(&self, stream: usize) -> Option<&Bits> {
        let Stream { selector, set } = self.streams[stream];
        let loaded = if set.is_some() { &self.masked[stream] } else { &self.raw[selector] };
        loaded.present().then_some(&*loaded.bits)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ErrorKind;
    use crate::scan::{Input, Selector, SetKind};
    use crate::time::Day;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// Users 1 and 2 of every chunk, on every day; remembers what was read.
    struct Fake {
        days: Vec<Day>,
        damaged: Option<(u32, usize)>,
        reads: Mutex<BTreeMap<(usize, usize, u32), u32>>,
    }

    impl Fake {
        fn new(damaged: Option<(u32, usize)>) -> Fake {
            Fake { days: vec![-3, 0, 5], damaged, reads: Mutex::default() }
        }
    }

    impl Grid for Fake {
        fn chunks(&self) -> u32 {
            40
        }

        fn days(&self) -> &[Day] {
            &self.days
        }

        fn presence_into(
            &self,
            day: usize,
            selector: usize,
            chunk: u32,
            bits: &mut Bits,
        ) -> Result<bool> {
            *self.reads.lock().unwrap().entry((day, selector, chunk)).or_default() += 1;
            if self.damaged == Some((chunk, day)) {
                return Err(Error::corruption("days/7.day", 12, "block", "bad checksum"));
            }
            bits.insert(1);
            bits.insert(2);
            Ok(true)
        }

        fn counts(
            &self,
            _: usize,
            _: usize,
            _: u32,
            visit: &mut dyn FnMut(u16, u32),
        ) -> Result<()> {
            visit(1, 3);
            visit(2, 1);
            Ok(())
        }
    }

    /// Adds up users, and their rows, over all days.
    struct Adding;

    impl Operator for Adding {
        fn day(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<()> {
            tally.add(0, step.bits[0].map_or(0, kernels::count));
            step.counts(0, &mut |_, rows| tally.add(1, rows.into()))
        }

        fn finish(&mut self, _: &mut Tally) -> Result<()> {
            Ok(())
        }
    }

    fn job(from: Day, to: Day, users: Option<&SetKind>) -> Job<'_> {
        let inputs = vec![Input { selector: Selector::Any, from, to }];
        Job { inputs, users, sums: 2, operator: Box::new(|_| Box::new(Adding)) }
    }

    fn walked(grid: &Fake, jobs: &[Job<'_>]) -> Result<Vec<Vec<u64>>> {
        let layout = Layout::new(jobs, &|id| Ok(id.parse().ok())).unwrap();
        Ok(walk(grid, &layout, jobs)?.into_iter().map(|tally| tally.sums).collect())
    }

    #[test]
    fn jobs_share_what_is_read_and_keep_to_their_days_and_users() {
        let grid = Fake::new(None);
        let only = SetKind::Ids(vec!["1".into(), "65538".into(), "stranger".into()]);
        let jobs = [job(-3, 6, None), job(0, 5, None), job(-3, 6, Some(&only))];
        let sums = walked(&grid, &jobs).unwrap();
        assert_eq!(sums, [[240, 480], [80, 160], [6, 12]]);
        assert!(grid.reads.lock().unwrap().values().all(|reads| *reads == 1));
    }

    #[test]
    fn damage_is_an_error_never_a_figure() {
        for damaged in [(0, 0), (39, 2)] {
            let error = walked(&Fake::new(Some(damaged)), &[job(-3, 6, None)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption);
        }
        let beside = walked(&Fake::new(Some((39, 2))), &[job(-3, 5, None)]).unwrap();
        assert_eq!(beside, [[160, 320]]);
        let set = SetKind::Did {
            event: Selector::Any,
            from: Some(5),
            to: None,
            at_least: 1,
            at_most: None,
        };
        let error = walked(&Fake::new(Some((7, 2))), &[job(-3, 0, Some(&set))]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption);
    }
}

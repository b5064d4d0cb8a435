//! What the jobs of one scan share: selectors, sets of users, and streams of bits.

use super::Job;
use super::selector::Selector;
use super::sets::{Members, SetKind};
use crate::error::Result;
use crate::time::Day;

/// A selector that some job or set reads, with the days that any of them wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelectorUse {
    pub(crate) selector: Selector,
    pub(crate) from: Day,
    pub(crate) to: Day,
}

/// The bits of a selector, restricted to a set or not: turned out at most once a day and chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) selector: usize,
    pub(super) set: Option<usize>,
}

/// An input of a job, bound to its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoundInput {
    pub(super) stream: usize,
    pub(super) from: Day,
    pub(super) to: Day,
}

/// A job's share of the layout.
#[derive(Debug)]
pub(super) struct BoundJob {
    pub(super) inputs: Vec<BoundInput>,
    pub(super) set: Option<usize>,
}

/// Everything that the walk needs to know of its jobs, each thing once.
#[derive(Debug, Default)]
pub(super) struct Layout<'a> {
    selectors: Vec<SelectorUse>,
    queried_sets: Vec<&'a SetKind>,
    pub(super) sets: Vec<Members>,
    pub(super) streams: Vec<Stream>,
    pub(super) jobs: Vec<BoundJob>,
}

/// The ordinal of an id, if the snapshot knows it.
pub(super) type FindUser<'f> = dyn Fn(&str) -> Result<Option<u32>> + 'f;

impl<'a> Layout<'a> {
    pub(super) fn new(jobs: &[Job<'a>], find: &FindUser<'_>) -> Result<Layout<'a>> {
        let mut layout = Layout::default();
        for job in jobs {
            let set = job.users.map(|set| layout.set(set, find)).transpose()?;
            let inputs = job.inputs.iter().map(|input| {
                let selector = layout.selector(&input.selector, input.from, input.to);
                let stream = layout.stream(Stream { selector, set });
                BoundInput { stream, from: input.from, to: input.to }
            });
            let inputs = inputs.collect();
            layout.jobs.push(BoundJob { inputs, set });
        }
        Ok(layout)
    }

    pub(super) fn selectors(&self) -> &[SelectorUse] {
        &self.selectors
    }

    /// The days that some job reads, sets apart.
    pub(super) fn days(&self) -> (Day, Day) {
        let inputs = || self.jobs.iter().flat_map(|job| &job.inputs);
        let from = inputs().map(|input| input.from).min().unwrap_or(0);
        (from, inputs().map(|input| input.to).max().unwrap_or(from))
    }

    /// The selector's place, its days widened to hold `[from, to)`.
    pub(super) fn selector(&mut self, selector: &Selector, from: Day, to: Day) -> usize {
        let known = self.selectors.iter().position(|known| known.selector == *selector);
        let Some(place) = known else {
            self.selectors.push(SelectorUse { selector: selector.clone(), from, to });
            return self.selectors.len() - 1;
        };
        let known = &mut self.selectors[place];
        (known.from, known.to) = (known.from.min(from), known.to.max(to));
        place
    }

    fn stream(&mut self, stream: Stream) -> usize {
        self.streams.iter().position(|known| *known == stream).unwrap_or_else(|| {
            self.streams.push(stream);
            self.streams.len() - 1
        })
    }

    fn set(&mut self, set: &'a SetKind, find: &FindUser<'_>) -> Result<usize> {
        if let Some(place) = self.queried_sets.iter().position(|known| *known == set) {
            return Ok(place);
        }
        let members = Members::bind(set, self, find)?;
        self.queried_sets.push(set);
        self.sets.push(members);
        Ok(self.sets.len() - 1)
    }
}

//! What the jobs of one scan share: selectors, sets of users, streams of bits, and rows.

use super::bundle::{self, BoundBundle};
use super::groups::Groups;
use super::leaves::Leaves;
use super::narrow::{BoundNarrow, Narrow};
use super::rows::{BoundRows, Family, Needs, RowInput, RowJob, RowSegments, row_segments};
use super::selector::Selector;
use super::sets::{Members, SetKind};
use super::sizes::{BoundSizes, SizeJob};
use super::{Cut, Input, Job};
use crate::error::Result;
use crate::time::{Axis, Day, DaySpan, Micros, Tick};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// A selector that some job or set reads as presence, with the days that any of them wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelectorUse {
    pub(crate) selector: Selector,
    pub(crate) from: Day,
    pub(crate) to: Day,
}

/// Everybody who did a selector's events before a day, from the first-seen index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenUse {
    pub(crate) selector: Selector,
    pub(crate) before: Day,
}

/// The bits of a selector, restricted to a set or not: turned out at most once a day and chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) selector: usize,
    pub(super) set: Option<usize>,
}

/// Users who are found by looking at rows: at most once a day and chunk for all slots.
#[derive(Debug, Clone)]
pub(super) struct Derived {
    pub(super) filter: usize,
    pub(super) groups: Option<usize>,
    /// `None`: the database's days.
    pub(super) axis: Option<Arc<Axis>>,
    pub(super) counted: bool,
}

impl Derived {
    /// A day is one tick, and numbers of rows do not matter: all there is to know is who it is.
    pub(super) fn of_users(&self) -> bool {
        self.axis.is_none() && !self.counted
    }
}

/// Where the users of an input come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    Stream(usize),
    /// A derived one, and the slot of its groups.
    Derived(usize, usize),
}

/// An input of a job, bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoundInput {
    pub(super) origin: Origin,
    pub(super) from: Tick,
    pub(super) to: Tick,
    /// Who comes on the day before `from`.
    pub(super) seen: Option<usize>,
}

/// A job's share of the layout.
#[derive(Debug)]
pub(super) struct BoundJob {
    pub(super) inputs: Vec<BoundInput>,
    pub(super) set: Option<usize>,
    /// `None`: the database's days.
    pub(super) axis: Option<Arc<Axis>>,
    /// Days that hold an instant of the inputs' ticks.
    pub(super) places: Range<usize>,
    /// It is answered together with others.
    pub(super) bundled: bool,
}

/// Derived ones that are found together.
#[derive(Debug)]
pub(super) struct DerivedFamily {
    pub(super) family: Family,
    /// The derived one of each filter.
    pub(super) derived: Vec<usize>,
}

impl BoundJob {
    /// A job that has nothing to do by itself.
    fn bundled() -> BoundJob {
        BoundJob { inputs: Vec::new(), set: None, axis: None, places: 0..0, bundled: true }
    }

    /// Whether shares of the job can be worked on apart. Rows are read once for several jobs: those
    /// that need them stay in one piece.
    pub(super) fn is_cut(&self, cut: Option<&Cut>) -> bool {
        let presence = |input: &BoundInput| matches!(input.origin, Origin::Stream(_));
        cut.is_some() && self.inputs.iter().all(presence)
    }

    /// The buckets and the days of one of several shares; all of those of a job in one piece.
    pub(super) fn share(
        &self,
        cut: Option<&Cut>,
        (share, shares): (usize, usize),
        layout: &Layout,
    ) -> (Range<usize>, Range<usize>) {
        let (Some(Cut { edges, reach }), true) = (cut, self.is_cut(cut)) else {
            let buckets = cut.map_or(0, |cut| cut.edges.len().saturating_sub(1));
            return (0..buckets, self.places.clone());
        };
        let count = edges.len().saturating_sub(1);
        let buckets = count * share / shares..count * (share + 1) / shares;
        let days = match buckets.is_empty() {
            true => 0..0,
            false => {
                let end = edges[buckets.start + 1];
                let from = edges[buckets.start].min(end.saturating_sub(*reach));
                layout.days_between(from, edges[buckets.end])
            }
        };
        let from = self.places.start.max(days.start);
        (buckets, from..self.places.end.min(days.end).max(from))
    }
}

/// Rows that some row jobs read, all in the same way.
#[derive(Debug)]
pub(super) struct BoundRowJobs {
    pub(super) rows: BoundRows,
    pub(super) places: Range<usize>,
    /// Places of the jobs.
    pub(super) jobs: Vec<usize>,
    pub(super) narrow: Option<BoundNarrow>,
}

/// Everything that the walk needs to know of its jobs, each thing once.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Spans of the stored days.
    spans: Vec<DaySpan>,
    /// There is a first-seen index.
    indexed: bool,
    /// The days before this one were dropped: who was there is all that is known of them.
    days_from: Day,
    selectors: Vec<SelectorUse>,
    seen: Vec<SeenUse>,
    queried_sets: Vec<Arc<SetKind>>,
    pub(super) sets: Vec<Members>,
    /// Of all of the sets.
    pub(super) leaves: Leaves,
    pub(super) streams: Vec<Stream>,
    pub(super) derived: Vec<Derived>,
    /// Of each derived one, the family that finds it, if one does.
    pub(super) family_of: Vec<Option<usize>>,
    pub(super) families: Vec<DerivedFamily>,
    pub(super) jobs: Vec<BoundJob>,
    pub(super) bundles: Vec<BoundBundle>,
    pub(super) row_segments: Vec<RowSegments>,
    pub(super) row_jobs: Vec<BoundRowJobs>,
    pub(super) size_jobs: Vec<BoundSizes>,
    pub(super) needs: Needs,
    /// Places of the days that sets look at.
    of_sets: Vec<Range<usize>>,
}

/// The ordinal of an id, if the snapshot knows it.
pub(super) type FindUser<'f> = dyn Fn(&str) -> Result<Option<u32>> + 'f;

impl Layout {
    pub(super) fn new(
        jobs: &[Job<'_>],
        row_jobs: &[RowJob<'_>],
        size_jobs: &[SizeJob],
        (spans, indexed, days_from): (Vec<DaySpan>, bool, Day),
        find: &FindUser<'_>,
    ) -> Result<Layout> {
        let mut layout = Layout { spans, indexed, days_from, ..Layout::default() };
        let mut bundled = vec![false; jobs.len()];
        for bundle in bundle::bundles(jobs) {
            bundle.jobs().iter().for_each(|place| bundled[*place] = true);
            let bound = bundle.bind(jobs, &mut layout, find)?;
            layout.bundles.push(bound);
        }
        for (job, bundled) in jobs.iter().zip(bundled) {
            let bound = if bundled { BoundJob::bundled() } else { layout.job(job, find)? };
            layout.jobs.push(bound);
        }
        for (place, job) in row_jobs.iter().enumerate() {
            layout.row_job(place, job, find)?;
        }
        for job in size_jobs {
            let bound = layout.size_job(job, find)?;
            layout.size_jobs.push(bound);
        }
        layout.row_segments = row_segments(&mut layout.row_jobs, &layout.needs)?;
        layout.find_families()?;
        layout.leaves.find_families(&layout.needs)?;
        Ok(layout)
    }

    /// Derived ones by conditions on the same properties are found together.
    fn find_families(&mut self) -> Result<()> {
        self.family_of = vec![None; self.derived.len()];
        let fit = |derived: &Derived| derived.of_users() && derived.groups.is_none();
        let of_filters: HashMap<usize, usize> = (self.derived.iter().enumerate())
            .filter(|(_, derived)| fit(derived))
            .map(|(place, derived)| (derived.filter, place))
            .collect();
        let mut filters: Vec<usize> = of_filters.keys().copied().collect();
        filters.sort_unstable();
        for family in Family::of(&filters, &self.needs)? {
            let derived: Vec<usize> = family
                .filters
                .iter()
                .filter_map(|filter| of_filters.get(filter))
                .copied()
                .collect();
            derived.iter().for_each(|place| self.family_of[*place] = Some(self.families.len()));
            self.families.push(DerivedFamily { family, derived });
        }
        Ok(())
    }

    fn job(&mut self, job: &Job<'_>, find: &FindUser<'_>) -> Result<BoundJob> {
        let set = job.users.as_ref().map(|set| self.set(set, find)).transpose()?;
        let inputs: Vec<BoundInput> =
            job.inputs.iter().map(|input| self.input(job, input, set)).collect();
        let places = self.places_of(job, &inputs);
        let axis = job.axis.clone();
        Ok(BoundJob { inputs, set, axis, places, bundled: false })
    }

    /// The days that some of a job's inputs want.
    pub(super) fn places_of(&self, job: &Job<'_>, inputs: &[BoundInput]) -> Range<usize> {
        let from = inputs.iter().map(|input| input.from).min().unwrap_or(0);
        let to = inputs.iter().map(|input| input.to).max().unwrap_or(from);
        match &job.axis {
            None => self.days_between(from, to),
            Some(axis) => self.places(instant(axis, from), instant(axis, to)),
        }
    }

    /// The places of the days that anything of the scan may look at, sets included.
    pub(super) fn asked_places(&self) -> Vec<Range<usize>> {
        let jobs = self.jobs.iter().map(|job| job.places.clone());
        let bundles = self.bundles.iter().map(|bundle| bundle.places.clone());
        let rows = self.row_jobs.iter().map(|job| job.places.clone());
        let sizes = self.size_jobs.iter().map(|job| job.places.clone());
        let bits = self.selectors.iter().map(|wanted| self.days_between(wanted.from, wanted.to));
        jobs.chain(bundles)
            .chain(rows)
            .chain(sizes)
            .chain(bits)
            .chain(self.of_sets.clone())
            .collect()
    }

    /// A set looks at the days at these places.
    pub(super) fn asked_by_set(&mut self, places: &Range<usize>) {
        self.of_sets.push(places.clone());
    }

    pub(super) fn input(&mut self, job: &Job<'_>, input: &Input, set: Option<usize>) -> BoundInput {
        let plain = input.selector.conditions().is_empty() && input.slot.is_none();
        let plain = plain && job.axis.is_none();
        let seen = (input.seen_before && plain)
            .then(|| self.seen_before(&input.selector, input.from.max(self.days_from)))
            .flatten();
        let by_day = input.seen_before && seen.is_none();
        let from = if by_day { Tick::MIN } else { input.from };
        let dropped = by_day && plain && !self.indexed && self.days_from > Day::MIN;
        let dropped = dropped.then(|| self.first_day().min(input.from));
        let (seen, from) = match dropped {
            Some(first) => (Some(self.seen_on_dropped(&input.selector, first)), first),
            None => (seen, from),
        };
        let origin = if plain {
            let selector = self.selector(&input.selector, from, input.to);
            Origin::Stream(self.stream(Stream { selector, set }))
        } else {
            let slot = input.slot.as_ref().map_or(0, |(_, slot)| *slot);
            let groups = input.slot.as_ref().map(|(groups, _)| groups);
            Origin::Derived(self.derived(&input.selector, groups, job), slot)
        };
        BoundInput { origin, from, to: input.to, seen }
    }

    /// The place of those who did a selector's events before a day; `None`: only events tell.
    pub(super) fn seen_before(&mut self, selector: &Selector, before: Day) -> Option<usize> {
        if !self.indexed || !selector.conditions().is_empty() {
            return None;
        }
        let wanted = SeenUse { selector: selector.clone(), before };
        let known = self.seen.iter().position(|known| *known == wanted);
        Some(known.unwrap_or_else(|| {
            self.seen.push(wanted);
            self.seen.len() - 1
        }))
    }

    /// Days that were dropped are told by the history alone, and come before all others.
    fn seen_on_dropped(&mut self, selector: &Selector, first: Day) -> usize {
        self.seen.push(SeenUse { selector: selector.clone(), before: first });
        self.seen.len() - 1
    }

    fn first_day(&self) -> Day {
        self.spans.first().map_or(0, |span| span.day)
    }

    pub(super) fn seen(&self) -> &[SeenUse] {
        &self.seen
    }

    fn derived(
        &mut self,
        selector: &Selector,
        groups: Option<&Arc<Groups>>,
        job: &Job<'_>,
    ) -> usize {
        let filter = self.needs.filter(selector);
        let groups = groups.map(|groups| self.needs.groups(groups));
        let (axis, counted) = (job.axis.clone(), job.counted);
        let same_axis = |known: &Option<Arc<Axis>>| match (known, &axis) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        let known = self.derived.iter().position(|known| {
            let parts = (known.filter, known.groups, known.counted);
            parts == (filter, groups, counted) && same_axis(&known.axis)
        });
        known.unwrap_or_else(|| {
            self.derived.push(Derived { filter, groups, axis, counted });
            self.derived.len() - 1
        })
    }

    fn row_job(&mut self, place: usize, job: &RowJob<'_>, find: &FindUser<'_>) -> Result<()> {
        let set = job.users.as_ref().map(|set| self.set(set, find)).transpose()?;
        let mut rows = self.needs.rows(&job.input)?;
        rows.set = set;
        if let Some(known) = self.row_jobs.iter_mut().find(|known| known.rows == rows) {
            known.jobs.push(place);
            return Ok(());
        }
        let places = self.places(rows.from, rows.to);
        let narrow = rows.narrow.clone();
        let narrow = narrow.and_then(|narrow| self.narrow(narrow, &job.input, &places));
        self.row_jobs.push(BoundRowJobs { rows, places, jobs: vec![place], narrow });
        Ok(())
    }

    /// `None` where a day of the database holds times at which the first step counts and others at
    /// which it does not.
    fn narrow(
        &mut self,
        narrow: Narrow,
        input: &RowInput,
        places: &Range<usize>,
    ) -> Option<BoundNarrow> {
        let (from, to) = narrow.entries;
        let entries = self.places(from, to);
        if self.whole(&entries, from, to) != entries {
            return None;
        }
        let days = self.days(places);
        let selector = |selector| self.selector(selector, days.0, days.1);
        let selectors = input.selectors.iter().map(selector).collect();
        let (places, spans) = (places.clone(), self.spans.clone());
        Some(BoundNarrow { narrow, selectors, places, entries, spans })
    }

    fn size_job(&mut self, job: &SizeJob, find: &FindUser<'_>) -> Result<BoundSizes> {
        let set = job.users.as_ref().map(|set| self.set(set, find)).transpose()?;
        let places = self.places(job.from, job.to);
        Ok(BoundSizes {
            filter: self.needs.filter(&job.selector),
            groups: self.needs.groups(&job.groups),
            from: job.from,
            to: job.to,
            whole: self.whole(&places, job.from, job.to),
            places,
            set,
            daily: job.daily.clone(),
        })
    }

    pub(super) fn selectors(&self) -> &[SelectorUse] {
        &self.selectors
    }

    /// The span of the day at a place.
    pub(super) fn span(&self, place: usize) -> Option<DaySpan> {
        self.spans.get(place).copied()
    }

    /// The places of the days that some job reads, sets apart.
    pub(super) fn all_places(&self) -> Range<usize> {
        let bits = self.jobs.iter().map(|job| &job.places);
        let places = || {
            let rows = self.row_jobs.iter().map(|job| &job.places);
            let segments = self.row_segments.iter().map(|segments| &segments.places);
            let bundles = self.bundles.iter().map(|bundle| &bundle.places);
            bits.clone()
                .chain(rows)
                .chain(segments)
                .chain(bundles)
                .chain(self.size_jobs.iter().map(|job| &job.places))
        };
        let used = || places().filter(|places| !places.is_empty());
        let from = used().map(|places| places.start).min().unwrap_or(0);
        from..used().map(|places| places.end).max().unwrap_or(from)
    }

    /// Places of the days that hold an instant of `[from, to)`.
    pub(super) fn places(&self, from: Micros, to: Micros) -> Range<usize> {
        let first = self.spans.partition_point(|span| span.end <= from);
        first..self.spans.partition_point(|span| span.start < to).max(first)
    }

    /// Of some places, those of the days that lie in `[from, to)` wholly.
    pub(super) fn whole(&self, places: &Range<usize>, from: Micros, to: Micros) -> Range<usize> {
        let inside = |place: &usize| {
            self.spans.get(*place).is_some_and(|span| from <= span.start && span.end <= to)
        };
        let first = places.clone().find(inside).unwrap_or(places.end);
        first..places.clone().rev().find(inside).map_or(first, |last| last + 1).max(first)
    }

    fn days_between(&self, from: Day, to: Day) -> Range<usize> {
        let place = |day: Day| self.spans.partition_point(|span| span.day < day);
        place(from)..place(to).max(place(from))
    }

    /// The days at some places, as a range of days.
    pub(super) fn days(&self, places: &Range<usize>) -> (Day, Day) {
        let day = |place: usize| self.spans.get(place).map(|span| span.day);
        let first = day(places.start).unwrap_or(0);
        let last = places.end.checked_sub(1).filter(|last| *last >= places.start).and_then(day);
        (first, last.map_or(first, |last| last.saturating_add(1)))
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

    pub(super) fn set(&mut self, set: &Arc<SetKind>, find: &FindUser<'_>) -> Result<usize> {
        if let Some(place) = self.queried_sets.iter().position(|known| known == set) {
            return Ok(place);
        }
        let members = Members::bind(set, self, find)?;
        self.queried_sets.push(set.clone());
        self.sets.push(members);
        Ok(self.sets.len() - 1)
    }
}

/// Where a tick starts; the ends of all ticks are those of all time.
fn instant(axis: &Axis, tick: Tick) -> Micros {
    match tick {
        Tick::MIN => Micros::MIN,
        Tick::MAX => Micros::MAX,
        tick => axis.start(tick),
    }
}

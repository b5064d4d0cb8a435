//! Events for many segments at once: jobs that differ only in whom or what they count. Each event
//! is put together once and handed to the jobs whose segment it is in.

use super::RowEvent;
use super::alike::{Alike, alike_on};
use super::block::BlockRows;
use super::dispatch::{Family, Known, Row};
use super::grid::DayBlocks;
use super::mask::Mask;
use super::needs::Needs;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::scan::layout::BoundRowJobs;
use crate::time::{DaySpan, Micros};
use std::ops::Range;
use std::sync::Arc;

/// Jobs on the same rows, which want no order of them.
#[derive(Debug)]
pub(in crate::scan) struct RowSegments {
    from: Micros,
    to: Micros,
    property: Option<usize>,
    /// Times matter only so far as they lie between two of these; none: every time matters.
    edges: Arc<[Micros]>,
    pub(in crate::scan) nobody: bool,
    pub(in crate::scan) places: Range<usize>,
    segments: Vec<Segment>,
    /// All that some segment asks for.
    filters: Vec<usize>,
    /// Each with the segments of each of its filters.
    families: Vec<(Family, Vec<Vec<usize>>)>,
    /// Filters that are of no family, with their segments.
    alone: Vec<(usize, Vec<usize>)>,
}

#[derive(Debug)]
struct Segment {
    set: Option<usize>,
    jobs: Vec<usize>,
}

/// What a job gets.
pub(in crate::scan) enum Got<'e> {
    Event(&'e RowEvent),
    Alike(&'e Alike<'e>),
}

/// What is done with that.
type Visit<'v> = dyn FnMut(usize, Got<'_>) -> Result<()> + 'v;

/// Takes the jobs that differ in their segments only out of the list, where there are several.
pub(in crate::scan) fn row_segments(
    jobs: &mut Vec<BoundRowJobs>,
    needs: &Needs,
) -> Result<Vec<RowSegments>> {
    let mut groups: Vec<Vec<BoundRowJobs>> = Vec::new();
    let mut others = Vec::new();
    for job in jobs.drain(..) {
        let same = |known: &&mut Vec<BoundRowJobs>| known.first().is_some_and(|k| alike(k, &job));
        match groups.iter_mut().find(same) {
            _ if !is_segment(&job, needs)? => others.push(job),
            Some(known) => known.push(job),
            None => groups.push(vec![job]),
        }
    }
    let mut bound = Vec::new();
    for group in groups {
        match group.len() {
            0 | 1 => others.extend(group),
            _ => bound.push(RowSegments::new(group, needs)?),
        }
    }
    *jobs = others;
    Ok(bound)
}

/// Whether a job's events can be handed out one by one, and not all of them are its own.
fn is_segment(job: &BoundRowJobs, needs: &Needs) -> Result<bool> {
    let rows = &job.rows;
    let [filter] = rows.filters[..] else { return Ok(false) };
    let plain = rows.numbering.is_none() && !rows.activities && job.narrow.is_none();
    let some = rows.set.is_some() || !needs.filter_of(filter)?.clauses.is_empty();
    Ok(rows.unordered && plain && some)
}

fn alike(a: &BoundRowJobs, b: &BoundRowJobs) -> bool {
    let asked = |job: &BoundRowJobs| {
        let rows = &job.rows;
        (rows.from, rows.to, rows.property, rows.nobody, rows.edges.clone())
    };
    asked(a) == asked(b)
}

impl RowSegments {
    fn new(jobs: Vec<BoundRowJobs>, needs: &Needs) -> Result<RowSegments> {
        let (mut segments, mut filters) = (Vec::new(), Vec::new());
        let mut of_filters: Vec<(usize, Vec<usize>)> = Vec::new();
        let (mut asked, mut places) = ((0, 0, None, false, Arc::default()), 0..0);
        for (segment, BoundRowJobs { rows, places: days, jobs, .. }) in jobs.into_iter().enumerate()
        {
            asked = (rows.from, rows.to, rows.property, rows.nobody, rows.edges);
            places = days;
            segments.push(Segment { set: rows.set, jobs });
            for filter in rows.filters {
                match of_filters.iter_mut().find(|(known, _)| *known == filter) {
                    Some((_, known)) => known.push(segment),
                    None => of_filters.push((filter, vec![segment])),
                }
                filters.push(filter);
            }
        }
        let (from, to, property, nobody, edges) = asked;
        filters.sort_unstable();
        filters.dedup();
        let families = Family::of(&filters, needs)?.into_iter().map(|family| {
            let of = |filter: &usize| {
                let found = of_filters.iter_mut().find(|(known, _)| known == filter);
                found.map(|(_, segments)| std::mem::take(segments)).unwrap_or_default()
            };
            let segments = family.filters.iter().map(of).collect();
            (family, segments)
        });
        let families = families.collect();
        of_filters.retain(|(_, segments)| !segments.is_empty());
        let alone = of_filters;
        Ok(RowSegments {
            from,
            to,
            property,
            edges,
            nobody,
            places,
            segments,
            filters,
            families,
            alone,
        })
    }

    /// What is found out of values in a chunk.
    pub(in crate::scan) fn known(&self) -> Vec<Known> {
        self.families.iter().map(|_| Known::default()).collect()
    }

    /// Hands out a day, in no order. `masks`: of the sets.
    pub(in crate::scan) fn day(
        &self,
        known: &mut [Known],
        (span, day): (Option<DaySpan>, &DayBlocks<'_, '_>),
        masks: &[Box<Bits>],
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let alike_at = span.and_then(|span| alike_on(&self.edges, span));
        day.each(&self.filters, &[], &mut |block| {
            let wants = |filter: Option<&usize>| {
                filter.is_some_and(|filter| day.grid.wants(*filter, block.activity))
            };
            let mut told = Told { of: self, block, day, masks, visit };
            for ((family, segments), known) in self.families.iter().zip(&mut *known) {
                if wants(family.filters.first()) {
                    known.each_row(family, block, day, &mut |passing, row| {
                        let of = |filter: &u32| segments.get(*filter as usize);
                        told.event(row, passing.iter().filter_map(of).flatten())
                    })?;
                }
            }
            for (filter, segments) in &self.alone {
                if wants(Some(filter)) {
                    let mask = block.mask(*filter, &day.grid.needs, day.reads)?;
                    match alike_at.filter(|_| !block.block.users().is_empty()) {
                        Some(at) => told.alike(at, &mask, segments)?,
                        None => told.alone(&mask, segments)?,
                    }
                }
            }
            Ok(())
        })
    }
}

/// A block whose rows are handed out.
struct Told<'t, 'b, 'g, 's, 'v> {
    of: &'t RowSegments,
    block: &'t BlockRows<'b>,
    day: &'t DayBlocks<'g, 's>,
    masks: &'t [Box<Bits>],
    visit: &'t mut Visit<'v>,
}

impl Told<'_, '_, '_, '_, '_> {
    /// The rows that a filter lets pass.
    fn alone(&mut self, mask: &Mask, segments: &[usize]) -> Result<()> {
        if *mask == Mask::None {
            return Ok(());
        }
        let (users, counts) = (self.block.block.users(), self.block.block.counts());
        let rows = if users.is_empty() { self.block.block.rows() } else { 0 };
        for row in (0..rows).filter(|row| mask.passes(0, *row)) {
            self.event(Row { user: 0, low: 0, row }, segments.iter())?;
        }
        let mut row = 0;
        for (user, &low) in users.iter().enumerate() {
            let end = row + counts.get(user).map_or(1, |count| *count as usize);
            for row in (row..end).filter(|row| mask.passes(user, *row)) {
                self.event(Row { user, low, row }, segments.iter())?;
            }
            row = end;
        }
        Ok(())
    }

    /// The rows that a filter lets pass, all of a day at once.
    fn alike(&mut self, at: Micros, mask: &Mask, segments: &[usize]) -> Result<()> {
        if *mask == Mask::None {
            return Ok(());
        }
        let (needs, reads) = (&self.day.grid.needs, self.day.reads);
        let column = self.of.property.map(|property| self.block.column(property, needs, reads));
        let column = column.transpose()?.flatten();
        let per_user = column.is_some_and(|column| column.per_user);
        let (users, counts) = (self.block.block.users(), self.block.block.counts());
        let (mut rows, mut row) = (Vec::with_capacity(self.block.block.rows()), 0);
        for (user, &low) in users.iter().enumerate() {
            let end = row + counts.get(user).map_or(1, |count| *count as usize);
            for row in (row..end).filter(|row| mask.passes(user, *row)) {
                let place = if per_user { user } else { row };
                rows.push((low, column.and_then(|column| column.number(column.cells.get(place)))));
            }
            row = end;
        }
        let mut numbers = Vec::with_capacity(rows.len());
        for segment in segments.iter().filter_map(|segment| self.of.segments.get(*segment)) {
            let set = segment.set.map(|set| self.masks.get(set));
            let holds = |low| set.is_none_or(|mask| mask.is_some_and(|mask| mask.contains(low)));
            numbers.clear();
            let mut count = 0;
            for (_, number) in rows.iter().filter(|(low, _)| holds(*low)) {
                count += 1;
                numbers.extend(*number);
            }
            if count > 0 {
                let some = Alike::some(at, count, &numbers);
                let mut jobs = segment.jobs.iter();
                jobs.try_for_each(|job| (self.visit)(*job, Got::Alike(&some)))?;
            }
        }
        Ok(())
    }

    /// One row, for those of some segments that it is in.
    fn event<'i>(&mut self, row: Row, segments: impl Iterator<Item = &'i usize>) -> Result<()> {
        let somebody = !self.block.block.users().is_empty();
        let (of, masks) = (self.of, self.masks);
        let holds = |segment: &&Segment| match segment.set {
            None => true,
            Some(set) => somebody && masks.get(set).is_some_and(|mask| mask.contains(row.low)),
        };
        let segments = segments.filter_map(|segment| of.segments.get(*segment)).filter(holds);
        let mut event = None;
        for segment in segments {
            let event = match &event {
                Some(event) => event,
                None => event.insert(self.read(row)?),
            };
            if !(of.from..of.to).contains(&event.at) {
                return Ok(());
            }
            segment.jobs.iter().try_for_each(|job| (self.visit)(*job, Got::Event(event)))?;
        }
        Ok(())
    }

    fn read(&self, Row { user, row, .. }: Row) -> Result<RowEvent> {
        let times = self.block.times(self.day.reads)?;
        let number = match self.of.property {
            None => None,
            Some(property) => {
                let needs = &self.day.grid.needs;
                let column = self.block.column(property, needs, self.day.reads)?;
                column.and_then(|column| {
                    let place = if column.per_user { user } else { row };
                    column.number(column.cells.get(place))
                })
            }
        };
        let at = times.get(row).copied().unwrap_or_default();
        Ok(RowEvent { at, mask: 1, activity: 0, group: 0, number })
    }
}

//! `value`: one measure of events, of their users or of a property, per bucket.

mod counted;
mod distinct;
mod measures;

use super::cells::Slots;
use super::prepared::{Instants, Outcome};
use super::rank::Ranking;
use super::{Prepared, Question, active};
use crate::error::Result;
use crate::query::answer::Figures;
use crate::query::{Measure, ValueReport};
use crate::scan::{Counted, Groups, Numbering, RowInput, RowJob, Selector};
use distinct::{Distinct, ValuesBySlot};
use measures::{Figure, Measures, Rules, column};
use std::sync::Arc;

pub(super) fn prepare<'a>(question: &Question<'a>, value: &'a ValueReport) -> Prepared<'a> {
    match value.measure {
        Measure::Users => of_users(question, &value.event),
        Measure::Distinct => of_values(question, value),
        _ => counted::prepare(question, value).unwrap_or_else(|| of_rows(question, value)),
    }
}

/// By the measure, over the whole range.
pub(super) fn ranking<'a>(question: &Question<'a>, value: &'a ValueReport) -> Ranking<'a> {
    let (users, measure) = (question.plan.users.clone(), value.measure);
    let (from, to) = question.instants().range();
    let instants = Instants::new([from, to].into());
    if measure == Measure::Distinct {
        let (input, numbered) = values_input(question, value);
        let job = RowJob::new(input, users, move || Distinct::new(instants.clone()));
        let rank = move |groups: &Groups, top: usize, counted: Counted| {
            groups.rank(&counted.take::<Distinct>()?.sizes(&numbered.keys(), groups)?, top);
            Ok(())
        };
        return Ranking::Rows(job, Box::new(rank));
    }
    let rules = Arc::new(Rules { measure, instants, slots: Slots::Numbered });
    let make = move || Measures::new(Arc::clone(&rules));
    let job = RowJob::new(input(question, value), users, make);
    let rank = move |groups: &Groups, top: usize, counted: Counted| {
        let mut cells = counted.take::<Measures>()?.cells;
        let size = |group| {
            let cell = cells.take_met(group, 0);
            cell.map(|cell| cell.size(measure)).transpose()
        };
        let sizes = (0..groups.numbering().met()).map(size).collect::<Result<Vec<_>>>()?;
        groups.rank(&sizes, top);
        Ok(())
    };
    Ranking::Rows(job, Box::new(rank))
}

/// Users are who was there: no row needs to be read.
fn of_users<'a>(question: &Question<'a>, event: &Selector) -> Prepared<'a> {
    let Prepared { bits, rows, figures } = active::prepare(question, event, None);
    let renamed = move |question: &Question<'a>, outcome: Outcome| {
        let mut answered = figures(question, outcome)?;
        for one in &mut answered {
            if let Figures::Columns(columns) = &mut one.figures {
                columns.iter_mut().for_each(|(name, _)| *name = "value");
            }
        }
        Ok(answered)
    };
    Prepared { bits, rows, figures: Box::new(renamed) }
}

fn of_rows<'a>(question: &Question<'a>, value: &'a ValueReport) -> Prepared<'a> {
    let (measure, slots) = (value.measure, Slots::of(question));
    let rules = Arc::new(Rules { measure, instants: question.instants(), slots });
    let make = move || Measures::new(Arc::clone(&rules));
    let job = RowJob::new(input(question, value), question.plan.users.clone(), make);
    Prepared::of_rows(job, move |question, counted| {
        let mut cells = counted.take::<Measures>()?.cells;
        let slots = (0..question.slots()).map(|slot| {
            let figures = (0..question.plan.buckets.len())
                .map(|bucket| cells.take(slot, bucket).figure(measure));
            Ok(columns(question, measure, &figures.collect::<Result<Vec<_>>>()?))
        });
        slots.collect()
    })
}

fn columns(question: &Question<'_>, measure: Measure, figures: &[Option<Figure>]) -> Figures {
    let begun = question.begun(|bucket| figures.get(bucket).copied().flatten());
    Figures::Columns(vec![("value", column(measure, begun))])
}

fn input(question: &Question<'_>, value: &ValueReport) -> RowInput {
    let (from, to) = question.instants().range();
    let selectors = match (value.measure, &value.of) {
        (Measure::Share, Some(of)) => vec![of.clone(), value.event.clone()],
        _ => vec![value.event.clone()],
    };
    let number = value.property.clone().filter(|_| value.measure.reads_property());
    let numbering = question.numbering();
    let unordered = !value.measure.is_per_user();
    let edges = question.instants().edges().into();
    let all = RowInput { nobody: true, unordered, edges, ..RowInput::default() };
    RowInput { selectors, from, to, number, numbering, ..all }
}

/// Distinct values of a property are groups of a breakdown by it.
fn of_values<'a>(question: &Question<'a>, value: &'a ValueReport) -> Prepared<'a> {
    let (input, numbered) = values_input(question, value);
    let instants = question.instants();
    let make = move || Distinct::new(instants.clone());
    let job = RowJob::new(input, question.plan.users.clone(), make);
    Prepared::of_rows(job, move |question, counted| {
        let (slots, groups) = (question.slots(), question.groups.as_deref());
        let values = ValuesBySlot::new(&numbered.keys(), groups, slots)?;
        let counts = counted.take::<Distinct>()?.counts(&values);
        let column = |counts: &Vec<u64>| ("value", question.counts(counts));
        Ok(counts.iter().map(|counts| Figures::Columns(vec![column(counts)])).collect())
    })
}

/// The values are numbered together with the breakdown's.
fn values_input(question: &Question<'_>, value: &ValueReport) -> (RowInput, Arc<Numbering>) {
    let groups = question.groups.iter().flat_map(|groups| groups.properties());
    let properties = groups.chain(&value.property).cloned().collect();
    let numbered = Numbering::new(properties);
    let numbering = Some(Arc::clone(&numbered));
    (RowInput { number: None, numbering, ..input(question, value) }, numbered)
}

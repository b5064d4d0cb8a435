//! `users`: the people of a set, page by page, and what is known of each.

mod page;
mod persons;

use super::count::{People, people};
use super::prepared::{Answered, Outcome};
use super::{Prepared, Question};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Value;
use crate::query::answer::{Column, Figures};
use crate::query::{Person, PersonColumn};
use crate::scan::{Counted, RowInput, RowJob, Tally, kernels};
use crate::time::Zone;
use page::{Entry, Listing};
use persons::{Asked, Cell, Days, Persons};
use std::sync::Arc;

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    limit: u32,
    after: Option<&'a str>,
    person: &'a Person,
) -> Prepared<'a> {
    let job = people(question, 0, |chunk| People::new(chunk, true));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let figures = move |question: &Question<'a>, mut outcome: Outcome| {
        let people = ordinals(outcome.tallies.pop().unwrap_or_default());
        let persons = outcome.rows.pop().map(Counted::take::<Persons>).transpose()?;
        let listing = Listing::new(&question.snapshot.users, people, persons, person);
        let (entries, more) = listing.page(limit, after)?;
        let zone = question.plan.zone();
        let columns = person.with.iter().map(|column| {
            let cells = entries.iter().map(|(_, place)| listing.cell(*column, *place));
            Ok((column.as_str(), column_of(zone, *column, cells)?))
        });
        let columns = columns.collect::<Result<_>>()?;
        let ids: Vec<String> = entries.into_iter().map(text).collect::<Result<_>>()?;
        let next = ids.last().filter(|_| more).cloned();
        Ok(vec![Answered::of(0, Figures::Users { ids, columns, next })])
    };
    let rows = Vec::from_iter(rows(question, person));
    Prepared { bits: vec![job], rows, figures: Box::new(figures) }
}

/// What has to be read of each person's events; `None` where nothing is asked for.
fn rows<'a>(question: &Question<'a>, person: &Person) -> Option<RowJob<'a>> {
    let order_by = person.order_by.filter(|column| !person.with.contains(column));
    let columns: Vec<PersonColumn> = person.with.iter().copied().chain(order_by).collect();
    if columns.is_empty() {
        return None;
    }
    let reads_property = columns.iter().any(|column| column.reads_property());
    let (from, to) = question.plan.instants();
    let input = RowInput {
        selectors: vec![person.event.clone()],
        from,
        to,
        number: person.property.clone().filter(|_| reads_property),
        ..RowInput::default()
    };
    let asked = Arc::new(Asked { days: days(question, &columns), columns });
    let make = move || Persons::new(Arc::clone(&asked));
    Some(RowJob::new(input, question.plan.users.clone(), make))
}

/// The days of the range, where a column counts them.
fn days(question: &Question<'_>, columns: &[PersonColumn]) -> Days {
    use PersonColumn::{Days as InDays, Months, Weeks};
    let counts_days = columns.iter().any(|column| matches!(column, InDays | Weeks | Months));
    let range = question.plan.from..=question.plan.to;
    let starts = range.filter(|_| counts_days).map(|day| (day, question.start_of(day)));
    Days::new(&starts.collect::<Vec<_>>(), question.plan.week_start)
}

/// The users of all chunks, ascending.
fn ordinals(mut tally: Tally) -> Vec<u32> {
    tally.members.sort_unstable_by_key(|(chunk, _)| *chunk);
    let mut ordinals = Vec::new();
    for (chunk, bits) in &tally.members {
        kernels::for_each(bits, |low| ordinals.push(chunk << 16 | u32::from(low)));
    }
    ordinals
}

fn column_of<'c>(
    zone: &Zone,
    column: PersonColumn,
    cells: impl Iterator<Item = Cell<'c>>,
) -> Result<Column> {
    Ok(match column {
        PersonColumn::First | PersonColumn::Last => {
            Column::Instants(cells.map(|cell| Some(zone.format(cell.instant()?))).collect())
        }
        PersonColumn::Sum | PersonColumn::LastValue => {
            let amount = |cell: Cell<'_>| Ok(cell.number()?.map(Value::from));
            Column::Amounts(cells.map(amount).collect::<Result<_>>()?)
        }
        _ => Column::Counts(cells.map(Cell::count).collect()),
    })
}

fn text((id, _): Entry) -> Result<String> {
    String::from_utf8(id).map_err(|_| {
        Error::new(ErrorKind::Corruption, "the user dictionary holds an id that is not text")
    })
}

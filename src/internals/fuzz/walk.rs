//! Reads all that a section tells, by every way that questions take.

use crate::codec::bits::Bits;
use crate::day::block::Block;
use crate::day::datum::KindSet;
use crate::day::section::{ActivityCode, Section};
use crate::error::Result;

/// Names and chunks that are looked at.
const NAMES_MAX: u16 = 6;
const CHUNKS: u32 = 3;

/// Whether a verification finds nothing; whatever it says, nothing else may panic.
pub(super) fn walk(section: &Section) -> bool {
    let verified = section.verify();
    for activity in 0..NAMES_MAX {
        for chunk in (0..CHUNKS).map(Some).chain([None]) {
            let _ = block(section, activity, chunk);
        }
    }
    for chunk in 0..CHUNKS {
        let _ = everyone(section, chunk);
        let _ = presence(section, ActivityCode::Any, chunk);
        for activity in 0..NAMES_MAX {
            let _ = presence(section, ActivityCode::Named(activity), chunk);
        }
    }
    let _ = properties(section);
    let _ = section.has_insert_id(1);
    verified.is_ok()
}

fn some_properties(section: &Section) -> Result<Vec<Box<str>>> {
    Ok(section.property_names()?.iter().take(NAMES_MAX.into()).cloned().collect())
}

fn presence(section: &Section, activity: ActivityCode, chunk: u32) -> Result<()> {
    let presence = section.presence(activity, chunk)?;
    let (mut bits, mut users) = (Bits::EMPTY, 0);
    presence.or_into(&mut bits);
    presence.for_each(|_| users += 1);
    assert_eq!(users, presence.cardinality(), "users of a chunk");
    section.counts(activity, chunk, &mut |_, _| {})
}

fn everyone(section: &Section, chunk: u32) -> Result<()> {
    let Some(everyone) = section.everyone(chunk)? else { return Ok(()) };
    let _ = everyone.users();
    for property in some_properties(section)? {
        let (_, _) = (everyone.tells(&property), everyone.codes(&property));
    }
    everyone.block().and_then(|block| columns(section, &block))
}

fn block(section: &Section, activity: u16, chunk: Option<u32>) -> Result<()> {
    let everyone = chunk.map_or(Ok(None), |chunk| section.everyone(chunk))?;
    if let Some(block) = section.block(activity, chunk, everyone.as_ref())? {
        let _ = block.times();
        let _ = block.times_at(&[(0, 0), (1, 0), (1_000, 2)]);
        columns(section, &block)?;
    }
    let Some(chunk) = chunk else { return Ok(()) };
    let _ = section.rows_about(activity, chunk);
    for property in some_properties(section)? {
        let _ = section.indexed(activity, &property, chunk);
        let _ = section.always_has(activity, &property, chunk);
    }
    Ok(())
}

fn columns(section: &Section, block: &Block<'_>) -> Result<()> {
    let (rows, _, _) = (block.rows(), block.users(), block.counts());
    for property in some_properties(section)? {
        let Ok(Some(column)) = block.column(&property) else { continue };
        for place in 0..column.cells.len().min(rows).min(100) {
            let cell = column.cells.get(place);
            let (_, _) = (column.datum(cell).map(drop), column.number(cell));
        }
        for code in 0..column.texts().min(100) as u32 {
            let _ = column.text(code);
        }
    }
    Ok(())
}

fn properties(section: &Section) -> Result<()> {
    for property in some_properties(section)? {
        let _ = section.kinds(&property, KindSet::NONE);
        let _ = section.few_texts(&property);
        let _ = section.amounts_of(ActivityCode::Any, &property);
        let _ = section.amounts_of(ActivityCode::Named(0), &property);
    }
    Ok(())
}

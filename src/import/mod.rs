//! Bulk import: files of events to finished day files, committed as one.
//!
//! One thread opens the sources in order, takes their fingerprint and cuts them into blocks of
//! whole rows; some parse blocks into compact rows or reasons; the caller's own thread takes their
//! results in order, numbers the users and lays each row to its day, in memory up to a limit and in
//! a temporary file beyond it. When all is read, days are built in parallel and written in order.
//! Nothing of it is seen before the one commit at the end, and so nothing happened when a source is
//! damaged, a row is bad under `strict`, or the same import was applied before.

mod blocks;
mod build;
mod columns;
mod csv;
mod files;
mod maker;
mod ndjson;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod partition;
mod pipeline;
mod read;
mod rejects;
mod rows;
mod source;
#[cfg(test)]
mod tests;

use crate::catalog::ledger::LedgerEntry;
use crate::error::{Error, Result};
use crate::snapshot::SnapshotSection;
use crate::time::{Day, Zone, format_day};
use crate::write::Writer;
use crate::write::bulk::{Bulk, BulkCounts, BulkStart, Replace};
use build::{BuildCounts, BuildInput, StoredIds, build};
use files::Files;
use maker::{Bounds, Settings, Times};
use partition::Partition;
use read::{ReadAll, Reading, read_all};
use rejects::Rejects;
use rows::Shared;
use std::collections::HashMap;
use std::sync::Arc;

pub use options::{
    ImportFormat, ImportOptions, ImportReceipt, ImportStage, ImportTime, Progress, RejectedRow,
    ReplaceDays, Source, ValueType,
};

/// Imports the sources, in the order given, as one commit.
pub(crate) fn import(
    writer: &Writer,
    options: &ImportOptions,
    sources: Vec<Source>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<ImportReceipt> {
    options.check()?;
    if sources.is_empty() {
        return Err(Error::input("there is nothing to import: name a file"));
    }
    let mut bulk = match writer.bulk(options.batch_id.as_deref())? {
        BulkStart::Repeated(entry) => return Ok(repeated(&entry)),
        BulkStart::Ready(bulk) => bulk,
    };
    let settings = settings(&mut bulk, options)?;
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let shared = Shared::default();
    let dir = bulk.temp_dir()?;
    let partition = Partition::new(options.memory_bytes, dir.clone());
    let reading =
        Reading { options, settings: &settings, shared: &shared, dir: &dir, threads, progress };
    let rejects = Rejects::new(options.rejects.as_deref(), options.strict);
    let read = read_all(&reading, sources, &mut bulk, partition, rejects)?;
    if options.batch_id.is_none()
        && let Some(entry) = bulk.name(&format!("import-{:032x}", read.fingerprint))?
    {
        return Ok(repeated(&entry));
    }
    finish(bulk, &reading, read)
}

fn settings(bulk: &mut Bulk<'_>, options: &ImportOptions) -> Result<Settings> {
    let calendar = bulk.calendar().clone();
    let zone = match &options.time_zone {
        Some(name) => Zone::named(name)?,
        None => calendar.zone().clone(),
    };
    let (before, after) = (options.not_before.as_deref(), options.not_after.as_deref());
    let bounds = Bounds::new(&calendar, before, after)?;
    let times = Times::new(options.time_format, zone);
    let (catalog, id_seed) = (bulk.catalog().clone(), bulk.numbers().seed());
    Ok(Settings { times, calendar, catalog, bounds, id_seed })
}

fn repeated(entry: &LedgerEntry) -> ImportReceipt {
    ImportReceipt {
        accepted: entry.accepted,
        without_user: entry.without_user,
        duplicates: entry.duplicates,
        rejected: entry.rejected,
        repeated: true,
        ..ImportReceipt::default()
    }
}

/// Builds what was read and commits it.
fn finish(mut bulk: Bulk<'_>, reading: &Reading<'_>, read: ReadAll) -> Result<ImportReceipt> {
    let ReadAll { partition, mut rejects, mut warnings, bytes, .. } = read;
    let counts = build_all(&mut bulk, reading, partition, (bytes, rejects.count))?;
    let options = reading.options;
    if options.insert_id.is_none() && options.replace_days == ReplaceDays::Off {
        warnings.extend(overlap(&bulk, &counts));
    }
    let new_users = bulk.numbers().new_ids().len() as u64;
    rejects.publish()?;
    let bulk_counts = BulkCounts {
        accepted: counts.accepted,
        without_user: counts.without_user,
        duplicates: counts.duplicates,
        rejected: rejects.count,
    };
    let days = counts.activities.len() as u64;
    let replace = match options.replace_days {
        ReplaceDays::Off => Replace::Nothing,
        ReplaceDays::Activities => Replace::Activities(counts.activities),
        ReplaceDays::All => Replace::WholeDays(counts.activities.into_keys().collect()),
    };
    let removed = bulk.commit(bulk_counts, replace)?;
    Ok(ImportReceipt {
        accepted: counts.accepted,
        without_user: counts.without_user,
        duplicates: counts.duplicates,
        rejected: rejects.count,
        first_rejects: std::mem::take(&mut rejects.first),
        repeated: false,
        removed: removed.values().flat_map(|activities| activities.values()).sum(),
        days,
        new_users,
        warnings,
    })
}

fn build_all(
    bulk: &mut Bulk<'_>,
    reading: &Reading<'_>,
    partition: Partition,
    (bytes, rejected): (u64, u64),
) -> Result<BuildCounts> {
    let properties = partition.properties();
    let (parts, spill) = partition.into_parts();
    // On replaced days what is stored goes away: it makes no duplicates.
    let is_asked =
        reading.options.insert_id.is_some() && reading.options.replace_days == ReplaceDays::Off;
    let stored =
        stored_sections(bulk, is_asked.then_some(&parts).into_iter().flatten().map(|p| *p.0));
    let is_stored = |day: Day, id: u128| match stored.get(&day) {
        Some(sections) => any_has(sections, id),
        None => Ok(false),
    };
    let is_stored: &StoredIds<'_> = &is_stored;
    let input = BuildInput {
        parts,
        spill,
        tables: &reading.shared.take_tables(),
        properties,
        calendar: &reading.settings.calendar,
        stored: is_asked.then_some(is_stored),
        threads: reading.threads,
        memory: reading.options.memory_bytes.saturating_mul(2),
    };
    let rows = std::cell::Cell::new(0);
    let tell = |done| {
        rows.set(rows.get() + done);
        let (stage, bytes_total) = (ImportStage::Building, Some(bytes));
        (reading.progress)(Progress { stage, bytes, bytes_total, rows: rows.get(), rejected });
    };
    let mut files = Files::new(bulk);
    let counts = build(input, |section| files.add(section), &tell)?;
    files.finish()?;
    Ok(counts)
}

type StoredSections = Arc<[Arc<SnapshotSection>]>;

fn stored_sections(
    bulk: &Bulk<'_>,
    days: impl Iterator<Item = Day>,
) -> HashMap<Day, StoredSections> {
    let snapshot = bulk.snapshot();
    days.filter_map(|day| {
        let stored = snapshot.days_in(day, day.saturating_add(1)).first()?;
        Some((day, Arc::clone(&stored.sections)))
    })
    .collect()
}

fn any_has(sections: &StoredSections, id: u128) -> Result<bool> {
    for section in sections.iter() {
        if section.section.has_insert_id(id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rows that nothing tells from those stored before, on the same days.
fn overlap(bulk: &Bulk<'_>, counts: &BuildCounts) -> Option<String> {
    let snapshot = bulk.snapshot();
    let is_stored = |day: &Day| !snapshot.days_in(*day, day.saturating_add(1)).is_empty();
    let mut days = counts.activities.keys().copied().filter(is_stored);
    let first = days.next()?;
    let (last, count) = days.fold((first, 1), |(_, count), day| (day, count + 1));
    let (first, last) = (format_day(first), format_day(last));
    Some(format!(
        "{count} of the days ({first} to {last}) had events already: if these are the same ones, \
         they now count twice. To replace what such days hold, import with replace-days; to have \
         repeats left out, name a column of insert ids"
    ))
}

//! Bulk import: files of events to finished day files, committed as one.
//!
//! One thread opens the sources in order, takes their fingerprint and cuts them into blocks of
//! whole rows; some parse blocks into compact rows or reasons; the caller's own thread takes their
//! results in order, numbers the users and lays each row to its day. Days that the input has left
//! behind, and all of them at its end, are built by the same threads and written in order; what does
//! not fit into memory before goes to a temporary file.
//! Nothing of it is seen before the one commit at the end, and so nothing happened when a source is
//! damaged, a row is bad under `strict`, or the same import was applied before.

#[cfg(feature = "parquet")]
mod batch;
mod blocks;
mod build;
mod columns;
mod consume;
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
mod repeat;
mod rows;
mod source;
mod table;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::time::{Day, Zone, format_day};
use crate::write::Writer;
use crate::write::bulk::{Bulk, BulkCounts, Replace};
use consume::BuildCounts;
use maker::{Bounds, Settings, Times};
use read::{BuiltAll, Loaded, Reading, load};
use rejects::Rejects;
use rows::Shared;

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
    let mut bulk = writer.bulk()?;
    let named = options.batch_id.as_deref().map(|id| bulk.name(id));
    let repeated = named.transpose()?.flatten();
    let settings = settings(&mut bulk, options)?;
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let shared = Shared::default();
    let dir = bulk.temp_dir()?;
    let reading =
        Reading { options, settings: &settings, shared: &shared, dir: &dir, threads, progress };
    if let Some(entry) = repeated {
        // Others may write meanwhile.
        drop(bulk);
        return Ok(repeat::receipt(&entry, repeat::reasons(&reading, sources, &entry)));
    }
    let rejects = Rejects::new(options.rejects.as_deref(), options.strict);
    match load(&reading, sources, &mut bulk, rejects)? {
        Loaded::Repeated(entry, rejects) => Ok(repeat::receipt(&entry, rejects)),
        Loaded::Built(built) => finish(bulk, options, *built),
    }
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

/// Commits what was built.
fn finish(mut bulk: Bulk<'_>, options: &ImportOptions, built: BuiltAll) -> Result<ImportReceipt> {
    let BuiltAll { counts, mut rejects, mut warnings } = built;
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

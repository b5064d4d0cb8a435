//! The receipt of an import that was applied before: nothing is stored, and it says what the first
//! one said.

use super::consume::Done;
use super::maker::Reject;
use super::options::{ImportReceipt, RejectedRow, Source};
use super::pipeline::in_order;
use super::read::{Parsed, ParsedRows, Reading, produce, worker};
use super::rejects::Rejects;
use super::source::BytesRead;
use crate::catalog::Catalog;
use crate::catalog::ledger::LedgerEntry;
use crate::error::Result;
use crate::write::erase::ERASED;

/// The rows that are refused whatever is stored, and with them those of erased people, who may have
/// been erased before the first import or since.
struct Found {
    refused: Rejects,
    or_erased: Rejects,
}

/// The first receipt, as far as it is known. What it said of days and new users is not kept.
pub(super) fn receipt(entry: &LedgerEntry, first_rejects: Vec<RejectedRow>) -> ImportReceipt {
    ImportReceipt {
        accepted: entry.accepted,
        without_user: entry.without_user,
        duplicates: entry.duplicates,
        rejected: entry.rejected,
        first_rejects,
        repeated: true,
        ..ImportReceipt::default()
    }
}

/// The first of the rows that were rejected, found by reading the sources again. None where these
/// are others than the first time, as far as their number of rejects tells, or cannot be read: the
/// batch id alone says what a repeat is.
pub(super) fn reasons(
    reading: &Reading<'_>,
    sources: Vec<Source>,
    entry: &LedgerEntry,
) -> Vec<RejectedRow> {
    if entry.rejected == 0 {
        return Vec::new();
    }
    find(reading, sources).map_or_else(|_| Vec::new(), |found| found.told_by(entry))
}

fn find(reading: &Reading<'_>, sources: Vec<Source>) -> Result<Found> {
    in_order(
        reading.threads,
        |emit| produce(reading, sources, BytesRead::default(), emit),
        || worker(reading),
        |mut results, _| {
            let mut found = Found::default();
            for done in results.by_ref() {
                if let Done::Parsed(parsed) = done? {
                    found.take(parsed, &reading.settings.catalog)?;
                }
            }
            results.end().map(|_| found)
        },
    )
}

impl Default for Found {
    fn default() -> Found {
        Found { refused: Rejects::new(None, false), or_erased: Rejects::new(None, false) }
    }
}

impl Found {
    fn take(&mut self, parsed: Parsed, catalog: &Catalog) -> Result<()> {
        let Parsed { source, rows, rejects, .. } = parsed;
        for reject in rejects {
            self.refused.add(&source, reject.clone())?;
            self.or_erased.add(&source, reject)?;
        }
        for _ in 0..erased(&rows, catalog) {
            let reject = Reject { line: 0, reason: ERASED.to_string(), raw: Vec::new() };
            self.or_erased.add(&source, reject)?;
        }
        Ok(())
    }

    fn told_by(self, entry: &LedgerEntry) -> Vec<RejectedRow> {
        let told = self.refused.told_by(entry);
        if told.is_empty() { self.or_erased.told_by(entry) } else { told }
    }
}

/// How many rows are of people who were erased.
fn erased(rows: &ParsedRows, catalog: &Catalog) -> usize {
    if catalog.erased.is_empty() {
        return 0;
    }
    let (ids, users): (_, Vec<u32>) = match rows {
        ParsedRows::Encoded(rows) => (&rows.ids, rows.iter().map(|(_, user, _)| user).collect()),
        ParsedRows::Table(table) => {
            let days = table.days.iter();
            (&table.ids, days.flat_map(|(_, rows)| &rows.rows.users).copied().collect())
        }
    };
    let is_erased: Vec<bool> = (0..ids.len()).map(|at| catalog.is_erased(ids.at(at))).collect();
    users.iter().filter(|user| is_erased.get(**user as usize) == Some(&true)).count()
}

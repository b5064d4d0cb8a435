//! The body of a frame.

use crate::day::rows::DayRows;
use serde::{Deserialize, Serialize};

/// One commit.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) sequence: u64,
    pub(crate) body: Body,
}

/// What a frame commits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Body {
    /// A commit group of batches, in order: durable together.
    Batches(Vec<BatchRecord>),
    /// Finished files go live.
    Install(InstallRecord),
    /// Settings and definitions changed: the whole new catalog.
    Catalog(CatalogRecord),
    /// A person is erased (format reserved; the call comes later): keyed hash of the id, ordinal.
    Erase { hash: u128, ordinal: u32 },
    /// One person's events become another's (format reserved): from, to.
    Merge { from: u32, to: u32 },
    /// A clean close: nothing follows.
    Seal,
}

impl Body {
    /// Checks what decoding cannot.
    pub(super) fn check(&self) -> Result<(), String> {
        let Body::Batches(batches) = self else {
            return Ok(());
        };
        batches.iter().flat_map(|batch| &batch.days).try_for_each(|(.., rows)| rows.check())
    }
}

/// One acknowledged batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BatchRecord {
    /// Keyed hash of the caller's batch id.
    pub(crate) batch_id: Option<u128>,
    /// When the writer took it, UTC microseconds.
    pub(crate) time: i64,
    pub(crate) accepted: u64,
    pub(crate) without_user: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
    /// Ordinal of the first of `new_ids`.
    pub(crate) first_ordinal: u32,
    /// Ids seen for the first time, in order.
    pub(crate) new_ids: Vec<Vec<u8>>,
    /// Rows by day with the day's span (start, end), days ascending.
    pub(crate) days: Vec<(i32, i64, i64, DayRows)>,
}

/// A bulk import: files that were written and synced before this frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstallRecord {
    pub(crate) batch_id: Option<u128>,
    pub(crate) time: i64,
    pub(crate) accepted: u64,
    pub(crate) without_user: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
    /// The users file with the import's new ids, if there were any.
    pub(crate) users: Option<crate::catalog::manifest::UsersFileEntry>,
    /// Day files added, with their live sections.
    pub(crate) files: Vec<crate::catalog::manifest::DayFileEntry>,
    pub(crate) sections: Vec<crate::day::summary::SectionPlace>,
    /// Sections that go: (file generation, offset).
    pub(crate) removed: Vec<(u64, u64)>,
}

/// The bytes of catalog.N as sealed by the catalog room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CatalogRecord {
    pub(crate) catalog: crate::catalog::Catalog,
}

//! What the writer logs: the bodies of the log's frames.

use crate::catalog::Catalog;
use crate::catalog::manifest::{DayFileEntry, UsersFileEntry};
use crate::day::rows::DayRows;
use crate::day::summary::SectionPlace;
use crate::wal::FrameBody;
use serde::{Deserialize, Serialize};

/// What a frame commits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Body {
    /// A commit group of batches, in order: durable together.
    Batches(Vec<BatchRecord>),
    /// Finished files go live.
    Install(InstallRecord),
    /// Settings and definitions changed: the whole new catalog.
    Catalog(CatalogRecord),
    /// People are erased.
    Erase(EraseRecord),
    /// One person's events become another's (format reserved): from, to.
    Merge { from: u32, to: u32 },
    /// A clean close: nothing follows.
    Seal,
}

impl FrameBody for Body {
    fn is_seal(&self) -> bool {
        matches!(self, Body::Seal)
    }

    fn check(&self) -> Result<(), String> {
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
    pub(crate) users: Option<UsersFileEntry>,
    /// Day files added, with their live sections.
    pub(crate) files: Vec<DayFileEntry>,
    pub(crate) sections: Vec<SectionPlace>,
    /// Sections that go: (file generation, offset).
    pub(crate) removed: Vec<(u64, u64)>,
}

/// What `catalog.N` will hold, whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CatalogRecord {
    pub(crate) catalog: Catalog,
}

/// People who are erased: never their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EraseRecord {
    /// Keyed hashes of their ids.
    pub(crate) hashes: Vec<u128>,
    /// Of those whom the database knew.
    pub(crate) ordinals: Vec<u32>,
    /// Saved cohorts that named them, and what they are without.
    pub(crate) cohorts: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::codec::record;
    use crate::day::rows::NO_USER;
    use crate::event::Value;

    fn batches(rows: &[&DayRows]) -> Body {
        let days = rows.iter().map(|rows| (19_000, 0, 86_400_000_000, (*rows).clone())).collect();
        Body::Batches(vec![BatchRecord {
            batch_id: Some(1 << 70),
            time: 1,
            accepted: 2,
            without_user: 1,
            duplicates: 0,
            rejected: 0,
            first_ordinal: 7,
            new_ids: vec![b"anna".to_vec()],
            days,
        }])
    }

    #[test]
    fn rows_come_back_whole_and_impossible_ones_are_refused() {
        let mut rows = DayRows::default();
        rows.push(7, b"purchase", 5_000_000);
        rows.set(b"amount", &Value::Decimal("12.50".parse().unwrap()));
        rows.push(NO_USER, b"visit", 0);
        rows.set(b"page", &Value::Text("/".into()));
        let bytes = record::encode(&batches(&[&rows]));
        let found: Body = record::decode(&bytes).unwrap();
        assert_eq!(record::encode(&found), bytes);
        assert_eq!(found.check(), Ok(()));
        let mut wrong = rows.clone();
        wrong.times[0] = -1;
        let refused = batches(&[&rows, &wrong]).check().unwrap_err();
        assert!(refused.contains("is not within a day"), "{refused}");
    }

    /// `docs/file-format.md` says what the code does.
    #[test]
    fn the_document_has_the_bodies_as_they_are() {
        let page = include_str!("../../docs/file-format.md");
        let catalog = Catalog::new("UTC", "2026e", 1, 0);
        let install = InstallRecord {
            batch_id: None,
            time: 0,
            accepted: 0,
            without_user: 0,
            duplicates: 0,
            rejected: 0,
            users: None,
            files: Vec::new(),
            sections: Vec::new(),
            removed: Vec::new(),
        };
        let erase = EraseRecord { hashes: vec![], ordinals: vec![], cohorts: vec![] };
        for (body, name) in [
            (batches(&[]), "Batches"),
            (Body::Install(install), "Install"),
            (Body::Catalog(CatalogRecord { catalog: catalog.clone() }), "Catalog"),
            (Body::Erase(erase), "Erase"),
            (Body::Merge { from: 0, to: 0 }, "Merge"),
            (Body::Seal, "Seal"),
        ] {
            let bytes = record::encode(&body);
            let tag = u32::from_le_bytes(*bytes.first_chunk().unwrap());
            let line = format!("| {tag} | `{name}` |");
            assert!(page.contains(&line), "the page does not say {line}");
        }
        // The catalog's fields follow its tag.
        let bytes = record::encode(&Body::Catalog(CatalogRecord { catalog: catalog.clone() }));
        assert_eq!(bytes[4..], record::encode(&catalog));
    }

    #[test]
    fn only_a_seal_seals() {
        assert!(Body::Seal.is_seal());
        for body in [batches(&[]), Body::Merge { from: 1, to: 2 }] {
            assert!(!body.is_seal() && body.check().is_ok());
        }
    }
}

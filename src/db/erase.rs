//! Erasing people, and letting them in again.

use super::Db;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::ERASE_IDS_MAX;
use crate::query::cohorts;
use std::collections::{BTreeMap, BTreeSet};

/// What an erasure did. Beyond the database lie rejects files, backups and whatever was exported:
/// those are for you to look after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EraseReceipt {
    /// Ids that the database knew.
    pub erased: u64,
    /// Ids that it did not know, ascending: mistyped perhaps. Nothing of theirs comes in from now on
    /// either.
    pub unknown: Vec<String>,
    /// Events that went.
    pub events: u64,
    /// Saved cohorts that named one of them, and do not any more.
    pub cohorts: Vec<String>,
    /// Files that held something of them, or told of those that did, within the database's folder:
    /// they are not part of the database any more.
    pub replaced: Vec<String>,
    /// Files that were written in their place.
    pub written: Vec<String>,
    /// Replaced files that are still there, because readers of other processes hold an older
    /// snapshot: the writer removes them once these let go of it, or
    /// [`reader_max_age`](crate::Options::reader_max_age) has passed. Empty: all are gone.
    pub waiting: Vec<String>,
}

impl Db {
    /// Erases people for good: their events, ids and insert ids leave every figure, past ones
    /// included, and every file. Returns when that is done. Until then snapshots show them; when
    /// the process is killed meanwhile, the next [`open`](Db::open) does the rest first.
    ///
    /// All files that hold something of them are written anew, which takes about as long as
    /// importing the days of these files: name many people in one call. Other writes go on
    /// meanwhile.
    ///
    /// From the call on, an event of an erased person is refused with the reason `erased`, however
    /// it comes in, until [`readmit`](Db::readmit). To tell, the database keeps a keyed hash of the
    /// id. What other people's events say of an erased person, in a text that names them, stays.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("db");
    /// use daybit::{Db, Event, Options};
    /// let db = Db::create(&path, Options::new())?;
    /// let writer = db.writer()?;
    /// writer.write(Event::new("anna", "visit"))?;
    /// writer.write(Event::new("ben", "visit"))?;
    /// let receipt = db.erase(["anna"])?;
    /// assert_eq!((receipt.erased, receipt.events), (1, 1));
    /// assert!(receipt.waiting.is_empty());
    /// assert_eq!(db.snapshot()?.users_count(), 1);
    /// let refused = writer.write(Event::new("anna", "visit"))?;
    /// assert_eq!(refused.rejected[0].1, "erased");
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Input` for no id or an empty one, `Limit` for more than 100,000 at once or 2 million in
    /// all, `ReadOnly`, `Corruption` where a damaged day may hold something of them: then nothing
    /// of theirs comes in any more, but what is stored stays until [the damage is
    /// repaired](Db::verify) and the database is opened anew. The disk's errors.
    pub fn erase<S: AsRef<str>>(&self, ids: impl IntoIterator<Item = S>) -> Result<EraseReceipt> {
        let ids: Vec<S> = ids.into_iter().collect();
        let ids = distinct(&ids)?;
        let erasure = self.core()?.erase(&ids, |saved| {
            let mut changed = BTreeMap::new();
            for (name, text) in saved {
                changed.extend(cohorts::without(name, text, &ids)?.map(|set| (name.clone(), set)));
            }
            Ok(changed)
        })?;
        Ok(EraseReceipt {
            erased: erasure.found,
            unknown: erasure.unknown,
            events: erasure.rows,
            cohorts: erasure.cohorts,
            replaced: erasure.replaced,
            written: erasure.written,
            waiting: erasure.waiting,
        })
    }

    /// Takes events of erased people again; what was erased does not come back. Answers how many
    /// of the ids had been erased. It is as durable as an event of the same moment.
    ///
    /// # Errors
    /// As [`erase`](Db::erase); `Input` also while an erasure is not finished.
    pub fn readmit<S: AsRef<str>>(&self, ids: impl IntoIterator<Item = S>) -> Result<u64> {
        let ids: Vec<S> = ids.into_iter().collect();
        self.core()?.readmit(&distinct(&ids)?)
    }
}

fn distinct<S: AsRef<str>>(ids: &[S]) -> Result<BTreeSet<&str>> {
    let ids: BTreeSet<&str> = ids.iter().map(AsRef::as_ref).collect();
    if ids.is_empty() {
        return Err(Error::input("no id is given: name at least one"));
    }
    if ids.contains("") {
        return Err(Error::input("an id is empty: nobody has an empty id"));
    }
    if ids.len() > ERASE_IDS_MAX {
        let message = format!("{} ids at once: at most {ERASE_IDS_MAX} are taken", ids.len());
        return Err(Error::new(ErrorKind::Limit, message));
    }
    Ok(ids)
}

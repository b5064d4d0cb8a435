//! External user ids and their dense ordinals, both ways.
//!
//! Ordinals are given in first-seen order and never reused. Sealed files each hold a range of
//! ordinals, in order; ids seen since the last flush live in memory.

mod block;
pub(crate) mod file;
mod ids;
pub(crate) mod live;
mod numbers;
mod seal;
mod shape;

use crate::error::Result;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use file::UsersFile;
pub(crate) use live::LiveUsers;
pub(crate) use numbers::{DistinctIds, NO_ORDINAL, Numbers};
pub(crate) use seal::merge_from;

/// The users that a snapshot knows: sealed files and the first part of the live table. Cheap to
/// clone.
#[derive(Debug, Clone)]
pub(crate) struct UsersView {
    /// Ascending by ordinal.
    pub(crate) sealed: Arc<Vec<Arc<UsersFile>>>,
    pub(crate) live: Arc<RwLock<LiveUsers>>,
    /// Ordinals below this one belong to the snapshot.
    pub(crate) count: u32,
}

impl UsersView {
    /// The ordinal of an id, where the snapshot knows it.
    pub(crate) fn find(&self, id: &[u8]) -> Result<Option<u32>> {
        // A writer that panicked left the table whole: it only ever grows.
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner).find(id);
        if let Some(ordinal) = live {
            return Ok(Some(ordinal).filter(|ordinal| *ordinal < self.count));
        }
        for file in self.sealed.iter().rev() {
            if let Some(ordinal) = file.find(id)? {
                return Ok(Some(ordinal).filter(|ordinal| *ordinal < self.count));
            }
        }
        Ok(None)
    }

    /// The id of an ordinal; `None` where the snapshot does not know it, or it was erased.
    pub(crate) fn id(&self, ordinal: u32) -> Result<Option<Vec<u8>>> {
        if ordinal >= self.count {
            return Ok(None);
        }
        let after = self.sealed.partition_point(|file| file.entry().first_ordinal <= ordinal);
        let sealed = match after.checked_sub(1).and_then(|at| self.sealed.get(at)) {
            Some(file) => file.id(ordinal)?,
            None => None,
        };
        if let Some(id) = sealed {
            return Ok(Some(id).filter(|id| !id.is_empty()));
        }
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        Ok(live.id(ordinal).map(<[u8]>::to_vec))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fs::{Bytes, Fs, RealFs};
    use std::path::Path;

    fn sealed(dir: &Path, generation: u64, first: u32, ids: &[&str]) -> Arc<UsersFile> {
        let (fs, path) = (RealFs::default(), dir.join(generation.to_string()));
        let ids = ids.iter().map(|id| id.as_bytes());
        let entry = UsersFile::write(&fs, &path, 9, generation, first, ids).unwrap();
        Arc::new(UsersFile::open("f", fs.map(&path).unwrap(), 9, &entry).unwrap())
    }

    #[test]
    fn a_view_knows_its_own_users_wherever_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let files =
            vec![sealed(dir.path(), 1, 0, &["a", "b"]), sealed(dir.path(), 2, 2, &["c", "d", "e"])];
        let mut live = LiveUsers::new(5);
        live.number(b"f");
        let live = Arc::new(RwLock::new(live));
        let view = UsersView { sealed: Arc::new(files), live: live.clone(), count: 6 };
        // Seen after the view was taken.
        live.write().unwrap().number(b"g");
        for (ordinal, id) in (0..6).zip([b"a", b"b", b"c", b"d", b"e", b"f"]) {
            assert_eq!(view.find(id).unwrap(), Some(ordinal));
            assert_eq!(view.id(ordinal).unwrap(), Some(id.to_vec()));
        }
        assert_eq!((view.find(b"g").unwrap(), view.id(6).unwrap()), (None, None));
        assert_eq!((view.find(b"x").unwrap(), view.id(u32::MAX).unwrap()), (None, None));
        let early = UsersView { count: 3, ..view };
        assert_eq!(early.find(b"c").unwrap(), Some(2));
        assert_eq!((early.find(b"d").unwrap(), early.id(3).unwrap()), (None, None));
    }

    #[test]
    fn damage_is_an_error_and_not_an_unknown_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let entry =
            UsersFile::write(&RealFs::default(), &path, 9, 1, 0, [&b"a"[..]].into_iter()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let file = UsersFile::open("f", Bytes::from_vec(bytes), 9, &entry).unwrap();
        let live = Arc::default();
        let view = UsersView { sealed: Arc::new(vec![Arc::new(file)]), live, count: 1 };
        assert!(view.find(b"a").is_err() && view.find(b"x").is_err() && view.id(0).is_err());
    }
}

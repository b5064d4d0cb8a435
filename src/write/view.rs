//! What readers of this process see: swapped whole at every commit and publication.

use crate::memtable::Memtable;
use crate::snapshot::{Published, Snapshot, SnapshotInner};
use crate::users::UsersView;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The parts of a snapshot. The snapshot itself is put together when somebody asks for it, so that
/// a commit does not pay for its days.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) published: Arc<Published>,
    pub(crate) memtable: Memtable,
    pub(crate) users: UsersView,
    /// How many views came before.
    version: u64,
    snapshot: OnceLock<Arc<SnapshotInner>>,
}

impl View {
    pub(crate) fn new(published: Arc<Published>, memtable: Memtable, users: UsersView) -> View {
        View { published, memtable, users, version: 0, snapshot: OnceLock::new() }
    }

    /// Only what was published.
    pub(crate) fn of(published: Arc<Published>) -> View {
        let users = published.users();
        View::new(published, Memtable::default(), users)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let inner = self.snapshot.get_or_init(|| {
            let (memtable, users) = (self.memtable.clone(), self.users.clone());
            let mut inner = SnapshotInner::new(&self.published, memtable, users);
            inner.version = self.version;
            Arc::new(inner)
        });
        Snapshot { inner: inner.clone() }
    }
}

/// The newest view. Readers hold its lock for the copy of a pointer only.
#[derive(Debug)]
pub(crate) struct CurrentView(RwLock<Arc<View>>);

impl CurrentView {
    pub(crate) fn new(view: View) -> CurrentView {
        CurrentView(RwLock::new(Arc::new(view)))
    }

    pub(crate) fn show(&self, view: View) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(View { version: current.version + 1, ..view });
    }

    pub(crate) fn get(&self) -> Arc<View> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.get().snapshot()
    }
}

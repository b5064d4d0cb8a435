//! What every request shares: the database, the desk, the figures, the settings.

use super::body::Room;
use super::guard::Rules;
use super::intake::Intake;
use super::limits::Limits;
use super::metrics::Metrics;
use super::tokens::{Keeper, Tokens};
use super::work::Desk;
use chrono::{DateTime, TimeDelta, Utc};
use daybit::{Db, Queries, Snapshot};
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Rejected rows that are remembered.
const REJECTS_KEPT: usize = 100;
/// However far a zone is from UTC, the day of an event is over by then.
const DAY_IS_OVER: TimeDelta = TimeDelta::hours(48);

/// What a request gets at.
pub type Shared = Arc<Server>;

/// How the server was started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The database's folder.
    pub path: PathBuf,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Names besides its own address by which it may be asked.
    pub hosts: Vec<String>,
    /// Pages of other origins that may ask it.
    pub origins: Vec<String>,
    /// Every request needs a token, whatever the address.
    pub needs_token: bool,
    /// Another process writes.
    pub read_only: bool,
    /// How much one caller may ask.
    pub limits: Limits,
}

/// The server's state.
#[derive(Debug)]
pub struct Server {
    pub db: Arc<Db>,
    pub setup: Setup,
    pub desk: Desk,
    /// Where batches and imports wait for their turn, and the memory for bodies.
    pub intake: Intake,
    pub room: Room,
    pub metrics: Metrics,
    /// Who may ask, by name and by token.
    pub rules: Rules,
    pub keeper: Keeper,
    pub started: DateTime<Utc>,
    rejects: Mutex<VecDeque<Reject>>,
    tags: RandomState,
}

/// A row that was not taken.
#[derive(Debug, Clone)]
pub struct Reject {
    pub at: DateTime<Utc>,
    pub row: u64,
    pub reason: String,
}

impl Server {
    /// A server of this database, just started.
    pub fn new(db: Arc<Db>, setup: Setup, keeper: Keeper) -> Server {
        Server {
            db,
            desk: Desk::new(&setup.limits),
            intake: Intake::new(),
            room: Room::new(&setup.limits),
            rules: Rules::new(setup.listen, &setup.hosts, &setup.origins),
            keeper,
            setup,
            metrics: Metrics::new(),
            started: Utc::now(),
            rejects: Mutex::default(),
            tags: RandomState::new(),
        }
    }

    /// Does whoever asks need a token?
    pub fn needs_token(&self) -> bool {
        let is_local = self.setup.listen.ip().is_loopback();
        self.setup.needs_token || !is_local || self.keeper.asked_for()
    }

    /// The tokens of now, or of a moment ago.
    pub async fn tokens(self: &Arc<Server>) -> Arc<Tokens> {
        if let Some(tokens) = self.keeper.fresh() {
            return tokens;
        }
        let server = self.clone();
        let looked = tokio::task::spawn_blocking(move || server.keeper.look()).await;
        looked.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()))
    }

    /// Remembers rows that were not taken, and forgets the oldest of many.
    pub fn remember(&self, rejected: impl Iterator<Item = (u64, String)>) {
        let at = Utc::now();
        let mut kept = self.rejects.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, reason) in rejected {
            if kept.len() == REJECTS_KEPT {
                kept.pop_front();
            }
            kept.push_back(Reject { at, row, reason });
        }
    }

    /// The rows last not taken, the newest first.
    pub fn rejects(&self) -> Vec<Reject> {
        let kept = self.rejects.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().cloned().collect()
    }

    /// A weak ETag: equal for the same queries of equal snapshots in one format. While the newest
    /// day is not over the time is part of it, for `as_of` and what it decides move with it.
    pub fn tag(&self, snapshot: &Snapshot, queries: &Queries, format: &str) -> String {
        let mut hasher = self.tags.build_hasher();
        (snapshot.version(), format, moving_now(snapshot, Utc::now())).hash(&mut hasher);
        match queries {
            Queries::One(query) => query.to_json().to_string().hash(&mut hasher),
            Queries::Many(queries) => {
                for query in queries {
                    let text = query.as_ref().map(|query| query.to_json().to_string());
                    text.map_err(ToString::to_string).hash(&mut hasher);
                }
            }
        }
        format!("W/\"{:016x}\"", hasher.finish())
    }
}

/// The second, as long as answers depend on it.
fn moving_now(snapshot: &Snapshot, now: DateTime<Utc>) -> Option<i64> {
    let newest = snapshot.watermark()?;
    let is_over = now.signed_duration_since(newest) > DAY_IS_OVER;
    (!is_over).then(|| now.timestamp())
}

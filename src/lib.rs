//! daybit is an embedded database for product metrics.
//!
//! An event says *who* did *what*, *when*, with which properties. daybit keeps events by day, with
//! a bitmap of users per activity, and answers what product teams ask, exactly and in milliseconds,
//! inside your process: active users, growth with resurrected users, retention, funnels, sessions,
//! revenue, scores.
//!
//! # The nouns
//!
//! - An [`Event`] has a user, an activity, a time and properties, each a [`Value`].
//! - A [`Db`] is a folder. One process writes to it through a [`Writer`], any number read.
//! - A [`Batch`] of events goes in whole and comes back as a [`Receipt`].
//! - A [`Snapshot`] is an unchanging view; a [`Query`] asked of it gives an [`Answer`].
//! - A [`Selector`] says which events count, by name and by [`Condition`]s on their properties, a
//!   [`Set`] which users; [`Db::save_cohort`] gives a set a name.
//!
//! # An example
//!
//! ```
//! use daybit::{Batch, Bucket, Db, Event, Options, Query, Set};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("shop.db");
//! let db = Db::create(&path, Options::new().time_zone("Europe/Berlin"))?;
//! let at = |text: &str| text.parse().unwrap();
//! db.writer()?.write_batch(Batch::new().events([
//!     Event::new("anna", "purchase").at(at("2024-03-01T09:30:00Z")).with("price", 12),
//!     Event::new("ben", "purchase").at(at("2024-03-09T18:00:00Z")),
//!     Event::new("anna", "purchase").at(at("2024-03-10T08:00:00Z")),
//! ]))?;
//!
//! let weekly = db.query(&Query::active("purchase").by(Bucket::Week))?;
//! assert_eq!(weekly.counts("users"), Some(&[Some(1), Some(2)][..]));
//!
//! let often = Set::did("purchase").at_least(2);
//! assert_eq!(db.query(&Query::count(often))?.count(), Some(1));
//! # Ok::<(), daybit::Error>(())
//! ```
//!
//! Files of events go in with `Db::import` (feature `import`): CSV, NDJSON and Parquet.
//!
//! # What a number means
//!
//! `docs/semantics.md` in the repository defines every figure, `docs/query.md` the query, and
//! `docs/operations.md` what survives which crash.
//!
//! # What daybit does not do
//!
//! No SQL and no joins; no estimates; no server in this crate's library; no printing, no global
//! state, no thread that a [`Db`] does not stop.
//!
//! # Features
//!
//! - `cli` (default): the `daybit` command.
//! - `import`: bulk import of CSV and NDJSON.
//! - `parquet` (default): Parquet in bulk imports.
//! - `sled` (default): the writer's index in sled.
//! - `server`: `daybit serve`, HTTP and a dashboard, in the command.
//!
//! Without default features the library is lean: what an application embeds.

#![deny(unsafe_code)]
// Reading times, bulk commits and some of the import's ways serve certain formats only; a leaner
// library drops them when it is linked.
#![cfg_attr(not(feature = "parquet"), allow(dead_code, unused_imports, unused_assignments))]

mod catalog;
mod codec;
mod day;
mod db;
mod error;
mod event;
mod first;
mod fs;
#[cfg(feature = "import")]
mod import;
#[cfg(any(test, feature = "internals"))]
#[doc(hidden)]
pub mod internals;
pub mod limits;
mod memtable;
mod query;
mod report;
mod scan;
mod snapshot;
mod time;
mod users;
mod wal;
mod write;

pub use db::{
    BackupReport, Damage, Db, DbInfo, DropReceipt, EraseReceipt, RepairDamage, RepairReport,
    VerifyReport,
};
pub use error::{Error, ErrorKind, Result};
pub use event::{Decimal, Event, Receipt, Value};
#[cfg(feature = "import")]
pub use import::{
    ImportFormat, ImportOptions, ImportReceipt, ImportStage, ImportTime, Progress, RejectedRow,
    ReplaceDays, Source, ValueType,
};
pub use query::{
    AmountAverage, AmountCohort, Answer, Average, BucketInfo, BucketStart, Cohort, CohortKind,
    Column, CountKind, DateArg, DurationArg, DurationBin, Figures, FunnelStep, Info, Link, Measure,
    Partial, PersonColumn, Queries, Query, Series, Set, SurveyKind, Table, exact_json,
    queries_from_json,
};
pub use scan::{Condition, FunnelOrder, Selector};
pub use snapshot::{ActivityInfo, Snapshot, SnapshotInfo};
pub use time::{Bucket, WeekStart};
pub use write::{Batch, Durability, OpenReport, Options, Writer};

/// The README's example is compiled and run like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

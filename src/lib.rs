//! daybit
#![forbid(unsafe_op_in_unsafe_fn)]
#![allow(dead_code, unused_imports, missing_docs, clippy::todo)] // while the skeleton is being filled

mod catalog;
mod codec;
mod day;
mod db;
mod error;
mod event;
mod fs;
#[cfg(feature = "import")]
mod import;
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

pub use db::{Damage, Db, DbInfo, VerifyReport};
pub use error::{Error, ErrorKind, Result};
pub use event::{Decimal, Event, Receipt, Value};
#[cfg(feature = "import")]
pub use import::{
    ImportFormat, ImportOptions, ImportReceipt, ImportStage, ImportTime, Progress, RejectedRow,
    ReplaceDays, Source, ValueType,
};
pub use query::{
    Answer, Average, BucketInfo, Cohort, CohortKind, Column, CountKind, DateArg, Figures, Info,
    Queries, Query, Series, Set, Table, queries_from_json,
};
pub use scan::Selector;
pub use snapshot::{ActivityInfo, Snapshot, SnapshotInfo};
pub use time::{Bucket, WeekStart};
pub use write::{Batch, Durability, OpenReport, Options, Writer};

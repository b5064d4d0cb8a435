//! What the caller says about an import, and what becomes of it.

use crate::error::{Error, Result};
use crate::event::check_activity;
use crate::time::Zone;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How the events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportFormat {
    /// Comma-separated values after RFC 4180, with a header.
    Csv,
    /// Tab-separated values with a header; quotes as in CSV.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet (feature `parquet`).
    Parquet,
}

/// How the times are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportTime {
    /// Text as [`ImportTime::Text`]; whole numbers of 10, 13 and 16 digits are seconds,
    /// milliseconds and microseconds since 1970. Other numbers are refused, not guessed at.
    #[default]
    Auto,
    /// RFC 3339, a bare date, or a local `YYYY-MM-DD HH:MM[:SS[.f]]` in the import's time zone.
    Text,
    /// Seconds since 1970, with or without a fraction.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// Microseconds since 1970.
    Micros,
}

/// A type forced on a column, in place of the one that each value shows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// Text, whatever it looks like.
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Exact decimal numbers; whole numbers become decimals without digits after the point.
    Decimal,
    /// Binary floating point numbers.
    Float,
    /// `true`, `false`, `1`, `0`.
    Boolean,
}

/// What an import replaces on the days that it has rows for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplaceDays {
    /// Nothing: rows are added.
    #[default]
    Off,
    /// On each such day, the activities that the import has rows of on that day.
    Activities,
    /// All of each such day.
    All,
}

/// How to read events from files: which column is what, and what to do with bad rows.
///
/// ```
/// use daybit::ImportOptions;
/// let options = ImportOptions::new()
///     .user("customer_id")
///     .activity_name("purchase")
///     .time("ordered_at")
///     .time_zone("Europe/London")
///     .skip("description");
/// ```
#[derive(Debug, Clone)]
pub struct ImportOptions {
    pub(super) format: Option<ImportFormat>,
    pub(super) user: String,
    pub(super) activity: String,
    pub(super) activity_name: Option<String>,
    pub(super) time: String,
    pub(super) time_format: ImportTime,
    pub(super) time_zone: Option<String>,
    pub(super) insert_id: Option<String>,
    pub(super) skip: BTreeSet<String>,
    pub(super) types: BTreeMap<String, ValueType>,
    pub(super) not_before: Option<String>,
    pub(super) not_after: Option<String>,
    pub(super) strict: bool,
    pub(super) replace_days: ReplaceDays,
    pub(super) rejects: Option<PathBuf>,
    pub(super) batch_id: Option<String>,
    pub(super) threads: usize,
    pub(super) memory_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions {
            format: None,
            user: "user".to_string(),
            activity: "activity".to_string(),
            activity_name: None,
            time: "time".to_string(),
            time_format: ImportTime::Auto,
            time_zone: None,
            insert_id: None,
            skip: BTreeSet::new(),
            types: BTreeMap::new(),
            not_before: None,
            not_after: None,
            strict: false,
            replace_days: ReplaceDays::Off,
            rejects: None,
            batch_id: None,
            threads: 0,
            memory_bytes: 512 << 20,
        }
    }
}

impl ImportOptions {
    /// Columns `user`, `activity` and `time`; all others become properties.
    #[must_use]
    pub fn new() -> ImportOptions {
        ImportOptions::default()
    }

    /// The format of all sources. Default: by each name's ending (`.csv`, `.tsv`, `.ndjson`,
    /// `.jsonl`, `.parquet`, each also with `.gz` or `.zst`), else by the first bytes.
    #[must_use]
    pub fn format(mut self, format: ImportFormat) -> ImportOptions {
        self.format = Some(format);
        self
    }

    /// The column of the person's id. An empty or missing cell is an event without a user.
    #[must_use]
    pub fn user(mut self, column: impl Into<String>) -> ImportOptions {
        self.user = column.into();
        self
    }

    /// The column that says what was done.
    #[must_use]
    pub fn activity(mut self, column: impl Into<String>) -> ImportOptions {
        self.activity = column.into();
        self
    }

    /// One activity for every row, in place of a column; a column of the default name `activity`
    /// is then a property like any other.
    #[must_use]
    pub fn activity_name(mut self, name: impl Into<String>) -> ImportOptions {
        self.activity_name = Some(name.into());
        self
    }

    /// The column of the event's time.
    #[must_use]
    pub fn time(mut self, column: impl Into<String>) -> ImportOptions {
        self.time = column.into();
        self
    }

    /// How times are written.
    #[must_use]
    pub fn time_format(mut self, format: ImportTime) -> ImportOptions {
        self.time_format = format;
        self
    }

    /// The zone (IANA name) of dates and times that carry no offset. Default: the database's own.
    /// A time that the zone's clock skipped is read with the offset before the gap; of one that it
    /// showed twice, the earlier is meant.
    #[must_use]
    pub fn time_zone(mut self, zone: impl Into<String>) -> ImportOptions {
        self.time_zone = Some(zone.into());
        self
    }

    /// The column of insert ids: a row whose id is on the same day already is not stored again.
    #[must_use]
    pub fn insert_id(mut self, column: impl Into<String>) -> ImportOptions {
        self.insert_id = Some(column.into());
        self
    }

    /// Leaves a column out; call it once for each.
    #[must_use]
    pub fn skip(mut self, column: impl Into<String>) -> ImportOptions {
        self.skip.insert(column.into());
        self
    }

    /// Forces the type of a property's values; call it once for each. A value that is not of the
    /// type makes its row a reject.
    #[must_use]
    pub fn value_type(mut self, column: impl Into<String>, of: ValueType) -> ImportOptions {
        self.types.insert(column.into(), of);
        self
    }

    /// Rejects rows before this: a date (`YYYY-MM-DD`, a day of the database) or an RFC 3339
    /// instant.
    #[must_use]
    pub fn not_before(mut self, date: impl Into<String>) -> ImportOptions {
        self.not_before = Some(date.into());
        self
    }

    /// Rejects rows after this: a date (that whole day is still taken) or an RFC 3339 instant.
    #[must_use]
    pub fn not_after(mut self, date: impl Into<String>) -> ImportOptions {
        self.not_after = Some(date.into());
        self
    }

    /// Stops at the first bad row and leaves the database as it was.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> ImportOptions {
        self.strict = strict;
        self
    }

    /// Replaces what the import's days hold, in place of adding to it. Insert ids are then compared
    /// within the import only.
    #[must_use]
    pub fn replace_days(mut self, replace: ReplaceDays) -> ImportOptions {
        self.replace_days = replace;
        self
    }

    /// A CSV file (`source,line,reason,row`) for the rows that are refused; made only when there
    /// are some. Without it they are counted, and the receipt shows the first few.
    #[must_use]
    pub fn rejects(mut self, path: impl Into<PathBuf>) -> ImportOptions {
        self.rejects = Some(path.into());
        self
    }

    /// The id that makes a repeat of this import a no-op. Default: a fingerprint of the sources'
    /// decompressed bytes, in order, and of the options that decide what they mean.
    #[must_use]
    pub fn batch_id(mut self, id: impl Into<String>) -> ImportOptions {
        self.batch_id = Some(id.into());
        self
    }

    /// Threads that parse and build; 0, the default, is one per core. The result does not depend
    /// on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> ImportOptions {
        self.threads = threads;
        self
    }

    /// Bytes of rows held in memory before they go to temporary files; 512 MiB by default.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: usize) -> ImportOptions {
        self.memory_bytes = bytes;
        self
    }

    /// Everything that decides what the same bytes mean, for the fingerprint.
    pub(super) fn mapping_text(&self, zone: &Zone) -> String {
        format!(
            "{:?}",
            (
                (&self.user, &self.activity, &self.activity_name, &self.time, &self.insert_id),
                (self.time_format, zone.name(), &self.skip, &self.types),
                (&self.not_before, &self.not_after, self.replace_days),
            )
        )
    }

    /// Two roles for one column, a column both used and skipped, and the like.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(name) = &self.activity_name {
            check_activity(name).map_err(Error::input)?;
        }
        let activity = self.activity_name.is_none().then_some(&self.activity);
        let named = [Some(&self.user), activity, Some(&self.time), self.insert_id.as_ref()];
        let mut roles = BTreeSet::new();
        for column in named.into_iter().flatten() {
            if !roles.insert(column.as_str()) {
                let message =
                    format!("the column \"{column}\" is given two meanings; name another");
                return Err(Error::input(message));
            }
        }
        for (column, what) in (self.skip.iter().map(|c| (c, "left out")))
            .chain(self.types.keys().map(|c| (c, "given a value type")))
        {
            if roles.contains(column.as_str()) {
                let message = format!(
                    "the column \"{column}\" is the user, activity, time or insert id: it cannot be {what}"
                );
                return Err(Error::input(message));
            }
        }
        Ok(())
    }
}

/// Where events come from.
pub struct Source {
    pub(super) name: String,
    pub(super) from: SourceFrom,
}

pub(super) enum SourceFrom {
    File(PathBuf),
    Reader(Box<dyn Read + Send>),
}

impl Source {
    /// A file; its path is its name in messages.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Source {
        let path = path.as_ref();
        Source { name: path.display().to_string(), from: SourceFrom::File(path.to_path_buf()) }
    }

    /// A stream, like standard input; `name` stands for it in messages, and its ending may tell
    /// the format.
    #[must_use]
    pub fn reader(name: impl Into<String>, reader: Box<dyn Read + Send>) -> Source {
        Source { name: name.into(), from: SourceFrom::Reader(reader) }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportStage {
    /// Reading sources: `bytes` of `bytes_total` as stored, compressed or not.
    Reading,
    /// Writing day files: `rows` of all rows read.
    Building,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub stage: ImportStage,
    /// Bytes of the sources read so far, as stored.
    pub bytes: u64,
    /// Bytes of all sources, where that is known.
    pub bytes_total: Option<u64>,
    /// Rows that this stage is through with.
    pub rows: u64,
    /// Rows refused so far.
    pub rejected: u64,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// The source's name.
    pub source: String,
    /// The line it starts on, the header's being 1; in Parquet the row, the first being 1. 0 where
    /// it is not told, as of events of erased people.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReceipt {
    /// Events stored.
    pub accepted: u64,
    /// Of the accepted, those without a user: kept for sums and counts, never counted as people.
    pub without_user: u64,
    /// Events not stored because an equal insert id was on their day already.
    pub duplicates: u64,
    /// Rows refused.
    pub rejected: u64,
    /// The first 20 of them.
    pub first_rejects: Vec<RejectedRow>,
    /// The same import was applied before: nothing was stored now, and the counts of rows are the
    /// first receipt's. Its rejects are found by reading the input again, and left out where that
    /// is another one under the same batch id. Nothing is said of days, new and removed then.
    pub repeated: bool,
    /// Events that `replace_days` removed.
    pub removed: u64,
    /// Days with an accepted event.
    pub days: u64,
    /// Users never seen before.
    pub new_users: u64,
    /// What the caller should look at; each a sentence.
    pub warnings: Vec<String>,
}

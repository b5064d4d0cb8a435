//! The flags of every command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// An embedded database for product metrics.
#[derive(Debug, Parser)]
#[command(
    name = "daybit",
    version,
    about = "Active users, growth, retention: exact, from your event files",
    after_help = "Exit codes: 0 done, 1 the system or a full disk stopped it, 2 wrong command or input,\n\
                  3 not a database (or a newer one), 4 another process is writing, 5 damage found."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// One command.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "parsed once, and a box hides the flags from clap")]
pub enum Command {
    /// Make a new, empty database.
    Create(CreateArgs),
    /// Load event files: CSV, NDJSON or Parquet; plain, gzip or zstd; `-` is standard input.
    Import(Box<ImportArgs>),
    /// Show days, users, activities, bytes and settings.
    Info(InfoArgs),
    /// Read and check every byte of what is published.
    Verify(DbArgs),
    /// Write the users, or one activity-day as a portable Roaring file.
    Export(ExportArgs),
    /// Ask a query given as JSON (`-` reads it from standard input) and print the JSON answer.
    Query(QueryArgs),
    /// Load the real data that daybit ships and print a growth report of it.
    Demo(DemoArgs),
    #[command(flatten)]
    Report(ReportCommand),
}

/// The reports: one command each, flags named as the fields of a query.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Distinct users per bucket, or over the trailing days that end with it.
    Active(ActiveArgs),
    /// How many users were active on exactly k days (or weeks, months, ...).
    Frequency(FrequencyArgs),
    /// Mean daily actives over the actives of the window.
    Stickiness(StickinessArgs),
    /// New, retained, resurrected and churned users per bucket.
    Growth(GrowthArgs),
    /// Where every user stands each day: new, current, reactivated, resurrected, at risk, dormant.
    States(StatesArgs),
    /// Cohorts, and how many of them came back.
    Retention(Box<RetentionArgs>),
    /// Users in a set.
    Count(CountArgs),
    /// Ids of the users in a set, page by page.
    Users(UsersArgs),
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned, for people.
    #[default]
    Table,
    /// The answer as JSON.
    Json,
    /// Records as CSV.
    Csv,
    /// Records as JSON, one a line.
    Rows,
}

#[derive(Debug, Args)]
pub struct DbArgs {
    /// The database's folder.
    pub db: PathBuf,
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The folder to make.
    pub db: PathBuf,
    /// Time zone that decides where days begin, an IANA name; fixed for good.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub time_zone: String,
}

#[derive(Debug, Args)]
pub struct InfoArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to make the demo's database; a new folder in the system's temporary place without it.
    pub db: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// A query or an array of queries; `-` reads it from standard input.
    pub query: String,
    /// `json` unless said otherwise.
    #[arg(long, value_enum, default_value = "json")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The database's folder.
    pub db: PathBuf,
    #[command(subcommand)]
    pub what: ExportWhat,
}

#[derive(Debug, Subcommand)]
pub enum ExportWhat {
    /// `ordinal,id` as CSV: which number stands for which user in exported presence files.
    Users {
        /// The file to write; standard output without it.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// The users of one activity on one day, as a portable Roaring file of their ordinals.
    Presence {
        /// The day, YYYY-MM-DD.
        #[arg(long)]
        day: String,
        /// The activity's name; any activity without it.
        #[arg(long, default_value = "*")]
        event: String,
        /// The file to write; standard output without it.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
}

/// Flags of an import.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The database's folder; made, in UTC, when it is not there.
    pub db: PathBuf,
    /// Event files; `-` is standard input.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// `csv`, `ndjson` or `parquet`; told from the file's name or first bytes without it.
    #[arg(long, value_name = "FORMAT")]
    pub input: Option<String>,
    /// Column of user ids.
    #[arg(long, value_name = "COLUMN", default_value = "user")]
    pub user: String,
    /// Column of activity names.
    #[arg(
        long,
        value_name = "COLUMN",
        default_value = "activity",
        conflicts_with = "activity_name"
    )]
    pub activity: String,
    /// One activity name for every row, where no column holds it.
    #[arg(long, value_name = "NAME")]
    pub activity_name: Option<String>,
    /// Column of times.
    #[arg(long, value_name = "COLUMN", default_value = "time")]
    pub time: String,
    /// `text` (RFC 3339, dates, local times), `s`, `ms` or `us` since 1970; told from the value
    /// without it.
    #[arg(long, value_name = "FORMAT")]
    pub time_format: Option<String>,
    /// Zone of times written without an offset; the database's without it.
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Column of insert ids: a repeat of one on its day is a duplicate.
    #[arg(long, value_name = "COLUMN")]
    pub insert_id: Option<String>,
    /// Columns to leave out.
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// A column's type: `zip=text`; integer, decimal, float, boolean or text.
    #[arg(long = "type", value_name = "NAME=TYPE")]
    pub types: Vec<String>,
    /// Reject events before this date or instant.
    #[arg(long, value_name = "TIME")]
    pub not_before: Option<String>,
    /// Reject events at or after this instant, or after this date.
    #[arg(long, value_name = "TIME")]
    pub not_after: Option<String>,
    /// Stop at the first bad row and leave the database as it was.
    #[arg(long)]
    pub strict: bool,
    /// On each day of the file, replace the activities that it holds (`all`: everything).
    #[arg(long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "activities", require_equals = true)]
    pub replace_days: Option<String>,
    /// Where bad rows go; `DB.rejects.csv` beside the database without it. Where the file is there,
    /// the next free of `DB.rejects.2.csv` and so on: nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// An id of this import: the same one again changes nothing.
    #[arg(long, value_name = "ID")]
    pub batch_id: Option<String>,
    /// Bytes of rows held in memory, in MiB, before they go to temporary files.
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
    /// Print the receipt as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What every report takes.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// First day, YYYY-MM-DD, or so far back from the end: -28d, -12w, -6m, -1y.
    #[arg(long, allow_hyphen_values = true)]
    pub from: Option<String>,
    /// The day after the last one, YYYY-MM-DD, or `today`.
    #[arg(long)]
    pub to: Option<String>,
    /// IANA name of a zone; the database's without it.
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// First day of the week.
    #[arg(long, value_name = "WEEKDAY")]
    pub week_start: Option<String>,
    /// What is known: RFC 3339; later buckets are not complete.
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<String>,
    /// Only these users: a set as JSON, like '{"did": "purchase", "at_least": 2}'.
    #[arg(long, value_name = "SET")]
    pub users: Option<String>,
    /// Only events with a property: country=DE.
    #[arg(long = "where", value_name = "NAME=VALUE")]
    pub conditions: Vec<String>,
    /// A group per value of a property.
    #[arg(long, value_name = "PROPERTY")]
    pub breakdown: Vec<String>,
    /// Groups kept.
    #[arg(long, value_name = "N")]
    pub top: Option<u32>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The width of buckets.
#[derive(Debug, Args)]
pub struct ByArgs {
    /// Bucket: hour, day, week, month, quarter, year or all.
    #[arg(long, value_name = "BUCKET")]
    pub by: Option<String>,
}

#[derive(Debug, Args)]
pub struct EventArgs {
    /// Activity; several mean any of them; `*` is every activity.
    #[arg(long, value_name = "NAME")]
    pub event: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ActiveArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Count over so many days that end with each bucket.
    #[arg(long, value_name = "DAYS")]
    pub trailing: Option<u32>,
}

#[derive(Debug, Args)]
pub struct FrequencyArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// What is counted: day, week, month or hour.
    #[arg(long)]
    pub interval: Option<String>,
    /// Events that an interval needs to count.
    #[arg(long, value_name = "N")]
    pub at_least: Option<u32>,
    /// Events above which an interval does not count.
    #[arg(long, value_name = "N")]
    pub at_most: Option<u32>,
}

#[derive(Debug, Args)]
pub struct StickinessArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Days of the window (28 without it), or `none`: the calendar bucket.
    #[arg(long, value_name = "DAYS")]
    pub trailing: Option<String>,
}

#[derive(Debug, Args)]
pub struct GrowthArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Buckets of silence before someone has churned.
    #[arg(long, value_name = "BUCKETS")]
    pub gap: Option<u32>,
    /// Compare the last so many days of each bucket with as many before them.
    #[arg(long, value_name = "DAYS")]
    pub trailing: Option<u32>,
    /// `event` (first time of this event) or `any` (first time of anything).
    #[arg(long, value_name = "WHAT")]
    pub new_means: Option<String>,
    /// Account for the sums of this property instead of people.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
}

#[derive(Debug, Args)]
pub struct StatesArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub by: ByArgs,
    #[command(flatten)]
    pub event: EventArgs,
    /// Days of the short window (7).
    #[arg(long, value_name = "DAYS")]
    pub week: Option<u32>,
    /// Days of the long window (30).
    #[arg(long, value_name = "DAYS")]
    pub month: Option<u32>,
}

#[derive(Debug, Args)]
pub struct RetentionArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub by: ByArgs,
    /// Activity that puts a user into a cohort; several mean any of them.
    #[arg(long, value_name = "NAME")]
    pub start: Vec<String>,
    /// Activity that counts as coming back; the start's without it.
    #[arg(long = "return", value_name = "NAME")]
    pub returning: Vec<String>,
    /// Columns after column 0 (12).
    #[arg(long, value_name = "N")]
    pub columns: Option<u32>,
    /// first, recurring, first_ever or first_in_range.
    #[arg(long)]
    pub cohort: Option<String>,
    /// on, on_or_after or on_or_before.
    #[arg(long)]
    pub count: Option<String>,
    /// Widths of brackets after bucket 0, like 1,6,23.
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS")]
    pub brackets: Vec<u32>,
    /// calendar or elapsed.
    #[arg(long)]
    pub window: Option<String>,
    /// Return events that an interval needs to count.
    #[arg(long, value_name = "N")]
    pub at_least: Option<u32>,
    /// Cells are sums of this property.
    #[arg(long, value_name = "NAME")]
    pub property: Option<String>,
}

#[derive(Debug, Args)]
pub struct CountArgs {
    #[command(flatten)]
    pub common: CommonArgs,
}

#[derive(Debug, Args)]
pub struct UsersArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    /// Ids of one page (1000).
    #[arg(long)]
    pub limit: Option<u32>,
    /// Go on after this id.
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    /// Columns per person: first, last, days, weeks, months, events, sum, last_value.
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    pub with: Vec<String>,
    /// Order by one of them.
    #[arg(long, value_name = "COLUMN")]
    pub order_by: Option<String>,
    /// The largest first.
    #[arg(long)]
    pub descending: bool,
}

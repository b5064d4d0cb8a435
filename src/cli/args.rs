//! The flags of every command.

use super::flags::ReportCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// An embedded database for product metrics.
#[derive(Debug, Parser)]
#[command(
    name = "daybit",
    version,
    about = "Active users, growth, retention, funnels, revenue: exact, from your event files",
    after_help = "Exit codes: 0 done, 1 the system or a full disk stopped it, 2 wrong command or input,\n\
                  3 not a database (or one of another format), 4 another process is writing, 5 damage found."
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
    /// Read and check every byte of what is published, and of the log.
    Verify(DbArgs),
    /// Set damaged files aside and go on with what is whole; says what is lost.
    Repair(RepairArgs),
    /// Copy the database as it is now, also while it is written to, and check the copy.
    Backup(BackupArgs),
    /// Write the users, or one activity-day as a portable Roaring file.
    Export(ExportArgs),
    /// Ask a query given as JSON (`-` reads it from standard input) and print the JSON answer.
    Query(QueryArgs),
    /// Save sets of users under names, list them, forget them.
    Cohort(CohortArgs),
    /// Drop what is old: its rows, or whole days.
    Drop(DropArgs),
    /// Erase people for good: from every figure, and from every file.
    Erase(EraseArgs),
    /// Take events of erased people again.
    Readmit(PeopleArgs),
    /// Load the real data that daybit ships and print a growth report of it.
    Demo(DemoArgs),
    /// Answer over HTTP: queries, events in, and a dashboard in the browser.
    #[cfg(feature = "server")]
    Serve(Box<ServeArgs>),
    /// Make tokens for those who ask a server, list them, revoke them.
    #[cfg(feature = "server")]
    Token(TokenArgs),
    /// Forecast disk, memory and times of a workload from samples made and measured here.
    Plan(Box<PlanArgs>),
    /// One measurement of a plan, for `plan` itself.
    #[command(hide = true)]
    PlanStep,
    #[command(flatten)]
    Report(ReportCommand),
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
pub struct RepairArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// Say what would be done, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// The folder to make; it must be new or empty.
    pub to: PathBuf,
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
pub struct CohortArgs {
    #[command(subcommand)]
    pub what: CohortWhat,
}

#[derive(Debug, Subcommand)]
pub enum CohortWhat {
    /// Save a set of users under a name, in the place of an older one of that name.
    Save {
        /// The database's folder.
        db: PathBuf,
        /// The cohort's name; queries then say `--users @NAME`.
        name: String,
        /// A set as JSON, like '{"did": "purchase", "at_least": 2}'; `-` is standard input.
        users: String,
    },
    /// Show the saved cohorts.
    List {
        /// The database's folder.
        db: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget a saved cohort; refused while others name it.
    Drop {
        /// The database's folder.
        db: PathBuf,
        /// The cohort's name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct DropArgs {
    /// `rows` keeps who did what, how often, and sums by day; `days` keeps who was first seen when.
    pub what: DropWhat,
    /// The database's folder.
    pub db: PathBuf,
    /// The first day that stays as it is: a date, or `-400d` for so many days before today (UTC).
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub before: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DropWhat {
    Rows,
    Days,
}

#[derive(Debug, Args)]
pub struct EraseArgs {
    #[command(flatten)]
    pub people: PeopleArgs,
    /// Print the receipt as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct PeopleArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// Ids of the people.
    #[arg(required_unless_present = "ids_from")]
    pub ids: Vec<String>,
    /// A file with an id in each line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub ids_from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to make the demo's database; a new folder in the system's temporary place without it.
    pub db: Option<PathBuf>,
    /// Open the dashboard on it, in place of the report.
    #[cfg(feature = "server")]
    #[arg(long)]
    pub serve: bool,
    /// Where `--serve` listens.
    #[cfg(feature = "server")]
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8750", requires = "serve")]
    pub listen: std::net::SocketAddr,
}

/// How a database is served.
#[cfg(feature = "server")]
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The database's folder.
    pub db: PathBuf,
    /// Address and port; port 0 takes a free one. Another address than a loopback one needs a
    /// token: see `daybit token`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8750")]
    pub listen: std::net::SocketAddr,
    /// Serve what another process writes; take no events.
    #[arg(long)]
    pub read_only: bool,
    /// A name by which the server may be asked, beside its address; may be given several times.
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// An origin like https://app.example.com whose pages may ask; may be given several times.
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub origins: Vec<String>,
    /// Ask for a token on a loopback address too.
    #[arg(long)]
    pub require_token: bool,
    /// Connections at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 1024)]
    pub connections: usize,
    /// Time that the queries of one request may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub query_seconds: u64,
    /// Memory, in MiB, by which the process may grow while queries are answered.
    #[arg(long = "query-memory", value_name = "MIB", default_value_t = 2048)]
    pub query_mib: u32,
    /// Size, in MiB, of a body as it is sent; decompressed it may have four times as much.
    #[arg(long = "body-limit", value_name = "MIB", default_value_t = 16)]
    pub body_mib: u32,
    /// Size, in MiB, of an import as it is sent.
    #[arg(long = "import-limit", value_name = "MIB", default_value_t = 4096)]
    pub import_mib: u32,
    /// Time that may pass without a byte of a body.
    #[arg(long = "body-timeout", value_name = "SECONDS", default_value_t = 30)]
    pub body_seconds: u64,
    /// How far ahead of this machine's clock a sent event may be; imports have not_after.
    #[arg(long = "ahead", value_name = "HOURS", default_value_t = 24)]
    pub ahead_hours: u32,
    /// How far behind it; any time when left out. Imports have not_before.
    #[arg(long = "behind", value_name = "DAYS")]
    pub behind_days: Option<u32>,
    /// How the log is written, on standard error.
    #[arg(long, value_enum, default_value = "text")]
    pub log: LogFormat,
    /// Log warnings only, not each request.
    #[arg(long)]
    pub quiet: bool,
}

#[cfg(feature = "server")]
impl ServeArgs {
    /// The flags of a command line that names only the database.
    pub fn of(db: &std::path::Path) -> ServeArgs {
        ServeArgs {
            db: db.to_path_buf(),
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 8750)),
            read_only: false,
            hosts: Vec::new(),
            origins: Vec::new(),
            require_token: false,
            connections: 1024,
            query_seconds: 30,
            query_mib: 2048,
            body_mib: 16,
            import_mib: 4096,
            body_seconds: 30,
            ahead_hours: 24,
            behind_days: None,
            log: LogFormat::Text,
            quiet: true,
        }
    }
}

#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    pub what: TokenWhat,
}

#[cfg(feature = "server")]
#[derive(Debug, Subcommand)]
pub enum TokenWhat {
    /// Make a token and print it, this once; requests send it as `Authorization: Bearer TOKEN`.
    Create {
        /// The database's folder.
        db: PathBuf,
        /// The token's name, by which it is revoked.
        #[arg(long)]
        name: String,
        /// `read` to ask, `write` to send events, `read,write` for both.
        #[arg(long, value_name = "SCOPE")]
        scope: String,
    },
    /// Show the tokens; their secrets nobody knows any more.
    List {
        /// The database's folder.
        db: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Refuse a token from now on.
    Revoke {
        /// The database's folder.
        db: PathBuf,
        /// The token's name.
        name: String,
    },
}

/// How the server's log is written.
#[cfg(feature = "server")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of words for each request.
    Text,
    /// A JSON object a line.
    Json,
}

/// What is planned for. Numbers may be written 5e6, 5_000_000, 5M or 20%.
#[derive(Debug, Default, Args)]
pub struct PlanArgs {
    /// Users that the database will ever have seen.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub users: Option<String>,
    /// Share of them who are active on a mean day; 0.2 without it.
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub daily_active: Option<String>,
    /// Events of an active user on a day, at least 1; 4 without it.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub events_per_active_day: Option<String>,
    /// Distinct names of activities; 20 without it.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub activities: Option<String>,
    /// Years of history; 1 without it.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub years: Option<String>,
    /// A database of yours to take the shape of: what no flag says, and activities, properties and
    /// ids. It is only read.
    #[arg(long, value_name = "DB")]
    pub from_sample: Option<PathBuf>,
    /// Seconds that measuring may take, roughly.
    #[arg(long, value_name = "SECONDS", default_value = "90", allow_hyphen_values = true)]
    pub budget: String,
    /// The folder in which samples are made and removed; the system's temporary place without it.
    #[arg(long, value_name = "FOLDER")]
    pub work: Option<PathBuf>,
    /// `table` or `json`.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
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

/// What the rows of an import mean, said by flags or by whoever sends them to a server.
#[derive(Debug, Clone, Args)]
pub struct ImportFields {
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
}

#[cfg(feature = "server")]
impl Default for ImportFields {
    /// What is meant where nothing is said.
    fn default() -> ImportFields {
        ImportFields {
            user: "user".into(),
            activity: "activity".into(),
            activity_name: None,
            time: "time".into(),
            time_format: None,
            zone: None,
            insert_id: None,
            skip: Vec::new(),
            types: Vec::new(),
            not_before: None,
            not_after: None,
            strict: false,
            replace_days: None,
        }
    }
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
    #[command(flatten)]
    pub fields: ImportFields,
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

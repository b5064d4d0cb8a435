//! Imports of the same rows as CSV, NDJSON and Parquet, on one thread and on two, into an empty
//! database and onto the year before:
//!
//!     cargo bench --bench import -- [--users N] [--days N] [--only CASE] [--dir FOLDER]
//!
//! Makes the files, runs each case in a process of its own, and prints a JSON line for it: events
//! and bytes a second, and the most memory that the process held. `--only` runs the cases whose
//! names contain the text; `--dir` is where files and databases go (default: the system's folder
//! for temporary files).

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use daybit::{Db, ImportOptions, Options, Source};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const DAY_MS: i64 = 86_400_000;
/// 2024-01-01.
const FIRST_DAY: i64 = 19_723;
const ACTIVITIES: [&str; 8] =
    ["app_open", "view", "search", "add_to_cart", "checkout", "purchase", "share", "report"];
const COUNTRIES: [&str; 12] =
    ["US", "IN", "BR", "DE", "GB", "FR", "JP", "ID", "MX", "NG", "CA", "ES"];
const PLATFORMS: [&str; 3] = ["ios", "android", "web"];
const FORMATS: [&str; 3] = ["csv", "ndjson", "parquet"];

/// What the command line says.
struct Arguments {
    users: u64,
    days: i64,
    only: String,
    dir: PathBuf,
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn arguments() -> Arguments {
    let number = |name, or: u64| argument(name).map_or(or, |text| text.parse().unwrap());
    Arguments {
        users: number("--users", 20_000),
        days: number("--days", 60) as i64,
        only: argument("--only").unwrap_or_default(),
        dir: argument("--dir").map_or_else(std::env::temp_dir, PathBuf::from),
    }
}

/// Well mixed bits of a number.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

struct Row {
    /// Milliseconds since 1970.
    time: i64,
    user: u64,
    activity: usize,
    value: Option<f64>,
}

/// A fifth of the users is there on a day and does some things within an hour or two.
fn day_of(day: i64, users: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for user in 0..users {
        let mut bits = mixed(user << 20 | day as u64);
        if !bits.is_multiple_of(5) {
            continue;
        }
        let mut within = (bits >> 8) as i64 % (DAY_MS - 8_000_000);
        for event in 0..1 + (bits >> 40 & 3) + (bits >> 42 & 3) {
            bits = mixed(bits ^ event);
            let activity = if event == 0 { 0 } else { bits as usize % ACTIVITIES.len() };
            let value = (ACTIVITIES[activity] == "purchase").then(|| (bits >> 50) as f64 / 100.0);
            rows.push(Row { time: day * DAY_MS + within, user, activity, value });
            within += (bits >> 20) as i64 % 1_000_000;
        }
    }
    rows.sort_by_key(|row| row.time);
    rows
}

fn id(user: u64) -> String {
    format!("u{:016x}", mixed(user))
}

fn country(user: u64) -> &'static str {
    COUNTRIES[mixed(user ^ 1 << 60) as usize % COUNTRIES.len()]
}

fn platform(user: u64) -> &'static str {
    PLATFORMS[mixed(user ^ 1 << 61) as usize % PLATFORMS.len()]
}

fn time_text(row: &Row) -> String {
    let time = chrono::DateTime::from_timestamp_millis(row.time).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let texts = |of: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let times = TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.time));
    let values: Float64Array = rows.iter().map(|row| row.value).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("user", texts(&|row| id(row.user)), false),
        ("activity", texts(&|row| ACTIVITIES[row.activity].to_owned()), false),
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef, false),
        ("value", Arc::new(values) as ArrayRef, true),
        ("country", texts(&|row| country(row.user).to_owned()), false),
        ("platform", texts(&|row| platform(row.user).to_owned()), false),
    ])
    .unwrap()
}

fn path(dir: &Path, year: i64, format: &str) -> PathBuf {
    dir.join(format!("year{year}.{format}"))
}

/// Writes the rows of some days in all formats; answers how many there are.
fn make(dir: &Path, year: i64, users: u64, days: i64) -> u64 {
    let file = |format| BufWriter::new(File::create(path(dir, year, format)).unwrap());
    let [mut csv, mut ndjson, parquet] = FORMATS.map(file);
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut parquet = ArrowWriter::try_new(parquet, batch(&[]).schema(), Some(properties)).unwrap();
    writeln!(csv, "user,activity,time,value,country,platform").unwrap();
    let mut count = 0;
    for day in 0..days {
        let rows = day_of(FIRST_DAY + 365 * year + day, users);
        for row in &rows {
            let (user, activity, time) = (id(row.user), ACTIVITIES[row.activity], time_text(row));
            let (country, platform) = (country(row.user), platform(row.user));
            let mut value = String::new();
            row.value.iter().for_each(|number| write!(value, "{number:?}").unwrap());
            writeln!(csv, "{user},{activity},{time},{value},{country},{platform}").unwrap();
            let line = json!({
                "user": user, "activity": activity, "time": time, "value": row.value,
                "country": country, "platform": platform,
            });
            writeln!(ndjson, "{line}").unwrap();
        }
        parquet.write(&batch(&rows)).unwrap();
        count += rows.len() as u64;
    }
    parquet.close().unwrap();
    csv.flush().unwrap();
    ndjson.flush().unwrap();
    count
}

fn import(db: &Db, file: &Path, threads: usize) {
    let options = ImportOptions::new().threads(threads);
    let receipt = db.import(&options, vec![Source::file(file)], &|_| {}).unwrap();
    assert_eq!((receipt.rejected, receipt.repeated), (0, false), "all rows are good and new");
}

/// The most memory that this process held, where the system says it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let bytes = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        data if data.is_dir() => bytes_in(&entry.path()),
        data => data.len(),
    };
    entries.map(bytes).sum()
}

/// One case, in a process of its own: the database is there, and has the year before or nothing.
fn run_case(dir: &Path, format: &str, year: i64, threads: usize, events: u64) {
    let db_path = dir.join("case.db");
    let file = path(dir, year, format);
    let bytes = file.metadata().unwrap().len();
    let db = Db::open(&db_path, Options::new()).unwrap();
    let start = Instant::now();
    import(&db, &file, threads);
    let seconds = start.elapsed().as_secs_f64();
    drop(db);
    let line = json!({
        "case": name(format, year, threads),
        "events": events,
        "bytes": bytes,
        "seconds": (seconds * 1e3).round() / 1e3,
        "events_per_second": (events as f64 / seconds).round(),
        "bytes_per_second": (bytes as f64 / seconds).round(),
        "peak_memory_bytes": peak_memory(),
        "database_bytes": bytes_in(&db_path),
    });
    println!("{line}");
}

fn name(format: &str, year: i64, threads: usize) -> String {
    let onto = if year == 0 { "empty" } else { "second year" };
    format!("{format}, {threads} threads, {onto}")
}

fn main() {
    let arguments = arguments();
    let dir = arguments.dir.join("daybit-bench-import");
    if let Some(case) = argument("--case") {
        let [format, year, threads, events] = case.split(':').collect::<Vec<_>>()[..] else {
            panic!("--case {case}")
        };
        let number = |text: &str| text.parse::<u64>().unwrap();
        let (year, threads) = (number(year) as i64, number(threads) as usize);
        return run_case(&dir, format, year, threads, number(events));
    }
    // What a run that was stopped left behind.
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    // In the second year half as many users more.
    let users = [arguments.users, arguments.users + arguments.users / 2];
    let years = [0, 1].map(|year| make(&dir, year as i64, users[year], arguments.days));
    for year in [0, 1] {
        for (format, threads) in FORMATS.iter().flat_map(|format| [(format, 1), (format, 2)]) {
            if !name(format, year, threads).contains(&arguments.only) {
                continue;
            }
            let db_path = dir.join("case.db");
            let _ = std::fs::remove_dir_all(&db_path);
            let db = Db::create(&db_path, Options::new()).unwrap();
            if year == 1 {
                import(&db, &path(&dir, 0, "parquet"), 2);
            }
            drop(db);
            let case = format!("{format}:{year}:{threads}:{}", years[year as usize]);
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--case", &case, "--dir"]).arg(&arguments.dir);
            assert!(child.status().unwrap().success(), "{case}");
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

//! Imports of the same rows as CSV, NDJSON and Parquet, on one thread and on two, into an empty
//! database and onto the year before:
//!
//!     cargo bench --bench import -- [--users N] [--days N] [--only CASE] [--dir FOLDER]
//!                                     [--write FILE]
//!
//! Makes the files, runs each case in a process of its own, the best of three, and prints a table:
//! events and bytes a second, and the most memory that the process held. `--only` runs the cases
//! whose names contain the text; `--dir` is where files and databases go (default: the system's
//! folder for temporary files); `--write` puts the table between the marks of a page.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::{Db, ImportOptions, Options, Source};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use support::files::{FORMATS, make, path};
use support::page::Page;
use support::shop::FIRST_DAY;
use support::{argument, bytes_in, number};

/// What the command line says.
struct Arguments {
    users: u64,
    days: i64,
    only: String,
    dir: PathBuf,
}

fn arguments() -> Arguments {
    Arguments {
        users: number("--users", 20_000),
        days: number("--days", 60) as i64,
        only: argument("--only").unwrap_or_default(),
        dir: argument("--dir").map_or_else(std::env::temp_dir, PathBuf::from),
    }
}

/// Format, year and threads.
type Case = (&'static str, i64, usize);

/// Runs of each case, of which the fastest counts.
const RUNS: usize = 3;

/// What the files of a year are called.
fn year_name(year: i64) -> String {
    format!("year{year}")
}

/// Writes a year's files; answers how many events they hold.
fn make_year(dir: &Path, year: i64, users: u64, days: i64) -> u64 {
    let first = FIRST_DAY + 365 * year;
    make(dir, &year_name(year), users, first..first + days)
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

/// One case, in a process of its own: the database is there, and has the year before or nothing.
fn run_case(dir: &Path, format: &str, year: i64, threads: usize, events: u64) {
    let db_path = dir.join("case.db");
    let file = path(dir, &year_name(year), format);
    let bytes = file.metadata().unwrap().len();
    let db = Db::open(&db_path, Options::new()).unwrap();
    let start = Instant::now();
    import(&db, &file, threads);
    let seconds = start.elapsed().as_secs_f64();
    drop(db);
    let line = json!({
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

/// Runs a case in a process of its own, into a database that is as it should be before.
fn measured(
    arguments: &Arguments,
    dir: &Path,
    (format, year, threads): Case,
    events: u64,
) -> Value {
    let db_path = dir.join("case.db");
    let _ = std::fs::remove_dir_all(&db_path);
    let db = Db::create(&db_path, Options::new()).unwrap();
    if year == 1 {
        import(&db, &path(dir, &year_name(0), "parquet"), 2);
    }
    drop(db);
    let case = format!("{format}:{year}:{threads}:{events}");
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--case", &case, "--dir"]).arg(&arguments.dir).output().unwrap();
    assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fastest of three runs.
fn best(arguments: &Arguments, dir: &Path, case: Case, events: u64) -> Value {
    let seconds = |run: &Value| run["seconds"].as_f64().unwrap();
    let runs = (0..RUNS).map(|_| measured(arguments, dir, case, events));
    runs.min_by(|a, b| seconds(a).total_cmp(&seconds(b))).unwrap()
}

/// A row of the table.
fn row((format, year, threads): Case, run: &Value) -> String {
    let number = |key: &str| run[key].as_f64().unwrap_or(f64::NAN);
    format!(
        "| {} | {:.2} | {:.2} | {:.0} | {:.0} | {:.1} |",
        name(format, year, threads),
        number("seconds"),
        number("events_per_second") / 1e6,
        number("bytes_per_second") / 1e6,
        number("peak_memory_bytes") / f64::from(1 << 20),
        number("database_bytes") / 1e6,
    )
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
    let years = [0, 1].map(|year| make_year(&dir, year as i64, users[year], arguments.days));
    let mut page = Page::default();
    page.line(format!("{} events in the first year, {} in the second:\n", years[0], years[1]));
    page.line("| import | s | M events/s | MB/s | peak MiB | database, MB |");
    page.line("|---|---|---|---|---|---|");
    for year in [0, 1] {
        for (format, threads) in FORMATS.iter().flat_map(|format| [(*format, 1), (*format, 2)]) {
            if name(format, year, threads).contains(&arguments.only) {
                let case = (format, year, threads);
                page.line(row(case, &best(&arguments, &dir, case, years[year as usize])));
            }
        }
    }
    page.write_if_asked("imports");
    std::fs::remove_dir_all(&dir).unwrap();
}

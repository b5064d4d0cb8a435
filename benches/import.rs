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

mod support;

use daybit::{Db, ImportOptions, Options, Source};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use support::files::{FORMATS, make, path};
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
    let years = [0, 1].map(|year| make_year(&dir, year as i64, users[year], arguments.days));
    for year in [0, 1] {
        for (format, threads) in FORMATS.iter().flat_map(|format| [(format, 1), (format, 2)]) {
            if !name(format, year, threads).contains(&arguments.only) {
                continue;
            }
            let db_path = dir.join("case.db");
            let _ = std::fs::remove_dir_all(&db_path);
            let db = Db::create(&db_path, Options::new()).unwrap();
            if year == 1 {
                import(&db, &path(&dir, &year_name(0), "parquet"), 2);
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

//! Live writes: what a receipt takes, and what questions take meanwhile.
//!
//!     cargo bench --bench live -- [--seconds N] [--users N] [--threads N] [--flush-ms N]
//!         [--only writes|questions] [--dir FOLDER] [--write docs/benchmarks.md]
//!
//! First events one by one, by a hundred and by ten thousand, at each durability, from one thread
//! and from several: events a second and the time to a receipt. Then each question about seven
//! months of events, asked over and over while nobody writes, and while a thread writes batches of
//! a hundred into the last day as fast as they are synced. `--seconds` is for each line of a table
//! (default: half a second), `--flush-ms` how often events go to files. Prints two tables;
//! `--write` puts them between the marks of a page.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::{Batch, Db, Durability, Event, Options, Query, Writer};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::page::{Page, grouped, machine, shown_ms};
use support::questions::{questions, row_questions};
use support::shop::{LAST_DAY, Row, fill};
use support::{argument, number, percentile, timed};

const BATCHES: [u64; 3] = [1, 100, 10_000];
const INTERVAL_MS: u64 = 100;
const DURABILITIES: [Durability; 3] =
    [Durability::Sync, Durability::Interval(INTERVAL_MS), Durability::Os];
/// 2024-06-01, some months of which questions are asked.
const FIRST_DAY: i64 = 19_875;
/// A percentile of fewer is none.
const RECEIPTS_MIN: usize = 20;

struct Arguments {
    each: Duration,
    users: u64,
    threads: u64,
    flush: Duration,
    only: Option<String>,
    dir: PathBuf,
}

fn arguments() -> Arguments {
    let seconds = argument("--seconds").map_or(0.5, |text| text.parse().unwrap());
    Arguments {
        each: Duration::from_secs_f64(seconds),
        users: number("--users", 10_000),
        threads: number("--threads", 4),
        flush: Duration::from_millis(number("--flush-ms", 250)),
        only: argument("--only"),
        dir: argument("--dir").map_or_else(std::env::temp_dir, PathBuf::from),
    }
}

/// Events of the last day, each of them once.
struct Source {
    next: AtomicU64,
    users: u64,
}

impl Source {
    fn new(users: u64) -> Source {
        Source { next: AtomicU64::new(0), users }
    }

    fn batch(&self, events: u64) -> Batch {
        let first = self.next.fetch_add(events, Ordering::Relaxed);
        let numbers = first..first + events;
        Batch::new()
            .events(numbers.map(|n| Row::live(n, self.users).event()).collect::<Vec<Event>>())
    }
}

/// Writes batches until told to stop; the time to each receipt.
fn write(
    writer: &Writer,
    source: &Source,
    events: u64,
    go_on: impl Fn(usize) -> bool,
) -> Vec<Duration> {
    let mut receipts = Vec::new();
    while go_on(receipts.len()) {
        let batch = source.batch(events);
        receipts.push(timed(|| {
            assert_eq!(writer.write_batch(batch).unwrap().accepted, events);
        }));
    }
    receipts
}

fn shown(time: Duration) -> String {
    shown_ms(time.as_secs_f64() * 1e3)
}

/// One line: so many threads write batches of so many events into a new database.
fn write_case(
    page: &mut Page,
    arguments: &Arguments,
    durability: Durability,
    threads: u64,
    events: u64,
) {
    let folder = tempfile::tempdir_in(&arguments.dir).unwrap();
    let options = Options::new().durability(durability).flush_every(Some(arguments.flush));
    let db = Db::create(folder.path().join("live.db"), options).unwrap();
    let source = Source::new(arguments.users);
    let started = Instant::now();
    let go_on = |receipts| started.elapsed() < arguments.each || receipts < RECEIPTS_MIN;
    let of_threads: Vec<Vec<Duration>> = std::thread::scope(|scope| {
        let one = || write(&db.writer().unwrap(), &source, events, go_on);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Of the time within calls: making up events takes as long as writing them.
    let rate = |receipts: &Vec<Duration>| {
        let seconds: Duration = receipts.iter().sum();
        (receipts.len() as u64 * events) as f64 / seconds.as_secs_f64()
    };
    let per_second: f64 = of_threads.iter().map(rate).sum();
    let mut receipts = of_threads.concat();
    let [p50, p99, most] = [50, 99, 100].map(|percent| shown(percentile(&mut receipts, percent)));
    page.line(format!(
        "| {durability} | {threads} | {} | {} | {p50} | {p99} | {most} | {} |",
        grouped(events as f64),
        grouped(per_second),
        grouped(receipts.len() as f64)
    ));
    db.close().unwrap();
}

fn writes(page: &mut Page, arguments: &Arguments) {
    page.line(
        "| durability | threads | batch | events/s | p50, ms | p99, ms | most, ms | receipts |",
    );
    page.line("|---|---|---|---|---|---|---|---|");
    for durability in DURABILITIES {
        for threads in [1, arguments.threads] {
            BATCHES
                .iter()
                .for_each(|events| write_case(page, arguments, durability, threads, *events));
        }
    }
}

/// Asks over and over.
fn ask(db: &Db, query: &Query, each: Duration) -> Vec<Duration> {
    let started = Instant::now();
    let mut answers = Vec::new();
    while started.elapsed() < each || answers.len() < RECEIPTS_MIN {
        answers.push(timed(|| drop(db.query(query).unwrap())));
    }
    answers
}

/// A thread writes while somebody asks; what the answers took, and how many events were written a
/// second.
fn ask_meanwhile(db: &Db, query: &Query, each: Duration, source: &Source) -> (Vec<Duration>, f64) {
    let done = AtomicBool::new(false);
    let go_on = |_: usize| !done.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        let started = Instant::now();
        let writing = scope.spawn(|| write(&db.writer().unwrap(), source, 100, go_on).len());
        let answers = ask(db, query, each);
        done.store(true, Ordering::Relaxed);
        let receipts = writing.join().unwrap();
        (answers, (100 * receipts) as f64 / started.elapsed().as_secs_f64())
    })
}

fn question_case(
    page: &mut Page,
    db: &Db,
    name: &str,
    query: &Query,
    each: Duration,
    source: &Source,
) {
    db.compact().unwrap();
    let mut quiet = ask(db, query, each);
    let (mut meanwhile, per_second) = ask_meanwhile(db, query, each, source);
    let [quiet50, quiet99] = [50, 99].map(|percent| shown(percentile(&mut quiet, percent)));
    let [busy50, busy99] = [50, 99].map(|percent| shown(percentile(&mut meanwhile, percent)));
    page.line(format!(
        "| {name} | {quiet50} | {quiet99} | {busy50} | {busy99} | {} | {} |",
        meanwhile.len(),
        grouped(per_second)
    ));
}

fn questions_while_writing(page: &mut Page, arguments: &Arguments) {
    let folder = tempfile::tempdir_in(&arguments.dir).unwrap();
    let path = folder.path().join("live.db");
    let events = fill(&path, arguments.users, FIRST_DAY..LAST_DAY);
    let (events, users) = (grouped(events as f64), grouped(arguments.users as f64));
    page.line(format!("Of {events} events of {users} users:"));
    page.line("");
    page.line(
        "| question | alone p50, ms | p99, ms | while writing p50, ms | p99, ms | answers | events/s |"
    );
    page.line("|---|---|---|---|---|---|---|");
    let db = Db::open(&path, Options::new().flush_every(Some(arguments.flush))).unwrap();
    let source = Source::new(arguments.users);
    for (name, query) in questions().into_iter().chain(row_questions()) {
        let query = Query::from_value(&query).unwrap();
        question_case(page, &db, name, &query, arguments.each, &source);
    }
    db.close().unwrap();
}

fn main() {
    let arguments = arguments();
    let wanted = |part: &str| arguments.only.as_ref().is_none_or(|only| only == part);
    let mut page = Page::default();
    page.line(format!("{}; `--seconds {}`.", machine(), arguments.each.as_secs_f64()));
    page.line("");
    if wanted("writes") {
        writes(&mut page, &arguments);
        page.line("");
    }
    if wanted("questions") {
        questions_while_writing(&mut page, &arguments);
    }
    page.write_if_asked("live");
}

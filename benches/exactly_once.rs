//! What exactly once costs: the ids of batches, and the insert ids of events.
//!
//!     cargo bench --bench exactly_once --features internals -- [full] [--ids N] [--events N]
//!         [--only batches|inserts] [--dir FOLDER] [--write docs/benchmarks.md]
//!
//! First so many live batches of one event, each with an id, arrive over 30 days of a clock that is
//! set by hand (default: 200,000 ids; `full`: 10 million), without syncs. Then batches with and
//! without an id take turns, repeats are sent, and the database is opened with its index of ids and
//! without. Then the same events are written and imported with and without insert ids, also such
//! that the ids of seven days are compared. Prints tables; `--write` puts them between the marks of
//! a page.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::internals::open_at;
use daybit::{Batch, Db, Durability, Event, ImportOptions, Options, Source, Writer};
use std::fmt::Write as _;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use support::page::{Page, grouped, machine, shown_ms};
use support::shop::{DAY_MS, FIRST_DAY, Row, mixed};
use support::{argument, bytes_in, number, percentile, timed};

/// Days over which ids arrive.
const DAYS: u64 = 30;
const DAY_US: i64 = DAY_MS * 1_000;
const USERS: u64 = 10_000;
/// Flushes while ids arrive.
const FLUSHES: u64 = 500;
/// Batches of one kind before it is the other's turn, and how often.
const TURN: u64 = 1_000;
const TURNS: u64 = 20;
/// Batches between two flushes, where ten million ids arrive in 30 days and a flush comes every
/// five seconds; and how many such flushes of each kind are timed.
const BATCHES_PER_FLUSH: u64 = 20;
const SMALL_FLUSHES: u64 = 200;
const REPEATS: u64 = 20_000;
const OPENINGS: usize = 3;
/// Events of a batch where insert ids are compared.
const EVENTS_PER_BATCH: u64 = 100;
/// Days whose insert ids an event is compared with where the writer sets its time.
const DAYS_COMPARED: u64 = 7;

struct Arguments {
    ids: u64,
    events: u64,
    only: Option<String>,
    dir: PathBuf,
}

fn arguments() -> Arguments {
    let full = std::env::args().any(|argument| argument == "full");
    let (ids, events) = if full { (10_000_000, 1_000_000) } else { (200_000, 100_000) };
    Arguments {
        ids: number("--ids", ids),
        events: number("--events", events),
        only: argument("--only"),
        dir: argument("--dir").map_or_else(std::env::temp_dir, PathBuf::from),
    }
}

/// A database whose clock is set by hand.
struct Place {
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
}

impl Place {
    fn new(dir: &Path) -> Place {
        let clock = Arc::new(AtomicI64::new(FIRST_DAY * DAY_US));
        Place { folder: tempfile::tempdir_in(dir).unwrap(), clock }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("once.db")
    }

    fn open(&self, is_new: bool) -> Db {
        // A flush only where this bench asks for one.
        let options = Options::new().durability(Durability::Os).background(false);
        open_at(&self.path(), options.memtable_bytes(1 << 30), &self.clock, is_new).unwrap()
    }

    fn set(&self, time_us: i64) {
        self.clock.store(time_us, Ordering::Relaxed);
    }

    fn bytes(&self, folder: &str) -> f64 {
        bytes_in(&self.path().join(folder)) as f64
    }
}

/// An event whose time the writer sets.
fn event(number: u64) -> Event {
    let row = Row::live(number, USERS);
    Event::new(row.id(), row.activity())
}

fn batch(number: u64, events: u64, is_named: bool) -> Batch {
    let numbers = number * events..(number + 1) * events;
    let batch = Batch::new().events(numbers.map(event));
    if is_named { batch.id(format!("service-7/{number:012}")) } else { batch }
}

/// The time within the call.
fn write(writer: &Writer, batch: Batch) -> Duration {
    let events = batch.len() as u64;
    timed(|| {
        let receipt = writer.write_batch(batch).unwrap();
        assert_eq!((receipt.accepted, receipt.repeated), (events, false));
    })
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn mib(bytes: f64) -> String {
    grouped(bytes / f64::from(1 << 20))
}

/// A figure of `/proc/self/status` in bytes; 0 where the system has none.
fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<f64>().unwrap_or(0.0) * 1024.0
}

/// From here on the peak of resident memory counts anew.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// All ids arrive; the time within writes and within each flush.
fn arrive(place: &Place, ids: u64) -> (Duration, Vec<Duration>) {
    let db = place.open(true);
    let writer = db.writer().unwrap();
    let step_us = DAYS as i64 * DAY_US / ids as i64;
    let mut writing = Duration::ZERO;
    let mut flushes = Vec::new();
    for number in 0..ids {
        place.set(FIRST_DAY * DAY_US + number as i64 * step_us);
        writing += write(&writer, batch(number, 1, true));
        if (number + 1) % (ids / FLUSHES).max(1) == 0 {
            flushes.push(timed(|| db.flush().unwrap()));
        }
    }
    db.close().unwrap();
    (writing, flushes)
}

fn arrivals(page: &mut Page, place: &Place, ids: u64) {
    forget_peak();
    let (writing, mut flushes) = arrive(place, ids);
    let flushing: Duration = flushes.iter().sum();
    let shown = |time: Duration| shown_ms(time.as_secs_f64() * 1e3);
    page.line(format!(
        "{} ids over {DAYS} days: {:.1} s within writes, {:.1} s within {} flushes (p50 {} ms, most \
         {} ms); resident at most {} MiB, mapped files included, and {} MiB without them at the end.",
        grouped(ids as f64),
        writing.as_secs_f64(),
        flushing.as_secs_f64(),
        flushes.len(),
        shown(percentile(&mut flushes, 50)),
        shown(percentile(&mut flushes, 100)),
        mib(status("VmHWM")),
        mib(status("RssAnon")),
    ));
    page.line("");
    page.line("| on disk | MB | bytes an id |");
    page.line("|---|---|---|");
    for (what, folder) in [("ledgers", "ledger"), ("index (sled)", "catalog"), ("days", "days")] {
        let bytes = place.bytes(folder);
        page.line(format!("| {what} | {:.1} | {:.1} |", bytes / 1e6, bytes / ids as f64));
    }
    page.line("");
}

/// Batches with and without an id take turns.
fn turns(page: &mut Page, db: &Db, next: &mut u64) {
    let writer = db.writer().unwrap();
    page.line("| batch of | without an id, µs | with one, µs | ratio |");
    page.line("|---|---|---|---|");
    for events in [1, 10, 100] {
        let mut times = [Vec::new(), Vec::new()];
        for turn in 0..2 * TURNS {
            let is_named = turn % 2 == 1;
            for number in *next..*next + TURN {
                times[usize::from(is_named)].push(write(&writer, batch(number, events, is_named)));
            }
            *next += TURN;
        }
        db.flush().unwrap();
        let [without, with] = times.map(|mut times| us(percentile(&mut times, 50)));
        page.line(format!("| {events} | {without:.1} | {with:.1} | {:.2} |", with / without));
    }
    page.line("");
}

/// Small flushes, of batches with and without ids by turns.
fn small_flushes(page: &mut Page, db: &Db, next: &mut u64) {
    let writer = db.writer().unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..2 * SMALL_FLUSHES {
        let is_named = turn % 2 == 1;
        for number in *next..*next + BATCHES_PER_FLUSH {
            write(&writer, batch(number, 1, is_named));
        }
        *next += BATCHES_PER_FLUSH;
        times[usize::from(is_named)].push(timed(|| db.flush().unwrap()));
    }
    page.line(format!("| flush of {BATCHES_PER_FLUSH} batches | p50, ms | p99, ms | most, ms |"));
    page.line("|---|---|---|---|");
    for (what, mut times) in ["without ids", "with ids"].into_iter().zip(times) {
        let [p50, p99, most] = [50, 99, 100]
            .map(|percent| shown_ms(percentile(&mut times, percent).as_secs_f64() * 1e3));
        page.line(format!("| {what} | {p50} | {p99} | {most} |"));
    }
    page.line("");
}

/// Sends a batch of the past again.
fn repeat(writer: &Writer, number: u64) -> Duration {
    let batch = batch(number, 1, true);
    timed(|| assert!(writer.write_batch(batch).unwrap().repeated))
}

fn repeats(page: &mut Page, db: &Db, ids: u64) {
    let writer = db.writer().unwrap();
    let times = (0..REPEATS).map(|number| repeat(&writer, mixed(number) % ids));
    let mut times: Vec<Duration> = times.collect();
    let [p50, p99, most] = [50, 99, 100].map(|percent| us(percentile(&mut times, percent)));
    page.line(format!(
        "{} repeats of batches of any age: p50 {p50:.1} µs, p99 {p99:.1} µs, most {most:.0} µs.",
        grouped(REPEATS as f64)
    ));
    page.line("");
}

/// The database opened, and the first repeat known.
fn openings(page: &mut Page, place: &Place) {
    page.line("| opening | open, ms | first repeat, ms | peak MiB |");
    page.line("|---|---|---|---|");
    for what in ["as it was closed", "after its index was removed"] {
        let mut best = [Duration::MAX; 2];
        let mut peak = 0.0;
        for _ in 0..OPENINGS {
            if what != "as it was closed" {
                let _ = std::fs::remove_dir_all(place.path().join("catalog"));
            }
            forget_peak();
            let mut db = None;
            let open = timed(|| db = Some(place.open(false)));
            let db = db.unwrap();
            let first = repeat(&db.writer().unwrap(), 7);
            best = [best[0].min(open), best[1].min(first)];
            peak = status("VmHWM");
            db.close().unwrap();
        }
        let [open, first] = best.map(|time| shown_ms(time.as_secs_f64() * 1e3));
        page.line(format!("| {what} | {open} | {first} | {} |", mib(peak)));
    }
    page.line("");
}

fn batches(page: &mut Page, arguments: &Arguments) {
    let place = Place::new(&arguments.dir);
    arrivals(page, &place, arguments.ids);
    openings(page, &place);
    let db = place.open(false);
    let mut next = arguments.ids;
    repeat(&db.writer().unwrap(), 0);
    turns(page, &db, &mut next);
    small_flushes(page, &db, &mut next);
    repeats(page, &db, arguments.ids);
    db.close().unwrap();
}

/// What an event costs, without its insert id and with it.
struct Costs {
    us: [f64; 2],
    bytes: [f64; 2],
}

impl Costs {
    fn row(&self, page: &mut Page, what: &str) {
        let ([without, with], [bytes_without, bytes_with]) = (self.us, self.bytes);
        page.line(format!(
            "| {what} | {without:.2} | {with:.2} | {:.2} | {bytes_without:.1} | {bytes_with:.1} |",
            with / without
        ));
    }
}

/// Closes it without what was replaced: that stays until two more publications.
fn close_tidy(db: Db) {
    db.compact().unwrap();
    for day in 0..2 {
        let time = chrono::DateTime::from_timestamp_micros(day * DAY_US).unwrap();
        db.writer().unwrap().write(Event::new("last", "visit").at(time)).unwrap();
        db.flush().unwrap();
    }
    db.close().unwrap();
}

/// Two databases, of which the second has insert ids, are written to by turns; on each of the days
/// so many events. Of the last day the time is told, of all of them the bytes.
fn written(dir: &Path, days: u64, events: u64, is_timed_here: bool) -> Costs {
    let places = [Place::new(dir), Place::new(dir)];
    let databases = [0, 1].map(|which: usize| places[which].open(true));
    let mut times = [Duration::ZERO; 2];
    for day in 0..days {
        times = [Duration::ZERO; 2];
        for batch in 0..events / EVENTS_PER_BATCH {
            let first = day * events + batch * EVENTS_PER_BATCH;
            let now_us = (FIRST_DAY + day as i64) * DAY_US + batch as i64 * 1_000;
            for (which, db) in databases.iter().enumerate() {
                places[which].set(now_us);
                let time = (!is_timed_here)
                    .then(|| chrono::DateTime::from_timestamp_micros(now_us).unwrap());
                let events = (first..first + EVENTS_PER_BATCH).map(|number| {
                    let insert_id = (which == 1).then(|| format!("{:032x}", mixed(number)));
                    Event { insert_id, time, ..event(number) }
                });
                let batch = Batch::new().events(events);
                times[which] += write(&db.writer().unwrap(), batch);
            }
        }
        databases.iter().for_each(|db| db.flush().unwrap());
    }
    databases.into_iter().for_each(close_tidy);
    let bytes = [0, 1].map(|which: usize| places[which].bytes("days") / (days * events) as f64);
    Costs { us: times.map(|time| us(time) / events as f64), bytes }
}

/// The text of a file of one day's events, with a column of ids.
fn csv(events: u64) -> String {
    let mut text = "user,activity,time,id\n".to_string();
    for number in 0..events {
        let row = Row::live(number, USERS);
        let (user, activity, id) = (row.id(), row.activity(), mixed(number));
        writeln!(text, "{user},{activity},{},{id:032x}", row.time).unwrap();
    }
    text
}

/// The same file without its ids and with them, and then once more under another batch id.
fn imported(page: &mut Page, dir: &Path, events: u64) {
    let text = csv(events);
    let (mut times, mut again) = ([Duration::MAX; 2], [Duration::MAX; 2]);
    let mut bytes = [0.0; 2];
    for which in [0, 1, 0, 1, 0, 1] {
        let options = ImportOptions::new();
        let options = if which == 1 { options.insert_id("id") } else { options.skip("id") };
        let place = Place::new(dir);
        let db = place.open(true);
        let import = |options: &ImportOptions| {
            let source = Source::reader("day.csv", Box::new(Cursor::new(text.clone())));
            let mut receipt = None;
            let time = timed(|| receipt = db.import(options, vec![source], &|_| {}).ok());
            (time, receipt.unwrap())
        };
        let (time, receipt) = import(&options);
        assert_eq!((receipt.accepted, receipt.duplicates), (events, 0));
        times[which] = times[which].min(time);
        let (time, receipt) = import(&options.batch_id("again"));
        assert_eq!(receipt.duplicates, if which == 1 { events } else { 0 });
        again[which] = again[which].min(time);
        close_tidy(db);
        bytes[which] = place.bytes("days") / events as f64;
    }
    let each = |times: [Duration; 2]| times.map(|time| us(time) / events as f64);
    let once = [bytes[0] / 2.0, bytes[1]];
    Costs { us: each(times), bytes: once }.row(page, "import of CSV");
    Costs { us: each(again), bytes }.row(page, "the same rows once more, under another batch id");
}

fn inserts(page: &mut Page, arguments: &Arguments) {
    let (dir, events) = (&arguments.dir, arguments.events);
    page.line(
        "| insert ids | without, µs an event | with, µs | ratio | without, bytes an event | with |",
    );
    page.line("|---|---|---|---|---|---|");
    written(dir, 1, events, false).row(page, "live, one day");
    let daily = events / DAYS_COMPARED;
    let daily = daily - daily % EVENTS_PER_BATCH;
    written(dir, DAYS_COMPARED + 1, daily, false).row(page, "live, an eighth day");
    written(dir, DAYS_COMPARED + 1, daily, true).row(page, "the same, times set by the writer");
    imported(page, dir, events);
}

fn main() {
    let arguments = arguments();
    let wanted = |part: &str| arguments.only.as_ref().is_none_or(|only| only == part);
    let mut page = Page::default();
    page.line(format!("{}.", machine()));
    page.line("");
    if wanted("batches") {
        batches(&mut page, &arguments);
    }
    if wanted("inserts") {
        inserts(&mut page, &arguments);
    }
    page.write_if_asked("exactly_once");
}

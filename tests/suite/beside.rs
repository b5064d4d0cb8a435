//! Processes that read while another one writes, flushes, compacts, drops and erases: what a reader
//! holds never changes, nobody waits for readers, and nothing piles up.
//!
//! `BESIDE_SECONDS=600` is the long run. The children are this very test program, asked to run an
//! ignored test.

use crate::support::{Random, folder, setting};
use daybit::{Batch, Bucket, Db, Event, Options, Query, Set};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FOLDER: &str = "DAYBIT_BESIDE_FOLDER";
const SECONDS: &str = "DAYBIT_BESIDE_SECONDS";
const SEED: &str = "DAYBIT_BESIDE_SEED";
const READERS: u64 = 2;
const DAYS: i64 = 60;
const PEOPLE: u64 = 3_000;
const MAX_AGE: Duration = Duration::from_secs(2);
/// Memory that a process may gain between a quarter of its time and the end.
const GROWTH_BYTES_MAX: u64 = 48 << 20;

fn event(number: u64, day: i64) -> Event {
    let at = chrono::DateTime::from_timestamp(1_700_000_000 + day * 86_400, 0).unwrap();
    let page = format!("/{}", number % 7);
    Event::new(format!("user {number}"), "visit").at(at).with("n", number as i64).with("page", page)
}

fn options() -> Options {
    Options::new().reader_max_age(MAX_AGE).memtable_bytes(256 << 10)
}

/// What a child was told; `None` where this is no child.
fn told() -> Option<(std::path::PathBuf, Duration, Random)> {
    let folder = std::env::var_os(FOLDER)?;
    let number = |name: &str| std::env::var(name).unwrap().parse().unwrap();
    Some((folder.into(), Duration::from_secs(number(SECONDS)), Random(number(SEED))))
}

#[test]
#[ignore = "a child process of the test of readers beside a writer"]
fn child_that_writes() {
    let Some((folder, time, mut random)) = told() else { return };
    let db = Db::open(folder, options()).unwrap();
    let (writer, started) = (db.writer().unwrap(), Instant::now());
    let mut stored: BTreeMap<u64, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    let mut person = 0;
    while started.elapsed() < time {
        let batch: Vec<u64> = (0..200).map(|_| person + random.below(PEOPLE)).collect();
        let events = batch.iter().map(|n| event(*n, random.below(DAYS as u64) as i64));
        let events: Vec<Event> = events.collect();
        let before = Instant::now();
        let receipt = writer.write_batch(Batch::new().events(events)).unwrap();
        slowest = slowest.max(before.elapsed());
        assert_eq!(receipt.accepted, 200);
        batch.iter().for_each(|number| *stored.entry(*number).or_default() += 1);
        match random.below(40) {
            0..8 => db.flush().unwrap(),
            8 => db.compact().unwrap(),
            9 => {
                // The oldest go, and come no more.
                let gone: Vec<u64> =
                    stored.range(..person + 3).map(|(number, _)| *number).collect();
                if !gone.is_empty() {
                    let ids = gone.iter().map(|number| format!("user {number}"));
                    let events: u64 = gone.iter().filter_map(|n| stored.remove(n)).sum();
                    assert_eq!(db.erase(ids).unwrap().events, events);
                }
                person += 3;
            }
            _ => {}
        }
    }
    db.close().unwrap();
    println!("people {} events {}", stored.len(), stored.values().sum::<u64>());
    println!("slowest write {} ms", slowest.as_millis());
}

#[test]
#[ignore = "a child process of the test of readers beside a writer"]
fn child_that_reads() {
    let Some((folder, time, mut random)) = told() else { return };
    let (db, started) = (Db::open_read_only(folder).unwrap(), Instant::now());
    let (mut snapshots, mut early) = (0, None);
    while started.elapsed() < time {
        let snapshot = db.snapshot().unwrap();
        let answers = || -> Vec<String> {
            let told = |query: &Query| {
                let mut answer = snapshot.query(query).unwrap().to_json();
                answer["info"]["elapsed_ms"] = 0.into();
                answer.to_string()
            };
            questions().iter().map(told).collect()
        };
        let first = answers();
        // Longer than a lease lives, now and then.
        let hold = if random.chance(30) { 2_500 } else { random.below(100) };
        std::thread::sleep(Duration::from_millis(hold));
        assert_eq!(answers(), first, "a snapshot that is held does not change");
        snapshots += 1;
        db.refresh().unwrap();
        if early.is_none() && started.elapsed() > time / 4 {
            early = Some(usage());
        }
    }
    let (early, late) = (early.unwrap_or_else(usage), usage());
    println!("snapshots {snapshots} usage {} {} {} {}", early.0, early.1, late.0, late.1);
}

fn questions() -> Vec<Query> {
    let as_of = chrono::DateTime::from_timestamp(1_700_000_000 + 90 * 86_400, 0).unwrap();
    let ranged = |query: Query| query.from("2023-11-01").to("2024-02-01").as_of(as_of);
    vec![
        ranged(Query::active("*")),
        ranged(Query::growth("visit").by(Bucket::Week)),
        ranged(Query::active("visit").breakdown(["page"])),
        Query::count(Set::did("visit").at_least(2)).as_of(as_of),
    ]
}

/// Open files and resident bytes of its own of this process; nothing where the system does not
/// tell.
fn usage() -> (u64, u64) {
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = own.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    (files, kilobytes.unwrap_or(0) << 10)
}

fn start(name: &str, path: &Path, seconds: u64, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("beside::{name}"), "--ignored", "--nocapture"])
        .env(FOLDER, path)
        .env(SECONDS, seconds.to_string())
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn ended(mut child: Child) -> String {
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

/// The numbers that follow a word in what a child said.
fn numbers(said: &str, word: &str) -> Vec<u64> {
    let after = said.split(word).nth(1).unwrap_or_else(|| panic!("no {word} in {said}"));
    let line = after.lines().next().unwrap_or_default();
    line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn readers_beside_a_writer_see_what_they_hold_and_keep_nobody() {
    let (seconds, seed) = (setting("BESIDE_SECONDS", 6), setting("SEED", 5));
    let place = folder();
    let path = place.path().join("db");
    Db::create(&path, options()).unwrap().close().unwrap();
    let writer = start("child_that_writes", &path, seconds, seed);
    let reader = |number| start("child_that_reads", &path, seconds, seed + 1 + number);
    let readers: Vec<Child> = (0..READERS).map(reader).collect();
    // This one says no goodbye.
    let mut killed = reader(READERS);
    std::thread::sleep(Duration::from_secs(seconds / 2));
    killed.kill().unwrap();
    killed.wait().unwrap();
    for said in readers.into_iter().map(ended) {
        let usage = numbers(&said, "usage");
        let [files_early, bytes_early, files_late, bytes_late] = usage[..] else {
            panic!("{said}");
        };
        assert!(files_late <= files_early + 2, "open files: {said}");
        assert!(bytes_late <= bytes_early + GROWTH_BYTES_MAX, "memory: {said}");
        print!("{}", said.lines().filter(|line| line.contains("usage")).collect::<String>());
    }
    let said = ended(writer);
    println!("; {}", said.lines().filter(|line| line.contains(" write ")).collect::<String>());
    let (people, events) = (numbers(&said, "people")[0], numbers(&said, "events")[0]);
    let db = Db::open(&path, options()).unwrap();
    let info = db.snapshot().unwrap().info().unwrap();
    assert_eq!((u64::from(info.users), info.events), (people, events));
    assert!(db.verify().unwrap().damages.is_empty());
    nothing_is_left_over(&db, &path);
}

/// With all readers gone, the next publications leave no file that is not needed.
fn nothing_is_left_over(db: &Db, path: &Path) {
    for day in 0..3 {
        db.writer().unwrap().write(event(u64::MAX, day)).unwrap();
        db.flush().unwrap();
    }
    let found = |dir: &str, ending: &str| {
        let names = std::fs::read_dir(path.join(dir)).unwrap();
        let names = names.map(|name| name.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(ending)).count() as u64
    };
    assert_eq!(found("readers", ".lease"), 0);
    // Those of the manifest before are kept as well.
    let named = db.info().unwrap().day_files;
    assert!(found("days", ".day") <= named + 2, "{} of {named}", found("days", ".day"));
    assert!(found("wal", ".wal") <= 1);
}

//! A real process, killed with SIGKILL at random moments while it writes, flushes and compacts:
//! what it acknowledged is there afterwards, whole and once.
//!
//! `KILLS=n` sets how often; the child is this very test program, asked to run one ignored test.

use crate::support::{Random, folder, setting};
use daybit::{Batch, Db, Durability, ErrorKind, Event, Options, Query, Set};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const EVENTS_PER_BATCH: u64 = 5;
const FOLDER: &str = "DAYBIT_KILL_FOLDER";
const FROM: &str = "DAYBIT_KILL_FROM";

/// Run by the child only: writes batches for ever, and says which ones were acknowledged.
#[test]
#[ignore = "the child process of the kill test"]
fn child_that_writes_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let first: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let options = Options::new().durability(Durability::Sync).memtable_bytes(16 << 10);
    let db = open(Path::new(&folder), &options);
    let writer = db.writer().unwrap();
    for number in first.. {
        writer.write_batch(batch(number)).unwrap();
        println!("acknowledged {number}");
        if number % 7 == 0 {
            db.flush().unwrap();
        }
        if number % 31 == 0 {
            db.compact().unwrap();
        }
    }
}

/// The killed process's lock goes with it, maybe a moment later.
fn open(folder: &Path, options: &Options) -> Db {
    for _ in 0..200 {
        match Db::open(folder, options.clone()) {
            Err(error) if error.kind() == ErrorKind::Locked => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.unwrap(),
        }
    }
    panic!("the lock of a killed process was never let go");
}

/// Every user of a batch is its own, so that a lost or doubled batch shows in the counts.
fn batch(number: u64) -> Batch {
    let day = number % 40;
    let at = chrono::DateTime::from_timestamp(1_700_000_000 + day as i64 * 86_400, 0).unwrap();
    let event =
        |i| Event::new(format!("user {number}-{i}"), "write").at(at).with("batch", number as i64);
    Batch::new().id(format!("batch {number}")).events((0..EVENTS_PER_BATCH).map(event))
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let place = folder();
    let path = place.path().join("db");
    Db::create(&path, Options::new()).unwrap().close().unwrap();
    let mut random = Random(setting("SEED", 11));
    let mut next = 1;
    for round in 0..setting("KILLS", 200) {
        let acknowledged = run_and_kill(&path, next, random.below(60));
        next = check(&path, acknowledged.max(next - 1), round);
    }
}

/// Starts a child and kills it after so many milliseconds of writing; answers its last word.
fn run_and_kill(path: &Path, from: u64, after_ms: u64) -> u64 {
    let mut child = start(path, from);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20 + after_ms));
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let numbers = lines
        .map_while(Result::ok)
        .filter_map(|line| line.split("acknowledged ").nth(1).and_then(|n| n.trim().parse().ok()));
    let last = numbers.last().unwrap_or(0);
    killer.join().unwrap();
    last
}

fn start(path: &Path, from: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_that_writes_until_killed", "--ignored", "--nocapture"])
        .env(FOLDER, path)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// All acknowledged batches are there; at most one more is, whole. Answers the next number to
/// write.
fn check(path: &Path, acknowledged: u64, round: u64) -> u64 {
    let db = open(path, &Options::new());
    let users = db.query(&Query::count(Set::did("write"))).unwrap().count().unwrap();
    let events = db.snapshot().unwrap().info().unwrap().events;
    assert_eq!(users, events, "round {round}: nothing twice");
    assert_eq!(users % EVENTS_PER_BATCH, 0, "round {round}: batches are whole");
    let batches = users / EVENTS_PER_BATCH;
    assert!(batches >= acknowledged, "round {round}: {batches} of {acknowledged} batches are left");
    assert!(
        batches <= acknowledged + 1,
        "round {round}: {batches} batches, {acknowledged} written"
    );
    // The last one again: its receipt may have been lost, and it must not count twice.
    if batches > 0 {
        let receipt = db.writer().unwrap().write_batch(batch(batches)).unwrap();
        assert!(receipt.repeated, "round {round}: batch {batches} is known");
    }
    batches + 1
}

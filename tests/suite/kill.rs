//! A real process, killed with SIGKILL at random moments while it writes, flushes and compacts:
//! what it acknowledged is there afterwards, whole and once.
//!
//! `KILLS=n` sets how often; several at once, each in its own folder. The child is this very test
//! program, asked to run one ignored test.

use crate::support::{Random, folder, setting};
use daybit::{Batch, Db, Durability, ErrorKind, Event, Options, Query, Set};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const EVENTS_PER_BATCH: u64 = 5;
/// Processes that are killed at the same time.
const LANES: u64 = 4;
const BATCHES_MAX: u64 = 1_000;
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
    let (kills, seed) = (setting("KILLS", 500), setting("SEED", 11));
    let batches: u64 = std::thread::scope(|scope| {
        let lane = |lane| scope.spawn(move || kill_again_and_again(lane, kills, seed));
        let lanes: Vec<_> = (0..LANES).map(lane).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    println!("{kills} kills of processes that had written {batches} batches");
}

/// One of several at once; how many batches there were.
fn kill_again_and_again(lane: u64, kills: u64, seed: u64) -> u64 {
    let mut random = Random(seed + lane);
    let (mut place, mut next, mut batches) = (folder(), 1, 0);
    for round in (lane..kills).step_by(LANES as usize) {
        let path = place.path().join("db");
        if !path.exists() {
            Db::create(&path, Options::new()).unwrap().close().unwrap();
        }
        let acknowledged = run_and_kill(&path, next, &mut random);
        let before = next;
        next = check(&path, acknowledged.max(next - 1), round);
        batches += next - before;
        // A new one from time to time: to look at a large one takes longer.
        if next > BATCHES_MAX {
            (place, next) = (folder(), 1);
        }
    }
    batches
}

/// Starts a child and kills it so many milliseconds after its first receipt, now and then after its
/// start; answers its last word.
fn run_and_kill(path: &Path, from: u64, random: &mut Random) -> u64 {
    let mut child = start(path, from);
    let mut numbers = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.split("acknowledged ").nth(1).and_then(|n| n.trim().parse().ok()));
    let first = if random.chance(4) { None } else { numbers.next() };
    let after = Duration::from_millis(random.below(60));
    let killer = std::thread::spawn(move || {
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let last = numbers.last().or(first).unwrap_or(0);
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

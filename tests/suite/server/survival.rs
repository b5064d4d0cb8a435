//! Everything at once, and a kill now and then: nothing that was acknowledged is lost, nothing is
//! there twice, and memory does not grow.
//!
//! `SERVER_SOAK=n` sets the seconds; each sixth of them but the last ends with a kill.

use super::client::{Answer, Request, try_send};
use super::{Place, Served, some_events};
use crate::support::{Random, setting};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Starts of the server, each but the first after a kill.
const LIVES: u32 = 6;
const WRITERS: u64 = 4;
const EVENTS_PER_BATCH: usize = 20;
/// How often a batch is sent before something must be wrong.
const TRIES: u32 = 6_000;
/// Batches of each writer, and imports, that fall on one day.
const NUMBERS_PER_DAY: u64 = 50;
const ROWS_PER_IMPORT: u64 = 500;
/// Memory that comes and goes with whatever is at work, and by which lives differ: an hour's run had
/// 87 to 122 MB in them.
const SLACK_BYTES: u64 = 64 << 20;
/// What the last two thirds of a life may add: the index takes more as it grows. Lives of 2 seconds
/// had 5 to 8 MB more at their end, those of 55 seconds 6 to 23.
const ADDED_BYTES: u64 = 32 << 20;
/// What each answer may add to that: it was 700 bytes at most, all of it for what is written.
const ADDED_BYTES_EACH: u64 = 1 << 10;

/// What the callers know of the server.
struct World {
    port: AtomicU16,
    over: AtomicBool,
    batches: AtomicU64,
    imports: AtomicU64,
    answers: AtomicU64,
    sent_away: AtomicU64,
}

/// The server between two kills.
#[derive(Debug, Default)]
struct Life {
    /// The most memory in the first third of it.
    early: u64,
    /// The most memory in the last third of it.
    late: u64,
    /// Requests that were answered after the first third.
    answered: u64,
}

/// The callers stop, also where a test fails.
struct Over<'w>(&'w World);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl World {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    /// Sends until there is an answer that is no refusal for the moment.
    fn send(&self, request: impl Fn() -> Request) -> Answer {
        for _ in 0..TRIES {
            match self.try_send(&request()) {
                Some(answer) if [429, 503].contains(&answer.status) => {
                    self.sent_away.fetch_add(1, Ordering::Relaxed);
                }
                Some(answer) => return answer,
                None => {}
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no answer, however often it was asked");
    }

    /// `None` where the server is gone, or goes before it has answered.
    fn try_send(&self, request: &Request) -> Option<Answer> {
        try_send(self.port.load(Ordering::Relaxed), request)
    }

    /// Requests that were answered since the beginning.
    fn answered(&self) -> u64 {
        let counts = [&self.batches, &self.imports, &self.answers, &self.sent_away];
        counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// The day of a batch or an import: days stay small, for work on one takes memory as it is large.
fn day(number: u64) -> String {
    let seconds = 946_684_800 + i64::try_from(number / NUMBERS_PER_DAY).unwrap() * 86_400;
    chrono::DateTime::from_timestamp(seconds, 0).unwrap().format("%Y-%m-%d").to_string()
}

fn events(number: u64) -> Json {
    let mut events = some_events("live", EVENTS_PER_BATCH);
    for (n, event) in events.as_array_mut().unwrap().iter_mut().enumerate() {
        event["time"] = json!(format!("{}T09:30:{n:02}Z", day(number)));
    }
    events
}

/// Batches under keys; each until it is acknowledged.
fn write(world: &World, writer: u64) {
    let mut number = 0;
    while world.goes_on() {
        let key = format!("{writer}-{number}");
        let events = events(number);
        let answer =
            world.send(|| Request::json("/v1/events", &events).header("Idempotency-Key", &key));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["accepted"], EVENTS_PER_BATCH, "{key}: {}", answer.text());
        world.batches.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
}

fn import(world: &World) {
    let mut number = 0;
    while world.goes_on() {
        let key = format!("import-{number}");
        let row = |n| format!("u{n},bulk,{}T{:02}:00:00Z\n", day(number), n % 24);
        let csv: String = (0..ROWS_PER_IMPORT).map(row).collect();
        let csv = format!("user,activity,time\n{csv}");
        let answer = world
            .send(|| Request::post("/v1/import", csv.as_str()).header("Idempotency-Key", &key));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["accepted"], ROWS_PER_IMPORT, "{key}: {}", answer.text());
        world.imports.fetch_add(1, Ordering::Relaxed);
        number += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Questions, and ways to go wrong.
fn ask(world: &World, seed: u64) {
    let mut random = Random(seed);
    while world.goes_on() {
        let request = match random.below(6) {
            0 => Request::get("/v1/query?report=active&by=day"),
            1 => Request::json("/v1/query", &json!({"report": "retention", "by": "day"})),
            2 => Request::get("/v1/info"),
            3 => Request::get("/metrics"),
            4 => Request::json("/v1/events", &json!([{"user": "nobody"}, 7])),
            _ => {
                let mut half = connect_to(world);
                half.iter_mut().for_each(|s| drop(s.write_all(b"POST /v1/import HTTP/1.1\r\nHo")));
                Request::get("/healthz")
            }
        };
        if let Some(answer) = world.try_send(&request) {
            assert!(answer.status == 200 || answer.status == 429, "{}", answer.text());
            world.answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn connect_to(world: &World) -> Option<std::net::TcpStream> {
    let port = world.port.load(Ordering::Relaxed);
    std::net::TcpStream::connect(("127.0.0.1", port)).ok()
}

#[test]
fn nothing_acknowledged_is_lost_and_memory_stays() {
    let seconds = setting("SERVER_SOAK", 10);
    let place = Place::new();
    let server = place.serve(&["--quiet"]);
    let world = World {
        port: AtomicU16::new(server.port),
        over: AtomicBool::new(false),
        batches: AtomicU64::new(0),
        imports: AtomicU64::new(0),
        answers: AtomicU64::new(0),
        sent_away: AtomicU64::new(0),
    };
    let (server, lives) = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let world = &world;
            scope.spawn(move || write(world, writer));
        }
        scope.spawn(|| import(&world));
        scope.spawn(|| ask(&world, 1));
        scope.spawn(|| ask(&world, 2));
        let _over = Over(&world);
        kill_now_and_then(&place, &world, server, seconds)
    });
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let (batches, imports) = (count(&world.batches), count(&world.imports));
    println!(
        "server: {seconds} s, {} kills, {batches} batches, {imports} imports, {} answers, {} \
         sent away, {lives:?}",
        LIVES - 1,
        count(&world.answers),
        count(&world.sent_away)
    );
    assert!(batches > 0 && count(&world.answers) > 0);
    assert_eq!(server.counts("live").0, batches * EVENTS_PER_BATCH as u64);
    assert_eq!(server.counts("bulk").0, imports * ROWS_PER_IMPORT);
    assert!(server.stop().success());
    place.run(&["verify", "db"]);
    for life in &lives {
        let most = life.early + ADDED_BYTES + ADDED_BYTES_EACH * life.answered;
        assert!(life.late <= most, "memory grew within a life: {lives:?}");
    }
    let (first, last) = (&lives[0], &lives[lives.len() - 1]);
    assert!(last.late <= first.late + SLACK_BYTES, "memory grew from life to life: {lives:?}");
}

/// Serves for so long, killed at the end of each of its lives but the last; the last server, and its
/// lives.
fn kill_now_and_then(
    place: &Place,
    world: &World,
    mut server: Served,
    seconds: u64,
) -> (Served, Vec<Life>) {
    let mut lives = Vec::new();
    for left in (0..LIVES).rev() {
        lives.push(live(place, world, &mut server, Duration::from_secs(seconds) / LIVES));
        if left > 0 {
            server.kill();
            server = place.serve(&["--quiet"]);
            world.port.store(server.port, Ordering::Relaxed);
        }
    }
    (server, lives)
}

/// Looks at the server's memory for as long as it is to live.
fn live(place: &Place, world: &World, server: &mut Served, time: Duration) -> Life {
    let (begun, mut before) = (Instant::now(), world.answered());
    let mut life = Life::default();
    while begun.elapsed() < time {
        std::thread::sleep(Duration::from_millis(100));
        assert!(server.lives(), "{}", place.log());
        let memory = server.memory();
        if begun.elapsed() < time / 3 {
            (life.early, before) = (life.early.max(memory), world.answered());
        } else if begun.elapsed() > time * 2 / 3 {
            life.late = life.late.max(memory);
        }
    }
    life.answered = world.answered() - before;
    life
}

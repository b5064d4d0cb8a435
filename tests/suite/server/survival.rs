//! Everything at once, and a kill now and then: nothing that was acknowledged is lost, nothing is
//! there twice, and memory does not grow.
//!
//! `SERVER_SOAK=n` sets the seconds; each sixth of them but the last ends with a kill.

use super::client::{Answer, Request, read, rest};
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
/// Memory that comes and goes with whatever is at work.
const SLACK_BYTES: u64 = 256 << 20;

/// What the callers know of the server.
struct World {
    port: AtomicU16,
    over: AtomicBool,
    batches: AtomicU64,
    imports: AtomicU64,
    answers: AtomicU64,
    sent_away: AtomicU64,
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
        let port = self.port.load(Ordering::Relaxed);
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(120))).ok()?;
        stream.write_all(&request.bytes(port)).ok()?;
        let answer = read(&rest(stream))?;
        let told = answer.header("content-length").and_then(|length| length.parse().ok());
        told.is_none_or(|length: usize| length == answer.body.len()).then_some(answer)
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
    let (server, peaks) = std::thread::scope(|scope| {
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
         sent away, peaks of memory {peaks:?}",
        LIVES - 1,
        count(&world.answers),
        count(&world.sent_away)
    );
    assert!(batches > 0 && count(&world.answers) > 0);
    assert_eq!(server.counts("live").0, batches * EVENTS_PER_BATCH as u64);
    assert_eq!(server.counts("bulk").0, imports * ROWS_PER_IMPORT);
    assert!(server.stop().success());
    place.run(&["verify", "db"]);
    let (first, last) = (peaks[0], peaks[peaks.len() - 1]);
    assert!(last <= first + SLACK_BYTES, "memory grew: {peaks:?}");
}

/// Serves for so long, killed at the end of each of its lives but the last; the last server, and the
/// most memory of each life.
fn kill_now_and_then(
    place: &Place,
    world: &World,
    mut server: Served,
    seconds: u64,
) -> (Served, Vec<u64>) {
    let life = Duration::from_secs(seconds) / LIVES;
    let mut peaks = Vec::new();
    for left in (0..LIVES).rev() {
        let (end, mut peak) = (Instant::now() + life, 0);
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
            assert!(server.lives(), "{}", place.log());
            peak = peak.max(server.memory());
        }
        peaks.push(peak);
        if left > 0 {
            server.kill();
            server = place.serve(&["--quiet"]);
            world.port.store(server.port, Ordering::Relaxed);
        }
    }
    (server, peaks)
}

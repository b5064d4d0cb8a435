//! A server that is told to end while it is at work: requests that it took have their answers, and
//! what has a receipt is there afterwards.

use super::client::{Answer, Request, connect, read, rest, try_send};
use super::{Place, Served};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const WRITERS: usize = 6;
const READERS: usize = 3;
const EVENTS_PER_BATCH: u64 = 5;
/// Batches that have their receipt before the server is told to end.
const BATCHES_BEFORE: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(60);

/// A batch of one user under a key of the same name.
fn batch(user: &str) -> Request {
    let event = json!({"user": user, "activity": "a", "time": "2024-03-01"});
    let events = vec![event; usize::try_from(EVENTS_PER_BATCH).unwrap()];
    Request::json("/v1/events", &Json::from(events)).header("Idempotency-Key", user)
}

/// Sends batches until nobody answers any more; users of those with a receipt.
fn write(port: u16, writer: usize, receipts: &AtomicU64) -> Vec<String> {
    let mut written = Vec::new();
    for number in 0.. {
        let user = format!("w{writer}-{number}");
        let Some(answer) = try_send(port, &batch(&user)) else { break };
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["accepted"], EVENTS_PER_BATCH);
        receipts.fetch_add(1, Ordering::Relaxed);
        written.push(user);
    }
    written
}

/// Asks until nobody answers any more.
fn ask(port: u16) {
    let query = Request::json("/v1/query", &json!({"report": "retention", "by": "day"}));
    while let Some(answer) = try_send(port, &query) {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// A request that the server is at work with, for it asked for the body; and the body.
fn begin(server: &Served, request: Request) -> (TcpStream, Vec<u8>) {
    let mut head = request.header("Expect", "100-continue").bytes(server.port);
    let end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = head.split_off(end);
    let mut stream = connect(server.port);
    stream.write_all(&head).unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    (stream, body)
}

fn finish((mut stream, body): (TcpStream, Vec<u8>)) -> Answer {
    stream.write_all(&body).unwrap();
    read(&rest(stream)).expect("a request at work is answered")
}

/// Waits until no more connections are taken.
fn wait_until_closed(port: u16) {
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(Instant::now() < until, "connections are still taken");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Tells the server to end while others write and ask; users of batches with a receipt.
fn end_at_work(server: &Served) -> Vec<String> {
    let (port, receipts) = (server.port, AtomicU64::new(0));
    std::thread::scope(|scope| {
        let receipts = &receipts;
        let start = |writer| scope.spawn(move || write(port, writer, receipts));
        let writers: Vec<_> = (0..WRITERS).map(start).collect();
        (0..READERS).for_each(|_| drop(scope.spawn(move || ask(port))));
        let until = Instant::now() + PATIENCE;
        while receipts.load(Ordering::Relaxed) < BATCHES_BEFORE && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let query = Request::json("/v1/query", &json!({"report": "active"}));
        let csv = "user,activity,time\nimported,a,2024-03-01\n";
        let held = [batch("held"), Request::post("/v1/import", csv), query];
        let held = held.map(|request| begin(server, request));
        server.ask_to_end();
        wait_until_closed(port);
        for answer in held.map(finish) {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let written = writers.into_iter().flat_map(|writer| writer.join().unwrap());
        written.chain(["held".to_string()]).collect()
    })
}

/// Events of each user.
fn events(server: &Served) -> BTreeMap<String, u64> {
    let csv = server.get("/v1/query?report=users&with=events&format=csv&stream=true").text();
    let row = |line: &str| {
        let (user, events) = line.split_once(',').unwrap();
        (user.to_string(), events.parse().unwrap())
    };
    csv.lines().skip(1).map(row).collect()
}

#[test]
fn told_to_end_at_work_it_answers_and_loses_nothing() {
    let place = Place::new();
    let server = place.serve(&[]);
    let written = end_at_work(&server);
    assert!(server.wait().success(), "{}", place.log());
    for words in ["panicked", "still at work"] {
        assert!(!place.log().contains(words), "{}", place.log());
    }
    assert!(written.len() as u64 > BATCHES_BEFORE, "{}", written.len());
    place.run(&["verify", "db"]);
    let server = place.serve(&["--quiet"]);
    let stored = events(&server);
    for user in &written {
        assert_eq!(stored.get(user), Some(&EVENTS_PER_BATCH), "{user} of {}", written.len());
    }
    assert_eq!(stored.get("imported"), Some(&1));
    // Who had no receipt may have all of its batch there, never a part.
    let parts =
        |(user, events): &(&String, &u64)| *user != "imported" && **events != EVENTS_PER_BATCH;
    assert_eq!(stored.iter().find(parts), None);
    assert!(stored.len() <= written.len() + WRITERS + 1, "{} of {}", stored.len(), written.len());
}

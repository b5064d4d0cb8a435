//! More batches than may wait: those that find every place taken are sent away, and may come again.

use super::client::{Answer, Request, connect, read, rest};
use super::{Place, Served, some_events};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// More than are written and wait at once: 64 and 256.
const CROWD: usize = 400;
/// Imports that are sent at most until one was at work for long enough.
const ROUNDS: usize = 5;
const ROWS: usize = 600_000;
/// Who has no answer by then waits for the import, unless the machine is slow.
const A_WHILE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(120);

/// Batches of one event each, all but their last byte.
fn begin(server: &Served, count: usize) -> Vec<TcpStream> {
    let batch = Request::json("/v1/events", &some_events("a", 1)).bytes(server.port);
    let begin = |_| {
        let mut stream = connect(server.port);
        stream.write_all(&batch[..batch.len() - 1]).unwrap();
        stream
    };
    (0..count).map(begin).collect()
}

/// Sends the last byte of a batch.
fn end(mut stream: &TcpStream) {
    stream.write_all(b"]").unwrap();
}

fn is_waiting(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(A_WHILE)).unwrap();
    let is_waiting = stream.peek(&mut [0]).is_err();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    is_waiting
}

/// While an import is at work batches wait: sends one after the other until one waits, then many.
fn crowd(server: &Served, round: usize) -> Vec<Answer> {
    let row = |n: usize| format!("u{n},bulk {round},2024-03-{:02}\n", n % 28 + 1);
    let csv = "user,activity,time\n".to_string() + &(0..ROWS).map(row).collect::<String>();
    let mut streams = begin(server, CROWD);
    std::thread::scope(|scope| {
        let import = scope.spawn(|| server.send(Request::post("/v1/import", csv)).status);
        let mut probes = Vec::new();
        while !import.is_finished() && !probes.last().is_some_and(is_waiting) {
            probes.extend(begin(server, 1));
            probes.last().into_iter().for_each(end);
        }
        streams.iter().for_each(end);
        streams.extend(probes);
        assert_eq!(import.join().unwrap(), 200);
    });
    streams.into_iter().map(|stream| read(&rest(stream)).unwrap()).collect()
}

#[test]
fn batches_that_find_every_place_taken_may_come_again() {
    let place = Place::new();
    let server = place.serve(&["--quiet"]);
    let (mut written, mut refused) = (0, Vec::new());
    for round in 0..ROUNDS {
        for answer in crowd(&server, round) {
            match answer.status {
                200 => written += 1,
                _ => refused.push(answer),
            }
        }
        if !refused.is_empty() {
            break;
        }
    }
    assert!(!refused.is_empty(), "{written} batches and nobody was sent away");
    for answer in &refused {
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
        assert_eq!(answer.json()["kind"], "busy");
    }
    let words = refused[0].problem().1;
    assert!(words.contains("256 batches wait"), "{words}");
    // The places are free again, and who was sent away left nothing.
    for _ in 0..10 {
        assert_eq!(server.events(&some_events("a", 1)).status, 200);
    }
    assert_eq!(server.counts("a").0, written + 10);
}

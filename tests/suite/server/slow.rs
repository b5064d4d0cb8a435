//! Time to send: heads and bodies that come slowly are taken within their time, and ended after it.

use super::client::{Answer, Request, connect, read, rest};
use super::{Place, Served, some_events};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// Longer than any of the limits that are met here.
const TOO_LONG: Duration = Duration::from_secs(60);

/// The time that it took, and the answer.
type Told = (Duration, Option<Answer>);

/// Sends part after part, each after a pause, as long as the other end listens.
fn drip(server: &Served, parts: impl Iterator<Item = Vec<u8>>, pause: Duration) -> Told {
    let (started, mut answer, mut bytes) = (Instant::now(), Vec::new(), [0; 4_096]);
    let mut stream = connect(server.port);
    stream.set_read_timeout(Some(pause)).unwrap();
    for part in parts {
        let sent = stream.write_all(&part);
        let is_waiting = match stream.read(&mut bytes) {
            Ok(count) => {
                answer.extend_from_slice(&bytes[..count]);
                false
            }
            Err(error) => [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
        };
        if sent.is_err() || !is_waiting || started.elapsed() > TOO_LONG {
            break;
        }
    }
    stream.set_read_timeout(Some(TOO_LONG)).unwrap();
    answer.extend(rest(stream));
    (started.elapsed(), read(&answer))
}

/// The head of a request, and its body in so many parts.
fn parts(request: &Request, port: u16, count: usize) -> Vec<Vec<u8>> {
    let mut head = request.bytes(port);
    let end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = head.split_off(end);
    let parts = body.chunks(body.len().div_ceil(count)).map(<[u8]>::to_vec);
    std::iter::once(head).chain(parts).collect()
}

/// The same that begins, and never comes to its end.
fn endless(request: &Request, port: u16) -> impl Iterator<Item = Vec<u8>> {
    let begin = request.bytes(port);
    std::iter::once(begin).chain(std::iter::repeat(b" ".to_vec()))
}

fn was_ended(what: &str, (time, answer): Told, least: u64) {
    let status = answer.as_ref().map(|answer| answer.status);
    assert!(status.is_none_or(|status| status == 408), "{what}: {status:?} after {time:?}");
    let seconds = Duration::from_secs(least)..TOO_LONG;
    assert!(seconds.contains(&time), "{what} was ended after {time:?}");
}

fn was_taken(what: &str, (time, answer): Told) {
    let text = answer.as_ref().map(Answer::text);
    assert_eq!(answer.map(|answer| answer.status), Some(200), "{what}: {text:?} after {time:?}");
}

/// Heads have 15 seconds, and so have connections that nothing is asked on.
fn heads(server: &Served) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let begin = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ".to_vec();
            let parts = std::iter::once(begin).chain(std::iter::repeat(b"x".to_vec()));
            was_ended("an endless head", drip(server, parts, HALF_A_SECOND), 10);
        });
        scope.spawn(|| {
            let nothing = std::iter::repeat(Vec::new());
            was_ended("a connection without a head", drip(server, nothing, HALF_A_SECOND), 10);
        });
        scope.spawn(|| {
            let whole = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec();
            let told = drip(server, std::iter::once(whole), HALF_A_SECOND);
            assert!((Duration::from_secs(10)..TOO_LONG).contains(&told.0), "{:?}", told.0);
            was_taken("a request that none follows", told);
        });
        scope.spawn(|| {
            let head = Request::get("/healthz").bytes(server.port);
            let parts = head.chunks(head.len().div_ceil(10)).map(<[u8]>::to_vec);
            was_taken("a slow head", drip(server, parts, HALF_A_SECOND));
        });
    });
}

/// Bodies have 4 seconds without a byte, and 16 in all.
fn bodies(server: &Served) {
    let batch = || Request::json("/v1/events", &some_events("slow", 10));
    let told = |length: usize| {
        Request::new("POST", "/v1/events").header("Content-Length", &length.to_string())
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let parts = parts(&batch(), server.port, 4).into_iter();
            was_taken("a slow body", drip(server, parts, Duration::from_secs(2)));
        });
        scope.spawn(|| {
            let parts = parts(&batch(), server.port, 2).into_iter().take(2);
            let (time, answer) = drip(server, parts, Duration::from_secs(10));
            assert_eq!(answer.as_ref().map(|answer| answer.status), Some(408));
            was_ended("a body with a pause", (time, answer), 3);
        });
        scope.spawn(|| {
            let (time, answer) = drip(server, endless(&told(1_000), server.port), HALF_A_SECOND);
            assert_eq!(answer.as_ref().map(|answer| answer.status), Some(408));
            was_ended("an endless body", (time, answer), 12);
        });
    });
    assert_eq!(server.counts("slow"), (10, 10));
}

/// Imports have 2 seconds without a byte, 8 in all, and 2 more for each 64 KiB.
fn imports(server: &Served) {
    let endless_one = Request::new("POST", "/v1/import").header("Content-Length", "1000");
    let (time, answer) = drip(server, endless(&endless_one, server.port), HALF_A_SECOND);
    assert_eq!(answer.as_ref().map(|answer| answer.status), Some(408));
    was_ended("an endless import", (time, answer), 6);
    let rows = (0..12_000).map(|n| format!("u{n},bulk,2024-03-01T00:00:00Z\n"));
    let csv = "user,activity,time\n".to_string() + &rows.collect::<String>();
    let parts = parts(&Request::post("/v1/import", csv), server.port, 22).into_iter();
    let (time, answer) = drip(server, parts, HALF_A_SECOND);
    assert!(time > Duration::from_secs(9), "it took {time:?}");
    was_taken("a slow import", (time, answer));
    assert_eq!(server.counts("bulk"), (12_000, 12_000));
}

#[test]
fn who_sends_slowly_has_its_time_and_no_more() {
    let (one, other) = (Place::new(), Place::new());
    let patient = one.serve(&["--quiet", "--body-timeout", "4"]);
    let hasty = other.serve(&["--quiet", "--body-timeout", "2"]);
    std::thread::scope(|scope| {
        scope.spawn(|| heads(&patient));
        scope.spawn(|| bodies(&patient));
        scope.spawn(|| imports(&hasty));
    });
    for server in [patient, hasty] {
        assert_eq!(server.get("/healthz").status, 200);
    }
}

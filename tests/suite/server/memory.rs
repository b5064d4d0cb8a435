//! What is asked leaves nothing behind: the memory that is held at rest stays, kind by kind.

use super::client::{Request, connect};
use super::{Place, Served, some_events};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

const REQUESTS: usize = 300;
/// Requests until what is kept for all is there.
const FIRST_REQUESTS: usize = 20;
/// What requests of one kind may leave behind together, half a kilobyte each. It was 8 kilobytes at
/// most, and none for most.
const LEFT_BYTES: i64 = 150 << 10;
const KINDS: usize = 12;

fn request(kind: usize) -> Request {
    match kind {
        0 => Request::get("/v1/query?report=active&by=day"),
        1 => Request::json("/v1/query", &json!({"report": "retention", "by": "day"})),
        2 => Request::json("/v1/query", &json!([{"report": "actives"}, {"report": "growth"}])),
        3 => Request::get("/v1/query?report=users&with=events&format=csv&stream=true"),
        4 => Request::get("/v1/info"),
        5 => Request::get("/metrics"),
        6 => Request::get("/assets/app.js").header("Accept-Encoding", "gzip"),
        7 => Request::get("/nothing/here"),
        8 => Request::json("/v1/events", &json!([{"user": "nobody"}, 7])),
        9 => Request::json("/v1/events", &some_events("a", 50)).header("Idempotency-Key", "a"),
        10 => Request::post("/v1/import", "user,activity,time\nu,b,2024-03-01\n"),
        _ => Request::json("/v1/events", &json!({"user": "cut off"})),
    }
}

/// Sends one of a kind; of the last kind only a part, and goes away.
fn send(server: &Served, kind: usize) {
    if kind + 1 < KINDS {
        let status = server.send(request(kind)).status;
        assert!([200, 404].contains(&status), "{kind}: {status}");
        return;
    }
    let bytes = request(kind).bytes(server.port);
    connect(server.port).write_all(&bytes[..bytes.len() - 1]).unwrap();
}

/// Bytes that the server has allocated.
fn allocated(server: &Served) -> i64 {
    let text = server.get("/metrics").text();
    let line = text.lines().find_map(|line| line.strip_prefix("daybit_memory_bytes "));
    line.unwrap().parse().unwrap()
}

/// What requests of a kind left behind; what is still at work with one has a while to end.
fn left(server: &Served, kind: usize) -> i64 {
    (0..FIRST_REQUESTS).for_each(|_| send(server, kind));
    let before = allocated(server);
    (0..REQUESTS).for_each(|_| send(server, kind));
    let mut left = allocated(server) - before;
    for _ in 0..100 {
        if left <= LEFT_BYTES {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
        left = allocated(server) - before;
    }
    left
}

#[test]
fn requests_leave_nothing_behind() {
    let place = Place::new();
    let server = place.serve(&["--quiet"]);
    for kind in [9, 10] {
        send(&server, kind);
    }
    // What is written in the background is written by the end.
    assert!(server.stop().success());
    let server = place.serve(&["--quiet"]);
    let left: Vec<i64> = (0..KINDS).map(|kind| left(&server, kind)).collect();
    println!("left behind by {REQUESTS} requests of each kind: {left:?}");
    assert!(left.iter().all(|left| *left <= LEFT_BYTES), "{left:?}");
}

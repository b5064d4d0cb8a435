//! `POST /v1/events`: what is taken, what is told of what is not, and where its limits are.

use super::client::{Request, connect, gzip, read, rest};
use super::{Place, Served, some_events};
use chrono::{TimeDelta, Utc};
use serde_json::json;
use std::io::Write;

const EVENTS: &str = "/v1/events";

fn packed(encoding: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::lines(EVENTS, body).header("Content-Encoding", encoding)
}

#[test]
fn rows_are_stored_or_told() {
    let place = Place::new();
    let server = place.serve(&[]);
    let answer = server.events(&json!([
        {"user": "anna", "activity": "buy", "time": "2024-03-01T09:30:00Z", "price": 1.5},
        {"user": "anna", "time": "2024-03-01T09:30:00Z"},
        {"activity": "buy", "time": "2024-03-01T09:31:00Z"},
        "buy",
        {"user": "ben", "activity": "buy", "time": "yesterday"},
        {"user": "ben", "activity": "x".repeat(257)},
        {"user": "ben", "activity": "buy", "time": 1709285400, "insert_id": "1"},
        {"user": "ben", "activity": "buy", "time": 1709285400, "insert_id": "1"},
    ]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let receipt = answer.json();
    assert_eq!(receipt["accepted"], 3);
    assert_eq!(receipt["without_user"], 1);
    assert_eq!(receipt["duplicates"], 1);
    assert_eq!(receipt["repeated"], false);
    let rejected = receipt["rejected"].as_array().unwrap();
    let rows: Vec<_> = rejected.iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [1, 3, 4, 5]);
    for (row, words) in rejected.iter().zip(["activity", "object", "yesterday", "257 bytes"]) {
        assert!(row["reason"].as_str().unwrap().contains(words), "{row}");
    }
    assert_eq!(server.counts("buy"), (3, 2));
    assert!(server.stop().success());
    let events =
        place.run(&["value", "db", "--event", "buy", "--measure", "events", "--by", "all"]);
    assert!(events.contains('3'), "{events}");
}

#[test]
fn times_are_near_the_servers_clock() {
    let place = Place::new();
    let now = Utc::now();
    let rejected = |server: &Served, hours: &[i64]| -> Vec<String> {
        let event = |hours: &i64| {
            let time = now + TimeDelta::hours(*hours);
            json!({"user": "anna", "activity": "buy", "time": time.to_rfc3339()})
        };
        let events: Vec<_> = hours.iter().map(event).collect();
        let receipt = server.events(&json!(events)).json();
        let rejected = receipt["rejected"].as_array().unwrap();
        assert_eq!(receipt["accepted"], hours.len() - rejected.len());
        rejected.iter().map(|row| row.to_string()).collect()
    };
    // A century of hours ahead, and most of what was ever written.
    const CENTURY: i64 = 876_600;
    let server = place.serve(&[]);
    let told = rejected(&server, &[-20 * CENTURY, 0, 23, 25, 70 * CENTURY]);
    assert!(matches!(&told[..], [a, b] if a.contains("\"row\":3") && b.contains("\"row\":4")));
    assert!(told.iter().all(|row| row.contains("more than 24 hours ahead of")), "{told:?}");
    assert!(server.stop().success());
    let server = place.serve(&["--ahead", "0", "--behind", "10"]);
    let told = rejected(&server, &[-241, -239, -1, 1]);
    assert!(matches!(&told[..], [a, b] if a.contains("10 days behind") && b.contains("0 hours")));
    assert!(server.stop().success());
    let most = u32::MAX.to_string();
    let server = place.serve(&["--ahead", &most, "--behind", &most]);
    assert!(rejected(&server, &[-20 * CENTURY, 70 * CENTURY]).is_empty());
}

#[test]
fn lines_and_arrays_come_plain_and_compressed() {
    let place = Place::new();
    let server = place.serve(&[]);
    let line = |n: u32| format!("{{\"activity\": \"a\", \"user\": {n}}}\n");
    let lines = format!("{}\n  \r\nno event\n{}", line(1), line(2).trim_end());
    let zstd = zstd::encode_all(lines.as_bytes(), 1).unwrap();
    for request in [
        Request::lines(EVENTS, lines.clone()),
        Request::post(EVENTS, lines.clone()),
        Request::chunked(EVENTS, lines.as_bytes()),
        packed("identity", lines.clone()),
        packed("gzip", gzip(lines.as_bytes())),
        packed("zstd", zstd),
    ] {
        let answer = server.send(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["accepted"], 2);
        assert_eq!(answer.json()["rejected"][0]["row"], 3);
    }
    let array = Request::post(EVENTS, format!(" [{}]", line(3)));
    assert_eq!(server.send(array).json()["accepted"], 1);
    let one = json!({"activity": "a", "user": 4});
    assert_eq!(server.events(&one).json()["accepted"], 1);
    assert_eq!(server.events(&json!([])).json()["accepted"], 0);
    assert_eq!(server.counts("a"), (14, 4));
}

#[test]
fn bodies_that_are_no_events_are_refused() {
    let place = Place::new();
    let server = place.serve(&[]);
    let json = |body: &[u8]| Request::post(EVENTS, body).header("Content-Type", "application/json");
    let lines = b"{\"activity\": \"a\"}\n".repeat(500);
    let cut = gzip(&lines);
    for (request, status, words) in [
        (json(b""), 400, "empty"),
        (json(b"{\"activity\": \"a\""), 400, "not one JSON object"),
        (json(b"[{\"activity\": \"a\"}"), 400, "not a JSON array"),
        (json(b"[{\"activity\": \"a\"}] x"), 400, "not a JSON array"),
        (json(b"[{\"activity\": \"\xff\"}]"), 400, "not UTF-8"),
        (json(b"user,activity,time\n"), 400, "neither an array"),
        (Request::post(EVENTS, "user,activity\n"), 400, "neither an array"),
        (Request::post(EVENTS, "a=1").header("Content-Type", "text/csv"), 415, "application/json"),
        (packed("br", &lines[..]), 415, "gzip, zstd or identity"),
        (packed("gzip", &lines[..]), 400, "not whole"),
        (packed("zstd", &lines[..]), 400, "not whole"),
        (packed("gzip", &cut[..cut.len() - 9]), 400, "not whole"),
        (json(b"[]").header("Idempotency-Key", ""), 400, "Idempotency-Key"),
        (json(b"[]").header("Idempotency-Key", &"k".repeat(257)), 400, "Idempotency-Key"),
    ] {
        let answer = server.send(request);
        assert_eq!(answer.status, status, "{words}: {}", answer.text());
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
    }
    assert_eq!(server.get(EVENTS).status, 405);
    assert_eq!(server.counts("a"), (0, 0));
}

#[test]
fn bodies_have_a_length() {
    let place = Place::new();
    let server = place.serve(&["--body-limit", "1"]);
    const MIB: usize = 1 << 20;
    let spaces = |length: usize| {
        let mut body = b"[{\"activity\": \"a\"}]".to_vec();
        body.resize(length, b' ');
        body
    };
    let json = |request: Request| request.header("Content-Type", "application/json");
    let status = |request: Request| server.send(json(request)).status;
    assert_eq!(status(Request::post(EVENTS, spaces(MIB))), 200);
    assert_eq!(status(Request::chunked(EVENTS, &spaces(MIB))), 200);
    assert_eq!(status(Request::chunked(EVENTS, &spaces(MIB + 1))), 413);
    // What is told to be too long need not come.
    let told = Request::new("POST", EVENTS).header("Content-Length", &(MIB + 1).to_string());
    assert_eq!(status(told), 413);
    let zipped = |length: usize| {
        let request = Request::post(EVENTS, gzip(&spaces(length)));
        status(request.header("Content-Encoding", "gzip"))
    };
    assert_eq!(zipped(4 * MIB), 200);
    assert_eq!(zipped(4 * MIB + 1), 413);
    let bomb = Request::post(EVENTS, gzip(&vec![b' '; 200 * MIB]));
    assert_eq!(status(bomb.header("Content-Encoding", "gzip")), 413);
    assert_eq!(server.counts("a").0, 3);
}

#[test]
fn a_batch_is_applied_once() {
    let place = Place::new();
    let mut receipts = Vec::new();
    let keyed = |events: &serde_json::Value| {
        Request::json(EVENTS, events).header("Idempotency-Key", "batch 1")
    };
    let mut events = some_events("a", 10);
    events[3] = json!({"user": "nobody"});
    for round in 0..3 {
        let server = place.serve(&[]);
        let answer = server.send(keyed(&events));
        assert_eq!(answer.status, 200, "{}", answer.text());
        receipts.push(answer.json());
        assert_eq!(server.counts("a"), (9, 9));
        match round {
            0 => server.kill(),
            _ => assert!(server.stop().success()),
        }
    }
    assert_eq!(receipts[0]["repeated"], false);
    receipts[0]["repeated"] = json!(true);
    assert_eq!(receipts[0], receipts[1]);
    assert_eq!(receipts[0], receipts[2]);
}

#[test]
fn one_file_means_the_same_at_both_doors() {
    let place = Place::new();
    let lines = "{\"user\": \"a\", \"activity\": \"v\", \"time\": \"2024-03-01 10:00\", \"n\": 1.50}\n\
                 {\"user\": 7, \"activity\": \"v\", \"time\": 1709283000, \"n\": 1e2, \"o\": [1]}\n\
                 {\"user\": null, \"activity\": \"v\", \"time\": \"2024-03-02\", \"b\": true}\n\
                 {\"user\": \"a\", \"activity\": \"v\", \"time\": \"20240303\"}\n";
    let server = place.serve(&[]);
    let ask = || {
        let values = json!([
            {"report": "value", "event": "v", "measure": "sum", "property": "n"},
            {"report": "value", "event": "v", "measure": "events", "breakdown": ["o", "b"]},
            {"report": "users", "users": {"did": "v"}, "with": ["first", "events"]},
        ]);
        let mut answers = server.send(Request::json("/v1/query", &values)).json();
        answers.as_array_mut().unwrap().iter_mut().for_each(|answer| {
            answer["info"] = json!(null);
        });
        answers
    };
    let sent = server.send(Request::lines(EVENTS, lines)).json();
    assert_eq!((&sent["accepted"], &sent["rejected"][0]["row"]), (&json!(3), &json!(3)));
    let answers = ask();
    let replaced = server.send(Request::post("/v1/import?replace_days=all", lines)).json();
    assert_eq!((&replaced["accepted"], &replaced["removed"]), (&json!(3), &json!(3)));
    assert_eq!(ask(), answers);
}

#[test]
fn half_a_body_is_none() {
    let place = Place::new();
    let mut server = place.serve(&["--body-timeout", "1"]);
    let body = some_events("a", 100).to_string();
    let whole = Request::json(EVENTS, &some_events("a", 100)).bytes(server.port);
    // Who goes away: nothing is stored, and nobody minds.
    for cut in [10, whole.len() - body.len(), whole.len() - 1] {
        let mut stream = connect(server.port);
        stream.write_all(&whole[..cut]).unwrap();
        drop(stream);
    }
    // Who sends no more is told so.
    let mut stream = connect(server.port);
    stream.write_all(&whole[..whole.len() - 1]).unwrap();
    let answer = read(&rest(stream)).unwrap();
    assert_eq!(answer.status, 408, "{}", answer.text());
    assert_eq!(server.counts("a"), (0, 0));
    assert!(server.lives());
}

#[test]
fn a_server_that_only_reads_takes_nothing() {
    let place = Place::new();
    let writer = place.serve(&[]);
    let reader = place.serve(&["--read-only"]);
    for path in [EVENTS, "/v1/import"] {
        let (status, words) = reader.send(Request::json(path, &some_events("a", 1))).problem();
        assert_eq!(status, 403);
        assert!(words.contains("--read-only"), "{words}");
    }
    assert_eq!(writer.events(&some_events("a", 3)).json()["accepted"], 3);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while reader.counts("a") != (3, 3) {
        assert!(std::time::Instant::now() < until, "the reader moves on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

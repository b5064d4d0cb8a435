//! `POST /v1/import`: what is streamed in, and that half of it is nothing.

use super::client::{Request, connect, gzip, read, rest};
use super::{Place, Served, some_events};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const IMPORT: &str = "/v1/import";
const CSV: &str = "who,what,when,price\n\
    anna,buy,2024-03-01T09:30:00Z,1.50\n\
    ben,buy,2024-03-02T09:30:00Z,2\n\
    ,buy,2024-03-02T10:00:00Z,3\n\
    ben,buy,tomorrow,4\n";
const FIELDS: &str = "/v1/import?format=csv&user=who&activity=what&time=when";

fn csv(rows: usize) -> String {
    let row = |n: usize| format!("u{n},a,2024-03-{:02}T00:00:00Z,{n}\n", n % 28 + 1);
    "user,activity,time,n\n".to_string() + &(0..rows).map(row).collect::<String>()
}

/// Files that an import works with, or that a crash would leave.
fn left_over(db: &Path) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    };
    let mut found = names(&db.join("spill"));
    let odd = |name: &String| name.starts_with('.') || name.ends_with(".tmp");
    found.extend(names(db).into_iter().filter(odd));
    found
}

/// Begins an import of this length and sends only a part of it.
fn begin(server: &Served, length: usize, part: &[u8]) -> TcpStream {
    let request = Request::new("POST", IMPORT).header("Content-Length", &length.to_string());
    let mut stream = connect(server.port);
    stream.write_all(&request.bytes(server.port)).unwrap();
    stream.write_all(part).unwrap();
    stream
}

/// Begins an import until it is the one that is taken; others are sent away from then on. One that
/// came while another was at work is sent away itself.
fn hold(server: &Served, length: usize, part: &[u8]) -> TcpStream {
    for _ in 0..1_000 {
        let stream = begin(server, length, part);
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let is_refused = stream.peek(&mut [0]).is_ok();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        if !is_refused && server.send(Request::post(IMPORT, csv(5))).status == 429 {
            return stream;
        }
    }
    panic!("no import was taken");
}

#[test]
fn a_file_is_imported_once() {
    let place = Place::new();
    let server = place.serve(&[]);
    let first = server.send(Request::post(FIELDS, CSV));
    assert_eq!(first.status, 200, "{}", first.text());
    let receipt = first.json();
    for (field, value) in [
        ("accepted", json!(3)),
        ("without_user", json!(1)),
        ("rejected", json!(1)),
        ("repeated", json!(false)),
        ("days", json!(2)),
        ("new_users", json!(2)),
    ] {
        assert_eq!(receipt[field], value, "{field}");
    }
    let reject = &receipt["first_rejects"][0];
    assert_eq!((&reject["source"], &reject["line"]), (&json!("the body"), &json!(5)));
    assert!(reject["reason"].as_str().unwrap().contains("tomorrow"), "{reject}");
    assert_eq!(server.counts("buy"), (3, 2));
    let again = server.send(Request::chunked(FIELDS, CSV.as_bytes())).json();
    assert_eq!((&again["repeated"], &again["accepted"]), (&json!(true), &json!(3)));
    assert_eq!(again["first_rejects"], receipt["first_rejects"]);
    assert_eq!(server.counts("buy"), (3, 2));
    // The command line's import of the same bytes is the same one.
    assert!(server.stop().success());
    std::fs::write(place.path().join("x.csv"), CSV).unwrap();
    let flags = ["--user", "who", "--activity", "what", "--time", "when"];
    let words = place.run(&[&["import", "db", "x.csv"][..], &flags].concat());
    assert!(words.contains("Nothing changed"), "{words}");
}

#[test]
fn a_key_is_the_batch_id_at_both_doors() {
    let place = Place::new();
    let server = place.serve(&[]);
    let keyed = |request: Request| request.header("Idempotency-Key", "once");
    assert_eq!(server.send(keyed(Request::post(IMPORT, csv(10)))).json()["repeated"], false);
    server.kill();
    let server = place.serve(&[]);
    let again = server.send(keyed(Request::post(IMPORT, csv(20)))).json();
    assert_eq!((&again["repeated"], &again["accepted"]), (&json!(true), &json!(10)));
    let events = server.send(keyed(Request::json("/v1/events", &some_events("a", 5)))).json();
    assert_eq!((&events["repeated"], &events["accepted"]), (&json!(true), &json!(10)));
    assert_eq!(server.counts("a"), (10, 10));
}

#[test]
fn a_repeat_of_a_key_tells_why_rows_were_rejected() {
    let place = Place::new();
    let server = place.serve(&[]);
    let keyed = |body: &[u8], encoding: &str| {
        let request = Request::post(FIELDS, body).header("Idempotency-Key", "once");
        server.send(request.header("Content-Encoding", encoding)).json()
    };
    let first = keyed(CSV.as_bytes(), "identity");
    assert_eq!(first["rejected"], 1);
    for again in [keyed(CSV.as_bytes(), "identity"), keyed(&gzip(CSV.as_bytes()), "gzip")] {
        assert_eq!((&again["repeated"], &again["rejected"]), (&json!(true), &json!(1)));
        assert_eq!(again["first_rejects"], first["first_rejects"]);
    }
    // Another body under the key, and one that ends too early.
    let cut = &gzip(CSV.as_bytes())[..60];
    for again in [keyed(csv(5).as_bytes(), "identity"), keyed(cut, "gzip")] {
        assert_eq!((&again["repeated"], &again["accepted"]), (&json!(true), &json!(3)));
        assert_eq!(again["first_rejects"], json!([]));
    }
    assert_eq!(server.counts("buy"), (3, 2));
}

#[test]
fn files_come_in_every_format_and_compressed() {
    let place = Place::new();
    let server = place.serve(&[]);
    let lines =
        |n: usize| format!("{{\"user\": {n}, \"activity\": \"l\", \"time\": \"2024-03-01\"}}\n");
    let zipped = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    let accepted = |request: Request| {
        let answer = server.send(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["accepted"].as_u64().unwrap()
    };
    assert_eq!(accepted(Request::post(IMPORT, lines(1))), 1);
    assert_eq!(accepted(Request::lines(IMPORT, zipped(&lines(2)))), 1);
    let encoded = Request::post(IMPORT, zipped(&lines(3))).header("Content-Encoding", "zstd");
    assert_eq!(accepted(encoded), 1);
    let tabs = "user\tactivity\ttime\nanna\tl\t2024-03-02\n";
    assert_eq!(accepted(Request::post("/v1/import?format=tsv", tabs)), 1);
    assert_eq!(server.counts("l"), (4, 4));
    let twice = zstd::encode_all(&zipped(&lines(4))[..], 1).unwrap();
    assert_eq!(server.send(Request::post(IMPORT, twice)).status, 400);
}

/// A Parquet file of these users.
fn parquet_of(users: &[&str]) -> Vec<u8> {
    let texts = |text: &dyn Fn(&str) -> String| -> ArrayRef {
        let texts = users.iter().map(|user| Some(text(user)));
        Arc::new(texts.collect::<StringArray>())
    };
    let batch = RecordBatch::try_from_iter([
        ("user", texts(&|user| user.to_string())),
        ("activity", texts(&|_| "p".to_string())),
        ("time", texts(&|_| "2024-03-01T00:00:00Z".to_string())),
    ])
    .unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

#[test]
fn parquet_is_imported() {
    let place = Place::new();
    let server = place.serve(&[]);
    let file = parquet_of(&["anna", "ben", "anna"]);
    for wrong in [&b"PAR1 and no more"[..], &file[..file.len() - 1], &file[1..]] {
        let answer = server.send(Request::post("/v1/import?format=parquet", wrong));
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let answer = server.send(Request::post(IMPORT, file));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(server.counts("p"), (3, 2));
    assert_eq!(left_over(&place.db()), Vec::<String>::new());
}

#[test]
fn fields_and_files_that_are_wrong_change_nothing() {
    let place = Place::new();
    let server = place.serve(&[]);
    for (path, body, words) in [
        ("/v1/import?usr=who", CSV, "\"usr\" is not known"),
        ("/v1/import?rejects=/tmp/x", CSV, "\"rejects\" is not known"),
        ("/v1/import?format=xml", CSV, "csv, tsv, ndjson or parquet"),
        ("/v1/import?format=csv", CSV, "no column \"user\""),
        ("/v1/import?zone=Nowhere", CSV, "Nowhere"),
        ("/v1/import?user=a%FF", CSV, ""),
        (IMPORT, "", "empty"),
        (&format!("{FIELDS}&strict=true"), CSV, "tomorrow"),
    ] {
        let (status, told) = server.send(Request::post(path, body)).problem();
        assert_eq!(status, 400, "{path}: {told}");
        assert!(told.contains(words), "{path}: {told}");
    }
    assert_eq!(server.counts("buy"), (0, 0));
}

#[test]
fn an_import_has_a_length() {
    let place = Place::new();
    let server = place.serve(&["--import-limit", "1"]);
    const MIB: usize = 1 << 20;
    let padded = |length: usize| {
        let mut body = csv(10).into_bytes();
        body.resize(length, b'\n');
        body
    };
    assert_eq!(server.send(Request::post(IMPORT, padded(MIB))).status, 200);
    assert_eq!(server.send(Request::chunked(IMPORT, &padded(MIB + 1))).status, 413);
    let told = Request::new("POST", IMPORT).header("Content-Length", &(MIB + 1).to_string());
    assert_eq!(server.send(told).status, 413);
    let bomb = zstd::encode_all(&padded(65 * MIB)[..], 1).unwrap();
    let answer = server.send(Request::post(IMPORT, bomb));
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(server.counts("a").0, 10);
}

#[test]
fn half_an_import_is_none_and_keeps_no_writer_waiting() {
    let place = Place::new();
    let server = place.serve(&["--body-timeout", "5"]);
    server.send(Request::post(IMPORT, csv(5)));
    let body = csv(1_000);
    let slow = hold(&server, body.len(), &body.as_bytes()[..body.len() / 2]);
    // Others may write meanwhile, but not import.
    let busy = server.send(Request::post(IMPORT, csv(6)));
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("1")));
    assert_eq!(server.events(&some_events("b", 3)).json()["accepted"], 3);
    let answer = read(&rest(slow)).unwrap();
    assert_eq!(answer.status, 408, "{}", answer.text());
    // Who goes away leaves nothing behind, not even a turn taken.
    for _ in 0..3 {
        drop(hold(&server, body.len(), &body.as_bytes()[..body.len() - 1]));
        let is_free = || {
            std::thread::sleep(Duration::from_millis(10));
            server.send(Request::post(IMPORT, csv(5))).status == 200
        };
        assert!((0..1_000).any(|_| is_free()), "the turn was not given back");
    }
    assert_eq!(server.counts("a"), (5, 5));
    assert_eq!(server.counts("b"), (3, 3));
    assert_eq!(left_over(&place.db()), Vec::<String>::new());
}

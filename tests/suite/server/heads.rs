//! Heads that no proper client sends: none brings the server down, none passes, and who asks
//! properly is answered all the while.

use super::client::{Request, connect, raw, read};
use super::{Place, Served, some_events};
use crate::support::Random;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const GOOD: &str = "Content-Length: 5\r\nConnection: close";
const HOST: &str = "Host: 127.0.0.1\r\n";
/// Time for an answer to what may have none.
const WHILE: Duration = Duration::from_millis(500);
/// The least number of odd heads.
const MANY: usize = 300;

/// A proper head with one line more.
fn with_line(line: &[u8]) -> Vec<u8> {
    [b"GET /healthz HTTP/1.1\r\n", HOST.as_bytes(), line, b"\r\n\r\n"].concat()
}

fn with_first(line: &str) -> Vec<u8> {
    format!("{line}\r\n{HOST}\r\n").into_bytes()
}

/// Five bytes of a body that would be taken, after these lines.
fn with_body(lines: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/events HTTP/1.1\r\n{HOST}{lines}\r\n\r\n{body}").into_bytes()
}

fn first_lines() -> Vec<Vec<u8>> {
    [
        " ",
        "GET",
        "GET /healthz",
        "GET /healthz ",
        "/healthz HTTP/1.1",
        " GET /healthz HTTP/1.1",
        "GET  /healthz HTTP/1.1",
        "GET /healthz  HTTP/1.1",
        "GET\t/healthz\tHTTP/1.1",
        "GET /healthz HTTP/1.1 ",
        "GET /healthz HTTP/1.1 x",
        "GET /healthz x HTTP/1.1",
        "GET /healthz HTTP/1.2",
        "GET /healthz HTTP/1.10",
        "GET /healthz HTTP/0.9",
        "GET /healthz HTTP/2.0",
        "GET /healthz http/1.1",
        "GET /healthz HTTX/1.1",
        "GET /healthz HTTP/1,1",
        "GET /healthz HTTP/1.1\0",
        "G\0T /healthz HTTP/1.1",
        "GE\u{7f}T /healthz HTTP/1.1",
        "G(T /healthz HTTP/1.1",
        "G,T /healthz HTTP/1.1",
        "\u{e9}ET /healthz HTTP/1.1",
        "get /healthz HTTP/1.1",
        "BREW /healthz HTTP/1.1",
        "GET healthz HTTP/1.1",
        "GET ../healthz HTTP/1.1",
        "GET /../healthz HTTP/1.1",
        "GET //healthz HTTP/1.1",
        "GET /healthz/ HTTP/1.1",
        "GET /heal\0thz HTTP/1.1",
        "GET /healthz%00 HTTP/1.1",
        "GET /%68ealthz HTTP/1.1",
        "GET /assets/../../Cargo.toml HTTP/1.1",
        "GET /assets/%2e%2e/%2e%2e/Cargo.toml HTTP/1.1",
        "GET /assets//etc/passwd HTTP/1.1",
        "GET /assets/..%2f..%2fCargo.toml HTTP/1.1",
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:80 HTTP/1.1",
        "CONNECT /healthz HTTP/1.1",
        "TRACE /healthz HTTP/1.1",
        "GET 127.0.0.1:80 HTTP/1.1",
        "GET http://evil.example/healthz HTTP/1.1",
        "GET http:///healthz HTTP/1.1",
        "GET http://127.0.0.1@evil.example/healthz HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
        "PRI * HTTP/2.0",
    ]
    .map(with_first)
    .to_vec()
}

/// Every byte where it must not be: in a name, in a value.
fn odd_bytes() -> Vec<Vec<u8>> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let names = (0..=255).filter(|byte| !is_token(*byte) && *byte != b':');
    let names = names.map(|byte| with_line(&[b'X', byte, b'Y', b':', b' ', b'1']));
    let values = (0..32).chain([127]).filter(|byte| *byte != b'\t');
    names.chain(values.map(|byte| with_line(&[b'X', b':', b'a', byte, b'b']))).collect()
}

fn odd_lines() -> Vec<Vec<u8>> {
    let many = (0..100).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    let long = "x".repeat(60_000);
    let mut heads: Vec<Vec<u8>> = [
        "X",
        ": x",
        " X: folded",
        "X : 1",
        "Host: 127.0.0.1",
        "Host: evil.example",
        "Origin: http://evil.example",
        "Sec-Fetch-Site: cross-site",
        &format!("X: {long}"),
        &format!("{long}: 1"),
        many.trim_end(),
    ]
    .map(|line| with_line(line.as_bytes()))
    .to_vec();
    heads.push(b"GET /healthz HTTP/1.1\r\n\r\n".to_vec());
    heads.push(b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n".to_vec());
    heads.push(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1 x\r\n\r\n".to_vec());
    heads.push(b"GET /healthz HTTP/1.0\r\n\r\n".to_vec());
    heads.push(with_first(&format!("GET /{long} HTTP/1.1")));
    heads.push(with_first(&format!("{long} /healthz HTTP/1.1")));
    heads
}

fn odd_lengths() -> Vec<Vec<u8>> {
    let lengths =
        ["-1", "+5", "0x5", "5 5", "5,5", "5, 6", "99999999999999999999", "", "5a", "5.0"];
    let lengths = lengths.map(|length| with_body(&format!("Content-Length: {length}"), "[   ]"));
    let encodings =
        ["gzip", "chunked, gzip", "xchunked", "identity", "chunked x", "\u{b}chunked", ""];
    let encodings = encodings.map(|coding| {
        with_body(&format!("Transfer-Encoding: {coding}"), "5\r\n[   ]\r\n0\r\n\r\n")
    });
    let chunked = |body: &str| with_body("Transfer-Encoding: chunked", body);
    let chunks = [
        "zz\r\n[   ]\r\n0\r\n\r\n",
        "-5\r\n[   ]\r\n0\r\n\r\n",
        "0x5\r\n[   ]\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n[   ]\r\n0\r\n\r\n",
        "5\r\n[   ]x\r\n0\r\n\r\n",
        "6\r\n[   ]\r\n0\r\n\r\n",
        "5\r\n[   ]",
        "5\r\n[   ]\r\n0\r\n",
        "\r\n[   ]\r\n0\r\n\r\n",
    ];
    let doubled = with_body("Content-Length: 5\r\nContent-Length: 4", "[   ]");
    let old = "POST /v1/events HTTP/1.0\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n\
               5\r\n[   ]\r\n0\r\n\r\n";
    let mut heads = lengths.to_vec();
    heads.extend(encodings);
    heads.extend(chunks.map(chunked));
    heads.extend([doubled, old.into(), with_body("Content-Length: 6", "[   ]")]);
    heads
}

fn no_heads_at_all() -> Vec<Vec<u8>> {
    let mut random = Random(7);
    let mut noise = |length: usize| -> Vec<u8> {
        (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
    };
    let mut heads: Vec<Vec<u8>> = (1..20).map(|n| noise(n * 97)).collect();
    heads.push(vec![0; 10_000]);
    heads.push(vec![b'\n'; 10_000]);
    heads.push(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec());
    heads.push(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec());
    heads.push(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    heads.push(Vec::new());
    heads
}

/// Sends it and no more; the status of the answer, where there is one. What is not whole gets none:
/// then it is ended after a while.
fn status(server: &Served, head: &[u8]) -> Option<u16> {
    let mut stream = connect(server.port);
    let _ = stream.write_all(head);
    stream.set_read_timeout(Some(WHILE)).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    while read(&answer).is_none() {
        match stream.read(&mut part) {
            Ok(count) if count > 0 => answer.extend_from_slice(&part[..count]),
            _ => break,
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    Some(read(&answer)?.status)
}

#[test]
fn odd_heads_do_not_pass_and_do_no_harm() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let heads =
        [first_lines(), odd_bytes(), odd_lines(), odd_lengths(), no_heads_at_all()].concat();
    assert!(heads.len() >= MANY, "{}", heads.len());
    for good in [with_line(b"Connection: close"), with_body(GOOD, "[   ]")] {
        assert_eq!(
            read(&raw(server.port, &good)).unwrap().status,
            200,
            "only odd ones are refused"
        );
    }
    let over = AtomicBool::new(false);
    let passed = std::thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let mut batches = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(server.get("/healthz").status, 200);
                assert_eq!(server.events(&some_events("a", 1)).status, 200);
                batches += 1;
            }
            batches
        });
        let (mut passed, mut refused) = (Vec::new(), 0);
        for head in &heads {
            let status = status(&server, head);
            refused += usize::from(status.is_some());
            if status.is_some_and(|status| status < 400) {
                passed.push(String::from_utf8_lossy(head.get(..200).unwrap_or(head)).into_owned());
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(honest.join().unwrap() > 0);
        assert!(refused > MANY / 2, "{refused} of {} were answered", heads.len());
        passed
    });
    assert!(passed.is_empty(), "{passed:#?}");
    assert!(server.lives());
    assert!(!place.log().contains("panicked"), "{}", place.log());
    assert!(server.stop().success());
}

#[test]
fn no_request_hides_in_another_s_body() {
    let place = Place::new();
    let server = place.serve(&[]);
    let hidden = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let answers = |head: &str| {
        let bytes = raw(server.port, format!("{head}0\r\n\r\n{hidden}").as_bytes());
        String::from_utf8_lossy(&bytes).matches("HTTP/1.1 ").count()
    };
    for (lines, expected) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 1),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", 1),
        // Nobody could take this for another length.
        ("Transfer-Encoding: chunked", 2),
    ] {
        let head = format!("POST /v1/events HTTP/1.1\r\n{HOST}{lines}\r\n\r\n");
        assert_eq!(answers(&head), expected, "{lines}");
    }
}

#[test]
fn heads_have_a_size_and_a_number_of_lines() {
    let place = Place::new();
    let server = place.serve(&[]);
    let status = |head: &[u8]| {
        let text = String::from_utf8_lossy(&raw(server.port, head)).into_owned();
        text.split(' ').nth(1).map(str::to_owned)
    };
    let head = |lines: &str| {
        format!("GET /healthz HTTP/1.1\r\n{HOST}Connection: close\r\n{lines}\r\n").into_bytes()
    };
    let of_bytes = |bytes: usize| {
        let filler = bytes - head("X: \r\n").len();
        head(&format!("X: {}\r\n", "x".repeat(filler)))
    };
    assert_eq!(status(&of_bytes(32_768)).as_deref(), Some("200"));
    assert_eq!(status(&of_bytes(32_769)).as_deref(), Some("431"));
    // Host and Connection are two of them.
    let of_lines =
        |lines: usize| head(&(2..lines).map(|n| format!("X-{n}: 1\r\n")).collect::<String>());
    assert_eq!(status(&of_lines(64)).as_deref(), Some("200"));
    assert_eq!(status(&of_lines(65)).as_deref(), Some("431"));
}

#[test]
fn connections_have_a_number() {
    let place = Place::new();
    let server = place.serve(&["--connections", "4"]);
    let idle: Vec<_> = (0..3).map(|_| connect(server.port)).collect();
    // Who was sent away may come again: the server may not have let go of the one before.
    let asked = || server.get("/healthz").status;
    while asked() != 200 {}
    let more = connect(server.port);
    while asked() != 503 {}
    drop((more, idle));
    while asked() != 200 {}
}

#[test]
fn slow_heads_keep_nobody_waiting() {
    let place = Place::new();
    let server = place.serve(&[]);
    let slow: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = connect(server.port);
            let bytes = Request::get("/healthz").bytes(server.port);
            stream.write_all(&bytes[..n % bytes.len()]).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(server.get("/healthz").status, 200);
    }
    drop(slow);
    assert_eq!(server.get("/healthz").status, 200);
}

//! The worst that may be asked, all at once: each has an answer, if only that it took too much, and
//! whoever asks for little is served meanwhile.

use super::client::Request;
use super::{Place, Served, some_events};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicBool, Ordering};

const ASKERS: usize = 6;

fn worst() -> Vec<Json> {
    let any = json!({"did": "a"});
    let nested = (0..12).fold(any, |set, _| json!({"not": {"and": [set.clone(), set]}}));
    vec![
        json!({"report": "retention", "by": "hour", "columns": 3_660, "breakdown": ["n"]}),
        json!({"report": "value", "by": "hour", "measure": "distinct", "property": "n",
               "from": "1000-01-01", "to": "1020-01-01"}),
        json!({"report": "active", "by": "hour", "trailing": 3_660, "breakdown": ["n"], "top": 1_000}),
        json!({"report": "growth", "by": "day", "from": "0001-01-01", "to": "0500-01-01"}),
        json!({"report": "funnel", "steps": vec!["a"; 30], "within": null, "order": "unordered"}),
        json!({"report": "paths", "start": "a", "depth": 30, "top": 1_000}),
        json!({"report": "count", "users": nested}),
        json!(vec![json!({"report": "frequency", "interval": "hour"}); 200]),
    ]
}

/// Bodies that are no questions and no events, however they are read.
fn malformed() -> Vec<Vec<u8>> {
    let deep = 500_000;
    vec![
        b"[".repeat(deep),
        b"{\"a\":".repeat(deep),
        [b"[".repeat(deep), b"]".repeat(deep)].concat(),
        b"[[],".repeat(deep),
        b"\"".to_vec(),
        b"[\"\\ud800\"]".to_vec(),
        b"[1e999999999]".to_vec(),
        b"{\"report\": \"active\", \"report\": \"active\"}".to_vec(),
        b"\xef\xbb\xbf[]".to_vec(),
        vec![b'9'; 1 << 20],
        vec![b'\n'; 1 << 20],
    ]
}

fn ask(server: &Served, seed: usize) {
    let (worst, malformed) = (worst(), malformed());
    for at in 0..worst.len() {
        let query = &worst[(at + seed) % worst.len()];
        let answer = server.send(Request::json("/v1/query", query));
        let told = [200, 400, 422, 429].contains(&answer.status);
        assert!(told, "{query}: {} {}", answer.status, answer.text());
    }
    for body in malformed.iter().skip(seed % 2).step_by(2) {
        for path in ["/v1/query", "/v1/events", "/v1/import"] {
            let request = Request::post(path, body.as_slice());
            let answer = server.send(request.header("Content-Type", "application/json"));
            let words = String::from_utf8_lossy(&body[..body.len().min(20)]);
            // A row that is no event, or no query, is told in its place.
            let in_place =
                ["\"accepted\":0", "[{\"error\""].iter().any(|t| answer.text().contains(t));
            let refused = [400, 429].contains(&answer.status);
            assert!(refused || in_place, "{path} {words}: {} {}", answer.status, answer.text());
        }
    }
}

#[test]
fn who_asks_for_little_is_served_beside_the_worst() {
    let place = Place::new();
    let mut server = place.serve(&["--query-seconds", "2", "--query-memory", "512"]);
    assert_eq!(server.events(&some_events("a", 5_000)).status, 200);
    let over = AtomicBool::new(false);
    let served = std::thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let mut served = 0_u64;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(server.get("/healthz").status, 200);
                assert_eq!(server.events(&some_events("b", 1)).status, 200);
                served += 1;
            }
            served
        });
        let askers: Vec<_> = (0..ASKERS)
            .map(|n| {
                let server = &server;
                scope.spawn(move || ask(server, n))
            })
            .collect();
        let failed = askers.into_iter().find_map(|asker| asker.join().err());
        over.store(true, Ordering::Relaxed);
        if let Some(cause) = failed {
            std::panic::resume_unwind(cause);
        }
        honest.join().unwrap()
    });
    assert!(served > 0);
    assert_eq!(server.counts("a").0, 5_000);
    assert_eq!(server.counts("b").0, served);
    assert!(server.lives());
    assert!(!place.log().contains("panicked"), "{}", place.log());
}

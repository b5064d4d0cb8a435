//! Who is kept out by where they come from, and what every answer says.

use super::client::{Answer, Request};
use super::{Place, Served};
use serde_json::json;

fn query() -> Request {
    Request::json("/v1/query", &json!({"report": "count", "users": {"did": "a"}}))
}

fn status(server: &Served, headers: &[(&str, &str)]) -> u16 {
    let request =
        headers.iter().fold(query(), |request, (name, value)| request.header(name, value));
    server.send(request).status
}

#[test]
fn other_names_and_other_pages_are_refused() {
    let place = Place::new();
    let server = place.serve(&["--host", "stats.example", "--allow-origin", "https://app.example"]);
    let own = format!("http://127.0.0.1:{}", server.port);
    for headers in [
        &[("Host", "localhost")][..],
        &[("Host", "stats.example")],
        &[("Host", "stats.example"), ("Origin", "https://stats.example")],
        &[("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin")],
        &[("Origin", "https://app.example"), ("Sec-Fetch-Site", "cross-site")],
    ] {
        assert_eq!(status(&server, headers), 200, "{headers:?}");
    }
    for headers in [
        &[("Host", "evil.example")][..],
        &[("Host", "stats.example.evil.example")],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "http://stats.example")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "navigate")],
    ] {
        assert_eq!(status(&server, headers), 403, "{headers:?}");
    }
    let refused = server.send(query().header("Host", "evil.example"));
    assert!(refused.problem().1.contains("--host NAME"));
    let link = Request::get("/growth").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(server.send(link.header("Sec-Fetch-Mode", "navigate")).status, 200);
    let framed = Request::get("/growth").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(server.send(framed.header("Sec-Fetch-Mode", "no-cors")).status, 403);
}

#[test]
fn pages_of_named_origins_are_told_so() {
    let place = Place::new();
    let server = place.serve(&["--allow-origin", "https://app.example"]);
    let preflight = |origin: &str| {
        let request = Request::new("OPTIONS", "/v1/query").header("Origin", origin);
        server.send(request.header("Access-Control-Request-Method", "POST"))
    };
    let named = preflight("https://app.example");
    assert_eq!(named.status, 204);
    assert_eq!(named.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(named.header("access-control-allow-headers").unwrap().contains("Authorization"));
    let other = preflight("https://evil.example");
    assert_eq!((other.status, other.header("access-control-allow-origin")), (403, None));
    let asked = server.send(query().header("Origin", "https://app.example"));
    assert_eq!(asked.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(asked.header("vary").unwrap().contains("Origin"));
    assert_eq!(server.send(query()).header("access-control-allow-origin"), None);
}

#[test]
fn every_answer_keeps_to_its_place() {
    let place = Place::new();
    let server = place.serve(&["--require-token"]);
    let answers: Vec<Answer> = [
        Request::get("/"),
        Request::get("/healthz"),
        Request::get("/robots.txt"),
        Request::get("/nowhere"),
        Request::get("/v1/nowhere"),
        Request::new("DELETE", "/healthz"),
        query(),
        query().header("Host", "evil.example"),
        Request::get("/").header("Host", "a").header("Host", "b"),
    ]
    .into_iter()
    .map(|request| server.send(request))
    .collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 404, 401, 405, 401, 403, 400]);
    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
    }
}

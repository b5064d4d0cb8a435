//! Tokens, made and revoked beside a server that goes on.

use super::Place;
use super::client::{Answer, Request};
use serde_json::json;
use std::time::{Duration, Instant};

fn with(request: Request, secret: &str) -> Request {
    request.header("Authorization", &format!("Bearer {}", secret.trim()))
}

fn query() -> Request {
    Request::json("/v1/query", &json!({"report": "count", "users": {"did": "a"}}))
}

fn events() -> Request {
    Request::json("/v1/events", &json!([{"activity": "a", "user": "u"}]))
}

/// Asks until the server has looked at its tokens.
fn until(status: u16, ask: impl Fn() -> Answer) {
    let end = Instant::now() + Duration::from_secs(60);
    while ask().status != status {
        assert!(Instant::now() < end, "{status} was expected: {:?}", ask());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tokens_decide_once_there_are_some() {
    let place = Place::new();
    let server = place.serve(&[]);
    assert_eq!(server.send(query()).status, 200);
    let make = |name: &str, scope: &str| {
        place.run(&["token", "create", "db", "--name", name, "--scope", scope])
    };
    let (read, write) = (make("reader", "read"), make("writer", "write"));
    let both = make("both", "read,write");
    until(401, || server.send(query()));
    let none = server.send(query());
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    for (secret, asks, sends) in [(&read, 200, 403), (&write, 403, 200), (&both, 200, 200)] {
        let import = Request::post("/v1/import", "user,activity,time\nu,a,2024-03-01\n");
        assert_eq!(server.send(with(query(), secret)).status, asks);
        assert_eq!(server.send(with(Request::get("/v1/info"), secret)).status, asks);
        assert_eq!(server.send(with(Request::get("/metrics"), secret)).status, asks);
        assert_eq!(server.send(with(events(), secret)).status, sends);
        assert_eq!(server.send(with(import, secret)).status, sends);
    }
    for path in ["/healthz", "/", "/openapi.json"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    let guess = format!("{}x", read.trim());
    assert_eq!(server.send(with(query(), &guess)).status, 401);
    place.run(&["token", "revoke", "db", "reader"]);
    until(401, || server.send(with(query(), &read)));
    assert_eq!(server.send(with(query(), &both)).status, 200);
    // A file that is damaged lets nobody in and throws nobody out.
    let file = place.db().join("tokens");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "damage").unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(server.send(with(query(), &both)).status, 200);
    assert_eq!(server.send(query()).status, 401);
    std::fs::write(&file, text).unwrap();
}

#[test]
fn another_address_needs_one() {
    let place = Place::new();
    let server = place.serve_on("0.0.0.0:0", &[]);
    assert_eq!(server.send(query()).status, 401);
    assert_eq!(server.get("/healthz").status, 200);
    let secret = place.run(&["token", "create", "db", "--name", "a", "--scope", "read"]);
    until(200, || server.send(with(query(), &secret)));
    drop(server);
    place.run(&["token", "revoke", "db", "a"]);
    let server = place.serve(&["--require-token"]);
    assert_eq!(server.send(with(query(), &secret)).status, 401);
}

#[test]
fn the_command_makes_lists_and_revokes() {
    let place = Place::new();
    assert_eq!(place.run(&["token", "list", "db"]), "");
    let secret = place.run(&["token", "create", "db", "--name", "ci", "--scope", "write,read"]);
    assert!(secret.starts_with("daybit_") && secret.len() == 51, "{secret}");
    let list = place.run(&["token", "list", "db", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["scopes"]), (&json!("ci"), &json!(["write", "read"])));
    assert!(place.run(&["token", "list", "db"]).starts_with("ci  write,read"));
    let create = |db: &str, name: &str, scope: &str| {
        place.fail(&["token", "create", db, "--name", name, "--scope", scope]).0
    };
    assert_eq!(create("db", "ci", "read"), 2);
    assert_eq!(create("db", "other", "admin"), 2);
    assert_eq!(create("db", "", "read"), 2);
    assert_eq!(create("nowhere", "ci", "read"), 3);
    assert_eq!(place.fail(&["token", "revoke", "db", "other"]).0, 2);
    place.run(&["token", "revoke", "db", "ci"]);
    assert_eq!(place.run(&["token", "list", "db"]), "");
    assert_eq!(place.fail(&["token", "revoke", "db", "ci"]).0, 2);
}

#[test]
fn nothing_else_minds_the_file() {
    let place = Place::new();
    place.run(&["token", "create", "db", "--name", "ci", "--scope", "read"]);
    let file = place.db().join("tokens");
    std::fs::write(&file, "damage\n").unwrap();
    let (code, words) = place.fail(&["serve", "db", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("tokens is damaged at line 1"), "{words}");
    place.run(&["verify", "db"]);
    place.run(&["repair", "db"]);
    std::fs::write(place.path().join("x.csv"), "user,activity,time\nu,a,2024-03-01\n").unwrap();
    place.run(&["import", "db", "x.csv"]);
    place.run(&["erase", "db", "u"]);
    place.run(&["backup", "db", "copy"]);
    assert!(!place.path().join("copy/tokens").exists());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "damage\n");
}

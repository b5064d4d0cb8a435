//! `daybit serve` and `daybit demo --serve` as commands: what they say, and what they serve.

use super::Place;
use super::client::Request;
use serde_json::Value as Json;

#[test]
fn the_demo_serves_what_it_loaded() {
    let place = Place::new();
    let flags = ["demo", "demo-db", "--serve", "--listen", "127.0.0.1:0"];
    let server = place.start(&mut place.command(&flags));
    let info = server.get("/v1/info").json();
    assert_eq!((&info["database"], &info["events"]), (&"demo-db".into(), &541_909.into()));
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<html"), "{}", page.text());
    let months = server.get("/v1/query?report=active&by=month").json();
    assert_eq!(months["series"][0]["users"][0], 948);
    assert!(server.stop().success(), "{}", place.log());
    let info: Json = serde_json::from_str(&place.run(&["info", "demo-db", "--json"])).unwrap();
    assert_eq!(info["events"], 541_909);
    let (status, told) = place.fail(&["demo", "other-db", "--listen", "127.0.0.1:0"]);
    assert!(status == 2 && told.contains("--serve"), "{status} {told}");
}

#[test]
fn the_log_has_a_line_per_request_as_json() {
    let place = Place::new();
    let server = place.serve(&["--log", "json"]);
    let authorized = |path: &str| Request::get(path).header("Authorization", "Bearer secret");
    for path in ["/healthz", "/v1/query?report=active&event=secret", "/v1/query", "/secret"] {
        server.send(authorized(path));
    }
    assert!(server.stop().success());
    let log = place.log();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    let lines: Vec<Json> = lines.collect();
    for line in &lines {
        let time = line["timestamp"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
        assert_eq!(line["level"], "INFO");
    }
    let requests: Vec<&Json> =
        lines.iter().map(|line| &line["fields"]).filter(|f| f["message"] == "request").collect();
    let told: Vec<_> = requests
        .iter()
        .map(|f| (f["route"].as_str().unwrap(), f["status"].as_u64().unwrap()))
        .collect();
    let expected = [("/healthz", 200), ("/v1/query", 200), ("/v1/query", 400), ("other", 404)];
    assert_eq!(told, expected, "{log}");
    for fields in requests {
        assert_eq!(fields["method"], "GET");
        assert!(fields["took_ms"].as_f64().is_some_and(|took| took > 0.0), "{fields}");
        assert!(fields["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{fields}");
    }
    assert!(!log.contains("secret"), "what is asked, and with which token, is not logged: {log}");
}

#[test]
fn a_quiet_server_logs_no_request() {
    let place = Place::new();
    let server = place.serve(&["--quiet", "--log", "json"]);
    assert_eq!(server.get("/healthz").status, 200);
    assert!(server.stop().success());
    assert_eq!(place.log(), "");
}

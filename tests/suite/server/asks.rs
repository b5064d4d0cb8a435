//! Asking: each route and format, good and bad, and what is told of the server itself.

use super::client::{Answer, Request, connect};
use super::{Place, Served};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::time::Duration;

/// People who each did one thing on one of three days.
fn served_with(people: usize) -> (Place, Served) {
    let place = Place::new();
    let served = place.serve(&["--quiet"]);
    let event = |n: usize| {
        json!({"user": format!("u{n:05}"), "activity": "visit", "price": n,
               "time": format!("2024-03-0{}T10:00:00Z", 1 + n % 3)})
    };
    let sent = served.events(&(0..people).map(event).collect::<Vec<_>>().into());
    assert_eq!(sent.json()["accepted"], people);
    (place, served)
}

fn ask(served: &Served, query: &Json) -> Answer {
    served.send(Request::json("/v1/query", query))
}

/// An answer without the time that it took.
fn timeless(mut answer: Json) -> Json {
    answer["info"]["elapsed_ms"] = Json::Null;
    answer
}

#[test]
fn every_door_and_format_gives_the_same_figures() {
    let (place, served) = served_with(30);
    let query = json!({"report": "active", "event": "visit", "by": "day"});
    let posted = ask(&served, &query);
    assert_eq!((posted.status, posted.header("content-type")), (200, Some("application/json")));
    assert_eq!(posted.json()["series"][0]["users"], json!([10, 10, 10]));
    let simple = "/v1/query?report=active&event=visit&by=day";
    assert_eq!(timeless(served.get(simple).json()), timeless(posted.json()));
    // The figures of the command, byte for byte.
    served.stop();
    let flags = ["active", "db", "--event", "visit", "--by", "day", "--format"];
    let of_command = |format| place.run(&[&flags[..], &[format]].concat());
    let (csv, rows) = (of_command("csv"), of_command("rows"));
    let served = place.serve(&["--quiet"]);
    for (format, text, media) in
        [("csv", csv, "text/csv; charset=utf-8"), ("rows", rows, "application/x-ndjson")]
    {
        let got = served.get(&format!("{simple}&format={format}"));
        assert_eq!((got.text(), got.header("content-type")), (text.clone(), Some(media)));
        let posted = served.send(Request::json(&format!("/v1/query?format={format}"), &query));
        assert_eq!(posted.text(), text);
    }
}

#[test]
fn several_are_answered_in_order_each_bad_one_in_its_place() {
    let (_place, served) = served_with(3);
    let count = json!({"report": "count", "users": {"did": "visit"}});
    let answer = ask(&served, &json!([count, {"report": "visits"}, count])).json();
    assert_eq!(answer[0]["series"][0]["count"], 3);
    assert_eq!(answer[1]["kind"], "input");
    assert_eq!(timeless(answer[2].clone())["series"], timeless(answer[0].clone())["series"]);
    assert_eq!(ask(&served, &json!([])).json(), json!([]));
    let csv = served.send(Request::json("/v1/query?format=csv", &json!([count])));
    assert_eq!(csv.status, 400);
}

#[test]
fn what_cannot_be_asked_is_told_by_name() {
    let (_place, served) = served_with(1);
    let post = |body: &str| served.send(Request::post("/v1/query", body)).problem();
    for (body, word) in [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1", "not JSON"),
        ("7", "a query is an object"),
        (r#"{"report": "active", "evnt": "a"}"#, "`evnt` is no field"),
        (r#"{"report": "active", "report": "growth"}"#, "report"),
        (r#"{"report": "retention", "by": "all"}"#, "later bucket"),
    ] {
        let (status, message) = post(body);
        assert!(status == 400 && message.contains(word), "{body}: {status} {message}");
    }
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(post(&nested(127)).1.contains("`report`"));
    assert!(post(&nested(128)).1.contains("recursion limit"));
    // However deep: within an array it is one bad query.
    assert_eq!(post(&"{\"a\":".repeat(100_000)).0, 400);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = served.send(Request::post("/v1/query", deep)).json();
    assert!(answer[0]["error"].as_str().unwrap().contains("recursion limit"), "{answer}");
    assert_eq!(served.send(Request::post("/v1/query", vec![0xff_u8, 0xfe])).status, 400);
    for (path, status) in [
        ("/v1/query", 400),
        ("/v1/query?report=active&by=fortnight", 400),
        ("/v1/query?report=active&format=xml", 400),
        ("/v1/query?report=active&stream=true", 400),
        ("/v1/query?report=active&stream=true&format=csv", 400),
        ("/v1/query?report=users&stream=true", 400),
        ("/v1/query?report=active&report=active", 400),
        ("/v1/query?report=active&format=csv&format=rows", 400),
        ("/v1/queries", 404),
        ("/assets/../mod.rs", 404),
        ("/assets/%2e%2e/mod.rs", 404),
        ("/assets/", 404),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    let query = json!({"report": "active"});
    let beside = served.send(Request::json("/v1/query?formt=csv", &query)).problem();
    assert!(beside.0 == 400 && beside.1.contains("formt"), "{beside:?}");
    let other = served.send(Request::new("DELETE", "/v1/query"));
    assert_eq!((other.status, other.header("allow")), (405, Some("GET,HEAD,POST")));
}

#[test]
fn an_answer_that_is_known_is_not_sent_again() {
    let (_place, served) = served_with(3);
    let path = "/v1/query?report=active&by=day";
    let tag = served.get(path).header("etag").unwrap().to_string();
    let again =
        |path: &str, tag: &str| served.send(Request::get(path).header("If-None-Match", tag));
    let known = again(path, &tag);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(again(path, &format!("W/\"0\", {tag}")).status, 304);
    assert_eq!(again(path, "W/\"0000000000000000\"").status, 200);
    // Another query, another format, and the same after another event.
    assert_eq!(again("/v1/query?report=active&by=week", &tag).status, 200);
    assert_eq!(again(&format!("{path}&format=csv"), &tag).status, 200);
    let event = json!([{"user": "x", "activity": "visit", "time": "2024-03-01"}]);
    assert_eq!(served.events(&event).status, 200);
    let changed = again(path, &tag);
    assert_eq!((changed.status, &changed.json()["series"][0]["users"][0]), (200, &json!(2)));
}

#[test]
fn all_of_a_long_list_is_sent_page_by_page() {
    let (_place, served) = served_with(25_000);
    for order in ["", "&order_by=events&descending=true"] {
        let path = format!("/v1/query?report=users&with=events{order}&format=csv&stream=true");
        let answer = served.get(&path);
        let text = answer.text();
        let mut ids: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!((text.lines().next(), ids.len()), (Some("id,events"), 25_000), "{path}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 25_000);
    }
    let path = "/v1/query?report=users&format=rows";
    let streamed = format!("{path}&stream=true");
    assert_eq!(served.get(&streamed).text().lines().count(), 25_000);
    // What is wrong is told by its status, and what is known of a page is no more than that.
    let unknown = served.get(&format!("{streamed}&users=@nobody"));
    assert!(unknown.problem().1.contains("nobody"), "{}", unknown.text());
    let bounded = served.get(&format!("{streamed}&limit=3")).problem();
    assert!(bounded.0 == 400 && bounded.1.contains("limit"), "{bounded:?}");
    let tag = served.get(path).header("etag").unwrap().to_string();
    let again = served.send(Request::get(&streamed).header("If-None-Match", &tag));
    assert_eq!(again.status, 200);
}

#[test]
fn queries_have_their_time_and_their_memory() {
    let (place, served) = served_with(300);
    served.stop();
    let served = place.serve(&["--quiet", "--query-seconds", "0"]);
    let late = served.get("/v1/query?report=active");
    assert!([422, 429].contains(&late.status), "{}", late.text());
    served.stop();
    let served = place.serve(&["--quiet", "--query-memory", "0"]);
    let (status, message) = served.get("/v1/query?report=active&by=day").problem();
    assert!(status == 422 && message.contains("--query-memory"), "{status} {message}");
    assert_eq!(served.get("/healthz").status, 200);
}

/// Hours of ten years for each of many prices: minutes of work.
fn long_query() -> Json {
    json!({"report": "growth", "by": "hour", "trailing": 3_660, "from": "2014-03-01",
        "breakdown": ["price"], "top": 200})
}

/// Waits until so many queries of the report had this outcome.
fn wait_for(served: &Served, report: &str, (outcome, count): (&str, usize)) {
    let line = format!("daybit_queries_total{{report=\"{report}\",outcome=\"{outcome}\"}} {count}");
    for _ in 0..1_200 {
        if served.get("/metrics").text().lines().any(|known| known == line) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{line} is not in\n{}", served.get("/metrics").text());
}

#[test]
fn nobody_works_for_a_caller_who_has_gone() {
    let (_place, served) = served_with(1_000);
    for gone in 1..=2 {
        let mut stream = connect(served.port);
        let request = Request::json("/v1/query", &long_query());
        stream.write_all(&request.bytes(served.port)).unwrap();
        // The request is whole: what follows is only that nobody is there.
        std::thread::sleep(Duration::from_millis(100));
        drop(stream);
        wait_for(&served, "growth", ("cancelled", gone));
    }
    assert_eq!(ask(&served, &json!({"report": "active"})).status, 200);
    wait_for(&served, "active", ("answered", 1));
}

#[test]
fn a_query_that_takes_longer_than_it_may_is_stopped() {
    let (place, served) = served_with(1_000);
    served.stop();
    let served = place.serve(&["--quiet", "--query-seconds", "1"]);
    let (status, message) = ask(&served, &long_query()).problem();
    assert!(status == 422 && message.contains("1 seconds was over"), "{status} {message}");
    wait_for(&served, "growth", ("cancelled", 1));
    assert_eq!(ask(&served, &json!({"report": "active"})).status, 200);
}

#[test]
fn an_answer_has_a_size() {
    let (_place, served) = served_with(1_000);
    for report in ["active", "growth", "value"] {
        let mut query = long_query();
        query["report"] = json!(report);
        query["top"] = json!(1_000);
        if report == "value" {
            query["event"] = json!("visit");
            query["measure"] = json!("events");
            query.as_object_mut().unwrap().remove("trailing");
        }
        let (status, message) = ask(&served, &query).problem();
        assert_eq!(status, 400, "{report}: {message}");
        assert!(message.contains("at most 20000000 are given"), "{report}: {message}");
    }
}

#[test]
fn the_server_tells_of_itself_and_of_what_it_holds() {
    let (_place, served) = served_with(6);
    assert_eq!(served.get("/healthz").json(), json!({"status": "ok"}));
    let rejected = served.events(&json!([{"user": "a"}]));
    assert_eq!(rejected.json()["rejected"][0]["row"], 0);
    let info = served.get("/v1/info").json();
    assert_eq!((&info["database"], &info["users"]), (&json!("db"), &json!(6)));
    assert_eq!(info["properties"], json!(["price"]));
    assert_eq!(info["activities"][0]["events"], 6);
    assert_eq!(info["server"]["rejected"], 1);
    assert!(info["server"]["last_rejects"][0]["reason"].as_str().unwrap().contains("activity"));
    assert_eq!(ask(&served, &json!({"report": "active"})).status, 200);
    let metrics = served.get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = metrics.text();
    for line in [
        "daybit_queries_total{report=\"active\",outcome=\"answered\"} 1",
        "daybit_events_total{outcome=\"accepted\"} 6",
        "daybit_events_total{outcome=\"rejected\"} 1",
        "daybit_users 6",
        "daybit_stored_events 6",
        "# EOF",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
    let described = served.get("/openapi.json").json();
    assert_eq!(described["openapi"], "3.1.0");
    for page in ["/", "/growth", "/explore", "/api", "/robots.txt", "/assets/app.js"] {
        let answer = served.get(page);
        assert_eq!(answer.status, 200, "{page}");
        let again = Request::get(page).header("If-None-Match", answer.header("etag").unwrap());
        assert_eq!(served.send(again).status, 304, "{page}");
    }
    let small = served.send(Request::get("/assets/app.js").header("Accept-Encoding", "gzip"));
    assert_eq!(
        (small.header("content-encoding"), &small.body[..2]),
        (Some("gzip"), &[0x1f, 0x8b][..])
    );
}

#[test]
fn what_a_route_does_not_take_is_refused_there() {
    let (_place, served) = served_with(1);
    for (path, status, word) in [
        ("/v1/info?foo=1", 400, "\"foo\" is not known"),
        ("/v1/info?a&foo", 400, "\"a\" is not known"),
        ("/v1/info?=", 400, "\"\" is not known"),
        ("/v1/info?", 200, ""),
        ("/v1/info/", 404, "/v1/info/"),
        // Whoever watches may say what it likes.
        ("/metrics?foo=1", 200, ""),
        ("/healthz?foo=1", 200, ""),
        ("/openapi.json?foo=1", 200, ""),
        ("/metrics/", 404, "/metrics/"),
        ("/openapi.jso", 404, "/openapi.jso"),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(status == 200 || answer.problem().1.contains(word), "{path}: {}", answer.text());
    }
    for path in ["/v1/info", "/metrics", "/openapi.json", "/healthz", "/"] {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let other = served.send(Request::new(method, path).header("Content-Length", "0"));
            let told = (other.status, other.header("allow"));
            assert_eq!(told, (405, Some("GET,HEAD")), "{method} {path}");
        }
        let head = served.send(Request::new("HEAD", path));
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
}

#[test]
fn every_route_that_is_described_is_there() {
    let (_place, served) = served_with(1);
    let described = served.get("/openapi.json").json();
    let mut seen = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let request = Request::new(&method.to_uppercase(), path);
            let status = served.send(request.header("Content-Length", "0")).status;
            assert!(![404, 405, 500].contains(&status), "{method} {path}: {status}");
            assert!(route["responses"][status.to_string()].is_object(), "{path}: {status}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} routes are described");
}

#[test]
fn a_reader_follows_another_process() {
    let (place, served) = served_with(3);
    let reader = place.serve(&["--quiet", "--read-only"]);
    assert_eq!(reader.get("/v1/info").json()["read_only"], true);
    let event = json!([{"user": "later", "activity": "visit", "time": "2024-03-02"}]);
    assert_eq!(served.events(&event).status, 200);
    // The writer publishes every few seconds.
    for _ in 0..600 {
        if reader.counts("visit") == (4, 4) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the reader saw {:?} after a minute", reader.counts("visit"));
}

#[test]
fn told_to_end_it_ends_in_order() {
    let (place, served) = served_with(5);
    assert!(served.stop().success());
    let info: Json = serde_json::from_str(&place.run(&["info", "db", "--json"])).unwrap();
    assert_eq!(info["events"], 5);
}

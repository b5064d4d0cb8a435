#![allow(clippy::unwrap_used)]
use super::*;

fn rules(listen: &str, hosts: &[&str], origins: &[&str]) -> Rules {
    let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    Rules::new(listen.parse().unwrap(), &owned(hosts), &owned(origins))
}

fn head(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// The status of `GET path` with these headers, 200 where it passes.
fn get(rules: &Rules, path: &str, pairs: &[(&'static str, &str)]) -> u16 {
    let uri = path.parse().unwrap();
    let checked = rules.check(&Method::GET, &uri, &head(pairs));
    checked.map_or_else(|problem| problem.status().as_u16(), |_| 200)
}

#[test]
fn only_its_own_names_are_asked() {
    let ask = |rules: &Rules, host: &str| get(rules, "/v1/query", &[("host", host)]);
    let home = rules("127.0.0.1:8750", &[], &[]);
    for host in ["localhost", "localhost:8750", "LocalHost:1", "127.0.0.1:8750", "[::1]:8750"] {
        assert_eq!(ask(&home, host), 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8750",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:8750:1",
        "localhost:",
        "localhost:x",
        "user@localhost",
        "localhost evil",
        "",
        "127.0.0.2",
        "::1",
    ] {
        assert_eq!(ask(&home, host), 403, "{host}");
    }
    let away = rules("192.168.1.5:8750", &["Stats.example", "other.example:80"], &[]);
    for host in ["192.168.1.5:8750", "stats.example", "stats.example:9999", "other.example:80"] {
        assert_eq!(ask(&away, host), 200, "{host}");
    }
    for host in ["localhost", "192.168.1.5", "192.168.1.5:8751", "other.example", "a.stats.example"]
    {
        assert_eq!(ask(&away, host), 403, "{host}");
    }
    assert_eq!(ask(&rules("0.0.0.0:8750", &[], &[]), "localhost:8750"), 200);
    assert_eq!(ask(&rules("[::1]:8750", &[], &[]), "[::1]:8750"), 200);
}

#[test]
fn a_host_is_given_once_and_told_alike() {
    let home = rules("127.0.0.1:8750", &[], &[]);
    assert_eq!(get(&home, "/", &[]), 400);
    assert_eq!(get(&home, "/", &[("host", "localhost"), ("host", "localhost")]), 400);
    assert_eq!(get(&home, "http://localhost:8750/", &[("host", "localhost:8750")]), 200);
    assert_eq!(get(&home, "http://evil.example/", &[("host", "localhost:8750")]), 403);
    assert_eq!(get(&home, "http://localhost:8750/", &[("host", "evil.example")]), 403);
}

#[test]
fn pages_of_other_origins_are_kept_out() {
    let home = rules("127.0.0.1:8750", &["stats.example"], &["https://Charts.example"]);
    let from =
        |host: &str, origin: &str| get(&home, "/v1/query", &[("host", host), ("origin", origin)]);
    assert_eq!(from("localhost:8750", "http://localhost:8750"), 200);
    assert_eq!(from("stats.example", "https://stats.example"), 200);
    assert_eq!(from("stats.example:443", "https://stats.example"), 200);
    assert_eq!(from("localhost:8750", "https://charts.example"), 200);
    for origin in [
        "http://evil.example",
        "http://localhost:8751",
        "http://localhost",
        "http://127.0.0.1:8750",
        "null",
        "",
        "file://",
        "localhost:8750",
        "https://charts.example.evil.example",
        "https://charts.example:444",
        "http://charts.example",
    ] {
        assert_eq!(from("localhost:8750", origin), 403, "{origin}");
    }
    let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "null")];
    assert_eq!(get(&home, "/", &twice), 400);
}

#[test]
fn what_browsers_say_of_the_page_counts() {
    let home = rules("127.0.0.1:8750", &[], &["https://charts.example"]);
    let from = |path: &str, site: &str, mode: &str| {
        let pairs = [("host", "localhost"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
        get(&home, path, &pairs)
    };
    for site in ["same-origin", "none"] {
        assert_eq!(from("/v1/query", site, "cors"), 200, "{site}");
    }
    for site in ["cross-site", "same-site", "anything"] {
        assert_eq!(from("/v1/query", site, "cors"), 403, "{site}");
        assert_eq!(from("/v1/query", site, "navigate"), 403, "{site}");
        assert_eq!(from("/growth", site, "navigate"), 200, "{site}");
        assert_eq!(from("/growth", site, "no-cors"), 403, "{site}");
    }
    let post = head(&[
        ("host", "localhost"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ]);
    assert!(home.check(&Method::POST, &"/growth".parse().unwrap(), &post).is_err());
    let named = [
        ("host", "localhost"),
        ("origin", "https://charts.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(get(&home, "/v1/query", &named), 200);
}

#[test]
fn named_origins_are_told_that_they_may() {
    let home = rules("127.0.0.1:8750", &[], &["https://charts.example"]);
    let asked = head(&[
        ("host", "localhost"),
        ("origin", "https://charts.example"),
        ("access-control-request-method", "POST"),
    ]);
    let passed = home.check(&Method::OPTIONS, &"/v1/query".parse().unwrap(), &asked).unwrap();
    assert!(is_preflight(&Method::OPTIONS, &passed, &asked));
    assert!(!is_preflight(&Method::POST, &passed, &asked));
    assert!(!is_preflight(&Method::OPTIONS, &Passed::default(), &asked));
    let mut headers = HeaderMap::new();
    dress("/v1/query", &passed, StatusCode::OK, &mut headers);
    assert_eq!(headers["access-control-allow-origin"], "https://charts.example");
    assert_eq!(headers["vary"], "Origin");
    let mut own = HeaderMap::new();
    dress("/v1/query", &Passed::default(), StatusCode::OK, &mut own);
    assert!(!own.contains_key("access-control-allow-origin"));
}

#[test]
fn every_answer_is_dressed() {
    let dressed = |path: &str, status: StatusCode| {
        let mut headers = HeaderMap::new();
        dress(path, &Passed::default(), status, &mut headers);
        headers
    };
    let api = dressed("/v1/query", StatusCode::UNAUTHORIZED);
    assert_eq!(api["cache-control"], "no-store");
    assert_eq!(api["www-authenticate"], "Bearer");
    assert_eq!(api["x-frame-options"], "DENY");
    assert_eq!(api["x-content-type-options"], "nosniff");
    assert!(api["content-security-policy"].to_str().unwrap().starts_with("default-src 'none';"));
    let page = dressed("/", StatusCode::OK);
    assert!(!page.contains_key("cache-control") && !page.contains_key("www-authenticate"));
    let mut kept = head(&[("cache-control", "private, no-cache")]);
    dress("/v1/query", &Passed::default(), StatusCode::OK, &mut kept);
    assert_eq!(kept["cache-control"], "private, no-cache");
}

#[test]
fn scopes_are_those_of_the_routes() {
    for path in ["/", "/growth", "/assets/x.js", "/healthz", "/openapi.json", "/v2/query"] {
        assert_eq!(scope(path), None, "{path}");
    }
    for path in ["/v1/query", "/v1/info", "/v1/", "/v1/events/", "/metrics"] {
        assert_eq!(scope(path), Some(Scope::Read), "{path}");
    }
    for path in ["/v1/events", "/v1/import"] {
        assert_eq!(scope(path), Some(Scope::Write), "{path}");
    }
}

#[test]
fn tokens_are_checked_for_their_scope() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, scopes: &[Scope]| Tokens::create(folder.path(), name, scopes).unwrap();
    let (reader, writer) = (make("r", &[Scope::Read]), make("w", &[Scope::Write]));
    let both = make("b", &[Scope::Read, Scope::Write]);
    let tokens = Tokens::read(folder.path()).unwrap();
    let ask = |given: &str, scope: Scope| {
        let checked = check_token(&tokens, &head(&[("authorization", given)]), scope);
        checked.map_or_else(|problem| problem.status().as_u16(), |()| 200)
    };
    for (secret, read, write) in [(&reader, 200, 403), (&writer, 403, 200), (&both, 200, 200)] {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let given = format!("{scheme} {secret}");
            assert_eq!((ask(&given, Scope::Read), ask(&given, Scope::Write)), (read, write));
        }
    }
    for given in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Basic {reader}"),
        reader.clone(),
        format!("Bearer {}", &reader[..reader.len() - 1]),
        format!("Bearer {reader}x"),
        format!("Bearer {reader} {reader}"),
    ] {
        assert_eq!(ask(&given, Scope::Read), 401, "{given}");
    }
    let given = format!("Bearer {reader}");
    let twice = head(&[("authorization", &given), ("authorization", &given)]);
    let refused = check_token(&tokens, &twice, Scope::Read).unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let none = check_token(&tokens, &HeaderMap::new(), Scope::Read).unwrap_err();
    assert_eq!(none.status(), StatusCode::UNAUTHORIZED);
}

//! Every report from its flags, in every format, over the events of `docs/semantics.md`.

use super::Place;
use serde_json::{Value as Json, json};

/// A folder with `shop`, the small database of the page.
fn shop() -> Place {
    let place = Place::new();
    let page = include_str!("../../../docs/semantics.md");
    let (_, events) = page.split_once("```csv\n").unwrap();
    place.file("events.csv", events.split_once("```").unwrap().0);
    place.good(&["import", "shop", "events.csv"]);
    place
}

/// The figures of the flags, and those of the query that they stand for.
fn same(place: &Place, flags: &[&str], query: Json) -> Json {
    let by_flags = place.json(&[flags, &["--format", "json"]].concat());
    let by_query = place.json(&["query", "shop", &query.to_string()]);
    assert_eq!(by_flags["series"], by_query["series"], "{flags:?}");
    assert_eq!(by_flags["info"]["definition"], by_query["info"]["definition"], "{flags:?}");
    by_flags["series"].clone()
}

fn lines<'a>(text: &'a str, starts: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.trim_start().starts_with(starts)).collect()
}

#[test]
fn conditions_have_a_short_form() {
    let place = shop();
    let buy = |conditions: Json| json!({"report": "active", "by": "all", "event": {"event": "buy", "where": conditions}});
    for (condition, json, users) in [
        ("country=DE", json!({"property": "country", "is": "DE"}), 2),
        ("country!=DE", json!({"property": "country", "is_not": "DE"}), 2),
        ("country=in:AT,FR", json!({"property": "country", "in": ["AT", "FR"]}), 2),
        ("country!=in:AT,FR", json!({"property": "country", "not_in": ["AT", "FR"]}), 2),
        ("price=7.5", json!({"property": "price", "in": [7.5, "7.5"]}), 1),
        ("price>7.5", json!({"property": "price", "gt": 7.5}), 2),
        ("price>=7.5", json!({"property": "price", "gte": 7.5}), 2),
        ("price<5", json!({"property": "price", "lt": 5}), 1),
        ("price<=5", json!({"property": "price", "lte": 5}), 2),
        ("country~E", json!({"property": "country", "contains": "E"}), 2),
        ("country^=A", json!({"property": "country", "starts_with": "A"}), 1),
        ("price", json!({"property": "price", "exists": true}), 3),
        ("!plan", json!({"property": "plan", "exists": false}), 3),
    ] {
        let flags = ["active", "shop", "--by", "all", "--event", "buy", "--where", condition];
        let series = same(&place, &flags, buy(json!([json])));
        assert_eq!(series[0]["users"], json!([users]), "{condition}");
    }
    let both = ["--where", "country=DE", "--where", "price>=20"];
    let flags = [&["active", "shop", "--by", "all", "--event", "buy"], &both[..]].concat();
    let conditions = json!([{"property": "country", "is": "DE"}, {"property": "price", "gte": 20}]);
    assert_eq!(same(&place, &flags, buy(conditions))[0]["users"], json!([1]));
    place.bad(2, &["active", "shop", "--where", "=DE"], &["=DE", "country=DE"]);
    place.bad(2, &["active", "shop", "--where", "country>10"], &["\"country\"", "10", "number"]);
    // It may be a text, and then nothing has this value: no error.
    let flags = ["active", "shop", "--by", "all", "--where", "country=85048", "--format", "json"];
    assert_eq!(place.json(&flags)["series"][0]["users"], json!([0]));
}

#[test]
fn a_funnel_is_steps_in_order() {
    let place = shop();
    let steps = ["--step", "visit", "--step", "add", "--step", "buy[price>=15]"];
    let flags = [&["funnel", "shop", "--within", "1d"], &steps[..]].concat();
    let dear = json!({"event": "buy", "where": [{"property": "price", "gte": 15}]});
    let query = json!({"report": "funnel", "within": "1d", "steps": ["visit", "add", dear]});
    let series = same(&place, &flags, query);
    let users = |step: usize| series[0]["steps"][step]["users"].clone();
    assert_eq!([users(0), users(1), users(2)], [4, 3, 1]);
    let german = json!([{"property": "country", "is": "DE"}]);
    let steps = json!([{"event": "visit", "where": german}, {"event": "buy", "where": german}]);
    let german = same(
        &place,
        &["funnel", "shop", "--step", "visit", "--step", "buy", "--where", "country=DE"],
        json!({"report": "funnel", "steps": steps}),
    );
    assert_eq!(german[0]["steps"][1]["users"], 2);
    let table =
        place.good(&["funnel", "shop", "--step", "visit", "--step", "add", "--within", "1d"]);
    let line = lines(&table, "2 add")[0];
    assert!(line.contains("75.0%") && line.contains("20m") && line.contains('█'), "{table}");
    assert!(table.contains("from the first step to the last: median 20m, mean 15m"), "{table}");
    let trend = place.good(&[&flags[..], &["--by", "week"]].concat());
    assert!(trend.contains("converted") && !lines(&trend, "2024-03-11").is_empty(), "{trend}");
    let exclude = [&flags[..], &["--exclude", "subscribe:1-2", "--order", "strict"]].concat();
    assert!(place.good(&exclude).contains("1 visit"));
    place.bad(2, &["funnel", "shop"], &["steps"]);
    place.bad(2, &[&flags[..], &["--exclude", "subscribe"]].concat(), &["subscribe", "1-2"]);
    place.bad(2, &[&flags[..], &["--within", "0s"]].concat(), &["within"]);
}

#[test]
fn paths_are_drawn_as_a_tree() {
    let place = shop();
    let flags = ["paths", "shop", "--start", "visit", "--depth", "2"];
    same(&place, &flags, json!({"report": "paths", "start": "visit", "depth": 2}));
    let tree = place.good(&flags);
    assert!(lines(&tree, "→ add")[0].contains('2'), "{tree}");
    assert_eq!(lines(&tree, "→ (end)").len(), 3, "{tree}");
    let before = place.good(&["paths", "shop", "--end", "buy", "--depth", "1"]);
    assert!(before.contains("← (start)") || before.contains("← add"), "{before}");
    place.bad(2, &["paths", "shop"], &["start"]);
}

#[test]
fn sessions_take_a_gap_and_classes() {
    let place = shop();
    let edges = ["--duration-edges", "5m,20m"];
    let flags = [&["sessions", "shop", "--by", "all", "--gap", "45m"], &edges[..]].concat();
    let query =
        json!({"report": "sessions", "by": "all", "gap": "45m", "duration_edges": ["5m", "20m"]});
    same(&place, &flags, query);
    let table = place.good(&flags);
    for heading in ["under 5m", "5m to 20m", "20m or more", "median", "bounce_rate"] {
        assert!(table.contains(heading), "no {heading} in\n{table}");
    }
}

#[test]
fn money_keeps_its_scale() {
    let place = shop();
    let flags = ["value", "shop", "--event", "buy", "--measure", "sum", "--property", "price"];
    let query = json!({"report": "value", "event": "buy", "measure": "sum", "property": "price", "by": "week"});
    same(&place, &[&flags[..], &["--by", "week"]].concat(), query);
    let table = place.good(&[&flags[..], &["--by", "week"]].concat());
    assert!(lines(&table, "2024-03-04")[0].contains("35.50"), "{table}");
    let csv = place.good(
        &[&flags[..], &["--by", "all", "--breakdown", "country", "--format", "csv"]].concat(),
    );
    let expected = "country,other,start,complete,value\nDE,false,2024-03-04,true,55.00\n\
        FR,false,2024-03-04,true,8.00\nAT,false,2024-03-04,true,2.25\n";
    assert_eq!(csv, expected);
    let groups = place.good(&[&flags[..], &["--by", "all", "--breakdown", "country"]].concat());
    assert!(groups.starts_with("value by country\nstart"), "{groups}");
    let share = ["--measure", "share", "--event", "buy[price>=10]", "--of", "buy", "--by", "all"];
    assert!(place.good(&[&["value", "shop"], &share[..]].concat()).contains("42.9%"));
    let balance =
        ["balance", "shop", "--event", "subscribe", "--property", "price", "--by", "week"];
    let query =
        json!({"report": "balance", "event": "subscribe", "property": "price", "by": "week"});
    same(&place, &balance, query);
    assert!(place.good(&balance).contains("29.00"));
    let retention =
        ["retention", "shop", "--start", "visit", "--return", "buy", "--property", "price"];
    assert!(place.good(&[&retention[..], &["--by", "week"]].concat()).contains("per person"));
}

#[test]
fn scores_features_and_people_have_their_flags() {
    let place = shop();
    let survey = ["survey", "shop", "--event", "rate", "--property", "score", "--kind", "nps"];
    let more = ["--scale", "0,11", "--promoter-min", "10", "--responses", "last", "--by", "all"];
    let query = json!({"report": "survey", "event": "rate", "property": "score", "kind": "nps",
                       "scale": [0, 11], "promoter_min": 10, "responses": "last", "by": "all"});
    same(&place, &[&survey[..], &more[..]].concat(), query);
    let warned = place.run(&[&survey[..], &["--by", "all"]].concat());
    assert!(String::from_utf8_lossy(&warned.stderr).contains("note: "), "dora's 11");
    let adoption =
        ["adoption", "shop", "--feature", "add", "--feature", "subscribe", "--by", "all"];
    let query = json!({"report": "adoption", "features": ["add", "subscribe"], "by": "all"});
    let series = same(&place, &adoption, query);
    assert_eq!(series[1]["key"], json!({"feature": "subscribe"}));
    assert!(place.good(&adoption).contains("feature: subscribe"));
    let users = ["users", "shop", "--event", "buy", "--property", "price", "--with", "last,sum"];
    let order = ["--order-by", "sum", "--descending", "--limit", "2"];
    let csv = place.good(&[&users[..], &order[..], &["--format", "csv"]].concat());
    let expected =
        "id,last,sum\ncleo,2024-03-18T08:00:00Z,35.00\nanna,2024-03-21T22:30:00Z,22.25\n";
    assert_eq!(csv, expected);
    let growth = ["growth", "shop", "--by", "week", "--gap", "2", "--new-means", "any"];
    same(&place, &growth, json!({"report": "growth", "by": "week", "gap": 2, "new_means": "any"}));
    let elapsed = ["retention", "shop", "--start", "buy", "--window", "elapsed", "--by", "week"];
    same(
        &place,
        &elapsed,
        json!({"report": "retention", "start": "buy", "window": "elapsed", "by": "week"}),
    );
}

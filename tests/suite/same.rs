//! Whether an answer of daybit is the oracle's: amounts to the last digit, fractions nearly.

use crate::oracle::{Amount, Oracle};
use daybit::Answer;
use serde_json::Value as Json;

/// Parts of an answer that the oracle leaves open.
const LEFT_OPEN: [&str; 2] = ["event", "histogram"];

/// Panics unless the oracle answers the same.
pub fn assert_same(oracle: &Oracle, query: &Json, answer: &Answer, what: &str) {
    let (buckets, series) = oracle.answer(query);
    let got = parsed(&answer.to_json_string());
    if !buckets.is_null() {
        assert_eq!(got["buckets"], buckets, "{what}: buckets of {query}");
    }
    assert!(
        same(&got["series"], &series),
        "{what}: {query}\n daybit {}\n oracle {series}",
        got["series"]
    );
}

/// JSON whose numbers are kept as texts like `#15.50`, so that no digit is lost.
pub fn parsed(text: &str) -> Json {
    let mut marked = String::new();
    let (mut in_text, mut in_number, mut escaped) = (false, false, false);
    for c in text.chars() {
        let of_number = !in_text && (c.is_ascii_digit() || "+-.".contains(c))
            || (in_number && "eE".contains(c));
        if of_number != in_number {
            marked.push_str(if of_number { "\"#" } else { "\"" });
            in_number = of_number;
        }
        if c == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && c == '\\' && !escaped;
        marked.push(c);
    }
    serde_json::from_str(&marked).unwrap()
}

/// Whether daybit's figure is the oracle's.
fn same(got: &Json, wanted: &Json) -> bool {
    match (got, wanted) {
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            let known = |k: &String| b.contains_key(k) || LEFT_OPEN.contains(&k.as_str());
            a.keys().all(known) && b.iter().all(|(k, v)| a.get(k).is_some_and(|w| same(w, v)))
        }
        (Json::String(a), Json::Number(b)) => a.strip_prefix('#').is_some_and(|a| {
            let (got, wanted): (f64, f64) = (a.parse().unwrap(), b.as_f64().unwrap());
            let near = (got - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
            if b.is_f64() { near } else { got == wanted }
        }),
        (Json::String(a), Json::String(b)) if b.starts_with('=') => {
            let number = |text: &str| Amount::parse(text).map(|amount| *amount.units());
            a.strip_prefix('#').is_some_and(|a| number(a) == number(&b[1..]))
        }
        (Json::String(a), Json::String(b)) => a == b || same_instant(a, b),
        _ => got == wanted,
    }
}

/// `09:00+02:00` and `07:00Z` are one time, but not written in one zone.
fn same_instant(a: &str, b: &str) -> bool {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let offset = |text: &str| text.get(text.len().saturating_sub(6)..).map(str::to_string);
    let utc = |text: &str| text.ends_with('Z') || text.ends_with("+00:00");
    time(a).is_some() && time(a) == time(b) && (offset(a) == offset(b) || utc(a) && utc(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_their_digits() {
        let got = parsed(r#"{"a-1": [15.50, -2e-3, null], "b\"7": "1.5", "c": true}"#);
        assert_eq!(got, json!({"a-1": ["#15.50", "#-2e-3", null], "b\"7": "1.5", "c": true}));
    }

    #[test]
    fn what_differs_is_seen() {
        let is = |got: &str, wanted: Json| same(&parsed(&format!("[{got}]")), &json!([wanted]));
        assert!(is("[15.50]", json!(["=15.5"])) && !is("[15.51]", json!(["=15.5"])));
        assert!(is("1000000000000001.25", json!("=1000000000000001.25")));
        assert!(!is("1000000000000001.26", json!("=1000000000000001.25")));
        assert!(is("0.3333333333333", json!(1.0 / 3.0)) && !is("0.3334", json!(1.0 / 3.0)));
        assert!(is("3", json!(3)) && !is("4", json!(3)) && !is("\"3\"", json!(3)));
        assert!(!is("null", json!(0)) && !is("0", json!(null)) && is("null", json!(null)));
        assert!(!is("[1, 2]", json!([1])) && !is("{\"a\": 1}", json!({})));
        assert!(is("{\"event\": \"x\", \"a\": 1}", json!({"a": 1})) && !is("{}", json!({"a": 1})));
        let time = json!("2024-01-01T09:00:00.000000+02:00");
        assert!(is("\"2024-01-01T09:00:00+02:00\"", time.clone()));
        assert!(!is("\"2024-01-01T07:00:00Z\"", time));
    }
}

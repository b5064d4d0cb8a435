//! What people type after a flag of the command line.

#[allow(dead_code)]
#[path = "../../src/cli/failure.rs"]
mod failure;
#[path = "../../src/cli/selector.rs"]
mod selector;

use daybit::Query;
use serde_json::json;

/// Reads a text as whatever it may be; whether it is an event. What it stands for may still be
/// refused as a query, with the reason.
pub fn short_forms(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let texts = [text.to_string()];
    let (_, _) = (selector::set("--users", text), selector::exclusion(text));
    let (_, _) = (selector::number("--top", text), selector::spoken(text));
    let conditions = selector::conditions(&texts).unwrap_or_default();
    let Ok(Some(event)) = selector::selector("--event", &texts, &conditions) else { return false };
    let _ = Query::from_value(&json!({"report": "active", "event": event}));
    true
}

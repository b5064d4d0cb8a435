//! What is answered: answers, receipts, what the database holds, problems.

use super::named;
use serde_json::{Map, Value, json};

/// The schemas of answers by their names.
pub fn schemas() -> Map<String, Value> {
    let all = [
        ("Answer", answer()),
        ("AnswerInfo", info()),
        ("Receipt", receipt()),
        ("ImportReceipt", import_receipt()),
        ("Database", database()),
        ("Problem", problem()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_string(), schema)).collect()
}

fn answer() -> Value {
    let bucket = json!({
        "type": "object",
        "properties": {"start": {"type": "string"}, "complete": {"type": "boolean"}},
        "required": ["start", "complete"],
    });
    let series = json!({
        "type": "object",
        "description": "The figures of a group: a list per column as long as `buckets`, or the \
                        report's own shape (cohorts, steps, links, count, ids).",
        "properties": {"key": {"type": "object"}, "other": {"type": "boolean"}},
        "required": ["key"],
    });
    json!({
        "type": "object",
        "properties": {
            "report": {"type": "string"},
            "info": named("AnswerInfo"),
            "buckets": {"type": "array", "items": bucket},
            "series": {"type": "array", "items": series},
        },
        "required": ["report", "info", "series"],
    })
}

fn info() -> Value {
    let text = json!({"type": "string"});
    let or_none = json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "properties": {
            "time_zone": text,
            "week_start": text,
            "from": or_none,
            "to": or_none,
            "as_of": text,
            "watermark": or_none,
            "definition": {"type": "string", "pattern": "^[0-9a-f]{8}$"},
            "elapsed_ms": {"type": "number", "minimum": 0},
            "warnings": {"type": "array", "items": text},
            "partial": {"type": "object"},
        },
        "required": ["time_zone", "week_start", "as_of", "definition", "elapsed_ms", "warnings"],
    })
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn receipt() -> Value {
    let rejected = json!({
        "type": "object",
        "properties": {"row": count(), "reason": {"type": "string"}},
        "required": ["row", "reason"],
    });
    json!({
        "type": "object",
        "properties": {
            "accepted": count(),
            "without_user": count(),
            "duplicates": count(),
            "rejected": {"type": "array", "items": rejected},
            "repeated": {"type": "boolean"},
        },
        "required": ["accepted", "without_user", "duplicates", "rejected", "repeated"],
    })
}

fn import_receipt() -> Value {
    let rejected = json!({
        "type": "object",
        "properties": {
            "source": {"type": "string"},
            "line": count(),
            "reason": {"type": "string"},
        },
        "required": ["line", "reason"],
    });
    json!({
        "type": "object",
        "properties": {
            "accepted": count(),
            "without_user": count(),
            "duplicates": count(),
            "rejected": count(),
            "first_rejects": {"type": "array", "items": rejected},
            "repeated": {"type": "boolean"},
            "removed": count(),
            "days": count(),
            "new_users": count(),
            "warnings": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["accepted", "duplicates", "rejected", "repeated", "days", "new_users"],
    })
}

fn database() -> Value {
    let activity = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "events": count(),
            "events_without_user": count(),
            "user_days": count(),
        },
        "required": ["name", "events", "events_without_user", "user_days"],
    });
    json!({
        "type": "object",
        "properties": {
            "database": {"type": "string"},
            "read_only": {"type": "boolean"},
            "users": count(),
            "events": count(),
            "days": count(),
            "bytes": count(),
            "files": count(),
            "activities": {"type": "array", "items": activity},
            "properties": {"type": "array", "items": {"type": "string"}},
            "cohorts": {"type": "array", "items": {"type": "string"}},
            "watermark": {"type": ["string", "null"]},
            "time_zone": {"type": "string"},
            "server": {"type": "object"},
        },
        "required": ["database", "read_only", "users", "events", "days", "activities", "time_zone"],
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "error": {"type": "string", "description": "One sentence for people."},
            "kind": {"type": "string", "description": "One word for programs."},
        },
        "required": ["error", "kind"],
    })
}

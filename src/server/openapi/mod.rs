//! `/openapi.json`: what the server takes and answers, made from the names that the library reads
//! by.

mod answer;
mod query;
mod routes;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// `GET /openapi.json`.
pub async fn get() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

/// The whole description.
fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "daybit",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Product metrics: exact questions about who did what, when",
            "description": "Ask with a query, send events, import files. docs/http.md has examples, \
                            docs/query.md the query, docs/semantics.md what each figure means.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": routes::paths(),
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `daybit token create`; needed where the server listens \
                                    on more than this machine, or was told to ask for one.",
                },
            },
            "schemas": schemas(),
        },
    })
}

fn schemas() -> Value {
    let mut all = Map::new();
    all.extend(query::schemas());
    all.extend(answer::schemas());
    Value::Object(all)
}

/// A schema by its name.
fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A whole number within bounds.
fn whole(least: u64, most: u64) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most})
}

/// The same, or null.
fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// One of some words.
fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": words.into_iter().collect::<Vec<_>>()})
}

/// A list.
fn list(items: Value, least: usize, most: usize) -> Value {
    json!({"type": "array", "items": items, "minItems": least, "maxItems": most})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    /// Every `$ref` within a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(target) if name == "$ref" => drop(found.insert(target.to_string())),
                        _ => references(value, found),
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there_and_every_one_there_is_named() {
        let document = document();
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        let there = document["components"]["schemas"].as_object().unwrap();
        let there: BTreeSet<String> =
            there.keys().map(|name| format!("#/components/schemas/{name}")).collect();
        assert_eq!(named, there);
    }
}

//! The routes: what each takes, and with which statuses it answers.

use super::{named, whole, words};
use daybit::limits::{BATCH_ID_BYTES_MAX, QUERIES_MAX};
use daybit::{Bucket, Query};
use serde_json::{Map, Value, json};

/// Every route of the API.
pub fn paths() -> Value {
    json!({
        "/v1/query": {"get": simple_query(), "post": query()},
        "/v1/events": {"post": events()},
        "/v1/import": {"post": import()},
        "/v1/info": {"get": info()},
        "/healthz": {"get": health()},
        "/metrics": {"get": metrics()},
        "/openapi.json": {"get": description()},
    })
}

/// A JSON body or answer of a schema.
fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

/// The answers that a route may give: one that is good, and problems.
fn responses(good: Value, problems: &[(&str, &str)]) -> Value {
    let problem = content(&named("Problem"));
    let every = [
        ("400", "Something in the request is wrong; the answer says what."),
        ("401", "A token is needed, or this one is not known."),
        ("403", "The token has not this scope, or the host or origin may not ask."),
        ("500", "The database is damaged, or a mistake in daybit."),
        ("503", "The server has no connection left, or ends."),
    ];
    let mut all = Map::new();
    all.insert("200".to_string(), good);
    for (status, description) in every.iter().chain(problems) {
        let response = json!({"description": description, "content": problem});
        all.insert((*status).to_string(), response);
    }
    Value::Object(all)
}

const BODY_PROBLEMS: [(&str, &str); 5] = [
    ("408", "No byte of the body came for too long."),
    ("413", "The body is too large: send it in parts."),
    ("415", "The body's type or encoding is not known."),
    ("429", "There is too much to do: try again after the seconds of Retry-After."),
    ("507", "The disk is full."),
];

const ASK_PROBLEMS: [(&str, &str); 5] = [
    ("408", "No byte of the body came for too long."),
    ("413", "The body is too large."),
    ("415", "The body's encoding is not known."),
    ("422", "The query takes more time or memory than one may."),
    ("429", "There is too much to do: try again after the seconds of Retry-After."),
];

fn parameter(name: &str, description: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

fn format() -> Value {
    let formats = words(["json", "rows", "csv"]);
    parameter(
        "format",
        "The answer whole, or its rows as a JSON object a line or as CSV.",
        &formats,
    )
}

fn stream() -> Value {
    let text = "Send all of a list of users, page by page; with `format` rows or csv.";
    parameter("stream", text, &words(["true", "false"]))
}

/// The good answer of a query.
fn answered(schema: &Value) -> Value {
    let text = json!({"schema": {"type": "string"}});
    json!({
        "description": "The answer.",
        "headers": {"ETag": {"schema": {"type": "string"}}},
        "content": {
            "application/json": {"schema": schema},
            "application/x-ndjson": text,
            "text/csv": text,
        },
    })
}

fn query() -> Value {
    let error = json!({
        "type": "object",
        "properties": {"error": {"type": "string"}, "kind": {"type": "string"}},
        "required": ["error"],
    });
    let queries = json!({"type": "array", "items": named("Query"), "maxItems": QUERIES_MAX});
    let answers = json!({"type": "array", "items": {"anyOf": [named("Answer"), error]}});
    let good = answered(&json!({"anyOf": [named("Answer"), answers]}));
    json!({
        "operationId": "ask",
        "summary": "Ask one query or several",
        "description": "Several are answered in order, from one snapshot, with one scan.",
        "tags": ["ask"],
        "parameters": [format(), stream()],
        "requestBody": {
            "required": true,
            "content": content(&json!({"anyOf": [named("Query"), queries]})),
        },
        "responses": with_unchanged(responses(good, &ASK_PROBLEMS)),
    })
}

fn simple_query() -> Value {
    let text = json!({"type": "string"});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let report = words(Query::REPORTS.iter().copied());
    let mut report = parameter("report", "Which one; its other fields go beside it.", &report);
    report["required"] = true.into();
    let bucket = words(Bucket::EVERY.map(Bucket::as_str));
    json!({
        "operationId": "askSimply",
        "summary": "Ask a query by its fields",
        "description": "Every field of the query is a parameter; events, conditions and sets are \
                        written as on the command line.",
        "tags": ["ask"],
        "parameters": [
            report,
            parameter("event", "A name, or `name[country=DE]`; several are any of them.", &texts),
            parameter("from", "A date, or like -28d.", &text),
            parameter("to", "A date, or `today`.", &text),
            parameter("by", "The bucket.", &bucket),
            parameter("where", "A condition like `country=DE`; several hold together.", &texts),
            parameter("breakdown", "A property.", &texts),
            parameter("users", "`@name` of a cohort, or a set as JSON.", &text),
            parameter("top", "Groups kept.", &whole(1, 1_000)),
            format(),
            stream(),
        ],
        "responses": with_unchanged(responses(answered(&named("Answer")), &ASK_PROBLEMS)),
    })
}

fn with_unchanged(mut responses: Value) -> Value {
    let text = "What If-None-Match names is still the answer.";
    responses["304"] = json!({"description": text});
    responses
}

fn idempotency() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The batch's id: a repeat changes nothing and gives the first receipt.",
        "schema": {"type": "string", "minLength": 1, "maxLength": BATCH_ID_BYTES_MAX},
    })
}

fn events() -> Value {
    let event = json!({
        "type": "object",
        "properties": {
            "user": {"type": ["string", "integer", "null"]},
            "activity": {"type": "string", "minLength": 1, "maxLength": 256},
            "time": {"type": ["string", "number", "null"]},
            "insert_id": {"type": ["string", "integer", "null"]},
        },
        "required": ["activity"],
        "additionalProperties": true,
    });
    // A row that is no event is told in the receipt, so that anything may stand in its place.
    let rows = json!({"type": "array", "items": {"anyOf": [event, {}]}});
    let body = json!({"anyOf": [rows, {"type": "object"}]});
    let good =
        json!({"description": "What became of the batch.", "content": content(&named("Receipt"))});
    json!({
        "operationId": "send",
        "summary": "Send events",
        "description": "A JSON array, or a JSON object a line; gzip or zstd. The receipt comes once \
                        the events are durable; a bad row is named in it, and the others are stored.",
        "tags": ["send"],
        "parameters": [idempotency()],
        "requestBody": {
            "required": true,
            "content": {
                "application/json": {"schema": body},
                "application/x-ndjson": {},
            },
        },
        "responses": responses(good, &BODY_PROBLEMS),
    })
}

fn import() -> Value {
    let text = json!({"type": "string"});
    let formats = words(["csv", "tsv", "ndjson", "parquet"]);
    let good =
        json!({"description": "What became of it.", "content": content(&named("ImportReceipt"))});
    json!({
        "operationId": "import",
        "summary": "Import a file",
        "description": "CSV, NDJSON or Parquet, streamed, as one commit. Other parameters are the \
                        flags of `daybit import`.",
        "tags": ["send"],
        "parameters": [
            idempotency(),
            parameter("format", "Told from the first bytes without it.", &formats),
            parameter("user", "Column of user ids.", &text),
            parameter("activity", "Column of activity names.", &text),
            parameter("time", "Column of times.", &text),
        ],
        "requestBody": {
            "required": true,
            "content": {
                "text/csv": {},
                "application/x-ndjson": {},
                "application/vnd.apache.parquet": {},
            },
        },
        "responses": responses(good, &BODY_PROBLEMS),
    })
}

fn info() -> Value {
    let good =
        json!({"description": "What the database holds.", "content": content(&named("Database"))});
    json!({
        "operationId": "info",
        "summary": "What the database holds",
        "tags": ["look"],
        "responses": responses(good, &ASK_PROBLEMS[3..]),
    })
}

fn health() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {"status": {"const": "ok"}},
        "required": ["status"],
    });
    let good = json!({"description": "The process answers.", "content": content(&schema)});
    json!({
        "operationId": "health",
        "summary": "Is the server there?",
        "tags": ["look"],
        "security": [{}],
        "responses": responses(good, &[]),
    })
}

fn metrics() -> Value {
    let text = json!({"application/openmetrics-text": {"schema": {"type": "string"}}});
    let good = json!({"description": "Counts, times and sizes.", "content": text});
    json!({
        "operationId": "metrics",
        "summary": "Counts, times and sizes for Prometheus",
        "tags": ["look"],
        "responses": responses(good, &ASK_PROBLEMS[3..]),
    })
}

fn description() -> Value {
    let good =
        json!({"description": "This description.", "content": content(&json!({"type": "object"}))});
    json!({
        "operationId": "describe",
        "summary": "This description",
        "tags": ["look"],
        "security": [{}],
        "responses": responses(good, &[]),
    })
}

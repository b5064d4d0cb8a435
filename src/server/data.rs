//! What the database holds and how the server is: `/v1/info`, `/healthz`.

use super::problem::Problem;
use super::shared::{Reject, Shared};
use super::simple::pairs;
use crate::look::info_value;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use daybit::Snapshot;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// `GET /healthz`: the process answers. It looks at nothing else.
pub async fn health() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// `GET /v1/info`.
pub async fn info(
    State(server): State<Shared>,
    RawQuery(text): RawQuery,
) -> Result<Response, Problem> {
    if let Some((name, _)) = pairs(text.as_deref())?.first() {
        return Err(Problem::input(format!("{name:?} is not known: there are no parameters here")));
    }
    let asked = server.clone();
    let told = server.desk.take(move |_| told(&asked)).await??;
    Ok(Json(told).into_response())
}

fn told(server: &Shared) -> Result<Value, Problem> {
    let mut told = info_value(&server.db.info()?);
    let properties = properties(&server.db.snapshot()?)?;
    let rejects: Vec<Value> = server.rejects().iter().map(reject).collect();
    let own = json!({
        "database": name(&server.setup.path),
        "read_only": server.setup.read_only,
        "properties": properties,
        "server": {
            "version": env!("CARGO_PKG_VERSION"),
            "started": server.started.to_rfc3339(),
            "rejected": server.metrics.rejected(),
            "last_rejects": rejects,
        },
    });
    if let (Value::Object(told), Value::Object(own)) = (&mut told, own) {
        told.extend(own);
    }
    Ok(told)
}

fn reject(reject: &Reject) -> Value {
    json!({"at": reject.at.to_rfc3339(), "row": reject.row, "reason": reject.reason})
}

/// The folder's name; where it lies is nobody's business.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Names of the properties of all days. A damaged day names none.
fn properties(snapshot: &Snapshot) -> Result<BTreeSet<String>, Problem> {
    let mut names = BTreeSet::new();
    for day in snapshot.days() {
        match snapshot.properties(day) {
            Err(error) if error.kind() == daybit::ErrorKind::Corruption => {}
            read => names.extend(read?),
        }
    }
    Ok(names)
}

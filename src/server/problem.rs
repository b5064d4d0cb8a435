//! What is answered where something is wrong: a status, a kind for programs, a sentence for people.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use daybit::ErrorKind;
use serde_json::json;

/// Why a request has no answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    message: String,
    retry_seconds: Option<u32>,
}

impl Problem {
    /// A problem of the server's own.
    pub fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, kind, message: message.into(), retry_seconds: None }
    }

    /// A value from the caller is wrong.
    pub fn input(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "input", message)
    }

    /// There is too much to do; the same request may pass after a while.
    pub fn busy(message: impl Into<String>) -> Problem {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", message);
        Problem { retry_seconds: Some(1), ..problem }
    }

    /// The status that is answered.
    #[cfg(test)]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<daybit::Error> for Problem {
    fn from(error: daybit::Error) -> Problem {
        let (status, kind) = told(error.kind());
        Problem::new(status, kind, error.to_string())
    }
}

/// The status and the name of a kind of error.
pub fn told(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::Input => (StatusCode::BAD_REQUEST, "input"),
        ErrorKind::Limit => (StatusCode::BAD_REQUEST, "limit"),
        ErrorKind::Unsupported => (StatusCode::BAD_REQUEST, "unsupported"),
        ErrorKind::Dropped => (StatusCode::BAD_REQUEST, "dropped"),
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        ErrorKind::AlreadyExists => (StatusCode::CONFLICT, "already_exists"),
        ErrorKind::ReadOnly => (StatusCode::FORBIDDEN, "read_only"),
        ErrorKind::Cancelled => (StatusCode::UNPROCESSABLE_ENTITY, "cancelled"),
        ErrorKind::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
        ErrorKind::Locked => (StatusCode::SERVICE_UNAVAILABLE, "locked"),
        ErrorKind::Poisoned => (StatusCode::SERVICE_UNAVAILABLE, "poisoned"),
        ErrorKind::SnapshotExpired => (StatusCode::SERVICE_UNAVAILABLE, "snapshot_expired"),
        ErrorKind::Corruption => (StatusCode::INTERNAL_SERVER_ERROR, "corruption"),
        ErrorKind::NewerFormat => (StatusCode::INTERNAL_SERVER_ERROR, "newer_format"),
        ErrorKind::OlderFormat => (StatusCode::INTERNAL_SERVER_ERROR, "older_format"),
        ErrorKind::Permission => (StatusCode::INTERNAL_SERVER_ERROR, "permission"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "io"),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": self.message, "kind": self.kind}));
        let mut response = (self.status, body).into_response();
        if let Some(seconds) = self.retry_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

//! `/metrics`: what the server did and what the database holds, in Prometheus' text form.

use super::problem::Problem;
use super::shared::Shared;
use super::work::memory_bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use daybit::{Answer, DbInfo, ErrorKind, Query};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::Duration;

type Labels = [(&'static str, String); 1];
type PairLabels = [(&'static str, String); 2];

/// Upper ends of the classes of times, in seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Counts since the server was started.
pub struct Metrics {
    registry: Registry,
    requests: Family<PairLabels, Counter>,
    request_seconds: Family<Labels, Histogram, fn() -> Histogram>,
    queries: Family<PairLabels, Counter>,
    query_seconds: Histogram,
    events: Family<Labels, Counter>,
    batches: Family<Labels, Counter>,
    write_seconds: Histogram,
    held: Held,
}

/// What the database held when it was last looked at.
#[derive(Default)]
struct Held {
    users: Gauge,
    events: Gauge,
    days: Gauge,
    files: Gauge,
    bytes: Gauge,
    newest: Gauge,
    memory: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// Nothing has happened yet.
    pub fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("daybit"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            queries: Family::default(),
            query_seconds: seconds(),
            events: Family::default(),
            batches: Family::default(),
            write_seconds: seconds(),
            held: Held::default(),
        };
        metrics.name_counts();
        metrics.held.name(&mut metrics.registry);
        metrics
    }

    fn name_counts(&mut self) {
        let all = &mut self.registry;
        all.register("requests", "Requests by route and status", self.requests.clone());
        let took = "Time to the head of the answer, by route";
        all.register_with_unit("request", took, Unit::Seconds, self.request_seconds.clone());
        all.register("queries", "Queries by report and outcome", self.queries.clone());
        let took = "Time of a request's queries, without the wait for their turn";
        all.register_with_unit("query", took, Unit::Seconds, self.query_seconds.clone());
        all.register("events", "Events sent, by outcome", self.events.clone());
        all.register("batches", "Batches and imports sent, by outcome", self.batches.clone());
        let took = "Time to the receipt of a batch";
        all.register_with_unit("write", took, Unit::Seconds, self.write_seconds.clone());
    }

    /// A request was answered.
    pub fn requested(&self, route: &str, status: u16, took: Duration) {
        let labels = [("route", route.to_string()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).inc();
        let labels = [("route", route.to_string())];
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Queries were answered, or could not be.
    pub fn answered(&self, queries: &[Query], answers: &[daybit::Result<Answer>], took: Duration) {
        for (query, answer) in queries.iter().zip(answers) {
            let report = query.to_json()["report"].as_str().unwrap_or_default().to_string();
            let outcome = match answer {
                Ok(_) => "answered",
                Err(error) if error.kind() == ErrorKind::Cancelled => "cancelled",
                Err(_) => "failed",
            };
            let labels = [("report", report), ("outcome", outcome.to_string())];
            self.queries.get_or_create(&labels).inc();
        }
        self.query_seconds.observe(took.as_secs_f64());
    }

    /// A batch or an import has its receipt.
    pub fn wrote(&self, (accepted, duplicates, rejected): (u64, u64, u64), took: Duration) {
        let counts = [("accepted", accepted), ("duplicate", duplicates), ("rejected", rejected)];
        for (outcome, count) in counts {
            self.events.get_or_create(&[("outcome", outcome.to_string())]).inc_by(count);
        }
        self.batch("stored");
        self.write_seconds.observe(took.as_secs_f64());
    }

    /// A batch was `stored`, `repeated` or `failed`.
    pub fn batch(&self, outcome: &str) {
        self.batches.get_or_create(&[("outcome", outcome.to_string())]).inc();
    }

    /// Rows that were rejected since the start.
    pub fn rejected(&self) -> u64 {
        self.events.get_or_create(&[("outcome", "rejected".to_string())]).get()
    }

    fn text(&self, info: &DbInfo) -> Result<String, fmt::Error> {
        self.held.look(info);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Held {
    fn name(&self, all: &mut Registry) {
        all.register("users", "Users ever seen", self.users.clone());
        all.register("stored_events", "Events stored", self.events.clone());
        all.register("days", "Days with an event", self.days.clone());
        all.register("files", "Files published", self.files.clone());
        let bytes = "Bytes of the published files";
        all.register_with_unit("files", bytes, Unit::Bytes, self.bytes.clone());
        let newest = "Time of the newest event, seconds since 1970";
        all.register_with_unit("newest_event", newest, Unit::Seconds, self.newest.clone());
        let memory = "Bytes that the process has allocated; mapped files are not among them";
        all.register_with_unit("memory", memory, Unit::Bytes, self.memory.clone());
    }

    fn look(&self, info: &DbInfo) {
        let held = &info.snapshot;
        self.users.set(i64::from(held.users));
        self.events.set(whole(held.events));
        self.days.set(whole(held.days));
        self.files.set(whole(info.files));
        self.bytes.set(whole(info.file_bytes));
        self.newest.set(held.watermark.map_or(0, |at| at.timestamp()));
        self.memory.set(whole(memory_bytes() as u64));
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `GET /metrics`. It does not wait for a turn: whoever watches the server wants to know most when
/// all turns are taken.
pub async fn get(State(server): State<Shared>) -> Result<Response, Problem> {
    let text = tokio::task::spawn_blocking(move || -> Result<String, Problem> {
        let info = server.db.info()?;
        server.metrics.text(&info).map_err(|_| Problem::input("the metrics cannot be written"))
    });
    let text = text.await.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()));
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text?).into_response())
}

//! `/v1/query`: one query or several, answered at the desk, as JSON, rows or CSV.

use super::body;
use super::problem::{Problem, told};
use super::shared::Shared;
use super::simple::{self, Pairs, taken};
use super::stream;
use super::work::Watch;
use crate::table::render_rows_csv;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use daybit::{Answer, Queries, Query, Snapshot, queries_from_json};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Rows,
    Csv,
}

/// What is asked beside the queries themselves.
#[derive(Debug, Clone, Copy)]
struct Manner {
    format: Format,
    streams: bool,
}

/// `GET /v1/query?report=...`.
pub async fn get(
    State(server): State<Shared>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut pairs = simple::pairs(text.as_deref())?;
    let manner = Manner::taken(&mut pairs)?;
    let queries = move || Ok(Queries::One(Box::new(simple::query(pairs)?)));
    answer(server, queries, manner, &headers).await
}

/// `POST /v1/query` with a query or an array of queries.
pub async fn post(
    State(server): State<Shared>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut pairs = simple::pairs(text.as_deref())?;
    let manner = Manner::taken(&mut pairs)?;
    if let Some((name, _)) = pairs.first() {
        let message =
            format!("{name:?} is not known: use format and stream; fields go into the body");
        return Err(Problem::input(message));
    }
    let bytes = body::read(&headers, body, &server.setup.limits, &server.room).await?;
    let queries = move || {
        let text = std::str::from_utf8(&bytes);
        let text = text.map_err(|_| Problem::input("the body is not UTF-8"))?;
        Ok(queries_from_json(text)?)
    };
    answer(server, queries, manner, &headers).await
}

/// What is asked, and of what.
enum Asked {
    List(Snapshot, Arc<Query>),
    /// The caller holds the answer of this tag.
    Known(String),
    /// With the tag of their answer.
    Queries(Snapshot, Queries, String),
}

impl Manner {
    fn taken(pairs: &mut Pairs) -> Result<Manner, Problem> {
        let format = match taken(pairs, "format")?.as_deref() {
            None | Some("json") => Format::Json,
            Some("rows") => Format::Rows,
            Some("csv") => Format::Csv,
            Some(other) => {
                let message = format!("format {other:?} is not known: use json, rows or csv");
                return Err(Problem::input(message));
            }
        };
        let streams = match taken(pairs, "stream")?.as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let message = format!("stream {other:?} is not known: use true or false");
                return Err(Problem::input(message));
            }
        };
        Ok(Manner { format, streams })
    }
}

impl Format {
    /// The media type, and a name that tells the formats of one answer apart.
    pub fn media(self) -> (&'static str, &'static str) {
        match self {
            Format::Json => ("application/json", "j"),
            Format::Rows => ("application/x-ndjson", "r"),
            Format::Csv => ("text/csv; charset=utf-8", "c"),
        }
    }
}

async fn answer(
    server: Shared,
    queries: impl FnOnce() -> Result<Queries, Problem> + Send + 'static,
    manner: Manner,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let format = manner.format;
    let asked = understood(server.clone(), queries, manner, held(headers)).await?;
    let (snapshot, queries, tag) = match asked {
        Asked::List(snapshot, query) => {
            return stream::users(server, snapshot, query, format).await;
        }
        Asked::Known(tag) => return Ok((StatusCode::NOT_MODIFIED, tagged(&tag)).into_response()),
        Asked::Queries(snapshot, queries, tag) => (snapshot, queries, tag),
    };
    let desk = server.clone();
    let work = move |watch: &Watch| match queries {
        Queries::One(query) => one(&server, &snapshot, &query, format, watch),
        Queries::Many(queries) => many(&server, &snapshot, queries, format, watch),
    };
    let text = desk.desk.take(work).await??;
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(format.media().0))];
    Ok((kind, tagged(&tag), text).into_response())
}

/// Reads what is asked. A query may name a million people: others are answered meanwhile.
async fn understood(
    server: Shared,
    queries: impl FnOnce() -> Result<Queries, Problem> + Send + 'static,
    Manner { format, streams }: Manner,
    held: Vec<String>,
) -> Result<Asked, Problem> {
    let read = move || {
        let (queries, snapshot) = (queries()?, server.db.snapshot()?);
        if streams {
            return Ok(Asked::List(snapshot, stream::listed(queries, format)?));
        }
        let tag = server.tag(&snapshot, &queries, format.media().1);
        if held.contains(&tag) {
            return Ok(Asked::Known(tag));
        }
        Ok(Asked::Queries(snapshot, queries, tag))
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()))
}

/// Tags of answers that the caller holds.
fn held(headers: &HeaderMap) -> Vec<String> {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).map(|tag| tag.trim().to_string()).collect()
}

/// Asked again each time: what is answered may change with every event.
fn tagged(tag: &str) -> [(HeaderName, HeaderValue); 2] {
    let tag = HeaderValue::from_str(tag).unwrap_or(HeaderValue::from_static("\"\""));
    [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
}

fn one(
    server: &Shared,
    snapshot: &Snapshot,
    query: &Query,
    format: Format,
    watch: &Watch,
) -> Result<String, Problem> {
    let answers = watched(server, snapshot, std::slice::from_ref(query), watch);
    let answer = answers.into_iter().next();
    let answer = answer.unwrap_or_else(|| snapshot.query(query))?;
    watch.check()?;
    Ok(match format {
        Format::Json => answer.to_json_string(),
        Format::Rows => answer.to_table().to_json_lines(),
        Format::Csv => render_rows_csv(&answer.to_table()),
    })
}

/// Answers, and what became of them in the figures of the server.
fn watched(
    server: &Shared,
    snapshot: &Snapshot,
    queries: &[Query],
    watch: &Watch,
) -> Vec<daybit::Result<Answer>> {
    let started = Instant::now();
    let answers = snapshot.query_many_watched(queries, &|_, _| watch.goes_on());
    server.metrics.answered(queries, &answers, started.elapsed());
    answers
}

/// An array is answered by an array: each query alone may fail, in its place.
fn many(
    server: &Shared,
    snapshot: &Snapshot,
    parsed: Vec<daybit::Result<Query>>,
    format: Format,
    watch: &Watch,
) -> Result<String, Problem> {
    if format != Format::Json {
        let message = "several queries at once are answered as format json only";
        return Err(Problem::input(message));
    }
    let good: Vec<Query> = parsed.iter().filter_map(|q| q.as_ref().ok().cloned()).collect();
    let mut answers = watched(server, snapshot, &good, watch).into_iter();
    let answers = parsed.into_iter().filter_map(|query| match query {
        Ok(_) => answers.next(),
        Err(error) => Some(Err(error)),
    });
    let texts = answers.map(|answer| watch.check().map(|()| in_its_place(answer)));
    let texts: Vec<String> = texts.collect::<Result<_, Problem>>()?;
    Ok(format!("[{}]\n", texts.join(",\n ")))
}

fn in_its_place(answer: daybit::Result<Answer>) -> String {
    match answer {
        Ok(answer) => answer.to_json_string(),
        Err(error) => {
            let kind = told(error.kind()).1;
            json!({"error": error.to_string(), "kind": kind}).to_string()
        }
    }
}

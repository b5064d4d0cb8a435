//! A long list of people, sent page by page from one snapshot.

use super::ask::Format;
use super::limits::STREAM_PAGE;
use super::problem::Problem;
use super::shared::Shared;
use crate::table::render_rows_csv;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use daybit::{Queries, Query, Snapshot};
use futures_util::{StreamExt, stream};
use std::io;
use std::sync::Arc;

/// What is still to be sent.
struct Rest {
    server: Shared,
    snapshot: Snapshot,
    query: Arc<Query>,
    format: Format,
    after: Option<String>,
    is_first: bool,
}

/// The query of a list that can be sent as a stream.
pub fn listed(queries: Queries, format: Format) -> Result<Arc<Query>, Problem> {
    let Queries::One(query) = queries else {
        return Err(Problem::input("stream=true goes with one query of the report users"));
    };
    if format == Format::Json {
        return Err(Problem::input("stream=true goes with format=rows or csv"));
    }
    let fields = query.to_json();
    if fields["report"] != "users" {
        return Err(Problem::input("only the report users is streamed"));
    }
    if !fields["limit"].is_null() {
        return Err(Problem::input("stream=true sends all of the list: leave out limit"));
    }
    Ok(Arc::new(query.limit(STREAM_PAGE)))
}

/// Answers a query of the report `users` with all of the list, whatever its length. Each page is
/// work of its own at the desk.
pub async fn users(
    server: Shared,
    snapshot: Snapshot,
    query: Arc<Query>,
    format: Format,
) -> Result<Response, Problem> {
    let kind = format.media().0;
    let rest = Rest { server, snapshot, query, format, after: None, is_first: true };
    // Whatever is wrong shows in the first page, while its status can still be told.
    let (first, rest) = page(rest).await?;
    let others = stream::try_unfold(rest, |rest| async move {
        match rest {
            None => Ok(None),
            Some(rest) => page(rest).await.map(Some).map_err(|problem| broken(&problem)),
        }
    });
    let pages = stream::once(async { Ok(first) }).chain(others);
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(pages)).into_response())
}

/// The next page, and what is left after it.
async fn page(mut rest: Rest) -> Result<(Bytes, Option<Rest>), Problem> {
    let (query, after, snapshot) = (rest.query.clone(), rest.after.take(), rest.snapshot.clone());
    let answer = rest.server.desk.take(move |watch| {
        let query = Query::clone(&query);
        let query = after.into_iter().fold(query, Query::after);
        let watch = |_, _| watch.goes_on();
        snapshot.query_many_watched(std::slice::from_ref(&query), &watch).pop()
    });
    let answer = answer.await?.ok_or_else(|| Problem::input("there is no answer"))??;
    let text = match rest.format {
        Format::Csv => without_head(render_rows_csv(&answer.to_table()), rest.is_first),
        _ => answer.to_table().to_json_lines(),
    };
    rest.after = answer.next().map(str::to_owned);
    rest.is_first = false;
    let left = rest.after.is_some().then_some(rest);
    Ok((text.into(), left))
}

/// Breaks the connection off: the head with its 200 was sent long ago.
fn broken(problem: &Problem) -> io::Error {
    tracing::warn!(?problem, "a streamed list broke off");
    io::Error::other(format!("{problem:?}"))
}

/// The names of the columns stand above the first page only.
fn without_head(csv: String, is_first: bool) -> String {
    match csv.split_once('\n') {
        Some((_, rows)) if !is_first => rows.to_string(),
        _ => csv,
    }
}

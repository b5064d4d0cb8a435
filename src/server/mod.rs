//! The HTTP front end, `daybit serve`: questions, events in, and pages that draw them.
//!
//! A request's way: [`accept`] takes the connection and bounds its head, [`routes`] finds who
//! answers, the guard says whether it may pass, [`body`] reads it within its limits, and the work is
//! done on threads of its own: queries at the [desk](work::Desk), where each has its time and
//! memory. What goes wrong on the way is a [`problem::Problem`].

mod accept;
mod ask;
mod body;
pub mod command;
mod data;
mod guard;
mod intake;
mod limits;
mod metrics;
mod openapi;
mod problem;
mod send;
mod shared;
mod simple;
mod site;
mod stream;
pub mod tokens;
mod unpack;
mod upload;
mod work;

use accept::Peer;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use daybit::Db;
use problem::Problem;
use shared::{Server, Setup, Shared};
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokens::Keeper;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;

/// How often a server beside another process's writer looks for what that one has published.
const REFRESH_TIME: Duration = Duration::from_millis(500);

/// Serves the database until the process is told to end. `ready` is told the address.
pub fn serve(
    db: Arc<Db>,
    setup: Setup,
    tokens: Keeper,
    ready: impl FnOnce(std::net::SocketAddr) -> io::Result<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let connections = setup.limits.connections;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(setup.listen).await?;
        let address = listener.local_addr()?;
        let server = Arc::new(Server::new(db, Setup { listen: address, ..setup }, tokens));
        if server.needs_token() && server.keeper.look().all().is_empty() {
            tracing::warn!(
                "there is no token: /v1 and /metrics are refused until `daybit token create`"
            );
        }
        ready(address)?;
        if server.setup.read_only {
            tokio::spawn(refresh(server.clone()));
        }
        let router = layered(routes(), server);
        accept::accept(listener, router, connections, limits::ANSWER_TIME, told_to_end()).await;
        Ok(())
    });
    // Writes at work have their receipts by then, or never had one.
    runtime.shutdown_timeout(limits::FAREWELL_TIME);
    served
}

/// Ends when the process is told to.
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupted = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! { _ = interrupted => {}, _ = terminated.recv() => {} }
        }
        Err(_) => drop(interrupted.await),
    }
    tracing::info!("the server ends");
}

/// Moves on with what another process writes.
async fn refresh(server: Shared) {
    loop {
        tokio::time::sleep(REFRESH_TIME).await;
        let db = server.db.clone();
        match tokio::task::spawn_blocking(move || db.refresh()).await {
            Ok(Err(error)) => tracing::warn!(%error, "the database cannot be refreshed"),
            _ => tracing::trace!("refreshed"),
        }
    }
}

/// Who answers what.
fn routes() -> Router<Shared> {
    let api = Router::new()
        .route("/v1/query", get(ask::get).post(ask::post))
        .route("/v1/info", get(data::info))
        .route("/v1/events", post(send::post))
        .route("/v1/import", post(upload::post))
        .route("/healthz", get(data::health))
        .route("/metrics", get(metrics::get))
        .route("/openapi.json", get(openapi::get));
    site::routes(api).fallback(nothing_here).method_not_allowed_fallback(other_method)
}

/// What is around every answer, whoever gives it.
fn layered(routes: Router<Shared>, server: Shared) -> Router {
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(server.clone(), guarded))
        .layer(from_fn_with_state(server.clone(), told))
        .with_state(server)
}

async fn nothing_here(request: Request) -> Problem {
    let path = request.uri().path();
    Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path:?}"))
}

async fn other_method(request: Request) -> Problem {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!("{method} is not taken at {path:?}: see the header Allow");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

/// A mistake of ours costs one answer, not the process.
fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response {
    let message = "a mistake in daybit stopped this request; its words are in the server's log";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "panic", message).into_response()
}

/// Only those may pass whom the guard lets, and every answer says where it belongs.
async fn guarded(State(server): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_string();
    let checked = server.rules.check(request.method(), request.uri(), request.headers());
    let (passed, mut response) = match checked {
        Err(problem) => (guard::Passed::default(), problem.into_response()),
        Ok(passed) if guard::is_preflight(request.method(), &passed, request.headers()) => {
            (passed, guard::preflight().into_response())
        }
        Ok(passed) => (passed, admitted(&server, &path, request, next).await),
    };
    let status = response.status();
    guard::dress(&path, &passed, status, response.headers_mut());
    response
}

/// Lets a request through that has the token it needs.
async fn admitted(server: &Shared, path: &str, request: Request, next: Next) -> Response {
    let Some(scope) = guard::scope(path) else { return next.run(request).await };
    let tokens = server.tokens().await;
    if !server.needs_token() {
        return next.run(request).await;
    }
    match guard::check_token(&tokens, request.headers(), scope) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// A line of the log and the counts of each request.
async fn told(
    State(server): State<Shared>,
    peer: Option<Extension<Peer>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_string());
    let route = route.unwrap_or_else(|| "other".to_string());
    let method = request.method().clone();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    server.metrics.requested(&route, status, took);
    let peer = peer.map(|Extension(Peer(address))| address.to_string()).unwrap_or_default();
    let took_ms = took.as_secs_f64() * 1e3;
    tracing::info!(%method, route, status, took_ms, peer, "request");
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::{Body, to_bytes};
    use daybit::Options;
    use std::path::Path;
    use tower_service::Service;

    /// Panics where queries are answered.
    async fn breaks_a_query(State(server): State<Shared>) -> Result<String, Problem> {
        server.desk.take(|_| panic!("a mistake made by hand")).await
    }

    /// Panics where batches are written.
    async fn breaks_a_write(State(server): State<Shared>) -> Result<String, Problem> {
        server.intake.write(|| panic!("a mistake made by hand")).await
    }

    async fn breaks_at_once() -> String {
        panic!("a mistake made by hand")
    }

    fn server(folder: &Path) -> Shared {
        let limits = limits::Limits {
            connections: 1,
            body_bytes: 1,
            expanded_bytes: 1,
            import_bytes: 1,
            body_time: Duration::from_secs(1),
            query_time: Duration::from_secs(60),
            query_bytes: 1 << 30,
            queries_at_once: 1,
            ahead_hours: 0,
            behind_days: None,
        };
        let setup = Setup {
            path: folder.to_path_buf(),
            listen: ([127, 0, 0, 1], 8750).into(),
            hosts: Vec::new(),
            origins: Vec::new(),
            needs_token: false,
            read_only: false,
            limits,
        };
        let db = Db::create(folder.join("db"), Options::new()).unwrap();
        Arc::new(Server::new(Arc::new(db), setup, Keeper::open(folder).unwrap()))
    }

    /// What a path answers: status, words, and whether the guard saw it on its way out.
    async fn answer(router: &Router, path: &str) -> (u16, String, bool) {
        let request = Request::get(path).header("Host", "127.0.0.1:8750").body(Body::empty());
        let answer = router.clone().call(request.unwrap()).await.unwrap();
        let is_dressed = answer.headers().contains_key("x-content-type-options");
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap(), is_dressed)
    }

    #[test]
    fn a_panic_costs_one_answer() {
        let folder = tempfile::tempdir().unwrap();
        let routes = routes()
            .route("/breaks/query", get(breaks_a_query))
            .route("/breaks/write", get(breaks_a_write))
            .route("/breaks/at-once", get(breaks_at_once));
        let router = layered(routes, server(folder.path()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // The desk's one turn is given back, or the next query would wait for it.
        for path in ["/breaks/query", "/breaks/query", "/breaks/write", "/breaks/at-once"] {
            let (status, body, is_dressed) = runtime.block_on(answer(&router, path));
            assert!(status == 500 && is_dressed, "{path}: {status} {body}");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["kind"], "panic", "{path}");
        }
        assert_eq!(runtime.block_on(answer(&router, "/v1/info")).0, 200);
        let counted = "daybit_requests_total{route=\"/breaks/query\",status=\"500\"} 2";
        let metrics = runtime.block_on(answer(&router, "/metrics")).1;
        assert!(metrics.contains(counted), "{metrics}");
    }
}

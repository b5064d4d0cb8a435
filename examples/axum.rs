//! daybit inside an axum application of your own: `cargo run --features server --example axum`, then
//! `curl http://127.0.0.1:8751/buy/anna/12.50` and `curl http://127.0.0.1:8751/figures`.

#![allow(clippy::print_stdout)]

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use daybit::{Bucket, Db, Decimal, Event, Measure, Options, Query};
use std::sync::Arc;

/// What went wrong, as an answer.
type Failure = (StatusCode, String);

fn failure(error: impl std::fmt::Display) -> Failure {
    (StatusCode::BAD_REQUEST, error.to_string())
}

/// daybit blocks its thread for the disk and for the scan: such work goes off the async threads.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> daybit::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(failure)?.map_err(failure)
}

async fn buy(
    State(db): State<Arc<Db>>,
    Path((user, price)): Path<(String, String)>,
) -> Result<String, Failure> {
    let price: Decimal = price.parse().map_err(failure)?;
    let event = Event::new(user, "purchase").with("price", price);
    let receipt = apart(move || db.writer()?.write(event)).await?;
    Ok(format!("{} stored\n", receipt.accepted))
}

async fn figures(State(db): State<Arc<Db>>) -> Result<String, Failure> {
    let query = Query::value("purchase", Measure::Sum).property("price").by(Bucket::Month);
    Ok(apart(move || db.query(&query)).await?.to_json_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("daybit-axum-{}", std::process::id()));
    let db = Arc::new(Db::create(&folder, Options::new())?);
    let app = Router::new()
        .route("/buy/{user}/{price}", get(buy))
        .route("/figures", get(figures))
        .with_state(db);
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8751".to_string());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

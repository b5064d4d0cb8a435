//! Connections: taken, bounded in number, head and time, and ended politely.

use super::limits::{FAREWELL_TIME, HEAD_BYTES_MAX, HEAD_TIME, HEADERS_MAX};
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Answered where every connection is taken, without reading what is asked.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
Content-Type: application/json\r\nContent-Length: 51\r\n\r\n\
{\"error\":\"every connection is taken\",\"kind\":\"busy\"}";

/// Serves connections until `stop`, then lets those at work end. Whoever takes no part of an answer
/// for `answer_time` is let go.
pub async fn accept(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    answer_time: Duration,
    stop: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(connections_max));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match (accepted, connections.clone().try_acquire_owned()) {
            (Ok((stream, peer)), Ok(permit)) => {
                let mut stream = TimeoutStream::new(stream);
                stream.set_write_timeout(Some(answer_time));
                serve(stream, peer, router.clone(), permit, &graceful);
            }
            (Ok((stream, _)), Err(_)) => drop(tokio::spawn(send_away(stream))),
            // Most likely every file handle is taken: others must end first.
            (Err(cause), _) => {
                tracing::warn!(%cause, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still at work when the server stopped");
    }
}

/// Serves one connection.
fn serve(
    stream: TimeoutStream<TcpStream>,
    peer: SocketAddr,
    router: Router,
    permit: OwnedSemaphorePermit,
    graceful: &GracefulShutdown,
) {
    // An answer's last bytes must not wait for an acknowledgement; without it they are only later.
    let _ = stream.get_ref().set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(cause) = connection.await {
            tracing::debug!(%peer, %cause, "a connection broke off");
        }
        drop(permit);
    });
}

async fn send_away(mut stream: TcpStream) {
    let told = tokio::time::timeout(Duration::from_secs(1), stream.write_all(FULL)).await;
    if let Ok(Ok(())) = told {
        // Unless the connection is ended in order, the answer may be lost with it.
        let _ = stream.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::routing::get;
    use std::io::{Read, Write};
    use std::time::Instant;

    #[test]
    fn the_answer_of_a_full_server_is_as_long_as_it_says() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["kind"], "busy");
    }

    /// Asks at a blocking socket; the answer's status.
    fn status(address: SocketAddr, path: &str) -> Option<u16> {
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
    }

    #[test]
    fn who_does_not_read_its_answer_is_let_go() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        // More than the buffers between the two take.
        let router = Router::new()
            .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
            .route("/small", get(|| async { "small" }));
        // Long enough that a slow machine finds the connection taken.
        let answer_time = Duration::from_secs(2);
        let stop = std::future::pending();
        runtime.spawn(accept(listener, router, 1, answer_time, stop));
        while status(address, "/small") != Some(200) {}
        let mut idle = std::net::TcpStream::connect(address).unwrap();
        idle.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        idle.read_exact(&mut [0]).unwrap();
        assert_eq!(status(address, "/small"), Some(503), "the one connection is taken");
        let until = Instant::now() + Duration::from_secs(60);
        while status(address, "/small") != Some(200) {
            assert!(Instant::now() < until, "the connection is still taken");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

//! The dashboard's pages and files, all of them in the binary.

use super::problem::Problem;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

#[derive(RustEmbed)]
#[folder = "src/server/site"]
struct Files;

/// The pages: all are one file, whose script draws what the address says.
pub const PAGES: [&str; 9] = [
    "/",
    "/growth",
    "/retention",
    "/funnels",
    "/paths",
    "/revenue",
    "/frequency",
    "/explore",
    "/data",
];

/// Files that were compressed, by their names: there are only so many.
static COMPRESSED: Mutex<BTreeMap<String, &'static [u8]>> = Mutex::new(BTreeMap::new());

/// Routes of the pages and of their files.
pub fn routes<S: Clone + Send + Sync + 'static>(mut router: Router<S>) -> Router<S> {
    for page in PAGES {
        router = router.route(page, routing::get(|headers| file(headers, "index.html".into())));
    }
    router
        .route("/api", routing::get(|headers| file(headers, "try.html".into())))
        .route("/robots.txt", routing::get(|headers| file(headers, "robots.txt".into())))
        .route("/assets/{*name}", routing::get(|headers, Path(name)| file(headers, name)))
}

/// A file of the site. The name is looked up among those in the binary; it is no path.
async fn file(headers: HeaderMap, name: String) -> Result<Response, Problem> {
    let Some(file) = Files::get(&name) else {
        let message = format!("there is no file {name:?}");
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    let takes_gzip = takes_gzip(&headers);
    let tag = tag(&file, takes_gzip);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag);
    let kind = HeaderValue::from_static(media(&name));
    let cached = HeaderValue::from_static("no-cache");
    let vary = HeaderValue::from_static("Accept-Encoding");
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, cached),
        (header::VARY, vary),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    if takes_gzip && let Some(small) = compressed(&name, &file) {
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        return Ok((head, encoding, small).into_response());
    }
    Ok((head, file.data.into_owned()).into_response())
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok());
    accepted.is_some_and(|accepted| accepted.split(',').any(|one| one.trim() == "gzip"))
}

fn tag(file: &EmbeddedFile, gzip: bool) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{digits}{}\"", if gzip { "-gzip" } else { "" });
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The file compressed, once for all callers; `None` where that does not pay.
fn compressed(name: &str, file: &EmbeddedFile) -> Option<&'static [u8]> {
    let Cow::Borrowed(bytes) = file.data else { return None };
    let mut known = COMPRESSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(small) = known.get(name) {
        return Some(small);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    let small: &'static [u8] = encoder.finish().ok()?.leak();
    known.insert(name.to_string(), small);
    Some(small)
}

fn media(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_files_of_the_binary_have_names() {
        assert!(Files::get("robots.txt").is_some());
        for name in ["../mod.rs", "/etc/passwd", "./robots.txt", "site/robots.txt", "", "%2e%2e"] {
            assert!(Files::get(name).is_none(), "{name}");
        }
    }
}

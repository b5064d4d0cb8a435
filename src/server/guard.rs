//! Who may pass: the Host that is asked, the page that asks, and the token that it brings; and the
//! headers that keep an answer where it belongs.
//!
//! A page of another site can make a browser send requests here. It is kept out by what the browser
//! says of it (`Origin`, `Sec-Fetch-Site`), and a name of its own that points here by the list of
//! hosts.

use super::limits::HEAD_BYTES_MAX;
use super::problem::Problem;
use super::tokens::{Scope, Tokens};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use std::net::SocketAddr;

/// Names of this machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What every answer says.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What a page of a named origin may send, and see of an answer.
const CORS_METHODS: &str = "GET, POST, OPTIONS";
const CORS_SENT: &str =
    "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match";
const CORS_SEEN: &str = "ETag, Retry-After";
const CORS_SECONDS: &str = "600";

/// Hosts by which the server may be asked, and pages of others that may ask it.
#[derive(Debug, Clone)]
pub struct Rules {
    /// With a port: that one; without: any.
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// What the guard found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// A page of this other origin asks: the answer has to say that it may.
    pub origin: Option<HeaderValue>,
}

impl Rules {
    /// The rules of a server that listens there. `hosts` are further names of it, `origins` pages
    /// elsewhere that may ask, as a browser writes them: `https://charts.example`.
    pub fn new(listen: SocketAddr, hosts: &[String], origins: &[String]) -> Rules {
        let mut all: Vec<String> = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        all.push(listen.to_string());
        if listen.ip().is_loopback() || listen.ip().is_unspecified() {
            all.extend(LOOPBACK.map(str::to_owned));
        }
        let origins = origins.iter().map(|origin| origin.to_ascii_lowercase()).collect();
        Rules { hosts: all, origins }
    }

    /// May a request with this head pass, as far as it is told where it comes from?
    pub fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Passed, Problem> {
        check_size(method, uri, headers)?;
        let host = self.host(uri, headers)?;
        let origin = only(headers, &header::ORIGIN, "Origin")?;
        match origin {
            Some(origin) if !is_own(origin, &host) => {
                let named = origin.to_str().is_ok_and(|text| self.names(text));
                let passed = Passed { origin: Some(origin.clone()) };
                if named { Ok(passed) } else { Err(from_elsewhere(origin)) }
            }
            _ => {
                check_site(method, uri, headers)?;
                Ok(Passed::default())
            }
        }
    }

    fn names(&self, origin: &str) -> bool {
        self.origins.iter().any(|named| *named == origin.to_ascii_lowercase())
    }

    /// The host that is asked, if it is one of the server's.
    fn host(&self, uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
        let Some(host) = only(headers, &header::HOST, "Host")? else {
            return Err(Problem::input("the header Host is missing"));
        };
        let asked = String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase();
        for host in
            [Some(asked.as_str()), uri.authority().map(|a| a.as_str())].into_iter().flatten()
        {
            let host = host.to_ascii_lowercase();
            if !self.hosts.iter().any(|known| *known == host || *known == without_port(&host)) {
                return Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "host",
                    format!("this server is not asked as {host:?}: start it with --host NAME"),
                ));
            }
        }
        Ok(asked)
    }
}

/// The buffer that a head is read into may hold more than a head may have.
fn check_size(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let first = method.as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    let lines =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let bytes = first + lines.sum::<usize>() + "\r\n".len();
    if bytes <= HEAD_BYTES_MAX {
        return Ok(());
    }
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let message = format!("the head has {bytes} bytes; at most {HEAD_BYTES_MAX} are read");
    Err(Problem::new(status, "limit", message))
}

/// The only header of a name; two may mean one thing to us and another to somebody before us.
fn only<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    what: &str,
) -> Result<Option<&'h HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(Problem::input(format!("the header {what} is given twice"))),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Is the page one of the host that it asks? Somebody before the server may have unwrapped TLS.
fn is_own(origin: &HeaderValue, host: &str) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let origin = origin.to_ascii_lowercase();
    let plain = origin.strip_prefix("http://").map(|name| (name, ":80"));
    let own = plain.or_else(|| origin.strip_prefix("https://").map(|name| (name, ":443")));
    own.is_some_and(|(name, port)| name == host.strip_suffix(port).unwrap_or(host))
}

fn from_elsewhere(origin: &HeaderValue) -> Problem {
    let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
    let message = format!(
        "a page of {origin:?} must not ask this server: start it with --allow-origin ORIGIN if it may"
    );
    Problem::new(StatusCode::FORBIDDEN, "origin", message)
}

/// What a browser says of the page that asks. Links to the pages are followed from anywhere.
fn check_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let site = only(headers, &HeaderName::from_static("sec-fetch-site"), "Sec-Fetch-Site")?;
    let Some(site) = site else { return Ok(()) };
    if site == "same-origin" || site == "none" {
        return Ok(());
    }
    let mode = only(headers, &HeaderName::from_static("sec-fetch-mode"), "Sec-Fetch-Mode")?;
    let is_page = !uri.path().starts_with("/v1/") && method == Method::GET;
    if is_page && mode.is_some_and(|mode| mode == "navigate") {
        return Ok(());
    }
    let message = "a page of another site must not ask this server: start it with \
                   --allow-origin ORIGIN if it may";
    Err(Problem::new(StatusCode::FORBIDDEN, "origin", message))
}

/// What a token must be good for; `None` where none is needed: pages, their files, the description,
/// and whether the process lives.
pub fn scope(path: &str) -> Option<Scope> {
    match path {
        "/v1/events" | "/v1/import" => Some(Scope::Write),
        "/metrics" => Some(Scope::Read),
        _ => path.starts_with("/v1/").then_some(Scope::Read),
    }
}

/// Has the request a token that is good for this?
pub fn check_token(tokens: &Tokens, headers: &HeaderMap, scope: Scope) -> Result<(), Problem> {
    let unknown = |message: &str| Problem::new(StatusCode::UNAUTHORIZED, "token", message);
    let Ok(Some(given)) = only(headers, &header::AUTHORIZATION, "Authorization") else {
        return Err(unknown(
            "a token is needed: make one with `daybit token create` and send it once, as \
             Authorization: Bearer TOKEN",
        ));
    };
    let token = bearer(given.as_bytes()).and_then(|secret| tokens.find(secret));
    let Some(token) = token else {
        return Err(unknown("the token is not one of this database, or was revoked"));
    };
    if token.scopes.contains(&scope) {
        return Ok(());
    }
    let (name, scope) = (&token.name, scope.name());
    let message = format!("the token {name:?} may not {scope}: make one with --scope {scope}");
    Err(Problem::new(StatusCode::FORBIDDEN, "scope", message))
}

fn bearer(given: &[u8]) -> Option<&[u8]> {
    let (scheme, secret) = given.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| secret.trim_ascii())
}

/// Says on an answer what a browser may do with it.
pub fn dress(path: &str, passed: &Passed, status: StatusCode, headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if path.starts_with("/v1/") && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(origin) = &passed.origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let seen = HeaderValue::from_static(CORS_SEEN);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, seen);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

/// Does a browser ask whether a page of a named origin may ask?
pub fn is_preflight(method: &Method, passed: &Passed, headers: &HeaderMap) -> bool {
    let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    method == Method::OPTIONS && passed.origin.is_some() && asks
}

/// The answer to that.
pub fn preflight() -> (StatusCode, [(HeaderName, &'static str); 3]) {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, CORS_METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, CORS_SENT),
        (header::ACCESS_CONTROL_MAX_AGE, CORS_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers)
}

#[cfg(test)]
mod tests;

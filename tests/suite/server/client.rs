//! A small HTTP client: it can also send what no proper one would.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// However slow the machine, an answer that takes as long will not come.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    has_host: bool,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Request {
        let (method, path) = (method.to_string(), path.to_string());
        Request { method, path, headers: Vec::new(), body: Vec::new(), has_host: false }
    }

    pub fn get(path: &str) -> Request {
        Request::new("GET", path)
    }

    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Request {
        let body = body.into();
        let length = body.len().to_string();
        Request { body, ..Request::new("POST", path) }.header("Content-Length", &length)
    }

    pub fn json(path: &str, body: &Json) -> Request {
        Request::post(path, body.to_string()).header("Content-Type", "application/json")
    }

    pub fn lines(path: &str, body: impl Into<Vec<u8>>) -> Request {
        Request::post(path, body).header("Content-Type", "application/x-ndjson")
    }

    /// The body in chunks, its length untold.
    pub fn chunked(path: &str, body: &[u8]) -> Request {
        let mut chunks = Vec::new();
        for chunk in body.chunks(60_000) {
            chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        Request { body: chunks, ..Request::new("POST", path) }
            .header("Transfer-Encoding", "chunked")
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.has_host |= name == "Host";
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// As it goes over the wire.
    pub fn bytes(&self, port: u16) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.has_host {
            head.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
        }
        head.push_str("Connection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

impl Answer {
    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The status, and the words that say what is wrong.
    pub fn problem(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap().to_string())
    }
}

pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn send(port: u16, request: &Request) -> Answer {
    let bytes = raw(port, &request.bytes(port));
    read(&bytes).unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)))
}

/// `None` where nobody is there, or goes before it has answered.
pub fn try_send(port: u16, request: &Request) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(&request.bytes(port)).ok()?;
    let answer = read(&rest(stream))?;
    let told = answer.header("content-length").and_then(|length| length.parse().ok());
    told.is_none_or(|length: usize| length == answer.body.len()).then_some(answer)
}

/// Sends these bytes; everything that comes back until the other end closes.
pub fn raw(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    // It may answer and close before it has all.
    let _ = stream.write_all(bytes);
    rest(stream)
}

/// Everything that still comes.
pub fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    // What came before the connection was reset is an answer all the same.
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// The first answer among these bytes.
pub fn read(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_string(), v.to_string()));
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = joined(&answer.body)?;
    }
    Some(answer)
}

fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let length = std::str::from_utf8(&chunks[..end]).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunks.get(end + 2..end + 2 + length)?);
        chunks = chunks.get(end + 4 + length..)?;
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

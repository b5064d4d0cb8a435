//! Many clients at once over HTTP: some write batches, others ask meanwhile.
//!
//!     cargo bench --bench server --features server -- [--seconds N] [--users N] [--writers N]
//!         [--readers N] [--dir FOLDER] [--write docs/benchmarks.md]
//!
//! A server process of its own, of seven months of events, and a thread for each client, which keeps
//! its connection. Writers send batches of 1, 100 and 1,000 events as fast as they get receipts,
//! readers ask five questions in turn. `--seconds` is for each line (default: 5). Clients and server
//! share the machine's cores.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::page::{Page, grouped, machine, shown_ms};
use support::shop::{LAST_DAY, Row, fill};
use support::{argument, number, percentile};

const BATCHES: [u64; 3] = [1, 100, 1_000];
/// 2024-06-01.
const FIRST_DAY: i64 = 19_875;

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
}

/// A server of a database, ended with it.
struct Served {
    process: Child,
    address: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Served {
    fn new(db: &Path) -> Served {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybit"));
        command.arg("serve").arg(db).args(["--listen", "127.0.0.1:0", "--quiet"]);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_string();
        Served { process, address }
    }

    /// The most memory that the server had so far, in MiB.
    fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        kib.unwrap_or_default() >> 10
    }
}

impl Client {
    fn new(address: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    /// Sends a body; the status, and the answer's text.
    fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n");
        let request = format!("{head}Content-Type: application/json\r\n\r\n{body}");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut bytes) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            let line = line.trim().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            }
            if let Some(length) = line.strip_prefix("content-length: ") {
                bytes = length.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; bytes];
        self.stream.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

/// What the clients of one kind saw.
#[derive(Default)]
struct Seen {
    times: Vec<Duration>,
    sent_away: u64,
}

/// A batch as it is sent.
fn batch(source: &AtomicU64, events: u64, users: u64) -> String {
    let first = source.fetch_add(events, Ordering::Relaxed);
    let rows = (first..first + events).map(|number| {
        let row = Row::live(number, users);
        let time = chrono::DateTime::from_timestamp_millis(row.time).unwrap().to_rfc3339();
        json!({"user": row.id(), "activity": row.activity(), "time": time,
               "country": row.country(), "platform": row.platform(), "value": row.value})
    });
    Json::from(rows.collect::<Vec<Json>>()).to_string()
}

fn questions() -> Vec<String> {
    let all = [
        json!({"report": "active", "by": "day", "trailing": 28}),
        json!({"report": "growth", "by": "week"}),
        json!({"report": "retention", "by": "month"}),
        json!({"report": "funnel", "steps": ["search", "add_to_cart", "purchase"], "from": "-30d"}),
        json!({"report": "value", "event": "purchase", "measure": "sum", "property": "value",
               "by": "week", "breakdown": ["country"], "top": 5}),
    ];
    all.iter().map(Json::to_string).collect()
}

/// A client at work until the time is over.
fn work(address: &str, until: Instant, path: &str, mut body: impl FnMut() -> String) -> Seen {
    let (mut client, mut seen) = (Client::new(address), Seen::default());
    while Instant::now() < until {
        let body = body();
        let started = Instant::now();
        match client.post(path, &body) {
            (200, _) => seen.times.push(started.elapsed()),
            (429, _) => {
                seen.sent_away += 1;
                std::thread::sleep(Duration::from_secs(1));
            }
            other => panic!("{other:?}"),
        }
    }
    seen
}

fn together(all: Vec<Seen>) -> Seen {
    let sent_away = all.iter().map(|seen| seen.sent_away).sum();
    Seen { times: all.into_iter().flat_map(|seen| seen.times).collect(), sent_away }
}

struct Arguments {
    each: Duration,
    users: u64,
    writers: u64,
    readers: u64,
}

/// One line: so many clients for some seconds, each writer with batches of so many events.
fn case(page: &mut Page, served: &Served, arguments: &Arguments, source: &AtomicU64, events: u64) {
    let until = Instant::now() + arguments.each;
    let address = &served.address;
    let (mut wrote, mut read) = std::thread::scope(|scope| {
        let write =
            || work(address, until, "/v1/events", || batch(source, events, arguments.users));
        let ask = |first: u64| {
            let (questions, mut next) = (questions(), first as usize);
            work(address, until, "/v1/query", move || {
                next += 1;
                questions[next % questions.len()].clone()
            })
        };
        let writers: Vec<_> = (0..arguments.writers).map(|_| scope.spawn(write)).collect();
        let readers: Vec<_> =
            (0..arguments.readers).map(|first| scope.spawn(move || ask(first))).collect();
        let join = |threads: Vec<std::thread::ScopedJoinHandle<'_, Seen>>| {
            together(threads.into_iter().map(|thread| thread.join().unwrap()).collect())
        };
        (join(writers), join(readers))
    });
    let shown = |seen: &mut Seen, percent| match seen.times.is_empty() {
        true => "-".to_string(),
        false => shown_ms(percentile(&mut seen.times, percent).as_secs_f64() * 1e3),
    };
    let seconds = arguments.each.as_secs_f64();
    let per_second = grouped(wrote.times.len() as f64 * events as f64 / seconds);
    let [w50, w99, most] = [50, 99, 100].map(|percent| shown(&mut wrote, percent));
    let [r50, r99] = [50, 99].map(|percent| shown(&mut read, percent));
    page.line(format!(
        "| {} | {} | {} | {per_second} | {w50} | {w99} | {most} | {} | {} | {r50} | {r99} | {} |",
        arguments.writers,
        arguments.readers,
        grouped(events as f64),
        wrote.sent_away,
        grouped(read.times.len() as f64 / seconds),
        served.peak_mib()
    ));
}

fn main() {
    let of_flags = Arguments {
        each: Duration::from_secs(number("--seconds", 5)),
        users: number("--users", 10_000),
        writers: number("--writers", 100),
        readers: number("--readers", 4),
    };
    let dir = argument("--dir").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(dir).unwrap();
    let db = folder.path().join("server.db");
    let before = machine();
    let held = fill(&db, of_flags.users, FIRST_DAY..LAST_DAY);
    let mut page = Page::default();
    page.line(format!(
        "{before}; {} events there, `--seconds {}`.",
        grouped(held as f64),
        of_flags.each.as_secs()
    ));
    page.line("");
    page.line(
        "| writers | readers | batch | events/s | receipt p50, ms | p99, ms | most, ms | sent away \
         | answers/s | answer p50, ms | p99, ms | peak, MiB |",
    );
    page.line("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let served = Served::new(&db);
    let source = AtomicU64::new(0);
    let quiet = Arguments { writers: 0, ..of_flags };
    case(&mut page, &served, &quiet, &source, 1);
    for events in BATCHES {
        case(&mut page, &served, &of_flags, &source, events);
    }
    page.write_if_asked("server");
}

//! `docs/http.md`, the example of an application's own server and Grafana's panels: what they show is
//! what happens.

use super::support::folder;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The address on the page.
const ADDRESS: &str = "http://127.0.0.1:8750";

/// A process that serves, until it is dropped.
struct Served {
    process: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a program that prints where it listens.
fn served(command: &mut Command) -> Served {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap_or_default().to_string();
    assert!(url.starts_with("http://"), "{line:?}");
    Served { process, url }
}

fn daybit() -> Command {
    Command::new(env!("CARGO_BIN_EXE_daybit"))
}

/// A server of a new database.
fn serve(folder: &Path) -> Served {
    let db = folder.join("shop.db");
    assert!(daybit().arg("create").arg(&db).stdout(Stdio::null()).status().unwrap().success());
    served(daybit().arg("serve").arg(&db).args(["--listen", "127.0.0.1:0", "--quiet"]))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a line of the shell with the server's own address.
fn run(line: &str, url: &str) -> String {
    let line = line.replace(ADDRESS, url).replace("curl ", "curl -sS ");
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Is the text what was expected, where dots stand for anything?
fn is_like(text: &str, expected: &str) -> bool {
    let mut parts = expected.trim().split("...");
    let Some(mut rest) = parts.next().and_then(|first| text.trim().strip_prefix(first)) else {
        return false;
    };
    let mut ends_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        ends_open = part.is_empty();
    }
    rest.is_empty() || ends_open
}

#[test]
fn dots_stand_for_anything_else() {
    assert!(is_like("abc", "abc"));
    assert!(is_like("a-b-c", "a...c"));
    assert!(is_like("a-b-c", "a..."));
    assert!(!is_like("abcd", "abc"));
    assert!(!is_like("a-b-c", "a...d"));
    assert!(!is_like("xabc", "abc"));
}

#[test]
fn every_line_of_the_page_does_what_it_says() {
    let folder = folder();
    let served = serve(folder.path());
    let page = fs::read_to_string(root().join("docs/http.md")).unwrap();
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let mut asked = 0;
    for pair in blocks.windows(2) {
        let Some(line) = pair[0].strip_prefix("sh\n").filter(|line| line.contains("curl ")) else {
            continue;
        };
        let expected = pair[1].split_once('\n').unwrap().1;
        let text = run(line, &served.url);
        assert!(is_like(&text, expected), "{line}\nanswers\n{text}\nnot\n{expected}");
        asked += 1;
    }
    assert!(asked >= 10, "{asked} lines were run");
}

#[test]
fn every_panel_of_grafana_asks_what_the_server_answers() {
    let folder = folder();
    let served = serve(folder.path());
    let events = r#"[{"user":"a","activity":"purchase","time":"2024-03-01","price":1.5}]"#;
    run(&format!("curl {ADDRESS}/v1/events --json '{events}'"), &served.url);
    let text = fs::read_to_string(root().join("examples/grafana/dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let target = &panel["targets"][0];
        let url = target["url"].as_str().unwrap();
        let url = url.replace("${__from:date:YYYY-MM-DD}", "2024-02-01");
        let url = url.replace("${__to:date:YYYY-MM-DD}", "2024-04-01");
        let csv = run(&format!("curl '{url}'"), &served.url);
        let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        for column in target["columns"].as_array().unwrap() {
            let name = column["selector"].as_str().unwrap();
            assert!(head.contains(&name), "{url}: {name} is not in {head:?}");
        }
        assert!(csv.lines().count() > 1, "{url}: {csv}");
    }
}

#[test]
fn an_application_serves_its_own_figures() {
    let example = Path::new(env!("CARGO_BIN_EXE_daybit")).with_file_name("examples").join("axum");
    if !example.exists() {
        eprintln!("skipped: {} was not built; `cargo test` builds it", example.display());
        return;
    }
    let served = served(Command::new(example).arg("127.0.0.1:0"));
    assert_eq!(run(&format!("curl {ADDRESS}/buy/anna/12.50"), &served.url), "1 stored\n");
    assert_eq!(run(&format!("curl {ADDRESS}/buy/ben/0.75"), &served.url), "1 stored\n");
    let text = run(&format!("curl {ADDRESS}/figures"), &served.url);
    assert!(text.contains("\"value\":[13.25]"), "{text}");
}

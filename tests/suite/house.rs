//! The style of the house, held by a test: imports point down, functions and files stay small,
//! `unsafe` lives in one file, nothing is left over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, from the front door down. A file imports from its own room or from rooms further
/// down.
const ROOMS: [&str; 22] = [
    "lib",
    "internals",
    "db",
    "server",
    "cli",
    "import",
    "report",
    "query",
    "scan",
    "write",
    "snapshot",
    "memtable",
    "day",
    "first",
    "users",
    "catalog",
    "wal",
    "codec",
    "fs",
    "time",
    "event",
    "error",
];

const LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const FUNCTION_LINES_MEDIAN_MAX: usize = 12;
/// The formatter does not count a trailing comma.
const COLUMNS_MAX: usize = 101;
const STRING_COLUMNS_MAX: usize = 140;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    ["src", "tests", "benches", "examples", "fuzz/src"]
        .into_iter()
        .filter(|f| root().join(f).is_dir())
        .flat_map(|f| if has_sources(f) { sources(f) } else { Vec::new() })
        .collect()
}

fn has_sources(folder: &str) -> bool {
    fn any(path: &Path) -> bool {
        fs::read_dir(path).unwrap().any(|e| {
            let path = e.unwrap().path();
            if path.is_dir() { any(&path) } else { path.extension().is_some_and(|e| e == "rs") }
        })
    }
    any(&root().join(folder))
}

/// The part of a file before its tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

/// Tests may look at every room.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
}

fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix("src").ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_string())
}

fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

/// Rooms that a line names after `crate::`.
fn named_rooms(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    })
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (path, text) in sources("src").into_iter().filter(|(path, _)| !is_test(path)) {
        let own = room(&path).unwrap();
        let Some(own_floor) = floor(&own) else { continue };
        for line in code(&text).lines().filter(|l| !l.trim_start().starts_with("//")) {
            for other in named_rooms(line) {
                let up = floor(other).is_some_and(|f| f < own_floor);
                let file = path.to_string_lossy().to_string();
                if up && other != own {
                    wrong.push(format!("{file}: {own} imports from {other}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_has_a_floor() {
    for (path, _) in sources("src") {
        let room = room(&path).unwrap();
        assert!(room == "limits" || floor(&room).is_some(), "{} has no floor", path.display());
    }
}

#[test]
fn files_and_lines_stay_small() {
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
        for (number, line) in text.lines().enumerate() {
            // A string is not broken by the formatter either.
            let bound = if line.contains('"') { STRING_COLUMNS_MAX } else { COLUMNS_MAX };
            let wide = line.chars().count() > bound && !line.contains("http");
            assert!(!wide, "{}:{} is too wide", path.display(), number + 1);
        }
    }
}

/// Lines of each function: from its `fn` to the brace that closes it at the same depth.
fn function_lengths(text: &str) -> Vec<(usize, usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let head = line.trim_start();
        let Some(name) = function_name(head) else { continue };
        let depth = line.len() - head.len();
        let closing = format!("{}}}", " ".repeat(depth));
        let end =
            lines.iter().skip(start).position(|l| l.starts_with(&closing) || ends_here(l, head));
        found.push((start + 1, end.unwrap_or(0) + 1, name.to_string()));
    }
    found
}

fn ends_here(line: &str, head: &str) -> bool {
    line.trim_start() == head
        && (head.ends_with(';') || (head.contains('{') && head.ends_with('}')))
}

fn function_name(head: &str) -> Option<&str> {
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe "];
    let mut rest = head;
    while let Some(word) = words.iter().find(|w| rest.starts_with(**w)) {
        rest = &rest[word.len()..];
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

#[test]
fn functions_stay_small() {
    let mut lengths = Vec::new();
    for (path, text) in all_sources() {
        for (line, length, name) in function_lengths(&text) {
            let place = format!("{}:{line}", path.display());
            assert!(length <= FUNCTION_LINES_MAX, "{place} {name} has {length} lines");
            lengths.push(length);
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= FUNCTION_LINES_MEDIAN_MAX, "the median function has {median} lines");
}

#[test]
fn unsafe_lives_in_one_file() {
    for (path, text) in sources("src") {
        let lines = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        let uses = lines.filter(|l| l.contains("unsafe {") || l.contains("unsafe fn"));
        assert!(
            path == Path::new("src/fs/map.rs") || uses.count() == 0,
            "{} has unsafe code",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_over() {
    // Written in halves, so that this file does not find itself.
    let marks =
        [["TO", "DO"], ["FIX", "ME"], ["todo", "!("], ["unimplemented", "!("], ["dbg", "!("]];
    for (path, text) in all_sources() {
        for mark in marks.map(|halves| halves.concat()) {
            assert!(!text.contains(&mark), "{} has a left-over {mark}", path.display());
        }
    }
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "src",
        "tests",
        "benches",
        "docs",
        "examples",
        "fuzz",
        "rustfmt.toml",
        "clippy.toml",
        "target",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().to_string();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "{name} at the top level"
        );
    }
}

#[test]
fn the_lean_library_stays_small() {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--no-default-features",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        *crates.entry(line.split(" (").next().unwrap()).or_default() += 1;
    }
    assert!(crates.len() > 10, "cargo tree answered: {text}");
    assert!(crates.len() <= 50, "{} crates: {:?}", crates.len(), crates.keys());
}

//! The server as its callers meet it: the real command, through a real socket.

mod asks;
mod busy;
mod client;
mod command;
mod ending;
mod events;
mod full;
mod guard;
mod heads;
mod imports;
mod memory;
mod slow;
mod survival;
mod tokens;
mod worst;

use crate::support::folder;
use client::{Answer, Request};
use serde_json::Value as Json;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A database in a folder of its own.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Place {
        let place = Place(folder());
        place.run(&["create", "db"]);
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn db(&self) -> PathBuf {
        self.path().join("db")
    }

    /// Runs a command that must succeed; answers its output.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail; answers its exit code and complaint.
    pub fn fail(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?} succeeded");
        (output.status.code().unwrap(), complaint)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daybit"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Serves the database on a free port.
    pub fn serve(&self, flags: &[&str]) -> Served {
        self.serve_on("127.0.0.1:0", flags)
    }

    pub fn serve_on(&self, listen: &str, flags: &[&str]) -> Served {
        self.start(self.command(&["serve", "db", "--listen", listen]).args(flags))
    }

    /// Starts a command that serves, and waits until it says where.
    fn start(&self, command: &mut Command) -> Served {
        let log = File::options().create(true).append(true).open(self.path().join("log"));
        command.stdout(Stdio::piped()).stderr(log.unwrap());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map(Result::unwrap).find(|line| line.starts_with("listening on "));
        let port = told.and_then(|line| line.trim().rsplit_once(':')?.1.parse().ok());
        let port = port.unwrap_or_else(|| panic!("it does not listen: {}", self.log()));
        Served { child, port }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }
}

/// A server; killed when dropped.
pub struct Served {
    child: Child,
    pub port: u16,
}

impl Served {
    pub fn send(&self, request: Request) -> Answer {
        client::send(self.port, &request)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path))
    }

    /// Sends events as a JSON array.
    pub fn events(&self, events: &Json) -> Answer {
        self.send(Request::json("/v1/events", events))
    }

    /// Events of an activity in all of time, and its distinct users.
    pub fn counts(&self, activity: &str) -> (u64, u64) {
        let one = |measure: &str| {
            let query = serde_json::json!({
                "report": "value", "event": activity, "measure": measure, "by": "all",
            });
            let answer = self.send(Request::json("/v1/query", &query));
            assert_eq!(answer.status, 200, "{}", answer.text());
            answer.json()["series"][0]["value"][0].as_f64().unwrap_or(0.0) as u64
        };
        (one("events"), one("users"))
    }

    /// The memory of its own in bytes: mapped files are not among it.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Ends it at once, like a crash.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits.
    pub fn stop(self) -> ExitStatus {
        self.ask_to_end();
        self.wait()
    }

    pub fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `count` events of an activity, each by a user of its own, seconds apart.
pub fn some_events(activity: &str, count: usize) -> Json {
    let event = |n: usize| {
        let time = format!("2024-03-01T{:02}:{:02}:{:02}Z", n / 3_600 % 24, n / 60 % 60, n % 60);
        serde_json::json!({"user": format!("u{n}"), "activity": activity, "time": time, "n": n})
    };
    (0..count).map(event).collect()
}

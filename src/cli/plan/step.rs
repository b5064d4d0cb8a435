//! What is measured runs in processes of its own: memory is then that of one step alone, and the
//! number of threads that of its environment.
//!
//! A step reads its job from a line of standard input and ends with its asker: the pipe's end says
//! that nobody waits any more.

use super::system::{self, PeakWatch};
use crate::failure::Failure;
use crate::output::say;
use daybit::{Batch, Db, Durability, Event, ImportOptions, Options, Query, Source};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// The command's name, which help does not show.
pub const NAME: &str = "plan-step";

/// One thing to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Job {
    /// Remove a folder when the asker is gone.
    Sweep { folder: PathBuf },
    /// Import a file into a new database.
    Import { db: PathBuf, file: PathBuf },
    /// Answer queries, each for about so many seconds.
    Ask { db: PathBuf, queries: Vec<serde_json::Value>, seconds: f64 },
    /// Open, answer queries once, and watch the memory.
    Watch { db: PathBuf, queries: Vec<serde_json::Value> },
    /// Write events, for about so many seconds each way.
    Write { db: PathBuf, seconds: f64 },
}

/// What an import took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    pub seconds: f64,
    pub cpu_seconds: Option<f64>,
    pub peak_bytes: Option<f64>,
}

/// What a report took, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// With opening the database; files in the system's memory.
    pub first: Took,
    /// The best of several.
    pub warm: Took,
}

/// One piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Took {
    /// By the clock.
    pub wall: f64,
    /// By the processors, where the system tells.
    pub cpu: Option<f64>,
}

impl Took {
    /// Work shorter than this the system does not count well, and nobody interrupts it.
    const SHORT: f64 = 0.05;

    /// What one thread took while nobody else wanted its processor.
    pub fn alone(self) -> f64 {
        let cpu = self.cpu.filter(|cpu| self.wall >= Took::SHORT && *cpu > 0.0);
        cpu.map_or(self.wall, |cpu| cpu.min(self.wall))
    }

    /// The best of several by the clock, and their mean by the processors, whose time is counted in
    /// steps that a single answer may fall between.
    fn of(several: &[Took]) -> Took {
        let wall = several.iter().map(|took| took.wall).fold(f64::INFINITY, f64::min);
        let cpu: Option<f64> = several.iter().map(|took| took.cpu).sum();
        Took { wall, cpu: cpu.map(|cpu| cpu / several.len().max(1) as f64) }
    }
}

/// Memory of a reader: its own, without mapped files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// What opening takes, the best of several.
    pub opening_seconds: f64,
    pub opened_bytes: Option<f64>,
    pub asked_bytes: Option<f64>,
}

/// Events written a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wrote {
    pub durability: String,
    pub batch: usize,
    /// In each third of the time, after the first users were numbered.
    pub rates: Vec<f64>,
}

/// This program, as a step.
pub fn command() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(NAME).stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

/// Starts a step; it ends when the pipe is dropped.
pub fn start(mut command: Command, job: &Job) -> Result<(Child, ChildStdin), Failure> {
    let mut child = command.spawn()?;
    let mut pipe = child.stdin.take().ok_or_else(|| io::Error::other("no pipe to a step"))?;
    let text = serde_json::to_string(job).map_err(io::Error::other)?;
    pipe.write_all(text.as_bytes())?;
    pipe.write_all(b"\n")?;
    Ok((child, pipe))
}

/// Does a job on so many threads, and answers what it says.
pub fn run<T: DeserializeOwned>(job: &Job, threads: usize) -> Result<T, Failure> {
    let mut command = command()?;
    command.env("RAYON_NUM_THREADS", threads.to_string());
    let (child, pipe) = start(command, job)?;
    let output = child.wait_with_output()?;
    drop(pipe);
    if !output.status.success() {
        // What went wrong was said on standard error, which is shared.
        return Err(
            io::Error::other(format!("a sample could not be measured: {}", output.status)).into()
        );
    }
    Ok(serde_json::from_slice(&output.stdout).map_err(io::Error::other)?)
}

/// The step's own side.
pub fn step() -> Result<u8, Failure> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let job: Job = serde_json::from_str(&line).map_err(|_| {
        Failure::input(format!("{NAME} is for `daybit plan` itself: it is not to be called"))
    })?;
    if let Job::Sweep { folder } = &job {
        sweep(folder);
        return Ok(0);
    }
    std::thread::spawn(|| {
        wait_for_end();
        std::process::exit(1);
    });
    let answer = match job {
        Job::Sweep { .. } => Ok(String::new()),
        Job::Import { db, file } => serde_json::to_string(&import(&db, &file)?),
        Job::Ask { db, queries, seconds } => serde_json::to_string(&ask(&db, &queries, seconds)?),
        Job::Watch { db, queries } => serde_json::to_string(&watch(&db, &queries)?),
        Job::Write { db, seconds } => serde_json::to_string(&write(&db, seconds)?),
    };
    say(&answer.map_err(io::Error::other)?)?;
    Ok(0)
}

fn wait_for_end() {
    let mut rest = [0; 64];
    while io::stdin().lock().read(&mut rest).is_ok_and(|read| read > 0) {}
}

/// Removes a folder once its maker is gone. Its steps end at the same moment and may still be
/// writing, so that it may take more than one go.
fn sweep(folder: &Path) {
    wait_for_end();
    for _ in 0..100 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => return,
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn threads() -> usize {
    std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn import(path: &Path, file: &Path) -> Result<Imported, Failure> {
    let started = Instant::now();
    let db = Db::create(path, Options::new())?;
    let options = ImportOptions::new().threads(threads());
    let receipt = db.import(&options, vec![Source::file(file)], &|_| {})?;
    db.close()?;
    let seconds = started.elapsed().as_secs_f64();
    if receipt.rejected > 0 {
        let first = receipt.first_rejects.first().map_or("", |row| row.reason.as_str());
        return Err(Failure::input(format!(
            "{} rows of a sample were bad: {first}",
            receipt.rejected
        )));
    }
    Ok(Imported { seconds, cpu_seconds: system::cpu_seconds(), peak_bytes: system::peak_bytes() })
}

fn took<T>(run: impl FnOnce() -> Result<T, daybit::Error>) -> Result<(Took, T), Failure> {
    let (started, before) = (Instant::now(), system::threads_seconds());
    let done = run()?;
    let wall = started.elapsed().as_secs_f64();
    let cpu = system::threads_seconds().zip(before).map(|(after, before)| after - before);
    Ok((Took { wall, cpu }, done))
}

fn parse(queries: &[serde_json::Value]) -> Result<Vec<Query>, Failure> {
    Ok(queries.iter().map(Query::from_value).collect::<Result<_, _>>()?)
}

/// Several rounds over all queries: what else the machine does comes and goes. Where queries take
/// longer than they should, there are fewer rounds.
fn ask(path: &Path, queries: &[serde_json::Value], seconds: f64) -> Result<Vec<Asked>, Failure> {
    const ROUNDS_MAX: f64 = 8.0;
    const ROUND_SECONDS_MIN: f64 = 0.01;
    let rounds = (seconds / ROUND_SECONDS_MIN).clamp(1.0, ROUNDS_MAX).floor();
    let queries = parse(queries)?;
    let started = Instant::now();
    let late = |done: u32| {
        let planned = queries.len() as f64 * seconds;
        let elapsed = started.elapsed().as_secs_f64();
        done > 0 && elapsed + elapsed / f64::from(done) > 1.5 * planned
    };
    let mut all: Vec<Vec<Asked>> = vec![Vec::new(); queries.len()];
    for done in 0..rounds as u32 {
        if late(done) {
            break;
        }
        for (query, asked) in queries.iter().zip(&mut all) {
            asked.push(ask_one(path, query, seconds / rounds)?);
        }
    }
    let of = |asked: &[Asked], time: fn(&Asked) -> Took| {
        Took::of(&asked.iter().map(time).collect::<Vec<_>>())
    };
    Ok(all.iter().map(|a| Asked { first: of(a, |a| a.first), warm: of(a, |a| a.warm) }).collect())
}

/// The first answer after opening, and the best of several more.
fn ask_one(path: &Path, query: &Query, seconds: f64) -> Result<Asked, Failure> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let (first, db) = took(|| {
        let db = Db::open_read_only(path)?;
        db.query(query)?;
        Ok(db)
    })?;
    Ok(Asked { first, warm: again(&db, query, until)? })
}

/// Answers again and again until it is time to go on.
fn again(db: &Db, query: &Query, until: Instant) -> Result<Took, Failure> {
    const REPEATS_MAX: usize = 100;
    let mut all = Vec::new();
    while all.is_empty() || (all.len() < REPEATS_MAX && Instant::now() < until) {
        fill_caches();
        all.push(took(|| db.query(query).map(drop))?.0);
    }
    Ok(Took::of(&all))
}

/// What a large workload reads does not stay in a core's own cache from one answer to the next: so
/// what a small sample reads may not either.
fn fill_caches() {
    const WORDS: usize = (4 << 20) / size_of::<u64>();
    const LINE_WORDS: usize = 8;
    thread_local! {
        static OTHER: RefCell<Vec<u64>> = RefCell::new(vec![0; WORDS]);
    }
    rayon::broadcast(|_| {
        OTHER.with_borrow_mut(|words| {
            words.iter_mut().step_by(LINE_WORDS).for_each(|word| *word += 1);
            std::hint::black_box(words);
        });
    });
}

fn watch(path: &Path, queries: &[serde_json::Value]) -> Result<Watched, Failure> {
    let watch = PeakWatch::start();
    let db = Db::open_read_only(path)?;
    let opened_bytes = system::own_bytes();
    for query in parse(queries)? {
        db.query(&query)?;
    }
    let asked_bytes = watch.peak();
    drop(db);
    Ok(Watched { opening_seconds: opening_seconds(path)?, opened_bytes, asked_bytes })
}

fn opening_seconds(path: &Path) -> Result<f64, Failure> {
    const TIMES: usize = 5;
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        best = best.min(took(|| Db::open_read_only(path))?.0.wall);
    }
    Ok(best)
}

/// Single events and batches, each way of durability.
fn write(path: &Path, seconds: f64) -> Result<Vec<Wrote>, Failure> {
    let mut all = Vec::new();
    for durability in [Durability::Sync, Durability::Interval(200), Durability::Os] {
        let db = Db::open(path, Options::new().durability(durability))?;
        for batch in [1, 1_000] {
            rate(&db, batch, seconds / 5.0)?;
            let rates = (0..3).map(|_| rate(&db, batch, seconds / 3.0));
            let rates = rates.collect::<Result<_, Failure>>()?;
            all.push(Wrote { durability: durability.to_string(), batch, rates });
        }
        db.close()?;
    }
    Ok(all)
}

/// Events a second from one thread that waits for each receipt.
fn rate(db: &Db, batch: usize, seconds: f64) -> Result<f64, Failure> {
    let writer = db.writer()?;
    let (started, mut count) = (Instant::now(), 0_usize);
    while started.elapsed().as_secs_f64() < seconds || count == 0 {
        let event = |place: usize| {
            Event::new(format!("writer-{}", (count + place) % 50_000), "view")
                .with("country", "DE")
                .with("platform", "ios")
        };
        writer.write_batch(Batch::new().events((0..batch).map(event)))?;
        count += batch;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_times_the_clock_s_best_and_the_processors_mean_count() {
        let took = |wall, cpu| Took { wall, cpu };
        let all = [took(0.3, Some(0.1)), took(0.2, Some(0.3))];
        assert_eq!(Took::of(&all), took(0.2, Some(0.2)));
        assert_eq!(Took::of(&[took(0.3, Some(0.1)), took(0.2, None)]).cpu, None);
    }

    #[test]
    fn a_busy_machine_s_waiting_does_not_count() {
        let alone = |wall, cpu| Took { wall, cpu }.alone();
        assert_eq!(alone(0.3, Some(0.1)), 0.1);
        assert_eq!(alone(0.1, Some(0.3)), 0.1);
        assert_eq!(alone(0.3, None), 0.3);
        // What is short is seen by the clock better.
        assert_eq!(alone(0.002, Some(0.001)), 0.002);
        assert_eq!(alone(0.3, Some(0.0)), 0.3);
    }
}

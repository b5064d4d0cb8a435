//! Samples made, loaded, asked and removed again, each step in a process of its own.

use super::design::Sample;
use super::events::{self, Written};
use super::place::Place;
use super::questions::Question;
use super::step::{Asked, Imported, Job, Watched, Wrote, run};
use super::workload::{Size, Workload};
use crate::failure::Failure;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// How often each import is done: the better one counts.
const IMPORTS: usize = 2;

/// Bytes on disk, by what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Parts {
    pub days: f64,
    pub users: f64,
    pub first: f64,
    pub rest: f64,
}

/// All that was measured of one sample.
#[derive(Debug, Clone)]
pub struct Measured {
    pub sample: Sample,
    pub size: Size,
    pub parts: Parts,
    /// On all threads.
    pub import: Imported,
    /// On one, where it was measured.
    pub import_alone: Option<Imported>,
    /// As the questions, on all threads.
    pub asked: Vec<Asked>,
    /// The same on one.
    pub asked_alone: Vec<Asked>,
    pub watched: Watched,
    /// Of the file that was imported.
    pub csv_bytes: f64,
    pub seconds: f64,
    /// Of them, those spent on asking.
    pub asking_seconds: f64,
}

/// What measuring needs.
pub struct Bench<'a> {
    pub workload: &'a Workload,
    pub questions: &'a [Question],
    pub place: &'a Place,
    pub threads: usize,
    /// For each question on each number of threads.
    pub seconds_each: f64,
    /// Says what is being done.
    pub tell: &'a dyn Fn(&str),
}

impl Bench<'_> {
    /// Makes a sample and measures it on one thread and on all; the database stays. Only a sample
    /// that is to tell what threads gain is imported on one thread too.
    pub fn sample(&self, sample: Sample, gains: bool) -> Result<Measured, Failure> {
        let started = Instant::now();
        let file = self.place.path().join("sample.csv");
        let written = self.write(sample, &file)?;
        let import_alone = if gains { Some(self.import(&file, 1, IMPORTS)?) } else { None };
        let import = self.import(&file, self.threads, IMPORTS)?;
        std::fs::remove_file(&file)?;
        let parts = Parts::of(&self.db())?;
        let asking = Instant::now();
        let asked_alone = self.ask(1)?;
        let asked = if self.threads > 1 { self.ask(self.threads)? } else { asked_alone.clone() };
        let asking_seconds = asking.elapsed().as_secs_f64();
        (self.tell)("watching memory");
        let watched = run(&Job::Watch { db: self.db(), queries: self.queries() }, self.threads)?;
        let size = Size {
            user_days: written.user_days as f64,
            events: written.events as f64,
            ..self.workload.size(sample.users, sample.days)
        };
        Ok(Measured {
            sample,
            size,
            parts,
            import,
            import_alone,
            asked,
            asked_alone,
            watched,
            csv_bytes: written.bytes as f64,
            seconds: started.elapsed().as_secs_f64(),
            asking_seconds,
        })
    }

    /// The better of some imports; the last one's database stays.
    fn import(&self, file: &Path, threads: usize, times: usize) -> Result<Imported, Failure> {
        let job = Job::Import { db: self.db(), file: file.to_path_buf() };
        let mut best: Option<Imported> = None;
        for _ in 0..times.max(1) {
            remove(&self.db())?;
            (self.tell)(&format!("importing on {threads} threads"));
            let imported = run(&job, threads)?;
            best = Some(best.map_or(imported, |best| better(best, imported)));
        }
        best.ok_or_else(|| Failure::input("nothing was imported"))
    }

    fn write(&self, sample: Sample, file: &Path) -> Result<Written, Failure> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(file)?);
        let passed = |days| (self.tell)(&format!("making events, day {days} of {}", sample.days));
        let written = events::write(self.workload, sample.users, sample.days, &mut out, &passed)?;
        out.flush()?;
        Ok(written)
    }

    fn ask(&self, threads: usize) -> Result<Vec<Asked>, Failure> {
        (self.tell)(&format!("asking on {threads} threads"));
        let job = Job::Ask { db: self.db(), queries: self.queries(), seconds: self.seconds_each };
        run(&job, threads)
    }

    /// Writes events to the last sample's database.
    pub fn write_live(&self, seconds: f64) -> Result<Vec<Wrote>, Failure> {
        (self.tell)("writing single events and batches");
        run(&Job::Write { db: self.db(), seconds }, self.threads)
    }

    fn db(&self) -> std::path::PathBuf {
        self.place.path().join("sample.db")
    }

    fn queries(&self) -> Vec<serde_json::Value> {
        self.questions.iter().map(|question| question.query.clone()).collect()
    }
}

impl Parts {
    /// Bytes of a database's folder.
    fn of(db: &Path) -> Result<Parts, Failure> {
        let part = |name: &str| bytes_in(&db.join(name));
        let (days, users, first) = (part("days")?, part("users")?, part("first")?);
        Ok(Parts { days, users, first, rest: bytes_in(db)? - days - users - first })
    }

    pub fn total(&self) -> f64 {
        self.days + self.users + self.first + self.rest
    }
}

fn bytes_in(folder: &Path) -> Result<f64, Failure> {
    let mut bytes = 0.0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => bytes += entry.metadata()?.len() as f64,
            }
        }
    }
    Ok(bytes)
}

fn remove(db: &Path) -> Result<(), Failure> {
    if db.exists() {
        std::fs::remove_dir_all(db)?;
    }
    Ok(())
}

/// The least of each: whatever else the machine did made one of them slower.
fn better(a: Imported, b: Imported) -> Imported {
    let least = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a.min(b));
    Imported {
        seconds: a.seconds.min(b.seconds),
        cpu_seconds: least(a.cpu_seconds, b.cpu_seconds),
        peak_bytes: a.peak_bytes.zip(b.peak_bytes).map(|(a, b)| a.max(b)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn bytes_are_counted_by_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![0; bytes]).unwrap();
        };
        [("days/a", 10), ("days/b/c", 5), ("users/a", 3), ("MANIFEST", 2)]
            .into_iter()
            .for_each(|(name, bytes)| write(name, bytes));
        let parts = Parts::of(folder.path()).unwrap();
        assert_eq!(parts, Parts { days: 15.0, users: 3.0, first: 0.0, rest: 2.0 });
        assert_eq!(parts.total(), 20.0);
    }

    #[test]
    fn the_better_of_two_imports_counts() {
        let of = |seconds, cpu, peak| Imported {
            seconds,
            cpu_seconds: Some(cpu),
            peak_bytes: Some(peak),
        };
        assert_eq!(better(of(1.0, 3.0, 5.0), of(2.0, 2.0, 6.0)), of(1.0, 2.0, 6.0));
    }
}

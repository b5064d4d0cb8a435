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
use std::path::{Path, PathBuf};
use std::time::Instant;

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
    /// As the questions, on one thread.
    pub asked: Vec<Asked>,
    pub gains: Option<Gains>,
    pub watched: Watched,
    /// Of the file that was imported.
    pub csv_bytes: f64,
    pub seconds: f64,
}

/// What tells how much several threads gain, of the largest sample.
#[derive(Debug, Clone)]
pub struct Gains {
    /// On one thread.
    pub import: Imported,
    /// As the questions, on all threads.
    pub asked: Vec<Asked>,
}

/// What measuring needs.
pub struct Bench<'a> {
    pub workload: &'a Workload,
    pub questions: &'a [Question],
    pub place: &'a Place,
    pub threads: usize,
    /// How often each import is done: the better one counts.
    pub imports: usize,
    /// For each question on each number of threads.
    pub seconds_each: f64,
    /// Says what is being done.
    pub tell: &'a dyn Fn(&str),
}

impl Bench<'_> {
    /// Makes a sample and measures it; its file and its database stay until the next one.
    pub fn sample(&self, sample: Sample) -> Result<Measured, Failure> {
        let started = Instant::now();
        let written = self.write(sample, &self.file())?;
        let import = self.import(self.threads, self.imports)?;
        let parts = Parts::of(&self.db())?;
        let asked = self.ask(1)?;
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
            asked,
            gains: None,
            watched,
            csv_bytes: written.bytes as f64,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Measures the last sample once more: the import on one thread, the questions on all.
    pub fn gains(&self) -> Result<Option<Gains>, Failure> {
        if self.threads < 2 {
            return Ok(None);
        }
        let asked = self.ask(self.threads)?;
        Ok(Some(Gains { import: self.import(1, 1)?, asked }))
    }

    /// Seconds that a sample and its gains will take, by how long another took.
    pub fn seconds(&self, sample: Sample, last: &Measured) -> f64 {
        2.0 * self.asking_seconds() + self.events(sample) * self.seconds_per_event(last)
    }

    /// Events of a sample that takes so many seconds with its gains.
    pub fn events_in(&self, seconds: f64, last: &Measured) -> f64 {
        (seconds - 2.0 * self.asking_seconds()).max(0.0) / self.seconds_per_event(last)
    }

    fn seconds_per_event(&self, last: &Measured) -> f64 {
        let imports = self.threads as f64 * last.import.seconds;
        let answers: f64 = last.asked.iter().map(|asked| asked.warm.wall + asked.first.wall).sum();
        let growing = (last.seconds - self.asking_seconds()).max(0.0) + imports + answers;
        growing / last.size.events.max(1.0)
    }

    /// Seconds that questions take where none takes longer than it should.
    pub fn asking_seconds(&self) -> f64 {
        self.questions.len() as f64 * self.seconds_each
    }

    /// Events that a sample will have.
    pub fn events(&self, sample: Sample) -> f64 {
        let Workload { daily_active, events_per_active_day, .. } = self.workload;
        sample.users as f64 * f64::from(sample.days) * daily_active * events_per_active_day
    }

    /// The better of some imports; the last one's database stays.
    fn import(&self, threads: usize, times: usize) -> Result<Imported, Failure> {
        let job = Job::Import { db: self.db(), file: self.file() };
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

    fn db(&self) -> PathBuf {
        self.place.path().join("sample.db")
    }

    fn file(&self) -> PathBuf {
        self.place.path().join("sample.csv")
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
pub mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::step::Took;
    use super::super::workload::tests::workload;
    use super::*;

    /// Part of a workload of a million users and two years, where everything costs the same.
    pub fn measured(users: u64, days: u32, cost: &dyn Fn(&Size) -> f64) -> Measured {
        let size = workload(1_000_000, 0.1, 4.0, 730).thinned().size(users, days);
        let cost = cost(&size);
        let took = Took { wall: cost, cpu: Some(cost) };
        let import = Imported { seconds: cost, cpu_seconds: Some(cost), peak_bytes: Some(cost) };
        let (opened_bytes, asked_bytes) = (Some(cost), Some(cost));
        Measured {
            sample: Sample { users, days },
            size,
            parts: Parts { days: cost, users: cost, ..Parts::default() },
            import,
            asked: vec![Asked { first: took, warm: took }; 16],
            gains: None,
            watched: Watched { opening_seconds: cost, opened_bytes, asked_bytes },
            csv_bytes: cost,
            seconds: cost,
        }
    }

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

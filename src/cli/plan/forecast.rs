//! From samples to the figures of a workload: which cost hangs on what, how far the forecast of the
//! held-out sample was off, and so how wide each range must be.

use super::estimate::{Estimate, Model, Observation, estimate};
use super::measure::Measured;
use super::questions::Question;
use super::step::{Asked, Took};
use super::workload::Size;

/// What nobody should be surer of on a machine that does other things too.
const MARGIN_MIN: f64 = 0.1;
/// What each doubling beyond the largest sample adds: for times, there are caches that no longer
/// fit.
const SECONDS_MARGIN_PER_DOUBLING: f64 = 0.05;
const BYTES_MARGIN_PER_DOUBLING: f64 = 0.02;
/// A check that is further off is said to have failed.
pub const OFF_MAX: f64 = 0.25;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Seconds,
}

/// One figure of the workload.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    pub unit: Unit,
    pub estimate: Estimate,
    /// What it was extrapolated by.
    pub by: &'static str,
    pub check: Option<Check>,
    /// The last sample was the workload itself.
    pub whole: bool,
}

/// The held-out sample: forecast from the others, and then measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    pub forecast: f64,
    pub measured: f64,
}

/// Both times of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportLine {
    pub first: Line,
    pub warm: Line,
}

impl Line {
    /// Whether one number says enough: the check found it, or there was nothing to extrapolate.
    pub fn is_trusted(&self) -> bool {
        self.whole || self.check.is_some_and(|check| check.off().abs() <= OFF_MAX)
    }

    /// What two parts come to.
    fn plus(self, other: &Line) -> Line {
        let (a, b) = (self.estimate, other.estimate);
        let estimate =
            Estimate { low: a.low + b.low, likely: a.likely + b.likely, high: a.high + b.high };
        let check = self.check.zip(other.check).map(|(a, b)| Check {
            forecast: a.forecast + b.forecast,
            measured: a.measured + b.measured,
        });
        Line { estimate, check, ..self }
    }
}

impl ReportLine {
    /// Opening takes longer than where the first answer was measured.
    pub fn open_longer(&mut self, seconds: f64) {
        let Estimate { low, likely, high } = &mut self.first.estimate;
        [low, likely, high].into_iter().for_each(|bound| *bound += seconds);
    }
}

/// Disk, import and memory.
#[derive(Debug, Clone)]
pub struct Needs {
    pub disk: Line,
    pub disk_users: Line,
    pub import: Line,
    pub import_cpu: Option<Line>,
    pub import_memory: Option<Line>,
    pub open_memory: Option<Line>,
    pub query_memory: Option<Line>,
}

impl Check {
    /// The forecast over what was measured, less one.
    pub fn off(&self) -> f64 {
        self.forecast / self.measured - 1.0
    }

    /// How far off in either direction, as a factor less one.
    fn wide(&self) -> f64 {
        let ratio = self.forecast / self.measured;
        if ratio.is_finite() && ratio > 0.0 { ratio.max(1.0 / ratio) - 1.0 } else { 1.0 }
    }
}

/// A cost, what it hangs on, and how it was measured.
struct Cost<'a> {
    name: &'a str,
    unit: Unit,
    by: &'static str,
    drivers: &'a dyn Fn(&Size) -> Vec<f64>,
    measured: &'a dyn Fn(&Measured) -> Option<f64>,
}

/// Samples, the last of which is held out, and the workload.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    pub samples: &'a [Measured],
    pub target: Size,
    pub threads: usize,
}

impl Grounds<'_> {
    /// `None` where there is no sample.
    pub fn needs(&self) -> Option<Needs> {
        let disk_users = self.disk_users()?;
        Some(Needs {
            disk: self.disk_days()?.plus(&disk_users),
            disk_users,
            import: self.import("import", &|m| Some(m.import.seconds))?,
            import_cpu: self.import("import, processor", &|m| m.import.cpu_seconds),
            import_memory: self.import_memory(),
            open_memory: self.open_memory(),
            query_memory: self.query_memory(),
        })
    }

    /// Of questions that were asked of these samples, in their order.
    pub fn reports(&self, questions: &[Question]) -> Option<Vec<ReportLine>> {
        questions.iter().enumerate().map(|(at, question)| self.report(at, question)).collect()
    }

    /// All that is neither users nor their first days.
    fn disk_days(&self) -> Option<Line> {
        let measured = |m: &Measured| Some(m.parts.days + m.parts.rest);
        let drivers = |size: &Size| vec![1.0, size.events, size.days];
        let (name, unit, by) = ("disk", Unit::Bytes, "events");
        self.line(&Cost { name, unit, by, drivers: &drivers, measured: &measured })
    }

    fn disk_users(&self) -> Option<Line> {
        let measured = |m: &Measured| Some(m.parts.users + m.parts.first);
        // First days differ by activity: the longer users stay, the more activities they have met.
        let met = |size: &Size| size.users * (1.0 + size.user_days / size.users).ln();
        let drivers = |size: &Size| vec![1.0, size.users, met(size)];
        let (name, unit, by) = ("disk of users and first days", Unit::Bytes, "users");
        self.line(&Cost { name, unit, by, drivers: &drivers, measured: &measured })
    }

    fn import(&self, name: &str, measured: &dyn Fn(&Measured) -> Option<f64>) -> Option<Line> {
        let drivers = |size: &Size| vec![1.0, size.events, size.users];
        self.line(&Cost { name, unit: Unit::Seconds, by: "events", drivers: &drivers, measured })
    }

    /// Users are numbered in memory, and events wait there to be built, up to a bound that short
    /// imports do not reach.
    fn import_memory(&self) -> Option<Line> {
        const WAITING_BYTES_MAX: f64 = 512.0 * 1_048_576.0;
        let measured = |m: &Measured| m.import.peak_bytes;
        let unbounded = |size: &Size| vec![1.0, size.events, size.users];
        let (name, unit, by) = ("memory of the import", Unit::Bytes, "users");
        let cost = Cost { name, unit, by, drivers: &unbounded, measured: &measured };
        let event_bytes = self.model(&cost, self.samples)?.weight(1);
        let waiting = |size: &Size| size.events.min(WAITING_BYTES_MAX / event_bytes);
        let bounded = |size: &Size| vec![1.0, waiting(size), size.users];
        self.line(&Cost { drivers: &bounded, ..cost })
    }

    /// What opening takes: of each day a little is read.
    pub fn opening(&self) -> Option<Line> {
        let drivers = |size: &Size| vec![1.0, size.days];
        let (name, unit, by) = ("opening", Unit::Seconds, "days");
        let measured = |m: &Measured| Some(m.watched.opening_seconds);
        self.line(&Cost { name, unit, by, drivers: &drivers, measured: &measured })
    }

    /// Of each day a little is known from the start.
    fn open_memory(&self) -> Option<Line> {
        let drivers = |size: &Size| vec![1.0, size.days];
        let (name, unit, by) = ("memory of an open database", Unit::Bytes, "days");
        let measured = |m: &Measured| m.watched.opened_bytes;
        self.line(&Cost { name, unit, by, drivers: &drivers, measured: &measured })
    }

    /// Each thread holds the recent events of a chunk, where a report asks for them in order.
    fn query_memory(&self) -> Option<Line> {
        let recent = |size: &Size| size.events * size.recent_share / size.chunks;
        let held = |size: &Size| recent(size) * size.chunks.min(self.threads as f64);
        let drivers = |size: &Size| vec![1.0, held(size), size.users];
        let (name, unit, by) = ("memory of queries", Unit::Bytes, "users");
        let measured = |m: &Measured| m.watched.asked_bytes;
        self.line(&Cost { name, unit, by, drivers: &drivers, measured: &measured })
    }

    fn report(&self, at: usize, question: &Question) -> Option<ReportLine> {
        let warm = self.latency(at, question, &|asked| asked.warm)?;
        let first = self.latency(at, question, &|asked| asked.first)?;
        // It counts opening and reading, whatever its own fit says.
        let Estimate { low, likely, high } = first.estimate;
        let least = &warm.estimate;
        let (low, likely) = (low.max(least.low), likely.max(least.likely));
        let estimate = Estimate { low, likely, high: high.max(least.high) };
        Some(ReportLine { first: Line { estimate, ..first }, warm })
    }

    /// Times on one thread are fitted and checked, since few chunks do not share out evenly; the
    /// forecast is then divided by what all threads gained on the largest sample.
    fn latency(
        &self,
        at: usize,
        question: &Question,
        took: &dyn Fn(&Asked) -> Took,
    ) -> Option<Line> {
        let of = |asked: &[Asked]| asked.get(at).map(took);
        let cost = Cost {
            name: question.name,
            unit: Unit::Seconds,
            by: question.reach.by(),
            drivers: &|size| question.reach.drivers(size),
            measured: &|sample| Some(of(&sample.asked)?.alone()),
        };
        let line = self.line(&cost)?;
        let largest = self.samples.last()?;
        let together = largest.gains.as_ref().and_then(|gains| of(&gains.asked));
        let gained =
            together.map_or(1.0, |took| of(&largest.asked).map_or(1.0, |a| a.wall / took.wall));
        let speedup = self.speedup(gained, &largest.size, &self.target);
        let Estimate { low, likely, high } = line.estimate;
        let (low, likely, high) = (low / speedup, likely / speedup, high / speedup);
        Some(Line { estimate: Estimate { low, likely, high }, ..line })
    }

    /// What threads gained on a sample, for another size: more parts give more threads work.
    fn speedup(&self, gained: f64, from: &Size, to: &Size) -> f64 {
        let busy = |size: &Size| size.shares().clamp(1.0, self.threads as f64);
        let scaled = gained * (busy(to) / busy(from)).max(1.0);
        scaled.clamp(1.0, self.threads as f64)
    }

    fn line(&self, cost: &Cost<'_>) -> Option<Line> {
        let (held_out, fits) = self.samples.split_last()?;
        let check = self.model(cost, fits).and_then(|model| {
            let forecast = model.predict(&(cost.drivers)(&held_out.size));
            Some(Check { forecast, measured: (cost.measured)(held_out)? })
        });
        let estimate = self.estimate(cost, check)?;
        let (name, whole) = (cost.name.to_string(), self.is_whole());
        Some(Line { name, unit: cost.unit, estimate, by: cost.by, check, whole })
    }

    /// Whether the last sample is the workload itself.
    fn is_whole(&self) -> bool {
        self.samples.last().is_some_and(|last| {
            last.size.users == self.target.users && last.size.days == self.target.days
        })
    }

    fn model(&self, cost: &Cost<'_>, samples: &[Measured]) -> Option<Model> {
        Model::fit(&observations(cost, samples)?)
    }

    /// The forecast by all samples, as uncertain as the check shows and as the way is long. Of a
    /// workload that was measured whole, what was measured.
    fn estimate(&self, cost: &Cost<'_>, check: Option<Check>) -> Option<Estimate> {
        let all = observations(cost, self.samples)?;
        if self.is_whole() {
            let likely = (cost.measured)(self.samples.last()?)?;
            let margin = 1.0 + MARGIN_MIN;
            return Some(Estimate { low: likely / margin, likely, high: likely * margin });
        }
        let wide = check.map_or(1.0, |check| check.wide());
        // A forecast that failed its check is not trusted to be off by no more than there.
        let wide = if wide > OFF_MAX { 2.0 * wide } else { wide };
        let each = match cost.unit {
            Unit::Bytes => BYTES_MARGIN_PER_DOUBLING,
            Unit::Seconds => SECONDS_MARGIN_PER_DOUBLING,
        };
        let margin = wide.max(MARGIN_MIN) + each * self.doublings(cost)?;
        estimate(&all, &(cost.drivers)(&self.target), margin)
    }

    /// How often the largest sample's driver doubles on the way to the workload's.
    fn doublings(&self, cost: &Cost<'_>) -> Option<f64> {
        let largest = (cost.drivers)(&self.samples.last()?.size);
        let target = (cost.drivers)(&self.target);
        Some((target.get(1)? / largest.get(1)?).log2().max(0.0))
    }
}

fn observations(cost: &Cost<'_>, samples: &[Measured]) -> Option<Vec<Observation>> {
    let of = |m: &Measured| {
        Some(Observation { drivers: (cost.drivers)(&m.size), cost: (cost.measured)(m)? })
    };
    samples.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::measure::tests::measured;
    use super::super::questions::questions;
    use super::super::workload::tests::workload;
    use super::*;
    use daybit::limits::CHUNK_USERS;

    const CHUNK: u64 = CHUNK_USERS as u64;

    /// What is forecast of a report about users from samples of some chunks, and the truth.
    fn forecast(chunks: &[u64], cost: &dyn Fn(&Size) -> f64) -> (ReportLine, f64) {
        let samples: Vec<Measured> =
            chunks.iter().map(|chunks| measured(chunks * CHUNK, 730, cost)).collect();
        let workload = workload(1_000_000, 0.1, 4.0, 730).thinned();
        let grounds = Grounds { samples: &samples, target: workload.whole(), threads: 1 };
        let reports = grounds.reports(&questions(&workload.shape)).unwrap();
        let weekly = reports.into_iter().find(|r| r.warm.name == "active users by week").unwrap();
        (weekly, cost(&workload.whole()))
    }

    #[test]
    fn reports_grow_with_containers_however_little_they_take_in_samples() {
        let cost = |size: &Size| 15e-6 + 3e-11 * size.containers.bytes;
        let (line, truth) = forecast(&[1, 2, 4], &cost);
        assert!((line.warm.estimate.likely / truth - 1.0).abs() < 0.01, "{line:?} {truth}");
        assert!(line.warm.check.unwrap().off().abs() < 0.01 && line.warm.is_trusted());
        assert!(truth > 2.0 * cost(&measured(4 * CHUNK, 730, &|_| 1.0).size));
    }

    #[test]
    fn a_line_that_fails_its_check_is_a_wide_range() {
        let jumps = |size: &Size| size.containers.bytes * if size.chunks > 3.0 { 2.0 } else { 1.0 };
        let (line, truth) = forecast(&[1, 2, 4], &jumps);
        assert!(!line.warm.is_trusted(), "{line:?}");
        let Estimate { low, high, .. } = line.warm.estimate;
        assert!((low..high).contains(&truth) && high > 4.0 * low, "{line:?} {truth}");
        // Nor is one that was never checked.
        assert!(!forecast(&[4], &jumps).0.warm.is_trusted());
    }

    #[test]
    fn the_workload_itself_is_told_as_it_was_measured() {
        let samples: Vec<Measured> = [(500_000, 3.0), (1_000_000, 9.0)]
            .into_iter()
            .map(|(users, cost)| measured(users, 730, &|_| cost))
            .collect();
        let target = workload(1_000_000, 0.1, 4.0, 730).thinned().whole();
        let needs = Grounds { samples: &samples, target, threads: 1 }.needs().unwrap();
        assert_eq!(needs.import.estimate.likely, 9.0);
        assert!(needs.import.is_trusted() && needs.import.check.unwrap().off() < -0.3);
        // Users and all else are parts of the disk.
        assert_eq!((needs.disk.estimate.likely, needs.disk_users.estimate.likely), (18.0, 9.0));
    }

    #[test]
    fn opening_longer_makes_the_first_answer_later() {
        let (mut line, _) = forecast(&[1, 2, 4], &|size| size.containers.bytes);
        let (first, warm) = (line.first.estimate.likely, line.warm.estimate.likely);
        line.open_longer(2.0);
        assert_eq!((line.first.estimate.likely, line.warm.estimate.likely), (first + 2.0, warm));
    }
}

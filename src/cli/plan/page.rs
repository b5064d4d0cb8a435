//! The plan as a page for people, and as JSON.

use super::cores::{BEYOND, Cores, Gain};
use super::forecast::{Check, Line, Needs, OFF_MAX, ReportLine, Unit};
use super::measure::Measured;
use super::numbers::{bytes, digits, short, time};
use super::step::{Asked, Imported, Took, Wrote};
use super::workload::Workload;
use serde_json::{Value as Json, json};

/// Stands for a number of which only the range is told.
const UNSURE: &str = "unsure";

/// All that a plan says.
pub struct Plan {
    pub workload: Workload,
    pub threads: usize,
    /// Samples with all of their events.
    pub samples: Vec<Measured>,
    /// Thinned ones, longer or of more users, where there are any.
    pub presence: Vec<Measured>,
    pub needs: Needs,
    pub reports: Vec<ReportLine>,
    pub wrote: Vec<Wrote>,
    pub cores: Option<Cores>,
    pub notes: Vec<String>,
    pub seconds: f64,
}

impl Plan {
    /// What an event takes in the user's own database and in a sample of its shape.
    pub fn compared(&self, held: f64) -> Option<String> {
        let sample = self.samples.last()?;
        let made = sample.parts.total() / sample.size.events.max(1.0);
        Some(format!(
            "the sample database takes {} bytes an event, the largest sample made of its shape {}.",
            digits(held, 3),
            digits(made, 3)
        ))
    }

    pub fn words(&self) -> String {
        let mut page = self.workload_words();
        page.push_str(&self.needs_words());
        page.push_str(&self.reports_words());
        page.push_str(&self.writes());
        page.push_str(&self.cores_words());
        page.push_str(&self.check());
        page.push_str(&self.samples_words());
        for note in &self.notes {
            page.push_str(&wrapped(&format!("\nNote: {note}\n")));
        }
        page
    }

    fn workload_words(&self) -> String {
        let (workload, whole) = (&self.workload, self.workload.whole());
        format!(
            "Workload: {} users, {}% of them ({}) active on a mean day, {} events per active day,\n\
             {} activities, {} days: {} events in all.\n",
            short(whole.users),
            digits(workload.daily_active * 100.0, 3),
            short(whole.users * workload.daily_active),
            digits(workload.events_per_active_day, 3),
            short(workload.shape.activities.len() as f64),
            short(whole.days),
            short(whole.events),
        )
    }

    /// Disk, import and memory.
    fn needs_words(&self) -> String {
        let (forecast, whole) = (&self.needs, self.workload.whole());
        let head = format!("\nOn this machine, on {} threads", self.threads);
        let mut rows = vec![[head.as_str(), "from", "likely", "up to", "by"].map(String::from)];
        let disk = &forecast.disk;
        rows.push(row("disk", disk, 1.0));
        rows.push(row("  of it users and first days", &forecast.disk_users, 1.0));
        rows.push(row("  a day", disk, 1.0 / whole.days));
        rows.push(row("  a year", disk, (365.0 / whole.days).min(1.0)));
        rows.push(row("import of all as CSV", &forecast.import, 1.0));
        rows.push(self.import_rate(whole.events));
        let optional = [
            ("  processor time", &forecast.import_cpu),
            ("memory of the import, at its peak", &forecast.import_memory),
            ("memory of queries, at its peak", &forecast.query_memory),
            ("  of it opening", &forecast.open_memory),
        ];
        rows.extend(
            optional
                .into_iter()
                .filter_map(|(name, line)| line.as_ref().map(|line| row(name, line, 1.0))),
        );
        aligned(&rows)
    }

    fn import_rate(&self, events: f64) -> [String; 5] {
        let seconds = self.needs.import.estimate;
        let rate = |seconds: f64| short(events / seconds);
        let name = "  events a second".to_string();
        let likely = sure(&self.needs.import, rate(seconds.likely));
        [name, rate(seconds.high), likely, rate(seconds.low), String::new()]
    }

    fn reports_words(&self) -> String {
        let head = ["\nReports", "from", "likely", "up to", "first", "by"].map(String::from);
        let mut rows = vec![head];
        for report in &self.reports {
            let (warm, first) = (&report.warm, &report.first);
            let [name, low, likely, high, by] = row(&warm.name, warm, 1.0);
            let first = sure(first, time(first.estimate.likely));
            rows.push([format!("  {name}"), low, likely, high, first, by]);
        }
        aligned(&rows)
            + "The first answer counts opening the database; files are in the system's memory.\n\
               A container holds who of 65,536 users was active on a day.\n"
    }

    fn writes(&self) -> String {
        let head = ["\nLive writing, events a second", "from", "likely", "up to"].map(String::from);
        let mut rows = vec![head];
        for wrote in &self.wrote {
            let (low, likely, high) = range(&wrote.rates);
            let what = match wrote.batch {
                1 => "single events".to_string(),
                batch => format!("batches of {}", short(batch as f64)),
            };
            let name = format!("  {what}, durability {}", wrote.durability);
            rows.push([name, short(low), short(likely), short(high)]);
        }
        let whole = self.workload.whole();
        let mean = whole.events / whole.days / 86_400.0;
        aligned(&rows)
            + &format!(
                "One thread that waits for each receipt. The workload's mean is {} a second.\n",
                digits(mean, 3)
            )
    }

    fn cores_words(&self) -> String {
        let Some(cores) = self.cores else {
            return "\nCores: not measured, since this machine has one or the budget was too small.\n"
                .to_string();
        };
        let line = |what: &str, gain: Gain| {
            let (least, most) = gain.pay;
            let pay = match (least, most) {
                (_, 1) => "more do not pay".to_string(),
                _ if least == most => format!("{most} cores pay"),
                _ => format!("{least} to {most} cores pay"),
            };
            format!(
                "  {what}: {} threads were {} times as fast as one; {pay}\n",
                gain.threads,
                digits(gain.faster, 2)
            )
        };
        format!(
            "\nCores that pay (each doubling gains a quarter; beyond {} by Amdahl's law, up to {})\n\
             {}{}\
             A report is shared out by chunks of 65,536 users and stretches of days: with {} parts\n\
             more threads have nothing to do.\n",
            self.threads,
            u64::from(BEYOND) * self.threads as u64,
            line("import", cores.import),
            line("reports", cores.reports),
            short(cores.shares),
        )
    }

    /// The lines that were checked.
    fn checked(&self) -> Vec<(String, Unit, Check)> {
        let forecast = &self.needs;
        let fixed = [Some(&forecast.disk), Some(&forecast.disk_users), Some(&forecast.import)];
        let more = [&forecast.import_cpu, &forecast.import_memory, &forecast.query_memory];
        let lines = fixed.into_iter().chain(more.map(Option::as_ref)).flatten();
        let reports = self.reports.iter().map(|report| &report.warm);
        let checked = |line: &Line| Some((line.name.clone(), line.unit, line.check?));
        lines.chain(reports).filter_map(checked).collect()
    }

    fn check(&self) -> String {
        let checked = self.checked();
        if checked.is_empty() {
            return "\nCheck: the workload is too small to hold a sample out.\n".to_string();
        }
        let head = ["\nCheck: the largest sample, forecast", "forecast", "measured", "off"];
        let mut rows = vec![head.map(String::from)];
        rows[0][0].push_str(" from the others");
        for (name, unit, check) in &checked {
            let off = check.off() * 100.0;
            let far = if off.abs() > OFF_MAX * 100.0 { " !" } else { "" };
            let (forecast, measured) =
                (amount(*unit, check.forecast), amount(*unit, check.measured));
            rows.push([format!("  {name}"), forecast, measured, format!("{off:+.0}%{far}")]);
        }
        let far = checked.iter().filter(|(.., check)| check.off().abs() > OFF_MAX).count();
        let verdict = match far {
            0 => "All of them are within 25%.".to_string(),
            _ => format!("{} of {} are within 25%.", checked.len() - far, checked.len()),
        };
        let unsure = match self.needs.import.whole {
            true => {
                "The last sample was the workload itself: above is what was measured.\n".to_string()
            }
            false => format!(
                "Of a line that failed its check, or had none, a range is told above and no number\n\
                 ({UNSURE}); it is twice as wide as the check was off.\n"
            ),
        };
        format!("{}{verdict} Reports are checked on one thread.\n{unsure}", aligned(&rows))
    }

    fn samples_words(&self) -> String {
        let mut rows =
            vec![["\nSamples", "users", "days", "events", "on disk", "took"].map(String::from)];
        for (kind, samples) in [("", &self.samples), ("thinned ", &self.presence)] {
            for (number, sample) in (1..).zip(samples) {
                let held_out =
                    if number == samples.len() && number > 1 { ", held out" } else { "" };
                rows.push([
                    format!("  {kind}{number}{held_out}"),
                    short(sample.size.users),
                    short(sample.size.days),
                    short(sample.size.events),
                    bytes(sample.parts.total()),
                    time(sample.seconds),
                ]);
            }
        }
        aligned(&rows) + &format!("All took {}, and all of it is removed.\n", time(self.seconds))
    }

    pub fn json(&self) -> Json {
        let (workload, whole, forecast) = (&self.workload, self.workload.whole(), &self.needs);
        let reports: Vec<Json> = self
            .reports
            .iter()
            .map(|r| json!({"report": r.warm.name, "warm": line(&r.warm), "first": line(&r.first)}))
            .collect();
        let optional = |of: &Option<Line>| of.as_ref().map(line);
        json!({
            "workload": {
                "users": workload.users,
                "daily_active": workload.daily_active,
                "events_per_active_day": workload.events_per_active_day,
                "activities": workload.shape.activities.len(),
                "days": workload.days,
                "events": whole.events,
                "chunks": whole.chunks,
            },
            "threads": self.threads,
            "disk": line(&forecast.disk),
            "disk_of_users": line(&forecast.disk_users),
            "import": line(&forecast.import),
            "import_processor": optional(&forecast.import_cpu),
            "import_memory": optional(&forecast.import_memory),
            "query_memory": optional(&forecast.query_memory),
            "open_memory": optional(&forecast.open_memory),
            "reports": reports,
            "writes": self.wrote.iter().map(wrote_json).collect::<Vec<_>>(),
            "cores": self.cores.map(cores_json),
            "samples": self.samples.iter().map(sample_json).collect::<Vec<_>>(),
            "presence_samples": self.presence.iter().map(sample_json).collect::<Vec<_>>(),
            "notes": self.notes,
            "seconds": self.seconds,
        })
    }
}

fn line(line: &Line) -> Json {
    let unit = match line.unit {
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
    };
    json!({
        "low": line.estimate.low,
        "likely": line.estimate.likely,
        "high": line.estimate.high,
        "unit": unit,
        "by": line.by,
        "trusted": line.is_trusted(),
        "check": line.check.map(|check| json!({
            "forecast": check.forecast, "measured": check.measured, "off": check.off(),
        })),
    })
}

fn wrote_json(wrote: &Wrote) -> Json {
    let (low, likely, high) = range(&wrote.rates);
    json!({"durability": wrote.durability, "batch": wrote.batch,
           "events_per_second": {"low": low, "likely": likely, "high": high}})
}

fn cores_json(cores: Cores) -> Json {
    let gain = |gain: Gain| {
        json!({"threads": gain.threads, "faster": gain.faster,
               "pay": {"low": gain.pay.0, "high": gain.pay.1}})
    };
    json!({"import": gain(cores.import), "reports": gain(cores.reports), "parts": cores.shares})
}

fn sample_json(sample: &Measured) -> Json {
    let import = |import: &Imported| {
        json!({"seconds": import.seconds, "processor_seconds": import.cpu_seconds,
               "peak_bytes": import.peak_bytes})
    };
    let took = |took: Took| json!({"seconds": took.wall, "processor_seconds": took.cpu});
    let asked = |all: &[Asked]| -> Vec<Json> {
        all.iter().map(|a| json!({"first": took(a.first), "warm": took(a.warm)})).collect()
    };
    let gains = sample.gains.as_ref();
    json!({
        "users": sample.sample.users,
        "days": sample.sample.days,
        "events": sample.size.events,
        "user_days": sample.size.user_days,
        "containers": sample.size.containers.count,
        "container_bytes": sample.size.containers.bytes,
        "csv_bytes": sample.csv_bytes,
        "disk": {"days": sample.parts.days, "users": sample.parts.users,
                 "first": sample.parts.first, "rest": sample.parts.rest},
        "import": import(&sample.import),
        "import_on_one_thread": gains.map(|gains| import(&gains.import)),
        "memory": {"open": sample.watched.opened_bytes, "queries": sample.watched.asked_bytes},
        "reports": gains.map(|gains| asked(&gains.asked)),
        "reports_on_one_thread": asked(&sample.asked),
        "seconds": sample.seconds,
    })
}

/// The least, the middle and the most.
fn range(numbers: &[f64]) -> (f64, f64, f64) {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or(0.0);
    (at(0), at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}

fn amount(unit: Unit, number: f64) -> String {
    match unit {
        Unit::Bytes => bytes(number),
        Unit::Seconds => time(number),
    }
}

/// Lines that are not too long to read.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 96;
    let (mut wrapped, mut width) = (String::new(), 0);
    for word in text.split_inclusive(' ') {
        if width + word.trim_end().chars().count() > WIDTH {
            wrapped.truncate(wrapped.trim_end_matches(' ').len());
            wrapped.push('\n');
            width = 0;
        }
        wrapped.push_str(word);
        width += word.chars().count();
    }
    wrapped
}

/// A line times a factor.
fn row(name: &str, line: &Line, times: f64) -> [String; 5] {
    let of = |number: f64| amount(line.unit, number * times);
    let estimate = line.estimate;
    let (low, likely, high) = (of(estimate.low), of(estimate.likely), of(estimate.high));
    [name.to_string(), low, sure(line, likely), high, line.by.to_string()]
}

/// One number, where it can be told.
fn sure(line: &Line, likely: String) -> String {
    if line.is_trusted() { likely } else { UNSURE.to_string() }
}

/// Columns below each other: names to the left, all else to the right. A head may begin with an
/// empty line.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let long = |cell: &String| cell.trim_start_matches('\n').chars().count();
    let width = |at: usize| rows.iter().map(|row| long(&row[at])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - long(cell));
            match at {
                0 => line.push_str(&format!("{cell}{space}")),
                // Words stand to the left, numbers to the right.
                _ if at == N - 1 && N > 4 && at > 3 => line.push_str(&format!("  {cell}")),
                _ => line.push_str(&format!("  {space}{cell}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows =
            [["\nhead", "from", "to"], ["  disk", "1 GB", "20 GB"]].map(|r| r.map(String::from));
        assert_eq!(aligned(&rows), "\nhead    from     to\n  disk  1 GB  20 GB\n");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.trim_end().len() <= 96), "{text}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn a_range_is_of_the_least_and_the_most() {
        assert_eq!(range(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(range(&[]), (0.0, 0.0, 0.0));
    }
}

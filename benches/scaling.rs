//! How costs grow: with years of history, and with threads.
//!
//!     cargo bench --bench scaling -- [--users N] [--one-in N] [--years 1,3,10] [--repeats N]
//!         [--dir FOLDER] [--write docs/benchmarks.md]
//!
//! Makes files of a shop's events, a year each, imports the newest one, three and ten of them with
//! one thread, two, and so on up to all that the machine has, and asks every standard question of
//! what came of it: best of several. One of `--one-in` users is there on a day. Prints a table;
//! `--write` puts it between the marks of a page, and the picture `scaling.svg` beside that page.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod support;

use daybit::{Db, Durability, ImportOptions, Options, Query, Source};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::path::{Path, PathBuf};
use support::files::{make_parquet, path};
use support::page::{Page, grouped, machine, shown_ms};
use support::picture::{Chart, Line, Scale, draw};
use support::questions::{questions, row_questions};
use support::shop::LAST_DAY;
use support::{argument, bytes_in, milliseconds, number};
use tempfile::TempDir;

const YEAR_DAYS: i64 = 365;
/// Lines of the picture; all others are in the table only.
const DRAWN: [&str; 9] = [
    "import",
    "dau_new_york",
    "funnel7d",
    "dau_country_ios",
    "revenue_month",
    "retention_day90",
    "trailing28",
    "wau",
    "l28",
];

/// What something costs: milliseconds of each number of years, of each number of threads.
struct Cost {
    name: &'static str,
    ms: Vec<Vec<f64>>,
}

struct Setting {
    years: Vec<i64>,
    threads: Vec<usize>,
    users: u64,
    one_in: u64,
    repeats: u64,
    files: TempDir,
}

/// One thread, two, four, and so on, and all of the machine.
fn thread_counts() -> Vec<usize> {
    let all = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), |count| Some(2 * count)).take_while(|n| *n < all).collect();
    counts.push(all);
    counts
}

fn setting() -> Setting {
    let years = argument("--years").unwrap_or_else(|| "1,3,10".to_owned());
    let dir = argument("--dir").map_or_else(std::env::temp_dir, PathBuf::from);
    Setting {
        years: years.split(',').map(|years| years.parse().unwrap()).collect(),
        threads: thread_counts(),
        users: number("--users", 200_000),
        one_in: number("--one-in", 200),
        repeats: number("--repeats", 5),
        files: tempfile::tempdir_in(dir).unwrap(),
    }
}

impl Setting {
    /// The files of a year, counted back from the last one; answers how many events there are.
    fn make_year(&self, back: i64) -> u64 {
        let end = LAST_DAY + 1 - YEAR_DAYS * back;
        let days = end - YEAR_DAYS..end;
        make_parquet(self.files.path(), &back.to_string(), self.users, self.one_in, days)
    }

    fn import(&self, into: &Path, years: i64, threads: usize) -> f64 {
        let _ = std::fs::remove_dir_all(into);
        let db = Db::create(into, Options::new().durability(Durability::Os)).unwrap();
        let file = |back: i64| path(self.files.path(), &back.to_string(), "parquet");
        let sources = (0..years).rev().map(|back| Source::file(file(back))).collect();
        let options = ImportOptions::new().threads(threads);
        let import = || drop(db.import(&options, sources, &|_| {}).unwrap());
        let ms = milliseconds(|| pool(threads).install(import));
        db.close().unwrap();
        ms
    }

    fn ask(&self, db: &Db, query: &Query) -> Vec<f64> {
        let best = |threads: &usize| {
            let ask = || milliseconds(|| drop(db.query(query).unwrap()));
            let asked = (0..=self.repeats).map(|_| pool(*threads).install(ask));
            asked.fold(f64::INFINITY, f64::min)
        };
        self.threads.iter().map(best).collect()
    }
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

fn asked() -> Vec<(&'static str, Query)> {
    let all = questions().into_iter().chain(row_questions());
    all.map(|(name, query)| (name, Query::from_value(&query).unwrap())).collect()
}

/// The import and every question.
fn costs(page: &mut Page, setting: &Setting) -> Vec<Cost> {
    let most = *setting.years.iter().max().unwrap();
    let events: Vec<u64> = (0..most).map(|back| setting.make_year(back)).collect();
    let folder = setting.files.path().join("scaling.db");
    let asked = asked();
    let mut import = Cost { name: "import", ms: Vec::new() };
    let mut costs: Vec<Cost> =
        asked.iter().map(|(name, _)| Cost { name, ms: Vec::new() }).collect();
    let mut sizes = Vec::new();
    for years in &setting.years {
        let threads = setting.threads.iter();
        import.ms.push(threads.map(|n| setting.import(&folder, *years, *n)).collect());
        let events: u64 = events[..*years as usize].iter().sum();
        let megabytes = bytes_in(&folder) as f64 / 1e6;
        let events = grouped(events as f64);
        sizes.push(format!("{years} y: {events} events, {megabytes:.0} MB"));
        let db = Db::open_read_only(&folder).unwrap();
        for ((_, query), cost) in asked.iter().zip(&mut costs) {
            cost.ms.push(setting.ask(&db, query));
        }
    }
    let users = grouped(setting.users as f64);
    page.line(format!("{}; {users} users; {}.", machine(), sizes.join("; ")));
    page.line("");
    costs.insert(0, import);
    costs
}

fn table(page: &mut Page, setting: &Setting, costs: &[Cost]) {
    let both = setting.years.iter().flat_map(|years| {
        setting.threads.iter().map(move |threads| format!("{years} y, {threads} t"))
    });
    let (first, last) = (setting.years[0], setting.years[setting.years.len() - 1]);
    let most = setting.threads[setting.threads.len() - 1];
    let columns: Vec<String> = both.collect();
    page.line(format!("| ms | {} | {last} y / {first} y | 1 t / {most} t |", columns.join(" | ")));
    page.line(format!("|---|{}---|---|", "---|".repeat(columns.len())));
    for Cost { name, ms } in costs {
        let cells: Vec<String> = ms.iter().flatten().map(|ms| shown_ms(*ms)).collect();
        let (grown, faster) = (ms[ms.len() - 1][0] / ms[0][0], faster(&ms[ms.len() - 1]));
        page.line(format!("| {name} | {} | {grown:.1} | {faster:.2} |", cells.join(" | ")));
    }
}

/// How many times faster all threads are than one.
fn faster(of_threads: &[f64]) -> f64 {
    of_threads[0] / of_threads[of_threads.len() - 1]
}

fn drawn(costs: &[Cost]) -> impl Iterator<Item = &Cost> {
    DRAWN.iter().filter_map(|name| costs.iter().find(|cost| cost.name == *name))
}

/// Years against milliseconds with all threads, and threads against times faster, at most years.
fn picture(setting: &Setting, costs: &[Cost]) -> String {
    let threads = setting.threads.len() - 1;
    let years = Chart {
        title: format!("milliseconds, {} threads", setting.threads[threads]),
        x_label: "years of history".to_owned(),
        x: Scale::Logarithmic,
        y: Scale::Logarithmic,
        x_ticks: setting.years.iter().map(|years| *years as f64).collect(),
        lines: drawn(costs)
            .map(|cost| Line {
                name: cost.name.to_owned(),
                points: setting
                    .years
                    .iter()
                    .zip(&cost.ms)
                    .map(|(years, ms)| (*years as f64, ms[threads]))
                    .collect(),
            })
            .collect(),
    };
    let faster = |cost: &Cost| {
        let ms = cost.ms.last().unwrap();
        let points = setting.threads.iter().zip(ms);
        points.map(|(threads, of_threads)| (*threads as f64, ms[0] / of_threads)).collect()
    };
    let threads = Chart {
        title: "times faster than one thread".to_owned(),
        x_label: format!("threads, {} years of history", setting.years.last().unwrap()),
        x: Scale::Logarithmic,
        y: Scale::Linear,
        x_ticks: setting.threads.iter().map(|threads| *threads as f64).collect(),
        lines: drawn(costs)
            .map(|cost| Line { name: cost.name.to_owned(), points: faster(cost) })
            .collect(),
    };
    draw(&[years, threads])
}

fn main() {
    let setting = setting();
    let mut page = Page::default();
    let costs = costs(&mut page, &setting);
    table(&mut page, &setting, &costs);
    page.write_if_asked("scaling");
    if let Some(file) = argument("--write") {
        let beside = Path::new(&file).with_file_name("scaling.svg");
        std::fs::write(beside, picture(&setting, &costs)).unwrap();
    }
}

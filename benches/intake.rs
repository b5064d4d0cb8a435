//! Imports and live writes, each compared with the run before:
//!
//!     cargo bench --bench intake [-- NAME]
//!
//! `import/` reads a month of a small shop into a new database, from files of each format; `live/`
//! writes batches and waits for their receipts, without syncs, whose time is the disk's.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod support;

use criterion::{BatchSize, Criterion, Throughput};
use daybit::{Batch, Db, Durability, Event, ImportOptions, Options, Source};
use std::path::Path;
use std::time::Duration;
use support::files::{FORMATS, make, path};
use support::shop::{FIRST_DAY, Row};
use tempfile::TempDir;

const USERS: u64 = 5_000;

fn new_database(folder: &Path) -> (Db, TempDir) {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let options = Options::new().durability(Durability::Os).background(false);
    (Db::create(folder.path().join("new.db"), options).unwrap(), folder)
}

fn imports(criterion: &mut Criterion, folder: &Path) {
    let events = make(folder, "month", USERS, FIRST_DAY..FIRST_DAY + 30);
    let mut group = criterion.benchmark_group("import");
    group.throughput(Throughput::Elements(events));
    for format in FORMATS {
        let file = path(folder, "month", format);
        let import = |(db, folder): (Db, TempDir)| {
            let sources = vec![Source::file(&file)];
            let receipt = db.import(&ImportOptions::new(), sources, &|_| {}).unwrap();
            assert_eq!(receipt.accepted, events);
            (db, folder)
        };
        group.bench_function(format, |bencher| {
            bencher.iter_batched(|| new_database(folder), import, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn live(criterion: &mut Criterion, folder: &Path) {
    let mut group = criterion.benchmark_group("live");
    for size in [1, 100, 10_000] {
        let (db, _folder) = new_database(folder);
        let writer = db.writer().unwrap();
        let mut numbers = 0..;
        let mut batch = || {
            let numbers = numbers.by_ref().take(size as usize);
            Batch::new()
                .events(numbers.map(|n| Row::live(n, USERS).event()).collect::<Vec<Event>>())
        };
        group.throughput(Throughput::Elements(size));
        group.bench_function(format!("batch_of_{size}"), |bencher| {
            let write = |batch| writer.write_batch(batch).unwrap();
            bencher.iter_batched(&mut batch, write, BatchSize::PerIteration);
        });
        db.close().unwrap();
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let folder = tempfile::tempdir().unwrap();
    imports(&mut criterion, folder.path());
    live(&mut criterion, folder.path());
    criterion.final_summary();
}

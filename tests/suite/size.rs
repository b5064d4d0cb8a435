//! Small and old data, and data that comes late: files stay few.

use crate::support::{Random, folder};
use chrono::DateTime;
use daybit::{Batch, Db, Event, Options, Query};
use std::path::Path;

const DAY_S: i64 = 86_400;

fn event(random: &mut Random, day: i64) -> Event {
    let at = DateTime::from_timestamp(day * DAY_S + random.below(86_400) as i64, 0).unwrap();
    Event::new(format!("user {}", random.below(500)), "visit").at(at)
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

#[test]
fn ten_years_of_a_few_events_a_day_make_few_files() {
    let place = folder();
    let path = place.path().join("db");
    let db = Db::create(&path, Options::new()).unwrap();
    let writer = db.writer().unwrap();
    let mut random = Random(3);
    for day in 0..3_650 {
        let batch = Batch::new().events((0..20).map(|_| event(&mut random, day)));
        writer.write_batch(batch).unwrap();
        // As an application does that is restarted now and then.
        if day % 10 == 0 {
            db.flush().unwrap();
        }
    }
    db.close().unwrap();
    let count = files(&path.join("days"));
    assert!(count <= 200, "{count} day files");
    let db = Db::open(&path, Options::new()).unwrap();
    let answer = db.query(&Query::active("visit")).unwrap();
    assert_eq!(answer.buckets.len(), 3_650);
}

#[test]
fn late_events_over_many_days_flush_into_one_file() {
    let place = folder();
    let path = place.path().join("db");
    let db = Db::create(&path, Options::new()).unwrap();
    let mut random = Random(4);
    let events: Vec<Event> = (0..100_000).map(|i| event(&mut random, i % 3_000)).collect();
    db.writer().unwrap().write_batch(Batch::new().events(events)).unwrap();
    db.flush().unwrap();
    let days = std::fs::read_dir(path.join("days")).unwrap();
    let names: Vec<String> =
        days.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    let day_files = names.iter().filter(|name| name.ends_with(".day")).count();
    assert_eq!(day_files, 1, "{names:?}");
    assert_eq!(db.snapshot().unwrap().info().unwrap().events, 100_000);
}

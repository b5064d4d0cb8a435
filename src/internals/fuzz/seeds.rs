//! Inputs to begin with, as the encoders write them.

use super::files::{DATABASE, SPAN, disk_with, log_header};
use super::world::{DAY_US, create, import, on_this_thread, some_events, whole, write};
use crate::catalog::Catalog;
use crate::catalog::ledger::{LedgerEntry, LedgerFile};
use crate::catalog::manifest::Manifest;
use crate::codec::bits::{Bits, Container};
use crate::codec::{counts, ints, ranks, record};
use crate::day::block::parts::{Context, Texts, encode_column, encode_list, encode_times};
use crate::day::build::build_section;
use crate::day::file::{DayFileWriter, FileIdentity};
use crate::day::rows::{Cell, DayRows, NO_USER, Strings};
use crate::day::summary::Summary;
use crate::event::Value;
use crate::first::block::Firsts;
use crate::first::file::{FirstFile, Part};
use crate::fs::Fs;
use crate::fs::checksum::without_checksums;
use crate::fs::simulated::SimulatedFs;
use crate::query::Set;
use crate::users::UsersFile;
use crate::wal::{self, Frame};
use crate::write::bulk::Replace;
use crate::write::{Batch, Body};
use std::path::Path;

/// Seeds of a target.
type Seeds = (&'static str, Vec<Vec<u8>>);

/// Seeds by target. Each is taken whole by its target.
pub fn seeds() -> Vec<Seeds> {
    let mut all = numbers();
    all.extend(without_checksums(|| on_this_thread(files)));
    all.extend(super::seeds_of_texts());
    all.extend(workloads());
    all
}

/// The input of a target that wants 16-bit numbers before its bytes.
fn after(numbers: &[u16], bytes: &[u8]) -> Vec<u8> {
    let mut input: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    input.extend_from_slice(bytes);
    input
}

fn draws(seed: u64) -> impl Iterator<Item = u64> {
    super::super::draws(seed)
}

fn values(of: impl Fn(u64) -> i64, count: usize) -> Vec<i64> {
    draws(3).map(of).take(count).collect()
}

fn columns_of_ints() -> Vec<Vec<i64>> {
    vec![
        values(|draw| (draw % 8_000) as i64, 1_500),
        values(|draw| -((draw % 40) as i64), 30),
        (0..1_100).map(|n| 1_000_000 + n * 60).collect(),
        values(|draw| if draw % 50 == 0 { draw as i64 } else { (draw % 4) as i64 }, 1_024),
        vec![i64::MIN, i64::MAX, 0, -1],
        vec![7; 40],
    ]
}

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes);
    bytes
}

fn users() -> Vec<Vec<u16>> {
    let spread = |count: usize| {
        let mut users: Vec<u16> = draws(5).map(|draw| draw as u16).take(count).collect();
        users.sort_unstable();
        users.dedup();
        users
    };
    vec![vec![9], spread(60), spread(9_000), (100..3_000).collect(), (0..=u16::MAX).collect()]
}

fn container(lows: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let kind = Container::encode(lows, &mut bytes) as u8;
    [&[kind][..], &after(&[(lows.len() - 1) as u16], &bytes)].concat()
}

fn some_ranks(lows: &[u16], step: usize) -> Vec<u8> {
    let of = container(lows);
    let told: Vec<i64> = (0..lows.len() as i64).step_by(step).collect();
    let mut bytes = Vec::new();
    let kind = ranks::encode(lows.len(), &told, &mut bytes) as u8;
    let of_bytes = (of.len() - 3) as u16;
    let end = after(&[(told.len() - 1) as u16], &bytes);
    [&after(&[of_bytes], &of)[..], &[kind], &end].concat()
}

fn numbers() -> Vec<Seeds> {
    let ints_of = |values: &Vec<i64>| {
        let count = values.len() as u16;
        after(&[count, count / 3, count / 2], &encoded(|out| ints::encode(values, out)))
    };
    let rows = [vec![1, 1, 2, 1, 30, 1], vec![1; 50], values(|draw| 1 + draw as i64 % 9, 40)];
    let counts_of = |rows: &Vec<i64>| {
        let sum = rows.iter().sum::<i64>() as u32;
        let bytes = encoded(|out| counts::encode(rows, out));
        [&after(&[rows.len() as u16], &sum.to_le_bytes())[..], &bytes].concat()
    };
    let day =
        [values(|draw| (draw as i64) % DAY_US, 90), (0..1_200).map(|n| n * 1_000_000).collect()];
    let times_of = |times: &Vec<i64>| {
        let count = times.len() as u16;
        after(&[count, 3, count / 2], &encoded(|out| encode_times(times, out)))
    };
    let ranked = || users().into_iter().filter(|lows| lows.len() > 1 && lows.len() < 4_000);
    vec![
        ("container", users().iter().map(|lows| container(lows)).collect()),
        ("ranks", ranked().flat_map(|lows| [2, 31].map(|step| some_ranks(&lows, step))).collect()),
        ("ints", columns_of_ints().iter().map(ints_of).collect()),
        ("counts", rows.iter().map(counts_of).collect()),
        ("times", day.iter().map(times_of).collect()),
        ("strings", vec![after(&[1], &list(&["", "a", "bc", "\u{e9}"])), after(&[0], &list(&[]))]),
        ("column", columns()),
    ]
}

fn list(strings: &[&str]) -> Vec<u8> {
    encoded(|out| encode_list(strings.iter().map(|text| text.as_bytes()), out))
}

/// A page of each kind of value.
fn columns() -> Vec<Vec<u8>> {
    let mut strings = Strings::default();
    let texts: Vec<Cell> =
        (0..30).map(|n| Cell::Text(strings.code(format!("text {}", n % 7).as_bytes()))).collect();
    let codes: Vec<u32> = (0..strings.len() as u32).collect();
    let whole = |n: i64| [Cell::Integer(n), Cell::Null, Cell::Bool(n % 2 == 0)];
    let pages = [
        (texts.clone(), Texts::Coded(&codes)),
        (texts, Texts::Plain(&strings)),
        ((0..20).flat_map(whole).collect(), Texts::Coded(&[])),
        ((0..40).map(|n| Cell::Decimal(2, n * 99)).collect(), Texts::Coded(&[])),
        ((0..40).map(|n| Cell::Float(f64::from(n) * 0.25)).collect(), Texts::Coded(&[])),
        ((0..9).map(|n| Cell::Float(f64::from(n) / 3.0)).collect(), Texts::Coded(&[])),
        (vec![Cell::WideDecimal(3, 0), Cell::WideDecimal(0, 1)], Texts::Coded(&[])),
    ];
    let wide = [1 << 90, -(1 << 80)];
    let page = |(cells, texts): &(Vec<Cell>, Texts<'_>)| {
        let context = Context { texts: *texts, wide: &wide };
        let bytes = encoded(|out| assert!(encode_column(cells, &[], context, out)));
        let count = cells.len() as u16;
        [&count.to_le_bytes()[..], &[9], &after(&[1, count / 2], &bytes)].concat()
    };
    pages.iter().map(page).collect()
}

/// Rows of a day with all kinds of values, by some users or by many.
fn rows(users: u32, rows: u32) -> DayRows {
    let mut day = DayRows::default();
    for (n, draw) in (0..rows).zip(draws(8)) {
        let user = if n % 19 == 0 { NO_USER } else { (draw % u64::from(users)) as u32 * 700 };
        let activity = ["visit", "purchase", "search"][(draw / 7 % 3) as usize];
        day.push(user, activity.as_bytes(), (draw as i64 % 86_400) * 1_000_000);
        day.set(b"plan", &Value::Text(["free", "pro"][user as usize % 2].into()));
        day.set(b"page", &Value::Text(format!("/{}", draw % 40)));
        day.set(b"price", &Value::Integer(draw as i64 % 100));
        day.set(b"rate", &Value::Float(0.5 * f64::from(n)));
        if n % 3 == 0 {
            day.set(b"new", &Value::Bool(n % 2 == 0));
            day.insert_ids.push(u128::from(draw), user);
        }
    }
    day
}

fn read(disk: &SimulatedFs, path: &str) -> Vec<u8> {
    match disk.read(Path::new(path), u64::MAX) {
        Ok(bytes) => bytes,
        Err(e) => panic!("{path}: {e}"),
    }
}

fn files() -> Vec<Seeds> {
    let small = whole(build_section(SPAN, &rows(6, 20)));
    let large = whole(build_section(SPAN, &rows(150, 400)));
    let disk = disk_with("f", &[]);
    let identity = FileIdentity {
        database: DATABASE,
        generation: 1,
        sequence_first: 1,
        sequence_last: 2,
        replaces: vec![7],
    };
    let mut day = whole(DayFileWriter::create(&disk, Path::new("f/1.day"), identity));
    [&small, &large].into_iter().for_each(|section| whole(day.add(section, 1, 2)));
    let places = whole(day.finish(&disk)).places;
    let ids: Vec<String> = (0..90).map(|n| format!("user {n}")).collect();
    let ids = ids.iter().map(|id| id.as_bytes());
    whole(UsersFile::write(&disk, Path::new("f/users"), DATABASE, 1, 0, ids));
    let entry = |n: u64| LedgerEntry {
        id: u128::from(n) << 70,
        sequence: n,
        time: 5,
        bulk: n.is_multiple_of(2),
        accepted: 3,
        without_user: 1,
        duplicates: 0,
        rejected: 2,
    };
    let entries = (0..9).map(entry).collect();
    whole(LedgerFile::write(&disk, Path::new("f/ledger"), DATABASE, 1, entries));
    let mut all = vec![
        ("section", vec![small.bytes.clone(), large.bytes.clone()]),
        ("day_file", vec![read(&disk, "f/1.day")]),
        ("summary", vec![Summary { sections: places }.encode()]),
        ("users_file", vec![after(&[90], &read(&disk, "f/users"))]),
        ("ledger", vec![read(&disk, "f/ledger")]),
        ("first_seen", vec![first_seen(&disk)]),
        ("lease", vec![b"12.3000.77.00ff.lease".to_vec()]),
    ];
    all.extend(of_a_database());
    all
}

fn first_seen(disk: &SimulatedFs) -> Vec<u8> {
    let part = |activity: Option<&str>, step: u16| {
        let (mut firsts, mut users) = (Firsts::new(), Bits::EMPTY);
        for low in (0..3_000).step_by(step.into()) {
            firsts.meet(low, i32::from(low % 40) - 3);
            users.insert(low);
        }
        let block = firsts.block(&users).map(|block| (1, block));
        Ok(Part { activity: activity.map(str::to_string), blocks: block.into_iter().collect() })
    };
    let parts = [part(None, 1), part(Some("a"), 7)].into_iter();
    let entry = whole(FirstFile::write(disk, Path::new("f/first"), DATABASE, 1, parts));
    after(&[entry.directory as u16], &read(disk, "f/first"))
}

/// Records and logs, from a database that has all of them.
fn of_a_database() -> Vec<Seeds> {
    let disk = SimulatedFs::new();
    let db = create(&disk);
    let manifest = || whole(Manifest::newest(&disk, Path::new("db")));
    let database = manifest().database;
    let logged = |disk: &SimulatedFs, after| {
        let replayed = wal::replay::<Body>(disk, Path::new("db/wal"), database, after);
        replayed.map_or(Vec::new(), |replay| replay.frames)
    };
    drop(write(&db, Batch::new().id("one").events(some_events(1))));
    whole(Set::from_json(r#"{"did": "a"}"#).and_then(|set| db.save_cohort("c", &set)));
    let mut frames = logged(&disk, 0);
    disk.remember();
    whole(import(&db, "file", &some_events(2), Replace::Nothing));
    // The import's own frame goes with its log: it is there for a moment only.
    let last = frames.len() as u64;
    let moments = (0..disk.operations()).rev();
    frames.extend(
        moments
            .map(|moment| logged(&disk.at(moment), last))
            .find(|f| !f.is_empty())
            .unwrap_or_default(),
    );
    drop(write(&db, Batch::new().events(some_events(3))));
    frames.extend(logged(&disk, manifest().applied));
    assert_eq!(frames.len(), 4, "batches, a catalog, an import");
    let first = Manifest { number: 1, ..manifest() };
    let body = |frame: &Frame<Body>| encoded(|out| record::encode_onto(&frame.body, out));
    let bodies: Vec<Vec<u8>> = frames.iter().map(body).collect();
    let log = |from: usize| {
        let disk = disk_with("wal", &[]);
        let dir = Path::new("wal");
        let mut log = whole(wal::WalWriter::create(&disk, dir, DATABASE, 1, 1));
        for (sequence, frame) in (1..).zip(frames.iter().skip(from)) {
            whole(log.append(sequence, &frame.body).and_then(|()| log.sync()));
        }
        read(&disk, "wal/0000000001.wal")
    };
    let (one, header) = (log(frames.len() - 1), log_header(1).len());
    let two = log(0);
    let mut catalog = Catalog::new("Europe/Berlin", "2026e", 7, 9);
    catalog.cohorts.insert("c".into(), r#"{"did": "a"}"#.into());
    catalog.erased.push(1 << 100);
    let published = disk_with("db", &[]);
    whole(first.publish(&published, Path::new("db"), &[]));
    vec![
        ("wal_body", bodies),
        ("wal_frame", vec![one[header..].to_vec()]),
        ("wal_file", vec![[&[0][..], &after(&[two.len() as u16], &two)].concat()]),
        ("manifest", vec![read(&published, "db/MANIFEST.1")]),
        ("catalog", vec![catalog.encode()]),
    ]
}

/// Damages and operations: any bytes are some.
fn workloads() -> Vec<Seeds> {
    let bytes = |seed: u64, count: usize| draws(seed).map(|draw| draw as u8).take(count).collect();
    let some = |count: usize| (0..4).map(|seed| bytes(seed, count)).collect::<Vec<Vec<u8>>>();
    let story: Vec<u8> = [0, 5, 8, 3, 9, 6, 10, 12, 7, 5, 11, 4, 0, 10, 11, 2, 8]
        .into_iter()
        .flat_map(|operation| [operation, 2, 3, 1, 4, 8, 20, 6, 5, 30, 9])
        .collect();
    let mut operations = some(250);
    operations.push(story);
    vec![
        ("database", some(16)),
        ("database_without_checksums", vec![Vec::new(), vec![9, 9, 9]]),
        ("operations", operations),
    ]
}

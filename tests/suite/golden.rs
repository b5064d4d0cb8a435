//! Databases that were made with each format are opened and asked by every later version.
//!
//! `tests/golden/FORMAT/NAME` has the folder of a database as it lay on the disk when its writer
//! was killed (`db`), a checksum of each of its files (`files`), and what it answered
//! (`answers.ndjson`). None of it is ever written again. `GOLDEN=tests/golden/2 cargo test --test
//! suite golden` makes those of a new format.

use crate::model::Life;
use crate::oracle;
use crate::same::{assert_same, parsed};
use crate::support::{folder, save};
use chrono::DateTime;
use daybit::{Batch, Db, Durability, Event, Options, Query};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Of the format that is written now there must be some.
const NOW: &str = "1";
/// Questions asked of each.
const QUESTIONS: usize = 80;
/// Who is erased from those databases that erase somebody.
const ERASED: [&str; 3] = ["user 1", "user 4", "crowned 👑"];

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

/// All files below a folder, by their names from there.
fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut dirs = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for path in names(&dir) {
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
                all.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn checksums(root: &Path) -> String {
    files(root).iter().fold(String::new(), |mut told, (name, bytes)| {
        writeln!(told, "{:08x} {} {name}", crc32c::crc32c(bytes), bytes.len()).unwrap();
        told
    })
}

fn copy(from: &Path, to: &Path, kept: impl Fn(&str) -> bool) {
    for (name, bytes) in files(from).into_iter().filter(|(name, _)| kept(name)) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn options() -> Options {
    Options::new().durability(Durability::Os).background(false)
}

/// What a database says to a question: the answer without how it came about, or the refusal.
fn said(db: &Db, query: &Json) -> Json {
    match db.query(&Query::from_json(&query.to_string()).unwrap()) {
        Ok(answer) => {
            let mut answer = answer.to_json();
            answer.as_object_mut().unwrap().remove("info");
            json!({"answer": answer})
        }
        Err(e) => json!({"refused": format!("{:?}", e.kind())}),
    }
}

/// Whether everything that was told is told still: later versions may tell more.
fn holds(now: &Json, then: &Json) -> bool {
    match (now, then) {
        (Json::Object(now), Json::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| holds(now, then)))
        }
        (Json::Array(now), Json::Array(then)) => {
            now.len() == then.len() && now.iter().zip(then).all(|(now, then)| holds(now, then))
        }
        (now, then) => now == then,
    }
}

#[test]
fn databases_of_every_format_answer_as_they_did() {
    let mut formats = BTreeSet::new();
    for format in names(&home()).into_iter().filter(|path| path.is_dir()) {
        for golden in names(&format) {
            opened(&golden);
            formats.insert(format.file_name().unwrap().to_str().unwrap().to_string());
        }
    }
    assert!(formats.contains(NOW), "{formats:?}");
    let place = folder();
    let db = Db::create(place.path().join("db"), options()).unwrap();
    assert_eq!(db.info().unwrap().format_version.to_string(), NOW, "golden databases are missing");
}

fn opened(golden: &Path) {
    let shown = golden.display();
    let told = fs::read_to_string(golden.join("files")).unwrap();
    assert_eq!(checksums(&golden.join("db")), told, "{shown}: golden files never change");
    let place = folder();
    let root = place.path().join("db");
    copy(&golden.join("db"), &root, |_| true);
    whole(&Db::open_read_only(&root).unwrap(), golden);
    let db = Db::open(&root, options()).unwrap();
    whole(&db, golden);
    answers(&db, golden);
    exactly_once(&db, golden);
    db.compact().unwrap();
    db.close().unwrap();
    let db = Db::open_read_only(&root).unwrap();
    whole(&db, golden);
    answers(&db, golden);
}

fn whole(db: &Db, golden: &Path) {
    assert_eq!(db.verify().unwrap().damages, [], "{}", golden.display());
}

fn answers(db: &Db, golden: &Path) {
    let lines = fs::read_to_string(golden.join("answers.ndjson")).unwrap();
    assert!(lines.lines().count() >= QUESTIONS, "{}", golden.display());
    for line in lines.lines() {
        let query = &serde_json::from_str::<Json>(line).unwrap()["query"];
        let now = parsed(&said(db, query).to_string());
        let then = &parsed(line)["said"];
        assert!(holds(&now, then), "{}: {query}\n now {now}\nthen {then}", golden.display());
    }
}

fn last_event(first_day: i64) -> Event {
    let at = DateTime::from_timestamp(first_day * 86_400 + 43_200, 0).unwrap();
    Event::new("golden", "open").at(at).insert_id("golden insert id")
}

/// What every database is sent at last: a batch that has an id, of an event that has one.
fn last_batch(first_day: i64) -> Batch {
    Batch::new().id("golden batch").event(last_event(first_day))
}

/// Its batches, its events and its erased people are known again.
fn exactly_once(db: &Db, golden: &Path) {
    let told = fs::read_to_string(golden.join("told.json")).unwrap();
    let told: Json = serde_json::from_str(&told).unwrap();
    let first_day = told["first_day"].as_i64().unwrap();
    let cohorts: Vec<String> = db.cohorts().unwrap().into_iter().map(|cohort| cohort.0).collect();
    assert_eq!(json!(cohorts), told["cohorts"]);
    let writer = db.writer().unwrap();
    let again = writer.write_batch(last_batch(first_day)).unwrap();
    assert!(again.repeated && again.accepted == 1, "{}: {again:?}", golden.display());
    let other = Batch::new().id("another batch").event(last_event(first_day));
    let other = writer.write_batch(other).unwrap();
    assert_eq!((other.repeated, other.accepted, other.duplicates), (false, 0, 1));
    for erased in told["erased"].as_array().unwrap() {
        let mut event = last_event(first_day).insert_id("another insert id");
        event.user = erased.as_str().map(str::to_string);
        let refused = writer.write_batch(Batch::new().event(event)).unwrap();
        assert_eq!((refused.accepted, refused.rejected.len()), (0, 1), "{erased}");
    }
}

/// Makes the databases of a format: only where there are none.
#[test]
fn golden_databases_are_made_where_asked() {
    let Ok(to) = std::env::var("GOLDEN") else { return };
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join(to);
    assert!(!to.exists(), "{} is there: golden databases are made once", to.display());
    make(&to.join("lived"), lived(), Log::Needed, &[]);
    make(&to.join("crowded"), crowded(), Log::Flushed, &[]);
    make(&to.join("thinned"), thinned(), Log::Flushed, &ERASED);
}

/// Days in several files, late events, cohorts; the last batches are in the log only.
fn lived() -> Life {
    let mut life = Life::new(29);
    life.begin();
    for _ in 0..4 {
        (0..3).for_each(|_| life.batch());
        life.db().flush().unwrap();
    }
    life.crowd();
    life.db().flush().unwrap();
    (0..2).for_each(|_| life.batch());
    save(life.db(), "late", &json!({"did": "view"}));
    life
}

/// People beyond the first 65,536, some days of many and of few of them, ids of every form.
fn crowded() -> Life {
    let mut life = Life::new(3);
    life.begin();
    let day = life.questions.first_day;
    let at = |event: Event, day: i64, second: i64| {
        event.at(DateTime::from_timestamp(day * 86_400 + second, 0).unwrap())
    };
    let number = |n: i64| (1_000_000 + n).to_string();
    let all = (0..66_000).map(|n| at(Event::new(number(n), "open"), day + 1, 60));
    let half = (0..66_000).filter(|n| n * n % 13 < 3);
    let half = half.map(|n| at(Event::new(number(n), "view"), day + 2, n % 86_400));
    let hundred = (0..66_000).step_by(600);
    let hundred = hundred.map(|n| at(Event::new(number(n), "purchase"), day + 3, n % 7_000));
    let hundred = hundred.enumerate().map(|(n, e)| e.with("price", [1.5, 2.25][n % 2]));
    let mixed = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let forms = (0..200u64).flat_map(|n| {
        let hex = format!("{:016x}", mixed(n));
        let wide = hex.to_uppercase();
        let uuid = format!(
            "{}-{}-4{}-8{}-{}0000",
            &hex[..8],
            &hex[8..12],
            &hex[12..15],
            &hex[..3],
            &hex[4..12]
        );
        let letters: String = hex.chars().map(|c| (b'g' + c as u8 % 16) as char).collect();
        [hex, wide, uuid, letters, format!("größe {n} ✓"), format!("{n:08}")]
    });
    let forms: Vec<Event> = forms.map(|id| at(Event::new(id, "open"), day + 4, 5)).collect();
    for events in [all.collect(), half.collect(), hundred.collect(), forms] {
        let events: Vec<Event> = events;
        life.write(events.into_iter().map(|event| (event, None)).collect());
        life.db().flush().unwrap();
    }
    life
}

/// People erased, rows and days dropped.
fn thinned() -> Life {
    let mut life = Life::new(41);
    life.begin();
    (0..6).for_each(|_| life.batch());
    life.crowd();
    life.db().flush().unwrap();
    (0..3).for_each(|_| life.batch());
    let date = |days: u64| {
        let day = life.questions.first_day + i64::try_from(days).unwrap();
        DateTime::from_timestamp(day * 86_400, 0).unwrap().date_naive()
    };
    let (some, more) = (date(life.questions.days / 6), date(life.questions.days / 2));
    life.db().erase(ERASED).unwrap();
    assert!(life.db().drop_rows_before(more).unwrap().days > 0);
    assert!(life.db().drop_days_before(some).unwrap().days > 0);
    let late = |user: &str, n| {
        let time = DateTime::from_timestamp(day_start(&life) + n, 0).unwrap();
        Event::new(user, "view").at(time).with("price", 7)
    };
    let events = ["user 0", "user 2", "user 3"].iter().zip(1..).map(|(user, n)| late(user, n));
    life.db().writer().unwrap().write_batch(Batch::new().events(events)).unwrap();
    life
}

/// The first second of the day after all those of the questions.
fn day_start(life: &Life) -> i64 {
    (life.questions.first_day + i64::try_from(life.questions.days).unwrap()) * 86_400
}

/// Whether the last batches are in files too.
#[derive(PartialEq)]
enum Log {
    Flushed,
    Needed,
}

fn make(to: &Path, mut life: Life, log: Log, erased: &[&str]) {
    let first_day = day_start(&life) / 86_400;
    let receipt = life.db().writer().unwrap().write_batch(last_batch(first_day)).unwrap();
    assert_eq!((receipt.accepted, receipt.repeated), (1, false));
    if log == Log::Flushed {
        life.db().flush().unwrap();
    }
    life.oracle.events.push(oracle::Event {
        user: Some("golden".to_string()),
        activity: "open".to_string(),
        at: (first_day * 86_400 + 43_200) * 1_000_000,
        properties: Vec::new(),
    });
    let questions: Vec<Json> = (0..QUESTIONS).map(|_| life.question()).collect();
    let mut lines = String::new();
    for query in &questions {
        writeln!(lines, "{}", json!({"query": query, "said": said(life.db(), query)})).unwrap();
    }
    // The oracle knows nothing of what was dropped and erased, and is slow on many people.
    let large = life.oracle.events.len() > 10_000;
    let quick = |query: &&Json| !large || query["report"] == "active" || query["report"] == "value";
    for query in questions.iter().filter(quick).filter(|_| erased.is_empty()) {
        let answer = life.db().query(&Query::from_json(&query.to_string()).unwrap()).unwrap();
        assert_same(&life.oracle, query, &answer, &to.display().to_string());
    }
    // What only this process knows, or what a writer makes again, is not a part of the format.
    let kept = |name: &str| {
        ["days/", "users/", "first/", "ledger/", "wal/", "MANIFEST.", "catalog."]
            .iter()
            .any(|kept| name.starts_with(kept))
    };
    copy(&life.path(), &to.join("db"), kept);
    fs::write(to.join("files"), checksums(&to.join("db"))).unwrap();
    fs::write(to.join("answers.ndjson"), lines).unwrap();
    let cohorts: Vec<String> = life.db().cohorts().unwrap().into_iter().map(|c| c.0).collect();
    let told = json!({"first_day": first_day, "erased": erased, "cohorts": cohorts});
    fs::write(to.join("told.json"), format!("{told}\n")).unwrap();
}

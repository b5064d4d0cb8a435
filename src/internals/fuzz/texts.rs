//! What people write: queries, conditions, times, zones, numbers. What is read is written so that
//! it is read the same.

use super::input::Input;
use super::world::{create, figures, import, on_this_thread, some_events, whole, write};
use crate::db::Db;
use crate::event::{Decimal, Event, Value};
use crate::fs::simulated::SimulatedFs;
use crate::query::{DateArg, DurationArg, Queries, Query, Set, exact_json, queries_from_json};
use crate::time::{Bucket, INSTANT_MAX, INSTANT_MIN, TimeFormat, WeekStart, Zone};
use crate::time::{format_day, parse_day, parse_instant};
use crate::write::Batch;
use crate::write::bulk::Replace;
use serde_json::json;

/// Text of at most so many bytes: long ones show nothing that short ones do not.
const TEXT_BYTES_MAX: usize = 1 << 16;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= TEXT_BYTES_MAX)
}

/// A query that was read is written as one that is read the same.
fn comes_back(query: &Query) {
    let written = query.to_json();
    match Query::from_value(&written) {
        Ok(read) => assert_eq!(read.to_json(), written, "written anew"),
        Err(e) => panic!("{written} is not read: {e}"),
    }
}

pub(super) fn query_json(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let _ = exact_json(text);
    let read = match queries_from_json(text) {
        Ok(Queries::One(query)) => vec![Ok(*query)],
        Ok(Queries::Many(queries)) => queries,
        Err(_) => return false,
    };
    read.iter().flatten().for_each(comes_back);
    read.iter().any(Result::is_ok)
}

/// The same events in memory and in tidy files.
fn databases() -> [Db; 2] {
    let in_memory = create(&SimulatedFs::new());
    let in_files = create(&SimulatedFs::new());
    for db in [&in_memory, &in_files] {
        let events = some_events(4).into_iter().map(|event| Event { insert_id: None, ..event });
        let imported: Vec<Event> =
            events.map(|event| Event { properties: Vec::new(), ..event }).collect();
        whole(import(db, "file", &imported, Replace::Nothing));
        (1..4).for_each(|n| drop(write(db, Batch::new().events(some_events(n)))));
        whole(Set::from_json(r#"{"did": "a"}"#).and_then(|set| db.save_cohort("some", &set)));
    }
    whole(in_files.compact());
    [in_memory, in_files]
}

/// A query of a small database: its answer does not depend on where the events lie.
pub(super) fn question(data: &[u8]) -> bool {
    thread_local! {
        static DATABASES: [Db; 2] = databases();
    }
    let Some(Ok(query)) = text(data).map(Query::from_json) else { return false };
    DATABASES.with(|[in_memory, in_files]| {
        on_this_thread(|| {
            let told = |db: &Db| figures(db, &query).map_err(|e| e.to_string());
            let (one, other) = (told(in_memory), told(in_files));
            assert_eq!(one, other, "in memory and in files");
            one.is_ok()
        })
    })
}

/// The conditions of an event.
pub(super) fn condition_json(data: &[u8]) -> bool {
    let Some(Ok(conditions)) = text(data).map(exact_json) else { return false };
    let query = json!({"report": "active", "event": {"event": "a", "where": conditions}});
    let read = Query::from_value(&query);
    read.iter().for_each(comes_back);
    read.is_ok()
}

pub(super) fn set_json(data: &[u8]) -> bool {
    let Some(Ok(set)) = text(data).map(Set::from_json) else { return false };
    let written = set.to_json().to_string();
    let read = Set::from_json(&written).map(|set| set.to_json().to_string());
    assert_eq!(read.ok(), Some(written), "written anew");
    true
}

/// The name and the set of a cohort that is saved, between them a line's end.
pub(super) fn cohort_json(data: &[u8]) -> bool {
    let Some((name, set)) = text(data).and_then(|text| text.split_once('\n')) else { return false };
    let Ok(set) = Set::from_json(set) else { return false };
    let disk = SimulatedFs::new();
    let db = create(&disk);
    if db.save_cohort(name, &set).is_err() {
        return false;
    }
    whole(db.close());
    let saved = whole(super::world::open(&disk.kill()).and_then(|db| db.cohorts()));
    assert_eq!(saved.len(), 1);
    assert_eq!((&*saved[0].0, saved[0].1.to_json()), (name, set.to_json()), "saved and read");
    true
}

pub(super) fn instant(data: &[u8]) -> bool {
    let Some(Ok(at)) = text(data).map(parse_instant) else { return false };
    assert!((INSTANT_MIN..=INSTANT_MAX).contains(&at), "an instant of the supported years");
    assert_eq!(parse_instant(&Zone::utc().format(at)).ok(), Some(at), "written anew");
    true
}

pub(super) fn date(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let day = parse_day(text);
    if let Ok(day) = day {
        assert_eq!(parse_day(&format_day(day)).ok(), Some(day), "written anew");
    }
    let (start, end) = (DateArg::from(text).start(), DateArg::from(text).end());
    let civil = DateArg::from(text).civil("from");
    assert_eq!(civil.is_ok(), day.is_ok(), "a date of a query");
    let ranged = Query::active("a").from(text);
    if start.is_ok() && ranged.check().is_ok() {
        comes_back(&ranged);
    }
    start.is_ok() || end.is_ok()
}

/// The first byte says how the time is written, the second where.
pub(super) fn time(data: &[u8]) -> bool {
    let mut input = Input(data);
    let form = input.u8();
    let zone = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"];
    let zone = Zone::named(super::world::chosen(&mut input, &zone));
    let format = match (form % 4, zone) {
        (0, Ok(zone)) => TimeFormat::Text(zone),
        (1, _) => TimeFormat::EpochSeconds,
        (2, _) => TimeFormat::EpochMillis,
        _ => TimeFormat::EpochMicros,
    };
    let Ok(at) = format.parse(input.rest()) else { return false };
    assert!((INSTANT_MIN..=INSTANT_MAX).contains(&at), "an instant of the supported years");
    true
}

/// The name of a zone; eight bytes before it are an instant.
pub(super) fn zone(data: &[u8]) -> bool {
    let (at, name) = data.split_at(data.len().min(8));
    let at = at.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
    let Some(Ok(zone)) = text(name).map(Zone::named) else { return false };
    assert_eq!(Zone::named(zone.name()).ok().as_ref().map(Zone::name), Some(zone.name()));
    let at = at.clamp(INSTANT_MIN, INSTANT_MAX);
    let day = zone.day_of(at);
    assert!(zone.day_start(day) <= at && at < zone.day_start(day + 1), "an instant and its day");
    let (_, _) = (zone.clock(at), zone.local(day, at.rem_euclid(2 * super::world::DAY_US)));
    assert_eq!(parse_instant(&zone.format(at)).ok(), Some(at), "written and read");
    true
}

pub(super) fn duration(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let read = DurationArg::from(text).micros("within");
    assert!(read.as_ref().is_ok_and(|micros| *micros >= 0) || read.is_err());
    let query = Query::from_value(&json!({"report": "sessions", "gap": text}));
    query.iter().for_each(comes_back);
    read.is_ok()
}

pub(super) fn decimal(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let cell = Value::from_cell(text);
    assert_eq!(cell.to_string(), text, "a cell is written as it was");
    let Ok(number) = text.parse::<Decimal>() else { return false };
    let again = number.to_string().parse::<Decimal>();
    assert_eq!(again.ok(), Some(number), "written anew");
    let other = Decimal::from(1);
    assert_eq!(number.compare(&other), other.compare(&number).reverse());
    true
}

/// A number of JSON, as exact as it is written, or refused.
pub(super) fn number(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let condition = format!(
        r#"{{"report": "active", "event": {{"event": "a", "where": [{{"property": "p", "gt": {text}}}]}}}}"#
    );
    let read = Query::from_json(&condition);
    read.iter().for_each(comes_back);
    read.is_ok()
}

pub(super) fn bucket(data: &[u8]) -> bool {
    let Some(text) = text(data) else { return false };
    let (bucket, week) = (text.parse::<Bucket>(), text.parse::<WeekStart>());
    assert!(bucket.as_ref().is_ok_and(|bucket| bucket.as_str() == text) || bucket.is_err());
    assert!(week.as_ref().is_ok_and(|week| week.as_str() == text) || week.is_err());
    bucket.is_ok() || week.is_ok()
}

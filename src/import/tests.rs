//! Imports into real databases, and what can be wrong with them.
#![allow(clippy::unwrap_used)]

mod doors;
mod laws;
mod repeats;
#[cfg(feature = "parquet")]
mod table;

use super::*;
use crate::day::rows::{Cell, DayRows, NO_USER};
use crate::error::ErrorKind;
use crate::write::{Core, Environment, Options, recover};
use crate::{Decimal, Value};
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// A database in a folder that goes when it does.
struct Database {
    dir: tempfile::TempDir,
    core: Arc<Core>,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    time: String,
    user: Option<String>,
    activity: String,
    properties: Vec<(String, Value)>,
}

fn database(zone: &str) -> Database {
    let dir = tempfile::tempdir().unwrap();
    let (env, path) = (Environment::machine(true), dir.path().join("db"));
    let options = Options::new().time_zone(zone).background(false);
    recover::create(&env, &path, &options).unwrap();
    let (core, _) = Core::open(&env, &path, &options).unwrap();
    Database { dir, core: Arc::new(core) }
}

impl Database {
    fn import_all(&self, options: &ImportOptions, sources: Vec<Source>) -> Result<ImportReceipt> {
        import(&Writer::new(Arc::clone(&self.core)), options, sources, &|_| {})
    }

    fn import(&self, options: &ImportOptions, text: &str) -> Result<ImportReceipt> {
        self.import_all(options, vec![source("events.csv", text)])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// All rows, by day and in the order of the sections.
    fn rows(&self) -> Vec<Row> {
        let snapshot = self.core.view.snapshot().inner;
        let mut rows = Vec::new();
        for day in &snapshot.days {
            for section in day.sections.iter() {
                let stored = section.section.rows().unwrap();
                let users = |ordinal| {
                    let id =
                        (ordinal != NO_USER).then(|| snapshot.users.id(ordinal).unwrap().unwrap());
                    id.map(|id| String::from_utf8(id).unwrap())
                };
                rows.extend(rows_of(&stored, day.span.start, users));
            }
        }
        rows
    }

    /// Values of a property, in the order of `rows`.
    fn values(&self, name: &str) -> Vec<Option<Value>> {
        let find = |row: Row| row.properties.into_iter().find(|p| p.0 == name).map(|p| p.1);
        self.rows().into_iter().map(find).collect()
    }

    fn users(&self) -> u32 {
        self.core.view.snapshot().inner.users.count
    }
}

fn rows_of(rows: &DayRows, start: i64, user: impl Fn(u32) -> Option<String>) -> Vec<Row> {
    let text = |code| String::from_utf8(rows.strings.get(code).to_vec()).unwrap();
    let value = |cell| match cell {
        Cell::Null => None,
        Cell::Bool(value) => Some(Value::Bool(value)),
        Cell::Integer(value) => Some(Value::Integer(value)),
        Cell::Decimal(scale, value) => {
            Some(Value::Decimal(Decimal::new(value.into(), scale).unwrap()))
        }
        Cell::WideDecimal(scale, index) => {
            Some(Value::Decimal(Decimal::new(rows.wide[index as usize], scale).unwrap()))
        }
        Cell::Float(value) => Some(Value::Float(value)),
        Cell::Text(code) => Some(Value::Text(text(code))),
    };
    let row = |index: usize| {
        let cells = rows.columns.iter();
        let mut properties: Vec<_> =
            cells.filter_map(|c| Some((text(c.name), value(c.cell(index))?))).collect();
        properties.sort_by(|a, b| a.0.cmp(&b.0));
        Row {
            time: Zone::utc().format(start + rows.times[index]),
            user: user(rows.users[index]),
            activity: text(rows.activities[index]),
            properties,
        }
    };
    (0..rows.len()).map(row).collect()
}

fn source(name: &str, text: impl AsRef<[u8]>) -> Source {
    Source::reader(name, Box::new(Cursor::new(text.as_ref().to_vec())))
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// Lines and reasons of the rejects.
fn rejects(receipt: &ImportReceipt) -> Vec<(u64, &str)> {
    receipt.first_rejects.iter().map(|reject| (reject.line, reject.reason.as_str())).collect()
}

const HEADER: &str = "user,activity,time,value\n";

#[test]
fn cells_keep_their_own_types_and_empty_ones_are_missing() {
    let db = database("UTC");
    let text = "\u{feff}user,activity,time,value\r\n\
        a,buy,2024-01-01T00:00:01Z,12.50\r\na,buy,2024-01-01T00:00:02Z,007\r\n\
        a,buy,2024-01-01T00:00:03Z,true\r\na,buy,2024-01-01T00:00:04Z,\r\n\
        a,buy,2024-01-01T00:00:05Z,12345678901234567890.5\r\n\
        a,buy,2024-01-01T00:00:06Z,\"x,\"\"y\"\"\nz\"\r\na,buy,2024-01-01T00:00:07Z,-3";
    let receipt = db.import(&ImportOptions::new(), text).unwrap();
    assert_eq!((receipt.accepted, receipt.rejected, receipt.days, receipt.new_users), (7, 0, 1, 1));
    let decimal = |text: &str| Some(Value::Decimal(text.parse().unwrap()));
    let expected = [
        decimal("12.50"),
        Some("007".into()),
        Some(true.into()),
        None,
        decimal("12345678901234567890.5"),
        Some("x,\"y\"\nz".into()),
        Some(Value::Integer(-3)),
    ];
    assert_eq!(db.values("value"), expected);
    let expected: Vec<_> = (1..=7).map(|s| format!("2024-01-01T00:00:0{s}Z")).collect();
    assert_eq!(db.rows().into_iter().map(|row| row.time).collect::<Vec<_>>(), expected);
}

#[test]
fn users_are_texts_and_an_empty_one_is_none() {
    let db = database("UTC");
    let rows = ["NA", "0", "042", "42", "", "42"].map(|user| format!("{user},v,2024-01-01,\n"));
    let receipt = db.import(&ImportOptions::new(), &(HEADER.to_string() + &rows.concat())).unwrap();
    assert_eq!((receipt.accepted, receipt.without_user, receipt.new_users), (6, 1, 4));
    let users: Vec<_> = db.rows().into_iter().map(|row| row.user.unwrap_or_default()).collect();
    assert_eq!(users, ["NA", "0", "042", "42", "42", ""]);
}

#[test]
fn bad_rows_are_refused_with_line_and_reason_and_the_rest_goes_in() {
    let db = database("UTC");
    let (long_user, long_text) = ("u".repeat(1_025), "t".repeat(65_536));
    let bad = [
        ("a,v,2024-13-01,1", "2024-13-01"),
        ("a,v,yesterday,1", "yesterday"),
        ("a,v,,1", "there is no time"),
        ("a,v,20240301,1", "is a bare number: name its unit"),
        ("a,v,0000-01-01,1", "years 1 to 9999"),
        ("a,,2024-01-01,1", "activity is empty"),
        ("a,*,2024-01-01,1", "any activity in a query"),
        ("a,v,2024-01-01", "3 fields where the header has 4"),
        ("a,v,2024-01-01,1,2", "5 fields where the header has 4"),
        ("a\0,v,2024-01-01,1", "NUL"),
        (&format!("{long_user},v,2024-01-01,1"), "user id of 1025 bytes"),
        (&format!("a,v,2024-01-01,{long_text}"), "text of 65536 bytes"),
        (&format!("a,{},2024-01-01,1", "v".repeat(257)), "activity of 257 bytes"),
        ("a,v,\"2024-01-01\n\",1,1", "the row runs over 2 lines"),
    ];
    let good = format!(
        "b,v,2024-01-01,\"two\nlines\"\n{},{},2024-01-01T00:00:01Z,{}\n",
        &long_user[1..],
        "v".repeat(256),
        &long_text[1..]
    );
    let mut text = HEADER.to_string();
    let mut lines = Vec::new();
    for (row, _) in bad {
        lines.push(1 + text.matches('\n').count() as u64);
        text += &format!("{row}\n{good}");
    }
    let path = db.path("rejects.csv");
    let receipt = db.import(&ImportOptions::new().rejects(&path), &text).unwrap();
    assert_eq!((receipt.accepted, receipt.rejected), (2 * bad.len() as u64, bad.len() as u64));
    for ((line, reason), (expected, (_, part))) in
        rejects(&receipt).into_iter().zip(lines.iter().zip(bad))
    {
        assert_eq!(line, *expected);
        assert!(reason.contains(part), "{reason:?} does not say {part:?}");
    }
    let records: Vec<_> =
        ::csv::Reader::from_path(path).unwrap().into_byte_records().map(Result::unwrap).collect();
    assert_eq!(records.len(), bad.len());
    let raw = records.iter().map(|r| String::from_utf8(r[3].to_vec()).unwrap());
    assert_eq!(raw.collect::<Vec<_>>(), bad.map(|(row, _)| row));
}

#[test]
fn invalid_utf8_is_refused_where_it_stands() {
    let db = database("UTC");
    let text = b"user,activity,time,value,note\na,v,2024-01-01,1,\xff\n\xc3,v,2024-01-01,1,\nb,v,2024-01-01,,\n";
    let options = ImportOptions::new();
    let receipt = db.import_all(&options, vec![source("a.csv", text)]).unwrap();
    let expected = [(2, "column \"note\" is not UTF-8"), (3, "column \"user\" is not UTF-8")];
    assert_eq!((rejects(&receipt).as_slice(), receipt.accepted), (&expected[..], 1));
    // What is left out is not looked at.
    let receipt = db.import_all(&options.skip("note"), vec![source("a.csv", text)]).unwrap();
    assert_eq!((receipt.accepted, receipt.rejected), (2, 1));
}

#[test]
fn an_open_quote_is_refused_and_the_rest_goes_in() {
    let db = database("UTC");
    let text = format!("{HEADER}a,v,2024-01-01,1\nb,\"v,2024-01-01,2\nc,v,2024-01-01,3\n");
    let receipt = db.import(&ImportOptions::new(), &text).unwrap();
    assert_eq!(rejects(&receipt), [(3, "the quote that opens on line 3 is never closed")]);
    assert_eq!(receipt.accepted, 2);
    let error = db.import(&ImportOptions::new(), "user,\"activity,time\n").unwrap_err();
    assert!(error.to_string().contains("events.csv, line 1: in the header, the quote"), "{error}");
}

#[test]
fn a_source_that_cannot_be_read_leaves_the_database_as_it_was() {
    let db = database("UTC");
    let rows = "a,v,2024-01-01,1\n".repeat(5_000);
    let packed = gzip(&(HEADER.to_string() + &rows));
    let options = ImportOptions::new();
    let wrong = [
        (source("cut.csv.gz", &packed[..packed.len() - 9]), "cut.csv.gz is damaged or cut off"),
        (source("none.csv", ""), "none.csv is empty"),
        (source("blank.csv", "\n\n"), "blank.csv is empty"),
        (
            source("a.csv", "usr,activity,time\n"),
            "no column \"user\" for the user; its columns are: usr, activity, time",
        ),
        (source("a.csv", "user,activity,time,x,x\n"), "\"x\" twice (4 and 5)"),
        (Source::file("/nowhere/a.csv"), "cannot open /nowhere/a.csv"),
        (Source::file(db.dir.path()), "is a folder"),
        (source("a.parquet", "PAR1 and no more"), "a.parquet is damaged or no Parquet"),
    ];
    for (wrong, message) in wrong {
        let good = source("good.csv", HEADER.to_string() + &rows);
        let error = db.import_all(&options, vec![good, wrong]).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} does not say {message:?}");
        assert!(db.rows().is_empty());
        assert_eq!(db.users(), 0);
    }
    assert_eq!(db.import_all(&options, Vec::new()).unwrap_err().kind(), ErrorKind::Input);
    let receipt = db.import(&options, HEADER).unwrap();
    assert_eq!(receipt, ImportReceipt::default());
    assert_eq!(std::fs::read_dir(db.path("db").join("days")).unwrap().count(), 1);
}

#[test]
fn wrong_options_are_errors_before_anything_is_read() {
    let db = database("UTC");
    let new = ImportOptions::new;
    for (options, message) in [
        (new().user("time"), "\"time\" is given two meanings"),
        (new().skip("user"), "it cannot be left out"),
        (new().value_type("time", ValueType::Text), "it cannot be given a value type"),
        (new().time_zone("Mars/Base"), "Mars/Base"),
        (new().not_before("soon"), "soon"),
        (new().activity_name(""), "activity"),
        (new().batch_id(""), "batch id"),
    ] {
        let error = db.import(&options, HEADER).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} does not say {message:?}");
    }
}

#[test]
fn strict_stops_at_the_first_bad_row() {
    let db = database("UTC");
    let path = db.path("rejects.csv");
    let options = ImportOptions::new().strict(true).rejects(&path);
    let text = format!("{HEADER}a,v,2024-01-01,1\na,v,never,1\na,v,also never,1\n");
    let error = db.import(&options, &text).unwrap_err().to_string();
    assert!(error.starts_with("events.csv, line 3: time \"never\""), "{error}");
    assert!(db.rows().is_empty() && db.users() == 0 && !path.exists());
    assert_eq!(db.import(&options.strict(false), &text).unwrap().accepted, 1);
}

#[test]
fn the_same_import_again_changes_nothing() {
    let db = database("UTC");
    let text = format!("{HEADER}a,v,2024-01-01,1\n,v,2024-01-02,2\nb,v,x,3\n");
    let options = ImportOptions::new();
    let first = db.import(&options, &text).unwrap();
    assert!(!first.repeated);
    let rows = db.rows();
    for again in [
        source("events.csv", &text),
        source("other name.csv.gz", gzip(&text)),
        source("stdin", zstd::encode_all(text.as_bytes(), 3).unwrap()),
    ] {
        let again = db.import_all(&options, vec![again]).unwrap();
        assert!(again.repeated);
        assert_eq!((again.accepted, again.without_user, again.rejected), (2, 1, 1));
        assert_eq!(db.rows(), rows);
    }
    let other = db.import(&options.clone().skip("value"), &text).unwrap();
    assert!(!other.repeated && other.warnings[0].contains("they now count twice"));
    let named = options.batch_id("january");
    assert!(!db.import(&named, &text).unwrap().repeated);
    assert!(db.import(&named, HEADER).unwrap().repeated);
    assert_eq!(db.rows().len(), 6);
}

#[test]
fn where_one_file_ends_and_the_next_begins_is_part_of_the_fingerprint() {
    let db = database("UTC");
    let options = ImportOptions::new();
    let (one, two) = ("a,v,2024-01-01,1\n", "b,v,2024-01-02,2\n");
    let parts = |texts: &[String]| texts.iter().map(|text| source("x.csv", text)).collect();
    let split = [format!("{HEADER}{one}"), format!("{HEADER}{two}")];
    assert!(!db.import_all(&options, parts(&split)).unwrap().repeated);
    assert!(!db.import_all(&options, parts(&[format!("{HEADER}{one}{two}")])).unwrap().repeated);
    assert!(db.import_all(&options, parts(&split)).unwrap().repeated);
}

#[test]
fn an_insert_id_is_stored_once_a_day() {
    let db = database("UTC");
    let options = ImportOptions::new().insert_id("value");
    let text = format!(
        "{HEADER}a,v,2024-01-01,x\nb,v,2024-01-01,x\na,v,2024-01-02,x\na,v,2024-01-01,\na,v,2024-01-01,\n"
    );
    let receipt = db.import(&options, &text).unwrap();
    assert_eq!((receipt.accepted, receipt.duplicates), (4, 1));
    let more = format!("{HEADER}c,v,2024-01-01,x\nc,v,2024-01-01,y\nc,v,2024-01-03,x\n");
    let receipt = db.import(&options, &more).unwrap();
    assert_eq!((receipt.accepted, receipt.duplicates, receipt.days), (2, 1, 2));
    assert!(receipt.warnings.is_empty());
    // What is replaced makes no duplicates.
    let replacing = options.clone().replace_days(ReplaceDays::All);
    let receipt = db.import(&replacing, &more).unwrap();
    assert_eq!((receipt.accepted, receipt.duplicates, receipt.removed), (3, 0, 5));
}

#[test]
fn replaced_days_lose_their_activities_or_all() {
    let db = database("UTC");
    let options = ImportOptions::new();
    let text = format!("{HEADER}a,v,2024-01-01,1\na,w,2024-01-01,2\na,v,2024-01-02,3\n");
    db.import(&options, &text).unwrap();
    let new = format!("{HEADER}b,v,2024-01-01,9\n");
    let options = options.replace_days(ReplaceDays::Activities);
    assert_eq!(db.import(&options, &new).unwrap().removed, 1);
    let values: Vec<_> = db.values("value").into_iter().flatten().collect();
    assert_eq!(values.len(), 3);
    assert!([2, 3, 9].iter().all(|value| values.contains(&Value::Integer(*value))), "{values:?}");
    let receipt = db.import(&options.replace_days(ReplaceDays::All), &new).unwrap();
    assert_eq!((receipt.removed, receipt.warnings.len()), (2, 0));
    assert_eq!(db.rows().len(), 2);
}

#[test]
fn times_are_read_as_the_format_says() {
    let at = |options: ImportOptions, zone: &str, time: &str| {
        let db = database(zone);
        let receipt = db.import(&options, &format!("{HEADER}a,v,{time},\n")).unwrap();
        let row = db.rows().pop();
        row.map_or_else(|| receipt.first_rejects[0].reason.clone(), |row| row.time)
    };
    let auto = |time| at(ImportOptions::new(), "UTC", time);
    assert_eq!(auto("2024-03-01T09:30:00.123456789+01:00"), "2024-03-01T08:30:00.123456Z");
    assert_eq!(auto("1709285400"), "2024-03-01T09:30:00Z");
    assert_eq!(auto("1709285400123"), "2024-03-01T09:30:00.123Z");
    assert_eq!(auto("1709285400123456"), "2024-03-01T09:30:00.123456Z");
    assert_eq!(auto("1678-01-01"), "1678-01-01T00:00:00Z");
    assert_eq!(auto("2262-12-31 23:59"), "2262-12-31T23:59:00Z");
    assert_eq!(auto("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z");
    let of = |format| move |time| at(ImportOptions::new().time_format(format), "UTC", time);
    assert_eq!(of(ImportTime::Seconds)("-1.5"), "1969-12-31T23:59:58.5Z");
    assert_eq!(of(ImportTime::Millis)("5"), "1970-01-01T00:00:00.005Z");
    assert_eq!(of(ImportTime::Micros)("20240301"), "1970-01-01T00:00:20.240301Z");
    assert!(of(ImportTime::Text)("1709285400").contains("1709285400"));
    // The database's zone counts, unless another is named.
    assert_eq!(at(ImportOptions::new(), "Europe/Berlin", "2024-07-01"), "2024-06-30T22:00:00Z");
    let utc = ImportOptions::new().time_zone("UTC");
    assert_eq!(at(utc, "Europe/Berlin", "2024-07-01"), "2024-07-01T00:00:00Z");
    let skipped = at(ImportOptions::new(), "Europe/Berlin", "2024-03-31 02:30:00");
    assert_eq!(skipped, "2024-03-31T01:30:00Z");
    let doubled = at(ImportOptions::new(), "Europe/Berlin", "2024-10-27 02:30:00");
    assert_eq!(doubled, "2024-10-27T00:30:00Z");
}

#[test]
fn outliers_are_refused_by_reason() {
    let db = database("Europe/Berlin");
    let options = ImportOptions::new().not_before("2024-01-01").not_after("2024-01-31");
    let times = [
        "2023-12-31T22:59:59Z",
        "2023-12-31T23:00:00Z",
        "2024-01-31T22:59:59Z",
        "2024-01-31T23:00:00Z",
    ];
    let rows = times.map(|time| format!("a,v,{time},\n")).concat();
    let receipt = db.import(&options, &format!("{HEADER}{rows}")).unwrap();
    let reasons = rejects(&receipt);
    assert_eq!((receipt.accepted, reasons[0].0, reasons[1].0), (2, 2, 5));
    assert!(reasons[0].1.ends_with("is before 2024-01-01 (not before)"), "{}", reasons[0].1);
    assert!(reasons[1].1.ends_with("is after 2024-01-31 (not after)"), "{}", reasons[1].1);
    let options = ImportOptions::new().not_after("2024-01-31T22:59:59Z");
    assert_eq!(db.import(&options, &format!("{HEADER}{rows}")).unwrap().rejected, 1);
}

#[test]
fn types_can_be_forced() {
    let db = database("UTC");
    let text = "user,activity,time,a,b,c,d,e\nu,v,2024-01-01,7,7,7,7,1\nu,v,2024-01-01,x,1.5,1e2,1e2,TRUE\n\
        u,v,2024-01-01,,x,,,\nu,v,2024-01-01,,,x,,\nu,v,2024-01-01,,,,inf,\nu,v,2024-01-01,,,,,2\n";
    let options = ImportOptions::new()
        .value_type("a", ValueType::Text)
        .value_type("b", ValueType::Decimal)
        .value_type("c", ValueType::Float)
        .value_type("d", ValueType::Float)
        .value_type("e", ValueType::Boolean);
    let receipt = db.import(&options, text).unwrap();
    assert_eq!(rejects(&receipt).iter().map(|r| r.0).collect::<Vec<_>>(), [4, 5, 6, 7]);
    assert!(rejects(&receipt)[2].1.contains("column \"d\": \"inf\" is not a finite number"));
    assert_eq!(db.values("a"), [Some("7".into()), Some("x".into())]);
    let decimal = |text: &str| Some(Value::Decimal(text.parse().unwrap()));
    assert_eq!(db.values("b"), [decimal("7"), decimal("1.5")]);
    assert_eq!(db.values("c"), [Some(7.0.into()), Some(100.0.into())]);
    assert_eq!(db.values("e"), [Some(true.into()), Some(true.into())]);
    let whole = options.value_type("b", ValueType::Integer);
    assert!(
        rejects(&db.import(&whole, text).unwrap())[0].1.contains("\"1.5\" is not a whole number")
    );
}

#[test]
fn lines_of_json_keep_their_values() {
    let db = database("UTC");
    let text = r#"{"user": 7, "activity": "v", "time": 1709285400, "a": 1, "b": 0.10, "c": null, "d": {"x": [1, 2]}}

{"time": "2024-03-01T09:30:01Z", "activity": "v\u00e9", "a": "1", "b": 1e3, "d": false, "user": null}
not json
{"user": "u", "activity": "v"}
{"user": "u", "activity": "v", "time": "2024-03-01", "time": "2024-03-01"}
{"user": 1.5, "activity": "v", "time": "2024-03-01"}
{"user": "u", "activity": "v", "time": "2024-03-01", "a": 1, "a": 2}
{"user": "u\u0000", "activity": "v", "time": "2024-03-01"}
[1]
{"user": "u", "activity": ["v"], "time": "2024-03-01"}"#;
    let receipt = db.import_all(&ImportOptions::new(), vec![source("a.ndjson", text)]).unwrap();
    let rejected = rejects(&receipt);
    assert_eq!(rejected.iter().map(|r| r.0).collect::<Vec<_>>(), [4, 5, 6, 7, 8, 9, 10, 11]);
    for ((_, reason), part) in rejected.iter().zip([
        "not a JSON object",
        "there is no field \"time\"",
        "\"time\" is given twice",
        "the number 1.5, which is not whole",
        "\"a\" is given twice",
        "NUL",
        "not a JSON object",
        "neither text nor a number",
    ]) {
        assert!(reason.contains(part), "{reason:?} does not say {part:?}");
    }
    assert_eq!((receipt.accepted, receipt.without_user, receipt.warnings.len()), (2, 1, 0));
    assert_eq!(db.rows()[0].user.as_deref(), Some("7"));
    assert_eq!(db.rows()[1].activity, "v\u{e9}");
    assert_eq!(db.values("a"), [Some(1.into()), Some("1".into())]);
    assert_eq!(db.values("b"), [Some("0.10".parse::<Decimal>().unwrap().into()), Some(1e3.into())]);
    assert_eq!(db.values("c"), [None, None]);
    assert_eq!(db.values("d"), [Some("{\"x\": [1, 2]}".into()), Some(false.into())]);
    let receipt = db.import_all(&ImportOptions::new().user("who"), vec![source("a.ndjson", text)]);
    assert!(receipt.unwrap().warnings[0].contains("no row has a field \"who\""));
}

#[test]
fn a_constant_activity_and_unnamed_columns() {
    let db = database("UTC");
    let text = ",user,time,country\n0,a,2024-01-01,DE\n1,b,2024-01-01,FR\n";
    let receipt = db.import(&ImportOptions::new().activity_name("buy"), text).unwrap();
    assert_eq!(receipt.warnings, ["events.csv: column 1 has no name and was left out"]);
    assert_eq!(db.rows()[1].activity, "buy");
    assert_eq!(db.rows()[1].properties, [("country".to_string(), "FR".into())]);
    let tabs = "user\tactivity\ttime\tnote\na\tv\t2024-01-02\t\"x\ty\"\n";
    db.import_all(&ImportOptions::new(), vec![source("a.tsv", tabs)]).unwrap();
    assert_eq!(db.rows()[2].properties, [("note".to_string(), "x\ty".into())]);
}

#[test]
fn progress_ends_at_the_end() {
    let db = database("UTC");
    let path = db.path("a.csv.gz");
    std::fs::write(&path, gzip(format!("{HEADER}{}", "a,v,2024-01-01,1\n".repeat(100_000))))
        .unwrap();
    let told = std::sync::Mutex::new(Vec::new());
    let writer = Writer::new(Arc::clone(&db.core));
    let options = ImportOptions::new();
    import(&writer, &options, vec![Source::file(&path)], &|p| told.lock().unwrap().push(p))
        .unwrap();
    let told = told.into_inner().unwrap();
    let reading: Vec<_> = told.iter().filter(|p| p.stage == ImportStage::Reading).collect();
    let length = path.metadata().unwrap().len();
    assert!(reading.len() > 1 && reading.iter().all(|p| p.bytes_total == Some(length)));
    assert!(reading.is_sorted_by_key(|p| (p.bytes, p.rows)));
    let last = told.last().unwrap();
    assert_eq!((last.stage, last.rows, last.bytes), (ImportStage::Building, 100_000, length));
}

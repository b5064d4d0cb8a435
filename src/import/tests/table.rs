//! Parquet files of every type that is taken, and some that are not.

use super::*;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{ListBuilder, StringDictionaryBuilder, UInt32Builder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};

pub(super) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    compressed(columns, Compression::UNCOMPRESSED)
}

fn compressed(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn times(count: i64) -> ArrayRef {
    let base = 1_709_285_400_000;
    Arc::new(
        TimestampMillisecondArray::from_iter_values((0..count).map(|i| base + i))
            .with_timezone("UTC"),
    )
}

fn users(users: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(users.to_vec()))
}

fn base(rows: usize) -> Vec<(&'static str, ArrayRef)> {
    let activity: ArrayRef = Arc::new(StringArray::from(vec!["v"; rows]));
    vec![
        ("user", users(&vec![Some("u"); rows])),
        ("activity", activity),
        ("time", times(rows as i64)),
    ]
}

fn with(rows: usize, more: Vec<(&'static str, ArrayRef)>) -> Vec<u8> {
    parquet(base(rows).into_iter().chain(more).collect())
}

fn file(db: &Database, bytes: &[u8]) -> Source {
    let path = db.path("a.parquet");
    std::fs::write(&path, bytes).unwrap();
    Source::file(path)
}

#[test]
fn columns_may_be_compressed() {
    for compression in [
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ] {
        let db = database("UTC");
        let file = file(&db, &compressed(base(5_000), compression));
        let receipt = db.import_all(&ImportOptions::new(), vec![file]).unwrap();
        assert_eq!(receipt.accepted, 5_000, "{compression:?}");
    }
}

#[test]
fn every_type_keeps_its_values() {
    let db = database("UTC");
    let mut codes = StringDictionaryBuilder::<Int32Type>::new();
    codes.append_value("DE");
    codes.append_null();
    let max = i64::MAX as u64;
    let bytes = with(
        2,
        vec![
            ("bool", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("tiny", Arc::new(Int8Array::from(vec![Some(-5), None]))),
            ("big", Arc::new(UInt64Array::from(vec![max, max + 1]))),
            ("float", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
            ("single", Arc::new(Float32Array::from(vec![Some(0.5), None]))),
            (
                "money",
                Arc::new(
                    Decimal128Array::from(vec![Some(12_345_678_901_234_567_890), Some(250)])
                        .with_precision_and_scale(38, 2)
                        .unwrap(),
                ),
            ),
            ("text", users(&[Some("007"), None])),
            ("code", Arc::new(codes.finish())),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"xyz"[..], b""]))),
            ("date", Arc::new(Date32Array::from(vec![Some(0), None]))),
            (
                "at",
                Arc::new(
                    TimestampMicrosecondArray::from(vec![Some(-1), None]).with_timezone("UTC"),
                ),
            ),
            ("local", Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None]))),
        ],
    );
    let receipt = db.import_all(&ImportOptions::new(), vec![file(&db, &bytes)]).unwrap();
    assert_eq!((receipt.accepted, receipt.rejected), (2, 0), "{receipt:?}");
    let decimal = |text: &str| Some(Value::Decimal(text.parse().unwrap()));
    let expected: [(&str, [Option<Value>; 2]); 12] = [
        ("bool", [Some(true.into()), None]),
        ("tiny", [Some((-5).into()), None]),
        ("big", [Some(i64::MAX.into()), decimal("9223372036854775808")]),
        ("float", [Some(0.1.into()), None]),
        ("single", [Some(0.5.into()), None]),
        ("money", [decimal("123456789012345678.90"), decimal("2.50")]),
        ("text", [Some("007".into()), None]),
        ("code", [Some("DE".into()), None]),
        ("bytes", [Some("xyz".into()), Some("".into())]),
        ("date", [Some("1970-01-01".into()), None]),
        ("at", [Some("1969-12-31T23:59:59.999999Z".into()), None]),
        ("local", [Some("1970-01-01T00:00:00".into()), None]),
    ];
    for (name, values) in expected {
        assert_eq!(db.values(name), values, "{name}");
    }
}

#[test]
fn ids_and_times_of_several_types() {
    let db = database("Europe/Berlin");
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(42), None]));
    let activity: ArrayRef = Arc::new(BinaryArray::from(vec![&b"v"[..], b"\xff"]));
    let local: ArrayRef =
        Arc::new(TimestampNanosecondArray::from(vec![1_719_792_000_000_000_999; 2]));
    let bytes = parquet(vec![("user", ids), ("activity", activity), ("time", local)]);
    let options = ImportOptions::new();
    let receipt = db.import_all(&options, vec![source("stdin", gzip(&bytes))]).unwrap();
    assert_eq!(rejects(&receipt), [(2, "the bytes are not UTF-8")]);
    let row = db.rows().pop().unwrap();
    // 00:00 on 2024-07-01 by the clock of Berlin; finer digits are cut.
    assert_eq!((row.user.as_deref(), row.time.as_str()), (Some("42"), "2024-06-30T22:00:00Z"));
    assert!(db.import_all(&options, vec![file(&db, &bytes)]).unwrap().repeated);
    for (time, expected) in [
        (Arc::new(Date32Array::from(vec![19_905])) as ArrayRef, "2024-06-30T22:00:00Z"),
        (Arc::new(Int64Array::from(vec![1_719_784_800])), "2024-06-30T22:00:00Z"),
        (users(&[Some("2024-07-01 00:30")]), "2024-06-30T22:30:00Z"),
    ] {
        let db = database("Europe/Berlin");
        let mut columns = base(1);
        columns[2].1 = time;
        db.import_all(&options, vec![file(&db, &parquet(columns))]).unwrap();
        assert_eq!(db.rows()[0].time, expected);
    }
}

#[test]
fn rows_that_cannot_be_kept_are_refused() {
    let db = database("UTC");
    let bytes = with(
        4,
        vec![("x", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, 1.0, -0.0])))],
    );
    let receipt = db.import_all(&ImportOptions::new(), vec![file(&db, &bytes)]).unwrap();
    assert_eq!(receipt.accepted, 2);
    let reasons = rejects(&receipt);
    assert_eq!((reasons[0].0, reasons[1].0), (1, 2));
    assert!(reasons[0].1.contains("column \"x\": the value NaN"), "{}", reasons[0].1);
    let mut wrong = base(3);
    let long = "u".repeat(1_025);
    wrong[0].1 = users(&[Some("a\0"), Some(&long), Some(&long[1..])]);
    let receipt = db.import_all(&ImportOptions::new(), vec![file(&db, &parquet(wrong))]).unwrap();
    let reasons = rejects(&receipt);
    assert!(reasons[0].1.contains("NUL") && reasons[1].1.contains("1025 bytes"), "{reasons:?}");
    assert_eq!((receipt.accepted, receipt.new_users), (1, 1));
    let strict = ImportOptions::new().strict(true);
    let error = database("UTC").import_all(&strict, vec![file(&db, &bytes)]).unwrap_err();
    assert!(error.to_string().contains("a.parquet, line 1"), "{error}");
    let mut far = base(1);
    far[2].1 = Arc::new(TimestampMillisecondArray::from(vec![i64::MAX]).with_timezone("UTC"));
    let receipt = db.import_all(&ImportOptions::new(), vec![file(&db, &parquet(far))]).unwrap();
    assert!(rejects(&receipt)[0].1.contains("years 1 to 9999"));
}

#[test]
fn other_types_are_named_and_can_be_skipped() {
    let db = database("UTC");
    let mut list = ListBuilder::new(UInt32Builder::new());
    list.append_value([Some(1)]);
    let bytes = with(1, vec![("tags", Arc::new(list.finish()))]);
    let options = ImportOptions::new();
    let error = db.import_all(&options, vec![file(&db, &bytes)]).unwrap_err().to_string();
    assert!(
        error.contains("column \"tags\": values of type List") && error.contains("skip"),
        "{error}"
    );
    let options = options.skip("tags");
    assert_eq!(db.import_all(&options, vec![file(&db, &bytes)]).unwrap().accepted, 1);
    for (index, message) in [(0, "no ids or names"), (1, "no ids or names"), (2, "are no times")] {
        let mut columns = base(1);
        columns[index].1 = Arc::new(BooleanArray::from(vec![true]));
        let plain = ImportOptions::new();
        let error = db.import_all(&plain, vec![file(&db, &parquet(columns))]).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    let error = db.import_all(&options, vec![file(&db, &bytes[..bytes.len() - 20])]).unwrap_err();
    assert!(error.to_string().contains("a.parquet is damaged or no Parquet"), "{error}");
}

#[test]
fn forced_types_apply() {
    let db = database("UTC");
    let bytes = with(
        2,
        vec![
            ("zip", Arc::new(Int64Array::from(vec![7, 8]))),
            ("price", users(&[Some("1.50"), Some("x")])),
        ],
    );
    let options = ImportOptions::new()
        .value_type("zip", ValueType::Text)
        .value_type("price", ValueType::Decimal);
    let receipt = db.import_all(&options, vec![file(&db, &bytes)]).unwrap();
    assert_eq!((receipt.accepted, rejects(&receipt)[0].0), (1, 2));
    assert_eq!(db.values("zip"), [Some("7".into())]);
    assert_eq!(db.values("price"), [Some(Value::Decimal("1.50".parse().unwrap()))]);
}

/// `days` days of `rows` rows, in the order of their times.
fn days_in_order(days: i64, rows: i64) -> Vec<u8> {
    let count = days * rows;
    let times = (0..count).map(|i| 1_704_067_200_000 + i * 86_400_000 / rows);
    let texts = |text: &dyn Fn(i64) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..count).map(text)))
    };
    parquet(vec![
        ("user", texts(&|i| format!("u{}", i % 997))),
        ("activity", texts(&|i| format!("a{}", i % 3))),
        ("time", Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC"))),
        ("id", texts(&|i| format!("{}", i % (count / 2)))),
    ])
}

#[test]
fn days_are_built_while_the_file_is_read_on() {
    let db = database("UTC");
    let bytes = days_in_order(100, 2_000);
    let path = db.path("a.parquet");
    std::fs::write(&path, &bytes).unwrap();
    let (writer, built) = (Writer::new(Arc::clone(&db.core)), std::sync::Mutex::new(Vec::new()));
    let options = ImportOptions::new().memory_bytes(2 << 20);
    let tell = |progress: Progress| {
        let is_building = progress.stage == ImportStage::Building;
        is_building.then(|| built.lock().unwrap().push(progress.rows));
    };
    let receipt = import(&writer, &options, vec![Source::file(&path)], &tell).unwrap();
    assert_eq!((receipt.accepted, receipt.days, receipt.new_users), (200_000, 100, 997));
    let first = built.into_inner().unwrap()[0];
    assert!(first > 100_000, "only {first} rows were built when the last was read");
    let snapshot = db.core.view.snapshot().inner;
    assert!(snapshot.days.iter().all(|day| day.sections.len() == 1));
}

#[test]
fn an_insert_id_of_a_table_is_stored_once_a_day_whatever_the_memory() {
    let bytes = days_in_order(4, 500);
    for memory in [64 << 20, 50_000, 2_000] {
        let db = database("UTC");
        // The same ids on two days are two events each.
        let options = ImportOptions::new().insert_id("id").memory_bytes(memory).threads(3);
        let receipt = db.import_all(&options, vec![file(&db, &bytes)]).unwrap();
        assert_eq!((receipt.accepted, receipt.duplicates), (2_000, 0));
        let again = options.clone().batch_id("again");
        let receipt = db.import_all(&again, vec![file(&db, &bytes)]).unwrap();
        assert_eq!((receipt.accepted, receipt.duplicates), (0, 2_000));
        let sources = vec![source("a.parquet", &bytes), source("b.parquet", &bytes)];
        let receipt = database("UTC").import_all(&options, sources).unwrap();
        assert_eq!((receipt.accepted, receipt.duplicates), (2_000, 2_000));
    }
}

#[test]
fn a_batch_over_many_days_goes_to_each_of_them() {
    let db = database("UTC");
    let count = 900i64;
    let times = (0..count).map(|i| 1_704_067_200_000 + i * 7 % 30 * 86_400_000 + i);
    let notes = (0..count).map(|i| (i % 4 != 0).then(|| format!("note {}", i % 50)));
    let bytes = parquet(vec![
        ("user", users(&vec![Some("u"); count as usize])),
        ("activity", Arc::new(StringArray::from(vec!["v"; count as usize]))),
        ("time", Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC"))),
        ("note", Arc::new(StringArray::from_iter(notes))),
        ("at", Arc::new(Int64Array::from_iter_values(0..count))),
    ]);
    let receipt = db.import_all(&ImportOptions::new(), vec![file(&db, &bytes)]).unwrap();
    assert_eq!((receipt.accepted, receipt.days), (900, 30));
    for row in db.rows() {
        let Some((_, Value::Integer(at))) = row.properties.first().cloned() else {
            panic!("{row:?}")
        };
        let day = at * 7 % 30 + 1;
        assert!(row.time.starts_with(&format!("2024-01-{day:02}")), "{row:?}");
        let note = row.properties.get(1).map(|(_, note)| note.clone());
        assert_eq!(note, (at % 4 != 0).then(|| format!("note {}", at % 50).as_str().into()));
    }
}

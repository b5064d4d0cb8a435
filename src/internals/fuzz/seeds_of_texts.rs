//! Texts to begin with.

/// As much as one folder of queries shows.
const QUERIES: &[&str] = &[
    r#"{"report": "active", "by": "week", "event": "a", "from": "1970-01-01", "trailing": 28}"#,
    r#"{"report": "active", "event": {"event": "a", "where": [{"property": "plan", "in": ["p1",
        "p2"]}]}, "breakdown": ["plan"], "top": 3}"#,
    r#"{"report": "growth", "event": {"any": ["a", "b"]}, "by": "day", "week_start": "sunday"}"#,
    r#"{"report": "retention", "start": "a", "return": "b", "by": "day", "columns": 4}"#,
    r#"{"report": "retention", "start": "a", "by": "day", "brackets": [1, 3],
        "cohort": "recurring"}"#,
    r#"{"report": "stickiness", "trailing": null, "by": "month"}"#,
    r#"{"report": "frequency", "event": "a", "interval": "week", "at_least": 2}"#,
    r#"{"report": "states", "by": "day"}"#,
    r#"{"report": "funnel", "steps": ["a", {"event": "b", "where": [{"property": "price",
        "gte": 2}]}], "within": "2d"}"#,
    r#"{"report": "paths", "start": "a", "depth": 3, "within": "2h"}"#,
    r#"{"report": "sessions", "gap": "30m", "by": "hour", "time_zone": "Asia/Tokyo",
        "duration_edges": ["5m"]}"#,
    r#"{"report": "value", "event": "a", "property": "price", "measure": "sum", "by": "day"}"#,
    r#"{"report": "value", "event": "b", "property": "rate", "measure": "median",
        "breakdown": ["page"]}"#,
    r#"{"report": "balance", "event": "a", "property": "price", "by": "day"}"#,
    r#"{"report": "survey", "event": "a", "property": "price", "kind": "nps"}"#,
    r#"{"report": "adoption", "features": ["a", "b"], "by": "day"}"#,
    r#"{"report": "count", "users": {"cohort": "some"}}"#,
    r#"{"report": "count", "users": {"funnel": {"report": "funnel", "steps": ["a", "b"]},
        "reached": 1}}"#,
    r#"{"report": "funnel", "steps": ["a", "b"], "by": "day", "exclude": [{"event": "c",
        "after": 1, "before": 2}]}"#,
    r#"{"report": "value", "event": "a", "measure": "share", "of": "*", "breakdown": ["plan",
        "new"]}"#,
    r#"{"report": "users", "users": {"did": "b", "at_least": 2}, "limit": 5, "with": ["days",
        "last"], "order_by": "days"}"#,
    r#"{"report": "active", "users": {"and": [{"did": "a"}, {"not": {"ids": ["user 1"]}}]}}"#,
    r#"{"report": "active", "from": "-28d", "to": "today", "as_of": "1970-01-05T00:00:00Z"}"#,
];

const CONDITIONS: &[&str] = &[
    r#"[{"property": "plan", "is": "p1"}]"#,
    r#"[{"property": "price", "gt": 2.50}, {"property": "plan", "exists": false}]"#,
    r#"[{"any_of": [{"property": "page", "contains": "/1"}, {"property": "new", "is": true}]}]"#,
    r#"[{"property": "price", "not_in": [1, {"decimal": "0.10"}, "x"]}]"#,
];

const SETS: &[&str] = &[
    r#"{"did": "a", "at_least": 2, "from": "1970-01-01"}"#,
    r#"{"or": [{"ids": ["user 1", "user 2"]}, {"not": {"did": "b"}}]}"#,
    r#"{"first_did": "a", "from": "1970-01-02", "to": "1970-01-04"}"#,
    r#"{"did": {"event": "a", "where": [{"property": "plan", "is": "p1"}]}}"#,
];

fn of(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// With bytes before each.
fn behind(front: &[u8], texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| [front, text.as_bytes()].concat()).collect()
}

pub(super) fn seeds_of_texts() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let local = ["2024-03-31 02:30:00", "2024-10-27T02:30", "2024-01-01"];
    let mut times = behind(&[0, 1], &local);
    times.extend(behind(&[1, 0], &["1700000000.25", "-5"]));
    let all = vec![
        ("time", times),
        ("query_json", of(QUERIES)),
        ("question", of(QUERIES)),
        ("condition_json", of(CONDITIONS)),
        ("set_json", of(SETS)),
        ("cohort_json", behind(b"people who come back\n", SETS)),
        ("instant", of(&["2024-03-01T09:30:00.125Z", "1999-12-31 23:59:60+05:30"])),
        ("date", of(&["2024-02-29", "-28d", "today", "-6m"])),
        ("zone", behind(&[0; 8], &["Europe/Berlin", "utc", "America/St_Johns", "Pacific/Apia"])),
        ("duration", of(&["30m", "14d", "1000000000000s"])),
        ("decimal", of(&["-12.50", "0", "99999999999999999999999999999999999999", "0.000"])),
        ("number", of(&["2.50", "1e3", "-0", r#"{"decimal": "0.10"}"#, "9007199254740992"])),
        ("bucket", of(&["day", "quarter", "sunday"])),
    ];
    #[cfg(feature = "import")]
    let all = [all, of_imports()].concat();
    all
}

#[cfg(feature = "import")]
const CSV: &str = "user,activity,time,price,plan,note\n\
    anna,purchase,2024-03-01T09:30:00Z,12.50,pro,\"a \"\"b\"\"\nc\"\n\
    ben,visit,2024-03-02,,free,\n,visit,1709370000,7,,x\n";

#[cfg(feature = "import")]
const NDJSON: &str = "{\"user\": \"anna\", \"activity\": \"a\", \"time\": \"2024-03-01\", \"price\": 2.5}\n\
    {\"user\": \"ben\", \"activity\": \"b\", \"time\": 1709370000, \"plan\": \"p\\u00e9\", \"new\": true}\n";

#[cfg(feature = "import")]
fn of_imports() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let gzipped = gzip.write_all(CSV.as_bytes()).and_then(|()| gzip.finish()).unwrap_or_default();
    let zstd = zstd::encode_all(NDJSON.as_bytes(), 1).unwrap_or_default();
    let tabs = CSV.replace(',', "\t");
    let all = vec![
        ("csv", [behind(&[0], &[CSV]), behind(&[4], &[CSV]), behind(&[130], &[&tabs])].concat()),
        ("ndjson", [behind(&[0], &[NDJSON]), behind(&[5], &[NDJSON])].concat()),
        ("packed", vec![[&[0][..], &gzipped].concat(), [&[0][..], &zstd].concat()]),
    ];
    #[cfg(feature = "parquet")]
    let all = [
        all,
        vec![(
            "parquet",
            vec![[&[0][..], &parquet(true)].concat(), [&[0][..], &parquet(false)].concat()],
        )],
    ]
    .concat();
    all
}

/// A small file, its pages compressed or not.
#[cfg(feature = "parquet")]
fn parquet(compressed: bool) -> Vec<u8> {
    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;
    use std::sync::Arc;
    let texts = |text: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter((0..20).map(|n| (n % 5 > 0).then(|| format!("{text}{n}")))))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("user", texts("u")),
        ("activity", Arc::new(StringArray::from_iter_values((0..20).map(|_| "a")))),
        ("time", Arc::new(Int64Array::from_iter_values((0..20).map(|n| 1_709_370_000 + n)))),
        ("price", Arc::new(Float64Array::from_iter_values((0..20).map(f64::from)))),
        ("plan", texts("p")),
    ];
    let compression = if compressed { Compression::SNAPPY } else { Compression::UNCOMPRESSED };
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let written = RecordBatch::try_from_iter(columns).map_err(Into::into).and_then(|batch| {
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.close()
    });
    assert!(written.is_ok(), "{:?}", written.err());
    bytes
}

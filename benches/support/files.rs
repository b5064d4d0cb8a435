//! The shop's events in files of every format that imports read.

use super::shop::{Row, day_of, sparse_day_of};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const FORMATS: [&str; 3] = ["csv", "ndjson", "parquet"];

fn time_text(row: &Row) -> String {
    let time = chrono::DateTime::from_timestamp_millis(row.time).unwrap();
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let texts = |of: &dyn Fn(&Row) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let times = TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.time));
    let values: Float64Array = rows.iter().map(|row| row.value).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("user", texts(&Row::id), false),
        ("activity", texts(&|row| row.activity().to_owned()), false),
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef, false),
        ("value", Arc::new(values) as ArrayRef, true),
        ("country", texts(&|row| row.country().to_owned()), false),
        ("platform", texts(&|row| row.platform().to_owned()), false),
    ])
    .unwrap()
}

/// The file of a name in a format.
pub fn path(dir: &Path, name: &str, format: &str) -> PathBuf {
    dir.join(format!("{name}.{format}"))
}

/// Writes the rows of some days in all formats; answers how many there are.
pub fn make(dir: &Path, name: &str, users: u64, days: Range<i64>) -> u64 {
    let [mut csv, mut ndjson] = ["csv", "ndjson"].map(|format| create(dir, name, format));
    let mut parquet = parquet_writer(dir, name);
    writeln!(csv, "user,activity,time,value,country,platform").unwrap();
    let mut count = 0;
    for day in days {
        let rows = day_of(day, users);
        for row in &rows {
            write_csv(&mut csv, row);
            write_ndjson(&mut ndjson, row);
        }
        parquet.write(&batch(&rows)).unwrap();
        count += rows.len() as u64;
    }
    parquet.close().unwrap();
    csv.flush().unwrap();
    ndjson.flush().unwrap();
    count
}

/// Writes only a Parquet file, of days on which one of so many users is there.
pub fn make_parquet(dir: &Path, name: &str, users: u64, one_in: u64, days: Range<i64>) -> u64 {
    let mut parquet = parquet_writer(dir, name);
    let mut count = 0;
    for day in days {
        let rows = sparse_day_of(day, users, one_in);
        parquet.write(&batch(&rows)).unwrap();
        count += rows.len() as u64;
    }
    parquet.close().unwrap();
    count
}

fn create(dir: &Path, name: &str, format: &str) -> BufWriter<File> {
    BufWriter::new(File::create(path(dir, name, format)).unwrap())
}

fn parquet_writer(dir: &Path, name: &str) -> ArrowWriter<BufWriter<File>> {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let file = create(dir, name, "parquet");
    ArrowWriter::try_new(file, batch(&[]).schema(), Some(properties)).unwrap()
}

fn write_csv(csv: &mut impl Write, row: &Row) {
    let (user, activity, time) = (row.id(), row.activity(), time_text(row));
    let (country, platform) = (row.country(), row.platform());
    let mut value = String::new();
    row.value.iter().for_each(|number| write!(value, "{number:?}").unwrap());
    writeln!(csv, "{user},{activity},{time},{value},{country},{platform}").unwrap();
}

fn write_ndjson(ndjson: &mut impl Write, row: &Row) {
    let line = json!({
        "user": row.id(), "activity": row.activity(), "time": time_text(row), "value": row.value,
        "country": row.country(), "platform": row.platform(),
    });
    writeln!(ndjson, "{line}").unwrap();
}

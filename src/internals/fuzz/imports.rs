//! Files that people bring.

use super::input::Input;
use super::world::{environment, whole};
use crate::db::Db;
use crate::fs::simulated::SimulatedFs;
use crate::import::{ImportFormat, ImportOptions, ImportTime, Source, ValueType};
use crate::write::Options;
use std::io::Cursor;
use std::path::PathBuf;

/// Rows beyond this many show nothing new.
const BYTES_MAX: usize = 1 << 16;

/// A folder of this process for the files that an import writes past the database's disk.
fn root() -> PathBuf {
    let root = std::env::temp_dir().join(format!("daybit-fuzz-{}", std::process::id()));
    let made = std::fs::create_dir_all(root.join("spill"));
    assert!(made.is_ok(), "{made:?}");
    root
}

/// The first byte chooses among the options.
fn options(choice: u8) -> ImportOptions {
    let options = ImportOptions::new().threads(1);
    match choice % 6 {
        0 | 1 => options,
        2 => options.insert_id("id").time_format(ImportTime::Seconds),
        3 => options.activity_name("visit").time_format(ImportTime::Text).time_zone("Asia/Tokyo"),
        4 => options.value_type("price", ValueType::Decimal).value_type("plan", ValueType::Text),
        _ => options.skip("plan").not_before("1970-01-02").not_after("2030-01-01"),
    }
}

/// What the receipt counts is stored, and no bad row is both.
fn import(data: &[u8], format: Option<ImportFormat>, name: &str) -> bool {
    let mut input = Input(data);
    let (choice, bytes) = (input.u8(), input.rest());
    if bytes.len() > BYTES_MAX {
        return false;
    }
    let disk = SimulatedFs::new();
    let zone = Options::new().background(false).time_zone("Europe/Berlin");
    let db = whole(Db::create_in(&environment(&disk), &root(), zone));
    let options = options(choice);
    let options = format.map_or(options.clone(), |format| options.format(format));
    let source = Source::reader(name, Box::new(Cursor::new(bytes.to_vec())));
    let Ok(receipt) = db.import(&options, vec![source], &|_| {}) else { return false };
    let stored = whole(db.snapshot().and_then(|snapshot| snapshot.info())).events;
    assert_eq!(stored, receipt.accepted, "what is counted and what is stored");
    assert!(receipt.first_rejects.len() as u64 <= receipt.rejected);
    let damages = whole(db.verify()).damages;
    assert!(damages.is_empty(), "{damages:?}");
    receipt.accepted > 0
}

pub(super) fn csv(data: &[u8]) -> bool {
    let format = if data.first().is_some_and(|choice| choice & 128 != 0) {
        ImportFormat::Tsv
    } else {
        ImportFormat::Csv
    };
    import(data, Some(format), "events")
}

pub(super) fn ndjson(data: &[u8]) -> bool {
    import(data, Some(ImportFormat::Ndjson), "events")
}

/// Of any format, compressed or not: its first bytes tell.
pub(super) fn packed(data: &[u8]) -> bool {
    import(data, None, "events")
}

#[cfg(feature = "parquet")]
pub(super) fn parquet(data: &[u8]) -> bool {
    import(data, Some(ImportFormat::Parquet), "events")
}

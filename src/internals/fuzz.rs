//! Every decoder and parser as a function of bytes: no input may make it panic, loop without end or
//! allocate without bound, and what it takes must hold together.
//!
//! The fuzzer in `fuzz/` calls the targets with inputs that it makes up; the tests here call them
//! with the files under `tests/corpus/` and with changed seeds. Where a file has checksums, they
//! are left out: damage would not get past them.

mod codecs;
mod database;
mod files;
#[cfg(feature = "import")]
mod imports;
mod input;
mod seeds;
mod seeds_of_texts;
mod story;
#[cfg(test)]
mod tests;
mod texts;
mod walk;
mod world;

pub use seeds::seeds;
use seeds_of_texts::seeds_of_texts;

/// Reads an input; whether it was taken whole.
pub type Target = fn(&[u8]) -> bool;

/// All targets by name; seeds and inputs that once failed have folders of these names.
pub const TARGETS: &[(&str, Target)] = &[
    ("container", codecs::container),
    ("ranks", codecs::ranks),
    ("ints", codecs::ints),
    ("counts", codecs::counts),
    ("strings", codecs::strings),
    ("column", codecs::column),
    ("times", codecs::times),
    ("section", files::section),
    ("day_file", files::day_file),
    ("summary", files::summary),
    ("wal_body", files::wal_body),
    ("wal_frame", files::wal_frame),
    ("wal_file", files::wal_file),
    ("manifest", files::manifest),
    ("catalog", files::catalog),
    ("users_file", files::users_file),
    ("ledger", files::ledger),
    ("first_seen", files::first_seen),
    ("lease", files::lease),
    ("query_json", texts::query_json),
    ("question", texts::question),
    ("condition_json", texts::condition_json),
    ("set_json", texts::set_json),
    ("cohort_json", texts::cohort_json),
    ("instant", texts::instant),
    ("date", texts::date),
    ("time", texts::time),
    ("zone", texts::zone),
    ("duration", texts::duration),
    ("decimal", texts::decimal),
    ("number", texts::number),
    ("bucket", texts::bucket),
    #[cfg(feature = "import")]
    ("csv", imports::csv),
    #[cfg(feature = "import")]
    ("ndjson", imports::ndjson),
    #[cfg(feature = "import")]
    ("packed", imports::packed),
    #[cfg(feature = "parquet")]
    ("parquet", imports::parquet),
    ("database", database::damaged),
    ("database_without_checksums", database::changed),
    ("operations", story::operations),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

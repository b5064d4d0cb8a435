//! Every bound, by name, in one place. Decoders and doors alike compare with these.

/// Bytes of a user id.
pub const USER_ID_BYTES_MAX: usize = 1_024;
/// Bytes of an activity name.
pub const ACTIVITY_BYTES_MAX: usize = 256;
/// Bytes of a property name.
pub const PROPERTY_BYTES_MAX: usize = 256;
/// Properties of one event.
pub const PROPERTIES_PER_EVENT_MAX: usize = 256;
/// Bytes of one text value.
pub const TEXT_BYTES_MAX: usize = 65_535;
/// Bytes of an insert id.
pub const INSERT_ID_BYTES_MAX: usize = 256;
/// Bytes of a batch id.
pub const BATCH_ID_BYTES_MAX: usize = 256;
/// Events of one batch handed to the writer.
pub const BATCH_EVENTS_MAX: usize = 1_000_000;
/// Digits after the point of a decimal.
pub const DECIMAL_SCALE_MAX: u8 = 38;
/// Significant digits of a decimal: what 128 bits always hold.
pub const DECIMAL_DIGITS_MAX: usize = 38;
/// Levels of nested JSON in an event, itself included.
pub const JSON_DEPTH_MAX: usize = 128;
/// First and last year of an event's time.
pub const YEAR_MIN: i32 = 1;
/// Last year of an event's time.
pub const YEAR_MAX: i32 = 9_999;
/// Ordinals are dense; the last value means "no user".
pub const USERS_MAX: u32 = u32::MAX - 1;
/// Users of one chunk: roaring's container size.
pub const CHUNK_USERS: usize = 65_536;
/// Rows of one page of a block.
pub const PAGE_ROWS_MAX: usize = 65_536;
/// Rows of one day section; a bulk import splits larger days into several sections.
pub const SECTION_ROWS_MAX: usize = 8_000_000;
/// Distinct activity names, and distinct property names, of one section.
pub const SECTION_NAMES_MAX: usize = 65_535;
/// Bytes of one WAL frame.
pub const FRAME_BYTES_MAX: usize = 256 << 20;
/// Bytes of a small record file: manifest, catalog, lease.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Bytes of the summary of all day files.
pub const SUMMARY_BYTES_MAX: usize = 1 << 30;
/// Batch ids of live batches are remembered for at least this long (microseconds: 30 days), ...
pub const LEDGER_LIVE_AGE_US: i64 = 30 * 86_400 * 1_000_000;
/// ... and at least this many of the newest. Those of bulk imports are remembered for ever.
pub const LEDGER_LIVE_MAX: usize = 10_000_000;
/// People of one call of `erase`.
pub const ERASE_IDS_MAX: usize = 100_000;
/// Erased people who are remembered, so that nothing of them comes in again.
pub const ERASED_MAX: usize = 2_000_000;
/// Bytes of a day, users or ledger file.
pub const FILE_BYTES_MAX: u64 = 1 << 40;
/// Days of one trailing window.
pub const TRAILING_DAYS_MAX: u32 = 3_660;
/// Groups that a breakdown may meet before the largest are kept.
pub const BREAKDOWN_GROUPS_MAX: usize = 4_000_000;
/// Bytes that their values may take.
pub const BREAKDOWN_BYTES_MAX: usize = 512 << 20;
/// Buckets of one answer.
pub const BUCKETS_MAX: usize = 200_000;
/// Columns after column 0 of a retention table.
pub const RETENTION_COLUMNS_MAX: u32 = 3_660;
/// Cells of one retention table.
pub const RETENTION_CELLS_MAX: usize = 20_000_000;
/// Distinct numbers of one median or percentile.
pub const VALUES_DISTINCT_MAX: usize = 64 << 20;
/// Figures of one kind over all groups and buckets of an answer.
pub const ANSWER_CELLS_MAX: usize = 20_000_000;
/// Nested sets of users.
pub const SET_DEPTH_MAX: usize = 16;
/// Explicit ids of one set.
pub const SET_IDS_MAX: usize = 1_000_000;
/// Sets within a set, those of saved cohorts included.
pub const SET_PARTS_MAX: usize = 10_000;
/// Saved cohorts of a database.
pub const COHORTS_MAX: usize = 10_000;
/// Bytes of a saved cohort's name.
pub const COHORT_NAME_BYTES_MAX: usize = 200;
/// Conditions of one selector, those within `any_of` included.
pub const CONDITIONS_MAX: usize = 100;
/// Values of one `in` or `not_in`.
pub const CONDITION_VALUES_MAX: usize = 10_000;
/// Nested `any_of`.
pub const CONDITION_DEPTH_MAX: usize = 4;
/// Properties of one breakdown.
pub const BREAKDOWN_PROPERTIES_MAX: usize = 4;
/// Groups of a breakdown that are kept, and events named at a step of paths.
pub const TOP_MAX: u32 = 1_000;
/// Groups kept where a query does not say.
pub const TOP_DEFAULT: u32 = 25;
/// Steps of a funnel, and exclusions between them.
pub const FUNNEL_STEPS_MAX: usize = 30;
/// Steps of paths away from their anchor.
pub const PATHS_DEPTH_MAX: u32 = 30;
/// Features of one adoption report.
pub const FEATURES_MAX: usize = 50;
/// Edges between classes of durations.
pub const DURATION_EDGES_MAX: usize = 1_000;
/// Seconds of a window or a gap.
pub const DURATION_SECONDS_MAX: i64 = 1_000_000_000_000;
/// Bytes of one query's JSON.
pub const QUERY_BYTES_MAX: usize = 32 << 20;
/// Queries asked at once.
pub const QUERIES_MAX: usize = 10_000;
/// Ids of one page of the `users` report.
pub const USERS_PAGE_MAX: u32 = 1_000_000;
/// Bytes of one line of a text import.
pub const IMPORT_LINE_BYTES_MAX: usize = 16 << 20;
/// Columns of an imported file.
pub const IMPORT_COLUMNS_MAX: usize = 4_096;

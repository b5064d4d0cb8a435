//! Zones, days and buckets: the only file that knows a calendar.
//!
//! Inside daybit an instant is `i64` microseconds since 1970-01-01T00:00:00Z, and a day is a civil
//! date as `i32` days since 1970-01-01. Both go below zero.

use crate::error::Result;
use chrono::{DateTime, NaiveDate, Utc};

/// A civil date: days since 1970-01-01, negative before.
pub(crate) type Day = i32;
/// An instant: whole microseconds since 1970-01-01T00:00:00Z, negative before.
pub(crate) type Micros = i64;

/// A time zone with its rules, compiled in.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    // jiff::tz::TimeZone inside
}

/// What a local time means where the zone skips or doubles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Once(Micros),
    /// The clock went over it: the instant the clock jumped, i.e. the local time read with the offset before the gap.
    Skipped(Micros),
    /// The clock showed it twice.
    Twice {
        earlier: Micros,
        later: Micros,
    },
}

impl Zone {
    pub(crate) fn utc() -> Zone {
        todo!()
    }
    /// The zone of an IANA name, in any case; the error names it.
    pub(crate) fn named(_name: &str) -> Result<Zone> {
        todo!()
    }
    /// The canonical IANA name.
    pub(crate) fn name(&self) -> &str {
        todo!()
    }
    /// The release of the zone database that is compiled in, like `2026e`.
    pub(crate) fn rules_version() -> &'static str {
        todo!()
    }
    /// The civil date of an instant. Saturates at the ends of the supported years.
    pub(crate) fn day_of(&self, _at: Micros) -> Day {
        todo!()
    }
    /// The first instant of a civil date; for a date that the zone skipped, the start of the next one.
    pub(crate) fn day_start(&self, _day: Day) -> Micros {
        todo!()
    }
    /// RFC 3339 with the zone's offset, `Z` for UTC; fraction only when there is one.
    pub(crate) fn format(&self, _at: Micros) -> String {
        todo!()
    }
    /// A local date and time of day (microseconds since midnight by the clock) as instants.
    pub(crate) fn local(&self, _day: Day, _clock_us: i64) -> Local {
        todo!()
    }
}

/// The days of one database: its zone, overruled by the spans that its stored sections carry.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {}

/// A day's half-open span of instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DaySpan {
    pub(crate) day: Day,
    pub(crate) start: Micros,
    pub(crate) end: Micros,
}

impl Calendar {
    /// `stored`: the spans of day sections on disk; they rule for their days.
    pub(crate) fn new(_zone: Zone, _stored: impl IntoIterator<Item = DaySpan>) -> Calendar {
        todo!()
    }
    pub(crate) fn zone(&self) -> &Zone {
        todo!()
    }
    pub(crate) fn span(&self, _day: Day) -> DaySpan {
        todo!()
    }
    /// The span of the day that holds an instant. Callers keep the last span and ask again only
    /// when an instant lies outside of it: this is the slow way.
    pub(crate) fn span_of(&self, _at: Micros) -> DaySpan {
        todo!()
    }
}

/// The width of an answer's buckets.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// Elapsed hours from local midnight.
    Hour,
    /// Civil days.
    Day,
    /// Seven days from the query's first day of the week.
    Week,
    /// Calendar months.
    Month,
    /// Three calendar months, from January, April, July or October.
    Quarter,
    /// Calendar years.
    Year,
    /// The whole range.
    All,
}

/// The day that weeks start on.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum WeekStart {
    /// ISO 8601 and the default.
    #[default]
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// The first day of the bucket that holds `day`. `Hour` and `All` answer `day` itself.
pub(crate) fn bucket_start(_day: Day, _bucket: Bucket, _week: WeekStart) -> Day {
    todo!()
}
/// The first day of the bucket after the one that starts on `start`.
pub(crate) fn bucket_next(_start: Day, _bucket: Bucket) -> Day {
    todo!()
}
/// `count` buckets (days, weeks, months, quarters, years) before `day`, by the calendar: a month
/// back from the 31st is the last day of a shorter month. Negative counts go forward.
pub(crate) fn bucket_back(_day: Day, _bucket: Bucket, _count: i64) -> Day {
    todo!()
}

pub(crate) fn now() -> Micros {
    todo!()
}
pub(crate) fn date_of(_day: Day) -> NaiveDate {
    todo!()
}
pub(crate) fn day_from(_date: NaiveDate) -> Day {
    todo!()
}
pub(crate) fn instant_of(_at: Micros) -> DateTime<Utc> {
    todo!()
}
/// Finer digits are cut (towards the past).
pub(crate) fn micros_from(_at: DateTime<Utc>) -> Micros {
    todo!()
}
/// `YYYY-MM-DD`.
pub(crate) fn format_day(_day: Day) -> String {
    todo!()
}
/// `YYYY-MM-DD`, nothing else; the error names the text.
pub(crate) fn parse_day(_text: &str) -> Result<Day> {
    todo!()
}
/// RFC 3339 with an offset; finer digits than microseconds are cut.
pub(crate) fn parse_instant(_text: &str) -> Result<Micros> {
    todo!()
}

/// How an imported time is written.
#[derive(Debug, Clone)]
pub(crate) enum TimeFormat {
    /// RFC 3339, a bare date, or `YYYY-MM-DD HH:MM:SS[.f]` / `YYYY-MM-DDTHH:MM:SS[.f]` / `YYYY-MM-DD HH:MM` in the zone.
    Text(Zone),
    /// Seconds since 1970, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Microseconds since 1970.
    EpochMicros,
}

impl TimeFormat {
    /// Fast path for imports: about 50 ns for an RFC 3339 text. The error is a short reason for a reject,
    /// like `time "2024-13-01" is not a date`. A skipped local time is read with the offset before the gap,
    /// a doubled one is the earlier of the two.
    pub(crate) fn parse(&self, _text: &[u8]) -> Result<Micros, String> {
        todo!()
    }
}

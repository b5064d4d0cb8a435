//! Zones, days and buckets: the only room that knows a calendar.
//!
//! Inside daybit an instant is `i64` microseconds since 1970-01-01T00:00:00Z, and a day is a civil
//! date as `i32` days since 1970-01-01. Both go below zero.
//!
//! Zone rules are compiled in, so that every machine gives one answer.

mod axis;
mod bucket;
mod calendar;
mod civil;
mod parse;
mod zone;

pub(crate) use axis::{Axis, Tick};
pub use bucket::{Bucket, WeekStart};
pub(crate) use bucket::{bucket_back, bucket_next, bucket_start};
pub(crate) use calendar::{Calendar, DaySpan};
pub(crate) use parse::{TimeFormat, parse_day, parse_instant};
pub(crate) use zone::{Local, Zone};

use chrono::{DateTime, NaiveDate, Utc};
use std::time::{SystemTime, UNIX_EPOCH};

/// A civil date: days since 1970-01-01, negative before.
pub(crate) type Day = i32;
/// An instant: whole microseconds since 1970-01-01T00:00:00Z, negative before.
pub(crate) type Micros = i64;

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;
/// The calendar and every rule of it repeat after 400 years.
const CYCLE_US: i64 = civil::CYCLE_DAYS * DAY_US;

/// The first instant of the years that are supported: 0001-01-01T00:00:00Z.
pub(crate) const INSTANT_MIN: Micros =
    civil::day(crate::limits::YEAR_MIN as i64, 1, 1) as i64 * DAY_US;
/// The last one: 9999-12-31T23:59:59.999999Z.
pub(crate) const INSTANT_MAX: Micros =
    civil::day(crate::limits::YEAR_MAX as i64 + 1, 1, 1) as i64 * DAY_US - 1;
/// Days outside of this, 270,000 years from now, are never computed with.
const DAY_BOUND: Day = 95_000_000;

/// The time by the system's clock.
pub(crate) fn now() -> Micros {
    let micros = |span: std::time::Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => micros(after),
        Err(before) => -micros(before.duration()),
    }
}

/// The date as chrono knows it; saturates where chrono ends.
pub(crate) fn date_of(day: Day) -> NaiveDate {
    let end = if day < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
    NaiveDate::from_epoch_days(day).unwrap_or(end)
}

/// The day of chrono's date.
pub(crate) fn day_from(date: NaiveDate) -> Day {
    date.to_epoch_days()
}

/// The instant as chrono knows it; saturates where chrono ends.
pub(crate) fn instant_of(at: Micros) -> DateTime<Utc> {
    let end = if at < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_micros(at).unwrap_or(end)
}

/// Finer digits are cut (towards the past).
pub(crate) fn micros_from(at: DateTime<Utc>) -> Micros {
    at.timestamp_micros()
}

/// `YYYY-MM-DD`.
pub(crate) fn format_day(day: Day) -> String {
    let (year, month, day) = civil::date(day);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_supported_years_end_where_the_limits_say() {
        let first = DateTime::parse_from_rfc3339("0001-01-01T00:00:00Z").unwrap();
        let last = DateTime::parse_from_rfc3339("9999-12-31T23:59:59.999999Z").unwrap();
        assert_eq!(INSTANT_MIN, first.timestamp_micros());
        assert_eq!(INSTANT_MAX, last.timestamp_micros());
    }

    #[test]
    fn finer_digits_are_cut_towards_the_past_before_1970_too() {
        let before = DateTime::from_timestamp(-1, 999_999_999).unwrap();
        assert_eq!(micros_from(before), -1);
        let after = DateTime::from_timestamp(1, 1_999).unwrap();
        assert_eq!(micros_from(after), 1_000_001);
    }

    #[test]
    fn the_clock_is_somewhere_in_this_century() {
        assert!(format_day(Zone::utc().day_of(now())).starts_with("20"));
    }

    #[test]
    fn the_ends_saturate() {
        assert_eq!(date_of(Day::MAX), NaiveDate::MAX);
        assert_eq!(date_of(Day::MIN), NaiveDate::MIN);
        assert_eq!(instant_of(i64::MAX), DateTime::<Utc>::MAX_UTC);
        assert_eq!(instant_of(i64::MIN), DateTime::<Utc>::MIN_UTC);
    }

    proptest! {
        #[test]
        fn dates_and_instants_round_trip(
            day in -800_000..3_000_000i32,
            at in INSTANT_MIN..=INSTANT_MAX,
        ) {
            prop_assert_eq!(day_from(date_of(day)), day);
            prop_assert_eq!(micros_from(instant_of(at)), at);
        }

        #[test]
        fn days_are_written_as_chrono_writes_them(day in -719_528..2_932_897i32) {
            prop_assert_eq!(format_day(day), date_of(day).to_string());
        }
    }
}

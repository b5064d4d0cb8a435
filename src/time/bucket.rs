//! Buckets of an answer: weeks, months, quarters and years as runs of days.

use super::{DAY_BOUND, Day, civil};
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The width of an answer's buckets.
///
/// ```
/// use daybit::Bucket;
/// assert_eq!("quarter".parse::<Bucket>()?, Bucket::Quarter);
/// assert_eq!(Bucket::Quarter.as_str(), "quarter");
/// # Ok::<(), daybit::Error>(())
/// ```
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

impl Bucket {
    /// Every width, the narrowest first.
    pub const EVERY: [Bucket; 7] = [
        Bucket::Hour,
        Bucket::Day,
        Bucket::Week,
        Bucket::Month,
        Bucket::Quarter,
        Bucket::Year,
        Bucket::All,
    ];

    /// The name in a query: `hour`, `day`, `week`, `month`, `quarter`, `year` or `all`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Bucket::Hour => "hour",
            Bucket::Day => "day",
            Bucket::Week => "week",
            Bucket::Month => "month",
            Bucket::Quarter => "quarter",
            Bucket::Year => "year",
            Bucket::All => "all",
        }
    }

    /// Months of one bucket, of those made of months.
    const fn months(self) -> Option<i64> {
        match self {
            Bucket::Month => Some(1),
            Bucket::Quarter => Some(3),
            Bucket::Year => Some(12),
            Bucket::Hour | Bucket::Day | Bucket::Week | Bucket::All => None,
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Bucket {
    type Err = Error;

    /// Reads a name in lower case; the error lists the names.
    fn from_str(text: &str) -> Result<Bucket> {
        named(text, &Bucket::EVERY, Bucket::as_str, "width of a bucket")
    }
}

/// The day that weeks start on.
///
/// ```
/// use daybit::WeekStart;
/// assert_eq!(WeekStart::default().as_str(), "monday");
/// assert_eq!("sunday".parse::<WeekStart>()?, WeekStart::Sunday);
/// # Ok::<(), daybit::Error>(())
/// ```
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

impl WeekStart {
    /// Every day of the week, from Monday.
    pub const EVERY: [WeekStart; 7] = [
        WeekStart::Monday,
        WeekStart::Tuesday,
        WeekStart::Wednesday,
        WeekStart::Thursday,
        WeekStart::Friday,
        WeekStart::Saturday,
        WeekStart::Sunday,
    ];

    /// The name in a query, like `monday`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            WeekStart::Monday => "monday",
            WeekStart::Tuesday => "tuesday",
            WeekStart::Wednesday => "wednesday",
            WeekStart::Thursday => "thursday",
            WeekStart::Friday => "friday",
            WeekStart::Saturday => "saturday",
            WeekStart::Sunday => "sunday",
        }
    }
}

impl fmt::Display for WeekStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for WeekStart {
    type Err = Error;

    /// Reads a name in lower case; the error lists the names.
    fn from_str(text: &str) -> Result<WeekStart> {
        named(text, &WeekStart::EVERY, WeekStart::as_str, "day of the week")
    }
}

fn named<T: Copy>(text: &str, every: &[T], name: fn(T) -> &'static str, what: &str) -> Result<T> {
    every.iter().copied().find(|&one| name(one) == text).ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        let names: Vec<_> = every.iter().copied().map(name).collect();
        Error::input(format!("{text:?} is not a {what}: use one of {}", names.join(", ")))
    })
}

/// The first day of the bucket that holds `day`. `Hour` and `All` answer `day` itself.
pub(crate) fn bucket_start(day: Day, bucket: Bucket, week: WeekStart) -> Day {
    if bucket == Bucket::Week {
        // Day 0 was a Thursday, three days after a Monday.
        let past_monday = i64::from(day) + 3;
        return day - (past_monday - week as i64).rem_euclid(7) as Day;
    }
    let Some(months) = bucket.months() else { return day };
    let month = month_of(day);
    first_of_month(month - month.rem_euclid(months))
}

/// The first day of the bucket after the one that starts on `start`. `Hour` and `All`, which are
/// no number of days, answer `start` itself.
pub(crate) fn bucket_next(start: Day, bucket: Bucket) -> Day {
    bucket_back(start, bucket, -1)
}

/// `count` buckets (days, weeks, months, quarters, years) before `day`, by the calendar: a month
/// back from the 31st is the last day of a shorter month. Negative counts go forward. `Hour` and
/// `All` answer `day` itself.
pub(crate) fn bucket_back(day: Day, bucket: Bucket, count: i64) -> Day {
    if let Some(months) = bucket.months() {
        return months_back(day, count.saturating_mul(months));
    }
    let days = match bucket {
        Bucket::Day => 1,
        Bucket::Week => 7,
        _ => return day,
    };
    let bound = i64::from(DAY_BOUND);
    let back = i64::from(day).saturating_sub(count.saturating_mul(days));
    back.clamp(-bound, bound) as Day
}

fn months_back(day: Day, count: i64) -> Day {
    let (_, _, in_month) = civil::date(day);
    let bound = 12 * 260_000; // years; as far as DAY_BOUND goes
    let month = month_of(day).saturating_sub(count).clamp(-bound, bound);
    let days = civil::month_days(month.div_euclid(12), month.rem_euclid(12) as u32 + 1);
    first_of_month(month) + in_month.min(days) as Day - 1
}

/// Months since January of year 0.
fn month_of(day: Day) -> i64 {
    let (year, month, _) = civil::date(day);
    year * 12 + i64::from(month) - 1
}

fn first_of_month(month: i64) -> Day {
    civil::day(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::time::{date_of, format_day, parse_day};
    use chrono::{Datelike, Days, Months};
    use proptest::prelude::*;

    const OF_DAYS: [Bucket; 5] =
        [Bucket::Day, Bucket::Week, Bucket::Month, Bucket::Quarter, Bucket::Year];

    fn start(day: &str, bucket: Bucket, week: WeekStart) -> String {
        format_day(bucket_start(parse_day(day).unwrap(), bucket, week))
    }

    fn back(day: &str, bucket: Bucket, count: i64) -> String {
        format_day(bucket_back(parse_day(day).unwrap(), bucket, count))
    }

    #[test]
    fn buckets_start_where_the_calendar_says() {
        let monday = WeekStart::Monday;
        assert_eq!(start("2024-02-29", Bucket::Day, monday), "2024-02-29");
        assert_eq!(start("2024-12-31", Bucket::Week, monday), "2024-12-30");
        assert_eq!(start("2024-12-31", Bucket::Week, WeekStart::Sunday), "2024-12-29");
        assert_eq!(start("2024-12-31", Bucket::Week, WeekStart::Tuesday), "2024-12-31");
        assert_eq!(start("1969-12-31", Bucket::Week, monday), "1969-12-29");
        assert_eq!(start("2024-02-29", Bucket::Month, monday), "2024-02-01");
        assert_eq!(start("2024-06-30", Bucket::Quarter, monday), "2024-04-01");
        assert_eq!(start("1969-12-31", Bucket::Year, monday), "1969-01-01");
        assert_eq!(start("2024-06-30", Bucket::All, monday), "2024-06-30");
    }

    #[test]
    fn counting_back_ends_with_the_month() {
        assert_eq!(back("2024-03-31", Bucket::Month, 1), "2024-02-29");
        assert_eq!(back("2023-03-31", Bucket::Month, 1), "2023-02-28");
        assert_eq!(back("2024-01-31", Bucket::Month, -1), "2024-02-29");
        assert_eq!(back("2024-02-29", Bucket::Year, 1), "2023-02-28");
        assert_eq!(back("2024-05-31", Bucket::Quarter, 1), "2024-02-29");
        assert_eq!(back("2024-03-01", Bucket::Day, 1), "2024-02-29");
        assert_eq!(back("2024-03-01", Bucket::Week, 12), "2023-12-08");
        assert_eq!(back("2024-03-01", Bucket::All, 12), "2024-03-01");
    }

    #[test]
    fn counting_far_saturates() {
        for bucket in OF_DAYS {
            assert!(bucket_back(0, bucket, i64::MAX) < -90_000_000);
            assert!(bucket_back(0, bucket, i64::MIN) > 90_000_000);
        }
    }

    #[test]
    fn names_are_those_of_the_json_form() {
        for bucket in Bucket::EVERY {
            assert_eq!(serde_json::to_value(bucket).unwrap(), bucket.as_str());
            assert_eq!(bucket.as_str().parse::<Bucket>().unwrap(), bucket);
        }
        for day in WeekStart::EVERY {
            assert_eq!(serde_json::to_value(day).unwrap(), day.as_str());
            assert_eq!(day.as_str().parse::<WeekStart>().unwrap(), day);
        }
        let error = "Monday".parse::<WeekStart>().unwrap_err().to_string();
        assert!(error.starts_with("\"Monday\" is not a day of the week: use one of monday, tues"));
    }

    fn any_bucket() -> impl Strategy<Value = Bucket> {
        prop::sample::select(OF_DAYS.to_vec())
    }

    fn any_week() -> impl Strategy<Value = WeekStart> {
        prop::sample::select(WeekStart::EVERY.to_vec())
    }

    proptest! {
        #[test]
        fn buckets_tile_the_line(
            day in -800_000..3_000_000i32,
            bucket in any_bucket(),
            week in any_week(),
        ) {
            let start = bucket_start(day, bucket, week);
            let next = bucket_next(start, bucket);
            prop_assert!(start <= day && day < next);
            prop_assert_eq!(bucket_start(start, bucket, week), start);
            prop_assert_eq!(bucket_start(next - 1, bucket, week), start);
            prop_assert_eq!(bucket_start(next, bucket, week), next);
            prop_assert_eq!(bucket_back(next, bucket, 1), start);
        }

        #[test]
        fn weeks_start_on_their_day(day in -800_000..3_000_000i32, week in any_week()) {
            let start = date_of(bucket_start(day, Bucket::Week, week));
            prop_assert_eq!(start.weekday().num_days_from_monday(), week as u32);
        }

        #[test]
        fn counting_back_is_what_chrono_says(day in -700_000..2_900_000i32, count in 0..300u32) {
            let date = date_of(day);
            let back = |bucket| date_of(bucket_back(day, bucket, i64::from(count)));
            let months = |months| date.checked_sub_months(Months::new(months)).unwrap();
            prop_assert_eq!(back(Bucket::Month), months(count));
            prop_assert_eq!(back(Bucket::Quarter), months(3 * count));
            prop_assert_eq!(back(Bucket::Year), months(12 * count));
            prop_assert_eq!(back(Bucket::Week), date - Days::new(7 * u64::from(count)));
        }
    }
}

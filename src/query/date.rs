//! Dates as people give them: civil dates, `-28d`, `today`.

use super::{FromDate, ToDate};
use crate::limits::{YEAR_MAX, YEAR_MIN};
use crate::time::{self, Bucket, Day};
use chrono::NaiveDate;

/// A date as a caller gives it: a [`NaiveDate`], or text like `2024-01-31`.
///
/// The start of a query's range may also be `-28d`, `-12w`, `-6m` or `-1y` (counted back from its
/// end), the end `today`. Text that is not a date is reported when the query is checked or run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateArg(Given);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Civil(Day),
    Text(String),
}

impl From<NaiveDate> for DateArg {
    fn from(date: NaiveDate) -> DateArg {
        DateArg(Given::Civil(time::day_from(date)))
    }
}

impl From<&str> for DateArg {
    fn from(text: &str) -> DateArg {
        DateArg(Given::Text(text.to_owned()))
    }
}

impl From<String> for DateArg {
    fn from(text: String) -> DateArg {
        DateArg(Given::Text(text))
    }
}

impl DateArg {
    /// A civil date; the fault names the field and the text.
    pub(crate) fn civil(self, field: &str) -> Result<Day, String> {
        match self.0 {
            Given::Civil(day) => in_years(field, day),
            Given::Text(text) => time::parse_day(&text)
                .map_err(|_| format!("`{field}` is {text:?}: expected a date like 2024-01-31"))
                .and_then(|day| in_years(field, day)),
        }
    }

    /// Where a range starts.
    pub(crate) fn start(self) -> Result<FromDate, String> {
        match self.0 {
            Given::Text(text) if text.starts_with('-') => back(&text).ok_or_else(|| {
                format!(
                    "`from` is {text:?}: expected a date like 2024-01-31, or a count of days, \
                     weeks, months or years back from `to`: -28d, -12w, -6m, -1y"
                )
            }),
            given => DateArg(given).civil("from").map(FromDate::Date),
        }
    }

    /// Where a range ends.
    pub(crate) fn end(self) -> Result<ToDate, String> {
        match self.0 {
            Given::Text(text) if text == "today" => Ok(ToDate::Today),
            Given::Text(text) => DateArg::from(text.as_str())
                .civil("to")
                .map(ToDate::Date)
                .map_err(|fault| format!("{fault}, or today")),
            given => DateArg(given).civil("to").map(ToDate::Date),
        }
    }
}

/// First and last day of the supported years.
fn day_bounds() -> (Day, Day) {
    let edge = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).map(time::day_from);
    (edge(YEAR_MIN, 1, 1).unwrap_or(Day::MIN), edge(YEAR_MAX, 12, 31).unwrap_or(Day::MAX))
}

fn in_years(field: &str, day: Day) -> Result<Day, String> {
    let (first, last) = day_bounds();
    if (first..=last).contains(&day) {
        return Ok(day);
    }
    Err(format!("`{field}` lies outside the years {YEAR_MIN} to {YEAR_MAX}"))
}

/// `-28d` and its like, at most as far as the supported years reach.
fn back(text: &str) -> Option<FromDate> {
    let body = text.strip_prefix('-')?;
    let (digits, bucket, count_max) = [
        ('d', Bucket::Day, 3_650_000),
        ('w', Bucket::Week, 520_000),
        ('m', Bucket::Month, 119_000),
        ('y', Bucket::Year, 9_900),
    ]
    .into_iter()
    .find_map(|(unit, bucket, max)| Some((body.strip_suffix(unit)?, bucket, max)))?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u32 = digits.parse().ok()?;
    (1..=count_max).contains(&count).then_some(FromDate::Back(count, bucket))
}

/// The text that [`DateArg::start`] reads.
pub(crate) fn format_start(from: FromDate) -> String {
    match from {
        FromDate::Date(day) => time::format_day(day),
        FromDate::Back(count, Bucket::Week) => format!("-{count}w"),
        FromDate::Back(count, Bucket::Month) => format!("-{count}m"),
        FromDate::Back(count, Bucket::Year) => format!("-{count}y"),
        FromDate::Back(count, _) => format!("-{count}d"),
    }
}

/// The text that [`DateArg::end`] reads.
pub(crate) fn format_end(to: ToDate) -> String {
    match to {
        ToDate::Date(day) => time::format_day(day),
        ToDate::Today => "today".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn starts_read_back_as_they_were_written() {
        for text in ["2024-02-29", "0001-01-01", "-1d", "-28d", "-12w", "-6m", "-1y", "-3650000d"] {
            let start = DateArg::from(text).start().unwrap();
            assert_eq!(format_start(start), text);
        }
        for text in ["2024-02-29", "today"] {
            assert_eq!(format_end(DateArg::from(text).end().unwrap()), text);
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_forms_that_are_read() {
        let bad =
            ["", "-", "-d", "-0d", "-28", "-+2d", "-28h", "-3650001d", "-99999999999d", "28d"];
        for text in
            bad.into_iter().chain(["2024-02-30", "2024-1-1", "soon", "today", "-2024-01-01"])
        {
            let fault = DateArg::from(text).start().unwrap_err();
            assert!(fault.contains("`from`") && fault.contains("2024-01-31"), "{fault}");
        }
        let fault = DateArg::from("tomorrow").end().unwrap_err();
        assert!(
            fault.starts_with("`to` is \"tomorrow\"") && fault.ends_with("or today"),
            "{fault}"
        );
        let far = NaiveDate::from_ymd_opt(12_000, 1, 1).unwrap();
        assert!(DateArg::from(far).start().unwrap_err().contains("9999"));
    }
}

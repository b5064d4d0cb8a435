//! Year, month and day of the proleptic Gregorian calendar, as plain arithmetic: no tables, no
//! failure, and fast enough to be asked for every row of an import.

use super::Day;

/// Days of 400 years, after which the calendar, weekdays too, repeats itself.
pub(super) const CYCLE_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_FROM_MARCH: i64 = 719_468;

/// The day of a date. The month is 1 to 12; a day past the month's end counts on into the next.
pub(super) const fn day(year: i64, month: u32, day: u32) -> Day {
    // Years from March on, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month as i64 + 9) % 12;
    let in_year = (153 * month + 2) / 5 + day as i64 - 1;
    let in_cycle = year * 365 + year / 4 - year / 100 + in_year;
    (cycle * CYCLE_DAYS + in_cycle - EPOCH_FROM_MARCH) as Day
}

/// Year, month and day of the month.
pub(super) const fn date(day: Day) -> (i64, u32, u32) {
    let day = day as i64 + EPOCH_FROM_MARCH;
    let (cycle, day) = (day.div_euclid(CYCLE_DAYS), day.rem_euclid(CYCLE_DAYS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let in_month = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + year + (month <= 2) as i64;
    (year, month as u32, in_month as u32)
}

/// Days of a month, 1 to 12.
pub(super) const fn month_days(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, NaiveDate};

    #[test]
    fn every_day_of_the_supported_years_is_what_chrono_says() {
        for day in -719_600..2_933_000 {
            let date = NaiveDate::from_epoch_days(day).unwrap_or_default();
            let parts = (i64::from(date.year()), date.month(), date.day());
            assert_eq!(super::date(day), parts);
            assert_eq!(super::day(parts.0, parts.1, parts.2), day);
            assert_eq!(month_days(parts.0, parts.1), u32::from(date.num_days_in_month()));
        }
    }
}

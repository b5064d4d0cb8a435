//! What a report counts in: the days of a calendar, or their hours.

use super::{Calendar, Day, HOUR_US, Micros};
use std::sync::Arc;

/// A tick is a day of a calendar, or an hour of it: what reports count in. Days keep their day
/// numbers.
pub(crate) type Tick = i32;

/// The ticks of a query, each a half-open span of instants. A copy is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    calendar: Calendar,
    hours: Option<Hours>,
}

/// Hours, numbered from 0. Tick -1 is all the time before them, and the tick after the last one all
/// the time after them.
#[derive(Debug, Clone)]
struct Hours {
    first: Day,
    /// The tick that each day starts with, and the tick after the last day's.
    starts: Arc<[Tick]>,
}

impl Axis {
    /// A tick per day.
    pub(crate) fn days(calendar: Calendar) -> Axis {
        Axis { calendar, hours: None }
    }

    /// Hours counted from local midnight of each day in `[first, last]`; elapsed hours, so a day
    /// has 23, 24 or 25 (a zone's odd shift cuts the last one short). Ticks are dense and
    /// ascending.
    pub(crate) fn hours(calendar: Calendar, first: Day, last: Day) -> Axis {
        let mut starts = vec![0];
        let mut ticks: Tick = 0;
        let mut start = calendar.span(first).start;
        for day in first..=last {
            let end = calendar.span(day).end;
            let hours = end.saturating_sub(start).max(0).saturating_add(HOUR_US - 1) / HOUR_US;
            ticks = ticks.saturating_add(Tick::try_from(hours).unwrap_or(0));
            starts.push(ticks);
            start = end;
        }
        Axis { calendar, hours: Some(Hours { first, starts: starts.into() }) }
    }

    /// The tick that holds an instant. Callers in a loop keep its bounds: this is the slow way.
    pub(crate) fn tick_of(&self, at: Micros) -> Tick {
        let span = self.calendar.span_of(at);
        let Some(hours) = &self.hours else { return span.day };
        let Some(place) = hours.place(span.day) else { return hours.outside(span.day) };
        let hour = at.saturating_sub(span.start) / HOUR_US;
        hours.starts[place].saturating_add(Tick::try_from(hour).unwrap_or(0))
    }

    /// The first instant of a tick, which lasts to the start of the next one.
    pub(crate) fn start(&self, tick: Tick) -> Micros {
        let Some(hours) = &self.hours else { return self.calendar.span(tick).start };
        match tick {
            ..0 => Micros::MIN,
            tick if tick > hours.end() => Micros::MAX,
            tick => {
                let place = hours.place_of(tick);
                let midnight = self.calendar.span(hours.day(place)).start;
                midnight + i64::from(tick - hours.starts[place]) * HOUR_US
            }
        }
    }

    /// The first tick of a day.
    pub(crate) fn first_tick(&self, day: Day) -> Tick {
        let Some(hours) = &self.hours else { return day };
        let after = hours.day(hours.starts.len() - 1);
        match hours.place(day) {
            Some(place) => hours.starts[place],
            None if day == after => hours.end(),
            // Past the tick that holds all the time after the hours.
            None if day > after => hours.end().saturating_add(1),
            None => -1,
        }
    }

    /// The day that a tick lies in.
    #[cfg(test)]
    pub(crate) fn day_of(&self, tick: Tick) -> Day {
        let Some(hours) = &self.hours else { return tick };
        match tick {
            ..0 => hours.first.saturating_sub(1),
            tick => hours.day(hours.place_of(tick)),
        }
    }

    /// Whether ticks are hours.
    pub(crate) fn is_hours(&self) -> bool {
        self.hours.is_some()
    }

    /// The calendar that the days are those of.
    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

impl Hours {
    /// The tick after the last hour.
    fn end(&self) -> Tick {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The place of a day that has hours.
    fn place(&self, day: Day) -> Option<usize> {
        let place = usize::try_from(i64::from(day) - i64::from(self.first)).ok()?;
        (place + 1 < self.starts.len()).then_some(place)
    }

    fn outside(&self, day: Day) -> Tick {
        if day < self.first { -1 } else { self.end() }
    }

    /// The place of the day that holds a tick of 0 or above.
    fn place_of(&self, tick: Tick) -> usize {
        self.starts.partition_point(|start| *start <= tick).saturating_sub(1)
    }

    fn day(&self, place: usize) -> Day {
        self.first.saturating_add(Day::try_from(place).unwrap_or(Day::MAX))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::time::{DAY_US, Zone, parse_day, parse_instant};
    use proptest::prelude::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar::new(Zone::named(zone).unwrap(), [])
    }

    fn hours(zone: &str, first: &str, last: &str) -> Axis {
        Axis::hours(calendar(zone), parse_day(first).unwrap(), parse_day(last).unwrap())
    }

    fn at(text: &str) -> Micros {
        parse_instant(text).unwrap()
    }

    /// Hours of each day.
    fn lengths(axis: &Axis, first: &str, days: i32) -> Vec<Tick> {
        let first = parse_day(first).unwrap();
        let count = |day| axis.first_tick(day + 1) - axis.first_tick(day);
        (first..first + days).map(count).collect()
    }

    #[test]
    fn days_are_ticks_of_their_own_number() {
        let axis = Axis::days(calendar("Asia/Kathmandu"));
        let day = parse_day("2024-03-31").unwrap();
        assert_eq!(axis.tick_of(at("2024-03-30T18:15:00Z")), day);
        assert_eq!(axis.tick_of(at("2024-03-30T18:14:59.999999Z")), day - 1);
        assert_eq!(axis.start(day), at("2024-03-30T18:15:00Z"));
        assert_eq!((axis.first_tick(day), axis.day_of(day), axis.is_hours()), (day, day, false));
    }

    #[test]
    fn a_day_has_as_many_hours_as_pass() {
        let berlin = hours("Europe/Berlin", "2024-03-30", "2024-10-28");
        assert_eq!(lengths(&berlin, "2024-03-30", 3), [24, 23, 24]);
        assert_eq!(lengths(&berlin, "2024-10-26", 3), [24, 25, 24]);
        // The clock shows 02:00 twice; each is an hour of its own.
        let midnight = berlin.first_tick(parse_day("2024-10-27").unwrap());
        assert_eq!(berlin.start(midnight + 2), at("2024-10-27T00:00:00Z"));
        assert_eq!(berlin.tick_of(at("2024-10-27T01:30:00Z")), midnight + 3);
        assert_eq!(berlin.day_of(midnight + 24), parse_day("2024-10-27").unwrap());
        assert_eq!(berlin.day_of(midnight + 25), parse_day("2024-10-28").unwrap());
    }

    #[test]
    fn an_odd_shift_cuts_the_last_hour_short() {
        // Half an hour back, half an hour forward.
        let axis = hours("Australia/Lord_Howe", "2024-04-06", "2024-10-07");
        assert_eq!(lengths(&axis, "2024-04-06", 3), [24, 25, 24]);
        assert_eq!(lengths(&axis, "2024-10-05", 3), [24, 24, 24]);
        for day in ["2024-04-08", "2024-10-07"] {
            let next = axis.first_tick(parse_day(day).unwrap());
            assert_eq!(axis.start(next) - axis.start(next - 1), HOUR_US / 2);
        }
    }

    #[test]
    fn a_date_that_was_skipped_has_no_hours() {
        let axis = hours("Pacific/Apia", "2011-12-29", "2011-12-31");
        assert_eq!(lengths(&axis, "2011-12-29", 3), [24, 0, 24]);
        assert_eq!(axis.day_of(24), parse_day("2011-12-31").unwrap());
    }

    #[test]
    fn all_the_rest_of_time_is_a_tick_before_and_a_tick_after() {
        let axis = hours("UTC", "2024-01-01", "2024-01-02");
        assert_eq!(axis.tick_of(at("2023-12-31T23:59:59Z")), -1);
        assert_eq!(axis.tick_of(Micros::MIN), -1);
        assert_eq!(axis.tick_of(at("2024-01-03T00:00:00Z")), 48);
        assert_eq!(axis.tick_of(Micros::MAX), 48);
        assert_eq!((axis.start(-1), axis.start(49)), (Micros::MIN, Micros::MAX));
        assert_eq!(
            (axis.start(0), axis.start(48)),
            (at("2024-01-01T00:00:00Z"), at("2024-01-03T00:00:00Z"))
        );
        let day = parse_day("2024-01-01").unwrap();
        assert_eq!((axis.first_tick(day - 1), axis.first_tick(Day::MIN)), (-1, -1));
        assert_eq!((axis.first_tick(day + 2), axis.first_tick(Day::MAX)), (48, 49));
        assert_eq!((axis.day_of(-7), axis.day_of(48)), (day - 1, day + 2));
        let nothing = Axis::hours(calendar("UTC"), day, day - 1);
        assert_eq!((nothing.tick_of(axis.start(0)), nothing.tick_of(axis.start(0) - 1)), (0, -1));
        assert_eq!((nothing.first_tick(day), nothing.start(0)), (0, axis.start(0)));
    }

    fn any_axis() -> impl Strategy<Value = Axis> {
        let zones = ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"];
        // Changes of all of these zones lie near 2018-10-28 and its spring.
        let change = prop::sample::select(vec!["2018-03-25", "2018-10-28", "2018-11-04"]);
        (prop::sample::select(zones.to_vec()), change, 0..30i32, 0..60i32, any::<bool>()).prop_map(
            |(zone, change, before, length, by_hour)| {
                let first = parse_day(change).unwrap() - before;
                let calendar = calendar(zone);
                match by_hour {
                    true => Axis::hours(calendar, first, first + length),
                    false => Axis::days(calendar),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_one_tick(axis in any_axis(), quarter in -20_000..20_000i64) {
            let change = at("2018-09-01T00:00:00Z");
            for at in [-1, 0, 1].map(|micro| change + quarter * HOUR_US / 4 + micro) {
                let tick = axis.tick_of(at);
                prop_assert!(axis.start(tick) <= at && at < axis.start(tick + 1));
                let day = axis.day_of(tick);
                prop_assert!(axis.first_tick(day) <= tick && tick < axis.first_tick(day + 1));
                prop_assert!(axis.tick_of(at - 1) <= tick && tick <= axis.tick_of(at + 1));
            }
        }

        #[test]
        fn ticks_follow_each_other(axis in any_axis(), from in 0..2_000i32) {
            let first = axis.first_tick(parse_day("2018-03-01").unwrap());
            for tick in first + from..first + from + 50 {
                let (start, next) = (axis.start(tick), axis.start(tick + 1));
                prop_assert!(start < next || !axis.is_hours() || next == Micros::MAX);
                if axis.is_hours() && (0..axis.hours.as_ref().unwrap().end()).contains(&tick) {
                    prop_assert!(next - start <= HOUR_US);
                    prop_assert_eq!(axis.tick_of(start), tick);
                } else if !axis.is_hours() {
                    prop_assert!((next - start - DAY_US).abs() <= HOUR_US);
                }
            }
        }

        #[test]
        fn days_start_at_midnight_by_the_clock(axis in any_axis(), day in 17_600..17_900i32) {
            let tick = axis.first_tick(day);
            let (first, next) = (axis.start(tick), axis.start(axis.first_tick(day + 1)));
            if first > Micros::MIN && next < Micros::MAX && tick < axis.first_tick(day + 1) {
                let span = axis.calendar().span(day);
                prop_assert_eq!((first, next), (span.start, span.end));
            }
        }
    }
}

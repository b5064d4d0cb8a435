//! The days of one database.
//!
//! Zone rules change: governments decide, and the next release of daybit carries it. Days already
//! stored keep the span that they were stored with, and the days between them take what is left,
//! so that every instant lies in exactly one day at all times.

use super::{Day, Micros, Zone};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The days of one database: its zone, overruled by the spans that its stored sections carry.
/// A copy is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    zone: Zone,
    /// The days that do not start where the zone says, in order of both day and start. Empty as
    /// long as the rules are those that the days were stored with.
    overrides: Arc<[Boundary]>,
}

/// A day and where it starts.
#[derive(Debug, Clone, Copy)]
struct Boundary {
    day: Day,
    start: Micros,
}

/// A day's half-open span of instants. Usually 24 hours; 23, 25, none at all, or up to two days
/// where a zone changed its side of the date line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DaySpan {
    pub(crate) day: Day,
    pub(crate) start: Micros,
    pub(crate) end: Micros,
}

impl DaySpan {
    pub(crate) fn contains(&self, at: Micros) -> bool {
        self.start <= at && at < self.end
    }
}

impl Calendar {
    /// `stored`: the spans of day sections on disk; they rule for their days. Of two spans of one
    /// day the first counts.
    pub(crate) fn new(zone: Zone, stored: impl IntoIterator<Item = DaySpan>) -> Calendar {
        let mut starts = BTreeMap::new();
        let mut ends = BTreeMap::new();
        for span in stored {
            starts.entry(span.day).or_insert(span.start);
            ends.entry(span.day.saturating_add(1)).or_insert(span.end);
        }
        // Where a stored day follows a stored day, its own start decides.
        ends.append(&mut starts);
        let mut overrides: Vec<Boundary> = Vec::new();
        for (day, start) in ends {
            let in_order = overrides.last().is_none_or(|last| last.start <= start);
            if in_order && zone.day_start(day) != start {
                overrides.push(Boundary { day, start });
            }
        }
        Calendar { zone, overrides: overrides.into() }
    }

    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The span of a day; `start == end` for a date that the zone skipped.
    pub(crate) fn span(&self, day: Day) -> DaySpan {
        DaySpan { day, start: self.start(day), end: self.start(day.saturating_add(1)) }
    }

    /// The span of the day that holds an instant. Callers keep the last span and ask again only
    /// when an instant lies outside of it: this is the slow way.
    pub(crate) fn span_of(&self, at: Micros) -> DaySpan {
        let mut day = self.zone.day_of(at);
        let next = self.overrides.partition_point(|boundary| boundary.start <= at);
        let (before, after) = self.neighbours(next);
        if let Some(before) = before {
            day = day.max(before.day);
        }
        if let Some(after) = after {
            day = day.min(after.day.saturating_sub(1));
        }
        self.span(day)
    }

    fn start(&self, day: Day) -> Micros {
        let start = self.zone.day_start(day);
        let next = self.overrides.partition_point(|boundary| boundary.day <= day);
        match self.neighbours(next) {
            (Some(before), _) if before.day == day => before.start,
            (before, after) => {
                let start = before.map_or(start, |before| start.max(before.start));
                after.map_or(start, |after| start.min(after.start))
            }
        }
    }

    /// The overrides on both sides of a place in their order.
    fn neighbours(&self, next: usize) -> (Option<Boundary>, Option<Boundary>) {
        let before = next.checked_sub(1).and_then(|last| self.overrides.get(last));
        (before.copied(), self.overrides.get(next).copied())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::time::{DAY_US, HOUR_US};
    use proptest::prelude::*;

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").unwrap()
    }

    fn of(calendar: &Calendar, day: Day) -> (Micros, Micros) {
        let span = calendar.span(day);
        (span.start, span.end)
    }

    #[test]
    fn spans_that_the_zone_agrees_with_cost_nothing() {
        let plain = Calendar::new(berlin(), []);
        let again = Calendar::new(berlin(), (19_000..20_000).map(|day| plain.span(day)));
        assert!(again.overrides.is_empty());
    }

    #[test]
    fn a_stored_span_rules_and_its_neighbours_take_what_is_left() {
        // Day 10 was stored from 01:00 to 23:00 of what the zone now says.
        let stored = DaySpan { day: 10, start: 10 * DAY_US + HOUR_US, end: 11 * DAY_US - HOUR_US };
        let calendar = Calendar::new(Zone::utc(), [stored]);
        assert_eq!(calendar.span(10), stored);
        assert_eq!(of(&calendar, 9), (9 * DAY_US, stored.start));
        assert_eq!(of(&calendar, 11), (stored.end, 12 * DAY_US));
        assert_eq!(of(&calendar, 12), (12 * DAY_US, 13 * DAY_US));
        for (at, day) in [(stored.start - 1, 9), (stored.start, 10), (stored.end, 11)] {
            assert_eq!(calendar.span_of(at), calendar.span(day));
        }
        assert!(stored.contains(stored.start) && !stored.contains(stored.end));
    }

    #[test]
    fn a_date_may_come_or_go_with_the_rules() {
        // Stored when the zone skipped day 10; now it does not.
        let stored = DaySpan { day: 11, start: 10 * DAY_US, end: 11 * DAY_US };
        let calendar = Calendar::new(Zone::utc(), [stored]);
        assert_eq!(of(&calendar, 10), (10 * DAY_US, 10 * DAY_US));
        assert_eq!(calendar.span_of(10 * DAY_US), stored);
        assert_eq!(of(&calendar, 12), (11 * DAY_US, 13 * DAY_US));
    }

    #[test]
    fn senseless_spans_still_give_every_instant_one_day() {
        let senseless = [
            DaySpan { day: 10, start: i64::MAX, end: i64::MIN },
            DaySpan { day: 20, start: 0, end: 0 },
            DaySpan { day: i32::MAX, start: 0, end: 1 },
        ];
        let calendar = Calendar::new(berlin(), senseless);
        for at in (-30..30).map(|day| day * DAY_US) {
            let span = calendar.span_of(at);
            assert!(span.contains(at), "{at} {span:?}");
            assert_eq!(calendar.span(span.day), span);
        }
    }

    /// Days around a change of the clock, some stored with other starts and ends.
    fn stored() -> impl Strategy<Value = Vec<DaySpan>> {
        let one = (-30..30i32, -30..30i64, -30..30i64);
        prop::collection::vec(one, 0..20).prop_map(|parts| {
            let zone = berlin();
            let span = |(day, start, end): (i32, i64, i64)| {
                let day = 19_812 + day; // 2024-03-30
                let start = zone.day_start(day) + start * HOUR_US;
                let end = zone.day_start(day + 1) + end * HOUR_US;
                DaySpan { day, start, end: end.max(start) }
            };
            parts.into_iter().map(span).collect()
        })
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_one_day(stored in stored(), hour in -1_000..1_000i64) {
            let calendar = Calendar::new(berlin(), stored);
            let at = 19_812 * DAY_US + hour * HOUR_US;
            let span = calendar.span_of(at);
            prop_assert!(span.contains(at));
            prop_assert_eq!(calendar.span(span.day), span);
        }

        #[test]
        fn days_tile_the_line(stored in stored()) {
            let calendar = Calendar::new(berlin(), stored);
            for day in 19_760..19_870 {
                let (span, next) = (calendar.span(day), calendar.span(day + 1));
                prop_assert!(span.start <= span.end);
                prop_assert_eq!(span.end, next.start);
            }
        }
    }
}

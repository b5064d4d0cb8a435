#![allow(clippy::unwrap_used)]
use super::*;
use crate::time::{format_day, instant_of};
use proptest::prelude::*;

fn utc(text: &str) -> Result<String, String> {
    in_named("UTC", text)
}

fn in_named(zone: &str, text: &str) -> Result<String, String> {
    let format = TimeFormat::Text(Zone::named(zone).unwrap());
    format.parse(text.as_bytes()).map(|at| Zone::utc().format(at))
}

fn read(text: &str) -> String {
    utc(text).unwrap()
}

#[test]
fn the_common_forms_are_read() {
    assert_eq!(read("2024-03-01T09:30:00Z"), "2024-03-01T09:30:00Z");
    assert_eq!(read("2024-03-01t09:30:00z"), "2024-03-01T09:30:00Z");
    assert_eq!(read("2024-03-01 09:30:00+05:45"), "2024-03-01T03:45:00Z");
    assert_eq!(read("2024-03-01T09:30:00-00:00"), "2024-03-01T09:30:00Z");
    assert_eq!(read("2024-03-01T09:30:00.5Z"), "2024-03-01T09:30:00.5Z");
    assert_eq!(read("2024-03-01 09:30:00.123456789"), "2024-03-01T09:30:00.123456Z");
    assert_eq!(read("2024-03-01 09:30"), "2024-03-01T09:30:00Z");
    assert_eq!(read("2024-03-01"), "2024-03-01T00:00:00Z");
    assert_eq!(read("2024-02-29"), "2024-02-29T00:00:00Z");
}

#[test]
fn nanosecond_limits_do_not_show_through() {
    for year in ["0001", "1677", "1678", "1969", "2262", "2263", "9999"] {
        let text = format!("{year}-04-12T23:47:16.854775Z");
        assert_eq!(read(&text), text);
    }
    assert_eq!(read("1969-12-31T23:59:59.9999999Z"), "1969-12-31T23:59:59.999999Z");
}

#[test]
fn a_leap_second_is_the_next_minute() {
    assert_eq!(read("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00Z");
    assert_eq!(read("2017-01-01T05:29:60.75+05:30"), "2017-01-01T00:00:00Z");
    assert_eq!(read("2016-12-31 23:59:60"), "2017-01-01T00:00:00Z");
}

#[test]
fn texts_without_an_offset_are_local() {
    let berlin = |text| in_named("Europe/Berlin", text).unwrap();
    assert_eq!(berlin("2024-07-01 12:00:00"), "2024-07-01T10:00:00Z");
    assert_eq!(berlin("2024-07-01"), "2024-06-30T22:00:00Z");
    assert_eq!(berlin("2024-07-01T12:00:00Z"), "2024-07-01T12:00:00Z");
    assert_eq!(berlin("2024-03-31 02:30"), "2024-03-31T01:30:00Z");
    assert_eq!(berlin("2024-10-27 02:30"), "2024-10-27T00:30:00Z");
    let skipped = in_named("America/Sao_Paulo", "2017-10-15").unwrap();
    assert_eq!(skipped, "2017-10-15T03:00:00Z");
}

#[test]
fn what_is_no_time_is_refused_with_the_text() {
    let form = "is not RFC 3339, YYYY-MM-DD, YYYY-MM-DD HH:MM or YYYY-MM-DD HH:MM:SS";
    let cases = [
        "",
        " ",
        "2024-03-1",
        "2024/03/01",
        "2024-03-01 ",
        "2024-03-01T",
        "2024-03-01T09",
        "2024-03-01T09:3",
        "2024-03-01T09:30:0",
        "2024-03-01T09:30:00.",
        "2024-03-01T09:30:00.Z",
        "2024-03-01T09:30:00,5",
        "2024-03-01T09:30:00+0545",
        "2024-03-01T09:30:00+05",
        "2024-03-01T09:30:00ZZ",
        "2024-03-01T09:30:00 Z",
        "2024-03-01T09:30:00+05:45x",
        "+2024-03-01",
        "-024-03-01",
        "2024-03-01T0a:30:00",
    ];
    for text in cases {
        assert_eq!(utc(text), Err(format!("time {text:?} {form}")));
    }
    let bytes = TimeFormat::Text(Zone::utc()).parse(b"2024-03-01\xff").unwrap_err();
    assert_eq!(bytes, format!("time \"2024-03-01\u{fffd}\" {form}"));
    let long = utc(&"9".repeat(100_000)).unwrap_err();
    assert_eq!(long, format!("time \"{}\"... {form}", "9".repeat(40)));
}

#[test]
fn dates_and_clocks_that_do_not_exist_are_refused() {
    for text in ["2024-13-01", "2024-00-01", "2023-02-29", "1900-02-29", "2024-04-31", "2024-01-00"]
    {
        assert_eq!(utc(text), Err(format!("time {text:?} names a date that does not exist")));
    }
    for clock in ["24:00", "23:60", "23:59:61", "23:59:59+24:00", "23:59:59-00:60"] {
        let text = format!("2024-03-01T{clock}");
        let reason = "names a time of day or an offset that does not exist";
        assert_eq!(utc(&text), Err(format!("time {text:?} {reason}")));
    }
}

#[test]
fn years_outside_of_the_supported_ones_are_refused() {
    let outside = |text: &str| Err(format!("time {text:?} is not in the years 1 to 9999"));
    for text in ["0000-12-31", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
        assert_eq!(utc(text), outside(text));
    }
    assert_eq!(read("0000-12-31T23:59:00-00:01"), "0001-01-01T00:00:00Z");
    assert_eq!(read("9999-12-31T23:59:59.999999Z"), "9999-12-31T23:59:59.999999Z");
    let leap = "9999-12-31T23:59:60Z";
    assert_eq!(utc(leap), outside(leap));
    let millis_as_seconds = "1709287200500";
    let refused = TimeFormat::EpochSeconds.parse(millis_as_seconds.as_bytes());
    assert_eq!(refused.map(|_| String::new()), outside(millis_as_seconds));
}

#[test]
fn epoch_numbers_are_read_by_their_digits() {
    let seconds = |text: &str| TimeFormat::EpochSeconds.parse(text.as_bytes());
    assert_eq!(seconds("1709287200"), Ok(1_709_287_200_000_000));
    assert_eq!(seconds("1709287200.5"), Ok(1_709_287_200_500_000));
    assert_eq!(seconds("0.1000009"), Ok(100_000));
    assert_eq!(seconds("-0.1000009"), Ok(-100_001));
    assert_eq!(seconds("-0.1000000"), Ok(-100_000));
    assert_eq!(seconds("-1"), Ok(-1_000_000));
    assert_eq!(seconds("-0"), Ok(0));
    assert_eq!(seconds("007"), Ok(7_000_000));
    assert_eq!(TimeFormat::EpochMillis.parse(b"1709287200123.4567"), Ok(1_709_287_200_123_456));
    assert_eq!(TimeFormat::EpochMillis.parse(b"-1"), Ok(-1_000));
    assert_eq!(TimeFormat::EpochMicros.parse(b"-1"), Ok(-1));
    assert_eq!(TimeFormat::EpochMicros.parse(b"-1.5"), Ok(-2));
}

#[test]
fn what_is_no_epoch_number_is_refused() {
    for text in ["", "-", "--1", "+1", " 1", "1 ", "1e9", "1.", ".5", "-.5", "1.5.5", "0x1", "1,5"]
    {
        let reason = "is not a number of digits with an optional fraction";
        let refused = TimeFormat::EpochSeconds.parse(text.as_bytes());
        assert_eq!(refused, Err(format!("time {text:?} {reason}")));
    }
    for digits in [18, 19, 20, 40, 400] {
        let text = "9".repeat(digits);
        for format in [TimeFormat::EpochSeconds, TimeFormat::EpochMillis, TimeFormat::EpochMicros] {
            assert!(format.parse(text.as_bytes()).unwrap_err().contains("years 1 to 9999"));
            let negative = format!("-{text}");
            assert!(format.parse(negative.as_bytes()).unwrap_err().contains("years 1 to 9999"));
        }
    }
}

#[test]
fn queries_name_days_and_instants() {
    assert_eq!(format_day(parse_day("2024-02-29").unwrap()), "2024-02-29");
    let refused = |text| parse_day(text).unwrap_err().to_string();
    assert_eq!(refused("1.3.2024"), "\"1.3.2024\" is not a date: YYYY-MM-DD");
    assert_eq!(refused("2024-03-01T00:00"), "\"2024-03-01T00:00\" is not a date: YYYY-MM-DD");
    assert_eq!(refused("2023-02-29"), "date \"2023-02-29\" names a date that does not exist");
    assert_eq!(refused("0000-01-01"), "date \"0000-01-01\" is not in the years 1 to 9999");
    assert_eq!(parse_instant("1970-01-01T01:00:00.0000019+01:00").unwrap(), 1);
    for text in ["1970-01-01", "1970-01-01T00:00:00"] {
        let error = parse_instant(text).unwrap_err().to_string();
        let advice = "has no offset: write it like 2024-03-01T09:30:00Z";
        assert_eq!(error, format!("time {text:?} {advice}"));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..40)) {
        for format in [TimeFormat::Text(Zone::utc()), TimeFormat::EpochSeconds] {
            let _ = format.parse(&text);
        }
    }

    #[test]
    fn what_chrono_writes_is_read(at in INSTANT_MIN..=INSTANT_MAX, minutes in -1_439..=1_439i32) {
        let offset = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
        let text = instant_of(at).with_timezone(&offset).to_rfc3339();
        if text.as_bytes()[4] == b'-' {
            prop_assert_eq!(parse_instant(&text).unwrap(), at);
        }
    }

    #[test]
    fn days_round_trip(day in -719_162..=2_932_896i32) {
        prop_assert_eq!(parse_day(&format_day(day)).unwrap(), day);
    }

    #[test]
    fn epoch_numbers_round_trip(at in INSTANT_MIN..=INSTANT_MAX) {
        let (sign, size) = (if at < 0 { "-" } else { "" }, at.abs());
        let seconds = format!("{sign}{}.{:06}", size / SECOND_US, size % SECOND_US);
        let millis = format!("{sign}{}.{:03}", size / 1_000, size % 1_000);
        prop_assert_eq!(TimeFormat::EpochSeconds.parse(seconds.as_bytes()), Ok(at));
        prop_assert_eq!(TimeFormat::EpochMillis.parse(millis.as_bytes()), Ok(at));
        prop_assert_eq!(TimeFormat::EpochMicros.parse(at.to_string().as_bytes()), Ok(at));
    }
}

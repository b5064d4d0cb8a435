#![allow(clippy::unwrap_used)]

use super::*;
use crate::ErrorKind;
use proptest::prelude::*;

fn read_one(text: &str) -> Result<Condition> {
    read("where", &serde_json::from_str(text).unwrap(), 0)
}

fn number(text: &str) -> Value {
    literal(Value::Decimal(text.parse().unwrap()))
}

#[test]
fn json_reads_what_the_builder_makes() {
    let built = [
        (r#"{"property": "p", "is": "US"}"#, Condition::is("p", "US")),
        (r#"{"property": "p", "is_not": true}"#, Condition::is_not("p", true)),
        (r#"{"in": [1, 2.5, "x"], "property": "p"}"#, {
            Condition::one_of("p", [Value::from(1), Value::from(2.5), Value::from("x")])
        }),
        (r#"{"property": "p", "not_in": [false]}"#, Condition::none_of("p", [false])),
        (r#"{"property": "p", "gt": 9.90}"#, Condition::gt("p", 9.9)),
        (r#"{"property": "p", "gte": -3}"#, Condition::gte("p", -3)),
        (r#"{"property": "p", "lt": 2.0}"#, Condition::lt("p", 2)),
        (r#"{"property": "p", "lte": "m"}"#, Condition::lte("p", "m")),
        (r#"{"property": "p", "exists": true}"#, Condition::exists("p")),
        (r#"{"property": "p", "exists": false}"#, Condition::missing("p")),
        (r#"{"property": "p", "contains": ""}"#, Condition::contains("p", "")),
        (r#"{"property": "p", "starts_with": "é"}"#, Condition::starts_with("p", "é")),
        (
            r#"{"any_of": [{"property": "p", "is": 1}, {"any_of": [{"property": "q", "gt": 2}]}]}"#,
            Condition::any_of([Condition::is("p", 1), Condition::any_of([Condition::gt("q", 2)])]),
        ),
    ];
    for (text, condition) in built {
        let read = read_one(text).unwrap();
        assert_eq!(read, tidied(condition), "{text}");
        assert_eq!(read_one(&write(&read).to_string()).unwrap(), read, "{text}");
        check(&[read]).unwrap();
    }
}

#[test]
fn bad_conditions_say_what_is_wrong() {
    for (text, part) in [
        ("7", "expected a condition like"),
        ("{}", "expected a condition like"),
        (r#"{"is": 1}"#, "expected a condition like"),
        (r#"{"property": 1, "is": 1}"#, "`property` is 1: expected text"),
        (r#"{"property": "p"}"#, "has 0 tests: each condition has one of `is`"),
        (r#"{"property": "p", "gt": 1, "lt": 2}"#, "has 2 tests"),
        (r#"{"property": "p", "equals": 1}"#, "`equals` is no test of a condition; there are `is`"),
        (r#"{"property": "p", "is": null}"#, "{\"property\": \"p\", \"exists\": false}"),
        (r#"{"property": "p", "is": [1]}"#, "a text, a number, true or false"),
        (r#"{"property": "p", "is": {"decimal": 1}}"#, "a text, a number, true or false"),
        (r#"{"property": "p", "is": {"decimal": "1e5"}}"#, "is not a decimal number"),
        (r#"{"property": "p", "in": 1}"#, "expected a list"),
        (r#"{"property": "p", "in": [null]}"#, "a text, a number, true or false"),
        (r#"{"property": "p", "exists": 1}"#, "expected true or false"),
        (r#"{"property": "p", "contains": 1}"#, "expected text"),
        (r#"{"any_of": [], "property": "p"}"#, "`any_of` stands alone"),
        (r#"{"any_of": {}}"#, "expected a list"),
        (r#"{"property": "p", "is": 123456789012345678901}"#, "{\"decimal\": \"1234567890123"),
        (r#"{"property": "p", "is": 9007199254740993.0}"#, "{\"decimal\": \"9007199254740992\"}"),
    ] {
        let error = read_one(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn both_doors_check_the_same() {
    for (condition, part) in [
        (Condition::is("", 1), "`property` is missing or empty"),
        (Condition::any_of([]), "`any_of` is empty"),
        (Condition::one_of("p", [] as [i64; 0]), "`in` on \"p\" is empty"),
        (Condition::none_of("p", [] as [i64; 0]), "`not_in` on \"p\" is empty"),
        (Condition::gt("p", true), "more or less than true"),
        (Condition::lt("p", f64::NAN), "NaN"),
        (Condition::is("p", f64::INFINITY), "inf"),
    ] {
        let error = check(&[tidied(condition)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn the_limits_hold_on_both_sides() {
    let one = || Condition::is("p", 1);
    let kind = |conditions: &[Condition]| check(conditions).map_err(|error| error.kind());
    assert_eq!(kind(&vec![one(); CONDITIONS_MAX]), Ok(()));
    assert_eq!(kind(&vec![one(); CONDITIONS_MAX + 1]), Err(ErrorKind::Limit));
    let any = Condition::any_of(vec![one(); CONDITIONS_MAX]);
    assert_eq!(kind(&[any]), Err(ErrorKind::Limit));
    let values = |count: usize| Condition::one_of("p", (0..count as i64).collect::<Vec<_>>());
    assert_eq!(kind(&[values(CONDITION_VALUES_MAX)]), Ok(()));
    assert_eq!(kind(&[values(CONDITION_VALUES_MAX + 1)]), Err(ErrorKind::Limit));
    let nested = |depth| (0..depth).fold(one(), |inner, _| Condition::any_of([inner]));
    for (depth, fits) in [(CONDITION_DEPTH_MAX, true), (CONDITION_DEPTH_MAX + 1, false)] {
        let condition = nested(depth);
        assert_eq!(kind(std::slice::from_ref(&condition)).is_ok(), fits);
        assert_eq!(read_one(&write(&condition).to_string()).is_ok(), fits);
    }
    let name = "x".repeat(PROPERTY_BYTES_MAX + 1);
    assert_eq!(kind(&[Condition::exists(&name[1..])]), Ok(()));
    assert_eq!(kind(&[Condition::exists(name)]), Err(ErrorKind::Limit));
    let text = "x".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(kind(&[Condition::contains("p", &text[1..])]), Ok(()));
    assert_eq!(kind(&[Condition::is("p", text)]), Err(ErrorKind::Limit));
}

#[test]
fn numbers_keep_their_digits() {
    assert_eq!(literal(Value::from(0.1)), number("0.1"));
    assert_eq!(literal(Value::from(2.0)), Value::Integer(2));
    assert_eq!(literal(Value::from(-0.0)), Value::Integer(0));
    assert_eq!(literal(Value::from(1e300)), Value::Float(1e300));
    assert_eq!(literal(number("12.500")), number("12.5"));
    let long = "0.12345678901234567890123456789";
    let written = [
        (number("12.5"), "12.5".to_owned()),
        (Value::Integer(i64::MIN), i64::MIN.to_string()),
        (number("18446744073709551615"), u64::MAX.to_string()),
        (number("18446744073709551616"), r#"{"decimal":"18446744073709551616"}"#.to_owned()),
        (number(long), format!(r#"{{"decimal":"{long}"}}"#)),
        (Value::Float(1e300), "1e+300".to_owned()),
    ];
    for (value, text) in written {
        assert_eq!(write_literal(&value).to_string(), text);
        let read: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(read_literal("is", &read).unwrap(), value);
    }
}

proptest! {
    #[test]
    fn every_number_is_written_and_read_back(
        unscaled in any::<i128>(),
        scale in 0..=38u8,
        whole in any::<i64>(),
        float in any::<f64>().prop_filter("finite", |float| float.is_finite()),
    ) {
        let decimal = Decimal::new(unscaled % 10i128.pow(38), scale).unwrap();
        for value in [Value::Decimal(decimal), Value::Integer(whole), Value::Float(float)] {
            let value = literal(value);
            let text = write_literal(&value).to_string();
            let read = read_literal("is", &serde_json::from_str(&text).unwrap());
            prop_assert_eq!(read.unwrap(), value);
        }
    }
}

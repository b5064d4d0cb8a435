//! Numbers of a JSON text that would lose digits on their way in.
//!
//! A number that 64 bits do not hold as an integer comes as a binary one. Most of those print as
//! they were written; one that does not would silently stand for another number.

use crate::error::{Error, Result};
use crate::event::Decimal;

/// Refuses the first number of a JSON text of which digits would be dropped.
pub(super) fn check(text: &str) -> Result<()> {
    numbers(text).find(|number| !is_carried(number)).map_or(Ok(()), |number| Err(dropped(number)))
}

fn dropped(number: &str) -> Error {
    let shown: String = number.chars().take(60).collect();
    Error::input(match number.parse::<Decimal>() {
        Ok(_) => format!(
            "the number {shown} has more digits than numbers of JSON carry: write {{\"decimal\": \
             \"{shown}\"}}"
        ),
        Err(_) => format!(
            "the number {shown} has more digits than numbers of JSON carry: write it out as \
             {{\"decimal\": \"...\"}}, with 38 digits at most"
        ),
    })
}

/// The numbers of a JSON text, as they are written.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let begins = |c: char| c == '"' || c == '-' || c.is_ascii_digit();
            let (_, from) = rest.split_at_checked(rest.find(begins)?)?;
            if let Some(quoted) = from.strip_prefix('"') {
                rest = behind(quoted);
                continue;
            }
            let ends = |c: char| !c.is_ascii_digit() && !"+-.eE".contains(c);
            let (number, after) = from.split_at_checked(from.find(ends).unwrap_or(from.len()))?;
            rest = after;
            return Some(number);
        }
    })
}

/// What follows the quote that ends a text.
fn behind(quoted: &str) -> &str {
    let mut escaped = false;
    for (at, byte) in quoted.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return quoted.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// Whether an integer of 64 bits holds the number, or a binary number that prints as it.
fn is_carried(number: &str) -> bool {
    number.parse::<i64>().is_ok()
        || number.parse::<u64>().is_ok()
        || number.parse().is_ok_and(|binary| prints_as(binary, number))
}

/// Where two decimals are equally short and equally near, printers differ: Rust's takes one, those
/// of JSON the even one.
fn prints_as(binary: f64, number: &str) -> bool {
    let json = serde_json::Number::from_f64(binary).map(|number| number.to_string());
    parts(&format!("{binary:e}")) == parts(number)
        || json.is_some_and(|json| parts(&json) == parts(number))
}

/// The sign, the digits that count, and the power of ten of the last one; a zero has none.
fn parts(number: &str) -> (&str, String, i64) {
    let sign = number.get(..1).filter(|sign| *sign == "-").unwrap_or_default();
    let (number, power) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let number = number.trim_start_matches('-');
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let counted = digits.trim_end_matches('0');
    if counted.is_empty() {
        return ("", String::new(), 0);
    }
    let power = power.parse::<i64>().unwrap_or(i64::MAX);
    let behind = digits.len() as i64 - counted.len() as i64 - fraction.len() as i64;
    (sign, counted.to_owned(), power.saturating_add(behind))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_stand_outside_of_texts() {
        let text = r#"{"a1": [1,-2.5e+3, "7\"8\\"], "b": {"c": 9E9}, "d": true, "é2": 0}"#;
        assert_eq!(numbers(text).collect::<Vec<_>>(), ["1", "-2.5e+3", "9E9", "0"]);
        assert_eq!(numbers("12").collect::<Vec<_>>(), ["12"]);
        assert_eq!(numbers(r#""12"#).count(), 0);
    }

    #[test]
    fn what_a_binary_number_prints_is_carried() {
        for carried in [
            "0",
            "-0",
            "0.0",
            "-0.000",
            "1.50",
            "1e5",
            "1E+5",
            "100000000000000000000",
            "0.1",
            "1e-7",
            "9007199254740992.0",
            "9223372036854775807",
            "18446744073709551615",
            "1e300",
            "-12.25",
            "5e-324",
            "0e99999999999999999999",
            "-1984082229649153.2",
            "-1984082229649153.3",
        ] {
            assert!(check(carried).is_ok(), "{carried}");
        }
    }

    #[test]
    fn what_would_be_another_number_is_refused_with_the_way_out() {
        for (number, part) in [
            ("9007199254740993.0", r#"write {"decimal": "9007199254740993.0"}"#),
            ("99999999999999999999", r#"{"decimal": "99999999999999999999"}"#),
            ("-0.1234567890123456789", r#"{"decimal": "-0.1234567890123456789"}"#),
            ("18446744073709551617", "the number 18446744073709551617 has more digits"),
            ("9007199254740993123e3", r#"{"decimal": "..."}"#),
            ("1e-400", r#"{"decimal": "..."}"#),
        ] {
            let error = check(&format!(r#"{{"a": [1, {number}]}}"#)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    proptest! {
        /// A decimal is carried where it is the one that its binary number prints.
        #[test]
        fn decimals_are_carried_where_they_come_back(digits in any::<i64>(), scale in 1..25u8) {
            let written = Decimal::new(i128::from(digits), scale).unwrap();
            let binary: f64 = written.to_string().parse().unwrap();
            let printed: Decimal = match binary.to_string().parse() {
                Ok(printed) => printed,
                Err(_) => return Ok(()), // a zero below zero
            };
            let same = written.compare(&printed).is_eq();
            prop_assert_eq!(is_carried(&written.to_string()), same);
        }
    }
}

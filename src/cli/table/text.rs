//! Numbers, times and names as a person reads them.

use daybit::{Decimal, Value};

/// Stands for null: over nobody, or not begun.
pub const NULL: &str = "·";

/// With a comma after every three digits.
pub fn grouped(number: u64) -> String {
    grouped_text(&number.to_string())
}

/// The digits before the point in groups of three; the rest as it is.
fn grouped_text(number: &str) -> String {
    let digits = number.trim_start_matches('-');
    let sign = number.strip_suffix(digits).unwrap_or_default();
    let point = digits.find('.').unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(point);
    let mut text = String::with_capacity(number.len() * 4 / 3 + 1);
    text.push_str(sign);
    for (place, digit) in (0..whole.len()).rev().zip(whole.chars()) {
        text.push(digit);
        if place > 0 && place % 3 == 0 {
            text.push(',');
        }
    }
    text + rest
}

/// A value: a decimal with all of its digits, a binary number with those that matter.
pub fn amount(value: &Value) -> String {
    match value {
        Value::Integer(number) => grouped_text(&number.to_string()),
        Value::Decimal(number) => grouped_text(&number.to_string()),
        Value::Float(number) => float(*number),
        other => visible(&other.to_string()),
    }
}

/// Two digits after the point, of a number below one four that count.
pub fn float(number: f64) -> String {
    let size = number.abs();
    if size >= 1e15 {
        return format!("{number:e}");
    }
    if size >= 1.0 || size == 0.0 || size.is_nan() {
        return grouped_text(&format!("{number:.2}"));
    }
    let zeros = (-size.log10().floor()).min(12.0) as usize;
    let digits = zeros + 3;
    format!("{number:.digits$}")
}

/// Shares read as percent, other ratios as numbers.
pub fn ratio(name: &str, value: f64) -> String {
    let share = match name {
        "ratio" | "rate" | "share" | "top_two" | "curr" | "nurr" | "rurr" | "surr" => true,
        _ => name.ends_with("_rate") || name.ends_with("_retention"),
    };
    if share { percent(value, 1) } else { grouped_text(&format!("{value:.2}")) }
}

pub fn percent(share: f64, digits: usize) -> String {
    format!("{:.digits$}%", share * 100.0)
}

/// Seconds in the two largest units that say something: `1m 20s`, `3d 4h`, `250ms`.
pub fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        let ms = (seconds * 1_000.0).round();
        return if ms == 0.0 { "0s".to_string() } else { format!("{ms}ms") };
    }
    if seconds < 59.95 {
        let tenths = (seconds * 10.0).round() / 10.0;
        return format!("{tenths}s");
    }
    const UNITS: [(&str, u64); 5] =
        [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let whole = seconds.round() as u64;
    let large = UNITS.iter().position(|(_, unit)| whole >= *unit).unwrap_or(4);
    let (Some((name, unit)), small) = (UNITS.get(large), UNITS.get(large + 1)) else {
        return format!("{whole}s");
    };
    match small.map(|(name, small)| (name, whole % unit / small)) {
        Some((small, rest)) if rest > 0 => format!("{}{name} {rest}{small}", whole / unit),
        _ => format!("{}{name}", whole / unit),
    }
}

/// A number's size for a bar; nothing for what is no number.
pub fn size(value: &Value) -> f64 {
    let decimal = |number: &Decimal| number.to_string().parse().unwrap_or_default();
    match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Decimal(number) => decimal(number),
        _ => 0.0,
    }
}

/// A text that cannot move the cursor, change colours or turn the line around.
pub fn visible(text: &str) -> String {
    let turns = |letter: char| {
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{61c}' | '\u{feff}')
    };
    let shown = |letter: char| match letter.is_control() || turns(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(shown).collect()
}

/// A name as a table shows it: cut where it would fill the line.
pub fn name(text: &str) -> String {
    const NAME_MAX: usize = 60;
    let text = visible(text);
    match text.char_indices().nth(NAME_MAX) {
        Some(_) => text.chars().take(NAME_MAX - 1).chain(['…']).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_grouped_and_keep_their_digits() {
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        for (value, text) in [
            (Value::from(0), "0"),
            (Value::from(-1_234_567), "-1,234,567"),
            (Value::from(-123), "-123"),
            (decimal("1234567.50"), "1,234,567.50"),
            (decimal("-999.00"), "-999.00"),
            (decimal("-1000.125"), "-1,000.125"),
            (Value::from(1234.567), "1,234.57"),
            (Value::from(-0.000123456), "-0.0001235"),
            (Value::from(0.3), "0.3000"),
            (Value::from(0.0), "0.00"),
            (Value::from(1e300), "1e300"),
            (Value::from("a\tb"), "a\\tb"),
        ] {
            assert_eq!(amount(&value), text);
        }
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(size(&decimal("12.50")), 12.5);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.2504, "250ms"),
            (1.0, "1s"),
            (12.34, "12.3s"),
            (59.94, "59.9s"),
            (59.96, "1m"),
            (80.0, "1m 20s"),
            (3_600.0, "1h"),
            (3_659.0, "1h"),
            (3_660.0, "1h 1m"),
            (100_000.0, "1d 3h"),
            (604_800.0 * 3.0, "3w"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn long_names_are_cut() {
        let long = "ö".repeat(61);
        assert_eq!(name(&long[2..]), long[2..]);
        assert_eq!(name(&long), "ö".repeat(59) + "…");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(visible("\u{1b}[31mred\r\n"), "\\u{1b}[31mred\\r\\n");
        assert_eq!(visible("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
        assert_eq!(visible("Größe 大"), "Größe 大");
    }
}

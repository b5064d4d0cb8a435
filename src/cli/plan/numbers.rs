//! Numbers as people type them, and as they read them.

use crate::failure::Failure;

/// Reads `5e6`, `5000000`, `5_000_000`, `5M`, `20%`; names the flag in what it refuses.
pub fn read(flag: &str, text: &str) -> Result<f64, Failure> {
    let plain = text.trim().replace('_', "");
    let (digits, factor) = match plain.char_indices().last() {
        Some((at, 'k' | 'K')) => (&plain[..at], 1e3),
        Some((at, 'M')) => (&plain[..at], 1e6),
        Some((at, 'G')) => (&plain[..at], 1e9),
        Some((at, '%')) => (&plain[..at], 0.01),
        _ => (plain.as_str(), 1.0),
    };
    let number = digits.trim().parse::<f64>().ok().map(|number| number * factor);
    number.filter(|number| number.is_finite()).ok_or_else(|| {
        Failure::input(format!(
            "{flag} {text:?} is not a number: write it like 5e6, 5000000, 5_000_000, 5M or 20%"
        ))
    })
}

/// As [`read`], between two bounds, both of which are allowed.
pub fn within(flag: &str, text: &str, bounds: (f64, f64)) -> Result<f64, Failure> {
    let number = read(flag, text)?;
    let (low, high) = bounds;
    if number >= low && number <= high {
        return Ok(number);
    }
    let (low, high) = (short(low), short(high));
    Err(Failure::input(format!("{flag} {text} cannot be: it must lie between {low} and {high}")))
}

/// As [`within`], without a fraction.
pub fn whole(flag: &str, text: &str, bounds: (f64, f64)) -> Result<u64, Failure> {
    let number = within(flag, text, bounds)?;
    // A float of 64 bits holds every whole number that passes the bounds of a flag.
    let rounded = number.round();
    if (number - rounded).abs() > 1e-6 * number.abs() {
        return Err(Failure::input(format!("{flag} {text} must be a whole number")));
    }
    Ok(rounded as u64)
}

/// A number with the digits that matter: `4.38 G`, `1,095`, `0.0486`.
pub fn short(number: f64) -> String {
    let size = number.abs();
    let (value, unit) = match size {
        _ if size >= 1e9 => (number / 1e9, " G"),
        _ if size >= 1e6 => (number / 1e6, " M"),
        _ => (number, ""),
    };
    digits(value, 3) + unit
}

/// At least so many digits that count, and all of those before the point.
pub fn digits(number: f64, count: i32) -> String {
    if number == 0.0 || !number.is_finite() {
        return "0".to_string();
    }
    let before = number.abs().log10().floor() as i32 + 1;
    let after = (count - before).clamp(0, 12) as usize;
    let text = format!("{number:.after$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_string();
    }
    text.parse::<u64>().map_or(text, crate::output::count)
}

/// Bytes in decimal units, as disks are sold.
pub fn bytes(number: f64) -> String {
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(size, _)| number >= *size);
    let (size, name) = unit.unwrap_or((1.0, "B"));
    format!("{} {name}", digits(number / size, 3))
}

/// Seconds in the unit that reads best.
pub fn time(seconds: f64) -> String {
    let units =
        [(86_400.0, "days"), (5_400.0, "h"), (120.0, "min"), (1.0, "s"), (1e-3, "ms"), (0.0, "us")];
    let unit = units.into_iter().find(|(from, _)| seconds >= *from);
    let (value, name) = match unit {
        Some((_, "days")) => (seconds / 86_400.0, "days"),
        Some((_, "h")) => (seconds / 3_600.0, "h"),
        Some((_, "min")) => (seconds / 60.0, "min"),
        Some((_, "s")) => (seconds, "s"),
        Some((_, "ms")) => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "us"),
    };
    format!("{} {name}", digits(value, 3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for text in ["5e6", "5000000", "5_000_000", "5M", " 5 M ", "5000k", "5E6", "0.005G"] {
            assert_eq!(read("--users", text).unwrap(), 5e6, "{text}");
        }
        assert_eq!(read("--daily-active", "20%").unwrap(), 0.2);
        assert_eq!(read("--daily-active", "20 %").unwrap(), 0.2);
        assert_eq!(read("--users", "-3").unwrap(), -3.0);
    }

    #[test]
    fn what_is_no_number_is_refused_by_name() {
        for text in ["", "many", "NaN", "inf", "1e999", "5MM", "%", "5,000", "é", "0x10"] {
            let said = read("--users", text).unwrap_err().to_string();
            assert!(said.starts_with("--users") && said.contains("5e6"), "{text}: {said}");
        }
    }

    #[test]
    fn bounds_hold_on_both_sides() {
        assert_eq!(whole("--users", "1", (1.0, 9.0)).unwrap(), 1);
        assert_eq!(whole("--users", "9", (1.0, 9.0)).unwrap(), 9);
        assert!(whole("--users", "0", (1.0, 9.0)).is_err());
        assert!(whole("--users", "9.1", (1.0, 9.0)).is_err());
        assert!(whole("--users", "2.5", (1.0, 9.0)).is_err());
        let said = within("--years", "-1", (0.01, 200.0)).unwrap_err().to_string();
        assert!(said.contains("0.01 and 200"), "{said}");
    }

    #[test]
    fn numbers_keep_the_digits_that_matter() {
        assert_eq!(short(4.38e9), "4.38 G");
        assert_eq!(short(5e6), "5 M");
        assert_eq!(short(1_095.0), "1,095");
        assert_eq!(short(0.0486), "0.0486");
        assert_eq!(short(0.0), "0");
        assert_eq!(bytes(17.04e9), "17 GB");
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(time(0.0123), "12.3 ms");
        assert_eq!(time(0.000_031), "31 us");
        assert_eq!(time(61.0), "61 s");
        assert_eq!(time(7_200.0), "2 h");
        assert_eq!(time(200_000.0), "2.31 days");
    }
}

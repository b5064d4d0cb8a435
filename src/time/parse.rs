//! Reading times: the texts and numbers of imports, the dates and instants of queries.
//!
//! An import reads one for every row, so the common forms are read from bytes, without allocation
//! and without a general date parser. Only a refusal allocates, for its reason.

use super::{
    DAY_US, Day, HOUR_US, INSTANT_MAX, INSTANT_MIN, Local, MINUTE_US, Micros, SECOND_US, Zone,
    civil,
};
use crate::error::{Error, Result};
use crate::limits::{YEAR_MAX, YEAR_MIN};

/// How an imported time is written.
///
/// In every form digits finer than microseconds are cut, towards the past, and times outside of
/// the supported years are refused.
#[derive(Debug, Clone)]
pub(crate) enum TimeFormat {
    /// RFC 3339, or without an offset, in the zone: `YYYY-MM-DD HH:MM:SS[.f]`, `YYYY-MM-DD HH:MM`
    /// (both with `T` too), and a bare date, which is the day's first instant.
    ///
    /// A leap second, `:60`, is the first instant of the next minute. A skipped local time is read
    /// with the offset before the gap, a doubled one is the earlier of the two.
    Text(Zone),
    /// As `Text`; whole numbers of 10, 13 and 16 digits are seconds, milliseconds and microseconds
    /// since 1970. Other numbers are refused, not guessed at.
    Any(Zone),
    /// Seconds since 1970, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since 1970, with or without a fraction.
    EpochMillis,
    /// Microseconds since 1970, with or without a fraction, which is cut.
    EpochMicros,
}

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Missing,
    NotATime,
    BareNumber,
    NoSuchDate,
    NoSuchClock,
    NoOffset,
    NotANumber,
    OutOfYears,
}

/// A time as it is written.
struct Written {
    day: Day,
    /// Microseconds since midnight by the clock, and the offset; absent from a bare date.
    clock: Option<(i64, Option<i64>)>,
}

impl TimeFormat {
    /// Reads one cell, in about 50 ns for an RFC 3339 text. The error is a short reason for a
    /// reject, like `time "2024-13-01" names a date that does not exist`.
    pub(crate) fn parse(&self, text: &[u8]) -> Result<Micros, String> {
        let read = match self {
            TimeFormat::Text(zone) => written(text).map(|written| in_zone(&written, zone)),
            TimeFormat::Any(zone) => text_or_number(text, zone),
            TimeFormat::EpochSeconds => epoch(text, 6),
            TimeFormat::EpochMillis => epoch(text, 3),
            TimeFormat::EpochMicros => epoch(text, 0),
        };
        read.and_then(supported).map_err(|refusal| match refusal {
            Refusal::Missing => "there is no time".to_string(),
            other => format!("time {}", other.reason(text)),
        })
    }
}

/// `YYYY-MM-DD`, nothing else; the error names the text.
pub(crate) fn parse_day(text: &str) -> Result<Day> {
    let read = match written(text.as_bytes()) {
        Ok(Written { day, clock: None }) => supported(i64::from(day) * DAY_US).map(|_| day),
        Ok(_) => Err(Refusal::NotATime),
        Err(refusal) => Err(refusal),
    };
    read.map_err(|refusal| match refusal {
        Refusal::NotATime => Error::input(format!("{} is not a date: YYYY-MM-DD", shown(text))),
        other => Error::input(format!("date {}", other.reason(text.as_bytes()))),
    })
}

/// RFC 3339 with an offset; finer digits than microseconds are cut.
pub(crate) fn parse_instant(text: &str) -> Result<Micros> {
    let read = written(text.as_bytes()).and_then(|written| match written.clock {
        Some((clock_us, Some(offset))) => {
            supported(i64::from(written.day) * DAY_US + clock_us - offset)
        }
        _ => Err(Refusal::NoOffset),
    });
    read.map_err(|refusal| Error::input(format!("time {}", refusal.reason(text.as_bytes()))))
}

impl Refusal {
    fn reason(self, text: &[u8]) -> String {
        let what = match self {
            Refusal::Missing => "is empty",
            Refusal::BareNumber => {
                "is a bare number: name its unit in the time format, or write the 10, 13 or 16 \
                 digits of seconds, milliseconds or microseconds since 1970"
            }
            Refusal::NotATime => {
                "is not RFC 3339, YYYY-MM-DD, YYYY-MM-DD HH:MM or YYYY-MM-DD HH:MM:SS"
            }
            Refusal::NoSuchDate => "names a date that does not exist",
            Refusal::NoSuchClock => "names a time of day or an offset that does not exist",
            Refusal::NoOffset => "has no offset: write it like 2024-03-01T09:30:00Z",
            Refusal::NotANumber => "is not a number of digits with an optional fraction",
            Refusal::OutOfYears => {
                return format!(
                    "{} is not in the years {YEAR_MIN} to {YEAR_MAX}",
                    shown_bytes(text)
                );
            }
        };
        format!("{} {what}", shown_bytes(text))
    }
}

/// At most 40 characters, escaped, in quotes.
fn shown(text: &str) -> String {
    let cut = if text.chars().nth(40).is_some() { "..." } else { "" };
    let text: String = text.chars().take(40).collect();
    format!("{text:?}{cut}")
}

fn shown_bytes(text: &[u8]) -> String {
    shown(&String::from_utf8_lossy(text.get(..200).unwrap_or(text)))
}

fn supported(at: Micros) -> Result<Micros, Refusal> {
    if (INSTANT_MIN..=INSTANT_MAX).contains(&at) { Ok(at) } else { Err(Refusal::OutOfYears) }
}

fn text_or_number(text: &[u8], zone: &Zone) -> Result<Micros, Refusal> {
    let is_number = text.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    match text.len() {
        0 => Err(Refusal::Missing),
        _ if !is_number => written(text).map(|written| in_zone(&written, zone)),
        _ if text.contains(&b'.') => Err(Refusal::BareNumber),
        10 => epoch(text, 6),
        13 => epoch(text, 3),
        16 => epoch(text, 0),
        _ => Err(Refusal::BareNumber),
    }
}

fn in_zone(written: &Written, zone: &Zone) -> Micros {
    match written.clock {
        None => zone.day_start(written.day),
        Some((clock_us, Some(offset))) => i64::from(written.day) * DAY_US + clock_us - offset,
        Some((clock_us, None)) => match zone.local(written.day, clock_us) {
            Local::Once(at) | Local::Skipped(at) | Local::Twice { earlier: at, .. } => at,
        },
    }
}

/// Reads `YYYY-MM-DD`, and a time of day and an offset where they follow.
fn written(text: &[u8]) -> Result<Written, Refusal> {
    let Some((date, rest)) = text.split_first_chunk::<10>() else { return Err(Refusal::NotATime) };
    let &[c, d, y, e, b'-', m, n, b'-', x, z] = date else { return Err(Refusal::NotATime) };
    let year = two(c, d)? * 100 + two(y, e)?;
    let (month, in_month) = (two(m, n)?, two(x, z)?);
    let exists = (1..=12).contains(&month)
        && (1..=civil::month_days(i64::from(year), month)).contains(&in_month);
    if !exists {
        return Err(Refusal::NoSuchDate);
    }
    let clock = match rest {
        [] => None,
        [b'T' | b't' | b' ', clock @ ..] => Some(clock_and_offset(clock)?),
        _ => return Err(Refusal::NotATime),
    };
    Ok(Written { day: civil::day(i64::from(year), month, in_month), clock })
}

/// Reads `HH:MM[:SS[.f]]`, and `Z` or `+HH:MM` where it follows.
fn clock_and_offset(text: &[u8]) -> Result<(i64, Option<i64>), Refusal> {
    let (clock, rest) = hours_and_minutes(text)?;
    let [b':', tens, ones, rest @ ..] = rest else { return Ok((clock, offset(rest)?)) };
    let second = two(*tens, *ones)?;
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let within = match second {
        0..=59 => i64::from(second) * SECOND_US + fraction,
        60 => MINUTE_US,
        _ => return Err(Refusal::NoSuchClock),
    };
    Ok((clock + within, offset(rest)?))
}

/// Reads `HH:MM`; what follows is handed back.
fn hours_and_minutes(text: &[u8]) -> Result<(i64, &[u8]), Refusal> {
    let [h, i, b':', m, n, rest @ ..] = text else { return Err(Refusal::NotATime) };
    let (hour, minute) = (two(*h, *i)?, two(*m, *n)?);
    if hour > 23 || minute > 59 {
        return Err(Refusal::NoSuchClock);
    }
    Ok((i64::from(hour) * HOUR_US + i64::from(minute) * MINUTE_US, rest))
}

/// Reads an offset, or nothing, to the end of the text.
fn offset(text: &[u8]) -> Result<Option<i64>, Refusal> {
    let (sign, rest) = match text {
        [] => return Ok(None),
        [b'Z' | b'z'] => return Ok(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(Refusal::NotATime),
    };
    match hours_and_minutes(rest)? {
        (offset, []) => Ok(Some(sign * offset)),
        _ => Err(Refusal::NotATime),
    }
}

/// Reads the digits of a fraction of a second, at least one, as microseconds.
fn fraction(text: &[u8]) -> Result<(i64, &[u8]), Refusal> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() {
        return Err(Refusal::NotATime);
    }
    Ok((leading(digits, 6), rest))
}

/// The first `count` digits as a number, as if zeros followed them.
fn leading(digits: &[u8], count: usize) -> i64 {
    let digits = digits.iter().map(|digit| i64::from(digit - b'0'));
    digits.chain(std::iter::repeat(0)).take(count).fold(0, |number, digit| number * 10 + digit)
}

fn two(tens: u8, ones: u8) -> Result<u32, Refusal> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        return Err(Refusal::NotATime);
    }
    Ok(u32::from(tens) * 10 + u32::from(ones))
}

/// Reads a number of units since 1970, of which `finer` more digits make microseconds. All of it
/// is done in digits: no binary fraction comes near.
fn epoch(text: &[u8], finer: u32) -> Result<Micros, Refusal> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let point = digits.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = match point.and_then(|point| digits.split_at_checked(point)) {
        Some((whole, fraction)) => (whole, fraction.get(1..).unwrap_or_default()),
        None => (digits, &b"0"[..]),
    };
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(Refusal::NotANumber);
    }
    let digits = whole.iter().map(|digit| i64::from(digit - b'0'));
    let whole = digits.fold(0i64, |number, digit| number.saturating_mul(10).saturating_add(digit));
    let kept = finer as usize;
    let at = whole.saturating_mul(10i64.pow(finer)).saturating_add(leading(fraction, kept));
    let cut = fraction.iter().skip(kept).any(|&digit| digit != b'0');
    Ok(if negative { (-at).saturating_sub(i64::from(cut)) } else { at })
}

#[cfg(test)]
mod tests;

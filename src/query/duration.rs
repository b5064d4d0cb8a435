//! Durations as people give them: `30m`, `14d`.

use crate::limits::DURATION_SECONDS_MAX;

/// A length of time as a caller gives it: text like `30m` or `14d` (seconds, minutes, hours, days
/// of 24 hours, weeks), or a [`Duration`](std::time::Duration) of whole seconds.
///
/// Text that is none is reported when the query is checked or run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationArg(Given);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Span(std::time::Duration),
    Text(String),
}

impl From<std::time::Duration> for DurationArg {
    fn from(span: std::time::Duration) -> DurationArg {
        DurationArg(Given::Span(span))
    }
}

impl From<&str> for DurationArg {
    fn from(text: &str) -> DurationArg {
        DurationArg(Given::Text(text.to_owned()))
    }
}

impl From<String> for DurationArg {
    fn from(text: String) -> DurationArg {
        DurationArg(Given::Text(text))
    }
}

/// What a duration looks like.
pub(super) const DURATION_FORM: &str = "a duration like 30m, 12h, 14d (s m h d w)";

/// Units, the largest first, and their seconds.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl DurationArg {
    /// Microseconds; beyond the limit just above it. The fault names the field and the text.
    pub(crate) fn micros(self, field: &str) -> Result<i64, String> {
        let seconds = match &self.0 {
            Given::Text(text) => parse(text)
                .ok_or_else(|| format!("`{field}` is {text:?}: expected {DURATION_FORM}"))?,
            Given::Span(span) if span.subsec_nanos() == 0 => span.as_secs(),
            Given::Span(span) => {
                return Err(format!("`{field}` is {span:?}: expected whole seconds"));
            }
        };
        Ok(i64::try_from(seconds).unwrap_or(i64::MAX).min(DURATION_SECONDS_MAX + 1) * 1_000_000)
    }
}

/// Seconds; saturates.
fn parse(text: &str) -> Option<u64> {
    let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(*unit))?;
    let digits = text.strip_suffix(*unit)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX).saturating_mul(*seconds))
}

/// The text that [`DurationArg`] reads, in the largest unit that leaves nothing over.
pub(crate) fn format_duration(micros: i64) -> String {
    let total = u64::try_from(micros).unwrap_or(0) / 1_000_000;
    let fits = |(_, seconds): &&(char, u64)| total.is_multiple_of(*seconds);
    let (unit, seconds) = UNITS.iter().find(fits).unwrap_or(&('s', 1));
    format!("{}{unit}", total / seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::time::Duration;

    #[test]
    fn texts_read_back_as_they_were_written() {
        for text in ["1s", "90s", "30m", "36h", "13d", "2w", "1000000000000s"] {
            let micros = DurationArg::from(text).micros("within").unwrap();
            assert_eq!(format_duration(micros), text);
        }
        assert_eq!(DurationArg::from("14d").micros("within"), DurationArg::from("2w").micros("x"));
        let hour = Duration::from_secs(3_600);
        assert_eq!(DurationArg::from(hour).micros("gap"), Ok(3_600_000_000));
    }

    #[test]
    fn other_texts_are_refused_with_the_units() {
        for text in ["", "s", "30", "-1d", "+1d", "1.5h", "1y", "1 d", "1D", "one day"] {
            let fault = DurationArg::from(text).micros("within").unwrap_err();
            assert!(fault.starts_with("`within` is ") && fault.contains("14d"), "{fault}");
        }
        let half = Duration::from_millis(1_500);
        assert!(DurationArg::from(half).micros("gap").unwrap_err().contains("whole seconds"));
    }

    #[test]
    fn nothing_overflows() {
        for text in ["1000000000001s", "99999999999999999999w", "18446744073709551615w"] {
            let micros = DurationArg::from(text).micros("gap").unwrap();
            assert_eq!(micros, (DURATION_SECONDS_MAX + 1) * 1_000_000);
        }
    }
}

//! A sample of a workload as a CSV file: the same one for the same workload and size.

use super::people::{People, Person};
use super::random::{Random, mix};
use super::shape::{Per, Shape, push_number};
use super::workload::Workload;
use chrono::{Datelike, Days, NaiveDate};
use rayon::prelude::*;
use std::io::{self, Write};

/// Days that are written down at once, on all cores.
const DAYS_AT_ONCE: u32 = 16;
const DAY_MS: u32 = 86_400_000;

/// One event before it is written down.
#[derive(Debug, Clone, Copy)]
struct Row {
    at_ms: u32,
    user: u32,
    activity: u32,
}

/// How much was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    pub events: u64,
    pub user_days: u64,
    pub bytes: u64,
}

/// A day's rows.
struct DayText {
    text: Vec<u8>,
    written: Written,
}

/// The last day of every sample. Any would do that is over everywhere.
fn last_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 12, 31).unwrap_or_default()
}

/// Writes the events of so many users on so many days, in the order of time; `passed` hears of each
/// batch of days.
pub fn write(
    workload: &Workload,
    users: u64,
    days: u32,
    out: &mut dyn Write,
    passed: &dyn Fn(u32),
) -> io::Result<Written> {
    let people = People::new(workload, users, days).all();
    let sample = Sample { shape: &workload.shape, events: workload.events_per_active_day, people };
    let header = workload.shape.header();
    out.write_all(header.as_bytes())?;
    let mut all = Written { bytes: header.len() as u64, ..Written::default() };
    for from in (0..days).step_by(DAYS_AT_ONCE as usize) {
        let to = days.min(from + DAYS_AT_ONCE);
        let texts: Vec<DayText> =
            (from..to).into_par_iter().map(|day| sample.day(day, days)).collect();
        for day in texts {
            out.write_all(&day.text)?;
            all.events += day.written.events;
            all.user_days += day.written.user_days;
            all.bytes += day.text.len() as u64;
        }
        passed(to);
    }
    Ok(all)
}

struct Sample<'a> {
    shape: &'a Shape,
    /// Of an active day, in the mean.
    events: f64,
    people: Vec<Person>,
}

impl Sample<'_> {
    fn day(&self, day: u32, days: u32) -> DayText {
        let mut rows = Vec::new();
        let mut written = Written::default();
        for (user, person) in (0..).zip(&self.people) {
            if person.joined > day {
                break; // Users join in order.
            }
            let mut random = Random::of(&[3, u64::from(user), u64::from(day)]);
            if person.is_active(day, &mut random) {
                written.user_days += 1;
                self.visit(user, &mut random, &mut rows);
            }
        }
        rows.sort_unstable_by_key(|row| row.at_ms);
        written.events = rows.len() as u64;
        let date = last_day() - Days::new(u64::from(days - 1 - day));
        DayText { text: self.text(&rows, date), written }
    }

    /// What a user does on an active day: one thing after the other within minutes, now and then
    /// after an hour.
    fn visit(&self, user: u32, random: &mut Random, rows: &mut Vec<Row>) {
        let count = 1 + random.poisson(self.events - 1.0);
        let mut at_ms = random.unit() * 80_000_000.0;
        for place in 0..count {
            let activity = match place {
                0 if self.shape.opens => 0,
                _ => self.activity(random),
            };
            rows.push(Row { at_ms: (at_ms as u32).min(DAY_MS - 1), user, activity });
            let pause = if random.unit() < 0.06 { 4_000_000.0 } else { 0.0 };
            at_ms += pause + random.exponential(240_000.0);
        }
    }

    /// An activity; not the first one where that opens every day already.
    fn activity(&self, random: &mut Random) -> u32 {
        let picks = &self.shape.activities;
        loop {
            let place = picks.place(random.unit());
            if place > 0 || !self.shape.opens || picks.len() == 1 {
                return place as u32;
            }
        }
    }

    fn text(&self, rows: &[Row], date: NaiveDate) -> Vec<u8> {
        let mut text = Vec::with_capacity(rows.len() * 80);
        let date = format!("{:04}-{:02}-{:02}T", date.year(), date.month(), date.day());
        let digits = id_digits(self.shape.id_bytes, self.people.len() as u64);
        let names: Vec<String> =
            self.shape.activities.weighted().map(|(name, _)| super::shape::cell(&name)).collect();
        for (number, row) in (0..).zip(rows) {
            push_id(u64::from(row.user), digits, &mut text);
            text.push(b',');
            let name = names.get(row.activity as usize).map_or("", String::as_str);
            text.extend_from_slice(name.as_bytes());
            text.push(b',');
            text.extend_from_slice(date.as_bytes());
            push_clock(row.at_ms, &mut text);
            let mut random = Random::of(&[4, u64::from(row.user), u64::from(row.at_ms), number]);
            self.properties(row, &mut random, &mut text);
            text.push(b'\n');
        }
        text
    }

    fn properties(&self, row: &Row, random: &mut Random, text: &mut Vec<u8>) {
        for (place, property) in (0..).zip(&self.shape.properties) {
            text.push(b',');
            let pays = || self.shape.activities.text(row.activity as usize) == self.shape.paying;
            match property.per {
                Per::User => {
                    property.write(&mut Random::of(&[5, place, u64::from(row.user)]), text);
                }
                Per::Payment if !pays() => {}
                Per::Event | Per::Payment => property.write(random, text),
            }
        }
    }
}

impl Person {
    fn is_active(&self, day: u32, random: &mut Random) -> bool {
        let may = self.joined < day && day <= self.last;
        day == self.joined || (may && random.unit() < f64::from(self.rate))
    }
}

/// Digits of an id of so many bytes that keep so many users apart.
fn id_digits(id_bytes: usize, users: u64) -> usize {
    let needed = (64 - users.leading_zeros() as usize).div_ceil(4);
    id_bytes.saturating_sub(1).max(needed)
}

/// `u` and digits that look random and differ from user to user.
fn push_id(user: u64, digits: usize, out: &mut Vec<u8>) {
    // Times an odd number every user keeps a number of its own, in as many bits as there are.
    let bits = (digits * 4).min(64);
    let own = user.wrapping_mul(0x9E37_79B9_7F4A_7C15) & (u64::MAX >> (64 - bits));
    out.push(b'u');
    for place in 0..digits {
        let word = if place < 16 { own } else { mix(user ^ (place as u64 / 16) << 40) };
        let shift = (digits.min(16) - 1).saturating_sub(place % 16) * 4;
        out.push(b"0123456789abcdef"[(word >> shift & 15) as usize]);
    }
}

/// `09:30:00.123Z`
fn push_clock(at_ms: u32, out: &mut Vec<u8>) {
    let seconds = u64::from(at_ms / 1_000);
    push_number(seconds / 3_600, 2, out);
    out.push(b':');
    push_number(seconds / 60 % 60, 2, out);
    out.push(b':');
    push_number(seconds % 60, 2, out);
    out.push(b'.');
    push_number(u64::from(at_ms % 1_000), 3, out);
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::workload::tests::workload;
    use super::*;
    use std::collections::BTreeSet;

    fn sample(users: u64, share: f64, events: f64, days: u32) -> (String, Written) {
        let mut out = Vec::new();
        let workload = workload(users, share, events, days);
        let written = write(&workload, users, days, &mut out, &|_| {}).unwrap();
        assert_eq!(written.bytes, out.len() as u64);
        (String::from_utf8(out).unwrap(), written)
    }

    #[test]
    fn a_sample_is_as_large_as_the_workload_says() {
        let (text, written) = sample(3_000, 0.2, 4.0, 60);
        let user_days = 3_000.0 * 60.0 * 0.2;
        assert!((written.user_days as f64 / user_days - 1.0).abs() < 0.05, "{written:?}");
        assert!((written.events as f64 / user_days / 4.0 - 1.0).abs() < 0.05, "{written:?}");
        assert_eq!(text.lines().count() as u64, written.events + 1);
        let users: BTreeSet<&str> = text.lines().skip(1).map(|l| &l[..17]).collect();
        assert_eq!(users.len(), 3_000, "every user comes, with an id of its own");
        let times: Vec<&str> = text.lines().skip(1).filter_map(|l| l.split(',').nth(2)).collect();
        assert!(times.is_sorted(), "in the order of time");
        assert!(times[0].starts_with("2024-11-02T") && times[times.len() - 1] > "2024-12-31T");
    }

    #[test]
    fn the_same_sample_comes_again() {
        assert_eq!(sample(50, 0.5, 2.0, 20), sample(50, 0.5, 2.0, 20));
        let (text, written) = sample(1, 1.0, 1.0, 1);
        assert_eq!((written.events, written.user_days), (1, 1), "{text}");
    }

    #[test]
    fn ids_have_the_length_asked_for_and_stay_apart() {
        for (id_bytes, users) in [(1, 1_000), (4, 4_096), (17, 1_000), (36, 1_000)] {
            let digits = id_digits(id_bytes, users);
            let id = |user| {
                let mut out = Vec::new();
                push_id(user, digits, &mut out);
                String::from_utf8(out).unwrap()
            };
            let ids: BTreeSet<String> = (0..users).map(id).collect();
            assert_eq!(ids.len() as u64, users, "{id_bytes}");
            assert!(ids.iter().all(|id| id.len() == id_bytes.max(digits + 1)), "{id_bytes}");
        }
    }

    #[test]
    fn clocks_are_written_to_the_millisecond() {
        let mut out = Vec::new();
        push_clock(34_200_007, &mut out);
        assert_eq!(out, b"09:30:00.007Z");
    }
}

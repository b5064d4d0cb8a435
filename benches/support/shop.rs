//! A shop's events: made up, and the same each time.

use daybit::{Batch, Db, Durability, Event, Options};
use std::ops::Range;
use std::path::Path;

pub const DAY_MS: i64 = 86_400_000;
/// 2024-01-01, in days since 1970.
pub const FIRST_DAY: i64 = 19_723;
/// 2024-12-31.
pub const LAST_DAY: i64 = 20_088;
pub const ACTIVITIES: [&str; 8] =
    ["app_open", "view", "search", "add_to_cart", "checkout", "purchase", "share", "report"];
const COUNTRIES: [&str; 12] =
    ["US", "IN", "BR", "DE", "GB", "FR", "JP", "ID", "MX", "NG", "CA", "ES"];
const PLATFORMS: [&str; 3] = ["ios", "android", "web"];

/// Well mixed bits of a number.
pub fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

pub struct Row {
    /// Milliseconds since 1970.
    pub time: i64,
    pub user: u64,
    activity: usize,
    pub value: Option<f64>,
}

/// A fifth of the users is there on a day and does some things within an hour or two.
pub fn day_of(day: i64, users: u64) -> Vec<Row> {
    sparse_day_of(day, users, 5)
}

/// The same, with one of so many users there.
pub fn sparse_day_of(day: i64, users: u64, one_in: u64) -> Vec<Row> {
    let mut rows = Vec::new();
    for user in 0..users {
        let mut bits = mixed(user << 20 | day as u64);
        if !bits.is_multiple_of(one_in) {
            continue;
        }
        let mut within = (bits >> 8) as i64 % (DAY_MS - 8_000_000);
        for event in 0..1 + (bits >> 40 & 3) + (bits >> 42 & 3) {
            bits = mixed(bits ^ event);
            let activity = if event == 0 { 0 } else { bits as usize % ACTIVITIES.len() };
            rows.push(Row::new(day * DAY_MS + within, user, activity, bits));
            within += (bits >> 20) as i64 % 1_000_000;
        }
    }
    rows.sort_by_key(|row| row.time);
    rows
}

impl Row {
    fn new(time: i64, user: u64, activity: usize, bits: u64) -> Row {
        let value = (ACTIVITIES[activity] == "purchase").then(|| (bits >> 50) as f64 / 100.0);
        Row { time, user, activity, value }
    }

    /// One of the last day's, by its number: each a millisecond after the one before.
    pub fn live(number: u64, users: u64) -> Row {
        let bits = mixed(number);
        let time = LAST_DAY * DAY_MS + (number % DAY_MS as u64) as i64;
        Row::new(time, bits % users, (bits >> 32) as usize % ACTIVITIES.len(), bits)
    }

    pub fn activity(&self) -> &'static str {
        ACTIVITIES[self.activity]
    }

    pub fn id(&self) -> String {
        format!("u{:016x}", mixed(self.user))
    }

    pub fn country(&self) -> &'static str {
        COUNTRIES[mixed(self.user ^ 1 << 60) as usize % COUNTRIES.len()]
    }

    pub fn platform(&self) -> &'static str {
        PLATFORMS[mixed(self.user ^ 1 << 61) as usize % PLATFORMS.len()]
    }

    pub fn event(&self) -> Event {
        let time = chrono::DateTime::from_timestamp_millis(self.time).unwrap();
        let event = Event::new(self.id(), self.activity()).at(time);
        let event = event.with("country", self.country()).with("platform", self.platform());
        match self.value {
            Some(value) => event.with("value", value),
            None => event,
        }
    }
}

/// A new database of these days, tidied and closed; answers how many events it has.
pub fn fill(path: &Path, users: u64, days: Range<i64>) -> u64 {
    let options = Options::new().durability(Durability::Os).background(false);
    let db = Db::create(path, options).unwrap();
    let writer = db.writer().unwrap();
    let mut events = 0;
    for day in days {
        let rows = day_of(day, users);
        let batch = Batch::new().events(rows.iter().map(Row::event));
        events += writer.write_batch(batch).unwrap().accepted;
    }
    db.compact().unwrap();
    db.close().unwrap();
    events
}

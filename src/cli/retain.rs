//! `daybit drop`: retention by age.

use super::args::{DropArgs, DropWhat};
use super::failure::Failure;
use super::output::{say, several};
use chrono::{DateTime, Days, NaiveDate, Utc};
use daybit::{Db, Options};
use std::time::SystemTime;

/// `daybit drop`.
pub fn drop_old(args: &DropArgs) -> Result<u8, Failure> {
    let before = date(&args.before)?;
    if before > today() {
        let message = format!("--before {before} has yet to come: all days would be dropped");
        return Err(Failure::input(message));
    }
    let db = Db::open(&args.db, Options::new())?;
    let receipt = match args.what {
        DropWhat::Rows => db.drop_rows_before(before)?,
        DropWhat::Days => db.drop_days_before(before)?,
    };
    db.close()?;
    say(&format!(
        "Dropped {} of {} before {before}.\n",
        several(receipt.events, "event"),
        several(receipt.days, "day")
    ))?;
    Ok(0)
}

fn today() -> NaiveDate {
    DateTime::<Utc>::from(SystemTime::now()).date_naive()
}

/// A date, or so many days before today in UTC: `-400d`.
fn date(text: &str) -> Result<NaiveDate, Failure> {
    let back = text.strip_prefix('-').and_then(|text| text.strip_suffix('d'));
    let back = back.and_then(|days| days.parse().ok()).map(Days::new);
    let found = match back {
        Some(days) => today().checked_sub_days(days),
        None => text.parse().ok(),
    };
    found.ok_or_else(|| {
        let message = format!("--before {text:?} is neither a date like 2024-01-31 nor like -400d");
        Failure::input(message)
    })
}

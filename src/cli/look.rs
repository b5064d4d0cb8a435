//! Commands that make, describe, check and export a database.

use super::args::{BackupArgs, CreateArgs, DbArgs, ExportArgs, ExportWhat, InfoArgs};
use super::failure::Failure;
use super::output::{bytes, complain, count, say};
use super::repair::{examine, hint};
use super::table::visible;
use chrono::NaiveDate;
use daybit::{Db, DbInfo, ErrorKind, Options};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// `daybit create`.
pub fn create(args: &CreateArgs) -> Result<u8, Failure> {
    Db::create(&args.db, Options::new().time_zone(&args.time_zone))?.close()?;
    say(&format!("Made {}; its days begin in {}.\n", args.db.display(), args.time_zone))?;
    Ok(0)
}

/// `daybit info`.
pub fn info(args: &InfoArgs) -> Result<u8, Failure> {
    let info = Db::open_read_only(&args.db)?.info()?;
    say(&if args.json { format!("{}\n", info_value(&info)) } else { info_words(&info) })?;
    Ok(0)
}

fn info_words(info: &DbInfo) -> String {
    let held = &info.snapshot;
    let days = match (held.first_day, held.last_day) {
        (Some(first), Some(last)) => format!("{}, {first} to {last}", count(held.days)),
        _ => "none yet".to_string(),
    };
    let newest = held.watermark.map_or("none".to_string(), |at| at.to_rfc3339());
    let mut lines = vec![
        ("days", days),
        ("users", count(u64::from(held.users))),
        (
            "events",
            format!("{}, {} without a user", count(held.events), count(held.events_without_user)),
        ),
        ("newest event", newest),
        (
            "on disk",
            format!(
                "{} in {} files, {} of them hold days",
                bytes(info.file_bytes),
                info.files,
                info.day_files
            ),
        ),
        ("cohorts", cohorts_words(&held.cohorts)),
        ("time zone", format!("{}, rules {}", held.time_zone, held.zone_rules)),
        (
            "durability",
            "chosen by each writer when it opens; sync unless it says otherwise".to_string(),
        ),
        ("made", held.created.to_rfc3339()),
        ("format", format!("{}, written by {}", info.format_version, info.written_by)),
    ];
    for (edge, what) in [
        (held.days_from, "days before it are gone"),
        (held.rows_from, "of days before it people and totals are kept"),
    ] {
        lines.extend(edge.map(|edge| ("dropped until", format!("{edge}: {what}"))));
    }
    lines.extend(damaged_words(&held.damaged_days).map(|words| ("damaged", words)));
    let mut text: String =
        lines.iter().map(|(name, value)| format!("{name:<13} {value}\n")).collect();
    text.push_str(&activities_words(info));
    text
}

/// The days that were found damaged, if there are any.
fn damaged_words(days: &[NaiveDate]) -> Option<String> {
    (!days.is_empty()).then(|| format!("{}; `daybit verify` finds all damage", dates(days)))
}

fn dates(days: &[NaiveDate]) -> String {
    days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// How many cohorts are saved, and the names of the first.
fn cohorts_words(names: &[String]) -> String {
    const NAMED_MAX: usize = 10;
    let named: Vec<String> = names.iter().take(NAMED_MAX).map(|n| visible(n)).collect();
    let more = if names.len() > NAMED_MAX { ", ..." } else { "" };
    match names.len() {
        0 => "none saved".to_string(),
        n => format!("{}: {}{more}", count(n as u64), named.join(", ")),
    }
}

/// A line per activity, numbers aligned.
fn activities_words(info: &DbInfo) -> String {
    let rows: Vec<[String; 3]> = info
        .snapshot
        .activities
        .iter()
        .map(|a| [a.name.escape_debug().to_string(), count(a.events), count(a.user_days)])
        .collect();
    let head = ["activity", "events", "user-days"].map(String::from);
    let all: Vec<&[String; 3]> = std::iter::once(&head).chain(&rows).collect();
    let width = |i: usize| all.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let (name, events, user_days) = (width(0), width(1), width(2));
    let line = |row: &&[String; 3]| {
        format!("{:<name$}  {:>events$}  {:>user_days$}\n", row[0], row[1], row[2])
    };
    if rows.is_empty() {
        String::new()
    } else {
        format!("\n{}", all.iter().map(line).collect::<String>())
    }
}

/// What the database holds, as JSON.
pub fn info_value(info: &DbInfo) -> serde_json::Value {
    let held = &info.snapshot;
    let activities: Vec<_> = held
        .activities
        .iter()
        .map(|a| {
            json!({"name": a.name, "events": a.events, "events_without_user": a.events_without_user,
                   "user_days": a.user_days})
        })
        .collect();
    json!({
        "days": held.days,
        "first_day": held.first_day.map(|d| d.to_string()),
        "last_day": held.last_day.map(|d| d.to_string()),
        "users": held.users,
        "events": held.events,
        "events_without_user": held.events_without_user,
        "activities": activities,
        "cohorts": held.cohorts,
        "watermark": held.watermark.map(|at| at.to_rfc3339()),
        "time_zone": held.time_zone,
        "zone_rules": held.zone_rules,
        "created": held.created.to_rfc3339(),
        "days_from": held.days_from.map(|d| d.to_string()),
        "rows_from": held.rows_from.map(|d| d.to_string()),
        "damaged_days": held.damaged_days.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "files": info.files,
        "day_files": info.day_files,
        "bytes": info.file_bytes,
        "format_version": info.format_version,
        "written_by": info.written_by,
    })
}

/// `daybit verify`: exit code 5 where anything is damaged.
pub fn verify(args: &DbArgs) -> Result<u8, Failure> {
    let opened = Db::open_read_only(&args.db);
    if opened.as_ref().is_err_and(|e| e.kind() == ErrorKind::Corruption) {
        return examine(&args.db);
    }
    let report = opened?.verify()?;
    for damage in &report.damages {
        complain(&damage.message);
    }
    if !report.damaged_days.is_empty() {
        complain(&format!("days that cannot be read: {}", dates(&report.damaged_days)));
    }
    let read = format!(
        "{} files, {} day sections, {}",
        count(report.files),
        count(report.sections),
        bytes(report.bytes)
    );
    if report.damages.is_empty() {
        say(&format!("Whole: {read} read and checked.\n"))?;
        return Ok(0);
    }
    let count = report.damages.len();
    say(&format!("Damaged: {count} of what was read ({read}). {}\n", hint(&args.db)))?;
    Ok(5)
}

/// `daybit backup`.
pub fn backup(args: &BackupArgs) -> Result<u8, Failure> {
    let report = Db::open_read_only(&args.db)?.backup(&args.to)?;
    for damage in &report.damages {
        complain(&damage.message);
    }
    let (to, files, size) = (args.to.display(), count(report.files), bytes(report.bytes));
    let whole = report.damages.is_empty();
    say(&match whole {
        true => format!("Copied {files} files, {size}, to {to}; all of it was read and checked.\n"),
        false => format!("Copied {files} files, {size}, to {to}, damage as well.\n"),
    })?;
    Ok(if whole { 0 } else { 5 })
}

/// `daybit export`.
pub fn export(args: &ExportArgs) -> Result<u8, Failure> {
    let snapshot = Db::open_read_only(&args.db)?.snapshot()?;
    match &args.what {
        ExportWhat::Users { output } => {
            let mut out = open(output.as_deref())?;
            snapshot.export_users(&mut out)?;
            out.flush()?;
        }
        ExportWhat::Presence { day, event, output } => {
            let date = day.parse().map_err(|_| {
                Failure::input(format!("--day {day:?} is not a date like 2024-03-01"))
            })?;
            let event = (event != "*").then_some(event.as_str());
            let known = snapshot.info()?.activities;
            if event.is_some_and(|name| known.iter().all(|a| a.name != name)) {
                complain(&format!(
                    "note: event {event:?} was never seen",
                    event = event.unwrap_or("*")
                ));
            }
            let mut out = open(output.as_deref())?;
            out.write_all(&snapshot.export_presence(date, event)?)?;
            out.flush()?;
        }
    }
    Ok(0)
}

/// The file, or standard output.
fn open(path: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
    let Some(path) = path else { return Ok(Box::new(BufWriter::new(io::stdout().lock()))) };
    let file = File::create(path).map_err(|e| {
        Failure::input(format!("cannot write {}: {e}", PathBuf::from(path).display()))
    })?;
    Ok(Box::new(BufWriter::new(file)))
}

//! `daybit repair`, and what `daybit verify` says of a database that does not open.

use super::args::RepairArgs;
use super::failure::Failure;
use super::output::{complain, say};
use chrono::NaiveDate;
use daybit::{Db, RepairDamage, RepairReport};
use serde_json::json;
use std::path::Path;

/// Damage was found, and is still there.
const DAMAGED: u8 = 5;

/// `daybit repair`: exit code 5 where damage stays, as it does with `--dry-run`.
pub fn repair(args: &RepairArgs) -> Result<u8, Failure> {
    let report = if args.dry_run { Db::examine(&args.db)? } else { Db::repair(&args.db)? };
    say(&match args.json {
        true => as_json(&report),
        false => in_words(&report, args.dry_run),
    })?;
    Ok(if args.dry_run && !report.damages.is_empty() { DAMAGED } else { 0 })
}

/// Says all that is damaged in a database that does not open.
pub fn examine(db: &Path) -> Result<u8, Failure> {
    let report = Db::examine(db)?;
    report.damages.iter().for_each(|damage| complain(&damage.message));
    say(&format!(
        "Damaged: {} of what was read, and the database does not open. {}\n",
        report.damages.len(),
        hint(db)
    ))?;
    Ok(DAMAGED)
}

/// What helps against damage.
pub fn hint(db: &Path) -> String {
    format!("`daybit repair {} --dry-run` says what can be done.", db.display())
}

fn in_words(report: &RepairReport, dry_run: bool) -> String {
    if report.damages.is_empty() {
        return "Whole: nothing is damaged, nothing was changed.\n".to_string();
    }
    let mut text: String = report.damages.iter().map(damage_words).collect();
    if !report.days.is_empty() {
        let days = listed(&report.days);
        text.push_str(&format!("Days that lose events: {days}\n"));
    }
    text.push_str(&match (&report.refusal, &report.folder, dry_run) {
        (Some(_), _, _) => "It cannot be repaired: restore a backup.\n".to_string(),
        (None, _, true) => "Nothing was changed.\n".to_string(),
        (None, Some(folder), false) => {
            let files = report.set_aside.len();
            let files = if files == 1 { "1 file".to_string() } else { format!("{files} files") };
            format!("Repaired; {files} set aside in {folder}.\n")
        }
        (None, None, false) => "Repaired; nothing was left to be set aside.\n".to_string(),
    });
    text
}

fn damage_words(damage: &RepairDamage) -> String {
    format!("{}\n  {}\n", damage.message, damage.remedy)
}

fn listed(days: &[NaiveDate]) -> String {
    days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn as_json(report: &RepairReport) -> String {
    let days = |days: &[NaiveDate]| days.iter().map(ToString::to_string).collect::<Vec<_>>();
    let damage = |damage: &RepairDamage| {
        json!({"file": damage.file, "message": damage.message, "remedy": damage.remedy,
               "days": days(&damage.days)})
    };
    let report = json!({
        "damages": report.damages.iter().map(damage).collect::<Vec<_>>(),
        "days": days(&report.days),
        "folder": report.folder,
        "set_aside": report.set_aside,
        "refusal": report.refusal,
    });
    format!("{report}\n")
}

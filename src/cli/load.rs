//! `daybit import`: flags to options, a progress bar on a terminal, and the receipt in words.

use super::args::{ImportArgs, ImportFields};
use super::failure::Failure;
use super::output::{complain, count, say, several};
use daybit::{
    Db, ErrorKind, ImportFormat, ImportOptions, ImportReceipt, ImportStage, ImportTime, Options,
    Progress, ReplaceDays, Source, ValueType,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Runs the import and tells what became of it.
pub fn import(args: &ImportArgs) -> Result<u8, Failure> {
    check_files(args)?;
    let options = options(args)?;
    let db = open_or_create(&args.db)?;
    for files in commits(args) {
        let rejects = rejects_of(args)?;
        let sources = files.iter().map(|file| source(file)).collect();
        let receipt = load(&db, &options.clone().rejects(&rejects), sources)?;
        receipt.warnings.iter().for_each(|w| complain(&format!("note: {w}")));
        let name = if args.files.len() > files.len() { title(files) } else { String::new() };
        let words = match args.json {
            true => format!("{}\n", receipt_value(&receipt)),
            false => receipt_words(&receipt, &rejects),
        };
        say(&(name + &words))?;
    }
    db.close()?;
    Ok(0)
}

/// Each file is a commit of its own, so that one that was imported before changes nothing in
/// whatever company it comes again. All files are one commit where they must stand or fall together.
fn commits(args: &ImportArgs) -> Vec<&[PathBuf]> {
    let together =
        args.fields.strict || args.fields.replace_days.is_some() || args.batch_id.is_some();
    if together || args.json { vec![&args.files] } else { args.files.chunks(1).collect() }
}

fn title(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!("{}: ", file.display())).collect()
}

/// What is wrong with the files is said before a database is made for them.
fn check_files(args: &ImportArgs) -> Result<(), Failure> {
    let mut seen = std::collections::BTreeSet::new();
    for file in args.files.iter().filter(|file| *file != Path::new("-")) {
        let there = std::fs::canonicalize(file)
            .map_err(|e| Failure::input(format!("cannot open {}: {e}", file.display())))?;
        if args.rejects.as_ref().is_some_and(|r| std::fs::canonicalize(r).is_ok_and(|r| r == there))
        {
            let file = file.display();
            return Err(Failure::input(format!(
                "--rejects {file} would overwrite what is imported"
            )));
        }
        if !seen.insert(there) {
            return Err(Failure::input(format!("{} is named twice", file.display())));
        }
    }
    Ok(())
}

/// Where the rejects of the next commit go: never over a file that is there.
fn rejects_of(args: &ImportArgs) -> Result<PathBuf, Failure> {
    let first = args.rejects.clone().unwrap_or_else(|| beside(&args.db));
    if !first.exists() {
        return Ok(first);
    }
    let extension = first.extension().unwrap_or_default().to_string_lossy().into_owned();
    let numbered = (2..10_000).map(|n| first.with_extension(format!("{n}.{extension}")));
    numbered.into_iter().find(|path| !path.exists()).ok_or_else(|| {
        Failure::input(format!("{} and its like are there already: name another", first.display()))
    })
}

/// Imports with a bar on a terminal, and quietly on a pipe.
pub fn load(
    db: &Db,
    options: &ImportOptions,
    sources: Vec<Source>,
) -> Result<ImportReceipt, Failure> {
    let bar = bar();
    let receipt = db.import(options, sources, &|progress| show(&bar, progress));
    bar.finish_and_clear();
    receipt.map_err(|error| match error.kind() {
        // The database is there: what was not found is a file of the caller's.
        ErrorKind::NotFound => Failure::input(error.to_string()),
        _ => error.into(),
    })
}

/// `NAME.rejects.csv` beside the database's folder.
fn beside(db: &Path) -> PathBuf {
    let mut name = db.file_name().unwrap_or_default().to_os_string();
    name.push(".rejects.csv");
    db.with_file_name(name)
}

fn source(file: &Path) -> Source {
    if file == Path::new("-") {
        return Source::reader("standard input", Box::new(std::io::stdin()));
    }
    Source::file(file)
}

fn open_or_create(path: &Path) -> Result<Db, Failure> {
    match Db::open(path, Options::new()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Db::create(path, Options::new())?),
        opened => Ok(opened?),
    }
}

fn options(args: &ImportArgs) -> Result<ImportOptions, Failure> {
    let mut options = meaning(&args.fields, &|name| format!("--{name}"))?;
    if let Some(format) = &args.input {
        options = options.format(format_named("--input", format)?);
    }
    if let Some(id) = &args.batch_id {
        options = options.batch_id(id);
    }
    if let Some(mib) = args.memory {
        let bytes = usize::try_from(mib).ok().and_then(|mib| mib.checked_mul(1 << 20));
        let bytes = bytes.ok_or_else(|| Failure::input(format!("--memory {mib} is too much")))?;
        options = options.memory_bytes(bytes);
    }
    Ok(options)
}

/// The options that say what the rows mean. `label` is a field's name as the caller knows it.
pub fn meaning(
    fields: &ImportFields,
    label: &dyn Fn(&str) -> String,
) -> Result<ImportOptions, Failure> {
    let mut options = ImportOptions::new()
        .user(&fields.user)
        .activity(&fields.activity)
        .time(&fields.time)
        .strict(fields.strict);
    if let Some(name) = &fields.activity_name {
        options = options.activity_name(name);
    }
    if let Some(format) = &fields.time_format {
        options = options.time_format(time_named(&label("time-format"), format)?);
    }
    if let Some(zone) = &fields.zone {
        options = options.time_zone(zone);
    }
    if let Some(column) = &fields.insert_id {
        options = options.insert_id(column);
    }
    for column in &fields.skip {
        options = options.skip(column);
    }
    for pair in &fields.types {
        let (column, of) = type_named(&label("type"), pair)?;
        options = options.value_type(column, of);
    }
    bounds(options, fields, label)
}

/// The options that limit or replace.
fn bounds(
    mut options: ImportOptions,
    fields: &ImportFields,
    label: &dyn Fn(&str) -> String,
) -> Result<ImportOptions, Failure> {
    if let Some(time) = &fields.not_before {
        options = options.not_before(time);
    }
    if let Some(time) = &fields.not_after {
        options = options.not_after(time);
    }
    if let Some(what) = &fields.replace_days {
        options = options.replace_days(replace_named(&label("replace-days"), what)?);
    }
    Ok(options)
}

/// A format by its name.
pub fn format_named(label: &str, name: &str) -> Result<ImportFormat, Failure> {
    match name {
        "csv" => Ok(ImportFormat::Csv),
        "tsv" => Ok(ImportFormat::Tsv),
        "ndjson" | "jsonl" => Ok(ImportFormat::Ndjson),
        "parquet" => Ok(ImportFormat::Parquet),
        _ => Err(unknown(label, name, "csv, tsv, ndjson or parquet")),
    }
}

fn time_named(label: &str, name: &str) -> Result<ImportTime, Failure> {
    match name {
        "auto" => Ok(ImportTime::Auto),
        "text" => Ok(ImportTime::Text),
        "s" => Ok(ImportTime::Seconds),
        "ms" => Ok(ImportTime::Millis),
        "us" => Ok(ImportTime::Micros),
        _ => Err(unknown(label, name, "auto, text, s, ms or us")),
    }
}

fn replace_named(label: &str, name: &str) -> Result<ReplaceDays, Failure> {
    match name {
        "activities" => Ok(ReplaceDays::Activities),
        "all" => Ok(ReplaceDays::All),
        _ => Err(unknown(label, name, "activities (or no value) or all")),
    }
}

fn type_named<'p>(label: &str, pair: &'p str) -> Result<(&'p str, ValueType), Failure> {
    let allowed = "NAME=integer, decimal, float, boolean or text";
    let Some((column, name)) = pair.rsplit_once('=') else {
        return Err(unknown(label, pair, allowed));
    };
    let of = match name {
        "integer" => ValueType::Integer,
        "decimal" => ValueType::Decimal,
        "float" => ValueType::Float,
        "boolean" => ValueType::Boolean,
        "text" => ValueType::Text,
        _ => return Err(unknown(label, pair, allowed)),
    };
    Ok((column, of))
}

fn unknown(label: &str, value: &str, allowed: &str) -> Failure {
    Failure::input(format!("{label} {value:?} is not known: use {allowed}"))
}

/// A bar that draws on a terminal's standard error only.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let looks = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(looks) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    let rows = count(progress.rows);
    let message = match progress.stage {
        ImportStage::Building => format!("writing, {rows} rows"),
        _ => format!("reading, {rows} rows"),
    };
    bar.set_message(message);
    bar.set_length(progress.bytes_total.unwrap_or(progress.bytes));
    bar.set_position(progress.bytes);
}

/// The receipt as JSON.
pub fn receipt_value(receipt: &ImportReceipt) -> serde_json::Value {
    let rejects: Vec<_> = receipt
        .first_rejects
        .iter()
        .map(|r| json!({"source": r.source, "line": r.line, "reason": r.reason}))
        .collect();
    json!({
        "accepted": receipt.accepted,
        "without_user": receipt.without_user,
        "duplicates": receipt.duplicates,
        "rejected": receipt.rejected,
        "first_rejects": rejects,
        "repeated": receipt.repeated,
        "removed": receipt.removed,
        "days": receipt.days,
        "new_users": receipt.new_users,
        "warnings": receipt.warnings,
    })
}

/// The receipt as sentences.
pub fn receipt_words(receipt: &ImportReceipt, rejects: &Path) -> String {
    if receipt.repeated {
        let events = several(receipt.accepted, "event");
        return format!("Nothing changed: this very import was applied before ({events}).\n");
    }
    let mut words = format!(
        "{} on {}, {}",
        several(receipt.accepted, "event"),
        several(receipt.days, "day"),
        several(receipt.new_users, "new user")
    );
    for (number, what) in [
        (
            receipt.without_user,
            count(receipt.without_user) + " without a user (counted in sums, never as people)",
        ),
        (receipt.duplicates, several(receipt.duplicates, "duplicate") + " left out"),
        (receipt.removed, several(receipt.removed, "event") + " replaced"),
    ] {
        if number > 0 {
            words.push_str(&format!("; {what}"));
        }
    }
    words.push_str(".\n");
    if receipt.rejected > 0 {
        let all = rejects.display();
        let rows = several(receipt.rejected, "row");
        words.push_str(&format!("{rows} rejected, all in {all}:\n"));
        for row in receipt.first_rejects.iter().take(5) {
            let line = if row.line == 0 { String::new() } else { format!(" line {}", row.line) };
            words.push_str(&format!("  {}{line}: {}\n", row.source, row.reason));
        }
    }
    words
}

//! `POST /v1/import`: a file of events as `daybit import` reads it, told what it means by fields
//! named as the flags there.
//!
//! The body goes to a file without a name first, and is imported from there: while an import is at
//! work all other writes wait for it, and none should wait for a slow sender. Until the body is
//! whole nothing has happened.

use super::body::{self, Encoding};
use super::limits::{BODY_TIMES, IMPORT_EXPANDS, IMPORT_PACE, Limits};
use super::problem::Problem;
use super::send::{batch_id, cut, refuse_read_only};
use super::shared::{Server, Shared};
use super::simple::{Pairs, pairs};
use super::unpack::{Fault, Unpacked};
use crate::args::ImportFields;
use crate::failure::Failure;
use crate::load::{format_named, meaning, receipt_value};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use daybit::{ImportOptions, ImportReceipt, Source};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::time::Instant;
use tokio::sync::mpsc;

/// Parts of a body that wait for the disk.
const PARTS_WAITING: usize = 8;

/// `POST /v1/import?format=csv&user=customer_id`.
pub async fn post(
    State(server): State<Shared>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_read_only(&server)?;
    let options = options(pairs(text.as_deref())?)?;
    let options = batch_id(&headers)?.into_iter().fold(options, ImportOptions::batch_id);
    let encoding = body::encoding(&headers)?;
    let turn = server.intake.import()?;
    let file = spool(&server, &headers, body).await?;
    let started = Instant::now();
    let work = {
        let server = server.clone();
        move || {
            let _turn = turn;
            import(&server, &options, file, encoding)
        }
    };
    let imported = tokio::task::spawn_blocking(work).await;
    let imported = imported.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()));
    let receipt = imported.inspect_err(|_| server.metrics.batch("failed"))?;
    tell(&server, &receipt, started);
    Ok(Json(receipt_value(&receipt)).into_response())
}

/// What the fields after the question mark say of the rows.
fn options(pairs: Pairs) -> Result<ImportOptions, Problem> {
    let mut fields = ImportFields::default();
    let (mut format, mut seen) = (None, BTreeSet::new());
    for (name, value) in pairs {
        let name = name.replace('-', "_");
        if name == "format" {
            format = Some(format_named("format", &value).map_err(problem)?);
        } else {
            set(&mut fields, &name, value)?;
        }
        if !["skip", "type"].contains(&name.as_str()) && !seen.insert(name.clone()) {
            return Err(Problem::input(format!("{name} is given twice")));
        }
    }
    if seen.contains("activity") && seen.contains("activity_name") {
        let message = "activity names a column, activity_name the activity of all rows: give one";
        return Err(Problem::input(message));
    }
    let options = meaning(&fields, &|name| name.replace('-', "_")).map_err(problem)?;
    Ok(format.into_iter().fold(options, ImportOptions::format))
}

fn set(fields: &mut ImportFields, name: &str, value: String) -> Result<(), Problem> {
    match name {
        "user" => fields.user = value,
        "activity" => fields.activity = value,
        "activity_name" => fields.activity_name = Some(value),
        "time" => fields.time = value,
        "time_format" => fields.time_format = Some(value),
        "zone" => fields.zone = Some(value),
        "insert_id" => fields.insert_id = Some(value),
        "skip" => fields.skip.extend(value.split(',').map(str::to_owned)),
        "type" => fields.types.push(value),
        "not_before" => fields.not_before = Some(value),
        "not_after" => fields.not_after = Some(value),
        "strict" => fields.strict = yes_or_no(name, &value)?,
        "replace_days" if value.is_empty() => fields.replace_days = Some("activities".into()),
        "replace_days" => fields.replace_days = Some(value),
        _ => {
            return Err(Problem::input(format!(
                "{name:?} is not known: use format, user, activity, activity_name, time, \
                 time_format, zone, insert_id, skip, type, not_before, not_after, strict or \
                 replace_days"
            )));
        }
    }
    Ok(())
}

fn yes_or_no(name: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "" | "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::input(format!("{name} {value:?} is not known: use true or false"))),
    }
}

fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Daybit(error) => error.into(),
        other => Problem::input(other.to_string()),
    }
}

/// Writes the body to a file that has no name, so that nothing of it is left, whatever happens.
async fn spool(server: &Shared, headers: &HeaderMap, mut body: Body) -> Result<File, Problem> {
    let limits = &server.setup.limits;
    let told = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if told.is_some_and(|bytes: u64| bytes > limits.import_bytes) {
        return Err(too_large(limits));
    }
    let folder = server.setup.path.clone();
    let (sender, mut parts) = mpsc::channel::<Bytes>(PARTS_WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = tempfile::tempfile_in(folder)?;
        while let Some(part) = parts.blocking_recv() {
            file.write_all(&part)?;
        }
        file.rewind()?;
        io::Result::Ok(file)
    });
    let (started, mut bytes) = (Instant::now(), 0);
    while let Some(part) = body::part(&mut body, limits).await? {
        bytes += part.len() as u64;
        if bytes > limits.import_bytes {
            return Err(too_large(limits));
        }
        let paces = u32::try_from(bytes / IMPORT_PACE).unwrap_or(u32::MAX);
        let time = limits.body_time.saturating_mul(paces.saturating_add(BODY_TIMES));
        if started.elapsed() > time {
            return Err(body::too_slow(limits));
        }
        // It takes no more where the disk does not: its answer says why.
        if sender.send(part).await.is_err() {
            break;
        }
    }
    drop(sender);
    let written = writing.await;
    let written = written.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()));
    written.map_err(|cause| unwritten(&cause))
}

fn too_large(limits: &Limits) -> Problem {
    let message = format!(
        "the body has more than {} bytes: send it in parts, or start the server with a larger \
         --import-limit",
        limits.import_bytes
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", message)
}

fn unwritten(cause: &io::Error) -> Problem {
    let (status, kind) = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (StatusCode::INSUFFICIENT_STORAGE, "disk_full")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "io"),
    };
    Problem::new(status, kind, format!("the body cannot be kept until it is imported: {cause}"))
}

/// Imports the file; on a thread that may block.
fn import(
    server: &Server,
    options: &ImportOptions,
    file: File,
    encoding: Encoding,
) -> Result<ImportReceipt, Problem> {
    let fault = Fault::default();
    let max = server.setup.limits.import_bytes.saturating_mul(IMPORT_EXPANDS);
    let unpacked = Unpacked::new(file, encoding, max, fault.clone())?;
    let source = Source::reader("the body", Box::new(unpacked));
    let imported = server.db.import(options, vec![source], &|_| {});
    let mut receipt = imported.map_err(|error| fault.take().unwrap_or_else(|| error.into()))?;
    for row in &mut receipt.first_rejects {
        row.reason = cut(std::mem::take(&mut row.reason));
    }
    Ok(receipt)
}

/// Counts what was imported, and remembers the first rows that were not.
fn tell(server: &Server, receipt: &ImportReceipt, started: Instant) {
    if receipt.repeated {
        server.metrics.batch("repeated");
        return;
    }
    let counts = (receipt.accepted, receipt.duplicates, receipt.rejected);
    server.metrics.wrote(counts, started.elapsed());
    server.remember(receipt.first_rejects.iter().map(|row| (row.line, row.reason.clone())));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let options = options(pairs(Some(text)).unwrap());
        options.map(|options| format!("{options:?}")).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn fields_say_what_flags_say() {
        let options = read(
            "format=csv&user=u&activity-name=buy&time=t&time_format=ms&zone=Asia/Tokyo&insert_id=i\
             &skip=a,b&skip=c&type=zip%3Dtext&strict&replace_days=",
        );
        let expected = ImportOptions::new()
            .format(daybit::ImportFormat::Csv)
            .user("u")
            .activity_name("buy")
            .time("t")
            .time_format(daybit::ImportTime::Millis)
            .time_zone("Asia/Tokyo")
            .insert_id("i")
            .skip("a")
            .skip("b")
            .skip("c")
            .value_type("zip", daybit::ValueType::Text)
            .strict(true)
            .replace_days(daybit::ReplaceDays::Activities);
        assert_eq!(options, Ok(format!("{expected:?}")));
        assert_eq!(read(""), Ok(format!("{:?}", ImportOptions::new())));
    }

    #[test]
    fn wrong_fields_are_named_as_they_were_given() {
        for (text, words) in [
            ("rejects=x.csv", "\"rejects\\\" is not known: use format"),
            ("batch_id=x", "is not known"),
            ("format=xls", "format \\\"xls\\\" is not known: use csv"),
            ("time-format=h", "time_format \\\"h\\\" is not known"),
            ("type=zip", "type \\\"zip\\\" is not known"),
            ("replace_days=some", "replace_days \\\"some\\\" is not known"),
            ("strict=maybe", "use true or false"),
            ("user=a&user=b", "user is given twice"),
            ("format=csv&format=csv", "format is given twice"),
            ("activity=a&activity_name=b", "give one"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
            assert!(told.contains("400"), "{text}: {told}");
        }
    }
}

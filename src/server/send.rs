//! `POST /v1/events`: a batch of events, as a JSON array or as lines of JSON. Rows that are no
//! events are told with their number and reason, the others are stored.

use super::body::{self, Held};
use super::limits::{EVENTS_MAX, Limits, REASON_CHARS_MAX};
use super::problem::Problem;
use super::shared::{Server, Shared};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use daybit::limits::BATCH_ID_BYTES_MAX;
use daybit::{Batch, ErrorKind, Event, Receipt};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use serde_json::value::RawValue;
use std::fmt;
use std::time::Instant;

/// The header whose value is the batch id.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How the events of a body are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Array,
    Lines,
    /// The first byte tells.
    Unsaid,
}

/// Rows that were not taken: number and reason.
type Rejects = Vec<(u64, String)>;

/// The elements of an array as they are written, and how many there were of them; of too many the
/// rest is counted only.
struct Elements<'a>(Vec<&'a RawValue>, usize);

/// `POST /v1/events`.
pub async fn post(
    State(server): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    refuse_read_only(&server)?;
    let (form, id) = (form(&headers)?, batch_id(&headers)?);
    let body = body::read(&headers, body, &server.setup.limits, &server.room).await?;
    let started = Instant::now();
    let store = {
        let server = server.clone();
        move || store(&server, &body, form, id)
    };
    let stored = server.intake.write(store).await?;
    let receipt = stored.inspect_err(|_| server.metrics.batch("failed"))?;
    tell(&server, &receipt, started);
    Ok(Json(answer(&receipt)).into_response())
}

/// Nothing is taken while another process writes.
pub fn refuse_read_only(server: &Server) -> Result<(), Problem> {
    if !server.setup.read_only {
        return Ok(());
    }
    let message = "this server only reads: send to the one that writes, or start this one without \
                   --read-only";
    Err(Problem::new(StatusCode::FORBIDDEN, "read_only", message))
}

/// The batch id: a repeat of it gives the first receipt.
pub fn batch_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), others) = (values.next(), values.next()) else { return Ok(None) };
    match (value.to_str(), others) {
        (Ok(id), None) if (1..=BATCH_ID_BYTES_MAX).contains(&id.len()) => Ok(Some(id.to_string())),
        _ => Err(Problem::input(format!(
            "Idempotency-Key is given once, as 1 to {BATCH_ID_BYTES_MAX} visible characters"
        ))),
    }
}

fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), others) = (values.next(), values.next()) else { return Ok(Form::Unsaid) };
    let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
    let media = text.split(';').next().unwrap_or_default().trim();
    match (media, others) {
        ("application/json", None) => Ok(Form::Array),
        ("application/x-ndjson" | "application/ndjson" | "application/jsonl", None) => {
            Ok(Form::Lines)
        }
        // What curl says of a body unless it is told otherwise.
        ("application/x-www-form-urlencoded", None) => Ok(Form::Unsaid),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported",
            format!(
                "Content-Type {media:?} is not known: use application/json for an array of events, \
                 application/x-ndjson for an event a line"
            ),
        )),
    }
}

/// Reads the events and writes them; on a thread that may block.
fn store(server: &Server, body: &Held, form: Form, id: Option<String>) -> Result<Receipt, Problem> {
    let rows = rows(body, form)?;
    let writer = server.db.writer()?;
    let now = Utc::now();
    let (batch, numbers, rejects) = batch(&rows, id, |text| {
        let event = writer.event_from_json(text).map_err(|error| error.to_string())?;
        in_time(&event, now, &server.setup.limits).map(|()| event)
    });
    let receipt = writer.write_batch(batch).map_err(|error| match error.kind() {
        ErrorKind::Limit => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", error.to_string()),
        _ => error.into(),
    })?;
    Ok(with_rejects(receipt, &numbers, rejects))
}

/// The rows of a body with their numbers.
fn rows(body: &[u8], form: Form) -> Result<Vec<(u64, &str)>, Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|cause| Problem::input(format!("the body is not UTF-8: {cause}")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.trim_ascii_start().bytes().next();
    let rows: Vec<(u64, &str)> = match (form, first) {
        (_, None) => return Err(Problem::input("the body is empty: send an array of events")),
        (Form::Array, Some(b'{')) => vec![(0, single(text)?)],
        (Form::Array | Form::Unsaid, Some(b'[')) => elements(text)?,
        (Form::Lines | Form::Unsaid, Some(b'{')) => {
            let lines = (0..).zip(text.lines());
            lines.filter(|(_, line)| !line.trim_ascii().is_empty()).take(EVENTS_MAX + 1).collect()
        }
        _ => {
            let message = "the body is neither an array of JSON objects nor one of them a line";
            return Err(Problem::input(message));
        }
    };
    match rows.len() {
        0..=EVENTS_MAX => Ok(rows),
        _ => Err(too_many()),
    }
}

fn too_many() -> Problem {
    let message = format!("more than {EVENTS_MAX} events: send them in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", message)
}

/// An event alone.
fn single(text: &str) -> Result<&str, Problem> {
    serde_json::from_str(text).map(RawValue::get).map_err(|cause| {
        Problem::input(format!(
            "the body is not one JSON object ({cause}): send an array of events, or an event a line \
             as application/x-ndjson"
        ))
    })
}

fn elements(text: &str) -> Result<Vec<(u64, &str)>, Problem> {
    let Elements(elements, count) = serde_json::from_str(text)
        .map_err(|cause| Problem::input(format!("the body is not a JSON array: {cause}")))?;
    if count > EVENTS_MAX {
        return Err(too_many());
    }
    Ok((0..).zip(elements.into_iter().map(RawValue::get)).collect())
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements<'de>, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements<'de>, A::Error> {
                let (mut elements, mut count) = (Vec::new(), 0);
                while let Some(element) = seq.next_element::<&RawValue>()? {
                    count += 1;
                    if count <= EVENTS_MAX {
                        elements.push(element);
                    }
                }
                Ok(Elements(elements, count))
            }
        }

        deserializer.deserialize_seq(All)
    }
}

/// The batch, the row of each of its events, and the rows that are none.
fn batch(
    rows: &[(u64, &str)],
    id: Option<String>,
    read: impl Fn(&str) -> Result<Event, String>,
) -> (Batch, Vec<u64>, Rejects) {
    let (mut events, mut numbers, mut rejects) = (Vec::new(), Vec::new(), Rejects::new());
    for (number, text) in rows {
        match read(text) {
            Ok(event) => {
                events.push(event);
                numbers.push(*number);
            }
            Err(reason) => rejects.push((*number, reason)),
        }
    }
    let batch = Batch::new().events(events);
    (id.into_iter().fold(batch, Batch::id), numbers, rejects)
}

/// Is the time of the event near enough to the clock?
fn in_time(event: &Event, now: DateTime<Utc>, limits: &Limits) -> Result<(), String> {
    let Some(time) = event.time else { return Ok(()) };
    let ahead = time.signed_duration_since(now);
    let hours = limits.ahead_hours;
    if ahead > TimeDelta::hours(hours.into()) {
        return Err(format!(
            "time {time:?} is more than {hours} hours ahead of the server's clock: mend the \
             sender's, or start the server with a larger --ahead"
        ));
    }
    let days = limits.behind_days.filter(|days| ahead < -TimeDelta::days((*days).into()));
    match days {
        None => Ok(()),
        Some(days) => Err(format!(
            "time {time:?} is more than {days} days behind the server's clock (--behind): older \
             events are for POST /v1/import"
        )),
    }
}

/// The receipt in the rows of the body, all rejects among them.
fn with_rejects(receipt: Receipt, numbers: &[u64], rejects: Rejects) -> Receipt {
    let row = |index: u64| usize::try_from(index).ok().and_then(|i| numbers.get(i)).copied();
    let later = receipt.rejected.into_iter().filter_map(|(i, reason)| Some((row(i)?, reason)));
    let mut rejected: Rejects = later.chain(rejects).map(|(n, r)| (n, cut(r))).collect();
    rejected.sort_by_key(|(row, _)| *row);
    Receipt { rejected, ..receipt }
}

/// A reason may quote what was sent.
pub fn cut(reason: String) -> String {
    match reason.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}...", reason.get(..end).unwrap_or_default()),
        None => reason,
    }
}

/// Counts what was written, and remembers what was not.
fn tell(server: &Server, receipt: &Receipt, started: Instant) {
    if receipt.repeated {
        server.metrics.batch("repeated");
        return;
    }
    let rejected = receipt.rejected.len() as u64;
    server.metrics.wrote((receipt.accepted, receipt.duplicates, rejected), started.elapsed());
    server.remember(receipt.rejected.iter().cloned());
}

fn answer(receipt: &Receipt) -> serde_json::Value {
    let rejected: Vec<_> = receipt
        .rejected
        .iter()
        .map(|(row, reason)| json!({"row": row, "reason": reason}))
        .collect();
    json!({
        "accepted": receipt.accepted,
        "without_user": receipt.without_user,
        "duplicates": receipt.duplicates,
        "rejected": rejected,
        "repeated": receipt.repeated,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn numbers(body: &str, form: Form) -> Result<Vec<u64>, u16> {
        let rows = rows(body.as_bytes(), form).map_err(|problem| problem.status().as_u16())?;
        Ok(rows.into_iter().map(|(number, _)| number).collect())
    }

    #[test]
    fn rows_are_numbered_as_they_stand() {
        assert_eq!(numbers(" [{}, 1,\n \"x\"] ", Form::Array), Ok(vec![0, 1, 2]));
        assert_eq!(numbers("[]", Form::Unsaid), Ok(vec![]));
        assert_eq!(numbers("{}\r\n\n  \n{\n", Form::Lines), Ok(vec![0, 3]));
        assert_eq!(numbers("{}\n{}", Form::Unsaid), Ok(vec![0, 1]));
        assert_eq!(numbers("{\n}\n", Form::Array), Ok(vec![0]));
        assert_eq!(numbers("{}\n{}\n", Form::Array), Err(400));
        for body in ["", "  \n", "x", "user,activity\n", "[1", "[1] 2", "[1,]", "null"] {
            assert_eq!(numbers(body, Form::Array), Err(400), "{body}");
            assert_eq!(numbers(body, Form::Unsaid), Err(400), "{body}");
        }
        assert_eq!(numbers("[1]", Form::Lines), Err(400));
        assert!(rows(b"[\"\xff\"]", Form::Array).is_err());
    }

    #[test]
    fn events_of_one_request_are_counted() {
        let array = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        let lines = |count: usize| "{}\n".repeat(count);
        assert_eq!(numbers(&array(EVENTS_MAX), Form::Array).unwrap().len(), EVENTS_MAX);
        assert_eq!(numbers(&array(EVENTS_MAX + 1), Form::Array), Err(413));
        assert_eq!(numbers(&lines(EVENTS_MAX), Form::Lines).unwrap().len(), EVENTS_MAX);
        assert_eq!(numbers(&lines(EVENTS_MAX + 1), Form::Lines), Err(413));
    }

    #[test]
    fn the_media_type_says_how_events_are_written() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, value.parse().unwrap());
            }
            form(&headers).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(of(&[]), Ok(Form::Unsaid));
        assert_eq!(of(&["application/json; charset=utf-8"]), Ok(Form::Array));
        assert_eq!(of(&["Application/X-NDJSON"]), Ok(Form::Lines));
        assert_eq!(of(&["application/jsonl"]), Ok(Form::Lines));
        assert_eq!(of(&["application/x-www-form-urlencoded"]), Ok(Form::Unsaid));
        for other in ["", "text/csv", "multipart/form-data", "text/plain"] {
            assert_eq!(of(&[other]), Err(415), "{other}");
        }
        assert_eq!(of(&["application/json", "application/json"]), Err(415));
    }

    #[test]
    fn rejects_are_told_by_their_rows() {
        let receipt = Receipt { rejected: vec![(1, "late".into())], ..Receipt::default() };
        let rejects = vec![(0, "x".repeat(1_000)), (3, "y".into())];
        let receipt = with_rejects(receipt, &[1, 2, 4], rejects);
        let rows: Vec<u64> = receipt.rejected.iter().map(|(row, _)| *row).collect();
        assert_eq!(rows, [0, 2, 3]);
        assert_eq!(receipt.rejected[0].1.len(), REASON_CHARS_MAX + 3);
    }

    #[test]
    fn a_batch_id_is_given_once() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, (*value).try_into().unwrap());
            }
            batch_id(&headers).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[b"a-1"]), Ok(Some("a-1".to_string())));
        assert_eq!(of(&[&[b'x'; 256]]), Ok(Some("x".repeat(256))));
        for bad in [&[&b""[..]][..], &[&[b'x'; 257]], &[b"a", b"a"], &[b"\xff"]] {
            assert_eq!(of(bad), Err(400), "{bad:?}");
        }
    }
}

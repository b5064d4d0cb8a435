//! A request's body, within its limits.

use super::limits::{BODY_TIMES, EXPAND_BYTES, Limits, ROOM_BYTES, ZSTD_WINDOW_LOG_MAX};
use super::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use std::io::{self, Read};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How a body was made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Memory for bodies: all that are held at once have so much together.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

/// A body, and the room that it takes.
#[derive(Debug)]
pub struct Held {
    bytes: Vec<u8>,
    _place: Place,
}

/// A part of the room; given back when it is dropped.
#[derive(Debug)]
struct Place {
    room: Room,
    permits: Option<OwnedSemaphorePermit>,
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    /// Room for bodies of these limits.
    pub fn new(limits: &Limits) -> Room {
        let one = limits.body_bytes.saturating_add(limits.expanded_bytes);
        let kib = (one.max(ROOM_BYTES) >> 10).min(Semaphore::MAX_PERMITS);
        Room(Arc::new(Semaphore::new(kib)))
    }

    fn nothing(&self) -> Place {
        Place { room: self.clone(), permits: None }
    }
}

impl Place {
    /// Makes room for so many bytes in all.
    fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let has = self.permits.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacks = bytes.div_ceil(1 << 10).saturating_sub(has);
        if lacks == 0 {
            return Ok(());
        }
        let full = || Problem::busy("the requests at work take all the memory there is for them");
        let lacks = u32::try_from(lacks).map_err(|_| full())?;
        let more = self.room.0.clone().try_acquire_many_owned(lacks).map_err(|_| full())?;
        match &mut self.permits {
            Some(permits) => permits.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// Reads all of a body, and decompresses it.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
    room: &Room,
) -> Result<Held, Problem> {
    let encoding = encoding(headers)?;
    let sent = collect(headers, body, limits, room).await?;
    if encoding == Encoding::Identity {
        return Ok(sent);
    }
    let (max, place) = (limits.expanded_bytes, room.nothing());
    let expanded = tokio::task::spawn_blocking(move || expand(&sent, encoding, max, place)).await;
    expanded.unwrap_or_else(|cause| std::panic::resume_unwind(cause.into_panic()))
}

/// What the header says of the body's encoding.
pub fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (Some(value), others) = (values.next(), values.next()) else {
        return Ok(Encoding::Identity);
    };
    let value = value.as_bytes().trim_ascii().to_ascii_lowercase();
    match (&*value, others) {
        (b"" | b"identity", None) => Ok(Encoding::Identity),
        (b"gzip" | b"x-gzip", None) => Ok(Encoding::Gzip),
        (b"zstd", None) => Ok(Encoding::Zstd),
        _ => Err(unsupported(format!(
            "Content-Encoding {:?} is not known: use gzip, zstd or identity, one of them",
            String::from_utf8_lossy(&value)
        ))),
    }
}

fn unsupported(message: String) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", message)
}

/// Reads all of a body as it is sent.
async fn collect(
    headers: &HeaderMap,
    mut body: Body,
    limits: &Limits,
    room: &Room,
) -> Result<Held, Problem> {
    let max = limits.body_bytes;
    let told = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if told.is_some_and(|bytes: u64| bytes > max as u64) {
        return Err(too_large(max));
    }
    let until = Instant::now() + limits.body_time.saturating_mul(BODY_TIMES);
    let (mut bytes, mut place) = (Vec::new(), room.nothing());
    while let Some(part) = part(&mut body, limits).await? {
        if bytes.len() + part.len() > max {
            return Err(too_large(max));
        }
        if Instant::now() > until {
            return Err(too_slow(limits));
        }
        place.grow(bytes.len() + part.len())?;
        bytes.extend_from_slice(&part);
    }
    Ok(Held { bytes, _place: place })
}

/// The next bytes of a body; `None` at its end.
pub async fn part(body: &mut Body, limits: &Limits) -> Result<Option<axum::body::Bytes>, Problem> {
    loop {
        let frame = tokio::time::timeout(limits.body_time, body.frame()).await;
        match frame {
            Err(_) => return Err(too_slow(limits)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(cause))) => {
                return Err(Problem::input(format!("the body broke off: {cause}")));
            }
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_trailers) => {}
            },
        }
    }
}

pub fn too_slow(limits: &Limits) -> Problem {
    let seconds = limits.body_time.as_secs();
    let message = format!(
        "the body came too slowly: a part of it every {seconds} seconds, and all of it within \
         {BODY_TIMES} times as long"
    );
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}

fn too_large(max: usize) -> Problem {
    let message = format!("the body has more than {max} bytes: send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", message)
}

fn unzstd(sent: &[u8]) -> io::Result<impl Read + '_> {
    let mut decoder = zstd::Decoder::new(sent)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// Decompresses, up to a limit that no small body of many zeros gets past.
fn expand(sent: &[u8], encoding: Encoding, max: usize, mut place: Place) -> Result<Held, Problem> {
    let broken = |cause: io::Error| {
        Problem::input(format!("the body is not whole in its encoding, {encoding:?}: {cause}"))
    };
    let mut reader: Box<dyn Read + '_> = match encoding {
        Encoding::Identity => Box::new(sent),
        Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(sent)),
        Encoding::Zstd => Box::new(unzstd(sent).map_err(broken)?),
    };
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        place.grow(before + EXPAND_BYTES)?;
        let part = reader.by_ref().take(EXPAND_BYTES as u64).read_to_end(&mut bytes);
        part.map_err(broken)?;
        if bytes.len() > max {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "limit",
                format!("the body has more than {max} bytes once decompressed: send it in parts"),
            ));
        }
        if bytes.len() == before {
            return Ok(Held { bytes, _place: place });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn what_a_body_expands_to_has_a_limit() {
        for (encoding, packed) in [
            (Encoding::Gzip, gzip(&[0; 1_000])),
            (Encoding::Zstd, zstd::encode_all(&[0; 1_000][..], 1).unwrap()),
        ] {
            let expand = |packed, max| expand(packed, encoding, max, room(1 << 20).nothing());
            assert_eq!(*expand(&packed, 1_000).unwrap(), [0; 1_000]);
            let problem = expand(&packed, 999).unwrap_err();
            assert_eq!(problem.status(), StatusCode::PAYLOAD_TOO_LARGE);
            let cut = expand(&packed[..packed.len() - 5], 1_000).unwrap_err();
            assert_eq!(cut.status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn a_body_names_no_more_memory_than_is_given() {
        let read = |log: u8| {
            // A frame without a size, of a window of two to so many bytes, with one byte.
            let frame = [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 0x09, 0, 0, b'a'];
            expand(&frame, Encoding::Zstd, 1_000, room(1 << 20).nothing()).map(|held| held.to_vec())
        };
        assert_eq!(read(23).unwrap(), b"a");
        assert_eq!(read(24).unwrap_err().status(), StatusCode::BAD_REQUEST);
    }

    fn room(bytes: usize) -> Room {
        Room(Arc::new(Semaphore::new(bytes >> 10)))
    }

    #[test]
    fn bodies_share_their_room_and_give_it_back() {
        let room = room(10 << 10);
        let (mut one, mut other) = (room.nothing(), room.nothing());
        one.grow(4 << 10).unwrap();
        one.grow(4 << 10).unwrap();
        other.grow((6 << 10) - 1).unwrap();
        let busy = one.grow((4 << 10) + 1).unwrap_err();
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        drop(other);
        one.grow(10 << 10).unwrap();
        let zeros = gzip(&vec![0; 8 << 20]);
        let small = Room(Arc::new(Semaphore::new(4 << 10)));
        let busy = expand(&zeros, Encoding::Gzip, 64 << 20, small.nothing()).unwrap_err();
        assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(small.0.available_permits(), 4 << 10);
    }

    #[test]
    fn one_known_encoding_is_taken() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            encoding(&headers).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(of(&[]), Ok(Encoding::Identity));
        assert_eq!(of(&["GZIP"]), Ok(Encoding::Gzip));
        assert_eq!(of(&["zstd"]), Ok(Encoding::Zstd));
        assert_eq!(of(&["br"]), Err(415));
        assert_eq!(of(&["gzip, gzip"]), Err(415));
        assert_eq!(of(&["gzip", "gzip"]), Err(415));
    }
}

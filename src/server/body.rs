//! A request's body, within its limits.

use super::limits::Limits;
use super::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use std::io::Read;

/// How a body was made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads all of a body, and decompresses it.
pub async fn read(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let encoding = encoding(headers)?;
    let sent = collect(headers, body, limits).await?;
    if encoding == Encoding::Identity {
        return Ok(sent);
    }
    let max = limits.expanded_bytes;
    let expanded = tokio::task::spawn_blocking(move || expand(&sent, encoding, max)).await;
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
async fn collect(headers: &HeaderMap, mut body: Body, limits: &Limits) -> Result<Vec<u8>, Problem> {
    let max = limits.body_bytes;
    let told = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if told.is_some_and(|bytes: u64| bytes > max as u64) {
        return Err(too_large(max));
    }
    let mut bytes = Vec::new();
    while let Some(part) = part(&mut body, limits).await? {
        if bytes.len() + part.len() > max {
            return Err(too_large(max));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
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

fn too_slow(limits: &Limits) -> Problem {
    let seconds = limits.body_time.as_secs();
    let message = format!("no byte of the body came for {seconds} seconds");
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", message)
}

fn too_large(max: usize) -> Problem {
    let message = format!("the body has more than {max} bytes: send it in parts");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "limit", message)
}

/// Decompresses, up to a limit that no small body of many zeros gets past.
fn expand(sent: &[u8], encoding: Encoding, max: usize) -> Result<Vec<u8>, Problem> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = match encoding {
        Encoding::Identity => return Ok(sent.to_vec()),
        Encoding::Gzip => {
            flate2::read::MultiGzDecoder::new(sent).take(limit).read_to_end(&mut bytes)
        }
        Encoding::Zstd => {
            zstd::Decoder::new(sent).and_then(|decoder| decoder.take(limit).read_to_end(&mut bytes))
        }
    };
    match read {
        Err(cause) => Err(Problem::input(format!("the body is no {encoding:?} stream: {cause}"))),
        Ok(read) if read > max => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "limit",
            format!("the body has more than {max} bytes once decompressed: send it in parts"),
        )),
        Ok(_) => Ok(bytes),
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
            assert_eq!(expand(&packed, encoding, 1_000).unwrap(), [0; 1_000]);
            let problem = expand(&packed, encoding, 999).unwrap_err();
            assert_eq!(problem.status(), StatusCode::PAYLOAD_TOO_LARGE);
            let cut = expand(&packed[..packed.len() - 5], encoding, 1_000).unwrap_err();
            assert_eq!(cut.status(), StatusCode::BAD_REQUEST);
        }
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

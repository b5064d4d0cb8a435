//! Distinct strings with dense codes: one arena, and a table that stores codes only.

use hashbrown::HashTable;
use serde::{Deserialize, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

/// Distinct strings (activity names, property names, text values) with dense codes from 0.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "StringsRecord")]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    /// Where each string ends in `bytes`.
    #[serde(rename = "lengths", serialize_with = "serialize_lengths")]
    ends: Vec<usize>,
    #[serde(skip)]
    index: HashTable<u32>,
}

/// What a record carries of `Strings`: lengths instead of ends, so that no order can be wrong.
#[derive(Deserialize)]
struct StringsRecord {
    bytes: Vec<u8>,
    lengths: Vec<u32>,
}

fn serialize_lengths<S: Serializer>(ends: &[usize], to: S) -> Result<S::Ok, S::Error> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    // Every string is far below 4 GiB: the longest value allowed has 65,535 bytes.
    to.collect_seq(ends.iter().zip(starts).map(|(end, start)| (end - start) as u32))
}

impl TryFrom<StringsRecord> for Strings {
    type Error = String;

    fn try_from(record: StringsRecord) -> Result<Strings, String> {
        let mut strings = Strings::default();
        let mut rest = record.bytes.as_slice();
        strings.reserve(record.lengths.len(), rest.len());
        for (code, &length) in record.lengths.iter().enumerate() {
            let (text, tail) = rest
                .split_at_checked(length as usize)
                .ok_or_else(|| format!("string {code} ends after the strings' bytes"))?;
            std::str::from_utf8(text).map_err(|e| format!("string {code} is not UTF-8: {e}"))?;
            if strings.code(text) as usize != code {
                return Err(format!("string {code} occurs twice"));
            }
            rest = tail;
        }
        if rest.is_empty() { Ok(strings) } else { Err("bytes follow the last string".to_string()) }
    }
}

impl Strings {
    /// Makes room for this many more strings of this many bytes in all.
    pub(crate) fn reserve(&mut self, strings: usize, bytes: usize) {
        let Strings { bytes: arena, ends, index } = self;
        arena.reserve(bytes);
        ends.reserve(strings);
        index.reserve(strings, |&code| xxh3_64(text_at(arena, ends, code)));
    }

    /// The string's code, giving it one at first sight.
    pub(crate) fn code(&mut self, text: &[u8]) -> u32 {
        let Strings { bytes, ends, index } = self;
        let hash = xxh3_64(text);
        if let Some(&code) = index.find(hash, |&code| text_at(bytes, ends, code) == text) {
            return code;
        }
        let code = ends.len() as u32;
        bytes.extend_from_slice(text);
        ends.push(bytes.len());
        index.insert_unique(hash, code, |&code| xxh3_64(text_at(bytes, ends, code)));
        code
    }

    /// The code of a string that is there.
    pub(crate) fn find(&self, text: &[u8]) -> Option<u32> {
        let is_text = |&code: &u32| self.get(code) == text;
        self.index.find(xxh3_64(text), is_text).copied()
    }

    /// Empty for a code that was never given.
    pub(crate) fn get(&self, code: u32) -> &[u8] {
        text_at(&self.bytes, &self.ends, code)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Rough size in memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 8 + self.index.capacity() * 6
    }
}

fn text_at<'a>(bytes: &'a [u8], ends: &[usize], code: u32) -> &'a [u8] {
    let code = code as usize;
    let start = code.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(code).and_then(|&end| bytes.get(start..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn from_record(bytes: &[u8], lengths: &[u32]) -> Result<Strings, String> {
        StringsRecord { bytes: bytes.to_vec(), lengths: lengths.to_vec() }.try_into()
    }

    #[test]
    fn codes_are_dense_and_stable() {
        let mut strings = Strings::default();
        assert_eq!([&b"a"[..], b"", b"bc", b"a"].map(|t| strings.code(t)), [0, 1, 2, 0]);
        assert_eq!(
            (strings.get(2), strings.get(1), strings.get(9)),
            (&b"bc"[..], &[][..], &[][..])
        );
        assert_eq!((strings.find(b"bc"), strings.find(b"b"), strings.len()), (Some(2), None, 3));
        assert_eq!(strings.get(u32::MAX), b"");
    }

    #[test]
    fn a_record_comes_back_with_its_table() {
        let mut strings = Strings::default();
        for i in 0..1_000 {
            strings.code(format!("value {i}").as_bytes());
        }
        let json = serde_json::to_string(&strings).unwrap();
        let back: Strings = serde_json::from_str(&json).unwrap();
        assert_eq!(back.find(b"value 999"), Some(999));
        assert_eq!((back.bytes, back.ends), (strings.bytes, strings.ends));
    }

    #[test]
    fn wrong_records_are_refused() {
        assert!(from_record(b"abc", &[1, 2]).is_ok());
        assert!(from_record(b"abc", &[1, 3]).unwrap_err().contains("ends after"));
        assert!(from_record(b"abc", &[1, 1]).unwrap_err().contains("follow"));
        assert!(from_record(b"aa", &[1, 1]).unwrap_err().contains("twice"));
        assert!(from_record(&[0xff], &[1]).unwrap_err().contains("UTF-8"));
    }
}

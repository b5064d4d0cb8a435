//! Lists of strings in a section: written once, read in place.

use crate::codec::cursor;
use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

/// Appends a list: count, where each string ends, the strings' bytes. The caller has checked that
/// the bytes are below 4 GiB.
pub(crate) fn encode<'a>(strings: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    out.extend((strings.clone().count() as u32).to_le_bytes());
    let mut end = 0u32;
    for text in strings.clone() {
        end += text.len() as u32;
        out.extend(end.to_le_bytes());
    }
    strings.for_each(|text| out.extend_from_slice(text));
}

/// A list in place. Its ends are compared with its bytes at each access.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StringList<'a> {
    ends: &'a [U32],
    bytes: &'a [u8],
}

impl<'a> StringList<'a> {
    /// A list from the front of `input`.
    pub(crate) fn read(input: &mut &'a [u8]) -> Result<StringList<'a>, String> {
        let count = cursor::u32(input)? as usize;
        let ends = cursor::take(input, count.saturating_mul(4))?;
        let ends = <[U32]>::ref_from_bytes(ends).map_err(|e| e.to_string())?;
        let length = ends.last().map_or(0, |end| end.get() as usize);
        Ok(StringList { ends, bytes: cursor::take(input, length)? })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> Result<&'a str, String> {
        let end = self.ends.get(at).ok_or_else(|| format!("string {at} of {}", self.len()))?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let range = start.map_or(0, |start| start.get() as usize)..end.get() as usize;
        let text = self.bytes.get(range).ok_or_else(|| format!("string {at} ends wrong"))?;
        std::str::from_utf8(text).map_err(|e| format!("string {at} is not UTF-8: {e}"))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Result<&'a str, String>> {
        (0..self.len()).map(move |at| self.get(at))
    }

    /// All strings, if they are in strict order of bytes.
    pub(crate) fn sorted(self) -> Result<Vec<&'a str>, String> {
        let strings = self.iter().collect::<Result<Vec<_>, _>>()?;
        let sorted = strings.is_sorted_by(|a, b| a < b);
        if sorted { Ok(strings) } else { Err("strings out of order".to_string()) }
    }
}

/// The dictionary of text values: of each property, the codes from `starts[p]` to `starts[p + 1]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextList<'a> {
    starts: &'a [U32],
    list: StringList<'a>,
}

impl<'a> TextList<'a> {
    /// Reads the whole part.
    pub(crate) fn read(bytes: &'a [u8], properties: usize) -> Result<TextList<'a>, String> {
        let mut input = bytes;
        let starts = cursor::take(&mut input, (properties + 1) * 4)?;
        let starts = <[U32]>::ref_from_bytes(starts).map_err(|e| e.to_string())?;
        let list = StringList::read(&mut input)?;
        if !input.is_empty() {
            return Err(format!("{} bytes follow the texts", input.len()));
        }
        let ordered = starts.is_sorted_by_key(|start| start.get());
        let (first, last) = (starts.first(), starts.last());
        let whole = first.is_some_and(|s| s.get() == 0)
            && last.is_some_and(|s| s.get() as usize == list.len());
        if ordered && whole {
            Ok(TextList { starts, list })
        } else {
            Err("texts of no property".into())
        }
    }

    /// The codes of a property's texts.
    pub(crate) fn codes(&self, property: u16) -> std::ops::Range<u32> {
        let start = |at: usize| self.starts.get(at).map_or(0, |start| start.get());
        start(usize::from(property))..start(usize::from(property) + 1)
    }

    /// The text of a code within its property.
    pub(crate) fn get(&self, property: u16, code: u32) -> Result<&'a str, String> {
        let codes = self.codes(property);
        let at = codes.start.checked_add(code).filter(|at| *at < codes.end);
        self.list.get(at.ok_or_else(|| format!("text {code} of property {property}"))? as usize)
    }

    /// Checks every text.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.list.iter().try_for_each(|text| text.map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(strings: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(strings.iter().map(|s| s.as_bytes()), &mut bytes);
        bytes
    }

    #[test]
    fn lists_come_back() {
        let bytes = list(&["a", "", "bc"]);
        let mut input = bytes.as_slice();
        let strings = StringList::read(&mut input).unwrap();
        let all: Vec<_> = strings.iter().map(Result::unwrap).collect();
        assert_eq!((all, input.len()), (vec!["a", "", "bc"], 0));
        assert!(strings.sorted().unwrap_err().contains("order"));
        assert!(strings.get(3).unwrap_err().contains("3 of 3"));
    }

    #[test]
    fn texts_are_found_within_their_property() {
        let mut bytes: Vec<u8> = [0u32, 2, 2, 3].iter().flat_map(|s| s.to_le_bytes()).collect();
        bytes.extend(list(&["a", "c", "b"]));
        let texts = TextList::read(&bytes, 3).unwrap();
        assert_eq!((texts.get(2, 0), texts.get(0, 1)), (Ok("b"), Ok("c")));
        assert_eq!((texts.codes(0), texts.codes(1)), (0..2, 2..2));
        assert!(texts.get(0, 2).is_err() && texts.get(7, 0).is_err());
        assert!(TextList::read(&bytes, 2).is_err());
    }

    #[test]
    fn wrong_lists_are_refused() {
        let read = |bytes: &[u8]| StringList::read(&mut &bytes[..]).map(|l| l.len());
        assert!(read(&[255, 255, 255, 255, 0]).unwrap_err().contains("wanted"));
        assert!(read(&[1, 0, 0, 0, 9, 0, 0, 0]).unwrap_err().contains("9 bytes"));
        let bytes = [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, b'a'];
        let wrong = StringList::read(&mut &bytes[..]).unwrap();
        assert!(wrong.get(0).is_err() && wrong.get(1).is_err());
    }
}

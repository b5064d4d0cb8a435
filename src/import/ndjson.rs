//! Rows of NDJSON: an object a line, its numbers kept exact.

use super::blocks::TextBlock;
use super::maker::{Maker, RowFields, forced};
use super::options::ImportOptions;
use super::rejects::Refused;
use crate::event::json::{self, JsonFields, JsonValue, needed};
use memchr::memchr_iter;
use std::borrow::Cow;

/// Parses a block of lines. True where a row has the user's field: one without it has no user, and
/// a whole import without it has the wrong name for it.
pub(super) fn parse(maker: &mut Maker<'_>, options: &ImportOptions, block: &TextBlock) -> bool {
    let mut has_user = false;
    let mut start = 0;
    for (line, end) in (block.first_line..).zip(memchr_iter(b'\n', &block.bytes)) {
        let raw = block.bytes.get(start..end).unwrap_or_default().trim_ascii();
        start = end + 1;
        if !raw.is_empty()
            && let Err(reason) = add(maker, options, raw, &mut has_user)
        {
            maker.reject(line, reason, raw);
        }
    }
    has_user
}

fn add(
    maker: &mut Maker<'_>,
    options: &ImportOptions,
    raw: &[u8],
    has_user: &mut bool,
) -> Refused<()> {
    let text = std::str::from_utf8(raw).map_err(|_| "the line is not UTF-8".to_string())?;
    let mut fields = JsonFields::read(text)?;
    let user = fields.id(&options.user)?;
    *has_user |= user.is_some();
    let activity = match &options.activity_name {
        Some(name) => Cow::Borrowed(name.as_str()),
        None => needed(fields.id(&options.activity)?, &options.activity)?,
    };
    let time = needed(fields.take(&options.time)?, &options.time)?;
    let insert_id = options.insert_id.as_deref().map(|name| fields.id(name)).transpose()?;
    let fixed = RowFields {
        user: &user.unwrap_or_default(),
        activity: maker.activity(&activity)?,
        time: maker.settings.times.read(time.as_bytes())?,
        insert_id: &insert_id.flatten().unwrap_or_default(),
    };
    maker.start(fixed)?;
    for (name, value) in fields.rest()? {
        if !options.skip.contains(name) {
            let property = maker.property(name)?;
            add_value(maker, options, property, name, value)
                .map_err(|reason| format!("field {name:?}: {reason}"))?;
        }
    }
    maker.end()
}

fn add_value(
    maker: &mut Maker<'_>,
    options: &ImportOptions,
    property: u32,
    name: &str,
    raw: &str,
) -> Refused<()> {
    if let Some(of) = options.types.get(name) {
        let text = json::text(raw)?;
        return text.map_or(Ok(()), |text| maker.value(property, &forced(*of, &text)?));
    }
    match json::value(raw)? {
        JsonValue::Missing => Ok(()),
        JsonValue::Text(text) => maker.text(property, &text),
        JsonValue::Value(value) => maker.value(property, &value),
    }
}

//! The door of an import: fields of a row in, a checked and encoded row out, or a reason.

use super::options::{ImportTime, ValueType};
use super::rows::{Coder, EncodedRows, RowCell, RowHead, Shared, Text};
use crate::catalog::{Catalog, HashDomain};
use crate::error::{Error, Result};
use crate::event::{Decimal, Value, check_activity, check_id, check_name};
use crate::limits::{
    INSERT_ID_BYTES_MAX, PROPERTIES_PER_EVENT_MAX, PROPERTY_BYTES_MAX, SECTION_NAMES_MAX,
    TEXT_BYTES_MAX, USER_ID_BYTES_MAX, YEAR_MAX, YEAR_MIN,
};
use crate::time::{self, Calendar, DaySpan, Micros, TimeFormat, Zone};
use std::collections::HashMap;

/// What all parsers of one import share and none changes.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) times: Times,
    pub(super) calendar: Calendar,
    pub(super) catalog: Catalog,
    pub(super) bounds: Bounds,
    /// What the users' ids hash with.
    pub(super) id_seed: u64,
}

impl Settings {
    /// The keyed hash of an insert id, checked; none for an empty one.
    pub(super) fn insert_id(&self, id: &str) -> Result<Option<u128>, String> {
        check_id("insert id", id, INSERT_ID_BYTES_MAX)?;
        let hash = || self.catalog.hash(HashDomain::InsertId, id.as_bytes());
        Ok((!id.is_empty()).then(hash))
    }
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reject {
    pub(super) line: u64,
    pub(super) reason: String,
    /// The row as it stood in the source; empty for Parquet.
    pub(super) raw: Vec<u8>,
}

/// Reads times as the import's format says.
#[derive(Debug)]
pub(super) struct Times {
    format: TimeFormat,
    zone: Zone,
}

impl Times {
    pub(super) fn new(format: ImportTime, zone: Zone) -> Times {
        let format = match format {
            ImportTime::Auto => TimeFormat::Any(zone.clone()),
            ImportTime::Text => TimeFormat::Text(zone.clone()),
            ImportTime::Seconds => TimeFormat::EpochSeconds,
            ImportTime::Millis => TimeFormat::EpochMillis,
            ImportTime::Micros => TimeFormat::EpochMicros,
        };
        Times { format, zone }
    }

    /// The zone of times without an offset.
    pub(super) fn zone(&self) -> &Zone {
        &self.zone
    }

    pub(super) fn read(&self, text: &[u8]) -> Result<Micros, String> {
        self.format.parse(text)
    }
}

/// The instants that an import takes.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    years: (Micros, Micros),
    /// The first instant taken, and how the caller wrote it.
    not_before: Option<(Micros, String)>,
    /// The first instant no longer taken, and how the caller wrote it.
    not_after: Option<(Micros, String)>,
}

impl Bounds {
    pub(super) fn new(
        calendar: &Calendar,
        not_before: Option<&str>,
        not_after: Option<&str>,
    ) -> Result<Bounds> {
        let day = |year, month, day| {
            chrono::NaiveDate::from_ymd_opt(year, month, day).map_or(0, time::day_from)
        };
        let years =
            (calendar.span(day(YEAR_MIN, 1, 1)).start, calendar.span(day(YEAR_MAX, 12, 31)).end);
        let before = |text: &str| match time::parse_day(text) {
            Ok(day) => Ok((calendar.span(day).start, text.to_string())),
            Err(_) => Ok((time::parse_instant(text)?, text.to_string())),
        };
        let after = |text: &str| match time::parse_day(text) {
            Ok(day) => Ok((calendar.span(day).end, text.to_string())),
            Err(_) => Ok((time::parse_instant(text)?.saturating_add(1), text.to_string())),
        };
        let (not_before, not_after) =
            (not_before.map(before).transpose()?, not_after.map(after).transpose()?);
        if let (Some((first, since)), Some((end, until))) = (&not_before, &not_after)
            && first >= end
        {
            let message = format!("no time is both not before {since} and not after {until}");
            return Err(Error::input(message));
        }
        Ok(Bounds { years, not_before, not_after })
    }

    fn check(&self, at: Micros, zone: &Zone) -> Result<(), String> {
        if at < self.years.0 || at >= self.years.1 {
            return Err(format!("the time is outside of the years {YEAR_MIN} to {YEAR_MAX}"));
        }
        if let Some((_, text)) = self.not_before.as_ref().filter(|(first, _)| at < *first) {
            return Err(format!("time {} is before {text} (not before)", zone.format(at)));
        }
        if let Some((_, text)) = self.not_after.as_ref().filter(|(end, _)| at >= *end) {
            return Err(format!("time {} is after {text} (not after)", zone.format(at)));
        }
        Ok(())
    }
}

/// Finds the day of an instant; asks the calendar once a day.
#[derive(Debug)]
struct DayFinder {
    last: DaySpan,
    /// By whole days since 1970 in UTC: the few spans that overlap it and were met.
    known: HashMap<i64, Vec<DaySpan>>,
}

impl DayFinder {
    fn find(&mut self, calendar: &Calendar, at: Micros) -> DaySpan {
        let holds = |span: &DaySpan| span.start <= at && at < span.end;
        if holds(&self.last) {
            return self.last;
        }
        let known = self.known.entry(at.div_euclid(86_400_000_000)).or_default();
        self.last = known.iter().copied().find(holds).unwrap_or_else(|| {
            let span = calendar.span_of(at);
            known.push(span);
            span
        });
        self.last
    }
}

/// The fields of a row that are no properties.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowFields<'a> {
    /// Empty: no user.
    pub(super) user: &'a str,
    /// Of `Maker::activity`.
    pub(super) activity: Text<'a>,
    pub(super) time: Micros,
    /// Empty: none.
    pub(super) insert_id: &'a str,
}

/// Makes encoded rows of one thread's blocks.
#[derive(Debug)]
pub(super) struct Maker<'a> {
    pub(super) settings: &'a Settings,
    pub(super) coder: Coder<'a>,
    finder: DayFinder,
    rows: EncodedRows,
    rejects: Vec<Reject>,
    /// Properties of the row begun.
    cells: usize,
    /// By property: met in the rows since the last `take`.
    met: Vec<bool>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(settings: &'a Settings, shared: &'a Shared) -> Maker<'a> {
        Maker {
            settings,
            coder: Coder::new(shared),
            finder: DayFinder { last: DaySpan { day: 0, start: 0, end: 0 }, known: HashMap::new() },
            rows: EncodedRows::new(settings.id_seed),
            rejects: Vec::new(),
            cells: 0,
            met: Vec::new(),
        }
    }

    /// An activity's name, checked.
    pub(super) fn activity<'t>(&mut self, name: &'t str) -> Result<Text<'t>, String> {
        check_activity(name)?;
        Ok(self.text_of(name))
    }

    /// The day of an instant that is taken.
    pub(super) fn span(&mut self, at: Micros) -> Result<DaySpan, String> {
        let calendar = &self.settings.calendar;
        self.settings.bounds.check(at, calendar.zone())?;
        Ok(self.finder.find(calendar, at))
    }

    /// Begins a row. Cells follow, then `end`; after an error, `reject`.
    pub(super) fn start(&mut self, fields: RowFields<'_>) -> Result<(), String> {
        check_id("user id", fields.user, USER_ID_BYTES_MAX)?;
        let insert_id = self.settings.insert_id(fields.insert_id)?;
        let span = self.span(fields.time)?;
        let time = fields.time - span.start;
        let head = RowHead { time, activity: fields.activity, insert_id };
        self.cells = 0;
        self.rows.start(span.day, fields.user.as_bytes(), &head);
        Ok(())
    }

    /// A text property.
    pub(super) fn text(&mut self, property: u32, text: &str) -> Result<(), String> {
        let text = text_of(&mut self.coder, text);
        self.coded_text(property, text)
    }

    /// A text of a table's dictionary, coded once for many rows.
    pub(super) fn text_of<'t>(&mut self, text: &'t str) -> Text<'t> {
        text_of(&mut self.coder, text)
    }

    /// A text property of `text_of`.
    pub(super) fn coded_text(&mut self, property: u32, text: Text<'_>) -> Result<(), String> {
        match text {
            Text::Bytes(bytes) => check_length(bytes.len())?,
            Text::Code(_) => {}
        }
        self.cell(property, RowCell::Text(text));
        Ok(())
    }

    /// A property whose text, if it is one, has been checked.
    pub(super) fn cell(&mut self, property: u32, cell: RowCell<'_>) {
        self.cells += 1;
        self.rows.cell(property, cell);
        let index = property as usize;
        if !self.met.get(index).is_some_and(|met| *met) {
            self.met.resize(self.met.len().max(index + 1), false);
            if let Some(met) = self.met.get_mut(index) {
                *met = true;
            }
            self.rows.properties.push(property);
        }
    }

    /// A float: neither infinite nor NaN.
    pub(super) fn float(&mut self, property: u32, value: f64) -> Result<(), String> {
        if !value.is_finite() {
            return Err(format!("the value {value} is no number that can be kept"));
        }
        self.cell(property, RowCell::Float(value));
        Ok(())
    }

    /// A property of any type.
    pub(super) fn value(&mut self, property: u32, value: &Value) -> Result<(), String> {
        match value {
            Value::Bool(value) => self.cell(property, RowCell::Bool(*value)),
            Value::Integer(value) => self.cell(property, RowCell::Integer(*value)),
            Value::Decimal(value) => {
                self.cell(property, RowCell::Decimal(value.scale(), value.unscaled()));
            }
            Value::Float(value) => self.float(property, *value)?,
            Value::Text(text) => self.text(property, text)?,
        }
        Ok(())
    }

    /// A cell of a text file: its own type, or the one forced on its column.
    pub(super) fn written(
        &mut self,
        property: u32,
        of: Option<ValueType>,
        text: &str,
    ) -> Result<(), String> {
        match of {
            Some(ValueType::Text) => self.text(property, text),
            Some(of) => self.value(property, &forced(of, text)?),
            // Nothing else can begin a number or a boolean: most texts need no closer look.
            None => match text.as_bytes().first() {
                Some(b'0'..=b'9' | b'-' | b't' | b'f') => {
                    self.value(property, &Value::from_cell(text))
                }
                _ => self.text(property, text),
            },
        }
    }

    /// The code of a property's name, checked.
    pub(super) fn property(&mut self, name: &str) -> Result<u32, String> {
        check_name("property name", name, PROPERTY_BYTES_MAX)?;
        self.coder.property(name.as_bytes()).ok_or_else(too_many_properties)
    }

    /// Ends the row begun.
    pub(super) fn end(&mut self) -> Result<(), String> {
        if self.cells > PROPERTIES_PER_EVENT_MAX {
            let cells = self.cells;
            return Err(format!("{cells} properties; at most {PROPERTIES_PER_EVENT_MAX} are kept"));
        }
        self.rows.finish();
        Ok(())
    }

    /// Refuses a row, whether or not it was begun.
    pub(super) fn reject(&mut self, line: u64, reason: String, raw: &[u8]) {
        self.rows.abandon();
        self.rejects.push(Reject { line, reason, raw: raw.to_vec() });
    }

    /// What was made since the last call.
    pub(super) fn take(&mut self) -> (EncodedRows, Vec<Reject>) {
        self.met.clear();
        let rows = EncodedRows::new(self.settings.id_seed);
        (std::mem::replace(&mut self.rows, rows), std::mem::take(&mut self.rejects))
    }
}

pub(super) fn too_many_properties() -> String {
    format!("there are more than {SECTION_NAMES_MAX} property names in this import")
}

/// Shared codes stand for short texts only.
fn check_length(length: usize) -> Result<(), String> {
    match length {
        0..=TEXT_BYTES_MAX => Ok(()),
        _ => Err(format!("text of {length} bytes; at most {TEXT_BYTES_MAX} are kept")),
    }
}

fn text_of<'t>(coder: &mut Coder<'_>, text: &'t str) -> Text<'t> {
    coder.text(text.as_bytes()).map_or(Text::Bytes(text.as_bytes()), Text::Code)
}

/// A value of the type that the caller forced on its column.
pub(super) fn forced(of: ValueType, text: &str) -> Result<Value, String> {
    let wrong = |what: &str| format!("\"{}\" is not {what}", shown(text.as_bytes()));
    match of {
        ValueType::Text => Ok(Value::Text(text.to_string())),
        ValueType::Integer => {
            text.parse().map(Value::Integer).map_err(|_| wrong("a whole number of 64 bits"))
        }
        ValueType::Decimal => {
            let decimal = text.parse::<Decimal>().map(Value::Decimal);
            decimal.map_err(|_| wrong("a decimal number"))
        }
        ValueType::Float => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Float(value)),
            _ => Err(wrong("a finite number")),
        },
        ValueType::Boolean => match text {
            "1" => Ok(Value::Bool(true)),
            "0" => Ok(Value::Bool(false)),
            _ if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            _ if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            _ => Err(wrong("true, false, 1 or 0")),
        },
    }
}

/// Text for a message: short, and readable whatever it is.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

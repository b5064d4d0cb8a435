//! Rows of Parquet: only the columns that are wanted, a batch at a time, each with its own type.
//!
//! Text columns whose chunks have a small dictionary are read as codes, so that their strings are
//! looked at once a batch. Timestamps become whole microseconds; those without a zone are local
//! times of the import's zone, but for the old INT96 form, which is UTC by custom.

use super::columns::Columns;
use super::maker::Times;
use super::rejects::Refused;
use crate::error::{Error, Result};
use crate::event::Decimal;
use crate::time::{Local, Micros, Zone, format_day};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, BinaryArray, BooleanArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use std::fmt::Write;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// Rows of a batch.
const BATCH_ROWS: usize = 32_768;
/// Dictionaries of up to this many bytes are kept as such.
const DICTIONARY_BYTES_MAX: i64 = 1 << 16;
const DAY_US: i64 = 86_400_000_000;

/// An opened Parquet file.
pub(super) struct Table {
    name: Arc<str>,
    file: File,
    metadata: ArrowReaderMetadata,
}

/// A batch of a table's rows.
pub(super) struct TableBlock {
    pub(super) batch: RecordBatch,
    /// By position in the header: the column of the batch.
    pub(super) places: Arc<Vec<Option<usize>>>,
    pub(super) first_row: u64,
}

impl Table {
    pub(super) fn open(name: &Arc<str>, file: File) -> Result<Table> {
        let failed = |error| not_whole(name, &error);
        let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = ArrowReaderMetadata::load(&file, options()).map_err(failed)?;
        check_places(plain.metadata()).map_err(|what| not_whole(name, &what))?;
        let fields = plain.schema().fields().iter().enumerate();
        let fields: Vec<Field> =
            fields.map(|(root, field)| wanted_type(plain.metadata(), root, field)).collect();
        let options = options().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options);
        Ok(Table { name: Arc::clone(name), file, metadata: metadata.map_err(failed)? })
    }

    /// Names of the columns.
    pub(super) fn header(&self) -> Vec<String> {
        self.metadata.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    pub(super) fn rows(&self) -> u64 {
        self.metadata.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// Is every column of a type that can be read, for what it is read?
    pub(super) fn check(&self, columns: &Columns) -> Result<()> {
        let refuse = |index: usize, way: &str| {
            let name = columns.quoted(index);
            let of = self.metadata.schema().fields().get(index).map(|f| f.data_type().to_string());
            let of = of.unwrap_or_default();
            Error::input(format!("{}, column {name}: values of type {of} {way}", self.name))
        };
        let kind = |index: usize| {
            self.metadata.schema().fields().get(index).and_then(|f| Kind::of(f.data_type()))
        };
        for index in [Some(columns.user), columns.activity, columns.insert_id].into_iter().flatten()
        {
            if !matches!(kind(index), Some(Kind::Text | Kind::Whole | Kind::Null)) {
                return Err(refuse(index, "are no ids or names: text or whole numbers are"));
            }
        }
        if !matches!(kind(columns.time), Some(Kind::Text | Kind::Whole | Kind::Time)) {
            return Err(refuse(
                columns.time,
                "are no times: timestamps, dates, text or numbers are",
            ));
        }
        match columns.properties.iter().find(|property| kind(property.index).is_none()) {
            Some(property) => Err(refuse(property.index, "cannot be kept: skip the column")),
            None => Ok(()),
        }
    }

    /// Reads the wanted columns; `emit` answers false when nobody wants more.
    pub(super) fn read(
        self,
        columns: &Columns,
        emit: &mut dyn FnMut(TableBlock) -> bool,
    ) -> Result<()> {
        let mut wanted = vec![false; columns.names.len()];
        let roles = [Some(columns.user), columns.activity, Some(columns.time), columns.insert_id];
        let properties = columns.properties.iter().map(|property| property.index);
        for index in roles.into_iter().flatten().chain(properties) {
            wanted[index] = true;
        }
        let roots = wanted.iter().enumerate().filter_map(|(index, &on)| on.then_some(index));
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots);
        let mut next = 0..;
        let places = wanted.iter().map(|&on| on.then(|| next.next()).flatten()).collect();
        let places: Arc<Vec<Option<usize>>> = Arc::new(places);
        let mut first_row = 1;
        for groups in self.groups() {
            let file = self.file.try_clone().map_err(|error| not_whole(&self.name, &error))?;
            let reader =
                ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                    .with_projection(mask.clone())
                    .with_row_groups(groups.collect())
                    .with_batch_size(BATCH_ROWS)
                    .build()
                    .map_err(|error| not_whole(&self.name, &error))?;
            for batch in reader {
                let batch = batch.map_err(|error| not_whole(&self.name, &error))?;
                let rows = batch.num_rows() as u64;
                if !emit(TableBlock { batch, places: Arc::clone(&places), first_row }) {
                    return Ok(());
                }
                first_row += rows;
            }
        }
        Ok(())
    }

    /// Row groups that are read together: each has dictionaries of its own, and a batch over two
    /// of them would have to be coded anew; but small ones make batches of a fair size.
    fn groups(&self) -> Vec<Range<usize>> {
        let mut groups: Vec<Range<usize>> = Vec::new();
        let mut rows = 0;
        for (at, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            rows += group.num_rows().unsigned_abs();
            match groups.last_mut() {
                Some(last) if rows <= BATCH_ROWS as u64 => last.end = at + 1,
                _ => {
                    rows = group.num_rows().unsigned_abs();
                    groups.push(at..at + 1);
                }
            }
        }
        groups
    }
}

fn not_whole(name: &str, error: &dyn std::fmt::Display) -> Error {
    let error = error.to_string();
    // What the decoder says of a whole file in a compression that it was not built with.
    if error.contains("Disabled feature") {
        return Error::input(format!(
            "{name} is compressed in a way that is not read here ({error}): write it with zstd, \
             snappy, gzip, LZ4 or no compression; nothing was imported"
        ));
    }
    Error::input(format!("{name} is damaged or no Parquet ({error}); nothing was imported"))
}

/// The decoder takes places and lengths of columns as the file's end tells them.
fn check_places(metadata: &ParquetMetaData) -> Result<(), String> {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    let bad = |column: &ColumnChunkMetaData| {
        let dictionary = column.dictionary_page_offset().unwrap_or_default();
        column.data_page_offset() < 0 || dictionary < 0 || column.compressed_size() < 0
    };
    match columns.into_iter().find(|column| bad(column)) {
        Some(column) => Err(format!("column {} lies nowhere", column.column_path())),
        None => Ok(()),
    }
}

/// The type to read a root column as.
fn wanted_type(metadata: &ParquetMetaData, root: usize, field: &Field) -> Field {
    let of = match field.data_type() {
        DataType::Utf8 if has_small_dictionary(metadata, root) => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        // INT96: as nanoseconds it holds the years 1678 to 2261 only.
        DataType::Timestamp(TimeUnit::Nanosecond, None) if is_int96(metadata, root) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        other => other.clone(),
    };
    field.clone().with_data_type(of)
}

fn is_int96(metadata: &ParquetMetaData, root: usize) -> bool {
    let schema = metadata.file_metadata().schema_descr();
    (0..schema.num_columns()).any(|leaf| {
        schema.get_column_root_idx(leaf) == root
            && schema.column(leaf).physical_type() == PhysicalType::INT96
    })
}

fn has_small_dictionary(metadata: &ParquetMetaData, root: usize) -> bool {
    let schema = metadata.file_metadata().schema_descr();
    let leaf = (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == root);
    let Some(leaf) = leaf else { return false };
    metadata.row_groups().iter().all(|group| {
        let chunk = group.columns().get(leaf);
        chunk.is_some_and(|chunk| match chunk.dictionary_page_offset() {
            Some(start) => chunk.data_page_offset().saturating_sub(start) <= DICTIONARY_BYTES_MAX,
            None => false,
        })
    })
}

/// What a type can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    Whole,
    Number,
    Boolean,
    Time,
}

impl Kind {
    fn of(data: &DataType) -> Option<Kind> {
        Some(match data {
            DataType::Null => Kind::Null,
            DataType::Utf8 | DataType::Binary | DataType::Dictionary(_, _) => Kind::Text,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Whole,
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Kind::Whole,
            DataType::Float32 | DataType::Float64 => Kind::Number,
            DataType::Decimal128(_, scale) if *scale >= 0 => Kind::Number,
            DataType::Boolean => Kind::Boolean,
            DataType::Date32 | DataType::Timestamp(_, _) => Kind::Time,
            _ => return None,
        })
    }
}

/// The values of one column of a batch.
pub(super) enum Cells<'a> {
    Null,
    Text(&'a StringArray),
    /// Bytes that say nothing about being text.
    Binary(&'a BinaryArray),
    /// Codes, and the texts that they stand for.
    Codes(&'a Int32Array, &'a StringArray),
    Boolean(&'a BooleanArray),
    Whole(Vec<i64>),
    /// Unscaled values; those of whole numbers beyond 63 bits have no scale.
    Decimal(Vec<i128>, u8),
    Float(Vec<f64>),
    /// Days since 1970.
    Day(&'a [i32]),
    /// Microseconds, of UTC or by the clock of the import's zone.
    Time {
        values: Vec<i64>,
        is_local: bool,
    },
}

/// A column of a batch.
pub(super) struct Column<'a> {
    /// Of each row: has it a value? `None`: all have.
    valid: Option<Vec<bool>>,
    pub(super) cells: Cells<'a>,
}

fn gathered<T: ArrowPrimitiveType, V>(array: &dyn Array, to: impl Fn(T::Native) -> V) -> Vec<V> {
    array.as_primitive::<T>().values().iter().map(|value| to(*value)).collect()
}

impl<'a> Column<'a> {
    pub(super) fn new(array: &'a dyn Array) -> Option<Column<'a>> {
        let cells = match array.data_type() {
            DataType::Null => Cells::Null,
            DataType::Utf8 => Cells::Text(array.as_string()),
            DataType::Binary => Cells::Binary(array.as_binary()),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_dictionary::<Int32Type>();
                let texts: &StringArray = dictionary.values().as_string_opt()?;
                Cells::Codes(dictionary.keys(), texts)
            }
            DataType::Boolean => Cells::Boolean(array.as_boolean()),
            DataType::Int8 => Cells::Whole(gathered::<Int8Type, _>(array, i64::from)),
            DataType::Int16 => Cells::Whole(gathered::<Int16Type, _>(array, i64::from)),
            DataType::Int32 => Cells::Whole(gathered::<Int32Type, _>(array, i64::from)),
            DataType::Int64 => Cells::Whole(gathered::<Int64Type, _>(array, |value| value)),
            DataType::UInt8 => Cells::Whole(gathered::<UInt8Type, _>(array, i64::from)),
            DataType::UInt16 => Cells::Whole(gathered::<UInt16Type, _>(array, i64::from)),
            DataType::UInt32 => Cells::Whole(gathered::<UInt32Type, _>(array, i64::from)),
            DataType::UInt64 => Cells::Decimal(gathered::<UInt64Type, _>(array, i128::from), 0),
            DataType::Float32 => Cells::Float(gathered::<Float32Type, _>(array, f64::from)),
            DataType::Float64 => Cells::Float(gathered::<Float64Type, _>(array, |value| value)),
            DataType::Decimal128(_, scale) => Cells::Decimal(
                gathered::<Decimal128Type, _>(array, |value| value),
                u8::try_from(*scale).ok()?,
            ),
            DataType::Date32 => Cells::Day(array.as_primitive::<Date32Type>().values()),
            DataType::Timestamp(unit, zone) => {
                Cells::Time { values: micros(array, *unit)?, is_local: zone.is_none() }
            }
            _ => return None,
        };
        // Files say of most columns that values may be missing, where none is.
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        Some(Column { valid: nulls.map(|nulls| nulls.iter().collect()), cells })
    }

    /// The cell's code in a column of codes.
    #[inline]
    pub(super) fn code(&self, row: usize) -> Option<usize> {
        match &self.cells {
            Cells::Codes(codes, texts) if codes.is_valid(row) => {
                index(codes.value(row), texts.len())
            }
            _ => None,
        }
    }

    /// The codes of all rows, in a column of codes where every row has one.
    pub(super) fn all_codes(&self) -> Option<&[i32]> {
        match &self.cells {
            Cells::Codes(codes, _) if self.valid.is_none() => Some(codes.values()),
            _ => None,
        }
    }

    /// The instants of all rows, in a column of instants where every row has one.
    pub(super) fn all_instants(&self) -> Option<&[Micros]> {
        match &self.cells {
            Cells::Time { values, is_local: false } if self.valid.is_none() => Some(values),
            _ => None,
        }
    }

    /// The texts of all rows, in a column of texts where every row has one.
    pub(super) fn all_texts(&self) -> Option<impl Iterator<Item = &[u8]>> {
        let Cells::Text(array) = &self.cells else { return None };
        let (bytes, ends) = (array.value_data(), array.value_offsets());
        let text = |ends: &[i32]| bytes.get(ends[0] as usize..ends[1] as usize).unwrap_or_default();
        self.valid.is_none().then(|| ends.windows(2).map(text))
    }

    /// The cell as text, for ids, names and forced types.
    pub(super) fn text<'t>(
        &'t self,
        row: usize,
        scratch: &'t mut String,
    ) -> Refused<Option<&'t str>> {
        if self.is_null(row) {
            return Ok(None);
        }
        scratch.clear();
        // Writing into a string does not fail.
        let _ = match &self.cells {
            Cells::Null => return Ok(None),
            Cells::Text(array) => return Ok(Some(array.value(row))),
            Cells::Binary(array) => return utf8(array.value(row)).map(Some),
            Cells::Codes(codes, texts) => {
                return Ok(index(codes.value(row), texts.len()).map(|code| texts.value(code)));
            }
            Cells::Boolean(array) => write!(scratch, "{}", array.value(row)),
            Cells::Whole(values) => write!(scratch, "{}", values[row]),
            Cells::Decimal(values, scale) => {
                write!(scratch, "{}", decimal(values[row], *scale)?)
            }
            Cells::Float(values) => write!(scratch, "{}", values[row]),
            Cells::Day(values) => write!(scratch, "{}", format_day(values[row])),
            Cells::Time { values, is_local } => {
                write!(scratch, "{}", written_time(values[row], *is_local))
            }
        };
        Ok(Some(scratch))
    }

    /// The cell as an instant.
    #[inline]
    pub(super) fn time(&self, row: usize, times: &Times, scratch: &mut String) -> Refused<Micros> {
        match &self.cells {
            _ if self.is_null(row) => Err("there is no time".to_string()),
            Cells::Time { values, is_local: false } => Ok(values[row]),
            Cells::Time { values, is_local: true } => Ok(instant(values[row], times.zone())),
            Cells::Day(values) => Ok(times.zone().day_start(values[row])),
            _ => times.read(self.text(row, scratch)?.unwrap_or_default().as_bytes()),
        }
    }

    /// Of each row: has it a value? `None`: all have.
    pub(super) fn valid(&self) -> Option<&[bool]> {
        self.valid.as_deref()
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.valid.as_ref().is_some_and(|valid| !valid[row])
    }

    /// Are all texts ids, which are short and without a NUL? Seen at once for all of them.
    pub(super) fn are_ids(&self, bytes_max: usize) -> bool {
        let Cells::Text(array) = &self.cells else { return false };
        let lengths = array.value_offsets().windows(2).map(|ends| ends[1] - ends[0]);
        let longest = lengths.max().unwrap_or(0);
        usize::try_from(longest).is_ok_and(|longest| longest <= bytes_max)
            && memchr::memchr(0, array.value_data()).is_none()
    }

    /// How many codes there are.
    pub(super) fn codes(&self) -> usize {
        match &self.cells {
            Cells::Codes(_, texts) => texts.len(),
            _ => 0,
        }
    }
}

fn index(code: i32, count: usize) -> Option<usize> {
    usize::try_from(code).ok().filter(|&code| code < count)
}

fn utf8(bytes: &[u8]) -> Refused<&str> {
    std::str::from_utf8(bytes).map_err(|_| "the bytes are not UTF-8".to_string())
}

pub(super) fn decimal(unscaled: i128, scale: u8) -> Refused<Decimal> {
    Decimal::new(unscaled, scale).map_err(|error| error.to_string())
}

/// Whole microseconds; what is beyond them all is out of every year that is taken.
fn micros(array: &dyn Array, unit: TimeUnit) -> Option<Vec<i64>> {
    Some(match unit {
        TimeUnit::Second => return None,
        TimeUnit::Millisecond => {
            gathered::<TimestampMillisecondType, _>(array, |value| value.saturating_mul(1_000))
        }
        TimeUnit::Microsecond => gathered::<TimestampMicrosecondType, _>(array, |value| value),
        TimeUnit::Nanosecond => {
            gathered::<TimestampNanosecondType, _>(array, |value| value.div_euclid(1_000))
        }
    })
}

/// A time by the clock of a zone.
fn instant(clock: i64, zone: &Zone) -> Micros {
    let Ok(day) = i32::try_from(clock.div_euclid(DAY_US)) else { return clock };
    match zone.local(day, clock.rem_euclid(DAY_US)) {
        Local::Once(at) | Local::Skipped(at) | Local::Twice { earlier: at, .. } => at,
    }
}

/// A time as a property: RFC 3339, without an offset where it had none.
fn written_time(at: i64, is_local: bool) -> String {
    let mut text = Zone::utc().format(at);
    if is_local && text.ends_with('Z') {
        text.pop();
    }
    text
}

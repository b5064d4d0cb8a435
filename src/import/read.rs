//! The first half of an import: sources to rows by day.

use super::blocks::{Cutter, Rows, TextBlock};
use super::build::build_part;
use super::columns::Columns;
use super::consume::{BuildCounts, Consumer, Done, Job};
use super::maker::{Maker, Reject, Settings};
use super::options::{ImportFormat, ImportOptions, ImportStage, Progress, RejectedRow, Source};
#[cfg(feature = "parquet")]
use super::parquet::{Table, TableBlock};
use super::pipeline::{Emit, in_order};
use super::rejects::Rejects;
use super::rows::{EncodedRows, Shared};
use super::source::{BytesRead, Opened, Packed, bytes_total};
use super::table::ParsedTable;
use super::{csv, ndjson};
use crate::catalog::ledger::LedgerEntry;
use crate::error::{Error, Result};
use crate::write::bulk::Bulk;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::Xxh3;

/// Bytes of a block of text.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes asked of a source at a time.
const READ_BYTES: usize = 1 << 17;

/// What reading needs and does not change.
pub(super) struct Reading<'a> {
    pub(super) options: &'a ImportOptions,
    pub(super) settings: &'a Settings,
    pub(super) shared: &'a Shared,
    /// For temporary files.
    pub(super) dir: &'a Path,
    pub(super) threads: usize,
    pub(super) progress: &'a (dyn Fn(Progress) + Sync),
}

/// What became of the sources.
pub(super) enum Loaded {
    /// The very same import was applied before; what its receipt shows of its rejects.
    Repeated(LedgerEntry, Vec<RejectedRow>),
    /// Sections of all rows are in files.
    Built(Box<BuiltAll>),
}

/// All rows, built.
pub(super) struct BuiltAll {
    pub(super) counts: BuildCounts,
    pub(super) rejects: Rejects,
    pub(super) warnings: Vec<String>,
}

/// What is known once the last source is read.
pub(super) struct Produced {
    /// Of the decompressed bytes and what the options make of them.
    fingerprint: u128,
    warnings: Vec<String>,
}

/// Whole rows on their way to a parser.
pub(super) struct Block {
    source: Arc<str>,
    rows: BlockRows,
}

enum BlockRows {
    Separated(Arc<Columns>, u8, TextBlock),
    Ndjson(TextBlock),
    #[cfg(feature = "parquet")]
    Table(Arc<Columns>, TableBlock),
}

/// What a parser made of a block.
pub(super) struct Parsed {
    pub(super) source: Arc<str>,
    pub(super) rows: ParsedRows,
    pub(super) rejects: Vec<Reject>,
    /// For NDJSON: does any row have the user's field?
    pub(super) has_user: Option<bool>,
}

pub(super) enum ParsedRows {
    Encoded(EncodedRows),
    Table(ParsedTable),
}

/// Opens the sources one by one and cuts them into blocks.
struct Producer<'a> {
    reading: &'a Reading<'a>,
    read: BytesRead,
    fingerprint: Xxh3,
    warnings: Vec<String>,
}

/// Reads all sources and builds the sections of their rows.
pub(super) fn load(
    reading: &Reading<'_>,
    sources: Vec<Source>,
    bulk: &mut Bulk<'_>,
    rejects: Rejects,
) -> Result<Loaded> {
    let read = BytesRead::default();
    let total = bytes_total(&sources);
    let of_producer = Arc::clone(&read);
    in_order(
        reading.threads,
        |emit| produce(reading, sources, of_producer, emit),
        || worker(reading),
        |mut results, workers| {
            let mut consumer = Consumer::new(reading, workers, bulk, rejects);
            for done in results.by_ref() {
                if let Done::Parsed(parsed) = done? {
                    consumer.take(parsed)?;
                }
                let bytes = read.load(Ordering::Relaxed).min(total.unwrap_or(u64::MAX));
                (reading.progress)(consumer.progress(ImportStage::Reading, bytes, total));
            }
            finish(reading, consumer, results.end()?, read.load(Ordering::Relaxed))
        },
    )
}

/// One thread's part: rows of a block, or the section of a part.
pub(super) fn worker<'a>(reading: &Reading<'a>) -> impl FnMut(Job) -> Result<Done> + use<'a> {
    let Reading { options, shared, .. } = *reading;
    let mut maker = Maker::new(reading.settings, shared);
    move |job| match job {
        Job::Parse(block) => parse(&mut maker, options, block).map(Done::Parsed),
        Job::Build(part) => build_part(part, shared).map(Done::Built),
    }
}

/// Builds what is left once all is read, unless the same was imported before.
fn finish(
    reading: &Reading<'_>,
    mut consumer: Consumer<'_, '_, '_>,
    produced: Produced,
    bytes: u64,
) -> Result<Loaded> {
    let Produced { fingerprint, mut warnings } = produced;
    if reading.options.batch_id.is_none()
        && let Some(entry) = consumer.name(&format!("import-{fingerprint:032x}"))?
    {
        return Ok(Loaded::Repeated(entry, consumer.rejects.told_by(&entry)));
    }
    consumer.build_rest(|progress| {
        (reading.progress)(Progress { bytes, bytes_total: Some(bytes), ..progress });
    })?;
    let Consumer { counts, rejects, has_user, .. } = consumer;
    if has_user == Some(false) {
        let name = &reading.options.user;
        warnings
            .push(format!("no row has a field {name:?}: all of these events are without a user"));
    }
    Ok(Loaded::Built(Box::new(BuiltAll { counts, rejects, warnings })))
}

/// Cuts the sources into blocks.
pub(super) fn produce(
    reading: &Reading<'_>,
    sources: Vec<Source>,
    read: BytesRead,
    emit: &mut Emit<'_, Job>,
) -> Result<Produced> {
    let mut fingerprint = Xxh3::new();
    let mapping = reading.options.mapping_text(reading.settings.times.zone());
    fingerprint.update(mapping.as_bytes());
    let mut producer = Producer { reading, read, fingerprint, warnings: Vec::new() };
    let emit: &mut Emit<'_, Block> = &mut |block| emit(Job::Parse(block));
    sources.into_iter().try_for_each(|source| producer.source(source, emit))?;
    let (fingerprint, warnings) = (producer.fingerprint.digest128(), producer.warnings);
    Ok(Produced { fingerprint, warnings })
}

impl Producer<'_> {
    fn source(&mut self, source: Source, emit: &mut Emit<'_, Block>) -> Result<()> {
        let mut opened = Opened::open(source, self.reading.options.format, &self.read)?;
        self.fingerprint.update(format!("{:?}", opened.format).as_bytes());
        match opened.format {
            ImportFormat::Csv => self.separated(&mut opened, b',', emit)?,
            ImportFormat::Tsv => self.separated(&mut opened, b'\t', emit)?,
            ImportFormat::Ndjson => self.ndjson(&mut opened, emit)?,
            ImportFormat::Parquet => self.table(&mut opened, emit)?,
        }
        // So that no byte can move from one source to the next unnoticed.
        self.fingerprint.update(&opened.bytes.to_le_bytes());
        Ok(())
    }

    fn separated(
        &mut self,
        opened: &mut Opened,
        separator: u8,
        emit: &mut Emit<'_, Block>,
    ) -> Result<()> {
        let name = Arc::clone(&opened.name);
        let fingerprint = &mut self.fingerprint;
        let fill = |buffer: &mut Vec<u8>, wanted| fill(opened, fingerprint, buffer, wanted);
        let mut cutter = Cutter::new(Rows::Quoted(separator), BLOCK_BYTES, fill);
        let header = match cutter.first_row()? {
            None => return Err(Error::input(format!("{name} is empty: it has not even a header"))),
            Some(block) => block,
        };
        if let Some(Reject { line, reason, .. }) = header.rejects.first() {
            return Err(Error::input(format!("{name}, line {line}: in the header, {reason}")));
        }
        let header = csv::header(&name, separator, &header.bytes)?;
        let Reading { options, shared, .. } = self.reading;
        let columns = Arc::new(Columns::find(options, &name, &header, shared)?);
        self.warnings.extend(
            columns
                .unnamed
                .iter()
                .map(|index| format!("{name}: column {} has no name and was left out", index + 1)),
        );
        while let Some(block) = cutter.next()? {
            let rows = BlockRows::Separated(Arc::clone(&columns), separator, block);
            if !emit(Block { source: Arc::clone(&name), rows }) {
                break;
            }
        }
        Ok(())
    }

    fn ndjson(&mut self, opened: &mut Opened, emit: &mut Emit<'_, Block>) -> Result<()> {
        let name = Arc::clone(&opened.name);
        let fingerprint = &mut self.fingerprint;
        let fill = |buffer: &mut Vec<u8>, wanted| fill(opened, fingerprint, buffer, wanted);
        let mut cutter = Cutter::new(Rows::Lines, BLOCK_BYTES, fill);
        while let Some(block) = cutter.next()? {
            if !emit(Block { source: Arc::clone(&name), rows: BlockRows::Ndjson(block) }) {
                break;
            }
        }
        Ok(())
    }

    #[cfg(not(feature = "parquet"))]
    fn table(&mut self, opened: &mut Opened, _emit: &mut Emit<'_, Block>) -> Result<()> {
        let name = &opened.name;
        let message = format!("{name} is Parquet, which this build does not read");
        Err(Error::new(crate::error::ErrorKind::Unsupported, message))
    }

    /// Parquet is read from its end: of a stream a temporary file is made first.
    #[cfg(feature = "parquet")]
    fn table(&mut self, opened: &mut Opened, emit: &mut Emit<'_, Block>) -> Result<()> {
        let before = self.read.load(Ordering::Relaxed);
        let is_plain_file = opened.packed == Packed::Plain && opened.path.is_some();
        let file = match opened.path.clone().filter(|_| is_plain_file) {
            Some(path) => {
                opened.copy_to(&mut std::io::sink(), Path::new("-"), &mut self.fingerprint)?;
                // Only decoding counts as progress: this was a look ahead.
                self.read.store(before, Ordering::Relaxed);
                std::fs::File::open(&path).map_err(|e| Error::io("cannot open", &path, e))?
            }
            None => opened.spool(self.reading.dir, &mut self.fingerprint)?,
        };
        let length = file.metadata().map_or(0, |data| data.len());
        let table = Table::open(&opened.name, file)?;
        let Reading { options, shared, .. } = self.reading;
        let columns = Columns::find(options, &opened.name, &table.header(), shared)?;
        table.check(&columns)?;
        let columns = Arc::new(columns);
        let rows = table.rows().max(1);
        let (name, read) = (Arc::clone(&opened.name), Arc::clone(&self.read));
        table.read(&columns, &mut |block| {
            if is_plain_file {
                let part = block.batch.num_rows() as f64 / rows as f64;
                read.fetch_add((part * length as f64) as u64, Ordering::Relaxed);
            }
            emit(Block {
                source: Arc::clone(&name),
                rows: BlockRows::Table(Arc::clone(&columns), block),
            })
        })
    }
}

/// Reads until the buffer holds `wanted` bytes; false at the source's end.
fn fill(
    opened: &mut Opened,
    fingerprint: &mut Xxh3,
    buffer: &mut Vec<u8>,
    wanted: usize,
) -> Result<bool> {
    let before = buffer.len();
    buffer.resize(before + wanted.saturating_sub(before).clamp(1, READ_BYTES), 0);
    let count = opened.read(buffer.get_mut(before..).unwrap_or_default(), fingerprint)?;
    buffer.truncate(before + count);
    Ok(count > 0)
}

fn parse(maker: &mut Maker<'_>, options: &ImportOptions, block: Block) -> Result<Parsed> {
    let constant = options.activity_name.as_deref().unwrap_or_default();
    let (mut rejects, mut has_user) = (Vec::new(), None);
    let table = match block.rows {
        BlockRows::Separated(columns, separator, mut block) => {
            rejects = std::mem::take(&mut block.rejects);
            csv::parse(maker, &columns, constant, &mut csv::Fields::new(separator), &block);
            None
        }
        BlockRows::Ndjson(mut block) => {
            rejects = std::mem::take(&mut block.rejects);
            has_user = Some(ndjson::parse(maker, options, &block));
            None
        }
        #[cfg(feature = "parquet")]
        BlockRows::Table(columns, block) => {
            Some(super::batch::parse(maker, &columns, constant, &block)?)
        }
    };
    let (rows, refused) = maker.take();
    has_user = has_user.filter(|_| rows.len() > 0);
    rejects.extend(refused);
    let rows = table.map_or(ParsedRows::Encoded(rows), ParsedRows::Table);
    Ok(Parsed { source: block.source, rows, rejects, has_user })
}

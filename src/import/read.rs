//! The first half of an import: sources to rows by day.

use super::blocks::{Cutter, Rows, TextBlock};
use super::columns::Columns;
use super::maker::{Maker, Reject, Settings};
use super::options::{ImportFormat, ImportOptions, ImportStage, Progress, Source};
#[cfg(feature = "parquet")]
use super::parquet::{Table, TableBlock};
use super::partition::Partition;
use super::pipeline::{Emit, in_order};
use super::rejects::Rejects;
use super::rows::{EncodedRows, Shared};
use super::source::{BytesRead, Opened, Packed, bytes_total};
use super::{csv, ndjson};
use crate::day::rows::NO_USER;
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

/// All sources, read.
pub(super) struct ReadAll {
    pub(super) partition: Partition,
    pub(super) rejects: Rejects,
    pub(super) warnings: Vec<String>,
    /// Of the decompressed bytes and what the options make of them.
    pub(super) fingerprint: u128,
    /// Bytes of the sources as stored.
    pub(super) bytes: u64,
}

/// Whole rows on their way to a parser.
struct Block {
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
struct Parsed {
    source: Arc<str>,
    rows: EncodedRows,
    rejects: Vec<Reject>,
    /// For NDJSON: does any row have the user's field?
    has_user: Option<bool>,
}

/// Opens the sources one by one and cuts them into blocks.
struct Producer<'a> {
    reading: &'a Reading<'a>,
    read: BytesRead,
    fingerprint: Xxh3,
    warnings: Vec<String>,
}

/// Reads all sources into the partition.
pub(super) fn read_all(
    reading: &Reading<'_>,
    sources: Vec<Source>,
    bulk: &mut Bulk<'_>,
    partition: Partition,
    rejects: Rejects,
) -> Result<ReadAll> {
    let read = BytesRead::default();
    let mut producer = Producer {
        reading,
        read: Arc::clone(&read),
        fingerprint: Xxh3::new(),
        warnings: Vec::new(),
    };
    let mapping = reading.options.mapping_text(reading.settings.times.zone());
    producer.fingerprint.update(mapping.as_bytes());
    let total = bytes_total(&sources);
    let mut consumer = Consumer { partition, rejects, bulk, rows: 0, has_user: None };
    in_order(
        reading.threads,
        |emit| sources.into_iter().try_for_each(|source| producer.source(source, emit)),
        || {
            let mut maker = Maker::new(reading.settings, reading.shared);
            move |block| parse(&mut maker, reading.options, block)
        },
        |parsed| {
            consumer.take(parsed)?;
            let bytes = read.load(Ordering::Relaxed).min(total.unwrap_or(u64::MAX));
            (reading.progress)(consumer.progress(bytes, total));
            Ok(())
        },
    )?;
    let mut warnings = producer.warnings;
    if consumer.has_user == Some(false) {
        let name = &reading.options.user;
        warnings
            .push(format!("no row has a field {name:?}: all of these events are without a user"));
    }
    Ok(ReadAll {
        partition: consumer.partition,
        rejects: consumer.rejects,
        warnings,
        fingerprint: producer.fingerprint.digest128(),
        bytes: read.load(Ordering::Relaxed),
    })
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
    match block.rows {
        BlockRows::Separated(columns, separator, mut block) => {
            rejects = std::mem::take(&mut block.rejects);
            csv::parse(maker, &columns, constant, &mut csv::Fields::new(separator), &block);
        }
        BlockRows::Ndjson(mut block) => {
            rejects = std::mem::take(&mut block.rejects);
            has_user = Some(ndjson::parse(maker, options, &block));
        }
        #[cfg(feature = "parquet")]
        BlockRows::Table(columns, block) => {
            super::parquet::parse(maker, &columns, constant, &block)?
        }
    }
    let (rows, refused) = maker.take();
    has_user = has_user.filter(|_| rows.len() > 0);
    rejects.extend(refused);
    Ok(Parsed { source: block.source, rows, rejects, has_user })
}

/// Takes what the parsers made, in order.
struct Consumer<'b, 'w> {
    partition: Partition,
    rejects: Rejects,
    bulk: &'b mut Bulk<'w>,
    rows: u64,
    has_user: Option<bool>,
}

impl Consumer<'_, '_> {
    fn take(&mut self, parsed: Parsed) -> Result<()> {
        let Parsed { source, rows, rejects, has_user } = parsed;
        for reject in rejects {
            self.rejects.add(&source, reject)?;
        }
        if let Some(has_user) = has_user {
            self.has_user = Some(self.has_user.unwrap_or(false) || has_user);
        }
        self.partition.expect_properties(&rows.properties);
        let ordinals = self.bulk.number(&rows.ids)?;
        for (day, user, row) in rows.iter() {
            let ordinal = ordinals.get(user as usize).copied().unwrap_or(NO_USER);
            if ordinal == NO_USER && user != NO_USER {
                let reason = "no more users can be numbered".to_string();
                let raw = rows.ids.at(user as usize).to_vec();
                self.rejects.add(&source, Reject { line: 0, reason, raw })?;
                continue;
            }
            self.partition.add(day, ordinal, row)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn progress(&self, bytes: u64, bytes_total: Option<u64>) -> Progress {
        let (rows, rejected) = (self.rows, self.rejects.count);
        Progress { stage: ImportStage::Reading, bytes, bytes_total, rows, rejected }
    }
}

//! What a section keeps in memory once it is opened: its footer, names, and where records lie, all
//! checked, and which blocks have been checked since.

use super::format::{
    ANY, AmountRecord, BlockRecord, CHUNK_NONE, CHUNK_PACKED, CHUNKS_MAX, ENTITY_USER, IndexRecord,
    PRESENCE_ALL, PRESENCE_NONE, PRESENCE_PACKED, PRESENCE_PLACES, PartRecord, SECTION_MAGIC,
    SectionFooter,
};
use super::names::StringList;
use super::thin::block_is_thin;
use crate::codec::checksum::crc;
use crate::limits::{SECTION_NAMES_MAX, SECTION_ROWS_MAX};
use crate::time::DaySpan;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use zerocopy::FromBytes;

/// Offset within the section, and what is wrong there.
type Damage = (u64, String);

/// An opened section.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) footer: SectionFooter,
    #[cfg(test)]
    pub(crate) chunks: u32,
    /// Sorted by bytes.
    pub(crate) activities: Vec<Box<str>>,
    /// Sorted by bytes.
    pub(crate) properties: Vec<Box<str>>,
    /// Bytes of the directory.
    pub(crate) blocks: Range<usize>,
    pub(crate) index: Range<usize>,
    pub(crate) amounts: Range<usize>,
    /// Where the records of each activity begin (0: any; code + 1), and where the last ones end.
    starts: Vec<u32>,
    pub(crate) checked: Checked,
    /// The rows were dropped.
    pub(crate) thin: bool,
    pub(crate) ids_checked: OnceLock<()>,
    pub(crate) texts_checked: OnceLock<()>,
}

/// Which blocks' presence (even bits) and counts (odd bits), and then which index containers have
/// been checked.
#[derive(Debug)]
pub(crate) struct Checked {
    bits: Vec<AtomicU64>,
    blocks: usize,
}

impl Checked {
    fn new(blocks: usize, index: usize) -> Checked {
        let words = (2 * blocks + index).div_ceil(64);
        Checked { bits: (0..words).map(|_| AtomicU64::new(0)).collect(), blocks }
    }

    fn get(&self, bit: usize) -> bool {
        // A check seen late is only made twice, and the bytes never change: no order is needed.
        self.bits.get(bit / 64).is_some_and(|w| w.load(Ordering::Relaxed) >> (bit % 64) & 1 == 1)
    }

    fn set(&self, bit: usize) {
        if let Some(word) = self.bits.get(bit / 64).filter(|_| !self.get(bit)) {
            word.fetch_or(1 << (bit % 64), Ordering::Relaxed);
        }
    }

    pub(crate) fn presence(&self, block: usize) -> bool {
        self.get(2 * block)
    }

    pub(crate) fn set_presence(&self, block: usize) {
        self.set(2 * block);
    }

    pub(crate) fn counts(&self, block: usize) -> bool {
        self.get(2 * block + 1)
    }

    pub(crate) fn set_counts(&self, block: usize) {
        self.set(2 * block + 1);
    }

    pub(crate) fn index(&self, record: usize) -> bool {
        self.get(2 * self.blocks + record)
    }

    pub(crate) fn set_index(&self, record: usize) {
        self.set(2 * self.blocks + record);
    }
}

impl Opened {
    /// Reads and checks the footer, the names and the directories of a section of that day.
    pub(crate) fn read(data: &[u8], span: DaySpan) -> Result<Opened, Damage> {
        let footer = read_footer(data, span)?;
        let (activities, properties) = read_names(data, &footer.names)?;
        let (blocks, records) = read_part::<BlockRecord>(data, &footer.blocks)?;
        let at_blocks = |what| (footer.blocks.offset.get(), what);
        let limit = data.len() - size_of::<SectionFooter>();
        for (at, record) in records.iter().enumerate() {
            check_block(record, at.checked_sub(1).and_then(|a| records.get(a)), limit)
                .map_err(|e| at_blocks(format!("record {at}: {e}")))?;
        }
        let rows = records.iter().map(|record| u64::from(record.rows.get())).sum::<u64>();
        if rows > SECTION_ROWS_MAX as u64 {
            return Err(at_blocks(format!("{rows} rows; {SECTION_ROWS_MAX} at most")));
        }
        let starts = starts_of(records, activities.len()).map_err(at_blocks)?;
        let thin = records.iter().find_map(block_is_thin).unwrap_or(false);
        if records.iter().filter_map(block_is_thin).any(|other| other != thin) {
            return Err(at_blocks("rows of some blocks only".to_string()));
        }
        let (index, entries) = read_part::<IndexRecord>(data, &footer.index)?;
        let ordered = entries.is_sorted_by(|a, b| (a.group(), a.key()) < (b.group(), b.key()));
        if !ordered {
            return Err((footer.index.offset.get(), "index records out of order".to_string()));
        }
        let (amounts, entries_of_amounts) = read_part::<AmountRecord>(data, &footer.amounts)?;
        super::amounts::check(entries_of_amounts, activities.len(), properties.len())
            .map_err(|what| (footer.amounts.offset.get(), what))?;
        let checked = Checked::new(records.len(), entries.len());
        Ok(Opened {
            #[cfg(test)]
            chunks: footer.chunks.get().min(CHUNKS_MAX),
            footer,
            activities,
            properties,
            blocks,
            index,
            amounts,
            starts,
            checked,
            thin,
            ids_checked: OnceLock::new(),
            texts_checked: OnceLock::new(),
        })
    }

    /// Records of an activity by its key: 0 for any, code + 1.
    pub(crate) fn of_activity(&self, key: u16) -> Range<usize> {
        let start = |at: usize| self.starts.get(at).map_or(0, |start| *start as usize);
        start(usize::from(key))..start(usize::from(key) + 1)
    }
}

fn read_footer(data: &[u8], span: DaySpan) -> Result<SectionFooter, Damage> {
    let Ok((_, footer)) = SectionFooter::read_from_suffix(data) else {
        return Err((0, format!("only {} bytes", data.len())));
    };
    let at = (data.len() - size_of::<SectionFooter>()) as u64;
    let bytes = data.get(at as usize..data.len() - 8).unwrap_or_default();
    if footer.magic != SECTION_MAGIC || crc(bytes) != footer.crc.get() {
        return Err((at, "no section footer, or its checksum is wrong".to_string()));
    }
    let told = (footer.day.get(), footer.start.get(), footer.end.get());
    if told != (span.day, span.start, span.end) || span.start >= span.end {
        return Err((at, format!("is of the span {told:?} instead of {span:?}")));
    }
    Ok(footer)
}

fn part_bytes<'a>(data: &'a [u8], part: &PartRecord) -> Result<(Range<usize>, &'a [u8]), Damage> {
    let at = |what: &str| (part.offset.get(), what.to_string());
    let range = part.range(data.len()).ok_or_else(|| at("beyond the section"))?;
    let bytes = data.get(range.clone()).unwrap_or_default();
    if crc(bytes) == part.crc.get() { Ok((range, bytes)) } else { Err(at("wrong checksum")) }
}

fn read_part<'a, T>(data: &'a [u8], part: &PartRecord) -> Result<(Range<usize>, &'a [T]), Damage>
where
    T: FromBytes + zerocopy::KnownLayout + zerocopy::Immutable + zerocopy::Unaligned,
{
    let (range, bytes) = part_bytes(data, part)?;
    let records = <[T]>::ref_from_bytes(bytes);
    let records = records.map_err(|_| (part.offset.get(), "half a record".to_string()))?;
    Ok((range, records))
}

type Names = Vec<Box<str>>;

fn read_names(data: &[u8], part: &PartRecord) -> Result<(Names, Names), Damage> {
    let (_, bytes) = part_bytes(data, part)?;
    let mut input = bytes;
    let mut list = || -> Result<Names, String> {
        let names = StringList::read(&mut input)?.sorted()?;
        if names.len() > SECTION_NAMES_MAX {
            return Err(format!("{} names", names.len()));
        }
        Ok(names.into_iter().map(Box::from).collect())
    };
    let names = list().and_then(|activities| Ok((activities, list()?)));
    let names = names.map_err(|e| (part.offset.get(), e))?;
    if input.is_empty() { Ok(names) } else { Err((part.offset.get(), "too long".to_string())) }
}

fn check_block(
    record: &BlockRecord,
    before: Option<&BlockRecord>,
    limit: usize,
) -> Result<(), String> {
    let key = |r: &BlockRecord| (r.entity, r.activity.get(), r.chunk.get());
    if record.entity != ENTITY_USER || before.is_some_and(|before| key(before) >= key(record)) {
        return Err("out of order, or not of users".to_string());
    }
    let (chunk, kind) = (record.chunk.get(), record.presence_kind);
    let (users, rows) = (record.cardinality.get(), record.rows.get());
    let any = record.activity.get() == ANY;
    let kinds_agree = match chunk {
        CHUNK_NONE => kind == PRESENCE_NONE && users == 0 && rows > 0,
        CHUNK_PACKED => kind == PRESENCE_PACKED && users > 0,
        _ => {
            let own = kind < PRESENCE_PACKED;
            let among_all = !any && (PRESENCE_ALL..=PRESENCE_PLACES).contains(&kind);
            chunk < CHUNKS_MAX && (own || among_all) && (1..=CHUNKS_MAX).contains(&users)
        }
    };
    if !kinds_agree || (any && rows > 0) || (!any && rows < users) {
        return Err(format!("{users} users and {rows} rows of kind {kind} in chunk {chunk}"));
    }
    let is_bare = record.head.length.get() == 0 && record.pages_length.get() == 0;
    if any && chunk == CHUNK_PACKED && !is_bare {
        return Err("properties of everyone in small chunks".to_string());
    }
    let counted = record.counts.length.get() > 0;
    if counted != (rows != users && users > 0 && !any) {
        return Err(format!("counts where {users} users have {rows} rows"));
    }
    let pages = PartRecord { length: record.pages_length, ..record.head };
    let parts = [record.presence, record.counts, record.head, pages];
    let inside = parts.iter().all(|part| part.range(limit).is_some());
    if inside { Ok(()) } else { Err("parts beyond the section".to_string()) }
}

/// Where the records of each activity begin.
fn starts_of(records: &[BlockRecord], activities: usize) -> Result<Vec<u32>, String> {
    let mut starts = Vec::with_capacity(activities + 2);
    for (at, record) in records.iter().enumerate() {
        let key = usize::from(record.activity.get());
        if key > activities {
            return Err(format!("a block of the unknown activity {key}"));
        }
        while starts.len() <= key {
            starts.push(at as u32);
        }
    }
    starts.resize(activities + 2, records.len() as u32);
    Ok(starts)
}

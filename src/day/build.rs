//! Rows of a day to the bytes of a section.

use super::amounts;
use super::coded::CodedColumn;
use super::column::{self, Context, Texts};
use super::crowds::Crowds;
use super::firsts::Times;
use super::format::{
    ANY, AmountRecord, BlockRecord, CHUNK_NONE, CHUNK_PACKED, CHUNKS_MAX, ENTITY_USER, IndexRecord,
    PRESENCE_ALL, PRESENCE_NONE, PRESENCE_PACKED, PRESENCE_PLACES, PRESENCE_RANKS, PartRecord,
    SECTION_MAGIC, SectionFooter,
};
use super::index::{IndexGroup, index_of};
use super::laid::Unlaid;
use super::layout::{Block, Layout};
use super::names;
use super::pages::{self, PageParts, PagePlan};
use super::rows::{Cell, DayRows};
use super::summary::{ActivityTotals, SectionTotals};
use crate::codec::bits::{ARRAY_MAX, Container};
use crate::codec::ranks::{self, RanksKind};
use crate::codec::{checksum::crc, counts};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{SECTION_NAMES_MAX, SECTION_ROWS_MAX};
use crate::time::{DaySpan, Micros};
use zerocopy::IntoBytes;

/// A built section: its bytes and what the summary says of it.
#[derive(Debug)]
pub(crate) struct BuiltSection {
    pub(crate) bytes: Vec<u8>,
    pub(crate) totals: SectionTotals,
}

/// Builds a section of rows in any order. Pure; runs on any thread.
pub(crate) fn build_section(span: DaySpan, rows: &DayRows) -> Result<BuiltSection> {
    build_coded(span, rows, &[])
}

/// Builds a section of rows in any order, some properties of which come as codes.
pub(crate) fn build_coded(
    span: DaySpan,
    rows: &DayRows,
    coded: &[CodedColumn],
) -> Result<BuiltSection> {
    check(span, rows, coded)?;
    let layout = Layout::of(rows);
    let properties = rows.columns.len() + coded.len();
    if layout.activities.len() > SECTION_NAMES_MAX || properties > SECTION_NAMES_MAX {
        let (names, limit) = (layout.activities.len().max(properties), SECTION_NAMES_MAX);
        return Err(limit_error(span, format!("{names} activities or properties; {limit} fit")));
    }
    let mut section = Builder::new(rows, &layout);
    section.write_times();
    section.write_columns(coded);
    if section.text_bytes > u64::from(u32::MAX) {
        return Err(limit_error(span, "more than 4 GiB of distinct texts".to_string()));
    }
    section.write_presence();
    section.write_counts();
    section.write_pages();
    section.write_index();
    let totals = totals(span, rows, &layout, &section.blocks);
    Ok(BuiltSection { bytes: section.finish(span), totals })
}

/// What a section without its rows carries over from the one that had them.
pub(super) struct Thin {
    pub(super) amounts: Vec<AmountRecord>,
    /// Instants of the first and the last row.
    pub(super) first: Micros,
    pub(super) last: Micros,
}

/// Builds a section of who did what and how often alone.
pub(super) fn build_thin(span: DaySpan, rows: &DayRows, thin: Thin) -> Result<BuiltSection> {
    check(span, rows, &[])?;
    let layout = Layout::of(rows);
    let mut section = Builder::new(rows, &layout);
    section.write_columns(&[]);
    section.write_presence();
    section.write_counts();
    section.amounts = thin.amounts;
    let totals = totals(span, rows, &layout, &section.blocks);
    let totals = SectionTotals { first: thin.first, last: thin.last, ..totals };
    Ok(BuiltSection { bytes: section.finish(span), totals })
}

fn limit_error(span: DaySpan, what: String) -> Error {
    Error::new(ErrorKind::Limit, format!("a section of day {}: {what}", span.day))
}

fn check(span: DaySpan, rows: &DayRows, coded: &[CodedColumn]) -> Result<()> {
    if rows.len() > SECTION_ROWS_MAX {
        let what = format!("{} rows; {SECTION_ROWS_MAX} fit, split them", rows.len());
        return Err(limit_error(span, what));
    }
    let in_day = rows.times.iter().all(|time| (0..span.end - span.start).contains(time));
    let checked = match rows.check() {
        Ok(()) if rows.is_empty() => Err("no rows".to_string()),
        Ok(()) if !in_day => Err("a time that is not within the day".to_string()),
        checked => checked.and_then(|()| coded.iter().try_for_each(|column| column.check(rows))),
    };
    checked.map_err(|what| Error::input(format!("a section of day {}: {what}", span.day)))
}

/// A section being written, part after part.
struct Builder<'a> {
    rows: &'a DayRows,
    layout: &'a Layout,
    crowds: Crowds,
    /// Pages of each block.
    plans: Vec<Vec<PagePlan>>,
    parts: Vec<Vec<PageParts>>,
    /// What is told once of each user, by crowd: first times, and what all of their rows agree on.
    shared: Vec<PageParts>,
    /// Bytes of `parts` and `shared`.
    arena: Vec<u8>,
    /// Candidates of each block, ascending by property.
    groups: Vec<Vec<IndexGroup>>,
    /// Codes of the property names, sorted by bytes.
    properties: Vec<u32>,
    /// The text dictionary: where each property's begins, and all texts as codes of the rows'
    /// strings.
    text_starts: Vec<u32>,
    texts: Vec<u32>,
    text_bytes: u64,
    section: Vec<u8>,
    /// Any activity's blocks, then the layout's.
    blocks: Vec<BlockRecord>,
    index: Vec<IndexRecord>,
    amounts: Vec<AmountRecord>,
}

impl<'a> Builder<'a> {
    fn new(rows: &'a DayRows, layout: &'a Layout) -> Builder<'a> {
        let plans: Vec<_> = layout.blocks.iter().map(|block| pages::plan(layout, block)).collect();
        let empty = |pages: &Vec<PagePlan>| pages.iter().map(|_| PageParts::default()).collect();
        let crowds = Crowds::of(layout);
        Builder {
            rows,
            layout,
            shared: crowds.crowds.iter().map(|_| PageParts::default()).collect(),
            crowds,
            parts: plans.iter().map(empty).collect(),
            groups: plans.iter().map(|_| Vec::new()).collect(),
            plans,
            arena: Vec::new(),
            properties: Vec::new(),
            text_starts: vec![0],
            texts: Vec::new(),
            text_bytes: 0,
            section: Vec::new(),
            blocks: Vec::new(),
            index: Vec::new(),
            amounts: Vec::new(),
        }
    }

    /// Times of all pages into the arena.
    fn write_times(&mut self) {
        let times = Times::of(self.layout, &self.crowds, &self.rows.times);
        for (firsts, part) in times.firsts.iter().zip(&mut self.shared) {
            if let Some(firsts) = firsts {
                part.times = append(&mut self.arena, |out| pages::encode_times(firsts, out));
            }
        }
        for (plans, parts) in self.plans.iter().zip(&mut self.parts) {
            for (plan, part) in plans.iter().zip(parts) {
                let times = &times.rows[plan.rows.clone()];
                part.times = append(&mut self.arena, |out| pages::encode_times(times, out));
            }
        }
    }

    /// Columns of all pages into the arena, one property after the other.
    fn write_columns(&mut self, coded: &[CodedColumn]) {
        let rows = self.rows;
        let columns = rows.columns.iter().map(Unlaid::Plain);
        let mut columns: Vec<_> = columns.chain(coded.iter().map(Unlaid::Coded)).collect();
        columns.sort_unstable_by_key(|column| rows.strings.get(column.name()));
        let mut codes = vec![u32::MAX; rows.strings.len()];
        for (column, property) in columns.into_iter().zip(0u16..) {
            self.properties.push(column.name());
            self.write_column(property, column, &mut codes);
        }
    }

    /// `codes`: scratch, one for each string of the rows.
    fn write_column(&mut self, property: u16, column: Unlaid<'_>, codes: &mut [u32]) {
        let (rows, layout) = (self.rows, self.layout);
        let plan = column.texts(&rows.strings, codes);
        self.text_bytes +=
            plan.coded.iter().map(|&c| rows.strings.get(c).len() as u64).sum::<u64>();
        self.texts.extend_from_slice(&plan.coded);
        self.text_starts.push(self.texts.len() as u32);
        let texts = if plan.plain { Texts::Plain(&rows.strings) } else { Texts::Coded(codes) };
        let context = Context { texts, wide: &rows.wide };
        let laid = column.laid(&layout.order, rows.strings.len());
        amounts::append(property, layout, &laid, &rows.wide, &mut self.amounts);
        let agreed = self.crowds.agreed(layout, &laid);
        for (part, cells) in self.shared.iter_mut().zip(&agreed) {
            let Some(cells) = cells else { continue };
            let range = append(&mut self.arena, |out| {
                column::encode(cells, &[], context, out);
            });
            part.columns.push((property, range));
        }
        for (at, block) in layout.blocks.iter().enumerate() {
            if laid.all_null(block.rows.clone()) {
                continue;
            }
            let crowd = self.crowds.of_chunk(block.chunk);
            if crowd.and_then(|crowd| agreed.get(crowd)).is_none_or(Option::is_none) {
                self.write_block(at, property, &laid.cells(block.rows.clone()), context);
            }
        }
        for &code in &plan.coded {
            codes[code as usize] = u32::MAX;
        }
    }

    /// One property of one block: a part for each page, and its index.
    fn write_block(&mut self, at: usize, property: u16, cells: &[Cell], context: Context) {
        let (layout, block) = (self.layout, &self.layout.blocks[at]);
        for (plan, part) in self.plans[at].iter().zip(&mut self.parts[at]) {
            let from = plan.rows.start - block.rows.start;
            let cells = &cells[from..from + plan.rows.len()];
            let range = append(&mut self.arena, |out| {
                column::encode(cells, &plan.users, context, out);
            });
            if !range.is_empty() {
                part.columns.push((property, range));
            }
        }
        if block.chunk < CHUNKS_MAX {
            let users = block.users.clone();
            let (users, counts) = (&layout.users[users.clone()], &layout.counts[users]);
            let group = index_of(cells, users, counts, context.texts);
            self.groups[at].extend(group.map(|group| IndexGroup { property, ..group }));
        }
    }

    /// Presence of any activity and of each block.
    fn write_presence(&mut self) {
        for at in 0..self.crowds.crowds.len() {
            let crowd = &self.crowds.crowds[at];
            let (chunk, users, mut bytes) = (crowd.chunk, crowd.lows.len(), Vec::new());
            let kind = Container::encode(&crowd.lows, &mut bytes);
            self.push_block(ANY, chunk, kind as u8, users as u32, &bytes);
        }
        let packed = std::mem::take(&mut self.crowds.packed);
        if !packed.is_empty() {
            self.push_packed(ANY, &packed);
        }
        for block in &self.layout.blocks {
            let activity = block.activity as u16 + 1;
            let users = &self.layout.users[block.users.clone()];
            match block.chunk {
                CHUNK_NONE => self.push_block(activity, CHUNK_NONE, PRESENCE_NONE, 0, &[]),
                CHUNK_PACKED => self.push_packed(activity, users),
                chunk => {
                    let (kind, bytes) = self.named_presence(block);
                    self.push_block(activity, chunk, kind, users.len() as u32, &bytes);
                }
            }
        }
    }

    /// The users of an activity in a chunk: a container, or which of those of any activity, where
    /// that saves a quarter at least, since it is slower to read.
    fn named_presence(&self, block: &Block) -> (u8, Vec<u8>) {
        let users = &self.layout.users[block.users.clone()];
        let lows: Vec<u16> = users.iter().map(|&user| user as u16).collect();
        let mut own = Vec::new();
        let kind = Container::encode(&lows, &mut own) as u8;
        let Some(crowd) = self.crowds.of_chunk(block.chunk) else { return (kind, own) };
        let all = self.crowds.crowds[crowd].lows.len();
        if all == users.len() {
            return (PRESENCE_ALL, Vec::new());
        }
        let places: Vec<i64> = self.crowds.ranks(crowd, block).map(|rank| rank as i64).collect();
        let mut among_all = Vec::new();
        let told = match ranks::encode(all, &places, &mut among_all) {
            RanksKind::Bits => PRESENCE_RANKS,
            RanksKind::Packed => PRESENCE_PLACES,
        };
        // A few places are looked up at once in an array, but searched for in a bitmap.
        let searched = told == PRESENCE_PLACES && all > ARRAY_MAX && users.len() <= ARRAY_MAX;
        if searched || 4 * among_all.len() > 3 * own.len() {
            return (kind, own);
        }
        (told, among_all)
    }

    fn push_packed(&mut self, activity: u16, users: &[u32]) {
        let bytes: Vec<u8> = users.iter().flat_map(|user| user.to_le_bytes()).collect();
        self.push_block(activity, CHUNK_PACKED, PRESENCE_PACKED, users.len() as u32, &bytes);
    }

    fn push_block(&mut self, activity: u16, chunk: u32, kind: u8, cardinality: u32, bytes: &[u8]) {
        let presence = PartRecord::append(&mut self.section, bytes);
        self.blocks.push(BlockRecord {
            entity: ENTITY_USER,
            presence_kind: kind,
            activity: activity.into(),
            chunk: chunk.into(),
            cardinality: cardinality.into(),
            rows: 0.into(),
            presence,
            counts: PartRecord::default(),
            head: PartRecord::default(),
            pages_length: 0.into(),
        });
    }

    /// Where the records of the layout's blocks begin.
    fn named(&self) -> usize {
        self.blocks.len() - self.layout.blocks.len()
    }

    fn write_counts(&mut self) {
        let (layout, named) = (self.layout, self.named());
        for (block, record) in layout.blocks.iter().zip(&mut self.blocks[named..]) {
            let of_users = &layout.counts[block.users.clone()];
            let mut bytes = Vec::new();
            if of_users.len() != block.rows.len() {
                counts::encode(of_users, &mut bytes);
            }
            record.rows = (block.rows.len() as u32).into();
            record.counts = PartRecord::append(&mut self.section, &bytes);
        }
    }

    /// What everyone of a chunk shares, then the pages of all blocks.
    fn write_pages(&mut self) {
        for (at, part) in std::mem::take(&mut self.shared).iter().enumerate() {
            if !part.columns.is_empty() || !part.times.is_empty() {
                self.write_page_parts(at, std::slice::from_ref(part));
            }
        }
        let named = self.named();
        for (at, parts) in std::mem::take(&mut self.parts).iter().enumerate() {
            self.write_page_parts(named + at, parts);
        }
    }

    fn write_page_parts(&mut self, at: usize, pages: &[PageParts]) {
        let mut head = Vec::new();
        pages::encode_head(pages, &self.arena, &mut head);
        self.blocks[at].head = PartRecord::append(&mut self.section, &head);
        let from = self.section.len();
        for page in pages {
            self.section.extend_from_slice(&self.arena[page.times.clone()]);
            for (_, range) in &page.columns {
                self.section.extend_from_slice(&self.arena[range.clone()]);
            }
        }
        self.blocks[at].pages_length = ((self.section.len() - from) as u64).into();
    }

    /// The index containers that pay.
    fn write_index(&mut self) {
        let named = self.named();
        for (at, block) in self.layout.blocks.iter().enumerate() {
            let rows_bytes = self.blocks[named + at].pages_length.get();
            for group in std::mem::take(&mut self.groups[at]) {
                if (group.cost() as u64) < rows_bytes / 4 {
                    self.push_group(block, group);
                }
            }
        }
    }

    fn push_group(&mut self, block: &Block, group: IndexGroup) {
        let base = self.section.len() as u64;
        self.section.extend_from_slice(&group.bytes);
        let place = |record: IndexRecord| IndexRecord {
            activity: (block.activity as u16 + 1).into(),
            property: group.property.into(),
            chunk: block.chunk.into(),
            presence: PartRecord {
                offset: (base + record.presence.offset.get()).into(),
                ..record.presence
            },
            ..record
        };
        self.index.extend(group.records.iter().copied().map(place));
    }

    /// Dictionaries, insert ids, directories and footer.
    fn finish(mut self, span: DaySpan) -> Vec<u8> {
        let rows = self.rows;
        let strings = |codes: &'a [u32]| codes.iter().map(|&code| rows.strings.get(code));
        let mut bytes = Vec::new();
        names::encode(strings(&self.layout.activities), &mut bytes);
        names::encode(self.properties.iter().map(|&code| rows.strings.get(code)), &mut bytes);
        let names = PartRecord::append(&mut self.section, &bytes);
        let mut bytes: Vec<u8> = self.text_starts.iter().flat_map(|s| s.to_le_bytes()).collect();
        names::encode(self.texts.iter().map(|&code| rows.strings.get(code)), &mut bytes);
        let texts = PartRecord::append(&mut self.section, &bytes);
        let ids = rows.insert_ids.sorted();
        let mut bytes: Vec<u8> = ids.iter().flat_map(|(hash, _)| hash.to_le_bytes()).collect();
        bytes.extend(ids.iter().flat_map(|(_, user)| user.to_le_bytes()));
        let insert_ids = PartRecord::append(&mut self.section, &bytes);
        // By (activity, property, chunk, value); the blocks came chunk by chunk.
        self.index.sort_by_key(|r| (r.activity.get(), r.property.get(), r.chunk.get()));
        let mut footer = SectionFooter {
            day: span.day.into(),
            start: span.start.into(),
            end: span.end.into(),
            chunks: self.crowds.chunks.into(),
            names,
            texts,
            insert_ids,
            blocks: PartRecord::append(&mut self.section, self.blocks.as_bytes()),
            index: PartRecord::append(&mut self.section, self.index.as_bytes()),
            amounts: PartRecord::append(&mut self.section, self.amounts.as_bytes()),
            crc: 0.into(),
            magic: SECTION_MAGIC,
        };
        let before_crc = size_of::<SectionFooter>() - 8;
        footer.crc = crc(&footer.as_bytes()[..before_crc]).into();
        self.section.extend_from_slice(footer.as_bytes());
        self.section
    }
}

/// Appends to the arena and tells where.
fn append(arena: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> std::ops::Range<usize> {
    let from = arena.len();
    write(arena);
    from..arena.len()
}

fn totals(span: DaySpan, rows: &DayRows, layout: &Layout, blocks: &[BlockRecord]) -> SectionTotals {
    let name = |&code: &u32| String::from_utf8_lossy(rows.strings.get(code)).into_owned();
    let named = |code| ActivityTotals { name: name(code), users: 0, rows: 0, rows_without_user: 0 };
    let mut activities: Vec<ActivityTotals> = layout.activities.iter().map(named).collect();
    for block in &layout.blocks {
        let activity = &mut activities[block.activity as usize];
        activity.users += block.users.len() as u64;
        activity.rows += block.rows.len() as u64;
        if block.chunk == CHUNK_NONE {
            activity.rows_without_user += block.rows.len() as u64;
        }
    }
    let any = blocks.iter().filter(|b| b.activity.get() == ANY);
    SectionTotals {
        day: span.day,
        start: span.start,
        end: span.end,
        users: any.map(|b| u64::from(b.cardinality.get())).sum(),
        rows: rows.len() as u64,
        rows_without_user: activities.iter().map(|a| a.rows_without_user).sum(),
        first: span.start + rows.times.iter().min().copied().unwrap_or(0),
        last: span.start + rows.times.iter().max().copied().unwrap_or(0),
        activities,
    }
}

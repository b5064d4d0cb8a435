//! Reading a day section in place.

use super::format::{
    ANY, AmountRecord, BlockRecord, CHUNK_PACKED, IndexRecord, PRESENCE_ALL, PRESENCE_PLACES,
    PRESENCE_RANKS, PartRecord,
};
use super::names::TextList;
use super::opened::Opened;
use crate::codec::bits::{Bits, Container};
use crate::codec::ranks::{Ranks, RanksKind};
use crate::codec::{checksum::crc, counts};
use crate::error::{Error, Result};
use crate::fs::Bytes;
use crate::time::DaySpan;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;
use zerocopy::FromBytes;
use zerocopy::little_endian::{U32, U128};

/// An activity of one section, resolved from its name once per query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivityCode {
    /// Any activity: has its own presence.
    Any,
    /// A name of this section.
    Named(u16),
}

impl ActivityCode {
    /// As `BlockRecord::activity` has it.
    pub(super) fn key(self) -> u16 {
        match self {
            ActivityCode::Any => ANY,
            ActivityCode::Named(code) => code.saturating_add(1),
        }
    }
}

/// The users of an activity in a chunk, in place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presence<'a> {
    /// Nobody.
    None,
    Container(Container<'a>),
    /// Some of those of any activity.
    Ranks(Ranks<'a>),
    /// Ascending ordinals, under 64 of them, all of the chunk.
    Packed(&'a [U32]),
}

impl Presence<'_> {
    /// How many users there are.
    pub(crate) fn cardinality(&self) -> usize {
        match self {
            Presence::None => 0,
            Presence::Container(container) => container.cardinality() as usize,
            Presence::Ranks(ranks) => ranks.cardinality() as usize,
            Presence::Packed(users) => users.len(),
        }
    }

    /// The low 16 bits of all users, ascending.
    pub(super) fn lows(&self) -> Vec<u16> {
        if let Presence::Container(container) = self {
            return container.lows();
        }
        let mut lows = Vec::with_capacity(self.cardinality());
        self.for_each(|low| lows.push(low));
        lows
    }

    /// ORs the users into `bits`; false where there are none.
    pub(crate) fn or_into(&self, bits: &mut Bits) -> bool {
        match self {
            Presence::None => return false,
            Presence::Container(container) => container.or_into(bits),
            Presence::Ranks(ranks) => ranks.or_into(bits),
            Presence::Packed(users) => {
                users.iter().for_each(|user| bits.insert(user.get() as u16));
            }
        }
        true
    }

    /// Calls `visit` with the low 16 bits of each user, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(u16)) {
        match self {
            Presence::None => {}
            Presence::Container(container) => container.for_each(visit),
            Presence::Ranks(ranks) => ranks.for_each(visit),
            Presence::Packed(users) => users.iter().for_each(|user| visit(user.get() as u16)),
        }
    }
}

/// The place of a packed block's record, all its users, and the places of those of one chunk.
pub(super) type PackedUsers<'a> = (usize, &'a [U32], Range<usize>);

/// A day section in a mapped file. Checksums are checked once per open and block, before decoding.
pub(crate) struct Section {
    file: Arc<str>,
    bytes: Bytes,
    range: Range<usize>,
    span: DaySpan,
    opened: OnceLock<Opened>,
    /// Why nothing of it can be read.
    damaged: Option<Arc<Error>>,
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Section of day {} at {:?} of {}", self.span.day, self.range, self.file)
    }
}

impl Section {
    /// The section at `range` of a file's bytes, which the caller has checked to be within them.
    pub(crate) fn new(file: Arc<str>, bytes: Bytes, range: Range<usize>, span: DaySpan) -> Section {
        Section { file, bytes, range, span, opened: OnceLock::new(), damaged: None }
    }

    /// A section of a file that cannot be opened: whoever reads it is told why.
    pub(super) fn damaged(file: Arc<str>, span: DaySpan, why: Arc<Error>) -> Section {
        let section = Section::new(file, Bytes::from_vec(Vec::new()), 0..0, span);
        Section { damaged: Some(why), ..section }
    }

    /// The same section with nothing checked yet.
    pub(super) fn reopened(&self) -> Section {
        let (file, bytes) = (self.file.clone(), self.bytes.clone());
        let section = Section::new(file, bytes, self.range.clone(), self.span);
        Section { damaged: self.damaged.clone(), ..section }
    }

    pub(crate) fn span(&self) -> DaySpan {
        self.span
    }

    pub(super) fn data(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }

    /// The footer, directory and names, checked at first use.
    pub(super) fn opened(&self) -> Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        if let Some(why) = &self.damaged {
            return Err(why.again());
        }
        let opened = Opened::read(self.data(), self.span)
            .map_err(|(offset, what)| self.damage(offset, "directory", what))?;
        Ok(self.opened.get_or_init(|| opened))
    }

    /// Damage at an offset within the section.
    pub(super) fn damage(&self, offset: u64, part: &str, what: impl fmt::Display) -> Error {
        let section = format!("{part} of day {}", self.span.day);
        Error::corruption(&self.file, self.range.start as u64 + offset, &section, what)
    }

    /// The bytes of a part, after their checksum.
    pub(super) fn checked(&self, part: &PartRecord, name: &str) -> Result<&[u8]> {
        let bytes = self.unchecked(part, name)?;
        if crc(bytes) != part.crc.get() {
            return Err(self.damage(part.offset.get(), name, "wrong checksum"));
        }
        Ok(bytes)
    }

    pub(super) fn unchecked(&self, part: &PartRecord, name: &str) -> Result<&[u8]> {
        let data = self.data();
        part.range(data.len())
            .and_then(|range| data.get(range))
            .ok_or_else(|| self.damage(part.offset.get(), name, "beyond the section"))
    }

    pub(super) fn blocks(&self) -> Result<&[BlockRecord]> {
        let range = self.opened()?.blocks.clone();
        Ok(records(self.data(), range))
    }

    pub(super) fn index(&self) -> Result<&[IndexRecord]> {
        let range = self.opened()?.index.clone();
        Ok(records(self.data(), range))
    }

    pub(super) fn amounts(&self) -> Result<&[AmountRecord]> {
        let range = self.opened()?.amounts.clone();
        Ok(records(self.data(), range))
    }

    /// `None`: no row of that name here.
    pub(crate) fn activity(&self, name: &[u8]) -> Result<Option<ActivityCode>> {
        let names = &self.opened()?.activities;
        let found = names.binary_search_by(|known| known.as_bytes().cmp(name));
        Ok(found.ok().and_then(|at| u16::try_from(at).ok()).map(ActivityCode::Named))
    }

    /// The code of a property of that name; `None`: no row here has it.
    pub(super) fn property(&self, name: &str) -> Result<Option<u16>> {
        let names = &self.opened()?.properties;
        let found = names.binary_search_by(|known| (**known).cmp(name));
        Ok(found.ok().and_then(|at| u16::try_from(at).ok()))
    }

    /// Highest chunk with a user, plus one.
    #[cfg(test)]
    pub(crate) fn chunks(&self) -> Result<u32> {
        Ok(self.opened()?.chunks)
    }

    /// Users of the activity in the chunk, from the directory alone (or from the packed users).
    #[cfg(test)]
    pub(crate) fn cardinality(&self, activity: ActivityCode, chunk: u32) -> Result<u32> {
        match self.find(activity, chunk)? {
            Some((_, record)) => Ok(record.cardinality.get()),
            None => Ok(self.packed(activity, chunk)?.map_or(0, |(_, _, of)| of.len() as u32)),
        }
    }

    /// The record of the activity's block of exactly this chunk.
    pub(super) fn find(
        &self,
        activity: ActivityCode,
        chunk: u32,
    ) -> Result<Option<(usize, &BlockRecord)>> {
        let opened = self.opened()?;
        let records: &[BlockRecord] = records(self.data(), opened.blocks.clone());
        let of_activity = opened.of_activity(activity.key());
        let Some(records) = records.get(of_activity.clone()) else { return Ok(None) };
        let Some(at) = place_of(records, chunk) else { return Ok(None) };
        Ok(records.get(at).map(|record| (of_activity.start + at, record)))
    }

    /// The packed block, all its users, and the places of those of the chunk.
    pub(super) fn packed(
        &self,
        activity: ActivityCode,
        chunk: u32,
    ) -> Result<Option<PackedUsers<'_>>> {
        let Some((at, record)) = self.find(activity, CHUNK_PACKED)? else { return Ok(None) };
        let users = self.packed_users(at, record)?;
        let from = users.partition_point(|user| user.get() >> 16 < chunk);
        let of_chunk = users.get(from..).unwrap_or_default();
        let count = of_chunk.partition_point(|user| user.get() >> 16 == chunk);
        Ok((count > 0).then_some((at, users, from..from + count)))
    }

    /// All users of a packed block.
    pub(super) fn packed_users(&self, at: usize, record: &BlockRecord) -> Result<&[U32]> {
        let checked = &self.opened()?.checked;
        let bytes = self.unchecked(&record.presence, "presence")?;
        let users = <[U32]>::ref_from_bytes(bytes).unwrap_or_default();
        if !checked.presence(at) {
            self.checked(&record.presence, "presence")?;
            let sorted = users.is_sorted_by(|a, b| a.get() < b.get());
            let told = record.cardinality.get() as usize;
            let real = users.last().is_none_or(|user| user.get() != super::rows::NO_USER);
            if users.len() != told || !sorted || !real {
                let what = format!("{} packed users where {told} are told", users.len());
                return Err(self.damage(record.presence.offset.get(), "presence", what));
            }
            checked.set_presence(at);
        }
        Ok(users)
    }

    /// The container of a block that is not packed.
    pub(super) fn container(&self, at: usize, record: &BlockRecord) -> Result<Container<'_>> {
        let checked = &self.opened()?.checked;
        let (kind, cardinality) = (record.presence_kind, record.cardinality.get());
        let parsed = if checked.presence(at) {
            let bytes = self.unchecked(&record.presence, "presence")?;
            Container::shaped(kind, cardinality, bytes)
        } else {
            let bytes = self.checked(&record.presence, "presence")?;
            Container::parse(kind, cardinality, bytes)
        };
        let container =
            parsed.map_err(|e| self.damage(record.presence.offset.get(), "presence", e))?;
        checked.set_presence(at);
        Ok(container)
    }

    /// The users of a block that is not packed.
    pub(super) fn users(&self, at: usize, record: &BlockRecord) -> Result<Presence<'_>> {
        let kind = match record.presence_kind {
            PRESENCE_ALL => None,
            PRESENCE_RANKS => Some(RanksKind::Bits),
            PRESENCE_PLACES => Some(RanksKind::Packed),
            _ => return Ok(Presence::Container(self.container(at, record)?)),
        };
        let damage = |e: String| self.damage(record.presence.offset.get(), "presence", e);
        let Some((at_all, all)) = self.find(ActivityCode::Any, record.chunk.get())? else {
            return Err(damage("some users of nobody".to_string()));
        };
        let (all, cardinality) = (self.container(at_all, all)?, record.cardinality.get());
        let Some(kind) = kind else {
            if all.cardinality() == cardinality {
                return Ok(Presence::Container(all));
            }
            return Err(damage(format!("all of {} users, not {cardinality}", all.cardinality())));
        };
        let checked = &self.opened()?.checked;
        let ranks = if checked.presence(at) {
            Ranks::shaped(kind, all, cardinality, self.unchecked(&record.presence, "presence")?)
        } else {
            Ranks::parse(kind, all, cardinality, self.checked(&record.presence, "presence")?)
        };
        let ranks = ranks.map_err(damage)?;
        checked.set_presence(at);
        Ok(Presence::Ranks(ranks))
    }

    /// The activity's users of the chunk, in place: arrays can be taken as arrays.
    pub(crate) fn presence(&self, activity: ActivityCode, chunk: u32) -> Result<Presence<'_>> {
        if chunk >= CHUNK_PACKED {
            return Ok(Presence::None);
        }
        if let Some((at, record)) = self.find(activity, chunk)? {
            return self.users(at, record);
        }
        Ok(match self.packed(activity, chunk)? {
            Some((_, users, of_chunk)) => Presence::Packed(users.get(of_chunk).unwrap_or_default()),
            None => Presence::None,
        })
    }

    /// ORs the activity's users of the chunk into `bits`; false where there are none.
    pub(crate) fn presence_into(
        &self,
        activity: ActivityCode,
        chunk: u32,
        bits: &mut Bits,
    ) -> Result<bool> {
        Ok(self.presence(activity, chunk)?.or_into(bits))
    }

    /// Calls `visit(user's low 16 bits, rows)` for each user of an activity in the chunk,
    /// ascending. For any activity, once for each activity of a user.
    pub(crate) fn counts(
        &self,
        activity: ActivityCode,
        chunk: u32,
        visit: &mut dyn FnMut(u16, u32),
    ) -> Result<()> {
        if activity == ActivityCode::Any {
            let codes = 0..self.opened()?.activities.len() as u16;
            return codes
                .into_iter()
                .try_for_each(|code| self.counts(ActivityCode::Named(code), chunk, visit));
        }
        let presence = self.presence(activity, chunk)?;
        let counts = match presence {
            Presence::None => return Ok(()),
            Presence::Packed(_) => {
                let Some((at, _, of_chunk)) = self.packed(activity, chunk)? else { return Ok(()) };
                let Some((_, record)) = self.find(activity, CHUNK_PACKED)? else { return Ok(()) };
                self.counts_of(at, record, of_chunk)?
            }
            _ => {
                let Some((at, record)) = self.find(activity, chunk)? else { return Ok(()) };
                self.counts_of(at, record, 0..presence.cardinality())?
            }
        };
        let mut counts = counts.into_iter();
        presence.for_each(|low| visit(low, counts.next().unwrap_or(0)));
        Ok(())
    }

    /// Rows of the users at these places of a block.
    pub(super) fn counts_of(
        &self,
        at: usize,
        record: &BlockRecord,
        users: Range<usize>,
    ) -> Result<Vec<u32>> {
        if record.counts.length.get() == 0 {
            return Ok(vec![1; users.len()]);
        }
        let checked = &self.opened()?.checked;
        let bytes = match checked.counts(at) {
            true => self.unchecked(&record.counts, "counts")?,
            false => self.checked(&record.counts, "counts")?,
        };
        let all = record.cardinality.get() as usize;
        let mut counts = counts::decode(bytes, all, record.rows.get())
            .map_err(|e| self.damage(record.counts.offset.get(), "counts", e))?;
        checked.set_counts(at);
        counts.truncate(users.end);
        counts.drain(..users.start.min(users.end));
        Ok(counts)
    }

    /// Is this insert id in the section?
    pub(crate) fn has_insert_id(&self, id: u128) -> Result<bool> {
        Ok(self.insert_ids()?.0.binary_search_by_key(&id, |known| known.get()).is_ok())
    }

    /// The sorted insert ids, and the user of each; checked at first use.
    pub(super) fn insert_ids(&self) -> Result<(&[U128], &[U32])> {
        let opened = self.opened()?;
        let part = &opened.footer.insert_ids;
        let bytes = self.unchecked(part, "insert ids")?;
        let count = bytes.len() / (size_of::<U128>() + size_of::<U32>());
        let ids = <[U128]>::ref_from_prefix_with_elems(bytes, count).ok();
        let ids = ids.and_then(|(ids, users)| Some((ids, <[U32]>::ref_from_bytes(users).ok()?)));
        let (ids, users) = ids
            .filter(|(_, users)| users.len() == count)
            .ok_or_else(|| self.damage(part.offset.get(), "insert ids", "not of 20 bytes each"))?;
        if opened.ids_checked.get().is_none() {
            self.checked(part, "insert ids")?;
            if !ids.is_sorted_by(|a, b| a.get() < b.get()) {
                return Err(self.damage(part.offset.get(), "insert ids", "out of order"));
            }
            opened.ids_checked.get_or_init(|| ());
        }
        Ok((ids, users))
    }

    /// The users of the insert ids.
    pub(crate) fn insert_id_users(&self) -> Result<&[U32]> {
        Ok(self.insert_ids()?.1)
    }

    /// The dictionary of texts, its checksum checked at first use; gone with dropped rows.
    pub(super) fn texts(&self) -> Result<TextList<'_>> {
        let opened = self.opened()?;
        if opened.thin {
            return Err(self.dropped());
        }
        let part = &opened.footer.texts;
        if opened.texts_checked.get().is_none() {
            self.checked(part, "texts")?;
            opened.texts_checked.get_or_init(|| ());
        }
        TextList::read(self.unchecked(part, "texts")?, opened.properties.len())
            .map_err(|e| self.texts_damage(e))
    }

    /// Damage in the dictionary of texts.
    pub(super) fn texts_damage(&self, what: impl fmt::Display) -> Error {
        let offset = self.opened().map_or(0, |opened| opened.footer.texts.offset.get());
        self.damage(offset, "texts", what)
    }
}

/// The place of a chunk among the records of an activity, which ascend by chunk.
fn place_of(records: &[BlockRecord], chunk: u32) -> Option<usize> {
    // Most activities have users in every chunk from the first on.
    let guess = chunk.checked_sub(records.first()?.chunk.get())? as usize;
    let is_at = |at: usize| records.get(at).is_some_and(|record| record.chunk.get() == chunk);
    if is_at(guess) {
        return Some(guess);
    }
    // Chunks of users yet to come are beyond all but packed users and rows of nobody.
    let (most, last) = records.split_at(records.len().saturating_sub(3));
    match last.iter().rposition(|record| record.chunk.get() <= chunk) {
        Some(at) => Some(most.len() + at).filter(|at| is_at(*at)),
        None => most.binary_search_by_key(&chunk, |record| record.chunk.get()).ok(),
    }
}

/// Records at a range that `Opened` has checked to hold whole ones.
fn records<T>(data: &[u8], range: Range<usize>) -> &[T]
where
    T: FromBytes + zerocopy::KnownLayout + zerocopy::Immutable + zerocopy::Unaligned,
{
    let bytes = data.get(range).unwrap_or_default();
    <[T]>::ref_from_bytes(bytes).unwrap_or_default()
}

//! The fixed records of day files and sections, as they lie on disk; `docs/file-format.md` has the
//! same to read, and a test holds the two together.

use zerocopy::little_endian::{I32, I64, I128, U16, U32, U64, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First and last bytes of a day file.
pub(crate) const DAY_MAGIC: [u8; 8] = *b"DAYBITD\0";
/// Last bytes of a section.
pub(crate) const SECTION_MAGIC: [u8; 4] = *b"DBS\0";
/// `FileHeader::kind` of a day file.
pub(crate) const KIND_DAY: u32 = 1;

/// `BlockRecord::entity`: ordinals are users. Others are reserved.
pub(crate) const ENTITY_USER: u8 = 0;
/// `BlockRecord::activity` of any activity; a name's is its code plus one.
pub(crate) const ANY: u16 = 0;
/// `BlockRecord::chunk` of an activity's small chunks, packed together.
pub(crate) const CHUNK_PACKED: u32 = u32::MAX - 1;
/// `BlockRecord::chunk` of an activity's rows without a user.
pub(crate) const CHUNK_NONE: u32 = u32::MAX;
/// Chunks that ordinals can have.
pub(crate) const CHUNKS_MAX: u32 = 65_536;
/// A chunk with fewer users of an activity than this is packed.
pub(crate) const PACKED_BELOW: usize = 64;
/// `presence_kind`, beside roaring's 0 to 2: sorted ordinals of 32 bits.
pub(crate) const PRESENCE_PACKED: u8 = 3;
/// `presence_kind` of rows without a user.
pub(crate) const PRESENCE_NONE: u8 = 4;
/// `presence_kind` of an activity whose users in the chunk are those of any activity.
pub(crate) const PRESENCE_ALL: u8 = 5;
/// `presence_kind` of some of the users of any activity: a bit for each of those.
pub(crate) const PRESENCE_RANKS: u8 = 6;
/// `presence_kind` of a few of the users of any activity: their places among those, packed.
pub(crate) const PRESENCE_PLACES: u8 = 7;

/// Set in a page-column's first byte where it has a value per user instead of per row.
pub(crate) const COLUMN_PER_USER: u8 = 1;

/// Codes of the kinds of value in a page-column and in the index directory.
pub(crate) mod value_kind {
    pub(crate) const NULL: u8 = 0;
    pub(crate) const BOOL: u8 = 1;
    pub(crate) const INTEGER: u8 = 2;
    pub(crate) const DECIMAL: u8 = 3;
    pub(crate) const WIDE_DECIMAL: u8 = 4;
    pub(crate) const FLOAT: u8 = 5;
    pub(crate) const TEXT_CODE: u8 = 6;
    pub(crate) const TEXT_PLAIN: u8 = 7;
    pub(crate) const SCALED_FLOAT: u8 = 8;
}
/// The greatest scale of floats that are stored as integers over a power of ten.
pub(crate) const FLOAT_SCALE_MAX: u8 = 6;

/// The first bytes of a day file.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct FileHeader {
    pub(crate) magic: [u8; 8],
    pub(crate) version: U32,
    pub(crate) least_reader: U32,
    pub(crate) database: U128,
    pub(crate) kind: U32,
    pub(crate) generation: U64,
    pub(crate) sequence_first: U64,
    pub(crate) sequence_last: U64,
    /// Generations listed before the outer directory.
    pub(crate) replaces: U32,
    /// Of the bytes before it.
    pub(crate) crc: U32,
}

/// The last bytes of a day file.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct FileFooter {
    /// Where the replaced generations begin; the outer directory follows them.
    pub(crate) offset: U64,
    /// Bytes of both, up to this footer.
    pub(crate) length: U64,
    /// Of those bytes.
    pub(crate) crc: U32,
    pub(crate) magic: [u8; 8],
}

/// A part of a section: where it lies, counted from the section's start, and its checksum.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Unaligned,
)]
#[repr(C)]
pub(crate) struct PartRecord {
    pub(crate) offset: U64,
    pub(crate) length: U64,
    pub(crate) crc: U32,
}

/// One block in a section's directory, sorted by (entity, activity, chunk).
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct BlockRecord {
    pub(crate) entity: u8,
    pub(crate) presence_kind: u8,
    pub(crate) activity: U16,
    pub(crate) chunk: U32,
    pub(crate) cardinality: U32,
    pub(crate) rows: U32,
    pub(crate) presence: PartRecord,
    /// Rows per user; no bytes where every user has one row.
    pub(crate) counts: PartRecord,
    /// The head of the pages; `pages_length` bytes of pages follow it.
    pub(crate) head: PartRecord,
    pub(crate) pages_length: U64,
}

/// One index container in a section's index directory, sorted by all fields up to `value`.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct IndexRecord {
    /// The activity's code plus one, as in `BlockRecord`.
    pub(crate) activity: U16,
    pub(crate) property: U16,
    pub(crate) chunk: U32,
    pub(crate) value_kind: u8,
    pub(crate) scale: u8,
    pub(crate) presence_kind: u8,
    pub(crate) reserved: u8,
    /// A boolean as 0 or 1, a number's bits, or the text's code.
    pub(crate) value: U64,
    pub(crate) cardinality: U32,
    pub(crate) presence: PartRecord,
}

/// What the numbers of one property on one activity come to, sorted by both.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct AmountRecord {
    pub(crate) property: U16,
    /// The activity's code plus one, as in `BlockRecord`.
    pub(crate) activity: U16,
    /// Rows with a number.
    pub(crate) count: U32,
    pub(crate) sum_kind: u8,
    pub(crate) sum_scale: u8,
    pub(crate) least_kind: u8,
    pub(crate) least_scale: u8,
    pub(crate) greatest_kind: u8,
    pub(crate) greatest_scale: u8,
    pub(crate) reserved: U16,
    pub(crate) sum: I128,
    pub(crate) least: I128,
    pub(crate) greatest: I128,
}

/// The last bytes of a section.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct SectionFooter {
    pub(crate) day: I32,
    pub(crate) start: I64,
    pub(crate) end: I64,
    /// Highest chunk with a user, plus one.
    pub(crate) chunks: U32,
    /// Activity and property names.
    pub(crate) names: PartRecord,
    /// Text values by property.
    pub(crate) texts: PartRecord,
    /// Sorted insert ids of 16 bytes, and after them the user of each, of 4.
    pub(crate) insert_ids: PartRecord,
    /// `BlockRecord`s.
    pub(crate) blocks: PartRecord,
    /// `IndexRecord`s.
    pub(crate) index: PartRecord,
    /// `AmountRecord`s.
    pub(crate) amounts: PartRecord,
    /// Of the bytes before it.
    pub(crate) crc: U32,
    pub(crate) magic: [u8; 4],
}

impl PartRecord {
    /// Appends `bytes` to a section and tells where they are.
    pub(crate) fn append(section: &mut Vec<u8>, bytes: &[u8]) -> PartRecord {
        let offset = section.len() as u64;
        section.extend_from_slice(bytes);
        PartRecord {
            offset: offset.into(),
            length: (bytes.len() as u64).into(),
            crc: crate::codec::checksum::crc(bytes).into(),
        }
    }

    /// The part's place, if it lies within `limit` bytes.
    pub(crate) fn range(&self, limit: usize) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(self.offset.get()).ok()?;
        let end = start.checked_add(usize::try_from(self.length.get()).ok()?)?;
        (end <= limit).then_some(start..end)
    }
}

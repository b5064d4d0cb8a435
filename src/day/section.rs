//! Reading a day section in place.

use super::rows::DayRows;
use crate::codec::bits::Bits;
use crate::time::DaySpan;

/// An activity of one section, resolved from its name once per query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivityCode {
    /// Any activity: has its own presence.
    Any,
    /// A name of this section.
    Named(u16),
}

/// A day section in a mapped file. Checksums are checked once per open and block, before decoding.
#[derive(Debug)]
pub(crate) struct Section {}

impl Section {
    pub(crate) fn span(&self) -> DaySpan {
        todo!()
    }
    /// `None`: no row of that name here.
    pub(crate) fn activity(&self, _name: &[u8]) -> crate::Result<Option<ActivityCode>> {
        todo!()
    }
    /// Names of the activities, sorted by bytes; position = code.
    pub(crate) fn activities(&self) -> crate::Result<Vec<&str>> {
        todo!()
    }
    /// Highest chunk with a user, plus one.
    pub(crate) fn chunks(&self) -> crate::Result<u32> {
        todo!()
    }
    /// Users of the activity in the chunk, from the directory alone.
    pub(crate) fn cardinality(&self, _activity: ActivityCode, _chunk: u32) -> crate::Result<u32> {
        todo!()
    }
    /// ORs the activity's users of the chunk into `bits`; false where there are none.
    pub(crate) fn presence_into(
        &self,
        _activity: ActivityCode,
        _chunk: u32,
        _bits: &mut Bits,
    ) -> crate::Result<bool> {
        todo!()
    }
    /// Calls `visit(user's low 16 bits, rows)` for each user of a named activity in the chunk, ascending.
    pub(crate) fn counts(
        &self,
        _activity: ActivityCode,
        _chunk: u32,
        _visit: &mut dyn FnMut(u16, u32),
    ) -> crate::Result<()> {
        todo!()
    }
    /// Is this insert id in the section?
    pub(crate) fn has_insert_id(&self, _id: u128) -> crate::Result<bool> {
        todo!()
    }
    /// All rows back, in section order, for compaction and replaced days.
    pub(crate) fn rows(&self) -> crate::Result<DayRows> {
        todo!()
    }
    /// Reads and checks every byte; the error names the first damage.
    pub(crate) fn verify(&self) -> crate::Result<()> {
        todo!()
    }
}

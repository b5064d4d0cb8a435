//! The table of a users file: where which entry lies, and what is in it.

use crate::codec::ints::width_of;

/// How the table of so many ids is laid out: `buckets + 1` numbers of 4 bytes tell where each
/// bucket's entries begin, then the entries follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TableShape {
    pub(super) bucket_bits: u32,
    /// Low bits of an entry that are the id's index; the others are the low bits of its hash.
    pub(super) index_bits: u32,
    pub(super) entry_bytes: usize,
}

impl TableShape {
    pub(super) fn of(count: u32) -> TableShape {
        let index_bits = width_of(u64::from(count.saturating_sub(1)));
        TableShape {
            // 8 to 16 ids a bucket.
            bucket_bits: width_of(u64::from(count) / 16),
            index_bits,
            // At least eight bits of the hash.
            entry_bytes: if index_bits <= 24 { 4 } else { 5 },
        }
    }

    pub(super) fn buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    /// Bytes of the whole table.
    pub(super) fn bytes(&self, count: u32) -> u64 {
        4 * (self.buckets() as u64 + 1) + self.entry_bytes as u64 * u64::from(count)
    }

    pub(super) fn bucket(&self, hash: u64) -> usize {
        hash.checked_shr(64 - self.bucket_bits).unwrap_or(0) as usize
    }

    /// The entry of an id.
    pub(super) fn entry(&self, hash: u64, index: u32) -> u64 {
        let whole = hash << self.index_bits | u64::from(index);
        whole & (u64::MAX >> (64 - 8 * self.entry_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::place_bytes;
    use super::*;

    #[test]
    fn tables_leave_room_for_bits_of_the_hash() {
        for count in [0, 1, 2, 15, 16, 17, 1 << 24, (1 << 24) + 1, 100_000_000, u32::MAX - 1] {
            let shape = TableShape::of(count);
            assert!(8 * shape.entry_bytes as u32 >= shape.index_bits + 8, "{count}");
            let buckets = shape.buckets() as u64;
            assert!(buckets * 16 >= u64::from(count) && buckets <= u64::from(count) / 8 + 1);
        }
        assert_eq!([place_bytes(u64::from(u32::MAX)), place_bytes(1 << 32)], [4, 8]);
    }
}

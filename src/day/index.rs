//! Index containers: the users who have a value of a property on an activity that day.

use super::column::Texts;
use super::format::{IndexRecord, value_kind};
use super::rows::Cell;
use crate::codec::bits::Container;

/// Values of one property in one block beyond which it gets no index.
pub(crate) const INDEX_VALUES_MAX: usize = 32;

/// Containers of all values of one property in one block, before it is known whether they pay.
#[derive(Debug, Default)]
pub(crate) struct IndexGroup {
    pub(crate) property: u16,
    /// Records whose presence offset counts from the start of `bytes`; sorted by value.
    pub(crate) records: Vec<IndexRecord>,
    pub(crate) bytes: Vec<u8>,
}

impl IndexGroup {
    /// What the group adds to a section.
    pub(crate) fn cost(&self) -> usize {
        self.bytes.len() + self.records.len() * size_of::<IndexRecord>()
    }
}

/// The group for a block's cells, `counts[i]` of them of the user `users[i]`; `None` where a value
/// cannot be a key or there are too many of them.
pub(crate) fn index_of(
    cells: &[Cell],
    users: &[u32],
    counts: &[i64],
    texts: Texts,
) -> Option<IndexGroup> {
    let (keys, slots) = slots_of(cells, texts)?;
    let mut lows: Vec<Vec<u16>> = vec![Vec::new(); keys.len()];
    let mut rest = slots.as_slice();
    for (&user, &rows) in users.iter().zip(counts) {
        let (of_user, after) = rest.split_at_checked(rows as usize)?;
        for &slot in of_user {
            let low = user as u16; // the chunk is the same for all
            if let Some(lows) = lows.get_mut(usize::from(slot))
                && lows.last() != Some(&low)
            {
                lows.push(low);
            }
        }
        rest = after;
    }
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_unstable_by_key(|&slot| keys[slot]);
    let mut group = IndexGroup::default();
    for slot in order {
        group.push(keys[slot], &lows[slot]);
    }
    (!group.records.is_empty()).then_some(group)
}

/// Kind, scale and bits of a value.
pub(crate) type Key = (u8, u8, u64);

/// The slot of "no value" among the slots of a row's value.
const NO_SLOT: u8 = u8::MAX;

/// The distinct values, and of each cell which one it has.
fn slots_of(cells: &[Cell], texts: Texts) -> Option<(Vec<Key>, Vec<u8>)> {
    let mut keys: Vec<Key> = Vec::new();
    let mut slots = Vec::new();
    let (mut last, mut last_slot) = (Cell::Null, NO_SLOT);
    for &cell in cells {
        if cell != last || matches!(cell, Cell::Float(_)) {
            last = cell;
            last_slot = match key_of(cell, texts)? {
                None => NO_SLOT,
                Some(key) => slot_of(&mut keys, key)?,
            };
        }
        slots.push(last_slot);
    }
    Some((keys, slots))
}

fn slot_of(keys: &mut Vec<Key>, key: Key) -> Option<u8> {
    let slot = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
        keys.push(key);
        keys.len() - 1
    });
    (slot < INDEX_VALUES_MAX).then_some(slot as u8)
}

/// `None`: cannot be a key; `Some(None)`: no value.
fn key_of(cell: Cell, texts: Texts) -> Option<Option<Key>> {
    Some(match (cell, texts) {
        (Cell::Null, _) => None,
        (Cell::Bool(value), _) => Some((value_kind::BOOL, 0, u64::from(value))),
        (Cell::Integer(value), _) => Some((value_kind::INTEGER, 0, value as u64)),
        (Cell::Decimal(scale, value), _) => Some((value_kind::DECIMAL, scale, value as u64)),
        (Cell::Float(value), _) => Some((value_kind::FLOAT, 0, value.to_bits())),
        (Cell::Text(code), Texts::Coded(codes)) => {
            Some((value_kind::TEXT_CODE, 0, u64::from(*codes.get(code as usize)?)))
        }
        (Cell::Text(_), Texts::Plain(_)) | (Cell::WideDecimal(..), _) => return None,
    })
}

impl IndexGroup {
    fn push(&mut self, (value_kind, scale, value): Key, lows: &[u16]) {
        let from = self.bytes.len();
        let kind = Container::encode(lows, &mut self.bytes);
        let bytes = &self.bytes[from..];
        self.records.push(IndexRecord {
            activity: 0.into(),
            property: 0.into(),
            chunk: 0.into(),
            value_kind,
            scale,
            presence_kind: kind as u8,
            reserved: 0,
            value: value.into(),
            cardinality: (lows.len() as u32).into(),
            presence: super::format::PartRecord {
                offset: (from as u64).into(),
                length: (bytes.len() as u64).into(),
                crc: crate::codec::checksum::crc(bytes).into(),
            },
        });
    }
}

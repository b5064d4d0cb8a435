//! `value` with the measure `distinct`: how many different values a property has.
//!
//! The values are numbered as groups of a breakdown of their own: by the breakdown's properties, if
//! there are any, and by the property. What is met is a set of such numbers per bucket.

use crate::error::Result;
use crate::report::prepared::Instants;
use crate::scan::{GroupKey, Groups, KeyPart, RowEvent, RowOperator};
use roaring::RoaringBitmap;
use std::collections::HashMap;

/// Collects the values met in each bucket.
pub(super) struct Distinct {
    instants: Instants,
    /// By bucket: numbers of groups.
    met: Vec<RoaringBitmap>,
}

impl Distinct {
    pub(super) fn new(instants: Instants) -> Distinct {
        let met = vec![RoaringBitmap::new(); instants.len()];
        Distinct { instants, met }
    }

    fn read(&mut self, events: &[RowEvent]) {
        for event in events {
            if let Some(met) =
                self.instants.bucket_of(event.at).and_then(|bucket| self.met.get_mut(bucket))
            {
                met.insert(event.group);
            }
        }
    }

    /// Distinct values of the buckets of a slot, in order. `keys`: of the numbers met.
    pub(super) fn counts(&self, values: &ValuesBySlot) -> Vec<Vec<u64>> {
        let mut counts = vec![vec![0; self.met.len()]; values.slots];
        let mut seen: Vec<(usize, u32)> = Vec::new();
        for (bucket, met) in self.met.iter().enumerate() {
            seen.clear();
            seen.extend(met.iter().filter_map(|number| values.of(number)));
            // The values of the groups that are not kept meet in one slot.
            seen.sort_unstable();
            seen.dedup();
            for (slot, _) in &seen {
                counts[*slot][bucket] += 1;
            }
        }
        counts
    }

    /// Distinct values of each group of the breakdown over all buckets.
    pub(super) fn sizes(&self, keys: &[GroupKey], groups: &Groups) -> Result<Vec<Option<u64>>> {
        let mut all = RoaringBitmap::new();
        self.met.iter().for_each(|met| all |= met);
        let mut sizes: Vec<Option<u64>> = Vec::new();
        for number in all {
            let Some((value, group)) = split(keys, number) else { continue };
            let group = groups.numbering().number(group)? as usize;
            if sizes.len() <= group {
                sizes.resize(group + 1, None);
            }
            *sizes[group].get_or_insert_default() += u64::from(*value != KeyPart::Null);
        }
        Ok(sizes)
    }
}

/// The value, and the group of the breakdown.
fn split(keys: &[GroupKey], number: u32) -> Option<(&KeyPart, &[KeyPart])> {
    keys.get(number as usize)?.split_last()
}

/// The slot and the value that each number stands for.
pub(super) struct ValuesBySlot {
    slots: usize,
    /// `None`: no value, or a group that the answer leaves out.
    places: Vec<Option<(usize, u32)>>,
}

impl ValuesBySlot {
    pub(super) fn new(
        keys: &[GroupKey],
        groups: Option<&Groups>,
        slots: usize,
    ) -> Result<ValuesBySlot> {
        let mut values: HashMap<&KeyPart, u32> = HashMap::new();
        let mut places = Vec::with_capacity(keys.len());
        for key in keys {
            let Some((value, group)) = key.split_last() else { continue };
            let next = values.len() as u32; // there are fewer values than numbers
            let value = (*value != KeyPart::Null).then(|| *values.entry(value).or_insert(next));
            let slot = match groups {
                None => Some(0),
                Some(groups) => Some(groups.slot(groups.numbering().number(group)?)),
            };
            places.push(slot.filter(|slot| *slot < slots).zip(value));
        }
        Ok(ValuesBySlot { slots, places })
    }

    fn of(&self, number: u32) -> Option<(usize, u32)> {
        *self.places.get(number as usize)?
    }
}

impl RowOperator for Distinct {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        self.read(events);
        Ok(())
    }

    fn unordered(&mut self, events: &[RowEvent]) -> Result<()> {
        self.read(events);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.met.iter_mut().zip(other.met).for_each(|(met, other)| *met |= other);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::tests::events::*;
    use crate::scan::Numbering;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Numbers each event by its group and its value, as a breakdown by both does.
    fn numbered(events: &mut [RowEvent], by_group: bool, numbers: &Numbering) {
        for event in events {
            let value = event
                .number
                .map_or(KeyPart::Null, |number| KeyPart::Text(units(number).to_string().into()));
            let key = if by_group { vec![part(event.group), value] } else { vec![value] };
            event.group = numbers.number(&key).unwrap();
        }
    }

    proptest! {
        #[test]
        fn values_are_counted_once_a_bucket(
            users in any_users(),
            nobody in any_events(10),
            edges in any_edges(),
            top in proptest::option::of(1usize..6),
        ) {
            let numbers = Numbering::new(vec!["p".into(), "v".into()]);
            let (mut users_read, mut nobody_read) = (users.clone(), nobody.clone());
            let events = users_read.iter_mut().map(Vec::as_mut_slice);
            let all = events.chain([nobody_read.as_mut_slice()]);
            all.for_each(|e| numbered(e, top.is_some(), &numbers));
            let instants = Instants::new(edges.as_slice().into());
            let make = || Distinct::new(instants.clone());
            let counted = counted(make, &users_read, &nobody_read);
            let ranked = top.map(ranked);
            let groups = match &ranked {
                Some(crate::report::cells::Slots::Ranked(groups)) => Some(&**groups),
                _ => None,
            };
            let slots = groups.map_or(1, Groups::slots);
            let values = ValuesBySlot::new(&numbers.keys(), groups, slots).unwrap();
            let counts = counted.counts(&values);
            prop_assert_eq!(counts.len(), slots);
            for (slot, counts) in counts.iter().enumerate() {
                for (edge, count) in edges.windows(2).zip(counts) {
                    let events = users.iter().flatten().chain(&nobody);
                    let inside = events.filter(|e| {
                        let in_slot = top.is_none_or(|top| slot_of(top, e.group) == Some(slot));
                        in_slot && (edge[0]..edge[1]).contains(&e.at)
                    });
                    let model: BTreeSet<i128> = inside.filter_map(|e| e.number).map(units).collect();
                    prop_assert_eq!(model.len() as u64, *count);
                }
            }
        }

        #[test]
        fn groups_are_as_large_as_their_values_are_many(users in any_users()) {
            let numbers = Numbering::new(vec!["p".into(), "v".into()]);
            let mut read = users.clone();
            read.iter_mut().for_each(|events| numbered(events, true, &numbers));
            let instants = Instants::new([0, TIMES].into());
            let counted = counted(|| Distinct::new(instants.clone()), &read, &[]);
            let groups = Groups::new(Numbering::new(vec!["p".into()]));
            let sizes = counted.sizes(&numbers.keys(), &groups).unwrap();
            for group in 0..GROUPS {
                let events = || users.iter().flatten().filter(|e| e.group == group);
                let values: BTreeSet<i128> = events().filter_map(|e| e.number).map(units).collect();
                let wanted = (events().count() > 0).then_some(values.len() as u64);
                let number = groups.numbering().number(&[part(group)]).unwrap() as usize;
                prop_assert_eq!(sizes.get(number).copied().flatten(), wanted);
            }
        }
    }
}

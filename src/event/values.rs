//! All values of a property, for medians and percentiles.

use super::decimal::power;
use super::{Decimal, Number, Sum};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::VALUES_DISTINCT_MAX;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;
use std::cmp::Ordering;

/// A bag of numbers: each distinct one and how often it is there, so that repeats cost nothing.
/// Equal numbers of different scale are one in the end, written with the greatest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    entries: HashTable<Entry>,
    /// How many numbers there are, repeats included.
    len: u64,
    /// The entries in order, without equals; empty when they are asked for first, or again.
    sorted: Vec<Entry>,
}

/// One number and how often it is there, in 24 bytes.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The upper half of the unscaled value; nothing of a float.
    high: i64,
    /// The lower half, or the bits of a float.
    low: u64,
    /// The count, and in the last byte the scale.
    tail: u64,
}

/// Instead of a scale.
const FLOAT: u8 = u8::MAX;
const ONE: u64 = 1 << 8;

impl Entry {
    fn of(number: Number) -> Entry {
        match number {
            Number::Exact(value) => Entry {
                high: (value.unscaled() >> 64) as i64,
                low: value.unscaled() as u64,
                tail: ONE | u64::from(value.scale()),
            },
            // There are two zeros of floats; they are equal.
            Number::Float(value) => {
                let value = if value == 0.0 { 0.0 } else { value };
                Entry { high: 0, low: value.to_bits(), tail: ONE | u64::from(FLOAT) }
            }
        }
    }

    fn scale(&self) -> u8 {
        self.tail as u8
    }

    fn count(&self) -> u64 {
        self.tail >> 8
    }

    fn number(&self) -> Number {
        match self.scale() {
            FLOAT => Number::Float(f64::from_bits(self.low)),
            scale => {
                let unscaled = i128::from(self.high) << 64 | i128::from(self.low);
                Number::Exact(Decimal::checked(unscaled, scale))
            }
        }
    }

    /// Written the same?
    fn same(&self, other: &Entry) -> bool {
        (self.high, self.low, self.scale()) == (other.high, other.low, other.scale())
    }

    /// A product of both halves, folded: numbers come too often for a hash of bytes.
    fn hash(&self) -> u64 {
        let low = self.low ^ 0x9e37_79b9_7f4a_7c15;
        let high = (self.high as u64).rotate_left(8) ^ u64::from(self.scale());
        let product = u128::from(low) * u128::from(high ^ 0xd1b5_4a32_d192_ed03);
        (product >> 64) as u64 ^ product as u64
    }

    fn compare(&self, other: &Entry) -> Ordering {
        if self.scale() == other.scale() && self.scale() != FLOAT {
            return (self.high, self.low).cmp(&(other.high, other.low));
        }
        self.number().compare(&other.number())
    }

    /// Takes in an entry of equal value; an exact number of the greatest scale stays.
    fn absorb(&mut self, other: &Entry) {
        let exactness = |entry: &Entry| Some(entry.scale()).filter(|scale| *scale != FLOAT);
        let count = self.count() + other.count();
        if exactness(other) > exactness(self) {
            *self = *other;
        }
        self.tail = count << 8 | u64::from(self.scale());
    }
}

impl Values {
    /// # Errors
    /// `Limit` when there are more distinct numbers than
    /// [`VALUES_DISTINCT_MAX`](crate::limits::VALUES_DISTINCT_MAX).
    pub(crate) fn add(&mut self, number: Number) -> Result<()> {
        self.insert(Entry::of(number), VALUES_DISTINCT_MAX)
    }

    /// Adds all numbers of the other.
    ///
    /// # Errors
    /// As `add`.
    pub(crate) fn merge(&mut self, other: &Values) -> Result<()> {
        other.entries.iter().try_for_each(|entry| self.insert(*entry, VALUES_DISTINCT_MAX))
    }

    fn insert(&mut self, entry: Entry, limit: usize) -> Result<()> {
        let room = self.entries.len() < limit;
        let place = self.entries.entry(entry.hash(), |known| known.same(&entry), Entry::hash);
        match place {
            TableEntry::Occupied(mut known) => known.get_mut().tail += entry.count() << 8,
            TableEntry::Vacant(place) if room => {
                place.insert(entry);
            }
            TableEntry::Vacant(_) => {
                let message = format!(
                    "a median or percentile of more than {limit} distinct numbers: ask for fewer \
                     days, or for a breakdown"
                );
                return Err(Error::new(ErrorKind::Limit, message));
            }
        }
        self.len += entry.count();
        self.sorted.clear();
        Ok(())
    }

    /// The nearest rank: the ceil(p x n)-th smallest, `p` in thousandths; `None` of nothing.
    pub(crate) fn nearest_rank(&mut self, permille: u32) -> Option<Number> {
        let rank = (u128::from(permille) * u128::from(self.len)).div_ceil(1_000);
        let rank = u64::try_from(rank).unwrap_or(u64::MAX).clamp(1, self.len.max(1));
        self.at_rank(rank)
    }

    /// The middle number, or the mean of the two middle ones; `None` of nothing.
    pub(crate) fn median(&mut self) -> Option<Number> {
        let (lower, upper) = (self.at_rank(self.len.div_ceil(2)), self.at_rank(self.len / 2 + 1));
        lower.zip(upper).map(|(lower, upper)| middle(lower, upper))
    }

    /// The number at a rank, counted from 1.
    fn at_rank(&mut self, rank: u64) -> Option<Number> {
        let mut left = rank;
        let found = self.sorted().iter().find(|entry| {
            let here = left <= entry.count();
            left = left.saturating_sub(entry.count());
            here
        });
        found.map(Entry::number)
    }

    fn sorted(&mut self) -> &[Entry] {
        if self.sorted.is_empty() {
            self.sorted.extend(&self.entries);
            self.sorted.sort_unstable_by(Entry::compare);
            self.sorted.dedup_by(|next, kept| {
                let equal = kept.compare(next) == Ordering::Equal;
                if equal {
                    kept.absorb(next);
                }
                equal
            });
        }
        &self.sorted
    }
}

/// The mean of two numbers: of decimals exact, with one more digit where it needs it; of floats,
/// and where a decimal has no room for that digit, the nearest float.
fn middle(a: Number, b: Number) -> Number {
    if a == b {
        return a;
    }
    exact_middle(a, b).unwrap_or_else(|| {
        let mut sum = Sum::from(a);
        sum.add(b);
        Number::Float(sum.mean(2).unwrap_or_default())
    })
}

fn exact_middle(a: Number, b: Number) -> Option<Number> {
    let (Number::Exact(a), Number::Exact(b)) = (a, b) else { return None };
    let scale = a.scale().max(b.scale());
    let units = |number: Decimal| number.unscaled().checked_mul(power(scale - number.scale()));
    let sum = units(a)?.checked_add(units(b)?)?;
    let middle = match sum % 2 {
        0 => Decimal::new(sum / 2, scale),
        _ => Decimal::new(sum.checked_mul(5)?, scale + 1),
    };
    middle.ok().map(Number::Exact)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Number {
        Number::Exact(text.parse().unwrap())
    }

    fn values(numbers: &[Number]) -> Values {
        let mut values = Values::default();
        numbers.iter().for_each(|number| values.add(*number).unwrap());
        values
    }

    #[test]
    fn nothing_has_no_middle() {
        let mut nothing = Values::default();
        assert_eq!((nothing.len, nothing.median(), nothing.nearest_rank(900)), (0, None, None));
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut ten = values(&[7, 3, 10, 1, 9, 2, 8, 4, 6, 5].map(Number::from));
        let mut rank = |permille| ten.nearest_rank(permille).unwrap();
        let ranks = [0, 1, 100, 101, 500, 900, 901, 999, 1_000].map(&mut rank);
        assert_eq!(ranks, [1, 1, 1, 2, 5, 9, 10, 10, 10].map(Number::from));
        let mut one = values(&[exact("2.50")]);
        assert_eq!(one.nearest_rank(990), Some(exact("2.50")));
        assert_eq!(one.median(), Some(exact("2.50")));
    }

    #[test]
    fn medians_are_exact() {
        let median = |numbers: &[Number]| values(numbers).median().unwrap();
        assert_eq!(median(&[3, 1, 2].map(Number::from)), Number::from(2));
        assert_eq!(median(&[3, 5].map(Number::from)), Number::from(4));
        assert_eq!(median(&[3, 4].map(Number::from)), exact("3.5"));
        assert_eq!(median(&[-3, -4].map(Number::from)), exact("-3.5"));
        assert_eq!(median(&[exact("12.50"), exact("13")]), exact("12.75"));
        assert_eq!(median(&[exact("0.01"), exact("0.02")]), exact("0.015"));
        assert_eq!(median(&[Number::Float(0.1), Number::from(1)]), Number::Float(0.55));
        let most = exact(&"9".repeat(38));
        assert_eq!(median(&[most, most]), most);
        assert_eq!(median(&[most, Number::from(0)]), Number::Float(5e37));
    }

    #[test]
    fn equal_numbers_are_one_of_the_greatest_scale() {
        let two = [exact("2"), Number::Float(2.0), exact("2.00"), exact("2.0")];
        for first in 0..two.len() {
            let mut numbers = two;
            numbers.rotate_left(first);
            let mut values = values(&numbers);
            assert_eq!(values.median(), Some(exact("2.00")));
            assert_eq!((values.sorted().len(), values.len), (1, 4));
        }
        let mut zeros = values(&[Number::Float(-0.0), Number::Float(0.0)]);
        assert!(matches!(zeros.median(), Some(Number::Float(zero)) if zero.to_bits() == 0));
        assert_eq!(zeros.entries.len(), 1);
    }

    #[test]
    fn repeats_take_no_room_and_distinct_numbers_are_bounded() {
        let mut values = Values::default();
        for number in 0..100_000 {
            values.insert(Entry::of(Number::from(number % 1_000)), 1_000).unwrap();
        }
        assert_eq!((values.entries.len(), values.len), (1_000, 100_000));
        assert_eq!(values.median(), Some(exact("499.5")));
        let error = values.insert(Entry::of(exact("0.5")), 1_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("more than 1000 distinct"), "{error}");
        // What is asked again after more came is asked of all.
        values.insert(Entry::of(exact("1000")), 1_001).unwrap();
        assert_eq!(values.nearest_rank(1_000), Some(Number::from(1_000)));
    }

    fn numbers() -> impl Strategy<Value = Number> {
        prop_oneof![
            (-5i64..5).prop_map(Number::from),
            (-500i128..500, 0..4u8).prop_map(|(u, s)| Decimal::new(u, s).unwrap().into()),
            (-8i32..8).prop_map(|eighths| Number::Float(f64::from(eighths) / 8.0)),
            (-10i128.pow(37)..10i128.pow(37), 0..=38u8)
                .prop_map(|(u, s)| Decimal::new(u, s).unwrap().into()),
        ]
    }

    proptest! {
        #[test]
        fn a_bag_is_a_sorted_list(
            numbers in prop::collection::vec(numbers(), 1..200),
            cut in any::<prop::sample::Index>(),
            permille in 0u32..=1_000,
        ) {
            let (a, b) = numbers.split_at(cut.index(numbers.len()));
            let (mut bag, mut other) = (values(b), values(a));
            other.median();
            bag.merge(&other).unwrap();
            let mut sorted = numbers.clone();
            sorted.sort_by(Number::compare);
            let rank = (permille as usize * numbers.len()).div_ceil(1_000).max(1);
            let found = bag.nearest_rank(permille).unwrap();
            prop_assert_eq!(found.compare(&sorted[rank - 1]), Ordering::Equal);
            prop_assert_eq!(bag.len, numbers.len() as u64);
            let mut straight = values(&numbers);
            prop_assert_eq!(bag.median(), straight.median());
            prop_assert_eq!(Some(found), straight.nearest_rank(permille));
            let median = bag.median().unwrap();
            let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
            prop_assert!(lower.compare(&median).is_le() && median.compare(&upper).is_le());
            let mut twice = Sum::from(median);
            twice.add(median);
            let mut both = Sum::from(lower);
            both.add(upper);
            if let Number::Exact(_) = median {
                prop_assert_eq!(twice.compare(&both), Ordering::Equal);
            }
        }
    }
}

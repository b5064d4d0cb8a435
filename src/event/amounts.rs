//! What is known of many numbers without keeping them: how many, their sum, and the two ends.

use super::{Number, Sum};

/// Numbers, counted, added up and compared. Their order and grouping do not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Amounts {
    pub(crate) count: u64,
    pub(crate) sum: Sum,
    /// `None` without numbers.
    pub(crate) least: Option<Number>,
    pub(crate) greatest: Option<Number>,
}

impl Amounts {
    pub(crate) fn add(&mut self, number: Number) {
        self.count += 1;
        self.sum.add(number);
        self.reach(Some(number), Some(number));
    }

    /// Takes in all numbers of the other.
    pub(crate) fn merge(&mut self, other: &Amounts) {
        self.count += other.count;
        self.sum.add_sum(&other.sum);
        self.reach(other.least, other.greatest);
    }

    fn reach(&mut self, least: Option<Number>, greatest: Option<Number>) {
        let either = |one: Option<Number>,
                      two: Option<Number>,
                      pick: fn(Number, Number) -> Number| match (one, two) {
            (Some(one), Some(two)) => Some(pick(one, two)),
            (one, two) => one.or(two),
        };
        self.least = either(self.least, least, Number::lesser);
        self.greatest = either(self.greatest, greatest, Number::greater);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Decimal;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = Vec<Number>> {
        let decimal = |(unscaled, scale)| Number::Exact(Decimal::new(unscaled, scale).unwrap());
        let number = prop_oneof![
            (-30i128..30, 0..4u8).prop_map(decimal),
            prop_oneof![Just(0.0), Just(-0.0), -3.0..3.0].prop_map(Number::Float),
        ];
        prop::collection::vec(number, 0..20)
    }

    proptest! {
        #[test]
        fn no_order_and_no_grouping_matters(
            numbers in numbers(),
            cut in any::<prop::sample::Index>(),
        ) {
            let of = |numbers: &mut dyn Iterator<Item = &Number>| {
                let mut amounts = Amounts::default();
                numbers.for_each(|number| amounts.add(*number));
                amounts
            };
            let (one, two) = numbers.split_at(cut.index(numbers.len() + 1));
            let mut merged = of(&mut two.iter().rev());
            merged.merge(&of(&mut one.iter()));
            let straight = of(&mut numbers.iter());
            let shown = |a: &Amounts| {
                format!("{} {:?} {:?} {:?}", a.count, a.sum.value(), a.least, a.greatest)
            };
            prop_assert_eq!(shown(&merged), shown(&straight));
            for number in &numbers {
                prop_assert!(straight.least.unwrap().compare(number).is_le());
                prop_assert!(straight.greatest.unwrap().compare(number).is_ge());
            }
        }
    }
}

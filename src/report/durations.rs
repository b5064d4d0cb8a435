//! How long things took.

/// Durations in whole microseconds. Those of nothing at all, of which there are often many, take no
/// room.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Durations {
    zeros: u64,
    others: Vec<u64>,
}

impl Durations {
    /// So many durations of nothing.
    pub(super) fn zeros(count: u64) -> Durations {
        Durations { zeros: count, others: Vec::new() }
    }

    pub(super) fn add(&mut self, duration_us: i64) {
        match u64::try_from(duration_us) {
            Ok(above @ 1..) => self.others.push(above),
            _ => self.zeros += 1,
        }
    }

    pub(super) fn merge(&mut self, other: Durations) {
        self.zeros += other.zeros;
        if self.others.len() < other.others.len() {
            let fewer = std::mem::replace(&mut self.others, other.others);
            self.others.extend(fewer);
        } else {
            self.others.extend(other.others);
        }
    }

    pub(super) fn sorted(mut self) -> Sorted {
        self.others.sort_unstable();
        Sorted(self)
    }
}

/// Durations of which the middle can be told.
#[derive(Debug, Default)]
pub(super) struct Sorted(Durations);

impl Sorted {
    fn count(&self) -> u64 {
        self.0.zeros + self.0.others.len() as u64
    }

    /// The one at a place, counted from 0.
    fn at(&self, place: u64) -> u64 {
        let above = place.checked_sub(self.0.zeros).and_then(|place| usize::try_from(place).ok());
        above.and_then(|place| self.0.others.get(place).copied()).unwrap_or(0)
    }

    /// The middle one, or the mean of the two middle ones; `None` over nothing.
    pub(super) fn median_s(&self) -> Option<f64> {
        let count = self.count();
        let upper = self.at(count / 2);
        let lower =
            if count.is_multiple_of(2) { self.at((count / 2).checked_sub(1)?) } else { upper };
        Some((u128::from(lower) + u128::from(upper)) as f64 / 2e6)
    }

    pub(super) fn mean_s(&self) -> Option<f64> {
        let sum: u128 = self.0.others.iter().map(|duration| u128::from(*duration)).sum();
        (self.count() > 0).then(|| sum as f64 / (self.count() as f64 * 1e6))
    }

    /// Nearest rank: the smallest that nine of ten do not exceed.
    pub(super) fn p90_s(&self) -> Option<f64> {
        let rank = (self.count() * 9).div_ceil(10);
        Some(self.at(rank.checked_sub(1)?) as f64 / 1e6)
    }

    /// How many lie before the first edge, between each edge and the next, and from the last one
    /// on. Edges ascend and lie above 0.
    pub(super) fn classes(&self, edges_us: &[i64]) -> Vec<u64> {
        let below = |edge: &i64| {
            let edge = u64::try_from(*edge).unwrap_or(0);
            self.0.zeros + self.0.others.partition_point(|duration| *duration < edge) as u64
        };
        let mut before = 0;
        let ends = edges_us.iter().map(below).chain([self.count()]);
        ends.map(|end| end - std::mem::replace(&mut before, end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(durations: &[i64]) -> Sorted {
        let mut all = Durations::default();
        durations.iter().for_each(|duration| all.add(*duration));
        all.sorted()
    }

    #[test]
    fn nothing_took_no_time_that_is_known() {
        let nothing = sorted(&[]);
        assert_eq!((nothing.median_s(), nothing.mean_s(), nothing.p90_s()), (None, None, None));
        assert_eq!(nothing.classes(&[10]), [0, 0]);
        let at_once = Durations::zeros(2).sorted();
        assert_eq!((at_once.median_s(), at_once.p90_s()), (Some(0.0), Some(0.0)));
        assert_eq!(at_once.mean_s(), Some(0.0));
    }

    #[test]
    fn the_middle_is_the_mean_of_two_and_a_percentile_one_of_them() {
        let four = sorted(&[1_000_000, 0, 4_000_000, 2_000_000]);
        assert_eq!((four.median_s(), four.mean_s()), (Some(1.5), Some(1.75)));
        assert_eq!(four.p90_s(), Some(4.0));
        let ten: Vec<i64> = (1..=10).map(|second| second * 1_000_000).collect();
        assert_eq!(sorted(&ten).p90_s(), Some(9.0));
        assert_eq!(sorted(&[1]).median_s(), Some(1e-6));
    }

    #[test]
    fn a_class_holds_its_lower_edge() {
        let some = sorted(&[0, 9, 10, 11, 19, 20, 21]);
        assert_eq!(some.classes(&[10, 20]), [2, 3, 2]);
        assert_eq!(some.classes(&[]), [7]);
    }

    proptest! {
        #[test]
        fn parts_add_up(
            durations in proptest::collection::vec(0i64..50, 0..40),
            cut in 0usize..40,
            edges in proptest::collection::btree_set(1i64..60, 0..5),
        ) {
            let (one, other) = durations.split_at(cut.min(durations.len()));
            let mut parts = [one, other].map(|part| {
                let mut durations = Durations::default();
                part.iter().for_each(|duration| durations.add(*duration));
                durations
            });
            let [one, other] = &mut parts;
            one.merge(std::mem::take(other));
            let (merged, whole) = (std::mem::take(one).sorted(), sorted(&durations));
            prop_assert_eq!(&merged.0, &whole.0);
            let mut plain = durations.clone();
            plain.sort_unstable();
            let middle = plain.len() / 2;
            let median = match plain.len() {
                0 => None,
                odd if odd % 2 == 1 => Some(plain[middle] as f64 / 1e6),
                _ => Some((plain[middle - 1] + plain[middle]) as f64 / 2e6),
            };
            prop_assert_eq!(whole.median_s(), median);
            let place = (plain.len() as f64 * 0.9).ceil() as usize;
            let p90 = place.checked_sub(1).map(|place| plain[place] as f64 / 1e6);
            prop_assert_eq!(whole.p90_s(), p90);
            let edges: Vec<i64> = edges.into_iter().collect();
            let class = |duration: &i64| edges.iter().filter(|edge| *edge <= duration).count();
            let mut classes = vec![0; edges.len() + 1];
            durations.iter().for_each(|duration| classes[class(duration)] += 1);
            prop_assert_eq!(whole.classes(&edges), classes);
        }
    }
}

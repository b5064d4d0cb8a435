//! Searches among sorted hashes, which lie evenly.

use std::cmp::Ordering;

/// Looks at a hash's share before halving what is left: more are not needed where hashes lie
/// evenly.
const SHARES_MAX: usize = 8;

/// The entry of a hash among ascending ones: looked for at its share of what is left, which takes a
/// handful of looks however many there are. Among millions that is faster than halving, among a
/// hundred thousand slower.
pub(crate) fn find<T>(sorted: &[T], hash: u128, of: impl Fn(&T) -> u128) -> Option<&T> {
    let (mut rest, mut least, mut most) = (sorted, 0, u128::MAX);
    for look in 0.. {
        let last = rest.len().checked_sub(1)?;
        let at = match look < SHARES_MAX {
            true => ((share(hash - least, most - least) * rest.len() as f64) as usize).min(last),
            false => rest.len() / 2,
        };
        let (before, from) = rest.split_at_checked(at)?;
        let (entry, after) = from.split_first()?;
        let found = of(entry);
        match hash.cmp(&found) {
            Ordering::Equal => return Some(entry),
            Ordering::Less => (rest, most) = (before, found),
            Ordering::Greater => (rest, least) = (after, found),
        }
    }
    None
}

/// How far along a range something lies, from 0 to 1.
fn share(above: u128, range: u128) -> f64 {
    let high = |number: u128| (number >> 64) as u64 as f64;
    high(above) / (high(range) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeSet;

    fn hash() -> impl Strategy<Value = u128> {
        let near = |bits: u32| any::<u8>().prop_map(move |low| u128::from(low) << bits);
        prop_oneof![
            any::<u128>(),
            near(0),
            near(60),
            near(120),
            near(0).prop_map(|n| u128::MAX - n)
        ]
    }

    proptest! {
        #[test]
        fn hashes_are_found_however_they_lie(
            sorted in prop::collection::btree_set(hash(), 0..200),
            others in prop::collection::vec(hash(), 20),
        ) {
            let list: Vec<u128> = sorted.iter().copied().collect();
            for wanted in list.iter().chain(&others) {
                prop_assert_eq!(find(&list, *wanted, |hash| *hash), sorted.get(wanted));
            }
        }
    }

    #[test]
    fn looks_are_few_also_where_hashes_do_not_lie_evenly() {
        let looks = |list: &[u128], wanted| {
            let looks = Cell::new(0);
            find(list, wanted, |hash| {
                looks.set(looks.get() + 1);
                *hash
            });
            looks.get()
        };
        let even = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let list: Vec<u128> = (0..100_000).map(even).collect::<BTreeSet<_>>().into_iter().collect();
        let total: u32 = (0..1_000).map(|n| looks(&list, even(n * 97) ^ (n % 2))).sum();
        assert!(total < 8_000, "{total} looks for a thousand hashes");
        let uneven: Vec<u128> = (0..100_000).map(|n| n * n).collect();
        let most = (0..1_000).map(|n| looks(&uneven, n * n * 9_409)).max();
        assert!(most <= Some(26), "{most:?} looks");
    }
}

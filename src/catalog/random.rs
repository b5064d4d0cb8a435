//! Ids and keys nobody can guess, without a package for it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};

/// Draws 128-bit numbers: for database ids, hash keys, names of leases.
#[derive(Debug, Clone)]
pub(crate) enum Random {
    /// Unpredictable: from the operating system.
    System,
    /// The same numbers from the same seed, for tests.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "tests draw from a seed")
    )]
    Seeded(u64),
}

impl Random {
    /// The next number; never 0.
    pub(crate) fn draw(&mut self) -> u128 {
        let drawn = match self {
            Random::System => u128::from(system()) << 64 | u128::from(system()),
            Random::Seeded(state) => {
                u128::from(split_mix(state)) << 64 | u128::from(split_mix(state))
            }
        };
        drawn.max(1)
    }
}

/// `RandomState` is keyed by the operating system's randomness, with another key at every call;
/// time and process keep two children of one forked process apart.
fn system() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    std::process::id().hash(&mut hasher);
    std::time::SystemTime::now().hash(&mut hasher);
    hasher.finish()
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn draws_differ_and_a_seed_repeats_them() {
        let drawn: BTreeSet<u128> = (0..1_000).map(|_| Random::System.draw()).collect();
        assert_eq!(drawn.len(), 1_000);
        let (mut a, mut b) = (Random::Seeded(7), Random::Seeded(7));
        assert_eq!(a.draw(), b.draw());
        assert_ne!(a.draw(), Random::Seeded(7).draw());
    }
}

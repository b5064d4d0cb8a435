//! What operators count: sums, each for everybody or for every segment apart.

use super::kernels;
use super::slice::Slice;
use super::users::Users;
use crate::codec::bits::Bits;
use crate::limits::CHUNK_USERS;

/// Words of bits that are met in the time in which one user is looked for and told apart.
const WORDS_PER_USER: usize = 16;
/// Segments that a user of a chunk may be in on average for them to be listed by user.
const SEGMENTS_PER_USER: usize = 4;
/// Users of one segment who follow each other in the bits of a crowd: 8 words, the width of the
/// widest vectors.
pub(super) const PAGE_USERS: usize = 512;

/// What a job's operators have counted.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) sums: Vec<u64>,
    /// Chunks and their users, for the reports that list people; in no order.
    pub(crate) members: Vec<(u32, Box<Bits>)>,
    /// Who is told apart from whom; then every sum is one for each segment.
    shares: Option<Shares>,
}

/// The segments of the users of a chunk.
pub(super) enum Shares {
    Sets(OfSets),
    /// The segment of each page of users.
    Pages {
        owners: Vec<u32>,
        segments: usize,
    },
}

/// Segments that are sets of users.
pub(super) struct OfSets {
    /// `None`: everybody.
    sets: Vec<Option<Slice>>,
    /// Words of all of them.
    words: usize,
    /// The segments of each user, where they are few.
    of_users: Option<OfUsers>,
}

/// For each user of a chunk, the segments that hold them.
struct OfUsers {
    /// Where the list of each user ends.
    ends: Vec<u32>,
    segments: Vec<u32>,
}

impl Tally {
    pub(crate) fn of(sums: usize) -> Tally {
        Tally { sums: vec![0; sums], ..Tally::default() }
    }

    /// Adds to one sum.
    pub(crate) fn add(&mut self, sum: usize, count: u64) {
        debug_assert!(self.shares.is_none(), "a number does not say whose it is");
        self.sums[sum] += count;
    }

    /// Adds to one sum how many users there are, of each segment if they are told apart.
    pub(crate) fn count<'u>(&mut self, sum: usize, users: impl Into<Users<'u>>) {
        let users = users.into();
        match &self.shares {
            None => self.sums[sum] += users.count(),
            Some(shares) => {
                let segments = shares.segments();
                shares.count(users, &mut self.sums[sum * segments..][..segments]);
            }
        }
    }

    /// Whether segments are told apart: then it has to be said who is counted.
    pub(crate) fn is_shared(&self) -> bool {
        self.shares.is_some()
    }

    /// Lets an operator count by segment.
    pub(super) fn shared<T>(
        &mut self,
        shares: &mut Option<Shares>,
        work: impl FnOnce(&mut Tally) -> T,
    ) -> T {
        std::mem::swap(&mut self.shares, shares);
        let done = work(self);
        std::mem::swap(&mut self.shares, shares);
        done
    }

    /// The sums of one of several segments.
    pub(super) fn of_segment(&self, segment: usize, segments: usize) -> Tally {
        let sums = self.sums.iter().skip(segment).step_by(segments.max(1));
        Tally { sums: sums.copied().collect(), ..Tally::default() }
    }

    pub(super) fn merge(mut self, other: Tally) -> Tally {
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, other)| *sum += other);
        self.members.extend(other.members);
        self
    }
}

impl Shares {
    /// Sets of users; `None`: everybody.
    pub(super) fn of_sets<'m>(masks: impl Iterator<Item = Option<&'m Bits>>) -> Shares {
        let sets: Vec<Option<Slice>> = masks.map(|mask| mask.map(Slice::of)).collect();
        let words = sets.iter().map(|set| set.as_ref().map_or(1_024, Slice::words)).sum();
        let of_users = OfUsers::new(&sets);
        Shares::Sets(OfSets { sets, words, of_users })
    }

    fn segments(&self) -> usize {
        match self {
            Shares::Sets(of) => of.sets.len(),
            Shares::Pages { segments, .. } => *segments,
        }
    }

    fn count(&self, users: Users<'_>, sums: &mut [u64]) {
        match self {
            Shares::Sets(of) => of.count(users.bits(), sums),
            Shares::Pages { owners, .. } => {
                let pages = users.bits().0.chunks_exact(PAGE_USERS / 64);
                for (page, owner) in pages.zip(owners) {
                    let count: u64 = page.iter().map(|word| u64::from(word.count_ones())).sum();
                    sums[*owner as usize] += count;
                }
            }
        }
    }
}

impl OfSets {
    fn count(&self, users: &Bits, sums: &mut [u64]) {
        let count = kernels::count(users);
        if count == 0 {
            return;
        }
        match &self.of_users {
            Some(of) if count.saturating_mul(WORDS_PER_USER as u64) < self.words as u64 => {
                kernels::for_each(users, |low| {
                    of.user(low).iter().for_each(|segment| sums[*segment as usize] += 1);
                });
            }
            _ => {
                for (set, sum) in self.sets.iter().zip(sums) {
                    *sum += set.as_ref().map_or(count, |set| set.count_and(users));
                }
            }
        }
    }
}

impl OfUsers {
    /// `None`: they are in too many.
    fn new(sets: &[Option<Slice>]) -> Option<OfUsers> {
        let mut ends = vec![0u32; CHUNK_USERS];
        let mut all = 0;
        for set in sets {
            let set = set.as_ref()?;
            set.for_each(|low| ends[usize::from(low)] += 1);
            all += set.count();
            if all > SEGMENTS_PER_USER * CHUNK_USERS {
                return None;
            }
        }
        let mut next = 0;
        for end in &mut ends {
            (*end, next) = (next, next + *end);
        }
        let mut segments = vec![0; all];
        for (segment, set) in (0u32..).zip(sets) {
            set.iter().for_each(|set| {
                set.for_each(|low| {
                    let end = &mut ends[usize::from(low)];
                    segments[*end as usize] = segment;
                    *end += 1;
                });
            });
        }
        Some(OfUsers { ends, segments })
    }

    fn user(&self, low: u16) -> &[u32] {
        let low = usize::from(low);
        let from = low.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.segments.get(from as usize..self.ends[low] as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn bits(users: &BTreeSet<u16>) -> Bits {
        let mut bits = Bits::EMPTY;
        users.iter().for_each(|&user| bits.insert(user));
        bits
    }

    fn any_users() -> impl Strategy<Value = BTreeSet<u16>> {
        let user = prop_oneof![500u16..900, any::<u16>()];
        let few = proptest::collection::btree_set(user, 0..80);
        let many = (any::<u16>(), 0u16..30_000)
            .prop_map(|(first, more)| (first..=first.saturating_add(more)).collect());
        prop_oneof![3 => few, 1 => many]
    }

    proptest! {
        #[test]
        fn every_segment_is_counted_apart(
            sets in proptest::collection::vec(proptest::option::weighted(0.9, any_users()), 1..20),
            counted in proptest::collection::vec(any_users(), 1..5),
        ) {
            let masks: Vec<Option<Bits>> = sets.iter().map(|set| set.as_ref().map(bits)).collect();
            let mut shares = Some(Shares::of_sets(masks.iter().map(Option::as_ref)));
            let mut tally = Tally::of(counted.len() * sets.len());
            tally.shared(&mut shares, |tally| {
                for (sum, users) in counted.iter().enumerate() {
                    tally.count(sum, &bits(users));
                }
            });
            for (segment, set) in sets.iter().enumerate() {
                let both = |users: &BTreeSet<u16>| {
                    set.as_ref().map_or(users.len(), |set| (users & set).len()) as u64
                };
                let wanted: Vec<u64> = counted.iter().map(both).collect();
                prop_assert_eq!(tally.of_segment(segment, sets.len()).sums, wanted);
            }
        }
    }
}

//! A retention table of many cohorts, each user in one of them at most.
//!
//! Users are numbered in the order in which they were first seen, so those of a cohort mostly lie
//! close together: then the words that hold them meet the same words of a return bucket. A cohort
//! whose users are scattered meets most words for few users: then it may be less work that those who
//! came back look up their cohort one by one. A person is added to one cell a row only: the first
//! ("or before"), the last ("or after"), or once in a bracket.

use super::Shape;
use super::operator::Starts;
use super::scattered::Scattered;
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::CountKind;
use crate::scan::{BucketOperator, Gather, Slice, Step, Tally, Threshold};
use std::collections::VecDeque;
use std::sync::Arc;

const RETURN: usize = 1;

/// A cohort lies close together if a word holds so many of its users, and some more pay for the
/// beginning of a loop.
const USERS_PER_WORD: usize = 4;
const USERS_MIN: usize = 16;

/// What the cells of a table are about.
pub(super) struct Cells {
    pub(super) shape: Arc<Shape>,
    /// Offset to cell.
    pub(super) of: Vec<usize>,
    /// A user may come back several times for what is counted once. False where every cell is
    /// about one bucket of its own: then nothing needs to be marked.
    pub(super) once: bool,
}

impl Cells {
    fn new(shape: Arc<Shape>) -> Cells {
        let cells = shape.cells.iter().enumerate();
        let of = cells.flat_map(|(cell, offsets)| offsets.clone().map(move |_| cell)).collect();
        let once = shape.count != CountKind::On || shape.columns() >= shape.cells.len();
        Cells { shape, of, once }
    }

    pub(super) fn add(&self, cohort: usize, cell: usize, count: u64, tally: &mut Tally) {
        tally.add(self.shape.sum(cohort, cell), count);
    }
}

/// Every user of a return bucket belongs to one cohort at most.
pub(super) struct ByFirst {
    cells: Cells,
    starts: Starts,
    now: Gather,
    /// Oldest first, those with a cell to come.
    near: VecDeque<Near>,
    scattered: Option<Box<Scattered>>,
}

impl ByFirst {
    pub(super) fn new(shape: Arc<Shape>, starts: Starts, returns: Threshold) -> ByFirst {
        ByFirst {
            cells: Cells::new(shape),
            starts,
            now: Gather::new(RETURN, returns),
            near: VecDeque::new(),
            scattered: None,
        }
    }

    /// The cohorts before one have no cell to come.
    fn settle_before(&mut self, cohort: usize, tally: &mut Tally) {
        while let Some(over) = self.near.pop_front_if(|first| first.cohort < cohort) {
            over.settle(&self.cells, tally);
        }
        if let Some(scattered) = &mut self.scattered {
            scattered.settle_before(cohort, &self.cells, tally);
        }
    }
}

impl BucketOperator for ByFirst {
    fn collect(&mut self, step: &Step<'_>, bucket: Option<usize>, _: &mut Tally) -> Result<()> {
        self.starts.collect(step, bucket)?;
        if bucket.is_some() { self.now.day(step) } else { Ok(()) }
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        self.settle_before((bucket + 1).saturating_sub(self.cells.of.len()), tally);
        let returned = self.now.take();
        if let Some((users, size)) = self.starts.close(bucket, returned.as_deref(), tally) {
            match Near::new(bucket, users, size, &self.cells) {
                Some(cohort) => self.near.push_back(cohort),
                None => self.scattered.get_or_insert_with(Scattered::new).assign(bucket, users),
            }
        }
        if let Some(returned) = returned {
            for cohort in &mut self.near {
                cohort.returned(bucket, returned, &self.cells, tally);
            }
            if let Some(scattered) = &mut self.scattered {
                scattered.returned(bucket, returned, &self.cells, tally);
            }
        }
        Ok(())
    }

    fn finish(&mut self, tally: &mut Tally) {
        self.settle_before(usize::MAX, tally);
    }
}

/// A cohort whose users lie close together.
struct Near {
    cohort: usize,
    users: Slice,
    marks: Marks,
}

/// What keeps a user from being counted twice in a row.
enum Marks {
    /// Nothing: they cannot be.
    None,
    /// Who is counted already: in this cell, or in any up to it.
    Counted { cell: usize, users: Slice },
    /// Who came back in which cell: which one was the last is known at the end.
    Kept(Vec<(usize, Slice)>),
}

impl Near {
    /// `None`: they lie too far apart.
    fn new(cohort: usize, users: &Bits, size: u64, cells: &Cells) -> Option<Near> {
        let users = Slice::of(users);
        let worth = (USERS_MIN + USERS_PER_WORD * users.words()) as u64 <= size;
        worth.then(|| Near::of(cohort, users, cells))
    }

    fn of(cohort: usize, users: Slice, cells: &Cells) -> Near {
        let marks = match cells.shape.count {
            CountKind::On if !cells.once => Marks::None,
            CountKind::On | CountKind::OnOrBefore => {
                Marks::Counted { cell: 0, users: users.cleared() }
            }
            CountKind::OnOrAfter => Marks::Kept(Vec::new()),
        };
        Near { cohort, users, marks }
    }

    /// Counts those of the cohort who are in a return bucket.
    fn returned(&mut self, bucket: usize, returned: &Bits, cells: &Cells, tally: &mut Tally) {
        let Some(cell) = cells.of.get(bucket - self.cohort).copied() else { return };
        let count = match &mut self.marks {
            Marks::None => self.users.count_and(returned),
            Marks::Counted { cell: last, users } => {
                if cells.shape.count == CountKind::On && *last != cell {
                    (*last, *users) = (cell, users.cleared());
                }
                self.users.count_new(returned, users)
            }
            Marks::Kept(kept) => {
                kept.push((cell, self.users.and(returned)));
                return;
            }
        };
        cells.add(self.cohort, cell, count, tally);
    }

    fn settle(self, cells: &Cells, tally: &mut Tally) {
        let Marks::Kept(kept) = self.marks else { return };
        let mut later = self.users.cleared();
        for (cell, users) in kept.iter().rev() {
            cells.add(self.cohort, *cell, users.add_to(&mut later), tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::kernels;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::ops::RangeInclusive;

    type Users = BTreeSet<u16>;

    fn bits(users: &Users) -> Bits {
        let mut bits = Bits::EMPTY;
        users.iter().for_each(|&user| bits.insert(user));
        bits
    }

    fn any_users() -> impl Strategy<Value = Users> {
        let user = prop_oneof![0u16..130, 3_900u16..4_200, any::<u16>()];
        let few = proptest::collection::btree_set(user, 0..60);
        let every = (0u16..3_000, 1usize..40)
            .prop_map(|(first, step)| (first..first + 1_500).step_by(step).collect());
        prop_oneof![few, every]
    }

    fn any_shape() -> impl Strategy<Value = Shape> {
        use CountKind::{On, OnOrAfter, OnOrBefore};
        let columns = (0usize..6, proptest::sample::select(vec![On, OnOrAfter, OnOrBefore]));
        let columns = columns.prop_map(|(columns, count)| {
            let cells = (0..=columns).map(|k| k..=k).collect();
            Shape { cohorts: 3, cells, count }
        });
        let brackets = proptest::collection::vec(1u32..4, 1..3).prop_map(|widths| Shape {
            cohorts: 3,
            cells: super::super::bracket_cells(&widths),
            count: On,
        });
        prop_oneof![columns, brackets]
    }

    fn tally(cells: &Cells) -> Tally {
        Tally::of(cells.shape.sums())
    }

    /// Of a cohort, who came back in a cell and is counted there.
    fn model(shape: &Shape, (cohort, users): (usize, &Users), days: &[Users]) -> Vec<u64> {
        let back = |cell: &RangeInclusive<usize>| {
            let of_cell = days.iter().skip(cohort + cell.start()).take(cell.clone().count());
            users & &of_cell.flatten().copied().collect()
        };
        let back: Vec<Users> = shape.cells.iter().map(back).collect();
        let union = |cells: &[Users]| cells.iter().flatten().copied().collect::<Users>();
        let counted = back.iter().enumerate().map(|(cell, users)| match shape.count {
            CountKind::On => users.len(),
            CountKind::OnOrBefore => (users - &union(&back[..cell])).len(),
            CountKind::OnOrAfter => (users - &union(&back[cell + 1..])).len(),
        });
        counted.map(|count| count as u64).collect()
    }

    proptest! {
        #[test]
        fn slices_and_lookups_count_like_sets(
            shape in any_shape(),
            mut cohorts in proptest::array::uniform3(any_users()),
            days in proptest::collection::vec(any_users(), 3..9),
        ) {
            cohorts[1] = &cohorts[1] - &cohorts[0];
            cohorts[2] = &(&cohorts[2] - &cohorts[0]) - &cohorts[1];
            let cells = Cells::new(Arc::new(shape));
            let [mut by_slices, mut by_lookups, mut by_both] = [(); 3].map(|()| tally(&cells));
            let (mut near, mut scattered, mut both) =
                (Vec::new(), Scattered::new(), Scattered::new());
            for (bucket, day) in days.iter().enumerate() {
                if let Some(users) = cohorts.get(bucket).map(bits) {
                    near.push(Near::of(bucket, Slice::of(&users), &cells));
                    scattered.assign(bucket, &users);
                    both.assign(bucket, &users);
                }
                let over = (bucket + 1).saturating_sub(cells.of.len());
                scattered.settle_before(over, &cells, &mut by_lookups);
                both.settle_before(over, &cells, &mut by_both);
                let near = near.iter_mut();
                near.for_each(|near| near.returned(bucket, &bits(day), &cells, &mut by_slices));
                let mut assigned = bits(day);
                kernels::and(&mut assigned, &scattered.assigned);
                scattered.look_up(bucket, &assigned, &cells, &mut by_lookups);
                both.returned(bucket, &mut bits(day), &cells, &mut by_both);
            }
            near.into_iter().for_each(|near| near.settle(&cells, &mut by_slices));
            scattered.settle_before(usize::MAX, &cells, &mut by_lookups);
            both.settle_before(usize::MAX, &cells, &mut by_both);
            prop_assert_eq!(both.work, 0);
            let cohorts = cohorts.iter().enumerate();
            let rows = cohorts.flat_map(|cohort| model(&cells.shape, cohort, &days));
            let wanted: Vec<u64> = [0; 3].into_iter().chain(rows).collect();
            prop_assert_eq!(&by_slices.sums, &wanted);
            prop_assert_eq!(&by_lookups.sums, &wanted);
            prop_assert_eq!(&by_both.sums, &wanted);
        }
    }

    #[test]
    fn cohorts_of_neighbours_are_met_by_slices() {
        let cells =
            Cells::new(Arc::new(Shape { cohorts: 1, cells: vec![0..=0], count: CountKind::On }));
        let near = |users: Users| Near::new(0, &bits(&users), users.len() as u64, &cells).is_some();
        assert_eq!([near((0..48).collect()), near((0..47).collect())], [true, false]);
        assert!(near((900..7_000).collect()));
        assert!(!near((0..65_000).step_by(80).collect()));
    }
}

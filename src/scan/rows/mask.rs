//! Which rows of a block pass.

use std::borrow::Cow;

/// The rows of a block that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mask {
    All,
    None,
    /// All rows of some users: a flag for each user of the block.
    Users(Vec<bool>),
    /// A flag for each row.
    Rows(Vec<bool>),
}

impl Mask {
    /// From flags, per user or per row.
    pub(super) fn of(flags: Vec<bool>, per_user: bool) -> Mask {
        if !flags.contains(&true) {
            Mask::None
        } else if !flags.contains(&false) {
            Mask::All
        } else if per_user {
            Mask::Users(flags)
        } else {
            Mask::Rows(flags)
        }
    }

    /// Rows that both let pass. `counts`: rows of each user; empty: one each.
    pub(super) fn and(self, other: &Mask, counts: &[u32]) -> Mask {
        match (self, other) {
            (Mask::None, _) | (_, Mask::None) => Mask::None,
            (Mask::All, other) => other.clone(),
            (one, Mask::All) => one,
            (one, other) => one.merged(other, counts, |a, b| a & b),
        }
    }

    /// Rows that one of them lets pass.
    pub(super) fn or(self, other: &Mask, counts: &[u32]) -> Mask {
        match (self, other) {
            (Mask::All, _) | (_, Mask::All) => Mask::All,
            (Mask::None, other) => other.clone(),
            (one, Mask::None) => one,
            (one, other) => one.merged(other, counts, |a, b| a | b),
        }
    }

    fn merged(self, other: &Mask, counts: &[u32], merge: fn(bool, bool) -> bool) -> Mask {
        let zip = |mut a: Vec<bool>, b: &[bool]| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a = merge(*a, *b));
            a
        };
        match (self, other) {
            (Mask::Users(a), Mask::Users(b)) => Mask::of(zip(a, b), true),
            (Mask::Rows(a), Mask::Rows(b)) => Mask::of(zip(a, b), false),
            (Mask::Users(a), Mask::Rows(b)) => Mask::of(zip(spread(&a, counts), b), false),
            (Mask::Rows(a), Mask::Users(b)) => Mask::of(zip(a, &spread(b, counts)), false),
            (one, _) => one,
        }
    }

    /// Of the block's users those whose rows all pass, and their slots; a mask of rows tells nobody.
    pub(super) fn passing<'u>(
        &self,
        users: &'u [u16],
        slots: Option<&'u [u32]>,
    ) -> (Cow<'u, [u16]>, Cow<'u, [u32]>) {
        let slots = slots.unwrap_or_default();
        match self {
            Mask::All => (users.into(), slots.into()),
            Mask::None | Mask::Rows(_) => (Cow::default(), Cow::default()),
            Mask::Users(flags) => (kept(users, flags).into(), kept(slots, flags).into()),
        }
    }

    /// Whether a row passes, the row of a user at this place among the block's.
    pub(super) fn passes(&self, user: usize, row: usize) -> bool {
        match self {
            Mask::All => true,
            Mask::None => false,
            Mask::Users(flags) => flags.get(user).copied().unwrap_or(false),
            Mask::Rows(flags) => flags.get(row).copied().unwrap_or(false),
        }
    }
}

/// The values whose flags are set. Every value is written and the next one overwrites it: a branch
/// would be guessed wrong half of the time.
fn kept<T: Copy + Default>(values: &[T], flags: &[bool]) -> Vec<T> {
    let (mut kept, mut passed) = (vec![T::default(); values.len()], 0);
    let to = kept.as_mut_slice();
    for (value, passes) in values.iter().zip(flags) {
        if let Some(place) = to.get_mut(passed) {
            *place = *value;
        }
        passed += usize::from(*passes);
    }
    kept.truncate(passed);
    kept
}

/// What holds for a user holds for each of their rows.
pub(super) fn spread<T: Copy>(of_users: &[T], counts: &[u32]) -> Vec<T> {
    if counts.is_empty() {
        return of_users.to_vec();
    }
    let rows = of_users.iter().zip(counts);
    rows.flat_map(|(value, rows)| std::iter::repeat_n(*value, *rows as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_users_and_of_rows_meet() {
        let users = Mask::of(vec![true, false, true], true);
        let rows = Mask::of(vec![true, false, true, true, false, false], false);
        let counts = [2, 1, 3];
        let and = Mask::Rows(vec![true, false, false, true, false, false]);
        assert_eq!(users.clone().and(&rows, &counts), and);
        assert_eq!(rows.clone().and(&users, &counts), and);
        let or = users.clone().or(&rows, &counts);
        assert_eq!(or, Mask::All);
        assert_eq!(users.clone().and(&Mask::None, &[]), Mask::None);
        assert_eq!(users.clone().or(&Mask::None, &[]), users);
        assert_eq!(Mask::of(vec![true, true], false), Mask::All);
        assert_eq!(Mask::of(Vec::new(), false), Mask::None);
        let (lows, slots) = ([5, 6, 7], [50, 60, 70]);
        let passing = |mask: &Mask| {
            let (lows, slots) = mask.passing(&lows, Some(&slots));
            (lows.into_owned(), slots.into_owned())
        };
        assert_eq!(passing(&users), (vec![5, 7], vec![50, 70]));
        assert_eq!(passing(&Mask::All), (lows.to_vec(), slots.to_vec()));
        assert_eq!((passing(&Mask::None), passing(&rows)), Default::default());
        assert!(users.passing(&lows, None).1.is_empty());
        assert!(users.passes(2, 0) && !users.passes(1, 0) && rows.passes(1, 0));
    }
}

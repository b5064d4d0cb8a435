//! The users of each chunk over all activities, and what all rows of each of them agree on: such a
//! property is stored once for the user's day instead of once for each of their activities.

use super::format::PACKED_BELOW;
use super::laid::{Laid, NO_KEY};
use super::layout::{Block, Layout};
use super::rows::Cell;
use crate::codec::bits::Bits;
use std::iter::repeat_n;
use std::ops::Range;

/// The rank of a user whose chunk is no crowd.
const NO_RANK: u32 = u32::MAX;

/// All users of a chunk that has many.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) chunk: u32,
    /// Low 16 bits, ascending.
    pub(crate) lows: Vec<u16>,
    /// Rank of the first of them.
    first: usize,
    /// Users of the blocks of this chunk, each block for itself.
    in_blocks: usize,
}

/// The crowds of a section.
#[derive(Debug, Default)]
pub(crate) struct Crowds {
    /// Ascending by chunk.
    pub(crate) crowds: Vec<Crowd>,
    /// Ascending ordinals of the users of all other chunks.
    pub(crate) packed: Vec<u32>,
    /// Highest chunk with a user, plus one.
    pub(crate) chunks: u32,
    /// Of each of the layout's users, the rank among the users of all crowds.
    ranks: Vec<u32>,
    /// Of each row laid out, the rank of its user.
    row_ranks: Vec<u32>,
    users: usize,
}

/// Users of one chunk, and where they are in the layout.
type Share<'a> = (u32, &'a [u32], usize);

impl Crowds {
    pub(crate) fn of(layout: &Layout) -> Crowds {
        let mut shares: Vec<Share<'_>> = Vec::new();
        for block in &layout.blocks {
            let mut at = block.users.start;
            for (chunk, users) in layout.chunks_of(block) {
                shares.push((chunk, users, at));
                at += users.len();
            }
        }
        shares.sort_by_key(|(chunk, ..)| *chunk);
        let (users, rows) = (layout.users.len(), layout.order.len());
        let mut crowds = Crowds { ranks: vec![NO_RANK; users], ..Crowds::default() };
        crowds.row_ranks.reserve(rows);
        crowds.chunks = shares.last().map_or(0, |(chunk, ..)| chunk + 1);
        for of_chunk in shares.chunk_by(|a, b| a.0 == b.0) {
            crowds.add(of_chunk);
        }
        for block in &layout.blocks {
            if let Some(crowd) = crowds.of_chunk(block.chunk) {
                crowds.crowds[crowd].in_blocks += block.users.len();
            }
            let users = block.users.clone();
            let of_users = crowds.ranks[users.clone()].iter().zip(&layout.counts[users]);
            let of_rows = of_users.flat_map(|(rank, rows)| repeat_n(*rank, *rows as usize));
            crowds.row_ranks.extend(of_rows);
            // Rows of nobody.
            crowds.row_ranks.resize(block.rows.end, NO_RANK);
        }
        crowds
    }

    fn add(&mut self, of_chunk: &[Share<'_>]) {
        let Some((chunk, ..)) = of_chunk.first() else { return };
        let mut bits = Bits::EMPTY;
        let all = of_chunk.iter().flat_map(|(_, users, _)| users.iter());
        all.for_each(|user| bits.insert(*user as u16));
        let lows: Vec<u16> = bits.iter().collect();
        if lows.len() < PACKED_BELOW {
            return self.packed.extend(lows.iter().map(|low| chunk << 16 | u32::from(*low)));
        }
        // Of each word of the bits, how many users come before it.
        let mut before = [0u32; Bits::EMPTY.0.len()];
        let mut next = self.users as u32; // users are fewer than rows
        for (before, word) in before.iter_mut().zip(&bits.0) {
            *before = next;
            next += word.count_ones();
        }
        for (_, users, at) in of_chunk {
            for (user, rank) in users.iter().zip(&mut self.ranks[*at..]) {
                let (word, bit) = (*user as u16 >> 6, user & 63);
                let below = bits.0[usize::from(word)] & ((1 << bit) - 1);
                *rank = before[usize::from(word)] + below.count_ones();
            }
        }
        let first = self.users;
        self.users += lows.len();
        self.crowds.push(Crowd { chunk: *chunk, lows, first, in_blocks: 0 });
    }

    /// The place of a chunk's crowd.
    pub(crate) fn of_chunk(&self, chunk: u32) -> Option<usize> {
        self.crowds.binary_search_by_key(&chunk, |crowd| crowd.chunk).ok()
    }

    /// The places of a block's users among those of their crowd, ascending.
    pub(crate) fn ranks(&self, crowd: usize, block: &Block) -> impl Iterator<Item = usize> {
        let first = self.crowds[crowd].first;
        self.ranks[block.users.clone()].iter().map(move |rank| *rank as usize - first)
    }

    /// Of each row of a block, the place of its user among those of all crowds; `None` where it is
    /// of no crowd.
    pub(crate) fn row_ranks(&self, block: &Block) -> impl Iterator<Item = Option<usize>> {
        let ranks = &self.row_ranks[block.rows.clone()];
        ranks.iter().map(|rank| (*rank != NO_RANK).then_some(*rank as usize))
    }

    /// Users of all crowds.
    pub(crate) fn users(&self) -> usize {
        self.users
    }

    /// A crowd's part of what there is one of for each user of the crowds.
    pub(crate) fn part<'t, T>(&self, crowd: usize, all: &'t [T]) -> &'t [T] {
        let Crowd { first, lows, .. } = &self.crowds[crowd];
        &all[*first..first + lows.len()]
    }

    /// For each crowd, a cell for each of its users: where all rows of every user agree on the
    /// property, some row has it, and less is stored so. `laid`: the cells of all rows.
    pub(crate) fn agreed(&self, layout: &Layout, laid: &Laid) -> Vec<Option<Vec<Cell>>> {
        let mut found = Found {
            keys: vec![NO_KEY; self.users],
            agree: self.crowds.iter().map(|crowd| crowd.in_blocks > crowd.lows.len()).collect(),
        };
        for block in &layout.blocks {
            match (laid.codes(), self.of_chunk(block.chunk)) {
                (Some(codes), Some(crowd)) => {
                    self.compare_codes(block, laid, codes, crowd, &mut found)
                }
                _ => self.compare(layout, block, laid, &mut found),
            }
        }
        let of_crowd = |(crowd, agree): (&Crowd, &bool)| {
            let range: Range<usize> = crowd.first..crowd.first + crowd.lows.len();
            let keys = found.keys.get(range).filter(|_| *agree)?;
            let cells: Vec<Cell> = keys.iter().map(|key| laid.cell(*key)).collect();
            cells.iter().any(|cell| *cell != Cell::Null).then_some(cells)
        };
        self.crowds.iter().zip(&found.agree).map(of_crowd).collect()
    }

    /// Like `compare`, for rows of one crowd and a property with codes: most often all rows of a
    /// user have the same one, which is seen without a branch at any row.
    fn compare_codes(
        &self,
        block: &Block,
        laid: &Laid,
        codes: &[u16],
        crowd: usize,
        found: &mut Found,
    ) {
        if !found.agree[crowd] {
            return;
        }
        let (ranks, codes) = (&self.row_ranks[block.rows.clone()], &codes[block.rows.clone()]);
        let mut differ = 0;
        for (rank, code) in ranks.iter().zip(codes) {
            let key = &mut found.keys[*rank as usize];
            let code = u32::from(*code);
            let known = if *key == NO_KEY { code } else { *key };
            *key = known;
            differ |= known ^ code;
        }
        // Cells of two codes may be the same.
        let same =
            |(rank, code): (&u32, &u16)| laid.same(found.keys[*rank as usize], u32::from(*code));
        found.agree[crowd] = differ == 0 || ranks.iter().zip(codes).all(same);
    }

    fn compare(&self, layout: &Layout, block: &Block, laid: &Laid, found: &mut Found) {
        let mut row = block.rows.start;
        let mut crowd = 0;
        for user in block.users.clone() {
            let rows = row..row + layout.counts[user] as usize;
            row = rows.end;
            let rank = self.ranks[user];
            if rank == NO_RANK {
                continue;
            }
            crowd = self.crowd_of(rank as usize, crowd);
            if found.agree[crowd] {
                found.agree[crowd] = found.add(rank as usize, laid, rows);
            } else if block.chunk == self.crowds[crowd].chunk {
                return; // all of its users are of this crowd
            }
        }
    }

    /// The crowd of a rank; ranks ascend from that of the crowd asked for last.
    fn crowd_of(&self, rank: usize, last: usize) -> usize {
        let Crowd { first, lows, .. } = &self.crowds[last];
        if rank < first + lows.len() {
            return last;
        }
        let after = &self.crowds[last..];
        last + after.partition_point(|crowd| crowd.first <= rank).saturating_sub(1)
    }
}

/// What was found of one property.
struct Found {
    /// By rank; none before the user's first row.
    keys: Vec<u32>,
    /// By crowd.
    agree: Vec<bool>,
}

impl Found {
    /// Does the user still agree?
    fn add(&mut self, rank: usize, laid: &Laid, mut rows: Range<usize>) -> bool {
        if self.keys[rank] == NO_KEY {
            self.keys[rank] = laid.key(rows.start);
            rows.start += 1;
        }
        let known = self.keys[rank];
        rows.all(|row| laid.same(known, laid.key(row)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::day::rows::{Column, DayRows, NO_USER};

    /// Seventy users of the first chunk do both things, one of the second and nobody do one.
    fn rows() -> DayRows {
        let mut rows = DayRows::default();
        for name in [&b"a"[..], b"b"] {
            for user in 0..70 {
                rows.push(user, name, 0);
            }
        }
        rows.push(65_540, b"a", 0);
        rows.push(NO_USER, b"a", 0);
        rows
    }

    fn laid(cells: Vec<Cell>) -> Laid {
        let order: Vec<u32> = (0..cells.len() as u32).collect();
        Laid::of(&Column { name: 0, cells }, &order, 0)
    }

    fn agreed(of: impl Fn(usize, u32) -> Cell) -> Vec<Option<Vec<Cell>>> {
        let rows = rows();
        let layout = Layout::of(&rows);
        let crowds = Crowds::of(&layout);
        assert_eq!((crowds.crowds.len(), &crowds.packed[..], crowds.chunks), (1, &[65_540][..], 2));
        let cell = |row: &u32| of(*row as usize, rows.users[*row as usize]);
        let cells: Vec<Cell> = layout.order.iter().map(cell).collect();
        crowds.agreed(&layout, &laid(cells))
    }

    #[test]
    fn what_all_rows_of_each_user_agree_on_is_told_once() {
        let by_user = |_, user| Cell::Integer(i64::from(user));
        let cells = agreed(by_user).remove(0).unwrap();
        assert!(cells.into_iter().eq((0..70).map(Cell::Integer)));
        let some = agreed(|_, user| if user == 3 { Cell::Bool(true) } else { Cell::Null });
        assert_eq!(some[0].as_ref().unwrap()[2..4], [Cell::Null, Cell::Bool(true)]);
    }

    #[test]
    fn one_row_that_differs_or_misses_is_enough() {
        assert_eq!(agreed(|row, _| Cell::Integer(i64::from(row == 139))), [None]);
        assert_eq!(agreed(|row, _| if row == 5 { Cell::Null } else { Cell::Float(0.0) }), [None]);
        assert_eq!(agreed(|row, _| Cell::Float(if row < 70 { 0.0 } else { -0.0 })), [None]);
        assert_eq!(agreed(|_, _| Cell::Null), [None]);
        // Of others nothing is asked.
        assert!(agreed(|row, _| Cell::Bool(row < 140))[0].is_some());
    }

    #[test]
    fn one_activity_has_nothing_to_share() {
        let mut rows = DayRows::default();
        (0..100).for_each(|user| rows.push(user, b"a", 0));
        let layout = Layout::of(&rows);
        let cells = vec![Cell::Bool(true); 100];
        assert_eq!(Crowds::of(&layout).agreed(&layout, &laid(cells)), [None]);
    }
}

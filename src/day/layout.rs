//! Rows in the order of a section, cut into blocks: what goes where before any byte is written.

use super::format::{CHUNK_NONE, CHUNK_PACKED, PACKED_BELOW};
use super::order::{SortedRows, sort};
use super::rows::{DayRows, NO_USER};
use std::ops::Range;

/// One activity in one chunk, or its small chunks together, or its rows without a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Rank of the activity's name.
    pub(crate) activity: u32,
    /// A chunk, `CHUNK_PACKED` or `CHUNK_NONE`.
    pub(crate) chunk: u32,
    /// Of the laid out rows.
    pub(crate) rows: Range<usize>,
    /// Of `Layout::users`; empty without users.
    pub(crate) users: Range<usize>,
}

/// All rows laid out.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Activity names (codes of the rows' strings) by rank.
    pub(crate) activities: Vec<u32>,
    /// Row `i` of the section is row `order[i]` of the input.
    pub(crate) order: Vec<u32>,
    /// Sorted by (activity, chunk).
    pub(crate) blocks: Vec<Block>,
    /// Distinct users, block by block, ascending in each.
    pub(crate) users: Vec<u32>,
    /// Rows of each of `users`.
    pub(crate) counts: Vec<i64>,
}

/// Neighbouring rows of one activity and chunk (`CHUNK_NONE`: without a user).
struct Span {
    activity: u32,
    chunk: u32,
    rows: Range<usize>,
    users: usize,
}

impl Layout {
    pub(crate) fn of(rows: &DayRows) -> Layout {
        let (ranks, activities) = rows.activity_ranks();
        let sorted = sort(rows, &ranks);
        let mut spans = spans_of(&sorted.places);
        for span in &mut spans {
            if span.chunk != CHUNK_NONE && span.users < PACKED_BELOW {
                span.chunk = CHUNK_PACKED;
            }
        }
        // Stable: small chunks of an activity stay in order behind its large ones.
        spans.sort_by_key(|span| (span.activity, span.chunk));
        let mut layout = Layout { activities, ..Layout::default() };
        layout.order.reserve(rows.len());
        layout.users.reserve(rows.len());
        layout.counts.reserve(rows.len());
        for span in &spans {
            layout.add(&sorted, span);
        }
        layout
    }

    fn add(&mut self, sorted: &SortedRows, span: &Span) {
        let (first_row, first_user) = (self.order.len(), self.users.len());
        self.order.extend_from_slice(&sorted.order[span.rows.clone()]);
        if span.chunk != CHUNK_NONE {
            for of_user in sorted.places[span.rows.clone()].chunk_by(|a, b| a == b) {
                self.users.push(of_user[0] as u32);
                self.counts.push(of_user.len() as i64);
            }
        }
        let (end_row, end_user) = (self.order.len(), self.users.len());
        match self.blocks.last_mut() {
            Some(block) if (block.activity, block.chunk) == (span.activity, span.chunk) => {
                block.rows.end = end_row;
                block.users.end = end_user;
            }
            _ => self.blocks.push(Block {
                activity: span.activity,
                chunk: span.chunk,
                rows: first_row..end_row,
                users: first_user..end_user,
            }),
        }
    }

    /// The users of each chunk of a block.
    pub(crate) fn chunks_of<'a>(
        &'a self,
        block: &Block,
    ) -> impl Iterator<Item = (u32, &'a [u32])> + use<'a> {
        let users = &self.users[block.users.clone()];
        users.chunk_by(|a, b| a >> 16 == b >> 16).map(|users| (users[0] >> 16, users))
    }
}

fn spans_of(places: &[u64]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut last = None;
    for (at, &place) in places.iter().enumerate() {
        let (activity, user) = ((place >> 32) as u32, place as u32);
        let chunk = if user == NO_USER { CHUNK_NONE } else { user >> 16 };
        match spans.last_mut() {
            Some(span) if span.activity == activity && span.chunk == chunk => {
                span.rows.end = at + 1;
                span.users += usize::from(last != Some(place));
            }
            _ => spans.push(Span { activity, chunk, rows: at..at + 1, users: 1 }),
        }
        last = Some(place);
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_chunks_follow_large_ones_in_one_block() {
        let mut rows = DayRows::default();
        rows.push(NO_USER, b"a", 3);
        rows.push(5, b"a", 1);
        rows.push(5, b"a", 0);
        for user in 0..64 {
            rows.push(65_536 + user, b"a", 0);
        }
        rows.push(200_000, b"a", 0);
        rows.push(9, b"b", 0);
        let layout = Layout::of(&rows);
        let block = |activity, chunk, rows, users| Block { activity, chunk, rows, users };
        let expected = [
            block(0, 1, 0..64, 0..64),
            block(0, CHUNK_PACKED, 64..67, 64..66),
            block(0, CHUNK_NONE, 67..68, 66..66),
            block(1, CHUNK_PACKED, 68..69, 66..67),
        ];
        assert_eq!(layout.blocks, expected);
        assert_eq!(layout.order[64..], [2, 1, 67, 0, 68]);
        assert_eq!(
            (&layout.users[64..], &layout.counts[63..]),
            (&[5, 200_000, 9][..], &[1, 2, 1, 1][..])
        );
        let chunks: Vec<_> = layout.chunks_of(&layout.blocks[1]).collect();
        assert_eq!(chunks, [(0, &[5][..]), (3, &[200_000][..])]);
    }
}

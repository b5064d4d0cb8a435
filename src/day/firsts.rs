//! When each user of a chunk did something first on a day, and all other times since then.
//!
//! Most of what a user does on a day lies within minutes of their first event. Told from there, the
//! times of rows take fewer bits, and the first ones are told once for all activities.

use super::crowds::Crowds;
use super::layout::{Block, Layout};
use super::pages;

/// The times of a section as they are written.
#[derive(Debug)]
pub(crate) struct Times {
    /// Of each row laid out: since its user's first time where the crowd has those, otherwise since
    /// the day's start.
    pub(crate) rows: Vec<i64>,
    /// Of each crowd, the first time of each of its users, where that saves bytes.
    pub(crate) firsts: Vec<Option<Vec<i64>>>,
}

impl Times {
    /// `times`: of the input's rows.
    pub(crate) fn of(layout: &Layout, crowds: &Crowds, times: &[i64]) -> Times {
        let mut rows: Vec<i64> = layout.order.iter().map(|&row| times[row as usize]).collect();
        let firsts = firsts_of(layout, crowds, &rows);
        let mut since = rows.clone();
        for block in &layout.blocks {
            let ranks = crowds.row_ranks(block);
            for (time, user) in since[block.rows.clone()].iter_mut().zip(ranks) {
                *time -= user.map_or(0, |user| firsts[user]);
            }
        }
        let saving = savings(layout, crowds, (&rows, &since), &firsts);
        for (crowd, block) in blocks_of_crowds(layout, crowds) {
            if saving[crowd] {
                rows[block.rows.clone()].copy_from_slice(&since[block.rows.clone()]);
            }
        }
        let of_crowd =
            |(crowd, saving): (usize, bool)| saving.then(|| crowds.part(crowd, &firsts).to_vec());
        Times { rows, firsts: saving.into_iter().enumerate().map(of_crowd).collect() }
    }
}

/// Adds to the times of each user their first one. `counts`: rows of each user; empty: one each.
pub(super) fn add<'f>(firsts: impl Iterator<Item = &'f i64>, counts: &[u32], times: &mut [i64]) {
    if counts.is_empty() {
        return times.iter_mut().zip(firsts).for_each(|(time, first)| *time += first);
    }
    let mut rest = times;
    for (first, count) in firsts.zip(counts) {
        let Some((of_user, after)) = rest.split_at_mut_checked(*count as usize) else { return };
        of_user.iter_mut().for_each(|time| *time += first);
        rest = after;
    }
}

/// Blocks whose users are those of one crowd, and which one.
fn blocks_of_crowds<'l>(
    layout: &'l Layout,
    crowds: &'l Crowds,
) -> impl Iterator<Item = (usize, &'l Block)> {
    let blocks = layout.blocks.iter();
    blocks.filter_map(|block| Some((crowds.of_chunk(block.chunk)?, block)))
}

/// By the user's place among those of all crowds.
fn firsts_of(layout: &Layout, crowds: &Crowds, rows: &[i64]) -> Vec<i64> {
    let mut firsts = vec![i64::MAX; crowds.users()];
    for block in &layout.blocks {
        let times = rows[block.rows.clone()].iter().zip(crowds.row_ranks(block));
        for (time, user) in times {
            if let Some(user) = user {
                firsts[user] = firsts[user].min(*time);
            }
        }
    }
    firsts
}

/// Of each crowd, whether fewer bytes are taken since the first times.
fn savings(
    layout: &Layout,
    crowds: &Crowds,
    (rows, since): (&[i64], &[i64]),
    firsts: &[i64],
) -> Vec<bool> {
    let count = crowds.crowds.len();
    let mut with: Vec<usize> =
        (0..count).map(|crowd| pages::times_about(crowds.part(crowd, firsts))).collect();
    let mut without = vec![0; count];
    for (crowd, block) in blocks_of_crowds(layout, crowds) {
        with[crowd] += pages::times_about(&since[block.rows.clone()]);
        without[crowd] += pages::times_about(&rows[block.rows.clone()]);
    }
    with.iter().zip(&without).map(|(with, without)| with < without).collect()
}

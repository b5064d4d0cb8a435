//! The first walk of a breakdown: how large each group is.

use crate::error::Result;
use crate::scan::{Counted, Groups, RowEvent, RowInput, RowJob, RowOperator, SetKind};
use std::sync::Arc;

/// How the groups of a report are ranked.
pub(super) struct Ranking<'a> {
    pub(super) job: RowJob<'a>,
    /// Ranks the groups by what the job has counted, and keeps so many.
    pub(super) rank: Box<dyn FnOnce(&Groups, usize, Counted) -> Result<()> + 'a>,
}

impl<'a> Ranking<'a> {
    /// By distinct users. `groups_of` visits the groups that a user's events put them into.
    pub(super) fn by_users<F: GroupsOf + Clone + Sync>(
        input: RowInput,
        users: Option<Arc<SetKind>>,
        groups_of: F,
    ) -> Ranking<'a> {
        let job = RowJob::new(input, users, move || RankUsers::new(groups_of.clone()));
        let rank = |groups: &Groups, top: usize, counted: Counted| {
            let sizes = counted.take::<RankUsers<F>>()?.users;
            let sizes: Vec<Option<u64>> =
                sizes.into_iter().map(|users| Some(users).filter(|users| *users > 0)).collect();
            groups.rank(&sizes, top);
            Ok(())
        };
        Ranking { job, rank: Box::new(rank) }
    }
}

/// The groups (by number) that a user's events put them into; one may be visited several times.
pub(super) trait GroupsOf: FnMut(&[RowEvent], &mut dyn FnMut(u32)) + Send + 'static {}

impl<F: FnMut(&[RowEvent], &mut dyn FnMut(u32)) + Send + 'static> GroupsOf for F {}

/// Distinct users of each group.
pub(super) struct RankUsers<F> {
    groups_of: F,
    /// By the group's number.
    users: Vec<u64>,
    scratch: Vec<u32>,
}

impl<F: GroupsOf> RankUsers<F> {
    pub(super) fn new(groups_of: F) -> RankUsers<F> {
        RankUsers { groups_of, users: Vec::new(), scratch: Vec::new() }
    }
}

fn add(users: &mut Vec<u64>, group: usize, count: u64) {
    if users.len() <= group {
        users.resize(group + 1, 0);
    }
    users[group] += count;
}

impl<F: GroupsOf> RowOperator for RankUsers<F> {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        let RankUsers { groups_of, users, scratch } = self;
        scratch.clear();
        groups_of(events, &mut |group| scratch.push(group));
        scratch.sort_unstable();
        scratch.dedup();
        scratch.iter().for_each(|&group| add(users, group as usize, 1));
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        let sizes = other.users.into_iter().enumerate();
        sizes.for_each(|(group, count)| add(&mut self.users, group, count));
        Ok(())
    }
}

//! The first walk of a breakdown: how large each group is.

use super::Question;
use crate::error::Result;
use crate::scan::{
    Counted, Groups, Numbering, RowEvent, RowInput, RowJob, RowOperator, Selector, SetKind,
    SizeJob, Sizes,
};
use crate::time::Day;
use std::ops::Range;
use std::sync::Arc;

/// How the groups of a report are ranked.
pub(super) enum Ranking<'a> {
    /// By the distinct users who have an event of the group.
    Sizes(SizeJob),
    /// By what a job on rows finds out.
    Rows(RowJob<'a>, Box<Rank<'a>>),
}

/// Ranks the groups by what the job has counted, and keeps so many.
type Rank<'a> = dyn FnOnce(&Groups, usize, Counted) -> Result<()> + 'a;

impl<'a> Ranking<'a> {
    /// By the distinct users who have an event of the selector in the range.
    pub(super) fn by_presence(question: &Question<'a>, event: &Selector) -> Ranking<'a> {
        let none = || Arc::new(Groups::new(Numbering::new(Vec::new())));
        let groups = question.groups.clone().unwrap_or_else(none);
        let (from, to) = question.instants().range();
        let users = question.plan.users.clone();
        let selector = event.clone();
        Ranking::Sizes(SizeJob { selector, from, to, users, groups, daily: None })
    }

    /// The same, with the users of each group day by day.
    pub(super) fn with_days(self, days: Range<Day>) -> Ranking<'a> {
        match self {
            Ranking::Sizes(job) => Ranking::Sizes(SizeJob { daily: Some(days), ..job }),
            rows @ Ranking::Rows(..) => rows,
        }
    }

    /// By distinct users. `groups_of` visits the groups that a user's events put them into. Where
    /// the job reads events without a user, their groups exist as well, without anybody.
    pub(super) fn by_users<F: GroupsOf + Clone + Sync>(
        input: RowInput,
        users: Option<Arc<SetKind>>,
        groups_of: F,
    ) -> Ranking<'a> {
        let job = RowJob::new(input, users, move || RankUsers::new(groups_of.clone()));
        let rank = |groups: &Groups, top: usize, counted: Counted| {
            groups.rank(&counted.take::<RankUsers<F>>()?.users, top);
            Ok(())
        };
        Ranking::Rows(job, Box::new(rank))
    }
}

/// Keeps the groups with most users; a group of nobody does not exist.
pub(super) fn rank_by_users(groups: &Groups, top: usize, sizes: Sizes) {
    let users = sizes.users.into_iter().map(|users| Some(users).filter(|users| *users > 0));
    groups.rank(&users.collect::<Vec<_>>(), top);
    sizes.daily.into_iter().for_each(|daily| groups.keep_daily(daily));
}

/// The groups (by number) that a user's events put them into; one may be visited several times.
pub(super) trait GroupsOf: FnMut(&[RowEvent], &mut dyn FnMut(u32)) + Send + 'static {}

impl<F: FnMut(&[RowEvent], &mut dyn FnMut(u32)) + Send + 'static> GroupsOf for F {}

/// Distinct users of each group.
pub(super) struct RankUsers<F> {
    groups_of: F,
    /// By the group's number; `None` for a group without an event.
    users: Vec<Option<u64>>,
    scratch: Vec<u32>,
}

impl<F: GroupsOf> RankUsers<F> {
    pub(super) fn new(groups_of: F) -> RankUsers<F> {
        RankUsers { groups_of, users: Vec::new(), scratch: Vec::new() }
    }
}

fn add(users: &mut Vec<Option<u64>>, group: usize, count: u64) {
    if users.len() <= group {
        users.resize(group + 1, None);
    }
    *users[group].get_or_insert_default() += count;
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

    fn unordered(&mut self, events: &[RowEvent]) -> Result<()> {
        let RankUsers { groups_of, users, .. } = self;
        groups_of(events, &mut |group| add(users, group as usize, 0));
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        for (group, count) in other.users.into_iter().enumerate() {
            if let Some(count) = count {
                add(&mut self.users, group, count);
            }
        }
        Ok(())
    }
}

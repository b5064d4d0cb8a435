//! `adoption`: the users of a feature among the active ones of the same bucket.

use super::prepared::{Answered, Outcome};
use super::{Prepared, Question, share};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::answer::{Column, Figures};
use crate::query::selector_name;
use crate::scan::{BucketOperator, ByBucket, Cut, Gather, Job, Selector, Step, Tally, kernels};

/// A series per feature, or one with `k`. Sums of each: the users of each bucket, then the active
/// ones.
pub(super) fn prepare<'a>(
    question: &Question<'a>,
    features: &'a [Selector],
    k: Option<u32>,
    among: &Selector,
) -> Prepared<'a> {
    let named = features.iter().map(|feature| (Some(feature), std::slice::from_ref(feature), 1));
    let each: Vec<_> = match k {
        Some(k) => vec![(None, features, k)],
        None => named.collect(),
    };
    let (mut bits, mut names) = (Vec::new(), Vec::new());
    for (feature, features, k) in each {
        bits.push(job(question, features, k, among));
        names.push(feature.map(selector_name));
    }
    let figures = move |question: &Question<'a>, outcome: Outcome| {
        let each = names.into_iter().zip(&outcome.tallies).map(|(feature, tally)| Answered {
            feature,
            ..Answered::of(0, figures(question, tally))
        });
        Ok(each.collect())
    };
    Prepared { bits, rows: Vec::new(), figures: Box::new(figures) }
}

/// Users of at least `k` of the features among the active ones.
fn job<'a>(question: &Question<'a>, features: &[Selector], k: u32, among: &Selector) -> Job<'a> {
    let (edges, buckets) = (question.edges(), question.plan.buckets.len());
    let (from, to) = (question.plan.from_tick, question.plan.to_tick);
    let selectors = features.iter().chain([among]);
    let inputs = selectors.map(|selector| question.input(selector, from, to)).collect();
    let (features, k) = (features.len(), usize::try_from(k).unwrap_or(usize::MAX));
    let cut = Cut { edges: edges.clone(), reach: 0 };
    question.job_by_bucket(inputs, 2 * buckets, cut, move |share| {
        Box::new(ByBucket::some(edges.clone(), share, Adoption::new(features, k, buckets)))
    })
}

fn figures(question: &Question<'_>, tally: &Tally) -> Figures {
    let (users, active) = tally.sums.split_at(question.plan.buckets.len().min(tally.sums.len()));
    let rate = |bucket: usize| share(*users.get(bucket)?, *active.get(bucket)?);
    Figures::Columns(vec![
        ("users", question.counts(users)),
        ("active", question.counts(active)),
        ("rate", Column::Ratios(question.begun(rate))),
    ])
}

/// Counts the active ones who use at least k features, bucket by bucket.
struct Adoption {
    /// The features, then the active ones.
    gathers: Vec<Gather>,
    /// Users of at least 1, 2, ... k features of the bucket.
    at_least: Vec<Bits>,
    /// Where the active ones' sums begin.
    offset: usize,
}

impl Adoption {
    fn new(features: usize, k: usize, offset: usize) -> Adoption {
        let gathers = (0..=features).map(Gather::presence).collect();
        // More than all of the features nobody can use.
        Adoption { gathers, at_least: vec![Bits::EMPTY; k.min(features + 1)], offset }
    }
}

impl BucketOperator for Adoption {
    fn collect(&mut self, step: &Step<'_>, _: Option<usize>, _: &mut Tally) -> Result<()> {
        self.gathers.iter_mut().try_for_each(|gather| gather.day(step))
    }

    fn close(&mut self, bucket: usize, _: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        let Some((active, features)) = self.gathers.split_last_mut() else { return Ok(()) };
        self.at_least.iter_mut().for_each(|users| *users = Bits::EMPTY);
        for users in features.iter_mut().filter_map(Gather::take) {
            count_one_more(&mut self.at_least, users);
        }
        if let (Some(active), Some(used)) = (active.take(), self.at_least.last()) {
            tally.add(bucket, kernels::count_and(active, used));
            tally.add(self.offset + bucket, kernels::count(active));
        }
        Ok(())
    }
}

/// Users of one more feature: whoever is on a level already goes on to the next one. `users` is
/// left with rubbish.
fn count_one_more(at_least: &mut [Bits], users: &mut Bits) {
    let mut onward = Bits::EMPTY;
    for level in at_least {
        onward.0 = users.0;
        kernels::and(&mut onward, level);
        kernels::or(level, users);
        std::mem::swap(users, &mut onward);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn levels_hold_the_users_of_so_many(
            features in proptest::collection::vec(
                proptest::collection::btree_set(0u16..90, 0..40),
                0..9,
            ),
            k in 1usize..10,
        ) {
            let mut at_least = vec![Bits::EMPTY; k];
            for feature in &features {
                let mut users = Bits::EMPTY;
                feature.iter().for_each(|&user| users.insert(user));
                count_one_more(&mut at_least, &mut users);
            }
            for (level, least) in at_least.iter().zip(1..) {
                let uses = |user: &u16| features.iter().filter(|f| f.contains(user)).count();
                let model: BTreeSet<u16> = (0..90).filter(|user| uses(user) >= least).collect();
                prop_assert_eq!(level.iter().collect::<BTreeSet<u16>>(), model);
            }
        }
    }
}

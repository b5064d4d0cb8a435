//! `count`: how many people are in a set.

use super::{Prepared, Question};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::answer::Figures;
use crate::scan::{Job, Operator, Selector, Step, Tally, kernels};
use crate::time::Tick;

pub(super) fn prepare<'a>(question: &Question<'a>) -> Prepared<'a> {
    let job = people(question, 1, |chunk| People::new(chunk, false));
    let figures = |_: &Question<'_>, tally: Tally| {
        Ok(Figures::Count(tally.sums.first().copied().unwrap_or_default()))
    };
    Prepared::new(job, figures)
}

/// People are those with a stored event: in the range where the query names one, else whenever,
/// and then days are the same in every zone.
pub(super) fn people<'a>(
    question: &Question<'a>,
    sums: usize,
    operator: impl Fn(u32) -> People + Send + Sync + 'a,
) -> Job<'a> {
    let ranged = question.query.is_ranged();
    let any = |from, to| question.input_of_all(&Selector::Any, from, to);
    let inputs = vec![match ranged {
        true => any(question.plan.from_tick, question.plan.to_tick),
        false => any(Tick::MAX, Tick::MAX).with_seen(),
    }];
    let job = question.job(inputs, sums, move |chunk| Box::new(operator(chunk)));
    Job { axis: job.axis.clone().filter(|_| ranged), ..job }
}

/// Everybody with an event: counted into sum 0, or listed.
pub(super) struct People {
    chunk: u32,
    list: bool,
    users: Box<Bits>,
}

impl People {
    pub(super) fn new(chunk: u32, list: bool) -> People {
        People { chunk, list, users: Box::new(Bits::EMPTY) }
    }
}

impl Operator for People {
    fn day(&mut self, step: &Step<'_>, _: &mut Tally) -> Result<()> {
        if let Some(users) = step.users(0) {
            users.or_into(&mut self.users);
        }
        Ok(())
    }

    fn finish(&mut self, tally: &mut Tally) -> Result<()> {
        if self.list {
            tally.members.push((self.chunk, self.users.clone()));
        } else {
            tally.add(0, kernels::count(&self.users));
        }
        Ok(())
    }
}

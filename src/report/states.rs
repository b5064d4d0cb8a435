//! `states`: everybody who was ever active, sorted by how lately, on each bucket's last day.

use super::{Prepared, Question, share};
use crate::codec::bits::Bits;
use crate::error::Result;
use crate::query::answer::{Column, Figures};
use crate::scan::{BucketOperator, ByBucket, Edges, Selector, Step, Tally, Users, Window, kernels};
use crate::time::Day;

const STATES: [&str; 7] =
    ["new", "current", "reactivated", "resurrected", "at_risk_week", "at_risk_month", "dormant"];
/// A rate, and the state that it is of.
const RATES: [(&str, usize); 4] = [("curr", 1), ("nurr", 0), ("rurr", 2), ("surr", 3)];
/// Sums per bucket: users of the seven states, and of the first four those back a day later.
const SUMS: usize = 11;

pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &Selector,
    week: u32,
    month: u32,
) -> Prepared<'a> {
    let edges = question.edges();
    let (week, month) = (question.plan.ticks(week), question.plan.ticks(month));
    // One day more: who came back on the day after the last bucket.
    let to = question.plan.to_tick.saturating_add(1);
    let input = question.input(event, question.looks_back(week.max(month)), to).with_seen();
    let job = question.job(vec![input], question.plan.buckets.len() * SUMS, move |_| {
        let operator = States::new(edges.clone(), week, month);
        Box::new(ByBucket::new(edges.clone(), operator))
    });
    Prepared::new(job, |question, tally| Ok(figures(question, &tally)))
}

fn figures(question: &Question<'_>, tally: &Tally) -> Figures {
    let sum = |bucket: usize, place: usize| tally.sums.get(bucket * SUMS + place).copied();
    let states = STATES
        .iter()
        .enumerate()
        .map(|(place, name)| (*name, Column::Counts(question.begun(|bucket| sum(bucket, place)))));
    let rates = RATES.iter().map(|(name, state)| {
        let rate = |bucket: usize| {
            // Until the day after has ended the share is not known.
            let next = question.plan.buckets.get(bucket)?.end;
            let known = question.plan.span(next, next + 1).complete;
            known.then(|| share(sum(bucket, STATES.len() + state)?, sum(bucket, *state)?))?
        };
        (*name, Column::Ratios(question.begun(rate)))
    });
    Figures::Columns(states.chain(rates).collect())
}

struct States {
    edges: Edges,
    week_days: Day,
    month_days: Day,
    /// Days before `today`.
    week: Window,
    month: Window,
    seen: Box<Bits>,
    /// The latest day with an event, until it is one of the days before.
    today: Option<Day>,
    today_users: Box<Bits>,
    /// Room for the unions of the windows.
    week_users: Box<Bits>,
    month_users: Box<Bits>,
}

impl States {
    fn new(edges: Edges, week_days: Day, month_days: Day) -> States {
        let (week, month) = (Window::new(), Window::new());
        let empty = || Box::new(Bits::EMPTY);
        States {
            edges,
            week_days,
            month_days,
            week,
            month,
            seen: empty(),
            today: None,
            today_users: empty(),
            week_users: empty(),
            month_users: empty(),
        }
    }

    /// Today becomes one of the days before.
    fn settle(&mut self) {
        if let Some(day) = self.today.take() {
            self.week.push(day, &*self.today_users);
            self.month.push(day, &*self.today_users);
            kernels::or(&mut self.seen, &self.today_users);
        }
    }

    fn advance(&mut self, day: Day) {
        self.week.evict_before(day - self.week_days + 1);
        self.month.evict_before(day - self.month_days + 1);
    }
}

impl BucketOperator for States {
    fn collect(&mut self, step: &Step<'_>, _: Option<usize>, _: &mut Tally) -> Result<()> {
        if let Some(users) = step.users(0) {
            self.settle();
            self.advance(step.day);
            self.today = Some(step.day);
            users.copy_into(&mut self.today_users);
        }
        Ok(())
    }

    fn close(&mut self, bucket: usize, next: Option<&Step<'_>>, tally: &mut Tally) -> Result<()> {
        let day = self.edges[bucket + 1] - 1;
        if self.today.is_some_and(|today| today < day) {
            self.settle();
        }
        self.advance(day);
        self.week.union_into(&mut self.week_users);
        self.month.union_into(&mut self.month_users);
        let tomorrow = next.filter(|step| step.day == day + 1).and_then(|step| step.users(0));
        let states = kernels::states(&kernels::StateInputs {
            today: self.today.map_or(&Bits::EMPTY, |_| &self.today_users),
            seen: &self.seen,
            week: &self.week_users,
            month: &self.month_users,
            tomorrow: tomorrow.map_or(&Bits::EMPTY, Users::bits),
        });
        for (place, users) in states.users.into_iter().chain(states.back).enumerate() {
            tally.add(bucket * SUMS + place, users);
        }
        Ok(())
    }
}

//! One day of a narrowing, for all users of a chunk: a few words at a time, so that what is worked
//! out of them stays near.

use crate::codec::bits::Bits;
use crate::codec::level::vectorized;
use crate::scan::kernels;
use crate::time::{DaySpan, Micros};

/// Words that are looked at together.
const WORDS: usize = 32;

type Words = [u64; WORDS];

/// What is around a day, by step.
pub(super) struct Day<'d> {
    /// Who does it today.
    pub(super) did: Vec<&'d Bits>,
    /// Of each step but the last, who is in either: did it as far back as a window reaches, or
    /// today.
    pub(super) back: Vec<[&'d Bits; 2]>,
    /// Of each step but the first, who does it from today on; nothing where that is not known.
    pub(super) ahead: Option<Vec<[&'d Bits; 2]>>,
    pub(super) span: DaySpan,
    pub(super) within_us: Micros,
    /// Of everybody the rows are wanted on the first day of the first step.
    pub(super) first_rows: bool,
}

/// Whose rows of a step matter on a day.
pub(in crate::scan) struct Wanted {
    bits: Box<Bits>,
    some: bool,
}

impl Wanted {
    pub(super) fn nobody() -> Wanted {
        Wanted { bits: Box::new(Bits::EMPTY), some: false }
    }

    /// `None`: nobody's.
    pub(in crate::scan) fn users(&self) -> Option<&Bits> {
        self.some.then_some(&self.bits)
    }
}

/// What the days before tell.
pub(super) struct Known {
    /// By steps done less one: who has certainly done so many, within a window.
    done: Vec<Bits>,
    newer: Entered,
    older: Option<Entered>,
    /// Who did the first step at all.
    pub(super) entered: Box<Bits>,
}

/// Users who entered on the days from `start` on, by steps done since, each on a later day, less
/// one.
struct Entered {
    start: Micros,
    done: Vec<Bits>,
}

impl Entered {
    fn new(start: Micros, steps: usize) -> Entered {
        Entered { start, done: vec![Bits::EMPTY; steps - 1] }
    }
}

impl Known {
    pub(super) fn new(steps: usize) -> Known {
        Known {
            done: vec![Bits::EMPTY; steps],
            newer: Entered::new(Micros::MIN, steps),
            older: None,
            entered: Box::new(Bits::EMPTY),
        }
    }

    /// Finds whose rows matter on the day; then takes in what is certain after it.
    pub(super) fn step(&mut self, day: &Day<'_>, wanted: &mut [Wanted]) {
        wanted.iter_mut().for_each(|wanted| wanted.some = false);
        vectorized!({
            for at in 0..Bits::EMPTY.0.len() / WORDS {
                self.want(day, at, wanted);
                self.finish(day, at);
            }
        });
        if day.did.first().is_none_or(|did| kernels::is_empty(did)) {
            return;
        }
        if day.span.end.saturating_sub(self.newer.start) > day.within_us / 2 {
            let newer = Entered::new(day.span.start, day.did.len());
            self.older = Some(std::mem::replace(&mut self.newer, newer));
        }
        if let (Some(first), Some(did)) = (self.newer.done.first_mut(), day.did.first()) {
            kernels::or(first, did);
        }
    }

    /// A day's rows of a step matter of who may have done the steps before, and may go on from
    /// there as far as nobody knows yet that they come.
    #[inline(always)]
    fn want(&mut self, day: &Day<'_>, at: usize, wanted: &mut [Wanted]) {
        let mut before: Words = [u64::MAX; WORDS];
        for (step, wanted) in wanted.iter_mut().enumerate() {
            let did = words(day.did[step], at);
            let mut use_of = self.of_use(day, at, step);
            zip(&mut use_of, &before, |some, before| some & before);
            if step == 0 {
                if day.first_rows {
                    let entered = words(&self.entered, at);
                    zip2(&mut use_of, did, entered, |some, did, entered| some | did & !entered);
                }
                zip(words_mut(&mut self.entered, at), did, |entered, did| entered | did);
            }
            zip(&mut use_of, did, |some, did| some & did);
            wanted.some |= use_of.iter().fold(0, |any, word| any | word) != 0;
            *words_mut(&mut wanted.bits, at) = use_of;
            if let Some([one, other]) = day.back.get(step) {
                zip2(&mut before, words(one, at), words(other, at), |all, a, b| all & (a | b));
            }
        }
    }

    #[inline(always)]
    fn of_use(&self, day: &Day<'_>, at: usize, step: usize) -> Words {
        let (mut all, mut going_on): (Words, Words) = ([0; WORDS], [u64::MAX; WORDS]);
        for to in step..day.did.len() {
            let ahead = day.ahead.as_ref().filter(|_| to > step);
            if let Some([one, other]) = ahead.and_then(|ahead| ahead.get(to - 1)) {
                zip2(&mut going_on, words(one, at), words(other, at), |all, a, b| all & (a | b));
            }
            if to > 0 {
                let done = words(&self.done[to], at);
                zip2(&mut all, &going_on, done, |all, going_on, done| all | going_on & !done);
            }
        }
        all
    }

    /// Takes in what was certainly done within a window: one step a day.
    #[inline(always)]
    fn finish(&mut self, day: &Day<'_>, at: usize) {
        for entered in self.older.iter_mut().chain([&mut self.newer]) {
            if day.span.end.saturating_sub(entered.start) > day.within_us {
                continue;
            }
            for step in (1..day.did.len()).rev() {
                let mut now = *words(&entered.done[step - 1], at);
                zip(&mut now, words(day.did[step], at), |now, did| now & did);
                zip(words_mut(&mut self.done[step], at), &now, |done, now| done | now);
                if let Some(done) = entered.done.get_mut(step) {
                    zip(words_mut(done, at), &now, |done, now| done | now);
                }
            }
        }
    }
}

#[inline(always)]
fn words(bits: &Bits, at: usize) -> &Words {
    &bits.0.as_chunks().0[at]
}

#[inline(always)]
fn words_mut(bits: &mut Bits, at: usize) -> &mut Words {
    &mut bits.0.as_chunks_mut().0[at]
}

#[inline(always)]
fn zip(into: &mut Words, from: &Words, f: impl Fn(u64, u64) -> u64) {
    into.iter_mut().zip(from).for_each(|(into, from)| *into = f(*into, *from));
}

#[inline(always)]
fn zip2(into: &mut Words, one: &Words, other: &Words, f: impl Fn(u64, u64, u64) -> u64) {
    let from = one.iter().zip(other);
    into.iter_mut().zip(from).for_each(|(into, (one, other))| *into = f(*into, *one, *other));
}

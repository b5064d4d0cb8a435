//! Samples made and measured one after the other, larger and larger, for as long as the budget
//! lasts: how long one took says whether the next one still fits.

use super::design::{Sample, ladder, largest};
use super::measure::{Bench, Measured};
use super::place::Place;
use super::questions::Question;
use super::step::Wrote;
use super::workload::Workload;
use crate::failure::Failure;
use std::time::Instant;

/// Events of the samples that say how fast this machine is, for each second of the budget.
const PROBES: [f64; 3] = [300.0, 1_000.0, 3_000.0];
/// So many times what samples should take is kept for them: the last one is imported on one thread
/// too, and machines are not always as fast.
const GAINS: f64 = 2.0;
/// A sample that is not so many times as large as the one before tells nothing new.
const GROWTH_MIN: f64 = 1.5;
/// As few tell too little of what is paid at all.
const SAMPLES_MIN: usize = 3;
/// Bytes on disk per event of a sample, as CSV and as a database, at most.
const BYTES_PER_EVENT: f64 = 150.0;

/// What all samples share.
#[derive(Clone, Copy)]
pub struct Climb<'a> {
    pub place: &'a Place,
    pub threads: usize,
    /// Seconds.
    pub budget: f64,
    /// For each question on each sample.
    pub seconds_each: f64,
    pub started: Instant,
    /// Says what is being done.
    pub tell: &'a dyn Fn(&str),
}

/// Samples, smallest first, and what they were asked.
#[derive(Debug, Clone)]
pub struct Climbed {
    pub questions: Vec<Question>,
    pub samples: Vec<Measured>,
}

impl Climb<'_> {
    /// Samples with all events, until a share of the budget is used up.
    pub fn of_events(
        &self,
        workload: &Workload,
        questions: Vec<Question>,
        share: f64,
    ) -> Result<(Climbed, Vec<Wrote>), Failure> {
        let bench = self.bench(workload, &questions, 2);
        let samples = self.samples(&bench, share)?;
        let wrote = bench.write_live(self.budget / 250.0)?;
        Ok((Climbed { questions, samples }, wrote))
    }

    /// Samples of a thinned workload: their imports are not looked at.
    pub fn of_presence(
        &self,
        thinned: &Workload,
        questions: Vec<Question>,
        share: f64,
    ) -> Result<Climbed, Failure> {
        let samples = self.samples(&self.bench(thinned, &questions, 1), share)?;
        Ok(Climbed { questions, samples })
    }

    fn bench<'a>(
        &'a self,
        workload: &'a Workload,
        questions: &'a [Question],
        imports: usize,
    ) -> Bench<'a> {
        let Climb { place, threads, seconds_each, tell, .. } = *self;
        Bench { workload, questions, place, threads, imports, seconds_each, tell }
    }

    /// A ladder of samples, of which those are made that the budget lasts for.
    fn samples(&self, bench: &Bench<'_>, share: f64) -> Result<Vec<Measured>, Failure> {
        let until = self.budget * share;
        let left = || until - self.started.elapsed().as_secs_f64();
        let mut samples = self.probes(bench)?;
        let (probes, most) = (samples.len(), samples.last().map_or(0, |last| last.sample.size()));
        let events = self.affordable(&samples, left() - 6.0 * bench.asking_seconds());
        for sample in ladder(bench.workload, events).into_iter().filter(|s| s.size() > most) {
            let short = samples.last().filter(|last| bench.seconds(sample, last) > left());
            let last = short.map(|last| largest(bench.workload, bench.events_in(left(), last)));
            let enough = |sample: &Sample| {
                let before = samples.last().map_or(0, |last| last.sample.size());
                sample.size() as f64 >= GROWTH_MIN * before as f64
            };
            match last {
                None => samples.push(bench.sample(sample)?),
                Some(last) => {
                    if enough(&last) {
                        samples.push(bench.sample(last)?);
                    }
                    break;
                }
            }
        }
        if let Some(last) = samples.last_mut() {
            last.gains = bench.gains()?;
        }
        // Small and quickly asked ones are better than none.
        if samples.len() - probes >= SAMPLES_MIN {
            samples.drain(..probes);
        }
        Ok(samples)
    }

    /// Small samples, quickly asked; none where the workload itself is as small.
    fn probes(&self, bench: &Bench<'_>) -> Result<Vec<Measured>, Failure> {
        let quick = Bench { seconds_each: bench.seconds_each / 10.0, ..*bench };
        let Workload { users, days, .. } = *bench.workload;
        let sizes = PROBES.map(|events| largest(bench.workload, self.budget * events));
        let mut sizes = sizes.to_vec();
        sizes.retain(|size| *size != Sample { users, days });
        sizes.dedup();
        sizes.into_iter().map(|sample| quick.sample(sample)).collect()
    }

    /// Events of all further samples together that can be made in so many seconds, by what the
    /// larger probe took more than the smaller one.
    fn affordable(&self, probes: &[Measured], seconds: f64) -> f64 {
        let free = self.place.free_bytes().map_or(f64::INFINITY, |free| free / 2.0);
        let in_time = seconds_per_event(probes).map(|each| seconds.max(0.0) / each / GAINS);
        in_time.unwrap_or(f64::INFINITY).min(free / BYTES_PER_EVENT)
    }
}

fn seconds_per_event(probes: &[Measured]) -> Option<f64> {
    let (first, last) = (probes.first()?, probes.last()?);
    let most = last.seconds / last.size.events;
    let more = (last.seconds - first.seconds) / (last.size.events - first.size.events);
    // Small samples are dear an event, and two of them may differ by chance.
    Some(if more.is_finite() { more.clamp(most / 8.0, most) } else { most })
}

#[cfg(test)]
mod tests {
    use super::super::measure::tests::measured;
    use super::*;

    #[test]
    fn what_every_sample_takes_does_not_count_for_each_event() {
        let probe = |users, seconds| Measured { seconds, ..measured(users, 50, &|_| 1.0) };
        let (small, large) = (probe(100, 0.5), probe(1_100, 1.5));
        let events = large.size.events - small.size.events;
        let each = |probes: &[Measured]| seconds_per_event(probes);
        assert_eq!(each(&[small.clone(), large.clone()]), Some(1.0 / events));
        // By chance the larger one took less time, or there is no larger one.
        let most = large.seconds / large.size.events;
        assert_eq!(each(&[probe(100, 9.0), large.clone()]), Some(most / 8.0));
        assert_eq!(each(&[large]), Some(most));
        assert_eq!(each(&[]), None);
    }
}

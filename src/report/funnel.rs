//! `funnel`: how many people get how far through a list of steps, and how long it takes them.

use super::cells::{Cells, Slots};
use super::durations::{Durations, Sorted};
use super::prepared::{Instants, Prepared};
use super::rank::Ranking;
use super::{Question, share};
use crate::error::Result;
use crate::query::answer::{Column, DurationBin, Figures, FunnelStep};
use crate::query::selector_name;
use crate::scan::{
    FunnelOrder, FunnelSpec, Matcher, Narrow, RowEvent, RowInput, RowJob, RowOperator, Run,
};
use crate::time::{Bucket, Micros};

/// Where one class of the whole run's duration ends and the next begins, in seconds: 1, 10, a
/// minute, 10 minutes, an hour, 6 hours, and 1, 3, 7, 14, 30, 90 days.
const EDGES_S: [i64; 12] =
    [1, 10, 60, 600, 3_600, 21_600, 86_400, 259_200, 604_800, 1_209_600, 2_592_000, 7_776_000];

pub(super) fn prepare<'a>(question: &Question<'a>, spec: &'a FunnelSpec) -> Result<Prepared<'a>> {
    question.check_cells(spec.steps.len())?;
    let (runs, slots) = (Runs::new(question, spec), Slots::of(question));
    let job = RowJob::new(input(question, spec), question.plan.users.clone(), move || {
        let cells = Cells::new(runs.instants.len());
        Funnels { runs: runs.clone(), slots: slots.clone(), cells }
    });
    Ok(Prepared::of_rows(job, move |question, counted| {
        Ok(figures(question, spec, counted.take::<Funnels>()?.cells))
    }))
}

/// Groups by the value on the entry of each user's run, or runs.
pub(super) fn ranking<'a>(question: &Question<'a>, spec: &FunnelSpec) -> Ranking<'a> {
    let mut runs = Runs::new(question, spec);
    let users = question.plan.users.clone();
    Ranking::by_users(
        input(question, spec),
        users,
        move |events: &[RowEvent], visit: &mut dyn FnMut(u32)| {
            runs.each(events, &mut |_, run| visit(events[run.entry].group));
        },
    )
}

/// Steps after the range count while the window of an entry in it is open.
fn input(question: &Question<'_>, spec: &FunnelSpec) -> RowInput {
    let (from, end) = question.instants().range();
    let to = if from == end { end } else { end.saturating_add(spec.within_us.unwrap_or(i64::MAX)) };
    let (selectors, numbering) = (spec.selectors(), question.numbering());
    let narrow = narrow(question, spec);
    RowInput { selectors, from, to, numbering, narrow, ..RowInput::default() }
}

/// A trend has a run for each bucket, an order that is not plain looks at what lies between: then
/// all rows are needed.
fn narrow(question: &Question<'_>, spec: &FunnelSpec) -> Option<Narrow> {
    let plain = spec.order == FunnelOrder::Ordered && spec.exclude.is_empty();
    let one_run = question.instants().len() == 1;
    (plain && one_run).then(|| Narrow {
        steps: spec.steps.len(),
        within_us: spec.within_us.unwrap_or(Micros::MAX),
        entries: question.instants().range(),
        first_rows: question.groups.is_some(),
    })
}

/// A user's run, or one for each bucket.
#[derive(Clone)]
struct Runs {
    matcher: Matcher,
    instants: Instants,
}

impl Runs {
    fn new(question: &Question<'_>, spec: &FunnelSpec) -> Runs {
        Runs { matcher: Matcher::new(spec), instants: question.instants() }
    }

    /// Calls back with the bucket and its run.
    fn each(&mut self, events: &[RowEvent], visit: &mut dyn FnMut(usize, Run<'_>)) {
        if self.instants.len() != 1 {
            return self.matcher.run_by_bucket(events, self.instants.edges(), visit);
        }
        if let Some(run) = self.matcher.run(events, self.instants.range()) {
            visit(0, run);
        }
    }
}

/// Takes the users' runs.
struct Funnels {
    runs: Runs,
    slots: Slots,
    cells: Cells<Cell>,
}

/// The runs of one group and bucket, step by step.
#[derive(Debug, Default)]
struct Cell {
    steps: Vec<Step>,
}

#[derive(Debug, Default, Clone)]
struct Step {
    users: u64,
    /// Since the step before; nothing on the first.
    previous: Durations,
    /// Since the entry; only where that is not the step before.
    total: Durations,
}

impl RowOperator for Funnels {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        let Funnels { runs, slots, cells } = self;
        runs.each(events, &mut |bucket, run| {
            if let Some(slot) = slots.slot(events[run.entry].group) {
                cells.at(slot, bucket).add(run.times);
            }
        });
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.cells.merge(other.cells, |cell, other| {
            cell.merge(other);
            Ok(())
        })
    }
}

impl Cell {
    fn reaching(&mut self, steps: usize) {
        if self.steps.len() < steps {
            self.steps.resize_with(steps, Step::default);
        }
    }

    fn add(&mut self, times: &[Micros]) {
        self.reaching(times.len());
        for (place, step) in self.steps.iter_mut().enumerate().take(times.len()) {
            step.users += 1;
            if place > 0 {
                step.previous.add(times[place] - times[place - 1]);
            }
            if place > 1 {
                step.total.add(times[place] - times[0]);
            }
        }
    }

    fn merge(&mut self, other: Cell) {
        self.reaching(other.steps.len());
        for (step, other) in self.steps.iter_mut().zip(other.steps) {
            step.users += other.users;
            step.previous.merge(other.previous);
            step.total.merge(other.total);
        }
    }

    /// The figures of so many steps.
    fn counted(mut self, steps: usize, edges_us: &[i64]) -> Counted {
        self.reaching(steps);
        let finished = self.steps.last().map_or(0, |step| step.users);
        let sorted: Vec<_> = self.steps.into_iter().enumerate().map(Step::sorted).collect();
        let whole = sorted.last().map(|(_, previous, total)| total.as_ref().unwrap_or(previous));
        let histogram = match steps {
            1 => Durations::zeros(finished).sorted().classes(edges_us),
            _ => whole.map(|whole| whole.classes(edges_us)).unwrap_or_default(),
        };
        let steps = sorted.into_iter().enumerate().map(|(place, (users, previous, total))| {
            let total = match place {
                0 => spread(&Durations::zeros(users).sorted()),
                _ => spread(total.as_ref().unwrap_or(&previous)),
            };
            StepFigures { users, previous: spread(&previous), total }
        });
        Counted { steps: steps.collect(), histogram }
    }
}

impl Step {
    /// The total of the second step is the time since the one before.
    fn sorted((place, step): (usize, Step)) -> (u64, Sorted, Option<Sorted>) {
        let total = (place > 1).then(|| step.total.sorted());
        (step.users, step.previous.sorted(), total)
    }
}

/// Median, mean, 90th percentile.
type Spread = [Option<f64>; 3];

fn spread(durations: &Sorted) -> Spread {
    [durations.median_s(), durations.mean_s(), durations.p90_s()]
}

/// The figures of one bucket.
struct Counted {
    steps: Vec<StepFigures>,
    histogram: Vec<u64>,
}

struct StepFigures {
    users: u64,
    previous: Spread,
    total: Spread,
}

fn figures(question: &Question<'_>, spec: &FunnelSpec, mut cells: Cells<Cell>) -> Vec<Figures> {
    let steps = spec.steps.len();
    let within = spec.within_us.unwrap_or(i64::MAX);
    let edges = EDGES_S.iter().map(|edge| edge * 1_000_000);
    let edges: Vec<i64> = edges.filter(|edge| *edge < within).collect();
    // The range as a whole is one bucket, also where there is nothing in it.
    let buckets = match question.plan.by {
        Bucket::All => 1,
        _ => question.plan.buckets.len(),
    };
    let mut series = |slot| {
        let counted = |bucket| cells.take(slot, bucket).counted(steps, &edges);
        let buckets: Vec<Counted> = (0..buckets).map(counted).collect();
        Series { question, spec, buckets }.figures(&edges)
    };
    (0..question.slots()).map(&mut series).collect()
}

/// One group.
struct Series<'q> {
    question: &'q Question<'q>,
    spec: &'q FunnelSpec,
    buckets: Vec<Counted>,
}

impl Series<'_> {
    fn figures(&self, edges_us: &[i64]) -> Figures {
        let by_bucket = self.question.plan.by != Bucket::All;
        let steps = (0..self.spec.steps.len()).map(|place| self.step(place)).collect();
        let seconds = |edge: &i64| *edge as f64 / 1e6;
        let starts = std::iter::once(0.0).chain(edges_us.iter().map(seconds));
        let ends = edges_us.iter().map(|edge| Some(seconds(edge))).chain([None]);
        let bins = starts.zip(ends).enumerate().map(|(class, (from_s, to_s))| DurationBin {
            from_s,
            to_s,
            users: Column::Counts(self.each(|counted| counted.histogram.get(class).copied())),
        });
        Figures::Funnel { by_bucket, steps, histogram: bins.collect() }
    }

    /// A figure of each bucket, null where it has not begun.
    fn each<T>(&self, figure: impl Fn(&Counted) -> Option<T>) -> Vec<Option<T>> {
        match (self.question.plan.buckets.is_empty(), self.buckets.first()) {
            (true, Some(whole)) => vec![figure(whole)],
            _ => self.question.begun(|bucket| figure(self.buckets.get(bucket)?)),
        }
    }

    fn step(&self, place: usize) -> FunnelStep {
        let users = |counted: &Counted, place: usize| counted.steps[place].users;
        let rate = |of: usize| {
            Column::Ratios(self.each(|counted| share(users(counted, place), users(counted, of))))
        };
        let time = |figure: fn(&StepFigures) -> Option<f64>| {
            Column::Ratios(self.each(|counted| figure(&counted.steps[place])))
        };
        let columns = vec![
            ("users", Column::Counts(self.each(|counted| Some(users(counted, place))))),
            ("rate_from_first", rate(0)),
            ("rate_from_previous", rate(place.saturating_sub(1))),
            ("median_s", time(|step| step.previous[0])),
            ("mean_s", time(|step| step.previous[1])),
            ("p90_s", time(|step| step.previous[2])),
            ("total_median_s", time(|step| step.total[0])),
            ("total_mean_s", time(|step| step.total[1])),
            ("total_p90_s", time(|step| step.total[2])),
        ];
        let event = selector_name(&self.spec.steps[place]);
        FunnelStep { step: place as u32 + 1, event, columns }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SECOND_US: Micros = 1_000_000;

    fn funnels(edges: &[Micros]) -> Funnels {
        let spec = FunnelSpec {
            steps: vec!["a".into(), "b".into(), "c".into()],
            within_us: Some(100 * SECOND_US),
            order: FunnelOrder::Ordered,
            ties_forbidden: false,
            exclude: Vec::new(),
        };
        let instants = Instants::new(edges.iter().map(|edge| edge * SECOND_US).collect());
        let cells = Cells::new(instants.len());
        let runs = Runs { matcher: Matcher::new(&spec), instants };
        Funnels { runs, slots: Slots::Numbered, cells }
    }

    /// Events at these seconds that match these steps, in these groups.
    fn events(events: &[(i64, usize, u32)]) -> Vec<RowEvent> {
        let event = |(at, step, group): &(i64, usize, u32)| RowEvent {
            at: at * SECOND_US,
            mask: 1 << step,
            activity: 0,
            group: *group,
            number: None,
        };
        events.iter().map(event).collect()
    }

    fn users(counted: &Counted) -> Vec<u64> {
        counted.steps.iter().map(|step| step.users).collect()
    }

    #[test]
    fn people_times_and_the_whole_run_are_counted() {
        let mut one = funnels(&[0, 1_000]);
        let mut other = funnels(&[0, 1_000]);
        one.user(0, &events(&[(0, 0, 0), (4, 1, 0), (10, 2, 0)])).unwrap();
        one.user(1, &events(&[(5, 0, 0), (7, 1, 0)])).unwrap();
        other.user(2, &events(&[(5, 0, 0), (5, 1, 0), (105, 2, 0)])).unwrap();
        other.user(3, &events(&[(9, 0, 0), (9, 0, 0)])).unwrap();
        other.user(4, &events(&[(9, 1, 0)])).unwrap();
        one.merge(other).unwrap();
        let counted = one.cells.take(0, 0).counted(3, &[SECOND_US, 10 * SECOND_US]);
        assert_eq!(users(&counted), [4, 3, 2]);
        let [first, second, third] = counted.steps.as_slice() else { panic!("three steps") };
        assert_eq!((first.previous, first.total), ([None; 3], [Some(0.0); 3]));
        assert_eq!(second.previous, [Some(2.0), Some(2.0), Some(4.0)]);
        assert_eq!(second.total, second.previous);
        assert_eq!(third.previous, [Some(53.0), Some(53.0), Some(100.0)]);
        assert_eq!(third.total, [Some(55.0), Some(55.0), Some(100.0)]);
        assert_eq!(counted.histogram, [0, 0, 2]);
    }

    #[test]
    fn nobody_has_no_times() {
        let counted = Cell::default().counted(2, &[SECOND_US]);
        assert_eq!((users(&counted), counted.histogram), (vec![0, 0], vec![0, 0]));
        assert!(counted.steps.iter().all(|step| step.total == [None; 3]));
        let mut cell = Cell::default();
        cell.add(&[7]);
        assert_eq!(cell.counted(1, &[SECOND_US]).histogram, [1, 0]);
    }

    #[test]
    fn a_trend_takes_the_best_run_of_each_bucket_and_its_own_group() {
        let user = events(&[(0, 0, 7), (3, 0, 1), (11, 1, 7), (12, 0, 2), (13, 1, 7), (14, 2, 7)]);
        let mut trend = funnels(&[0, 10, 20, 30]);
        trend.user(0, &user).unwrap();
        assert_eq!(users(&trend.cells.take(1, 0).counted(3, &[])), [1, 1, 1]);
        assert_eq!(users(&trend.cells.take(2, 1).counted(3, &[])), [1, 1, 1]);
        assert!(trend.cells.take_met(7, 0).is_none() && trend.cells.take_met(2, 2).is_none());
        let mut whole = funnels(&[0, 30]);
        whole.user(0, &user).unwrap();
        assert!(whole.cells.take_met(2, 0).is_some() && whole.cells.take_met(1, 0).is_none());
    }
}

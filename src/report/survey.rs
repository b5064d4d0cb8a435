//! `survey`: scores from the answers to a question.

use super::cells::{Cells, Slots};
use super::rank::Ranking;
use super::{Answered, Instants, Outcome, Prepared, Question};
use crate::error::Result;
use crate::event::{Decimal, Number, Sum};
use crate::query::answer::{Column, Figures};
use crate::query::{Survey, SurveyKind};
use crate::scan::{RowEvent, RowInput, RowJob, RowOperator};
use std::sync::Arc;

pub(super) fn prepare<'a>(question: &Question<'a>, survey: &'a Survey) -> Prepared<'a> {
    let rules = Arc::new(Rules {
        scale: Scale::new(survey),
        last_only: survey.last_response_only,
        instants: question.instants(),
        slots: Slots::of(question),
    });
    let make = move || Scores::new(Arc::clone(&rules));
    let input = RowInput { unordered: !survey.last_response_only, ..input(question, survey) };
    let job = RowJob::new(input, question.plan.users.clone(), make);
    let figures = |question: &Question<'a>, mut outcome: Outcome| {
        let Some(counted) = outcome.rows.pop() else { return Ok(Vec::new()) };
        let mut counted = counted.take::<Scores>()?;
        let mut answered = Vec::new();
        for slot in 0..question.slots() {
            let cell = |bucket| Some(counted.cells.take(slot, bucket));
            let figures = figures(survey.kind, &question.begun(cell));
            let warnings = if slot == 0 { counted.warning(survey) } else { None };
            let warnings = Vec::from_iter(warnings);
            answered.push(Answered { slot, feature: None, figures, warnings });
        }
        Ok(answered)
    };
    Prepared { bits: Vec::new(), rows: vec![job], figures: Box::new(figures) }
}

/// By the users of the event; a response counts without a user as well.
pub(super) fn ranking<'a>(question: &Question<'a>, survey: &'a Survey) -> Ranking<'a> {
    let groups = |events: &[RowEvent], visit: &mut dyn FnMut(u32)| {
        events.iter().for_each(|event| visit(event.group));
    };
    Ranking::by_users(input(question, survey), question.plan.users.clone(), groups)
}

fn input(question: &Question<'_>, survey: &Survey) -> RowInput {
    let (from, to) = question.instants().range();
    RowInput {
        selectors: vec![survey.event.clone()],
        from,
        to,
        number: Some(survey.property.clone()),
        numbering: question.numbering(),
        nobody: true,
        edges: question.instants().edges().into(),
        ..RowInput::default()
    }
}

fn figures(kind: SurveyKind, cells: &[Option<Cell>]) -> Figures {
    let counts = |count: fn(&Cell) -> u64| {
        Column::Counts(cells.iter().map(|cell| cell.as_ref().map(count)).collect())
    };
    let ratios = |ratio: fn(&Cell) -> Option<f64>| {
        Column::Ratios(cells.iter().map(|cell| cell.as_ref().and_then(ratio)).collect())
    };
    let score = match kind {
        SurveyKind::Nps => ratios(Cell::net_promoter_score),
        SurveyKind::Csat | SurveyKind::Ces => ratios(Cell::mean),
    };
    let mut columns = vec![("score", score), ("responses", counts(|cell| cell.responses))];
    match kind {
        SurveyKind::Nps => columns.extend([
            ("promoters", counts(|cell| cell.promoters)),
            ("passives", counts(Cell::passives)),
            ("detractors", counts(|cell| cell.detractors)),
        ]),
        SurveyKind::Csat => columns.push(("top_two", ratios(Cell::top_two))),
        SurveyKind::Ces => {}
    }
    Figures::Columns(columns)
}

/// What an answer means.
#[derive(Debug, Clone, Copy)]
struct Scale {
    lowest: Number,
    highest: Number,
    promoter_min: Number,
    detractor_max: Number,
    /// The lowest of the top two answers.
    top_two_min: Number,
}

impl Scale {
    fn new(survey: &Survey) -> Scale {
        let (lowest, highest) = survey.scale;
        Scale {
            lowest: Number::Exact(lowest),
            highest: Number::Exact(highest),
            promoter_min: Number::Exact(survey.promoter_min),
            detractor_max: Number::Exact(survey.detractor_max),
            top_two_min: Number::Exact(one_less(highest)),
        }
    }

    fn holds(&self, score: Number) -> bool {
        score.compare(&self.lowest).is_ge() && score.compare(&self.highest).is_le()
    }
}

/// The number below; itself where it has no room for one more digit.
fn one_less(number: Decimal) -> Decimal {
    let one = 10_i128.saturating_pow(u32::from(number.scale()));
    Decimal::new(number.unscaled().saturating_sub(one), number.scale()).unwrap_or(number)
}

/// The responses of one bucket.
#[derive(Debug, Clone, Default)]
struct Cell {
    responses: u64,
    promoters: u64,
    detractors: u64,
    top_two: u64,
    sum: Sum,
}

impl Cell {
    fn add(&mut self, scale: &Scale, score: Number) {
        let at_least = |least: &Number| u64::from(score.compare(least).is_ge());
        self.responses += 1;
        self.promoters += at_least(&scale.promoter_min);
        self.detractors += u64::from(score.compare(&scale.detractor_max).is_le());
        self.top_two += at_least(&scale.top_two_min);
        self.sum.add(score);
    }

    fn merge(&mut self, other: &Cell) {
        self.responses += other.responses;
        self.promoters += other.promoters;
        self.detractors += other.detractors;
        self.top_two += other.top_two;
        self.sum.add_sum(&other.sum);
    }

    fn passives(&self) -> u64 {
        self.responses.saturating_sub(self.promoters + self.detractors)
    }

    /// -100 to 100.
    fn net_promoter_score(&self) -> Option<f64> {
        let net = self.promoters as f64 - self.detractors as f64;
        (self.responses > 0).then(|| 100.0 * net / self.responses as f64)
    }

    fn mean(&self) -> Option<f64> {
        self.sum.mean(self.responses)
    }

    fn top_two(&self) -> Option<f64> {
        super::share(self.top_two, self.responses)
    }
}

/// Which responses count, and where.
struct Rules {
    scale: Scale,
    /// Only the last response of a user in a bucket counts.
    last_only: bool,
    instants: Instants,
    slots: Slots,
}

/// Counts the responses of each bucket.
struct Scores {
    rules: Arc<Rules>,
    cells: Cells<Cell>,
    /// Responses outside of the scale.
    outside: u64,
    /// Of the user at hand: the slot and the bucket of each response, and its score.
    responses: Vec<(usize, usize, Number)>,
}

impl Scores {
    fn new(rules: Arc<Rules>) -> Scores {
        let cells = Cells::new(rules.instants.len());
        Scores { rules, cells, outside: 0, responses: Vec::new() }
    }

    fn warning(&self, survey: &Survey) -> Option<String> {
        let (lowest, highest) = survey.scale;
        let responses = match self.outside {
            0 => return None,
            1 => "1 response".to_owned(),
            many => format!("{many} responses"),
        };
        let were = if self.outside == 1 { "was" } else { "were" };
        Some(format!("{responses} outside the scale {lowest}..{highest} {were} left out"))
    }

    /// Keeps the responses within the scale.
    fn read(&mut self, events: &[RowEvent]) {
        self.responses.clear();
        for event in events {
            let Some(score) = event.number else { continue };
            let Some(slot) = self.rules.slots.slot(event.group) else { continue };
            let Some(bucket) = self.rules.instants.bucket_of(event.at) else { continue };
            if self.rules.scale.holds(score) {
                self.responses.push((slot, bucket, score));
            } else {
                self.outside += 1;
            }
        }
    }

    fn count(&mut self) {
        for (slot, bucket, score) in self.responses.drain(..) {
            self.cells.at(slot, bucket).add(&self.rules.scale, score);
        }
    }
}

impl RowOperator for Scores {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        self.read(events);
        if self.rules.last_only {
            // Newest first: sorting keeps the order of equal ones, and of those the first stays.
            self.responses.reverse();
            self.responses.sort_by_key(|(slot, bucket, _)| (*slot, *bucket));
            self.responses.dedup_by_key(|(slot, bucket, _)| (*slot, *bucket));
        }
        self.count();
        Ok(())
    }

    fn unordered(&mut self, events: &[RowEvent]) -> Result<()> {
        self.read(events);
        self.count();
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.outside += other.outside;
        self.cells.merge(other.cells, |cell, other| {
            cell.merge(&other);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::tests::events::*;
    use crate::scan::Selector;
    use crate::time::Micros;
    use proptest::prelude::*;

    fn survey(kind: SurveyKind, scale: (i64, i64), last_response_only: bool) -> Survey {
        Survey {
            event: Selector::Any,
            property: "score".into(),
            kind,
            scale: (scale.0.into(), scale.1.into()),
            promoter_min: 9.into(),
            detractor_max: 6.into(),
            last_response_only,
        }
    }

    fn scores(
        survey: &Survey,
        edges: &[Micros],
        slots: Slots,
        users: &[Vec<RowEvent>],
        nobody: &[RowEvent],
    ) -> Scores {
        let rules = Arc::new(Rules {
            scale: Scale::new(survey),
            last_only: survey.last_response_only,
            instants: Instants::new(edges.into()),
            slots,
        });
        counted(|| Scores::new(Arc::clone(&rules)), users, nobody)
    }

    fn columns(survey: &Survey, users: &[Vec<RowEvent>], nobody: &[RowEvent]) -> Figures {
        let mut scores = scores(survey, &[0, 10, 20], Slots::One, users, nobody);
        let cells: Vec<Option<Cell>> = (0..2).map(|b| Some(scores.cells.take(0, b))).collect();
        figures(survey.kind, &cells)
    }

    fn answers() -> Vec<Vec<RowEvent>> {
        let scores = ["9", "7", "6", "11", "none", "-1"];
        let others = scores.iter().map(|score| vec![paid(1, score)]);
        [vec![paid(1, "10"), paid(2, "3.0")]].into_iter().chain(others).collect()
    }

    #[test]
    fn promoters_less_detractors() {
        let all = survey(SurveyKind::Nps, (0, 10), false);
        let nobody = [paid(3, "8")];
        let counts = |first| Column::Counts(vec![Some(first), Some(0)]);
        let wanted = |score, responses, promoters, passives, detractors| {
            Figures::Columns(vec![
                ("score", Column::Ratios(vec![Some(score), None])),
                ("responses", counts(responses)),
                ("promoters", counts(promoters)),
                ("passives", counts(passives)),
                ("detractors", counts(detractors)),
            ])
        };
        assert_eq!(columns(&all, &answers(), &nobody), wanted(0.0, 6, 2, 2, 2));
        let last = Survey { last_response_only: true, ..all.clone() };
        assert_eq!(columns(&last, &answers(), &nobody), wanted(-20.0, 5, 1, 2, 2));
        let thresholds = Survey { promoter_min: 7.into(), detractor_max: 3.into(), ..all };
        assert_eq!(columns(&thresholds, &answers(), &[]), wanted(40.0, 5, 3, 1, 1));
    }

    #[test]
    fn satisfaction_is_a_mean_and_the_top_two() {
        let csat = survey(SurveyKind::Csat, (1, 10), false);
        let of = |kind| columns(&Survey { kind, ..csat.clone() }, &answers(), &[]);
        let ratios = |first| Column::Ratios(vec![Some(first), None]);
        let responses = Column::Counts(vec![Some(5), Some(0)]);
        let mean = [("score", ratios(7.0)), ("responses", responses)];
        assert_eq!(of(SurveyKind::Ces), Figures::Columns(mean.to_vec()));
        let top = mean.into_iter().chain([("top_two", ratios(0.4))]);
        assert_eq!(of(SurveyKind::Csat), Figures::Columns(top.collect()));
    }

    #[test]
    fn responses_outside_the_scale_are_left_out_with_a_warning() {
        let nps = survey(SurveyKind::Nps, (0, 10), false);
        let warning =
            |users: &[Vec<RowEvent>]| scores(&nps, &[0, 10], Slots::One, users, &[]).warning(&nps);
        assert_eq!(warning(&answers()[..4]), None);
        let one = "1 response outside the scale 0..10 was left out";
        assert_eq!(warning(&answers()[..5]).as_deref(), Some(one));
        let two = "2 responses outside the scale 0..10 were left out";
        assert_eq!(warning(&answers()).as_deref(), Some(two));
    }

    proptest! {
        #[test]
        fn responses_are_those_of_the_plain_list(
            users in any_users(),
            nobody in any_events(10),
            edges in any_edges(),
            last in proptest::bool::ANY,
            top in proptest::option::of(1usize..6),
        ) {
            let nps = survey(SurveyKind::Nps, (-4, 10), last);
            let slots = top.map_or(Slots::One, ranked);
            let mut scores = scores(&nps, &edges, slots, &users, &nobody);
            for slot in 0..=top.unwrap_or(0) {
                for (bucket, edge) in edges.windows(2).enumerate() {
                    let score = |e: &RowEvent| {
                        let in_slot = top.is_none_or(|top| slot_of(top, e.group) == Some(slot));
                        let score = e.number.map(units).filter(|_| in_slot)?;
                        let inside = (-4_000_000..=10_000_000).contains(&score);
                        (inside && (edge[0]..edge[1]).contains(&e.at)).then_some(score)
                    };
                    let mut model: Vec<i128> = nobody.iter().filter_map(score).collect();
                    for events in &users {
                        let mut own: Vec<i128> = events.iter().filter_map(score).collect();
                        let from = if last { own.len().saturating_sub(1) } else { 0 };
                        model.extend(own.split_off(from));
                    }
                    let cell = scores.cells.take(slot, bucket);
                    prop_assert_eq!(cell.responses, model.len() as u64);
                    prop_assert_eq!(units(cell.sum.value().unwrap()), model.iter().sum::<i128>());
                    let count = |holds: fn(&i128) -> bool| {
                        model.iter().copied().filter(holds).count() as u64
                    };
                    prop_assert_eq!(cell.promoters, count(|score| *score >= 9_000_000));
                    prop_assert_eq!(cell.detractors, count(|score| *score <= 6_000_000));
                    prop_assert_eq!(cell.top_two, count(|score| *score >= 9_000_000));
                }
            }
        }
    }
}

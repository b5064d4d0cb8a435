//! `sessions`: runs of one person's events without a long gap.

use super::cells::{Cells, Slots};
use super::durations::{Durations, Sorted};
use super::prepared::{Instants, Prepared};
use super::rank::Ranking;
use super::{Question, share};
use crate::error::Result;
use crate::query::answer::{Column, Figures};
use crate::scan::{RowEvent, RowInput, RowJob, RowOperator, Selector};
use crate::time::Micros;

/// Sessions of the range's end are followed so far past it, or a gap if that is longer.
const LEAD_US: i64 = 24 * crate::time::HOUR_US;
/// How much further the next look goes where that was not enough.
const LEAD_GROWTH: i64 = 8;

/// Sessions have no longest, so nobody knows how far past the range they go. What is read ends
/// `LEAD_US` after it; if somebody's session might go on there, all is read again, and further.
///
/// `gap_us`: a longer silence opens a new session.
pub(super) fn prepare<'a>(
    question: &Question<'a>,
    event: &'a Selector,
    gap_us: i64,
    edges_us: &'a [i64],
) -> Result<Prepared<'a>> {
    question.check_cells(1 + edges_us.len())?;
    let mut lead = LEAD_US.max(gap_us);
    let first = job(question, event, gap_us, lead);
    Ok(Prepared::of_rows(first, move |question, counted| {
        let mut sessions = counted.take::<Sessions>()?;
        while sessions.unfinished && question.snapshot.watermark() >= Some(sessions.read_to) {
            lead = lead.saturating_mul(LEAD_GROWTH);
            sessions = question.scan_again(job(question, event, gap_us, lead))?.take()?;
        }
        Ok(figures(question, edges_us, sessions.cells))
    }))
}

fn job<'a>(question: &Question<'a>, event: &Selector, gap_us: i64, lead: i64) -> RowJob<'a> {
    let input = input(question, event, gap_us, lead);
    let (instants, slots, read_to) = (question.instants(), Slots::of(question), input.to);
    RowJob::new(input, question.plan.users.clone(), move || {
        Sessions::new(gap_us, read_to, instants.clone(), slots.clone())
    })
}

/// Groups by the value on the first event of each session.
pub(super) fn ranking<'a>(question: &Question<'a>, event: &Selector, gap_us: i64) -> Ranking<'a> {
    let instants = question.instants();
    let users = question.plan.users.clone();
    Ranking::by_users(
        input(question, event, gap_us, 0),
        users,
        move |events: &[RowEvent], visit: &mut dyn FnMut(u32)| {
            let sessions = cut(events, gap_us);
            let dated = sessions.filter(|session| instants.bucket_of(session[0].at).is_some());
            dated.for_each(|session| visit(session[0].group));
        },
    )
}

/// An event in the gap before the range tells that a session was under way when the range began.
fn input(question: &Question<'_>, event: &Selector, gap_us: i64, lead: i64) -> RowInput {
    let (from, to) = question.instants().range();
    let (from, to) = match from == to {
        true => (from, to),
        false => (from.saturating_sub(gap_us), to.saturating_add(lead)),
    };
    let (selectors, numbering) = (vec![event.clone()], question.numbering());
    RowInput { selectors, from, to, numbering, ..RowInput::default() }
}

/// Never empty.
fn cut(events: &[RowEvent], gap_us: i64) -> impl Iterator<Item = &[RowEvent]> {
    events.chunk_by(move |a, b| b.at.saturating_sub(a.at) <= gap_us)
}

/// Takes the users' sessions.
struct Sessions {
    gap_us: i64,
    /// Later events were not read.
    read_to: Micros,
    instants: Instants,
    slots: Slots,
    cells: Cells<Cell>,
    /// Somebody's session may go on past `read_to`.
    unfinished: bool,
    /// Where the user at hand had a session.
    met: Vec<(usize, usize)>,
}

/// The sessions of one group and bucket.
#[derive(Debug, Default)]
struct Cell {
    sessions: u64,
    users: u64,
    bounces: u64,
    events: u64,
    durations: Durations,
}

impl Sessions {
    fn new(gap_us: i64, read_to: Micros, instants: Instants, slots: Slots) -> Sessions {
        let cells = Cells::new(instants.len());
        Sessions { gap_us, read_to, instants, slots, cells, unfinished: false, met: Vec::new() }
    }
}

impl RowOperator for Sessions {
    fn user(&mut self, _: u32, events: &[RowEvent]) -> Result<()> {
        self.met.clear();
        for session in cut(events, self.gap_us) {
            let [first, ..] = session else { continue };
            let Some(bucket) = self.instants.bucket_of(first.at) else { continue };
            let Some(slot) = self.slots.slot(first.group) else { continue };
            let last = session.last().map_or(first.at, |last| last.at);
            self.unfinished |= self.read_to.saturating_sub(last) <= self.gap_us;
            self.met.push((slot, bucket));
            self.cells.at(slot, bucket).add(session.len(), last.saturating_sub(first.at));
        }
        self.met.sort_unstable();
        self.met.dedup();
        self.met.iter().for_each(|(slot, bucket)| self.cells.at(*slot, *bucket).users += 1);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.unfinished |= other.unfinished;
        self.cells.merge(other.cells, |cell, other| {
            cell.merge(other);
            Ok(())
        })
    }
}

impl Cell {
    fn add(&mut self, events: usize, duration_us: i64) {
        self.sessions += 1;
        self.bounces += u64::from(events == 1);
        self.events += events as u64;
        self.durations.add(duration_us);
    }

    fn merge(&mut self, other: Cell) {
        self.sessions += other.sessions;
        self.users += other.users;
        self.bounces += other.bounces;
        self.events += other.events;
        self.durations.merge(other.durations);
    }
}

/// One bucket.
struct Counted {
    sessions: u64,
    users: u64,
    bounces: u64,
    events: u64,
    durations: Sorted,
    classes: Vec<u64>,
}

impl Counted {
    fn new(cell: Cell, edges_us: &[i64]) -> Counted {
        let Cell { sessions, users, bounces, events, durations } = cell;
        let durations = durations.sorted();
        let classes = durations.classes(edges_us);
        Counted { sessions, users, bounces, events, durations, classes }
    }
}

fn figures(question: &Question<'_>, edges_us: &[i64], mut cells: Cells<Cell>) -> Vec<Figures> {
    let mut series = |slot| {
        let buckets = 0..question.plan.buckets.len();
        let counted = buckets.map(|bucket| Counted::new(cells.take(slot, bucket), edges_us));
        let counted: Vec<Counted> = counted.collect();
        Figures::Columns(columns(question, &counted, edges_us))
    };
    (0..question.slots()).map(&mut series).collect()
}

fn columns(
    question: &Question<'_>,
    counted: &[Counted],
    edges_us: &[i64],
) -> Vec<(&'static str, Column)> {
    let counts = |of: fn(&Counted) -> u64| {
        Column::Counts(question.begun(|bucket| counted.get(bucket).map(of)))
    };
    let ratios = |of: fn(&Counted) -> Option<f64>| {
        Column::Ratios(question.begun(|bucket| of(counted.get(bucket)?)))
    };
    let mut columns = vec![
        ("sessions", counts(|bucket| bucket.sessions)),
        ("users", counts(|bucket| bucket.users)),
        ("per_user", ratios(|bucket| share(bucket.sessions, bucket.users))),
        ("mean_s", ratios(|bucket| bucket.durations.mean_s())),
        ("median_s", ratios(|bucket| bucket.durations.median_s())),
        ("bounce_rate", ratios(|bucket| share(bucket.bounces, bucket.sessions))),
        ("events_per_session", ratios(|bucket| share(bucket.events, bucket.sessions))),
    ];
    if !edges_us.is_empty() {
        let class = |class: usize| {
            question.begun(|bucket| counted.get(bucket)?.classes.get(class).copied())
        };
        columns.push(("histogram", Column::Classes((0..=edges_us.len()).map(class).collect())));
    }
    columns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const GAP_US: i64 = 10;

    fn event(at: Micros, group: u32) -> RowEvent {
        RowEvent { at, mask: 1, activity: 0, group, number: None }
    }

    fn operator(edges: &[Micros], read_to: Micros) -> Sessions {
        Sessions::new(GAP_US, read_to, Instants::new(edges.into()), Slots::Numbered)
    }

    fn take(mut sessions: Sessions, slot: usize, bucket: usize) -> (u64, u64, u64, u64, Vec<u64>) {
        let cell = sessions.cells.take(slot, bucket);
        let Counted { sessions, users, bounces, events, classes, .. } = Counted::new(cell, &[1, 9]);
        (sessions, users, bounces, events, classes)
    }

    #[test]
    fn a_longer_gap_opens_a_session_and_the_first_event_dates_it() {
        let mut sessions = operator(&[0, 100, 200], 1_000);
        let at = [0, 10, 21, 95, 105, 115, 190, 199, 205, 400];
        sessions.user(0, &at.map(|at| event(at, 0))).unwrap();
        assert!(!sessions.unfinished);
        let mut again = operator(&[0, 100, 200], 1_000);
        again.user(7, &[event(150, 0), event(150, 0)]).unwrap();
        again.merge(sessions).unwrap();
        let [first, second] = [0, 1].map(|bucket| again.cells.take(0, bucket));
        let first = Counted::new(first, &[1, 9]);
        assert_eq!((first.sessions, first.users, first.bounces, first.events), (3, 1, 1, 6));
        assert_eq!((first.durations.mean_s(), &*first.classes), (Some(1e-5), &[1, 0, 2][..]));
        let second = Counted::new(second, &[]);
        assert_eq!((second.sessions, second.users, second.bounces, second.events), (2, 2, 0, 5));
        assert_eq!(second.durations.median_s(), Some(7.5e-6));
    }

    #[test]
    fn a_session_that_began_before_the_range_is_not_of_it() {
        let mut sessions = operator(&[100, 200], 1_000);
        sessions.user(0, &[90, 100, 110].map(|at| event(at, 0))).unwrap();
        sessions.user(1, &[89, 100].map(|at| event(at, 0))).unwrap();
        assert_eq!(take(sessions, 0, 0), (1, 1, 1, 1, vec![1, 0, 0]));
    }

    #[test]
    fn who_may_go_on_past_what_was_read_is_noticed() {
        let unfinished = |at: &[Micros]| {
            let mut sessions = operator(&[0, 100], 120);
            let events: Vec<RowEvent> = at.iter().map(|at| event(*at, 0)).collect();
            sessions.user(0, &events).unwrap();
            sessions.unfinished
        };
        assert!(unfinished(&[99, 105, 110]));
        assert!(!unfinished(&[99, 105, 109]));
        assert!(!unfinished(&[111]));
    }

    /// A user's events from the gaps between them and their groups.
    fn events_of(steps: &[(i64, u32)]) -> Vec<RowEvent> {
        let mut at = 0;
        let mut event = |(gap, group): &(i64, u32)| {
            at += gap;
            event(at, *group)
        };
        steps.iter().map(&mut event).collect()
    }

    /// Group, start, events and duration of a user's sessions, event by event.
    fn naive(events: &[RowEvent]) -> Vec<(u32, Micros, u64, i64)> {
        let mut sessions: Vec<(u32, Micros, u64, i64)> = Vec::new();
        let mut last = Micros::MIN;
        for event in events {
            match sessions.last_mut() {
                Some((_, start, count, duration)) if event.at - last <= GAP_US => {
                    (*count, *duration) = (*count + 1, event.at - *start);
                }
                _ => sessions.push((event.group, event.at, 1, 0)),
            }
            last = event.at;
        }
        sessions
    }

    proptest! {
        #[test]
        fn every_session_is_counted_once_where_it_began(
            users in proptest::collection::vec(
                proptest::collection::vec((0i64..25, 0u32..3), 1..12), 1..4),
            edges in proptest::collection::btree_set(0i64..120, 2..5),
        ) {
            let edges: Vec<Micros> = edges.into_iter().collect();
            let mut operator = operator(&edges, 10_000);
            let mut model: Vec<Cell> = (0..edges.len() * 3).map(|_| Cell::default()).collect();
            for (user, steps) in (0..).zip(&users) {
                let events = events_of(steps);
                let mut met = std::collections::BTreeSet::new();
                for (group, start, count, duration) in naive(&events) {
                    let bucket = edges.windows(2).position(|at| at[0] <= start && start < at[1]);
                    let Some(bucket) = bucket else { continue };
                    let place = bucket * 3 + group as usize;
                    model[place].add(usize::try_from(count).unwrap(), duration);
                    model[place].users += u64::from(met.insert(place));
                }
                operator.user(user, &events).unwrap();
            }
            for (place, model) in model.into_iter().enumerate() {
                let cell = operator.cells.take(place % 3, place / 3);
                prop_assert_eq!(format!("{cell:?}"), format!("{model:?}"));
            }
        }
    }
}

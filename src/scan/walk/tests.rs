#![allow(clippy::unwrap_used)]

use super::*;
use crate::ErrorKind;
use crate::codec::bits::Bits;
use crate::scan::grid::{Part, Unread};
use crate::scan::rows::Needs;
use crate::scan::{Cut, Edges, Input, Operator, Selector, SetKind, Share, Step, Users};
use crate::time::{Day, DaySpan, Micros};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Users 1 and 2 of every chunk, on every day; remembers what was read.
struct Fake {
    days: Vec<Day>,
    damaged: Option<(u32, usize)>,
    reads: Mutex<BTreeMap<(usize, usize, u32), u32>>,
}

impl Fake {
    fn new(damaged: Option<(u32, usize)>) -> Fake {
        Fake { days: vec![-3, 0, 5], damaged, reads: Mutex::default() }
    }
}

impl Grid for Fake {
    fn chunks(&self) -> u32 {
        40
    }

    fn find(&self, day: usize, selector: usize, chunk: u32) -> Result<Unread<'_>> {
        *self.reads.lock().unwrap().entry((day, selector, chunk)).or_default() += 1;
        if self.damaged == Some((chunk, day)) {
            return Err(Error::corruption("days/7.day", 12, "block", "bad checksum"));
        }
        let mut found = Unread::default();
        found.add(Part::Fresh(&[1, 2]));
        Ok(found)
    }

    fn seen_into(&self, _: usize, _: u32, _: &mut Bits) -> Result<bool> {
        Ok(false)
    }

    fn counts(&self, _: usize, _: usize, _: u32, visit: &mut dyn FnMut(u16, u32)) -> Result<()> {
        visit(1, 3);
        visit(2, 1);
        Ok(())
    }
}

/// Adds up users, and their rows, over all days.
struct Adding;

impl Operator for Adding {
    fn day(&mut self, step: &Step<'_>, tally: &mut Tally) -> Result<()> {
        tally.add(0, step.users(0).map_or(0, Users::count));
        step.counts(0, &mut |_, rows| tally.add(1, rows.into()))
    }

    fn finish(&mut self, _: &mut Tally) -> Result<()> {
        Ok(())
    }
}

const DAY_US: Micros = 86_400_000_000;

fn job(from: Day, to: Day, users: Option<&SetKind>) -> Job<'static> {
    let inputs = vec![Input { selector: Selector::Any, from, to, seen_before: false, slot: None }];
    let users = users.cloned().map(Arc::new);
    let operator = Box::new(|_: &Share| -> Box<dyn Operator> { Box::new(Adding) });
    Job { inputs, axis: None, users, counted: true, sums: 2, cut: None, recipe: None, operator }
}

fn span(day: Day) -> DaySpan {
    let start = Micros::from(day) * DAY_US;
    DaySpan { day, start, end: start + DAY_US }
}

fn walked(grid: &Fake, jobs: &[Job<'_>]) -> Result<Vec<Vec<u64>>> {
    let spans = grid.days.iter().map(|day| span(*day)).collect();
    let layout =
        Layout::new(jobs, &[], &[], (spans, false, Day::MIN), &|id| Ok(id.parse().ok())).unwrap();
    let rows = RowGrid::new(&[], &[], Needs::default()).unwrap();
    let walked = walk(grid, &rows, &layout, (jobs, &[]), &|_, _| Ok(()))?;
    Ok(walked.tallies.into_iter().map(|tally| tally.sums).collect())
}

#[test]
fn jobs_share_what_is_read_and_keep_to_their_days_and_users() {
    let grid = Fake::new(None);
    let only = SetKind::Ids(vec!["1".into(), "65538".into(), "stranger".into()]);
    let jobs = [job(-3, 6, None), job(0, 5, None), job(-3, 6, Some(&only))];
    let sums = walked(&grid, &jobs).unwrap();
    assert_eq!(sums, [[240, 480], [80, 160], [6, 12]]);
    assert!(grid.reads.lock().unwrap().values().all(|reads| *reads == 1));
}

#[test]
fn damage_is_an_error_never_a_figure() {
    for damaged in [(0, 0), (39, 2)] {
        let error = walked(&Fake::new(Some(damaged)), &[job(-3, 6, None)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption);
    }
    let beside = walked(&Fake::new(Some((39, 2))), &[job(-3, 5, None)]).unwrap();
    assert_eq!(beside, [[160, 320]]);
    let set = SetKind::Did {
        event: Selector::Any,
        from: 5 * DAY_US,
        to: Micros::MAX,
        at_least: 1,
        at_most: None,
    };
    let error = walked(&Fake::new(Some((7, 2))), &[job(-3, 0, Some(&set))]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
}

#[test]
fn shares_hold_each_bucket_once_and_the_days_that_it_reaches() {
    let layout = |job: &Job<'_>| {
        let spans = ((0..10).map(span).collect(), false, Day::MIN);
        Layout::new(std::slice::from_ref(job), &[], &[], spans, &|_| Ok(None)).unwrap()
    };
    let edges: Edges = [2, 4, 6, 7, 9].into();
    for (reach, from) in [(0, [2, 4, 6, 7]), (3, [1, 3, 4, 6]), (9, [0, 0, 0, 0])] {
        let cut = Some(Cut { edges: edges.clone(), reach });
        let job = Job { cut, ..job(from[0], 9, None) };
        let layout = layout(&job);
        let share =
            |share, shares| layout.jobs[0].share(job.cut.as_ref(), (share, shares), &layout);
        for shares in 1..7 {
            let mut next = 0;
            for (buckets, days) in (0..shares).map(|at| share(at, shares)) {
                assert_eq!(buckets.start, next);
                next = buckets.end;
                let wanted = match buckets.is_empty() {
                    true => 0..0,
                    false => from[buckets.start] as usize..edges[buckets.end] as usize,
                };
                assert_eq!((days.is_empty(), days.len()), (wanted.is_empty(), wanted.len()));
                assert!(days.is_empty() || days == wanted);
            }
            assert_eq!(next, 4);
        }
        assert_eq!(layout.jobs[0].share(None, (0, 2), &layout).1, from[0] as usize..9);
    }
}

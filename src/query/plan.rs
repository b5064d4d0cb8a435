//! A query against a snapshot: its range, its buckets, what is complete.

use super::answer::Info;
use super::fields::{WEEK_STARTS, word};
use super::selector::Selector;
use super::{FromDate, Query, Report, ToDate};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{BUCKETS_MAX, RETENTION_CELLS_MAX};
use crate::snapshot::{SnapshotDay, SnapshotInner};
use crate::time::{self, Bucket, Day, DaySpan, Micros, WeekStart, Zone};
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

/// One bucket: civil days `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Day,
    pub(crate) end: Day,
    /// Its first instant is before `as_of`; otherwise its value is null.
    pub(crate) begun: bool,
    /// Its last instant is not after `as_of`.
    pub(crate) complete: bool,
}

/// How far `as_of` reaches, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The first day that has not begun.
    pub(crate) begun: Day,
    /// The first day that has not ended.
    pub(crate) complete: Day,
}

/// Everything of a query that does not depend on its report.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Widened to whole buckets; `from <= to`.
    pub(crate) from: Day,
    pub(crate) to: Day,
    /// `frequency`: its interval. `count`, `users`: `All`.
    pub(crate) by: Bucket,
    pub(crate) week_start: WeekStart,
    pub(crate) as_of: Micros,
    pub(crate) reach: Reach,
    /// Buckets of the range in order; at least one unless the range is empty or the report
    /// (`count`, `users`) has none.
    pub(crate) buckets: Vec<Span>,
    /// First day with a stored event; `None` in an empty database.
    pub(crate) first_day: Option<Day>,
    pub(crate) info: Info,
}

/// What a plan asks of stored history.
pub(crate) trait History {
    /// IANA name of the reporting zone.
    fn zone_name(&self) -> &str;
    /// The day that holds an instant.
    fn span_of(&self, at: Micros) -> DaySpan;
    /// First day with a stored event.
    fn first_day(&self) -> Option<Day>;
    /// End of the newest day with an event not after `now`.
    fn newest_end(&self, now: Micros) -> Option<Micros>;
    /// Stored events on `day` and later ones.
    fn events_from(&self, day: Day) -> u64;
    /// Time of the newest event.
    fn watermark(&self) -> Option<Micros>;
    /// Is any event of this name stored?
    fn knows_activity(&self, name: &str) -> bool;
}

impl History for SnapshotInner {
    fn zone_name(&self) -> &str {
        self.calendar.zone().name()
    }

    fn span_of(&self, at: Micros) -> DaySpan {
        self.calendar.span_of(at)
    }

    fn first_day(&self) -> Option<Day> {
        self.days.first().map(|day| day.span.day)
    }

    fn newest_end(&self, now: Micros) -> Option<Micros> {
        let begun = self.days.partition_point(|day| day.span.start <= now);
        let begun = self.days.get(..begun).unwrap_or_default();
        begun.iter().rev().find(|day| first_event(day) <= now).map(|day| day.span.end)
    }

    fn events_from(&self, day: Day) -> u64 {
        self.days_in(day, Day::MAX).iter().map(events).sum()
    }

    fn watermark(&self) -> Option<Micros> {
        SnapshotInner::watermark(self)
    }

    fn knows_activity(&self, name: &str) -> bool {
        SnapshotInner::knows_activity(self, name)
    }
}

/// Time of a day's first event.
fn first_event(day: &SnapshotDay) -> Micros {
    let sections = day.sections.iter().map(|section| section.place.totals.first);
    let runs = day.runs.iter().filter_map(|run| run.days.get(&day.span.day));
    let runs = runs.filter_map(|run| run.times()).map(|(first, _)| day.span.start + first);
    sections.chain(runs).min().unwrap_or(Micros::MAX)
}

fn events(day: &SnapshotDay) -> u64 {
    let sections = day.sections.iter().map(|section| section.place.totals.rows);
    let runs = day.runs.iter().filter_map(|run| run.days.get(&day.span.day));
    sections.chain(runs.map(|run| run.rows.len() as u64)).sum()
}

impl Plan {
    /// Checks the query and its names against the snapshot (a never-seen one is a warning in
    /// `info`), resolves relative dates, widens the range, cuts it into buckets. `now` decides
    /// `as_of` where the query names none.
    pub(crate) fn new(query: &Query, snapshot: &SnapshotInner, now: Micros) -> Result<Plan> {
        Plan::over(query, snapshot, now)
    }

    fn over(query: &Query, history: &impl History, now: Micros) -> Result<Plan> {
        query.check()?;
        check_zone(query, history)?;
        let as_of =
            query.as_of.unwrap_or_else(|| history.newest_end(now).map_or(now, |end| end.min(now)));
        let reach = Reach::of(history, as_of);
        let by = query.bucket();
        let (from, to) = range(query, history.first_day(), reach);
        let (from, to) = widened(from, to, by, query.week_start);
        let mut plan = Plan {
            from,
            to,
            by,
            week_start: query.week_start,
            as_of,
            reach,
            buckets: Vec::new(),
            first_day: history.first_day(),
            info: info(query, history, (from, to), as_of),
        };
        if !matches!(query.report, Report::Count | Report::Users { .. }) {
            plan.buckets = plan.cut()?;
            plan.info.warnings.extend(events_after(query, history, to));
        }
        plan.check_cells(query)?;
        Ok(plan)
    }

    /// The days `[start, end)` as a bucket of this plan: begun, complete by `as_of`.
    pub(crate) fn span(&self, start: Day, end: Day) -> Span {
        let begun = start < self.reach.begun;
        Span { start, end, begun, complete: end <= self.reach.complete }
    }

    fn cut(&self) -> Result<Vec<Span>> {
        let mut buckets = Vec::new();
        let mut start = self.from;
        while start < self.to {
            if buckets.len() == BUCKETS_MAX {
                return Err(Error::new(
                    ErrorKind::Limit,
                    format!(
                        "the range {} to {} has more than {BUCKETS_MAX} buckets: take wider ones \
                         with `by`",
                        time::format_day(self.from),
                        time::format_day(self.to)
                    ),
                ));
            }
            let end = match self.by {
                Bucket::All => self.to,
                by => time::bucket_next(start, by),
            };
            buckets.push(self.span(start, end));
            start = end;
        }
        Ok(buckets)
    }

    fn check_cells(&self, query: &Query) -> Result<()> {
        let Report::Retention(retention) = &query.report else { return Ok(()) };
        let cells = self.buckets.len().saturating_mul(retention.cells());
        if cells <= RETENTION_CELLS_MAX {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Limit,
            format!(
                "the table has {cells} cells, at most {RETENTION_CELLS_MAX} are answered: take \
                 fewer `columns`, wider buckets with `by`, or a shorter range"
            ),
        ))
    }
}

impl Reach {
    fn of(history: &impl History, as_of: Micros) -> Reach {
        let span = history.span_of(as_of);
        let begun = if span.start < as_of { span.day + 1 } else { span.day };
        Reach { begun, complete: span.day }
    }

    /// The day of `as_of`: the last one that has begun. At a midnight it is the day that ends then,
    /// since nothing of the next one can be known yet.
    fn today(self) -> Day {
        self.begun - 1
    }
}

impl Query {
    /// The width that the range is widened to and cut into.
    fn bucket(&self) -> Bucket {
        match &self.report {
            Report::Frequency { interval, .. } => *interval,
            Report::Count | Report::Users { .. } => Bucket::All,
            _ => self.by.unwrap_or(Bucket::Day),
        }
    }

    /// Hash of the normalised query, its range and `as_of` left out.
    fn definition(&self) -> String {
        let timeless = Query { from: None, to: None, as_of: None, time_zone: None, ..self.clone() };
        let hash = xxh3_64(timeless.to_json().to_string().as_bytes());
        format!("{:08x}", hash & 0xffff_ffff)
    }

    /// Names of events that the query is about, sorted and distinct.
    fn event_names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let mut selectors: Vec<&Selector> = Vec::new();
        self.report.selectors(&mut |selector| selectors.push(selector));
        self.users.iter().for_each(|set| set.selectors(&mut |selector| selectors.push(selector)));
        selectors.iter().for_each(|s| names.extend(s.names().iter().map(String::as_str)));
        names
    }
}

/// Only the database's own zone is answered so far.
fn check_zone(query: &Query, history: &impl History) -> Result<()> {
    let Some(name) = &query.time_zone else { return Ok(()) };
    let own = history.zone_name();
    let same = |name: &str| name.eq_ignore_ascii_case(own);
    if same(name) || same(Zone::named(name)?.name()) {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "`time_zone` is {name:?}: another zone than the database's, {own}, is not supported yet"
    )))
}

/// The range as asked, before it is widened; empty where it would end before it starts.
fn range(query: &Query, first_day: Option<Day>, reach: Reach) -> (Day, Day) {
    let to = match query.to {
        Some(ToDate::Date(to)) => to,
        None if first_day.is_none() && query.from.is_none() => reach.today(),
        Some(ToDate::Today) | None => reach.today() + 1,
    };
    let from = match query.from {
        Some(FromDate::Date(from)) => from,
        Some(FromDate::Back(count, unit)) => time::bucket_back(to, unit, i64::from(count)),
        None => first_day.unwrap_or(to).min(to),
    };
    (from, to.max(from))
}

/// Widened outward to whole buckets; an empty range stays empty.
fn widened(from: Day, to: Day, by: Bucket, week: WeekStart) -> (Day, Day) {
    if from == to || by == Bucket::All {
        return (from, to);
    }
    let last = time::bucket_start(to, by, week);
    let end = if last == to { to } else { time::bucket_next(last, by) };
    (time::bucket_start(from, by, week), end)
}

fn info(query: &Query, history: &impl History, (from, to): (Day, Day), as_of: Micros) -> Info {
    let unseen = query.event_names().into_iter().filter(|name| !history.knows_activity(name));
    Info {
        time_zone: history.zone_name().to_owned(),
        week_start: word(WEEK_STARTS, query.week_start),
        from: time::date_of(from),
        to: time::date_of(to),
        as_of: Zone::utc().format(as_of),
        watermark: history.watermark().map(|at| Zone::utc().format(at)),
        definition: query.definition(),
        elapsed_ms: 0.0,
        warnings: unseen.map(|name| format!("event {name:?} was never seen")).collect(),
    }
}

/// The warning for events that a range ending with `as_of` leaves out.
fn events_after(query: &Query, history: &impl History, to: Day) -> Option<String> {
    if matches!(query.to, Some(ToDate::Date(_))) {
        return None;
    }
    let (count, day) = (history.events_from(to), time::format_day(to));
    match count {
        0 => None,
        1 => Some(format!("1 event after as_of, on {day} or later, is not in the range")),
        n => Some(format!("{n} events after as_of, on {day} or later, are not in the range")),
    }
}

//! A query against a snapshot: its range, its buckets, what is complete.

use super::answer::{BucketStart, Info};
use super::history::{History, Later};
use super::{FromDate, Query, Report, ToDate, known, resolve};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{BUCKETS_MAX, RETENTION_CELLS_MAX};
use crate::scan::SetKind;
use crate::snapshot::SnapshotInner;
use crate::time::{self, Axis, Bucket, Calendar, Day, Micros, Tick, WeekStart, Zone};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// One bucket: ticks `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Tick,
    pub(crate) end: Tick,
    /// Its first instant is before `as_of`; otherwise its value is null.
    pub(crate) begun: bool,
    /// Its last instant is not after `as_of`; of a funnel, nor is the end of its last window.
    pub(crate) complete: bool,
}

/// Everything of a query that does not depend on its report.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Civil days of the query's zone, widened to whole buckets; `from <= to`.
    pub(crate) from: Day,
    pub(crate) to: Day,
    /// The same in ticks.
    pub(crate) from_tick: Tick,
    pub(crate) to_tick: Tick,
    /// What the report counts in: days of the query's zone, or hours where `by` says so.
    pub(crate) axis: Arc<Axis>,
    /// Ticks are exactly the database's days.
    pub(crate) native: bool,
    /// `frequency`: its interval. `paths`, `count`, `users`: `All`.
    pub(crate) by: Bucket,
    pub(crate) week_start: WeekStart,
    pub(crate) as_of: Micros,
    /// The first tick that has not ended at `as_of`.
    pub(crate) open_tick: Tick,
    /// Buckets of the range in order; at least one unless the range is empty or the report
    /// (`paths`, `count`, `users`) has none.
    pub(crate) buckets: Vec<Span>,
    /// The ticks of the first event, or of the end of those that were dropped, and of the newest
    /// stored one; `None` where there was never one.
    pub(crate) first_tick: Option<Tick>,
    pub(crate) last_tick: Option<Tick>,
    /// Only these users count.
    pub(crate) users: Option<Arc<SetKind>>,
    pub(crate) info: Info,
    /// How long after its end a bucket is complete.
    settle_us: i64,
}

impl Plan {
    /// Checks the query and its names against the snapshot (a never-seen one is a warning in
    /// `info`), resolves relative dates and sets, widens the range, cuts it into buckets. `now`
    /// decides `as_of` where the query names none.
    pub(crate) fn new(query: &Query, snapshot: &SnapshotInner, now: Micros) -> Result<Plan> {
        Plan::over(query, snapshot, now)
    }

    fn over(query: &Query, history: &impl History, now: Micros) -> Result<Plan> {
        query.check()?;
        let users = query.users.as_ref().map(|set| resolve::expand(set, history.cohorts()));
        let query = &Query { users: users.transpose()?, ..query.clone() };
        known::check(query, history)?;
        let asked = Asked::new(query, history, now)?;
        let by = query.bucket();
        let (from, to) = asked.range(query);
        let (from, to) = widened(from, to, by, query.week_start);
        let axis = asked.axis(query, (from, to), by)?;
        let users = query.users.as_ref().map(|set| resolve::bind(set, &asked));
        let mut plan = Plan {
            from,
            to,
            from_tick: axis.first_tick(from),
            to_tick: axis.first_tick(to),
            native: asked.native && !axis.is_hours(),
            by,
            week_start: query.week_start,
            as_of: asked.as_of,
            open_tick: axis.tick_of(asked.as_of),
            buckets: Vec::new(),
            first_tick: known_from(history).map(|at| axis.tick_of(at)),
            last_tick: history.watermark().map(|at| axis.tick_of(at)),
            users: users.transpose()?.map(Arc::new),
            info: asked.info(query, history, (from, to))?,
            settle_us: query.report.settle_us(),
            axis: Arc::new(axis),
        };
        let dropped = known::dropped(query, history, &plan);
        plan.info.warnings.extend(dropped);
        if query.has_figures_in_range() {
            let later = history.events_from(plan.instant(plan.to_tick));
            plan.info.warnings.extend(events_after(query, later, to));
        }
        if query.report.has_buckets() {
            plan.buckets = plan.cut()?;
        }
        plan.check_cells(query)?;
        Ok(plan)
    }

    /// The same plan, of a range that ends where it starts.
    pub(crate) fn of_no_day(&self) -> Plan {
        let (to, to_tick) = (self.from, self.from_tick);
        Plan { to, to_tick, buckets: Vec::new(), ..self.clone() }
    }

    /// So many days as ticks: days, or 24 hours each.
    pub(crate) fn ticks(&self, days: u32) -> Tick {
        let ticks = if self.axis.is_hours() { days.saturating_mul(24) } else { days };
        // `limits` keeps windows far below the bounds of a tick.
        Tick::try_from(ticks).unwrap_or(Tick::MAX / 4)
    }

    /// The first instant of a tick.
    pub(crate) fn instant(&self, tick: Tick) -> Micros {
        self.axis.start(tick)
    }

    /// The range as instants, half open.
    pub(crate) fn instants(&self) -> (Micros, Micros) {
        (self.instant(self.from_tick), self.instant(self.to_tick))
    }

    /// The ticks `[start, end)` as a bucket of this plan: begun, complete by `as_of`.
    pub(crate) fn span(&self, start: Tick, end: Tick) -> Span {
        let begun = self.instant(start) < self.as_of;
        let settled = self.instant(end).saturating_add(self.settle_us);
        Span { start, end, begun, complete: settled <= self.as_of }
    }

    /// The start of the bucket after the one that starts with a tick.
    pub(crate) fn next(&self, start: Tick) -> Tick {
        match self.by {
            Bucket::Hour => start.saturating_add(1),
            Bucket::All => start.saturating_add(self.length()),
            by => time::bucket_next(start, by),
        }
    }

    /// The start of the bucket before the one that starts with a tick. Before the whole range lies
    /// a span of the same length.
    pub(crate) fn previous(&self, start: Tick) -> Tick {
        match self.by {
            Bucket::Hour => start.saturating_sub(1),
            Bucket::All => start.saturating_sub(self.length()),
            by => time::bucket_start(start.saturating_sub(1), by, self.week_start),
        }
    }

    /// How an answer names the bucket that starts with a tick.
    pub(crate) fn bucket_start(&self, tick: Tick) -> BucketStart {
        match self.axis.is_hours() {
            true => BucketStart::Hour(self.zone().clock(self.instant(tick))),
            false => BucketStart::Date(time::date_of(tick)),
        }
    }

    /// The query's zone.
    pub(crate) fn zone(&self) -> &Zone {
        self.axis.calendar().zone()
    }

    fn length(&self) -> Tick {
        self.to_tick.saturating_sub(self.from_tick).max(1)
    }

    fn cut(&self) -> Result<Vec<Span>> {
        let mut buckets = Vec::new();
        let mut start = self.from_tick;
        while start < self.to_tick {
            if buckets.len() == BUCKETS_MAX {
                return Err(too_many_buckets(self.from, self.to));
            }
            let end = self.next(start);
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

fn too_many_buckets(from: Day, to: Day) -> Error {
    let (from, to) = (time::format_day(from), time::format_day(to));
    Error::new(
        ErrorKind::Limit,
        format!(
            "the range {from} to {to} has more than {BUCKETS_MAX} buckets: take wider ones with \
             `by`, or a shorter range"
        ),
    )
}

/// The clock of a query: its days, its `as_of`, and where history begins.
pub(super) struct Asked {
    pub(super) calendar: Calendar,
    /// The calendar is the database's own.
    native: bool,
    as_of: Micros,
    /// The day of `as_of`: the last one that has begun. At a midnight it is the day that ends then,
    /// since nothing of the next one can be known yet.
    today: Day,
    /// The first event's day.
    first_day: Option<Day>,
}

impl Asked {
    fn new(query: &Query, history: &impl History, now: Micros) -> Result<Asked> {
        let (calendar, native) = calendar(query, history)?;
        let newest_end = |at| calendar.span_of(at).end.min(now);
        let default = || history.newest_at(now).map_or(now, newest_end);
        let as_of = query.as_of.unwrap_or_else(default);
        let span = calendar.span_of(as_of);
        let today = if span.start < as_of { span.day } else { span.day.saturating_sub(1) };
        let first_day = history.first_at().map(|at| calendar.span_of(at).day);
        Ok(Asked { calendar, native, as_of, today, first_day })
    }

    /// The range as asked, before it is widened; empty where it would end before it starts.
    fn range(&self, query: &Query) -> (Day, Day) {
        let to = match query.to {
            Some(ToDate::Date(to)) => to,
            None if self.first_day.is_none() && query.from.is_none() => self.today,
            Some(ToDate::Today) | None => self.today + 1,
        };
        let from = match query.from {
            Some(FromDate::Date(from)) => from,
            Some(FromDate::Back(count, unit)) => time::bucket_back(to, unit, i64::from(count)),
            None => self.first_day.unwrap_or(to).min(to),
        };
        (from, to.max(from))
    }

    /// The range of a set, as instants: not widened, open where no end is named, and empty where it
    /// would end before it starts.
    pub(super) fn open_range(
        &self,
        from: Option<FromDate>,
        to: Option<ToDate>,
    ) -> (Micros, Micros) {
        let start = |day: Day| self.calendar.span(day).start;
        let to = to.map(|to| match to {
            ToDate::Date(to) => to,
            ToDate::Today => self.today + 1,
        });
        let from = from.map(|from| match from {
            FromDate::Date(from) => from,
            FromDate::Back(count, unit) => {
                time::bucket_back(to.unwrap_or(self.today + 1), unit, i64::from(count))
            }
        });
        let from = from.map_or(Micros::MIN, start);
        (from, to.map_or(Micros::MAX, start).max(from))
    }

    /// Days, or hours of the range and of the days around it that the report reads.
    fn axis(&self, query: &Query, (from, to): (Day, Day), by: Bucket) -> Result<Axis> {
        /// Hours that no day is shorter than, on the average of a few.
        const HOURS_MIN: usize = 22;
        if by != Bucket::Hour {
            return Ok(Axis::days(self.calendar.clone()));
        }
        let days = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        if days.saturating_mul(HOURS_MIN) > BUCKETS_MAX {
            return Err(too_many_buckets(from, to));
        }
        let around = query.report.days_around().saturating_add(2);
        let (first, last) = (from.saturating_sub(around), to.saturating_add(around));
        Ok(Axis::hours(self.calendar.clone(), first, last))
    }

    fn info(&self, query: &Query, history: &impl History, (from, to): (Day, Day)) -> Result<Info> {
        let zone = self.calendar.zone().name();
        let ranged = query.has_figures_in_range();
        Ok(Info {
            time_zone: zone.to_owned(),
            week_start: query.week_start.as_str(),
            from: ranged.then(|| time::date_of(from)),
            to: ranged.then(|| time::date_of(to)),
            as_of: Zone::utc().format(self.as_of),
            watermark: history.watermark().map(|at| Zone::utc().format(at)),
            definition: query.definition((!self.native).then_some(zone)),
            elapsed_ms: 0.0,
            warnings: known::warnings(query, history)?,
            partial: None,
        })
    }
}

/// The days of the query's zone, and whether they are the database's.
fn calendar(query: &Query, history: &impl History) -> Result<(Calendar, bool)> {
    let own = history.calendar();
    let Some(name) = &query.time_zone else { return Ok((own.clone(), true)) };
    let zone = Zone::named(name)?;
    match zone.name() == own.zone().name() {
        true => Ok((own.clone(), true)),
        false => Ok((Calendar::new(zone, []), false)),
    }
}

impl Query {
    /// The width that the range is widened to and cut into.
    fn bucket(&self) -> Bucket {
        match &self.report {
            Report::Frequency { interval, .. } => *interval,
            report => self.by.or(report.by_default()).unwrap_or(Bucket::All),
        }
    }

    /// Whether the range bounds who is counted: `count` and `users` look at all history, what is
    /// after `as_of` included, unless the query names an end of it.
    pub(crate) fn is_ranged(&self) -> bool {
        !self.is_of_people() || self.from.is_some() || self.to.is_some()
    }

    fn is_of_people(&self) -> bool {
        matches!(self.report, Report::Count | Report::Users { .. })
    }

    /// Whether anything in the answer is about the range: of everyone ever, only the columns are.
    fn has_figures_in_range(&self) -> bool {
        let columns = match &self.report {
            Report::Users { person, .. } => !person.with.is_empty() || person.order_by.is_some(),
            _ => false,
        };
        self.is_ranged() || columns
    }

    /// Hash of the normalised query, its range and `as_of` left out, but not whether people need an
    /// event in a range at all. `zone`: where it is not the database's own.
    fn definition(&self, zone: Option<&str>) -> String {
        let time_zone = zone.map(str::to_owned);
        let timeless = Query {
            from: None,
            to: None,
            as_of: None,
            allow_partial: false,
            time_zone,
            ..self.clone()
        };
        let mut text = timeless.to_json().to_string();
        if self.is_of_people() && self.is_ranged() {
            text.push_str(" with an event in the range");
        }
        format!("{:08x}", xxh3_64(text.as_bytes()) & 0xffff_ffff)
    }
}

impl Report {
    fn has_buckets(&self) -> bool {
        !matches!(self, Report::Paths(_) | Report::Count | Report::Users { .. })
    }

    /// How long after its end a bucket may still change by what belongs to it: a funnel's entries
    /// have their whole window.
    fn settle_us(&self) -> i64 {
        match self {
            Report::Funnel(funnel) => funnel.within_us.unwrap_or(i64::MAX),
            _ => 0,
        }
    }

    /// Days before and after the range that the report looks at hour by hour.
    fn days_around(&self) -> Day {
        let days = match self {
            Report::Active { trailing, .. } | Report::Stickiness { trailing, .. } => {
                trailing.unwrap_or(0)
            }
            Report::Growth { gap, trailing, .. } => {
                (gap / 24 + 1).max(trailing.unwrap_or(0).saturating_mul(2))
            }
            Report::Retention(retention) => {
                let after: u32 = retention.brackets.iter().fold(0, |sum, n| sum.saturating_add(*n));
                after.max(retention.columns) / 24 + 1
            }
            _ => 0,
        };
        Day::try_from(days).unwrap_or(Day::MAX)
    }
}

/// Widened outward to whole buckets; an empty range stays empty.
fn widened(from: Day, to: Day, by: Bucket, week: WeekStart) -> (Day, Day) {
    if from == to || matches!(by, Bucket::Hour | Bucket::All) {
        return (from, to);
    }
    let last = time::bucket_start(to, by, week);
    let end = if last == to { to } else { time::bucket_next(last, by) };
    (time::bucket_start(from, by, week), end)
}

/// From when on something is known: the first event, or the end of the days that were dropped.
fn known_from(history: &impl History) -> Option<Micros> {
    let kept_from = history.days_from().map(|day| history.calendar().span(day).start);
    history.first_at().into_iter().chain(kept_from).min()
}

/// The warning for events that a range ending with `as_of` leaves out.
fn events_after(query: &Query, later: Later, to: Day) -> Option<String> {
    if matches!(query.to, Some(ToDate::Date(_))) {
        return None;
    }
    let day = time::format_day(to);
    match (later.events, later.more) {
        (0, false) => None,
        (1, false) => Some(format!("1 event after as_of, on {day} or later, is not in the range")),
        (n, false) => {
            Some(format!("{n} events after as_of, on {day} or later, are not in the range"))
        }
        (_, true) => Some(format!("events after as_of, on {day} or later, are not in the range")),
    }
}

#[cfg(test)]
mod tests;

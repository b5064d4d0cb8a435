//! A query against a snapshot: its range, its buckets, what is complete.

use super::answer::Info;
use super::{FromDate, Query, Report, ToDate, resolve};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{BUCKETS_MAX, RETENTION_CELLS_MAX};
use crate::scan::{Selector, SetKind};
use crate::snapshot::{SnapshotDay, SnapshotInner};
use crate::time::{self, Bucket, Day, DaySpan, Micros, WeekStart, Zone};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
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
    #[cfg(test)]
    pub(crate) as_of: Micros,
    pub(crate) reach: Reach,
    /// Buckets of the range in order; at least one unless the range is empty or the report
    /// (`count`, `users`) has none.
    pub(crate) buckets: Vec<Span>,
    /// First day with a stored event; `None` in an empty database.
    pub(crate) first_day: Option<Day>,
    /// Only these users count.
    pub(crate) users: Option<Arc<SetKind>>,
    pub(crate) info: Info,
}

/// What a plan asks of stored history.
pub(crate) trait History {
    /// IANA name of the reporting zone.
    fn zone_name(&self) -> &str;
    /// The day that holds an instant.
    fn span_of(&self, at: Micros) -> DaySpan;
    /// Where a day starts.
    fn start_of(&self, day: Day) -> Micros;
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
    /// Saved cohorts: name to the JSON of a set.
    fn cohorts(&self) -> &BTreeMap<String, String>;
}

impl History for SnapshotInner {
    fn zone_name(&self) -> &str {
        self.calendar.zone().name()
    }

    fn span_of(&self, at: Micros) -> DaySpan {
        self.calendar.span_of(at)
    }

    fn start_of(&self, day: Day) -> Micros {
        self.calendar.span(day).start
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

    fn cohorts(&self) -> &BTreeMap<String, String> {
        &self.catalog.cohorts
    }
}

/// Time of a day's first event.
fn first_event(day: &SnapshotDay) -> Micros {
    let sections = day.sections.iter().map(|section| section.place.totals.first);
    let runs = day.run_days().filter_map(|run| Some(day.span.start + run.times()?.0));
    sections.chain(runs).min().unwrap_or(Micros::MAX)
}

fn events(day: &SnapshotDay) -> u64 {
    let sections = day.sections.iter().map(|section| section.place.totals.rows);
    sections.chain(day.run_days().map(|run| run.rows.len() as u64)).sum()
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
        let users = query.users.as_ref().map(|set| resolve::expand(set, history.cohorts()));
        let query = &Query { users: users.transpose()?, ..query.clone() };
        let users = query
            .users
            .as_ref()
            .map(|set| resolve::bind(set, reach, &|day| history.start_of(day)).map(Arc::new));
        let by = query.bucket();
        let (from, to) = range(query, history.first_day(), reach);
        let (from, to) = widened(from, to, by, query.week_start);
        let mut plan = Plan {
            from,
            to,
            by,
            week_start: query.week_start,
            #[cfg(test)]
            as_of,
            reach,
            buckets: Vec::new(),
            first_day: history.first_day(),
            users: users.transpose()?,
            info: info(query, history, (from, to), as_of),
        };
        if query.is_ranged() {
            plan.info.warnings.extend(events_after(query, history, to));
        }
        if !matches!(query.report, Report::Paths(_) | Report::Count | Report::Users { .. }) {
            plan.buckets = plan.cut()?;
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
            report => self.by.or(report.by_default()).unwrap_or(Bucket::All),
        }
    }

    /// Whether the range bounds what is counted: `count` and `users` look at all history, what is
    /// after `as_of` included, unless the query names an end of it.
    pub(crate) fn is_ranged(&self) -> bool {
        let by_set = matches!(self.report, Report::Count | Report::Users { .. });
        !by_set || self.from.is_some() || self.to.is_some()
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
        week_start: query.week_start.as_str(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::query::Set;
    use chrono::{DateTime, Utc};

    const DAY_US: i64 = 86_400_000_000;

    /// Events by day, in UTC.
    struct Fake(Vec<(Micros, u64)>, BTreeMap<String, String>);

    impl History for Fake {
        fn zone_name(&self) -> &str {
            "Europe/Berlin"
        }
        fn span_of(&self, at: Micros) -> DaySpan {
            let day = at.div_euclid(DAY_US);
            DaySpan { day: day as Day, start: day * DAY_US, end: (day + 1) * DAY_US }
        }
        fn start_of(&self, day: Day) -> Micros {
            Micros::from(day) * DAY_US
        }

        fn first_day(&self) -> Option<Day> {
            self.0.first().map(|(at, _)| self.span_of(*at).day)
        }
        fn newest_end(&self, now: Micros) -> Option<Micros> {
            let (at, _) = self.0.iter().rev().find(|(at, _)| *at <= now)?;
            Some(self.span_of(*at).end)
        }
        fn events_from(&self, day: Day) -> u64 {
            self.0.iter().filter(|(at, _)| self.span_of(*at).day >= day).map(|(_, n)| n).sum()
        }
        fn watermark(&self) -> Option<Micros> {
            self.0.last().map(|(at, _)| *at)
        }
        fn knows_activity(&self, name: &str) -> bool {
            name == "purchase"
        }
        fn cohorts(&self) -> &BTreeMap<String, String> {
            &self.1
        }
    }

    fn at(text: &str) -> Micros {
        time::micros_from(text.parse::<DateTime<Utc>>().unwrap())
    }

    fn days(text: &str) -> Day {
        time::parse_day(text).unwrap()
    }

    /// Events on 2024-01-10 and 2024-03-05, and two dated wrongly, in 2030.
    fn history() -> Fake {
        let events = [("2024-01-10T12:00:00Z", 5), ("2024-03-05T12:00:00Z", 7)];
        let wrong = [("2030-01-01T00:00:00Z", 2)];
        let events = events.into_iter().chain(wrong).map(|(text, n)| (at(text), n));
        Fake(events.collect(), BTreeMap::new())
    }

    const NOW: &str = "2024-06-01T08:00:00Z";

    fn plan(query: &Query) -> Plan {
        Plan::over(query, &history(), at(NOW)).unwrap()
    }

    fn range_of(plan: &Plan) -> (String, String) {
        (plan.info.from.to_string(), plan.info.to.to_string())
    }

    #[track_caller]
    fn assert_range(query: Query, from: &str, to: &str) {
        assert_eq!(range_of(&plan(&query)), (from.to_owned(), to.to_owned()));
    }

    #[test]
    fn the_range_is_all_history_up_to_as_of_and_later_events_are_counted() {
        let plan = plan(&Query::active("purchase"));
        assert_eq!(range_of(&plan), ("2024-01-10".into(), "2024-03-06".into()));
        assert_eq!(plan.info.as_of, "2024-03-06T00:00:00Z");
        assert_eq!(plan.info.watermark.as_deref(), Some("2030-01-01T00:00:00Z"));
        assert_eq!(plan.buckets.len(), 56);
        assert!(plan.buckets.iter().all(|bucket| bucket.complete));
        let warning = "2 events after as_of, on 2024-03-06 or later, are not in the range";
        assert_eq!(plan.info.warnings, [warning]);
    }

    #[test]
    fn as_of_is_now_while_the_newest_day_is_not_over() {
        let now = at("2024-03-05T18:00:00Z");
        let plan = Plan::over(&Query::active("*"), &history(), now).unwrap();
        assert_eq!(plan.as_of, now);
        let last = plan.buckets.last().unwrap();
        assert_eq!((last.start, last.begun, last.complete), (days("2024-03-05"), true, false));
    }

    #[test]
    fn relative_ends_count_back_from_today_which_as_of_decides() {
        let query = || Query::active("*").to("today");
        assert_range(query().from("-28d"), "2024-02-07", "2024-03-06");
        assert_range(query().from("-2w"), "2024-02-21", "2024-03-06");
        assert_range(query().from("-1m"), "2024-02-06", "2024-03-06");
        assert_range(query().from("-1y"), "2023-03-06", "2024-03-06");
        assert_range(Query::active("*").from("-1d").to("2024-02-01"), "2024-01-31", "2024-02-01");
        let midday = "2024-02-10T12:00:00Z".parse().unwrap();
        assert_range(query().from("-1d").as_of(midday), "2024-02-10", "2024-02-11");
    }

    #[test]
    fn ranges_widen_outward_to_whole_buckets() {
        let query = || Query::active("*").from("2024-02-14").to("2024-03-06");
        assert_range(query().by(Bucket::Week), "2024-02-12", "2024-03-11");
        let sunday = query().by(Bucket::Week).week_start(WeekStart::Sunday);
        assert_range(sunday, "2024-02-11", "2024-03-10");
        assert_range(query().by(Bucket::Month), "2024-02-01", "2024-04-01");
        assert_range(query().by(Bucket::Quarter), "2024-01-01", "2024-04-01");
        assert_range(query().by(Bucket::Year), "2024-01-01", "2025-01-01");
        assert_range(query().by(Bucket::All), "2024-02-14", "2024-03-06");
        let frequency = Query::frequency("*").interval(Bucket::Month);
        assert_range(frequency.from("2024-02-14").to("2024-03-01"), "2024-02-01", "2024-03-01");
    }

    #[test]
    fn an_empty_range_stays_empty() {
        let empty = |query: Query| {
            let plan = plan(&query);
            assert!(plan.buckets.is_empty(), "{plan:?}");
            assert_eq!(plan.from, plan.to);
        };
        empty(Query::active("*").from("2024-02-14").to("2024-02-14").by(Bucket::Month));
        empty(Query::active("*").from("2024-05-01"));
        empty(Query::active("*").to("2023-05-01"));
        assert_range(Query::active("*").to("2023-05-01"), "2023-05-01", "2023-05-01");
        let nothing = Fake(Vec::new(), BTreeMap::new());
        let plan = Plan::over(&Query::active("*"), &nothing, at(NOW)).unwrap();
        assert_eq!(range_of(&plan), ("2024-06-01".into(), "2024-06-01".into()));
        assert_eq!((plan.buckets.len(), plan.info.watermark), (0, None));
        let asked = Query::active("*").from("2024-05-30");
        assert_eq!(Plan::over(&asked, &nothing, at(NOW)).unwrap().buckets.len(), 3);
    }

    #[test]
    fn completeness_follows_as_of() {
        let query = Query::active("*").from("2024-02-01").to("2024-05-01").by(Bucket::Month);
        let seen = |as_of: &str| {
            let plan = plan(&query.clone().as_of(as_of.parse().unwrap()));
            plan.buckets.iter().map(|b| (b.begun, b.complete)).collect::<Vec<_>>()
        };
        let (ended, open, ahead) = ((true, true), (true, false), (false, false));
        assert_eq!(seen("2024-03-10T00:00:00Z"), [ended, open, ahead]);
        assert_eq!(seen("2024-04-01T00:00:00Z"), [ended, ended, ahead]);
        assert_eq!(seen("2024-04-01T00:00:00.000001Z"), [ended, ended, open]);
        assert_eq!(seen("2024-03-31T23:59:59.999999Z"), [ended, open, ahead]);
    }

    #[test]
    fn sets_look_at_all_history_unless_a_range_is_named() {
        let plan_all = plan(&Query::count(Set::did("purchase")));
        assert_eq!((plan_all.buckets.len(), plan_all.info.warnings.len()), (0, 0));
        let since = plan(&Query::count(Set::did("purchase")).from("2024-02-01"));
        assert_eq!(since.info.warnings.len(), 1);
    }

    #[test]
    fn names_never_seen_are_warnings() {
        let set = Set::did("visit").and(!Set::first_did("purchase", "2024-01-01", "2024-02-01"));
        let query = Query::retention("signup").returning("purchase").only(set);
        let warnings = plan(&query.to("2024-03-06")).info.warnings;
        assert_eq!(
            warnings,
            [r#"event "signup" was never seen"#, r#"event "visit" was never seen"#]
        );
    }

    #[test]
    fn the_database_s_own_zone_is_fine_and_others_wait() {
        assert_eq!(plan(&Query::active("*").time_zone("europe/berlin")).buckets.len(), 56);
        let of = |zone: &str| {
            let query = Query::active("*").time_zone(zone);
            Plan::over(&query, &history(), at(NOW)).unwrap_err().kind()
        };
        assert_eq!(of("UTC"), ErrorKind::Unsupported);
        assert_eq!(of("Mars/Olympus"), ErrorKind::Input);
    }

    #[test]
    fn limits_are_named() {
        let years = Query::active("*").from("1800-01-01").to("2024-01-01");
        assert_eq!(plan(&years).buckets.len(), 81_814);
        let ages = Query::active("*").from("1400-01-01").to("2024-01-01");
        let error = Plan::over(&ages, &history(), at(NOW)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(error.to_string().contains("200000 buckets"), "{error}");
        let wide = Query::retention("*").from("1990-01-01").to("2024-01-01").columns(3_660);
        let error = Plan::over(&wide, &history(), at(NOW)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }

    #[test]
    fn the_ends_of_the_supported_years_do_not_overflow() {
        for by in [Bucket::Day, Bucket::Week, Bucket::Month, Bucket::Quarter, Bucket::Year] {
            for (from, to) in [("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")] {
                let sunday = Query::active("*").by(by).week_start(WeekStart::Sunday);
                assert_eq!(plan(&sunday.from(from).to(to)).buckets.len(), 1);
            }
        }
        let far = plan(&Query::active("*").from("-3650000d").to("0001-01-02").by(Bucket::All));
        assert!(far.from < far.to);
    }

    #[test]
    fn the_definition_ignores_the_range_and_nothing_else() {
        let query = || Query::active("purchase").by(Bucket::Week);
        let definition = |query: Query| plan(&query).info.definition;
        let base = definition(query());
        assert_eq!(base.len(), 8);
        assert!(base.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(definition(query().from("2024-01-01").to("today")), base);
        assert_eq!(definition(query().as_of(NOW.parse().unwrap())), base);
        assert_eq!(definition(query().time_zone("Europe/Berlin")), base);
        assert_ne!(definition(query().trailing(7)), base);
        assert_ne!(definition(query().week_start(WeekStart::Sunday)), base);
        assert_ne!(definition(Query::active("visit").by(Bucket::Week)), base);
    }
}

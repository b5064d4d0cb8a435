//! The builder: a constructor per report, a method per field.

use super::date::DateArg;
use super::set::Set;
use super::{CohortKind, CountKind, Query, Report, Retention, fields};
use crate::scan::Selector;
use crate::time::{self, Bucket, WeekStart};
use chrono::{DateTime, Utc};

/// One constructor per report.
impl Query {
    /// Distinct users of the event per bucket, or in the [`trailing`](Query::trailing) days that
    /// end with it.
    pub fn active(event: impl Into<Selector>) -> Query {
        Query::of(Report::Active { event: event.into().tidy(), trailing: None })
    }

    /// How many users were active on exactly k days ([`interval`](Query::interval)s) of the range.
    pub fn frequency(event: impl Into<Selector>) -> Query {
        let event = event.into().tidy();
        Query::of(Report::Frequency { event, interval: Bucket::Day, at_least: 1, at_most: None })
    }

    /// Mean daily actives over the users of the same window: the trailing 28 days, unless
    /// [`trailing`](Query::trailing) says otherwise.
    pub fn stickiness(event: impl Into<Selector>) -> Query {
        Query::of(Report::Stickiness { event: event.into().tidy(), trailing: Some(28) })
    }

    /// New, retained, resurrected and churned users per bucket.
    pub fn growth(event: impl Into<Selector>) -> Query {
        let event = event.into().tidy();
        Query::of(Report::Growth { event, gap: 1, trailing: None, new_means_any: false })
    }

    /// Every user's state on each day: new, current, reactivated, resurrected, at risk, dormant.
    pub fn states(event: impl Into<Selector>) -> Query {
        Query::of(Report::States { event: event.into().tidy(), week: 7, month: 30 })
    }

    /// Of the users who did `start` in a bucket, how many came back 1, 2, 3... buckets later.
    pub fn retention(start: impl Into<Selector>) -> Query {
        Query::of(Report::Retention(Retention {
            start: start.into().tidy(),
            returning: None,
            columns: 12,
            cohort: CohortKind::First,
            count: CountKind::On,
            brackets: Vec::new(),
            at_least: 1,
        }))
    }

    /// How many users are in the set, and have an event in the range where one is given.
    pub fn count(set: Set) -> Query {
        Query::of(Report::Count).only(set)
    }

    /// Ids of the users that [`count`](Query::count) counts, in the order of their bytes, a page
    /// at a time.
    pub fn users(set: Set) -> Query {
        Query::of(Report::Users { limit: 1_000, after: None }).only(set)
    }

    pub(super) fn of(report: Report) -> Query {
        Query {
            report,
            from: None,
            to: None,
            by: None,
            time_zone: None,
            week_start: WeekStart::Monday,
            as_of: None,
            users: None,
            fault: None,
        }
    }
}

/// Fields of every report.
impl Query {
    /// The first day of the range: a date, or `-28d`, `-12w`, `-6m`, `-1y` before its end.
    /// Without: the first stored event's day.
    #[must_use]
    pub fn from(mut self, date: impl Into<DateArg>) -> Query {
        match date.into().start() {
            Ok(from) => self.from = Some(from),
            Err(fault) => self.remember(fault),
        }
        self
    }

    /// The day after the last one of the range: a date, or `today` (that of `as_of`, included).
    /// Without: like `today`.
    #[must_use]
    pub fn to(mut self, date: impl Into<DateArg>) -> Query {
        match date.into().end() {
            Ok(to) => self.to = Some(to),
            Err(fault) => self.remember(fault),
        }
        self
    }

    /// The width of the buckets; a day without.
    #[must_use]
    pub fn by(mut self, bucket: Bucket) -> Query {
        self.by = Some(bucket);
        self
    }

    /// The IANA name of the zone that days are civil days of; only the database's own so far.
    #[must_use]
    pub fn time_zone(mut self, name: impl Into<String>) -> Query {
        self.time_zone = Some(name.into());
        self
    }

    /// The day that weeks start on; Monday without.
    #[must_use]
    pub fn week_start(mut self, day: WeekStart) -> Query {
        self.week_start = day;
        self
    }

    /// The instant that decides what is complete. Without: now, or the end of the newest day with
    /// an event if that is earlier.
    #[must_use]
    pub fn as_of(mut self, at: DateTime<Utc>) -> Query {
        self.as_of = Some(time::micros_from(at));
        self
    }

    /// Only these users count (the field `users`).
    #[must_use]
    pub fn only(mut self, set: Set) -> Query {
        self.users = Some(set.kind);
        if let Some(fault) = set.fault {
            self.remember(fault);
        }
        self
    }
}

/// Fields of some reports. On a report that does not have it, a field is an error of the query.
impl Query {
    /// `active`, `stickiness`, `growth`: the n days that end on each bucket's last day; `None` is
    /// the calendar bucket.
    #[must_use]
    pub fn trailing(self, days: impl Into<Option<u32>>) -> Query {
        let days = days.into();
        self.own("trailing", days, |report| match report {
            Report::Active { trailing, .. }
            | Report::Stickiness { trailing, .. }
            | Report::Growth { trailing, .. } => Some(trailing),
            _ => None,
        })
    }

    /// `frequency`: what is counted, days (the default), weeks or months.
    #[must_use]
    pub fn interval(self, bucket: Bucket) -> Query {
        self.own("interval", bucket, |report| match report {
            Report::Frequency { interval, .. } => Some(interval),
            _ => None,
        })
    }

    /// `frequency`, `retention`: events in an interval before it counts; 1 without.
    #[must_use]
    pub fn at_least(self, times: u32) -> Query {
        self.own("at_least", times, |report| match report {
            Report::Frequency { at_least, .. } | Report::Retention(Retention { at_least, .. }) => {
                Some(at_least)
            }
            _ => None,
        })
    }

    /// `frequency`: events in an interval above which it does not count.
    #[must_use]
    pub fn at_most(self, times: u32) -> Query {
        self.own("at_most", Some(times), |report| match report {
            Report::Frequency { at_most, .. } => Some(at_most),
            _ => None,
        })
    }

    /// `growth`: buckets of silence before a user has churned; 1 without.
    #[must_use]
    pub fn gap(self, buckets: u32) -> Query {
        self.own("gap", buckets, |report| match report {
            Report::Growth { gap, .. } => Some(gap),
            _ => None,
        })
    }

    /// `growth`: new is who never did any event at all before, not just this one
    /// (`new_means: "any"`).
    #[must_use]
    pub fn new_means_any(self) -> Query {
        self.own("new_means", true, |report| match report {
            Report::Growth { new_means_any, .. } => Some(new_means_any),
            _ => None,
        })
    }

    /// `states`: days of the shorter window; 7 without.
    #[must_use]
    pub fn week(self, days: u32) -> Query {
        self.own("week", days, |report| match report {
            Report::States { week, .. } => Some(week),
            _ => None,
        })
    }

    /// `states`: days of the longer window; 30 without.
    #[must_use]
    pub fn month(self, days: u32) -> Query {
        self.own("month", days, |report| match report {
            Report::States { month, .. } => Some(month),
            _ => None,
        })
    }

    /// `retention`: the event that counts as a return; the start event without.
    #[must_use]
    pub fn returning(self, event: impl Into<Selector>) -> Query {
        let event = event.into().tidy();
        self.retain("return", Some(event), |retention| &mut retention.returning)
    }

    /// `retention`: the last column; 12 without.
    #[must_use]
    pub fn columns(self, last: u32) -> Query {
        self.retain("columns", last, |retention| &mut retention.columns)
    }

    /// `retention`: what puts a user into a cohort.
    #[must_use]
    pub fn cohort(self, kind: CohortKind) -> Query {
        self.retain("cohort", kind, |retention| &mut retention.cohort)
    }

    /// `retention`: which returns a column counts (the field `count`).
    #[must_use]
    pub fn counting(self, kind: CountKind) -> Query {
        self.retain("count", kind, |retention| &mut retention.count)
    }

    /// `retention`: after bucket 0, a column for each of these consecutive widths, in place of one
    /// per bucket.
    #[must_use]
    pub fn brackets(self, widths: impl IntoIterator<Item = u32>) -> Query {
        let widths = widths.into_iter().collect();
        self.retain("brackets", widths, |retention| &mut retention.brackets)
    }

    /// `users`: ids on a page; 1,000 without.
    #[must_use]
    pub fn limit(self, ids: u32) -> Query {
        self.own("limit", ids, |report| match report {
            Report::Users { limit, .. } => Some(limit),
            _ => None,
        })
    }

    /// `users`: the page starts after this id.
    #[must_use]
    pub fn after(self, id: impl Into<String>) -> Query {
        let id = id.into();
        self.own("after", Some(id), |report| match report {
            Report::Users { after, .. } => Some(after),
            _ => None,
        })
    }

    /// The event of `active`, `frequency`, `stickiness`, `growth`, `states`, the start of
    /// `retention`.
    pub(super) fn event(self, field: &str, selector: Selector) -> Query {
        self.own(field, selector, |report| match report {
            Report::Active { event, .. }
            | Report::Frequency { event, .. }
            | Report::Stickiness { event, .. }
            | Report::Growth { event, .. }
            | Report::States { event, .. } => Some(event),
            Report::Retention(retention) => Some(&mut retention.start),
            Report::Count | Report::Users { .. } => None,
        })
    }

    fn retain<T>(
        self,
        field: &str,
        value: T,
        place: impl FnOnce(&mut Retention) -> &mut T,
    ) -> Query {
        self.own(field, value, |report| match report {
            Report::Retention(retention) => Some(place(retention)),
            _ => None,
        })
    }

    /// Sets a field where the report has a place for it, remembers the fault where it has none.
    fn own<T>(
        mut self,
        field: &str,
        value: T,
        place: impl FnOnce(&mut Report) -> Option<&mut T>,
    ) -> Query {
        match place(&mut self.report) {
            Some(place) => *place = value,
            None => {
                let fault = fields::belongs(self.report.name(), field);
                self.remember(fault.err().unwrap_or_else(|| format!("`{field}` cannot be set")));
            }
        }
        self
    }

    fn remember(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }
}

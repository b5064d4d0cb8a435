//! The builder: a constructor per report, and a method for each field that all of them have.

mod own;

use super::check::COLUMNS_DEFAULT;
use super::condition::tidy;
use super::date::DateArg;
use super::set::Set;
use super::{
    Anchor, CohortKind, CountKind, Measure, Paths, Person, Query, Report, Retention, Survey,
    SurveyKind, ValueReport,
};
use crate::event::Decimal;
use crate::limits::TOP_DEFAULT;
use crate::scan::{FunnelOrder, FunnelSpec, Selector};
use crate::time::{self, Bucket, HOUR_US, WeekStart};
use chrono::{DateTime, Utc};

/// A funnel's time from its first step to its last: 14 days.
pub(super) const FUNNEL_WITHIN_US: i64 = 14 * 24 * HOUR_US;
/// The silence that ends a session, and a path: 30 minutes.
pub(super) const SESSION_GAP_US: i64 = HOUR_US / 2;
/// Steps of paths away from their anchor.
pub(super) const PATHS_DEPTH_DEFAULT: u32 = 5;
/// The lowest answer of a promoter.
pub(super) const PROMOTER_MIN: i64 = 9;
/// The highest answer of a detractor.
pub(super) const DETRACTOR_MAX: i64 = 6;

/// One constructor per report.
impl Query {
    /// Distinct users of the event per bucket, or in the [`trailing`](Query::trailing) days that
    /// end with it.
    pub fn active(event: impl Into<Selector>) -> Query {
        Query::new(Report::Active { event: tidy(event), trailing: None })
    }

    /// How many users were active on exactly k days ([`interval`](Query::interval)s) of the range.
    pub fn frequency(event: impl Into<Selector>) -> Query {
        let event = tidy(event);
        Query::new(Report::Frequency { event, interval: Bucket::Day, at_least: 1, at_most: None })
    }

    /// Mean daily actives over the users of the same window: the trailing 28 days, unless
    /// [`trailing`](Query::trailing) says otherwise.
    pub fn stickiness(event: impl Into<Selector>) -> Query {
        Query::new(Report::Stickiness { event: tidy(event), trailing: Some(28) })
    }

    /// New, retained, resurrected and churned users per bucket; with a
    /// [`property`](Query::property) the same of its value, as for revenue.
    ///
    /// ```
    /// use daybit::{Bucket, Query};
    /// Query::growth("purchase").property("price").by(Bucket::Month).check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    pub fn growth(event: impl Into<Selector>) -> Query {
        let event = tidy(event);
        Query::new(Report::Growth {
            event,
            gap: 1,
            trailing: None,
            new_means_any: false,
            property: None,
        })
    }

    /// Every user's state on each day: new, current, reactivated, resurrected, at risk, dormant.
    pub fn states(event: impl Into<Selector>) -> Query {
        Query::new(Report::States { event: tidy(event), week: 7, month: 30 })
    }

    /// Of the users who did `start` in a bucket, how many came back 1, 2, 3... buckets later.
    pub fn retention(start: impl Into<Selector>) -> Query {
        Query::new(Report::Retention(Retention {
            start: tidy(start),
            returning: None,
            columns: COLUMNS_DEFAULT,
            cohort: CohortKind::First,
            count: CountKind::On,
            brackets: Vec::new(),
            at_least: 1,
            elapsed: false,
            property: None,
        }))
    }

    /// How many users take the steps, each after the one before, within 14 days of the first
    /// unless [`within`](Query::within) says otherwise.
    ///
    /// ```
    /// use daybit::{Condition, Query, Selector};
    /// let paid = Selector::name("purchase").matching([Condition::gt("price", 0)]);
    /// let steps = [Selector::name("visit"), Selector::name("cart"), paid];
    /// Query::funnel(steps).within("7d").breakdown(["country"]).top(10).check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    pub fn funnel<S: Into<Selector>>(steps: impl IntoIterator<Item = S>) -> Query {
        Query::new(Report::Funnel(FunnelSpec {
            steps: steps.into_iter().map(tidy).collect(),
            within_us: Some(FUNNEL_WITHIN_US),
            order: FunnelOrder::Ordered,
            ties_forbidden: false,
            exclude: Vec::new(),
        }))
    }

    /// What users do after an event: which event follows which.
    pub fn paths_from(start: impl Into<Selector>) -> Query {
        Query::paths(Anchor::Start(tidy(start)))
    }

    /// What users do before an event.
    pub fn paths_to(end: impl Into<Selector>) -> Query {
        Query::paths(Anchor::End(tidy(end)))
    }

    pub(super) fn paths(anchor: Anchor) -> Query {
        let (depth, within_us) = (PATHS_DEPTH_DEFAULT, SESSION_GAP_US);
        let paths = Paths { anchor, depth, top: TOP_DEFAULT, within_us };
        Query::new(Report::Paths(paths))
    }

    /// Stretches of activity without a silence of more than 30 minutes
    /// ([`session_gap`](Query::session_gap)): how many, how long, how busy.
    pub fn sessions(event: impl Into<Selector>) -> Query {
        let event = tidy(event);
        Query::new(Report::Sessions {
            event,
            gap_us: SESSION_GAP_US,
            duration_edges_us: Vec::new(),
        })
    }

    /// One figure per bucket: a count, or what a [`property`](Query::property) adds up to.
    ///
    /// ```
    /// use daybit::{Bucket, Measure, Query};
    /// let revenue = Query::value("purchase", Measure::Sum).property("price").by(Bucket::Month);
    /// revenue.breakdown(["country"]).check()?;
    /// let failed = Query::value("error", Measure::Share).of("*");
    /// failed.check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    pub fn value(event: impl Into<Selector>, measure: Measure) -> Query {
        let event = tidy(event);
        Query::new(Report::Value(ValueReport { event, measure, property: None, of: None }))
    }

    /// The last value of a property per user, carried forward, at the end of each bucket, and how
    /// it moves: monthly recurring revenue, seats, balances.
    ///
    /// ```
    /// use daybit::{Bucket, Query};
    /// Query::balance("subscription", "monthly_price").by(Bucket::Month).check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    pub fn balance(event: impl Into<Selector>, property: impl Into<String>) -> Query {
        let event = tidy(event);
        Query::new(Report::Balance { event, property: property.into() })
    }

    /// A score per bucket from a numeric property. Its scale is 0 to 10 for
    /// [`SurveyKind::Nps`], otherwise 1 to 5, unless [`scale`](Query::scale) says otherwise.
    pub fn survey(
        event: impl Into<Selector>,
        property: impl Into<String>,
        kind: SurveyKind,
    ) -> Query {
        Query::new(Report::Survey(Survey {
            event: tidy(event),
            property: property.into(),
            kind,
            scale: Survey::scale_of(kind),
            promoter_min: Decimal::from(PROMOTER_MIN),
            detractor_max: Decimal::from(DETRACTOR_MAX),
            last_response_only: false,
        }))
    }

    /// Users of each feature among the users of any event ([`among`](Query::among)); with
    /// [`at_least_features`](Query::at_least_features), of several of them.
    pub fn adoption<S: Into<Selector>>(features: impl IntoIterator<Item = S>) -> Query {
        let features = features.into_iter().map(tidy).collect();
        Query::new(Report::Adoption { features, k: None, among: Selector::Any })
    }

    /// How many users are in the set, and have an event in the range where one is given.
    pub fn count(set: Set) -> Query {
        Query::new(Report::Count).only(set)
    }

    /// Ids of the users that [`count`](Query::count) counts, in the order of their bytes, a page
    /// at a time.
    pub fn users(set: Set) -> Query {
        let person = Person::default();
        Query::new(Report::Users { limit: 1_000, after: None, person }).only(set)
    }

    pub(super) fn new(report: Report) -> Query {
        Query {
            report,
            from: None,
            to: None,
            by: None,
            time_zone: None,
            week_start: WeekStart::Monday,
            as_of: None,
            allow_partial: false,
            users: None,
            breakdown: Vec::new(),
            top: None,
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

    /// The width of the buckets; without, a day, and the whole range for a `funnel`.
    #[must_use]
    pub fn by(mut self, bucket: Bucket) -> Query {
        self.by = Some(bucket).filter(|by| self.report.by_default() != Some(*by));
        self
    }

    /// The IANA name of the zone that days are civil days of; the database's without.
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

    /// A group per combination of values of these properties, at most four; an event without one
    /// has its own group.
    #[must_use]
    pub fn breakdown<S: Into<String>>(mut self, properties: impl IntoIterator<Item = S>) -> Query {
        self.breakdown = properties.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves out days that are damaged, whole, instead of failing with `Corruption`; what was left
    /// out is in the answer's [`info`](crate::Info::partial).
    #[must_use]
    pub fn allow_partial(mut self) -> Query {
        self.allow_partial = true;
        self
    }

    /// How many groups of the [`breakdown`](Query::breakdown) are kept, the largest first; the rest
    /// are one group. Of `paths`: how many events are named at a step. 25 without.
    #[must_use]
    pub fn top(mut self, count: u32) -> Query {
        match &mut self.report {
            Report::Paths(paths) => paths.top = count,
            _ => self.top = Some(count).filter(|count| *count != TOP_DEFAULT),
        }
        self
    }
}

//! The reports of a query, each with its own fields.

use crate::event::Decimal;
use crate::scan::{FunnelSpec, Selector};
use crate::time::Bucket;

/// A report with its own fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    Active {
        event: Selector,
        trailing: Option<u32>,
    },
    Frequency {
        event: Selector,
        interval: Bucket,
        at_least: u32,
        at_most: Option<u32>,
    },
    /// `trailing: None` is the calendar bucket.
    Stickiness {
        event: Selector,
        trailing: Option<u32>,
    },
    /// `property: None` counts people, otherwise the property's value is added up.
    Growth {
        event: Selector,
        gap: u32,
        trailing: Option<u32>,
        new_means_any: bool,
        property: Option<String>,
    },
    States {
        event: Selector,
        week: u32,
        month: u32,
    },
    Retention(Retention),
    Funnel(FunnelSpec),
    Paths(Paths),
    Sessions {
        event: Selector,
        /// A longer silence opens a new session.
        gap_us: i64,
        /// Ascending, above 0: where one class of durations ends and the next begins.
        duration_edges_us: Vec<i64>,
    },
    Value(ValueReport),
    /// The last value of the property per user, carried forward.
    Balance {
        event: Selector,
        property: String,
    },
    Survey(Survey),
    /// `k: None`: a row per feature; otherwise users of at least k of them.
    Adoption {
        features: Vec<Selector>,
        k: Option<u32>,
        among: Selector,
    },
    /// People of `Query::users` (everyone without) with an event in the range, where there is one.
    Count,
    /// Ids of the people that `Count` counts, and what is known of each.
    Users {
        limit: u32,
        after: Option<String>,
        person: Person,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retention {
    pub(crate) start: Selector,
    /// `None`: the start event.
    pub(crate) returning: Option<Selector>,
    /// The last column. With `brackets` the cells are bucket 0 and one per bracket instead.
    pub(crate) columns: u32,
    pub(crate) cohort: CohortKind,
    pub(crate) count: CountKind,
    /// Consecutive widths after bucket 0, in buckets; empty: a cell per column.
    pub(crate) brackets: Vec<u32>,
    pub(crate) at_least: u32,
    /// Columns are elapsed time from each user's start event, not calendar buckets.
    pub(crate) elapsed: bool,
    /// `None` counts people, otherwise the property's value over the return events is added up.
    pub(crate) property: Option<String>,
}

impl Retention {
    /// The event that counts as a return.
    pub(crate) fn returning(&self) -> &Selector {
        self.returning.as_ref().unwrap_or(&self.start)
    }

    /// Whether days and people are not enough: times are looked at, or amounts.
    pub(crate) fn reads_events(&self) -> bool {
        self.elapsed || self.property.is_some()
    }

    /// Cells of one cohort, bucket 0 included.
    pub(crate) fn cells(&self) -> usize {
        let after = match self.brackets.len() {
            0 => usize::try_from(self.columns).unwrap_or(usize::MAX),
            brackets => brackets,
        };
        after.saturating_add(1)
    }
}

/// What people do after an event, or before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Paths {
    pub(crate) anchor: Anchor,
    /// Steps away from the anchor.
    pub(crate) depth: u32,
    /// Events named at each step; the others are one.
    pub(crate) top: u32,
    /// A longer silence ends the path.
    pub(crate) within_us: i64,
}

/// Where paths hang.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Anchor {
    /// Forward from this event.
    Start(Selector),
    /// Backward from this event.
    End(Selector),
}

impl Anchor {
    pub(crate) fn event(&self) -> &Selector {
        match self {
            Anchor::Start(event) | Anchor::End(event) => event,
        }
    }
}

/// One figure per bucket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueReport {
    pub(crate) event: Selector,
    pub(crate) measure: Measure,
    /// What the measure is of, for those that read a property.
    pub(crate) property: Option<String>,
    /// For a share: the events that are the whole.
    pub(crate) of: Option<Selector>,
}

/// Scores from the answers to a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Survey {
    pub(crate) event: Selector,
    pub(crate) property: String,
    pub(crate) kind: SurveyKind,
    /// The lowest and the highest answer; others are left out.
    pub(crate) scale: (Decimal, Decimal),
    pub(crate) promoter_min: Decimal,
    pub(crate) detractor_max: Decimal,
    /// Only each user's last answer in a bucket counts.
    pub(crate) last_response_only: bool,
}

/// What a list of users says of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Person {
    pub(crate) event: Selector,
    /// What is added up, and whose last value is shown.
    pub(crate) property: Option<String>,
    pub(crate) with: Vec<PersonColumn>,
    /// `None`: the bytes of the id.
    pub(crate) order_by: Option<PersonColumn>,
    pub(crate) descending: bool,
}

/// What puts a user into a cohort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CohortKind {
    /// The first event ever that matches.
    #[default]
    First,
    /// Every bucket with a matching event.
    Recurring,
    /// The first event of that name, filters or not; it must itself match.
    FirstEver,
    /// The first matching event inside the range.
    FirstInRange,
}

/// Which returns a retention column counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CountKind {
    /// In exactly that bucket.
    #[default]
    On,
    /// In that bucket or a later one, up to the last column.
    OnOrAfter,
    /// In any bucket up to that one.
    OnOrBefore,
}

/// What a `value` report measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// Events, those without a user included.
    #[default]
    Events,
    /// Distinct users.
    Users,
    /// Events of users by users.
    EventsPerUser,
    /// The property's values added up.
    Sum,
    /// Their mean.
    Mean,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The middle one, or the mean of the two middle ones.
    Median,
    /// The smallest value that half of the values do not exceed: nearest rank.
    P50,
    /// The same for 90 of 100.
    P90,
    /// The same for 95 of 100.
    P95,
    /// The same for 99 of 100.
    P99,
    /// The sum by the users who have the property.
    SumPerUser,
    /// Distinct values.
    Distinct,
    /// Events of one selector among those of another.
    Share,
}

impl Measure {
    /// Whether the measure is one of a property's values.
    pub(crate) fn reads_property(self) -> bool {
        use Measure::{Events, EventsPerUser, Share, Users};
        !matches!(self, Events | Users | EventsPerUser | Share)
    }

    /// Whether the measure is of what single users did.
    pub(crate) fn is_per_user(self) -> bool {
        matches!(self, Measure::Users | Measure::EventsPerUser | Measure::SumPerUser)
    }
}

/// The score that a `survey` report works out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SurveyKind {
    /// Net promoter score: share of promoters minus share of detractors.
    #[default]
    Nps,
    /// Customer satisfaction: the mean, and the share of the top two answers.
    Csat,
    /// Customer effort: the mean.
    Ces,
}

/// What a `users` report says of each person, over an event in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PersonColumn {
    /// The time of the first event.
    First,
    /// The time of the last event.
    Last,
    /// Days with an event.
    Days,
    /// Weeks with an event.
    Weeks,
    /// Months with an event.
    Months,
    /// Events.
    Events,
    /// The property's values added up.
    Sum,
    /// The property's value on the last event that has it.
    LastValue,
}

impl PersonColumn {
    /// Whether the column is about a property's values.
    pub(crate) fn reads_property(self) -> bool {
        matches!(self, PersonColumn::Sum | PersonColumn::LastValue)
    }
}

impl Report {
    /// The report's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Report::Active { .. } => "active",
            Report::Frequency { .. } => "frequency",
            Report::Stickiness { .. } => "stickiness",
            Report::Growth { .. } => "growth",
            Report::States { .. } => "states",
            Report::Retention(_) => "retention",
            Report::Funnel(_) => "funnel",
            Report::Paths(_) => "paths",
            Report::Sessions { .. } => "sessions",
            Report::Value(_) => "value",
            Report::Balance { .. } => "balance",
            Report::Survey(_) => "survey",
            Report::Adoption { .. } => "adoption",
            Report::Count => "count",
            Report::Users { .. } => "users",
        }
    }

    /// The width of the buckets where the query names none; `None` where there are no buckets of
    /// the caller's choice.
    pub(crate) fn by_default(&self) -> Option<Bucket> {
        match self {
            Report::Frequency { .. } | Report::Paths(_) | Report::Count | Report::Users { .. } => {
                None
            }
            Report::Funnel(_) => Some(Bucket::All),
            _ => Some(Bucket::Day),
        }
    }

    /// Whether its figures are columns as long as the buckets.
    pub(crate) fn answers_by_bucket(&self) -> bool {
        let retention = matches!(self, Report::Retention(_));
        self.by_default().is_some() && !retention
    }

    /// Calls `visit` with every event selector of the report.
    pub(crate) fn selectors<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector)) {
        match self {
            Report::Active { event, .. }
            | Report::Frequency { event, .. }
            | Report::Stickiness { event, .. }
            | Report::Growth { event, .. }
            | Report::States { event, .. }
            | Report::Sessions { event, .. }
            | Report::Balance { event, .. } => visit(event),
            Report::Retention(retention) => {
                visit(&retention.start);
                retention.returning.iter().for_each(visit);
            }
            Report::Funnel(funnel) => {
                funnel.steps.iter().for_each(&mut *visit);
                funnel.exclude.iter().for_each(|exclude| visit(&exclude.event));
            }
            Report::Paths(paths) => visit(paths.anchor.event()),
            Report::Value(value) => {
                visit(&value.event);
                value.of.iter().for_each(visit);
            }
            Report::Survey(survey) => visit(&survey.event),
            Report::Adoption { features, among, .. } => {
                features.iter().for_each(&mut *visit);
                visit(among);
            }
            Report::Count => {}
            Report::Users { person, .. } => visit(&person.event),
        }
    }

    /// The property whose numbers the report reads.
    pub(crate) fn numeric_property(&self) -> Option<&str> {
        let distinct = matches!(self, Report::Value(value) if value.measure == Measure::Distinct);
        self.property().filter(|_| !distinct)
    }

    /// The property whose values the report reads.
    pub(crate) fn property(&self) -> Option<&str> {
        match self {
            Report::Growth { property, .. } => property.as_deref(),
            Report::Retention(retention) => retention.property.as_deref(),
            Report::Value(value) => value.property.as_deref(),
            Report::Balance { property, .. } => Some(property),
            Report::Survey(survey) => Some(&survey.property),
            Report::Users { person, .. } => person.property.as_deref(),
            _ => None,
        }
    }
}

impl Report {
    /// Whether it asks how many events a user has, not just whether there are any.
    pub(crate) fn counts_events(&self) -> bool {
        match self {
            Report::Frequency { at_least, at_most, .. } => *at_least > 1 || at_most.is_some(),
            Report::Retention(retention) => retention.at_least > 1,
            Report::Value(_) => true,
            _ => false,
        }
    }
}

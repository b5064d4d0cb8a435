//! A method for each field that some reports have.

use crate::event::{Decimal, Value};
use crate::query::condition::tidy;
use crate::query::duration::DurationArg;
use crate::query::{CohortKind, CountKind, PersonColumn, Query, Report, Retention, Survey, fields};
use crate::scan::{Exclude, FunnelOrder, FunnelSpec, Selector};
use crate::time::Bucket;

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

    /// `frequency`: what is counted, hours, days (the default), weeks or months.
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
        let event = tidy(event);
        // A return event that is the start event is none of its own.
        let own = match &self.report {
            Report::Retention(retention) => Some(event).filter(|event| *event != retention.start),
            _ => None,
        };
        self.retain("return", own, |retention| &mut retention.returning)
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

    /// `growth`, `retention`, `value`, `users`: the property whose values count, in place of people.
    #[must_use]
    pub fn property(self, name: impl Into<String>) -> Query {
        let name = name.into();
        if let Report::Balance { .. } | Report::Survey(_) = self.report {
            return self.own("property", name, |report| match report {
                Report::Balance { property, .. } | Report::Survey(Survey { property, .. }) => {
                    Some(property)
                }
                _ => None,
            });
        }
        self.own("property", Some(name), |report| match report {
            Report::Growth { property, .. } => Some(property),
            Report::Retention(retention) => Some(&mut retention.property),
            Report::Value(value) => Some(&mut value.property),
            Report::Users { person, .. } => Some(&mut person.property),
            _ => None,
        })
    }

    /// `retention`: columns are days of 24 hours (weeks of 7, months of 30 of them) from each
    /// user's start event (`window: "elapsed"`).
    #[must_use]
    pub fn elapsed(self) -> Query {
        self.retain("window", true, |retention| &mut retention.elapsed)
    }

    /// `funnel`: the time from the first step to the last. `paths`: the silence that ends one.
    #[must_use]
    pub fn within(self, time: impl Into<DurationArg>) -> Query {
        self.timed("within", time.into(), |report, micros| match report {
            Report::Funnel(funnel) => {
                funnel.within_us = Some(micros);
                true
            }
            Report::Paths(paths) => {
                paths.within_us = micros;
                true
            }
            _ => false,
        })
    }

    /// `funnel`: however long it takes (`within: null`).
    #[must_use]
    pub fn without_limit(self) -> Query {
        self.funnels("within", None, |funnel| &mut funnel.within_us)
    }

    /// `funnel`: how strictly steps follow each other.
    #[must_use]
    pub fn order(self, order: FunnelOrder) -> Query {
        self.funnels("order", order, |funnel| &mut funnel.order)
    }

    /// `funnel`: events at one and the same time do not follow each other (`ties: "forbid"`).
    #[must_use]
    pub fn forbid_ties(self) -> Query {
        self.funnels("ties", true, |funnel| &mut funnel.ties_forbidden)
    }

    /// `funnel`: an event that ends the run between two steps, which count from 1. May be called
    /// several times.
    ///
    /// ```
    /// # use daybit::Query;
    /// Query::funnel(["visit", "cart", "purchase"]).exclude("support", 1, 3).check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    #[must_use]
    pub fn exclude(mut self, event: impl Into<Selector>, after: u32, before: u32) -> Query {
        let event = tidy(event);
        match &mut self.report {
            Report::Funnel(funnel) => funnel.exclude.push(Exclude { event, after, before }),
            _ => self.misplaced("exclude"),
        }
        self
    }

    /// `paths`: steps away from the event; 5 without.
    #[must_use]
    pub fn depth(self, steps: u32) -> Query {
        self.own("depth", steps, |report| match report {
            Report::Paths(paths) => Some(&mut paths.depth),
            _ => None,
        })
    }

    /// `sessions`: a longer silence opens a new one; 30 minutes without (the field `gap`).
    #[must_use]
    pub fn session_gap(self, gap: impl Into<DurationArg>) -> Query {
        self.timed("gap", gap.into(), |report, micros| match report {
            Report::Sessions { gap_us, .. } => {
                *gap_us = micros;
                true
            }
            _ => false,
        })
    }

    /// `sessions`: where one class of durations ends and the next begins.
    #[must_use]
    pub fn duration_edges<D: Into<DurationArg>>(
        mut self,
        edges: impl IntoIterator<Item = D>,
    ) -> Query {
        let edges = edges.into_iter().map(|edge| edge.into().micros("duration_edges"));
        match edges.collect::<Result<Vec<i64>, String>>() {
            Ok(edges) => self.own("duration_edges", edges, |report| match report {
                Report::Sessions { duration_edges_us, .. } => Some(duration_edges_us),
                _ => None,
            }),
            Err(fault) => {
                self.remember(fault);
                self
            }
        }
    }

    /// `value`: for [`Measure::Share`](crate::Measure::Share), the events that are the whole.
    #[must_use]
    pub fn of(self, event: impl Into<Selector>) -> Query {
        let event = tidy(event);
        self.own("of", Some(event), |report| match report {
            Report::Value(value) => Some(&mut value.of),
            _ => None,
        })
    }

    /// `survey`: the lowest and the highest answer; others are left out.
    #[must_use]
    pub fn scale(mut self, lowest: impl Into<Value>, highest: impl Into<Value>) -> Query {
        let ends = (self.number("scale", lowest.into()), self.number("scale", highest.into()));
        self.surveys("scale", ends, |survey| &mut survey.scale)
    }

    /// `survey`: the lowest answer of a promoter; 9 without.
    #[must_use]
    pub fn promoter_min(mut self, answer: impl Into<Value>) -> Query {
        let answer = self.number("promoter_min", answer.into());
        self.surveys("promoter_min", answer, |survey| &mut survey.promoter_min)
    }

    /// `survey`: the highest answer of a detractor; 6 without.
    #[must_use]
    pub fn detractor_max(mut self, answer: impl Into<Value>) -> Query {
        let answer = self.number("detractor_max", answer.into());
        self.surveys("detractor_max", answer, |survey| &mut survey.detractor_max)
    }

    /// `survey`: only each user's last answer in a bucket counts (`responses: "last"`). Answers
    /// without a user cannot be told apart: each of them counts.
    #[must_use]
    pub fn last_responses(self) -> Query {
        self.surveys("responses", true, |survey| &mut survey.last_response_only)
    }

    /// `adoption`: users of at least so many of the features, in place of a row for each (the field
    /// `k`).
    #[must_use]
    pub fn at_least_features(self, count: u32) -> Query {
        self.own("k", Some(count), |report| match report {
            Report::Adoption { k, .. } => Some(k),
            _ => None,
        })
    }

    /// `adoption`: the event that makes the users who are the whole; any without.
    #[must_use]
    pub fn among(self, event: impl Into<Selector>) -> Query {
        let event = tidy(event);
        self.own("among", event, |report| match report {
            Report::Adoption { among, .. } => Some(among),
            _ => None,
        })
    }

    /// The event that the report is about: for `users`, what its columns tell; for the others, what
    /// their constructor took.
    #[must_use]
    pub fn event(self, event: impl Into<Selector>) -> Query {
        self.own("event", tidy(event), |report| match report {
            Report::Active { event, .. }
            | Report::Frequency { event, .. }
            | Report::Stickiness { event, .. }
            | Report::Growth { event, .. }
            | Report::States { event, .. }
            | Report::Sessions { event, .. }
            | Report::Balance { event, .. } => Some(event),
            Report::Value(value) => Some(&mut value.event),
            Report::Survey(survey) => Some(&mut survey.event),
            Report::Users { person, .. } => Some(&mut person.event),
            _ => None,
        })
    }

    /// `users`: what to tell of each.
    ///
    /// ```
    /// use daybit::{PersonColumn, Query, Set};
    /// let buyers = Query::users(Set::did("purchase")).event("purchase").property("price");
    /// let best = buyers.with([PersonColumn::Sum, PersonColumn::Last]);
    /// best.order_by(PersonColumn::Sum).descending().limit(100).check()?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    #[must_use]
    pub fn with(self, columns: impl IntoIterator<Item = PersonColumn>) -> Query {
        let columns = columns.into_iter().collect();
        self.own("with", columns, |report| match report {
            Report::Users { person, .. } => Some(&mut person.with),
            _ => None,
        })
    }

    /// `users`: what they are sorted by; the bytes of their ids without.
    #[must_use]
    pub fn order_by(self, column: PersonColumn) -> Query {
        self.own("order_by", Some(column), |report| match report {
            Report::Users { person, .. } => Some(&mut person.order_by),
            _ => None,
        })
    }

    /// `users`: the largest first.
    #[must_use]
    pub fn descending(self) -> Query {
        self.own("descending", true, |report| match report {
            Report::Users { person, .. } => Some(&mut person.descending),
            _ => None,
        })
    }

    fn funnels<T>(
        self,
        field: &str,
        value: T,
        place: impl FnOnce(&mut FunnelSpec) -> &mut T,
    ) -> Query {
        self.own(field, value, |report| match report {
            Report::Funnel(funnel) => Some(place(funnel)),
            _ => None,
        })
    }

    fn surveys<T>(self, field: &str, value: T, place: impl FnOnce(&mut Survey) -> &mut T) -> Query {
        self.own(field, value, |report| match report {
            Report::Survey(survey) => Some(place(survey)),
            _ => None,
        })
    }

    /// Sets a duration; `set` answers whether the report has a place for it.
    fn timed(
        mut self,
        field: &str,
        time: DurationArg,
        set: impl FnOnce(&mut Report, i64) -> bool,
    ) -> Query {
        match time.micros(field) {
            Ok(micros) if set(&mut self.report, micros) => {}
            Ok(_) => self.misplaced(field),
            Err(fault) => self.remember(fault),
        }
        self
    }

    /// A number as a decimal; 0 where it is none, and the fault is remembered.
    fn number(&mut self, field: &str, number: Value) -> Decimal {
        fields::decimal(field, &number).unwrap_or_else(|fault| {
            self.remember(fault);
            Decimal::from(0)
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
            None => self.misplaced(field),
        }
        self
    }

    /// Remembers that the report has no such field.
    fn misplaced(&mut self, field: &str) {
        let name = self.report.name();
        let fault = fields::belongs(name, field).err();
        let other = || format!("`{field}` of `{name}` takes another kind of value");
        self.remember(fault.unwrap_or_else(other));
    }

    pub(super) fn remember(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }
}

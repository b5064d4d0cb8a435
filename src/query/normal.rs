//! Writing a query back: its normalised JSON form.

use super::builder::{
    DETRACTOR_MAX, FUNNEL_WITHIN_US, PATHS_DEPTH_DEFAULT, PROMOTER_MIN, SESSION_GAP_US,
};
use super::check::COLUMNS_DEFAULT;
use super::condition::{write_all, write_literal};
use super::date::{format_end, format_start};
use super::duration::format_duration;
use super::{
    Anchor, CohortKind, CountKind, Measure, Paths, Person, PersonColumn, Query, Report, Retention,
    SetTree, Survey, SurveyKind, ValueReport,
};
use crate::event::Decimal;
use crate::limits::TOP_DEFAULT;
use crate::scan::{Exclude, FunnelOrder, FunnelSpec, Selector};
use crate::time::{Bucket, WeekStart, Zone};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Fields sorted by name, whatever order a JSON object keeps: equal queries give equal text.
#[derive(Default)]
struct Fields(BTreeMap<&'static str, Value>);

impl Fields {
    fn put(&mut self, field: &'static str, value: impl Into<Value>) {
        self.0.insert(field, value.into());
    }

    /// Puts the value unless it is the default.
    fn unless<T: PartialEq + Into<Value>>(&mut self, field: &'static str, value: T, default: T) {
        if value != default {
            self.put(field, value);
        }
    }

    fn some<T: Into<Value>>(&mut self, field: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.put(field, value);
        }
    }

    /// Puts a duration, or null where there is none, unless that is the default.
    fn duration(&mut self, field: &'static str, micros: Option<i64>, default: Option<i64>) {
        if micros != default {
            self.put(field, json!(micros.map(format_duration)));
        }
    }

    fn object(self) -> Value {
        self.0.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
    }
}

impl Query {
    /// The normalised JSON form: defaults left out, names and fields sorted. Equal texts ask the
    /// same; [`from_value`](Query::from_value) reads it back.
    ///
    /// ```
    /// use daybit::{Bucket, Query};
    /// let query = Query::active(["b", "a"]).by(Bucket::Day).trailing(28);
    /// let json = query.to_json();
    /// assert_eq!(json.to_string(), r#"{"event":{"any":["a","b"]},"report":"active","trailing":28}"#);
    /// assert_eq!(Query::from_value(&json)?.to_json(), json);
    /// # Ok::<(), daybit::Error>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut fields = Fields::default();
        fields.put("report", self.report.name());
        fields.some("from", self.from.map(format_start));
        fields.some("to", self.to.map(format_end));
        fields.some("by", self.by.map(Bucket::as_str));
        fields.some("time_zone", self.time_zone.clone());
        let week = Some(self.week_start).filter(|day| *day != WeekStart::Monday);
        fields.some("week_start", week.map(WeekStart::as_str));
        fields.some("as_of", self.as_of.map(|at| Zone::utc().format(at)));
        fields.some("users", self.users.as_ref().map(set));
        fields.unless("breakdown", json!(self.breakdown), json!([]));
        fields.some("top", self.top);
        fields.unless("allow_partial", self.allow_partial, false);
        self.report.fields(&mut fields);
        fields.object()
    }
}

impl serde::Serialize for Query {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl Report {
    fn fields(&self, fields: &mut Fields) {
        match self {
            Report::Active { event, trailing } => {
                fields.event("event", event);
                fields.some("trailing", *trailing);
            }
            Report::Frequency { event, interval, at_least, at_most } => {
                fields.event("event", event);
                fields.unless("interval", interval.as_str(), Bucket::Day.as_str());
                fields.unless("at_least", *at_least, 1);
                fields.some("at_most", *at_most);
            }
            Report::Stickiness { event, trailing } => {
                fields.event("event", event);
                fields.unless("trailing", json!(trailing), json!(28));
            }
            Report::Growth { event, gap, trailing, new_means_any, property } => {
                fields.event("event", event);
                fields.unless("gap", *gap, 1);
                fields.some("trailing", *trailing);
                fields.some("new_means", new_means_any.then_some("any"));
                fields.some("property", property.clone());
            }
            Report::States { event, week, month } => {
                fields.event("event", event);
                fields.unless("week", *week, 7);
                fields.unless("month", *month, 30);
            }
            Report::Retention(retention) => retention.fields(fields),
            Report::Sessions { event, gap_us, duration_edges_us } => {
                fields.event("event", event);
                fields.duration("gap", Some(*gap_us), Some(SESSION_GAP_US));
                let edges: Vec<String> =
                    duration_edges_us.iter().map(|e| format_duration(*e)).collect();
                fields.unless("duration_edges", json!(edges), json!([]));
            }
            Report::Balance { event, property } => {
                fields.event("event", event);
                fields.put("property", property.as_str());
            }
            Report::Count => {}
            Report::Users { limit, after, person } => {
                fields.unless("limit", *limit, 1_000);
                fields.some("after", after.clone());
                person.fields(fields);
            }
            other => other.later_fields(fields),
        }
    }

    fn later_fields(&self, fields: &mut Fields) {
        match self {
            Report::Funnel(funnel) => funnel_fields(funnel, fields),
            Report::Paths(paths) => paths.fields(fields),
            Report::Value(value) => value.fields(fields),
            Report::Survey(survey) => survey.fields(fields),
            Report::Adoption { features, k, among } => {
                fields.put("features", features.iter().map(selector).collect::<Value>());
                fields.some("k", *k);
                fields.event("among", among);
            }
            _ => {}
        }
    }
}

impl Retention {
    fn fields(&self, fields: &mut Fields) {
        fields.event("start", &self.start);
        if self.returning() != &self.start {
            fields.put("return", selector(self.returning()));
        }
        fields.unless("columns", self.columns, COLUMNS_DEFAULT);
        fields.unless("cohort", self.cohort.as_str(), CohortKind::First.as_str());
        fields.unless("count", self.count.as_str(), CountKind::On.as_str());
        fields.unless("brackets", json!(self.brackets), json!([]));
        fields.unless("at_least", self.at_least, 1);
        fields.some("window", self.elapsed.then_some("elapsed"));
        fields.some("property", self.property.clone());
    }
}

fn funnel_fields(funnel: &FunnelSpec, fields: &mut Fields) {
    fields.put("steps", funnel.steps.iter().map(selector).collect::<Value>());
    fields.duration("within", funnel.within_us, Some(FUNNEL_WITHIN_US));
    fields.unless("order", funnel.order.as_str(), FunnelOrder::Ordered.as_str());
    fields.some("ties", funnel.ties_forbidden.then_some("forbid"));
    let exclude = |exclude: &Exclude| {
        let mut fields = Fields::default();
        fields.put("event", selector(&exclude.event));
        fields.put("after", exclude.after);
        fields.put("before", exclude.before);
        fields.object()
    };
    fields.unless("exclude", funnel.exclude.iter().map(exclude).collect(), json!([]));
}

impl Paths {
    fn fields(&self, fields: &mut Fields) {
        match &self.anchor {
            Anchor::Start(event) => fields.put("start", selector(event)),
            Anchor::End(event) => fields.put("end", selector(event)),
        }
        fields.unless("depth", self.depth, PATHS_DEPTH_DEFAULT);
        fields.unless("top", self.top, TOP_DEFAULT);
        fields.duration("within", Some(self.within_us), Some(SESSION_GAP_US));
    }
}

impl ValueReport {
    fn fields(&self, fields: &mut Fields) {
        fields.event("event", &self.event);
        fields.unless("measure", self.measure.as_str(), Measure::default().as_str());
        fields.some("property", self.property.clone());
        fields.some("of", self.of.as_ref().map(selector));
    }
}

impl Survey {
    fn fields(&self, fields: &mut Fields) {
        let number = |number: Decimal| write_literal(&number.into());
        let scale = |(lowest, highest)| json!([number(lowest), number(highest)]);
        fields.event("event", &self.event);
        fields.put("property", self.property.as_str());
        fields.unless("kind", self.kind.as_str(), SurveyKind::default().as_str());
        fields.unless("scale", scale(self.scale), scale(Survey::scale_of(self.kind)));
        fields.unless("promoter_min", number(self.promoter_min), json!(PROMOTER_MIN));
        fields.unless("detractor_max", number(self.detractor_max), json!(DETRACTOR_MAX));
        fields.some("responses", self.last_response_only.then_some("last"));
    }
}

impl Person {
    fn fields(&self, fields: &mut Fields) {
        fields.event("event", &self.event);
        fields.some("property", self.property.clone());
        let with: Vec<&str> = self.with.iter().map(|column| column.as_str()).collect();
        fields.unless("with", json!(with), json!([]));
        fields.some("order_by", self.order_by.map(PersonColumn::as_str));
        fields.unless("descending", self.descending, false);
    }
}

impl Fields {
    /// Any event is every event field's default.
    fn event(&mut self, field: &'static str, event: &Selector) {
        if *event != Selector::Any {
            self.put(field, selector(event));
        }
    }
}

/// What a selector is called: its name, or its JSON form.
pub(crate) fn selector_name(event: &Selector) -> String {
    match selector(event) {
        Value::String(name) => name,
        form => form.to_string(),
    }
}

fn selector(selector: &Selector) -> Value {
    match selector {
        Selector::Any => json!("*"),
        Selector::Names(names) => match names.as_slice() {
            [name] => json!(name),
            names => json!({ "any": names }),
        },
        Selector::Where { event, conditions } => {
            json!({ "event": self::selector(event), "where": write_all(conditions) })
        }
    }
}

pub(super) fn set(kind: &SetTree) -> Value {
    let mut fields = Fields::default();
    let sets = |sets: &[SetTree]| -> Value { sets.iter().map(set).collect() };
    match kind {
        SetTree::Did { event, from, to, at_least, at_most } => {
            fields.put("did", selector(event));
            fields.some("from", from.map(format_start));
            fields.some("to", to.map(format_end));
            fields.unless("at_least", *at_least, 1);
            fields.some("at_most", *at_most);
        }
        SetTree::FirstDid { event, from, to } => {
            fields.put("first_did", selector(event));
            fields.put("from", format_start(*from));
            fields.put("to", format_end(*to));
        }
        SetTree::Ids(ids) => fields.put("ids", json!(ids)),
        SetTree::And(members) => fields.put("and", sets(members)),
        SetTree::Or(members) => fields.put("or", sets(members)),
        SetTree::Not(inner) => fields.put("not", set(inner)),
        SetTree::Cohort(name) => fields.put("cohort", name.as_str()),
        SetTree::Funnel { query, reached, exactly } => {
            fields.put("funnel", query.to_json());
            fields.put("reached", *reached);
            fields.unless("exactly", *exactly, false);
        }
    }
    fields.object()
}

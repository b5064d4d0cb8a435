//! Writing a query back: its normalised JSON form.

use super::check::COLUMNS_DEFAULT;
use super::date::{format_end, format_start};
use super::{CohortKind, CountKind, Query, Report, Retention, SetTree};
use crate::scan::Selector;
use crate::time::{self, Bucket, WeekStart, Zone};
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
            Report::Growth { event, gap, trailing, new_means_any, .. } => {
                fields.event("event", event);
                fields.unless("gap", *gap, 1);
                fields.some("trailing", *trailing);
                fields.some("new_means", new_means_any.then_some("any"));
            }
            Report::States { event, week, month } => {
                fields.event("event", event);
                fields.unless("week", *week, 7);
                fields.unless("month", *month, 30);
            }
            Report::Retention(retention) => retention.fields(fields),
            Report::Users { limit, after, .. } => {
                fields.unless("limit", *limit, 1_000);
                fields.some("after", after.clone());
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
        Selector::Any | Selector::Where { .. } => json!("*"),
        Selector::Names(names) => match names.as_slice() {
            [name] => json!(name),
            names => json!({ "any": names }),
        },
    }
}

pub(super) fn set(kind: &SetTree) -> Value {
    let mut fields = Fields::default();
    let sets = |sets: &[SetTree]| -> Value { sets.iter().map(set).collect() };
    match kind {
        SetTree::Did { event, from, to, at_least, at_most } => {
            fields.put("did", selector(event));
            fields.some("from", from.map(time::format_day));
            fields.some("to", to.map(time::format_day));
            fields.unless("at_least", *at_least, 1);
            fields.some("at_most", *at_most);
        }
        SetTree::FirstDid { event, from, to } => {
            fields.put("first_did", selector(event));
            fields.put("from", time::format_day(*from));
            fields.put("to", time::format_day(*to));
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

//! A query being filled from flags.

use super::failure::Failure;
use super::flags::{CommonArgs, EventArgs, GroupedArgs, WhereArgs};
use super::output::print;
use super::selector::{conditions, selector, set};
use daybit::{Db, Query};
use serde_json::{Map, Value as Json};

/// The fields of a query; flags that were not given leave theirs out.
pub struct Fields<'a> {
    fields: Map<String, Json>,
    common: &'a CommonArgs,
    /// Of `--where`: they narrow every event that the report names.
    conditions: Vec<Json>,
}

impl<'a> Fields<'a> {
    /// The report with what every report takes.
    pub fn of(report: &str, common: &'a CommonArgs) -> Result<Fields<'a>, Failure> {
        let mut fields = Fields { fields: Map::new(), common, conditions: Vec::new() };
        fields.set("report", Some(report));
        fields.set("from", common.from.as_deref());
        fields.set("to", common.to.as_deref());
        fields.set("time_zone", common.time_zone.as_deref());
        fields.set("week_start", common.week_start.as_deref());
        fields.set("as_of", common.as_of.as_deref());
        fields.set("allow_partial", common.allow_partial.then_some(true));
        if let Some(users) = &common.users {
            fields.set("users", Some(set("--users", users)?));
        }
        Ok(fields)
    }

    /// The report with what every report on events takes.
    pub fn grouped(report: &str, args: &'a GroupedArgs) -> Result<Fields<'a>, Failure> {
        let mut fields = Fields::of(report, &args.common)?.narrowed(&args.narrow)?;
        fields.set("top", args.top);
        fields.list("breakdown", &args.breakdown.breakdown);
        Ok(fields)
    }

    /// The same, of which every event is narrowed by `--where`.
    pub fn narrowed(self, narrow: &WhereArgs) -> Result<Fields<'a>, Failure> {
        Ok(Fields { conditions: conditions(&narrow.conditions)?, ..self })
    }

    /// Sets a field that was given.
    pub fn set(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.fields.insert(name.to_string(), value.into());
        }
    }

    /// Sets a list that is not empty.
    pub fn list<T: Clone + Into<Json>>(&mut self, name: &str, values: &[T]) {
        if !values.is_empty() {
            self.set(name, Some(values.to_vec()));
        }
    }

    /// The report's one event.
    pub fn event(&mut self, event: &EventArgs) -> Result<(), Failure> {
        self.selector("event", "--event", &event.event)
    }

    /// A selector: any of the events, narrowed by `--where`.
    pub fn selector(&mut self, name: &str, flag: &str, events: &[String]) -> Result<(), Failure> {
        let selector = selector(flag, events, &self.conditions)?;
        self.set(name, selector);
        Ok(())
    }

    /// A list of selectors, each narrowed by `--where`.
    pub fn selectors(&mut self, name: &str, flag: &str, events: &[String]) -> Result<(), Failure> {
        let selectors = events
            .iter()
            .filter_map(|event| {
                selector(flag, std::slice::from_ref(event), &self.conditions).transpose()
            })
            .collect::<Result<Vec<Json>, Failure>>()?;
        self.set(name, Some(selectors));
        Ok(())
    }

    /// A field for which `none` stands for null.
    pub fn or_none(&mut self, name: &str, text: Option<&str>) {
        let value = text.map(|text| match text.parse::<u32>() {
            Ok(number) => Json::from(number),
            Err(_) if text == "none" => Json::Null,
            Err(_) => Json::from(text),
        });
        self.set(name, value);
    }

    /// Asks the query and prints its answer.
    pub fn ask(self) -> Result<u8, Failure> {
        let query = Query::from_value(&Json::Object(self.fields))?;
        let db = Db::open_read_only(&self.common.db)?;
        print(&db.query(&query)?, &query, self.common.format)?;
        Ok(0)
    }
}

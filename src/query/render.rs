//! The answer written out: JSON with its fields in the documented order, and flat rows.

use super::answer::{Answer, Average, BucketInfo, Cohort, Column, Figures, Info, Series};
use chrono::NaiveDate;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::{Value, json};

/// An answer as records: a row per bucket, cohort cell or user, key columns first.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

impl Answer {
    /// The JSON form as a value. An object there may sort its fields by name;
    /// [`to_json_string`](Answer::to_json_string) keeps the documented order.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The JSON form, on one line, fields in the documented order.
    #[must_use]
    pub fn to_json_string(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The answer as records, key columns first, then
    ///
    /// | report | columns |
    /// |---|---|
    /// | with buckets | `start`, `complete`, and the report's own |
    /// | `frequency` | `k`, `users` |
    /// | `retention` | `cohort`, `size`, `column`, `returned`, `rate`, `complete` |
    /// | `count` | `count` |
    /// | `users` | `id` |
    #[must_use]
    pub fn to_table(&self) -> Table {
        let Some(first) = self.series.first() else {
            return Table { columns: Vec::new(), rows: Vec::new() };
        };
        let own = first.figures.columns().into_iter().map(str::to_owned);
        let columns = first.key.keys().cloned().chain(own).collect();
        let rows = self.series.iter().flat_map(|series| {
            let key: Vec<Value> = series.key.values().cloned().collect();
            let rows = series.figures.rows(&self.buckets);
            rows.into_iter().map(move |row| key.iter().cloned().chain(row).collect())
        });
        Table { columns, rows: rows.collect() }
    }
}

impl Figures {
    fn columns(&self) -> Vec<&'static str> {
        match self {
            Figures::Columns(columns) => {
                let own = columns.iter().map(|(name, _)| *name);
                ["start", "complete"].into_iter().chain(own).collect()
            }
            Figures::Frequency(_) => vec!["k", "users"],
            Figures::Retention { .. } => {
                vec!["cohort", "size", "column", "returned", "rate", "complete"]
            }
            Figures::Count(_) => vec!["count"],
            Figures::Users { .. } => vec!["id"],
        }
    }

    fn rows(&self, buckets: &[BucketInfo]) -> Vec<Vec<Value>> {
        match self {
            Figures::Columns(columns) => {
                let row = |(at, bucket): (usize, &BucketInfo)| {
                    let mut row = vec![json!(day(bucket.start)), json!(bucket.complete)];
                    row.extend(columns.iter().map(|(_, column)| column.value(at)));
                    row
                };
                buckets.iter().enumerate().map(row).collect()
            }
            Figures::Frequency(users) => {
                users.iter().zip(1_u64..).map(|(users, k)| vec![json!(k), json!(users)]).collect()
            }
            Figures::Retention { cohorts, .. } => cohorts.iter().flat_map(Cohort::rows).collect(),
            Figures::Count(count) => vec![vec![json!(count)]],
            Figures::Users { ids, .. } => ids.iter().map(|id| vec![json!(id)]).collect(),
        }
    }
}

impl Column {
    /// A figure as a JSON value; null past the end.
    fn value(&self, at: usize) -> Value {
        match self {
            Column::Counts(values) => json!(values.get(at).copied().flatten()),
            Column::Ratios(values) => json!(values.get(at).copied().flatten()),
        }
    }
}

impl Cohort {
    fn rows(&self) -> Vec<Vec<Value>> {
        let cells = self.returned.iter().zip(&self.complete).enumerate();
        cells
            .map(|(column, (returned, complete))| {
                vec![
                    json!(day(self.start)),
                    json!(self.size),
                    json!(column),
                    json!(returned),
                    json!(self.rate(column)),
                    json!(complete),
                ]
            })
            .collect()
    }
}

fn day(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Answer", 4)?;
        out.serialize_field("report", self.report)?;
        out.serialize_field("info", &self.info)?;
        out.serialize_field("buckets", &self.buckets)?;
        out.serialize_field("series", &self.series)?;
        out.end()
    }
}

impl Serialize for Info {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Info", 9)?;
        out.serialize_field("time_zone", &self.time_zone)?;
        out.serialize_field("week_start", self.week_start)?;
        out.serialize_field("from", &day(self.from))?;
        out.serialize_field("to", &day(self.to))?;
        out.serialize_field("as_of", &self.as_of)?;
        out.serialize_field("watermark", &self.watermark)?;
        out.serialize_field("definition", &self.definition)?;
        out.serialize_field("elapsed_ms", &self.elapsed_ms)?;
        out.serialize_field("warnings", &self.warnings)?;
        out.end()
    }
}

impl Serialize for BucketInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("BucketInfo", 2)?;
        out.serialize_field("start", &day(self.start))?;
        out.serialize_field("complete", &self.complete)?;
        out.end()
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("key", &self.key)?;
        match &self.figures {
            Figures::Columns(columns) => {
                columns.iter().try_for_each(|(name, column)| out.serialize_entry(name, column))?;
            }
            Figures::Frequency(users) => out.serialize_entry("users", users)?,
            Figures::Retention { cohorts, average } => {
                out.serialize_entry("cohorts", cohorts)?;
                out.serialize_entry("average", average)?;
            }
            Figures::Count(count) => out.serialize_entry("count", count)?,
            Figures::Users { ids, next } => {
                out.serialize_entry("ids", ids)?;
                out.serialize_entry("next", next)?;
            }
        }
        out.end()
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Column::Counts(values) => values.serialize(serializer),
            Column::Ratios(values) => values.serialize(serializer),
        }
    }
}

impl Serialize for Cohort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Cohort", 4)?;
        out.serialize_field("start", &day(self.start))?;
        out.serialize_field("size", &self.size)?;
        out.serialize_field("returned", &self.returned)?;
        out.serialize_field("complete", &self.complete)?;
        out.end()
    }
}

impl Serialize for Average {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Average", 3)?;
        out.serialize_field("returned", &self.returned)?;
        out.serialize_field("size", &self.size)?;
        out.serialize_field("rate", &self.rate)?;
        out.end()
    }
}

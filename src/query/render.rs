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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::BTreeMap;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn answer(report: &'static str, buckets: &[&str], figures: Figures) -> Answer {
        let info = Info {
            time_zone: "UTC".into(),
            week_start: "monday",
            from: date("2024-01-01"),
            to: date("2024-01-03"),
            as_of: "2024-06-01T00:00:00Z".into(),
            watermark: None,
            definition: "b3c1f0a2".into(),
            elapsed_ms: 0.5,
            warnings: vec![],
        };
        let bucket = |start: &&str| BucketInfo { start: date(start), complete: true };
        let buckets = buckets.iter().map(bucket).collect();
        Answer { report, info, buckets, series: vec![Series { key: BTreeMap::new(), figures }] }
    }

    /// What follows `info` in the JSON text.
    fn body(answer: &Answer) -> String {
        let text = answer.to_json_string();
        assert_eq!(answer.to_json(), serde_json::from_str::<Value>(&text).unwrap());
        text.split_once("\"warnings\":[]},").unwrap().1.to_owned()
    }

    fn table(answer: &Answer) -> String {
        let table = answer.to_table();
        let rows = table.rows.iter().map(|row| Value::from(row.clone()).to_string());
        let columns = table.columns.join(" ");
        std::iter::once(columns).chain(rows).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn columns_are_written_in_the_documented_order() {
        let figures = Figures::Columns(vec![
            ("users", Column::Counts(vec![Some(402_726), None])),
            ("ratio", Column::Ratios(vec![Some(0.25), None])),
        ]);
        let answer = answer("active", &["2024-01-01", "2024-01-02"], figures);
        assert_eq!(
            answer.to_json_string(),
            concat!(
                r#"{"report":"active","info":{"time_zone":"UTC","week_start":"monday","#,
                r#""from":"2024-01-01","to":"2024-01-03","as_of":"2024-06-01T00:00:00Z","#,
                r#""watermark":null,"definition":"b3c1f0a2","elapsed_ms":0.5,"warnings":[]},"#,
                r#""buckets":[{"start":"2024-01-01","complete":true},"#,
                r#"{"start":"2024-01-02","complete":true}],"#,
                r#""series":[{"key":{},"users":[402726,null],"ratio":[0.25,null]}]}"#
            )
        );
        assert_eq!(
            table(&answer),
            "start complete users ratio\n\
             [\"2024-01-01\",true,402726,0.25]\n[\"2024-01-02\",true,null,null]"
        );
        assert_eq!(answer.counts("users"), Some(&[Some(402_726), None][..]));
        assert_eq!(answer.ratios("ratio"), Some(&[Some(0.25), None][..]));
        assert_eq!((answer.counts("ratio"), answer.ratios("users")), (None, None));
    }

    #[test]
    fn retention_is_written_by_cohort_and_flattened_by_cell() {
        let cohort = |start, size, returned: &[Option<u64>], complete: &[bool]| Cohort {
            start: date(start),
            size,
            returned: returned.to_vec(),
            complete: complete.to_vec(),
        };
        let cohorts = vec![
            cohort("2024-01-01", Some(4), &[Some(4), Some(1)], &[true, false]),
            cohort("2024-02-01", None, &[None, None], &[false, false]),
        ];
        let average = vec![Average::new(4, 4), Average::new(0, 0)];
        let answer = answer("retention", &[], Figures::Retention { cohorts, average });
        assert_eq!(
            body(&answer),
            concat!(
                r#""buckets":[],"series":[{"key":{},"cohorts":["#,
                r#"{"start":"2024-01-01","size":4,"returned":[4,1],"complete":[true,false]},"#,
                r#"{"start":"2024-02-01","size":null,"returned":[null,null],"#,
                r#""complete":[false,false]}],"#,
                r#""average":[{"returned":4,"size":4,"rate":1.0},"#,
                r#"{"returned":0,"size":0,"rate":null}]}]}"#
            )
        );
        let rows = table(&answer);
        assert!(rows.starts_with("cohort size column returned rate complete\n"), "{rows}");
        assert!(rows.contains("[\"2024-01-01\",4,1,1,0.25,false]"), "{rows}");
        assert!(rows.ends_with("[\"2024-02-01\",null,1,null,null,false]"), "{rows}");
        assert_eq!((answer.cohorts().len(), answer.average().len()), (2, 2));
    }

    #[test]
    fn reports_without_buckets_have_their_own_shapes() {
        let count = answer("count", &[], Figures::Count(7));
        assert_eq!(body(&count), r#""buckets":[],"series":[{"key":{},"count":7}]}"#);
        assert_eq!((table(&count).as_str(), count.count()), ("count\n[7]", Some(7)));
        let frequency = answer("frequency", &[], Figures::Frequency(vec![5, 2]));
        assert!(body(&frequency).ends_with(r#"{"key":{},"users":[5,2]}]}"#));
        assert_eq!(table(&frequency), "k users\n[1,5]\n[2,2]");
        assert_eq!(frequency.histogram(), [5, 2]);
        let figures = Figures::Users { ids: vec!["042".into()], next: Some("042".into()) };
        let users = answer("users", &[], figures);
        assert!(body(&users).ends_with(r#"{"key":{},"ids":["042"],"next":"042"}]}"#));
        assert_eq!(table(&users), "id\n[\"042\"]");
        assert_eq!((users.ids().len(), users.next()), (1, Some("042")));
    }

    #[test]
    fn key_columns_come_first() {
        let mut grouped = answer("count", &[], Figures::Count(7));
        grouped.series[0].key.insert("country".into(), json!("DE"));
        assert_eq!(table(&grouped), "country count\n[\"DE\",7]");
        assert!(body(&grouped).ends_with(r#"[{"key":{"country":"DE"},"count":7}]}"#));
    }
}

//! The answer as flat rows.

use super::answer::{
    AmountCohort, Answer, BucketInfo, BucketStart, Cohort, Column, Figures, FunnelStep, Link,
    Series,
};
use super::render::{Exact, Map};
use crate::event::{Decimal, Value};

/// An answer as records: a row per bucket, cohort cell, step, link or user, key columns first.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`; `None` is null.
    pub rows: Vec<Vec<Option<Value>>>,
}

impl Table {
    /// One JSON object a line, fields in the order of the columns, decimals to the last digit.
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let line = |row: &Vec<Option<Value>>| {
            let cells = row.iter().map(|cell| Exact(cell.as_ref()));
            let fields = Map(self.columns.iter().zip(cells).collect());
            serde_json::to_string(&fields).unwrap_or_default() + "\n"
        };
        self.rows.iter().map(line).collect()
    }
}

/// The key of the group of all that a breakdown does not keep.
pub(crate) const OTHER: &str = "other";

/// One row in the making.
type Row = Vec<Option<Value>>;

impl Answer {
    /// The answer as records. A breakdown comes first: a column for each property, and `other`,
    /// true for the group of all that is not kept, whose values are null. In `paths`, which has an
    /// `other` of its own, it is `other_group`. A property that is called like another column has
    /// `property:` before its name. Then come
    ///
    /// | report | columns |
    /// |---|---|
    /// | with buckets | `start`, `complete`, and the report's own |
    /// | `frequency` | `k`, `users` |
    /// | `retention` | `cohort`, `size`, `column`, `returned`, `rate`, `complete` |
    /// | `funnel` | `start` and `complete` where there are buckets; `step`, `event`, its figures |
    /// | `paths` | `step`, `from`, `to`, `other`, `users` |
    /// | `count` | `count` |
    /// | `users` | `id`, and what was asked for |
    #[must_use]
    pub fn to_table(&self) -> Table {
        let rows = self.series.iter().flat_map(|series| {
            let key = self.key_cells(series);
            let rows = series.figures.rows(&self.buckets);
            rows.into_iter().map(move |row| key.iter().cloned().chain(row).collect())
        });
        Table { columns: self.names(), rows: rows.collect() }
    }

    /// The names of all columns, each once.
    fn names(&self) -> Vec<String> {
        let links = self.columns.iter().any(|own| own == OTHER);
        let other = self.grouped.then(|| if links { "other_group" } else { OTHER }.to_owned());
        let after: Vec<String> = other.into_iter().chain(self.columns.iter().cloned()).collect();
        let column = |key: &String| {
            let mut name = key.clone();
            while after.contains(&name) || (name != *key && self.keys.contains(&name)) {
                name.insert_str(0, "property:");
            }
            name
        };
        self.keys.iter().map(column).chain(after.iter().cloned()).collect()
    }

    fn key_cells(&self, series: &Series) -> Row {
        let cell = |name: &String| match (series.key.get(name), series.other) {
            (Some(value), false) => value.clone(),
            (Some(value), true) if name != OTHER => value.clone(),
            _ => None,
        };
        let other = self.grouped.then_some(Some(Value::Bool(series.other)));
        self.keys.iter().map(cell).chain(other).collect()
    }
}

impl Figures {
    /// The names of their columns in a row.
    pub(crate) fn columns(&self) -> Vec<String> {
        let cohort = ["cohort", "size", "column", "returned", "rate", "complete"];
        let named = |first: &[&str], columns: &[(&str, Column)]| {
            let own = columns.iter().flat_map(|(name, column)| column.names(name));
            first.iter().map(|name| (*name).to_owned()).chain(own).collect()
        };
        match self {
            Figures::Columns(columns) => named(&["start", "complete"], columns),
            Figures::Frequency(_) => named(&["k", "users"], &[]),
            Figures::Retention { .. } | Figures::AmountRetention { .. } => named(&cohort, &[]),
            Figures::Funnel { by_bucket, steps, .. } => {
                let first: &[&str] = match by_bucket {
                    true => &["start", "complete", "step", "event"],
                    false => &["step", "event"],
                };
                named(first, steps.first().map_or(&[], |step| &step.columns))
            }
            Figures::Paths(_) => named(&["step", "from", "to", "other", "users"], &[]),
            Figures::Count(_) => named(&["count"], &[]),
            Figures::Users { columns, .. } => named(&["id"], columns),
        }
    }

    fn rows(&self, buckets: &[BucketInfo]) -> Vec<Row> {
        match self {
            Figures::Columns(columns) => {
                rows(buckets, |place, bucket| joined(bucket_cells(bucket), columns, place))
            }
            Figures::Frequency(users) => {
                rows(users, |place, users| vec![whole(place + 1), count(*users)])
            }
            Figures::Retention { cohorts, .. } => cohorts.iter().flat_map(Cohort::rows).collect(),
            Figures::AmountRetention { cohorts, .. } => {
                cohorts.iter().flat_map(AmountCohort::rows).collect()
            }
            Figures::Funnel { by_bucket: true, steps, .. } => {
                let of_bucket = |(place, bucket)| {
                    steps.iter().map(move |step| step.row(bucket_cells(bucket), place))
                };
                buckets.iter().enumerate().flat_map(of_bucket).collect()
            }
            Figures::Funnel { steps, .. } => rows(steps, |_, step| step.row(Vec::new(), 0)),
            Figures::Paths(links) => rows(links, |_, link| link.row()),
            Figures::Count(users) => vec![vec![count(*users)]],
            Figures::Users { ids, columns, .. } => {
                rows(ids, |place, id| joined(vec![text(id)], columns, place))
            }
        }
    }
}

fn rows<T>(of: &[T], row: impl Fn(usize, &T) -> Row) -> Vec<Row> {
    of.iter().enumerate().map(|(place, one)| row(place, one)).collect()
}

/// The cells, and those of the columns at a place.
fn joined(mut cells: Row, columns: &[(&'static str, Column)], place: usize) -> Row {
    for (_, column) in columns {
        match column {
            Column::Classes(classes) => {
                cells.extend(classes.iter().map(|class| optional(class.get(place))));
            }
            column => cells.push(column.value(place)),
        }
    }
    cells
}

fn bucket_cells(bucket: &BucketInfo) -> Row {
    vec![start(bucket.start), Some(Value::Bool(bucket.complete))]
}

impl Column {
    /// The figure at a place; `None` past the end, and of classes, which have several.
    pub(super) fn value(&self, place: usize) -> Option<Value> {
        match self {
            Column::Counts(values) => optional(values.get(place)),
            Column::Ratios(values) => values.get(place).copied().flatten().map(Value::Float),
            Column::Amounts(values) => values.get(place).cloned().flatten(),
            Column::Instants(values) => values.get(place).cloned().flatten().map(Value::Text),
            Column::Classes(_) => None,
        }
    }

    /// The names of its columns in a row: a class each.
    fn names(&self, name: &str) -> Vec<String> {
        match self {
            Column::Classes(classes) => {
                (1..=classes.len()).map(|class| format!("{name}_{class}")).collect()
            }
            _ => vec![name.to_owned()],
        }
    }
}

impl FunnelStep {
    fn row(&self, mut cells: Row, place: usize) -> Row {
        cells.extend([whole(self.step), text(&self.event)]);
        joined(cells, &self.columns, place)
    }
}

impl Link {
    fn row(&self) -> Row {
        let side = |event: &Option<String>| event.as_deref().and_then(text);
        let other = Some(Value::Bool(self.other));
        vec![whole(self.step), side(&self.from), side(&self.to), other, count(self.users)]
    }
}

impl Cohort {
    fn rows(&self) -> Vec<Row> {
        let cell = |place: usize, returned: &Option<u64>| {
            (returned.and_then(count), self.rate(place), self.complete.get(place))
        };
        cohort_rows(self.start, self.size, &self.returned, cell)
    }
}

impl AmountCohort {
    fn rows(&self) -> Vec<Row> {
        let cell = |place: usize, returned: &Option<Value>| {
            (returned.clone(), self.rate(place), self.complete.get(place))
        };
        cohort_rows(self.start, self.size, &self.returned, cell)
    }
}

/// A row per cell: `cell` says what returned, its rate, and whether it is final.
fn cohort_rows<'a, T>(
    of: BucketStart,
    size: Option<u64>,
    cells: &'a [T],
    cell: impl Fn(usize, &'a T) -> (Option<Value>, Option<f64>, Option<&'a bool>),
) -> Vec<Row> {
    let row = |(place, returned)| {
        let (returned, rate, complete) = cell(place, returned);
        vec![
            start(of),
            size.and_then(count),
            whole(place),
            returned,
            rate.map(Value::Float),
            complete.map(|complete| Value::Bool(*complete)),
        ]
    };
    cells.iter().enumerate().map(row).collect()
}

fn start(of: BucketStart) -> Option<Value> {
    Some(Value::Text(of.to_string()))
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

fn whole(number: impl TryInto<u64>) -> Option<Value> {
    number.try_into().ok().and_then(count)
}

fn optional(number: Option<&Option<u64>>) -> Option<Value> {
    number.copied().flatten().and_then(count)
}

/// Counts beyond 63 bits are decimals, which no count ever was.
fn count(number: u64) -> Option<Value> {
    match i64::try_from(number) {
        Ok(number) => Some(Value::Integer(number)),
        Err(_) => Decimal::new(i128::from(number), 0).ok().map(Value::Decimal),
    }
}

#[cfg(test)]
mod tests;

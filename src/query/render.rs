//! The answer written out: JSON with its fields in the documented order.

use super::answer::{
    AmountAverage, AmountCohort, Answer, Average, BucketInfo, BucketStart, Cohort, Column,
    DurationBin, Figures, FunnelStep, Info, Link, Partial, Series,
};
use crate::event::Value;
use chrono::NaiveDate;
use serde::ser::{Error, Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::value::RawValue;

impl Answer {
    /// The JSON form as a value. An object there may sort its fields by name, and decimals become
    /// binary numbers; [`to_json_string`](Answer::to_json_string) keeps the documented order and
    /// every digit.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The JSON form, on one line, fields in the documented order, decimals to the last
    /// digit.
    #[must_use]
    pub fn to_json_string(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
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
        let fields = 9 + usize::from(self.partial.is_some());
        let mut out = serializer.serialize_struct("Info", fields)?;
        out.serialize_field("time_zone", &self.time_zone)?;
        out.serialize_field("week_start", self.week_start)?;
        out.serialize_field("from", &self.from.map(day))?;
        out.serialize_field("to", &self.to.map(day))?;
        out.serialize_field("as_of", &self.as_of)?;
        out.serialize_field("watermark", &self.watermark)?;
        out.serialize_field("definition", &self.definition)?;
        out.serialize_field("elapsed_ms", &self.elapsed_ms)?;
        out.serialize_field("warnings", &self.warnings)?;
        if let Some(partial) = &self.partial {
            out.serialize_field("partial", partial)?;
        }
        out.end()
    }
}

impl Serialize for Partial {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Partial", 2)?;
        out.serialize_field("days", &self.days.iter().map(|date| day(*date)).collect::<Vec<_>>())?;
        out.serialize_field("files", &self.files)?;
        out.end()
    }
}

impl Serialize for BucketInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("BucketInfo", 2)?;
        out.serialize_field("start", &self.start)?;
        out.serialize_field("complete", &self.complete)?;
        out.end()
    }
}

impl Serialize for BucketStart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        let key = self.key.iter().map(|(name, value)| (name, Exact(value.as_ref())));
        out.serialize_entry("key", &Map(key.collect()))?;
        if self.other {
            out.serialize_entry("other", &true)?;
        }
        match &self.figures {
            Figures::Columns(columns) => entries(&mut out, columns, Column::written)?,
            Figures::Frequency(users) => out.serialize_entry("users", users)?,
            Figures::Retention { cohorts, average } => {
                out.serialize_entry("cohorts", cohorts)?;
                out.serialize_entry("average", average)?;
            }
            Figures::AmountRetention { cohorts, average } => {
                out.serialize_entry("cohorts", cohorts)?;
                out.serialize_entry("average", average)?;
            }
            Figures::Funnel { by_bucket, steps, histogram } => {
                let written = if *by_bucket { Column::written } else { Column::first };
                let steps: Vec<_> = steps.iter().map(|step| WithColumns(step, written)).collect();
                out.serialize_entry("steps", &steps)?;
                let bins: Vec<_> = histogram.iter().map(|bin| WithColumns(bin, written)).collect();
                out.serialize_entry("histogram", &bins)?;
            }
            Figures::Paths(links) => out.serialize_entry("links", links)?,
            Figures::Count(count) => out.serialize_entry("count", count)?,
            Figures::Users { ids, columns, next } => {
                out.serialize_entry("ids", ids)?;
                entries(&mut out, columns, Column::written)?;
                out.serialize_entry("next", next)?;
            }
        }
        out.end()
    }
}

/// How a column is written: whole, or its one figure.
type Write = for<'a> fn(&'a Column) -> Written<'a>;

fn entries<M: SerializeMap>(
    out: &mut M,
    columns: &[(&'static str, Column)],
    write: Write,
) -> Result<(), M::Error> {
    columns.iter().try_for_each(|(name, column)| out.serialize_entry(name, &write(column)))
}

/// A column to be written.
enum Written<'a> {
    Whole(&'a Column),
    First(&'a Column),
}

impl Column {
    fn written(&self) -> Written<'_> {
        Written::Whole(self)
    }

    fn first(&self) -> Written<'_> {
        Written::First(self)
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Written::Whole(Column::Counts(values)) => values.serialize(serializer),
            Written::Whole(Column::Ratios(values)) => values.serialize(serializer),
            Written::Whole(Column::Amounts(values)) => {
                serializer.collect_seq(values.iter().map(|value| Exact(value.as_ref())))
            }
            Written::Whole(Column::Instants(values)) => values.serialize(serializer),
            Written::Whole(Column::Classes(classes)) => classes.serialize(serializer),
            Written::First(column) => Exact(column.value(0).as_ref()).serialize(serializer),
        }
    }
}

/// A value to the last digit.
pub(super) struct Exact<'a>(pub(super) Option<&'a Value>);

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => serializer.serialize_none(),
            Some(Value::Bool(value)) => value.serialize(serializer),
            Some(Value::Integer(value)) => value.serialize(serializer),
            Some(Value::Float(value)) => value.serialize(serializer),
            Some(Value::Text(value)) => value.serialize(serializer),
            Some(Value::Decimal(value)) => RawValue::from_string(value.to_string())
                .map_err(S::Error::custom)?
                .serialize(serializer),
        }
    }
}

/// Fields in their order.
pub(super) struct Map<'a>(pub(super) Vec<(&'a String, Exact<'a>)>);

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Something of a funnel, with the way its columns are written.
struct WithColumns<'a, T>(&'a T, Write);

impl Serialize for WithColumns<'_, FunnelStep> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("step", &self.0.step)?;
        out.serialize_entry("event", &self.0.event)?;
        entries(&mut out, &self.0.columns, self.1)?;
        out.end()
    }
}

impl Serialize for WithColumns<'_, DurationBin> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("DurationBin", 3)?;
        out.serialize_field("from_s", &self.0.from_s)?;
        out.serialize_field("to_s", &self.0.to_s)?;
        out.serialize_field("users", &(self.1)(&self.0.users))?;
        out.end()
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("step", &self.step)?;
        out.serialize_entry("from", &self.from)?;
        out.serialize_entry("to", &self.to)?;
        if self.other {
            out.serialize_entry("other", &true)?;
        }
        out.serialize_entry("users", &self.users)?;
        out.end()
    }
}

impl Serialize for Cohort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Cohort", 4)?;
        out.serialize_field("start", &self.start)?;
        out.serialize_field("size", &self.size)?;
        out.serialize_field("returned", &self.returned)?;
        out.serialize_field("complete", &self.complete)?;
        out.end()
    }
}

impl Serialize for AmountCohort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let returned: Vec<_> = self.returned.iter().map(|value| Exact(value.as_ref())).collect();
        let mut out = serializer.serialize_struct("AmountCohort", 4)?;
        out.serialize_field("start", &self.start)?;
        out.serialize_field("size", &self.size)?;
        out.serialize_field("returned", &returned)?;
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

impl Serialize for AmountAverage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("AmountAverage", 3)?;
        out.serialize_field("returned", &Exact(Some(&self.returned)))?;
        out.serialize_field("size", &self.size)?;
        out.serialize_field("rate", &self.rate)?;
        out.end()
    }
}

fn day(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

#[cfg(test)]
pub(super) mod tests;

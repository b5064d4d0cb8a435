//! Reading index containers: who had which value, without a look at rows.

use super::column::ColumnPage;
use super::datum::Datum;
use super::format::{IndexRecord, value_kind};
use super::index::Key;
use super::section::{ActivityCode, Section};
use super::section_rows::part_bytes;
use crate::codec::bits::Container;
use crate::error::Result;
use crate::limits::DECIMAL_SCALE_MAX;

/// One value of a property, and the users who have it on a row of an activity in a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexedValue<'a> {
    pub(crate) value: Datum<'a>,
    pub(crate) users: Container<'a>,
}

impl Section {
    /// Each value of the property on rows of the activity in the chunk, with its users; `None`:
    /// not indexed there, so that rows must tell.
    pub(crate) fn indexed(
        &self,
        activity: u16,
        property: &str,
        chunk: u32,
    ) -> Result<Option<Vec<IndexedValue<'_>>>> {
        let Some(property) = self.property(property)? else { return Ok(None) };
        let group = (ActivityCode::Named(activity).key(), property, chunk);
        let records = self.index()?;
        let from = records.partition_point(|record| record.group() < group);
        let of_group =
            records.iter().enumerate().skip(from).take_while(|(_, r)| r.group() == group);
        let values = of_group.map(|(at, record)| {
            let value = self.index_value(property, record)?;
            Ok(IndexedValue { value, users: self.index_container(at, record)? })
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        Ok(Some(values).filter(|values| !values.is_empty()))
    }

    /// Whether every row of the activity in the chunk has the property, so that its containers
    /// leave out nobody.
    pub(crate) fn always_has(&self, activity: u16, property: &str, chunk: u32) -> Result<bool> {
        let Some(property) = self.property(property)? else { return Ok(false) };
        let Some((_, record)) = self.find(ActivityCode::Named(activity), chunk)? else {
            return Ok(false);
        };
        let (pages, bytes) = self.pages(record)?;
        for page in &pages {
            let Some(part) = page.column(property) else { return Ok(false) };
            let misses =
                part_bytes(bytes, part).and_then(|bytes| ColumnPage::read(bytes)?.misses_some());
            if misses.map_err(|e| self.page_damage(record, part, e))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn index_value(&self, property: u16, record: &IndexRecord) -> Result<Datum<'_>> {
        let damage = |what: String| {
            self.damage(self.opened().map_or(0, |o| o.footer.index.offset.get()), "index", what)
        };
        let (kind, scale, bits) = record.key();
        match kind {
            value_kind::BOOL if bits < 2 => Ok(Datum::Bool(bits == 1)),
            value_kind::INTEGER => Ok(Datum::Integer(bits as i64)),
            value_kind::DECIMAL if scale <= DECIMAL_SCALE_MAX => {
                Ok(Datum::Decimal(scale, bits as i64))
            }
            value_kind::FLOAT if f64::from_bits(bits).is_finite() => {
                Ok(Datum::Float(f64::from_bits(bits)))
            }
            value_kind::TEXT_CODE => {
                let code = u32::try_from(bits).map_err(|_| damage(format!("the text {bits}")))?;
                let text = self.texts()?.get(property, code);
                Ok(Datum::Text(text.map_err(|e| self.texts_damage(e))?))
            }
            _ => Err(damage(format!("a value {bits:#x} of kind {kind} with scale {scale}"))),
        }
    }

    /// The container of the record at this place of the index, checked once per open.
    pub(super) fn index_container(&self, at: usize, record: &IndexRecord) -> Result<Container<'_>> {
        let checked = &self.opened()?.checked;
        let (kind, cardinality) = (record.presence_kind, record.cardinality.get());
        let parsed = if checked.index(at) {
            let bytes = self.unchecked(&record.presence, "index")?;
            Container::shaped(kind, cardinality, bytes)
        } else {
            let bytes = self.checked(&record.presence, "index")?;
            Container::parse(kind, cardinality, bytes)
        };
        let container =
            parsed.map_err(|e| self.damage(record.presence.offset.get(), "index", e))?;
        checked.set_index(at);
        Ok(container)
    }
}

impl IndexRecord {
    /// What one property's index of one block has in common.
    pub(super) fn group(&self) -> (u16, u16, u32) {
        (self.activity.get(), self.property.get(), self.chunk.get())
    }

    /// Kind, scale and bits of the value.
    pub(super) fn key(&self) -> Key {
        (self.value_kind, self.scale, self.value.get())
    }
}

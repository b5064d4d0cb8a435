//! Which kinds of value a property holds, without its values.

use super::column::ColumnPage;
use super::datum::KindSet;
use super::rows::DayRows;
use super::section::Section;
use super::section_rows::part_bytes;
use crate::error::Result;

impl Section {
    /// Does any row here have the property?
    pub(crate) fn has_property(&self, property: &str) -> Result<bool> {
        Ok(self.property(property)?.is_some())
    }

    /// Names of the properties of the rows here, sorted by bytes.
    pub(crate) fn property_names(&self) -> Result<&[Box<str>]> {
        Ok(&self.opened()?.properties)
    }

    /// Kinds that the property holds here; the search ends at the first page with a wanted one.
    pub(crate) fn kinds(&self, property: &str, wanted: KindSet) -> Result<KindSet> {
        let mut kinds = KindSet::NONE;
        let Some(property) = self.property(property)? else { return Ok(kinds) };
        if self.is_thin()? {
            // Nobody knows any more.
            return Ok(KindSet::BOOL.or(KindSet::TEXT).or(KindSet::NUMBER));
        }
        for record in self.blocks()? {
            let (pages, bytes) = self.pages(record)?;
            for page in &pages {
                let Some(part) = page.column(property) else { continue };
                let found =
                    part_bytes(bytes, part).and_then(|bytes| ColumnPage::read(bytes)?.kinds());
                kinds = kinds.or(found.map_err(|e| self.page_damage(record, part, e))?);
                if !kinds.and(wanted).is_empty() {
                    return Ok(kinds);
                }
            }
        }
        Ok(kinds)
    }
}

impl DayRows {
    /// Names of the properties of these rows.
    pub(crate) fn property_names(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().map(|column| self.strings.get(column.name));
        names.filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// Kinds that the property holds in these rows.
    pub(crate) fn kinds(&self, property: &str) -> KindSet {
        let name = self.strings.find(property.as_bytes());
        let column = self.columns.iter().find(|column| Some(column.name) == name);
        let cells = column.map_or(&[][..], |column| &column.cells);
        cells.iter().fold(KindSet::NONE, |kinds, cell| kinds.or(cell.kind()))
    }
}

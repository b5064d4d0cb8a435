//! Which column of a table is what.

use super::maker::too_many_properties;
use super::options::{ImportOptions, ValueType};
use super::rows::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::event::check_name;
use crate::limits::{IMPORT_COLUMNS_MAX, PROPERTY_BYTES_MAX};

/// The columns of one source with a header, by position.
#[derive(Debug)]
pub(super) struct Columns {
    /// The header's.
    pub(super) names: Vec<String>,
    pub(super) user: usize,
    /// `None`: the import's constant.
    pub(super) activity: Option<usize>,
    pub(super) time: usize,
    pub(super) insert_id: Option<usize>,
    pub(super) properties: Vec<PropertyColumn>,
    /// Positions of columns without a name: left out.
    pub(super) unnamed: Vec<usize>,
}

/// A column that becomes a property.
#[derive(Debug)]
pub(super) struct PropertyColumn {
    pub(super) index: usize,
    /// Its name's code.
    pub(super) code: u32,
    pub(super) of: Option<ValueType>,
}

impl Columns {
    /// A column's name, quoted, for a reason.
    pub(super) fn quoted(&self, index: usize) -> String {
        format!("{:?}", self.names.get(index).map_or("", String::as_str))
    }

    /// Finds the columns that the options name in a header; all others become properties.
    pub(super) fn find(
        options: &ImportOptions,
        source: &str,
        header: &[String],
        shared: &Shared,
    ) -> Result<Columns> {
        if header.len() > IMPORT_COLUMNS_MAX {
            let count = header.len();
            let message =
                format!("{source} has {count} columns: {IMPORT_COLUMNS_MAX} are the most");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        refuse_doubled(options, source, header)?;
        let find = |name: &str, what: &str| {
            header.iter().position(|column| column == name).ok_or_else(|| {
                let columns = header.join(", ");
                Error::input(format!(
                    "{source} has no column \"{name}\" for the {what}; its columns are: {columns}"
                ))
            })
        };
        // A misspelt column would be stored against the caller's word.
        for name in &options.skip {
            find(name, "columns to leave out")?;
        }
        for name in options.types.keys() {
            find(name, "value types")?;
        }
        let mut columns = Columns {
            names: header.to_vec(),
            user: find(&options.user, "user")?,
            activity: match options.activity_name {
                Some(_) => None,
                None => Some(find(&options.activity, "activity")?),
            },
            time: find(&options.time, "time")?,
            insert_id: options.insert_id.as_deref().map(|n| find(n, "insert id")).transpose()?,
            properties: Vec::new(),
            unnamed: Vec::new(),
        };
        columns.add_properties(options, source, header, shared)?;
        Ok(columns)
    }

    fn add_properties(
        &mut self,
        options: &ImportOptions,
        source: &str,
        header: &[String],
        shared: &Shared,
    ) -> Result<()> {
        let roles = [Some(self.user), self.activity, Some(self.time), self.insert_id];
        for (index, name) in header.iter().enumerate() {
            if roles.contains(&Some(index)) || options.skip.contains(name) {
                continue;
            }
            if name.is_empty() {
                self.unnamed.push(index);
                continue;
            }
            let position = index + 1;
            check_name("column name", name, PROPERTY_BYTES_MAX)
                .map_err(|reason| Error::input(format!("{source}, column {position}: {reason}")))?;
            let code = shared.property(name.as_bytes());
            let code = code.ok_or_else(|| Error::new(ErrorKind::Limit, too_many_properties()))?;
            let of = options.types.get(name).copied();
            self.properties.push(PropertyColumn { index, code, of });
        }
        Ok(())
    }
}

fn refuse_doubled(options: &ImportOptions, source: &str, header: &[String]) -> Result<()> {
    let mut seen = std::collections::BTreeMap::new();
    for (index, name) in header.iter().enumerate() {
        if name.is_empty() || options.skip.contains(name) {
            continue;
        }
        if let Some(first) = seen.insert(name, index) {
            return Err(Error::input(format!(
                "{source} has the column \"{name}\" twice ({} and {}): rename one or skip both",
                first + 1,
                index + 1
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn find(options: &ImportOptions, header: &str) -> Result<Columns> {
        let header: Vec<String> = header.split(',').map(str::to_string).collect();
        Columns::find(options, "a.csv", &header, &Shared::default())
    }

    #[test]
    fn every_column_has_one_meaning() {
        let options = ImportOptions::new().insert_id("id").skip("junk").user("who");
        let options = options.value_type("zip", ValueType::Text);
        let columns = find(&options, "zip,junk,time,who,,activity,id,price").unwrap();
        assert_eq!((columns.user, columns.activity, columns.time), (3, Some(5), 2));
        assert_eq!((columns.insert_id, &columns.unnamed[..]), (Some(6), &[4][..]));
        let properties: Vec<_> = columns.properties.iter().map(|p| (p.index, p.of)).collect();
        assert_eq!(properties, [(0, Some(ValueType::Text)), (7, None)]);
    }

    #[test]
    fn a_constant_activity_makes_the_column_a_property() {
        let options = ImportOptions::new().activity_name("buy");
        let columns = find(&options, "user,activity,time").unwrap();
        assert_eq!((columns.activity, columns.properties.len()), (None, 1));
    }

    #[test]
    fn wrong_headers_are_named() {
        let options = ImportOptions::new();
        let error = |header: &str| find(&options, header).unwrap_err().to_string();
        assert!(error("usr,activity,time").contains("its columns are: usr, activity, time"));
        assert!(error("user,activity,time,x,x").contains("\"x\" twice (4 and 5)"));
        assert!(error(&format!("user,activity,time,{}", "x".repeat(257))).contains("column 4"));
        let many = (0..IMPORT_COLUMNS_MAX).map(|i| format!(",{i}")).collect::<String>();
        assert!(error(&format!("user,activity,time{many}")).contains("4096 are the most"));
        assert!(find(&options.skip("x"), "user,activity,time,x,x").is_ok());
    }
}

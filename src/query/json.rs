//! The JSON form of a query.

use super::Query;

impl Query {
    /// Reads the JSON form; unknown fields, unknown names and impossible combinations are errors that
    /// name the field and what is allowed.
    pub fn from_json(_text: &str) -> crate::Result<Query> {
        todo!()
    }
}

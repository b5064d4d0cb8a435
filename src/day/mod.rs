//! Day sections and the files that hold them: rows in, rows and user sets out.

pub(crate) mod build;
pub(crate) mod file;
mod order;
pub(crate) mod rows;
pub(crate) mod section;
mod strings;
pub(crate) mod summary;
mod unit;

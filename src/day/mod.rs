//! Day sections and the files that hold them: rows in, rows and user sets out.

pub(crate) mod build;
pub(crate) mod file;
pub(crate) mod rows;
pub(crate) mod section;
pub(crate) mod summary;

//! Day sections and the files that hold them: rows in, rows and user sets out.

#[cfg_attr(not(test), expect(dead_code, reason = "questions about rows are answered through it"))]
pub(crate) mod block;
pub(crate) mod build;
mod column;
pub(crate) mod datum;
pub(crate) mod file;
mod format;
mod index;
#[cfg_attr(not(test), expect(dead_code, reason = "questions about rows are answered through it"))]
pub(crate) mod indexed;
mod layout;
mod names;
mod opened;
mod order;
mod pages;
pub(crate) mod rows;
pub(crate) mod section;
mod section_rows;
mod strings;
pub(crate) mod summary;
#[cfg(test)]
mod tests;
mod texts;
mod unit;

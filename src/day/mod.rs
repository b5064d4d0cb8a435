//! Day sections and the files that hold them: rows in, rows and user sets out.

mod amounts;
pub(crate) mod block;
pub(crate) mod build;
pub(crate) mod coded;
mod column;
mod crowds;
pub(crate) mod datum;
pub(crate) mod everyone;
pub(crate) mod file;
mod firsts;
mod floats;
mod format;
mod index;
pub(crate) mod indexed;
mod kinds;
mod laid;
mod layout;
pub(crate) mod lazy;
mod names;
mod opened;
mod order;
mod pages;
mod row_ids;
pub(crate) mod rows;
pub(crate) mod section;
mod section_rows;
mod slices;
mod strings;
pub(crate) mod summary;
#[cfg(test)]
mod tests;
mod texts;
pub(crate) mod thin;
mod unit;

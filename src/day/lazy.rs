//! Cells that are made at their first use, where making them may fail.

use crate::error::Result;
use std::cell::OnceCell;

/// What the cell holds; after a failure the next call tries again.
pub(crate) fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(made) => Ok(made),
        None => {
            let made = make()?;
            Ok(cell.get_or_init(|| made))
        }
    }
}

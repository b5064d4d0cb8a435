//! Definitions change: one frame with the whole new catalog.

use super::Core;
use super::frame::{Body, CatalogRecord};
use super::state::State;
use crate::catalog::Catalog;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::RECORD_BYTES_MAX;
use crate::snapshot::Published;
use std::sync::Arc;

impl Core {
    /// Commits a changed catalog, as durable as the options say; every snapshot taken afterwards
    /// has it. Where `change` refuses, and where it changes nothing, nothing is written.
    pub(crate) fn define(&self, change: impl FnOnce(&mut Catalog) -> Result<()>) -> Result<()> {
        let mut state = self.state()?;
        state.alive()?;
        let mut catalog = (*state.catalog).clone();
        change(&mut catalog)?;
        if catalog == *state.catalog {
            return Ok(());
        }
        state.commit_catalog(catalog)?;
        let flushed = self.flush_if_full(&mut state);
        drop(state);
        if flushed {
            self.compact_inline();
        }
        Ok(())
    }
}

impl State {
    /// One frame; then the view. Readers of other processes see it after the next flush.
    fn commit_catalog(&mut self, catalog: Catalog) -> Result<()> {
        let bytes = catalog.encode().len();
        if bytes > RECORD_BYTES_MAX {
            let message = format!(
                "the saved cohorts take {bytes} bytes together: at most {RECORD_BYTES_MAX} are \
                 kept; drop some, or name their users by what they did instead of by `ids`"
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let body = Body::Catalog(CatalogRecord { catalog });
        self.commit_frame(&body)?;
        if let Body::Catalog(record) = body {
            self.catalog = Arc::new(record.catalog);
            (self.catalog_changed, self.unapplied) = (true, true);
            let published = Published::clone(&self.published);
            self.published = Arc::new(Published { catalog: self.catalog.clone(), ..published });
            self.show();
        }
        Ok(())
    }
}

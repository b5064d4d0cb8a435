//! The first-seen index: the day on which each user did each activity, and anything at all, for the
//! first time.
//!
//! "Who was seen before this day?" is a question about all history; the index answers it from a few
//! bytes per user, however long history is. It is a list of immutable files, each a *generation*:
//! a flush adds a small one with the users whose first day it moved, and generations of like size
//! are merged. A user may stand in several; the earliest day counts. The index is derived: the days
//! tell all of it, so that one that is missing or damaged is left unused, and made anew.

pub(crate) mod block;
pub(crate) mod file;

use crate::codec::bits::Bits;
use crate::error::Result;
use crate::time::Day;
use block::Firsts;
use file::FirstFile;
use std::sync::{Arc, OnceLock};

/// The index of one snapshot: it covers exactly the published days.
#[derive(Debug)]
pub(crate) struct FirstIndex {
    files: Vec<Arc<FirstFile>>,
    broken: OnceLock<Broken>,
}

/// Why the index is not used.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// Its name within the database's folder.
    pub(crate) file: String,
    pub(crate) message: String,
}

impl FirstIndex {
    /// The generations, oldest first.
    pub(crate) fn new(files: Vec<Arc<FirstFile>>) -> FirstIndex {
        FirstIndex { files, broken: OnceLock::new() }
    }

    /// An index of which a file cannot be opened.
    pub(crate) fn broken_at(file: String, message: String) -> FirstIndex {
        FirstIndex { files: Vec::new(), broken: OnceLock::from(Broken { file, message }) }
    }

    /// What was found wrong with it so far: it is not to be asked any more.
    pub(crate) fn broken(&self) -> Option<&Broken> {
        self.broken.get()
    }

    pub(crate) fn files(&self) -> &[Arc<FirstFile>] {
        &self.files
    }

    /// ORs the users of a chunk who did the activity (`None`: any) before a day into `bits`; false
    /// where there are none.
    pub(crate) fn before_into(
        &self,
        activity: Option<&str>,
        chunk: u32,
        day: Day,
        bits: &mut Bits,
    ) -> Result<bool> {
        let mut found = false;
        for file in &self.files {
            found |= self.noted(file, file.before_into(activity, chunk, day, bits))?;
        }
        Ok(found)
    }

    /// The first day of each user of a chunk.
    pub(crate) fn firsts(
        &self,
        activity: Option<&str>,
        chunk: u32,
        firsts: &mut Firsts,
    ) -> Result<()> {
        firsts.clear();
        for file in &self.files {
            let met = file.each(activity, chunk, &mut |low, day| _ = firsts.meet(low, day));
            self.noted(file, met)?;
        }
        Ok(())
    }

    /// Reads every block.
    pub(crate) fn read_all(&self, chunks: u32) -> Result<()> {
        for file in &self.files {
            for activity in file.activities() {
                (0..chunks).try_for_each(|chunk| file.each(activity, chunk, &mut |_, _| ()))?;
            }
        }
        Ok(())
    }

    fn noted<T>(&self, file: &FirstFile, result: Result<T>) -> Result<T> {
        result.inspect_err(|error| self.distrust(file.name(), error.to_string()))
    }

    /// Remembers what is wrong with it, the first thing found: from then on it is not used.
    pub(crate) fn distrust(&self, file: &str, message: String) {
        let _ = self.broken.set(Broken { file: file.to_string(), message });
    }
}

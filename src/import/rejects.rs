//! Rows that were refused: counted, the first few kept for the receipt, all written to a file.

use super::maker::Reject;
use super::options::RejectedRow;
use crate::catalog::ledger::LedgerEntry;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Or a reason for a reject.
pub(super) type Refused<T> = std::result::Result<T, String>;

/// Rejects that the receipt shows.
const SHOWN_MAX: usize = 20;

/// Collects refused rows in order.
pub(super) struct Rejects {
    strict: bool,
    path: Option<PathBuf>,
    /// Made at the first reject; has its own name only once it is whole.
    writer: Option<csv::Writer<BufWriter<File>>>,
    pub(super) count: u64,
    pub(super) first: Vec<RejectedRow>,
}

impl Rejects {
    pub(super) fn new(path: Option<&Path>, strict: bool) -> Rejects {
        let path = path.map(Path::to_path_buf);
        Rejects { strict, path, writer: None, count: 0, first: Vec::new() }
    }

    /// Adds a row; under `strict` that is the end.
    pub(super) fn add(&mut self, source: &str, reject: Reject) -> Result<()> {
        let Reject { line, reason, raw } = reject;
        if self.strict {
            let place = if line == 0 { String::new() } else { format!(", line {line}") };
            return Err(Error::input(format!(
                "{source}{place}: {reason}; nothing was imported (strict)"
            )));
        }
        self.count += 1;
        self.write(source, line, &reason, &raw)?;
        if self.first.len() < SHOWN_MAX {
            self.first.push(RejectedRow { source: source.to_string(), line, reason });
        }
        Ok(())
    }

    fn write(&mut self, source: &str, line: u64, reason: &str, raw: &[u8]) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |error| Error::io("cannot write the rejects file", path, error);
        if self.writer.is_none() {
            let file = File::create(temporary(path)).map_err(failed)?;
            let mut writer = csv::Writer::from_writer(BufWriter::new(file));
            writer
                .write_record(["source", "line", "reason", "row"])
                .map_err(|e| failed(e.into()))?;
            self.writer = Some(writer);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let line = if line == 0 { String::new() } else { line.to_string() };
        let record = [source.as_bytes(), line.as_bytes(), reason.as_bytes(), raw];
        writer.write_record(record).map_err(|e| failed(e.into()))
    }

    /// What the receipt of a repeat shows: the first few, where these are as many as the first
    /// import refused.
    pub(super) fn told_by(self, entry: &LedgerEntry) -> Vec<RejectedRow> {
        if self.count == entry.rejected { self.first.clone() } else { Vec::new() }
    }

    /// Gives the file its name, if a row was refused; a file of an earlier import is replaced.
    pub(super) fn publish(&mut self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |error| Error::io("cannot write the rejects file", path, error);
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|e| failed(e.into_error()))?;
        file.into_inner().map_err(|e| failed(e.into_error()))?;
        fs::rename(temporary(path), path).map_err(failed)
    }
}

impl Drop for Rejects {
    fn drop(&mut self) {
        if let (Some(_), Some(path)) = (self.writer.take(), &self.path) {
            // Of an import that came to nothing: if it cannot be removed, it does no harm.
            let _ = fs::remove_file(temporary(path));
        }
    }
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".tmp");
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reject(line: u64) -> Reject {
        Reject { line, reason: "a \"bad\" row".to_string(), raw: b"x,\"y\nz\"".to_vec() }
    }

    #[test]
    fn all_go_to_the_file_and_the_first_few_are_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rejects.csv");
        let mut rejects = Rejects::new(Some(&path), false);
        (1..=25).for_each(|line| rejects.add("a.csv", reject(line)).unwrap());
        assert_eq!((rejects.count, rejects.first.len()), (25, SHOWN_MAX));
        assert!(!path.exists());
        rejects.publish().unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        assert_eq!(reader.headers().unwrap(), vec!["source", "line", "reason", "row"]);
        let last = reader.records().last().unwrap().unwrap();
        assert_eq!(last, vec!["a.csv", "25", "a \"bad\" row", "x,\"y\nz\""]);
        let mut rejects = Rejects::new(Some(&path), false);
        rejects.add("a.csv", reject(0)).unwrap();
        rejects.publish().unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        assert_eq!(&reader.records().last().unwrap().unwrap()[1], "", "no line is known");
        Rejects::new(Some(&path), false).publish().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_left_of_an_import_that_failed() {
        let dir = tempfile::tempdir().unwrap();
        let mut rejects = Rejects::new(Some(&dir.path().join("r.csv")), false);
        rejects.add("a.csv", reject(2)).unwrap();
        drop(rejects);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let error = Rejects::new(None, true).add("a.csv", reject(7)).unwrap_err();
        assert!(error.to_string().starts_with("a.csv, line 7: a \"bad\" row; nothing"));
        let error = Rejects::new(None, true).add("a.csv", reject(0)).unwrap_err();
        assert!(error.to_string().starts_with("a.csv: a \"bad\" row; nothing"));
        let nowhere = Path::new("/nowhere/at/all.csv");
        let error = Rejects::new(Some(nowhere), false).add("a", reject(1)).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all.csv"));
    }
}

//! The one error of the crate.

use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong, in one word that a program can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value from the caller is wrong: a name, a date, a field, a flag.
    Input,
    /// A bound of the crate was passed; the message names it.
    Limit,
    /// The named thing is not there.
    NotFound,
    /// The named thing is there already.
    AlreadyExists,
    /// Another process is writing to this database.
    Locked,
    /// The database was opened for reading only.
    ReadOnly,
    /// A question or field that this version does not answer yet.
    Unsupported,
    /// Bytes on disk are not what was written.
    Corruption,
    /// The database was written by a newer version.
    NewerFormat,
    /// The database was written before its format was settled, and this version does not read it.
    OlderFormat,
    /// The operating system refused: permission.
    Permission,
    /// The disk is full.
    DiskFull,
    /// Another failure of the operating system.
    Io,
    /// An earlier write failed; reads go on, writes need the database to be reopened.
    Poisoned,
    /// The files of this snapshot are gone: it was held longer than allowed.
    SnapshotExpired,
    /// The events of a day were dropped, and only people and totals are kept.
    Dropped,
    /// Whoever watched a call stopped it.
    Cancelled,
}

/// Every failure of daybit: a [kind](Error::kind) for programs and one sentence for people.
///
/// One opaque type, so that a new cause never breaks a caller. The message names the thing, the
/// value and, where there is one, the way out.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<io::Error>,
}

/// The result of every fallible call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { inner: Box::new(Inner { kind, message: message.into(), source: None }) }
    }

    pub(crate) fn input(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Input, message)
    }

    /// Damage: names the file, the offset in it, the section, and what is wrong there.
    pub(crate) fn corruption(
        file: &str,
        offset: u64,
        section: &str,
        what: impl fmt::Display,
    ) -> Error {
        let message = format!("{file} is damaged at byte {offset} ({section}): {what}");
        Error::new(ErrorKind::Corruption, message)
    }

    /// A failed file operation; `doing` reads like "cannot write".
    pub(crate) fn io(doing: &str, path: &Path, source: io::Error) -> Error {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Permission
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
            _ => ErrorKind::Io,
        };
        let message = format!("{doing} {}: {source}", path.display());
        Error { inner: Box::new(Inner { kind, message, source: Some(source) }) }
    }

    /// The same for another place, without its source.
    pub(crate) fn again(&self) -> Error {
        Error::new(self.kind(), self.inner.message.clone())
    }

    /// What went wrong, for a program to act on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.inner.kind, self.inner.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_ref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_keep_their_cause_and_name_the_path() {
        let cause = io::Error::from(io::ErrorKind::StorageFull);
        let error = Error::io("cannot write", Path::new("days/7.day"), cause);
        assert_eq!(error.kind(), ErrorKind::DiskFull);
        assert!(error.to_string().starts_with("cannot write days/7.day: "));
        assert!(std::error::Error::source(&error).is_some());
    }
}

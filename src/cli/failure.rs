//! What can stop a command, and the exit code that says so.

use daybit::ErrorKind;
use std::fmt;
use std::io;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// The library's word.
    Daybit(daybit::Error),
    /// A flag that only the command line knows is wrong.
    Input(String),
    /// Standard input or output, or a file of the command's own.
    Io(io::Error),
}

impl Failure {
    /// A wrong flag or value.
    pub fn input(message: impl Into<String>) -> Failure {
        Failure::Input(message.into())
    }

    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Daybit(error) => exit_code(error.kind()),
            Failure::Input(_) => 2,
            Failure::Io(_) => 1,
        }
    }
}

/// sled, which keeps the index of batches, panics where the disk fails it. The library catches that
/// and goes on, or tells an error of its own: sled's words would say no more.
pub fn leave_out_caught_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_caught = panic.location().is_some_and(|place| place.file().contains("/sled-"));
        if !is_caught {
            tell(panic);
        }
    }));
}

/// The exit code of a kind of error.
pub fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Io | ErrorKind::DiskFull | ErrorKind::Permission | ErrorKind::Poisoned => 1,
        ErrorKind::NotFound | ErrorKind::NewerFormat | ErrorKind::OlderFormat => 3,
        ErrorKind::Locked => 4,
        ErrorKind::Corruption => 5,
        _ => 2,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Daybit(error) => error.fmt(f),
            Failure::Input(message) => f.write_str(message),
            Failure::Io(error) => error.fmt(f),
        }
    }
}

impl From<daybit::Error> for Failure {
    fn from(error: daybit::Error) -> Failure {
        Failure::Daybit(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

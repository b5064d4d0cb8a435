//! The real disk.

/// The operating system's file system.
#[derive(Debug, Default)]
pub(crate) struct RealFs {}

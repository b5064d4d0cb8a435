//! A frame, whatever it commits.

use serde::{Serialize, de::DeserializeOwned};

/// One commit.
#[derive(Debug, Clone)]
pub(crate) struct Frame<B> {
    pub(crate) sequence: u64,
    pub(crate) body: B,
}

/// What frames carry: the log keeps it, and leaves its meaning to those who write it.
pub(crate) trait FrameBody: Serialize + DeserializeOwned {
    /// Says that the log was closed cleanly: nothing may follow.
    fn is_seal(&self) -> bool;

    /// Checks what decoding cannot.
    fn check(&self) -> Result<(), String>;
}

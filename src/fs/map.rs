//! The bytes of a finished file.

/// The bytes of a finished file: a map of it, or a copy. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Bytes {
    // replaced by the fs room
    copy: std::sync::Arc<[u8]>,
}

impl Bytes {
    pub(crate) fn from_vec(bytes: Vec<u8>) -> Bytes {
        Bytes { copy: bytes.into() }
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.copy
    }
}

//! Text that is made while it is read: no bench needs a file of it, or room for all.

use std::io::Read;

/// Reads what `more` appends, until it appends nothing.
pub struct Feed<F> {
    more: F,
    text: Vec<u8>,
    read: usize,
}

/// `more` is asked again until a piece is this long.
const PIECE_BYTES: usize = 1 << 16;

impl<F: FnMut(&mut Vec<u8>) -> bool> Feed<F> {
    /// Begins with these lines; `more` appends some, and tells whether there are others.
    pub fn new(head: &str, more: F) -> Feed<F> {
        Feed { more, text: head.as_bytes().to_vec(), read: 0 }
    }

    fn fill(&mut self) {
        self.text.clear();
        self.read = 0;
        while self.text.len() < PIECE_BYTES && (self.more)(&mut self.text) {}
    }
}

impl<F: FnMut(&mut Vec<u8>) -> bool> Read for Feed<F> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.text.len() {
            self.fill();
        }
        let count = (self.text.len() - self.read).min(into.len());
        into[..count].copy_from_slice(&self.text[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

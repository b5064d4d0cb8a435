//! The users of an input on a day, as an operator gets them.

use super::frame::Loaded;
use super::kernels;
use crate::codec::bits::Bits;
use std::cell::{Cell, OnceCell};

/// Some users of a chunk, one at least.
#[derive(Clone, Copy)]
pub(crate) enum Users<'a> {
    Bits(&'a Bits),
    /// As they lie on disk, until somebody needs their bits.
    Loaded(&'a Loaded<'a>),
    Listed(&'a Listed),
}

/// Users one by one: distinct and ascending once they are tidied.
#[derive(Default)]
pub(crate) struct Listed {
    lows: Vec<u16>,
    bits: OnceCell<Box<Bits>>,
    /// Room for their bits.
    spare: Cell<Option<Box<Bits>>>,
}

impl Listed {
    pub(super) fn clear(&mut self) {
        self.lows.clear();
        if let Some(bits) = self.bits.take() {
            self.spare.set(Some(bits));
        }
    }

    #[inline]
    pub(super) fn push(&mut self, low: u16) {
        self.lows.push(low);
    }

    pub(super) fn extend(&mut self, lows: &[u16]) {
        self.lows.extend_from_slice(lows);
    }

    pub(super) fn tidy(&mut self) {
        if !self.lows.is_sorted_by(|a, b| a < b) {
            self.lows.sort_unstable();
            self.lows.dedup();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lows.is_empty()
    }

    /// One by one.
    pub(super) fn lows(&self) -> &[u16] {
        &self.lows
    }

    fn bits(&self) -> &Bits {
        self.bits.get_or_init(|| {
            let mut bits = self.spare.take().unwrap_or_else(|| Box::new(Bits::EMPTY));
            self.copy_into(&mut bits);
            bits
        })
    }

    fn or_into(&self, into: &mut Bits) {
        self.lows.iter().for_each(|low| into.insert(*low));
    }

    fn copy_into(&self, into: &mut Bits) {
        *into = Bits::EMPTY;
        self.or_into(into);
    }
}

impl<'a> Users<'a> {
    pub(crate) fn bits(self) -> &'a Bits {
        match self {
            Users::Bits(bits) => bits,
            Users::Loaded(loaded) => loaded.bits(),
            Users::Listed(listed) => listed.bits(),
        }
    }

    /// ORs them into `into`; takes less time than to ask for the bits first.
    pub(crate) fn or_into(self, into: &mut Bits) {
        match self {
            Users::Bits(bits) => kernels::or(into, bits),
            Users::Loaded(loaded) => loaded.or_into(into),
            Users::Listed(listed) => listed.or_into(into),
        }
    }

    /// Makes `into` hold them only.
    pub(crate) fn copy_into(self, into: &mut Bits) {
        match self {
            Users::Bits(bits) => into.0 = bits.0,
            Users::Loaded(loaded) => loaded.copy_into(into),
            Users::Listed(listed) => listed.copy_into(into),
        }
    }

    /// How many they are; mostly known without their bits.
    pub(crate) fn count(self) -> u64 {
        match self {
            Users::Bits(bits) => kernels::count(bits),
            Users::Loaded(loaded) => loaded.count(),
            Users::Listed(listed) => listed.lows.len() as u64,
        }
    }
}

impl<'a> From<&'a Bits> for Users<'a> {
    fn from(bits: &'a Bits) -> Users<'a> {
        Users::Bits(bits)
    }
}

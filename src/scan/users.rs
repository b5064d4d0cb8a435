//! The users of an input on a day, as an operator gets them.

use super::frame::Loaded;
use super::kernels;
use crate::codec::bits::Bits;

/// Some users of a chunk, one at least.
#[derive(Clone, Copy)]
pub(crate) enum Users<'a> {
    Bits(&'a Bits),
    /// As they lie on disk, until somebody needs their bits.
    Loaded(&'a Loaded<'a>),
}

impl<'a> Users<'a> {
    pub(crate) fn bits(self) -> &'a Bits {
        match self {
            Users::Bits(bits) => bits,
            Users::Loaded(loaded) => loaded.bits(),
        }
    }

    /// ORs them into `into`; takes less time than to ask for the bits first.
    pub(crate) fn or_into(self, into: &mut Bits) {
        match self {
            Users::Bits(bits) => kernels::or(into, bits),
            Users::Loaded(loaded) => loaded.or_into(into),
        }
    }

    /// Makes `into` hold them only.
    pub(crate) fn copy_into(self, into: &mut Bits) {
        match self {
            Users::Bits(bits) => into.0 = bits.0,
            Users::Loaded(loaded) => loaded.copy_into(into),
        }
    }

    /// How many they are; mostly known without their bits.
    pub(crate) fn count(self) -> u64 {
        match self {
            Users::Bits(bits) => kernels::count(bits),
            Users::Loaded(loaded) => loaded.count(),
        }
    }
}

impl<'a> From<&'a Bits> for Users<'a> {
    fn from(bits: &'a Bits) -> Users<'a> {
        Users::Bits(bits)
    }
}

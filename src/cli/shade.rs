//! Colours of a heat map.

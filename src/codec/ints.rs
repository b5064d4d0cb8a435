//! Packed columns of integers: frames of up to 1,024 values, each a base and a bit width, as
//! difference from the frame's least value or from the value before, whichever is smaller.

/// Appends the packed values. The count is not stored: the reader knows it.
pub(crate) fn encode(_values: &[i64], _out: &mut Vec<u8>) {
    todo!()
}
/// Reads `count` values from the front of `input` and moves it on; allocates for `count` only after
/// the bytes prove that they hold that many frames.
pub(crate) fn decode(_input: &mut &[u8], _count: usize) -> Result<Vec<i64>, String> {
    todo!()
}

//! CRC32C, over every byte on disk.

/// CRC32C of the bytes.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    crc_append(0, bytes)
}

/// CRC32C of the bytes before, whose CRC32C is `sum`, and these.
pub(crate) fn crc_append(sum: u32, bytes: &[u8]) -> u32 {
    #[cfg(any(test, feature = "internals"))]
    if left_out::now() {
        return 0;
    }
    crc32c::crc32c_append(sum, bytes)
}

#[cfg(any(test, feature = "internals"))]
pub(crate) use left_out::without_checksums;

/// Damage that has to get past the checksums, to the decoders behind them.
#[cfg(any(test, feature = "internals"))]
mod left_out {
    use std::cell::Cell;

    thread_local! {
        static LEFT_OUT: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn now() -> bool {
        LEFT_OUT.get()
    }

    /// Runs with checksums that are all 0, on this thread: what is written so is read so, whatever
    /// became of its bytes.
    pub(crate) fn without_checksums<T>(run: impl FnOnce() -> T) -> T {
        struct Before(bool);
        impl Drop for Before {
            fn drop(&mut self) {
                LEFT_OUT.set(self.0);
            }
        }
        let _before = Before(LEFT_OUT.replace(true));
        run()
    }
}

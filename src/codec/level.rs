//! Which vector instructions the hot loops use: chosen when the program runs.
//!
//! A hot loop is plain code. `pulp` compiles it once for each level that a processor may have and
//! picks one, so that the code stays safe and counting bits is one instruction.

use pulp::Arch;

#[cfg(target_arch = "x86_64")]
pulp::simd_type! {
    /// AVX-512 as pulp has it, and an instruction that counts the bits of a whole vector.
    struct WholeCounts {
        popcnt: "popcnt",
        bmi1: "bmi1",
        bmi2: "bmi2",
        lzcnt: "lzcnt",
        avx2: "avx2",
        avx512f: "avx512f",
        avx512bw: "avx512bw",
        avx512cd: "avx512cd",
        avx512dq: "avx512dq",
        avx512vl: "avx512vl",
        avx512vpopcntdq: "avx512vpopcntdq",
    }
}

/// A set of instructions that this machine has.
#[derive(Debug, Clone, Copy)]
enum Level {
    /// Plain code, AVX2, AVX-512 or NEON.
    Known(Arch),
    #[cfg(target_arch = "x86_64")]
    WholeCounts(WholeCounts),
}

impl Level {
    #[inline(always)]
    fn best() -> Level {
        #[cfg(test)]
        if let Some(level) = forced::level() {
            return level;
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(level) = WholeCounts::try_new() {
            return Level::WholeCounts(level);
        }
        Level::Known(Arch::new())
    }

    #[inline(always)]
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        match self {
            Level::Known(arch) => arch.dispatch(kernel),
            #[cfg(target_arch = "x86_64")]
            Level::WholeCounts(level) => level.vectorize(kernel),
        }
    }
}

/// Runs a hot loop with the best instructions that there are. What the compiler does not inline into
/// it runs as plain code.
macro_rules! vectorized {
    ($hot:expr) => {
        $crate::codec::level::run(
            #[inline(always)]
            || $hot,
        )
    };
}
pub(crate) use vectorized;

/// Behind `vectorized`, which sees to it that the closure is inlined: a long one may not be.
#[inline(always)]
pub(crate) fn run<R>(kernel: impl FnOnce() -> R) -> R {
    Level::best().run(kernel)
}

/// What the best instructions are called.
#[cfg(any(test, feature = "internals"))]
pub(crate) fn name() -> &'static str {
    match Level::best() {
        Level::Known(Arch::Scalar) => "plain",
        #[cfg(target_arch = "x86_64")]
        Level::Known(Arch::V3(_)) => "AVX2",
        #[cfg(target_arch = "x86_64")]
        Level::Known(Arch::V4(_)) | Level::WholeCounts(_) => "AVX-512",
        #[cfg(target_arch = "aarch64")]
        Level::Known(Arch::Neon(_)) => "NEON",
        #[allow(unreachable_patterns)]
        Level::Known(_) => "others",
    }
}

/// Runs a test once on each level that the machine has.
#[cfg(test)]
pub(crate) fn on_each_level(mut test: impl FnMut()) {
    for level in forced::levels() {
        forced::with(level, &mut test);
    }
}

#[cfg(test)]
mod forced {
    use super::{Arch, Level};
    use std::cell::Cell;

    thread_local! {
        static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
    }

    pub(super) fn level() -> Option<Level> {
        LEVEL.get()
    }

    pub(super) fn with(level: Level, test: impl FnOnce()) {
        LEVEL.set(Some(level));
        test();
        LEVEL.set(None);
    }

    /// All that the machine has, the plain one first.
    pub(super) fn levels() -> Vec<Level> {
        let mut levels = vec![Level::Known(Arch::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            use pulp::x86::{V3, V4};
            levels.extend(V3::try_new().map(|level| Level::Known(Arch::V3(level))));
            levels.extend(V4::try_new().map(|level| Level::Known(Arch::V4(level))));
            levels.extend(super::WholeCounts::try_new().map(Level::WholeCounts));
        }
        #[cfg(target_arch = "aarch64")]
        {
            let neon = pulp::aarch64::Neon::try_new();
            levels.extend(neon.map(|level| Level::Known(Arch::Neon(level))));
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_level_is_the_one_that_runs() {
        let name = |level: Level| format!("{level:?}");
        let mut ran = Vec::new();
        on_each_level(|| ran.push(name(Level::best())));
        assert_eq!(ran, forced::levels().into_iter().map(name).collect::<Vec<_>>());
        assert!(ran[0].contains("Scalar"));
        let best = ran.last().cloned();
        assert_eq!(Some(name(Level::best())), best);
    }
}

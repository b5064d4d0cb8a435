//! Units of time within a day: a page keeps its times in the coarsest one that is exact.

/// Microseconds of each unit; the position is the unit's code in the file.
pub(crate) const TIME_UNITS_US: [i64; 6] =
    [1, 1_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000];

/// Calls a function that is compiled for each unit, since to divide by a number known beforehand
/// is many times faster.
macro_rules! of_unit {
    ($code:expr, $function:ident, $times:expr) => {
        match $code {
            0 => $function::<{ TIME_UNITS_US[0] }>($times),
            1 => $function::<{ TIME_UNITS_US[1] }>($times),
            2 => $function::<{ TIME_UNITS_US[2] }>($times),
            3 => $function::<{ TIME_UNITS_US[3] }>($times),
            4 => $function::<{ TIME_UNITS_US[4] }>($times),
            _ => $function::<{ TIME_UNITS_US[5] }>($times),
        }
    };
}

/// The code of the coarsest unit that divides all of these times, and its microseconds.
pub(crate) fn coarsest(times: &[i64]) -> (u8, i64) {
    // Most end at the first time that a unit does not divide. One microsecond divides all.
    let code = (0..6).rev().find(|code| of_unit!(code, divides_all, times)).unwrap_or(0);
    (code, TIME_UNITS_US[usize::from(code)])
}

/// The code of the coarsest unit that divides all of these times, and the times as counts of it.
pub(crate) fn counted(times: &[i64]) -> (u8, Vec<i64>) {
    let (code, _) = coarsest(times);
    (code, of_unit!(code, counts, times))
}

fn divides_all<const UNIT_US: i64>(times: &[i64]) -> bool {
    times.iter().all(|time| time % UNIT_US == 0)
}

fn counts<const UNIT_US: i64>(times: &[i64]) -> Vec<i64> {
    times.iter().map(|time| time / UNIT_US).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarsest_exact_unit_is_found() {
        assert_eq!(coarsest(&[]), (5, 86_400_000_000));
        assert_eq!(coarsest(&[0, 0]), (5, 86_400_000_000));
        assert_eq!(coarsest(&[0, 7_200_000_000]), (4, 3_600_000_000));
        assert_eq!(coarsest(&[7_200_000_000, 90_000_000, 60_000_000]), (2, 1_000_000));
        assert_eq!(coarsest(&[120_000_000, 60_000_000]), (3, 60_000_000));
        assert_eq!(coarsest(&[5_000]), (1, 1_000));
        assert_eq!(coarsest(&[5_000, 1, 60_000_000]), (0, 1));
        for (code, unit_us) in (0u8..).zip(TIME_UNITS_US) {
            assert_eq!(counted(&[unit_us, 0, 7 * unit_us]), (code, vec![1, 0, 7]));
        }
    }
}

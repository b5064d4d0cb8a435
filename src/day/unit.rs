//! Units of time within a day: a page keeps its times in the coarsest one that is exact.

/// Microseconds of each unit; the position is the unit's code in the file.
pub(crate) const TIME_UNITS_US: [i64; 6] =
    [1, 1_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000];

/// The code of the coarsest unit that divides all of these times, and its microseconds.
pub(crate) fn coarsest(times: &[i64]) -> (u8, i64) {
    let mut unit = TIME_UNITS_US.len() - 1;
    for time in times {
        while time % TIME_UNITS_US[unit] != 0 {
            unit -= 1; // ends at 0: one microsecond divides everything
        }
        if unit == 0 {
            break;
        }
    }
    (unit as u8, TIME_UNITS_US[unit])
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
    }
}

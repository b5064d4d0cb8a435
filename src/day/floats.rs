//! Binary floats that were written with a few decimals, as most amounts are: stored as integers,
//! they take a quarter of the bytes and come back to the bit.

use super::format::FLOAT_SCALE_MAX;
use super::rows::Cell;

/// Powers of ten that are exact.
const POWERS: [f64; FLOAT_SCALE_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Integers up to here are exact.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The float next to `number` over a power of ten.
pub(super) fn scaled(number: i64, scale: u8) -> f64 {
    number as f64 / POWERS[usize::from(scale.min(FLOAT_SCALE_MAX))]
}

/// The integer of a float that is exact with the scale; 0 of any other cell.
pub(super) fn unscaled(cell: Cell, scale: u8) -> i64 {
    let Cell::Float(value) = cell else { return 0 };
    exact(value, scale).unwrap_or_default()
}

/// The least scale with which all floats of the cells are exact; `None`: there is none.
pub(super) fn scale_of(cells: &[Cell]) -> Option<u8> {
    let floats = cells.iter().filter_map(|cell| match cell {
        Cell::Float(value) => Some(*value),
        _ => None,
    });
    let mut scale = 0;
    for value in floats.clone() {
        scale = (scale..=FLOAT_SCALE_MAX).find(|scale| exact(value, *scale).is_some())?;
    }
    // A large one that came early may not be exact with the scale of a later one.
    floats.clone().all(|value| exact(value, scale).is_some()).then_some(scale)
}

fn exact(value: f64, scale: u8) -> Option<i64> {
    let number = (value * POWERS[usize::from(scale)]).round();
    if number.abs() > EXACT_MAX {
        return None;
    }
    let number = number as i64;
    (scaled(number, scale).to_bits() == value.to_bits()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scale(values: &[f64]) -> Option<u8> {
        scale_of(&values.iter().map(|value| Cell::Float(*value)).collect::<Vec<_>>())
    }

    #[test]
    fn the_least_scale_that_keeps_every_bit_is_found() {
        assert_eq!(scale(&[]), Some(0));
        assert_eq!(scale(&[3.0, -7.0, 1e15]), Some(0));
        assert_eq!(scale(&[19.99, 0.5, -0.01]), Some(2));
        assert_eq!(scale(&[1e15, 0.001]), None);
        for odd in [-0.0, 1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, 1e16, 0.000_000_1] {
            assert_eq!(scale(&[1.0, odd]), None, "{odd}");
        }
        assert_eq!(scale_of(&[Cell::Null, Cell::Float(0.1), Cell::Integer(3)]), Some(1));
    }

    proptest! {
        #[test]
        fn what_has_a_scale_comes_back_to_the_bit(
            values in prop::collection::vec((-1_000_000_000i64..1_000_000_000, 0u8..8), 1..20),
        ) {
            let values = values.into_iter().map(|(n, digits)| n as f64 / 10f64.powi(digits.into()));
            let values: Vec<f64> = values.collect();
            if let Some(scale) = scale(&values) {
                for value in values {
                    let back = scaled(unscaled(Cell::Float(value), scale), scale);
                    prop_assert_eq!(back.to_bits(), value.to_bits());
                }
            }
        }
    }
}

//! From what was measured at a few sizes to what another size will need: a fit, a forecast and the
//! range it can be trusted within. Pure functions: nothing here knows what is measured.
//!
//! A cost is taken for a sum of drivers, each times a weight that is not negative: so much at all,
//! so much an event, so much a day. Weights are those with the least squares of *relative* errors,
//! since sizes lie far apart.
//!
//! The second driver is the main one, which the cost is known to grow with: it is never left out,
//! and observations count by how much they have of it. What is larger is nearer to what is asked:
//! small samples fit in caches, and mostly tell what is paid at all.

/// A measurement: its drivers, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub drivers: Vec<f64>,
    pub cost: f64,
}

/// Weights of the drivers, none of them negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    weights: Vec<f64>,
}

/// A forecast, and where the truth can be taken to lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub low: f64,
    pub likely: f64,
    pub high: f64,
}

/// An observation counts so much of another one at least.
const SHARE_MIN: f64 = 0.01;
/// What remains of two fits that are equally good but for rounding.
const EQUAL: f64 = 1e-12;

impl Model {
    /// Fits the weights; `None` where the observations say nothing: none, costs that are not above
    /// zero, numbers that are no numbers, drivers of unequal count.
    ///
    /// Drivers that do not help are left out: each must lower the error left over per spare
    /// observation. Of two sets of drivers that do equally well the smaller one is taken.
    pub fn fit(observations: &[Observation]) -> Option<Model> {
        let count = observations.first()?.drivers.len();
        let sound = |o: &Observation| {
            o.drivers.len() == count
                && o.cost.is_finite()
                && o.cost > 0.0
                && o.drivers.iter().all(|d| d.is_finite() && *d >= 0.0)
        };
        if !observations.iter().all(sound) {
            return None;
        }
        let mut best: Option<(f64, Model)> = None;
        for subset in subsets(count) {
            // The last one is fitted exactly where observations are as few as drivers.
            let spare = (observations.len() + 1).saturating_sub(subset.len()).max(1);
            if subset.len() > observations.len() {
                continue;
            }
            let Some(model) = Model::of(observations, &subset, count) else { continue };
            let left = model.error(observations) / spare as f64;
            if best.as_ref().is_none_or(|(least, _)| left < *least - EQUAL) {
                best = Some((left, model));
            }
        }
        best.map(|(_, model)| model)
    }

    /// The weights of some of the drivers; `None` where one would be negative.
    fn of(observations: &[Observation], subset: &[usize], count: usize) -> Option<Model> {
        let counts = counts(observations);
        let rows: Vec<Vec<f64>> = observations
            .iter()
            .zip(&counts)
            .map(|(o, count)| {
                let relative = |d: &usize| o.drivers.get(*d).map_or(0.0, |x| x / o.cost * count);
                subset.iter().map(relative).collect()
            })
            .collect();
        let solved = least_squares(&rows, &counts)?;
        if solved.iter().any(|weight| *weight < 0.0 || !weight.is_finite()) {
            return None;
        }
        let mut weights = vec![0.0; count];
        for (driver, weight) in subset.iter().zip(solved) {
            if let Some(place) = weights.get_mut(*driver) {
                *place = weight;
            }
        }
        Some(Model { weights })
    }

    /// The sum of squared relative errors, as much as each counts.
    fn error(&self, observations: &[Observation]) -> f64 {
        let off = |o: &Observation| self.predict(&o.drivers) / o.cost - 1.0;
        let counts = counts(observations);
        observations.iter().zip(counts).map(|(o, count)| (off(o) * count).powi(2)).sum()
    }

    /// What one of a driver costs.
    pub fn weight(&self, driver: usize) -> f64 {
        self.weights.get(driver).copied().unwrap_or(0.0)
    }

    /// The cost at other drivers.
    pub fn predict(&self, drivers: &[f64]) -> f64 {
        self.weights.iter().zip(drivers).map(|(weight, driver)| weight * driver).sum()
    }
}

/// The forecast of all observations, and the range that holds those of every set with one of them
/// left out, made wider on both sides by `margin`: what is known to be uncertain anyway.
pub fn estimate(observations: &[Observation], drivers: &[f64], margin: f64) -> Option<Estimate> {
    let likely = Model::fit(observations)?.predict(drivers);
    let (mut low, mut high) = (likely, likely);
    // Two observations are too few to leave one out.
    for left_out in (0..observations.len()).filter(|_| observations.len() > 2) {
        let mut others = observations.to_vec();
        others.remove(left_out);
        let Some(model) = Model::fit(&others) else { continue };
        let other = model.predict(drivers);
        (low, high) = (low.min(other), high.max(other));
    }
    let margin = if margin.is_finite() { margin.max(0.0) } else { 0.0 };
    Some(Estimate { low: low / (1.0 + margin), likely, high: high * (1.0 + margin) })
}

/// How much each error counts, from 0 to 1: its square grows with the main driver.
fn counts(observations: &[Observation]) -> Vec<f64> {
    let main = |o: &Observation| o.drivers.get(1).copied().unwrap_or(1.0);
    let most = observations.iter().map(main).fold(0.0, f64::max);
    let share = |o| if most > 0.0 { (main(o) / most).max(SHARE_MIN) } else { 1.0 };
    observations.iter().map(|o| share(o).sqrt()).collect()
}

/// Every set of the drivers that has the main one, smaller ones first; of like size those without
/// the first driver come first, which is what is paid at all: a cost rather grows than stays.
fn subsets(count: usize) -> Vec<Vec<usize>> {
    let main = 1.min(count.saturating_sub(1));
    let mut all: Vec<Vec<usize>> = (1_usize..1 << count.min(8))
        .filter(|bits| bits >> main & 1 == 1)
        .map(|bits| (0..count).filter(|driver| bits >> driver & 1 == 1).collect())
        .collect();
    all.sort_by_key(|subset| (subset.len(), subset.contains(&0)));
    all
}

/// The x with the least squares of `rows * x - wanted`, by the normal equations; `None` where the
/// rows do not tell the columns apart.
fn least_squares(rows: &[Vec<f64>], wanted: &[f64]) -> Option<Vec<f64>> {
    let count = rows.first()?.len();
    // Columns of like size keep the equations well behaved.
    let scales: Vec<f64> = (0..count)
        .map(|c| rows.iter().filter_map(|r| r.get(c)).fold(0.0, |a, b| b.max(a)))
        .collect();
    if scales.iter().any(|scale| *scale <= 0.0) {
        return None;
    }
    let scaled: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(&scales).map(|(x, s)| x / s).collect()).collect();
    let mut equations: Vec<Vec<f64>> = (0..count)
        .map(|a| {
            let column = |b: usize| scaled.iter().map(|row| row[a] * row[b]).sum();
            let right = scaled.iter().zip(wanted).map(|(row, wanted)| row[a] * wanted).sum();
            (0..count).map(column).chain([right]).collect()
        })
        .collect();
    let solved = solve(&mut equations)?;
    Some(solved.iter().zip(&scales).map(|(x, scale)| x / scale).collect())
}

/// Gauss's elimination with the largest pivot first.
fn solve(equations: &mut [Vec<f64>]) -> Option<Vec<f64>> {
    let count = equations.len();
    for at in 0..count {
        let pivot = (at..count)
            .max_by(|a, b| equations[*a][at].abs().total_cmp(&equations[*b][at].abs()))?;
        equations.swap(at, pivot);
        if equations[at][at].abs() < 1e-10 {
            return None;
        }
        let row = equations[at].clone();
        for (_, other) in equations.iter_mut().enumerate().filter(|(index, _)| *index != at) {
            let factor = other[at] / row[at];
            other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
        }
    }
    Some(equations.iter().enumerate().map(|(at, row)| row[count] / row[at]).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn observations(of: impl Fn(&[f64]) -> f64, drivers: &[[f64; 3]]) -> Vec<Observation> {
        drivers.iter().map(|d| Observation { drivers: d.to_vec(), cost: of(d) }).collect()
    }

    /// At all, events, days: four samples of growing size.
    const SIZES: [[f64; 3]; 4] =
        [[1.0, 4e5, 8.0], [1.0, 3e6, 60.0], [1.0, 3e6, 30.0], [1.0, 12e6, 60.0]];
    const FAR: [f64; 3] = [1.0, 4e9, 1_095.0];

    proptest! {
        #[test]
        fn what_is_linear_is_forecast_exactly(
            base in 0.0..10.0_f64, event in 1e-9..1e-5_f64, day in 0.0..0.1_f64,
        ) {
            let cost = |d: &[f64]| base * d[0] + event * d[1] + day * d[2];
            let model = Model::fit(&observations(cost, &SIZES)).unwrap();
            prop_assert!((model.predict(&FAR) / cost(&FAR) - 1.0).abs() < 1e-4);
        }

        #[test]
        fn forecasts_are_never_negative(costs in prop::collection::vec(1e-6..1e6_f64, 4)) {
            let all: Vec<Observation> = SIZES
                .iter()
                .zip(costs)
                .map(|(d, cost)| Observation { drivers: d.to_vec(), cost })
                .collect();
            let estimate = estimate(&all, &FAR, 0.1).unwrap();
            prop_assert!(estimate.low >= 0.0);
            prop_assert!(estimate.low <= estimate.likely && estimate.likely <= estimate.high);
        }
    }

    /// A noise that is the same in every run.
    fn noise(seed: u64) -> f64 {
        let mixed = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    }

    #[test]
    fn the_range_holds_the_truth_under_noise() {
        let truth = |d: &[f64]| 0.3 * d[0] + 2e-7 * d[1];
        let mut held = 0;
        for trial in 0..200 {
            let mut all = observations(truth, &SIZES);
            for (place, observation) in all.iter_mut().enumerate() {
                observation.cost *= 1.0 + 0.05 * noise(trial * 4 + place as u64);
            }
            // Without days, as nothing here depends on them.
            all.iter_mut().for_each(|o| o.drivers.truncate(2));
            let range = estimate(&all, &FAR[..2], 0.05).unwrap();
            held += u32::from((range.low..=range.high).contains(&truth(&FAR)));
        }
        assert!(held >= 190, "{held} of 200");
    }

    #[test]
    fn drivers_that_do_not_help_get_no_weight() {
        let model = Model::fit(&observations(|d| 3e-7 * d[1], &SIZES)).unwrap();
        assert_eq!((model.weights[0], model.weights[2]), (0.0, 0.0));
        // A cost that falls by chance is still one that grows far away.
        let model = Model::fit(&observations(|d| 1.0 / d[1], &SIZES)).unwrap();
        assert!(model.weights[1] > 0.0, "{model:?}");
    }

    #[test]
    fn nothing_is_made_of_bad_input() {
        let good = observations(|d| d[1], &SIZES);
        assert_eq!(Model::fit(&[]), None);
        assert_eq!(estimate(&[], &FAR, 0.1), None);
        for cost in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut bad = good.clone();
            bad[2].cost = cost;
            assert_eq!(Model::fit(&bad), None, "{cost}");
        }
        let mut unequal = good.clone();
        unequal[1].drivers.pop();
        assert_eq!(Model::fit(&unequal), None);
        let mut nowhere = good.clone();
        nowhere[1].drivers[1] = f64::NAN;
        assert_eq!(Model::fit(&nowhere), None);
    }

    #[test]
    fn one_observation_scales_and_a_bad_margin_is_none() {
        let one = observations(|d| 2.0 * d[1], &SIZES[..1]);
        let range = estimate(&one, &[1.0, 8e5, 16.0], f64::NAN).unwrap();
        assert_eq!(range.low, range.high);
        assert!((range.likely / one[0].cost - 2.0).abs() < 1e-6, "{range:?}");
    }

    #[test]
    fn a_margin_widens_both_sides() {
        let range = estimate(&observations(|d| 2.0 * d[1], &SIZES), &FAR, 0.25).unwrap();
        assert!((range.high / range.likely - 1.25).abs() < 1e-6, "{range:?}");
        assert!((range.likely / range.low - 1.25).abs() < 1e-6, "{range:?}");
    }
}

//! Numbers that look random and are the same on every machine and in every run.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    /// The stream of a key: each key has its own.
    pub fn of(key: &[u64]) -> Random {
        let fold = |state: u64, part: &u64| mix(state.wrapping_add(STEP) ^ mix(*part + 1));
        Random(key.iter().fold(0x0DA7_B175, fold))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Around 0, with a spread of 1.
    pub fn normal(&mut self) -> f64 {
        let (length, angle) = (self.exponential(2.0).sqrt(), self.unit() * std::f64::consts::TAU);
        length * angle.cos()
    }

    /// How many of many rare things happen.
    pub fn poisson(&mut self, mean: f64) -> u32 {
        // Beyond this the bell curve is close enough, and the product below too small.
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let (bound, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > bound {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

pub fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(draw: impl Fn(&mut Random) -> f64) -> f64 {
        let mut random = Random::of(&[7]);
        (0..20_000).map(|_| draw(&mut random)).sum::<f64>() / 20_000.0
    }

    #[test]
    fn draws_have_their_means() {
        assert!((mean(Random::unit) - 0.5).abs() < 0.01);
        assert!((mean(|r| r.exponential(3.0)) - 3.0).abs() < 0.1);
        assert!(mean(Random::normal).abs() < 0.03);
        for wanted in [0.0, 0.5, 3.0, 49.0, 51.0, 900.0] {
            let found = mean(|r| f64::from(r.poisson(wanted)));
            assert!((found - wanted).abs() <= 0.02 * wanted, "{wanted}: {found}");
        }
    }

    #[test]
    fn keys_have_streams_of_their_own() {
        let first = |key: &[u64]| Random::of(key).next();
        assert_eq!(first(&[1, 2]), first(&[1, 2]));
        let all = [first(&[1, 2]), first(&[2, 1]), first(&[1]), first(&[1, 3]), first(&[])];
        let distinct: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}

//! Seeded draws that are the same everywhere: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), the
//! polar method for normals, Marsaglia and Tsang (2000) for gammas.

#![allow(clippy::many_single_char_names, reason = "the letters are those of the sources")]

/// A small generator. It is no source of secrets.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in the open interval (0, 1), in steps of 2^-53.
    fn unit(&mut self) -> f64 {
        (crate::num::float(self.next_u64() >> 11) + 0.5) / 9_007_199_254_740_992.0
    }

    fn normal(&mut self) -> f64 {
        loop {
            let u = 2.0 * self.unit() - 1.0;
            let v = 2.0 * self.unit() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * libm::sqrt(-2.0 * libm::log(s) / s);
            }
        }
    }

    /// Gamma with the given shape > 0 and rate 1.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::exp(libm::log(self.unit()) / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let t = 1.0 + c * x;
            if t <= 0.0 {
                continue;
            }
            let v = t * t * t;
            if libm::log(self.unit()) < 0.5 * x * x + d * (1.0 - v + libm::log(v)) {
                return d * v;
            }
        }
    }

    /// Beta(a, b).
    pub(crate) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a);
        let y = self.gamma(b);
        if x + y > 0.0 { x / (x + y) } else { 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // Reference values of SplitMix64 with seed 1234567.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn beta_draws_have_the_right_mean_and_spread() {
        for (a, b) in [(2.0, 9.0), (13.0, 9.0), (0.5, 2.0)] {
            let mut rng = Rng::new(7);
            let n = 20_000;
            let draws: Vec<f64> = (0..n).map(|_| rng.beta(a, b)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance =
                draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(n);
            let wanted = a / (a + b);
            let spread = a * b / ((a + b) * (a + b) * (a + b + 1.0));
            assert!((mean - wanted).abs() < 0.01, "{mean} {wanted}");
            assert!((variance / spread - 1.0).abs() < 0.1, "{variance} {spread}");
        }
    }
}

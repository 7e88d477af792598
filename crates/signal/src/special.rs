//! Distribution functions from IEEE basic operations and `libm` alone, so that every machine and
//! WebAssembly compute the same bits.
//!
//! Incomplete beta by the continued fraction of DiDonato and Morris, evaluated by the modified
//! Lentz method (Press et al., Numerical Recipes, 3rd ed., §6.4); incomplete gamma by series and
//! continued fraction (§6.2). Quantiles by bisection: 80 halvings of the bracket leave no choice
//! of start or stopping rule that could differ.

#![allow(clippy::many_single_char_names, reason = "the letters are those of the sources")]

const TINY: f64 = 1e-300;
const EPSILON: f64 = 1e-15;
const STEPS: u32 = 20_000;
const HALVINGS: u32 = 80;

/// P(X ≤ x) for X ~ Beta(a, b), with a, b > 0.
pub(crate) fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = libm::exp(
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
            + a * libm::log(x)
            + b * libm::log1p(-x),
    );
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / nonzero(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / nonzero(1.0 + even * d);
        c = nonzero(1.0 + even / c);
        product *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / nonzero(1.0 + odd * d);
        c = nonzero(1.0 + odd / c);
        product *= d * c;
        if libm::fabs(d * c - 1.0) < EPSILON {
            break;
        }
    }
    product
}

fn nonzero(value: f64) -> f64 {
    if libm::fabs(value) < TINY { TINY } else { value }
}

/// The `p` quantile of Beta(a, b).
pub(crate) fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if beta_cdf(a, b, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// P(X ≥ k) for X ~ Binomial(n, p).
pub(crate) fn binomial_tail(n: u64, p: f64, k: u64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    beta_cdf(crate::num::float(k), crate::num::float(n - k + 1), p)
}

/// P(X ≤ x) for X ~ Gamma(shape a, rate 1).
pub(crate) fn gamma_cdf(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        for step in 1..STEPS {
            term *= x / (a + f64::from(step));
            sum += term;
            if term < sum * EPSILON {
                break;
            }
        }
        front * sum
    } else {
        let mut b = x + 1.0 - a;
        let mut c = 1.0 / TINY;
        let mut d = 1.0 / nonzero(b);
        let mut product = d;
        for step in 1..STEPS {
            let i = f64::from(step);
            let numerator = -i * (i - a);
            b += 2.0;
            d = 1.0 / nonzero(numerator * d + b);
            c = nonzero(b + numerator / c);
            product *= d * c;
            if libm::fabs(d * c - 1.0) < EPSILON {
                break;
            }
        }
        1.0 - front * product
    }
}

/// The `p` quantile of Gamma(shape a, rate 1).
pub(crate) fn gamma_quantile(a: f64, p: f64) -> f64 {
    let mut high = a + 1.0;
    while gamma_cdf(a, high) < p && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if gamma_cdf(a, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "closed forms to compare with, on one machine")]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() <= tolerance, "{found} {wanted}");
    }

    #[test]
    fn beta_agrees_with_closed_forms() {
        for x in [0.0, 0.01, 0.3, 0.5, 0.77, 0.999, 1.0_f64] {
            near(beta_cdf(1.0, 1.0, x), x, 1e-13);
            near(beta_cdf(2.0, 1.0, x), x * x, 1e-13);
            near(beta_cdf(1.0, 9.0, x), 1.0 - (1.0 - x).powi(9), 1e-13);
            // Beta(2, 3): 6x² − 8x³ + 3x⁴.
            let cubic = 6.0 * x * x - 8.0 * x * x * x + 3.0 * x * x * x * x;
            near(beta_cdf(2.0, 3.0, x), cubic, 1e-13);
            near(beta_cdf(0.5, 0.5, x), 2.0 / std::f64::consts::PI * x.sqrt().asin(), 1e-12);
        }
    }

    #[test]
    fn quantiles_invert_the_distribution() {
        for a in [0.4, 1.0, 2.5, 40.0, 1e5] {
            for b in [0.7, 9.0, 300.0, 1e6] {
                for p in [0.05, 0.5, 0.95] {
                    near(beta_cdf(a, b, beta_quantile(a, b, p)), p, 1e-8);
                }
            }
            for p in [0.05, 0.5, 0.95] {
                near(gamma_cdf(a, gamma_quantile(a, p)), p, 1e-9);
            }
        }
    }

    /// The published table: one-sided 95 % lower bounds under a Beta(1, 9) prior.
    #[test]
    fn lower_bounds_of_the_root_prior() {
        for (k, n, bound) in [
            (1.0, 1.0, 0.037),
            (2.0, 4.0, 0.066),
            (4.0, 4.0, 0.166),
            (4.0, 12.0, 0.099),
            (8.0, 12.0, 0.245),
            (12.0, 12.0, 0.417),
            (26.0, 52.0, 0.334),
        ] {
            near(beta_quantile(1.0 + k, 9.0 + n - k, 0.05), bound, 0.0005);
        }
    }

    #[test]
    fn gamma_agrees_with_closed_forms() {
        for x in [0.1, 1.0, 3.0, 20.0_f64] {
            near(gamma_cdf(1.0, x), 1.0 - (-x).exp(), 1e-13);
            near(gamma_cdf(2.0, x), 1.0 - (-x).exp() * (1.0 + x), 1e-13);
        }
        // Half of the 95 % quantile of χ² with 2 and 10 degrees of freedom.
        near(gamma_quantile(1.0, 0.95), 5.991_464_547 / 2.0, 1e-8);
        near(gamma_quantile(5.0, 0.95), 18.307_038_05 / 2.0, 1e-7);
    }

    #[test]
    fn binomial_tails() {
        near(binomial_tail(11, 0.5, 11), 0.5_f64.powi(11), 1e-13);
        near(binomial_tail(3, 0.1, 1), 1.0 - 0.9_f64.powi(3), 1e-13);
        near(binomial_tail(5, 0.3, 0), 1.0, 0.0);
        near(binomial_tail(5, 0.3, 6), 0.0, 0.0);
    }
}

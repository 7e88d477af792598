//! The only place where floats become integers and the other way round.

/// A share in 0..=1 as parts per million, rounded to nearest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of the target before the cast"
)]
pub(crate) fn ppm(share: f64) -> u32 {
    libm::round(share.clamp(0.0, 1.0) * 1e6) as u32
}

/// A non-negative figure in parts per million, saturating.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` from float saturates, and NaN becomes 0"
)]
pub(crate) fn ppm_wide(value: f64) -> u64 {
    libm::round(value * 1e6) as u64
}

/// Nats as integer milli-nats, rounded to nearest.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` from float saturates, and logits are small"
)]
pub(crate) fn millinats(nats: f64) -> i64 {
    libm::round(nats * 1e3) as i64
}

/// A count as a float: exact below 2^53, nearest above.
#[expect(clippy::cast_precision_loss, reason = "nearest is what is wanted")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// Thousandths as a float.
pub(crate) fn from_milli(milli: u32) -> f64 {
    f64::from(milli) / 1e3
}

/// Parts per million as a float.
pub(crate) fn from_ppm(ppm: u32) -> f64 {
    f64::from(ppm) / 1e6
}

/// A length as u32, saturating.
pub(crate) fn count32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A length as u64.
pub(crate) fn count64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

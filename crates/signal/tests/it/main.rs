//! Laws of the tally and behaviour of scoring, through the public interface.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod collateral;
mod gathering;
mod laws;
mod scoring;

use adproof_model::{FraudType, Indicator, IssueId, Prefix};

/// An indicator of an issue, of a provider.
pub(crate) fn indicator(address: &str, fraud_type: &str, provider: &str, issue: &str) -> Indicator {
    Indicator {
        prefix: address.parse::<Prefix>().unwrap(),
        fraud_type: FraudType::new(fraud_type),
        probability_ppm: None,
        provider: (!provider.is_empty()).then(|| provider.into()),
        asn: None,
        issue: IssueId::parse(issue).unwrap(),
        row: 1,
        labels: Vec::new(),
    }
}

/// The label of the n-th weekly issue, from 1.
pub(crate) fn week(n: u32) -> String {
    format!("2026-W{n:02}")
}

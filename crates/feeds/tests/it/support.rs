use adproof_feeds::{FeedIssue, Limits, read_feed};

/// Reads bytes under a name that dates them.
pub(crate) fn feed(bytes: impl AsRef<[u8]>) -> FeedIssue {
    read_feed("feed-2026-05.csv", bytes.as_ref(), &Limits::default()).unwrap()
}

/// The message of a refusal.
pub(crate) fn refusal(name: &str, bytes: impl AsRef<[u8]>) -> String {
    read_feed(name, bytes.as_ref(), &Limits::default()).unwrap_err().to_string()
}

/// Prefix, type and provider of each indicator, in order.
pub(crate) fn facts(issue: &FeedIssue) -> Vec<(String, String, String)> {
    let fact = |indicator: &adproof_model::Indicator| {
        (
            indicator.prefix.to_string(),
            indicator.fraud_type.to_string(),
            indicator.provider.as_deref().unwrap_or("").to_owned(),
        )
    };
    issue.accepted.iter().map(fact).collect()
}

/// Row, value and reason of each reject, in order.
pub(crate) fn rejects(issue: &FeedIssue) -> Vec<(u64, &str, &str)> {
    issue.rejected.iter().map(|reject| (reject.row, &*reject.value, &*reject.reason)).collect()
}

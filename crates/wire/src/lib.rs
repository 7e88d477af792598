//! The JSON documents that other programs rely on, versioned, with their schemas

pub mod baseline;
pub mod bundle;
pub mod chain;
pub mod decide;
pub mod diff;
pub mod dlq;
pub mod github;
mod indented;
pub mod junit;
pub mod keys;
pub mod ledger;
pub mod lint;
pub mod place;
mod plain;
pub mod profiles;
pub mod rules;
pub mod sarif;
pub mod score;
pub mod settle;
pub mod sql;
mod stream;

/// The JSON Schema of every document, by the stem of its file.
#[must_use]
pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
    vec![
        ("baseline", baseline::schema()),
        ("bundle-verify", bundle::bundle_schema()),
        ("chain", chain::schema()),
        ("chain-runs", chain::runs_schema()),
        ("key-change", keys::change_schema()),
        ("keys", keys::schema()),
        ("ledger-ack", settle::ack_schema()),
        ("ledger-close", settle::close_schema()),
        ("ledger-show", ledger::show_schema()),
        ("ledger-verify", ledger::verify_schema()),
        ("decide", decide::schema()),
        ("decision", decide::decision_schema()),
        ("diff", diff::schema()),
        ("dlq", dlq::schema()),
        ("lint", lint::schema()),
        ("policy-test", decide::policy_test_schema()),
        ("profiles", profiles::schema()),
        ("reconcile", settle::reconcile_schema()),
        ("rerun", decide::rerun_schema()),
        ("rules", rules::schema()),
        ("rules-list", rules::list_schema()),
        ("score", score::schema()),
        ("sql", sql::schema()),
    ]
}

/// A document as every driver writes it: indented JSON and a newline at the end.
pub fn text(document: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(text)
}

//! `POST /v1/bundle/verify`: what `adproof bundle verify` says of a bundle.

use std::collections::BTreeMap;
use std::sync::Arc;

use adproof_edge::bundle::{Limits as ZipLimits, Sent, SentLimits, read_sent};
use adproof_ledger::TrustedKeys;
use adproof_ledger::bundle::{self, CheckLimits, Outside};
use adproof_ledger::policy::{Policy, PolicyLimits};
use adproof_wire::bundle::{BundlePageV1, BundleVerifyV1};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use crate::api::{document, parameters};
use crate::app::Shared;
use crate::body;
use crate::problem::Problem;

/// Bytes of all files of a bundle, unpacked: requests compute side by side.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyQuery {
    /// vkeys, divided by commas or newlines.
    keys: Option<String>,
    /// A C2SP tlog-policy.
    policy: Option<String>,
}

pub(crate) async fn verify(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<VerifyQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let query = parameters(query)?;
    let keys = query.keys.as_deref().map(keys).transpose()?;
    let policy = query.policy.as_deref().map(policy).transpose()?;
    let admitted = shared.work.admit()?;
    let bytes = body::read(&headers, body, &body::BUNDLE, &shared.limits).await?;
    let job = move || document(&judge(&bytes, keys, policy.as_ref())?);
    shared.work.run(admitted, &shared.limits, job).await?
}

fn keys(text: &str) -> Result<TrustedKeys, Problem> {
    TrustedKeys::parse(&text.replace(',', "\n"))
        .map_err(|error| Problem::bad_query(format!("`keys`: {error}. A `+` is written %2B.")))
}

fn policy(text: &str) -> Result<Policy, Problem> {
    let text = format!("{}\n", text.trim_end());
    Policy::parse(text.as_bytes(), &PolicyLimits::default())
        .map_err(|error| Problem::bad_query(format!("`policy`: {error}")))
}

fn judge(
    bytes: &[u8],
    keys: Option<TrustedKeys>,
    policy: Option<&Policy>,
) -> Result<BundleVerifyV1, Problem> {
    let unread =
        |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bundle-unreadable", why);
    let zip = ZipLimits { total_bytes: MAX_UNPACKED_BYTES, ..ZipLimits::default() };
    let limits = SentLimits { zip, ..SentLimits::default() };
    let sent = read_sent(bytes, &limits);
    let Sent { files, page } =
        sent.map_err(|error| unread(format!("The bundle cannot be read: {error}.")))?;
    let given = keys.is_some();
    let trusted = keys.or_else(|| bundle::own_keys(&files));
    let trusted = trusted.ok_or_else(|| {
        unread("The bundle has no public keys in it. Give the log's with `keys`.".to_owned())
    })?;
    let (stamps, limits) = (BTreeMap::new(), CheckLimits::default());
    let outside = Outside { policy, believe_sender: !given, stamps, limits };
    let report = bundle::verify_with(&files, &trusted, &outside);
    let page = page.map(|page| BundlePageV1 {
        code: page.code_name(),
        version: page.version().map(str::to_owned),
        sha256: page.digest.to_string(),
    });
    let case = bundle::own_case(&files);
    Ok(BundleVerifyV1::new(trusted.log(), &report, given, case.as_ref(), page))
}

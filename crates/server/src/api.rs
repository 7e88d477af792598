//! `/v1`: conversions from requests to calls of the pure crates, and from their values to JSON.

use std::sync::Arc;

use adproof_model::{IssueId, Severity};
use adproof_vast::Options;
use adproof_wire::lint::LintV1;
use adproof_wire::rules::RulesV1;
use adproof_wire::score::{Request, Source};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::app::Shared;
use crate::body;
use crate::problem::Problem;

/// Bytes of a name that a client gives to what it sends.
const MAX_NAME_BYTES: usize = 255;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LintQuery {
    name: Option<String>,
    select: Option<String>,
    ignore: Option<String>,
    severity: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScoreQuery {
    name: Option<String>,
    issue: Option<String>,
}

pub(crate) async fn lint(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<LintQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let query = parameters(query)?;
    let name = name(query.name.as_deref(), "tag.xml")?;
    let options = options(&query)?;
    let admitted = shared.work.admit()?;
    let bytes = body::read(&headers, body, &body::TAG, &shared.limits).await?;
    let job = move || {
        let report = adproof_vast::lint(&bytes, &options);
        document(&LintV1::new([(name.as_str(), bytes.as_ref(), &report)]))
    };
    shared.work.run(admitted, &shared.limits, job).await?
}

pub(crate) async fn score(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<ScoreQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let query = parameters(query)?;
    let name = name(query.name.as_deref(), "feed")?;
    let issue = match query.issue.as_deref().map(IssueId::parse) {
        Some(Ok(issue)) => Some(issue),
        Some(Err(error)) => return Err(Problem::bad_query(format!("`issue`: {error}"))),
        None => None,
    };
    let admitted = shared.work.admit()?;
    let bytes = body::read(&headers, body, &body::FEED, &shared.limits).await?;
    let job = move || {
        let feeds = vec![Source { name: &name, bytes: &bytes }];
        match adproof_wire::score::run(Request { feeds, issue, ..Request::default() }) {
            Ok(scored) => document(&scored.document),
            Err(error) => Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "feed-unreadable",
                error.to_string(),
            )),
        }
    };
    shared.work.run(admitted, &shared.limits, job).await?
}

pub(crate) async fn rules() -> Result<Response, Problem> {
    document(&RulesV1::all())
}

pub(crate) async fn rule(Path(id): Path<String>) -> Result<Response, Problem> {
    match RulesV1::one(&id) {
        Some(rules) => document(&rules),
        None => {
            Err(Problem::not_found("No rule has this id. /v1/rules lists those that there are."))
        }
    }
}

pub(crate) async fn openapi() -> Result<Response, Problem> {
    document(&crate::openapi::openapi())
}

pub(crate) fn parameters<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| Problem::bad_query(rejection.body_text()))
}

fn name(given: Option<&str>, otherwise: &str) -> Result<String, Problem> {
    let name = given.unwrap_or(otherwise);
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Problem::bad_query(format!(
            "`name` is the name of a file: 1 to {MAX_NAME_BYTES} bytes, no control characters."
        )));
    }
    Ok(name.to_owned())
}

fn options(query: &LintQuery) -> Result<Options, Problem> {
    let split = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let mut options = Options::default();
    if let Some(selectors) = query.select.as_deref() {
        options.select(&split(selectors)).map_err(|error| Problem::bad_query(error.to_string()))?;
    }
    if let Some(selectors) = query.ignore.as_deref() {
        options.ignore(&split(selectors)).map_err(|error| Problem::bad_query(error.to_string()))?;
    }
    if let Some(severity) = query.severity.as_deref() {
        options.at_least = Severity::named(severity)
            .ok_or_else(|| Problem::bad_query("`severity` is one of error, warning, info."))?;
    }
    Ok(options)
}

pub(crate) fn document(value: &impl Serialize) -> Result<Response, Problem> {
    let text = adproof_wire::text(value).map_err(|_| Problem::internal())?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::OK, headers, text).into_response())
}

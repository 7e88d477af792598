//! The HTTP side of a C2SP witness: `add-checkpoint`, and nothing else.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use adproof_edge::witness::{Witness, WitnessError};
use adproof_ledger::witness::{AddCheckpoint, Refusal};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::Shared;
use crate::body::{self, Accepts};
use crate::limits::Limits;
use crate::problem::Problem;

const REQUEST: Accepts = Accepts {
    types: &["application/octet-stream", "application/x-www-form-urlencoded", "text/plain"],
    hint: "text/plain, application/octet-stream",
};

pub(crate) async fn add_checkpoint(
    State((shared, witness)): State<(Arc<Shared>, Arc<Witness>)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let admitted = shared.work.admit()?;
    let limits = Limits {
        body_bytes: shared.limits.body_bytes.min(AddCheckpoint::MAX_BYTES),
        ..shared.limits.clone()
    };
    let body = body::read(&headers, body, &REQUEST, &limits).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| Problem::internal())?;
    let job = move || witness.add_checkpoint(&body, now.as_secs());
    let answer = shared.work.run(admitted, &shared.limits, job).await?;
    Ok(match answer {
        Ok(line) => text(StatusCode::OK, "text/plain; charset=utf-8", line),
        Err(WitnessError::Refused(refusal)) => refuse(&refusal),
        Err(_) => Problem::internal().into_response(),
    })
}

fn refuse(refusal: &Refusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal {
        Refusal::Conflict { size, .. } => text(status, "text/x.tlog.size", format!("{size}\n")),
        _ => text(status, "text/plain; charset=utf-8", format!("{refusal}\n")),
    }
}

fn text(status: StatusCode, media_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

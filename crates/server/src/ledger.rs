//! `/v1/ledger`: a ledger as C2SP tlog-tiles, for whoever wants to check it.

use std::io::Write as _;
use std::sync::Arc;

use adproof_edge::store::StoreError;
use adproof_ledger::tiles::{TileId, TileKind};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::app::Shared;
use crate::problem::Problem;

/// A tile never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What is public may be read by everybody's page.
const ANYBODY: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

pub(crate) async fn checkpoint(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let ledger = shared.ledger.clone().ok_or_else(no_ledger)?;
    let admitted = shared.work.admit()?;
    let read = move || ledger.checkpoint();
    let note = shared.work.run(admitted, &shared.limits, read).await?;
    let note = note.map_err(|error| unreadable(&error))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ANYBODY,
    ];
    Ok((StatusCode::OK, headers, note).into_response())
}

pub(crate) async fn tile(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ledger = shared.ledger.clone().ok_or_else(no_ledger)?;
    // No path reaches the disk that is not the path of a tile, letter by letter.
    let tile = TileId::parse(&format!("tile/{path}")).ok_or_else(no_tile)?;
    let admitted = shared.work.admit()?;
    let pack = tile.kind == TileKind::Entries && takes_gzip(&headers);
    let read = move || {
        let bytes = ledger.tile(&tile)?;
        Ok(match bytes {
            Some(bytes) if pack => gzip(&bytes).map(|bytes| (bytes, true)),
            bytes => bytes.map(|bytes| (bytes, false)),
        })
    };
    let found: Result<_, StoreError> = shared.work.run(admitted, &shared.limits, read).await?;
    let (bytes, packed) = found.map_err(|error| unreadable(&error))?.ok_or_else(no_tile)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        ANYBODY,
    ];
    let mut response = (StatusCode::OK, headers, Body::from(bytes)).into_response();
    if packed {
        let coding = HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, coding);
    }
    Ok(response)
}

/// Whether the client asks for gzip and does not refuse it with a weight of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let refused = parts.any(|weight| {
                let number = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
                number.is_some_and(|n| n.trim_matches(|c| c == '0' || c == '.').is_empty())
            });
            named && !refused
        })
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

fn no_ledger() -> Problem {
    Problem::not_found("This server shows no ledger. Start it with `adproof serve --ledger DIR`.")
}

fn no_tile() -> Problem {
    Problem::not_found(
        "The published checkpoint has no such tile. /v1/ledger/checkpoint says how many records \
         there are.",
    )
}

/// What is wrong with the disk is for the operator's eyes, who sees it in `adproof ledger verify`.
fn unreadable(_: &StoreError) -> Problem {
    Problem::internal()
}

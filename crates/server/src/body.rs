//! Bodies, read whole within their bounds of type, size and time.

use std::error::Error;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::limits::Limits;
use crate::problem::Problem;

/// Media types that a body may have. `application/x-www-form-urlencoded` is among them because
/// it is what `curl --data-binary` says of any file; the bytes are taken as they are.
pub(crate) struct Accepts {
    pub(crate) types: &'static [&'static str],
    /// The value of `Accept-Post` in the refusal.
    pub(crate) hint: &'static str,
}

pub(crate) const TAG: Accepts = Accepts {
    types: &[
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "application/xml",
        "text/html",
        "text/plain",
        "text/xml",
    ],
    hint: "application/xml, text/xml, text/plain, application/octet-stream",
};

pub(crate) const FEED: Accepts = Accepts {
    types: &[
        "application/csv",
        "application/json",
        "application/jsonl",
        "application/octet-stream",
        "application/stix+json",
        "application/taxii+json",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "text/csv",
        "text/plain",
        "text/tab-separated-values",
    ],
    hint: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, text/csv, \
           text/plain, application/json, application/x-ndjson, application/octet-stream",
};

pub(crate) const BUNDLE: Accepts = Accepts {
    types: &[
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "application/zip",
        "text/html",
    ],
    hint: "application/zip, text/html, application/octet-stream",
};

/// The whole body, or why not.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    accepts: &Accepts,
    limits: &Limits,
) -> Result<Bytes, Problem> {
    check_type(headers, accepts)?;
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            format!(
                "The body is larger than {} bytes, the limit of this server.",
                limits.body_bytes
            ),
        )
    };
    // A length that is announced is refused before a byte of it is read.
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| usize::try_from(bytes).is_ok_and(|b| b > limits.body_bytes)) {
        return Err(too_large());
    }
    let whole = Limited::new(body, limits.body_bytes).collect();
    let bytes = match tokio::time::timeout(limits.body_time, whole).await {
        Err(_) => {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "body-too-slow",
                format!("The body had not arrived after {} ms.", limits.body_time.as_millis()),
            )
            .with(header::CONNECTION, HeaderValue::from_static("close")));
        }
        Ok(Err(error)) if is_too_long(error.as_ref()) => return Err(too_large()),
        Ok(Err(_)) => {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "body-cut",
                "The body ended before its announced length, or its chunks are malformed.",
            ));
        }
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    if bytes.is_empty() {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "body-empty",
            "The body is empty. Send the bytes of one file.",
        ));
    }
    Ok(bytes)
}

fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn check_type(headers: &HeaderMap, accepts: &Accepts) -> Result<(), Problem> {
    let unsupported = |detail: String| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", detail)
    };
    let coded = headers.get_all(header::CONTENT_ENCODING).iter().any(|value| value != "identity");
    if coded {
        return Err(unsupported("Send the body without a content coding.".into())
            .with(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = value
        .to_str()
        .ok()
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_ascii_lowercase());
    match essence {
        Some(essence)
            if accepts.types.contains(&essence.as_str())
                || (essence.ends_with("+xml") && accepts.types.contains(&"application/xml")) =>
        {
            Ok(())
        }
        other => Err(unsupported(format!(
            "This address takes no body of type `{}`. Send the bytes of one file as {}.",
            other.as_deref().unwrap_or("that is not text"),
            accepts.hint
        ))
        .with(
            axum::http::HeaderName::from_static("accept-post"),
            HeaderValue::from_static(accepts.hint),
        )),
    }
}

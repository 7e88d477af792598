//! Routes, and what is the same for all of them: headers, counters, errors.

use std::sync::Arc;
use std::time::Instant;

use adproof_edge::store::Published;
use adproof_edge::witness::Witness;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::api;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::page::Page;
use crate::problem::Problem;
use crate::work::Work;

/// What a page of ours may do: load from where it came, run WebAssembly, and nothing else.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    worker-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) page: Page,
    pub(crate) work: Work,
    pub(crate) metrics: Metrics,
    pub(crate) ledger: Option<Arc<Published>>,
}

impl Shared {
    fn new(limits: Limits, page: Page, ledger: Option<Arc<Published>>) -> Arc<Self> {
        let work = Work::new(&limits);
        Arc::new(Self { limits, page, work, metrics: Metrics::default(), ledger })
    }
}

/// The server without a socket: give it to [`crate::serve`], or call it in a test.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) shared: Arc<Shared>,
    pub(crate) router: Router,
}

impl App {
    /// A server with these bounds and this page.
    #[must_use]
    pub fn new(limits: Limits, page: Page) -> Self {
        Self::build(limits, page, None)
    }

    /// The same, and it shows a ledger under `/v1/ledger` to whoever wants to check it.
    #[must_use]
    pub fn with_ledger(limits: Limits, page: Page, ledger: Published) -> Self {
        Self::build(limits, page, Some(Arc::new(ledger)))
    }

    /// A witness: it answers `add-checkpoint` and says how it is.
    #[must_use]
    pub fn witness(limits: Limits, witness: Witness) -> Self {
        let shared = Shared::new(limits, Page::none(), None);
        let state = (Arc::clone(&shared), Arc::new(witness));
        let protocol = Router::new()
            .route("/add-checkpoint", post(crate::witness::add_checkpoint))
            .with_state(state);
        let router = Router::new()
            .route("/healthz", get(healthz))
            .route("/metrics", get(metrics))
            .with_state(Arc::clone(&shared))
            .merge(protocol)
            .fallback(async || Problem::not_found("There is nothing at this address."));
        Self::wrap(shared, router)
    }

    fn build(limits: Limits, page: Page, ledger: Option<Arc<Published>>) -> Self {
        let shared = Shared::new(limits, page, ledger);
        let router = Router::new()
            .route("/healthz", get(healthz))
            .route("/metrics", get(metrics))
            .route("/openapi.json", get(api::openapi))
            .route("/v1/ledger/checkpoint", get(crate::ledger::checkpoint))
            .route("/v1/ledger/tile/{*path}", get(crate::ledger::tile))
            .route("/v1/bundle/verify", post(crate::bundle::verify))
            .route("/v1/lint", post(api::lint))
            .route("/v1/score", post(api::score))
            .route("/v1/rules", get(api::rules))
            .route("/v1/rules/{id}", get(api::rule))
            .fallback(page_file)
            .with_state(Arc::clone(&shared));
        Self::wrap(shared, router)
    }

    fn wrap(shared: Arc<Shared>, router: Router) -> Self {
        let router = router
            .method_not_allowed_fallback(method_not_allowed)
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), observe));
        Self { shared, router }
    }

    /// The routes as a service.
    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

async fn observe(
    State(shared): State<Arc<Shared>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let in_flight = shared.metrics.begin();
    let mut response = next.run(request).await;
    drop(in_flight);
    // Whatever no route matches is a file of the page, or nothing.
    let route = matched.as_ref().map_or("page", MatchedPath::as_str);
    shared.metrics.record(route, response.status().as_u16(), begun.elapsed());
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn healthz() -> Response {
    let body = Json(serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
    }));
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        shared.metrics.render(),
    )
        .into_response()
}

async fn page_file(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::not_found("There is nothing at this address that takes a body.")
            .into_response();
    }
    shared.page.answer(request.uri().path(), request.headers())
}

async fn method_not_allowed(request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!(
            "This address does not answer {}. The header `Allow` names what it answers.",
            request.method()
        ),
    )
}

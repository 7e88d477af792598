use std::path::PathBuf;

use adproof_server::{App, Limits, Page};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem whose form is right in every respect.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        assert_eq!(self.header("cache-control"), "no-store");
        let problem = self.json();
        let openapi = adproof_server::openapi();
        let schema = openapi.pointer("/components/schemas/Problem").unwrap();
        let faults: Vec<String> = jsonschema::validator_for(schema)
            .unwrap()
            .iter_errors(&problem)
            .map(|error| error.to_string())
            .collect();
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["title"], self.status.canonical_reason().unwrap());
        problem["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn app() -> App {
    App::new(Limits::default(), Page::none())
}

pub(crate) async fn send(app: &App, request: Request<Body>) -> Answer {
    let response = app.router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(app: &App, path: &str) -> Answer {
    ask(app, Method::GET, path, "", Vec::new()).await
}

pub(crate) async fn post(app: &App, path: &str, media: &str, body: impl Into<Vec<u8>>) -> Answer {
    ask(app, Method::POST, path, media, body.into()).await
}

pub(crate) async fn ask(
    app: &App,
    method: Method,
    path: &str,
    media: &str,
    body: Vec<u8>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if !media.is_empty() {
        request = request.header("content-type", media);
    }
    send(app, request.body(Body::from(body)).unwrap()).await
}

pub(crate) fn dataset(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

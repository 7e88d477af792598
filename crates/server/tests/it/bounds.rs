use std::io::Write as _;
use std::time::Duration;

use adproof_server::{App, Limits, Page};
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use http_body_util::channel::{Channel, Sender};

use crate::common::{Answer, app, dataset, post, send};

const ZIP: &str = "application/octet-stream";

fn with(change: impl FnOnce(&mut Limits)) -> App {
    let mut limits = Limits::default();
    change(&mut limits);
    App::new(limits, Page::none())
}

/// A body without an announced length, fed by hand.
fn fed() -> (Sender<Bytes>, Request<Body>) {
    let (sender, body) = Channel::<Bytes>::new(4);
    (sender, Request::post("/v1/lint").body(Body::new(body)).unwrap())
}

async fn announced(app: &App, length: usize, body: &'static [u8]) -> Answer {
    let request = Request::post("/v1/lint").header("content-length", length);
    send(app, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_body_may_have_exactly_the_limit() {
    let tag = b"<VAST version=\"4.2\"></VAST>";
    let fits = with(|limits| limits.body_bytes = tag.len());
    let short = with(|limits| limits.body_bytes = tag.len() - 1);
    assert_eq!(announced(&fits, tag.len(), tag).await.status, StatusCode::OK);
    assert_eq!(post(&fits, "/v1/lint", "", tag).await.status, StatusCode::OK);
    for answer in [announced(&short, tag.len(), tag).await, post(&short, "/v1/lint", "", tag).await]
    {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.problem(), "body-too-large");
    }
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_is_read() {
    let app = with(|limits| limits.body_bytes = 10);
    let (_sender, mut request) = fed();
    request.headers_mut().insert("content-length", "11".parse().unwrap());
    // The sender never sends: an answer at all shows that nobody waited for it.
    assert_eq!(send(&app, request).await.problem(), "body-too-large");
}

#[tokio::test]
async fn a_body_that_grows_without_end_is_cut_at_the_limit() {
    let app = with(|limits| limits.body_bytes = 1000);
    let (mut sender, request) = fed();
    let feeder = tokio::spawn(async move {
        let mut sent = 0_usize;
        while sender.send_data(Bytes::from_static(&[b' '; 100])).await.is_ok() {
            sent += 100;
        }
        sent
    });
    assert_eq!(send(&app, request).await.problem(), "body-too-large");
    assert!(feeder.await.unwrap() < 2000);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let app = with(|limits| limits.body_time = Duration::from_millis(30));
    let (mut sender, request) = fed();
    sender.send_data(Bytes::from_static(b"<VAST")).await.unwrap();
    let answer = send(&app, request).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(answer.problem(), "body-too-slow");
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_503() {
    let app = with(|limits| limits.work_time = Duration::ZERO);
    let answer = post(&app, "/v1/lint", "", "<a>".repeat(1 << 20)).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem(), "too-slow");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_again_and_then_served() {
    let app = with(|limits| limits.in_flight = 1);
    let (mut sender, request) = fed();
    let first = tokio::spawn({
        let app = app.clone();
        async move { send(&app, request).await }
    });
    sender.send_data(Bytes::from_static(b"<VAST/>")).await.unwrap();
    // The first is in once its body is being read.
    while sender.capacity() < sender.max_capacity() {
        tokio::task::yield_now().await;
    }
    let second = post(&app, "/v1/lint", "", "<VAST/>").await;
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.problem(), "busy");
    assert_eq!(second.header("retry-after"), "1");
    // What costs nothing is answered all the same.
    assert_eq!(crate::common::get(&app, "/healthz").await.status, StatusCode::OK);
    drop(sender);
    assert_eq!(first.await.unwrap().status, StatusCode::OK);
    assert_eq!(post(&app, "/v1/lint", "", "<VAST/>").await.status, StatusCode::OK);
}

#[tokio::test]
async fn many_requests_at_once_all_get_their_answer() {
    let app = with(|limits| limits.workers = 1);
    let all: Vec<_> = (0..20)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { post(&app, "/v1/lint", "", "<VAST/>").await.status })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), StatusCode::OK);
    }
}

#[tokio::test]
async fn an_empty_body_and_a_wrong_type_are_told_apart() {
    let empty = post(&app(), "/v1/lint", "text/xml", "").await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
    assert_eq!(empty.problem(), "body-empty");
    for (path, media) in [
        ("/v1/lint", "application/json"),
        ("/v1/lint", "multipart/form-data; boundary=x"),
        ("/v1/score", "multipart/form-data; boundary=x"),
        ("/v1/score", "application/pdf"),
        ("/v1/score", "text/xml"),
    ] {
        let answer = post(&app(), path, media, "x").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path} {media}");
        assert_eq!(answer.problem(), "unsupported-type");
        assert!(answer.header("accept-post").contains("application/octet-stream"));
    }
    let coded = Request::post("/v1/lint").header("content-encoding", "gzip");
    let answer = send(&app(), coded.body(Body::from("x")).unwrap()).await;
    assert_eq!(answer.problem(), "unsupported-type");
    assert_eq!(answer.header("accept-encoding"), "identity");
}

#[tokio::test]
async fn a_tag_larger_than_the_linter_reads_is_an_answer_not_an_error() {
    let mut tag = b"<VAST version=\"4.2\"><!--".to_vec();
    tag.resize(5 << 20, b'x');
    let answer = post(&app(), "/v1/lint", "", tag).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["documents"][0]["outcome"], "refused");
}

#[tokio::test]
async fn tags_that_are_none_are_answered() {
    for body in [&b"\0\0\0\0"[..], b"<html><body>404</body></html>", b"\xff\xfe<", &[0xff; 4096]] {
        let answer = post(&app(), "/v1/lint", "", body).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["documents"][0]["kind"], "unknown");
    }
    let deep = "<a>".repeat(200_000);
    assert_eq!(post(&app(), "/v1/lint", "", deep).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_feed_is_a_422_that_says_what_to_do() {
    let workbook = dataset("ioc-ipv6-2026-05.xlsx");
    let cut = workbook.get(..workbook.len() / 2).unwrap().to_vec();
    for (name, body) in [
        ("pdf", b"%PDF-1.7\n1 0 obj".to_vec()),
        ("cut.xlsx", cut),
        ("bomb.xlsx", bomb()),
        ("no-column-2026-05.csv", b"colour,size\nred,3\n".to_vec()),
        ("cut-2026-05.json", b"{\"type\":\"bundle\",\"objects\":[{".to_vec()),
        ("spaces", vec![b' '; 1000]),
    ] {
        let answer = post(&app(), &format!("/v1/score?name={name}"), ZIP, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {}", answer.text());
        assert_eq!(answer.problem(), "feed-unreadable");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(name), "{}", answer.text());
    }
}

/// A workbook of one sheet that inflates a thousandfold.
fn bomb() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options: zip::write::SimpleFileOptions = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    for name in ["[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"] {
        zip.start_file(name, options).unwrap();
        zip.write_all(&vec![b' '; 4 << 20]).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

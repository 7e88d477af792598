use adproof_wire::lint::LintV1;
use adproof_wire::score::{Request as Scoring, Source};
use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::common::{app, ask, dataset, get, post};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

#[tokio::test]
async fn lint_is_the_document_of_the_library_byte_for_byte() {
    for name in ["creative-broken.xml", "utf16-title.xml", "good-linear-30.xml"] {
        let bytes = dataset(&format!("tags/{name}"));
        let report = adproof_vast::lint(&bytes, &adproof_vast::Options::default());
        let expected =
            adproof_wire::text(&LintV1::new([(name, bytes.as_slice(), &report)])).unwrap();
        let answer =
            post(&app(), &format!("/v1/lint?name={name}"), "application/xml", bytes.clone()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.text(), expected);
    }
}

#[tokio::test]
async fn lint_takes_every_media_type_that_people_send() {
    for media in [
        "",
        "text/xml; charset=utf-8",
        "APPLICATION/XML",
        "application/vast+xml",
        "application/x-www-form-urlencoded",
        "text/plain",
    ] {
        let answer = post(&app(), "/v1/lint", media, "<VAST version=\"4.2\"/>").await;
        assert_eq!(answer.status, StatusCode::OK, "{media}");
        assert_eq!(answer.json()["documents"][0]["kind"], "VAST");
    }
}

#[tokio::test]
async fn lint_says_only_what_was_asked_for() {
    let bytes = dataset("tags/creative-broken.xml");
    let rules_of = |document: &Value| -> Vec<String> {
        let findings = document["documents"][0]["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    };
    let all = rules_of(&post(&app(), "/v1/lint", "", bytes.clone()).await.json());
    let first = all.first().unwrap();
    let only = post(&app(), &format!("/v1/lint?select={first}"), "", bytes.clone()).await;
    assert!(rules_of(&only.json()).iter().all(|rule| rule == first));
    let without = post(&app(), &format!("/v1/lint?ignore={first}"), "", bytes.clone()).await;
    assert!(!rules_of(&without.json()).contains(first));
    let errors = post(&app(), "/v1/lint?severity=error", "", bytes).await.json();
    assert_eq!(errors["summary"]["warning"], 0);
    assert_eq!(errors["summary"]["info"], 0);
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    for query in [
        "select=no-such-rule",
        "ignore=no-such-rule",
        "severity=loud",
        "selct=spec",
        "name=",
        "name=a%0Ab",
        &format!("name={}", "x".repeat(256)),
    ] {
        let answer = post(&app(), &format!("/v1/lint?{query}"), "", "<VAST/>").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.problem(), "bad-query");
    }
    let longest = format!("/v1/lint?name={}", "x".repeat(255));
    assert_eq!(post(&app(), &longest, "", "<VAST/>").await.status, StatusCode::OK);
}

#[tokio::test]
async fn score_is_the_document_of_the_library_byte_for_byte() {
    let name = "ioc-ipv6-2026-05.xlsx";
    let bytes = dataset(name);
    let feeds = vec![Source { name, bytes: &bytes }];
    let scored =
        adproof_wire::score::run(Scoring { feeds, ..Scoring::default() }).unwrap().document;
    let expected = adproof_wire::text(&scored).unwrap();
    let answer = post(&app(), &format!("/v1/score?name={name}"), XLSX, bytes).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.json()["inputs"][0]["accepted"], 25);
}

#[tokio::test]
async fn a_feed_that_nothing_dates_is_dated_by_the_query() {
    let list = "3fff:10:42:7::1\n3fff:10:42:7::2\n";
    let undated = post(&app(), "/v1/score", "text/plain", list).await;
    assert_eq!(undated.problem(), "feed-unreadable");
    let dated = post(&app(), "/v1/score?issue=2026-W20", "text/plain", list).await;
    assert_eq!(dated.json()["inputs"][0]["issue"], "2026-W20");
    let wrong = post(&app(), "/v1/score?issue=soon", "text/plain", list).await;
    assert_eq!(wrong.problem(), "bad-query");
}

#[tokio::test]
async fn rules_are_listed_and_one_has_its_page() {
    let all = get(&app(), "/v1/rules").await.json();
    let rules = all["rules"].as_array().unwrap();
    assert_eq!(rules.len(), adproof_vast::rules().len());
    let id = rules[0]["id"].as_str().unwrap();
    let one = get(&app(), &format!("/v1/rules/{id}")).await.json();
    assert_eq!(one["rules"][0]["id"], id);
    assert!(one["rules"][0]["page"].as_str().unwrap().len() > 100);
    for unknown in ["no-such-rule", "..%2f..%2fetc%2fpasswd"] {
        let none = get(&app(), &format!("/v1/rules/{unknown}")).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
        assert_eq!(none.problem(), "not-found");
    }
}

#[tokio::test]
async fn wrong_methods_and_addresses_say_what_is_right() {
    for (method, path, allow) in [
        (Method::GET, "/v1/lint", "POST"),
        (Method::DELETE, "/v1/score", "POST"),
        (Method::POST, "/v1/rules", "GET,HEAD"),
        (Method::PUT, "/healthz", "GET,HEAD"),
    ] {
        let answer = ask(&app(), method, path, "", Vec::new()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
        assert_eq!(answer.problem(), "method-not-allowed");
    }
    for (method, path) in
        [(Method::GET, "/v2/lint"), (Method::GET, "/v1/lint/"), (Method::POST, "/index.html")]
    {
        let answer = ask(&app(), method, path, "", Vec::new()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.problem(), "not-found");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_a_browser() {
    for path in ["/", "/healthz", "/v1/rules", "/nothing-here"] {
        let answer = get(&app(), path).await;
        assert!(answer.header("content-security-policy").starts_with("default-src 'self';"));
        assert!(answer.header("content-security-policy").contains("'wasm-unsafe-eval'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn metrics_count_by_route_and_status_and_not_by_address() {
    let app = app();
    post(&app, "/v1/lint", "", "<VAST/>").await;
    post(&app, "/v1/lint", "", "").await;
    get(&app, "/v1/rules/no-such-rule").await;
    get(&app, "/a-path-of-a-stranger").await;
    let metrics = get(&app, "/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        "adproof_http_requests_total{route=\"/v1/lint\",status=\"200\"} 1",
        "adproof_http_requests_total{route=\"/v1/lint\",status=\"400\"} 1",
        "adproof_http_requests_total{route=\"/v1/rules/{id}\",status=\"404\"} 1",
        "adproof_http_requests_total{route=\"page\",status=\"404\"} 1",
        "adproof_http_request_duration_microseconds_count{route=\"/v1/lint\"} 2",
        "adproof_http_in_flight 1",
    ] {
        assert!(metrics.text().lines().any(|have| have == line), "{line}\n{}", metrics.text());
    }
    assert!(!metrics.text().contains("stranger"));
}

#[tokio::test]
async fn health_is_ok_with_the_version() {
    let answer = get(&app(), "/healthz").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "ok");
    assert_eq!(answer.json()["version"], env!("CARGO_PKG_VERSION"));
}

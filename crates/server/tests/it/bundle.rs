//! `POST /v1/bundle/verify`: the answers of `adproof bundle verify`, and clear words for the rest.

use adproof_edge::bundle::{pack, page};
use adproof_ledger::bundle::{Files, inline};
use axum::http::StatusCode;

use crate::common::{app, post};

const PATH: &str = "/v1/bundle/verify";

/// A bundle that the fuzzers start from, which holds.
fn files() -> Files {
    let text = include_str!("../../../../fuzz/corpus/bundle_verify/good");
    inline::parse(text, &inline::Limits::default()).unwrap()
}

/// Its keys as a query.
fn keys(files: &Files) -> String {
    let text = String::from_utf8(files["log.pub"].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let escape = |text: &str| text.replace('%', "%25").replace('+', "%2B").replace('=', "%3D");
    format!("keys={}", escape(&lines.join(",")))
}

#[tokio::test]
async fn a_bundle_is_verified_in_both_forms() {
    let files = files();
    let forms = [
        ("application/zip", pack(&files).unwrap(), false),
        ("text/html", page::write(&files).into_bytes(), true),
    ];
    for (media, body, is_page) in forms {
        let answer = post(&app(), PATH, media, body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let told = answer.json();
        assert_eq!((&told["outcome"], &told["keys"]), (&"verified".into(), &"bundle".into()));
        assert_eq!(told["page"].is_null(), !is_page);
        let told = post(&app(), &format!("{PATH}?{}", keys(&files)), media, body).await.json();
        assert_eq!((&told["outcome"], &told["keys"]), (&"verified".into(), &"given".into()));
    }
}

#[tokio::test]
async fn what_fails_is_an_answer_and_names_the_record() {
    let mut files = files();
    let record = files.get_mut("records/0.json").unwrap();
    *record = String::from_utf8_lossy(record).replace("observe", "block").into_bytes();
    let answer = post(&app(), PATH, "application/zip", pack(&files).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let told = answer.json();
    assert_eq!((&told["outcome"], &told["problems"][0]["record"]), (&"failed".into(), &0.into()));
    let edited = page::write(&self::files()).replace("say('bad'", "say('good'");
    let told = post(&app(), PATH, "text/html", edited).await.json();
    assert_eq!((&told["outcome"], &told["page"]["code"]), (&"failed".into(), &"unknown".into()));
    // A policy of the reader's that nobody has signed for.
    let witness =
        "witness%20w%20remora.n621.de%2Bda77ade7%2BBOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let path = format!("{PATH}?policy={witness}%0Aquorum%20w");
    let told = post(&app(), &path, "application/zip", pack(&self::files()).unwrap()).await.json();
    assert_eq!(told["outcome"], "failed");
    assert_eq!(told["witnesses"]["policy_of"], "reader");
}

#[tokio::test]
async fn what_is_no_bundle_is_told_by_what_it_is() {
    let zip = pack(&files()).unwrap();
    for (body, told) in [
        (b"%PDF-1.7 print".to_vec(), "a print of a bundle proves nothing"),
        (b"<!doctype html>".to_vec(), "no bundle lies in it"),
        (files()["checkpoint"].clone(), "it is a checkpoint"),
        (files()["records/0.dsse.json"].clone(), "it is a signed envelope"),
        (zip[..zip.len() / 2].to_vec(), "it is not a zip file, or it is damaged"),
        (pack(&Files::new()).unwrap(), "no public keys"),
    ] {
        let answer = post(&app(), PATH, "application/octet-stream", body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        assert_eq!(answer.problem(), "bundle-unreadable");
        assert!(answer.text().contains(told), "{told}: {}", answer.text());
    }
    for query in ["keys=nonsense", "policy=nonsense", "key=x"] {
        let answer = post(&app(), &format!("{PATH}?{query}"), "application/zip", zip.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        answer.problem();
    }
    let answer = post(&app(), PATH, "application/pdf", zip).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_zip_file_that_unpacks_to_too_much_is_refused() {
    let mut files = Files::new();
    for index in 0..20 {
        files.insert(format!("records/{index}.json"), vec![0; 4 << 20]);
    }
    let answer = post(&app(), PATH, "application/zip", pack(&files).unwrap()).await;
    assert_eq!(answer.problem(), "bundle-unreadable");
    assert!(answer.text().contains("unpacked"), "{}", answer.text());
}

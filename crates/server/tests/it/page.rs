use adproof_server::{App, Limits, Page, PageError};
use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::common::{app, get, send};

fn folder() -> tempfile::TempDir {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("secret.txt"), "secret").unwrap();
    let page = outer.path().join("page");
    std::fs::create_dir_all(page.join("samples")).unwrap();
    for (name, content) in [
        ("index.html", "<!doctype html>"),
        ("page.js", "0"),
        ("adproof_bg.wasm", "\0asm"),
        ("samples/tag.xml", "<VAST/>"),
        (".hidden.html", "hidden"),
        ("notes.md", "unknown kind"),
    ] {
        std::fs::write(page.join(name), content).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("../secret.txt", page.join("link.txt")).unwrap();
    outer
}

fn served(outer: &tempfile::TempDir) -> App {
    App::new(Limits::default(), Page::from_dir(&outer.path().join("page")).unwrap())
}

#[tokio::test]
async fn files_have_their_content_type() {
    let outer = folder();
    let app = served(&outer);
    for (path, media) in [
        ("/", "text/html; charset=utf-8"),
        ("/index.html", "text/html; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/adproof_bg.wasm", "application/wasm"),
        ("/samples/tag.xml", "application/xml"),
    ] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), media);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn nothing_but_the_files_of_the_page_is_there() {
    let outer = folder();
    let app = served(&outer);
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/samples/../../secret.txt",
        "/..%2fsecret.txt",
        "//secret.txt",
        "/link.txt",
        "/.hidden.html",
        "/notes.md",
        "/samples",
        "/samples/",
    ] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.problem(), "not-found");
    }
}

#[tokio::test]
async fn a_browser_that_has_a_file_is_not_sent_it_again() {
    let outer = folder();
    let app = served(&outer);
    let first = get(&app, "/page.js").await;
    let request = Request::get("/page.js").header("if-none-match", first.header("etag"));
    let second = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(second.status, StatusCode::NOT_MODIFIED);
    assert!(second.body.is_empty());
    let head = send(&app, Request::head("/page.js").body(Body::empty()).unwrap()).await;
    assert_eq!(head.status, StatusCode::OK);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn without_a_page_the_root_says_how_to_get_one() {
    let answer = get(&app(), "/").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("content-type").starts_with("text/plain"));
    assert!(answer.text().contains("cargo xtask web"));
}

#[test]
fn a_folder_that_is_no_page_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Page::from_dir(empty.path()), Err(PageError::NoIndex(_))));
    let missing = empty.path().join("missing");
    assert!(matches!(Page::from_dir(&missing), Err(PageError::Unreadable { .. })));
    std::fs::write(empty.path().join("index.html"), "x").unwrap();
    for number in 0..4096 {
        std::fs::write(empty.path().join(format!("{number}.txt")), "x").unwrap();
    }
    assert!(matches!(Page::from_dir(empty.path()), Err(PageError::TooLarge(_))));
}

#[cfg(feature = "page")]
#[tokio::test]
async fn the_built_in_page_is_what_was_built() {
    let dist = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    let page = Page::from_dir(&dist).unwrap();
    assert_eq!(Page::built_in().names().collect::<Vec<_>>(), page.names().collect::<Vec<_>>());
    let app = App::new(Limits::default(), Page::built_in());
    assert!(get(&app, "/").await.text().contains("<title>adproof</title>"));
}

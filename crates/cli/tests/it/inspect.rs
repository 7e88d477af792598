//! `adproof inspect`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::run::{Ran, adproof, adproof_with_stdin};

fn tags() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/tags")
}

fn shipped(name: &str, more: &[&str]) -> Ran {
    let tag = tags().join(name).display().to_string();
    let map = format!("https://ads.example/={}", tags().display());
    let fixed = ["--seed", "1", "--timestamp", "2026-05-31T08:15:30Z"];
    let mut args = vec!["inspect", &tag, "--map", &map];
    args.extend(fixed);
    args.extend(more);
    adproof(&args)
}

/// Answers each request by its number, from 0, and its path, until the test ends.
fn server(answer: impl Fn(usize, &str, &SocketAddr) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(&stream).lines();
            let request = lines.next().and_then(Result::ok).unwrap_or_default();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let path = request.split(' ').nth(1).unwrap_or_default();
            // The client may have gone away, as a limit tells it to.
            let _ = stream.write_all(answer(number, path, &address).as_bytes());
        }
    });
    address
}

fn ok(body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len}\r\n\r\n{body}"
    )
}

fn redirect(target: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n")
}

fn wrapper(uri: &str) -> String {
    format!(
        "<VAST version=\"4.2\"><Ad id=\"w\"><Wrapper><AdSystem>Outer</AdSystem>\
         <Impression><![CDATA[https://t.example/i]]></Impression>\
         <VASTAdTagURI><![CDATA[{uri}]]></VASTAdTagURI></Wrapper></Ad></VAST>"
    )
}

const INLINE: &str = "<VAST version=\"3.0\"><Ad id=\"a\"><InLine><AdSystem>Inner</AdSystem>\
    <AdTitle>It</AdTitle><Impression><![CDATA[https://t.example/j]]></Impression><Creatives>\
    <Creative><Linear><Duration>00:00:15</Duration><MediaFiles><MediaFile delivery=\"progressive\" \
    type=\"video/mp4\" width=\"640\" height=\"360\" bitrate=\"800\">\
    <![CDATA[https://m.example/a.mp4]]></MediaFile></MediaFiles></Linear></Creative></Creatives>\
    </InLine></Ad></VAST>";

#[test]
fn the_shipped_chain_of_five_plays() {
    let found = shipped("chain-5-1.xml", &["--output-format", "json"]).exits(0).json();
    assert_eq!(found["schema"], "adproof.chain/1");
    assert_eq!(found["outcome"], "resolved");
    assert_eq!(found["vast_error"], Value::Null);
    let hops = found["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 6);
    let parents: Vec<&Value> = hops.iter().map(|hop| &hop["parent"]).collect();
    assert_eq!(json!(parents), json!([null, 0, 1, 2, 3, 4]));
    assert!(hops.iter().all(|hop| hop["expected_error"].is_null() && hop["http"] == json!([])));
    assert!(hops.iter().all(|hop| hop["lint"]["sha256"] == hop["sha256"]));
    assert_eq!(found["ads"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["ads"][0]["path"], json!([0, 1, 2, 3, 4, 5]));
    assert_eq!(found["ads"][0]["creative"]["duration_ms"], 15_000);
    let trackers = found["ads"][0]["trackers"].as_array().unwrap();
    for hop in 0..6 {
        let own = |event: &str| {
            trackers.iter().any(|tracker| tracker["hop"] == hop && tracker["event"] == event)
        };
        assert!(own("impression") && own("error") && own("complete"), "{hop}");
    }
}

#[test]
fn the_shipped_chain_of_six_ends_with_302_and_goes_on_when_told() {
    let found = shipped("chain-6-1.xml", &["--output-format", "json"]).exits(1).json();
    assert_eq!((&found["outcome"], &found["vast_error"]), (&json!("refused"), &json!(302)));
    let hops = found["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 6);
    assert!(hops.iter().all(|hop| hop["expected_error"] == 302));
    assert_eq!(hops[5]["fault"]["code"], 302);
    assert_eq!(found["ads"], json!([]));
    shipped("chain-6-1.xml", &["--max-wrappers", "6"]).exits(0);
}

#[test]
fn the_story_fits_a_terminal_of_80_columns() {
    let ran = shipped("chain-6-1.xml", &[]).exits(1);
    let tag = tags().join("chain-6-1.xml").display().to_string();
    let told: Vec<&str> = ran.stdout.lines().filter(|line| !line.contains("0  wrapper")).collect();
    assert_eq!(
        told,
        [
            "refused: 302, wrapper limit reached at hop 5",
            "",
            "                  Northlight SSP",
            "  1  wrapper 4.0  https://ads.example/chain-6-2.xml",
            "                  Harbor Exchange",
            "  2  wrapper 2.0  https://ads.example/chain-6-3.xml?cb=82890590",
            "                  Velvet DSP",
            "  3  wrapper 4.1  https://ads.example/chain-6-4.xml",
            "                  Quiet Measure",
            "  4  wrapper 4.2  https://ads.example/chain-6-5....A15%3A30.000%2B00&cb=26968761",
            "                  Lumen Retarget",
            "  5  wrapper 4.2  https://ads.example/chain-6-6.xml",
            "                  Cobalt Guard",
            "                  302: wrapper 6 in a row, where 5 are followed",
            "",
            "Error trackers of hops 0, 1, 2, 3, 4 and 5 would receive 302; none was called",
            "",
            "next  --max-wrappers 6 goes on, where players may stop",
        ],
        "{tag}"
    );
    for name in ["chain-5-1.xml", "chain-6-1.xml", "risky-url.xml", "ctv-pod.xml"] {
        let ran = shipped(name, &[]);
        assert!(!ran.stdout.contains('\u{1b}'), "{name}");
        for line in ran.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn documents_are_what_their_schemas_say() {
    for (schema, tag, more) in [
        ("chain", "chain-5-1.xml", &[][..]),
        ("chain", "chain-6-1.xml", &[]),
        ("chain", "risky-url.xml", &[]),
        ("chain", "vmap-breaks.xml", &[]),
        ("chain-runs", "chain-5-1.xml", &["--times", "2"]),
    ] {
        let path = tags().join(format!("../../crates/wire/schemas/{schema}.json"));
        let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let found = shipped(tag, &[&["--output-format", "json"], more].concat()).json();
        let faults: Vec<String> =
            validator.iter_errors(&found).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, [""; 0], "{tag}");
    }
}

#[test]
fn a_tag_comes_from_standard_input_too() {
    let ran = adproof_with_stdin(&["inspect", "-", "--output-format", "json"], INLINE.as_bytes());
    let found = ran.exits(0).json();
    assert_eq!((&found["start"], &found["outcome"]), (&json!("-"), &json!("resolved")));
}

#[test]
fn a_replay_gives_the_bytes_of_the_captured_run() {
    let address = server(|_, path, address| match path.split('?').next() {
        Some("/1") => ok(&wrapper(&format!("http://{address}/2?cb=[CACHEBUSTING]&t=[TIMESTAMP]"))),
        Some("/2") => redirect("/3"),
        Some("/3") => ok(INLINE),
        _ => "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
    });
    let folder = tempfile::tempdir().unwrap();
    let har = folder.path().join("run.har").display().to_string();
    let tag = folder.path().join("tag.xml").display().to_string();
    std::fs::write(&tag, wrapper(&format!("http://{address}/1"))).unwrap();
    let url = |path: &str| format!("http://{address}{path}");
    // A wrapper that leads to loopback is a risk that the linter reports, so no run is clean.
    for (target, outcome) in [(url("/1"), "resolved"), (url("/none"), "error"), (tag, "resolved")] {
        let json = ["--output-format", "json"];
        let live = ["inspect", &target, "--allow-net", "127.0.0.1", "--capture", &har];
        let live = adproof(&[&live[..], &json].concat()).exits(1);
        let again = adproof(&[&["inspect", "--replay", &har][..], &json].concat()).exits(1);
        assert_eq!(again.stdout, live.stdout);
        assert_eq!(live.json()["outcome"], outcome);
    }
    let found = adproof(&["inspect", "--replay", &har, "--output-format", "json"]).json();
    let way = found["hops"][2]["http"].as_array().unwrap();
    let statuses: Vec<&Value> = way.iter().map(|hop| &hop["status"]).collect();
    assert_eq!(json!(statuses), json!([302, 200]));
    assert_eq!(way[1]["remote_ip"], "127.0.0.1");
    let har: Value = serde_json::from_slice(&std::fs::read(&har).unwrap()).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    assert_eq!(har["log"]["entries"].as_array().map(Vec::len), Some(3));
}

#[test]
fn loopback_is_refused_unless_it_is_allowed() {
    let address = server(|_, _, _| ok(INLINE));
    let url = format!("http://{address}/");
    let found = adproof(&["inspect", &url, "--output-format", "json"]).exits(1).json();
    assert_eq!((&found["outcome"], &found["vast_error"]), (&json!("refused"), &json!(300)));
    adproof(&["inspect", &url, "--allow-net", "127.0.0.0/8"]).exits(0);
    adproof(&["inspect", &url, "--allow-net", &address.to_string()]).exits(0);
    adproof(&["inspect", &url, "--allow-net", "127.0.0.1:1"]).exits(1);
}

#[test]
fn several_runs_are_compared() {
    let steady = server(|_, _, _| ok(INLINE));
    let url = format!("http://{steady}/");
    let allow = ["--allow-net", "127.0.0.1", "--times", "3", "--output-format", "json"];
    let found = adproof(&[&["inspect", &url][..], &allow].concat()).exits(0).json();
    assert_eq!(found["schema"], "adproof.chain-runs/1");
    assert_eq!((&found["stable"], &found["ways"][0]["runs"]), (&json!(true), &json!([1, 2, 3])));
    let flaky =
        server(|number, _, _| if number == 1 { ok("<VAST version=\"3.0\"/>") } else { ok(INLINE) });
    let url = format!("http://{flaky}/");
    let found = adproof(&[&["inspect", &url][..], &allow].concat()).exits(1).json();
    assert_eq!(found["stable"], false);
    let runs: Vec<&Value> =
        found["ways"].as_array().unwrap().iter().map(|way| &way["runs"]).collect();
    assert_eq!(json!(runs), json!([[1, 3], [2]]));
    let told = adproof(&["inspect", &url, "--allow-net", "127.0.0.1", "--times", "2"]).exits(0);
    assert!(told.stdout.starts_with("stable: all 2 runs went the same way\n"), "{}", told.stdout);
}

#[test]
fn a_server_that_is_silent_is_301_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let args = ["inspect", &url, "--allow-net", "127.0.0.1", "--timeout-ms", "200"];
    let ran = adproof(&args).exits(1);
    assert!(ran.stdout.contains("301: no answer within 200 ms"), "{}", ran.stdout);
}

#[test]
fn lint_errors_of_a_hop_are_findings() {
    let ran = shipped("risky-url.xml", &[]).exits(1);
    assert!(
        ran.stdout.starts_with("resolved: no wrapper, then an ad that plays, but"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_cannot_be_done_says_what_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("empty.xml"), "").unwrap();
    std::fs::write(at("other.har"), "{\"log\":{\"version\":\"1.2\"}}").unwrap();
    std::fs::write(at("ok.xml"), INLINE).unwrap();
    let (ok, none) = (at("ok.xml"), at("none/none.har"));
    let map = format!("https://ads.example/={}", at("none"));
    for (args, says) in [
        (vec!["inspect"], "URL|TAG"),
        (vec!["inspect", &none], "does not exist"),
        (vec!["inspect", &at("empty.xml")], "is empty"),
        (vec!["inspect", &folder.path().display().to_string()], "a folder was given"),
        (vec!["inspect", "ftp://ads.example/"], "no scheme that ads are fetched by"),
        (vec!["inspect", &ok, "--map", &map], "the mapped folder does not exist"),
        (vec!["inspect", &ok, "--map", "nowhere"], "expected URLPREFIX=DIR"),
        (vec!["inspect", &ok, "--allow-net", "10.0.0.1/8"], "no bit set beyond its length"),
        (vec!["inspect", &ok, "--device-ua", "a\nb"], "cannot be sent as a header"),
        (vec!["inspect", &ok, "--macro", "ifa=1"], "written in capitals"),
        (vec!["inspect", &ok, "--capture", &none], "cannot be written"),
        (vec!["inspect", "--replay", &at("other.har")], "no capture made by adproof"),
        (vec!["inspect", "--replay", &at("other.har"), &ok], "cannot be used with"),
        (vec!["inspect", &ok, "--output-format", "sarif"], "no output format"),
    ] {
        adproof(&args).exits(2).says(&[says]);
    }
}

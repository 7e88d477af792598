//! `adproof score --events` over logs of traffic.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::run::{adproof, command};

/// A year of a feed that lists one address of a /64 again and again, and traffic around it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for week in 10..22 {
        let feed = format!(
            "ip,fraudType\n3fff:1:2:3::9,displayImpressionFraud\n3fff:9:{week}::1,malware\n"
        );
        fs::write(folder.path().join(format!("feed-2026-W{week}.csv")), feed).unwrap();
    }
    let (mut csv, mut lines) = ("ts,ip,asn,device\n".to_owned(), String::new());
    for row in 0..3_000_u32 {
        let ip = match row % 100 {
            0 => "3fff:1:2:3::9".to_owned(),
            1 => format!("3fff:1:2:3::{row:x}"),
            _ => format!("3fff:5:{:x}::{row:x}", row % 700),
        };
        let day = row % 28 + 1;
        writeln!(csv, "2026-05-{day:02} 12:00:00,{ip},{},device-{}", row % 9 + 1, row % 1_000)
            .unwrap();
        writeln!(
            lines,
            "{{\"time\":\"2026-05-{day:02}T12:00:00Z\",\"ip\":\"{ip}\",\"asn\":{},\"device\":\"device-{}\"}}",
            row % 9 + 1,
            row % 1_000
        )
        .unwrap();
    }
    fs::write(folder.path().join("traffic.csv"), csv).unwrap();
    fs::write(folder.path().join("traffic.jsonl"), lines).unwrap();
    folder
}

fn score(folder: &Path, more: &[&str]) -> serde_json::Value {
    let feeds = folder.join("feed-*.csv");
    let mut args = vec!["score", feeds.to_str().unwrap(), "--output-format", "json"];
    args.extend(more);
    adproof(&args).exits(0).json()
}

#[test]
fn rows_count_as_exposure_in_whatever_form_they_come() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let csv = score(folder.path(), &["--events", &at("traffic.csv")]);
    let blocks = csv["blocks"].as_array().unwrap();
    let block = blocks.iter().find(|block| block["block"] == "3fff:1:2:3::/64").unwrap();
    assert_eq!(block["class"], "ranked");
    assert_eq!(
        (&block["excess"]["devices"], &block["excess"]["flagged_devices"]),
        (&20.into(), &10.into())
    );
    let log = &csv["events"][0];
    assert_eq!((&log["events"], &log["rejected_total"]), (&3_000.into(), &0.into()));
    assert_eq!(log["sha256"].as_str().unwrap().len(), 64);
    for more in [
        &["--events", &at("traffic.jsonl")][..],
        &["--events", &at("traffic.csv"), "--threads", "1"],
        &[
            "--events",
            &at("traff*.csv"),
            "--memory",
            "16MB",
            "--spill",
            folder.path().to_str().unwrap(),
        ],
    ] {
        assert_eq!(score(folder.path(), more)["blocks"], csv["blocks"], "{more:?}");
    }
}

#[test]
fn rows_that_were_not_taken_are_written_down_and_too_many_fail() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut text = fs::read_to_string(at("traffic.csv")).unwrap();
    text.push_str("2026-05-01 12:00:00,\"not, an address\",1,a\n2026-05-01,::1,1,a,b\n");
    fs::write(at("bad.csv"), text).unwrap();
    let rejects = at("rejects.csv");
    let (feeds, log) = (at("feed-*.csv"), at("bad.csv"));
    let args = ["score", &feeds, "--events", &log, "--rejects", &rejects];
    adproof(&args).exits(0).says(&["2 of 3002 rows were not taken"]);
    let written = fs::read_to_string(&rejects).unwrap();
    let expected = format!(
        "path,line,column,value,reason\n\
         {log},3002,ip,\"not, an address\",not an IP address\n\
         {log},3003,line,2026-05-01|::1|1|a|b,5 cells under a header of 4\n"
    );
    assert_eq!(written, expected);
    let strict = [&args[..], &["--max-reject-ratio", "0.0001"]].concat();
    adproof(&strict).exits(2).says(&["2 of 3002 rows", "in line 3002", "--max-reject-ratio"]);
    // The file is there even then.
    assert_eq!(fs::read_to_string(&rejects).unwrap(), expected);
    adproof(&["score", &feeds, "--events", &log, "--memory", "1MB"]).exits(2).says(&["16MB"]);
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_was() {
    const LOGS: usize = 8;
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for log in 0..LOGS {
        let mut text = "ts,ip,asn,device\n".to_owned();
        for row in 0..12_000_usize {
            let ip = match row % 500 {
                7 => "nobody".to_owned(),
                _ => format!("3fff:1:{:x}::{row:x}", row * (log + 3) % 900),
            };
            writeln!(text, "2026-05-{:02} 12:00:00,{ip},{},d{row}", log + 1, row % 9 + 1).unwrap();
        }
        fs::write(at(&format!("log-{log}.csv")), text).unwrap();
    }
    let (feeds, logs) = (at("feed-*.csv"), at("log-*.csv"));
    let args = |rejects: &str, resume: Option<&str>| {
        let mut args: Vec<String> =
            ["score", &feeds, "--events", &logs, "--output-format", "json", "--rejects", rejects]
                .map(str::to_owned)
                .to_vec();
        args.extend(resume.iter().flat_map(|folder| ["--resume".to_owned(), (*folder).to_owned()]));
        args
    };
    let whole = at("whole.csv");
    let expected = adproof(&args(&whole, None)).exits(0).stdout;
    let rejects = fs::read(&whole).unwrap();
    let done = |kept: &str| {
        let files = fs::read_dir(kept).into_iter().flatten().flatten();
        files.filter(|file| file.path().extension().is_some_and(|end| end == "done")).count()
    };
    let mut killed = 0;
    for wanted in [1, 3, 6] {
        let (kept, bad) = (at(&format!("kept-{wanted}")), at("bad.csv"));
        let args = args(&bad, Some(&kept));
        let mut child = command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while done(&kept) < wanted && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let before = done(&kept);
        killed += usize::from(before < LOGS);
        // What was lost of a file that is kept is noticed.
        if let Some(run) = fs::read_dir(&kept)
            .unwrap()
            .flatten()
            .find(|file| wanted == 3 && file.path().extension().is_some_and(|end| end == "run"))
        {
            let bytes = fs::read(run.path()).unwrap();
            fs::write(run.path(), &bytes[..bytes.len() / 2]).unwrap();
        }
        let again = adproof(&args).exits(0);
        assert_eq!(again.stdout, expected, "killed after {before} logs");
        assert_eq!(fs::read(&bad).unwrap(), rejects, "killed after {before} logs");
        // All are there now, and none is read again.
        adproof(&args).exits(0).says(&["8 of 8 traffic logs were read by an earlier run"]);
        // Other marks keep other addresses.
        let feeds = at("feed-2026-W10.csv");
        let mut other = args.clone();
        other[1].clone_from(&feeds);
        fs::write(&feeds, "ip,fraudType\n3fff:1:2::7,malware\n").unwrap();
        let fresh = adproof(&other).exits(0);
        assert!(!fresh.stderr.contains("earlier run"), "{}", fresh.stderr);
        fs::write(
            &feeds,
            "ip,fraudType\n3fff:1:2:3::9,displayImpressionFraud\n3fff:9:10::1,malware\n",
        )
        .unwrap();
    }
    assert!(killed > 0, "every run was through before it was killed");
}

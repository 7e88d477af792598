//! Inputs in buckets, on a real S3 server over a folder.

#[cfg(not(feature = "s3"))]
#[test]
fn without_s3_it_says_how_to_get_it() {
    let args = ["score", "s3://feeds/feed-2026-05.csv"];
    let ran = crate::run::adproof(&args).exits(2);
    ran.says(&["reading from a bucket needs S3", "s3://feeds/feed-2026-05.csv", "--features s3"]);
}

#[cfg(feature = "s3")]
mod server;

#[cfg(feature = "s3")]
mod with_s3 {
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::server::{BUCKET, KEY, SECRET, Server};
    use crate::run::{Ran, adproof, finish};

    /// Rows of a log: its text is longer than what one request brings.
    const ROWS: u32 = 24_000;

    /// Feeds beside the bucket, and logs of the same rows in all forms within it.
    fn inputs(server: &Server) {
        for week in 10..22 {
            let feed = format!(
                "ip,fraudType\n3fff:1:2:3::9,displayImpressionFraud\n3fff:9:{week}::1,malware\n"
            );
            fs::write(server.at(&format!("feeds/feed-2026-W{week}.csv")), feed).unwrap();
        }
        let (mut csv, mut lines) = ("ts,ip,asn,device\n".to_owned(), String::new());
        let mut columns = [const { Vec::new() }; 4];
        for row in 0..ROWS {
            let ip = match row % 100 {
                0 => "3fff:1:2:3::9".to_owned(),
                1 => format!("3fff:1:2:3::{row:x}"),
                2 if row % 1_000 == 2 => "nobody".to_owned(),
                _ => format!("3fff:5:{:x}::{row:x}", row % 700),
            };
            let time = format!("2026-05-{:02} 12:00:00", row % 28 + 1);
            let (asn, device) = ((row % 9 + 1).to_string(), format!("device-{}", row % 1_000));
            writeln!(csv, "{time},{ip},{asn},{device}").unwrap();
            writeln!(
                lines,
                "{{\"ts\":\"{time}\",\"ip\":\"{ip}\",\"asn\":{asn},\"device\":\"{device}\"}}"
            )
            .unwrap();
            for (column, cell) in columns.iter_mut().zip([time, ip, asn, device]) {
                column.push(cell);
            }
        }
        assert!(csv.len() > 1 << 20);
        fs::write(server.at("logs/traffic.csv"), &csv).unwrap();
        fs::write(server.at("logs/traffic.jsonl"), lines).unwrap();
        let packed = fs::File::create(server.at("logs/traffic.csv.gz")).unwrap();
        let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        packed.write_all(csv.as_bytes()).unwrap();
        packed.finish().unwrap();
        let packed = zstd::encode_all(csv.as_bytes(), 1).unwrap();
        fs::write(server.at("logs/traffic.csv.zst"), packed).unwrap();
        let names = ["ts", "ip", "asn", "device"].into_iter();
        let columns = columns.map(|cells| Arc::new(StringArray::from(cells)) as ArrayRef);
        let batch = RecordBatch::try_from_iter(names.zip(columns)).unwrap();
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(5_000)).build();
        let file = fs::File::create(server.at("logs/traffic.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(groups)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn s3(key: &str) -> String {
        format!("s3://{BUCKET}/{key}")
    }

    /// What a run printed, with the names of files for those of objects.
    fn renamed(ran: &Ran, server: &Server) -> String {
        let here = server.at("");
        ran.stdout.replace(s3("").trim_end_matches('/'), here.trim_end_matches('/'))
    }

    #[test]
    fn logs_in_a_bucket_give_the_bytes_of_the_same_logs_in_files() {
        let server = Server::start();
        inputs(&server);
        let feeds = server.at("feeds/feed-*.csv");
        let score = |events: &str, more: &[&str]| {
            let args = ["score", &feeds, "--events", events, "--output-format", "json"];
            finish(server.command(&[&args[..], more].concat())).exits(0)
        };
        for name in ["csv", "csv.gz", "csv.zst", "jsonl", "parquet"] {
            let key = format!("logs/traffic.{name}");
            let here = score(&server.at(&key), &[]);
            let there = score(&s3(&key), &[]);
            assert!(renamed(&there, &server) == here.stdout, "{name}: {}", there.stdout);
            assert_eq!(there.json()["events"][0]["events"], ROWS - ROWS / 1_000, "{name}");
            assert_eq!(there.json()["events"][0]["sha256"].as_str().unwrap().len(), 64);
        }
        // A folder, a pattern, and the feeds themselves.
        let here = score(&server.at("logs"), &[]);
        assert_eq!(here.json()["events"].as_array().unwrap().len(), 5);
        for events in ["logs", "logs/", "log?/traffic.*"] {
            let there = score(&s3(events), &[]);
            assert!(renamed(&there, &server) == here.stdout, "{events}: {}", there.stdout);
        }
        let args = ["score", &s3("feeds/feed-*.csv"), "--output-format", "json"];
        let there = finish(server.command(&args)).exits(0).json();
        assert_eq!(there["inputs"].as_array().unwrap().len(), 12);
        let rejects = server.at("rejects.csv");
        score(&s3("logs/traffic.csv"), &["--rejects", &rejects]);
        let written = fs::read_to_string(rejects).unwrap();
        let line = format!("{},4,ip,nobody,not an IP address", s3("logs/traffic.csv"));
        assert!(written.contains(&line), "{written}");
    }

    #[test]
    fn queries_over_a_bucket_give_the_rows_of_queries_over_files() {
        let server = Server::start();
        inputs(&server);
        for name in ["csv", "jsonl", "parquet"] {
            let key = format!("logs/traffic.{name}");
            let query = "SELECT ipv6_text(ipv6_prefix(ip, 48)) AS block, count(*) AS n, \
                         count(DISTINCT device) AS devices FROM log WHERE ip <> 'nobody' \
                         GROUP BY block ORDER BY n DESC, block LIMIT 20";
            let run = |path: &str| {
                let table = format!("log={path}");
                let args = ["sql", query, "-t", &table, "--output-format", "csv"];
                finish(server.command(&args)).exits(0).stdout
            };
            let (here, there) = (run(&server.at(&key)), run(&s3(&key)));
            assert_eq!(here, there, "{name}");
            assert_eq!(there.lines().count(), 21, "{name}");
        }
        // Event logs with legs, and a table by the name of the object.
        let events = fs::read(crate::run::dataset("events.jsonl")).unwrap();
        fs::write(server.at("events.jsonl"), events).unwrap();
        let count = |args: &[&str]| {
            let ran = finish(server.command(&[&["sql", "--output-format", "json"], args].concat()));
            ran.exits(0).json()["rows"][0]["n"].as_u64().unwrap()
        };
        let all = "SELECT count(*) AS n FROM events";
        let (here, there) = (server.at("events.jsonl"), s3("events.jsonl"));
        let expected = count(&["--events", &here, all]);
        assert!(expected > 100);
        assert_eq!(count(&["--events", &there, all]), expected);
        assert_eq!(count(&["-t", &there, all]), count(&["-t", &here, all]));
    }

    #[test]
    fn what_was_read_of_a_bucket_is_kept_until_the_object_is_another() {
        let server = Server::start();
        inputs(&server);
        let (feeds, kept) = (server.at("feeds/feed-*.csv"), server.at("kept"));
        let (log, parquet) = (s3("logs/traffic.csv"), s3("logs/traffic.parquet"));
        let args = ["score", &feeds, "--events", &log, "--events", &parquet, "--resume", &kept];
        let run = || finish(server.command(&args)).exits(0);
        let first = run();
        assert!(!first.stderr.contains("earlier run"), "{}", first.stderr);
        let again = run();
        assert_eq!(again.stdout, first.stdout);
        again.says(&["2 of 2 traffic logs were read by an earlier run"]);
        let mut longer = fs::read_to_string(server.at("logs/traffic.csv")).unwrap();
        longer.push_str("2026-05-01 12:00:00,3fff:1:2:3::77,1,device-x\n");
        fs::write(server.at("logs/traffic.csv"), longer).unwrap();
        run().says(&["1 of 2 traffic logs were read by an earlier run"]);
    }

    #[test]
    fn what_cannot_be_read_says_what_where_and_what_to_do() {
        let server = Server::start();
        inputs(&server);
        let (feeds, log) = (server.at("feeds/feed-*.csv"), s3("logs/traffic.csv"));
        let score = |events: &str, set: &[(&str, &str)]| {
            let mut command = server.command(&["score", &feeds, "--events", events]);
            command.envs(set.iter().copied());
            let ran = finish(command).exits(2);
            assert!(ran.stdout.is_empty());
            assert!(!ran.stderr.contains(SECRET) && !ran.stderr.contains(KEY), "{}", ran.stderr);
            ran
        };
        score("s3://no-such-bucket/log.csv", &[]).says(&[
            "there is no bucket `no-such-bucket`",
            "s3://no-such-bucket/log.csv",
            "to do:",
        ]);
        score("s3://no-such-bucket/*.csv", &[]).says(&["there is no bucket"]);
        score(&s3("logs/none.csv"), &[]).says(&["there is no such object", "logs/none.csv"]);
        score(&s3("logs/*.tsv"), &[]).says(&["no file of the kind"]);
        score(&log, &[("AWS_SECRET_ACCESS_KEY", "another")])
            .says(&["the store denies access (SignatureDoesNotMatch)", "AWS_* credentials"]);
        score(&log, &[("AWS_ACCESS_KEY_ID", "somebody")]).says(&["the store denies access"]);
        score(&log, &[("AWS_ALLOW_HTTP", "false")]).says(&["not encrypted", "AWS_ALLOW_HTTP=true"]);
        score("s3://key:secret@logs/x.csv", &[]).says(&["no name of an object", "environment"]);
        let table = format!("log={}", s3("logs/none.csv"));
        finish(server.command(&["sql", "SELECT 1", "-t", &table]))
            .exits(2)
            .says(&["there is no such object"]);
        // Nobody listens there any more.
        let endpoint = server.endpoint().to_owned();
        drop(server);
        let folder = tempfile::tempdir().unwrap();
        let feed = folder.path().join("feed-2026-05.csv");
        fs::write(&feed, "ip,fraudType\n3fff::1,malware\n").unwrap();
        let args = ["score", feed.to_str().unwrap(), "--events", &log];
        finish(super::server::command(&endpoint, &args)).exits(2).says(&[
            "the store does not answer",
            &log,
            "AWS_ENDPOINT_URL",
        ]);
    }

    /// Runs a command against a server that does something at its n-th request for bytes.
    fn disturbed(args: &[&str], at: usize, disturb: impl Fn(&Path) + Send + Sync + 'static) -> Ran {
        let server = Server::start();
        inputs(&server);
        let feeds = server.at("feeds/feed-*.csv");
        let args: Vec<&str> =
            args.iter().map(|arg| if *arg == "FEEDS" { feeds.as_str() } else { arg }).collect();
        server.disturb(at, disturb);
        finish(server.command(&args))
    }

    #[test]
    fn an_object_that_changes_while_it_is_read_is_refused_and_a_server_that_dies_is_told_of() {
        let change = |root: &Path| {
            let path = root.join("logs/traffic.csv");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("device-7,", "device-8,").replace("3fff:5", "3fff:6"))
                .unwrap();
        };
        let (log, parquet) = (s3("logs/traffic.csv"), s3("logs/traffic.parquet"));
        // The first request looks at what the log is; the second begins to read it.
        let args = ["score", "FEEDS", "--events", &log];
        for at in [2, 3] {
            let ran = disturbed(&args, at, change).exits(2);
            assert!(ran.stdout.is_empty());
            ran.says(&["was changed while it was read", &log, "run it again"]);
        }
        let rewrite = |root: &Path| {
            let path = root.join("logs/traffic.parquet");
            let bytes = fs::read(&path).unwrap();
            fs::write(path, [&bytes[..], b"PAR1"].concat()).unwrap();
        };
        let args = ["score", "FEEDS", "--events", &parquet];
        disturbed(&args, 6, rewrite).exits(2).says(&["was changed while it was read", &parquet]);
        let table = format!("log={parquet}");
        let args = ["sql", "SELECT count(DISTINCT ip) FROM log", "-t", &table];
        disturbed(&args, 3, rewrite).exits(2).says(&["it was changed while it was read", &parquet]);

        for args in [
            &["score", "FEEDS", "--events", &log][..],
            &["score", "FEEDS", "--events", &parquet],
            &["sql", "SELECT count(DISTINCT ip) FROM log", "-t", &table],
        ] {
            let server = Server::start();
            inputs(&server);
            let feeds = server.at("feeds/feed-*.csv");
            let args: Vec<&str> =
                args.iter().map(|arg| if *arg == "FEEDS" { feeds.as_str() } else { arg }).collect();
            server.dies_at(3);
            let ran = finish(server.command(&args)).exits(2);
            assert!(ran.stdout.is_empty());
            ran.says(&["the store does not answer", &s3("logs/traffic."), "run it again"]);
        }
    }

    /// A process of a cluster; it ends with its test.
    #[cfg(feature = "cluster")]
    struct Process(std::process::Child, String);

    #[cfg(feature = "cluster")]
    impl Process {
        fn start(mut command: std::process::Command, says: &str) -> Self {
            use std::io::BufRead as _;

            let piped = std::process::Stdio::piped();
            let mut process = Self(command.stdout(piped).spawn().unwrap(), String::new());
            let mut line = String::new();
            let stdout = process.0.stdout.as_mut().unwrap();
            std::io::BufReader::new(stdout).read_line(&mut line).unwrap();
            process.1 = line.trim_end().strip_prefix(says).expect(&line).to_owned();
            process
        }
    }

    #[cfg(feature = "cluster")]
    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[cfg(feature = "cluster")]
    #[test]
    fn workers_read_buckets_by_themselves_to_the_bytes_of_the_local_run() {
        let server = Server::start();
        inputs(&server);
        let work = tempfile::tempdir().unwrap();
        let args = ["cluster", "coordinator", "--listen", "127.0.0.1:0"];
        let coordinator = Process::start(server.command(&args), "coordinating on ");
        let url = coordinator.1.as_str();
        let args = ["cluster", "worker", "--coordinator", url, "--threads", "1"];
        let worker = |number: u32| {
            let folder = work.path().join(number.to_string());
            let mut command = server.command(&args);
            command.arg("--work").arg(folder).args(["--memory", "512MB"]);
            Process::start(command, "working on ")
        };
        let workers = [worker(1), worker(2)];
        let (feeds, logs) = (server.at("feeds/feed-*.csv"), s3("logs/"));
        let score = ["score", &feeds, "--events", &logs, "--output-format", "json"];
        let here = finish(server.command(&score)).exits(0);
        let there = [&score[..], &["--cluster", url]].concat();
        let there = finish(server.command(&there)).exits(0);
        assert!(there.stdout == here.stdout, "the documents differ");
        assert_eq!(there.json()["events"].as_array().unwrap().len(), 5);
        for name in ["csv", "parquet"] {
            let table = format!("log={}", s3(&format!("logs/traffic.{name}")));
            let query = "SELECT asn, count(DISTINCT ip) AS n FROM log GROUP BY asn ORDER BY asn";
            let sql = ["sql", query, "-t", &table, "--output-format", "csv"];
            let here = finish(server.command(&sql)).exits(0);
            let there = finish(server.command(&[&sql[..], &["--cluster", url]].concat())).exits(0);
            assert_eq!(there.stdout, here.stdout, "{name}");
            assert_eq!(there.stdout.lines().count(), 10, "{name}");
        }
        drop(workers);
    }

    #[test]
    fn a_name_of_a_bucket_is_no_local_file() {
        let ran = adproof(&["score", "s3://"]).exits(2);
        ran.says(&["no name of an object"]);
    }
}

//! `adproof cluster`: real processes on loopback.

#[cfg(not(feature = "cluster"))]
#[test]
fn without_the_cluster_it_says_how_to_get_it() {
    let ran = crate::run::adproof(&["cluster", "coordinator"]).exits(2);
    ran.says(&["`adproof cluster coordinator` needs the cluster", "--features cluster"]);
    let args = ["cluster", "worker", "--coordinator", "df://127.0.0.1:1"];
    crate::run::adproof(&args).exits(2).says(&["--features cluster"]);
}

#[cfg(feature = "cluster")]
pub(crate) mod with_cluster {
    use std::fmt::Write as _;
    use std::fs;
    use std::io::{BufRead, BufReader, BufWriter, Read, Write as _};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    use crate::run::{Ran, command};

    /// Runs the binary to its end, which is near.
    pub(crate) fn adproof(args: &[&str]) -> Ran {
        finish(command(args))
    }

    fn finish(mut command: Command) -> Ran {
        end(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for the end of a process whose output is small or read by threads, and ends it when it
    /// takes too long.
    fn end(mut child: Child) -> Ran {
        fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
            std::thread::spawn(move || {
                let mut text = String::new();
                from.read_to_string(&mut text).unwrap();
                text
            })
        }
        let stdout = read(child.stdout.take().unwrap());
        let stderr = read(child.stderr.take().unwrap());
        let until = Instant::now() + BOUND;
        let code = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            if Instant::now() > until {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("not in time; it said: {}", stderr.join().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Ran { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
    }

    /// Time for one run. A worker that is dead is noticed after 12 to 15 s.
    const BOUND: Duration = Duration::from_mins(4);

    /// A process of a cluster; it ends with its test.
    pub(crate) struct Process {
        child: Child,
        pub(crate) address: String,
    }

    impl Process {
        fn start(args: &[&str], says: &str) -> Self {
            let mut command = command(args);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
            // It is waited for however this ends.
            let mut process =
                Self { child: child.expect("the binary runs"), address: String::new() };
            let mut line = String::new();
            BufReader::new(process.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            if let Some(address) = line.trim_end().strip_prefix(says) {
                address.clone_into(&mut process.address);
                return process;
            }
            let mut errors = String::new();
            let _ = process.child.kill();
            process.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("`{line}`\n{errors}");
        }

        fn coordinator() -> Self {
            let args = ["cluster", "coordinator", "--listen", "127.0.0.1:0"];
            Self::start(&args, "coordinating on ")
        }

        fn worker(coordinator: &Self, work: &Path) -> Self {
            let work = work.to_str().unwrap();
            let args = ["cluster", "worker", "--coordinator", &coordinator.address];
            let more = ["--work", work, "--threads", "1", "--memory", "512MB"];
            Self::start(&[&args[..], &more].concat(), "working on ")
        }

        /// Asks it to stop, and gives its exit code and its words.
        fn stop(mut self) -> (Option<i32>, String) {
            signal("-TERM", &self.child);
            let until = Instant::now() + Duration::from_secs(20);
            while self.child.try_wait().unwrap().is_none() {
                assert!(Instant::now() < until, "it does not stop");
                std::thread::sleep(Duration::from_millis(20));
            }
            let code = self.child.wait().unwrap().code();
            let mut errors = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            (code, errors)
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn signal(name: &str, child: &Child) {
        let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) struct Cluster {
        workers: Vec<Process>,
        pub(crate) coordinator: Process,
        pub(crate) folder: tempfile::TempDir,
    }

    impl Cluster {
        pub(crate) fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let coordinator = Process::coordinator();
            let worker = |number: usize| Process::worker(&coordinator, &work(&folder, number));
            Self { workers: (0..3).map(worker).collect(), coordinator, folder }
        }

        /// Runs a job; a worker that has made something for it is killed while it runs. What an
        /// earlier job made may still be there.
        fn lose_one(&mut self, mut asked: Command) -> Ran {
            let made = |worker: usize| files(&work(&self.folder, worker));
            let before: Vec<usize> = (0..3).map(made).collect();
            let mut asked = asked.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut victim = None;
            wait("a worker has made something", || {
                victim = (0..3).find(|worker| made(*worker) > before[*worker]);
                victim.is_some()
            });
            let mut victim = self.workers.remove(victim.unwrap());
            signal("-KILL", &victim.child);
            victim.child.wait().unwrap();
            assert!(asked.try_wait().unwrap().is_none(), "the job was over before the worker was");
            end(asked).exits(0)
        }
    }

    fn work(folder: &tempfile::TempDir, worker: usize) -> PathBuf {
        folder.path().join(format!("work-{worker}"))
    }

    /// How many events the tests cluster.
    fn events() -> u64 {
        let given = std::env::var("ADPROOF_CLUSTER_EVENTS").ok();
        given.map_or(120_000, |text| text.parse().expect("a number of events"))
    }

    const LOGS: u64 = 9;

    /// Feeds, and logs with repeats and with rows that are none.
    fn write_inputs(folder: &Path) {
        for week in 10..22 {
            let feed = format!(
                "ip,fraudType\n3fff:1:2:3::9,displayImpressionFraud\n3fff:9:{week}::1,malware\n"
            );
            fs::write(folder.join(format!("feed-2026-W{week}.csv")), feed).unwrap();
        }
        let mut state = 7_u64;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        for log in 0..LOGS {
            let json = log % 3 == 2;
            let mut text = if json { String::new() } else { "ts,ip,asn,device\n".to_owned() };
            for row in 0..events() / LOGS {
                let (day, device) = (below(28) + 1, below(20_000));
                let asn = 64_496 + below(9);
                let ip = match below(100) {
                    0 => "3fff:1:2:3::9".to_owned(),
                    1 => format!("3fff:1:2:3::{:x}", below(2_000)),
                    2 if row % 20 == 0 => "not an address".to_owned(),
                    _ => format!("3fff:5:{:x}:{:x}::{:x}", below(300), below(90), below(3)),
                };
                if json {
                    writeln!(
                        text,
                        "{{\"time\":\"2026-05-{day:02}T12:00:00Z\",\"ip\":\"{ip}\",\
                         \"asn\":{asn},\"device\":\"d{device}\"}}"
                    )
                    .unwrap();
                } else {
                    writeln!(text, "2026-05-{day:02} 12:00:00,{ip},{asn},d{device}").unwrap();
                }
            }
            let name = format!("log-{log}.{}", if json { "jsonl" } else { "csv" });
            fs::write(folder.join(name), text).unwrap();
        }
    }

    fn score(folder: &Path, more: &[&str]) -> Command {
        let (feeds, logs) = (folder.join("feed-*.csv"), folder.join("log-*"));
        let args = ["score", feeds.to_str().unwrap(), "--events", logs.to_str().unwrap()];
        command(&[&args[..], &["--output-format", "json"], more].concat())
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "how long it took is of interest at other sizes")]
    fn clustering_on_workers_gives_the_bytes_of_the_local_run_also_when_one_is_killed() {
        let mut cluster = Cluster::start();
        write_inputs(cluster.folder.path());
        let at = |name: &str| cluster.folder.path().join(name).to_str().unwrap().to_owned();
        let (here, there) = (at("here.csv"), at("there.csv"));
        let began = Instant::now();
        let local = finish(score(cluster.folder.path(), &["--rejects", &here])).exits(0);
        let local_took = began.elapsed();
        assert_eq!(local.json()["events"].as_array().unwrap().len(), 9);
        let url = cluster.coordinator.address.clone();
        let began = Instant::now();
        // Each log in two pieces: a row has some 60 bytes.
        let piece = (events() / LOGS * 25).to_string();
        let args = ["--cluster", &url, "--rejects", &there, "--piece", &piece];
        let remote = finish(score(cluster.folder.path(), &args)).exits(0);
        println!(
            "{} events: local {local_took:.1?}, on three workers {:.1?}",
            events(),
            began.elapsed()
        );
        assert!(remote.stdout == local.stdout, "the documents differ");
        assert_eq!(remote.stderr, local.stderr);
        let (here, there) = (fs::read(here).unwrap(), fs::read(there).unwrap());
        assert!(here == there && here.len() > 100, "the rejects differ");
        one_log_in_pieces(&cluster);

        let args = ["--cluster", &url, "--piece", &piece];
        let after = cluster.lose_one(score(cluster.folder.path(), &args));
        assert!(after.stdout == local.stdout, "the documents differ after a kill");

        // The others stop when they are asked, and leave nothing behind.
        for worker in cluster.workers.drain(..) {
            let (code, errors) = worker.stop();
            assert_eq!((code, errors.as_str()), (Some(0), "adproof: stopped\n"));
        }
    }

    /// A log of the size of the benchmark's, over two months: homes, some of them listed, with
    /// three devices each.
    fn write_many(log: &Path, rows: u64) {
        const HOMES: u64 = 400_000;
        let days = (0..56).map(|day| (5 + day / 28, day % 28 + 1));
        let days: Vec<String> =
            days.map(|(month, day)| format!("2026-{month:02}-{day:02} 12:00:00,")).collect();
        let net = |home| match home {
            7 => "3fff:1:2:3::9,".to_owned(),
            _ => format!("3fff:5:{:x}:{:x}::9,", home >> 8, home & 255),
        };
        let nets: Vec<String> = (0..HOMES).map(net).collect();
        let devices = (0..3 * HOMES).map(|one| format!("{},d{one}\n", 64_496 + one / 3 % 90));
        let devices: Vec<String> = devices.collect();
        let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(log).unwrap());
        out.write_all(b"ts,ip,asn,device\n").unwrap();
        let mut state = 11_u64;
        for row in 0..rows {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let (home, which) = (state % HOMES, state / HOMES % 3);
            let at = |place: u64| usize::try_from(place).unwrap();
            for part in [&days[at(row % 56)], &nets[at(home)], &devices[at(home * 3 + which)]] {
                out.write_all(part.as_bytes()).unwrap();
            }
        }
        out.flush().unwrap();
    }

    #[test]
    #[allow(clippy::print_stdout, reason = "how long it took is of interest")]
    fn ten_million_events_have_the_bytes_of_the_local_run_also_when_a_worker_is_killed() {
        let mut cluster = Cluster::start();
        let folder = cluster.folder.path().to_owned();
        for week in 10..22 {
            let feed = "ip,fraudType\n3fff:1:2:3::9,displayImpressionFraud\n";
            fs::write(folder.join(format!("feed-2026-W{week}.csv")), feed).unwrap();
        }
        let log = folder.join("log-0.csv");
        write_many(&log, 10_000_000);
        assert!(fs::metadata(&log).unwrap().len() > 450_000_000, "it is cut into several pieces");
        let timed = |more: &[&str]| {
            let began = Instant::now();
            let ran = finish(score(&folder, more)).exits(0);
            println!("{more:?} {:.1?}", began.elapsed());
            ran
        };
        let local = timed(&[]);
        assert_eq!(local.json()["events"][0]["events"].as_u64(), Some(10_000_000));
        let url = cluster.coordinator.address.clone();
        let remote = timed(&["--cluster", &url]);
        assert!(remote.stdout == local.stdout, "the documents differ");
        assert_eq!(remote.stderr, local.stderr);
        let after = cluster.lose_one(score(&folder, &["--cluster", &url]));
        assert!(after.stdout == local.stdout, "the documents differ after a kill");
    }

    /// A single log is read by every worker; and one with newlines within quotes, which are taken
    /// for ends of rows until the pieces are put together, has the bytes of the local run as well.
    fn one_log_in_pieces(cluster: &Cluster) {
        let folder = cluster.folder.path();
        let plain = fs::read_to_string(folder.join("log-0.csv")).unwrap();
        let quoted = plain.replace(",d1", ",\"a phone\n\nof 1").replace("\n2026", "\"\n2026");
        for (name, text) in [("plain.csv", &plain), ("quoted.csv", &quoted)] {
            let log = folder.join(name);
            fs::write(&log, text.replace("device\"\n", "device\n")).unwrap();
            let feeds = folder.join("feed-*.csv");
            let [feeds, log] = [&feeds, &log].map(|path| path.to_str().unwrap());
            let args = ["score", feeds, "--events", log, "--output-format", "json"];
            let more = ["--max-reject-ratio", "1"];
            let local = adproof(&[&args[..], &more].concat()).exits(0);
            let before: Vec<usize> = (0..3).map(|one| files(&work(&cluster.folder, one))).collect();
            let url = &cluster.coordinator.address;
            let piece = (text.len() / 4).to_string();
            let there = ["--cluster", url, "--piece", &piece];
            let remote = adproof(&[&args[..], &more, &there].concat()).exits(0);
            assert!(remote.stdout == local.stdout, "{name}: the documents differ");
            assert_eq!(remote.stderr, local.stderr);
            let idle = (0..3).filter(|one| files(&work(&cluster.folder, *one)) == before[*one]);
            assert_eq!(idle.count(), 0, "{name}: every worker has made something");
        }
    }

    /// Files below a folder.
    fn files(folder: &Path) -> usize {
        let Ok(entries) = fs::read_dir(folder) else { return 0 };
        let count = |entry: fs::DirEntry| {
            if entry.path().is_dir() { files(&entry.path()) } else { 1 }
        };
        entries.flatten().map(count).sum()
    }

    fn wait(what: &str, mut done: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_mins(1);
        while !done() {
            assert!(Instant::now() < until, "not in time: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn queries_on_workers_give_the_rows_of_local_queries() {
        let cluster = Cluster::start();
        write_inputs(cluster.folder.path());
        let table = format!("log={}", cluster.folder.path().join("log-*.csv").display());
        let url = cluster.coordinator.address.as_str();
        for query in [
            "SELECT count(*), count(DISTINCT device), min(ts), max(asn) FROM log",
            "SELECT ipv6_text(ipv6_prefix(ip, 48)) AS block, count(*) AS n FROM log \
             GROUP BY block ORDER BY n DESC, block LIMIT 30",
            "SELECT tally(ip, device, '2026-05-01T00:00:00Z', asn) FROM log",
            "SELECT merge_tallies(part) FROM (SELECT asn, tally(ip, device, 20000, asn) AS part \
             FROM log GROUP BY asn)",
            "SELECT a.asn, count(*) FROM log a JOIN (SELECT device, min(asn) AS asn FROM log \
             GROUP BY device) b ON a.device = b.device AND a.asn = b.asn GROUP BY a.asn \
             ORDER BY a.asn",
            "SELECT device, row_number() OVER (PARTITION BY asn ORDER BY ip, ts, device) AS n \
             FROM log ORDER BY asn, n LIMIT 20",
        ] {
            let args = ["sql", query, "-t", &table, "--output-format", "csv"];
            let local = adproof(&args).exits(0);
            let remote = adproof(&[&args[..], &["--cluster", url]].concat()).exits(0);
            assert!(remote.stdout == local.stdout, "{query}\n{}\n{}", remote.stdout, local.stdout);
            assert!(local.stdout.lines().count() > 1, "{query}");
        }
        let at = |name: &str| cluster.folder.path().join(name).to_str().unwrap().to_owned();
        let asn = "asn,prefix,first_day,last_day\n1,3fff:5::/32,,\n\
                   2,3fff:5:7::/48,2026-05-01,2026-05-15\n";
        fs::write(at("asn.csv"), asn).unwrap();
        let (asn, feeds) = (at("asn.csv"), at("feed-*.csv"));
        let given = ["--asn", &asn, "--feed", &feeds, "-t", &table];
        for query in [
            "SELECT asn(ip, ts) AS n, count(*) FROM log GROUP BY n ORDER BY n",
            "SELECT asn(prefix, '2026-05-01') AS n, count(*) FROM indicators GROUP BY n ORDER BY n",
            "SELECT * FROM recurrence((SELECT marks(prefix, fraud_type, issue, feed, provider, \
             asn) FROM indicators GROUP BY issue), (SELECT tally(ip, device, ts, asn) FROM log))",
            "SELECT block, recurrence_ppm FROM blocks ORDER BY level, block",
        ] {
            let args = [&["sql", query, "--output-format", "csv"], &given[..]].concat();
            let local = adproof(&args).exits(0);
            let remote = adproof(&[&args[..], &["--cluster", url]].concat()).exits(0);
            assert!(remote.stdout == local.stdout, "{query}\n{}\n{}", remote.stdout, local.stdout);
            assert!(local.stdout.lines().count() > 1, "{query}: {}", local.stdout);
        }
        let refused = ["sql", "DROP TABLE log", "-t", &table, "--cluster", url];
        adproof(&refused).exits(2).says(&["only queries are answered"]);
        let failing = ["sql", "SELECT tally(ip, device, ts || 'x') FROM log", "-t", &table];
        adproof(&[&failing[..], &["--cluster", url]].concat())
            .exits(2)
            .says(&["the job failed on the cluster", "12:00:00x"]);
        for process in cluster.workers {
            assert_eq!(process.stop(), (Some(0), "adproof: stopped\n".to_owned()));
        }
        let left: usize = (0..3).map(|worker| files(&work(&cluster.folder, worker))).sum();
        assert_eq!(left, 0, "what a worker made is gone with it");
        assert_eq!(cluster.coordinator.stop(), (Some(0), "adproof: stopped\n".to_owned()));
    }

    #[test]
    fn what_cannot_work_says_what_where_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("df://{}", free.local_addr().unwrap())
        };
        let ran = adproof(&["sql", "SELECT 1", "--cluster", &nobody]).exits(2);
        ran.says(&["no coordinator answers at", &nobody, "adproof cluster coordinator"]);
        let worker = ["cluster", "worker", "--coordinator"];
        let with = |more: &[&str]| adproof(&[&worker[..], more].concat()).exits(2);
        let work = folder.path().to_str().unwrap();
        with(&[&nobody, "--work", work]).says(&["no coordinator answers at"]);
        with(&["127.0.0.1:50050"]).says(&["df://host:port", "--coordinator 127.0.0.1:50050"]);

        let coordinator = Process::coordinator();
        let url = coordinator.address.as_str();
        let port = url.strip_prefix("df://").unwrap();
        let taken = adproof(&["cluster", "coordinator", "--listen", port]).exits(2);
        taken.says(&["cannot listen on", port, "choose another port"]);
        with(&[url, "--listen", port, "--work", work]).says(&["cannot listen on", port]);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        with(&[url, "--work", file.to_str().unwrap()]).says(&["cannot be used", "--work"]);
        assert_eq!(coordinator.stop(), (Some(0), "adproof: stopped\n".to_owned()));
    }
}

//! The log as strangers see it: proofs, forks, witnesses and time stamps, with the real binary.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use adproof_edge::bundle::{SentLimits, read_sent};
use adproof_edge::keys::{Limits as KeyLimits, LogKeys};
use adproof_edge::store::{LedgerWriter, Limits};
use adproof_ledger::bundle::Files;
use adproof_ledger::tree::{MemoryTree, consistency_proof, leaf_hash, root_at};
use adproof_ledger::{
    AddCheckpoint, Body, Checkpoint, Cosigned, Hash, MemoryKey, NamedKey, RecordTime, Recovery,
    Signer as _, VerifiedCheckpoint, WitnessKey, cosign,
};
use tempfile::TempDir;

use crate::bundle::run_script;
use crate::run::{Ran, adproof, command};

const LOG: &str = "log.example/adproof";
const NAME: &str = "witness.example/w1";

/// A folder with the keys of a log, and what tests put beside them.
struct Log {
    dir: TempDir,
}

impl Log {
    fn new() -> Self {
        let log = Self { dir: tempfile::tempdir().unwrap() };
        let keys = log.text("keys");
        adproof(&["keys", "new", &keys, "--log", LOG, "--no-passphrase"]).exits(0);
        log
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Appends records to the ledger in `folder`; `salt` makes histories differ.
    fn append(&self, folder: &str, records: u64, salt: u8) {
        self.append_at(folder, records, salt, 1_780_000_000_000_000);
    }

    fn append_at(&self, folder: &str, records: u64, salt: u8, wall_us: i64) {
        let keys = LogKeys::open(&self.path("keys"), None, &KeyLimits::default()).unwrap();
        let (signers, _) = keys.into_signers();
        let time = RecordTime {
            wall_us,
            error_us: 500,
            monotonic_us: 1,
            source: "fixed".into(),
            beacon: None,
        };
        let root = self.path(folder);
        let limits = Limits::default();
        // No second place: tests here write the histories that it would keep from being signed.
        let writer = LedgerWriter::open_or_create(&root, LOG, signers, None, &time, limits);
        let mut writer = writer.unwrap();
        let sha256 = Hash::of(&[salt]);
        let body = |bytes| (Body::Recovery(Recovery { bytes, sha256 }), time.clone());
        writer.append_bodies((0..records).map(body).collect()).unwrap();
        writer.close().unwrap();
    }

    fn run(&self, args: &[&str]) -> Ran {
        // Names of files stand for files of this folder.
        let args = args.iter().map(|arg| match arg.strip_prefix('@') {
            Some(name) => self.text(name),
            None => (*arg).to_owned(),
        });
        adproof(&args.collect::<Vec<_>>())
    }

    fn hold(&self, ledger: &str, name: &str) {
        fs::copy(self.path(ledger).join("checkpoint"), self.path(name)).unwrap();
    }
}

#[test]
fn a_record_and_its_place_are_proven_without_the_ledger() {
    let log = Log::new();
    log.append("ledger", 300, 0);
    let prove = ["ledger", "prove", "@ledger", "7", "-o", "@proof", "--record", "@record"];
    log.run(&prove).exits(0);
    let verify = ["ledger", "verify-proof", "@proof", "--key", "@keys/log.pub", "--record"];
    let verify = |record| log.run(&[&verify[..], &[record]].concat());
    let said = verify("@record").exits(0).stdout;
    assert!(said.contains("record 7 is in log.example/adproof (300 records)"), "{said}");
    assert!(!said.contains("not checked"), "{said}");
    // The bytes alone have a place too, and it is said what was not checked.
    let envelope: serde_json::Value =
        serde_json::from_slice(&fs::read(log.path("record")).unwrap()).unwrap();
    decode_base64(envelope["payload"].as_str().unwrap(), &log.path("bytes"));
    assert!(verify("@bytes").exits(0).stdout.contains("signature was not checked"));
    let mut bytes = fs::read(log.path("bytes")).unwrap();
    bytes[40] ^= 1;
    fs::write(log.path("bytes"), bytes).unwrap();
    assert!(verify("@bytes").exits(1).stdout.contains("FAILED: record 7"));
    // Another record's proof, and another log's key.
    log.run(&["ledger", "prove", "@ledger", "8", "-o", "@proof"]).exits(0);
    assert!(verify("@record").exits(1).stdout.contains("FAILED: record 8"));
    let other = Log::new();
    let stranger = other.text("keys/log.pub");
    let args = ["ledger", "verify-proof", "@proof", "--record", "@record", "--key", &stranger];
    log.run(&args).exits(1);
}

fn decode_base64(text: &str, path: &std::path::Path) {
    let out = fs::File::create(path).unwrap();
    let mut child = std::process::Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(out)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_held_checkpoint_is_proven_to_be_the_beginning() {
    let log = Log::new();
    log.append("ledger", 100, 0);
    log.hold("ledger", "held");
    log.append("ledger", 250, 0);
    let prove =
        |old: &str| log.run(&["ledger", "prove", "@ledger", "--consistency", old, "-o", "@proof"]);
    prove("@held").exits(0);
    let verify = ["ledger", "verify-proof", "@proof", "--key", "@keys/log.pub", "--checkpoint"];
    let verify = |held| log.run(&[&verify[..], &[held]].concat());
    let said = verify("@held").exits(0).stdout;
    assert!(said.contains("350 records continue the 100"), "{said}");
    prove("100").exits(0);
    verify("@held").exits(0);
    prove("99").exits(0);
    assert!(verify("@held").exits(1).stdout.contains("begins at 99"));
    prove("351").exits(2);
    // The same keys, another history.
    log.append("other", 100, 1);
    log.hold("other", "other-held");
    prove("@held").exits(0);
    assert!(verify("@other-held").exits(1).stdout.contains("does not lead"));
}

#[test]
fn a_fork_is_told_with_its_proof() {
    let log = Log::new();
    for (ledger, salt) in [("mine", 0), ("theirs", 1)] {
        log.append(ledger, 20, salt);
        log.hold(ledger, &format!("{ledger}-held"));
    }
    let compare = |one, other| log.run(&["ledger", "verify", one, other, "--key", "@keys/log.pub"]);
    for pair in [("@mine", "@theirs"), ("@mine-held", "@theirs-held"), ("@mine", "@theirs-held")] {
        let said = compare(pair.0, pair.1).exits(1).stdout;
        assert!(said.contains("FORK"), "{said}");
        // The proof is both notes, whole.
        for held in ["mine-held", "theirs-held"] {
            assert!(said.contains(&fs::read_to_string(log.path(held)).unwrap()), "{said}");
        }
    }
    compare("@mine", "@mine-held").exits(0);
    // Of two sizes: the ledger tells.
    log.append("mine", 5, 0);
    log.hold("mine", "mine-later");
    let said = compare("@mine", "@mine-held").exits(0).stdout;
    assert!(said.contains("with 5 records more"), "{said}");
    assert!(compare("@theirs-held", "@mine").exits(1).stdout.contains("FORK"));
    compare("@mine-later", "@mine-held").exits(2).says(&["consistency proof"]);
    // A checkpoint that nobody trusted has signed is no proof of anything.
    let text = fs::read_to_string(log.path("theirs-held")).unwrap();
    fs::write(log.path("forged"), text.replace("\n20\n", "\n21\n")).unwrap();
    compare("@mine", "@forged").exits(2).says(&["does not fit the text"]);
}

#[test]
fn a_checkpoint_is_printed_when_it_can_be_trusted() {
    let log = Log::new();
    log.append("ledger", 3, 0);
    let key = ["--key", "@keys/log.pub"];
    let printed = log.run(&[&["ledger", "checkpoint", "@ledger"][..], &key].concat()).exits(0);
    let kept = fs::read_to_string(log.path("ledger/checkpoint")).unwrap();
    assert_eq!(printed.stdout, kept);
    assert!(printed.stderr.contains("verified: 3 records"), "{}", printed.stderr);
    fs::write(log.path("held"), kept.replace("\n3\n", "\n4\n")).unwrap();
    let refused = log.run(&[&["ledger", "checkpoint", "@held"][..], &key].concat()).exits(1);
    assert!(refused.stdout.starts_with("FAILED: "), "{}", refused.stdout);
}

/// `adproof ledger witness serve`, killed when it is dropped.
struct Witness {
    child: Child,
    address: String,
}

impl Witness {
    fn start(log: &Log, state: &str, key: &str) -> Self {
        let mut child = command(&[
            "ledger",
            "witness",
            "serve",
            "--key",
            &log.text(key),
            "--name",
            NAME,
            "--log",
            &log.text("keys/log.pub"),
            "--state",
            &log.text(state),
            "--listen",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.strip_suffix("/\n"))
            .unwrap_or_else(|| panic!("{line}"))
            .to_owned();
        Self { child, address }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body; none where the witness died.
fn ask(address: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

fn new_key(log: &Log, name: &str) -> String {
    let path = log.path(name);
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let vkey = log.run(&["ledger", "witness", "key", &format!("@{name}"), "--name", NAME]);
    vkey.exits(0).stdout.trim_end().to_owned()
}

#[test]
fn a_witness_cosigns_and_a_policy_demands_it() {
    let log = Log::new();
    log.append("ledger", 10, 0);
    let (one, two) = (new_key(&log, "one.key"), new_key(&log, "two.key"));
    let witness = Witness::start(&log, "state", "one.key");
    let url = format!("http://{}/", witness.address);
    let policy = |quorum: &str| {
        let text = format!(
            "witness one {one} {url}\nwitness two {two}\ngroup both all one two\nquorum {quorum}\n"
        );
        fs::write(log.path("policy"), text).unwrap();
    };
    policy("one");
    let submit = ["ledger", "witness", "submit", "@ledger", "--policy", "@policy"];
    let checkpoint = ["ledger", "checkpoint", "@ledger", "--policy", "@policy"];
    let before = log.run(&checkpoint).exits(1);
    assert!(before.stderr.contains("NOT MET: witnessed by 0 of 2"), "{}", before.stderr);
    let said = log.run(&submit).exits(0).stdout;
    assert!(said.contains("witness     one: cosigned 20"), "{said}");
    assert!(said.contains("policy      met: witnessed by 1 of 2"), "{said}");
    // What is printed is the cosigned note, and the checkpoint beside the ledger is as it was.
    let cosigned = log.run(&checkpoint).exits(0).stdout;
    let plain = fs::read_to_string(log.path("ledger/checkpoint")).unwrap();
    assert!(cosigned.starts_with(&plain) && cosigned.contains(NAME), "{cosigned}");
    // The proof of a record carries it.
    let prove = ["ledger", "prove", "@ledger", "3", "-o", "@proof", "--record", "@record"];
    log.run(&prove).exits(0);
    let verify = ["ledger", "verify-proof", "@proof", "--record", "@record", "--key"];
    let verify = [&verify[..], &["@keys/log.pub", "--policy", "@policy"]].concat();
    assert!(log.run(&verify).exits(0).stdout.contains("policy      met"));
    // A later checkpoint is not cosigned yet; a record under the older one still can be proven.
    log.append("ledger", 5, 0);
    log.run(&checkpoint).exits(1);
    log.run(&prove).exits(0);
    assert!(log.run(&verify).exits(1).stdout.contains("NOT MET"));
    log.run(&[&prove[..], &["--policy", "@policy"]].concat()).exits(0);
    log.run(&verify).exits(0);
    log.run(&submit).exits(0);
    log.run(&checkpoint).exits(0);
    // Two must have signed, and one cannot be asked.
    policy("both");
    assert!(log.run(&submit).exits(1).stdout.contains("NOT MET: witnessed by 1 of 2"));
    // A ledger that was restored from a backup is told on.
    log.append("fork", 15, 1);
    policy("one");
    let fork = ["ledger", "witness", "submit", "@fork", "--policy", "@policy"];
    let said = log.run(&fork).exits(1).stdout;
    assert!(said.contains("the log has forked"), "{said}");
    log.append("fork", 3, 1);
    assert!(log.run(&fork).exits(1).stdout.contains("status 422"));
    drop(witness);
    assert!(log.run(&submit).exits(0).stdout.contains("refused     one: the service cannot be"));
}

/// How many times the witness is killed; more with `ADPROOF_TEST_KILLS`.
fn kills() -> u32 {
    std::env::var("ADPROOF_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

#[test]
fn a_killed_witness_never_cosigns_a_fork() {
    let log = Log::new();
    let vkey = new_key(&log, "one.key");
    // A log of the test's own, so that it can sign what a log must not.
    let signer = MemoryKey::from_seed(&[5; 32]);
    let key = NamedKey::new(LOG, signer.public_key()).unwrap();
    fs::write(log.path("keys/log.pub"), key.to_vkey() + "\n").unwrap();
    let most = 4000;
    let leaves = |salt: u8| -> MemoryTree {
        (0..most).map(|leaf: u64| leaf_hash(&[&leaf.to_be_bytes()[..], &[salt]].concat())).collect()
    };
    let (tree, other) = (leaves(0), leaves(1));
    let request = |tree: &MemoryTree, old: u64, new: u64| {
        let checkpoint =
            Checkpoint { origin: LOG.to_owned(), size: new, root: root_at(tree, new).unwrap() };
        let proof = consistency_proof(tree, old, new).unwrap();
        AddCheckpoint { old, proof, checkpoint: checkpoint.sign(&signer).unwrap() }.to_text()
    };
    let mut acknowledged = 0;
    let mut cosigned = BTreeMap::new();
    for round in 0..kills() {
        let mut witness = Witness::start(&log, "state", "one.key");
        let address = witness.address.clone();
        // What the witness knows: what it has said, and at most one step more.
        let (status, size) = ask(&address, &request(&tree, most, most)).unwrap();
        assert_eq!(status, 409);
        let size: u64 = size.trim_end().parse().unwrap();
        assert!((acknowledged..=acknowledged + 1).contains(&size), "{acknowledged} {size}");
        // No history but the one is cosigned, at no size that was ever cosigned.
        if size > 0 {
            assert_eq!(ask(&address, &request(&other, size, size)).unwrap().0, 409);
            assert_eq!(ask(&address, &request(&other, size, size + 9)).unwrap().0, 422);
            assert_eq!(ask(&address, &request(&other, 0, size)).unwrap().0, 409);
        }
        acknowledged = size;
        let (answered, first) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let (address, tree, request) = (&address, &tree, &request);
            let loading = scope.spawn(move || {
                let mut size = size;
                let mut lines = Vec::new();
                while let Some((200, line)) = ask(address, &request(tree, size, size + 1)) {
                    size += 1;
                    lines.push((size, line));
                    let _ = answered.send(());
                }
                (size, lines)
            });
            // After the first answer, and at another point of the work each time.
            first.recv().unwrap();
            std::thread::sleep(Duration::from_micros(u64::from(round) * 1_777 % 20_000));
            witness.child.kill().unwrap();
            let (size, lines) = loading.join().unwrap();
            acknowledged = size;
            cosigned.extend(lines);
        });
    }
    assert!(cosigned.len() >= usize::try_from(kills()).unwrap());
    // Each line is of this witness, and over the one tree.
    let witness = [WitnessKey::parse_vkey(&vkey).unwrap()];
    for (size, line) in &cosigned {
        let request = AddCheckpoint::parse(request(&tree, *size, *size).as_bytes()).unwrap();
        let note = request.checkpoint + line;
        let checkpoint =
            VerifiedCheckpoint::verify(note.as_bytes(), LOG, std::slice::from_ref(&key)).unwrap();
        let said = cosign::check_cosignatures(&checkpoint, &witness);
        assert!(matches!(said[..], [Cosigned::At { .. }]), "{size}: {said:?}");
    }
}

/// A time stamp authority of the test's own, with keys of `openssl`.
fn authority(log: &Log) {
    let openssl = |args: &[&str]| {
        let mut command = std::process::Command::new("openssl");
        let output = command.args(args).current_dir(log.dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let root = ["req", "-x509", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=A root"];
    openssl(&[&root[..], &curve].concat());
    let csr = ["req", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=An authority"];
    openssl(&[&csr[..], &curve].concat());
    let uses = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                extendedKeyUsage=critical,timeStamping\n";
    fs::write(log.path("uses"), uses).unwrap();
    let sign = ["x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key"];
    let sign =
        [&sign[..], &["-CAcreateserial", "-days", "9", "-extfile", "uses", "-out", "tsa.pem"]];
    openssl(&sign.concat());
    let config = "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_cert=tsa.pem\n\
                  signer_key=tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\n\
                  digests=sha256\naccuracy=secs:1\ness_cert_id_alg=sha256\n";
    fs::write(log.path("ts.cnf"), config).unwrap();
    fs::write(log.path("serial"), "01\n").unwrap();
}

fn stamp(log: &Log, request: &str, response: &str) {
    let mut command = std::process::Command::new("openssl");
    command.args(["ts", "-reply", "-config", "ts.cnf", "-queryfile", request, "-out", response]);
    let output = command.current_dir(log.dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn now_us() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_micros()).unwrap()
}

#[test]
fn time_stamps_bound_when_records_were_written() {
    let log = Log::new();
    authority(&log);
    log.append_at("ledger", 5, 0, now_us());
    let add = ["ledger", "anchor", "add", "@ledger", "@r.tsr", "--tsa-root", "@root.pem"];
    log.run(&["ledger", "anchor", "request", "@ledger", "-o", "@q.tsq"]).exits(0);
    stamp(&log, "q.tsq", "r.tsr");
    // A response is kept when it verifies, and only then.
    log.run(&add[..5]).exits(2).says(&["--tsa-root"]);
    let said = log.run(&add).exits(0).stdout;
    assert!(said.contains("checkpoint  5 records") && said.contains("An authority"), "{said}");
    // The records behind it come after: the first of them carries its hash.
    std::thread::sleep(Duration::from_millis(10));
    log.append_at("ledger", 3, 0, now_us() + 1_000_000);
    let verify = ["ledger", "verify", "@ledger", "--key", "@keys/log.pub"];
    let trusting = [&verify[..], &["--tsa-root", "@root.pem"]].concat();
    let said = log.run(&trusting).exits(0).stdout;
    assert!(said.contains("anchor      5 records, not after 20"), "{said}");
    assert!(said.contains("time        record 5 and later, not before 20"), "{said}");
    let document = log.run(&[&trusting[..], &["--output-format", "json"]].concat()).json();
    assert_eq!(document["anchors"][0]["verdict"], "stands");
    assert_eq!(document["times"][0]["bound"], "not_after");
    assert_eq!(document["times"][1]["record"], 5);
    assert_eq!(document["checked"]["anchored"], 1);
    // Whoever trusts no authority learns that nothing was checked.
    let said = log.run(&verify).exits(0).stdout;
    assert!(said.contains("anchor      5 records, not checked"), "{said}");
    // A clock that is set back contradicts what the record itself carries.
    log.append_at("ledger", 2, 0, now_us() - 3_600_000_000);
    let said = log.run(&trusting).exits(1).stdout;
    assert!(said.contains("record 8: its clock is 3"), "{said}");
    assert!(said.contains("the clock was set back [anchor]"), "{said}");
    // An older response is not taken for a newer request, nor another log's for this one.
    log.run(&["ledger", "anchor", "request", "@ledger", "-o", "@q.tsq"]).exits(0);
    log.run(&add).exits(0);
    fs::write(log.path("other"), b"something else").unwrap();
    let mut query = std::process::Command::new("openssl");
    query.args(["ts", "-query", "-data", "other", "-sha256", "-cert", "-out", "q2.tsq"]);
    assert!(query.current_dir(log.dir.path()).output().unwrap().status.success());
    stamp(&log, "q2.tsq", "r.tsr");
    assert!(log.run(&add).exits(1).stdout.contains("over no checkpoint"));
    stamp(&log, "q.tsq", "r.tsr");
    log.run(&["ledger", "anchor", "request", "@ledger"]).exits(0);
    assert!(log.run(&add).exits(1).stdout.contains("nonce"));
    // A token that was changed on the disk is told.
    let kept = log.path("ledger/anchors/00000000000000000005");
    let kept = fs::read_dir(kept).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.into_iter().find(|path| path.extension().is_some_and(|e| e == "tsr")).unwrap();
    let mut bytes = fs::read(&kept).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&kept, bytes).unwrap();
    let said = log.run(&trusting).exits(1).stdout;
    assert!(said.contains("FAILED: its signature does not fit"), "{said}");
}

#[test]
fn an_authority_is_asked_over_http() {
    let log = Log::new();
    authority(&log);
    log.append_at("ledger", 5, 0, now_us());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    let submit =
        ["ledger", "anchor", "submit", "@ledger", "--tsa", &url, "--tsa-root", "@root.pem"];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            assert!(head.contains("content-type: application/timestamp-query"), "{head}");
            let length = head.split("content-length: ").nth(1).unwrap();
            let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            fs::write(log.path("q.tsq"), body).unwrap();
            stamp(&log, "q.tsq", "r.tsr");
            let answer = fs::read(log.path("r.tsr")).unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/timestamp-reply\r\n\
                 content-length: {}\r\n\r\n",
                answer.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        });
        let said = log.run(&submit).exits(0).stdout;
        assert!(said.contains("The next record carries its hash."), "{said}");
    });
    drop(listener);
    log.run(&submit).exits(2).says(&["cannot be reached", "ledger anchor request"]);
}

#[test]
fn an_opentimestamps_receipt_stands_under_its_block() {
    let log = Log::new();
    log.append_at("ledger", 5, 0, now_us());
    // A receipt that says of itself what the block's root is: SHA-256 of the note's SHA-256.
    let note = fs::read(log.path("ledger/checkpoint")).unwrap();
    let digest = Hash::of(&note);
    let root = Hash::of(digest.as_bytes());
    let mut receipt =
        b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08".to_vec();
    receipt.extend_from_slice(digest.as_bytes());
    receipt.extend_from_slice(b"\x08\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x03\x80\xea\x30");
    fs::write(log.path("receipt.ots"), &receipt).unwrap();
    let add = ["ledger", "anchor", "add", "@ledger", "@receipt.ots"];
    let said = log.run(&add).exits(0).stdout;
    assert!(said.contains("block       800000"), "{said}");
    let time = u32::try_from(now_us() / 1_000_000).unwrap();
    let header = (0..u32::MAX)
        .find_map(|nonce: u32| {
            let mut header = [0_u8; 80];
            header[36..68].copy_from_slice(root.as_bytes());
            header[68..72].copy_from_slice(&time.to_le_bytes());
            header[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
            header[76..].copy_from_slice(&nonce.to_le_bytes());
            adproof_ledger::ots::BlockHeader::parse(&header).is_ok().then_some(header)
        })
        .unwrap();
    // A hash has the digits of its 32 bytes: the header is two of them and a half.
    let mut padded = [0; 96];
    padded[..80].copy_from_slice(&header);
    let (parts, _) = padded.as_chunks::<32>();
    let hex: String = parts.iter().map(|part| Hash::new(*part).to_string()).collect();
    let hex = &hex[..160];
    let verify = ["ledger", "verify", "@ledger", "--key", "@keys/log.pub", "--block-header"];
    let verify = |header: &str| log.run(&[&verify[..], &[header]].concat());
    let said = verify(&format!("800000:{hex}")).exits(0).stdout;
    assert!(said.contains("Bitcoin block 800000"), "{said}");
    let said = verify(&format!("800001:{hex}")).exits(0).stdout;
    assert!(said.contains("the header of block 800000 was not given"), "{said}");
    verify("800000:00").exits(2);
    receipt[40] ^= 1;
    fs::write(log.path("receipt.ots"), &receipt).unwrap();
    assert!(log.run(&add).exits(1).stdout.contains("over no checkpoint"));
}

#[test]
fn a_verification_with_a_policy_fails_until_it_is_met() {
    let log = Log::new();
    log.append("ledger", 10, 0);
    let one = new_key(&log, "one.key");
    let witness = Witness::start(&log, "state", "one.key");
    let policy = format!("witness one {one} http://{}/\nquorum one\n", witness.address);
    fs::write(log.path("policy"), policy).unwrap();
    let verify = ["ledger", "verify", "@ledger", "--key", "@keys/log.pub", "--policy", "@policy"];
    let said = log.run(&verify).exits(1).stdout;
    assert!(said.contains("FAILED: the policy is not met"), "{said}");
    log.run(&["ledger", "witness", "submit", "@ledger", "--policy", "@policy"]).exits(0);
    let said = log.run(&verify).exits(0).stdout;
    assert!(said.contains("policy      met: witnessed by 1 of 1"), "{said}");
    assert!(!said.contains("no witness"), "{said}");
    let document = log.run(&[&verify[..], &["--output-format", "json"]].concat()).json();
    assert_eq!(document["policy"]["witnesses"][0]["state"], "cosigned");
    assert_eq!(
        (&document["outcome"], &document["checked"]["witnessed"]),
        (&"verified".into(), &1.into())
    );
    // More records, not witnessed yet.
    log.append("ledger", 1, 0);
    let said = log.run(&verify).exits(1).stdout;
    assert!(said.contains("an older checkpoint, of 10 records, meets it"), "{said}");
    let document = log.run(&[&verify[..], &["--output-format", "json"]].concat()).exits(1).json();
    assert_eq!(document["outcome"], "failed");
    // A ledger that was written anew, under the same keys, contradicts what was witnessed.
    log.append("anew", 11, 1);
    let anchors = log.path("ledger/anchors");
    fs::rename(anchors, log.path("anew/anchors")).unwrap();
    let verify = ["ledger", "verify", "@anew", "--key", "@keys/log.pub", "--policy", "@policy"];
    let said = log.run(&verify).exits(1).stdout;
    assert!(said.contains("[witness]"), "{said}");
}

#[test]
fn a_bundle_carries_what_witnesses_and_authorities_say_and_whose_word_it_is() {
    let log = Log::new();
    authority(&log);
    log.append_at("ledger", 4, 0, now_us());
    let (one, two) = (new_key(&log, "one.key"), new_key(&log, "two.key"));
    let witness = Witness::start(&log, "state", "one.key");
    let policy = format!("witness one {one} http://{}/\nquorum one\n", witness.address);
    fs::write(log.path("policy"), policy).unwrap();
    fs::write(log.path("other"), format!("witness two {two}\nquorum two\n")).unwrap();
    let make = ["bundle", "make", "@ledger", "2", "-o", "@b.zip"];
    let verify = ["bundle", "verify", "@b.zip", "--key", "@keys/log.pub"];
    let with = |more: &[&str]| log.run(&[&verify[..], more].concat());
    // Nobody has seen it: that is said.
    log.run(&make).exits(0);
    let said = with(&[]).exits(0).stdout;
    assert!(said.contains("No witness: a rewrite by the key's holder would not show."), "{said}");
    let flat = |ran: Ran| ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let not_met = "no checkpoint in it that covers its decisions meets the policy that you gave";
    let ran = flat(with(&["--policy", "@policy"]).exits(1));
    assert!(ran.contains(not_met), "{ran}");
    // A witness and an authority see a checkpoint, and the log goes on.
    log.run(&["ledger", "witness", "submit", "@ledger", "--policy", "@policy"]).exits(0);
    log.run(&["ledger", "anchor", "request", "@ledger", "-o", "@q.tsq"]).exits(0);
    stamp(&log, "q.tsq", "r.tsr");
    let add = ["ledger", "anchor", "add", "@ledger", "@r.tsr", "--tsa-root", "@root.pem"];
    log.run(&add).exits(0);
    log.append_at("ledger", 3, 0, now_us() + 1_000_000);
    log.run(&[&make[..], &["--policy", "@policy"]].concat()).exits(0);
    // The sender's list of witnesses is the sender's word.
    let said = with(&[]).exits(0).stdout;
    for part in [
        "witness  one: cosigned 20",
        "policy   the sender's own policy is met at 4 records",
        "anchor   4 records, not checked: no root of its authority was given",
        "That the witnesses are independent of the log: the list of them is the",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("No witness"), "{said}");
    let trusting = ["--policy", "@policy", "--tsa-root", "@root.pem"];
    let said = with(&trusting).exits(0).stdout;
    assert!(said.contains("policy   the policy that you gave is met at 4 records"), "{said}");
    assert!(said.contains("anchor   4 records, not after 20"), "{said}");
    assert!(!said.contains("independent of the log"), "{said}");
    let document = with(&[&trusting[..], &["--output-format", "json"]].concat()).json();
    assert_eq!(document["witnesses"]["policy_of"], "reader");
    assert_eq!(document["anchors"][0]["verdict"], "stands");
    let ran = flat(with(&["--policy", "@other"]).exits(1));
    assert!(ran.contains(not_met), "{ran}");
    // openssl tells the same of the witness, and whose list it is.
    let files =
        read_sent(&fs::read(log.path("b.zip")).unwrap(), &SentLimits::default()).unwrap().files;
    let script = |name: &str, files: &Files, policy: &[&Path]| {
        let args = [&[Path::new("keys/log.pub")], policy].concat();
        let output = run_script(log.dir.path(), name, files, &args);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = script("own", &files, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("ok      the checkpoint, signed by the witness one, listed by the sender")
    );
    let (code, said) = script("given", &files, &[Path::new("policy")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ok      the checkpoint, signed by the witness one, 1"), "{said}");
    let (_, said) = script("theirs", &files, &[Path::new("other")]);
    assert!(said.contains("the witness two has not signed this checkpoint"), "{said}");
    assert!(said.contains("without a witness"), "{said}");
    let mut edited = files;
    for bytes in edited.values_mut() {
        // The last line of the checkpoint, wherever it stands, with another signature.
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some((start, line)) = text.rsplit_once(&format!("\u{2014} {NAME} ")) {
            let flip = if line.as_bytes()[40] == b'A' { "B" } else { "A" };
            let line = format!("{}{flip}{}", &line[..40], &line[41..]);
            *bytes = format!("{start}\u{2014} {NAME} {line}").into_bytes();
        }
    }
    let (code, said) = script("edited", &edited, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the line of the witness one does not fit"), "{said}");
    // The last checkpoint, which nobody has seen, continues the one that they have.
    log.run(&make).exits(0);
    let said = with(&trusting).exits(0).stdout;
    assert!(said.contains("under a checkpoint of 7"), "{said}");
    assert!(said.contains("anchor   4 records, not after 20"), "{said}");
    // A token that was changed is told, by whoever can check it.
    let bytes = fs::read(log.path("b.zip")).unwrap();
    let mut files = read_sent(&bytes, &SentLimits::default()).unwrap().files;
    let name = files.keys().find(|name| name.contains(".tsr")).unwrap().clone();
    let mut token = files.remove(&name).unwrap();
    let last = token.len() - 1;
    token[last] ^= 1;
    let name = format!("anchors/00000000000000000004/{}.tsr", Hash::of(&token));
    files.insert(name, token);
    fs::write(log.path("b.zip"), adproof_edge::bundle::pack(&files).unwrap()).unwrap();
    with(&[]).exits(0);
    let ran = flat(with(&trusting).exits(1));
    assert!(ran.contains("its signature does not fit"), "{ran}");
    drop(witness);
}

#[test]
fn what_is_no_bundle_is_told_by_what_it_is() {
    let log = Log::new();
    log.append("ledger", 3, 0);
    log.run(&["ledger", "prove", "@ledger", "1", "-o", "@proof", "--record", "@record"]).exits(0);
    log.hold("ledger", "checkpoint");
    fs::write(log.path("pdf"), "%PDF-1.7 print of a bundle").unwrap();
    fs::write(log.path("page"), "<!doctype html><p>hello").unwrap();
    fs::write(log.path("empty"), "").unwrap();
    for (file, told) in [
        ("@record", "it is a signed envelope"),
        ("@proof", "it is the proof of one record"),
        ("@checkpoint", "it is a checkpoint"),
        ("@pdf", "a print of a bundle proves nothing"),
        ("@page", "no bundle lies in it"),
        ("@empty", "it is empty"),
        ("@keys/log.pub", "it is text of another kind"),
    ] {
        log.run(&["bundle", "verify", file]).exits(2).says(&[told]);
    }
}

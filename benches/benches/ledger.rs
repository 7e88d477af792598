//! The ledger: making records, signing them, putting batches on a disk, verifying them.

use std::hint::black_box;
use std::time::Duration;

use adproof_edge::store::{LedgerReader, LedgerWriter, Limits, Signers};
use adproof_ledger::tree::{CompactTree, leaf_hash};
use adproof_ledger::verify::Limits as VerifyLimits;
use adproof_ledger::{
    Action, Body, Chain, Completeness, DayKey, Decision, Draft, EvidenceKey, Hash, Input, Leg,
    LegState, Legs, MemoryKey, NamedKey, Number, Reason, Record, RecordTime, Repro, Role,
    SignError, Signer, TrustedKeys, Value, dsse,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const LOG: &str = "log.example/adproof";

fn time() -> RecordTime {
    RecordTime {
        wall_us: 1_780_000_000_000_000,
        error_us: 500,
        monotonic_us: 1,
        source: "fixed".into(),
        beacon: None,
    }
}

/// A decision of usual size: about 1.9 kB.
fn draft(index: i64) -> Draft {
    let leg = Leg { state: LegState::Present, root: Hash::of(b"leg") };
    let reason = |gate: &str| Reason {
        gate: gate.to_owned(),
        numbers: vec![Number { name: "value_ppm".to_owned(), value: index }],
        outcome: "met".to_owned(),
    };
    Draft {
        legs: Legs {
            request: leg,
            network: leg,
            creative: leg,
            vast: leg,
            execution: leg,
            billing: leg,
        },
        completeness: Completeness { have: 6, miss: 0, ppm: 1_000_000 },
        dec: Decision {
            action: Action::Observe,
            collateral: Vec::new(),
            expires_us: None,
            held_out: false,
            reasons: ["completeness", "recurrence", "collateral"].map(reason).into(),
            scores: Vec::new(),
            subject: Hash::of(b"subject"),
            tag: None,
            target: Some("3fff:100:0:1::/64".to_owned()),
        },
        repro: Repro {
            engine: Hash::of(b"engine"),
            inputs: vec![Input { role: "feed".to_owned(), sha256: Hash::of(b"feed") }],
            model: Hash::of(b"model"),
            params: Hash::of(b"params"),
            policy: Hash::of(b"policy"),
            ruleset: Hash::of(b"ruleset"),
            seed: 7,
        },
    }
}

/// Signs nothing: what is left is the making of the record.
struct NoSigner(MemoryKey);

impl Signer for NoSigner {
    fn public_key(&self) -> adproof_ledger::PublicKey {
        self.0.public_key()
    }

    fn sign(&self, _message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok([0; 64])
    }
}

fn record_key() -> MemoryKey {
    MemoryKey::from_seed(&[1; 32])
}

fn checkpoint_key() -> MemoryKey {
    MemoryKey::from_seed(&[2; 32])
}

fn records(c: &mut Criterion) {
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    let body = Body::Decision(Box::new(draft(7)));
    let record = Record {
        log: LOG.to_owned(),
        seq: 9,
        prev: Hash::of(b"prev"),
        kid: record_key().key_id(),
        time: time(),
        body: body.clone(),
    };
    let Ok(bytes) = record.to_bytes() else { return };
    let key = record_key();
    group.bench_function("canonicalise", |b| b.iter(|| black_box(&record).to_bytes()));
    group.bench_function("canonicalise, hash, chain", |b| {
        let mut record = record.clone();
        let mut tree = CompactTree::new();
        b.iter(|| {
            let bytes = record.to_bytes().unwrap_or_default();
            record.prev = leaf_hash(&bytes);
            record.seq += 1;
            tree.push(record.prev, |_, _| {});
        });
    });
    group.bench_function("build, canonicalise, hash, chain", |b| {
        let unsigned = NoSigner(record_key());
        let Ok(mut chain) = Chain::new(LOG) else { return };
        b.iter(|| chain.append(&unsigned, body.clone(), &time()));
    });
    group.bench_function("parse strictly", |b| b.iter(|| Record::parse(black_box(&bytes))));
    group.bench_function("sign", |b| b.iter(|| dsse::sign(&key, black_box(&bytes))));
    let Ok(signature) = dsse::sign(&key, &bytes) else { return };
    let public = key.public_key();
    group.bench_function("verify strictly", |b| {
        b.iter(|| dsse::verify(&public, black_box(&bytes), &signature));
    });
    let evidence = EvidenceKey::new([3; 32]);
    let day = DayKey::new([4; 32]);
    group.bench_function("commit to six legs of four values", |b| {
        let values = ["ip", "asn", "device", "bundle"].map(|name| (name, Value::from(name)));
        b.iter(|| {
            let key = evidence.record_key(&day, &evidence.subject("transaction", "1"));
            Legs::NAMES.map(|leg| key.commit(leg, &values).map(|one| one.root))
        });
    });
    group.finish();
}

/// Durable: each iteration returns when the batch is synced and its checkpoint is published.
fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append durably");
    group.sample_size(20).measurement_time(Duration::from_secs(8));
    for batch in [1_u64, 64, 512] {
        let Ok(dir) = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")) else { return };
        let signers =
            Signers { record: Box::new(record_key()), checkpoint: Box::new(checkpoint_key()) };
        let heads = dir.path().join("heads");
        let root = dir.path().join("ledger");
        let made = LedgerWriter::create(&root, LOG, signers, Some(&heads), Limits::default());
        let Ok(mut writer) = made else { return };
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::from_parameter(batch), |b| {
            b.iter_batched(
                || (0..batch).map(|_| (draft(7), time())).collect::<Vec<_>>(),
                |drafts| writer.append(drafts).map(|appended| appended.len()),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn verify(c: &mut Criterion) {
    const RECORDS: u64 = 2000;
    let Ok(dir) = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")) else { return };
    let signers =
        Signers { record: Box::new(record_key()), checkpoint: Box::new(checkpoint_key()) };
    let made = LedgerWriter::create(dir.path(), LOG, signers, None, Limits::default());
    let Ok(mut writer) = made else { return };
    let drafts = (0..RECORDS).map(|_| (draft(7), time())).collect();
    if writer.append(drafts).is_err() || writer.close().is_err() {
        return;
    }
    let keys = [
        NamedKey::of_role(LOG, Role::Checkpoint, checkpoint_key().public_key()),
        NamedKey::of_role(LOG, Role::Record, record_key().public_key()),
    ];
    let Ok(trusted) = TrustedKeys::new(keys.into_iter().flatten()) else { return };
    let Ok(reader) = LedgerReader::open(dir.path()) else { return };
    let mut group = c.benchmark_group("verify a ledger");
    group.throughput(Throughput::Elements(RECORDS)).sample_size(10);
    group.bench_function("2000 records", |b| {
        b.iter(|| reader.verify(&trusted, &[], VerifyLimits::default()));
    });
    group.finish();
}

criterion_group!(benches, records, append, verify);
criterion_main!(benches);

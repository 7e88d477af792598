//! The ledger's figures: durable records a second and their latency beside the bare steps, the
//! cost of an append by the log's length, opening, verifying, memory. See `benches/README.md`.
//!
//! ```sh
//! cargo run --profile dist -p adproof-edge --example ledger -- [records] [folder]
//! ```

use std::collections::VecDeque;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use adproof_edge::store::{GroupLimits, LedgerGroup, LedgerReader, LedgerWriter, Limits, Signers};
use adproof_ledger::verify::Limits as VerifyLimits;
use adproof_ledger::{
    Action, Body, Chain, Completeness, Decision, Draft, Hash, Input, Leg, LegState, Legs,
    MemoryKey, NamedKey, Number, Reason, RecordTime, Repro, Role, Signer as _, TrustedKeys, dsse,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const LOG: &str = "log.example/adproof";
/// Rounds of each contender, in turn.
const ROUNDS: usize = 7;

fn time() -> RecordTime {
    RecordTime {
        wall_us: 1_780_000_000_000_000,
        error_us: 500,
        monotonic_us: 1,
        source: "fixed".into(),
        beacon: None,
    }
}

/// A decision of usual size: its record has 1,956 bytes or a few more.
fn body() -> Body {
    let leg = Leg { state: LegState::Present, root: Hash::of(b"leg") };
    let reason = |gate: &str| Reason {
        gate: gate.to_owned(),
        numbers: vec![Number { name: "value_ppm".to_owned(), value: 7 }],
        outcome: "met".to_owned(),
    };
    Body::Decision(Box::new(Draft {
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
    }))
}

fn key(seed: u8) -> MemoryKey {
    MemoryKey::from_seed(&[seed; 32])
}

fn signers() -> Signers {
    Signers { record: Box::new(key(1)), checkpoint: Box::new(key(2)) }
}

/// Microseconds of many operations.
#[derive(Default)]
struct Latencies(Vec<u128>);

impl Latencies {
    fn ms(&mut self, part_ppm: usize) -> String {
        self.0.sort_unstable();
        let at = (self.0.len() * part_ppm / 1_000_000).min(self.0.len().saturating_sub(1));
        let us = self.0.get(at).copied().unwrap_or(0);
        format!("{}.{:02}", us / 1000, us % 1000 / 10)
    }
}

fn per_second(count: usize, took: Duration) -> u128 {
    u128::try_from(count).unwrap_or(0) * 1_000_000_000 / took.as_nanos().max(1)
}

fn median(mut values: Vec<u128>) -> (u128, u128) {
    values.sort_unstable();
    let middle = values.get(values.len() / 2).copied().unwrap_or(0);
    (middle, values.last().copied().unwrap_or(0))
}

/// Records of equal size, made but not signed.
fn made(count: usize) -> Outcome<Vec<Vec<u8>>> {
    let (mut chain, kid) = (Chain::new(LOG)?, key(1).key_id());
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(chain.prepare(kid, body(), &time())?.bytes().to_vec());
    }
    Ok(records)
}

/// Signs on `threads` threads.
fn sign(records: &[Vec<u8>], threads: usize) {
    thread::scope(|scope| {
        for share in records.chunks(records.len().div_ceil(threads).max(1)) {
            scope.spawn(move || {
                let key = key(1);
                for record in share {
                    let _ = black_box(dsse::sign(&key, record));
                }
            });
        }
    });
}

/// The bare steps: sign a batch on one thread, write it, `fdatasync`. No chain, tree or checkpoint.
fn bare(dir: &Path, records: &[Vec<u8>], batch: usize) -> Outcome<(Duration, Latencies)> {
    let (mut file, key) = (File::create(dir.join("bare"))?, key(1));
    let (start, mut latencies) = (Instant::now(), Latencies::default());
    for batch in records.chunks(batch) {
        let begin = Instant::now();
        let mut bytes = Vec::new();
        for record in batch {
            bytes.extend_from_slice(record);
            bytes.extend_from_slice(&dsse::sign(&key, record)?.signature);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        latencies.0.push(begin.elapsed().as_micros());
    }
    Ok((start.elapsed(), latencies))
}

/// The store: each of `threads` threads keeps `window` records under way, one a submission.
fn group(
    writer: LedgerWriter,
    batch: usize,
    (threads, window): (usize, usize),
    records: usize,
) -> Outcome<(LedgerWriter, Duration, Latencies)> {
    let limits = GroupLimits { batch_records: batch, ..GroupLimits::default() };
    let group = LedgerGroup::start(writer, limits)?;
    let (start, body) = (Instant::now(), body());
    let submit = || {
        let (mut latencies, mut under_way) = (Vec::new(), VecDeque::new());
        for _ in 0..records / threads {
            if under_way.len() == window
                && let Some((begin, ticket)) = under_way.pop_front()
            {
                settle(begin, &ticket, &mut latencies)?;
            }
            under_way.push_back((Instant::now(), group.submit(body.clone(), time())));
        }
        for (begin, ticket) in under_way {
            settle(begin, &ticket, &mut latencies)?;
        }
        Ok::<_, String>(latencies)
    };
    let mut latencies = Latencies::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(submit)).collect();
        for thread in threads {
            latencies.0.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok::<_, String>(())
    })?;
    let took = start.elapsed();
    Ok((group.close()?, took, latencies))
}

fn settle(
    begin: Instant,
    ticket: &adproof_edge::store::Ticket,
    latencies: &mut Vec<u128>,
) -> Result<(), String> {
    ticket.wait().map_err(|error| error.to_string())?;
    latencies.push(begin.elapsed().as_micros());
    Ok(())
}

/// Processor time of this process so far, µs, user and system. On a machine that is shared it says
/// more than the clock.
fn cpu_us() -> u128 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u128>().ok()).sum::<u128>() * 10_000
}

/// Processor time for each of `count` records since `before`, µs.
fn cpu_each(before: u128, count: usize) -> String {
    let tenths = (cpu_us() - before) * 10 / u128::try_from(count).unwrap_or(1).max(1);
    format!("{}.{} us of processor", tenths / 10, tenths % 10)
}

/// Resident memory now, MB.
fn memory_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let total: usize = args.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let dir = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = dir.join(format!("adproof-bench-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let result = run(&dir, total, &mut io::stdout().lock());
    fs::remove_dir_all(&dir)?;
    result
}

fn run(dir: &Path, total: usize, out: &mut impl Write) -> Outcome<()> {
    let cores = thread::available_parallelism()?.get();
    limits(cores, out)?;
    for batch in [64, 256, 512] {
        throughput(dir, batch, out)?;
    }
    length(dir, total, out)
}

/// What the machine allows: signatures a second.
fn limits(cores: usize, out: &mut impl Write) -> Outcome<()> {
    let records = made(8192)?;
    let bytes = records.first().map_or(0, Vec::len);
    writeln!(out, "records of {bytes} bytes, {cores} cores")?;
    for threads in [1, cores] {
        let (mut rates, before) = (Vec::new(), cpu_us());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            sign(&records, threads);
            rates.push(per_second(records.len(), start.elapsed()));
        }
        let (middle, best) = median(rates);
        let cpu = cpu_each(before, ROUNDS * records.len());
        writeln!(out, "sign alone, {threads} threads: {middle}/s (best {best}/s), {cpu}")?;
    }
    Ok(())
}

/// The bare steps and the store, in turn.
fn throughput(dir: &Path, batch: usize, out: &mut impl Write) -> Outcome<()> {
    const RECORDS: usize = 40_960;
    let records = made(RECORDS)?;
    let (mut bare_rates, mut rates) = (Vec::new(), Vec::new());
    let (mut bare_latencies, mut latencies) = (Latencies::default(), Latencies::default());
    let (mut bare_cpu, mut cpu) = (0, 0);
    for round in 0..ROUNDS {
        let before = cpu_us();
        let (took, some) = bare(dir, &records, batch)?;
        bare_rates.push(per_second(RECORDS, took));
        bare_latencies.0.extend(some.0);
        bare_cpu += cpu_us() - before;
        let root = dir.join(format!("group-{batch}-{round}"));
        let heads = dir.join(format!("heads-{batch}-{round}"));
        let writer = LedgerWriter::create(&root, LOG, signers(), Some(&heads), Limits::default())?;
        let before = cpu_us();
        // Enough under way for a batch that is signed and one that is synced.
        let (writer, took, some) = group(writer, batch, (4, batch / 2), RECORDS)?;
        rates.push(per_second(RECORDS, took));
        latencies.0.extend(some.0);
        cpu += cpu_us() - before;
        writer.close()?;
        fs::remove_dir_all(root)?;
    }
    let ((bare_rate, bare_best), (rate, best)) = (median(bare_rates), median(rates));
    let (p50, p99) = (bare_latencies.ms(500_000), bare_latencies.ms(990_000));
    writeln!(out, "batches of {batch}:")?;
    let cpu_of = |us: u128| cpu_each(cpu_us() - us, ROUNDS * RECORDS);
    let of = cpu_of(bare_cpu);
    writeln!(out, "  sign on one thread, write, fdatasync, nothing else:")?;
    writeln!(
        out,
        "    {bare_rate}/s (best {bare_best}/s), {of}; batch p50 {p50} ms, p99 {p99} ms"
    )?;
    let (p50, p99, p999) = (latencies.ms(500_000), latencies.ms(990_000), latencies.ms(999_000));
    let of = cpu_of(cpu);
    writeln!(out, "  the store, 4 threads that submit:")?;
    writeln!(
        out,
        "    {rate}/s (best {best}/s), {of}; record p50 {p50} ms, p99 {p99} ms, p99.9 {p999} ms"
    )?;
    Ok(())
}

/// The cost of an append, opening and verifying, by the log's length.
fn length(dir: &Path, total: usize, out: &mut impl Write) -> Outcome<()> {
    let (root, heads) = (dir.join("long"), dir.join("heads"));
    let mut writer = LedgerWriter::create(&root, LOG, signers(), Some(&heads), Limits::default())?;
    let mut size = 0;
    let marks = [1_000, 100_000, 1_000_000];
    for mark in marks.into_iter().filter(|mark| *mark <= total) {
        (writer, _, _) = group(writer, 512, (4, 256), mark.saturating_sub(size))?;
        writer.close()?;
        let open = || {
            let start = Instant::now();
            LedgerWriter::open(&root, signers(), Some(&heads), &time(), Limits::default())
                .map(|writer| (writer, start.elapsed()))
        };
        let (opened, took) = open()?;
        let (opened, _, mut one) = group(opened, 512, (1, 1), 200)?;
        let before = cpu_us();
        let (back, many, mut all) = group(opened, 512, (4, 256), 20_480)?;
        let cpu = cpu_each(before, 20_480);
        size = usize::try_from(back.size())?;
        writer = back;
        let rate = per_second(20_480, many);
        let (one50, one99) = (one.ms(500_000), one.ms(990_000));
        let (p50, p99, memory) = (all.ms(500_000), all.ms(990_000), memory_mb());
        writeln!(out, "at {mark} records: opened in {took:.1?}, {memory} MB resident")?;
        writeln!(out, "  {rate}/s, {cpu}; record p50 {p50} ms, p99 {p99} ms")?;
        writeln!(out, "  one by one: p50 {one50} ms, p99 {one99} ms")?;
    }
    writer.close()?;
    // As after a loss of power: nothing but the segments is relied on.
    fs::remove_file(root.join("tiled"))?;
    let start = Instant::now();
    LedgerWriter::open(&root, signers(), Some(&heads), &time(), Limits::default())?.close()?;
    writeln!(out, "opened with every record and tile read: {:.1?}", start.elapsed())?;
    let keys = [
        NamedKey::of_role(LOG, Role::Checkpoint, key(2).public_key()),
        NamedKey::of_role(LOG, Role::Record, key(1).public_key()),
    ];
    let trusted = TrustedKeys::new(keys.into_iter().flatten())?;
    let reader = LedgerReader::open(&root)?;
    let (start, before) = (Instant::now(), cpu_us());
    let report = reader.verify(&trusted, &[], VerifyLimits::default())?;
    let took = start.elapsed();
    let rate = per_second(usize::try_from(report.records)?, took);
    let good = if report.is_good() { "nothing wrong" } else { "FAILED" };
    let (records, memory) = (report.records, memory_mb());
    let cpu = cpu_each(before, usize::try_from(records)?);
    writeln!(
        out,
        "verified {records} records in {took:.1?}: {rate}/s, {cpu}, {good}; {memory} MB"
    )?;
    let start = Instant::now();
    let indexed = reader.reindex()?;
    writeln!(out, "indexed {indexed} records in {:.1?}", start.elapsed())?;
    Ok(())
}

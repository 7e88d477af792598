//! How long after it was written an event is durable, and how long after the event that makes them
//! due decisions are: everything that `adproof stream` does with a file that grows, in one process.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use adproof_benches_stream::{a_day, log};
use adproof_edge::stream::{Arrival, Keep, Limits, Origin, Place, Places, Stop, Stream, WalLimits};
use adproof_feeds::{Limits as FeedLimits, read_event_line};
use adproof_model::Event;
use adproof_pipeline::{Disorder, Live};

use crate::record::{Desk, recorder};
use crate::{Done, inputs};

/// A day is decided when something was received so many days after it began.
const DUE_DAYS: usize = 4;
/// A source that is silent for so long has ended.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the source writes.
const TURN: Duration = Duration::from_millis(2);

/// A log, and which of its lines makes a day due.
struct Log {
    lines: Vec<String>,
    /// For each day that comes due before the log ends, the line.
    due: Vec<usize>,
}

impl Log {
    fn new(of_day: u64, days: u64) -> Self {
        let text = log(of_day * days, days);
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let due = (0..a_day(of_day * days, days).len()).map(|day| {
            let (month, date) = match day + DUE_DAYS {
                day if day < 31 => (5, day + 1),
                day => (6, day - 30),
            };
            let since = format!("2026-{month:02}-{date:02}T00:00:00.000Z\"}}\n");
            lines.partition_point(|line| received(line) <= &*since)
        });
        let due = due.filter(|line| *line < lines.len()).collect();
        Self { lines, due }
    }
}

/// The end of a line, from the time of its receipt on.
fn received(line: &str) -> &str {
    line.get(line.len().saturating_sub("2026-05-01T00:00:00.000Z\"}\n".len())..).unwrap_or("")
}

/// usage: latency [IMPRESSIONS A DAY] [DAYS]
pub(crate) fn run(sizes: &[String]) -> Done<()> {
    let mut sizes = sizes.iter().filter_map(|text| text.parse::<u64>().ok());
    let of_day = sizes.next().unwrap_or(1_000);
    let log = Log::new(of_day, sizes.next().unwrap_or(50).min(57));
    let folder = tempfile::tempdir_in(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("."))?;
    let whole = once(&folder.path().join("0"), &log, None)?;
    println!(
        "{} events, {of_day} impressions a day: all at once {:.2} s, {} events and {} decisions a \
         second",
        log.lines.len(),
        whole.took.as_secs_f64(),
        rate(log.lines.len(), whole.took),
        rate(whole.decided.len(), whole.took),
    );
    for part in [4, 2] {
        let pace = whole.took * part;
        let ran = once(&folder.path().join(part.to_string()), &log, Some(pace))?;
        println!(
            "at 1/{part} of that, {} events and {} decisions a second:",
            rate(log.lines.len(), ran.took),
            rate(ran.decided.len(), ran.took)
        );
        tell("event written to event durable", ran.taken);
        tell("event that makes a day due to decision durable", ran.decided);
    }
    Ok(())
}

fn rate(count: usize, took: Duration) -> u128 {
    u128::try_from(count).unwrap_or(0) * 1_000_000 / took.as_micros().max(1)
}

fn tell(what: &str, mut waited: Vec<Duration>) {
    waited.sort_unstable();
    let at = |of_thousand: usize| {
        let place = (waited.len() * of_thousand).div_ceil(1_000).saturating_sub(1);
        waited.get(place).map_or(0, |waited| waited.as_micros() / 100)
    };
    let [half, most, nearly, all] =
        [500, 990, 999, 1_000].map(at).map(|tenths| format!("{}.{}", tenths / 10, tenths % 10));
    println!(
        "  {what:<48} p50 {half} ms, p99 {most} ms, p99.9 {nearly} ms, most {all} ms ({})",
        waited.len()
    );
}

/// What a run took.
struct Ran {
    took: Duration,
    /// For each event that was written at a pace, how long after that it was durable.
    taken: Vec<Duration>,
    /// For each decision, how long after the event that made it due it was durable.
    decided: Vec<Duration>,
}

/// What was taken together: its number, its bytes, its events.
type Taken = (u64, usize, Vec<Event>);

/// Runs over a log that is there, or that is written in so much time.
fn once(folder: &Path, log: &Log, pace: Option<Duration>) -> Done<Ran> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("log.jsonl");
    match pace {
        Some(_) => drop(File::create(&path)?),
        None => std::fs::write(&path, log.lines.concat())?,
    }
    let (keep, taker, _) = Keep::open(&folder.join("state"), WalLimits::default())?;
    let origin = Origin::Follow(path.clone());
    let stop = Stop::default();
    let mut stream = Stream::open(&origin, &Places::default(), stop.clone(), Limits::default())?;
    let gate = stream.gate().clone();
    // When so many lines were durable.
    let durable = Mutex::new(Vec::<(usize, Instant)>::new());
    let (send, given) = sync_channel::<Taken>(2);
    let begin = Instant::now();
    thread::scope(|scope| {
        let (path, lines) = (&path, &log.lines);
        let writing = pace.map(|pace| scope.spawn(move || write(path, lines, pace)));
        let intake = scope.spawn(|| -> Result<(), String> {
            let mut taker = taker;
            intake(&mut stream, &mut taker, &durable, &send).map_err(|error| error.to_string())
        });
        let decided = decide(folder, keep, log, &given, &|bytes| gate.leave(bytes));
        let took = begin.elapsed();
        stop.set();
        drop(given);
        intake.join().map_err(|_| "the intake failed")??;
        let written = match writing {
            Some(writing) => writing.join().map_err(|_| "the source failed")??,
            None => vec![begin; log.lines.len()],
        };
        let mut ran = Ran { took, taken: Vec::new(), decided: Vec::new() };
        let durable = durable.lock().map_err(|_| "the intake failed")?;
        let mut lines = written.iter();
        for (count, at) in durable.iter() {
            let some = lines.by_ref().take(*count);
            ran.taken.extend(some.map(|written| at.saturating_duration_since(*written)));
        }
        for ((count, at), line) in decided?.into_iter().zip(&log.due) {
            let due = written.get(*line).ok_or("a line was not written")?;
            ran.decided.extend(vec![at.saturating_duration_since(*due); count]);
        }
        Ok(ran)
    })
}

/// Appends lines at an even pace, and gives for each when it was written.
fn write(path: &Path, lines: &[String], pace: Duration) -> std::io::Result<Vec<Instant>> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    let begin = Instant::now();
    let mut written = Vec::with_capacity(lines.len());
    while written.len() < lines.len() {
        let all = u128::try_from(lines.len()).unwrap_or(0);
        let due = all * begin.elapsed().as_micros() / pace.as_micros().max(1);
        let due = usize::try_from(due).unwrap_or(usize::MAX).min(lines.len());
        let some = lines.get(written.len()..due).unwrap_or_default();
        if !some.is_empty() {
            let now = Instant::now();
            file.write_all(some.concat().as_bytes())?;
            written.resize(due, now);
        }
        thread::sleep(TURN);
    }
    Ok(written)
}

/// Makes what arrives durable, and reads it.
fn intake(
    stream: &mut Stream,
    taker: &mut adproof_edge::stream::Taker,
    durable: &Mutex<Vec<(usize, Instant)>>,
    send: &SyncSender<Taken>,
) -> Done<()> {
    let limits = FeedLimits::default();
    loop {
        let parts = match stream.wait(Duration::from_secs(1)) {
            None => continue,
            Some(Arrival::Lines(parts)) => parts,
            Some(_) => return Ok(()),
        };
        let items: Vec<(Place, &[u8])> = parts.iter().map(|one| (one.place, &*one.lines)).collect();
        let number = taker.take(0, &items)?;
        let now = Instant::now();
        let (mut events, mut bytes) = (Vec::new(), 0);
        for one in &parts {
            bytes += one.lines.len();
            for line in one.lines.split_inclusive(|byte| *byte == b'\n') {
                events.extend(read_event_line(line, 2, &limits).and_then(Result::ok));
            }
        }
        durable.lock().map_err(|_| "a thread failed")?.push((events.len(), now));
        if send.send((number, bytes, events)).is_err() {
            return Ok(());
        }
    }
}

/// Decides and records until every day that comes due is durable: for each its decisions, and when
/// the last of them was.
fn decide(
    folder: &Path,
    mut keep: Keep,
    log: &Log,
    given: &Receiver<Taken>,
    leave: &dyn Fn(usize),
) -> Done<Vec<(usize, Instant)>> {
    let (recorder, disorder) = (recorder()?, Disorder { horizon_us: 10_000_000, events: 262_144 });
    let (mut desk, mut writer) = Desk::open(folder)?;
    let mut live = Live::new(inputs()?, disorder);
    let mut decided = Vec::new();
    let mut events = 0;
    while decided.len() < log.due.len() || events < log.lines.len() {
        let Ok((number, bytes, some)) = given.recv_timeout(SILENCE) else { break };
        events += some.len();
        for event in some {
            let days = live.push(event).map_err(|event| format!("{} is late", event.id))?;
            for day in days {
                let count;
                (writer, count) = desk.write(writer, &recorder, &day)?;
                decided.push((count, Instant::now()));
            }
        }
        keep.worked_on(number, []);
        leave(bytes);
    }
    writer.close()?;
    Ok(decided)
}

//! What each stage of a stream costs, one after the other, on one thread each; and how long after
//! the event that makes them due decisions are durable.
//!
//! usage: stages [IMPRESSIONS] [DAYS]
//!        stages latency [IMPRESSIONS A DAY] [DAYS]

#![allow(clippy::print_stdout, reason = "it is what is read")]

mod latency;
mod record;

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use adproof_benches_stream::{Clock, LEGS, Took, cpu_of, log};
use adproof_edge::stream::{
    Arrival, Keep, Limits, Nats, Origin, Places, Stop, Stream, Taker, WalLimits,
};
use adproof_feeds::{Limits as FeedLimits, read_event_line, read_feed};
use adproof_model::Event;
use adproof_pipeline::{Day, Disorder, Inputs, JoinLimits, Live, Part, Tallied, Windows};
use adproof_policy::Policy;
use adproof_signal::{Params, Tally, source_name};

const POLICY: &str = include_str!("../../../../datasets/policies/demo.toml");
const FEED: (&str, &[u8]) =
    ("ioc-ipv6-2026-W19.csv", include_bytes!("../../../../datasets/ioc-ipv6-2026-W19.csv"));

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, sizes @ ..] = &*words
        && word == "latency"
    {
        return latency::run(sizes);
    }
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let impressions = numbers.next().unwrap_or(200_000);
    let days = numbers.next().unwrap_or(5);
    let folder = tempfile::tempdir_in(option_env!("CARGO_TARGET_TMPDIR").unwrap_or("."))?;
    let text = log(impressions, days);
    let lines = text.lines().count();
    println!("{lines} events, {} MB, {impressions} impressions, {days} days", text.len() >> 20);
    println!("{:<34} {:>8} {:>8} {:>12} {:>12}", "stage", "wall s", "cpu s", "/s wall", "/s cpu");

    take_file(folder.path(), &text, lines)?;
    for a_message in [1, 100] {
        take_nats(folder.path(), &text, lines, a_message)?;
    }
    whole(folder.path(), lines)?;
    let events = read(&text, lines);
    let days = push(events, lines)?;
    record::run(folder.path(), &days)
}

fn tell(stage: &str, count: usize, took: Took) {
    let rate =
        |time: Duration| u128::try_from(count).unwrap_or(0) * 1_000_000 / time.as_micros().max(1);
    println!(
        "{stage:<34} {:>8.2} {:>8.2} {:>12} {:>12}",
        took.wall.as_secs_f64(),
        took.cpu.as_secs_f64(),
        rate(took.wall),
        rate(took.cpu)
    );
}

/// Takes everything that a source has, durably, as `adproof stream` does.
fn take(stream: &mut Stream, taker: &mut Taker, lines: usize) -> Done<Took> {
    let clock = Clock::start();
    let mut seen = 0;
    while seen < lines {
        match stream.wait(Duration::from_secs(5)) {
            Some(Arrival::Lines(parts)) => {
                let items: Vec<_> = parts.iter().map(|one| (one.place, &*one.lines)).collect();
                taker.take(0, &items)?;
                for one in parts {
                    seen += one.lines.split_inclusive(|byte| *byte == b'\n').count();
                    stream.done(one.lines.len());
                    one.receipt.acknowledge(0);
                }
            }
            other => return Err(format!("{seen} of {lines} lines, then {other:?}").into()),
        }
    }
    Ok(clock.took())
}

fn take_file(folder: &Path, text: &str, lines: usize) -> Done<()> {
    let path = folder.join("log.jsonl");
    std::fs::write(&path, text)?;
    let (_, mut taker, _) = Keep::open(&folder.join("from-file"), WalLimits::default())?;
    let origin = Origin::File(path);
    let mut stream = Stream::open(&origin, &Places::default(), Stop::default(), Limits::default())?;
    // Lines may be cut between two parts of a file: the cutter keeps them whole.
    let took = take(&mut stream, &mut taker, lines)?;
    tell("take, from a file, durable", lines, took);
    Ok(())
}

/// A broker, ended with the bench.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn take_nats(folder: &Path, text: &str, lines: usize, a_message: usize) -> Done<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new("nats-server")
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(folder.join(format!("broker-{a_message}")))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let broker = Broker(child);
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let clock = Clock::start();
    publish(port, text, a_message)?;
    println!("  ({a_message} a message; published in {:.1} s)", clock.took().wall.as_secs_f64());

    let state = folder.join(format!("from-nats-{a_message}"));
    let (_, mut taker, _) = Keep::open(&state, WalLimits::default())?;
    let origin = Origin::Nats(Nats {
        server: format!("nats://127.0.0.1:{port}"),
        stream: "EVENTS".to_owned(),
        consumer: "bench".to_owned(),
        wait: Duration::from_mins(1),
        dead_subject: None,
    });
    let mut stream = Stream::open(&origin, &Places::default(), Stop::default(), Limits::default())?;
    let of_broker = cpu_of(broker.0.id());
    let took = take(&mut stream, &mut taker, lines)?;
    tell(&format!("take, JetStream, {a_message} a message"), lines, took);
    let of_broker = cpu_of(broker.0.id()).saturating_sub(of_broker);
    println!("  (the broker ran for {:.2} s)", of_broker.as_secs_f64());
    Ok(())
}

/// Publishes without waiting, and asks once in a while how far the broker is.
fn publish(port: u16, text: &str, a_message: usize) -> Done<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut answer = String::new();
    reader.read_line(&mut answer)?;
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nSUB inbox 1\r\n")?;
    let config = "{\"name\":\"EVENTS\",\"subjects\":[\"events\"],\"storage\":\"file\"}";
    let mut bytes =
        format!("PUB $JS.API.STREAM.CREATE.EVENTS inbox {}\r\n{config}\r\n", config.len())
            .into_bytes();
    let lines: Vec<&str> = text.lines().collect();
    let mut asked = 1;
    for (index, message) in lines.chunks(a_message).enumerate() {
        let payload = message.join("\n");
        let ask = index % 500 == 499 || (index + 1) * a_message >= lines.len();
        let inbox = if ask { "inbox " } else { "" };
        bytes.extend_from_slice(format!("PUB events {inbox}{}\r\n", payload.len()).as_bytes());
        bytes.extend_from_slice(payload.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        asked += usize::from(ask);
        if ask {
            stream.write_all(&bytes)?;
            bytes.clear();
            while asked > 0 {
                answer.clear();
                reader.read_line(&mut answer)?;
                asked -= usize::from(answer.starts_with("MSG "));
                if answer.starts_with("PING") {
                    stream.write_all(b"PONG\r\n")?;
                }
            }
        }
    }
    Ok(())
}

/// Everything up to a durable tally on two threads, as `adproof stream tally` does it.
fn whole(folder: &Path, lines: usize) -> Done<()> {
    let (mut keep, mut taker, _) = Keep::open(&folder.join("whole"), WalLimits::default())?;
    let origin = Origin::File(folder.join("log.jsonl"));
    let mut stream = Stream::open(&origin, &Places::default(), Stop::default(), Limits::default())?;
    let clock = Clock::start();
    let (send, given) = std::sync::mpsc::sync_channel::<(usize, u64, Vec<Event>)>(2);
    let gate = stream.gate().clone();
    let intake = std::thread::spawn(move || -> Result<Took, String> {
        let clock = Clock::start();
        let limits = FeedLimits::default();
        while let Some(Arrival::Lines(taken)) = stream.wait(Duration::from_secs(5)) {
            let items: Vec<_> = taken.iter().map(|one| (one.place, &*one.lines)).collect();
            let number = taker.take(0, &items).map_err(|error| error.to_string())?;
            let (mut events, mut bytes) = (Vec::new(), 0);
            for one in taken {
                bytes += one.lines.len();
                for line in one.lines.split_inclusive(|byte| *byte == b'\n') {
                    events.extend(read_event_line(line, 2, &limits).and_then(Result::ok));
                }
            }
            if send.send((bytes, number, events)).is_err() {
                break;
            }
        }
        Ok(clock.took())
    });
    let work = Clock::start();
    let (mut tallied, mut seen) = (Tallied::new(Part::WHOLE), 0);
    for (bytes, number, events) in given {
        seen += events.len();
        for event in &events {
            tallied.push(event);
        }
        keep.worked_on(number, []);
        gate.leave(bytes);
    }
    let state = tallied.to_bytes();
    keep.checkpoint(&state)?;
    let (work, whole) = (work.took(), clock.took());
    let intake = intake.join().map_err(|_| "the intake failed")??;
    tell("whole: file to durable tally", seen, whole);
    tell("  take and read, one thread", seen, intake);
    tell("  tally and checkpoint, another", seen, work);
    println!("  ({} MB of state; {lines} lines)", state.len() >> 20);
    Ok(())
}

fn read(text: &str, lines: usize) -> Vec<Event> {
    let limits = FeedLimits::default();
    let clock = Clock::start();
    let mut events = Vec::with_capacity(lines);
    for (number, line) in (1..).zip(text.as_bytes().split_inclusive(|byte| *byte == b'\n')) {
        if let Some(Ok(event)) = read_event_line(line, number, &limits) {
            events.push(event);
        }
    }
    let took = clock.took();
    tell("read as events", events.len(), took);
    events
}

fn inputs() -> Done<Inputs> {
    let mut feeds = Tally::empty();
    let issue = read_feed(FEED.0, FEED.1, &FeedLimits::default())?;
    feeds.ingest(&issue.issue);
    for indicator in &issue.accepted {
        feeds.mark(indicator, &source_name(FEED.0, &issue.issue));
    }
    let policy = POLICY.replace("record = \"notable\"", "record = \"all\"");
    Ok(Inputs {
        policy: Policy::parse(&policy)?,
        feeds,
        params: Params::default(),
        tags: std::collections::BTreeMap::default(),
        windows: Windows::default(),
        limits: JoinLimits::default(),
    })
}

fn push(events: Vec<Event>, lines: usize) -> Done<Vec<Day>> {
    let disorder = Disorder { horizon_us: 172_800_000_000, events: 262_144 };
    let mut live = Live::new(inputs()?, disorder);
    let mut days = Vec::new();
    let clock = Clock::start();
    let (mut deciding, mut impressions) = (Took { wall: Duration::ZERO, cpu: Duration::ZERO }, 0);
    for event in events {
        let mut due = live.push(event).map_err(|event| format!("{} is late", event.id))?;
        days.append(&mut due);
    }
    tell("push: order, join, tally", lines, clock.took());
    let clock = Clock::start();
    let bytes = live.to_bytes();
    tell("  write the state down", lines, clock.took());
    println!("  ({} MB of state, {} impressions open)", bytes.len() >> 20, live.pipeline().open());
    let clock = Clock::start();
    drop(live.pipeline().tally());
    tell("  tally what was seen", lines, clock.took());
    let clock = Clock::start();
    let mut rest = live.finish();
    let took = clock.took();
    deciding.wall += took.wall;
    deciding.cpu += took.cpu;
    impressions += rest.iter().map(|day| day.decided.len()).sum::<usize>();
    days.append(&mut rest);
    tell("  decide the days left", impressions, deciding);
    let clock = Clock::start();
    let live = Live::from_bytes(inputs()?, disorder, &bytes)?;
    tell("  read the state back", lines, clock.took());
    drop(live);
    println!("  ({LEGS} events an impression)");
    Ok(days)
}

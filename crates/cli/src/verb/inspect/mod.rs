//! `adproof inspect`: a wrapper chain, hop by hop.

mod story;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use adproof_edge::fetch::{AllowNet, FetchOptions, Fetcher, Guard};
use adproof_edge::har::Capture;
use adproof_edge::inspect::{self, Inspection, Map, Mapped, Replay, Source};
use adproof_model::Timestamp;
use adproof_vast::chain::{Limits, Macros, Options, Resolver, Start};
use adproof_wire::chain::{ChainRunsV1, ChainV1};
use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;

use crate::input;
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Only the addresses of wrappers are asked for. Trackers, clicks and media are
listed and never requested. Private, loopback and other special addresses are
refused, also behind redirects. A capture holds all headers, also those that
--device-ip and --device-ua add.

Examples:
  adproof inspect https://ads.example/tag.xml
  adproof inspect tag.xml --capture run.har
  adproof inspect --replay run.har --output-format json
  adproof inspect datasets/tags/chain-5-1.xml \\
    --map https://ads.example/=datasets/tags/
  adproof inspect https://ads.example/tag.xml --times 20")]
pub(crate) struct InspectArgs {
    /// Where the chain starts: a URL, a file, or `-` for standard input.
    #[arg(value_name = "URL|TAG", required_unless_present = "replay")]
    target: Option<String>,

    /// Writes what was fetched to this file, as HAR 1.2.
    #[arg(long, value_name = "FILE", conflicts_with = "times")]
    capture: Option<PathBuf>,

    /// Resolves from a capture, without network: the same answer, byte for byte.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "capture", "times", "maps",
        "allow_net", "max_wrappers", "timeout_ms", "device_ip", "device_ua", "macros", "seed",
        "timestamp"])]
    replay: Option<PathBuf>,

    /// Resolves this many times and says whether all runs went the same way.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: Option<u32>,

    /// Answers addresses that begin with URLPREFIX from the files of DIR. May be given again.
    #[arg(long = "map", value_name = "URLPREFIX=DIR")]
    maps: Vec<Map>,

    /// Permits an address, prefix, host or host:port that is refused otherwise, such as
    /// 127.0.0.1:8080 or 10.0.0.0/8. Dangerous with a tag of others: it can then make this
    /// machine ask your own network. May be given again.
    #[arg(long, value_name = "WHAT")]
    allow_net: Vec<AllowNet>,

    /// Wrappers that are followed in a row [default: 5, as VAST asks of players].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=50))]
    max_wrappers: Option<u32>,

    /// Time for each document, in milliseconds [default: 8000 for the first, 4000 for others].
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=600_000))]
    timeout_ms: Option<u32>,

    /// Sends X-Device-IP, as a server that stitches ads would.
    #[arg(long, value_name = "ADDRESS")]
    device_ip: Option<IpAddr>,

    /// Sends X-Device-User-Agent, as a server that stitches ads would.
    #[arg(long, value_name = "TEXT")]
    device_ua: Option<String>,

    /// A value for a macro of wrapper addresses, such as APPBUNDLE=com.example.tv. Those without
    /// a value become -1. May be given again.
    #[arg(long = "macro", value_name = "NAME=VALUE", value_parser = macro_value)]
    macros: Vec<(String, String)>,

    /// Makes the values of the macro CACHEBUSTING [default: from the clock].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The value of the macro TIMESTAMP, RFC 3339 [default: from the clock].
    #[arg(long, value_name = "TIME")]
    timestamp: Option<Timestamp>,
}

fn macro_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let name = name.trim_matches(['[', ']']);
    let known = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(known) {
        return Err("the name of a macro is written in capitals".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn run(args: &InspectArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    if let Some(times) = args.times {
        let runs = runs(args, times, &out.progress(times.into()))?;
        let clean = runs.stable && runs.ways.iter().all(|way| way.chain.is_clean());
        match format {
            Format::Json => out.json(&runs)?,
            _ => story::tell_runs(&runs, out)?,
        }
        return Ok(exit(clean));
    }
    let (name, inspection) = match &args.replay {
        Some(path) => replay(path)?,
        None => live(args)?,
    };
    let chain = ChainV1::new(&name, &inspection.chain, &adproof_vast::Options::default());
    match format {
        Format::Json => out.json(&chain)?,
        _ => story::tell(&chain, out)?,
    }
    Ok(exit(chain.is_clean()))
}

fn exit(clean: bool) -> Exit {
    if clean { Exit::Clean } else { Exit::Findings }
}

fn walk<S: Source>(resolver: Resolver, source: &mut S) -> anyhow::Result<Inspection> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let walked = runtime.block_on(inspect::run(resolver, source));
    // A name look-up that was given up may still hang in the operating system.
    runtime.shutdown_background();
    Ok(walked?)
}

fn replay(path: &Path) -> anyhow::Result<(String, Inspection)> {
    let text = input::one(path)?;
    let damaged = |error: &dyn std::fmt::Display| {
        Failure::new(error.to_string())
            .at(&text.name)
            .todo("make the capture again with `adproof inspect URL --capture FILE`")
    };
    let capture = Capture::from_har(&text.bytes).map_err(|error| damaged(&error))?;
    let resolver = Resolver::new(capture.start, capture.options);
    let mut source = Replay::new(capture.documents);
    let inspection = walk(resolver, &mut source).map_err(|error| damaged(&error))?;
    Ok((capture.name.into(), inspection))
}

fn live(args: &InspectArgs) -> anyhow::Result<(String, Inspection)> {
    let (name, start) = start(args)?;
    let options = options(args, 0);
    let resolver = Resolver::new(start.clone(), options.clone());
    let inspection = walk(resolver, &mut source(args)?)?;
    if let Some(path) = &args.capture {
        let capture = Capture {
            name: name.as_str().into(),
            start,
            options,
            documents: inspection.documents.clone(),
        };
        write_whole(path, &capture.to_har()?)?;
    }
    Ok((name, inspection))
}

fn runs(args: &InspectArgs, times: u32, progress: &ProgressBar) -> anyhow::Result<ChainRunsV1> {
    let (name, start) = start(args)?;
    let mut source = source(args)?;
    let mut chains = Vec::new();
    for run in 0..times {
        let resolver = Resolver::new(start.clone(), options(args, run));
        let inspection = walk(resolver, &mut source)?;
        let lint = adproof_vast::Options::default();
        chains.push(ChainV1::new(&name, &inspection.chain, &lint));
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(ChainRunsV1::new(chains))
}

fn start(args: &InspectArgs) -> anyhow::Result<(String, Start)> {
    let target = args.target.clone().unwrap_or_default();
    let scheme = target.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Ok((target.clone(), Start::Url(target.into()))),
        Some(other) => Err(Failure::new(format!("`{other}` is no scheme that ads are fetched by"))
            .at(&target)
            .todo("give an http or https URL, a file, or - for standard input")
            .into()),
        None => {
            let tag = input::one(Path::new(&target))?;
            Ok((tag.name, Start::Document(tag.bytes)))
        }
    }
}

fn options(args: &InspectArgs, run: u32) -> Options {
    let mut limits = Limits::default();
    if let Some(max_wrappers) = args.max_wrappers {
        limits.max_wrappers = max_wrappers;
    }
    if let Some(timeout_ms) = args.timeout_ms {
        limits.first_hop_ms = timeout_ms;
        limits.hop_ms = timeout_ms;
        let hops = limits.max_wrappers.saturating_add(1);
        limits.total_ms = limits.total_ms.max(timeout_ms.saturating_mul(hops));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX));
    let now = Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    Options {
        limits,
        macros: Macros {
            // Each run has cache busters of its own, or a cache would answer all but the first.
            seed: args.seed.unwrap_or(micros).wrapping_add(u64::from(run)),
            timestamp: Some(args.timestamp.unwrap_or(now)),
            values: args.macros.iter().cloned().collect::<BTreeMap<_, _>>(),
        },
    }
}

fn source(args: &InspectArgs) -> anyhow::Result<Mapped<Fetcher>> {
    for map in &args.maps {
        if !map.dir().is_dir() {
            return Err(Failure::new("the mapped folder does not exist")
                .at(map.dir().display())
                .todo("give --map URLPREFIX=DIR a folder that is there")
                .into());
        }
    }
    let fetcher = Fetcher::new(FetchOptions {
        guard: Guard::new(args.allow_net.clone()),
        device_ip: args.device_ip,
        device_ua: args.device_ua.clone(),
        ..FetchOptions::default()
    })
    .map_err(|error| Failure::new(error.to_string()).at("--device-ua"))?;
    Ok(Mapped::new(args.maps.clone(), fetcher))
}

/// Writes a file whole or not at all.
fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    });
    written.map_err(|error| {
        Failure::new(format!("the capture cannot be written: {}", error.kind()))
            .at(path.display())
            .todo("check that the folder exists, may be written to and has room")
            .into()
    })
}

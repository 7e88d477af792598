//! `adproof serve`: the endpoint and the page.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use adproof_edge::store::Published;
use adproof_server::{App, Limits, Page};
use anyhow::Context;
use clap::Args;

use crate::keyring::store_failure;
use crate::out::{Exit, Failure, Format, Out};

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8787);

/// Arguments of `adproof serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first line of the output is `listening on http://ADDRESS:PORT/`. There is no
TLS and no login: put a proxy that has them before anything but loopback.

Examples:
  adproof serve
  adproof serve --listen 127.0.0.1:0 --page web/dist
  # then: curl http://127.0.0.1:8787/v1/ledger/checkpoint
  adproof serve --ledger ledger
  curl --data-binary @tag.xml http://127.0.0.1:8787/v1/lint
  curl --data-binary @feed.xlsx 'http://127.0.0.1:8787/v1/score?name=feed.xlsx'")]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_LISTEN)]
    listen: SocketAddr,

    /// Shows this ledger under /v1/ledger as C2SP tiles, also while it is written to.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,

    /// Serves the page from this folder instead of the one that was built in.
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,

    /// The largest request body, in bytes.
    #[arg(long, value_name = "BYTES", value_parser = at_least_1)]
    max_body: Option<u64>,

    /// Requests with a body that are in hand at once.
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    max_requests: Option<u64>,

    /// Open connections.
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    max_connections: Option<u64>,

    /// Requests that compute at once [default: the number of cores].
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    workers: Option<u64>,

    /// Time for an answer once the body is there, in milliseconds.
    #[arg(long, value_name = "MS", value_parser = at_least_1)]
    timeout_ms: Option<u64>,

    /// Time for the body to arrive, in milliseconds.
    #[arg(long, value_name = "MS", value_parser = at_least_1)]
    body_timeout_ms: Option<u64>,

    /// Time for the headers to arrive, in milliseconds.
    #[arg(long, value_name = "MS", value_parser = at_least_1)]
    head_timeout_ms: Option<u64>,

    /// Time that a stop leaves to requests in hand, in milliseconds.
    #[arg(long, value_name = "MS")]
    stop_timeout_ms: Option<u64>,
}

fn at_least_1(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number @ 1..=0xffff_ffff) => Ok(number),
        _ => Err("give a whole number from 1 to 4294967295".to_owned()),
    }
}

impl ServeArgs {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        let sizes = [
            (&mut limits.body_bytes, self.max_body),
            (&mut limits.in_flight, self.max_requests),
            (&mut limits.connections, self.max_connections),
            (&mut limits.workers, self.workers),
        ];
        for (limit, given) in sizes {
            if let Some(number) = given.and_then(|number| usize::try_from(number).ok()) {
                *limit = number;
            }
        }
        let times = [
            (&mut limits.work_time, self.timeout_ms),
            (&mut limits.body_time, self.body_timeout_ms),
            (&mut limits.head_time, self.head_timeout_ms),
            (&mut limits.stop_time, self.stop_timeout_ms),
        ];
        for (limit, given) in times {
            if let Some(ms) = given {
                *limit = Duration::from_millis(ms);
            }
        }
        limits
    }
}

pub(crate) fn run(args: &ServeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let page = match &args.page {
        Some(dir) => Page::from_dir(dir).map_err(|error| {
            let cause = std::error::Error::source(&error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            Failure::new(format!("{error}{cause}"))
                .at(format!("--page {}", dir.display()))
                .todo("build the page with `cargo xtask web`, then name web/dist")
        })?,
        None => Page::built_in(),
    };
    let no_page = page.is_empty();
    let app = match &args.ledger {
        Some(dir) => {
            App::with_ledger(args.limits(), page, Published::open(dir).map_err(store_failure)?)
        }
        None => App::new(args.limits(), page),
    };
    let note = no_page
        .then_some("adproof: the page is not in this program; see `adproof serve --help`, --page");
    listen(args.listen, app, note, out)
}

/// Serves until the process is asked to stop.
pub(crate) fn listen(
    address: SocketAddr,
    app: App,
    note: Option<&str>,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads that serve")?;
    let stopped = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| {
                Failure::new(format!("cannot listen: {error}"))
                    .at(format!("--listen {address}"))
                    .todo("choose another port, or port 0 for a free one")
            })?;
        // Asked for before the line is printed, so that whoever reads it may stop us at once.
        let stop = adproof_server::stop_signal();
        let bound = listener.local_addr()?;
        writeln!(out, "listening on http://{bound}/")?;
        out.flush()?;
        if !bound.ip().is_loopback() {
            out.note(
                "adproof: everyone who reaches this address may use it; there is no TLS and no login",
            );
        }
        if let Some(note) = note {
            out.note(note);
        }
        anyhow::Ok(adproof_server::serve(listener, app, stop).await)
    })?;
    // A job that is past its time cannot be stopped; it must not hold the process.
    runtime.shutdown_background();
    match stopped.cut {
        0 => out.note("adproof: stopped"),
        cut => out
            .note(format!("adproof: stopped; {cut} connections did not end in time and were cut")),
    }
    Ok(Exit::Clean)
}
